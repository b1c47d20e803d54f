"""Where the share of runs that meet a claim passes one half, along kappa or along d. The share is taken to be monotone
(along kappa: up to its peak, and from there on), nothing else: the estimate is isotonic, and the interval comes from
exact tests in a fixed sequence, from either end of the grid inwards until one fails, each at 2.5 % with no need to
share it. A grid cannot say more than between which of its values the edge lies. The exponent is that of log d* against
log n, where d* is that edge: least squares with the t interval of its slope, which holds the lack of fit as well;
rivals with one free constant are compared by what they leave.
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from scipy.optimize import isotonic_regression
from scipy.stats import binom
from scipy.stats import t as student

from theory import Claim
from theory.papers.han2025.meanfield import noisy_ignored_threshold, signal_leads_threshold
from verify import fit
from verify.calibrate.constant import Existence
from verify.calibrate.layout import ARRIVES, Layout
from verify.predicted import curve

RIVALS = {"n": lambda n, m: n, "n log(nm)": lambda n, m: n * np.log(n * m), "n^1.25": lambda n, m: n**1.25,
          "n^1.5": lambda n, m: n**1.5, "n^2": lambda n, m: n**2}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Exponent:
    """Where a claim starts to fail as d falls, along n.

    Attributes:
        a: of d* = c n^a; None unless ``answer`` is FOUND.
        rivals: what laws with one free constant leave of log d*, best first; n^a too.
        table: a row per n: n, m, d, low, high, asked (the condition's d), arrived (share that meets the claim among the
            runs with d below d* in which T_1 came).
    """

    claim: Claim
    answer: Existence
    a: fit.Interval | None
    rivals: tuple[fit.Rival, ...]
    table: pd.DataFrame
    reason: str


@dataclass(frozen=True, kw_only=True)
class Edge:
    """Where a rising share passes one half: between the last value told below it and the first told above.

    ``low`` is 0 where no value is told below, ``high`` infinite where none is told above; ``value`` is NaN where the
    share is above or below one half on the whole grid.
    """

    value: float
    low: float
    high: float


def edge(x: np.ndarray, met: np.ndarray, trials: np.ndarray) -> Edge:
    """Where a share that rises along x > 0 passes one half. Shapes (values,); see the module."""
    order = np.argsort(x)
    x, met, trials = x[order], met[order], trials[order]
    kept = trials > 0
    x, met, trials = x[kept], met[kept], trials[kept]
    if not len(x):
        return Edge(value=math.nan, low=0.0, high=math.inf)
    low, high = 0.0, math.inf
    for value, hits, count in zip(x, met, trials, strict=True):
        if fit.clopper_pearson(int(hits), int(count)).high >= 0.5:
            break
        low = float(value)
    for value, hits, count in zip(x[::-1], met[::-1], trials[::-1], strict=True):
        if fit.clopper_pearson(int(hits), int(count)).low <= 0.5:
            break
        high = float(value)
    share = isotonic_regression(met / trials, weights=trials).x
    if share[0] >= 0.5 or share[-1] < 0.5:
        return Edge(value=math.nan, low=low, high=high)
    k = int(np.argmax(share >= 0.5))
    part = (0.5 - share[k - 1]) / (share[k] - share[k - 1])
    return Edge(value=float(np.exp(np.log(x[k - 1]) + part * np.log(x[k] / x[k - 1]))), low=low, high=high)


def thresholds_of(cells: pd.DataFrame, planned: Layout) -> pd.DataFrame:
    """Measured thresholds of kappa beside what is derived for them; ``falls``, where the claim fails again above."""
    mine = cells[cells["part"] == "kappa"]
    columns = ["claim", "tau_plus", "tau_minus", "n", "m", "value", "low", "high", "closed_form", "derived"]
    columns += ["falls", "falls_low", "falls_high", "derived_falls", "least", "most"]
    rows = []
    keys = ["claim", "label_tau_plus", "label_tau_minus", "label_n", "label_m"]
    for (claim, plus, minus, n, m), here in mine.groupby(keys) if len(mine) else ():
        here = here.sort_values("kappa")
        x, trials = here["kappa"].to_numpy(float), here["counted"].to_numpy(float)
        met = trials - here["failures"].to_numpy(float)
        # It rises to a peak, beyond which it may fall: each side is monotone.
        share = met / np.maximum(trials, 1)
        first, last = int(np.argmax(share)), len(share) - 1 - int(np.argmax(share[::-1]))
        found = edge(x[: last + 1], met[: last + 1], trials[: last + 1])
        fall = edge(1 / x[first:], met[first:], trials[first:])
        closed, derived, derived_fall = _derived(claim, plus, minus, int(n), int(m), planned.reading.order_one)
        row = {"claim": claim, "tau_plus": plus, "tau_minus": minus, "n": int(n), "m": int(m)}
        row |= {"value": found.value, "low": found.low, "high": found.high, "closed_form": closed, "derived": derived}
        row |= {"falls": 1 / fall.value, "falls_low": 1 / fall.high, "derived_falls": derived_fall}
        row |= {"falls_high": 1 / fall.low if fall.low else math.inf, "least": float(x[0]), "most": float(x[-1])}
        rows.append(row)
    return pd.DataFrame(rows, columns=columns)


def _derived(claim: str, plus: float, minus: float, n: int, m: int, order_one: float) -> tuple[float, float, float]:
    """A claim's threshold in kappa: the closed form; what the mean field gives at T_1 for this n and m; and above it,
    where the claim fails again."""
    tau = {"plus": plus, "minus": minus}.get(claim.rpartition(".")[2], max(plus, minus))
    leads, ignored = (float(f(tau).kappa) for f in (signal_leads_threshold, noisy_ignored_threshold))
    if claim.startswith("early.signal_lead"):
        return leads, leads, math.nan
    if claim.startswith("early.noisy_margin"):
        return ignored, ignored, math.nan
    if claim == "stage1.signal-leads":
        return leads, *meanfield_thresholds("leads", (plus, minus), order_one)
    if claim in ("stage1.noisy-ignored", "selection.log2"):
        share = _largest_share(n, m, (plus + minus) / 2)
        return ignored, *meanfield_thresholds("ignored", (plus, minus), order_one, share)
    return math.nan, math.nan, math.nan


def _largest_share(n: int, m: int, tau: float) -> float:
    """The median of the largest |S_i|/m over the n tau flipped samples: each |S_i| is binomial(m, 1/2)."""
    return float(binom.ppf(0.5 ** (1 / max(n * tau, 1.0)), m, 0.5)) / m


def meanfield_thresholds(
    what: str, taus: tuple[float, float], order_one: float, share: float = 0.5
) -> tuple[float, float]:
    """kappa from which on the mean field meets a claim at its own T_1, and up to which; NaN where there is none.

    At T_1 the least of gamma, rho_c and rho_n of *both* labels is ``order_one``, and loss derivatives have moved. Near
    the lower one a noisy sample pulls more than a clean one. Far above, gamma has nearly fitted the clean samples of
    the label with fewer flips: their rho, which date T_1, creep, while the noisy samples of the other label go on.
    ``share`` is the active fraction of the sample in question, which decides over its own rho's weight in its margin
    and is negligible for the others.
    """
    ratios, gamma, noisy = _at_moment(taus, order_one)
    lead = (gamma - (1.0 if what == "leads" else share) * noisy).min(1)
    rises = np.flatnonzero((lead[:-1] < 0) & (lead[1:] >= 0))
    falls = np.flatnonzero((lead[:-1] >= 0) & (lead[1:] < 0))

    def crossing(at: np.ndarray) -> float:
        if not len(at):
            return math.nan
        k = at[0]
        part = lead[k] / (lead[k] - lead[k + 1])
        return float(ratios[k] * (ratios[k + 1] / ratios[k]) ** part)

    return crossing(rises), crossing(falls)


@cache
def _at_moment(taus: tuple[float, float], order_one: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """gamma and rho_n of both labels at the mean field's T_1, along kappa. Shapes (K,), (K, 2), (K, 2)."""
    s = np.concatenate([[0.0], np.geomspace(1e-3, 200, 1200)])
    ratios = np.geomspace(0.7, 60, 60) / (1 - 2 * max(taus))
    gamma, noisy = np.full((2, len(ratios), 2), np.nan)
    for k, ratio in enumerate(ratios):
        both = [curve(ratio, tau, s) for tau in taus]
        least = np.min([x for c in both for x in (c.gamma, c.rho_clean, c.rho_noisy)], axis=0)
        moment = float(np.interp(order_one, np.maximum.accumulate(least), s))
        gamma[k] = [np.interp(moment, s, c.gamma) for c in both]
        noisy[k] = [np.interp(moment, s, c.rho_noisy) for c in both]
    return ratios, gamma, noisy


def exponent_of(claim: Claim, cells: pd.DataFrame, planned: Layout) -> Exponent:
    """Where a claim starts to fail as d falls, and how that edge grows with n."""
    mine = cells[(cells["part"] == "dimension") & (cells["claim"] == claim.name)]
    columns = ["n", "m", "d", "low", "high", "least", "most", "arrived_failures", "arrived"]
    arrivals = cells[(cells["part"] == "dimension") & (cells["claim"] == ARRIVES)].set_index(["cell", "setting"])
    rows = []
    for n, here in mine.groupby("label_n") if len(mine) else ():
        found = edge(
            here["d"].to_numpy(float),
            (here["counted"] - here["failures"]).to_numpy(float),
            here["counted"].to_numpy(float),
        )
        # Among the runs in which T_1 came: does the claim fail of itself, or because its moment does not come?
        below = here if math.isnan(found.value) else here[here["d"] <= found.value]
        came = sum(
            int(arrivals.loc[k, "counted"] - arrivals.loc[k, "failures"])
            for k in zip(below["cell"], below["setting"], strict=True)
        )
        rows.append(
            {"n": int(n), "m": int(here["m"].iloc[0]), "d": found.value, "low": found.low, "high": found.high,
             "least": float(here["d"].min()), "most": float(here["d"].max()),
             "arrived_failures": int(below["failures_arrived"].sum()), "arrived": came}
        )  # fmt: skip
    table = pd.DataFrame(rows, columns=columns)
    if table.empty:
        return Exponent(
            claim=claim, answer=Existence.OPEN, a=None, rivals=(), table=table, reason="no setting could be run"
        )
    located = table[table["d"].notna() & (table["low"] > 0) & np.isfinite(table["high"])]
    if len(located) < 4:
        never = table[table["d"].isna() & (table["high"] <= table["least"])]
        always = table[table["d"].isna() & (table["low"] >= table["most"])]
        if len(never) == len(table):
            least = (table["least"] / table["n"]).max()
            reason = f"never fails in half of the runs, down to d = {least:.2g} n at every n"
            return Exponent(claim=claim, answer=Existence.NONE, a=None, rivals=(), table=table, reason=reason)
        reason = f"the edge is bracketed at {len(located)} of {len(table)} values of n; 4 are needed"
        if len(never):
            reason += f"; it never fails at n = {', '.join(f'{x:g}' for x in never['n'])}"
        if len(always):
            reason += f"; it fails at every d tried at n = {', '.join(f'{x:g}' for x in always['n'])}"
        return Exponent(claim=claim, answer=Existence.OPEN, a=None, rivals=(), table=table, reason=reason)
    x, y = np.log(located["n"].to_numpy(float)), np.log(located["d"].to_numpy(float))
    centred = x - x.mean()
    slope = float(centred @ y / (centred @ centred))
    residual = y - y.mean() - slope * centred
    spare = len(x) - 2
    spread = math.sqrt(float(residual @ residual) / spare)
    # Residuals of a handful of points may be small by luck; no fit knows an edge better than its grid does.
    spread = max(spread, math.log(planned.effort.ratio) / math.sqrt(12))
    half = float(student.ppf(0.975, spare)) * spread / math.sqrt(float(centred @ centred))
    a = fit.Interval(value=slope, low=slope - half, high=slope + half)
    sizes, width = located["n"].to_numpy(float), located["m"].to_numpy(float)
    laws = {name: np.log(law(sizes, width)) for name, law in RIVALS.items()} | {"n^a": slope * x}
    ranking = tuple(fit.rivals(y, laws, np.zeros((len(y), 0))))
    best = next(r for r in ranking if r.law != "n^a")
    reason = f"d* = c n^a with a = {a}; of the laws with one free constant {best.law} fits best"
    return Exponent(claim=claim, answer=Existence.FOUND, a=a, rivals=ranking, table=table, reason=reason)
