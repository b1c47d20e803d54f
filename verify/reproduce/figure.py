"""A figure of the paper, made again, as a value: its caption point by point, its tables, and what was drawn."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from verify.draw import Picture
from verify.fit import Interval, clopper_pearson

BAND = (10, 90)  # percentiles over seeds


@dataclass(frozen=True, kw_only=True)
class CaptionPoint:
    """One thing that a caption says (or that the reader takes from the picture), beside what is measured.

    Attributes:
        says: in the caption's words where it has some.
        measured: a sentence with numbers from the data.
        met, of: in how many runs of how many it is seen; None where it is no matter of counting.
    """

    says: str
    measured: str
    met: int | None = None
    of: int = 0

    @property
    def share(self) -> Interval | None:
        """The share of runs with its exact 95 % interval."""
        return None if self.met is None else clopper_pearson(self.met, self.of)


@dataclass(frozen=True, kw_only=True)
class PaperFigure:
    """A figure of the paper, made again.

    Attributes:
        number: in the paper.
        caption: the paper's, word for word; $...$ is LaTeX.
        values: our own choices: name, value, how it was chosen.
        points: the caption point by point.
        picture: what was drawn; its caption says what is ours.
        data: what was drawn, as a table.
        tables: more tables that belong to it, by title.
        more: further pictures that belong to it.
    """

    number: int
    caption: str
    values: tuple[tuple[str, str, str], ...]
    points: tuple[CaptionPoint, ...]
    picture: Picture
    data: pd.DataFrame
    tables: Mapping[str, pd.DataFrame]
    more: tuple[Picture, ...] = ()


def median(numbers: np.ndarray) -> str:
    """Median [10 %, 90 %] over the seeds that have one."""
    held = np.asarray(numbers, dtype=float)
    known = held[~np.isnan(held)]
    if not known.size:
        return "none"
    middle, low, high = (f"{x:.3g}".replace("-", "−") for x in np.percentile(known, [50, *BAND]))
    return middle if low == high else f"{middle} [{low}, {high}]"


def of(met: np.ndarray, total: int) -> str:
    return f"{int(np.sum(met))} of {total}"
