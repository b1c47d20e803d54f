"""Does a pack do what it declares? Asked of ours in the tests, and of anybody's by ``python -m verify papers FILE``.

Each check is a question with a planted failure that it catches (tests/test_conformance.py):

* the derivatives of the activation and of the loss are what autograd says, and phi is of the degree that it states;
* a step is a function of weights, memory and slope, of each run by itself; in coefficient space it is one on the
  network, to rounding (d below, at and above n);
* the rescaling (mu, sigma_xi, sigma_0, eta) -> (c mu, c sigma_xi, sigma_0/c, eta/c^2) changes no run;
* observables read what they say and weigh what they say;
* at its typical setting every condition and bound has a value, and each statement about orders has the answer stated;
* claims name observables that exist, and settings inside their conditions can be found;
* runs approach the reduced dynamics, where the pack knows one;
* a rate, and a boundary between phases, with one wrong exponent is refuted, where the paper claims one.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import sympy as sp
import torch

from numerics import Event, Observable, Setting, Trajectory, draw, train
from numerics import algorithm as algorithms
from numerics.examined import examine_algorithm
from numerics.identities import step_residual
from numerics.module import ModuleSetting
from numerics.observables import moments, series_of
from theory import Claim
from theory.laws import Law
from theory.symbols import RESCALING
from verify import design, sweep
from verify.design import PROFILES, Group, groups
from verify.judge import judge
from verify.laws import check_law, kind_of
from verify.laws.kind import Status
from verify.pack import Pack

OURS = (algorithms.DESCENT, algorithms.DECAY, algorithms.MOMENTUM, algorithms.SAM)
ROUNDING = 1e-9  # of a derivative: float64 leaves about 1e-15; a wrong term shows at order one
# Of a step: float64 leaves 1e-13 where weights are of order one, and up to 2e-9 were seen where a run is about to
# diverge and the norm of a gradient is divided by; a derivative that is wrong in a narrow range showed at 2e-5.
STEP = 1e-7
FAR = 100.0  # beyond it a margin or a pre-activation has diverged
SETTINGS = 9  # of the recursion: three each with d below, at and above n
STEPS = (0, 1, 20, 120)  # after which one more is compared
SMALL, LARGE = 48, 768  # n at which runs are compared with the reduced dynamics: fluctuations of n^-1/2 fall fourfold
FALL = 0.7  # of the gap from the one to the other at least; half is what n^-1/2 would give with as much again beside it
WRONG = sp.Rational(1, 4)  # a power of n by which a claimed rate, or the place of a boundary, is bent
FEW = 15  # settings where runs go to the end of training, or what a pack's own design makes of it


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What came of one check: ``problem`` is empty where the pack does what it declares, or where there was nothing to
    ask; then ``void`` says why."""

    check: str
    problem: str = ""
    void: str = ""


class Void(Exception):
    """A question that a pack gives no occasion to ask: that it was not asked must not pass for an answer."""


def examine(pack: Pack, names: Sequence[str] = ()) -> Iterator[Finding]:
    """Checks by name or all, in the order of the module's text; one that raises is a problem too."""
    for name in names or CHECKS:
        check = CHECKS[name]
        try:
            yield Finding(check=name, problem=check(pack))
        except Void as why:
            yield Finding(check=name, void=str(why))
        except Exception as raised:
            yield Finding(check=name, problem=" ".join(f"{type(raised).__name__}: {raised}".split()))


def small_settings(pack: Pack, count: int = SETTINGS, seed: int = 0) -> list[Setting]:
    """Settings of any parameters at all, d below, at and above n."""
    return [point.setting for point in design.small_dense(count, seed, "drawn", pack)]


def slope(pack: Pack) -> str:
    """The declared derivatives of activation and loss against autograd, on both sides of the kink, at every size that
    their argument or a parameter of the activation may have: up to :data:`FAR`."""
    activation = pack.setting.activation
    least = max(min([1e-12, *(pack.extents[name][0] / 10 for name in activation.parameters)]), 1e-300)
    # Most where training spends its time.
    sizes = np.unique(
        np.concatenate([np.geomspace(least, FAR, round(8 * math.log10(FAR / least))), np.linspace(0.01, 20, 2000)])
    )
    grid = torch.as_tensor(np.concatenate([-sizes[::-1], [0.0], sizes]))
    if isinstance(activation.degree, str) and activation.degree not in pack.setting.ranges():
        return f"the degree of '{activation.name}' is '{activation.degree}', which is no parameter of the model"
    for k, setting in enumerate((*small_settings(pack), pack.settings(pack.typical, "drawn"))):
        own = [grid.new_tensor(x) for x in setting.shape]
        whose = f"of the activation '{activation.name}'"
        for name, function in () if k else (("phi", activation.value), ("phi'", activation.slope)):
            if said := _of_each(function, grid, own):
                return f"{name} {whose} {said}"
        if (there := _derivative(activation.value, grid, own)) is None:
            return f"phi {whose} has no gradient: leave out detach, no_grad and NumPy"
        if said := _apart(activation.slope(grid.clone(), *own), there, grid):
            return f"phi' of '{activation.name}' {said} from the derivative of phi"
        if activation.degree is not None:
            power = getattr(setting, activation.degree) if isinstance(activation.degree, str) else activation.degree
            near = grid.clamp(-1, 1)
            if said := _apart(activation.value(2 * near, *own), 2**power * activation.value(near, *own), near):
                return f"phi(2z) of '{activation.name}' {said} from 2^{power:g} phi(z): its degree is another, or none"
    loss = pack.setting.loss
    for name, function in (("value", loss.value), ("pull", loss.pull)):
        if said := _of_each(function, grid, []):
            return f"the {name} of the loss '{loss.name}' {said}"
    if (there := _derivative(loss.value, grid, [])) is None:
        return f"the value of the loss '{loss.name}' has no gradient: leave out detach, no_grad and NumPy"
    if said := _apart(loss.pull(grid.clone()), -there, grid):
        return f"the pull of the loss '{loss.name}' {said} from minus its derivative"
    return ""


def _derivative(function: Callable, grid: torch.Tensor, own: list[torch.Tensor]) -> torch.Tensor | None:
    """At the points of a grid; None where autograd has none."""
    z = grid.clone().requires_grad_()
    try:
        value = function(z, *own)
    except RuntimeError:  # NumPy, where a gradient is asked for
        return None
    return torch.autograd.grad(value.sum(), z, materialize_grads=True)[0] if value.requires_grad else None


def _of_each(function: Callable, grid: torch.Tensor, own: list[torch.Tensor]) -> str:
    """What is wrong with a function of each number by itself; empty where nothing is."""
    given, few = grid.clone(), slice(len(grid) // 3)
    try:
        whole, again, part = (function(z, *own) for z in (given, grid.clone(), grid[few].clone()))
    except Exception as problem:  # what is one's own may raise anything
        return f"raises {type(problem).__name__}: {' '.join(str(problem).split())}"
    if not isinstance(whole, torch.Tensor) or whole.shape != grid.shape:
        found = f"the shape {tuple(whole.shape)}" if isinstance(whole, torch.Tensor) else f"a {type(whole).__name__}"
        return f"gives {found} for numbers of shape {tuple(grid.shape)}: give one for each, as torch.ones_like(z) for 1"
    if not torch.equal(given, grid):
        return "changes what it is given in place: make new numbers"
    if not bool(whole.isfinite().all()):
        return f"is no number at z = {float(grid[~whole.isfinite()][0]):.3g}"
    if _apart(again, whole, grid):
        return "gives other numbers when it is asked again: draw nothing at random, count nothing"
    if _apart(part, whole[few], grid[few]):
        return "makes something else of a number where others are beside it: take each by itself"
    return ""


def _apart(ours: torch.Tensor, there: torch.Tensor, grid: torch.Tensor) -> str:
    """Where and how far two functions differ, relative to the larger of 1 and their size; empty where they do not."""
    ours, there = ours.double(), there.double()
    gap = (ours - there).abs() / there.abs().clamp(min=1.0)
    if bool(gap.max() <= ROUNDING):
        return ""
    worst = int(gap.nan_to_num(torch.inf).argmax())
    return f"at z = {float(grid[worst]):.3g} is {float((ours - there).abs()[worst]):.3g}"


def recursion(pack: Pack) -> str:
    """The engine against plain autograd, step by step from the same weights: along a run gradient descent on a smooth
    activation may be unstable, and then rounding grows to any size."""
    if issubclass(pack.setting, ModuleSetting):
        raise Void("its network runs on its own parameters, by autograd")
    settings = small_settings(pack)
    try:
        examine_algorithm(settings[0])
    except ValueError as problem:
        return str(problem)
    if pack.setting.algorithm.dense:
        raise Void(f"{pack.setting.algorithm.name} runs on the weights themselves, by autograd")
    for k, setting in enumerate(settings):
        sample = draw(setting, k, dense=True)
        for steps in STEPS:
            gap = step_residual(setting, sample, steps)
            if gap > STEP:  # NaN: both have diverged
                told = f"step {steps + 1} in coefficient space is {gap:.3g} from autograd at {sweep.told(setting)}"
                if pack.setting.plain() or pack.setting.algorithm in OURS:
                    return told
                return f"{told}; an algorithm that looks at single coordinates of the weights must say dense=True"
    return ""


def typical_runs(pack: Pack, scale: float = 1.0, seeds: int = 4) -> Trajectory:
    """Small runs about the typical setting, to a loss of 0.2; ``scale`` is the c of the rescaling."""
    if issubclass(pack.setting, ModuleSetting):  # nobody knows at which sizes a network of one's own makes sense
        setting = pack.settings(pack.typical, "drawn")
        samples = [draw(setting, seed) for seed in range(seeds)]
        return train([setting] * seeds, samples, steps=100, stop=_STOP, events=moments(0.25))
    at = {**pack.typical, "n": 8, "m": 4, "d": 300, "mu": pack.typical["mu"] / math.sqrt(pack.typical["d"] / 300)}
    at["eta"] = 0.02 * 8 * 4 / (at["sigma_xi"] ** 2 * 300) / 0.1
    at["sigma_0"] = 1e-3 / at["sigma_xi"]
    setting = pack.settings({k: v * scale ** RESCALING.get(k, 0) for k, v in at.items()}, "drawn")
    samples = [draw(setting, seed, dense=True) for seed in range(seeds)]
    return train([setting] * seeds, samples, steps=600, stop=_STOP, events=moments(0.25))


_STOP = Event(series="loss", value=0.2, falling=True)


def symmetry(pack: Pack) -> str:
    """The rescaling by a power of two, which rounds nothing."""
    if issubclass(pack.setting, ModuleSetting):
        raise Void("a network of one's own need not have this symmetry")
    if pack.setting.algorithm.dense:
        raise Void(f"{pack.setting.algorithm.name} does not have this symmetry")
    here, there = typical_runs(pack), typical_runs(pack, 4.0)
    for name in ("loss", "coefficient_max", "margin_min"):
        if not np.array_equal(here.series[name], there.series[name], equal_nan=True):
            return f"series '{name}' changes under the rescaling, which must change no run"
    return ""


def declarations(pack: Pack) -> str:
    """What observables declare of themselves."""
    run = typical_runs(pack)
    scaled = None if issubclass(pack.setting, ModuleSetting) else typical_runs(pack, 4.0)
    for observable in pack.observables.values():
        if not reads_what_it_says(observable, run):
            return f"observable '{observable.name}' reads more than reads = {observable.reads}"
        if scaled and observable.stage != "exact" and not weighs_what_it_says(observable, run, scaled):
            return f"observable '{observable.name}' does not have the weight {observable.weight}"
    return ""


def reads_what_it_says(observable: Observable, run: Trajectory) -> bool:
    """Whether its number is the same, to the last bit, where nothing but what it declares was recorded."""
    kept = series_of([observable], (*run.events.values(), _STOP)) | set(run.settings[0].series)
    part = replace(run, series={name: values for name, values in run.series.items() if name in kept})
    try:
        return np.array_equal(observable(part), observable(run), equal_nan=True)
    except KeyError:
        return False


def weighs_what_it_says(observable: Observable, run: Trajectory, scaled: Trajectory) -> bool:
    """Whether the rescaling by 4 changes it by 4^weight; ``scaled`` holds the runs after it."""
    a, b = observable(run) * 4.0**observable.weight, observable(scaled)
    return np.allclose(a, b, rtol=1e-9, atol=1e-12, equal_nan=True)


def statements(pack: Pack) -> str:
    """Conditions, bounds and statements about orders."""
    reading = pack.paper.reading()
    for held in pack.paper.sets(reading):
        for condition in held.conditions:
            condition.margin(pack.typical, reading.C)
    for claim in pack.paper.claims(reading):
        for name, law in claim.parts:
            for asked in (name, *law.reads):
                if asked not in pack.observables:
                    return f"claim '{claim.name}' is about the observable '{asked}', which does not exist"
            check_law(law, pack.typical)
    for statement in pack.paper.entailments():
        answer = statement.decide()
        if answer.status != statement.expected:
            return f"'{statement.name}' is {answer.status}, stated is {statement.expected}"
    return ""


def designs(pack: Pack) -> str:
    """Settings inside the conditions of every claim."""
    for group in {g.name: g for g in _groups(pack).values()}.values():
        _, undesigned = sweep.plan_jobs([group], PROFILES["quick"], pack.paper.reading(), 0, "cpu")
        for why in undesigned.values():
            return why
    return ""


def reduced(pack: Pack) -> str:
    """Runs approach the reduced dynamics as n grows, all else as in the limit."""
    if pack.predicted is None:
        raise Void("it knows no reduced dynamics")
    gaps = {size: _gap(pack, size) for size in (SMALL, LARGE)}
    if not gaps[LARGE] <= FALL * gaps[SMALL]:
        shown = ", ".join(f"{gap:.3g} at n = {size}" for size, gap in gaps.items())
        return f"the gap to the reduced dynamics does not fall as n grows: {shown}"
    return ""


def _gap(pack: Pack, size: int) -> float:
    """Mean over seeds of the largest gap to a predicted curve up to rescaled time 3, over 1 + the curve."""
    at = {**pack.typical, "n": size, "m": 24, "d": 60.0 * size**2, "sigma_xi": 1.0}
    ratio = pack.typical["n"] * pack.typical["mu"] ** 2 / (pack.typical["sigma_xi"] ** 2 * pack.typical["d"])
    at |= {"mu": math.sqrt(ratio * at["d"] / size), "eta": 0.02 * size * 24 / at["d"]}
    at["sigma_0"] = 0.1 * math.sqrt(size) / at["d"]
    if pack.setting.batches.size:  # what a part of the samples adds by chance is no part of the limit
        at[pack.setting.batches.size] = size
    # Copies of the noise are learned faster by the square of their number: a step is as short to all.
    at["eta"] /= pack.settings(at, "drawn").noise_patches ** 2
    setting = pack.settings(at, "drawn")
    seeds = max(2, 16 * SMALL // size)
    run = train([setting] * seeds, [draw(setting, seed) for seed in range(seeds)], steps=150)
    assert pack.predicted is not None
    curves = pack.predicted(setting, run.times * setting.time_scale)
    off = np.stack([np.abs(run.series[name] - curve) / (1 + curve) for name, curve in curves.items()])
    said = ~np.isnan(off).all((0, 1))  # times of which the curves speak
    return float(np.nanmean(np.nanmax(off[..., said], axis=(0, 2))))


def refutes(pack: Pack) -> str:
    """Of each kind of law that has powers, the first that the paper claims, on runs short of the end if there is one,
    with one wrong power, on its own runs at the quick profile."""
    by_claim = _groups(pack)
    stated: dict[type, list] = {}
    for claim in pack.paper.claims(pack.paper.reading()):
        for part in claim.parts:
            if kind_of(part[1]).bent is not None and not claim.contrast:
                stated.setdefault(type(part[1]), []).append((claim, part))
    if not stated:
        raise Void("it claims no law with powers")
    open_ = []
    for told in stated.values():
        claim, part = min(told, key=lambda one: by_claim[one[0].name].stage == "end")
        try:
            problem = _refuted(claim, part, by_claim[claim.name], pack)
        except Void as why:
            open_.append(str(why))
            continue
        if problem:
            return problem
    if open_:
        raise Void("; ".join(open_))
    return ""


def _refuted(claim: Claim, part: tuple[str, Law], group: Group, pack: Pack) -> str:
    """What is wrong where the claim with one wrong power is not refuted."""
    reading, (name, law) = pack.paper.reading(), part
    profile = PROFILES["quick"]
    if group.stage == "end":  # long runs: few of them, enough to refute
        profile = replace(profile, settings={**profile.settings, "end": FEW})
    alone = replace(group, observables=("flip_share", name, *law.reads), kept=())
    jobs, _ = sweep.plan_jobs([alone], profile, reading, 0, "cpu")
    runs = pd.concat([r.runs for bundle in sweep.bundles(jobs) for r in sweep.execute(bundle)], ignore_index=True)
    bend = kind_of(law).bent
    assert bend is not None
    bent = replace(claim, observable=name, law=bend(law, WRONG))
    verdict = judge(bent, runs, reading, pack.observables)
    if verdict.status == Status.REFUTED:
        return ""
    own = judge(replace(bent, law=law), runs, reading, pack.observables)
    if Status.INCONCLUSIVE == verdict.status == own.status:
        raise Void(f"the runs of a quick study decide neither '{claim.name}' nor a wrong one: {own.reason}")
    return f"'{claim.name}' times n^{WRONG} is {verdict.status}: {verdict.reason}"


def _groups(pack: Pack) -> dict:
    return groups(pack.paper.claims(pack.paper.reading()), pack.observables)


OF_MODEL = ("the activation's derivative", "coefficient space is autograd")  # without which no run means anything

CHECKS: dict[str, Callable[[Pack], str]] = {
    "the activation's derivative": slope,
    "coefficient space is autograd": recursion,
    "the rescaling changes no run": symmetry,
    "what observables declare": declarations,
    "statements have values and answers": statements,
    "settings inside every claim's conditions": designs,
    "runs approach the reduced dynamics": reduced,
    "a wrong exponent is refuted": refutes,
}
