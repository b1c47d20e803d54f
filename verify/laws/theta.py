"""Theta: exponents are fitted jointly and held against those of the law."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd
import sympy as sp

from numerics import Observable
from numerics.trajectory import RATIO
from theory import Band, Claim, Condition, Theta, d, kappa, lookup, mu, n, sigma_xi
from theory.expressions import exponents
from theory.symbols import table
from verify import fit
from verify.evidence import lacking
from verify.laws.ends import ENDS, LOGARITHMIC, at_ends
from verify.laws.kind import (
    DECADES_NEEDED,
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
    of_order_one,
    on_one,
    require_positive,
    too_short,
)
from verify.notation import called, interval, latex, notation, signed, symbol

if TYPE_CHECKING:
    from verify.draw import Picture

# An exponent is right if its whole 95 % interval lies this close to the prediction: far below 1/4, the smallest
# difference between laws that anyone proposes, and above what corrections of relative size n^-1/2 leave at n = 10.
EXPONENT_TOLERANCE = 0.05
# A prefactor may vary this much over the settings: kappa by 4 and tau by 5 do move a constant of order one.
PREFACTOR_BAND = 10.0

# On these every rate is fitted. mu is not among them: kappa is, and mu follows from it.
SCALES = ("n", "m", "d", "sigma_xi", "eta", "sigma_0")

SHIFTS = (-1.0, -0.5, -0.25, 0.25, 0.5, 1.0)  # of planted exponents


@dataclass(frozen=True, kw_only=True)
class End:
    """An exponent at the end ``at`` of a variable's range, what it is in words, and what it tends to ``beyond``."""

    at: float
    what: str
    beyond: fit.Interval
    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Rate(Detail):
    """What was fitted, by parameter; only the prediction where nothing could be."""

    kind: ClassVar[str] = "rate"
    observable: str
    predicted: dict[str, float]
    slopes: dict[str, fit.Interval] | None = None
    ends: dict[str, End] | None = None
    decades: dict[str, float] | None = None
    leverage: dict[str, float] | None = None
    prefactor_band: float | None = None
    prefactor: tuple[float, float, float] | None = None
    rival: fit.Rival | None = None
    own_residual_sd: float | None = None
    residual_sd: float | None = None
    resolution: float | None = None
    p_value: float | None = None


# ---------------------------------------------------------------------------------------------------------------
# The verdict


def _judge(parts: Sequence[tuple[str, Theta]], runs: pd.DataFrame, asked: Asked) -> Finding:
    """Of a law that names mu where the conditions bound kappa on both sides: as it stands, and, where that is not so,
    up to powers of kappa, since Theta hides them: f and f kappa^a are one claim there, and no range of kappa tells
    them apart."""
    [(name, law)] = parts
    finding = _rate(name, law, law.expression, runs, asked)
    if finding.status == Status.SUPPORTED or mu not in law.expression.free_symbols or not _bounds_kappa(asked.needs):
        return finding
    return _rate(name, law, law.expression.subs(mu, sigma_xi * sp.sqrt(d / n)), runs, asked)


def _bounds_kappa(needs: Sequence[Condition]) -> bool:
    """Whether a condition keeps kappa, times parameters of order one, between two constants."""
    of_order_one = {p.symbol for p in table() if p.order == "~"}
    return any(
        isinstance(c.statement, Band) and sp.cancel(c.statement.expression / kappa).free_symbols <= of_order_one
        for c in needs
    )


def _rate(name: str, law: Theta, expression: sp.Expr, runs: pd.DataFrame, asked: Asked) -> Finding:
    observable = asked.observables[name]
    predicted = {k: float(v) for k, v in exponents(expression).items()}
    shown = ", ".join(f"{k}: {v:+g}" for k, v in predicted.items())
    bare = Rate(observable=name, predicted=predicted)
    said = f"{name} = {'Theta~' if law.up_to_logs else 'Theta'}({law.expression}): {shown}"
    also = "" if expression == law.expression else f"; kappa = Theta(1) here, which makes the law {expression}"

    def answer(status: Status, measured: str, reason: str, detail: Rate = bare) -> Finding:
        told = {"predicted": said, "measured": measured, "reason": reason + also, "detail": detail}
        return Finding(parts=((name, law),), status=status, **told)

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
        regressors |= {k: used[k] for k in of_order_one(used)}
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
        return fit.regress(np.log(value), used["setting"].to_numpy(), columns, rng=asked.rng, spread=spread)

    result = fitted(pd.DataFrame(index=regressors.index))
    if result.problem:
        return answer(Status.INCONCLUSIVE, "no fit", result.problem)
    slopes = {k: result.slopes[k] for k in scales}
    window = {k: _window(predicted.get(k, 0.0)) for k in scales}
    wrong = [k for k in scales if slopes[k].outside(*window[k])]
    ends = at_ends(fitted, regressors, wrong, law.up_to_logs)
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
    named = list(predicted) or scales
    hangs = max(named, key=lambda k: result.leverage[k])
    short, hanging = too_short(result.decades, list(predicted)), on_one(result.leverage, [hangs])
    detail = Rate(
        observable=name,
        predicted=predicted,
        slopes=slopes,
        ends={k: End(at=end.at, what=end.what, beyond=end.beyond, **vars(end.exponent)) for k, end in ends.items()},
        decades={k: result.decades[k] for k in scales},
        leverage={k: result.leverage[k] for k in scales},
        prefactor_band=band,
        prefactor=(float(prefactor.min()), float(np.exp(np.log(prefactor).mean())), float(prefactor.max())),
        rival=best,
        own_residual_sd=own.residual_sd,
        residual_sd=result.residual_sd,
        resolution=RATIO - 1 if observable.time else 0.0,
        p_value=min(1.0, p_value * len(scales)),
    )
    assert detail.prefactor is not None
    rival = (
        f"one exponent moved by 1/2, best to {best.law}, leaves"
        f" {best.residual_sd / max(own.residual_sd, 1e-12):.1f} times the spread"
    )
    measured += "; constant {1:.3g} ({0:.3g} to {2:.3g}); ".format(*detail.prefactor) + rival
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
        rest = ", ".join(over(k) for k in wrong if k not in contradicted)
        worst += f"; so does, over the range, {rest}" if rest else ""
        return answer(Status.REFUTED, measured, f"exponent off by more than {tol}: {worst}", detail)
    if band > PREFACTOR_BAND:
        reason = f"the constant varies by a factor {band:.1f}, beyond {PREFACTOR_BAND:g}"
        return answer(Status.REFUTED, measured, reason, replace(detail, p_value=0.0))
    if wrong:
        # With a logarithm allowed for, the power itself may be as claimed, and the data may tell.
        if law.up_to_logs and all(k in ends and ends[k].exponent.within(*window[k]) for k in wrong):
            logs = ", ".join(f"{over(k)}: {at_end(k)}" for k in wrong)
            rest = [k for k in scales if k not in wrong and not slopes[k].within(*window[k])]
            if not rest and not short and not hanging:
                return answer(Status.SUPPORTED, measured, f"a logarithm is seen, and allowed: {logs}", detail)
        told = "; ".join(f"{over(k)}, {at_end(k)}" for k in wrong)
        what = "a power and a logarithm" if law.up_to_logs else "a wrong exponent and a correction that dies out"
        return answer(Status.INCONCLUSIVE, measured, f"{what} are not told apart: {told}; {MORE}", detail)
    open_ = [k for k, v in slopes.items() if not v.within(*window[k])]
    bent = [k for k, end in ends.items() if not law.up_to_logs and end.exponent.outside(*window[k])]
    if short or open_:
        wide = ", ".join(over(k) for k in open_)
        told = [short, f"interval not within ±{tol}: {wide}; {MORE}" if open_ else ""]
        return answer(Status.INCONCLUSIVE, measured, "; ".join(filter(None, told)), detail)
    if bent:
        told = "; ".join(f"{over(k)}, but {at_end(k)}" for k in bent)
        return answer(Status.INCONCLUSIVE, measured, f"it bends away at the end of the range: {told}", detail)
    if ranking[0].law != "predicted":
        return answer(Status.INCONCLUSIVE, measured, f"the rival {best.law} fits as well", detail)
    if hanging:
        return answer(Status.INCONCLUSIVE, measured, hanging, detail)
    reason = f"every exponent's interval lies within ±{tol}; the constant stays within a factor {band:.1f}"
    if law.up_to_logs:
        reason += f"; no logarithm is needed, and none is told from a power within ±{tol}: {_logs(slopes, used)}"
    return answer(Status.SUPPORTED, measured, reason, detail)


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
# Its words


def _how(law: Theta) -> str:
    derived = (
        " A free power of the constant that the mean field derives, computed from each run's own labels, takes out what"
        " kappa and the flips do to it."
        if law.constant
        else ""
    )
    return (
        f"Exponents of all variables are fitted jointly on a log-log scale, over at least {DECADES_NEEDED:g} decades of"
        f" each. Supported if every 95 % interval lies within ±{EXPONENT_TOLERANCE:g} of the predicted exponent (zero"
        f" for variables absent from the law), the constant stays within a factor {PREFACTOR_BAND:g} over all settings,"
        " and no law with one exponent moved by 1/2 fits as well. Refuted if an interval lies wholly outside its"
        " window, at the end of the range and beyond it too where a correction may die out, or if the constant varies"
        f" more.{derived}"
    )


def _predicted(law: Theta, detail: Rate | None) -> str:
    if detail is None:
        return ""
    return "exponents " + ", ".join(f"{notation(k)} {signed(v)}" for k, v in detail.predicted.items()) + ", others 0"


def _measured(detail: Rate) -> list[str]:
    slopes = detail.slopes or {}
    order = [k for k in detail.predicted if slopes] + [k for k in slopes if k not in detail.predicted]
    return [f"{notation(k)} {interval(slopes[k], True)}" for k in order]


def _brief(detail: Rate) -> str:
    if detail.slopes is None:
        return ""
    off = {k: abs(v.value - detail.predicted.get(k, 0.0)) for k, v in detail.slopes.items()}
    worst = max(off, key=lambda k: off[k])
    return f"exponents off by {off[worst]:.3f} ({symbol(worst)}) or less"


def _table(detail: Rate) -> Table | None:
    if detail.slopes is None or detail.decades is None:
        return None
    rows = [
        (
            notation(k),
            signed(detail.predicted.get(k, 0.0)),
            signed(v.value, 3),
            f"[{signed(v.low, 3)}, {signed(v.high, 3)}]",
            f"{detail.decades[k]:.2f}",
        )
        for k, v in detail.slopes.items()
    ]
    return Table(headings=("Exponent of", "predicted", "measured", "95 % interval", "decades"), rows=rows)


def _by_setting(runs: pd.DataFrame, name: str) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, np.ndarray]:
    """First row with its label, geometric mean, least and largest of a positive observable, by setting."""
    used = runs[runs[name] > 0]
    grouped = used.assign(row=used.index).groupby("setting")
    logs = np.log(used[name]).groupby(used["setting"])
    return grouped.first(), *(np.exp(x.to_numpy()) for x in (logs.mean(), logs.min(), logs.max()))


def _picture(
    name: str, claim: Claim, finding: Finding, runs: pd.DataFrame, observables: Mapping[str, Observable]
) -> "Picture | None":
    from matplotlib.colors import LogNorm
    from matplotlib.ticker import MaxNLocator

    from verify.axes import signed, sizes
    from verify.draw import INK, SIGNAL, WINDOW, canvas, finished
    from verify.drawn import traced

    detail = finding.detail
    known = latex()
    slopes, predicted, observable = detail.slopes, detail.predicted, detail.observable
    if not slopes or detail.prefactor is None:
        return None
    first, centre, least, largest = _by_setting(runs, observable)
    law = np.exp(sum(power * np.log(first[k].to_numpy(float)) for k, power in predicted.items()))
    constant = detail.prefactor[1]
    figure, axes = canvas(9.0, 3.5, 1, 2, width_ratios=[1, 1.05], wspace=0.42, left=0.75)
    left, right = axes[0]
    left.errorbar(
        law, centre, yerr=np.maximum([centre - least, largest - centre], 0), fmt="none", ecolor="#9BB7C9", lw=1
    )
    shade = LogNorm(first["n"].min() / 1.001, first["n"].max() * 1.001)
    points = left.scatter(law, centre, c=first["n"], norm=shade, cmap="viridis", s=20, zorder=3, lw=0)
    traced(points, first["row"], whole=True)
    ends = np.array([law.min(), law.max()])
    left.plot(ends, constant * ends, color=INK, lw=1, ls=(0, (4, 2.5)), zorder=2)
    left.set(xscale="log", yscale="log", ylabel=f"measured {called(observable)}")
    left.set_title(f"dashed: as predicted, constant {constant:.3g}")
    monomial = r"\,".join((known.get(k) or k) + ("" if v == 1 else f"^{{{v:g}}}") for k, v in predicted.items())
    left.set_xlabel(f"predicted law ${monomial}$")
    bar = figure.colorbar(points, ax=left, fraction=0.04, pad=0.02)
    bar.ax.set_title("$n$", fontsize=9)
    names = list(slopes)[::-1]
    right.axvspan(-EXPONENT_TOLERANCE, EXPONENT_TOLERANCE, color=WINDOW, lw=0, label=f"±{EXPONENT_TOLERANCE:g}")
    right.axvline(0, color=INK, lw=0.9, ls=(0, (4, 2.5)))
    for y, k in enumerate(names):
        value = slopes[k]
        centre_, low, high = (getattr(value, x) - predicted.get(k, 0.0) for x in ("value", "low", "high"))
        right.plot([low, high], [y, y], color=SIGNAL, lw=2)
        right.plot([centre_], [y], "o", color=SIGNAL, ms=5)
    right.set_yticks(
        range(len(names)),
        [f"{f'${known[k]}$' if k in known else called(k)}:  {signed(predicted.get(k, 0.0))}" for k in names],
    )
    widest = max(abs(getattr(v, x) - predicted.get(k, 0.0)) for k, v in slopes.items() for x in ("low", "high"))
    reach = max(2 * EXPONENT_TOLERANCE, 1.1 * widest)
    right.set(xlim=(-reach, reach), ylim=(-0.6, len(names) - 0.4), xlabel="measured exponent minus predicted")
    right.set_title("exponents, predicted value at the left")
    right.xaxis.set_major_locator(MaxNLocator(5))
    right.grid(axis="y", visible=False)
    caption = (
        f"Left: {called(observable)} against the predicted law, one point per setting (geometric mean; bars span the"
        f" seeds); dashed: slope 1. Right: jointly fitted exponents minus their predictions, with 95 % intervals;"
        f" shaded: the window ±{EXPONENT_TOLERANCE:g} that an interval must lie in. {sizes(runs)}"
    )
    return finished(figure, name, f"Rate fit of {claim.name}", caption)


# ---------------------------------------------------------------------------------------------------------------
# A user's mistakes, and what the verifier is put to the test with


def _check(law: Theta, values: Mapping[str, float]) -> None:
    law.exponents()
    require_positive("the law", law.expression, values)


def shifted(claim: Claim, observable: str, law: Theta, shift: float) -> Iterator[tuple[str, Claim]]:
    """A rate with the exponent of each parameter of its law moved in turn."""
    for parameter in law.exponents():
        moved = law.expression * lookup(parameter) ** sp.Rational(str(shift))
        yield parameter, replace(claim, observable=observable, law=replace(law, expression=moved))


def _planted(bench: Bench) -> Iterator[Plant]:
    for claim, observable, law, runs in bench.of(Theta):
        for shift in SHIFTS:
            for parameter, wrong in shifted(claim, observable, law, shift):
                yield Plant(kind="exponent shifted", claim=wrong, detail=f"{parameter}^{shift:+g}", runs=runs)
        # The law is kept, but the constant is made to drift, with a parameter of the law and with one outside it.
        for parameter, power in (("n", 0.2), ("sigma_0", 0.25)):
            moved = runs.assign(**{observable: runs[observable] * runs[parameter] ** power})
            yield Plant(kind="prefactor trend", claim=claim, detail=f"constant times {parameter}^{power}", runs=moved)
        spread = np.where(runs["setting"] % 2 == 0, 6.0, 1 / 6.0)
        moved = runs.assign(**{observable: runs[observable] * spread})
        said = "constant times 6 or 1/6 at random settings"
        yield Plant(kind="no one constant", claim=claim, detail=said, runs=moved)


def _obeyed(bench: Bench) -> Iterator[Plant]:
    """Data that obey the law by construction: the real design, with the spread that real runs have about their fit."""
    for claim, observable, law, runs in bench.of(Theta):
        alone = replace(claim, observable=observable, law=law)
        kept = runs[(runs[observable] > 0) & (runs[law.constant] > 0 if law.constant else True)]
        log_y = np.log(kept[observable])
        predicted = sum(float(p) * np.log(kept[k]) for k, p in law.exponents().items())
        within = log_y - log_y.groupby(kept["setting"]).transform("mean")
        # As the judge fits it. What kappa and the flips do to the constant is allowed by the law; every other slope is
        # zero by construction, that of kappa too where the law names mu.
        scales = list(dict.fromkeys([*SCALES, *law.exponents()]))
        names = ["kappa"] * ("mu" not in scales) + [law.constant] * bool(law.constant)
        free = np.log(kept[names])
        columns = np.log(kept[[*scales, *names]]).to_numpy(float)
        ids, inverse = np.unique(kept["setting"], return_inverse=True)
        if len(ids) < columns.shape[1] + 3:
            continue  # no spread about a fit
        fitted = fit.weighted((log_y - predicted).to_numpy(), inverse, columns)
        allowed = free.groupby(kept["setting"]).transform("mean").to_numpy() @ fitted.slopes[len(scales) :]
        # The spread of real settings about their own fit, in units of what is expected of each.
        residual = fitted.weight * fitted.residual * np.sqrt(len(ids) / (len(ids) - columns.shape[1] - 1))
        residual -= residual.mean()
        for trial in range(bench.trials):
            noise = bench.rng.choice(residual, len(ids)) / fitted.weight
            values = np.exp(predicted + within + allowed + noise[inverse])
            yield Plant(
                kind="true rate",
                claim=alone,
                detail=f"replicate {trial}",
                runs=kept.assign(**{observable: values}),
            )


KIND = LawKind(
    called="rate",
    method="rate: joint log-log regression",
    judge=_judge,
    how=_how,
    predicted=_predicted,
    measured=_measured,
    brief=_brief,
    table=_table,
    picture=_picture,
    check=_check,
    spread=True,
    bent=lambda law, power: replace(law, expression=law.expression * n**power),
    along=Along(
        quantile=lambda reading: 0.5,
        tolerance=lambda law: DRIFT_TOLERANCE if law.up_to_logs else EXPONENT_TOLERANCE,
        bad=0,
    ),
    planted=_planted,
    obeyed=_obeyed,
)
