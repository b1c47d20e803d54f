"""The conditions of the papers that this one builds on, to compare with Condition 4.1."""

from sympy import Max, Min, log, sqrt

from theory.papers.han2025.conditions import HUANG
from theory.papers.kou2023.conditions import condition_kou
from theory.statements import Condition, Source
from theory.symbols import C, d, delta, eta, m, mu, n, sigma_0, sigma_xi


def _huang(item: str) -> Source:
    return Source(provenance="lineage", reference=f"{HUANG}, Assumption 4.1 ({item})", note="log factors dropped")


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


__all__ = ["condition_huang", "condition_kou"]
