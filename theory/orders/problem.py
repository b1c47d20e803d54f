"""One question in the form in which it is searched and checked: premises as clauses, parameters, logarithms."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import cached_property
from math import lcm

import sympy as sp

from theory.orders.lattice import Atom, Clause, Log, Monomial, atom_text, clauses_of
from theory.orders.relations import Order, Premise, facts
from theory.symbols import table


class Problem:
    """Premises and facts as clauses, ready for one negated goal after the other."""

    def __init__(
        self,
        given: tuple[Premise, ...],
        goal: Order | None,
        background: tuple[Premise, ...],
        constants: frozenset[str],
    ) -> None:
        self.given, self.goal, self.background, self.constants = given, goal, background, constants
        self.dropped = tuple(sorted(constants))
        clauses: dict[Clause, str] = {}
        for premise in (*given, *background):
            for clause in clauses_of(premise.order, constants):
                clauses.setdefault(clause, premise.name)
        self.clauses = tuple(clauses.items())
        goal_clauses = clauses_of(goal, constants) if goal is not None else ()
        everything = [x for c in (*clauses, *goal_clauses) for x in c]
        atoms = _atoms(x.ratio for x in everything)
        names = {p.name: k for k, p in enumerate(table())}
        self.parameters = tuple(
            sorted((a for a in atoms if isinstance(a, str)), key=lambda a: (names.get(a, len(names)), a))
        )
        self.logs = tuple(sorted((a for a in atoms if isinstance(a, Log)), key=lambda a: (_depth(a), atom_text(a))))
        self.small = _small((*clauses, *goal_clauses), self.logs, len(self.parameters) + len(self.logs) + 1)

    @cached_property
    def occurring(self) -> set[str]:
        """Names of the symbols in the premises and the goal."""
        return set().union(*(p.order.symbols for p in self.given), self.goal.symbols if self.goal else set())


def problem_of(given: tuple[Premise, ...], goal: Order | None, parameter_facts: tuple[Premise, ...] | None) -> Problem:
    """Premises and goal with the facts about the symbols that occur; which of these are constants is a fact too."""
    occurring = set().union(*(p.order.symbols for p in given), goal.symbols if goal else set())
    known = facts(occurring) if parameter_facts is None else parameter_facts
    here = tuple(p for p in known if p.order.symbols & occurring)
    constants = {p.order.left.name for p in here if isinstance(p.order.left, sp.Symbol) and _is_constant(p.order)}
    return Problem(given, goal, here, frozenset(constants))


def _is_constant(order: Order) -> bool:
    return order.relation == "~" and not order.up_to_logs and bool(order.right.is_number)


def _atoms(monomials: Iterable[Monomial]) -> set[Atom]:
    found: set[Atom] = set()
    for monomial in monomials:
        for atom, _ in monomial:
            if atom not in found:
                found.add(atom)
                if isinstance(atom, Log):
                    found |= _atoms([atom.of])
    return found


def _depth(atom: Atom) -> int:
    return 0 if isinstance(atom, str) else 1 + max(_depth(a) for a, _ in atom.of)


def _small(clauses: Iterable[Clause], logs: Sequence[Log], atoms: int) -> Fraction:
    """The power that stands for "every power" in the linear programmes of one problem; its inverse for a large one.

    Any power is sound, and a smaller one proves no less. Whether a programme has a point is told by the signs of
    determinants of its rows, in whole numbers: polynomials in the power, whose coefficients add up to at most the
    product of what the rows add up to. Below the inverse of that no sign changes any more, so nothing is missed.
    """
    sums = [2]
    for literal in {x for clause in clauses for x in clause}:
        scale = lcm(*(p.denominator for _, p in literal.ratio))
        sums.append(int(sum(abs(p) for _, p in literal.ratio) * scale) + literal.tilde * scale)
    inside = [int(sum(abs(p) for _, p in log.of)) for log in logs]
    sums += [max(inside, default=0) + max(*inside, 1)] if inside else []
    return Fraction(1, (max(sums) + 1) ** (atoms + 1))  # and one for the strictness
