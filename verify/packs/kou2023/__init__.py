"""Kou et al. 2023 bound to the two-layer CNN: ReLU, a signal patch and a noise patch, flipped labels, small kappa."""

from typing import Any

from numerics import OBSERVABLES, Setting
from numerics.model import Range
from theory import Band, tau_minus, tau_plus
from theory.papers.kou2023 import PAPER, Reading
from theory.papers.kou2023.conditions import STRENGTH
from verify.pack import Maps, Pack, Phases
from verify.packs.kou2023.design import design
from verify.packs.kou2023.limit import boundary_at, curves
from verify.packs.kou2023.observables import OWN
from verify.packs.kou2023.stages import lasts
from verify.packs.kou2023.words import says


def bands(reading: Reading) -> dict[str, Band]:
    """The flip probabilities as the reading has them; kappa is bounded by the conditions."""
    return {name: Band(tau, 1e-3, reading.flips) for name, tau in (("tau_plus", tau_plus), ("tau_minus", tau_minus))}


# What draws maps is brought only when one is drawn.


def _lines(*given: Any) -> list:
    from verify.packs.kou2023 import maps

    return maps.lines(*given)


def _presets() -> dict[str, Any]:
    from verify.packs.kou2023 import maps

    return maps.presets()


# fmt: off
PACK = Pack(
    paper=PAPER,
    setting=Setting,
    observables=OBSERVABLES | {o.name: o for o in OWN},
    extents={
        "n": (1, 1e4), "m": (1, 1e4), "tau_plus": (1e-3, 0.499), "tau_minus": (1e-3, 0.499), "d": (1, 1e18),
        "sigma_xi": (0.03, 30), "mu": (1e-9, 1e12), "sigma_0": (1e-25, 1e6), "eta": (1e-25, 1e6),
    },
    lasts=lasts,
    bands=bands,
    # Inside Condition 4.1 at C = 2, with n mu^4/(sigma^4 d) = 1: kappa = 0.0023.
    typical={
        "n": 64.0, "m": 16.0, "d": 1.2e7, "mu": 20.8, "sigma_xi": 1.0, "sigma_0": 1e-7, "eta": 1e-6, "tau_plus": 0.1,
        "tau_minus": 0.1, "epsilon": 0.01, "delta": 0.1, "horizon": 8.0,
    },
    same={"tau_minus": "tau_plus"},
    design=design,
    predicted=curves,
    says=says,
    maps=Maps(
        # Inside Condition 4.1 at C = 2 but for the signal, which "strength" places: it is n mu^4/(sigma_xi^4 d).
        held={
            "n": "48", "m": "16", "d": "1e7", "sigma_xi": "1", "strength": "1", "tau": "0.1", "tau_plus": "tau",
            "tau_minus": "tau", "mu": "sigma_xi*sqrt(sqrt(strength*d/n))", "sigma_0": "bound", "eta": "bound",
        },
        ratios={"strength": Range(low=0, high=1e30), "tau": Range(low=0, high=0.5, below=True)},
        latex={"strength": r"n\|\mu\|^4/(\sigma_\xi^4d)"},
        axes={
            "strength": (0.03, 10.0, True), "tau": (0.0, 0.3, False), "tau_plus": (0.0, 0.3, False),
            "tau_minus": (0.0, 0.3, False), "n": (16, 128, True), "m": (12, 48, True), "d": (1e4, 1e8, True),
        },
        show=("error_fresh_end", "harmful.test-error", "convergence_time"),
        lines=_lines,
        phases=(Phases(along=STRENGTH, at=boundary_at, below="harmful overfitting", beyond="benign overfitting"),),
        presets=_presets,
    ),
)
# fmt: on
