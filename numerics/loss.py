"""Losses as values: functions of the margin y~ f, and the pull each exerts on it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Loss:
    """A loss of the margin z = y~ f(x), elementwise on tensors.

    Attributes:
        name: short.
        value: l(z).
        pull: -l'(z), at a kink what autograd says there.
    """

    name: str
    value: "Callable[[Tensor], Tensor]"
    pull: "Callable[[Tensor], Tensor]"


def _logistic(z: "Tensor") -> "Tensor":
    from torch.nn.functional import softplus

    return softplus(-z)


LOGISTIC = Loss(name="logistic", value=_logistic, pull=lambda z: (-z).sigmoid())
HINGE = Loss(name="hinge", value=lambda z: (1 - z).relu(), pull=lambda z: (z < 1).to(z.dtype))
SQUARED = Loss(name="squared", value=lambda z: (1 - z) ** 2 / 2, pull=lambda z: 1 - z)  # (y~ - f)^2 / 2
