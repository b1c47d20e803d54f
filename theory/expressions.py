"""Expressions in our symbols: their numbers, their exponents, their LaTeX, and what a change of units does to them."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import sympy as sp

from theory.fields import Stated, check_expression, check_number
from theory.symbols import RESCALING, expanded, lookup, table


@dataclass(frozen=True)
class Band(Stated):
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
            check_number(getattr(self, name), f"Band, {name}")
        if not 0 < self.low <= self.high:
            raise ValueError(f"Band from {self.low} to {self.high}: give 0 < low <= high")


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
    whole = expanded(expression)
    names = tuple(sorted(s.name for s in whole.free_symbols))
    return names, as_function(names, whole)


def as_function(names: tuple[str, ...], expression: sp.Basic) -> Callable[..., float]:
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
    return function(*as_point(names, values, expression))


def as_point(names: tuple[str, ...], values: Mapping[str, float], where: object) -> list[float]:
    missing = [s for s in names if s not in values]
    if missing:
        raise ValueError(f"{where}: no value for {', '.join(missing)}; give {' and '.join(missing)} as a number")
    return [float(values[s]) for s in names]


def tex(expression: sp.Basic | Band | float) -> str:
    """SymPy's LaTeX of an expression, a relation or a band, in the paper's notation."""
    if isinstance(expression, Band):
        return f"{tex(expression.low)} \\le {tex(expression.expression)} \\le {tex(expression.high)}"
    names = {p.symbol: p.latex for p in table()}
    return sp.latex(sp.nsimplify(expression) if isinstance(expression, float) else expression, symbol_names=names)


# ---------------------------------------------------------------------------------------------------------------
# A statement that the exact rescaling (``theory.symbols``) changes cannot be about the runs: almost surely a typo.


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
