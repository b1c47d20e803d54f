"""The runs of a calibration, look by look: what is counted of them, and the folder that keeps them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cache

import pandas as pd

from theory import Claim, Within
from theory.papers.han2025 import Reading
from verify import sweep
from verify.calibrate.constant import settled, tails_of
from verify.calibrate.layout import CalibrationEffort, Cell, Layout
from verify.design import EPSILON, Point
from verify.evidence import evidence
from verify.folder import Folder
from verify.packs.han2025 import PACK
from verify.seeds import seed_of
from verify.study import code_of_runs
from verify.sweep import Job, Result


def jobs(cell: Cell, look: int, wanted: Sequence[int], planned: Layout) -> list[Job]:
    """One job for each wanted setting of a cell: the seeds that this look adds."""
    effort = planned.effort
    totals = effort.looks if cell.part == "constant" else (effort.looks[0] if cell.part == "leaning" else effort.seeds,)
    before = totals[look - 1] if look else 0
    group = replace(cell.group, name=f"{cell.name}-look{look}")
    made = []
    for k in wanted:
        start = seed_of(f"{planned.seed}/{cell.name}/{k}")
        made.append(
            Job(
                group=group,
                point=Point(setting=cell.settings[k], epsilon=EPSILON[1], index=k),
                seeds=tuple(start + i for i in range(before, totals[look])),
                reading=planned.reading,
                device=planned.device,
            )
        )
    return made


def collect(
    planned: Layout,
    run: Callable[[list[Job]], Iterator[Result]],
    on_result: Callable[[Result], None] = lambda _: None,
    on_more: Callable[[int], None] = lambda _: None,
) -> tuple[pd.DataFrame, bool]:
    """Run all cells, look by look: counts per cell, setting and claim, and whether it was not interrupted.

    Args:
        run: jobs -> results as they come, e.g. :func:`verify.sweep.run` in a folder.
        on_result: called with each result.
        on_more: called with the number of jobs of each look.
    """
    counts: dict[tuple[str, int, str], list[float]] = {}
    owner = {f"{cell.name}-look{look}": cell for cell in planned.cells for look in range(len(planned.effort.looks))}
    tails = tails_of(planned)
    wanted = {cell.name: range(len(cell.settings)) for cell in planned.cells}
    finished = True
    for look in range(len(planned.effort.looks)):
        going = [j for cell in planned.cells for j in jobs(cell, look, wanted[cell.name], planned) if wanted[cell.name]]
        on_more(len(going))
        try:
            for result in run(going):
                cell = owner[result.runs["group"].iloc[0]]
                for claim, failed, counted, arrived in _counts(cell, result.runs):
                    key = (cell.name, int(result.runs["setting"].iloc[0]), claim)
                    held = counts.setdefault(key, [0, 0, 0, 0])
                    for i, more in enumerate((failed, counted, arrived, len(result.runs))):
                        held[i] += more
                on_result(result)
        except KeyboardInterrupt:
            finished = False
            break
        wanted = {
            cell.name: [
                k for k in range(len(cell.settings))
                if cell.part == "constant" and any(
                    settled(*counts[cell.name, k, c.name][:2], tails[c.name], planned.reading.delta) == "open"
                    for c in cell.claims if (cell.name, k, c.name) in counts
                )
            ]
            for cell in planned.cells
        }  # fmt: skip
    return _table(planned, counts), finished


def _counts(cell: Cell, runs: pd.DataFrame) -> Iterator[tuple[str, int, int, int]]:
    """(claim, runs that fail, runs that count, failing runs in which T_1 came), for the runs of one setting."""
    here = {c.name: c for c in cell.claims}
    if cell.part == "kappa":
        # The early balance is of one label each: it counts as failing where it is negative (or positive).
        here |= {c.name: c for c in _early_claims(cell.claims)}
    arrived = (runs["status"] == "stopped").to_numpy()
    for name, claim in here.items():
        found = evidence(claim, runs, PACK.observables)
        yield name, int(found.failed.sum()), int(found.counted.sum()), int((found.failed & arrived).sum())


@cache
def _early_claims(claims: tuple[Claim, ...]) -> tuple[Claim, ...]:
    """The early form of the two claims that the mean field decides, for each true label."""
    forms = {
        "stage1.signal-leads": ("signal_lead", Within(low=0)),
        "stage1.noisy-ignored": ("noisy_margin", Within(high=0)),
    }
    return tuple(
        Claim(name=f"early.{what}.{x}", source="derived", needs=c.needs, observable=f"early_{what}_{x}", law=law)
        for c in claims
        if c.name in forms
        for what, law in [forms[c.name]]
        for x in ("plus", "minus")
    )  # fmt: skip


def _table(planned: Layout, counts: Mapping[tuple[str, int, str], Sequence[float]]) -> pd.DataFrame:
    by_name = {cell.name: cell for cell in planned.cells}
    rows = []
    for (name, k, claim), (failed, counted, arrived, runs) in counts.items():
        cell = by_name[name]
        setting = cell.settings[k]
        rows.append(
            {"part": cell.part, "cell": name, "claim": claim, "setting": k}
            | {f"label_{x}": v for x, v in cell.labels.items()}
            | {"failures": failed, "counted": counted, "failures_arrived": arrived, "runs": runs}
            | setting.values()
            | {"kappa": setting.kappa}
        )
    columns = ["part", "cell", "claim", "setting", "failures", "counted", "failures_arrived", "runs"]
    table = pd.DataFrame(rows, columns=None if rows else columns)
    return table.sort_values(["part", "cell", "setting", "claim"], ignore_index=True)


FOLDER = Folder(
    what="calibration",
    files=(*(f"calibration.{x}" for x in ("html", "md", "json", "csv")), "calibration-figures/*"),
    work="calibration-batches",
    finished=sweep.FINISHED,
)


def identity(chosen: Sequence[Claim], reading: Reading, effort: CalibrationEffort, seed: int) -> dict:
    """What determines a calibration's numbers, for resuming."""
    return {
        "claims": [c.name for c in chosen],
        "profile": effort.name,
        "seed": seed,
        "reading": asdict(reading),
        "code": code_of_runs(PACK, "calibrate"),
    }
