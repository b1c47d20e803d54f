"""Statements about orders: decided beside the runs of a study, or asked on the command line. docs/orders.md."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import sympy as sp

from theory import orders
from theory.orders import RELATIONS, Answer, Order, Premise, Scaling
from theory.papers import Entailment
from verify import processes
from verify.laws.kind import Status
from verify.shown import COMMAND

CLAIMED = {
    orders.Ruling.ENTAILED: "follows from the premises",
    orders.Ruling.NOT_ENTAILED: "does not follow from the premises",
    orders.Ruling.CONSISTENT: "some scaling meets all premises",
    orders.Ruling.CONTRADICTORY: "no scaling meets all premises",
}


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What became of a statement about orders.

    Attributes:
        statement: the statement.
        answer: the exact answer with its certificate; None if an interrupt came first.
    """

    statement: Entailment
    answer: Answer | None

    @property
    def status(self) -> Status:
        """SUPPORTED if the exact answer is the one stated, REFUTED if it is another, INCONCLUSIVE if there is none."""
        if self.answer is None or self.answer.status == orders.Ruling.UNDECIDED:
            return Status.INCONCLUSIVE
        return Status.SUPPORTED if self.answer.status == self.statement.expected else Status.REFUTED

    @property
    def predicted(self) -> str:
        claimed = CLAIMED[self.statement.expected]
        return claimed if self.statement.goal is None else f"{self.statement.goal} {claimed}"

    @property
    def measured(self) -> str:
        """The answer with the gist of its certificate."""
        if self.answer is None:
            return "-"
        if self.answer.derivation is not None:
            named = [name for name in self.answer.used if not name.startswith("fact:")]
            return f"{self.answer.status}, by {', '.join(named) or 'the meaning of the parameters'}"
        if self.answer.scaling is not None:
            return f"{self.answer.status}: {scaling_text(self.answer.scaling)}"
        return str(self.answer.status)

    @property
    def reason(self) -> str:
        if self.answer is None:
            return "interrupted before it was decided"
        return self.answer.reason

    @property
    def reproduce(self) -> str:
        return f"{COMMAND} run {self.statement.name}"


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A statement about orders that is false, and the scaling that shows it; None for the true ones."""

    kind: str
    detail: str
    statement: Entailment
    broken_along: Scaling | None = None


def decide(statement: Entailment) -> Decision:
    """The exact answer to one statement."""
    return Decision(statement=statement, answer=statement.decide())


@contextmanager
def beside(statements: Iterable[Entailment]) -> Iterator[Callable[[bool], tuple[Decision, ...]]]:
    """Decide statements in a process of their own, which is done before the runs of a study have all cores busy.

    Yields what returns the decisions: with True it waits for all of them, else the rest stays open.
    """
    statements = tuple(statements)
    if not statements:
        yield lambda _: ()
        return
    # Nothing of ours but theory is named to the process, so that it loads no more.
    with processes.Processes(1) as pool:
        futures = [pool.submit(Entailment.decide, statement) for statement in statements]

        def collect(finished: bool) -> tuple[Decision, ...]:
            return tuple(
                Decision(statement=s, answer=pool.result(f) if finished or (f.done() and not f.exception()) else None)
                for s, f in zip(statements, futures, strict=True)
            )

        yield collect


# ---------------------------------------------------------------------------------------------------------------
# Questions


def assembled(
    sets: Mapping[str, tuple[Premise, ...]],
    given: Iterable[str],
    assumed: Iterable[str],
    dropped: Iterable[str],
    own: tuple[Mapping[str, sp.Symbol], tuple[Premise, ...]] = ({}, ()),
) -> tuple[tuple[Premise, ...], tuple[Premise, ...]]:
    """Premises and facts as a command line names them.

    Args:
        sets: of premises, by name.
        given: names of those that are meant.
        assumed: orders to add, as typed.
        dropped: names of premises or facts to leave out.
        own: symbols beside the paper's and the facts about them, as :func:`theory.orders.declared` gives them.

    Raises:
        ValueError: a name is not known, two sets differ on one, or an order cannot be read.
    """
    found: dict[str, Premise] = {}
    for name in given:
        for premise in _premise_set(sets, name):
            if found.setdefault(premise.name, premise) != premise:
                raise ValueError(f"--given {name}: its premise '{premise.name}' is another one in an earlier set")
    for k, text in enumerate(assumed, start=1):
        found[f"assumed-{k}"] = Premise(name=f"assumed-{k}", order=orders.parse(text, own[0]), says="Assumed.")
    facts = {fact.name: fact for fact in (*orders.facts(), *own[1])}
    for name in dropped:
        if name not in found and name not in facts:
            raise ValueError(f"--drop {name}: no such premise; {_nearest(name, [*found, *facts])}")
        found.pop(name, None)
        facts.pop(name, None)
    return tuple(found.values()), tuple(facts.values())


def _premise_set(sets: Mapping[str, tuple[Premise, ...]], name: str) -> tuple[Premise, ...]:
    if name not in sets:
        raise ValueError(f"--given {name}: no such set of premises; {_nearest(name, list(sets))}")
    return sets[name]


def _nearest(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}"


def ask(given: tuple[Premise, ...], facts: tuple[Premise, ...], goal: Order | None) -> Answer:
    """Whether the goal follows, or, without one, whether the premises are consistent."""
    if goal is None:
        return orders.consistent(given, parameter_facts=facts)
    return orders.entails(given, goal, parameter_facts=facts)


def write_smt(given: tuple[Premise, ...], facts: tuple[Premise, ...], goal: Order | None, file: Path) -> None:
    """Write the question as SMT-LIB 2, over a file of this kind only.

    Raises:
        ValueError: something else lies there, or an expression has no order.
    """
    text = orders.question(given, goal, facts)
    first = text.partition("\n")[0]
    if file.is_dir() or not file.parent.is_dir():
        raise ValueError(f"--smt {file}: is no file in a folder that exists; give another name")
    if file.exists() and not file.read_bytes().startswith(first.encode()):
        raise ValueError(f"--smt {file}: exists, and is no question of this kind; give another name")
    file.write_text(text, encoding="utf-8")


# ---------------------------------------------------------------------------------------------------------------
# In words


def certificate(answer: Answer) -> str:
    """The proof, or the scaling with both sides of every premise and of the goal along it: plain text to verify by."""
    if answer.derivation is not None:
        return f"{answer.derivation}\nUsed: {', '.join(answer.used)}"
    if answer.scaling is None:
        return ""
    return "\n".join([f"{scaling_text(answer.scaling)}, as N → ∞:", *_sides(answer.scaling, answer)])


def scaling_text(scaling: Scaling) -> str:
    """``n = N, d = N^2, all others ≍ 1``."""
    moving = Scaling(powers={name: tiers for name, tiers in scaling.powers.items() if any(tiers)})
    if not moving.powers:
        return "all parameters ≍ 1"
    return str(moving) + (", all others ≍ 1" if len(moving.powers) < len(scaling.powers) else "")


def _sides(scaling: Scaling, answer: Answer) -> list[str]:
    asked = [(premise.name, premise.order) for premise in answer.given]
    if answer.goal is not None:
        asked.append(("the goal", answer.goal))
    rows = []
    for name, order in asked:
        # The relation that does hold along the scaling; what is asked stands beside it.
        holds = "holds" if scaling.holds(order) else "FAILS"
        tilde = " up to logarithms" if order.up_to_logs else ""
        left, right = scaling.along(order.left), scaling.along(order.right)
        rows.append((name, left, f"{RELATIONS[order.relation]} {right}{tilde}", holds))
    widths = [max(len(row[k]) for row in rows) for k in range(3)] if rows else []
    return [
        f"  {name:<{widths[0]}}  {left:>{widths[1]}} {right:<{widths[2]}}  {holds}" for name, left, right, holds in rows
    ]
