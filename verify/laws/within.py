"""Within: the share of runs that meet every bound of a claim."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from numerics import Observable
from theory import Claim, Within, evaluate
from verify import fit
from verify.evidence import Evidence, evidence
from verify.laws.kind import Asked, Bench, Detail, Finding, LawKind, Plant, Status, at, leaning

if TYPE_CHECKING:
    from verify.draw import Picture


@dataclass(frozen=True, kw_only=True)
class Share(Detail):
    """How many runs count and how many of them meet the bounds; ``again`` counts fresh seeds of doubtful settings."""

    kind: ClassVar[str] = "probability"
    observables: list[str]
    successes: int
    trials: int
    again: int
    silent: dict[str, int]
    required: float
    interval: fit.Interval
    p_value: float
    doubtful: tuple[int, ...] = ()
    worst_setting: int | None = None


def _judge(parts: Sequence[tuple[str, Within]], runs: pd.DataFrame, asked: Asked) -> Finding:
    """All explicit bounds of a claim at once: how often does a run meet every one of them?"""
    reading = asked.reading
    said = [_bound_text(name, law) for name, law in parts]
    found = evidence(parts, runs, asked.observables)
    met, counted = found.met, found.counted
    required = 1 - reading.delta
    setting = runs["setting"].to_numpy()
    again = runs["look"].to_numpy() > 0 if "look" in runs else np.zeros(len(runs), dtype=bool)
    result = fit.successes(met[counted], setting[counted], required, again[counted])
    detail = Share(
        observables=[name for name, _ in parts],
        successes=int(met[~again].sum()),
        trials=int(counted[~again].sum()),
        again=int(counted[again].sum()),
        silent={str(why): count for why, count in found.reasons.items()},
        required=required,
        interval=result.pooled,
        p_value=result.p_value,
        # Where the whole refutes the claim, no setting need be looked at again.
        doubtful=result.doubtful if result.pooled.high >= required else (),
    )
    predicted = f"{' and '.join(said)}, with probability >= {required:g}"
    measured = f"{detail.successes} of {detail.trials} runs, share {result.pooled}{_unheard(found)}"
    if again.any():
        measured += f"; on fresh seeds of settings that looked doubtful {met[again].sum()} of {detail.again}"

    def answer(status: Status, reason: str, detail: Share = detail) -> Finding:
        return Finding(
            parts=tuple(parts), status=status, predicted=predicted, measured=measured, reason=reason, detail=detail
        )

    if not counted.any():
        return answer(Status.INCONCLUSIVE, "no run says anything")
    if result.pooled.high < required:
        return answer(Status.REFUTED, f"holds less often than {required:g}{leaning(runs[counted], met[counted])}")
    if result.worst is not None:
        row = runs[runs["setting"] == result.worst].iloc[0]
        hits, trials = result.worst_counts
        return answer(
            Status.REFUTED,
            f"holds in only {hits} of {trials} runs at n={row['n']}, m={row['m']}, d={row['d']:.3g},"
            f" kappa={row['kappa']:.3g}, tau=({row['tau_plus']:.2g}, {row['tau_minus']:.2g})"
            f"{leaning(runs[counted], met[counted])}",
            replace(detail, worst_setting=int(result.worst)),
        )
    if result.pooled.low < required:
        return answer(
            Status.INCONCLUSIVE, f"the interval contains {required:g}: more runs are needed, of a larger profile"
        )
    # Runs that might have spoken and did not refute nothing, but support must stand although all of them failed.
    strictly = counted | found.open
    strict = fit.successes(met[strictly], setting[strictly], required, again[strictly])
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


def _how(law: Within) -> str:
    return (
        "Each run either meets the bound, with the constants as written, or fails. Supported if the exact 95 % interval"
        " (Clopper-Pearson) of the success share lies above 1 - delta; refuted if it lies below, or if one setting"
        " alone contradicts 1 - delta after Bonferroni correction over the settings."
    )


def _predicted(law: Within, detail: Share | None) -> str:
    return "" if detail is None else f"in at least {detail.required:.0%} of the runs"


def _measured(detail: Share) -> list[str]:
    if not detail.trials:
        return []
    share = detail.interval
    spread = f"[{100 * share.low:.1f}, {100 * share.high:.1f}]"
    return [f"{detail.successes} of {detail.trials} runs: {100 * share.value:.1f} {spread} %"]


def _brief(detail: Share) -> str:
    return f"{detail.successes}/{detail.trials} runs, {detail.interval.value:.1%}" if detail.trials else ""


def _picture(
    name: str, claim: Claim, finding: Finding, runs: pd.DataFrame, observables: Mapping[str, Observable]
) -> "Picture | None":
    from verify.axes import distances, shares, sizes
    from verify.draw import canvas, finished

    laws = finding.parts
    if not all(k in runs for k, _ in laws):
        return None
    found = evidence(laws, runs, observables)
    met, counted = found.met, found.counted
    if not counted.any():
        return None
    varied = any(runs[k][counted].nunique() > 1 for k, _ in laws)
    figure, axes = canvas(9.0 if varied else 5.0, 2.9, 1, 1 + varied, wspace=0.24)
    shares(axes[0, 0], runs[counted], met[counted], finding.detail.required)
    caption = (
        f"{'Left: s' if varied else 'S'}hare of runs that meet the claim, one point per setting with its exact"
        f" (Clopper-Pearson) 95 % interval, moved a little apart where several share an $n$; solid line: the"
        f" required probability {finding.detail.required:g}."
    )
    if varied:
        crosses = distances(axes[0, 1], laws, runs[counted])
        caption += f" Right: every run, how far from the bound{'; crosses fail' if crosses else ''}."
    for why, count in found.reasons.items():
        caption += f" {count} {'run says' if count == 1 else 'runs say'} nothing: {why}."
    caption += f" {sizes(runs[counted])}"
    return finished(figure, name, f"Success shares of {claim.name}", caption)


def _check(law: Within, values: Mapping[str, float]) -> None:
    bounds = [evaluate(bound, values) for bound in law.bounds if bound is not None]
    if bounds != sorted(bounds):
        here = at(law.bounds, values)
        raise ValueError(f"Within({law.low}, {law.high}): {bounds[0]:g} lies above {bounds[1]:g}{here}; turn it around")


FAR = 1e9  # beyond any bound


def _planted(bench: Bench) -> Iterator[Plant]:
    for claim, observable, law, runs in bench.of(Within):
        told = runs[observable].notna()
        chosen = told & (told.cumsum() % 2 == 0)
        moved = runs.assign(**{observable: runs[observable].mask(chosen, -FAR if law.high is None else FAR)})
        said = f"{observable} beyond its bound in one run of two"
        yield Plant(kind="bound broken", claim=claim, detail=said, runs=moved)
    if "concentration.cross" in bench.claims:
        cross, runs = bench.claims["concentration.cross"], bench.runs_of("concentration.cross")
        [(_, law)] = cross.parts
        for factor in (4, 10):
            tight = replace(cross, law=Within(high=law.high / factor))
            yield Plant(kind="constant too good", claim=tight, detail=f"{factor} times too good", runs=runs)


def _obeyed(bench: Bench) -> Iterator[Plant]:
    """A coin in place of one observable, on the most runs that there are: few would not tell 0.95 from 0.9."""
    single = [(claim, observable, runs) for claim, observable, _, runs in bench.of(Within) if len(claim.parts) == 1]
    if not single:
        return
    claim, observable, runs = max(single, key=lambda one: len(one[2]))
    for trial in range(bench.trials):
        # Holds with probability 0.95 in every setting, where 0.9 is claimed.
        met = bench.rng.random(len(runs)) < 0.95
        moved = runs.assign(**{observable: np.where(met, 0.5, 2.0)})
        coin = replace(claim, law=Within(high=1))
        yield Plant(kind="true probability", claim=coin, detail=f"replicate {trial}", runs=moved)


KIND = LawKind(
    called="explicit bound",
    method="probability: success counts",
    judge=_judge,
    how=_how,
    predicted=_predicted,
    measured=_measured,
    brief=_brief,
    picture=_picture,
    check=_check,
    at_once=True,
    planted=_planted,
    obeyed=_obeyed,
)
