"""The runs at a violation and at a setting where the claim holds, followed for a figure."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from numerics.observables import moments
from numerics.series import SERIES
from theory import Claim
from theory.reading import Reading
from verify import sweep
from verify.evidence import at_runs, evidence
from verify.falsify.hunting import Finding, Tested
from verify.falsify.trials import Trials
from verify.userfile import Pin, observables_of

VIOLATED, HOLDS = "the violation", "the setting where it holds"  # groups of runs


@dataclass(frozen=True, kw_only=True)
class Curves:
    """Runs at one setting, followed for a figure.

    Attributes:
        tested: the setting, and how often the claim fails there.
        times: rescaled. Shape (times,).
        series: everything recorded, by name. Each of shape (runs, times).
        values: the claim's observables. Each of shape (runs,).
        bounds: the claim's bounds at the setting, by observable: (low, high), None where there is none.
        met, counted: whether each run meets the claim, and says something about it. Shape (runs,).
        moment: index of the time at which T_1 comes, -1 where it does not. Shape (runs,).
        runs: what each run is, a row per run.
    """

    tested: Tested
    times: np.ndarray
    series: dict[str, np.ndarray]
    values: dict[str, np.ndarray]
    bounds: dict[str, tuple[float | None, float | None]]
    met: np.ndarray
    counted: np.ndarray
    moment: np.ndarray
    runs: pd.DataFrame


@dataclass(frozen=True, kw_only=True)
class Followed:
    """A violation beside a setting at which the claim holds.

    Attributes:
        claim: which.
        stage: how far its runs go.
        along: by observable the one series that it reads along a run; absent where that is no single one.
        violated, holds: runs at either; ``holds`` is None where no such setting was found.
    """

    claim: Claim
    stage: str
    along: dict[str, str]
    violated: Curves
    holds: Curves | None

    @property
    def runs(self) -> pd.DataFrame:
        """Those of both: first those at the violation."""
        return pd.concat([c.runs for c in (self.violated, self.holds) if c is not None], ignore_index=True)


def follow(finding: Finding, reading: Reading, seed_: int, file: Pin | None = None, seeds: int = 24) -> Followed:
    """Runs at a finding's violation and where the claim holds, for a figure."""
    claim, known = finding.claim, observables_of(reading, file)
    here = Trials((claim,), reading, seed_, file=file)
    rng = np.random.default_rng([seed_, 17])

    def curves(tested: Tested, called: str) -> Curves:
        group = replace(here.group, series=tuple(SERIES))
        job = replace(here.job(tested.setting, 0, tuple(int(x) for x in rng.integers(2**62, size=seeds))), group=group)
        run = sweep.simulate([job])
        [result] = sweep.observed(run, [job])
        found = evidence(here.laws[0], result.runs, known)
        ends = {
            name: tuple(None if b is None else float(at_runs(b, result.runs)[0]) for b in (law.low, law.high))
            for name, law in here.laws[0]
        }
        return Curves(
            tested=tested,
            times=run.times * tested.setting.time_scale,
            series=run.series,
            values={name: result.runs[name].to_numpy(float) for name, _ in here.laws[0]},
            bounds=ends,
            met=found.met,
            counted=found.counted,
            moment=run.index("T1"),
            runs=result.runs.assign(group=called),
        )

    along = {}
    for name, _ in claim.parts:
        read = set(known[name].reads) - {event.series for event in moments(reading.order_one).values()} - {"loss"}
        if len(read) == 1 and here.group.stage != "start":
            [along[name]] = read
    assert finding.shown is not None
    return Followed(
        claim=claim,
        stage=here.group.stage,
        along=along,
        violated=curves(finding.shown, VIOLATED),
        holds=None if finding.holds is None else curves(finding.holds, HOLDS),
    )
