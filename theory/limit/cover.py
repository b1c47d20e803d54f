"""Branch and prune: a region is cut into boxes until fences decide each, or a point of it is found where they refute.

What comes out is the certificate that :mod:`theory.limit.check` goes over: a tree of cuts, whose leaves hold fences.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from itertools import product
from math import exp
from typing import Any

from flint import arb

from theory.limit.fences import (
    Bounds,
    Box,
    Fences,
    bounds,
    corners,
    exact,
    fails,
    fences,
    grid,
    holds,
    is_affine,
    meaning,
)
from theory.limit.flow import ball, integrate
from theory.limit.system import TIME, Region, Statement, System, power
from theory.orders.grammar import Binary, Call, Formula, Name, Negative, Number, formula

BUDGET = 30_000  # pieces of fences before the answer is "undecided": some twenty seconds
COARSE, FINE = 16, 512  # pieces before the first time of a statement: at the start, and at most
REFUTING = (128, 512, 2048)  # the same at a point where an inequality seems to fail
LATTICE = 7  # points along each parameter that are tried first
ROUGH = 40  # steps of the rough solution between two times
SHOWN = 5  # undecided boxes that are named
NARROW = Fraction(1, 2**20)  # of a region's own width: a box so narrow is not cut again


class Verdict(StrEnum):
    PROVED = "proved"
    DISPROVED = "disproved"
    UNDECIDED = "undecided"
    ARGUED = "argued"  # of an argument whose algebra holds: the words around it are checked by readers


@dataclass(frozen=True, kw_only=True)
class Tree:
    """A box: cut in two, or decided.

    Attributes:
        cut: the parameter and the place where it is cut; None for a leaf.
        halves: below and above that place.
        outside: the name whose bounds leave the whole box outside the region; empty if none does.
        fences: between which the statement holds; None if not a leaf, outside, or undecided.
    """

    cut: tuple[str, Fraction] | None = None
    halves: "tuple[Tree, ...]" = ()
    outside: str = ""
    fences: Fences | None = None

    def leaves(self) -> int:
        return sum(half.leaves() for half in self.halves) if self.cut else int(self.fences is not None)


@dataclass(frozen=True, kw_only=True)
class Witness:
    """A point of the region where the flow breaks an inequality, and fences there that show it.

    Attributes:
        point: the parameters.
        inequality: which one of the statement, from 0.
        node: of the fences, where it fails.
        fences: at the point.
        sides: what the left and the right side of the inequality lie between there.
    """

    point: Mapping[str, Fraction]
    inequality: int
    node: int
    fences: Fences
    sides: tuple[Bounds, Bounds]

    @property
    def time(self) -> Fraction:
        return self.fences.times[self.node]


@dataclass(frozen=True, kw_only=True)
class Decided:
    """What became of a statement over a region.

    Attributes:
        verdict: proved, disproved or undecided.
        system, statement, region: what was asked.
        box: of the parameters, that holds the region.
        tree: the cover of it, where it is proved.
        witness: the point, where it is disproved.
        open: boxes that are undecided, a few of them.
        boxes: how many were looked at.
    """

    verdict: Verdict
    system: System
    statement: Statement
    region: Region
    box: Box | None = None
    tree: Tree | None = None
    witness: Witness | None = None
    open: tuple[Box, ...] = ()
    boxes: int = 0


def decide(system: System, statement: Statement, region: Region, budget: int = BUDGET, first: int = LATTICE) -> Decided:
    """Whether a statement holds for all parameters of a region, all its times, the flow and all steps allowed.

    Args:
        budget: pieces of fences before the answer is "undecided".
        first: points along each parameter at which a counterexample is looked for before anything else.
    """
    search = _Search(system, statement, region, budget)
    root = search.root()
    for point in lattice(system, region, first):
        if search.doubtful(point) and (witness := search.refuted(point)):
            return Decided(verdict=Verdict.DISPROVED, system=system, statement=statement, region=region,
                           witness=witness, boxes=search.looked)  # fmt: skip
    tree = search.covered(root, COARSE)
    verdict = Verdict.PROVED
    if search.witness or search.open:
        verdict = Verdict.DISPROVED if search.witness else Verdict.UNDECIDED
    return Decided(
        verdict=verdict,
        system=system,
        statement=statement,
        region=region,
        box=root,
        tree=tree if verdict == Verdict.PROVED else None,
        witness=search.witness,
        open=tuple(search.open[:SHOWN]) if verdict == Verdict.UNDECIDED else (),
        boxes=search.looked,
    )


def lattice(system: System, region: Region, count: int) -> Iterator[dict[str, Fraction]]:
    """Points of the parameters, ``count`` along each evenly over the box of a region, as far as they lie in it."""
    box = _root(system, region)
    along = [dict.fromkeys(low + (high - low) * k / (count - 1) for k in range(count)) for low, high in box.values()]
    points = (dict(zip(box, point, strict=True)) for point in product(*along))
    return (point for point in points if _inside(system, region, point))


def _root(system: System, region: Region) -> dict[str, tuple[Fraction, Fraction]]:
    """The box of the parameters that holds a region."""
    found = {}
    for name in system.parameters:
        typed = next((t for t, scale in system.scales.items() if scale.parameter == name), None)
        if typed is None or name in region:
            found[name] = region[name]
        else:
            inverse = formula(system.scales[typed].inverse)
            ends = [exact(inverse, {typed: end}, system) for end in region[typed]]
            found[name] = ends[0], ends[1]
    return found


def _inside(system: System, region: Region, point: Mapping[str, Fraction]) -> bool:
    """Whether a point lies in a region."""
    bounded = [name for name in region if name in system.named]
    return all(low <= exact(Name(n), point, system) <= high for n in bounded for low, high in [region[n]])


def _centre(box: Box) -> dict[str, Fraction]:
    return {name: (low + high) / 2 for name, (low, high) in box.items()}


@dataclass
class _Search:
    system: System
    statement: Statement
    region: Region
    budget: int
    looked: int = 0
    spent: int = 0
    witness: Witness | None = None
    open: list[Box] = field(default_factory=list)

    @property
    def step(self) -> Fraction:
        return self.region["step"][1]

    def root(self) -> dict[str, tuple[Fraction, Fraction]]:
        return _root(self.system, self.region)

    def inside(self, point: Mapping[str, Fraction]) -> bool:
        return _inside(self.system, self.region, point)

    def outside(self, box: Box) -> str:
        """The name whose bounds no point of a box meets."""
        for name in self.region:
            if name in self.system.named and is_affine(meaning(name, self.system), self.system):
                found = [exact(Name(name), corner, self.system) for corner in corners(box)]
                if max(found) < self.region[name][0] or min(found) > self.region[name][1]:
                    return name
        return ""

    # -- boxes -------------------------------------------------------------------------------------------------

    def covered(self, box: dict[str, tuple[Fraction, Fraction]], pieces: int) -> Tree:
        if self.witness is not None:
            return Tree()
        if name := self.outside(box):
            return Tree(outside=name)
        nodes = grid(self.statement.times, pieces)
        self.spent += len(nodes)
        if self.spent > self.budget:
            self.open.append(box)
            return Tree()
        self.looked += 1
        held = fences(self.system, box, nodes, self.step)
        if held is not None and holds(self.statement, held, box, self.system):
            return Tree(fences=held)
        centre = _centre(box)
        if self.inside(centre) and self.doubtful(centre):
            self.witness = self.refuted(centre)
            if self.witness is not None:
                return Tree()
        name = self.widest(box, pieces, held)
        if name is None:
            if pieces < FINE:
                return self.covered(box, 2 * pieces)
            self.open.append(box)
            return Tree()
        low, high = box[name]
        at = (low + high) / 2
        halves = tuple(self.covered({**box, name: ends}, pieces) for ends in ((low, at), (at, high)))
        return Tree(cut=(name, at), halves=halves)

    def widest(self, box: Box, pieces: int, held: Fences | None) -> str | None:
        """The parameter whose width blurs the arguments most; None if the length of the pieces blurs more."""
        state = [1.0] * len(self.system.state) if held is None else [u[-1] for u in held.upper]
        values = {n: Fraction(x) for n, x in zip(self.system.state, state, strict=True)}
        middle = _centre(box)
        effects = {}
        for name, (low, high) in box.items():
            if high > low and (high - low) > NARROW * (self.root()[name][1] - self.root()[name][0]):
                ends = [
                    [exact(Name(z), {**middle, name: end, **values}, self.system) for z in self.system.arguments]
                    for end in (low, high)
                ]
                effects[name] = max(abs(a - b) for a, b in zip(*ends, strict=True)) / (max(values.values()) or 1)
        if not effects:
            return None
        name = max(effects, key=effects.__getitem__)
        if held is None:
            return name
        own = [row[i] for i, row in enumerate(_matrix(self.system, middle))]
        # A piece of length w blurs by w/2 at most what grows by a half at most in a unit of time.
        blur = self.statement.times[0] / pieces * max(max(a, 1) for a in own)
        return name if effects[name] > blur or pieces >= FINE else None

    # -- points ------------------------------------------------------------------------------------------------

    def refuted(self, point: Mapping[str, Fraction]) -> Witness | None:
        """A witness at a point, if a thin enclosure of the flow there breaks an inequality."""
        first, last = self.statement.times
        at = self.at_point(point, last)
        thin = {name: ball(x) for name, x in point.items()}
        for time in dict.fromkeys((first, last, (first + last) / 2)):
            state = dict(zip(self.system.state, at(time), strict=True))
            for k, inequality in enumerate(self.statement.inequalities):
                excess = _evaluated(inequality.excess, {**thin, **state, TIME: ball(time)}, self.system)
                if excess < 0 or (inequality.strict and excess <= 0):
                    here = {name: (x, x) for name, x in point.items()}
                    for pieces in REFUTING:
                        nodes = grid((time, time), pieces)
                        held = fences(self.system, here, nodes, Fraction(0))
                        if held is not None and fails(inequality, held, here, self.system, len(nodes) - 1):
                            return self.witnessed(point, k, held)
        return None

    def witnessed(self, point: Mapping[str, Fraction], inequality: int, held: Fences) -> Witness:
        here, node = {name: (x, x) for name, x in point.items()}, len(held.times) - 1
        chosen = self.statement.inequalities[inequality]
        left, right = (bounds(side, held, here, self.system, node, node) for side in (chosen.left, chosen.right))
        return Witness(point=dict(point), inequality=inequality, node=node, fences=held, sides=(left, right))

    def doubtful(self, point: Mapping[str, Fraction]) -> bool:
        """Whether an inequality fails at a point in floating point, which is worth a closer look."""
        for held in rough(self.system, point, dict.fromkeys(self.statement.times), ROUGH, ROUGH):
            for inequality in self.statement.inequalities:
                try:
                    if exact(inequality.excess, held, self.system) <= 0:
                        return True
                except (ZeroDivisionError, OverflowError):
                    return True
        return False

    def at_point(self, point: Mapping[str, Fraction], until: Fraction) -> Any:
        return solution(self.system, point, until, tolerance=2.0**-30).at


def _matrix(system: System, point: Mapping[str, Fraction]) -> list[list[Fraction]]:
    """What multiplies the state in each argument."""
    zero = dict.fromkeys(system.state, Fraction(0))
    return [
        [exact(Name(z), {**point, **zero, name: Fraction(1)}, system) for name in system.state]
        for z in system.arguments
    ]


def rough(
    system: System, point: Mapping[str, Fraction], times: Iterable[Fraction], first: int, then: int
) -> Iterator[dict[str, float]]:
    """The flow at one point of the parameters in floating point, by Heun's rule: parameters, time and state at each of
    some times, after ``first`` steps to the earliest and ``then`` between two."""
    matrix = [[float(a) for a in row] for row in _matrix(system, point)]
    state, at, steps = [0.0] * len(matrix), 0.0, first

    def drift(state: list[float]) -> list[float]:
        arguments = (sum(a * x for a, x in zip(row, state, strict=True)) for row in matrix)
        return [1 / (1 + exp(min(z, 500.0))) for z in arguments]

    for time in times:
        width = (float(time) - at) / steps
        for _ in range(steps):
            early = drift(state)
            late = drift([x + width * f for x, f in zip(state, early, strict=True)])
            state = [x + width * (a + b) / 2 for x, a, b in zip(state, early, late, strict=True)]
        at, steps = float(time), then
        yield {**{k: float(x) for k, x in point.items()}, **dict(zip(system.state, state, strict=True)), TIME: at}


def solution(system: System, point: Mapping[str, Fraction], until: Fraction, tolerance: float = 2.0**-44):
    """The flow at one point of the parameters, in balls."""
    matrix = [[ball(a) for a in row] for row in _matrix(system, point)]

    def drift(state: Any) -> list[Any]:
        return [1 / (1 + sum((a * x for a, x in zip(row, state, strict=True)), 0).exp()) for row in matrix]

    return integrate(drift, [arb(0)] * len(system.state), until, tolerance=tolerance)


def _evaluated(found: Formula, values: Mapping[str, arb], system: System) -> arb:
    match found:
        case Number():
            return ball(found.exact)
        case Name():
            return (
                values[found.name] if found.name in values else _evaluated(meaning(found.name, system), values, system)
            )
        case Negative():
            return -_evaluated(found.of, values, system)
        case Call():
            parts = [_evaluated(a, values, system) for a in found.arguments]
            total = parts[0]
            for part in parts[1:]:
                total = total.min(part) if found.function == "min" else total.max(part)
            return total
        case Binary(operator="^"):
            return _evaluated(found.left, values, system) ** power(found.right)
        case Binary():
            a, b = _evaluated(found.left, values, system), _evaluated(found.right, values, system)
            return {"+": a + b, "-": a - b, "*": a * b}[found.operator] if found.operator != "/" else a / b
    raise TypeError(found)
