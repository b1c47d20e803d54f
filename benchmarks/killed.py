"""A study on a scheduler whose workers are killed at random moments: is anything lost, done twice or left behind?

    python benchmarks/killed.py [--moments 20] [--seed 0]

A Dask scheduler and two workers run as processes of their own. Again and again a random one is killed and another
started. What the study gives must be that of one process to the last bit, and what was saved must not be run again.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import click
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # runs this source tree, installed or not

from verify import processes, study  # noqa: E402
from verify.cluster import Cluster  # noqa: E402
from verify.design import PROFILES  # noqa: E402
from verify.packs.han2025 import PACK  # noqa: E402

CLAIMS = ("signal.increases", "coefficients.bounded", "stage1.signal-growth", "stage1.time")


class Workers:
    """A scheduler with two workers, one of which is killed now and then."""

    def __init__(self, folder: Path, rng: random.Random, most: int) -> None:
        self.folder, self.rng, self.most = folder, rng, most
        self.file = folder / "scheduler.json"
        self.scheduler = self._start("scheduler", "--port", "0", "--no-dashboard")
        while not self.file.exists():
            time.sleep(0.1)
        self.workers = [self._worker(), self._worker()]
        self.killed, self.over = 0, threading.Event()
        self.thread = threading.Thread(target=self._kill)
        self.thread.start()

    def _start(self, part: str, *more: str) -> subprocess.Popen:
        command = [sys.executable, "-m", f"distributed.cli.dask_{part}", "--scheduler-file", str(self.file), *more]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        quiet = subprocess.DEVNULL
        return subprocess.Popen(command, cwd=self.folder, env=environment, stdout=quiet, stderr=quiet)

    def _worker(self) -> subprocess.Popen:
        return self._start("worker", "--nthreads", "1", "--no-nanny", "--no-dashboard")

    def _kill(self) -> None:
        while self.killed < self.most and not self.over.wait(self.rng.uniform(1, 8)):
            k = self.rng.randrange(2)
            self.workers[k].send_signal(signal.SIGKILL)
            self.workers[k].wait()
            self.killed += 1
            self.workers[k] = self._worker()

    def end(self) -> None:
        self.over.set()
        self.thread.join()
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


def runs_of(folder: Path, pool: processes.Pool | None) -> tuple[pd.DataFrame | None, int]:
    """The runs of the study, and how many of its jobs were run for them; None where some were given up."""
    reading = PACK.paper.reading()
    known = PACK.paper.claims(reading)
    chosen = tuple(c for c in known if c.name in CLAIMS)
    planned = study.plan(chosen, known, PROFILES["quick"], reading, 0, "cpu")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")}
    results, missing = study.collect(planned, folder, pool, lambda *_: None)
    assert {path: path.stat().st_mtime_ns for path in before} == before, "what was saved was run again"
    if missing:
        click.echo(f"  partial: {missing[:200]}")
        return None, len(results)
    outcome = study.conclude(planned, results, missing, time.monotonic())
    return outcome.runs.sort_values(["group", "setting", "seed"], ignore_index=True), len(results)


@click.command()
@click.option("--moments", default=20, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=0, show_default=True)
def main(moments: int, seed: int) -> None:
    """Kill workers at random moments and compare."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        alone, count = runs_of(Path(name), None)
    assert alone is not None
    click.echo(f"{count} settings, {len(alone)} runs")
    killed = 0
    while killed < moments:
        with tempfile.TemporaryDirectory() as name:
            folder, work = Path(name) / "held", Path(name) / "work"
            folder.mkdir(), work.mkdir()
            workers = Workers(work, rng, moments - killed)
            try:
                tries, found = 0, None
                while found is None:
                    tries += 1
                    address = json.loads(workers.file.read_text())["address"]
                    with Cluster(address, PACK) as pool:
                        found, _ = runs_of(folder, pool)
            finally:
                workers.end()
            killed += workers.killed
            pd.testing.assert_frame_equal(found, alone, check_exact=True)
            click.echo(f"{workers.killed} workers killed, {tries} invocation(s): the same {len(found)} runs")
    click.echo(f"{killed} workers killed in all: nothing lost, nothing saved run again, every bit the same")


if __name__ == "__main__":
    main()
