"""How numbers, intervals and parameters are written in a text, for whatever is shown."""

import math
import re

from theory.symbols import parameter, table
from verify.fit import Interval


def number(value: float) -> str:
    """Three digits."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if abs(value) < 1e5 and (value == int(value) or abs(value) >= 1e3):
        return f"{value:.0f}".replace("-", "−")
    digits, _, power = f"{value:.3g}".partition("e")
    if not power:
        return digits.replace("-", "−")
    raised = "10" + str(int(power)).translate(_RAISED)
    return raised if digits == "1" else f"{digits}·{raised}".replace("-", "−")


_RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def signed(value: float, digits: int | None = None) -> str:
    text = f"{value:+g}" if digits is None else f"{value:+.{digits}f}"
    if not float(text):
        return text.lstrip("+-") if digits else "0"
    return text.replace("-", "−")


def interval(held: Interval, sign: bool = False) -> str:
    if sign:
        return f"{signed(held.value, 2)} [{signed(held.low, 2)}, {signed(held.high, 2)}]"
    return f"{number(held.value)} [{number(held.low)}, {number(held.high)}]"


MU = parameter("mu").latex
_OTHERS = {
    "tau": r"\tau", "kappa": r"\kappa", "gamma": r"\gamma", "rho": r"\rho", "alpha": r"\alpha", "beta": r"\beta",
    "sigma": r"\sigma", "Theta": r"\Theta", "tau_+": r"\tau_+", "tau_-": r"\tau_-", "T_1": "T_1", "S_f": "S_f",
    "S_t": "S_t", "L_S": "L_S",
}  # fmt: skip


def latex() -> dict[str, str]:
    """LaTeX of the parameters and kappa. Asked for each time: papers and theorems declare symbols of their own."""
    return {p.name: p.latex for p in table()} | {"kappa": _OTHERS["kappa"]}


def names() -> dict[str, str]:
    """LaTeX of what stands in sentences and tables, asked for each time likewise."""
    return latex() | _OTHERS


def symbol(name: str) -> str:
    """A parameter as text: ``σ_ξ``."""
    from theory.formulas import plain  # workers, which show nothing, do without

    known = names()
    return plain(known[name]) if name in known else name


def notation(name: str) -> str:
    """A parameter as a piece of a text in which $...$ is LaTeX."""
    known = names()
    return f"${known[name]}$" if name in known else name


# How axes and captions call what is measured: a name without its moment, and the moment.
_MEASURED = {
    "order_one_time": "$T_1$", "convergence_time": r"$T_\varepsilon$", "overtake_time": "time of overtaking",
    "signal_growth": r"$\Delta\gamma/\Delta t$", "noise_growth": r"$\Delta\bar\rho/\Delta t$",
    "noise_norm_min": r"least $\|\xi_i\|^2$", "noise_norm_max": r"largest $\|\xi_i\|^2$",
    "noise_cross_max": r"largest $|\langle\xi_i,\xi_k\rangle|$",
    "noise_signal_max": r"largest $|\langle\xi_i,\mu\rangle|$",
    "init_signal_max": r"largest $|\langle w_0,\mu\rangle|$",
    "init_signal_best": r"least over $j$ of $\max_r\, j\langle w_0,\mu\rangle$",
    "init_noise_max": r"largest $|\langle w_0,\xi_i\rangle|$",
    "init_noise_best": r"least over $i, j$ of $\max_r\, j\langle w_0,\xi_i\rangle$",
    "active_neurons_share": "least share of active neurons", "active_samples_share": "least share of active samples",
    "flip_share": "$|S_f|/n$",
    "early_signal_lead_plus": r"$\gamma/\bar\rho-1$, early, $y=+1$",
    "early_signal_lead_minus": r"$\gamma/\bar\rho-1$, early, $y=-1$",
    "early_noisy_margin_plus": r"$\tilde y f/\bar\rho$ of flipped, early, $y=+1$",
    "early_noisy_margin_minus": r"$\tilde y f/\bar\rho$ of flipped, early, $y=-1$",
    "coefficient_min": r"least $\gamma$ or $\bar\rho$", "coefficient_max": r"largest $\gamma$ or $\bar\rho$",
    "gamma_plus": r"mean $\gamma$, $j=+1$", "gamma_minus": r"mean $\gamma$, $j=-1$",
    "rho_clean_plus": r"mean $\bar\rho$ of clean, $y=+1$", "rho_clean_minus": r"mean $\bar\rho$ of clean, $y=-1$",
    "rho_noisy_plus": r"mean $\bar\rho$ of flipped, $y=+1$", "rho_noisy_minus": r"mean $\bar\rho$ of flipped, $y=-1$",
    "gamma_min": r"$\min\,\gamma$", "gamma_max": r"$\max\,\gamma$", "rho_max": r"$\max\,\rho$",
    "rho_negative": r"$\max\,(-\rho)$", "rho_min_beyond_beta": r"$\min\,\rho+\beta$",
    "rho_noisy_max": r"$\max\,\bar\rho$ of flipped", "rho_own_mean": r"mean $\bar\rho$",
    "rho_per_gamma_min": r"$\min\,\sum_i\bar\rho_i/\gamma$", "rho_per_gamma_max": r"$\max\,\sum_i\bar\rho_i/\gamma$",
    "signal_lead": r"$\min\,\gamma-\max\,\bar\rho$",
    "signal_drive_min": r"$\min\,\Delta\gamma\cdot m/(\eta\|\mu\|^2)$",
    "margin_min": r"$\min\,\tilde y_if_i$", "margin_clean_min": r"$\min\,\tilde y_if_i$ of clean",
    "margin_noisy_max": r"$\max\,\tilde y_if_i$ of flipped", "margin_mean": r"mean $\tilde y_if_i$",
    "margin_error": "gap of Lemma 5.1", "predicted_spread": "spread of predicted margins",
    "loss_derivative_min": "$\\min\\,g_i$", "loss_derivative_ratio": r"$\max\,g_i/\min\,g_k$",
    "derivative_by_time": r"$\max\,s\,g_i$", "loss": "$L_S$", "loss_clean": "$L_S$ on clean",
    "loss_noisy": "$L_S$ on flipped",
    "projection_noise": r"$\max\,|\langle w_t-w_0,\xi_i\rangle-\rho_i|$",
    "projection_signal": r"$\max\,|\langle w_t-w_0,\mu\rangle-j\gamma|$",
    "accuracy": "accuracy", "accuracy_clean": "accuracy on clean", "accuracy_noisy": "accuracy on flipped",
    "error_spurious": r"error on $D_\mathrm{test}$", "error_fresh": "error on fresh noise",
    "error_training_noise": "error on the training noise",
    "spurious_excess": r"error on $D_\mathrm{test}$ $-\,|S_f|/2n$",
    "fresh_excess": "error on fresh noise $-\\,|S_f|/2n$",
    "spurious_exponent": r"exponent of the $D_\mathrm{test}$ error", "noisy_memorised": "share memorised",
    "recursion_residual": "residual of the recursion", "conservation_residual": "residual of the conservation law",
}  # fmt: skip
_MOMENTS = {
    "T1": " at $T_1$", "end": " at the end", "final": " at the end", "early": ", early", "run": "", "growth": "",
    "stage1": " up to $T_1$", "stage2": " from $T_1$ on",
}  # fmt: skip


def called(observable: str) -> str:
    """An observable, or a series, as a piece of a text in which $...$ is LaTeX; one that has no symbol in words, in
    which parameters and coefficients have theirs."""
    stem, _, moment = observable.rpartition("_")
    if observable in _MEASURED:
        return _MEASURED[observable]
    if moment in _MOMENTS and stem:
        return called(stem) + _MOMENTS[moment]
    return " ".join(map(notation, re.sub(r"[_\s]+", " ", observable).split(" ")))
