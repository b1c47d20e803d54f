"""What a sample's patches are, and how the second layer adds up what the neurons make of them, as values."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """One signal patch and one or more noise patches a sample.

    With K signals of equal length a sample reads one of mu_1..mu_K, -mu_1..-mu_K, each equally likely given its label.

    Attributes:
        name: short.
        labels: the true label of a sample that reads mu_1..mu_K, then of one that reads -mu_1..-mu_K; both occur.
        cosine: the parameter of a setting that is the cosine between any two signals; empty where they are orthogonal.
        copies: the parameter that counts the noise patches of a sample, all of them the same vector; empty for one.
        joined: whether signal and noise are added up in one patch, instead of being two.
        projected: whether the noise has no component along the signals.

    Raises:
        ValueError: labels that are not +-1, or not of both signs, or an odd number of them; copies of a joined patch.
    """

    name: str
    labels: tuple[int, ...] = (1, -1)
    cosine: str = ""
    copies: str = ""
    joined: bool = False
    projected: bool = False

    def __post_init__(self) -> None:
        if len(self.labels) % 2 or set(self.labels) != {1, -1}:
            raise ValueError(f"inputs '{self.name}': labels = {self.labels}: give +-1 for each signal and its negative")
        if self.joined and self.copies:
            raise ValueError(f"inputs '{self.name}': one patch holds signal and noise, so there are no copies of noise")

    @property
    def signals(self) -> int:
        """K."""
        return len(self.labels) // 2


@dataclass(frozen=True, kw_only=True)
class Head:
    """The second layer, a_{j,r} = j times one weight at first.

    Attributes:
        name: short.
        summed: whether that weight is 1, instead of 1/m.
        trained: whether it is trained, by the same algorithm as the first layer.
    """

    name: str
    summed: bool = False
    trained: bool = False

    def weights(self, m: int) -> np.ndarray:
        """a at initialization. Shape (2m,)."""
        return np.repeat([1.0, -1.0], m) / (1 if self.summed else m)


ONE_SIGNAL = Inputs(name="one signal")  # y mu and xi
MEAN = Head(name="mean")
SUM = Head(name="sum", summed=True)
TRAINED = Head(name="trained", trained=True)
