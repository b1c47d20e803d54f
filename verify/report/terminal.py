"""What stands on the terminal of runs: a check, a study in short, the conformance of a pack."""

from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from verify.check import Check
from verify.conformance import Finding
from verify.judge import Verdict
from verify.laws.kind import Status
from verify.notation import number
from verify.report.common import duration, indented, open_console, readable, shortened
from verify.report.hunts import beside_rows
from verify.report.theorems import print_theorems
from verify.report.words import (
    SIGNS,
    STYLES,
    brief,
    conditions_text,
    counts,
    decided,
    expectation,
)
from verify.scaling import Fate
from verify.shown import visible
from verify.study import Outcome


def _print_check(check: Check, console: Console) -> None:
    held = check.file
    counted = (
        (held.conditions, "new condition"), (held.claims, "claim"), (held.theorems, "theorem"),
        (held.observables, "observable"),
    )  # fmt: skip
    said = ", ".join(f"{len(x)} {what}{'' if len(x) == 1 else 's'}" for x, what in counted)
    console.print(f"{held.path}: {said}", soft_wrap=True)
    for warning in check.warnings:
        console.print(Text(f"warning: {warning}", style="yellow"), soft_wrap=True)
    for found in check.relations:
        console.print()
        console.print(Text(f"{found.condition.name}: {found.says}", style="bold"))
        indented(console, found.proof)
    for found in check.omissions:
        console.print()
        line = Text(f"{conditions_text(found.needs)}: {found.condition.name} is {found.status}", style="bold")
        console.print(line)
        indented(console, found.proof)
        if found.weakest:
            indented(console, f"the weakest condition that would give it: {found.weakest}")
    if len(check.margins) and check.margins["new"].any():
        console.print()
        console.print("Margins at typical settings: least, median, largest", style="bold")
        for where, rows in check.margins[check.margins["new"]].groupby("at", sort=False):
            console.print(Text(f"  {shortened(str(where), console.width - 4)}"))
            for row in rows.to_dict("records"):
                sizes = ", ".join(number(row[k]) for k in ("least", "median", "largest"))
                console.print(Text(f"    {row['condition']}: {sizes} (asked: {number(row['required'])})"))


def _print_trends(check: Check, console: Console) -> None:
    if not check.trends:
        return
    console.print()
    console.print("Where a premise of the paper is lost: does the conclusion fail, or only the proof?", style="bold")
    styles = {Fate.FAILS: "bold red", Fate.HOLDS: "green", Fate.OPEN: "yellow"}
    paths = {t.path.group: t.path for t in check.trends}
    for group, path in paths.items():
        console.print()
        reach = f", n from {path.places[0].setting.n} to {path.places[-1].setting.n}" if path.places else ""
        indented(console, f"{conditions_text(path.needs)}, without {path.lost.name}, along {path.scaling}{reach}")
        for t in check.trends:
            if t.path.group == group:
                console.print(Text(f"{t.claim.name}: ").append(str(t.answer), style=styles[t.answer]))
                indented(console, readable(t.reason))


def summary(outcome: Outcome, folder: Path | None = None, check: Check | None = None) -> None:
    """What a study found, on stdout."""
    console = open_console()
    if check is not None:
        _print_check(check, console)
        console.print()
    claims = [v for v in outcome.verdicts if not v.claim.contrast]
    contrasts = [v for v in outcome.verdicts if v.claim.contrast]
    if not outcome.finished:
        done, planned = len(outcome.results), len(outcome.plan.jobs)
        console.print(
            Text(f"PARTIAL, {done} of {planned} settings ran: {outcome.missing}", style="bold red"), soft_wrap=True
        )
    print_theorems(outcome, console)
    if claims:
        console.print(_counted(claims))
    if outcome.decisions:
        console.print(("and " if claims else "") + decided(outcome.decisions))
    for title, verdicts in (("", claims), ("Contrasts: what the theorems do not say, expected to fail", contrasts)):
        if not verdicts:
            continue
        if title:
            console.print()
            console.print(title, style="bold")
        shown = Table(box=None, pad_edge=False, padding=(0, 1), show_header=True, header_style="bold")
        shown.add_column("verdict", no_wrap=True)
        shown.add_column("claim", overflow="fold", max_width=37)
        shown.add_column("measured", overflow="fold", ratio=1)
        for v in verdicts:
            style = STYLES[v.status] if not v.claim.contrast else ("green" if v.status == Status.REFUTED else "yellow")
            shown.add_row(
                Text(f"{SIGNS[v.status]} {v.status}", style=style),
                Text(v.claim.name),
                Text(brief(v)),
            )
        console.print(shown)
    # Statements about orders would drown the claims: beside them only what is not as stated is shown.
    shown_decisions = [d for d in outcome.decisions if d.status != Status.SUPPORTED or not outcome.verdicts]
    if shown_decisions:
        console.print()
        shown = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold")
        for heading in ("verdict", "statement", "answer"):
            shown.add_column(heading, overflow="fold", no_wrap=heading == "verdict")
        for d in shown_decisions:
            line = Text(f"{SIGNS[d.status]} {d.status}", style=STYLES[d.status])
            shown.add_row(line, Text(d.statement.name), Text(d.measured))
        console.print(shown)
    for status in (Status.REFUTED, Status.OPEN, Status.INCONCLUSIVE, Status.OUTSIDE):
        some = [v for v in claims if v.status == status]
        if some:
            console.print()
            console.print(f"Why {status}", style=STYLES[status])
        for v in some:
            console.print(Text(v.claim.name))
            indented(console, readable(v.reason))
    for v in contrasts:
        if v.status != Status.REFUTED:
            console.print(f"{v.claim.name}: {expectation(v)}", style="yellow")
    if check is not None:
        _print_trends(check, console)
    statuses = {v.claim.name: str(v.status) for v in outcome.verdicts}
    searched = beside_rows(outcome.hunts, outcome.plan.reading, statuses)
    if searched:
        console.print()
        console.print(f"Search for violations: {searched['lead']}", style="bold", soft_wrap=True)
        for row in searched["rows"]:
            if row["differs"]:
                console.print(Text(row["name"]))
                indented(console, row["differs"])
    console.print()
    if not outcome.verdicts and not outcome.answers:
        console.print(f"no runs needed, {duration(outcome.wall)}")
    else:
        console.print(
            f"{len(outcome.runs)} runs, profile {outcome.plan.profile.name}, seed {outcome.plan.seed},"
            f" C = {outcome.plan.reading.C:g}, labels {outcome.plan.reading.labels}, {duration(outcome.wall)}"
        )
    if folder is not None:
        console.print(f"report: {visible(folder / 'index.html')}", soft_wrap=True)


def _counted(verdicts: list[Verdict]) -> Text:
    line = Text()
    for status, count in counts(verdicts).items():
        if count or status != Status.OUTSIDE:
            line.append(f"{count} {status}", style=STYLES[Status(status)])
            line.append("   ")
    return line


def conformance(name: str, findings: Iterable[Finding]) -> bool:
    """What became of every check of a pack, on stdout as they come; whether all hold."""
    console, whole = open_console(), True
    console.print(Text(name, style="bold"))
    for found in findings:
        whole &= not found.problem
        said = f"FAILS  {found.check}: {found.problem}" if found.problem else f"holds  {found.check}"
        said = f"–      {found.check}: not asked, {found.void}" if found.void else said
        console.print(Text(said, style="bold red" if found.problem else ""), soft_wrap=True)
    return whole
