"""Figures 2 and 4 as pictures."""

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from numerics.images import Images
from verify.draw import CLEAN, INK, MUTED, NOISY, SIGNAL, STYLE, Picture, canvas, finished
from verify.reproduce.figure import BAND
from verify.reproduce.image_measures import (
    LOG2,
    Explained,
    ImageRuns,
    as_many_as_clean,
    band_of,
    selection,
)
from verify.reproduce.image_runs import Experiment, Rate

PAIRS = 2  # drawn: one of each true class


def _tex(rate: Rate) -> str:
    return rf"$\tau={rate:g}$" if isinstance(rate, float | int) else rf"$\tau_-={rate[0]:g}$, $\tau_+={rate[1]:g}$"


CURVES = (
    ("all", INK, "-", "training, all"),
    ("clean", CLEAN, "-", "training, clean"),
    ("flipped", NOISY, "-", "training, flipped"),
    ("test", SIGNAL, (0, (4, 1.5)), "test"),
)


def _accuracies(axis: Axes, runs: ImageRuns) -> None:
    """Over epochs, on an axis that shows epoch 0 too."""
    for which, colour, dashes, label in CURVES:
        if which in ("clean", "flipped") and not runs.flipped.any():
            continue  # clean is all
        middle, low, high = band_of(runs, which)
        x = np.arange(len(middle))
        axis.fill_between(x, low, high, color=colour, alpha=0.12, lw=0)
        axis.plot(x, middle, color=colour, ls=dashes, label=label)
    axis.set_xscale("symlog", linthresh=1, linscale=0.35)
    last = runs.margins.shape[1] - 1
    ticks = [*(t for t in (0, 1, 2, 5, 10, 20, 50, 100, 200, 500) if 1.5 * t < last), last]
    axis.set_xticks(ticks, [str(t) for t in ticks])
    axis.set(xlim=(0, last), ylim=(-0.03, 1.04))


@matplotlib.rc_context(STYLE)
def draw_2(experiment: Experiment, data: Images, noisy: ImageRuns, clean: ImageRuns, explained: Explained) -> Picture:
    figure = Figure(figsize=(10.6, 5.6))
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 1, left=0.055, right=0.385, top=0.88, bottom=0.095, hspace=0.36)
    left = grid.subplots(squeeze=False)[:, 0]
    for axis, runs, title in ((left[0], noisy, f"with label noise, {_tex(noisy.rate)}"),
                              (left[1], clean, "without label noise")):  # fmt: skip
        _accuracies(axis, runs)
        axis.set(title=title, ylabel="accuracy")
    left[0].legend(loc="lower center", bbox_to_anchor=(0.5, 1.13), ncols=4, columnspacing=1.0, handlelength=1.6)
    left[1].set_xlabel("epoch")
    # Of a pair of each true class: the image, then the values over epochs.
    grid = figure.add_gridspec(
        2 * PAIRS, 1 + len(explained.epochs), left=0.475, right=0.995, top=0.855, bottom=0.06, wspace=0.06, hspace=0.3
    ).subplots(squeeze=False)
    for k, axes in enumerate(grid[: len(explained.rows)]):
        given, true = _labels(data, noisy, int(explained.rows[k]))
        pixels = data.train[explained.rows[k]].numpy().transpose(1, 2, 0)
        low, high = pixels.min(), pixels.max()
        axes[0].imshow((pixels - low).squeeze() / (high - low), cmap="gray_r" if pixels.shape[2] == 1 else None)
        note = f"flipped:\n{true} given\nas {given}" if k % 2 == 0 else f"clean:\n{true}"
        axes[0].set_ylabel(note, rotation=0, ha="right", va="center", labelpad=6, fontsize=9.5)
        for p, axis in enumerate(axes[1:]):
            values = explained.values[p, k]
            reach = max(np.quantile(np.abs(values), 0.995), np.finfo(float).tiny)
            axis.imshow(values, cmap="RdBu_r", vmin=-reach, vmax=reach)
            axis.set_xlabel(f"$f={explained.outputs[p, k]:+.2g}$", labelpad=2, fontsize=9)
            if k == 0:
                axis.set_title(f"epoch {explained.epochs[p]}", fontsize=9.5, loc="center")
    for axis in grid[len(explained.rows) :].flat:
        axis.set_visible(False)
    for axis in grid.flat:
        axis.set_xticks([])
        axis.set_yticks([])
        axis.grid(False)
        for spine in axis.spines.values():
            spine.set(visible=True, color="#BBBBBB")
    figure.text(0.475, 0.955, "SHAP values toward the label given", fontsize=10.5)
    figure.text(0.74, 0.955, "for it (red)", color="#B2182B", fontsize=10.5)
    figure.text(0.825, 0.955, "against it (blue)", color="#2166AC", fontsize=10.5)
    return finished(
        figure,
        "fig2",
        "Accuracies over epochs with and without label noise, and SHAP values of flipped and clean images over epochs",
        f"Figure 2 again, on {_on(experiment, data)}. Left: lines are medians over {len(noisy.margins)} seeds, bands"
        f" hold {BAND[0]} to {BAND[1]} % of them; epoch 0 is before training. Right: SHAP values of the first seed's"
        r" network with label noise for flipped images and a clean one of the same true class below each. Explained is"
        r" $f$, the output toward the label *given*, so that blue turned red means a false label learnt; colours are"
        r" scaled in each map, $f$ below it tells the size.",
    )


def _labels(data: Images, runs: ImageRuns, row: int) -> tuple[str, str]:
    true = int(data.train_labels[row])
    return data.classes[true ^ int(runs.flipped[0, row])], data.classes[true]


def _on(experiment: Experiment, data: Images) -> str:
    n, recipe = len(data.train), experiment.recipe
    return (
        f"{data.source} ({data.classes[0]} against {data.classes[1]}, {n} training images): network"
        f" “{recipe.network}”, SGD with rate {recipe.rate:g} and batches of {recipe.batch}"
    )


@matplotlib.rc_context(STYLE)
def draw_selection(experiment: Experiment, data: Images, runs: ImageRuns) -> Picture:
    """ROC and precision-recall curves of small-loss selection."""
    figure, axes = canvas(8.8, 3.6, 1, 2, right=1.75, left=0.62, wspace=0.28)
    roc, beside = axes[0]
    last = runs.margins.shape[1] - 1
    share = np.linspace(0, 1, 101)
    rows = range(len(runs.margins))
    for epochs, colour, label in ((runs.bottom, SIGNAL, "bottom"), (np.full(len(rows), last), NOISY, "end")):
        held = [selection(runs, seed, epoch) for seed, epoch in zip(rows, epochs, strict=True)]
        # The largest recall with at most so many mistakes; the largest precision with at least so much recall.
        curve = np.array([[h.recall[h.mistakes <= x].max(initial=0.0) for x in share] for h in held])
        precise = np.array([[h.precision[h.recall >= x].max() for x in share] for h in held])
        for axis, found in ((roc, curve), (beside, precise)):
            middle, low, high = np.percentile(found, [50, *BAND], axis=0)
            axis.fill_between(share, low, high, color=colour, alpha=0.15, lw=0)
            axis.plot(share, middle, color=colour, label=f"losses at the {label}")
        for marker, size, fill, found in (
            ("s", 4, "white", [h.at(as_many_as_clean(runs, *k)) for h, *k in zip(held, rows, epochs, strict=True)]),
            ("o", 5, colour, [h.at(LOG2) for h in held]),
        ):
            style = {"ls": "", "marker": marker, "ms": size, "mfc": fill, "mec": colour, "alpha": 0.85}
            recall, mistakes, precision = np.transpose(found)
            roc.plot(mistakes, recall, **style)
            beside.plot(recall, precision, **style)
    for marker, size, fill, label in (("o", 5, MUTED, r"at $\log 2$"), ("s", 4, "white", "as many as are clean")):
        roc.plot([], [], ls="", marker=marker, ms=size, mfc=fill, mec=MUTED, label=label)
    roc.plot([0, 1], [0, 1], color=MUTED, lw=0.9, ls=(0, (5, 3)), label="chance")
    beside.axhline(1 - runs.flipped.mean(), color=MUTED, lw=0.9, ls=(0, (5, 3)))
    roc.set(xlabel="share of flipped samples selected", ylabel="share of clean samples selected", title="ROC")
    beside.set(xlabel="share of clean samples selected (recall)", ylabel="precision", title="precision and recall")
    roc.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
    beside.set(xlim=(-0.03, 1.03), ylim=(min(0.7, 0.95 * (1 - runs.flipped.mean())), 1.01))
    beside.legend(*roc.get_legend_handles_labels(), loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=8.5)
    return finished(
        figure,
        "fig2-selection",
        "ROC and precision-recall curves of selecting samples by a small loss, with the threshold log 2 marked",
        f"Small-loss selection on {_on(experiment, data)}, {_tex(runs.rate)}, at the bottom (the epoch with"
        f" fewest flipped samples fitted) and at the end. Lines are medians over {len(runs.margins)} seeds, bands hold"
        f" {BAND[0]} to {BAND[1]} % of them; each filled mark is one seed at the threshold $\\log 2$, each open one at"
        " the threshold that takes as many samples as are clean. Dashed: selection by chance.",
    )


@matplotlib.rc_context(STYLE)
def draw_4(experiment: Experiment, data: Images, runs: tuple[ImageRuns, ...]) -> Picture:
    columns = min(2, len(runs))
    rows = -(-len(runs) // columns)
    figure, axes = canvas(
        4.1 * columns + 1.5, 2.3 * rows + 0.7, rows, columns, sharex=True, sharey=True, right=1.45, left=0.62,
        wspace=0.1, hspace=0.22,
    )  # fmt: skip
    for axis in axes.flat[len(runs) :]:
        axis.set_visible(False)
    for axis, held in zip(axes.flat, runs, strict=False):
        _accuracies(axis, held)
        axis.set_title(_tex(held.rate))
    for axis in axes[:, 0]:
        axis.set_ylabel("accuracy")
    for axis in axes[-1]:
        axis.set_xlabel("epoch")
    axes[0, -1].legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return finished(
        figure,
        "fig4",
        "Accuracies over epochs for several shares of flipped labels",
        f"Figure 4 again, on {_on(experiment, data)}. Training accuracy is against the labels given. Lines are medians"
        f" over {len(runs[0].margins)} seeds, bands hold {BAND[0]} to {BAND[1]} % of them; epoch 0 is before training.",
    )
