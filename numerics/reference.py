"""Plain full-batch gradient descent on the network, by autograd: the specification.

Simple and slow on purpose. Every faster path is tested against it.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from numerics.model import Sample, Setting, TwoLayerCNN


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
