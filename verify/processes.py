"""Work in processes: they end with their parent, and what ends one of them from outside is said in one line.

Nothing of ours is imported here, so that a worker starts with what its own task needs.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from operator import itemgetter
from typing import Any

# What asks a program to end. A terminal or a scheduler sends it to all processes of a program at once.
ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


_CONTEXT = multiprocessing.get_context("spawn")  # fork and torch's threads do not mix


class Lost(RuntimeError):
    """A worker was ended from outside. What else was running with it is lost too."""


class Pool:
    """Worker processes, as a context; whatever ends it ends them, finished or not.

    They ignore :data:`ENDING`: the parent decides what an interrupt means. They end at once when the parent is gone,
    whatever killed it.

    Args:
        workers: how many, >= 1.
        start: called first in each, with ``args``.
    """

    def __init__(self, workers: int, start: Callable | None = None, args: tuple = ()) -> None:
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ.setdefault(name, "1")  # NumPy's own threads in every worker would fight for the cores
        with _signals_held():
            self._executor = ProcessPoolExecutor(workers, _CONTEXT, initializer=_begin, initargs=(start, args))
        self._processes = self._executor._processes

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        for process in list(self._processes.values()):
            process.kill()
        # Waited for, or its thread still closes its pipe when the interpreter ends and wakes it through that pipe.
        self._executor.shutdown(cancel_futures=True)

    def submit(self, function: Callable, *args: Any) -> Future:
        """Have ``function(*args)`` done.

        Raises:
            Lost: a worker was ended from outside.
        """
        try:
            with _signals_held():  # this is where workers are started
                return self._executor.submit(function, *args)
        except BrokenProcessPool as problem:
            raise self._lost() from problem

    def result(self, future: Future) -> Any:
        """What was submitted has given, or raised.

        Raises:
            Lost: a worker was ended from outside.
        """
        try:
            return future.result()
        except BrokenProcessPool as problem:
            raise self._lost() from problem

    def each(self, function: Callable, tasks: Sequence) -> Iterator[tuple[int, Any]]:
        """``function`` of each task, as (index of the task, result) in the order in which they finish.

        The tasks are handed over at once, and worked on also while nobody asks for results.

        Raises:
            Lost: a worker was ended from outside.
        """
        waiting = {self.submit(function, task): k for k, task in enumerate(tasks)}

        def finished() -> Iterator[tuple[int, Any]]:
            while waiting:
                done, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    yield waiting.pop(future), self.result(future)

        return finished()

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


def mapped(function: Callable, tasks: Sequence, pool: Pool | None) -> list:
    """``function`` of each task, in their order; in this process where there is no pool."""
    if pool is None:
        return list(map(function, tasks))
    return [found for _, found in sorted(pool.each(function, tasks), key=itemgetter(0))]


def pooled(
    function: Callable, tasks: Sequence, workers: int, start: Callable | None = None, args: tuple = ()
) -> Iterator[tuple[int, Any]]:
    """``function`` of each task, as (index of the task, result) in the order in which they finish.

    Args:
        workers: processes; up to one, all is done in this one.
        start: called first in each process, with ``args``.

    Raises:
        Lost: a worker was ended from outside.
    """
    if workers <= 1 or len(tasks) <= 1:
        if start is not None and tasks:
            start(*args)
        for k, task in enumerate(tasks):
            yield k, function(task)
        return
    with Pool(min(workers, len(tasks)), start, args) as pool:
        yield from pool.each(function, tasks)


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
