"""What is wrong with a figure, as a reader sees it. Every figure that a test draws is looked at (conftest.py).

Faults: an axis with fewer than two labelled ticks in view, a parameter by its raw name, a legend over what is drawn, a
line that leaves its frame, words that leave the picture or lie over each other, a caption that speaks of a line, shade
or mark that is not there.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import LineCollection, PathCollection, PolyCollection
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator
from matplotlib.transforms import Bbox

from verify.draw import PNG_DPI, Picture

RAW = re.compile(r"[A-Za-z0-9]_[A-Za-z0-9]|\b(gamma|rho|kappa|tau|sigma|eta|mu|xi|epsilon|delta|alpha|beta|T1)\b")
# Words of captions, and whether something like it is drawn in view.
PROMISES = {"dash-dotted": "-.", "dotted": ":", "dashed": "--"}


def install() -> None:
    """Have every figure looked at as soon as it is drawn."""
    made = Picture.__init__

    def looked_at(self: Picture, *given: Any, **named: Any) -> None:
        made(self, *given, **named)
        usual = self.figure.dpi
        self.figure.dpi = PNG_DPI  # it was last drawn with
        found = faults(self.figure) + broken_promises(self.figure, self.caption)
        self.figure.dpi = usual
        assert not found, f"figure {self.name}: " + "; ".join(found)

    Picture.__init__ = looked_at  # type: ignore[method-assign]


def faults(figure: Figure) -> list[str]:
    """Each in a few words; of a figure whose dots per inch are those that it was last drawn with."""
    shown = [axes for outer in figure.axes for axes in (outer, *outer.child_axes) if axes.get_visible() and axes.axison]
    found: list[str] = []
    for axes in shown:
        for which in ("x", "y"):
            found += _ticks(axes, which)
        found += _names(axes)
        found += _outside(axes)
    return found + list(_covered(figure, shown)) + list(_cut(figure, shown)) + list(_crowded(shown))


def _ticks(axes: Axes, which: str) -> Iterator[str]:
    axis: Axis = getattr(axes, f"{which}axis")
    locator = axis.get_major_locator()
    deliberate = isinstance(locator, NullLocator) or (isinstance(locator, FixedLocator) and not len(locator.locs))
    sides = ("bottom", "top") if which == "x" else ("left", "right")
    hidden = not any(axis.get_tick_params().get(f"label{side}", side == sides[0]) for side in sides)
    if deliberate or hidden or not axis.get_visible():
        return
    if isinstance(locator, FixedLocator) and len(locator.locs) == 1 and _categories(axis):
        return
    low, high = sorted(axis.get_view_interval())
    width = (high - low) * 1e-9
    labels = axis.get_major_formatter().format_ticks(axis.get_majorticklocs())
    places = axis.get_majorticklocs()
    seen = [x for x, label in zip(places, labels, strict=False) if label.strip() and low - width <= x <= high + width]
    if len(seen) < 2:
        yield f"{which} axis '{axis.get_label_text()}' from {low:.4g} to {high:.4g} has {len(seen)} labelled ticks"


def _categories(axis: Axis) -> bool:
    """Whether ticks are names, of which there may be one."""
    return any(re.search(r"[A-Za-z]{2}", _words(label.get_text())) for label in axis.get_majorticklabels())


def _words(text: str) -> str:
    return re.sub(r"\$[^$]*\$", " ", text)


def _names(axes: Axes) -> Iterator[str]:
    legend = axes.get_legend()
    texts = [axes.get_xlabel(), axes.get_ylabel(), *(axes.get_title(loc) for loc in ("left", "center", "right"))]
    texts += [text.get_text() for text in legend.get_texts()] if legend else []
    for text in texts:
        if raw := RAW.search(_words(text)):
            yield f"'{text}' holds the raw name {raw.group()}"


def _vertices(artist: Artist) -> list[np.ndarray]:
    if isinstance(artist, Line2D):
        return [np.column_stack([np.asarray(x, float) for x in artist.get_data()])]
    if isinstance(artist, LineCollection):
        return [np.asarray(segment, float) for segment in artist.get_segments()]
    if isinstance(artist, ContourSet):
        return [path.vertices for path in artist.get_paths()]
    if isinstance(artist, PathCollection):
        return [np.ma.filled(np.ma.asarray(artist.get_offsets(), float), np.nan)]
    return []


def _drawn(axes: Axes) -> Iterator[tuple[Artist, np.ndarray]]:
    """Artists in data coordinates, with their vertices in pixels; those that cannot be placed are left out."""
    for artist in (*axes.lines, *axes.collections):
        placed_by_data = isinstance(artist, PathCollection) or artist.get_transform() == axes.transData
        if not (artist.get_visible() and placed_by_data):
            continue
        for vertices in _vertices(artist):
            vertices = vertices.reshape(-1, 2)
            with np.errstate(all="ignore"):
                placed = axes.transData.transform(vertices)
            yield artist, placed[np.isfinite(placed).all(1) & np.isfinite(vertices).all(1)]


def _outside(axes: Axes) -> Iterator[str]:
    box = axes.get_window_extent()
    for artist, placed in _drawn(axes):
        if not artist.get_clip_on() or not len(placed):
            continue
        beyond = max(
            box.x0 - placed[:, 0].min(), placed[:, 0].max() - box.x1, box.y0 - placed[:, 1].min(),
            placed[:, 1].max() - box.y1,
        )  # fmt: skip
        if beyond > 1:
            kind = type(artist).__name__
            yield f"{kind} {artist.get_label()!r} in '{axes.get_ylabel()}' leaves its frame by {beyond:.0f} pixels"


def _covered(figure: Figure, shown: list[Axes]) -> Iterator[str]:
    legends = [legend for axes in shown if (legend := axes.get_legend())] + list(figure.legends)
    for legend in legends:
        box = legend.get_window_extent()
        for axes in shown:
            words = [axes.xaxis.label, axes.yaxis.label, *_labels_in_view(axes.xaxis), *_labels_in_view(axes.yaxis)]
            for text in words:
                if text.get_text().strip() and text.get_visible() and _overlap(box, text.get_window_extent()):
                    yield f"a legend covers the words {text.get_text()!r}"
            for artist, placed in _drawn(axes):
                if not len(placed):
                    continue
                points = placed if _marked(artist) else _along(placed)
                inside = (
                    (points[:, 0] > box.x0)
                    & (points[:, 0] < box.x1)
                    & (points[:, 1] > box.y0)
                    & (points[:, 1] < box.y1)
                )
                if inside.any():
                    yield f"a legend covers {inside.sum()} places of {artist.get_label()!r} in '{axes.get_ylabel()}'"


def _cut(figure: Figure, shown: list[Axes]) -> Iterator[str]:
    """Words and legends that the edge of the picture cuts."""
    parts = [text for text in figure.texts if text.get_text().strip()] + list(figure.legends)
    for axes in shown:
        named = [axes.xaxis.label, axes.yaxis.label, axes.title, axes._left_title, axes._right_title, *axes.texts]
        parts += [text for text in (*named, *_labels_in_view(axes.xaxis), *_labels_in_view(axes.yaxis))
                  if text.get_visible() and text.get_text().strip()]  # fmt: skip
        parts += [axes.get_legend()] if axes.get_legend() else []
    whole = figure.bbox
    for part in parts:
        box = part.get_window_extent()
        beyond = max(whole.x0 - box.x0, whole.y0 - box.y0, box.x1 - whole.x1, box.y1 - whole.y1)
        if beyond > 1:
            said = part.get_text() if hasattr(part, "get_text") else [x.get_text() for x in part.get_texts()]
            yield f"{said!r} is cut by {beyond:.0f} pixels"


def _labels_in_view(axis: Axis) -> list:
    low, high = sorted(axis.get_view_interval())
    width = (high - low) * 1e-9
    ticks = axis.get_major_ticks()
    seen = [t for t in ticks if low - width <= t.get_loc() <= high + width]
    return [label for side in ("label1", "label2") for t in seen if (label := getattr(t, side)).get_visible()]


def _crowded(shown: list[Axes]) -> Iterator[str]:
    """Labels of one axis that lie over each other."""
    for axes in shown:
        for axis in (axes.xaxis, axes.yaxis):
            labels = [x for x in _labels_in_view(axis) if x.get_text().strip() and not x.get_rotation()]
            for one, other in pairwise(labels):
                a, b = one.get_window_extent(), other.get_window_extent()
                if _overlap(a, b):
                    yield f"{one.get_text()!r} lies over {other.get_text()!r}"


def _overlap(a: Bbox, b: Bbox) -> bool:
    """By more than a pixel."""
    return min(a.x1, b.x1) - max(a.x0, b.x0) > 1 and min(a.y1, b.y1) - max(a.y0, b.y0) > 1


def _marked(artist: Artist) -> bool:
    return isinstance(artist, PathCollection) or (isinstance(artist, Line2D) and artist.get_linestyle() == "None")


def _along(placed: np.ndarray) -> np.ndarray:
    """A broken line as points every few pixels."""
    pieces = [placed]
    for start, end in pairwise(placed):
        steps = int(min(np.hypot(*(end - start)) // 4, 400))
        if steps > 1:
            pieces.append(start + np.linspace(0, 1, steps)[:, None] * (end - start))
    return np.concatenate(pieces)


def broken_promises(figure: Figure, caption: str) -> list[str]:
    """What a caption speaks of and the figure does not show."""
    text = _words(caption).lower()
    lines = [
        style
        for axes in figure.axes
        if axes.get_visible()
        for artist, placed in (
            *_drawn(axes),
            *((a, np.zeros((1, 2))) for a in axes.lines if a.get_transform() != axes.transData),
        )
        if len(placed) and (style := _style(artist))
    ]
    found = []
    for word, style in PROMISES.items():
        if re.search(rf"(?<!-)\b{word}\b", text) and style not in lines:
            found.append(f"the caption speaks of something {word}, and nothing is")
    if re.search(r"\bshaded\b", text) and not any(
        isinstance(a, PolyCollection) or a in axes.patches
        for axes in figure.axes
        for a in (*axes.collections, *axes.patches)
    ):
        found.append("the caption speaks of something shaded, and nothing is")
    if re.search(r"\bcrosses\b", text) and not any(
        line.get_marker() == "x" for axes in figure.axes for line in axes.lines
    ):
        found.append("the caption speaks of crosses, and there are none")
    return found


def _style(artist: Artist) -> str:
    """Which of the named styles a line has; empty for a solid one and for marks."""
    if isinstance(artist, Line2D):
        pattern = getattr(artist, "_unscaled_dash_pattern", (0, None))[1]
        if artist.get_linestyle() == "None":
            return ""
    elif isinstance(artist, LineCollection):
        pattern = artist._us_linestyles[0][1]
    elif isinstance(artist, ContourSet):
        style = artist.linestyles[0] if artist.linestyles else "solid"
        pattern = None if isinstance(style, str) else style[1]
    else:
        return ""
    if not pattern:
        return ""
    on, off = pattern[0], pattern[1]
    return "-." if len(pattern) > 2 else ":" if on <= 1.5 and off <= 2.5 else "--"
