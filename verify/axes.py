"""Axes and captions that several figures share."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from theory.laws import Law
from verify import fit
from verify.draw import CLEAN, INK, MUTED, NOISY, SIGNAL, number
from verify.drawn import traced
from verify.evidence import at_runs
from verify.notation import called, latex


def legend_above(axis: Axes, **how: Any) -> None:
    """A legend in one line above the frame, where nothing is drawn; it may reach over the panel at the left."""
    handles, _ = axis.get_legend_handles_labels()
    axis.legend(
        loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.1, ncols=len(handles), columnspacing=1.4,
        handlelength=1.6, handletextpad=0.5, **how,
    )  # fmt: skip


def span(values: pd.Series | np.ndarray) -> str:
    low, high = float(np.min(values)), float(np.max(values))
    return number(low) if number(low) == number(high) else f"{number(low)} to {number(high)}"


def sizes(runs: pd.DataFrame) -> str:
    known = latex()
    spans = ", ".join(f"${known[k]}$ {span(runs[k])}" for k in ("n", "m", "d") if k in runs)
    return f"{spans}; {runs['setting'].nunique()} settings, {len(runs)} runs."


def signed(value: float, digits: int | None = None) -> str:
    text = f"{value:+g}" if digits is None else f"{value:+.{digits}f}"
    return "0" if value == 0 else text.replace("-", "−")


def apart(values: pd.Series, setting: pd.Series) -> np.ndarray:
    """Values for a logarithmic axis, moved a little sideways by setting where several settings share one."""
    place = pd.Series(setting.to_numpy()).groupby(values.to_numpy()).rank("dense").to_numpy()
    crowd = pd.Series(place).groupby(values.to_numpy()).transform("max").to_numpy()
    return values.to_numpy(float) * np.exp(0.3 * (place - (crowd + 1) / 2) / np.maximum(crowd, 6))


def shares(axis: Axes, runs: pd.DataFrame, met: np.ndarray, required: float) -> None:
    table = pd.DataFrame({"n": runs["n"].to_numpy(), "setting": runs["setting"].to_numpy(), "met": met})
    by = table.groupby("setting").agg(n=("n", "first"), hits=("met", "sum"), trials=("met", "size"))
    found = [fit.clopper_pearson(int(hits), int(trials)) for hits, trials in zip(by["hits"], by["trials"], strict=True)]
    low, value, high = (np.array([getattr(x, name) for x in found]) for name in ("low", "value", "high"))
    n = apart(by["n"], by.index.to_series())
    first = runs.index.to_series().groupby(runs["setting"]).first().to_numpy()
    for chosen, colour in ((high >= required, SIGNAL), (high < required, NOISY)):
        axis.vlines(n[chosen], low[chosen], high[chosen], color=colour, lw=0.8, alpha=0.5)
        traced(*axis.plot(n[chosen], value[chosen], "o", color=colour, ms=3.6), first[chosen], whole=True)
    axis.axhline(required, color=INK, lw=1)
    axis.set(xscale="log", ylim=(-0.04, 1.04), xlabel="$n$", ylabel="share of runs that meet it")
    axis.set_yticks([0, 0.5, 1])


def distances(axis: Axes, laws: Iterable[tuple[str, Law]], runs: pd.DataFrame, strict: bool = False) -> bool:
    """Observed value over the size of its bound, or the bare value where a bound is zero; ``strict``: equality fails.
    Whether any fails, which is a cross."""
    n = apart(runs["n"], runs["setting"])
    bounds = [
        (k, b, at_runs(b, runs), side)
        for k, law in laws
        for b, side in zip(law.bounds or (), (1, -1), strict=False)
        if b is not None
    ]
    relative = [x for x in bounds if (x[2] != 0).all()]
    seen, crosses = [np.zeros(0)], False
    for (k, _, at, side), colour in zip(relative or bounds, (SIGNAL, CLEAN, "#7B5EA7", MUTED) * 2, strict=False):
        raw = runs[k].to_numpy(float)
        value = raw / np.abs(at) if relative else raw
        fails = side * raw <= side * at if strict else side * raw < side * at
        seen.append(value[np.isfinite(value)])
        label = f"{called(k)} {'≥' if side > 0 else '≤'} bound" if len(relative or bounds) > 1 else None
        [meets] = axis.plot(
            n[~fails], value[~fails], "o", ms=2.6, mew=0, alpha=0.55, color=colour, label=label, rasterized=True
        )
        traced(meets, runs.index[~fails])
        crosses |= fails.any()
        if fails.any():
            traced(*axis.plot(n[fails], value[fails], "x", ms=4, mew=0.9, color=NOISY, rasterized=True),
                   runs.index[fails])  # fmt: skip
    # Over its size a bound is 1, and a negative one -1, so that what meets it stays on the side that its sign says.
    edges = {float(x) for _, _, at, _ in relative or bounds for x in np.sign(at)}
    for edge in edges:
        axis.axhline(edge, color=INK, lw=1)
    values = np.concatenate(seen)
    axis.set(xscale="log", xlabel="$n$")
    if relative and values.size and values.min() > 0 and values.max() > 10 * values.min():
        axis.set_yscale("log")
    elif values.size and np.abs(values).max() > 10 * (usual := np.quantile(np.abs(values), 0.9)) > 0:
        # A few runs far off would hide all others.
        linear = float(f"{usual:.0e}")
        axis.set_yscale("symlog", linthresh=linear)
        steps = [linear] + [10.0**k for k in range(-9, 9) if 10.0**k > 3 * linear]
        ticks = [-x for x in steps if -x > values.min()] + [0.0] + [x for x in steps if x < values.max()]
        axis.set_yticks(ticks, [f"{x:g}".replace("-", "−") for x in ticks])
    else:
        axis.yaxis.set_major_locator(MaxNLocator(4))
    names = {called(k) for k, *_ in bounds}
    single = names.pop() if len(names) == 1 else "observed"
    unit = " / bound" if edges == {1.0} else " / |bound|"
    axis.set_ylabel(single + unit if relative else single)
    if len(relative or bounds) > 1:
        legend_above(axis, markerscale=1.6)
    return bool(crosses)
