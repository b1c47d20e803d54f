"""Fences: piecewise linear functions between which the flow and every recursion of small steps run, for a whole box.

Derivation (docs/proofs.md, "Fences"): let L be piecewise linear with L(0) = 0, and on every piece [t, t'] let

    slope of L_i <= g(z_i(L(r))) for all r in [t - h, t'], r >= 0, and all parameters of the box.

Then x >= L for the flow and for every recursion x_{k+1} = x_k + e F(x_k) with 0 < e <= h, also between its points on
the straight line, provided that h |dz_i/dx_i| <= 4: then x + e F(x) rises with x. Likewise from above. In each
parameter z_i is of degree one, and L is linear on a piece, so the largest z_i lies at a corner of the box and an end of
a piece.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import product
from math import ceil
from operator import add, mul, sub

from flint import arb

from theory.limit.flow import ball
from theory.limit.system import TIME, Inequality, Statement, System, power
from theory.orders.grammar import Binary, Call, Formula, Name, Negative, Number, formula

UNIT = Fraction(1, 2**28)  # of the values at nodes
TURNS = 12  # of the iteration that finds the slopes of a piece
Box = Mapping[str, tuple[Fraction, Fraction]]
Point = Mapping[str, Fraction]
Bounds = tuple[Fraction, Fraction]


@dataclass(frozen=True)
class Fences:
    """Times from 0 on, and there for each component of the state what it is at least and at most, in units."""

    times: tuple[Fraction, ...]
    lower: tuple[tuple[int, ...], ...]
    upper: tuple[tuple[int, ...], ...]

    def between(self, name: str, k: int, m: int, system: System) -> Bounds:
        """What a component or the time is from node ``k`` to node ``m``: fences rise."""
        if name == TIME:
            return self.times[k], self.times[m]
        i = system.state.index(name)
        return self.lower[i][k] * UNIT, self.upper[i][m] * UNIT


def grid(times: tuple[Fraction, Fraction], pieces: int) -> tuple[Fraction, ...]:
    """Nodes from 0 on, with both ends of the interval among them; the pieces before it are ``pieces``."""
    first, last = times
    within = ceil(pieces * (last - first) / first)
    before = [first * k / pieces for k in range(pieces + 1)]
    return (*before, *(first + (last - first) * k / within for k in range(1, within + 1)))


# ---------------------------------------------------------------------------------------------------------------
# Formulas, exactly


@lru_cache(maxsize=512)
def meaning(name: str, system: System) -> Formula:
    """The formula of a name that has one."""
    return formula(system.named[name])


def exact(found: Formula, values: Mapping[str, Fraction], system: System) -> Fraction:
    """A formula at exact values of everything that it speaks of; :class:`ZeroDivisionError` where it has no value."""
    match found:
        case Number():
            return found.exact
        case Name():
            if found.name in values:
                return values[found.name]
            return exact(meaning(found.name, system), values, system)
        case Negative():
            return -exact(found.of, values, system)
        case Call():
            return {"min": min, "max": max}[found.function](exact(a, values, system) for a in found.arguments)
        case Binary(operator="^"):
            return exact(found.left, values, system) ** power(found.right)
        case Binary():
            left, right = exact(found.left, values, system), exact(found.right, values, system)
            return {"+": add, "-": sub, "*": mul, "/": lambda a, b: a / b}[found.operator](left, right)
    raise TypeError(found)


STATE = ""  # in degrees: all of the state and the time together


def degrees(found: Formula, system: System) -> dict[str, int] | None:
    """At most what power of each parameter, and of the state, a formula holds; None if it is no polynomial by form."""
    match found:
        case Number():
            return {}
        case Name():
            if found.name in system.named:
                return degrees(meaning(found.name, system), system)
            return {found.name if found.name in system.parameters else STATE: 1}
        case Negative():
            return degrees(found.of, system)
        case Binary(operator="+" | "-" | "*"):
            left, right = degrees(found.left, system), degrees(found.right, system)
            if left is None or right is None:
                return None
            join = add if found.operator == "*" else max
            return {name: join(left.get(name, 0), right.get(name, 0)) for name in {*left, *right}}
        case Binary(operator="/"):
            left, right = degrees(found.left, system), degrees(found.right, system)
            return left if right == {} else None
    return None


def is_affine(found: Formula, system: System) -> bool:
    """Whether it is of degree one in each parameter and in the state: then its extremes on a box lie at corners."""
    held = degrees(found, system)
    return held is not None and all(d <= 1 for d in held.values())


def corners(box: Box) -> Iterator[dict[str, Fraction]]:
    for ends in product(*({low, high} for low, high in box.values())):
        yield dict(zip(box, ends, strict=True))


def rows(found: Formula, box: Box, system: System) -> list[tuple[Fraction, dict[str, Fraction]]]:
    """An affine formula at each corner of a box: its constant, and the factor of each component and of the time."""
    nothing = dict.fromkeys((*system.state, TIME), Fraction(0))
    result = []
    for corner in corners(box):
        constant = exact(found, {**corner, **nothing}, system)
        factors = {n: exact(found, {**corner, **nothing, n: Fraction(1)}, system) - constant for n in nothing}
        if (constant, factors) not in result:
            result.append((constant, factors))
    return result


# ---------------------------------------------------------------------------------------------------------------
# Building


def fences(system: System, box: Box, times: tuple[Fraction, ...], step: Fraction) -> Fences | None:
    """The narrowest fences on these nodes, to within a few units; None where a step of ``step`` is too long for them.

    Raises:
        ValueError: the system is not cooperative in the box, or not of this kind.
    """
    arguments = [rows(Name(text), box, system) for text in system.arguments]
    for name, text, held in zip(system.state, system.arguments, arguments, strict=True):
        if not is_affine(Name(text), system) or any(constant or factors[TIME] for constant, factors in held):
            raise ValueError(f"{system.name}: '{text}' is not linear in the state, and of degree one in each parameter")
        if any(factors[other] > 0 for _, factors in held for other in system.state if other != name):
            raise ValueError(f"{system.name}: not cooperative, '{text}' rises with more of the state than '{name}'")
        if any(step * abs(factors[name]) > 4 for _, factors in held):
            return None
    lower, upper = (
        _side([_outer(held, system, largest) for held in arguments], times, step, largest) for largest in (True, False)
    )
    return Fences(times, lower, upper)


def _outer(held: list[tuple[Fraction, dict[str, Fraction]]], system: System, largest: bool) -> list[list[arb]]:
    """The rows that can be the largest, or the least, at a state >= 0."""
    plain = [[factors[name] for name in system.state] for _, factors in held]
    sign = 1 if largest else -1

    def beaten(row: list[Fraction]) -> bool:
        return any(o != row and all(sign * (b - a) >= 0 for a, b in zip(row, o, strict=True)) for o in plain)

    return [[ball(a) for a in row] for row in plain if not beaten(row)]


def _side(
    arguments: list[list[list[arb]]], times: tuple[Fraction, ...], step: Fraction, lower: bool
) -> tuple[tuple[int, ...], ...]:
    """One fence: from below the largest argument of a piece decides, from above the least."""
    count = len(arguments)
    unit = ball(UNIT)
    nodes: list[list[int]] = [[0] * count]
    seen: list[list[arb]] = [[_extreme(rows, nodes[0], unit, lower) for rows in arguments]]
    first = 0
    for k in range(len(times) - 1):
        while times[first + 1] <= times[k] - step:
            first += 1
        length = ball((times[k + 1] - times[k]) / UNIT)
        held = [_furthest([z[i] for z in seen[first:]], lower) for i in range(count)]

        def risen(ends: Sequence[arb], held: list[arb] = held, length: arb = length) -> list[int]:
            rates = [length / (1 + _furthest([a, b], lower).exp()) for a, b in zip(held, ends, strict=True)]
            return [int((x.lower().floor() if lower else x.upper().ceil()).unique_fmpz()) for x in rates]

        rise, turns = risen(held), 0
        while True:
            ends = [x + r for x, r in zip(nodes[-1], rise, strict=True)]
            at_end = [_extreme(rows, ends, unit, lower) for rows in arguments]
            right = risen(at_end)
            allowed = all((r <= w) if lower else (r >= w) for r, w in zip(rise, right, strict=True))
            if rise == right or (allowed and turns >= TURNS):
                break
            # Rounding may make the iteration turn between neighbours: then it goes outwards alone.
            outer = min if lower else max
            rise = [outer(r, w) for r, w in zip(rise, right, strict=True)] if turns >= TURNS else right
            turns += 1
        nodes.append(ends)
        seen.append(at_end)
    return tuple(zip(*nodes, strict=True))


def _extreme(rows: list[list[arb]], state: Sequence[int], unit: arb, largest: bool) -> arb:
    return _furthest([sum((a * x for a, x in zip(row, state, strict=True)), arb(0)) * unit for row in rows], largest)


def _furthest(found: Sequence[arb], largest: bool) -> arb:
    best = found[0]
    for x in found[1:]:
        best = best.max(x) if largest else best.min(x)
    return best


# ---------------------------------------------------------------------------------------------------------------
# Reading off


def holds(statement: Statement, held: Fences, box: Box, system: System) -> bool:
    """Whether every inequality surely holds between the fences, for all parameters of the box and all its times."""
    first, last = (held.times.index(t) for t in statement.times)
    return all(_surely(inequality, held, box, system, first, last) for inequality in statement.inequalities)


def fails(inequality: Inequality, held: Fences, point: Box, system: System, node: int) -> bool:
    """Whether an inequality surely fails at one node."""
    _, most = bounds(inequality.excess, held, point, system, node, node)
    return most <= 0 if inequality.strict else most < 0


def _surely(inequality: Inequality, held: Fences, box: Box, system: System, first: int, last: int) -> bool:
    # Between nodes an affine formula of piecewise linear fences is linear; of others the hull of a piece is taken.
    nodes = range(first, last + 1)
    pieces = [(k, k) for k in nodes]
    if not is_affine(inequality.excess, system) and last > first:
        pieces = [(k, k + 1) for k in nodes[:-1]]
    try:
        least = min(bounds(inequality.excess, held, box, system, k, m)[0] for k, m in pieces)
    except ZeroDivisionError:
        return False
    return least > 0 if inequality.strict else least >= 0


def bounds(found: Formula, held: Fences, box: Box, system: System, k: int, m: int) -> Bounds:
    """What a formula may be from node ``k`` to node ``m``, for all parameters of the box.

    Raises:
        ZeroDivisionError: a divisor in it may vanish.
    """
    if is_affine(found, system):
        sums = []
        for constant, factors in _rows(found, tuple(box.items()), system):
            least = most = constant
            for name, factor in factors:
                low, high = held.between(name, k, m, system)
                least += factor * (low if factor > 0 else high)
                most += factor * (high if factor > 0 else low)
            sums.append((least, most))
        return min(a for a, _ in sums), max(b for _, b in sums)
    match found:
        case Name():
            return bounds(meaning(found.name, system), held, box, system, k, m)
        case Negative():
            low, high = bounds(found.of, held, box, system, k, m)
            return -high, -low
        case Call():
            parts = [bounds(a, held, box, system, k, m) for a in found.arguments]
            pick = {"min": min, "max": max}[found.function]
            return pick(a for a, _ in parts), pick(b for _, b in parts)
        case Binary(operator="^"):
            low, high = bounds(found.left, held, box, system, k, m)
            n = power(found.right)
            assert n is not None  # others were refused when the statement was read
            ends = sorted((low**n, high**n))
            return (Fraction(0), ends[1]) if n % 2 == 0 and low < 0 < high else (ends[0], ends[1])
        case Binary():
            a, b = (bounds(side, held, box, system, k, m) for side in (found.left, found.right))
            if found.operator == "+":
                return a[0] + b[0], a[1] + b[1]
            if found.operator == "-":
                return a[0] - b[1], a[1] - b[0]
            if found.operator == "/":
                if b[0] <= 0 <= b[1]:
                    raise ZeroDivisionError
                b = 1 / b[1], 1 / b[0]
            ends = [x * y for x in a for y in b]
            return min(ends), max(ends)
    raise TypeError(found)


@lru_cache(maxsize=64)
def _rows(found: Formula, box: tuple, system: System) -> list[tuple[Fraction, list[tuple[str, Fraction]]]]:
    return [(c, [(n, f) for n, f in factors.items() if f]) for c, factors in rows(found, dict(box), system)]
