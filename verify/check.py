"""`verify check FILE`: what a researcher's own conditions mean beside the paper's, and what their claims do.

Asked of every new condition: is it invariant under the exact rescaling; does Condition 4.1 imply it, or it one of the
paper's; and how far does it hold at typical settings. Asked of every claim: which of the paper's premises its own
conditions no longer give, and whether its conclusion fails along the scaling that shows this (:mod:`verify.scaling`).

Questions of order go to :mod:`theory.orders`. To a set of conditions they add what everyone means: n grows without
bound, and T* is a polynomial. Among the scalings that break a premise those are preferred that can be run and that say
most: m of order log n, sigma_xi fixed (a matter of units), the new conditions as equalities, and the premise broken by
a power of N rather than by a logarithm. What has to be given up for one to exist is given up, the power first; each is
a scaling inside the claim's conditions all the same.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp

from numerics import Observable
from theory import Claim, Condition, T_star, m, n, orders, sigma_xi
from theory.papers import ConditionSet, Paper
from theory.reading import Reading
from theory.statements import Band, imbalance, weights
from verify import scaling, study, sweep, userfile
from verify.design import Group, Profile
from verify.pack import load, pack_of
from verify.scaling import Path, Trend
from verify.study import Outcome, Plan
from verify.sweep import Job
from verify.userfile import UserFile


@dataclass(frozen=True, kw_only=True)
class Relation:
    """How a new condition stands to the paper's main conditions.

    Attributes:
        condition: the new one.
        kind: implied, implying, equivalent, independent, contradicting or undecided.
        says: the same in a sentence.
        proof: lines of the derivations, or of the scalings that show that nothing follows.
    """

    condition: Condition
    kind: str
    says: str
    proof: str


@dataclass(frozen=True, kw_only=True)
class Omission:
    """One of the paper's conditions that some claims leave out of their own.

    Attributes:
        condition: the paper's.
        needs: the claims' own conditions.
        status: whether these entail it: entailed, not entailed, undecided or contradictory.
        proof: the derivation, or the scaling that breaks it.
        weakest: the weakest single condition that would restore it, or empty.
        scaling: in words; empty unless it is not entailed.
        powers: of the scaling.
        tight: whether the scaling has the new conditions as equalities.
    """

    condition: Condition
    needs: tuple[Condition, ...]
    status: str
    proof: str
    weakest: str = ""
    scaling: str = ""
    powers: Any = None
    tight: bool = False


@dataclass(frozen=True, kw_only=True)
class Check:
    """Everything that `verify check` found beside the verdicts.

    Attributes:
        file: what was checked.
        warnings: what is almost surely a typo.
        relations: one per new condition.
        omissions: per set of needs and condition of the paper that is not among them.
        margins: columns at, condition, least, median, largest, required.
        trends: one per claim and lost premise.
    """

    file: UserFile
    warnings: tuple[str, ...]
    relations: tuple[Relation, ...]
    omissions: tuple[Omission, ...]
    margins: pd.DataFrame
    trends: tuple[Trend, ...] = ()


# ---------------------------------------------------------------------------------------------------------------
# Dimensions


def dimension_warnings(held: UserFile) -> Iterator[str]:
    """What the rescaling changes: conditions, and bounds of observables whose weight is known."""
    known = {name: o for name, o in load(held.paper).observables.items() if name not in held.observables}
    for name, said in rescaled(held.conditions.values(), held.claims, known):
        yield f"{held.at(name)}: {said}"


def rescaled(
    conditions: Iterable[Condition], claims: Iterable[Claim], observables: Mapping[str, Observable]
) -> Iterator[tuple[str, str]]:
    """Names of conditions and claims that the rescaling changes, and how; of observables whose weight is known."""
    change = (
        "under (mu, sigma_xi, sigma_0, eta) -> (c mu, c sigma_xi, sigma_0/c, eta/c^2), which changes no run: a typo?"
    )
    for condition in conditions:
        found = imbalance(condition.statement)
        if found:
            yield condition.name, f"condition '{condition.name}': {found} {change}"
    for claim in claims:
        for name, law in claim.parts:
            if name not in observables:
                continue
            own = sp.Integer(observables[name].weight)
            for expression in (x for x in law.weighed if isinstance(x, sp.Basic)):
                try:
                    there = weights(expression)
                except ValueError as problem:
                    yield claim.name, f"claim '{claim.name}': {problem} {change}"
                    continue
                if there - {own}:
                    shown = f"{name} has weight {own}, {expression} has {' and '.join(str(w) for w in sorted(there))}"
                    yield claim.name, f"claim '{claim.name}': {shown} {change}"


# ---------------------------------------------------------------------------------------------------------------
# Orders


def _meant(paper: Paper) -> tuple:
    """What every set of conditions means without saying it."""
    return (
        *paper.meant,
        orders.Premise(name="T* is a polynomial", order=orders.Order(sp.log(T_star), "~", sp.log(n))),
    )


def _entails(
    paper: Paper, conditions: tuple[Condition, ...], goal: Condition, *more: Any, up_to_logs: bool = False
) -> list:
    """One answer per order that the goal states; none where it states none."""
    given = (*orders.premises(conditions), *_meant(paper), *more)
    goals = [p.order for p in orders.premises((goal,))]
    return [orders.entails(given, replace(g, up_to_logs=up_to_logs) if up_to_logs else g) for g in goals]


def _moving(answer: Any) -> str:
    """The counter-scaling of an answer, but for what stands still along it."""
    parts = str(answer.scaling).split(", ")
    return ", ".join(part for part in parts if not part.endswith(" = 1")) or str(answer.scaling)


def _broken(name: str, answer: Any) -> str:
    return f"{name} fails along {_moving(answer)}"


def _status(answers: list) -> str:
    """Of all orders together."""
    found = [str(a.status) for a in answers]
    return next((s for s in ("contradictory", "not entailed", "undecided") if s in found), "entailed")


def relation(condition: Condition, held: ConditionSet, paper: Paper) -> Relation:
    """How a condition stands to a set of the paper's."""
    name, title = condition.name, held.title
    try:
        together = orders.consistent((*orders.premises((*held.conditions, condition)), *_meant(paper)))
        if together.status == orders.Ruling.CONTRADICTORY:
            says, kind = f"No scaling meets it and {title} together: {name} contradicts it.", "contradicting"
            return Relation(condition=condition, kind=kind, says=says, proof=str(together.derivation))
        forward = _entails(paper, held.conditions, condition)
        back = {}
        for own in held.conditions:
            others = tuple(c for c in held.conditions if c is not own)
            # A bound on something else is no substitute, nor is there one for what the rest implies anyway.
            bound = _bounded(own, paper) & _bounded(condition, paper)
            if bound and _status(_entails(paper, others, own)) != "entailed":
                back[own.name] = _entails(paper, (*others, condition), own)
    except ValueError as problem:  # an expression of which no order can be read
        return Relation(condition=condition, kind="undecided", says=f"its order cannot be read: {problem}", proof="")
    answers = [*forward, *(a for found in back.values() for a in found)]
    stands_for = [k for k, found in back.items() if _status(found) == "entailed"]
    implied = _status(forward) == "entailed"
    proof = [str(a.derivation) for a in forward if str(a.status) == "entailed"]
    proof += [str(a.derivation) for k in stands_for for a in back[k]]
    proof += [_broken(name, a) for a in forward if a.scaling is not None]
    shown = ", ".join(stands_for)
    if implied and stands_for:
        kind, says = "equivalent", f"Equivalent to {shown}, given the rest of {title}."
    elif implied:
        kind, says = "implied", f"Implied by {title}, and no substitute for any of its items: it is weaker."
        proof += [_broken(k, a) for k, found in back.items() for a in found if a.scaling is not None]
    elif stands_for:
        kind, says = "implying", f"Stronger than the paper asks: with the rest of {title} it implies {shown}."
    elif any(str(a.status) == "undecided" for a in answers):
        kind, says = "undecided", f"Whether it follows from {title}, or an item from it, is not decided."
    else:
        kind, says = "independent", f"Independent: neither does {title} imply it nor it an item of {title}."
    return Relation(condition=condition, kind=kind, says=says, proof="\n".join(proof))


def _symbols(condition: Condition, paper: Paper) -> set[str]:
    held = condition.statement
    body = held.expression if isinstance(held, Band) else held
    return {s.name for s in body.free_symbols} & set(paper.parameters)


def _bounded(condition: Condition, paper: Paper) -> set[str]:
    """What a condition is a bound on: its bare side; of a band all of it."""
    held = condition.statement
    if isinstance(held, Band):
        return _symbols(condition, paper)
    bare = [side for side in (held.lhs, held.rhs) if isinstance(side, sp.Symbol)]
    return {bare[0].name} if bare else _symbols(condition, paper)


def omission(paper: Paper, needs: tuple[Condition, ...], own: Condition, new: set[str]) -> Omission:
    """Whether ``needs`` entail one of the paper's conditions; if not, the scaling along which to look."""
    try:
        answers = _entails(paper, needs, own)
    except ValueError as problem:
        return Omission(condition=own, needs=needs, status="undecided", proof=str(problem))
    status = _status(answers)
    held = Omission(condition=own, needs=needs, status=status, proof="\n".join(str(a.derivation) for a in answers))
    if status != "not entailed":
        return held
    broken = next(a for a in answers if str(a.status) == "not entailed")
    found, tight = next(_preferred(paper, needs, own, new), (broken, False))
    return replace(
        held,
        proof=_broken(own.name, found),
        weakest="" if broken.weakest is None or broken.weakest == broken.goal else str(broken.weakest),
        scaling=_moving(found),
        powers=dict(found.scaling.powers),
        tight=tight,
    )


def _preferred(paper: Paper, needs: tuple[Condition, ...], own: Condition, new: set[str]) -> Iterator[tuple[Any, bool]]:
    """Counter-scalings that can be run, the most telling first, each with whether the new conditions are equalities."""
    units = (
        orders.Premise(name="m is least", order=orders.Order(m, "~", sp.log(n))),
        orders.Premise(name="units", order=orders.Order(sigma_xi, "~", sp.Integer(1))),
    )
    equal = tuple(
        replace(p, name=f"{p.name} as an equality", order=replace(p.order, relation="~"))
        for p in orders.premises(tuple(c for c in needs if c.name in new))
    )
    for more, tight in ((units + equal, True), (units, False)):
        for up_to_logs in (True, False):
            for answer in _entails(paper, needs, own, *more, up_to_logs=up_to_logs):
                if str(answer.status) == "not entailed":
                    yield answer, tight


# ---------------------------------------------------------------------------------------------------------------
# Margins


def margins(held: UserFile, planned: Plan) -> pd.DataFrame:
    """Margins of new conditions and the paper's at the settings of each design, and at those of its main conditions."""
    reading = planned.reading
    paper = pack_of(reading).paper
    main = paper.held_against((), reading)
    typical = Group(
        name=f"check-{main.name.removeprefix('condition-')}",
        needs=main.conditions,
        stage="T1",
        needs_rates=False,
        observables=(),
        labels=reading.labels,
    )
    points, _ = sweep.plan_jobs([typical], planned.profile, reading, planned.seed, planned.device)
    places = {f"settings inside {main.title}": (points, ())}
    for group in {g.name: g for g in planned.group_of.values()}.values():
        mine = [job for job in planned.jobs if job.group.name == group.name]
        names = ", ".join(c.name for c in planned.claims if planned.group_of[c.name].name == group.name)
        places[f"settings of {names}"] = (mine, group.needs)
    rows = []
    for where, (jobs, needs) in places.items():
        values = [reading.at(j.point.setting.values(), j.point.epsilon) for j in jobs]
        own = paper.held_against(needs, reading).conditions
        shown = {c.name: c for c in (*held.conditions.values(), *needs, *own)}
        for condition in shown.values() if values else ():
            found = [condition.margin(v, reading.C) for v in values]
            size = [m_.value for m_ in found]
            low, middle, high = np.quantile(size, [0, 0.5, 1], method="nearest")
            rows.append(
                {
                    "at": where,
                    "condition": condition.name,
                    "new": condition.name in held.conditions,
                    "least": float(low),
                    "median": float(middle),
                    "largest": float(high),
                    "required": found[0].required,
                }
            )
    columns = ["at", "condition", "new", "least", "median", "largest", "required"]
    return pd.DataFrame(rows, columns=columns)


# ---------------------------------------------------------------------------------------------------------------
# The whole


def prepare(held: UserFile, profile: Profile, reading: Reading, seed: int, device: str) -> tuple[Check, Plan, list]:
    """What can be said before any run; the plan of runs, those along scalings among them; and what is followed.

    Raises:
        ValueError: a formula cannot be drawn, or a law has no meaning at a setting that would be run.
    """
    userfile.check_latex(held)
    planned = study.plan(held.claims, held.claims, profile, reading, seed, device, held, held.theorems)
    new = set(held.conditions)
    paper = pack_of(reading).paper
    relations = tuple(relation(c, paper.held_against((), reading), paper) for c in held.conditions.values())
    found: dict[tuple, Omission] = {}
    wanted: list[tuple[Claim, tuple]] = []
    for claim in held.claims:
        names = {c.name for c in claim.needs}
        stage = planned.group_of[claim.name].stage
        for own in paper.held_against(claim.needs, reading).conditions:
            if own.name in names:
                continue
            key = (claim.needs, own.name)
            if key not in found:
                found[key] = omission(paper, claim.needs, own, new)
            if found[key].powers is not None:
                wanted.append((claim, (*key, stage)))
    keys = dict.fromkeys(key for _, key in wanted)
    paths: dict[tuple, Path] = {}
    for key in keys:
        lost = found[key[:2]]
        paths[key] = scaling.path(
            lost.powers,
            lost.scaling,
            lost.needs,
            lost.condition,
            reading,
            key[2],
            profile.name,
            tight=lost.tight,
            share=1 / len(keys),
        )
    followed = [(claim, paths[key]) for claim, key in wanted]
    jobs: list[Job] = []
    for along in paths.values():
        about = [claim for claim, path in followed if path is along]
        asked = dict.fromkeys(["flip_share", *(name for claim in about for name, _ in claim.parts)])
        jobs += scaling.jobs(along, tuple(asked), profile.name, reading, seed, device, held.pin)
    for claim in held.claims:
        groups = {planned.group_of[claim.name].name}
        groups |= {along.group + x for c, along in followed if c is claim for x in ("", scaling.CONTROL)}
        points = [j.point for j in (*planned.jobs, *jobs) if j.group.name in groups]
        userfile.check_at(held, claim.name, (reading.at(p.setting.values(), p.epsilon) for p in points))
    check = Check(
        file=held,
        warnings=tuple(dimension_warnings(held)),
        relations=relations,
        omissions=tuple(found.values()),
        margins=margins(held, planned),
    )
    return check, replace(planned, jobs=(*planned.jobs, *jobs)), followed


def conclude(check: Check, followed: list, outcome: Outcome) -> Check:
    """With the trend of every claim along its paths."""
    planned = outcome.plan
    return replace(
        check,
        trends=tuple(
            scaling.trend(claim, along, outcome.runs, planned.reading, planned.observables) for claim, along in followed
        ),
    )
