"""What this paper hides beside the constants of every paper."""

from dataclasses import dataclass
from typing import ClassVar

from theory import reading


@dataclass(frozen=True, kw_only=True)
class Reading(reading.Reading):
    """The paper's reading.

    Attributes:
        C: 1, the weakest that Assumption 3.1 can be read with. Its bounds on sigma_0 leave nothing below
            d = C^8 n^4: at C = 2 and n = 11 that is d of some millions, and then 1e11 steps.
        horizon: the factor in the times of both theorems, which say Theta(...). While margins are small the signal of
            label-noise descent grows by (1 - 2p) eta |mu|^2/(2m) a step, so that 2/(1 - 2p) times the second term of
            the time would do if it went on so: 4 where p <= 1/4.
        labels: "balanced": with very few samples drawn labels may all be alike.
    """

    paper: ClassVar[str] = "huang2025"

    C: float = 1.0
    horizon: float = 4.0
    labels: str = "balanced"
