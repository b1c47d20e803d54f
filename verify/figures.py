"""Figures as values: SVG and PNG in memory. Nothing here writes or prints."""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm

from numerics import Trajectory
from verify.axes import legend_above, sizes
from verify.design import Group
from verify.draw import CLEAN, INK, MUTED, NOISY, SIGNAL, STYLE, Picture, canvas, finished, number
from verify.drawn import traced
from verify.judge import Verdict
from verify.laws import kind_of
from verify.notation import called
from verify.pack import Pack, pack_of
from verify.scaling import Trend
from verify.study import Outcome, representative
from verify.sweep import Result

# ---------------------------------------------------------------------------------------------------------------
# Drawing


def overview(outcome: Outcome) -> Iterator[Picture]:
    """What the runs look like, before any verdict: the two stages, the collapse, the test errors."""
    group, pack = _noisy_group(outcome), pack_of(outcome.plan.reading)
    if group is None or pack.predicted is None:
        return
    shown = representative(outcome, group.name)
    with matplotlib.rc_context(STYLE):
        if shown is not None and shown.times.size > 2:
            yield _two_stages(shown, pack, _first_row(shown, outcome.runs))
        members = [r for r in outcome.results.values() if r.runs["group"].iloc[0] == group.name and r.times.size > 2]
        if len(members) > 1:
            yield _collapse(members, pack, [_first_row(member, outcome.runs) for member in members])
        runs = outcome.runs[outcome.runs["group"] == group.name]
        if {"error_spurious_end", "error_fresh_end", "flip_share"} <= set(runs):
            yield from filter(None, [_errors(runs)])


def of_claim(verdict: Verdict, outcome: Outcome) -> Iterator[Picture]:
    """The figures of one claim, one for each kind of law in it that has data to show."""
    group = outcome.plan.group_of[verdict.claim.name]
    runs = outcome.runs[outcome.runs["group"] == group.name]
    if runs.empty:
        return
    findings = verdict.findings
    for index, finding in enumerate(findings):
        name = verdict.claim.name + (f"-{index + 1}" if len(findings) > 1 else "")
        name = re.sub(r"[^\w.-]+", "_", name)
        kind = kind_of(finding.parts[0][1])
        with matplotlib.rc_context(STYLE):
            picture = kind.picture(name, verdict.claim, finding, runs, outcome.plan.observables)
        if picture is not None:
            yield picture


COLOURS = (SIGNAL, CLEAN, NOISY, "#CC79A7", "#56B4E9", INK)
USUAL = ("gamma_plus", "rho_clean_plus", "rho_noisy_plus")  # of a run, where nothing is asked for


def of_runs(run: Trajectory, names: Sequence[str] = ()) -> Picture:
    """Recorded series against the iteration: the mean over the runs, in a band from the least to the largest.

    Raises:
        ValueError: a series was not recorded.
    """
    for name in names:
        if name not in run.series:
            raise ValueError(f"'{name}' was not recorded; known: {', '.join(run.series)}")
    shown = {}
    for name in names or [name for name in USUAL if name in run.series] or ["loss"]:
        found = _mean(np.where(np.isfinite(run.series[name]), run.series[name], np.nan)[:, run.times >= 1])
        if names or np.isfinite(found[0]).any():  # of no flipped sample there is no mean
            shown[name] = found
    t = run.times[run.times >= 1]
    with matplotlib.rc_context(STYLE):
        figure, [[axis]] = canvas(6.4, 3.4, left=0.8)
        for (name, (mean, least, largest)), colour in zip(shown.items(), itertools.cycle(COLOURS), strict=False):
            axis.plot(t, mean, color=colour, label=called(name))
            axis.fill_between(t, least, largest, color=colour, alpha=0.15, lw=0)
        positive = all(np.nanmin(least, initial=np.inf) > 0 for _, least, _ in shown.values())
        axis.set(xscale="log", yscale="log" if positive else "linear", xlabel="iteration $t$")
        if len(shown) == 1:
            axis.set_ylabel(called(*shown))
        else:
            axis.legend(loc="best")
        caption = f"Mean over {len(run.settings)} runs, in a band from the least to the largest."
        return finished(figure, "runs", f"{', '.join(shown)} against iterations", caption)


def trend(found: Trend, index: int) -> Picture | None:
    """A claim along a scaling: what it does, with and without the lost premise, and that premise's margin."""
    table = found.table
    if "value" not in table or table["value"].notna().sum() < 2:
        return None
    lost = found.path.lost.name
    with matplotlib.rc_context(STYLE):
        figure, axes = canvas(6.4, 3.0, right=0.8)
        axis, beside = axes[0, 0], axes[0, 0].twinx()
        series = (("", SIGNAL, "o", "along the scaling"), ("control_", MUTED, "s", "with the premise in force"))
        for prefix, colour, marker, label in series:
            if f"{prefix}value" not in table:
                continue
            value, low, high = (table[f"{prefix}{k}"].to_numpy(float) for k in ("value", "low", "high"))
            x = table["N"].to_numpy() * (1.04 if prefix else 1)
            axis.vlines(x, low, high, color=colour, lw=0.9, alpha=0.6)
            [marks] = axis.plot(x, value, marker, color=colour, ms=4.5, label=label)
            traced(marks, [_told(row, prefix, found.kind) for row in table.to_dict("records")])
        beside.plot(table["N"], table["margin"], "--", color=NOISY, lw=1.1)
        beside.set(yscale="log", ylabel=f"margin of {lost}")
        beside.yaxis.label.set_color(NOISY)
        beside.spines["right"].set_visible(True)
        beside.grid(False)
        axis.set(xscale="log", xlabel="$N$")
        if found.kind == "share":
            axis.set(ylim=(-0.04, 1.04), ylabel="share of runs that meet it")
        else:
            axis.set(yscale="log", ylabel="constant $K$ that serves")
        legend_above(axis)
        what = "Share of runs that meet the claim" if found.kind == "share" else "The constant that serves"
        caption = (
            f"{found.claim.name}. {what}, with 95 % intervals, along {found.path.scaling}. Dashed, on the right: the"
            f" margin of {lost}, which the claim's own conditions do not give. {found.answer}: {found.reason}."
        ).replace("$", "")
        name = f"trend-{index + 1}-" + re.sub(r"[^\w.-]+", "_", found.claim.name)
        return finished(figure, name, f"{found.claim.name} along a scaling that breaks {found.path.lost.name}", caption)


def _told(row: Mapping[str, Any], prefix: str, kind: str) -> str:
    """A place along a scaling in a line."""
    what = "share of runs that meet it" if kind == "share" else "constant K that serves"
    runs, value, low, high = (f"{row[prefix + k]:.4g}" for k in ("runs", "value", "low", "high"))
    sizes = ", ".join(f"{k} = {row[k]:.4g}" for k in ("N", "n", "m", "d") if k in row)
    return f"{sizes}{', with the premise in force' if prefix else ''}; {runs} runs: {what} {value} [{low}, {high}]"


def _noisy_group(outcome: Outcome) -> Group | None:
    """The group of full runs with label noise."""
    for group in {g.name: g for g in outcome.plan.group_of.values()}.values():
        runs = outcome.runs[outcome.runs["group"] == group.name] if len(outcome.runs) else outcome.runs
        if group.stage == "end" and len(runs) and (runs["tau_plus"] > 0).any():
            return group
    return None


def _first_row(result: Result, runs: pd.DataFrame) -> int:
    """Where the first run of a result stands among all runs."""
    own = result.runs.iloc[0]
    return int(runs.index[(runs[["group", "setting", "seed"]] == own[["group", "setting", "seed"]]).all(axis=1)][0])


def _mean(values: np.ndarray, share: float = 0.5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, least and largest over the seeds, wherever at least a share of those that ever say something still run."""
    seen = ~np.isnan(values)
    enough = seen.any(0) & (seen.sum(0) >= share * seen.any(1).sum())
    total = np.where(seen, values, 0).sum(0) / np.maximum(seen.sum(0), 1)
    least = np.where(seen, values, np.inf).min(0)
    largest = np.where(seen, values, -np.inf).max(0)
    return tuple(np.where(enough, x, np.nan) for x in (total, least, largest))  # type: ignore[return-value]


def _median(column: pd.Series) -> float | None:
    held = column.dropna()
    return float(held.median()) if len(held) * 2 >= len(column) and len(held) else None


def _two_stages(result: Result, pack: Pack, first_row: int) -> Picture:
    row = result.runs.iloc[0]
    setting = pack.settings(row, row["labels"])
    keep = result.times >= 1
    t = result.times[keep]
    figure, axes = canvas(
        7.6, 5.0, 2, 1, sharex=True, height_ratios=[2.1, 1], hspace=0.1, right=1.75, left=0.8, top=0.34
    )
    top, low = axes[:, 0]
    assert pack.predicted is not None
    predicted = pack.predicted(setting, result.times * setting.time_scale)
    lines = {
        "gamma": (SIGNAL, r"$\gamma$"),
        "rho_clean": (CLEAN, r"$\bar\rho$ clean"),
        "rho_noisy": (NOISY, r"$\bar\rho$ noisy"),
    }
    floor = 1e-3  # below it nothing is drawn: a coefficient may be zero
    drawn = []
    for name, (colour, label) in lines.items():
        for sign, width in (("plus", 1.5), ("minus", 0.8)):
            mean, least, largest = _mean(result.series[f"{name}_{sign}"][:, keep].astype(float))
            if np.isnan(mean).all():
                continue
            top.fill_between(t, np.maximum(least, floor), np.maximum(largest, floor), color=colour, alpha=0.15, lw=0)
            shown = np.where(np.isnan(mean), np.nan, predicted[f"{name}_{sign}"][keep])
            drawn.append((mean, {"color": colour, "lw": width, "label": label if sign == "plus" else "_"}))
            drawn.append((shown, {"color": INK, "lw": 0.9, "ls": (0, (4, 2.5)), "zorder": 3}))
    for name, colour, label in (
        ("gamma_max", SIGNAL, r"$\max\,\gamma$"), ("rho_noisy_max", NOISY, r"$\max\,\bar\rho$ noisy"),
    ):  # fmt: skip
        mean, _, _ = _mean(result.series[name][:, keep].astype(float))
        drawn.append((mean, {"color": colour, "lw": 1.0, "ls": ":", "label": label}))
    low_lying = False
    for values, how in drawn:
        if not (values >= floor).any():  # no legend for what is not there
            low_lying |= bool((values < floor).any())
            continue
        traced(*top.plot(t, np.where(values >= floor, values, np.nan), **how), [first_row], whole=True)
    top.plot([], [], color=INK, lw=0.9, ls=(0, (4, 2.5)), label="mean field")
    least = min((float(v[v >= floor].min()) for v, _ in drawn if (v >= floor).any()), default=floor)
    top.set(xscale="log", yscale="log", ylabel="coefficient", ylim=(0.8 * least, None))
    top.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    for name, colour, label in (
        ("accuracy", INK, "all"), ("accuracy_clean", CLEAN, "clean"), ("accuracy_noisy", NOISY, "noisy"),
    ):  # fmt: skip
        mean, least, largest = _mean(result.series[name][:, keep].astype(float))
        if np.isfinite(mean).any():
            traced(*low.plot(t, mean, color=colour, label=label), [first_row], whole=True)
            low.fill_between(t, least, largest, color=colour, alpha=0.15, lw=0)
    low.set(ylabel="training\naccuracy", xlabel="iteration $t$", ylim=(-0.04, 1.06))
    low.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), title="samples", alignment="left")
    end = float(t[~np.isnan(_mean(result.series["accuracy"][:, keep].astype(float))[0])][-1])
    first, over = (
        when if when and 1 < when < end else None  # what lies beyond the last step is not shown
        for when in (_median(result.runs[k]) for k in ("order_one_time", "overtake_time"))
    )
    for axis in (top, low):
        axis.set_xlim(1, end)
        if first:
            axis.axvspan(1, first, color="#EAF1F6", lw=0, zorder=0)
            axis.axvspan(first, end, color="#FBF1E9", lw=0, zorder=0)
            axis.axvline(first, color=INK, lw=0.9)
        if over:
            axis.axvline(over, color=NOISY, lw=0.9, ls="-.")
    edge = top.get_xaxis_transform()
    if first:
        top.text(first, 1.015, "$T_1$", transform=edge, ha="center")
        top.text(np.sqrt(first), 1.015, "Stage I", transform=edge, ha="center", color=SIGNAL)
        top.text(np.sqrt(max(over or first, first) * end), 1.015, "Stage II", transform=edge, ha="center", color=NOISY)
    if over:
        top.text(over, 1.015, "overtaking", transform=edge, ha="center", color=NOISY, fontsize=8.5)
    seeds = len(result.runs)
    taus = f"$\\tau_+$ = {number(row['tau_plus'], 2)}, $\\tau_-$ = {number(row['tau_minus'], 2)}"
    caption = (
        f"The two stages in one setting ($n$ = {row['n']:g}, $m$ = {row['m']:g}, $d$ = {number(row['d'])},"
        f" $\\kappa$ = {number(row['kappa'])}, {taus}, target loss {number(row['epsilon'])};"
        f" {seeds} seeds). Top: class means of the coefficients, thick for $y=+1$, thin for $y=-1$;"
        f" bands span the seeds; dashed black: the mean-field curve, which has no free parameter. Bottom: accuracy on"
        f" the given labels."
    )
    caption += " What stays below $10^{-3}$ is not drawn." if low_lying else ""
    caption += " Solid line: $T_1$, the median over the seeds." if first else ""
    caption += (
        " Dash-dotted: the median of the first time some noisy $\\bar\\rho$ exceeds every $\\gamma$." if over else ""
    )
    alt = "Signal and noise coefficients and training accuracies against iterations"
    return finished(figure, "two-stages", alt, caption)


def _collapse(members: list[Result], pack: Pack, first_rows: list[int]) -> Picture:
    figure, axes = canvas(10.1, 4.7, 2, 3, wspace=0.24, hspace=0.16, top=0.36, right=0.95, sharex="col")
    rows = {"gamma": r"$\gamma$", "rho_noisy": r"$\bar\rho$ of noisy samples"}
    kappas = np.array([r.runs["kappa"].iloc[0] for r in members])
    shade = matplotlib.colormaps["viridis"]
    low, high = np.log(kappas.min() * 0.999), np.log(kappas.max() * 1.001)
    lines: dict[tuple[int, int], list[np.ndarray]] = {(i, j): [] for i in range(2) for j in range(3)}
    colours = []
    for result, own in zip(members, kappas, strict=True):
        row = result.runs.iloc[0]
        setting = pack.settings(row, row["labels"])
        s = result.times * setting.time_scale
        # Evenly thin in log time: more points than this cannot be seen.
        pick = np.unique(np.searchsorted(s, np.geomspace(max(s[1], 1e-3), s[-1], 90)).clip(1, s.size - 1))
        assert pack.predicted is not None
        predicted = pack.predicted(setting, np.concatenate([[0.0], s[pick]]))
        colours.append(shade(0.92 * (np.log(own) - low) / (high - low)))
        for i, name in enumerate(rows):
            mean, _, _ = _mean(result.series[f"{name}_plus"][:, pick].astype(float), share=1.0)
            ratio = mean / predicted[f"{name}_plus"][1:]
            for j, (x, y) in enumerate(((result.times[pick], mean), (s[pick], mean), (s[pick], ratio))):
                shown = (y >= 3e-3) & ((s[pick] >= 3e-2) | (j == 0))  # before that all is at its start
                lines[i, j].append(np.column_stack([x, y])[shown])
    for place, segments in lines.items():
        drawn = axes[place].add_collection(LineCollection(segments, colors=colours, lw=0.8, alpha=0.85))
        traced(drawn, first_rows, whole=True)
        axes[place].autoscale_view()
    for i, label in enumerate(rows.values()):
        for j in range(3):
            axes[i, j].set(xscale="log", yscale="log" if j < 2 else "linear")
        axes[i, 0].set_ylabel(label)
        axes[i, 1].sharey(axes[i, 0])
        axes[i, 2].axhline(1, color=INK, lw=1, ls=(0, (4, 2.5)))
        low, high = axes[i, 2].get_ylim()
        axes[i, 2].set_ylim(min(low, 0.5), max(high, 1.5))
    for j, title in enumerate(("as run", "in rescaled time", "over the mean-field curve")):
        axes[0, j].set_title(title)
        axes[1, j].set_xlabel("iteration $t$" if j == 0 else r"$s = \eta t\sigma_\xi^2 d/(nm)$")
    scale = ScalarMappable(LogNorm(kappas.min(), kappas.max()), shade)
    beside = axes[0, 2].inset_axes((1.06, -1.16, 0.045, 2.16))  # both rows of panels are as high, with a gap of 0.16
    bar = figure.colorbar(scale, cax=beside)
    bar.set_ticks([kappas.min(), kappas.max()], labels=[number(x, 2) for x in (kappas.min(), kappas.max())])
    bar.minorticks_off()
    bar.ax.tick_params(labelsize=8.5, length=2)
    bar.ax.set_title(r"$\kappa$", fontsize=9, pad=4, loc="center")
    runs = pd.concat([r.runs for r in members])
    caption = (
        f"Collapse on the mean field. Each line is the mean over the seeds of one setting (label $+1$): as run (left),"
        f" in rescaled time (middle), and divided by the mean-field curve of its own $\\kappa$ and $\\tau_+$ (right;"
        f" dashed: perfect agreement). A line ends when the first seed reaches its target loss. {sizes(runs)}"
    )
    alt = "Coefficients against iterations, against rescaled time and over the mean-field curve"
    return finished(figure, "collapse", alt, caption)


def _errors(runs: pd.DataFrame) -> Picture | None:
    moments = {"T1": "at $T_1$", "end": "at convergence"}
    laws = {
        "spurious": ("shared patches, $D_{\\mathrm{test}}$", NOISY, "o"),
        "training_noise": ("training patches", CLEAN, "x"),
        "fresh": ("fresh patches", SIGNAL, "s"),
    }
    shown = [k for k in moments if runs.reindex(columns=[f"error_{law}_{k}" for law in laws]).notna().any(axis=None)]
    if not shown:
        return None
    width = 3.4 * len(shown) + 2.2
    figure, axes = canvas(width, 3.5, 1, len(shown), wspace=0.1, right=1.75, sharey=True, top=0.32)
    half = runs["flip_share"].to_numpy(float) / 2
    limit = float(np.nanmax(half)) if np.isfinite(half).any() else 0.2
    for axis, when in zip(axes[0], shown, strict=True):
        for law, (label, colour, marker) in laws.items():
            column = f"error_{law}_{when}"
            if column in runs:
                [marks] = axis.plot(half, runs[column], marker, ms=3.4, color=colour, mew=0.7, alpha=0.65, label=label,
                                    mfc="none" if marker != "x" else colour, rasterized=True)  # fmt: skip
                traced(marks, runs.index)
        axis.plot([0, limit], [0, limit], color=INK, lw=1, ls=(0, (4, 2.5)), label="$|S_f|/(2n)$")
        axis.set(xlabel="half the realised flip share, $|S_f|/(2n)$", title=moments[when])
    axes[0, 0].set_ylabel("test error")
    axes[0, -1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    caption = (
        "Test error under three laws of the noise patch: a training patch plus fresh noise (the paper's"
        " $D_{\\mathrm{test}}$), a training patch itself, and a fresh patch. One point per run with a flipped sample."
        " Dashed: half the realised flip share, the limit that the mean field gives on shared patches. " + sizes(runs)
    )
    return finished(figure, "test-errors", "Test errors against half the realised flip share", caption)
