"""Exactly: the largest residual of an identity."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from numerics import Observable
from theory import Claim, Exactly
from verify.evidence import Why, evidence
from verify.laws.kind import Asked, Bench, Detail, Finding, LawKind, Plant, Status
from verify.notation import number

if TYPE_CHECKING:
    from verify.draw import Picture


@dataclass(frozen=True, kw_only=True)
class Residual(Detail):
    """The largest residual, None where no run has one."""

    kind: ClassVar[str] = "identity"
    observable: str
    largest: float | None
    p_value: float = 1.0

    def data(self) -> dict[str, Any]:
        # That there is none is said.
        return {"kind": self.kind, "observable": self.observable, "largest": self.largest, "p_value": self.p_value}


def _judge(parts: Sequence[tuple[str, Exactly]], runs: pd.DataFrame, asked: Asked) -> Finding:
    [(name, law)] = parts
    found = evidence(parts, runs, asked.observables)
    # A residual that counts and is no number is infinite.
    seen = runs[name].fillna(np.inf).to_numpy(float)[found.counted]
    predicted = f"{name} = 0, up to {law.tolerance:g} ({law.why})"
    detail = Residual(observable=name, largest=float(seen.max()) if seen.size else None)

    def answer(status: Status, measured: str, reason: str, detail: Residual = detail) -> Finding:
        return Finding(
            parts=tuple(parts), status=status, predicted=predicted, measured=measured, reason=reason, detail=detail
        )

    if not seen.size:
        return answer(Status.INCONCLUSIVE, "no residual", "the premise never held")
    measured = f"largest residual {seen.max():.2g} over {seen.size} runs"
    if seen.max() > law.tolerance:
        # Rounding does not do that.
        told = f"above the tolerance {law.tolerance:g}"
        return answer(Status.REFUTED, measured, told, replace(detail, p_value=0.0))
    lost = int((found.open & (found.why != Why.NO_VALUE)).sum())
    if lost:
        return answer(Status.INCONCLUSIVE, measured, f"{lost} runs might have spoken and did not")
    return answer(Status.SUPPORTED, measured, f"below the tolerance {law.tolerance:g}")


def _how(law: Exactly) -> str:
    return f"The largest residual over all runs must not exceed {law.tolerance:g} ({law.why})."


def _measured(detail: Residual) -> list[str]:
    return [] if detail.largest is None else [f"largest residual {number(detail.largest)}"]


def _brief(detail: Residual) -> str:
    return "" if detail.largest is None else f"residual {number(detail.largest)}"


def _picture(
    name: str, claim: Claim, finding: Finding, runs: pd.DataFrame, observables: Mapping[str, Observable]
) -> "Picture | None":
    from verify.axes import sizes
    from verify.draw import NOISY, SIGNAL, canvas, finished, number

    [(observable, law)] = finding.parts
    values = runs[observable].dropna().to_numpy(float)
    if not values.size:
        return None
    tolerance = law.tolerance
    figure, axes = canvas(6.2, 2.5, left=0.6)
    axis = axes[0, 0]
    shown = np.maximum(values, 1e-18)  # exact zeros
    top = max(float(shown.max()), tolerance) * 3
    axis.hist(shown, bins=np.geomspace(shown.min() * 0.8, top, 60), color=SIGNAL, alpha=0.85)
    axis.axvline(tolerance, color=NOISY, lw=1.2)
    axis.text(tolerance, 1.02, "tolerance", color=NOISY, ha="center", transform=axis.get_xaxis_transform())
    axis.set(xscale="log", xlabel="residual", ylabel="runs", xlim=(shown.min() * 0.6, top))
    caption = (
        f"Residuals of the identity, one per run; the line is the tolerance {number(tolerance)}"
        f"{'; exact zeros are drawn at $10^{-18}$' if (values == 0).any() else ''}. {sizes(runs)}"
    )
    return finished(figure, name, f"Residuals of {claim.name}", caption)


RECURSION = "recursion.exact"  # the identity of which an engine is known that breaks it


def _planted(bench: Bench) -> Iterator[Plant]:
    for claim, observable, law, runs in bench.of(Exactly):
        moved = runs.assign(**{observable: runs[observable] + 10 * law.tolerance})
        yield Plant(kind="identity broken", claim=claim, detail=f"{observable} off by ten tolerances", runs=moved)
    if RECURSION in bench.claims:
        exact, runs = bench.claims[RECURSION], bench.runs_of(RECURSION)
        [(observable, _)] = exact.parts
        moved = runs.assign(**{observable: np.resize(bench.faulty(), len(runs))})
        yield Plant(kind="wrong recursion", claim=exact, detail="noisy samples pull with the wrong sign", runs=moved)


def _obeyed(bench: Bench) -> Iterator[Plant]:
    if RECURSION in bench.claims:
        exact, runs = bench.claims[RECURSION], bench.runs_of(RECURSION)
        yield Plant(kind="true identity", claim=exact, detail="the recursion itself", runs=runs)


KIND = LawKind(
    called="identity",
    method="identity: largest residual",
    judge=_judge,
    how=_how,
    predicted=lambda law, detail: f"up to {number(law.tolerance)}",
    measured=_measured,
    brief=_brief,
    picture=_picture,
    everywhere=True,
    planted=_planted,
    obeyed=_obeyed,
)
