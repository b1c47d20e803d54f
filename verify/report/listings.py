"""What the commands that run nothing print: lists, explanations, margins, answers about orders."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from numerics.series import NOTATION, SERIES
from theory import Claim, Margin, T_star, evaluate, orders
from theory.formulas import plain
from theory.papers import Entailment, Paper, built_in
from theory.reading import Reading
from theory.statements import PROVENANCE, Part, Theorem, law_tex, tags, tex
from verify.entailed import CLAIMED, Decision, certificate
from verify.laws import kind_of
from verify.notation import number, symbol
from verify.pack import load, pack_of
from verify.report.common import indented, markdown, open_console, prose, readable, stated
from verify.report.words import (
    SIGNS,
    STAGES,
    STYLES,
    aligned,
    conditions_text,
    how_judged,
    kinds,
    source,
    where,
)

if TYPE_CHECKING:
    from numerics import Observable, Setting
    from verify.design import Group


def table_of_theorems(theorems: Sequence[Theorem]) -> None:
    """All theorems, on stdout: name, source with provenance, and what each says."""
    console = open_console()
    width = max((len(t.name) for t in theorems), default=0)
    for theorem in theorems:
        line = Text(theorem.name.ljust(width), style="bold")
        where = theorem.source.reference.partition(", ")[2]
        line.append(f"  {where} [{theorem.source.provenance}]", style="not bold")
        console.print(line, soft_wrap=True)
        indented(console, f"theorem, with its own quantifiers: {prose(theorem.says)}")
    console.print()


def explain_theorem(theorem: Theorem) -> None:
    """Everything that is known of a theorem, on stdout."""
    console = open_console()

    def section(title: str, *lines: str) -> None:
        console.print()
        console.print(title, style="bold")
        for line in lines:
            indented(console, line)

    console.print(Text(theorem.name, style="bold"))
    console.print(Text(theorem.says))
    held = theorem.source
    note = [f"note: {held.note}"] if held.note else []
    section("Source", held.reference, f"provenance '{held.provenance}': {PROVENANCE[held.provenance]}", *note)
    section("It says", "there are constants, and inside the conditions there is one time, such that all of this holds:")
    for part in theorem.parts:
        indented(console, f"{part.name}: {plain(part.latex)}")
        indented(console, f"  {prose(part.says)} Looked at: {_bounds(part)}.")
    section("The time", f"an iteration between {theorem.window[0]} and {theorem.window[1]}")
    section("Conditions", *(f"{c.name}: {plain(c.latex)}" for c in theorem.needs))
    section(
        "Constants, from the value with which the theorem says the most to the one with which it says the least",
        *(f"{h.name}: {h.says}; {', '.join(number(v) for v in h.ladder)}{f' ({h.why})' if h.why else ''}"
          for h in theorem.hidden),
    )  # fmt: skip
    if theorem.tested:
        section("What is tested", prose(theorem.tested))
    section(
        "How it is judged",
        "The constants are looked for on exploration runs, fixed, and confirmed once on fresh settings and seeds, under"
        " labels exact in number and under independent ones. SUPPORTED with these constants; REFUTED only if fresh runs"
        " at the last constants of the ladder contradict it and failures do not fall along it; OPEN if they fall;"
        " INCONCLUSIVE otherwise (docs/how-verdicts-are-reached.md).",
    )


def _bounds(part: Part) -> str:
    low = "" if part.law.low is None else f"{part.law.low} <= "
    high = "" if part.law.high is None else f" <= {part.law.high}"
    return f"{low}{part.series}{high}"


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


def list_observables(observables: Mapping[str, Observable]) -> None:
    """What a claim can speak of, on stdout, each with its formula."""
    console = open_console()
    shown = _table("observable", "says, and formula", "runs needed")
    for name, held in observables.items():
        body = Text(prose(held.says))
        if held.latex:
            body.append(f"\n{plain(held.latex)}", style="dim")
        shown.add_row(Text(name), body, Text(STAGES[held.stage]))
    console.print(shown)
    _letters(console)


def list_series() -> None:
    """What is recorded along every run, on stdout: name and formula."""
    console = open_console()
    shown = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold")
    shown.add_column("series")
    shown.add_column("formula", overflow="fold", ratio=1)
    for name, held in SERIES.items():
        shown.add_row(Text(name), Text(plain(held.latex)))
    console.print(shown)
    _letters(console)


def _letters(console: Console) -> None:
    shown = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold")
    shown.add_column("letter", no_wrap=True)
    shown.add_column("what it is", overflow="fold", ratio=1)
    for latex, says in NOTATION:
        shown.add_row(Text(plain(latex)), Text(readable(says)))
    console.print()
    console.print(shown)


def vocabulary() -> str:
    """Every letter, recorded series and observable with its formula, in Markdown whose formulas stand between dollars:
    for a reference. Observables of a paper alone come under its name."""
    from numerics import OBSERVABLES

    own = [
        (pack.paper, [o for name, o in pack.observables.items() if OBSERVABLES.get(name) is not o])
        for pack in map(load, built_in())
    ]
    context = {
        "letters": NOTATION, "series": SERIES, "common": OBSERVABLES.values(), "papers": own, "stages": STAGES,
    }  # fmt: skip
    return markdown("vocabulary.md", context)


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
