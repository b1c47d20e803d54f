"""A violation, drawn: its runs beside those of a setting at which the claim holds."""

import re

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from verify.draw import CLEAN, INK, MUTED, NOISY, SIGNAL, STYLE, Picture, canvas, finished, number
from verify.drawn import traced
from verify.falsify import Curves, Followed
from verify.notation import called

MOMENTS = {"T1": "$T_1$", "early": "the early moment", "end": "the end"}


def draw(followed: Followed, first: int = 0) -> Picture:
    """The claim's own series with its bound, run by run; below it what the network learned in one run of either. The
    runs are ``followed.runs``, counted from ``first``."""
    shown = [c for c in (followed.violated, followed.holds) if c is not None]
    along = next(((name, series) for name, series in followed.along.items()), None)
    with matplotlib.rc_context(STYLE):
        rows = 2 if along else 1
        width = 8.6 if len(shown) == 2 else 4.9
        figure, axes = canvas(width, 2.9 * rows, rows, len(shown), hspace=0.42, wspace=0.14, top=0.62, sharey="row")
        for column, curves in enumerate(shown):
            axis = axes[0, column]
            rows = first + column * len(followed.violated.runs) + np.arange(len(curves.runs))
            if along:
                _runs(axis, curves, rows, *along, stage=followed.stage)
                _learned(axes[1, column], curves, rows, failing=column == 0)
            else:
                _values(axis, curves, rows)
            axis.set_title(f"{'violated' if column == 0 else 'holds'}: {_fails(curves)}\n{_at(curves)}", fontsize=9)
        if along:
            axes[0, 0].set_ylabel(called(along[1]))
            axes[1, 0].set_ylabel("coefficients of one run")
            axes[0, -1].legend(handles=_legend(), loc="best", fontsize=8)
            lines = {line.get_label(): line for axis in axes[1] for line in axis.lines if line.get_label()[0] != "_"}
            axes[1, -1].legend(handles=list(lines.values()), loc="upper left", fontsize=8)
        name = "witness-" + re.sub(r"[^\w.-]+", "_", followed.claim.name)
        return finished(
            figure, name, f"{followed.claim.name}: runs that break it, beside runs that do not", _caption(followed)
        )


def _fails(curves: Curves) -> str:
    return f"fails in {curves.tested.failures} of {curves.tested.trials} fresh runs"


def _at(curves: Curves) -> str:
    s = curves.tested.setting
    return rf"$n={s.n}$, $m={s.m}$, $\kappa={s.kappa:.3g}$, $\tau_+={s.tau_plus:.2g}$, $\tau_-={s.tau_minus:.2g}$"


def _caption(followed: Followed) -> str:
    text = f"{followed.claim.name}, {len(followed.violated.met)} runs with seeds of their own at the violation found"
    if followed.holds:
        text += " (left) and at the nearest setting looked at where fresh seeds confirm that the claim holds (right)"
    if not followed.along:
        return (
            text + ". One mark per run: the observable over its bound, or itself where the bound is zero; crosses fail."
        )
    where = "" if followed.stage == "end" else f", up to {MOMENTS[followed.stage]}, where a mark shows what is judged"
    return (
        f"{text}. Above: the claim's own series against rescaled time $s$, one line per run{where}; the dashed line is"
        " its bound; runs that break the claim in red with crosses, grey ones say nothing of it. Below: one run of"
        r" either, the left one failing: signal coefficients $\gamma$ of both output signs, and own noise coefficients"
        r" $\bar\rho$ of clean and flipped samples (means; the band spans the flipped ones)."
    )


def _runs(axis: Axes, curves: Curves, rows: np.ndarray, observable: str, series: str, stage: str) -> None:
    values = curves.series[series]
    order = np.argsort(~curves.met, kind="stable")  # failing ones on top
    for k in order:
        bad = curves.counted[k] and not curves.met[k]
        said = NOISY if bad else SIGNAL if curves.counted[k] else MUTED
        line = axis.plot(curves.times, np.where(np.isfinite(values[k]), values[k], np.nan), color=said,
                         lw=1.1 if bad else 0.8, alpha=0.95 if bad else 0.6)  # fmt: skip
        traced(*line, rows[[k]])
        last = np.flatnonzero(np.isfinite(values[k]))
        at = curves.moment[k] if stage in ("T1", "early") else (last[-1] if last.size else -1)
        if at >= 0 and np.isfinite(values[k, at]):
            how = {"marker": "x", "ms": 5} if bad else {"marker": "o", "ms": 3}
            traced(*axis.plot(curves.times[at], values[k, at], color=said, ls="none", mew=1.2, **how), rows[[k]])
    for bound in curves.bounds[observable]:
        if bound is not None:
            axis.axhline(bound, color=INK, lw=1.1, ls=(0, (4, 2.5)))
    axis.set_xlabel("rescaled time $s$")


def _learned(axis: Axes, curves: Curves, rows: np.ndarray, failing: bool) -> None:
    wanted = np.flatnonzero(curves.counted & (~curves.met if failing else curves.met))
    k = int(wanted[0]) if wanted.size else 0
    s, held = curves.times, curves.series
    low, high = held["rho_noisy_min"][k], held["rho_noisy_max"][k]
    with np.errstate(invalid="ignore"):
        axis.fill_between(s, np.where(np.isfinite(low), low, np.nan), np.where(np.isfinite(high), high, np.nan),
                          color=NOISY, alpha=0.18, lw=0)  # fmt: skip
    lines = (
        ("gamma_plus", SIGNAL, "-", r"$\gamma_{+1}$"),
        ("gamma_minus", SIGNAL, (0, (4, 2)), r"$\gamma_{-1}$"),
        ("rho_clean_mean", CLEAN, "-", r"$\bar\rho$, clean"),
        ("rho_noisy_mean", NOISY, "-", r"$\bar\rho$, flipped"),
    )
    for name, colour, style, label in lines:
        if np.isfinite(held[name][k]).any():
            traced(*axis.plot(s, held[name][k], color=colour, ls=style, label=label), rows[[k]])
    if curves.moment[k] >= 0:
        axis.axvline(s[curves.moment[k]], color=MUTED, lw=0.9, ls=":")
        axis.text(s[curves.moment[k]], 1.01, "$T_1$", transform=axis.get_xaxis_transform(), ha="center", color=MUTED)
    axis.set_xlabel("rescaled time $s$")


def _values(axis: Axes, curves: Curves, rows: np.ndarray) -> None:
    """The observables themselves, where no single series leads to them."""
    ticks = []
    bad = curves.counted & ~curves.met
    for k, (name, value) in enumerate(curves.values.items()):
        bounds = [b for b in curves.bounds[name] if b is not None]
        unit = bounds[0] if len(bounds) == 1 and bounds[0] else 1.0
        spread = k + 0.28 * (np.arange(value.size) / max(value.size - 1, 1) - 0.5) * 2
        traced(*axis.plot(spread[~bad], value[~bad] / unit, "o", ms=3.5, color=SIGNAL, mew=0, alpha=0.7), rows[~bad])
        traced(*axis.plot(spread[bad], value[bad] / unit, "x", ms=5, mew=1.2, color=NOISY), rows[bad])
        for bound in bounds:
            axis.plot([k - 0.4, k + 0.4], [bound / unit] * 2, color=INK, lw=1.2, ls=(0, (4, 2.5)))
        ticks.append(called(name) + ("" if unit == 1.0 else f"\n/ {number(unit)}"))
    axis.set_xticks(range(len(ticks)), ticks)
    axis.set_xlim(-0.6, len(ticks) - 0.4)


def _legend() -> list[Line2D]:
    return [
        Line2D([], [], color=NOISY, marker="x", ms=5, lw=1.1, label="breaks the claim"),
        Line2D([], [], color=SIGNAL, marker="o", ms=3, lw=0.8, label="meets it"),
        Line2D([], [], color=MUTED, lw=0.8, label="says nothing"),
        Line2D([], [], color=INK, ls=(0, (4, 2.5)), lw=1.1, label="bound"),
    ]
