"""Two reports beside each other: on the terminal, and as a page."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from verify.folder import Folder
from verify.report.common import html_page, markdown, open_console
from verify.report.words import SIGNS
from verify.shown import visible

FOLDER = Folder(what="comparison", files=("compare.html", "compare.md"))


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a report says of one thing.

    Attributes:
        status: a verdict, or the constants of a theorem.
        measured: in a few words; empty for what is no claim.
    """

    status: str
    measured: str = ""


def compare(first: Path, second: Path, out: Path | None = None, command: str = "") -> int:
    """Which verdicts and constants two reports differ in, on stdout; 1 if any, else 0.

    Args:
        first, second: folders with a report, or their report.json.
        out: a folder; compare.html and compare.md are written there, with what agrees too.
        command: the command line, for the page.

    Raises:
        ValueError: one of them is no report.json, or ``out`` is not ours.
        OSError: ``out`` cannot be written.
    """
    held = [_read(path) for path in (first, second)]
    rows = [_told(*each) for each in zip(held, (first, second), strict=True)]
    names = list(dict.fromkeys([*rows[0], *rows[1]]))
    differing = [name for name in names if not _agree(name, *rows)]
    same = sum(name in rows[0] and name in rows[1] and name not in differing for name in names)
    console = open_console()
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold")
    for heading in ("what", str(first), str(second)):
        table.add_column(heading, overflow="fold")
    for name in differing:
        table.add_row(Text(name), *(Text(_status(name, r)) for r in rows))
    if differing:
        console.print(table)
    console.print(f"{same} verdicts and constants agree, {len(differing)} differ")
    if out is not None:
        context = {
            "reports": [_about(*each) for each in zip(held, (first, second), strict=True)],
            "differing": [_row(name, rows) for name in differing],
            "agreeing": [_row(name, rows) for name in names if name not in differing],
            "same": same,
            "command": command,
        }
        body: dict[str, str | bytes] = {
            "compare.html": html_page("compare.html", "two reports", context),
            "compare.md": markdown("compare.md", context),
        }
        with FOLDER.open(out, {}):
            FOLDER.save(body, out)
        console.print(f"page: {visible(out / 'compare.html')}", soft_wrap=True)
    return 1 if differing else 0


def _agree(name: str, first: Mapping[str, Told], second: Mapping[str, Told]) -> bool:
    return _status(name, first) == _status(name, second)


def _status(name: str, rows: Mapping[str, Told]) -> str:
    return rows[name].status if name in rows else "not there"


def _row(name: str, rows: list[dict[str, Told]]) -> dict[str, Any]:
    told = [r.get(name, Told(status="not there")) for r in rows]
    signs = {str(status): sign for status, sign in SIGNS.items()}
    return {
        "name": name,
        "told": [{"status": t.status, "sign": signs.get(t.status, ""), "measured": t.measured} for t in told],
    }


def _about(held: Mapping[str, Any], path: Path) -> dict[str, str]:
    """What a report was asked, as far as it says."""
    reading = held.get("reading")
    numbers = reading.items() if isinstance(reading, Mapping) else ()
    return {
        "path": str(path),
        "command": str(held.get("command", "")),
        "profile": str(held.get("profile", "")),
        "seed": str(held.get("seed", "")),
        "reading": ", ".join(f"{name} = {value}" for name, value in numbers),
    }


def _read(path: Path) -> dict[str, Any]:
    path = path / "report.json" if path.is_dir() else path
    if path.exists() and not path.is_file():  # a device has no end
        raise ValueError(f"{path}: is no regular file; name a folder with a report")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise ValueError(f"{path}: cannot be read ({problem.strerror}); name a folder with a report") from problem
    except (ValueError, RecursionError) as problem:
        raise _no_report(path) from problem


def _no_report(path: Path) -> ValueError:
    return ValueError(f"{path}: is no report.json of this tool; name a folder with a report")


def _told(held: Any, path: Path) -> dict[str, Told]:
    """Every verdict of a report, and the constants of its theorems, by name."""
    found = {}
    try:
        for t in held.get("theorems", []):
            name = f"{t['name']} ({t['labels']})"
            found |= {name: Told(status=str(t["status"]), measured=str(t.get("evidence", "")))}
            found |= {f"{name}, constants": Told(status=str(t["constants_in_words"]))}
            found |= {f"{name}, {p['name']}": Told(status=str(p["status"])) for p in t["parts"]}
        for kind in ("claims", "statements"):
            found |= {c["name"]: Told(status=str(c["status"]), measured=str(c.get("measured", ""))) for c in held[kind]}
    except (KeyError, TypeError, AttributeError) as problem:
        raise _no_report(path / "report.json" if path.is_dir() else path) from problem
    return found
