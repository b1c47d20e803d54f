"""The report of a study: HTML, Markdown, JSON, CSV and figures."""

import math
import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pandas as pd

from theory import AtLeast, AtMost, Band, Claim, Condition, Crossing, Exactly, Theta, Within, meanfield
from theory.paper import REFERENCE, Reading
from theory.statements import PROVENANCE, Law, Source, law_tex, tex
from theory.symbols import SETTING, lookup
from verify import calibrate, figures
from verify.check import Check
from verify.draw import Picture
from verify.folder import read_json
from verify.judge import DECADES_NEEDED, DRIFT_TOLERANCE, EXPONENT_TOLERANCE, PREFACTOR_BAND, Status, Verdict
from verify.quantify import Answer as TheoremAnswer
from verify.regime import CLAIMED, Decision, certificate
from verify.report.common import (
    NOTATION,
    csv,
    dumps,
    duration,
    html_page,
    interval,
    letter,
    markdown,
    notation,
    number,
    readable,
    signed,
    symbol,
    without_collector,
)
from verify.report.hunts import beside_rows, hunt_json
from verify.report.theorems import pictures, theorem_json, theorem_rows
from verify.scaling import Answer
from verify.study import FOLDER, Outcome
from verify.sweep import OBSERVABLE_BY_NAME

SCHEMA = Path(__file__).parent.parent / "report.schema.json"
# A sign besides the word: the four must be told apart without colour and at a glance.
SIGNS = {Status.SUPPORTED: "✓", Status.REFUTED: "✗", Status.OPEN: "○", Status.INCONCLUSIVE: "?", Status.OUTSIDE: "–"}
STYLES = {
    Status.SUPPORTED: "green",
    Status.REFUTED: "bold red",
    Status.OPEN: "yellow",
    Status.INCONCLUSIVE: "yellow",
    Status.OUTSIDE: "dim",
}
MEANINGS = {
    Status.SUPPORTED: "the data confirm the claim within the stated tolerance, over the whole range of the design",
    Status.REFUTED: "settings inside the conditions, as read here, contradict the claim beyond sampling error",
    Status.OPEN: "failures fall along the ladder of constants, and no constants that could be run are strong enough",
    Status.INCONCLUSIVE: "the evidence does not decide; this is never counted as support",
    Status.OUTSIDE: "no run met the conditions, so the claim says nothing about them",
}
KINDS = {
    Theta: "rate",
    Within: "explicit bound",
    AtMost: "upper bound",
    AtLeast: "lower bound",
    Exactly: "identity",
    Crossing: "threshold",
}
STAGES = {
    "exact": "dense data, 200 steps against autograd",
    "start": "initialization only",
    "early": "until own noise coefficients reach a tenth of order one",
    "T1": "until T₁",
    "window": "until the last rescaled time at which T₁ may lie",
    "end": "until the loss reaches its target",
}


def how_judged(law: Law) -> str:
    """How a kind of law becomes a verdict, with its tolerances."""
    match law:
        case Theta(constant=constant):
            derived = (
                " A free power of the constant that the mean field derives, computed from each run's own labels, takes"
                " out what kappa and the flips do to it."
                if constant
                else ""
            )
            return (
                f"Exponents of all variables are fitted jointly on a log-log scale, over at least {DECADES_NEEDED:g}"
                f" decades of each. Supported if every 95 % interval lies within ±{EXPONENT_TOLERANCE:g} of the"
                f" predicted exponent (zero for variables absent from the law), the constant stays within a factor"
                f" {PREFACTOR_BAND:g} over all settings, and no law with one exponent moved by 1/2 fits better. Refuted"
                f" if an interval lies wholly outside its window.{derived}"
            )
        case Within():
            return (
                "Each run either meets the bound, with the constants as written, or fails. Supported if the exact 95 %"
                " interval (Clopper-Pearson) of the success share lies above 1 - delta; refuted if it lies below, or if"
                " one setting alone contradicts 1 - delta after Bonferroni correction over the settings."
            )
        case AtMost() | AtLeast():
            return (
                "The constant K is unnamed: per setting, the K that serves a share 1 - delta of its runs is measured,"
                " and its drift with n, m and d fitted. Supported if no worsening drift faster than the power"
                f" {DRIFT_TOLERANCE:g} is compatible with the data; refuted if one is certain, or, for a lower bound,"
                " if no positive K serves often enough."
            )
        case Exactly(tolerance, why):
            return f"The largest residual over all runs must not exceed {tolerance:g} ({why})."
        case Crossing(_, at, within, why):
            return (
                f"A line is fitted to all runs; supported if the 95 % interval of its zero lies within ±{within:g} of"
                f" {at:g} ({why}), refuted if it lies wholly outside."
            )
    raise TypeError(law)


def write(outcome: Outcome, folder: Path, command: str, check: Check | None = None) -> None:
    """Write index.html, report.md, report.json, runs.csv and figures/ into ``folder``, whole or not at all.

    Args:
        outcome: what to report.
        folder: created if missing; what else it holds is left alone.
        command: the command line that led to the outcome.
        check: what was found of a user's file besides.

    Raises:
        OSError: ``folder`` cannot be written; it is then as before.
    """
    with without_collector():
        trends = [figures.trend(t, i) for i, t in enumerate(check.trends)] if check else []
        overview = list(figures.overview(outcome))
        by_claim = {v.claim.name: list(figures.of_claim(v, outcome)) for v in outcome.verdicts}
    context = _context(outcome, command, overview, by_claim)
    held = pictures(outcome.answers)
    context["theorems"] = theorem_rows(outcome.answers, outcome.plan.profile.name, outcome.plan.seed, SIGNS)
    context["theorem_pictures"] = held
    context["check"] = None if check is None else _check_rows(check, trends)
    context["calibration"] = _calibration(outcome, folder)
    found = context["counts"]
    title = ", ".join(f"{found[s]} {s.lower()}" for s in ("REFUTED", "SUPPORTED", "INCONCLUSIVE"))
    body: dict[str, str | bytes] = {
        "index.html": html_page("study.html", title, context),
        "report.md": markdown("report.md", context),
        "report.json": dumps(as_json(outcome, command, check)),
        "runs.csv": csv(outcome.runs),
    }
    drawn = overview + [*held.values()] + [p for ps in by_claim.values() for p in ps] + [p for p in trends if p]
    body |= {f"figures/{p.name}.svg": p.svg for p in drawn}
    body |= {f"figures/{p.name}.png": p.png for p in drawn}
    FOLDER.save(body, folder)


def _calibration(outcome: Outcome, folder: Path) -> list[dict[str, str]]:
    """The rows of a finished calibration of the same reading that was written to the folder; none otherwise."""
    try:
        held = read_json(folder / "calibration.json", "calibration.schema.json")
    except ValueError:
        return []
    same = held["reading"] == asdict(outcome.plan.reading) and held["finished"]
    return held["rows"] if same and calibrate.FOLDER.wrote("calibration.json", folder) else []


def reproduce(claim: Claim, outcome: Outcome) -> str:
    """The command that judges this claim again, on the same runs."""
    plan = outcome.plan
    what = f"run {shlex.quote(claim.name)}" if plan.file is None else f"check {shlex.quote(str(plan.file.path))}"
    parts = [f"python -m verify {what}", f"--profile {plan.profile.name}", f"--seed {plan.seed}"]
    for f in fields(Reading):
        value = getattr(plan.reading, f.name)
        if value != f.default:
            shown = value if isinstance(value, str) else repr(float(value)).removesuffix(".0")
            parts.append(f"--{f.name.replace('_', '-')} {shown}")
    if plan.device != "cpu":
        parts.append(f"--device {shlex.quote(plan.device)}")
    return " ".join(parts)


def as_json(outcome: Outcome, command: str, check: Check | None = None) -> dict[str, Any]:
    """The content of report.json; see report.schema.json."""
    plan = outcome.plan
    found = {} if check is None else {"check": _check_json(check)}
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
        "theorems": [theorem_json(a) for a in outcome.answers],
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
                "reproduce": reproduce(v.claim, outcome),
                "details": v.details,
            }
            for v in outcome.verdicts
        ],
        "groups": [
            {
                "name": name,
                "stage": held.group.stage,
                "settings": int(_of(outcome, name)["setting"].nunique()) if len(outcome.runs) else 0,
                "runs": len(_of(outcome, name)),
                "margins": held.table.to_dict("records"),
            }
            for name, held in outcome.margins.items()
        ],
        "statements": [_statement_json(d) for d in outcome.decisions],
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
            for p in check.premises
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


def _statement_json(decision: Decision) -> dict[str, Any]:
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
        "reproduce": decision.reproduce,
    }


def counts(verdicts: Sequence[Verdict | Decision | TheoremAnswer]) -> dict[str, int]:
    return {str(s): sum(v.status == s for v in verdicts) for s in Status}


def _of(outcome: Outcome, group: str) -> pd.DataFrame:
    return outcome.runs[outcome.runs["group"] == group]


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
            "conditions": _conditions_of(outcome, v, letters),
            "reason": v.reason,
            "group": letters[plan.group_of[v.claim.name].name],
            "expectation": expectation(v),
            "laws": [f"${law_tex(name, law)}$" for name, law in v.claim.parts],
            "predicted": _predicted(v),
            "measured": _measured(v),
            "parts": _parts(v),
            "judged": list(dict.fromkeys(how_judged(law) for _, law in v.claim.parts)),
            "observables": [_described(name) for name, _ in v.claim.parts],
            "reproduce": reproduce(v.claim, outcome),
            "figures": by_claim[v.claim.name],
        }
        for v in outcome.verdicts
    }
    settings = len(runs.drop_duplicates(["group", "setting"])) if len(runs) else 0
    trained = [name for name, held in outcome.margins.items() if held.group.stage in ("early", "T1", "end")]
    return {
        "outcome": outcome,
        "plan": plan,
        "command": command,
        "jobs": {"done": len(outcome.results), "planned": len(plan.jobs)},
        "settings": settings,
        "sizes": _sizes(pd.concat([_of(outcome, g) for g in trained]) if trained else runs.head(0)),
        "runs": len(runs),
        "wall": duration(outcome.wall),
        "claims": [items[v.claim.name] for v in claims],
        "contrasts": [items[v.claim.name] for v in contrasts],
        "counts": counts([*outcome.answers, *claims]),
        "statuses": [{"name": str(s), "sign": SIGNS[s], "meaning": MEANINGS[s]} for s in Status],
        "provenances": PROVENANCE,
        "overview": overview,
        "reading": _reading_rows(plan.reading),
        "thresholds": _threshold_rows(plan.reading),
        "groups": [_group_rows(outcome, name, letter) for name, letter in letters.items()],
        "statements": [_statement_row(d) for d in outcome.decisions],
        "decided": decided(outcome.decisions),
        "environment": outcome.environment,
        "hunts": beside_rows(outcome.hunts, plan.reading, {v.claim.name: str(v.status) for v in outcome.verdicts}),
    }


ANSWERS = {
    Answer.FAILS: "where the paper's premise is lost, what the claim says fails as well",
    Answer.HOLDS: "the premise is lost, and the conclusion holds all the same as far as N could be taken",
    Answer.OPEN: "the runs do not tell; this is never counted as either",
}


def _check_rows(check: Check, trends: list[Picture | None]) -> dict[str, Any]:
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
            for p in check.premises
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


def _statement_row(decision: Decision) -> dict[str, Any]:
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
        "reproduce": decision.reproduce,
    }


def decided(decisions: Sequence[Decision]) -> str:
    """``35 statements about orders decided exactly: 35 SUPPORTED``, apart from the claims, which rest on runs."""
    if not decisions:
        return ""
    shown = ", ".join(f"{count} {status}" for status, count in counts(decisions).items() if count)
    plural = "statement" if len(decisions) == 1 else "statements"
    return f"{len(decisions)} {plural} about orders decided exactly: {shown}"


def aligned(rows: list[tuple[str, str]]) -> list[str]:
    width = max((len(name) for name, _ in rows), default=0)
    return [f"{name:<{width}}  {said}" for name, said in rows]


def _sizes(runs: pd.DataFrame) -> str:
    """The range of settings in which a network was trained."""
    trained = runs[runs["steps"] > 10] if len(runs) else runs
    if trained.empty:
        return ""
    shown = []
    for k in ("n", "m", "d", "kappa"):
        shown.append(f"{notation(k)} from {number(float(trained[k].min()))} to {number(float(trained[k].max()))}")
    return ", ".join(shown)


def where(reference: str) -> str:
    """A reference without what every reader knows: the paper's own name, arXiv numbers."""
    return re.sub(r", arXiv [\w.]+", "", reference.replace(f"{REFERENCE}, ", ""))


def source(held: Claim | Condition) -> Source:
    assert isinstance(held.source, Source)  # a plain string became one when the value was made
    return held.source


def conditions_text(needs: tuple[Condition, ...]) -> str:
    """What a group's conditions are called: where numbered ones stand, and the names of the others."""
    if not needs:
        return "none: any parameters"
    numbered = [where(source(c).reference).split(", ")[-1].split(" (")[0] for c in needs if c.name[:1].isdigit()]
    named = [c.name for c in needs if not c.name[:1].isdigit()]
    return ", ".join(dict.fromkeys(numbered)) + (f"{' with ' if numbered else ''}{', '.join(named)}" if named else "")


def _conditions_of(outcome: Outcome, verdict: Verdict, letters: dict[str, str]) -> dict[str, Any]:
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


def expectation(verdict: Verdict) -> str:
    if not verdict.claim.contrast:
        return "" if verdict.status != Status.REFUTED else "not expected"
    return {
        Status.REFUTED: "fails, as expected",
        Status.SUPPORTED: "holds, although it was expected to fail",
        Status.INCONCLUSIVE: "not shown to fail",
        Status.OUTSIDE: "not tested",
    }[verdict.status]


def _predicted(verdict: Verdict) -> list[str]:
    """The prediction in a few words, beside the formula."""
    said = []
    for part in verdict.details.get("parts", []):
        match part["kind"]:
            case "rate":
                said.append(
                    "exponents "
                    + ", ".join(f"{notation(k)} {signed(v)}" for k, v in part["predicted"].items())
                    + ", others 0"
                )
            case "probability":
                said.append(f"in at least {part['required']:.0%} of the runs")
            case "bound":
                said.append("one constant K for all sizes")
            case "crossing":
                said.append(f"zero at {part['at']:g} ± {part['within']:g}")
    for _, law in verdict.claim.parts:
        if isinstance(law, Exactly):
            said.append(f"up to {number(law.tolerance)}")
    return list(dict.fromkeys(said))


def _measured(verdict: Verdict) -> list[str]:
    """The measurement in a few lines; the whole of it stands in the claim's section."""
    lines = []
    for part in verdict.details.get("parts", []):
        match part["kind"]:
            case "rate" if "slopes" in part:
                order = [*part["predicted"], *(k for k in part["slopes"] if k not in part["predicted"])]
                lines += [f"{notation(k)} {interval(part['slopes'][k], True)}" for k in order]
            case "probability" if part["trials"]:
                share = part["interval"]
                spread = f"[{100 * share['low']:.1f}, {100 * share['high']:.1f}]"
                lines.append(f"{part['successes']} of {part['trials']} runs: {100 * share['value']:.1f} {spread} %")
            case "bound" if "constant" in part:
                lines.append(f"K = {number(part['constant'])} serves (median {number(part['median'])})")
                if "drift" in part:
                    drift = ", ".join(f"{notation(k)} {signed(x['value'], 2)}" for k, x in part["drift"].items())
                    lines.append(f"exponents of its drift: {drift}")
            case "crossing" if "where" in part:
                lines.append(f"zero at {interval(part['where'])}")
            case "identity" if part.get("largest") is not None:
                lines.append(f"largest residual {number(part['largest'])}")
    return lines or [verdict.measured]


def brief(verdict: Verdict) -> str:
    """The measurement in some forty characters."""
    found = []
    for part in verdict.details.get("parts", []):
        match part["kind"]:
            case "rate" if "slopes" in part:
                off = {k: abs(v["value"] - part["predicted"].get(k, 0.0)) for k, v in part["slopes"].items()}
                worst = max(off, key=lambda k: off[k])
                found.append(f"exponents off by {off[worst]:.3f} ({symbol(worst)}) or less")
            case "probability" if part["trials"]:
                found.append(f"{part['successes']}/{part['trials']} runs, {part['interval']['value']:.1%}")
            case "bound" if "constant" in part:
                found.append(f"K = {number(part['constant'])}")
            case "crossing" if "where" in part:
                found.append(f"zero at {number(part['where']['value'])}")
            case "identity" if part.get("largest") is not None:
                found.append(f"residual {number(part['largest'])}")
    return "; ".join(found) or readable(verdict.measured)


def _parts(verdict: Verdict) -> list[dict[str, Any]]:
    """Tables of fitted exponents, for rates and bounds."""
    found = []
    for part in verdict.details.get("parts", []):
        if part["kind"] == "rate" and "slopes" in part:
            rows = [
                {
                    "name": notation(k),
                    "predicted": signed(part["predicted"].get(k, 0.0)),
                    "measured": signed(v["value"], 3),
                    "interval": f"[{signed(v['low'], 3)}, {signed(v['high'], 3)}]",
                    "decades": f"{part['decades'][k]:.2f}",
                }
                for k, v in part["slopes"].items()
            ]
            found.append({"kind": "rate", "rows": rows})
        if part["kind"] == "bound" and "drift" in part:
            rows = [
                {
                    "name": notation(k),
                    "measured": signed(v["value"], 3),
                    "interval": f"[{signed(v['low'], 3)}, {signed(v['high'], 3)}]",
                }
                for k, v in part["drift"].items()
            ]
            found.append({"kind": "bound", "rows": rows, "observable": part["observable"]})
    return found


def _described(name: str) -> dict[str, str]:
    observable = OBSERVABLE_BY_NAME.get(name)
    return {"name": name, "says": observable.says if observable else ""}


def _reading_rows(reading: Reading) -> list[dict[str, str]]:
    r = reading
    return [
        {
            "open": r"\kappa = n\,\mathrm{SNR}^2 = \Theta(1)",
            "name": "kappa_low, kappa_high",
            "ours": f"{r.kappa_low:g} ≤ κ(1−τ₊−τ₋) ≤ {r.kappa_high:g}",
            "why": "Which balance of signal and noise counts as of order one. See the thresholds below:"
            " the statements of Stage I hold only above them.",
        },
        {
            "open": r"\tau_+, \tau_- = \Theta(1) < 1/2",
            "name": "tau_low, tau_high",
            "ours": f"{r.tau_low:g} ≤ τ₊, τ₋ ≤ {r.tau_high:g}",
            "why": "Which flip probabilities count as of order one, below one half.",
        },
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
            "why": "The largest iteration considered, up to a factor and logarithms that the paper hides. It enters the"
            " conditions through its logarithm, so that the bound on d is one on both sides; and a run that has not"
            " reached ε by then is given up. In the mean field ε is reached at a quarter of it at the latest.",
        },
        {
            "open": r"|S_1| = |S_{-1}| = n/2",
            "name": "labels",
            "ours": r.labels,
            "why": "The paper takes the training labels balanced without loss of generality, and its proofs flip τn/2"
            " of each: balanced labels are that, exact in number. Drawn ones are independent, so that their numbers"
            " fluctuate by √n.",
        },
    ]


def _threshold_rows(reading: Reading) -> list[dict[str, str]]:
    """The thresholds of D6 and D7 beside the reading."""
    taus = (reading.tau_low, reading.tau_high)

    def at(solve: Callable[[float], Any]) -> str:
        values = [solve(tau) for tau in taus]
        shown = [number(float(v)) if v.is_finite and v > 0 else "none suffices" for v in values]
        return f"{shown[0]} (τ = {taus[0]:g}), {shown[1]} (τ = {taus[1]:g})"

    low, high = reading.kappa_low, reading.kappa_high
    leads, ignored = meanfield.signal_leads_threshold(), meanfield.noisy_ignored_threshold()
    return [
        {
            "what": "Signal leads in Stage I (γ > ρ̄)",
            "rule": r"\kappa(1-2\tau) > 2",
            "kappa": at(lambda t: meanfield.signal_leads_threshold(t).kappa),
            "reading": _against(float(leads.at), low, high),
        },
        {
            "what": "Noisy samples are predicted as their true label",
            "rule": r"\kappa(1-2\tau) > 2|S_i|/m \approx 1",
            "kappa": at(lambda t: meanfield.noisy_ignored_threshold(t).kappa),
            "reading": _against(float(ignored.at), low, high),
        },
        {
            "what": "Clean patches do no harm at convergence: the error tends to $|S_f|/(2n)$, and to 1/2 otherwise",
            "rule": r"\kappa(1-2\tau_+-2\tau_-) > 1",
            "kappa": at(lambda t: meanfield.limiting_error_threshold(t, t).kappa),
            "reading": "depends on both flip probabilities",
        },
    ]


def _against(at: float, low: float, high: float) -> str:
    if low >= at:
        return f"all of {low:g} to {high:g} lies above"
    return f"all of {low:g} to {high:g} lies below" if high <= at else f"{low:g} to {high:g} lies on both sides"


_VARIABLES = (*SETTING, "kappa", "epsilon")


def _group_rows(outcome: Outcome, name: str, letter: str) -> dict[str, Any]:
    held, runs = outcome.margins[name], _of(outcome, name)
    settings = runs.drop_duplicates("setting") if len(runs) else runs
    latex = NOTATION | {"kappa": r"\kappa = n\,\mathrm{SNR}^2"}
    ranges = []
    for k in _VARIABLES:
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
