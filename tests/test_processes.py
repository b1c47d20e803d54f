"""Processes: none outlives its parent, a killed one is one line, and a scheduler's signals are what Ctrl-C is."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from verify import maps, processes
from verify.packs.han2025 import PACK

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")
ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}
PATIENCE = 120.0  # seconds; a busy machine starts a worker in twenty
# Forty-eight tasks, each of which takes a moment.
MAP = (
    "map", "kappa", "tau", "--x", "1:8:24", "--y", "0.1:0.3:2", "--at", "n=24 m=12 d=1e5", "--seeds", "4", "--quiet",
    "--show", "stage1.signal-leads",
)  # fmt: skip


# A study of which the first setting is done long before the last.
LONG = ("recursion.exact", "conservation.exact", "--profile", "standard", "--jobs", "2")


def started(where: Path, *arguments: str, **more) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "verify", *arguments], cwd=where, env=ENVIRONMENT, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, start_new_session=True, **more,
    )  # fmt: skip


def until(met, what: str):
    """Wait for something; what it gave."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = met()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what} took more than {PATIENCE:g} s")


def of_session(leader: int) -> dict[int, str]:
    """Processes of a session that are alive, with their command lines."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, session = (path / "stat").read_text().rpartition(")")[2].split()[:4]
            if int(session) == leader and state not in "ZX":
                found[int(path.name)] = (path / "cmdline").read_text().replace("\0", " ")
        except (OSError, ValueError):  # gone meanwhile
            continue
    return found


def workers(leader: int) -> list[int]:
    """Those that the server of the leader forked."""
    alive = of_session(leader)
    parents = {pid: int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) for pid in alive}
    servers = {pid for pid, line in alive.items() if parents[pid] == leader and "forkserver" in line}
    return [pid for pid, parent in parents.items() if parent in servers]


def at_work(process: subprocess.Popen, where: Path, out: str = "out") -> list[int]:
    """The workers, once the first task is finished."""
    until(
        lambda: list((where / out).glob("*batches/runs/[!!]*.parquet")) or process.poll() is not None,
        "the first task",
    )
    assert process.poll() is None, process.communicate()
    return workers(process.pid)


def all_gone(leader: int) -> None:
    until(lambda: not of_session(leader), f"the end of {of_session(leader)}")


def test_whatever_is_killed_no_worker_stays_and_nothing_is_lost(tmp_path):
    process = started(tmp_path, *MAP, "--jobs", "2", "--out", "out")
    os.kill(at_work(process, tmp_path)[0], signal.SIGKILL)
    _, errors = process.communicate(timeout=PATIENCE)  # what it had begun is done again
    assert (process.returncode, errors) == (0, "")
    all_gone(process.pid)
    # The command itself, in the middle of the rest: nothing of it stays, and the folder is free.
    process = started(tmp_path, *MAP, "--jobs", "2", "--out", "other")
    at_work(process, tmp_path, "other")
    process.kill()
    all_gone(process.pid)
    process.communicate()
    map_ = maps.held(tmp_path / "out", PACK)
    with maps.FOLDER.open(tmp_path / "other", maps.identity(map_), resume=True) as batches:
        assert list(batches.glob("runs/[!!]*.parquet"))
        resumed = maps.collect(maps.plan(map_), batches)
    for folder, resume in (("out", True), ("whole", False)):
        with maps.FOLDER.open(tmp_path / folder, maps.identity(map_), resume=resume) as batches:
            pd.testing.assert_frame_equal(resumed, maps.collect(maps.plan(map_), batches))


def test_a_signal_to_all_processes_at_once_is_what_ctrl_c_is(tmp_path):
    """As schedulers and containers send it; a study then leaves its partial report."""
    process = started(tmp_path, "run", *LONG, "--quiet", "--out", "out")
    at_work(process, tmp_path)
    os.killpg(process.pid, signal.SIGTERM)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, errors
    assert errors == ""
    all_gone(process.pid)
    assert json.loads((tmp_path / "out" / "report.json").read_text())["finished"] is False
    assert not list((tmp_path / "out" / "batches").glob("*/*.partial"))


def test_a_terminal_that_is_closed_leaves_a_partial_report(tmp_path):
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c",
         "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.executable, sys.argv[1:])",
         sys.executable, "-m", "verify", "run", *LONG, "--out", "out"],
        cwd=tmp_path, env=ENVIRONMENT, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    until(lambda: b"placing settings" in os.read(ours, 65536), "a word of what is being done")
    at_work(process, tmp_path)
    os.close(ours)
    assert process.wait(timeout=PATIENCE) == 130
    all_gone(process.pid)
    assert json.loads((tmp_path / "out" / "report.json").read_text())["finished"] is False


@pytest.mark.parametrize("ignored", [False, True])
def test_nohup_is_respected(ignored, monkeypatch, capsys):
    from verify import report
    from verify.__main__ import main

    seen = []
    monkeypatch.setattr(report, "table_of_claims", lambda *_: seen.append(signal.getsignal(signal.SIGHUP)))
    monkeypatch.setattr("sys.argv", ["verify", "list"])
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
    try:
        with pytest.raises(SystemExit):
            main()
        assert (seen == [signal.SIG_IGN]) == ignored
        assert signal.getsignal(signal.SIGHUP) == (signal.SIG_IGN if ignored else signal.SIG_DFL)
    finally:
        signal.signal(signal.SIGHUP, before)


def double(x: int) -> int:
    return 2 * x


def opened(count: int):
    return processes.Processes(count) if count else nullcontext()


@pytest.mark.parametrize("count", [0, 2])
def test_results_come_with_the_index_of_their_task(count):
    with opened(count) as pool:
        assert sorted(processes.each(double, [3, 1, 2], pool)) == [(0, 6), (1, 2), (2, 4)]
        assert processes.mapped(double, [3, 1, 2], pool) == [6, 2, 4]


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked from no server there")
def test_a_server_that_is_killed_before_it_forks_is_started_again():
    from multiprocessing import forkserver

    server = forkserver._forkserver

    def end() -> None:
        os.kill(server._forkserver_pid, signal.SIGKILL)

    with processes.Processes(1) as pool:
        assert processes.mapped(double, [1], pool) == [2]
        end()
        time.sleep(0.1)
        with processes.Processes(1) as other:  # whose server is killed while it loads
            threading.Timer(0.5, end).start()
            assert processes.mapped(double, [1, 2], other) == [2, 4]
        assert processes.mapped(double, [3], pool) == [6]  # the worker outlives its server


def ends_at(task: tuple[Path, int]) -> int:
    """Ends its process at 3, always, and at 5 the first time; any other number it doubles."""
    folder, x = task
    began = folder / f"{x}-{len(list(folder.glob(f'{x}-*')))}"
    began.touch()
    if x == 3 or (x == 5 and began.name == "5-0"):
        os._exit(3)
    return 2 * x


def test_what_a_lost_worker_had_begun_is_done_again_and_what_ends_it_thrice_is_given_up(tmp_path):
    with processes.Processes(2) as pool:
        found = dict(processes.each(ends_at, [(tmp_path, x) for x in range(12)], pool))
        again = processes.mapped(double, [1, 2], pool)  # the pool outlives it
    failed = found.pop(3)
    assert isinstance(failed, processes.Failed) and "ended unexpectedly" in failed.why
    assert found == {x: 2 * x for x in range(12) if x != 3}
    assert len(list(tmp_path.glob("3-*"))) == processes.TRIES
    assert again == [2, 4]


def short(task: tuple[Path, int]) -> int:
    """Fails for want of memory: 1 twice, 2 always."""
    folder, x = task
    before = len(list(folder.glob(f"{x}-*")))
    (folder / f"{x}-{before}").touch()
    if x == 2 or (x == 1 and before < 2):
        raise MemoryError("of the test")
    return x


@pytest.mark.parametrize(
    "made", [nullcontext, partial(processes.Processes, 2), lambda: processes.Pool(ThreadPoolExecutor(2))]
)
def test_what_another_try_may_mend_is_tried_three_times_by_any_executor(tmp_path, made):
    with made() as pool:
        found = dict(processes.each(short, [(tmp_path, x) for x in range(4)], pool))
    assert found.pop(2) == processes.Failed(why="MemoryError: of the test")
    assert found == {0: 0, 1: 1, 3: 3}
    assert len(list(tmp_path.glob("2-*"))) == processes.TRIES


class Going(Executor):
    """Cancels what it was given, and takes no more when asked again, as one does whose scheduler dies."""

    def __init__(self) -> None:
        self.left = 2

    def submit(self, *_, **__) -> Future:
        if not self.left:
            raise BrokenExecutor
        self.left -= 1
        future = Future()
        future.cancel()
        future.set_running_or_notify_cancel()
        return future


def test_an_executor_that_goes_in_the_middle_is_one_line():
    with processes.Pool(Going()) as pool, pytest.raises(processes.Lost, match="the workers are gone"):
        list(processes.each(double, [1, 2], pool))


def mistaken(x: int) -> int:
    raise (ValueError if x else KeyError)("of the test")


@pytest.mark.parametrize(("x", "problem"), [(0, KeyError), (1, ValueError)])
def test_a_mistake_and_a_fault_end_everything_at_once(x, problem):
    with processes.Pool(ThreadPoolExecutor(1)) as pool, pytest.raises(problem, match="of the test"):
        list(processes.each(mistaken, [x], pool))
    with pytest.raises(problem, match="of the test"):
        list(processes.each(mistaken, [x], None))


def fault(*_, **__):
    raise KeyError("x")


def test_a_fault_of_ours_has_a_status_of_its_own_and_keeps_its_traceback(tmp_path, monkeypatch, capsys):
    import tempfile

    from verify import report
    from verify.__main__ import main

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(report, "table_of_claims", fault)
    monkeypatch.setattr("sys.argv", ["verify", "list"])
    with pytest.raises(SystemExit) as done:
        main()
    assert done.value.code == 70
    [line] = capsys.readouterr().err.splitlines()
    [held] = tmp_path.iterdir()
    assert str(held) in line and "KeyError" in line
    assert "in fault" in held.read_text() and "thetacheck list" in held.read_text()


@pytest.mark.parametrize(
    ("raised", "status"),
    [(MemoryError(), 2), (processes.Lost("a\nb"), 2), (ValueError("a\nb"), 2), (RecursionError("deep"), 70),
     (AssertionError(), 70), (BrokenPipeError(), 141), (SystemExit(1), 141), (KeyboardInterrupt(), 130)],
)  # fmt: skip
def test_nothing_that_goes_wrong_ends_with_the_status_of_a_refutation(raised, status, tmp_path, monkeypatch, capsys):
    import tempfile

    from verify import report
    from verify.__main__ import main

    def broken(*_, **__):
        raise raised

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(report, "table_of_claims", broken)
    monkeypatch.setattr("sys.argv", ["verify", "list"])
    with pytest.raises(SystemExit) as done:
        main()
    assert done.value.code == status
    said = capsys.readouterr().err.split("\n")
    assert len([line for line in said if line]) == (status != 141)  # after ^C click begins a new line


def test_a_closed_pipe_is_no_verdict(tmp_path):
    process = started(tmp_path, "list")
    process.stdout.close()
    assert process.wait(timeout=PATIENCE) == 141
    assert process.stderr.read() == ""
    process.stderr.close()


@pytest.mark.parametrize("place", ["--out", "--resume", "claim"])
def test_a_name_that_is_no_text_is_refused_before_anything_runs(place, tmp_path):
    name = os.fsdecode(b"out\xff")
    arguments = ("run", name) if place == "claim" else ("run", "recursion.exact", place, name)
    process = started(tmp_path, *arguments)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    assert errors.splitlines() == ["thetacheck: out\\xff: is no text in UTF-8; give another name"]
    assert list(tmp_path.iterdir()) == []
