"""The verifier, verified: false laws planted among real runs must be rejected, and true laws accepted.

Everything is judged by the very code that judges the paper. Rejected means REFUTED; accepted means SUPPORTED;
INCONCLUSIVE counts as neither, and is reported.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from numerics import draw, train
from numerics.identities import recursion_residual
from theory import Theta, orders
from verify import sweep
from verify.entailed import Decision, Planted
from verify.folder import Folder
from verify.judge import judge
from verify.laws import LAWS
from verify.laws.exactly import RECURSION
from verify.laws.kind import Bench, Plant, Status
from verify.laws.theta import shifted
from verify.pack import Pack
from verify.planted import cases
from verify.study import Outcome

CURVE = (-0.25, -0.2, -0.15, -0.1, -0.05, 0.0, 0.05, 0.1, 0.15, 0.2, 0.25)  # of the power curve
COLUMNS = ("rate", "parameter", "shift", "status")
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
    curve: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=COLUMNS))

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
    """Put planted falsehoods and true laws to the verifier, on the runs of a study of claims.

    A contrast is a falsehood that the paper's own runs plant: a claim outside of what its theorem says.

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
    trials += [
        asked(Plant(kind="contrast", claim=claim, detail=claim.says, runs=bench.runs_of(claim.name)), True)
        for claim in bench.claims.values()
        if claim.contrast
    ]
    trials += [asked(plant, False) for kind in LAWS.values() for plant in kind.obeyed(bench)]
    curve = [
        {
            "rate": claim.name, "parameter": parameter, "shift": shift,
            "status": judge(wrong, runs, *given).status,
        }
        for claim, observable, law, runs in bench.of(Theta)
        for shift in CURVE
        for parameter, wrong in shifted(claim, observable, law, shift)
    ]  # fmt: skip
    return SelfTest(outcome=outcome, trials=(*trials, *more), curve=pd.DataFrame(curve, columns=COLUMNS))


def _right(false: bool) -> Status:
    return Status.REFUTED if false else Status.SUPPORTED


def _wrong_engine(outcome: Outcome) -> np.ndarray:
    """Residuals of a recursion that pulls the flipped samples the wrong way: D1 with y~_i replaced by y_i."""
    group = outcome.plan.group_of[RECURSION]
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

_OPPOSITE = {
    orders.Ruling.ENTAILED: orders.Ruling.NOT_ENTAILED,
    orders.Ruling.NOT_ENTAILED: orders.Ruling.ENTAILED,
    orders.Ruling.CONSISTENT: orders.Ruling.CONTRADICTORY,
    orders.Ruling.CONTRADICTORY: orders.Ruling.CONSISTENT,
}


def planted_statements(pack: Pack) -> tuple[Planted, ...]:
    """All statements of a paper, which are true, and the false ones that its pack makes of them."""
    true = (Planted(kind="true statement", detail=s.name, statement=s) for s in pack.paper.entailments())
    return (*true, *pack.planted())


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
