"""Several papers at one setting, on stdout."""

import math
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from theory import Margin
from theory.formulas import plain
from theory.statements import law_tex, tex
from verify.compared import Standing, shared
from verify.notation import number, symbol
from verify.report.common import indented, open_console


def standings(found: Sequence[Standing], epsilon: float) -> None:
    """Whose conditions hold, with the weakest margin of each set, and what each paper then predicts."""
    console = open_console()
    common = set.intersection(*(set(one.pack.columns) for one in found))
    values = found[0].setting.values()
    told = ", ".join(f"{symbol(k)} = {number(float(values[k]))}" for k in found[0].pack.columns if k in common)
    console.print(Text(f"{told}, κ = {number(found[0].setting.kappa)}; ε = {epsilon:g}"))
    for one in found:
        _one(one, console)
    same = shared(found)
    if same:
        console.print()
        console.print("Said of the same observable", style="bold")
    for name, by in same.items():
        for paper, laws in by.items():
            indented(console, f"{paper}: {'; '.join(dict.fromkeys(plain(law_tex(name, law)) for law in laws))}")


def _one(one: Standing, console: Console) -> None:
    console.print()
    console.print(Text(one.pack.name, style="bold").append(f"  {one.pack.paper.title}", style="not bold"))
    if one.taken:
        held = ", ".join(f"{symbol(k)} = {number(v)}" for k, v in one.taken.items())
        indented(console, f"as in its typical setting: {held}")
    if one.unknown:
        indented(console, f"its model has no {', '.join(symbol(k) for k in one.unknown)}")
    for title, margins in one.margins.items():
        indented(console, f"{title}: {_standing(margins)}")
    for phases, height in one.phases:
        if math.isnan(height):
            continue
        side, factor = (phases.beyond, math.exp(height)) if height > 0 else (phases.below, math.exp(-height))
        where = f"{number(factor)} times {'beyond' if height > 0 else 'short of'} where its phases part"
        indented(console, f"derived: {side}, as {plain(tex(phases.along))} is {where}")
    if one.predicted:
        indented(console, f"{len(one.predicted)} of its {len(one.predicted) + len(one.silent)} claims apply:")
    else:
        indented(console, f"none of its {len(one.silent)} claims applies")
    for claim, laws in one.predicted:
        indented(console, f"{claim.name}: {'; '.join(plain(law_tex(name, law)) for name, law in laws)}", columns=4)


def _standing(margins: Sequence[Margin]) -> str:
    weakest = min(margins, key=lambda m: m.value / m.required)
    failing = sum(not m.holds for m in margins)
    said = f"outside, {failing} of {len(margins)} fail" if failing else f"inside, all {len(margins)} hold"
    return (
        f"{said}; weakest {weakest.condition.name}: {number(weakest.value)} where {number(weakest.required)} is asked"
    )
