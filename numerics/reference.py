"""The network itself, and plain training of it by autograd: the specification.

Simple and slow on purpose. Every faster path is tested against it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from numerics.algorithm import Slope, Vector
from numerics.chance import Chance
from numerics.model import Sample, Setting


class TwoLayerCNN(torch.nn.Module):
    """f(x) = sum_r a_r sum_p phi<w_r, x_p> over the patches x_p of x.

    As Han et al. write it, f = F_{+1} - F_{-1}, F_j(x) = (1/m) sum_r [phi<w_{j,r}, x_1> + phi<w_{j,r}, x_2>].

    Args:
        weights: W_0, the m neurons of j = +1 before the m of j = -1. Shape (2m, d).
        phi: the activation, elementwise.
        second_layer: a; by default j/m. Shape (2m,).
        trained: whether the second layer is trained too.
    """

    def __init__(
        self,
        weights: Float[Tensor, "neurons d"],
        phi: Callable[[Tensor], Tensor] = torch.relu,
        second_layer: Float[Tensor, " neurons"] | None = None,
        trained: bool = False,
    ):
        super().__init__()
        self.phi = phi
        m = weights.shape[0] // 2
        self.weights = torch.nn.Parameter(weights.clone())
        if second_layer is None:
            second_layer = torch.cat([weights.new_ones(m), -weights.new_ones(m)]) / m
        self.second_layer = torch.nn.Parameter(second_layer.clone(), requires_grad=trained)

    def preactivations(self, x: Float[Tensor, "n patches d"]) -> Float[Tensor, "n patches neurons"]:
        return x @ self.weights.T

    def head(self, z: Float[Tensor, "n patches neurons"]) -> Float[Tensor, " n"]:
        return self.phi(z).sum(1) @ self.second_layer

    def forward(self, x: Float[Tensor, "n patches d"]) -> Float[Tensor, " n"]:
        return self.head(self.preactivations(x))


@dataclass(frozen=True, kw_only=True)
class ReferenceRun:
    """Where plain training arrived.

    Attributes:
        weights: W_t. Shape (2m, d).
        second_layer: a_t. Shape (2m,).
        gamma: signal coefficients. Shape (2, m), j = +1 first.
        rho: noise coefficients. Shape (2, m, n).
        margins: y~_i f(x_i) at W_t. Shape (n,).
        losses: L_S before each step and after the last. Shape (steps + 1,).
    """

    weights: Float[Tensor, "neurons d"]
    second_layer: Float[Tensor, " neurons"]
    gamma: Float[Tensor, "2 m"]
    rho: Float[Tensor, "2 m n"]
    margins: Float[Tensor, " n"]
    losses: Float[Tensor, " losses"]


def data(
    setting: Setting, sample: Sample, device: str = "cpu", dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor]:
    """The inputs x_i, by default [y_i mu, xi_i], shape (n, patches, d), and the observed labels, shape (n,).

    Raises:
        ValueError: the sample was drawn without its vectors.
    """
    if sample.patches is None:
        raise ValueError("the sample holds Gram matrices alone: draw it with dense=True")
    v = torch.as_tensor(sample.patches, dtype=dtype, device=device)
    signals, noise = v[: setting.inputs.signals], v[setting.inputs.signals :]
    signal = torch.cat([signals, -signals])[torch.as_tensor(sample.signal, device=device)]
    if setting.inputs.joined:
        x = (signal + noise)[:, None]
    else:
        x = torch.stack([signal, *[noise] * setting.noise_patches], dim=1)
    return x, torch.as_tensor(sample.y_tilde, dtype=dtype, device=device)


class Reference:
    """A network and its training, step by step.

    The coefficients come from autograd too: the weights move by sums of dL/dz_p x_p over all patches p, so what the
    algorithm makes of -dL/dz, added up over the patches that are one vector, *is* the decomposition, also where the
    vectors are linearly dependent (d <= n). It is carried as one more part of the weights.

    Attributes:
        vector: W, C (columns mu_1..mu_K, -mu_1..-mu_K, xi_1..xi_n), and the second layer where it is trained.
        memory: what the algorithm carries.
        chance: labels and batches of the steps to come.

    Raises:
        ValueError: the sample was drawn without its vectors.
    """

    def __init__(
        self, setting: Setting, sample: Sample, device: str = "cpu", dtype: torch.dtype = torch.float64
    ) -> None:
        self.x, self.y_tilde = data(setting, sample, device, dtype)
        self._setting, self._new = setting, {"dtype": dtype, "device": device}
        self.second_layer = torch.as_tensor(setting.head.weights(setting.m), **self._new)
        weights = torch.as_tensor(sample.weights, **self._new)
        reads = torch.as_tensor(sample.signal, device=device)
        self._reading = torch.nn.functional.one_hot(reads, 2 * setting.inputs.signals).to(dtype)  # (n, 2K)
        vectors, signals = torch.as_tensor(sample.patches, **self._new), setting.inputs.signals
        self._along = torch.cat([vectors[:signals], -vectors[:signals], vectors[signals:]])  # V'
        coefficients = weights.new_zeros(2 * setting.m, 2 * setting.inputs.signals + setting.n)
        trained = (self.second_layer,) if setting.head.trained else ()
        self.vector = Vector((weights, coefficients, *trained), self._inner)
        self.memory = tuple(self.vector * 0.0 for _ in range(setting.algorithm.memory))
        self.chance = Chance(setting, sample)
        self._numbers = [
            torch.tensor([float(value)], **self._new)
            for value in (setting.eta, *(getattr(setting, name) for name in setting.algorithm.parameters))
        ]

    @staticmethod
    def _inner(one: tuple[Tensor, ...], other: tuple[Tensor, ...]) -> Tensor:
        (w, _, *a), (w_, _, *a_) = one, other
        return sum(((x * y).sum()[None] for x, y in zip((w, *a), (w_, *a_), strict=True)), start=w.new_zeros(1))

    def network(self, at: Vector | None = None) -> TwoLayerCNN:
        """The network with some weights, by default those it has come to."""
        weights, _, *a = (at or self.vector).parts
        return TwoLayerCNN(weights, self._setting.phi, a[0] if a else self.second_layer, trained=bool(a))

    def step(self) -> None:
        labels, shares = (torch.as_tensor(taken[0], **self._new) for taken in self.chance.take(1))
        self.vector, self.memory = self._setting.algorithm.moved(
            self.vector, self.memory, lambda at: self._slope(at, labels, shares), *self._numbers
        )

    def moved(self, slope: Slope) -> tuple[Vector, tuple[Vector, ...]]:
        """What a step along ``slope`` makes of weights and memory, which stay."""
        return self._setting.algorithm.moved(self.vector, self.memory, slope, *self._numbers)

    def _slope(self, at: Vector, labels: Tensor, shares: Tensor) -> Vector:
        net = self.network(at)
        z = net.preactivations(self.x)
        z.retain_grad()
        (shares * self._setting.loss.value(labels * net.head(z))).sum().backward()
        assert net.weights.grad is not None and z.grad is not None
        of_signal = z.grad[:, 0]
        of_noise = of_signal if self._setting.inputs.joined else z.grad[:, 1:].sum(1)
        coefficients = torch.cat([of_signal.T @ self._reading, of_noise.T], 1)
        trained = () if net.second_layer.grad is None else (-net.second_layer.grad,)
        return Vector((-net.weights.grad, -coefficients, *trained), self._inner)

    def seen(self) -> tuple[Tensor, Tensor, Tensor]:
        """W V'^T, W W^T and the second layer."""
        weights, _, *a = self.vector.parts
        return weights @ self._along.T, weights @ weights.T, a[0] if a else self.second_layer

    def margins(self) -> Tensor:
        """y~_i f(x_i), y~_i as it is observed at first. Shape (n,)."""
        with torch.no_grad():
            return self.y_tilde * self.network()(self.x)

    def loss(self) -> Tensor:
        """L_S, of all samples."""
        return self._setting.loss.value(self.margins()).mean()


def train_reference(
    setting: Setting, sample: Sample, steps: int, *, device: str = "cpu", dtype: torch.dtype = torch.float64
) -> ReferenceRun:
    """``steps`` steps from W_0 by autograd.

    Raises:
        ValueError: the sample was drawn without its vectors.
    """
    run = Reference(setting, sample, device, dtype)
    losses = [run.loss()]
    for _ in range(steps):
        run.step()
        losses.append(run.loss())
    weights, coefficients, *_ = run.vector.parts
    signals, m = setting.inputs.signals, setting.m
    squares = torch.as_tensor(sample.patches, dtype=dtype, device=device).square().sum(1)
    labels = coefficients.new_tensor(setting.inputs.labels)
    j = torch.sign(torch.as_tensor(setting.head.weights(m), dtype=dtype, device=device))
    gamma = j * (coefficients[:, : 2 * signals] @ labels) * squares[0]
    rho = coefficients[:, 2 * signals :] * squares[signals:]
    return ReferenceRun(
        weights=weights, second_layer=run.network().second_layer.detach(), gamma=gamma.reshape(2, m),
        rho=rho.reshape(2, m, setting.n), margins=run.margins(), losses=torch.stack(losses),
    )  # fmt: skip
