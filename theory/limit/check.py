"""Certificates checked again, by rules stated here a second time and in another arithmetic.

Nothing is shared with the search but the reader of what was asked. Here all is fractions and whole numbers; of the
exponential function there are bounds by its series, in fixed point. docs/proofs.md has the argument for each rule.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise, product
from math import lcm
from typing import Any

from theory.limit.system import Inequality, Statement, System, power, statement
from theory.orders.grammar import Binary, Call, Formula, Name, Negative, Number, formula

FORMAT = "thetacheck-limit-1"
Interval = tuple[Fraction, Fraction]
Box = dict[str, Interval]


def check_certificate(certificate: Mapping[str, Any], system: System) -> int:
    """Go over every leaf of a certificate.

    Returns:
        how many leaves hold fences.

    Raises:
        AssertionError: it proves nothing; the text says which rule it breaks, and where.
    """
    try:
        return _checked(certificate, system)
    except (AttributeError, KeyError, IndexError, TypeError, ValueError, ZeroDivisionError) as problem:
        raise AssertionError(f"the certificate is not whole: {type(problem).__name__}: {problem}") from None


def _checked(certificate: Mapping[str, Any], system: System) -> int:
    _demand(certificate["format"] == FORMAT, "of another format")
    _demand(certificate["system"] == system.name, "of another system")
    asked = statement(certificate["statement"], system)
    region = {name: _interval(ends) for name, ends in certificate["region"].items()}
    if certificate["verdict"] == "disproved":
        _witness(certificate["witness"], asked, region, system)
        return 1
    _demand(certificate["verdict"] == "proved", "neither proved nor disproved")
    box = {name: _interval(ends) for name, ends in certificate["box"].items()}
    _demand(tuple(box) == system.parameters, "its box is not one of the parameters")
    for name, (low, high) in region.items():
        if name in box:
            _demand(box[name][0] <= low and high <= box[name][1], f"its box does not hold the region's {name}")
        elif name in system.scales:
            ends = [_value(Name(name), {system.scales[name].parameter: end}, system)
                    for end in box[system.scales[name].parameter]]  # fmt: skip
            _demand(ends[0] <= low and high <= ends[1], f"its box does not hold the region's {name}")
    known = {*region, *(scale.parameter for name, scale in system.scales.items() if name in region)}
    _demand(set(system.parameters) <= known, "its region leaves a parameter unbounded")
    return _node(certificate["tree"], box, asked, region, system)


def _node(node: Mapping[str, Any], box: Box, asked: Statement, region: Mapping[str, Interval], system: System) -> int:
    if "cut" in node:
        name, at = node["cut"][0], Fraction(node["cut"][1])
        low, high = box[name]
        _demand(low < at < high and len(node["halves"]) == 2, f"a cut of {name} that does not cover {_shown(box)}")
        below, above = node["halves"]
        return sum(
            _node(half, {**box, name: ends}, asked, region, system)
            for half, ends in ((below, (low, at)), (above, (at, high)))
        )
    if "outside" in node:
        name = node["outside"]
        _demand(_is_affine(Name(name), system), f"{name} does not say what lies outside")
        found = [_value(Name(name), corner, system) for corner in _corners(box)]
        beyond = max(found) < region[name][0] or min(found) > region[name][1]
        _demand(beyond, f"{_shown(box)} is not outside the region")
        return 0
    fences = _Fences(node, box, region["step"][1], system)
    for inequality in asked.inequalities:
        _demand(fences.prove(inequality, asked), f"'{inequality.text}' does not follow on {_shown(box)}")
    return 1


def _witness(held: Mapping[str, Any], asked: Statement, region: Mapping[str, Interval], system: System) -> None:
    point = {name: Fraction(held["point"][name]) for name in system.parameters}
    for name, (low, high) in region.items():
        if name != "step":
            _demand(low <= _value(Name(name), point, system) <= high, f"the point lies outside the region's {name}")
    fences = _Fences(held, {name: (x, x) for name, x in point.items()}, Fraction(0), system)
    node = held["node"]
    _demand(asked.times[0] <= fences.times[node] <= asked.times[1], "the point's time is not asked about")
    inequality = asked.inequalities[held["inequality"]]
    _, most = fences.range(_excess(inequality), node, node)
    _demand(most <= 0 if inequality.relation in "<>" else most < 0, f"'{inequality.text}' does not fail at the point")


# ---------------------------------------------------------------------------------------------------------------
# Fences


class _Fences:
    """What a leaf holds; it is checked that the flow and all recursions of steps up to ``step`` run between."""

    def __init__(self, node: Mapping[str, Any], box: Box, step: Fraction, system: System) -> None:
        self.system, self.box = system, box
        self.unit = Fraction(1, node["per"])
        self.scaled: dict[Formula, tuple[int, tuple[tuple[int, tuple[int, ...]], ...]]] = {}
        self.times = [Fraction(0)]
        for end, pieces in node["times"]:
            begin, end = self.times[-1], Fraction(end)
            self.times += [begin + (end - begin) * k / pieces for k in range(1, pieces + 1)]
        _demand(all(a < b for a, b in pairwise(self.times)), "times that do not rise")
        self.lower, self.upper = ([_summed(side) for side in node[which]] for which in ("lower", "upper"))
        for side in (self.lower, self.upper):
            _demand(len(side) == len(system.state), "a fence is missing")
            _demand(all(len(nodes) == len(self.times) for nodes in side), "a fence that ends early")
        for i in range(len(system.state)):
            self._argument(i, step)

    def _argument(self, i: int, step: Fraction) -> None:
        """That no piece of the fences of one component is steeper, or less steep, than the system allows."""
        own, name = self.system.state[i], self.system.arguments[i]
        _demand(_is_affine(Name(name), self.system), f"{name} is not of degree one")
        matrix = []
        for constant, factors in _rows(Name(name), self.box, self.system):
            _demand(not constant and not factors["s"], f"{name} is not linear in the state")
            _demand(all(factors[o] <= 0 for o in self.system.state if o != own), f"{name} is not cooperative")
            _demand(step * abs(factors[own]) <= 4, f"a step of {step} is too long on {_shown(self.box)}")
            matrix.append([factors[n] for n in self.system.state])
        scale = lcm(*(a.denominator for row in matrix for a in row))
        whole = [[int(a * scale) for a in row] for row in matrix]
        per = scale * self.unit.denominator  # an argument is a whole number over this
        for side, largest in ((self.lower, True), (self.upper, False)):
            pick = max if largest else min
            seen = [
                pick(sum(a * x for a, x in zip(row, state, strict=True)) for row in whole)
                for state in zip(*side, strict=True)
            ]
            first = 0
            for k in range(len(self.times) - 1):
                while self.times[first + 1] <= self.times[k] - step:
                    first += 1
                least, most = _exponential(pick(seen[first : k + 2]), per)
                rise = (side[i][k + 1] - side[i][k]) * self.unit
                length = self.times[k + 1] - self.times[k]
                holds = rise * (1 + most) <= length if largest else rise * (1 + least) >= length
                _demand(holds, f"a fence of {own} that the flow crosses near s = {float(self.times[k]):.4g}")

    def prove(self, inequality: Inequality, asked: Statement) -> bool:
        """Whether it holds between the fences at all times that are asked about."""
        first, last = (self.times.index(t) for t in asked.times)
        excess = _excess(inequality)
        at = [(k, k) for k in range(first, last + 1)]
        if last > first and not _is_affine(excess, self.system):
            at = [(k, k + 1) for k in range(first, last)]
        least = min(self.range(excess, k, m)[0] for k, m in at)
        return least > 0 if inequality.relation in "<>" else least >= 0

    def range(self, found: Formula, k: int, m: int) -> Interval:
        """What a formula may be from node ``k`` to node ``m``."""
        if _is_affine(found, self.system):
            return self._affine(found, k, m)
        match found:
            case Name():
                return self.range(_meaning(found.name, self.system), k, m)
            case Negative():
                a, b = self.range(found.of, k, m)
                return -b, -a
            case Call():
                pick = min if found.function == "min" else max
                parts = [self.range(a, k, m) for a in found.arguments]
                return pick(a for a, _ in parts), pick(b for _, b in parts)
            case Binary(operator="^"):
                a, b = self.range(found.left, k, m)
                n = power(found.right)
                assert n is not None
                if n % 2:
                    return a**n, b**n
                return (Fraction(0) if a <= 0 <= b else min(a**n, b**n)), max(a**n, b**n)
            case Binary(operator="+"):
                (a, b), (c, d) = self.range(found.left, k, m), self.range(found.right, k, m)
                return a + c, b + d
            case Binary(operator="-"):
                (a, b), (c, d) = self.range(found.left, k, m), self.range(found.right, k, m)
                return a - d, b - c
            case Binary():
                (a, b), (c, d) = self.range(found.left, k, m), self.range(found.right, k, m)
                if found.operator == "/":
                    _demand(c > 0 or d < 0, "a divisor that may vanish")
                    c, d = 1 / d, 1 / c
                ends = a * c, a * d, b * c, b * d
                return min(ends), max(ends)
        raise TypeError(found)

    def _affine(self, found: Formula, k: int, m: int) -> Interval:
        if found not in self.scaled:
            rows = _rows(found, self.box, self.system)
            scale = lcm(*(a.denominator for c, factors in rows for a in (c, *factors.values())))
            whole = {(int(c * scale), tuple(int(a * scale) for a in f.values())) for c, f in rows}
            self.scaled[found] = scale, tuple(whole)
        scale, rows = self.scaled[found]
        per = self.unit.denominator
        lower, upper = [[x[k] for x in self.lower], [x[m] for x in self.upper]]
        lows, highs = [], []
        for constant, (*factors, of_time) in rows:
            low = high = constant * per
            for factor, a, b in zip(factors, lower, upper, strict=True):
                low += factor * (a if factor > 0 else b)
                high += factor * (b if factor > 0 else a)
            if of_time:
                ends = [of_time * per * self.times[k], of_time * per * self.times[m]]
                low, high = low + min(ends), high + max(ends)
            lows.append(low)
            highs.append(high)
        return Fraction(min(lows), scale * per), Fraction(max(highs), scale * per)


def _summed(rises: Iterable[int]) -> list[int]:
    found = [0]
    for rise in rises:
        _demand(type(rise) is int and rise >= 0, "a fence that falls")
        found.append(found[-1] + rise)
    return found


# ---------------------------------------------------------------------------------------------------------------
# Formulas


def _excess(inequality: Inequality) -> Formula:
    """What is above zero where it holds."""
    if inequality.relation in (">", ">="):
        return Binary("-", inequality.left, inequality.right, 0)
    return Binary("-", inequality.right, inequality.left, 0)


def _value(found: Formula, values: Mapping[str, Fraction], system: System) -> Fraction:
    match found:
        case Number():
            return found.exact
        case Name():
            if found.name in values:
                return values[found.name]
            return _value(_meaning(found.name, system), values, system)
        case Negative():
            return -_value(found.of, values, system)
        case Call():
            parts = [_value(a, values, system) for a in found.arguments]
            return min(parts) if found.function == "min" else max(parts)
        case Binary(operator="^"):
            n = power(found.right)
            assert n is not None
            return _value(found.left, values, system) ** n
        case Binary():
            a, b = _value(found.left, values, system), _value(found.right, values, system)
            if found.operator == "/":
                return a / b
            return {"+": a + b, "-": a - b, "*": a * b}[found.operator]
    raise TypeError(found)


@lru_cache(maxsize=256)
def _meaning(name: str, system: System) -> Formula:
    return formula(system.named[name])


@lru_cache(maxsize=256)
def _is_affine(found: Formula, system: System) -> bool:
    """Degree at most one in each parameter, and at most one in state and time together, by the form of the formula."""
    moving = (*system.state, "s")
    return all(_degree(found, {p}, system) <= 1 for p in system.parameters) and _degree(found, set(moving), system) <= 1


def _degree(found: Formula, of: set[str], system: System) -> float:
    match found:
        case Number():
            return 0
        case Name():
            if found.name in system.named:
                return _degree(_meaning(found.name, system), of, system)
            return 1 if found.name in of else 0
        case Negative():
            return _degree(found.of, of, system)
        case Binary(operator="+" | "-"):
            return max(_degree(found.left, of, system), _degree(found.right, of, system))
        case Binary(operator="*"):
            return _degree(found.left, of, system) + _degree(found.right, of, system)
        case Binary(operator="/", right=Number()):
            return _degree(found.left, of, system)
    return float("inf")  # no polynomial, or not by its form


def _corners(box: Box) -> Iterator[dict[str, Fraction]]:
    return (dict(zip(box, ends, strict=True)) for ends in product(*({*ends} for ends in box.values())))


def _rows(found: Formula, box: Box, system: System) -> list[tuple[Fraction, dict[str, Fraction]]]:
    """At each corner of the box, the constant of an affine formula and what multiplies the state and the time."""
    names = (*system.state, "s")
    result = []
    for corner in _corners(box):
        at = {**corner, **dict.fromkeys(names, Fraction(0))}
        constant = _value(found, at, system)
        result.append((constant, {n: _value(found, {**at, n: Fraction(1)}, system) - constant for n in names}))
    return result


# ---------------------------------------------------------------------------------------------------------------
# Numbers

BITS, TERMS, HALVINGS = 96, 12, 6


def _exponential(numerator: int, denominator: int) -> Interval:
    """Bounds of e^x for x = numerator/denominator.

    With y = |x|/2^k below 2^-6, e^y lies between the sum of y^n/n! up to n = TERMS and that sum plus a unit of the last
    place: the rest is below 2 y^13/13!, under 2^-109. All terms are positive, so rounding down and up gives bounds;
    squaring k times keeps them, and e^-y = 1/e^y.
    """
    if not numerator:
        return Fraction(1), Fraction(1)
    size = abs(numerator)
    halvings = max(0, (size // denominator).bit_length()) + HALVINGS
    one = 1 << BITS
    low = (size << BITS) // (denominator << halvings)
    high = -((-size << BITS) // (denominator << halvings))
    least = most = term_low = term_high = one
    for n in range(1, TERMS + 1):
        term_low = (term_low * low >> BITS) // n
        term_high = -(-term_high * high >> BITS)
        term_high = -(-term_high // n)
        least, most = least + term_low, most + term_high
    most += 1
    for _ in range(halvings):
        least, most = least * least >> BITS, -(-most * most >> BITS)
    if numerator < 0:
        return Fraction(one, most), Fraction(one, least)
    return Fraction(least, one), Fraction(most, one)


def _interval(ends: Sequence[str]) -> Interval:
    low, high = (Fraction(end) for end in ends)
    _demand(low <= high, "an interval that falls")
    return low, high


def _shown(box: Box) -> str:
    return ", ".join(f"{name} in [{float(low):.4g}, {float(high):.4g}]" for name, (low, high) in box.items())


def _demand(holds: bool, why: str) -> None:
    if not holds:
        raise AssertionError(why)
