"""Runs of claims at settings, and how many of them fail: what a hunt, its figures and its command count with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from numerics import Setting
from numerics.observables import moments, series_of
from numerics.sampling import check_drawable
from theory import Claim, Within
from theory.reading import Reading
from verify import costs, sweep
from verify.design import EPSILON, MOST_STEPS, Group, Point
from verify.evidence import at_runs, evidence
from verify.falsify.scope import reach, require_falsifiable
from verify.pack import pack_of
from verify.sweep import Job
from verify.userfile import Pin, observables_of

# Times the expected length; what has not arrived by then says nothing here, and is judged by `all`.
PATIENCE = {"T1": 2.0, "early": 2.0}


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Runs of one setting under one claim."""

    failed: int
    counted: int
    excess: float

    @property
    def score(self) -> float:
        """What steers: how often it fails, and how near to failing the rest is."""
        return (self.failed + 0.5) / (self.counted + 1) + 0.5 * self.excess


class Trials:
    """Runs of claims with the same conditions, and how many of them fail.

    Args:
        claims: with bounds in numbers; all with the same conditions.
        reading: supplies C, delta and the factor in T*.
        seed_: the same seed draws the same seeds for the same settings in the same order.
        run: jobs -> table of runs; :func:`verify.sweep.execute` by default. Tests plant faults here.
        file: a user's file, if claims or their observables are its own.
    """

    def __init__(
        self,
        claims: tuple[Claim, ...],
        reading: Reading,
        seed_: int,
        device: str = "cpu",
        run: Callable[[list[Job]], pd.DataFrame] | None = None,
        file: Pin | None = None,
    ) -> None:
        self.claims, self.reading, self.seed, self.device = claims, reading, seed_, device
        self.run, self.file = run or execute, file
        self.known = known = observables_of(reading, file)
        self.pack = pack_of(reading)
        names = dict.fromkeys([*(name for claim in claims for name, _ in claim.parts), "flip_share"])
        stage = reach(claims, reading, file)
        self.group = Group(
            name="hunt-" + "+".join(claim.name for claim in claims),
            needs=claims[0].needs,
            stage=stage,
            needs_rates=False,
            observables=tuple(names),
            patience=PATIENCE.get(stage, 0.0),
            series=tuple(sorted(series_of((known[k] for k in names), moments(reading.order_one).values()) | {"loss"})),
        )
        self.laws = [claim.parts for claim in claims]
        self.rng = np.random.default_rng([seed_, 11])
        self.runs = 0

    def job(self, setting: Setting, index: int, seeds: tuple[int, ...]) -> Job:
        return Job(
            group=self.group,
            point=Point(setting=setting, epsilon=EPSILON[1], index=index),
            seeds=seeds,
            reading=self.reading,
            device=self.device,
            file=self.file,
        )

    def look_at(self, at: list[Setting], seeds: int) -> list[list[Seen]]:
        """What each claim makes of runs at settings of one size. By claim, then by setting."""
        drawn = self.rng.integers(2**62, size=(len(at), seeds))
        jobs = [self.job(setting, k, tuple(map(int, drawn[k]))) for k, setting in enumerate(at)]
        table = self.run(jobs)
        self.runs += len(table)
        which = table["setting"].to_numpy()
        found = []
        for laws in self.laws:
            spoken = evidence(laws, table, self.known)
            excess = excess_of(laws, table, self.reading.order_one)
            mine = [(which == k) & spoken.counted for k in range(len(at))]
            found.append(
                [
                    Seen(
                        failed=int((own & ~spoken.met).sum()),
                        counted=int(own.sum()),
                        excess=float(np.mean(excess[own])) if own.any() else -1.0,
                    )
                    for own in mine
                ]
            )
        return found


def failures(
    claim: Claim, setting: Setting, reading: Reading, seeds: int, seed_: int = 0, file: Pin | None = None
) -> tuple[int, int]:
    """How many of ``seeds`` runs at a setting break the claim, and how many count.

    Raises:
        ValueError: the setting lies outside the claim's conditions, or no single setting can violate the claim.
    """
    require_falsifiable(claim)
    values = reading.at(setting.values(), EPSILON[1])
    for condition in claim.needs:
        margin = condition.margin(values, reading.C)
        if not margin.holds:
            raise ValueError(
                f"the setting breaks '{condition.name}': its margin {margin.value:.3g} is below {margin.required:g}, so"
                f" claim '{claim.name}' says nothing there"
            )
    [[seen]] = Trials((claim,), reading, seed_, file=file).look_at([setting], seeds)
    return seen.failed, seen.counted


def cost_at(claims: Sequence[Claim], setting: Setting, reading: Reading, seeds: int, file: Pin | None = None) -> float:
    """Core seconds that :func:`failures` of every claim is expected to take at a setting.

    Raises:
        ValueError: a sample of it does not fit in memory.
    """
    check_drawable(setting)
    total = 0.0
    for claim in claims:
        s = pack_of(reading).rescaled_time(setting, EPSILON[1], reach((claim,), reading, file))
        steps = min(s / setting.time_scale, MOST_STEPS)
        total += steps * seeds * costs.arithmetic(setting.n, setting.m) + steps * costs.CALLS
    return total


def execute(jobs: list[Job]) -> pd.DataFrame:
    return pd.concat([r.runs for r in sweep.execute(jobs)], ignore_index=True)


def excess_of(laws: list[tuple[str, Within]], runs: pd.DataFrame, unit: float = 1.0) -> np.ndarray:
    """By how much each run misses its worst bound, over the sizes of both (a bound of zero has size ``unit``); negative
    inside. Shape (runs,)."""
    worst = np.full(len(runs), -1.0)
    for name, law in laws:
        value = runs[name].to_numpy(float)
        for bound, sign in zip(law.bounds or (), (-1, 1), strict=False):
            if bound is not None:
                limit = at_runs(bound, runs)
                size = np.abs(value) + np.where(limit == 0, unit, np.abs(limit))
                worst = np.fmax(worst, sign * (value - limit) / size)
    return worst
