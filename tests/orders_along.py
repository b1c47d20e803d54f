"""Values of expressions along a scaling by plain arithmetic at huge N, which shares nothing with theory.orders.

The logarithm of a value is kept as A t + r, where t = log N: A exact, r to hundreds of digits. At t = exp(exp(u)) the
tiers N, log N, log log N and log log log N = u are so far apart that two values of u tell growth from constancy.
"""

from fractions import Fraction
from functools import cache

import mpmath as mp
import sympy as sp

EARLY, LATE, DIGITS = 20, 600, 320  # exp(600) has 260 digits
FORGIVEN = 40  # powers of logarithms, as "up to logarithms" at these N
STEADY = 0.5  # what a bounded ratio may change in between; (log log log N)^(1/4) changes by 0.85


class Value:
    """exp(A t + r)."""

    def __init__(self, lead, rest, t):
        self.lead, self.rest, self.t = Fraction(lead), mp.mpf(rest), t

    def log(self):
        return mp.mpf(self.lead.numerator) / self.lead.denominator * self.t + self.rest

    def times(self, other):
        return Value(self.lead + other.lead, self.rest + other.rest, self.t)

    def power(self, p):
        return Value(p * self.lead, mp.mpf(p.numerator) / p.denominator * self.rest, self.t)


def total(values):
    top = max(values, key=lambda v: (v.lead, v.rest))
    away = [v.times(top.power(Fraction(-1))).log() for v in values]
    return Value(top.lead, top.rest + mp.log(mp.fsum(mp.exp(a) for a in away if a > -2000)), top.t)


@cache
def size(u):
    return mp.exp(mp.exp(u))


def value(expression, powers, u):
    """An expression at log log log N = u, with log E as max(1, log E)."""
    t = size(u)
    match expression:
        case sp.Symbol():
            a, b, c = powers[expression.name]
            return Value(
                a, mp.mpf(b.numerator) / b.denominator * mp.exp(u) + mp.mpf(c.numerator) / c.denominator * u, t
            )
        case sp.Mul():
            found = Value(0, 0, t)
            for factor in expression.args:
                found = found.times(value(factor, powers, u))
            return found
        case sp.Pow():
            return value(expression.base, powers, u).power(Fraction(int(expression.exp.p), int(expression.exp.q)))
        case sp.Add():
            return total([value(term, powers, u) for term in expression.args])
        case sp.Max():
            return max((value(arg, powers, u) for arg in expression.args), key=lambda v: (v.lead, v.rest))
        case sp.Min():
            return min((value(arg, powers, u) for arg in expression.args), key=lambda v: (v.lead, v.rest))
        case sp.Abs():
            return value(expression.args[0], powers, u)
        case sp.log():
            return Value(0, mp.log(max(mp.mpf(1), value(expression.args[0], powers, u).log())), t)
    number = sp.Rational(expression)
    return Value(0, mp.log(mp.mpf(int(number.p)) / int(number.q)), t)


def holds(order, powers) -> bool:
    """Whether the ratio of both sides stays bounded, or vanishes, between early and late N."""
    with mp.workdps(DIGITS):
        change, forgiven = mp.mpf(0), mp.mpf(0)
        for u, sign in ((EARLY, -1), (LATE, 1)):
            left, right = value(order.left, powers, u), value(order.right, powers, u)
            change += sign * left.times(right.power(Fraction(-1))).log()
            logs = [abs(value(sp.Symbol(name), powers, u).log()) for name in powers]
            forgiven += sign * mp.log(max([mp.mpf(1), *logs]))
        slack = FORGIVEN * forgiven if order.up_to_logs else 0
        below = {1: change <= slack + STEADY, -1: -change <= slack + STEADY}
        return bool(
            {
                "<=": below[1],
                ">=": below[-1],
                "~": below[1] and below[-1],
                "<<": not below[-1],  # not bounded from below along a scaling: it vanishes
                ">>": not below[1],
            }[order.relation]
        )
