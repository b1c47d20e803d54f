"""Per-sample losses as a user keeps them: a long or a wide table (CSV, Parquet), or an array (.npy)."""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

ROUNDING = 1e-6  # in single precision log 2 is 0.69314718246, above it, and a loss of 0 can come out as -1.2e-7
MISSING = ("drop", "last")
_EPOCH = re.compile(r"(?:epoch|loss)?[ _.-]*(\d+(?:\.\d+)?)", re.IGNORECASE)  # heading of a column of losses
_FLAGS = {"0": 0.0, "1": 1.0, "false": 0.0, "true": 1.0, "0.0": 0.0, "1.0": 1.0}


@dataclass(frozen=True, kw_only=True)
class Losses:
    """Losses of every sample at every epoch.

    Attributes:
        samples: names. Shape (samples,).
        epochs: increasing. Shape (epochs,).
        losses: finite and not negative. Shape (epochs, samples).
        classes: the labels that were trained on, flipped or not, or None. Shape (samples,).
        flipped: the true flags, or None. Shape (samples,), bool.
        rounding: a loss this far above a threshold counts as at it.
        notes: what was changed on reading.
    """

    samples: np.ndarray
    epochs: np.ndarray
    losses: np.ndarray
    classes: np.ndarray | None = None
    flipped: np.ndarray | None = None
    rounding: float = ROUNDING
    notes: tuple[str, ...] = ()


def read(path: Path, flags: Path | None = None, classes: Path | None = None, missing: str | None = None) -> Losses:
    """Losses from a table or an array.

    Args:
        path: a CSV or a Parquet table, long (columns sample, epoch, loss) or wide (a row per sample, a column per epoch
            headed by its number), either with optional columns class and flipped; or a .npy of shape (epochs, samples).
        flags: of a .npy: 0 or 1 per sample, .npy.
        classes: of a .npy: a label per sample, .npy.
        missing: what to do where a sample has no loss at an epoch (an empty cell, no row; NaN in an array): "drop" the
            sample, carry its "last" loss on, or None: refuse.

    Raises:
        ValueError: one line that names the row (line of the CSV, or epoch and sample) and what is wrong there; or a
            device, a pipe or a folder.
        OSError: no such file.
    """
    if missing not in (None, *MISSING):
        raise ValueError(f"--missing {missing}: no such way; choose one of {', '.join(MISSING)}")
    for held in (path, flags, classes):
        if held is not None and held.exists() and not held.is_file():  # a device has no end, and a pipe is read once
            raise ValueError(f"{held}: is no regular file; write the losses to one")
    if path.suffix.lower() == ".npy":
        return _from_array(path, flags, classes, missing)
    for name, given, column in (("--flags", flags, "flipped"), ("--classes", classes, "class")):
        if given is not None:
            raise ValueError(f"{name} {given}: goes with a .npy of losses; in a table add a column '{column}'")
    table, first = _parquet(path) if path.suffix.lower() in (".parquet", ".pq") else _csv(path)
    return _from_table(table, path, first, missing)


# Arrays ------------------------------------------------------------------------------------------------------------


def _from_array(path: Path, flags: Path | None, classes: Path | None, missing: str | None) -> Losses:
    held = _array(path, "iuf", "numbers")
    if held.ndim != 2 or 0 in held.shape:
        raise ValueError(f"{path}: shape {held.shape}, not (epochs, samples) with at least one of each")
    rounding = max(ROUNDING, float(np.finfo(held.dtype).eps)) if held.dtype.kind == "f" else ROUNDING
    held = held.astype(float)
    bad = np.argwhere(~(np.isfinite(held) & (held >= -rounding) | (np.isnan(held) if missing else False)))
    if len(bad):
        e, k = bad[0]
        way = "; where NaN means no loss, choose --missing drop or last" if np.isnan(held[e, k]) else ""
        raise ValueError(f"{path}, epoch {e}, sample {k}: loss {held[e, k]}; must be a number not below 0{way}")
    beside = {}
    for name, where, kinds, what in (("flipped", flags, "biuf", "flags"), ("classes", classes, "biufU", "classes")):
        if where is None:
            continue
        column = _array(where, kinds, what)
        if column.shape != held.shape[1:]:
            raise ValueError(f"{where}: shape {column.shape} for {held.shape[1]} samples; give one of {what} a sample")
        beside[name] = column
    if "flipped" in beside:
        wrong = np.flatnonzero(~np.isin(beside["flipped"], (0, 1)))
        if len(wrong):
            raise ValueError(f"{flags}, sample {wrong[0]}: flag {beside['flipped'][wrong[0]]}; must be 0 or 1")
    if "classes" in beside and beside["classes"].dtype.kind == "f" and not np.isfinite(beside["classes"]).all():
        wrong = np.flatnonzero(~np.isfinite(beside["classes"]))[0]
        raise ValueError(f"{classes}, sample {wrong}: class {beside['classes'][wrong]}; must be a number or a name")
    wide = pd.DataFrame(held, index=np.arange(len(held)), columns=np.arange(held.shape[1]))
    return _complete(wide, path, missing, (), rounding, **{k: pd.Series(v) for k, v in beside.items()})


def _array(path: Path, kinds: str, what: str) -> np.ndarray:
    try:
        with path.open("rb") as file:
            held = np.lib.format.read_array(file, allow_pickle=False)
    except (ValueError, EOFError, MemoryError, OverflowError, SyntaxError, TypeError) as problem:
        raise ValueError(f"{path}: no .npy array of {what}; write it with numpy.save") from problem
    if held.dtype.kind not in kinds:
        raise ValueError(f"{path}: holds {held.dtype}, not {what}; write real numbers with numpy.save")
    return held


# Tables ------------------------------------------------------------------------------------------------------------


def _csv(path: Path) -> tuple[pd.DataFrame, str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            heading = next(csv.reader(lines), [])
        table = pd.read_csv(path, dtype=str, keep_default_na=False, skip_blank_lines=False, encoding="utf-8-sig")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, csv.Error) as problem:
        raise ValueError(f"{path}: no CSV table: {' '.join(str(problem).split())}") from problem
    twice = [name for k, name in enumerate(heading) if name in heading[:k]]
    if twice:
        raise ValueError(f"{path}: two columns '{twice[0]}'; keep one")
    if not isinstance(table.index, pd.RangeIndex):
        raise ValueError(f"{path}, line 2: more values than the {len(heading)} columns of the heading")
    return table.fillna(""), "line"


def _parquet(path: Path) -> tuple[pd.DataFrame, str]:
    """Cells as text, as in a CSV: empty where there is none."""
    import pyarrow

    try:
        table = pd.read_parquet(path)
    except (pyarrow.ArrowException, OSError) as problem:
        if isinstance(problem, FileNotFoundError):
            raise
        raise ValueError(f"{path}: no Parquet table: {' '.join(str(problem).split())[:200]}") from problem
    if any(name is not None for name in table.index.names):
        table = table.reset_index()
    table.columns = [str(name) for name in table.columns]
    return table.astype(object).where(table.notna(), "").astype(str), "row"


def _from_table(table: pd.DataFrame, path: Path, counted: str, missing: str | None) -> Losses:
    if table.empty:
        raise ValueError(f"{path}: no rows below the heading")

    def refuse(bad: np.ndarray, name: str, rule: str) -> None:
        rows = np.flatnonzero(bad)
        if len(rows):  # a line of a CSV counts from 1, its heading included; a row of a Parquet file from 0
            at = rows[0] + 2 if counted == "line" else rows[0]
            raise ValueError(f"{path}, {counted} {at}: {name} '{table[name].iloc[rows[0]]}' {rule}")

    def losses_in(name: str) -> np.ndarray:
        loss = pd.to_numeric(table[name], errors="coerce").to_numpy(float)
        given = (table[name] != "").to_numpy()
        what = "is no finite number; leave out the run or the sample"
        refuse(given & ~np.isfinite(loss), name, what)
        refuse(loss < -ROUNDING, name, "is negative; losses of Proposition 4.3 are not")
        return loss

    headed = [(name, _EPOCH.fullmatch(name)) for name in table]
    numbered = {name: float(found[1]) for name, found in headed if found}
    is_wide = "loss" not in table and "epoch" not in table and bool(numbered)
    if not is_wide:
        for name in ("sample", "epoch", "loss"):
            if name not in table:
                raise ValueError(
                    f"{path}: no column '{name}'; it has {', '.join(table)[:200]}; needed: sample, epoch, loss, or one"
                    " column per epoch headed by its number"
                )
    if "sample" not in table:
        table = table.assign(sample=[str(k) for k in range(len(table))])
    refuse((table["sample"] == "").to_numpy(), "sample", "is empty; name every sample")
    sample = table["sample"].to_numpy()

    beside = {}
    if "class" in table:
        refuse((table["class"] == "").to_numpy(), "class", "is empty; give every sample's")
        beside["classes"] = table["class"]
    if "flipped" in table:
        words = table["flipped"].str.strip().str.lower()
        refuse((~words.isin(_FLAGS)).to_numpy(), "flipped", "is neither 0 nor 1")
        beside["flipped"] = words.map(_FLAGS)
    for name, column in beside.items():
        first = column.groupby(sample).transform("first")
        said = "has two classes" if name == "classes" else "is flipped in one row and not in another"
        refuse((first != column).to_numpy(), "sample", said)
    beside = {name: column.groupby(sample, sort=False).first() for name, column in beside.items()}

    if is_wide:
        epochs = list(numbered.values())
        late = next((k for k in range(1, len(epochs)) if epochs[k] <= epochs[k - 1]), None)
        if late is not None:
            raise ValueError(f"{path}: column '{list(numbered)[late]}' comes after a later epoch; sort the columns")
        rows = pd.DataFrame({number: losses_in(name) for name, number in numbered.items()})
        again = int(pd.Series(sample).duplicated().sum())
        wide = rows.groupby(sample, sort=False).mean().T
    else:
        epoch = pd.to_numeric(table["epoch"], errors="coerce").to_numpy(float)
        refuse(~np.isfinite(epoch), "epoch", "is no number")
        loss = losses_in("loss")
        # A file to which a second run was appended would otherwise pass as duplicates.
        place = pd.Series(epoch).groupby(sample).diff().to_numpy()
        refuse(place < 0, "epoch", "comes after a later one of the same sample; sort the rows by epoch")
        rows = pd.DataFrame({"sample": sample, "epoch": epoch, "loss": loss})
        again = int(rows.duplicated(["sample", "epoch"]).sum())
        wide = rows.groupby(["epoch", "sample"])["loss"].mean().unstack()[pd.unique(sample)]
    notes = (f"{again} rows beside another of the same sample and epoch: averaged",) if again else ()
    return _complete(wide, path, missing, notes, ROUNDING, **beside)


def _complete(
    wide: pd.DataFrame,
    path: Path,
    missing: str | None,
    notes: tuple[str, ...],
    rounding: float,
    classes: pd.Series | None = None,
    flipped: pd.Series | None = None,
) -> Losses:
    """Fill or drop what is missing. ``wide`` has an epoch per row and a sample per column."""
    absent = wide.isna()
    if absent.to_numpy().any():
        e, k = np.argwhere(absent.to_numpy())[0]
        pair = f"sample '{wide.columns[k]}' has no loss at epoch {wide.index[e]:g}"
        if missing is None:
            raise ValueError(f"{path}: {pair}; give every pair, or choose --missing drop or --missing last")
        if missing == "drop":
            wide = wide.loc[:, ~absent.any()]
            notes = (*notes, f"{absent.any().sum()} samples without a loss at some epoch: left out")
        else:
            wide = wide.ffill().bfill()
            notes = (
                *notes,
                f"{int(absent.to_numpy().sum())} losses that were missing: the sample's last one stands in",
            )
            if wide.isna().to_numpy().any():
                empty = wide.columns[wide.isna().any().to_numpy()][0]
                raise ValueError(f"{path}: sample '{empty}' has no loss at any epoch; leave it out, or --missing drop")
        if wide.shape[1] == 0:
            raise ValueError(f"{path}: every sample lacks a loss at some epoch; choose --missing last")
    return Losses(
        samples=wide.columns.to_numpy(),
        epochs=wide.index.to_numpy(),
        losses=np.maximum(wide.to_numpy(float), 0.0),
        classes=None if classes is None else classes[wide.columns].to_numpy(),
        flipped=None if flipped is None else flipped[wide.columns].to_numpy(bool),
        rounding=rounding,
        notes=notes,
    )
