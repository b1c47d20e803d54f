"""A *map* has two axes; every other parameter is a number or a formula in the others, resolved at each cell. So what is
held fixed while an axis moves is said, not guessed: by default kappa and tau are held and mu follows (mu = sigma_xi
sqrt(kappa d/n)), while eta and sigma_0 stay at the bound of their conditions, since a fixed step would diverge along d.
Cells outside the conditions are run like any other; the boundaries are drawn over them.
"""

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache, lru_cache

import numpy as np
import sympy as sp

from numerics import Observable, Setting
from numerics.observables import STAGES
from theory import Claim, Condition, evaluate
from theory.orders import grammar
from theory.papers import DEFAULT
from theory.reading import Reading
from theory.symbols import expanded, lookup
from verify.pack import Pack, pack_of
from verify.pack import load as load_pack

BOUND = "bound"  # a parameter's value: as far as its condition lets it go at C
COUNTS = (24, 16)  # cells along x and y by default
# Larger maps are refused; Kou et al.'s has 10,000 cells and 100,000 runs.
MOST_CELLS, MOST_RUNS = 100_000, 2_000_000


def names_of(pack: Pack) -> tuple[str, ...]:
    """What an axis may be, or be held: parameters, and the ratios that a pack knows."""
    return (*pack.maps.held, *(name for name in pack.maps.instead if name not in pack.maps.held))


def _check_range(pack: Pack, name: str, value: float) -> None:
    {**pack.setting.ranges(), **pack.maps.ratios}[name].check(name, value)


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One axis of a map.

    Attributes:
        name: a parameter of a setting, or kappa, tau or snr.
        low, high: its ends, low < high.
        count: how many values, >= 2; whole numbers among n, m and d may coincide and are then taken once.
        log: evenly spaced in the logarithm.
        paper: the name of the pack that knows the parameter.

    Raises:
        ValueError: a name, range or count that makes no axis.
    """

    paper: str = DEFAULT
    name: str
    low: float
    high: float
    count: int
    log: bool = False

    def __post_init__(self) -> None:
        pack = load_pack(self.paper)
        if self.name not in names_of(pack):
            raise ValueError(f"axis '{self.name}': no such parameter; use one of {', '.join(names_of(pack))}")
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"axis '{self.name}': {self.low:g} to {self.high:g} is no range; give low:high, low below")
        if self.log and not self.low > 0:
            raise ValueError(f"axis '{self.name}': a logarithmic axis from {self.low:g}; start above 0 or drop ':log'")
        if self.count > MOST_CELLS:
            raise ValueError(f"axis '{self.name}': {self.count} values; a map holds at most {MOST_CELLS:,} cells")
        for end in (self.low, self.high):
            _check_range(pack, self.name, end)
        if self.count < 2 or len(self.values) < 2:
            raise ValueError(f"axis '{self.name}': a map needs at least 2 values along it; widen it or raise the count")

    @property
    def values(self) -> tuple[float, ...]:
        """Its values, increasing."""
        space = np.geomspace if self.log else np.linspace
        found = [float(f"{x:.12g}") for x in space(self.low, self.high, self.count)]  # 0.3, not 0.30000000000000004
        if self.name in load_pack(self.paper).setting.whole():
            found = sorted({float(round(x)) for x in found})
        return tuple(found)

    @staticmethod
    def read(name: str, text: str, count: int, paper: str = DEFAULT) -> "Axis":
        """``"low:high[:count][:log]"``, or ``""`` for the parameter's own range.

        Raises:
            ValueError: neither.
        """
        if not text:
            pack = load_pack(paper)
            if name not in names_of(pack):
                raise ValueError(f"axis '{name}': no such parameter; use one of {', '.join(names_of(pack))}")
            if name not in pack.maps.axes:
                raise ValueError(f"axis '{name}' has no range of its own: give one, e.g. --x 0.1:10:{count}:log")
            low, high, log = pack.maps.axes[name]
            return Axis(name=name, low=low, high=high, count=count, log=log, paper=paper)
        parts = text.split(":")
        log = parts[-1] == "log"
        parts = parts[: len(parts) - log]
        try:
            low, high = (float(x) for x in parts[:2])
            count = int(parts[2]) if len(parts) > 2 else count
            if len(parts) > 3:
                raise ValueError
        except ValueError:
            raise ValueError(f"range '{text}' of {name}: write low:high[:count][:log], e.g. 0.5:8:40") from None
        return Axis(name=name, low=low, high=high, count=count, log=log, paper=paper)


@dataclass(frozen=True, kw_only=True)
class Map:
    """Everything that determines a phase diagram.

    Attributes:
        x, y: its axes, of different parameters.
        at: (parameter, number or formula) for what is not as the pack has it; ``"bound"`` for the bound of its
            condition.
        show: names of claims and observables; those of the pack where empty.
        seeds: runs per cell.
        reading: supplies C, delta, the factor in T* and the bands.
        conditions: whose boundaries are drawn and bounds are meant, a key of :func:`condition_sets`; the paper's main
            ones where empty.
        epsilon: target loss that ends a run, where something of the end is shown.
        steps: train for exactly so many steps instead.
        draws: noise draws per run for test errors.
        seed: of every random draw.
        beside: names of other papers whose boundaries between phases are drawn too.

    Raises:
        ValueError: what cannot be drawn, in one line.
    """

    x: Axis
    y: Axis
    at: tuple[tuple[str, str], ...] = ()
    show: tuple[str, ...] = ()
    seeds: int = 8
    reading: Reading = field(default_factory=lambda: load_pack(DEFAULT).paper.reading())
    conditions: str = ""
    epsilon: float = 0.1
    steps: int | None = None
    draws: int = 1024
    seed: int = 0
    beside: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        known = names_of(self.pack)
        object.__setattr__(self, "show", self.show or self.pack.maps.show)
        object.__setattr__(self, "conditions", self.conditions or next(iter(condition_sets(self.reading))))
        given = [self.x.name, self.y.name, *(name for name, _ in self.at)]
        for name in given:
            if name not in known:
                raise ValueError(f"--at {name}: no such parameter; use one of {', '.join(known)}")
            if given.count(name) > 1:
                raise ValueError(f"{name} is given twice: as an axis or by --at, once")
        if self.conditions not in condition_sets(self.reading):
            known = ", ".join(condition_sets(self.reading))
            raise ValueError(f"conditions '{self.conditions}': no such set; use one of {known}")
        if not 0 < self.epsilon < math.log(2):
            raise ValueError(f"epsilon = {self.epsilon:g}: a target loss lies between 0 and log 2 = 0.693")
        for name in self.show:
            quantity_of(name, self.reading)
        size = len(self.x.values) * len(self.y.values)
        if size > MOST_CELLS:
            example = f"--x {self.x.low:g}:{self.x.high:g}:40"
            raise ValueError(f"{size:,} cells: at most {MOST_CELLS:,}; give smaller counts, e.g. {example}")
        if size * self.seeds > MOST_RUNS:
            raise ValueError(f"{size:,} cells x {self.seeds:,} seeds: at most {MOST_RUNS:,} runs; give fewer of either")
        if not self.show:
            raise ValueError("nothing to show: name a claim or an observable with --show")
        for name in self.beside:
            if name == self.pack.name:
                raise ValueError(f"beside '{name}': is the map's own paper; name another, or leave it out")
            if self.beside.count(name) > 1:
                raise ValueError(f"beside '{name}': is given twice; give it once")
            if not load_pack(name).maps.phases:
                raise ValueError(f"beside '{name}': that paper parts no two phases in closed form; leave it out")
        used: set[str] = set()
        resolved(self, self.x.values[0], self.y.values[0], used)
        for name in given:
            if name not in used:
                raise ValueError(f"{name} has no effect here: nothing that is given depends on it; drop it")

    @property
    def pack(self) -> Pack:
        return pack_of(self.reading)

    @property
    def stage(self) -> str:
        """How far runs go."""
        return max((o.stage for o in self.observables.values()), key=STAGES.index)

    @property
    def observables(self) -> dict[str, Observable]:
        """What is computed per run."""
        names = ["flip_share"]
        for shown in self.show:
            quantity = quantity_of(shown, self.reading)
            names += [name for name, _ in quantity.parts] if isinstance(quantity, Claim) else [quantity.name]
        found = {name: self.pack.observables[name] for name in names}
        if any(o.stage == "T1" or "T1" in o.premises for o in found.values()):  # it says whether T_1 came
            found["order_one_time"] = self.pack.observables["order_one_time"]
        return found


def read_at(text: str) -> tuple[tuple[str, str], ...]:
    """``"n=100 eta=0.1*n*m/d"`` as pairs; a formula holds no spaces.

    Raises:
        ValueError: a part is no ``name=value``.
    """
    pairs = []
    for part in text.split():
        name, equals, value = part.partition("=")
        if not (name and equals and value):
            raise ValueError(f"--at '{part}': write name=value without spaces, e.g. --at 'n=100 eta=0.1*n*m/d'")
        pairs.append((name, value))
    return tuple(pairs)


@lru_cache(maxsize=4)
def cells(map_: Map) -> tuple[Setting, ...]:
    """The setting of every cell, x fastest.

    Raises:
        ValueError: one lies outside the range of its parameters.
    """
    return tuple(_setting(map_, x, y) for y in map_.y.values for x in map_.x.values)


@lru_cache(maxsize=4)
def condition_sets(reading: Reading) -> dict[str, tuple[Condition, ...]]:
    """The sets of conditions whose boundary can be drawn, by name."""
    return {name: held.conditions for name, held in pack_of(reading).paper.named(reading).items()}


@lru_cache(maxsize=1)
def _claims(reading: Reading) -> dict[str, Claim]:
    return {c.name: c for c in pack_of(reading).paper.claims(reading)}


def quantity_of(name: str, reading: Reading) -> Claim | Observable:
    """The claim or observable of a panel.

    Raises:
        ValueError: there is none, or a single cell has no answer to it.
    """
    known, observables = _claims(reading), pack_of(reading).observables
    if name in known:
        claim = known[name]
        if not all(law.bounds is not None for _, law in claim.parts):
            names = " or ".join(dict.fromkeys(o for o, _ in claim.parts))
            raise ValueError(f"claim '{name}': its constant is unnamed, so no cell meets or breaks it; show {names}")
        stages = [observables[o].stage for o, _ in claim.parts]
    elif name in observables:
        stages = [observables[name].stage]
    else:
        near = get_close_matches(name, [*known, *observables], n=1)
        hint = f"did you mean '{near[0]}'?" if near else "`list` and `list --observables` show them all"
        raise ValueError(f"unknown claim or observable '{name}': {hint}")
    if "exact" in stages:
        raise ValueError(f"'{name}' is an identity of any run whatever its setting: there is nothing to map")
    return known[name] if name in known else observables[name]


def _formula(text: str, value: Callable[[str], float], where: str) -> float:
    """A number for an arithmetic formula; ``value`` gives that of a name. Nothing that is typed is executed."""
    try:
        read = grammar.formula(text)
    except ValueError as problem:
        raise ValueError(f"{where}: no formula: {problem}; write e.g. 0.1*n*m/d, sqrt(d), max(n, m)") from None
    try:
        return grammar.value(read, value)
    except ArithmeticError as problem:
        raise ValueError(f"{where}: '{text}' {problem}") from None


def resolved(map_: Map, x: float, y: float, used: set[str]) -> dict[str, float]:
    """Every parameter of a setting at a point of the plane, not rounded; ``used`` collects what was needed for it."""
    given = dict(map_.at)
    axes = {map_.x.name: x, map_.y.name: y}
    texts = {**_held(map_, {*given, *axes}), **given}
    known: dict[str, float] = {}
    asked: list[str] = []

    def value(name: str) -> float:
        used.add(name)
        if name in axes:
            return axes[name]
        if name not in known:
            if name not in texts:
                names = ", ".join(names_of(map_.pack))
                raise ValueError(f"'{name}': no such parameter; use {names}, sqrt, log, max or min")
            if name in asked:
                raise ValueError(f"{' needs '.join([*asked[asked.index(name) :], name])}: give one of them as a number")
            asked.append(name)
            text = texts[name]
            known[name] = bound(name) if text == BOUND else _formula(text, value, f"--at {name}")
            _check_range(map_.pack, name, known[name])
            if name in map_.pack.setting.whole():
                known[name] = math.ceil(known[name] - 1e-9)
            asked.pop()
        return known[name]

    def bound(name: str) -> float:
        limits = _limits(name, map_.conditions, map_.reading)
        if not limits:
            raise ValueError(f"{name} = bound: no condition of {map_.conditions} bounds {name}; give a number")
        constants = {"C": map_.reading.C, **map_.reading.at({}, map_.epsilon)}
        nonlocal known
        held, at = known, 1e3
        # A bound may speak of its own parameter: of d through T*, and through whatever follows it. It moves more slowly
        # than the parameter (least_dimension in han2025), so that putting it in again and again finds the place.
        for _ in range(200):
            known = {**held, name: at}
            found = []
            for expression, _ in limits:
                names = {s.name for s in expanded(expression).free_symbols} - set(constants)
                found.append(evaluate(expression, constants | {k: value(k) for k in sorted(names)}))
            before, at = at, max(found) if limits[0][1] else min(found)
            # A point on the boundary itself, but for rounding, counts as inside (Margin.holds).
            if abs(at - before) <= 1e-12 * at:
                break
        else:
            raise ValueError(f"{name} = bound: its condition does not settle on a value here; give a number")
        known = held
        return at

    return {name: value(name) for name in map_.pack.columns}


def _held(map_: Map, given: Collection[str]) -> dict[str, str]:
    """What a map holds where nothing else is said: a ratio that is given takes the place of another."""
    held = dict(map_.pack.maps.held)
    for name, formulas in map_.pack.maps.instead.items():
        held |= formulas if name in given else {}
    return held


def fixed(map_: Map) -> list[tuple[str, str]]:
    """What stands still, or follows by a formula, while the axes move: (parameter, number, formula or ``"bound"``)."""
    used: set[str] = set()
    resolved(map_, map_.x.values[0], map_.y.values[0], used)
    texts = {**_held(map_, used), **dict(map_.at)}
    names = names_of(map_.pack)
    return [(name, texts[name]) for name in names if name in used and name not in (map_.x.name, map_.y.name)]


@cache
def _limits(name: str, chosen: str, reading: Reading) -> tuple[tuple[sp.Expr, bool], ...]:
    """What bounds a parameter in a set of conditions: (expression, whether from below)."""
    symbol, found = lookup(name), []
    for condition in condition_sets(reading)[chosen]:
        statement = condition.statement
        if isinstance(statement, (sp.Ge, sp.Le)):
            for side, other in ((statement.lhs, statement.rhs), (statement.rhs, statement.lhs)):
                if side == symbol and not other.has(symbol):
                    found.append((other, symbol == statement.gts))
    return tuple(found)


def _setting(map_: Map, x: float, y: float) -> Setting:
    try:
        values = resolved(map_, x, y, set())
        whole = {name: int(values[name]) for name in map_.pack.setting.whole()}
        return map_.pack.setting(**values | whole, labels=map_.reading.labels)
    except ValueError as problem:
        raise ValueError(f"at {map_.x.name} = {x:g}, {map_.y.name} = {y:g}: {problem}") from None
