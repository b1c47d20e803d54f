"""Numbers per run that this paper's claims speak of: at the end of a run, however it ends, and growth of logarithms."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import sympy as sp

from numerics import OBSERVABLES, Observable, Trajectory
from numerics.generalization import generalization, losses_on_test_points
from numerics.observables import at, formula, on_test_points, reading
from theory.papers.huang2025.dynamics import late_correction
from theory.symbols import d, eta, m, n, sigma_xi

_P = sp.Symbol("p")


def _log_growth(series: str) -> Callable[[Trajectory], np.ndarray]:
    """Of the logarithm of a series per step, from the start to the early moment."""

    latex = rf"\frac{{1}}{{T_0}} \log \frac{{u^{{(T_0)}}}}{{u^{{(0)}}}},\ u = {formula(series)}"

    @reading(series, "rho_own_mean", latex=latex)
    def rate(run: Trajectory) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):  # a sign none of whose neurons sees the signal
            return np.log(run.at("early", series) / run.series[series][:, 0]) / run.time("early")

    return rate


_LATE = r"\frac{1}{T - T_h} \log \frac{u^{(T)}}{u^{(T_h)}}"
_HALF = rf"u = {formula('signal_best')},\ T_h \text{{ the first recorded }} t \ge T/2"


@reading("signal_best", latex=rf"{_LATE},\ {_HALF}")
def _late_growth(run: Trajectory) -> np.ndarray:
    """Of the logarithm of the best overlap with the signal per step, over the second half of the run."""
    last = run.index("end")
    half = np.searchsorted(run.times, run.last / 2)
    rows = np.arange(len(last))
    seen = run.series["signal_best"]
    with np.errstate(invalid="ignore", divide="ignore"):
        gained = np.log(seen[rows, last] / seen[rows, half])
    return np.where(last > half, gained / np.maximum(run.times[last] - run.times[half], 1), np.nan)


@reading()
def _logarithm_of_start(run: Trajectory) -> np.ndarray:
    """How often 1/lambda steps the mean own overlap, (2/pi)^1/2 sigma_0 sigma_xi d^1/2 at first, takes to gain 0.01."""
    start = np.array([(2 / np.pi) ** 0.5 * s.sigma_0 * s.sigma_xi * s.d**0.5 for s in run.settings])
    return np.log1p(0.01 / start) / np.array([1 - s.tau_plus - s.tau_minus for s in run.settings])


_CORRECTION = sp.lambdify([eta, sigma_xi, d, n, m, _P], late_correction(_P))


@reading(
    "signal_best",
    latex=r"\left(1 + \lambda \left(2p(1-p) \log\frac{1-p}{p} + \frac{4}{3}(1-2p)\right)\right)^{-1}"
    rf" {_LATE},\ \lambda = \frac{{\eta \sigma_\xi^2 d}}{{nm}},\ p = \frac{{\tau_+ + \tau_-}}{{2}},\ {_HALF}",
)
def _late_growth_limit(run: Trajectory) -> np.ndarray:
    """The same over what the next order in the step size adds to it."""
    added = [
        _CORRECTION(s.eta, s.sigma_xi, s.d, s.n, s.m, p) if (p := (s.tau_plus + s.tau_minus) / 2) else np.nan
        for s in run.settings
    ]
    return _late_growth(run) / np.array(added)


_ALWAYS = {"stage": "end", "premises": ()}  # however the run ends
OWN = (
    Observable(name="loss_final", says="training loss on the true labels when the run ended", compute=at("end", "loss"),
               **_ALWAYS),
    Observable(name="margin_mean_final", says="mean margin when the run ended", compute=at("end", "margin_mean"),
               **_ALWAYS),
    Observable(name="signal_best_final", says="least over signs of the best overlap with the signal when the run ended",
               compute=at("end", "signal_best"), **_ALWAYS),
    Observable(name="error_fresh_final", latex=on_test_points("fresh", "end", r"\mathbb{P}[y f(x) < 0]"),
               says="test error on fresh noise patches when the run ended",
               compute=reading()(lambda run: generalization(run, "end").fresh), **_ALWAYS),
    Observable(name="test_loss_final", latex=on_test_points("fresh", "end", r"\mathbb{E}\,\ell(y f(x))"),
               says="test loss on fresh noise patches when the run ended",
               compute=reading()(lambda run: losses_on_test_points(run, "end").fresh), **_ALWAYS),
    Observable(name="logarithm_of_start", latex=r"\frac{\log(1 + 0.01/u)}{1 - \tau_+ - \tau_-},"
               r"\ u = \sqrt{2/\pi}\, \sigma_0 \sigma_\xi \sqrt{d}",
               says="derived log of 0.01 over the start, over 1 - 2p", stage="start",
               compute=_logarithm_of_start),
    Observable(name="noise_log_growth", says="growth of log <w, xi_i> of the best own neuron per step, early",
               stage="early", compute=_log_growth("noise_best")),
    Observable(name="signal_log_growth", says="growth of log |<w, mu>| of the best neuron per step, early",
               stage="early", compute=_log_growth("signal_best")),
    Observable(name="late_signal_growth", says="the same over the second half of the run", compute=_late_growth,
               **_ALWAYS),
    Observable(name="late_signal_growth_limit", says="the same, freed of its next order in the step size",
               compute=_late_growth_limit, **_ALWAYS),
)  # fmt: skip

# Runs of this paper end at a time: what dates "the end" dates that.
_TIMED = {
    "converged": {
        "says": "1 if the run came to the time $s_T$ at which it was to end",
        "latex": r"1 \text{ if } s \ge s_T \text{ at some } t, \text{ else } 0",
    },
    "convergence_time": {
        "says": "the iteration at which it did",
        "latex": r"\min\{t: s \ge s_T\}",
    },
}


def observables() -> Mapping[str, Observable]:
    """All that claims of this paper may speak of."""
    held = {name: replace(o, **_TIMED.get(name, {})) for name, o in OBSERVABLES.items()}
    return held | {o.name: o for o in OWN}
