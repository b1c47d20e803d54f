"""Orders of magnitude: either answer is right, on thousands of random problems, and says what it rests on.

More of them: ``python -m pytest tests/test_orders.py --hypothesis-profile many``, some 13 000 problems.
"""

import re
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from itertools import chain, product

import numpy as np
import orders_along
import pytest
import sympy as sp
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from sympy import Max, Min, log, sqrt

from theory import orders
from theory.orders import Order, Premise, Ruling, Scaling, consistent, entails, facts, premises, search
from theory.orders.check import check_proof, check_scaling
from theory.orders.lattice import Literal
from theory.orders.problem import Problem, problem_of
from theory.orders.proof import Cases, Leaf
from theory.papers.han2025 import condition_4_1
from theory.symbols import T_star, d, delta, eta, kappa, m, mu, n, sigma_0, sigma_xi, table, tau_minus, tau_plus

MANY = settings().max_examples * 2 // 5  # 40, or as --hypothesis-profile says
A, B, X, Y = SYMBOLS = sp.symbols("a b x y", positive=True)
NEGATION = {"<=": (">>",), ">=": ("<<",), "<<": (">=",), ">>": ("<=",), "~": ("<<", ">>")}

# -- random problems ----------------------------------------------------------------------------------------------

exponents = st.sampled_from([sp.Rational(p, q) for p in (-2, -1, 1, 2) for q in (1, 1, 2)])


@st.composite
def monomials(draw, logs):
    found = sp.Integer(1)
    for symbol in draw(st.lists(st.sampled_from(SYMBOLS), max_size=3, unique=True)):
        found *= symbol ** draw(exponents)
    if logs and draw(st.integers(0, 2)) == 0:
        inside = draw(st.sampled_from([A, B, X, A * B, A / B, X * Y, A + X, log(A), 2 * B**2]))
        found *= log(inside) ** draw(st.sampled_from([1, 2, -1, sp.Rational(1, 2)]))
    return found


def expressions(logs):
    def joined(inner):
        pairs = st.tuples(inner, inner)
        return st.one_of(
            pairs.map(lambda p: Max(*p, evaluate=False)),
            pairs.map(lambda p: Min(*p, evaluate=False)),
            pairs.map(lambda p: p[0] + 3 * p[1]),
            pairs.map(lambda p: p[0] * p[1]),
        )

    return st.one_of(monomials(logs), monomials(logs), st.recursive(monomials(logs), joined, max_leaves=3))


def relations(logs, tilde):
    forgiven = st.integers(0, 3).map(lambda k: k == 0) if tilde else st.just(False)
    sides = expressions(logs)
    return st.builds(Order, sides, st.sampled_from(["<=", ">=", "<=", ">=", "~", "<<", ">>"]), sides, forgiven)


@st.composite
def problems(draw, logs=False, tilde=False, count=4):
    given_ = draw(st.lists(relations(logs, tilde), min_size=1, max_size=count))
    if draw(st.booleans()):
        given_ += [Order(s, ">=", 1) for s in SYMBOLS]
    return named(given_), draw(relations(logs, tilde))


powers = st.sampled_from([Fraction(p, q) for p in (-2, -1, 0, 0, 1, 1, 2, 3) for q in (1, 1, 2)])
scalings = st.builds(
    lambda tiers: dict(zip("abxy", tiers, strict=True)),
    st.lists(st.tuples(powers, powers, powers), min_size=4, max_size=4),
)


def named(given_):
    return tuple(Premise(name=f"p{k}", order=order) for k, order in enumerate(given_))


def ask(given_, goal):
    answer = entails(given_, goal, parameter_facts=())
    event(str(answer.status))
    return answer


def numerically_right(answer):
    """A counter-scaling meets every premise and breaks the goal, at growing N and by plain arithmetic."""
    for premise in answer.given:
        assert orders_along.holds(premise.order, answer.scaling.powers), f"{answer.scaling} breaks {premise}"
    if answer.goal is not None:
        assert not orders_along.holds(answer.goal, answer.scaling.powers), f"{answer.scaling} meets {answer.goal}"


# -- soundness ----------------------------------------------------------------------------------------------------


def test_without_logarithms_every_problem_is_decided():
    seen = Counter()

    @settings(max_examples=4 * MANY)
    @given(problems())
    def decided(problem):
        answer = ask(*problem)
        seen[answer.status] += 1
        if answer.scaling:
            numerically_right(answer)

    decided()
    assert set(seen) == {Ruling.ENTAILED, Ruling.NOT_ENTAILED, Ruling.CONTRADICTORY}
    assert min(seen.values()) >= 0.05 * seen.total()  # no monoculture


@settings(max_examples=3 * MANY)
@given(problems(logs=True, tilde=True, count=3))
def test_counter_scalings_hold_numerically(problem):
    answer = ask(*problem)
    if answer.scaling:
        numerically_right(answer)


@settings(max_examples=3 * MANY)
@given(st.data(), scalings, st.booleans())
def test_what_is_entailed_holds_along_every_scaling_that_meets_the_premises(data, powers, logs):
    """Premises are made to hold along a scaling drawn first; a goal that they entail must hold there too."""
    given_ = []
    for order in data.draw(st.lists(relations(logs, tilde=logs), min_size=1, max_size=3)):
        candidates = [replace(order, relation=r) for r in (order.relation, "<<", ">>", "<=", ">=")]
        given_.append(next(o for o in candidates if orders_along.holds(o, powers)))
    goal = data.draw(relations(logs, tilde=logs))
    answer = ask(named(given_), goal)
    assert answer.status != Ruling.CONTRADICTORY
    if answer.status == Ruling.ENTAILED:
        assert orders_along.holds(goal, powers)
    elif not orders_along.holds(goal, powers):
        event("broken by the scaling drawn")
    for other in (replace(goal, relation=r) for r in NEGATION[goal.relation]):
        if answer.status == Ruling.ENTAILED:
            assert ask(named(given_), other).status != Ruling.ENTAILED


@settings(max_examples=3 * MANY)
@given(problems(logs=True, tilde=True, count=3), st.lists(scalings, min_size=15, max_size=15))
def test_what_is_entailed_survives_random_scalings(problem, tried):
    given_, goal = problem
    if ask(given_, goal).status == Ruling.ENTAILED:
        for powers in tried:
            if all(orders_along.holds(p.order, powers) for p in given_):
                event("a scaling inside the premises")
                assert orders_along.holds(goal, powers)


@settings(max_examples=2 * MANY)
@given(
    st.lists(st.tuples(monomials(True), monomials(True), st.sampled_from(["<=", "<<"])), min_size=1, max_size=4),
    st.data(),
)
def test_products_of_powers_of_premises_are_entailed(rows, data):
    """Nothing of the kind is missed, logarithms or not; and the contrary does not follow from what is consistent."""
    left, right, strict = sp.Integer(1), sp.Integer(1), False
    for below, above, relation in rows:
        power = data.draw(st.sampled_from([sp.Integer(1), sp.Integer(2), sp.Rational(1, 2)]))
        left, right, strict = left * below**power, right * above**power, strict or relation == "<<"
    given_ = named([Order(below, relation, above) for below, above, relation in rows])
    goal = Order(left, "<<" if strict else "<=", right)
    answer = ask(given_, goal)
    assert answer.status in (Ruling.ENTAILED, Ruling.CONTRADICTORY)
    if answer.status == Ruling.ENTAILED and consistent(given_, parameter_facts=()).status == Ruling.CONSISTENT:
        for other in NEGATION[goal.relation]:
            assert ask(given_, replace(goal, relation=other)).status != Ruling.ENTAILED


@settings(max_examples=2 * MANY)
@given(
    problems(tilde=True), st.permutations(range(8)), st.permutations("abxy"), st.sampled_from([2, 3, sp.Rational(1, 2)])
)
def test_names_units_and_order_do_not_matter(problem, order, names, power):
    given_, goal = problem
    renamed = dict(zip(SYMBOLS, sp.symbols(names, positive=True), strict=True))
    scaled = {A: A**power, X: 7 * X}
    plain = ask(given_, goal).status
    shuffled = tuple(given_[k] for k in order if k < len(given_))
    assert ask(shuffled, turned(goal)).status == plain
    for map_ in (renamed, scaled):
        moved = [replace(p, order=substituted(p.order, map_)) for p in given_]
        assert ask(tuple(moved), substituted(goal, map_)).status == plain


@settings(max_examples=MANY // 2)
@given(problems(logs=True, count=2), st.permutations("abxy"), st.sampled_from([2, 3, sp.Rational(1, 2)]))
def test_with_logarithms_no_two_forms_of_a_problem_get_opposite_answers(problem, names, power):
    given_, goal = problem
    renamed = dict(zip(SYMBOLS, sp.symbols(names, positive=True), strict=True))
    found = {ask(given_, goal).status}
    for map_ in (renamed, {A: A**power, X: 7 * X}):
        moved = [replace(p, order=substituted(p.order, map_)) for p in given_]
        found.add(ask(tuple(moved), substituted(goal, map_)).status)
    assert len(found - {Ruling.UNDECIDED}) <= 1


def substituted(order, map_):
    left, right = (side.xreplace(map_) for side in (order.left, order.right))
    return replace(order, left=left, right=right)


def turned(order):
    """The same order read from right to left."""
    relation = {"<=": ">=", ">=": "<=", "~": "~", "<<": ">>", ">>": "<<"}[order.relation]
    return Order(order.right, relation, order.left, order.up_to_logs)


# -- against the naive product of all cases -------------------------------------------------------------------------


def alternatives(expression):
    """An expression without logarithms as a max of mins of exponent vectors, its own way."""
    match expression:
        case sp.Symbol():
            return [[np.array([float(s == expression) for s in SYMBOLS])]]
        case sp.Pow():
            inner, p = alternatives(expression.base), float(expression.exp)
            powered = [[p * v for v in part] for part in inner]
            return powered if p > 0 else [list(choice) for choice in product(*powered)]
        case sp.Mul():
            found = [[np.zeros(len(SYMBOLS))]]
            for factor in expression.args:
                other = alternatives(factor)
                found = [[v + w for v in p for w in q] for p in found for q in other]
            return found
        case sp.Add() | sp.Max():
            return [part for arg in expression.args for part in alternatives(arg)]
        case sp.Min():
            chosen = product(*(alternatives(arg) for arg in expression.args))
            return [list(chain.from_iterable(choice)) for choice in chosen]
    return [[np.zeros(len(SYMBOLS))]]


def naive_clauses(order):
    """(rows, strict): some row r has r a <= 0, or < 0, for exponents a."""
    left, right, strict = alternatives(order.left), alternatives(order.right), order.relation in ("<<", ">>")
    sides = {"<": [(left, right)], ">": [(right, left)], "~": [(left, right), (right, left)]}[order.relation[0]]
    for smaller, larger in sides:
        for low in smaller:
            for high in product(*larger):
                yield [v - w for v in low for w in high], strict


def feasible(rows, strict):
    """Whether some exponents meet all rows, by floating point, and by exact arithmetic where it says yes."""
    if not rows:
        return True
    found = linprog(np.zeros(len(SYMBOLS)), A_ub=np.array(rows), b_ub=-np.array(strict, float), bounds=(None, None))
    assert found.status in (0, 2)
    if found.status == 2:
        return False
    point = [Fraction(float(x)).limit_denominator(1000) for x in found.x]
    for row, s in zip(rows, strict, strict=True):
        at = sum((Fraction(float(r)) * x for r, x in zip(row, point, strict=True)), Fraction(0))
        assert at < 0 if s else at <= 0
    return True


def naive_status(given_, goal):
    clauses = [clause for p in given_ for clause in naive_clauses(p.order)]
    size = int(np.prod([float(len(rows)) for rows, _ in clauses]))
    contrary = [([-r for r in rows], not strict) for rows, strict in naive_clauses(goal)]
    assume(size * (1 + len(contrary)) <= 150)
    cases = [(list(chosen), [strict for _, strict in clauses]) for chosen in product(*(rows for rows, _ in clauses))]
    if not any(feasible(*case) for case in cases):
        return Ruling.CONTRADICTORY
    for rows, strict in contrary:
        if any(feasible(case + rows, stricts + [strict] * len(rows)) for case, stricts in cases):
            return Ruling.NOT_ENTAILED
    return Ruling.ENTAILED


@settings(max_examples=3 * MANY)
@given(problems(count=2))
def test_without_logarithms_it_agrees_with_the_naive_product_of_cases(problem):
    expected = naive_status(*problem)
    assert ask(*problem).status == expected


# -- proofs -------------------------------------------------------------------------------------------------------


def corrupted(proof, negated):
    """What a proof must not be mistaken for: each with one thing wrong."""
    wrong = Literal(((("a", Fraction(1)),)), strict=True)
    if isinstance(proof, Leaf):
        for k, (row, power) in enumerate(proof.steps):
            before, after = proof.steps[:k], proof.steps[k + 1 :]
            yield Leaf((*before, *after))
            yield Leaf((*before, (row, -power), *after))
            yield Leaf((*before, (replace(row, literal=wrong, why="p0", every=None), power), *after))
            backwards = replace(row, literal=row.literal.negated(), every=None)
            yield Leaf((*before, (backwards, power), *after))
            if row.literal.ratio:
                yield Leaf((*before, (row, power + 1), *after))
                free = replace(row, literal=replace(row.literal, ratio=(), strict=True), every=None)
                yield Leaf((*before, (free, power), *after))
        return
    split, branches = proof.split, proof.branches
    yield Cases(split, branches[1:])
    yield Cases(replace(split, labels=split.labels[1:], alternatives=split.alternatives[1:]), branches[1:])
    merged = (sum(split.alternatives, ()),)
    yield Cases(replace(split, labels=("all",), alternatives=merged), branches[:1])
    yield Cases(replace(split, cites=split.cites + "?"), branches)
    loose = tuple(replace(row, every=((), (("a", Fraction(1)),))) for row in split.alternatives[0])
    yield Cases(replace(split, alternatives=(loose, *split.alternatives[1:])), branches)
    for k, branch in enumerate(branches):
        for other in corrupted(branch, negated):
            yield Cases(split, (*branches[:k], other, *branches[k + 1 :]))


@settings(max_examples=MANY)
@given(problems(logs=True, tilde=True, count=3))
def test_a_corrupted_proof_is_refused(problem):
    given_, goal = problem
    answer = ask(given_, goal)
    assume(answer.derivation is not None)
    asked = problem_of(given_, goal, ())
    for negated, proof in answer.derivation.parts:
        check_proof(proof, asked, negated)
        for wrong in corrupted(proof, negated):
            with pytest.raises(AssertionError):
                check_proof(wrong, asked, negated)
        event("a proof of several cases" if isinstance(proof, Cases) else "a product")


def test_a_scaling_that_breaks_a_premise_is_refused():
    problem = Problem(named([Order(A, ">=", B)]), Order(A, "<=", 1), (), frozenset())
    with pytest.raises(AssertionError, match="breaks a ≳ b"):
        check_scaling(tiers(a=0, b=1), problem, (Literal((("a", Fraction(-1)),), True),))
    with pytest.raises(AssertionError, match="meets the goal"):
        check_scaling(tiers(a=0, b=0), problem, (Literal((("a", Fraction(-1)),), True),))


@pytest.mark.parametrize("rule", ["_growth", "_compared", "_dominant"])
def test_a_search_that_forgets_a_case_is_found_out(rule, monkeypatch):
    """The check states the rules of logarithms itself: what the search makes of them proves nothing."""
    right = getattr(search, rule)

    def forgetful(*arguments):
        split = right(*arguments)
        return replace(split, labels=split.labels[:1], alternatives=split.alternatives[:1])

    goal, given_ = {
        "_growth": (Order(log(A), ">>", 1), []),
        "_compared": (Order(log(A), "<=", log(B)), [Order(A, ">>", 1), Order(B, ">>", 1)]),
        "_dominant": (Order(A, ">>", 1, True), []),
    }[rule]
    assert entails(named(given_), goal, parameter_facts=()).status == Ruling.NOT_ENTAILED
    monkeypatch.setattr(search, rule, forgetful)
    monkeypatch.setattr(search, "counter_scaling", lambda *_: (None, 0))  # which would come first
    with pytest.raises(AssertionError, match="cases without ground"):
        entails(named(given_), goal, parameter_facts=())


# -- what is said -------------------------------------------------------------------------------------------------


def test_what_stays_still_and_what_is_bounded_is_declared_beside_the_symbols(monkeypatch):
    """Several parameters may move, or be bounded; another paper would declare other ranks."""
    given_, goal = named([Order(mu, ">=", 1)]), Order(mu, "<=", sigma_xi / n)

    def said():
        answer = entails(given_, goal, parameter_facts=())
        return {name for name, tiers in answer.scaling.powers.items() if any(tiers)}, str(answer.weakest)

    assert said() == ({"n"}, "mu ≲ sigma_xi/n")
    other = tuple(replace(p, still={"n": 2, "mu": 1}.get(p.name, 0), solved=int(p.name == "n")) for p in table())
    monkeypatch.setattr("theory.orders.counter.table", lambda: other)
    monkeypatch.setattr("theory.orders.entail.table", lambda: other)
    assert said() == ({"sigma_xi"}, "n ≲ sigma_xi/mu")


def tiers(**powers):
    return Scaling(powers={k: (Fraction(p), Fraction(0), Fraction(0)) for k, p in powers.items()})


def status(given_, goal, **options):
    return entails(named(given_), goal, **options).status


GROWS = Order(n, ">>", 1)
SQUARE = Order(d, ">=", n**2)

FOLLOWS = {
    "a logarithm is below a power": ([GROWS, SQUARE], Order(log(n), "<=", d)),
    "and without growth, as n >= 1": ([SQUARE], Order(log(n), "<=", d)),
    "up to logarithms": ([SQUARE], Order(n**2, "<=", d, True)),
    "up to logarithms, with one": ([SQUARE], Order(n**2 * log(n) ** 3, "<=", d, True)),
    "both ways": ([SQUARE, Order(d, "<=", n**2)], Order(d, "~", n**2)),
    "a sum is a max": ([Order(n + m, "<=", d)], Order(Max(n, m), "<=", d)),
    "a max of sums, nested": ([Order(Max(n + m**2, sqrt(n * m)) + 1, "<=", d)], Order(m + n, "<=", d)),
    "a min": ([Order(n, "<=", Min(d, m))], Order(n**2, "<=", d * m)),
    "one over a max": ([Order(d, ">=", n)], Order(1 / Max(n, d), "~", 1 / d)),
    "growth": ([GROWS, SQUARE], Order(n, "<<", d)),
    "growth of logarithms": ([GROWS], Order(log(n), ">>", 1)),
    "growth in n of a logarithm in d": ([GROWS, SQUARE], Order(log(d), ">>", 1)),
    "logs by size": ([SQUARE], Order(log(n), "<=", log(d))),
    "log of a product": ([], Order(log(n * m), "~", log(n) + log(m))),
    "log of a power": ([], Order(log(n**2), "~", log(n))),
    "log of a sum": ([], Order(log(n + m), "~", Max(log(n), log(m)))),
    "log of less than one": ([], Order(log(1 / n), "~", 1)),
    "log log": ([GROWS], Order(log(log(n)), "<<", log(n))),
    "a difference of logarithms": ([Order(d, "~", n)], Order(log(d) - log(n), "~", 1)),
    "numbers are constants": ([Order(7 * n, "<=", d / 3)], Order(sp.pi * n, "<=", (sqrt(2) - 1) * d)),
    "Omega": ([Order(d, ">=", n)], Order(n, "<=", d)),
    "omega": ([Order(d, ">>", n)], Order(n, "<<", d)),
    "omega beyond logarithms": ([GROWS, Order(d, ">=", n**2)], Order(n, "<<", d, True)),
    "constants of the symbols table": ([], Order(delta * n, "~", n)),
    "an opaque constant": ([], Order(n * (1 - tau_plus - tau_minus) + 1, "~", n)),
}

FAILS = {
    "a logarithm more": ([GROWS, SQUARE], Order(n**2 * log(n), "<=", d)),
    "a power more": ([SQUARE], Order(n**3, "<=", d, True)),
    "the other way": ([Order(d, ">=", n)], Order(d, "<=", n)),
    "one of two sides": ([SQUARE], Order(d, "~", n**2)),
    "growth without growth": ([SQUARE], Order(n, "<<", d)),
    "growth beyond logarithms": ([GROWS, Order(d, "~", n * log(n))], Order(n, "<<", d, True)),
    "strictness": ([GROWS, SQUARE], Order(n**2, "<<", d)),
    "one term of a max": ([Order(Max(n, m), ">=", d)], Order(n, ">=", d)),
    "both terms of a min": ([Order(Min(n, m), "<=", d)], Order(n, "<=", d)),
    "no growth of a logarithm": ([], Order(log(n), ">>", 1)),
    "a free parameter": ([GROWS], Order(mu, "<=", n)),
    "log log against a constant": ([GROWS], Order(log(log(n)), "<=", 1)),
    "a log of a log, of a smaller one": ([GROWS, Order(log(d), ">=", n)], Order(d, "<=", n**5)),
    "up to logarithms of another parameter": ([Order(d, "<=", n, True), Order(m, ">=", 1)], Order(d, "<=", n**5)),
}


@pytest.mark.parametrize("name", FOLLOWS)
def test_it_follows(name):
    given_, goal = FOLLOWS[name]
    answer = entails(named(given_), goal)
    assert answer.status == Ruling.ENTAILED, answer.scaling
    assert ("Claim" in str(answer.derivation)) == bool(answer.derivation.parts)
    assert answer.derivation.parts or "identically" in str(answer.derivation)
    assert answer.scaling is None


@pytest.mark.parametrize("name", FAILS)
def test_it_does_not_follow(name):
    given_, goal = FAILS[name]
    answer = entails(named(given_), goal)
    assert answer.status == Ruling.NOT_ENTAILED, answer.derivation
    numerically_right(answer)
    assert answer.derivation is None


def test_weakest_premise_makes_it_follow():
    answer = entails(named([GROWS, SQUARE]), Order(n**2 * log(n), "<=", d))
    assert str(answer.weakest) == "d ≳ n^2 log(n)"
    assert status([GROWS, SQUARE, answer.weakest], answer.goal) == Ruling.ENTAILED
    assert entails(named([GROWS, SQUARE]), Order(d, "<<", n)).weakest is None  # it would contradict
    assert str(entails(named([SQUARE]), Order(d, "~", n**2)).weakest) == "d ≲ n^2"  # the other half holds
    assert str(entails(named([SQUARE]), Order(n + m, "<=", d)).weakest) == "d ≳ m"


def test_facts_are_used_listed_and_droppable():
    goal = Order(d * delta, "<=", d * n)
    answer = entails((), goal)
    assert answer.used == ("fact:n", "fact:delta")
    assert "delta ≍ 1 and numbers are dropped" in str(answer.derivation)
    assert entails((), goal, parameter_facts=()).status == Ruling.NOT_ENTAILED
    assert {p.name for p in facts(["n", "mu", "C"])} == {"fact:n", "fact:C"}  # the length of a signal may be anything
    assert all(p.fact and p.says for p in facts())
    alone = entails((), goal, parameter_facts=facts(["n"]))
    assert alone.status == Ruling.NOT_ENTAILED and alone.scaling.powers["delta"] != (0, 0, 0)


def test_a_fact_up_to_logarithms_makes_no_constant():
    almost = Premise(name="almost", order=Order(A, "~", 1, True), fact=True)
    answer = entails(named([Order(B, ">=", 1)]), Order(A, "<=", 1), parameter_facts=(almost,))
    assert answer.status == Ruling.NOT_ENTAILED


def test_contradictory_premises_are_reported_and_entail_nothing():
    given_ = named([GROWS, SQUARE, Order(d, "<=", n * log(n))])
    answer = entails(given_, Order(m, "<=", n))
    assert answer.status == Ruling.CONTRADICTORY
    assert set(answer.used) == {"p0", "p1", "p2"}
    assert "contradict each other" in answer.reason and "1 ≪ 1, impossible" in str(answer.derivation)
    assert consistent(given_).status == Ruling.CONTRADICTORY
    inside = consistent(given_[:2])
    assert inside.status == Ruling.CONSISTENT and inside.goal is None
    numerically_right(inside)


def test_up_to_logarithms_of_what_occurs():
    """d is n up to logarithms and at least n^2: no contradiction where another parameter may be exponential in n."""
    given_ = named([GROWS, Order(d, "<=", n, True), SQUARE])
    assert consistent(given_).status == Ruling.CONTRADICTORY
    answer = entails(given_, Order(mu, "<=", 1))
    assert answer.status == Ruling.NOT_ENTAILED
    numerically_right(answer)


def test_beyond_the_theory_it_is_undecided():
    """log m ~ sqrt(log n) makes m neither a power of n nor of log n. Nothing of it is guessed."""
    given_ = [GROWS, Order(log(m), "~", sqrt(log(n)))]
    assert status(given_, Order(m, "<=", log(n))) == Ruling.UNDECIDED
    assert status(given_, Order(m, ">>", log(n))) != Ruling.NOT_ENTAILED  # true
    assert status(given_, Order(m, "<=", n)) == Ruling.ENTAILED  # though this can be proved


def test_relations_say_what_they_are():
    given_ = named([Order(d, ">=", n)])
    assert str(given_[0]) == "d ≳ n  [p0]"
    assert [str(Order(d, r, n)) for r in orders.RELATIONS] == ["d ≲ n", "d ≳ n", "d ≍ n", "d ≪ n", "d ≫ n"]
    assert str(Order(d, "<=", n, True)) == "d ≲ n (up to logarithms)"
    with pytest.raises(ValueError, match="relation '<': use one of <=, >=, ~, <<, >>"):
        Order(d, "<", n)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (d - n, "'d - n' has a difference, and differences have no order: state it without '-'"),
        (1 - n, "has a difference"),
        (tau_plus - tau_minus, "has a difference"),
        (-1 - tau_plus, "has a difference"),
        (log(n) - 1, "has a difference"),
        (1 - sqrt(2), "only positive finite quantities have"),
        (sp.Integer(0), "'0' has no order of magnitude"),
        (-n, "'-n' is negative"),
        (sp.oo, "'oo' has no order of magnitude"),
        (sp.zoo, "has no order of magnitude"),
        (sp.nan, "has no order of magnitude"),
        (n**d, "its power d is no rational number"),
        (2**n, "its power n is no rational number"),
        (n**0.5, "its power 0.5"),
        (sp.exp(n), "'exp(n)' is no product, power, max, min, sum or logarithm"),
        (sp.sin(n), "it has no order here"),
    ],
    ids=str,
)
def test_unusable_expressions_are_refused_in_words(expression, message):
    with pytest.raises(ValueError, match=re.escape(message)) as raised:
        entails((), Order(n, "<=", expression))
    assert "\n" not in str(raised.value)


def test_what_grows_too_large_is_refused_not_tried():
    x = sp.symbols("x:10", positive=True)
    with pytest.raises(ValueError, match="monomials"):
        entails((), Order(sp.Mul(*(x[k] + x[(k + 1) % 10] ** 2 for k in range(10))), "<=", 1))


def test_any_name_of_a_parameter_is_as_good():
    for name in ("polylog", "N", "log", "lambda", "x^2"):
        odd = sp.Symbol(name, positive=True)
        assert status([GROWS], Order(odd, ">=", 1, True)) == Ruling.NOT_ENTAILED
        assert status([Order(odd, ">=", 1), GROWS], Order(log(odd), "<=", odd * n)) == Ruling.ENTAILED


def test_conditions_become_premises():
    given_ = premises(condition_4_1())
    assert len({p.name for p in given_}) == len(given_)
    assert all(p.says for p in given_)
    by_name = {p.name: p.order for p in given_}
    assert by_name["4.1.1-snr"].relation == "~"
    assert by_name["4.1.2-dimension"].relation == ">="
    assert by_name["4.1.6-step"].relation == "<="
    assert {eta, sigma_0, mu, sigma_xi} <= set().union(*(p.order.left.free_symbols for p in given_)) | {kappa, T_star}


def test_orders_along_a_scaling():
    along = Scaling(powers={"n": (Fraction(1), Fraction(0), Fraction(0)), "d": (Fraction(2), Fraction(1), Fraction(0))})
    assert str(along) == "n = N, d = N^2 log(N)"
    assert along.order(d / n) == (1, 1, 0, 0)
    assert along.order(log(d) * sqrt(n) + 5) == (Fraction(1, 2), 1, 0, 0)
    assert along.order(log(log(log(n)))) == (0, 0, 0, 1)
    assert along.order(Min(n, 1 / n)) == (-1, 0, 0, 0)
    assert along.holds(Order(d, "<=", n**2, True)) and not along.holds(Order(d, "<=", n**2))
    with pytest.raises(ValueError, match="says nothing of 'm'"):
        along.order(m)
    with pytest.raises(ValueError, match="too slowly"):
        along.order(log(log(log(log(n)))))


def test_the_numeric_arithmetic_tells_true_from_false():
    """The tests' own evaluator, on planted relations of every kind, true and false."""
    along = {"a": (Fraction(1), Fraction(0), Fraction(0)), "b": (Fraction(0), Fraction(1), Fraction(0))}
    true = [Order(log(A), "~", B), Order(A, ">>", B**9), Order(log(log(A)), "<<", B), Order(A + B, "~", 3 * A)]
    true += [Order(A * B, "<=", A, True), Order(B, "<<", A, True), Order(log(log(log(A))), ">>", 1), Order(A, ">=", 1)]
    false = [Order(A, "<=", B), Order(B, "<<", log(A)), Order(A * B, "~", A), Order(A * B, ">>", A, True)]
    false += [Order(log(log(log(A))), "<=", 1), Order(A**2, "<=", A, True), Order(1, ">=", A), Order(B, "<=", 1)]
    assert all(orders_along.holds(o, along) for o in true)
    assert not any(orders_along.holds(o, along) for o in false)


@pytest.mark.parametrize("root", [2, 999, 1001, 2000, 10**6, 10**12])
@pytest.mark.parametrize("power", [1, 40])
def test_how_small_a_power_is_comes_from_the_problem(root, power):
    grows = Premise(name="grows", order=Order(n, ">>", 1))
    small = n ** sp.Rational(1, root)
    assert entails((grows,), Order(sp.log(n) ** power, "<<", small)).status is Ruling.ENTAILED
    assert entails((), Order(sp.log(n) ** power, "<=", small)).status is Ruling.ENTAILED
    assert entails((grows,), Order(small, "<=", sp.log(n) ** power)).status is Ruling.NOT_ENTAILED
    # Up to logarithms, and through other parameters.
    close = Premise(name="close", order=Order(d, ">=", n**2, up_to_logs=True))
    less = n ** (2 - sp.Rational(1, root))
    assert entails((grows, close), Order(d, ">=", less)).status is Ruling.ENTAILED
    assert entails((grows, close), Order(d, ">=", n**2)).status is Ruling.NOT_ENTAILED
    far = Premise(name="far", order=Order(n, "<=", m**root))
    assert entails((grows, far), Order(sp.log(n) ** power, "<<", m)).status is Ruling.ENTAILED
