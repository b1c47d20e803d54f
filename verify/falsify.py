"""The hunt for violations: settings inside the conditions at which a claim fails more often than delta allows.

Hypothesis draws clouds of points in the region of some conditions (:mod:`verify.region`), one batch of settings x seeds
each, and is steered by the worst of them, claim by claim; claims with the same conditions look at the same runs. What
looks bad is then put to *fresh* seeds, never those that found it: a violation stands only if the exact lower confidence
bound of its failure rate lies above delta. Fresh seeds know nothing of the search, so however many settings it looked
at and however it was steered, only what is put to them can be reported: at most :data:`TESTS` settings per claim, each
with :data:`LOOKS` looks at the growing data, and these share the level. A standing violation is made simple (small
sizes, round numbers) and bad (failing more often, by more) by the same test. docs/falsify.md.
"""

import math
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import sympy as sp
import torch
from hypothesis import HealthCheck, Phase, given, seed, settings, target
from hypothesis import strategies as st
from scipy.stats import beta

from numerics import Observable, Setting
from numerics.engine import check_device
from numerics.observables import STAGES, moments, series_of
from numerics.sampling import check_drawable
from numerics.series import SERIES
from theory import Band, Claim, Condition, Exactly, Within, eta, inside, kappa, m, n, sigma_0, sigma_xi
from theory import d as dimension
from theory.lineage import condition_huang, condition_kou
from theory.paper import Reading, condition_4_1
from theory.statements import imbalance, weights
from verify import costs, processes, sweep
from verify.evidence import at_runs, evidence
from verify.folder import Folder
from verify.region import PARAMETERS, Region
from verify.sweep import EPSILON, Group, Job, Point
from verify.userfile import UserFile

SEEDS = 8  # per setting while searching: enough to see a failure rate of a half, cheap enough for thousands of settings
TOGETHER = 16  # settings per batch, which share n and m: one of them the cloud's centre
GRID = 16  # steps of a cloud's coordinates; whole numbers are what Hypothesis can climb along
# Now and then Hypothesis draws a constant that it found in the source of whatever modules lie outside site-packages;
# out here there is none, so that one seed looks at the same settings wherever it is installed.
OFFSET = 7**31
# Core seconds in which two settings of a batch must be able to end, by stage; four or sixteen times as much where the
# conditions leave nothing else. Larger than a few hundred samples and neurons is not affordable by the thousand; what
# fails only there is left to `all`.
AFFORDABLE = {"end": 2.5, "T1": 0.12, "early": 0.12, "start": 0.12}
# Times the expected length; what has not arrived by then says nothing here, and is judged by `all`.
PATIENCE = {"T1": 2.0, "early": 2.0}
LEVEL = 0.05  # chance of a single false violation in everything that one command reports
REPLAYED = 0.2  # share of it for the witnesses of earlier searches, so that these change nothing of a search
BLOCK, MOST = 64, 512  # fresh seeds at a time, and at most
LOOKS = MOST // BLOCK
CANDIDATES, SIMPLER, WORSE = 8, 24, 2  # settings put to fresh seeds per claim: to confirm, to simplify, to worsen
TESTS = CANDIDATES + SIMPLER + WORSE
ROUNDS = 4  # batches of neighbours in which a violation is made worse
NEIGHBOURS = 12  # settings at which the claim may hold that are put to fresh seeds
# Batches by stage in `verify all`, so that every machine finds the same. A quick look has none, and what follows
# training to the end is left to thorough.
BESIDE: dict[str, dict[str, int]] = {
    "quick": {},
    "standard": {"T1": 6},
    "thorough": {"T1": 60, "end": 12},
}
FOLDER = Folder(
    what="search", files=(*(f"falsify.{x}" for x in ("html", "md", "json")), "falsify-figures/*", "test_*.py")
)
SHARE = {"search": 0.6, "confirm": 0.8, "simplify": 0.9, "worsen": 1.0}  # of the budget, when each phase must end


@dataclass(frozen=True, kw_only=True)
class Tested:
    """A setting put to fresh seeds.

    Attributes:
        setting: it.
        failures, trials: runs that break the claim, of those that say something about it.
        rate: lower confidence bound of the failure rate, at a level shared by all that a command tests.
        most: upper 95 % confidence bound of the failure rate.
        excess: mean distance by which runs miss the bound, relative to its size, in (-1, 1); negative inside.
    """

    setting: Setting
    failures: int
    trials: int
    rate: float
    most: float
    excess: float

    @property
    def miss(self) -> tuple[float, float]:
        """The margin of failure: how often, and where that is the same to a hundredth, by how much."""
        return round(self.rate, 2), self.excess


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a search says of one claim.

    Attributes:
        claim: with the conditions that were searched.
        counted: runs of the search that say something about it; 0 is no answer.
        simplest, worst: standing violations, or None.
        holds: where it holds: nearest to the simplest in log-parameters among the settings looked at, or None.
        kept: violations found by earlier searches that stand on fresh seeds again.
        cleared: such that do not stand any more.
        suspects: all settings that the search put to fresh seeds because they looked bad.
    """

    claim: Claim
    counted: int
    simplest: Tested | None = None
    worst: Tested | None = None
    holds: Tested | None = None
    kept: tuple[Tested, ...] = ()
    cleared: tuple[Tested, ...] = ()
    suspects: tuple[Tested, ...] = ()

    @property
    def violated(self) -> bool:
        return self.shown is not None

    @property
    def shown(self) -> Tested | None:
        """The violation to show: the search's own simplest, or else the smallest of those kept."""
        return self.simplest or min(self.kept, key=lambda t: t.setting.n * t.setting.m, default=None)


@dataclass(frozen=True, kw_only=True)
class Hunt:
    """What a search for violations of claims with the same conditions found.

    Attributes:
        findings: one per claim.
        stage: how far its runs went.
        settings, runs, batches: how much was looked at.
        rejected: share of the points drawn that could not be placed inside the conditions.
        limits: the search's own limits, in natural scales, that the conditions allow.
        rescaled: whether sigma_xi = 1 stands for every sigma_xi, by the exact rescaling.
        seconds: wall time.
        seed: of the search.
    """

    findings: tuple[Finding, ...]
    stage: str
    settings: int
    runs: int
    batches: int
    rejected: float
    limits: tuple[Condition, ...]
    rescaled: bool
    seconds: float
    seed: int


# ---------------------------------------------------------------------------------------------------------------
# What is searched


def falsifiable(claim: Claim) -> bool:
    """Whether a single setting can violate it: bounds with a number can be, an unnamed constant cannot."""
    return all(isinstance(law, (Within, Exactly)) for _, law in claim.parts) and bool(claim.needs)


def require_falsifiable(claim: Claim) -> None:
    """Raise ``ValueError`` where no single setting can violate the claim."""
    if not claim.needs:
        raise ValueError(f"claim '{claim.name}': it has no conditions to search; `run {claim.name}` tests it")
    if not falsifiable(claim):
        raise ValueError(
            f"claim '{claim.name}': its constant is unnamed, so no single setting can violate it;"
            f" `run {claim.name}` judges how it drifts"
        )


SETS: dict[str, Callable[[Reading], tuple[Condition, ...]]] = {
    "condition-4.1": condition_4_1,
    "kou": lambda _: condition_kou(),
    "huang": lambda _: condition_huang(),
}


def named_conditions(name: str, reading: Reading) -> tuple[Condition, ...] | None:
    """A set of conditions of ours by its name on the command line, or None."""
    return SETS[name](reading) if name in SETS else None


def parties(claims: Sequence[Claim], file: UserFile | None = None) -> list[tuple[Claim, ...]]:
    """Claims that look at the same runs: those with the same conditions, whether or not they follow runs to the end."""
    found: dict[tuple, list[Claim]] = {}
    for claim in claims:
        to_the_end = sweep.stage_of(claim, _observables(file)) == "end"
        found.setdefault((claim.needs, to_the_end), []).append(claim)
    return [tuple(members) for members in found.values()]


def reach(claims: Sequence[Claim], file: UserFile | None = None) -> str:
    """How far runs must go for all of some claims."""
    return max((sweep.stage_of(claim, _observables(file)) for claim in claims), key=STAGES.index)


def _observables(file: UserFile | None) -> dict[str, Observable]:
    return sweep.OBSERVABLE_BY_NAME | (file.observables if file else {})


def limits() -> tuple[Condition, ...]:
    """How far the search goes where nothing else bounds a parameter, in the natural scale of each; ours, not a paper's.

    Weights: cross-talk pushes a pre-activation by sqrt(n/d), which the initial one, sigma_0 sigma_xi sqrt(d), equals at
    sigma_0 = sqrt(n) / (sigma_xi d); at 1 / (sigma_xi sqrt(d)) it is of order one. Steps: rescaled time per step.
    Signal: kappa. Dimension: patches interfere by n / sqrt(d).
    """
    step = eta * sigma_xi**2 * dimension / (n * m)
    rules = {
        "weights-from": (sigma_0 >= sp.Rational(1, 1000) * sp.sqrt(n) / (sigma_xi * dimension), "a thousandth"),
        "weights-to": (sigma_0 <= 10 / (sigma_xi * sp.sqrt(dimension)), "tenfold"),
        "step": (Band(step, 1e-6, 10.0), "a run of order one takes a tenth of a step to a million"),
        "signal": (Band(kappa, 1e-3, 1e3), "beyond, one of signal and noise plays no part"),
        "dimension": (dimension <= 10**8 * n**2, "n / sqrt(d) down to 1e-4"),
    }
    return tuple(
        Condition(name=f"search.{name}", source="the search's own limits", statement=rule, says=why)
        for name, (rule, why) in rules.items()
    )


def rescales(claims: Sequence[Claim], file: UserFile | None = None) -> bool:
    """Whether (mu, sigma_xi, sigma_0, eta) -> (c mu, c sigma_xi, sigma_0/c, eta/c^2), which changes no run (D4),
    changes neither a condition nor what a bound says: then sigma_xi = 1 loses nothing."""
    if any(imbalance(c.statement) for claim in claims for c in claim.needs):
        return False
    for claim in claims:
        for name, law in claim.parts:
            if file and name in file.observables:
                return False  # how it changes is not known
            own = sp.Integer(sweep.OBSERVABLE_BY_NAME[name].weight)
            try:
                found = [weights(b) for b in (getattr(law, "low", None), getattr(law, "high", None)) if b is not None]
            except ValueError:
                return False
            if any(w - {own} for w in found):
                return False
    return True


# ---------------------------------------------------------------------------------------------------------------
# The hunt


def hunt(
    claims: Claim | Sequence[Claim],
    reading: Reading,
    *,
    budget: float,
    seed_: int,
    device: str = "cpu",
    batches: float = math.inf,
    level: float = LEVEL,
    kept: Mapping[str, Sequence[Setting]] | None = None,
    file: UserFile | None = None,
    brief: bool = False,
    run: Callable[[list[Job]], pd.DataFrame] | None = None,
    on_progress: Callable[[float], None] = lambda share: None,
) -> Hunt:
    """Search for violations of claims that share their conditions, for ``budget`` seconds.

    Args:
        claims: with bounds in numbers, see :func:`falsifiable`; all with the same conditions.
        reading: supplies C, delta and the factor in T*.
        budget: wall seconds, > 0; what the search overran is added for the confirmation.
        seed_: the same seed looks at the same settings in the same order.
        batches: the search also ends after so many; with an infinite budget all is then the same on every machine.
        level: chance of a single false violation among all it reports; several hunts share theirs.
        kept: settings at which earlier searches found violations, by claim: put to fresh seeds first, within a tenth of
            the budget on top, without any effect on the search.
        file: a user's file, if claims or their observables are its own.
        brief: put no more than the worst setting of each claim to fresh seeds, and leave a violation as it is.
        run: jobs -> table of runs; :func:`verify.sweep.execute` by default. Tests plant faults here.
        on_progress: called with the share of the budget that is gone.

    Raises:
        ValueError: a claim has an unnamed constant, or the conditions are empty within the ranges.
    """
    claims = (claims,) if isinstance(claims, Claim) else tuple(claims)
    for claim in claims:
        require_falsifiable(claim)
        if claim.needs != claims[0].needs:
            raise ValueError(
                f"claims '{claims[0].name}' and '{claim.name}' differ in their conditions: hunt them apart"
            )
    found = _Hunt(claims, reading, budget, seed_, check_device(device), run or _execute, on_progress, file)
    return found.result(batches, level, kept or {}, brief)


def failures(
    claim: Claim, setting: Setting, reading: Reading, seeds: int, seed_: int = 0, file: UserFile | None = None
) -> tuple[int, int]:
    """How many of ``seeds`` runs at a setting break the claim, and how many count.

    Raises:
        ValueError: the setting lies outside the claim's conditions, or no single setting can violate the claim.
    """
    require_falsifiable(claim)
    values = reading.at(setting.values(), EPSILON[1])
    for condition in claim.needs:
        margin = condition.margin(values, reading.C)
        if not margin.holds:
            raise ValueError(
                f"the setting breaks '{condition.name}': its margin {margin.value:.3g} is below {margin.required:g}, so"
                f" claim '{claim.name}' says nothing there"
            )
    here = _Hunt((claim,), reading, math.inf, seed_, "cpu", _execute, lambda _: None, file)
    [[seen]] = here.look_at([setting], seeds)
    return seen.failed, seen.counted


def cost_at(
    claims: Sequence[Claim], setting: Setting, reading: Reading, seeds: int, file: UserFile | None = None
) -> float:
    """Core seconds that :func:`failures` of every claim is expected to take at a setting.

    Raises:
        ValueError: a sample of it does not fit in memory.
    """
    check_drawable(setting)
    total = 0.0
    for claim in claims:
        stage = reach((claim,), file)
        s = costs.rescaled_time(setting.kappa, setting.tau_plus, setting.tau_minus, EPSILON[1], stage)
        steps = min(s / setting.time_scale, sweep.MOST_STEPS)
        total += steps * seeds * costs.arithmetic(setting.n, setting.m) + steps * costs.CALLS
    return total


@dataclass(frozen=True, kw_only=True)
class Curves:
    """Runs at one setting, followed for a figure.

    Attributes:
        tested: the setting, and how often the claim fails there.
        times: rescaled. Shape (times,).
        series: everything recorded, by name. Each of shape (runs, times).
        values: the claim's observables. Each of shape (runs,).
        bounds: the claim's bounds at the setting, by observable: (low, high), None where there is none.
        met, counted: whether each run meets the claim, and says something about it. Shape (runs,).
        moment: index of the time at which T_1 comes, -1 where it does not. Shape (runs,).
    """

    tested: Tested
    times: np.ndarray
    series: dict[str, np.ndarray]
    values: dict[str, np.ndarray]
    bounds: dict[str, tuple[float | None, float | None]]
    met: np.ndarray
    counted: np.ndarray
    moment: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Followed:
    """A violation beside a setting at which the claim holds.

    Attributes:
        claim: which.
        stage: how far its runs go.
        along: by observable the one series that it reads along a run; absent where that is no single one.
        violated, holds: runs at either; ``holds`` is None where no such setting was found.
    """

    claim: Claim
    stage: str
    along: dict[str, str]
    violated: Curves
    holds: Curves | None


def follow(finding: Finding, reading: Reading, seed_: int, file: UserFile | None = None, seeds: int = 24) -> Followed:
    """Runs at a finding's violation and where the claim holds, for a figure."""
    claim, known = finding.claim, _observables(file)
    here = _Hunt((claim,), reading, math.inf, seed_, "cpu", _execute, lambda _: None, file)
    rng = np.random.default_rng([seed_, 17])

    def curves(tested: Tested) -> Curves:
        group = replace(here.group, series=tuple(SERIES))
        job = replace(here.job(tested.setting, 0, tuple(int(x) for x in rng.integers(2**62, size=seeds))), group=group)
        run = sweep.simulate([job])
        [result] = sweep.observed(run, [job])
        found = evidence(here.laws[0], result.runs, known)
        ends = {
            name: tuple(None if b is None else float(at_runs(b, result.runs)[0]) for b in (law.low, law.high))
            for name, law in here.laws[0]
        }
        return Curves(
            tested=tested,
            times=run.times * tested.setting.time_scale,
            series=run.series,
            values={name: result.runs[name].to_numpy(float) for name, _ in here.laws[0]},
            bounds=ends,
            met=found.met,
            counted=found.counted,
            moment=run.index("T1"),
        )

    along = {}
    for name, _ in claim.parts:
        read = set(known[name].reads) - {event.series for event in moments(reading.order_one).values()} - {"loss"}
        if len(read) == 1 and here.group.stage != "start":
            [along[name]] = read
    assert finding.shown is not None
    return Followed(
        claim=claim,
        stage=here.group.stage,
        along=along,
        violated=curves(finding.shown),
        holds=None if finding.holds is None else curves(finding.holds),
    )


@contextmanager
def beside(
    parties_: Sequence[Sequence[Claim]], reading: Reading, seed_: int, batches: Mapping[str, int]
) -> Iterator[Callable[[bool], tuple[Hunt, ...]]]:
    """Hunt in a process of its own, by a count of batches (by stage), so that every machine finds the same.

    Yields what returns the hunts: with True it waits for all of them, else those that are not done are left out.
    """
    parties_ = tuple(parties_)
    if not parties_:
        yield lambda _: ()
        return
    with processes.Pool(1, _quietly) as pool:
        futures = [
            pool.submit(_short, tuple(claims), reading, seed_, batches, LEVEL / len(parties_)) for claims in parties_
        ]

        def collect(finished: bool) -> tuple[Hunt, ...]:
            held = [pool.result(f) for f in futures if finished or (f.done() and not f.exception())]
            return tuple(h for h in held if h is not None)

        yield collect


def aside() -> None:
    """What Hypothesis notes for itself goes where temporary files go, not under the current directory."""
    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(Path(tempfile.gettempdir()) / "thetacheck-hypothesis"))


def _quietly() -> None:
    aside()
    torch.set_num_threads(1)


def _short(
    claims: tuple[Claim, ...], reading: Reading, seed_: int, batches: Mapping[str, int], level: float
) -> Hunt | None:
    try:
        return hunt(
            claims, reading, budget=math.inf, seed_=seed_, batches=batches[reach(claims)], level=level, brief=True
        )
    except ValueError:  # a reading that leaves no setting: the claims' own verdicts say so
        return None


def _execute(jobs: list[Job]) -> pd.DataFrame:
    return pd.concat([r.runs for r in sweep.execute(jobs)], ignore_index=True)


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """Runs of one setting under one claim."""

    failed: int
    counted: int
    excess: float

    @property
    def score(self) -> float:
        """What steers: how often it fails, and how near to failing the rest is."""
        return (self.failed + 0.5) / (self.counted + 1) + 0.5 * self.excess


@dataclass(frozen=True, kw_only=True)
class _Looked:
    setting: Setting
    place: dict[str, float]  # its coordinates in the region
    seen: _Seen


class _Over(BaseException):
    """The time of the search is over. No Exception, lest Hypothesis take it for a failing example and replay it."""


class _Hunt:
    def __init__(
        self,
        claims: tuple[Claim, ...],
        reading: Reading,
        budget: float,
        seed_: int,
        device: str,
        run: Callable[[list[Job]], pd.DataFrame],
        on_progress: Callable[[float], None],
        file: UserFile | None = None,
    ) -> None:
        self.claims, self.reading, self.budget, self.seed, self.device = claims, reading, budget, seed_, device
        self.run, self.on_progress, self.file = run, on_progress, file
        self.started = time.monotonic()
        self.known = known = _observables(file)
        names = dict.fromkeys([*(name for claim in claims for name, _ in claim.parts), "flip_share"])
        stage = reach(claims, file)
        self.group = Group(
            name="hunt-" + "+".join(claim.name for claim in claims),
            needs=claims[0].needs,
            stage=stage,
            needs_rates=False,
            observables=tuple(names),
            patience=PATIENCE.get(stage, 0.0),
            series=tuple(sorted(series_of((known[k] for k in names), moments(reading.order_one).values()) | {"loss"})),
        )
        self.laws = [
            [(name, law if isinstance(law, Within) else Within(high=law.tolerance)) for name, law in claim.parts]
            for claim in claims
        ]
        self.rng = np.random.default_rng([seed_, 11])
        self.runs, self.drawn, self.lost, self.batches = 0, 0, 0, 0
        self.looked: list[list[_Looked]] = [[] for _ in claims]

    def _gone(self) -> float:
        return (time.monotonic() - self.started) / self.budget

    # -- runs --------------------------------------------------------------------------------------------------

    def job(self, setting: Setting, index: int, seeds: tuple[int, ...]) -> Job:
        return Job(
            group=self.group,
            point=Point(setting=setting, epsilon=EPSILON[1], index=index),
            seeds=seeds,
            reading=self.reading,
            device=self.device,
            file=self.file.pin if self.file else None,
        )

    def look_at(self, at: list[Setting], seeds: int) -> list[list[_Seen]]:
        """What each claim makes of runs at settings of one size. By claim, then by setting."""
        drawn = self.rng.integers(2**62, size=(len(at), seeds))
        jobs = [self.job(setting, k, tuple(map(int, drawn[k]))) for k, setting in enumerate(at)]
        table = self.run(jobs)
        self.runs += len(table)
        which = table["setting"].to_numpy()
        found = []
        for laws in self.laws:
            spoken = evidence(laws, table, self.known)
            excess = _excess(laws, table, self.reading.order_one)
            mine = [(which == k) & spoken.counted for k in range(len(at))]
            found.append(
                [
                    _Seen(
                        failed=int((own & ~spoken.met).sum()),
                        counted=int(own.sum()),
                        excess=float(np.mean(excess[own])) if own.any() else -1.0,
                    )
                    for own in mine
                ]
            )
        return found

    # -- search ------------------------------------------------------------------------------------------------

    @cached_property
    def rescaled(self) -> bool:
        return rescales(self.claims, self.file)

    @cached_property
    def limits(self) -> tuple[Condition, ...]:
        """The search's own limits; one that the conditions exclude is dropped, as they know better."""
        kept: tuple[Condition, ...] = ()
        ends = [dict.fromkeys(PARAMETERS, x) for x in (0.0, 0.5, 1.0)]
        for limit in limits():
            if any(self._within((*kept, limit)).place(ends)):
                kept = (*kept, limit)
        return kept

    @cached_property
    def region(self) -> Region:
        return self._within((*self.limits, *self._affordable(self.seconds)))

    @cached_property
    def seconds(self) -> float:
        """What two settings of a batch may take."""
        base = AFFORDABLE[self.group.stage]
        ends = [dict.fromkeys(PARAMETERS, x) for x in (0.0, 0.5)]
        options = [base, 4 * base, 16 * base]
        return next((x for x in options if any(self._within((*self.limits, *self._affordable(x))).place(ends))), base)

    def _within(self, more: tuple[Condition, ...]) -> Region:
        ranges = {"n": (1, 2000), "m": (1, 2000), **({"sigma_xi": (1, 1)} if self.rescaled else {})}
        return Region(needs=(*self.group.needs, *more), reading=self.reading, ranges=ranges)

    def _expected(self) -> float | None:
        """Rescaled time that a run needs; None where it needs no steps."""
        return {"T1": 1.5, "early": 0.1, "end": 2.5 / EPSILON[1]}.get(self.group.stage)

    def _affordable(self, limit: float) -> tuple[Condition, ...]:
        """Two settings of a batch end in time: steps as large as the conditions let them, where they matter."""
        s, runs, seconds = self._expected(), 2 * SEEDS, sp.Float(limit)
        drawn = 1e-10 * runs * (n**3 + 8 * m**3 + m * n**2) <= seconds
        draws = Condition(name="search.draws", source="the search's budget", statement=drawn)
        if s is None:
            return (draws,)
        # Cost per run and step is about linear in n m (n + 60) / 7.5e9.
        steps = seconds / (costs.CALLS + runs * m * n * (n + 60) / sp.Float(7.5e9))
        rule = eta * sigma_xi**2 * dimension / (n * m) * steps >= s
        return (draws, Condition(name="search.steps", source="the search's budget", statement=rule))

    def _together(self, at: list[Setting]) -> int:
        """How many of these settings a batch may hold."""
        size_n, size_m = at[0].n, at[0].m
        seconds = 2 * self.seconds
        drawn = seconds / max(costs.of_draw(size_n, size_m, SEEDS), 1e-9)
        fitting = min(costs.runs_in_memory(size_n, size_m) / SEEDS, drawn)
        s = self._expected()
        if s is not None:
            steps = max(s / setting.time_scale for setting in at)
            fitting = min(fitting, (seconds / steps - costs.CALLS) / (SEEDS * costs.arithmetic(size_n, size_m)))
        return max(2, int(fitting))

    def _search(self, batches: float) -> None:
        """Clouds of settings: a centre, which Hypothesis draws and then climbs with, and others scattered about it.

        Scattering is cut off at the faces of the region, so that a wide cloud has half of its coordinates there.
        """

        def upto(most: int) -> st.SearchStrategy[int]:
            return st.integers(OFFSET, OFFSET + most).map(lambda x: x - OFFSET)

        cloud = st.tuples(st.fixed_dictionaries({name: upto(GRID) for name in PARAMETERS}), upto(7), upto(2**16))

        def look(drawn: tuple[dict[str, int], int, int]) -> None:
            if self._gone() > SHARE["search"] or self.batches >= batches:
                raise _Over
            (centre, spread, salt) = drawn
            shares = self._cloud({name: x / GRID for name, x in centre.items()}, (spread + 1) / 8, salt)
            for claim, looked in zip(self.claims, self._batch(shares), strict=True):
                if looked:
                    target(max(x.seen.score for x in looked), label=claim.name)
            self.on_progress(min(self._gone(), 1.0))

        rounds = 0
        with suppress(_Over):
            while rounds < 32:  # half of each is drawn at random, half climbs
                size = int(batches) - self.batches if batches < math.inf else 16 * 2**rounds
                self._round(look, cloud, max(size, 12), self.seed + 1000 * rounds)
                rounds += 1

    @staticmethod
    def _round(look: Callable, cloud: st.SearchStrategy, size: int, seed_: int) -> None:
        search = settings(
            max_examples=size,
            phases=[Phase.generate, Phase.target],
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        seed(seed_)(search(given(cloud)(lambda drawn: look(drawn))))()

    @staticmethod
    def _cloud(centre: dict[str, float], spread: float, salt: int) -> list[dict[str, float]]:
        scattered = np.random.default_rng(salt).uniform(-spread, spread, (TOGETHER, len(PARAMETERS)))
        scattered[0] = 0.0
        free = [name not in ("n", "m") for name in PARAMETERS]  # a batch has one size
        at = np.array([centre[name] for name in PARAMETERS]) + scattered * free
        return [dict(zip(PARAMETERS, map(float, row), strict=True)) for row in np.clip(at, 0, 1)]

    def _batch(self, shares: list[dict[str, float]], about: Setting | None = None) -> list[list[_Looked]]:
        """One batch of runs at points of the region; empty where none can be placed."""
        region = self.region
        if about is None:
            [about] = region.place(shares[:1])
            self.drawn += 1
            if about is None:
                self.lost += 1
                return [[] for _ in self.claims]
        placed = region.at_size(about.n, about.m).place(shares, about)
        self.drawn += len(placed)
        kept = [(s, x) for s, x in zip(placed, shares, strict=True) if s is not None]
        self.lost += len(placed) - len(kept)
        kept = kept[: self._together([s for s, _ in kept])] if kept else [(about, shares[0])]
        seen = self.look_at([s for s, _ in kept], SEEDS)
        self.batches += 1
        found = [[_Looked(setting=s, place=x, seen=one) for (s, x), one in zip(kept, own, strict=True)] for own in seen]
        for mine, own in zip(self.looked, found, strict=True):
            mine += own
        return found

    # -- fresh seeds -------------------------------------------------------------------------------------------

    def _tested(self, claim: int, setting: Setting, latest: float, tail: float, least: int = BLOCK) -> Tested:
        """Fresh seeds until the failure rate is told from delta; a violation takes ``least`` runs."""
        failed = count = 0
        excess, lower, upper = -1.0, 0.0, 1.0
        for look in range(LOOKS):
            if look and self._gone() > latest:
                break
            seen = self.look_at([setting], BLOCK)[claim][0]
            if seen.counted == 0:
                break
            excess = (excess * count + seen.excess * seen.counted) / (count + seen.counted)
            failed, count = failed + seen.failed, count + seen.counted
            lower = 0.0 if failed == 0 else float(beta.ppf(tail / LOOKS, failed, count - failed + 1))
            upper = 1.0 if failed == count else float(beta.ppf(1 - LEVEL, failed + 1, count - failed))
            if upper < self.reading.delta or (lower > self.reading.delta and count >= least):
                break
        return Tested(setting=setting, failures=failed, trials=count, rate=lower, most=upper, excess=excess)

    def _stands(self, tested: Tested) -> bool:
        return tested.rate > self.reading.delta

    def _replayed(self, claim: int, kept: Sequence[Setting], level: float) -> tuple[list[Tested], list[Tested]]:
        """Which violations of earlier searches stand, and which are cleared."""
        inside_ = [s for s in kept if self._inside(s)]
        stands, cleared = [], []
        for setting in inside_:
            if self._gone() > 0.1:
                break
            found = self._tested(claim, setting, 0.2, level / len(inside_))
            if self._stands(found):
                stands.append(found)
            elif found.most < self.reading.delta:
                cleared.append(found)
        return stands, cleared

    def _inside(self, setting: Setting) -> bool:
        if setting.labels != self.reading.labels:  # found under the other reading
            return False
        values = self.reading.at(setting.values(), EPSILON[1])
        return inside(self.group.needs, values, self.reading.C)

    def _finding(
        self, claim: int, tail: float, kept: tuple[list[Tested], list[Tested]], ends: list[float], brief: bool
    ) -> Finding:
        """Confirm, simplify, worsen, set beside a setting that holds; each until its end as a share of the budget."""
        looked = self.looked[claim]
        found: list[tuple[Tested, dict[str, float]]] = []
        suspects = []
        for one in sorted(looked, key=lambda x: -x.seen.score)[: 1 if brief else CANDIDATES]:
            if self._gone() > ends[0]:
                break
            if (one.seen.failed + 0.5) / (one.seen.counted + 1) < self.reading.delta:
                continue
            tested = self._tested(claim, one.setting, ends[0], tail)
            suspects.append(tested)
            if self._stands(tested):
                found.append((tested, one.place))
        stands, cleared = kept
        simplest = worst = holds = None
        if brief and found:
            simplest = worst = found[0][0]
        elif found:
            least = min(found, key=lambda x: (x[0].setting.n * x[0].setting.m, -x[0].rate))
            simplest = self._simplified(claim, *least, tail, ends[1])
            worst = self._worsened(claim, *max(found, key=lambda x: x[0].miss), tail, ends[2])
            worst = max([worst, simplest, *(t for t, _ in found)], key=lambda t: t.miss)
        shown = simplest or min(stands, key=lambda t: t.setting.n * t.setting.m, default=None)
        if shown and not brief:
            holds = self._holding(claim, shown.setting)
        return Finding(
            claim=self.claims[claim],
            counted=sum(x.seen.counted for x in looked),
            simplest=simplest,
            worst=worst,
            holds=holds,
            kept=tuple(stands),
            cleared=tuple(cleared),
            suspects=tuple(suspects),
        )

    # -- a simple witness --------------------------------------------------------------------------------------

    def _simplified(self, claim: int, witness: Tested, place: dict[str, float], tail: float, latest: float) -> Tested:
        """Smaller sizes and rounder numbers, as long as fresh seeds confirm the violation."""
        tried = {witness.setting}
        progress = True
        while progress and len(tried) <= SIMPLER and self._gone() < latest:
            progress = False
            for setting in self._simpler(witness.setting, place):
                if setting in tried:
                    continue
                if len(tried) > SIMPLER or self._gone() >= latest:
                    break
                tried.add(setting)
                better = self._tested(claim, setting, latest, tail)
                if self._stands(better):
                    witness, progress = better, True
                    break
        return witness

    def _simpler(self, setting: Setting, place: dict[str, float]) -> Iterator[Setting]:
        """Simpler neighbours inside the conditions, the boldest first: at the same place of the region, but smaller."""
        region = self.region
        own = {"n": (setting.n, setting.n), "m": (setting.m, setting.m)}
        for smaller in (("n", "m"), ("m",), ("n",)):
            for most in (1, 2):  # as small as can be; half the size
                sizes = {k: (1, max(1, own[k][0] // most)) if k in smaller else own[k] for k in own}
                least = replace(region, ranges={**region.ranges, **sizes})
                [found] = least.place([{**place, **dict.fromkeys(smaller, 0.0 if most == 1 else 1.0)}])
                if found and (found.n, found.m) != (setting.n, setting.m):
                    yield found
        rounded_ = ("d", "mu", "sigma_0", "eta", "tau_plus", "tau_minus") + (() if self.rescaled else ("sigma_xi",))
        options: list[dict[str, float]] = []
        for digits in (1, 2):
            near = {k: _rounded(getattr(setting, k), digits) for k in rounded_}
            near["d"] = int(near["d"])
            # A flip probability just below one half rounds to what is none.
            near |= {k: getattr(setting, k) for k in ("tau_plus", "tau_minus") if near[k] >= 0.5}
            options += [near, *({k: v} for k, v in near.items())]
        for option in (replace(setting, **changed) for changed in options):
            if option != setting and self._inside(option):
                yield option

    # -- a bad witness -----------------------------------------------------------------------------------------

    def _worsened(self, claim: int, witness: Tested, place: dict[str, float], tail: float, latest: float) -> Tested:
        """A local search towards the faces for a larger margin of failure; fresh seeds decide."""
        about, here = witness.setting, place
        best = witness
        for k in range(ROUNDS):
            if self._gone() >= latest:
                break
            names = [name for name in PARAMETERS if name not in ("n", "m", *(("sigma_xi",) if self.rescaled else ()))]
            towards = [{**here, name: (here[name] + end) / 2 if k % 2 else end} for name in names for end in (0.0, 1.0)]
            looked = self._batch([here, *towards][:TOGETHER], about)[claim]
            top = max(looked, key=lambda x: x.seen.score)
            about, here = top.setting, top.place
        for setting in list(dict.fromkeys((about, witness.setting)))[:WORSE]:
            if self._gone() < latest:
                found = self._tested(claim, setting, latest, tail, least=4 * BLOCK)
                best = max((best, found), key=lambda t: t.miss)
        return best

    # -- where it holds ----------------------------------------------------------------------------------------

    def _holding(self, claim: int, setting: Setting) -> Tested | None:
        """The nearest of the settings looked at where the claim holds, in logarithms, as fresh seeds confirm."""

        def distance(other: Setting) -> float:
            names = [k for k in PARAMETERS if getattr(setting, k) > 0 and getattr(other, k) > 0]
            return sum(math.log(getattr(other, k) / getattr(setting, k)) ** 2 for k in names)

        whole = [x.setting for x in self.looked[claim] if x.seen.failed == 0 and x.seen.counted >= SEEDS / 2]
        for k, near in enumerate(sorted(dict.fromkeys(whole), key=distance)[:NEIGHBOURS]):
            if k and self._gone() > 1.1:  # a tenth of the budget on top
                break
            found = self._tested(claim, near, math.inf, LEVEL)
            if found.most < self.reading.delta:
                return found
        return None

    # -- all of it ---------------------------------------------------------------------------------------------

    def result(self, batches: float, level: float, kept: Mapping[str, Sequence[Setting]], brief: bool = False) -> Hunt:
        replayed: list[tuple[list[Tested], list[Tested]]] = [([], []) for _ in self.claims]
        if any(kept.get(claim.name) for claim in self.claims):
            usual, self.rng = self.rng, np.random.default_rng([self.seed, 13])
            shared = level * REPLAYED / len(self.claims)
            replayed = [self._replayed(k, kept.get(c.name, ()), shared) for k, c in enumerate(self.claims)]
            self.rng, self.runs, self.started = usual, 0, time.monotonic()
        started = time.monotonic()
        self._search(batches)
        if not any(self.looked):
            raise ValueError(
                f"claim '{self.claims[0].name}': no setting inside its conditions at C = {self.reading.C:g} could be"
                " run within the budget; lower --C, widen the reading or raise --budget"
            )
        count = len(self.claims)
        settings_, runs, batches_ = len(self.looked[0]), self.runs, self.batches
        tail = level * (1 - REPLAYED) / count / TESTS
        findings = []
        for k in range(count):
            start = self._gone()  # a slow last batch must not cost the answer: what is left is shared from here
            left = max(1 - start, 0.25) / (count - k)
            phases = [(SHARE[p] - SHARE["search"]) / (1 - SHARE["search"]) for p in ("confirm", "simplify", "worsen")]
            ends = [start + x * left for x in phases]
            findings.append(self._finding(k, tail, replayed[k], ends, brief))
            self.on_progress(min(self._gone(), 1.0))
        return Hunt(
            findings=tuple(findings),
            stage=self.group.stage,
            settings=settings_,
            runs=runs,
            batches=batches_,
            rejected=self.lost / max(self.drawn, 1),
            limits=self.limits,
            rescaled=self.rescaled,
            seconds=time.monotonic() - started,
            seed=self.seed,
        )


def _rounded(value: float, digits: int) -> float:
    return float(f"{value:.{digits - 1}e}")


def _excess(laws: list[tuple[str, Within]], runs: pd.DataFrame, unit: float = 1.0) -> np.ndarray:
    """By how much each run misses its worst bound, over the sizes of both (a bound of zero has size ``unit``); negative
    inside. Shape (runs,)."""
    worst = np.full(len(runs), -1.0)
    for name, law in laws:
        value = runs[name].to_numpy(float)
        for bound, sign in ((law.low, -1), (law.high, 1)):
            if bound is not None:
                limit = at_runs(bound, runs)
                size = np.abs(value) + np.where(limit == 0, unit, np.abs(limit))
                worst = np.fmax(worst, sign * (value - limit) / size)
    return worst
