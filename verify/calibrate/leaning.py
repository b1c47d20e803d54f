"""What a claim leans on. At one C, one item of the condition at a time is loosened by k = 2, 10, 100 (an inequality
asks C/k; a band is widened by k at one end, as far as the parameter goes) or tightened by 2; the control is the same
face at k = 1. Given its settings, a cell's failures are a sum of independent draws, whose variance is at most binomial:
the exact intervals are rather too wide than too narrow. A claim leans on an item from k on if the lower bound of its
failure rate exceeds delta and Fisher's exact test tells it from the control; it does not, if the upper bound stays
below delta, or the rise over the control surely does, at every k. The 5 % are shared by all cells of the claim.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from scipy.stats import fisher_exact

from theory import Claim
from verify import fit
from verify.calibrate.layout import LEVEL, Layout
from verify.calibrate.loosening import items


@dataclass(frozen=True, kw_only=True)
class Leaning:
    """What one claim leans on.

    Attributes:
        table: a row per item and factor: item, factor, settings, runs, failures, share, low, high, told (from the
            control), verdict.
        items: item -> ``"from k"``, ``"not up to k"`` or ``"open"``.
        sentence: all of it in words.
    """

    claim: Claim
    table: pd.DataFrame
    items: Mapping[str, str]
    sentence: str


def leaning_of(claim: Claim, cells: pd.DataFrame, planned: Layout) -> Leaning:
    """Which items of its condition a claim leans on, from the counts at their faces."""
    mine = cells[(cells["part"] == "leaning") & (cells["claim"] == claim.name)]
    delta = planned.reading.delta
    columns = ["item", "factor", "settings", "runs", "failures", "share", "low", "high", "told", "verdict"]
    if mine.empty:
        return Leaning(claim=claim, table=pd.DataFrame(columns=columns), items={}, sentence="no setting could be run")
    totals = mine.groupby(["label_item", "label_factor"])[["failures", "counted"]].sum()
    settings = mine.groupby(["label_item", "label_factor"]).size()
    level = LEVEL / max(len(totals), 1)
    rows, verdicts, helped = [], {}, {}
    for item in [i.name for i in items(claim.needs)]:
        if (item, 1.0) not in totals.index:
            continue
        control, control_runs = totals.loc[(item, 1.0)]
        # The control's own bounds, at the level shared by all cells.
        least = fit.clopper_pearson(int(control), int(control_runs), 1 - 2 * level).low
        states = {}
        for factor in planned.effort.factors:
            if (item, factor) not in totals.index:
                continue
            failed, runs = map(int, totals.loc[(item, factor)])
            interval = fit.clopper_pearson(failed, runs)
            strict = fit.clopper_pearson(failed, runs, 1 - 2 * level)
            counts = [[failed, runs - failed], [int(control), int(control_runs - control)]]
            side = "greater" if factor > 1 else "less"
            told = factor != 1 and float(fisher_exact(counts, alternative=side).pvalue) < level
            if factor < 1 and told:
                helped[item] = (control / control_runs, interval.value)
            if factor > 1:
                if not runs:
                    states[factor] = "silent"
                elif told and strict.low > delta:
                    states[factor] = "leans"
                elif strict.high < delta or strict.high - least < delta:
                    states[factor] = "no"
                else:
                    states[factor] = "open"
            rows.append(
                {"item": item, "factor": factor, "settings": int(settings.loc[(item, factor)]), "runs": runs,
                 "failures": failed, "share": interval.value, "low": interval.low, "high": interval.high, "told": told,
                 "verdict": states.get(factor, "")}
            )  # fmt: skip
        verdicts[item] = _item_verdict(states)
    return Leaning(
        claim=claim, table=pd.DataFrame(rows, columns=columns), items=verdicts, sentence=_sentence(verdicts, helped)
    )


def _item_verdict(states: Mapping[float, str]) -> str:
    leans = [k for k, v in states.items() if v == "leans"]
    if leans:
        return f"from {min(leans):g}"
    if states and all(v == "no" for v in states.values()):
        return f"not up to {max(states):g}"
    return "open"


def _sentence(verdicts: Mapping[str, str], helped: Mapping[str, tuple[float, float]]) -> str:
    leans = {item: v for item, v in verdicts.items() if v.startswith("from")}
    free = [item for item, v in verdicts.items() if v.startswith("not")]
    unsure = [item for item, v in verdicts.items() if v == "open"]
    if leans:
        first = sorted(leans.items(), key=lambda x: float(x[1].split()[1]))
        said = "leans on " + ", ".join(f"{item} from a factor of {v.split()[1]} on" for item, v in first)
    elif free and not unsure:
        said = "leans on none, as far as each was loosened"
    elif free:
        said = "leans on none that could be decided"
    else:
        said = "undecided on every item"
    if unsure and (leans or free):
        said += f"; undecided: {', '.join(unsure)}"
    if helped:
        fewer = [f"{item} ({before:.0%} to {after:.0%} of the runs fail)" for item, (before, after) in helped.items()]
        said += f"; fails less with a tighter {', '.join(fewer)}"
    return said
