"""Numbers per run that this paper's claims speak of, beside those of every paper."""

import math
from collections.abc import Callable

import numpy as np
from scipy.special import logsumexp

from numerics import OBSERVABLES, Observable, Setting, Trajectory
from numerics.model import Sample
from numerics.observables import at, formula, on_test_points, reading, when
from theory.expressions import tex
from theory.papers.kou2023 import meanfield
from theory.papers.kou2023.claims import LEVEL
from verify.packs.kou2023 import limit


def _per_run(number: Callable[[Setting, Sample], float]) -> Callable[[Trajectory], np.ndarray]:
    return reading()(lambda run: np.array([number(*pair) for pair in zip(run.settings, run.samples, strict=True)]))


def _grown(series: str, largest: bool) -> Callable[[Trajectory], np.ndarray]:
    """The least or largest of a series from the time on at which own rho are of order one on average."""

    grown = rf"t \ge \min\{{t: {formula('rho_own_mean')} \ge c_1\}}"

    @reading(series, "rho_own_mean", latex=rf"\{'max' if largest else 'min'}_{{{grown}}} {formula(series)}")
    def extreme(run: Trajectory) -> np.ndarray:
        grown = run.events["T1"].reached(run.series["rho_own_mean"])
        values = np.where(np.logical_or.accumulate(grown, 1), run.series[series], np.nan)
        fill = -np.inf if largest else np.inf
        filled = np.where(np.isnan(values), fill, values)
        return filled.max(1) if largest else filled.min(1)

    return extreme


_BOUND = (
    r"-\log \frac{1}{2} \sum_y \exp\left(-\frac{\max(0,\ \mathbb{E}_\zeta\, y f(y\mu, \zeta))^2}"
    r"{2 \sigma_\xi^2 L^2}\right),\ L = \frac{1}{m} \min\left(\sum_{j,r} \|w_{j,r}\|,\ \sqrt{2m}\, \|W\|\right)"
)


@reading()
def _fresh_exponent(run: Trajectory) -> np.ndarray:
    """-log of an upper bound on the error on fresh noise that holds for the trained weights at hand.

    As ``numerics.generalization`` has it for shared noise: xi -> y f is Lipschitz with a constant of at most
    sqrt(2 m lambda)/m, lambda the largest eigenvalue of W W^T, and its mean over xi is explicit, since E relu(<w, xi>)
    is sigma |w|/sqrt(2 pi). Gaussian concentration bounds the error of either label.
    """
    state = run.state("end")
    start = np.stack([sample.weight_gram for sample in run.samples])
    overlap, first = state.overlap.numpy(), state.batch.overlap.numpy()
    c = state.coefficients.numpy()
    gram = start + c @ first.transpose(0, 2, 1) + overlap @ c.transpose(0, 2, 1)
    found = np.full(len(run.settings), np.nan)
    for k, setting in enumerate(run.settings):
        if not np.isfinite(gram[k]).all():
            continue
        head = np.repeat([1.0, -1.0], setting.m) / setting.m
        lengths = np.sqrt(np.maximum(np.diag(gram[k]), 0.0))
        noise = setting.sigma_xi / math.sqrt(2 * math.pi) * float(head @ lengths)
        signal = np.maximum(overlap[k, :, :2], 0.0).T @ head  # f of the signal patches mu and -mu
        means = np.array([signal[0] + noise, -signal[1] - noise])
        largest = float(np.linalg.eigvalsh((gram[k] + gram[k].T) / 2)[-1])
        steepest = min(lengths.sum(), math.sqrt(2 * setting.m * max(largest, 0.0))) / setting.m
        exponents = -(np.maximum(means, 0.0) ** 2) / (2 * (setting.sigma_xi * steepest) ** 2)
        found[k] = math.log(2) - logsumexp(exponents)
    return found


def _against_limit(activity: meanfield.Activity) -> Callable[[Trajectory], np.ndarray]:
    """The error on fresh noise minus that of the limit at a draw's labels."""

    @reading()
    def gap(run: Trajectory) -> np.ndarray:
        probabilities = (float(activity.one), float(activity.two))
        found = []
        for setting, sample in zip(run.settings, run.samples, strict=True):
            drives, shares = limit.draw_of(sample)
            strength = setting.kappa**2 * setting.d / setting.n
            found.append(limit.error(strength, drives, probabilities, shares))
        return OBSERVABLES["error_fresh_end"](run) - np.array(found)

    return gap


def _gap(activity: meanfield.Activity, of: str) -> str:
    """LaTeX of a difference between the error on fresh noise and that of the limit."""
    error = on_test_points("fresh", "end", r"P = \mathbb{P}[y f(x) < 0]")
    read = rf"a = {tex(activity.one)},\ b = {tex(activity.two)}"
    return rf"{of},\ {error},\ x = \frac{{n \|\mu\|^4}}{{\sigma_\xi^4 d}},\ {limit.ERROR},\ {limit.DRIVES},\ {read}"


_first, _last = _against_limit(meanfield.FIRST), _against_limit(meanfield.LAST)


@_per_run
def _memorization_constant(setting: Setting, sample: Sample) -> float:
    """(1/n) sum of 1/a_i, a_i = |S_i| |xi_i|^2/(m sigma_xi^2 d): the constant of the time to a small loss, 1/a in the
    limit (docs/kou2023.md)."""
    norms = np.diag(sample.gram)[1:] / (setting.sigma_xi**2 * setting.d)
    return float((1 / (limit.counts_of(sample) / setting.m * norms)).mean())


OWN = (
    Observable(name="signal_drive", latex=r"\frac{1}{n} \sum_i y_i \tilde y_i",
               stage="start", compute=_per_run(lambda _, x: float((x.y * x.y_tilde).mean())),
               says="share of clean minus share of flipped samples"),
    Observable(name="memorization_constant", latex=limit.MEMORIZED,
               stage="start", compute=_memorization_constant,
               says="limit: the constant hidden in the time to a small loss"),
    Observable(name="error_boundary_constant", 
               latex=rf"E(x) = {tex(LEVEL)},\ {limit.ERROR},\ {limit.DRIVES},\ {limit.ACTIVITY}",
               stage="start",
               compute=_per_run(lambda _, x: limit.boundary_of(x, float(LEVEL))),
               says=f"limit: n mu^4/(sigma_xi^4 d) at which the error on fresh noise of this draw is {LEVEL}"),
    Observable(name="rho_own_mean_end", stage="end", says="mean own rho at the end", compute=at("end", "rho_own_mean")),
    Observable(name="rho_per_gamma_min_grown", stage="end", compute=_grown("rho_per_gamma_min", largest=False),
               says="least sum_i rho / gamma of a neuron, from where mean own rho is of order one on"),
    Observable(name="rho_per_gamma_max_grown", stage="end", compute=_grown("rho_per_gamma_max", largest=True),
               says="largest sum_i rho / gamma of a neuron, from where mean own rho is of order one on"),
    Observable(name="fresh_exponent_end", latex=when("end", _BOUND),
               stage="end", compute=_fresh_exponent,
               says="-log of a certified bound on the error on fresh noise at the end"),
    Observable(name="error_above_first", latex=_gap(meanfield.FIRST, "P - E(x)"),
               stage="end", compute=_first,
               says="error on fresh noise minus that of the limit with the first active neurons, at the end"),
    Observable(name="error_below_last", latex=_gap(meanfield.LAST, "E(x) - P"),
               stage="end", compute=reading()(lambda run: -_last(run)),
               says="error on fresh noise of the limit with all neurons that join, minus the error, at the end"),
)  # fmt: skip
