"""Where a theorem holds in the limit, over a plane of two parameters: cells that are proved, disproved, or left open.

With constants that are named, a theorem says that at some time of a window inequalities hold together. A cell of the
plane is *proved* if at one time of the window they do, for every parameter of it; *disproved* if at every time of the
window one of them fails, for every parameter of it; else it is cut, and what is too small to be cut is left open.
Floating point only guesses which of the two to try. Either is decided by boxes, and its certificate is gone over again
before the cell counts (docs/proofs.md, "The phase diagram").
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import sqrt

import sympy as sp

from theory.limit.certificates import certificate
from theory.limit.check import check_certificate
from theory.limit.cover import Verdict, decide, lattice, rough
from theory.limit.fences import exact
from theory.limit.system import Inequality, Region, Statement, System, statement
from theory.orders.grammar import Name

Cut = tuple[Fraction, Fraction]
TIMES = 12  # pieces of a window, at whose ends a proof is tried
ROUGH = 12  # steps of the rough solution to the first of them, and a quarter of that between two
ALONG = 3  # points along each parameter at which a guess is made
WIDEST = 3  # a factor along x: a cell that is wider is cut untried
BUDGET = 300  # pieces of fences before a cell is cut instead: a fifth of a second
DIGITS = 3  # of the places where cells are cut


@dataclass(frozen=True, kw_only=True)
class Diagram:
    """A theorem in the limit, over a plane.

    Attributes:
        theorem: its name.
        axes: where a setting lies, in the parameters of the paper, each with its LaTeX; the first is logarithmic.
        spans: of both, the whole plane.
        halvings: of both, how often a cell is cut at most.
        constants: the hidden constants of the theorem on which it depends.
        holds: inequalities joined by ``and``, with a field in braces for each of these that they name.
        window: values of these -> first and last time.
        region: x and y of a cell -> the region that it means.
        says: what a point of the plane means, in a few words.
    """

    theorem: str
    axes: tuple[tuple[sp.Expr, str], tuple[sp.Expr, str]]
    spans: tuple[Cut, Cut]
    halvings: tuple[int, int]
    constants: tuple[str, ...]
    holds: str
    window: Callable[[Mapping[str, float]], Cut]
    region: Callable[[Cut, Cut], Region]
    says: str

    def at(self, constants: Mapping[str, float]) -> tuple[float, ...]:
        """The constants on which it depends: what belongs to one plane."""
        return tuple(constants[name] for name in self.constants)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell of the plane, and what is known of it; ``time`` is that of a proof."""

    x: Cut
    y: Cut
    verdict: Verdict
    time: Fraction | None = None


def cells(diagram: Diagram, system: System, constants: Mapping[str, float]) -> tuple[Cell, ...]:
    """The plane in cells at values of its hidden constants; none overlap, and all together are the plane."""
    first, last = diagram.window(constants)
    times = [first + (last - first) * k / TIMES for k in range(TIMES + 1)]
    text = diagram.holds.format(**{name: f"{constants[name]:g}" for name in diagram.constants})
    found: list[Cell] = []
    waiting = [(diagram.spans, diagram.halvings)]
    while waiting:
        (x, y), (more_x, more_y) = waiting.pop()
        wide = more_x and x[1] > WIDEST * x[0]
        held = Cell(x=x, y=y, verdict=Verdict.UNDECIDED) if wide else _decided(diagram, system, text, times, x, y)
        if held.verdict != Verdict.UNDECIDED or not (more_x or more_y):
            found.append(held)
        # The side that has been cut less often goes first, so that cells stay as wide as high.
        elif more_x >= more_y:
            at = Fraction(f"{sqrt(x[0] * x[1]):.{DIGITS}g}")
            waiting += [((half, y), (more_x - 1, more_y)) for half in ((x[0], at), (at, x[1]))]
        else:
            at = (y[0] + y[1]) / 2
            waiting += [((x, half), (more_x, more_y - 1)) for half in ((y[0], at), (at, y[1]))]
    return tuple(sorted(found, key=lambda cell: (cell.x, cell.y)))


def _decided(diagram: Diagram, system: System, text: str, times: list[Fraction], x: Cut, y: Cut) -> Cell:
    region, here = diagram.region(x, y), statement(f"{text} at s = {times[0]}", system)
    rooms = [_room(system, here, point, times) for point in lattice(system, region, ALONG)]
    room = [min(found)[0] for found in zip(*rooms, strict=True)]
    if max(room) > 0:
        # The earliest with half the room: fences are the narrower the earlier.
        best = next(k for k, found in enumerate(room) if found >= max(room) / 2)
        if _stands(system, f"{text} at s = {times[best]}", region):
            return Cell(x=x, y=y, verdict=Verdict.PROVED, time=times[best])
    elif all(max(found)[0] < 0 for found in rooms):
        tightest = sorted({inequality for found in rooms for _, inequality in found})
        fails = _failing([here.inequalities[k] for k in tightest])
        if _stands(system, f"{fails} for s from {times[0]} to {times[-1]}", region):
            return Cell(x=x, y=y, verdict=Verdict.DISPROVED)
    return Cell(x=x, y=y, verdict=Verdict.UNDECIDED)


def _failing(inequalities: list[Inequality]) -> str:
    """That one of them fails, as a statement."""
    sides = [i.text.split(f" {i.relation} ") for i in inequalities]
    ahead = [(a, b) if i.relation[0] == ">" else (b, a) for i, (a, b) in zip(inequalities, sides, strict=True)]
    if len(ahead) == 1:  # which is decided at nodes alone, as it is of degree one
        return " < ".join(ahead[0])
    return f"min({', '.join(f'({a}) - ({b})' for a, b in ahead)}) < 0"


def _stands(system: System, text: str, region: Region) -> bool:
    """Whether a statement is proved, and its certificate stands."""
    held = decide(system, statement(text, system), region, BUDGET, first=2)  # a closer look was had
    if held.verdict != Verdict.PROVED:
        return False
    try:
        check_certificate(json.loads(json.dumps(certificate(held))), system)
    except AssertionError:  # a fault of ours, which must prove nothing
        return False
    return True


def _room(
    system: System, asked: Statement, point: Mapping[str, Fraction], times: list[Fraction]
) -> list[tuple[float, int]]:
    """At each time how far the tightest inequality is from failing, over the size of its sides, and which; roughly."""
    found = []
    for values in rough(system, point, times, ROUGH, max(ROUGH // 4, 1)):
        values |= {name: float(exact(Name(name), values, system)) for name in system.named}
        sides = [(exact(i.left, values, system), exact(i.right, values, system)) for i in asked.inequalities]
        room = []
        for inequality, (left, right) in zip(asked.inequalities, sides, strict=True):
            ahead = left - right if inequality.relation[0] == ">" else right - left
            room.append(float(ahead) / (abs(float(left)) + abs(float(right)) + 1e-9))
        found.append(min(zip(room, range(len(room)), strict=True)))
    return found
