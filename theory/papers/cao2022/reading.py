"""What this paper hides beside the constants of every paper."""

from dataclasses import dataclass
from typing import ClassVar

from theory import reading


@dataclass(frozen=True, kw_only=True)
class Reading(reading.Reading):
    """The paper's reading.

    Attributes:
        C: 1, the weakest that Condition 4.2 can be read with: its sizes are powers of n and m up to the fourth, and its
            times too, so that more cannot be waited for.
        labels: "balanced": both labels in equal numbers, as the paper's constants take them.
    """

    paper: ClassVar[str] = "cao2022"

    C: float = 1.0
    labels: str = "balanced"
