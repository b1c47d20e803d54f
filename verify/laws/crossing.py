"""Crossing: where a line through all runs changes sign."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd
import sympy as sp

from numerics import Observable
from theory import Claim, Crossing, evaluate, kappa, tau_minus, tau_plus
from theory.statements import tex
from verify import fit
from verify.evidence import at_runs, lacking
from verify.laws.kind import Asked, Bench, Detail, Finding, LawKind, Plant, Status
from verify.notation import called, interval, number

if TYPE_CHECKING:
    from verify.draw import Picture


@dataclass(frozen=True, kw_only=True)
class Place(Detail):
    """The runs' points, where the line through them is zero, and where it should be."""

    kind: ClassVar[str] = "crossing"
    observable: str
    at: float
    within: float
    x: list[float]
    y: list[float]
    where: fit.Interval | None = None
    p_value: float | None = None


def _judge(parts: Sequence[tuple[str, Crossing]], runs: pd.DataFrame, asked: Asked) -> Finding:
    [(name, law)] = parts
    observable = asked.observables[name]
    y = runs[name].to_numpy(float)
    x = at_runs(law.along, runs)
    seen = _speaks(observable, runs)
    predicted = f"{name} changes sign at {law.at:g} (window ±{law.within:g}: {law.why})"
    detail = Place(observable=name, at=law.at, within=law.within, x=x[seen].tolist(), y=y[seen].tolist())

    def answer(status: Status, measured: str, reason: str, detail: Place = detail) -> Finding:
        return Finding(
            parts=tuple(parts), status=status, predicted=predicted, measured=measured, reason=reason, detail=detail
        )

    found = fit.crossing(x[seen], y[seen], runs["setting"].to_numpy()[seen], asked.rng) if seen.sum() > 8 else None
    if found is None:
        return answer(Status.INCONCLUSIVE, "no crossing located", "no slope is told from zero, or none in range")
    where, _ = found
    low, high = law.at - law.within, law.at + law.within
    p_value = fit.p_outside(where, low, high, runs["setting"][seen].nunique() - 2)
    detail = replace(detail, where=where, p_value=p_value)
    if where.within(low, high):
        return answer(Status.SUPPORTED, f"at {where}", "the whole interval lies in the window", detail)
    if where.outside(low, high):
        return answer(Status.REFUTED, f"at {where}", "the whole interval lies outside the window", detail)
    return answer(Status.INCONCLUSIVE, f"at {where}", "the interval reaches beyond the window", detail)


def _speaks(observable: Observable, runs: pd.DataFrame) -> np.ndarray:
    """Which runs say something."""
    return np.asarray(lacking(observable, runs) == "") & runs[observable.name].notna().to_numpy()


def _how(law: Crossing) -> str:
    return (
        f"A line is fitted to all runs; supported if the 95 % interval of its zero lies within ±{law.within:g} of"
        f" {law.at:g} ({law.why}), refuted if it lies wholly outside."
    )


def _predicted(law: Crossing, detail: Place | None) -> str:
    return "" if detail is None else f"zero at {law.at:g} ± {law.within:g}"


def _measured(detail: Place) -> list[str]:
    return [] if detail.where is None else [f"zero at {interval(detail.where)}"]


def _brief(detail: Place) -> str:
    return "" if detail.where is None else f"zero at {number(detail.where.value)}"


def _picture(
    name: str, claim: Claim, finding: Finding, runs: pd.DataFrame, observables: Mapping[str, Observable]
) -> "Picture | None":
    from verify.axes import legend_above, sizes
    from verify.draw import INK, NOISY, SIGNAL, WINDOW, canvas, finished
    from verify.drawn import traced

    detail = finding.detail
    if len(detail.x) < 2:
        return None
    x, y = np.array(detail.x), np.array(detail.y)
    figure, axes = canvas(7.0, 3.2)
    axis = axes[0, 0]
    at, within = detail.at, detail.within
    axis.axvspan(at - within, at + within, color=WINDOW, lw=0, label=f"predicted {at:g} ± {within:g}")
    [marks] = axis.plot(x, y, "o", ms=2.6, mew=0, alpha=0.45, color=SIGNAL, rasterized=True)
    seen = runs.index[_speaks(observables[detail.observable], runs)]
    if len(seen) == len(x):
        traced(marks, seen)
    axis.axhline(0, color=INK, lw=0.8)
    ends = np.array([x.min(), x.max()])
    slope, offset = np.polyfit(x, y, 1)
    axis.plot(ends, slope * ends + offset, color=INK, lw=1.1, ls=(0, (4, 2.5)), label="fitted line")
    where = detail.where
    if where:
        axis.plot([where.low, where.high], [0, 0], color=NOISY, lw=4, solid_capstyle="butt", zorder=4,
                  label=f"measured {where.value:.3f} [{where.low:.3f}, {where.high:.3f}]")  # fmt: skip
    axis.set_xlabel(_along(finding.parts[0][1]))
    axis.set_ylabel(called(detail.observable))
    legend_above(axis)
    measured = " and the measured one with its 95 % interval" if where else ""
    caption = (
        f"Every run's {called(detail.observable)} against the deciding product, with the fitted line (dashed), the"
        f" predicted location with its window (shaded){measured}. {sizes(runs)}"
    )
    return finished(figure, name, f"Crossing of {claim.name}", caption)


def _along(law: Crossing) -> str:
    """What the crossing lies along, in the paper's notation if it has one."""
    known = {
        kappa * (1 - tau_plus - tau_minus): r"\kappa(1-\tau_+-\tau_-)",
        kappa * (1 - 2 * tau_plus): r"\kappa(1-2\tau_+)",
        kappa * (1 - 2 * tau_minus): r"\kappa(1-2\tau_-)",
    }
    for expression, latex in known.items():
        if sp.simplify(law.along - expression) == 0:
            return f"${latex}$"
    return f"${tex(law.along)}$"


def _check(law: Crossing, values: Mapping[str, float]) -> None:
    if not sp.sympify(law.along).free_symbols:
        raise ValueError(f"Crossing along {law.along}, which never changes; name what moves, e.g. kappa")
    evaluate(law.along, values)


def _planted(bench: Bench) -> Iterator[Plant]:
    for claim, observable, law, runs in bench.of(Crossing):
        for factor in (0.75, 1.25):
            wrong = replace(claim, observable=observable, law=replace(law, at=law.at * factor))
            detail = f"{observable} at {law.at * factor:g}"
            yield Plant(kind="threshold shifted", claim=wrong, detail=detail, runs=runs)


KIND = LawKind(
    called="threshold",
    method="threshold: where a line crosses zero",
    judge=_judge,
    how=_how,
    predicted=_predicted,
    measured=_measured,
    brief=_brief,
    picture=_picture,
    check=_check,
    planted=_planted,
)
