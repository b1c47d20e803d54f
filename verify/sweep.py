"""Jobs, settings x seeds, and their execution: parallel, interruptible, resumable."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from numerics import Event, Setting, Trajectory, draw, train
from numerics.generalization import AT_THE_END, certified_exponent
from numerics.observables import MOMENTS, STAGES, moments, series_of
from numerics.series import SERIES
from theory.reading import Reading
from verify import costs, processes, store, userfile
from verify.design import MOST_STEPS, Group, Point, Profile, design, stated
from verify.pack import pack_of
from verify.seeds import seed_of

EXACT_STEPS = 200
EXACT_SEEDS = 4  # an identity holds in every run or not at all: settings tell it, and autograd is slow
# What a row of `runs` says of its run, beside its parameters, the paper's reading and its observables.
COLUMNS = {
    "group": "the runs that share conditions and a stage, on which claims of these are judged",
    "setting": "which setting of the group, from 0",
    "seed": "of everything drawn in this run",
    "look": "0, or 1 for a run on fresh seeds of a setting that had looked doubtful",
    "labels": "drawn: each independently; balanced: classes and flips exact in number",
    "kappa": "of the setting: the ratio by which signal and noise differ in speed",
    "time_scale": "rescaled time of one step",
    "status": "how the run ended: stopped (at the end of its stage), horizon (steps ran out before) or diverged",
    "steps": "the last iteration",
}
FINISHED = store.finished("*-[0-9][0-9][0-9]*")  # files of finished jobs, see :attr:`Job.key`


@dataclass(frozen=True, kw_only=True)
class Job:
    """One setting with all its seeds: the unit of work and of resuming.

    ``file`` holds a user's observables; ``look`` is 1 for the fresh seeds of a setting that looked doubtful.
    """

    group: Group
    point: Point
    seeds: tuple[int, ...]
    reading: Reading
    device: str
    file: userfile.Pin | None = None
    look: int = 0

    def __repr__(self) -> str:
        return f"Job {self.key}: {len(self.seeds)} seeds of {self.point.setting}"

    @property
    def key(self) -> str:
        again = f"look{self.look}-" if self.look else ""
        return f"{self.group.name}-{again}{self.point.index:03d}"


def plan_jobs(
    groups: list[Group],
    profile: Profile,
    reading: Reading,
    seed: int,
    device: str,
    file: userfile.Pin | None = None,
) -> tuple[list[Job], dict[str, str]]:
    """All jobs of some groups, and for a group that cannot be designed the reason, by name."""
    planned, undesigned = [], {}
    for group in groups:
        try:
            points = design(group, profile, reading, seed)
        except ValueError as problem:
            undesigned[group.name] = str(problem)
            continue
        for point in points:
            # Those of different settings differ, so that runs of a group are independent.
            start = seed_of(f"{seed}/{group.name}/{point.index}")
            count = min(profile.seeds, EXACT_SEEDS) if group.stage == "exact" else round(profile.seeds * point.seeds)
            seeds = tuple(start + k for k in range(count))
            planned.append(Job(group=group, point=point, seeds=seeds, reading=reading, device=device, file=file))
    return planned, undesigned


# ---------------------------------------------------------------------------------------------------------------
# Execution


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one job gave: a table with a row per run, and curves for figures; ``kept`` if it was saved before."""

    key: str
    runs: pd.DataFrame
    times: np.ndarray
    series: dict[str, np.ndarray]
    kept: bool = False

    def __repr__(self) -> str:
        return f"Result {self.key}: {len(self.runs)} runs, {self.times.size} times, {len(self.series)} series"


def simulate(jobs: Sequence[Job], seeds: slice = slice(None)) -> Trajectory:
    """Train runs of jobs of one group and size, as far as the group's stage asks."""
    stage, order_one = jobs[0].group.stage, jobs[0].reading.order_one
    runs = [(job, seed) for job in jobs for seed in job.seeds[seeds]]
    settings = [job.point.setting for job, _ in runs]
    samples = [draw(job.point.setting, seed, dense=True if stage == "exact" else None) for job, seed in runs]
    events = moments(order_one)
    # Far beyond what is expected (of 928 runs in standard the latest arrived at 24); a run that needs more is censored,
    # and counted as such.
    group, pack = jobs[0].group, pack_of(jobs[0].reading)
    patience = group.patience or {"window": 1.1, "early": 8, "T1": 25}.get(stage, 0)
    timed = stage == "end" and jobs[0].point.until > 0  # it ends at a time, not at a loss
    if timed:
        last = 1.001 * max(_steps(job) for job in jobs) + 1  # a time that is met by rounding alone is met
    elif stage == "end":
        last = max(pack.last_step(job.point.setting, job.point.epsilon, job.reading) for job in jobs)
    else:
        last = {"exact": EXACT_STEPS, "start": 1}.get(stage, patience * max(_steps(job) for job in jobs))
    stop = {
        **events,
        "window": Event(series="elapsed", value=tuple(job.point.until for job, _ in runs)),
        "end": Event(series="loss", value=tuple(job.point.epsilon for job, _ in runs), falling=True),
    }.get("window" if timed else stage)
    steps = max(1, int(min(last, MOST_STEPS)))
    known = userfile.observables_of(jobs[0].reading, jobs[0].file)
    needed = series_of((known[name] for name in group.observables), events.values())
    recorded = group.series or needed | {*group.kept, *([stop.series] if stop else [])}
    series = {name: recorder for name, recorder in SERIES.items() if name in recorded}
    if stage == "window" and "spurious_exponent" in group.kept:
        since = [job.point.since for job, _ in runs]
        series["spurious_exponent"] = certified_exponent(settings, samples, since=since)
    events = {name: event for name, event in events.items() if event.series in series}
    return train(settings, samples, steps=steps, stop=stop, events=events, series=series, device=jobs[0].device)


def _steps(job: Job) -> float:
    setting, epsilon = job.point.setting, job.point.epsilon
    s = job.point.until or pack_of(job.reading).rescaled_time(setting, epsilon, job.group.stage)
    return s / setting.time_scale


def execute(jobs: Sequence[Job]) -> list[Result]:
    """Run jobs of one group and size in one batch; one job alone a few seeds at a time where it needs much memory."""
    one_thread()
    if len(jobs) > 1:
        return _execute(jobs, slice(None))
    [job] = jobs
    chunk = max(1, int(costs.runs_in_memory(job.point.setting.n, job.point.setting.m, job.device)))
    parts = [_execute(jobs, slice(k, k + chunk))[0] for k in range(0, len(job.seeds), chunk)]
    # The recording grid depends on the horizon alone, so parts of one job share it.
    joined = Result(
        key=job.key,
        runs=pd.concat([p.runs for p in parts], ignore_index=True),
        times=parts[0].times,
        series={name: np.concatenate([p.series[name] for p in parts]) for name in parts[0].series},
    )
    return [joined]


def _execute(jobs: Sequence[Job], seeds: slice) -> list[Result]:
    return observed(simulate(jobs, seeds), jobs, seeds)


def observed(trajectory: Trajectory, jobs: Sequence[Job], seeds: slice = slice(None)) -> list[Result]:
    """What the group asks for of the runs of jobs, as :func:`simulate` gave them."""
    known = userfile.observables_of(jobs[0].reading, jobs[0].file)
    # Which moments came, and whether a label was flipped, decides of every run what it says (``verify.evidence``).
    reach = STAGES.index(jobs[0].group.stage) if jobs[0].group.stage in STAGES else 0
    recorded = {*trajectory.events, "end"}
    dated = [
        time
        for moment, time in MOMENTS.items()
        if moment in recorded and time in known and STAGES.index(moment) <= reach
    ]
    names = dict.fromkeys([*jobs[0].group.observables, *dated, "flip_share"])
    observed = {name: known[name](trajectory) for name in names}
    curves = trajectory.series | _at_the_end(trajectory, jobs[0].group)
    kept = [name for name in jobs[0].group.kept if name in curves]
    results, start = [], 0
    for job in jobs:
        own = job.seeds[seeds]
        rows = slice(start, start + len(own))
        start += len(own)
        table = pd.DataFrame(
            {
                "group": job.group.name,
                "setting": job.point.index,
                "seed": own,
                "look": job.look,
                **job.reading.at(job.point.setting.values(), job.point.epsilon),
                "kappa": job.point.setting.kappa,
                "time_scale": job.point.setting.time_scale,
                "status": trajectory.status[rows],
                "steps": trajectory.last[rows],
                **{name: values[rows] for name, values in observed.items()},
            }
        )
        series = {name: curves[name][rows].astype(np.float32) for name in kept}
        results.append(Result(key=job.key, runs=table, times=trajectory.times, series=series))
    return results


def _at_the_end(trajectory: Trajectory, group: Group) -> dict[str, np.ndarray]:
    """Test errors as series that are known at the last recorded time alone, where they are asked for."""
    found = {}
    for name, computed in AT_THE_END.items():
        if name in group.kept and name not in trajectory.series:
            found[name] = np.full((len(trajectory.settings), trajectory.times.size), np.nan)
            last = trajectory.index("end")[:, None]
            np.put_along_axis(found[name], last, computed(trajectory)[:, None], 1)
    return found


def bundles(planned: Sequence[Job]) -> list[tuple[Job, ...]]:
    """Jobs that run in one batch: of one group and size, next to each other in length."""
    by_size: dict[tuple, list[Job]] = {}
    for job in planned:
        by_size.setdefault((job.group.name, job.point.setting.n, job.point.setting.m), []).append(job)
    bundles = []
    for (_, n, m), members in by_size.items():
        members.sort(key=lambda j: -_steps(j))
        size = costs.bundle_size(n, m, len(members[0].seeds), members[0].device)
        bundles += [tuple(members[k : k + size]) for k in range(0, len(members), size)]
    # The longest first, so that none is left over at the end.
    return sorted(bundles, key=lambda b: -max(_steps(j) for j in b) * _cost_of_bundle(b))


def _cost_of_bundle(bundle: tuple[Job, ...]) -> float:
    setting = bundle[0].point.setting
    return costs.CALLS + sum(len(j.seeds) for j in bundle) * costs.arithmetic(setting.n, setting.m)


def expected(planned: Sequence[Job]) -> dict[str, float]:
    """Core seconds that each job may be expected to take, by its key: its share of the batch in which it runs."""
    found = {}
    for bundle in bundles(planned):
        group = bundle[0].group
        steps = max(_steps(job) for job in bundle)
        for job in bundle:
            n, m, seeds = job.point.setting.n, job.point.setting.m, len(job.seeds)
            own = costs.of_draw(n, m, seeds) + (EXACT_STEPS * seeds * costs.AUTOGRAD if group.stage == "exact" else 0.0)
            found[job.key] = own + (steps * _cost_of_bundle(bundle) + costs.BATCH) / len(bundle)
    return found


def one_thread() -> None:
    """Several threads on arrays this small cost more than they give, and change the last bits of a sum."""
    torch.set_num_threads(1)


def run(planned: Sequence[Job], folder: Path, pool: processes.Pool | None = None) -> Iterator[Result]:
    """Execute jobs, saving each in ``folder`` before it is yielded; those saved already are only read.

    Args:
        pool: is handed the jobs at once, before the first result is asked for; without, this process does them.

    Raises:
        ValueError: a file there is damaged or of another run.
        Lost: some jobs could not be done. Raised when all others are.
    """
    held = store.Store(folder)
    kept, pending = [], []
    for bundle in bundles(planned):
        missing = [job for job in bundle if job.key not in held]
        kept += [job for job in bundle if job not in missing]
        if missing:  # what shares a batch is rerun whole, so that resuming changes nothing
            pending.append((bundle, {job.key: job for job in missing}))

    def called(k: int) -> list[str]:
        return [f"{job.key} ({told(job.point.setting)})" for job in pending[k][1].values()]

    going = processes.done(execute, [bundle for bundle, _ in pending], pool, called)

    def results() -> Iterator[Result]:
        for job in kept:
            yield load(held, job)
        for k, found in going:
            missing = pending[k][1]
            # All are saved before any is handed on: an interrupt there loses nothing.
            yield from [save(held, r, missing[r.key]) for r in found if r.key in missing]

    return results()


def told(setting: Setting) -> str:
    """A setting in one line."""
    return ", ".join(f"{name} = {value:.4g}" for name, value in setting.values().items() if name != "labels")


def _mark(job: Job) -> str:
    """Of all that a job's numbers depend on, but for the code, which the folder's manifest holds, and the device, which
    changes them by rounding alone."""
    group = vars(job.group) | {"needs": stated(job.group.needs)}  # no prose
    return store.fingerprint(
        {
            "group": group,
            "point": asdict(job.point),
            "look": job.look,
            "seeds": job.seeds,
            "reading": asdict(job.reading),
            "file": job.file.digest if job.file else "",
        }
    )


def save(held: store.Store, result: Result, job: Job) -> Result:
    """Keep what a job gave; the job is finished from then on."""
    about = {"group": job.group.name, "setting": job.point.index}
    record = store.Record(runs=result.runs, times=result.times, series=result.series, about=about)
    held.save(job.key, _mark(job), record)
    return result


def load(held: store.Store, job: Job) -> Result:
    """What a finished job gave.

    Raises:
        ValueError: its file is damaged, or holds something else than this job.
    """
    found = held.load(job.key, _mark(job))
    return Result(key=job.key, runs=found.runs, times=found.times, series=dict(found.series), kept=True)
