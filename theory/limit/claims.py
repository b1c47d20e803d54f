"""What a paper states of the limit of its dynamics."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from theory.limit.argument import Argument
from theory.limit.diagram import Diagram
from theory.limit.system import Region, System


@dataclass(frozen=True, kw_only=True)
class Proposition:
    """Inequalities over a region, to be decided by boxes.

    Attributes:
        name: unique among the statements of a limit.
        says: the statement, in a sentence.
        text: as a user would type it.
        region: every parameter's interval, and ``step``.
        told: the constants with which it is stated, in words.
        parts: by the name of a theorem, those of its parts that this states in the limit.
    """

    name: str
    says: str
    text: str
    region: Region
    told: str = ""
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Proposition {self.name}: {self.says}"


@dataclass(frozen=True, kw_only=True)
class Limit:
    """The limit of a paper's dynamics.

    Attributes:
        system: its equations.
        statements: what is proved of it, each under a name of its own.
        completed: a region in which some intervals are given, with the others.
        certificates: the file in which those of statements about parts of theorems are kept; None where none are.
        diagrams: where theorems hold in it, over a plane.
        distance: the name of the claim that measures how far runs are from this limit; empty where none does.
    """

    system: System
    statements: tuple[Proposition | Argument, ...]
    completed: Callable[[Region], Region]
    certificates: Path | None = None
    diagrams: tuple[Diagram, ...] = ()
    distance: str = ""

    def __repr__(self) -> str:
        return f"Limit of {self.system.name}: {len(self.statements)} statements"

    def about(self, theorem: str) -> tuple[Proposition | Argument, ...]:
        """The statements that state parts of a theorem."""
        return tuple(s for s in self.statements if theorem in s.parts)
