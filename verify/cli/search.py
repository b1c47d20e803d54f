"""Commands that search: falsify, calibrate."""

import time
from contextlib import nullcontext
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from verify import options as kinds
from verify.cli.common import (
    announce,
    asked_of,
    chosen_among,
    cli,
    command_line,
    of_one_paper,
    opened,
    pack,
    paper,
    pool_of,
    reading_of,
    reading_options,
    replaced,
    study_options,
    worker_options,
    workers_of,
)


@cli.command(short_help="Search for settings inside the conditions that violate a claim.")
@click.argument("claim", nargs=-1, required=True)
@click.option(
    "--budget", type=kinds.Seconds(), default="60s", show_default=True, help="of all claims together, e.g. 90s or 5m"
)
@click.option("--seed", type=kinds.SEED, default=0, show_default=True, help="of the search and its runs")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda, cuda:1 ...")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("falsify"),
    show_default=True,
    help="folder of what was found",
)
@click.option(
    "--conditions",
    default="",
    metavar="SET",
    help="search inside these instead of the claim's own: condition-4.1, kou, huang, or the CONDITIONS of a FILE, whose"
    " claims can then be named too",
)
@click.option("--at", default="", help="no search: fresh seeds at this one setting, e.g. 'n=20 m=12 d=100000 ...'")
@click.option("--no-replay", is_flag=True, help="neither read nor keep violations in .thetacheck/")
@worker_options
@click.option("--quiet", is_flag=True, help="no progress display")
@reading_options
def falsify(claim: tuple[str, ...], **options: Any) -> int:
    """Search the conditions of each CLAIM for settings at which it fails more often than delta allows.

    A violation stands only if seeds that the search has not seen put the failure rate above delta, at 5 % shared by all
    that the command reports. It is made simple, and made worse, and comes with its margins, a figure beside a setting
    at which the claim holds, a command and a pytest test. Claims with the same conditions look at the same runs.

    \b
    Examples:
      thetacheck falsify stage1.noisy-ignored --budget 5m
      thetacheck falsify stage2.test-error selection.log2 --C 8
      thetacheck falsify stage1.clean-fitted --conditions huang
      thetacheck falsify linear.activations --conditions docs/examples/weaker_dimension.py
      thetacheck falsify stage1.noisy-ignored --at "n=20 m=20 d=1e6 mu=500 sigma_0=1e-6 eta=2e-6 tau_plus=0.2"

    \b
    Exit status: 0 no violation found, 1 a violation stands, 2 unusable arguments,
    3 no run came far enough to say anything of some claim, 130 interrupted.
    """
    from numerics.engine import check_device
    from verify import falsify as search
    from verify import kept, processes, report

    check_device(options["device"])
    search.aside()
    seconds = options["budget"]
    reading = reading_of(options)
    chosen, file = _hunted(claim, options["conditions"], reading)
    for one in chosen:
        search.require_falsifiable(one)
    if options["at"]:
        setting = setting_at(options["at"], reading.labels, pack())
        seconds = search.cost_at(chosen, setting, reading, search.MOST, file)
        kinds.check_length(seconds, "a larger eta, or smaller n and m")
        announce(f"{search.MOST} runs, about {report.duration(seconds)} of one core", options["quiet"])
        counts = {c.name: search.failures(c, setting, reading, search.MOST, options["seed"], file) for c in chosen}
        return 1 if report.failures_at(setting, counts, reading) else 0
    recalled = (
        kept.Recalled(settings={}, complaints=()) if options["no_replay"] else kept.recall(chosen, pack().setting)
    )
    parties = search.parties(chosen, reading, file)
    at_once = len(parties) if options["cluster"] else min(len(parties), workers_of(options))
    found: dict[int, Any] = {}
    lost = ""
    with (
        search.FOLDER.open(options["out"], {}),
        pool_of(options) if at_once > 1 or options["cluster"] else nullcontext() as pool,
        report.hunting(parties, options["quiet"]) as advance,
    ):
        try:
            for k, hunt in search.hunts(
                parties, reading, budget=seconds, seed_=options["seed"], device=options["device"],
                kept=recalled.settings, file=file, pool=pool, at_once=at_once, on_progress=advance,
            ):  # fmt: skip
                found[k] = hunt
        except processes.Lost as problem:
            if not found:
                raise
            lost = str(problem)
        hunts = [found[k] for k in sorted(found)]
        if not options["no_replay"]:
            kept.keep(hunts)
        findings = [f for h in hunts for f in h.findings]
        followed = {f.claim.name: search.follow(f, reading, options["seed"], file) for f in findings if f.violated}
        report.write_hunts(
            hunts, followed, reading, options["out"], command_line(), options["conditions"], recalled.complaints
        )
    if lost:
        raise processes.Lost(lost)
    if any(f.violated for f in findings):
        return 1
    return 0 if all(f.counted for f in findings) else 3


def _hunted(names: tuple[str, ...], conditions: str, reading):
    """The claims named, inside the conditions named; and the user's file, if these are of one."""
    from verify import userfile

    ours = paper().claims(reading)
    if not conditions:
        return chosen_among(names, ours), None
    sets = paper().named(reading)
    if conditions in sets:
        return tuple(replace(c, needs=sets[conditions].conditions) for c in chosen_among(names, ours)), None
    path = Path(conditions)
    if not path.exists():
        near = get_close_matches(conditions, sets, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"name one of {', '.join(sets)}, or a Python file"
        raise ValueError(f"--conditions {conditions}: no such set and no such file; {hint}")
    held = userfile.load(path, reading)
    userfile.try_observables(held)
    chosen = []
    for claim in chosen_among(names, (*ours, *held.claims)):
        if claim not in held.claims:
            if not held.searched:
                raise ValueError(f"{path}: has no CONDITIONS to search for '{claim.name}'; write CONDITIONS = (...,)")
            claim = replace(claim, needs=held.searched)
        chosen.append(claim)
    return tuple(chosen), held.pin


def setting_at(text: str, labels: str, held: Any):
    """A setting as ``n=10 m=10 ...``."""
    parts = [part.partition("=")[::2] for part in text.replace(",", " ").split()]
    given = dict(parts)
    known = list(held.columns)
    if len(given) < len(parts):
        raise ValueError(f"--at '{text}': a parameter is given twice; give each once")
    for name, value in given.items():
        if name not in known:
            near = get_close_matches(name, known, n=1)
            raise ValueError(f"--at {name}={value}: no such parameter; {f'did you mean {near[0]}?' if near else known}")
        try:
            number = float(value)
            given[name] = int(number) if name in held.setting.whole() and number.is_integer() else number
        except ValueError:
            raise ValueError(f"--at {name}={value}: '{value}' is no number; give e.g. {name}=10") from None
    missing = [name for name in held.setting.required() if name not in given]
    if missing:
        raise ValueError(f"--at: {', '.join(missing)} missing; give e.g. {missing[0]}=10")
    return held.setting(**given, labels=labels)


@cli.command(short_help="Put numbers on the constants that the theorems leave open.")
@click.argument("claim", nargs=-1)
@study_options
def calibrate(claim: tuple[str, ...], **options: Any) -> int:
    """Calibrate the constants of each CLAIM, or of every claim whose bounds are numbers and that no theorem states
    (`all` finds the constants of theorems).

    Finds the smallest C at which no violation is left, with the bound on the share of settings that violate; what the
    claim leans on, by loosening one item of its condition at a time; where the thresholds of kappa lie; and how large d
    must be. Method: docs/calibration.md.

    \b
    Examples:
      thetacheck calibrate --profile quick
      thetacheck calibrate stage1.noisy-ignored selection.log2 --out calibration
      thetacheck calibrate --resume calibration

    \b
    Exit status: 0 done, 2 unusable arguments, 130 interrupted.
    """
    from verify import calibrate as calibration
    from verify import report, sweep

    of_one_paper("calibrate")
    started = time.monotonic()
    folder = options["resume"] or options["out"]
    if options["resume"] is not None:
        claim = claim or tuple(calibration.FOLDER.read(folder)["claims"])
    reading, profile, device = asked_of(options, calibration.FOLDER)
    known = paper().claims(reading)
    # What `verify all` explores for whole theorems is not measured a second time, unless it is asked for.
    left = tuple(c for c in known if c.name not in replaced())
    chosen = chosen_among(claim, known) if claim else calibration.calibratable(left)
    calibration.require_calibratable(chosen)
    effort = calibration.EFFORTS[profile.name]
    announce("placing settings inside the conditions", options["quiet"])
    asked = calibration.identity(chosen, reading, effort, options["seed"])
    with opened(calibration.FOLDER, folder, asked, options) as batches, pool_of(options) as pool:
        planned = calibration.plan(chosen, known, reading, effort, options["seed"], device, pool=pool)
        with report.calibrating(options["quiet"]) as (more, tick):
            cells, finished = calibration.collect(
                planned, lambda going: sweep.run(going, batches, pool) if going else iter(()), tick, more
            )
        found = calibration.conclude(planned, cells, finished, started)
        report.write_calibration(found, folder, command_line())
    return 0 if finished else 130
