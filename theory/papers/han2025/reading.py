"""What this paper hides in its Theta(1) beside the constants of every paper."""

from dataclasses import dataclass
from typing import ClassVar

from theory import reading


@dataclass(frozen=True, kw_only=True)
class Reading(reading.Reading):
    """The paper's reading.

    Attributes:
        kappa_low, kappa_high: kappa = Theta(1), read as kappa_low <= kappa (1 - tau_+ - tau_-) <= kappa_high. The
            mean field puts gamma > rho above kappa (1 - 2 tau) = 2 and "noisy samples are ignored" above 1.
        tau_low, tau_high: tau = Theta(1) below 1/2, read as tau_low <= tau_+- <= tau_high.
        order_one: small enough that the signal has not yet saturated the clean samples at kappa_high (gamma is about
            kappa/2 times rho).
        labels: "balanced" is what the paper assumes without loss of generality.
    """

    paper: ClassVar[str] = "han2025"
    ranges: ClassVar = {
        **reading.Reading.ranges,
        "kappa_low": (1e-6, 1e6),
        "kappa_high": (1e-6, 1e6),
        "tau_low": (1e-9, 0.5),
        "tau_high": (1e-9, 0.5),
    }
    says: ClassVar = {
        **reading.Reading.says,
        "kappa_low": "least kappa (1 - tau_+ - tau_-) read as Theta(1)",
        "kappa_high": "largest kappa (1 - tau_+ - tau_-) read as Theta(1)",
        "tau_low": "least flip probability read as Theta(1)",
        "tau_high": "largest flip probability read as Theta(1)",
    }

    kappa_low: float = 3.0
    kappa_high: float = 12.0
    tau_low: float = 0.05
    tau_high: float = 0.25
