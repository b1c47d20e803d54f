"""What a figure shows, read back from it: a table for whoever draws it again, and where on a page each run is drawn."""

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
from matplotlib.path import Path

_BEHIND = "_thetacheck_behind"
_BENT = 1.0  # pixels by which a curve may be off where it is told in fewer vertices


@dataclass(frozen=True, kw_only=True)
class Told:
    """What is drawn somewhere in words, with a line that makes it again."""

    says: str
    again: str

    def __str__(self) -> str:
        return self.says


def traced(artist: Artist, rows: Sequence[Any], whole: bool = False) -> None:
    """Note which runs stand behind what an artist draws.

    Args:
        artist: marks or a scatter; a line, or a collection of lines; a mesh of cells, whose label says what its colours
            are; a patch.
        rows: of each point, line or cell (row by row from the first), the label of its row in the runs of the study, or
            what it is in words (a string, or :class:`Told`).
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


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A line without gaps with a run behind it, in few vertices.

    Attributes:
        vertices: as of a point. Shape (vertices, 2).
        row, whole: as of a point.
    """

    vertices: np.ndarray
    row: Any
    whole: bool


@dataclass(frozen=True, kw_only=True)
class Mesh:
    """Cells with runs behind them, or a patch, which is one cell.

    Attributes:
        x, y: edges of the cells, as of points. Shapes (columns + 1,), (rows + 1,).
        rows: of each cell, row by row; ``whole``: as of points.
        says: what the colours are.
        values: of the colours, NaN where a cell has none; empty for a patch.
    """

    x: np.ndarray
    y: np.ndarray
    rows: list[Any]
    whole: bool
    says: str
    values: np.ndarray


def traces(figure: Figure) -> list[Point | Curve | Mesh]:
    """Everything in view behind which there is a run."""
    size = figure.bbox.size
    found: list[Point | Curve | Mesh] = []
    for axes in _shown(figure):
        box = axes.get_window_extent()
        for artist in (*axes.lines, *axes.collections, *axes.patches):
            if not hasattr(artist, _BEHIND):
                continue
            rows, whole = getattr(artist, _BEHIND)
            if isinstance(artist, QuadMesh):
                corners = _page(axes.transData.transform(np.asarray(artist.get_coordinates()).reshape(-1, 2)), size)
                corners = corners.reshape(*np.shape(artist.get_coordinates()))
                values = np.ma.filled(np.ma.asarray(artist.get_array(), float), np.nan).ravel()
                found.append(
                    Mesh(x=corners[0, :, 0], y=corners[:, 0, 1], rows=rows, whole=whole, values=values,
                         says=str(artist.get_label()))
                )  # fmt: skip
            elif isinstance(artist, Patch):
                corners = _page(axes.transData.transform(_vertices(artist)[0]), size)
                x, y = (np.array([values.min(), values.max()]) for values in corners.T)
                found.append(Mesh(x=x, y=y, rows=rows, whole=whole, says="", values=np.zeros(0)))
            elif _is_curve(artist):
                for vertices, row in zip(_vertices(artist), rows, strict=True):
                    for piece in _few(axes.transData.transform(vertices), size):
                        found.append(Curve(vertices=_page(piece, size), row=row, whole=whole))
            else:
                placed = axes.transData.transform(_vertices(artist)[0])
                for at, (x, y), row in zip(placed, _page(placed, size), rows, strict=True):
                    if (at >= box.min - 1).all() and (at <= box.max + 1).all():
                        found.append(Point(x=x, y=y, row=row, whole=whole))
    return found


def _page(placed: np.ndarray, size: np.ndarray) -> np.ndarray:
    """From the left and from the top, as shares of the picture."""
    return np.array([0.0, 1.0]) + np.array([1.0, -1.0]) * placed / size


def _few(placed: np.ndarray, size: np.ndarray) -> list[np.ndarray]:
    """The pieces of a line between its gaps, as far as the picture goes, in as many vertices as its bends ask for."""
    path = Path(placed)
    path.should_simplify, path.simplify_threshold = True, _BENT
    width, height = size
    return [piece for piece in path.to_polygons(width=width, height=height, closed_only=False) if len(piece) > 1]


def _is_curve(artist: Artist) -> bool:
    """Whether a run stands behind a line as a whole, not behind each of its marks."""
    return isinstance(artist, LineCollection) or (isinstance(artist, Line2D) and artist.get_marker() in ("None", ""))


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
                if rows and _is_curve(artist):
                    rows = [rows[part]] * len(held)
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
    return {name: held[name].array if name == "group" else held[name].astype("Int64").array for name in names}


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
