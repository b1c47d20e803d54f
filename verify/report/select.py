"""What a user's own losses propose, printed and written."""

from pathlib import Path
from typing import Any

import pandas as pd

from verify.notation import number
from verify.report.common import csv, dumps, indented, open_console
from verify.select import FOLDER, Selection
from verify.select_figures import picture
from verify.shown import visible


def write_selection(held: Selection, folder: Path, command: str) -> None:
    """Print the proposal and write select.csv, select.json, select.png, select.svg and select.pdf.

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
    table = csv(pd.DataFrame(columns))
    body = {"select.csv": table, "select.json": dumps(result), **drawn.files("select")}
    FOLDER.save(body, folder)
    console = open_console()
    console.print(f"{len(data.samples)} samples, {len(data.epochs)} epochs, threshold {number(held.threshold)}")
    for note in data.notes:
        indented(console, note)
    if stop is None:
        console.print("no stop epoch can be told")
        indented(console, held.reason)
    else:
        assert held.clean is not None
        console.print(f"stop at epoch {data.epochs[stop]:g}; {held.clean.sum()} samples proposed as clean")
        indented(console, held.reason)
        if held.found is not None:
            at = held.found
            indented(console, f"against the flags: precision {number(at['precision'])}, recall {number(at['recall'])},"
                     f" ROC AUC {number(at['auc'])}, average precision {number(at['average_precision'])}")  # fmt: skip
    console.print(f"written: {visible(folder / 'select.csv')}", soft_wrap=True)
