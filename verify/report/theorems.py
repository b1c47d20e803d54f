"""The theorems in a report: with which constants they hold, on what evidence, and their parts one by one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from theory.statements import PROVENANCE, Theorem
from verify.laws.kind import Status
from verify.notation import number
from verify.report.limits import limit_lines, limit_statements
from verify.report.words import SIGNS, STYLES, evidence, reproduce

if TYPE_CHECKING:
    from verify.draw import Picture
    from verify.quantify import TheoremVerdict
    from verify.study import Outcome

LABELS = {"balanced": "balanced labels, flips exact in number", "drawn": "labels and flips drawn independently"}


def theorem_rows(outcome: Outcome) -> list[dict[str, Any]]:
    """A row per theorem, with an entry per kind of labels."""
    answers, rows = outcome.answers, []
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
                "reproduce": reproduce(held.name, outcome),
                "limit": limit_statements(held, outcome),
                "answers": [
                    {
                        "labels": a.labels,
                        "meaning": LABELS[a.labels],
                        "status": str(a.status),
                        "sign": SIGNS[a.status],
                        "constants": a.told,
                        "evidence": evidence(a),
                        "limit": limit_lines(a, outcome),
                        "explored": a.explored,
                        "reason": a.reason,
                        "rungs": _rungs(a),
                        "parts": [
                            {"name": p.part.name, "latex": p.part.latex, "says": p.part.says, "status": str(p.status),
                             "sign": SIGNS[p.status], "met": p.met, "runs": p.runs, "reason": p.reason}
                            for p in a.parts
                        ],
                    }
                    for a in own
                ],
            }
        )  # fmt: skip
    return rows


def _hidden(theorem: Theorem, answers: Sequence[TheoremVerdict]) -> list[dict[str, str]]:
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


def _rungs(found: TheoremVerdict) -> list[dict[str, str]]:
    """How often the theorem fails along the ladder, in exploration."""
    return [
        {
            "told": ", ".join(f"{h.latex} = {number(row[h.name])}" for h in found.theorem.restricting),
            "settings": str(row["settings"]),
            "failures": f"{row['failures']} of {row['runs']}" if row["runs"] else "none affordable",
        }
        for row in found.choice.table.to_dict("records")
    ]


def theorem_json(found: TheoremVerdict, outcome: Outcome) -> dict[str, Any]:
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
        "constants_in_words": found.told,
        "evidence": evidence(found),
        "limit": {
            "lines": limit_lines(found, outcome),
            "statements": limit_statements(found.theorem, outcome),
        },
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


def print_theorems(outcome: Outcome, console: Console) -> None:
    """The theorems on the terminal: verdict, constants, evidence; parts only where they differ from the whole."""
    answers = outcome.answers
    if not answers:
        return
    table = Table(box=None, pad_edge=False, padding=(0, 1), show_header=True, header_style="bold")
    table.add_column("verdict", no_wrap=True)
    table.add_column("theorem", overflow="fold", no_wrap=True)
    table.add_column("labels")
    table.add_column("constants and evidence", overflow="fold", ratio=1)
    for a in answers:
        told = a.told + "; " + evidence(a)
        if a.status != Status.SUPPORTED:
            told += f". {a.reason}"
        differing = [f"{p.part.name} {p.status}" for p in a.parts if p.status != a.status]
        if differing:
            told += f" ({', '.join(differing)})"
        for line in limit_lines(a, outcome):
            told += f"\n{line['what']}: {line['told']}"
        table.add_row(
            Text(f"{SIGNS[a.status]} {a.status}", style=STYLES[a.status]),
            Text(a.theorem.name),
            Text(a.labels),
            Text(told),
        )
    console.print(table)
    console.print()


def pictures(outcome: Outcome) -> dict[str, tuple[Picture, ...]]:
    """Where each theorem holds, by its name: over n, and over the regions that are decided in the limit."""
    from verify.quantify.figures import over_the_limit, where_it_holds

    found = {}
    for name in dict.fromkeys(a.theorem.name for a in outcome.answers):
        own = tuple(a for a in outcome.answers if a.theorem.name == name)
        drawn = where_it_holds(own), over_the_limit(own, outcome.proofs)
        if any(drawn):
            found[name] = tuple(picture for picture in drawn if picture)
    return found
