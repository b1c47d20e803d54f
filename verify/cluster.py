"""Workers of a Dask scheduler: beside us, on a cluster, or wherever one listens (docs/cluster.md).

What a worker is told comes as bytes: first it loads the paper, whose module these may name, and sees that its code is
ours, since runs of different code are never mixed.
"""

import logging
import pickle
import re
from collections.abc import Callable
from concurrent.futures import Future
from functools import cache
from pathlib import Path
from typing import Any

from numerics.extra import extra
from verify import processes
from verify.pack import Pack, load, typed
from verify.study import code_of_runs

QUEUES = {"slurm": "SLURMCluster", "pbs": "PBSCluster", "lsf": "LSFCluster", "sge": "SGECluster"}
WAIT = 30.0  # seconds until a scheduler that does not answer is given up


class Cluster(processes.Pool):
    """A scheduler's workers, as many as there are at any time.

    Args:
        address: ``tcp://HOST:PORT`` of a scheduler that runs; ``local:N`` for one beside us with N workers;
            ``slurm:FILE`` (or pbs, lsf, sge) for one whose workers are jobs of a queue, as the YAML file says.
        pack: of what is run.

    Raises:
        ValueError: the address is none of these, nothing answers there, or Dask is not installed.
    """

    def __init__(self, address: str, pack: Pack) -> None:
        self.address = address
        self._told = typed(pack), code_of_runs(pack)
        with extra("cluster"):
            import dask.config
            from distributed import Client, KilledWorker

        for name in logging.root.manager.loggerDict:  # what is lost is said by us, in one line
            if name.partition(".")[0] == "distributed":
                logging.getLogger(name).setLevel(logging.CRITICAL)
        self._killed = KilledWorker
        # Who is to be tried again, and how often, is decided here.
        dask.config.set({"distributed.scheduler.allowed-failures": 0})
        self._cluster = _started(address)
        try:
            self._client = Client(self._cluster or address, timeout=WAIT, set_as_default=False)
        except (OSError, ValueError) as problem:
            raise ValueError(
                f"--cluster {address}: no scheduler answers there; start one, or name another"
            ) from problem
        super().__init__(self._client.get_executor(pure=False))

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown(wait=False)  # which cancels what is left
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()

    def require(self) -> None:
        if self._client.status in ("closed", "closing"):  # it could not connect again
            raise self._lost()

    def submit(self, function: Callable, *args: Any) -> Future:
        try:
            return super().submit(_there, *self._told, pickle.dumps((function, args)))
        except Exception as problem:  # whatever a connection that broke raises
            raise self._lost() from problem

    def result(self, future: Future) -> Any:
        try:
            return super().result(future)
        except self._killed as problem:
            raise processes.Lost("the worker that did it was lost") from problem

    def _lost(self) -> processes.Lost:
        return processes.Lost(f"the scheduler at {self.address} is gone")


def _started(address: str) -> Any:
    """A cluster of our own, or None where one runs."""
    kind, _, asked = address.partition(":")
    if re.fullmatch(r"(tcp|tls)://\[?[\w.:-]+\]?:\d+", address):
        return None
    if kind == "local" and asked.isdecimal() and int(asked):
        from distributed import LocalCluster

        return LocalCluster(
            n_workers=int(asked), threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL
        )
    if kind in QUEUES and asked:
        return _queued(kind, Path(asked))
    known = ", ".join(f"{name}:FILE" for name in QUEUES)
    raise ValueError(f"--cluster {address}: name tcp://HOST:PORT of a scheduler, local:N, or {known}")


def _queued(kind: str, path: Path) -> Any:
    way = "it holds `jobs: N` and the arguments of dask-jobqueue, such as cores, memory, queue, walltime"
    try:
        text = path.read_text(encoding="utf-8")
        with extra("cluster"):
            import dask_jobqueue
            import yaml
        asked = yaml.safe_load(text)
        jobs = int(asked.pop("jobs"))
        asked.setdefault("processes", asked["cores"])  # one thread each: arrays are small
        # Its page on any port that is free: another scheduler of this machine may have the usual one.
        asked["scheduler_options"] = {"dashboard_address": ":0", **asked.get("scheduler_options", {})}
        cluster = getattr(dask_jobqueue, QUEUES[kind])(**asked)
    except OSError as problem:
        raise ValueError(f"--cluster {kind}:{path}: cannot be read ({problem.strerror}); {way}") from problem
    except (KeyError, TypeError, ValueError, AttributeError, yaml.YAMLError) as problem:
        said = " ".join(str(problem).split())
        raise ValueError(f"--cluster {kind}:{path}: {type(problem).__name__} {said}; {way}") from problem
    cluster.scale(jobs=jobs)
    return cluster


def _there(paper: str, code: str, told: bytes) -> Any:
    own = _code(paper)
    if own != code:
        raise ValueError(f"a worker has other code ({own}, ours is {code}): install the same version there")
    function, args = pickle.loads(told)
    return function(*args)


@cache
def _code(paper: str) -> str:
    return code_of_runs(load(paper))
