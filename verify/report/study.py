"""The report of a study: HTML, Markdown, JSON, CSV and figures."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from theory.statements import PROVENANCE, law_tex
from verify import figures
from verify.check import Check
from verify.draw import Picture
from verify.laws.kind import Status
from verify.model import doubts
from verify.pack import pack_of
from verify.report import appendix, hover
from verify.report.common import csv, dumps, duration, html_page, letter, markdown, without_collector
from verify.report.document import as_json
from verify.report.hunts import beside_rows
from verify.report.tables import (
    check_rows,
    conditions_of,
    described,
    group_rows,
    reading_rows,
    sizes_of,
    statement_row,
    tables,
)
from verify.report.theorems import pictures, theorem_rows
from verify.report.words import (
    MEANINGS,
    SIGNS,
    counts,
    decided,
    expectation,
    how_judged,
    measured,
    predicted,
    reproduce,
    source,
    where,
)
from verify.study import FOLDER, Outcome


def write(
    outcome: Outcome,
    folder: Path,
    command: str,
    check: Check | None = None,
    calibrated: Sequence[dict[str, str]] = (),
    latex: bool = False,
) -> None:
    """Write index.html, report.md, report.json, runs.csv and figures/ into ``folder``, whole or not at all.

    Args:
        outcome: what to report.
        folder: created if missing; what else it holds is left alone.
        command: the command line that led to the outcome.
        check: what was found of a user's file besides.
        calibrated: the rows of a calibration that lies beside it (``report.calibrated``).
        latex: write latex/ too, for a paper's appendix: drawing then takes half as long again.

    Raises:
        OSError: ``folder`` cannot be written; it is then as before.
    """
    with without_collector():
        trends = [figures.trend(t, i) for i, t in enumerate(check.trends)] if check else []
        overview = list(figures.overview(outcome))
        by_claim = {v.claim.name: list(figures.of_claim(v, outcome)) for v in outcome.verdicts}
    context = _context(outcome, command, overview, by_claim)
    held = pictures(outcome)
    context["theorems"] = theorem_rows(outcome)
    context["theorem_pictures"] = held
    context["check"] = None if check is None else check_rows(check, trends)
    context["calibration"] = calibrated
    found = context["counts"]
    title = ", ".join(f"{found[s]} {s.lower()}" for s in ("REFUTED", "SUPPORTED", "INCONCLUSIVE"))
    drawn = (
        overview
        + [p for ps in held.values() for p in ps]
        + [p for ps in by_claim.values() for p in ps]
        + [p for p in trends if p]
    )
    exact = frozenset(name for name, margins in outcome.margins.items() if margins.group.stage == "exact")
    again = {p.name: reproduce(name, outcome) for name, ps in (*held.items(), *by_claim.items()) for p in ps}
    scripts = hover.scripts(drawn, outcome.runs, pack_of(outcome.plan.reading), again, exact)
    body: dict[str, str | bytes] = {
        "index.html": html_page("study.html", title, context, scripts),
        "report.md": markdown("report.md", context),
        "report.json": dumps(as_json(outcome, command, check)),
        "runs.csv": csv(outcome.runs),
    }
    body |= {f"figures/{p.name}.svg": p.svg for p in drawn}
    body |= {f"figures/{p.name}.png": p.png for p in drawn}
    if latex:
        with without_collector():
            body |= appendix.of_study(outcome, drawn, context["paper"], command)
    FOLDER.save(body, folder)


def _context(
    outcome: Outcome, command: str, overview: list[Picture], by_claim: dict[str, list[Picture]]
) -> dict[str, Any]:
    plan, runs = outcome.plan, outcome.runs
    letters = {name: letter(i) for i, name in enumerate(outcome.margins)}
    claims = [v for v in outcome.verdicts if not v.claim.contrast]
    contrasts = [v for v in outcome.verdicts if v.claim.contrast]
    items = {
        v.claim.name: {
            "verdict": v,
            "claim": v.claim,
            "status": str(v.status),
            "sign": SIGNS[v.status],
            "anchor": "claim-" + re.sub(r"[^\w.-]+", "_", v.claim.name),
            "formulas": re.split(r",\s*\\quad\s*", v.claim.latex),
            "where": where(source(v.claim).reference),
            "meaning": PROVENANCE[source(v.claim).provenance],
            "conditions": conditions_of(outcome, v, letters),
            "reason": v.reason,
            "group": letters[plan.group_of[v.claim.name].name],
            "expectation": expectation(v),
            "laws": [f"${law_tex(name, law)}$" for name, law in v.claim.parts],
            "predicted": predicted(v),
            "measured": measured(v),
            "tables": tables(v),
            "judged": how_judged(v.claim),
            "observables": [described(name, plan.observables) for name, _ in v.claim.parts],
            "reproduce": reproduce(v.claim.name, outcome),
            "figures": by_claim[v.claim.name],
        }
        for v in outcome.verdicts
    }
    model = pack_of(plan.reading).setting
    settings = len(runs.drop_duplicates(["group", "setting"])) if len(runs) else 0
    return {
        "outcome": outcome,
        "plan": plan,
        "paper": pack_of(plan.reading).paper.title,
        "trained": f"{model.algorithm.name} on {model.batches.name}",
        "warnings": doubts(pack_of(plan.reading)),
        "command": command,
        "jobs": {"done": len(outcome.results), "planned": len(plan.jobs)},
        "settings": settings,
        "sizes": sizes_of(outcome),
        "runs": len(runs),
        "wall": duration(outcome.wall),
        "claims": [items[v.claim.name] for v in claims],
        "contrasts": [items[v.claim.name] for v in contrasts],
        "counts": counts([*outcome.answers, *claims]),
        "statuses": [{"name": str(s), "sign": SIGNS[s], "meaning": MEANINGS[s]} for s in Status],
        "provenances": PROVENANCE,
        "overview": overview,
        "reading": reading_rows(plan.reading),
        "thresholds": pack_of(plan.reading).says(plan.reading).get("thresholds", []),
        "groups": [group_rows(outcome, name, letter) for name, letter in letters.items()],
        "statements": [statement_row(d, plan.reading) for d in outcome.decisions],
        "decided": decided(outcome.decisions),
        "environment": outcome.environment,
        "hunts": beside_rows(outcome.hunts, plan.reading, {v.claim.name: str(v.status) for v in outcome.verdicts}),
    }
