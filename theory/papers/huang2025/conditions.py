"""Assumption 3.1, the times of the two theorems, and the conditions under which their mechanism is measured.

W. Huang, A. Han, Y. Song, Y. Chen, D. Wu, D. Zou, T. Suzuki, 2025, arXiv 2510.17526. The assumption and the theorems
were read word for word; their logarithms, which O~ and Omega~ hide, are left out here, so that all is weaker than what
is written. C is one and the same in all items, as it is in the last.
"""

from typing import Any

import sympy as sp
from sympy import Eq, Max, Min, Rational, log, sqrt

from theory.papers.huang2025.dynamics import STEP
from theory.papers.huang2025.reading import Reading
from theory.statements import Band, Condition, Source, sources
from theory.symbols import C, d, eta, horizon, kappa, m, mu, n, sigma_0, sigma_xi, tau_minus, tau_plus

REFERENCE = "Huang et al. 2025"
FLIPS = (("plus", "+1", tau_plus), ("minus", "-1", tau_minus))
LOGS = "logarithms left out"


stated, inferred = sources(REFERENCE, "stated", "inferred")


def derived(what: str) -> Source:
    return Source(provenance="derived", reference=what)


MECHANISM = derived("reduced dynamics of label-noise descent, docs/huang2025.md")

# ---------------------------------------------------------------------------------------------------------------
# The times. Logarithms count as 1 at least.

_LOG_NOISE = Max(1, log(1 / (sigma_0 * sigma_xi * sqrt(d))))
STAGE_ONE_TIME = n * m * _LOG_NOISE / (eta * sigma_xi**2 * d)
STAGE_TWO_TIME = m * Max(1, log(6 / (sigma_0 * mu))) / (eta * mu**2)
LABEL_NOISE_TIME = horizon * (STAGE_ONE_TIME + STAGE_TWO_TIME)  # of the theorem on label-noise descent


def _condition(name: str, source: Source, statement: Any, says: str) -> Condition:
    return Condition(name=name, source=source, statement=statement, says=says)


def sizes() -> tuple[Condition, ...]:
    """Assumption 3.1 but for the flips."""
    item = stated("Assumption 3.1", LOGS)
    return (
        _condition("3.1-dimension", item, d >= C * Max(n**2, n * mu**2 / sigma_xi**2),
                   "Noise patches are nearly orthogonal, and the signal-to-noise ratio is at most n^-1/2."),
        _condition("3.1-samples", item, n >= C, "There are samples."),
        _condition("3.1-neurons", item, m >= C, "There are neurons."),
        _condition("3.1-step", item, eta <= 1 / (C * sigma_xi**2 * d), "The step size is small."),
        _condition("3.1-initialization-low", item, sigma_0 >= C * n / (sigma_xi * d ** Rational(3, 4)),
                   "The initial weights are not too small."),
        _condition("3.1-initialization-high", item,
                   sigma_0 <= Min(1 / (mu * d ** Rational(5, 8)), 1 / (sigma_xi * sqrt(d))) / C,
                   "The initial weights are small."),
    )  # fmt: skip


def flips() -> tuple[Condition, ...]:
    """The rest of Assumption 3.1."""
    item = stated("Assumption 3.1", "one probability there, here that of either label")
    low = [
        _condition(f"3.1-flips-{sign}-low", item, tau >= C * log(d) / sqrt(m * n),
                   f"Labels {label} are flipped often enough at each step.")
        for sign, label, tau in FLIPS
    ]  # fmt: skip
    high = [
        _condition(f"3.1-flips-{sign}-high", item, tau <= 1 / C, f"Labels {label} are rarely flipped.")
        for sign, label, tau in FLIPS
    ]
    return (*low, *high)


def never_flipped() -> tuple[Condition, ...]:
    """Gradient descent."""
    source = stated("the theorem on gradient descent")
    return tuple(_condition(f"gd-{sign}", source, Eq(tau, 0), f"Labels {label} are never flipped.")
                 for sign, label, tau in FLIPS)  # fmt: skip


def assumption(reading: Reading = Reading()) -> tuple[Condition, ...]:
    """Assumption 3.1."""
    return (*sizes(), *flips())


def gradient_descent(reading: Reading = Reading()) -> tuple[Condition, ...]:
    """The same without flips."""
    return (*sizes(), *never_flipped())


# ---------------------------------------------------------------------------------------------------------------
# Where the mechanism shows: what the reduced dynamics asks for, and no more


def _kappa(low: float, high: float) -> Condition:
    return _condition("mechanism-snr", MECHANISM, Band(kappa, low, high), "The signal is slower than the noise.")


def _step(low: float, high: float) -> Condition:
    return _condition("mechanism-step", MECHANISM, Band(STEP, low, high), "One step changes a logarithm a little.")


def _orthogonal(factor: int) -> Condition:
    return _condition("mechanism-dimension", MECHANISM, d >= factor * n**2, "Noise patches are nearly orthogonal.")


def _start(low: float, high: float) -> Condition:
    pre_activation = sigma_0 * sigma_xi * sqrt(d)
    return _condition("mechanism-start", MECHANISM, Band(pre_activation, low, high), "Pre-activations start small.")


def _probability(low: float, high: float) -> tuple[Condition, ...]:
    return tuple(_condition(f"mechanism-flips-{sign}", MECHANISM, Band(tau, low, high), "Some labels are flipped.")
                 for sign, _, tau in FLIPS)  # fmt: skip


def _fixed(p: sp.Expr) -> tuple[Condition, ...]:
    return tuple(_condition(f"mechanism-flips-{sign}", MECHANISM, Eq(tau, p), f"Labels {label} flip with p = {p}.")
                 for sign, label, tau in FLIPS)  # fmt: skip


def _enough(samples: int) -> tuple[Condition, ...]:
    """With few neurons some sample or sign has none that starts active: 2^-m of each."""
    return (
        _condition("mechanism-samples", MECHANISM, n >= samples, "Chance averages out."),
        _condition("mechanism-neurons", MECHANISM, m >= 11, "Every sample and every sign has an active neuron."),
    )


# How many samples carry the stationary mean: its relative fluctuation over a time s is (lambda p (1 - p) n s)^-1/2.
def condition_growth() -> tuple[Condition, ...]:
    """Stage I, in which everything grows by a factor a step."""
    return (_kappa(0.02, 1), _orthogonal(20), _step(5e-3, 2e-2), _start(1e-7, 1e-4), *_probability(0.02, 0.2),
            *_enough(3))  # fmt: skip


def condition_plateau() -> tuple[Condition, ...]:
    """The plateau, at any probability: to compare with the constant of the derivation."""
    return (_kappa(0.02, 0.2), _orthogonal(20), _step(0.02, 0.08), _start(1e-4, 1e-2), *_probability(0.08, 0.3),
            *_enough(20))  # fmt: skip


def condition_plateau_rate() -> tuple[Condition, ...]:
    """The plateau at one probability, over all sizes: to fit exponents."""
    return (_kappa(0.02, 0.2), _orthogonal(20), _step(0.015, 0.15), _start(1e-4, 1e-2), *_fixed(RATE_P), *_enough(3))


def condition_late() -> tuple[Condition, ...]:
    """Larger steps than Assumption 3.1 has, and as many as :func:`late_time` says."""
    return (_kappa(0.2, 0.35), _orthogonal(20), _step(0.05, 0.2), _start(0.03, 0.1), *_fixed(LATE_P), *_enough(3))


def condition_late_descent() -> tuple[Condition, ...]:
    """The same for gradient descent."""
    return (*condition_late()[:4], *_enough(3), *never_flipped())


P = (tau_plus + tau_minus) / 2  # both are one in the paper
RATE_P = Rational(1, 5)
LATE_P = Rational(1, 5)
