"""Statistics of verdicts: exponents with intervals, rival laws, success rates, drifts, crossings and boundaries.

Runs come in settings x seeds. Runs of one setting share everything but the draw, so every interval here resamples
settings, and seeds within them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pandas as pd
import scipy

REPLICATES = 999
LEVEL = 0.95
END = 0.05  # of what settings say of a law: the least that either end of a range must hold to be one


@dataclass(frozen=True, kw_only=True)
class Interval:
    """An estimate with its 95 % interval."""

    value: float
    low: float
    high: float

    def within(self, low: float, high: float) -> bool:
        return low <= self.low and self.high <= high

    def outside(self, low: float, high: float) -> bool:
        return self.high < low or high < self.low

    def __str__(self) -> str:
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]"


@dataclass(frozen=True, kw_only=True)
class Regression:
    """A joint log-log regression, one row per setting.

    Attributes:
        slopes: per regressor.
        decades: of each regressor on which the law is tested, in factors of ten (:func:`tested`).
        residual_sd: of the setting means about the fit, in natural-log units.
        settings: rows.
        leverage: per regressor, the largest share of what is known of its slope that a single setting carries.
        spare: settings beyond the coefficients, the degrees of freedom of every interval.
        problem: why the fit is unusable, or empty.
    """

    slopes: dict[str, Interval]
    decades: dict[str, float]
    residual_sd: float
    settings: int
    leverage: dict[str, float] = field(default_factory=dict)
    spare: int = 0
    problem: str = ""
    _draws: np.ndarray = field(default_factory=lambda: np.empty((0, 0)), repr=False, compare=False)  # about the slopes

    def along(self, weights: Mapping[str, float]) -> Interval:
        """The combination of slopes with these weights, e.g. the exponent along n = m: ``{"n": 1, "m": 1}``."""
        value, draws = self._combined(weights)
        low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) * _stretch(self.spare)
        return Interval(value=value, low=value + float(low), high=value + float(high))

    def above(self, weights: Mapping[str, float], bound: float) -> float:
        """p-value of "the combination of slopes is at most ``bound``", one-sided."""
        value, draws = self._combined(weights)
        gap, error = value - bound, float(draws.std())
        return float(scipy.stats.t.sf(gap / error, self.spare)) if error > 0 else float(gap <= 0)

    def outside(self, weights: Mapping[str, float], low: float, high: float) -> float:
        """p-value of "the combination of slopes lies in [low, high]", two-sided."""
        opposite = {k: -w for k, w in weights.items()}
        return min(1.0, 2 * min(self.above(weights, high), self.above(opposite, -low)))

    def _combined(self, weights: Mapping[str, float]) -> tuple[float, np.ndarray]:
        names = list(self.slopes)
        vector = np.array([weights.get(k, 0.0) for k in names])
        return float(vector @ [self.slopes[k].value for k in names]), self._draws @ vector


def _stretch(spare: int) -> float:
    """What a bootstrap interval lacks in a small design, whose residuals' spread is itself a guess: the quantile of
    Student's distribution over that of the normal one."""
    tail = (1 + LEVEL) / 2
    return float(scipy.stats.t.ppf(tail, max(spare, 1)) / scipy.stats.norm.ppf(tail))


def tested(log_x: np.ndarray, says: np.ndarray) -> float:
    """Decades of a variable on which a law is tested: between the values at and beyond which :data:`END` of what the
    settings say lies, on either side. A range that one setting in a hundred reaches, or only settings that would look
    the same whatever the law, is no range.

    Args:
        log_x: the variable's natural logarithm, one per setting.
        says: how much each setting would show if the law were broken there, of any scale; alike in a regression,
            which weighs a setting by its seeds and not by where it lies.
    """

    def end(order: np.ndarray) -> float:
        reached = np.cumsum(says[order])
        return float(log_x[order][np.searchsorted(reached, END * reached[-1])])

    return (end(np.argsort(-log_x)) - end(np.argsort(log_x))) / math.log(10)


def regress(
    log_y: np.ndarray,
    setting: np.ndarray,
    regressors: pd.DataFrame,
    *,
    rng: np.random.Generator,
    spread: np.ndarray | None = None,
) -> Regression:
    """Regress ``log_y`` on ``regressors`` jointly, with a bootstrap over settings and seeds.

    Args:
        log_y: one value per run.
        setting: which setting each run belongs to.
        regressors: one row per run; an intercept is added. Settings are fitted at their means; what a regressor says
            of a single run is taken out of that run's ``log_y`` before its setting's error is estimated.
        rng: the source of all resampling.
        spread: per run, how far below ``log_y`` the truth may lie (resolution of a recorded time); drawn uniformly
            in every replicate.
    """
    ids, inverse = np.unique(setting, return_inverse=True)
    by_run = regressors.to_numpy(float)
    raw = np.column_stack([np.bincount(inverse, column) for column in by_run.T]) / np.bincount(inverse)[:, None]
    names = list(regressors.columns)
    nothing = Regression(slopes={}, decades={}, residual_sd=np.nan, settings=len(ids))
    needed = 2 * (len(names) + 1)
    if len(ids) < needed:
        problem = f"{len(ids)} settings for {len(names) + 1} coefficients: at least {needed} are needed"
        return Regression(**{**vars(nothing), "problem": problem})
    scale = raw.std(0)
    if (scale < 1e-9).any():
        constant = names[int(np.argmin(scale))]
        return Regression(**{**vars(nothing), "problem": f"the design does not vary {constant}"})
    x = np.column_stack([(raw - raw.mean(0)) / scale, np.ones(len(ids))])
    # Beyond 100, less than a hundredth of some direction's variance is its own: the exponents cannot be told apart.
    if np.linalg.cond(x) > 100:
        culprit = names[int(np.argmax(np.abs(np.linalg.svd(x)[2][-1, :-1])))]  # most of the undetermined direction
        return Regression(
            **{**vars(nothing), "problem": f"collinear design: {culprit} follows from the other variables"}
        )
    late = np.zeros_like(log_y) if spread is None else spread
    fitted = weighted(log_y - late / 2, inverse, by_run)
    values, weight, residual = fitted.values, fitted.weight, fitted.weight * fitted.residual
    offset = _by_setting(late, inverse)
    x = x * weight[:, None]
    solve = np.linalg.pinv(x)
    best = solve @ (weight * fitted.centre)
    # The design is fixed: in every replicate each setting gets its fitted value plus the residual of a setting drawn
    # anew, made comparable by its weight and leverage, plus what its seeds drawn anew and the resolution of their
    # times change. Resampling whole rows instead would tear up a design of barely more settings than coefficients.
    leverage = np.einsum("sp,ps->s", x, solve)
    comparable = residual / np.sqrt(np.maximum(1 - leverage, 0.05))
    comparable -= comparable.mean()
    drawn = comparable[rng.integers(0, len(ids), (REPLICATES, len(ids)))]
    there = ~np.isnan(values)  # runs stand first in their row
    picks = (rng.random((REPLICATES, *values.shape)) * there.sum(1)[:, None]).astype(int)
    each = np.arange(len(ids))[:, None]
    picked = values[each, picks] + offset[each, picks] * (0.5 - rng.random(picks.shape))
    seeds = (picked.mean(2, where=there) - fitted.centre) * weight
    moved = ((drawn + seeds) @ solve.T)[:, :-1] / scale
    spare = len(ids) - x.shape[1]
    low, high = np.quantile(moved, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0) * _stretch(spare)
    slopes = {
        name: Interval(value=value, low=value + float(low[i]), high=value + float(high[i]))
        for i, name in enumerate(names)
        for value in [float(best[i] / scale[i])]
    }
    # A slope is a weighted sum over settings: the squares of the weights are what each adds to its variance.
    share = solve[:-1] ** 2 / (solve[:-1] ** 2).sum(1, keepdims=True)
    return Regression(
        slopes=slopes,
        decades={name: tested(raw[:, i], np.ones(len(ids))) for i, name in enumerate(names)},
        residual_sd=float(np.sqrt((residual**2).sum() / (weight**2).sum() * len(ids) / spare)),
        settings=len(ids),
        leverage={name: float(share[i].max()) for i, name in enumerate(names)},
        spare=spare,
        _draws=moved,
    )


@dataclass(frozen=True, kw_only=True)
class Weighted:
    """Setting means fitted with weights that fit their spread.

    Attributes:
        values: per run, less what the regressors say of it against its setting's mean; one row per setting, its runs
            first and NaN behind. Shape (settings, seeds).
        centre, residual: mean per setting, and about the fit. Shape (settings,).
        weight: one over the standard deviation that seeds and settings together leave. Shape (settings,).
        slopes: per regressor.
    """

    values: np.ndarray
    centre: np.ndarray
    residual: np.ndarray
    weight: np.ndarray
    slopes: np.ndarray


def weighted(log_y: np.ndarray, inverse: np.ndarray, regressors: np.ndarray) -> Weighted:
    """Fit setting means by weighted least squares, an intercept added.

    A setting's variance is what its seeds leave, once the regressors' say on single runs is taken out, plus what no
    seed removes: the variance between settings, one for all, estimated by moments (Paule and Mandel 1982) as the one
    at which the weighted squares of the residuals sum to the spare degrees of freedom.

    Args:
        log_y: one value per run.
        inverse: the place of each run's setting among the settings.
        regressors: Shape (runs, regressors).
    """
    size = np.bincount(inverse)
    means = np.column_stack([np.bincount(inverse, column) for column in regressors.T]) / size[:, None]
    x = np.column_stack([means - means.mean(0), np.ones(len(size))])
    centre = np.bincount(inverse, log_y) / size

    def fit(weight: np.ndarray) -> np.ndarray:
        return np.linalg.lstsq(x * weight[:, None], centre * weight, rcond=None)[0]

    def excess(between: float, error: np.ndarray) -> float:
        weight = 1 / np.sqrt(error + between)
        return float(((weight * (centre - x @ fit(weight))) ** 2).sum()) - (len(x) - x.shape[1])

    best = fit(np.ones(len(size)))
    for _ in range(3):  # slopes and weights need each other
        values = _by_setting(log_y - (regressors - means[inverse]) @ best[:-1], inverse)
        squares = np.nanvar(values, axis=1) * size
        # A variance from few seeds is a guess, and its inverse runs away: three seeds' worth of the pooled one help.
        pooled = squares.sum() / max(len(log_y) - len(size), 1)
        error = (squares + 3 * pooled) / (size + 2) / size
        least = 1e-20 + 1e-6 * float(error.mean())  # rounding, so that an exact law has finite weights
        most = least + 10 * float(centre.var())
        between = least
        if excess(least, error) > 0:
            between = scipy.optimize.brentq(excess, least, most, args=(error,), rtol=1e-3)
        weight = 1 / np.sqrt(error + between)
        best = fit(weight)
    return Weighted(values=values, centre=centre, residual=centre - x @ best, weight=weight, slopes=best[:-1])


def _by_setting(values: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    """One row per setting, its runs first and NaN behind."""
    place = pd.Series(inverse).groupby(inverse).cumcount().to_numpy()
    table = np.full((inverse.max() + 1, place.max() + 1), np.nan)
    table[inverse, place] = values
    return table


@dataclass(frozen=True, kw_only=True)
class Rival:
    """A law with one free constant, and how much of log y it leaves unexplained."""

    law: str
    residual_sd: float


def rivals(log_y: np.ndarray, laws: dict[str, np.ndarray], nuisance: np.ndarray) -> list[Rival]:
    """Residual spread of each law (log prediction per setting) after a free constant and nuisance, best first."""
    x = np.column_stack([nuisance, np.ones(len(log_y))])
    found = []
    for name, prediction in laws.items():
        gap = log_y - prediction
        residual = gap - x @ np.linalg.lstsq(x, gap, rcond=None)[0]
        found.append(Rival(law=name, residual_sd=float(residual.std())))
    return sorted(found, key=lambda r: r.residual_sd)


@cache
def clopper_pearson(successes: int, trials: int, level: float = LEVEL) -> Interval:
    """Exact binomial interval of a success probability; [0, 1] without trials."""
    tail = (1 - level) / 2
    value = successes / trials if trials else np.nan
    return Interval(value=value, low=least(successes, trials, tail), high=most(successes, trials, tail))


def least(successes: float, trials: float, tail: float) -> float:
    """The exact lower bound of a success probability, wrong with probability at most ``tail`` (Clopper-Pearson)."""
    return float(scipy.stats.beta.ppf(tail, successes, trials - successes + 1)) if successes else 0.0


def most(successes: float, trials: float, tail: float) -> float:
    """The exact upper bound of a success probability, wrong with probability at most ``tail`` (Clopper-Pearson)."""
    return float(scipy.stats.beta.ppf(1 - tail, successes + 1, trials - successes)) if successes < trials else 1.0


def holm(p_values: Mapping[str, float], level: float = 1 - LEVEL) -> set[str]:
    """Which hypotheses are rejected so that all rejections together err with probability ``level`` (Holm 1979).

    Args:
        p_values: by hypothesis; those that were not tested count too, with 1.
        level: of the whole family.
    """
    rejected: set[str] = set()
    for k, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        if p_values[name] > level / (len(p_values) - k):
            break
        rejected.add(name)
    return rejected


def p_outside(interval: Interval, low: float, high: float, spare: int) -> float:
    """Two-sided p-value of "the truth lies in [low, high]", from an estimate's interval and its degrees of freedom."""
    error = (interval.high - interval.low) / 2 / scipy.stats.t.ppf((1 + LEVEL) / 2, max(spare, 1))
    gap = max(low - interval.value, interval.value - high)
    if error <= 0:
        return float(gap <= 0)
    return min(1.0, 2 * float(scipy.stats.t.sf(gap / error, max(spare, 1))))


@dataclass(frozen=True, kw_only=True)
class Successes:
    """Success counts against a required probability.

    Attributes:
        pooled: over all runs.
        worst: per-setting p-values of "succeeds with at least the required probability" are corrected for their
            number; the setting that contradicts it most strongly, or None.
        worst_counts: its successes and trials.
        p_value: of "every setting succeeds with at least the required probability", from both.
        doubtful: settings that would contradict it if each stood alone (5 %): more seeds would tell.
    """

    pooled: Interval
    trials: int
    worst: int | None
    worst_counts: tuple[int, int]
    p_value: float
    doubtful: tuple[int, ...]


def successes(met: np.ndarray, setting: np.ndarray, required: float, again: np.ndarray | None = None) -> Successes:
    """Count successes, overall and by setting (Bonferroni at 5 % over all settings).

    Args:
        met, setting: of each run. Shape (runs,).
        required: the probability claimed.
        again: runs on fresh seeds, made because their setting looked doubtful: it is judged on these alone, and they
            are left out of the whole. Shape (runs,); None for none.
    """
    again = np.zeros(len(met), dtype=bool) if again is None else again
    ids = np.unique(setting)
    repeated = np.isin(setting, setting[again])
    decides = again | ~repeated
    by_setting = [(int(met[decides & (setting == k)].sum()), int((decides & (setting == k)).sum())) for k in ids]
    met = met[~again]
    pooled = clopper_pearson(int(met.sum()), met.size)
    p_values = [float(scipy.stats.binom.cdf(hits, trials, required)) for hits, trials in by_setting]
    worst = int(np.argmin(p_values)) if len(ids) else -1
    contradicts = len(ids) > 0 and p_values[worst] < (1 - LEVEL) / len(ids)
    # Either may refute: each is given half of the level where claims are held against each other.
    together = float(scipy.stats.binom.cdf(int(met.sum()), met.size, required)) if met.size else 1.0
    return Successes(
        p_value=min(1.0, 2 * together, 2 * len(ids) * min(p_values, default=1.0)),
        doubtful=tuple(int(k) for k, p in zip(ids, p_values, strict=True) if p < 1 - LEVEL),
        pooled=pooled,
        trials=met.size,
        worst=int(ids[worst]) if contradicts else None,
        worst_counts=by_setting[worst] if contradicts else (0, 0),
    )


def crossing(
    x: np.ndarray, y: np.ndarray, setting: np.ndarray, rng: np.random.Generator
) -> tuple[Interval, Interval] | None:
    """Where the line through (x, y) is zero, and its slope, with a bootstrap over settings and seeds.

    None where the line's slope is not told from zero or the data do not surround the crossing.
    """
    ids, inverse = np.unique(setting, return_inverse=True)
    xs, ys = _by_setting(x, inverse), _by_setting(y, inverse)

    def line(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where the least-squares line through all points of the last two axes is zero, and its slope."""
        centre_a, centre_b = np.nanmean(a, (-2, -1), keepdims=True), np.nanmean(b, (-2, -1), keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):  # a level line, or all points above each other: no answer
            slope = np.nansum((a - centre_a) * (b - centre_b), (-2, -1)) / np.nansum((a - centre_a) ** 2, (-2, -1))
            return centre_a[..., 0, 0] - centre_b[..., 0, 0] / slope, slope

    at, slope = line(xs, ys)
    rows = rng.integers(0, len(ids), (REPLICATES, len(ids), 1))
    count = (~np.isnan(ys)).sum(1)
    picks = (rng.random((REPLICATES, len(ids), ys.shape[1])) * count[rows]).astype(int)
    estimates = np.column_stack(line(xs[rows, picks], ys[rows, picks]))
    if not np.isfinite(estimates).all():
        return None
    tails = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    middle = np.array([float(at), float(slope)])
    where, slopes = (middle + (np.quantile(estimates, tails, axis=0) - middle) * _stretch(len(ids) - 2)).T
    if np.sign(slopes).prod() <= 0 or not x.min() < at < x.max():
        return None
    return (
        Interval(value=float(at), low=float(where[0]), high=float(where[1])),
        Interval(value=float(slope), low=float(slopes[0]), high=float(slopes[1])),
    )
