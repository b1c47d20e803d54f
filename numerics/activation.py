"""Activations as values: phi, its derivative, and which parameters of a setting they depend on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Activation:
    """An activation and its derivative, elementwise on tensors.

    Attributes:
        name: short.
        value: phi(z), or phi(z, *parameters), each parameter a tensor that broadcasts with z, one value per run.
        slope: phi'(z, ...), the same way; at a kink what autograd says there (relu'(0) = 0). That it is the derivative
            of ``value`` is tested of every activation in use (``numerics.reference`` goes by ``value`` alone).
        parameters: names of the parameters of a setting that both take.
        certified: whether it is max(z, 0), for which ``numerics.generalization`` derives a bound on test errors.
    """

    name: str
    value: "Callable[..., Tensor]"
    slope: "Callable[..., Tensor]"
    parameters: tuple[str, ...] = ()
    certified: bool = False

    def of_runs(self, parameters: "Tensor") -> "tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]":
        """phi and phi' of a batch, for tensors whose first dimension counts runs.

        Args:
            parameters: of each run, in the order of :attr:`parameters`. Shape (R, parameters).
        """

        def bound(function: "Callable[..., Tensor]") -> "Callable[[Tensor], Tensor]":
            return lambda z: function(z, *(own.reshape(-1, *[1] * (z.dim() - 1)).to(z) for own in parameters.T))

        return bound(self.value), bound(self.slope)


RELU = Activation(name="relu", value=lambda z: z.relu(), slope=lambda z: (z > 0).to(z.dtype), certified=True)
