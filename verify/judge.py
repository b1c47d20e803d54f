"""From a claim and its runs to a verdict. How each kind of law is judged: docs/how-verdicts-are-reached.md."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from numerics import Observable
from theory import Claim
from theory.display import cut, inline, lines, mathml, named, record, sentence
from theory.laws import Law
from theory.reading import Reading
from verify import fit
from verify.laws import kind_of
from verify.laws.kind import Asked, Finding, Status


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the evidence says of a claim.

    Attributes:
        claim: the claim.
        status: SUPPORTED, REFUTED, INCONCLUSIVE, or OUTSIDE (no run met the conditions).
        predicted: in words and numbers.
        measured: in words and numbers.
        reason: why the status follows.
        settings, runs: how much was looked at.
        findings: what was found of its laws; none where no run met the conditions.
    """

    claim: Claim
    status: Status
    predicted: str
    measured: str
    reason: str
    settings: int
    runs: int
    findings: tuple[Finding, ...] = ()

    @property
    def expected(self) -> bool:
        """Nothing unexpected: not refuted, or a contrast that does fail."""
        if self.claim.contrast:
            return self.status != Status.SUPPORTED
        return self.status != Status.REFUTED

    @property
    def fit(self) -> list[str]:
        """What was measured, in a few lines in which $...$ is LaTeX."""
        found = [said for f in self.findings for said in kind_of(f.parts[0][1]).measured(f.detail)]
        return found or [self.measured]

    def __repr__(self) -> str:
        looked = f"{self.settings} settings, {self.runs} runs"
        return f"{self.status} {self.claim.name}: {cut(self.measured)} ({looked})\n  {cut(self.reason)}"

    def _repr_latex_(self) -> str:
        return inline(rf"\text{{{self.status}}}:\quad {self.claim.latex}")

    def _repr_html_(self) -> str:
        rows = (
            ("claimed", mathml(self.claim.latex)),
            ("under", lines(named(c.name, c.latex) for c in self.claim.needs)),
            ("measured", lines(map(sentence, self.fit))),
            ("looked at", f"{self.settings} settings, {self.runs} runs"),
            ("reason", self.reason),
        )
        return record(f"{self.status} {self.claim.name}", rows)

    @property
    def p_value(self) -> float:
        """Of the claim being true."""
        asked = [1.0 if f.detail.p_value is None else f.detail.p_value for f in self.findings]
        return min(1.0, len(asked) * min(asked, default=1.0)) if asked else 1.0

    @property
    def doubtful(self) -> list[int]:
        """The settings at which more seeds would tell."""
        return sorted({k for f in self.findings for k in f.detail.doubtful})

    @property
    def details(self) -> dict[str, Any]:
        """The numbers behind it, as report.json holds them."""
        if not self.findings:
            return {}
        return {"parts": [f.data() for f in self.findings], "p_value": self.p_value, "doubtful": self.doubtful}


def judge(claim: Claim, runs: pd.DataFrame, reading: Reading, observables: dict[str, Observable]) -> Verdict:
    """Judge one claim on its runs.

    Args:
        claim: what is claimed.
        runs: one row per run, all inside the claim's conditions; columns as written by ``sweep.execute``.
        reading: supplies delta.
        observables: by name.
    """
    counts = {"settings": runs["setting"].nunique() if len(runs) else 0, "runs": len(runs)}
    if runs.empty:
        return Verdict(
            claim=claim,
            status=Status.OUTSIDE,
            predicted="-",
            measured="-",
            reason="no run met the conditions",
            **counts,
        )
    rng = np.random.default_rng(zlib.crc32(claim.name.encode()))
    asked = Asked(reading=reading, observables=observables, rng=rng, needs=claim.needs)
    # Fresh seeds of settings that looked doubtful were chosen for that: they say whether those settings contradict a
    # bound, and nothing of the whole design.
    first = runs[runs["look"] == 0] if "look" in runs else runs
    findings = []
    for parts in _together(claim):
        kind = kind_of(parts[0][1])
        findings.append(kind.judge(parts, runs if kind.at_once else first, asked))
    # The weakest part decides; three answers never become two.
    order = [Status.REFUTED, Status.INCONCLUSIVE, Status.SUPPORTED]
    status = min((f.status for f in findings), key=order.index)
    return Verdict(
        claim=claim,
        status=status,
        predicted="; ".join(f.predicted for f in findings),
        measured="; ".join(f.measured for f in findings),
        reason="; ".join(
            (f"{f.detail.observable}: " if len(findings) > 1 and f.detail.observable else "") + f.reason
            for f in findings
            if f.status == status
        ),
        findings=tuple(findings),
        **counts,
    )


def _together(claim: Claim) -> list[list[tuple[str, Law]]]:
    """The laws of a claim as they are judged: first those of a kind that is judged all at once, then one by one."""
    at_once: dict[type[Law], list[tuple[str, Law]]] = {}
    for part in claim.parts:
        if kind_of(part[1]).at_once:
            at_once.setdefault(type(part[1]), []).append(part)
    return [*at_once.values(), *([part] for part in claim.parts if not kind_of(part[1]).at_once)]


def corrected(verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """The verdicts of one study with REFUTED held against their number: among forty true claims two would be refuted at
    5 % each. What does not stand (Holm, 5 % for all together) is INCONCLUSIVE."""
    asked = {v.claim.name: v.p_value for v in verdicts if v.status != Status.OUTSIDE}
    stands = fit.holm(asked)

    def held(verdict: Verdict) -> Verdict:
        name = verdict.claim.name
        if verdict.status != Status.REFUTED or name in stands:
            return verdict
        among = f"p = {asked[name]:.2g} does not stand among {len(asked)} claims (Holm)"
        return replace(verdict, status=Status.INCONCLUSIVE, reason=f"{verdict.reason}; but {among}")

    return tuple(held(v) for v in verdicts)
