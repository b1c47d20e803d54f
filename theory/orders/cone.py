"""Homogeneous linear inequalities over the rationals, decided exactly, with a certificate either way.

For rows r_i, some of them strict, exactly one of the following is true (Motzkin's transposition theorem):

- there is a point x with r_i x <= 0 for all i, and r_i x < 0 for the strict ones;
- there are multipliers lambda_i >= 0 with sum_i lambda_i r_i = 0 and lambda_i > 0 for some strict i.

One simplex tableau gives whichever it is. Rows are kept as integers without common factor, so nothing is rounded.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import gcd, lcm

Rational = Fraction | int


def decide(
    rows: Sequence[Sequence[Rational]], strict: Sequence[bool]
) -> tuple[list[Fraction], None] | tuple[None, list[Fraction]]:
    """A point ``(x, None)`` of the cone, with r_i x <= -1 for strict rows, or multipliers ``(None, lambda)``.

    Args:
        rows: k rows of equal length.
        strict: which of them are strict; without any, the origin is a point.
    """
    size, count = (len(rows[0]) if rows else 0), len(rows)
    if not any(strict):
        return [Fraction(0)] * size, None
    # Phase one of the simplex method for lambda >= 0, R' lambda = 0, sum of strict lambda = 1, with one artificial
    # variable for each of these equations. Their sum is minimized; its dual prices are the point, if it stays positive.
    scaled = [_integers(row) for row in rows]
    table = [[scaled[i][0][j] for i in range(count)] for j in range(size)]
    # A row's own scale must not change which combination of the rows as given vanishes.
    table.append([scaled[i][1] if strict[i] else 0 for i in range(count)])
    for j, line in enumerate(table):
        line += [int(k == j) for k in range(size + 1)] + [int(j == size)]
    basis = [count + j for j in range(size + 1)]
    # Reduced costs: minus the sum of all equations, zero on the artificial variables.
    cost = [-sum(line[k] for line in table) for k in range(count + size + 2)]
    for j in range(size + 1):
        cost[count + j] = 0
    weight, stalled = 1, 0  # the cost row is kept as weight * reduced costs
    while True:
        # The steepest column is fast, but may go in circles without progress; the first one (Bland) cannot.
        enter = min(range(count), key=cost.__getitem__) if stalled <= size else -1
        if enter < 0:
            enter = next((k for k in range(count) if cost[k] < 0), 0)
        if cost[enter] >= 0:
            break
        leave = None
        for j, line in enumerate(table):
            if line[enter] > 0:
                if leave is None:
                    leave = j
                    continue
                best = table[leave]
                difference = line[-1] * best[enter] - best[-1] * line[enter]
                if difference < 0 or (difference == 0 and basis[j] < basis[leave]):
                    leave = j
        pivot = table[leave]  # phase one is bounded, so there is one
        p = pivot[enter]
        stalled = 0 if pivot[-1] else stalled + 1
        for j, line in enumerate(table):
            if j != leave and line[enter]:
                q = line[enter]
                table[j] = _reduced([p * a - q * b for a, b in zip(line, pivot, strict=True)])
        q = cost[enter]
        cost = [p * a - q * b for a, b in zip(cost, pivot, strict=True)]
        common = gcd(weight * p, *cost)
        cost, weight = [a // common for a in cost], weight * p // common
        basis[leave] = enter
    if cost[-1] == 0:
        multipliers = [Fraction(0)] * count
        for j, line in enumerate(table):
            if basis[j] < count:
                multipliers[basis[j]] = Fraction(line[-1], line[basis[j]]) * scaled[basis[j]][1]
        return None, multipliers
    # The reduced cost of an artificial variable is 1 - price.
    prices = [1 - Fraction(cost[count + j], weight) for j in range(size + 1)]
    return [price / prices[-1] for price in prices[:-1]], None


def _integers(row: Sequence[Rational]) -> tuple[list[int], int]:
    if all(type(a) is int for a in row):
        return list(row), 1
    scale = lcm(*[a.denominator for a in row])
    return [a.numerator * (scale // a.denominator) for a in row], scale


def _reduced(line: list[int]) -> list[int]:
    common = gcd(*line)
    return [a // common for a in line] if common > 1 else line
