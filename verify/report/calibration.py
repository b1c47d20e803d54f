"""The report of a calibration: terminal, calibration.html, .md, .json, .csv and figures."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import Any

import pandas as pd
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from theory.reading import Reading
from verify.calibrate import (
    ARRIVES,
    FOLDER,
    LEVEL,
    SEVERE,
    Calibration,
    Constant,
    Existence,
    Exponent,
    Leaning,
    figures,
)
from verify.drawn import table
from verify.folder import read_json
from verify.notation import number
from verify.pack import pack_of
from verify.report import hover
from verify.report.common import (
    PIPE_INTERVAL,
    csv,
    dumps,
    duration,
    html_page,
    indented,
    markdown,
    open_console,
    prose,
    without_collector,
)
from verify.shown import visible

FILE = "calibration.json"
STYLES = {Existence.FOUND: "bold green", Existence.NONE: "bold red", Existence.OPEN: "bold yellow"}


@contextmanager
def calibrating(quiet: bool) -> Iterator[tuple[Callable[[int], None], Callable[..., None]]]:
    """Progress on stderr. Yields what announces more settings, and what is called at the end of each."""
    import sys

    console = open_console(sys.stderr)
    if quiet:
        yield (lambda _: None), (lambda *_: None)
        return
    if console.is_terminal:
        columns = (
            TextColumn("running"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("settings,"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task("", total=0)
            yield (
                (lambda more: bar.update(task, total=(bar.tasks[0].total or 0) + more)),
                (lambda *_: bar.advance(task)),
            )
        return
    done = total = 0
    start = told = monotonic()

    def more(count: int) -> None:
        nonlocal total
        total += count

    def tick(*_: object) -> None:
        nonlocal done, told
        done += 1
        if monotonic() - told >= PIPE_INTERVAL:
            told = monotonic()
            console.print(f"{done} of {total} settings, {duration(told - start)} gone", soft_wrap=True)

    yield more, tick


def write_calibration(found: Calibration, folder: Path, command: str) -> None:
    """Print what was calibrated, and write it into ``folder``, whole or not at all.

    Raises:
        OSError: ``folder`` cannot be written; it is then as before.
    """
    with without_collector():
        pictures = list(figures.figures(found))
    context = _context(found, command) | {"pictures": pictures}
    again = {picture.name: command for picture in pictures}
    scripts = hover.scripts(pictures, pd.DataFrame(), pack_of(found.layout.reading), again)
    body: dict[str, str | bytes] = {
        "calibration.html": html_page("calibration.html", "calibrated constants", context, scripts),
        "calibration.md": markdown("calibration.md", context),
        FILE: dumps(_json(found, context, command)),
        "calibration.csv": csv(found.cells),
    }
    for picture in pictures:
        body |= picture.files(f"calibration-figures/{picture.name}")
        body[f"calibration-figures/{picture.name}.csv"] = csv(table(picture.figure), float_format="%.6g")
    FOLDER.save(body, folder)
    console = open_console()
    for constant in found.constants:
        row = _constant_row(constant, {})
        console.print(Text(f"{row['value']:>22}  {constant.claim.name}", style=STYLES[constant.answer]))
        indented(console, prose(constant.reason))
    for leaning in found.leanings:
        console.print(f"{leaning.claim.name}: {prose(leaning.sentence)}", soft_wrap=True)
    for one in found.exponents:
        console.print(f"{_name(one)}: {prose(one.reason)}", soft_wrap=True)
    console.print(f"report: {visible(folder / 'calibration.html')}", soft_wrap=True)


def _name(one: Exponent) -> str:
    return "T_1 comes" if one.claim.name == ARRIVES else one.claim.name


def _constant_row(constant: Constant, leans: Mapping[str, Leaning]) -> dict[str, str]:
    unit = "" if constant.in_words == "C" else " of the stated"
    at = constant.table[constant.table["C"] == constant.value]
    tried = constant.table["C"].max() if len(constant.table) else math.nan
    least = constant.table["C"].min() if len(constant.table) else math.nan
    value = {
        Existence.FOUND: f"{'≤ ' if constant.value == least else ''}{number(constant.value)}{unit}",
        Existence.NONE: f"none up to {number(tried)}{unit}",
        Existence.OPEN: "not enough evidence",
    }[constant.answer]
    row = at.iloc[0] if len(at) else (constant.table.iloc[-1] if len(constant.table) else None)
    return {
        "claim": constant.claim.name,
        "value": value,
        "failing": number(constant.failing),
        "looked": "–" if row is None else f"{row['settings']:.0f}, {row['runs']:.0f}",
        "bound": f"< {constant.bound:.1%}" if constant.answer is Existence.FOUND else "–",
        "reason": constant.reason,
        "leans": leans[constant.claim.name].sentence if constant.claim.name in leans else "–",
    }


def _range(value: float, low: float, high: float, least: float, most: float) -> str:
    if math.isnan(value):
        if high <= least:
            return f"met from {number(least)} on"
        return f"not met up to {number(most)}" if low >= most else "not told"
    left = f"below {number(least)}" if low == 0 else number(low)
    right = f"above {number(most)}" if math.isinf(high) else number(high)
    return f"{number(value)} [{left}, {right}]"


def _context(found: Calibration, command: str) -> dict[str, Any]:
    plan = found.layout
    leans = {x.claim.name: x for x in found.leanings}
    chances = ", ".join(f"{p:.0%} where {rate:.0%} of the runs fail" for rate, p in found.power.items())
    factors = list(plan.effort.factors)
    return {
        "command": command,
        "finished": found.finished,
        "lead": (
            f"What the theorems leave open as a large enough constant or as Θ(1): δ = {plan.reading.delta:g},"
            f" profile {plan.effort.name}, seed {plan.seed}."
        ),
        "spent": f"{found.runs} runs, {duration(found.seconds)}",
        "power": (
            "At each C settings are spread over the region of the conditions, half of their coordinates on faces. A"
            f" setting violates if its failure rate exceeds {plan.reading.delta:g} beyond doubt ({LEVEL:.0%} for a"
            " single false one, shared by all settings of a claim and all looks), and is clear once"
            f" {SEVERE * plan.reading.delta:.0%} is excluded. A setting is found to violate with probability {chances}."
        ),
        "constants": [_constant_row(c, leans) for c in found.constants],
        "leaning": (
            f"One item at a time is loosened at C = {plan.reading.C:g}, all settings at that face; failures of the runs"
            f" that count. {LEVEL:.0%} is shared by all cells of a claim."
        ),
        "factors": [("×" + number(f)) if f != 1 else "control" for f in factors],
        "matrix": [row for x in found.leanings for row in _matrix(x, factors)],
        "unplaced": "; ".join(
            f"{item} ×{factor:g} ({why}, {group.split('-')[-2]})" for group, item, factor, why in plan.unplaced
        ),
        "thresholds": [
            {"claim": r.claim, "tau": f"{r.tau_plus:g}, {r.tau_minus:g}", "n": r.n, "m": r.m,
             "measured": _range(r.value, r.low, r.high, r.least, r.most), "closed": number(r.closed_form),
             "derived": number(r.derived), "falls": _falls(r.falls, r.falls_low, r.falls_high, r.most),
             "derived_falls": number(r.derived_falls)}
            for r in found.thresholds.itertuples()
        ],
        "exponents": [
            {"claim": _name(e), "a": "–" if e.a is None else str(e.a),
             "rivals": ", ".join(f"{r.law} {r.residual_sd:.2f}" for r in e.rivals) or "–", "reason": e.reason,
             "arrived": _arrived(e)}
            for e in found.exponents
        ],
    }  # fmt: skip


def _falls(value: float, low: float, high: float, most: float) -> str:
    if math.isnan(value):
        return f"not up to {number(most)}" if low >= most else "not told"
    return f"{number(value)} [{number(low)}, {'above ' + number(most) if math.isinf(high) else number(high)}]"


def _arrived(one: Exponent) -> str:
    if one.table.empty or one.claim.name == ARRIVES:
        return "–"
    return f"{one.table['arrived_failures'].sum():.0f} of {one.table['arrived'].sum():.0f}"


def _matrix(leaning: Leaning, factors: list[float]) -> Iterator[dict[str, Any]]:
    for item, rows in leaning.table.groupby("item", sort=False):
        by_factor = rows.set_index("factor")
        cells = []
        for factor in factors:
            if factor not in by_factor.index:
                cells.append("–")
                continue
            row = by_factor.loc[factor]
            cells.append(f"{row['share']:.0%} [{row['low']:.0%}, {row['high']:.0%}]" if int(row["runs"]) else "silent")
        yield {
            "claim": leaning.claim.name, "item": item, "cells": cells, "verdict": leaning.items.get(str(item), ""),
        }  # fmt: skip


def calibrated(folder: Path, reading: Reading) -> list[dict[str, str]]:
    """The rows of a finished calibration under a reading that was written to a folder; none otherwise."""
    try:
        held = read_json(folder / FILE, "calibration.schema.json")
    except ValueError:
        return []
    same = held["reading"] == asdict(reading) and held["finished"]
    return held["rows"] if same and FOLDER.wrote(FILE, folder) else []


def _json(found: Calibration, context: Mapping[str, Any], command: str) -> dict[str, Any]:
    plan = found.layout
    return {
        "command": command,
        "profile": plan.effort.name,
        "seed": plan.seed,
        "reading": asdict(plan.reading),
        "finished": found.finished,
        "runs": found.runs,
        "seconds": round(found.seconds, 1),
        "power": found.power,
        "rows": context["constants"],
        "constants": [
            {"claim": c.claim.name, "answer": str(c.answer), "value": c.value, "violated_at": c.failing,
             "bound": c.bound, "reason": c.reason, "in": c.in_words, "table": _records(c.table)}
            for c in found.constants
        ],
        "leaning": [
            {"claim": x.claim.name, "items": x.items, "sentence": x.sentence, "table": _records(x.table)}
            for x in found.leanings
        ],
        "thresholds": _records(found.thresholds),
        "exponents": [
            {"claim": _name(e), "answer": str(e.answer), "a": None if e.a is None else vars(e.a), "reason": e.reason,
             "rivals": {r.law: r.residual_sd for r in e.rivals}, "table": _records(e.table)}
            for e in found.exponents
        ],
        "unplaced": [list(x) for x in plan.unplaced],
    }  # fmt: skip


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]
