"""All that a calibration measured, from the counts of its runs."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from verify.calibrate.constant import Constant, constant_of, power, tails_of
from verify.calibrate.edges import Exponent, exponent_of, thresholds_of
from verify.calibrate.layout import LEVEL, Layout
from verify.calibrate.leaning import Leaning, leaning_of


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Everything measured.

    Attributes:
        thresholds: a row per claim, tau_+, tau_-, n and m: measured value, low, high, and what is derived for it.
        cells: a row per cell, setting and claim: failures, runs that count, parameters.
        power: failure rate -> probability that a setting with it is found to violate.
        finished: False after an interrupt.
    """

    layout: Layout
    constants: tuple[Constant, ...]
    leanings: tuple[Leaning, ...]
    thresholds: pd.DataFrame
    exponents: tuple[Exponent, ...]
    cells: pd.DataFrame
    power: Mapping[float, float]
    finished: bool
    seconds: float
    runs: int


def conclude(planned: Layout, cells: pd.DataFrame, finished: bool, started: float) -> Calibration:
    """All answers, from the counts."""
    dims = [c for c in planned.cells if c.part == "dimension"]
    along = {c.name: c for cell in dims for c in cell.claims}
    parts = {cell.part for cell in planned.cells}
    tails = tails_of(planned)
    tail = min(tails.values(), default=LEVEL)
    # Claims of one cell share its runs: they count once.
    runs = int(cells.drop_duplicates(["cell", "setting"])["runs"].sum()) if len(cells) else 0
    return Calibration(
        layout=planned,
        constants=tuple(constant_of(c, cells, planned) for c in planned.claims) if "constant" in parts else (),
        leanings=tuple(leaning_of(c, cells, planned) for c in planned.claims) if "leaning" in parts else (),
        thresholds=thresholds_of(cells, planned),
        exponents=tuple(exponent_of(c, cells, planned) for c in along.values()),
        cells=cells,
        power={
            rate: power(rate, planned.effort.looks, tail, planned.reading.delta) for rate in (0.1, 0.2, 0.3, 0.4, 0.5)
        },
        finished=finished,
        seconds=time.monotonic() - started,
        runs=runs,
    )
