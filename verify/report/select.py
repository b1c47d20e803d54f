"""What a user's own losses propose, printed and written."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from verify.report.common import dumps, indented, number, open_console, save
from verify.select import Selection
from verify.select_figures import picture

FILES = ("select.csv", "select.json", "select.png", "select.svg")
_OURS = {"command", "samples", "epochs", "threshold", "stop_epoch", "reason"}


def require_own(folder: Path, inputs: Iterable[Path]) -> None:
    """Refuse to write over what an earlier selection did not make, or over what this one reads.

    Raises:
        ValueError: one line that names the file.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--out {folder}: is a file; name a folder")
    there = [folder / name for name in FILES if (folder / name).exists() or (folder / name).is_symlink()]
    read = {path.resolve() for path in inputs}
    for path in there:
        if path.resolve() in read:
            raise ValueError(f"{path}: is read, and would be written over; choose another --out")
        if path.is_symlink() or not path.is_file() or not _is_ours(folder / "select.json"):
            raise ValueError(f"--out {folder}: its {path.name} is not of an earlier selection; choose another --out")


def _is_ours(path: Path) -> bool:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(held, dict) and held.keys() >= _OURS


def write_selection(held: Selection, folder: Path, command: str) -> None:
    """Print the proposal and write select.csv, select.json, select.png and select.svg.

    Raises:
        OSError: ``folder`` cannot be written; it is then as before.
    """
    data, stop = held.data, held.stop
    drawn = picture(held)
    result: dict[str, Any] = {
        "command": command,
        "samples": len(data.samples),
        "epochs": len(data.epochs),
        "classes": None if data.classes is None else len(set(data.classes.tolist())),
        "threshold": held.threshold,
        "stop_epoch": None if stop is None else float(data.epochs[stop]),
        "reason": held.reason,
        "window_end": None if held.window is None else float(data.epochs[held.window]),
        "separation": held.separation,
        "proposed_clean": None if held.clean is None else int(held.clean.sum()),
        "notes": data.notes,
    }
    if held.per_epoch is not None:
        result["against_flags"] = held.found
        result["per_epoch"] = held.per_epoch.assign(epoch=data.epochs).to_dict("records")
    columns: dict[str, Any] = {"sample": data.samples}
    if held.clean is not None:
        columns |= {"proposed_clean": held.clean.astype(int), "loss": data.losses[stop]}
    if held.positions is not None:
        columns["position"] = held.positions
    if data.classes is not None:
        columns["class"] = data.classes
    if data.flipped is not None:
        columns["flipped"] = data.flipped.astype(int)
    table = pd.DataFrame(columns).to_csv(index=False)
    save({"select.csv": table, "select.json": dumps(result), "select.png": drawn.png, "select.svg": drawn.svg}, folder)
    console = open_console()
    console.print(f"{len(data.samples)} samples, {len(data.epochs)} epochs, threshold {number(held.threshold)}")
    for note in data.notes:
        indented(console, note)
    if stop is None:
        console.print("no stop epoch can be told")
        indented(console, held.reason)
    else:
        console.print(f"stop at epoch {data.epochs[stop]:g}; {held.clean.sum()} samples proposed as clean")
        indented(console, held.reason)
        if held.found is not None:
            at = held.found
            indented(console, f"against the flags: precision {number(at['precision'])}, recall {number(at['recall'])},"
                     f" ROC AUC {number(at['auc'])}, average precision {number(at['average_precision'])}")  # fmt: skip
    console.print(f"written: {folder / 'select.csv'}", soft_wrap=True)
