"""The limit of ``theory.papers.meng2023.meanfield`` in numbers: curves of recorded series, and the error of a draw."""

from dataclasses import replace

import numpy as np
import scipy

from numerics import Setting
from numerics.model import Sample
from theory.papers.kou2023 import meanfield
from verify.packs.kou2023.limit import activity_of, draw_of, error

LARGEST, LEAST = 1e6, 1e-4  # of the strength, between which the place of the boundary is looked for

FIRST_ONES = 0.5  # rescaled time up to which few neurons have joined


def curves(setting: Setting, s: np.ndarray) -> dict[str, np.ndarray]:
    """The limit of both labels, by the name of the recorded series that it predicts: to leading order, while the
    neurons that were active first are the active ones, up to :data:`FIRST_ONES`. gamma adds up all that a neuron has
    learned in favour of its class: of one of u and -u and against one of v and -v, at every time, so that it grows as
    with one signal.
    """
    x = 1 + float(meanfield.FIRST.one) * np.asarray(s, dtype=float)
    rho = np.maximum(x - np.real(scipy.special.wrightomega(x)), 0.0) / float(meanfield.FIRST.one)
    rho[s > FIRST_ONES] = np.nan
    found = {f"rho_{kind}_{label}": rho for kind in ("clean", "noisy") for label in ("plus", "minus")}
    for label, tau in (("plus", setting.tau_plus), ("minus", setting.tau_minus)):
        found[f"gamma_{label}"] = setting.kappa * (1 - 2 * tau) / 2 * rho
    return found


def noise_of(sample: Sample) -> Sample:
    """The draw with one signal, for what looks at its noise alone."""
    return replace(sample, gram=sample.gram[1:, 1:], overlap=sample.overlap[:, 1:], patches=None)


def drives_of(sample: Sample, cosine: float) -> np.ndarray:
    """How far the margin of a fresh u, v, -u, -v is moved by what its class has learned of it, over kappa times mean
    rho. (1-2 tau)(1-cos^2)/8 each in the limit, where one signal has (1-2 tau)/2. Shape (4,).

    With A_k = (1/n) sum of y_i y~_i over the samples that read signal k, a neuron on the side of u is pulled by
    A_u u - x v, 0 <= x <= A_v, where x = cos A_u holds <w, v> at 0. Where few samples read v, so that A_v < cos A_u, it
    sees v all the time: it learns v as well, of the wrong label.
    """
    agree = sample.y * sample.y_tilde
    pull = np.array([float(agree[sample.signal == k].sum()) / agree.size for k in range(4)])  # A
    m = sample.overlap.shape[0] // 2
    onto = np.concatenate([sample.overlap[:, :2], -sample.overlap[:, :2]], 1)  # <w, u>, <w, v>, <w, -u>, <w, -v>
    side = np.array([float(((onto[:m, k] if k % 2 == 0 else onto[m:, k]) > 0).mean()) for k in range(4)])
    other = [1, 0, 3, 2]  # the signal of the other label at the same angle: v of u, -v of -u
    learned = pull - cosine * np.minimum(cosine * pull, pull[other])
    wrong = np.maximum(cosine * pull - pull[other], 0.0)
    return side * learned - (side * wrong)[other]


def error_of(sample: Sample, strength: float, cosine: float) -> float:
    """The error on fresh noise of a draw; ``strength`` is n mu^4/(sigma^4 d)."""
    noise = noise_of(sample)
    activity, (_, shares), drives = activity_of(noise), draw_of(noise), drives_of(sample, cosine)
    return sum(error(strength, tuple(drives[k : k + 2]), activity, shares) for k in (0, 2)) / 2


# :func:`error_of` at strength x, as a formula: k' is the signal of the other label at the same angle, c the cosine.
ERROR = (
    r"E(x) = \frac{1}{4} \sum_k \mathbb{P}\left[R_k G(X') - \frac{G(X)}{R_k} > \max(0, D_k) \sqrt{\frac{x}{v}}\right],"
    r"\ D_k = q_k (A_k - c \min(c A_k, A_{k'})) - q_{k'} \max(0, c A_{k'} - A_k),"
    r"\ A_k = \frac{1}{n} \sum_{i \text{ of } \mu_k} y_i \tilde y_i,"
    r"\ q_k = \frac{1}{m} |\{r: \langle w^{(0)}_{j_k,r}, \mu_k\rangle > 0\}|,"
    r"\ G(X) = \mathbb{E}_Z \max(0, \sqrt{b/a}\, X + \sqrt{1 - b/a}\, Z),\ v = a \sqrt{p_+ p_-},"
    r"\ R_{\pm} = (p_{\mp}/p_{\pm})^{1/4}"
)


def boundary_of(sample: Sample, level: float, cosine: float) -> float:
    """The strength at which the error of a draw is ``level``; NaN where there is none."""

    def beyond(log_strength: float) -> float:
        return error_of(sample, float(np.exp(log_strength)), cosine) - level

    low, high = np.log([LEAST, LARGEST])
    if not beyond(low) > 0 > beyond(high):
        return np.nan
    return float(np.exp(scipy.optimize.brentq(beyond, low, high, xtol=1e-3)))
