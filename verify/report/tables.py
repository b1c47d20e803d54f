"""What the templates show of a study in rows: readings, thresholds, groups of runs, a user's file, fitted numbers."""

import math
from collections.abc import Mapping
from typing import Any

from numerics import Observable
from theory import Band, Condition
from theory.reading import Reading
from theory.statements import PROVENANCE, tex
from theory.symbols import lookup
from verify.check import Check
from verify.draw import Picture
from verify.entailed import CLAIMED, Decision, certificate
from verify.judge import Verdict
from verify.laws.kind import Table
from verify.notation import names, notation, number
from verify.pack import option, pack_of
from verify.report.words import SIGNS, STAGES, aligned, conditions_text, kind, where
from verify.scaling import Fate
from verify.study import Outcome


def tables(verdict: Verdict) -> list[Table]:
    """The numbers of its findings that need a table."""
    found = [kind(f).table(f.detail) for f in verdict.findings]
    return [table for table in found if table is not None]


def described(name: str, observables: Mapping[str, Observable]) -> dict[str, str]:
    observable = observables.get(name)
    return {"name": name, "says": observable.says if observable else ""}


def sizes_of(outcome: Outcome) -> str:
    """The range of settings in which a network was trained, for claims or for theorems."""
    # Identities are tried at any size, and statements about the start take a step at most.
    aside = [name for name, held in outcome.margins.items() if held.group.stage in ("exact", "start")]
    runs = outcome.runs
    trained = runs[(runs["steps"] > 1) & ~runs["group"].isin(aside)] if len(runs) else runs
    if trained.empty:
        return ""
    shown = []
    for k in ("n", "m", "d", "kappa"):
        shown.append(f"{notation(k)} from {number(float(trained[k].min()))} to {number(float(trained[k].max()))}")
    return ", ".join(shown)


def conditions_of(outcome: Outcome, verdict: Verdict, letters: dict[str, str]) -> dict[str, Any]:
    group = outcome.plan.group_of[verdict.claim.name]
    margins = outcome.margins[group.name].table
    found: dict[str, Any] = {"letter": letters[group.name], "text": conditions_text(group.needs)}
    # C enters where more than the bare inequality is required; margins of bands and counts stand in the group's table.
    with_constant = [c.name for c in group.needs if _has_constant(c)]
    rows = margins[margins["condition"].isin(with_constant)]
    found["kind"] = "margin"
    if rows.empty:
        rows, found["kind"] = margins, "factor"
    if len(rows):
        tightest = rows.loc[(rows["least"] / rows["required"]).idxmin()]
        found |= {
            "least": number(float(rows["least"].min())),
            "largest": number(float(rows["largest"].max())),
            "required": number(float(tightest["required"])),
            "binding": tightest["condition"],
        }
    return found


def _has_constant(condition: Condition) -> bool:
    return not isinstance(condition.statement, Band) and lookup("C") in condition.statement.free_symbols


def reading_rows(reading: Reading) -> list[dict[str, str]]:
    r = reading
    return [
        *pack_of(r).says(r).get("readings", ()),
        {
            "open": r"\delta",
            "name": "delta",
            "ours": f"{r.delta:g}",
            "why": f"A statement with high probability must hold in at least {1 - r.delta:.0%} of the runs.",
        },
        {
            "open": "C",
            "name": "C",
            "ours": f"{r.C:g}",
            "why": f"C = {r.C:g} means that every condition in which the paper's large enough constant C enters holds"
            f" with that constant replaced by {r.C:g}. The margin of a condition at a setting is the largest C for"
            f" which it still holds there, so all margins are at least {r.C:g}; how far they reach stands in the"
            f" design tables.",
        },
        {
            "open": r"\bar\rho,\ \gamma = \Theta(1)",
            "name": "order_one",
            "ours": f"from {r.order_one:g} on",
            "why": "A coefficient counts as of order one from this value on. It dates T₁: the first iteration at which"
            " every γ and every own ρ has reached it.",
        },
        {
            "open": r"T^*",
            "name": "horizon",
            "ours": f"{r.horizon:g} nm/(ηεσ_ξ²d)",
            "why": "The largest iteration considered, up to a factor and logarithms that the paper hides. Conditions"
            " that speak of it do so through its logarithm; a run that has not reached ε by then is given up.",
        },
        {
            "open": r"|S_1| = |S_{-1}| = n/2",
            "name": "labels",
            "ours": r.labels,
            "why": "Proofs may take the training labels balanced without loss of generality, and flip τn/2 of each:"
            " balanced labels are that, exact in number. Drawn ones are independent, so that their numbers fluctuate by"
            " √n.",
        },
    ]


def group_rows(outcome: Outcome, name: str, letter: str) -> dict[str, Any]:
    held, runs = outcome.margins[name], outcome.runs_of(name)
    settings = runs.drop_duplicates("setting") if len(runs) else runs
    latex = names() | {"kappa": r"\kappa = n\,\mathrm{SNR}^2"}
    ranges = []
    for k in (*pack_of(outcome.plan.reading).columns, "kappa", "epsilon"):
        if len(settings) and k in settings and (k != "epsilon" or held.group.stage == "end"):
            low, high = float(settings[k].min()), float(settings[k].max())
            decades = f"{math.log10(high / low):.2f}" if low > 0 else "–"
            ranges.append({"latex": latex[k], "low": number(low), "high": number(high), "decades": decades})
    by_name = {c.name: c for c in held.group.needs}
    margins = [
        {
            "condition": row["condition"],
            "latex": by_name[row["condition"]].latex,
            "says": by_name[row["condition"]].says,
            "source": str(by_name[row["condition"]].source),
            "least": number(row["least"]),
            "largest": number(row["largest"]),
            "required": number(row["required"]),
            "binding": tex(row["binding"]),
        }
        for row in held.table.to_dict("records")
    ]
    return {
        "letter": letter,
        "name": name,
        "text": conditions_text(held.group.needs),
        "stage": STAGES[held.group.stage],
        "settings": len(settings),
        "seeds": int(runs.groupby("setting")["seed"].nunique().max()) if len(runs) else 0,
        "runs": len(runs),
        "censored": int((runs["status"] == "horizon").sum())
        if len(runs) and held.group.stage in ("T1", "end", "early")
        else 0,
        "ranges": ranges,
        "margins": margins,
        "claims": [c.name for c in outcome.plan.claims if outcome.plan.group_of[c.name].name == name],
    }


ANSWERS = {
    Fate.FAILS: "where the paper's premise is lost, what the claim says fails as well",
    Fate.HOLDS: "the premise is lost, and the conclusion holds all the same as far as N could be taken",
    Fate.OPEN: "the runs do not tell; this is never counted as either",
}


def check_rows(check: Check, trends: list[Picture | None]) -> dict[str, Any]:
    """What the templates show of a user's file."""
    held = check.file
    shown = []
    for claim in dict.fromkeys(t.claim.name for t in check.trends):
        shown.append(
            {
                "claim": claim,
                "followed": [
                    {
                        "lost": t.path.lost.name,
                        "scaling": t.path.scaling,
                        "answer": str(t.answer),
                        "reason": t.reason,
                        "picture": picture,
                    }
                    for t, picture in zip(check.trends, trends, strict=True)
                    if t.claim.name == claim
                ],
            }
        )
    return {
        "file": held.path.name,
        "warnings": check.warnings,
        "conditions": [
            {
                "name": c.name, "latex": c.latex, "says": c.says, "line": held.lines[c.name],
                "relation": r.kind, "sentence": r.says, "proof": r.proof,
            }
            for r in check.relations
            for c in [r.condition]
        ],
        "observables": [{"name": o.name, "says": o.says} for o in held.observables.values()],
        "claims": [c.name for c in held.claims],
        "theorems": len(held.theorems),
        "premises": [
            {
                "condition": p.condition.name, "needs": conditions_text(p.needs), "status": p.status, "proof": p.proof,
                "weakest": p.weakest,
            }
            for p in check.omissions
        ],
        "margins": [
            {
                "at": where,
                "rows": [
                    {k: (number(v) if isinstance(v, float) else v) for k, v in row.items()}
                    for row in rows.to_dict("records")
                ],
            }
            for where, rows in check.margins.groupby("at", sort=False)
        ],
        "trends": shown,
        "answers": {str(k): v for k, v in ANSWERS.items()},
    }  # fmt: skip


def statement_row(decision: Decision, reading: Reading) -> dict[str, Any]:
    statement, answer = decision.statement, decision.answer
    return {
        "name": statement.name,
        "says": statement.says,
        "latex": "" if statement.goal is None else statement.goal.latex,
        "claimed": CLAIMED[statement.expected],
        "answer": "" if answer is None else str(answer.status),
        "measured": decision.measured,
        "reason": decision.reason,
        "status": str(decision.status),
        "sign": SIGNS[decision.status],
        "where": where(statement.source.reference),
        "provenance": statement.source.provenance,
        "meaning": PROVENANCE[statement.source.provenance],
        "note": statement.source.note,
        "premises": "\n".join(aligned([(p.name, str(p.order)) for p in statement.given])),
        "certificate": "" if answer is None else certificate(answer),
        "weakest": "" if answer is None or answer.weakest is None else str(answer.weakest),
        "reproduce": decision.reproduce + option(reading),
    }
