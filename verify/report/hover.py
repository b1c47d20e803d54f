"""What a pointer over a figure shows: which run a point, a line or a cell is, and a line that trains it again, from
what the page holds."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from verify.draw import Picture
from verify.drawn import Curve, Mesh, Point, Told, traces
from verify.notation import symbol
from verify.pack import Pack
from verify.report.common import TEMPLATES

PLACES = 10_000  # that a coordinate may take across a picture
EXACT = 2**53  # whole numbers beyond are no numbers of a browser's: they stand in quotes


def scripts(
    pictures: Iterable[Picture],
    runs: pd.DataFrame,
    pack: Pack,
    commands: Mapping[str, str],
    exact: frozenset[str] = frozenset(),
) -> Markup:
    """The data and the script for a page that shows some pictures; nothing where nothing drawn has a run behind it.

    Args:
        pictures: in the page.
        runs: a row per run: group, setting, seed, steps, labels and parameters; empty where words tell all.
        pack: whose model was trained.
        commands: what makes the runs of a figure again, by its name, where there is no line that trains one.
        exact: groups whose samples are dense, so that other lines than ours draw them.
    """
    found = {picture.name: held for picture in pictures if (held := traces(picture.figure))}
    if not found:
        return Markup("")
    drawn = [t for held in found.values() for t in held]
    rows = sorted({row for t in drawn for row in (t.rows if isinstance(t, Mesh) else [t.row]) if _is_run(row)})
    place = {row: k for k, row in enumerate(rows)}
    settings, trained = _table(runs.loc[rows], pack, exact) if rows else ({}, {})
    kind = pack.setting
    data = {
        "names": list(pack.columns),
        "shown": [symbol(name) for name in pack.columns],
        "setting": kind.__name__,
        "module": kind.__module__ if kind.__module__.split(".")[0] in ("numerics", "verify") else "",
        "settings": settings,
        "runs": trained,
        "commands": {name: commands[name] for name in found if name in commands},
        "figures": {name: _figure(held, place) for name, held in found.items()},
    }
    # What could end the element, or begin another, is written as JSON may write it.
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    script = (TEMPLATES / "hover.js").read_text(encoding="utf-8")
    return Markup('<script type="application/json" id="points">{}</script>\n<script>\n{}</script>').format(
        Markup(text), Markup(script)
    )


def _figure(held: Iterable[Point | Curve | Mesh], place: Mapping[Any, int]) -> dict[str, list]:
    """Points as [x, y, which], lines as [which, x, y, x, y, ...], and meshes of cells."""
    found: dict[str, list] = {}
    for t in held:
        if isinstance(t, Point):
            found.setdefault("points", []).append([*_placed([t.x, t.y]), _what(t.row, t.whole, place)])
        elif isinstance(t, Curve):
            found.setdefault("curves", []).append([_what(t.row, t.whole, place), *_placed(t.vertices.ravel())])
        else:
            cells = {"x": _placed(t.x), "y": _placed(t.y), "what": [_what(row, t.whole, place) for row in t.rows]}
            if len(t.values):
                cells |= {"says": t.says, "value": [None if np.isnan(x) else float(f"{x:.3g}") for x in t.values]}
            found.setdefault("meshes", []).append(cells)
    return found


def _placed(shares: Iterable[float]) -> list[int]:
    return [round(x * PLACES) for x in shares]


def _is_run(row: Any) -> bool:
    return isinstance(row, int | np.integer)


def _what(row: Any, whole: bool, place: Mapping[Any, int]) -> int | str | list[str]:
    """Which run, counted from 0; of a whole setting its first run, counted down from -1; else words, alone or with the
    line that makes it again."""
    if isinstance(row, Told):
        return [row.says, row.again]
    if not _is_run(row):
        return str(row)
    return -place[row] - 1 if whole else place[row]


def _table(runs: pd.DataFrame, pack: Pack, exact: frozenset[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Columns of the settings, each once: group, number, labels, parameters. And of the runs: setting, seed, and steps:
    none where the line would not train it again."""
    whole = pack.setting.whole()
    number, _ = pd.factorize(pd.MultiIndex.from_frame(runs[["group", "setting"]]))
    first = runs[~pd.Series(number, runs.index).duplicated()]
    settings = {name: _column(first[name].tolist()) for name in ("group", "setting", "labels")}
    settings |= {name: _column([round(x) if name in whole else float(x) for x in first[name]]) for name in pack.columns}
    steps = runs["steps"].mask(runs["group"].isin(exact), 0).astype(int)
    seeds = [int(seed) if seed < EXACT else str(seed) for seed in runs["seed"].tolist()]
    return settings, {"setting": number.tolist(), "seed": seeds, "steps": steps.tolist()}


def _column(values: list[Any]) -> Any:
    """Of values that are all the same, one."""
    return values[0] if all(value == values[0] for value in values) else values
