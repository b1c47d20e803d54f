"""The conditions of the papers that this one builds on, to compare with Condition 4.1."""

from sympy import Max, Min, log, sqrt

from theory.papers.han2025.conditions import HUANG, KOU
from theory.statements import Condition, Source
from theory.symbols import C, T_star, d, delta, eta, m, mu, n, sigma_0, sigma_xi, tau_minus, tau_plus


def _kou(item: str) -> Source:
    return Source(provenance="lineage", reference=f"{KOU}, Condition 4.1 ({item})")


def _huang(item: str) -> Source:
    return Source(provenance="lineage", reference=f"{HUANG}, Assumption 4.1 ({item})", note="log factors dropped")


def condition_kou() -> tuple[Condition, ...]:
    """Kou et al.: as Condition 4.1 but for the dimension, a strong signal and few flips; it forces kappa = o(1)."""
    return (
        Condition(
            name="kou.dimension",
            source=_kou("1"),
            statement=d >= C * Max(n * mu**2 / sigma_xi**2 * log(T_star), n**2 * log(n * m / delta) * log(T_star) ** 2),
            says="The dimension beats n times the squared signal-to-noise length, hence kappa = o(1).",
        ),
        Condition(name="kou.samples", source=_kou("2"), statement=n >= C * log(m / delta), says="Enough samples."),
        Condition(name="kou.neurons", source=_kou("2"), statement=m >= C * log(n / delta), says="Enough neurons."),
        Condition(
            name="kou.signal",
            source=_kou("3"),
            statement=mu**2 >= C * sigma_xi**2 * log(n / delta),
            says="The signal is longer than a noise coordinate.",
        ),
        Condition(
            name="kou.flips-plus",
            source=_kou("4"),
            statement=tau_plus <= 1 / C,
            says="The flip probability of label +1 is a small constant.",
        ),
        Condition(
            name="kou.flips-minus",
            source=_kou("4"),
            statement=tau_minus <= 1 / C,
            says="The flip probability of label -1 is a small constant.",
        ),
        Condition(
            name="kou.initialization",
            source=_kou("5"),
            statement=sigma_0 <= 1 / (C * Max(sigma_xi * d / sqrt(n), mu * sqrt(log(m / delta)))),
            says="Small initialization.",
        ),
        Condition(
            name="kou.step",
            source=_kou("6"),
            statement=eta
            <= 1 / (C * Max(sigma_xi**2 * d * sqrt(d) / (n**2 * m * sqrt(log(n / delta))), sigma_xi**2 * d / n)),
            says="Small steps.",
        ),
    )


def condition_huang() -> tuple[Condition, ...]:
    """Huang et al. 2024, Assumption 4.1, whose orders hide logarithms."""
    return (
        Condition(
            name="huang.dimension",
            source=_huang("dimension"),
            statement=d >= C * Max(n**2, n / (sigma_0 * sigma_xi), 1 / (sigma_0**2 * mu**2)),
            says="Over-parametrized, and not too small an initialization.",
        ),
        Condition(
            name="huang.step",
            source=_huang("step"),
            statement=eta <= Min(m / mu**2, n * m / (sigma_xi**2 * d)) / C,
            says="Small steps.",
        ),
        Condition(
            name="huang.initialization",
            source=_huang("initialization"),
            statement=sigma_0 <= 1 / (C * Max(sigma_xi * sqrt(d), mu)),
            says="Small initialization.",
        ),
        Condition(
            name="huang.neurons", source=_huang("width"), statement=m >= C * log(n / delta), says="Enough neurons."
        ),
        Condition(
            name="huang.samples", source=_huang("samples"), statement=n >= C * log(m / delta), says="Enough samples."
        ),
    )
