"""A researcher's own model as a pack, from as little as possible.

``PACK = around(Model, typical={...}, claims=CLAIMS)`` in a file makes the file a paper of its own: every command takes
it after ``--paper``, and ``check FILE`` by itself. How long training takes is found from the model, by training at its
typical setting, and never taken from another's.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, fields, replace
from functools import cache
from typing import Any, ClassVar

from numerics import OBSERVABLES, SERIES, Event, Observable, Setting, Trajectory, draw, examined, train
from numerics.module import ModuleSetting
from numerics.networks import Stack
from numerics.observables import moments, of_model
from numerics.reference import Reference
from theory import n
from theory import reading as readings
from theory.fields import check_each, is_number
from theory.orders import Order, Premise, premises
from theory.papers import ConditionSet, Paper
from theory.statements import Claim, Condition, Theorem
from theory.symbols import declare, table
from verify.pack import Maps, Pack, check_names, last_step, load

STATED = {"sigma_xi": 1.0, "tau_plus": 0.0, "tau_minus": 0.0, "epsilon": 0.1, "delta": 0.1, "horizon": 8.0}
AROUND = 100.0  # an extent that is not given goes this far up and down from the typical value
PILOTS, PILOT_STEPS = 4, (200, 2_000, 20_000)  # runs, and the horizons that are tried in turn
TINY = 1e-6  # times eta: a step along which a loss falls, if it is one down the slope
ROUNDING = 1e-12  # of a loss, relative
MEASURED = 5  # steps of which the time is taken
SLOWER = 3.0  # than the slowest of them a run elsewhere may be expected to be; patience comes on top of it


def around(
    model: type[Setting],
    *,
    typical: Mapping[str, float],
    claims: Sequence[Claim] = (),
    conditions: Sequence[Condition] = (),
    theorems: Sequence[Theorem] = (),
    observables: Sequence[Observable] = (),
    extents: Mapping[str, tuple[float, float]] | None = None,
    lasts: Mapping[str, float | Callable[[float], float]] | None = None,
) -> Pack:
    """The pack of a model and of what is claimed of it, called by the name of the file that the model lies in.

    Args:
        model: a class of settings that names the pieces in which it differs.
        typical: a setting by name; what has a default may be left out. Also epsilon, to which losses are trained.
        claims, conditions, theorems, observables: as in any file of one's own; the conditions are those that settings
            are held against, and observables are known beside ours.
        extents: how far a parameter goes, by name; others a factor of :data:`AROUND` about the typical value.
        lasts: by stage (``"early"``, ``"T1"``, ``"end"``) the rescaled time within which runs come to it, or a function
            of epsilon that is; others are found by training at the typical setting.

    Raises:
        ValueError: something is not of the kind asked for, or names what the model does not have.
    """
    if not (isinstance(model, type) and issubclass(model, Setting)):
        raise ValueError(f"the model is {model!r}: give a class of settings, a subclass of numerics.Setting")
    for what, held in {"typical": typical, "extents": extents, "lasts": lasts}.items():
        if not (isinstance(held, Mapping) or (held is None and what != "typical")):
            raise ValueError(f"{what} = {held!r}: must be a mapping by name, e.g. {{'n': ...}}")
    claims, conditions = check_each(claims, Claim, "claims"), check_each(conditions, Condition, "conditions")
    theorems, observables = (
        check_each(theorems, Theorem, "theorems"),
        check_each(observables, Observable, "observables"),
    )
    for stage, last in (lasts or {}).items():
        if not (callable(last) or (is_number(last) and last > 0)):
            raise ValueError(f"lasts of '{stage}' is {last!r}: must be a time above 0, or a function of epsilon")
    for one, held in vars(model).items():
        if isinstance(held, Field):
            raise ValueError(
                f"{model.__name__} has the field '{one}' and is no dataclass: put @dataclass(frozen=True, kw_only=True)"
                " above it"
            )
    name, parameters = model.__module__, tuple(model.ranges())
    at = _whole(model, typical)
    given = {"extents": extents or {}, "lasts": lasts or {}}
    for what, known in {"extents": parameters, "lasts": ("early", "T1", "end")}.items():
        for odd in set(given[what]) - set(known):
            raise ValueError(f"{what} has '{odd}', which is none of {', '.join(known)}")
    for piece, taken in model.pieces().items():
        for odd in set(taken) - set(parameters):
            raise ValueError(f"the {piece} takes '{odd}', which is no parameter of the model; give it such a field")
    check_names(name, parameters, _Reading)  # before they are declared: a symbol stays
    known, algorithm = {p.name for p in table()}, model.algorithm
    weights = dict(zip(algorithm.parameters, algorithm.weights, strict=False))
    for one in (one for one in parameters if one not in known):
        range_ = model.ranges()[one]
        domain = f"[{range_.low:g}, {range_.high:g}{')' if range_.below else ']'}"
        latex, says = rf"\mathrm{{{one.replace('_', ' ')}}}", f"{one} of the model"
        declare(one, latex, domain, says, order="~", nonnegative=True, weight=weights.get(one, 0), assumed=True)
    lasts_ = _lasts(model, at, given["lasts"])
    known_observables = of_model(model) | {o.name: o for o in observables}
    if issubclass(model, ModuleSetting):
        examined.examine(_setting(model, at))
        _claims_of_its_own(model, claims, known_observables)
    stated = ConditionSet(name=name, title=f"the conditions of {name}", conditions=tuple(conditions))
    limits = (Premise(name="n-grows", order=Order(n, ">>", 1), says="The number of samples tends to infinity."),)
    return Pack(
        paper=Paper(
            name=name,
            title=(model.__doc__ or name).strip().splitlines()[0].removesuffix("."),
            reference=name,
            reading=type("Reading", (_Reading,), {"paper": name, "__module__": __name__}),
            parameters=parameters,
            sets=lambda _: (stated,),
            claims=lambda _: tuple(claims),
            theorems=lambda _: tuple(theorems),
            premises=lambda: {name: (*premises(stated.conditions), *limits)},
            meant=limits,
        ),
        setting=model,
        observables=known_observables,
        # Sizes first, as logarithms hang on them.
        extents={one: given["extents"].get(one) or _about(model, one, at[one]) for one in _sizes_first(parameters)},
        lasts=lasts_,
        last_step=_given_up(lasts_) if issubclass(model, ModuleSetting) else last_step,
        typical=at,
        maps=Maps(held={one: repr(at[one]) for one in parameters}, show=("loss_end", "error_fresh_end")),
    )


def doubts(pack: Pack) -> tuple[str, ...]:
    """What of a network of one's own is most likely a mistake, at the typical setting, in a line each."""
    setting = pack.settings(pack.typical, "drawn")
    return tuple(examined.doubts(setting)) if isinstance(setting, ModuleSetting) else ()


def dense_cost(pack: Pack) -> str:
    """What a run costs whose algorithm runs on the weights themselves, in a line; empty for any other."""
    algorithm, own = pack.setting.algorithm, issubclass(pack.setting, ModuleSetting)
    if not algorithm.dense and not own:
        return ""
    setting = pack.settings(pack.typical, "drawn")
    if own:
        stack = Stack(setting, [draw(setting, seed) for seed in range(PILOTS)], range(PILOTS), "cpu")
        what = f"the network runs on its own parameters, {PILOTS} seeds at once"
        step = _seconds(lambda: stack.advance(1)) / PILOTS
    else:
        what, step = (
            f"{algorithm.name} runs on d-dimensional weights",
            _seconds(Reference(setting, draw(setting, 0)).step),
        )
    steps = pack.rescaled_time(setting, pack.typical["epsilon"], "end") / setting.time_scale
    return (
        f"{what}: {step:.1g} s a step and run, about {steps * step:.1g} s a run to the end at the typical setting, more"
        " at larger n m d"
    )


def _seconds(step: Callable[[], None]) -> float:
    """Of a step, but for the first."""
    step()
    began = time.perf_counter()
    for _ in range(MEASURED):
        step()
    return (time.perf_counter() - began) / MEASURED


def _claims_of_its_own(model: type[Setting], claims: Sequence[Claim], known: Mapping[str, Observable]) -> None:
    """Raise ``ValueError`` where a claim names an observable of ours that a network of one's own does not have."""
    for claim in claims:
        for name in [one for part, law in claim.parts for one in (part, *law.reads)]:
            if name in model.series and name not in known:
                raise ValueError(f"claim '{claim.name}' is about the series '{name}': name its end, '{name}_end'")
            if name in OBSERVABLES and name not in known:
                raise ValueError(
                    f"claim '{claim.name}' is about '{name}', which the two-layer network alone has; a network of one's"
                    f" own has {', '.join(known)}, and the end of each of its series"
                )


class _Reading(readings.Reading):
    """A file hides nothing beside the constants of every paper."""

    paper: ClassVar[str] = ""

    def __reduce__(self) -> tuple:  # its class is made when the file is loaded, in every process anew
        return _reading, (self.paper, {f.name: getattr(self, f.name) for f in fields(self)})


def _reading(paper: str, values: dict[str, Any]) -> readings.Reading:
    return load(paper).paper.reading(**values)


def _sizes_first(parameters: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(("n", "m", *parameters)))


def _whole(model: type[Setting], typical: Mapping[str, float]) -> dict[str, float]:
    asked = (*model.ranges(), "epsilon", "delta", "horizon")
    for odd in set(typical) - set(asked):
        raise ValueError(f"typical has '{odd}', which is no parameter of the model; it has {', '.join(model.ranges())}")
    defaults = {f.name: f.default for f in fields(model)} | STATED
    found = {one: typical.get(one, defaults.get(one)) for one in asked}
    for one, value in found.items():
        if not isinstance(value, int | float):
            raise ValueError(f"typical has no number for {one}; give it one")
    return {one: float(value) for one, value in found.items()}


def _setting(model: type[Setting], at: Mapping[str, float]) -> Setting:
    whole = model.whole()
    return model(**{one: round(at[one]) if one in whole else at[one] for one in model.ranges()})


def _about(model: type[Setting], one: str, typical: float) -> tuple[float, float]:
    range_ = model.ranges()[one]
    most = range_.high * (0.998 if range_.below else 1.0)
    if typical <= 0:  # a logarithm has no zero: from where it makes hardly a difference
        return max(range_.low, 1e-3), min(most, 1.0)
    return max(range_.low, typical / AROUND), min(most, typical * AROUND)


def _given_up(lasts: Callable[[str, float], float | None]) -> Callable[..., int]:
    """T* is of the two-layer network: any other is given up after ``horizon`` times as long as it lasts."""

    def last(setting: Setting, epsilon: float, reading: readings.Reading) -> int:
        return math.floor(reading.horizon * (lasts("end", epsilon) or 0.0) / setting.time_scale) + 1

    return last


def _lasts(
    model: type[Setting], typical: Mapping[str, float], given: Mapping[str, float | Callable[[float], float]]
) -> Callable[[str, float], float | None]:
    def lasts(stage: str, epsilon: float) -> float | None:
        if stage in ("start", "exact"):
            return None
        stage = "T1" if stage == "window" else stage
        if stage in given:
            held = given[stage]
            return float(held(epsilon) if callable(held) else held)
        return SLOWER * _pilot(model, tuple(sorted(typical.items())), stage, epsilon)

    return lasts


@cache
def _pilot(model: type[Setting], typical: tuple[tuple[str, float], ...], stage: str, epsilon: float) -> float:
    """The rescaled time at which the slowest of some runs at the typical setting came to a stage."""
    setting = _setting(model, dict(typical))
    samples = [draw(setting, seed) for seed in range(PILOTS)]
    events = moments(readings.Reading().order_one)
    stop = Event(series="loss", value=epsilon, falling=True) if stage == "end" else events[stage]
    series = {name: SERIES[name] for name in (stop.series, "loss")}
    for steps in PILOT_STEPS:
        run = train([setting] * PILOTS, samples, steps=steps, stop=stop, series=series)
        if "diverged" in run.status:
            said = f"at the typical setting training diverges within {run.last.max()} steps"
            raise ValueError(f"{said}; {_cause(setting, run) or 'lower eta'}")
        if all(status == "stopped" for status in run.status):
            return float(run.last.max()) * setting.time_scale
    what = f"a loss of {epsilon:g}" if stage == "end" else f"'{stage}'"
    way = (
        "raise eta, or say in lasts by which rescaled time, eta t sigma_xi^2 d/(n m), or eta t of a network of one's"
        " own, runs do"
    )
    raise ValueError(
        f"at the typical setting not every run comes to {what} within {PILOT_STEPS[-1]} steps;"
        f" {_cause(setting, run) or way}"
    )


def _cause(setting: Setting, run: Trajectory) -> str:
    """Why training at a setting came to nothing, if it is seen."""
    if said := "; ".join(examined.doubts(setting) if isinstance(setting, ModuleSetting) else ()):
        return said
    loss, name = run.series["loss"], setting.algorithm.name
    if (loss == loss[:, :1]).all():
        return f"no step of '{name}' changes the loss: it does not use the slope, or the slope is zero at first"
    tiny = [replace(setting, eta=TINY * setting.eta)] * len(run.samples)
    loss = train(tiny, run.samples, steps=1, series={"loss": SERIES["loss"]}).series["loss"]
    if (loss[:, 1] > loss[:, 0] * (1 + ROUNDING)).all():
        return f"the smallest step of '{name}' raises the loss: slope is minus the gradient, weights + slope * eta"
    return ""
