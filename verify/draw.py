"""How figures are drawn: palette, style, and a figure as a value, SVG and PNG in memory."""

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
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
    """A figure with its caption, in which $...$ is LaTeX."""

    name: str
    alt: str
    caption: str
    svg: str
    png: bytes


def canvas(width: float, height: float, rows: int = 1, columns: int = 1, **layout: Any) -> "tuple[Figure, np.ndarray]":
    """A figure with margins given in inches, so that no layout has to be searched for."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
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
    return figure, figure.subplots(rows, columns, squeeze=False, gridspec_kw=spec, **layout)


def finished(figure: "Figure", name: str, alt: str, caption: str) -> Picture:
    from matplotlib.ticker import NullLocator

    drawn, image = io.StringIO(), io.BytesIO()
    for axis in figure.axes:  # unlabelled ticks cost most of the drawing time
        axis.xaxis.set_minor_locator(NullLocator())
        axis.yaxis.set_minor_locator(NullLocator())
    figure.savefig(drawn, format="svg", dpi=CLOUD_DPI, metadata={"Date": None, "Creator": None})
    figure.savefig(image, format="png", dpi=PNG_DPI, metadata={"Software": None}, pil_kwargs={"compress_level": 3})
    return Picture(name=name, alt=alt, caption=caption, svg=drawn.getvalue(), png=image.getvalue())


def number(value: float) -> str:
    """Three digits, as LaTeX where a power of ten is needed."""
    text = f"{value:.3g}"
    if "e" not in text:
        return text
    digits, power = text.split("e")
    front = "" if digits == "1" else f"{digits}\\cdot"
    return f"${front}10^{{{int(power)}}}$"
