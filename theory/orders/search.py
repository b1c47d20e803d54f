"""The search for a refutation: premises and a negated goal, split into cases until each contradicts itself.

Where cases are left that no linear programme closes, a counter-scaling is looked for (:mod:`theory.orders.counter`).
Nothing found here is believed before :mod:`theory.orders.check` has gone over it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import lcm

from theory.orders.cone import Rational, decide
from theory.orders.counter import QUICK, counter_scaling
from theory.orders.lattice import POLYLOG, Atom, Clause, Literal, Log, Monomial, monomial_text, raised, times
from theory.orders.problem import Problem
from theory.orders.proof import CONTRARY, Cases, Leaf, Proof, Row, Split
from theory.orders.scaling import Scaling

BUDGET = 10_000  # linear programmes per clause of a goal before the answer is "undecided"


def refutation(
    problem: Problem, negated: Clause, simplify: bool = True, budget: int = BUDGET
) -> tuple[Proof | None, Scaling | None]:
    """A proof that the negated goal is impossible, or a scaling where it holds, or neither; unchecked.

    Args:
        problem: the premises.
        negated: literals of the negated goal; without any, the premises alone.
        simplify: whether a counter-scaling is to be the simplest.
        budget: the most linear programmes before it is given up.
    """
    try:
        return _Search(problem, negated, simplify, budget).run()
    except _Exhausted:
        return None, None


class _Exhausted(Exception):
    pass


Tried = tuple[tuple[Row, ...], list[int] | None, list[Fraction] | None]


@dataclass
class _Search:
    """One refutation: rows that hold, splits not yet made, and what was found."""

    problem: Problem
    goal: Clause  # negated
    simplify: bool = True  # a counter-scaling
    budget: int = BUDGET
    spent: int = 0
    index: dict[Atom, int] = field(default_factory=dict)
    vectors: dict[Literal, list[Rational]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        atoms = (*self.problem.parameters, *self.problem.logs, POLYLOG)
        self.index = {atom: k for k, atom in enumerate(atoms)}

    def vector(self, literal: Literal) -> list[Rational]:
        if literal in self.vectors:
            return self.vectors[literal]
        row: list[Rational] = [0] * len(self.index)
        for atom, power in literal.ratio:
            row[self.index[atom]] += power
        if literal.tilde:
            row[-1] += 1 / self.problem.small if literal.strict else -1
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

    def run(self) -> tuple[Proof | None, Scaling | None]:
        problem, logs, small = self.problem, self.problem.logs, self.problem.small
        rows = [Row(clause[0], name) for clause, name in problem.clauses if len(clause) == 1]
        rows += [Row(literal, CONTRARY) for literal in self.goal]
        rows += [Row(Literal(((log, Fraction(-1)),)), "a logarithm is at least 1") for log in logs]
        splits = [
            Split(tuple(map(str, clause)), tuple((Row(x, name),) for x in clause), name)
            for clause, name in problem.clauses
            if len(clause) > 1
        ]
        tilde = any(x.tilde for clause, _ in problem.clauses for x in clause) or any(x.tilde for x in self.goal)
        if tilde:
            rows.append(Row(Literal(((POLYLOG, Fraction(-1)),)), "a logarithm is at least 1"))
            rows += [
                Row(Literal(times(((log, Fraction(1)),), ((POLYLOG, Fraction(-1)),))), "forgiven up to logarithms")
                for log in logs
            ]
        splits += [_growth(log, small) for log in logs]
        if tilde:
            splits.append(_dominant(problem.parameters, small))
        splits += [_compared(e, f, small) for e in logs for f in logs if e != f]
        point, multipliers = self.solve(rows)
        return self._close(rows, splits, point, multipliers)

    def _close(
        self,
        rows: list[Row],
        splits: list[Split],
        point: list[int] | None,
        multipliers: list[Fraction] | None,
    ) -> tuple[Proof | None, Scaling | None]:
        if multipliers is not None:
            return self._tidy(rows, multipliers), None
        assert point is not None
        # What a premise says to grow grows: the case is made first, for later ones to lean on.
        said = {raised(row.literal.ratio, Fraction(-1)) for row in rows if row.literal.strict}
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
        own = [row for row in rows if row.why != CONTRARY]
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
    ) -> tuple[Proof | None, Scaling | None]:
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
        for row in sorted(kept, key=lambda r: r.why != CONTRARY):
            fewer = [r for r in kept if r is not row]
            if fewer and decide([self.vector(r.literal) for r in fewer], [r.literal.strict for r in fewer])[1]:
                kept = fewer
        for power in _round_powers(self.problem.small):
            larger = [_with_power(row, power) for row in kept]
            if larger == kept:
                break
            if decide([self.vector(r.literal) for r in larger], [r.literal.strict for r in larger])[1]:
                kept = larger
                break
        found = decide([self.vector(r.literal) for r in kept], [r.literal.strict for r in kept])[1]
        assert found is not None
        strict = [p for row, p in zip(kept, found, strict=True) if p and row.why == CONTRARY]
        scale = 1 / strict[0] if strict else 1 / min(p for p in found if p)
        return Leaf(tuple((row, p * scale) for row, p in zip(kept, found, strict=True) if p))

    def _scaling(self, point: list[int], budget: int) -> Scaling | None:
        """A scaling that satisfies the premises, in the alternatives that ``point`` chose, and the negated goal."""
        chosen = list(self.goal)
        for clause, name in self.problem.clauses:
            if len(clause) == 1:
                chosen.append(clause[0])
                continue
            chosen.append(next(x for x in clause if self._met((Row(x, name),), point)))
        hints = {log: sum(p * point[self.index[a]] for a, p in log.of) for log in self.problem.logs}
        literals = list(dict.fromkeys(chosen))
        scaling, spent = counter_scaling(self.problem, literals, hints, budget, self.simplify)
        self.spent += spent
        return scaling


# ---------------------------------------------------------------------------------------------------------------
# Cases that logarithms allow to distinguish


def _round_powers(least: Fraction) -> Iterator[Fraction]:
    """1, 1/2, 1/4, 1/10, 1/20 ... down to ``least``."""
    power = Fraction(1)
    while power > least:
        yield from (power, power / 2, power / 4)
        power /= 10


def _growth(log: Log, small: Fraction) -> Split:
    """E tends to infinity, and log E with it but below every power of E; or E is bounded, and so is log E."""
    inside, itself = log.of, ((log, Fraction(1)),)
    text = monomial_text(inside)
    grows = (
        Row(Literal(raised(inside, Fraction(-1)), True), f"{text} → ∞"),
        Row(Literal(raised(itself, Fraction(-1)), True), f"the logarithm grows as {text} → ∞"),
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
    return replace(row, literal=Literal(times(a, raised(b, -power)), True))


def _compared(e: Log, f: Log, small: Fraction) -> Split:
    """log E <= log F, or log F << log E and E exceeds every power of F."""
    both = times(((e, Fraction(1)),), ((f, Fraction(-1)),))
    one, other = monomial_text(e.of), monomial_text(f.of)
    below = (Row(Literal(both), f"log({one}) ≲ log({other}), as {one} is below some power of {other}"),)
    beyond = (
        Row(Literal(raised(both, Fraction(-1)), True), f"{one} is beyond every power of {other}"),
        _below_every_power(f.of, e.of, small, f"{one} is beyond every power of {other}"),
    )
    return Split((f"log({one}) ≲ log({other})", f"{one} beyond every power of {other}"), (below, beyond))


def _dominant(parameters: Sequence[str], small: Fraction) -> Split:
    """Which parameter, or its inverse, has the largest logarithm: polylogarithms lie below its every power."""
    signed = [((p, Fraction(s)),) for p in parameters for s in (1, -1)]
    alternatives, labels = [], []
    for x in signed:
        text = monomial_text(x)
        rows = [
            Row(Literal(raised(x, Fraction(-1)), True), f"{text} → ∞"),
            _below_every_power(((POLYLOG, Fraction(1)),), x, small, f"logarithms are below every power of {text}"),
        ]
        alternatives.append(tuple(rows))
        labels.append(f"log({text}) is the largest logarithm")
    bounded = [Row(Literal(x), "all parameters bounded") for x in signed]
    bounded.append(Row(Literal(((POLYLOG, Fraction(1)),)), "all parameters bounded"))
    return Split((*labels, "all parameters bounded"), (*alternatives, tuple(bounded)))


def _uses(proof: Proof, rows: Sequence[Row]) -> bool:
    if isinstance(proof, Leaf):
        return any(_same(step, row) for step, _ in proof.steps for row in rows)
    return any(_uses(branch, rows) for branch in proof.branches)


def _same(a: Row, b: Row) -> bool:
    return a.why == b.why and (a.every == b.every if a.every else a.literal == b.literal)
