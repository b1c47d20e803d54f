"""What this paper leaves unnamed beside the constants of every paper."""

from dataclasses import dataclass
from typing import ClassVar

from theory import reading


@dataclass(frozen=True, kw_only=True)
class Reading(reading.Reading):
    """The paper's reading.

    Attributes:
        flips: few flips, read as tau_+, tau_- <= ``flips``.
        benign: C_1 in n mu^4 >= C_1 sigma^4 d. In the limit of the dynamics XOR data need 16 times what one signal does
            (``meanfield``): an error of 0.1 lies at 7 to 51, by flips and active neurons.
        harmful: C_2 in n mu^4 <= C_2 sigma^4 d, below all of these.
        labels: drawn, as the paper has them.
    """

    paper: ClassVar[str] = "meng2023"
    ranges: ClassVar = {
        **reading.Reading.ranges,
        "flips": (1e-9, 0.5),
        "benign": (1e-6, 1e9),
        "harmful": (1e-9, 1e6),
    }
    says: ClassVar = {
        **reading.Reading.says,
        "flips": "largest flip probability read as few",
        "benign": "C_1: signals are strong from n mu^4/(sigma^4 d) = C_1 on",
        "harmful": "C_2: signals are weak up to n mu^4/(sigma^4 d) = C_2",
    }

    flips: float = 0.2
    benign: float = 64.0
    harmful: float = 4.0
