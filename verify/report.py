"""Reports of a study: terminal, HTML, Markdown, JSON, CSV and figures. The only module that prints or writes them."""

import base64
import gc
import io
import json
import math
import os
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from time import monotonic
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup, escape
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from numerics import Observable, Setting
from theory import AtLeast, AtMost, Band, Claim, Condition, Crossing, Exactly, Margin, Theta, Within, meanfield, orders
from theory.paper import REFERENCE, Reading
from theory.regime import Entailment
from theory.statements import PROVENANCE, Law, Source
from theory.symbols import SETTING, lookup, table
from verify import figures
from verify.check import Check
from verify.falsify import Hunt, Witness
from verify.figures import Formulas, Picture, plain
from verify.fit import clopper_pearson
from verify.judge import DECADES_NEEDED, DRIFT_TOLERANCE, EXPONENT_TOLERANCE, PREFACTOR_BAND, Status, Verdict
from verify.regime import CLAIMED, Decision, certificate
from verify.scaling import Answer
from verify.selftest import SelfTest
from verify.study import Outcome
from verify.sweep import OBSERVABLE_BY_NAME, Group

PIPE_INTERVAL = 10.0  # seconds between lines of progress where there is no terminal
TEMPLATES = Path(__file__).parent / "templates"
SCHEMA = Path(__file__).parent / "report.schema.json"
# A sign besides the word: the four must be told apart without colour and at a glance.
SIGNS = {Status.SUPPORTED: "✓", Status.REFUTED: "✗", Status.INCONCLUSIVE: "?", Status.OUTSIDE: "–"}
STYLES = {Status.SUPPORTED: "green", Status.REFUTED: "bold red", Status.INCONCLUSIVE: "yellow", Status.OUTSIDE: "dim"}
MEANINGS = {
    Status.SUPPORTED: "the data confirm the claim within the stated tolerance, over the whole range of the design",
    Status.REFUTED: "settings inside the conditions, as read here, contradict the claim beyond sampling error",
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
    "T1": "until T_1",
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


# ---------------------------------------------------------------------------------------------------------------
# The report


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
    with _without_collector():
        trends = [figures.trend(t, i) for i, t in enumerate(check.trends)] if check else []
        overview = list(figures.overview(outcome))
        by_claim = {v.claim.name: list(figures.of_claim(v, outcome)) for v in outcome.verdicts}
    context = _context(outcome, command, overview, by_claim)
    context["check"] = None if check is None else _check_rows(check, trends)
    body: dict[str, str | bytes] = {
        "index.html": _html(context),
        "report.md": _markdown(context),
        "report.json": _dumps(as_json(outcome, command, check)),
        "runs.csv": outcome.runs.to_csv(index=False, lineterminator="\n"),
    }
    pictures = overview + [p for ps in by_claim.values() for p in ps] + [p for p in trends if p]
    body |= {f"figures/{p.name}.svg": p.svg for p in pictures}
    body |= {f"figures/{p.name}.png": p.png for p in pictures}
    _save(body, folder)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Figures are many small objects in cycles; looking for them among all others took a tenth of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _save(body: Mapping[str, str | bytes], folder: Path) -> None:
    """Write files, by name relative to ``folder``: first all of them aside, then moved into place."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".report-", dir=folder))
    except OSError as problem:
        raise _unwritable(folder, problem) from problem
    try:
        for name, held in body.items():
            path = aside / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(held if isinstance(held, bytes) else held.encode("utf-8"))
        # All is on the disk: from here on there are only renames.
        for path in sorted(aside.iterdir()):
            if path.is_dir() and (folder / path.name).exists():
                os.replace(folder / path.name, aside / f"old-{path.name}")
            os.replace(path, folder / path.name)
    except OSError as problem:
        raise _unwritable(folder, problem) from problem
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _unwritable(folder: Path, problem: OSError) -> OSError:
    return OSError(f"cannot write the report to {folder}: {problem.strerror or problem}; choose another --out")


def reproduce(claim: Claim, outcome: Outcome) -> str:
    """The command that judges this claim again, on the same runs."""
    plan = outcome.plan
    what = f"run {shlex.quote(claim.name)}" if plan.file is None else f"check {shlex.quote(str(plan.file.path))}"
    parts = [f"python -m verify {what}", f"--profile {plan.profile.name}", f"--seed {plan.seed}"]
    for f in fields(Reading):
        value = getattr(plan.reading, f.name)
        if value != f.default:
            parts.append(f"--{f.name.replace('_', '-')} {repr(float(value)).removesuffix('.0')}")
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
            "claims": _counts([v for v in outcome.verdicts if not v.claim.contrast]),
            "contrasts": _counts([v for v in outcome.verdicts if v.claim.contrast]),
            "statements": _counts(outcome.decisions),
        },
        "claims": [
            {
                "name": v.claim.name,
                "status": str(v.status),
                "contrast": v.claim.contrast,
                "expected": v.expected,
                "says": v.claim.says,
                "formula": v.claim.latex,
                "tested": v.claim.tested,
                "source": _source(v.claim).reference,
                "provenance": _source(v.claim).provenance,
                "note": _source(v.claim).note,
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


def _dumps(held: Any) -> str:
    return json.dumps(_strict(held), indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def _strict(value: Any) -> Any:
    """Plain JSON values; what is not a finite number becomes null."""
    if isinstance(value, Mapping):
        return {str(k): _strict(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_strict(v) for v in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return value if value is None else str(value)


def _counts(verdicts: Sequence[Verdict | Decision]) -> dict[str, int]:
    return {str(s): sum(v.status == s for v in verdicts) for s in Status}


def _of(outcome: Outcome, group: str) -> pd.DataFrame:
    return outcome.runs[outcome.runs["group"] == group]


# ---------------------------------------------------------------------------------------------------------------
# What the templates show


def _context(
    outcome: Outcome, command: str, overview: list[Picture], by_claim: dict[str, list[Picture]]
) -> dict[str, Any]:
    plan, runs = outcome.plan, outcome.runs
    letters = {name: _letter(i) for i, name in enumerate(outcome.margins)}
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
            "where": _where(_source(v.claim).reference),
            "meaning": PROVENANCE[_source(v.claim).provenance],
            "conditions": _conditions_of(outcome, v, letters),
            "reason": readable(v.reason),
            "group": letters[plan.group_of[v.claim.name].name],
            "expectation": _expectation(v),
            "predicted": _predicted(v),
            "measured": _measured(v),
            "parts": _parts(v),
            "judged": [readable(x) for x in dict.fromkeys(how_judged(law) for _, law in v.claim.parts)],
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
        "counts": _counts(claims),
        "statuses": [{"name": str(s), "sign": SIGNS[s], "meaning": MEANINGS[s]} for s in Status],
        "provenances": PROVENANCE,
        "overview": overview,
        "reading": _reading_rows(plan.reading),
        "thresholds": _threshold_rows(plan.reading),
        "groups": [_group_rows(outcome, name, letter) for name, letter in letters.items()],
        "statements": [_statement_row(d) for d in outcome.decisions],
        "decided": _decided(outcome.decisions),
        "environment": outcome.environment,
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
                        "reason": readable(t.reason),
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
        "premises": [
            {
                "condition": p.condition.name, "needs": _conditions_text(p.needs), "status": p.status, "proof": p.proof,
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
        "where": _where(statement.source.reference),
        "provenance": statement.source.provenance,
        "meaning": PROVENANCE[statement.source.provenance],
        "note": statement.source.note,
        "premises": "\n".join(_aligned([(p.name, str(p.order)) for p in statement.given])),
        "certificate": "" if answer is None else certificate(answer),
        "weakest": "" if answer is None or answer.weakest is None else str(answer.weakest),
        "reproduce": decision.reproduce,
    }


def _decided(decisions: Sequence[Decision]) -> str:
    """``35 statements about orders decided exactly: 35 SUPPORTED``, apart from the claims, which rest on runs."""
    if not decisions:
        return ""
    counts = ", ".join(f"{count} {status}" for status, count in _counts(decisions).items() if count)
    plural = "statement" if len(decisions) == 1 else "statements"
    return f"{len(decisions)} {plural} about orders decided exactly: {counts}"


def _aligned(rows: list[tuple[str, str]]) -> list[str]:
    width = max((len(name) for name, _ in rows), default=0)
    return [f"{name:<{width}}  {said}" for name, said in rows]


def _sizes(runs: pd.DataFrame) -> str:
    """The range of settings in which a network was trained."""
    trained = runs[runs["steps"] > 10] if len(runs) else runs
    if trained.empty:
        return ""
    shown = []
    for k in ("n", "m", "d", "kappa"):
        shown.append(f"{symbol(k)} from {number(float(trained[k].min()))} to {number(float(trained[k].max()))}")
    return ", ".join(shown)


def _letter(index: int) -> str:
    return chr(ord("A") + index) if index < 26 else f"A{index}"


def _where(reference: str) -> str:
    """A reference without what every reader knows: the paper's own name, arXiv numbers."""
    return re.sub(r", arXiv [\w.]+", "", reference.replace(f"{REFERENCE}, ", ""))


def _source(held: Claim | Condition) -> Source:
    assert isinstance(held.source, Source)  # a plain string became one when the value was made
    return held.source


def _conditions_text(needs: tuple[Condition, ...]) -> str:
    """What a group's conditions are called: where numbered ones stand, and the names of the others."""
    if not needs:
        return "none: any parameters"
    numbered = [_where(_source(c).reference).split(", ")[-1].split(" (")[0] for c in needs if c.name[:1].isdigit()]
    named = [c.name for c in needs if not c.name[:1].isdigit()]
    return ", ".join(dict.fromkeys(numbered)) + (f"{' with ' if numbered else ''}{', '.join(named)}" if named else "")


def _conditions_of(outcome: Outcome, verdict: Verdict, letters: dict[str, str]) -> dict[str, Any]:
    group = outcome.plan.group_of[verdict.claim.name]
    margins = outcome.margins[group.name].table
    found: dict[str, Any] = {"letter": letters[group.name], "text": _conditions_text(group.needs)}
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


def _expectation(verdict: Verdict) -> str:
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
                    + ", ".join(f"{symbol(k)} {signed(v)}" for k, v in part["predicted"].items())
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
                lines += [f"{symbol(k)} {interval(part['slopes'][k], True)}" for k in order]
            case "probability" if part["trials"]:
                share = part["interval"]
                spread = f"[{100 * share['low']:.1f}, {100 * share['high']:.1f}]"
                lines.append(f"{part['successes']} of {part['trials']} runs: {100 * share['value']:.1f} {spread} %")
            case "bound" if "constant" in part:
                lines.append(f"K = {number(part['constant'])} serves (median {number(part['median'])})")
                if "drift" in part:
                    lines.append("drift " + ", ".join(f"{k}^{signed(x['value'], 2)}" for k, x in part["drift"].items()))
            case "crossing" if "where" in part:
                lines.append(f"zero at {interval(part['where'])}")
            case "identity" if part.get("largest") is not None:
                lines.append(f"largest residual {number(part['largest'])}")
    return lines or [readable(verdict.measured)]


def _brief(verdict: Verdict) -> str:
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
                    "name": symbol(k),
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
                    "name": symbol(k),
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
            "name": "T_star",
            "ours": number(r.T_star),
            "why": "The largest iteration considered; it enters the conditions through its logarithm.",
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
            "what": "Clean patches do no harm at convergence: the error tends to |S_f|/(2n), and to 1/2 otherwise",
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
    latex = {p.name: p.latex for p in table()} | {"kappa": r"\kappa = n\,\mathrm{SNR}^2"}
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
            "binding": row["binding"],
        }
        for row in held.table.to_dict("records")
    ]
    return {
        "letter": letter,
        "name": name,
        "text": _conditions_text(held.group.needs),
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


# ---------------------------------------------------------------------------------------------------------------
# Words and numbers


def number(value: float) -> str:
    """Three digits."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if abs(value) < 1e5 and (value == int(value) or abs(value) >= 1e3):
        return f"{value:.0f}".replace("-", "−")
    return re.sub(r"e([+-])0*(\d+)", lambda x: f"e{x[1].replace('+', '')}{x[2]}", f"{value:.3g}").replace("-", "−")


def signed(value: float, digits: int | None = None) -> str:
    text = f"{value:+g}" if digits is None else f"{value:+.{digits}f}"
    if not float(text):
        return text.lstrip("+-") if digits else "0"
    return text.replace("-", "−")


def interval(held: Mapping[str, float], sign: bool = False) -> str:
    if sign:
        return f"{signed(held['value'], 2)} [{signed(held['low'], 2)}, {signed(held['high'], 2)}]"
    return f"{number(held['value'])} [{number(held['low'])}, {number(held['high'])}]"


_SYMBOLS = {
    "mu": "‖μ‖", "sigma_xi": "σ_ξ", "sigma_0": "σ_0", "eta": "η", "tau_plus": "τ_+", "tau_minus": "τ_−", "tau": "τ",
    "epsilon": "ε", "delta": "δ", "T_star": "T_*", "kappa": "κ", "gamma": "γ", "rho": "ρ", "alpha": "α", "beta": "β",
    "sigma": "σ", "Theta": "Θ",
}  # fmt: skip


def symbol(name: str) -> str:
    return _SYMBOLS.get(name, name)


def readable(text: str, mu: str = "‖μ‖") -> str:
    """A sentence in the paper's notation, as far as plain text goes; in prose mu is the vector, in a law its length."""
    text = re.sub(r"\b[A-Za-z_]\w*\b", lambda x: mu if x[0] == "mu" else symbol(x[0]), text)
    text = text.replace("<=", "≤").replace(">=", "≥").replace("**", "^").replace("y~", "ỹ").replace(" - ", " − ")
    text = re.sub(r"\btau_([+-])(?!\w)", lambda x: f"τ_{x[1].replace('-', '−')}", text)
    text = re.sub(r"\((\d)-(\d)", r"(\1−\2", text)
    text = re.sub(r"(?<=[\w)‖*])\*(?=[\w(‖])", "·", text)
    text = re.sub(r"(?<=\d)e\+0*(\d+)", r"e\1", text)
    return re.sub(r"(?<![\w−])-(?=\d)", "−", text)


def prose(text: str) -> str:
    return readable(text, mu="μ")


def duration(seconds: float) -> str:
    """In the two largest units that matter."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def shortened(text: str, width: int) -> str:
    text = re.sub(r"\s+", " ", text).strip()
    return text if len(text) <= width else text[: width - 1].rstrip(" ,;:") + "…"


# ---------------------------------------------------------------------------------------------------------------
# Templates


def _environment(html: bool) -> jinja2.Environment:
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=html,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    env.filters |= {"short": shortened, "readable": readable, "prose": prose}
    return env


def _html(context: dict[str, Any]) -> str:
    formulas = Formulas()

    def math_(latex: str) -> Markup:
        drawn = formulas.draw(latex)
        return Markup(f'<span class="plainmath">{escape(plain(latex))}</span>') if drawn is None else Markup(drawn)

    def caption(text: str) -> Markup:
        """Text in which $...$ is a formula."""
        pieces = re.split(r"\$([^$]+)\$", text)
        return Markup("").join(math_(x) if i % 2 else escape(x) for i, x in enumerate(pieces))

    def data(picture: Picture) -> Markup:
        return Markup("data:image/svg+xml;base64," + base64.b64encode(_lean(picture.svg).encode()).decode())

    def typeset(text: str) -> Markup:
        """Short text with powers, indices and powers of ten set as such."""
        body = re.sub(r"(\d(?:\.\d+)?)e([-−+]?)0*(\d+)", _power, str(escape(text)))
        body = re.sub(r"\^\(?([-+−]?[\w.*/]+)\)?", lambda x: f"<sup>{x[1].replace('-', '−')}</sup>", body)
        return Markup(re.sub(r"(?<![\w>])([A-Za-zστỹ])_([\wξ+−*])(?!\w)", r"\1<sub>\2</sub>", body))

    def breakable(name: str) -> Markup:
        """A dotted name that may wrap after its dots and dashes."""
        return Markup(re.sub(r"([.\-_])", r"\1<wbr>", str(escape(name))))

    env = _environment(html=True)
    env.filters |= {"math": math_, "caption": caption, "data": data, "breakable": breakable, "typeset": typeset}
    style = Markup((TEMPLATES / "style.css").read_text(encoding="utf-8"))
    body = env.get_template("body.html").render(**context)
    return env.get_template("index.html").render(
        **context, style=style, body=Markup(body), glyphs=Markup(formulas.definitions())
    )


def _power(found: re.Match[str]) -> str:
    digits, sign, power = found.groups()
    front = "" if digits == "1" else f"{digits}×"
    return f"{front}10<sup>{sign.replace('-', '−').replace('+', '')}{power}</sup>"


def _lean(svg: str) -> str:
    """Without the XML head and metadata, which no browser needs here."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    return re.sub(r">\s+<", "><", svg)


def _cell(text: object) -> str:
    """Text that neither ends a Markdown table cell nor becomes markup."""
    clean = re.sub(r"\s+", " ", str(text)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]#|~$])", r"\\\1", clean)


def _markdown(context: dict[str, Any]) -> str:
    env = _environment(html=False)

    def tex(latex: str) -> str:
        return (
            "$" + re.sub(r"\s+", " ", latex).replace("$", "").replace("|", r"\vert ").replace(r"\\vert", r"\Vert") + "$"
        )

    env.filters |= {"cell": _cell, "tex": tex}
    return env.get_template("report.md").render(**context)


# ---------------------------------------------------------------------------------------------------------------
# Terminal


def _console(to: Any = None) -> Console:
    stream = sys.stdout if to is None else to
    # A terminal that cannot show κ gets a question mark, not a traceback.
    if isinstance(stream, io.TextIOWrapper) and "utf" not in stream.encoding.lower():
        stream.reconfigure(errors="replace")
    return Console(file=stream, highlight=False, markup=False, emoji=False)


@contextmanager
def progress(total: int, quiet: bool) -> Iterator[Callable[..., None]]:
    """Progress of ``total`` jobs on stderr. Yields what is to be called at the end of each; arguments are ignored."""
    if quiet or total == 0:
        yield lambda *_: None
        return
    console = _console(sys.stderr)
    if console.is_terminal:
        columns = (
            TextColumn("running"), BarColumn(), MofNCompleteColumn(), TextColumn("settings,"), TimeElapsedColumn(),
            TextColumn("gone,"), TimeRemainingColumn(), TextColumn("left"),
        )  # fmt: skip
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task("", total=total)
            yield lambda *_: bar.advance(task)
        return
    start = told = monotonic()
    done = 0

    def tick(*_: object) -> None:
        nonlocal done, told
        done += 1
        now = monotonic()
        if now - told >= PIPE_INTERVAL:
            told = now
            left = duration((now - start) / done * (total - done))
            console.print(
                f"{done} of {total} settings, {duration(now - start)} gone, about {left} left", soft_wrap=True
            )

    yield tick


def announce(text: str, quiet: bool) -> None:
    """What is being done, on stderr."""
    if not quiet:
        _console(sys.stderr).print(text, soft_wrap=True)


def _print_check(check: Check, console: Console) -> None:
    held = check.file
    counted = ((held.conditions, "new condition"), (held.claims, "claim"), (held.observables, "observable"))
    said = ", ".join(f"{len(x)} {what}{'' if len(x) == 1 else 's'}" for x, what in counted)
    console.print(f"{held.path}: {said}", soft_wrap=True)
    for warning in check.warnings:
        console.print(Text(f"warning: {warning}", style="yellow"), soft_wrap=True)
    for found in check.relations:
        console.print()
        console.print(Text(f"{found.condition.name}: {found.says}", style="bold"))
        _indented(console, found.proof)
    for found in check.premises:
        console.print()
        line = Text(f"{_conditions_text(found.needs)}: {found.condition.name} is {found.status}", style="bold")
        console.print(line)
        _indented(console, found.proof)
        if found.weakest:
            _indented(console, f"the weakest condition that would give it: {found.weakest}")
    if len(check.margins):
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
    styles = {Answer.FAILS: "bold red", Answer.HOLDS: "green", Answer.OPEN: "yellow"}
    paths = {t.path.group: t.path for t in check.trends}
    for group, path in paths.items():
        console.print()
        reach = f", n from {path.places[0].setting.n} to {path.places[-1].setting.n}" if path.places else ""
        _indented(console, f"{_conditions_text(path.needs)}, without {path.lost.name}, along {path.scaling}{reach}")
        for t in check.trends:
            if t.path.group == group:
                console.print(Text(f"{t.claim.name}: ").append(str(t.answer), style=styles[t.answer]))
                _indented(console, readable(t.reason))


def summary(outcome: Outcome, folder: Path | None = None, check: Check | None = None) -> None:
    """What a study found, on stdout."""
    console = _console()
    if check is not None:
        _print_check(check, console)
        console.print()
    claims = [v for v in outcome.verdicts if not v.claim.contrast]
    contrasts = [v for v in outcome.verdicts if v.claim.contrast]
    if not outcome.finished:
        done, planned = len(outcome.results), len(outcome.plan.jobs)
        console.print(f"INTERRUPTED: partial, {done} of {planned} settings ran", style="bold red")
    if claims:
        console.print(_counted(claims))
    if outcome.decisions:
        console.print(("and " if claims else "") + _decided(outcome.decisions))
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
                Text(_brief(v)),
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
    for status in (Status.REFUTED, Status.INCONCLUSIVE, Status.OUTSIDE):
        some = [v for v in claims if v.status == status]
        if some:
            console.print()
            console.print(f"Why {status}", style=STYLES[status])
        for v in some:
            console.print(Text(v.claim.name))
            _indented(console, readable(v.reason))
    for v in contrasts:
        if v.status != Status.REFUTED:
            console.print(f"{v.claim.name}: {_expectation(v)}", style="yellow")
    if check is not None:
        _print_trends(check, console)
    console.print()
    if not outcome.verdicts:
        console.print(f"no runs needed, {duration(outcome.wall)}")
    else:
        console.print(
            f"{len(outcome.runs)} runs, profile {outcome.plan.profile.name}, seed {outcome.plan.seed},"
            f" C = {outcome.plan.reading.C:g}, {duration(outcome.wall)}"
        )
    if folder is not None:
        console.print(f"report: {folder / 'index.html'}", soft_wrap=True)


def _indented(console: Console, text: str | Text) -> None:
    """Wrapped to the width, two columns in, without the padding that would trail in a pipe."""
    body = Text(text) if isinstance(text, str) else text
    for line in body.wrap(console, max(console.width - 2, 20)):
        line.rstrip()
        console.print(Text("  ").append_text(line), soft_wrap=True)


def _counted(verdicts: list[Verdict]) -> Text:
    line = Text()
    for status, count in _counts(verdicts).items():
        if count or status != Status.OUTSIDE:
            line.append(f"{count} {status}", style=STYLES[Status(status)])
            line.append("   ")
    return line


def table_of_claims(claims: tuple[Claim, ...], group_of: Mapping[str, Group] | None = None) -> None:
    """All claims, on stdout: name, source with provenance, kind of law, and the claim in a sentence."""
    console = _console()
    width = max(len(c.name) for c in claims) if claims else 0
    for claim in claims:
        kinds = ", ".join(dict.fromkeys(KINDS[type(law)] for _, law in claim.parts))
        source = _source(claim)
        line = Text(claim.name.ljust(width), style="bold")
        line.append(f"  {_where(source.reference)} [{source.provenance}]", style="not bold")
        console.print(line, soft_wrap=True)
        contrast = " Contrast: expected to fail." if claim.contrast else ""
        _indented(console, f"{kinds}: {prose(claim.says)}{contrast}")
    if group_of is not None:
        groups = {g.name: g for g in group_of.values()}
        console.print()
        console.print(f"{len(claims)} claims, judged on {len(groups)} groups of runs:", style="bold")
        for name, group in groups.items():
            console.print(Text(f"  {name}: {_conditions_text(group.needs)}; {STAGES[group.stage]}"))


def explain(claim: Claim, group: Group | None = None, observables: Mapping[str, Observable] | None = None) -> None:
    """Everything that is known of a claim, on stdout."""
    console = _console()
    observables = OBSERVABLE_BY_NAME if observables is None else observables

    def section(title: str, *lines: str | Text) -> None:
        console.print()
        console.print(title, style="bold")
        for line in lines:
            _indented(console, line)

    console.print(Text(claim.name, style="bold"))
    if claim.contrast:
        console.print("A contrast: expected to fail. It shows what the theorem does not say.")
    console.print(Text(claim.says))
    section("Formula", *(plain(x) for x in re.split(r",\s*\\quad\s*", claim.latex)), f"LaTeX: {claim.latex}")
    source = _source(claim)
    lines = [source.reference, f"provenance '{source.provenance}': {PROVENANCE[source.provenance]}"]
    section("Source", *lines, *([f"note: {source.note}"] if source.note else []))
    if claim.needs:
        lines = []
        for condition in claim.needs:
            text = Text(condition.name, style="italic")
            text.append(f": {prose(condition.says)}\n{_stated(condition)}\n{condition.source}", style="not italic")
            lines.append(text)
        section("Conditions", *lines)
    else:
        section("Conditions", "none: it is claimed for any parameters")
    lines = []
    for name, law in claim.parts:
        held = observables.get(name)
        lines.append(f"{name}: {prose(held.says) if held else 'unknown observable'}")
        lines.append(f"{KINDS[type(law)]}: {readable(_law(name, law))}")
    section("Observables", *lines)
    if claim.tested:
        section("What is tested", prose(claim.tested))
    section("How it is judged", *dict.fromkeys(readable(how_judged(law)) for _, law in claim.parts))
    if group is not None:
        section("Runs", f"group {group.name}: {STAGES[group.stage]}")


def list_statements(statements: tuple[Entailment, ...]) -> None:
    """All statements about orders, on stdout: name, source, and what is claimed of what."""
    console = _console()
    width = max((len(s.name) for s in statements), default=0)
    for statement in statements:
        line = Text(statement.name.ljust(width), style="bold")
        line.append(f"  {_where(statement.source.reference)} [{statement.source.provenance}]", style="not bold")
        console.print(line, soft_wrap=True)
        _indented(console, prose(statement.says))
        _indented(console, _claimed(statement))
    console.print()
    console.print(f"{len(statements)} statements; their premises and certificates: `explain NAME`", style="bold")


def _claimed(statement: Entailment) -> str:
    claimed = CLAIMED[statement.expected]
    return claimed if statement.goal is None else f"{statement.goal}: {claimed}"


def explain_statement(decision: Decision) -> None:
    """A statement about orders, its source, and its certificate, on stdout."""
    console, statement = _console(), decision.statement
    console.print(Text(statement.name, style="bold"))
    console.print(Text(prose(statement.says)))
    console.print(Text(_claimed(statement)), soft_wrap=True)
    console.print()
    console.print("Source", style="bold")
    source = statement.source
    lines = [source.reference, f"provenance '{source.provenance}': {PROVENANCE[source.provenance]}"]
    for line in [*lines, *([f"note: {source.note}"] if source.note else [])]:
        _indented(console, line)
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
    console = _console()
    symbols = set().union(*(p.order.symbols for p in held.given), held.goal.symbols if held.goal else set())
    _answer(console, held, [f for f in facts if f.order.symbols <= symbols])


def _answer(console: Console, held: orders.Answer, facts: Sequence[orders.Premise] = ()) -> None:
    # Columns are for reading side by side: nothing here is wrapped.
    def plainly(lines: Sequence[str]) -> None:
        for line in lines:
            console.print(Text(f"  {line}"), soft_wrap=True)

    console.print("Premises", style="bold")
    plainly(_aligned([(p.name, str(p.order)) for p in held.given]) or ["none"])
    if facts:
        plainly(["facts: " + ", ".join(str(f) for f in facts)])
    console.print()
    if held.goal is not None:
        console.print("Goal", style="bold")
        plainly([str(held.goal)])
        console.print()
    style = "bold green" if held.status in (orders.Status.ENTAILED, orders.Status.CONSISTENT) else "bold yellow"
    console.print(Text(f"{held.status}: {held.reason}", style=style), soft_wrap=True)
    if found := certificate(held):
        console.print()
        plainly(found.split("\n"))
    if held.status == orders.Status.NOT_ENTAILED:
        console.print()
        added = f"with {held.weakest} it would follow, and no weaker premise does"
        alone = "no single premise that the others allow was found with which it would follow"
        console.print(Text(added if held.weakest is not None else alone), soft_wrap=True)


def _stated(condition: Condition) -> str:
    held = condition.statement
    if isinstance(held, Band):
        return readable(f"{held.low:g} <= {held.expression} <= {held.high:g}")
    return readable(f"{held.lhs} {held.rel_op if held.rel_op != '==' else '='} {held.rhs}")  # type: ignore[union-attr]


def _law(name: str, law: Law) -> str:
    match law:
        case Theta(expression, up_to_logs):
            return f"{name} = {'Theta~' if up_to_logs else 'Theta'}({expression})"
        case Within(low, high):
            return (f"{low} <= " if low is not None else "") + name + (f" <= {high}" if high is not None else "")
        case AtMost(expression):
            return f"{name} <= K ({expression})"
        case AtLeast(expression):
            return f"{name} >= K ({expression}), K > 0"
        case Exactly(tolerance):
            return f"{name} = 0, up to {tolerance:g}"
        case Crossing(along, at):
            return f"{name} = 0 where {along} = {at:g}"
    raise TypeError(law)


def list_observables(observables: Mapping[str, Observable]) -> None:
    """What a claim can speak of, on stdout."""
    console = _console()
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


def margin_tables(sets: list[tuple[str, list[Margin]]], setting: Setting, reading: Reading) -> None:
    """How far each condition of several sets holds at one setting, on stdout."""
    console = _console()
    values = {**setting.values(), "kappa": setting.kappa}
    console.print(Text(", ".join(f"{symbol(k)} = {number(float(v))}" for k, v in values.items())))
    console.print(
        Text(f"asked: C = {reading.C:g}; in the logarithms δ = {reading.delta:g}, T_* = {number(reading.T_star)}"),
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
    console = _console() if console is None else console
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
            body.append(f"\n{'> ' if binds else '  '}{readable(str(term.term))}{value}", style="" if binds else "dim")
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


# ---------------------------------------------------------------------------------------------------------------
# The hunt for violations


@contextmanager
def hunting(claims: Sequence[Claim], quiet: bool) -> Iterator[Callable[[Claim], Callable[[float], None]]]:
    """Progress of searches on stderr. Yields what gives, for a claim, a function of the share of its budget gone."""
    console = _console(sys.stderr)
    if quiet or not console.is_terminal:
        yield lambda _: lambda share: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        tasks = {c.name: bar.add_task(c.name, total=1.0) for c in claims}
        yield lambda claim: lambda share: bar.update(tasks[claim.name], completed=share)


def write_hunts(hunts: Sequence[Hunt], reading: Reading, folder: Path, command: str) -> None:
    """Print what searches for violations found, and write falsify.json and a pytest test per violation.

    Raises:
        OSError: ``folder`` cannot be written; it is then as before.
    """
    console = _console()
    body: dict[str, str | bytes] = {}
    held = []
    for h in hunts:
        found = {"simplest": h.simplest, "worst": h.worst}
        held.append(
            {
                "claim": h.claim.name,
                "violated": h.violated,
                "settings": h.settings,
                "runs": h.runs,
                "rejected": h.rejected,
                "seconds": h.seconds,
                "seed": h.seed,
                "suspects": [{"setting": s.values(), "failures": f, "trials": t} for s, f, t in h.suspects],
                **{
                    k: None
                    if w is None
                    else {**vars(w), "setting": w.setting.values(), "reproduce": _again(h, w, reading)}
                    for k, w in found.items()
                },
            }
        )
        console.print(
            Text(
                f"{'VIOLATED' if h.violated else 'no violation found'}  {h.claim.name}: {h.settings} settings,"
                f" {h.runs} runs, {duration(h.seconds)}",
                style="bold red" if h.violated else "bold green",
            )
        )
        for kind, witness in found.items():
            if witness is None or (kind == "worst" and witness == h.simplest):
                continue
            shown = ", ".join(
                f"{k}={number(v) if isinstance(v, float) else v}" for k, v in witness.setting.values().items()
            )
            console.print(f"  {kind}: {shown}", soft_wrap=True)
            console.print(
                f"    fails in {witness.failures} of {witness.trials} fresh runs, more often than {witness.rate:.3f}"
                f" with all {h.settings} settings allowed for; {reading.delta:g} is allowed"
            )
            values = witness.setting.values() | {"delta": reading.delta, "T_star": reading.T_star}
            margins = [c.margin(values, reading.C) for c in h.claim.needs]
            told = ", ".join(f"{m.condition.name} {number(m.value)} of {m.required:g}" for m in margins)
            _indented(console, f"margins: {told}")
            console.print(f"    again: {_again(h, witness, reading)}", soft_wrap=True)
        if h.simplest is not None:
            name = f"test_{re.sub(r'[^a-z0-9]+', '_', h.claim.name)}.py"
            body[name] = _witness_test(h, reading)
    kept = {"command": command, "reading": asdict(reading), "hunts": held}
    _save({"falsify.json": _dumps(kept), **body}, folder)
    console.print(f"report: {folder / 'falsify.json'}", soft_wrap=True)


def require_writable(folder: Path) -> None:
    """Raise ``OSError`` before a long search, not after it."""
    _save({}, folder)


def failures_at(setting: Setting, counts: Mapping[str, tuple[int, int]], reading: Reading) -> bool:
    """Print how often claims fail at one setting; whether one fails more often than delta, at 95 %."""
    console = _console()
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


def _again(hunt: Hunt, witness: Witness, reading: Reading) -> str:
    at = " ".join(f"{k}={v!r}" for k, v in witness.setting.values().items())
    changed = [f"--{k.replace('_', '-')} {v:g}" for k, v in asdict(reading).items() if v != getattr(Reading(), k)]
    return " ".join([f'python -m verify falsify {hunt.claim.name} --at "{at}"', *changed])


def _witness_test(hunt: Hunt, reading: Reading) -> str:
    witness = hunt.simplest
    assert witness is not None
    changed = ", ".join(f"{k}={v!r}" for k, v in asdict(reading).items() if v != getattr(Reading(), k))
    values = "".join(f"        {k}={v!r},\n" for k, v in witness.setting.values().items())
    return (
        f'"""{hunt.claim.name} fails here more often than {reading.delta:g}; this test fails while it does."""\n\n'
        "from numerics import Setting\n"
        "from theory.paper import Reading, claims\n"
        "from verify.falsify import failures\n"
        "from verify.fit import clopper_pearson\n\n\n"
        f"def test_{re.sub(r'[^a-z0-9]+', '_', hunt.claim.name)}_holds_often_enough():\n"
        f"    reading = Reading({changed})\n"
        f'    [claim] = [c for c in claims(reading) if c.name == "{hunt.claim.name}"]\n'
        f"    setting = Setting(\n{values}    )\n"
        "    failed, trials = failures(claim, setting, reading, seeds=256)\n"
        "    assert clopper_pearson(failed, trials).low <= reading.delta\n"
    )


# ---------------------------------------------------------------------------------------------------------------
# The self-test


def write_selftest(result: SelfTest, folder: Path, command: str) -> None:
    """Print how the verifier fared against planted falsehoods, and write selftest.json and selftest.md.

    Raises:
        OSError: ``folder`` cannot be written; it is then as before.
    """
    (rejected, planted), (accepted, true) = result.rejected, result.accepted
    plan = result.outcome.plan
    rows = result.table.to_dict("records")
    missed = [t for t in result.trials if (t.status != Status.REFUTED if t.false else t.status == Status.REFUTED)]
    held = {
        "command": command,
        "profile": plan.profile.name,
        "seed": plan.seed,
        "passed": result.exit_status == 0,
        "planted": planted,
        "rejected": rejected,
        "true": true,
        "accepted": accepted,
        "table": rows,
        "trials": [{k: v for k, v in vars(t).items()} for t in result.trials],
        "environment": dict(result.outcome.environment),
    }
    answer = {0: "passed", 1: "FAILED", 3: "not enough evidence: take a larger --profile"}[result.exit_status]
    lines = [
        "# Does the verifier reject false laws?",
        "",
        f"Profile {plan.profile.name}, seed {plan.seed}. Planted falsehoods rejected: {rejected} of {planted}."
        f" True statements accepted: {accepted} of {true}. **{answer.capitalize()}.**",
        "",
        "| truth | what was planted | claim | trials | rejected | accepted | neither |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        truth = "false" if row["false"] else "true"
        counts = " | ".join(str(row[k]) for k in ("trials", "rejected", "accepted", "neither"))
        lines.append(f"| {truth} | {_cell(row['kind'])} | {_cell(row['claim'])} | {counts} |")
    if missed:
        lines += ["", "Not answered as they should be:", ""]
        lines += [
            f"- {_cell(t.claim)}, {_cell(t.kind)}, {_cell(t.detail)}: {t.status} ({_cell(t.measured)})" for t in missed
        ]
    lines += ["", f"Command: `{command}`", ""]
    _save({"selftest.json": _dumps(held), "selftest.md": "\n".join(lines)}, folder)

    console = _console()
    shown = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold")
    for heading in ("truth", "statement", "made from"):
        shown.add_column(heading, overflow="fold")
    for heading in ("trials", "rejected", "accepted", "neither"):
        shown.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        wrong = row["rejected"] < row["trials"] if row["false"] else row["accepted"] < 0.95 * row["trials"]
        shown.add_row(
            "false" if row["false"] else "true",
            Text(row["kind"]),
            Text(row["claim"]),
            *(str(row[k]) for k in ("trials", "rejected", "accepted", "neither")),
            style="red" if wrong else None,
        )
    console.print(shown)
    for t in missed[:20]:
        console.print()
        console.print(Text(f"{t.claim}, {t.kind}, {t.detail}: {t.status}", style="red"))
        _indented(console, readable(t.measured))
    console.print()
    console.print(f"falsehoods rejected: {rejected} of {planted}; true statements accepted: {accepted} of {true}")
    console.print(answer, style={0: "bold green", 1: "bold red", 3: "bold yellow"}[result.exit_status])
    console.print(f"report: {folder / 'selftest.md'}", soft_wrap=True)
