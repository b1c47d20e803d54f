r"""Numbers for what theorems leave open: the constant C, the item of the conditions that a claim leans on, the
thresholds of kappa, and the exponent of the dimension condition. The method in short: docs/calibration.md.

**Smallest constant.** A ladder of C. At each C settings are spread over the region of the conditions
(:mod:`verify.region`): a scrambled Sobol sequence whose outer quarters are folded onto the faces, starting in the
corner of the least n and m, because failures gather there. A setting *violates* if the exact lower bound of its
failure rate lies above delta. The level is shared by all settings of a claim at all C and by all looks at the data
(Bonferroni), so that a claim gets a single false violation in at most 5 % of all calibrations; no seed has to be
thrown away for it. It is *clear* once the 95 % upper bound lies below ``SEVERE`` * delta; neither after the last look:
*undecided*, which counts as violating in every bound. The answer is the least C from which on no violation stands, with
the 95 % Clopper-Pearson bound on the share of violating settings there. A setting in which 0.3 of the runs fail is
found with the probability that :func:`power` computes, exactly.

**What it leans on.** At one C, one item of the condition at a time is loosened by k = 2, 10, 100 (an inequality asks
C/k; a band is widened by k at one end, as far as the parameter goes) or tightened by 2, and all settings are put *at*
that face; the other coordinates are the same shares of what is left, so that cells differ by their face alone. The
control is the same face at k = 1. Given its settings, a cell's failures are a sum of independent draws, whose variance
is at most binomial: the exact intervals are rather too wide than too narrow. A claim leans on an item from k on if the
lower bound of its failure rate exceeds delta and Fisher's exact test tells it from the control; it does not, if the
upper bound stays below delta, or the rise over the control surely does, at every k. The 5 % are shared by all cells of
the claim.

**Thresholds.** Where the share of runs that meet a claim passes one half along kappa, or along d. The share is taken
to be monotone (along kappa: up to its peak, and from there on), nothing else: the estimate is isotonic, and the
interval comes from exact tests in a fixed sequence, from either end of the grid inwards until one fails, each at 2.5 %
with no need to share it. A grid cannot say more than between which of its values the edge lies.

**Exponent.** log d* against log n, where d* is that edge: least squares with the t interval of its slope, which holds
the lack of fit as well; rivals with one free constant are compared by what they leave.
"""

import hashlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import sympy as sp
from scipy.optimize import isotonic_regression
from scipy.stats import beta, binom, fisher_exact, qmc
from scipy.stats import t as student

from numerics import Setting
from numerics.model import class_sizes, flip_share
from theory import Band, C, Claim, Condition, Exactly, Within, eta, kappa, tau_minus, tau_plus
from theory import d as dimension
from theory.meanfield import noisy_ignored_threshold, signal_leads_threshold
from theory.paper import Reading
from verify import costs, fit, processes, sweep
from verify.evidence import evidence
from verify.falsify import falsifiable
from verify.folder import Folder
from verify.meanfield import curve
from verify.region import RANGES, WHOLE, Region
from verify.study import code_of_runs
from verify.sweep import EPSILON, Group, Job, Point, Result

LEVEL = 0.05
SEVERE = 3.0  # times delta: below it a failure rate is not looked for, as the seeds it takes grow like 1/(rate-delta)^2
TOLD = 0.2  # if more settings than this share may violate, no constant is named
LADDER = (1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0, 11.0, 16.0, 22.0, 32.0)
SHARES = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)  # where numbers stand instead of C: of those numbers
NEAR = 1.05  # a face is this thick
# Expected durations after which a run is given up. T_1 comes at half of the expected length in the median, and within
# 0.95 of it in 95 % of the runs; along kappa and d, where its coming is itself the question, twice as long is waited.
PATIENCE = {"T1": 2.0}
LONG = 4.0
# Settings lie in this share of a parameter's range in logarithms, counted from its face: nothing bounds sigma_0 from
# below (0.25 is five decades), and a large d or a small eta ask for long runs that tell little.
DEPTH = {"d": (0.0, 0.4), "sigma_0": (1.0, -0.25), "eta": (1.0, -0.3)}

# Thresholds of kappa: the claims of Stage I that the mean field decides, and the grid in kappa (1 - 2 max tau).
KAPPA_CLAIMS = ("stage1.signal-leads", "stage1.noisy-ignored", "stage1.clean-fitted", "selection.log2")
KAPPA_RANGE = (0.7, 10.0)
SMALL = 8.0
PARTS = ("constant", "leaning", "kappa", "dimension")
ARRIVES = "stage1.arrives"
RIVALS = {"n": lambda n, m: n, "n log(nm)": lambda n, m: n * np.log(n * m), "n^1.25": lambda n, m: n**1.25,
          "n^1.5": lambda n, m: n**1.5, "n^2": lambda n, m: n**2}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much is run.

    Attributes:
        sizes, each: sizes per constant, and settings per size.
        looks: seeds per setting in all, after each look.
        cap: core seconds that the first look at a setting may be expected to take, by stage.
        lean, factors: sizes and settings per size of a face, and by how much its item is loosened; 1 is the control.
        taus, ms, n: of the thresholds of kappa; ``more``: further (n, m) at the first pair of taus.
        kappas, seeds: values of kappa per threshold, and seeds at each value of kappa or d.
        ns: n along the exponent.
        ratio: of successive d.
    """

    name: str
    sizes: int
    each: int
    looks: tuple[int, ...]
    cap: Mapping[str, float]
    lean: tuple[int, int]
    factors: tuple[float, ...]
    taus: tuple[tuple[float, float], ...]
    ms: tuple[int, ...]
    n: int
    more: tuple[tuple[int, int], ...]
    kappas: int
    seeds: int
    ns: tuple[int, ...]
    ratio: float


EFFORTS = {
    "quick": Effort(
        name="quick", sizes=3, each=6, looks=(16, 48), cap={"start": 0.3, "T1": 0.15, "end": 1.2}, lean=(1, 6),
        factors=(1.0, 10.0, 100.0),
        taus=((0.1, 0.1), (0.05, 0.25)), ms=(16, 32), n=64, more=(), kappas=10, seeds=12,
        ns=(16, 32, 64, 128), ratio=2.0,
    ),
    "standard": Effort(
        name="standard", sizes=5, each=6, looks=(16, 64), cap={"start": 2.0, "T1": 0.9, "end": 1.2}, lean=(1, 8),
        factors=(0.5, 1.0, 2.0, 10.0, 100.0),
        taus=((0.1, 0.1), (0.25, 0.25), (0.05, 0.25)), ms=(16, 64), n=128,
        more=((32, 32),), kappas=14, seeds=24, ns=(16, 32, 64, 128, 256, 512), ratio=2**0.5,
    ),
    "thorough": Effort(
        name="thorough", sizes=16, each=6, looks=(16, 64, 256), cap={"start": 10.0, "T1": 20.0, "end": 30.0},
        lean=(6, 6), factors=(0.5, 1.0, 2.0, 10.0, 100.0),
        taus=((0.1, 0.1), (0.2, 0.2), (0.25, 0.25), (0.05, 0.25), (0.02, 0.1)), ms=(16, 32, 64, 128),
        n=256, more=((32, 32), (64, 32), (1024, 32)), kappas=24, seeds=48,
        ns=(16, 32, 64, 128, 256, 512, 1024), ratio=2**0.5,
    ),
}  # fmt: skip


class Answer(StrEnum):
    FOUND = "found"
    NONE = "none"
    OPEN = "not enough evidence"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Settings that answer one question together.

    Attributes:
        name: unique; the name of its runs.
        part: ``"constant"``, ``"leaning"``, ``"kappa"`` or ``"dimension"``.
        claims: judged on it.
        group: its runs.
        settings: in order.
        labels: what it is, a column each in the table of cells.
    """

    name: str
    part: str
    claims: tuple[Claim, ...]
    group: Group
    settings: tuple[Setting, ...]
    labels: Mapping[str, float | str]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All cells of a calibration.

    Attributes:
        claims: calibrated.
        cells: the runs.
        ended: why the ladder of a claim ended where it did.
        unplaced: (claim group, item, factor) at which no setting could be placed, with the reason.
    """

    claims: tuple[Claim, ...]
    cells: tuple[Cell, ...]
    ended: Mapping[str, str]
    unplaced: tuple[tuple[str, str, float, str], ...]
    reading: Reading
    effort: Effort
    seed: int
    device: str


@dataclass(frozen=True, kw_only=True)
class Constant:
    """The smallest constant of one claim.

    Attributes:
        value: the least C from which on no violation stands; NaN unless ``answer`` is FOUND.
        failing: the largest C at which one stands; NaN if none does.
        bound: 95 % upper bound on the share of settings that violate at ``value``.
        table: a row per C: C, settings, runs, violating, undecided, silent, upper, worst (failure rate).
        in_words: what the ladder is in: C, or shares of the stated numbers.
    """

    claim: Claim
    answer: Answer
    value: float
    failing: float
    bound: float
    table: pd.DataFrame
    reason: str
    in_words: str = "C"


@dataclass(frozen=True, kw_only=True)
class Leaning:
    """What one claim leans on.

    Attributes:
        table: a row per item and factor: item, factor, settings, runs, failures, share, low, high, told (from the
            control), verdict.
        items: item -> ``"from k"``, ``"not up to k"`` or ``"open"``.
        sentence: all of it in words.
    """

    claim: Claim
    table: pd.DataFrame
    items: Mapping[str, str]
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Exponent:
    """Where a claim starts to fail as d falls, along n.

    Attributes:
        a: of d* = c n^a; None unless ``answer`` is FOUND.
        rivals: what laws with one free constant leave of log d*, best first; n^a too.
        table: a row per n: n, m, d, low, high, asked (the condition's d), arrived (share that meets the claim among the
            runs with d below d* in which T_1 came).
    """

    claim: Claim
    answer: Answer
    a: fit.Interval | None
    rivals: tuple[fit.Rival, ...]
    table: pd.DataFrame
    reason: str


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Everything measured.

    Attributes:
        thresholds: a row per claim, tau_+, tau_-, n and m: measured value, low, high, and what is derived for it.
        cells: a row per cell, setting and claim: failures, runs that count, parameters.
        power: failure rate -> probability that a setting with it is found to violate.
        finished: False after an interrupt.
    """

    plan: Plan
    constants: tuple[Constant, ...]
    leanings: tuple[Leaning, ...]
    thresholds: pd.DataFrame
    exponents: tuple[Exponent, ...]
    cells: pd.DataFrame
    power: Mapping[float, float]
    finished: bool
    seconds: float
    runs: int


# ---------------------------------------------------------------------------------------------------------------
# Conditions, loosened and at their faces


@dataclass(frozen=True, kw_only=True)
class Item:
    """One side of one condition, which can be loosened alone."""

    condition: Condition
    side: str = ""

    @property
    def name(self) -> str:
        return self.condition.name + (f" ({self.side})" if self.side else "")

    def loosened(self, factor: float, constant: float) -> tuple[Condition, Condition]:
        """The condition loosened by ``factor``, and what keeps settings at its face; C is ``constant``."""
        statement = self.condition.statement
        if isinstance(statement, Band):
            low, high, e = statement.low, statement.high, statement.expression
            if self.side == "low":
                low /= factor
                if isinstance(e, sp.Symbol) and e.name in RANGES:
                    low = max(low, RANGES[e.name][0])
                face = sp.Le(e, NEAR * low)
            else:
                high *= factor
                if isinstance(e, sp.Symbol) and e.name in RANGES:
                    high = min(high, RANGES[e.name][1])
                face = sp.Ge(e, high / NEAR)
            changed: sp.Basic | Band = Band(e, min(low, high), high)
        else:
            asked = {C: constant / factor} if statement.has(C) else {}
            weight = 1 if asked else factor
            big, small = weight * statement.gts.subs(asked), statement.lts.subs(asked)
            changed = sp.Ge(big, small)
            whole = 1 if statement.gts.is_Symbol and statement.gts.name in WHOLE else 0
            face = sp.Le(big, NEAR * small + whole)
        here = replace(self.condition, statement=changed, latex="")
        return here, Condition(name=f"face-of-{self.condition.name}", source="calibration", statement=face)


def items(needs: Sequence[Condition]) -> tuple[Item, ...]:
    """Every side of every condition that can be loosened; an equation cannot."""
    found = []
    for condition in needs:
        if isinstance(condition.statement, Band):
            found += [Item(condition=condition, side=side) for side in ("low", "high")]
        elif not isinstance(condition.statement, sp.Eq):
            found.append(Item(condition=condition))
    return tuple(found)


def _has_constant(needs: Sequence[Condition]) -> bool:
    return any(not isinstance(c.statement, Band) and c.statement.has(C) for c in needs)


def _at(needs: Sequence[Condition], constant: float) -> tuple[Condition, ...]:
    """The conditions at a step of the ladder, for a reading whose C is that step where any of them names it."""
    if _has_constant(needs):
        return tuple(needs)
    return tuple(i.loosened(1 / constant, 1.0)[0] for c in needs for i in items([c]))


# ---------------------------------------------------------------------------------------------------------------
# Designs

_OTHERS = ("tau_plus", "tau_minus", "d", "mu", "sigma_0", "eta")


@dataclass(frozen=True, kw_only=True)
class _Draft:
    """Where the settings of a cell are to be placed: at ``shares``, or spread over the region.

    Spread, there are ``each`` at every one of ``sizes`` sizes, a function of ``entropy``; with ``faces``, half of the
    shares are 0 or 1.
    """

    region: Region
    shares: tuple[Mapping[str, float], ...] = ()
    sizes: int = 0
    each: int = 0
    entropy: str = ""
    faces: bool = False


def _settings(draft: _Draft) -> tuple[Setting, ...]:
    """The settings of a draft; none where not even the smallest size lies inside."""
    if draft.shares:
        return tuple(s for s in draft.region.place(draft.shares) if s is not None)
    region, sizes, each, faces = draft.region, draft.sizes, draft.each, draft.faces
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(draft.entropy.encode()).digest()[:6], "big"))
    # Small sizes are cheap, and flips fluctuate most there: squares crowd towards them.
    corners = qmc.Sobol(2, rng=rng).random(2 ** math.ceil(math.log2(sizes)))[:sizes]
    corners = _folded(corners) ** 2 if faces else 0.7 * corners**2
    corners[0] = 0.0
    cube = qmc.Sobol(len(_OTHERS), rng=rng).random(2 ** math.ceil(math.log2(sizes * each)))[: sizes * each]
    cube = _folded(cube) if faces else 0.1 + 0.8 * cube
    for name, (face, depth) in DEPTH.items():
        cube[:, _OTHERS.index(name)] = face + depth * cube[:, _OTHERS.index(name)]
    found: list[Setting] = []
    least = region.place([{"n": a, "m": b, "d": 0.0, "sigma_0": 1.0, "eta": 1.0} for a, b in corners])
    if least[0] is None:
        return ()
    for k, size in enumerate(s or least[0] for s in least):
        shares = [dict(zip(_OTHERS, u, strict=True)) for u in cube[k * each : (k + 1) * each]]
        found += [s for s in region.at_size(size.n, size.m).place(shares) if s is not None]
    return tuple(found)


def _placed(drafts: Sequence[_Draft], workers: int, on_placed: Callable[[], None]) -> list[tuple[Setting, ...]]:
    """The settings of each draft, in parallel."""
    found: dict[int, tuple[Setting, ...]] = {}
    for k, settings in processes.pooled(_settings, drafts, workers, sweep.one_thread):
        found[k] = settings
        on_placed()
    return [found[k] for k in range(len(drafts))]


def _folded(u: np.ndarray) -> np.ndarray:
    """Uniform shares whose outer quarters become the faces 0 and 1."""
    return np.clip(2 * u - 0.5, 0, 1)


def plan(
    chosen: Sequence[Claim],
    known: Sequence[Claim],
    reading: Reading,
    effort: Effort,
    seed: int,
    device: str = "cpu",
    parts: Sequence[str] = PARTS,
    workers: int = 1,
    on_placed: Callable[[], None] = lambda: None,
) -> Plan:
    """Lay out all cells of a calibration of ``chosen``; groups form among ``known``, so that runs do not depend on it.

    Raises:
        ValueError: a claim has an unnamed constant or no conditions, so that no single setting can violate it.
    """
    require_calibratable(chosen)
    group_of = sweep.groups(tuple(known), sweep.OBSERVABLE_BY_NAME)
    families: dict[str, list[Claim]] = {}
    for claim in chosen:
        families.setdefault(group_of[claim.name].name, []).append(claim)
    drafts: list[tuple[Cell, _Draft]] = []
    ended: dict[str, str] = {}
    unplaced: list[tuple[str, str, float, str]] = []
    for name, members in families.items():
        shared = group_of[members[0].name]
        named = [o for c in known if group_of[c.name].name == name and falsifiable(c) for o, _ in c.parts]
        group = replace(
            shared,
            observables=tuple(dict.fromkeys([*named, "flip_share"])),
            patience=PATIENCE.get(shared.stage, LONG),
            needs_rates=False,
        )
        family = _Family(group, tuple(members), reading, effort, seed)
        if "constant" in parts:
            drafts += family.ladder()
        if "leaning" in parts:
            drafts += family.faces(unplaced)
        if group.stage == "T1" and _dimension_item(group.needs):
            own = {c.name for c in members}
            if "kappa" in parts and own & set(KAPPA_CLAIMS) and not _fixed_tau(group.needs):
                drafts += family.along_kappa()
            if "dimension" in parts:
                drafts += family.along_dimension()
    placed = _placed([draft for _, draft in drafts], workers, on_placed)
    cells = [replace(cell, settings=s) for (cell, _), s in zip(drafts, placed, strict=True)]
    for cell in cells:
        if cell.part == "leaning" and not cell.settings:
            labels = cell.labels
            why = "no setting there, or none affordable"
            unplaced.append((cell.group.name, str(labels["item"]), float(labels["factor"]), why))
    # The ladder ends at its first gap: beyond it only chance would decide what is affordable.
    for name, members in families.items():
        rungs = [c for c in cells if c.part == "constant" and c.group.name == name]
        empty = next((k for k, c in enumerate(rungs) if not c.settings), len(rungs))
        cells = [c for c in cells if c not in rungs[empty:]]
        if rungs:
            last = f"{rungs[empty - 1].labels['C']:g}" if empty else "nothing"
            why = (
                "the last step of the ladder"
                if empty == len(rungs)
                else "beyond it the smallest setting costs too much"
            )
            ended |= {c.name: f"tried up to {last}: {why}" for c in members}
    cells = [c for c in cells if c.settings]
    return Plan(
        claims=tuple(chosen), cells=tuple(cells), ended=ended, unplaced=tuple(unplaced), reading=reading,
        effort=effort, seed=seed, device=device,
    )  # fmt: skip


def _fixed_tau(needs: Sequence[Condition]) -> bool:
    return any(isinstance(c.statement, sp.Eq) and c.statement.lhs in (tau_plus, tau_minus) for c in needs)


def _dimension_item(needs: Sequence[Condition]) -> Condition | None:
    """The condition that bounds d from below, if there is just one such."""
    found = [c for c in needs if isinstance(c.statement, sp.Ge) and c.statement.lhs == dimension]
    return found[0] if len(found) == 1 else None


class _Family:
    """Claims with the same conditions and reach, and the cells that serve them all."""

    def __init__(self, group: Group, claims: tuple[Claim, ...], reading: Reading, effort: Effort, seed: int) -> None:
        self.group, self.claims, self.reading, self.effort, self.seed = group, claims, reading, effort, seed
        self.ranges = {"n": (1, 2000), "m": (1, 2000), "sigma_xi": (1, 1)}  # sigma_xi is a unit: an exact symmetry

    def _cell(self, part: str, claims: Sequence[Claim] | None = None, **labels) -> Cell:
        """A cell whose settings are still to be placed."""
        tail = "-".join(f"{v:.3g}" if isinstance(v, float) else str(v) for v in labels.values())
        name = f"{part}-{self.group.name}-{tail}".replace(" ", "_").replace("(", "").replace(")", "")
        return Cell(
            name=name, part=part, claims=tuple(claims or self.claims), group=self.group, settings=(), labels=labels,
        )  # fmt: skip

    def _cost(self, seeds: int, each: int, scale: float = 1.0) -> tuple[Condition, ...]:
        stage = self.group.stage
        return costs.affordable(stage, seeds, each, scale * self.effort.cap.get(stage, 1.0), sweep.EPSILON[1])

    def _ranges(self) -> dict[str, tuple[float, float]]:
        if self.group.stage != "start":
            return self.ranges
        # A draw costs about n^3 + 8 m^3, and nothing else bounds it.
        most = (self.effort.cap["start"] / self.effort.looks[0] / 1e-10) ** (1 / 3)
        return self.ranges | {"n": (1, most), "m": (1, most / 2)}

    def ladder(self) -> list[tuple[Cell, "_Draft"]]:
        effort, cells = self.effort, []
        steps = LADDER if _has_constant(self.group.needs) else SHARES
        for constant in steps:
            reading = replace(self.reading, C=constant) if _has_constant(self.group.needs) else self.reading
            needs = (*_at(self.group.needs, constant), *self._cost(effort.looks[0], effort.each))
            region = Region(needs=needs, reading=reading, ranges=self._ranges())
            draft = _Draft(
                region=region, sizes=effort.sizes, each=effort.each,
                entropy=f"{self.seed}/{self.group.name}/{constant}", faces=True,
            )  # fmt: skip
            cells.append((self._cell("constant", C=constant), draft))
        return cells

    def faces(self, unplaced: list) -> list[tuple[Cell, "_Draft"]]:
        sizes, each = self.effort.lean
        constant = self.reading.C
        cells = []
        for item in items(self.group.needs):
            seen: set[str] = set()
            for factor in self.effort.factors:
                here, face = item.loosened(factor, constant)
                if repr(here.statement) in seen:
                    unplaced.append(
                        (self.group.name, item.name, factor, "as the factor before: the parameter ends there")
                    )
                    continue
                seen.add(repr(here.statement))
                if isinstance(here.statement, Band) and not here.statement.low < here.statement.high:
                    unplaced.append((self.group.name, item.name, factor, "tightened, the band is empty"))
                    continue
                rest = tuple(here if c is item.condition else c for c in self.group.needs)
                needs = (*rest, face, *self._cost(self.effort.looks[0], each))
                region = Region(needs=needs, reading=self.reading, ranges=self._ranges())
                draft = _Draft(
                    region=region, sizes=sizes, each=each, entropy=f"{self.seed}/{self.group.name}/leaning", faces=False
                )
                cells.append((self._cell("leaning", item=item.name, factor=factor), draft))
        return cells

    def along_kappa(self) -> list[tuple[Cell, "_Draft"]]:
        """Settings along kappa at fixed taus, n and m: d and sigma_0 at their bounds, eta ``SMALL`` times below.

        At its bound the first step may carry rho beyond the early moment. Half of the neurons start with the wrong
        sign and see the other label's drive until then, so that both labels would show the threshold of the mean tau.
        """
        effort = self.effort
        claims = [c for c in self.claims if c.name in KAPPA_CLAIMS]
        step = [i for i in items(self.group.needs) if not i.side and i.condition.statement.has(eta)]
        small = {i.condition: i.loosened(1 / SMALL, self.reading.C)[0] for i in step}
        rest = tuple(
            small.get(c, c) for c in self.group.needs
            if not (isinstance(c.statement, Band) and c.statement.expression.free_symbols & {tau_plus, tau_minus})
        )  # fmt: skip
        observables = [*self.group.observables]
        observables += [f"early_{what}_{x}" for what in ("signal_lead", "noisy_margin") for x in ("plus", "minus")]
        group = replace(self.group, observables=tuple(observables), patience=LONG)
        places = [(taus, effort.n, m) for taus in effort.taus for m in effort.ms]
        places += [(effort.taus[0], n, m) for n, m in effort.more]
        cells = []
        for (plus, minus), n, m in places:
            if self.reading.labels == "balanced":
                plus, minus = (flip_share(tau, size) for tau, size in zip((plus, minus), class_sizes(n), strict=True))
            top = 1 - 2 * max(plus, minus)
            band = Band(kappa, KAPPA_RANGE[0] / top, KAPPA_RANGE[1] / top)
            needs = (*rest, Condition(name="along-kappa", source="calibration", statement=band))
            ranges = {**self.ranges, "n": (n, n), "m": (m, m), "tau_plus": (plus, plus), "tau_minus": (minus, minus)}
            region = Region(needs=needs, reading=self.reading, ranges=ranges)
            shares = np.linspace(0, 1, effort.kappas)
            draft = _Draft(region=region, shares=tuple({"d": 0, "mu": u, "sigma_0": 1, "eta": 1} for u in shares))
            cell = self._cell("kappa", claims, tau_plus=plus, tau_minus=minus, n=n, m=m)
            cells.append((replace(cell, group=group), draft))
        return cells

    def along_dimension(self) -> list[tuple[Cell, "_Draft"]]:
        """Settings along d at fixed n, without the condition on d; the rest at its bounds or mid-band."""
        effort = self.effort
        item = _dimension_item(self.group.needs)
        rest = tuple(c for c in self.group.needs if c is not item)
        arrives = Claim(
            name=ARRIVES, source="calibration", needs=self.group.needs, observable="coefficient_min_T1",
            law=Within(low=self.reading.order_one), says="T_1 comes at all.",
        )  # fmt: skip
        claims = [c for c in self.claims if any(sweep.OBSERVABLE_BY_NAME[o].stage == "T1" for o, _ in c.parts)]
        group = replace(self.group, observables=(*self.group.observables, "coefficient_min_T1"), patience=LONG)
        cells = []
        for n in effort.ns if claims else ():
            values = 1 + round(math.log(256) / math.log(effort.ratio))
            region = Region(
                needs=rest, reading=self.reading,
                ranges={**self.ranges, "n": (n, n), "d": (max(1, n // 2), 128 * n)},
            )  # fmt: skip
            shares = tuple(
                {"m": 0, "d": u, "sigma_0": 1, "eta": 1, "mu": 0.5, "tau_plus": 0.5, "tau_minus": 0.5}
                for u in np.linspace(0, 1, values)
            )
            cell = replace(self._cell("dimension", (arrives, *claims), n=n), group=group)
            cells.append((cell, _Draft(region=region, shares=shares)))
        return cells


# ---------------------------------------------------------------------------------------------------------------
# Runs


def jobs(cell: Cell, look: int, wanted: Sequence[int], planned: Plan) -> list[Job]:
    """One job for each wanted setting of a cell: the seeds that this look adds."""
    effort = planned.effort
    totals = effort.looks if cell.part == "constant" else (effort.looks[0] if cell.part == "leaning" else effort.seeds,)
    before = totals[look - 1] if look else 0
    group = replace(cell.group, name=f"{cell.name}-look{look}")
    made = []
    for k in wanted:
        key = f"{planned.seed}/{cell.name}/{k}"
        start = int.from_bytes(hashlib.sha256(key.encode()).digest()[:6], "big")
        made.append(
            Job(
                group=group,
                point=Point(setting=cell.settings[k], epsilon=EPSILON[1], index=k),
                seeds=tuple(start + i for i in range(before, totals[look])),
                reading=planned.reading,
                device=planned.device,
            )
        )
    return made


def collect(
    planned: Plan,
    run: Callable[[list[Job]], Iterator[Result]],
    on_result: Callable[[Result], None] = lambda _: None,
    on_more: Callable[[int], None] = lambda _: None,
) -> tuple[pd.DataFrame, bool]:
    """Run all cells, look by look: counts per cell, setting and claim, and whether it was not interrupted.

    Args:
        run: jobs -> results as they come, e.g. :func:`verify.sweep.run` in a folder.
        on_result: called with each result.
        on_more: called with the number of jobs of each look.
    """
    counts: dict[tuple[str, int, str], list[float]] = {}
    owner = {f"{cell.name}-look{look}": cell for cell in planned.cells for look in range(len(planned.effort.looks))}
    tails = tails_of(planned)
    wanted = {cell.name: range(len(cell.settings)) for cell in planned.cells}
    finished = True
    for look in range(len(planned.effort.looks)):
        going = [j for cell in planned.cells for j in jobs(cell, look, wanted[cell.name], planned) if wanted[cell.name]]
        on_more(len(going))
        try:
            for result in run(going):
                cell = owner[result.runs["group"].iloc[0]]
                for claim, failed, counted, arrived in _counts(cell, result.runs):
                    key = (cell.name, int(result.runs["setting"].iloc[0]), claim)
                    held = counts.setdefault(key, [0, 0, 0, 0])
                    for i, more in enumerate((failed, counted, arrived, len(result.runs))):
                        held[i] += more
                on_result(result)
        except KeyboardInterrupt:
            finished = False
            break
        wanted = {
            cell.name: [
                k for k in range(len(cell.settings))
                if cell.part == "constant" and any(
                    settled(*counts[cell.name, k, c.name][:2], tails[c.name], planned.reading.delta) == "open"
                    for c in cell.claims if (cell.name, k, c.name) in counts
                )
            ]
            for cell in planned.cells
        }  # fmt: skip
    return _table(planned, counts), finished


def _counts(cell: Cell, runs: pd.DataFrame) -> Iterator[tuple[str, int, int, int]]:
    """(claim, runs that fail, runs that count, failing runs in which T_1 came), for the runs of one setting."""
    here = {c.name: c for c in cell.claims}
    if cell.part == "kappa":
        # The early balance is of one label each: it counts as failing where it is negative (or positive).
        here |= {c.name: c for c in _early_claims(cell.claims)}
    arrived = (runs["status"] == "stopped").to_numpy()
    for name, claim in here.items():
        found = evidence(claim, runs, sweep.OBSERVABLE_BY_NAME)
        yield name, int(found.failed.sum()), int(found.counted.sum()), int((found.failed & arrived).sum())


@cache
def _early_claims(claims: tuple[Claim, ...]) -> tuple[Claim, ...]:
    """The early form of the two claims that the mean field decides, for each true label."""
    forms = {
        "stage1.signal-leads": ("signal_lead", Within(low=0)),
        "stage1.noisy-ignored": ("noisy_margin", Within(high=0)),
    }
    return tuple(
        Claim(name=f"early.{what}.{x}", source="derived", needs=c.needs, observable=f"early_{what}_{x}", law=law)
        for c in claims
        if c.name in forms
        for what, law in [forms[c.name]]
        for x in ("plus", "minus")
    )  # fmt: skip


def _table(planned: Plan, counts: Mapping[tuple[str, int, str], Sequence[float]]) -> pd.DataFrame:
    by_name = {cell.name: cell for cell in planned.cells}
    rows = []
    for (name, k, claim), (failed, counted, arrived, runs) in counts.items():
        cell = by_name[name]
        setting = cell.settings[k]
        rows.append(
            {"part": cell.part, "cell": name, "claim": claim, "setting": k}
            | {f"label_{x}": v for x, v in cell.labels.items()}
            | {"failures": failed, "counted": counted, "failures_arrived": arrived, "runs": runs}
            | setting.values()
            | {"kappa": setting.kappa}
        )
    columns = ["part", "cell", "claim", "setting", "failures", "counted", "failures_arrived", "runs"]
    table = pd.DataFrame(rows, columns=None if rows else columns)
    return table.sort_values(["part", "cell", "setting", "claim"], ignore_index=True)


# ---------------------------------------------------------------------------------------------------------------
# Statistics


def tails_of(planned: Plan) -> dict[str, float]:
    """The level of a single look at a single setting, by claim."""
    settings: dict[str, int] = {}
    for cell in planned.cells:
        if cell.part == "constant":
            for claim in cell.claims:
                settings[claim.name] = settings.get(claim.name, 0) + len(cell.settings)
    return {name: LEVEL / count / len(planned.effort.looks) for name, count in settings.items() if count}


def _upper(failures: float, trials: float) -> float:
    """The exact one-sided 95 % bound of a failure rate."""
    return 1.0 if failures >= trials else float(beta.ppf(1 - LEVEL, failures + 1, trials - failures))


@cache
def settled(failures: float, trials: float, tail: float, delta: float) -> str:
    """``"violates"``, ``"clear"``, or ``"open"``; ``"silent"`` without a run that says anything."""
    if trials == 0:
        return "silent"
    if failures and beta.ppf(tail, failures, trials - failures + 1) > delta:
        return "violates"
    upper = _upper(failures, trials)
    return "clear" if upper < SEVERE * delta else "open"


def power(rate: float, looks: Sequence[int], tail: float, delta: float) -> float:
    """Probability that a setting whose runs fail with probability ``rate`` is found to violate, exactly."""
    open_, found, before = np.array([1.0]), 0.0, 0
    for total in looks:
        more = total - before
        before = total
        chance = np.convolve(open_, binom.pmf(np.arange(more + 1), more, rate))
        verdicts = [settled(k, total, tail, delta) for k in range(total + 1)]
        found += float(sum(p for p, v in zip(chance, verdicts, strict=True) if v == "violates"))
        open_ = np.array([p if v == "open" else 0.0 for p, v in zip(chance, verdicts, strict=True)])
    return found


@dataclass(frozen=True, kw_only=True)
class Edge:
    """Where a rising share passes one half: between the last value told below it and the first told above.

    ``low`` is 0 where no value is told below, ``high`` infinite where none is told above; ``value`` is NaN where the
    share is above or below one half on the whole grid.
    """

    value: float
    low: float
    high: float


def edge(x: np.ndarray, met: np.ndarray, trials: np.ndarray) -> Edge:
    """Where a share that rises along x > 0 passes one half. Shapes (values,); see the module."""
    order = np.argsort(x)
    x, met, trials = x[order], met[order], trials[order]
    kept = trials > 0
    x, met, trials = x[kept], met[kept], trials[kept]
    if not len(x):
        return Edge(value=math.nan, low=0.0, high=math.inf)
    low, high = 0.0, math.inf
    for value, hits, count in zip(x, met, trials, strict=True):
        if fit.clopper_pearson(int(hits), int(count)).high >= 0.5:
            break
        low = float(value)
    for value, hits, count in zip(x[::-1], met[::-1], trials[::-1], strict=True):
        if fit.clopper_pearson(int(hits), int(count)).low <= 0.5:
            break
        high = float(value)
    share = isotonic_regression(met / trials, weights=trials).x
    if share[0] >= 0.5 or share[-1] < 0.5:
        return Edge(value=math.nan, low=low, high=high)
    k = int(np.argmax(share >= 0.5))
    part = (0.5 - share[k - 1]) / (share[k] - share[k - 1])
    return Edge(value=float(np.exp(np.log(x[k - 1]) + part * np.log(x[k] / x[k - 1]))), low=low, high=high)


def constant_of(claim: Claim, cells: pd.DataFrame, planned: Plan) -> Constant:
    """The smallest constant of a claim, from the counts of all its settings."""
    mine = cells[(cells["part"] == "constant") & (cells["claim"] == claim.name)]
    words = "C" if _has_constant(claim.needs) else "share of the stated numbers"
    nothing = {"claim": claim, "value": math.nan, "failing": math.nan, "bound": math.nan, "in_words": words}
    tail = tails_of(planned).get(claim.name, LEVEL)
    rows = []
    for constant, here in mine.groupby("label_C") if len(mine) else ():
        pairs = zip(here["failures"], here["counted"], strict=True)
        states = [settled(failed, counted, tail, planned.reading.delta) for failed, counted in pairs]
        bad, undecided, silent = (states.count(x) for x in ("violates", "open", "silent"))
        said = len(states) - silent
        upper = _upper(bad + undecided, said)
        rates = here["failures"] / here["counted"].clip(lower=1)
        rows.append(
            {"C": constant, "settings": said, "runs": int(here["counted"].sum()), "violating": bad,
             "undecided": undecided, "silent": silent, "upper": upper,
             "failing": float(here["failures"].sum() / max(here["counted"].sum(), 1)), "worst": float(rates.max())}
        )  # fmt: skip
    table = pd.DataFrame(
        rows, columns=["C", "settings", "runs", "violating", "undecided", "silent", "upper", "failing", "worst"]
    )
    if not rows:
        return Constant(**nothing, answer=Answer.OPEN, table=table, reason="no setting could be run")
    standing = table[table["violating"] > 0]["C"]
    failing = float(standing.max()) if len(standing) else math.nan
    above = table if math.isnan(failing) else table[table["C"] > failing]
    top = float(table["C"].iloc[-1])
    ended = planned.ended.get(claim.name, "")
    if above.empty:
        row = table.iloc[-1]
        reason = f"none up to {top:g}: {row['violating']:.0f} of {row['settings']:.0f} settings violate there ({ended})"
        return Constant(**{**nothing, "failing": failing}, answer=Answer.NONE, table=table, reason=reason)
    told = above[above["upper"] <= TOLD]
    if told.empty:
        row = above.iloc[-1]
        where = "at any C tried" if math.isnan(failing) else f"above {failing:g}"
        reason = (
            f"no violation stands {where}, but of {row['settings']:.0f} settings at {row['C']:g} {row['undecided']:.0f}"
            f" are undecided: up to {row['upper']:.0%} may violate ({ended})"
        )
        return Constant(**{**nothing, "failing": failing}, answer=Answer.OPEN, table=table, reason=reason)
    row = told.iloc[0]
    value = float(row["C"])
    reason = f"no violation from {value:g} to {top:g}; at {value:g} under {row['upper']:.1%} of the settings violate"
    if math.isnan(failing):
        reason += f"; the least tried is {float(table['C'].iloc[0]):g}"
    else:
        reason += f"; at {failing:g} one stands"
    return Constant(
        claim=claim, answer=Answer.FOUND, value=value, failing=failing, bound=float(row["upper"]), table=table,
        reason=reason, in_words=words,
    )  # fmt: skip


def leaning_of(claim: Claim, cells: pd.DataFrame, planned: Plan) -> Leaning:
    """Which items of its condition a claim leans on, from the counts at their faces."""
    mine = cells[(cells["part"] == "leaning") & (cells["claim"] == claim.name)]
    delta = planned.reading.delta
    columns = ["item", "factor", "settings", "runs", "failures", "share", "low", "high", "told", "verdict"]
    if mine.empty:
        return Leaning(claim=claim, table=pd.DataFrame(columns=columns), items={}, sentence="no setting could be run")
    totals = mine.groupby(["label_item", "label_factor"])[["failures", "counted"]].sum()
    settings = mine.groupby(["label_item", "label_factor"]).size()
    level = LEVEL / max(len(totals), 1)
    rows, verdicts, helped = [], {}, {}
    for item in [i.name for i in items(claim.needs)]:
        if (item, 1.0) not in totals.index:
            continue
        control, control_runs = totals.loc[(item, 1.0)]
        # The control's own bounds, at the level shared by all cells.
        least = fit.clopper_pearson(int(control), int(control_runs), 1 - 2 * level).low
        states = {}
        for factor in planned.effort.factors:
            if (item, factor) not in totals.index:
                continue
            failed, runs = map(int, totals.loc[(item, factor)])
            interval = fit.clopper_pearson(failed, runs)
            strict = fit.clopper_pearson(failed, runs, 1 - 2 * level)
            counts = [[failed, runs - failed], [int(control), int(control_runs - control)]]
            side = "greater" if factor > 1 else "less"
            told = factor != 1 and float(fisher_exact(counts, alternative=side).pvalue) < level
            if factor < 1 and told:
                helped[item] = (control / control_runs, interval.value)
            if factor > 1:
                if not runs:
                    states[factor] = "silent"
                elif told and strict.low > delta:
                    states[factor] = "leans"
                elif strict.high < delta or strict.high - least < delta:
                    states[factor] = "no"
                else:
                    states[factor] = "open"
            rows.append(
                {"item": item, "factor": factor, "settings": int(settings.loc[(item, factor)]), "runs": runs,
                 "failures": failed, "share": interval.value, "low": interval.low, "high": interval.high, "told": told,
                 "verdict": states.get(factor, "")}
            )  # fmt: skip
        verdicts[item] = _item_verdict(states)
    return Leaning(
        claim=claim, table=pd.DataFrame(rows, columns=columns), items=verdicts, sentence=_sentence(verdicts, helped)
    )


def _item_verdict(states: Mapping[float, str]) -> str:
    leans = [k for k, v in states.items() if v == "leans"]
    if leans:
        return f"from {min(leans):g}"
    if states and all(v == "no" for v in states.values()):
        return f"not up to {max(states):g}"
    return "open"


def _sentence(verdicts: Mapping[str, str], helped: Mapping[str, tuple[float, float]]) -> str:
    leans = {item: v for item, v in verdicts.items() if v.startswith("from")}
    free = [item for item, v in verdicts.items() if v.startswith("not")]
    unsure = [item for item, v in verdicts.items() if v == "open"]
    if leans:
        first = sorted(leans.items(), key=lambda x: float(x[1].split()[1]))
        said = "leans on " + ", ".join(f"{item} from a factor of {v.split()[1]} on" for item, v in first)
    elif free and not unsure:
        said = "leans on none, as far as each was loosened"
    elif free:
        said = "leans on none that could be decided"
    else:
        said = "undecided on every item"
    if unsure and (leans or free):
        said += f"; undecided: {', '.join(unsure)}"
    if helped:
        fewer = [f"{item} ({before:.0%} to {after:.0%} of the runs fail)" for item, (before, after) in helped.items()]
        said += f"; fails less with a tighter {', '.join(fewer)}"
    return said


def thresholds_of(cells: pd.DataFrame, planned: Plan) -> pd.DataFrame:
    """Measured thresholds of kappa beside what is derived for them; ``falls``, where the claim fails again above."""
    mine = cells[cells["part"] == "kappa"]
    columns = ["claim", "tau_plus", "tau_minus", "n", "m", "value", "low", "high", "closed_form", "derived"]
    columns += ["falls", "falls_low", "falls_high", "derived_falls", "least", "most"]
    rows = []
    keys = ["claim", "label_tau_plus", "label_tau_minus", "label_n", "label_m"]
    for (claim, plus, minus, n, m), here in mine.groupby(keys) if len(mine) else ():
        here = here.sort_values("kappa")
        x, trials = here["kappa"].to_numpy(float), here["counted"].to_numpy(float)
        met = trials - here["failures"].to_numpy(float)
        # It rises to a peak, beyond which it may fall: each side is monotone.
        share = met / np.maximum(trials, 1)
        first, last = int(np.argmax(share)), len(share) - 1 - int(np.argmax(share[::-1]))
        found = edge(x[: last + 1], met[: last + 1], trials[: last + 1])
        fall = edge(1 / x[first:], met[first:], trials[first:])
        closed, derived, derived_fall = _derived(claim, plus, minus, int(n), int(m), planned.reading.order_one)
        row = {"claim": claim, "tau_plus": plus, "tau_minus": minus, "n": int(n), "m": int(m)}
        row |= {"value": found.value, "low": found.low, "high": found.high, "closed_form": closed, "derived": derived}
        row |= {"falls": 1 / fall.value, "falls_low": 1 / fall.high, "derived_falls": derived_fall}
        row |= {"falls_high": 1 / fall.low if fall.low else math.inf, "least": float(x[0]), "most": float(x[-1])}
        rows.append(row)
    return pd.DataFrame(rows, columns=columns)


def _derived(claim: str, plus: float, minus: float, n: int, m: int, order_one: float) -> tuple[float, float, float]:
    """A claim's threshold in kappa: the closed form; what the mean field gives at T_1 for this n and m; and above it,
    where the claim fails again."""
    tau = {"plus": plus, "minus": minus}.get(claim.rpartition(".")[2], max(plus, minus))
    leads, ignored = (float(f(tau).kappa) for f in (signal_leads_threshold, noisy_ignored_threshold))
    if claim.startswith("early.signal_lead"):
        return leads, leads, math.nan
    if claim.startswith("early.noisy_margin"):
        return ignored, ignored, math.nan
    if claim == "stage1.signal-leads":
        return leads, *meanfield_thresholds("leads", (plus, minus), order_one)
    if claim in ("stage1.noisy-ignored", "selection.log2"):
        share = _largest_share(n, m, (plus + minus) / 2)
        return ignored, *meanfield_thresholds("ignored", (plus, minus), order_one, share)
    return math.nan, math.nan, math.nan


def _largest_share(n: int, m: int, tau: float) -> float:
    """The median of the largest |S_i|/m over the n tau flipped samples: each |S_i| is binomial(m, 1/2)."""
    return float(binom.ppf(0.5 ** (1 / max(n * tau, 1.0)), m, 0.5)) / m


def meanfield_thresholds(
    what: str, taus: tuple[float, float], order_one: float, share: float = 0.5
) -> tuple[float, float]:
    """kappa from which on the mean field meets a claim at its own T_1, and up to which; NaN where there is none.

    At T_1 the least of gamma, rho_c and rho_n of *both* labels is ``order_one``, and loss derivatives have moved. Near
    the lower one a noisy sample pulls more than a clean one. Far above, gamma has nearly fitted the clean samples of
    the label with fewer flips: their rho, which date T_1, creep, while the noisy samples of the other label go on.
    ``share`` is the active fraction of the sample in question, which decides over its own rho's weight in its margin
    and is negligible for the others.
    """
    ratios, gamma, noisy = _at_moment(taus, order_one)
    lead = (gamma - (1.0 if what == "leads" else share) * noisy).min(1)
    rises = np.flatnonzero((lead[:-1] < 0) & (lead[1:] >= 0))
    falls = np.flatnonzero((lead[:-1] >= 0) & (lead[1:] < 0))

    def crossing(at: np.ndarray) -> float:
        if not len(at):
            return math.nan
        k = at[0]
        part = lead[k] / (lead[k] - lead[k + 1])
        return float(ratios[k] * (ratios[k + 1] / ratios[k]) ** part)

    return crossing(rises), crossing(falls)


@cache
def _at_moment(taus: tuple[float, float], order_one: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """gamma and rho_n of both labels at the mean field's T_1, along kappa. Shapes (K,), (K, 2), (K, 2)."""
    s = np.concatenate([[0.0], np.geomspace(1e-3, 200, 1200)])
    ratios = np.geomspace(0.7, 60, 60) / (1 - 2 * max(taus))
    gamma, noisy = np.full((2, len(ratios), 2), np.nan)
    for k, ratio in enumerate(ratios):
        both = [curve(ratio, tau, s) for tau in taus]
        least = np.min([x for c in both for x in (c.gamma, c.rho_clean, c.rho_noisy)], axis=0)
        moment = float(np.interp(order_one, np.maximum.accumulate(least), s))
        gamma[k] = [np.interp(moment, s, c.gamma) for c in both]
        noisy[k] = [np.interp(moment, s, c.rho_noisy) for c in both]
    return ratios, gamma, noisy


def exponent_of(claim: Claim, cells: pd.DataFrame, planned: Plan) -> Exponent:
    """Where a claim starts to fail as d falls, and how that edge grows with n."""
    mine = cells[(cells["part"] == "dimension") & (cells["claim"] == claim.name)]
    columns = ["n", "m", "d", "low", "high", "least", "most", "arrived_failures", "arrived"]
    arrivals = cells[(cells["part"] == "dimension") & (cells["claim"] == ARRIVES)].set_index(["cell", "setting"])
    rows = []
    for n, here in mine.groupby("label_n") if len(mine) else ():
        found = edge(
            here["d"].to_numpy(float),
            (here["counted"] - here["failures"]).to_numpy(float),
            here["counted"].to_numpy(float),
        )
        # Among the runs in which T_1 came: does the claim fail of itself, or because its moment does not come?
        below = here if math.isnan(found.value) else here[here["d"] <= found.value]
        came = sum(
            int(arrivals.loc[k, "counted"] - arrivals.loc[k, "failures"])
            for k in zip(below["cell"], below["setting"], strict=True)
        )
        rows.append(
            {"n": int(n), "m": int(here["m"].iloc[0]), "d": found.value, "low": found.low, "high": found.high,
             "least": float(here["d"].min()), "most": float(here["d"].max()),
             "arrived_failures": int(below["failures_arrived"].sum()), "arrived": came}
        )  # fmt: skip
    table = pd.DataFrame(rows, columns=columns)
    if table.empty:
        return Exponent(
            claim=claim, answer=Answer.OPEN, a=None, rivals=(), table=table, reason="no setting could be run"
        )
    located = table[table["d"].notna() & (table["low"] > 0) & np.isfinite(table["high"])]
    if len(located) < 4:
        never = table[table["d"].isna() & (table["high"] <= table["least"])]
        always = table[table["d"].isna() & (table["low"] >= table["most"])]
        if len(never) == len(table):
            least = (table["least"] / table["n"]).max()
            reason = f"never fails in half of the runs, down to d = {least:.2g} n at every n"
            return Exponent(claim=claim, answer=Answer.NONE, a=None, rivals=(), table=table, reason=reason)
        reason = f"the edge is bracketed at {len(located)} of {len(table)} values of n; 4 are needed"
        if len(never):
            reason += f"; it never fails at n = {', '.join(f'{x:g}' for x in never['n'])}"
        if len(always):
            reason += f"; it fails at every d tried at n = {', '.join(f'{x:g}' for x in always['n'])}"
        return Exponent(claim=claim, answer=Answer.OPEN, a=None, rivals=(), table=table, reason=reason)
    x, y = np.log(located["n"].to_numpy(float)), np.log(located["d"].to_numpy(float))
    centred = x - x.mean()
    slope = float(centred @ y / (centred @ centred))
    residual = y - y.mean() - slope * centred
    spare = len(x) - 2
    spread = math.sqrt(float(residual @ residual) / spare)
    # Residuals of a handful of points may be small by luck; no fit knows an edge better than its grid does.
    spread = max(spread, math.log(planned.effort.ratio) / math.sqrt(12))
    half = float(student.ppf(0.975, spare)) * spread / math.sqrt(float(centred @ centred))
    a = fit.Interval(value=slope, low=slope - half, high=slope + half)
    sizes, width = located["n"].to_numpy(float), located["m"].to_numpy(float)
    laws = {name: np.log(law(sizes, width)) for name, law in RIVALS.items()} | {"n^a": slope * x}
    ranking = tuple(fit.rivals(y, laws, np.zeros((len(y), 0))))
    best = next(r for r in ranking if r.law != "n^a")
    reason = f"d* = c n^a with a = {a}; of the laws with one free constant {best.law} fits best"
    return Exponent(claim=claim, answer=Answer.FOUND, a=a, rivals=ranking, table=table, reason=reason)


def conclude(planned: Plan, cells: pd.DataFrame, finished: bool, started: float) -> Calibration:
    """All answers, from the counts."""
    dims = [c for c in planned.cells if c.part == "dimension"]
    along = {c.name: c for cell in dims for c in cell.claims}
    parts = {cell.part for cell in planned.cells}
    tails = tails_of(planned)
    tail = min(tails.values(), default=LEVEL)
    # Claims of one cell share its runs: they count once.
    runs = int(cells.drop_duplicates(["cell", "setting"])["runs"].sum()) if len(cells) else 0
    return Calibration(
        plan=planned,
        constants=tuple(constant_of(c, cells, planned) for c in planned.claims) if "constant" in parts else (),
        leanings=tuple(leaning_of(c, cells, planned) for c in planned.claims) if "leaning" in parts else (),
        thresholds=thresholds_of(cells, planned),
        exponents=tuple(exponent_of(c, cells, planned) for c in along.values()),
        cells=cells,
        power={
            rate: power(rate, planned.effort.looks, tail, planned.reading.delta) for rate in (0.1, 0.2, 0.3, 0.4, 0.5)
        },
        finished=finished,
        seconds=time.monotonic() - started,
        runs=runs,
    )


FOLDER = Folder(
    what="calibration",
    files=(*(f"calibration.{x}" for x in ("html", "md", "json", "csv")), "calibration-figures/*"),
    work="calibration-batches",
    finished=sweep.FINISHED,
)


def identity(chosen: Sequence[Claim], reading: Reading, effort: Effort, seed: int) -> dict:
    """What determines a calibration's numbers, for resuming."""
    digest = hashlib.sha256(code_of_runs().encode() + Path(__file__).read_bytes()).hexdigest()[:12]
    return {
        "claims": [c.name for c in chosen],
        "profile": effort.name,
        "seed": seed,
        "reading": asdict(reading),
        "code": digest,
    }


def calibratable(claims: Sequence[Claim]) -> tuple[Claim, ...]:
    """The claims that are calibrated unless others are asked for: bounds in numbers, expected to hold."""
    return tuple(
        c for c in claims if falsifiable(c) and not c.contrast and not any(isinstance(x, Exactly) for _, x in c.parts)
    )


def require_calibratable(chosen: Sequence[Claim]) -> None:
    """Raise ``ValueError`` where no single setting can violate a claim."""
    for claim in chosen:
        if not falsifiable(claim):
            why = "its constant is unnamed" if claim.needs else "it has no conditions"
            raise ValueError(
                f"claim '{claim.name}': {why}, so no single setting can violate it; `run {claim.name}` judges it"
            )
