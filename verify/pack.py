"""A pack binds a paper to a model: what the tools must know of both, and nothing else of either.

A paper (``theory``) and a model (``numerics``) do not know each other; they meet here, by the names of parameters. A
reading tells its paper, and so its pack: :func:`pack_of`. Ours lie in :mod:`verify.packs`; ``--paper`` takes the name
of one, or a Python file with a ``PACK`` (docs/papers.md).
"""

import importlib
import importlib.util
import math
import os
import re
import shlex
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import sympy as sp

from numerics import OBSERVABLES, Observable, Setting
from numerics.model import Range, is_number
from theory import Band, Condition, T_star, evaluate
from theory.papers import DEFAULT, Paper, built_in
from theory.reading import Reading


def last_step(setting: Setting, epsilon: float, reading: Reading) -> int:
    """T* as it is read: what has not reached ``epsilon`` by then is given up."""
    return math.floor(evaluate(T_star, reading.at(setting.values(), epsilon)))


_OF_EVERY = frozenset(Setting.ranges())
# Columns of runs.csv that are no observables, and what statements are evaluated at beside a setting.
TAKEN = frozenset({
    "group", "seed", "kappa", "time_scale", "epsilon", "delta", "horizon", "look", "status", "steps", "setting",
})  # fmt: skip


def check_names(paper: str, parameters: Iterable[str], reading: type[Reading]) -> None:
    """Raise ``ValueError`` where a parameter is called by a name that has a meaning of its own."""
    taken = TAKEN | {f.name for f in fields(reading)} | {n for n in dir(Setting) if n not in _OF_EVERY}
    for name in parameters:
        if name not in _OF_EVERY and name in taken:
            raise ValueError(f"paper '{paper}': a parameter cannot be called '{name}', which has a meaning of its own")


@dataclass(frozen=True, kw_only=True)
class Phases:
    """Two phases that a paper's reduced dynamics have, and where they part.

    Attributes:
        along: what decides, an expression in the paper's parameters.
        at: parameters -> its value at the boundary; NaN where there is none.
        below, beyond: what happens on either side of it, in a few words.
    """

    along: sp.Expr
    at: Callable[[Mapping[str, float]], float]
    below: str
    beyond: str

    def height(self, values: Mapping[str, float]) -> float:
        """log of ``along`` over its value at the boundary."""
        return math.log(min(max(evaluate(self.along, values) / self.at(values), 1e-300), 1e300))

    def says(self, values: Mapping[str, float]) -> str:
        """What happens at a setting; empty where it parts nothing."""
        height = self.height(values)
        return "" if math.isnan(height) else self.beyond if height > 0 else self.below


@dataclass(frozen=True, kw_only=True)
class Maps:
    """What a phase diagram holds and shows where a user says nothing.

    Attributes:
        held: a number or formula for every parameter, and for the ratios that formulas name; ``"bound"`` for the bound
            of its condition.
        ratios: what beside parameters may be an axis or be held, and its range.
        latex: of ratios that this pack alone knows.
        instead: by ratio, what is held otherwise where that ratio is given.
        axes: (low, high, logarithmic) of an axis where no range is given.
        show: claims and observables shown by default.
        lines: (map, what is shown, grid, table of cells) -> lines of theory over it (``verify.maps``).
        phases: what it parts into two phases, also over the maps of other papers, and over its own test errors where
            ``lines`` are none.
        presets: maps of the literature by name, made when asked for.
        slow: (rescaled time that a run is expected to take, its setting, map) -> the same where on a map it is slower.
    """

    held: Mapping[str, str]
    ratios: Mapping[str, Range] = field(default_factory=dict)
    latex: Mapping[str, str] = field(default_factory=dict)
    instead: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    axes: Mapping[str, tuple[float, float, bool]] = field(default_factory=dict)
    show: tuple[str, ...] = ()
    lines: Callable[..., list] | None = None
    phases: tuple[Phases, ...] = ()
    presets: Callable[[], Mapping[str, Any]] = dict
    slow: Callable[[float, Setting, Any], float] = lambda s, *_: s


@dataclass(frozen=True, kw_only=True)
class Pack:
    """A paper, its model, and what binds them.

    Attributes:
        paper: what is claimed.
        setting: what happens: a class of settings, whose fields are the paper's parameters.
        observables: numbers per run that claims may speak of, by name.
        extents: (least, largest) of every parameter where nothing else bounds it, in the order in which they are
            chosen: sizes first, since logarithms hang on them. Small sizes are the simple ones.
        lasts: (stage, epsilon) -> rescaled time s = eta t sigma_xi^2 d/(nm) within which a run of a stage ends wherever
            it lies; of the paper's own dynamics, never of another's.
        expected: (setting, epsilon, stage) -> the same for one setting; by default ``lasts``.
        last_step: (setting, epsilon, reading) -> the iteration at which a run short of epsilon is given up.
        bands: reading -> what quantities of order one are read as where no condition says it, by name.
        typical: a setting at which every condition and bound has a value; also of epsilon, delta and horizon.
        same: parameters that are as another where they are not given.
        design: (group, profile, reading, entropy) -> points, where a paper has a design of its own;
            :func:`verify.design.anywhere_inside` where it has none.
        maps: what phase diagrams hold and show.
        predicted: (setting, rescaled times) -> curves of recorded series by name, drawn over runs; None where no
            reduced dynamics is known.
        tried: claims on whose runs ``selftest`` puts the verifier to the test; all where none is named.
        planted: statements about orders that are false, each with a scaling that shows it (``verify.entailed``).
        says: reading -> how the report says what is open in the paper and how it is read (``verify.report``).

    Raises:
        ValueError: paper, setting and extents name different parameters, an extent is none, or a default is missing.
    """

    paper: Paper
    setting: type[Setting]
    extents: Mapping[str, tuple[float, float]]
    lasts: Callable[[str, float], float | None]
    typical: Mapping[str, float]
    maps: Maps
    observables: Mapping[str, Observable] = field(default_factory=lambda: OBSERVABLES)
    expected: Callable[[Setting, float, str], float] | None = None
    last_step: Callable[[Setting, float, Reading], int] = last_step
    bands: Callable[[Reading], Mapping[str, Band]] = lambda _: {}
    same: Mapping[str, str] = field(default_factory=dict)
    design: Callable[..., list] | None = None
    predicted: Callable[..., Mapping[str, Any]] | None = None
    tried: tuple[str, ...] = ()
    planted: Callable[[], tuple] = tuple
    says: Callable[[Reading], Mapping[str, Any]] = lambda _: {}

    def __repr__(self) -> str:
        return f"Pack {self.paper.name}: {self.paper.title}; {len(self.observables)} observables"

    def __post_init__(self) -> None:
        stated = set(self.paper.parameters)
        for what, names in {
            "the setting": set(self.setting.ranges()),
            "extents": set(self.extents),
            "a typical setting": set(self.typical) & stated,
            "what maps hold": set(self.maps.held) & stated,
        }.items():
            if names != stated:
                odd = ", ".join(sorted(names ^ stated))
                raise ValueError(f"paper '{self.paper.name}': {what} and its parameters differ in {odd}; name the same")
        check_names(self.paper.name, self.paper.parameters, self.paper.reading)
        for name, pair in self.extents.items():
            several = isinstance(pair, tuple | list) and len(pair) == 2 and all(map(is_number, pair))
            if not several or not 0 < pair[0] <= pair[1] < math.inf:
                said = f"{pair!r}: give two positive numbers, the smaller first"
                raise ValueError(f"paper '{self.paper.name}': the extent of {name} is {said}")
            low, high = pair
            range_ = self.setting.ranges()[name]
            if low < range_.low or high > range_.high:
                said = f"({low:g}, {high:g}), beyond what it may be, {range_.low:g} to {range_.high:g}"
                raise ValueError(f"paper '{self.paper.name}': the extent of {name} is {said}")
        for name in ("epsilon", "delta", "horizon"):
            if name not in self.typical:
                raise ValueError(f"paper '{self.paper.name}': a typical setting has no {name}; give it one")

    @property
    def name(self) -> str:
        return self.paper.name

    @property
    def order(self) -> tuple[str, ...]:
        """The parameters in the order in which they are chosen."""
        return tuple(self.extents)

    @property
    def columns(self) -> tuple[str, ...]:
        """The parameters in the order in which they are shown."""
        return self.paper.parameters

    def rescaled_time(self, setting: Setting, epsilon: float, stage: str) -> float:
        """Rescaled time s that a run of a stage is expected to need."""
        if self.expected is not None:
            return self.expected(setting, epsilon, stage)
        return self.lasts(stage, epsilon) or 0.0

    def settings(self, values: Mapping[str, float], labels: str) -> Setting:
        """A setting from numbers by name, whole ones rounded, and a batch of all samples at most."""
        whole, batch = self.setting.whole(), self.setting.batches.size
        given = {name: round(values[name]) if name in whole else values[name] for name in self.columns}
        if batch:
            given[batch] = min(given[batch], given["n"])
        return self.setting(**given, labels=labels)


@cache
def load(name: str) -> Pack:
    """The pack of a paper.

    Args:
        name: one of ours; or a Python file, or an importable module, that holds a ``PACK``.

    Raises:
        ValueError: there is none, in one line.
    """
    known = built_in()
    path, module, searched = Path(name), name, list(sys.path)
    if name in known:
        module = f"verify.packs.{name}"
    elif path.suffix == ".py":
        if not os.path.isfile(path):  # which is False, not an error, of a name that is too long
            raise ValueError(f"paper {name}: no such file; name one of {', '.join(known)}, or a Python file")
        if not path.stem.isidentifier():
            raise ValueError(f"paper {name}: '{path.stem}' is no name of a module; use letters, digits and _ alone")
        module = path.stem
    elif _spec(name) is None:
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"name one of {', '.join(known)}, or a Python file"
        raise ValueError(f"paper {name}: no such paper; {hint}")
    try:
        if path.suffix == ".py":
            _searched_too(path.resolve(), name)
        pack = _held(module, name, ours=name in known)
    except ValueError:
        sys.path[:] = searched
        raise
    _LOADED[pack.name] = pack
    return pack


def _searched_too(path: Path, name: str) -> None:
    """Find the modules of a file's folder, this one and what it imports, here and in worker processes, which search
    where their parent does.

    Last of all: a file beside it stands in for no module of others.
    """
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
        importlib.invalidate_caches()  # the folder may have been searched before the file was written
    spec = _spec(path.stem)
    if spec is None or spec.origin is None or Path(spec.origin).resolve() != path:
        raise ValueError(f"paper {name}: another module is called '{path.stem}'; give the file another name")


def _held(module: str, name: str, *, ours: bool) -> Pack:
    try:
        found = importlib.import_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as problem:  # a file may raise anything
        if ours:  # a fault of ours
            raise
        raise ValueError(f"paper {name}: {type(problem).__name__}: {problem}") from problem
    pack = getattr(found, "PACK", None)
    if not isinstance(pack, Pack):
        raise ValueError(f"paper {name}: holds no PACK; give it one, a verify.pack.Pack")
    if pack.name != module.rpartition(".")[2]:
        raise ValueError(f"paper {name}: its paper is called '{pack.name}'; call both the same, so that it is found")
    if not ours and _LOADED.get(pack.name) is not pack:  # ours are tested
        _stated(pack, name, Path(found.__file__ or "").parent)
    return pack


def _stated(pack: Pack, name: str, folder: Path) -> None:
    """Have everything stated that a paper states when it is asked, so that a mistake is one of its own file.

    Raises:
        ValueError: something cannot be stated, or no setting can be placed inside a condition.
    """
    paper, reading = pack.paper, pack.paper.reading()
    asked: dict[str, Callable[[], Any]] = {
        "sets": lambda: paper.sets(reading),
        "claims": lambda: paper.claims(reading),
        "theorems": lambda: paper.theorems(reading),
        "entailments": paper.entailments,
        "premises": paper.premises,
        "bands": lambda: pack.bands(reading),
        "says": lambda: pack.says(reading),
        "typical": lambda: pack.settings(pack.typical, reading.labels),
        "lasts": lambda: pack.lasts("end", pack.typical["epsilon"]),
    }
    found = {}
    for what, state in asked.items():
        try:
            found[what] = state()
        except Exception as problem:
            own = [f for f in traceback.extract_tb(problem.__traceback__) if Path(f.filename).parent == folder]
            where = f" ({Path(own[-1].filename).name}:{own[-1].lineno})" if own else ""
            said = " ".join(str(problem).split())
            raise ValueError(f"paper {name}: its {what}: {type(problem).__name__}: {said}{where}") from problem
    needs = [c for held in found["sets"] for c in held.conditions] + [c for one in found["claims"] for c in one.needs]
    for condition in needs:
        unplaced = no_value(condition)
        if unplaced:
            raise ValueError(f"paper {name}: {unplaced}")
    foreign = set(pack.setting.activation.parameters) - set(pack.order)
    if foreign:
        raise ValueError(
            f"paper {name}: the activation '{pack.setting.activation.name}' takes {', '.join(sorted(foreign))}, which"
            " is no parameter of the paper; name one of its own"
        )


def no_value(condition: Condition) -> str:
    """What is wrong with an equation that holds no one parameter at a number, so that no setting can be placed; empty
    for any other condition."""
    held = condition.statement
    if not isinstance(held, sp.Eq) or (held.lhs.is_Symbol and held.rhs.is_number):
        return ""
    return f"condition '{condition.name}': {held} holds no one symbol at a number; write e.g. Eq(tau_plus, 0)"


def _spec(module: str) -> ModuleSpec | None:
    """Where a module would come from; None if nowhere."""
    try:
        return importlib.util.find_spec(module) if re.fullmatch(r"\w+(\.\w+)*", module) else None
    except (ImportError, ValueError):  # of what stands before a dot
        return None


_LOADED: dict[str, Pack] = {}


def loaded() -> tuple[Pack, ...]:
    """Those that this process has loaded."""
    return tuple(_LOADED.values())


def pack_of(reading: Reading) -> Pack:
    """The pack of the paper whose constants these are."""
    return load(reading.paper or DEFAULT)


def typed(pack: Pack) -> str:
    """What is typed after ``--paper`` to have a pack again."""
    own = sources(pack)
    return str(own[0]) if own else pack.name


def option(reading: Reading) -> str:
    """`` --paper NAME`` for a command line, empty where it is the paper that nobody has to name."""
    pack = pack_of(reading)
    return "" if pack.name == DEFAULT else f" --paper {shlex.quote(typed(pack))}"


def sources(pack: Pack) -> tuple[Path, ...]:
    """The files of a pack that is not ours: runs depend on them as on ours."""
    if pack.name in built_in():
        return ()
    module = sys.modules.get(pack.name)
    return (Path(module.__file__),) if module is not None and module.__file__ else ()
