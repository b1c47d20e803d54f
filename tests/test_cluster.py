"""A real scheduler with worker processes on this machine: the same numbers to the last bit, whatever is killed."""

import json
import os
import pickle
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

pytest.importorskip("distributed", reason="the cluster extra is not installed")

from dask import config as dask_config
from test_processes import ENVIRONMENT, PATIENCE, all_gone, at_work, started, until

from verify import cluster, processes
from verify.packs.han2025 import PACK
from verify.study import code_of_runs

STUDY = ("run", "recursion.exact", "--profile", "quick", "--quiet")


def written(file: Path) -> dict | None:
    """What a file says, once it is whole: it is there before that."""
    try:
        return json.loads(file.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None


@pytest.fixture
def dask(tmp_path):
    """Starts parts of a cluster: ``dask("scheduler")``, ``dask("worker")``; ends them all."""
    file, parts = tmp_path / "scheduler.json", []
    more = {
        "scheduler": ("--port", "0", "--no-dashboard"),
        "worker": ("--nthreads", "1", "--no-nanny", "--no-dashboard"),
    }

    def start(part: str) -> subprocess.Popen:
        command = [sys.executable, "-m", "distributed.cli.dask_" + part, "--scheduler-file", str(file), *more[part]]
        process = subprocess.Popen(
            command, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        parts.append(process)
        if part == "scheduler":
            return until(partial(written, file), "a scheduler")["address"]
        return process

    def end() -> None:
        for process in parts:
            process.kill()
            process.wait()

    start.ended = end
    yield start
    end()


def test_workers_killed_or_late_and_a_killed_client_change_no_bit(tmp_path, dask, here):
    address = dask("scheduler")
    first = dask("worker")
    call = partial(started, tmp_path, *STUDY, "--cluster", address)
    process = call("--out", "out")
    at_work(process, tmp_path)
    dask("worker")
    os.kill(first.pid, signal.SIGKILL)
    _, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, errors) == (0, "")
    # The client in the middle of another: what it asked for is forgotten, and it goes on from what is saved.
    process = call("--out", "other")
    at_work(process, tmp_path, "other")
    process.kill()
    process.communicate()
    all_gone(process.pid)
    saved = {p: p.stat().st_mtime_ns for p in (tmp_path / "other" / "batches" / "runs").glob("[!!]*.parquet")}
    assert here(*STUDY, "--jobs", "1", "--resume", str(tmp_path / "other")).returncode == 0  # and anywhere at all
    assert saved and {p: p.stat().st_mtime_ns for p in saved} == saved
    assert here(*STUDY, "--jobs", "1", "--out", str(tmp_path / "alone")).returncode == 0
    alone, *others = (pd.read_csv(tmp_path / name / "runs.csv") for name in ("alone", "out", "other"))
    for other in others:
        pd.testing.assert_frame_equal(other, alone, check_exact=True)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("nowhere", "name tcp://HOST:PORT of a scheduler, local:N, or slurm:FILE"),
        ("local:0", "name tcp://HOST:PORT"),
        ("slurm:nowhere.yaml", "cannot be read (No such file or directory); it holds `jobs: N`"),
        ("slurm:empty.yaml", "it holds `jobs: N`"),
        ("tcp://", "name tcp://HOST:PORT"),
        ("tcp://x y:z", "name tcp://HOST:PORT"),
        ("tcp://127.0.0.1:1", "no scheduler answers there"),
    ],
)
def test_an_address_that_is_none_is_one_line(here, tmp_path, monkeypatch, address, words):
    monkeypatch.setattr("verify.cluster.WAIT", 1.0)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.yaml").touch()
    done = here(*STUDY, "--out", str(tmp_path / "out"), "--cluster", address)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert f"--cluster {address}: " in line and words in line
    assert not (tmp_path / "out").exists()


def test_a_queue_is_asked_for_its_jobs(tmp_path, dask):
    """A stand-in for SLURM: ``sbatch`` starts the script that it is given, ``scancel`` ends it."""
    told = tmp_path / "bin"
    told.mkdir()
    scripts = {
        "sbatch": 'cp "${@: -1}" "$0.script"; echo $$ >> "$0.jobs"\n'
        'setsid bash "$0.script" > "$0.log" 2>&1 &\necho "Submitted batch job $!"',
        "scancel": 'kill -- -"$1"',
    }
    for name, body in scripts.items():
        (told / name).write_text(f"#!/bin/bash\n{body}\n")
        (told / name).chmod(0o755)
    (tmp_path / "queue.yaml").write_text("jobs: 1\ncores: 1\nmemory: 2GiB\nwalltime: '00:10:00'\n")
    path = f"{told}:{os.environ['PATH']}"
    command = [sys.executable, "-m", "verify", *STUDY, "--cluster", "slurm:queue.yaml", "--out", "out"]
    done = subprocess.run(
        command, cwd=tmp_path, env=ENVIRONMENT | {"PATH": path}, capture_output=True, text=True, timeout=PATIENCE
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len((told / "sbatch.jobs").read_text().split()) == 1
    assert json.loads(Path(tmp_path, "out", "report.json").read_text())["finished"]


def test_a_worker_with_other_code_does_nothing():
    told = pickle.dumps((os.abort, ()))
    with pytest.raises(ValueError, match=r"a worker has other code \(\w+, ours is planted\): install the same version"):
        cluster._there("han2025", "planted", told)
    assert cluster._there("han2025", code_of_runs(PACK), pickle.dumps((divmod, (7, 2)))) == (3, 1)


def test_a_scheduler_that_goes_before_any_worker_came_is_one_line(tmp_path, dask, monkeypatch):
    monkeypatch.setattr(processes, "PATIENCE", 0.2)
    address = dask("scheduler")
    with dask_config.set({"distributed.comm.timeouts.connect": "1s"}), cluster.Cluster(address, PACK) as pool:
        going = processes.each(abs, [1, 2], pool)
        dask.ended()
        with pytest.raises(processes.Lost, match=f"the scheduler at {address} is gone"):
            list(going)
