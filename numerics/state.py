"""The runs of a batch at one time, and the steps between two times (D1).

Every step moves a weight along the patches V' = [mu; -mu; xi_1; ...; xi_n], so W_t = W_0 + C_t V' and, with
K = V' V'^T and B = W V'^T,

    one step:   C <- C + D(B),    B <- B_0 + C K,
    D_{jr,p} = j (eta / nm) u_p phi'(B_{jr,p}),    phi'(B) = 1(B > 0) for ReLU,

where u_p = y~_i g_i for a noise patch, and the sum of y~_i g_i over the samples that hold it for a signal patch.
Carrying mu and -mu as two patches makes signal and noise one case: sample i reads patch +-mu and patch xi_i. With K
signals they are mu_1..mu_K, -mu_1..-mu_K. B is recomputed from B_0 and C, so rounding does not accumulate along the
trajectory. Derivation: docs/numerics.md. What other algorithms, losses and inputs do is :mod:`numerics.course`'s.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from numerics import compiled
from numerics.activation import RELU
from numerics.model import Sample, Setting

CAPTURED = 256  # steps between two records from which on capturing them on a GPU pays


def kind_of(which: str, y: Tensor, noisy: Tensor) -> Tensor:
    """Mask of samples: all, clean or noisy, and where named of one true label, as in ``"noisy_plus"``. (R, n)."""
    flipped, _, label = which.partition("_")
    mask = {"all": torch.ones_like, "clean": torch.logical_not, "noisy": torch.clone}[flipped](noisy)
    return mask & (y == {"plus": 1.0, "minus": -1.0}[label]) if label else mask


class OfMargins:
    """What follows from the margins of a batch of runs, ``R`` of them, whatever the network."""

    batch: Any
    margins: Any

    @cached_property
    def losses(self) -> Tensor:
        """l(margin), for the logistic loss log(1 + exp(-margin)). Shape (R, n)."""
        return self.batch.loss.value(self.margins)

    @cached_property
    def loss_derivatives(self) -> Tensor:
        """g_i = -l'_i, for the logistic loss 1 / (1 + exp(margin)). Shape (R, n)."""
        return self.batch.loss.pull(self.margins)


@dataclass(frozen=True, kw_only=True)
class State(OfMargins):
    """All runs of a batch at one recorded time, in the field's own terms. ``R`` runs; class 0 is j = +1."""

    batch: "Batch"
    coefficients: Tensor  # C, (R, 2m, 2K+n)
    overlap: Tensor  # B = W V'^T, (R, 2m, 2K+n)
    time: int | Tensor  # the iteration, one for all or one per run
    head: Tensor | None = None  # the second layer, (R, 2m), where it is trained

    def __repr__(self) -> str:
        times = sorted({float(t) for t in torch.as_tensor(self.time).flatten() if t == t})
        when = f"at t = {times[0]:g}" + (f" to {times[-1]:g}" if len(times) > 1 else "") if times else "never reached"
        return f"State of {len(self.overlap)} runs of n = {self.batch.n}, m = {self.batch.m} {when}"

    @cached_property
    def margins(self) -> Tensor:
        """y~_i f(x_i). Shape (R, n)."""
        return self.batch.y_tilde * self.batch.outputs(self.overlap, self.head)

    @cached_property
    def on_signal(self) -> Tensor:
        """<w_{j,r}, mu>, of several signals the first. Shape (R, 2, m)."""
        return self.overlap[..., 0].unflatten(1, (2, -1))

    @cached_property
    def on_noise(self) -> Tensor:
        """<w_{j,r}, xi_i>. Shape (R, 2, m, n)."""
        return self.overlap[..., self.batch.noise].unflatten(1, (2, -1))

    @cached_property
    def on_own_noise(self) -> Tensor:
        """<w_{j,r}, xi_i> of the neurons with j = y~_i. Shape (R, m, n)."""
        return self.batch.own(self.on_noise)

    @property
    def first_active(self) -> Tensor:
        """Which of these pairs were active at initialization: those that Theorem 4.1 speaks of. Shape (R, m, n)."""
        return self.batch.first_active

    @cached_property
    def gamma(self) -> Tensor:
        """Signal coefficients, of several signals added up with the sign of their label. Shape (R, 2, m)."""
        of_signals, labels = self.coefficients[..., : 2 * self.batch.signals], self.batch.labels
        one = labels == (1, -1)
        along = of_signals[..., 0] - of_signals[..., 1] if one else of_signals @ of_signals.new_tensor(labels)
        return self.batch.j * (along * self.batch.norms[:, None, 0]).unflatten(1, (2, -1))

    @cached_property
    def rho(self) -> Tensor:
        """Noise coefficients of every neuron. Shape (R, 2, m, n)."""
        noise = self.batch.noise
        return (self.coefficients[..., noise] * self.batch.norms[:, None, noise]).unflatten(1, (2, -1))

    @cached_property
    def rho_extremes(self) -> tuple[Tensor, Tensor]:
        """Least and largest rho of all. Each of shape (R,)."""
        return _extremes(self.rho)

    @cached_property
    def gamma_extremes(self) -> tuple[Tensor, Tensor]:
        """Least and largest gamma. Each of shape (R,)."""
        return _extremes(self.gamma)

    @cached_property
    def rho_own(self) -> Tensor:
        """rho of the neurons with j = y~_i. Shape (R, m, n)."""
        return self.batch.own(self.rho)

    @cached_property
    def predicted_margins(self) -> Tensor:
        """Lemma 5.1: what the coefficients alone say of y~_i f(x_i), averages over all m neurons. Shape (R, n)."""
        y, y_tilde = self.batch.y, self.batch.y_tilde
        gamma = self.gamma.mean(2)  # (R, 2): (1/m) sum_r
        own = torch.where(y > 0, gamma[:, :1], gamma[:, 1:])  # class of the true label: y~_i if clean, -y~_i if noisy
        return self.mean_noise + y * y_tilde * own

    @cached_property
    def mean_noise(self) -> Tensor:
        """(1/m) sum_r rho-bar over all m neurons with j = y~_i. Shape (R, n)."""
        return self.rho_own.clamp(min=0).mean(1)

    @cached_property
    def rho_per_gamma(self) -> Tensor:
        """sum_i rho-bar_{j,r,i} / gamma_{j,r}. Shape (R, 2m)."""
        return (self.rho.clamp(min=0).sum(3) / self.gamma).flatten(1)

    @cached_property
    def own_sum(self) -> Tensor:
        """Sum of rho over the own neurons of each sample that were active first. Shape (R, n)."""
        return torch.where(self.batch.first_active, self.rho_own, 0.0).sum(1)

    @cached_property
    def own_extremes(self) -> tuple[Tensor, Tensor]:
        """Least and largest such rho of each sample, +inf and -inf where there is none. Each of shape (R, n)."""
        apart = self.batch.own_apart
        return (self.rho_own + apart).amin(1), (self.rho_own - apart).amax(1)


class Batch:
    """Runs of equal n and m and of one model, stacked. Internal to the engine; ``State`` is its public face."""

    def __init__(self, settings: Sequence[Setting], samples: Sequence[Sample], device: str):
        self.device = device
        self.n, self.m = settings[0].n, settings[0].m
        self.inputs, self.loss, self.plain = settings[0].inputs, settings[0].loss, settings[0].plain()
        self.signals, self.labels = self.inputs.signals, self.inputs.labels
        self.noise = slice(2 * self.signals, None)  # the columns of noise patches

        def stack(arrays: list[np.ndarray]) -> Tensor:
            # Row-major whatever came in: K as transposed columns makes the product of a step a fifth slower.
            return torch.as_tensor(np.ascontiguousarray(np.stack(arrays)), dtype=torch.float64, device=device)

        self.y = stack([s.y for s in samples])
        self.y_tilde = stack([s.y_tilde for s in samples])
        self.reads = torch.as_tensor(np.stack([s.signal for s in samples]), device=device)  # (R, n)
        signals = self.signals
        self.gram = stack([_with_negative(_with_negative(s.gram, signals).T, signals) for s in samples])
        self.overlap = stack([_with_negative(s.overlap, signals) for s in samples])
        self.copies = stack([np.asarray(float(s.noise_patches)) for s in settings])[:, None]
        self.one_copy = not self.inputs.copies
        self.eta = stack([np.asarray(s.eta) for s in settings])
        self.weight_trace = stack([np.trace(s.weight_gram) for s in samples])  # |W_0|^2
        self.of_algorithm = stack(
            [np.array([getattr(s, name) for name in s.algorithm.parameters], dtype=float) for s in settings]
        )
        self.first_head = settings[0].head.weights(self.m)
        self.pull = stack([np.asarray(s.eta / (s.n * s.m)) for s in settings])[:, None]  # eta / nm
        self.time_scale = stack([np.asarray(s.time_scale) for s in settings])
        self.activation = settings[0].activation
        self.parameters = stack([s.shape for s in settings])  # of the activation
        self.rows = torch.arange(len(settings), device=device)  # which of the runs given these are
        self._derive()

    def __repr__(self) -> str:
        return f"Batch of {len(self.y)} runs of n = {self.n}, m = {self.m}"

    def _derive(self) -> None:
        self.phi, self.slope = self.activation.of_runs(self.parameters)
        self.plus = (self.y > 0).double()
        self.noisy = self.y != self.y_tilde
        self.norms = torch.diagonal(self.gram, dim1=1, dim2=2).clone()
        j = self.y.new_tensor([1.0, -1.0])
        self.j = j[:, None]
        self.head = self.y.new_tensor(self.first_head).expand(len(self.y), 1, -1).contiguous()
        # Own neurons active on their noise patch at initialization: the pairs (i, r) that Theorem 4.1 speaks of.
        self.first_active = self.own(self.overlap[..., self.noise].unflatten(1, (2, -1))) > 0
        self.own_count = self.first_active.double().sum(1)  # (R, n)
        self.own_apart = torch.where(self.first_active, 0.0, torch.inf).to(self.y)  # takes the others out of extremes
        self.reading = torch.nn.functional.one_hot(self.reads, 2 * self.signals).to(self.y)  # (R, n, 2K)
        self._kinds: dict[str, Tensor] = {}
        self._graph: tuple | None = None  # coefficients, and a step captured on these very ones

    def keep(self, rows: Tensor) -> None:
        """Drop the other runs."""
        for name in (
            "y", "y_tilde", "reads", "gram", "overlap", "copies", "eta", "weight_trace", "of_algorithm", "pull",
            "time_scale", "parameters", "rows",
        ):  # fmt: skip
            setattr(self, name, getattr(self, name)[rows])
        self._derive()

    def kind(self, which: str) -> Tensor:
        """Mask of samples: all, clean or noisy, and where named of one true label, as in ``"noisy_plus"``. (R, n)."""
        if which not in self._kinds:
            self._kinds[which] = kind_of(which, self.y, self.noisy)
        return self._kinds[which]

    def own(self, values: Tensor) -> Tensor:
        """Those of the neurons with j = y~_i. Shapes (R, 2, m, n) -> (R, m, n)."""
        return torch.where(self.y_tilde[:, None] > 0, values[:, 0], values[:, 1])

    def outputs(self, overlap: Tensor, head: Tensor | None = None) -> Tensor:
        """f(x_i) from B, and from the second layer where it is trained. Shapes (R, 2m, 2K+n) -> (R, n)."""
        second = self.head if head is None else head[:, None]
        if self.inputs.joined:
            return torch.bmm(second, self.phi(self.joined(overlap)))[:, 0]
        patches = torch.bmm(second, self.phi(overlap))[:, 0]
        noise = patches[:, self.noise]
        return patches.gather(1, self.reads) + (noise if self.one_copy else self.copies * noise)

    def joined(self, overlap: Tensor) -> Tensor:
        """<w, x_i> where signal and noise are one patch. Shape (R, 2m, n)."""
        signal = overlap.gather(2, self.reads[:, None].expand(-1, 2 * self.m, -1))
        return signal + overlap[..., self.noise]

    def steps(self, coefficients: Tensor, overlap: Tensor, count: int) -> None:
        """``count`` steps of a plain model in place. ``overlap`` must be B_0 + C K on entry and is again on return.

        Raises:
            TypeError: the model is not plain (the compiled pass reads two signal columns, whatever there are).
        """
        if not self.plain:
            raise TypeError("Batch.steps takes the steps of a plain model; numerics.course takes those of any other")
        power = self.activation.whole_power(self.parameters) if coefficients.device.type == "cpu" else 0
        push = compiled.push(power) if power else None
        on = (coefficients, overlap)
        step = self._in_arrays(push, *on) if push else self._in_tensors(*on)
        if coefficients.device.type == "cuda" and count > CAPTURED:
            step = self._captured(step, on)
        for _ in range(count):
            step()

    def _in_arrays(self, push: Callable, coefficients: Tensor, overlap: Tensor) -> Callable[[], None]:
        """A step as one compiled pass and NumPy's products, run by run: a fifth faster than torch's batched ones where
        it was measured, and what a run gives does not depend on what else is in the batch."""
        c, b, start, gram = (t.numpy() for t in (coefficients, overlap, self.overlap, self.gram))
        rest = (self.y.numpy(), self.y_tilde.numpy(), self.pull[:, 0].numpy(), np.empty(self.n + 2))

        def step() -> None:
            push(c, b, *rest)
            np.matmul(c, gram, out=b)
            np.add(b, start, out=b)

        return step

    def _captured(self, step: Callable[[], None], on: tuple[Tensor, Tensor]) -> Callable[[], None]:
        """``step`` as one call instead of a dozen, each of which costs more than what it does at small n and m."""
        if self._graph is None or self._graph[0] is not on[0]:
            side = torch.cuda.Stream(self.device)
            side.wait_stream(torch.cuda.current_stream(self.device))
            graph, held = torch.cuda.CUDAGraph(), [t.clone() for t in on]
            with torch.cuda.stream(side):  # libraries set themselves up at a first step, which is not captured
                step()
                for tensor, before in zip(on, held, strict=True):
                    tensor.copy_(before)
            torch.cuda.current_stream(self.device).wait_stream(side)
            with torch.cuda.graph(graph):
                step()
            self._graph = (on[0], graph, step)  # with the arrays that the graph works on
        return self._graph[1].replay

    def _in_tensors(self, coefficients: Tensor, overlap: Tensor) -> Callable[[], None]:
        runs, m = len(coefficients), self.m
        # Small batches cost as much in calls as in arithmetic: everything is in place, on views made once.
        outputs = coefficients.new_empty(runs, 1, coefficients.shape[-1])
        force = coefficients.new_empty(runs, 2, 1, coefficients.shape[-1])  # j (eta/nm) u, per sign j
        from_plus, from_minus, from_noise = outputs[:, 0, :1], outputs[:, 0, 1:2], outputs[:, 0, 2:]
        on_plus, on_minus, on_noise = force[:, :, 0, :1], force[:, :, 0, 1:2], force[:, :, 0, 2:]
        g = torch.empty_like(self.y)
        held = torch.empty_like(on_noise)
        positive, plus, against = self.y > 0, self.plus[:, None], -self.y_tilde
        pull = self.pull[:, None] * self.y_tilde[:, None] * self.j  # (R, 2, n)
        by_sign, by_sign_on = coefficients.unflatten(1, (2, m)), overlap.unflatten(1, (2, m))
        relu, phi, slope = self.activation is RELU, self.phi, self.slope

        def step() -> None:
            torch.bmm(self.head, overlap.relu_() if relu else phi(overlap), out=outputs)
            torch.where(positive, from_plus, from_minus, out=g)
            g.add_(from_noise).mul_(against).sigmoid_()
            torch.mul(g[:, None], pull, out=on_noise)
            torch.mul(on_noise, plus, out=held)
            torch.sum(held, 2, keepdim=True, out=on_plus)
            torch.sum(on_noise, 2, keepdim=True, out=on_minus)
            on_minus.sub_(on_plus)
            if relu:
                overlap.sign_()  # relu'(B), with relu'(0) = 0 as autograd has it
                by_sign.addcmul_(by_sign_on, force)
            else:
                by_sign.addcmul_(slope(by_sign_on), force)
            torch.baddbmm(self.overlap, coefficients, self.gram, out=overlap)

        return step


def _extremes(values: Tensor) -> tuple[Tensor, Tensor]:
    values = values.flatten(1)
    return values.amin(1), values.amax(1)


def _with_negative(rows: np.ndarray, signals: int) -> np.ndarray:
    """Columns [mu.., xi..] -> [mu.., -mu.., xi..]."""
    return np.concatenate([rows[:, :signals], -rows[:, :signals], rows[:, signals:]], axis=1)
