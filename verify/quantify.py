r"""Theorems with their own quantifiers: there exist constants, and there exists a time, such that all parts hold
together.

Three steps, each on runs of its own (docs/theorems.md):

**Explore.** The hidden constants climb a ladder, from the values with which the theorem says the most to those with
which it says the least. On every rung, settings are spread over the region that its restricting constants leave,
faces and corners included; regions are nested, so a setting counts for every rung whose region holds it. A rung
*serves* if for some constants of the conclusion (:func:`_serves`) at most delta/3 of its runs fail and in no setting
more than a quarter.

**Fix.** The first rung that serves; from there each restricting constant alone is taken back down as far as the
settings inside still serve, in the order in which the theorem names them; the constants of the conclusion are the
ones with which it says the most. As the least that served was chosen for having served, every constant is then moved
one step on.

**Confirm.** Fresh settings in the region of the constants that were fixed, fresh seeds, nothing from before. A setting
*contradicts* if the exact lower bound of its failure rate lies above delta, at a level shared by all settings and
looks; settings that look doubtful get more seeds. SUPPORTED: none contradicts, and the share of runs in which all
parts hold at one time surely exceeds 1 - delta. If the fresh runs contradict: OPEN where failures fall along the
ladder, since a stronger constant may cure them; REFUTED where they do not and the constants were the last of the
ladder (corrected over all theorems by Holm's rule); else INCONCLUSIVE.
"""

import hashlib
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, reduce

import numpy as np
import pandas as pd
import sympy as sp
from scipy.stats import binom, qmc

from numerics import Setting
from numerics.series import SERIES
from theory import Condition, inside
from theory.paper import Reading
from theory.statements import Hidden, Part, Theorem, evaluate
from verify import costs, fit, processes, sweep
from verify.judge import Status
from verify.region import Region
from verify.sweep import Group, Job, Point, Result

LEVEL = 0.05
# A rung serves in exploration below these failure rates. A third of delta leaves room for a rate that was found small
# by luck: at 480 fresh runs a rate of delta/2 is still confirmed with probability above 0.99.
POOLED, SINGLE = 1 / 3, 0.25
FEWEST = 8  # settings without which nothing good is said of a rung or of a region
SEVERE = 3.0  # times delta: a setting is doubtful until its failure rate is surely below
LABELS = ("balanced", "drawn")
SHARED = 6  # settings that share a batch, where small ones gather


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much is run for one theorem and kind of labels.

    Attributes:
        rungs: of the ladder, counted from its first.
        each: settings per rung in exploration.
        seeds: per setting in exploration.
        confirmed: settings in confirmation.
        looks: seeds per setting of confirmation after the first look, and in all where it looks doubtful.
        cap: core seconds that the first look at a setting may be expected to take, by stage.
        largest: n and m at most.
    """

    rungs: int
    each: int
    seeds: int
    confirmed: int
    looks: tuple[int, int]
    cap: Mapping[str, float]
    largest: int


EFFORTS = {
    "quick": Effort(
        rungs=5, each=6, seeds=4, confirmed=12, looks=(12, 36), cap={"window": 0.1, "end": 0.6}, largest=200
    ),
    "standard": Effort(
        rungs=7, each=8, seeds=6, confirmed=30, looks=(12, 48), cap={"window": 0.25, "end": 0.5}, largest=600
    ),
    "thorough": Effort(
        rungs=7, each=40, seeds=16, confirmed=96, looks=(32, 128), cap={"window": 10.0, "end": 20.0}, largest=2000
    ),
}


# ---------------------------------------------------------------------------------------------------------------
# Designs


def ladder(theorem: Theorem, rungs: int) -> list[dict[str, float]]:
    """The restricting constants at each rung: every one a step further, as far as its own ladder goes."""
    longest = max(len(h.ladder) for h in theorem.restricting) if theorem.restricting else 1
    return [
        {h.name: h.ladder[min(k, len(h.ladder) - 1)] for h in theorem.restricting} for k in range(min(rungs, longest))
    ]


@dataclass(frozen=True, kw_only=True)
class Family:
    """Theorems with the same conditions and stage, under one kind of labels: they explore on the same runs.

    Attributes:
        members: the theorems.
        labels: how labels are drawn, a value of ``Setting.labels``.
    """

    members: tuple[Theorem, ...]
    labels: str
    reading: Reading
    effort: Effort
    seed: int
    device: str

    @property
    def stage(self) -> str:
        return self.members[0].stage

    @property
    def name(self) -> str:
        return f"{self.members[0].name}-{self.labels}"

    @property
    def kept(self) -> tuple[str, ...]:
        """Every series that a part speaks of."""
        return tuple(dict.fromkeys(p.series for t in self.members for p in t.parts))

    def group(self, phase: str, fixed: Mapping[str, float]) -> Group:
        """The runs of a phase; their name holds what determines their design."""
        body = [(t.name, sweep.stated(t.needs)) for t in self.members], sorted(fixed.items())
        digest = hashlib.sha256(repr(body).encode()).hexdigest()[:6]
        recorded = dict.fromkeys(("elapsed", "loss", *self.kept))
        return Group(
            name=f"{phase}-{self.name}-{self.stage}-{digest}",
            needs=self.members[0].at(fixed or ladder(self.members[0], 1)[0]),
            stage=self.stage,
            needs_rates=False,
            observables=("flip_share",),
            series=tuple(name for name in recorded if name in SERIES),
            kept=self.kept,
        )

    def design(self, fixed: Mapping[str, float], count: int, phase: str) -> list[Setting]:
        """Settings inside the conditions at ``fixed``, spread over the region with its faces: the same for all kinds of
        labels, with flips in whole numbers, so that what labels cost is seen on the same settings."""
        theorem, effort = self.members[0], self.effort
        afford = costs.affordable(self.stage, effort.looks[0], SHARED, effort.cap[self.stage], theorem.epsilon)
        placed = _placed(
            (*theorem.at(fixed), *afford),
            replace(self.reading, C=fixed.get("C", self.reading.C), labels="balanced"),
            theorem.epsilon,
            effort.largest,
            count,
            f"{self.seed}/{phase}/{'/'.join(t.name for t in self.members)}/{sorted(fixed.items())}",
        )
        return [replace(setting, labels=self.labels) for setting in placed]

    def jobs(self, group: Group, settings: Sequence[Setting], seeds: range, first: int = 0) -> list[Job]:
        planned = []
        for index, setting in enumerate(settings, start=first):
            entropy = f"{self.seed}/{group.name}/{index}".encode()
            start = int.from_bytes(hashlib.sha256(entropy).digest()[:6], "big")
            ends = [_span(t, setting, self.reading) for t in self.members] if self.stage == "window" else [(0.0, 0.0)]
            since, until = min(a for a, _ in ends), max(b for _, b in ends)
            point = Point(setting=setting, epsilon=self.members[0].epsilon, index=index, since=since, until=until)
            planned.append(
                Job(group=group, point=point, seeds=tuple(start + k for k in seeds), reading=self.reading,
                    device=self.device)
            )  # fmt: skip
        return planned


_COORDINATES = ("n", "m", "tau_plus", "tau_minus", "d", "mu", "sigma_0", "eta")
# Settings lie in this share of a parameter's range in logarithms, counted from its face: nothing bounds sigma_0 from
# below (0.25 is five decades), and a large d or a small eta ask for long runs that tell little.
_DEPTH = {"d": (0.0, 0.4), "sigma_0": (1.0, -0.25), "eta": (1.0, -0.3)}


@lru_cache(maxsize=256)
def _placed(
    needs: tuple[Condition, ...], reading: Reading, epsilon: float, largest: int, count: int, entropy: str
) -> tuple[Setting, ...]:
    # Below n = 8 no whole number of flips lies in the band of tau; sigma_xi is a unit, an exact symmetry.
    ranges = {"n": (8, largest), "m": (1, largest), "sigma_xi": (1, 1)}
    region = Region(needs=needs, reading=reading, epsilon=epsilon, ranges=ranges)
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(entropy.encode()).digest()[:6], "big"))
    # Where a region is thin, many of its corners hold no setting: up to eight are tried for one that is wanted.
    sequence, placed = qmc.Sobol(len(_COORDINATES), rng=rng), []
    for _ in range(8):
        cube = np.clip(2 * sequence.random(2 ** math.ceil(math.log2(count))) - 0.5, 0, 1)  # outer quarters become faces
        if not placed:
            cube[0, :2] = 0.0  # the corner of the least sizes, where failures gather
        cube[:, :2] **= 2  # small sizes are cheap, and labels fluctuate most there
        for name, (face, depth) in _DEPTH.items():
            k = _COORDINATES.index(name)
            cube[:, k] = face + depth * cube[:, k]
        found = region.place([dict(zip(_COORDINATES, u, strict=True)) for u in cube[:count]])
        placed += [setting for setting in found if setting is not None]
        if len(placed) >= count:
            break
    return tuple(placed[:count])


def _span(theorem: Theorem, setting: Setting, reading: Reading) -> tuple[float, float]:
    """Rescaled times within which every window lies that the constants of the conclusion allow."""
    names = [h.name for h in theorem.concluding]
    corners = itertools.product(*({h.ladder[0], h.ladder[-1]} for h in theorem.concluding))
    at = [_values(setting, reading, theorem, dict(zip(names, corner, strict=True))) for corner in corners]
    first, last = ([evaluate(edge, values) * setting.time_scale for values in at] for edge in theorem.window)
    return 0.999 * min(first), 1.001 * max(last)


def _values(setting: Setting, reading: Reading, theorem: Theorem, constants: Mapping[str, float]) -> dict[str, float]:
    """Numbers for every symbol that a statement of the theorem may name."""
    return {**reading.at(numbers(setting), theorem.epsilon), **constants}


def numbers(setting: Setting) -> dict[str, float]:
    """The parameters that are numbers, by name."""
    return {name: value for name, value in setting.values().items() if name != "labels"}


def _explored(alike: Sequence[Family]) -> list[tuple[str, list[Job]]]:
    return [(family.name, explore(family)) for family in alike]


def explore(family: Family) -> list[Job]:
    """The runs of exploration, rung after rung."""
    group = family.group("explore", {})
    planned: list[Job] = []
    for k, fixed in enumerate(ladder(family.members[0], family.effort.rungs)):
        settings = family.design(fixed, family.effort.each, "explore")
        planned += family.jobs(group, settings, range(family.effort.seeds), first=100 * k)
    return planned


# ---------------------------------------------------------------------------------------------------------------
# What runs show


class Shown:
    """The runs of some settings, asked whether the parts of a theorem hold together at one time.

    Args:
        theorem: what is asked of them.
        results: one per setting.
        reading: supplies delta.
    """

    def __init__(self, theorem: Theorem, results: Sequence[Result], reading: Reading) -> None:
        self.theorem, self.results, self.reading = theorem, list(results), reading
        self.settings = [_setting(r) for r in self.results]
        # A run without a flipped sample says nothing of a theorem about flipped samples (``verify.evidence``).
        self.counted = [
            r.runs["flip_share"].notna().to_numpy() | (max(s.tau_plus, s.tau_minus) == 0)
            for r, s in zip(self.results, self.settings, strict=True)
        ]
        self._masks: dict[tuple, list[np.ndarray]] = {}

    def inside(self, fixed: Mapping[str, float]) -> np.ndarray:
        """Which settings meet the conditions at these restricting constants. Shape (settings,)."""
        needs = self.theorem.at(fixed)
        constant = fixed.get("C", self.reading.C)
        return np.array([inside(needs, self._at(k, {}), constant) for k in range(len(self.settings))], dtype=bool)

    def met(self, constants: Mapping[str, float], parts: Sequence[Part] | None = None) -> list[np.ndarray]:
        """Per setting and run that counts, whether all parts hold at one recorded time within the window."""
        masks = [self._window(constants)]
        masks += [self._part(p, constants) for p in (self.theorem.parts if parts is None else parts)]
        held = zip(self.counted, zip(*masks, strict=True), strict=True)
        return [reduce(np.logical_and, at).any(1)[counted] for counted, at in held]

    def _at(self, k: int, constants: Mapping[str, float]) -> dict[str, float]:
        return _values(self.settings[k], self.reading, self.theorem, constants)

    def _cached(self, key: str, expressions: Sequence, constants: Mapping[str, float], make: Callable) -> list:
        """Masks are the same for all constants that the expressions do not name."""
        names = {s.name for e in expressions if e is not None for s in sp.sympify(e).free_symbols}
        own = {name: value for name, value in constants.items() if name in names}
        full = (key, *sorted(own.items()))
        if full not in self._masks:
            self._masks[full] = [make(k, self._at(k, own)) for k in range(len(self.results))]
        return self._masks[full]

    def _window(self, constants: Mapping[str, float]) -> list[np.ndarray]:
        first, last = self.theorem.window

        def make(k: int, values: dict[str, float]) -> np.ndarray:
            times = self.results[k].times
            # Rounding of the two ends must not take a recorded time away.
            low, high = evaluate(first, values) * (1 - 1e-9), evaluate(last, values) * (1 + 1e-9)
            return ((times >= low) & (times <= high))[None, :]

        return self._cached("window", self.theorem.window, constants, make)

    def _part(self, part: Part, constants: Mapping[str, float]) -> list[np.ndarray]:
        def make(k: int, values: dict[str, float]) -> np.ndarray:
            series = self.results[k].series[part.series]
            with np.errstate(invalid="ignore"):
                low = True if part.law.low is None else series >= _slack(evaluate(part.law.low, values), -1)
                high = True if part.law.high is None else series <= _slack(evaluate(part.law.high, values), 1)
            return low & high & ~np.isnan(series)

        return self._cached(part.name, (part.law.low, part.law.high), constants, make)


def _slack(bound: float, side: int) -> float:
    """Series are kept in single precision: a bound met with equality must not fail by its rounding."""
    return bound + side * 3e-7 * abs(bound)


def _setting(result: Result) -> Setting:
    [row] = result.runs[list(Setting.__dataclass_fields__)].head(1).itertuples(index=False)
    return Setting(**row._asdict())


# ---------------------------------------------------------------------------------------------------------------
# Fixing constants


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What exploration leads to.

    Attributes:
        constants: all of them, as they go into confirmation.
        served: whether a rung served; otherwise these are the last of every ladder.
        least: the least that served, before one step was added; empty where none did.
        table: a row per rung: its constants, settings, runs, and how many of these fail the theorem, and each part.
        settings: a row per setting of exploration: its parameters, rung, runs, and failures at ``constants``.
        last: whether every restricting constant is the strongest that can be run, however much the profile climbs.
    """

    constants: Mapping[str, float]
    served: bool
    least: Mapping[str, float]
    table: pd.DataFrame
    settings: pd.DataFrame
    last: bool


def fix(theorem: Theorem, family: Family, results: Sequence[Result]) -> Choice:
    """Choose the constants by the rule of the module, from the runs of exploration alone."""
    shown = Shown(theorem, results, family.reading)
    rungs = ladder(theorem, family.effort.rungs)
    # The strongest constants that can be run: the last rung on which a setting was affordable.
    drawn = {r.runs["setting"].iloc[0] // 100 for r in results}
    last_rung = rungs[max(drawn, default=len(rungs) - 1)]
    # A profile that climbs fewer rungs than there are, and could afford its last, has not seen the strongest.
    ended = len(rungs) == len(ladder(theorem, 10**6)) or max(drawn, default=0) < len(rungs) - 1
    conclusions = _conclusions(theorem)
    counts = [shown.met(c) for c in conclusions]  # per conclusion and setting, the runs
    hits = np.array([[int(m.sum()) for m in met] for met in counts])
    trials = np.array([m.size for m in counts[0]], dtype=int)

    def serving(fixed: Mapping[str, float]) -> int | None:
        """The first of the conclusions that serve in the region of these constants; of equals the one met most."""
        mask = shown.inside(fixed)
        if mask.sum() < FEWEST:
            return None
        failures = (trials - hits)[:, mask]
        serves = _serves(failures, trials[mask], family.reading.delta)
        if not serves.any():
            return None
        order = sorted(np.flatnonzero(serves), key=lambda c: (_steps(theorem, conclusions[c]), failures[c].sum()))
        return int(order[0])

    chosen, conclusion = None, None
    for fixed in rungs:
        conclusion = serving(fixed)
        if conclusion is not None:
            chosen = dict(fixed)
            break
    if chosen is None:
        # The constants of the conclusion at their floors; where a window lies, by what holds most often there.
        most = max(_steps(theorem, c) for c in conclusions)
        floors = [k for k, c in enumerate(conclusions) if _steps(theorem, c) == most]
        found = {k: _by_setting(shown, conclusions[k]) for k in floors}
        best = min(
            floors, key=lambda k: (trials - hits[k]).sum() * 1e6 + found[k].filter(like="failures").to_numpy().sum()
        )
        return Choice(
            constants={**last_rung, **conclusions[best]}, served=False, least={}, last=ended, settings=found[best],
            table=_by_rung(found[best], rungs),
        )  # fmt: skip
    for hidden in theorem.restricting:
        while (at := hidden.ladder.index(chosen[hidden.name])) > 0:
            wider = {**chosen, hidden.name: hidden.ladder[at - 1]}
            better = serving(wider)
            if better is None:
                break
            chosen, conclusion = wider, better
    least = {**chosen, **conclusions[conclusion]}
    constants = {h.name: _next(h, least[h.name], last_rung.get(h.name, h.ladder[-1])) for h in theorem.hidden}
    settings = _by_setting(shown, {h.name: constants[h.name] for h in theorem.concluding})
    return Choice(
        constants=constants, served=True, least=least, settings=settings, table=_by_rung(settings, rungs),
        last=ended and all(constants[h.name] == last_rung[h.name] for h in theorem.restricting),
    )  # fmt: skip


def _serves(failures: np.ndarray, trials: np.ndarray, delta: float) -> np.ndarray:
    """Few failures in all, and in no setting many. Shapes (conclusions, settings), (settings,) -> (conclusions,)."""
    pooled = failures.sum(1) / trials.sum() <= POOLED * delta
    return pooled & (failures <= SINGLE * trials).all(1)


def _conclusions(theorem: Theorem) -> list[dict[str, float]]:
    names = [h.name for h in theorem.concluding]
    return [dict(zip(names, v, strict=True)) for v in itertools.product(*(h.ladder for h in theorem.concluding))]


def _steps(theorem: Theorem, constants: Mapping[str, float]) -> int:
    """How many steps the constants of a conclusion have given way; where a window lies is free."""
    return sum(h.ladder.index(constants[h.name]) for h in theorem.concluding if not h.free)


def _next(hidden: Hidden, value: float, last: float) -> float:
    if hidden.free or value == last:
        return value
    return hidden.ladder[min(hidden.ladder.index(value) + 1, len(hidden.ladder) - 1)]


def _by_setting(shown: Shown, conclusion: Mapping[str, float]) -> pd.DataFrame:
    """A row per setting: its parameters, rung, runs, and how many fail the theorem, and each part beside its frame."""
    frame = [p for p in shown.theorem.parts if p.frame]
    met = {"failures": shown.met(conclusion)}
    met |= {_REST: shown.met(conclusion, [p for p in shown.theorem.parts if not p.certificate])}
    met |= {_column(p): shown.met(conclusion, [*frame, p]) for p in shown.theorem.parts if not p.frame}
    return pd.DataFrame(
        [
            {**numbers(s), "kappa": s.kappa, "rung": r.runs["setting"].iloc[0] // 100, "runs": met["failures"][k].size}
            | {name: int((~own[k]).sum()) for name, own in met.items()}
            for k, (s, r) in enumerate(zip(shown.settings, shown.results, strict=True))
        ]
    )


_REST = "failures without certificates"


def _column(part: Part) -> str:
    return f"failures of {part.name}"


def _by_rung(settings: pd.DataFrame, rungs: Sequence[Mapping[str, float]]) -> pd.DataFrame:
    """The same summed over the settings drawn for each rung, beside its constants."""
    rows = []
    for k, fixed in enumerate(rungs):
        own = settings[settings["rung"] == k] if len(settings) else settings
        sums = own.filter(regex="^(runs|failures)").sum() if len(own) else {}
        rows.append({**fixed, "settings": len(own), "runs": 0, "failures": 0} | {k: int(v) for k, v in sums.items()})
    return pd.DataFrame(rows)


# ---------------------------------------------------------------------------------------------------------------
# Confirmation


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
    return bool(binom.sf((~met).sum() - 1, met.size, delta) < LEVEL / tests)


@dataclass(frozen=True, kw_only=True)
class PartAnswer:
    """One part of a theorem, at one time with its frame."""

    part: Part
    status: Status
    met: int
    runs: int
    failing: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Answer:
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
    parts: tuple[PartAnswer, ...]
    group: str
    explored: int = 0


def answer(
    family: Family, theorem: Theorem, choice: Choice, results: Sequence[Result], again: Sequence[Result], group: str,
    explored: int,
) -> Answer:  # fmt: skip
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
        return Answer(
            theorem=theorem, labels=family.labels, status=Status.OUTSIDE, choice=choice, met=0, runs=0,
            settings=pd.DataFrame(), failing=math.nan, p=math.nan, parts=(), group=group, explored=explored,
            reason="no setting inside the conditions at these constants is affordable in this profile",
        )  # fmt: skip
    status, table, hits, runs, failing, p, reason = judged(None, "failures")
    certified = [part.name for part in theorem.parts if part.certificate]
    if certified and status in (Status.REFUTED, Status.OPEN):
        without = judged([part for part in theorem.parts if not part.certificate], _REST)
        status, p, reason = _uncertified(status, without[0], p, without[5], reason, certified)
    parts = []
    for part in theorem.parts:
        if part.frame:
            continue
        own = judged([*frame, part], _column(part))
        held, _, why = _uncertified(own[0], Status.SUPPORTED, 0.0, 0.0, own[6], [part.name] * part.certificate)
        parts.append(PartAnswer(part=part, status=held, met=own[2], runs=own[3], failing=own[4], reason=why))
    return Answer(
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
    worst = float(binom.sf(table["failures"] - 1, table["runs"], delta).min())
    p = min(1.0, 2 * min(float(binom.cdf(hits, runs, 1 - delta)), worst * 2 * len(table)))
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


def corrected(answers: Sequence[Answer]) -> tuple[Answer, ...]:
    """REFUTED where it stands among all theorems and kinds of labels (Holm, 5 % for all), else INCONCLUSIVE."""
    asked = {f"{a.theorem.name}/{a.labels}/{k}": 1.0 if math.isnan(a.p) else a.p for k, a in enumerate(answers)}
    stands = fit.holm(asked)

    def held(name: str, one: Answer) -> Answer:
        if one.status == Status.REFUTED and name not in stands:
            among = f"p = {one.p:.2g} does not stand among {len(asked)} theorems (Holm)"
            one = replace(one, status=Status.INCONCLUSIVE, reason=f"{one.reason}; but {among}")
        if one.status == Status.REFUTED:
            return one
        # A part that is false makes the theorem false: it is not refuted where the theorem is not.
        parts = (replace(p, status=one.status) if p.status == Status.REFUTED else p for p in one.parts)
        return replace(one, parts=tuple(parts))

    return tuple(held(name, one) for name, one in zip(asked, answers, strict=True))


# ---------------------------------------------------------------------------------------------------------------
# All of it, phase by phase


class Course:
    """Theorems under several kinds of labels on their way from exploration to a verdict.

    Args:
        theorems: those with the same conditions and stage explore on the same runs.
        labels: kinds of labels.
        reading: supplies delta, and what no hidden constant replaces.
        effort: how much is run.
        seed, device: of all runs.
        pool: places the settings of exploration, if there is one.
    """

    def __init__(
        self,
        theorems: Sequence[Theorem],
        reading: Reading,
        effort: Effort,
        seed: int,
        device: str,
        labels: Sequence[str] = LABELS,
        pool: processes.Pool | None = None,
    ) -> None:
        kinds: dict[tuple, list[Theorem]] = {}
        for theorem in theorems:
            kinds.setdefault((theorem.needs, theorem.stage, theorem.restricting), []).append(theorem)
        self.families = tuple(
            Family(members=tuple(members), labels=kind, reading=reading, effort=effort, seed=seed, device=device)
            for kind in labels
            for members in kinds.values()
        )
        # All kinds of labels have the same settings, which are placed once.
        alike = [[family for family in self.families if family.members == tuple(members)] for members in kinds.values()]
        placed = [pair for found in processes.mapped(_explored, alike, pool) for pair in found]
        self._explored = {family.name: dict(placed)[family.name] for family in self.families}
        self._choices: dict[tuple[str, str], Choice] = {}
        self._confirmed: dict[tuple[str, str], list[Job]] = {}

    @property
    def settings(self) -> int:
        """How many jobs the first two phases are expected to have."""
        theorems = sum(len(family.members) * family.effort.confirmed for family in self.families)
        return theorems + sum(len(jobs) for jobs in self._explored.values())

    @property
    def work(self) -> float:
        """Core seconds that these are expected to take: a fresh setting as much as an explored one, seed for seed."""
        found = 0.0
        for family in self.families:
            jobs, effort = self._explored[family.name], family.effort
            explored = sum(sweep.expected(jobs).values())
            fresh = len(family.members) * effort.confirmed * effort.looks[0] / max(len(jobs) * effort.seeds, 1)
            found += explored * (1 + fresh)
        return found

    def next(self, done: Mapping[str, Result]) -> list[Job]:
        """The runs of the next phase, none after the last.

        Args:
            done: finished jobs by key; all of the phases before must be there.
        """
        missing = [job for jobs in self._explored.values() for job in jobs if job.key not in done]
        if missing:
            return missing
        for family, theorem in self._each():
            if self._key(family, theorem) not in self._choices:
                choice = fix(theorem, family, [done[job.key] for job in self._explored[family.name]])
                self._choices[self._key(family, theorem)] = choice
                self._confirmed[self._key(family, theorem)] = confirm(family, theorem, choice)
        missing = [job for jobs in self._confirmed.values() for job in jobs if job.key not in done]
        return missing or [job for pair in self._each() for job in self._again(*pair, done) if job.key not in done]

    def answers(self, done: Mapping[str, Result]) -> tuple[Answer, ...]:
        """The verdicts, of every theorem whose runs are all there."""
        found = []
        for family, theorem in self._each():
            choice = self._choices.get(self._key(family, theorem))
            jobs = self._confirmed.get(self._key(family, theorem), [])
            if choice is None or any(job.key not in done for job in jobs):
                continue
            again = self._again(family, theorem, done)
            if any(job.key not in done for job in again):
                continue
            found.append(
                answer(
                    family, theorem, choice, [done[j.key] for j in jobs], [done[j.key] for j in again],
                    group=jobs[0].group.name if jobs else "",
                    explored=sum(len(job.seeds) for job in self._explored[family.name]),
                )
            )  # fmt: skip
        return corrected(found)

    def _each(self):
        return [(family, theorem) for family in self.families for theorem in family.members]

    @staticmethod
    def _key(family: Family, theorem: Theorem) -> tuple[str, str]:
        return theorem.name, family.labels

    def _again(self, family: Family, theorem: Theorem, done: Mapping[str, Result]) -> list[Job]:
        key = self._key(family, theorem)
        jobs = self._confirmed[key]
        return more_seeds(family, theorem, self._choices[key], [done[job.key] for job in jobs], jobs)
