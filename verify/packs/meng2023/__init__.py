"""Meng et al. 2023 bound to its network: ReLU, four signals of two labels, noise projected off them, flips."""

from dataclasses import dataclass
from typing import ClassVar

import numerics
from numerics import OBSERVABLES
from numerics.inputs import Inputs
from numerics.model import Range, parameter
from theory import Band, tau_minus, tau_plus
from theory.papers.meng2023 import PAPER, Reading
from theory.papers.meng2023.meanfield import equivalent
from verify.pack import Maps, Pack, Phases
from verify.packs.kou2023.limit import boundary_at
from verify.packs.kou2023.stages import lasts
from verify.packs.meng2023.design import design
from verify.packs.meng2023.limit import curves
from verify.packs.meng2023.observables import OWN
from verify.packs.meng2023.words import says


@dataclass(frozen=True, kw_only=True)
class Setting(numerics.Setting):
    """Signals u and -u of label +1, v and -v of label -1, each as likely given its label.

    Attributes:
        cosine: of the angle between u and v; 0 where they are orthogonal.
    """

    inputs: ClassVar[Inputs] = Inputs(name="xor", labels=(1, -1, 1, -1), cosine="cosine", projected=True)
    cosine: float = parameter(0, 0.999)


def bands(reading: Reading) -> dict[str, Band]:
    """The flip probabilities as the reading has them."""
    return {name: Band(tau, 1e-3, reading.flips) for name, tau in (("tau_plus", tau_plus), ("tau_minus", tau_minus))}


# fmt: off
PACK = Pack(
    paper=PAPER,
    setting=Setting,
    observables=OBSERVABLES | {o.name: o for o in OWN},
    extents={
        "n": (1, 1e4), "m": (1, 1e4), "tau_plus": (1e-3, 0.499), "tau_minus": (1e-3, 0.499), "cosine": (1e-3, 0.95),
        "d": (1, 1e18), "sigma_xi": (0.03, 30), "mu": (1e-9, 1e12), "sigma_0": (1e-25, 1e6), "eta": (1e-25, 1e6),
    },
    lasts=lasts,
    bands=bands,
    # Inside the conditions at C = 2, with n mu^4/(sigma^4 d) = 16, where one signal has 1.
    typical={
        "n": 64.0, "m": 16.0, "d": 1.2e7, "mu": 41.6, "sigma_xi": 1.0, "sigma_0": 1e-7, "eta": 1e-6, "tau_plus": 0.1,
        "tau_minus": 0.1, "cosine": 0.0, "epsilon": 0.01, "delta": 0.1, "horizon": 8.0,
    },
    same={"tau_minus": "tau_plus"},
    design=design,
    predicted=curves,
    says=says,
    maps=Maps(
        # Inside the conditions at C = 2 but for the signal, which "strength" places: it is n mu^4/(sigma_xi^4 d).
        held={
            "n": "48", "m": "16", "d": "1e7", "sigma_xi": "1", "strength": "16", "tau": "0.1", "tau_plus": "tau",
            "tau_minus": "tau", "cosine": "0", "mu": "sigma_xi*sqrt(sqrt(strength*d/n))", "sigma_0": "bound",
            "eta": "bound",
        },
        ratios={"strength": Range(low=0, high=1e30), "tau": Range(low=0, high=0.5, below=True)},
        latex={"strength": r"n\|\mu\|^4/(\sigma_\xi^4d)"},
        axes={
            "strength": (0.5, 160.0, True), "cosine": (0.0, 0.9, False), "tau": (0.0, 0.3, False),
            "n": (16, 128, True), "m": (12, 96, True), "d": (1e4, 1e8, True),
        },
        show=("error_fresh_end", "harmful.test-error", "convergence_time"),
        phases=(Phases(along=equivalent(), at=boundary_at, below="harmful overfitting", beyond="benign overfitting"),),
    ),
)
# fmt: on
