"""The runs of a map, in tasks that are kept in a folder. A run is a function of its setting and its seed, and the seeds
of a cell of the map's seed and the cell's place, so results depend neither on the number of processes nor on
interruptions.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from numerics import Event, Observable, Setting, draw, train
from numerics.generalization import generalization
from numerics.observables import moments, series_of
from numerics.sampling import check_drawable
from numerics.series import SERIES
from numerics.trajectory import Trajectory
from verify import costs, processes, store, sweep
from verify.design import MOST_STEPS
from verify.folder import Folder
from verify.maps.plane import Axis, Map, cells
from verify.pack import Pack
from verify.seeds import seed_of
from verify.study import code_of_runs

PATIENCE = 4.0  # expected durations after which a run short of the end is given up
WORK, PARTS = (
    2.0,
    48,
)  # at most about so many core seconds in a task, what an interrupt may lose; at least so many tasks
ERRORS = {
    f"error_{law}_{when}": (law, when) for law in ("spurious", "fresh", "training_noise") for when in ("T1", "end")
}
Run = tuple[int, Setting, int]


@dataclass(frozen=True, kw_only=True)
class Task:
    """Batches of runs, the unit of resuming. A run is (cell, setting, seed); a batch shares n and m.

    ``device`` is where it trains: the numbers are the same up to rounding.
    """

    map: Map
    index: int
    batches: tuple[tuple[Run, ...], ...]
    seconds: float  # of one core, as expected
    device: str = "cpu"

    @property
    def runs(self) -> int:
        return sum(len(batch) for batch in self.batches)

    @property
    def key(self) -> str:
        return f"{self.index:05d}"


def plan(map_: Map, device: str = "cpu") -> list[Task]:
    """All runs in tasks: cells of one size in the order of their length, the longest tasks first.

    Raises:
        ValueError: a cell's run does not fit in memory.
    """
    by_size: dict[tuple[int, int], list[int]] = {}
    settings = cells(map_)
    lengths = [_expected_steps(map_, setting) for setting in settings]
    for k, setting in enumerate(settings):
        by_size.setdefault((setting.n, setting.m), []).append(k)
    by_group: list[list[tuple[float, tuple[Run, ...]]]] = []  # (core seconds, batch)
    for (n, m), members in by_size.items():
        for k in members:
            check_drawable(settings[k])
        members.sort(key=lambda k: -lengths[k])
        runs = [(k, settings[k], seed) for k in members for seed in _seeds(map_, k)]
        size = costs.bundle_size(n, m, 1, device)
        batches = [tuple(runs[start : start + size]) for start in range(0, len(runs), size)]
        cost = {k: lengths[k] * costs.arithmetic(n, m) + 1e-3 for k in members}
        by_group.append([(lengths[b[0][0]] * costs.CALLS + sum(cost[k] for k, *_ in b), b) for b in batches])
    # Enough of them for many processes, in number and contents whatever there are.
    most = min(WORK, sum(work for group in by_group for work, _ in group) / PARTS)
    found: list[tuple[float, tuple]] = []
    for group in by_group:
        held, total = [], 0.0
        for k, (work, batch) in enumerate(group):
            held.append(batch)
            total += work
            if total > most or k == len(group) - 1:
                found.append((total, tuple(held)))
                held, total = [], 0.0
    found.sort(key=lambda f: -f[0])  # the longest first, so that none is left over at the end
    return [
        Task(map=map_, index=i, batches=batches, seconds=cost, device=device) for i, (cost, batches) in enumerate(found)
    ]


def _seeds(map_: Map, cell: int) -> list[int]:
    """The seeds of a cell's runs; ``draw(setting, seed)`` is its sample."""
    start = seed_of(f"{map_.seed}/{cell}")
    return [start + k for k in range(map_.seeds)]


def _expected_steps(map_: Map, setting: Setting) -> float:
    """How many steps a run is expected to take."""
    if map_.steps is not None:
        return map_.steps
    s = map_.pack.maps.slow(map_.pack.rescaled_time(setting, map_.epsilon, map_.stage), setting, map_)
    return min(s / setting.time_scale, MOST_STEPS)


def execute(task: Task) -> dict[str, np.ndarray]:
    """Train a task's runs: per run its cell, seed, status, last step and observables."""
    sweep.one_thread()
    parts = [_execute(task.map, batch, task.device) for batch in task.batches]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def simulate(map_: Map, batch: Sequence[Run], device: str = "cpu") -> Trajectory:
    """Train one batch, recording no more than what the map shows is read from."""
    settings = [setting for _, setting, _ in batch]
    samples = [draw(setting, seed) for _, setting, seed in batch]
    events = moments(map_.reading.order_one)
    observables = map_.observables
    if map_.steps is not None:
        steps, stop = map_.steps, None
        at_end = all(name.endswith("_end") or o.stage == "start" for name, o in observables.items())
        if at_end:
            events = {}
        times = np.array([0, steps]) if at_end else None
    else:
        last = [PATIENCE * _expected_steps(map_, setting) for setting in settings]
        if map_.stage == "end":
            last = [map_.pack.last_step(setting, map_.epsilon, map_.reading) for setting in settings]
        steps = max(1, int(min(max(last), MOST_STEPS)))
        end = Event(series="loss", value=map_.epsilon, falling=True)
        stop, times = {"early": events["early"], "T1": events["T1"], "end": end}.get(map_.stage), None
    names = series_of(observables.values(), (*events.values(), *([stop] if stop else [])))
    series = {name: SERIES[name] for name in SERIES if name in names}
    return train(settings, samples, steps=steps, stop=stop, events=events, series=series, times=times, device=device)


def _execute(map_: Map, batch: Sequence[Run], device: str = "cpu") -> dict[str, np.ndarray]:
    run = simulate(map_, batch, device)
    found = {
        "cell": np.array([cell for cell, *_ in batch]),
        "seed": np.array([seed for *_, seed in batch]),
        "status": np.array(run.status, dtype="U8"),
        "steps": run.last,
    }
    for name, observable in map_.observables.items():
        found[name] = _observed(observable, run, map_.draws)
    return found


def _observed(observable: Observable, run: Trajectory, draws: int) -> np.ndarray:
    if observable.name not in ERRORS:
        return observable(run)
    law, when = ERRORS[observable.name]
    return getattr(generalization(run, when, draws), law)


FOLDER = Folder(
    what="map",
    files=("map.html", "map.png", "map.svg", "map.pdf", "map-cells.csv", "map-runs.csv"),
    work="map-batches",
    finished=store.finished("[0-9][0-9][0-9][0-9][0-9]"),
)


def collect(
    tasks: Sequence[Task],
    folder: Path,
    pool: processes.Pool | None = None,
    on_task: Callable[[Task, bool], None] = lambda task, kept: None,
) -> pd.DataFrame | None:
    """Run what ``folder`` does not hold yet; all runs, or None after an interrupt.

    Args:
        tasks: those of :func:`plan`.
        folder: where tasks are saved, from :meth:`Folder.open`.
        pool: does them; without, this process does.
        on_task: called with each task that is finished, and whether it was so before.

    Raises:
        ValueError: a file there is damaged or of another map.
        Lost: some tasks could not be done. Raised when all others are.
    """
    parts = []
    try:
        for task, found, kept in _stream(tasks, folder, pool):
            parts.append(found)
            on_task(task, kept)
    except KeyboardInterrupt:
        return None
    return pd.concat(parts, ignore_index=True).sort_values(["cell", "seed"], ignore_index=True)


def _stream(
    tasks: Sequence[Task], folder: Path, pool: processes.Pool | None
) -> Iterator[tuple[Task, pd.DataFrame, bool]]:
    finished, pending = store.Store(folder), []
    for task in tasks:
        if task.key in finished:
            yield task, finished.load(task.key, _mark(task)).runs, True
        else:
            pending.append(task)
    for k, found in processes.done(execute, pending, pool, lambda k: [_told(pending[k])]):
        runs = pd.DataFrame(found)
        finished.save(pending[k].key, _mark(pending[k]), store.Record(runs=runs))
        yield pending[k], runs, False


def _told(task: Task) -> str:
    """Where on its map a task lies."""
    x, y = task.map.x.name, task.map.y.name
    cells = sorted({cell for batch in task.batches for cell, _, _ in batch})
    return f"cells {cells[0]} to {cells[-1]} of {x} and {y}"


def _mark(task: Task) -> str:
    body = [asdict(task.map), [[(cell, seed) for cell, _, seed in batch] for batch in task.batches]]
    return store.fingerprint(body)


def identity(map_: Map) -> dict:
    """What determines a map's numbers, for resuming."""
    return asdict(map_) | {"code": code_of_runs(map_.pack, "maps")}


def held(folder: Path, pack: Pack) -> Map:
    """The map of an interrupted folder.

    Raises:
        ValueError: there is none, it cannot be read, or it is of another paper than the pack's.
    """
    body = {k: v for k, v in FOLDER.read(folder).items() if k != "code"}
    theirs = {body["x"]["paper"], body["y"]["paper"]}
    if theirs != {pack.name}:
        shown = ", ".join(sorted(theirs))
        raise ValueError(f"{folder}: is a map of paper '{shown}', not of '{pack.name}'; name it by --paper")
    x, y = (Axis(**body[k]) for k in ("x", "y"))
    try:
        reading = pack.paper.reading(**body["reading"])
    except TypeError as problem:
        raise ValueError(f"{folder}: its manifest holds another reading ({problem}); name another folder") from problem
    body |= {"x": x, "y": y, "reading": reading}
    return Map(
        **body | {"at": tuple(map(tuple, body["at"])), "show": tuple(body["show"]), "beside": tuple(body["beside"])}
    )
