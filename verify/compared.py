"""Several papers at one setting: whose conditions hold there, by how much, and what each then predicts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sympy as sp

from numerics import Setting
from theory import Claim, Margin, evaluate
from theory.laws import Law
from theory.reading import Reading
from verify.pack import Pack, Phases


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What a paper says at a setting.

    Attributes:
        pack: the paper, with its model.
        setting: in this model.
        taken: what this model has and nobody gave, as in the paper's typical setting, by name.
        unknown: what was given and this model does not have.
        margins: of each of the paper's own sets of conditions, by its title.
        phases: where it parts two phases in closed form, and log of how far beyond that the setting is; NaN where it
            parts none there.
        predicted: the claims whose conditions all hold there, and what each says of its observables, in numbers:
            (observable, law). Contrasts, and claims about where something crosses over, are left out.
        silent: the other claims, and the condition that fails by most.
    """

    pack: Pack
    setting: Setting
    taken: Mapping[str, float]
    unknown: tuple[str, ...]
    margins: Mapping[str, tuple[Margin, ...]]
    phases: tuple[tuple[Phases, float], ...]
    predicted: tuple[tuple[Claim, tuple[tuple[str, Law], ...]], ...]
    silent: tuple[tuple[Claim, Margin], ...]


def standing(pack: Pack, given: Mapping[str, float], reading: Reading, epsilon: float) -> Standing:
    """What a paper says at the setting that has the values ``given``.

    Raises:
        ValueError: a value lies outside what the model takes, or one is missing that every model has.
    """
    own = {name: given[other] for name, other in pack.same.items() if other in given}
    own |= {name: given[name] for name in pack.columns if name in given}
    missing = [name for name in pack.columns if name not in own]
    for name in missing:
        if name in Setting.ranges():
            raise ValueError(f"no value of {name}, which every paper has: give --{name.replace('_', '-')}")
    taken = {name: pack.typical[name] for name in missing}
    try:
        setting = pack.settings(own | taken, reading.labels)
    except ValueError as problem:
        raise ValueError(f"{pack.name}: {problem}") from None
    values = reading.at(setting.values(), epsilon)
    predicted, silent = [], []
    for claim in pack.paper.claims(reading):
        parts = ((name, law.in_numbers(lambda x: _rounded(evaluate(x, values)))) for name, law in claim.parts)
        laws = tuple((name, law) for name, law in parts if law is not None)
        if claim.contrast or not laws:
            continue
        failing = [m for m in (c.margin(values, reading.C) for c in claim.needs) if not m.holds]
        if failing:
            silent.append((claim, min(failing, key=lambda m: m.value / m.required)))
        else:
            predicted.append((claim, laws))
    return Standing(
        pack=pack,
        setting=setting,
        taken=taken,
        unknown=tuple(name for name in given if name not in pack.columns),
        margins={
            s.title: tuple(c.margin(values, reading.C) for c in s.conditions) for s in pack.paper.sets(reading) if s.own
        },
        phases=tuple((p, p.height(values)) for p in pack.maps.phases),
        predicted=tuple(predicted),
        silent=tuple(silent),
    )


def shared(standings: Sequence[Standing]) -> dict[str, dict[str, list[Law]]]:
    """What several of the papers predict of one observable, by observable and paper."""
    found: dict[str, dict[str, list[Law]]] = {}
    for one in standings:
        for _, laws in one.predicted:
            for name, law in laws:
                found.setdefault(name, {}).setdefault(one.pack.name, []).append(law)
    return {name: by for name, by in found.items() if len(by) > 1}


def _rounded(value: float) -> sp.Expr:
    shown = float(f"{value:.3g}")
    return sp.Integer(int(shown)) if shown.is_integer() and abs(shown) < 1e6 else sp.Float(shown, 3)
