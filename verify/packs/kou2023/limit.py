"""The limit kappa -> 0 of ``theory.papers.kou2023.meanfield`` in numbers: curves, times, the error on fresh noise."""

import math
from collections.abc import Mapping
from functools import cache, lru_cache

import numpy as np
import scipy
import sympy as sp

from numerics import Setting
from numerics.model import Sample
from theory.papers.kou2023 import meanfield
from theory.papers.kou2023.claims import LEVEL
from theory.papers.kou2023.meanfield import Activity


@cache
def _time_at_loss(activity: Activity):
    loss = sp.Symbol("loss", positive=True)
    return sp.lambdify(loss, meanfield.time_at_loss(loss, activity.one), modules="math")


def time_at_loss(loss: float, activity: Activity = meanfield.FIRST) -> float:
    """Rescaled time at which the training loss, below log 2, is ``loss``."""
    return _time_at_loss(activity)(loss)


@cache
def _along_margin():
    """rho of a clean and of a noisy sample, and gamma, all at margin u and to first order in kappa."""
    active = meanfield.LAST.one
    excess = meanfield.clean_excess(active=active)
    kappa = sp.Symbol("kappa", positive=True)  # the paper's is an abbreviation
    noise, gamma = meanfield.noise(active), meanfield.signal(kappa, active=active)
    found = (noise + (kappa * excess - gamma) / active, noise - (kappa * excess - gamma) / active, gamma)
    return sp.lambdify([meanfield.u, kappa, meanfield.tau], found, modules="numpy")


def curves(setting: Setting, s: np.ndarray) -> dict[str, np.ndarray]:
    """The limit of both labels, by the name of the recorded series that it predicts: to first order in kappa, with all
    neurons that join: before they do, coefficients are small and every loss derivative is 1/2 in any case."""
    x = 1 + float(meanfield.LAST.one) * np.asarray(s, dtype=float)
    u = x - np.real(scipy.special.wrightomega(x))  # W(e^x)
    found = {}
    for label, tau in (("plus", setting.tau_plus), ("minus", setting.tau_minus)):
        # e^u does not overflow: u grows like log s.
        clean, noisy, gamma = _along_margin()(np.maximum(u, 0.0), setting.kappa, tau)
        found |= {f"gamma_{label}": gamma, f"rho_clean_{label}": clean, f"rho_noisy_{label}": noisy}
    return found


# ---------------------------------------------------------------------------------------------------------------
# The error on fresh noise

_X = np.linspace(-8.5, 8.5, 1701)  # the common factor of a class, in standard deviations
_WEIGHT = scipy.stats.norm.pdf(_X) * (_X[1] - _X[0])


@lru_cache(maxsize=4096)
def _mean_relu(shared: float) -> np.ndarray:
    """E relu(sqrt(r) X + sqrt(1 - r) Z) over Z, at every X: a class's output over <w, xi>'s standard deviation, at
    m = infinity; ``shared`` is r."""
    own = math.sqrt(1 - shared)
    at = math.sqrt(shared) * _X
    return own * scipy.stats.norm.pdf(at / own) + at * scipy.special.ndtr(at / own)


def exceeds(lead: float, shared: float, ratio: float = 1.0) -> float:
    """P(ratio G(X_-) - G(X_+)/ratio > lead): the error of a sample whose signal leads the noise by ``lead``.

    Args:
        lead: gamma over the standard deviation of <w, xi>, the geometric mean of both classes'.
        shared: of that variance, the share that all neurons of a class have in common, in (0, 1).
        ratio: the square root of the other class's standard deviation over the own one's.
    """
    g = _mean_relu(round(shared, 3))
    needed = np.interp((lead + g / ratio) / ratio, g, _X, left=-np.inf, right=np.inf)
    return float(_WEIGHT @ scipy.special.ndtr(-needed))


def error(
    strength: float, drives: tuple[float, float], activity: tuple[float, float], shares: tuple[float, float]
) -> float:
    """The error on true labels of fresh noise patches.

    Args:
        strength: n mu^4/(sigma_xi^4 d).
        drives: (1/n) sum of y_i y~_i over the samples of label +1 and of -1; (1 - 2 tau)/2 each in the limit.
        activity: the probabilities that a neuron of a class is active on a patch of it, and two together.
        shares: of all samples, those observed as +1 and as -1.
    """
    one, two = activity
    shared = min(max(two / one, 1e-3), 1 - 1e-3)
    plus, minus = (max(x, 1e-9) for x in shares)
    spread = math.sqrt(one * math.sqrt(plus * minus))  # of <w, xi>, over rho sqrt(n/d)
    ratio = (minus / plus) ** 0.25
    leads = [max(drive, 0.0) * math.sqrt(strength) / spread for drive in drives]
    return (exceeds(leads[0], shared, ratio) + exceeds(leads[1], shared, 1 / ratio)) / 2


# :func:`error` at strength x, as a formula. G is what a class makes of noise; labels c = ±1.
ERROR = (
    r"E(x) = \frac{1}{2} \sum_c \mathbb{P}\left[R_c G(X') - \frac{G(X)}{R_c} > \max(0, D_c) \sqrt{\frac{x}{v}}\right],"
    r"\ G(X) = \mathbb{E}_Z \max(0, \sqrt{b/a}\, X + \sqrt{1 - b/a}\, Z),\ v = a \sqrt{p_+ p_-},"
    r"\ R_{\pm} = (p_{\mp}/p_{\pm})^{1/4},\ p_c = \frac{|\{i: \tilde y_i = c\}|}{n}"
)
DRIVES = r"D_c = \frac{1}{n} \sum_{i: y_i = c} y_i \tilde y_i"
ACTIVE = r"A_i \text{ the own neurons active on } \xi_i \text{ once own } \rho \text{ are } 1"  # :func:`counts_of`
MEMORIZED = r"\frac{1}{n} \sum_i \frac{m \sigma_\xi^2 d}{|A_i| \|\xi_i\|^2},\ " + ACTIVE
ACTIVITY = r"a = \frac{1}{nm} \sum_i |A_i|,\ b = \frac{1}{n} \sum_i \frac{|A_i| (|A_i| - 1)}{m (m - 1)},\ " + ACTIVE


def draw_of(sample: Sample) -> tuple[tuple[float, float], tuple[float, float]]:
    """Drives and shares of a draw, as :func:`error` takes them."""
    drives = tuple(float((sample.y_tilde * c)[sample.y == c].sum()) / sample.y.size for c in (1.0, -1.0))
    return drives, tuple(float((sample.y_tilde == c).mean()) for c in (1.0, -1.0))


def counts_of(sample: Sample, memorized: float = 1.0) -> np.ndarray:
    """|S_i| of a draw, at least 1: how many neurons are active on each patch once own coefficients are ``memorized``.
    Those are the ones that started so, and those whose start the push of the other patches exceeds."""
    norms = np.diag(sample.gram)[1:]
    onto = (sample.gram[1:, 1:] - np.diag(norms)) / norms[:, None]  # <xi_k, xi_i>/|xi_k|^2, none onto itself
    own = np.repeat([1.0, -1.0], sample.overlap.shape[0] // 2)[:, None] == sample.y_tilde
    start = sample.overlap[:, 1:]
    active = own & (start > 0)
    active |= own & (start + memorized * active @ onto > 0)
    return np.maximum(active.sum(0), 1).astype(float)


def activity_of(sample: Sample) -> tuple[float, float]:
    """How neurons of a draw are active, as :func:`error` takes it."""
    m, count = sample.overlap.shape[0] // 2, counts_of(sample)
    one = float(count.mean()) / m
    two = float((count * (count - 1)).mean()) / (m * (m - 1)) if m > 1 else one**2
    return one, max(two, 1e-3 * one)


@cache
def strength_at(level: float, tau: float, activity: Activity) -> float:
    """The strength at which the error of the limit is ``level``, both flip probabilities being ``tau``."""
    return _strength(level, ((1 - 2 * tau) / 2,) * 2, (float(activity.one), float(activity.two)), (0.5, 0.5))


def boundary_at(values: Mapping[str, float], activity: Activity = meanfield.LAST) -> float:
    """The strength at which the error of the limit is 1/8, at the mean of both flip probabilities; by default with all
    neurons that join (docs/kou2023.md)."""
    return strength_at(float(LEVEL), round((values["tau_plus"] + values["tau_minus"]) / 2, 4), activity)


def boundary_of(sample: Sample, level: float) -> float:
    """The strength at which the error of a draw is ``level``; NaN where a label has no drive, so that none is."""
    drives, shares = draw_of(sample)
    return _strength(level, drives, activity_of(sample), shares)


def _strength(level: float, drives: tuple, activity: tuple, shares: tuple) -> float:
    def beyond(log_strength: float) -> float:
        return error(math.exp(log_strength), drives, activity, shares) - level

    low, high = math.log(1e-5), math.log(1e4)
    if not beyond(low) > 0 > beyond(high):
        return math.nan
    return math.exp(scipy.optimize.brentq(beyond, low, high, xtol=1e-4))
