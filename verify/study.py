"""One study: claims -> groups of runs -> verdicts. The whole flow of data, in one place."""

import hashlib
import platform
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd
from markupsafe import Markup

from numerics import Observable
from theory import Claim, display
from theory.reading import Reading
from theory.statements import Theorem, tex
from verify import processes, sweep
from verify.design import Group, Profile, groups
from verify.entailed import Decision
from verify.folder import Folder
from verify.judge import Verdict, corrected, judge
from verify.laws.kind import Status
from verify.pack import Pack, pack_of, sources
from verify.proved import Proofs
from verify.quantify import EFFORTS, Course, TheoremVerdict
from verify.seeds import seed_of
from verify.sweep import Job, Result
from verify.userfile import UserFile, observables_of

if TYPE_CHECKING:
    from verify.falsify import Hunt

SHOWN = 10  # verdicts, in a line of text each
LIBRARIES = ("thetacheck", "torch", "numpy", "scipy", "sympy", "pandas", "hypothesis", "matplotlib")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that determines a study's numbers, and its jobs.

    Attributes:
        claims: what is judged.
        group_of: the group whose runs each claim is judged on.
        jobs: the runs.
        undesigned: why a group has no runs, by its name.
        file: a user's file whose claims these are, or None.
        course: the theorems that are put to the test with their own quantifiers beside the claims, or None.
    """

    claims: tuple[Claim, ...]
    group_of: dict[str, Group]
    jobs: tuple[Job, ...]
    undesigned: dict[str, str]
    profile: Profile
    reading: Reading
    seed: int
    device: str
    file: UserFile | None = None
    course: Course | None = None

    def __repr__(self) -> str:
        reach = f"profile {self.profile.name}, seed {self.seed}"
        return f"Plan of {self.settings} settings for {len(self.claims)} claims: {reach}"

    @property
    def settings(self) -> int:
        """How many jobs are expected; a second look at doubtful settings comes on top."""
        return len(self.jobs) + (self.course.settings if self.course else 0)

    @property
    def work(self) -> float:
        """Core seconds that they are expected to take together."""
        return sum(sweep.expected(self.jobs).values()) + (self.course.work if self.course else 0.0)

    @property
    def observables(self) -> dict[str, Observable]:
        """The paper's and the file's, by name."""
        return observables_of(self.reading, self.file)


@dataclass(frozen=True, kw_only=True)
class GroupMargins:
    """How far inside its conditions a group's settings lie.

    Attributes:
        group: the group.
        table: per condition its least and largest margin over the settings, what is required and the term that binds
            at the least; columns condition, least, largest, required, binding.
    """

    HEADINGS: ClassVar = ("inside", "condition", "margin", "asked", "binds at the least")

    group: Group
    table: pd.DataFrame

    def __repr__(self) -> str:
        held = ", ".join(f"{r.condition} {r.least:.3g}" for r in self.table.itertuples())
        return f"Margins of {self.group.name}, the least: {display.cut(held)}"

    def _repr_html_(self) -> str:
        return display.table(self.HEADINGS, self.rows())

    def rows(self) -> list[tuple]:
        """Of a table in HTML: condition, margin from least to largest, what is asked and the term that binds."""
        stated = {c.name: c.latex for c in self.group.needs}
        return [
            (r.condition, display.mathml(stated[r.condition]), f"{r.least:.3g} to {r.largest:.3g}", f"{r.required:g}",
             display.mathml(tex(r.binding)))
            for r in self.table.itertuples()
        ]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a study found.

    Attributes:
        verdicts: one per claim, in the order of the claims.
        runs: one row per run: setting, seed, every observable (NaN where it says nothing or was not within reach).
        results: the finished jobs with the curves kept for figures, by job key.
        margins: by group name.
        missing: why some jobs are not there, in one line; empty where all are.
        wall: seconds of this invocation.
        environment: versions and machine.
        answers: one per theorem and kind of labels.
        decisions: what became of the statements about orders, which need no runs.
        hunts: what a short search for violations beside the runs found; no verdict and no exit status follows from it.
        proofs: what stands, in this run, of statements about the limit; None where none were asked after.
    """

    plan: Plan
    verdicts: tuple[Verdict, ...]
    runs: pd.DataFrame
    results: dict[str, Result]
    margins: dict[str, GroupMargins]
    missing: str
    wall: float
    environment: dict[str, str]
    answers: tuple[TheoremVerdict, ...] = ()
    decisions: tuple[Decision, ...] = ()
    hunts: tuple["Hunt", ...] = ()
    proofs: Proofs | None = None

    @property
    def finished(self) -> bool:
        return not self.missing

    def to_frame(self) -> pd.DataFrame:
        """A row per claim, and per theorem and kind of labels: what is predicted and found, on how much, and why."""
        rows = [
            {"claim": v.claim.name, "verdict": str(v.status), "predicted": v.predicted, "measured": v.measured,
             "settings": v.settings, "runs": v.runs, "reason": v.reason}
            for v in self.verdicts
        ]  # fmt: skip
        rows += [
            {"claim": f"{a.theorem.name} ({a.labels} labels)", "verdict": str(a.status), "predicted": a.theorem.says,
             "measured": a.measured, "settings": len(a.settings), "runs": a.runs, "reason": a.reason}
            for a in self.answers
        ]  # fmt: skip
        names = ("claim", "verdict", "predicted", "measured", "settings", "runs", "reason")
        return pd.DataFrame(rows, columns=names).set_index("claim")

    def __repr__(self) -> str:
        """The verdicts; of many how many there are of each kind, and first those that are not SUPPORTED."""
        told = [v.measured if v.status == Status.SUPPORTED else v.reason for v in self.verdicts]
        said = [
            (v.status, f"{v.status!s:<12} {v.claim.name}: {display.cut(text)}")
            for v, text in zip(self.verdicts, told, strict=True)
        ]
        said += [(a.status, f"{a.status!s:<12} {a.theorem.name} ({a.labels} labels)") for a in self.answers]
        lines = [line for _, line in said]
        if len(said) > SHOWN:
            counted = Counter(str(status) for status, _ in said)
            ordered = sorted(said, key=lambda one: one[0] == Status.SUPPORTED)  # a stable sort
            lines = [", ".join(f"{many} {status}" for status, many in counted.items())]
            lines += [line for _, line in ordered[:SHOWN]] + [f"and {len(said) - SHOWN} more: see to_frame()"]
        return "\n".join([self._head, *lines])

    @property
    def _head(self) -> str:
        plan, missing = self.plan, f"; PARTIAL: {self.missing}" if self.missing else ""
        of = f"{len(self.runs)} runs, profile {plan.profile.name}, seed {plan.seed}, C = {plan.reading.C:g}"
        return f"Outcome of {of}{missing}"

    def _repr_html_(self) -> str:
        """Verdicts with what is claimed and measured, and how far inside their conditions the runs lie."""
        rows = [
            (v.status, v.claim.name, display.mathml(v.claim.latex), display.lines(map(display.sentence, v.fit)),
             f"{v.settings} settings, {v.runs} runs", v.reason)
            for v in self.verdicts
        ]  # fmt: skip
        rows += [
            (a.status, f"{a.theorem.name}, labels {a.labels}", "", a.measured,
             f"{len(a.settings)} settings, {a.runs} runs", a.reason)
            for a in self.answers
        ]  # fmt: skip
        shown = display.table(("verdict", "claim", "claimed", "measured", "looked at", "reason"), rows)
        inside = [row for held in self.margins.values() for row in held.rows()]
        told = display.table(GroupMargins.HEADINGS, inside) if inside else ""
        return str(Markup("<p>{}</p>").format(self._head)) + shown + told

    def runs_of(self, group: str) -> pd.DataFrame:
        """The runs of one group."""
        return self.runs[self.runs["group"] == group]


def plan(
    chosen: tuple[Claim, ...],
    among: tuple[Claim, ...],
    profile: Profile,
    reading: Reading,
    seed: int,
    device: str,
    file: UserFile | None = None,
    theorems: tuple[Theorem, ...] = (),
    pool: processes.Pool | None = None,
) -> Plan:
    """Plan a study of ``chosen`` and ``theorems``; settings are placed in ``pool``, if there is one.

    Groups are formed among all claims, so that a claim alone sees the same runs.
    """
    known = observables_of(reading, file)
    group_of = groups(among, known, reading.labels)
    needed = {group_of[c.name].name: group_of[c.name] for c in chosen}
    pin = file.pin if file else None
    # A user's few claims get as many settings as a rate would, whatever their laws.
    full = replace(profile, settings={k: 3 * v for k, v in profile.settings.items()})
    stated = pack_of(reading).paper.claims(reading)
    theirs = {group_of[c.name].name for c in among if c in stated}
    # The group that fits rates has the largest design: it goes first.
    ordered = sorted(needed.values(), key=lambda group: not group.needs_rates)
    tasks = [
        (group, full if (file or group.name not in theirs) and not group.needs_rates else profile, reading, seed,
         device, pin)
        for group in ordered
    ]  # fmt: skip
    designed = dict(zip((group.name for group in ordered), processes.mapped(_designed, tasks, pool), strict=True))
    jobs = [job for name in needed for job in designed[name][0]]
    undesigned = {name: why for name in needed for name, why in designed[name][1].items()}
    return Plan(
        claims=chosen,
        group_of={c.name: group_of[c.name] for c in chosen},
        jobs=tuple(jobs),
        undesigned=undesigned,
        profile=profile,
        reading=reading,
        seed=seed,
        device=device,
        file=file,
        course=Course(theorems, reading, EFFORTS[profile.name], seed, device, pool=pool) if theorems else None,
    )


def _designed(task: tuple) -> tuple[list[Job], dict[str, str]]:
    group, *rest = task
    return sweep.plan_jobs([group], *rest)


INTERRUPTED = "interrupted"


def collect(
    planned: Plan, folder: Path, pool: processes.Pool | None, on_result: Callable[[Result, float], None]
) -> tuple[list[Result], str]:
    """Run the jobs: what is finished, and why that is not all of it; empty where it is.

    An interrupt ends it early. What could not be done is left out, and all else that does not need it goes on.

    Theorems explore first. While their constants are fixed and fresh settings are placed, the runs of the claims are
    under way; settings that look doubtful to a claim get fresh seeds at the end.

    Args:
        pool: runs the jobs; without, this process does.
        on_result: told of every finished job, with the core seconds that it was expected to take.
    """
    done: dict[str, Result] = {}
    course = planned.course

    def start(jobs: Sequence[Job]) -> Iterator[tuple[Result, float]]:
        work, results = sweep.expected(jobs), sweep.run(jobs, folder, pool)
        return ((result, work[result.key]) for result in results)

    def take(started: Iterator[tuple[Result, float]]) -> bool:
        try:
            for result, work in started:
                done[result.key] = result
                on_result(result, work)
        except processes.Lost as problem:
            lost.append(str(problem))
            return False
        return True

    lost: list[str] = []
    try:
        explored = start(course.next(done) if course else [])
        ours = start(planned.jobs)
        going = take(explored) and course is not None
        confirmed = start(course.next(done) if going and course else [])
        take(ours)
        there = [done[job.key] for job in planned.jobs if job.key in done]
        again = start(second_look(planned, _verdicts(planned, _table(there))))
        going = take(confirmed) and going
        while going and course and (phase := course.next(done)):
            going = take(start(phase))
        take(again)
    except KeyboardInterrupt:
        lost.append(INTERRUPTED)
    return list(done.values()), "; ".join(lost)


def conclude(planned: Plan, results: list[Result], missing: str, started: float) -> Outcome:
    """Judge every claim and theorem on the runs at hand."""
    runs = _table(results)
    groups = {g.name: g for g in planned.group_of.values()}
    return Outcome(
        plan=planned,
        verdicts=corrected(_verdicts(planned, runs)),
        runs=runs,
        results={r.key: r for r in results},
        margins={name: _margins(group, runs, planned.reading) for name, group in groups.items()},
        missing=missing,
        wall=time.monotonic() - started,
        environment=environment(planned.device),
        answers=planned.course.answers({r.key: r for r in results}) if planned.course else (),
    )


SECOND = 3  # times the profile's seeds at a setting that looked doubtful


def second_look(planned: Plan, verdicts: Sequence[Verdict]) -> tuple[Job, ...]:
    """Jobs with fresh seeds for every setting that looks doubtful to some claim.

    The judge decides of such a setting on these alone: what made it look doubtful was chosen for looking so. Run them
    like the plan's own and conclude again on all results.
    """
    wanted = {(planned.group_of[v.claim.name].name, k) for v in verdicts for k in v.doubtful}
    jobs = []
    for job in planned.jobs:
        if (job.group.name, job.point.index) in wanted:
            start = seed_of(f"{planned.seed}/{job.group.name}/{job.point.index}/second look")
            jobs.append(replace(job, look=1, seeds=tuple(start + k for k in range(SECOND * planned.profile.seeds))))
    return tuple(jobs)


def _table(results: Collection[Result]) -> pd.DataFrame:
    if not results:
        return pd.DataFrame({"group": []})
    # By key: neither rows nor columns depend on the order in which jobs end.
    runs = pd.concat([r.runs for r in sorted(results, key=lambda r: r.key)], ignore_index=True)
    return runs.sort_values(["group", "setting", "seed"], ignore_index=True)


def _verdicts(planned: Plan, runs: pd.DataFrame) -> list[Verdict]:
    return [_verdict(claim, planned, runs) for claim in planned.claims]


def _verdict(claim: Claim, planned: Plan, runs: pd.DataFrame) -> Verdict:
    group = planned.group_of[claim.name]
    verdict = judge_on(claim, group, runs, planned.reading, planned.observables)
    if verdict.runs:
        return verdict
    if group.name in planned.undesigned:
        return replace(verdict, reason=planned.undesigned[group.name])
    # Runs were planned: that none is there yet says nothing of the conditions.
    return replace(verdict, status=Status.INCONCLUSIVE, reason="interrupted before its first run")


def judge_on(
    claim: Claim,
    group: Group,
    runs: pd.DataFrame,
    reading: Reading,
    observables: Mapping[str, Observable],
) -> Verdict:
    """Judge a claim on its group's share of a table of runs."""
    return judge(claim, runs[runs["group"] == group.name], reading, observables)


def _margins(group: Group, runs: pd.DataFrame, reading: Reading) -> GroupMargins:
    settings = runs[runs["group"] == group.name].drop_duplicates("setting").to_dict("records")
    rows = []
    for condition in group.needs:
        margins = [condition.margin(values, reading.C) for values in settings]
        if margins:
            least = min(margins, key=lambda m: m.value / m.required)
            rows.append(
                {
                    "condition": condition.name,
                    "least": least.value,
                    "largest": max(m.value for m in margins),
                    "required": least.required,
                    "binding": least.binding,
                }
            )
    return GroupMargins(
        group=group, table=pd.DataFrame(rows, columns=["condition", "least", "largest", "required", "binding"])
    )


def environment(device: str) -> dict[str, str]:
    """Versions and machine, for the end of the report."""
    found = {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "device": device,
    }
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # run from a checkout
            found[name] = "not installed"
    return found


def representative(outcome: Outcome, group: str) -> Result | None:
    """A finished job of a group whose kappa lies in the middle and whose n is large: one that shows the picture."""
    members = [r for r in outcome.results.values() if r.runs["group"].iloc[0] == group]
    if not members:
        return None
    middle = np.median([r.runs["kappa"].iloc[0] for r in members])
    return max(members, key=lambda r: np.log(r.runs["n"].iloc[0]) - 2 * abs(np.log(r.runs["kappa"].iloc[0] / middle)))


# ---------------------------------------------------------------------------------------------------------------
# The folder of a study

FOLDER = Folder(
    what="study",
    files=(
        "index.html",
        "report.md",
        "report.json",
        "runs.csv",
        "figures/*.svg",
        "figures/*.png",
        *(f"latex/*.{kind}" for kind in ("tex", "bib", "pdf", "csv")),
    ),
    work="batches",
    finished=sweep.FINISHED,
)


def identity(profile: Profile, reading: Reading, seed: int, file: UserFile | None = None) -> dict:
    """What determines a study's numbers, for resuming."""
    pack = pack_of(reading)
    return {
        "paper": pack.name,
        "profile": profile.name,
        "seed": seed,
        "reading": asdict(reading),
        "code": code_of_runs(pack),
        "file": file and file.digest,
    }


# What decides which settings are run, or looked at again, and what is saved of a run, beside all of `theory` and
# `numerics`: what `sweep`, `quantify`, `scaling` and `judge` rest on, but for `processes`, where a run happens, and how
# something is written or drawn.
OF_RUNS = (
    "costs", "design", "evidence", "fit", "judge", "laws", "pack", "predicted", "quantify", "region", "scaling",
    "seeds", "store", "surface", "sweep", "userfile",
)  # fmt: skip


def code_of_runs(pack: Pack, *questions: str) -> str:
    """Digest of everything that runs depend on: results of different code are never mixed.

    Args:
        pack: whose runs they are.
        questions: packages beside us whose runs they are, but for their figures.
    """
    digest = hashlib.sha256()
    here = Path(__file__).parent
    for package in ("theory", "numerics"):
        for path in sorted((here.parent / package).rglob("*.py")):
            digest.update(path.read_bytes())
    for name in (*OF_RUNS, "packs", *questions):
        path = here / name
        for module in sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]:
            if module.name != "figures.py":
                digest.update(module.read_bytes())
    for path in sources(pack):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
