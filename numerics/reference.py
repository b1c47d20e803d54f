"""The network itself, and plain full-batch gradient descent on it, by autograd: the specification.

Simple and slow on purpose. Every faster path is tested against it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from numerics.model import Sample, Setting


class TwoLayerCNN(torch.nn.Module):
    """f = F_{+1} - F_{-1}, F_j(x) = (1/m) sum_r [phi<w_{j,r}, x_1> + phi<w_{j,r}, x_2>]; the second layer is fixed.

    Args:
        weights: W_0, the m neurons of j = +1 before the m of j = -1. Shape (2m, d).
        phi: the activation, elementwise.
    """

    second_layer: Tensor

    def __init__(self, weights: Float[Tensor, "neurons d"], phi: Callable[[Tensor], Tensor] = torch.relu):
        super().__init__()
        self.phi = phi
        m = weights.shape[0] // 2
        self.weights = torch.nn.Parameter(weights.clone())
        signs = torch.cat([weights.new_ones(m), -weights.new_ones(m)])
        self.register_buffer("second_layer", signs / m)

    def preactivations(self, x: Float[Tensor, "n 2 d"]) -> Float[Tensor, "n 2 neurons"]:
        return x @ self.weights.T

    def head(self, z: Float[Tensor, "n 2 neurons"]) -> Float[Tensor, " n"]:
        return self.phi(z).sum(1) @ self.second_layer

    def forward(self, x: Float[Tensor, "n 2 d"]) -> Float[Tensor, " n"]:
        return self.head(self.preactivations(x))


@dataclass(frozen=True, kw_only=True)
class ReferenceRun:
    """Where plain gradient descent arrived.

    Attributes:
        weights: W_t. Shape (2m, d).
        gamma: signal coefficients. Shape (2, m), j = +1 first.
        rho: noise coefficients. Shape (2, m, n).
        margins: y~_i f(x_i) at W_t. Shape (n,).
        losses: L_S before each step and after the last. Shape (steps + 1,).
    """

    weights: Float[Tensor, "neurons d"]
    gamma: Float[Tensor, "2 m"]
    rho: Float[Tensor, "2 m n"]
    margins: Float[Tensor, " n"]
    losses: Float[Tensor, " losses"]


def data(sample: Sample, device: str = "cpu", dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """The inputs x_i = [y_i mu, xi_i], shape (n, 2, d), and the observed labels, shape (n,).

    Raises:
        ValueError: the sample was drawn without its vectors.
    """
    if sample.patches is None:
        raise ValueError("the sample holds Gram matrices alone: draw it with dense=True")
    v = torch.as_tensor(sample.patches, dtype=dtype, device=device)
    y = torch.as_tensor(sample.y, dtype=dtype, device=device)
    x = torch.stack([y[:, None] * v[0], v[1:]], dim=1)
    return x, torch.as_tensor(sample.y_tilde, dtype=dtype, device=device)


def train_reference(
    setting: Setting, sample: Sample, steps: int, *, device: str = "cpu", dtype: torch.dtype = torch.float64
) -> ReferenceRun:
    """``steps`` steps of gradient descent on L_S from W_0.

    The coefficients come from autograd too: the weights move by -eta sum_p (dL/dz_p) x_p over all patches p, so
    -eta dL/dz accumulated per patch *is* the decomposition, also where the patches are linearly dependent (d <= n).
    """
    x, y_tilde = data(sample, device, dtype)
    y = torch.as_tensor(sample.y, dtype=dtype, device=device)
    net = TwoLayerCNN(torch.as_tensor(sample.weights, dtype=dtype, device=device), setting.phi)
    moved = x.new_zeros(setting.n, 2, 2 * setting.m)
    losses = []
    for _ in range(steps):
        z = net.preactivations(x)
        z.retain_grad()
        loss = torch.nn.functional.softplus(-y_tilde * net.head(z)).mean()
        losses.append(loss.detach())
        net.weights.grad = None
        loss.backward()
        assert net.weights.grad is not None and z.grad is not None
        with torch.no_grad():
            net.weights -= setting.eta * net.weights.grad
            moved -= setting.eta * z.grad
    with torch.no_grad():
        margins = y_tilde * net(x)
        losses.append(torch.nn.functional.softplus(-margins).mean())
        j = torch.sign(net.second_layer)
        signal = torch.einsum("i,ir->r", y, moved[:, 0])  # coefficient of mu in w
        gamma = (j * signal * (x[0, 0] ** 2).sum()).reshape(2, setting.m)
        norms = (x[:, 1] ** 2).sum(1)
        rho = (moved[:, 1] * norms[:, None]).T.reshape(2, setting.m, setting.n)
    return ReferenceRun(weights=net.weights.detach(), gamma=gamma, rho=rho, margins=margins, losses=torch.stack(losses))
