"""Lines over a map: where a condition ends, and what theory predicts, in closed form or from the mean-field curve."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from theory import Condition
from theory.expressions import tex
from verify.maps.plane import Axis, Map, condition_sets, resolved
from verify.maps.summary import margin_at
from verify.notation import latex
from verify.pack import Pack, load


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of the plane, where a function changes sign.

    Attributes:
        name: what it is, in LaTeX between $ or plain.
        kind: ``"condition"`` (a premise ends there), ``"predicted"`` (in closed form), ``"at T1"`` (from the mean-field
            curve), ``"fitted"``, or ``"beside"`` (where another paper's phases part).
        heights: log of (what is there / what is required) on the fine grid, NaN where undefined. Shape (ys, xs).
        says: of a fitted one, what was fitted and how well; of another paper's, what happens on either side. For the
            caption.
    """

    name: str
    kind: str
    heights: np.ndarray
    says: str = ""

    @property
    def crosses(self) -> bool:
        """Whether it runs through the map at all."""
        seen = self.heights[np.isfinite(self.heights)]
        return bool(seen.size and seen.min() < -1e-6 and seen.max() > 1e-6)

    @property
    def holds(self) -> bool:
        """Where it does not cross: whether the map lies on the side where it holds."""
        return bool(np.nanmax(self.heights) > -1e-6)


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A grid finer than the cells, on which lines are computed; None where a formula has no value there."""

    x: np.ndarray
    y: np.ndarray
    values: tuple[tuple[dict[str, float] | None, ...], ...]

    def heights(self, function: Callable[[Mapping[str, float]], float]) -> np.ndarray:
        """``function`` of the parameters at every point; NaN where it has no value."""

        def safe(values: Mapping[str, float] | None) -> float:
            try:
                return math.nan if values is None else function(values)
            except (ValueError, ZeroDivisionError, OverflowError):
                return math.nan

        return np.array([[safe(v) for v in row] for row in self.values])


def fine_grid(map_: Map, size: int = 60) -> Grid:
    """``size`` values along either axis, over all cells to their borders; whole numbers are not rounded."""
    x, y = (_span(axis, size) for axis in (map_.x, map_.y))

    def at(a: float, b: float) -> dict[str, float] | None:
        try:
            return resolved(map_, a, b, set())
        except ValueError:  # it reaches beyond the cells, to their borders
            return None

    return Grid(x=x, y=y, values=tuple(tuple(at(a, b) for a in x) for b in y))


def edges(axis: Axis) -> np.ndarray:
    """Borders of the cells about the values of an axis."""
    at = np.log(axis.values) if axis.log else np.array(axis.values)
    middle = (at[1:] + at[:-1]) / 2
    found = np.concatenate([[2 * at[0] - middle[0]], middle, [2 * at[-1] - middle[-1]]])
    return np.exp(found) if axis.log else found


def _span(axis: Axis, size: int) -> np.ndarray:
    low, high = edges(axis)[[0, -1]]
    low = low if low > 0 else axis.values[0]  # no parameter is negative
    high = min(high, 0.4999) if axis.name.startswith("tau") else high
    return (np.geomspace if axis.log else np.linspace)(low, high, size)


def boundaries(map_: Map, grid: Grid) -> list[Line]:
    """Where each condition begins to hold at C."""

    def height(condition: Condition) -> Callable[[Mapping[str, float]], float]:
        def log_ratio(values: Mapping[str, float]) -> float:
            value, required = margin_at(condition, values, map_)
            # On the boundary itself it holds (Margin.holds); and no number is infinite in a contour.
            return math.log(min(max(value / required * (1 + 1e-6), 1e-30), 1e30))

        return log_ratio

    return [
        Line(name=c.name, kind="condition", heights=grid.heights(height(c)))
        for c in condition_sets(map_.reading)[map_.conditions]
    ]


def of_theory(map_: Map, name: str, grid: Grid, found: pd.DataFrame) -> list[Line]:
    """The lines that a pack draws over what is shown; where it draws none, its phases over test errors."""
    if map_.pack.maps.lines is not None:
        return map_.pack.maps.lines(map_, name, grid, found)
    return _phases(map_.pack, grid, "predicted") if name.startswith("error_") else []


def of_others(map_: Map, grid: Grid) -> list[Line]:
    """Where the phases of the papers beside this one part; what these have beyond a setting of this one is as in their
    own typical setting."""
    return [line for name in map_.beside for line in _phases(load(name), grid, "beside")]


def _phases(pack: Pack, grid: Grid, kind: str) -> list[Line]:
    found = []
    for phases in pack.maps.phases:
        heights = grid.heights(lambda values, p=phases: p.height({**pack.typical, **values}))
        if np.isnan(heights).all():  # it parts nothing here
            continue
        own = {s.name for s in phases.along.free_symbols} - set(next(v for row in grid.values for v in row if v))
        taken = ", ".join(f"{latex()[k]}={pack.typical[k]:g}" for k in sorted(own))
        formula = f"${tex(phases.along)}$"
        label = formula if kind == "predicted" else f"{pack.name} (${taken}$)" if taken else pack.name
        says = f"{pack.name}, by {formula}: {phases.beyond} beyond its line, {phases.below} short of it."
        found.append(Line(name=label, kind=kind, heights=heights, says=says))
    return found
