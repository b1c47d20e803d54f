"""What a figure shows, read back from it: a table for whoever draws it again, and where its points lie on the page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import Collection, LineCollection, PathCollection, PolyCollection, QuadMesh
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

_BEHIND = "_thetacheck_behind"


def traced(artist: Artist, rows: Sequence[Any], whole: bool = False) -> None:
    """Note which run stands behind every point of an artist.

    Args:
        artist: a line of marks, or a scatter.
        rows: of each point, the label of its row in the runs of the study, or what it is in words.
        whole: the row stands for its whole setting.
    """
    setattr(artist, _BEHIND, (list(rows), whole))


@dataclass(frozen=True, kw_only=True)
class Point:
    """A point with a run behind it.

    Attributes:
        x, y: from the left and from the top, as shares of the width and the height of the picture.
        row: label of its row in the runs of the study, or what it is in words.
        whole: the row stands for its whole setting.
    """

    x: float
    y: float
    row: Any
    whole: bool


def points(figure: Figure) -> list[Point]:
    """Every point in view behind which there is a run."""
    found = []
    for axes in _shown(figure):
        width, height = figure.bbox.size
        box = axes.get_window_extent()
        for artist in (*axes.lines, *axes.collections):
            if not hasattr(artist, _BEHIND):
                continue
            rows, whole = getattr(artist, _BEHIND)
            for (x, y), row in zip(axes.transData.transform(_vertices(artist)[0]), rows, strict=True):
                if box.x0 - 1 <= x <= box.x1 + 1 and box.y0 - 1 <= y <= box.y1 + 1:
                    found.append(Point(x=x / width, y=1 - y / height, row=row, whole=whole))
    return found


def table(figure: Figure, runs: pd.DataFrame | None = None) -> pd.DataFrame:
    """Everything that is drawn from data, a row per point: its panel, what it belongs to, and where it lies.

    Args:
        figure: drawn by :mod:`verify.draw`.
        runs: of the study; group, setting and seed of a point are looked up there.

    Returns:
        columns panel, x_axis, y_axis, kind (point, line, interval, outline, box, level), series (as the legend calls
        it), part (pieces of one series in turn), x, y, for boxes x_to and y_to, value (of a colour), and for points
        with a run behind them group, setting and seed. Columns in which nothing stands are left out.
    """
    parts = []
    for number, axes in enumerate(_shown(figure), 1):
        for index, (artist, kind) in enumerate(_artists(axes)):
            for part, held in enumerate(_pieces(artist, kind)):
                rows, whole = getattr(artist, _BEHIND, ((), False))
                if len(rows) == len(held):
                    held = held.assign(**_run(rows, whole, runs))
                label = str(artist.get_label())
                parts.append(
                    held.assign(panel=number, x_axis=axes.get_xlabel(), y_axis=axes.get_ylabel(), kind=kind,
                                series="" if label.startswith("_") else label, part=f"{index + 1}.{part + 1}")
                )  # fmt: skip
    columns = ["panel", "x_axis", "y_axis", "kind", "series", "part", "x", "y", "x_to", "y_to", "value", "group",
               "setting", "seed", "row"]  # fmt: skip
    if not parts:
        return pd.DataFrame(columns=columns[:8])
    whole = pd.concat(parts, ignore_index=True).reindex(columns=columns)
    return whole.loc[:, [k for k in columns if k in columns[:8] or whole[k].notna().any()]]


def _run(rows: Sequence[Any], whole: bool, runs: pd.DataFrame | None) -> dict[str, Any]:
    if runs is None or not all(isinstance(row, int | np.integer) for row in rows):
        return {"row": [str(row) for row in rows]}
    held = runs.loc[list(rows)]
    names = ("group", "setting") if whole else ("group", "setting", "seed")
    return {name: held[name].to_numpy() for name in names}


def _shown(figure: Figure) -> list[Axes]:
    """The panels: scales of colours are none."""
    return [axes for axes in figure.axes if axes.get_visible() and not hasattr(axes, "_colorbar")]


def _artists(axes: Axes) -> Iterator[tuple[Artist, str]]:
    for line in axes.lines:
        in_data = line.get_transform() == axes.transData
        if len(line.get_xdata()):
            yield line, "level" if not in_data else "point" if line.get_linestyle() == "None" else "line"
    for held in axes.collections:
        if isinstance(held, ContourSet):
            yield held, "line"
        elif isinstance(held, PathCollection):
            yield held, "point"
        elif isinstance(held, LineCollection):
            yield held, "interval"
        elif isinstance(held, QuadMesh):
            yield held, "box"
        elif isinstance(held, PolyCollection):
            yield held, "outline"
    for patch in axes.patches:
        yield patch, "box" if isinstance(patch, Rectangle) else "outline"


def _pieces(artist: Artist, kind: str) -> Iterator[pd.DataFrame]:
    """The pieces of an artist, each a table of its vertices."""
    if isinstance(artist, QuadMesh):
        corners = np.asarray(artist.get_coordinates())
        low, high = corners[:-1, :-1].reshape(-1, 2), corners[1:, 1:].reshape(-1, 2)
        values = np.ma.filled(np.ma.asarray(artist.get_array(), float), np.nan).ravel()
        yield _boxes(low, high).assign(value=values)
    elif isinstance(artist, Rectangle):
        low = np.array([artist.get_xy()], float)
        high = low + np.array([artist.get_width(), artist.get_height()])
        across, up = _spans(artist)
        low[0, [across, up]] = high[0, [across, up]] = np.nan
        yield _boxes(low, high)
    else:
        for vertices in _vertices(artist):
            held = pd.DataFrame({"x": vertices[:, 0], "y": vertices[:, 1]})
            if kind == "level":
                held = _level(artist)
            colours = artist.get_array() if isinstance(artist, PathCollection) else None
            yield held if colours is None else held.assign(value=np.ma.filled(np.ma.asarray(colours, float), np.nan))


def _boxes(low: np.ndarray, high: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"x": low[:, 0], "y": low[:, 1], "x_to": high[:, 0], "y_to": high[:, 1]})


def _spans(artist: Artist) -> tuple[bool, bool]:
    """Whether x, and whether y, are shares of the panel, as of a line or a shade across it."""
    axes, transform = artist.axes, Artist.get_transform(artist)
    assert axes is not None
    all_over = transform == axes.transAxes
    return all_over or transform == axes.get_yaxis_transform(), all_over or transform == axes.get_xaxis_transform()


def _level(line: Line2D) -> pd.DataFrame:
    """A line across a panel: the coordinate at which it stands."""
    x, y = (np.asarray(values, float) for values in line.get_data())
    across, up = _spans(line)
    held = pd.DataFrame({"x": np.nan if across else x, "y": np.nan if up else y})
    return held.drop_duplicates(ignore_index=True)


def _vertices(artist: Artist) -> list[np.ndarray]:
    """In the coordinates of the data, each of shape (points, 2)."""
    if isinstance(artist, Line2D):
        return [np.column_stack([np.asarray(values, float) for values in artist.get_data(orig=False)])]
    if isinstance(artist, PathCollection) and not isinstance(artist, ContourSet):
        return [np.ma.filled(np.ma.asarray(artist.get_offsets(), float), np.nan).reshape(-1, 2)]
    if isinstance(artist, Collection):
        return [path.vertices for path in artist.get_paths()]
    assert isinstance(artist, Patch)
    return [artist.get_patch_transform().transform(artist.get_path().vertices)]
