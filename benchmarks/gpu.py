"""All that is worth knowing of a GPU, in one call of a few minutes.

    python benchmarks/gpu.py [--device cuda] [--small] [--out gpu.json] [--only SECTION] [--seconds 330]

Sections, each with its own share of the time: the tests marked ``gpu``; steps of the engine against all cores, and as
a share of the bare batched product there; the quick and the standard study on the device and on the cores, with their
verdicts compared; the heat map of Kou et al.; mixed precision of the images. A section that fails or runs out of time
says so, and the next one goes on. ``--device cpu --small`` runs all of it in a minute or two where there is no GPU: no
number of such a run means anything.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import torch
from rich.console import Console
from rich.markup import escape
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # measures this source tree, installed or not

from numerics import Setting, draw, vgg  # noqa: E402
from numerics.algorithm import SAM  # noqa: E402
from numerics.course import course  # noqa: E402
from numerics.images import Images  # noqa: E402
from numerics.model import parameter  # noqa: E402
from numerics.state import Batch  # noqa: E402
from verify import processes  # noqa: E402

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
SIZES = [(11, 11, 2048), (88, 44, 256), (200, 20, 256), (1000, 20, 64), (4000, 20, 8)]  # n, m, runs on the device
SMALL = [(11, 11, 64), (88, 44, 4)]


@dataclass(frozen=True, kw_only=True)
class FlippedSam(Setting):
    """Two gradients a step, and labels that are drawn at every step."""

    algorithm, flips = SAM, "fresh"
    radius: float = parameter(0, 1e9, default=1e-3)


MODELS = {"plain": Setting, "SAM, fresh flips": FlippedSam}


def setting(n: int, m: int, model: str) -> Setting:
    """kappa = 4 and a rescaled time of 0.01 per step at every size."""
    d, kind = 10**7 * n, MODELS[model]
    one = kind(n=n, m=m, d=d, mu=(4 * d / n) ** 0.5, sigma_0=0.01 / d**0.5, eta=1.0, tau_plus=0.2, tau_minus=0.2)
    return replace(one, eta=0.01 / one.time_scale)


def batch(n: int, m: int, runs: int, device: str, model: str = "plain") -> tuple[Batch, Callable[[int], None]]:
    """Runs of one sample, and their steps: what a step costs does not depend on its numbers, and drawing a large sample
    takes long."""
    one = setting(n, m, model)
    settings, samples = [one] * runs, [draw(one, 0)] * runs
    held = Batch(settings, samples, device)
    return held, course(held, settings, samples).advance


def rate(advance: Callable[[int], None], runs: int, seconds: float, device: str) -> float:
    """Steps of a run per second: of blocks of steps, until the time is over."""

    def wait() -> None:
        if device != "cpu":
            torch.cuda.synchronize(device)

    advance(50)
    wait()
    count, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        advance(100)
        wait()
        count += 100
    return count * runs / (time.perf_counter() - begin)


def product_of(held: Batch) -> Callable[[int], None]:
    """The matrix product of a step alone."""
    out, c = torch.empty_like(held.overlap), torch.randn_like(held.overlap)

    def advance(count: int) -> None:
        for _ in range(count):
            torch.baddbmm(held.overlap, c, held.gram, out=out)

    return advance


def on_a_core(task: tuple[int, int, int, float, str]) -> float:
    n, m, runs, seconds, model = task
    torch.set_num_threads(1)
    return rate(batch(n, m, runs, "cpu", model)[1], runs, seconds, "cpu")


def engine(device: str, small: bool, limit: float) -> dict[str, Any]:
    """Steps of a run per second on the device and on all cores, one process each."""
    found = []
    sizes = SMALL if small else SIZES
    each = min(1.5, limit / len(sizes) / 12)
    with processes.Processes(CORES) as pool:
        for n, m, runs, model in [(*size, "plain") for size in sizes] + [
            (*size, list(MODELS)[1]) for size in sizes[:3]
        ]:
            held, advance = batch(n, m, runs, device, model)
            there = rate(advance, runs, each, device)
            bare = rate(product_of(held), runs, each, device)
            on_core = max(1, min(runs // CORES, 48, 2_000_000 // (n * n)))  # as many as serve a core best, or fit
            cores = sum(value for _, value in pool.each(on_a_core, [(n, m, on_core, each, model)] * CORES))
            found.append(
                {
                    "model": model, "n": n, "m": m, "runs": runs,
                    "device, steps/s": there, f"{CORES} cores, steps/s": cores,
                    "device / cores": there / cores, "share of the product": there / bare,
                }
            )  # fmt: skip
            del held, advance
    return {"rows": found}


def marked_tests(device: str, small: bool, limit: float) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-W", "default", "-p", "no:cacheprovider", "-rs", "tests"],
        cwd=ROOT, capture_output=True, text=True, timeout=limit, check=False,
    )  # fmt: skip
    lines = done.stdout.strip().splitlines() or done.stderr.strip().splitlines()
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR", "E  ", "SKIPPED"))]
    return {"rows": [{"exit": done.returncode, "summary": lines[-1] if lines else "", "lines": failed[:20]}]}


def command(arguments: list[str], limit: float) -> tuple[int, float, str]:
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "verify", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=limit, check=False,
    )  # fmt: skip
    said = done.stderr.strip().splitlines()[-1:] if done.returncode not in (0, 1) else []
    return done.returncode, time.perf_counter() - begin, " ".join(said)


def on_both(arguments: list[str], device: str, folder: str, limit: float) -> list[dict[str, Any]]:
    """A command on the device, and then on all cores, each into a folder of its own."""
    rows, begin = [], time.perf_counter()
    for where, jobs in ((device, min(4, CORES)), ("cpu", CORES)):
        asked = [*arguments, "--device", where, "--jobs", str(jobs), "--out", f"{folder}/{len(rows)}", "--quiet"]
        status, seconds, said = command(asked, limit - (time.perf_counter() - begin))
        rows.append({"device": where, "processes": jobs, "exit": status, "seconds": seconds, "said": said})
    return rows


def study(profile: str) -> Callable[[str, bool, float], dict[str, Any]]:
    def whole(device: str, small: bool, limit: float) -> dict[str, Any]:
        """`verify all` on the device and on the cores, and in which verdicts they differ."""
        what = ["run", "stage2.converges"] if small else ["all"]
        with tempfile.TemporaryDirectory() as folder:
            rows = on_both([*what, "--profile", profile], device, folder, limit)
            reports = sorted(str(p.parent) for p in Path(folder).glob("*/report.json"))
            if len(reports) == 2:
                done = subprocess.run(
                    [sys.executable, "-m", "verify", "compare", *reports],
                    cwd=ROOT, capture_output=True, text=True, check=False,
                )  # fmt: skip
                rows.append({"verdicts agree": done.returncode == 0, "said": done.stdout.strip()[-2000:]})
        return {"rows": rows}

    return whole


def kou(device: str, small: bool, limit: float) -> dict[str, Any]:
    """The heat map of Kou et al. on the device and on the cores, and how far its cells differ."""
    size = ["--x", "0:9.9:6", "--y", "100:1090:6", "--seeds", "2"] if small else []
    with tempfile.TemporaryDirectory() as folder:
        rows = on_both(["map", "--preset", "kou", *size], device, folder, limit)
        tables = sorted(Path(folder).glob("*/map-cells.csv"))
        if len(tables) == 2:
            import pandas as pd

            a, b = (pd.read_csv(t) for t in tables)
            apart = {
                k: float((a[k] - b[k]).abs().max()) for k in a if k.startswith(("error_", "loss_")) and ":" not in k
            }
            rows.append({"largest difference of a cell": apart})
    return {"rows": rows}


def mixed_precision(device: str, small: bool, limit: float) -> dict[str, Any]:
    """Seconds per epoch of VGG-11 in single and in mixed precision, on images of noise."""
    random = torch.Generator().manual_seed(0)
    count = 128 if small else 10_000
    labels = torch.randint(0, 2, (count,), generator=random)
    data = Images(
        source="noise", classes=("a", "b"), train=torch.randn(count, 3, 32, 32, generator=random), train_labels=labels,
        test=torch.randn(64, 3, 32, 32, generator=random), test_labels=labels[:64],
    )  # fmt: skip
    rows = []
    for amp in (False, True) if device != "cpu" else (False,):
        recipe = vgg.Recipe(network="tiny" if small else "vgg11", epochs=1, rate=1e-3, batch=64, amp=amp)
        vgg.train(replace_count(data, 128), torch.zeros(128, dtype=torch.bool), recipe, 0, device)
        begin = time.perf_counter()
        course = vgg.train(data, torch.zeros(count, dtype=torch.bool), recipe, 0, device)
        rows.append(
            {"amp": amp, "seconds per epoch": time.perf_counter() - begin, "images": count,
             "mean margin": float(course.margins[-1].float().mean())}
        )  # fmt: skip
    return {"rows": rows}


def replace_count(data: Images, count: int) -> Images:
    return replace(data, train=data.train[:count], train_labels=data.train_labels[:count])


# Section, and the seconds that it may take of all there are. The last one is the longest and takes what is left.
SECTIONS: dict[str, tuple[Callable[[str, bool, float], dict[str, Any]], float]] = {
    "tests": (marked_tests, 60),
    "engine": (engine, 60),
    "images": (mixed_precision, 30),
    "quick study": (study("quick"), 180),
    "kou map": (kou, 90),
    "standard study": (study("standard"), 600),
}


def card(device: str) -> str:
    return torch.cuda.get_device_name(device) if device != "cpu" else platform.processor() or platform.machine()


@click.command()
@click.option("--device", default="cuda", show_default=True)
@click.option("--small", is_flag=True, help="sizes that any machine runs; no number means anything")
@click.option("--only", multiple=True, type=click.Choice(list(SECTIONS)), help="these sections alone")
@click.option("--seconds", default=330.0, show_default=True, help="of all sections together")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), default=Path("gpu.json"), show_default=True)
def main(device: str, small: bool, only: tuple[str, ...], seconds: float, out: Path) -> None:
    """Measure what a GPU gives, section by section."""
    console, begin = Console(width=140), time.perf_counter()
    report: dict[str, Any] = {
        "card": card(device), "device": device, "small": small, "cores": CORES, "torch": torch.__version__,
        "python": platform.python_version(), "sections": {},
    }  # fmt: skip
    console.print(f"{report['card']}, {CORES} cores, torch {torch.__version__}")
    for name, (section, share) in SECTIONS.items():
        if (only and name not in only) or (small and name == "standard study"):
            continue
        left = seconds - (time.perf_counter() - begin)
        started = time.perf_counter()
        try:
            if left < 5:
                raise TimeoutError("no time left")
            found = section(device, small, min(left, share))
        except Exception as problem:  # what the other sections say must not be lost
            found = {"failed": f"{type(problem).__name__}: {problem}"[:2000]}
        found["seconds"] = time.perf_counter() - started
        report["sections"][name] = found
        out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        console.print(table(name, found))


def table(name: str, found: dict[str, Any]) -> Table | str:
    if "failed" in found:
        return f"{name}: {found['failed']}"
    rows = found["rows"]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    drawn = Table(*columns, title=f"{name} ({found['seconds']:.0f} s)")
    for row in rows:
        drawn.add_row(*(f"{v:.3g}" if isinstance(v := row.get(k, ""), float) else escape(str(v)) for k in columns))
    return drawn


if __name__ == "__main__":
    main()
