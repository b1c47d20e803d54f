"""Is a module of one's own a network that can be trained here? Said in one line each, before anything is run."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call

from numerics.algorithm import Slope, Vector
from numerics.course import General
from numerics.model import Setting
from numerics.module import ModuleSetting, Points, drawn
from numerics.networks import POINTS, Networks, Stack, filled, fixed, network, trained
from numerics.reference import Reference
from numerics.sampling import draw
from numerics.series import OF_MARGINS
from numerics.state import Batch

STEPS = 3
ROUNDING = 1e-9  # between two ways to one output: float64 leaves about 1e-15, another sum or another weight far more
SINGLE = 1e-5  # what float32 leaves
FEW = 4  # inputs that are looked at without the others; even, so that labels of one's own may be balanced
BLOCKS = 512  # points that are drawn a few at a time, and four times as many at once
TAIL = 1e-9  # of the test between both: a false alarm in as many
TRIES = 16  # random parameters: one narrow network in two may be dead at some
KINDS = (bool, int, float, complex, str, np.generic)
SLOPE = 1e-2  # between a gradient and a difference quotient, relative: a kink between two points leaves far less


def examine(setting: ModuleSetting) -> None:
    """Draw, run forward and train a few steps at a setting.

    Raises:
        ValueError: what is wrong with the network, the points, the step or a series; the first thing found.
    """
    _names(setting)
    samples = [_points(setting, seed) for seed in (0, 1)]
    _independent(setting, samples)
    whose = f"network of {type(setting).__name__}"
    modules = [network(setting, sample.seed) for sample in samples]
    x = [torch.as_tensor(sample.x) for sample in samples]
    again = network(setting, 0)
    _parameters(modules[0], again, whose)
    _leaves_no_trace(modules[0], x[0], whose)
    _forgets(modules[0], again, x, whose)
    _has_gradients(modules[0], x[0], whose)
    _of_each_input(modules[0], x[0], whose)
    _elsewhere(setting, x[0], whose)
    _batches(setting, samples, modules, x, whose)
    _steps(setting, samples)
    _series(setting, samples)


# Points ------------------------------------------------------------------------------------------------------------


def _points(setting: ModuleSetting, seed: int) -> Points:
    whose = f"points of {type(setting).__name__}"
    found, again = draw(setting, seed), draw(setting, seed)
    if not (np.array_equal(found.x, again.x) and np.array_equal(found.y, again.y)):
        raise ValueError(f"{whose} differ between two drawings of one seed: draw from rng alone")
    shape = drawn(setting, FEW, np.random.default_rng(seed))[0].shape[1:]
    if found.x.shape[1:] != shape:
        raise ValueError(f"{whose} have the shape {shape}, then {found.x.shape[1:]}: give one shape")
    return found


def _many(setting: ModuleSetting, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Points as test points are drawn; of inputs with ``size`` numbers each."""
    return drawn(setting, max(1, min(4 * BLOCKS, POINTS // max(1, size))), np.random.default_rng([seed, 1]))


def _independent(setting: ModuleSetting, samples: list[Points]) -> None:
    """Points are drawn, and many at once are what a few at a time are: nothing is shared by the points of one call, as
    a teacher or their mean would be, nor hangs on how many these are."""
    whose, size = f"points of {type(setting).__name__}", samples[0].x[0].size
    x, y = _many(setting, size, 0)
    if len(x) > 1 and np.array_equal(x, _many(setting, size, 1)[0]):
        raise ValueError(
            f"{whose} gives the same inputs for two seeds, so that test points are training points: draw them from rng"
        )
    half, rng = len(x) // 2, np.random.default_rng([0, 6])
    blocks = [drawn(setting, FEW, rng) for _ in range(min(half, BLOCKS) // FEW)]
    if not blocks:
        return
    few, labels = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    flat, few = (part.reshape(len(part), -1) for part in (x, few))
    with np.errstate(over="ignore", invalid="ignore"):
        along = (y[:half, None] * flat[:half]).mean(0)  # the other half is independent of it
        pairs = {
            "labels": (y, labels),
            "lengths": ((flat**2).sum(1), (few**2).sum(1)),
            "label times input, along its mean": ((flat[half:] @ along) * y[half:], (few @ along) * labels),
        }
    for what, pair in pairs.items():
        if _other_law(*pair):
            raise ValueError(
                f"{whose}: {what}: {len(x)} points at once and {FEW} at a time differ in law; give independent points,"
                " however many are asked for, and draw what they share, such as a teacher, outside of points"
            )


def _other_law(one: np.ndarray, other: np.ndarray) -> bool:
    """Kolmogorov and Smirnov's test, on samples that are independent."""
    one, other = np.sort(one), np.sort(other)
    at = np.concatenate([one, other])
    gap = np.abs(np.searchsorted(one, at, "right") / len(one) - np.searchsorted(other, at, "right") / len(other)).max()
    return bool(gap > np.sqrt(np.log(2 / TAIL) / 2 * (1 / len(one) + 1 / len(other))))


# The network -------------------------------------------------------------------------------------------------------


def _parameters(module: torch.nn.Module, again: torch.nn.Module, whose: str) -> None:
    if not trained(module):
        raise ValueError(f"{whose} has no parameter that requires a gradient: there is nothing to train")
    there = trained(again) | fixed(again)
    for name, value in trained(module).items():
        if value is there.get(name):
            raise ValueError(f"{whose}: '{name}' is the same parameter in two runs: make a new module at every call")
        if value.dtype != torch.float64:
            raise ValueError(f"{whose}: '{name}' is {_plain(value.dtype)}: parameters are real numbers, in float64")
    for name, value in (trained(module) | fixed(module)).items():
        if name not in there or not _equal(value, there[name]):
            raise ValueError(f"{whose}: '{name}' differs between two drawings of one seed: draw it by torch alone")


def _equal(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and bool(((one == other) | (one.isnan() & other.isnan())).all())


def _plain(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _called(module: torch.nn.Module, x: Tensor, whose: str, why: str = "") -> Tensor:
    """f, if it has the right shape; ``why`` these inputs, if not."""
    at = f"{whose}: on inputs of shape {tuple(x.shape)}"
    try:
        output = module(x)
    except Exception as problem:  # a module may raise anything
        said = " ".join(str(problem).split())[:300]
        way = "; runs are in float64, and what is no parameter or buffer keeps its dtype" if "dtype" in said else ""
        raise ValueError(f"{at}{why}: {type(problem).__name__}: {said}{way}") from problem
    if not isinstance(output, Tensor) or output.shape != (len(x),):
        shape = (
            f"has the shape {tuple(output.shape)}" if isinstance(output, Tensor) else f"is a {type(output).__name__}"
        )
        raise ValueError(
            f"{at}{why} its output {shape}: give one number per input, ({len(x)},), by squeeze(-1) or Flatten(0)"
        )
    if output.dtype != torch.float64:
        raise ValueError(f"{at} its output is {_plain(output.dtype)}: leave it in float64, in which runs are")
    return output


def _same(one: Tensor, other: Tensor, rounding: float = ROUNDING) -> bool:
    largest = max([1.0, *other.abs()[other.isfinite()].tolist()])
    return torch.allclose(one, other, rtol=rounding, atol=rounding * largest, equal_nan=True)


def _leaves_no_trace(module: torch.nn.Module, x: Tensor, whose: str) -> None:
    """What is trained is the parameters, and a forward pass changes nothing."""
    held = trained(module) | fixed(module)
    before, given, chance = {name: value.detach().clone() for name, value in held.items()}, x.clone(), _chance()
    output = _called(module, given, whose)
    if not _equal(given, x):
        raise ValueError(f"{whose} changes its inputs in place: make new ones, as in x = x - 1 for x -= 1")
    if _chance() != chance:
        raise ValueError(
            f"{whose} draws random numbers in forward, which no seed of a run fixes: leave out dropout and its like"
        )
    for name, value in held.items():
        if not _equal(value, before[name]):
            raise ValueError(
                f"{whose} changes its {'parameter' if name in trained(module) else 'buffer'} '{name}' in forward, so"
                " that a run is more than the steps of its parameters: take LayerNorm for batch norm, or leave it out"
            )
    if not bool(output.isfinite().all()):
        raise ValueError(f"{whose}: its output at initialization is not finite")


def _chance() -> tuple:
    """Where the random numbers of torch, NumPy and Python are."""
    _, keys, *place = np.random.get_state()
    return torch.get_rng_state().numpy().tobytes(), np.asarray(keys).tobytes(), place, random.getstate()


def _forgets(module: torch.nn.Module, other: torch.nn.Module, x: list[Tensor], whose: str) -> None:
    """What it gives is a function of parameters and inputs: not of how often, nor of what it was asked before."""
    with torch.no_grad():
        _called(other, x[1], whose)
        held = _attributes(module)
        first, second, elsewhere = (_called(one, x[0], whose) for one in (module, module, other))
    changed = [name for name, value in _attributes(module).items() if held.get(name) != value]
    if changed or not (_same(first, second) and _same(first, elsewhere)):
        what = f"changes its attribute '{changed[0]}'" if changed else "gives another value when it is called again"
        raise ValueError(
            f"{whose} {what}, with the same inputs and parameters: keep no counter, cache, random generator or other"
            " state between calls"
        )


def _attributes(module: torch.nn.Module, kinds: tuple[type, ...] = KINDS) -> dict[str, str]:
    """What a module and its parts hold beside parameters and buffers; by default numbers and words."""
    return {
        f"{name}.{key}".lstrip("."): f"a tensor of {_plain(value.dtype)}" if isinstance(value, Tensor) else repr(value)
        for name, part in module.named_modules()
        for key, value in vars(part).items()
        if isinstance(value, kinds)
    }


def _has_gradients(module: torch.nn.Module, x: Tensor, whose: str) -> None:
    weights, output = trained(module), module(x)
    found: tuple[Tensor | None, ...] = (None,) * len(weights)
    if output.requires_grad:
        found = _tried(
            lambda: torch.autograd.grad(output.sum(), tuple(weights.values()), allow_unused=True),
            f"{whose}: its gradient",
        )
    for name, part in zip(weights, found, strict=True):
        if part is None:
            raise ValueError(
                f"{whose}: its output has no gradient in '{name}': use it, without no_grad or detach, or give it"
                " requires_grad=False"
            )
        if not bool(part.isfinite().all()):
            raise ValueError(f"{whose}: the gradient in '{name}' at initialization is not finite")


def _of_each_input(module: torch.nn.Module, x: Tensor, whose: str, where: str = "") -> None:
    """An output is its own input's: among more inputs, among few, alone, and in another order."""
    back = torch.arange(len(x)).flip(0)
    with torch.no_grad():
        whole = _called(module, x, whose)
        for rows in (torch.cat([back, back]), back[:FEW], back[:1]):
            found = _called(module, x[rows], whose, " (any number of them may come)")
            if _same(found, whole[rows]):
                continue
            if _same(found, whole[rows], SINGLE):
                raise ValueError(f"{whose} rounds as float32 does: leave out .float() and dtype=torch.float32")
            raise ValueError(
                f"{whose}: what it makes of an input depends on the others beside it, or on its place among them{where}"
                ": leave out batch norm and its like, and give attention batch_first=True"
            )


def _elsewhere(setting: ModuleSetting, x: Tensor, whose: str) -> None:
    """The same at random parameters, as training may come to any: what is shut at initialization is open there. And at
    some of them it tells inputs apart."""
    k = 0
    for k, (module, output) in enumerate(_at_random(setting, x), 1):
        if k == 1:
            _of_each_input(module, x, whose, ", at random parameters")
        if bool((output != output[0]).any() or (x == x[:1]).all()):
            return
    if k == TRIES:
        raise ValueError(f"{whose}: its output is the same for all inputs, whatever its parameters: use the inputs")


def _at_random(setting: ModuleSetting, x: Tensor) -> Iterator[tuple[torch.nn.Module, Tensor]]:
    """The network and its outputs at :data:`TRIES` parameters that make these of order one; none where it raises, as
    it may ask something of its parameters."""
    for seed in range(TRIES):
        module, rng = network(setting, 0), torch.Generator().manual_seed(seed)
        held = {
            name: p.detach() + torch.randn(p.shape, dtype=p.dtype, generator=rng) / _fan(p) ** 0.5
            for name, p in trained(module).items()
        }
        try:
            output = filled(module, held)(x)
        except Exception:
            return
        yield module, output


def _fan(p: Tensor) -> int:
    return p.shape[1:].numel() if p.dim() > 1 else 1


def _batches(setting: ModuleSetting, samples: list, modules: list, x: list, whose: str) -> None:
    """Stacked runs give what each gives alone."""
    try:
        stack = Stack(setting, samples, range(len(samples)), "cpu")
        together, derivative = stack.outputs(), stack.derivative()
    except Exception as problem:
        said = " ".join(str(problem).split())[:160]
        raise ValueError(
            f"{whose} cannot be mapped over seeds by torch.func: {type(problem).__name__}: {said}"
        ) from problem
    alone = torch.stack([module(points) for module, points in zip(modules, x, strict=True)])
    slopes = [
        torch.cat([part.flatten() for part in torch.autograd.grad(own.sum(), tuple(trained(module).values()))])
        for own, module in zip(alone, modules, strict=True)
    ]
    if not (_same(together, alone.detach()) and _same(derivative, torch.stack(slopes))):
        raise ValueError(
            f"{whose} holds what differs between seeds and is no parameter: give it register_buffer, and layers in a"
            " list ModuleList"
        )


def doubts(setting: ModuleSetting) -> Iterator[str]:
    """What is most likely a mistake and may be meant, in a line each; of a setting that passes :func:`examine`."""
    name = type(setting).__name__
    sample = draw(setting, 0)
    _, y = _many(setting, sample.x[0].size, 0)
    if len(y) > 1 and len(set(y)) == 1:
        yield f"points of {name}: all of {len(y)} have the label {y[0]:+g}, so that a constant has no error"
    x, signs, agree = torch.as_tensor(sample.x), set(), True
    for module, output in _at_random(setting, x):
        agree = _slopes_agree(module, x, output) if not signs else agree
        signs |= set(output.sign().tolist()) & {1.0, -1.0}
        if len(signs) == 2:
            break
    if len(signs) == 1:
        yield f"network of {name}: its outputs have one sign; labels are +-1: give the score, no sigmoid"
    for key, value in _attributes(network(setting, 0), (Tensor,)).items():
        yield (
            f"network of {name}: '{key}' is {value}, and neither parameter nor buffer: it stays as it is, on the CPU;"
            " give it register_buffer"
        )
    if not agree:
        yield (
            f"network of {name}: what autograd gives is not the derivative of its output (detach, no_grad, rounding or"
            " a backward of one's own), and runs follow what autograd gives"
        )


def _slopes_agree(module: torch.nn.Module, x: Tensor, output: Tensor, step: float = 1e-6) -> bool:
    """Autograd against difference quotients along random directions."""
    rng = torch.Generator().manual_seed(1)
    weights = {name: p.detach().clone() for name, p in trained(module).items()}
    shares = torch.randn(output.shape, dtype=torch.float64, generator=rng)
    slope = torch.autograd.grad((shares * output).sum(), tuple(trained(module).values()), materialize_grads=True)
    pairs = []
    for _ in range(FEW):
        along = [torch.randn(p.shape, dtype=torch.float64, generator=rng) for p in weights.values()]
        length = sum(float(part.square().sum()) for part in along) ** 0.5
        with torch.no_grad():
            up, down = (
                (shares * functional_call(module, _moved(weights, along, sign * step / length), (x,))).sum()
                for sign in (1, -1)
            )
        quotient = float(up - down) / (2 * step) * length
        pairs.append((sum(float((s * part).sum()) for s, part in zip(slope, along, strict=True)), quotient))
    ours, there = np.array(pairs).T
    return not np.isfinite(there).all() or bool(
        np.linalg.norm(ours - there) <= SLOPE * max(np.linalg.norm(there), 1e-6)
    )


def _moved(weights: dict[str, Tensor], along: list[Tensor], by: float) -> dict[str, Tensor]:
    return {name: p + by * part for (name, p), part in zip(weights.items(), along, strict=True)}


# The algorithm -----------------------------------------------------------------------------------------------------


class Runs(Protocol):
    """A batch of runs, or one run, that an algorithm moves."""

    vector: Vector
    memory: tuple[Vector, ...]

    def moved(self, slope: Slope) -> tuple[Vector, tuple[Vector, ...]]: ...


def examine_step(setting: Setting, together: Runs, alone: Runs | None = None) -> None:
    """Is a step a function of weights, memory and slope, of each run by itself? Asked with a made-up slope.

    Args:
        setting: whose algorithm it is.
        together: some runs.
        alone: the last of them.

    Raises:
        ValueError: it is not.
    """
    whose = f"algorithm '{setting.algorithm.name}'"

    def slope(at: Vector) -> Vector:
        return at.each(lambda p: 1 - p / 2)

    def parts(vectors: tuple[Vector, ...]) -> list[Tensor]:
        return [part for vector in vectors for part in vector.parts]

    def step(runs: Runs) -> list[Tensor]:
        weights, memory = _tried(lambda: runs.moved(slope), whose)
        return parts((weights, *memory))

    def all_same(one: list[Tensor], other: list[Tensor]) -> bool:
        shapes = [p.shape for p in one] == [p.shape for p in other]
        return shapes and all(_same(a, b) for a, b in zip(one, other, strict=True))

    given = parts((together.vector, *together.memory))
    before, chance = [part.clone() for part in given], _chance()
    first = step(together)
    if not all(map(_equal, given, before)):
        raise ValueError(f"{whose}: its step changes in place what it is given: return new vectors, as weights + move")
    way = "leave them out: the chance of a run is in its batches and flips"
    if _chance() != chance:
        raise ValueError(f"{whose}: its step draws random numbers, which no seed of a run fixes; {way}")
    if not all_same(first, step(together)):
        raise ValueError(
            f"{whose}: its step makes something else of the same weights, memory and slope when it is asked again:"
            " what it carries or counts goes into memory (as ADAM's does), and random numbers are left out"
        )
    if alone is not None and not all_same([part[-1:] for part in first], step(alone)):
        raise ValueError(
            f"{whose}: what its step makes of a run depends on the runs beside it: eta and parameters are one number a"
            " run, and sums are taken by dot"
        )


def examine_algorithm(setting: Setting) -> None:
    """:func:`examine_step` of a model of two layers."""
    if setting.algorithm.dense:
        examine_step(setting, Reference(setting, draw(setting, 0, dense=True)))
        return
    both = [replace(setting, eta=eta) for eta in (0.5, 0.25)]
    samples = [draw(one, seed) for seed, one in enumerate(both)]

    def begun(first: int) -> General:
        return General(Batch(both[first:], samples[first:], "cpu"), both[first:], samples[first:])

    examine_step(setting, begun(0), begun(1))


def _steps(setting: ModuleSetting, samples: list) -> None:
    stack, whose = Stack(setting, samples, range(len(samples)), "cpu"), f"algorithm '{setting.algorithm.name}'"
    examine_step(setting, stack, Stack(setting, samples[-1:], range(1), "cpu"))
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


# Series ------------------------------------------------------------------------------------------------------------


def _names(setting: ModuleSetting) -> None:
    whose = type(setting).__name__
    if isinstance(setting.series, str):
        raise ValueError(f"series of {whose} is {setting.series!r}: give a tuple of names, ({setting.series!r},)")
    for name in setting.series:
        if name in OF_MARGINS or hasattr(ModuleSetting, name):
            raise ValueError(f"series '{name}' of {whose} has a name that means something else; choose another")
        if not callable(getattr(setting, name, None)):
            raise ValueError(f"series '{name}' of {whose} is no method of it: give it one, (self, network, points)")


def _series(setting: ModuleSetting, samples: list[Points]) -> None:
    state = Networks([setting] * len(samples), samples, "cpu").state(0)
    for name in setting.series:
        before = [part.copy() for one in samples for part in (one.x, one.y, one.y_tilde)]
        first, second = (_tried(lambda name=name: state.measured(name), f"series '{name}'") for _ in range(2))
        if not all(map(np.array_equal, before, (part for one in samples for part in (one.x, one.y, one.y_tilde)))):
            raise ValueError(f"series '{name}' changes its points in place: make new ones")
        if not _same(first, second):
            raise ValueError(
                f"series '{name}' gives another number when it is asked again: draw nothing at random, count nothing"
            )


def _tried(call: Callable[[], Any], whose: str) -> Any:
    try:
        return call()
    except ValueError:
        raise
    except Exception as problem:  # what is one's own may raise anything
        said = " ".join(str(problem).split())
        raise ValueError(f"{whose}: {type(problem).__name__}: {said}") from problem
