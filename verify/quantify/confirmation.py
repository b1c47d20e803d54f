"""Confirm: fresh settings in the region of the constants that were fixed, fresh seeds, nothing from before. A setting
*contradicts* if the exact lower bound of its failure rate lies above delta, at a level shared by all settings and
looks; settings that look doubtful get more seeds. SUPPORTED: none contradicts, and the share of runs in which all parts
hold at one time surely exceeds 1 - delta. If the fresh runs contradict: OPEN where failures fall along the ladder,
since a stronger constant may cure them; REFUTED where they do not and the constants were the last of the ladder
(corrected over all theorems by Holm's rule); else INCONCLUSIVE.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import scipy

from theory.statements import Part, Theorem
from verify import fit
from verify.judge import Status
from verify.quantify.choice import FEWEST, REST, Choice, Shown, column_of
from verify.quantify.design import Family, numbers
from verify.sweep import Job, Result

LEVEL = 0.05
SEVERE = 3.0  # times delta: a setting is doubtful until its failure rate is surely below


def confirm(family: Family, theorem: Theorem, choice: Choice) -> list[Job]:
    """Fresh settings and seeds at the constants that were fixed."""
    alone = replace(family, members=(theorem,))
    fixed = {h.name: choice.constants[h.name] for h in theorem.restricting}
    group = alone.group("confirm", dict(choice.constants))
    settings = alone.design(fixed, family.effort.confirmed, "confirm")
    return alone.jobs(replace(group, needs=theorem.at(fixed)), settings, range(family.effort.looks[0]))


def more_seeds(
    family: Family, theorem: Theorem, choice: Choice, results: Sequence[Result], jobs: Sequence[Job]
) -> list[Job]:
    """The settings that look doubtful, with the seeds of the second look; none where the whole refutes the theorem."""
    met = Shown(theorem, results, family.reading).met(choice.constants)
    hits, runs = int(sum(m.sum() for m in met)), int(sum(m.size for m in met))
    if fit.clopper_pearson(hits, runs, 1 - LEVEL).high < 1 - family.reading.delta:
        return []
    tests = 2 * len(results)
    doubtful = {
        result.runs["setting"].iloc[0]
        for result, runs in zip(results, met, strict=True)
        if not _clear(runs, family.reading.delta) and not _contradicts(runs, family.reading.delta, tests)
    }
    first, last = family.effort.looks
    again = []
    for job in jobs:
        if job.point.index in doubtful:
            start = job.seeds[0]
            again.append(
                replace(
                    job,
                    group=replace(job.group, name=f"{job.group.name}-again"),
                    seeds=tuple(start + k for k in range(first, last)),
                )
            )
    return again


def _clear(met: np.ndarray, delta: float) -> bool:
    return fit.clopper_pearson(int((~met).sum()), met.size, 1 - LEVEL).high < SEVERE * delta


def _contradicts(met: np.ndarray, delta: float, tests: int) -> bool:
    return bool(scipy.stats.binom.sf((~met).sum() - 1, met.size, delta) < LEVEL / tests)


@dataclass(frozen=True, kw_only=True)
class PartVerdict:
    """One part of a theorem, at one time with its frame."""

    part: Part
    status: Status
    met: int
    runs: int
    failing: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class TheoremVerdict:
    """What became of a theorem under one kind of labels.

    Attributes:
        status: SUPPORTED, REFUTED, OPEN or INCONCLUSIVE; OUTSIDE where no setting could be drawn.
        choice: the constants and what exploration showed.
        met, runs: of the first look at the fresh settings.
        settings: a row per fresh setting: its parameters, runs, failures, contradicts, doubtful.
        failing: 95 % upper bound on the share of settings, as the design draws them, whose failure rate is surely above
            delta or could not be shown to lie below ``SEVERE`` * delta.
        p: of the fresh runs if the theorem held with these constants.
        parts: the conclusions one by one.
    """

    theorem: Theorem
    labels: str
    status: Status
    choice: Choice
    met: int
    runs: int
    settings: pd.DataFrame
    failing: float
    p: float
    reason: str
    parts: tuple[PartVerdict, ...]
    group: str
    explored: int = 0

    @property
    def measured(self) -> str:
        return f"{self.met} of {self.runs} fresh runs meet it, {self.told}"

    @property
    def told(self) -> str:
        """``with C = 4, ...``: the constants that were fixed, or how far they were followed."""
        told = self.theorem.told_at(self.choice.constants)
        # Where no constants served in exploration, the last of the ladder were put to the test, and may still hold.
        return f"with {told}" if self.choice.served or self.status == Status.SUPPORTED else f"followed to {told}"

    def __repr__(self) -> str:
        return f"{self.status} {self.theorem.name} ({self.labels} labels): {self.measured}\n  {self.reason}"


def answer(
    family: Family, theorem: Theorem, choice: Choice, results: Sequence[Result], again: Sequence[Result], group: str,
    explored: int,
) -> TheoremVerdict:  # fmt: skip
    """The verdict from the fresh runs; REFUTED still has to pass :func:`corrected`."""
    shown = Shown(theorem, results, family.reading)
    second = Shown(theorem, again, family.reading)
    delta = family.reading.delta
    frame = [p for p in theorem.parts if p.frame]

    def judged(parts: Sequence[Part] | None, name: str) -> tuple[Status, pd.DataFrame, int, int, float, float, str]:
        met = shown.met(choice.constants, parts)
        more = {r.runs["setting"].iloc[0]: m for r, m in zip(again, second.met(choice.constants, parts), strict=True)}
        tests = 2 * max(len(met), 1)
        rows = []
        for setting, result, runs in zip(shown.settings, shown.results, met, strict=True):
            every = np.concatenate([runs, more.get(result.runs["setting"].iloc[0], runs[:0])])
            rows.append({
                **numbers(setting), "kappa": setting.kappa, "runs": every.size, "failures": int((~every).sum()),
                "contradicts": _contradicts(every, delta, tests), "doubtful": not _clear(every, delta),
            })  # fmt: skip
        table = pd.DataFrame(rows)
        hits, runs = int(sum(m.sum() for m in met)), int(sum(m.size for m in met))
        status, failing, p, reason = _judge(table, hits, runs, choice, name, delta)
        return status, table, hits, runs, failing, p, reason

    if not results:
        return TheoremVerdict(
            theorem=theorem, labels=family.labels, status=Status.OUTSIDE, choice=choice, met=0, runs=0,
            settings=pd.DataFrame(), failing=math.nan, p=math.nan, parts=(), group=group, explored=explored,
            reason="no setting inside the conditions at these constants is affordable in this profile",
        )  # fmt: skip
    status, table, hits, runs, failing, p, reason = judged(None, "failures")
    certified = [part.name for part in theorem.parts if part.certificate]
    if certified and status in (Status.REFUTED, Status.OPEN):
        without = judged([part for part in theorem.parts if not part.certificate], REST)
        status, p, reason = _uncertified(status, without[0], p, without[5], reason, certified)
    parts = []
    for part in theorem.parts:
        if part.frame:
            continue
        own = judged([*frame, part], column_of(part))
        held, _, why = _uncertified(own[0], Status.SUPPORTED, 0.0, 0.0, own[6], [part.name] * part.certificate)
        parts.append(PartVerdict(part=part, status=held, met=own[2], runs=own[3], failing=own[4], reason=why))
    return TheoremVerdict(
        theorem=theorem, labels=family.labels, status=status, choice=choice, met=hits, runs=runs, settings=table,
        failing=failing, p=p, reason=reason, parts=tuple(parts), group=group, explored=explored,
    )  # fmt: skip


def _uncertified(
    status: Status, without: Status, p: float, p_without: float, reason: str, certified: Sequence[str]
) -> tuple[Status, float, str]:
    """A certificate that is missing contradicts nothing: only what is left without it can."""
    if not certified or status not in (Status.REFUTED, Status.OPEN):
        return status, p, reason
    if without in (Status.REFUTED, Status.OPEN):
        return without, p_without, reason
    why = f"{reason}; but {', '.join(certified)} is looked at by a certificate, and that it is missing says nothing"
    return Status.INCONCLUSIVE, p, why


def _judge(
    table: pd.DataFrame, hits: int, runs: int, choice: Choice, column: str, delta: float
) -> tuple[Status, float, float, str]:
    contradicting, doubtful = int(table["contradicts"].sum()), int((table["doubtful"] | table["contradicts"]).sum())
    failing = float(fit.clopper_pearson(doubtful, len(table), 2 * 0.95 - 1).high)  # one-sided 95 %
    pooled = fit.clopper_pearson(hits, runs, 1 - LEVEL)
    worst = float(scipy.stats.binom.sf(table["failures"] - 1, table["runs"], delta).min())
    p = min(1.0, 2 * min(float(scipy.stats.binom.cdf(hits, runs, 1 - delta)), worst * 2 * len(table)))
    if not contradicting and pooled.low > 1 - delta:
        if len(table) < FEWEST:
            few = f"only {len(table)} settings inside the conditions could be run, {FEWEST} are needed to speak of them"
            return Status.INCONCLUSIVE, failing, p, f"{hits} of {runs} fresh runs meet it, but {few}"
        return Status.SUPPORTED, failing, p, f"all parts hold at one time in {hits} of {runs} fresh runs"
    if not contradicting and pooled.high >= 1 - delta:
        span = f"[{pooled.low:.3g}, {pooled.high:.3g}]"
        return Status.INCONCLUSIVE, failing, p, f"the interval {span} contains {1 - delta:g}"
    said = f"{hits} of {runs} fresh runs meet it, and {contradicting} of {len(table)} settings contradict it"
    falls = _falls(choice.settings, column)
    if falls:
        return Status.OPEN, failing, p, f"{said}; but failures fall along the ladder: {falls}"
    if choice.last:
        return Status.REFUTED, failing, p, f"{said}, at the last constants of the ladder; failures do not fall along it"
    return Status.INCONCLUSIVE, failing, p, f"{said}; stronger constants were not tried on fresh runs"


def _falls(settings: pd.DataFrame, column: str) -> str:
    """How failures fall up to the last rung, or nothing where they do not.

    Regions are nested: every setting of a weaker rung lies in the first region, and what fails worst there is compared
    with the last. A theorem speaks of every setting of a region, hence the quarter that fails most often. Were there no
    difference, settings could be exchanged between the two groups: a permutation test, at 5 %.
    """
    if not len(settings) or settings["rung"].nunique() < 2:
        return ""
    last = settings["rung"] == settings["rung"].max()
    rates = (settings[column] / settings["runs"]).to_numpy(float)
    share = np.concatenate([rates[~last], rates[last]])
    size = int((~last).sum())

    def worst(values: np.ndarray) -> np.ndarray:
        return np.sort(values, axis=-1)[..., -math.ceil(values.shape[-1] / 4) :].mean(-1)

    seen = worst(share[:size]) - worst(share[size:])
    mixed = np.random.default_rng(0).permuted(np.tile(share, (1999, 1)), axis=1)
    chance = worst(mixed[:, :size]) - worst(mixed[:, size:])
    if seen <= 0 or (1 + (chance >= seen - 1e-12).sum()) / 2000 >= LEVEL:
        return ""
    rates = [worst(part) for part in (share[:size], share[size:])]
    return f"from {rates[0]:.0%} to {rates[1]:.0%} in the worst quarter of the settings"


def corrected(answers: Sequence[TheoremVerdict]) -> tuple[TheoremVerdict, ...]:
    """REFUTED where it stands among all theorems and kinds of labels (Holm, 5 % for all), else INCONCLUSIVE."""
    asked = {f"{a.theorem.name}/{a.labels}/{k}": 1.0 if math.isnan(a.p) else a.p for k, a in enumerate(answers)}
    stands = fit.holm(asked)

    def held(name: str, one: TheoremVerdict) -> TheoremVerdict:
        if one.status == Status.REFUTED and name not in stands:
            among = f"p = {one.p:.2g} does not stand among {len(asked)} theorems (Holm)"
            one = replace(one, status=Status.INCONCLUSIVE, reason=f"{one.reason}; but {among}")
        if one.status == Status.REFUTED:
            return one
        # A part that is false makes the theorem false: it is not refuted where the theorem is not.
        parts = (replace(p, status=one.status) if p.status == Status.REFUTED else p for p in one.parts)
        return replace(one, parts=tuple(parts))

    return tuple(held(name, one) for name, one in zip(asked, answers, strict=True))
