"""Algorithms as values. A step is written once, in terms of vectors that can be added, scaled and multiplied.

The engine runs it on the coefficients (s, C) of W = s W_0 + C V', the reference on W itself. Both agree for every step
that commutes with the rotations of R^d, since W depends linearly on (s, C) and inner products are the same; a step
that does not commute is told by their disagreement (``numerics.identities.step_residual``). Derivation:
docs/numerics.md.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

Parts = tuple["Tensor", ...]
Memory = tuple["Vector", ...]


@dataclass(frozen=True, eq=False)
class Vector:
    """Weights, or a change of them, of a batch of runs.

    Attributes:
        parts: tensors; only :meth:`dot` knows what they are.
        inner: the inner product of two vectors' parts, one number per run.
    """

    parts: Parts
    inner: "Callable[[Parts, Parts], Tensor]"

    def __add__(self, other: "Vector") -> "Vector":
        return Vector(tuple(a + b for a, b in zip(self.parts, other.parts, strict=True)), self.inner)

    def __sub__(self, other: "Vector") -> "Vector":
        return Vector(tuple(a - b for a, b in zip(self.parts, other.parts, strict=True)), self.inner)

    def __mul__(self, number: "float | Tensor") -> "Vector":
        """Times a number, or one number per run. Shape (R,)."""
        if isinstance(number, float | int):
            return Vector(tuple(a * number for a in self.parts), self.inner)
        return Vector(tuple(a * number.reshape(-1, *[1] * (a.dim() - 1)) for a in self.parts), self.inner)

    def each(self, function: "Callable[..., Tensor]", *others: "Vector") -> "Vector":
        """A function of every single coordinate of vectors: of weights themselves, where an algorithm is ``dense``."""
        parts = zip(self.parts, *(other.parts for other in others), strict=True)
        return Vector(tuple(function(*together) for together in parts), self.inner)

    def dot(self, other: "Vector") -> "Tensor":
        """The inner product of each run. Shape (R,)."""
        return self.inner(self.parts, other.parts)


Slope = Callable[[Vector], Vector]  # minus the gradient of the step's own loss, at any weights


@dataclass(frozen=True, kw_only=True)
class Algorithm:
    """How weights move.

    Attributes:
        name: short.
        step: ``(weights, memory, slope, eta, *parameters) -> (weights, memory)``, all but the memory and the slope one
            per run. It may ask for the slope, of this step's labels and batch, at several places.
        memory: how many vectors it carries from step to step, zero at first.
        parameters: names of the parameters of a setting that the step takes.
        weights: the power of c that each of them takes where (mu, sigma_xi, sigma_0, eta) becomes (c mu, c sigma_xi,
            sigma_0/c, eta/c^2), so that no run changes; 0 where nothing is said.
        dense: whether it looks at single coordinates of weights (:meth:`Vector.each`), and so does not commute with
            rotations. It is then run on the d-dimensional weights, slowly, and there are no coefficients.
    """

    name: str
    step: Callable[..., tuple[Vector, Memory]]
    memory: int = 0
    parameters: tuple[str, ...] = ()
    weights: tuple[int, ...] = ()
    dense: bool = False

    def moved(
        self, weights: Vector, memory: Memory, slope: Slope, eta: "Tensor", *parameters: "Tensor"
    ) -> tuple[Vector, Memory]:
        """One step.

        Raises:
            ValueError: it does not give back weights and as many vectors as it carries.
        """
        found = self.step(weights, memory, slope, eta, *parameters)
        if not (
            isinstance(found, tuple)
            and len(found) == 2
            and isinstance(found[0], Vector)
            and isinstance(found[1], tuple)
            and len(found[1]) == self.memory
            and all(isinstance(held, Vector) for held in found[1])
        ):
            carries = f"a tuple of {self.memory} vectors" if self.memory else "an empty tuple"
            raise ValueError(f"algorithm '{self.name}': its step must return (weights, memory), memory being {carries}")
        return found


def _descent(weights: Vector, memory: Memory, slope: Slope, eta: "Tensor") -> tuple[Vector, Memory]:
    return weights + slope(weights) * eta, memory


def _decay(weights: Vector, memory: Memory, slope: Slope, eta: "Tensor", decay: "Tensor") -> tuple[Vector, Memory]:
    return weights * (1 - eta * decay) + slope(weights) * eta, memory


def _momentum(weights: Vector, memory: Memory, slope: Slope, eta: "Tensor", beta: "Tensor") -> tuple[Vector, Memory]:
    moving = memory[0] * beta + slope(weights) * (1 - beta)
    return weights + moving * eta, (moving,)


def _sharpness_aware(
    weights: Vector, memory: Memory, slope: Slope, eta: "Tensor", radius: "Tensor"
) -> tuple[Vector, Memory]:
    down = slope(weights)
    if not radius.any():  # gradient descent, at half the cost
        return weights + down * eta, memory
    length = down.dot(down).sqrt().clamp(min=1e-300)  # where it is 0, so is the way up
    return weights + slope(weights - down * (radius / length)) * eta, memory


def _adam(
    weights: Vector, memory: Memory, slope: Slope, eta: "Tensor", beta_1: "Tensor", beta_2: "Tensor"
) -> tuple[Vector, Memory]:
    """Kingma and Ba 2015. Beside the two means goes what each makes of a constant 1, which corrects its start."""
    down = slope(weights)
    seen = (down, down.each(lambda x: x**2), *[down.each(lambda x: x * 0 + 1)] * 2)
    memory = tuple(
        held * beta + new * (1 - beta) for held, new, beta in zip(memory, seen, (beta_1, beta_2) * 2, strict=True)
    )
    move = memory[0].each(lambda m, v, of_m, of_v: (m / of_m) / ((v / of_v).sqrt() + 1e-8), *memory[1:])
    return weights + move * eta, memory


def _signs(weights: Vector, memory: Memory, slope: Slope, eta: "Tensor") -> tuple[Vector, Memory]:
    return weights + slope(weights).each(lambda x: x.sign()) * eta, memory


DESCENT = Algorithm(name="gradient descent", step=_descent)
DECAY = Algorithm(name="gradient descent with weight decay", step=_decay, parameters=("weight_decay",), weights=(2,))
# M <- beta M - (1 - beta) grad, W <- W + eta M.
MOMENTUM = Algorithm(name="momentum", step=_momentum, memory=1, parameters=("momentum",))
SIGN_DESCENT = Algorithm(name="sign descent", step=_signs, dense=True)
ADAM = Algorithm(name="Adam", step=_adam, memory=4, parameters=("beta_1", "beta_2"), dense=True)
# The slope at the top of a ball of this radius, W + radius grad / |grad|, over the whole batch.
SAM = Algorithm(name="sharpness-aware minimization", step=_sharpness_aware, parameters=("radius",), weights=(-1,))


@dataclass(frozen=True, kw_only=True)
class Batches:
    """Which samples a step sees.

    Attributes:
        name: short.
        size: the parameter of a setting that is their number; empty for all of them at every step.
        replaced: whether a step draws each of them anew from all, instead of going through a random order of all
            samples, floor(n / size) steps with each.
    """

    name: str
    size: str = ""
    replaced: bool = False


FULL = Batches(name="full batches")
EPOCHS = Batches(name="minibatches by epochs", size="batch")
INDEPENDENT = Batches(name="independent minibatches", size="batch", replaced=True)
