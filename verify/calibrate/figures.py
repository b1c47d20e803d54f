"""Figures of a calibration, as values. Drawn in the style of :mod:`verify.figures`."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap, Normalize

from verify.calibrate import ARRIVES, Calibration, Constant, Existence, Exponent, Leaning
from verify.design import EPSILON
from verify.draw import CLEAN, INK, MUTED, NOISY, SIGNAL, STYLE, Picture, canvas, finished, legend_below
from verify.drawn import Told, traced
from verify.falsify import again_at
from verify.notation import symbol
from verify.pack import pack_of

# From white to blue, told apart in grey; the end is dark enough for white text.
SHADES = ListedColormap(np.linspace((1, 1, 1), (0.03, 0.25, 0.45), 256))
SCALE = Normalize(0, 1)
MARKS = (("o", SIGNAL), ("s", NOISY), ("^", CLEAN), ("D", "#CC79A7"), ("v", "#E69F00"), ("P", "#56B4E9"), ("X", INK))


def figures(found: Calibration) -> Iterator[Picture]:
    """Every figure that the calibration has something for."""
    with matplotlib.rc_context(STYLE):
        if any(len(c.table) for c in found.constants):
            yield _constants(found)
        if any(len(x.table) for x in found.leanings):
            yield _leanings(found)
        if len(found.thresholds):
            yield _thresholds(found.thresholds)
        if any(len(e.table) for e in found.exponents):
            yield _exponents(found)


def _constants(found: Calibration) -> Picture:
    kinds: dict[str, list[Constant]] = {}
    for constant in found.constants:
        if len(constant.table):
            kinds.setdefault(constant.in_words, []).append(constant)
    rows = [len(group) for group in kinds.values()]
    height = 0.28 * sum(rows) + 0.62 * len(rows) + 0.5
    figure, axes = canvas(
        7.6, height, len(rows), 1, left=2.05, right=0.9, bottom=0.5, top=0.32, height_ratios=rows,
        hspace=2.2 * len(rows) / max(sum(rows), 1),
    )  # fmt: skip
    for axis, (words, group) in zip(axes[:, 0], kinds.items(), strict=True):
        steps = sorted({c for one in group for c in one.table["C"]})
        axis.grid(False)
        for y, one in enumerate(group):
            for row in one.table.itertuples():
                x = steps.index(row.C)
                box = axis.fill(
                    np.array([-0.48, 0.48, 0.48, -0.48]) + x, np.array([-0.46, -0.46, 0.46, 0.46]) + y,
                    color=SHADES(SCALE(row.failing)), ec="#CCCCCC", lw=0.5,
                )  # fmt: skip
                traced(*box, [_at_constant(found, one, row)])
                text = f"{row.violating}/{row.settings}" + (f" ({row.undecided})" if row.undecided else "")
                axis.text(
                    x, y, text, ha="center", va="center", fontsize=7.5, color="white" if row.failing > 0.5 else INK
                )
            if one.answer is Existence.FOUND:
                x = steps.index(one.value)
                axis.plot([x - 0.48, x - 0.48], [y - 0.46, y + 0.46], color=NOISY, lw=3, solid_capstyle="butt")
        axis.set_xlim(-0.6, len(steps) - 0.4)
        axis.set_ylim(len(group) - 0.4, -0.6)
        axis.set_xticks(range(len(steps)), [_step(x, words) for x in steps])
        axis.set_yticks(range(len(group)), [c.claim.name for c in group])
        axis.set_xlabel("the constant C that every condition is asked to reach" if words == "C" else words)
        for spine in axis.spines.values():
            spine.set_visible(False)
    _shade_bar(figure, "share of runs that fail")
    return finished(
        figure, "constants", "Violating settings by claim and constant",
        "Settings that violate the claim, of those run, at each constant (undecided ones in brackets); the shade is the"
        " share of all runs that fail. The bar marks the smallest constant from which on no violation was found; a row"
        " without one has none, or too little is settled. Rows end where the next step costs too much.",
    )  # fmt: skip


def _at_constant(found: Calibration, one: Constant, row: Any) -> Told | str:
    """A cell in words: its counts and the setting that fails most, with a command that looks at that one again."""
    cells = found.cells
    mine = cells[(cells["part"] == "constant") & (cells["claim"] == one.claim.name) & (cells["label_C"] == row.C)]
    words = f"{one.claim.name} at {'C' if one.in_words == 'C' else one.in_words} = {_step(row.C, one.in_words)}: "
    words += f"{row.violating} of {row.settings} settings violate it, {row.undecided} are undecided; {row.failing:.2%}"
    words += f" of {row.runs} runs fail"
    if not row.failing:
        return words
    most = mine.loc[(mine["failures"] / mine["counted"].clip(lower=1)).idxmax()]
    pack = pack_of(found.layout.reading)
    values = {k: int(most[k]) if k in pack.setting.whole() else float(most[k]) for k in pack.columns}
    words += f", most at {_setting(values)}: {most['failures']} of {most['counted']}"
    reading = replace(found.layout.reading, C=row.C) if one.in_words == "C" else found.layout.reading
    asked = reading.at(values, EPSILON[1])
    if one.in_words != "C" or not all(c.margin(asked, reading.C).holds for c in one.claim.needs):
        return words
    return Told(says=words, again=again_at(one.claim, values, reading))


def _setting(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{symbol(k)} = {value:.4g}" for k, value in values.items())


def _step(value: float, words: str) -> str:
    return f"{value:g}" if words == "C" or value >= 1 else f"1/{round(1 / value)}"


def _shade_bar(figure, label: str) -> None:
    width, _ = figure.get_size_inches()
    axis = figure.add_axes([1 - 0.62 / width, 0.3, 0.13 / width, 0.5])
    axis.imshow(np.linspace(1, 0, 128)[:, None], cmap=SHADES, norm=SCALE, aspect="auto", extent=(0, 1, 0, 1))
    axis.grid(False)
    axis.set_xticks([])
    axis.yaxis.tick_right()
    axis.set_yticks([0, 0.5, 1])
    axis.set_ylabel(label, fontsize=8.5, labelpad=1)


def _leanings(found: Calibration) -> Picture:
    rows = [x for x in found.leanings if len(x.table)]
    columns = _columns(rows)
    factors = sorted({f for x in rows for f in x.table["factor"]})
    gap = 0.6
    place = {item: k * (len(factors) + gap) for k, item in enumerate(columns)}
    figure, [[axis]] = canvas(9.6, 0.26 * len(rows) + 1.75, left=2.05, right=0.9, bottom=0.5, top=1.2)
    axis.grid(False)
    for y, one in enumerate(rows):
        for row in one.table.itertuples():
            x = place[row.item] + factors.index(row.factor)
            box = axis.fill(
                np.array([-0.5, 0.5, 0.5, -0.5]) + x, np.array([-0.45, -0.45, 0.45, 0.45]) + y,
                fc=SHADES(SCALE(row.share)) if row.runs else "white", ec="#CCCCCC", lw=0.4,
                hatch=None if row.runs else "//////",
            )  # fmt: skip
            share = (
                f"{row.share:.2%} [{row.low:.2%}, {row.high:.2%}] of {row.runs} runs" if row.runs else "no run speaks"
            )
            traced(*box, [f"{one.claim.name}, {row.item} loosened by {_factor(row.factor)}: fails in {share}"])
            if row.verdict == "leans":
                axis.plot([x], [y], marker="o", ms=3.2, color=NOISY, mec="white", mew=0.5)
    for item, x in place.items():
        axis.text(
            x + (len(factors) - 1) / 2, -0.8, re.sub(r"^[\d.]+-", "", item), rotation=38, fontsize=8.5,
            ha="left", va="bottom",
        )  # fmt: skip
    axis.set_xlim(-0.7, (len(factors) + gap) * len(columns) - gap - 0.3)
    axis.set_ylim(len(rows) - 0.4, -0.6)
    ticks = [x + k for x in place.values() for k in range(len(factors))]
    labels = [_factor(f) for _ in place for f in factors]
    axis.set_xticks(ticks, labels, fontsize=6, rotation=90)
    axis.set_yticks(range(len(rows)), [x.claim.name for x in rows])
    for spine in axis.spines.values():
        spine.set_visible(False)
    _shade_bar(figure, "share of runs that fail")
    return finished(
        figure, "leaning", "Share of failing runs by claim, item and factor",
        "Each block is one item of the condition, loosened by the factors below it (1 is the control, 1/2 tightened);"
        " all settings lie at that face. The shade is the share of runs that fail; a dot says that it exceeds what is"
        " allowed and the control beyond doubt. Hatched: no run says anything there. No cell: the item is not among the"
        " claim's conditions, or its parameter ends before.",
    )  # fmt: skip


def _factor(factor: float) -> str:
    return f"{factor:g}" if factor >= 1 else f"1/{1 / factor:g}"


def _columns(rows: Sequence[Leaning]) -> list[str]:
    return list(dict.fromkeys(item for x in rows for item in x.table["item"]))


_PANELS = (
    ("signal leads", ("stage1.signal-leads",), "early.signal_lead", 2.0),
    ("noisy samples ignored", ("stage1.noisy-ignored",), "early.noisy_margin", 1.0),
)


def _thresholds(table: pd.DataFrame) -> Picture:
    figure, axes = canvas(8.6, 3.7, 1, 2, left=0.75, right=0.2, bottom=1.15, top=0.35, wspace=0.25)
    places = list(dict.fromkeys(zip(table["tau_plus"], table["tau_minus"], table["n"], strict=True)))
    for axis, (title, claims, early, level) in zip(axes[0], _PANELS, strict=True):
        axis.axhline(level, color=MUTED, lw=1, ls="--")
        for k, (plus, minus, n) in enumerate(places):
            marker, colour = MARKS[k % len(MARKS)]
            here = table[(table["tau_plus"] == plus) & (table["tau_minus"] == minus) & (table["n"] == n)]
            top = 1 - 2 * max(plus, minus)
            shift = 1.025 ** (k - len(places) / 2)
            late = here[here["claim"].isin(claims)]
            _points(axis, late, top, shift, marker, colour, filled=True)
            derived = late.dropna(subset=["derived"])
            axis.plot(
                derived["m"] * shift, derived["derived"] * top, ls="none", marker="_", ms=13, mew=1.4, color=colour
            )
            label = "minus" if minus >= plus else "plus"
            _points(axis, here[here["claim"] == f"{early}.{label}"], top, shift, marker, colour, filled=False)
        axis.set_xscale("log", base=2)
        sizes = sorted(set(table["m"]))
        axis.set_xticks(sizes, [f"{x:g}" for x in sizes])
        axis.set_xlim(sizes[0] / 1.3, sizes[-1] * 1.3)
        axis.set_ylim(0, None)
        axis.set_title(title)
        axis.set_xlabel("neurons per class $m$")
    axes[0, 0].set_ylabel(r"threshold of $\kappa(1-2\max\tau)$")
    handles = [
        matplotlib.lines.Line2D([], [], ls="none", marker=MARKS[k % len(MARKS)][0], color=MARKS[k % len(MARKS)][1],
                                label=rf"$\tau=({plus:g},{minus:g})$, $n={n}$")
        for k, (plus, minus, n) in enumerate(places)
    ]  # fmt: skip
    legend_below(figure, handles, fontsize=8.5, columnspacing=1.4)
    return finished(
        figure, "thresholds", "Measured thresholds of kappa against the derived ones",
        r"Where half of the runs meet the claim, as $\kappa(1-2\max\tau)$, against $m$. Filled: at $T_1$, with its 95 %"
        r" interval; bars of the same colour: the mean field at its own $T_1$ (noisy samples with the largest active"
        r" fraction that $n$ and $m$ let expect). Open: the early moment. Dashed: the closed form, 2 and 1.",
    )  # fmt: skip


def _points(axis, here: pd.DataFrame, top: float, shift: float, marker: str, colour: str, filled: bool) -> None:
    for row in here.itertuples():
        low, high = max(row.low, row.least / 1.3), min(row.high, row.most * 1.3)
        x = row.m * shift * (1 if filled else 1.06)
        axis.plot([x, x], [low * top, high * top], color=colour, lw=1)
        if np.isfinite(row.value):
            mark = axis.plot(
                x, row.value * top, marker=marker, color=colour, mfc=colour if filled else "white", ms=5, ls="none"
            )
            where = _setting({k: getattr(row, k) for k in ("n", "m", "tau_plus", "tau_minus")})
            value = f"{row.value:.4g} [{row.low:.4g}, {row.high:.4g}]"
            traced(*mark, [f"{row.claim}, {where}: half of the runs meet it at {symbol('kappa')} = {value}"])


def _exponents(found: Calibration) -> Picture:
    # Where a claim fails only because T_1 does not come, it shares its edge: one line for all of those.
    alike: dict[tuple[float, ...], list[Exponent]] = {}
    for one in found.exponents:
        if one.table["d"].notna().any():
            alike.setdefault(tuple(one.table["d"].fillna(-1)), []).append(one)
    shown = [same[0] for same in alike.values()]
    others = {same[0].claim.name: [e.claim.name for e in same[1:]] for same in alike.values()}
    figure, [[axis]] = canvas(6.6, 4.2, left=0.75, right=2.35, bottom=0.6, top=0.2)
    for k, one in enumerate(shown):
        marker, colour = MARKS[k % len(MARKS)]
        rows = one.table.dropna(subset=["d"])
        shift = 1.03 ** (k - len(shown) / 2)
        x = rows["n"] * shift
        names = [one.claim.name, *others[one.claim.name]]
        name = "\n".join("$T_1$ comes" if x == ARRIVES else x for x in names)
        power = "" if one.a is None else f": $a={one.a.value:.2f}$ [{one.a.low:.2f}, {one.a.high:.2f}]"
        [marks] = axis.plot(
            x, rows["d"] / rows["n"], marker=marker, ms=5, color=colour, lw=0.8, label=name + power.replace(": ", "\n")
        )
        said = "T_1 comes" if one.claim.name == ARRIVES else one.claim.name
        traced(marks, [f"{said}, n = {row.n}, m = {row.m}: in half of the runs at d = {row.d:.4g}"
                       f" [{row.low:.4g}, {row.high:.4g}]" for row in rows.itertuples()])  # fmt: skip
        for row in rows.itertuples():
            low, high = max(row.low, row.least / 1.2), min(row.high, row.most * 1.2)
            axis.plot([row.n * shift] * 2, [low / row.n, high / row.n], color=colour, lw=1)
    never = [e.claim.name for e in found.exponents if e.answer is Existence.NONE]
    sizes = sorted({x for e in found.exponents for x in e.table["n"]})
    top = None
    if sizes and shown:
        n = np.array(sizes, float)
        m = np.array([float(shown[0].table.set_index("n")["m"].get(x, np.nan)) for x in sizes])
        arrival = next((e for e in shown if e.claim.name == ARRIVES), shown[0]).table.dropna(subset=["d"])
        base = arrival.iloc[0]
        top = 2 * max(
            float((e.table["high"].where(np.isfinite(e.table["high"]), e.table["most"]) / e.table["n"]).max())
            for e in shown
        )
        along = np.geomspace(n[0], n[-1], 100)
        m = np.exp(np.interp(np.log(along), np.log(n), np.log(m)))
        for guide, style, label in (
            (np.log(along * m) / np.log(base["n"] * base["m"]), "--", r"$\propto n\log(nm)$"),
            (along / base["n"], ":", r"$\propto n^2$"),
        ):
            values = guide * base["d"] / base["n"]
            axis.plot(along, np.where(values <= top, values, np.nan), color=MUTED, lw=1, ls=style, label=label)
    axis.set_xscale("log", base=2)
    axis.set_yscale("log", base=2)
    axis.set_ylim(None, top)
    axis.set_xticks(sizes, [f"{x:g}" for x in sizes])
    axis.set_xlabel("samples $n$")
    axis.set_ylabel("$d^*/n$: half of the runs meet the claim")
    axis.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=8, labelspacing=0.7)
    return finished(
        figure, "exponents", "Where claims start to fail as d falls, along n",
        "The dimension $d^*$ below which a claim fails in half of the runs, over $n$, with its 95 % interval; $a$ is"
        " the exponent of $d^* = cn^a$. Dashed and dotted: $n\\log(nm)$ and the $n^2$ that the condition asks for."
        + (f" Never failing on this grid: {', '.join(never)}." if never else ""),
    )  # fmt: skip
