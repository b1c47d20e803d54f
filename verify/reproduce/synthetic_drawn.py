"""Figures 1 and 3 as pictures."""

from collections.abc import Mapping

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from numerics import Setting
from verify.draw import CLEAN, INK, MUTED, NOISY, SIGNAL, STYLE, Picture, canvas, finished
from verify.predicted import curve
from verify.reproduce import synthetic
from verify.reproduce.figure import BAND
from verify.reproduce.synthetic import SyntheticRuns, mean_field

BLUE, ORANGE = "#D6E6F4", "#FBE0CC"  # the caption's shades: light enough for lines on them


@matplotlib.rc_context(STYLE)
def draw_1(noisy: SyntheticRuns, clean: SyntheticRuns, name: str, where: str) -> Picture:
    figure, axes = canvas(
        8.6, 5.2, 2, 2, sharex=True, sharey="row", height_ratios=[1.55, 1], hspace=0.1, wspace=0.06, right=1.3, left=0.7
    )
    panels = ((noisy, "with label noise", axes[:, 0]), (clean, "without label noise", axes[:, 1]))
    line = noisy.overtaking()
    for held, title, (top, low) in panels:
        t = held.times[1:]
        if held is noisy:
            for axis in (top, low):
                _line(axis, line, noisy.setting)
        for series, colour, label in (
            ("gamma_max", SIGNAL, r"$\max\,\gamma$ (signal)"),
            ("rho_noisy_max", NOISY, r"$\max\,\rho$, noisy"),
            ("rho_clean_max", CLEAN, r"$\max\,\rho$, clean"),
        ):
            _curve(top, held, series, colour, label, floor=0.05)
        found = curve(held.setting.kappa, held.setting.tau_plus, held.times * held.setting.time_scale)
        for values_ in (found.gamma, found.rho_clean, *([found.rho_noisy] if held is noisy else [])):
            top.plot(
                t, np.where(values_[1:] >= 0.05, values_[1:], np.nan), color=INK, lw=0.9, ls=(0, (1, 1.6)), zorder=3
            )
        for series, colour, label in (("accuracy_clean", CLEAN, "clean"), ("accuracy_noisy", NOISY, "noisy"),
                                      ("accuracy", INK, "overall")):  # fmt: skip
            if held is noisy or series == "accuracy":
                _curve(low, held, series, colour, label)
        top.set(title=title, xscale="log")
        low.set(xlabel="iteration $t$", ylim=(-0.04, 1.06), xlim=(1, held.times[-1]))
    axes[0, 0].set(ylabel="largest coefficient", yscale="log", ylim=(0.05, None))
    axes[1, 0].set(ylabel="training accuracy")
    top, low = axes[0, 1], axes[1, 1]
    top.plot([], [], color=NOISY, label=r"$\max\,\rho$, noisy")
    top.plot([], [], color=INK, lw=0.9, ls=(0, (1, 1.6)), label="mean field")
    top.plot([], [], color=MUTED, lw=1.1, ls=(0, (5, 3)), label="stage line")
    top.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    low.legend(*axes[1, 0].get_legend_handles_labels(), loc="center left", bbox_to_anchor=(1.01, 0.5))
    first = f"{np.nanmedian(line):.3g}"
    return finished(
        figure,
        name,
        "Largest coefficients and training accuracies over iterations, with and without label noise",
        f"Figure 1 again, {where}: {_described(noisy.setting)}; {len(line)} seeds. Lines are medians over the seeds,"
        f" bands hold {BAND[0]} to {BAND[1]} % of them. Dotted: the mean field. Gray: median overtaking (dashed,"
        f" $t = {first}$) and the span of {BAND[0]} to {BAND[1]} % of the seeds; the triangle on the axis is the mean"
        f" field's, $t = {mean_field(noisy.setting):.3g}$.",
    )


def _line(axis: Axes, line: np.ndarray, one: Setting) -> None:
    """The stage line: the median overtaking, and how far it spreads over the seeds."""
    known = line[~np.isnan(line)]
    if not known.size:
        return
    low, high = np.percentile(known, BAND)
    axis.axvspan(low, high, color=MUTED, alpha=0.13, lw=0, zorder=0)
    axis.axvline(float(np.median(known)), color=MUTED, lw=1.1, ls=(0, (5, 3)), zorder=1)
    expected = mean_field(one)
    axis.plot([expected], [0], marker="^", ms=6, color=INK, clip_on=False, transform=axis.get_xaxis_transform())


def _curve(axis: Axes, held: SyntheticRuns, name: str, colour: str, label: str, floor: float = 0.0) -> None:
    """A median with its band, as far as it lies above the floor of the frame."""
    band = held.band(name)
    if band is None:
        return
    middle, low, high = (np.where(x[1:] >= floor, x[1:], np.nan) for x in band)
    low = np.where(np.isnan(low) & ~np.isnan(high), floor, low)
    axis.fill_between(held.times[1:], low, high, color=colour, alpha=0.18, lw=0)
    axis.plot(held.times[1:], middle, color=colour, label=label)


@matplotlib.rc_context(STYLE)
def draw_3(grid: Mapping[tuple[float, float], SyntheticRuns]) -> Picture:
    figure, axes = canvas(
        10.2, 6.6, len(synthetic.TAUS), len(synthetic.MUS), sharex=True, sharey=True, hspace=0.1, wspace=0.06,
        right=0.3, left=0.85, top=0.62, bottom=0.58,
    )  # fmt: skip
    for row, tau in enumerate(synthetic.TAUS):
        for column, mu in enumerate(synthetic.MUS):
            axis, held = axes[row, column], grid[tau, mu]
            line = held.overtaking()
            end = held.times[-1]
            split = float(np.median(np.nan_to_num(line, nan=end)))
            axis.axvspan(1, split, color=BLUE, lw=0, zorder=0)
            axis.axvspan(split, end, color=ORANGE, lw=0, zorder=0)
            axis.grid(False)
            _curve(axis, held, "gamma_max", SIGNAL, r"$\max\,\gamma$ (signal)")
            _curve(axis, held, "rho_noisy_max", NOISY, r"$\max\,\rho$ (noise), noisy samples")
            # One tick per seed at the top: where noise overtakes signal in that run.
            axis.plot(line, np.full(line.size, 0.965), "|", color=INK, ms=6, mew=0.7, alpha=0.6,
                      transform=axis.get_xaxis_transform())  # fmt: skip
            axis.axvline(max(mean_field(held.setting), 1.0), color=INK, lw=0.9, ls=(0, (1, 1.6)))
            least, last = np.median(held.least("test_error")), np.median(held.series["test_error"][:, -1])
            axis.text(0.97, 0.11, rf"$\kappa(1-2\tau)={held.setting.kappa * (1 - 2 * tau):.3g}$" "\n"
                      rf"error {least:.2f} $\to$ {last:.2f}", transform=axis.transAxes, fontsize=8.5, va="center",
                      ha="right", linespacing=1.3)  # fmt: skip
            axis.set(xscale="log", yscale="log", xlim=(1, end), ylim=(0.025, 40))
            if row == 0:
                axis.set_title(rf"$\|\mu\|={mu:g}$")
            if row == len(synthetic.TAUS) - 1:
                axis.set_xlabel("iteration $t$")
            if column == 0:
                axis.set_ylabel(rf"$\tau={tau:g}$" "\nlargest coefficient")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    shades = [matplotlib.patches.Patch(color=BLUE), matplotlib.patches.Patch(color=ORANGE)]
    dots = matplotlib.lines.Line2D([], [], color=INK, lw=0.9, ls=(0, (1, 1.6)))
    tick = matplotlib.lines.Line2D([], [], color=INK, marker="|", ls="", ms=6, mew=0.7)
    figure.legend(
        [*handles, *shades, tick, dots],
        [*labels, "Stage I", "Stage II", "overtaking, one seed each", "overtaking, mean field"],
        loc="upper center", ncols=6, bbox_to_anchor=(0.5, 1.0),
    )  # fmt: skip
    held = next(iter(grid.values()))
    return finished(
        figure,
        "fig3",
        "Largest coefficients over iterations for signal strengths and flip probabilities, both stages shaded",
        f"Figure 3 again: {_described(held.setting, but=('mu', 'tau'))}; {len(held.foretold)} seeds. Lines are medians"
        f" over the seeds, bands hold {BAND[0]} to {BAND[1]} % of them. Blue: before the median overtaking; orange:"
        r" after it. Each tick at the top is the overtaking of one seed, the dotted line the mean field's (at the left"
        r" edge where it has no Stage I, $\kappa(1-2\tau) \leq 2$). Test error on $\mathcal{D}_{\mathrm{test}}$:"
        r" the best in training $\to$ at the end, medians.",
    )


def _described(one: Setting, but: tuple[str, ...] = ()) -> str:
    parts = [f"$n = {one.n}$", f"$d = {one.d}$", f"$m = {one.m}$"]
    if "mu" not in but:
        parts.append(rf"$\|\mu\| = {one.mu:g}$")
    parts += [rf"$\sigma_\xi = {one.sigma_xi:g}$", rf"$\sigma_0 = {one.sigma_0:g}$", rf"$\eta = {one.eta:g}$"]
    if "tau" not in but:
        parts.append(rf"$\tau = {one.tau_plus:g}$")
    parts.append(f"{one.labels} labels")
    return ", ".join(parts)
