"""What a paper states of the limit of its dynamics."""

from collections.abc import Callable
from dataclasses import dataclass

from theory.limit.argument import Argument
from theory.limit.system import Region, System


@dataclass(frozen=True, kw_only=True)
class Proposition:
    """Inequalities over a region, to be decided by boxes.

    Attributes:
        name: unique among the statements of a limit.
        says: the statement, in a sentence.
        text: as a user would type it.
        region: every parameter's interval, and ``step``.
    """

    name: str
    says: str
    text: str
    region: Region


@dataclass(frozen=True, kw_only=True)
class Limit:
    """The limit of a paper's dynamics.

    Attributes:
        system: its equations.
        statements: what is proved of it, each under a name of its own.
        completed: a region in which some intervals are given, with the others.
    """

    system: System
    statements: tuple[Proposition | Argument, ...]
    completed: Callable[[Region], Region]
