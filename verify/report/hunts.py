"""What the search for violations found."""

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from numerics import Setting
from theory import Claim
from theory.reading import Reading
from theory.statements import tex
from verify.design import EPSILON
from verify.draw import Picture
from verify.drawn import table
from verify.falsify import FOLDER, Finding, Followed, Hunt, Tested, again_at, changed, figures
from verify.fit import clopper_pearson
from verify.notation import notation, number
from verify.pack import pack_of, typed
from verify.report import hover
from verify.report.common import csv, dumps, duration, html_page, markdown, open_console, stated
from verify.shown import visible


@contextmanager
def hunting(parties: Sequence[Sequence[Claim]], quiet: bool) -> Iterator[Callable[[int], Callable[[float], None]]]:
    """Progress of searches on stderr. Yields what gives, for a party, a function of the share of its budget gone."""
    console = open_console(sys.stderr)
    if quiet or not console.is_terminal:
        yield lambda _: lambda share: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        names = [p[0].name + (f" and {len(p) - 1} more" if len(p) > 1 else "") for p in parties]
        tasks = [bar.add_task(name, total=1.0) for name in names]
        yield lambda k: lambda share: bar.update(tasks[k], completed=share)


def write_hunts(
    hunts: Sequence[Hunt],
    followed: Mapping[str, Followed],
    reading: Reading,
    folder: Path,
    command: str,
    conditions: str = "",
    complaints: Sequence[str] = (),
) -> None:
    """Print what searches for violations found, a line or two per claim, and write falsify.html, .md and .json,
    falsify-figures/ and a pytest test per violation.

    Args:
        hunts: what was found.
        followed: runs to draw, by claim.
        reading: of the conditions.
        folder: created if missing; what else it holds is left alone.
        command: the command line.
        conditions: its ``--conditions``.
        complaints: what could not be read of earlier searches.

    Raises:
        OSError: ``folder`` cannot be written; it is then as before.
    """
    pictures, runs = {}, pd.DataFrame()
    for name, held in followed.items():
        pictures[name] = figures.draw(held, len(runs))
        runs = pd.concat([runs, held.runs], ignore_index=True)
    rows = [
        _row(finding, hunt, reading, conditions, pictures.get(finding.claim.name))
        for hunt in hunts
        for finding in hunt.findings
    ]
    context = {
        "lead": _lead(hunts),
        "notes": _notes(hunts, reading),
        "found": rows,
        "command": command,
    }
    again = {p.name: row["witnesses"][0]["command"] for row in rows if (p := row["picture"])}
    body: dict[str, str | bytes] = {
        "falsify.html": html_page(
            "hunts.html", "violations", context, hover.scripts(pictures.values(), runs, pack_of(reading), again)
        ),
        "falsify.md": markdown("hunts.md", context),
        "falsify.json": dumps(
            {
                "command": command,
                "reading": asdict(reading),
                "hunts": [hunt_json(h, reading, conditions) for h in hunts],
            }
        ),
    }
    body |= {row["test_name"]: row["test"] for row in rows if row["test"]}
    for picture in pictures.values():
        body |= picture.files(f"falsify-figures/{picture.name}")
        body[f"falsify-figures/{picture.name}.csv"] = csv(table(picture.figure, runs), float_format="%.6g")
    FOLDER.save(body, folder)

    console, told = open_console(), open_console(sys.stderr)
    for line in complaints:
        told.print(line, soft_wrap=True)
    for row in rows:
        style = {"VIOLATED": "bold red", "no violation found": "green"}.get(row["answer"], "yellow")
        end = "" if row["witnesses"] else f"{row['settings']} settings, {row['counted']} runs that speak of it"
        console.print(
            Text(row["answer"], style=style).append(f"  {row['name']}", style="bold"), soft_wrap=True, end="  "
        )
        console.print(end or row["witnesses"][0]["told"], soft_wrap=True)
        if row["witnesses"]:
            console.print(f"  {row['witnesses'][0]['command']}", soft_wrap=True)
        for line in row["replayed"]:
            console.print(f"  {line}", soft_wrap=True)
    looked = sum(h.settings for h in hunts)
    console.print(
        f"{looked} settings, {sum(h.runs for h in hunts)} runs, {duration(sum(h.seconds for h in hunts))};"
        f" report: {visible(folder / 'falsify.html')}",
        soft_wrap=True,
    )


def _lead(hunts: Sequence[Hunt]) -> str:
    findings = [f for h in hunts for f in h.findings]
    violated = sum(f.violated for f in findings)
    return (
        f"{violated} of {len(findings)} claims violated: {sum(h.settings for h in hunts)} settings inside the"
        f" conditions and {sum(h.runs for h in hunts)} runs were looked at in"
        f" {duration(sum(h.seconds for h in hunts))}."
    )


def _notes(hunts: Sequence[Hunt], reading: Reading) -> list[str]:
    found = [
        "VIOLATED: seeds that the search has not seen put the failure rate above"
        f" {reading.delta:g}, at 5 % shared by everything that this search could report. No violation found says that"
        " none was found among the settings looked at, not that there is none. Nothing seen: no run came far enough to"
        " speak of the claim."
    ]
    for hunt in hunts:
        names = ", ".join(f.claim.name for f in hunt.findings)
        rescaled = r"$\sigma_\xi = 1$ stands for all, by the exact rescaling. " if hunt.rescaled else ""
        bounds = "; ".join(f"${tex(c.statement)}$" for c in hunt.limits)
        found.append(
            f"{names}: {hunt.batches} batches up to {hunt.stage}, {hunt.rejected:.1%} of the points drawn could not be"
            f" placed inside. {rescaled}"
            f"The search's own limits, where nothing else bounds a parameter: {bounds}."
        )
    return found


def answer(finding: Finding) -> str:
    """One of three; no run that speaks of the claim is no absence of violations."""
    if finding.violated:
        return "VIOLATED"
    return "no violation found" if finding.counted else "nothing seen"


def _row(finding: Finding, hunt: Hunt, reading: Reading, conditions: str, picture: Picture | None) -> dict[str, Any]:
    claim, shown = finding.claim, finding.shown
    kinds = [("Simplest", finding.simplest), ("Worst", finding.worst)]
    if finding.simplest is None and shown is not None:
        kinds = [("Found before, and still there", shown)]
    elif finding.worst == finding.simplest:
        kinds = [("Simplest and worst", finding.simplest)]
    code = "" if shown is None or conditions else _witness_test(claim, shown, reading)
    replayed = [f"found before, still there: {_told(t, reading)}" for t in finding.kept]
    replayed += [f"found before, cleared by fresh seeds: {_told(t, reading)}" for t in finding.cleared]
    witnesses = [_witness(kind, w, finding, reading, conditions) for kind, w in kinds if w is not None]
    if finding.holds is not None:
        held = _witness("Where it holds", finding.holds, finding, reading, conditions)
        witnesses.append({**held, "margins": []})
    return {
        "name": claim.name,
        "answer": answer(finding),
        "says": claim.says,
        "formulas": [claim.latex],
        "share": "–" if shown is None else f"{shown.failures} of {shown.trials}",
        "rate": "–" if shown is None else f"{shown.rate:.3f}",
        "settings": hunt.settings,
        "counted": finding.counted,
        "witnesses": witnesses,
        "replayed": replayed,
        "picture": picture,
        "test": code,
        "test_name": f"test_{_slug(claim)}.py",
    }


def _told(tested: Tested, reading: Reading) -> str:
    text = f"fails in {tested.failures} of {tested.trials} fresh runs"
    if tested.rate > reading.delta:
        return f"{text}, surely more often than {tested.rate:.3f}; {reading.delta:g} is allowed"
    return f"{text}, at most {tested.most:.3f} at 95 %"


def beside_rows(hunts: Sequence[Hunt], reading: Reading, statuses: Mapping[str, str]) -> dict[str, Any] | None:
    """What the report of a study shows of the search beside it: where it found something, and where that differs from
    the claim's verdict."""
    if not hunts:
        return None
    findings = [(f, h) for h in hunts for f in h.findings]
    rows = []
    for f, h in findings:
        shown, verdict = f.shown, statuses.get(f.claim.name, "")
        differs = ""
        if f.violated and verdict != "REFUTED":
            differs = f"{verdict} over the whole design, and yet violated at this corner of the conditions"
        elif not f.violated and verdict == "REFUTED":
            differs = "refuted on the design; this short search found no violation of its own"
        rows.append(
            {
                "name": f.claim.name,
                "answer": answer(f),
                "verdict": verdict,
                "told": "" if shown is None else _told(shown, reading),
                "differs": differs,
                "counted": f.counted,
                "settings": h.settings,
                "command": "" if shown is None else again_at(f.claim, shown.setting.values(), reading),
            }
        )
    return {"lead": _lead(hunts), "rows": rows}


def _witness(kind: str, tested: Tested, finding: Finding, reading: Reading, conditions: str) -> dict[str, Any]:
    setting = tested.setting
    values = reading.at(setting.values(), EPSILON[1])
    margins = [c.margin(values, reading.C) for c in finding.claim.needs]
    return {
        "kind": kind,
        "at": ", ".join(
            f"{notation(k)} = {number(v) if isinstance(v, float) else v}" for k, v in setting.values().items()
        ),
        "told": _told(tested, reading),
        "margins": [
            {
                "condition": m.condition.name,
                "value": number(m.value),
                "required": f"{m.required:g}",
                "binding": tex(m.binding),
            }
            for m in margins
        ],
        "command": again_at(finding.claim, setting.values(), reading, conditions),
    }


def hunt_json(hunt: Hunt, reading: Reading, conditions: str = "") -> dict[str, Any]:
    """A hunt as plain values, for falsify.json and report.json."""

    def tested(held: Tested | None, claim: Claim) -> dict[str, Any] | None:
        if held is None:
            return None
        again = again_at(claim, held.setting.values(), reading, conditions)
        return {**vars(held), "setting": held.setting.values(), "reproduce": again}

    return {
        "stage": hunt.stage,
        "settings": hunt.settings,
        "runs": hunt.runs,
        "batches": hunt.batches,
        "rejected": hunt.rejected,
        "rescaled": hunt.rescaled,
        "limits": [stated(c) for c in hunt.limits],
        "seconds": hunt.seconds,
        "seed": hunt.seed,
        "findings": [
            {
                "claim": f.claim.name,
                "answer": answer(f),
                "violated": f.violated,
                "counted": f.counted,
                "simplest": tested(f.simplest, f.claim),
                "worst": tested(f.worst, f.claim),
                "holds": tested(f.holds, f.claim),
                "kept": [tested(t, f.claim) for t in f.kept],
                "cleared": [tested(t, f.claim) for t in f.cleared],
                "suspects": [tested(t, f.claim) for t in f.suspects],
            }
            for f in hunt.findings
        ],
    }


def failures_at(setting: Setting, counts: Mapping[str, tuple[int, int]], reading: Reading) -> bool:
    """Print how often claims fail at one setting; whether one fails more often than delta, at 95 %."""
    console = open_console()
    violated = False
    for name, (failed, trials) in counts.items():
        share = clopper_pearson(failed, trials)
        worse = trials > 0 and share.low > reading.delta
        violated |= worse
        console.print(
            Text(
                f"{'VIOLATED' if worse else 'not violated'}  {name}: fails in {failed} of {trials} runs, share {share}"
            ),
            style="bold red" if worse else "bold green",
        )
    return violated


def _slug(claim: Claim) -> str:
    return re.sub(r"[^a-z0-9]+", "_", claim.name.lower())


def _witness_test(claim: Claim, witness: Tested, reading: Reading) -> str:
    other = ", ".join(f"{k}={v!r}" for k, v in changed(reading).items())
    values = "".join(f"        {k}={v!r},\n" for k, v in witness.setting.values().items())
    return (
        f'"""{claim.name} fails here more often than {reading.delta:g}; this test fails while it does."""\n\n'
        "from verify.falsify import failures\n"
        "from verify.fit import clopper_pearson\n"
        "from verify.pack import load\n\n"
        f"PACK = load({typed(pack_of(reading))!r})\n\n\n"
        f"def test_{_slug(claim)}_holds_often_enough():\n"
        f"    reading = PACK.paper.reading({other})\n"
        f'    [claim] = [c for c in PACK.paper.claims(reading) if c.name == "{claim.name}"]\n'
        f"    setting = PACK.setting(\n{values}    )\n"
        "    failed, trials = failures(claim, setting, reading, seeds=256)\n"
        "    assert clopper_pearson(failed, trials).low <= reading.delta\n"
    )
