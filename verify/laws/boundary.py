"""Boundary: the surface on which an observable passes a level, its powers, its place, its width and its sharpening."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd
import sympy as sp

from numerics import Observable
from theory import Boundary, Claim, evaluate, n
from theory.expressions import exponents
from verify import fit
from verify.evidence import at_runs, lacking
from verify.laws.kind import (
    DECADES_NEEDED,
    MORE,
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
from verify.laws.theta import EXPONENT_TOLERANCE, SCALES
from verify.notation import called, interval, latex, notation, number, signed
from verify.surface import Surface, falls, surface

if TYPE_CHECKING:
    from verify.draw import Picture

SHIFTS = (-1.0, -0.5, 0.5, 1.0)  # of a planted power of n, in what the boundary lies along


@dataclass(frozen=True, kw_only=True)
class Edge(Detail):
    """Where the boundary lies: the powers of ``of`` in the other parameters, the value of ``along`` at the centre of
    the design, the same over the derived constant, the width in decades, the power of n that sharpens it; by parameter
    that the law names, the decades on which it is tested; and the most of what is known of a power that one setting
    carries."""

    kind: ClassVar[str] = "boundary"
    observable: str
    of: str
    predicted: dict[str, float]
    powers: dict[str, fit.Interval] | None = None
    at: fit.Interval | None = None
    over_constant: fit.Interval | None = None
    width: fit.Interval | None = None
    sharpening: fit.Interval | None = None
    decades: dict[str, float] | None = None
    leverage: dict[str, float] | None = None
    residual_sd: float | None = None
    curve: tuple[float, float, float] | None = None
    p_value: float | None = None
    shown: dict[str, list[float]] = field(default_factory=dict)


def _judge(parts: Sequence[tuple[str, Boundary]], runs: pd.DataFrame, asked: Asked) -> Finding:
    [(name, law)] = parts
    observable, top, level = asked.observables[name], float(law.top), float(law.level)
    predicted = {k: float(v) for k, v in law.exponents().items()}
    of = law.of.name
    said = f"{name} = {level:g} where {of} = K " + " ".join(f"{k}^{v:+g}" for k, v in predicted.items())
    for what in ("at", "width", "sharpening"):
        if getattr(law, what) is not None:
            low, high = getattr(law, what)
            said += f", {_CALLED[what]} in [{low:g}, {high:g}]"
    bare = Edge(observable=name, of=of, predicted=predicted)

    def answer(status: Status, measured: str, reason: str, detail: Edge = bare) -> Finding:
        return Finding(
            parts=tuple(parts), status=status, predicted=said, measured=measured, reason=reason, detail=detail
        )

    used = runs.loc[_rows(observable, law, runs)]
    lost = 1 - len(used) / len(runs)
    if lost > 0.05:
        why = "too many runs without a number (5 % allowed): what is left may be a selection"
        return answer(Status.INCONCLUSIVE, f"{lost:.0%} of the runs lost", why)
    found, scales = _fitted(name, law, used)
    if found.problem:
        return answer(Status.INCONCLUSIVE, "no fit", found.problem)
    own = 1 / _power(law)
    powers = {k: _moved(found.powers[k], own, predicted.get(k, 0.0)) for k in scales}
    at = fit.Interval(**{k: math.exp(getattr(found.at, k)) for k in ("value", "low", "high")})
    over = None
    if law.constant:
        middle = math.exp(float(np.log(used[law.constant]).mean()))
        over = fit.Interval(**{k: getattr(at, k) / middle for k in ("value", "low", "high")})
    settings = used.groupby("setting").first()
    wide = {k: fit.tested(np.log(settings[k].to_numpy(float)), found.says) for k in (*predicted, of)}
    window = {
        k: (predicted.get(k, 0.0) - EXPONENT_TOLERANCE, predicted.get(k, 0.0) + EXPONENT_TOLERANCE) for k in scales
    }
    # What is claimed, and between which numbers it must lie.
    held = {k: (powers[k], window[k]) for k in scales}
    for what, measured in (("at", over or at), ("width", found.width), ("sharpening", found.sharpening)):
        if getattr(law, what) is not None:
            held[_CALLED[what]] = (measured, getattr(law, what))
    p_value = min(fit.p_outside(value, *ends, found.spare) for value, ends in held.values())
    detail = replace(
        bare,
        powers=powers,
        at=at,
        over_constant=over,
        width=found.width,
        sharpening=found.sharpening,
        decades=wide,
        leverage=dict(found.leverage),
        residual_sd=found.residual_sd * top,
        curve=found.curve,
        p_value=min(1.0, len(held) * p_value),
        shown=_shown(name, law, used, found),
    )
    shown = f"{of} ~ " + " ".join(f"{k}^{powers[k]}" for k in scales)
    shown += f"; at {law.along} = {at}" + (f", {over} times what is derived" if over else "")
    shown += f"; half to a tenth over {found.width} decades; steepness ~ n^{found.sharpening}"

    def told(k: str) -> str:
        value, (low, high) = held[k]
        return f"{k} {value} against [{low:g}, {high:g}]"

    wrong = [k for k, (value, ends) in held.items() if value.outside(*ends)]
    if wrong:
        return answer(Status.REFUTED, shown, f"outside: {', '.join(map(told, wrong))}", detail)
    if thin := too_short(wide, list(wide)) or on_one(found.leverage, list(predicted)):
        return answer(Status.INCONCLUSIVE, shown, thin, detail)
    open_ = [k for k, (value, ends) in held.items() if not value.within(*ends)]
    if open_:
        return answer(Status.INCONCLUSIVE, shown, f"not told: {', '.join(map(told, open_))}; {MORE}", detail)
    kept = ", ".join(k for k in held if k not in scales)
    reason = f"every power's interval lies within ±{EXPONENT_TOLERANCE}" + (
        f", and so do {kept} in theirs" if kept else ""
    )
    return answer(Status.SUPPORTED, shown, reason, detail)


_CALLED = {"at": "place", "width": "decades", "sharpening": "sharpening"}


def _power(law: Boundary) -> float:
    """Of the parameter that the boundary is solved for, in what it lies along."""
    return float(law.of * sp.diff(law.along, law.of) / law.along)


def _moved(power: fit.Interval, factor: float, by: float) -> fit.Interval:
    return fit.Interval(**{k: by + factor * getattr(power, k) for k in ("value", "low", "high")})


def _fitted(name: str, law: Boundary, used: pd.DataFrame) -> tuple[Surface, list[str]]:
    """The surface, and the parameters whose powers are fitted: all that the law names, all scales, the target loss."""
    predicted = [k for k in law.exponents() if k in used]
    scales = list(dict.fromkeys([*predicted, *(k for k in SCALES if k in used), "epsilon"]))
    # A target loss that nobody varied tells nothing.
    scales = [k for k in scales if k != law.of.name and (k != "epsilon" or used[k].nunique() > 1)]
    others = {k: np.log(used[k].astype(float)) for k in scales}
    if law.constant:
        others["hidden constant"] = np.log(used[law.constant])
    else:
        others |= {k: used[k] for k in of_order_one(used)}
    found = surface(
        used[name].to_numpy(float) / float(law.top),
        used["setting"].to_numpy(),
        np.log(at_runs(law.along, used)),
        np.log(used["n"].to_numpy(float)),
        pd.DataFrame(others),
        float(law.level) / float(law.top),
    )
    return found, scales


def _shown(name: str, law: Boundary, used: pd.DataFrame, found: Surface) -> dict[str, list[float]]:
    """What is drawn: along, over the derived constant where there is one, the observable, and n."""
    along = at_runs(law.along, used) / (used[law.constant].to_numpy(float) if law.constant else 1.0)
    return {"along": along.tolist(), "value": used[name].tolist(), "n": used["n"].astype(float).tolist()}


def _how(law: Boundary) -> str:
    more = [
        f"{_CALLED[what]} in [{getattr(law, what)[0]:g}, {getattr(law, what)[1]:g}]"
        for what in ("at", "width", "sharpening")
        if getattr(law, what) is not None
    ]
    also = f" Claimed as well: {', '.join(more)} ({law.why})." if more else ""
    derived = " A free power of the constant that is derived from each run's own draw is fitted beside them." * bool(
        law.constant
    )
    return (
        f"A curve that falls from {float(law.top):g} to 0 along the law is fitted to all runs at once, with a free"
        f" power of every parameter in the place where it passes {float(law.level):g}, a free width and a free power of"
        f" n in its steepness, over at least {DECADES_NEEDED:g} decades of every parameter named.{derived} Supported if"
        f" the 95 % interval of every power lies within ±{EXPONENT_TOLERANCE:g} of the predicted one (zero for"
        f" parameters that the law leaves out); refuted if one lies wholly outside.{also}"
    )


def _predicted(law: Boundary, detail: Edge | None) -> str:
    if detail is None:
        return ""
    shown = ", ".join(f"{notation(k)} {signed(v)}" for k, v in detail.predicted.items())
    return f"powers of {notation(detail.of)} at the boundary {shown}, others 0"


def _measured(detail: Edge) -> list[str]:
    if detail.powers is None:
        return []
    lines = [f"{notation(k)} {interval(detail.powers[k], True)}" for k in detail.powers]
    return [*lines, f"at {interval(detail.at)}", f"{interval(detail.width)} decades wide"]


def _brief(detail: Edge) -> str:
    if detail.powers is None or detail.at is None:
        return ""
    first = ", ".join(f"{k} {signed(detail.powers[k].value, 3)}" for k in list(detail.predicted)[:2])
    return f"powers {first}; at {number(detail.at.value)}"


def _table(detail: Edge) -> Table | None:
    if detail.powers is None:
        return None

    def row(what: str, claimed: str, value: fit.Interval) -> tuple[str, ...]:
        return what, claimed, signed(value.value, 3), f"[{signed(value.low, 3)}, {signed(value.high, 3)}]"

    rows = [row(notation(k), signed(detail.predicted.get(k, 0.0)), v) for k, v in detail.powers.items()]
    rows.append(row("place", "–", detail.at))
    if detail.over_constant is not None:
        rows.append(row("place over what is derived", "1", detail.over_constant))
    rows += [row("decades from half to a tenth", "–", detail.width), row("sharpening in $n$", "–", detail.sharpening)]
    return Table(headings=("Power of", "predicted", "measured", "95 % interval"), rows=rows)


def _picture(
    name: str, claim: Claim, finding: Finding, runs: pd.DataFrame, observables: Mapping[str, Observable]
) -> "Picture | None":
    from verify.axes import legend_above, sizes
    from verify.draw import INK, NOISY, SIGNAL, canvas, finished
    from verify.drawn import traced

    detail, [(_, law)] = finding.detail, finding.parts
    if detail.curve is None:
        return None
    along, value, size = (np.array(detail.shown[k]) for k in ("along", "value", "n"))
    place = detail.over_constant or detail.at
    figure, axes = canvas(7.0, 3.2)
    axis = axes[0, 0]
    middle = float(np.median(size))
    rows = _rows(observables[detail.observable], law, runs)
    for mask, colour, label in (
        (size <= middle, SIGNAL, f"$n \\leq {middle:.0f}$"),
        (size > middle, NOISY, f"$n > {middle:.0f}$"),
    ):
        [marks] = axis.plot(
            along[mask], value[mask], "o", ms=3, mew=0, alpha=0.55, color=colour, label=label, rasterized=True
        )
        if len(rows) == len(along):
            traced(marks, rows[mask])
    grid = np.geomspace(along.min(), along.max(), 200)
    curve = float(law.top) * falls(detail.curve, np.log(grid / place.value))
    axis.plot(grid, curve, color=INK, lw=1.1, ls=(0, (4, 2.5)), label="fitted curve")
    axis.axhline(float(law.level), color=INK, lw=0.6)
    axis.plot([place.low, place.high], [float(law.level)] * 2, color=INK, lw=4, solid_capstyle="butt", zorder=4)
    over = " over what is derived" if law.constant else ""
    axis.set(xscale="log", xlabel=f"${_monomial(law)}${over}", ylabel=called(detail.observable))
    legend_above(axis)
    caption = (
        f"Every run's {called(detail.observable)} along the claimed boundary{over}, with the fitted curve at the centre"
        f" of the design (dashed) and where it passes {float(law.level):g}, with its 95 % interval. {sizes(runs)}"
    )
    return finished(figure, name, f"Boundary of {claim.name}", caption)


def _rows(observable: Observable, law: Boundary, runs: pd.DataFrame) -> pd.Index:
    """The runs that say something."""
    usable = (lacking(observable, runs) == "") & runs[observable.name].notna()
    return runs.index[usable & (runs[law.constant] > 0) if law.constant else usable]


def _monomial(law: Boundary) -> str:
    """What it lies along, as pictures can show it."""
    known = latex()
    return r"\,".join(known[k] + ("" if v == 1 else f"^{{{v}}}") for k, v in exponents(law.along).items())


def _check(law: Boundary, values: Mapping[str, float]) -> None:
    require_positive("the boundary along", law.along, values)
    evaluate(law.along, values)


def _bent(law: Boundary, power: sp.Expr) -> Boundary:
    """The same boundary with another power of n in ``of``."""
    return replace(
        law, along=law.along * n ** (power * sp.nsimplify(_power(law))), at=None, width=None, sharpening=None
    )


def _planted(bench: Bench) -> Iterator[Plant]:
    for claim, observable, law, runs in bench.of(Boundary):
        for shift in SHIFTS:
            bent = replace(law, along=law.along * n ** sp.nsimplify(shift))
            wrong = replace(claim, observable=observable, law=bent)
            yield Plant(kind="boundary turned", claim=wrong, detail=f"{observable} along {bent.along}", runs=runs)


KIND = LawKind(
    called="boundary",
    method="boundary: a surface fitted to all runs",
    judge=_judge,
    how=_how,
    predicted=_predicted,
    measured=_measured,
    brief=_brief,
    table=_table,
    picture=_picture,
    check=_check,
    spread=True,
    bent=_bent,
    planted=_planted,
)
