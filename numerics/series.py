"""What is recorded along a run: one number per run and recorded time, by name.

A recorder is a function of :class:`numerics.state.State`. "Own" pairs are the (i, r) with j = y~_i and
<w^(0)_{y~_i,r}, xi_i> > 0, those that Theorem 4.1 speaks of. A minimum over nothing is +inf and a maximum -inf,
so that "all noisy samples are ignored" is vacuous, not false, where no label was flipped; a mean over nothing is
NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, log, nan
from typing import TYPE_CHECKING, Any

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


@dataclass(frozen=True)
class Series:
    """A number along a run: its formula, in the letters of :data:`NOTATION`, and what computes it."""

    latex: str
    record: Recorder

    def __call__(self, state: State) -> Tensor:
        return self.record(state)

    def __repr__(self) -> str:
        return f"Series({self.latex})"


class Listed(dict[str, Any]):
    """Series or observables by name, which show their formulas in a notebook and their names elsewhere."""

    def __repr__(self) -> str:
        return f"{len(self)}: {', '.join(self)}" if len(self) < 8 else f"{len(self)}: {', '.join([*self][:8])}, …"

    def _repr_markdown_(self) -> str:
        def cell(latex: str) -> str:
            return latex.replace(r"\|", r"\Vert ").replace("|", r"\vert ")  # a bar would end it

        rows = [f"| `{name}` | ${cell(one.latex)}$ |" for name, one in self.items()]
        return "\n".join(["| name | formula |", "|---|---|", *rows])


# What the formulas of series and observables are written in: LaTeX, and what it is.
NOTATION: tuple[tuple[str, str], ...] = (
    (r"y_i,\ \tilde y_i", "true and observed label of sample i"),
    (r"S_t,\ S_f", r"the clean and the flipped samples; $S_t^{\pm}$, $S_f^{\pm}$: those of true label ±1"),
    (r"w_{j,r}", "weights of neuron r = 1..m of the output sign j = ±1; $w^{(0)}_{j,r}$ at initialization"),
    (r"\gamma_{j,r}", "signal coefficient; of several signals added up with the sign of their label"),
    (r"\rho_{j,r,i}", "noise coefficient of patch i"),
    (r"\bar\rho_{j,r,i}", "its positive part"),
    (r"O", r"own pairs (i, r): $\langle w^{(0)}_{\tilde y_i,r}, \xi_i\rangle > 0$; $O_t$, $O_f$: those of clean and of"
           r" flipped samples, $O_t^{\pm}$, $O_f^{\pm}$: of true label ±1"),
    (r"f(x_i)", r"output of the network; $\tilde y_i f(x_i)$ is the margin of sample i"),
    (r"\ell,\ g_i", "loss, and minus its derivative at the margin of sample i; $L_S$ is the mean loss"),
    (r"p_i", "margin that the coefficients predict:"
             r" $\frac{1}{m}\sum_r \bar\rho_{\tilde y_i,r,i} + \frac{y_i \tilde y_i}{m}\sum_r \gamma_{y_i,r}$"),
    (r"T_0,\ T_1,\ T",
     r"the first iterations at which the mean own $\rho$ is $c_1/25$, and every $\gamma_{j,r}$ and own $\rho$ is $c_1$"
     r" (order_one of a reading); the last one of the run"),
    (r"\kappa", r"signal over noise, $n \|\mu\|^2/(\sigma_\xi^2 d)$"),
    (r"t,\ s", r"iteration, and rescaled time $s = \eta t \sigma_\xi^2 d/(n m)$"),
)  # fmt: skip


def _over(symbol: str, over: str, value: str) -> str:
    return rf"\{symbol}_{{{over}}} {value}"


def _mean_of(over: str, value: str) -> str:
    return rf"\frac{{1}}{{|{over}|}} \sum_{{i \in {over}}} {value}"


def _mean_own(over: str) -> str:
    return rf"\frac{{1}}{{|{over}|}} \sum_{{(i,r) \in {over}}} {_RHO}"


def _share_of(over: str, which: str) -> str:
    return rf"\frac{{|\{{i \in {over}: {which}\}}|}}{{|{over}|}}"


_RHO, _MARGIN = r"\rho_{\tilde y_i,r,i}", r"\tilde y_i f(x_i)"
_ON = r"\langle w_{j,r}, \mu\rangle"
_DRIVE = rf"\frac{{1}}{{n}} \sum_{{i: y_i {_ON} > 0}} y_i \tilde y_i g_i"
_PER_GAMMA = r"\frac{\sum_i \bar\rho_{j,r,i}}{\gamma_{j,r}}"
_SELECTED = r"\ell(\tilde y_i f(x_i)) \le \log 2"

SERIES: dict[str, Series] = Listed(
    {
        "elapsed": Series(r"s = \frac{\eta t \sigma_\xi^2 d}{n m}", lambda s: s.batch.time_scale * s.time),
        "gamma_min": Series(r"\min_{j,r} \gamma_{j,r}", lambda s: s.gamma_extremes[0]),
        "gamma_max": Series(r"\max_{j,r} \gamma_{j,r}", lambda s: s.gamma_extremes[1]),
        "gamma_plus": Series(r"\frac{1}{m} \sum_r \gamma_{+1,r}", lambda s: s.gamma[:, 0].mean(1)),
        "gamma_minus": Series(r"\frac{1}{m} \sum_r \gamma_{-1,r}", lambda s: s.gamma[:, 1].mean(1)),
        "rho_own_min": Series(_over("min", r"(i,r) \in O", _RHO), _rho_min("all")),
        "rho_own_max": Series(_over("max", r"(i,r) \in O", _RHO), _rho_max("all")),
        "rho_own_mean": Series(_mean_own("O"), _rho_mean("all")),
        "rho_clean_max": Series(_over("max", r"(i,r) \in O_t", _RHO), _rho_max("clean")),
        "rho_clean_mean": Series(_mean_own("O_t"), _rho_mean("clean")),
        "rho_noisy_max": Series(_over("max", r"(i,r) \in O_f", _RHO), _rho_max("noisy")),
        "rho_noisy_min": Series(_over("min", r"(i,r) \in O_f", _RHO), _rho_min("noisy")),
        "rho_noisy_mean": Series(_mean_own("O_f"), _rho_mean("noisy")),
        "rho_clean_plus": Series(_mean_own("O_t^{+}"), _rho_mean("clean_plus")),
        "rho_clean_minus": Series(_mean_own("O_t^{-}"), _rho_mean("clean_minus")),
        "rho_noisy_plus": Series(_mean_own("O_f^{+}"), _rho_mean("noisy_plus")),
        "rho_noisy_minus": Series(_mean_own("O_f^{-}"), _rho_mean("noisy_minus")),
        "rho_max": Series(r"\max_{j,r,i} \rho_{j,r,i}", lambda s: s.rho_extremes[1]),
        "rho_min": Series(r"\min_{j,r,i} \rho_{j,r,i}", lambda s: s.rho_extremes[0]),
        "coefficient_min": Series(
            rf"\min\left(\min_{{(i,r) \in O}} {_RHO},\ \min_{{j,r}} \gamma_{{j,r}}\right)",
            lambda s: _rho_min("all")(s).minimum(s.gamma_extremes[0]),
        ),
        "coefficient_own_max": Series(
            rf"\max\left(\max_{{(i,r) \in O}} {_RHO},\ \max_{{j,r}} \gamma_{{j,r}}\right)",
            lambda s: _rho_max("all")(s).maximum(s.gamma_extremes[1]),
        ),
        "coefficient_max": Series(
            r"\max\left(\max_{j,r,i} |\rho_{j,r,i}|,\ \max_{j,r} |\gamma_{j,r}|\right)", lambda s: _largest(s)
        ),
        "signal_drive_min": Series(rf"\min_{{j,r}} {_DRIVE}", lambda s: _signal_drive(s).amin(1)),
        "rho_per_gamma_min": Series(rf"\min_{{j,r}} {_PER_GAMMA}", lambda s: s.rho_per_gamma.amin(1)),
        "rho_per_gamma_max": Series(rf"\max_{{j,r}} {_PER_GAMMA}", lambda s: s.rho_per_gamma.amax(1)),
        # > 0 where every gamma exceeds every own rho; the amount by which is the claim's margin.
        "signal_lead": Series(
            rf"\min_{{j,r}} \gamma_{{j,r}} - \max_{{(i,r) \in O}} {_RHO}",
            lambda s: s.gamma_extremes[0] - _rho_max("all")(s),
        ),
        "margin_clean_min": Series(
            _over("min", r"i \in S_t", _MARGIN), lambda s: _min(s.margins, s.batch.kind("clean"))
        ),
        "margin_noisy_min": Series(
            _over("min", r"i \in S_f", _MARGIN), lambda s: _min(s.margins, s.batch.kind("noisy"))
        ),
        "margin_noisy_max": Series(
            _over("max", r"i \in S_f", _MARGIN), lambda s: _max(s.margins, s.batch.kind("noisy"))
        ),
        "margin_noisy_plus": Series(
            _mean_of("S_f^{+}", _MARGIN), lambda s: _mean(s.margins, s.batch.kind("noisy_plus"))
        ),
        "margin_noisy_minus": Series(
            _mean_of("S_f^{-}", _MARGIN), lambda s: _mean(s.margins, s.batch.kind("noisy_minus"))
        ),
        "margin_min": Series(_over("min", "i", _MARGIN), lambda s: s.margins.amin(1)),
        "margin_mean": Series(rf"\frac{{1}}{{n}} \sum_i {_MARGIN}", lambda s: s.margins.mean(1)),
        "margin_error": Series(rf"\max_i |{_MARGIN} - p_i|", _margin_error),
        "predicted_spread": Series(r"\max_i p_i - \min_i p_i", _predicted_spread),
        "loss": Series(rf"L_S = \frac{{1}}{{n}} \sum_i \ell({_MARGIN})", lambda s: s.losses.mean(1)),
        "loss_clean": Series(_mean_of("S_t", rf"\ell({_MARGIN})"), lambda s: _mean(s.losses, s.batch.kind("clean"))),
        "loss_noisy": Series(_mean_of("S_f", rf"\ell({_MARGIN})"), lambda s: _mean(s.losses, s.batch.kind("noisy"))),
        "loss_derivative_min": Series(r"\min_i g_i", lambda s: s.loss_derivatives.amin(1)),
        "loss_derivative_max": Series(r"\max_i g_i", lambda s: s.loss_derivatives.amax(1)),
        "accuracy": Series(rf"\frac{{|\{{i: {_MARGIN} > 0\}}|}}{{n}}", lambda s: (s.margins > 0).double().mean(1)),
        "accuracy_clean": Series(
            _share_of("S_t", rf"{_MARGIN} > 0"), lambda s: _share(s.margins > 0, s.batch.kind("clean"))
        ),
        "accuracy_noisy": Series(
            _share_of("S_f", rf"{_MARGIN} > 0"), lambda s: _share(s.margins > 0, s.batch.kind("noisy"))
        ),
        "noisy_memorised": Series(
            r"\frac{1}{n} \left|\left\{i \in S_f: \tilde y_i f(x_i) \ge 0,"
            r"\ \frac{1}{m} \sum_r \bar\rho_{\tilde y_i,r,i} >"
            r" \frac{1}{m} \sum_r \gamma_{-\tilde y_i,r}\right\}\right|",
            _memorised,
        ),
        "selection_precision": Series(
            rf"\frac{{|\{{i \in S_t: {_SELECTED}\}}|}}{{|\{{i: {_SELECTED}\}}|}}",
            lambda s: _share(s.batch.kind("clean"), _selected(s)),
        ),
        "selection_recall": Series(_share_of("S_t", _SELECTED), lambda s: _share(_selected(s), s.batch.kind("clean"))),
        "projection_noise": Series(
            r"\max_{j,r,i} |\langle w_{j,r} - w^{(0)}_{j,r}, \xi_i\rangle - \rho_{j,r,i}|", _projection_noise
        ),
        "projection_signal": Series(
            r"\max_{j,r} |\langle w_{j,r} - w^{(0)}_{j,r}, \mu\rangle - j \gamma_{j,r}|", _projection_signal
        ),
        "signal_best": Series(rf"\min_j \max_r j {_ON}", _signal_best),
        "noise_best": Series(r"\frac{1}{n} \sum_i \max_r \langle w_{\tilde y_i,r}, \xi_i\rangle", _noise_best),
    }
)
