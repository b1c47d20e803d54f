"""Conditions as values, solved for their constant: how far each holds at a setting."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property

import sympy as sp

from theory.expressions import Band, as_function, as_point, tex, weights
from theory.fields import Source, Stated, as_source, check_expression, check_name, check_text
from theory.symbols import C, expanded

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

    def __repr__(self) -> str:
        said = "holds" if self.holds else "fails"
        return (
            f"Margin of {self.condition.name}: {self.value:.4g}, asked {self.required:g}: {said}; binds: {self.binding}"
        )

    def _repr_latex_(self) -> str:
        from theory.display import inline

        sign = r"\ge" if self.holds else "<"
        return inline(rf"{self.condition.latex}:\quad {self.value:.4g} {sign} {self.required:g}")

    def _repr_html_(self) -> str:
        from theory.display import mathml, record, sentence, table

        terms = [("binds" if t.term == self.binding else "", mathml(tex(t.term)), f"{t.value:.4g}") for t in self.terms]
        rows = (
            ("", mathml(self.condition.latex)),
            ("margin", f"{self.value:.4g}, asked {self.required:g}"),
            ("", sentence(self.condition.says)),
        )
        head = f"{self.condition.name} {'holds' if self.holds else 'fails'}"
        return record(head, rows) + (table(("", "term", "margin of it alone"), terms) if len(terms) > 1 else "")


@dataclass(frozen=True, kw_only=True)
class Condition(Stated):
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
        object.__setattr__(self, "source", as_source(self.source, where))
        check_text(where, says=self.says, latex=self.latex)
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

    def __repr__(self) -> str:
        from theory.display import line

        return f"Condition {self.name}: {line(self.latex)}"

    def _repr_latex_(self) -> str:
        from theory.display import inline

        return inline(self.latex)

    def _repr_html_(self) -> str:
        from theory.display import mathml, record, sentence

        rows = (("", mathml(self.latex)), ("", sentence(self.says)), ("source", str(self.source)))
        return record(f"Condition {self.name}", rows)

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
        point = as_point(solved.names, values, self.name)
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
        point = as_point(solved.names, values, self.name)
        if not solved.sides:
            return solved.value(*point)
        big, small = (side(*point) for side in solved.sides)
        signs = _signs(self.name, big, small)
        return (big / small) ** solved.power if signs is None else signs

    def term_margins(self, values: Mapping[str, float]) -> tuple[float, ...]:
        """The margins that the terms alone would leave, and last the whole: the numbers of :meth:`margin`, ten times as
        fast, for searches."""
        solved = _solve(self.statement, self.name)
        point = as_point(solved.names, values, self.name)
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
        return as_function(names, expanded(expression))

    return _Solved(
        names=names,
        value=compiled(whole),
        terms=tuple((label, compiled(e)) for label, e in terms),
        has_constant=has_constant,
        sides=tuple(compiled(side) for side in sides),
    )


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
