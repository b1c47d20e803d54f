"""Whether an order follows from premises: the search is asked, what it finds is checked, and an answer made of it.

Where a goal does not follow, the answer holds the weakest premise with which it would.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache

import sympy as sp

from theory.fields import check_each
from theory.orders.check import check_proof, check_scaling
from theory.orders.lattice import Clause, Literal, Monomial, clauses_of, monomial_text, raised, times
from theory.orders.problem import Problem, problem_of
from theory.orders.proof import Proof, cited
from theory.orders.relations import Order, Premise
from theory.orders.scaling import DEPTH, Scaling
from theory.orders.search import BUDGET, refutation
from theory.orders.words import derivation_text
from theory.symbols import table

ASIDE = 1000  # linear programmes for what is said beside the answer, the weakest premise


class Ruling(StrEnum):
    ENTAILED = "entailed"
    NOT_ENTAILED = "not entailed"
    UNDECIDED = "undecided"
    CONSISTENT = "consistent"
    CONTRADICTORY = "contradictory"


@dataclass(frozen=True, kw_only=True)
class Derivation:
    """A checked proof, one part per conjunct of the goal.

    Attributes:
        parts: (negated goal literals, proof) for each; without literals, the premises contradict each other.
        constants: names of the parameters that were dropped, being of order one.
    """

    parts: tuple[tuple[Clause, Proof], ...]
    constants: tuple[str, ...] = ()

    def __str__(self) -> str:
        return derivation_text(self.parts, self.constants)


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

    status: Ruling
    given: tuple[Premise, ...]
    goal: Order | None
    derivation: Derivation | None = None
    scaling: Scaling | None = None
    weakest: Order | None = None
    used: tuple[str, ...] = ()
    reason: str = ""

    def __repr__(self) -> str:
        from theory.display import cut

        asked = "the premises" if self.goal is None else str(self.goal)
        said = [f"Answer: {asked}: {self.status}" + (f", since {self.reason}" if self.reason else "")]
        said += [f"  from {cut(', '.join(self.used))}"] if self.used else []
        said += [f"  at {self.scaling}"] if self.scaling is not None else []
        said += [f"  with {self.weakest} it would follow"] if self.weakest is not None else []
        return "\n".join(said)

    def _repr_latex_(self) -> str:
        from theory.display import inline

        goal = "" if self.goal is None else rf":\quad {self.goal.latex}"
        return inline(rf"\text{{{self.status}}}{goal}")

    def _repr_html_(self) -> str:
        from theory.display import lines, mathml, named, record

        rows = (
            ("", mathml(self.goal.latex) if self.goal is not None else ""),
            ("", self.reason),
            ("given", lines(named(p.name, p.order.latex) for p in self.given)),
            ("uses", ", ".join(self.used)),
            ("scaling", "" if self.scaling is None else str(self.scaling)),
            ("with this it would follow", mathml(self.weakest.latex) if self.weakest is not None else ""),
        )
        return record(str(self.status).capitalize(), rows)


def entails(given: Iterable[Premise], goal: Order, *, parameter_facts: tuple[Premise, ...] | None = None) -> Answer:
    """Whether ``goal`` follows from ``given`` for all scalings, with a certificate either way.

    Args:
        given: the premises.
        goal: what should follow.
        parameter_facts: what holds of the parameters by their meaning; those of the symbols table by default.

    Raises:
        ValueError: an expression has no order of magnitude (a difference, a power that is no number); or something is
            no premise or no order.
    """
    given = check_each(given, Premise, "given")
    if not isinstance(goal, Order):
        raise ValueError(f"goal: {goal!r} is no Order; give e.g. Order(d, '>>', n)")
    problem = problem_of(given, goal, parameter_facts)
    parts, undecided = [], False
    for clause in clauses_of(goal, problem.constants):
        negated = tuple(x.negated() for x in clause)
        proof, scaling = _refuted(problem, negated)
        if scaling is not None:
            return Answer(
                status=Ruling.NOT_ENTAILED,
                given=given,
                goal=goal,
                scaling=scaling,
                weakest=_weakest(problem),
                reason="the scaling meets every premise and breaks the goal",
            )
        undecided |= proof is None
        if proof is not None:
            parts.append((negated, proof))
    # No scaling was found, perhaps as there is none inside the premises. Up to logarithms of the parameters that occur,
    # those of the goal have a say in that.
    tilde = any(p.order.up_to_logs for p in (*given, *problem.background))
    alone = _consistent(given, parameter_facts, goal if tilde else None)
    if alone.status == Ruling.CONTRADICTORY:
        return replace(alone, goal=goal)
    if undecided:
        reason = "neither a proof nor a counter-scaling of the form N^a (log N)^b (log log N)^c was found"
        return Answer(status=Ruling.UNDECIDED, given=given, goal=goal, reason=reason)
    derivation = Derivation(parts=tuple(parts), constants=problem.dropped)
    return Answer(
        status=Ruling.ENTAILED,
        given=given,
        goal=goal,
        derivation=derivation,
        used=_used(problem, derivation),
        reason="a product of powers of the premises is the goal"
        + ("; no scaling inside the premises was found" if alone.status == Ruling.UNDECIDED else ""),
    )


def consistent(given: Iterable[Premise], *, parameter_facts: tuple[Premise, ...] | None = None) -> Answer:
    """Whether some scaling satisfies all of ``given``; the answer holds it, or the proof of the contradiction."""
    return _consistent(check_each(given, Premise, "given"), parameter_facts, None, simplify=True)


@lru_cache(maxsize=256)  # the same set is asked about many goals
def _consistent(
    given: tuple[Premise, ...],
    parameter_facts: tuple[Premise, ...] | None,
    beside: Order | None,
    simplify: bool = False,
) -> Answer:
    problem = problem_of(given, beside, parameter_facts)
    proof, scaling = _refuted(problem, (), simplify)
    if proof is not None:
        derivation = Derivation(parts=(((), proof),), constants=problem.dropped)
        return Answer(
            status=Ruling.CONTRADICTORY,
            given=given,
            goal=None,
            derivation=derivation,
            used=_used(problem, derivation),
            reason="the premises contradict each other, so they entail nothing",
        )
    if scaling is None:
        reason = "neither a contradiction nor a scaling inside the premises was found"
        return Answer(status=Ruling.UNDECIDED, given=given, goal=None, reason=reason)
    reason = "the scaling meets every premise"
    return Answer(status=Ruling.CONSISTENT, given=given, goal=None, scaling=scaling, reason=reason)


def _refuted(
    problem: Problem, negated: Clause, simplify: bool = True, budget: int = BUDGET
) -> tuple[Proof | None, Scaling | None]:
    """A checked proof that the negated goal is impossible, or a checked scaling where it holds, or neither."""
    proof, scaling = refutation(problem, negated, simplify, budget)
    if proof is not None:
        check_proof(proof, problem, negated)
    if scaling is not None:
        # With what the comparison did not need: constants, and parameters that cancel.
        constant = (Fraction(0),) * DEPTH
        others = sorted(problem.occurring - set(scaling.powers))
        scaling = Scaling(powers={**scaling.powers, **dict.fromkeys(others, constant)})
        check_scaling(scaling, problem, negated)
    return proof, scaling


def _used(problem: Problem, derivation: Derivation) -> tuple[str, ...]:
    names = set().union(*(cited(proof) for _, proof in derivation.parts))
    occurring = set().union(
        *(p.order.symbols for p in problem.given if p.name in names), problem.goal.symbols if problem.goal else set()
    )
    names |= {p.name for p in problem.background if p.order.symbols <= occurring & problem.constants}
    return tuple(p.name for p in (*problem.given, *problem.background) if p.name in names)


# ---------------------------------------------------------------------------------------------------------------
# The weakest premise that would do


def _weakest(problem: Problem) -> Order | None:
    """The goal itself is the weakest premise that gives it, or what of it does not follow already.

    Written as a bound on one parameter, where it is one monomial.
    """
    goal, constants = problem.goal, problem.constants
    assert goal is not None
    candidate = goal
    missing = clauses_of(goal, constants)
    if len(missing) > 1:
        missing = [c for c in missing if not _proves(problem, c)]
    if len(missing) == 1 and len(missing[0]) == 1:
        candidate = _solved(_reduced(problem, missing[0][0]))
    added = (*problem.given, Premise(name="added", order=candidate))
    inner = Problem(added, goal, problem.background, constants)
    if _refuted(inner, (), False, ASIDE)[1] is None:  # contradicts the others, for all that was found
        return None
    if all(_proves(inner, c) for c in clauses_of(goal, constants)):
        return candidate
    return goal if candidate != goal else None


def _proves(problem: Problem, clause: Clause) -> bool:
    return _refuted(problem, tuple(x.negated() for x in clause), False, ASIDE)[0] is not None


def _reduced(problem: Problem, literal: Literal) -> Literal:
    """The literal rewritten by premises that hold both ways (X ~ 1), where that leaves fewer parameters."""
    single = {c[0].ratio for c, _ in problem.clauses if len(c) == 1 and not c[0].strict and not c[0].tilde}
    equal = [r for r in single if raised(r, Fraction(-1)) in single]
    best = literal.ratio
    for ratio in sorted(equal, key=monomial_text):
        for atom, power in ratio:
            held = dict(best).get(atom)
            if held:
                other = times(best, raised(ratio, -held / power))
                if len(other) < len(best):
                    best = other
    return replace(literal, ratio=best)


def _solved(literal: Literal) -> Order:
    """A monomial relation as a bound on the parameter of it that the symbols table ranks ``solved`` the highest."""
    plain = [a for a, _ in literal.ratio if isinstance(a, str)]
    relation = "<<" if literal.strict else "<="
    if not plain:
        return Order(_expression(literal.ratio), relation, sp.Integer(1), literal.tilde)
    rank = {p.name: p.solved for p in table()}
    name = min(plain, key=lambda a: (-rank.get(a, 0), a))
    power = dict(literal.ratio)[name]
    rest = raised(tuple((a, p) for a, p in literal.ratio if a != name), -1 / power)
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
