"""Scalings, and what holds along one: exact arithmetic on the expressions as they stand.

This is what a counter-scaling is checked by, so it shares nothing with :mod:`theory.orders.lattice`, which the search
reads expressions with, nor with the search.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import sympy as sp

from theory.orders.relations import Order, product_text

DEPTH = 3  # tiers of a scaling: powers of N, log N, log log N

Tiers = tuple[Fraction, ...]


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """Parameters as functions of N: x = N^a (log N)^b (log log N)^c with N to infinity.

    Attributes:
        powers: (a, b, c) by symbol name; a constant has (0, 0, 0).
    """

    powers: Mapping[str, Tiers]

    def __str__(self) -> str:
        return ", ".join(f"{name} = {_tier_text(tiers)}" for name, tiers in self.powers.items())

    def order(self, expression: sp.Expr) -> Tiers:
        """The order of an expression along the scaling, as powers of N, log N, log log N and log log log N.

        Raises:
            ValueError: a symbol has no power here, or the expression no order.
        """
        return _order_along(sp.sympify(expression), self.powers)

    def along(self, expression: sp.Expr) -> str:
        """The order of an expression along the scaling, in words: ``N^2 log(N)``."""
        return _tier_text(self.order(expression))

    def holds(self, order: Order) -> bool:
        """Whether an order holds along the scaling, by exact arithmetic on the expressions as they stand."""
        left, right = self.order(order.left), self.order(order.right)
        if order.up_to_logs:
            # Every logarithm is at most log N; if nothing is a power of N, those of log N are what counts.
            top = next((k for k in range(DEPTH) if any(t[k] for t in self.powers.values())), DEPTH)
            left, right = left[: top + 1], right[: top + 1]
        return {
            "<=": left <= right,
            ">=": left >= right,
            "~": left == right,
            "<<": left < right,
            ">>": left > right,
        }[order.relation]


def _order_along(expression: sp.Expr, powers: Mapping[str, Tiers]) -> Tiers:
    """Order of an expression by direct recursion, one tier more than the scaling has."""
    nothing = (Fraction(0),) * (DEPTH + 1)
    if expression.is_number and expression.is_positive:
        return nothing
    match expression:
        case sp.Symbol():
            if expression.name not in powers:
                raise ValueError(f"the scaling says nothing of '{expression.name}'")
            return (*powers[expression.name], Fraction(0))
        case sp.Pow() if expression.exp.is_Rational:
            power = Fraction(int(expression.exp.p), int(expression.exp.q))
            return tuple(power * t for t in _order_along(expression.base, powers))
        case sp.Mul():
            number, factors = expression.as_coeff_mul()
            if number.is_negative:
                inner = next(f for f in factors if isinstance(f, sp.log))
                factors = [sp.log(1 / f.args[0], evaluate=False) if f is inner else f for f in factors]
            orders = [_order_along(f, powers) for f in factors]
            return tuple(sum((o[k] for o in orders), Fraction(0)) for k in range(DEPTH + 1))
        case sp.Add():
            if any(term.as_coeff_Mul()[0].is_negative for term in expression.args):  # log a - log b
                combined = sp.logcombine(expression, force=True)
                if isinstance(combined, sp.log):
                    return _order_along(combined, powers)
                return nothing  # a difference of constants: others were refused before
            return max(_order_along(term, powers) for term in expression.args)
        case sp.Max():
            return max(_order_along(term, powers) for term in expression.args)
        case sp.Min():
            return min(_order_along(term, powers) for term in expression.args)
        case sp.Abs():
            return _order_along(expression.args[0], powers)
        case sp.log():
            inside = _order_along(expression.args[0], powers)
            first = next((k for k, t in enumerate(inside) if t), None)
            if first is None or inside[first] < 0:
                return nothing
            if first + 1 > DEPTH:
                raise ValueError(f"'{expression}' grows too slowly to be told from a constant")
            return tuple(Fraction(int(k == first + 1)) for k in range(DEPTH + 1))
    raise ValueError(f"'{expression}' has no order of magnitude")


def _tier_text(tiers: Tiers) -> str:
    names = ("N", "log(N)", "log(log(N))", "log(log(log(N)))")
    return product_text((name, t) for name, t in zip(names, tiers, strict=False) if t)
