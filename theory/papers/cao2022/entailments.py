"""What Condition 4.2 entails about orders of magnitude, for q = 3 and q = 4."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from sympy import sqrt

from theory.orders import Order, Premise, Ruling, premises
from theory.papers import Entailment
from theory.papers.cao2022.conditions import POWERS, condition_4_2, derived
from theory.symbols import SNR, d, epsilon, eta, m, mu, n, sigma_0, sigma_xi

GROWS = Premise(name="n-grows", order=Order(n, ">>", 1), says="The number of samples tends to infinity.")


@cache
def named_sets() -> dict[str, tuple[Premise, ...]]:
    """Condition 4.2, up to the logarithms that it hides."""
    return {
        f"condition-4.2-q{power}": (
            *(
                replace(p, order=replace(p.order, up_to_logs=True))
                for p in premises(c for c in condition_4_2(power) if not c.name.startswith("power"))
            ),
            GROWS,
        )
        for power in POWERS
    }


@cache
def entailments() -> tuple[Entailment, ...]:
    """Of both powers."""
    return tuple(e for power in POWERS for e in _entailments(power))


def _entailments(power: int) -> Iterator[Entailment]:
    given = named_sets()[f"condition-4.2-q{power}"]
    apart = [p for p in given if p.name != "4.2-dimension"]
    bounded = Premise(name="epsilon-fixed", order=Order(epsilon, "~", 1), says="The target loss does not vanish.")
    plateau = {3: m**4 * n**4, 4: m**2 * n**4}[power]

    def found(name: str, what: str, goal: Order | None, expected: Ruling, says: str, of=given) -> Entailment:
        return Entailment(name=f"regime.{'not.' if expected == Ruling.NOT_ENTAILED else ''}q{power}.{name}",
                          source=derived(what), given=tuple(of), goal=goal, expected=expected, says=says)  # fmt: skip

    yield found("consistent", "Condition 4.2 as a whole", None, Ruling.CONSISTENT,
                "Some scaling satisfies all of Condition 4.2.")  # fmt: skip
    yield found("dimension", "the two bounds on sigma_0", Order(d, ">=", plateau, up_to_logs=True), Ruling.ENTAILED,
                "The dimension condition follows from the two bounds on sigma_0.", apart)  # fmt: skip
    yield found("dimension-without-width", "plausible", Order(d, ">=", plateau * m, up_to_logs=True),
                Ruling.NOT_ENTAILED, "One more power of the width follows.", apart)  # fmt: skip
    yield found("plateau-first", "the two terms of the time",
                Order(n * m**3 / (eta * epsilon * sigma_xi**2 * d), "<=",
                      n * m / (eta * sigma_0 ** (power - 2) * (sigma_xi * sqrt(d)) ** power) / n, up_to_logs=True),
                Ruling.ENTAILED, "At a fixed target loss the plateau of noise is n times the second term of the time.",
                (*given, bounded))  # fmt: skip
    yield found("snr-below-one", "plausible", Order(SNR, "<=", 1, up_to_logs=True), Ruling.NOT_ENTAILED,
                "The signal is at most as long as a noise patch.")  # fmt: skip
    yield found("small-start", "the bounds on sigma_0",
                Order(sigma_0 * (mu + sigma_xi * sqrt(d)), "<=", 1 / n, up_to_logs=True), Ruling.ENTAILED,
                "Overlaps start below 1/n.")  # fmt: skip
