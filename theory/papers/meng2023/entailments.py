"""What the conditions entail about orders of magnitude, and what they do not. Each is decided exactly by
:mod:`theory.orders`.
"""

from functools import cache

from sympy import log

from theory.orders import Order, Premise, Ruling, premises
from theory.papers import Entailment
from theory.papers.meng2023.conditions import NOISE_GROWTH, STRENGTH, TIME, sizes
from theory.statements import Source
from theory.symbols import T_star, d, delta, epsilon, eta, kappa, m, mu, n, sigma_0, sigma_xi

GROWS = Premise(name="n-grows", order=Order(n, ">>", 1), says="The number of samples tends to infinity.")
LAST = Premise(
    name="T_star-is",
    order=Order(T_star, "~", TIME),
    says="T* is what a target loss of epsilon takes, up to a constant.",
)
TARGET = Premise(name="epsilon-bounded", order=Order(epsilon, "<=", 1), says="The target loss does not grow.")
LIMITS = (GROWS, LAST, TARGET)
STRONG = Premise(name="strong", order=Order(STRENGTH, ">=", 1), says="The signals are strong.")
WEAK = Premise(name="weak", order=Order(STRENGTH, "<=", 1), says="The signals are weak.")
ALIKE = Premise(name="alike", order=Order(mu, "~", sigma_xi), says="A signal is as long as a noise coordinate.")


def named_sets() -> dict[str, tuple[Premise, ...]]:
    """Sets of premises by name. Each says at its end what tends to infinity, as a premise like any other."""
    own = premises(sizes())
    return {
        "orthogonal": (*own, *LIMITS),
        "benign": (STRONG, *own, *LIMITS),
        "harmful": (WEAK, *own, *LIMITS),
    }


@cache
def entailments() -> tuple[Entailment, ...]:
    """All of them: what is consistent, what follows, what does not."""
    sets = named_sets()

    def made(name: str, what: str, given: tuple[Premise, ...], goal: Order | None, expected: Ruling, says: str):
        source = Source(provenance="derived", reference=what)
        return Entailment(name=name, source=source, given=given, goal=goal, expected=expected, says=says)

    def without(given: tuple[Premise, ...], name: str) -> tuple[Premise, ...]:
        return tuple(p for p in given if p.name != name)

    whole = "the conditions as a whole"
    yes, no, follows, fails = Ruling.CONSISTENT, Ruling.CONTRADICTORY, Ruling.ENTAILED, Ruling.NOT_ENTAILED
    no_length = without(sets["orthogonal"], "meng.signal")
    return (
        made(
            "regime.consistent", whole, sets["orthogonal"], None, yes, "Some scaling satisfies all of the conditions."
        ),
        made("regime.benign-consistent", whole, sets["benign"], None, yes, "They leave room for strong signals."),
        made("regime.harmful-consistent", whole, sets["harmful"], None, yes, "They leave room for weak signals."),
        made(
            "regime.alike-excludes-benign",
            "a question of the reviewers",
            (STRONG, ALIKE, *no_length),
            None,
            no,
            "With |mu| and sigma of one order no scaling is benign: n mu^4 >= sigma^4 d asks for n >= d, d >="
            " n^2 forbids"
            " it.",
        ),
        made(
            "regime.alike-excluded",
            "a question of the reviewers",
            (ALIKE, *sets["orthogonal"]),
            None,
            no,
            "Where the length |mu|^2 >= sigma^2 log n is asked for, as Kou et al. do, that case is outside altogether.",
        ),
        made(
            "regime.alike-is-harmful",
            "a question of the reviewers",
            (ALIKE, *no_length),
            Order(STRENGTH * n, "<=", 1),
            follows,
            "Without it that case is harmful, by a factor of n.",
        ),
        made(
            "regime.benign-length",
            "the conditions with strong signals",
            sets["benign"],
            Order(mu**4, ">=", n * sigma_xi**4),
            follows,
            "Benign overfitting asks for |mu| of at least n^(1/4) sigma.",
        ),
        made(
            "regime.kappa-vanishes",
            "the dimension condition",
            sets["orthogonal"],
            Order(kappa * log(T_star), "<=", 1),
            follows,
            "Up to T* signal coefficients stay O(1): no sample's margin is decided by them.",
        ),
        made(
            "regime.start-forgotten",
            "the limit of the dynamics, docs/meng2023.md",
            sets["benign"],
            Order(sigma_0 * mu, "<<", kappa),
            follows,
            "What <w, v> is at the start is small beside what is learned of u, so that it falls to 0 early.",
        ),
        made(
            "regime.small-steps",
            "the condition on steps",
            sets["orthogonal"],
            Order(NOISE_GROWTH + eta * mu**2 / m, "<<", 1),
            follows,
            "One step changes every coefficient by o(1).",
        ),
        made(
            "regime.not.strong", "plausible", sets["orthogonal"], Order(STRENGTH, ">=", 1), fails, "Signals are strong."
        ),
        made("regime.not.weak", "plausible", sets["orthogonal"], Order(STRENGTH, "<=", 1), fails, "Signals are weak."),
        made(
            "regime.not.benign-cubic",
            "plausible",
            sets["benign"],
            Order(d, ">=", n**3 * log(n * m / delta)),
            fails,
            "Benign overfitting asks for d of at least n^3.",
        ),
    )
