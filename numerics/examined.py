"""Is a module of one's own a network that can be trained here? Said in one line each, before anything is run."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from numerics.module import ModuleSetting, Points, drawn
from numerics.networks import Networks, Stack, fixed, network, trained
from numerics.sampling import draw

STEPS = 3
ROUNDING = 1e-9  # between two ways to one output: float64 leaves about 1e-15, another sum or another weight far more
FEW = 3  # inputs among which one is looked at alone


def examine(setting: ModuleSetting) -> None:
    """Draw, run forward and train a few steps at a setting.

    Raises:
        ValueError: what is wrong with the network, the points, the step or a series; the first thing found.
    """
    samples = [_points(setting, seed) for seed in (0, 1)]
    modules = [network(setting, sample.seed) for sample in samples]
    x = [torch.as_tensor(sample.x) for sample in samples]
    whose = f"network of {type(setting).__name__}"
    if not trained(modules[0]):
        raise ValueError(f"{whose} has no parameter that requires a gradient: there is nothing to train")
    again = network(setting, 0)
    for name, value in (trained(modules[0]) | fixed(modules[0])).items():
        if not torch.equal(value, (trained(again) | fixed(again))[name]):
            raise ValueError(f"{whose}: '{name}' differs between two drawings of one seed: draw it by torch alone")
    output = _forward(modules[0], x[0], whose)
    _depends_on_its_input_alone(modules[0], x[0], output, whose)
    _has_gradients(modules[0], output, whose)
    _batches(setting, samples, modules, x, whose)
    _steps(setting, samples)
    _series(setting, samples)


def _points(setting: ModuleSetting, seed: int) -> Points:
    found, again = draw(setting, seed), draw(setting, seed)
    if not (np.array_equal(found.x, again.x) and np.array_equal(found.y, again.y)):
        raise ValueError(
            f"points of {type(setting).__name__} differ between two drawings of one seed: draw from rng alone"
        )
    shape = drawn(setting, FEW, np.random.default_rng(seed))[0].shape[1:]
    if found.x.shape[1:] != shape:
        raise ValueError(
            f"points of {type(setting).__name__} have the shape {shape}, then {found.x.shape[1:]}: give one shape"
        )
    return found


def _forward(module: torch.nn.Module, x: Tensor, whose: str) -> Tensor:
    """f, if its shape is right, nothing in it is random and it leaves no trace."""
    before = {name: value.clone() for name, value in module.named_buffers()}
    chance = torch.get_rng_state()
    try:
        output = module(x)
    except Exception as problem:  # a module may raise anything
        said = " ".join(str(problem).split())
        raise ValueError(f"{whose}: on inputs of shape {tuple(x.shape)}: {type(problem).__name__}: {said}") from problem
    if not isinstance(output, Tensor) or output.shape != (len(x),):
        shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise ValueError(
            f"{whose}: on inputs of shape {tuple(x.shape)} its output has the shape {shape}: give one number per input,"
            f" ({len(x)},), by squeeze(-1) or Flatten(0)"
        )
    if not bool(output.isfinite().all()):
        raise ValueError(f"{whose}: its output at initialization is not finite")
    if not torch.equal(chance, torch.get_rng_state()):
        raise ValueError(
            f"{whose} draws random numbers in forward, which no seed of a run fixes: leave out dropout and its like"
        )
    for name, value in module.named_buffers():
        if not torch.equal(value, before[name]):
            raise ValueError(
                f"{whose} changes its buffer '{name}' in forward, so that a run is more than its parameters: take"
                " LayerNorm for batch norm, or leave it out"
            )
    return output


def _depends_on_its_input_alone(module: torch.nn.Module, x: Tensor, output: Tensor, whose: str) -> None:
    if len(x) < 2:
        return
    with torch.no_grad():
        few = module(x[:FEW])
    if not torch.allclose(few, output[:FEW], rtol=ROUNDING, atol=ROUNDING):
        raise ValueError(
            f"{whose}: what it makes of an input depends on the others beside it: leave out batch norm and its like"
        )


def _has_gradients(module: torch.nn.Module, output: Tensor, whose: str) -> None:
    weights = trained(module)
    if output.requires_grad:
        found = torch.autograd.grad(output.sum(), tuple(weights.values()), allow_unused=True)
    else:
        found = (None,) * len(weights)
    for name, part in zip(weights, found, strict=True):
        if part is None:
            raise ValueError(f"{whose}: its output has no gradient in '{name}': use it, or give it requires_grad=False")
        if not bool(part.isfinite().all()):
            raise ValueError(f"{whose}: the gradient in '{name}' at initialization is not finite")


def _batches(setting: ModuleSetting, samples: list, modules: list, x: list, whose: str) -> None:
    """Stacked runs give what each gives alone."""
    try:
        together = Stack(setting, samples, range(len(samples)), "cpu").outputs()
    except Exception as problem:
        said = " ".join(str(problem).split())[:160]
        raise ValueError(
            f"{whose} cannot be mapped over seeds by torch.func: {type(problem).__name__}: {said}"
        ) from problem
    with torch.no_grad():
        alone = torch.stack([module(points) for module, points in zip(modules, x, strict=True)])
    if not torch.allclose(together, alone, rtol=ROUNDING, atol=ROUNDING):
        raise ValueError(f"{whose} holds what differs between seeds and is no parameter: give it register_buffer")


def _steps(setting: ModuleSetting, samples: list) -> None:
    stack, whose = Stack(setting, samples, range(len(samples)), "cpu"), f"algorithm '{setting.algorithm.name}'"
    shapes = [part.shape for part in stack.vector.parts]
    for k in range(1, STEPS + 1):
        _tried(lambda: stack.advance(1), f"{whose}, step {k}")
        found = [part.shape for part in stack.vector.parts]
        if found != shapes:
            told = ", ".join(str(tuple(shape)) for shape in found)
            raise ValueError(
                f"{whose}: its step turns weights of other shapes than it was given, {told}: keep them all"
            )
        if not all(bool(part.isfinite().all()) for part in stack.vector.parts):
            raise ValueError(f"{whose}: step {k} at the typical setting gives weights that are no numbers; lower eta")


def _series(setting: ModuleSetting, samples: list) -> None:
    state = Networks([setting] * len(samples), samples, "cpu").state(0)
    for name in setting.series:
        if not callable(getattr(setting, name, None)):
            raise ValueError(
                f"series '{name}' of {type(setting).__name__} is no method of it: give it one, (self, network, points)"
            )
        _tried(lambda name=name: state.measured(name), f"series '{name}'")


def _tried(call: Callable[[], Any], whose: str) -> Any:
    try:
        return call()
    except ValueError:
        raise
    except Exception as problem:  # what is one's own may raise anything
        said = " ".join(str(problem).split())
        raise ValueError(f"{whose}: {type(problem).__name__}: {said}") from problem
