"""Where a theorem holds: the share of runs over n and the strength of the signal, and over regions of the limit."""

import re
from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.patches import Patch, Rectangle

from theory.limit import Verdict
from verify.draw import INK, MUTED, NOISY, SIGNAL, STYLE, WINDOW, Picture, canvas, finished, legend_below
from verify.drawn import traced
from verify.evidence import at_runs
from verify.notation import latex, symbol
from verify.proved import Proofs
from verify.quantify import TheoremVerdict

# From failing to holding, in colours that every common colour vision tells apart.
SHARES = LinearSegmentedColormap.from_list("shares", [NOISY, "#F5E6C8", SIGNAL])


def strength(settings: pd.DataFrame) -> np.ndarray:
    """kappa (1 - 2 max tau) of each setting."""
    return (settings["kappa"] * (1 - 2 * settings[["tau_plus", "tau_minus"]].max(axis=1))).to_numpy(float)


def where_it_holds(answers: tuple[TheoremVerdict, ...]) -> Picture | None:
    """One theorem under all its kinds of labels, a panel each; None where nothing was run."""
    shown = [a for a in answers if len(a.choice.settings) or len(a.settings)]
    if not shown:
        return None
    theorem = shown[0].theorem
    noisy = any(frame[["tau_plus", "tau_minus"]].to_numpy().any() for a in shown for frame in _frames(a))
    name = re.sub(r"[^\w.-]+", "_", theorem.name)
    least = any("kappa_least" in a.choice.constants for a in shown)
    with matplotlib.rc_context(STYLE):
        width, height, right = 4.4 * len(shown) + 0.7, 3.2, 0.85
        figure, axes = canvas(width, height, 1, len(shown), right=right, wspace=0.1, sharey=True)
        points, most = None, False
        for axis, found in zip(axes[0], shown, strict=True):
            points, bounded = _panel(axis, found)
            most |= bounded
            axis.set_title(f"{found.labels} labels: {found.status}")
            axis.set_xlabel(r"$\kappa(1-2\max\tau)$" if noisy else r"$\kappa$")
        axes[0, 0].set_ylabel("$n$")
        _bar(figure, axes, points, right / width)
        return finished(
            figure,
            f"where-{name}",
            f"Where {theorem.name} holds",
            "Share of runs in which all parts hold at one time, one mark per setting, at the constants that were fixed."
            " Small: exploration, over all rungs of the ladder. Large: confirmation, on fresh settings and seeds."
            + (" Line: the least strength that the theorem is claimed for." if least else "")
            + (" Dotted: the largest $\\kappa$, where it lies in view." if most else ""),
        )


# What is decided in the limit lies beneath the marks, in no colour of theirs.
SHADES = {
    Verdict.PROVED: ("proved in the limit", {"facecolor": WINDOW}),
    Verdict.DISPROVED: ("disproved in the limit", {"facecolor": "white", "hatch": "////", "edgecolor": "#C8C8C8"}),
    Verdict.UNDECIDED: ("undecided in the limit", {"facecolor": "#F7F3E3"}),
}


def over_the_limit(answers: tuple[TheoremVerdict, ...], proofs: Proofs | None) -> Picture | None:
    """The shares of runs over the regions where the same is proved, disproved or undecided in the limit, a panel for
    each kind of labels; None where no region was decided in this run."""
    shown = []
    for found in answers:
        plane = proofs.plane(found.theorem.name, found.choice.constants) if proofs else None
        if plane and _frames(found):
            shown.append((found, *plane))
    if not shown:
        return None
    theorem, diagram = shown[0][0].theorem, shown[0][1]
    name = re.sub(r"[^\w.-]+", "_", theorem.name)
    with matplotlib.rc_context(STYLE):
        width, height, right = 4.4 * len(shown) + 0.7, 3.5, 0.85
        figure, axes = canvas(width, height, 1, len(shown), right=right, bottom=0.86, wspace=0.1, sharey=True)
        points, seen, told = None, set(), {}
        for axis, (found, diagram, cells) in zip(axes[0], shown, strict=True):
            for cell in cells:
                (a, b), (c, d) = ((float(end) for end in side) for side in (cell.x, cell.y))
                axis.add_patch(Rectangle((a, c), b - a, d - c, lw=0, zorder=1, **SHADES[cell.verdict][1]))
                seen.add(cell.verdict)
            for frame, size, edge in _layers(found):
                placed = frame.assign(setting=range(len(frame)))
                x, y = (at_runs(expression, placed) for expression, _ in diagram.axes)
                points = _marks(axis, x, y, frame, size, edge)
            told[found.theorem.told_at(found.choice.constants)] = found.labels
            axis.set(xscale="log", xlabel=f"${diagram.axes[0][1]}$", title=f"{found.labels} labels: {found.status}")
            axis.grid(False)
        axes[0, 0].set_ylabel(f"${diagram.axes[1][1]}$")
        handles = [Patch(lw=0, label=label, **how) for verdict, (label, how) in SHADES.items() if verdict in seen]
        legend_below(figure, handles)
        _bar(figure, axes, points, right / width)
        spans = " and ".join(
            f"${latex}$ from {float(low):g} to {float(high):g}"
            for (_, latex), (low, high) in zip(diagram.axes, diagram.spans, strict=True)
        )
        return finished(
            figure,
            f"limit-{name}",
            f"Where {theorem.name} holds in the limit and in runs",
            f"Marks: share of runs in which all parts hold at one time, one per setting; small: exploration, large:"
            f" confirmation. Beneath: what is decided of the same in the limit, for every point of a region, where"
            f" {diagram.says}; {spans}. Every box of it was checked in this run; undecided is what boxes of this size"
            f" do not decide. Both at the constants that were fixed: {'; '.join(told)}.",
        )


def _bar(figure, axes: np.ndarray, points, right: float) -> None:
    """The scale of the shares, beside the last panel."""
    if points is not None:
        box, width = axes[0, -1].get_position(), figure.get_figwidth()
        beside = figure.add_axes((1 - right + 0.12 / width, box.y0, 0.13 / width, box.height))
        bar = figure.colorbar(points, cax=beside)
        bar.set_label("share of runs that meet it")
        bar.outline.set_visible(False)  # pyright: ignore


def _layers(found: TheoremVerdict) -> list[tuple[pd.DataFrame, int, str]]:
    """Exploration and confirmation, as far as there are runs: settings, size of marks, colour of their edge."""
    both = ((found.choice.settings, 16, "none"), (found.settings, 46, INK))
    return [layer for layer in both if len(layer[0])]


def _marks(axis: Axes, x: np.ndarray, y: np.ndarray, frame: pd.DataFrame, size: int, edge: str):
    share = 1 - frame["failures"] / frame["runs"]
    order = np.argsort(-share.to_numpy())  # failures on top
    marks = axis.scatter(
        x[order], y[order], c=share.to_numpy()[order], s=size, cmap=SHARES, norm=Normalize(0.5, 1), edgecolors=edge,
        linewidths=0.6, zorder=3,
    )  # fmt: skip
    traced(marks, [_told(row) for row in frame.iloc[order].to_dict("records")])
    return marks


def _told(row: Mapping[str, Any]) -> str:
    """A setting in a line."""
    values = ", ".join(f"{symbol(k)} = {row[k]:.4g}" for k in latex() if k in row)
    return f"{values}: {row['runs'] - row['failures']} of {row['runs']} runs meet it"


def _frames(found: TheoremVerdict) -> list[pd.DataFrame]:
    return [frame for frame, _, _ in _layers(found)]


def _panel(axis: Axes, found: TheoremVerdict):
    """The marks of a panel, and whether the largest kappa lies in view."""
    points = None
    for frame, size, edge in _layers(found):
        points = _marks(axis, strength(frame), frame["n"].to_numpy(), frame, size, edge)
    axis.set(xscale="log", yscale="log")
    least = found.choice.constants.get("kappa_least")
    if least is not None:
        axis.axvline(least, color=INK, lw=1)
    low, high = axis.get_xlim()
    most = found.choice.constants.get("kappa_most")
    bounded = most is not None and low < most < high
    if bounded:
        axis.axvline(most, color=MUTED, lw=1, ls=":")
    return points, bounded
