"""Commands that judge: all, run, check, selftest, compare."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from verify.cli.common import (
    announce,
    asked_of,
    chosen_among,
    cli,
    command_line,
    latex_option,
    meanwhile,
    opened,
    pack,
    paper,
    pool_of,
    replaced,
    study_options,
)


@cli.command(name="all", short_help="Verify every claim and write the report.")
@study_options
@latex_option
def all_(**options: Any) -> int:
    """Verify every claim of the paper and write the report.

    \b
    Examples:
      thetacheck all
      thetacheck all --profile quick --out /tmp/look
      thetacheck all --C 4 --seed 1
      thetacheck all --resume report
    """
    return _study((), options)


@cli.command(short_help="Verify some claims and write the report.")
@click.argument("claim", nargs=-1, required=True)
@study_options
@latex_option
def run(claim: tuple[str, ...], **options: Any) -> int:
    """Verify the theorems and claims named, on the very runs that `all` uses for them, and write the report.

    \b
    Examples:
      thetacheck run theorem-4.1
      thetacheck run stage1.time stage2.time
      thetacheck run selection.log2 --profile thorough
    """
    return _study(claim, options)


def _study(names: tuple[str, ...], options: dict[str, Any]) -> int:
    with ExitStack() as until_they_run:
        until_they_run.enter_context(meanwhile("placing settings inside the conditions", options["quiet"]))
        return _run(names, options, until_they_run.close)


def _run(names: tuple[str, ...], options: dict[str, Any], on_planned: Callable[[], None]) -> int:
    from verify import falsify as search
    from verify import proved, report, study
    from verify.entailed import beside

    started = time.monotonic()
    held, plain = paper(), paper().reading()
    known = (*held.theorems(plain), *held.claims(plain), *held.entailments())
    given = asked_of(options)  # what is resumed keeps its options
    folder, mine = _place(study.FOLDER, given, options)
    searched, batches_ = _searched(given[0], options["profile"]) if not names else ((), {})
    # What a theorem states with its own quantifiers is not judged again at one reading, unless it is asked for.
    asked = {item.name for item in (chosen_among(names, known) if names else known)} - (set() if names else replaced())
    with (
        search.beside(searched, given[0], options["seed"], batches_) as hunted,
        beside(s for s in held.entailments() if s.name in asked) as decided,
        proved.beside(held.limit(), asked) as stood,
        pool_of(options) as pool,
    ):
        planned = _planned(asked, given, options["seed"], pool)
        on_planned()
        with opened(study.FOLDER, folder, mine, options) as batches:
            follow = stood.follow if stood else None
            outcome = _collect(planned, batches, pool, options, started, follow)
            decisions, hunts = decided(outcome.finished), hunted(outcome.finished)
            proofs = stood.proofs(outcome.finished) if stood else None
            wall = time.monotonic() - started
            outcome = replace(outcome, decisions=decisions, hunts=hunts, proofs=proofs, wall=wall)
            report.write(
                outcome, folder, command_line(), calibrated=report.calibrated(folder, given[0]), latex=options["latex"]
            )
    report.summary(outcome, folder)
    return _exit_status(outcome, options["fail_on"])


def _searched(reading: Any, profile: str) -> tuple[list, dict[str, int]]:
    """The claims of the paper among which `all` searches for violations beside its runs, and how long."""
    from verify import falsify as search

    sets = [s.conditions for s in paper().sets(reading) if s.own]
    among = [c for c in paper().claims(reading) if search.falsifiable(c) and c.needs in sets and not c.contrast]
    among = [c for c in among if c.name not in replaced()]
    batches = search.BESIDE[profile]
    return [party for party in search.parties(among, reading) if search.reach(party, reading) in batches], batches


def _exit_status(outcome, fail_on: tuple[str, ...]) -> int:
    """0 when the study ran, whatever it found, but for what ``--fail-on`` names."""
    from verify import study
    from verify.laws.kind import Status

    if outcome.missing:
        return 130 if outcome.missing == study.INTERRUPTED else 2
    found = {v.status for v in (*outcome.decisions, *outcome.answers)}
    found |= {v.status for v in outcome.verdicts if not v.claim.contrast}
    if not all(v.expected for v in outcome.verdicts):  # a contrast that holds is as unexpected as a claim that does not
        found.add(Status.REFUTED)
    if Status.OUTSIDE in found:  # no evidence either
        found.add(Status.INCONCLUSIVE)
    return 1 if found & {Status(name.upper()) for name in fail_on} else 0


@cli.command(short_help="Check conditions and claims of your own.")
@click.argument("file", type=click.Path(path_type=Path))
@partial(study_options, profile="quick")  # a first answer to a question that is still forming
@latex_option
def check(file: Path, **options: Any) -> int:
    """Check the conditions, claims, theorems and observables that FILE states as plain values, and write the report.

    Says which of them are surely mistyped, how each new condition stands to Condition 4.1, with proofs, and how far it
    holds at typical settings; then verifies every claim inside its own conditions, and where these no longer give a
    premise of the paper, follows the claim along a scaling that breaks it: does the conclusion fail, or only the proof?

    \b
    Examples:
      thetacheck check docs/examples/weaker_dimension.py
      thetacheck check docs/examples/own_theorem.py
      thetacheck check note.py --profile standard --out note
    """
    from verify import check as check_
    from verify import report, study, userfile
    from verify.pack import sources

    if file.resolve() in [source.resolve() for source in sources(pack())]:
        return _check_model(options)
    started = time.monotonic()
    given = reading, profile, device = asked_of(options)
    held = userfile.load(file, reading)
    folder, mine = _place(study.FOLDER, given, options, held)
    userfile.try_observables(held)
    announce("deciding what follows from what", options["quiet"])
    found, planned, followed = check_.prepare(held, profile, reading, options["seed"], device)
    with opened(study.FOLDER, folder, mine, options) as batches, pool_of(options) as pool:
        outcome = _collect(planned, batches, pool, options, started)
        found = check_.conclude(found, followed, outcome)
        report.write(outcome, folder, command_line(), found, report.calibrated(folder, reading), options["latex"])
    report.summary(outcome, folder, found)
    return _exit_status(outcome, options["fail_on"])


def _check_model(options: dict[str, Any]) -> int:
    """A file with a model of its own: first whether the model does what it declares, then its claims."""
    from verify.conformance import OF_MODEL, examine
    from verify.model import dense_cost, doubts

    announce("comparing the model with plain autograd", options["quiet"])
    for found in examine(pack(), OF_MODEL):
        if found.problem:
            raise ValueError(f"--paper {pack().name}: {found.problem}")
    for said in doubts(pack()):
        click.echo(f"warning: {said}", err=True)
    if cost := dense_cost(pack()):
        announce(cost, options["quiet"])
    return _study((), options)


def _place(kind: Any, given: tuple, options: dict[str, Any], held: Any = None) -> tuple[Path, dict]:
    """The folder of what is asked, and its identity there; a folder that cannot be had is refused at once."""
    from verify import study

    reading, profile, _ = given
    folder, mine = options["resume"] or options["out"], study.identity(profile, reading, options["seed"], held)
    kind.require(folder, mine, options["resume"] is not None)
    return folder, mine


def _planned(asked: set[str], given: tuple, seed: int, pool: Any):
    from verify import study

    reading, profile, device = given
    known = paper().claims(reading)
    chosen = tuple(c for c in known if c.name in asked)
    whole = tuple(t for t in paper().theorems(reading) if t.name in asked)
    return study.plan(chosen, known, profile, reading, seed, device, theorems=whole, pool=pool)


def _collect(
    planned, batches: Path, pool: Any, options: dict[str, Any], started: float, follow: Callable | None = None
):
    """What the jobs came to; ``follow`` is told of the constants of theorems as they become known."""
    from verify import report, study

    with report.progress(planned.settings, options["quiet"], work=planned.work) as advance:

        def done(result: study.Result, work: float) -> None:
            advance(1, work, result.kept)
            if follow and planned.course:
                follow(planned.course.fixed)

        results, missing = study.collect(planned, batches, pool, done)
    return study.conclude(planned, results, missing, started)


@cli.command(short_help="Plant false laws: are they rejected, and true ones accepted?")
@study_options
def selftest(**options: Any) -> int:
    """Plant false laws, broken premises and theorems without constants, and count how often the verifier rejects them,
    and the true ones.

    \b
    Exit status: 0 every planted falsehood rejected and at least 95 % of the true statements accepted,
    1 a falsehood accepted, over 5 % of the true ones rejected or an open one decided, 3 too little evidence (take a
    larger --profile).
    """
    from verify import processes, report, study
    from verify import selftest as trial
    from verify.entailed import beside

    started = time.monotonic()
    given = asked_of(options, trial.FOLDER)
    folder, mine = _place(trial.FOLDER, given, options)
    tried = pack()
    planted = trial.planted_statements(tried)
    with beside(p.statement for p in planted) as decided, pool_of(options) as pool:
        asked = set(tried.tried or (c.name for c in tried.paper.claims(given[0])))
        planned = _planned(asked, given, options["seed"], pool)
        with opened(trial.FOLDER, folder, mine, options) as batches:
            outcome = _collect(planned, batches, pool, options, started)
            if outcome.missing == study.INTERRUPTED:
                raise KeyboardInterrupt
            if outcome.missing:
                raise processes.Lost(outcome.missing)
            more = trial.judged(planted, decided(True))
            theorems = trial.theorems() if tried.paper.theorems(given[0]) else ()
            result = trial.examine(outcome, (*more, *theorems))
            report.write_selftest(result, folder, command_line())
    return result.exit_status
