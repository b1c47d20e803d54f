"""One study: claims -> groups of runs -> verdicts. The whole flow of data, in one place."""

import hashlib
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from numerics import Observable
from theory import Claim
from theory.paper import Reading
from verify import sweep
from verify.folder import Folder
from verify.judge import Status, Verdict, corrected, judge
from verify.regime import Decision
from verify.sweep import Group, Job, Profile, Result
from verify.userfile import UserFile

if TYPE_CHECKING:
    from verify.falsify import Hunt

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

    @property
    def observables(self) -> dict[str, Observable]:
        """Ours and the file's, by name."""
        return sweep.OBSERVABLE_BY_NAME | (self.file.observables if self.file else {})


@dataclass(frozen=True, kw_only=True)
class GroupMargins:
    """How far inside its conditions a group's settings lie.

    Attributes:
        group: the group.
        table: per condition its least and largest margin over the settings, what is required and the term that binds
            at the least; columns condition, least, largest, required, binding.
    """

    group: Group
    table: pd.DataFrame


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a study found.

    Attributes:
        verdicts: one per claim, in the order of the claims.
        runs: one row per run: setting, seed, every observable (NaN where it says nothing or was not within reach).
        results: the finished jobs with the curves kept for figures, by job key.
        margins: by group name.
        finished: False after an interrupt: some jobs are missing.
        wall: seconds of this invocation.
        environment: versions and machine.
        decisions: what became of the statements about orders, which need no runs.
        hunts: what a short search for violations beside the runs found; no verdict and no exit status follows from it.
    """

    plan: Plan
    verdicts: tuple[Verdict, ...]
    runs: pd.DataFrame
    results: dict[str, Result]
    margins: dict[str, GroupMargins]
    finished: bool
    wall: float
    environment: dict[str, str]
    decisions: tuple[Decision, ...] = ()
    hunts: tuple["Hunt", ...] = ()


def plan(
    chosen: tuple[Claim, ...],
    among: tuple[Claim, ...],
    profile: Profile,
    reading: Reading,
    seed: int,
    device: str,
    file: UserFile | None = None,
) -> Plan:
    """Plan a study of ``chosen``. Groups are formed among all claims, so that a claim alone sees the same runs."""
    own = file.observables if file else {}
    group_of = sweep.groups(among, sweep.OBSERVABLE_BY_NAME | own)
    needed = {group_of[c.name].name: group_of[c.name] for c in chosen}
    pin = file.pin if file else None
    # A user's few claims get as many settings as a rate would, whatever their laws.
    full = replace(profile, settings={k: 3 * v for k, v in profile.settings.items()})
    jobs: list[Job] = []
    undesigned: dict[str, str] = {}
    for group in needed.values():
        given = full if file and not group.needs_rates else profile
        more, why = sweep.plan_jobs([group], given, reading, seed, device, pin)
        jobs += more
        undesigned |= why
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
    )


def collect(
    planned: Plan, folder: Path, workers: int, on_result: Callable[[Result], None]
) -> tuple[list[Result], bool]:
    """Run the jobs; an interrupt ends it early with what is finished."""
    results: list[Result] = []
    stream: Iterator[Result] = sweep.run(list(planned.jobs), folder, workers)
    try:
        for result in stream:
            results.append(result)
            on_result(result)
    except KeyboardInterrupt:
        return results, False
    return results, True


def conclude(planned: Plan, results: list[Result], finished: bool, started: float) -> Outcome:
    """Judge every claim on the runs at hand."""
    runs = pd.concat([r.runs for r in results], ignore_index=True) if results else pd.DataFrame({"group": []})
    runs = runs.sort_values(["group", "setting", "seed"], ignore_index=True) if len(runs) else runs
    verdicts = corrected([_verdict(claim, planned, runs) for claim in planned.claims])
    groups = {g.name: g for g in planned.group_of.values()}
    return Outcome(
        plan=planned,
        verdicts=verdicts,
        runs=runs,
        results={r.key: r for r in results},
        margins={name: _margins(group, runs, planned.reading) for name, group in groups.items()},
        finished=finished,
        wall=time.monotonic() - started,
        environment=environment(planned.device),
    )


SECOND = 3  # times the profile's seeds at a setting that looked doubtful


def second_look(planned: Plan, verdicts: Sequence[Verdict]) -> tuple[Job, ...]:
    """Jobs with fresh seeds for every setting that looks doubtful to some claim.

    The judge decides of such a setting on these alone: what made it look doubtful was chosen for looking so. Run them
    like the plan's own and conclude again on all results.
    """
    wanted = {(planned.group_of[v.claim.name].name, k) for v in verdicts for k in v.details.get("doubtful", ())}
    jobs = []
    for job in planned.jobs:
        if (job.group.name, job.point.index) in wanted:
            start = sweep.first_seed(f"{planned.seed}/{job.group.name}/{job.point.index}/second look")
            jobs.append(replace(job, look=1, seeds=tuple(start + k for k in range(SECOND * planned.profile.seeds))))
    return tuple(jobs)


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
    observables: dict[str, Observable] = sweep.OBSERVABLE_BY_NAME,
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
                    "binding": str(least.binding),
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
# The folder of a study: a manifest saying what it is, and the finished jobs.

FOLDER = Folder(what="study", manifest="study.json", batches="batches", key="profile", beside=("calibrating.json",))


def open_folder(folder: Path, planned: Plan, resume: bool) -> Path:
    """Prepare the folder of a study and return where its finished jobs lie; see :meth:`Folder.open`."""
    batches = FOLDER.open(folder, _manifest(planned), resume)
    expected = {f"{job.key}.npz" for job in planned.jobs}
    for path in sorted(batches.iterdir()):
        if path.suffix == ".partial":
            path.unlink()
        elif path.name not in expected and not _of_group(path.name):
            raise ValueError(f"{path} is no part of a study: remove it, or choose another --out")
    return batches


def _of_group(name: str) -> bool:
    # Jobs of claims that this invocation does not look at may lie there too.
    return name.endswith(".npz") and name[:-4].rpartition("-")[2].isdigit()


def _manifest(planned: Plan) -> dict:
    return {
        "profile": planned.profile.name,
        "seed": planned.seed,
        "reading": asdict(planned.reading),
        "code": code_of_runs(),
        "file": planned.file and planned.file.digest,
    }


def code_of_runs() -> str:
    """Digest of everything that runs depend on: results of different code are never mixed."""
    digest = hashlib.sha256()
    here = Path(__file__).parent
    names = ("sweep.py", "meanfield.py", "scaling.py")
    for path in [*sorted((here.parent / "numerics").glob("*.py")), *(here / x for x in names)]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
