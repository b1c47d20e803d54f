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
        benign: C_1^4 in |mu| >= C_1 d^(1/4) n^(-1/4) P sigma. What decides is n mu^4/((P-1)^4 sigma^4 d), in the limit
            of the dynamics, and the error is 0.1 where that is between 0.4 and 3.2.
        harmful: C_3^4 in |mu| <= C_3 d^(1/4) n^(-1/4) P sigma: at two patches 16 times as much counts, a quarter.
        start_low, start_high: sigma_0 = Theta~(1/(P sigma sqrt(d))), read as so many times that.
        radius_low, radius_high: tau = Theta(m sqrt(B)/(P sigma sqrt(d))), read as so many times that.
        long: |mu| >= Omega~(1), read as |mu| >= ``long`` P sigma: a network that has learned the signal alone errs with
            probability Phi(-|mu|/((P-1) sigma)) where the noise has a component along it, 0.023 at 2.
        labels: drawn, as the paper has them.
    """

    paper: ClassVar[str] = "chen2023"
    ranges: ClassVar = {
        **reading.Reading.ranges,
        "flips": (1e-9, 0.5),
        "benign": (1e-6, 1e9),
        "harmful": (1e-9, 1e6),
        "long": (1e-6, 1e6),
        "start_low": (1e-9, 1e6),
        "start_high": (1e-9, 1e6),
        "radius_low": (1e-9, 1e6),
        "radius_high": (1e-9, 1e6),
    }
    says: ClassVar = {
        **reading.Reading.says,
        "flips": "largest flip probability read as at most 1/C",
        "benign": "a signal is strong from n mu^4/(P^4 sigma^4 d) = this on",
        "harmful": "a signal is weak up to n mu^4/(P^4 sigma^4 d) = this",
        "long": "least |mu|/(P sigma) read as Omega~(1), for SAM",
        "start_low": "least sigma_0 P sigma sqrt(d) read as Theta~(1), for SAM",
        "start_high": "largest sigma_0 P sigma sqrt(d) read as Theta~(1), for SAM",
        "radius_low": "least radius over m sqrt(B)/(P sigma sqrt(d)) read as Theta(1)",
        "radius_high": "largest radius over m sqrt(B)/(P sigma sqrt(d)) read as Theta(1)",
    }

    flips: float = 0.2
    benign: float = 4.0
    harmful: float = 0.015625
    long: float = 2.0
    start_low: float = 0.1
    start_high: float = 0.5
    radius_low: float = 0.5
    radius_high: float = 2.0
