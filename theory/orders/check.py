"""Proofs and counter-scalings checked again, by rules stated here a second time: nothing is shared with the search.

A proof is recomputed from the premises' clauses: every row is a premise, an axiom of logarithms or a case assumed, the
cases of a split are all there are, and every product is 1 << 1. Words beside the rows are not checked. A scaling is
checked on the expressions as they stand (:mod:`theory.orders.scaling`).
"""

from collections.abc import Hashable, Iterable, Iterator
from fractions import Fraction

from theory.orders.lattice import POLYLOG, Atom, Clause, Log, Monomial
from theory.orders.problem import Problem
from theory.orders.proof import Cases, Proof, Row, Split
from theory.orders.scaling import Scaling


def check_proof(proof: Proof, problem: Problem, negated: Clause, assumed: tuple[Row, ...] = ()) -> None:
    """Recompute a proof that ``negated`` contradicts the premises of a problem.

    Raises:
        AssertionError: it is no proof; nothing unproved is ever returned.
    """
    if isinstance(proof, Cases):
        split = proof.split
        grounded = _is_premise_split(split, problem) if split.cites else _are_all_cases(split, problem)
        if not grounded or len(proof.branches) != len(split.alternatives):
            raise AssertionError(f"cases without ground: {split.labels}")
        for alternative, branch in zip(split.alternatives, proof.branches, strict=True):
            check_proof(branch, problem, negated, assumed + alternative)
        return
    total: dict[Atom, Fraction] = {}
    strict = False
    for row, power in proof.steps:
        literal = row.literal
        if not (_is_premise(row, problem, negated) or _is_axiom(row) or any(_allows(a, row) for a in assumed)):
            raise AssertionError(f"row without ground: {literal} [{row.why}]")
        if power <= 0:
            raise AssertionError(f"power {power} of {literal} is not positive")
        for atom, p in literal.ratio:
            total[atom] = total.get(atom, Fraction(0)) + p * power
        if literal.tilde:  # O up to one polylogarithm; o beyond every power of it
            total[POLYLOG] = total.get(POLYLOG, Fraction(0)) + power * (1 / problem.small if literal.strict else -1)
        strict |= literal.strict
    if any(total.values()) or not strict:
        raise AssertionError(f"the product is not 1 << 1: {total}")


def check_scaling(scaling: Scaling, problem: Problem, negated: Clause) -> None:
    """Whether every premise holds along a scaling, and the goal fails if its negation was asked for.

    Raises:
        AssertionError: it is no such scaling.
    """
    for premise in (*problem.given, *problem.background):
        if not scaling.holds(premise.order):
            raise AssertionError(f"counter-scaling {scaling} breaks {premise}")
    if negated and problem.goal is not None and scaling.holds(problem.goal):
        raise AssertionError(f"counter-scaling {scaling} meets the goal {problem.goal}")


# ---------------------------------------------------------------------------------------------------------------
# Rows


def _is_premise(row: Row, problem: Problem, negated: Clause) -> bool:
    return row.literal in negated or ((row.literal,), row.why) in problem.clauses


def _is_axiom(row: Row) -> bool:
    """log E >= 1, or log E <= a polylogarithm."""
    ratio = dict(row.literal.ratio)
    if row.literal.strict or row.literal.tilde:
        return False
    if len(ratio) == 1:
        [(atom, power)] = ratio.items()
        return power < 0 and (isinstance(atom, Log) or atom == POLYLOG)
    if len(ratio) == 2 and ratio.get(POLYLOG) == -1:
        [(atom, power)] = [(a, p) for a, p in ratio.items() if a != POLYLOG]
        return power == 1 and isinstance(atom, Log)
    return False


def _allows(assumed: Row, row: Row) -> bool:
    if assumed.every is not None and assumed.every == row.every:
        return _takes_a_power(row)
    return assumed == row


def _takes_a_power(row: Row) -> bool:
    """Whether the literal of "A lies below every power of B" is A << B^p with some p above 0."""
    assert row.every is not None
    rest = dict(row.literal.ratio)
    for atom, power in row.every[0]:
        rest[atom] = rest.get(atom, Fraction(0)) - power
    powers = {-rest.pop(atom, Fraction(0)) / power for atom, power in row.every[1]}
    plain = row.literal.strict and not row.literal.tilde
    return plain and not any(rest.values()) and len(powers) == 1 and powers.pop() > 0


# ---------------------------------------------------------------------------------------------------------------
# Cases


def _is_premise_split(split: Split, problem: Problem) -> bool:
    return any(
        name == split.cites and split.alternatives == tuple((Row(x, name),) for x in clause)
        for clause, name in problem.clauses
    )


Case = frozenset[Hashable]  # what holds in it


def _are_all_cases(split: Split, problem: Problem) -> bool:
    """Whether one of the cases holds along a subsequence, whatever the parameters do, by what a logarithm is."""
    cases = {frozenset(map(_said, case)) for case in split.alternatives}
    return any(cases == known for known in _distinctions(problem))


def _said(row: Row) -> Hashable:
    if row.every is not None:
        return _beyond(*row.every) if _takes_a_power(row) else None
    return None if row.literal.tilde else (frozenset(row.literal.ratio), row.literal.strict)


def _bounded(product: Iterable[tuple[Atom, Fraction]]) -> Hashable:
    return frozenset(product), False


def _grows(product: Iterable[tuple[Atom, Fraction]]) -> Hashable:
    return frozenset((atom, -power) for atom, power in product), True


def _beyond(a: Monomial, b: Monomial) -> Hashable:
    """a lies below every power of b."""
    return frozenset(a), frozenset(b)


def _distinctions(problem: Problem) -> Iterator[set[Case]]:
    one = Fraction(1)
    for log in problem.logs:
        inside, itself = log.of, ((log, one),)
        # E tends to infinity along a subsequence, and log E with it but below every power of E; or E is bounded.
        yield {
            frozenset({_grows(inside), _grows(itself), _beyond(itself, inside)}),
            frozenset({_bounded(inside), _bounded(itself)}),
        }
        for other in problem.logs:
            if other != log:
                # log E = O(log F) along a subsequence; or log F = o(log E), so that F = exp(o(log E)).
                both = ((log, one), (other, -one))
                yield {
                    frozenset({_bounded(both)}),
                    frozenset({_grows(both), _beyond(other.of, inside)}),
                }
    # Some parameter or its inverse has the largest logarithm along a subsequence; it grows, or nothing does.
    signed = [((name, sign),) for name in problem.parameters for sign in (one, -one)]
    polylog = ((POLYLOG, one),)
    yield {
        *(frozenset({_grows(x), _beyond(polylog, x)}) for x in signed),
        frozenset({_bounded(polylog), *map(_bounded, signed)}),
    }
