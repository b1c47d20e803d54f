"""What this paper leaves unnamed beside the constants of every paper."""

from dataclasses import dataclass
from typing import ClassVar

from theory import reading


@dataclass(frozen=True, kw_only=True)
class Reading(reading.Reading):
    """The paper's reading.

    Attributes:
        flips: p <= 1/C with C large enough, read as tau_+, tau_- <= ``flips`` beside it: at C = 2 the condition itself
            would allow every flip probability.
        benign: C_1 in n mu^4 >= C_1 sigma^4 d. The limit of the dynamics has the error at 0.1 for n mu^4/(sigma^4 d)
            between 0.4 and 1.1 without flips, between 1.2 and 3.2 with tau = 0.2 (``meanfield``).
        harmful: C_3 in n mu^4 <= C_3 sigma^4 d, below both.
        labels: drawn, as the paper has them.
    """

    paper: ClassVar[str] = "kou2023"
    ranges: ClassVar = {
        **reading.Reading.ranges,
        "flips": (1e-9, 0.5),
        "benign": (1e-6, 1e9),
        "harmful": (1e-9, 1e6),
    }
    says: ClassVar = {
        **reading.Reading.says,
        "flips": "largest flip probability read as at most 1/C",
        "benign": "C_1: a signal is strong from n mu^4/(sigma^4 d) = C_1 on",
        "harmful": "C_3: a signal is weak up to n mu^4/(sigma^4 d) = C_3",
    }

    flips: float = 0.2
    benign: float = 4.0
    harmful: float = 0.25
