"""A paper as a value: its conditions, claims and theorems, and what they entail, under the names that a user types.

Nothing else of a paper is known to the tools. One folder a paper lies here.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import sympy as sp

from theory.limit.claims import Limit
from theory.orders import Answer, Order, Premise, Ruling, consistent, entails
from theory.reading import Reading
from theory.statements import Claim, Condition, Source, Theorem
from theory.symbols import lookup

DEFAULT = "han2025"


def built_in() -> tuple[str, ...]:
    """The names of the papers that the tools come with."""
    return tuple(m.name for m in pkgutil.iter_modules(__path__))


def load(name: str) -> "Paper":
    """One of them."""
    return importlib.import_module(f"{__name__}.{name}").PAPER


def papers() -> "dict[str, Paper]":
    """All of them by name: ``papers()["han2025"]``."""
    return {name: load(name) for name in built_in()}


@dataclass(frozen=True, kw_only=True)
class Entailment:
    """A statement about orders that the conditions entail, or that they do not.

    Attributes:
        name: unique, "regime." first; "regime.not." where it does not follow.
        source: which step of which proof it is.
        given: the premises.
        goal: what follows or not; None where their consistency is the statement.
        expected: the answer that is stated.
        says: one plain-English sentence.
    """

    name: str
    source: Source
    given: tuple[Premise, ...]
    goal: Order | None
    expected: Ruling
    says: str

    def __repr__(self) -> str:
        return f"Entailment {self.name}: {self.says} ({self.expected})"

    def decide(self) -> Answer:
        """The exact answer, with its certificate."""
        return consistent(self.given) if self.goal is None else entails(self.given, self.goal)


@dataclass(frozen=True, kw_only=True)
class ConditionSet:
    """Conditions that a theorem assumes together.

    Attributes:
        name: on the command line.
        title: in words.
        conditions: they.
        own: of the paper itself; else of a relative, to compare with.
    """

    name: str
    title: str
    conditions: tuple[Condition, ...]
    own: bool = True

    def __repr__(self) -> str:
        return f"{self.title}: {', '.join(c.name for c in self.conditions)}"

    def _repr_html_(self) -> str:
        from theory.display import named, record

        return record(self.title, (("", named(c.name, c.latex)) for c in self.conditions))

    @property
    def equations(self) -> tuple[Condition, ...]:
        """Those that fix a parameter, such as tau_plus = 0."""
        return tuple(c for c in self.conditions if isinstance(c.statement, sp.Eq))


@dataclass(frozen=True, kw_only=True)
class Paper:
    """What a paper states.

    Attributes:
        name: short, as typed after ``--paper``.
        title: of the paper, with who and where.
        reference: with which the sources of its own statements begin.
        reading: what it leaves unnamed; its ``paper`` is :attr:`name`.
        parameters: names of the declared symbols that a setting fixes, in the order in which they are shown.
        sets: reading -> its sets of conditions, the main one first, its own before those of relatives.
        claims: reading -> every claim.
        theorems: reading -> the theorems with their own quantifiers.
        entailments: the statements about orders.
        premises: named sets of premises about orders, each with what tends to infinity.
        limit: the limit of its dynamics with what is proved of it; None where there is none.
        meant: what every set of conditions means without saying so, as premises: what tends to infinity.

    Raises:
        ValueError: a parameter is no declared symbol, or the reading belongs to another paper.
    """

    name: str
    title: str
    reference: str
    reading: type[Reading]
    parameters: tuple[str, ...]
    sets: Callable[[Reading], tuple[ConditionSet, ...]]
    claims: Callable[[Reading], tuple[Claim, ...]]
    theorems: Callable[[Reading], tuple[Theorem, ...]] = lambda _: ()
    entailments: Callable[[], tuple[Entailment, ...]] = lambda: ()
    premises: Callable[[], Mapping[str, tuple[Premise, ...]]] = dict
    limit: Callable[[], Limit | None] = lambda: None
    meant: tuple[Premise, ...] = ()

    def __post_init__(self) -> None:
        for name in self.parameters:
            lookup(name)
        if self.reading.paper != self.name:
            raise ValueError(
                f"paper '{self.name}': its reading is of '{self.reading.paper}'; set paper = '{self.name}'"
            )

    def __repr__(self) -> str:
        return f"Paper {self.name}: {self.title}"

    def named(self, reading: Reading) -> dict[str, ConditionSet]:
        """The sets of conditions by the names that a user may type: the main one, and those of relatives."""
        first, *others = self.sets(reading)
        return {s.name: s for s in (first, *(s for s in others if not s.own))}

    def held_against(self, needs: Sequence[Condition], reading: Reading) -> ConditionSet:
        """The paper's own set that conditions are compared with: one whose equations they share, else the main one."""
        first, *others = self.sets(reading)
        stated = {c.statement for c in needs}
        return next((s for s in others if s.own and any(c.statement in stated for c in s.equations)), first)

    def at(self, values: Mapping[str, float], reading: Reading) -> ConditionSet:
        """The paper's own set that speaks of a setting: one whose equations hold there, else the main one."""
        first, *others = self.sets(reading)

        def hold(found: ConditionSet) -> bool:
            return bool(found.equations) and all(c.margin(values).holds for c in found.equations)

        return next((s for s in others if s.own and hold(s)), first)
