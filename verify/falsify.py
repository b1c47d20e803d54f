"""The hunt for violations: settings inside the conditions at which a claim fails more often than delta allows.

Hypothesis draws points of the region of a claim's conditions (:mod:`verify.region`), a batch of settings at a time, and
is steered by the worst of them. What looks bad is then put to *fresh* seeds, never those that found it: a violation
stands only if the exact lower confidence bound of its failure rate lies above delta, at 5 % shared by all settings that
were looked at. So a search that looks at a thousand settings reports a false one in at most one of twenty searches,
however it was steered. A standing violation is made simple (small sizes, round numbers) by the same test.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import sympy as sp
from hypothesis import HealthCheck, Phase, given, seed, settings, target
from hypothesis import strategies as st
from scipy.stats import beta

from numerics import Setting
from numerics.engine import check_device
from theory import Claim, Condition, Exactly, Within, eta, inside, m, n, sigma_xi
from theory import d as dimension
from theory.paper import Reading
from verify import sweep
from verify.judge import at_runs, met_and_counted
from verify.region import PARAMETERS, Region
from verify.sweep import EPSILON, Group, Job, Point

SEEDS = 8  # per setting while searching: enough to see a failure rate of a half, cheap enough for thousands of settings
TOGETHER = 16  # settings per batch, which share n and m
BATCH = {"end": 6.0}  # core seconds that a batch may be expected to take, by stage; 1.5 for the shorter ones
PATIENCE = 4.0  # times the expected length; what has not arrived by then says nothing here, and is judged by `all`
LEVEL = 0.05  # chance of a single false violation in a whole search
BLOCK, MOST = 64, 512  # fresh seeds at a time, and at most
CANDIDATES = 8  # settings put to fresh seeds per search
SHARE = {"search": 0.6, "confirm": 0.85}  # of the budget, when each phase must end; the rest makes witnesses simple


@dataclass(frozen=True, kw_only=True)
class Witness:
    """A setting at which the claim is violated.

    Attributes:
        setting: it, with sigma_xi = 1 where rescaling allows (the exact symmetry D4).
        epsilon: target loss of its runs.
        failures, trials: on fresh seeds.
        rate: lower confidence bound of the failure rate, corrected for all settings looked at.
        excess: mean distance by which failing runs miss the bound, relative to its size.
    """

    setting: Setting
    epsilon: float
    failures: int
    trials: int
    rate: float
    excess: float


@dataclass(frozen=True, kw_only=True)
class Hunt:
    """What a search for violations of one claim found.

    Attributes:
        claim: what was hunted.
        settings, runs: how much was looked at.
        rejected: share of the points drawn that could not be placed inside the conditions.
        simplest, worst: standing violations, or None.
        suspects: (setting, failures, trials) of the settings put to fresh seeds.
        seconds: wall time.
        seed: of the search.
    """

    claim: Claim
    settings: int
    runs: int
    rejected: float
    simplest: Witness | None
    worst: Witness | None
    suspects: tuple[tuple[Setting, int, int], ...]
    seconds: float
    seed: int

    @property
    def violated(self) -> bool:
        return self.simplest is not None


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


def hunt(
    claim: Claim,
    reading: Reading,
    *,
    budget: float,
    seed_: int,
    device: str = "cpu",
    batches: float = math.inf,
    run: Callable[[list[Job]], pd.DataFrame] | None = None,
    on_progress: Callable[[float], None] = lambda share: None,
) -> Hunt:
    """Search for a violation of ``claim`` for ``budget`` seconds.

    Args:
        claim: one with bounds in numbers, see :func:`falsifiable`.
        reading: supplies C, delta and T_star.
        budget: wall seconds, > 0; what the search overran is added for the confirmation.
        seed_: the same seed looks at the same settings in the same order.
        batches: the search also ends after so many, which makes it the same on every machine.
        run: jobs -> table of runs; :func:`verify.sweep.execute` by default. Tests plant faults here.
        on_progress: called with the share of the budget that is gone.

    Raises:
        ValueError: the claim has an unnamed constant, or its conditions are empty within the ranges.
    """
    require_falsifiable(claim)
    return _Hunt(claim, reading, budget, seed_, check_device(device), run or _execute, on_progress, batches).result()


def failures(claim: Claim, setting: Setting, reading: Reading, seeds: int, seed_: int = 0) -> tuple[int, int]:
    """How many of ``seeds`` runs at a setting break the claim, and how many count.

    Raises:
        ValueError: the setting lies outside the claim's conditions, or no single setting can violate the claim.
    """
    require_falsifiable(claim)
    values = setting.values() | {"delta": reading.delta, "T_star": reading.T_star}
    for condition in claim.needs:
        margin = condition.margin(values, reading.C)
        if not margin.holds:
            raise ValueError(
                f"the setting breaks '{condition.name}': its margin {margin.value:.3g} is below {margin.required:g}, so"
                f" claim '{claim.name}' says nothing there"
            )
    here = _Hunt(claim, reading, math.inf, seed_, "cpu", _execute, lambda _: None)
    [(failed, counted, _)] = here.failures_at([setting], seeds)
    return failed, counted


def _execute(jobs: list[Job]) -> pd.DataFrame:
    return pd.concat([r.runs for r in sweep.execute(jobs)], ignore_index=True)


class _Hunt:
    def __init__(self, claim, reading, budget, seed_, device, run, on_progress, batches=math.inf) -> None:
        self.batches = batches
        self.claim, self.reading, self.budget, self.seed, self.device = claim, reading, budget, seed_, device
        self.run, self.on_progress = run, on_progress
        self.started = time.monotonic()
        stage = sweep.stage_of(claim, sweep.OBSERVABLE_BY_NAME)
        names = tuple(dict.fromkeys([name for name, _ in claim.parts] + ["flip_share"]))
        self.group = Group(
            name=f"hunt-{claim.name}",
            needs=claim.needs,
            stage=stage,
            needs_rates=False,
            observables=names,
            patience=PATIENCE,
        )
        self.rng = np.random.default_rng([seed_, 11])
        self.looked, self.runs, self.drawn, self.lost = 0, 0, 0, 0
        self.scores: list[tuple[float, Setting]] = []

    # -- runs --------------------------------------------------------------------------------------------------

    def failures_at(self, at: list[Setting], seeds: int) -> list[tuple[int, int, float]]:
        """(failures, runs that count, mean relative excess over the bound) of each setting; all of one size."""
        jobs = [
            Job(
                group=self.group,
                point=Point(setting=setting, epsilon=EPSILON[1], index=k),
                seeds=tuple(int(x) for x in self.rng.integers(2**62, size=seeds)),
                reading=self.reading,
                device=self.device,
            )
            for k, setting in enumerate(at)
        ]
        table = self.run(jobs)
        self.runs += len(table)
        table = table.assign(**{k: table[k].where(table["status"] != "diverged") for k, _ in self.claim.parts})
        explicit = [
            (name, law if isinstance(law, Within) else Within(high=law.tolerance)) for name, law in self.claim.parts
        ]
        met, counted = met_and_counted(explicit, table)
        late = (table["status"] == "horizon") & table[[name for name, _ in self.claim.parts]].isna().any(axis=1)
        counted &= ~late.to_numpy() | (table["steps"] <= 1).to_numpy()
        excess = _excess(explicit, table)
        which = table["setting"].to_numpy()
        found = []
        for k in range(len(at)):
            mine = (which == k) & counted
            failing = mine & ~met
            found.append((int(failing.sum()), int(mine.sum()), float(np.mean(excess[mine])) if mine.any() else 0.0))
        return found

    # -- search ------------------------------------------------------------------------------------------------

    def _region(self) -> Region:
        return Region(
            needs=(*self.claim.needs, *self._affordable()),
            reading=self.reading,
            ranges={"n": (1, 2000), "m": (1, 2000)},
        )

    def _affordable(self) -> tuple[Condition, ...]:
        """Runs end within a budget: steps as large as the conditions let them, where they matter."""
        s = {"T1": 1.5, "early": 0.1, "end": 2.5 / EPSILON[1]}.get(self.group.stage)
        if s is None:
            return ()
        # Cost per run and step is about linear in n m (n + 60) / 7.5e9.
        steps = BATCH.get(self.group.stage, 1.5) / (sweep.CALLS + SEEDS * TOGETHER * m * n * (n + 60) / sp.Float(7.5e9))
        rule = eta * sigma_xi**2 * dimension / (n * m) * steps >= s
        return (Condition(name="affordable", source="the search's budget", statement=rule),)

    def _gone(self) -> float:
        return (time.monotonic() - self.started) / self.budget

    def _search(self) -> None:
        region = self._region()
        share = st.floats(0, 1, allow_nan=False) | st.sampled_from([0.0, 1.0])
        one = st.fixed_dictionaries({name: share for name in PARAMETERS if name not in ("n", "m")})
        batch = st.tuples(
            st.fixed_dictionaries({"n": share, "m": share}), st.lists(one, min_size=TOGETHER, max_size=TOGETHER)
        )

        @seed(self.seed)
        @settings(
            max_examples=100_000,
            phases=[Phase.generate, Phase.target],
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(batch)
        def look(drawn):
            if self._gone() > SHARE["search"] or self.batches <= 0:
                raise _Over
            sizes, others = drawn
            [first] = region.place([{**others[0], **sizes}])
            self.drawn += 1
            if first is None:
                self.lost += 1
                return
            placed = region.at_size(first.n, first.m).place(others)
            self.drawn += len(placed)
            at = [s for s in placed if s is not None]
            self.lost += len(placed) - len(at)
            at = at[: max(1, int(sweep._runs_in_memory(first.n, first.m) / SEEDS))]
            if not at:
                return
            self.batches -= 1
            found = self.failures_at(at, SEEDS)
            self.looked += len(at)
            scores = [(failed + 0.5) / (count + 1) + 0.1 * math.tanh(excess) for failed, count, excess in found]
            self.scores += zip(scores, at, strict=True)
            target(max(scores))
            self.on_progress(min(self._gone(), 1.0))

        with suppress(_Over):
            look()

    # -- confirmation ------------------------------------------------------------------------------------------

    def _judge(self, setting: Setting, latest: float) -> tuple[int, int, float, float, bool]:
        """Fresh seeds until the failure rate is told from delta: failures, trials, lower bound, excess, violated."""
        failed = count = 0
        excesses = []
        lower = 0.0
        # Looks at the data along the way share the level, as do all settings.
        tail = LEVEL / max(self.looked, 1) / (MOST // BLOCK)
        while count < MOST and self._gone() < latest:
            more, counted, excess = self.failures_at([setting], BLOCK)[0]
            failed, count = failed + more, count + counted
            excesses.append(excess)
            if counted == 0:
                break
            lower = 0.0 if failed == 0 else float(beta.ppf(tail, failed, count - failed + 1))
            upper = 1.0 if failed == count else float(beta.ppf(1 - LEVEL, failed + 1, count - failed))
            if lower > self.reading.delta or upper < self.reading.delta:
                break
        return failed, count, lower, float(np.mean(excesses)) if excesses else 0.0, lower > self.reading.delta

    def _confirm(self) -> tuple[list[Witness], list[tuple[Setting, int, int]]]:
        found, suspects = [], []
        latest = max(SHARE["confirm"], self._gone() + 0.25)  # a slow last batch must not cost the answer
        for score, setting in sorted(self.scores, key=lambda x: -x[0])[:CANDIDATES]:
            if self._gone() > latest or score < self.reading.delta:
                break
            witness, suspect = self._witness(setting, latest)
            suspects.append(suspect)
            if witness:
                found.append(witness)
            self.on_progress(min(self._gone(), 1.0))
        return found, suspects

    def _witness(self, setting: Setting, latest: float) -> tuple[Witness | None, tuple[Setting, int, int]]:
        failed, count, lower, excess, violated = self._judge(setting, latest)
        witness = Witness(setting=setting, epsilon=EPSILON[1], failures=failed, trials=count, rate=lower, excess=excess)
        return (witness if violated else None), (setting, failed, count)

    # -- a simple witness --------------------------------------------------------------------------------------

    def _simplified(self, witness: Witness) -> Witness:
        """Smaller sizes and rounder numbers, as long as fresh seeds confirm the violation."""
        tried = set()
        progress = True
        while progress and self._gone() < 1:
            progress = False
            for setting in self._simpler(witness.setting):
                if setting in tried or self._gone() >= 1:
                    continue
                tried.add(setting)
                better, _ = self._witness(setting, 1.0)
                if better:
                    witness, progress = better, True
                    break
        return witness

    def _simpler(self, setting: Setting) -> Iterator[Setting]:
        """Simpler neighbours inside the conditions, the boldest first."""
        c = 1 / setting.sigma_xi  # D4: an exact symmetry
        unit = replace(setting, sigma_xi=1.0, mu=c * setting.mu, sigma_0=setting.sigma_0 / c, eta=setting.eta / c**2)
        region = self._region()
        for sizes in ({"n": 0.0, "m": 0.0}, {"m": 0.0}, {"n": 0.0}):
            base = {"n": (setting.n, setting.n), "m": (setting.m, setting.m)}
            ranges = {k: v for k, v in base.items() if k not in sizes}
            least = replace(region, ranges={**region.ranges, **ranges}).place([{**sizes, "sigma_xi": 0.5}])[0]
            if least and (least.n, least.m) != (setting.n, setting.m):
                yield least
        options = [unit]
        for digits in (1, 2):
            rounded = {
                k: _rounded(getattr(unit, k), digits) for k in ("d", "mu", "sigma_0", "eta", "tau_plus", "tau_minus")
            }
            options.append(replace(unit, **{**rounded, "d": int(rounded["d"])}))
            options += [replace(unit, **{k: int(v) if k == "d" else v}) for k, v in rounded.items()]
        for option in options:
            values = option.values() | {"delta": self.reading.delta, "T_star": self.reading.T_star}
            if option != setting and inside(self.claim.needs, values, self.reading.C):
                yield option

    def result(self) -> Hunt:
        self._search()
        if not self.looked:
            raise ValueError(
                f"claim '{self.claim.name}': no setting inside its conditions at C = {self.reading.C:g} could be run"
                " within the budget; lower --C, widen the reading or raise --budget"
            )
        found, suspects = self._confirm()
        worst = max(found, key=lambda w: (w.rate, w.excess), default=None)
        simplest = min(found, key=lambda w: w.setting.n * w.setting.m, default=None)
        return Hunt(
            claim=self.claim,
            settings=self.looked,
            runs=self.runs,
            rejected=self.lost / max(self.drawn, 1),
            simplest=self._simplified(simplest) if simplest else None,
            worst=worst,
            suspects=tuple(suspects),
            seconds=time.monotonic() - self.started,
            seed=self.seed,
        )


class _Over(BaseException):
    """The time of the search is over. No Exception, lest Hypothesis take it for a failing example and replay it."""


def _rounded(value: float, digits: int) -> float:
    return float(f"{value:.{digits - 1}e}")


def _excess(parts: list[tuple[str, Within]], runs: pd.DataFrame) -> np.ndarray:
    """By how much each run misses its worst bound, over the sizes of both; negative inside. Shape (runs,)."""
    worst = np.full(len(runs), -1.0)
    for name, law in parts:
        value = runs[name].to_numpy(float)
        for bound, sign in ((law.low, -1), (law.high, 1)):
            if bound is not None:
                limit = at_runs(bound, runs)
                gap = sign * (value - limit) / (np.abs(value) + np.abs(limit) + 1e-300)
                worst = np.fmax(worst, gap)
    return worst
