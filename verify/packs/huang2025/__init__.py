"""Huang et al. 2025 bound to its network: ReLU^2, noise projected off the signal, labels flipped afresh at every step.

Both algorithms are this one model: without flips label-noise descent is gradient descent.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numerics
from numerics.activation import SQUARED_RELU, Activation
from numerics.inputs import Inputs
from numerics.model import Range
from theory import evaluate
from theory.papers.huang2025 import PAPER
from theory.papers.huang2025.conditions import LABEL_NOISE_TIME
from theory.reading import Reading
from verify.pack import Maps, Pack
from verify.packs.huang2025.design import design
from verify.packs.huang2025.observables import observables


@dataclass(frozen=True, kw_only=True)
class Setting(numerics.Setting):
    """Labels are clean; tau_plus and tau_minus are the probabilities with which each is flipped at a step."""

    activation: ClassVar[Activation] = SQUARED_RELU
    inputs: ClassVar[Inputs] = Inputs(name="one signal, noise projected off it", projected=True)
    flips: ClassVar[str] = "fresh"


def last_step(setting: numerics.Setting, epsilon: float, reading: Reading) -> int:
    """The time of the theorem on label-noise descent, for both algorithms."""
    return int(evaluate(LABEL_NOISE_TIME, reading.at(setting.values(), epsilon)))


def expected(setting: numerics.Setting, epsilon: float, stage: str) -> float:
    """Rescaled time: that, or what the growth of Stage I takes to the early moment."""
    if stage == "end":
        return last_step(setting, epsilon, PAPER.reading()) * setting.time_scale
    return {"early": EARLY, "T1": EARLY}.get(stage, 0.0)


# The logarithm of an own overlap grows by 1 - 2p in rescaled time: from 1e-7 to 0.01 in 12/(1 - 2p), 20 at p = 0.2.
EARLY = 20.0


def _presets() -> dict[str, Any]:
    from verify.packs.huang2025 import maps  # what draws maps is brought only when one is drawn

    return maps.presets()


# fmt: off
PACK = Pack(
    paper=PAPER,
    setting=Setting,
    observables=observables(),
    extents={
        "n": (1, 1e4), "m": (1, 1e4), "tau_plus": (1e-3, 0.45), "tau_minus": (1e-3, 0.45), "d": (2, 1e16),
        "sigma_xi": (0.03, 30), "mu": (1e-9, 1e9), "sigma_0": (1e-20, 1e3), "eta": (1e-20, 1e3),
    },
    # Where a run may lie anywhere, the end is the second term of its time at n SNR^2 = 1e-2.
    lasts=lambda stage, epsilon: {"early": EARLY, "T1": EARLY, "window": EARLY, "end": 2000.0}.get(stage),
    expected=expected,
    last_step=last_step,
    # The setting of the paper's first figure; its weight scale is not known.
    typical={
        "n": 200.0, "m": 20.0, "d": 2000.0, "mu": 2.0, "sigma_xi": 0.5, "sigma_0": 0.01, "eta": 0.5, "tau_plus": 0.1,
        "tau_minus": 0.1, "epsilon": 0.01, "delta": 0.1, "horizon": 4.0,
    },
    same={"tau_minus": "tau_plus"},
    design=design,
    maps=Maps(
        held={
            "n": "50", "m": "20", "d": "2000", "sigma_xi": "0.5", "mu": "2", "sigma_0": "0.01", "eta": "0.5",
            "tau_plus": "0.1", "tau_minus": "tau_plus",
        },
        axes={
            "n": (100, 700, False), "mu": (0.5, 4.0, False), "tau_plus": (0.0, 0.4, False), "eta": (0.05, 1.0, True),
            "d": (500, 1e5, True), "m": (3, 40, True), "sigma_xi": (0.25, 2.0, True),
        },
        show=("error_fresh_final", "loss_final", "signal_best_final"),
        ratios={"snr": Range(low=0, high=1e30)},
        instead={"snr": {"mu": "snr*sigma_xi*sqrt(d)"}},
        presets=_presets,
    ),
)
# fmt: on
