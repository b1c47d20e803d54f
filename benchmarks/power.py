"""The power of the search for violations: how often it finds a fault that was planted, within a stated budget.

    python benchmarks/power.py [--seeds 20] [--only NAME] [--out power.json]

Each fault is searched for with so many seeds of the search, by a count of batches, so that every machine finds the
same. Runs are real, by the engine, except where it says "made up": there the truth is known exactly. Where nothing is
planted nothing may be found: that is counted too.
"""

import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from unittest import mock

import click
import numpy as np
import pandas as pd
import torch
from rich.console import Console
from torch import Tensor

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # measures this source tree, installed or not

from numerics.state import Batch  # noqa: E402
from theory import Claim, Within  # noqa: E402
from theory.papers.han2025 import Reading, claims  # noqa: E402
from verify import falsify  # noqa: E402
from verify.falsify import search as steered  # noqa: E402
from verify.packs.han2025 import PACK  # noqa: E402

CLAIMS = {c.name: c for c in claims()}


def without(name: str, *dropped: str) -> Claim:
    """A claim with premises silently dropped."""
    claim = CLAIMS[name]
    needs = tuple(c for c in claim.needs if c.name not in dropped)
    assert len(needs) + len(dropped) == len(claim.needs)
    return replace(claim, needs=needs)


def tighter(name: str, factor: float) -> Claim:
    """A claim whose upper bound is so many times too small."""
    claim = CLAIMS[name]
    [(_, law)] = claim.parts
    return replace(claim, law=Within(high=law.high / factor))


def steps_wrong_on_noisy(batch: Batch, coefficients: Tensor, overlap: Tensor, count: int) -> None:
    """As ``Batch.steps``, but for the sign of the force on flipped samples."""
    direction = torch.where(batch.noisy, -batch.y_tilde, batch.y_tilde)
    signs = batch.head.transpose(1, 2).sign()
    for _ in range(count):
        g = torch.sigmoid(-batch.y_tilde * batch.outputs(torch.relu(overlap)))
        u = g * direction * batch.pull
        plus = (u * batch.plus).sum(1, keepdim=True)
        force = torch.cat([plus, u.sum(1, keepdim=True) - plus, u], 1)[:, None]
        coefficients += signs * force * (overlap > 0)
        torch.baddbmm(batch.overlap, coefficients, batch.gram, out=overlap)


def made_up(claim: Claim, failing: Callable) -> Callable:
    """Runs whose observables break the first bound with probability ``failing(setting)``."""
    name, law = claim.parts[0]
    side = 1.0 if law.high is not None else -1.0

    def run(jobs) -> pd.DataFrame:
        rows = []
        for job in jobs:
            rng = np.random.default_rng(job.seeds[0] % 2**32)
            broken = rng.random(len(job.seeds)) < failing(job.point.setting)
            for one, seed in zip(broken, job.seeds, strict=True):
                row = {"setting": job.point.index, "seed": seed, "status": "stopped", "steps": 10, "flip_share": 0.2}
                rows.append({**row, name: side * (0.1 if one else -0.1)})
        return pd.DataFrame(rows)

    return run


def corner(setting) -> float:
    """Only where tau_+ << tau_- and m is small."""
    return 0.6 if setting.tau_plus < setting.tau_minus / 3 and setting.m < 25 else 0.02


NOISY = CLAIMS["stage1.noisy-ignored"]
# name: (what is planted, the claim, its runs or None for real ones, batches)
FAULTS = {
    "corner": (
        "fails in 60 % of the runs where tau_+ < tau_-/3 and m < 25 (made up)",
        NOISY,
        made_up(NOISY, corner),
        24,
    ),
    "constant-cross": ("concentration.cross with a tenth of its bound", tighter("concentration.cross", 10), None, 4),
    "constant-margins": (
        "margins.prediction with a hundredth of its bound",
        tighter("margins.prediction", 100),
        None,
        8,
    ),
    "premise-sizes": (
        "activation.neurons under Condition 4.1, without its own sizes",
        replace(CLAIMS["activation.neurons"], needs=CLAIMS["stage1.time"].needs),
        None,
        4,
    ),
    "premise-neurons": (
        "init.noise without m >= C log(n/delta)",
        without("init.noise", "4.1.3-neurons"),
        None,
        4,
    ),
}
# Up to T_1, and to the end. With the wrong sign no flipped sample's own coefficient grows, so that T_1 does not come
# and nothing is said of what holds there; that the loss reaches epsilon is what fails.
SIGN = {
    ("stage1.clean-fitted", "stage1.noisy-ignored", "margins.prediction", "projection.noise"): 4,
    ("stage2.converges",): 1,
}


def search(claim, seed: int, batches: float, run=None) -> falsify.Hunt:
    """Found or not is all that is asked: one setting per claim is put to fresh seeds, and left as it is."""
    return falsify.hunt(claim, Reading(), budget=math.inf, seed_=seed, batches=batches, brief=True, run=run)


def power(name: str, seeds: int) -> Iterator[dict]:
    """How many searches find a fault."""
    says, claim, run, batches = FAULTS[name]
    hunts = [search(claim, seed, batches, run) for seed in range(seeds)]
    yield {
        "name": name,
        "planted": says,
        "found": sum(h.findings[0].violated for h in hunts),
        "of": seeds,
        "batches": batches,
        "settings": float(np.median([h.settings for h in hunts])),
        "seconds": float(np.median([h.seconds for h in hunts])),
    }


def sign_error(seeds: int) -> Iterator[dict]:
    """An engine with a sign error on flipped samples only: which claims catch it, and which blame the right engine?"""
    for names, batches in SIGN.items():
        counts = {}
        for engine, patch in (
            ("found", mock.patch.object(Batch, "steps", steps_wrong_on_noisy)),
            ("without", nullcontext()),
        ):
            with patch:
                hunts = [search([CLAIMS[name] for name in names], seed, batches) for seed in range(seeds)]
            counts[engine] = [sum(h.findings[k].violated for h in hunts) for k in range(len(names))]
        for k, name in enumerate(names):
            says = f"force on flipped samples with the wrong sign: does {name} fail?"
            row = {"name": f"sign: {name}", "planted": says, "of": seeds, "batches": batches}
            yield row | {engine: found[k] for engine, found in counts.items()}


# True in every run by the definition of T_1, and met narrowly: at T_1 the least coefficient has just passed order one.
NOTHING = {
    "identity": "nothing: what defines T_1 holds at T_1",
    "null": "nothing: fails in 8 % of the runs (made up)",
}
IDENTITY = replace(NOISY, observable="coefficient_min_T1", law=Within(low=Reading().order_one))
# Asked is what holds at T_1, not whether T_1 comes while the search has patience.
AT_T1 = {"coefficient_min_T1": replace(PACK.observables["coefficient_min_T1"], premises=("T1",))}


def false_alarms(name: str, seeds: int) -> Iterator[dict]:
    """Where nothing is planted: an identity until 10,000 settings were searched, or a law that fails below delta."""
    claim, run, most = (
        (IDENTITY, None, math.inf) if name == "identity" else (NOISY, made_up(NOISY, lambda _: 0.08), 5 * seeds)
    )
    found = settings = tested = count = 0
    start = time.monotonic()
    while count < most and (run or settings < 10_000):
        # Made-up runs cost nothing: whole clouds.
        costless = mock.patch.dict(steered.AFFORDABLE, T1=1e3) if run else nullcontext()
        with costless, mock.patch.dict(PACK.observables, AT_T1):
            hunt = search(claim, count, 24, run)
        found += hunt.findings[0].violated
        tested += len(hunt.findings[0].suspects)
        settings += hunt.settings
        count += 1
    row = {"name": name, "planted": NOTHING[name], "found": found, "of": count, "batches": 24, "tested": tested}
    yield {**row, "settings": settings, "seconds": time.monotonic() - start}


@click.command()
@click.option("--seeds", default=20, show_default=True)
@click.option("--only", multiple=True)
@click.option("--out", type=click.Path(path_type=Path))
def main(seeds: int, only: tuple[str, ...], out: Path | None) -> None:
    torch.set_num_threads(1)
    console = Console(width=160)
    rows: list[dict] = []
    for name in only or (*FAULTS, "sign", *NOTHING):
        measure = false_alarms if name in NOTHING else power
        found = sign_error(seeds) if name == "sign" else measure(name, seeds)
        for row in found:
            console.print(row)
            rows.append(row)
            if out:
                out.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
