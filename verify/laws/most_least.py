"""AtMost and AtLeast: the constant that serves, per setting, and whether it drifts with scale."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from numerics import Observable
from theory import AtLeast, AtMost, Claim, Within
from verify import fit
from verify.evidence import Why, at_runs, lacking
from verify.laws.kind import (
    DRIFT_TOLERANCE,
    MORE,
    Along,
    Asked,
    Bench,
    Detail,
    Finding,
    LawKind,
    Plant,
    Status,
    Table,
    leaning,
    of_order_one,
    require_positive,
    too_short,
)
from verify.notation import called, latex, notation, number, signed

if TYPE_CHECKING:
    from verify.draw import Picture


@dataclass(frozen=True, kw_only=True)
class Direction:
    """How K drifts along a direction in which the design grows, given as powers of the sizes."""

    weights: dict[str, float]
    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Constant(Detail):
    """The extreme constant, the middle one, that of each setting, and their drift; less where there is none."""

    kind: ClassVar[str] = "bound"
    observable: str
    upper: bool
    constant: float | None = None
    median: float | None = None
    per_setting: list[float] | None = None
    drift: dict[str, fit.Interval] | None = None
    directions: dict[str, Direction] | None = None
    decades: dict[str, float] | None = None
    p_value: float | None = None


def _judge(upper: bool, parts: Sequence[tuple[str, AtMost | AtLeast]], runs: pd.DataFrame, asked: Asked) -> Finding:
    """The constant that serves a share 1 - delta of the runs, per setting, and whether it drifts with scale."""
    [(name, law)] = parts
    observable, reading = asked.observables[name], asked.reading
    lacks = lacking(observable, runs)
    runs, lacks = runs[lacks != Why.NO_FLIP], lacks[lacks != Why.NO_FLIP]
    ratio = runs[name].to_numpy(float) / at_runs(law.expression, runs)
    missing = (lacks != "") | np.isnan(ratio)
    sign = "<=" if upper else ">="
    predicted = f"{name} {sign} K * ({law.expression}), one K for all, with probability >= {1 - reading.delta:g}"
    bare = Constant(observable=name, upper=upper)

    def answer(status: Status, measured: str, reason: str, detail: Constant = bare) -> Finding:
        return Finding(
            parts=tuple(parts), status=status, predicted=predicted, measured=measured, reason=reason, detail=detail
        )

    if missing.all():
        return answer(Status.INCONCLUSIVE, "no run says anything", "the observable never came about")
    # No constant serves a run without a number, and no positive one a lower bound at or below zero. Runs that might
    # have spoken and did not refute nothing, but nothing is supported where it would fall if they failed.
    met = ~missing & (upper | (ratio > 0))
    speaks = lacks == ""
    for heard in (speaks, np.ones(len(runs), dtype=bool)):
        served = fit.successes(met[heard], runs["setting"].to_numpy()[heard], 1 - reading.delta)
        if served.pooled.high < 1 - reading.delta or served.worst is not None:
            share = f"{'there' if upper else 'positive'} in {met.sum()} of {heard.sum()} runs, share {served.pooled}"
            if not speaks[heard].all():
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
                f"{leaning(runs[heard], met[heard])}",
                replace(bare, p_value=served.p_value),
            )
    if upper and not (ratio[~missing] > 0).any():
        return answer(
            Status.SUPPORTED, f"{name} is never positive", "every constant serves", replace(bare, p_value=1.0)
        )
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
    for k in of_order_one(first):
        regressors[k] = first[k]
    result = fit.regress(constants.to_numpy(), constants.index.to_numpy(), regressors, rng=asked.rng)
    sign = 1 if upper else -1
    extreme, typical = (float(np.exp(sign * x)) for x in (constants.max(), constants.median()))
    measured = f"{'smallest' if upper else 'largest'} K that serves: {extreme:.3g} (median over settings {typical:.3g})"
    per_setting = [float(x) for x in np.exp(sign * constants)]
    detail = replace(bare, constant=extreme, median=typical, per_setting=per_setting)
    if result.problem:
        return answer(Status.INCONCLUSIVE, measured, f"whether K drifts is open: {result.problem}", detail)
    # Only growth of the needed K matters for an upper bound, only decay for a lower one; and only with scale.
    along = _directions(logs)
    worse = {k: result.along(u) for k, u in along.items()}
    shown = {k: v if upper else _negated(v) for k, v in worse.items()}
    measured += "; drift " + ", ".join(f"{k}^{shown[k]}" for k in scales)
    p_values = {k: min(1.0, len(along) * result.above(u, DRIFT_TOLERANCE)) for k, u in along.items()}
    detail = replace(
        detail,
        drift={k: shown[k] for k in scales},
        directions={k: Direction(weights=along[k], **vars(shown[k])) for k in along},
        decades={k: result.decades[k] for k in scales},
        p_value=min(*p_values.values(), 1.0),
    )
    drifting = [k for k, p in p_values.items() if p < 1 - fit.LEVEL]
    unsure = [k for k, v in worse.items() if v.high > DRIFT_TOLERANCE]
    short = too_short(result.decades, scales)
    size = f"one K = {extreme:.3g} serves every setting ({typical:.3g} the middle one)"
    if drifting:
        named = ", ".join(f"{k} (exponent {shown[k]})" for k in drifting)
        return answer(Status.REFUTED, measured, f"K is no constant: it moves with {named}", detail)
    if unsure:
        named = ", ".join(f"{k} (exponent {shown[k]})" for k in unsure)
        told = f"a drift of K beyond {DRIFT_TOLERANCE} is not excluded along {named}; {MORE}"
        return answer(Status.INCONCLUSIVE, measured, told, detail)
    if short:
        return answer(Status.INCONCLUSIVE, measured, f"{size}, but {short}", detail)
    if unserved and served.pooled.low < 1 - reading.delta:
        told = f"at {unserved} settings no {'' if upper else 'positive '}K serves a share {1 - reading.delta:g}"
        return answer(Status.INCONCLUSIVE, measured, f"{told} of the runs seen: more seeds are needed", detail)
    return answer(
        Status.SUPPORTED, measured, f"{size}; no drift beyond {DRIFT_TOLERANCE} along {', '.join(along)}", detail
    )


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


def _how(law: AtMost | AtLeast) -> str:
    return (
        "The constant K is unnamed: per setting, the K that serves a share 1 - delta of its runs is measured, and its"
        " drift with n, m and d fitted. Supported if no worsening drift faster than the power"
        f" {DRIFT_TOLERANCE:g} is compatible with the data; refuted if one is certain, or, for a lower bound, if no"
        " positive K serves often enough."
    )


def _predicted(law: AtMost | AtLeast, detail: Constant | None) -> str:
    return "" if detail is None else "one constant K for all sizes"


def _measured(detail: Constant) -> list[str]:
    if detail.constant is None:
        return []
    lines = [f"K = {number(detail.constant)} serves (median {number(detail.median)})"]
    if detail.drift is not None:
        drift = ", ".join(f"{notation(k)} {signed(x.value, 2)}" for k, x in detail.drift.items())
        lines.append(f"exponents of its drift: {drift}")
    return lines


def _brief(detail: Constant) -> str:
    return "" if detail.constant is None else f"K = {number(detail.constant)}"


def _table(detail: Constant) -> Table | None:
    if detail.drift is None:
        return None
    rows = [
        (notation(k), signed(v.value, 3), f"[{signed(v.low, 3)}, {signed(v.high, 3)}]") for k, v in detail.drift.items()
    ]
    return Table(headings=("Drift of K with", "exponent", "95 % interval"), rows=rows)


def _picture(
    name: str, claim: Claim, finding: Finding, runs: pd.DataFrame, observables: Mapping[str, Observable]
) -> "Picture | None":
    from verify.axes import apart, signed, sizes
    from verify.draw import INK, SIGNAL, WINDOW, canvas, finished
    from verify.drawn import traced

    known = latex()
    detail = finding.detail
    observable = detail.observable
    used = runs[runs[observable] > 0]
    constants = detail.per_setting
    if constants is None:
        return _never_positive(name, claim, detail, runs)
    first = used.assign(row=used.index).groupby("setting").first()
    if len(first) != len(constants):
        return None
    figure, axes = canvas(9.0, 3.1, 1, 3, wspace=0.12, sharey=True)
    values = np.array(constants)
    log = np.log(values)
    drawn = [values]
    for axis, k in zip(axes[0], ("n", "m", "d"), strict=True):
        x = np.log(first[k].to_numpy(float))
        [marks] = axis.plot(
            apart(first[k], first.index.to_series()), values, "o", ms=4, color=SIGNAL, mew=0, alpha=0.85
        )
        traced(marks, first["row"], whole=True)
        grid = np.linspace(x.min(), x.max(), 20)
        drift = (detail.drift or {}).get(k)
        if drift:
            low, high = (np.exp(log.mean() + getattr(drift, e) * (grid - x.mean())) for e in ("low", "high"))
            axis.fill_between(np.exp(grid), np.minimum(low, high), np.maximum(low, high), color=WINDOW, lw=0)
            line = np.exp(log.mean() + drift.value * (grid - x.mean()))
            axis.plot(np.exp(grid), line, color=INK, lw=1)
            # A slope that is not known at all would make a line of the points.
            drawn += [
                line,
                np.clip(low, values.min() / 10, values.max() * 10),
                np.clip(high, values.min() / 10, values.max() * 10),
            ]
            shown = ", ".join(signed(getattr(drift, e), 2) for e in ("low", "high"))
            axis.set_title(f"drift ${known[k]}^{{{drift.value:+.2f}}}$ [{shown}]")
        axis.set(xscale="log", yscale="log", xlabel=f"${known[k]}$")
    axes[0, 0].set_ylabel("least $K$ that serves" if detail.upper else "largest $K$ that serves")
    drawn = np.concatenate(drawn)
    low, high = min(values.min() / 1.6, drawn.min() / 1.1), max(values.max() * 1.6, drawn.max() * 1.1)
    if high < 10 * low:  # a decade around the data, lest noise look like drift
        low, high = np.sqrt(low * high) / 10**0.55, np.sqrt(low * high) * 10**0.55
    axes[0, 0].set_ylim(low, high)
    lines = (
        " Lines: its fitted drift with each size, the others held fixed; shaded: 95 % interval of the slope."
        if detail.drift
        else " Too few settings for a drift to be fitted."
    )
    caption = (
        f"The constant that serves a share $1-\\delta$ of the runs, one point per setting, for {called(observable)}."
        f"{lines} The bound fails if the needed constant certainly worsens faster than the power {DRIFT_TOLERANCE:g}."
        f" {sizes(used)}"
    )
    return finished(figure, name, f"Constants of {claim.name}", caption)


def _never_positive(name: str, claim: Claim, detail: Constant, runs: pd.DataFrame) -> "Picture | None":
    """A lower bound without any positive constant: how often the observable is positive at all."""
    from verify.axes import distances, shares, sizes
    from verify.draw import canvas, finished

    if detail.upper or detail.observable not in runs:
        return None
    values = runs[detail.observable].to_numpy(float)
    figure, axes = canvas(9.0, 2.9, 1, 2, wspace=0.24)
    required = 1 - float(runs["delta"].iloc[0])
    shares(axes[0, 0], runs, values > 0, required)
    distances(axes[0, 1], [(detail.observable, Within(low=0))], runs, strict=True)
    caption = (
        f"Left: share of runs in which {called(detail.observable)} is positive at all, one point per setting with its"
        f" exact 95 % interval; solid line: the required probability {required:g}. Right: its value in every run"
        f"{'; crosses are zero' if (values == 0).any() else ''}. {sizes(runs)}"
    )
    return finished(figure, name, f"Success shares of {claim.name}", caption)


def _check(law: AtMost | AtLeast, values: Mapping[str, float]) -> None:
    require_positive("the bound", law.expression, values)


def _planted(kind: type[AtMost | AtLeast], power: int, bench: Bench) -> Iterator[Plant]:
    """An observable made to miss its bound by a factor that grows."""
    for claim, observable, _, runs in bench.of(kind):
        moved = runs.assign(**{observable: runs[observable] * runs["n"].astype(float) ** power})
        yield Plant(kind="constant drifts", claim=claim, detail=f"{observable} times n^{power}", runs=moved)


AT_MOST = LawKind(
    called="upper bound",
    method="bound: smallest constant and its drift",
    judge=partial(_judge, True),
    how=_how,
    predicted=_predicted,
    measured=_measured,
    brief=_brief,
    table=_table,
    picture=_picture,
    check=_check,
    along=Along(quantile=lambda reading: 1 - reading.delta, tolerance=lambda law: DRIFT_TOLERANCE, bad=1),
    planted=partial(_planted, AtMost, 1),
)
AT_LEAST = replace(
    AT_MOST,
    called="lower bound",
    method="bound: largest constant and its drift",
    judge=partial(_judge, False),
    along=Along(quantile=lambda reading: reading.delta, tolerance=lambda law: DRIFT_TOLERANCE, bad=-1),
    planted=partial(_planted, AtLeast, -1),
)
