"""A researcher's own conditions, claims and observables, read from one Python file of plain values.

Looked at is every module-level value: a ``Condition``, ``Claim`` or ``Observable``, or a tuple or list of such; and the
conditions that claims need. Nothing has to be registered, and nothing of ours may be redefined: a name of ours stands
for ours. Conditions of the paper that the file builds with the default reading are taken with the reading of the
command line.

The file is executed, as any Python program that its author runs. What it may not do is run for ever, or leave traces:
modules that it replaces in ``sys.modules``, ``sys.path``, the working directory, the environment and warning filters
are put back. It should stand alone: only its own text enters the digest by which ``--resume`` knows it.
"""

import ast
import hashlib
import io
import os
import re
import signal
import sys
import threading
import tokenize
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

import numpy as np
import sympy as sp

import theory
from numerics import Observable, Trajectory, draw, train
from numerics.generalization import AT_THE_END
from numerics.module import ModuleSetting
from numerics.observables import moments, series_of
from numerics.series import SERIES
from theory import Claim, Condition, evaluate
from theory.reading import Reading
from theory.statements import Theorem, check_name
from verify.laws import check_law
from verify.pack import DEFAULT, TAKEN, Pack, no_value, pack_of
from verify.pack import load as load_pack
from verify.processes import Mistaken

TIME_LIMIT = 20.0  # seconds that executing the file, or one observable on a tiny run, may take
# Modules of a first release, which files may still name.
MOVED = {f"theory.{name}" for name in ("paper", "theorems", "lineage", "regime", "meanfield", "proofs")}
READ_LIMIT = 60.0  # that checking its conditions and claims may take


_LISTS = {"CONDITIONS": Condition, "CLAIMS": Claim, "OBSERVABLES": Observable, "THEOREMS": Theorem}

PLACED = ("d", "mu", "sigma_0", "eta")  # by the conditions that bound them, when a claim's settings are drawn


@dataclass(frozen=True, kw_only=True)
class UserFile:
    """What a file states.

    Attributes:
        path: the file.
        digest: of its content; results of another content are never mixed with its own.
        paper: the name of the pack whose model its claims are about.
        conditions: those that are not the paper's, by name.
        claims: in the order of the file.
        theorems: likewise; their hidden constants are looked for, fixed and confirmed (``verify.quantify``).
        observables: by name; their errors are raised as ``ValueError`` with the file's line.
        lines: where a condition, claim or observable is named.
        searched: what the file calls CONDITIONS, the paper's as read here; empty where it has none.
    """

    path: Path
    digest: str
    paper: str
    conditions: dict[str, Condition]
    claims: tuple[Claim, ...]
    observables: dict[str, Observable]
    lines: dict[str, int]
    searched: tuple[Condition, ...] = ()
    theorems: tuple[Theorem, ...] = ()

    @property
    def pin(self) -> "Pin":
        return Pin(path=str(self.path), digest=self.digest, paper=self.paper)

    def at(self, name: str) -> str:
        """``FILE:LINE`` of a name."""
        return f"{self.path}:{self.lines.get(name, 1)}"


@dataclass(frozen=True, kw_only=True)
class Pin:
    """A file with its content, for worker processes: they load it themselves."""

    path: str
    digest: str
    paper: str


def load(path: Path, reading: Reading | None = None) -> UserFile:
    """Read and check a user's file.

    Args:
        path: a Python file.
        reading: of the paper that the file is held against; replaces the default reading in its conditions.

    Raises:
        Refused: (a ``ValueError``) one line, beginning with FILE:LINE, for whatever is wrong with it.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):  # a device has no end, and workers read it again
        raise ValueError(f"{path}: is no regular file; name a Python file")
    try:
        raw = path.read_bytes()
    except OSError as problem:
        raise ValueError(f"{path}: cannot be read ({problem.strerror}); name a Python file") from problem
    tree, namespace = _executed(path, raw)
    reading = load_pack(DEFAULT).paper.reading() if reading is None else reading
    with _complaints(path, "reading what it states", READ_LIMIT):  # SymPy may be given what it never finishes
        return _Reader(path, tree, namespace, reading).read(hashlib.sha256(raw).hexdigest()[:12])


def observables_of(reading: Reading, file: UserFile | Pin | None) -> dict[str, Observable]:
    """The observables of a paper and of a file, by name.

    Args:
        reading: of the paper.
        file: as loaded; or its pin, in a process that did not load it.

    Raises:
        ValueError: the file has changed meanwhile, or can no longer be read.
    """
    own = _pinned(file) if isinstance(file, Pin) else file.observables if file else {}
    return {**pack_of(reading).observables, **own}


@lru_cache(maxsize=4)
def _pinned(pin: Pin) -> dict[str, Observable]:
    held = load(Path(pin.path), load_pack(pin.paper).paper.reading())
    if held.digest != pin.digest:
        raise ValueError(f"{pin.path}: was changed while its claims were run; start again")
    return held.observables


# ---------------------------------------------------------------------------------------------------------------
# Execution


class _TooLong(BaseException):
    """Not an Exception: a file that swallows all of those must still end."""


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise :class:`_TooLong` after ``seconds``, and again every second; no limit off the main thread or on Windows."""
    here = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    if not seconds or not here:
        yield
        return

    def stop(*_: Any) -> None:
        raise _TooLong

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _restored() -> Iterator[None]:
    """Put back what a file may have changed of the interpreter; modules that it imported anew stay."""
    modules, path, folder, environment = dict(sys.modules), list(sys.path), os.getcwd(), dict(os.environ)
    try:
        with warnings.catch_warnings():
            yield
    finally:
        for name, module in modules.items():
            if sys.modules.get(name) is not module:
                sys.modules[name] = module
        sys.path[:] = path
        if os.getcwd() != folder:
            os.chdir(folder)
        if dict(os.environ) != environment:
            os.environ.clear()
            os.environ.update(environment)


def _executed(path: Path, raw: bytes) -> tuple[ast.Module, dict[str, Any]]:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
        tree = ast.parse(raw.decode(encoding), str(path))
        code = compile(tree, str(path), "exec")
    except SyntaxError as problem:
        raise _refused(path, problem.lineno, f"no valid Python ({problem.msg})") from problem
    except ValueError as problem:  # undecodable bytes, null characters
        raise _refused(path, 1, f"no text that Python reads ({problem})") from problem
    module = ModuleType("_thetacheck_user_file")
    module.__file__ = str(path)
    with _restored():
        sys.modules[module.__name__] = module  # dataclasses look their own module up
        try:
            with _complaints(path, "loading it", TIME_LIMIT):
                exec(code, module.__dict__)
        finally:
            sys.modules.pop(module.__name__, None)
    return tree, dict(vars(module))


class Refused(Mistaken):
    """What is wrong with a file: one line, beginning with FILE:LINE."""


@contextmanager
def _complaints(path: Path, doing: str, limit: float) -> Iterator[None]:
    """Turn whatever a file's code raises into one line that names the file's own line; ``limit`` 0 is none."""
    try:
        with _time_limit(limit):
            yield
    except (Refused, KeyboardInterrupt):
        raise
    except _TooLong as problem:
        if not limit:  # another's limit
            raise
        line = _line_in(path, problem.__traceback__)
        said = f"{doing} took more than {limit:g} s and was in this line; is there a loop without an end?"
        raise _refused(path, line, said) from None
    except BaseException as problem:  # SystemExit too: a file may not end the program
        raise _refused(path, _line_in(path, problem.__traceback__), _said(problem)) from problem


def _line_in(path: Path, trace: TracebackType | None) -> int:
    """The line of the innermost frame that lies in the file."""
    line = 1
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _said(problem: BaseException) -> str:
    if isinstance(problem, ValueError) and str(problem):
        return str(problem)  # ours say what is wrong and what to do
    text = f"{type(problem).__name__}: {problem}" if str(problem) else type(problem).__name__
    wrong = getattr(problem, "name", None) if isinstance(problem, NameError) else None
    near = get_close_matches(wrong or "", theory.__all__, n=1)
    if near:
        text += f"; did you mean '{near[0]}', from theory?"
    elif isinstance(problem, ImportError):
        if problem.name in MOVED:
            return f"{text}; the paper is in theory.papers.han2025 now: import it from there"
        text = re.sub(r" \([^()]*\)$", "", text)  # where ours is installed helps nobody
        text += "; a file stands alone: it may import theory, numerics and what is installed"
    return text


def _refused(path: Path, line: int | None, message: str) -> Refused:
    return Refused(f"{path}:{line or 1}: {' '.join(message.split())}")


# ---------------------------------------------------------------------------------------------------------------
# What it states


class _Reader:
    """Gathers a file's values and checks each, with the line at fault."""

    def __init__(
        self,
        path: Path,
        tree: ast.Module,
        namespace: dict[str, Any],
        reading: Reading,
    ):
        self.path, self.tree, self.reading = path, tree, reading
        self.pack = pack_of(reading)
        self.known = known = self.pack.observables
        values: list[Any] = []
        for name, value in namespace.items():
            if not name.startswith("__"):
                values += value if isinstance(value, (tuple, list)) else [value]
        # The same value under two names, as in CLAIMS = (one,), is one value.
        values = list({id(v): v for v in values}.values())
        self.claims = [v for v in values if isinstance(v, Claim)]
        self.stated = [v for v in values if isinstance(v, Condition)]
        self.theorems = [v for v in values if isinstance(v, Theorem)]
        self.searched = namespace.get("CONDITIONS", ())
        self.lists = [(name, kind, namespace[name]) for name, kind in _LISTS.items() if name in namespace]
        self.observables = [v for v in values if isinstance(v, Observable) and known.get(v.name) is not v]

    def read(self, digest: str) -> UserFile:
        for name, kind, held in self.lists:
            for one in held if isinstance(held, (tuple, list)) else (held,):
                if not isinstance(one, kind):
                    raise self.wrong("", f"{name} holds {one!r}, which is no {kind.__name__}")
        if not self.claims and not self.stated and not self.theorems:
            said = "states nothing: give a Condition, a Claim in CLAIMS, or a Theorem in THEOREMS, at module level"
            raise self.wrong("", said)
        observables = self.own_observables()
        conditions, chosen, searched = self.own_conditions()
        mine = {_file_name(c.name): c.name for c in self.pack.paper.claims(self.reading)}
        seen: dict[str, str] = {}
        for claim in chosen:
            name = _file_name(claim.name)
            if name in mine:
                raise self.wrong(claim.name, f"claim '{claim.name}' has the name of a claim of ours; choose another")
            if name in seen:
                twice = "is there twice" if claim.name == seen[name] else f"makes the same file name as '{seen[name]}'"
                raise self.wrong(claim.name, f"claim '{claim.name}' {twice}; rename one", again=True)
            seen[name] = claim.name
            self.check_claim(claim, {**self.known, **observables})
        ours = {_file_name(t.name) for t in self.pack.paper.theorems(self.reading)}
        whole = self.own_theorems(conditions)
        for theorem in whole:
            name = _file_name(theorem.name)
            if name in mine or name in ours:
                raise self.wrong(theorem.name, f"theorem '{theorem.name}' has a name of ours; choose another")
            if name in seen:
                raise self.wrong(theorem.name, f"theorem '{theorem.name}' is there twice; rename one", again=True)
            seen[name] = theorem.name
            try:
                check_theorem(theorem, self.pack.typical)
            except ValueError as problem:
                raise self.wrong(theorem.name, str(problem)) from problem
        names = [*conditions, *seen.values(), *observables]
        return UserFile(
            path=self.path,
            digest=digest,
            paper=self.pack.name,
            conditions=conditions,
            claims=tuple(chosen),
            observables=observables,
            lines={name: self.line(name) for name in names},
            searched=searched,
            theorems=whole,
        )

    def own_observables(self) -> dict[str, Observable]:
        found: dict[str, Observable] = {}
        for held in self.observables:
            try:
                check_name(held.name, "an observable")
            except ValueError as problem:
                raise self.wrong(held.name, str(problem)) from problem
            if held.name in {*TAKEN, *self.pack.columns}:
                raise self.wrong(
                    held.name, f"observable '{held.name}': runs.csv has such a column; choose another name"
                )
            if held.name in self.known:
                raise self.wrong(held.name, f"observable '{held.name}' has the name of one of ours; choose another")
            if held.name in found:
                raise self.wrong(held.name, f"observable '{held.name}' is there twice; rename one", again=True)
            found[held.name] = replace(held, compute=_guarded(self.path, held))
        return found

    def own_conditions(self) -> tuple[dict[str, Condition], list[Claim], tuple[Condition, ...]]:
        """The file's own conditions, and its claims and CONDITIONS with the paper's conditions as read here."""
        default, ours = _paper_conditions(type(self.reading)()), _paper_conditions(self.reading)
        found: dict[str, Condition] = {}

        def as_read(condition: Condition) -> Condition:
            name = condition.name
            if name in ours:
                if condition not in (default[name], ours[name]):
                    said = f"condition '{name}' is the paper's name for another statement; choose another"
                    raise self.wrong(name, said)
                return ours[name]
            if name not in found:
                self.check_condition(condition)
            elif found[name] != condition:
                raise self.wrong(name, f"condition '{name}' is there twice; rename one", again=True)
            return found.setdefault(name, condition)

        for condition in self.stated:
            as_read(condition)
        chosen = [replace(c, needs=tuple(as_read(x) for x in c.needs)) for c in self.claims]
        for condition in (x for claim in chosen for x in claim.needs):
            if isinstance(condition.statement, sp.Eq) and condition.statement.lhs.name in PLACED:
                said = (
                    f"condition '{condition.name}' fixes {condition.statement.lhs}, which a claim's settings take from"
                )
                raise self.wrong(condition.name, f"{said} the conditions that bound it; bound it instead")
        searched = self.searched if isinstance(self.searched, (tuple, list)) else (self.searched,)
        return found, chosen, tuple(as_read(c) for c in searched)

    def own_theorems(self, found: dict[str, Condition]) -> tuple[Theorem, ...]:
        """Theorems with the paper's conditions as read here; what names a hidden constant stays its own."""
        default, ours = _paper_conditions(type(self.reading)()), _paper_conditions(self.reading)
        read = []
        for theorem in self.theorems:
            loosest = {h.name: h.ladder[-1] for h in theorem.hidden if h.name != "C"}
            needs = []
            for condition in theorem.needs:
                named = default.get(condition.name), ours.get(condition.name), found.get(condition.name)
                if condition == named[0]:
                    condition = ours[condition.name]
                elif condition not in named:
                    if any(named) and not condition.names & set(loosest):
                        said = f"theorem '{theorem.name}': its condition '{condition.name}' has the name of another"
                        raise self.wrong(condition.name, f"{said}; rename one")
                    self.check_condition(condition, loosest)
                if any(condition.name == other.name and condition != other for other in needs):
                    said = f"theorem '{theorem.name}': its condition '{condition.name}' is there twice; rename one"
                    raise self.wrong(condition.name, said, again=True)
                needs.append(condition)
            read.append(replace(theorem, needs=tuple(needs)))
            self.check_ladders(read[-1])
        return tuple(read)

    def check_ladders(self, theorem: Theorem) -> None:
        """Along a ladder a theorem must say less: fewer settings meet its conditions, its bounds are wider."""
        first = {h.name: h.ladder[0] for h in theorem.hidden}
        for hidden in theorem.hidden:
            if hidden.free:
                continue
            at = [{**self.pack.typical, **first, hidden.name: value} for value in (hidden.ladder[0], hidden.ladder[-1])]
            # What more it says with the first value than with the last; a larger C admits fewer settings.
            gains = [hidden.ladder[-1] - hidden.ladder[0]] if hidden.name == "C" else []
            for c in theorem.needs:
                if hidden.symbol.name in c.names and hidden.name != "C":
                    a, b = (c.margin(values).value for values in at)
                    gains.append(a - b)
            for bound, side in ((b, s) for p in theorem.parts for b, s in ((p.law.low, 1), (p.law.high, -1))):
                if bound is not None and hidden.symbol in sp.sympify(bound).free_symbols:
                    a, b = (evaluate(bound, values) for values in at)
                    gains.append(side * (a - b))
            if gains and max(gains) < 0:
                said = (
                    f"theorem '{theorem.name}': along the ladder {hidden.ladder} of '{hidden.name}' it says ever more"
                )
                raise self.wrong(theorem.name, f"{said}; turn it round, the value with which it says the most first")

    def check_condition(self, condition: Condition, hidden: Mapping[str, float] = {}) -> None:
        try:
            check_condition(condition, self.pack, hidden)
        except ValueError as problem:
            raise self.wrong(condition.name, str(problem)) from problem

    def check_claim(self, claim: Claim, known: Mapping[str, Observable]) -> None:
        for name, law in claim.parts:
            asked = [name, *law.reads]
            for observable in asked:
                if observable not in known:
                    near = get_close_matches(observable, known, n=1, cutoff=0.5)
                    hint = f"did you mean '{near[0]}'?" if near else "see `list --observables`"
                    said = f"claim '{claim.name}' is about the observable '{observable}', which does not exist; {hint}"
                    raise self.wrong(observable, said, instead=claim.name)
            try:
                check_law(law, {**self.pack.typical, "epsilon": 0.01})
            except ValueError as problem:
                raise self.wrong(claim.name, f"claim '{claim.name}': {problem}") from problem

    def line(self, name: str, again: bool = False, instead: str = "") -> int:
        """Where a value is given its name, or else where the string is written; ``again``: the second time. Where it
        is nowhere, the line of ``instead``, or 1."""
        nodes = list(ast.walk(self.tree))
        named = [k.value for node in nodes if isinstance(node, ast.Call) for k in node.keywords if k.arg == "name"]
        for among in (named, nodes):
            found = sorted(x.lineno for x in among if isinstance(x, ast.Constant) and x.value == name)
            if found:
                return found[min(again, len(found) - 1)]
        return self.line(instead) if instead else 1

    def wrong(self, name: str, message: str, again: bool = False, instead: str = "") -> Refused:
        return _refused(self.path, self.line(name, again, instead), message)


def _file_name(name: str) -> str:
    """What a claim's figures are called by, alike on file systems that do not tell cases apart."""
    return re.sub(r"[^\w.-]+", "_", name).casefold()


def check_condition(condition: Condition, pack: Pack, hidden: Mapping[str, float] = {}) -> None:
    """Raise ``ValueError`` unless a condition speaks of what a setting fixes, or of the constants ``hidden``, and has a
    value at a typical one."""
    held, where = condition.statement, f"condition '{condition.name}'"
    unplaced = no_value(condition)
    if unplaced:
        raise ValueError(unplaced)
    symbols = (held.expression if hasattr(held, "expression") else held).free_symbols
    foreign = sorted({s.name for s in symbols} - {*pack.columns, "C", "delta", "epsilon", "horizon", "T_star", *hidden})
    if foreign:
        raise ValueError(f"{where} speaks of {', '.join(foreign)}, which no setting fixes")
    try:
        condition.margin({**pack.typical, **hidden})
    except ValueError as problem:
        raise ValueError(f"{where}: {str(problem).removeprefix(where + ': ')}") from problem


def check_theorem(theorem: Theorem, typical: Mapping[str, float]) -> None:
    """Raise ``ValueError`` unless what a theorem says has numbers at a ``typical`` setting, and what it looks at is
    recorded."""
    known = sorted({*SERIES, *AT_THE_END})
    where = f"theorem '{theorem.name}'"
    for part in theorem.parts:
        if part.series not in known:
            near = get_close_matches(part.series, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}"
            raise ValueError(f"{where}, part '{part.name}': no series '{part.series}' is recorded; {hint}")
    values = {**typical, "epsilon": theorem.epsilon, **{h.name: h.ladder[-1] for h in theorem.hidden}}
    try:
        for part in theorem.parts:
            check_law(part.law, values)
        first, last = (evaluate(edge, values) for edge in theorem.window)
        if not 0 <= first < last:
            raise ValueError(f"its window from {first:g} to {last:g} holds no time at a typical setting")
    except ValueError as problem:
        raise ValueError(f"{where}: {problem}") from problem


def check_at(held: UserFile, name: str, settings: Iterable[Mapping[str, float]]) -> None:
    """Check a claim's laws at every setting that is to be run, before hours are spent.

    Raises:
        Refused: one has no meaning at some setting.
    """
    [claim] = [c for c in held.claims if c.name == name]
    try:
        for values in settings:
            for _, law in claim.parts:
                check_law(law, values)
    except ValueError as problem:
        raise _refused(held.path, held.lines.get(name), f"claim '{name}': {problem}") from problem


def check_latex(held: UserFile) -> None:
    """Raise :class:`Refused` where a formula cannot be shown; it takes what shows it, so workers do without."""
    from theory.formulas import parses

    for what, stated in (("condition", held.conditions.values()), ("claim", held.claims)):
        for one in stated:
            if not parses(one.latex):
                said = f"{what} '{one.name}': latex {one.latex!r} does not parse; mend it, or leave it out"
                raise _refused(held.path, held.lines.get(one.name), said)
    for theorem in held.theorems:
        for one in (*theorem.needs, *theorem.parts, *theorem.hidden):
            if one.latex and not parses(one.latex):
                said = f"theorem '{theorem.name}': latex {one.latex!r} of '{one.name}' does not parse; mend it"
                raise _refused(held.path, held.lines.get(theorem.name), said)


def _paper_conditions(reading: Reading) -> dict[str, Condition]:
    """Every condition of ours by name."""
    paper = pack_of(reading).paper
    found = {c.name: c for claim in paper.claims(reading) for c in claim.needs}
    return {c.name: c for held in paper.sets(reading) for c in held.conditions} | found


def as_read(claim: Claim, reading: Reading) -> Claim:
    """A claim whose conditions of the paper, as its default reading states them, are those of this one."""
    default, ours = _paper_conditions(type(reading)()), _paper_conditions(reading)
    return replace(claim, needs=tuple(ours[c.name] if c == default.get(c.name) else c for c in claim.needs))


def _guarded(path: Path, observable: Observable) -> Callable[[Trajectory], np.ndarray]:
    def compute(run: Trajectory) -> np.ndarray:
        with _complaints(path, "", 0):
            values = np.asarray(observable.compute(run), dtype=float)
            if values.shape != (len(run.settings),):
                said = f"observable '{observable.name}' gives shape {values.shape} for {len(run.settings)} runs"
                raise ValueError(f"{said}; give one number per run")
        return values

    return compute


def try_observables(held: UserFile) -> None:
    """Compute every observable of a file once, on two tiny runs, before hours are spent.

    Raises:
        ValueError: one fails; the line is named.
    """
    pack = load_pack(held.paper)
    small = {"n": 6, "m": 4, "d": 200, "eta": 0.05}
    if issubclass(pack.setting, ModuleSetting):  # nobody knows at which sizes a network of one's own makes sense
        small = {}
    setting = pack.settings({**pack.typical, **small}, "drawn")
    for observable in held.observables.values():
        samples = [draw(setting, seed, dense=observable.stage == "exact") for seed in range(2)]
        run = train([setting] * 2, samples, steps=100, events=moments(0.05))
        with _complaints(held.path, f"observable '{observable.name}' on a tiny run", TIME_LIMIT):
            observable(run)
        kept = series_of([observable], run.events.values()) | set(pack.setting.series)
        part = replace(run, series={name: values for name, values in run.series.items() if name in kept})
        try:
            with _complaints(held.path, f"observable '{observable.name}' on a tiny run", TIME_LIMIT):
                observable(part)
        except ValueError as problem:
            said = (
                f"{held.at(observable.name)}: observable '{observable.name}' reads more than reads = {observable.reads}"
            )
            raise ValueError(f"{said}; name all that it reads, or leave it out") from problem
