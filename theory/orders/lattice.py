"""Relations as clauses of monomials: the form in which they are linear in the logarithms of the parameters.

Every expression is a max of mins of monomials in parameters and in logarithms of monomials, so that each relation is a
conjunction of clauses, each a disjunction of literals ``monomial <= 1`` or ``monomial << 1``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from itertools import product

import sympy as sp

from theory.orders.relations import Order, product_text

SIZE = 400  # monomials that an expression may expand into

# ---------------------------------------------------------------------------------------------------------------
# Monomials, and expressions as maxima of minima of them


@dataclass(frozen=True)
class Log:
    """max(1, log of a monomial), whose exponents are made coprime integers: log E^c ~ log E."""

    of: "Monomial"

    @cached_property
    def _hash(self) -> int:
        return hash(self.of)

    def __hash__(self) -> int:  # kept, as hashes of fractions are slow and keys nested
        return self._hash


Atom = str | Log
Monomial = tuple[tuple[Atom, Fraction], ...]
Lattice = tuple[tuple[Monomial, ...], ...]  # a max of mins, or a min of maxes

POLYLOG = Log(())  # a power of all logarithms together, as large as the tilde forms need; no log of a monomial is it


def atom_text(atom: Atom) -> str:
    if atom == POLYLOG:
        return "polylog"
    return atom if isinstance(atom, str) else f"log({monomial_text(atom.of)})"


def monomial_text(monomial: Monomial) -> str:
    return product_text((atom_text(atom), power) for atom, power in monomial)


def _monomial(powers: Mapping[Atom, Fraction]) -> Monomial:
    kept = [(atom, power) for atom, power in powers.items() if power]
    return tuple(sorted(kept, key=lambda item: (isinstance(item[0], Log), atom_text(item[0]))))


def times(*factors: Monomial) -> Monomial:
    powers: dict[Atom, Fraction] = {}
    for factor in factors:
        for atom, power in factor:
            powers[atom] = powers.get(atom, Fraction(0)) + power
    return _monomial(powers)


def raised(monomial: Monomial, power: Fraction) -> Monomial:
    return tuple((atom, p * power) for atom, p in monomial) if power else ()


def _log(monomial: Monomial) -> Monomial:
    if not monomial:
        return ()
    scale = Fraction(sp.ilcm(1, *(p.denominator for _, p in monomial)))
    whole = [int(p * scale) for _, p in monomial]
    common = int(sp.igcd(*whole)) if len(whole) > 1 else abs(whole[0])
    return (
        (Log(tuple((atom, Fraction(p, common)) for (atom, _), p in zip(monomial, whole, strict=True))), Fraction(1)),
    )


def _flip(lattice: Lattice) -> Lattice:
    """A max of mins as a min of maxes, or back."""
    size = 1
    for part in lattice:
        size *= len(part)
    if size > SIZE:
        raise ValueError(f"an expression expands into {size} monomials, more than {SIZE}: split the premise")
    return _absorbed(tuple(product(*lattice)))


def _absorbed(lattice: Lattice) -> Lattice:
    parts = dict.fromkeys(frozenset(part) for part in lattice)
    least = [part for part in parts if not any(other < part for other in parts)]
    return tuple(tuple(sorted(part, key=monomial_text) if len(part) > 1 else part) for part in least)


def _lattice(expression: sp.Expr, constants: frozenset[str]) -> Lattice:
    """An expression as a max of mins of monomials."""
    if expression.is_number:  # 2, pi, sqrt(2) + 1 ...
        if not (expression.is_positive and expression.is_finite):
            raise ValueError(f"'{expression}' has no order of magnitude: only positive finite quantities have")
        return (((),),)
    match expression:
        case sp.Symbol():
            return (((() if expression.name in constants else ((expression.name, Fraction(1)),)),),)
        case sp.Mul():
            return _product(expression, constants)
        case sp.Pow():
            if not expression.exp.is_Rational:
                raise ValueError(f"'{expression}': its power {expression.exp} is no rational number")
            power = Fraction(int(expression.exp.p), int(expression.exp.q))
            base = _lattice(expression.base, constants)
            powered = tuple(tuple(raised(x, power) for x in part) for part in base)
            return powered if power > 0 else _flip(powered)
        case sp.Add():
            return _sum(expression, constants)
        case sp.Max():
            return _absorbed(tuple(part for arg in expression.args for part in _lattice(arg, constants)))
        case sp.Min():
            return _flip(tuple(part for arg in expression.args for part in _flip(_lattice(arg, constants))))
        case sp.Abs():  # SymPy's sqrt(log(x)^2); nothing here is negative
            return _lattice(expression.args[0], constants)
        case sp.log():
            return tuple(tuple(x for m in part for x in [_log(m)]) for part in _lattice(expression.args[0], constants))
    raise ValueError(f"'{expression}' is no product, power, max, min, sum or logarithm: it has no order here")


def _product(expression: sp.Mul, constants: frozenset[str]) -> Lattice:
    number, factors = expression.as_coeff_mul()
    factors = list(factors)
    if number.is_negative:  # SymPy writes log(1/x) as -log(x)
        logs = [k for k, f in enumerate(factors) if isinstance(f, sp.log)]
        if len(logs) != 1:
            raise ValueError(f"'{expression}' is negative: only positive quantities have an order of magnitude")
        factors[logs[0]] = sp.log(1 / factors[logs[0]].args[0], evaluate=False)
    found: Lattice = (((),),)
    for factor in factors:
        other = _lattice(factor, constants)
        if len(found) * len(other) > SIZE:
            raise ValueError(f"'{expression}' expands into more than {SIZE} monomials: split the premise")
        found = _absorbed(tuple(tuple(times(a, b) for a in p for b in q) for p in found for q in other))
    return found


def _sum(expression: sp.Add, constants: frozenset[str]) -> Lattice:
    if not _is_difference(expression):
        return _absorbed(tuple(part for term in expression.args for part in _lattice(term, constants)))
    if expression.as_coeff_Add()[0].is_positive and {s.name for s in expression.free_symbols} <= constants:
        return (((),),)  # a number less some constants, such as 1 - tau_plus - tau_minus, is read as Theta(1)
    combined = sp.logcombine(expression, force=True)
    if isinstance(combined, sp.log):  # log a - log b
        return _lattice(combined, constants)
    raise ValueError(f"'{expression}' has a difference, and differences have no order: state it without '-'")


def _is_difference(expression: sp.Add) -> bool:
    return any(term.as_coeff_Mul()[0].is_negative for term in expression.args)


# ---------------------------------------------------------------------------------------------------------------
# Relations as clauses


@dataclass(frozen=True)
class Literal:
    """``ratio`` is O(1), or o(1) if ``strict``; ``tilde`` for up to logarithms."""

    ratio: Monomial
    strict: bool = False
    tilde: bool = False

    @cached_property
    def _hash(self) -> int:
        return hash((self.ratio, self.strict, self.tilde))

    def __hash__(self) -> int:
        return self._hash

    def negated(self) -> "Literal":
        """What holds along a subsequence where this does not."""
        return Literal(raised(self.ratio, Fraction(-1)), not self.strict, self.tilde)

    def __str__(self) -> str:
        above = monomial_text(tuple((a, p) for a, p in self.ratio if p > 0))
        below = monomial_text(tuple((a, -p) for a, p in self.ratio if p < 0))
        return f"{above} {'≪' if self.strict else '≲'} {below}{' (up to logarithms)' if self.tilde else ''}"


Clause = tuple[Literal, ...]


@lru_cache(maxsize=1024)
def clauses_of(order: Order, constants: frozenset[str]) -> tuple[Clause, ...]:
    """A conjunction of disjunctions that says the same."""
    left, right = _lattice(order.left, constants), _lattice(order.right, constants)
    strict = order.relation in ("<<", ">>")
    found: list[Clause] = []
    if order.relation in ("<=", "<<", "~"):
        found += _below(left, right, strict, order.up_to_logs)
    if order.relation in (">=", ">>", "~"):
        found += _below(right, left, strict, order.up_to_logs)
    return tuple(dict.fromkeys(found))


def _below(left: Lattice, right: Lattice, strict: bool, tilde: bool) -> Iterator[Clause]:
    """max_i min_j x_ij <= min_k max_l y_kl: for all i and k, some x_ij <= y_kl."""
    for smaller, larger in product(left, _flip(right)):
        literals = {Literal(times(x, raised(y, Fraction(-1))), strict, tilde): None for x in smaller for y in larger}
        if strict or not any(not literal.ratio for literal in literals):  # 1 <= 1 says nothing
            yield tuple(literals)
