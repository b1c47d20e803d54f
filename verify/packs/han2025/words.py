"""What this paper leaves open and how it is read, in words for the report."""

from collections.abc import Callable
from typing import Any

from theory.papers.han2025 import Reading, meanfield
from verify.notation import number


def says(reading: Reading) -> dict[str, list[dict[str, str]]]:
    """Rows of the report's tables of readings and of thresholds."""
    return {"readings": _readings(reading), "thresholds": _thresholds(reading)}


def _readings(r: Reading) -> list[dict[str, str]]:
    return [
        {
            "open": r"\kappa = n\,\mathrm{SNR}^2 = \Theta(1)",
            "name": "kappa_low, kappa_high",
            "ours": f"{r.kappa_low:g} ≤ κ(1−τ₊−τ₋) ≤ {r.kappa_high:g}",
            "why": "Which balance of signal and noise counts as of order one. See the thresholds below:"
            " the statements of Stage I hold only above them.",
        },
        {
            "open": r"\tau_+, \tau_- = \Theta(1) < 1/2",
            "name": "tau_low, tau_high",
            "ours": f"{r.tau_low:g} ≤ τ₊, τ₋ ≤ {r.tau_high:g}",
            "why": "Which flip probabilities count as of order one, below one half.",
        },
    ]


def _thresholds(reading: Reading) -> list[dict[str, str]]:
    """The thresholds of D6 and D7 beside the reading."""

    taus = (reading.tau_low, reading.tau_high)

    def at(solve: Callable[[float], Any]) -> str:
        values = [solve(tau) for tau in taus]
        shown = [number(float(v)) if v.is_finite and v > 0 else "none suffices" for v in values]
        return f"{shown[0]} (τ = {taus[0]:g}), {shown[1]} (τ = {taus[1]:g})"

    low, high = reading.kappa_low, reading.kappa_high
    leads, ignored = meanfield.signal_leads_threshold(), meanfield.noisy_ignored_threshold()
    return [
        {
            "what": "Signal leads in Stage I (γ > ρ̄)",
            "rule": r"\kappa(1-2\tau) > 2",
            "kappa": at(lambda t: meanfield.signal_leads_threshold(t).kappa),
            "reading": _against(float(leads.at), low, high),
        },
        {
            "what": "Noisy samples are predicted as their true label",
            "rule": r"\kappa(1-2\tau) > 2|S_i|/m \approx 1",
            "kappa": at(lambda t: meanfield.noisy_ignored_threshold(t).kappa),
            "reading": _against(float(ignored.at), low, high),
        },
        {
            "what": "Clean patches do no harm at convergence: the error tends to $|S_f|/(2n)$, and to 1/2 otherwise",
            "rule": r"\kappa(1-2\tau_+-2\tau_-) > 1",
            "kappa": at(lambda t: meanfield.limiting_error_threshold(t, t).kappa),
            "reading": "depends on both flip probabilities",
        },
    ]


def _against(at: float, low: float, high: float) -> str:
    if low >= at:
        return f"all of {low:g} to {high:g} lies above"
    return f"all of {low:g} to {high:g} lies below" if high <= at else f"{low:g} to {high:g} lies on both sides"
