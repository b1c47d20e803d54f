"""What a user's own losses propose, printed and written."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from verify.report.common import csv, dumps, indented, number, open_console, save
from verify.select import Selection
from verify.select_figures import picture
from verify.shown import visible


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
        "threshold": held.threshold,
        "stop_epoch": None if stop is None else float(data.epochs[stop]),
        "reason": held.reason,
        "proposed_clean": None if held.clean is None else int(held.clean.sum()),
    }
    if held.scores is not None:
        best = held.scores["auc"].to_numpy()
        known = ~np.isnan(best)
        result["best_auc"] = float(np.nanmax(best)) if known.any() else None
        result["best_auc_epoch"] = float(data.epochs[int(np.nanargmax(best))]) if known.any() else None
        result["at_stop"] = None if stop is None else {k: float(v) for k, v in held.scores.iloc[stop].items()}
        result["per_epoch"] = held.scores.assign(epoch=data.epochs).to_dict("records")
    columns: dict[str, Any] = {"sample": data.samples}
    if held.clean is not None:
        columns |= {"proposed_clean": held.clean.astype(int), "loss": data.losses[stop]}
    if data.flipped is not None:
        columns["flipped"] = data.flipped.astype(int)
    table = csv(pd.DataFrame(columns))
    save({"select.csv": table, "select.json": dumps(result), "select.png": drawn.png, "select.svg": drawn.svg}, folder)
    console = open_console()
    console.print(f"{len(data.samples)} samples, {len(data.epochs)} epochs, threshold {number(held.threshold)}")
    if stop is None:
        console.print("no stop epoch can be told")
        indented(console, held.reason)
    else:
        console.print(f"stop at epoch {data.epochs[stop]:g}; {held.clean.sum()} samples proposed as clean")
        indented(console, held.reason)
        if held.scores is not None:
            at = held.scores.iloc[stop]
            indented(console, f"against the flags: precision {number(at['precision'])}, recall {number(at['recall'])},"
                     f" ROC AUC {number(at['auc'])} (best {number(held.scores['auc'].max())}), average precision"
                     f" {number(at['average_precision'])}")  # fmt: skip
    console.print(f"written: {visible(folder / 'select.csv')}", soft_wrap=True)
