"""A network that no paper here has: three layers of torch, trained with Adam. Does it learn a faint signal?"""

from dataclasses import dataclass

import torch
from sympy import Eq

from numerics.algorithm import ADAM
from numerics.model import parameter
from numerics.module import ModuleSetting
from theory import SNR, Band, Claim, Condition, Within, d, eta, m, n, tau_minus, tau_plus
from theory.statements import Source
from verify.model import around


@dataclass(frozen=True, kw_only=True)
class DeepAdam(ModuleSetting):
    """Three layers of width m on both patches, with Adam."""

    algorithm = ADAM
    beta_1: float = parameter(0, 1, below=True, default=0.9)
    beta_2: float = parameter(0, 1, below=True, default=0.999)
    series = ("on_signal",)

    def network(self):
        return torch.nn.Sequential(
            torch.nn.Flatten(),  # [signal, noise], 2d numbers
            torch.nn.Linear(2 * self.d, self.m),
            torch.nn.ReLU(),
            torch.nn.Linear(self.m, self.m),
            torch.nn.ReLU(),
            torch.nn.Linear(self.m, 1),
            torch.nn.Flatten(0),  # one number per input
        )

    def on_signal(self, network, points):
        """The share of the first layer's weights, by their squares, that lies on the signal: 1/2d at first."""
        weights = network[1].weight
        return weights[:, 0].square().sum() / weights.square().sum()


MINE = Source(provenance="derived", reference="this file")


def condition(name, statement, says):
    return Condition(name=f"deep.{name}", source=MINE, statement=statement, says=says)


SHARED = (
    condition("samples", n <= 88, "Small enough for a first answer."),
    condition("width", m <= 88, "Likewise."),
    condition("dimension", Band(d / n, 4, 16), "More dimensions than samples."),
    condition("step", Band(eta, 1e-3, 3e-3), "Adam's usual step."),
    condition("clean-plus", Eq(tau_plus, 0), "No label is flipped."),
    condition("clean-minus", Eq(tau_minus, 0), "No label is flipped."),
)
FAINT = (
    *SHARED,
    condition("enough", n * SNR**2 >= 4, "Enough samples for gradient descent on two layers."),
    condition("faint", SNR <= 0.6, "The signal is shorter than the noise."),
)
STRONG = (*SHARED, condition("strong", Band(SNR, 2, 4), "The signal is longer than the noise."))

CLAIMS = (
    Claim(name="deep.fitted", source=MINE, needs=FAINT, observable="accuracy_end", law=Within(low=0.99),
          says="At the end every sample is fitted."),
    Claim(name="deep.faint", source=MINE, needs=FAINT, observable="error_fresh_end", law=Within(high=0.05),
          says="New samples are told apart, however faint the signal."),
    Claim(name="deep.strong", source=MINE, needs=STRONG, observable="error_fresh_end", law=Within(high=0.05),
          says="New samples are told apart where the signal is strong."),
)  # fmt: skip

PACK = around(
    DeepAdam,
    typical={"n": 22, "m": 22, "d": 200, "mu": 7.0, "sigma_0": 1.0, "eta": 2e-3},
    conditions=FAINT,
    claims=CLAIMS,
    extents={
        "n": (11, 88), "m": (11, 88), "d": (40, 800), "sigma_xi": (0.5, 2), "sigma_0": (1, 1),
        "beta_1": (0.8, 0.95), "beta_2": (0.99, 0.999),
    },
)  # fmt: skip
