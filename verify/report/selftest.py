"""The self-test's report."""

from pathlib import Path

from rich.table import Table
from rich.text import Text

from verify.laws.kind import Status
from verify.report.common import cell, dumps, indented, open_console, readable
from verify.selftest import FOLDER, SelfTest
from verify.shown import visible

TRUTH = {Status.REFUTED: "false", Status.SUPPORTED: "true", Status.OPEN: "open"}


def write_selftest(result: SelfTest, folder: Path, command: str) -> None:
    """Print how the verifier fared against planted falsehoods, and write selftest.json and selftest.md.

    Raises:
        OSError: ``folder`` cannot be written; it is then as before.
    """
    (rejected, planted), (accepted, true), (opened, beyond) = result.rejected, result.accepted, result.opened
    plan = result.outcome.plan
    rows = result.table.to_dict("records")
    # Of what is true, that it is not told is no mistake.
    missed = [t for t in result.trials if t.wrong or (t.right != Status.SUPPORTED and t.status != t.right)]
    held = {
        "command": command,
        "profile": plan.profile.name,
        "seed": plan.seed,
        "passed": result.exit_status == 0,
        "planted": planted,
        "rejected": rejected,
        "true": true,
        "accepted": accepted,
        "open": beyond,
        "called_open": opened,
        "table": rows,
        "power": result.curve.to_dict("records"),
        "trials": [{k: v for k, v in vars(t).items()} for t in result.trials],
        "environment": dict(result.outcome.environment),
    }
    answer = {0: "passed", 1: "FAILED", 3: "not enough evidence: take a larger --profile"}[result.exit_status]
    lines = [
        "# Does the verifier reject false laws?",
        "",
        f"Profile {plan.profile.name}, seed {plan.seed}. Planted falsehoods rejected: {rejected} of {planted}."
        f" True statements accepted: {accepted} of {true}. Open ones called open: {opened} of {beyond}."
        f" **{answer.capitalize()}.**",
        "",
        "| truth | what was planted | claim | trials | rejected | accepted | neither |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        truth = TRUTH[row["right"]]
        counts = " | ".join(str(row[k]) for k in ("trials", "rejected", "accepted", "neither"))
        lines.append(f"| {truth} | {cell(row['kind'])} | {cell(row['claim'])} | {counts} |")
    power = result.power
    if len(power):
        shifts = list(dict.fromkeys(power["shift"]))
        lines += [
            "",
            "Where it begins to see: of the exponents of each rate, moved one at a time, how many are SUPPORTED /",
        ]
        lines += ["REFUTED / neither. Between the tolerance and 0.25 nothing is required.", ""]
        lines += [f"| rate | {' | '.join(f'{x:+g}' for x in shifts)} |", "|---" * (len(shifts) + 1) + "|"]
        for rate, rows_ in power.groupby("rate", sort=False):
            lines.append(f"| {cell(rate)} | {' | '.join(_three(rows_[rows_['shift'] == x].iloc[0]) for x in shifts)} |")
    if missed:
        lines += ["", "Not answered as they should be:", ""]
        lines += [
            f"- {cell(t.claim)}, {cell(t.kind)}, {cell(t.detail)}: {t.status} ({cell(t.measured)})" for t in missed
        ]
    lines += ["", f"Command: `{command}`", ""]
    FOLDER.save({"selftest.json": dumps(held), "selftest.md": "\n".join(lines)}, folder)

    console = open_console()
    shown = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold")
    for heading in ("truth", "statement", "made from"):
        shown.add_column(heading, overflow="fold")
    for heading in ("trials", "rejected", "accepted", "neither"):
        shown.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        told = {Status.REFUTED: "rejected", Status.SUPPORTED: "accepted", Status.OPEN: "neither"}[row["right"]]
        wrong = row[told] < (0.95 if row["right"] == Status.SUPPORTED else 1) * row["trials"]
        shown.add_row(
            TRUTH[row["right"]],
            Text(row["kind"]),
            Text(row["claim"]),
            *(str(row[k]) for k in ("trials", "rejected", "accepted", "neither")),
            style="red" if wrong else None,
        )
    console.print(shown)
    if len(power):
        console.print("\nSUPPORTED/REFUTED/neither, of the exponents of each rate moved one at a time:")
        shown = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold")
        shown.add_column("moved by", justify="right", no_wrap=True)
        for rate in dict.fromkeys(power["rate"]):
            shown.add_column(rate, overflow="fold")
        for x, rows_ in power.groupby("shift"):
            shown.add_row(f"{x:+g}", *(_three(row) for row in rows_.to_dict("records")))
        console.print(shown)
    for t in missed[:20]:
        console.print()
        console.print(Text(f"{t.claim}, {t.kind}, {t.detail}: {t.status}", style="red"))
        indented(console, readable(t.measured))
    console.print()
    console.print(
        f"falsehoods rejected: {rejected} of {planted}; true statements accepted: {accepted} of {true};"
        f" open ones called open: {opened} of {beyond}"
    )
    console.print(answer, style={0: "bold green", 1: "bold red", 3: "bold yellow"}[result.exit_status])
    console.print(f"report: {visible(folder / 'selftest.md')}", soft_wrap=True)


def _three(row) -> str:
    return f"{row['supported']}/{row['refuted']}/{row['neither']}"
