"""Where proofs meet the runs: what of a theorem is proved in the limit, what was measured, how far apart both are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import sympy as sp

from theory.limit import Argument
from theory.statements import Theorem
from theory.symbols import n
from verify.fit import Interval
from verify.laws.most_least import Constant
from verify.notation import signed
from verify.report.proofs import region_text
from verify.report.words import measured_at
from verify.shown import COMMAND

if TYPE_CHECKING:
    from theory.limit import Limit
    from verify.judge import Verdict
    from verify.proved import Standing
    from verify.quantify import TheoremVerdict
    from verify.study import Outcome


def limit_lines(found: TheoremVerdict, outcome: Outcome) -> list[dict[str, str]]:
    """Three lines beside a verdict, each ``{"what": ..., "told": ...}``; none of a theorem of which no limit speaks.

    The first speaks of what was checked in this very run alone.
    """
    proofs, theorem = outcome.proofs, found.theorem
    rows = limit_statements(theorem, outcome)
    if proofs is None or not rows:
        return []
    proved = [f"{r['verdict']} for {r['where']}: {r['told']} ({r['name']})" for r in rows if r["verdict"] == "proved"]
    argued: dict[str, list[str]] = {}
    for row in rows:
        if row["verdict"] == "argued":
            argued.setdefault(row["of"], []).append(row["name"])
    proved += [f"argued: {of} ({', '.join(names)})" for of, names in argued.items()]
    proved += [f"not proved here: {r['name']}, {r['problem']}" for r in rows if r["problem"]]
    stated = {part for s in proofs.about(theorem.name) if not s.problem for part in s.statement.parts[theorem.name]}
    if without := [p.name for p in theorem.parts if p.name not in stated]:
        proved.append(f"nothing of {', '.join(without)}")
    return [
        {"what": "in the limit", "told": "; ".join(proved)},
        {"what": "measured", "told": measured_at(found)},
        {"what": "distance to the limit", "told": _distance(proofs.limit, outcome.verdicts)},
    ]


def limit_statements(theorem: Theorem, outcome: Outcome) -> list[dict[str, str]]:
    """What is stated of a theorem in the limit, a row each: whether it stands in this run, where, with which constants,
    and how it was checked."""
    if outcome.proofs is None:
        return []
    signs = outcome.proofs.limit.system.signs
    return [_row(s, theorem, signs) for s in outcome.proofs.about(theorem.name)]


def _row(held: Standing, theorem: Theorem, signs: Mapping[str, str]) -> dict[str, str]:
    statement = held.statement
    parts = statement.parts[theorem.name]
    found = {
        "name": statement.name,
        "says": statement.says,
        "of": "all parts" if len(parts) == len(theorem.parts) else ", ".join(parts),
        "problem": held.problem and f"{held.problem} ({COMMAND} prove {statement.name})",
    }
    if isinstance(statement, Argument):
        how = f"argued in docs/proofs.md; of its algebra {held.leaves} steps checked in this run"
        found |= {"verdict": "argued", "where": statement.where, "told": "", "how": how}
    else:
        how = f"{held.leaves} boxes cover it, each checked in this run"
        where = region_text(statement.region, signs)
        found |= {"verdict": "proved", "where": where, "told": statement.told or statement.says, "how": how}
    return found | {"verdict": "not proved here", "how": ""} if held.problem else found


def _distance(limit: Limit, verdicts: tuple[Verdict, ...]) -> str:
    """How the gap between runs and the limit goes with n, from the claim that bounds it by a power of n."""
    if not limit.distance:
        return "no claim of this paper measures it"
    verdict = next((v for v in verdicts if v.claim.name == limit.distance), None)
    if verdict is None:
        return f"not measured in this study; {limit.distance} measures it"
    power = falls(verdict)
    if power is None:
        return f"not known from these runs: {limit.distance}: {verdict.reason}"
    exponent = f"n^{signed(power.value, 2)} (95 %: {signed(power.low, 2)} to {signed(power.high, 2)})"
    how = f"{exponent}, all else held, over {verdict.settings} settings of {limit.distance}"
    if power.high < 0:
        return f"falls like {how}"
    return f"no fall is certain: {how}"


def falls(verdict: Verdict) -> Interval | None:
    """The power of n with which what a bound K(n, ...) * law holds down goes: that of the law, and K's own drift."""
    for finding in verdict.findings:
        if isinstance(finding.detail, Constant) and finding.detail.drift:
            [(_, law)] = finding.parts
            of_law = sp.simplify(n * sp.diff(law.expression, n) / law.expression)
            if of_law.is_number:
                drift, by = finding.detail.drift["n"], float(of_law)
                return Interval(value=drift.value + by, low=drift.low + by, high=drift.high + by)
    return None
