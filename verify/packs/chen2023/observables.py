"""Numbers per run that this paper's claims speak of, beside those of every paper."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from numerics import OBSERVABLES, Observable, Setting, Trajectory
from numerics.chance import Chance
from numerics.model import Sample
from numerics.observables import on_test_points, reading, when
from theory.expressions import tex
from theory.papers.chen2023.claims import LEVEL
from verify.packs.kou2023.limit import ACTIVITY, DRIVES, ERROR, boundary_of

MOST = 0.9  # of the memorizing neurons; the largest of all would hang on a logarithm


@dataclass(frozen=True, kw_only=True)
class Ascent:
    """SAM's first ascent, on the neurons that memorize: of class y~_i and active on a patch xi_i of the first batch.

    Attributes:
        active: their pre-activations. Shape (pairs,).
        push: what a radius of one adds to them; below 0 where it lowers them. Shape (pairs,).
    """

    active: np.ndarray
    push: np.ndarray

    def needed(self) -> np.ndarray:
        """The least radius at which each is off; infinite where the ascent does not lower it. Shape (pairs,)."""
        with np.errstate(divide="ignore"):
            return np.where(self.push < 0, self.active / -self.push, np.inf)


def ascent(setting: Setting, sample: Sample) -> Ascent:
    """From the first batch and the initial weights, in coefficients (docs/numerics.md): with G the gradient's, the step
    W + radius grad/|grad| adds -radius G K/sqrt(tr G K G^T) to W V'^T."""
    labels, shares = (drawn[0] for drawn in Chance(setting, sample).take(1))
    both = np.zeros((sample.y.size + 2, sample.y.size + 1))  # mu, -mu, xi.. of mu, xi..
    both[0, 0], both[1, 0], both[2:, 1:] = 1, -1, np.eye(sample.y.size)
    mine, gram = sample.overlap @ both.T, both @ sample.gram @ both.T  # B, K
    head = np.repeat([1.0, -1.0], setting.m) / setting.m
    seen = np.maximum(mine, 0.0)
    reads = np.where(sample.y > 0, 0, 1)
    output = head @ (seen[:, reads] + setting.copies * seen[:, 2:])
    pull = shares * labels / (1 + np.exp(labels * output))
    force = np.concatenate([[pull[sample.y > 0].sum(), pull[sample.y < 0].sum()], setting.copies * pull])
    down = head[:, None] * (mine > 0) * force  # G
    moved = down @ gram
    length = np.sqrt((moved * down).sum())
    own = (head[:, None] * labels > 0) & (mine[:, 2:] > 0) & (shares > 0)
    return Ascent(active=mine[:, 2:][own], push=-moved[:, 2:][own] / length)


def _of_ascent(number: Callable[[Setting, Ascent], float]) -> Callable[[Trajectory], np.ndarray]:
    """A number of the first ascent; NaN where no neuron memorizes anything of the first batch."""

    def one(setting: Setting, sample: Sample) -> float:
        found = ascent(setting, sample)
        return number(setting, found) if found.active.size else np.nan

    return reading()(lambda run: np.array([one(*pair) for pair in zip(run.settings, run.samples, strict=True)]))


@reading()
def _drive(run: Trajectory) -> np.ndarray:
    return np.array([float((sample.y * sample.y_tilde).mean()) for sample in run.samples])


@reading()
def _memory_share(run: Trajectory) -> np.ndarray:
    """(P-1)/m sum_r rho over the neurons of a sample's class that are active on its noise: what was memorized of it."""
    state, copies = run.state("end"), np.array([s.copies for s in run.settings])
    batch = state.batch
    active = batch.own(state.overlap[..., batch.noise].unflatten(1, (2, -1))) > 0
    memory = state.rho_own.where(active, 0.0).mean((1, 2)).numpy() * copies
    return memory / state.margins.mean(1).numpy()


@reading()
def _beyond_floor(run: Trajectory) -> np.ndarray:
    """A network that has learned the signal alone sees gamma on it and, on noise patches, (P-1) gamma <mu, xi>/mu^2, of
    the same sign as the label or of the other: it errs where that is below -gamma."""
    lengths = np.array([s.mu / (s.copies * s.sigma_xi) for s in run.settings])
    return OBSERVABLES["error_fresh_end"](run) - ndtr(-lengths)


@reading()
def _lost_share(run: Trajectory) -> np.ndarray:
    """Nothing moves a sample's margin but a neuron that is active on it; whether others' batches wake one is chance."""
    return (run.state("end").on_own_noise <= 0).all(1).double().mean(1).numpy()


@reading()
def _boundary(run: Trajectory) -> np.ndarray:
    return np.array([boundary_of(sample, float(LEVEL)) for sample in run.samples])


# M: the neurons that memorize, of the first batch; tau_{i,r}: :meth:`Ascent.needed`.
_ASCENT = (
    r"\tau_{i,r} = \frac{\langle w^{(0)}_{\tilde y_i,r}, \xi_i\rangle \|\nabla L_B\|}"
    r"{\max(0, -\langle \nabla_{w_{\tilde y_i,r}} L_B, \xi_i\rangle)},"
    r"\ M = O \text{ on the first batch } B,\ L_B \text{ its loss at } w^{(0)}"
)
OWN = (
    Observable(name="signal_drive", latex=r"\frac{1}{n} \sum_i y_i \tilde y_i",
               stage="start", compute=_drive,
               says="share of clean minus share of flipped samples"),
    # A copy of the noise counts as two patches do, in other units (theory.papers.chen2023.meanfield).
    Observable(name="error_boundary_constant", latex=rf"E(x) = {tex(LEVEL)},\ {ERROR},\ {DRIVES},\ {ACTIVITY}",
               stage="start", compute=_boundary,
               says=f"limit: n mu^4/((P-1)^4 sigma^4 d) at which SGD's error on fresh noise of this draw is {LEVEL}"),
    Observable(name="switched_off", latex=rf"\frac{{1}}{{|M|}} |\{{(i,r) \in M: \tau_{{i,r}} < \tau\}}|,\ {_ASCENT}",
               stage="start",
               compute=_of_ascent(lambda s, a: float((a.needed() < s.radius).mean())),
               says="share of the memorizing neurons of the first batch that SAM's ascent switches off"),
    Observable(name="radius_for_most", latex=rf"\text{{the 0.9 quantile of }} \tau_{{i,r}},\ {_ASCENT}",
               stage="start", weight=-1,
               compute=_of_ascent(lambda _, a: float(np.quantile(a.needed(), MOST, method="higher"))),
               says="least radius at which SAM's first ascent switches off nine of ten memorizing neurons"),
    Observable(name="radius_for_all", latex=rf"\max_{{(i,r) \in M}} \tau_{{i,r}},\ {_ASCENT}",
               stage="start", weight=-1,
               compute=_of_ascent(lambda _, a: float(a.needed().max())),
               says="least radius at which SAM's first ascent switches off all of them"),
    Observable(name="error_beyond_floor", 
               latex=on_test_points(
                   "fresh", "end", r"\mathbb{P}[y f(x) < 0] - \Phi\left(-\frac{\|\mu\|}{(P-1) \sigma_\xi}\right)"
               ),
               stage="end", compute=_beyond_floor,
               says="error on fresh noise minus Phi(-mu/((P-1) sigma)), that of the signal alone, at the end"),
    Observable(name="lost_share_end", 
               latex=when("end", r"\frac{1}{n} |\{i: \langle w_{\tilde y_i,r}, \xi_i\rangle \le 0"
                                 r" \text{ for all } r\}|"),
               stage="end", compute=_lost_share,
               says="share of samples on whose noise no neuron of their class is active, at the end"),
    Observable(name="memory_share_end", 
               latex=when("end", r"\frac{(P-1) \frac{1}{m} \sum_{i,r: \langle w_{\tilde y_i,r}, \xi_i\rangle > 0}"
                                 r" \rho_{\tilde y_i,r,i}}{\sum_i \tilde y_i f(x_i)}"),
               stage="end", compute=_memory_share,
               says="what active neurons memorized of the noise, over the margins, means over all samples, at the end"),
)  # fmt: skip
