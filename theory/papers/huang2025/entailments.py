"""What Assumption 3.1 entails about orders of magnitude: that it can be met, where, and what its times are there."""

from dataclasses import replace
from functools import cache

from sympy import Rational, log

from theory.orders import Order, Premise, Ruling, premises
from theory.papers import Entailment
from theory.papers.huang2025.conditions import assumption, derived
from theory.papers.huang2025.dynamics import STEP
from theory.symbols import d, eta, kappa, m, mu, n, sigma_0, sigma_xi

GROWS = Premise(name="n-grows", order=Order(n, ">>", 1), says="The number of samples tends to infinity.")


@cache
def named_sets() -> dict[str, tuple[Premise, ...]]:
    """Assumption 3.1, up to the logarithms that it hides."""
    stated = (replace(p, order=replace(p.order, up_to_logs=True)) for p in premises(assumption()))
    return {"assumption-3.1": (*stated, GROWS)}


@cache
def entailments() -> tuple[Entailment, ...]:
    """What follows first, then what does not."""
    given = named_sets()["assumption-3.1"]

    def found(name: str, what: str, goal: Order | None, expected: Ruling, says: str) -> Entailment:
        return Entailment(
            name=f"regime.{name}", source=derived(what), given=given, goal=goal, expected=expected, says=says
        )

    def follows(name: str, what: str, goal: Order, says: str) -> Entailment:
        return found(name, what, goal, Ruling.ENTAILED, says)

    def fails(name: str, what: str, goal: Order, says: str) -> Entailment:
        return found(f"not.{name}", what, goal, Ruling.NOT_ENTAILED, says)

    window = "the two bounds on sigma_0 in Assumption 3.1"
    return (
        found("consistent", "Assumption 3.1 as a whole", None, Ruling.CONSISTENT,
              "Some scaling satisfies all of Assumption 3.1."),
        follows("dimension", window, Order(d, ">=", n**4, up_to_logs=True),
                "A weight scale between the two bounds exists only where the dimension is at least n^4."),
        follows("weak-signal", window, Order(mu, "<=", sigma_xi * d ** Rational(1, 8) / n, up_to_logs=True),
                "and where the signal is at most d^{1/8}/n noise coordinates long."),
        follows("tiny-snr", window, Order(kappa, "<=", d ** Rational(-3, 4) / n, up_to_logs=True),
                "So n SNR^2 is at most d^{-3/4}/n, far below the order one at which signal and noise compete."),
        follows("second-time-longer", "the two terms of the time of label-noise descent",
                Order(m / (eta * mu**2), ">=", n * d ** Rational(3, 4) / STEP, up_to_logs=True),
                "The second term of the time of label-noise descent is n d^{3/4} times the first, up to logarithms."),
        follows("many-steps", "the same with the bound on eta",
                Order(m / (eta * mu**2), ">=", n**2 * m * d ** Rational(3, 4), up_to_logs=True),
                "It is at least n^2 m d^{3/4} steps."),
        follows("plateau-stalls", "reduced dynamics, its growth on the plateau over that of Stage I",
                Order(STEP, "<=", 1 / (n * m), up_to_logs=True),
                "On the plateau the logarithm of the signal grows by a factor of order 1/(nm) less than in Stage I."),
        fails("dimension-five", window, Order(d, ">=", n**5, up_to_logs=True), "The dimension is at least n^5."),
        fails("signal-order-one", window, Order(mu, ">=", sigma_xi, up_to_logs=True),
              "The signal is at least a noise coordinate long."),
        fails("width-below-samples", "plausible", Order(m, "<=", n, up_to_logs=True), "The width is at most n."),
        fails("start-by-powers", "plausible", Order(log(1 / (sigma_0 * mu)), "<=", n),
              "The logarithm in the second term of the time is bounded by the samples."),
    )  # fmt: skip
