"""What can be searched: claims that a single setting can violate, which of them look at the same runs, how far a
search goes where nothing else bounds a parameter, and the command that asks at a single setting.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import sympy as sp

from numerics.observables import STAGES
from theory import Band, Claim, Condition, eta, kappa, m, n, sigma_0, sigma_xi
from theory import d as dimension
from theory.reading import Reading
from theory.statements import imbalance, weights
from verify.design import stage_of
from verify.pack import option, pack_of
from verify.shown import COMMAND
from verify.userfile import Pin, observables_of


def falsifiable(claim: Claim) -> bool:
    """Whether a single setting can violate it: bounds with a number can be, an unnamed constant cannot."""
    return all(law.bounds is not None for _, law in claim.parts) and bool(claim.needs)


def require_falsifiable(claim: Claim) -> None:
    """Raise ``ValueError`` where no single setting can violate the claim."""
    if not claim.needs:
        raise ValueError(f"claim '{claim.name}': it has no conditions to search; `run {claim.name}` tests it")
    if not falsifiable(claim):
        raise ValueError(
            f"claim '{claim.name}': its constant is unnamed, so no single setting can violate it;"
            f" `run {claim.name}` judges how it drifts"
        )


def parties(claims: Sequence[Claim], reading: Reading, file: Pin | None = None) -> list[tuple[Claim, ...]]:
    """Claims that look at the same runs: those with the same conditions, whether or not they follow runs to the end."""
    found: dict[tuple, list[Claim]] = {}
    for claim in claims:
        to_the_end = stage_of(claim, observables_of(reading, file)) == "end"
        found.setdefault((claim.needs, to_the_end), []).append(claim)
    return [tuple(members) for members in found.values()]


def reach(claims: Sequence[Claim], reading: Reading, file: Pin | None = None) -> str:
    """How far runs must go for all of some claims."""
    return max((stage_of(claim, observables_of(reading, file)) for claim in claims), key=STAGES.index)


def limits() -> tuple[Condition, ...]:
    """How far the search goes where nothing else bounds a parameter, in the natural scale of each; ours, not a paper's.

    Weights: cross-talk pushes a pre-activation by sqrt(n/d), which the initial one, sigma_0 sigma_xi sqrt(d), equals at
    sigma_0 = sqrt(n) / (sigma_xi d); at 1 / (sigma_xi sqrt(d)) it is of order one. Steps: rescaled time per step.
    Signal: kappa. Dimension: patches interfere by n / sqrt(d).
    """
    step = eta * sigma_xi**2 * dimension / (n * m)
    rules = {
        "weights-from": (sigma_0 >= sp.Rational(1, 1000) * sp.sqrt(n) / (sigma_xi * dimension), "a thousandth"),
        "weights-to": (sigma_0 <= 10 / (sigma_xi * sp.sqrt(dimension)), "tenfold"),
        "step": (Band(step, 1e-6, 10.0), "a run of order one takes a tenth of a step to a million"),
        "signal": (Band(kappa, 1e-3, 1e3), "beyond, one of signal and noise plays no part"),
        "dimension": (dimension <= 10**8 * n**2, "n / sqrt(d) down to 1e-4"),
    }
    return tuple(
        Condition(name=f"search.{name}", source="the search's own limits", statement=rule, says=why)
        for name, (rule, why) in rules.items()
    )


def rescales(claims: Sequence[Claim], reading: Reading, file: Pin | None = None) -> bool:
    """Whether (mu, sigma_xi, sigma_0, eta) -> (c mu, c sigma_xi, sigma_0/c, eta/c^2), which changes no run (D4),
    changes neither a condition nor what a bound says: then sigma_xi = 1 loses nothing."""
    if any(imbalance(c.statement) for claim in claims for c in claim.needs):
        return False
    for claim in claims:
        for name, law in claim.parts:
            if file and name not in pack_of(reading).observables:
                return False  # how it changes is not known
            own = sp.Integer(pack_of(reading).observables[name].weight)
            try:
                found = [weights(b) for b in (getattr(law, "low", None), getattr(law, "high", None)) if b is not None]
            except ValueError:
                return False
            if any(w - {own} for w in found):
                return False
    return True


def changed(reading: Reading) -> dict[str, float | str]:
    """What of a reading is not as it is where nothing is said."""
    return {k: v for k, v in asdict(reading).items() if v != getattr(type(reading)(), k)}


def again_at(claim: Claim, values: Mapping[str, Any], reading: Reading, conditions: str = "") -> str:
    """The command that counts failures of a claim at one setting, with fresh seeds."""
    at = " ".join(f"{k}={v!r}" for k, v in values.items() if k != "labels")  # --labels says it
    options = {k: v if isinstance(v, str) else f"{v:g}" for k, v in changed(reading).items()}
    more = [f"--{k.replace('_', '-')} {v}" for k, v in options.items()]
    more += [f"--conditions {shlex.quote(conditions)}"] if conditions else []
    return " ".join([f'{COMMAND} falsify {shlex.quote(claim.name)} --at "{at}"', *more]) + option(reading)
