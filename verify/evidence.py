"""What a run says of a claim: it meets it, it does not, or it lacks a premise. The one place that decides this.

A claim about flipped samples is not broken by a run without one; a claim about T_1 is not broken by a run to which T_1
never came, unless it claims that T_1 comes; a run that was given up or blew up says nothing of what it did not live to
see, and takes back nothing of what it showed. What each observable needs is declared beside it
(``numerics.Observable``); what a run came to is read from the columns that ``sweep.observed`` writes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd

from numerics import Observable
from numerics.observables import MOMENTS
from theory import Claim, evaluate
from theory.laws import Law
from theory.symbols import table


class Why(StrEnum):
    """Why a run says nothing."""

    NO_FLIP = "no flipped sample"
    NEVER_CAME = "T_1 never came"
    GIVEN_UP = "given up before the moment"
    DIVERGED = "diverged before the moment"
    NO_VALUE = "no value, for no reason that was declared"


@dataclass(frozen=True)
class Evidence:
    """What runs say of a claim.

    Attributes:
        met: whether each run meets it; False where it does not count. Shape (runs,).
        counted: whether it says anything: it meets it or does not. Shape (runs,).
        why: the premise that it lacks (a :class:`Why`), ``""`` where it counts. Shape (runs,).
    """

    met: np.ndarray
    counted: np.ndarray
    why: np.ndarray

    @property
    def failed(self) -> np.ndarray:
        """Whether each run counts and does not meet it. Shape (runs,)."""
        return self.counted & ~self.met

    @property
    def open(self) -> np.ndarray:
        """Whether a run might have spoken and did not: anything but the absence of what a claim speaks of. Such runs
        are no evidence against a claim; what the others show may be a selection. Shape (runs,)."""
        return ~self.counted & (self.why != Why.NO_FLIP)

    @property
    def reasons(self) -> dict[Why, int]:
        """How many runs say nothing, by reason."""
        found = {why: int((self.why == why).sum()) for why in Why}
        return {why: count for why, count in found.items() if count}


def evidence(
    claim: Claim | tuple[tuple[str, Law], ...] | list[tuple[str, Law]],
    runs: pd.DataFrame,
    observables: Mapping[str, Observable],
) -> Evidence:
    """What each run says of all bounds of a claim at once.

    A part that is broken is broken, whatever premise another part lacks.

    Args:
        claim: a claim, or its parts; read are those with bounds in numbers.
        runs: one row per run, as :func:`verify.sweep.observed` writes it: parameters, ``setting``, ``status``, the
            observables, and ``flip_share`` and the times of the moments where they are at hand.
        observables: by name.
    """
    parts = claim.parts if isinstance(claim, Claim) else claim
    why = np.full(len(runs), "", dtype=object)
    broken = np.zeros(len(runs), dtype=bool)
    for name, law in parts:
        if law.bounds is None:
            continue
        low, high = law.bounds
        value, lacks = runs[name].to_numpy(float), lacking(observables[name], runs)
        kept = ~np.isnan(value)
        for bound, holds in ((low, np.greater_equal), (high, np.less_equal)):
            if bound is not None:
                kept &= holds(value, at_runs(bound, runs))
        seen = lacks == ""
        if observables[name].through:
            seen |= ~np.isnan(value)
        broken |= ~kept & seen
        why = np.where(why == "", lacks, why)
    why[broken] = ""
    counted = why == ""
    return Evidence(met=counted & ~broken, counted=counted, why=why)


def lacking(observable: Observable, runs: pd.DataFrame) -> np.ndarray:
    """The premise that each run lacks for an observable to say anything, ``""`` where none. Shape (runs,)."""
    why = np.full(len(runs), "", dtype=object)
    status = runs["status"].to_numpy()
    flipless = runs["flip_share"].isna().to_numpy() if "flip_share" in runs else np.zeros(len(runs), dtype=bool)
    absent = runs[observable.name].isna().to_numpy()
    for moment in observable.premises:
        if moment in MOMENTS:
            missing = ~came(moment, runs) & (why == "")
            why[missing] = Why.NEVER_CAME
            why[missing & (status == "horizon")] = Why.GIVEN_UP
            why[missing & (status == "diverged")] = Why.DIVERGED
    if "flips" in observable.premises:
        why[flipless & (why == "")] = Why.NO_FLIP
    # No number, although all that it needs is there. It counts, as not met, where the observable is about a moment that
    # then never came, or where the run blew up: an infinite residual is no number either.
    about = observable.stage in MOMENTS and observable.stage not in observable.premises
    rest = absent & (why == "") & (status != "diverged") & (not about)
    why[rest] = np.where(flipless[rest], Why.NO_FLIP, Why.NO_VALUE)
    return why


def came(moment: str, runs: pd.DataFrame) -> np.ndarray:
    """Whether each run came to a moment, a key of ``numerics.observables.MOMENTS``. Shape (runs,).

    Where its time is not at hand, a run that ended as asked came to all moments on its way.
    """
    if MOMENTS[moment] in runs:
        return runs[MOMENTS[moment]].notna().to_numpy()
    return (runs["status"] == "stopped").to_numpy()


def at_runs(expression: Any, runs: pd.DataFrame) -> np.ndarray:
    """An expression in the symbols of theory at every run; it is the same for all runs of a setting."""
    keys = runs["setting"].to_numpy()
    settings = runs.drop_duplicates("setting")
    known = {p.name for p in table()}
    parameters = [k for k in settings if isinstance(k, str) and k in known]
    values = {
        key: evaluate(expression, row)
        for key, row in zip(settings["setting"], settings[parameters].to_dict("records"), strict=True)
    }
    return np.array([values[k] for k in keys], dtype=float)
