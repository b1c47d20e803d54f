"""Which settings are run: groups of claims that share runs, and designs of settings inside their conditions.

Claims that share conditions and reach share runs. A *group* is such a set of runs; which groups exist depends on
nothing but the claims, the profile, the reading and the seed, so one claim rerun alone sees the very same runs.
"""

import hashlib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy
import sympy as sp

from numerics import Observable, Setting
from numerics.observables import STAGES
from theory import Claim, Condition
from theory.reading import Reading
from verify import costs
from verify.laws import kind_of
from verify.pack import Pack, pack_of
from verify.region import Region
from verify.seeds import seed_of

FEWEST = 4  # settings that say anything
MOST_STEPS = 10**7  # of any run: half an hour even for the smallest
# See telling(). END_SHARE is twice the twentieth that an end must hold, since not every setting speaks.
SPENT, END_SHARE, ISOLATED = 12.0, 0.1, 2.0
EPSILON = (2.5e-4, 1e-2)  # target losses: small enough that s is about 1/epsilon, not the time to overtake the signal
# n and m take geometric levels (least, ratio, count), so that settings of one size share a batch: from about the least
# that C = 2 admits, over at least 1.5 decades. The lemmas on activations need hundreds to begin with.
SIZES = {
    "start": (320, 2**0.5, 4),
    "early": (11, 2**0.5, 12),
    "T1": (11, 2**0.5, 12),
    "end": (11, 2.0, 6),
}
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

    def __repr__(self) -> str:
        return (
            f"Group {self.name}: {len(self.needs)} conditions, stage {self.stage}, {len(self.observables)} observables"
        )


@dataclass(frozen=True, kw_only=True)
class Point:
    """One setting of a design, with its place in the group, the target loss, its share of the profile's seeds, and the
    rescaled times at which a window may begin and at which its runs end. Where the stage is ``"end"`` they end there
    too, whatever their loss is: runs of two algorithms are then compared after equally many iterations."""

    setting: Setting
    epsilon: float
    index: int
    since: float = 0.0
    until: float = 0.0
    seeds: float = 1.0


def stage_of(claim: Claim, observables: Mapping[str, Observable]) -> str:
    """How far runs must go for a claim.

    Raises:
        ValueError: the claim names an observable that does not exist.
    """
    names = [name for name, _ in claim.parts]
    names += [other for _, law in claim.parts for other in law.reads]
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
                needs_rates=any(kind_of(law).spread for c in part for _, law in c.parts),
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


def design(group: Group, profile: Profile, reading: Reading, seed: int) -> list[Point]:
    """Settings of a group inside its conditions, by the paper's own design or else by :func:`anywhere_inside`.

    Raises:
        ValueError: too few draws fall inside the conditions.
    """
    entropy = seed_of(f"{seed}/{group.name}", 4)
    wanted = profile.settings[group.stage] // (1 if group.needs_rates else 3)
    if group.stage == "exact":
        return small_dense(wanted, entropy, group.labels, pack_of(reading))
    return (pack_of(reading).design or anywhere_inside)(group, profile, reading, entropy)


def anywhere_inside(group: Group, profile: Profile, reading: Reading, entropy: int) -> list[Point]:
    """Settings drawn evenly over the region of the conditions (:class:`verify.region.Region`) within the cost, in
    logarithms; n and m at the levels of :data:`SIZES`, so that settings of one size share a batch.

    Raises:
        ValueError: too few draws fall inside the conditions.
    """
    pack = pack_of(reading)
    share = 1 if group.needs_rates else 3
    wanted, cap = profile.settings[group.stage] // share, profile.work[group.stage] / share
    affordable = costs.affordable(pack.lasts(group.stage, EPSILON[1]), profile.seeds, 1, cap, pack.setting)
    region = Region(needs=(*group.needs, *affordable), reading=reading, epsilon=EPSILON[1])
    least, ratio, levels = SIZES[group.stage]
    # Conditions that leave few of the sizes may want more draws.
    for tried in (2 ** math.ceil(math.log2(many * wanted)) for many in (4, 32)):
        cube = scipy.stats.qmc.Sobol(len(pack.order), rng=np.random.default_rng(entropy))
        by_size: dict[tuple[int, int], list[dict[str, float]]] = {}
        for u in cube.random(tried):
            at = dict(zip(pack.order, map(float, u), strict=True))
            n, m = (round(least * ratio ** min(int(at[k] * levels), levels - 1)) for k in ("n", "m"))
            by_size.setdefault((n, m), []).append(at)
        # By turns from every size in the order of the draws, so that those wanted range over all of them, however few.
        placed = [region.at_size(*size).place(shares) for size, shares in by_size.items()]
        most = max(len(found) for found in placed)
        turns = [found[k] for k in range(most) for found in placed if k < len(found)]
        chosen = [setting for setting in turns if setting is not None]
        if len(chosen) >= FEWEST:
            break
    else:
        raise ValueError(too_few(group, reading, len(chosen), tried))
    return [Point(setting=s, epsilon=EPSILON[1], index=k) for k, s in enumerate(chosen[:wanted])]


def too_few(group: Group, reading: Reading, inside: int, tried: int) -> str:
    """Why a design cannot be had, and the way out."""
    return (
        f"conditions {', '.join(c.name for c in group.needs)}: only {inside} of {tried} settings drawn lie"
        f" inside at C = {reading.C:g} within the cost of the profile;"
        " lower C, widen the reading or take a larger profile"
    )


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
        missing = max(
            (constant if "C" in c.names else 1.0) / reached if (reached := c.reach(values)) else math.inf
            for c in helped
        )
        if abs(missing - 1) < 1e-9:
            return True
        if missing == math.inf and k:  # beyond where both sides are positive: half as far
            moved /= 2
            move(values[name] * math.exp(-moved) ** inwards)
            continue
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


def telling(
    found: Sequence[tuple[Setting, float, float]], columns: Sequence[str], wanted: int, budget: float
) -> list[tuple[Setting, float, float]]:
    """Of draws (setting, target loss, core seconds) those that tell exponents apart best for their cost: by turns the
    next draw, and the one that adds most for a root of its cost, which is the one of largest leverage x' (X'X)^-1 x
    (greedy D-optimality).

    The least and the largest n and m hold a tenth of what is chosen each, as far as draws are at hand and half of the
    budget goes: a range is what its ends tell (:func:`verify.fit.tested`), and the far ones are dear. Of the others
    none costs more than :data:`SPENT` times what is then left for each that is still wanted.

    Args:
        found: the draws, in the order in which they were drawn.
        columns: the parameters whose exponents are fitted, beside that of the target loss.
        wanted: settings, at most.
        budget: core seconds of all of them.
    """
    rows = np.log([[*(getattr(s, k) for k in columns), e] for s, e, _ in found])
    rows = (rows - rows.mean(0)) / np.maximum(rows.std(0), 1e-9)
    x = np.column_stack([rows, np.ones(len(rows))])
    # A draw far from all others would carry alone what is known out there.
    leverage = np.einsum("ij,jk,ik->i", x, np.linalg.pinv(x.T @ x), x)
    alone = leverage > ISOLATED * leverage.mean()
    work = np.array([cost for *_, cost in found]) + 1e-3
    sizes = np.array([[s.n, s.m] for s, *_ in found])
    ends = [sizes[:, k] == end(sizes[:, k]) for k in (0, 1) for end in (np.min, np.max)]
    chosen: list[int] = []
    reserved, information = budget / 2, 1e-2 * np.eye(x.shape[1])
    while len(chosen) < wanted:
        left = np.isin(np.arange(len(found)), chosen, invert=True) & ~alone & (work <= budget)
        lacking = [left & end & (work <= reserved) for end in ends if end[chosen].sum() < END_SHARE * len(chosen)]
        at_end = next((end for end in lacking if end.any()), None)
        pool = np.flatnonzero(left & (work <= SPENT * budget / (wanted - len(chosen))) if at_end is None else at_end)
        if not pool.size:
            break
        gain = np.einsum("ij,jk,ik->i", x[pool], np.linalg.inv(information), x[pool]) / work[pool] ** (
            0.2 if at_end is None else 1.0
        )
        best = int(pool[0 if at_end is None and len(chosen) % 2 else gain.argmax()])
        chosen.append(best)
        budget -= float(work[best])
        reserved -= float(work[best]) if at_end is not None else 0.0
        information += np.outer(x[best], x[best])
    return [found[k] for k in chosen]


def between(low: float, high: float, share: float) -> float:
    """The number at a share of a range, in logarithms."""
    return math.exp(math.log(low) + share * math.log(high / low))


def small_dense(count: int, entropy: int, labels: str, pack: Pack) -> list[Point]:
    """Settings for exact identities: any parameters at all, d below, at and above n."""
    rng = np.random.default_rng(entropy)
    points = []
    for index in range(count):
        n, m = int(rng.integers(1, 17)), int(rng.integers(1, 9))
        d = [max(1, n // 2), n + 1, int(rng.integers(2 * n + 2, 80))][index % 3]
        sigma = between(0.1, 10, rng.random())
        taus = rng.uniform(0, 0.45, 2)
        values = {
            "n": n,
            "m": m,
            "d": d,
            "mu": sigma * math.sqrt(d) * between(0.1, 3, rng.random()),
            "sigma_xi": sigma,
            "sigma_0": between(1e-3, 1, rng.random()) / (sigma * math.sqrt(d)),
            "eta": between(0.01, 0.5, rng.random()) * n * m / (sigma**2 * d),
            "tau_plus": taus[0],
            "tau_minus": taus[1],
        }
        values |= {name: between(*pack.extents[name], rng.random()) for name in pack.order if name not in values}
        if "radius" in pack.order:
            values["radius"] = between(0.01, 3, rng.random()) / (sigma * math.sqrt(d))
        setting = pack.settings(values, labels)
        points.append(Point(setting=setting, epsilon=EPSILON[0], index=index))
    return points
