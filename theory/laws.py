"""Laws: what a claim predicts of its observable, as values. How each is judged: ``verify.laws``."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import sympy as sp

from theory.expressions import exponents, tex
from theory.fields import Stated, check_expression, check_flag, check_number, check_text

Bound = sp.Expr | float | None


class Law(Stated):
    """What every law says of itself; a kind of law is a frozen dataclass that derives from this."""

    @property
    def bounds(self) -> tuple[Bound, Bound] | None:
        """The numbers between which a single run must lie, None where no single run meets or breaks the law."""
        return None

    @property
    def reads(self) -> tuple[str, ...]:
        """Observables that it takes besides the one that it is about."""
        return ()

    @property
    def weighed(self) -> tuple[sp.Expr | float, ...]:
        """What must take the factor that its observable takes under a change of units."""
        return ()

    def in_numbers(self, value: Callable[[sp.Expr], sp.Expr]) -> "Law | None":
        """The law with ``value`` of its expressions, as those of one setting; None where it speaks of many at once."""
        held = {f.name: getattr(self, f.name) for f in fields(self)}  # a kind of law is a dataclass
        return replace(self, **{name: value(x) for name, x in held.items() if isinstance(x, sp.Expr)})

    def tex(self, name: str) -> str:
        """LaTeX of what it says of an observable, whose own LaTeX is ``name``."""
        raise NotImplementedError


def law_tex(observable: str, law: Law) -> str:
    """LaTeX of what a law says of an observable."""
    return law.tex(r"\mathrm{" + observable.replace("_", r"\ ") + "}")


@dataclass(frozen=True)
class Theta(Law):
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
        check_flag(self.up_to_logs, "Theta: up_to_logs")
        check_text("Theta", constant=self.constant)

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.constant,) if self.constant else ()

    @property
    def weighed(self) -> tuple[sp.Expr | float, ...]:
        return (self.expression,)

    def tex(self, name: str) -> str:
        order = r"\tilde\Theta" if self.up_to_logs else r"\Theta"
        return f"{name} = {order}({tex(self.expression)})"

    def exponents(self) -> dict[str, sp.Rational]:
        """Predicted exponent per parameter, read off the expression.

        Raises:
            ValueError: the expression is no monomial.
        """
        return exponents(self.expression)


@dataclass(frozen=True)
class Within(Law):
    """With probability at least 1 - delta the observable lies in [low, high]; either may be absent.

    Expressions may name any symbol of a setting and delta; the constants are explicit.
    """

    low: Bound = None
    high: Bound = None

    def __post_init__(self) -> None:
        if self.low is None and self.high is None:
            raise ValueError("Within() without a bound says nothing; give low, high or both")
        for name in ("low", "high"):
            if getattr(self, name) is not None:
                check_expression(getattr(self, name), f"Within, {name}")
        if self.low is not None and self.high is not None and sp.sympify(self.low > self.high) is sp.true:
            raise ValueError(f"Within({self.low}, {self.high}): no number lies there; give low below high")

    @property
    def bounds(self) -> tuple[Bound, Bound]:
        return self.low, self.high

    @property
    def weighed(self) -> tuple[sp.Expr | float, ...]:
        # A plain number may stand in any unit.
        return tuple(x for x in self.bounds if x is not None and sp.sympify(x).free_symbols)

    def tex(self, name: str) -> str:
        left = "" if self.low is None else f"{tex(self.low)} \\le "
        right = "" if self.high is None else f" \\le {tex(self.high)}"
        return left + name + right


class _UpToConstant(Law):
    """A bound whose constant K is unnamed."""

    expression: sp.Expr | float

    @property
    def weighed(self) -> tuple[sp.Expr | float, ...]:
        return (self.expression,)

    def _factor(self) -> str:
        shown = tex(self.expression)
        return f"\\left({shown}\\right)" if isinstance(self.expression, sp.Add) else shown


@dataclass(frozen=True)
class AtMost(_UpToConstant):
    """With probability at least 1 - delta the observable is at most K * expression, for some constant K."""

    expression: sp.Expr | float

    def __post_init__(self) -> None:
        check_expression(self.expression, "AtMost")

    def tex(self, name: str) -> str:
        return f"{name} \\le K \\cdot {self._factor()}"


@dataclass(frozen=True)
class AtLeast(_UpToConstant):
    """With probability at least 1 - delta the observable is at least K * expression, for some constant K > 0."""

    expression: sp.Expr | float

    def __post_init__(self) -> None:
        check_expression(self.expression, "AtLeast")

    def tex(self, name: str) -> str:
        return f"{name} \\ge K \\cdot {self._factor()}"


@dataclass(frozen=True)
class Exactly(Law):
    """An identity: the observable (a residual) is zero up to ``tolerance``, which ``why`` justifies."""

    tolerance: float
    why: str

    def __post_init__(self) -> None:
        check_number(self.tolerance, "Exactly, tolerance")
        check_text("Exactly", why=self.why)
        if not self.tolerance > 0:
            raise ValueError(f"Exactly, tolerance {self.tolerance}: rounding leaves something; give one above 0")

    @property
    def bounds(self) -> tuple[Bound, Bound]:
        return None, self.tolerance

    def tex(self, name: str) -> str:
        return f"{name} = 0"


@dataclass(frozen=True)
class Crossing(Law):
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
            check_number(getattr(self, name), f"Crossing, {name}")
        check_text("Crossing", why=self.why)
        if not self.within > 0:
            raise ValueError(f"Crossing, within {self.within}: the half-width of a window; give one above 0")

    def in_numbers(self, value: Callable[[sp.Expr], sp.Expr]) -> None:
        return None

    @property
    def weighed(self) -> tuple[sp.Expr | float, ...]:
        return (self.along,)

    def tex(self, name: str) -> str:
        return f"{name} = 0 \\iff {tex(self.along)} = {tex(self.at)}"


@dataclass(frozen=True)
class Boundary(Law):
    """The observable falls from ``top`` to 0 as ``along`` grows, and passes ``level`` where ``along`` is a constant.

    Claimed is the boundary between two phases as a surface over all parameters: it lies at ``of`` = constant times a
    monomial in the others (:meth:`exponents`), each power of its own. Where it lies and how wide it is are measured,
    and claimed where an interval (least, largest) is given.

    Attributes:
        along: a monomial that increases in ``of``.
        level: between 0 and ``top``.
        of: the parameter for which the boundary is solved.
        top: the observable far below the boundary.
        constant: the observable that computes the value of ``along`` at the boundary from a run's own draw, where a
            derivation gives it; a free power of it enters the fit.
        at: of ``along`` at the boundary, over ``constant`` where there is one.
        width: decades of ``along`` from half of ``top`` to a tenth of it.
        sharpening: the power of n with which the steepness grows.
        why: the reason of these intervals.
    """

    along: sp.Expr
    level: sp.Expr | float
    of: sp.Symbol
    top: sp.Expr | float = 1
    constant: str = ""
    at: tuple[float, float] | None = None
    width: tuple[float, float] | None = None
    sharpening: tuple[float, float] | None = None
    why: str = ""

    def __post_init__(self) -> None:
        check_expression(self.along, "Boundary, along")
        for name in ("level", "top"):
            value = getattr(self, name)
            check_expression(value, f"Boundary, {name}")
            if not sp.sympify(value).is_number:
                raise ValueError(f"Boundary, {name} {value}: depends on parameters; give a number")
        check_text("Boundary", constant=self.constant, why=self.why)
        if not 0 < self.level < self.top:
            raise ValueError(f"Boundary, level {self.level}: must lie between 0 and top = {self.top}")
        power = exponents(self.along).get(self.of.name if isinstance(self.of, sp.Symbol) else "", 0)
        if not power > 0:
            raise ValueError(
                f"Boundary along {self.along}: must increase in {self.of!r}; name a parameter that it grows with"
            )
        for name in ("at", "width", "sharpening"):
            interval = getattr(self, name)
            if interval is None:
                continue
            if not (isinstance(interval, tuple) and len(interval) == 2 and interval[0] < interval[1]):
                raise ValueError(f"Boundary, {name} {interval!r}: give a pair, the smaller first")
            for end in interval:
                check_number(end, f"Boundary, {name}")
            if not self.why:
                raise ValueError(f"Boundary, {name} {interval}: an interval without a reason; say why")

    def in_numbers(self, value: Callable[[sp.Expr], sp.Expr]) -> None:
        return None

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.constant,) if self.constant else ()

    @property
    def weighed(self) -> tuple[sp.Expr | float, ...]:
        # A level is a number in any unit; so must be the value of ``along`` there, or it is no constant.
        return (self.along,)

    def tex(self, name: str) -> str:
        return f"{name} = {tex(self.level)} \\iff {tex(self.along)} = K"

    def exponents(self) -> dict[str, sp.Rational]:
        """The predicted power of each other parameter in ``of`` at the boundary.

        Raises:
            ValueError: ``along`` is no monomial.
        """
        powers = exponents(self.along)
        own = powers[self.of.name]
        return {name: -power / own for name, power in powers.items() if name != self.of.name}
