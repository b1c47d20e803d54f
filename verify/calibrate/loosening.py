"""Sides of conditions, each of which can be loosened alone, and the conditions at a step of a ladder of constants."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import sympy as sp

from theory import Band, C, Condition
from verify.packs.han2025 import PACK

NEAR = 1.05  # a face is this thick


@dataclass(frozen=True, kw_only=True)
class Item:
    """One side of one condition, which can be loosened alone."""

    condition: Condition
    side: str = ""

    @property
    def name(self) -> str:
        return self.condition.name + (f" ({self.side})" if self.side else "")

    def loosened(self, factor: float, constant: float) -> tuple[Condition, Condition]:
        """The condition loosened by ``factor``, and what keeps settings at its face; C is ``constant``."""
        statement = self.condition.statement
        if isinstance(statement, Band):
            low, high, e = statement.low, statement.high, statement.expression
            if self.side == "low":
                low /= factor
                if isinstance(e, sp.Symbol) and e.name in PACK.extents:
                    low = max(low, PACK.extents[e.name][0])
                face = sp.Le(e, NEAR * low)
            else:
                high *= factor
                if isinstance(e, sp.Symbol) and e.name in PACK.extents:
                    high = min(high, PACK.extents[e.name][1])
                face = sp.Ge(e, high / NEAR)
            changed: sp.Basic | Band = Band(e, min(low, high), high)
        else:
            asked = {C: constant / factor} if statement.has(C) else {}
            weight = 1 if asked else factor
            big, small = weight * statement.gts.subs(asked), statement.lts.subs(asked)
            changed = sp.Ge(big, small)
            whole = 1 if statement.gts.is_Symbol and statement.gts.name in PACK.setting.whole() else 0
            face = sp.Le(big, NEAR * small + whole)
        here = replace(self.condition, statement=changed, latex="")
        return here, Condition(name=f"face-of-{self.condition.name}", source="calibration", statement=face)


def items(needs: Sequence[Condition]) -> tuple[Item, ...]:
    """Every side of every condition that can be loosened; an equation cannot."""
    found = []
    for condition in needs:
        if isinstance(condition.statement, Band):
            found += [Item(condition=condition, side=side) for side in ("low", "high")]
        elif not isinstance(condition.statement, sp.Eq):
            found.append(Item(condition=condition))
    return tuple(found)


def has_constant(needs: Sequence[Condition]) -> bool:
    return any(not isinstance(c.statement, Band) and c.statement.has(C) for c in needs)


def at_constant(needs: Sequence[Condition], constant: float) -> tuple[Condition, ...]:
    """The conditions at a step of the ladder, for a reading whose C is that step where any of them names it."""
    if has_constant(needs):
        return tuple(needs)
    return tuple(i.loosened(1 / constant, 1.0)[0] for c in needs for i in items([c]))
