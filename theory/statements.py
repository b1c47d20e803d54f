"""The vocabulary in which conditions and claims are stated: ours, and a user's own.

A *condition* restricts settings; a *claim* predicts an observable of a run, under conditions. Both are values:
no subclass and no registry. "For a large enough constant C" has no number, so a condition answers with its
*margin*, the largest C for which it still holds, instead of yes or no.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import sympy as sp

from theory.conditions import Condition, Margin, Statement, TermMargin, imbalance, inside
from theory.expressions import Band, evaluate, exponents, tex, weights
from theory.fields import (
    PROVENANCE,
    Source,
    Stated,
    as_source,
    as_tuple,
    check_expression,
    check_flag,
    check_name,
    check_text,
    is_number,
    sources,
    tags,
)
from theory.laws import AtLeast, AtMost, Boundary, Crossing, Exactly, Law, Theta, Within, law_tex
from theory.symbols import RESCALING, C, hidden, is_hidden, refuse_foreign

# The whole vocabulary, wherever a word is defined.
__all__ = [
    "PROVENANCE",
    "RESCALING",
    "AtLeast",
    "AtMost",
    "Band",
    "Boundary",
    "Claim",
    "Condition",
    "Crossing",
    "Exactly",
    "Hidden",
    "Law",
    "Margin",
    "Part",
    "Source",
    "Statement",
    "TermMargin",
    "Theorem",
    "Theta",
    "Within",
    "check_name",
    "evaluate",
    "exponents",
    "imbalance",
    "inside",
    "law_tex",
    "sources",
    "tags",
    "tex",
    "weights",
]


@dataclass(frozen=True, kw_only=True)
class Claim(Stated):
    """A prediction about an observable of a run, under conditions.

    Attributes:
        name: unique, e.g. ``"stage1.time"``.
        source: a :class:`Source`, or a plain string for a user's own note.
        needs: conditions under which it is claimed; outside them it says nothing.
        observable: the name of an observable, or several, each with its law.
        law: one law, or one per observable; a bare expression means :class:`Theta`.
        says: one plain-English sentence.
        latex: the prediction.
        tested: what exactly is confronted with data, where the wording leaves a choice.
        contrast: expected to fail; reported as what the theorem does not say.

    Raises:
        ValueError: a field is of another kind, or observables and laws differ in number.
    """

    name: str
    source: Source | str
    needs: tuple[Condition, ...]
    observable: str | tuple[str, ...]
    law: Law | sp.Expr | tuple[Law | sp.Expr, ...]
    says: str = ""
    latex: str = ""
    tested: str = ""
    contrast: bool = False
    parts: tuple[tuple[str, Law], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_name(self.name, "a claim")
        where = f"claim '{self.name}'"
        object.__setattr__(self, "source", as_source(self.source, where))
        check_text(where, says=self.says, latex=self.latex, tested=self.tested)
        check_flag(self.contrast, f"{where}: contrast")
        needs = as_tuple(self.needs)
        for condition in needs:
            if not isinstance(condition, Condition):
                raise ValueError(f"{where} needs {condition!r}, which is no Condition; give a tuple of Conditions")
        object.__setattr__(self, "needs", needs)
        names, laws = as_tuple(self.observable), as_tuple(self.law)
        if len(names) != len(laws) or not names:
            raise ValueError(f"{where}: {len(names)} observables but {len(laws)} laws; give one law each")
        for name in names:
            if not isinstance(name, str):
                raise ValueError(f"{where}: observable {name!r} is no name; give the name of one, in quotes")
        laws = tuple(Theta(law) if isinstance(law, sp.Expr) else law for law in laws)
        for law in laws:
            if not isinstance(law, Law):
                raise ValueError(f"{where}: law {law!r} is neither an expression nor a law of theory")
        object.__setattr__(self, "parts", tuple(zip(names, laws, strict=True)))
        if not self.latex:
            object.__setattr__(self, "latex", r",\quad ".join(law_tex(o, law) for o, law in self.parts))

    def __repr__(self) -> str:
        from theory.display import cut, line

        under = ", ".join(c.name for c in self.needs)
        return f"Claim {self.name}: {line(self.latex)}" + (f"\n  under {cut(under)}" if under else "")

    def _repr_latex_(self) -> str:
        from theory.display import inline

        return inline(self.latex)

    def _repr_html_(self) -> str:
        from theory.display import lines, mathml, named, record, sentence

        rows = (
            ("", mathml(self.latex)),
            ("", sentence(self.says)),
            ("observed", ", ".join(name for name, _ in self.parts)),
            ("under", lines(named(c.name, c.latex) for c in self.needs)),
            ("source", str(self.source)),
        )
        return record(f"{'Contrast' if self.contrast else 'Claim'} {self.name}", rows)


@dataclass(frozen=True, kw_only=True)
class Hidden(Stated):
    """A constant that a theorem says to exist without naming it.

    Attributes:
        name: of its symbol; ``"C"`` is the paper's own.
        latex: of its symbol.
        ladder: the values it may take, from the one with which the theorem says the most to the one with which it says
            the least; the last is the floor that keeps it from becoming trivial. A single value is a reading.
        says: what it is, in a few words.
        why: why the ladder ends where it does.
        free: its values say equally much, as where a window lies.
    """

    name: str
    latex: str
    ladder: tuple[float, ...]
    says: str
    why: str = ""
    free: bool = False

    def __post_init__(self) -> None:
        if not (isinstance(self.name, str) and self.name.isidentifier()):
            raise ValueError(f"a hidden constant has the name {self.name!r}; use letters, digits and _, a letter first")
        where = f"hidden constant '{self.name}'"
        check_text(where, latex=self.latex, says=self.says, why=self.why)
        check_flag(self.free, f"{where}: free")
        held = self.ladder if isinstance(self.ladder, (tuple, list)) else ()
        if not held or not all(is_number(v) and math.isfinite(v) and v > 0 for v in held):
            raise ValueError(f"{where}: its ladder {self.ladder} must be a tuple of positive numbers")
        object.__setattr__(self, "ladder", tuple(v if isinstance(v, int) else float(v) for v in held))
        steps = [b - a for a, b in zip(self.ladder, self.ladder[1:], strict=False)]
        if not (all(s > 0 for s in steps) or all(s < 0 for s in steps)):
            raise ValueError(
                f"hidden constant '{self.name}': its ladder {self.ladder} must run one way, from the value with which"
                " the theorem says the most to the one with which it says the least"
            )

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        self.symbol  # noqa: B018 - a copy in another process declares it there

    @property
    def symbol(self) -> sp.Symbol:
        return C if self.name == "C" else hidden(self.name, self.latex, self.says)


@dataclass(frozen=True, kw_only=True)
class Part(Stated):
    """One conclusion of a theorem.

    Attributes:
        name: as it is shown, e.g. ``"stage1.signal-leads"``.
        series: what is looked at, a number per run and recorded time.
        law: the bounds, which may name symbols of a setting and hidden constants.
        says: one plain-English sentence.
        latex: the conclusion.
        frame: it dates the moment, and every other part is looked at together with it.
        certificate: what is looked at proves the part where it is met, and says nothing where it is not.
    """

    name: str
    series: str
    law: Within
    says: str = ""
    latex: str = ""
    frame: bool = False
    certificate: bool = False

    def __post_init__(self) -> None:
        check_name(self.name, "a part of a theorem")
        where = f"part '{self.name}'"
        check_text(where, series=self.series, says=self.says, latex=self.latex)
        check_flag(self.frame, f"{where}: frame")
        if not isinstance(self.law, Within):
            raise ValueError(f"{where}: law {self.law!r} bounds no number; give Within(low=...), high or both")


@dataclass(frozen=True, kw_only=True)
class Theorem(Stated):
    """There exist constants such that inside the conditions, with probability at least 1 - delta, there exists one time
    at which all parts hold together.

    Attributes:
        name: unique, e.g. ``"theorem-4.1"``.
        source: a :class:`Source`, or a plain string for a user's own note.
        needs: conditions, which may name hidden constants.
        hidden: the constants; those that occur in ``needs`` restrict settings, the others make the conclusion concrete.
        window: the first and the last iteration at which the time may lie, expressions.
        parts: the conclusions.
        stage: ``"window"`` (runs end at the largest last iteration) or ``"end"`` (at L_S <= epsilon).
        says: one plain-English sentence.
        tested: what exactly is confronted with data, where the wording leaves a choice.
        epsilon: the target loss; it enters T* too.
        replaces: claims that state its conclusions at one reading of the constants.
        told: the constants in words, with a field in braces for each, e.g. ``"C = {C:g}"``; generated where empty.
    """

    name: str
    source: Source | str
    needs: tuple[Condition, ...]
    hidden: tuple[Hidden, ...]
    window: tuple[sp.Expr, sp.Expr]
    parts: tuple[Part, ...]
    stage: str = "window"
    says: str = ""
    tested: str = ""
    epsilon: float = 2e-2
    replaces: tuple[str, ...] = ()
    told: str = ""

    def __post_init__(self) -> None:
        check_name(self.name, "a theorem")
        where = f"theorem '{self.name}'"
        object.__setattr__(self, "source", as_source(self.source, where))
        check_text(where, says=self.says, tested=self.tested, told=self.told)
        for slot, kind in (("needs", Condition), ("hidden", Hidden), ("parts", Part), ("replaces", str)):
            held = getattr(self, slot)
            wrong = [x for x in held if not isinstance(x, kind)] if isinstance(held, (tuple, list)) else [held]
            if wrong:
                raise ValueError(f"{where}: {slot} holds {wrong[0]!r}; give a tuple of {kind.__name__}")
            object.__setattr__(self, slot, tuple(held))
        names = [h.name for h in self.hidden]
        if len(set(names)) < len(names):
            raise ValueError(f"{where}: its hidden constants {', '.join(names)} need different names")
        if not isinstance(self.window, (tuple, list)) or len(self.window) != 2:
            raise ValueError(f"{where}: its window {self.window!r} is no pair; give a first and a last iteration")
        for edge in self.window:
            check_expression(edge, f"{where}, window")
        if not is_number(self.epsilon) or not 0 < self.epsilon < math.log(2):
            raise ValueError(f"{where}: epsilon is {self.epsilon!r}; give one above 0 and below log 2")
        if not self.told:
            object.__setattr__(self, "told", ", ".join(f"{h.name} = {{{h.name}:g}}" for h in self.hidden))
        if self.stage not in ("window", "end"):
            raise ValueError(f"theorem '{self.name}': stage '{self.stage}' is neither 'window' nor 'end'")
        names = [p.name for p in self.parts]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"theorem '{self.name}': its parts {', '.join(names) or '(none)'} need different names")
        known = {h.symbol for h in self.hidden} | {C}
        for where, expression in self._expressions():
            refuse_foreign(expression, f"theorem '{self.name}', {where}")
            unnamed = {s for s in expression.free_symbols if is_hidden(s)} - known
            if unnamed:
                raise ValueError(
                    f"theorem '{self.name}', {where}: {', '.join(sorted(map(str, unnamed)))} is no constant of this"
                    " theorem; add it to hidden"
                )
        try:
            self.told_at({h.name: h.ladder[0] for h in self.hidden})
        except (LookupError, ValueError, AttributeError) as problem:
            raise ValueError(
                f"theorem '{self.name}': told {self.told!r} cannot be filled in ({problem}); name its constants"
            ) from problem

    def _expressions(self) -> Iterator[tuple[str, sp.Basic]]:
        for c in self.needs:
            if not isinstance(c.statement, Band):
                yield f"condition '{c.name}'", c.statement
        for edge in self.window:
            yield "window", sp.sympify(edge)
        for p in self.parts:
            for bound in (p.law.low, p.law.high):
                if bound is not None:
                    yield f"part '{p.name}'", sp.sympify(bound)

    def __repr__(self) -> str:
        from theory.display import cut

        parts, constants = ", ".join(p.name for p in self.parts), ", ".join(h.name for h in self.hidden)
        under = ", ".join(c.name for c in self.needs)
        return f"Theorem {self.name}: {cut(parts)}\n  for some {cut(constants)}, under {cut(under)}"

    def _repr_html_(self) -> str:
        from theory.display import lines, named, record, sentence

        rows = (
            ("", sentence(self.says)),
            ("at one time", lines(named(p.name, p.latex or law_tex(p.series, p.law)) for p in self.parts)),
            ("between", named("iterations", rf"{tex(self.window[0])} \text{{ and }} {tex(self.window[1])}")),
            ("for some", lines(named(h.says, h.latex) for h in self.hidden)),
            ("under", lines(named(c.name, c.latex) for c in self.needs)),
            ("source", str(self.source)),
        )
        return record(f"Theorem {self.name}", rows)

    @cached_property
    def restricting(self) -> tuple[Hidden, ...]:
        """The constants that occur in the conditions: the more they demand, the fewer settings are spoken of."""
        used = frozenset().union(*(c.names for c in self.needs))
        return tuple(h for h in self.hidden if h.symbol.name in used)

    @cached_property
    def concluding(self) -> tuple[Hidden, ...]:
        """The constants of the conclusion."""
        return tuple(h for h in self.hidden if h not in self.restricting)

    def told_at(self, constants: Mapping[str, float]) -> str:
        """The constants in words."""
        products = {}
        if {"T1_least", "T1_width"} <= set(constants):
            products["T1_most"] = constants["T1_least"] * constants["T1_width"]
        return self.told.format(**constants, **products)

    def at(self, constants: Mapping[str, float]) -> tuple[Condition, ...]:
        """The conditions with numbers for the hidden constants; C stays."""
        values = {h.symbol: constants[h.name] for h in self.restricting if h.name != "C"}
        return tuple(
            c
            if isinstance(c.statement, Band) or not c.statement.free_symbols & set(values)
            else replace(c, statement=c.statement.subs(values), latex="")
            for c in self.needs
        )
