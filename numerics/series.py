"""What is recorded along a run: one number per run and recorded time, by name.

A recorder is a function of :class:`numerics.state.State`. "Own" pairs are the (i, r) with j = y~_i and
<w^(0)_{y~_i,r}, xi_i> > 0, those that Theorem 4.1 speaks of. A minimum over nothing is +inf and a maximum -inf,
so that "all noisy samples are ignored" is vacuous, not false, where no label was flipped; a mean over nothing is
NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, log, nan
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from numerics.state import State

Recorder = Callable[["State"], "Tensor"]


def _min(values: Tensor, mask: Tensor) -> Tensor:
    return values.where(mask, inf).flatten(1).amin(1)


def _max(values: Tensor, mask: Tensor) -> Tensor:
    return values.where(mask, -inf).flatten(1).amax(1)


def _mean(values: Tensor, mask: Tensor) -> Tensor:
    total = values.where(mask, 0.0).flatten(1).sum(1)
    return total / mask.flatten(1).sum(1)


def _share(hit: Tensor, mask: Tensor) -> Tensor:
    return _mean(hit.double(), mask)


def _rho_min(which: str) -> Recorder:
    """Least rho over the own pairs whose sample is of a kind; likewise the next two."""
    return lambda state: _min(state.own_extremes[0], state.batch.kind(which))


def _rho_max(which: str) -> Recorder:
    return lambda state: _max(state.own_extremes[1], state.batch.kind(which))


def _rho_mean(which: str) -> Recorder:
    def mean(state: State) -> Tensor:
        kind = state.batch.kind(which)
        return state.own_sum.where(kind, 0.0).sum(1) / state.batch.own_count.where(kind, 0.0).sum(1)

    return mean


def _margin_error(state: State) -> Tensor:
    """Lemma 5.1: the largest gap between y~_i f(x_i) and its prediction from the coefficients alone."""
    return (state.margins - state.predicted_margins).abs().amax(1)


def _predicted_spread(state: State) -> Tensor:
    """Lemma 5.3: the largest difference between two samples' predictions."""
    predicted = state.predicted_margins
    return predicted.amax(1) - predicted.amin(1)


def _signal_drive(state: State) -> Tensor:
    """(1/n) sum_i y_i y~_i g_i over the samples whose signal a neuron sees: the next step of gamma over eta |mu|^2/m.

    Shape (R, 2m); NaN where there are several signals.
    """
    batch = state.batch
    if batch.signals > 1:
        return state.overlap[..., 0] * nan
    pulls = batch.y * batch.y_tilde * state.loss_derivatives / batch.n
    of_plus = pulls * batch.plus
    plus, minus = of_plus.sum(1, keepdim=True), (pulls - of_plus).sum(1, keepdim=True)
    onto = state.overlap[..., 0]  # <w, mu>: above 0 the neuron sees label +1, below it the other
    return plus.where(onto > 0, minus.where(onto < 0, 0.0))


def _drift(state: State) -> Tensor:
    return state.overlap - state.batch.overlap  # <w_t - w_0, patch>


def _projection_noise(state: State) -> Tensor:
    return (_drift(state)[..., state.batch.noise] - state.rho.flatten(1, 2)).abs().flatten(1).amax(1)


def _projection_signal(state: State) -> Tensor:
    """Of one signal; NaN where there are several."""
    if state.batch.signals > 1:
        return state.batch.time_scale * nan
    return (_drift(state)[..., 0].unflatten(1, (2, -1)) - state.batch.j * state.gamma).abs().flatten(1).amax(1)


def _signal_best(state: State) -> Tensor:
    """What the neuron of each sign that sees most of the first signal makes of it, of the two signs the lesser."""
    return (state.batch.j * state.on_signal).amax(2).amin(1)


def _noise_best(state: State) -> Tensor:
    """The same of a sample's noise patch and its own neurons, a mean over the samples."""
    return state.on_own_noise.amax(1).mean(1)


def _memorised(state: State) -> Tensor:
    """Theorem 4.2 (2): share of all n samples that are noisy, fitted, and whose mean rho-bar exceeds the mean gamma of
    the other label's neurons, over all m neurons; NaN where no label was flipped."""
    noise, gamma = state.mean_noise, state.gamma.mean(2)
    against = gamma[:, 1:].where(state.batch.y_tilde > 0, gamma[:, :1])  # class -y~_i
    noisy = state.batch.noisy
    share = (noisy & (state.margins >= 0) & (noise > against)).double().mean(1)
    return share.where(noisy.any(1), nan)


def _largest(state: State) -> Tensor:
    first, *rest = (x.abs() for x in (*state.rho_extremes, *state.gamma_extremes))
    for other in rest:
        first = first.maximum(other)
    return first


def _selected(state: State) -> Tensor:
    return state.losses <= log(2.0)


# Of every network: read from its margins and the time alone.
OF_MARGINS = frozenset({
    "elapsed", "margin_clean_min", "margin_noisy_min", "margin_noisy_max", "margin_noisy_plus", "margin_noisy_minus",
    "margin_min", "margin_mean", "loss", "loss_clean", "loss_noisy", "loss_derivative_min", "loss_derivative_max",
    "accuracy", "accuracy_clean", "accuracy_noisy", "selection_precision", "selection_recall",
})  # fmt: skip

SERIES: dict[str, Recorder] = {
    "elapsed": lambda s: s.batch.time_scale * s.time,
    "gamma_min": lambda s: s.gamma_extremes[0],
    "gamma_max": lambda s: s.gamma_extremes[1],
    "gamma_plus": lambda s: s.gamma[:, 0].mean(1),
    "gamma_minus": lambda s: s.gamma[:, 1].mean(1),
    "rho_own_min": _rho_min("all"),
    "rho_own_max": _rho_max("all"),
    "rho_own_mean": _rho_mean("all"),
    "rho_clean_max": _rho_max("clean"),
    "rho_clean_mean": _rho_mean("clean"),
    "rho_noisy_max": _rho_max("noisy"),
    "rho_noisy_min": _rho_min("noisy"),
    "rho_noisy_mean": _rho_mean("noisy"),
    "rho_clean_plus": _rho_mean("clean_plus"),
    "rho_clean_minus": _rho_mean("clean_minus"),
    "rho_noisy_plus": _rho_mean("noisy_plus"),
    "rho_noisy_minus": _rho_mean("noisy_minus"),
    "rho_max": lambda s: s.rho_extremes[1],
    "rho_min": lambda s: s.rho_extremes[0],
    "coefficient_min": lambda s: _rho_min("all")(s).minimum(s.gamma_extremes[0]),
    "coefficient_own_max": lambda s: _rho_max("all")(s).maximum(s.gamma_extremes[1]),
    "coefficient_max": lambda s: _largest(s),
    "signal_drive_min": lambda s: _signal_drive(s).amin(1),
    "rho_per_gamma_min": lambda s: s.rho_per_gamma.amin(1),
    "rho_per_gamma_max": lambda s: s.rho_per_gamma.amax(1),
    # > 0 where every gamma exceeds every own rho; the amount by which is the claim's margin.
    "signal_lead": lambda s: s.gamma_extremes[0] - _rho_max("all")(s),
    "margin_clean_min": lambda s: _min(s.margins, s.batch.kind("clean")),
    "margin_noisy_min": lambda s: _min(s.margins, s.batch.kind("noisy")),
    "margin_noisy_max": lambda s: _max(s.margins, s.batch.kind("noisy")),
    "margin_noisy_plus": lambda s: _mean(s.margins, s.batch.kind("noisy_plus")),
    "margin_noisy_minus": lambda s: _mean(s.margins, s.batch.kind("noisy_minus")),
    "margin_min": lambda s: s.margins.amin(1),
    "margin_mean": lambda s: s.margins.mean(1),
    "margin_error": _margin_error,
    "predicted_spread": _predicted_spread,
    "loss": lambda s: s.losses.mean(1),
    "loss_clean": lambda s: _mean(s.losses, s.batch.kind("clean")),
    "loss_noisy": lambda s: _mean(s.losses, s.batch.kind("noisy")),
    "loss_derivative_min": lambda s: s.loss_derivatives.amin(1),
    "loss_derivative_max": lambda s: s.loss_derivatives.amax(1),
    "accuracy": lambda s: (s.margins > 0).double().mean(1),
    "accuracy_clean": lambda s: _share(s.margins > 0, s.batch.kind("clean")),
    "accuracy_noisy": lambda s: _share(s.margins > 0, s.batch.kind("noisy")),
    "noisy_memorised": _memorised,
    "selection_precision": lambda s: _share(s.batch.kind("clean"), _selected(s)),
    "selection_recall": lambda s: _share(_selected(s), s.batch.kind("clean")),
    "projection_noise": _projection_noise,
    "projection_signal": _projection_signal,
    "signal_best": _signal_best,
    "noise_best": _noise_best,
}
