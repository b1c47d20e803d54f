"""What runs are expected to cost, in core seconds: used to choose settings, batches and the order of jobs, and said to
the user before anything starts. Nothing that is concluded depends on it.
"""

import heapq
from collections.abc import Iterable
from functools import cache

import sympy as sp

from numerics import Setting
from numerics.module import ModuleSetting
from theory import Condition, eta, sigma_xi, t
from theory import d as dimension
from theory import m as neurons
from theory import n as samples

MEMORY = 128e6  # bytes that the arrays of a batch may take
DEVICE_MEMORY = 4e9  # the same on another device than the CPU, where several processes share what there is
DEVICE_RUNS = 2048
BATCH = 0.1  # core seconds of a batch beside its steps
DRAW = 1e-10  # core seconds of drawing one sample, over n^3 + 8 m^3 + m n^2; measured
AUTOGRAD = 2e-4  # core seconds of a step and run by autograd
NETWORK = 3e-3  # core seconds of a step of a setting with a network of one's own, whatever its seeds; measured on three
# layers with Adam, n = m = 22: calls, as long as the arrays are small
TESTED = 0.1  # core seconds of the fresh points of one such run; measured there at d = 400
CALLS = 1e-4  # core seconds that one step of any batch costs in calls alone; measured, as the arithmetic below is


def arithmetic(n: int, m: int) -> float:
    """Core seconds per step and run."""
    return m * n * (n / 7.5e9 + 8e-9)


def runs_in_memory(n: int, m: int, device: str = "cpu") -> float:
    memory = MEMORY if device == "cpu" else DEVICE_MEMORY
    return memory / (8.0 * (3 * (n + 2) ** 2 + 16 * n * m + 12 * m * m))


def bundle_size(n: int, m: int, seeds: int, device: str = "cpu") -> int:
    """How many settings of one size share a batch, within memory: until arithmetic outweighs the calls on a CPU;
    elsewhere the calls cost more than the arithmetic of any batch, and what goes up is the work of recording."""
    enough = min(2 * CALLS / arithmetic(n, m), 128) if device == "cpu" else DEVICE_RUNS
    return max(1, int(min(enough, runs_in_memory(n, m, device)) / seeds))


def of_step(n: int, m: int, seeds: int) -> float:
    """Core seconds per step and setting; used only to choose settings and to order jobs."""
    return CALLS / min(bundle_size(n, m, seeds), 6) + seeds * arithmetic(n, m)


def of_draw(n: int, m: int, seeds: int) -> float:
    return DRAW * seeds * (n**3 + 8 * m**3 + m * n**2)


def rescaled(model: type[Setting]) -> sp.Expr:
    """The rescaled time of a step, ``time_scale`` of a setting of the model, in symbols."""
    return eta if issubclass(model, ModuleSetting) else eta * sigma_xi**2 * dimension / (samples * neurons)


def affordable(
    s: float | None, seeds: int, each: int, cap: float, model: type[Setting] = Setting
) -> tuple[Condition, ...]:
    """The condition that runs of a setting end within ``cap`` core seconds, ``each`` of them sharing a batch.

    Args:
        s: rescaled time within which they end; None where they need no steps.
        model: whose; of a network of one's own they may take as many steps as a plain one, which cost more.
    """
    if s is None:
        return ()
    steps = cap / (CALLS / each + seeds * arithmetic(samples, neurons))
    rule = rescaled(model) * steps >= s
    return (Condition(name="affordable", source="the effort", statement=rule),)


@cache
def affordable_at(pace: sp.Expr | int = 1) -> Condition:
    """The same where sizes and cap differ from setting to setting: one statement, and so compiled once. ``t`` stands
    for the iterations that can be paid for, over the rescaled time in which runs end at a ``pace`` of 1."""
    rule = rescaled(Setting) * pace * t >= 1
    return Condition(name="affordable", source="the effort", statement=rule)


def makespan(costs: Iterable[float], workers: int) -> float:
    """When the last of some tasks ends, if whoever is free takes the next."""
    free = [0.0] * workers
    for cost in costs:
        heapq.heapreplace(free, free[0] + cost)
    return max(free)


def work(s: float, setting: Setting, seeds: int) -> float:
    """Expected core seconds of one setting with its seeds, to rescaled time ``s``."""
    n, m = setting.n, setting.m
    return s / setting.time_scale * of_step(n, m, seeds) + of_draw(n, m, seeds)
