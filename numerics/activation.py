"""Activations as values: phi, its derivative, and which parameters of a setting they depend on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

MOST = 8  # the largest power that is multiplied out


@dataclass(frozen=True, kw_only=True)
class Activation:
    """An activation and its derivative, elementwise on tensors.

    Attributes:
        name: short.
        value: phi(z), or ``phi(z, *parameters)``, each parameter a tensor that broadcasts with z, one value per run.
        slope: phi'(z, ...), the same way; at a kink what autograd says there (relu'(0) = 0). That it is the derivative
            of ``value`` is tested of every activation in use (``numerics.reference`` goes by ``value`` alone).
        parameters: names of the parameters of a setting that both take.
        degree: q where phi(cz) = c^q phi(z) for every c > 0, or the name of the parameter that is q; None elsewhere.
    """

    name: str
    value: "Callable[..., Tensor]"
    slope: "Callable[..., Tensor]"
    parameters: tuple[str, ...] = ()
    degree: float | str | None = None

    @property
    def certified(self) -> bool:
        """Whether it is max(z, 0), for which ``numerics.generalization`` derives a bound on test errors."""
        return self == RELU

    def whole_power(self, parameters: "Tensor") -> int:
        """q where it is our max(z, 0)^q with one whole q up to :data:`MOST` in all runs; 0 elsewhere. What others write
        is never taken for it on their word.

        Args:
            parameters: of each run, in the order of :attr:`parameters`. Shape (R, parameters).
        """
        if self not in (RELU, RELU_POWER, SQUARED_RELU, CUBED_RELU):
            return 0
        if not isinstance(self.degree, str):
            return int(self.degree)
        return _whole(parameters[:, self.parameters.index(self.degree)])

    def of_runs(self, parameters: "Tensor") -> "tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]":
        """phi and phi' of a batch, for tensors whose first dimension counts runs.

        Args:
            parameters: of each run, in the order of :attr:`parameters`. Shape (R, parameters).
        """

        if not self.parameters:
            return self.value, self.slope
        shaped: dict[tuple, tuple[Tensor, ...]] = {}  # a step is small enough for this to be seen

        def bound(function: "Callable[..., Tensor]") -> "Callable[[Tensor], Tensor]":
            def of(z: "Tensor") -> "Tensor":
                like = z.dim(), z.dtype, z.device
                if like not in shaped:
                    shaped[like] = tuple(own.reshape(-1, *[1] * (z.dim() - 1)).to(z) for own in parameters.T)
                return function(z, *shaped[like])

            return of

        return bound(self.value), bound(self.slope)


def _whole(q: "Tensor") -> int:
    """The one whole power, up to :data:`MOST`, that all of them are; 0 where there is none."""
    first = round(float(q.flatten()[0]))
    return first if 1 <= first <= MOST and bool((q == first).all()) else 0


def _power(z: "Tensor", q: "Tensor") -> "Tensor":
    """z^q. One whole power for all runs is multiplied out: a general one takes ten times as long. Not on a GPU, where
    to look at a number waits for the device."""
    whole = _whole(q) if q.device.type == "cpu" else 0
    if not whole:
        return z**q
    found, square = None, z
    while whole:
        if whole % 2:
            found = square if found is None else found * square
        whole //= 2
        square = square * square if whole else square
    return found


RELU = Activation(name="relu", value=lambda z: z.relu(), slope=lambda z: (z > 0).to(z.dtype), degree=1.0)
RELU_POWER = Activation(  # q > 1
    name="relu^q",
    value=lambda z, q: _power(z.relu(), q),
    slope=lambda z, q: q * _power(z.relu(), q - 1),
    parameters=("q",),
    degree="q",
)
SQUARED_RELU = Activation(name="relu^2", value=lambda z: z.relu() ** 2, slope=lambda z: 2 * z.relu(), degree=2.0)
CUBED_RELU = Activation(name="relu^3", value=lambda z: z.relu() ** 3, slope=lambda z: 3 * z.relu() ** 2, degree=3.0)
LEAKY_RELU = Activation(
    name="leaky relu",
    value=lambda z, leak: z.where(z > 0, leak * z),
    slope=lambda z, leak: leak.where(z <= 0, 1.0),
    parameters=("leak",),
    degree=1.0,
)
SQUARE = Activation(name="z^2", value=lambda z: z**2, slope=lambda z: 2 * z, degree=2.0)
CUBE = Activation(name="z^3", value=lambda z: z**3, slope=lambda z: 3 * z**2, degree=3.0)


def _huberized(z: "Tensor", bend: "Tensor") -> "Tensor":
    return (z.relu() ** 2 / (2 * bend)).where(z < bend, z - bend / 2)


def _smoothed(z: "Tensor", leak: "Tensor", sharpness: "Tensor") -> "Tensor":
    from torch.nn.functional import softplus

    return leak * z + (1 - leak) * softplus(sharpness * z) / sharpness


# z^2/(2 bend) up to bend, of slope 1 beyond.
HUBERIZED_RELU = Activation(
    name="huberized relu",
    value=_huberized,
    slope=lambda z, bend: (z.relu() / bend).clamp(max=1.0),
    parameters=("bend",),
)
# Of slope from leak to 1.
SMOOTHED_LEAKY_RELU = Activation(
    name="smoothed leaky relu",
    value=_smoothed,
    slope=lambda z, leak, sharpness: leak + (1 - leak) * (sharpness * z).sigmoid(),
    parameters=("leak", "sharpness"),
)
