"""What there is to know of a kind of law; a module beside this one holds one, and :data:`verify.laws.LAWS` all."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
import sympy as sp

from numerics import Observable
from theory import Claim, Condition, evaluate
from theory.laws import Law
from theory.reading import Reading
from theory.symbols import table

if TYPE_CHECKING:  # pictures take matplotlib, for which a listing should not wait
    from verify.draw import Picture

DECADES_NEEDED = 1.5  # of every variable along which a law is claimed
# No single setting may carry more of what is known of an exponent: else the decades hang on one point.
LEVERAGE = 0.25
MORE = "more settings would tell: a larger profile"  # where an interval is too wide
# Bounds with an unnamed constant may drift this much along n, m or d. A logarithm has local exponent 1/log n, about 1/4
# in the middle of the sizes run here; less than that cannot be told from a constant over 1.5 decades.
DRIFT_TOLERANCE = 0.25


class Status(StrEnum):
    SUPPORTED = "SUPPORTED"
    REFUTED = "REFUTED"
    OPEN = "OPEN"
    INCONCLUSIVE = "INCONCLUSIVE"
    OUTSIDE = "OUTSIDE"


class Detail:
    """The numbers behind a finding: a frozen dataclass for each kind of law, whose fields are what report.json holds.

    Attributes:
        kind: what report.json calls it.
        observable: that it is about; empty where it is about several at once.
        p_value: of the law being true, where there is one.
        doubtful: the settings at which more seeds would tell.
    """

    kind: ClassVar[str]
    observable = ""
    p_value: float | None = None
    doubtful: tuple[int, ...] = ()

    def data(self) -> dict[str, Any]:
        """As report.json holds it; what was not come to is left out."""
        return {"kind": self.kind} | {k: v for k, v in plain(self).items() if v is not None}


def plain(value: Any) -> Any:
    """A value of dataclasses as one of dictionaries."""
    if is_dataclass(value):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {k: plain(v) for k, v in value.items()}
    return value


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What the evidence says of one law of a claim, or of several that are judged at once.

    Attributes:
        parts: observables with their laws.
        status, predicted, measured, reason: as of a verdict.
        detail: the numbers behind it.
    """

    parts: tuple[tuple[str, Law], ...]
    status: Status
    predicted: str
    measured: str
    reason: str
    detail: Detail

    def __repr__(self) -> str:
        about = ", ".join(name for name, _ in self.parts)
        return f"{self.status} {about}: predicted {self.predicted}, measured {self.measured}"

    def data(self) -> dict[str, Any]:
        """As report.json holds it."""
        return self.detail.data() | {"status": str(self.status)}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a law is judged by, besides the runs.

    Attributes:
        reading: supplies delta.
        observables: by name.
        rng: for what is resampled.
        needs: the conditions that every run meets.
    """

    reading: Reading
    observables: Mapping[str, Observable]
    rng: np.random.Generator
    needs: tuple[Condition, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Table:
    """Numbers of a finding in columns; the first cell of a row may hold $...$, which is LaTeX."""

    headings: tuple[str, ...]
    rows: list[tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class Along:
    """How a law with a constant is followed along a scaling: by K, the observable over the law.

    Attributes:
        quantile: of the runs at one size, which is K there.
        tolerance: on the exponent of K.
        bad: 1 if growth of K is bad, -1 if decay is, 0 if both are.
    """

    quantile: Callable[[Reading], float]
    tolerance: Callable[[Any], float]
    bad: int


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A study on whose runs the verifier is put to the test.

    Attributes:
        claims: by name.
        runs_of: the runs that a claim is judged on, by its name.
        rng: for data that obey a law.
        trials: how many replicates of each true law.
        faulty: residuals of a recursion that is wrong.
    """

    claims: Mapping[str, Claim]
    runs_of: Callable[[str], pd.DataFrame]
    rng: np.random.Generator
    trials: int
    faulty: Callable[[], np.ndarray]

    def of(self, kind: type) -> Iterator[tuple[Claim, str, Any, pd.DataFrame]]:
        """Laws of a kind: the claim, the observable, the law, the runs. Contrasts are false, and left out."""
        for claim in self.claims.values():
            for observable, law in claim.parts:
                if isinstance(law, kind) and not claim.contrast:
                    yield claim, observable, law, self.runs_of(claim.name)


@dataclass(frozen=True, kw_only=True)
class Plant:
    """A claim and runs, true or false together: what was done, to which of the two, in words."""

    kind: str
    claim: Claim
    detail: str
    runs: pd.DataFrame


def _none(bench: Bench) -> Iterator[Plant]:
    yield from ()


@dataclass(frozen=True, kw_only=True)
class LawKind:
    """All that is known of one kind of law besides what it says.

    Attributes:
        called: in a list of claims.
        method: in the paper map, what is done with it.
        judge: the finding on runs of which all lie inside the conditions.
        how: how it becomes a verdict, in sentences, with its tolerances.
        predicted: a few words beside the formula, or none; of a law and of what was found, None where nothing was.
        measured: what was found, in a few lines in which $...$ is LaTeX; none where there is nothing to show.
        brief: the same in some forty characters, or none.
        table: the same in a table, if it needs one.
        picture: of a file name, the claim, the finding, the runs it rests on and observables by name.
        check: raises ``ValueError`` where a law of a user has no meaning at a setting (symbol name -> number).
        at_once: the laws of a claim are judged together, since one run must meet all of them; and fresh seeds of
            doubtful settings count.
        spread: settings must be spread over decades of every parameter.
        everywhere: it holds for whatever parameters, so that no constants of conditions can be read off where it fails.
        bent: the same law with another power of n, which runs that obey it refute; None where it has no powers.
        along: how it is followed along a scaling; None where there is no trend to follow, or where ``at_once``.
        planted: falsehoods made from the claims and runs of a study, each of which must be REFUTED.
        obeyed: truths made from them, which must be SUPPORTED.
    """

    called: str
    method: str
    judge: Callable[[Sequence[tuple[str, Any]], pd.DataFrame, Asked], Finding]
    how: Callable[[Any], str]
    predicted: Callable[[Any, Any], str] = lambda law, detail: ""
    measured: Callable[[Any], list[str]] = lambda detail: []
    brief: Callable[[Any], str] = lambda detail: ""
    table: Callable[[Any], Table | None] = lambda detail: None
    picture: "Callable[[str, Claim, Finding, pd.DataFrame, Mapping[str, Observable]], Picture | None]" = (
        lambda name, claim, finding, runs, observables: None
    )
    check: Callable[[Any, Mapping[str, float]], None] = lambda law, values: None
    at_once: bool = False
    spread: bool = False
    everywhere: bool = False
    bent: Callable[[Any, sp.Expr], Any] | None = None
    along: Along | None = None
    planted: Callable[[Bench], Iterator[Plant]] = field(default=_none)
    obeyed: Callable[[Bench], Iterator[Plant]] = field(default=_none)


def require_positive(what: str, expression: Any, values: Mapping[str, float]) -> None:
    """Raise ``ValueError`` unless what is taken up to a constant is positive at ``values``."""
    value = evaluate(expression, values)
    if not 0 < value < math.inf:
        here = at((expression,), values)
        raise ValueError(f"{what} {expression} is {value:g}{here}: times a constant it says nothing; give one above 0")


def at(expressions: Sequence[Any], values: Mapping[str, float]) -> str:
    """The values of all symbols in some expressions, in words."""
    names = sorted({s.name for e in expressions for s in sp.sympify(e).free_symbols})
    return f" at {', '.join(f'{k} = {values[k]:g}' for k in names)}" if names else ""


def too_short(decades: Mapping[str, float], names: Sequence[str]) -> str:
    """Why ranges are too short to tell a power, or empty. ``decades``: on which each is tested (verify.fit.tested)."""
    short = ", ".join(f"{k} is tested on {decades[k]:.3g}" for k in names if decades[k] < DECADES_NEEDED)
    return f"under {DECADES_NEEDED} decades: {short}" if short else ""


def on_one(leverage: Mapping[str, float], names: Sequence[str]) -> str:
    """Why a power hangs on one setting, or empty."""
    most = max(names, key=lambda k: leverage[k])
    if leverage[most] <= LEVERAGE:
        return ""
    return f"one setting carries {leverage[most]:.0%} of what is known of {most} ({LEVERAGE:.0%} allowed)"


def of_order_one(runs: pd.DataFrame) -> list[str]:
    """The parameters that are declared to be of order one and differ among some runs: a constant may hang on them."""
    return [p.name for p in table() if p.order == "~" and p.name in runs and runs[p.name].nunique() > 1]


def leaning(runs: pd.DataFrame, met: np.ndarray) -> str:
    """Which variable the failures lean on: the one in whose order settings that fail and settings that hold lie
    farthest apart. A setting counts once, however many fresh seeds it was given for looking doubtful."""
    names = ["n", "m", "kappa", *of_order_one(runs)]
    first = runs.groupby("setting")[names].first()
    share = pd.Series(met, index=runs.index).groupby(runs["setting"]).mean().to_numpy(float)
    apart = {}
    for k in names:
        low, high = np.quantile(first[k], [1 / 3, 2 / 3])
        if low < high and 0 < share.sum() < len(share):
            order = first[k].rank().to_numpy()
            apart[k] = abs(np.average(order, weights=share) - np.average(order, weights=1 - share)), low, high
    if not apart:
        return ""
    k = max(apart, key=lambda name: apart[name][0])
    _, low, high = apart[k]
    below, above = (share[beyond.to_numpy()].mean() for beyond in (first[k] <= low, first[k] >= high))
    return f"; it holds in {below:.0%} of the runs with {k} <= {low:.3g} and in {above:.0%} with {k} >= {high:.3g}"
