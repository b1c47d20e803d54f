"""What stands on the terminal: a study in short, claims, explanations, margins, entailments."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from numerics import Observable, Setting
from theory import Claim, Margin, T_star, evaluate, orders
from theory.papers import Entailment, Paper
from theory.reading import Reading
from theory.statements import PROVENANCE, law_tex, tags, tex
from verify.check import Check
from verify.conformance import Finding
from verify.design import Group
from verify.entailed import CLAIMED, Decision, certificate
from verify.formulas import plain
from verify.judge import Verdict
from verify.laws import kind_of
from verify.laws.kind import Status
from verify.notation import number, symbol
from verify.pack import pack_of
from verify.report.common import duration, indented, open_console, prose, readable, shortened, stated
from verify.report.hunts import beside_rows
from verify.report.theorems import print_theorems
from verify.report.words import (
    SIGNS,
    STAGES,
    STYLES,
    aligned,
    brief,
    conditions_text,
    counts,
    decided,
    expectation,
    how_judged,
    kinds,
    source,
    where,
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
        console.print(f"INTERRUPTED: partial, {done} of {planned} settings ran", style="bold red")
    print_theorems(outcome.answers, console, SIGNS, STYLES)
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


def table_of_claims(claims: tuple[Claim, ...], group_of: Mapping[str, Group] | None = None) -> None:
    """All claims, on stdout: name, source with provenance, kind of law, and the claim in a sentence."""
    console = open_console()
    width = max(len(c.name) for c in claims) if claims else 0
    for claim in claims:
        called = ", ".join(kinds(claim))
        held = source(claim)
        line = Text(claim.name.ljust(width), style="bold")
        line.append(f"  {where(held.reference)} [{held.provenance}]", style="not bold")
        console.print(line, soft_wrap=True)
        contrast = " Contrast: expected to fail." if claim.contrast else ""
        indented(console, f"{called}: {prose(claim.says)}{contrast}")
    console.print()
    indented(console, tags())
    if group_of is not None:
        groups = {g.name: g for g in group_of.values()}
        console.print()
        console.print(f"{len(claims)} claims, judged on {len(groups)} groups of runs:", style="bold")
        for name, group in groups.items():
            console.print(Text(f"  {name}: {conditions_text(group.needs)}; {STAGES[group.stage]}"))


def explain(claim: Claim, observables: Mapping[str, Observable], group: Group | None = None) -> None:
    """Everything that is known of a claim, on stdout."""
    console = open_console()

    def section(title: str, *lines: str | Text) -> None:
        console.print()
        console.print(title, style="bold")
        for line in lines:
            indented(console, line)

    console.print(Text(claim.name, style="bold"))
    if claim.contrast:
        console.print("A contrast: expected to fail. It shows what the theorem does not say.")
    console.print(Text(prose(claim.says)))
    section("Formula", *(plain(x) for x in re.split(r",\s*\\quad\s*", claim.latex)), f"LaTeX: {claim.latex}")
    held = source(claim)
    lines = [held.reference, f"provenance '{held.provenance}': {PROVENANCE[held.provenance]}"]
    section("Source", *lines, *([f"note: {held.note}"] if held.note else []))
    if claim.needs:
        lines = []
        for condition in claim.needs:
            text = Text(condition.name, style="italic")
            text.append(f": {prose(condition.says)}\n{stated(condition)}\n{condition.source}", style="not italic")
            lines.append(text)
        section("Conditions", *lines)
    else:
        section("Conditions", "none: it is claimed for any parameters")
    lines = []
    for name, law in claim.parts:
        held = observables.get(name)
        lines.append(f"{name}: {prose(held.says) if held else 'unknown observable'}")
        lines.append(f"{kind_of(law).called}: {plain(law_tex(name, law))}")
    section("Observables", *lines)
    if claim.tested:
        section("What is tested", prose(claim.tested))
    section("How it is judged", *map(readable, how_judged(claim)))
    if group is not None:
        section("Runs", f"group {group.name}: {STAGES[group.stage]}")


def list_statements(statements: tuple[Entailment, ...]) -> None:
    """All statements about orders, on stdout: name, source, and what is claimed of what."""
    console = open_console()
    width = max((len(s.name) for s in statements), default=0)
    for statement in statements:
        line = Text(statement.name.ljust(width), style="bold")
        line.append(f"  {where(statement.source.reference)} [{statement.source.provenance}]", style="not bold")
        console.print(line, soft_wrap=True)
        indented(console, prose(statement.says))
        indented(console, _claimed(statement))
    console.print()
    console.print(f"{len(statements)} statements; their premises and certificates: `explain NAME`", style="bold")


def _claimed(statement: Entailment) -> str:
    claimed = CLAIMED[statement.expected]
    return claimed if statement.goal is None else f"{statement.goal}: {claimed}"


def explain_statement(decision: Decision) -> None:
    """A statement about orders, its source, and its certificate, on stdout."""
    console, statement = open_console(), decision.statement
    console.print(Text(statement.name, style="bold"))
    console.print(Text(prose(statement.says)))
    console.print(Text(_claimed(statement)), soft_wrap=True)
    console.print()
    console.print("Source", style="bold")
    source = statement.source
    lines = [source.reference, f"provenance '{source.provenance}': {PROVENANCE[source.provenance]}"]
    for line in [*lines, *([f"note: {source.note}"] if source.note else [])]:
        indented(console, line)
    console.print()
    if decision.answer is not None:
        _answer(console, decision.answer)
        console.print()
    console.print(Text(f"{SIGNS[decision.status]} {decision.status}", style=STYLES[decision.status]))


def entailment(held: orders.Answer, facts: Sequence[orders.Premise]) -> None:
    """The answer to a question about orders with its certificate, on stdout.

    Args:
        held: the answer.
        facts: what was known of the parameters.
    """
    console = open_console()
    symbols = set().union(*(p.order.symbols for p in held.given), held.goal.symbols if held.goal else set())
    _answer(console, held, [f for f in facts if f.order.symbols <= symbols])


def _answer(console: Console, held: orders.Answer, facts: Sequence[orders.Premise] = ()) -> None:
    # Columns are for reading side by side: nothing here is wrapped.
    def plainly(lines: Sequence[str]) -> None:
        for line in lines:
            console.print(Text(f"  {line}"), soft_wrap=True)

    console.print("Premises", style="bold")
    plainly(aligned([(p.name, str(p.order)) for p in held.given]) or ["none"])
    if facts:
        plainly(["facts: " + ", ".join(str(f) for f in facts)])
    console.print()
    if held.goal is not None:
        console.print("Goal", style="bold")
        plainly([str(held.goal)])
        console.print()
    style = "bold green" if held.status in (orders.Ruling.ENTAILED, orders.Ruling.CONSISTENT) else "bold yellow"
    console.print(Text(f"{held.status}: {held.reason}", style=style), soft_wrap=True)
    if found := certificate(held):
        console.print()
        plainly(found.split("\n"))
    if held.status == orders.Ruling.NOT_ENTAILED:
        console.print()
        added = f"with {held.weakest} it would follow, and no weaker premise does"
        alone = "no single premise that the others allow was found with which it would follow"
        console.print(Text(added if held.weakest is not None else alone), soft_wrap=True)


def list_papers(papers: Sequence[Paper]) -> None:
    """The papers that the tools come with, on stdout."""
    console = open_console()
    for paper in papers:
        console.print(Text(paper.name, style="bold"))
        indented(console, paper.title)


def conformance(name: str, findings: Iterable[Finding]) -> bool:
    """What became of every check of a pack, on stdout as they come; whether all hold."""
    console, whole = open_console(), True
    console.print(Text(name, style="bold"))
    for found in findings:
        whole &= not found.problem
        said = f"FAILS  {found.check}: {found.problem}" if found.problem else f"holds  {found.check}"
        console.print(Text(said, style="bold red" if found.problem else ""), soft_wrap=True)
    return whole


def list_observables(observables: Mapping[str, Observable]) -> None:
    """What a claim can speak of, on stdout."""
    console = open_console()
    shown = _table("observable", "says", "runs needed")
    for name, held in observables.items():
        shown.add_row(Text(name), Text(prose(held.says)), Text(STAGES[held.stage]))
    console.print(shown)


def _table(*headings: str) -> Table:
    """A table without frame: the last but one column takes what room is left."""
    shown = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold")
    for i, heading in enumerate(headings):
        shown.add_column(heading, overflow="fold", ratio=1 if i == len(headings) - 2 else None)
    return shown


def margin_tables(sets: list[tuple[str, list[Margin]]], setting: Setting, reading: Reading, epsilon: float) -> None:
    """How far each condition of several sets holds at one setting, on stdout."""
    console = open_console()
    values = {k: setting.values()[k] for k in pack_of(reading).columns} | {"kappa": setting.kappa}
    last = evaluate(T_star, reading.at(setting.values(), epsilon))
    numbers = ", ".join(f"{symbol(k)} = {number(float(v))}" for k, v in values.items())
    effective = setting.kappa * (1 - 2 * max(setting.tau_plus, setting.tau_minus))
    console.print(Text(f"{numbers}, κ(1−2 max τ) = {number(effective)}; labels {setting.labels}"))
    console.print(
        Text(
            f"asked: C = {reading.C:g}; in the logarithms δ = {reading.delta:g}, T^* = {number(last)}"
            f" for ε = {epsilon:g}"
        ),
        style="dim",
    )
    for title, margins in sets:
        console.print()
        failing = [m.condition.name for m in margins if not m.holds]
        line = Text(title, style="bold")
        verdict = f"outside, {len(failing)} of {len(margins)} fail" if failing else "inside, all hold"
        console.print(line.append(f": {verdict}", style="bold red" if failing else "bold green"))
        margin_table(margins, console)


def margin_table(margins: list[Margin] | tuple[Margin, ...], console: Console | None = None) -> None:
    """How far each condition holds, which of its terms binds, and what each term alone would leave."""
    console = open_console() if console is None else console
    shown = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold")
    shown.add_column("", no_wrap=True)
    shown.add_column("condition", overflow="fold", max_width=22)
    shown.add_column("margin", justify="right", no_wrap=True)
    shown.add_column("asked", justify="right", no_wrap=True)
    shown.add_column("terms; > marks the binding one", overflow="fold", ratio=1)
    for margin in margins:
        body = Text(prose(margin.condition.says))
        for term in margin.terms:
            binds = len(margin.terms) > 1 and term.term == margin.binding
            value = f": {number(term.value)}" if len(margin.terms) > 1 else ""
            body.append(f"\n{'> ' if binds else '  '}{plain(tex(term.term))}{value}", style="" if binds else "dim")
        shown.add_row(
            Text("holds" if margin.holds else "FAILS", style="green" if margin.holds else "bold red"),
            Text(margin.condition.name),
            _short_of(margin),
            number(margin.required),
            body,
        )
    console.print(shown)


def _short_of(margin: Margin) -> str:
    """The margin, visibly below what is asked where it falls short by less than is shown."""
    shown = number(margin.value)
    return f"<{shown}" if not margin.holds and shown == number(margin.required) else shown
