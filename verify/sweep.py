"""Designs of settings x seeds inside given conditions, and their execution: parallel, interruptible, resumable.

Claims that share conditions and reach share runs. A *group* is such a set of runs; which groups exist depends on
nothing but the claims, the profile, the reading and the seed, so one claim rerun alone sees the very same runs.
"""

import hashlib
import json
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import sympy as sp
import torch
from scipy.stats import qmc

from numerics import Event, Observable, Setting, Trajectory, draw, train
from numerics.generalization import AT_THE_END, certified_exponent, generalization
from numerics.model import class_sizes, flip_share
from numerics.observables import MOMENTS, STAGES, moments, series_of
from numerics.series import SERIES
from theory import Band, Claim, Condition, T_star, Theta, evaluate, inside, kappa, sigma_xi, tau_minus, tau_plus
from theory import m as neurons
from theory import n as samples
from theory.paper import Reading
from theory.symbols import SETTING
from verify import costs, processes, userfile
from verify.observables import OBSERVABLE_BY_NAME

EXACT_STEPS = 200
EXACT_SEEDS = 4  # an identity holds in every run or not at all: settings tell it, and autograd is slow
FINISHED = "*-[0-9][0-9][0-9]*.npz"  # files of finished jobs, see :attr:`Job.key`
MOST_STEPS = 10**7  # of any run: half an hour even for the smallest
EPSILON = (2.5e-4, 1e-2)  # target losses: small enough that s is about 1/epsilon, not the time to overtake the signal
# n and m take geometric levels (least, ratio, count), so that settings of one size share a batch: from about the least
# that C = 2 admits, over at least 1.5 decades. The lemmas on activations need hundreds to begin with.
SIZES = {
    "start": (320, 2**0.5, 4),
    "early": (11, 2**0.5, 12),
    "T1": (11, 2**0.5, 12),
    "end": (11, 2.0, 6),
}
# d, eta and sigma_0 lie up to these factors inside their bounds. Their bounds follow n and m, so that only this
# freedom tells their exponents from those of n and m.
D_SLACK, ETA_SLACK, SIGMA_0_SLACK = 100.0, 30.0, 1000.0
KEPT_SERIES = (
    "gamma_plus", "gamma_minus", "gamma_max", "rho_clean_plus", "rho_clean_minus", "rho_noisy_plus", "rho_noisy_minus",
    "rho_clean_max", "rho_noisy_max", "accuracy", "accuracy_clean", "accuracy_noisy", "loss",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Profile:
    """How much is run: settings, and core seconds that a setting may be expected to take, by stage.

    Groups on which no rate is fitted get a third of both.
    """

    name: str
    seeds: int
    settings: Mapping[str, int]
    work: Mapping[str, float]


PROFILES = {
    "quick": Profile(
        name="quick",
        seeds=4,
        settings={"exact": 12, "start": 18, "early": 36, "T1": 24, "end": 15},
        work={"start": 2, "early": 0.4, "T1": 0.25, "end": 0.2},
    ),
    "standard": Profile(
        name="standard",
        seeds=8,
        settings={"exact": 48, "start": 48, "early": 75, "T1": 44, "end": 48},
        work={"start": 4, "early": 1.0, "T1": 1.0, "end": 2.0},
    ),
    "thorough": Profile(
        name="thorough",
        seeds=32,
        settings={"exact": 96, "start": 120, "early": 200, "T1": 160, "end": 120},
        work={"start": 20, "early": 10, "T1": 25, "end": 60},
    ),
}


@dataclass(frozen=True, kw_only=True)
class Group:
    """Runs that share conditions and reach.

    Attributes:
        name: from its conditions and stage; part of the seed.
        needs: the conditions that every setting meets.
        stage: how far runs go, a key of ``Profile.settings``.
        needs_rates: whether a rate is fitted on it, so that the design must span every variable.
        observables: what is computed per run.
        patience: expected durations after which a run short of the end is given up; 0 for the stage's own. Those that
            go to the end are given up at T*.
        series: what is recorded along its runs; what its observables read and what is kept where empty.
        kept: the series that are saved with the runs.
        labels: of the settings that :func:`design` finds for it, see :class:`numerics.Setting`.
    """

    name: str
    needs: tuple[Condition, ...]
    stage: str
    needs_rates: bool
    observables: tuple[str, ...]
    patience: float = 0.0
    series: tuple[str, ...] = ()
    kept: tuple[str, ...] = KEPT_SERIES
    labels: str = "drawn"


@dataclass(frozen=True, kw_only=True)
class Point:
    """One setting of a design, with its place in the group, the target loss, its share of the profile's seeds, and,
    where the stage is ``"window"``, the rescaled times at which the window may begin and at which its runs end."""

    setting: Setting
    epsilon: float
    index: int
    since: float = 0.0
    until: float = 0.0
    seeds: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Job:
    """One setting with all its seeds: the unit of work and of resuming.

    ``file`` holds a user's observables; ``look`` is 1 for the fresh seeds of a setting that looked doubtful.
    """

    group: Group
    point: Point
    seeds: tuple[int, ...]
    reading: Reading
    device: str
    file: userfile.Pin | None = None
    look: int = 0

    @property
    def key(self) -> str:
        again = f"look{self.look}-" if self.look else ""
        return f"{self.group.name}-{again}{self.point.index:03d}"


def stage_of(claim: Claim, observables: Mapping[str, Observable]) -> str:
    """How far runs must go for a claim.

    Raises:
        ValueError: the claim names an observable that does not exist.
    """
    names = [name for name, _ in claim.parts]
    names += [law.constant for _, law in claim.parts if isinstance(law, Theta) and law.constant]
    for name in names:
        if name not in observables:
            raise ValueError(f"claim '{claim.name}' names the observable '{name}', which does not exist; see `list`")
    return max((observables[name].stage for name in names), key=STAGES.index)


def groups(claims: tuple[Claim, ...], observables: Mapping[str, Observable], labels: str = "drawn") -> dict[str, Group]:
    """The groups that ``claims`` need, by claim name; ``labels``: of their settings.

    Claims with the same conditions share groups: those that only look at the start or at Stage I share one, and
    those that follow training to the end have another, whose settings are chosen for long runs.
    """
    by_needs: dict[tuple[Condition, ...], list[Claim]] = {}
    for claim in claims:
        by_needs.setdefault(claim.needs, []).append(claim)
    result: dict[str, Group] = {}
    for needs, members in by_needs.items():
        short = [c for c in members if stage_of(c, observables) != "end"]
        long = [c for c in members if stage_of(c, observables) == "end"]
        for part in (short, long):
            if not part:
                continue
            stage = max((stage_of(c, observables) for c in part), key=STAGES.index)
            digest = hashlib.sha256(repr(stated(needs)).encode()).hexdigest()[:6]
            # All observables within reach are computed: runs.csv should serve questions not asked yet.
            within = [
                name
                for name, o in observables.items()
                if name == "flip_share"  # tells the runs that have no flipped sample to speak of
                or ((o.stage == "exact") == (stage == "exact") and STAGES.index(o.stage) <= STAGES.index(stage))
            ]
            kind = "" if labels == "drawn" else f"{labels}-"
            group = Group(
                name=f"{kind}{_label(needs)}-{stage}-{digest}",
                needs=needs,
                stage=stage,
                needs_rates=any(isinstance(law, Theta) for c in part for _, law in c.parts),
                observables=tuple(within),
                labels=labels,
            )
            result.update({c.name: group for c in part})
    return result


def stated(needs: Sequence[Condition]) -> list[tuple[str, str]]:
    """What of conditions determines runs: names and statements, no prose."""
    return [(c.name, str(c.statement)) for c in needs]


def _label(needs: tuple[Condition, ...]) -> str:
    parts = dict.fromkeys(c.name.split("-")[0] for c in needs)
    return re.sub(r"[^\w.+-]", "_", "+".join(parts)) or "anywhere"


# ---------------------------------------------------------------------------------------------------------------
# Designs

_DIMENSIONS = ("n", "m", "d", "step", "sigma_xi", "sigma_0", "kappa", "tau_plus", "tau_minus", "epsilon")


def design(group: Group, profile: Profile, reading: Reading, seed: int) -> list[Point]:
    """Settings of a group, drawn log-uniformly in all variables at once inside its conditions.

    Draws come from a scrambled Sobol sequence. n, m, sigma_xi, kappa and tau are drawn from their ranges; d,
    sigma_0 and eta by a log-uniform factor from the boundary of the conditions inwards. How far eta and epsilon go is
    limited by what the profile affords at that n and m; a draw too costly at its largest step is passed over. Where
    rates are fitted, the cheapest of many draws at either end of the ranges of n, m and epsilon come first, and every
    other setting is the draw that tells the exponents apart best. At the far ends, which the rest cannot afford, they
    are :data:`FAR` settings with a share of the seeds each: the decades must not hang on one of them.

    Raises:
        ValueError: too few draws fall inside the conditions.
    """
    entropy = int.from_bytes(hashlib.sha256(f"{seed}/{group.name}".encode()).digest()[:4], "big")
    wanted = profile.settings[group.stage] // (1 if group.needs_rates else 3)
    if group.stage == "exact":
        return _small_dense(wanted, entropy, group.labels)
    cap = profile.work[group.stage] / (1 if group.needs_rates else 3)
    cube = qmc.Sobol(len(_DIMENSIONS), rng=np.random.default_rng(entropy))

    def drawn(count: int, cap: float, bend: Callable = lambda u: u, most: int | None = None) -> list:
        placed = (
            _place(bend(dict(zip(_DIMENSIONS, u, strict=True))), group, profile, reading, cap)
            for u in cube.random(count)
        )
        return list(islice((found for found in placed if found), most))

    chosen: list[tuple[Setting, float]] = []
    far: set[tuple[Setting, float]] = set()
    if group.needs_rates:
        for name in ("n", "m", "epsilon") if group.stage == "end" else ("n", "m"):
            for end in (0.0, 1 - _END):
                # The far ends may cost more than the rest; where even that is too much, the range stays shorter.
                at_end = drawn(16 * profile.seeds, 40 * cap, lambda u, k=name, e=end: _bent(u, k, e))
                if name == "epsilon" and end == 0.0:  # only where the range was not cut short by the cost
                    at_end = [
                        c for c in at_end if math.log(c[1] / EPSILON[0]) <= _END * math.log(EPSILON[1] / EPSILON[0])
                    ]
                at_end.sort(key=lambda c: costs.work(*c, group.stage, profile.seeds))
                if (end == 0.0) != (name == "epsilon"):
                    chosen += at_end[:1]
                    continue
                # Of the size of the cheapest, as far as there are such: they share a batch.
                several = sorted(at_end, key=lambda c: (c[0].n, c[0].m) != (at_end[0][0].n, at_end[0][0].m))[:FAR]
                chosen += several
                far |= set(several)
    tried = 2 ** math.ceil(math.log2(max(512, 16 * wanted)))  # a Sobol sequence is balanced at powers of two
    others = drawn(tried, cap, most=None if group.needs_rates else wanted)
    if len(others) < 4:
        raise ValueError(
            f"conditions {', '.join(c.name for c in group.needs)}: only {len(others)} of {tried} settings drawn lie"
            f" inside at C = {reading.C:g} within the cost of the profile;"
            " lower --C, widen the reading or take a larger --profile"
        )
    chosen = _telling(chosen, others, wanted) if group.needs_rates else others[:wanted]
    return [
        Point(setting=s, epsilon=e, index=k, seeds=1 / FAR if (s, e) in far else 1.0) for k, (s, e) in enumerate(chosen)
    ]


_END = 0.015  # of a range in logarithms
FAR = 4  # settings at a far end: alike, they carry a quarter of what is known there each, which is what a rate allows


def _bent(u: dict[str, float], name: str, end: float) -> dict[str, float]:
    """A draw moved to one end of a variable's range. At a far end, where runs are long, it takes the largest step; for
    n and m about the largest epsilon, for epsilon rather small n and m: several settings there must not cost more than
    one."""
    spared = {}
    if (end == 0.0) == (name == "epsilon"):
        spared = {"step": 0.0, "epsilon": 1 - _END * u["epsilon"]}
        spared |= {k: u[k] ** 4 for k in ("n", "m")} if name == "epsilon" else {}
    return {**u, **spared, name: end + _END * u[name]}


def _telling(chosen: list, others: list, wanted: int) -> list:
    """Fill up ``chosen`` from ``others``: by turns the next draw, and the draw that adds most to telling the
    exponents apart, which is the one of largest leverage x' (X'X)^-1 x (greedy D-optimality)."""

    def rows(settings: list) -> np.ndarray:
        return np.log([[s.n, s.m, s.d, s.sigma_xi, s.eta, s.sigma_0, s.kappa, e] for s, e in settings])

    pool = rows(others)
    centre, scale = pool.mean(0), np.maximum(pool.std(0), 1e-9)

    def standardized(settings: list) -> np.ndarray:
        scaled = (rows(settings) - centre) / scale
        return np.column_stack([scaled, np.ones(len(settings))])

    chosen, others = list(chosen), list(others)
    while others and len(chosen) < wanted:
        if len(chosen) % 2:
            chosen.append(others.pop(0))
            continue
        x = standardized(chosen) if chosen else np.zeros((1, pool.shape[1] + 1))
        information = x.T @ x + 1e-3 * np.eye(x.shape[1])
        candidates = standardized(others)
        leverage = np.einsum("ij,ij->i", candidates @ np.linalg.inv(information), candidates)
        chosen.append(others.pop(int(leverage.argmax())))
    return chosen


def _place(
    u: dict[str, float], group: Group, profile: Profile, reading: Reading, cap: float
) -> tuple[Setting, float] | None:
    """A point of the unit cube as a setting inside the conditions at a cost under ``cap``; None if there is none."""
    least, ratio, levels = SIZES[group.stage]
    bands = {c.statement.expression: c.statement for c in group.needs if isinstance(c.statement, Band)}
    fixed = {c.statement.lhs: float(c.statement.rhs) for c in group.needs if isinstance(c.statement, sp.Eq)}
    n, m = (
        round(fixed.get(symbol, least * ratio ** min(int(u[symbol.name] * levels), levels - 1)))
        for symbol in (samples, neurons)
    )
    taus = {}
    for name, symbol in (("tau_plus", tau_plus), ("tau_minus", tau_minus)):
        band = bands.get(symbol, Band(symbol, reading.tau_low, reading.tau_high))
        taus[name] = fixed.get(symbol, _log(band.low, band.high, u[name]))
        if group.labels == "balanced" and symbol not in fixed:
            size = class_sizes(n)[name == "tau_minus"]
            taus[name] = flip_share(taus[name], size, band.low, band.high)
            if math.isnan(taus[name]):
                return None
    effective = kappa * (1 - tau_plus - tau_minus)
    band = bands.get(effective, Band(effective, reading.kappa_low, reading.kappa_high))
    snr = _log(band.low * 1.0001, band.high / 1.0001, u["kappa"]) / (1 - taus["tau_plus"] - taus["tau_minus"])
    sigma = fixed.get(sigma_xi, _log(0.03, 30, u["sigma_xi"]))
    if costs.of_draw(n, m, profile.seeds) > cap:
        return None
    values: dict[str, float] = reading.at({"n": n, "m": m, "sigma_xi": sigma, **taus}, EPSILON[1])

    def follow(d: float) -> None:
        values.update(d=d, mu=sigma * math.sqrt(snr * d / n))

    # Start anywhere; the boundary is then found from the margins themselves. That of d depends on eta and epsilon
    # through log T*, and theirs on d, so the three are placed in turn until they stay.
    edge, before = 4.0 * (n + 2 * m + 1), 0.0
    values["eta"] = n / (4 * reading.C * sigma**2 * edge)
    steps = min(cap / costs.of_step(n, m, profile.seeds), MOST_STEPS / 4)
    longest = costs.rescaled_time(snr, taus["tau_plus"], taus["tau_minus"], EPSILON[1], group.stage)
    for _ in range(30):
        follow(edge)
        if not boundary(values, "d", group.needs, reading.C, follow, inwards=+1):
            return None
        edge = values["d"]
        follow(math.ceil(edge * _log(1.0001, D_SLACK, u["d"])))
        if abs(edge - before) <= 1e-5 * edge:
            break
        before = edge
        scale = n * m / (sigma**2 * values["d"])
        values["eta"] = 0.05 * scale
        if not boundary(values, "eta", group.needs, reading.C, lambda x: values.update(eta=x), inwards=-1):
            return None
        # Target loss and step size go as far as the cost allows.
        reach = steps * values["eta"] / scale  # rescaled time within the cost at the largest step
        if longest > reach:
            return None
        slack = _log(1.0001, max(1.0002, min(ETA_SLACK, reach / max(longest, 1e-9))), u["step"])
        values["eta"] /= slack
        if group.stage == "end":
            # s is nearly proportional to 1/epsilon, so this is about the least that is still affordable.
            least = max(EPSILON[0], EPSILON[1] * longest * slack / reach)
            values["epsilon"] = _log(least, EPSILON[1], u["epsilon"])
    values["sigma_0"] = 1e-3 / (sigma * math.sqrt(values["d"]))
    if not boundary(values, "sigma_0", group.needs, reading.C, lambda x: values.update(sigma_0=x), inwards=-1):
        return None
    values["sigma_0"] /= _log(1.0001, SIGMA_0_SLACK, u["sigma_0"])
    if not inside(group.needs, values, reading.C):
        return None
    return Setting(**{k: values[k] for k in SETTING}, labels=group.labels), values["epsilon"]


def _log(low: float, high: float, u: float) -> float:
    return math.exp(math.log(low) + u * math.log(high / low))


def boundary(
    values: dict[str, float],
    name: str,
    needs: tuple[Condition, ...],
    constant: float,
    move: Callable[[float], None],
    inwards: int,
) -> bool:
    """Move one parameter to where its tightest condition just holds, among those that moving it inwards helps.

    Margins are monomials times logarithms in it, so that the missing factor, taken to the power that the last move
    showed, leads there; False where it does not.
    """
    known = {*values, "mu", "C"}
    restricting = [c for c in needs if isinstance(c.statement, (sp.Ge, sp.Le)) and name in c.names and c.names <= known]
    start = values[name]
    before = [c.reach(values) for c in restricting]
    move(start * 1.01**inwards)
    helped = [c for c, b in zip(restricting, before, strict=True) if c.reach(values) > b]
    move(start)
    if not helped:
        return True
    power, moved, last = 1.0, 0.0, 0.0  # in logarithms: the last move, what it was per factor missing, and that factor
    for k in range(60):
        missing = max((constant if "C" in c.names else 1.0) / c.reach(values) for c in helped)
        if abs(missing - 1) < 1e-9:
            return True
        if not 0 < missing < math.inf:
            return False
        if k:
            gained = last - math.log(missing)
            power = min(4.0, max(0.25, moved / gained)) if gained else 1.0
        last = math.log(missing)
        moved = power * last
        move(values[name] * math.exp(moved) ** inwards)
        if not 0 < values[name] < 1e30:
            return False
    return missing <= 1 + 1e-6


def _small_dense(count: int, entropy: int, labels: str) -> list[Point]:
    """Settings for exact identities: any parameters at all, d below, at and above n."""
    rng = np.random.default_rng(entropy)
    points = []
    for index in range(count):
        n, m = int(rng.integers(1, 17)), int(rng.integers(1, 9))
        d = [max(1, n // 2), n + 1, int(rng.integers(2 * n + 2, 80))][index % 3]
        sigma = _log(0.1, 10, rng.random())
        taus = rng.uniform(0, 0.45, 2)
        setting = Setting(
            n=n,
            m=m,
            d=d,
            mu=sigma * math.sqrt(d) * _log(0.1, 3, rng.random()),
            sigma_xi=sigma,
            sigma_0=_log(1e-3, 1, rng.random()) / (sigma * math.sqrt(d)),
            eta=_log(0.01, 0.5, rng.random()) * n * m / (sigma**2 * d),
            tau_plus=taus[0],
            tau_minus=taus[1],
            labels=labels,
        )
        points.append(Point(setting=setting, epsilon=EPSILON[0], index=index))
    return points


def first_seed(what: str) -> int:
    """Where the seeds of a job begin: those of different settings differ, so that runs of a group are independent."""
    return int.from_bytes(hashlib.sha256(what.encode()).digest()[:6], "big")


def plan_jobs(
    groups: list[Group],
    profile: Profile,
    reading: Reading,
    seed: int,
    device: str,
    file: userfile.Pin | None = None,
) -> tuple[list[Job], dict[str, str]]:
    """All jobs of some groups, and for a group that cannot be designed the reason, by name."""
    planned, undesigned = [], {}
    for group in groups:
        try:
            points = design(group, profile, reading, seed)
        except ValueError as problem:
            undesigned[group.name] = str(problem)
            continue
        for point in points:
            start = first_seed(f"{seed}/{group.name}/{point.index}")
            count = min(profile.seeds, EXACT_SEEDS) if group.stage == "exact" else round(profile.seeds * point.seeds)
            seeds = tuple(start + k for k in range(count))
            planned.append(Job(group=group, point=point, seeds=seeds, reading=reading, device=device, file=file))
    return planned, undesigned


# ---------------------------------------------------------------------------------------------------------------
# Execution


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one job gave: a table with a row per run, and curves for figures; ``kept`` if it was saved before."""

    key: str
    runs: pd.DataFrame
    times: np.ndarray
    series: dict[str, np.ndarray]
    kept: bool = False


def simulate(jobs: Sequence[Job], seeds: slice = slice(None)) -> Trajectory:
    """Train runs of jobs of one group and size, as far as the group's stage asks."""
    stage, order_one = jobs[0].group.stage, jobs[0].reading.order_one
    runs = [(job, seed) for job in jobs for seed in job.seeds[seeds]]
    settings = [job.point.setting for job, _ in runs]
    samples = [draw(job.point.setting, seed, dense=True if stage == "exact" else None) for job, seed in runs]
    events = moments(order_one)
    # Far beyond what is expected (of 928 runs in standard the latest arrived at 24); a run that needs more is censored,
    # and counted as such.
    group = jobs[0].group
    patience = group.patience or {"window": 1.1, "early": 8, "T1": 25}.get(stage, 0)
    if stage == "end":
        last = max(last_step(job.point.setting, job.point.epsilon, job.reading) for job in jobs)
    else:
        last = {"exact": EXACT_STEPS, "start": 1}.get(stage, patience * max(_steps(job) for job in jobs))
    stop = {
        **events,
        "window": Event(series="elapsed", value=tuple(job.point.until for job, _ in runs)),
        "end": Event(series="loss", value=tuple(job.point.epsilon for job, _ in runs), falling=True),
    }.get(stage)
    steps = max(1, int(min(last, MOST_STEPS)))
    needed = series_of((_known(jobs[0])[name] for name in group.observables), events.values())
    recorded = group.series or needed | {*group.kept, *([stop.series] if stop else [])}
    series = {name: recorder for name, recorder in SERIES.items() if name in recorded}
    if stage == "window" and "spurious_exponent" in group.kept:
        since = [job.point.since for job, _ in runs]
        series["spurious_exponent"] = certified_exponent(settings, samples, since=since)
    events = {name: event for name, event in events.items() if event.series in series}
    return train(settings, samples, steps=steps, stop=stop, events=events, series=series, device=jobs[0].device)


def last_step(setting: Setting, epsilon: float, reading: Reading) -> int:
    """T* as it is read: what has not reached ``epsilon`` by then is given up."""
    return math.floor(evaluate(T_star, reading.at(setting.values(), epsilon)))


def _steps(job: Job) -> float:
    setting, epsilon = job.point.setting, job.point.epsilon
    s = job.point.until or costs.rescaled_time(
        setting.kappa, setting.tau_plus, setting.tau_minus, epsilon, job.group.stage
    )
    return s / setting.time_scale


def execute(jobs: Sequence[Job]) -> list[Result]:
    """Run jobs of one group and size in one batch; one job alone a few seeds at a time where it needs much memory."""
    if len(jobs) > 1:
        return _execute(jobs, slice(None))
    [job] = jobs
    chunk = max(1, int(costs.runs_in_memory(job.point.setting.n, job.point.setting.m, job.device)))
    parts = [_execute(jobs, slice(k, k + chunk))[0] for k in range(0, len(job.seeds), chunk)]
    # The recording grid depends on the horizon alone, so parts of one job share it.
    joined = Result(
        key=job.key,
        runs=pd.concat([p.runs for p in parts], ignore_index=True),
        times=parts[0].times,
        series={name: np.concatenate([p.series[name] for p in parts]) for name in parts[0].series},
    )
    return [joined]


def _execute(jobs: Sequence[Job], seeds: slice) -> list[Result]:
    return observed(simulate(jobs, seeds), jobs, seeds)


def _known(job: Job) -> dict[str, Observable]:
    return OBSERVABLE_BY_NAME | (userfile.observables_of(job.file) if job.file else {})


def observed(trajectory: Trajectory, jobs: Sequence[Job], seeds: slice = slice(None)) -> list[Result]:
    """What the group asks for of the runs of jobs, as :func:`simulate` gave them."""
    known = _known(jobs[0])
    # Which moments came, and whether a label was flipped, decides of every run what it says (``verify.evidence``).
    reach = STAGES.index(jobs[0].group.stage) if jobs[0].group.stage in STAGES else 0
    recorded = {*trajectory.events, "end"}
    dated = [time for moment, time in MOMENTS.items() if moment in recorded and STAGES.index(moment) <= reach]
    names = dict.fromkeys([*jobs[0].group.observables, *dated, "flip_share"])
    observed = {name: known[name](trajectory) for name in names}
    curves = trajectory.series | _at_the_end(trajectory, jobs[0].group)
    kept = [name for name in jobs[0].group.kept if name in curves]
    results, start = [], 0
    for job in jobs:
        own = job.seeds[seeds]
        rows = slice(start, start + len(own))
        start += len(own)
        table = pd.DataFrame(
            {
                "group": job.group.name,
                "setting": job.point.index,
                "seed": own,
                "look": job.look,
                **job.reading.at(job.point.setting.values(), job.point.epsilon),
                "kappa": job.point.setting.kappa,
                "time_scale": job.point.setting.time_scale,
                "status": trajectory.status[rows],
                "steps": trajectory.last[rows],
                **{name: values[rows] for name, values in observed.items()},
            }
        )
        series = {name: curves[name][rows].astype(np.float32) for name in kept}
        results.append(Result(key=job.key, runs=table, times=trajectory.times, series=series))
    return results


def _at_the_end(trajectory: Trajectory, group: Group) -> dict[str, np.ndarray]:
    """Test errors as series that are known at the last recorded time alone, where they are asked for."""
    found = {}
    for name, law in AT_THE_END.items():
        if name in group.kept and name not in trajectory.series:
            found[name] = np.full((len(trajectory.settings), trajectory.times.size), np.nan)
            last = trajectory.index("end")[:, None]
            np.put_along_axis(found[name], last, getattr(generalization(trajectory, "end"), law)[:, None], 1)
    return found


def _bundles(planned: Sequence[Job]) -> list[tuple[Job, ...]]:
    """Jobs that run in one batch: of one group and size, next to each other in length."""
    by_size: dict[tuple, list[Job]] = {}
    for job in planned:
        by_size.setdefault((job.group.name, job.point.setting.n, job.point.setting.m), []).append(job)
    bundles = []
    for (_, n, m), members in by_size.items():
        members.sort(key=lambda j: -_steps(j))
        size = costs.bundle_size(n, m, len(members[0].seeds), members[0].device)
        bundles += [tuple(members[k : k + size]) for k in range(0, len(members), size)]
    # The longest first, so that none is left over at the end.
    return sorted(bundles, key=lambda b: -max(_steps(j) for j in b) * _cost_of_bundle(b))


def _cost_of_bundle(bundle: tuple[Job, ...]) -> float:
    setting = bundle[0].point.setting
    return costs.CALLS + sum(len(j.seeds) for j in bundle) * costs.arithmetic(setting.n, setting.m)


def expected(planned: Sequence[Job]) -> dict[str, float]:
    """Core seconds that each job may be expected to take, by its key: its share of the batch in which it runs."""
    found = {}
    for bundle in _bundles(planned):
        group = bundle[0].group
        steps = max(_steps(job) for job in bundle)
        for job in bundle:
            n, m, seeds = job.point.setting.n, job.point.setting.m, len(job.seeds)
            own = costs.of_draw(n, m, seeds) + (EXACT_STEPS * seeds * costs.AUTOGRAD if group.stage == "exact" else 0.0)
            found[job.key] = own + (steps * _cost_of_bundle(bundle) + costs.BATCH) / len(bundle)
    return found


def one_thread() -> None:
    """Several threads on arrays this small cost more than they give."""
    torch.set_num_threads(1)


def run(planned: Sequence[Job], folder: Path, workers: int, pool: processes.Pool | None = None) -> Iterator[Result]:
    """Execute jobs, saving each in ``folder`` before it is yielded; those saved already are only read.

    Args:
        pool: worker processes that are handed the jobs at once; without, ``workers`` are started for them.

    Raises:
        ValueError: a file there is damaged or of another run.
    """
    kept, pending = [], []
    for bundle in _bundles(planned):
        missing = [job for job in bundle if not (folder / f"{job.key}.npz").exists()]
        kept += [job for job in bundle if job not in missing]
        if missing:  # what shares a batch is rerun whole, so that resuming changes nothing
            pending.append((bundle, {job.key: job for job in missing}))
    bundles = [bundle for bundle, _ in pending]
    going = pool.each(execute, bundles) if pool else processes.pooled(execute, bundles, workers, one_thread)

    def results() -> Iterator[Result]:
        for job in kept:
            yield load(folder / f"{job.key}.npz", job)
        for k, found in going:
            missing = pending[k][1]
            # All are saved before any is handed on: an interrupt there loses nothing.
            yield from [_save(r, missing[r.key], folder) for r in found if r.key in missing]

    return results()


def _fingerprint(job: Job) -> str:
    body = {
        "setting": job.point.setting.values(),
        "epsilon": job.point.epsilon,
        "seeds": job.seeds,
        "reading": asdict(job.reading),
        "group": job.group.name,
        "file": job.file.digest if job.file else "",
    }
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _save(result: Result, job: Job, folder: Path) -> Result:
    path = folder / f"{job.key}.npz"
    partial = path.with_suffix(".partial")
    with open(partial, "wb") as file:
        np.savez_compressed(
            file,
            fingerprint=_fingerprint(job),
            runs=json.dumps(result.runs.to_dict("list")),  # to the last bit
            times=result.times,
            **{f"series_{name}": values for name, values in result.series.items()},
        )
    os.replace(partial, path)  # a file that exists is whole
    return result


def load(path: Path, job: Job) -> Result:
    """A saved result.

    Raises:
        ValueError: the file is damaged, or holds something else than this job.
    """
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as held:
            fingerprint = str(held["fingerprint"])
            table = pd.DataFrame(json.loads(str(held["runs"])))
            times = held["times"]
            curves = [name for name in held.files if name.startswith("series_")]
            series = {name.removeprefix("series_"): held[name] for name in curves}
    except Exception as problem:
        raise ValueError(f"{path} is damaged ({type(problem).__name__}): delete it to have it redone") from problem
    if fingerprint != _fingerprint(job):
        raise ValueError(f"{path} belongs to another run: choose another --out, or delete the folder")
    return Result(key=job.key, runs=table, times=times, series=series, kept=True)
