"""What moves while a batch of runs is trained: the plain network's coefficients alone, or all that a model has.

A step's loss is sum_i c_i l(y~_i f(x_i)), with weights c_i that add up to 1 and labels y~_i which both may differ from
step to step. In terms of W = s W_0 + C V' and of a second layer a, with u_i = c_i y~_i (-l')(y~_i f(x_i)),

    G_{r,p} = a_r phi'(B_{r,p}) F_p,    B = s B_0 + C K,

where F_p = u_i times the number of its copies for the noise patch of sample i, and the sum of u_i over the samples that
read it for a signal: G V' is minus the gradient. Where signal and noise are one patch, H_{r,i} = B_{r,s(i)} + B_{r,i},
and a_r phi'(H_{r,i}) u_i goes to both. An algorithm is a map on (C, s, a), numerics.algorithm. Derivation:
docs/numerics.md.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from numerics.algorithm import Slope, Vector
from numerics.chance import Chance
from numerics.model import Sample, Setting
from numerics.module import Points
from numerics.reference import Reference
from numerics.state import Batch, State

BLOCK = 256  # steps whose labels and batches are drawn at a time


class Weights(NamedTuple):
    """What is kept of runs at a moment: W = scale W_0 + C V', and the second layer. NaN where it did not come.

    Of an algorithm that is dense there are no coefficients, and what W is on the patches, and W W^T, are kept instead.
    """

    coefficients: Tensor  # C, (R, 2m, 2K+n)
    scale: Tensor  # (R,)
    head: Tensor  # (R, 2m)
    dense: tuple[Tensor, ...] = ()  # W V'^T, (R, 2m, 2K+n), and W W^T, (R, 2m, 2m)

    def __repr__(self) -> str:
        kept = "W itself on the patches" if self.dense else "in coefficients"
        return f"Weights of {len(self.scale)} runs with {self.head.shape[1]} neurons, {kept}"

    @classmethod
    def none(cls, batch: Batch, dense: bool) -> "Weights":
        runs, neurons = len(batch.y), 2 * batch.m

        def nan(*shape: int) -> Tensor:
            return torch.full((runs, *shape), torch.nan, dtype=torch.float64)

        patches = batch.overlap.shape[2]
        held = (nan(neurons, patches), nan(neurons, neurons)) if dense else ()
        return cls(nan(neurons, patches), nan(), nan(neurons), held)

    def put(self, rows: np.ndarray, others: "Weights") -> None:
        """Take over the weights of some runs."""
        for mine, theirs in zip((*self[:3], *self.dense), (*others[:3], *others.dense), strict=True):
            mine[rows] = theirs.cpu()

    def of(self, rows: np.ndarray | slice, device: str = "cpu") -> "Weights":
        """Those of some runs."""
        return Weights(
            *(part[rows].to(device) for part in self[:3]), tuple(part[rows].to(device) for part in self.dense)
        )

    @property
    def came(self) -> np.ndarray:
        """Which of the runs have numbers. Shape (R,), bool."""
        return torch.isfinite(self.dense[0] if self.dense else self.coefficients).all(2).all(1).numpy()

    def overlap(self, batch: Batch) -> Tensor:
        """B = W V'^T. Shape (R, 2m, 2K+n)."""
        if self.dense:
            return self.dense[0]
        return torch.baddbmm(self.scale[:, None, None] * batch.overlap, self.coefficients, batch.gram)

    def gram(self, batch: Batch, first: Tensor) -> Tensor:
        """W W^T, from W_0 W_0^T. Shape (R, 2m, 2m)."""
        if self.dense:
            return self.dense[1].clone()
        scale, c = self.scale[:, None, None], self.coefficients
        found = scale**2 * first + scale * torch.bmm(batch.overlap, c.mT) + torch.bmm(c, self.overlap(batch).mT)
        return (found + found.mT) / 2


class Plain:
    """Full-batch gradient descent on the logistic loss: C alone moves."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._coefficients, self._overlap = torch.zeros_like(batch.overlap), batch.overlap.clone()

    def advance(self, count: int) -> None:
        self._batch.steps(self._coefficients, self._overlap, count)

    def state(self, time: int) -> State:
        return State(batch=self._batch, coefficients=self._coefficients, overlap=self._overlap, time=time)

    def weights(self, rows: Tensor) -> Weights:
        """Of some of the runs."""
        coefficients = self._coefficients[rows]
        return Weights(coefficients, torch.ones_like(coefficients[:, 0, 0]), self._batch.head[rows, 0])

    def keep(self, rows: Tensor) -> None:
        """Drop the other runs."""
        self._batch.keep(rows)
        self._coefficients, self._overlap = self._coefficients[rows].contiguous(), self._overlap[rows].contiguous()


class Moving:
    """Runs that an algorithm moves along the slope of what each sees in a step.

    Attributes:
        vector, memory: the weights of all runs, and what the algorithm carries.
    """

    vector: Vector
    memory: tuple[Vector, ...]

    def __init__(self, settings: Sequence[Setting], samples: Sequence[Sample | Points], device: str) -> None:
        self._algorithm, self._device = settings[0].algorithm, device
        self._chances = [Chance(setting, sample) for setting, sample in zip(settings, samples, strict=True)]

    def _slope(self, at: Vector, labels: Tensor, shares: Tensor) -> Vector:
        """Minus the gradient of a step's loss."""
        raise NotImplementedError

    def _numbers(self) -> tuple[Tensor, ...]:
        """eta and the parameters of the algorithm. Each of shape (R,)."""
        raise NotImplementedError

    def _start(self, vector: Vector) -> None:
        self.vector, self.memory = vector, tuple(vector * 0.0 for _ in range(self._algorithm.memory))

    def advance(self, count: int) -> None:
        numbers, still = self._numbers(), self._chances[0].still
        taken = self._taken(1) if still else None
        for start in range(0, count, BLOCK):
            together = min(BLOCK, count - start)
            labels, shares = taken or self._taken(together)
            for k in range(together):
                seen = (labels[:, 0 if still else k], shares[:, 0 if still else k])
                self.vector, self.memory = self._algorithm.moved(
                    self.vector, self.memory, lambda at, seen=seen: self._slope(at, *seen), *numbers
                )

    def moved(self, slope: Slope) -> tuple[Vector, tuple[Vector, ...]]:
        """What a step along ``slope`` makes of weights and memory, which stay."""
        return self._algorithm.moved(self.vector, self.memory, slope, *self._numbers())

    def _taken(self, steps: int) -> tuple[Tensor, Tensor]:
        """Labels and weights of samples in the next steps. Each of shape (R, steps, n)."""
        drawn = [chance.take(steps) for chance in self._chances]
        labels, shares = (np.stack(found) for found in zip(*drawn, strict=True))
        return torch.as_tensor(labels, device=self._device), torch.as_tensor(shares, device=self._device)

    def _keep(self, rows: Tensor) -> None:
        self._chances = [chance for chance, stays in zip(self._chances, rows.tolist(), strict=True) if stays]
        self.vector, *memory = (Vector(tuple(p[rows] for p in v.parts), v.inner) for v in (self.vector, *self.memory))
        self.memory = tuple(memory)


class General(Moving):
    """Any algorithm, loss, second layer, kind of input, batches and labels."""

    def __init__(self, batch: Batch, settings: Sequence[Setting], samples: Sequence[Sample]) -> None:
        super().__init__(settings, samples, batch.device)
        self._batch, self._model = batch, settings[0]
        parts = [torch.zeros_like(batch.overlap), torch.ones_like(batch.eta)]
        if self._model.head.trained:
            parts.append(batch.head[:, 0].clone())
        self._start(Vector(tuple(parts), self._inner))

    def _numbers(self) -> tuple[Tensor, ...]:
        return self._batch.eta, *self._batch.of_algorithm.unbind(1)

    def _slope(self, at: Vector, labels: Tensor, shares: Tensor) -> Vector:
        batch, (_, scale, *trained) = self._batch, at.parts
        overlap, head = self._overlap(at), trained[0] if trained else batch.head[:, 0]
        pull = shares * labels * batch.loss.pull(labels * batch.outputs(overlap, head))  # u
        if batch.inputs.joined:
            seen, force = batch.joined(overlap), pull
            on_noise = (batch.slope(seen) * head[:, :, None]).mul_(pull[:, None])
            down = torch.cat([torch.bmm(on_noise, batch.reading), on_noise], 2)
        else:
            noise = pull if batch.one_copy else batch.copies * pull
            seen, force = overlap, torch.cat([torch.bmm(pull[:, None], batch.reading)[:, 0], noise], 1)  # F
            down = (batch.slope(overlap) * head[:, :, None]).mul_(force[:, None])
        of_head = [torch.bmm(batch.phi(seen), force[..., None])[..., 0]] if trained else []
        return Vector((down, torch.zeros_like(scale), *of_head), self._inner)

    def _overlap(self, at: Vector) -> Tensor:
        """B = s B_0 + C K."""
        coefficients, scale, *_ = at.parts
        return torch.baddbmm(scale[:, None, None] * self._batch.overlap, coefficients, self._batch.gram)

    def _inner(self, one: tuple[Tensor, ...], other: tuple[Tensor, ...]) -> Tensor:
        """tr(W W'^T) of W = s W_0 + C V', and a a' beside it."""
        (c, s, *head), (c_, s_, *head_), batch = one, other, self._batch
        found = s * s_ * batch.weight_trace
        found = found + ((s[:, None, None] * c_ + s_[:, None, None] * c) * batch.overlap).sum((1, 2))
        found = found + (torch.bmm(c, batch.gram) * c_).sum((1, 2))
        return found + (head[0] * head_[0]).sum(1) if head else found

    def state(self, time: int) -> State:
        coefficients, _, *trained = self.vector.parts
        return State(
            batch=self._batch, coefficients=coefficients, overlap=self._overlap(self.vector), time=time,
            head=trained[0] if trained else None,
        )  # fmt: skip

    def weights(self, rows: Tensor) -> Weights:
        """Of some of the runs."""
        coefficients, scale, *trained = self.vector.parts
        return Weights(coefficients[rows], scale[rows], (trained[0] if trained else self._batch.head[:, 0])[rows])

    def keep(self, rows: Tensor) -> None:
        """Drop the other runs."""
        self._batch.keep(rows)
        self._keep(rows)


class Dense:
    """An algorithm that looks at single coordinates of the weights: run by run, by autograd."""

    def __init__(self, batch: Batch, settings: Sequence[Setting], samples: Sequence[Sample]) -> None:
        self._batch = batch
        self._runs = [
            Reference(setting, sample, batch.device) for setting, sample in zip(settings, samples, strict=True)
        ]

    def advance(self, count: int) -> None:
        for run in self._runs:
            for _ in range(count):
                run.step()

    def state(self, time: int) -> State:
        weights = self.weights(torch.ones(len(self._runs), dtype=torch.bool))
        return State(
            batch=self._batch, coefficients=weights.coefficients, overlap=weights.dense[0], time=time, head=weights.head
        )

    def weights(self, rows: Tensor) -> Weights:
        """Of some of the runs."""
        runs = [run for run, asked in zip(self._runs, rows.tolist(), strict=True) if asked]
        overlap, gram, head = (torch.stack(parts) for parts in zip(*(run.seen() for run in runs), strict=True))
        none = torch.full_like(overlap, torch.nan)
        return Weights(none, none[:, 0, 0], head, (overlap, gram))

    def keep(self, rows: Tensor) -> None:
        """Drop the other runs."""
        self._batch.keep(rows)
        self._runs = [run for run, stays in zip(self._runs, rows.tolist(), strict=True) if stays]


def course(batch: Batch, settings: Sequence[Setting], samples: Sequence[Sample]) -> Plain | General | Dense:
    """The start of the runs of ``batch``.

    Raises:
        ValueError: a dense algorithm and a sample without its vectors.
    """
    if settings[0].algorithm.dense:
        return Dense(batch, settings, samples)
    return Plain(batch) if batch.plain else General(batch, settings, samples)
