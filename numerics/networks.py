"""Training of any torch module: by autograd on its parameters, the runs of a setting at once.

Runs that differ in their seed alone are one stack: their parameters are stacked, and `torch.func` maps the gradient
over them. Runs of other settings are other networks, and stacks of their own. A run's numbers are those of the run
alone, to rounding: products of stacked matrices add up in another order than single ones.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call, grad, vmap

from numerics.algorithm import Vector
from numerics.course import Moving
from numerics.module import MOST, ModuleSetting, Points, drawn, named
from numerics.series import OF_MARGINS, SERIES, Recorder
from numerics.state import OfMargins, kind_of

POINTS = 2**22  # numbers of test points that are worked on together


def network(setting: ModuleSetting, seed: int) -> torch.nn.Module:
    """The untrained network of a run, in float64; torch's own random numbers stay as they were.

    Raises:
        ValueError: the setting gives no module, one without sizes or too large, sets torch's seed, or raises.
    """
    own = int(np.random.SeedSequence([seed, 5]).generate_state(1, np.uint64)[0])
    whose = f"network of {type(setting).__name__}"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(own)
        with named("network", setting):
            found = setting.network()
        if torch.initial_seed() != own:
            raise ValueError(f"{whose} sets torch's seed, which is the run's: leave out torch.manual_seed")
    if not isinstance(found, torch.nn.Module):
        raise ValueError(f"{whose} is a {type(found).__name__}: return a torch.nn.Module")
    for name, p in found.named_parameters():
        if torch.nn.parameter.is_lazy(p):
            raise ValueError(f"{whose}: '{name}' has no size yet: give it one, no Lazy layer")
    if (numbers := sum(p.numel() for p in found.parameters())) > MOST:
        raise ValueError(f"{whose}: {numbers:.1e} numbers a run exceed 2 GiB; make it smaller")
    return found.double().train()


def trained(module: torch.nn.Module) -> dict[str, Tensor]:
    """The parameters that are trained, by name."""
    return {name: p for name, p in module.named_parameters() if p.requires_grad}


def fixed(module: torch.nn.Module) -> dict[str, Tensor]:
    """All else that the network holds."""
    still = {name: p for name, p in module.named_parameters() if not p.requires_grad}
    return still | dict(module.named_buffers())


class Stack(Moving):
    """Runs of one setting.

    Attributes:
        rows: which of the batch's runs these are, in their order. Shape (runs,).
    """

    def __init__(self, setting: ModuleSetting, samples: Sequence[Points], rows: Sequence[int], device: str) -> None:
        super().__init__([setting] * len(samples), samples, device)
        self.rows, self.setting, self.samples = torch.as_tensor(rows), setting, list(samples)
        modules = [network(setting, sample.seed).to(device) for sample in samples]
        self.module = modules[0]
        self._names, self._fixed = tuple(trained(self.module)), tuple(fixed(self.module))
        self._still = self._stacked(modules, fixed)
        self._x = torch.as_tensor(np.stack([s.x for s in samples]), dtype=torch.float64, device=device)
        # All trained parameters of a run in one row: a step of the algorithm is a few calls, however many layers.
        parts = self._stacked(modules, trained)
        self._shapes = [part.shape[1:] for part in parts]
        self._start(Vector((torch.cat([part.flatten(1) for part in parts], 1),), _inner))
        self._outputs = vmap(self._output)
        self._gradient = vmap(grad(self._loss))

    @staticmethod
    def _stacked(modules: Sequence[torch.nn.Module], held: Callable) -> tuple[Tensor, ...]:
        each = [held(module) for module in modules]
        return tuple(torch.stack([one[name].detach() for one in each]) for name in each[0])

    def _output(self, weights: Tensor, still: tuple[Tensor, ...], x: Tensor) -> Tensor:
        held = self._named(weights) | dict(zip(self._fixed, still, strict=True))
        return functional_call(self.module, held, (x,))

    def _named(self, weights: Tensor) -> dict[str, Tensor]:
        """Of one run, by name. Shape (numbers,)."""
        parts = weights.split([shape.numel() for shape in self._shapes])
        return {n: part.view(shape) for n, part, shape in zip(self._names, parts, self._shapes, strict=True)}

    def _loss(self, weights: Tensor, still: tuple, x: Tensor, labels: Tensor, shares: Tensor) -> Tensor:
        return (shares * self.setting.loss.value(labels * self._output(weights, still, x))).sum()

    def _slope(self, at: Vector, labels: Tensor, shares: Tensor) -> Vector:
        return Vector((-self._gradient(at.parts[0], self._still, self._x, labels, shares),), _inner)

    def _numbers(self) -> tuple[Tensor, ...]:
        held = (self.setting.eta, *(getattr(self.setting, name) for name in self.setting.algorithm.parameters))
        return tuple(self._x.new_full((len(self._x),), float(value)) for value in held)

    def outputs(self) -> Tensor:
        """f(x_i). Shape (runs, n)."""
        with torch.no_grad():
            return self._outputs(self.vector.parts[0], self._still, self._x)

    def derivative(self) -> Tensor:
        """Of the sum of a run's outputs in its trained parameters, in their order. Shape (runs, numbers)."""
        of = vmap(grad(lambda *held: self._output(*held).sum()))
        return of(self.vector.parts[0], self._still, self._x)

    def weights(self, k: int) -> dict[str, Tensor]:
        """The trained parameters of a run."""
        return self._named(self.vector.parts[0][k])

    def network(self, k: int) -> torch.nn.Module:
        """A run's network, until the next is asked for."""
        return filled(self.module, self.weights(k) | {n: p[k] for n, p in zip(self._fixed, self._still, strict=True)})

    def keep(self, stays: Tensor) -> None:
        """Drop the other runs."""
        self._keep(stays)
        self.samples = [sample for sample, kept in zip(self.samples, stays.tolist(), strict=True) if kept]
        self.rows, self._x = self.rows[stays], self._x[stays]
        self._still = tuple(part[stays] for part in self._still)


def _inner(one: tuple[Tensor, ...], other: tuple[Tensor, ...]) -> Tensor:
    return (one[0] * other[0]).sum(1)


def filled(module: torch.nn.Module, held: Mapping[str, Tensor]) -> torch.nn.Module:
    """``module`` with other parameters and buffers."""
    own = trained(module) | fixed(module)
    with torch.no_grad():
        for name, value in held.items():
            own[name].copy_(value)
    return module


class Runs:
    """What a record reads of a batch beside outputs."""

    def __init__(self, settings: Sequence[ModuleSetting], samples: Sequence[Points], device: str) -> None:
        self.n, self.loss = settings[0].n, settings[0].loss
        self.y, self.y_tilde = (
            torch.as_tensor(np.stack(held), device=device)
            for held in ([s.y for s in samples], [s.y_tilde for s in samples])
        )
        self.time_scale = torch.as_tensor([s.time_scale for s in settings], dtype=torch.float64, device=device)

    @property
    def noisy(self) -> Tensor:
        return self.y != self.y_tilde

    def kind(self, which: str) -> Tensor:
        """Mask of samples: all, clean or noisy, and where named of one true label, as in ``"noisy_plus"``. (R, n)."""
        return kind_of(which, self.y, self.noisy)

    def keep(self, rows: Tensor) -> None:
        self.y, self.y_tilde, self.time_scale = self.y[rows], self.y_tilde[rows], self.time_scale[rows]


class Outputs(OfMargins):
    """All runs of a batch at one recorded time, as far as every network has it. ``R`` runs.

    Attributes:
        batch: labels, and what is fixed of the runs.
        time: the iteration.
    """

    def __init__(self, batch: Runs, stacks: Sequence[Stack], time: int) -> None:
        self.batch, self.time, self._stacks = batch, time, stacks

    @cached_property
    def margins(self) -> Tensor:
        """y~_i f(x_i). Shape (R, n)."""
        found = torch.empty_like(self.batch.y)
        for stack in self._stacks:
            found[stack.rows] = stack.outputs()
        return self.batch.y_tilde * found

    def measured(self, name: str) -> Tensor:
        """A series of the model's own. Shape (R,)."""
        found = self.batch.time_scale * torch.nan
        for stack in self._stacks:
            for k, row in enumerate(stack.rows.tolist()):
                found[row] = _number(getattr(stack.setting, name)(stack.network(k), stack.samples[k]), name)
        return found


def _number(value: Any, name: str) -> float:
    try:
        return float(value.detach() if isinstance(value, Tensor) else value)
    except (TypeError, ValueError, RuntimeError) as problem:
        raise ValueError(f"series '{name}' gives {str(value)[:60]!r}: return one number") from problem


class Trained:
    """What is kept of runs at a moment: the trained parameters of each by name, None where it did not come."""

    def __init__(self, held: Sequence[dict[str, Tensor] | None]) -> None:
        self.held = list(held)

    def put(self, rows: np.ndarray, others: "Trained") -> None:
        """Take over the weights of some runs."""
        for row, held in zip(rows.tolist(), others.held, strict=True):
            self.held[row] = held

    @property
    def came(self) -> np.ndarray:
        """Which of the runs have numbers. Shape (R,), bool."""
        return np.array([one is not None and all(bool(p.isfinite().all()) for p in one.values()) for one in self.held])


class Networks:
    """The course of a batch of runs of any networks."""

    def __init__(self, settings: Sequence[ModuleSetting], samples: Sequence[Points], device: str) -> None:
        self._batch = Runs(settings, samples, device)
        rows: dict[ModuleSetting, list[int]] = {}
        for row, setting in enumerate(settings):
            rows.setdefault(setting, []).append(row)
        self._stacks = [Stack(one, [samples[r] for r in own], own, device) for one, own in rows.items()]

    def none(self) -> Trained:
        return Trained([None] * len(self._batch.y))

    def advance(self, count: int) -> None:
        for stack in self._stacks:
            stack.advance(count)

    def state(self, time: int) -> Outputs:
        return Outputs(self._batch, self._stacks, time)

    def weights(self, rows: Tensor) -> Trained:
        """Of some of the runs."""
        found = self.none()
        for stack in self._stacks:
            for k, row in enumerate(stack.rows.tolist()):
                found.held[row] = {name: part.cpu().clone() for name, part in stack.weights(k).items()}
        return Trained([held for held, asked in zip(found.held, rows.tolist(), strict=True) if asked])

    def keep(self, rows: Tensor) -> None:
        """Drop the other runs."""
        stays = rows.cpu()
        self._batch.keep(rows)
        place = stays.cumsum(0) - 1
        for stack in self._stacks:
            stack.keep(stays[stack.rows])
            stack.rows = place[stack.rows]
        self._stacks = [stack for stack in self._stacks if len(stack.rows)]


def of_any_network(series: Mapping[str, Recorder], model: type[ModuleSetting]) -> dict[str, Recorder]:
    """``series`` and the model's own, with no number for those of ours that the two-layer network alone has."""

    def held(name: str, recorder: Recorder) -> Recorder:
        return _nothing if SERIES.get(name) is recorder and name not in OF_MARGINS else recorder

    def own(name: str) -> Recorder:
        return lambda state: state.measured(name)

    return {name: held(name, recorder) for name, recorder in series.items()} | {
        name: own(name) for name in model.series
    }


def _nothing(state: Outputs) -> Tensor:
    return state.batch.time_scale * torch.nan


def margins_on_fresh_points(
    setting: ModuleSetting, seed: int, weights: Mapping[str, Tensor], count: int, device: str
) -> Tensor:
    """y f of fresh points, the same ones for every network of the setting and the seed. Shape (count,)."""
    rng, found = np.random.default_rng([seed, 1]), []
    module = filled(network(setting, seed), weights).to(device)
    one, _ = drawn(setting, 1, np.random.default_rng([seed, 1]))
    together = max(1, POINTS // one.size)
    with torch.no_grad():
        for start in range(0, count, together):
            x, y = drawn(setting, min(together, count - start), rng)
            found.append(torch.as_tensor(y, device=device) * module(torch.as_tensor(x, device=device)))
    return torch.cat(found)
