"""Cost of deciding an entailment against the naive product of cases, as premises are added.

Each premise is ``monomial <= max of three monomials`` over seven parameters, with exponents from -2 to 2: three cases,
so that k of them have 3^k. The naive way solves one linear programme, the same exact one, for each: all of them where
the goal follows, up to the first that has a point where it does not.
"""

import random
import time
from dataclasses import dataclass
from itertools import product
from statistics import median

import sympy as sp

from theory.orders import Order, Premise, Ruling, entails
from theory.orders.cone import Rational, decide
from theory.orders.lattice import Literal, clauses_of

PARAMETERS = sp.symbols("x1:8", positive=True)
PREMISES = (2, 4, 6, 8, 10, 12)
SAMPLE = 2000  # cases timed where there are more; the naive time is then their mean times the number of cases
TARGET_SECONDS = 1.0  # for eight premises


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Medians over random problems, with the ratio of times problem by problem."""

    premises: int
    follows: bool
    seconds: float
    largest_seconds: float
    naive_seconds: float
    extrapolated: bool  # the naive time is, from SAMPLE cases
    ratio: float  # naive / ours
    least: float
    largest: float
    repeats: int


def monomial(rng: random.Random) -> sp.Expr:
    return sp.Mul(*(x ** rng.randint(-2, 2) for x in PARAMETERS))


def problem(count: int, follows: bool, seed: int) -> tuple[list[Premise], Order]:
    """Premises that a constant scaling meets; the goal is the product of two of them, or any monomial."""
    rng = random.Random(seed)
    sides = [(monomial(rng), [monomial(rng) for _ in range(3)]) for _ in range(count)]
    given = [Premise(name=f"p{k}", order=Order(low, "<=", sp.Max(*high))) for k, (low, high) in enumerate(sides)]
    if not follows:
        return given, Order(monomial(rng), "<=", 1)
    (low, high), (other, others) = sides[0], sides[-1]
    return given, Order(low * other, "<=", sp.Max(*(a * b for a in high for b in others)))


def naive(given: list[Premise], goal: Order, seed: int) -> tuple[bool, float, bool]:
    """Whether the goal follows, seconds, and whether they are extrapolated."""
    begin = time.perf_counter()
    none = frozenset()
    clauses = [clause for p in given for clause in clauses_of(p.order, none)]

    def row(literal: Literal) -> list[Rational]:
        powers = dict(literal.ratio)
        return [powers.get(x.name, 0) for x in PARAMETERS]

    [contrary] = [[x.negated() for x in clause] for clause in clauses_of(goal, none)]
    cases = 3 ** len(clauses)
    sampled = cases > SAMPLE
    rng = random.Random(seed)
    chosen = ([rng.choice(c) for c in clauses] for _ in range(SAMPLE)) if sampled else product(*clauses)
    tried = 0
    for case in chosen:
        tried += 1
        literals = [*case, *contrary]
        point, _ = decide([row(x) for x in literals], [x.strict for x in literals])
        if point is not None:
            return False, time.perf_counter() - begin, False
    seconds = time.perf_counter() - begin
    return True, seconds * cases / tried, sampled


def measure(count: int, follows: bool, repeats: int) -> Cost:
    ours, theirs, extrapolated = [], [], False
    for seed in range(repeats):
        given, goal = problem(count, follows, seed)
        begin = time.perf_counter()
        status = entails(given, goal, parameter_facts=()).status
        ours.append(time.perf_counter() - begin)
        clauses_of.cache_clear()
        answer, seconds, sampled = naive(given, goal, seed)
        if not sampled and answer != (status == Ruling.ENTAILED):
            raise AssertionError(f"{count} premises, seed {seed}: {status}, but the product of cases says otherwise")
        theirs.append(seconds)
        extrapolated |= sampled
    ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
    return Cost(
        premises=count,
        follows=follows,
        seconds=median(ours),
        largest_seconds=max(ours),
        naive_seconds=median(theirs),
        extrapolated=extrapolated,
        ratio=median(ratios),
        least=min(ratios),
        largest=max(ratios),
        repeats=repeats,
    )


def curve(repeats: int) -> list[Cost]:
    return [measure(count, follows, repeats) for follows in (True, False) for count in PREMISES]
