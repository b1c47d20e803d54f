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
        horizon: the factor in the times of both theorems: 3 of their first term, where a run is given up. The reduced
            dynamics takes 2/(q (q - 2) z^{q-2}) of it for noise and twice that for the signal, with z the largest start
            of the slowest patch, or of the lesser class, in standard deviations: 3 is enough for z >= 0.22 and 0.44 at
            q = 3, for z >= 0.29 and 0.41 at q = 4.
        order_one: a mean own coefficient of a 25th of it dates the end of noise's plateau. The mean is over some nm/2
            pairs, of which a few diverge first and then saturate; at 0.004 they have not where nm is some hundreds.
        labels: "balanced": both labels in equal numbers, as the paper's constants take them.
    """

    paper: ClassVar[str] = "cao2022"

    C: float = 1.0
    horizon: float = 3.0
    order_one: float = 0.1
    labels: str = "balanced"
