"""Cao et al. 2022 bound to its network: a power of the ReLU above two, noise projected off the signal, clean labels."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numerics
from numerics.activation import RELU_POWER, Activation
from numerics.inputs import Inputs
from numerics.model import Range, parameter
from theory import SNR, evaluate, n
from theory.papers.cao2022 import PAPER
from theory.papers.cao2022.conditions import noise_time, q, signal_time
from theory.papers.cao2022.dynamics import THRESHOLD, noise_plateau, signal_plateau
from theory.reading import Reading
from verify.pack import Maps, Pack, Phases
from verify.packs.cao2022.design import design
from verify.packs.cao2022.observables import observables


@dataclass(frozen=True, kw_only=True)
class Setting(numerics.Setting):
    """The power q is one more parameter."""

    activation: ClassVar[Activation] = RELU_POWER
    inputs: ClassVar[Inputs] = Inputs(name="one signal, noise projected off it", projected=True)

    q: float = parameter(2.001, 8, default=3.0)


def plateau(setting: numerics.Setting) -> float:
    """Steps until the first of signal and noise diverges, from a start of one standard deviation."""
    values = setting.values()
    found = [noise_plateau(values["q"])] + ([signal_plateau(values["q"])] if values["mu"] else [])
    return min(float(f.subs({k: values[str(k)] for k in f.free_symbols})) for f in found)


def expected(setting: numerics.Setting, epsilon: float, stage: str) -> float:
    """Rescaled time: the plateau, and what the loss then takes (theory.papers.cao2022.dynamics, 3)."""
    s = plateau(setting) * setting.time_scale if stage != "fit" else 0.0
    if stage in ("end", "fit"):
        q, m, log = setting.q, setting.m, math.log(1 / epsilon)
        s += m / (q**2 * (m * log) ** (2 - 2 / q) * epsilon * max(1.0, setting.kappa / 2))
    return 0.0 if stage in ("exact", "start") else s


def last_step(setting: numerics.Setting, epsilon: float, reading: Reading) -> int:
    """The first term of the time of the theorem that speaks of a setting; of two, the shorter one is."""
    found = [noise_time(setting.q)] + ([signal_time(setting.q)] if setting.mu else [])
    values = reading.at(setting.values(), epsilon)
    least = min(evaluate(f, values) for f in found)
    # Where a patch is no longer than its start, what follows the plateau is the longer part.
    return math.ceil(reading.horizon * (least + expected(setting, epsilon, "fit") / setting.time_scale))


# fmt: off
PACK = Pack(
    paper=PAPER,
    setting=Setting,
    observables=observables(),
    extents={
        "n": (1, 1e4), "m": (1, 1e4), "tau_plus": (1e-3, 0.45), "tau_minus": (1e-3, 0.45), "q": (2.5, 6),
        "d": (2, 1e18), "sigma_xi": (0.03, 30), "mu": (1e-9, 1e12), "sigma_0": (1e-20, 1e3), "eta": (1e-25, 1e3),
    },
    # Where a run may lie anywhere: a plateau of sigma_0 sigma_xi sqrt(d) = 1e-2 at q = 3.
    lasts=lambda stage, epsilon: {"early": 100.0, "T1": 100.0, "window": 100.0, "end": 200.0}.get(stage),
    expected=expected,
    last_step=last_step,
    typical={
        "n": 20.0, "m": 20.0, "d": 1e6, "mu": 800.0, "sigma_xi": 1.0, "sigma_0": 2e-5, "eta": 1e-5, "tau_plus": 0.0,
        "tau_minus": 0.0, "q": 3.0, "epsilon": 0.01, "delta": 0.1, "horizon": 8.0,
    },
    same={"tau_minus": "tau_plus"},
    design=design,
    maps=Maps(
        held={
            "n": "20", "m": "16", "d": "1e8", "sigma_xi": "1", "q": "3", "strength": "2",
            "mu": "sigma_xi*sqrt(d)*(strength/n)**(1/q)", "sigma_0": "0.01/(sigma_xi*sqrt(d))",
            "eta": "0.02*n*m/(sigma_xi**2*d)", "tau_plus": "0", "tau_minus": "0",
        },
        # n SNR^q.
        ratios={"strength": Range(low=0, high=1e30)},
        latex={"strength": r"n\,\mathrm{SNR}^q"},
        axes={
            "strength": (0.1, 40.0, True), "n": (4, 128, True), "q": (2.5, 5.0, False), "m": (8, 64, True),
            "d": (1e6, 1e12, True),
        },
        show=("error_fresh_end", "test_loss_fresh_end", "convergence_time"),
        phases=(
            # For equal largest starts.
            Phases(along=n * SNR**q, at=lambda _: THRESHOLD, below="noise memorized", beyond="the signal learned"),
        ),
    ),
)
# fmt: on
