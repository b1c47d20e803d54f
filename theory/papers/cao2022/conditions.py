"""Condition 4.2, its two regimes, the times of the two theorems, and where their mechanism is measured.

Y. Cao, Z. Chen, M. Belkin, Q. Gu, "Benign Overfitting in Two-layer Convolutional Neural Networks", NeurIPS 2022,
arXiv 2202.06526. Its statements are recalled, and may be wrong in detail, but for the threshold and for sigma_0 being
bounded on both sides, which reviews and summaries say too. Logarithms are left out, so that all is weaker than what is
written.
"""

from typing import Any

import sympy as sp
from sympy import Eq, Max, Min, Rational, log, sqrt

from theory.papers.cao2022.dynamics import START, STEP
from theory.statements import Band, Condition, Source, sources
from theory.symbols import (
    SNR,
    C,
    d,
    declare,
    delta,
    eta,
    kappa,
    m,
    mu,
    n,
    sigma_0,
    sigma_xi,
    tau_minus,
    tau_plus,
)

REFERENCE = "Cao et al. 2022"
RECALLED = "logarithms left out"
POWERS = (3, 4)  # for which its statements are put to the test
q = declare("q", "q", "> 2", "power of the activation max(z, 0)^q", order="~")


recalled, secondary = sources(REFERENCE, "recalled", "secondary")


def derived(what: str) -> Source:
    return Source(provenance="derived", reference=what)


MECHANISM = derived("reduced dynamics of powers of the ReLU, docs/cao2022.md")

# How far n SNR^q must lie from the threshold of the reduced dynamics to count as Omega~(1): a factor of ten.
FAR = 10

# ---------------------------------------------------------------------------------------------------------------
# The times of the two theorems, but for a factor


def signal_time(power: sp.Expr | float) -> sp.Expr:
    """The first term of the time to L_S <= epsilon where the signal is learned: its plateau. The second is
    m^3/(eta epsilon |mu|^2)."""
    return m / (eta * sigma_0 ** (power - 2) * mu**power)


def noise_time(power: sp.Expr | float) -> sp.Expr:
    """The same where noise is memorized; the second is n m^3/(eta epsilon sigma_xi^2 d)."""
    return n * m / (eta * sigma_0 ** (power - 2) * (sigma_xi * sqrt(d)) ** power)


# ---------------------------------------------------------------------------------------------------------------
# Condition 4.2


def _condition(name: str, source: Source, statement: Any, says: str) -> Condition:
    return Condition(name=name, source=source, statement=statement, says=says)


def model(power: int) -> tuple[Condition, ...]:
    """Which activation, and that labels are clean."""
    source = secondary("the model")
    return (
        _condition(f"power-{power}", source, Eq(q, power), f"The activation is max(z, 0)^{power}."),
        *(
            _condition(f"clean-{sign}", source, Eq(tau, 0), "No label is flipped.")
            for sign, tau in (("plus", tau_plus), ("minus", tau_minus))
        ),
    )


def condition_4_2(power: int) -> tuple[Condition, ...]:
    """Condition 4.2 for one power."""
    inverse = Rational(1, power - 2)
    of_m, of_n = Max(2, 4 * inverse), Max(4, (2 * power - 2) * inverse)
    lengths = Min(1 / (sigma_xi * sqrt(d)), 1 / mu)
    both = secondary("Condition 4.2", "that sigma_0 is bounded on both sides; the powers are recalled")
    return (
        *model(power),
        _condition("4.2-dimension", recalled("Condition 4.2", RECALLED), d >= C * m**of_m * n**of_n,
                   "Noise patches are nearly orthogonal, by far."),
        _condition("4.2-neurons", recalled("Condition 4.2", "polylogarithmic there"), m >= C * log(n / delta),
                   "Some neuron starts aligned with each patch."),
        _condition("4.2-step", recalled("Condition 4.2", RECALLED), eta <= Min(1 / mu**2, 1 / (sigma_xi**2 * d)) / C,
                   "The step size is small."),
        _condition("4.2-initialization-low", both, sigma_0 >= C * n / sqrt(d) * lengths,
                   "The initial weights are not too small."),
        _condition("4.2-initialization-high", both,
                   sigma_0 <= m ** (-2 * inverse) * n ** -Max(1, inverse) * lengths / C,
                   "The initial weights are small."),
    )  # fmt: skip


def condition_benign(power: int) -> tuple[Condition, ...]:
    """Where the signal is learned."""
    rule = _condition("benign", secondary("Theorem 4.3", "n SNR^q is at least Omega~(1); the factor is ours"),
                      n * SNR**power >= 2 * FAR * C, "The signal outruns the noise.")  # fmt: skip
    return (*condition_4_2(power), rule)


def condition_harmful(power: int) -> tuple[Condition, ...]:
    """Where noise is memorized."""
    rule = _condition("harmful", secondary("Theorem 4.4", "n^-1 SNR^-q is at least Omega~(1); the factor is ours"),
                      n * SNR**power <= Rational(2, FAR) / C, "The noise outruns the signal.")  # fmt: skip
    return (*condition_4_2(power), rule)


# ---------------------------------------------------------------------------------------------------------------
# Where the mechanism shows

# Of overlaps with noise, by power: plateaus of some tens to hundreds in rescaled time; about the threshold shorter
# ones, so that many settings can be run; of noise alone, which is followed to its first coefficients only, longer ones.
STARTS = {3: (2e-3, 2e-2), 4: (2e-2, 1e-1)}
SHORT_STARTS = {3: (5e-3, 5e-2), 4: (4e-2, 2e-1)}
LOW_STARTS = {3: (5e-4, 1e-2), 4: (5e-3, 4e-2)}


def condition_mechanism(
    power: int, strength: tuple[float, float], starts: tuple[float, float], step: sp.Expr
) -> tuple[Condition, ...]:
    """What the reduced dynamics asks for, with n SNR^q, starts and the step size between numbers."""
    return (
        *model(power),
        _condition("mechanism-snr", MECHANISM, Band(n * SNR**power, *strength), "Signal and noise are this far apart."),
        _condition("mechanism-start", MECHANISM, Band(START, *starts), "Pre-activations start small."),
        _condition("mechanism-dimension", MECHANISM, d >= (100 * n / START) ** 2,
                   "Cross-talk stays below the start, also when patches are memorized."),
        _condition("mechanism-step", MECHANISM, step >= STEP, "One step changes little."),
        _condition("mechanism-signal-step", MECHANISM, STEP * kappa <= Rational(1, 20), "Nor of the signal."),
        _condition("mechanism-neurons", MECHANISM, m >= 11, "Every sample and every sign has an active neuron."),
    )  # fmt: skip


def condition_slow_signal(power: int) -> tuple[Condition, ...]:
    """Noise alone, on its plateau: larger steps change little there."""
    return condition_mechanism(power, (1e-4, 0.05), LOW_STARTS[power], Rational(1, 10))


def condition_fast_signal(power: int) -> tuple[Condition, ...]:
    """The signal alone, which starts below what is waited for, a coefficient of 1/4, and has a plateau of many steps:
    with many neurons the largest start is several standard deviations."""
    largest = sigma_0 * mu * sqrt(2 * log(m))
    pace = STEP * kappa * power / 4 * largest ** (power - 1)
    return (
        *condition_mechanism(power, (50, 1e3), STARTS[power], Rational(1, 20)),
        _condition("mechanism-signal-start", MECHANISM, largest <= Rational(1, 4),
                   "The largest start is below what is waited for."),
        _condition("mechanism-signal-plateau", MECHANISM, pace <= Rational(1, 160),
                   "It grows by a fortieth of that in a step, at most."),
    )  # fmt: skip


def condition_both_sides(power: int) -> tuple[Condition, ...]:
    """About the threshold."""
    return condition_mechanism(power, (0.1, 40), SHORT_STARTS[power], Rational(1, 20))
