"""Where a theorem holds: the share of runs over n and the strength of the signal, and the constants that were fixed."""

import re

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize

from verify.draw import INK, MUTED, NOISY, SIGNAL, STYLE, Picture, canvas, finished
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
    with matplotlib.rc_context(STYLE):
        width, height, right = 4.4 * len(shown) + 0.7, 3.2, 0.85
        figure, axes = canvas(width, height, 1, len(shown), right=right, wspace=0.1, sharey=True)
        points = None
        for axis, found in zip(axes[0], shown, strict=True):
            points = _panel(axis, found) or points
            axis.set_title(f"{found.labels} labels: {found.status}")
            axis.set_xlabel(r"$\kappa(1-2\max\tau)$" if noisy else r"$\kappa$")
        axes[0, 0].set_ylabel("$n$")
        if points is not None:
            box = axes[0, -1].get_position()
            beside = figure.add_axes((1 - (right - 0.12) / width, box.y0, 0.13 / width, box.height))
            bar = figure.colorbar(points, cax=beside)
            bar.set_label("share of runs that meet it")
            bar.outline.set_visible(False)  # pyright: ignore
        return finished(
            figure,
            f"where-{name}",
            f"Where {theorem.name} holds",
            "Share of runs in which all parts hold at one time, one mark per setting, at the constants that were fixed."
            " Small: exploration, over all rungs of the ladder. Large: confirmation, on fresh settings and seeds."
            " Line: the least strength that the theorem is claimed for; dotted: the largest $\\kappa$, where it lies in"
            " view.",
        )


def _frames(found: TheoremVerdict) -> list[pd.DataFrame]:
    return [frame for frame in (found.choice.settings, found.settings) if len(frame)]


def _panel(axis: Axes, found: TheoremVerdict):
    points = None
    for frame, size, edge in ((found.choice.settings, 16, "none"), (found.settings, 46, INK)):
        if len(frame):
            share = 1 - frame["failures"] / frame["runs"]
            order = np.argsort(-share.to_numpy())  # failures on top
            points = axis.scatter(
                strength(frame)[order], frame["n"].to_numpy()[order], c=share.to_numpy()[order], s=size,
                cmap=SHARES, norm=Normalize(0.5, 1), edgecolors=edge, linewidths=0.6, zorder=3,
            )  # fmt: skip
    axis.set(xscale="log", yscale="log")
    least = found.choice.constants.get("kappa_least")
    if least is not None:
        axis.axvline(least, color=INK, lw=1)
    low, high = axis.get_xlim()
    most = found.choice.constants.get("kappa_most")
    if most is not None and low < most < high:
        axis.axvline(most, color=MUTED, lw=1, ls=":")
    for which, (a, b) in (("x", axis.get_xlim()), ("y", axis.get_ylim())):
        ticks = [x * 10.0**k for k in range(-1, 5) for x in (1, 2, 5) if a <= x * 10.0**k <= b]
        getattr(axis, f"set_{which}ticks")(ticks, [f"{x:g}" for x in ticks])
    return points
