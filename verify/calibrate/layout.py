"""What is calibrated and where its settings lie: the cells of a calibration, laid out before any of them is run. At
each C of a ladder settings are spread over the region of the conditions (:mod:`verify.region`): a scrambled Sobol
sequence whose outer quarters are folded onto the faces, starting in the corner of the least n and m, because failures
gather there. Of what a claim leans on, all settings are put *at* one face, and the other coordinates are the same
shares of what is left, so that cells differ by their face alone; thresholds and edges have a grid along kappa or d.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import sympy as sp
from scipy.stats import qmc

from numerics import Setting
from numerics.model import class_sizes, flip_share
from theory import Band, Claim, Condition, Within, eta, kappa, tau_minus, tau_plus
from theory import d as dimension
from theory.papers.han2025 import Reading
from verify import costs, processes
from verify.calibrate.loosening import at_constant, has_constant, items
from verify.design import EPSILON, Group, groups
from verify.falsify import falsifiable
from verify.laws import kind_of
from verify.packs.han2025 import PACK
from verify.region import Region
from verify.seeds import seed_of

LEVEL = 0.05
LADDER = (1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0, 11.0, 16.0, 22.0, 32.0)
SHARES = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)  # where numbers stand instead of C: of those numbers
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


@dataclass(frozen=True, kw_only=True)
class CalibrationEffort:
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
    "quick": CalibrationEffort(
        name="quick", sizes=3, each=6, looks=(16, 48), cap={"start": 0.3, "T1": 0.15, "end": 1.2}, lean=(1, 6),
        factors=(1.0, 10.0, 100.0),
        taus=((0.1, 0.1), (0.05, 0.25)), ms=(16, 32), n=64, more=(), kappas=10, seeds=12,
        ns=(16, 32, 64, 128), ratio=2.0,
    ),
    "standard": CalibrationEffort(
        name="standard", sizes=5, each=6, looks=(16, 64), cap={"start": 2.0, "T1": 0.9, "end": 1.2}, lean=(1, 8),
        factors=(0.5, 1.0, 2.0, 10.0, 100.0),
        taus=((0.1, 0.1), (0.25, 0.25), (0.05, 0.25)), ms=(16, 64), n=128,
        more=((32, 32),), kappas=14, seeds=24, ns=(16, 32, 64, 128, 256, 512), ratio=2**0.5,
    ),
    "thorough": CalibrationEffort(
        name="thorough", sizes=16, each=6, looks=(16, 64, 256), cap={"start": 10.0, "T1": 20.0, "end": 30.0},
        lean=(6, 6), factors=(0.5, 1.0, 2.0, 10.0, 100.0),
        taus=((0.1, 0.1), (0.2, 0.2), (0.25, 0.25), (0.05, 0.25), (0.02, 0.1)), ms=(16, 32, 64, 128),
        n=256, more=((32, 32), (64, 32), (1024, 32)), kappas=24, seeds=48,
        ns=(16, 32, 64, 128, 256, 512, 1024), ratio=2**0.5,
    ),
}  # fmt: skip


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
class Layout:
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
    effort: CalibrationEffort
    seed: int
    device: str


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
    rng = np.random.default_rng(seed_of(draft.entropy))
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


def _folded(u: np.ndarray) -> np.ndarray:
    """Uniform shares whose outer quarters become the faces 0 and 1."""
    return np.clip(2 * u - 0.5, 0, 1)


def plan(
    chosen: Sequence[Claim],
    known: Sequence[Claim],
    reading: Reading,
    effort: CalibrationEffort,
    seed: int,
    device: str = "cpu",
    parts: Sequence[str] = PARTS,
    pool: processes.Pool | None = None,
    on_placed: Callable[[], None] = lambda: None,
) -> Layout:
    """Lay out all cells of a calibration of ``chosen``; groups form among ``known``, so that runs do not depend on it.

    Raises:
        ValueError: a claim has an unnamed constant or no conditions, so that no single setting can violate it.
    """
    require_calibratable(chosen)
    group_of = groups(tuple(known), PACK.observables)
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
        family = _Party(group, tuple(members), reading, effort, seed)
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
    placed = processes.mapped(_settings, [draft for _, draft in drafts], pool, on_placed)
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
    return Layout(
        claims=tuple(chosen), cells=tuple(cells), ended=ended, unplaced=tuple(unplaced), reading=reading,
        effort=effort, seed=seed, device=device,
    )  # fmt: skip


def _fixed_tau(needs: Sequence[Condition]) -> bool:
    return any(isinstance(c.statement, sp.Eq) and c.statement.lhs in (tau_plus, tau_minus) for c in needs)


def _dimension_item(needs: Sequence[Condition]) -> Condition | None:
    """The condition that bounds d from below, if there is just one such."""
    found = [c for c in needs if isinstance(c.statement, sp.Ge) and c.statement.lhs == dimension]
    return found[0] if len(found) == 1 else None


class _Party:
    """Claims with the same conditions and reach, and the cells that serve them all."""

    def __init__(
        self, group: Group, claims: tuple[Claim, ...], reading: Reading, effort: CalibrationEffort, seed: int
    ) -> None:
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
        return costs.affordable(PACK.lasts(stage, EPSILON[1]), seeds, each, scale * self.effort.cap.get(stage, 1.0))

    def _ranges(self) -> dict[str, tuple[float, float]]:
        if self.group.stage != "start":
            return self.ranges
        # A draw costs about n^3 + 8 m^3, and nothing else bounds it.
        most = (self.effort.cap["start"] / self.effort.looks[0] / costs.DRAW) ** (1 / 3)
        return self.ranges | {"n": (1, most), "m": (1, most / 2)}

    def ladder(self) -> list[tuple[Cell, "_Draft"]]:
        effort, cells = self.effort, []
        steps = LADDER if has_constant(self.group.needs) else SHARES
        for constant in steps:
            reading = replace(self.reading, C=constant) if has_constant(self.group.needs) else self.reading
            needs = (*at_constant(self.group.needs, constant), *self._cost(effort.looks[0], effort.each))
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
        claims = [c for c in self.claims if any(PACK.observables[o].stage == "T1" for o, _ in c.parts)]
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


def calibratable(claims: Sequence[Claim]) -> tuple[Claim, ...]:
    """The claims that are calibrated unless others are asked for: bounds in numbers, expected to hold."""
    return tuple(
        c for c in claims if falsifiable(c) and not c.contrast and not any(kind_of(x).everywhere for _, x in c.parts)
    )


def require_calibratable(chosen: Sequence[Claim]) -> None:
    """Raise ``ValueError`` where no single setting can violate a claim."""
    for claim in chosen:
        if not falsifiable(claim):
            why = "its constant is unnamed" if claim.needs else "it has no conditions"
            raise ValueError(
                f"claim '{claim.name}': {why}, so no single setting can violate it; `run {claim.name}` judges it"
            )
