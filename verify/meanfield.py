"""The mean-field curve of ``theory.meanfield`` in numbers, and how far runs are from it (D5)."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import sympy as sp
from scipy.integrate import solve_ivp

from numerics.engine import Trajectory
from numerics.model import Setting
from numerics.observables import Observable
from theory import epsilon, meanfield, tau_minus, tau_plus


@lru_cache(maxsize=1)
def _right_hand_side():
    dynamics = meanfield.dynamics()
    arguments = [meanfield.kappa_free, meanfield.tau_free, *dynamics.state]
    return sp.lambdify(arguments, dynamics.right_hand_side, modules="numpy")


@dataclass(frozen=True, kw_only=True)
class Curve:
    """gamma, rho_c and rho_n of one true label, each at the times asked for."""

    gamma: np.ndarray
    rho_clean: np.ndarray
    rho_noisy: np.ndarray


def curve(kappa: float, tau: float, s: np.ndarray) -> Curve:
    """The mean field of the true label with flip probability ``tau`` at rescaled times ``s`` (increasing, >= 0)."""
    s = np.asarray(s, dtype=float)
    # The right-hand side overflows harmlessly to 0 in exp for large margins; LSODA meets the stiff tail.
    with np.errstate(over="ignore"):
        solution = solve_ivp(
            lambda _, state: _right_hand_side()(kappa, tau, *state),
            (0.0, max(float(s[-1]), 1e-9)),
            np.zeros(3),
            method="LSODA",
            t_eval=s,
            rtol=1e-7,
            atol=1e-9,
        )
    return Curve(gamma=solution.y[0], rho_clean=solution.y[1], rho_noisy=solution.y[2])


def curves(setting: Setting, s: np.ndarray) -> dict[str, np.ndarray]:
    """The mean field of both labels, by the name of the recorded series that it predicts."""
    plus = curve(setting.kappa, setting.tau_plus, s)
    minus = curve(setting.kappa, setting.tau_minus, s)
    return {
        "gamma_plus": plus.gamma,
        "gamma_minus": minus.gamma,
        "rho_clean_plus": plus.rho_clean,
        "rho_clean_minus": minus.rho_clean,
        "rho_noisy_plus": plus.rho_noisy,
        "rho_noisy_minus": minus.rho_noisy,
    }


def _gap(trajectory: Trajectory) -> np.ndarray:
    gaps = np.full(len(trajectory.settings), np.nan)
    known: dict[tuple, dict[str, np.ndarray]] = {}
    for run, setting in enumerate(trajectory.settings):
        s = trajectory.times * setting.time_scale
        key = (setting.kappa, setting.tau_plus, setting.tau_minus, setting.time_scale)
        if key not in known:
            known[key] = curves(setting, s)
        relative = [
            np.abs(trajectory.series[name][run] - predicted) / (1 + predicted) for name, predicted in known[key].items()
        ]
        stacked = np.concatenate(relative)
        if not np.isnan(stacked).all():
            gaps[run] = np.nanmax(stacked)
    return gaps


@lru_cache(maxsize=1)
def _constants():
    rate, level = sp.symbols("rate level", positive=True)
    one = sp.lambdify([rate, level], meanfield.stage_one_time(rate, level), modules="numpy")
    two = sp.lambdify([meanfield.kappa_free, meanfield.tau_free], meanfield.late_loss(), modules="numpy")
    return one, two


def _by_label(trajectory: Trajectory) -> np.ndarray:
    """Per run and label: the share of the samples, and its flipped part. Shape (runs, 2 labels, 2)."""
    rows = []
    for sample in trajectory.samples:
        rows.append([[(sample.y == c).mean(), ((sample.y == c) & sample.noisy).mean()] for c in (1.0, -1.0)])
    return np.array(rows)


def _signal_constant(trajectory: Trajectory) -> np.ndarray:
    """(1/n) sum_i y_i y~_i: what drives the mean signal coefficient. NaN where the flips cancel it."""
    shares = _by_label(trajectory)
    pull = (shares[..., 0] - 2 * shares[..., 1]).sum(1)
    return np.where(pull > 0, pull, np.nan)


def _stage_one_constant(trajectory: Trajectory) -> np.ndarray:
    """s at T_1 from the run's own labels; NaN where a label's signal has no positive drive."""
    kappa = np.array([setting.kappa for setting in trajectory.settings])
    shares = _by_label(trajectory)
    rate = kappa[:, None] * (shares[..., 0] - 2 * shares[..., 1])
    level = trajectory.events["T1"].value[0]
    time = _constants()[0](np.maximum(rate, 1e-3), level).max(1)
    return np.where((rate > 0).all(1), time, np.nan)


def _stage_two_constant(trajectory: Trajectory) -> np.ndarray:
    """lim s L from the run's own labels."""
    kappa = np.array([setting.kappa for setting in trajectory.settings])
    share, flipped = np.moveaxis(_by_label(trajectory), 2, 0)
    tau = flipped / np.maximum(share, 1e-12)
    return (share * _constants()[1](2 * share * kappa[:, None], tau)).sum(1)


MEANFIELD = tuple(
    Observable(name=name, says=says, stage=stage, compute=compute)
    for name, stage, compute, says in (
        ("meanfield_gap", "end", _gap, "largest gap of class means to the mean-field curve, over 1 + the curve"),
        ("constant_signal", "early", _signal_constant, "mean field: the constant hidden in the signal's growth"),
        ("constant_stage_one", "T1", _stage_one_constant, "mean field: the constant hidden in T_1"),
        ("constant_stage_two", "end", _stage_two_constant, "mean field: the constant hidden in the Stage II time"),
    )
)


@lru_cache(maxsize=1)
def _stage_two_time():
    late = meanfield.stage_two_time(meanfield.kappa_free, tau_plus, tau_minus)
    return sp.lambdify([meanfield.kappa_free, tau_plus, tau_minus, epsilon], late, modules="math")


def convergence_time(kappa: float, tau_plus: float, tau_minus: float, target: float) -> float:
    """Rescaled time to L_S <= target in the mean field: leading order, plus 15 for overtaking the signal."""
    return _stage_two_time()(kappa, tau_plus, tau_minus, target) + 15.0
