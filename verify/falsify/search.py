"""The search: Hypothesis draws clouds of points in the region of some conditions (:mod:`verify.region`), one batch of
settings x seeds each, and is steered by the worst of them, claim by claim; claims with the same conditions look at the
same runs.
"""

import math
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import sympy as sp
from hypothesis import HealthCheck, Phase, given, seed, settings, target
from hypothesis import strategies as st

from numerics import Setting
from numerics.module import ModuleSetting
from theory import Condition, m, n
from verify import costs
from verify.design import EPSILON
from verify.falsify.scope import limits, rescales
from verify.falsify.trials import Seen, Trials
from verify.region import Region

SEEDS = 8  # per setting while searching: enough to see a failure rate of a half, cheap enough for thousands of settings
TOGETHER = 16  # settings per batch, which share n and m: one of them the cloud's centre
GRID = 16  # steps of a cloud's coordinates; whole numbers are what Hypothesis can climb along
# Now and then Hypothesis draws a constant that it found in the source of whatever modules lie outside site-packages;
# out here there is none, so that one seed looks at the same settings wherever it is installed.
OFFSET = 7**31
# Core seconds in which two settings of a batch must be able to end, by stage; four or sixteen times as much where the
# conditions leave nothing else. Larger than a few hundred samples and neurons is not affordable by the thousand; what
# fails only there is left to `all`. Chosen for the cost, not tuned.
AFFORDABLE = {"end": 2.5, "T1": 0.12, "early": 0.12, "start": 0.12}
SHARE = {"search": 0.6, "confirm": 0.8, "simplify": 0.9, "worsen": 1.0}  # of the budget, when each phase must end


@dataclass(frozen=True, kw_only=True)
class _Looked:
    setting: Setting
    place: dict[str, float]  # its coordinates in the region
    seen: Seen


class _Over(BaseException):
    """The time of the search is over. No Exception, lest Hypothesis take it for a failing example and replay it."""


def aside() -> None:
    """What Hypothesis notes for itself goes where temporary files go, not under the current directory."""
    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(Path(tempfile.gettempdir()) / "thetacheck-hypothesis"))


class Search:
    """A steered search for settings at which claims fail.

    Args:
        trials: the claims and their runs.
        budget: wall seconds.
        on_progress: called with the share of the budget that is gone.
    """

    def __init__(
        self, trials: Trials, budget: float, on_progress: Callable[[float], None] = lambda share: None
    ) -> None:
        self.trials, self.budget, self.on_progress = trials, budget, on_progress
        self.claims, self.reading, self.group, self.seed = trials.claims, trials.reading, trials.group, trials.seed
        self.pack = trials.pack
        self.own = issubclass(self.pack.setting, ModuleSetting)  # a network of one's own
        self.started = time.monotonic()
        self.drawn, self.lost, self.batches = 0, 0, 0
        self.looked: list[list[_Looked]] = [[] for _ in self.claims]

    def gone(self) -> float:
        """The share of the budget that is gone."""
        return (time.monotonic() - self.started) / self.budget

    @cached_property
    def rescaled(self) -> bool:
        return not self.own and rescales(self.claims, self.trials.reading, self.trials.file)

    @cached_property
    def limits(self) -> tuple[Condition, ...]:
        """The search's own limits; one that the conditions exclude is dropped, as they know better. They are natural
        scales of the two-layer network: any other has the extents of its pack."""
        if self.own:
            return ()
        kept: tuple[Condition, ...] = ()
        ends = [dict.fromkeys(self.pack.order, x) for x in (0.0, 0.5, 1.0)]
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
        ends = [dict.fromkeys(self.pack.order, x) for x in (0.0, 0.5)]
        options = [base, 4 * base, 16 * base]
        return next((x for x in options if any(self._within((*self.limits, *self._affordable(x))).place(ends))), base)

    def _within(self, more: tuple[Condition, ...]) -> Region:
        ranges = {"n": (1, 2000), "m": (1, 2000), **({"sigma_xi": (1, 1)} if self.rescaled else {})}
        ranges = {} if self.own else ranges
        return Region(needs=(*self.group.needs, *more), reading=self.reading, ranges=ranges)

    def _expected(self) -> float | None:
        """Rescaled time that a run needs; None where it needs no steps."""
        return self.pack.lasts(self.group.stage, EPSILON[1])

    def _affordable(self, limit: float) -> tuple[Condition, ...]:
        """Two settings of a batch end in time: steps as large as the conditions let them, where they matter."""
        s, runs, seconds = self._expected(), 2 * SEEDS, sp.Float(limit)
        drawn = costs.of_draw(n, m, runs) <= seconds
        draws = Condition(name="search.draws", source="the search's budget", statement=drawn)
        if s is None:
            return (draws,)
        # costs.arithmetic, written so that the region takes it as one product.
        steps = seconds / (costs.CALLS + runs * m * n * (n + 60) / sp.Float(7.5e9))
        rule = costs.rescaled(self.pack.setting) * steps >= s
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
            if self.own:
                return max(2, int(seconds / (steps * costs.NETWORK + SEEDS * costs.TESTED)))
            fitting = min(fitting, (seconds / steps - costs.CALLS) / (SEEDS * costs.arithmetic(size_n, size_m)))
        return max(2, int(fitting))

    def search(self, batches: float) -> None:
        """Clouds of settings: a centre, which Hypothesis draws and then climbs with, and others scattered about it.

        Scattering is cut off at the faces of the region, so that a wide cloud has half of its coordinates there.
        """

        def upto(most: int) -> st.SearchStrategy[int]:
            return st.integers(OFFSET, OFFSET + most).map(lambda x: x - OFFSET)

        cloud = st.tuples(st.fixed_dictionaries({name: upto(GRID) for name in self.pack.order}), upto(7), upto(2**16))

        def look(drawn: tuple[dict[str, int], int, int]) -> None:
            if self.gone() > SHARE["search"] or self.batches >= batches:
                raise _Over
            (centre, spread, salt) = drawn
            shares = self._cloud({name: x / GRID for name, x in centre.items()}, (spread + 1) / 8, salt)
            for claim, looked in zip(self.claims, self.batch(shares), strict=True):
                if looked:
                    target(max(x.seen.score for x in looked), label=claim.name)
            self.on_progress(min(self.gone(), 1.0))

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

    def _cloud(self, centre: dict[str, float], spread: float, salt: int) -> list[dict[str, float]]:
        names = self.pack.order
        scattered = np.random.default_rng(salt).uniform(-spread, spread, (TOGETHER, len(names)))
        scattered[0] = 0.0
        free = [name not in ("n", "m") for name in names]  # a batch has one size
        at = np.array([centre[name] for name in names]) + scattered * free
        return [dict(zip(names, map(float, row), strict=True)) for row in np.clip(at, 0, 1)]

    def batch(self, shares: list[dict[str, float]], about: Setting | None = None) -> list[list[_Looked]]:
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
        seen = self.trials.look_at([s for s, _ in kept], SEEDS)
        self.batches += 1
        found = [[_Looked(setting=s, place=x, seen=one) for (s, x), one in zip(kept, own, strict=True)] for own in seen]
        for mine, own in zip(self.looked, found, strict=True):
            mine += own
        return found
