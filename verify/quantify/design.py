"""Explore: the hidden constants climb a ladder, from the values with which the theorem says the most to those with
which it says the least. On every rung, settings are spread over the region that its restricting constants leave, faces
and corners included; regions are nested, so a setting counts for every rung whose region holds it.
"""

import hashlib
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import scipy

from numerics import Setting
from numerics.series import SERIES
from theory import Condition
from theory.reading import Reading
from theory.statements import Theorem, evaluate
from verify import costs
from verify.design import Group, Point, stated
from verify.pack import pack_of
from verify.region import Region
from verify.seeds import seed_of
from verify.sweep import Job

LABELS = ("balanced", "drawn")
SHARED = 6  # settings that share a batch, where small ones gather


@dataclass(frozen=True, kw_only=True)
class TheoremEffort:
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
    "quick": TheoremEffort(
        rungs=5, each=6, seeds=4, confirmed=12, looks=(12, 36), cap={"window": 0.1, "end": 0.6}, largest=200
    ),
    "standard": TheoremEffort(
        rungs=7, each=8, seeds=6, confirmed=30, looks=(12, 48), cap={"window": 0.25, "end": 0.5}, largest=600
    ),
    "thorough": TheoremEffort(
        rungs=7, each=40, seeds=16, confirmed=96, looks=(32, 128), cap={"window": 10.0, "end": 20.0}, largest=2000
    ),
}


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
    effort: TheoremEffort
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
        body = [(t.name, stated(t.needs)) for t in self.members], sorted(fixed.items())
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
        lasts = pack_of(self.reading).lasts(self.stage, theorem.epsilon)
        afford = costs.affordable(lasts, effort.looks[0], SHARED, effort.cap[self.stage])
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
            start = seed_of(f"{self.seed}/{group.name}/{index}")
            ends = [_span(t, setting, self.reading) for t in self.members] if self.stage == "window" else [(0.0, 0.0)]
            since, until = min(a for a, _ in ends), max(b for _, b in ends)
            point = Point(setting=setting, epsilon=self.members[0].epsilon, index=index, since=since, until=until)
            planned.append(
                Job(group=group, point=point, seeds=tuple(start + k for k in seeds), reading=self.reading,
                    device=self.device)
            )  # fmt: skip
        return planned


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
    coordinates = tuple(name for name in region.pack.order if name != "sigma_xi")
    rng = np.random.default_rng(seed_of(entropy))
    # Where a region is thin, many of its corners hold no setting: up to eight are tried for one that is wanted.
    sequence, placed = scipy.stats.qmc.Sobol(len(coordinates), rng=rng), []
    for _ in range(8):
        cube = np.clip(2 * sequence.random(2 ** math.ceil(math.log2(count))) - 0.5, 0, 1)  # outer quarters become faces
        if not placed:
            cube[0, :2] = 0.0  # the corner of the least sizes, where failures gather
        cube[:, :2] **= 2  # small sizes are cheap, and labels fluctuate most there
        for name, (face, depth) in _DEPTH.items():
            k = coordinates.index(name)
            cube[:, k] = face + depth * cube[:, k]
        found = region.place([dict(zip(coordinates, u, strict=True)) for u in cube[:count]])
        placed += [setting for setting in found if setting is not None]
        if len(placed) >= count:
            break
    return tuple(placed[:count])


def _span(theorem: Theorem, setting: Setting, reading: Reading) -> tuple[float, float]:
    """Rescaled times within which every window lies that the constants of the conclusion allow."""
    names = [h.name for h in theorem.concluding]
    corners = itertools.product(*({h.ladder[0], h.ladder[-1]} for h in theorem.concluding))
    at = [values_at(setting, reading, theorem, dict(zip(names, corner, strict=True))) for corner in corners]
    first, last = ([evaluate(edge, values) * setting.time_scale for values in at] for edge in theorem.window)
    return 0.999 * min(first), 1.001 * max(last)


def values_at(setting: Setting, reading: Reading, theorem: Theorem, constants: Mapping[str, float]) -> dict[str, float]:
    """Numbers for every symbol that a statement of the theorem may name."""
    return {**reading.at(numbers(setting), theorem.epsilon), **constants}


def numbers(setting: Setting) -> dict[str, float]:
    """The parameters that are numbers, by name."""
    return {name: value for name, value in setting.values().items() if name != "labels"}


def explored_alike(alike: Sequence[Family]) -> list[tuple[str, list[Job]]]:
    return [(family.name, explore(family)) for family in alike]


def explore(family: Family) -> list[Job]:
    """The runs of exploration, rung after rung."""
    group = family.group("explore", {})
    planned: list[Job] = []
    for k, fixed in enumerate(ladder(family.members[0], family.effort.rungs)):
        settings = family.design(fixed, family.effort.each, "explore")
        planned += family.jobs(group, settings, range(family.effort.seeds), first=100 * k)
    return planned
