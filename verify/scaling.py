"""A claim followed along a scaling on which a premise of the paper is lost: does its conclusion fail, or its proof?

A counter-scaling (``theory.orders``) satisfies a claim's own conditions and breaks a premise of the paper. Here it is
run: settings at growing N whose parameters are constants times the powers of N and log N that it states.

**Settings.** n starts at 16. kappa and tau sit in the geometric middle of their bands, delta and epsilon keep their
values. m and d are constants times their powers of N, the constants being the smallest with which the claim's
conditions hold at every N with margin C; if the scaling was found with the claim's own conditions as equalities
(``tight``), they lie on the edge of these at every N instead, which is the same up to constants. sigma_0 and eta, where
the lost premise does not speak of them, lie on the edge of their conditions too: again a counter-scaling, and the
cheapest to run. N grows in geometric steps as far as the profile affords.

**Control.** At every N the same setting is run once more with one parameter moved to where the lost premise holds
again. What fails there as well does not fail for its loss.

**Rule**, for explicit bounds. Let p be the probability that a run meets the claim.

* *the conclusion fails too*: the 95 % Clopper-Pearson interval of p at the largest N lies below 1 - delta; p does not
  rise along N (permutation test of the sum of log N over the runs that meet it, one-sided, level 5 %); and at the
  largest N control runs meet it more often (Fisher's exact test, one-sided, level 5 %).
* *only the proof fails*: the 95 % interval of p, pooled over the larger half of the N, lies above 1 - delta, and p does
  not fall along N (the same test, other side).
* *not enough evidence*: anything else; fewer than 5 values of N or a range below 8; or a premise that is not lost in
  numbers: its margin must lie below what is asked at every N of the larger half and fall by a factor of 1.5 at least.

For bounds with an unnamed constant and for rates, K(N) is the constant that serves a share 1 - delta (for rates: the
median prefactor), and its exponent along N is fitted, with a 95 % bootstrap interval over the runs at each N. It fails
if the interval lies beyond the tolerance that ``verify.judge`` grants a constant (0.25 the bad way; 0.05 either way for
a rate) and that of the control does not; it holds if the interval lies within. Where no K serves (a run never arrives,
or a lower bound is not positive), such runs count as failures under the first rule. The weakest part decides. Levels
are per claim and path, not corrected for their number.
"""

import hashlib
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import scipy
import sympy as sp

from numerics import Observable, Setting
from numerics.model import class_sizes, flip_share
from theory import (
    Band,
    Claim,
    Condition,
    evaluate,
    inside,
    kappa,
    tau_minus,
    tau_plus,
)
from theory.laws import Law
from theory.reading import Reading
from theory.symbols import lookup
from verify import costs, fit
from verify.design import EPSILON, MOST_STEPS, Group, Point, boundary, stated
from verify.evidence import Why, at_runs, evidence, lacking
from verify.laws import kind_of
from verify.pack import Pack, pack_of
from verify.seeds import seed_of
from verify.sweep import Job
from verify.userfile import Pin

Powers = Mapping[str, tuple[Fraction, ...]]

# That d and m lie inside their bounds: more than what is left where bounds on d and eta are placed in turn.
SLACK = 1e-6
START = 16  # the least n: below, single flips decide everything
VALUES, FEWEST, RANGE = 7, 5, 8.0  # values of N wanted, needed, and the least ratio of their ends
LARGEST = 6000  # n: three matrices of its square must fit in memory
LEVEL = 0.05
FALL = 1.5  # by which the margin of a lost premise must fall along N
# By profile: seeds per N, and core seconds that all runs at the largest N of all paths are expected to take.
EFFORT = {"quick": (24, 30.0), "standard": (48, 300.0), "thorough": (96, 3000.0)}
PART = 6  # seeds per job, so that the largest N is shared among the cores
# The parameters that have an edge, in the order in which they are placed: 1 where it is a lower bound, -1 an upper one.
INWARDS = {"m": 1, "d": 1, "sigma_0": -1, "eta": -1}
_PLACED = {"n", "mu", "sigma_xi", "tau_plus", "tau_minus", *INWARDS}  # those that a path places
PATIENCE = 4.0  # expected durations, each about twice the typical one, after which a run is given up


class Fate(StrEnum):
    FAILS = "the conclusion fails too"
    HOLDS = "only the proof fails"
    OPEN = "not enough evidence"


@dataclass(frozen=True, kw_only=True)
class Place:
    """One value of N.

    Attributes:
        size: N.
        setting: inside the claim's conditions.
        control: the same with the lost premise in force; None where no one parameter restores it.
        margin: of the lost premise at ``setting``.
    """

    size: float
    setting: Setting
    control: Setting | None
    margin: float


@dataclass(frozen=True, kw_only=True)
class Path:
    """Settings along a scaling.

    Attributes:
        needs: the conditions that hold on it.
        lost: the paper's premise that does not.
        scaling: in words.
        restored_by: the parameter that is moved for the control, or empty.
        places: by growing N.
        problem: why there are too few of them, or empty.
        group: name of the runs.
        stage: how far runs go.
    """

    needs: tuple[Condition, ...]
    lost: Condition
    scaling: str
    restored_by: str
    places: tuple[Place, ...]
    problem: str
    group: str
    stage: str


@dataclass(frozen=True, kw_only=True)
class Trend:
    """What a claim does along a path.

    Attributes:
        claim, path: which.
        answer, reason: see the rule above.
        table: a row per N: N, n, m, d, margin, runs, value, low, high, and the same of the control.
        kind: what ``value`` is: ``"share"`` of runs that meet the claim, or ``"constant"``.
    """

    claim: Claim
    path: Path
    answer: Fate
    reason: str
    table: pd.DataFrame
    kind: str


# ---------------------------------------------------------------------------------------------------------------
# Settings


def path(
    powers: Powers,
    scaling: str,
    needs: tuple[Condition, ...],
    lost: Condition,
    reading: Reading,
    stage: str,
    profile: str,
    tight: bool = False,
    share: float = 1.0,
) -> Path:
    """Settings along a scaling, as far as this share of the profile's effort goes; see above."""
    seeds, budget = EFFORT[profile]
    digest = hashlib.sha256(repr((stated((*needs, lost)), sorted(powers.items()))).encode()).hexdigest()[:6]
    found: dict[str, Any] = {
        "needs": needs, "lost": lost, "scaling": scaling, "stage": stage, "restored_by": "", "places": (),
        "group": f"along-{stage}-{digest}",
    }  # fmt: skip
    if stage == "exact":
        return Path(**found, problem="identities hold at any parameters: there is nothing to follow")

    def placed(sizes: list[float]) -> list[Place] | None:
        try:
            return _placed(sizes, powers, needs, lost, reading, tight)
        except ValueError:  # a parameter leaves its range, or a condition has no value there
            return None

    # The constants depend on how far N goes, but little: first the reach with those of the least N, then the path.
    pack = pack_of(reading)
    tries = [START * 2 ** (k / 4) for k in range(80)]
    reach = [START]
    for size in tries[1:]:
        ends = placed([START, size])
        if ends is None:
            break
        last = ends[-1]
        cost = sum(_cost(pack, s, stage, seeds) for s in (last.setting, last.control) if s)
        if last.setting.n > LARGEST or cost > share * budget or _steps(pack, last.setting, stage) > MOST_STEPS:
            break
        reach.append(size)
    wanted = np.geomspace(START, reach[-1], VALUES)
    places = placed(list(wanted))
    if places is None:
        return Path(**found, problem="no setting along it lies inside the claim's conditions")
    distinct = {(p.setting.n, p.setting.m, p.setting.d): p for p in places}
    found |= {"places": tuple(distinct.values())}
    found["restored_by"] = _restoring(lost) if places[-1].control else ""
    short = len(distinct) < FEWEST or reach[-1] / START < RANGE
    return Path(**found, problem=f"the profile affords N up to {reach[-1]:.0f} only" if short else "")


def _cost(pack: Pack, setting: Setting, stage: str, seeds: int) -> float:
    return costs.work(pack.rescaled_time(setting, EPSILON[1], stage), setting, seeds)


def _steps(pack: Pack, setting: Setting, stage: str) -> float:
    return pack.rescaled_time(setting, EPSILON[1], stage) / setting.time_scale


def growth(powers: tuple[Fraction, ...], size: float) -> float:
    """N^a (log N)^b (log log N)^c, relative to N = START."""
    tiers = [(size, START), (math.log(size), math.log(START))]
    tiers.append((math.log(tiers[1][0]), math.log(tiers[1][1])))
    return math.prod((now / then) ** float(p) for (now, then), p in zip(tiers, powers, strict=False))


def _placed(
    sizes: list[float], powers: Powers, needs: tuple[Condition, ...], lost: Condition, reading: Reading, tight: bool
) -> list[Place] | None:
    """A place at each N, with constants common to all; None if one lies outside."""
    none = (Fraction(0),) * 3
    speaks = {s.name for s in _body(lost).free_symbols}
    bands = {c.statement.expression: c.statement for c in needs if isinstance(c.statement, Band)}
    fixed = {c.statement.lhs: float(c.statement.rhs) for c in needs if isinstance(c.statement, sp.Eq)}

    pack = pack_of(reading)
    read = pack.bands(reading)

    def middle(name: str, expression: sp.Expr, typical: float) -> float:
        band = bands.get(expression, read.get(name))
        return math.sqrt(band.low * band.high) if band else typical

    taus = {
        name: fixed.get(symbol, middle(name, symbol, pack.typical[name]))
        for name, symbol in (("tau_plus", tau_plus), ("tau_minus", tau_minus))
    }
    effective = kappa * (1 - tau_plus - tau_minus)
    typical = evaluate(effective, pack.typical)
    balance = middle("kappa", effective, typical) / (1 - taus["tau_plus"] - taus["tau_minus"])
    rows: list[dict[str, float]] = []
    for size in sizes:
        grown = {k: growth(powers.get(k, none), size) for k in ("n", "d", "mu", "sigma_xi", "tau_plus", "tau_minus")}
        values = {"n": round(START * grown["n"]), "sigma_xi": grown["sigma_xi"]}
        values |= {k: v * grown[k] for k, v in taus.items()}
        if reading.labels == "balanced":
            values |= {k: flip_share(values[k], size) for k, size in zip(taus, class_sizes(values["n"]), strict=True)}
        values = reading.at(values, EPSILON[1])
        values["kappa"] = balance * grown["n"] * grown["mu"] ** 2 / (grown["sigma_xi"] ** 2 * grown["d"])
        # What else a setting fixes stands still.
        rows.append({k: fixed.get(lookup(k), pack.typical[k]) for k in pack.order if k not in _PLACED} | values)
        if max(values["tau_plus"], values["tau_minus"]) >= 0.5 or values["n"] < 2:
            return None
    # The bound on d depends on eta through log T*, and that on eta on d: both are placed in turn until they stay.
    for _ in range(30):
        before = [values.get("d", 0.0) for values in rows]
        for name, inwards in INWARDS.items():
            if name == "m" and "d" in rows[0]:
                continue
            edge = []
            for values in rows:
                _move(values, name, _anywhere(name, values))
                if name == "d":
                    values.pop("sigma_0", None)
                    values.setdefault("eta", _anywhere("eta", values))
                if not _to_edge(values, name, needs, reading):
                    return None
                edge.append(values[name])
            free = _unrestricted(name, needs)
            if (name in ("m", "d") or name in speaks) and (free or not tight):
                grown_ = [growth(powers.get(name, none), size) for size in sizes]
                if free:  # start where the lost premise holds, and let the scaling lead away from it
                    values = dict(rows[0])
                    if not _to_edge(values, name, (lost,), reading):
                        return None
                    least = _anywhere(name, rows[0]) if inwards > 0 else 0.0  # where nothing bounds it, nothing extreme
                    constant = max(values[name], least) / grown_[0]
                else:
                    ratios = [e / g for e, g in zip(edge, grown_, strict=True)]
                    constant = max(ratios) if inwards > 0 else min(ratios)
                edge = [constant * g for g in grown_]
            for values, x in zip(rows, edge, strict=True):
                _move(values, name, math.ceil(x * (1 + SLACK)) if name in ("m", "d") else x)
        if all(abs(values["d"] - d) <= SLACK / 2 * d for values, d in zip(rows, before, strict=True)):
            break
    if not all(inside(needs, values, reading.C) for values in rows):
        return None
    return [
        Place(
            size=size,
            setting=pack.settings(values, reading.labels),
            control=_control(values, needs, lost, reading),
            margin=lost.margin(values, reading.C).value,
        )
        for size, values in zip(sizes, rows, strict=True)
    ]


def _body(condition: Condition) -> sp.Basic:
    held = condition.statement
    return held.expression if isinstance(held, Band) else held


def _unrestricted(name: str, needs: tuple[Condition, ...]) -> bool:
    """Whether no condition bounds the parameter from the side that matters; for d, by itself or through mu."""
    for condition in needs:
        held = condition.statement
        if isinstance(held, (sp.Ge, sp.Le)):
            bounded = held.gts if INWARDS[name] > 0 else held.lts
            if lookup(name) in bounded.free_symbols:
                return False
    return True


def _anywhere(name: str, values: dict[str, float]) -> float:
    """Where to look for the edge from; where no condition speaks, a small step and initialization as in ``sweep``."""
    if name == "eta":
        return 0.05 * values["n"] * values["m"] / (values["sigma_xi"] ** 2 * values["d"])
    if name == "sigma_0":
        return 1e-3 / (values["sigma_xi"] * math.sqrt(values["d"]))
    return 2.0 if name == "m" else 4.0 * (values["n"] + 2 * values["m"] + 1)


def _to_edge(values: dict[str, float], name: str, needs: tuple[Condition, ...], reading: Reading) -> bool:
    """Move a parameter to where its tightest condition just holds; False where there is no such place."""
    return boundary(values, name, needs, reading.C, lambda x: _move(values, name, x), INWARDS[name])


def _move(values: dict[str, float], name: str, to: float) -> None:
    """Set a parameter; mu follows kappa, which the scaling fixes."""
    values[name] = to
    if "d" in values:
        values["mu"] = values["sigma_xi"] * math.sqrt(values["kappa"] * values["d"] / values["n"])


def _restoring(lost: Condition) -> str:
    """The parameter that restores a premise: the first of these on which it is a bound."""
    if isinstance(lost.statement, (sp.Ge, sp.Le)):
        for name in INWARDS:
            if not _unrestricted(name, (lost,)):
                return name
    return ""


def _control(
    values: dict[str, float], needs: tuple[Condition, ...], lost: Condition, reading: Reading
) -> Setting | None:
    """The same with the premise in force; sigma_0 and eta stay on the edge of their conditions."""
    name = _restoring(lost)
    if not name:
        return None
    moved, all_ = dict(values), (*needs, lost)
    for _ in range(30):  # as in _placed
        before = moved["d"]
        for k in dict.fromkeys([name, "sigma_0", "eta"]):
            if not _to_edge(moved, k, all_, reading):
                return None
            if k in ("d", "m"):
                _move(moved, k, math.ceil(moved[k] * (1 + SLACK)))
        if abs(moved["d"] - before) <= SLACK / 2 * before:
            break
    return pack_of(reading).settings(moved, reading.labels) if inside(all_, moved, reading.C) else None


# ---------------------------------------------------------------------------------------------------------------
# Runs

CONTROL = "-control"


def jobs(
    along: Path,
    observables: tuple[str, ...],
    profile: str,
    reading: Reading,
    seed: int,
    device: str,
    file: Pin | None = None,
) -> list[Job]:
    """The runs of a path and of its control, a few seeds to a job."""
    if along.problem:
        return []
    seeds, _ = EFFORT[profile]
    planned = []
    for suffix in ("", CONTROL):
        group = Group(
            name=along.group + suffix,
            needs=along.needs,
            stage=along.stage,
            needs_rates=False,
            observables=observables,
            patience=PATIENCE,
        )
        for k, place in enumerate(along.places):
            setting = place.control if suffix else place.setting
            for part in range(0, seeds, PART) if setting else ():
                index = k * (seeds // PART) + part // PART
                start = seed_of(f"{seed}/{group.name}/{index}")
                planned.append(
                    Job(
                        group=group,
                        point=Point(setting=setting, epsilon=EPSILON[1], index=index),
                        seeds=tuple(start + i for i in range(PART)),
                        reading=reading,
                        device=device,
                        file=file,
                    )
                )
    return planned


def trend(
    claim: Claim,
    along: Path,
    runs: pd.DataFrame,
    reading: Reading,
    known: Mapping[str, Observable],
) -> Trend:
    """Judge a claim along a path; ``runs`` may hold those of other groups too. ``known``: observables by name."""

    def answer(what: Fate, reason: str, table: pd.DataFrame | None = None, kind: str = "share") -> Trend:
        held = pd.DataFrame() if table is None else table
        return Trend(claim=claim, path=along, answer=what, reason=reason, table=held, kind=kind)

    if along.problem:
        return answer(Fate.OPEN, along.problem)
    by_group = {suffix: _with_size(runs, along, suffix) for suffix in ("", CONTROL)}
    by_group = {suffix: there for suffix, there in by_group.items() if len(there)}  # not every path has a control
    if "" not in by_group or by_group[""]["N"].nunique() < len(along.places):
        return answer(Fate.OPEN, "interrupted before all its runs")
    parts = [_explicit([p for p in claim.parts if kind_of(p[1]).at_once], by_group, reading, known)]
    parts += [_part(known[name], law, by_group, reading) for name, law in claim.parts if not kind_of(law).at_once]
    order = [Fate.FAILS, Fate.OPEN, Fate.HOLDS]
    what, reason, table, kind = min((p for p in parts if p is not None), key=lambda p: order.index(p[0]))
    table = _places(along).merge(table, on="N", how="left")
    margins = table["margin"].to_numpy()
    required = along.lost.margin(_values(along.places[-1].setting, reading), reading.C).required
    if (margins[len(margins) // 2 :] >= required).any() or margins[0] < FALL * margins[-1]:
        said = f"the premise is not lost in numbers: its margin goes from {margins[0]:.3g} to {margins[-1]:.3g}"
        return answer(Fate.OPEN, said, table, kind)
    return answer(what, reason, table, kind)


def _values(setting: Setting, reading: Reading) -> dict[str, float]:
    return reading.at(setting.values(), EPSILON[1])


def _places(along: Path) -> pd.DataFrame:
    rows = [
        {"N": p.size, "n": p.setting.n, "m": p.setting.m, "d": p.setting.d, "margin": p.margin} for p in along.places
    ]
    return pd.DataFrame(rows)


def _with_size(runs: pd.DataFrame, along: Path, suffix: str) -> pd.DataFrame:
    """The runs of a path or its control, with their N; its settings are renumbered by N."""
    own = runs[runs["group"] == along.group + suffix].copy()  # in one piece, of which pandas would else complain
    settings = [p.control if suffix else p.setting for p in along.places]
    place_of = {(s.n, s.m, s.d): k for k, s in enumerate(settings) if s is not None}
    place = [place_of[key] for key in zip(own["n"], own["m"], own["d"], strict=True)]
    return own.assign(setting=place, N=[along.places[k].size for k in place])


# ---------------------------------------------------------------------------------------------------------------
# The rule

_Part = tuple[Fate, str, pd.DataFrame, str]


def _explicit(laws: list, by_group: Mapping[str, pd.DataFrame], reading: Reading, known: Mapping) -> _Part | None:
    if not laws:
        return None
    found = {suffix: evidence(laws, runs, known) for suffix, runs in by_group.items() if len(runs)}
    size = {suffix: by_group[suffix]["N"].to_numpy() for suffix in found}
    return (*_heard({k: (size[k], e.met, e.counted, e.open) for k, e in found.items()}, reading), "share")


_Heard = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # N, met, counted, open; each of shape (runs,)


def _heard(seen: Mapping[str, _Heard], reading: Reading) -> tuple[Fate, str, pd.DataFrame]:
    """The rule for shares on the runs that count. That a claim holds must stand although all that might have spoken and
    did not failed."""
    counted = {k: (size[here], met[here]) for k, (size, met, here, _) in seen.items()}
    size, met, here, open_ = seen[""]
    if not here.any():
        return Fate.OPEN, "no run says anything", pd.DataFrame({"N": np.unique(size)})
    told = shares(counted[""], counted.get(CONTROL), 1 - reading.delta)
    if told[0] == Fate.HOLDS and open_.any():
        asked = here | open_
        strict = shares((size[asked], met[asked]), counted.get(CONTROL), 1 - reading.delta)
        if strict[0] != Fate.HOLDS:
            return Fate.OPEN, f"{told[1]}; but {int(open_.sum())} runs might have spoken and did not", told[2]
    return told


def shares(
    seen: tuple[np.ndarray, np.ndarray], control: tuple[np.ndarray, np.ndarray] | None, required: float
) -> tuple[Fate, str, pd.DataFrame]:
    """The rule for explicit bounds.

    Args:
        seen: N of each run, and whether it meets the claim. Each of shape (runs,).
        control: the same with the lost premise in force, or None.
        required: the probability claimed.

    Returns:
        The answer, why, and a row per N.
    """
    size, met = seen
    if not len(size):
        return Fate.OPEN, "no run says anything", pd.DataFrame({"N": []})
    table = _share_table(size, met)
    if control is not None and len(control[0]):
        there = _share_table(*control).set_index("N").add_prefix("control_")
        table = table.merge(there, left_on="N", right_index=True, how="left")
    values = table["N"].to_numpy()
    last = table.iloc[-1]
    upper = met[size >= values[len(values) // 2]]
    pooled = fit.clopper_pearson(int(upper.sum()), len(upper))
    rises, falls = _rises(size, met), _rises(size, ~met)
    course = f"the share of runs that meet it goes from {table['value'].iloc[0]:.2f} to {last['value']:.2f}"
    interval = f"[{last['low']:.2f}, {last['high']:.2f}] at the largest N"
    if last["high"] < required and rises >= LEVEL:
        on = met[size == values[-1]]
        off = on[:0] if control is None else control[1][control[0] == values[-1]]
        if not len(off):
            return Fate.FAILS, f"{course}, {interval}; there is no control", table
        p = scipy.stats.fisher_exact([[off.sum(), (~off).sum()], [on.sum(), (~on).sum()]], alternative="greater").pvalue
        beside = f"{off.mean():.2f} with the premise in force"
        if p < LEVEL:
            return Fate.FAILS, f"{course}, {interval}, against {beside}", table
        return Fate.OPEN, f"{course}, {interval}, but also {beside}: its loss is not shown to be the cause", table
    if pooled.low > required and falls >= LEVEL:
        said = f"{int(upper.sum())} of {len(upper)} runs over the larger half of N, share {pooled}"
        return Fate.HOLDS, f"{course}; {said}", table
    open_ = f"{course}; over the larger half of N {pooled} against {required:g}"
    if pooled.low > required:
        open_ += f", and it falls along N (p = {falls:.2g})"
    elif last["high"] < required:
        open_ += f", but it rises along N (p = {rises:.2g})"
    return Fate.OPEN, open_, table


def _share_table(size: np.ndarray, met: np.ndarray) -> pd.DataFrame:
    rows = []
    for value in np.unique(size):
        hits, trials = int(met[size == value].sum()), int((size == value).sum())
        interval = fit.clopper_pearson(hits, trials)
        rows.append({"N": value, "runs": trials, "value": interval.value, "low": interval.low, "high": interval.high})
    return pd.DataFrame(rows)


def _rises(size: np.ndarray, met: np.ndarray, draws: int = 1999) -> float:
    """One-sided permutation p-value that successes lie at larger N than chance would put them."""
    if met.all() or not met.any():
        return 1.0
    x = np.log(size)
    rng = np.random.default_rng(zlib.crc32(met.tobytes() + size.tobytes()))
    # The sum over the successes, for random subsets of as many runs.
    order = rng.random((draws, len(x))).argsort(1)[:, : int(met.sum())]
    return float(((x[order].sum(1) >= x[met].sum() - 1e-9).sum() + 1) / (draws + 1))


def _part(observable: Observable, law: Law, by_group: Mapping[str, pd.DataFrame], reading: Reading) -> _Part | None:
    kind = kind_of(law)
    if kind.along is None:
        empty = pd.DataFrame({"N": np.unique(by_group[""]["N"])})
        what = f"{'an' if kind.called[0] in 'aeiou' else 'a'} {kind.called}"
        return Fate.OPEN, f"{what} has no trend along N", empty, "share"
    name, ratios, open_ = observable.name, {}, {}
    for suffix, runs in by_group.items():
        if len(runs):
            lacks = lacking(observable, runs)
            speaks = lacks != Why.NO_FLIP
            ratio = np.where(lacks == "", runs[name].to_numpy(float) / at_runs(law.expression, runs), np.nan)
            ratios[suffix] = (runs["N"].to_numpy()[speaks], ratio[speaks])
            open_[suffix] = (lacks != "")[speaks]
    quantile, tolerance = kind.along.quantile(reading), kind.along.tolerance(law)
    # For an upper bound zero and below are fine; a run that never arrived is not.
    good = {k: ~np.isnan(r) if kind.along.bad > 0 else r > 0 for k, (n, r) in ratios.items()}
    if not good[""].all():
        told = _heard({k: (ratios[k][0], good[k], ~open_[k], open_[k]) for k in ratios}, reading)
        if told[0] != Fate.HOLDS:
            return told[0], f"{name}: {told[1]} (some constant serves a run)", told[2], "share"
    return (
        *constants({k: (n[r > 0], r[r > 0]) for k, (n, r) in ratios.items()}, quantile, tolerance, kind.along.bad),
        "constant",
    )


def constants(
    seen: Mapping[str, tuple[np.ndarray, np.ndarray]], quantile: float, tolerance: float, bad: int
) -> tuple[Fate, str, pd.DataFrame]:
    """The rule for unnamed constants.

    Args:
        seen: by ``""`` and, where there is one, ``CONTROL``: N of each run, and its observable over the law, positive.
        quantile: of the runs at one N, which is K there.
        tolerance: on the exponent of K along N.
        bad: 1 if growth of K is bad, -1 if decay is, 0 if both are.
    """
    slopes, tables = {}, {}
    for suffix, (size, ratio) in seen.items():
        if len(np.unique(size)) >= 3:
            slopes[suffix], tables[suffix] = _exponent(size, np.log(ratio), quantile)
    if "" not in slopes:
        return Fate.OPEN, "too few runs give a constant", pd.DataFrame({"N": np.unique(seen[""][0])})
    table = tables[""]
    if CONTROL in tables:
        there = tables[CONTROL].set_index("N").add_prefix("control_")
        table = table.merge(there, left_on="N", right_index=True, how="left")
    slope = slopes[""]
    course = f"K goes from {table['value'].iloc[0]:.3g} to {table['value'].iloc[-1]:.3g}, as N^{slope}"

    def beyond(s: fit.Interval) -> bool:
        return (bad >= 0 and s.low > tolerance) or (bad <= 0 and s.high < -tolerance)

    if beyond(slope):
        if CONTROL in slopes and beyond(slopes[CONTROL]):
            said = f"{course}, and with the premise in force as N^{slopes[CONTROL]}: its loss is not the cause"
            return Fate.OPEN, said, table
        return Fate.FAILS, f"{course}, beyond N^±{tolerance:g}", table
    if (bad <= 0 or slope.high < tolerance) and (bad >= 0 or slope.low > -tolerance):
        return Fate.HOLDS, f"{course}, within N^±{tolerance:g}", table
    return Fate.OPEN, f"{course}: N^±{tolerance:g} is neither excluded nor confirmed", table


def _exponent(size: np.ndarray, log_ratio: np.ndarray, quantile: float) -> tuple[fit.Interval, pd.DataFrame]:
    rng = np.random.default_rng(zlib.crc32(log_ratio.tobytes()))
    values = np.unique(size)
    x = np.log(values) - np.log(values).mean()
    rows, drawn = [], []
    for value in values:
        own = log_ratio[size == value]
        again = np.quantile(own[rng.integers(0, len(own), (fit.REPLICATES, len(own)))], quantile, axis=1)
        low, high = np.quantile(again, [(1 - fit.LEVEL) / 2, (1 + fit.LEVEL) / 2])
        middle = float(np.quantile(own, quantile))
        row = {"value": math.exp(middle), "low": math.exp(min(low, middle)), "high": math.exp(max(high, middle))}
        rows.append({"N": value, "runs": len(own), **row})
        drawn.append(again)
    weight = x / (x**2).sum()
    low, high = np.quantile(weight @ np.array(drawn), [(1 - fit.LEVEL) / 2, (1 + fit.LEVEL) / 2])
    table = pd.DataFrame(rows)
    return fit.Interval(value=float(weight @ np.log(table["value"])), low=float(low), high=float(high)), table
