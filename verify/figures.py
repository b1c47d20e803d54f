"""Figures as values: SVG and PNG in memory. Nothing here writes or prints."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import sympy as sp
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm
from matplotlib.ticker import LogLocator, MaxNLocator

from numerics import Observable, Setting
from theory import Crossing, Exactly, Within, kappa, tau_minus, tau_plus
from theory.statements import tex
from theory.symbols import SETTING, table
from verify import fit
from verify.draw import CLEAN, INK, MUTED, NOISY, SIGNAL, STYLE, WINDOW, Picture, canvas, finished, number
from verify.evidence import at_runs, evidence
from verify.judge import DRIFT_TOLERANCE, EXPONENT_TOLERANCE, Verdict
from verify.meanfield import curve, curves
from verify.scaling import Trend
from verify.study import Outcome, representative
from verify.sweep import Group, Result

# ---------------------------------------------------------------------------------------------------------------
# Notation

LATEX = {p.name: p.latex for p in table()} | {"kappa": r"\kappa"}
# How the axes of rates call what is measured; any other observable goes by its name.
NOTATION = {
    "order_one_time": "T_1",
    "convergence_time": r"T_\varepsilon",
    "signal_growth": r"\Delta\gamma/\Delta t",
    "noise_growth": r"\Delta\bar\rho/\Delta t",
}


# ---------------------------------------------------------------------------------------------------------------
# Drawing


def overview(outcome: Outcome) -> Iterator[Picture]:
    """What the runs look like, before any verdict: the two stages, the collapse, the test errors."""
    group = _noisy_group(outcome)
    if group is None:
        return
    shown = representative(outcome, group.name)
    with matplotlib.rc_context(STYLE):
        if shown is not None and shown.times.size > 2:
            yield _two_stages(shown)
        members = [r for r in outcome.results.values() if r.runs["group"].iloc[0] == group.name and r.times.size > 2]
        if len(members) > 1:
            yield _collapse(members)
        runs = outcome.runs[outcome.runs["group"] == group.name]
        if {"error_spurious_end", "error_fresh_end", "flip_share"} <= set(runs):
            yield _errors(runs)


def of_claim(verdict: Verdict, outcome: Outcome) -> Iterator[Picture]:
    """The figures of one claim, one for each kind of law in it that has data to show."""
    group = outcome.plan.group_of[verdict.claim.name]
    runs = outcome.runs[outcome.runs["group"] == group.name]
    if runs.empty:
        return
    draw: dict[str, Callable[..., Picture | None]] = {
        "rate": _rate,
        "probability": _probability,
        "bound": _bound,
        "identity": _identity,
        "crossing": _crossing,
    }
    parts = verdict.details.get("parts", [])
    for index, part in enumerate(parts):
        name = verdict.claim.name + (f"-{index + 1}" if len(parts) > 1 else "")
        name = re.sub(r"[^\w.-]+", "_", name)
        if part.get("kind") in draw:
            more = {"observables": outcome.plan.observables} if part["kind"] == "probability" else {}
            with matplotlib.rc_context(STYLE):
                picture = draw[part["kind"]](name, verdict, part, runs, **more)
            if picture is not None:
                yield picture


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
            axis.plot(x, value, marker, color=colour, ms=4.5, label=label)
        beside.plot(table["N"], table["margin"], "--", color=NOISY, lw=1.1)
        beside.set(yscale="log", ylabel=f"margin of {lost}")
        _plain_log(beside)
        beside.yaxis.label.set_color(NOISY)
        beside.spines["right"].set_visible(True)
        beside.grid(False)
        axis.set(xscale="log", xlabel="$N$")
        if found.kind == "share":
            axis.set(ylim=(-0.04, 1.04), ylabel="share of runs that meet it")
        else:
            axis.set(yscale="log", ylabel="constant $K$ that serves")
            _plain_log(axis)
        _log_ticks(axis)
        axis.legend(loc="best")
        what = "Share of runs that meet the claim" if found.kind == "share" else "The constant that serves"
        caption = (
            f"{found.claim.name}. {what}, with 95 % intervals, along {found.path.scaling}. Dashed, on the right: the"
            f" margin of {lost}, which the claim's own conditions do not give. {found.answer}: {found.reason}."
        ).replace("$", "")
        name = f"trend-{index + 1}-" + re.sub(r"[^\w.-]+", "_", found.claim.name)
        return finished(figure, name, f"{found.claim.name} along a scaling that breaks {found.path.lost.name}", caption)


def _noisy_group(outcome: Outcome) -> Group | None:
    """The group of full runs with label noise."""
    for group in {g.name: g for g in outcome.plan.group_of.values()}.values():
        runs = outcome.runs[outcome.runs["group"] == group.name] if len(outcome.runs) else outcome.runs
        if group.stage == "end" and len(runs) and (runs["tau_plus"] > 0).any():
            return group
    return None


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


def _span(values: pd.Series | np.ndarray) -> str:
    low, high = float(np.min(values)), float(np.max(values))
    return number(low) if number(low) == number(high) else f"{number(low)} to {number(high)}"


def _sizes(runs: pd.DataFrame) -> str:
    spans = ", ".join(f"${LATEX[k]}$ {_span(runs[k])}" for k in ("n", "m", "d") if k in runs)
    return f"{spans}; {runs['setting'].nunique()} settings, {len(runs)} runs."


def _setting(row: pd.Series) -> Setting:
    sizes = {k: int(row[k]) for k in ("n", "m", "d")}
    return Setting(**sizes, **{k: float(row[k]) for k in SETTING if k not in sizes}, labels=row["labels"])


def _two_stages(result: Result) -> Picture:
    row = result.runs.iloc[0]
    setting = _setting(row)
    keep = result.times >= 1
    t = result.times[keep]
    figure, axes = canvas(
        7.6, 5.0, 2, 1, sharex=True, height_ratios=[2.1, 1], hspace=0.1, right=1.75, left=0.8, top=0.34
    )
    top, low = axes[:, 0]
    predicted = curves(setting, result.times * setting.time_scale)
    lines = {
        "gamma": (SIGNAL, r"$\gamma$"),
        "rho_clean": (CLEAN, r"$\bar\rho$ clean"),
        "rho_noisy": (NOISY, r"$\bar\rho$ noisy"),
    }
    floor = np.inf
    for name, (colour, label) in lines.items():
        for sign, width in (("plus", 1.5), ("minus", 0.8)):
            mean, least, largest = _mean(result.series[f"{name}_{sign}"][:, keep].astype(float))
            if np.isnan(mean).all():
                continue
            top.plot(t, mean, color=colour, lw=width, label=label if sign == "plus" else None)
            top.fill_between(t, np.maximum(least, 1e-6), largest, color=colour, alpha=0.15, lw=0)
            shown = np.where(np.isnan(mean), np.nan, predicted[f"{name}_{sign}"][keep])
            top.plot(t, shown, color=INK, lw=0.9, ls=(0, (4, 2.5)), zorder=3)
            floor = min(floor, float(mean[~np.isnan(mean)][0]))
    mean, _, _ = _mean(result.series["gamma_max"][:, keep].astype(float))
    top.plot(t, mean, color=SIGNAL, lw=1.0, ls=":", label=r"$\max\,\gamma$")
    mean, _, _ = _mean(result.series["rho_noisy_max"][:, keep].astype(float))
    top.plot(t, mean, color=NOISY, lw=1.0, ls=":", label=r"$\max\,\bar\rho$ noisy")
    top.plot([], [], color=INK, lw=0.9, ls=(0, (4, 2.5)), label="mean field")
    top.set(xscale="log", yscale="log", ylabel="coefficient", ylim=(max(floor * 0.8, 1e-3), None))
    top.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    for name, colour, label in (
        ("accuracy", INK, "all"), ("accuracy_clean", CLEAN, "clean"), ("accuracy_noisy", NOISY, "noisy"),
    ):  # fmt: skip
        mean, least, largest = _mean(result.series[name][:, keep].astype(float))
        low.plot(t, mean, color=colour, label=label)
        low.fill_between(t, least, largest, color=colour, alpha=0.15, lw=0)
    low.set(ylabel="training\naccuracy", xlabel="iteration $t$", ylim=(-0.04, 1.06))
    low.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), title="samples", alignment="left")
    end = float(t[~np.isnan(_mean(result.series["accuracy"][:, keep].astype(float))[0])][-1])
    first, over = (_median(result.runs[k]) for k in ("order_one_time", "overtake_time"))
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
    taus = f"$\\tau_+$ = {row['tau_plus']:.2f}, $\\tau_-$ = {row['tau_minus']:.2f}"
    caption = (
        f"The two stages in one setting ($n$ = {row['n']:g}, $m$ = {row['m']:g}, $d$ = {number(row['d'])},"
        f" $\\kappa$ = {row['kappa']:.2f}, {taus}, target loss {number(row['epsilon'])};"
        f" {seeds} seeds). Top: class means of the coefficients, thick for $y=+1$, thin for $y=-1$;"
        f" bands span the seeds; dashed black: the mean-field curve, which has no free parameter. Bottom: accuracy on"
        f" the given labels. Solid line: $T_1$; dash-dotted: the first time some noisy $\\bar\\rho$ exceeds every"
        f" $\\gamma$ (medians over the seeds)."
    )
    alt = "Signal and noise coefficients and training accuracies against iterations"
    return finished(figure, "two-stages", alt, caption)


def _collapse(members: list[Result]) -> Picture:
    figure, axes = canvas(9.4, 4.7, 2, 3, wspace=0.24, hspace=0.16, top=0.32, sharex="col")
    rows = {"gamma": r"$\gamma$", "rho_noisy": r"$\bar\rho$ of noisy samples"}
    kappas = np.array([r.runs["kappa"].iloc[0] for r in members])
    shade = matplotlib.colormaps["viridis"]
    low, high = np.log(kappas.min() * 0.999), np.log(kappas.max() * 1.001)
    lines: dict[tuple[int, int], list[np.ndarray]] = {(i, j): [] for i in range(2) for j in range(3)}
    colours = []
    for result, own in zip(members, kappas, strict=True):
        row = result.runs.iloc[0]
        setting = _setting(row)
        s = result.times * setting.time_scale
        # Evenly thin in log time: more points than this cannot be seen.
        pick = np.unique(np.searchsorted(s, np.geomspace(max(s[1], 1e-3), s[-1], 90)).clip(1, s.size - 1))
        predicted = curve(own, setting.tau_plus, np.concatenate([[0.0], s[pick]]))
        colours.append(shade(0.92 * (np.log(own) - low) / (high - low)))
        for i, name in enumerate(rows):
            mean, _, _ = _mean(result.series[f"{name}_plus"][:, pick].astype(float), share=1.0)
            ratio = mean / getattr(predicted, name)[1:]
            for j, (x, y) in enumerate(((result.times[pick], mean), (s[pick], mean), (s[pick], ratio))):
                lines[i, j].append(np.column_stack([x, y])[~np.isnan(y)])
    for place, segments in lines.items():
        axes[place].add_collection(LineCollection(segments, colors=colours, lw=0.8, alpha=0.85))
        axes[place].autoscale_view()
    for i, label in enumerate(rows.values()):
        for j in range(3):
            axes[i, j].set(xscale="log", yscale="log" if j < 2 else "linear")
        axes[i, 0].set_ylabel(label)
        for j in range(2):
            axes[i, j].set_ylim(3e-3, 40)
        axes[i, 1].set_xlim(3e-2, None)
        axes[i, 2].set_xlim(3e-2, None)
        axes[i, 2].axhline(1, color=INK, lw=1, ls=(0, (4, 2.5)))
        axes[i, 2].set_ylim(0.5, 1.5)
    for j, title in enumerate(("as run", "in rescaled time", "over the mean-field curve")):
        axes[0, j].set_title(title)
        axes[1, j].set_xlabel("iteration $t$" if j == 0 else r"$s = \eta t\sigma_\xi^2 d/(nm)$")
    scale = ScalarMappable(LogNorm(kappas.min(), kappas.max()), shade)
    inset = axes[0, 0].inset_axes((0.56, 0.16, 0.38, 0.045))
    bar = figure.colorbar(scale, cax=inset, orientation="horizontal")
    ends = [float(f"{kappas.min():.2g}"), float(f"{kappas.max():.2g}")]
    bar.set_ticks([kappas.min(), kappas.max()], labels=[f"{x:g}" for x in ends])
    bar.minorticks_off()
    bar.ax.tick_params(labelsize=8, length=2)
    bar.ax.set_title(r"$\kappa$", fontsize=9, pad=2, loc="center")
    runs = pd.concat([r.runs for r in members])
    caption = (
        f"Collapse on the mean field. Each line is the mean over the seeds of one setting (label $+1$): as run (left),"
        f" in rescaled time (middle), and divided by the mean-field curve of its own $\\kappa$ and $\\tau_+$ (right;"
        f" dashed: perfect agreement). A line ends when the first seed reaches its target loss. {_sizes(runs)}"
    )
    alt = "Coefficients against iterations, against rescaled time and over the mean-field curve"
    return finished(figure, "collapse", alt, caption)


def _errors(runs: pd.DataFrame) -> Picture:
    figure, axes = canvas(9.0, 3.5, 1, 2, wspace=0.1, right=1.75, sharey=True, top=0.32)
    laws = {
        "spurious": ("shared patches, $D_{\\mathrm{test}}$", NOISY, "o"),
        "training_noise": ("training patches", CLEAN, "x"),
        "fresh": ("fresh patches", SIGNAL, "s"),
    }
    half = runs["flip_share"].to_numpy(float) / 2
    limit = float(np.nanmax(half)) if np.isfinite(half).any() else 0.2
    for axis, when, title in zip(axes[0], ("T1", "end"), ("at $T_1$", "at convergence"), strict=True):
        for law, (label, colour, marker) in laws.items():
            column = f"error_{law}_{when}"
            if column in runs:
                axis.plot(half, runs[column], marker, ms=3.4, color=colour, mfc="none" if marker != "x" else colour,
                          mew=0.7, alpha=0.65, label=label, rasterized=True)  # fmt: skip
        axis.plot([0, limit], [0, limit], color=INK, lw=1, ls=(0, (4, 2.5)), label="$|S_f|/(2n)$")
        axis.set(xlabel="half the realised flip share, $|S_f|/(2n)$", title=title)
    axes[0, 0].set_ylabel("test error")
    axes[0, 1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    caption = (
        "Test error under three laws of the noise patch: a training patch plus fresh noise (the paper's"
        " $D_{\\mathrm{test}}$), a training patch itself, and a fresh patch. One point per run with a flipped sample."
        " Dashed: half the realised flip share, the limit that the mean field gives on shared patches. " + _sizes(runs)
    )
    return finished(figure, "test-errors", "Test errors against half the realised flip share", caption)


# ---------------------------------------------------------------------------------------------------------------
# One figure per kind of law


def _tex(name: str) -> str:
    return f"${LATEX[name]}$" if name in LATEX else name


def _called(observable: str) -> str:
    return f"${NOTATION[observable]}$" if observable in NOTATION else observable.replace("_", " ")


def _by_setting(runs: pd.DataFrame, name: str) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, np.ndarray]:
    """First row, geometric mean, least and largest of a positive observable, by setting."""
    used = runs[runs[name] > 0]
    grouped = used.groupby("setting")
    logs = np.log(used[name]).groupby(used["setting"])
    return grouped.first(), *(np.exp(x.to_numpy()) for x in (logs.mean(), logs.min(), logs.max()))


def _rate(name: str, verdict: Verdict, part: dict[str, Any], runs: pd.DataFrame) -> Picture | None:
    slopes, predicted, observable = part.get("slopes"), part["predicted"], part["observable"]
    if not slopes:
        return None
    first, centre, least, largest = _by_setting(runs, observable)
    law = np.exp(sum(power * np.log(first[k].to_numpy(float)) for k, power in predicted.items()))
    constant = part["prefactor"][1]
    figure, axes = canvas(9.0, 3.5, 1, 2, width_ratios=[1, 1.05], wspace=0.42, left=0.75)
    left, right = axes[0]
    left.errorbar(
        law, centre, yerr=np.maximum([centre - least, largest - centre], 0), fmt="none", ecolor="#9BB7C9", lw=1
    )
    points = left.scatter(law, centre, c=np.log10(first["n"]), cmap="viridis", s=20, zorder=3, lw=0)
    ends = np.array([law.min(), law.max()])
    left.plot(ends, constant * ends, color=INK, lw=1, ls=(0, (4, 2.5)), zorder=2)
    left.set(xscale="log", yscale="log", ylabel=f"measured {_called(observable)}")
    left.set_title(f"slope 1, constant {constant:.3g}")
    left.set_xlabel(f"predicted law ${_monomial(predicted)}$")
    for axis in (left.xaxis, left.yaxis):
        axis.set_major_locator(LogLocator(numticks=6))
    bar = figure.colorbar(points, ax=left, fraction=0.04, pad=0.02)
    ticks = [k for k in (10, 20, 50, 100, 200, 500, 1000) if first["n"].min() <= k <= first["n"].max()]
    bar.set_ticks([float(np.log10(k)) for k in ticks], labels=[str(k) for k in ticks])
    bar.ax.set_title("$n$", fontsize=9)
    names = list(slopes)[::-1]
    right.axvspan(-EXPONENT_TOLERANCE, EXPONENT_TOLERANCE, color=WINDOW, lw=0, label=f"±{EXPONENT_TOLERANCE:g}")
    right.axvline(0, color=INK, lw=0.9, ls=(0, (4, 2.5)))
    for y, k in enumerate(names):
        value = slopes[k]
        centre_, low, high = (value[x] - predicted.get(k, 0.0) for x in ("value", "low", "high"))
        right.plot([low, high], [y, y], color=SIGNAL, lw=2)
        right.plot([centre_], [y], "o", color=SIGNAL, ms=5)
    right.set_yticks(range(len(names)), [f"{_tex(k)}:  {_signed(predicted.get(k, 0.0))}" for k in names])
    widest = max(abs(v[x] - predicted.get(k, 0.0)) for k, v in slopes.items() for x in ("low", "high"))
    reach = max(2 * EXPONENT_TOLERANCE, 1.1 * widest)
    right.set(xlim=(-reach, reach), ylim=(-0.6, len(names) - 0.4), xlabel="measured exponent minus predicted")
    right.set_title("exponents, predicted value at the left")
    right.xaxis.set_major_locator(MaxNLocator(5))
    right.grid(axis="y", visible=False)
    caption = (
        f"Left: {_called(observable)} against the predicted law, one point per setting (geometric mean; bars span the"
        f" seeds); dashed: slope 1. Right: jointly fitted exponents minus their predictions, with 95 % intervals;"
        f" shaded: the window ±{EXPONENT_TOLERANCE:g} that an interval must lie in. {_sizes(runs)}"
    )
    return finished(figure, name, f"Rate fit of {verdict.claim.name}", caption)


def _signed(value: float, digits: int | None = None) -> str:
    text = f"{value:+g}" if digits is None else f"{value:+.{digits}f}"
    return "0" if value == 0 else text.replace("-", "−")


def _monomial(predicted: dict[str, float]) -> str:
    return r"\,".join(LATEX.get(k, k) + ("" if v == 1 else f"^{{{v:g}}}") for k, v in predicted.items())


def _probability(
    name: str, verdict: Verdict, part: dict[str, Any], runs: pd.DataFrame, observables: dict[str, Observable]
) -> Picture | None:
    laws = [(k, law) for k, law in verdict.claim.parts if isinstance(law, Within)]
    if not all(k in runs for k, _ in laws):
        return None
    found = evidence(laws, runs, observables)
    met, counted = found.met, found.counted
    if not counted.any():
        return None
    varied = any(runs[k][counted].nunique() > 1 for k, _ in laws)
    figure, axes = canvas(9.0 if varied else 5.0, 2.9, 1, 1 + varied, wspace=0.24)
    _shares(axes[0, 0], runs[counted], met[counted], part["required"])
    caption = (
        f"{'Left: s' if varied else 'S'}hare of runs that meet the claim, one point per setting with its exact"
        f" (Clopper-Pearson) 95 % interval, moved a little apart where several share an $n$; solid line: the"
        f" required probability {part['required']:g}."
    )
    if varied:
        _distances(axes[0, 1], laws, runs[counted])
        caption += " Right: every run, how far from the bound; crosses fail."
    for why, count in found.reasons.items():
        caption += f" {count} {'run says' if count == 1 else 'runs say'} nothing: {why}."
    caption += f" {_sizes(runs[counted])}"
    return finished(figure, name, f"Success shares of {verdict.claim.name}", caption)


def _apart(values: pd.Series, setting: pd.Series) -> np.ndarray:
    """Values for a logarithmic axis, moved a little sideways by setting where several settings share one."""
    place = pd.Series(setting.to_numpy()).groupby(values.to_numpy()).rank("dense").to_numpy()
    crowd = pd.Series(place).groupby(values.to_numpy()).transform("max").to_numpy()
    return values.to_numpy(float) * np.exp(0.3 * (place - (crowd + 1) / 2) / np.maximum(crowd, 6))


def _shares(axis: Axes, runs: pd.DataFrame, met: np.ndarray, required: float) -> None:
    table = pd.DataFrame({"n": runs["n"].to_numpy(), "setting": runs["setting"].to_numpy(), "met": met})
    by = table.groupby("setting").agg(n=("n", "first"), hits=("met", "sum"), trials=("met", "size"))
    found = [fit.clopper_pearson(int(hits), int(trials)) for hits, trials in zip(by["hits"], by["trials"], strict=True)]
    low, value, high = (np.array([getattr(x, name) for x in found]) for name in ("low", "value", "high"))
    n = _apart(by["n"], by.index.to_series())
    for chosen, colour in ((high >= required, SIGNAL), (high < required, NOISY)):
        axis.vlines(n[chosen], low[chosen], high[chosen], color=colour, lw=0.8, alpha=0.5)
        axis.plot(n[chosen], value[chosen], "o", color=colour, ms=3.6)
    axis.axhline(required, color=INK, lw=1)
    axis.set(xscale="log", ylim=(-0.04, 1.04), xlabel="$n$", ylabel="share of runs that meet it")
    axis.set_yticks([0, 0.5, 1])
    _log_ticks(axis)


def _log_ticks(axis: Axes) -> None:
    """Plain numbers twice a decade: most ranges of n and m span less than two."""
    low, high = axis.get_xlim()
    ticks = [a * 10.0**k for k in range(-1, 10) for a in (1, 3) if low <= a * 10.0**k <= high]
    if 2 <= len(ticks) <= 6:
        axis.set_xticks(ticks, [f"{t:g}" for t in ticks])


def _plain_log(axis: Axes) -> None:
    """A logarithmic y axis of a few decades, labelled at plain numbers."""
    low, high = axis.get_ylim()
    for steps in ((1, 2, 5), (1, 3), (1,)):
        ticks = [a * 10.0**k for k in range(-12, 12) for a in steps if low <= a * 10.0**k <= high]
        if len(ticks) <= 6:
            break
    axis.set_yticks(ticks, [f"{x:g}" for x in ticks])


def _sides(law: Within) -> list[tuple[Any, int]]:
    return [(bound, side) for bound, side in ((law.low, 1), (law.high, -1)) if bound is not None]


def _distances(axis: Axes, laws: list[tuple[str, Within]], runs: pd.DataFrame, strict: bool = False) -> None:
    """Observed value over its bound, or the bare value where a bound is zero; ``strict``: equality fails."""
    n = _apart(runs["n"], runs["setting"])
    bounds = [
        (k, b, at_runs(b, runs), side) for k, law in laws for b, side in ((law.low, 1), (law.high, -1)) if b is not None
    ]
    relative = [x for x in bounds if (x[2] != 0).all()]
    seen = [np.zeros(0)]
    for (k, _, at, side), colour in zip(relative or bounds, (SIGNAL, CLEAN, "#7B5EA7", MUTED) * 2, strict=False):
        raw = runs[k].to_numpy(float)
        value = raw / at if relative else raw
        fails = side * raw <= side * at if strict else side * raw < side * at
        seen.append(value[np.isfinite(value)])
        label = f"{_called(k)} {'≥' if side > 0 else '≤'} bound" if len(relative or bounds) > 1 else None
        axis.plot(n[~fails], value[~fails], "o", ms=2.6, mew=0, alpha=0.55, color=colour, label=label, rasterized=True)
        if fails.any():
            axis.plot(n[fails], value[fails], "x", ms=4, mew=0.9, color=NOISY, rasterized=True)
    axis.axhline(1 if relative else 0, color=INK, lw=1)
    values = np.concatenate(seen)
    axis.set(xscale="log", xlabel="$n$")
    if relative and values.size and values.min() > 0 and values.max() > 10 * values.min():
        axis.set_yscale("log")
        if values.max() < 100 * values.min():
            _plain_log(axis)
    elif values.size and np.abs(values).max() > 10 * (usual := np.quantile(np.abs(values), 0.9)) > 0:
        # A few runs far off would hide all others.
        linear = float(f"{usual:.0e}")
        axis.set_yscale("symlog", linthresh=linear)
        steps = [linear] + [10.0**k for k in range(-9, 9) if 10.0**k > 3 * linear]
        ticks = [-x for x in steps if -x > values.min()] + [0.0] + [x for x in steps if x < values.max()]
        axis.set_yticks(ticks, [f"{x:g}".replace("-", "−") for x in ticks])
    else:
        axis.yaxis.set_major_locator(MaxNLocator(4))
    names = {_called(k) for k, *_ in bounds}
    single = names.pop() if len(names) == 1 else "observed"
    axis.set_ylabel(f"{single} / bound" if relative else single)
    _log_ticks(axis)
    if len(relative or bounds) > 1:
        axis.legend(loc="best", markerscale=1.6)


def _bound(name: str, verdict: Verdict, part: dict[str, Any], runs: pd.DataFrame) -> Picture | None:
    observable = part["observable"]
    used = runs[runs[observable] > 0]
    constants = part.get("per_setting")
    if constants is None:
        return _never_positive(name, verdict, part, runs)
    first = used.groupby("setting").first()
    if len(first) != len(constants):
        return None
    figure, axes = canvas(9.0, 3.1, 1, 3, wspace=0.12, sharey=True)
    values = np.array(constants)
    log = np.log(values)
    for axis, k in zip(axes[0], ("n", "m", "d"), strict=True):
        x = np.log(first[k].to_numpy(float))
        axis.plot(_apart(first[k], first.index.to_series()), values, "o", ms=4, color=SIGNAL, mew=0, alpha=0.85)
        grid = np.linspace(x.min(), x.max(), 20)
        drift = part.get("drift", {}).get(k)
        if drift:
            low, high = (np.exp(log.mean() + drift[e] * (grid - x.mean())) for e in ("low", "high"))
            axis.fill_between(np.exp(grid), np.minimum(low, high), np.maximum(low, high), color=WINDOW, lw=0)
            axis.plot(np.exp(grid), np.exp(log.mean() + drift["value"] * (grid - x.mean())), color=INK, lw=1)
            shown = ", ".join(_signed(drift[e], 2) for e in ("low", "high"))
            axis.set_title(f"drift ${LATEX[k]}^{{{drift['value']:+.2f}}}$ [{shown}]")
        axis.set(xscale="log", yscale="log", xlabel=f"${LATEX[k]}$")
        if k != "d":
            _log_ticks(axis)
    axes[0, 0].set_ylabel("least $K$ that serves" if part["upper"] else "largest $K$ that serves")
    low, high = values.min() / 1.6, values.max() * 1.6
    if high < 10 * low:  # a decade around the data, lest noise look like drift
        low, high = np.sqrt(low * high) / 10**0.55, np.sqrt(low * high) * 10**0.55
    axes[0, 0].set_ylim(low, high)
    if high < 100 * low:
        _plain_log(axes[0, 0])
    caption = (
        f"The constant that serves a share $1-\\delta$ of the runs, one point per setting, for {_called(observable)}."
        f" Lines: its fitted drift with each size, the others held fixed; shaded: 95 % interval of the slope. The bound"
        f" fails if the needed constant certainly worsens faster than the power {DRIFT_TOLERANCE:g}. {_sizes(used)}"
    )
    return finished(figure, name, f"Constants of {verdict.claim.name}", caption)


def _never_positive(name: str, verdict: Verdict, part: dict[str, Any], runs: pd.DataFrame) -> Picture | None:
    """A lower bound without any positive constant: how often the observable is positive at all."""
    if part["upper"] or part["observable"] not in runs:
        return None
    values = runs[part["observable"]].to_numpy(float)
    figure, axes = canvas(9.0, 2.9, 1, 2, wspace=0.24)
    required = 1 - float(runs["delta"].iloc[0])
    _shares(axes[0, 0], runs, values > 0, required)
    _distances(axes[0, 1], [(part["observable"], Within(low=0))], runs, strict=True)
    caption = (
        f"Left: share of runs in which {_called(part['observable'])} is positive at all, one point per setting with its"
        f" exact 95 % interval; solid line: the required probability {required:g}. Right: its value in every run;"
        f" crosses are zero. {_sizes(runs)}"
    )
    return finished(figure, name, f"Success shares of {verdict.claim.name}", caption)


def _identity(name: str, verdict: Verdict, part: dict[str, Any], runs: pd.DataFrame) -> Picture | None:
    values = runs[part["observable"]].dropna().to_numpy(float)
    if not values.size:
        return None
    tolerance = next(law.tolerance for k, law in verdict.claim.parts if isinstance(law, Exactly))
    figure, axes = canvas(6.2, 2.5, left=0.6)
    axis = axes[0, 0]
    shown = np.maximum(values, 1e-18)  # exact zeros
    top = max(float(shown.max()), tolerance) * 3
    axis.hist(shown, bins=np.geomspace(shown.min() * 0.8, top, 60), color=SIGNAL, alpha=0.85)
    axis.axvline(tolerance, color=NOISY, lw=1.2)
    axis.text(tolerance, 1.02, "tolerance", color=NOISY, ha="center", transform=axis.get_xaxis_transform())
    axis.set(xscale="log", xlabel="residual", ylabel="runs", xlim=(shown.min() * 0.6, top))
    caption = (
        f"Residuals of the identity, one per run; the line is the tolerance {number(tolerance)}"
        f"{'; exact zeros are drawn at $10^{-18}$' if (values == 0).any() else ''}. {_sizes(runs)}"
    )
    return finished(figure, name, f"Residuals of {verdict.claim.name}", caption)


def _crossing(name: str, verdict: Verdict, part: dict[str, Any], runs: pd.DataFrame) -> Picture | None:
    if "x" not in part or len(part["x"]) < 2:
        return None
    x, y = np.array(part["x"]), np.array(part["y"])
    figure, axes = canvas(7.0, 3.2)
    axis = axes[0, 0]
    at, within = part["at"], part["within"]
    axis.axvspan(at - within, at + within, color=WINDOW, lw=0, label=f"predicted {at:g} ± {within:g}")
    axis.plot(x, y, "o", ms=2.6, mew=0, alpha=0.45, color=SIGNAL, rasterized=True)
    axis.axhline(0, color=INK, lw=0.8)
    ends = np.array([x.min(), x.max()])
    slope, offset = np.polyfit(x, y, 1)
    axis.plot(ends, slope * ends + offset, color=INK, lw=1.1, ls=(0, (4, 2.5)), label="fitted line")
    where = part.get("where")
    if where:
        axis.plot([where["low"], where["high"]], [0, 0], color=NOISY, lw=4, solid_capstyle="butt", zorder=4,
                  label=f"measured {where['value']:.3f} [{where['low']:.3f}, {where['high']:.3f}]")  # fmt: skip
    axis.set_xlabel(_along(verdict, part))
    axis.set_ylabel(_called(part["observable"]))
    axis.legend(loc="best")
    caption = (
        f"Every run's {_called(part['observable'])} against the deciding product, with the fitted line (dashed), the"
        f" predicted location with its window (shaded) and the measured one with its 95 % interval. {_sizes(runs)}"
    )
    return finished(figure, name, f"Crossing of {verdict.claim.name}", caption)


def _along(verdict: Verdict, part: dict[str, Any]) -> str:
    """What the crossing lies along, in the paper's notation if it has one."""
    laws = [law for k, law in verdict.claim.parts if k == part["observable"] and isinstance(law, Crossing)]
    along = next(law.along for law in laws if law.at == part["at"])
    known = {
        kappa * (1 - tau_plus - tau_minus): r"\kappa(1-\tau_+-\tau_-)",
        kappa * (1 - 2 * tau_plus): r"\kappa(1-2\tau_+)",
        kappa * (1 - 2 * tau_minus): r"\kappa(1-2\tau_-)",
    }
    for expression, latex in known.items():
        if sp.simplify(along - expression) == 0:
            return f"${latex}$"
    return f"${tex(along)}$"
