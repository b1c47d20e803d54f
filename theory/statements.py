"""The vocabulary in which conditions and claims are stated: ours, and a user's own.

A *condition* restricts settings; a *claim* predicts an observable of a run, under conditions. Both are values:
no subclass and no registry. "For a large enough constant C" has no number, so a condition answers with its
*margin*, the largest C for which it still holds, instead of yes or no.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from numbers import Real
from typing import Any

import sympy as sp

from theory.symbols import C, expanded, hidden, is_hidden, lookup, refuse_foreign, table

PROVENANCE = {
    "stated": "in the part of the paper that is held word for word",
    "preprint": "in the earlier version of the paper (submitted to ICLR 2025), which is held word for word (where both"
    " versions are known they agree to the letter, but for Theorem 4.4)",
    "secondary": "read in a summary or review of the paper",
    "lineage": "from the papers it builds on",
    "inferred": "our best reconstruction, with its reason",
    "derived": "proved or computed here",
    "user": "stated by the user",
}


def tags() -> str:
    """What the tags mean, in one sentence."""
    return "A tag says how surely a wording is known: " + "; ".join(f"{k}, {v}" for k, v in PROVENANCE.items()) + "."


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a statement comes from, and how surely we know its wording (a key of :data:`PROVENANCE`)."""

    provenance: str
    reference: str
    note: str = ""

    def __post_init__(self) -> None:
        if self.provenance not in PROVENANCE:
            raise ValueError(f"provenance '{self.provenance}': use one of {', '.join(PROVENANCE)}")

    def __str__(self) -> str:
        return f"{self.reference} [{self.provenance}{': ' + self.note if self.note else ''}]"


# ---------------------------------------------------------------------------------------------------------------
# What the fields of a statement may be. Python checks no type, and SymPy would evaluate a string as Python.

# The beginning of a file's name on any system; of 60 letters at most, since file systems count up to 255 bytes.
_NAME = re.compile(r"\w[\w .+-]{0,59}(?<![ .])")


def check_name(name: Any, what: str) -> None:
    """Raise ``ValueError`` unless ``name`` may name a statement: files, columns and commands are called by it."""
    if not isinstance(name, str):
        raise ValueError(f"{what} has the name {name!r}; give a string")
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{what} has the name {name[:80]!r}; use up to 60 letters, digits and . _ + - or spaces, a letter or digit"
            " first and last"
        )


def check_expression(value: Any, where: str) -> None:
    """Raise ``ValueError`` unless ``value`` is a finite real number or an expression in our symbols."""
    if isinstance(value, str):
        raise ValueError(f"{where}: {value!r} is a string; write the expression itself, without quotes")
    if isinstance(value, bool) or not isinstance(value, (Real, sp.Expr)):
        raise ValueError(f"{where}: {value!r} is no expression; write a number, or e.g. 2*sqrt(d)")
    e = sp.sympify(value, strict=True)
    if e.has(sp.nan, sp.oo, -sp.oo, sp.zoo) or e.is_extended_real is False:
        raise ValueError(f"{where}: {value} is no real number; give a finite one, or leave it out")
    refuse_foreign(e, where)


def _check_number(value: Any, where: str) -> None:
    check_expression(value, where)
    if sp.sympify(value, strict=True).free_symbols:
        raise ValueError(f"{where}: {value} is no number; give one")


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _check_text(where: str, **fields: Any) -> None:
    for name, value in fields.items():
        if not isinstance(value, str):
            raise ValueError(f"{where}: {name} is {value!r}; give a string")


def _check_flag(value: Any, where: str) -> None:
    if not isinstance(value, bool):
        raise ValueError(f"{where} is {value!r}; give True or False")


def _as_source(source: Any, where: str) -> Source:
    if isinstance(source, Source):
        return source
    if not isinstance(source, str):
        raise ValueError(f"{where}: source is {source!r}; give a string that says where it comes from")
    return Source(provenance="user", reference=source)


@dataclass(frozen=True)
class Band:
    """``expression = Theta(1)``, read as ``low <= expression <= high``. The numbers are a reading, not the paper's.

    Raises:
        ValueError: not 0 < low <= high, or no expression.
    """

    expression: sp.Expr
    low: float
    high: float

    def __post_init__(self) -> None:
        check_expression(self.expression, "Band")
        for name in ("low", "high"):
            _check_number(getattr(self, name), f"Band, {name}")
        if not 0 < self.low <= self.high:
            raise ValueError(f"Band from {self.low} to {self.high}: give 0 < low <= high")


Statement = sp.Basic | Band


ON_BOUNDARY = 1 - 1e-9  # rounding must not throw out a setting on the boundary


@dataclass(frozen=True, kw_only=True)
class TermMargin:
    """The margin that one argument of a Max or Min alone would leave."""

    term: sp.Expr
    value: float


@dataclass(frozen=True, kw_only=True)
class Margin:
    """How far a condition holds at a setting.

    Attributes:
        value: the largest C for which the condition holds; where no C enters, the factor by which it holds.
        required: what ``value`` must reach: the C asked for, or 1 where no C enters.
        terms: the same per argument of each Max/Min (one entry if there is none).
        binding: the term that decides ``value``.
    """

    condition: "Condition"
    value: float
    required: float
    terms: tuple[TermMargin, ...]
    binding: sp.Expr

    @property
    def holds(self) -> bool:
        return self.value >= self.required * ON_BOUNDARY


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A restriction on settings.

    Attributes:
        name: short and unique, e.g. ``"4.1.2-dimension"``.
        source: a :class:`Source`, or a plain string for a user's own note.
        statement: a SymPy relation (``d >= C*n**2``) or a :class:`Band`.
        says: one plain-English sentence.
        latex: rendering; generated where empty.

    Raises:
        ValueError: a field is of another kind, or the statement holds a symbol that is not ours.
    """

    name: str
    source: Source | str
    statement: Statement
    says: str = ""
    latex: str = ""

    def __post_init__(self) -> None:
        check_name(self.name, "a condition")
        where = f"condition '{self.name}'"
        object.__setattr__(self, "source", _as_source(self.source, where))
        _check_text(where, says=self.says, latex=self.latex)
        if isinstance(self.statement, (bool, sp.logic.boolalg.BooleanAtom)):  # decided by the signs of the symbols
            always = "always true: it restricts nothing" if self.statement else "never true: no setting meets it"
            raise ValueError(f"{where}: its statement is {always}; write e.g. d >= C*n**2")
        if not isinstance(self.statement, Band):
            if not isinstance(self.statement, sp.core.relational.Relational):
                raise ValueError(f"{where}: {self.statement!r} is no relation; write e.g. d >= C*n**2, without quotes")
            for side in (self.statement.lhs, self.statement.rhs):
                check_expression(side, where)
        if not self.latex:
            object.__setattr__(self, "latex", tex(self.statement))

    @cached_property
    def names(self) -> frozenset[str]:
        """The symbols that it depends on, C included, with abbreviations such as T* written out.

        Kept, since designs ask thousands of times.
        """
        body = self.statement.expression if isinstance(self.statement, Band) else self.statement
        return frozenset(s.name for s in expanded(body).free_symbols)

    def margin(self, values: Mapping[str, float], constant: float = 1.0) -> Margin:
        """The margin at ``values`` (symbol name -> number), asked to reach ``constant`` where C enters.

        Raises:
            ValueError: a symbol of the statement has no value, or C does not enter as a factor.
        """
        solved = _solve(self.statement, self.name)
        point = _point(solved.names, values, self.name)
        signs = _signs(self.name, *(side(*point) for side in solved.sides)) if solved.sides else None
        if signs is not None:
            required = constant if solved.has_constant else 1.0
            return Margin(condition=self, value=signs, required=required, terms=(), binding=solved.terms[0][0])
        terms = tuple(TermMargin(term=e, value=f(*point)) for e, f in solved.terms)
        value = min(t.value for t in terms) if isinstance(self.statement, Band) else solved.value(*point)
        # The binding term is the one whose own margin is the whole margin.
        binding = min(terms, key=lambda term: abs(term.value - value) if math.isfinite(term.value) else math.inf)
        return Margin(
            condition=self,
            value=value,
            required=constant if solved.has_constant else 1.0,
            terms=terms,
            binding=binding.term,
        )

    def reach(self, values: Mapping[str, float]) -> float:
        """The value of :meth:`margin` alone, five times as fast, for searches.

        Raises:
            ValueError: as there.
        """
        solved = _solve(self.statement, self.name)
        point = _point(solved.names, values, self.name)
        if not solved.sides:
            return solved.value(*point)
        big, small = (side(*point) for side in solved.sides)
        signs = _signs(self.name, big, small)
        return (big / small) ** solved.power if signs is None else signs

    def term_margins(self, values: Mapping[str, float]) -> tuple[float, ...]:
        """The margins that the terms alone would leave, and last the whole: the numbers of :meth:`margin`, ten times as
        fast, for searches."""
        solved = _solve(self.statement, self.name)
        point = _point(solved.names, values, self.name)
        alone = [f(*point) for _, f in solved.terms]
        return (*alone, min(alone) if isinstance(self.statement, Band) else solved.value(*point))


def _signs(name: str, big: float, small: float) -> float | None:
    """The margin where a side is not positive, so that no ratio tells it; None where both are positive."""
    if big > 0 and small > 0:
        return None
    if big >= 0 >= small and big > small:
        return math.inf
    if small >= 0 >= big and small > big:
        return 0.0
    raise ValueError(
        f"condition '{name}': its sides are {big:g} and {small:g} here; write it as a >= b with positive sides"
    )


def inside(conditions: tuple[Condition, ...], values: Mapping[str, float], constant: float) -> bool:
    """Whether every condition reaches ``constant`` at ``values``."""
    return all(c.reach(values) >= (constant if "C" in c.names else 1.0) * ON_BOUNDARY for c in conditions)


# ---------------------------------------------------------------------------------------------------------------
# Laws: what a claim predicts of its observable. A bare SymPy expression means Theta of it.


@dataclass(frozen=True)
class Theta:
    """The observable is of exact order ``expression``; ``up_to_logs`` for the tilde form.

    Theta hides a constant, which may depend on kappa and the flips. Where a derivation gives it, ``constant`` names
    the observable that computes it from a run's own draw; a free power of it enters the fit, so that it sharpens the
    exponents without being assumed.
    """

    expression: sp.Expr
    up_to_logs: bool = False
    constant: str = ""

    def __post_init__(self) -> None:
        check_expression(self.expression, "Theta")
        _check_flag(self.up_to_logs, "Theta: up_to_logs")
        _check_text("Theta", constant=self.constant)

    def exponents(self) -> dict[str, sp.Rational]:
        """Predicted exponent per parameter, read off the expression.

        Raises:
            ValueError: the expression is no monomial.
        """
        return exponents(self.expression)


@dataclass(frozen=True)
class Within:
    """With probability at least 1 - delta the observable lies in [low, high]; either may be absent.

    Expressions may name any symbol of a setting and delta; the constants are explicit.
    """

    low: sp.Expr | float | None = None
    high: sp.Expr | float | None = None

    def __post_init__(self) -> None:
        if self.low is None and self.high is None:
            raise ValueError("Within() without a bound says nothing; give low, high or both")
        for name in ("low", "high"):
            if getattr(self, name) is not None:
                check_expression(getattr(self, name), f"Within, {name}")
        if self.low is not None and self.high is not None and sp.sympify(self.low > self.high) is sp.true:
            raise ValueError(f"Within({self.low}, {self.high}): no number lies there; give low below high")


@dataclass(frozen=True)
class AtMost:
    """With probability at least 1 - delta the observable is at most K * expression, for some constant K."""

    expression: sp.Expr | float

    def __post_init__(self) -> None:
        check_expression(self.expression, "AtMost")


@dataclass(frozen=True)
class AtLeast:
    """With probability at least 1 - delta the observable is at least K * expression, for some constant K > 0."""

    expression: sp.Expr | float

    def __post_init__(self) -> None:
        check_expression(self.expression, "AtLeast")


@dataclass(frozen=True)
class Exactly:
    """An identity: the observable (a residual) is zero up to ``tolerance``, which ``why`` justifies."""

    tolerance: float
    why: str

    def __post_init__(self) -> None:
        _check_number(self.tolerance, "Exactly, tolerance")
        _check_text("Exactly", why=self.why)
        if not self.tolerance > 0:
            raise ValueError(f"Exactly, tolerance {self.tolerance}: rounding leaves something; give one above 0")


@dataclass(frozen=True)
class Crossing:
    """The observable, a function of ``along``, changes sign where ``along`` equals ``at``.

    ``within`` is the half-width of the equivalence window for the measured location, justified by ``why``.
    """

    along: sp.Expr
    at: float
    within: float
    why: str

    def __post_init__(self) -> None:
        check_expression(self.along, "Crossing, along")
        for name in ("at", "within"):
            _check_number(getattr(self, name), f"Crossing, {name}")
        _check_text("Crossing", why=self.why)
        if not self.within > 0:
            raise ValueError(f"Crossing, within {self.within}: the half-width of a window; give one above 0")


Law = Theta | Within | AtMost | AtLeast | Exactly | Crossing


@dataclass(frozen=True, kw_only=True)
class Claim:
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
        object.__setattr__(self, "source", _as_source(self.source, where))
        _check_text(where, says=self.says, latex=self.latex, tested=self.tested)
        _check_flag(self.contrast, f"{where}: contrast")
        needs = _as_tuple(self.needs)
        for condition in needs:
            if not isinstance(condition, Condition):
                raise ValueError(f"{where} needs {condition!r}, which is no Condition; give a tuple of Conditions")
        object.__setattr__(self, "needs", needs)
        names, laws = _as_tuple(self.observable), _as_tuple(self.law)
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


def _as_tuple(held: Any) -> tuple:
    """One, or several in a tuple or list."""
    return tuple(held) if isinstance(held, (tuple, list)) else (held,)


@dataclass(frozen=True, kw_only=True)
class Hidden:
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
        _check_text(where, latex=self.latex, says=self.says, why=self.why)
        _check_flag(self.free, f"{where}: free")
        held = self.ladder if isinstance(self.ladder, (tuple, list)) else ()
        if not held or not all(_is_number(v) and math.isfinite(v) and v > 0 for v in held):
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
class Part:
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
        _check_text(where, series=self.series, says=self.says, latex=self.latex)
        _check_flag(self.frame, f"{where}: frame")
        if not isinstance(self.law, Within):
            raise ValueError(f"{where}: law {self.law!r} bounds no number; give Within(low=...), high or both")


@dataclass(frozen=True, kw_only=True)
class Theorem:
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
        object.__setattr__(self, "source", _as_source(self.source, where))
        _check_text(where, says=self.says, tested=self.tested, told=self.told)
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
        if not _is_number(self.epsilon) or not 0 < self.epsilon < math.log(2):
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


def exponents(expression: sp.Expr) -> dict[str, sp.Rational]:
    """Exponent of each parameter in a monomial, e.g. ``{"n": 1, "eta": -1}``.

    Raises:
        ValueError: the expression is no product of rational powers.
    """
    found: dict[str, sp.Rational] = {}
    for base, power in sp.powsimp(sp.expand_power_base(expression, force=True)).as_powers_dict().items():
        if base.is_number and power.is_number:
            continue
        if not (isinstance(base, sp.Symbol) and power.is_Rational):
            raise ValueError(f"'{expression}' is no monomial: its factor {base}**{power} has no exponent to read off")
        found[base.name] = found.get(base.name, sp.Integer(0)) + power
    return found


@cache
def _compiled(expression: sp.Expr) -> tuple[tuple[str, ...], Callable[..., float]]:
    expression = expanded(expression)
    names = tuple(sorted(s.name for s in expression.free_symbols))
    return names, _function(names, expression)


def _function(names: tuple[str, ...], expression: sp.Basic) -> Callable[..., float]:
    """An expression as a function of its symbols' values; raises ``ValueError`` where it has no value."""
    symbols = [lookup(s) for s in names]
    way = "use powers, log, exp, Max, Min"
    try:
        quick = sp.lambdify(symbols, expression, modules="math")
    except NotImplementedError:  # an integral, say
        raise ValueError(f"{expression} has no number here; {way}") from None

    def value(*point: float) -> float:
        try:
            found = quick(*point)
            found = found if isinstance(found, complex) else float(found)
        except ZeroDivisionError:  # e.g. tau <= 1/C at tau = 0: holds for every C
            return math.inf
        except (ValueError, OverflowError):  # the logarithm of nothing; or it lies beyond floating point
            found = math.nan
        except (NameError, TypeError, AttributeError) as problem:
            raise ValueError(f"{expression} has no number here ({problem}); {way}") from None
        if isinstance(found, complex) or math.isnan(found):
            where = ", ".join(f"{k} = {v:g}" for k, v in zip(names, point, strict=True))
            raise ValueError(f"{expression} has no value at {where}; stay where it has one")
        return found

    return value


def evaluate(expression: sp.Expr | float, values: Mapping[str, float]) -> float:
    """A number for ``expression`` at ``values`` (symbol name -> number).

    Raises:
        ValueError: a symbol has no value, or the expression has none there.
    """
    expression = sp.sympify(expression, strict=True)
    names, function = _compiled(expression)
    return function(*_point(names, values, expression))


# ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Solved:
    names: tuple[str, ...]
    value: Callable[..., float]
    terms: tuple[tuple[sp.Expr, Callable[..., float]], ...]
    has_constant: bool
    sides: tuple[Callable[..., float], ...] = ()  # of an inequality at C = 1, the big one first
    power: float = 1.0  # of their ratio that is C


@cache
def _solve(statement: Statement, name: str) -> _Solved:
    """Solve a statement for its constant: as a whole, and once per argument of each Max/Min."""
    if isinstance(statement, Band):
        e = sp.sympify(statement.expression, strict=True)
        pieces = [e / sp.Float(statement.low), sp.Float(statement.high) / e]
        labels = [sp.Ge(e, statement.low), sp.Le(e, statement.high)]
        return _lambdas(name, sp.Min(*pieces), list(zip(labels, pieces, strict=True)), False)
    if isinstance(statement, sp.Eq):
        residual = sp.Abs(statement.lhs - statement.rhs)
        met = sp.Piecewise((sp.oo, sp.Eq(residual, 0)), (0, True))
        return _lambdas(name, met, [(statement, met)], False)
    if not isinstance(statement, (sp.Ge, sp.Gt, sp.Le, sp.Lt)):
        raise ValueError(f"condition '{name}': {statement} is neither >=, <= nor =")
    ratio = statement.gts / statement.lts
    choices = sorted(ratio.atoms(sp.Max, sp.Min), key=sp.default_sort_key)
    # Only outermost ones are split into terms; the whole margin handles any nesting.
    outer = [c for c in choices if not any(c is not o and o.has(c) for o in choices)]
    power = _constant_power(ratio.xreplace({c: sp.Dummy(positive=True) for c in outer}), name)
    whole = _constant_solved(ratio, power)
    terms = [
        (argument, _constant_solved(ratio.xreplace({choice: argument}), power))
        for choice in outer
        for argument in sorted(choice.args, key=sp.default_sort_key)
    ]
    sides = (statement.gts.subs(C, 1), statement.lts.subs(C, 1))
    solved = _lambdas(name, whole, terms or [(sides[1], whole)], power != 0, sides)
    return replace(solved, power=float(-1 / power)) if power else solved


def _constant_power(ratio: sp.Expr, name: str) -> sp.Rational:
    power = sp.simplify(C * sp.diff(ratio, C) / ratio)
    if not power.is_Rational or power > 0:
        raise ValueError(f"condition '{name}': C must enter as a factor that makes it harder, as in d >= C*n**2")
    return power


def _constant_solved(ratio: sp.Expr, power: sp.Rational) -> sp.Expr:
    at_one = ratio.subs(C, 1)
    return at_one if power == 0 else at_one ** (-1 / power)


def _lambdas(
    name: str,
    whole: sp.Expr,
    terms: list[tuple[sp.Basic, sp.Expr]],
    has_constant: bool,
    sides: tuple[sp.Expr, ...] = (),
) -> _Solved:
    names = tuple(sorted({s.name for e in (whole, *sides) for s in expanded(e).free_symbols}))

    def compiled(expression: sp.Expr) -> Callable[..., float]:
        return _function(names, expanded(expression))

    return _Solved(
        names=names,
        value=compiled(whole),
        terms=tuple((label, compiled(e)) for label, e in terms),
        has_constant=has_constant,
        sides=tuple(compiled(side) for side in sides),
    )


def _point(names: tuple[str, ...], values: Mapping[str, float], where: object) -> list[float]:
    missing = [s for s in names if s not in values]
    if missing:
        raise ValueError(f"{where}: no value for {', '.join(missing)}; give {' and '.join(missing)} as a number")
    return [float(values[s]) for s in names]


def law_tex(observable: str, law: Law) -> str:
    """LaTeX of what a law says of an observable."""
    name = r"\mathrm{" + observable.replace("_", r"\ ") + "}"
    match law:
        case Theta(expression, up_to_logs, _):
            order = r"\tilde\Theta" if up_to_logs else r"\Theta"
            return f"{name} = {order}({tex(expression)})"
        case Within(low, high):
            left = "" if low is None else f"{tex(low)} \\le "
            right = "" if high is None else f" \\le {tex(high)}"
            return left + name + right
        case AtMost(expression):
            return f"{name} \\le K \\cdot {_factor(expression)}"
        case AtLeast(expression):
            return f"{name} \\ge K \\cdot {_factor(expression)}"
        case Exactly():
            return f"{name} = 0"
        case Crossing(along, at):
            return f"{name} = 0 \\iff {tex(along)} = {tex(at)}"
    raise TypeError(law)


def _factor(expression: sp.Expr | float) -> str:
    return f"\\left({tex(expression)}\\right)" if isinstance(expression, sp.Add) else tex(expression)


def tex(expression: sp.Basic | Band | float) -> str:
    """SymPy's LaTeX of an expression, a relation or a band, in the paper's notation."""
    if isinstance(expression, Band):
        return f"{tex(expression.low)} \\le {tex(expression.expression)} \\le {tex(expression.high)}"
    names = {p.symbol: p.latex for p in table()}
    return sp.latex(sp.nsimplify(expression) if isinstance(expression, float) else expression, symbol_names=names)


# ---------------------------------------------------------------------------------------------------------------
# The exact rescaling (mu, sigma_xi, sigma_0, eta) -> (c mu, c sigma_xi, sigma_0/c, eta/c^2) leaves every run unchanged
# (``theory.proofs``): inner products of data take a factor c^2, which eta undoes, and overlaps <w, x> none. So a
# statement that it changes cannot be about the runs; almost surely it is mistyped. A *weight* is the power of c.

RESCALING = {"mu": 1, "sigma_xi": 1, "sigma_0": -1, "eta": -2}


def weights(expression: sp.Expr | float) -> frozenset[sp.Rational]:
    """The powers of c that the terms of an expression take under the rescaling: one where it is homogeneous.

    Sums, Max and Min are read termwise; zero has every weight, so none is returned for it.

    Raises:
        ValueError: it changes otherwise than by powers, as log(mu) does.
    """
    e = sp.sympify(expression, strict=True)
    if e.is_zero:
        return frozenset()
    if isinstance(e, sp.Symbol):
        return frozenset({sp.Integer(RESCALING.get(e.name, 0))})
    if isinstance(e, (sp.Add, sp.Max, sp.Min)):
        return frozenset().union(*(weights(a) for a in e.args))
    if isinstance(e, sp.Mul):
        found = frozenset({sp.Integer(0)})
        for factor in e.args:
            found = frozenset(a + b for a in found for b in weights(factor))
        return found
    if isinstance(e, sp.Pow) and e.exp.is_number:
        return frozenset(w * e.exp for w in weights(e.base))
    if any(weights(a) - {0} for a in e.args):
        raise ValueError(f"'{e}' changes otherwise than by a power of the unit")
    return frozenset({sp.Integer(0)})


def imbalance(statement: Statement) -> str:
    """How the rescaling changes what a statement says, in a few words; empty where it does not."""
    body = statement.expression if isinstance(statement, Band) else statement
    try:
        if isinstance(statement, Band):
            left, right = weights(body), frozenset({sp.Integer(0)})
        else:
            left, right = weights(body.lhs), weights(body.rhs)
    except ValueError as problem:
        return str(problem)
    if len(left | right) <= 1:
        return ""
    shown = [" and ".join(str(w) for w in sorted(side)) or "any" for side in (left, right)]
    return f"{body} has weight {shown[0]} on the left, {shown[1]} on the right"
