"""The hunt for violations. What looked bad in a search (``verify.falsify.search``) is put to *fresh* seeds, never those
that found it: a violation stands only if the exact lower confidence bound of its failure rate lies above delta. Fresh
seeds know nothing of the search, so however many settings it looked at and however it was steered, only what is put to
them can be reported: at most :data:`TESTS` settings per claim, each with :data:`LOOKS` looks at the growing data, and
these share the level. A standing violation is made simple (small sizes, round numbers) and bad (failing more often, by
more) by the same test.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from numerics import Setting
from numerics.engine import check_device
from theory import Claim, Condition, inside
from theory.reading import Reading
from verify import costs, fit, processes, sweep
from verify.design import EPSILON
from verify.falsify.scope import require_falsifiable
from verify.falsify.search import SEEDS, SHARE, TOGETHER, Search, aside
from verify.falsify.trials import Trials
from verify.folder import Folder
from verify.sweep import Job
from verify.userfile import Pin

LEVEL = 0.05  # chance of a single false violation in everything that one command reports
REPLAYED = 0.2  # share of it for the witnesses of earlier searches, so that these change nothing of a search
BLOCK, MOST = 64, 512  # fresh seeds at a time, and at most
LOOKS = MOST // BLOCK
CANDIDATES, SIMPLER, WORSE = 8, 24, 2  # settings put to fresh seeds per claim: to confirm, to simplify, to worsen
TESTS = CANDIDATES + SIMPLER + WORSE
ROUNDS = 4  # batches of neighbours in which a violation is made worse
NEIGHBOURS = 12  # settings at which the claim may hold that are put to fresh seeds
FOLDER = Folder(
    what="search", files=(*(f"falsify.{x}" for x in ("html", "md", "json")), "falsify-figures/*", "test_*.py")
)


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
    file: Pin | None = None,
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
    trials = Trials(claims, reading, seed_, check_device(device), run, file)
    return _Hunt(trials, budget, on_progress).result(batches, level, kept or {}, brief)


def hunts(
    parties: Sequence[tuple[Claim, ...]],
    reading: Reading,
    *,
    budget: float,
    seed_: int,
    device: str = "cpu",
    kept: Mapping[str, Sequence[Setting]] | None = None,
    file: Pin | None = None,
    pool: processes.Pool | None = None,
    at_once: int = 1,
    on_progress: Callable[[int], Callable[[float], None]] = lambda k: lambda share: None,
) -> Iterator[tuple[int, Hunt]]:
    """:func:`hunt` for each party of claims that share their conditions, with its index, as they end.

    Args:
        budget: wall seconds of all together, shared out by how many claims a party has.
        pool: does them, ``at_once`` at a time; without, this process does, one after another.
        on_progress: gives, for a party, what is called with the share of its budget that is gone.

    Raises:
        Lost: some could not be done. Raised when all others are.
    """
    sizes = [len(party) for party in parties]
    order = sorted(range(len(sizes)), key=lambda k: -sizes[k])  # the largest first, so that none is left over
    share = budget / costs.makespan([sizes[k] for k in order], at_once)
    asked = [
        partial(
            hunt, party, reading, budget=share * len(party), seed_=seed_, device=device, level=LEVEL / len(parties),
            kept=kept, file=file,
        )
        for party in parties
    ]  # fmt: skip
    if pool is None:
        yield from ((k, one(on_progress=on_progress(k))) for k, one in enumerate(asked))
        return
    for k, found in processes.done(_hunted, [asked[k] for k in order], pool, lambda k: [parties[order[k]][0].name]):
        on_progress(order[k])(1.0)
        yield order[k], found


def _hunted(asked: Callable[[], Hunt]) -> Hunt:
    aside()
    sweep.one_thread()
    return asked()


class _Hunt(Search):
    """A search, and what fresh seeds make of what it found."""

    # -- fresh seeds -------------------------------------------------------------------------------------------

    def _tested(self, claim: int, setting: Setting, latest: float, tail: float, least: int = BLOCK) -> Tested:
        """Fresh seeds until the failure rate is told from delta; a violation takes ``least`` runs."""
        failed = count = 0
        excess, lower, upper = -1.0, 0.0, 1.0
        for look in range(LOOKS):
            if look and self.gone() > latest:
                break
            seen = self.trials.look_at([setting], BLOCK)[claim][0]
            if seen.counted == 0:
                break
            excess = (excess * count + seen.excess * seen.counted) / (count + seen.counted)
            failed, count = failed + seen.failed, count + seen.counted
            lower, upper = fit.least(failed, count, tail / LOOKS), fit.most(failed, count, LEVEL)
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
            if self.gone() > 0.1:
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
            if self.gone() > ends[0]:
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
        while progress and len(tried) <= SIMPLER and self.gone() < latest:
            progress = False
            for setting in self._simpler(witness.setting, place):
                if setting in tried:
                    continue
                if len(tried) > SIMPLER or self.gone() >= latest:
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
        fixed = ("n", "m", *(("sigma_xi",) if self.rescaled else ()))
        rounded_ = [k for k in self.pack.columns if k not in fixed]
        ranges, whole = self.pack.setting.ranges(), self.pack.setting.whole()
        options: list[dict[str, float]] = []
        for digits in (1, 2):
            near = {k: _rounded(getattr(setting, k), digits) for k in rounded_}
            near |= {k: int(near[k]) for k in whole & set(near)}
            # A flip probability just below one half rounds to what is none.
            near |= {k: getattr(setting, k) for k in near if ranges[k].below and near[k] >= ranges[k].high}
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
            if self.gone() >= latest:
                break
            fixed = ("n", "m", *(("sigma_xi",) if self.rescaled else ()))
            names = [name for name in self.pack.order if name not in fixed]
            towards = [{**here, name: (here[name] + end) / 2 if k % 2 else end} for name in names for end in (0.0, 1.0)]
            looked = self.batch([here, *towards][:TOGETHER], about)[claim]
            top = max(looked, key=lambda x: x.seen.score)
            about, here = top.setting, top.place
        for setting in list(dict.fromkeys((about, witness.setting)))[:WORSE]:
            if self.gone() < latest:
                found = self._tested(claim, setting, latest, tail, least=4 * BLOCK)
                best = max((best, found), key=lambda t: t.miss)
        return best

    # -- where it holds ----------------------------------------------------------------------------------------

    def _holding(self, claim: int, setting: Setting) -> Tested | None:
        """The nearest of the settings looked at where the claim holds, in logarithms, as fresh seeds confirm."""

        def distance(other: Setting) -> float:
            names = [k for k in self.pack.order if getattr(setting, k) > 0 and getattr(other, k) > 0]
            return sum(math.log(getattr(other, k) / getattr(setting, k)) ** 2 for k in names)

        whole = [x.setting for x in self.looked[claim] if x.seen.failed == 0 and x.seen.counted >= SEEDS / 2]
        for k, near in enumerate(sorted(dict.fromkeys(whole), key=distance)[:NEIGHBOURS]):
            if k and self.gone() > 1.1:  # a tenth of the budget on top
                break
            found = self._tested(claim, near, math.inf, LEVEL)
            if found.most < self.reading.delta:
                return found
        return None

    # -- all of it ---------------------------------------------------------------------------------------------

    def result(self, batches: float, level: float, kept: Mapping[str, Sequence[Setting]], brief: bool = False) -> Hunt:
        replayed: list[tuple[list[Tested], list[Tested]]] = [([], []) for _ in self.claims]
        if any(kept.get(claim.name) for claim in self.claims):
            usual, self.trials.rng = self.trials.rng, np.random.default_rng([self.seed, 13])
            shared = level * REPLAYED / len(self.claims)
            replayed = [self._replayed(k, kept.get(c.name, ()), shared) for k, c in enumerate(self.claims)]
            self.trials.rng, self.trials.runs, self.started = usual, 0, time.monotonic()
        started = time.monotonic()
        self.search(batches)
        if not any(self.looked):
            raise ValueError(
                f"claim '{self.claims[0].name}': no setting inside its conditions at C = {self.reading.C:g} could be"
                " run within the budget; lower --C, widen the reading or raise --budget"
            )
        count = len(self.claims)
        settings_, runs, batches_ = len(self.looked[0]), self.trials.runs, self.batches
        tail = level * (1 - REPLAYED) / count / TESTS
        findings = []
        for k in range(count):
            start = self.gone()  # a slow last batch must not cost the answer: what is left is shared from here
            left = max(1 - start, 0.25) / (count - k)
            phases = [(SHARE[p] - SHARE["search"]) / (1 - SHARE["search"]) for p in ("confirm", "simplify", "worsen")]
            ends = [start + x * left for x in phases]
            findings.append(self._finding(k, tail, replayed[k], ends, brief))
            self.on_progress(min(self.gone(), 1.0))
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
