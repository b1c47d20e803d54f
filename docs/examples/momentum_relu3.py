"""A model that no paper here has: ReLU^3, trained with momentum. Does momentum shorten the plateau?"""

from dataclasses import dataclass

import numpy as np
from sympy import Eq

from numerics import Observable, Setting
from numerics.activation import CUBED_RELU
from numerics.algorithm import MOMENTUM
from numerics.inputs import Inputs
from numerics.model import parameter
from theory import SNR, Band, Claim, Condition, Within, d, eta, m, mu, n, sigma_0, tau_minus, tau_plus
from theory.statements import Source
from theory.symbols import declare
from verify.model import around


@dataclass(frozen=True, kw_only=True)
class MomentumCube(Setting):
    """ReLU^3 on one signal, with momentum M <- beta M - (1 - beta) grad, W <- W + eta M."""

    activation = CUBED_RELU
    algorithm = MOMENTUM
    inputs = Inputs(name="noise off the signal", projected=True)
    momentum: float = parameter(0, 1, below=True)


beta = declare("momentum", r"\beta", "[0, 1)", "share of a step that is kept for the next", order="~", nonnegative=True)
MINE = Source(provenance="derived", reference="this file")


def condition(name, statement, says):
    return Condition(name=f"cube.{name}", source=MINE, statement=statement, says=says)


CONDITIONS = (
    condition("signal", n * SNR**3 >= 8, "The signal outgrows the noise."),
    condition("dimension", d >= 8 * n**2, "Noise patches are nearly orthogonal."),
    condition("weights", Band(sigma_0 * mu, 0.05, 0.2), "Small initial weights, and a plateau that can be waited for."),
    condition("step", eta <= m / (10 * mu**2), "Steps are small."),
    condition("momentum", beta <= 0.9, "Momentum forgets within tens of steps."),
    condition("clean-plus", Eq(tau_plus, 0), "No label is flipped."),
    condition("clean-minus", Eq(tau_minus, 0), "No label is flipped."),
)


def plateau(run):
    """Iterations to the end over m/(eta sigma_0 |mu|^3), for which a ReLU^3 neuron stays small without momentum."""
    return run.time("end") / np.array([s.m / (s.eta * s.sigma_0 * s.mu**3) for s in run.settings])


PLATEAU = Observable(name="plateau", says="time to the end in plateaus", stage="end", compute=plateau, reads=("loss",))

CLAIMS = (
    Claim(name="cube.benign", source=MINE, needs=CONDITIONS, observable="error_fresh_end", law=Within(high=0.05),
          says="At the end new samples are told apart."),
    Claim(name="cube.plateau", source=MINE, needs=CONDITIONS, observable="plateau", law=Within(0.1, 10),
          says="Training takes as long as the plateau does, whatever the momentum."),
    Claim(name="cube.shorter", source=MINE, needs=(*CONDITIONS, condition("much", beta >= 0.5, "Much momentum.")),
          observable="plateau", law=Within(high=0.5), says="With much momentum it takes half the plateau at most."),
)  # fmt: skip

PACK = around(
    MomentumCube,
    typical={"n": 24, "m": 10, "d": 2e4, "mu": 130.0, "sigma_0": 1e-3, "eta": 5e-5, "momentum": 0.5},
    observables=(PLATEAU,),
    conditions=CONDITIONS,
    claims=CLAIMS,
    extents={"momentum": (0.01, 0.99)},
)
