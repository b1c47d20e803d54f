"""Phase diagrams drawn: one panel for each claim or observable, with the lines that theory draws over it."""

import math
from dataclasses import replace

import matplotlib
import numpy as np
import pandas as pd
import sympy as sp
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from theory import Claim
from theory.orders import grammar
from verify import maps
from verify.draw import CLEAN, INK, MUTED, NOISY, SIGNAL, STYLE, Picture, canvas, finished, legend_below
from verify.drawn import traced
from verify.maps import Grid, Line, Map
from verify.notation import called, latex
from verify.pack import loaded

# Yellow is what one hopes for, in grey too: a claim that holds, an early time, a small error.
GOOD_HIGH, GOOD_LOW = "cividis", "cividis_r"
DASHES = ((0, (5, 1.6)), (0, (1.4, 1.4)), (0, (6, 1.6, 1.4, 1.6)), (0, (9, 2.5)), (0, (3, 1, 1, 1, 1, 1)))
THEORY = {"predicted": "solid", "at T1": (0, (1.2, 1)), "fitted": (0, (4, 1.2))}
OTHERS = (SIGNAL, CLEAN, "#CC79A7", "#56B4E9")
HATCH = {maps.LATE: ("////", "never came in most runs"), maps.SILENT: ("....", "nothing flipped in most runs")}
TITLES = {
    "order_one_time": r"$T_1$ in rescaled time $s$",
    "convergence_time": r"$T_\varepsilon$ in rescaled time $s$",
    "error_spurious_T1": r"error on $D_\mathrm{test}$ at $T_1$",
    "error_spurious_end": r"error on $D_\mathrm{test}$ at the end",
    "error_fresh_T1": r"error on fresh noise at $T_1$",
    "error_fresh_end": r"error on fresh noise at the end",
    "error_training_noise_T1": r"error on the training noise at $T_1$",
    "error_training_noise_end": r"error on the training noise at the end",
    "loss_end": "training loss at the end",
}
ACROSS = 3  # panels in a row


def draw(map_: Map, found: pd.DataFrame) -> Picture:
    """The figure of a map from its table of cells, each of which stands for its runs."""
    grid = maps.fine_grid(map_)
    conditions = maps.boundaries(map_, grid)
    crossing = _merged([line for line in conditions if line.crosses])
    others = _merged(maps.of_others(map_, grid))
    across = min(ACROSS, len(map_.show))
    rows = math.ceil(len(map_.show) / across)
    bottom = 0.95 if rows > 1 else 0.88
    width, height = 0.75 + 3.25 * across, bottom + 2.75 * rows
    missing: set[int] = set()
    drawn: dict[str, list[Line]] = {}
    with matplotlib.rc_context(STYLE | {"axes.grid": False, "xtick.bottom": True, "ytick.left": True}):
        figure, axes = canvas(
            width, height, rows, across, left=0.68, right=0.5, bottom=bottom, top=0.3, wspace=0.42, hspace=0.34,
            sharex=True, sharey=True,
        )  # fmt: skip
        names = _names()
        for k, axis in enumerate(axes.flat):
            if k >= len(map_.show):
                axis.set_visible(False)
                continue
            name = map_.show[k]
            missing |= _cells(axis, map_, name, found)
            axis.set_title(f"({_letter(k)})", loc="right", color=MUTED)
            drawn[name] = maps.of_theory(map_, name, grid, found)
            for line, dashes in zip(crossing, _dashes(crossing), strict=True):
                _line(axis, grid, line, INK, dashes, 1.3)
            for line in drawn[name]:
                if line.crosses:
                    _line(axis, grid, line, NOISY, THEORY[line.kind], 2.0)
            for line, colour in zip(others, _colours(others), strict=True):
                if line.crosses:
                    _line(axis, grid, line, colour, "solid", 2.0)
            _scaled(axis, map_)
            last = k + across >= len(map_.show)
            axis.tick_params(labelbottom=last)
            axis.set_xlabel(f"${names[map_.x.name]}$" if last else "")
            axis.set_ylabel(f"${names[map_.y.name]}$" if k % across == 0 else "")
        _legend(figure, crossing, drawn, others, missing)
        caption = _caption(map_, found, conditions, drawn, others, missing)
        alt = f"Phase diagram over {map_.x.name} and {map_.y.name}: {', '.join(map_.show)}"
        return finished(figure, "map", alt, caption)


def _letter(index: int) -> str:
    return "abcdefghijklmnopqrstuvwxyz"[index % 26]


def _merged(lines: list[Line]) -> list[Line]:
    """Lines that coincide, such as those of tau_plus and tau_minus where both rates are one, as one."""
    kept: list[Line] = []
    for line in lines:
        same = [k for k, other in enumerate(kept) if np.allclose(line.heights, other.heights, equal_nan=True)]
        if same:
            before = kept[same[0]]
            kept[same[0]] = replace(
                before, name=f"{before.name}, {line.name}", says=f"{before.says} {line.says}".strip()
            )
        else:
            kept.append(line)
    return kept


def _dashes(lines: list[Line]) -> list:
    return [DASHES[k % len(DASHES)] for k in range(len(lines))]


def _shown(map_: Map, name: str, found: pd.DataFrame) -> tuple[np.ndarray, str, str, Normalize]:
    """What a panel colours: values per cell, title, colours, and their range."""
    quantity = maps.quantity_of(name, map_.reading)
    if isinstance(quantity, Claim):
        return found[name].to_numpy(float), name, GOOD_HIGH, Normalize(0, 1)
    title = TITLES.get(name, called(name))
    if quantity.time:
        values = found[f"{name}:s"].to_numpy(float)
        return values, title, GOOD_LOW, _range(values, log=True)
    values = found[name].to_numpy(float)
    if name.startswith("error_"):
        return values, title, GOOD_LOW, Normalize(0, 0.5)
    return values, title, GOOD_LOW if name.startswith("loss") else GOOD_HIGH, _range(values, name.startswith("loss"))


def _range(values: np.ndarray, log: bool) -> Normalize:
    seen = values[np.isfinite(values)]
    if not seen.size:
        return Normalize(0, 1)
    low, high = float(seen.min()), float(seen.max())
    if log and low > 0:
        return LogNorm(low, max(high, low * 1.01))
    return Normalize(low, high if high > low else low + 1)


def _cells(axis: Axes, map_: Map, name: str, found: pd.DataFrame) -> set[int]:
    """Colour the cells, hatch those without an answer; why there are some."""
    values, title, colours, norm = _shown(map_, name, found)
    shape = (len(map_.y.values), len(map_.x.values))
    x, y = maps.edges(map_.x), maps.edges(map_.y)
    mesh = axis.pcolormesh(x, y, values.reshape(shape), cmap=colours, norm=norm, rasterized=True, lw=0)
    mesh.set_label(name)
    traced(mesh, range(len(found)), whole=True)
    bar = axis.figure.colorbar(mesh, ax=axis, fraction=0.05, pad=0.03)
    bar.outline.set_visible(False)
    if not isinstance(norm, LogNorm):
        bar.ax.yaxis.set_major_locator(MaxNLocator(5))
    bar.ax.tick_params(labelsize=8.5)
    axis.set_title(title)
    why = found[f"{name}:why"].to_numpy().reshape(shape)
    for reason, (hatch, _) in HATCH.items():
        if (why == reason).any():
            empty = np.ma.masked_where(why != reason, np.zeros(shape))
            axis.pcolor(x, y, empty, cmap="Greys", vmin=-1, vmax=9, hatch=hatch, edgecolor=MUTED, lw=0)
    return set(np.unique(why)) - {0}


def _line(axis: Axes, grid: Grid, line: Line, colour: str, dashes, width: float) -> None:
    heights = np.ma.masked_invalid(line.heights)
    contour = axis.contour(grid.x, grid.y, heights, levels=[0.0], colors=colour, linewidths=width, linestyles=[dashes])
    effects = [patheffects.Stroke(linewidth=width + 1.8, foreground="white"), patheffects.Normal()]
    if line.kind == "condition":  # ticks on the side where it fails
        effects.append(patheffects.withTickedStroke(spacing=9, angle=-90, length=0.55, linewidth=0.9))
    contour.set_path_effects(effects)


def _scaled(axis: Axes, map_: Map) -> None:
    axis.set(xscale="log" if map_.x.log else "linear", yscale="log" if map_.y.log else "linear")
    for one, its in ((map_.x, axis.xaxis), (map_.y, axis.yaxis)):
        if not one.log:
            its.set_major_locator(MaxNLocator(5))
    axis.set(xlim=maps.edges(map_.x)[[0, -1]], ylim=maps.edges(map_.y)[[0, -1]])


def _colours(lines: list[Line]) -> list[str]:
    return [OTHERS[k % len(OTHERS)] for k in range(len(lines))]


def _legend(figure, crossing: list[Line], drawn: dict[str, list[Line]], others: list[Line], missing: set[int]) -> None:
    handles = [
        Line2D([], [], color=INK, lw=1.3, ls=dashes, label=f"condition {line.name}")
        for line, dashes in zip(crossing, _dashes(crossing), strict=True)
    ]
    handles += [
        Line2D([], [], color=NOISY, lw=2.0, ls=THEORY[line.kind], label=_label(k, line))
        for k, lines in enumerate(drawn.values())
        for line in lines
        if line.crosses
    ]
    handles += [
        Line2D([], [], color=colour, lw=2.0, label=line.name)
        for line, colour in zip(others, _colours(others), strict=True)
        if line.crosses
    ]
    handles += [Patch(facecolor="#EFEFEF", edgecolor=MUTED, hatch=HATCH[k][0], lw=0, label=HATCH[k][1])
                for k in sorted(missing)]  # fmt: skip
    legend_below(figure, handles, handlelength=3, fontsize=8.5)


def _label(panel: int, line: Line) -> str:
    return f"{'fitted' if line.kind == 'fitted' else 'predicted'} in ({_letter(panel)}): {line.name}"


def _caption(
    map_: Map,
    found: pd.DataFrame,
    conditions: list[Line],
    drawn: dict[str, list[Line]],
    others: list[Line],
    missing: set[int],
) -> str:
    kinds = []
    quantities = [maps.quantity_of(name, map_.reading) for name in map_.show]
    if any(isinstance(q, Claim) for q in quantities):
        kinds.append("of a claim, the share of the runs in which it holds")
    if any(not isinstance(q, Claim) and q.time for q in quantities):
        kinds.append(r"of a time, the median in units of $nm/(\eta\sigma_\xi^2d)$")
    if any(not isinstance(q, Claim) and not q.time for q in quantities):
        kinds.append("of anything else, the mean" if kinds else "the mean over them")
    text = f"Each cell: {map_.seeds} runs; {', '.join(kinds)}. "
    text += f"Held at every cell: {_held(map_)}. "
    text += f"Each run takes {map_.steps} steps. " if map_.steps else ""
    if map_.steps is None and map_.stage == "end":
        text += f"Runs end at loss {map_.epsilon:g}. "
    if any(line.crosses for line in conditions):
        text += f"Black, with ticks towards where it fails: the boundary of a condition at $C={map_.reading.C:g}$. "
    everywhere = [line.name for line in conditions if not line.crosses and line.holds]
    nowhere = [line.name for line in conditions if not line.crosses and not line.holds]
    text += f"Hold in the whole map: {', '.join(everywhere)}. " if everywhere else ""
    text += f"Hold nowhere in it: {', '.join(nowhere)}. " if nowhere else ""
    for name, lines in drawn.items():
        for line in lines:
            if line.kind == "fitted" and line.crosses:
                text += f"{line.says} "
            elif line.kind == "predicted" and not line.crosses:
                side = "above" if line.holds else "below"
                text += f"The whole map lies {side} the predicted line {line.name} of {name}. "
    if any(line.kind == "predicted" and line.crosses for lines in drawn.values() for line in lines):
        text += "Solid orange: the threshold of the mean field in closed form. "
    if any(line.kind == "at T1" and line.crosses for lines in drawn.values() for line in lines):
        text += "That is the limit at the start; dotted: where the mean-field curve itself meets the claim at $T_1$. "
    for line in others:
        text += f"{line.says} "
        text += "" if line.crosses else f"The whole map lies {'beyond' if line.holds else 'short of'} it. "
    if missing:
        text += "Hatched: fewer than half of the runs have an answer. "
    return text.strip()


def _names() -> dict[str, str]:
    known = latex() | {"tau": r"\tau_\pm", "snr": r"\mathrm{SNR}"}
    for pack in loaded():  # that a map is of one of them is known: it has been read
        known |= {name: rf"\mathrm{{{name}}}" for name in pack.maps.ratios if name not in known} | pack.maps.latex
    return known


def _held(map_: Map) -> str:
    fixed, names = maps.fixed(map_), _names()
    bounds = [f"${names[name]}$" for name, text in fixed if text == maps.BOUND]
    said = [f"${names[name]}={_tex(text)}$" for name, text in fixed if text not in (maps.BOUND, "tau")]
    return ", ".join(said) + (f", {' and '.join(bounds)} at the bound of their condition" if bounds else "")


def _tex(text: str) -> str:
    """A number or formula as LaTeX."""
    try:
        value = float(text)
    except ValueError:
        parsed, names = _expression(grammar.formula(text)), _names()
        return sp.latex(parsed, symbol_names={x: names.get(x.name, x.name) for x in parsed.free_symbols})
    if 1e-3 <= abs(value) < 1e5 or value == 0:
        return f"{value:g}"
    digits, power = f"{value:e}".split("e")
    return (f"{float(digits):g}" + r"\cdot " if float(digits) != 1 else "") + f"10^{{{int(power)}}}"


def _expression(formula: grammar.Formula) -> sp.Expr:
    """A formula that :mod:`verify.maps` has read, with its names left as they are."""
    match formula:
        case grammar.Number(text=number):
            return sp.sympify(int(number) if number.isdigit() else float(number))
        case grammar.Name(name=name):
            return sp.Symbol(name)
        case grammar.Negative(of=inner):
            return -_expression(inner)
        case grammar.Binary():
            return grammar.OPERATORS[formula.operator](_expression(formula.left), _expression(formula.right))
        case grammar.Call(function=name, arguments=given):
            return {"sqrt": sp.sqrt, "log": sp.log, "max": sp.Max, "min": sp.Min}[name](*map(_expression, given))
    raise TypeError(formula)
