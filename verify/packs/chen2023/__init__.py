"""Chen et al. 2023 bound to its network: ReLU, one signal patch, copies of one noise patch, minibatches, SAM."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numerics
from numerics import OBSERVABLES
from numerics.algorithm import EPOCHS, SAM, Algorithm, Batches
from numerics.inputs import Inputs
from numerics.model import Range, parameter
from theory import Band, tau_minus, tau_plus
from theory.papers.chen2023 import PAPER, Reading
from theory.papers.chen2023.conditions import STRENGTH
from verify.pack import Maps, Pack, Phases
from verify.packs.chen2023.design import design
from verify.packs.chen2023.limit import curves
from verify.packs.chen2023.observables import OWN
from verify.packs.chen2023.stages import expected, last_step, lasts
from verify.packs.chen2023.words import says
from verify.packs.kou2023.limit import boundary_at


@dataclass(frozen=True, kw_only=True)
class Setting(numerics.Setting):
    """P patches: y mu, and P - 1 copies of one noise vector. SAM on minibatches, which go through a random order of all
    samples; of radius 0 it is SGD.

    Attributes:
        copies: P - 1.
        batch: B, at most n.
        radius: of SAM's ball.
    """

    inputs: ClassVar[Inputs] = Inputs(name="copies of the noise", copies="copies")
    algorithm: ClassVar[Algorithm] = SAM
    batches: ClassVar[Batches] = EPOCHS
    copies: int = parameter(1, 1e6, whole=True)
    batch: int = parameter(1, 1e15, whole=True)
    radius: float = parameter(0, 1e30)


def bands(reading: Reading) -> dict[str, Band]:
    """The flip probabilities as the reading has them."""
    return {name: Band(tau, 1e-3, reading.flips) for name, tau in (("tau_plus", tau_plus), ("tau_minus", tau_minus))}


def _of_sgd(values: Mapping[str, float]) -> float:
    """A copy of the noise counts as two patches do, in other units; of SAM no limit is known."""
    return math.nan if values["radius"] > 0 else boundary_at(values)


def _presets() -> dict[str, Any]:
    from verify.packs.chen2023 import maps  # what draws maps is brought only when one is drawn

    return maps.presets()


# fmt: off
PACK = Pack(
    paper=PAPER,
    setting=Setting,
    observables=OBSERVABLES | {o.name: o for o in OWN},
    extents={
        "n": (1, 1e4), "m": (1, 1e4), "copies": (1, 48), "batch": (1, 1e4), "tau_plus": (1e-3, 0.499),
        "tau_minus": (1e-3, 0.499), "d": (1, 1e18), "sigma_xi": (0.03, 30), "mu": (1e-9, 1e12), "sigma_0": (1e-25, 1e6),
        "radius": (1e-12, 1e12), "eta": (1e-25, 1e6),
    },
    lasts=lasts,
    expected=expected,
    last_step=last_step,
    bands=bands,
    # SGD at three patches, with n mu^4/((P-1)^4 sigma^4 d) = 1.
    typical={
        "n": 64.0, "m": 16.0, "d": 2.4e7, "mu": 49.5, "sigma_xi": 1.0, "sigma_0": 1e-8, "eta": 3e-8, "tau_plus": 0.1,
        "tau_minus": 0.1, "copies": 2.0, "batch": 16.0, "radius": 0.0, "epsilon": 0.01, "delta": 0.1, "horizon": 8.0,
    },
    same={"tau_minus": "tau_plus"},
    design=design,
    predicted=curves,
    says=says,
    maps=Maps(
        # Small enough for SAM's slow runs, hence outside the conditions; "weight" is the radius over sigma_0 sqrt(m B),
        # "strength" n mu^4/((P-1)^4 sigma^4 d), "start" sigma_0 P sigma sqrt(d).
        held={
            "n": "20", "m": "10", "d": "2000", "sigma_xi": "1", "strength": "0.13", "start": "1", "weight": "3",
            "tau_plus": "0", "tau_minus": "0", "copies": "2", "batch": "5",
            "mu": "copies*sigma_xi*sqrt(sqrt(strength*d/n))", "sigma_0": "start/((copies + 1)*sigma_xi*sqrt(d))",
            "radius": "weight*sigma_0*sqrt(m*batch)", "eta": "batch*m/(4*copies**2*sigma_xi**2*d)",
        },
        ratios={
            "strength": Range(low=0, high=1e30), "start": Range(low=0, high=1e30), "weight": Range(low=0, high=1e30),
        },
        axes={
            "strength": (0.01, 10.0, True), "weight": (0.1, 30.0, True), "start": (0.1, 3.0, True), "n": (16, 64, True),
            "m": (5, 80, True), "d": (500, 2e4, True), "copies": (1, 16, True), "batch": (1, 20, True),
        },
        show=("error_fresh_end", "memory_share_end", "convergence_time"),
        latex={
            "strength": r"n\|\mu\|^4/((P-1)^4\sigma_\xi^4d)", "weight": r"\tau/(\sigma_0\sqrt{mB})",
            "start": r"\sigma_0P\sigma_\xi\sqrt{d}",
        },
        presets=_presets,
        phases=(Phases(along=STRENGTH, at=_of_sgd, below="SGD memorizes noise", beyond="SGD learns the signal"),),
    ),
)
# fmt: on
