"""A question about orders as SMT-LIB 2, so that a solver that knows nothing of this one decides it.

Along a scaling x = N^a (log N)^b (log log N)^c every expression has an order of the same form, one tier more for its
logarithms, and orders are compared tier by tier, the first that differs deciding. That is linear arithmetic over the
reals a, b, c with case distinctions, and is written here from the expressions as they stand: nothing is shared with
:mod:`theory.orders.lattice`, nor with the search. Where neither a logarithm nor "up to logarithms" occurs a alone is
enough, and what the solver says is the whole answer: no scaling that meets the premises, the premises contradict each
other; none of these that breaks the goal, it follows. With logarithms a scaling still refutes; that there is none of
this form proves nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction

import sympy as sp

from theory.orders.relations import Order, Premise
from theory.orders.scaling import DEPTH

HEADER = "; Does an order of magnitude follow? Written by thetacheck."
Tiers = tuple[str, ...]


def question(given: Iterable[Premise], goal: Order | None, facts: Iterable[Premise]) -> str:
    """The question as a script: satisfiable premises are the first answer, a scaling that breaks the goal the second.

    Args:
        given: the premises.
        goal: what should follow; None where only consistency is asked.
        facts: what holds of parameters by their meaning; those of parameters that occur are taken.

    Raises:
        ValueError: an expression has no order of magnitude.
    """
    given = tuple(given)
    occurring = set().union(*(p.order.symbols for p in given), goal.symbols if goal is not None else set())
    known = tuple(p for p in facts if p.order.symbols & occurring)
    orders = [p.order for p in (*given, *known)] + ([goal] if goal is not None else [])
    plain = not any(order.up_to_logs or order.left.has(sp.log) or order.right.has(sp.log) for order in orders)
    script = _Script(
        tiers=1 if plain else DEPTH, names=sorted(set().union(occurring, *(p.order.symbols for p in known)))
    )
    for premise in (*given, *known):
        script.lines.append(f"; {premise}")
        held = script.holds(premise.order)
        script.lines.append(f"(assert {held})")
    script.lines += [
        "; unsat: the premises contradict each other" + ("" if plain else " along these scalings"),
        "(check-sat)",
    ]
    if goal is not None:
        script.lines.append(f"; not: {goal}")
        held = script.holds(goal)
        script.lines.append(f"(assert (not {held}))")
        found = "it follows" if plain else "no scaling of this form breaks it"
        script.lines += [f"; unsat: {found}; sat: it does not follow, and a model is the scaling", "(check-sat)"]
    logic = [HEADER, *(f"; {name} = {_meaning(name, script.tiers)}" for name in script.names), "(set-logic QF_LRA)"]
    declared = [f"(declare-fun {x} () Real)" for name in script.names for x in script.powers(name)[: script.tiers]]
    return "\n".join([*logic, *declared, *script.lines, "(exit)"]) + "\n"


def _meaning(name: str, tiers: int) -> str:
    bases = ("N", "(log N)", "(log log N)")
    return " ".join(f"{base}^{name}!{k}" for k, base in zip(range(tiers), bases, strict=False))


@dataclass
class _Script:
    """Lines so far; every subexpression is defined once, tier by tier."""

    tiers: int
    names: list[str]
    lines: list[str] = field(default_factory=list)
    defined: dict[sp.Expr, Tiers] = field(default_factory=dict)

    @property
    def width(self) -> int:
        """Tiers of an order: one more than of a scaling, where there are logarithms."""
        return 1 if self.tiers == 1 else self.tiers + 1

    def powers(self, name: str) -> Tiers:
        return (*(f"{name}!{k}" for k in range(self.tiers)), *["0.0"] * (self.width - self.tiers))

    def holds(self, order: Order) -> str:
        left, right = self.order(order.left), self.order(order.right)
        if not order.up_to_logs:
            return self.compared(left, right, order.relation)
        # Forgiven is what lies below the first tier in which any parameter moves.
        found = self.compared(left, right, order.relation)
        for k in reversed(range(self.tiers)):
            moves = _any([f"(not (= {self.powers(name)[k]} 0.0))" for name in self.names])
            found = f"(ite {moves} {self.compared(left[: k + 1], right[: k + 1], order.relation)} {found})"
        return found

    def compared(self, left: Tiers, right: Tiers, relation: str) -> str:
        match relation:
            case "<<":
                return _below(left, right)
            case ">>":
                return _below(right, left)
            case "<=":
                return f"(not {_below(right, left)})"
            case ">=":
                return f"(not {_below(left, right)})"
        return f"(and {' '.join(f'(= {a} {b})' for a, b in zip(left, right, strict=True))})"

    def order(self, expression: sp.Expr) -> Tiers:
        expression = sp.sympify(expression)
        if expression not in self.defined:
            found = self.made(expression)
            names = tuple(f"term!{len(self.defined)}!{k}" for k in range(len(found)))
            self.lines += [f"(define-fun {name} () Real {x})" for name, x in zip(names, found, strict=True)]
            self.defined[expression] = names
        return self.defined[expression]

    def made(self, expression: sp.Expr) -> Tiers:
        nothing = ("0.0",) * self.width
        if expression.is_number and expression.is_positive:
            return nothing
        match expression:
            case sp.Symbol():
                return self.powers(expression.name)
            case sp.Pow() if expression.exp.is_Rational:
                power = _number(Fraction(int(expression.exp.p), int(expression.exp.q)))
                return tuple(f"(* {power} {x})" for x in self.order(expression.base))
            case sp.Mul():
                number, factors = expression.as_coeff_mul()
                if number.is_negative:  # SymPy writes log(1/x) as -log(x)
                    inner = next((f for f in factors if isinstance(f, sp.log)), None)
                    if inner is None:
                        raise ValueError(f"'{expression}' is negative: it has no order of magnitude")
                    turned = sp.log(1 / inner.args[0], evaluate=False)
                    factors = [turned if f is inner else f for f in factors]
                parts = [self.order(f) for f in factors]
                return tuple(f"(+ {' '.join(tier)} 0.0)" for tier in zip(*parts, strict=True))
            case sp.Add():
                if any(term.as_coeff_Mul()[0].is_negative for term in expression.args):  # log a - log b
                    combined = sp.logcombine(expression, force=True)
                    return self.order(combined) if isinstance(combined, sp.log) else nothing
                return self.extreme([self.order(term) for term in expression.args], largest=True)
            case sp.Max() | sp.Min():
                return self.extreme([self.order(x) for x in expression.args], largest=isinstance(expression, sp.Max))
            case sp.Abs():
                return self.order(expression.args[0])
            case sp.log():
                return self.logarithm(self.order(expression.args[0]))
        raise ValueError(f"'{expression}' has no order of magnitude")

    def extreme(self, parts: list[Tiers], largest: bool) -> Tiers:
        best = parts[0]
        for other in parts[1:]:
            beats = _below(best, other) if largest else _below(other, best)
            best = tuple(f"(ite {beats} {b} {a})" for a, b in zip(best, other, strict=True))
            names = tuple(f"pick!{len(self.lines)}!{k}" for k in range(len(best)))
            self.lines += [f"(define-fun {name} () Real {x})" for name, x in zip(names, best, strict=True)]
            best = names
        return best

    def logarithm(self, inside: Tiers) -> Tiers:
        """max(1, log E): of the tier below the first in which E moves, if it grows."""
        first = [
            f"(and {' '.join(f'(= {x} 0.0)' for x in inside[:k])} true (> {inside[k]} 0.0))" for k in range(self.width)
        ]
        self.lines.append(f"(assert (not {first[-1]}))")  # it grows too slowly to be told from a constant
        return ("0.0", *(f"(ite {grows} 1.0 0.0)" for grows in first[:-1]))


def _below(left: Tiers, right: Tiers) -> str:
    found = "false"
    for a, b in zip(reversed(left), reversed(right), strict=True):
        found = f"(or (< {a} {b}) (and (= {a} {b}) {found}))"
    return found


def _any(parts: list[str]) -> str:
    return f"(or false {' '.join(parts)})"


def _number(value: Fraction) -> str:
    size = f"(/ {abs(value.numerator)}.0 {value.denominator}.0)"
    return f"(- {size})" if value < 0 else size
