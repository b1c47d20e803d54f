"""From a claim and its runs to a verdict. How each kind of law is judged: docs/how-verdicts-are-reached.md."""

import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from numerics import Observable
from numerics.engine import RATIO
from theory import AtLeast, AtMost, Claim, Crossing, Exactly, Theta, Within
from theory.paper import Reading
from theory.statements import Law
from verify import fit
from verify.evidence import Evidence, Why, at_runs, evidence, lacking

# An exponent is right if its whole 95 % interval lies this close to the prediction: far below 1/4, the smallest
# difference between laws that anyone proposes, and above what corrections of relative size n^-1/2 leave at n = 10.
EXPONENT_TOLERANCE = 0.05
# A prefactor may vary this much over the settings: kappa by 4 and tau by 5 do move a constant of order one.
PREFACTOR_BAND = 10.0
DECADES_NEEDED = 1.5
# Bounds with an unnamed constant may drift this much along n, m or d. A logarithm has local exponent 1/log n, about 1/4
# in the middle of the sizes run here; less than that cannot be told from a constant over 1.5 decades.
DRIFT_TOLERANCE = 0.25

# No single setting may carry more of what is known of an exponent: else the decades hang on one point.
LEVERAGE = 0.25

SCALES = ("n", "m", "d", "sigma_xi", "eta", "sigma_0")
# Where the theory's limits lie: a law may be wrong by what dies out towards them.
ENDS = {"n": 1, "m": 1, "d": 1, "eta": -1, "sigma_0": -1, "epsilon": -1}
LOGARITHMIC = ("n", "m", "d", "epsilon")  # Theta~ hides powers of their logarithms


class Status(StrEnum):
    SUPPORTED = "SUPPORTED"
    REFUTED = "REFUTED"
    OPEN = "OPEN"
    INCONCLUSIVE = "INCONCLUSIVE"
    OUTSIDE = "OUTSIDE"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the evidence says of a claim.

    Attributes:
        claim: the claim.
        status: SUPPORTED, REFUTED, INCONCLUSIVE, or OUTSIDE (no run met the conditions).
        predicted: in words and numbers.
        measured: in words and numbers.
        reason: why the status follows.
        settings, runs: how much was looked at.
        details: numbers behind it, by name, for figures and report.json; among them ``p_value``, of the claim being
            true, and ``doubtful``, the settings at which more seeds would tell.
    """

    claim: Claim
    status: Status
    predicted: str
    measured: str
    reason: str
    settings: int
    runs: int
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def expected(self) -> bool:
        """Nothing unexpected: not refuted, or a contrast that does fail."""
        if self.claim.contrast:
            return self.status != Status.SUPPORTED
        return self.status != Status.REFUTED


@dataclass(frozen=True, kw_only=True)
class _Part:
    status: Status
    predicted: str
    measured: str
    reason: str
    details: dict[str, Any]


def judge(claim: Claim, runs: pd.DataFrame, reading: Reading, observables: dict[str, Observable]) -> Verdict:
    """Judge one claim on its runs.

    Args:
        claim: what is claimed.
        runs: one row per run, all inside the claim's conditions; columns as written by ``sweep.execute``.
        reading: supplies delta.
        observables: by name.
    """
    counts = {"settings": runs["setting"].nunique() if len(runs) else 0, "runs": len(runs)}
    if runs.empty:
        return Verdict(
            claim=claim,
            status=Status.OUTSIDE,
            predicted="-",
            measured="-",
            reason="no run met the conditions",
            **counts,
        )
    rng = np.random.default_rng(zlib.crc32(claim.name.encode()))
    # Fresh seeds of settings that looked doubtful were chosen for that: they say whether those settings contradict a
    # bound, and nothing of the whole design.
    first = runs[runs["look"] == 0] if "look" in runs else runs
    explicit = [(name, law) for name, law in claim.parts if isinstance(law, Within)]
    parts = []
    if explicit:
        parts.append(_within(explicit, runs, reading, observables))
    for name, law in claim.parts:
        if not isinstance(law, Within):
            parts.append(_one(name, law, first, reading, observables, rng))
    # The weakest part decides; three answers never become two.
    order = [Status.REFUTED, Status.INCONCLUSIVE, Status.SUPPORTED]
    status = min((p.status for p in parts), key=order.index)
    return Verdict(
        claim=claim,
        status=status,
        predicted="; ".join(p.predicted for p in parts),
        measured="; ".join(p.measured for p in parts),
        reason="; ".join(
            (f"{p.details['observable']}: " if len(parts) > 1 and "observable" in p.details else "") + p.reason
            for p in parts
            if p.status == status
        ),
        details={
            "parts": [p.details | {"status": str(p.status)} for p in parts],
            "p_value": min(1.0, len(parts) * min(p.details.get("p_value", 1.0) for p in parts)),
            "doubtful": sorted({k for p in parts for k in p.details.get("doubtful", ())}),
        },
        **counts,
    )


def corrected(verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """The verdicts of one study with REFUTED held against their number: among forty true claims two would be refuted at
    5 % each. What does not stand (Holm, 5 % for all together) is INCONCLUSIVE."""
    asked = {v.claim.name: v.details.get("p_value", 1.0) for v in verdicts if v.status != Status.OUTSIDE}
    stands = fit.holm(asked)

    def held(verdict: Verdict) -> Verdict:
        name = verdict.claim.name
        if verdict.status != Status.REFUTED or name in stands:
            return verdict
        among = f"p = {asked[name]:.2g} does not stand among {len(asked)} claims (Holm)"
        return replace(verdict, status=Status.INCONCLUSIVE, reason=f"{verdict.reason}; but {among}")

    return tuple(held(v) for v in verdicts)


def _one(
    name: str,
    law: Law,
    runs: pd.DataFrame,
    reading: Reading,
    observables: dict[str, Observable],
    rng: np.random.Generator,
) -> _Part:
    match law:
        case Theta():
            return _rate(name, law, runs, observables[name], rng)
        case AtMost() | AtLeast():
            return _bound(name, law, runs, reading, observables[name], rng)
        case Exactly():
            return _identity(name, law, runs, observables[name])
        case Crossing():
            return _crossing(name, law, runs, observables[name], rng)
    raise TypeError(law)


# ---------------------------------------------------------------------------------------------------------------


def _rate(name: str, law: Theta, runs: pd.DataFrame, observable: Observable, rng: np.random.Generator) -> _Part:
    predicted = {k: float(v) for k, v in law.exponents().items()}
    shown = ", ".join(f"{k}: {v:+g}" for k, v in predicted.items())
    head = {"kind": "rate", "observable": name, "predicted": predicted}
    said = f"{name} = {'Theta~' if law.up_to_logs else 'Theta'}({law.expression}): {shown}"

    def answer(status: Status, measured: str, reason: str, **more: Any) -> _Part:
        return _Part(status=status, predicted=said, measured=measured, reason=reason, details={**head, **more})

    usable = (lacking(observable, runs) == "") & (runs[name] > 0) & (runs[law.constant] > 0 if law.constant else True)
    lost = 1 - usable.mean()
    used = runs[usable]
    if lost > 0.05:
        return answer(
            Status.INCONCLUSIVE,
            f"{lost:.0%} of the runs censored{' or without a derived constant' if law.constant else ''}",
            "too many runs ended before the moment came (5 % allowed): exponents would be biased",
        )
    scales = [k for k in dict.fromkeys([*SCALES, *predicted]) if k in runs]
    regressors = {k: np.log(used[k].astype(float)) for k in scales}
    # Theta may hide a function of kappa and the flips: as derived where it is, else log-linear.
    if law.constant:
        regressors["hidden constant"] = np.log(used[law.constant])
    else:
        regressors |= {k: used[k] for k in ("tau_plus", "tau_minus") if used[k].nunique() > 1}
    if "mu" not in predicted:  # where mu is fitted, kappa follows from it
        regressors["kappa"] = np.log(used["kappa"])
    regressors = pd.DataFrame(regressors)
    value = used[name].to_numpy(float)
    # A recorded time is at most one grid step late: the step of the geometric grid, or one iteration.
    spread = np.log(value / np.maximum(value - 1, value / RATIO)) if observable.time else None
    if spread is not None:
        spread = np.minimum(spread, math.log(2))  # the very first iteration

    def fitted(more: pd.DataFrame) -> fit.Regression:
        columns = pd.concat([regressors, more], axis=1)
        return fit.regress(np.log(value), used["setting"].to_numpy(), columns, rng=rng, spread=spread)

    result = fitted(pd.DataFrame(index=regressors.index))
    if result.problem:
        return answer(Status.INCONCLUSIVE, "no fit", result.problem)
    slopes = {k: result.slopes[k] for k in scales}
    window = {k: _window(predicted.get(k, 0.0)) for k in scales}
    wrong = [k for k in scales if slopes[k].outside(*window[k])]
    ends = _ends(fitted, regressors, wrong, law.up_to_logs)
    contradicted = [k for k in wrong if k not in ENDS or (k in ends and ends[k].contradicts(*window[k]))]
    # An exponent that contradicts does so over the range, at its end and beyond: the weakest counts, for all of them.
    p_value = min(
        (max(result.outside({k: 1}, *window[k]), ends[k].outside(*window[k]) if k in ends else 0.0) for k in wrong),
        default=1.0,
    )
    measured = ", ".join(f"{k}: {v.value:+.3f} [{v.low:+.3f}, {v.high:+.3f}]" for k, v in slopes.items())
    by_setting = used.groupby("setting")
    log_value = by_setting[name].apply(lambda x: float(np.log(x).mean())).to_numpy()
    columns = {k: np.log(by_setting[k].first().to_numpy(float)) for k in scales}
    prefactor = np.exp(log_value - sum(predicted[k] * columns[k] for k in predicted))
    band = float(prefactor.max() / prefactor.min())
    nuisance_columns = regressors.groupby(used["setting"]).mean().drop(columns=scales).to_numpy()
    laws = _rival_laws(predicted, columns)
    ranking = fit.rivals(log_value, laws, nuisance_columns)
    best = next(r for r in ranking if r.law != "predicted")
    own = next(r for r in ranking if r.law == "predicted")
    hangs = max(predicted or scales, key=lambda k: result.leverage[k])
    extra = {
        "slopes": {k: vars(v) for k, v in slopes.items()},
        "ends": {
            k: {"at": end.at, "what": end.what, "beyond": vars(end.beyond), **vars(end.exponent)}
            for k, end in ends.items()
        },
        "decades": {k: result.decades[k] for k in scales},
        "leverage": {k: result.leverage[k] for k in scales},
        "prefactor_band": band,
        "prefactor": [float(prefactor.min()), float(np.exp(np.log(prefactor).mean())), float(prefactor.max())],
        "rival": vars(best),
        "own_residual_sd": own.residual_sd,
        "residual_sd": result.residual_sd,
        "resolution": RATIO - 1 if observable.time else 0.0,
        "p_value": min(1.0, p_value * len(scales)),
    }
    rival = f"best rival {best.law} leaves {best.residual_sd / max(own.residual_sd, 1e-12):.1f} times the spread"
    measured = f"{measured}; constant {extra['prefactor'][1]:.3g} (x/÷ {math.sqrt(band):.2f}); {rival}"
    measured += (
        f"; a single setting carries at most {result.leverage[hangs]:.0%} of what is known of an exponent ({hangs})"
    )
    tol = EXPONENT_TOLERANCE

    def over(k: str) -> str:
        return f"{k} {slopes[k]} against {predicted.get(k, 0.0):g} over {k} = {_range(used[k])}"

    def at_end(k: str) -> str:
        if k not in ends:
            return "what it is at the end of the range is not told"
        tends = "" if law.up_to_logs else f" and tends to {ends[k].beyond}"
        return f"{ends[k].what} {ends[k].exponent}{tends}"

    if contradicted:
        worst = ", ".join(over(k) + (f" ({at_end(k)})" if k in ends else "") for k in contradicted)
        return answer(Status.REFUTED, measured, f"exponent off by more than {tol}: {worst}", **extra)
    if band > PREFACTOR_BAND:
        reason = f"the constant varies by a factor {band:.1f}, beyond {PREFACTOR_BAND:g}"
        return answer(Status.REFUTED, measured, reason, **{**extra, "p_value": 0.0})
    if wrong:
        # With a logarithm allowed for, the power itself may be as claimed, and the data may tell.
        if law.up_to_logs and all(k in ends and ends[k].exponent.within(*window[k]) for k in wrong):
            logs = ", ".join(f"{over(k)}: {at_end(k)}" for k in wrong)
            rest = [k for k in scales if k not in wrong and not slopes[k].within(*window[k])]
            if not rest and band <= PREFACTOR_BAND and result.leverage[hangs] <= LEVERAGE:
                return answer(Status.SUPPORTED, measured, f"a logarithm is seen, and allowed: {logs}", **extra)
        told = "; ".join(f"{over(k)}, {at_end(k)}" for k in wrong)
        what = "a power and a logarithm" if law.up_to_logs else "a wrong exponent and a correction that dies out"
        return answer(Status.INCONCLUSIVE, measured, f"{what} are not told apart: {told}", **extra)
    narrow = [k for k in predicted if result.decades[k] < DECADES_NEEDED]
    open_ = [k for k, v in slopes.items() if not v.within(*window[k])]
    bent = [k for k, end in ends.items() if not law.up_to_logs and end.exponent.outside(*window[k])]
    if narrow:
        short = ", ".join(f"{k} spans {result.decades[k]:.3g}" for k in narrow)
        return answer(Status.INCONCLUSIVE, measured, f"under {DECADES_NEEDED} decades: {short}", **extra)
    if open_:
        wide = ", ".join(over(k) for k in open_)
        return answer(Status.INCONCLUSIVE, measured, f"interval not within ±{tol}: {wide}", **extra)
    if bent:
        told = "; ".join(f"{over(k)}, but {at_end(k)}" for k in bent)
        return answer(Status.INCONCLUSIVE, measured, f"it bends away at the end of the range: {told}", **extra)
    if ranking[0].law != "predicted":
        return answer(Status.INCONCLUSIVE, measured, f"the rival {best.law} fits as well", **extra)
    if result.leverage[hangs] > LEVERAGE:
        reason = (
            f"one setting carries {result.leverage[hangs]:.0%} of what is known of {hangs} ({LEVERAGE:.0%} allowed)"
        )
        return answer(Status.INCONCLUSIVE, measured, reason, **extra)
    reason = f"every exponent's interval lies within ±{tol}; the constant stays within a factor {band:.1f}"
    if law.up_to_logs:
        reason += f"; no logarithm is needed, and none is told from a power within ±{tol}: {_logs(slopes, used)}"
    return answer(Status.SUPPORTED, measured, reason, **extra)


@dataclass(frozen=True, kw_only=True)
class _End:
    """What an exponent is once a correction is allowed for that dies out, or a logarithm.

    Attributes:
        at: the end of the range at which it is taken.
        what: in words.
        exponent: there.
        beyond: what it tends to once the correction has died out.
        outside: p-value of "one of them lies in [low, high]".
    """

    at: float
    what: str
    exponent: fit.Interval
    beyond: fit.Interval
    outside: Callable[[float, float], float]

    def contradicts(self, low: float, high: float) -> bool:
        """Whether it is wrong at the end and would be beyond, on the same side."""
        return max(self.exponent.high, self.beyond.high) < low or high < min(self.exponent.low, self.beyond.low)


def _ends(
    fitted: Callable[[pd.DataFrame], fit.Regression], regressors: pd.DataFrame, wrong: list[str], up_to_logs: bool
) -> dict[str, _End]:
    """Exponents at the asymptotic end of each variable's range, for n, m and whatever looks wrong.

    An exponent measured over a finite range is an exponent over that range. Beside each variable k a correction that
    dies out towards its end is fitted, c k^-1/2 (c k^1/2 where the end is 0). Returned are the local exponent at the
    end, slope and correction together, and what it tends to, the slope alone. Where logarithms are allowed the
    correction is a free power of log k, and returned is the power beside it. Empty where the design has too few
    settings for either.
    """
    known = [k for k in (LOGARITHMIC if up_to_logs else ENDS) if k in regressors]
    for chosen in ([k for k in known if k in wrong or k in ("n", "m")], [k for k in known if k in wrong]):
        more, weights = {}, {}
        for k in chosen:
            x = regressors[k]
            if up_to_logs:
                more[f"log {k}"], weights[k] = np.log(np.abs(x)), {k: 1.0}
                continue
            towards = ENDS[k]
            first, last = (x.min(), x.max()) if towards > 0 else (x.max(), x.min())
            more[f"end {k}"] = np.exp(-towards * (x - first) / 2)
            weights[k] = {k: 1.0, f"end {k}": -towards / 2 * math.exp(-abs(last - first) / 2)}
        result = fitted(pd.DataFrame(more, index=regressors.index)) if chosen else None
        if result is not None and not result.problem:
            return {
                k: _End(
                    at=math.exp(regressors[k].max() if ENDS[k] > 0 else regressors[k].min()),
                    what=_beside(k, result, regressors[k], up_to_logs),
                    exponent=result.along(weights[k]),
                    beyond=result.slopes[k],
                    outside=partial(_weakest, result, (weights[k], {k: 1.0})),
                )
                for k in chosen
            }
    return {}


def _weakest(result: fit.Regression, combinations: Sequence[dict[str, float]], low: float, high: float) -> float:
    return max(result.outside(weights, low, high) for weights in combinations)


def _beside(k: str, result: fit.Regression, x: pd.Series, up_to_logs: bool) -> str:
    if up_to_logs:
        return f"beside a free log({k})^{result.slopes[f'log {k}']} the power is"
    return f"at {k} = {math.exp(x.max() if ENDS[k] > 0 else x.min()):.3g} it is"


def _logs(slopes: dict[str, fit.Interval], used: pd.DataFrame) -> str:
    """Which powers of a logarithm the window of an exponent admits: those whose growth over the range it hides."""
    found = []
    for k in LOGARITHMIC:
        if k in slopes:
            x = np.abs(np.log(used[k].astype(float)))
            power = EXPONENT_TOLERANCE * math.log(used[k].max() / used[k].min()) / math.log(x.max() / x.min())
            found.append(f"log({k})^±{power:.2g}")
    return ", ".join(found)


def _range(values: pd.Series) -> str:
    return f"{values.min():.3g}…{values.max():.3g}"


def _window(centre: float) -> tuple[float, float]:
    return centre - EXPONENT_TOLERANCE, centre + EXPONENT_TOLERANCE


def _rival_laws(predicted: dict[str, float], columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The predicted law, and the same with one exponent moved by a half either way."""
    base = sum(power * columns[k] for k, power in predicted.items())
    laws = {"predicted": base}
    for k in columns:
        for shift in (-0.5, 0.5):
            laws[f"{k}^{predicted.get(k, 0) + shift:+g}"] = base + shift * columns[k]
    return laws


# ---------------------------------------------------------------------------------------------------------------


def _within(
    parts: list[tuple[str, Within]], runs: pd.DataFrame, reading: Reading, observables: dict[str, Observable]
) -> _Part:
    """All explicit bounds of a claim at once: how often does a run meet every one of them?"""
    said = [_bound_text(name, law) for name, law in parts]
    found = evidence(parts, runs, observables)
    met, counted = found.met, found.counted
    required = 1 - reading.delta
    setting = runs["setting"].to_numpy()
    again = runs["look"].to_numpy() > 0 if "look" in runs else np.zeros(len(runs), dtype=bool)
    result = fit.successes(met[counted], setting[counted], required, again[counted])
    details = {
        "kind": "probability",
        "observables": [name for name, _ in parts],
        "successes": int(met[~again].sum()),
        "trials": int(counted[~again].sum()),
        "again": int(counted[again].sum()),
        "silent": {str(why): count for why, count in found.reasons.items()},
        "required": required,
        "interval": vars(result.pooled),
        "p_value": result.p_value,
        # Where the whole refutes the claim, no setting need be looked at again.
        "doubtful": result.doubtful if result.pooled.high >= required else (),
    }
    predicted = f"{' and '.join(said)}, with probability >= {required:g}"
    measured = f"{details['successes']} of {details['trials']} runs, share {result.pooled}{_unheard(found)}"
    if again.any():
        measured += f"; on fresh seeds of settings that looked doubtful {met[again].sum()} of {details['again']}"

    def answer(status: Status, reason: str) -> _Part:
        return _Part(status=status, predicted=predicted, measured=measured, reason=reason, details=details)

    if not counted.any():
        return answer(Status.INCONCLUSIVE, "no run says anything")
    if result.pooled.high < required:
        return answer(Status.REFUTED, f"holds less often than {required:g}{_where(runs[counted], met[counted])}")
    if result.worst is not None:
        row = runs[runs["setting"] == result.worst].iloc[0]
        hits, trials = result.worst_counts
        details["worst_setting"] = int(result.worst)
        return answer(
            Status.REFUTED,
            f"holds in only {hits} of {trials} runs at n={row['n']}, m={row['m']}, d={row['d']:.3g},"
            f" kappa={row['kappa']:.3g}, tau=({row['tau_plus']:.2g}, {row['tau_minus']:.2g})"
            f"{_where(runs[counted], met[counted])}",
        )
    if result.pooled.low < required:
        return answer(Status.INCONCLUSIVE, f"the interval contains {required:g}: more runs are needed")
    # Runs that might have spoken and did not refute nothing, but support must stand although all of them failed.
    asked = counted | found.open
    strict = fit.successes(met[asked], setting[asked], required, again[asked])
    if strict.pooled.low < required or strict.worst is not None:
        return answer(
            Status.INCONCLUSIVE, f"{int(found.open.sum())} runs might have spoken and did not: with them it is open"
        )
    return answer(Status.SUPPORTED, f"the whole interval lies above {required:g}, and no setting contradicts it")


def _unheard(found: Evidence) -> str:
    """How many runs say nothing, and why, in words; empty where all speak."""
    told = ", ".join(f"{count}: {why}" for why, count in found.reasons.items())
    return f" (runs that say nothing: {told})" if told else ""


def _bound_text(name: str, law: Within) -> str:
    left = "" if law.low is None else f"{law.low} <= "
    right = "" if law.high is None else f" <= {law.high}"
    return f"{left}{name}{right}"


def _where(runs: pd.DataFrame, met: np.ndarray) -> str:
    """Which variable the failures lean on: the one whose outer thirds differ most in success."""
    shares = {}
    for k in ("n", "m", "kappa", "tau_plus", "tau_minus"):
        low, high = np.quantile(runs[k], [1 / 3, 2 / 3])
        if low < high:
            shares[k] = (met[(runs[k] <= low).to_numpy()].mean(), met[(runs[k] >= high).to_numpy()].mean(), low, high)
    if not shares or met.all():
        return ""
    k = max(shares, key=lambda name: abs(shares[name][0] - shares[name][1]))
    below, above, low, high = shares[k]
    return f"; it holds in {below:.0%} of the runs with {k} <= {low:.3g} and in {above:.0%} with {k} >= {high:.3g}"


# ---------------------------------------------------------------------------------------------------------------


def _bound(
    name: str,
    law: AtMost | AtLeast,
    runs: pd.DataFrame,
    reading: Reading,
    observable: Observable,
    rng: np.random.Generator,
) -> _Part:
    """The constant that serves a share 1 - delta of the runs, per setting, and whether it drifts with scale."""
    upper = isinstance(law, AtMost)
    lacks = lacking(observable, runs)
    runs, lacks = runs[lacks != Why.NO_FLIP], lacks[lacks != Why.NO_FLIP]
    ratio = runs[name].to_numpy(float) / at_runs(law.expression, runs)
    missing = (lacks != "") | np.isnan(ratio)
    sign = "<=" if upper else ">="
    predicted = f"{name} {sign} K * ({law.expression}), one K for all, with probability >= {1 - reading.delta:g}"
    head: dict[str, Any] = {"kind": "bound", "observable": name, "upper": upper}

    def answer(status: Status, measured: str, reason: str, **more: Any) -> _Part:
        return _Part(status=status, predicted=predicted, measured=measured, reason=reason, details={**head, **more})

    if missing.all():
        return answer(Status.INCONCLUSIVE, "no run says anything", "the observable never came about")
    # No constant serves a run without a number, and no positive one a lower bound at or below zero. Runs that might
    # have spoken and did not refute nothing, but nothing is supported where it would fall if they failed.
    met = ~missing & (upper | (ratio > 0))
    speaks = lacks == ""
    for asked in (speaks, np.ones(len(runs), dtype=bool)):
        served = fit.successes(met[asked], runs["setting"].to_numpy()[asked], 1 - reading.delta)
        if served.pooled.high < 1 - reading.delta or served.worst is not None:
            share = f"{'there' if upper else 'positive'} in {met.sum()} of {asked.sum()} runs, share {served.pooled}"
            if not speaks[asked].all():
                told = f"{int((~speaks).sum())} runs might have spoken and did not: with them it is open"
                return answer(Status.INCONCLUSIVE, share, told)
            witness = ""
            if served.worst is not None:
                row = runs[runs["setting"] == served.worst].iloc[0]
                hits, trials = served.worst_counts
                witness = f"; at n={row['n']}, m={row['m']} in {hits} of {trials}"
            return answer(
                Status.REFUTED,
                share,
                f"no {'' if upper else 'positive '}constant serves often enough{witness}"
                f"{_where(runs[asked], met[asked])}",
                p_value=served.p_value,
            )
    if upper and not (ratio[~missing] > 0).any():
        return answer(Status.SUPPORTED, f"{name} is never positive", "every constant serves", p_value=1.0)
    # How bad a run is: the logarithm of the K that it asks for, or of what it leaves (-K); infinite where none serves.
    # The quantile is over all runs that count: dropping those that no K serves first would flatter it.
    runs, ratio, lost = runs[speaks], ratio[speaks], missing[speaks]
    with np.errstate(divide="ignore", invalid="ignore"):
        asks = np.where(lost, np.inf, np.log(np.maximum(ratio, 0)) * (1 if upper else -1))
    frame = pd.DataFrame({"setting": runs["setting"].to_numpy(), "asks": asks})
    by = frame.groupby("setting")["asks"]
    constants = by.agg(lambda x: np.quantile(x, 1 - reading.delta, method="inverted_cdf"))
    # Where the seeds at hand leave no K that serves such a share, though none is refuted there, the worst finite one;
    # where every K serves, the least that any run asks for.
    unserved = int(np.isposinf(constants).sum())
    finite = frame[np.isfinite(frame["asks"])].groupby("setting")["asks"].max()
    worst = finite.reindex(constants.index).fillna(finite.max())
    constants = constants.where(~np.isposinf(constants), worst)
    constants = constants.clip(lower=frame.loc[np.isfinite(frame["asks"]), "asks"].min())
    first = runs.groupby("setting").first()
    scales = ["n", "m", "d"]
    logs = pd.DataFrame({k: np.log(first[k].astype(float)) for k in scales})
    regressors = logs.assign(kappa=np.log(first["kappa"]))
    for k in ("tau_plus", "tau_minus"):
        if first[k].nunique() > 1:
            regressors[k] = first[k]
    result = fit.regress(constants.to_numpy(), constants.index.to_numpy(), regressors, rng=rng)
    sign = 1 if upper else -1
    extreme, typical = (float(np.exp(sign * x)) for x in (constants.max(), constants.median()))
    measured = f"{'smallest' if upper else 'largest'} K that serves: {extreme:.3g} (median over settings {typical:.3g})"
    head |= {"constant": extreme, "median": typical, "per_setting": [float(x) for x in np.exp(sign * constants)]}
    if result.problem:
        return answer(Status.INCONCLUSIVE, measured, f"whether K drifts is open: {result.problem}")
    # Only growth of the needed K matters for an upper bound, only decay for a lower one; and only with scale.
    along = _directions(logs)
    worse = {k: result.along(u) for k, u in along.items()}
    shown = {k: v if upper else _negated(v) for k, v in worse.items()}
    measured += "; drift " + ", ".join(f"{k}^{shown[k]}" for k in scales)
    head["drift"] = {k: vars(shown[k]) for k in scales}
    head["directions"] = {k: {"weights": along[k], **vars(shown[k])} for k in along}
    head["decades"] = {k: result.decades[k] for k in scales}
    p_values = {k: min(1.0, len(along) * result.above(u, DRIFT_TOLERANCE)) for k, u in along.items()}
    head["p_value"] = min(*p_values.values(), 1.0)
    drifting = [k for k, p in p_values.items() if p < 1 - fit.LEVEL]
    unsure = [k for k, v in worse.items() if v.high > DRIFT_TOLERANCE]
    narrow = [k for k in scales if result.decades[k] < DECADES_NEEDED]
    size = f"one K = {extreme:.3g} serves every setting ({typical:.3g} the middle one)"
    if drifting:
        named = ", ".join(f"{k} (exponent {shown[k]})" for k in drifting)
        return answer(Status.REFUTED, measured, f"K is no constant: it moves with {named}")
    if unsure:
        named = ", ".join(f"{k} (exponent {shown[k]})" for k in unsure)
        return answer(
            Status.INCONCLUSIVE, measured, f"a drift of K beyond {DRIFT_TOLERANCE} is not excluded along {named}"
        )
    if narrow:
        short = ", ".join(f"{k} spans {result.decades[k]:.3g}" for k in narrow)
        return answer(Status.INCONCLUSIVE, measured, f"{size}, but under {DECADES_NEEDED} decades: {short}")
    if unserved and served.pooled.low < 1 - reading.delta:
        told = f"at {unserved} settings no {'' if upper else 'positive '}K serves a share {1 - reading.delta:g}"
        return answer(Status.INCONCLUSIVE, measured, f"{told} of the runs seen: more seeds are needed")
    return answer(Status.SUPPORTED, measured, f"{size}; no drift beyond {DRIFT_TOLERANCE} along {', '.join(along)}")


def _directions(logs: pd.DataFrame) -> dict[str, dict[str, float]]:
    """The directions in which a design grows, as powers of n, m and d: each alone, both sizes together, and either with
    d as it follows them in the design, which is along the boundary of the conditions."""
    columns = np.column_stack([logs["n"], logs["m"], np.ones(len(logs))])
    follows = dict(zip(("n", "m"), np.linalg.lstsq(columns, logs["d"], rcond=None)[0], strict=False))
    found = {"n": {"n": 1.0}, "m": {"m": 1.0}, "d": {"d": 1.0}, "n = m": {"n": 1.0, "m": 1.0}}
    for name, sizes in (("n", ("n",)), ("m", ("m",)), ("n = m", ("n", "m"))):
        power = max(0.0, float(sum(follows[k] for k in sizes)))
        found[f"{name} with d ~ {sizes[0]}^{power:.2g}"] = {**found[name], "d": power}
    return found


def _negated(interval: fit.Interval) -> fit.Interval:
    return fit.Interval(value=-interval.value, low=-interval.high, high=-interval.low)


def _identity(name: str, law: Exactly, runs: pd.DataFrame, observable: Observable) -> _Part:
    found = evidence([(name, law)], runs, {name: observable})
    # A residual that counts and is no number is infinite.
    seen = runs[name].fillna(np.inf).to_numpy(float)[found.counted]
    predicted = f"{name} = 0, up to {law.tolerance:g} ({law.why})"
    details: dict[str, Any] = {"kind": "identity", "observable": name}
    details |= {"largest": float(seen.max()) if seen.size else None, "p_value": 1.0}
    if not seen.size:
        return _Part(
            status=Status.INCONCLUSIVE,
            predicted=predicted,
            measured="no residual",
            reason="the premise never held",
            details=details,
        )
    measured = f"largest residual {seen.max():.2g} over {seen.size} runs"
    lost = int((found.open & (found.why != Why.NO_VALUE)).sum())
    if seen.max() > law.tolerance:
        status, reason = Status.REFUTED, f"above the tolerance {law.tolerance:g}"
        details["p_value"] = 0.0  # rounding does not do that
    elif lost:
        status, reason = Status.INCONCLUSIVE, f"{lost} runs might have spoken and did not"
    else:
        status, reason = Status.SUPPORTED, f"below the tolerance {law.tolerance:g}"
    return _Part(status=status, predicted=predicted, measured=measured, reason=reason, details=details)


def _crossing(name: str, law: Crossing, runs: pd.DataFrame, observable: Observable, rng: np.random.Generator) -> _Part:
    y = runs[name].to_numpy(float)
    x = at_runs(law.along, runs)
    seen = (lacking(observable, runs) == "") & ~np.isnan(y)
    predicted = f"{name} changes sign at {law.at:g} (window ±{law.within:g}: {law.why})"
    details: dict[str, Any] = {"kind": "crossing", "observable": name, "at": law.at, "within": law.within}
    details |= {"x": x[seen].tolist(), "y": y[seen].tolist()}

    def answer(status: Status, measured: str, reason: str) -> _Part:
        return _Part(status=status, predicted=predicted, measured=measured, reason=reason, details=details)

    found = fit.crossing(x[seen], y[seen], runs["setting"].to_numpy()[seen], rng) if seen.sum() > 8 else None
    if found is None:
        return answer(Status.INCONCLUSIVE, "no crossing located", "no slope is told from zero, or none in range")
    where, _ = found
    details["where"] = vars(where)
    low, high = law.at - law.within, law.at + law.within
    details["p_value"] = fit.p_outside(where, low, high, runs["setting"][seen].nunique() - 2)
    if where.within(low, high):
        return answer(Status.SUPPORTED, f"at {where}", "the whole interval lies in the window")
    if where.outside(low, high):
        return answer(Status.REFUTED, f"at {where}", "the whole interval lies outside the window")
    return answer(Status.INCONCLUSIVE, f"at {where}", "the interval reaches beyond the window")
