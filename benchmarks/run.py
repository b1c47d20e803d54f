"""Figures of merit, each measured against its rival in the same process, repeat by repeat in turn.

    python benchmarks/run.py [--out bench.json] [--whole quick] [--whole standard]

Float64, n = 200, m = 20, torch's own number of threads. A ratio is the median over repeats of two times taken one
right after the other, so a machine that is slow for a while is slow for both; the least and the largest show the rest.
Run it on an idle machine all the same: threads that wait for other programs are not what is to be measured.
What an entailment costs, and its growth with the number of premises, is measured by :mod:`entailment` beside this file.
"""

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # measures this source tree, installed or not

from entailment import TARGET_SECONDS, Cost, curve  # noqa: E402

from numerics import Sample, Setting, TwoLayerCNN, draw  # noqa: E402
from numerics.reference import data  # noqa: E402
from numerics.state import Batch  # noqa: E402
from verify import maps  # noqa: E402
from verify.maps.runs import _execute  # noqa: E402
from verify.packs.han2025 import PACK  # noqa: E402

N, M, RUNS = 200, 20, 32


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured ratio and what it must be."""

    name: str
    says: str
    ratio: float
    least: float
    largest: float
    target: str
    met: bool
    seconds_per_step: dict[str, float]  # medians; of the whole batch for the engine, of one run for autograd
    repeats: int


# Of the share of the matrix product: n, m, runs in a batch, and the share wanted. Small ones as studies have them.
SHARES = [(11, 11, 48, 0.6), (88, 44, 8, 0.8), (N, M, RUNS, 0.9), (352, 176, 2, 0.9)]


def figure(name: str, says: str, ratios: np.ndarray, target: str, seconds: dict[str, np.ndarray]) -> Figure:
    """Of ratios and times, pair by pair; ``target`` is ``">= 0.5"`` or ``"<= 1.1"``."""
    ratio, (sign, bound) = float(np.median(ratios)), target.split()
    return Figure(
        name=name,
        says=says,
        ratio=ratio,
        least=float(ratios.min()),
        largest=float(ratios.max()),
        target=target,
        met=ratio >= float(bound) if sign == ">=" else ratio <= float(bound),
        seconds_per_step={what: float(np.median(times)) for what, times in seconds.items()},
        repeats=len(ratios),
    )


def setting(d: int, n: int = N, m: int = M) -> Setting:
    """kappa = 4 and a rescaled time of 0.01 per step at every d, so that all d do the same work."""
    one = Setting(n=n, m=m, d=d, mu=(4 * d / n) ** 0.5, sigma_0=0.01 / d**0.5, eta=1.0, tau_plus=0.2, tau_minus=0.2)
    return replace(one, eta=0.01 / one.time_scale)


def per_step(run: Callable[[int], None], steps: int) -> float:
    begin = time.perf_counter()
    run(steps)
    return (time.perf_counter() - begin) / steps


def in_turn(
    a: Callable[[int], None], b: Callable[[int], None], steps: tuple[int, int], repeats: int
) -> tuple[np.ndarray, np.ndarray]:
    """Seconds per step of both, alternating who goes first; one untimed round before."""
    a(1), b(1)
    times = np.empty((repeats, 2))
    for k in range(repeats):
        for which in (0, 1) if k % 2 == 0 else (1, 0):
            times[k, which] = per_step((a, b)[which], steps[which])
    return times[:, 0], times[:, 1]


def engine(d: int, *, dense: bool = False, n: int = N, m: int = M, runs: int = RUNS) -> Callable[[int], None]:
    """Steps of a batch of runs."""
    one = setting(d, n, m)
    # A dense sample of d = 40000 is 77 MB and the engine reads its inner products alone: one of them serves all runs.
    samples = [draw(one, 0, dense=True)] * runs if dense else [draw(one, seed) for seed in range(runs)]
    batch = Batch([one] * runs, samples, "cpu")
    coefficients, overlap = torch.zeros_like(batch.overlap), batch.overlap.clone()
    return lambda steps: batch.steps(coefficients, overlap, steps)


def autograd(d: int) -> Callable[[int], None]:
    """Steps of one run as one would write them: loss, backward, update, on d-dimensional vectors."""
    one = setting(d)
    _, run = plain_descent(one, draw(one, 0, dense=True))
    return run


def plain_descent(one: Setting, sample: Sample) -> tuple[TwoLayerCNN, Callable[[int], None]]:
    """A network, and steps of gradient descent on it as one would write them."""
    x, y_tilde = data(one, sample)
    net = TwoLayerCNN(torch.as_tensor(sample.weights))
    optimizer = torch.optim.SGD(net.parameters(), lr=one.eta)

    def run(steps: int) -> None:
        for _ in range(steps):
            optimizer.zero_grad()
            torch.nn.functional.softplus(-y_tilde * net(x)).mean().backward()
            optimizer.step()

    return net, run


def product(n: int, m: int, runs: int) -> Callable[[int], None]:
    """The matrix product of a step alone: (runs, 2m, n+2) times (runs, n+2, n+2), added to (runs, 2m, n+2)."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=generator)

    first, c, k = normal(runs, 2 * m, n + 2), normal(runs, 2 * m, n + 2), normal(runs, n + 2, n + 2)
    out = torch.empty_like(first)

    def run(steps: int) -> None:
        for _ in range(steps):
            torch.baddbmm(first, c, k, out=out)

    return run


def against_autograd(repeats: int) -> Figure:
    naive, fast = in_turn(autograd(40_000), engine(40_000, dense=True), steps=(2, 40), repeats=repeats)
    ratios = naive / (fast / RUNS)
    return figure(
        "engine over autograd",
        "time per step and run: autograd loop / engine batch of 32, same dense data, d = 40000",
        ratios,
        ">= 1200",
        {"autograd, one run": naive, "engine, 32 runs": fast},
    )


def against_dimension(repeats: int) -> Figure:
    high, low = in_turn(engine(10**9), engine(10**4), steps=(40, 40), repeats=repeats)
    ratios = high / low
    return figure(
        "cost of dimension",
        "time per step: d = 1e9 / d = 1e4",
        ratios,
        "<= 1.1",
        {"d = 1e9": high, "d = 1e4": low},
    )


def against_product(n: int, m: int, runs: int, least: float) -> Callable[[int], Figure]:
    def measured(repeats: int) -> Figure:
        steps = max(4, 2_000_000 // (runs * m * n))
        bare, whole = in_turn(product(n, m, runs), engine(10**7, n=n, m=m, runs=runs), (steps, steps), repeats)
        ratios = bare / whole
        return figure(
            f"share of the matrix product, n = {n}, m = {m}",
            f"time per step of {runs} runs: bare baddbmm of the same shapes / engine",
            ratios,
            f">= {least}",
            {"baddbmm": bare, "engine": whole},
        )

    return measured


def trainings_of_a_map() -> Callable[[int], None]:
    """Cells of the heat map of Kou et al. as `verify map` runs them: a step is a training with its test."""
    preset = PACK.maps.presets()["kou"]
    axes = {"x": replace(preset.x, count=8), "y": replace(preset.y, count=8)}

    def run(trainings: int) -> None:
        runs = [r for task in maps.plan(replace(preset, **axes, seeds=1)) for batch in task.batches for r in batch]
        _execute(preset, runs[:trainings])

    return run


def plain_trainings() -> Callable[[int], None]:
    """The same as one would write it: vectors, autograd, 1,000 test samples."""
    preset = PACK.maps.presets()["kou"]
    chosen = maps.cells(replace(preset, x=replace(preset.x, count=3), y=replace(preset.y, count=3)))

    def run(trainings: int) -> None:
        for k in range(trainings):
            one = chosen[4 * k % len(chosen)]
            net, descend = plain_descent(one, draw(one, k, dense=True))
            descend(preset.steps)
            y = torch.where(torch.rand(preset.draws) < 0.5, -1.0, 1.0).double()
            x = torch.randn(preset.draws, 2, one.d, dtype=torch.float64)
            x[:, 0] = 0
            x[:, 0, 0] = one.mu * y
            with torch.no_grad():
                (y * net(x) <= 0).double().mean()

    return run


def against_plain_map(repeats: int) -> Figure:
    plain, ours = in_turn(plain_trainings(), trainings_of_a_map(), steps=(3, 64), repeats=repeats)
    ratios = plain / ours
    return figure(
        "phase diagram over autograd",
        "time per training and test of the heat map of Kou et al.: autograd on vectors / verify map",
        ratios,
        ">= 20",
        {"autograd": plain, "verify map": ours},
    )


def cost_table(costs: list[Cost]) -> Table:
    table = Table("premises", "goal", "median s", "largest s", "naive s", "naive / ours", "min - max")
    for c in costs:
        naive = f"{'~' if c.extrapolated else ''}{c.naive_seconds:.3g}"
        spread = f"{c.least:.3g} - {c.largest:.3g}"
        goal = "follows" if c.follows else "does not"
        table.add_row(
            str(c.premises), goal, f"{c.seconds:.3g}", f"{c.largest_seconds:.3g}", naive, f"{c.ratio:.3g}", spread
        )
    return table


def whole_command(profile: str) -> dict[str, float | str | int]:
    """Wall time and peak memory of a whole ``verify all`` in a fresh process.

    The peak is the largest resident set of any one process of the command, as the system reports it.
    """
    with tempfile.TemporaryDirectory() as out:
        begin = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "verify", "all", "--profile", profile, "--out", out],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            check=False,
        )
        seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    in_bytes = peak * (1 if sys.platform == "darwin" else 1024)  # macOS counts bytes, Linux KiB
    return {"profile": profile, "exit": done.returncode, "seconds": seconds, "peak_mib": in_bytes / 2**20}


@click.command()
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Also write the figures here, as JSON.")
@click.option("--repeats", default=15, show_default=True, type=click.IntRange(3), help="Pairs of times per ratio.")
@click.option(
    "--whole", multiple=True, type=click.Choice(["quick", "standard", "thorough"]), help="Also time `verify all`."
)
def main(out: Path | None, repeats: int, whole: tuple[str, ...]) -> None:
    """Measure the engine and the order calculus against their rivals."""
    console = Console()
    load = os.getloadavg()[0]  # before this program makes its own
    if load > 0.5:
        console.print(f"load {load:.1f} before the start: beside other programs times vary and the engine looks slow")
    # The largest profile last: the system reports the largest peak of all commands so far.
    commands = [whole_command(profile) for profile in ("quick", "standard", "thorough") if profile in whole]
    shares = [against_product(*size) for size in SHARES]
    figures = [f(repeats) for f in (against_autograd, against_dimension, *shares, against_plain_map)]
    table = Table("figure", "ratio", "min - max", "target", "met", "median seconds per step")
    for f in figures:
        spread = f"{f.least:.3g} - {f.largest:.3g}"
        seconds = ", ".join(f"{name}: {value:.2e}" for name, value in f.seconds_per_step.items())
        table.add_row(f.name, f"{f.ratio:.3g}", spread, f.target, "yes" if f.met else "NO", seconds)
    console.print(table)
    costs = curve(repeats)
    console.print(cost_table(costs))
    eight = max(c.largest_seconds for c in costs if c.premises == 8)
    met = "met" if eight < TARGET_SECONDS else "NOT met"
    console.print(f"entailment with eight premises: at most {eight:.2g} s, target < {TARGET_SECONDS:g} s, {met}")
    for c in commands:
        console.print(f"verify all --profile {c['profile']}: {c['seconds']:.0f} s, {c['peak_mib']:.0f} MiB at most")
    if out:
        report = {
            "setup": {
                "n": N,
                "m": M,
                "runs": RUNS,
                "dtype": "float64",
                "threads": torch.get_num_threads(),
                "cores": os.cpu_count(),
                "load_before": load,
                "machine": platform.machine(),
                "python": platform.python_version(),
                "torch": torch.__version__,
            },
            "figures": [asdict(f) for f in figures],
            "entailment": {"target_seconds_at_eight": TARGET_SECONDS, "curve": [asdict(c) for c in costs]},
            "whole_command": commands,
        }
        out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
