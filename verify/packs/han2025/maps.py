"""What theory draws over a phase diagram of this paper, how long its runs take there, and a map of the literature."""

import math
from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
import pandas as pd
import sympy as sp

from numerics import Setting
from theory import evaluate, tau_minus, tau_plus
from theory.papers.han2025 import Reading
from theory.papers.han2025.meanfield import (
    limiting_error_threshold,
    noisy_ignored_threshold,
    signal_leads_threshold,
    stage_one_time,
)
from verify.maps import Grid, Line, Map
from verify.packs.kou2023.maps import heat_maps
from verify.predicted import curve

# A fresh-noise error is called harmful from here on. Kou et al. cut their heat map at 0.2, counted against flipped test
# labels: 0.1 + 0.8 e = 0.2 at e = 0.125.
HARMFUL = 0.125
SIGNAL_LEADS = ("stage1.signal-leads", "signal_lead_T1", "early_signal_lead_plus", "early_signal_lead_minus")
NOISY_IGNORED = (
    "stage1.noisy-ignored", "selection.log2", "margin_noisy_max_T1", "early_noisy_margin_plus",
    "early_noisy_margin_minus", "accuracy_noisy_T1", "selection_precision_T1", "selection_recall_T1",
    "error_spurious_T1", "error_training_noise_T1",
)  # fmt: skip
LATE_ERROR = ("error_spurious_end", "error_training_noise_end")


def slow(s: float, setting: Setting, map_: Map) -> float:
    """Rescaled time of a run of a map: near the thresholds the signal is slow; without drive T_1 never comes."""
    if map_.stage != "T1":
        return s
    rate = setting.kappa * (1 - 2 * max(setting.tau_plus, setting.tau_minus)) / 2
    return max(s, min(10.0, _stage_one()(max(rate, 0.05), map_.reading.order_one)))


@cache
def _stage_one() -> Callable[[float, float], float]:
    rate, level = sp.symbols("rate level", positive=True)
    return sp.lambdify([rate, level], stage_one_time(rate, level), modules="math")


def lines(map_: Map, name: str, grid: Grid, found: pd.DataFrame) -> list[Line]:
    """The lines that theory draws over what is shown under ``name``.

    Thresholds in closed form, and where these are limits as s -> 0, the same at T_1. For the error on fresh noise the
    level of n mu^4/(sigma_xi^4 d), whose constant is unnamed, that parts harmful from harmless cells best.
    """
    if name in SIGNAL_LEADS or name in NOISY_IGNORED:
        threshold = signal_leads_threshold if name in SIGNAL_LEADS else noisy_ignored_threshold
        labels = [threshold(tau) for tau in (tau_plus, tau_minus)]  # it must be met for both
        heights = grid.heights(lambda v: min(_log_ratio(evaluate(t.along, v), t.at) for t in labels))
        label = rf"$\kappa(1-2\tau_\pm)={float(labels[0].at):g}$"
        early = Line(name=label, kind="predicted", heights=heights)
        if name.startswith("early"):
            return [early]
        taus, critical = _label_threshold(name in SIGNAL_LEADS, map_.reading.order_one)

        def dated(values: Mapping[str, float]) -> float:
            ratio = values["n"] * values["mu"] ** 2 / (values["sigma_xi"] ** 2 * values["d"])
            both = [(1 - 2 * values[k], values[k]) for k in ("tau_plus", "tau_minus")]
            return min(_log_ratio(ratio * share, float(np.interp(tau, taus, critical))) for share, tau in both)

        return [early, Line(name="mean field at $T_1$", kind="at T1", heights=grid.heights(dated))]
    if name in LATE_ERROR:
        limit = limiting_error_threshold()
        heights = grid.heights(lambda v: _log_ratio(evaluate(limit.along, v), limit.at))
        return [Line(name=r"$\kappa(1-2\tau_+-2\tau_-)=1$", kind="predicted", heights=heights)]
    if name == "error_fresh_end":
        fitted = benign_level(found)
        if fitted is not None:
            level, wrong = fitted
            heights = grid.heights(lambda v: _log_ratio(_benign(v), level))
            label = rf"$n\|\mu\|^4={float(f'{level:.2g}'):g}\,\sigma_\xi^4d$"
            says = (
                f"Dashed orange: the benign boundary {label}. Its constant, unnamed in theory, is fitted to part cells"
                f" with an error above {HARMFUL:g} from the others; {wrong:.1%} of them lie on its wrong side."
            )
            return [Line(name=label, kind="fitted", heights=heights, says=says)]
    return []


@cache
def _label_threshold(leads: bool, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Flip probabilities, and the kappa (1 - 2 tau) from which on one label's mean field meets a claim at T_1.

    Of a label alone, dated by its own coefficients, since a map has any pair of taus;
    ``calibrate.meanfield_thresholds`` is dated by both labels together, as a run is. They agree where both flip alike.

    The closed thresholds are limits as s -> 0. By T_1, when the least coefficient reaches ``level``, clean samples pull
    less than noisy ones, so it takes more: found by bisection on the mean-field curve.

    Args:
        leads: gamma above every rho; else a noisy sample is ignored, gamma above rho_n/2.
    """
    s = np.concatenate([np.linspace(0, 4, 401), np.geomspace(4.01, 100, 300)])

    def ahead(product: float, tau: float) -> bool:
        found = curve(product / (1 - 2 * tau), tau, s)
        least = np.minimum(np.minimum(found.gamma, found.rho_clean), found.rho_noisy)
        if least[-1] < level:
            return False
        gamma, clean, noisy = (
            np.interp(level, least, x) for x in (found.gamma, found.rho_clean, found.rho_noisy)
        )  # every coefficient grows
        return bool(gamma > max(clean, noisy)) if leads else bool(gamma > noisy / 2)

    taus, critical = np.linspace(0, 0.45, 10), []
    for tau in taus:
        low, high = 0.5, 16.0
        while high > 1.005 * low:
            middle = math.sqrt(low * high)
            low, high = (low, middle) if ahead(middle, float(tau)) else (middle, high)
        critical.append(math.sqrt(low * high))
    return taus, np.array(critical)


def _log_ratio(value: float, at: float) -> float:
    return math.log(max(value, 1e-30) / float(at))


def _benign(values: Mapping[str, float]) -> float:
    return values["n"] * values["mu"] ** 4 / (values["sigma_xi"] ** 4 * values["d"])


def benign_level(found: pd.DataFrame, name: str = "error_fresh_end") -> tuple[float, float] | None:
    """The c for which n mu^4 = c sigma_xi^4 d parts the cells best into harmful and harmless.

    Returns:
        c and the share of cells on its wrong side; None where no c does half as badly as calling all cells alike.
    """
    seen = found[found[name].notna()]
    harmful = (seen[name] > HARMFUL).to_numpy()
    height = np.array([_benign(row) for row in seen.to_dict("records")])
    order = np.argsort(height)
    height, harmful = height[order], harmful[order]
    # Below c everything should be harmful, above it nothing.
    wrong = np.concatenate([[0], np.cumsum(~harmful)]) + np.concatenate([np.cumsum(harmful[::-1])[::-1], [0]])
    best = int(np.argmin(wrong))
    if not wrong[best] < min(harmful.sum(), (~harmful).sum()) / 2:  # no better than to call all cells alike
        return None
    low, high = height[max(best - 1, 0)], height[min(best, height.size - 1)]
    return float(np.sqrt(max(low, 1e-30) * high)), float(wrong[best] / height.size)


def presets() -> dict[str, Map]:
    """Maps of the literature."""
    return heat_maps(Reading(), "kou")
