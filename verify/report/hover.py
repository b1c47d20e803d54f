"""What a pointer over a figure shows: which run a point is, and a line that trains it again, from data in the page."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from verify.draw import Picture
from verify.drawn import points
from verify.notation import symbol
from verify.pack import Pack
from verify.report.common import TEMPLATES

PLACES = 10_000  # that a coordinate may take across a picture


def scripts(
    pictures: Iterable[Picture],
    runs: pd.DataFrame,
    pack: Pack,
    commands: Mapping[str, str],
    exact: frozenset[str] = frozenset(),
) -> Markup:
    """The data and the script for a page that shows some pictures; nothing where no point has a run behind it.

    Args:
        pictures: in the page.
        runs: of the study, a row per run.
        pack: whose model was trained.
        commands: what makes the runs of a figure again, by its name, for points that are no single run.
        exact: groups whose samples are dense, so that other lines than ours draw them.
    """
    found = {picture.name: held for picture in pictures if (held := points(picture.figure))}
    if not found:
        return Markup("")
    rows = sorted({p.row for held in found.values() for p in held if _is_run(p.row)})
    place = {row: k for k, row in enumerate(rows)}
    settings, trained = _table(runs.loc[rows], pack, exact) if rows else ([], [])
    kind = pack.setting
    data = {
        "names": list(pack.columns),
        "shown": [symbol(name) for name in pack.columns],
        "setting": kind.__name__,
        "module": kind.__module__ if kind.__module__.split(".")[0] in ("numerics", "verify") else "",
        "settings": settings,
        "runs": trained,
        "commands": {name: commands[name] for name in found if name in commands},
        "figures": {
            name: [[round(p.x * PLACES), round(p.y * PLACES), _what(p.row, p.whole, place)] for p in held]
            for name, held in found.items()
        },
    }
    # What could end the element, or begin another, is written as JSON may write it.
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")
    script = (TEMPLATES / "hover.js").read_text(encoding="utf-8")
    return Markup('<script type="application/json" id="points">{}</script>\n<script>\n{}</script>').format(
        Markup(text), Markup(script)
    )


def _is_run(row: Any) -> bool:
    return isinstance(row, int | np.integer)


def _what(row: Any, whole: bool, place: Mapping[Any, int]) -> int | str:
    """Which run, counted from 0; of a whole setting its first run, counted down from -1; else words."""
    if not _is_run(row):
        return str(row)
    return -place[row] - 1 if whole else place[row]


def _table(runs: pd.DataFrame, pack: Pack, exact: frozenset[str]) -> tuple[list[list[Any]], list[list[int]]]:
    """Every setting once: group, number, parameters, labels. And of every run its setting, its seed and its steps: none
    where the line would not train it again."""
    whole = pack.setting.whole()
    settings: dict[tuple[str, int], list[Any]] = {}
    place: dict[tuple[str, int], int] = {}
    trained = []
    for row in runs[["group", "setting", "seed", "steps", "labels", *pack.columns]].to_dict("records"):
        key = row["group"], int(row["setting"])
        if key not in settings:
            values = [round(row[k]) if k in whole else float(row[k]) for k in pack.columns]
            place[key] = len(settings)
            settings[key] = [*key, *values, row["labels"]]
        trained.append([place[key], int(row["seed"]), 0 if row["group"] in exact else int(row["steps"])])
    return list(settings.values()), trained
