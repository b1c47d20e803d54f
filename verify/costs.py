"""What runs are expected to cost, in core seconds: used to choose settings, batches and the order of jobs, and said to
the user before anything starts. Nothing that is concluded depends on it.
"""

from numerics import Setting
from theory import Condition, eta, sigma_xi
from theory import d as dimension
from theory import m as neurons
from theory import n as samples
from verify.meanfield import convergence_time

MEMORY = 128e6  # bytes that the arrays of a batch may take
DEVICE_MEMORY = 4e9  # the same on another device than the CPU, where several processes share what there is
DEVICE_RUNS = 2048


def rescaled_time(ratio: float, tau_plus: float, tau_minus: float, epsilon: float, stage: str) -> float:
    """Rescaled time s that a run of a stage is expected to need, at kappa = ``ratio``."""
    if stage == "end":
        return convergence_time(ratio, tau_plus, tau_minus, epsilon)
    return {"exact": 0.0, "start": 0.0, "early": 0.1, "T1": 1.5}[stage]


BATCH = 0.1  # core seconds of a batch beside its steps
AUTOGRAD = 2e-4  # core seconds of a step and run by autograd
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
    return 1e-10 * seeds * (n**3 + 8 * m**3 + m * n**2)


def affordable(stage: str, seeds: int, each: int, cap: float, epsilon: float) -> tuple[Condition, ...]:
    """The condition that runs of a setting end within ``cap`` core seconds, ``each`` of them sharing a batch."""
    s = {"T1": 1.5, "window": 1.6, "early": 0.1, "end": 2.5 / epsilon}.get(stage)
    if s is None:
        return ()
    steps = cap / (CALLS / each + seeds * arithmetic(samples, neurons))
    rule = eta * sigma_xi**2 * dimension / (samples * neurons) * steps >= s
    return (Condition(name="affordable", source="the effort", statement=rule),)


def work(setting: Setting, epsilon: float, stage: str, seeds: int) -> float:
    """Expected core seconds of one setting with its seeds."""
    s = rescaled_time(setting.kappa, setting.tau_plus, setting.tau_minus, epsilon, stage)
    n, m = setting.n, setting.m
    return s / setting.time_scale * of_step(n, m, seeds) + of_draw(n, m, seeds)
