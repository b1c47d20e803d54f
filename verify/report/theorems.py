"""The theorems in a report: with which constants they hold, on what evidence, and their parts one by one."""

import math
import shlex
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from theory.statements import PROVENANCE, Theorem
from verify.figures import Picture
from verify.judge import Status
from verify.quantify import Answer
from verify.report.common import number

LABELS = {"balanced": "balanced labels, flips exact in number", "drawn": "labels and flips drawn independently"}


def with_constants(found: Answer) -> str:
    """``with C = 4, ...``: the constants that were fixed, or how far they were followed."""
    told = found.theorem.told_at(found.choice.constants)
    return f"with {told}" if found.choice.served else f"followed to {told}"


def evidence(found: Answer) -> str:
    """``480 fresh runs, 30 settings, n 22–498; failing settings < 9.5 % (95 %)``."""
    if not found.runs:
        return "no run"
    n = found.settings["n"]
    span = f"n {int(n.min())}–{int(n.max())}" if n.min() < n.max() else f"n {int(n.min())}"
    total = int(found.settings["runs"].sum())
    return (
        f"{total} fresh runs, {len(found.settings)} settings, {span};"
        f" failing settings < {100 * found.failing:.1f} % (95 %)"
    )


def reproduce(found: Answer, profile: str, seed: int) -> str:
    return f"python -m verify run {shlex.quote(found.theorem.name)} --profile {profile} --seed {seed}"


def theorem_rows(answers: Sequence[Answer], profile: str, seed: int, signs: dict[Status, str]) -> list[dict[str, Any]]:
    """A row per theorem, with an entry per kind of labels."""
    rows = []
    for theorem in dict.fromkeys(a.theorem.name for a in answers):
        own = [a for a in answers if a.theorem.name == theorem]
        held = own[0].theorem
        rows.append(
            {
                "name": held.name,
                "anchor": f"theorem-{held.name}",
                "says": held.says,
                "tested": held.tested,
                "where": held.source.reference.partition(", ")[2],
                "provenance": held.source.provenance,
                "meaning": PROVENANCE[held.source.provenance],
                "note": held.source.note,
                "parts": [{"name": p.name, "latex": p.latex, "says": p.says, "frame": p.frame} for p in held.parts],
                "hidden": _hidden(held, own),
                "reproduce": reproduce(own[0], profile, seed),
                "answers": [
                    {
                        "labels": a.labels,
                        "meaning": LABELS[a.labels],
                        "status": str(a.status),
                        "sign": signs[a.status],
                        "constants": with_constants(a),
                        "evidence": evidence(a),
                        "explored": a.explored,
                        "reason": a.reason,
                        "rungs": _rungs(a),
                        "parts": [
                            {"name": p.part.name, "latex": p.part.latex, "says": p.part.says, "status": str(p.status),
                             "sign": signs[p.status], "met": p.met, "runs": p.runs, "reason": p.reason}
                            for p in a.parts
                        ],
                    }
                    for a in own
                ],
            }
        )  # fmt: skip
    return rows


def _hidden(theorem: Theorem, answers: Sequence[Answer]) -> list[dict[str, str]]:
    return [
        {
            "latex": h.latex,
            "says": h.says,
            "ladder": ", ".join(number(v) for v in h.ladder),
            "why": h.why,
            "fixed": "; ".join(f"{a.labels} {number(a.choice.constants[h.name])}" for a in answers),
        }
        for h in theorem.hidden
    ]


def _rungs(found: Answer) -> list[dict[str, str]]:
    """How often the theorem fails along the ladder, in exploration."""
    return [
        {
            "told": ", ".join(f"{h.latex} = {number(row[h.name])}" for h in found.theorem.restricting),
            "settings": str(row["settings"]),
            "failures": f"{row['failures']} of {row['runs']}" if row["runs"] else "none affordable",
        }
        for row in found.choice.table.to_dict("records")
    ]


def theorem_json(found: Answer) -> dict[str, Any]:
    """One answer in report.json."""

    def finite(value: float) -> float | None:
        return float(value) if math.isfinite(value) else None

    return {
        "name": found.theorem.name,
        "labels": found.labels,
        "status": str(found.status),
        "source": found.theorem.source.reference,
        "provenance": found.theorem.source.provenance,
        "says": found.theorem.says,
        "constants": dict(found.choice.constants),
        "least": dict(found.choice.least),
        "served": found.choice.served,
        "constants_in_words": with_constants(found),
        "evidence": evidence(found),
        "met": found.met,
        "runs": found.runs,
        "settings": found.settings.to_dict("records"),
        "failing_settings_below": finite(found.failing),
        "p": finite(found.p),
        "reason": found.reason,
        "explored_runs": found.explored,
        "ladder": found.choice.table.to_dict("records"),
        "parts": [
            {"name": p.part.name, "status": str(p.status), "met": p.met, "runs": p.runs, "reason": p.reason}
            for p in found.parts
        ],
    }


def print_theorems(
    answers: Sequence[Answer], console: Console, signs: dict[Status, str], styles: dict[Status, str]
) -> None:
    """The theorems on the terminal: verdict, constants, evidence; parts only where they differ from the whole."""
    if not answers:
        return
    table = Table(box=None, pad_edge=False, padding=(0, 1), show_header=True, header_style="bold")
    table.add_column("verdict", no_wrap=True)
    table.add_column("theorem", overflow="fold", no_wrap=True)
    table.add_column("labels")
    table.add_column("constants and evidence", overflow="fold", ratio=1)
    for a in answers:
        told = with_constants(a) + "; " + evidence(a)
        if a.status != Status.SUPPORTED:
            told += f". {a.reason}"
        differing = [f"{p.part.name} {p.status}" for p in a.parts if p.status != a.status]
        if differing:
            told += f" ({', '.join(differing)})"
        table.add_row(
            Text(f"{signs[a.status]} {a.status}", style=styles[a.status]),
            Text(a.theorem.name),
            Text(a.labels),
            Text(told),
        )
    console.print(table)
    console.print()


def pictures(answers: Sequence[Answer]) -> dict[str, Picture]:
    """Where each theorem holds, by its name."""
    from verify.theorem_figures import where_it_holds

    found = {}
    for name in dict.fromkeys(a.theorem.name for a in answers):
        picture = where_it_holds(tuple(a for a in answers if a.theorem.name == name))
        if picture is not None:
            found[name] = picture
    return found
