"""What report.json holds of a study; see report.schema.json."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from theory.reading import Reading
from verify.check import Check
from verify.entailed import Decision, certificate
from verify.model import doubts
from verify.pack import option, pack_of
from verify.report.hunts import hunt_json
from verify.report.theorems import theorem_json
from verify.report.words import counts, reproduce, source
from verify.study import Outcome

SCHEMA = Path(__file__).parent.parent / "report.schema.json"


def as_json(outcome: Outcome, command: str, check: Check | None = None) -> dict[str, Any]:
    """The content of report.json; see report.schema.json."""
    plan = outcome.plan
    found = {} if check is None else {"check": _check_json(check)}
    if warnings := doubts(pack_of(plan.reading)):
        found["warnings"] = list(warnings)
    return found | {
        "command": command,
        "profile": plan.profile.name,
        "seed": plan.seed,
        "reading": asdict(plan.reading),
        "finished": outcome.finished,
        "wall_seconds": round(outcome.wall, 3),
        "counts": {
            "claims": counts([v for v in outcome.verdicts if not v.claim.contrast]),
            "contrasts": counts([v for v in outcome.verdicts if v.claim.contrast]),
            "statements": counts(outcome.decisions),
            "theorems": counts(outcome.answers),
        },
        "theorems": [theorem_json(a, outcome) for a in outcome.answers],
        "claims": [
            {
                "name": v.claim.name,
                "status": str(v.status),
                "contrast": v.claim.contrast,
                "expected": v.expected,
                "says": v.claim.says,
                "formula": v.claim.latex,
                "tested": v.claim.tested,
                "source": source(v.claim).reference,
                "provenance": source(v.claim).provenance,
                "note": source(v.claim).note,
                "needs": [c.name for c in v.claim.needs],
                "group": plan.group_of[v.claim.name].name,
                "predicted": v.predicted,
                "measured": v.measured,
                "reason": v.reason,
                "settings": v.settings,
                "runs": v.runs,
                "reproduce": reproduce(v.claim.name, outcome),
                "details": v.details,
            }
            for v in outcome.verdicts
        ],
        "groups": [
            {
                "name": name,
                "stage": held.group.stage,
                "settings": int(outcome.runs_of(name)["setting"].nunique()) if len(outcome.runs) else 0,
                "runs": len(outcome.runs_of(name)),
                "margins": held.table.to_dict("records"),
            }
            for name, held in outcome.margins.items()
        ],
        "statements": [_statement_json(d, plan.reading) for d in outcome.decisions],
        "searches": [hunt_json(h, plan.reading) for h in outcome.hunts],
        "environment": dict(outcome.environment),
    }


def _check_json(check: Check) -> dict[str, Any]:
    return {
        "file": str(check.file.path),
        "digest": check.file.digest,
        "warnings": list(check.warnings),
        "conditions": [
            {
                "name": r.condition.name,
                "formula": r.condition.latex,
                "relation": r.kind,
                "says": r.says,
                "proof": r.proof,
            }
            for r in check.relations
        ],
        "premises": [
            {
                "condition": p.condition.name,
                "needs": [c.name for c in p.needs],
                "status": p.status,
                "proof": p.proof,
                "weakest": p.weakest,
                "scaling": p.scaling,
            }
            for p in check.omissions
        ],
        "margins": check.margins.to_dict("records"),
        "trends": [
            {
                "claim": t.claim.name,
                "lost": t.path.lost.name,
                "scaling": t.path.scaling,
                "restored_by": t.path.restored_by,
                "answer": str(t.answer),
                "reason": t.reason,
                "kind": t.kind,
                "table": t.table.to_dict("records"),
            }
            for t in check.trends
        ],
    }


def _statement_json(decision: Decision, reading: Reading) -> dict[str, Any]:
    statement, answer = decision.statement, decision.answer
    return {
        "name": statement.name,
        "status": str(decision.status),
        "says": statement.says,
        "source": statement.source.reference,
        "provenance": statement.source.provenance,
        "note": statement.source.note,
        "premises": [{"name": p.name, "order": str(p.order)} for p in statement.given],
        "goal": None if statement.goal is None else str(statement.goal),
        "expected": str(statement.expected),
        "answer": None if answer is None else str(answer.status),
        "measured": decision.measured,
        "reason": decision.reason,
        "used": [] if answer is None else list(answer.used),
        "scaling": None
        if answer is None or answer.scaling is None
        else {name: [str(power) for power in tiers] for name, tiers in answer.scaling.powers.items()},
        "weakest": None if answer is None or answer.weakest is None else str(answer.weakest),
        "certificate": "" if answer is None else certificate(answer),
        "reproduce": decision.reproduce + option(reading),
    }
