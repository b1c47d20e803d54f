r"""Order-of-magnitude entailment: does a statement about orders follow from others, for all scalings?

Parameters are positive and depend on a size that grows without bound. ``X <= Y`` means X = O(Y): some constant K has
X <= K Y from some size on; ``>=`` is Omega, ``~`` is Theta, ``<<`` is o, ``>>`` is omega. *Up to logarithms*, a factor
(log x + log 1/x)^k of any parameters x that premises and goal compare, for some k, is forgiven in O, Omega and Theta;
X << Y up to logarithms means that X stays below Y by more than every such factor, so that it is the negation of
Y <= X. So what is forgiven depends on what else is there: d <= n up to logarithms says nothing of d and n beside a
parameter that may be exponential in n.

**What is decided.** Expressions are made of constants, products, rational powers, max, min, sums of positive terms (a
sum is a max, up to a constant) and logarithms; ``log E`` is read as max(1, log E), as every paper does that multiplies
by one. Any of them is a max of mins of monomials in the parameters and in such logarithms, so each relation is a
conjunction of clauses, each a disjunction of ``monomial <= 1`` or ``monomial << 1``. Of a disjunction one alternative
holds along a subsequence, which is enough to refute.

*Without logarithms* the answer is complete. In log-parameters, premises and negated goal are homogeneous linear
inequalities, and Motzkin's theorem (:mod:`theory.cone`) gives, case by case, multipliers whose product of premises
contradicts the negated goal, hence a proof for *all* sequences of parameters, or a ray, hence a scaling x = N^a.

*With logarithms* every proof is still sound for all sequences. It may use, for monomials E and F,

- log E >= 1;
- along a subsequence, E is bounded (then so is log E), or tends to infinity (then log E does, below every power of E);
- along a subsequence, log E <= log F, or log F << log E and E exceeds every power of F.

A counter-scaling is looked for among x = N^a (log N)^b (log log N)^c, where the logarithms are known exactly. Scalings
between these, such as exp(sqrt(log N)), are beyond both: where neither proof nor counter-scaling is found, the answer
is "undecided". No floating point enters, and either certificate is checked again before it is returned.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fractions import Fraction
from functools import cached_property, lru_cache
from itertools import product
from math import lcm

import sympy as sp

from theory.cone import Rational, decide
from theory.statements import Band, Condition, tex
from theory.symbols import table

RELATIONS = {"<=": "≲", ">=": "≳", "~": "≍", "<<": "≪", ">>": "≫"}
LATEX = {"<=": r"\lesssim", ">=": r"\gtrsim", "~": r"\asymp", "<<": r"\ll", ">>": r"\gg"}
DEPTH = 3  # tiers of a scaling: powers of N, log N, log log N
BUDGET = 10_000  # linear programmes per clause of a goal before the answer is "undecided"
ASIDE = 1000  # of them for what is said beside the answer, the weakest premise
QUIET = (
    "sigma_xi",
    "mu",
    "T_star",
    "m",
    "sigma_0",
    "eta",
)  # stay constant in a counter-scaling if they can, in this order
QUICK = 60  # of them for a first try at a counter-scaling, and for each try to simplify one
SIZE = 400  # monomials that an expression may expand into


@dataclass(frozen=True)
class Order:
    """A relation between orders of magnitude.

    Attributes:
        left, right: positive SymPy expressions.
        relation: a key of :data:`RELATIONS`.
        up_to_logs: the tilde form.
    """

    left: sp.Expr
    relation: str
    right: sp.Expr
    up_to_logs: bool = False

    def __post_init__(self) -> None:
        if self.relation not in RELATIONS:
            raise ValueError(f"relation '{self.relation}': use one of {', '.join(RELATIONS)}")
        object.__setattr__(self, "left", sp.sympify(self.left))
        object.__setattr__(self, "right", sp.sympify(self.right))

    def __str__(self) -> str:
        tilde = " (up to logarithms)" if self.up_to_logs else ""
        return f"{_plain(self.left)} {RELATIONS[self.relation]} {_plain(self.right)}{tilde}"

    @property
    def symbols(self) -> set[str]:
        return {s.name for s in self.left.free_symbols | self.right.free_symbols}

    @property
    def latex(self) -> str:
        left, right = tex(self.left), tex(self.right)
        tilde = r"\quad (\text{up to logarithms})" if self.up_to_logs else ""
        return f"{left} {LATEX[self.relation]} {right}{tilde}"


@dataclass(frozen=True, kw_only=True)
class Premise:
    """An order that is assumed, by name.

    Attributes:
        name: what certificates cite and ``--drop`` removes.
        order: what it says.
        says: one plain-English sentence.
        fact: part of the meaning of a parameter, not of a condition.
    """

    name: str
    order: Order
    says: str = ""
    fact: bool = False

    def __str__(self) -> str:
        return f"{self.order}  [{self.name}]"


class Status(StrEnum):
    ENTAILED = "entailed"
    NOT_ENTAILED = "not entailed"
    UNDECIDED = "undecided"
    CONSISTENT = "consistent"
    CONTRADICTORY = "contradictory"


Tiers = tuple[Fraction, ...]


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """Parameters as functions of N: x = N^a (log N)^b (log log N)^c with N to infinity.

    Attributes:
        powers: (a, b, c) by symbol name; a constant has (0, 0, 0).
    """

    powers: Mapping[str, Tiers]

    def __str__(self) -> str:
        return ", ".join(f"{name} = {_tier_text(tiers)}" for name, tiers in self.powers.items())

    def order(self, expression: sp.Expr) -> Tiers:
        """The order of an expression along the scaling, as powers of N, log N, log log N and log log log N.

        Raises:
            ValueError: a symbol has no power here, or the expression no order.
        """
        return _order_along(sp.sympify(expression), self.powers)

    def along(self, expression: sp.Expr) -> str:
        """The order of an expression along the scaling, in words: ``N^2 log(N)``."""
        return _tier_text(self.order(expression))

    def holds(self, order: Order) -> bool:
        """Whether an order holds along the scaling, by exact arithmetic on the expressions as they stand."""
        left, right = self.order(order.left), self.order(order.right)
        if order.up_to_logs:
            # Every logarithm is at most log N; if nothing is a power of N, those of log N are what counts.
            top = next((k for k in range(DEPTH) if any(t[k] for t in self.powers.values())), DEPTH)
            left, right = left[: top + 1], right[: top + 1]
        return {
            "<=": left <= right,
            ">=": left >= right,
            "~": left == right,
            "<<": left < right,
            ">>": left > right,
        }[order.relation]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Whether a goal follows, with the certificate of it.

    Attributes:
        status: entailed, not entailed, undecided, or contradictory (premises that nothing satisfies entail nothing);
            consistent where no goal was asked and a scaling meets all premises.
        given, goal: what was asked; ``goal`` is None where only consistency was.
        derivation: the proof, or that of the contradiction; None otherwise.
        scaling: the counter-scaling (or one inside the premises, where only consistency was asked); None otherwise.
        weakest: the weakest single premise that would make the goal follow, where one is consistent with the others.
        used: names of the premises and facts that the derivation uses.
        reason: one sentence.
    """

    status: Status
    given: tuple[Premise, ...]
    goal: Order | None
    derivation: "Derivation | None" = None
    scaling: Scaling | None = None
    weakest: Order | None = None
    used: tuple[str, ...] = ()
    reason: str = ""


# ---------------------------------------------------------------------------------------------------------------
# Facts and conditions as premises


def facts(names: Iterable[str] | None = None) -> tuple[Premise, ...]:
    """What the symbols table says of the parameters named (of all by default): n >= 1, delta ~ 1 ..."""
    wanted = None if names is None else set(names)
    found = []
    for parameter in table():
        if parameter.order and (wanted is None or parameter.name in wanted):
            order = Order(parameter.symbol, parameter.order, sp.Integer(1))
            found.append(Premise(name=f"fact:{parameter.name}", order=order, says=parameter.domain, fact=True))
    return tuple(found)


def premises(conditions: Iterable[Condition]) -> tuple[Premise, ...]:
    """Conditions as premises about orders: a band is Theta(1), and "tau = 0" says nothing about orders.

    Raises:
        ValueError: a condition has no order, e.g. one with a difference of parameters.
    """
    found = []
    for condition in conditions:
        statement = condition.statement
        if isinstance(statement, Band):
            order = Order(statement.expression, "~", sp.Integer(1))
        elif isinstance(statement, sp.Eq):
            if 0 in (statement.lhs, statement.rhs):
                continue
            order = Order(statement.lhs, "~", statement.rhs)
        else:
            order = Order(statement.lhs, ">=" if isinstance(statement, (sp.Ge, sp.Gt)) else "<=", statement.rhs)
        found.append(Premise(name=condition.name, order=order, says=condition.says))
    return tuple(found)


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

_POLYLOG = Log(())  # a power of all logarithms together, as large as the tilde forms need; no log of a monomial is it


def _name(atom: Atom) -> str:
    if atom == _POLYLOG:
        return "polylog"
    return atom if isinstance(atom, str) else f"log({_monomial_text(atom.of)})"


def _monomial(powers: Mapping[Atom, Fraction]) -> Monomial:
    kept = [(atom, power) for atom, power in powers.items() if power]
    return tuple(sorted(kept, key=lambda item: (isinstance(item[0], Log), _name(item[0]))))


def _times(*factors: Monomial) -> Monomial:
    powers: dict[Atom, Fraction] = {}
    for factor in factors:
        for atom, power in factor:
            powers[atom] = powers.get(atom, Fraction(0)) + power
    return _monomial(powers)


def _power(monomial: Monomial, power: Fraction) -> Monomial:
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
    return tuple(tuple(sorted(part, key=_monomial_text) if len(part) > 1 else part) for part in least)


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
            powered = tuple(tuple(_power(x, power) for x in part) for part in base)
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
        found = _absorbed(tuple(tuple(_times(a, b) for a in p for b in q) for p in found for q in other))
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
        return Literal(_power(self.ratio, Fraction(-1)), not self.strict, self.tilde)

    def __str__(self) -> str:
        above = _monomial_text(tuple((a, p) for a, p in self.ratio if p > 0))
        below = _monomial_text(tuple((a, -p) for a, p in self.ratio if p < 0))
        return f"{above} {'≪' if self.strict else '≲'} {below}{' (up to logarithms)' if self.tilde else ''}"


Clause = tuple[Literal, ...]


@lru_cache(maxsize=1024)
def _clauses(order: Order, constants: frozenset[str]) -> tuple[Clause, ...]:
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
        literals = {Literal(_times(x, _power(y, Fraction(-1))), strict, tilde): None for x in smaller for y in larger}
        if strict or not any(not literal.ratio for literal in literals):  # 1 <= 1 says nothing
            yield tuple(literals)


# ---------------------------------------------------------------------------------------------------------------
# Proofs by refutation


@dataclass(frozen=True)
class Row:
    """A literal at hand in a branch, and why.

    ``every`` = (A, B) marks "A lies below every power of B": the literal takes one power, and any above 0 is as true.
    """

    literal: Literal
    why: str
    every: "tuple[Monomial, Monomial] | None" = None


@dataclass(frozen=True)
class Split:
    """Cases of which one holds along a subsequence. ``cites`` names the premise, if it is no rule of logarithms.

    ``grows`` is the monomial of which the cases are "tends to infinity" and "is bounded".
    """

    labels: tuple[str, ...]
    alternatives: tuple[tuple[Row, ...], ...]
    cites: str = ""
    grows: Monomial | None = None


@dataclass(frozen=True)
class Leaf:
    """Powers of rows whose product is 1, one of them strict: 1 << 1."""

    steps: tuple[tuple[Row, Fraction], ...]


@dataclass(frozen=True)
class Cases:
    split: Split
    branches: "tuple[Leaf | Cases, ...]"


Proof = Leaf | Cases


@dataclass(frozen=True, kw_only=True)
class Derivation:
    """A checked proof, one part per conjunct of the goal.

    Attributes:
        parts: (negated goal literals, proof) for each; without literals, the premises contradict each other.
    """

    parts: tuple[tuple[Clause, Proof], ...]
    constants: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = []
        if self.constants:
            lines.append(f"{', '.join(self.constants)} ≍ 1 and numbers are dropped")
        for clause, proof in self.parts:
            lines += _part_lines(clause, proof)
        if not self.parts:
            lines.append("Both sides are of the same order, identically")
        return "\n".join(lines)


class _Exhausted(Exception):
    pass


Tried = tuple[tuple[Row, ...], list[int] | None, list[Fraction] | None]


@dataclass
class _Search:
    """One refutation: rows that hold, splits not yet made, and what was found."""

    parameters: tuple[str, ...]
    logs: tuple[Log, ...]
    clauses: tuple[tuple[Clause, str], ...]  # of the premises, with their names
    goal: Clause  # negated
    small: Fraction  # stands for "every power", see _small
    simplify: bool = True  # a counter-scaling
    budget: int = BUDGET
    spent: int = 0
    index: dict[Atom, int] = field(default_factory=dict)
    vectors: dict[Literal, list[Rational]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.index = {atom: k for k, atom in enumerate((*self.parameters, *self.logs, _POLYLOG))}

    def vector(self, literal: Literal) -> list[Rational]:
        if literal in self.vectors:
            return self.vectors[literal]
        row: list[Rational] = [0] * len(self.index)
        for atom, power in literal.ratio:
            row[self.index[atom]] += power
        if literal.tilde:
            row[-1] += 1 / self.small if literal.strict else -1
        row = [int(a) if a.denominator == 1 else a for a in row]  # faster
        self.vectors[literal] = row
        return row

    def solve(self, rows: Sequence[Row]) -> tuple[list[int] | None, list[Fraction] | None]:
        """A point of the cone, in whole numbers as only signs are asked of it, or multipliers."""
        self.spent += 1
        if self.spent > self.budget:
            raise _Exhausted
        if not rows:
            return [0] * len(self.index), None
        point, multipliers = decide([self.vector(r.literal) for r in rows], [r.literal.strict for r in rows])
        if point is None:
            return None, multipliers
        scale = lcm(*[x.denominator for x in point])
        return [x.numerator * (scale // x.denominator) for x in point], None

    def run(self) -> "tuple[Proof | None, Scaling | None]":
        rows = [Row(clause[0], name) for clause, name in self.clauses if len(clause) == 1]
        rows += [Row(literal, "the contrary") for literal in self.goal]
        rows += [Row(Literal(((log, Fraction(-1)),)), "a logarithm is at least 1") for log in self.logs]
        splits = [
            Split(tuple(map(str, clause)), tuple((Row(x, name),) for x in clause), name)
            for clause, name in self.clauses
            if len(clause) > 1
        ]
        tilde = any(x.tilde for clause, _ in self.clauses for x in clause) or any(x.tilde for x in self.goal)
        if tilde:
            rows.append(Row(Literal(((_POLYLOG, Fraction(-1)),)), "a logarithm is at least 1"))
            rows += [
                Row(Literal(_times(((log, Fraction(1)),), ((_POLYLOG, Fraction(-1)),))), "forgiven up to logarithms")
                for log in self.logs
            ]
        splits += [_growth(log, self.small) for log in self.logs]
        if tilde:
            splits.append(_dominant(self.parameters, self.small))
        splits += [_compared(e, f, self.small) for e in self.logs for f in self.logs if e != f]
        point, multipliers = self.solve(rows)
        return self._close(rows, splits, point, multipliers)

    def _close(
        self,
        rows: list[Row],
        splits: list[Split],
        point: list[int] | None,
        multipliers: list[Fraction] | None,
    ) -> "tuple[Proof | None, Scaling | None]":
        if multipliers is not None:
            return self._tidy(rows, multipliers), None
        assert point is not None
        # What a premise says to grow grows: the case is made first, for later ones to lean on.
        said = {_power(row.literal.ratio, Fraction(-1)) for row in rows if row.literal.strict}
        broken = [
            s
            for s in splits
            if s.grows in said or not any(self._met(alternative, point) for alternative in s.alternatives)
        ]
        broken.sort(key=lambda s: s.grows not in said)
        if not broken:
            return None, self._scaling(point, self.budget - self.spent)
        if not any(split.cites for split in broken):
            # Logarithms apart, this point is a ray already: it often extends to a scaling at once.
            scaling = self._scaling(point, QUICK)
            if scaling is not None:
                return None, scaling
        # Cases that the premises rule out whatever the goal are lemmas, which keep a derivation straight.
        own = [row for row in rows if row.why != "the contrary"]
        lemmas: list[list[int]] = []
        for split in broken if len(own) < len(rows) else ():
            tried = self._tried(split, own, lemmas)
            if sum(closed is None for _, _, closed in tried) <= 1:
                return self._branch(rows, splits, split, tried, own)
        # Else the split of fewest cases that survive one linear programme.
        best: tuple[Split, list[Tried]] | None = None
        points: list[list[int]] = []
        for split in broken:
            tried = self._tried(split, rows, points)
            alive = sum(m is None for _, _, m in tried)
            if best is None or alive < sum(m is None for _, _, m in best[1]):
                best = split, tried
            if alive <= 1:
                break
        assert best is not None
        return self._branch(rows, splits, *best, rows)

    def _branch(
        self, rows: list[Row], splits: list[Split], split: Split, tried: list[Tried], own: list[Row]
    ) -> "tuple[Proof | None, Scaling | None]":
        """The cases of a split; ``tried`` holds, per alternative, what ``own`` rows say of it."""
        others = [s for s in splits if s is not split]
        branches: list[Proof | None] = [None] * len(tried)
        for k in sorted(range(len(tried)), key=lambda k: tried[k][2] is None):  # what is closed already goes first
            alternative, inner, closed = tried[k]
            if closed is not None:
                proof = self._tidy([*own, *alternative], closed)
            else:
                if own is not rows:
                    inner, closed = self.solve([*rows, *alternative])
                proof, scaling = self._close([*rows, *alternative], others, inner, closed)
                if scaling is not None:
                    return None, scaling
            if proof is not None and not _uses(proof, alternative):
                return proof, None  # a case that does not use what it assumes is the whole proof
            branches[k] = proof
        if any(b is None for b in branches):
            return None, None
        return Cases(split, tuple(b for b in branches if b is not None)), None

    def _tried(self, split: Split, rows: list[Row], points: list[list[int]]) -> list[Tried]:
        """What rows say of each alternative: a point, or multipliers. ``points`` are some that meet the rows."""
        tried: list[Tried] = []
        for alternative in split.alternatives:
            known = next((p for p in points if self._met(alternative, p)), None)
            point, closed = (known, None) if known is not None else self.solve([*rows, *alternative])
            if point is not None and known is None:
                points.append(point)
            tried.append((alternative, point, closed))
        return tried

    def _met(self, alternative: Sequence[Row], point: list[int]) -> bool:
        for row in alternative:
            value = sum(a * b for a, b in zip(self.vector(row.literal), point, strict=True) if a)
            if value > 0 or (row.literal.strict and value == 0):
                return False
        return True

    def _tidy(self, rows: list[Row], multipliers: list[Fraction]) -> Leaf:
        """A short contradiction with simple powers: fewest rows, and the largest power that a logarithm may have."""
        kept = [row for row, power in zip(rows, multipliers, strict=True) if power]
        for row in sorted(kept, key=lambda r: r.why != "the contrary"):
            fewer = [r for r in kept if r is not row]
            if fewer and decide([self.vector(r.literal) for r in fewer], [r.literal.strict for r in fewer])[1]:
                kept = fewer
        for power in _round_powers(self.small):
            larger = [_with_power(row, power) for row in kept]
            if larger == kept:
                break
            if decide([self.vector(r.literal) for r in larger], [r.literal.strict for r in larger])[1]:
                kept = larger
                break
        found = decide([self.vector(r.literal) for r in kept], [r.literal.strict for r in kept])[1]
        assert found is not None
        strict = [p for row, p in zip(kept, found, strict=True) if p and row.why == "the contrary"]
        scale = 1 / strict[0] if strict else 1 / min(p for p in found if p)
        return Leaf(tuple((row, p * scale) for row, p in zip(kept, found, strict=True) if p))

    # -- counter-scalings --------------------------------------------------------------------------------------

    def _scaling(self, point: list[int], budget: int) -> Scaling | None:
        """A scaling that satisfies the premises, in the alternatives that ``point`` chose, and the negated goal."""
        chosen = list(self.goal)
        for clause, name in self.clauses:
            if len(clause) == 1:
                chosen.append(clause[0])
                continue
            chosen.append(next(x for x in clause if self._met((Row(x, name),), point)))
        chosen = list(dict.fromkeys(chosen))
        hints = {log: sum(p * point[self.index[a]] for a, p in log.of) for log in self.logs}
        found = self._tiers(chosen, hints, frozenset(), budget)
        if found is None:
            return None
        # The simplest that serves: parameters that may stay constant do, and powers of logarithms go where they may.
        still: set[tuple[str, int]] = set()
        rounds = [(range(DEPTH), QUIET), *((range(k, DEPTH), self.parameters) for k in range(1, DEPTH))]
        for tiers, names in rounds if self.simplify else ():
            for name in sorted(self.parameters, key=lambda p: names.index(p) if p in names else len(names)):
                fixed = still | {(name, k) for k in tiers}
                if all(found[name][k] == 0 for k in tiers):
                    still = fixed
                elif (simpler := self._tiers(chosen, hints, frozenset(fixed), QUICK)) is not None:
                    still, found = fixed, simpler
        if self.simplify:
            found = self._tiers(chosen, hints, frozenset(still), QUICK, corner=True) or found
        base = next((t[0] for name, t in found.items() if t[0] > 0), None) or next(
            (-t[0] for t in found.values() if t[0]), Fraction(1)
        )
        return Scaling(powers={name: (t[0] / base, *t[1:]) for name, t in found.items()})

    def _tiers(
        self,
        literals: list[Literal],
        hints: Mapping[Log, Rational],
        still: frozenset[tuple[str, int]],
        budget: int,
        corner: bool = False,
    ) -> dict[str, Tiers] | None:
        """Powers of N, then of log N, then of log log N. Which logarithms grow at a tier is searched for.

        At each tier as many relations as can be are strict, so that they leave the later tiers alone; with ``corner``
        as few as must be, which gives simpler powers if it gives any.
        """
        left = budget

        def solve(given: list[tuple[list[Rational], bool]]) -> tuple[list[Fraction] | None, list[Fraction] | None]:
            nonlocal left
            left, self.spent = left - 1, self.spent + 1
            return decide([r for r, _ in given], [s for _, s in given]) if left >= 0 else (None, [])

        def tier(k: int, active: list[Literal], level: dict[Log, int], values: dict[str, list[Fraction]]):
            if k == DEPTH:
                # What is left differs by the logarithms of log log N at most; their own would be told by nothing.
                def beyond(monomial: Monomial) -> Fraction:
                    return sum((p for atom, p in monomial if level.get(atom) == DEPTH), Fraction(0))

                left_over = [(beyond(x.ratio), x.strict) for x in active]
                if any(v > 0 or (strict and v == 0) for v, strict in left_over):
                    return None
                if any(beyond(log.of) > 0 for log in self.logs if log not in level):
                    return None
                return {name: tuple(v) for name, v in values.items()}

            def row(monomial: Monomial) -> list[Rational]:
                """Coefficients of the parameters at this tier, then the constant that logarithms add."""
                out: list[Rational] = [0] * (len(self.parameters) + 1)
                for atom, power in monomial:
                    if isinstance(atom, str):
                        out[self.index[atom]] += power
                    elif level.get(atom) == k:
                        out[-1] += power
                return out

            lines = [(row(x.ratio), x.strict and x.tilde) for x in active]
            base = [([0] * len(self.parameters) + [-1], True), *lines]
            for name in (name for name, at in still if at == k):
                line = [int(p == name) for p in self.parameters] + [0]
                base += [(line, False), ([-a for a in line], False)]

            def signs(rest: list[Log], extra: list, picked: dict[Log, int], point: list[Fraction] | None):
                if point is None:
                    return None
                if not rest:
                    return settle(extra, picked, point)
                log, line = rest[0], row(rest[0].of)
                opposite = [-a for a in line]
                options = {1: [(opposite, True)], 0: [(line, False), (opposite, False)], -1: [(line, True)]}
                hint = (hints[log] > 0) - (hints[log] < 0)
                here = _dot(line, point)
                for sign in sorted(options, key=lambda s: (s != hint, s != 0)):
                    more = extra + options[sign]
                    kept = point if (here > 0) - (here < 0) == sign else solve(base + more)[0]
                    done = signs(rest[1:], more, picked | {log: sign}, kept)
                    if done is not None or left < 0:
                        return done
                return None

            def settle(extra: list, picked: dict[Log, int], point: list[Fraction]):
                free = set() if corner else {i for i, (_, strict) in enumerate(lines) if not strict}
                while free:
                    given = [(line, s or i - 1 in free) for i, (line, s) in enumerate(base)]
                    inner, support = solve(given + extra)
                    if inner is not None:
                        point = inner
                        break
                    # Relations in a combination that vanishes hold with equality everywhere.
                    tight = {i - 1 for i, power in enumerate(support or []) if power and i - 1 in free}
                    if not tight:
                        return None
                    free -= tight
                at = [a / point[-1] for a in point[:-1]]
                if k == 0 and not any(at):
                    # Were anything to grow, N could be chosen as its largest growth: so nothing does.
                    nothing = {name: (Fraction(0),) * DEPTH for name in self.parameters}
                    return None if any(x.strict for x in active) else nothing
                remaining = [
                    x
                    for x, (line, _) in zip(active, lines, strict=True)
                    if _dot(line, point) == 0 and not (x.tilde and not x.strict)
                ]
                grown = level | {log: k + 1 if sign > 0 else -1 for log, sign in picked.items() if sign}
                return tier(
                    k + 1, remaining, grown, {name: [*values[name], at[i]] for i, name in enumerate(self.parameters)}
                )

            return signs([log for log in self.logs if log not in level], [], {}, solve(base)[0])

        return tier(0, literals, {}, {name: [] for name in self.parameters})


def _dot(a: Sequence[Fraction], b: Sequence[Fraction]) -> Fraction:
    return sum((x * y for x, y in zip(a, b, strict=True) if x), Fraction(0))


def _small(clauses: Iterable[Clause], logs: Sequence[Log], atoms: int) -> Fraction:
    """The power that stands for "every power" in the linear programmes of one problem; its inverse for a large one.

    Any power is sound, and a smaller one proves no less. Whether a programme has a point is told by the signs of
    determinants of its rows, in whole numbers: polynomials in the power, whose coefficients add up to at most the
    product of what the rows add up to. Below the inverse of that no sign changes any more, so nothing is missed.
    """
    sums = [2]
    for literal in {x for clause in clauses for x in clause}:
        scale = lcm(*(p.denominator for _, p in literal.ratio))
        sums.append(int(sum(abs(p) for _, p in literal.ratio) * scale) + literal.tilde * scale)
    inside = [int(sum(abs(p) for _, p in log.of)) for log in logs]
    sums += [max(inside, default=0) + max(*inside, 1)] if inside else []
    return Fraction(1, (max(sums) + 1) ** (atoms + 1))  # and one for the strictness


def _round_powers(least: Fraction) -> Iterator[Fraction]:
    """1, 1/2, 1/4, 1/10, 1/20 ... down to ``least``."""
    power = Fraction(1)
    while power > least:
        yield from (power, power / 2, power / 4)
        power /= 10


def _growth(log: Log, small: Fraction) -> Split:
    """E tends to infinity, and log E with it but below every power of E; or E is bounded, and so is log E."""
    inside, itself = log.of, ((log, Fraction(1)),)
    text = _monomial_text(inside)
    grows = (
        Row(Literal(_power(inside, Fraction(-1)), True), f"{text} → ∞"),
        Row(Literal(_power(itself, Fraction(-1)), True), f"the logarithm grows as {text} → ∞"),
        _below_every_power(itself, inside, small, f"a logarithm is below every power, {text} → ∞"),
    )
    bounded = (
        Row(Literal(inside), f"{text} bounded"),
        Row(Literal(itself), f"the logarithm is bounded as {text} is"),
    )
    return Split((f"{text} → ∞", f"{text} ≲ 1"), (grows, bounded), grows=inside)


def _below_every_power(a: Monomial, b: Monomial, small: Fraction, why: str) -> Row:
    return _with_power(Row(Literal((), True), why, (a, b)), small)


def _with_power(row: Row, power: Fraction) -> Row:
    """ "A lies below every power of B" with another power; other rows as they are."""
    if row.every is None:
        return row
    a, b = row.every
    return replace(row, literal=Literal(_times(a, _power(b, -power)), True))


def _compared(e: Log, f: Log, small: Fraction) -> Split:
    """log E <= log F, or log F << log E and E exceeds every power of F."""
    both = _times(((e, Fraction(1)),), ((f, Fraction(-1)),))
    one, other = _monomial_text(e.of), _monomial_text(f.of)
    below = (Row(Literal(both), f"log({one}) ≲ log({other}), as {one} is below some power of {other}"),)
    beyond = (
        Row(Literal(_power(both, Fraction(-1)), True), f"{one} is beyond every power of {other}"),
        _below_every_power(f.of, e.of, small, f"{one} is beyond every power of {other}"),
    )
    return Split((f"log({one}) ≲ log({other})", f"{one} beyond every power of {other}"), (below, beyond))


def _dominant(parameters: Sequence[str], small: Fraction) -> Split:
    """Which parameter, or its inverse, has the largest logarithm: polylogarithms lie below its every power."""
    signed = [((p, Fraction(s)),) for p in parameters for s in (1, -1)]
    alternatives, labels = [], []
    for x in signed:
        text = _monomial_text(x)
        rows = [
            Row(Literal(_power(x, Fraction(-1)), True), f"{text} → ∞"),
            _below_every_power(((_POLYLOG, Fraction(1)),), x, small, f"logarithms are below every power of {text}"),
        ]
        alternatives.append(tuple(rows))
        labels.append(f"log({text}) is the largest logarithm")
    bounded = [Row(Literal(x), "all parameters bounded") for x in signed]
    bounded.append(Row(Literal(((_POLYLOG, Fraction(1)),)), "all parameters bounded"))
    return Split((*labels, "all parameters bounded"), (*alternatives, tuple(bounded)))


def _uses(proof: Proof, rows: Sequence[Row]) -> bool:
    if isinstance(proof, Leaf):
        return any(_same(step, row) for step, _ in proof.steps for row in rows)
    return any(_uses(branch, rows) for branch in proof.branches)


def _same(a: Row, b: Row) -> bool:
    return a.why == b.why and (a.every == b.every if a.every else a.literal == b.literal)


# ---------------------------------------------------------------------------------------------------------------
# The public verbs


def entails(given: Iterable[Premise], goal: Order, *, parameter_facts: tuple[Premise, ...] | None = None) -> Answer:
    """Whether ``goal`` follows from ``given`` for all scalings, with a certificate either way.

    Args:
        given: the premises.
        goal: what should follow.
        parameter_facts: what holds of the parameters by their meaning; those of the symbols table by default.

    Raises:
        ValueError: an expression has no order of magnitude (a difference, a power that is no number).
    """
    given = tuple(given)
    background, constants = _background(given, goal, parameter_facts)
    problem = _Problem(given, goal, background, constants)
    parts, undecided = [], False
    for clause in _clauses(goal, constants):
        negated = tuple(x.negated() for x in clause)
        proof, scaling, open_ = problem.refute(negated)
        if scaling is not None:
            return Answer(
                status=Status.NOT_ENTAILED,
                given=given,
                goal=goal,
                scaling=scaling,
                weakest=problem.weakest(),
                reason="the scaling meets every premise and breaks the goal",
            )
        undecided |= open_
        if proof is not None:
            parts.append((negated, proof))
    # No scaling was found, perhaps as there is none inside the premises. Up to logarithms of the parameters that occur,
    # those of the goal have a say in that.
    tilde = any(p.order.up_to_logs for p in (*given, *background))
    alone = _consistent(given, parameter_facts, goal if tilde else None)
    if alone.status == Status.CONTRADICTORY:
        return replace(alone, goal=goal)
    if undecided:
        reason = "neither a proof nor a counter-scaling of the form N^a (log N)^b (log log N)^c was found"
        return Answer(status=Status.UNDECIDED, given=given, goal=goal, reason=reason)
    derivation = Derivation(parts=tuple(parts), constants=problem.dropped)
    return Answer(
        status=Status.ENTAILED,
        given=given,
        goal=goal,
        derivation=derivation,
        used=problem.used(derivation),
        reason="a product of powers of the premises is the goal"
        + ("; no scaling inside the premises was found" if alone.status == Status.UNDECIDED else ""),
    )


def consistent(given: Iterable[Premise], *, parameter_facts: tuple[Premise, ...] | None = None) -> Answer:
    """Whether some scaling satisfies all of ``given``; the answer holds it, or the proof of the contradiction."""
    return _consistent(tuple(given), parameter_facts, None, simplify=True)


@lru_cache(maxsize=256)  # the same set is asked about many goals
def _consistent(
    given: tuple[Premise, ...],
    parameter_facts: tuple[Premise, ...] | None,
    beside: Order | None,
    simplify: bool = False,
) -> Answer:
    background, constants = _background(given, beside, parameter_facts)
    return replace(_Problem(given, beside, background, constants).consistent(simplify), goal=None)


def _background(
    given: tuple[Premise, ...], goal: Order | None, parameter_facts: tuple[Premise, ...] | None
) -> tuple[tuple[Premise, ...], frozenset[str]]:
    """The facts about the symbols that occur, and which of these are constants."""
    occurring = set().union(*(p.order.symbols for p in given), goal.symbols if goal else set())
    known = facts(occurring) if parameter_facts is None else parameter_facts
    here = tuple(p for p in known if p.order.symbols & occurring)
    constants = {p.order.left.name for p in here if isinstance(p.order.left, sp.Symbol) and _is_constant(p.order)}
    return here, frozenset(constants)


def _is_constant(order: Order) -> bool:
    return order.relation == "~" and not order.up_to_logs and bool(order.right.is_number)


class _Problem:
    """Premises and facts as clauses, ready for one negated goal after the other."""

    def __init__(
        self,
        given: tuple[Premise, ...],
        goal: Order | None,
        background: tuple[Premise, ...],
        constants: frozenset[str],
    ) -> None:
        self.given, self.goal, self.background, self.constants = given, goal, background, constants
        self.dropped = tuple(sorted(constants))
        clauses: dict[Clause, str] = {}
        for premise in (*given, *background):
            for clause in _clauses(premise.order, constants):
                clauses.setdefault(clause, premise.name)
        self.clauses = tuple(clauses.items())
        goal_clauses = _clauses(goal, constants) if goal is not None else ()
        everything = [x for c in (*clauses, *goal_clauses) for x in c]
        atoms = _atoms(x.ratio for x in everything)
        names = {p.name: k for k, p in enumerate(table())}
        self.parameters = tuple(
            sorted((a for a in atoms if isinstance(a, str)), key=lambda a: (names.get(a, len(names)), a))
        )
        self.logs = tuple(sorted((a for a in atoms if isinstance(a, Log)), key=lambda a: (_depth(a), _name(a))))
        self.small = _small((*clauses, *goal_clauses), self.logs, len(self.parameters) + len(self.logs) + 1)

    def refute(
        self, negated: Clause, simplify: bool = True, budget: int = BUDGET
    ) -> tuple[Proof | None, Scaling | None, bool]:
        """A checked proof that the negated goal is impossible, or a checked scaling where it holds, or neither."""
        search = _Search(self.parameters, self.logs, self.clauses, negated, self.small, simplify, budget)
        try:
            proof, scaling = search.run()
        except _Exhausted:
            return None, None, True
        if proof is not None:
            _check(proof, self, negated)
        if scaling is not None:
            scaling = self._whole(scaling)
            self._check_scaling(scaling, negated)
        return proof, scaling, proof is None and scaling is None

    def _whole(self, scaling: Scaling) -> Scaling:
        """With what the comparison did not need: constants, and parameters that cancel."""
        occurring = set().union(*(p.order.symbols for p in self.given), self.goal.symbols if self.goal else set())
        constant = (Fraction(0),) * DEPTH
        return Scaling(powers={**scaling.powers, **{k: constant for k in sorted(occurring - set(scaling.powers))}})

    def _check_scaling(self, scaling: Scaling, negated: Clause) -> None:
        for premise in (*self.given, *self.background):
            if not scaling.holds(premise.order):
                raise AssertionError(f"counter-scaling {scaling} breaks {premise}")
        if negated and self.goal is not None and scaling.holds(self.goal):
            raise AssertionError(f"counter-scaling {scaling} meets the goal {self.goal}")

    def consistent(self, simplify: bool = False) -> Answer:
        proof, scaling, _ = self.refute((), simplify)
        if proof is not None:
            derivation = Derivation(parts=(((), proof),), constants=self.dropped)
            return Answer(
                status=Status.CONTRADICTORY,
                given=self.given,
                goal=None,
                derivation=derivation,
                used=self.used(derivation),
                reason="the premises contradict each other, so they entail nothing",
            )
        if scaling is None:
            return Answer(
                status=Status.UNDECIDED,
                given=self.given,
                goal=None,
                reason="neither a contradiction nor a scaling inside the premises was found",
            )
        return Answer(
            status=Status.CONSISTENT,
            given=self.given,
            goal=None,
            scaling=scaling,
            reason="the scaling meets every premise",
        )

    def used(self, derivation: Derivation) -> tuple[str, ...]:
        cited = set().union(*(_cited(proof) for _, proof in derivation.parts))
        occurring = set().union(
            *(p.order.symbols for p in self.given if p.name in cited), self.goal.symbols if self.goal else set()
        )
        cited |= {p.name for p in self.background if p.order.symbols <= occurring & self.constants}
        return tuple(p.name for p in (*self.given, *self.background) if p.name in cited)

    def weakest(self) -> Order | None:
        """The goal itself is the weakest premise that gives it, or what of it does not follow already.

        Written as a bound on one parameter, where it is one monomial.
        """
        assert self.goal is not None
        candidate = self.goal
        missing = _clauses(self.goal, self.constants)
        if len(missing) > 1:
            missing = [c for c in missing if not self._proves(c)]
        if len(missing) == 1 and len(missing[0]) == 1:
            candidate = _solved(self._reduced(missing[0][0]))
        added = (*self.given, Premise(name="added", order=candidate))
        inner = _Problem(added, self.goal, self.background, self.constants)
        if inner.refute((), False, ASIDE)[1] is None:  # contradicts the others, for all that was found
            return None
        if all(inner._proves(c) for c in _clauses(self.goal, self.constants)):
            return candidate
        return self.goal if candidate != self.goal else None

    def _proves(self, clause: Clause) -> bool:
        return self.refute(tuple(x.negated() for x in clause), False, ASIDE)[0] is not None

    def _reduced(self, literal: Literal) -> Literal:
        """The literal rewritten by premises that hold both ways (kappa ~ 1), where that leaves fewer parameters."""
        single = {c[0].ratio for c, _ in self.clauses if len(c) == 1 and not c[0].strict and not c[0].tilde}
        equal = [r for r in single if _power(r, Fraction(-1)) in single]
        best = literal.ratio
        for ratio in sorted(equal, key=_monomial_text):
            for atom, power in ratio:
                held = dict(best).get(atom)
                if held:
                    other = _times(best, _power(ratio, -held / power))
                    if len(other) < len(best):
                        best = other
        return replace(literal, ratio=best)


def _atoms(monomials: Iterable[Monomial]) -> set[Atom]:
    found: set[Atom] = set()
    for monomial in monomials:
        for atom, _ in monomial:
            if atom not in found:
                found.add(atom)
                if isinstance(atom, Log):
                    found |= _atoms([atom.of])
    return found


def _depth(atom: Atom) -> int:
    return 0 if isinstance(atom, str) else 1 + max(_depth(a) for a, _ in atom.of)


def _solved(literal: Literal) -> Order:
    """A monomial relation as a bound on its last parameter, n least of all."""
    plain = [a for a, _ in literal.ratio if isinstance(a, str)]
    relation = "<<" if literal.strict else "<="
    if not plain:
        return Order(_expression(literal.ratio), relation, sp.Integer(1), literal.tilde)
    preferred = ("d", "eta", "sigma_0", "m", "mu", "sigma_xi")
    name = min(plain, key=lambda a: (preferred.index(a) if a in preferred else len(preferred) + (a == "n"), a))
    power = dict(literal.ratio)[name]
    rest = _power(tuple((a, p) for a, p in literal.ratio if a != name), -1 / power)
    if power < 0:
        relation = {"<=": ">=", "<<": ">>"}[relation]
    return Order(_symbol(name), relation, _expression(rest), literal.tilde)


def _symbol(name: str) -> sp.Symbol:
    known = {p.name: p.symbol for p in table()}
    return known.get(name, sp.Symbol(name, positive=True))


def _expression(monomial: Monomial) -> sp.Expr:
    factors = []
    for atom, power in monomial:
        # SymPy would turn log(1/x)^2 into log(x)^2, which max(1, log) tells apart.
        base = _symbol(atom) if isinstance(atom, str) else sp.log(_expression(atom.of), evaluate=False)
        factors.append(base ** sp.Rational(power.numerator, power.denominator))
    return sp.Mul(*factors)


# ---------------------------------------------------------------------------------------------------------------
# Checks, by arithmetic that shares nothing with the search


def _check(proof: Proof, problem: _Problem, negated: Clause, assumed: tuple[Row, ...] = ()) -> None:
    """Recompute a proof: every row is a premise, a rule or an assumed case, and every product is 1 << 1.

    Raises:
        AssertionError: it is no proof; nothing unproved is ever returned.
    """
    if isinstance(proof, Cases):
        split = proof.split
        if split.cites:
            allowed = any(
                name == split.cites and split.alternatives == tuple((Row(x, name),) for x in clause)
                for clause, name in problem.clauses
            )
        else:
            allowed = split in (
                *(_growth(log, problem.small) for log in problem.logs),
                _dominant(problem.parameters, problem.small),
                *(_compared(e, f, problem.small) for e in problem.logs for f in problem.logs),
            )
        if not allowed or len(proof.branches) != len(split.alternatives):
            raise AssertionError(f"cases without ground: {split.labels}")
        for alternative, branch in zip(split.alternatives, proof.branches, strict=True):
            _check(branch, problem, negated, assumed + alternative)
        return
    total: dict[Atom, Fraction] = {}
    strict = False
    for row, power in proof.steps:
        literal = row.literal
        if not (_is_premise(row, problem, negated) or _is_rule(row) or any(_allows(a, row) for a in assumed)):
            raise AssertionError(f"row without ground: {literal} [{row.why}]")
        if power <= 0:
            raise AssertionError(f"power {power} of {literal} is not positive")
        for atom, p in literal.ratio:
            total[atom] = total.get(atom, Fraction(0)) + p * power
        if literal.tilde:  # O up to one polylogarithm; o beyond every power of it
            total[_POLYLOG] = total.get(_POLYLOG, Fraction(0)) + power * (1 / problem.small if literal.strict else -1)
        strict |= literal.strict
    if any(total.values()) or not strict:
        raise AssertionError(f"the product is not 1 << 1: {total}")


def _is_premise(row: Row, problem: _Problem, negated: Clause) -> bool:
    return row.literal in negated or ((row.literal,), row.why) in problem.clauses


def _is_rule(row: Row) -> bool:
    """log E >= 1, or log E <= a polylogarithm."""
    ratio = dict(row.literal.ratio)
    if row.literal.strict or row.literal.tilde:
        return False
    if len(ratio) == 1:
        [(atom, power)] = ratio.items()
        return power < 0 and (isinstance(atom, Log) or atom == _POLYLOG)
    if len(ratio) == 2 and ratio.get(_POLYLOG) == -1:
        [(atom, power)] = [(a, p) for a, p in ratio.items() if a != _POLYLOG]
        return power == 1 and isinstance(atom, Log)
    return False


def _allows(assumed: Row, row: Row) -> bool:
    if assumed.every is not None and assumed.every == row.every:
        a, b = assumed.every
        rest = dict(_times(row.literal.ratio, _power(a, Fraction(-1))))
        powers = {-rest.pop(atom, Fraction(0)) / p for atom, p in b}
        return row.literal.strict and not rest and len(powers) == 1 and powers.pop() > 0
    return assumed == row


def _order_along(expression: sp.Expr, powers: Mapping[str, Tiers]) -> Tiers:
    """Order of an expression by direct recursion, one tier more than the scaling has."""
    nothing = (Fraction(0),) * (DEPTH + 1)
    if expression.is_number and expression.is_positive:
        return nothing
    match expression:
        case sp.Symbol():
            if expression.name not in powers:
                raise ValueError(f"the scaling says nothing of '{expression.name}'")
            return (*powers[expression.name], Fraction(0))
        case sp.Pow() if expression.exp.is_Rational:
            power = Fraction(int(expression.exp.p), int(expression.exp.q))
            return tuple(power * t for t in _order_along(expression.base, powers))
        case sp.Mul():
            number, factors = expression.as_coeff_mul()
            if number.is_negative:
                inner = next(f for f in factors if isinstance(f, sp.log))
                factors = [sp.log(1 / f.args[0], evaluate=False) if f is inner else f for f in factors]
            orders = [_order_along(f, powers) for f in factors]
            return tuple(sum((o[k] for o in orders), Fraction(0)) for k in range(DEPTH + 1))
        case sp.Add():
            if _is_difference(expression):
                combined = sp.logcombine(expression, force=True)
                if isinstance(combined, sp.log):
                    return _order_along(combined, powers)
                return nothing  # a difference of constants: others were refused before
            return max(_order_along(term, powers) for term in expression.args)
        case sp.Max():
            return max(_order_along(term, powers) for term in expression.args)
        case sp.Min():
            return min(_order_along(term, powers) for term in expression.args)
        case sp.Abs():
            return _order_along(expression.args[0], powers)
        case sp.log():
            inside = _order_along(expression.args[0], powers)
            first = next((k for k, t in enumerate(inside) if t), None)
            if first is None or inside[first] < 0:
                return nothing
            if first + 1 > DEPTH:
                raise ValueError(f"'{expression}' grows too slowly to be told from a constant")
            return tuple(Fraction(int(k == first + 1)) for k in range(DEPTH + 1))
    raise ValueError(f"'{expression}' has no order of magnitude")


# ---------------------------------------------------------------------------------------------------------------
# In words


def _cited(proof: Proof) -> set[str]:
    if isinstance(proof, Leaf):
        return {row.why for row, _ in proof.steps}
    return {proof.split.cites}.union(*(_cited(branch) for branch in proof.branches))


def _part_lines(negated: Clause, proof: Proof) -> list[str]:
    if not negated:
        return ["The premises contradict each other:", *_proof_lines(proof, "  ")]
    goal = " or ".join(str(x.negated()) for x in negated)
    return [f"Claim: {goal}", *_proof_lines(proof, "  ")]


def _proof_lines(proof: Proof, indent: str) -> list[str]:
    if isinstance(proof, Leaf):
        return _leaf_lines(proof, indent)
    lines = []
    cited = f"  [{proof.split.cites}]" if proof.split.cites else ""
    rest = [(label, b) for label, b in zip(proof.split.labels, proof.branches, strict=True)]
    short = [(label, b) for label, b in rest if isinstance(b, Leaf) and not _speaks_of_goal(b)]
    if len(short) == len(rest) - 1:  # all cases but one are impossible
        [(label, branch)] = [(label, b) for label, b in rest if not any(b is s for _, s in short)]
        for other, leaf in short:
            if len(leaf.steps) <= 3:
                lines.append(f"{indent}{label}{cited}, for {other} is impossible: {_one_line(leaf)}")
            else:
                lines.append(f"{indent}{label}{cited}, for {other} is impossible:")
                lines += _leaf_lines(leaf, indent + "    ")
        return lines + _proof_lines(branch, indent)
    lines.append(f"{indent}One of these holds along a subsequence{cited}:")
    for label, branch in rest:
        lines.append(f"{indent}- {label}:")
        lines += _proof_lines(branch, indent + "    ")
    return lines


def _speaks_of_goal(leaf: Leaf) -> bool:
    return any(row.why == "the contrary" for row, _ in leaf.steps)


def _one_line(leaf: Leaf) -> str:
    return " and ".join(f"{row.literal} [{row.why}]" for row, _ in leaf.steps)


def _leaf_lines(leaf: Leaf, indent: str) -> list[str]:
    steps = [(row, power) for row, power in leaf.steps if row.why != "the contrary"]
    contrary = [(row, power) for row, power in leaf.steps if row.why == "the contrary"]
    width = max((len(str(row.literal)) for row, _ in steps), default=0)
    lines = [f"{indent}({k}) {row.literal!s:{width}}  [{row.why}]" for k, (row, _) in enumerate(steps, start=1)]
    recipe = " · ".join(
        f"({k})" + ("" if power == 1 else f"^{_fraction_text(power)}") for k, (_, power) in enumerate(steps, 1)
    )
    if not contrary:
        return [*lines, f"{indent}{recipe}:  1 ≪ 1, impossible"]
    if len(contrary) == 1:
        [(row, _)] = contrary
        conclusion = str(row.literal.negated())
        if not steps:
            return [f"{indent}{conclusion}, identically"]
        return [*lines, f"{indent}{recipe}:  {conclusion}"]
    total = sum(power for _, power in contrary)
    mean = _times(*(_power(row.literal.ratio, -power / total) for row, power in contrary))
    conclusion = Literal(mean, not contrary[0][0].literal.strict, contrary[0][0].literal.tilde)
    shown = f"{recipe}:  {conclusion}" if steps else f"{conclusion}, identically"
    alternatives = " or ".join(str(row.literal.negated()) for row, _ in contrary)
    return [*lines, f"{indent}{shown}", f"{indent}a weighted mean of these is met only if one is: {alternatives}"]


def _fraction_text(power: Fraction) -> str:
    return str(power) if power.denominator == 1 else f"({power})"


def _monomial_text(monomial: Monomial) -> str:
    def part(items: list[tuple[Atom, Fraction]]) -> str:
        return " ".join(_name(a) + ("" if p == 1 else f"^{_fraction_text(p)}") for a, p in items)

    above = part([(a, p) for a, p in monomial if p > 0])
    below = part([(a, -p) for a, p in monomial if p < 0])
    if not below:
        return above or "1"
    return f"{above or '1'}/{below}" if len([p for _, p in monomial if p < 0]) == 1 else f"{above or '1'}/({below})"


def _tier_text(tiers: Tiers) -> str:
    names = ("N", "log(N)", "log(log(N))", "log(log(log(N)))")
    return _monomial_text(tuple((name, t) for name, t in zip(names, tiers, strict=False) if t))


def _plain(expression: sp.Expr) -> str:
    """As :mod:`theory.grammar` reads it, where n^3/2 would leave open what is divided."""
    text = re.sub(r"\*(?!\d)", " ", str(expression).replace("**", "^"))
    return re.sub(r"\^(\d+)/(\d)", r"^(\1)/\2", text)
