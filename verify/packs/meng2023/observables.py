"""Numbers per run that this paper's claims speak of, beside those of every paper."""

from collections.abc import Callable

import numpy as np

from numerics import OBSERVABLES, Observable, Setting, Trajectory
from numerics.model import Sample
from numerics.observables import on_test_points, reading
from theory.expressions import tex
from theory.papers.meng2023.claims import LEVEL
from verify.packs.kou2023.limit import ACTIVITY, MEMORIZED, counts_of
from verify.packs.meng2023.limit import ERROR, boundary_of, error_of, noise_of


def _per_run(number: Callable[[Setting, Sample], float]) -> Callable[[Trajectory], np.ndarray]:
    return reading()(lambda run: np.array([number(*pair) for pair in zip(run.settings, run.samples, strict=True)]))


def strength(setting: Setting) -> float:
    """n mu^4/(sigma^4 d)."""
    return setting.kappa**2 * setting.d / setting.n


def _beyond_latex(factor: str, cosine: str) -> str:
    """LaTeX of the error on fresh noise minus that of the limit, at a strength times ``factor``."""
    error = on_test_points("fresh", "end", r"P = \mathbb{P}[y f(x) < 0]")
    at = rf"x = {factor} \frac{{n \|\mu\|^4}}{{\sigma_\xi^4 d}},\ {cosine}"
    return rf"P - E(x),\ {error},\ {at},\ {ERROR},\ {ACTIVITY}"


def _beyond(limit: Callable[[Setting, Sample], float]) -> Callable[[Trajectory], np.ndarray]:
    """The error on fresh noise minus another."""
    computed = _per_run(limit)
    return reading()(lambda run: OBSERVABLES["error_fresh_end"](run) - computed(run))


@_per_run
def _memorization_constant(setting: Setting, sample: Sample) -> float:
    """(1/n) sum of 1/a_i, a_i = |S_i| |xi_i|^2/(m sigma_xi^2 d), 1/a in the limit (docs/kou2023.md)."""
    norms = np.diag(sample.gram)[2:] / (setting.sigma_xi**2 * setting.d)
    return float((1 / (counts_of(noise_of(sample)) / setting.m * norms)).mean())


OWN = (
    Observable(name="memorization_constant", latex=MEMORIZED,
               stage="start", compute=_memorization_constant,
               says="limit: the constant hidden in the time to a small loss"),
    Observable(name="error_boundary_constant", latex=rf"E(x) = {tex(LEVEL)},\ {ERROR},\ {ACTIVITY}",
               stage="start",
               compute=_per_run(lambda s, x: boundary_of(x, float(LEVEL), s.cosine)),
               says=f"limit: n mu^4/(sigma^4 d) at which the error on fresh noise of this draw is {LEVEL}"),
    Observable(name="error_beyond_limit", latex=_beyond_latex("", r"c = \cos\theta"),
               stage="end",
               compute=_beyond(lambda s, x: error_of(x, strength(s), s.cosine)),
               says="error on fresh noise minus that of the limit at this draw, at the end"),
    Observable(name="error_beyond_one_minus_cosine", latex=_beyond_latex(r"(1 - \cos\theta)^2", "c = 0"),
               stage="end",
               compute=_beyond(lambda s, x: error_of(x, strength(s) * (1 - s.cosine) ** 2, 0.0)),
               says="the same with (1 - cos)^2 for (1 - cos^2)^2"),
    Observable(name="error_beyond_orthogonal", latex=_beyond_latex("", "c = 0"),
               stage="end", compute=_beyond(lambda s, x: error_of(x, strength(s), 0.0)),
               says="the same as if the signals were orthogonal"),
)  # fmt: skip
