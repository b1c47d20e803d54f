"""How figures are drawn: palette, style, and a figure as a value, SVG and PNG in memory."""

import io
import itertools
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

# Okabe and Ito's palette: told apart by every common colour vision, and in grey by its lightness.
SIGNAL, CLEAN, NOISY, INK, MUTED, WINDOW = "#0072B2", "#009E73", "#D55E00", "#222222", "#777777", "#DDE7EE"
STYLE = {
    "font.family": "STIXGeneral",
    "font.size": 10,
    "mathtext.fontset": "stix",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "axes.linewidth": 0.7,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "xtick.bottom": False,  # the grid does; tick marks take a tenth of the time
    "ytick.left": False,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.4,
    "svg.fonttype": "path",
    "svg.hashsalt": "thetacheck",  # ids in the SVG would otherwise differ from run to run
    "path.simplify": True,
}
PNG_DPI, CLOUD_DPI = 110, 160


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A figure with its caption, in which $...$ is LaTeX.

    Attributes:
        name: of its files.
        alt: what it shows, in a few words.
        caption: the sentences below it.
        svg, png: as drawn.
        figure: what they were drawn from.
    """

    name: str
    alt: str
    caption: str
    svg: str
    png: bytes
    figure: "Figure" = field(repr=False, compare=False)

    def files(self, stem: str) -> dict[str, str | bytes]:
        """As SVG, PNG and PDF, by name."""
        return {f"{stem}.svg": self.svg, f"{stem}.png": self.png, f"{stem}.pdf": self.pdf()}

    def pdf(self) -> bytes:
        """The same for LaTeX, with its fonts in it, as journals ask. Drawn when it is asked for: that takes nearly as
        long as the other two together."""
        import matplotlib

        held = io.BytesIO()
        with matplotlib.rc_context({**STYLE, "pdf.fonttype": 42}):
            self.figure.savefig(
                held, format="pdf", dpi=CLOUD_DPI, metadata={"CreationDate": None, "Creator": None, "Producer": None}
            )
        return held.getvalue()


class Open:
    """Where figures are left for others to change instead of being rendered: on axes of theirs, or in new figures of
    pyplot's.

    Attributes:
        given: axes that nothing is drawn on yet; None where new ones are made.
        drawn: those that something is drawn on.
        interactive: whether pyplot is, which the first figure decides in a notebook, where a style would take it back.
    """

    def __init__(self, given: Sequence[Any] | None) -> None:
        self.given = None if given is None else list(given)
        self.drawn: list[Any] = []
        self.interactive: bool | None = None

    def take(self, count: int) -> list[Any]:
        """Axes for as many panels."""
        assert self.given is not None
        if len(self.given) < count:
            raise ValueError(f"ax: {len(self.given)} axes for {count} panels; give an axes for each")
        taken, self.given = self.given[:count], self.given[count:]
        return taken


_OPEN: ContextVar[Open | None] = ContextVar("open", default=None)


@contextmanager
def left_open(given: Sequence[Any] | None) -> Iterator[Open]:
    """Whatever is drawn meanwhile is left open, on the axes ``given`` where there are any.

    Raises:
        ValueError: there are more axes than panels, or fewer.
    """
    import matplotlib

    place = Open(given)
    token = _OPEN.set(place)
    try:
        yield place
    finally:
        _OPEN.reset(token)
        if place.interactive is not None:
            matplotlib.interactive(place.interactive)
    if place.given:
        panels = len(place.drawn)
        raise ValueError(f"ax: {panels + len(place.given)} axes for {panels} panels; give an axes for each")


def _figure(width: float, height: float) -> "Figure":
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    place = _OPEN.get()
    if place is not None:
        from matplotlib import pyplot  # which the reports do without

        figure = pyplot.figure(figsize=(width, height))
        place.interactive = pyplot.isinteractive()
        return figure
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def canvas(width: float, height: float, rows: int = 1, columns: int = 1, **layout: Any) -> "tuple[Figure, np.ndarray]":
    """A figure with margins given in inches, so that no layout has to be searched for."""
    place = _OPEN.get()
    if place is not None and place.given is not None:
        taken = place.take(rows * columns)
        place.drawn += taken
        return taken[0].figure, np.array(taken, dtype=object).reshape(rows, columns)
    figure = _figure(width, height)
    left, right = layout.pop("left", 0.72), layout.pop("right", 0.15)
    bottom, top = layout.pop("bottom", 0.56), layout.pop("top", 0.3)
    spec = {
        "left": left / width,
        "right": 1 - right / width,
        "bottom": bottom / height,
        "top": 1 - top / height,
        "wspace": layout.pop("wspace", 0.32),
        "hspace": layout.pop("hspace", 0.28),
    } | {k: layout.pop(k) for k in ("width_ratios", "height_ratios") if k in layout}
    axes = figure.subplots(rows, columns, squeeze=False, gridspec_kw=spec, **layout)
    if place is not None:
        place.drawn += list(axes.flat)
    return figure, axes


def finished(figure: "Figure", name: str, alt: str, caption: str) -> Picture:
    place = _OPEN.get()
    for axes in figure.axes if place is None else place.drawn:
        _legible(axes.xaxis)
        _legible(axes.yaxis)
    if place is not None:
        return cast(Picture, None)  # nobody takes it: who left it open looks at what was drawn
    drawn, image = io.StringIO(), io.BytesIO()
    figure.savefig(drawn, format="svg", dpi=CLOUD_DPI, metadata={"Date": None, "Creator": None})
    figure.savefig(image, format="png", dpi=PNG_DPI, metadata={"Software": None}, pil_kwargs={"compress_level": 3})
    return Picture(name=name, alt=alt, caption=caption, svg=drawn.getvalue(), png=image.getvalue(), figure=figure)


def legend_below(figure: "Figure", handles: Sequence[Any], **how: Any) -> None:
    """A legend at the lower edge, in as many columns as fit; where it would reach into the panels' words, the figure
    grows."""
    place = _OPEN.get()
    if handles and place is not None and place.given is not None:  # the figure of another stays as it is
        place.drawn[-1].legend(handles=handles, **how)
        return
    if not handles:
        return
    boxes = (axes.xaxis.get_tightbbox() for axes in figure.axes if axes.get_visible() and axes.get_xlabel())
    lowest = min(box.y0 for box in boxes if box is not None)
    for columns in range(min(4, len(handles)), 0, -1):
        legend = figure.legend(
            handles=handles, loc="lower center", ncols=columns, bbox_to_anchor=(0.5, 0.0), borderaxespad=0.1, **how
        )
        box = legend.get_window_extent()
        if box.width <= 0.99 * figure.bbox.width or columns == 1:
            break
        legend.remove()
    more = (box.height - lowest) / figure.dpi + 0.08
    if more > 0:
        width, height = figure.get_size_inches()
        grids = {
            spec.get_topmost_subplotspec().get_gridspec() for axes in figure.axes if (spec := axes.get_subplotspec())
        }
        held = [(grid, grid.get_subplot_params(figure)) for grid in grids]
        figure.set_size_inches(width, height + more)
        for grid, at in held:
            grid.bottom, grid.top = ((x * height + more) / (height + more) for x in (at.bottom, at.top))
        figure.subplots_adjust()  # all panels find their places anew


def _legible(axis: "Axis") -> None:
    """Ticks that can be read off: none without a label, which cost most of the drawing time, and on a logarithmic axis
    two at least however short it is. What was set by hand stays."""
    from matplotlib.ticker import FixedLocator, NullLocator

    axis.set_minor_locator(NullLocator())
    if axis.get_scale() == "linear" or isinstance(axis.get_major_locator(), FixedLocator | NullLocator):
        return
    low, high = sorted(axis.get_view_interval())
    box = axis.axes.get_window_extent()
    length = 72 / axis.figure.dpi * (box.width if axis.axis_name == "x" else box.height)  # in points
    place = axis.get_transform().transform
    for most in range(6, 1, -1):
        if low > 0:
            ticks = log_ticks(low, high, most)
        else:
            ticks = _ticks_about_zero(low, high, axis.get_transform().linthresh, most)
        labels = _labels(ticks)
        # A digit is half as wide as it is high; an exponent is smaller, and the dollars of LaTeX are not shown.
        wide = [5.5 * len(re.sub(r"10\^|[${}]|\\cdot", "..", x)) + 7 if axis.axis_name == "x" else 14 for x in labels]
        gaps = np.diff(place(np.array(ticks))) / np.diff(place(np.array([low, high]))) * length
        if (gaps >= [(a + b) / 2 for a, b in itertools.pairwise(wide)]).all():
            break
    axis.set_ticks(ticks, labels)


def _ticks_about_zero(low: float, high: float, linear: float, most: int) -> list[float]:
    """Of an axis that is linear up to some distance from zero and logarithmic beyond."""
    from matplotlib.ticker import MaxNLocator

    reach = max(-low, high)
    several = [list(MaxNLocator(max(most - 1, 2)).tick_values(low, high))]
    if reach > 3 * linear:
        powers = range(math.floor(math.log10(linear)), math.ceil(math.log10(reach)) + 1)
        sides = [[x for k in powers if (x := float(f"{a}e{k}")) >= linear] for a in (3, 1)]
        for side in (sorted(sides[0] + sides[1]), sides[1], sides[1][::2]):
            several.insert(-1, [*(-x for x in reversed(side)), 0.0, *side])
    seen = [[x for x in ticks if low <= x <= high] for ticks in several]
    return next((ticks for ticks in seen if 2 <= len(ticks) <= most), seen[-1])


def _labels(ticks: list[float]) -> list[str]:
    """As few digits as tell them apart."""
    plain = all(x == 0 or 1e-4 <= abs(x) < 1e5 for x in ticks)
    for digits in range(1, 8):
        labels = [f"{float(f'{x:.{digits}g}'):g}".replace("-", "−") if plain else number(x, digits) for x in ticks]
        if all(math.isclose(x, float(f"{x:.{digits}g}"), rel_tol=1e-9) for x in ticks):
            break
    return labels


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """Where to label a logarithmic axis: at powers of ten if there are three, else at more and more numbers between
    them, and over less than a few units at round numbers as on a linear axis.

    Args:
        low, high: the ends in view, both positive.
        most: how many labels there is room for, 2 at least.
    """
    from matplotlib.ticker import MaxNLocator

    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    several: list[list[float]] = []
    for every in range(max(1, len(powers) // most), len(powers)):
        several.append([10.0**k for k in powers if k % every == 0])
    for digits in ((1, 3), (1, 2, 5), range(1, 10)):
        several.append([float(f"{a}e{k}") for k in powers for a in digits])
    steps = [1, 2, 5, 10]
    several += [list(MaxNLocator(bins, steps=steps).tick_values(low, high)) for bins in range(most, 12)]
    seen = [[x for x in ticks if low <= x <= high] for ticks in several]
    ticks = min(seen, key=lambda ticks: (len(ticks) < 2, len(ticks) < 3 or len(ticks) > most, len(ticks) > most))
    while len(ticks) > most:
        ticks = ticks[:: len(ticks) - 1 if len(ticks) < 4 else 2]
    return ticks


def number(value: float, digits: int = 3) -> str:
    """A few digits, as LaTeX where a power of ten is needed."""
    text = f"{value:.{digits}g}"
    if "e" not in text:
        return text
    mantissa, power = text.split("e")
    front = "" if mantissa == "1" else f"{mantissa}\\cdot"
    return f"${front}10^{{{int(power)}}}$"
