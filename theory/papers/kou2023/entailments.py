"""What the conditions entail about orders of magnitude, and what they do not: which regime this is, which items others
imply, and what separates it from its relatives. Each is decided exactly by :mod:`theory.orders`.
"""

from functools import cache

from sympy import Min, log, sqrt

from theory.orders import Order, Premise, Ruling, premises
from theory.papers import Entailment
from theory.papers.kou2023.conditions import NOISE_GROWTH, REFERENCE, SIGNAL_GROWTH, STRENGTH, TIME, condition_kou
from theory.statements import Source
from theory.symbols import T_star, d, delta, epsilon, eta, kappa, m, mu, n, sigma_0, sigma_xi

GROWS = Premise(name="n-grows", order=Order(n, ">>", 1), says="The number of samples tends to infinity.")
LAST = Premise(
    name="T_star-is",
    order=Order(T_star, "~", TIME),
    says="T* is what a target loss of epsilon takes. The paper's is eta^-1 times a power of the other parameters"
    " (recalled), whose logarithm is of the same order unless some parameter is exponential in others.",
)
TARGET = Premise(name="epsilon-bounded", order=Order(epsilon, "<=", 1), says="The target loss does not grow.")
LIMITS = (GROWS, LAST, TARGET)
STRONG = Premise(name="benign", order=Order(STRENGTH, ">=", 1), says="The signal is strong.")
WEAK = Premise(name="harmful", order=Order(STRENGTH, "<=", 1), says="The signal is weak.")


def named_sets() -> dict[str, tuple[Premise, ...]]:
    """Sets of premises by name. Each says at its end what tends to infinity, as a premise like any other."""
    own = premises(condition_kou())
    return {
        "condition-4.1": (*own, *LIMITS),
        "benign": (STRONG, *own, *LIMITS),
        "harmful": (WEAK, *own, *LIMITS),
    }


def _ours(what: str) -> Source:
    return Source(provenance="derived", reference=what)


@cache
def entailments() -> tuple[Entailment, ...]:
    """All of them: what is consistent, what follows, what does not."""
    sets = named_sets()
    ours = sets["condition-4.1"]

    def meets(name: str, given: tuple[Premise, ...], expected: Ruling, says: str) -> Entailment:
        source = _ours(f"{REFERENCE}, Condition 4.1 as a whole")
        return Entailment(name=f"regime.{name}", source=source, given=given, goal=None, expected=expected, says=says)

    def follows(name: str, what: str, goal: Order, says: str, given: tuple[Premise, ...] = ours) -> Entailment:
        return Entailment(
            name=f"regime.{name}", source=_ours(what), given=given, goal=goal, expected=Ruling.ENTAILED, says=says
        )

    def fails(name: str, what: str, goal: Order, says: str, given: tuple[Premise, ...] = ours) -> Entailment:
        return Entailment(
            name=f"regime.not.{name}",
            source=_ours(what),
            given=given,
            goal=goal,
            expected=Ruling.NOT_ENTAILED,
            says=says,
        )

    def without(given: tuple[Premise, ...], name: str) -> tuple[Premise, ...]:
        return tuple(p for p in given if p.name != name)

    def second_term_alone(given: tuple[Premise, ...]) -> tuple[Premise, ...]:
        order = Order(d, ">=", n**2 * log(n * m / delta) * log(T_star) ** 2)
        held = Premise(name="kou.dimension", order=order, says="The dimension condition without its first term.")
        return tuple(held if p.name == "kou.dimension" else p for p in given)

    signal, first_term = mu**2 / sigma_xi**2, Order(d, ">=", n * mu**2 / sigma_xi**2 * log(T_star))
    cross_talk = n * sqrt(log(n**2 / delta) / d)
    step_terms = (sigma_xi**2 * d * sqrt(d) / (n**2 * m * sqrt(log(n / delta))), sigma_xi**2 * d / n)
    theta_one = Premise(name="kappa-of-order-one", order=Order(kappa, "~", 1), says=r"$n\,\mathrm{SNR}^2 = \Theta(1)$.")
    return (
        meets("consistent", ours, Ruling.CONSISTENT, "Some scaling satisfies all of Condition 4.1."),
        meets("benign-consistent", sets["benign"], Ruling.CONSISTENT, "It leaves room for a strong signal."),
        meets("harmful-consistent", sets["harmful"], Ruling.CONSISTENT, "It leaves room for a weak signal."),
        meets(
            "excludes-order-one",
            (*ours, theta_one),
            Ruling.CONTRADICTORY,
            "It excludes kappa = Theta(1), the regime of Han et al. 2025: no scaling meets both papers' conditions.",
        ),
        # The regime.
        follows(
            "kappa-vanishes",
            "Condition 4.1 (1) with (6), which lets T* grow",
            Order(kappa, "<<", 1),
            "Signal is learned ever more slowly than noise: kappa tends to 0.",
        ),
        follows(
            "signal-stays-bounded",
            "Condition 4.1 (1), its first term: it is this bound",
            Order(kappa * log(T_star), "<=", 1),
            "Up to T*, where rho is logarithmic, signal coefficients stay O(1): no sample's margin is decided by them.",
        ),
        follows(
            "signal-slower",
            "growth rates of the proof",
            Order(SIGNAL_GROWTH, "<<", NOISE_GROWTH),
            "Signal coefficients grow more slowly than noise coefficients.",
        ),
        follows(
            "small-steps",
            "Condition 4.1 (6)",
            Order(SIGNAL_GROWTH + NOISE_GROWTH, "<<", 1),
            "One step changes every coefficient by o(1).",
        ),
        follows("many-steps", "Condition 4.1 (6)", Order(TIME * epsilon, ">>", 1), "Memorizing takes many steps."),
        follows(
            "cross-talk",
            "projection lemma, coefficients O(log T*)",
            Order(cross_talk * log(T_star), "<=", 1),
            "What the other patches add to a patch's projection stays O(1) up to T*.",
        ),
        follows(
            "init-below-cross-talk",
            "Condition 4.1 (5) against the projection lemma",
            Order(sigma_0 * sigma_xi * sqrt(d), "<<", cross_talk),
            "At coefficients of order one, initial pre-activations lie below the bound on cross-talk: which neurons are"
            " active is not protected by the initialization.",
        ),
        follows(
            "sizes",
            "Condition 4.1 (2)",
            Order(log(n * m / delta), "<=", Min(n, m)),
            "Union bounds over samples and neurons cost at most n and at most m.",
        ),
        # Which items are implied by others.
        follows(
            "initialization-binds",
            "Condition 4.1 (5) with (1)",
            Order(mu * sqrt(log(m / delta)), "<<", sigma_xi * d / sqrt(n)),
            "Of the two terms that bound sigma_0, the one of the noise always binds: the other is implied.",
        ),
        follows(
            "strong-is-long",
            "Condition 4.1 (3) from (1) and a strong signal",
            Order(signal, ">>", log(n / delta)),
            "Where the signal is strong, the length that item 3 asks for is implied.",
            without(sets["benign"], "kou.signal"),
        ),
        follows(
            "weak-is-short",
            "Condition 4.1 (1), its first term from its second and a weak signal",
            first_term,
            "Where the signal is weak, the first term of the dimension condition is implied by the second.",
            second_term_alone(sets["harmful"]),
        ),
        follows(
            "strength-bounded",
            "Condition 4.1 (1)",
            Order(STRENGTH * n * log(T_star) ** 2, "<=", d),
            "The exponent of the test error is at most d/(n (log T*)^2).",
        ),
        # What does not follow.
        fails(
            "signal-implied",
            "Condition 4.1 (3) from the others",
            Order(signal, ">=", 1, up_to_logs=True),
            "The length that item 3 asks for is implied by the other items.",
            without(ours, "kou.signal"),
        ),
        fails(
            "weak-is-long",
            "Condition 4.1 (3) from the others and a weak signal",
            Order(signal, ">=", 1, up_to_logs=True),
            "Where the signal is weak, its length is still implied.",
            without(sets["harmful"], "kou.signal"),
        ),
        fails(
            "first-term-implied",
            "Condition 4.1 (1), its first term from its second",
            first_term,
            "The first term of the dimension condition is implied by the second, whatever the signal.",
            second_term_alone(ours),
        ),
        fails(
            "first-term-implied-benign",
            "Condition 4.1 (1), its first term from its second and a strong signal",
            first_term,
            "The first term of the dimension condition is implied by the second where the signal is strong.",
            second_term_alone(sets["benign"]),
        ),
        fails("strong", "plausible", Order(STRENGTH, ">=", 1), "Condition 4.1 alone makes the signal strong."),
        fails("weak", "plausible", Order(STRENGTH, "<=", 1), "Condition 4.1 alone keeps the signal weak."),
        fails(
            "moderate-init",
            "plausible: activations protected by the initialization",
            Order(sigma_0, ">=", sqrt(n) / (sigma_xi * d), up_to_logs=True),
            "The initial weights are bounded from below.",
        ),
        fails(
            "first-step-term-binds",
            "plausible",
            Order(step_terms[1], "<=", step_terms[0]),
            "Of the two terms that bound eta, the first always binds.",
        ),
        fails(
            "second-step-term-binds",
            "plausible",
            Order(step_terms[0], "<=", step_terms[1]),
            "Of the two terms that bound eta, the second always binds.",
        ),
        fails(
            "many-steps-by-powers",
            "plausible: the step is at most polynomially smaller than allowed",
            Order(eta * sigma_xi**2 * d / n, ">=", n**-100),
            "The lower bound on the step is a power of its upper bound.",
        ),
    )
