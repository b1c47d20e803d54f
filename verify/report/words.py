"""How a verdict, a claim and where it comes from are put in words, on a page as on the terminal."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

from theory import Claim, Condition
from theory.statements import Source
from verify.laws import kind_of
from verify.laws.kind import Status
from verify.pack import loaded, option
from verify.report.common import readable
from verify.shown import COMMAND

if TYPE_CHECKING:
    from verify.entailed import Decision
    from verify.judge import Verdict
    from verify.laws.kind import Finding, LawKind
    from verify.quantify import TheoremVerdict
    from verify.study import Outcome

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


STAGES = {
    "exact": "dense data, 200 steps against autograd",
    "start": "initialization only",
    "early": "until own noise coefficients reach a tenth of order one",
    "T1": "until T₁",
    "window": "until the last rescaled time at which T₁ may lie",
    "end": "until the loss reaches its target",
}


def evidence(found: TheoremVerdict) -> str:
    """``480 fresh runs, 30 settings, n 22–498; failing settings < 9.5 % (95 %)``, second looks apart."""
    if not found.runs:
        return "no run"
    more = int(found.settings["runs"].sum()) - found.runs
    again = f" and {more} more in settings that looked doubtful" if more else ""
    return f"{found.runs} fresh runs{again}, {len(found.settings)} settings, n {_span(found)}; {_failing(found)}"


def measured_at(found: TheoremVerdict) -> str:
    """``at n = 22–498: all parts at one time in 479 of 480 fresh runs (99.8 %), 30 settings; ...``."""
    if not found.runs:
        return "no run"
    share = f"{found.met} of {found.runs} fresh runs ({100 * found.met / found.runs:.1f} %)"
    return f"at n = {_span(found)}: all parts at one time in {share}, {len(found.settings)} settings; {_failing(found)}"


def _span(found: TheoremVerdict) -> str:
    sizes = found.settings["n"]
    least, largest = int(sizes.min()), int(sizes.max())
    return f"{least}–{largest}" if least < largest else f"{least}"


def _failing(found: TheoremVerdict) -> str:
    return f"failing settings < {100 * found.failing:.1f} % (95 %)"


def how_judged(claim: Claim) -> list[str]:
    """How its laws become a verdict, each kind once."""
    return list(dict.fromkeys(kind_of(law).how(law) for _, law in claim.parts))


def kinds(claim: Claim) -> list[str]:
    """What its laws are called, each kind once."""
    return list(dict.fromkeys(kind_of(law).called for _, law in claim.parts))


def kind(finding: Finding) -> LawKind:
    """Of the laws that a finding is about."""
    return kind_of(finding.parts[0][1])


def predicted(verdict: Verdict) -> list[str]:
    """The prediction in a few words, beside the formula."""
    found = [(law, f.detail) for f in verdict.findings for _, law in f.parts]
    said = [
        kind_of(law).predicted(law, detail) for law, detail in found or [(law, None) for _, law in verdict.claim.parts]
    ]
    return list(dict.fromkeys(x for x in said if x))


def measured(verdict: Verdict) -> list[str]:
    """The measurement in a few lines; the whole of it stands in the claim's section."""
    return verdict.fit


def brief(verdict: Verdict) -> str:
    """The measurement in some forty characters."""
    found = [kind(f).brief(f.detail) for f in verdict.findings]
    return "; ".join(x for x in found if x) or readable(verdict.measured)


def reproduce(name: str, outcome: Outcome) -> str:
    """The command that judges a claim or theorem again, on the same runs."""
    plan = outcome.plan
    what = f"run {shlex.quote(name)}" if plan.file is None else f"check {shlex.quote(str(plan.file.path))}"
    parts = [f"{COMMAND} {what}", f"--profile {plan.profile.name}", f"--seed {plan.seed}"]
    for f in fields(plan.reading):
        value = getattr(plan.reading, f.name)
        if value != f.default:
            shown = value if isinstance(value, str) else repr(float(value)).removesuffix(".0")
            parts.append(f"--{f.name.replace('_', '-')} {shown}")
    if plan.device != "cpu":
        parts.append(f"--device {shlex.quote(plan.device)}")
    return " ".join(parts) + option(plan.reading)


def expectation(verdict: Verdict) -> str:
    if not verdict.claim.contrast:
        return "" if verdict.status != Status.REFUTED else "not expected"
    return {
        Status.REFUTED: "fails, as expected",
        Status.SUPPORTED: "holds, although it was expected to fail",
        Status.INCONCLUSIVE: "not shown to fail",
        Status.OUTSIDE: "not tested",
    }[verdict.status]


def counts(verdicts: Sequence[Verdict | Decision | TheoremVerdict]) -> dict[str, int]:
    return {str(s): sum(v.status == s for v in verdicts) for s in Status}


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


def where(reference: str) -> str:
    """A reference without what every reader knows: the paper's own name, arXiv numbers."""
    for own in loaded():
        reference = reference.removeprefix(f"{own.paper.reference}, ")
    return re.sub(r", arXiv [\w.]+", "", reference)


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
