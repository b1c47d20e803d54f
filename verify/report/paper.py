"""The paper's figures, printed and written."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from verify.report.common import csv, html_page, indented, markdown, open_console
from verify.reproduce import CaptionPoint, PaperFigure
from verify.reproduce.image_runs import FOLDER
from verify.shown import visible


def write_figures(figures: Sequence[PaperFigure], folder: Path, command: str) -> None:
    """Write each figure as SVG, PNG, PDF and CSV, with its points and values in figures.html and .md, and print these.

    Raises:
        OSError: ``folder`` cannot be written; it is then as before.
    """
    context = {"command": command, "figures": [_shown(f) for f in figures]}
    body: dict[str, str | bytes] = {}
    for f in figures:
        for picture in (f.picture, *f.more):
            body |= picture.files(picture.name)
        body[f"{f.picture.name}.csv"] = csv(f.data, float_format="%.6g")
    body["figures.html"] = html_page("figures.html", "The paper's figures", context)
    body["figures.md"] = markdown("figures.md", context)
    FOLDER.save(body, folder)
    console = open_console()
    for f in figures:
        console.print(f"Figure {f.number}")
        for point in f.points:
            indented(console, f"{_share(point):>8}  {point.says}: {point.measured}")
    console.print(f"figures: {visible(folder / 'figures.html')}", soft_wrap=True)


def _shown(f: PaperFigure) -> dict[str, Any]:
    return {
        "number": f.number,
        "caption": f.caption,
        "picture": f.picture,
        "more": f.more,
        "choices": f.values,
        "points": [{"says": p.says, "measured": p.measured, "share": _interval(p)} for p in f.points],
        "tables": [
            {"title": title, "columns": list(table), "rows": table.astype(str).to_numpy().tolist()}
            for title, table in f.tables.items()
        ],
    }


def _share(point: CaptionPoint) -> str:
    return "–" if point.met is None else f"{point.met}/{point.of}"


def _interval(point: CaptionPoint) -> str:
    held = point.share
    return "–" if held is None else f"{_share(point)} [{held.low:.2f}, {held.high:.2f}]"
