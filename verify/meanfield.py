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


MEANFIELD_GAP = Observable(
    name="meanfield_gap",
    says="largest gap between class means and the mean-field curve, over 1 + the curve",
    stage="end",
    compute=_gap,
)


@lru_cache(maxsize=1)
def _stage_two_time():
    late = meanfield.stage_two_time(meanfield.kappa_free, tau_plus, tau_minus)
    return sp.lambdify([meanfield.kappa_free, tau_plus, tau_minus, epsilon], late, modules="math")


def convergence_time(kappa: float, tau_plus: float, tau_minus: float, target: float) -> float:
    """Rescaled time to L_S <= target in the mean field: leading order, plus 15 for overtaking the signal."""
    return _stage_two_time()(kappa, tau_plus, tau_minus, target) + 15.0
