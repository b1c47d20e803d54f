"""Phase diagrams: over two parameters, how often a claim holds, when the stages end and how large the test errors are.

A *map* has two axes; every other parameter is a number or a formula in the others, resolved at each cell. So what is
held fixed while an axis moves is said, not guessed: by default kappa and tau are held and mu follows
(mu = sigma_xi sqrt(kappa d/n)), while eta and sigma_0 stay at the bound of their conditions, since a fixed step would
diverge along d. Cells outside the conditions are run like any other; the boundaries are drawn over them.

A run is a function of its setting and its seed, and the seeds of a cell of the map's seed and the cell's place, so
results depend neither on the number of processes nor on interruptions.
"""

import ast
import hashlib
import json
import math
import operator
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import sympy as sp

from numerics import Event, Observable, Setting, draw, train
from numerics.engine import Trajectory
from numerics.generalization import errors_by_law
from numerics.model import WHOLE, check_range
from numerics.observables import STAGES, moments, series_of
from numerics.sampling import check_drawable
from numerics.series import SERIES
from theory import Claim, Condition, Exactly, Within, evaluate
from theory.lineage import condition_huang, condition_kou
from theory.meanfield import limiting_error_threshold, noisy_ignored_threshold, signal_leads_threshold, stage_one_time
from theory.paper import Reading, claims, condition_4_1
from theory.symbols import SETTING, expanded, lookup, tau_minus, tau_plus
from verify import costs, processes, sweep
from verify.evidence import Why, evidence
from verify.folder import Folder
from verify.meanfield import curve
from verify.study import code_of_runs
from verify.sweep import OBSERVABLE_BY_NAME

BOUND = "bound"  # a parameter's value: as far as its condition lets it go at C
# What a map holds where nothing else is said. With these sizes Condition 4.1 holds at C = 2, and a default map takes
# about a minute and a half of one core.
DEFAULTS = {
    "n": "64", "m": "16", "d": "2e7", "sigma_xi": "1", "kappa": "6", "tau": "0.1", "tau_plus": "tau",
    "tau_minus": "tau", "mu": "sigma_xi*sqrt(kappa*d/n)", "sigma_0": BOUND, "eta": BOUND,
}  # fmt: skip
OF_SNR = "snr*sigma_xi*sqrt(d)"  # mu, where an snr is given
NAMES = (*DEFAULTS, "snr")
# (low, high, logarithmic) of an axis where no range is given; the other parameters have no natural one.
RANGES = {
    "kappa": (0.5, 8.0, False), "tau": (0.02, 0.4, False), "tau_plus": (0.02, 0.4, False),
    "tau_minus": (0.02, 0.4, False), "n": (16, 256, True), "m": (8, 64, True), "d": (1e3, 1e8, True),
}  # fmt: skip
COUNTS = (24, 16)  # cells along x and y by default
# Larger maps are refused; Kou et al.'s has 10,000 cells and 100,000 runs.
MOST_CELLS, MOST_RUNS = 100_000, 2_000_000
SHOWN = (
    "stage1.signal-leads", "stage1.noisy-ignored", "order_one_time",
    "convergence_time", "error_spurious_end", "error_fresh_end",
)  # fmt: skip
PATIENCE = 4.0  # expected durations after which a run short of the end is given up
WORK, PARTS = (
    2.0,
    48,
)  # at most about so many core seconds in a task, what an interrupt may lose; at least so many tasks
SILENT, LATE = 1, 2  # why a cell has no answer: nothing was flipped, or the moment never came
ERRORS = {
    f"error_{law}_{when}": (law, when) for law in ("spurious", "fresh", "training_noise") for when in ("T1", "end")
}
# A fresh-noise error is called harmful from here on. Kou et al. cut their heat map at 0.2, counted against flipped test
# labels: 0.1 + 0.8 e = 0.2 at e = 0.125.
HARMFUL = 0.125


def _check_range(name: str, value: float) -> None:
    if name == "tau" and not 0 <= value < 0.5:
        raise ValueError(f"tau = {value:g}: a flip probability must lie in [0, 0.5); give e.g. 0.2")
    if name in ("kappa", "snr") and not 0 <= value <= 1e30:
        raise ValueError(f"{name} = {value:g}: must be a number from 0 to 1e30")
    if name in SETTING:
        check_range(name, value)


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One axis of a map.

    Attributes:
        name: a parameter of a setting, or kappa, tau or snr.
        low, high: its ends, low < high.
        count: how many values, >= 2; whole numbers among n, m and d may coincide and are then taken once.
        log: evenly spaced in the logarithm.

    Raises:
        ValueError: a name, range or count that makes no axis.
    """

    name: str
    low: float
    high: float
    count: int
    log: bool = False

    def __post_init__(self) -> None:
        if self.name not in NAMES:
            raise ValueError(f"axis '{self.name}': no such parameter; use one of {', '.join(NAMES)}")
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"axis '{self.name}': {self.low:g} to {self.high:g} is no range; give low:high, low below")
        if self.log and not self.low > 0:
            raise ValueError(f"axis '{self.name}': a logarithmic axis from {self.low:g}; start above 0 or drop ':log'")
        if self.count > MOST_CELLS:
            raise ValueError(f"axis '{self.name}': {self.count} values; a map holds at most {MOST_CELLS:,} cells")
        for end in (self.low, self.high):
            _check_range(self.name, end)
        if self.count < 2 or len(self.values) < 2:
            raise ValueError(f"axis '{self.name}': a map needs at least 2 values along it; widen it or raise the count")

    @property
    def values(self) -> tuple[float, ...]:
        """Its values, increasing."""
        space = np.geomspace if self.log else np.linspace
        found = [float(f"{x:.12g}") for x in space(self.low, self.high, self.count)]  # 0.3, not 0.30000000000000004
        if self.name in WHOLE:
            found = sorted({float(round(x)) for x in found})
        return tuple(found)

    @staticmethod
    def read(name: str, text: str, count: int) -> "Axis":
        """``"low:high[:count][:log]"``, or ``""`` for the parameter's own range.

        Raises:
            ValueError: neither.
        """
        if not text:
            if name not in NAMES:
                raise ValueError(f"axis '{name}': no such parameter; use one of {', '.join(NAMES)}")
            if name not in RANGES:
                raise ValueError(f"axis '{name}' has no range of its own: give one, e.g. --x 0.1:10:{count}:log")
            low, high, log = RANGES[name]
            return Axis(name=name, low=low, high=high, count=count, log=log)
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
        return Axis(name=name, low=low, high=high, count=count, log=log)


@dataclass(frozen=True, kw_only=True)
class Map:
    """Everything that determines a phase diagram.

    Attributes:
        x, y: its axes, of different parameters.
        at: (parameter, number or formula) for what is not :data:`DEFAULTS`; ``"bound"`` for the bound of its condition.
        show: names of claims and observables.
        seeds: runs per cell.
        reading: supplies C, delta, the factor in T* and the bands.
        conditions: whose boundaries are drawn and bounds are meant, a key of :func:`condition_sets`.
        epsilon: target loss that ends a run, where something of the end is shown.
        steps: train for exactly so many steps instead.
        draws: noise draws per run for test errors.
        seed: of every random draw.

    Raises:
        ValueError: what cannot be drawn, in one line.
    """

    x: Axis
    y: Axis
    at: tuple[tuple[str, str], ...] = ()
    show: tuple[str, ...] = SHOWN
    seeds: int = 8
    reading: Reading = field(default_factory=Reading)
    conditions: str = "condition-4.1"
    epsilon: float = 0.1
    steps: int | None = None
    draws: int = 1024
    seed: int = 0

    def __post_init__(self) -> None:
        given = [self.x.name, self.y.name, *(name for name, _ in self.at)]
        for name in given:
            if name not in NAMES:
                raise ValueError(f"--at {name}: no such parameter; use one of {', '.join(NAMES)}")
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
        used: set[str] = set()
        _resolved(self, self.x.values[0], self.y.values[0], used)
        for name in given:
            if name not in used:
                raise ValueError(f"{name} has no effect here: nothing that is given depends on it; drop it")

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
        found = {name: OBSERVABLE_BY_NAME[name] for name in names}
        if any(o.stage == "T1" or "T1" in o.premises for o in found.values()):  # it says whether T_1 came
            found["order_one_time"] = OBSERVABLE_BY_NAME["order_one_time"]
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
    return {"condition-4.1": condition_4_1(reading), "kou": condition_kou(), "huang": condition_huang()}


@lru_cache(maxsize=1)
def _claims(reading: Reading) -> dict[str, Claim]:
    return {c.name: c for c in claims(reading)}


def quantity_of(name: str, reading: Reading) -> Claim | Observable:
    """The claim or observable of a panel.

    Raises:
        ValueError: there is none, or a single cell has no answer to it.
    """
    known = _claims(reading)
    if name in known:
        claim = known[name]
        if not all(isinstance(law, (Within, Exactly)) for _, law in claim.parts):
            names = " or ".join(dict.fromkeys(o for o, _ in claim.parts))
            raise ValueError(f"claim '{name}': its constant is unnamed, so no cell meets or breaks it; show {names}")
        stages = [OBSERVABLE_BY_NAME[o].stage for o, _ in claim.parts]
    elif name in OBSERVABLE_BY_NAME:
        stages = [OBSERVABLE_BY_NAME[name].stage]
    else:
        near = get_close_matches(name, [*known, *OBSERVABLE_BY_NAME], n=1)
        hint = f"did you mean '{near[0]}'?" if near else "`list` and `list --observables` show them all"
        raise ValueError(f"unknown claim or observable '{name}': {hint}")
    if "exact" in stages:
        raise ValueError(f"'{name}' is an identity of any run whatever its setting: there is nothing to map")
    return known[name] if name in known else OBSERVABLE_BY_NAME[name]


# ---------------------------------------------------------------------------------------------------------------
# Parameters: numbers and formulas

OPERATORS: dict[type, Callable[[float, float], float]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}  # fmt: skip
_FUNCTIONS: dict[str, Callable[..., float]] = {"sqrt": math.sqrt, "log": math.log, "max": max, "min": min}


def _formula(text: str, value: Callable[[str], float], where: str) -> float:
    """A number for an arithmetic formula; ``value`` gives that of a name. Nothing that is typed is executed.

    ``^`` is the power that it is on paper, not Python's operator, which would bind less than a product.
    """

    def read(node: ast.AST) -> float:
        match node:
            case ast.Constant(value=number) if isinstance(number, (int, float)) and not isinstance(number, bool):
                return float(number)
            case ast.Name(id=name):
                return value(name)
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return -read(inner)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
                return OPERATORS[type(op)](read(left), read(right))
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
                given = [read(arg) for arg in args]
                try:
                    return float(_FUNCTIONS[name](*given))
                except ValueError:
                    at = ", ".join(f"{x:g}" for x in given)
                    raise ValueError(f"{where}: '{text}' asks for {name}({at}), which has no value") from None
        raise ValueError(f"{where}: '{text}' is no formula; write e.g. 0.1*n*m/d, sqrt(d), max(n, m)")

    try:
        found = read(ast.parse(text.strip().replace("^", "**"), mode="eval").body)
    except (SyntaxError, TypeError, RecursionError, MemoryError):
        raise ValueError(f"{where}: '{text}' is no formula; write e.g. 0.1*n*m/d, sqrt(d), max(n, m)") from None
    except (ArithmeticError, OverflowError):
        raise ValueError(f"{where}: '{text}' has no value here; stay where it does") from None
    if isinstance(found, complex) or not math.isfinite(found):
        raise ValueError(f"{where}: '{text}' is no number here; stay where it is one")
    return found


def _resolved(map_: Map, x: float, y: float, used: set[str]) -> dict[str, float]:
    """Every parameter of a setting at a point of the plane, not rounded; ``used`` collects what was needed for it."""
    given = dict(map_.at)
    axes = {map_.x.name: x, map_.y.name: y}
    texts = {**DEFAULTS, **({"mu": OF_SNR} if "snr" in {*given, *axes} else {}), **given}
    known: dict[str, float] = {}
    asked: list[str] = []

    def value(name: str) -> float:
        used.add(name)
        if name in axes:
            return axes[name]
        if name not in known:
            if name not in texts:
                raise ValueError(f"'{name}': no such parameter; use {', '.join(NAMES)}, sqrt, log, max or min")
            if name in asked:
                raise ValueError(f"{' needs '.join([*asked[asked.index(name) :], name])}: give one of them as a number")
            asked.append(name)
            text = texts[name]
            known[name] = bound(name) if text == BOUND else _formula(text, value, f"--at {name}")
            _check_range(name, known[name])
            if name in WHOLE:
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
        # than the parameter (least_dimension in theory.paper), so that putting it in again and again finds the place.
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

    return {name: value(name) for name in SETTING}


def fixed(map_: Map) -> list[tuple[str, str]]:
    """What stands still, or follows by a formula, while the axes move: (parameter, number, formula or ``"bound"``)."""
    used: set[str] = set()
    _resolved(map_, map_.x.values[0], map_.y.values[0], used)
    texts = {**DEFAULTS, **({"mu": OF_SNR} if "snr" in used else {}), **dict(map_.at)}
    return [(name, texts[name]) for name in NAMES if name in used and name not in (map_.x.name, map_.y.name)]


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
        values = _resolved(map_, x, y, set())
        return Setting(**values | {name: int(values[name]) for name in WHOLE}, labels=map_.reading.labels)
    except ValueError as problem:
        raise ValueError(f"at {map_.x.name} = {x:g}, {map_.y.name} = {y:g}: {problem}") from None


# ---------------------------------------------------------------------------------------------------------------
# Runs


Run = tuple[int, Setting, int]


@dataclass(frozen=True, kw_only=True)
class Task:
    """Batches of runs, the unit of resuming. A run is (cell, setting, seed); a batch shares n and m.

    ``device`` is where it trains: the numbers are the same up to rounding.
    """

    map: Map
    index: int
    batches: tuple[tuple[Run, ...], ...]
    seconds: float  # of one core, as expected
    device: str = "cpu"

    @property
    def runs(self) -> int:
        return sum(len(batch) for batch in self.batches)

    @property
    def file(self) -> str:
        return f"{self.index:05d}.npz"


def plan(map_: Map, device: str = "cpu") -> list[Task]:
    """All runs in tasks: cells of one size in the order of their length, the longest tasks first.

    Raises:
        ValueError: a cell's run does not fit in memory.
    """
    by_size: dict[tuple[int, int], list[int]] = {}
    settings = cells(map_)
    lengths = [_expected_steps(map_, setting) for setting in settings]
    for k, setting in enumerate(settings):
        by_size.setdefault((setting.n, setting.m), []).append(k)
    by_group: list[list[tuple[float, tuple[Run, ...]]]] = []  # (core seconds, batch)
    for (n, m), members in by_size.items():
        for k in members:
            check_drawable(settings[k])
        members.sort(key=lambda k: -lengths[k])
        runs = [(k, settings[k], seed) for k in members for seed in _seeds(map_, k)]
        size = costs.bundle_size(n, m, 1, device)
        batches = [tuple(runs[start : start + size]) for start in range(0, len(runs), size)]
        cost = {k: lengths[k] * costs.arithmetic(n, m) + 1e-3 for k in members}
        by_group.append([(lengths[b[0][0]] * costs.CALLS + sum(cost[k] for k, *_ in b), b) for b in batches])
    # Enough of them for many processes, in number and contents whatever there are.
    most = min(WORK, sum(work for group in by_group for work, _ in group) / PARTS)
    found: list[tuple[float, tuple]] = []
    for group in by_group:
        held, total = [], 0.0
        for k, (work, batch) in enumerate(group):
            held.append(batch)
            total += work
            if total > most or k == len(group) - 1:
                found.append((total, tuple(held)))
                held, total = [], 0.0
    found.sort(key=lambda f: -f[0])  # the longest first, so that none is left over at the end
    return [
        Task(map=map_, index=i, batches=batches, seconds=cost, device=device) for i, (cost, batches) in enumerate(found)
    ]


def _seeds(map_: Map, cell: int) -> list[int]:
    """The seeds of a cell's runs; ``draw(setting, seed)`` is its sample."""
    digest = hashlib.sha256(f"{map_.seed}/{cell}".encode()).digest()
    start = int.from_bytes(digest[:6], "big")
    return [start + k for k in range(map_.seeds)]


@cache
def _stage_one() -> Callable[[float, float], float]:
    rate, level = sp.symbols("rate level", positive=True)
    return sp.lambdify([rate, level], stage_one_time(rate, level), modules="math")


def _expected_steps(map_: Map, setting: Setting) -> float:
    """How many steps a run is expected to take."""
    if map_.steps is not None:
        return map_.steps
    s = costs.rescaled_time(setting.kappa, setting.tau_plus, setting.tau_minus, map_.epsilon, map_.stage)
    if map_.stage == "T1":  # near the thresholds the signal is slow; without any drive it never comes
        rate = setting.kappa * (1 - 2 * max(setting.tau_plus, setting.tau_minus)) / 2
        s = max(s, min(10.0, _stage_one()(max(rate, 0.05), map_.reading.order_one)))
    return min(s / setting.time_scale, sweep.MOST_STEPS)


def execute(task: Task) -> dict[str, np.ndarray]:
    """Train a task's runs: per run its cell, seed, status, last step and observables."""
    parts = [_execute(task.map, batch, task.device) for batch in task.batches]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def simulate(map_: Map, batch: Sequence[Run], device: str = "cpu") -> Trajectory:
    """Train one batch, recording no more than what the map shows is read from."""
    settings = [setting for _, setting, _ in batch]
    samples = [draw(setting, seed) for _, setting, seed in batch]
    events = moments(map_.reading.order_one)
    observables = map_.observables
    if map_.steps is not None:
        steps, stop = map_.steps, None
        at_end = all(name.endswith("_end") or o.stage == "start" for name, o in observables.items())
        if at_end:
            events = {}
        times = np.array([0, steps]) if at_end else None
    else:
        last = [PATIENCE * _expected_steps(map_, setting) for setting in settings]
        if map_.stage == "end":
            last = [sweep.last_step(setting, map_.epsilon, map_.reading) for setting in settings]
        steps = max(1, int(min(max(last), sweep.MOST_STEPS)))
        end = Event(series="loss", value=map_.epsilon, falling=True)
        stop, times = {"early": events["early"], "T1": events["T1"], "end": end}.get(map_.stage), None
    names = series_of(observables.values(), (*events.values(), *([stop] if stop else [])))
    series = {name: SERIES[name] for name in SERIES if name in names}
    return train(settings, samples, steps=steps, stop=stop, events=events, series=series, times=times, device=device)


def _execute(map_: Map, batch: Sequence[Run], device: str = "cpu") -> dict[str, np.ndarray]:
    run = simulate(map_, batch, device)
    found = {
        "cell": np.array([cell for cell, *_ in batch]),
        "seed": np.array([seed for *_, seed in batch]),
        "status": np.array(run.status, dtype="U8"),
        "steps": run.last,
    }
    for name, observable in map_.observables.items():
        found[name] = _observed(observable, run, map_.draws, device)
    return found


def _observed(observable: Observable, run: Trajectory, draws: int, device: str = "cpu") -> np.ndarray:
    if observable.name not in ERRORS:
        return observable(run)
    law, when = ERRORS[observable.name]
    return _errors(run, when, draws, device)[law]


@lru_cache(maxsize=2)  # the moments of one batch
def _errors(run: Trajectory, when: str, draws: int, device: str) -> dict[str, np.ndarray]:
    return errors_by_law(run, when, draws, device)


# ---------------------------------------------------------------------------------------------------------------
# Cells


def table(map_: Map, runs: pd.DataFrame) -> pd.DataFrame:
    """One row per cell: parameters, margins of the conditions, and what is shown.

    A claim gives the share of the runs that count in which it holds (``NAME``), how many hold and how many count. A
    cell has no answer if fewer than half of its runs give one; ``NAME:why`` says why (0 it has one, 1 nothing was
    flipped, 2 the moment never came). A time gives the median in iterations (``NAME``) and in rescaled time
    (``NAME:s``), with a run that
    never arrived later than any other, and how many these are. Anything else gives the mean over its runs.
    """
    settings = cells(map_)
    rows = pd.DataFrame([s.values() | {"kappa": s.kappa, "time_scale": s.time_scale} for s in settings])
    rows.insert(0, "cell", range(len(settings)))
    rows["runs"] = map_.seeds
    for condition in condition_sets(map_.reading)[map_.conditions]:
        rows[f"margin:{condition.name}"] = [_margin(condition, s.values(), map_)[0] for s in settings]
    runs = runs.sort_values(["cell", "seed"], ignore_index=True)
    # The columns that bounds are stated in.
    held = runs.join(rows.set_index("cell")[list(SETTING)], on="cell").assign(
        setting=runs["cell"], **map_.reading.at({}, map_.epsilon)
    )
    columns: dict[str, np.ndarray] = {}
    for name in map_.show:
        quantity = quantity_of(name, map_.reading)
        summarise = _share if isinstance(quantity, Claim) else _time if quantity.time else _mean
        columns |= {f"{name}{suffix}": values for suffix, values in summarise(map_, quantity, held).items()}
    return pd.concat([rows, pd.DataFrame(columns)], axis=1)


def _margin(condition: Condition, values: Mapping[str, float], map_: Map) -> tuple[float, float]:
    """The margin of a condition, and what is required of it."""
    margin = condition.margin(map_.reading.at(values, map_.epsilon), map_.reading.C)
    return margin.value, margin.required


def _per_cell(map_: Map, values: np.ndarray) -> np.ndarray:
    return np.asarray(values).reshape(-1, map_.seeds)


def _missing(map_: Map, runs: pd.DataFrame, stage: str, missing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of the runs without an answer, those that never came that far, and those in which nothing was flipped."""
    late = missing & ~_arrived(map_, runs, stage)
    return late, missing & ~late & runs["flip_share"].isna().to_numpy()


def _arrived(map_: Map, runs: pd.DataFrame, stage: str) -> np.ndarray:
    """Whether each run came as far as a stage: T_1, or its end."""
    if stage == "T1":
        return runs["order_one_time"].notna().to_numpy()
    ended = "horizon" if map_.steps is not None or stage == "start" else "stopped"
    return runs["status"].isin({"stopped", ended}).to_numpy()


def _share(map_: Map, claim: Claim, runs: pd.DataFrame) -> dict[str, np.ndarray]:
    parts = [(name, law if isinstance(law, Within) else Within(high=law.tolerance)) for name, law in claim.parts]
    stage = max((OBSERVABLE_BY_NAME[name].stage for name, _ in parts), key=STAGES.index)
    diverged = (runs["status"] == "diverged").to_numpy()
    arrived = _arrived(map_, runs, stage)
    # The last moment of a map of fixed length is its end.
    status = np.where(diverged, "diverged", np.where(arrived, "stopped", "horizon"))
    found = evidence(parts, runs.assign(status=status), OBSERVABLE_BY_NAME)
    late, silence = found.open & (found.why != Why.NO_VALUE), ~found.counted
    holds, count = (_per_cell(map_, x).sum(1) for x in (found.met, found.counted))
    silent = _per_cell(map_, silence & ~late).sum(1)
    why = np.where(2 * count >= map_.seeds, 0, np.where(silent * 2 >= map_.seeds - count, SILENT, LATE))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(why == 0, holds / count, np.nan)
    return {"": share, ":holds": holds, ":counted": count, ":late": _per_cell(map_, late).sum(1), ":why": why}


def _time(map_: Map, observable: Observable, runs: pd.DataFrame) -> dict[str, np.ndarray]:
    values = _per_cell(map_, runs[observable.name].to_numpy(float))
    censored = np.isnan(values)
    with np.errstate(invalid="ignore"):
        middle = np.median(np.where(censored, np.inf, values), axis=1)
    middle = np.where(np.isfinite(middle), middle, np.nan)
    scale = np.array([s.time_scale for s in cells(map_)])
    why = np.where(np.isnan(middle), LATE, 0)
    return {"": middle, ":s": middle * scale, ":censored": censored.sum(1), ":why": why}


def _mean(map_: Map, observable: Observable, runs: pd.DataFrame) -> dict[str, np.ndarray]:
    raw = runs[observable.name].to_numpy(float)
    missing = np.isnan(raw)
    late, silent = (_per_cell(map_, x).sum(1) for x in _missing(map_, runs, observable.stage, missing))
    values = _per_cell(map_, raw)
    count = (~np.isnan(values)).sum(1)
    why = np.where(2 * count >= map_.seeds, 0, np.where(silent > late, SILENT, LATE))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.nansum(values, 1) / count
        spread = np.sqrt(np.nansum((values - mean[:, None]) ** 2, 1) / np.maximum(count - 1, 1) / count)
    spread = np.where(count > 1, spread, np.nan)
    return {"": np.where(why == 0, mean, np.nan), ":se": spread, ":counted": count, ":why": why}


# ---------------------------------------------------------------------------------------------------------------
# Lines over the map


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of the plane, where a function changes sign.

    Attributes:
        name: what it is, in LaTeX between $ or plain.
        kind: ``"condition"`` (a premise ends there), ``"predicted"`` (in closed form), ``"at T1"`` (from the mean-field
            curve) or ``"fitted"``.
        heights: log of (what is there / what is required) on the fine grid, NaN where undefined. Shape (ys, xs).
    """

    name: str
    kind: str
    heights: np.ndarray

    @property
    def crosses(self) -> bool:
        """Whether it runs through the map at all."""
        seen = self.heights[np.isfinite(self.heights)]
        return bool(seen.size and seen.min() < -1e-6 and seen.max() > 1e-6)

    @property
    def holds(self) -> bool:
        """Where it does not cross: whether the map lies on the side where it holds."""
        return bool(np.nanmax(self.heights) > -1e-6)


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A grid finer than the cells, on which lines are computed; None where a formula has no value there."""

    x: np.ndarray
    y: np.ndarray
    values: tuple[tuple[dict[str, float] | None, ...], ...]

    def heights(self, function: Callable[[Mapping[str, float]], float]) -> np.ndarray:
        """``function`` of the parameters at every point; NaN where it has no value."""

        def safe(values: Mapping[str, float] | None) -> float:
            try:
                return math.nan if values is None else function(values)
            except (ValueError, ZeroDivisionError, OverflowError):
                return math.nan

        return np.array([[safe(v) for v in row] for row in self.values])


def fine_grid(map_: Map, size: int = 60) -> Grid:
    """``size`` values along either axis, over all cells to their borders; whole numbers are not rounded."""
    x, y = (_span(axis, size) for axis in (map_.x, map_.y))

    def at(a: float, b: float) -> dict[str, float] | None:
        try:
            return _resolved(map_, a, b, set())
        except ValueError:  # it reaches beyond the cells, to their borders
            return None

    return Grid(x=x, y=y, values=tuple(tuple(at(a, b) for a in x) for b in y))


def edges(axis: Axis) -> np.ndarray:
    """Borders of the cells about the values of an axis."""
    at = np.log(axis.values) if axis.log else np.array(axis.values)
    middle = (at[1:] + at[:-1]) / 2
    found = np.concatenate([[2 * at[0] - middle[0]], middle, [2 * at[-1] - middle[-1]]])
    return np.exp(found) if axis.log else found


def _span(axis: Axis, size: int) -> np.ndarray:
    low, high = edges(axis)[[0, -1]]
    low = low if low > 0 else axis.values[0]  # no parameter is negative
    high = min(high, 0.4999) if axis.name.startswith("tau") else high
    return (np.geomspace if axis.log else np.linspace)(low, high, size)


def boundaries(map_: Map, grid: Grid) -> list[Line]:
    """Where each condition begins to hold at C."""

    def height(condition: Condition) -> Callable[[Mapping[str, float]], float]:
        def log_ratio(values: Mapping[str, float]) -> float:
            value, required = _margin(condition, values, map_)
            # On the boundary itself it holds (Margin.holds); and no number is infinite in a contour.
            return math.log(min(max(value / required * (1 + 1e-6), 1e-30), 1e30))

        return log_ratio

    return [
        Line(name=c.name, kind="condition", heights=grid.heights(height(c)))
        for c in condition_sets(map_.reading)[map_.conditions]
    ]


SIGNAL_LEADS = ("stage1.signal-leads", "signal_lead_T1", "early_signal_lead_plus", "early_signal_lead_minus")
NOISY_IGNORED = (
    "stage1.noisy-ignored", "selection.log2", "margin_noisy_max_T1", "early_noisy_margin_plus",
    "early_noisy_margin_minus", "accuracy_noisy_T1", "selection_precision_T1", "selection_recall_T1",
    "error_spurious_T1", "error_training_noise_T1",
)  # fmt: skip
LATE_ERROR = ("error_spurious_end", "error_training_noise_end")


def predictions(map_: Map, name: str, grid: Grid, found: pd.DataFrame) -> list[Line]:
    """The lines that theory draws over what is shown under ``name``.

    Thresholds in closed form, and where these are limits as s -> 0, the same at T_1. For the error on fresh noise the
    level of n mu^4/(sigma_xi^4 d), whose constant is unnamed, that parts harmful from harmless cells best.
    """
    if name in SIGNAL_LEADS or name in NOISY_IGNORED:
        threshold = signal_leads_threshold if name in SIGNAL_LEADS else noisy_ignored_threshold
        labels = [threshold(tau) for tau in (tau_plus, tau_minus)]  # it must be met for both
        heights = grid.heights(lambda v: min(_log_ratio(evaluate(t.along, v), t.at) for t in labels))
        label = rf"$\kappa(1-2\tau_\pm)={float(labels[0].at):g}$"
        early = Line(name=label, kind="predicted", heights=heights)
        if name.startswith("early"):
            return [early]
        taus, critical = _critical_at_T1(name in SIGNAL_LEADS, map_.reading.order_one)

        def dated(values: Mapping[str, float]) -> float:
            ratio = values["n"] * values["mu"] ** 2 / (values["sigma_xi"] ** 2 * values["d"])
            both = [(1 - 2 * values[k], values[k]) for k in ("tau_plus", "tau_minus")]
            return min(_log_ratio(ratio * share, float(np.interp(tau, taus, critical))) for share, tau in both)

        return [early, Line(name="mean field at $T_1$", kind="at T1", heights=grid.heights(dated))]
    if name in LATE_ERROR:
        limit = limiting_error_threshold()
        heights = grid.heights(lambda v: _log_ratio(evaluate(limit.along, v), limit.at))
        return [Line(name=r"$\kappa(1-2\tau_+-2\tau_-)=1$", kind="predicted", heights=heights)]
    if name == "error_fresh_end":
        fitted = benign_level(found)
        if fitted is not None:
            level, _ = fitted
            heights = grid.heights(lambda v: _log_ratio(_benign(v), level))
            label = rf"$n\|\mu\|^4={float(f'{level:.2g}'):g}\,\sigma_\xi^4d$"
            return [Line(name=label, kind="fitted", heights=heights)]
    return []


@cache
def _critical_at_T1(leads: bool, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Flip probabilities, and the kappa (1 - 2 tau) from which on the mean field itself meets a claim at T_1.

    The closed thresholds are limits as s -> 0. By T_1, when the least coefficient reaches ``level``, clean samples pull
    less than noisy ones, so it takes more: found by bisection on the mean-field curve.

    Args:
        leads: gamma above every rho; else a noisy sample is ignored, gamma above rho_n/2.
    """
    s = np.concatenate([np.linspace(0, 4, 401), np.geomspace(4.01, 100, 300)])

    def ahead(product: float, tau: float) -> bool:
        found = curve(product / (1 - 2 * tau), tau, s)
        least = np.minimum(np.minimum(found.gamma, found.rho_clean), found.rho_noisy)
        if least[-1] < level:
            return False
        gamma, clean, noisy = (
            np.interp(level, least, x) for x in (found.gamma, found.rho_clean, found.rho_noisy)
        )  # every coefficient grows
        return bool(gamma > max(clean, noisy)) if leads else bool(gamma > noisy / 2)

    taus, critical = np.linspace(0, 0.45, 10), []
    for tau in taus:
        low, high = 0.5, 16.0
        while high > 1.005 * low:
            middle = math.sqrt(low * high)
            low, high = (low, middle) if ahead(middle, float(tau)) else (middle, high)
        critical.append(math.sqrt(low * high))
    return taus, np.array(critical)


def _log_ratio(value: float, at: float) -> float:
    return math.log(max(value, 1e-30) / float(at))


def _benign(values: Mapping[str, float]) -> float:
    return values["n"] * values["mu"] ** 4 / (values["sigma_xi"] ** 4 * values["d"])


def benign_level(found: pd.DataFrame, name: str = "error_fresh_end") -> tuple[float, float] | None:
    """The c for which n mu^4 = c sigma_xi^4 d parts the cells best into harmful and harmless.

    Returns:
        c and the share of cells on its wrong side; None where no c does half as badly as calling all cells alike.
    """
    seen = found[found[name].notna()]
    harmful = (seen[name] > HARMFUL).to_numpy()
    height = np.array([_benign(row) for row in seen.to_dict("records")])
    order = np.argsort(height)
    height, harmful = height[order], harmful[order]
    # Below c everything should be harmful, above it nothing.
    wrong = np.concatenate([[0], np.cumsum(~harmful)]) + np.concatenate([np.cumsum(harmful[::-1])[::-1], [0]])
    best = int(np.argmin(wrong))
    if not wrong[best] < min(harmful.sum(), (~harmful).sum()) / 2:  # no better than to call all cells alike
        return None
    low, high = height[max(best - 1, 0)], height[min(best, height.size - 1)]
    return float(np.sqrt(max(low, 1e-30) * high)), float(wrong[best] / height.size)


# ---------------------------------------------------------------------------------------------------------------
# The folder of a map

FOLDER = Folder(
    what="map",
    files=("map.html", "map.png", "map.svg", "map-cells.csv", "map-runs.csv"),
    work="map-batches",
    finished="[0-9][0-9][0-9][0-9][0-9].npz",
)


def collect(
    tasks: Sequence[Task],
    folder: Path,
    workers: int,
    on_task: Callable[[Task, bool], None] = lambda task, kept: None,
) -> pd.DataFrame | None:
    """Run what ``folder`` does not hold yet; all runs, or None after an interrupt.

    Args:
        tasks: those of :func:`plan`.
        folder: where tasks are saved, from :meth:`Folder.open`.
        workers: processes.
        on_task: called with each task that is finished, and whether it was so before.

    Raises:
        ValueError: a file there is damaged or of another map.
    """
    parts = []
    try:
        for task, found, kept in _stream(tasks, folder, workers):
            parts.append(pd.DataFrame(found))
            on_task(task, kept)
    except KeyboardInterrupt:
        return None
    return pd.concat(parts, ignore_index=True).sort_values(["cell", "seed"], ignore_index=True)


def _stream(tasks: Sequence[Task], folder: Path, workers: int) -> Iterator[tuple[Task, dict[str, np.ndarray], bool]]:
    pending = []
    for task in tasks:
        if (folder / task.file).exists():
            yield task, _load(folder / task.file, task), True
        else:
            pending.append(task)
    for k, found in processes.pooled(execute, pending, workers, sweep.one_thread):
        _save(found, pending[k], folder)
        yield pending[k], found, False


def _fingerprint(task: Task) -> str:
    body = [asdict(task.map), [[(cell, seed) for cell, _, seed in batch] for batch in task.batches]]
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _save(found: dict[str, np.ndarray], task: Task, folder: Path) -> None:
    path = folder / task.file
    partial = path.with_suffix(".partial")
    with open(partial, "wb") as file:
        np.savez_compressed(file, fingerprint=_fingerprint(task), **found)
    os.replace(partial, path)  # a file that exists is whole


def _load(path: Path, task: Task) -> dict[str, np.ndarray]:
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as held:
            found = {name: held[name] for name in held.files}
            fingerprint = str(found.pop("fingerprint"))
    except Exception as problem:
        raise ValueError(f"{path} is damaged ({type(problem).__name__}): delete it to have it redone") from problem
    if fingerprint != _fingerprint(task):
        raise ValueError(f"{path} belongs to another map: choose another --out, or delete the folder")
    return found


def identity(map_: Map) -> dict:
    """What determines a map's numbers, for resuming."""
    return asdict(map_) | {"code": _code()}


def held(folder: Path) -> Map:
    """The map of an interrupted folder.

    Raises:
        ValueError: there is none, or it cannot be read.
    """
    body = {k: v for k, v in FOLDER.read(folder).items() if k != "code"}
    body |= {"x": Axis(**body["x"]), "y": Axis(**body["y"]), "reading": Reading(**body["reading"])}
    return Map(**body | {"at": tuple(map(tuple, body["at"])), "show": tuple(body["show"])})


def _code() -> str:
    """Digest of everything that runs depend on: results of different code are never mixed."""
    return hashlib.sha256((code_of_runs() + Path(__file__).read_text()).encode()).hexdigest()[:12]


# ---------------------------------------------------------------------------------------------------------------
# Presets

PRESETS: dict[str, Map] = {
    # Kou et al.: 100 x 100 cells, 10 trainings each of 100 steps, 1,000 test samples. Their code sums over the
    # filters and averages over two patches, F_j = (1/2) sum_r [relu + relu], from weights of variance 1/(3d), with step
    # 0.1: with weights 5 w this is F_j = (1/10) sum_r with sigma_0 = 5/sqrt(3d) and step 25 * 0.1 (docs/maps.md).
    "kou": Map(
        x=Axis(name="mu", low=0.0, high=9.9, count=100),
        y=Axis(name="d", low=100, high=1090, count=100),
        at=(("n", "20"), ("m", "10"), ("tau", "0.1"), ("sigma_0", "5/sqrt(3*d)"), ("eta", "2.5")),
        show=("error_fresh_end", "loss_end", "error_spurious_end"),
        seeds=10,
        conditions="kou",
        steps=100,
        draws=1000,
    )
}
