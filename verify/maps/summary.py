"""The table of a map: what its runs say, cell by cell."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from numerics import Observable
from numerics.observables import STAGES
from theory import Claim, Condition
from verify.evidence import Why, evidence
from verify.maps.plane import Map, cells, condition_sets, quantity_of

SILENT, LATE = 1, 2  # why a cell has no answer: nothing was flipped, or the moment never came


def table(map_: Map, runs: pd.DataFrame) -> pd.DataFrame:
    """One row per cell: parameters, margins of the conditions, and what is shown.

    A claim gives the share of the runs that count in which it holds (``NAME``), how many hold and how many count. A
    cell has no answer if fewer than half of its runs give one; ``NAME:why`` says why (0 it has one, 1 nothing was
    flipped, 2 the moment never came). A time gives the median in iterations (``NAME``) and in rescaled time
    (``NAME:s``), with a run that
    never arrived later than any other, and how many these are. Anything else gives the mean over its runs.
    """
    settings = cells(map_)
    rows = pd.DataFrame([s.values() | {"kappa": s.kappa, "time_scale": s.time_scale} for s in settings])
    rows.insert(0, "cell", range(len(settings)))
    rows["runs"] = map_.seeds
    for condition in condition_sets(map_.reading)[map_.conditions]:
        rows[f"margin:{condition.name}"] = [margin_at(condition, s.values(), map_)[0] for s in settings]
    runs = runs.sort_values(["cell", "seed"], ignore_index=True)
    # The columns that bounds are stated in.
    held = runs.join(rows.set_index("cell")[list(map_.pack.columns)], on="cell").assign(
        setting=runs["cell"], **map_.reading.at({}, map_.epsilon)
    )
    columns: dict[str, np.ndarray] = {}
    for name in map_.show:
        quantity = quantity_of(name, map_.reading)
        summarise = _share if isinstance(quantity, Claim) else _time if quantity.time else _mean
        columns |= {f"{name}{suffix}": values for suffix, values in summarise(map_, quantity, held).items()}
    return pd.concat([rows, pd.DataFrame(columns)], axis=1)


def margin_at(condition: Condition, values: Mapping[str, float], map_: Map) -> tuple[float, float]:
    """The margin of a condition, and what is required of it."""
    margin = condition.margin(map_.reading.at(values, map_.epsilon), map_.reading.C)
    return margin.value, margin.required


def _per_cell(map_: Map, values: np.ndarray) -> np.ndarray:
    return np.asarray(values).reshape(-1, map_.seeds)


def _missing(map_: Map, runs: pd.DataFrame, stage: str, missing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of the runs without an answer, those that never came that far, and those in which nothing was flipped."""
    late = missing & ~_arrived(map_, runs, stage)
    return late, missing & ~late & runs["flip_share"].isna().to_numpy()


def _arrived(map_: Map, runs: pd.DataFrame, stage: str) -> np.ndarray:
    """Whether each run came as far as a stage: T_1, or its end."""
    if stage == "T1":
        return runs["order_one_time"].notna().to_numpy()
    ended = "horizon" if map_.steps is not None or stage == "start" else "stopped"
    return runs["status"].isin({"stopped", ended}).to_numpy()


def _share(map_: Map, claim: Claim, runs: pd.DataFrame) -> dict[str, np.ndarray]:
    stage = max((map_.pack.observables[name].stage for name, _ in claim.parts), key=STAGES.index)
    diverged = (runs["status"] == "diverged").to_numpy()
    arrived = _arrived(map_, runs, stage)
    # The last moment of a map of fixed length is its end.
    status = np.where(diverged, "diverged", np.where(arrived, "stopped", "horizon"))
    found = evidence(claim, runs.assign(status=status), map_.pack.observables)
    late, silence = found.open & (found.why != Why.NO_VALUE), ~found.counted
    holds, count = (_per_cell(map_, x).sum(1) for x in (found.met, found.counted))
    silent = _per_cell(map_, silence & ~late).sum(1)
    why = np.where(2 * count >= map_.seeds, 0, np.where(silent * 2 >= map_.seeds - count, SILENT, LATE))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(why == 0, holds / count, np.nan)
    return {"": share, ":holds": holds, ":counted": count, ":late": _per_cell(map_, late).sum(1), ":why": why}


def _time(map_: Map, observable: Observable, runs: pd.DataFrame) -> dict[str, np.ndarray]:
    values = _per_cell(map_, runs[observable.name].to_numpy(float))
    censored = np.isnan(values)
    with np.errstate(invalid="ignore"):
        middle = np.median(np.where(censored, np.inf, values), axis=1)
    middle = np.where(np.isfinite(middle), middle, np.nan)
    scale = np.array([s.time_scale for s in cells(map_)])
    why = np.where(np.isnan(middle), LATE, 0)
    return {"": middle, ":s": middle * scale, ":censored": censored.sum(1), ":why": why}


def _mean(map_: Map, observable: Observable, runs: pd.DataFrame) -> dict[str, np.ndarray]:
    raw = runs[observable.name].to_numpy(float)
    missing = np.isnan(raw)
    late, silent = (_per_cell(map_, x).sum(1) for x in _missing(map_, runs, observable.stage, missing))
    values = _per_cell(map_, raw)
    count = (~np.isnan(values)).sum(1)
    why = np.where(2 * count >= map_.seeds, 0, np.where(silent > late, SILENT, LATE))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.nansum(values, 1) / count
        spread = np.sqrt(np.nansum((values - mean[:, None]) ** 2, 1) / np.maximum(count - 1, 1) / count)
    spread = np.where(count > 1, spread, np.nan)
    return {"": np.where(why == 0, mean, np.nan), ":se": spread, ":counted": count, ":why": why}
