"""Where tasks are done: in this process, in processes that end with their parent, or by any executor.

What a lost worker had begun is done again; what fails three times is said in one line, and the rest goes on.

Nothing of ours is imported here, so that a worker starts with what its own task needs.
"""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from weakref import WeakSet

# What asks a program to end. A terminal or a scheduler sends it to all processes of a program at once.
ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
PATIENCE = 5.0  # seconds without a result, after which it is asked whether any can come
TRIES = 3  # times that a task is begun before it is given up: a worker is lost by chance once, hardly three times
DYING = 0.5  # seconds within which a killed server is gone, also on a busy machine, and another one can be started

# A fork of a process in which torch has threads may hang, so workers are forked from a server that has none. It loads
# once what every worker needs, of others alone: what is ours, a worker finds where its parent does.
_CONTEXT = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")
LOADED = ["torch", "pandas", "scipy.special", "sympy", "pyarrow.parquet", "numba"]


class Lost(RuntimeError):
    """Work that did not come to its end: a worker was ended from outside, or a task failed :data:`TRIES` times."""


class Mistaken(ValueError):
    """A mistake in what was asked that shows while it is done: mended, it is other work, and this never goes on."""


@dataclass(frozen=True, kw_only=True)
class Failed:
    """What becomes of a task that failed :data:`TRIES` times; ``why`` is its last problem in one line."""

    why: str


# What another try may mend: a lost worker, memory that is short, a disk, a network or a device. No mistake of a user
# (ValueError) is, and no fault of ours.
RETRIED = (Lost, MemoryError, OSError, RuntimeError)


class Pool:
    """Where tasks are done: any executor of the standard interface, as a context that shuts it down.

    Args:
        executor: of the standard interface. Tasks and what they give must be picklable where it needs that.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._submitted: WeakSet[Future] = WeakSet()

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        for future in list(self._submitted):  # not every executor takes cancel_futures
            future.cancel()
        self._executor.shutdown()

    def submit(self, function: Callable, *args: Any) -> Future:
        """Have ``function(*args)`` done.

        Raises:
            Lost: the executor is broken.
        """
        try:
            future = self._executor.submit(function, *args)
        except BrokenExecutor as problem:
            raise self._lost() from problem
        self._submitted.add(future)
        return future

    def again(self, function: Callable, task: Any) -> Future:
        """Have a task done that failed before."""
        return self.submit(function, task)

    def result(self, future: Future) -> Any:
        """What was submitted has given, or raised.

        Raises:
            Lost: a worker was ended from outside.
        """
        try:
            return future.result()
        except (BrokenExecutor, CancelledError) as problem:
            raise self._lost() from problem

    def each(self, function: Callable, tasks: Sequence) -> Iterator[tuple[int, Any]]:
        """``function`` of each task, as (index of the task, result or :class:`Failed`) in the order in which they
        finish.

        The tasks are handed over at once, and worked on also while nobody asks for results. One whose worker is lost,
        or that :data:`RETRIED` says, is done again, and the others go on. Whatever else it raises ends everything.

        Raises:
            Lost: the executor is broken.
        """
        waiting = {self.submit(function, task): k for k, task in enumerate(tasks)}

        def finished() -> Iterator[tuple[int, Any]]:
            failed: deque[int] = deque()  # one at a time: what goes wrong with it then is its own
            tries: Counter[int] = Counter()
            trying = None
            while waiting or failed:
                if failed and trying is None:
                    k = failed.popleft()
                    trying = self.again(function, tasks[k])
                    waiting[trying] = k
                done, _ = wait(waiting, PATIENCE, return_when=FIRST_COMPLETED)
                self.require()
                if any(f is not trying and _broken(f) for f in done):
                    # With it goes all that waits. What had begun may have ended it, the rest did not.
                    done, _ = wait(set(waiting) - {trying})
                    for f in self._not_begun([f for f in waiting if f in done and _broken(f)]):
                        k = waiting.pop(f)
                        waiting[self.submit(function, tasks[k])] = k
                        done.remove(f)
                for f in done:
                    k = waiting.pop(f)
                    trying = None if f is trying else trying
                    try:
                        yield k, self.result(f)
                    except RETRIED as problem:
                        tries[k] += 1
                        if tries[k] < TRIES:
                            failed.append(k)
                        else:
                            yield k, Failed(why=_line(problem))

        return finished()

    def require(self) -> None:
        """Raise :class:`Lost` where nothing will come any more, though no task says so."""

    def _not_begun(self, broken: Sequence[Future]) -> Sequence[Future]:
        """Those that no worker had begun, of what was lost together, in the order in which it was submitted.

        Raises:
            Lost: the executor does not outlive the loss.
        """
        raise self._lost()

    def _lost(self) -> Lost:
        return Lost("the workers are gone, or who hands them their tasks")


class Processes(Pool):
    """Worker processes; whatever ends it ends them, finished or not.

    They ignore :data:`ENDING`: the parent decides what an interrupt means. They end at once when the parent is gone,
    whatever killed it.

    Args:
        workers: how many, >= 1.
        start: called first in each, with ``args``.
    """

    def __init__(self, workers: int, start: Callable | None = None, args: tuple = ()) -> None:
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ.setdefault(name, "1")  # NumPy's own threads in every worker would fight for the cores
        self._given = workers, start, args
        self._apart: Processes | None = None
        self._open()

    def _open(self) -> None:
        workers, start, args = self._given
        with _signals_held():
            _serve()
            self._executor = ProcessPoolExecutor(workers, _CONTEXT, initializer=_begin, initargs=(start, args))
        self._processes = self._executor._processes

    def _end(self) -> None:
        for process in list(self._processes.values()):
            process.kill()

    def __exit__(self, *_: object) -> None:
        self._end()
        # Waited for, or its thread still closes its pipe when the interpreter ends and wakes it through that pipe.
        self._executor.shutdown(cancel_futures=True)
        if self._apart is not None:
            self._apart.__exit__()

    def submit(self, function: Callable, *args: Any) -> Future:
        for _ in range(TRIES):
            try:
                with _signals_held():  # this is where workers are started
                    return self._executor.submit(function, *args)
            except (BrokenProcessPool, EOFError, OSError):  # a worker is lost, or the server that forks them
                self._end()
                time.sleep(DYING)
                self._open()
        raise self._lost()

    def again(self, function: Callable, task: Any) -> Future:
        """In a process of its own, so that it takes no other task with it."""
        if self._apart is None:
            _, start, args = self._given
            self._apart = Processes(1, start, args)
        return self._apart.submit(function, task)

    def _not_begun(self, broken: Sequence[Future]) -> Sequence[Future]:
        return broken[self._given[0] + 1 :]  # one task more than there are workers is handed out

    def _lost(self) -> Lost:
        # The executor waits for them too, so that what ended one may take a moment to be known.
        codes: list[int] = []
        for _ in range(20):
            codes = [p.exitcode for p in self._processes.values() if p.exitcode is not None]
            if codes:
                break
            time.sleep(0.05)
        how = "ended unexpectedly"
        if codes and codes[0] < 0:
            how = f"was ended from outside by signal {-codes[0]}"
        return Lost(f"a worker process {how}; if memory was short, fewer --jobs need less")


def each(function: Callable, tasks: Sequence, pool: Pool | None) -> Iterator[tuple[int, Any]]:
    """As :meth:`Pool.each`; in this process, one by one, where there is no pool."""
    return _here(function, tasks) if pool is None else pool.each(function, tasks)


def _here(function: Callable, tasks: Sequence) -> Iterator[tuple[int, Any]]:
    for k, task in enumerate(tasks):
        for _ in range(TRIES):
            try:
                found = function(task)
                break
            except RETRIED as problem:
                found = Failed(why=_line(problem))
        yield k, found


def done(
    function: Callable, tasks: Sequence, pool: Pool | None, called: Callable[[int], Sequence[str]]
) -> Iterator[tuple[int, Any]]:
    """As :func:`each`, of the tasks that are done.

    Args:
        called: what is lost with a task that is not, by the task's index.

    Raises:
        Lost: some are not. Raised when all others are.
    """
    going = each(function, tasks, pool)  # which hands them over

    def finished() -> Iterator[tuple[int, Any]]:
        lost: list[str] = []
        why = ""
        for k, found in going:
            if isinstance(found, Failed):
                lost += called(k)
                why = why or found.why
            else:
                yield k, found
        if lost:
            more = f", and {len(lost) - 1} more" if len(lost) > 1 else ""
            raise Lost(f"{lost[0]} failed {TRIES} times ({why}){more}; all else is done")

    return finished()


def mapped(function: Callable, tasks: Sequence, pool: Pool | None, on_task: Callable[[], None] = lambda: None) -> list:
    """``function`` of each task, in their order; ``on_task`` is called whenever one is done.

    Raises:
        Lost: of one of them nothing came.
    """
    found = {}
    for k, result in each(function, tasks, pool):
        if isinstance(result, Failed):
            raise Lost(result.why)
        found[k] = result
        on_task()
    return [found[k] for k in range(len(tasks))]


def _broken(future: Future) -> bool:
    """The executor is, so that this one has no result of its own."""
    return not future.cancelled() and isinstance(future.exception(), BrokenExecutor)


def _line(problem: BaseException) -> str:
    said = " ".join(str(problem).split())
    return said if isinstance(problem, Lost) else f"{type(problem).__name__}: {said}"


def queue() -> Any:
    """A queue to and from workers, to be handed to them among the ``args`` of their start."""
    with _signals_held():
        return _CONTEXT.Queue()


@contextmanager
def _signals_held() -> Iterator[None]:
    """Signals wait meanwhile, and a process started here never sees them: not even before it can ignore them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve() -> None:
    """Have the server run that forks workers."""
    if sys.platform != "linux":
        return
    from multiprocessing import forkserver

    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"  # a file of the current folder stands in for no module of others
    try:
        forkserver.set_forkserver_preload(LOADED)
        forkserver.ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONSAFEPATH"]
        else:
            os.environ["PYTHONSAFEPATH"] = before


def _begin(start: Callable | None, args: tuple) -> None:
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if start is not None:
        start(*args)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
