"""What a study's jobs take, against what is expected: at one and two workers as measured, beyond by simulation.

    python benchmarks/cluster.py [--profile quick] [--n 4096] [--out cluster.json]

Each batch of the claims' jobs is timed by itself in one process. The same batches then go through one and through two
worker processes. With more workers than there are cores, whoever is free takes the next batch, in the order in which a
study hands them out. Run it on an idle machine.
"""

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # measures this source tree, installed or not

from numerics import Setting, draw  # noqa: E402
from numerics.state import Batch  # noqa: E402
from verify import costs, processes, study, sweep  # noqa: E402
from verify.design import EPSILON, PROFILES  # noqa: E402
from verify.packs.han2025 import PACK  # noqa: E402

WORKERS = (1, 2, 8, 64, 512)
STEPS = 20  # of the large setting that are run; the rest of its steps take as long


def timed(batch: tuple[sweep.Job, ...]) -> float:
    """Seconds of one batch."""
    begin = time.perf_counter()
    sweep.execute(batch)
    return time.perf_counter() - begin


def through(batches: Sequence[tuple[sweep.Job, ...]], workers: int) -> float:
    """Wall seconds of all batches in so many processes that run already."""
    with processes.Processes(workers) as pool:
        processes.mapped(timed, [batches[-1]] * (2 * workers), pool)  # what a worker loads first is not meant
        begin = time.perf_counter()
        processes.mapped(timed, batches, pool)
        return time.perf_counter() - begin


def large(n: int) -> dict[str, float]:
    """Core seconds of one run at ``n`` samples: expected, and as its draw and a part of its steps take."""
    m = n // 8
    setting = Setting(n=n, m=m, d=4 * n**2, mu=2 * (4 * n) ** 0.5, sigma_0=1e-6, eta=m / (40 * n), tau_plus=0.1)
    begin = time.perf_counter()
    sample = draw(setting, 1)
    drawn = time.perf_counter() - begin
    batch = Batch([setting], [sample], "cpu")
    coefficients, overlap = torch.zeros_like(batch.overlap), batch.overlap.clone()
    batch.steps(coefficients, overlap, 1)
    begin = time.perf_counter()
    batch.steps(coefficients, overlap, STEPS)
    per_step = (time.perf_counter() - begin) / STEPS
    found = {
        "n": n, "m": m, "draw_expected": costs.of_draw(n, m, 1), "draw_measured": drawn,
        "step_expected": costs.CALLS + costs.arithmetic(n, m), "step_measured": per_step,
    }  # fmt: skip
    for stage in ("T1", "end"):
        s = PACK.rescaled_time(setting, EPSILON[1], stage)
        steps = s / setting.time_scale
        found[f"{stage}_steps"] = steps
        found[f"{stage}_expected"] = costs.work(s, setting, 1)
        found[f"{stage}_measured"] = drawn + steps * per_step
    return found


@click.command()
@click.option("--profile", type=click.Choice(list(PROFILES)), default="quick", show_default=True)
@click.option("--n", default=4096, show_default=True, help="Samples of the large setting; 0 leaves it out.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Also write the figures here, as JSON.")
def main(profile: str, n: int, out: Path | None) -> None:
    """Time a study's jobs, and say what more workers would make of them."""
    console = Console()
    sweep.one_thread()
    reading = PACK.paper.reading()
    known = PACK.paper.claims(reading)
    planned = study.plan(known, known, PROFILES[profile], reading, 0, "cpu")
    batches = sweep.bundles(planned.jobs)
    expected = sweep.expected(planned.jobs)
    model = np.array([sum(expected[job.key] for job in batch) for batch in batches])
    timed(batches[-1])
    seconds = np.array([timed(batch) for batch in batches])
    walls = {w: through(batches, w) for w in (1, 2) if w <= (os.cpu_count() or 1)}
    longest = int(seconds.argmax())
    rows = {
        w: {"simulated": costs.makespan(seconds, w), **({"measured": walls[w]} if w in walls else {})} for w in WORKERS
    }
    table = Table("workers", "simulated s", "measured s", "times as fast as one")
    for w, row in rows.items():
        faster = rows[1]["simulated"] / row["simulated"]
        table.add_row(str(w), f"{row['simulated']:.1f}", f"{row.get('measured', np.nan):.1f}", f"{faster:.1f}")
    console.print(table)
    name = f"{batches[longest][0].group.name}, n = {batches[longest][0].point.setting.n}"
    console.print(f"{len(batches)} batches, {seconds.sum():.1f} s; the longest {seconds[longest]:.1f} s: {name}")
    ratios = seconds / model
    own = ratios[seconds > 0.5]
    console.print(f"measured over expected: {seconds.sum() / model.sum():.2f} in all;")
    if own.size:
        low, middle, high = np.quantile(own, [0.1, 0.5, 0.9])
        console.print(
            f"of {own.size} batches over half a second: {low:.2f}, {middle:.2f}, {high:.2f} (tenth, half, nine tenths)"
        )
    held = {
        "profile": profile, "batches": len(batches), "seconds": seconds.tolist(), "expected": model.tolist(),
        "longest": name, "workers": rows,
    }  # fmt: skip
    if n:
        held["large"] = one = large(n)
        console.print({k: float(f"{v:.3g}") for k, v in one.items()})
    if out:
        out.write_text(json.dumps(held, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
