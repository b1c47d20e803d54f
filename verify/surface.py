"""A boundary between two phases, fitted: where it lies, which powers of the parameters it follows, how wide it is."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import scipy

from verify.fit import LEVEL, Interval

HALF, TENTH = math.log(math.log(2)), math.log(math.log(10))  # of the link, at half of the top and at a tenth
LARGEST = 30.0  # of the link, beyond which exp(-exp) is 0 and must not overflow


@dataclass(frozen=True, kw_only=True)
class Surface:
    """A fitted boundary.

    Attributes:
        at: the logarithm of what it lies along, at the centre of the design.
        powers: by parameter, how far its power lies from the one predicted, in ``along``.
        width: decades of ``along`` from half of the top to a tenth.
        sharpening: the power of n with which the steepness grows.
        residual_sd: of the observable over the top.
        leverage: by parameter, the largest share of what is known of its power that a single setting carries.
        says: by setting, in the order of their numbers, how much its runs move with the boundary, squared.
        spare: settings beyond the coefficients.
        problem: why there is no fit, or empty.
        curve: the coefficients of the link in the distance from the boundary: at it, slope and curvature.
    """

    at: Interval | None = None
    powers: Mapping[str, Interval] = field(default_factory=dict)
    width: Interval | None = None
    sharpening: Interval | None = None
    residual_sd: float = math.nan
    leverage: Mapping[str, float] = field(default_factory=dict)
    says: np.ndarray = field(default_factory=lambda: np.empty(0))
    spare: int = 0
    problem: str = ""
    curve: tuple[float, float, float] = (0.0, 1.0, 0.0)


def falls(curve: tuple[float, float, float], distance: np.ndarray, steeper: np.ndarray | float = 1.0) -> np.ndarray:
    """The share of the top at a distance, in logarithms of ``along``, beyond the boundary: exp(-exp(link))."""
    at, slope, bend = curve
    link = at + slope * steeper * distance + bend * distance**2
    return np.exp(-np.exp(np.minimum(link, LARGEST)))


def surface(
    share: np.ndarray, setting: np.ndarray, along: np.ndarray, size: np.ndarray, others: pd.DataFrame, level: float
) -> Surface:
    """Fit a share that falls from 1 to 0 along a direction by exp(-exp(link)), by least squares.

    The link is a slope and a curvature in z = along - at - sum_k power_k (others_k - their mean), chosen so that the
    share is ``level`` at z = 0; the slope is multiplied by (size/its mean)^sharpening. Shares at both ends enter with
    what they are: nothing is transformed, hence no run is left out by what it showed. Errors of runs of one setting
    go together: intervals are from the sandwich of what each setting's residuals would be about a fit without it.

    Args:
        share: the observable over its top, one per run.
        setting: which setting each run belongs to.
        along: the logarithm of what the boundary is claimed to lie along.
        size: the logarithm of n.
        others: what else may move it, one column each.
        level: the share at the boundary, in (0, 1).
    """
    ids, inverse = np.unique(setting, return_inverse=True)
    names = list(others.columns)
    columns = others.to_numpy(float)
    scale = columns.std(0)
    spare = len(ids) - len(names) - 4
    if spare < len(names) + 4:
        needed = 2 * (len(names) + 4)
        return Surface(problem=f"{len(ids)} settings for {len(names) + 4} coefficients: at least {needed} are needed")
    if (scale < 1e-9).any():
        return Surface(problem=f"the design does not vary {names[int(np.argmin(scale))]}")
    sides = np.bincount(inverse, share) / np.bincount(inverse) > level
    if min(sides.sum(), (~sides).sum()) < len(ids) / 10:
        told = f"{int(sides.sum())} of {len(ids)} settings lie above the level: it takes a tenth on either side"
        return Surface(problem=told)
    x = (columns - columns.mean(0)) / scale
    directions = np.column_stack([np.ones(len(along)), along - along.mean(), x])
    if np.linalg.cond(directions / np.maximum(np.linalg.norm(directions, axis=0), 1e-12)) > 100:
        return Surface(problem="collinear design: its directions cannot be told apart")
    start = math.log(-math.log(level))
    growth = size - size.mean()

    def model(p: np.ndarray) -> np.ndarray:
        distance = along - p[0] - x @ p[4:]
        return falls((start, p[1], p[2]), distance, np.exp(np.clip(p[3] * growth, -5, 5)))

    first = np.zeros(4 + len(names))
    first[:2] = np.median(along), 0.7
    found = scipy.optimize.least_squares(lambda p: model(p) - share, first, x_scale="jac")
    best, jacobian, residual = found.x, found.jac, found.fun
    if not found.success or best[1] <= 0:
        return Surface(problem="no fall along the direction that is claimed")
    inner = np.linalg.pinv(jacobian.T @ jacobian)
    leverage = np.einsum("rp,pq,rq->r", jacobian, inner, jacobian)
    # Settings far from the boundary say nothing of where it lies: as many speak as share the leverage.
    shared = np.bincount(inverse, leverage)
    speaking = float(shared.sum() ** 2 / (shared**2).sum())
    if speaking < 2 * best.size:
        told = f"{int(speaking)} settings for {best.size} coefficients tell where it lies, the others are far from it"
        return Surface(problem=f"{told}: at least {2 * best.size} are needed")
    # What tells directions apart may be settings that lie far from the boundary, and say nothing.
    told_by = jacobian[:, [0, *range(4, best.size)]]
    if np.linalg.cond(told_by / np.maximum(np.linalg.norm(told_by, axis=0), 1e-12)) > 100:
        return Surface(problem="collinear where the boundary lies: its directions cannot be told apart there")
    # What a setting's residuals would be about a fit without it.
    together = np.empty((len(ids), best.size))
    for k in range(len(ids)):
        own = jacobian[inverse == k]
        size, axes = np.linalg.eigh(own @ inner @ own.T)
        kept = axes @ ((axes.T @ residual[inverse == k]) / (1 - np.minimum(size, 0.95)))
        together[k] = own.T @ kept
    covariance = inner @ together.T @ together @ inner
    # A power is a weighted sum over runs: the squares of the weights are what each adds to its variance.
    weights = np.stack([np.bincount(inverse, row**2) for row in inner[4:] @ jacobian.T])
    share = weights / weights.sum(1, keepdims=True)
    stretch = float(scipy.stats.t.ppf((1 + LEVEL) / 2, speaking - best.size))

    def interval(value: float, gradient: np.ndarray, factor: float = 1.0) -> Interval:
        error = stretch * math.sqrt(max(float(gradient @ covariance @ gradient), 0.0))
        low, high = sorted((factor * (value - error), factor * (value + error)))
        return Interval(value=factor * value, low=low, high=high)

    unit = np.eye(best.size)
    # Where the link is that of a half and of a tenth: the roots of bend z^2 + slope z + start - link, the right ones.
    width, slope = np.zeros(best.size), 0.0

    def reach(p: np.ndarray) -> float:
        ends = [_root(p[2], p[1], start - link) for link in (HALF, TENTH)]
        return (ends[1] - ends[0]) / math.log(10)

    slope = reach(best)
    if not math.isfinite(slope):
        return Surface(problem="the curve has no tenth or no half of the top")
    for k in (1, 2):
        step = 1e-5 * max(abs(best[k]), 1e-2)
        width[k] = (reach(best + step * unit[k]) - reach(best - step * unit[k])) / (2 * step)
    return Surface(
        at=interval(best[0], unit[0]),
        powers={name: interval(best[4 + k], unit[4 + k], 1 / scale[k]) for k, name in enumerate(names)},
        width=interval(slope, width),
        sharpening=interval(best[3], unit[3]),
        leverage={name: float(share[k].max()) for k, name in enumerate(names)},
        says=np.bincount(inverse, jacobian[:, 0] ** 2),
        residual_sd=float(np.sqrt((residual**2).mean())),
        spare=spare,
        curve=(start, float(best[1]), float(best[2])),
    )


def _root(bend: float, slope: float, rest: float) -> float:
    """The root of bend z^2 + slope z + rest nearest to 0, where it rises; not a number where there is none."""
    inside = slope**2 - 4 * bend * rest
    return -2 * rest / (slope + math.sqrt(inside)) if inside >= 0 else math.nan
