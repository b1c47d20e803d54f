"""What a phase diagram looks like: its figure, its tables and a page."""

import sys
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from theory import Claim
from verify import maps
from verify.draw import Picture
from verify.maps import Map
from verify.maps.figures import draw
from verify.notation import number, symbol
from verify.report import hover
from verify.report.common import NOTHING, csv, duration, html_page, open_console
from verify.shown import COMMAND, visible

TOLD = 2_000  # cells that a pointer is told of


def write_map(map_: Map, runs: pd.DataFrame, folder: Path, command: str, wall: float) -> None:
    """Write map.html, map-cells.csv, map-runs.csv, map.png, map.svg and map.pdf, and say in a few lines what they show.

    Raises:
        OSError: ``folder`` cannot be written; it is then as before.
    """
    found = maps.table(map_, runs)
    picture = draw(map_, found)
    rows = [_row(map_, name, found) for name in map_.show]
    title = f"Phase diagram over {symbol(map_.x.name)} and {symbol(map_.y.name)}"
    context = {
        "title": title,
        "cells": f"{len(found):,}",
        "runs": f"{len(runs):,}",
        "wall": duration(wall),
        "picture": picture,
        "panels": rows,
        "command": command,
    }
    body = {
        "map-cells.csv": csv(found.drop(columns="cell"), float_format="%.8g"),
        "map-runs.csv": csv(runs, float_format="%.8g"),
        **picture.files("map"),
        "map.html": html_page("map.html", title, context, _scripts(map_, found, runs, picture, command)),
    }
    maps.FOLDER.save(body, folder)
    console = open_console()
    console.print(f"{title}: {len(found):,} cells, {len(runs):,} runs, {duration(wall)}", soft_wrap=True)
    for row in rows:
        missing = f"; {row['missing']} of {len(found)} cells have no answer" if row["missing"] else ""
        console.print(f"  {row['name']}: {row['best']}{missing}", soft_wrap=True)
    console.print(f"map: {visible(folder / 'map.html')}", soft_wrap=True)


def _scripts(map_: Map, found: pd.DataFrame, runs: pd.DataFrame, picture: Picture, command: str) -> Markup:
    """Of every cell its first run; nothing where there are so many that they would be most of the page."""
    if len(found) > TOLD:
        return NOTHING
    first = runs.sort_values(["cell", "seed"]).groupby("cell").first()
    told = first[["seed", "steps"]].join(found.set_index("cell")[["labels", *map_.pack.columns]])
    told = told.assign(group="the map", setting=told.index)
    return hover.scripts([picture], told, map_.pack, {picture.name: command})


def map_interrupted(folder: Path, done: int, total: int) -> None:
    """Say how to go on."""
    line = f"{done:,} of {total:,} runs are kept: {COMMAND} map --resume {folder}"
    open_console(sys.stderr).print(line, soft_wrap=True)


def _row(map_: Map, name: str, found: pd.DataFrame) -> dict:
    """One panel in words: its range, and where the ends are."""
    quantity = maps.quantity_of(name, map_.reading)
    column = f"{name}:s" if not isinstance(quantity, Claim) and quantity.time else name
    values = found[column]
    missing = int(values.isna().sum())
    if missing == len(values):
        return {"name": name, "says": quantity.says, "best": "no cell has an answer", "missing": missing}

    def place(index: int) -> str:
        x, y = map_.x.values[index % len(map_.x.values)], map_.y.values[index // len(map_.x.values)]
        return f"{symbol(map_.x.name)} = {number(x)}, {symbol(map_.y.name)} = {number(y)}"

    if isinstance(quantity, Claim):
        seen = values.dropna()
        best = f"holds in every run of {int((seen == 1).sum())} cells, in none of {int((seen == 0).sum())}"
    else:
        ends = ((number(values[k]), place(int(k))) for k in (values.idxmin(), values.idxmax()))
        best = ", ".join(f"{value} at {where}" for value, where in ends)
    return {"name": name, "says": quantity.says, "best": best, "missing": missing}
