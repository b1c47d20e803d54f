"""Drawing of a selection: how samples stand, what is fitted when, and with flags how well they are told."""

import matplotlib
import numpy as np

from verify.draw import CLEAN, INK, MUTED, NOISY, SIGNAL, STYLE, Picture, canvas, finished
from verify.roc import curves
from verify.select import Selection


def picture(held: Selection) -> Picture:
    """Two panels, four with flags of both kinds."""
    data, flags = held.data, held.data.flipped
    scored = flags is not None and flags.any() and not flags.all()
    with matplotlib.rc_context(STYLE):
        figure, axes = canvas(7.8, 5.4 if scored else 2.9, 2 if scored else 1, 2, hspace=0.42, wspace=0.28)
        first, second = axes[0]
        # Where nothing is learned in any window there are no positions: the mean loss shows at least that.
        where = held.positions if held.positions is not None else data.losses.mean(0)
        low, high = float(where.min()), float(where.max())
        edges = np.linspace(low, high if high > low else low + 1.0, 41)
        if flags is None:
            first.hist(where, edges, color=SIGNAL)
        else:
            first.hist([where[~flags], where[flags]], edges, stacked=True, color=[CLEAN, NOISY],
                       label=["clean", "flipped"])  # fmt: skip
        if held.positions is not None:
            first.axvline(0.0, color=INK, lw=1, ls=(0, (5, 3)), label="half-way")
            first.set(title=f"over the epochs up to {data.epochs[held.window]:g}",
                      xlabel="position: 1 as a clean sample, −1 as a flipped one", ylabel="samples")  # fmt: skip
        else:
            first.set(title="nothing is learned in any window", xlabel="mean loss", ylabel="samples")
        if first.get_legend_handles_labels()[0]:
            first.legend()
        if held.clean is None:
            second.plot(data.epochs, held.fitted.mean(1), color=SIGNAL, label="all samples")
        else:
            second.plot(data.epochs, held.fitted[:, held.clean].mean(1), color=CLEAN, label="proposed as clean")
            second.plot(data.epochs, held.fitted[:, ~held.clean].mean(1), color=NOISY, label="the others")
            second.axvline(data.epochs[held.stop], color=MUTED, lw=1.1, ls=(0, (5, 3)), label="stop")
        second.set(title="share at or below the threshold", xlabel="epoch", ylim=(-0.04, 1.06))
        if data.epochs.max() > 20:
            second.set_xscale("symlog", linthresh=10)
        second.legend(fontsize=8)
        if scored:
            _draw_scores(axes[1], -where if held.positions is not None else where, held, flags)
        what = held.reason if held.stop is None else f"{held.reason}: epoch {data.epochs[held.stop]:g}"
        return finished(figure, "select", "Positions of the samples, selection and stop epoch", what)


def _draw_scores(axes: np.ndarray, suspicion: np.ndarray, held: Selection, flags: np.ndarray) -> None:
    found = curves(suspicion, flags)
    roc, precision = axes
    roc.plot([0, *found["false_positive_rate"]], [0, *found["recall"]], color=SIGNAL)
    precision.plot(found["recall"], found["precision"], color=SIGNAL)
    if held.clean is not None:
        apart = ~held.clean
        hits = apart[flags].mean()
        roc.plot([apart[~flags].mean()], [hits], "o", color=INK, label="proposed")
        precision.plot([hits], [flags[apart].mean()], "o", color=INK, label="proposed")
        roc.legend(loc="lower right")
        precision.legend(loc="lower left")
    roc.set(title="finding flipped samples: ROC", xlabel="false positive rate", ylabel="recall", xlim=(-0.03, 1.03),
            ylim=(-0.03, 1.06))  # fmt: skip
    precision.set(title="precision and recall", xlabel="recall", ylabel="precision", xlim=(-0.03, 1.03),
                  ylim=(-0.03, 1.06))  # fmt: skip
