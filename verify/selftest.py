"""The verifier, verified: false laws planted among real runs must be rejected, and true laws accepted.

Everything is judged by the very code that judges the paper. Rejected means REFUTED; accepted means SUPPORTED;
INCONCLUSIVE counts as neither, and is reported.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
import pandas as pd
import sympy as sp

from numerics import draw, train
from numerics.identities import recursion_residual
from theory import n, orders
from theory.orders import Scaling
from theory.papers import Entailment
from theory.papers.han2025 import entailments
from theory.symbols import table
from verify import sweep
from verify.entailed import Decision
from verify.folder import Folder
from verify.judge import judge
from verify.laws import LAWS
from verify.laws.kind import Bench, Plant, Status
from verify.laws.theta import shifted
from verify.planted import cases
from verify.study import Outcome

CURVE = (-0.25, -0.2, -0.15, -0.1, -0.05, 0.0, 0.05, 0.1, 0.15, 0.2, 0.25)  # of the power curve
RATES = ("stage1.time", "stage1.signal-growth", "stage1.noise-growth", "stage2.time")
CLAIMS = (
    *RATES,
    "recursion.exact",
    "concentration.cross",
    "stage1.order-one",
    "stage1.clean-fitted",
    "stage1.noisy-ignored",
    "signal.increases.stage1",
    "signal.increases",
    "stage1.loss-derivative",
    "stage2.loss-derivative-decay",
    "stage2.noisy-memorised",
    "clean-labels.signal-share",
    "meanfield.threshold",
    "contrast.stage1.signal-leads.low-snr",
)
TRIALS = 100  # replicates per true law
FOLDER = Folder(
    what="self-test",
    files=("selftest.json", "selftest.md"),
    work="selftest-batches",
    finished=sweep.FINISHED,
)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One statement put to the verifier.

    Attributes:
        kind: what was planted, or which true law.
        claim: the claim it was made from.
        detail: what exactly.
        right: the right answer: REFUTED of what is false, SUPPORTED of what is true, OPEN of a theorem that is true
            only with constants beyond those that can be run.
        status: the answer.
        measured: what the verifier saw.
    """

    kind: str
    claim: str
    detail: str
    right: Status
    status: Status
    measured: str

    @property
    def wrong(self) -> bool:
        """Whether it says the opposite, or of what is open or false more than it may; undecided is not wrong."""
        return self.status != self.right and self.status in (Status.SUPPORTED, Status.REFUTED)


@dataclass(frozen=True, kw_only=True)
class SelfTest:
    """All trials. The verifier passes if every planted falsehood is rejected, what is open is called so, and at least
    95 % of all true statements are accepted.

    Attributes:
        outcome: the study on whose runs.
        trials: what passing hangs on.
        curve: a row per rate, parameter and shift of its exponent, with the answer; columns rate, parameter, shift,
            status. It shows where the verifier begins to see; between the tolerance and 0.25 nothing is required.
    """

    outcome: Outcome
    trials: tuple[Trial, ...]
    curve: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["rate", "parameter", "shift", "status"]))

    @property
    def power(self) -> pd.DataFrame:
        """Per rate and shift, of how many parameters the shifted exponent is SUPPORTED, REFUTED or neither."""
        grouped = self.curve.groupby(["rate", "shift"], sort=False)["status"]
        return grouped.agg(
            supported=lambda s: int((s == Status.SUPPORTED).sum()),
            refuted=lambda s: int((s == Status.REFUTED).sum()),
            neither=lambda s: int((~s.isin([Status.REFUTED, Status.SUPPORTED])).sum()),
        ).reset_index()

    @property
    def table(self) -> pd.DataFrame:
        """Counts by kind: the right answer, how many trials, rejected, accepted, neither."""
        rows = pd.DataFrame([vars(t) for t in self.trials])
        grouped = rows.groupby(["right", "kind", "claim"], sort=False)["status"]
        return grouped.agg(
            trials="size",
            rejected=lambda s: int((s == Status.REFUTED).sum()),
            accepted=lambda s: int((s == Status.SUPPORTED).sum()),
            neither=lambda s: int((~s.isin([Status.REFUTED, Status.SUPPORTED])).sum()),
        ).reset_index()

    @property
    def rejected(self) -> tuple[int, int]:
        """Planted falsehoods rejected, of how many."""
        return self._answered(Status.REFUTED)

    @property
    def accepted(self) -> tuple[int, int]:
        """True statements accepted, of how many."""
        return self._answered(Status.SUPPORTED)

    @property
    def opened(self) -> tuple[int, int]:
        """Open statements called open, of how many."""
        return self._answered(Status.OPEN)

    def _answered(self, right: Status) -> tuple[int, int]:
        asked = [t for t in self.trials if t.right == right]
        return sum(t.status == right for t in asked), len(asked)

    @property
    def exit_status(self) -> int:
        """0 passed; 1 what is false accepted, what is open decided, or over 5 % of the true statements rejected; 3 too
        little evidence."""
        (rejected, planted), (accepted, true), (opened, beyond) = self.rejected, self.accepted, self.opened
        wrongly = sum(t.wrong for t in self.trials if t.right == Status.SUPPORTED)
        if wrongly > 0.05 * true or any(t.wrong for t in self.trials if t.right != Status.SUPPORTED):
            return 1
        return 0 if (rejected, opened) == (planted, beyond) and true and accepted >= 0.95 * true else 3


def examine(outcome: Outcome, more: Iterable[Trial] = ()) -> SelfTest:
    """Put planted falsehoods and true laws to the verifier, on the runs of a study of :data:`CLAIMS`.

    Args:
        outcome: the study.
        more: trials that need no runs, see :func:`judged`.
    """
    bench = Bench(
        claims={c.name: c for c in outcome.plan.claims},
        runs_of=lambda name: outcome.runs_of(outcome.plan.group_of[name].name),
        rng=np.random.default_rng([outcome.plan.seed, 7]),
        trials=TRIALS,
        faulty=lambda: _wrong_engine(outcome),
    )
    given = (outcome.plan.reading, outcome.plan.observables)

    def asked(plant: Plant, false: bool) -> Trial:
        verdict = judge(plant.claim, plant.runs, *given)
        return Trial(
            kind=plant.kind, claim=plant.claim.name, detail=plant.detail, right=_right(false), status=verdict.status,
            measured=verdict.measured,
        )  # fmt: skip

    trials = [asked(plant, True) for kind in LAWS.values() for plant in kind.planted(bench)]
    trials += [asked(plant, False) for kind in LAWS.values() for plant in kind.obeyed(bench)]
    curve = [
        {
            "rate": name, "parameter": parameter, "shift": shift,
            "status": judge(wrong, bench.runs_of(name), *given).status,
        }
        for name in RATES
        for shift in CURVE
        for parameter, wrong in shifted(bench.claims[name], shift)
    ]  # fmt: skip
    return SelfTest(outcome=outcome, trials=(*trials, *more), curve=pd.DataFrame(curve))


def _right(false: bool) -> Status:
    return Status.REFUTED if false else Status.SUPPORTED


def _wrong_engine(outcome: Outcome) -> np.ndarray:
    """Residuals of a recursion that pulls the flipped samples the wrong way: D1 with y~_i replaced by y_i."""
    group = outcome.plan.group_of["recursion.exact"]
    residuals = []
    for job in outcome.plan.jobs:
        if job.group == group:
            setting = replace(job.point.setting, tau_plus=0.45, tau_minus=0.45)
            sample = draw(setting, job.seeds[0], dense=True)
            if sample.noisy.any():
                faulty = train([setting], [replace(sample, y_tilde=sample.y)], steps=sweep.EXACT_STEPS)
                honest = replace(faulty, samples=(sample,))
                residuals.append(recursion_residual(honest)[0])
    return np.array(residuals)


# ---------------------------------------------------------------------------------------------------------------
# Statements about orders


def _scaling(**powers: str | tuple[str, str]) -> Scaling:
    """Powers of N, or of N and log N; what is not named is constant."""
    found = {p.name: (Fraction(0),) * orders.DEPTH for p in table()}
    for name, given in powers.items():
        power, of_log = (given, "0") if isinstance(given, str) else given
        found[name] = (Fraction(power), Fraction(of_log), Fraction(0))
    return Scaling(powers=found)


# Scalings inside Condition 4.1, by hand: one well inside, one at the boundary of the dimension. What they break is
# false, whatever any prover says of it.
INSIDE = {"n": "1", "m": "1", "d": "4", "mu": "3/2", "sigma_0": "-9/2", "eta": "-4", "T_star": "3", "epsilon": "-1"}
BOUNDARY = {
    "n": "1", "m": ("0", "1"), "d": ("2", "4"), "mu": ("1/2", "2"), "sigma_0": ("-3/2", "-4"), "eta": ("-1", "-5"),
    "T_star": ("1", "2"), "epsilon": "-1",
}  # fmt: skip
# Statement, the premise that it is robbed of, and a scaling that meets all the others and breaks it.
ROBBED = (
    ("regime.cross-talk", "4.1.2-dimension", {**INSIDE, "d": ("1", "1"), "mu": ("0", "1/2"), "sigma_0": "-1",
                                                "eta": "-1", "T_star": ("3", "-1")}),
    ("regime.small-steps", "4.1.6-step", {**INSIDE, "eta": "-2", "T_star": "1"}),
    ("regime.T1-many-steps", "4.1.6-step", {**INSIDE, "eta": "-2", "T_star": "1"}),
    ("regime.init-output", "4.1.5-initialization", {**INSIDE, "sigma_0": "0"}),
    ("regime.snr-vanishes", "4.1.1-snr", {**INSIDE, "mu": "5/2"}),
    ("regime.log-sizes", "4.1.3-samples", {**INSIDE, "n": ("0", "1/2"), "mu": ("2", "-1/4"), "sigma_0": "-5",
                                           "eta": "-6", "T_star": ("4", "1/2")}),
    ("regime.signal-strength", "4.1.1-snr", {**INSIDE, "mu": "0"}),
    ("regime.dimension-without-T", "T_star-is", {"n": "1", "m": ("0", "1"), "d": ("2", "1"), "mu": ("1/2", "1/2"),
                                                 "sigma_0": ("-3/2", "-2"), "eta": ("-1", "-5"), "epsilon": "-1"}),
    ("regime.stage-two-later", "epsilon-vanishes", {**INSIDE, "epsilon": "0", "T_star": "2"}),
    ("regime.kou-excludes", "4.1.1-snr", {**INSIDE, "mu": "1/2"}),
)  # fmt: skip
_OPPOSITE = {
    orders.Ruling.ENTAILED: orders.Ruling.NOT_ENTAILED,
    orders.Ruling.NOT_ENTAILED: orders.Ruling.ENTAILED,
    orders.Ruling.CONSISTENT: orders.Ruling.CONTRADICTORY,
    orders.Ruling.CONTRADICTORY: orders.Ruling.CONSISTENT,
}


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A statement about orders that is false, and the scaling that shows it; None for the true ones."""

    kind: str
    detail: str
    statement: Entailment
    broken_along: Scaling | None = None


def planted_statements() -> tuple[Planted, ...]:
    """All statements of the paper, and false ones made from them: a premise less, an exponent moved.

    Raises:
        AssertionError: a planted statement is not broken by its scaling, so that it might be true.
    """
    known = {s.name: s for s in entailments()}
    found = [Planted(kind="true statement", detail=s.name, statement=s) for s in known.values()]
    for name, premise, powers in ROBBED:
        rest = replace(known[name], given=tuple(p for p in known[name].given if p.name != premise))
        found.append(
            Planted(
                kind="premise dropped",
                detail=f"{name} without {premise}",
                statement=rest,
                broken_along=_scaling(**powers),
            )
        )
    along = _scaling(**BOUNDARY)
    for statement in known.values():
        if statement.expected == orders.Ruling.ENTAILED and statement.goal is not None:
            goal = statement.goal
            slack = abs(along.order(goal.left)[0] - along.order(goal.right)[0]) + Fraction(1, 4)
            power = sp.Rational(*(slack if goal.relation in ("<=", "<<", "~") else -slack).as_integer_ratio())
            moved = replace(statement, goal=replace(goal, left=goal.left * n**power))
            found.append(
                Planted(
                    kind="exponent of a goal shifted",
                    detail=f"{statement.name}, times n^({power})",
                    statement=moved,
                    broken_along=along,
                )
            )
    for planted in found:
        if planted.broken_along is not None:
            _surely_false(planted.statement, planted.broken_along)
    return tuple(found)


def _surely_false(statement: Entailment, along: Scaling) -> None:
    if not all(along.holds(p.order) for p in statement.given):
        raise AssertionError(f"{statement.name}: {along} breaks a premise, so it shows nothing")
    if statement.goal is not None and along.holds(statement.goal):
        raise AssertionError(f"{statement.name}: {along} meets the goal {statement.goal}")


def judged(planted: Iterable[Planted], decisions: Iterable[Decision]) -> Iterator[Trial]:
    """Trials from what became of the planted statements; each true one is put in its opposite form, too."""
    for given, decision in zip(planted, decisions, strict=True):
        false = given.broken_along is not None
        yield _trial(given.kind, given.detail, false, decision)
        if not false:
            opposite = replace(decision.statement, expected=_OPPOSITE[decision.statement.expected])
            yield _trial("answer turned round", given.detail, True, replace(decision, statement=opposite))


def _trial(kind: str, detail: str, false: bool, decision: Decision) -> Trial:
    return Trial(
        kind=kind, claim="regime", detail=detail, right=_right(false), status=decision.status,
        measured=decision.measured,
    )  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------
# Theorems with their own quantifiers


def theorems(seeds: range = range(1, 6)) -> Iterator[Trial]:
    """Trials of planted theorems, see :mod:`verify.planted`; each SUPPORTED must come with large enough constants."""
    for case, seed, found in cases(seeds):
        constant = found.choice.constants["C"]
        enough = found.status != Status.SUPPORTED or constant >= case.least_C
        yield Trial(
            kind=case.kind, claim=found.theorem.name, detail=f"seed {seed}", right=case.right,
            status=found.status if enough else Status.REFUTED, measured=f"C = {constant:g}: {found.reason}",
        )  # fmt: skip
