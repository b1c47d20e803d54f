"""Solutions of small systems of ordinary differential equations, enclosed in balls (``flint.arb``).

One step from a ball x_0: a box B with x_0 + [0, h] F(B) inside B holds every solution that starts in x_0 for a time h
(Picard). With c_k(x) the k-th Taylor coefficient of the solution that starts in x,

    x(t) = sum_{k <= p} c_k(x_0) t^k + c_{p+1}(B) t^{p+1},    0 <= t <= h,

for every component lies in that ball (Lagrange's remainder). Coefficients come from x = x_0 + integral of F(x), taken
p + 1 times as truncated power series. Everything is a ball: start, parameters inside F, and what is returned.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from flint import arb, arb_series, ctx, fmpq

Field = Callable[[Sequence[Any]], Sequence[Any]]
"""F of a list of numbers, which are ``arb`` or ``arb_series``: made of +, -, *, / and ``.exp()``."""

ORDER = 14
TOLERANCE = 2.0**-44  # of what a step adds to the radius, by default: near what 53 bits can hold
LEAST = Fraction(1, 2**30)  # a step shorter than this does not come to an end


def ball(number: Fraction | int) -> arb:
    """An exact number as a ball: exact where it is dyadic, else as small as the precision allows."""
    number = Fraction(number)
    return arb(fmpq(number.numerator, number.denominator))


def between(low: Fraction, high: Fraction) -> arb:
    """A ball that holds an interval."""
    return ball(low).union(ball(high))


@dataclass(frozen=True)
class Step:
    """Taylor coefficients at ``begin``, with the enclosed remainder as the last, valid for ``length``."""

    begin: Fraction
    length: Fraction
    coefficients: tuple[tuple[arb, ...], ...]


@dataclass(frozen=True)
class Trajectory:
    """Every solution that starts in a box, for a while."""

    steps: tuple[Step, ...]

    @property
    def until(self) -> Fraction:
        return self.steps[-1].begin + self.steps[-1].length

    def at(self, time: Fraction) -> list[arb]:
        """Balls that hold the state at a time.

        Raises:
            ValueError: the time lies outside what was integrated.
        """
        for step in self.steps:
            if step.begin <= time <= step.begin + step.length:
                return _evaluated(step.coefficients, ball(time - step.begin))
        raise ValueError(f"time {time}: integrated from 0 to {self.until}")


def integrate(
    field: Field, start: Sequence[arb], until: Fraction, order: int = ORDER, tolerance: float = TOLERANCE
) -> Trajectory:
    """Every solution of x' = F(x) that starts in ``start`` at time 0, up to ``until`` > 0.

    Args:
        field: F.
        start: a ball for each component.
        until: when it ends.
        order: of the Taylor polynomials.
        tolerance: what a step may add to a radius; or a sixteenth of that radius, if that is more.

    Raises:
        ArithmeticError: no box was found that holds a step however short; the balls are too wide, or it blows up.
    """
    time, state, length = Fraction(0), list(start), Fraction(1, 4)
    steps = []
    before = ctx.cap
    try:
        while time < until:
            length = min(length * 2, until - time)
            while True:
                if length < LEAST:
                    raise ArithmeticError(f"no enclosure beyond time {float(time):.3g}")
                held = _enclosure(field, state, length)
                if held is not None:
                    far = ball(length) ** (order + 1)
                    last = [c[order + 1] for c in _taylor(field, held, order + 1)]
                    allowed = [max(tolerance, float(x.rad()) / 16) for x in state]
                    if all(float((c * far).abs_upper()) <= a for c, a in zip(last, allowed, strict=True)):
                        break
                length = _rounded(length * Fraction(2, 3))
            near = _taylor(field, state, order)
            coefficients = tuple((*c, rest) for c, rest in zip(near, last, strict=True))
            steps.append(Step(time, length, coefficients))
            state = _evaluated(coefficients, ball(length))
            time += length
    finally:
        ctx.cap = before
    return Trajectory(tuple(steps))


def _rounded(length: Fraction) -> Fraction:
    """A little shorter, with few digits, so that times stay short numbers."""
    scale = 2**6
    while length * scale < 8:
        scale *= 2
    return Fraction(int(length * scale), scale)


def _enclosure(field: Field, state: Sequence[arb], length: Fraction) -> list[arb] | None:
    """A box that no solution from ``state`` leaves within ``length``; None if none was found."""
    during = between(Fraction(0), length)

    def reached(box: Sequence[arb]) -> list[arb]:
        return [x + during * f for x, f in zip(state, field(box), strict=True)]

    box = reached(state)
    margin = between(Fraction(-1, 4), Fraction(1, 4))
    for _ in range(6):
        wider = [x.union(b + (b - x) * margin) for x, b in zip(state, box, strict=True)]
        box = reached(wider)
        if not all(b.is_finite() for b in box):
            return None
        if all(w.contains(b) for w, b in zip(wider, box, strict=True)):
            return box
    return None


def _taylor(field: Field, state: Sequence[arb], order: int) -> list[list[arb]]:
    """Coefficients 0 ... ``order`` of the solution from ``state``, by x = x_0 + integral of F(x)."""
    series = [arb_series([x], prec=1) for x in state]
    for k in range(1, order + 1):
        ctx.cap = k
        drift = field(series)
        ctx.cap = k + 1
        series = [
            arb_series([x, *(f[i] / (i + 1) for i in range(k))], prec=k + 1) for x, f in zip(state, drift, strict=True)
        ]
    return [[x[i] for i in range(order + 1)] for x in series]


def _evaluated(coefficients: Sequence[Sequence[arb]], time: arb) -> list[arb]:
    found = []
    for row in coefficients:
        total = row[-1]
        for c in reversed(row[:-1]):
            total = total * time + c
        found.append(total)
    return found
