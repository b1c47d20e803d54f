"""What the conditions entail about orders of magnitude, and what they do not. Each is decided exactly by
:mod:`theory.orders`.
"""

from functools import cache

from sympy import log, sqrt

from theory.orders import Order, Premise, Ruling, premises
from theory.papers import Entailment
from theory.papers.chen2023.conditions import (
    NEEDED,
    RADIUS,
    STRENGTH,
    P,
    batch,
    condition_sam_any,
    condition_sgd,
    copies,
    radius,
)
from theory.papers.chen2023.reading import Reading
from theory.statements import Source
from theory.symbols import T_star, d, delta, epsilon, eta, kappa, m, mu, n, sigma_0, sigma_xi

GROWS = Premise(name="n-grows", order=Order(n, ">>", 1), says="The number of samples tends to infinity.")
LAST = Premise(
    name="T_star-is",
    order=Order(T_star, "~", n * m / (eta * epsilon * sigma_xi**2 * d)),
    says="T* is what a target loss of epsilon takes at two patches; more of them take less.",
)
TARGET = Premise(name="epsilon-bounded", order=Order(epsilon, "<=", 1), says="The target loss does not grow.")
PATCHES = Premise(
    name="P-is", order=Order(P, "~", copies), says="One patch more than copies of the noise, of which there is one."
)
LIMITS = (GROWS, LAST, TARGET, PATCHES)
STRONG = Premise(name="strong", order=Order(STRENGTH, ">=", 1), says="The signal is strong enough for SGD.")
WEAK = Premise(name="weak", order=Order(STRENGTH, "<=", 1), says="The signal is too weak for SGD.")
ONCE = ("radius-zero", "harmful", "few-flips-plus", "few-flips-minus", "sam.no-flips-plus", "sam.no-flips-minus")


def _orders(conditions: tuple) -> tuple[Premise, ...]:
    """Conditions as premises, without those that hold a parameter at a number or are a reading of one."""
    return premises(tuple(c for c in conditions if c.name not in ONCE))


def named_sets() -> dict[str, tuple[Premise, ...]]:
    """Sets of premises by name. Each says at its end what tends to infinity, as a premise like any other."""
    sgd, sam = _orders(condition_sgd(Reading())), _orders(condition_sam_any(Reading()))
    return {
        "sgd": (*sgd, *LIMITS),
        "benign": (STRONG, *sgd, *LIMITS),
        "harmful": (WEAK, *sgd, *LIMITS),
        "sam": (WEAK, *sam, *LIMITS),
    }


@cache
def entailments() -> tuple[Entailment, ...]:
    """All of them: what is consistent, what follows, what does not."""
    sets = named_sets()

    def made(name: str, what: str, given: tuple[Premise, ...], goal: Order | None, expected: Ruling, says: str):
        source = Source(provenance="derived", reference=what)
        return Entailment(name=name, source=source, given=given, goal=goal, expected=expected, says=says)

    def meets(name: str, given: tuple[Premise, ...], expected: Ruling, says: str) -> Entailment:
        return made(f"regime.{name}", "the conditions as a whole", given, None, expected, says)

    def follows(name: str, what: str, given: tuple[Premise, ...], goal: Order, says: str) -> Entailment:
        return made(f"regime.{name}", what, given, goal, Ruling.ENTAILED, says)

    def fails(name: str, what: str, given: tuple[Premise, ...], goal: Order, says: str) -> Entailment:
        return made(f"regime.not.{name}", what, given, goal, Ruling.NOT_ENTAILED, says)

    deviations = sqrt(log(n * m / delta))  # of the largest of all initial pre-activations
    small_start = Premise(
        name="small-start",
        order=Order(sigma_0, "<=", sqrt(n) / (P * sigma_xi * d)),
        says="The initialization that Kou et al. ask for, with P patches.",
    )
    paper = Premise(name="radius", order=Order(radius, "~", RADIUS), says="The paper's radius.")
    by_signal = radius * sqrt(batch / m) * mu**2 / (P * sigma_xi * sqrt(d))  # what the ascent takes from <w, mu>
    return (
        meets("sgd-consistent", sets["sgd"], Ruling.CONSISTENT, "Some scaling satisfies all that is asked of SGD."),
        meets("benign-consistent", sets["benign"], Ruling.CONSISTENT, "It leaves room for a strong signal."),
        meets("sam-consistent", sets["sam"], Ruling.CONSISTENT, "SAM's conditions leave room for a weak signal."),
        meets(
            "sam-excludes-small-start",
            (*sets["sam"], small_start),
            Ruling.CONTRADICTORY,
            "SAM's initial weights, of order 1/(P sigma sqrt(d)), are larger than those that the proof for SGD starts"
            " from: no setting is inside both sets of conditions.",
        ),
        follows(
            "signal-stays-small",
            "the dimension condition, its second term: it is this bound",
            sets["sgd"],
            Order(kappa / copies**2 * log(T_star), "<=", 1),
            "Up to T* signal coefficients stay O(1): no sample's margin is decided by them.",
        ),
        follows(
            "switched-off",
            "SAM's first step, docs/chen2023.md",
            (*sets["sam"], paper),
            Order(radius * sigma_xi * sqrt(d / (m * batch)), ">=", sigma_0 * sigma_xi * sqrt(d) * deviations),
            "At the paper's radius the ascent is larger than every initial pre-activation.",
        ),
        follows(
            "smaller-suffices",
            "SAM's first step, docs/chen2023.md",
            (
                *sets["sam"],
                Premise(name="radius", order=Order(radius, "~", NEEDED * deviations), says="A smaller one."),
            ),
            Order(radius * sigma_xi * sqrt(d / (m * batch)), ">=", sigma_0 * sigma_xi * sqrt(d) * deviations),
            "So it is at a radius of order sigma_0 sqrt(m B log(nm)).",
        ),
        follows(
            "cross-talk-of-the-ascent",
            "SAM's first step, docs/chen2023.md",
            sets["sam"],
            Order(sqrt(batch / d), "<<", 1),
            "What the other patches of a batch add to the ascent of a patch is small beside its own.",
        ),
        fails(
            "paper-radius-is-least",
            "plausible",
            (*sets["sam"], paper),
            Order(radius, "<=", NEEDED * deviations),
            "The paper's radius is the least that switches neurons off, up to constants.",
        ),
        fails(
            "signal-unperturbed",
            "plausible: the ascent leaves the signal alone",
            (*sets["sam"], paper),
            Order(by_signal, "<<", sigma_0 * mu),
            "At the paper's radius the ascent moves <w, mu> by less than it is at the start.",
        ),
        fails("strong", "plausible", sets["sgd"], Order(STRENGTH, ">=", 1), "SGD's conditions make the signal strong."),
        fails("weak", "plausible", sets["sgd"], Order(STRENGTH, "<=", 1), "SGD's conditions keep the signal weak."),
    )
