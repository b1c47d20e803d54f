"""Statements that are argued, with their algebra checked: identities, and signs that are plain from the coefficients.

An argument is read in docs/proofs.md. What a machine can check of it is here: that an expression is identically zero,
or that it is a ratio of polynomials in positive symbols all of whose coefficients are positive. Both are decided
exactly (SymPy, over the rationals).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import sympy as sp


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of an argument.

    Attributes:
        says: in words, what follows from it.
        zero: vanishes identically; None where a sign is meant.
        positive: is above zero wherever its symbols are; None where an identity is meant.
    """

    says: str
    zero: sp.Expr | None = None
    positive: sp.Expr | None = None

    @property
    def holds(self) -> bool:
        if self.zero is not None:
            return sp.cancel(sp.together(self.zero)) == 0
        numerator, denominator = sp.fraction(sp.cancel(sp.together(self.positive)))
        return all(_plainly_positive(part) for part in (numerator, denominator))


def _plainly_positive(expression: sp.Expr) -> bool:
    symbols = sorted(expression.free_symbols, key=str)
    if not all(x.is_positive for x in symbols):
        return False
    if not symbols:
        return bool(expression > 0)
    return all(c > 0 for c in sp.Poly(expression, *symbols).coeffs())


@dataclass(frozen=True, kw_only=True)
class Argument:
    """A statement that is argued in docs/proofs.md.

    Attributes:
        name: unique among the statements of a limit.
        says: the statement, in a sentence.
        where: for which parameters, times and recursions it is proved.
        steps: what is checked.
        parts: by the name of a theorem, those of its parts that this states in the limit.
    """

    name: str
    says: str
    where: str
    steps: tuple[Step, ...]
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Argument {self.name}: {self.says} ({self.where})"

    @property
    def failing(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if not step.holds)
