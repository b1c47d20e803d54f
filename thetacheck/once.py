"""From a claim to a verdict in one call: what a script or a notebook asks."""

import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from contextlib import nullcontext
from difflib import get_close_matches
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from numerics.engine import check_device
from numerics.model import check_whole, is_number
from theory.fields import check_flag
from theory.papers import DEFAULT
from theory.statements import Claim, Theorem
from verify import processes, report, study
from verify.check import rescaled
from verify.design import PROFILES
from verify.laws import check_law
from verify.model import doubts
from verify.options import LAST_SEED, PROCESSES
from verify.pack import Pack, load, pack_of
from verify.shown import COMMAND, in_python
from verify.userfile import as_read, check_condition, check_theorem


class Outcome(study.Outcome):
    """What a study found, and how it is shown."""

    def plot(self, claim: str = "", *, ax: Any = None) -> Any:
        """The fit of a claim, as :func:`thetacheck.plot` draws it."""
        from thetacheck.plots import plot

        return plot(self, *([claim] if claim else []), ax=ax)

    def to_latex(self) -> str:
        """Claims and verdicts as LaTeX tables, for a paper's appendix."""
        return report.verdict_tables(self)

    def _repr_latex_(self) -> str:
        return self.to_latex()


@in_python()
def verify(
    claims: Claim | Theorem | str | Sequence[Claim | Theorem | str],
    *,
    paper: str | Path | Pack = DEFAULT,
    profile: str = "quick",
    seed: int = 0,
    jobs: int = 1,
    executor: Executor | None = None,
    folder: str | Path | None = None,
    resume: bool = False,
    device: str = "cpu",
    progress: bool = True,
    latex: bool = False,
    **reading: Any,
) -> Outcome:
    """Verify claims inside their own conditions, and theorems with their own quantifiers.

    Args:
        claims: claims and theorems, or names of the paper's; one or several.
        paper: whose model they are about: a name, a file with a ``PACK``, or a pack.
        profile: quick, standard or thorough.
        seed: of all runs.
        jobs: processes on this machine, at least 1, which is this one alone.
        executor: of the standard interface, instead of processes of ours; it is not shut down.
        folder: where runs are kept and the report goes; without, nothing is left.
        resume: go on with what an interrupted study of the same claims left there.
        device: a torch device.
        progress: whether it is shown, in a terminal or a notebook.
        latex: whether the report in ``folder`` has the parts of a paper's appendix too.
        reading: numbers for what the paper leaves unnamed, such as ``C=4`` or ``kappa_low=5``; conditions of the paper
            in a claim of one's own are read so too, unless they were made with a reading of their own.

    Raises:
        ValueError: an unknown claim, profile, number or device; a folder that holds something else; or an argument of
            another kind.
        verify.processes.Lost: some runs could not be done.

    Warns:
        UserWarning: what a claim states changes with the unit of length, and no run does.
    """
    started = time.monotonic()
    jobs, seed = check_whole("jobs", jobs, 1, PROCESSES), check_whole("seed", seed, 0, LAST_SEED)
    for name, flag in (("resume", resume), ("progress", progress), ("latex", latex)):
        check_flag(flag, name)
    if not (executor is None or isinstance(executor, Executor)):
        raise ValueError(f"executor = {executor!r}: must be one of concurrent.futures, or of its interface")
    if not (folder is None or isinstance(folder, str | Path)):
        raise ValueError(f"folder = {folder!r}: must be the path of one, or None")
    if jobs > 1:
        if executor is not None:
            raise ValueError(f"jobs = {jobs} and an executor: two ways to say who does the work; give one")
        _require_guard()
    if latex and folder is None:
        raise ValueError("latex=True: there is no report to write it to; give a folder")
    if not isinstance(paper, str | Path | Pack):
        raise ValueError(f"paper = {paper!r}: must be a name, a file with a PACK, or a pack")
    pack = paper if isinstance(paper, Pack) else load(str(paper))
    if resume and folder is None:
        raise ValueError("resume=True: there is nothing to go on with; give the folder of the interrupted study")
    if not isinstance(profile, str) or profile not in PROFILES:
        raise ValueError(f"profile = {profile!r}: must be {', '.join(PROFILES)}")
    device, held = check_device(device), _read(pack, reading)
    _require_found(pack, held)
    mine = study.identity(PROFILES[profile], held, seed)
    if folder is not None:  # before anything is planned
        study.FOLDER.require(Path(folder), mine, resume)
    ours = {claim.name: claim for claim in pack.paper.claims(held)}
    known = ours | {theorem.name: theorem for theorem in pack.paper.theorems(held)}
    asked = tuple(claims) if isinstance(claims, Sequence) and not isinstance(claims, str | bytes) else (claims,)
    for name in (claim for claim in asked if isinstance(claim, str)):
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"`{COMMAND} list` shows all"
            raise ValueError(f"unknown claim '{name}'; {hint}")
    wrong = [one for one in asked if not isinstance(one, Claim | Theorem | str)]
    if wrong or not asked:
        said = f"{wrong[0]!r} is neither a claim nor a theorem" if wrong else "no claim"
        raise ValueError(f"{said}; give claims, theorems or their names")
    stated = list(dict.fromkeys(known[claim] if isinstance(claim, str) else claim for claim in asked))
    chosen = tuple(one if one in ours.values() else as_read(one, held) for one in stated if isinstance(one, Claim))
    theorems = tuple(one for one in stated if isinstance(one, Theorem))
    for claim in chosen:
        _check(claim, pack)
    own = [claim for claim in chosen if claim not in ours.values()]
    for theorem in theorems:
        check_theorem(theorem, pack.typical)
    seen: dict[str, Claim | Theorem] = dict(known)
    for one in stated:
        if seen.setdefault(one.name, one) != one:
            what = type(one).__name__.lower()
            raise ValueError(f"{what} '{one.name}': another one has this name; give yours one of its own")
    named = ours | {claim.name: claim for claim in chosen}
    conditions = dict.fromkeys(c for claim in own for c in claim.needs)
    for condition in conditions:
        check_condition(condition, pack)
    for said in (*doubts(pack), *(said for _, said in rescaled(conditions, own, pack.observables))):
        warnings.warn(said, stacklevel=3)  # where this function is called
    with _pool(jobs, executor) as pool:
        planned = study.plan(
            chosen,
            tuple(named.values()),
            PROFILES[profile],
            held,
            seed,
            device,
            theorems=theorems,
            pool=pool,
        )
        kept = _Temporary() if folder is None else study.FOLDER.open(Path(folder), mine, resume)
        with kept as work, report.progress(planned.settings, not progress, work=planned.work) as advance:
            results, missing = study.collect(planned, work, pool, lambda result, cost: advance(1, cost, result.kept))
            if missing == study.INTERRUPTED:
                raise KeyboardInterrupt
            if missing:
                raise processes.Lost(missing)
            outcome = Outcome(**vars(study.conclude(planned, results, missing, started)))
            if folder is not None:
                report.write(outcome, Path(folder), "thetacheck.verify(...)", latex=latex)
    return outcome


def _read(pack: Pack, given: Mapping[str, Any]) -> Any:
    """The paper's reading with some numbers of the caller's.

    Raises:
        ValueError: it has no such number, or what was given is none.
    """
    known = (*pack.paper.reading.ranges, "labels")
    for name, value in given.items():
        if name == "observables":
            said = "come in a file of yours, with OBSERVABLES"
            raise ValueError(f"observables: those of your own {said}: `{COMMAND} check FILE`")
        if name not in known:
            raise ValueError(f"{name}: no number of the paper's reading; known: {', '.join(known)}")
        if name != "labels" and not is_number(value):
            raise ValueError(f"{name} = {value!r}: must be a number")
    return pack.paper.reading(**given)


def _require_found(pack: Pack, reading: Any) -> None:
    """Raise ``ValueError`` where runs, which look a pack up by its name, would find another one."""
    try:
        found = pack_of(reading)
    except ValueError:
        found = None
    if found is not pack:
        raise ValueError(
            f"paper '{pack.name}': a pack is looked up by its name, which does not give this one; write it as PACK to a"
            " file, and give the file"
        )


def _check(claim: Claim, pack: Pack) -> None:
    """Raise ``ValueError`` where a claim is about nothing that is measured, or its law has no meaning."""
    for part, law in claim.parts:
        for name in (part, *law.reads):
            if name not in pack.observables:
                near = get_close_matches(name, pack.observables, n=1, cutoff=0.5)
                hint = f"did you mean '{near[0]}'?" if near else f"`{COMMAND} list --observables` shows all"
                raise ValueError(f"claim '{claim.name}' is about the observable '{name}', which does not exist; {hint}")
        try:
            check_law(law, {**pack.typical, "epsilon": 0.01})
        except ValueError as problem:
            raise ValueError(f"claim '{claim.name}': {problem}") from problem


def _require_guard() -> None:
    """Raise ``ValueError`` where starting processes would run the caller's own script once more in each of them."""
    script = getattr(sys.modules["__main__"], "__file__", None)
    if script is None or not Path(script).is_file():
        return
    if "__name__" not in Path(script).read_text(encoding="utf-8", errors="replace"):
        raise ValueError(
            f"{script}: processes begin by running it again; put what it does under if __name__ == '__main__', or"
            " leave jobs out"
        )


def _pool(jobs: int, executor: Executor | None) -> Any:
    if executor is not None:
        return nullcontext(processes.Pool(executor))
    return processes.Processes(jobs) if jobs > 1 else nullcontext(None)


class _Temporary(TemporaryDirectory):
    """A folder for now."""

    def __enter__(self) -> Path:  # type: ignore[override]
        return Path(super().__enter__())
