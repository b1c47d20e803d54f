"""The smallest constant of a claim, over a ladder of C. A setting *violates* if the exact lower bound of its failure
rate lies above delta. The level is shared by all settings of a claim at all C and by all looks at the data
(Bonferroni), so that a claim gets a single false violation in at most 5 % of all calibrations; no seed has to be thrown
away for it. It is *clear* once the 95 % upper bound lies below ``SEVERE`` * delta; neither after the last look:
*undecided*, which counts as violating in every bound. The answer is the least C from which on no violation stands, with
the 95 % Clopper-Pearson bound on the share of violating settings there. A setting in which 0.3 of the runs fail is
found with the probability that :func:`power` computes, exactly.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

import numpy as np
import pandas as pd
from scipy.stats import binom

from theory import Claim
from verify import fit
from verify.calibrate.layout import LEVEL, Layout
from verify.calibrate.loosening import has_constant

SEVERE = 3.0  # times delta: below it a failure rate is not looked for, as the seeds it takes grow like 1/(rate-delta)^2
TOLD = 0.2  # if more settings than this share may violate, no constant is named


class Existence(StrEnum):
    FOUND = "found"
    NONE = "none"
    OPEN = "not enough evidence"


@dataclass(frozen=True, kw_only=True)
class Constant:
    """The smallest constant of one claim.

    Attributes:
        value: the least C from which on no violation stands; NaN unless ``answer`` is FOUND.
        failing: the largest C at which one stands; NaN if none does.
        bound: 95 % upper bound on the share of settings that violate at ``value``.
        table: a row per C: C, settings, runs, violating, undecided, silent, upper, worst (failure rate).
        in_words: what the ladder is in: C, or shares of the stated numbers.
    """

    claim: Claim
    answer: Existence
    value: float
    failing: float
    bound: float
    table: pd.DataFrame
    reason: str
    in_words: str = "C"


def tails_of(planned: Layout) -> dict[str, float]:
    """The level of a single look at a single setting, by claim."""
    settings: dict[str, int] = {}
    for cell in planned.cells:
        if cell.part == "constant":
            for claim in cell.claims:
                settings[claim.name] = settings.get(claim.name, 0) + len(cell.settings)
    return {name: LEVEL / count / len(planned.effort.looks) for name, count in settings.items() if count}


@cache
def settled(failures: float, trials: float, tail: float, delta: float) -> str:
    """``"violates"``, ``"clear"``, or ``"open"``; ``"silent"`` without a run that says anything."""
    if trials == 0:
        return "silent"
    if fit.least(failures, trials, tail) > delta:
        return "violates"
    return "clear" if fit.most(failures, trials, LEVEL) < SEVERE * delta else "open"


def power(rate: float, looks: Sequence[int], tail: float, delta: float) -> float:
    """Probability that a setting whose runs fail with probability ``rate`` is found to violate, exactly."""
    open_, found, before = np.array([1.0]), 0.0, 0
    for total in looks:
        more = total - before
        before = total
        chance = np.convolve(open_, binom.pmf(np.arange(more + 1), more, rate))
        verdicts = [settled(k, total, tail, delta) for k in range(total + 1)]
        found += float(sum(p for p, v in zip(chance, verdicts, strict=True) if v == "violates"))
        open_ = np.array([p if v == "open" else 0.0 for p, v in zip(chance, verdicts, strict=True)])
    return found


def constant_of(claim: Claim, cells: pd.DataFrame, planned: Layout) -> Constant:
    """The smallest constant of a claim, from the counts of all its settings."""
    mine = cells[(cells["part"] == "constant") & (cells["claim"] == claim.name)]
    words = "C" if has_constant(claim.needs) else "share of the stated numbers"
    nothing = {"claim": claim, "value": math.nan, "failing": math.nan, "bound": math.nan, "in_words": words}
    tail = tails_of(planned).get(claim.name, LEVEL)
    rows = []
    for constant, here in mine.groupby("label_C") if len(mine) else ():
        pairs = zip(here["failures"], here["counted"], strict=True)
        states = [settled(failed, counted, tail, planned.reading.delta) for failed, counted in pairs]
        bad, undecided, silent = (states.count(x) for x in ("violates", "open", "silent"))
        said = len(states) - silent
        upper = fit.most(bad + undecided, said, LEVEL)
        rates = here["failures"] / here["counted"].clip(lower=1)
        rows.append(
            {"C": constant, "settings": said, "runs": int(here["counted"].sum()), "violating": bad,
             "undecided": undecided, "silent": silent, "upper": upper,
             "failing": float(here["failures"].sum() / max(here["counted"].sum(), 1)), "worst": float(rates.max())}
        )  # fmt: skip
    table = pd.DataFrame(
        rows, columns=["C", "settings", "runs", "violating", "undecided", "silent", "upper", "failing", "worst"]
    )
    if not rows:
        return Constant(**nothing, answer=Existence.OPEN, table=table, reason="no setting could be run")
    standing = table[table["violating"] > 0]["C"]
    failing = float(standing.max()) if len(standing) else math.nan
    above = table if math.isnan(failing) else table[table["C"] > failing]
    top = float(table["C"].iloc[-1])
    ended = planned.ended.get(claim.name, "")
    if above.empty:
        row = table.iloc[-1]
        reason = f"none up to {top:g}: {row['violating']:.0f} of {row['settings']:.0f} settings violate there ({ended})"
        return Constant(**{**nothing, "failing": failing}, answer=Existence.NONE, table=table, reason=reason)
    told = above[above["upper"] <= TOLD]
    if told.empty:
        row = above.iloc[-1]
        where = "at any C tried" if math.isnan(failing) else f"above {failing:g}"
        reason = (
            f"no violation stands {where}, but of {row['settings']:.0f} settings at {row['C']:g} {row['undecided']:.0f}"
            f" are undecided: up to {row['upper']:.0%} may violate ({ended})"
        )
        return Constant(**{**nothing, "failing": failing}, answer=Existence.OPEN, table=table, reason=reason)
    row = told.iloc[0]
    value = float(row["C"])
    reason = f"no violation from {value:g} to {top:g}; at {value:g} under {row['upper']:.1%} of the settings violate"
    if math.isnan(failing):
        reason += f"; the least tried is {float(table['C'].iloc[0]):g}"
    else:
        reason += f"; at {failing:g} one stands"
    return Constant(
        claim=claim, answer=Existence.FOUND, value=value, failing=failing, bound=float(row["upper"]), table=table,
        reason=reason, in_words=words,
    )  # fmt: skip
