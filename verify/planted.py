"""Theorems planted among made-up runs whose truth is known, put to the code that judges the paper's (``selftest``).

Runs are made up, not trained: a law says what every series of a run is at each recorded time. What is planted are the
faults of quantifiers: constants that do not exist, that serve from some value on, or that lie beyond the ladder; and
parts that hold, but never together.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from numerics import Setting
from theory.papers.han2025 import Reading, theorems
from theory.statements import Theorem
from verify.laws.kind import Status
from verify.quantify import Course, TheoremEffort, TheoremVerdict
from verify.sweep import Job, Result

Law = Callable[[Setting, np.ndarray, np.random.Generator], dict[str, np.ndarray]]
Series = Callable[[Setting, np.ndarray, np.random.Generator], np.ndarray]

EFFORT = TheoremEffort(
    rungs=7, each=10, seeds=6, confirmed=24, looks=(16, 48), cap={"window": 0.4, "end": 1.5}, largest=300
)
FROM = 2.8  # the C from which on a planted theorem is true; one step of the ladder is added to what is found


def made_up(job: Job, law: Law) -> Result:
    """A job whose series are ``law(setting, s, rng)`` at rescaled times s, one call per seed, instead of trained."""
    setting = job.point.setting
    s = np.geomspace(0.01, job.point.until, 80)
    rows, series = [], {name: [] for name in job.group.kept}
    for seed in job.seeds:
        given = law(setting, s, np.random.default_rng(seed))
        for name in series:
            series[name].append(given.get(name, np.full(s.size, np.nan)))
        rows.append({"group": job.group.name, "setting": job.point.index, "seed": seed, **setting.values(),
                     "kappa": setting.kappa, "status": "stopped", "steps": 1, "flip_share": 0.1})  # fmt: skip
    return Result(
        key=job.key,
        runs=pd.DataFrame(rows),
        times=s / setting.time_scale,
        series={name: np.array(values, dtype=np.float32) for name, values in series.items()},
    )


def answered(
    theorem: Theorem, law: Law, seed: int = 1, labels: str = "balanced", effort: TheoremEffort = EFFORT
) -> TheoremVerdict:
    """What becomes of a theorem on runs that follow ``law``."""
    course = Course([theorem], Reading(), effort, seed, "cpu", labels=(labels,))
    done: dict[str, Result] = {}
    while jobs := course.next(done):
        done |= {job.key: made_up(job, law) for job in jobs}
    [found] = course.answers(done)
    return found


def stage_one(setting: Setting, s: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Everything as Theorem 4.1 says, at rescaled times from 0.3 to 1."""
    good = np.where((s > 0.3) & (s < 1.0), 1.0, -1.0)
    return {
        "coefficient_min": s / 2, "coefficient_own_max": s, "signal_lead": good, "margin_clean_min": good,
        "margin_noisy_max": -good,
    }  # fmt: skip


def changed(**series: Series) -> Law:
    """:func:`stage_one` with some of its series replaced."""
    return lambda setting, s, rng: (
        stage_one(setting, s, rng) | {name: make(setting, s, rng) for name, make in series.items()}
    )


def _always(value: float) -> Series:
    return lambda setting, s, rng: np.full(s.size, value)


def _from_constant(setting: Setting, s: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    logs = np.log(setting.m / 0.1), np.log(setting.n / 0.1)
    return np.full(s.size, 1.0 if setting.n >= FROM * logs[0] and setting.m >= FROM * logs[1] else -1.0)


def _falling(setting: Setting, s: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Fails like 1/C^2, and still more often than delta at the end of the ladder."""
    size = setting.n / np.log(setting.m / 0.1)
    return np.full(s.size, -1.0 if rng.random() < min(1.0, (4.0 / size) ** 2) else 1.0)


def _often(setting: Setting, s: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.full(s.size, -1.0 if rng.random() < 0.3 else 1.0)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A theorem on made-up runs: what is planted, the law, the right answer and the least C that goes with it."""

    kind: str
    law: Law
    right: Status
    least_C: float = 1.0


CASES = (
    Case(kind="all parts at one time", law=stage_one, right=Status.SUPPORTED),
    Case(kind="true from a constant on", law=changed(signal_lead=_from_constant), right=Status.SUPPORTED, least_C=FROM),
    Case(kind="true beyond the ladder", law=changed(signal_lead=_falling), right=Status.OPEN),
    Case(kind="no constants serve", law=changed(margin_noisy_max=_always(1.0)), right=Status.REFUTED),
    Case(kind="fails in 30 % everywhere", law=changed(signal_lead=_often), right=Status.REFUTED),
    Case(kind="below every order one", law=changed(coefficient_min=_always(0.05)), right=Status.REFUTED),
    Case(
        kind="parts at different times only",
        law=changed(
            signal_lead=lambda setting, s, rng: np.where(s < 0.5, 1.0, -1.0),
            margin_clean_min=lambda setting, s, rng: np.where(s > 0.5, 1.0, -1.0),
        ),
        right=Status.REFUTED,
    ),
)


def cases(seeds: range) -> Iterator[tuple[Case, int, TheoremVerdict]]:
    """Every case at some seeds, with what became of Theorem 4.1 there."""
    [theorem] = [t for t in theorems() if t.name == "theorem-4.1"]
    for seed in seeds:
        for case in CASES:
            yield case, seed, answered(theorem, case.law, seed)
