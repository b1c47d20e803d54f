"""Commands that draw: map, figures."""

import time
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import click

from verify import options as kinds
from verify.cli.common import (
    announce,
    cli,
    command_line,
    conditions_option,
    cores,
    opened,
    pack,
    pool_of,
    reading_of,
    worker_options,
)


@cli.command(name="map", short_help="Draw a phase diagram over any two parameters.")
@click.argument("x_name", metavar="[X", required=False)
@click.argument("y_name", metavar="Y]", required=False)
@click.option("--x", default="", metavar="LOW:HIGH[:COUNT][:log]", help="range of X  [default: its own]")
@click.option("--y", default="", metavar="LOW:HIGH[:COUNT][:log]", help="range of Y  [default: its own]")
@click.option(
    "--at", multiple=True, help="all else: numbers, formulas in the others or 'bound', e.g. 'n=100 eta=0.1*n*m/d'"
)
@click.option("--show", multiple=True, metavar="NAME", help="a claim or an observable, one panel each  [default: six]")
@click.option("--preset", metavar="NAME", help="a map of the literature (kou); what else is given changes it")
@click.option(
    "--beside", multiple=True, metavar="PAPER", help="draw where another paper's phases part too; may be given again"
)
@click.option("--seeds", type=kinds.SEEDS, default=8, show_default=True, help="runs per cell")
@click.option("--epsilon", type=kinds.EPSILON, default=0.1, show_default=True, help="loss that ends a run")
@click.option("--steps", type=kinds.STEPS, default=None, help="train for exactly so many steps instead")
@click.option("--seed", type=kinds.SEED, default=0, show_default=True, help="of every random draw")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("map"), show_default=True, help="folder of the map"
)
@click.option("--resume", type=click.Path(path_type=Path), default=None, help="folder of an interrupted map: goes on")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda, cuda:1 ...")
@worker_options
@click.option("--quiet", is_flag=True, help="no progress display")
@conditions_option
def map_(x_name: str | None, y_name: str | None, **options: Any) -> int:
    """Draw over the parameters X and Y how often claims hold, when the stages end and how large the test errors are.

    X and Y are parameters of the paper (n, m, d, mu, sigma_xi, sigma_0, eta, tau_plus, tau_minus, or kappa, tau (both
    rates) or snr). By default
    kappa = 6 and tau = 0.1 are held and mu follows, and eta and sigma_0 stay at the bound of their conditions; --at
    changes that. The boundaries of the conditions and the predicted thresholds are drawn over it.

    \b
    Examples:
      thetacheck map kappa tau
      thetacheck map n d --x 16:256:16:log --y 1e3:1e8:16:log --show stage1.noisy-ignored
      thetacheck map mu d --x 0:10 --y 100:1000 --at "n=20 m=10 eta=2 sigma_0=0.01" --steps 100 --show loss_end
      thetacheck map --preset kou --out kou
      thetacheck map n strength --paper kou2023 --beside cao2022 --beside han2025

    \b
    Exit status: 0 drawn, 2 unusable arguments, 130 interrupted.
    """
    from numerics.engine import check_device
    from verify import maps, report

    started = time.monotonic()
    drawn, folder = _map(x_name, y_name, options), options["resume"] or options["out"]
    tasks = maps.plan(drawn, check_device(options["device"]))
    total, done = sum(task.runs for task in tasks), 0
    seconds = sum(task.seconds for task in tasks)
    kinds.check_length(seconds, "fewer cells or --seeds, a larger --epsilon, or --steps")
    announce(f"{total} runs, about {report.duration(seconds)} of one core", options["quiet"])
    with opened(maps.FOLDER, folder, maps.identity(drawn), options) as batches:
        with pool_of(options) as pool, report.progress(total, options["quiet"], "runs", seconds) as advance:

            def ended(task: maps.Task, kept: bool) -> None:
                nonlocal done
                done += task.runs
                advance(task.runs, task.seconds, kept)

            runs = maps.collect(tasks, batches, pool, ended)
        if runs is None:
            report.map_interrupted(folder, done, total)
            return 130
        report.write_map(drawn, runs, folder, command_line(), time.monotonic() - started)
    return 0


def _map(x_name: str | None, y_name: str | None, options: dict[str, Any]):
    """The map that the options name: anew, a preset changed by what is given, or that of a folder."""
    from verify import maps

    held = pack()
    context = click.get_current_context()
    given = {k for k in options if context.get_parameter_source(k) != click.core.ParameterSource.DEFAULT}
    reading = reading_of(options)
    names = {f.name for f in fields(reading)}
    defining = {"x", "y", "at", "show", "beside", "preset", "seeds", "epsilon", "steps", "conditions", "seed", *names}
    if options["resume"] is not None and not x_name and not given & defining:
        return maps.held(options["resume"], held)
    changes = {k: options[k] for k in ("seeds", "epsilon", "steps", "conditions", "seed") if k in given}
    changes |= {name: options[name] for name in ("show", "beside") if options[name]}
    changes |= {"reading": reading} if given & names or not options["preset"] else {}
    at = maps.read_at(" ".join(options["at"]))
    if options["preset"]:
        presets = held.maps.presets()
        if options["preset"] not in presets:
            known = ", ".join(presets) or "none"
            raise ValueError(f"--preset {options['preset']}: no such map of paper '{held.name}'; known: {known}")
        base = presets[options["preset"]]
        if x_name:
            raise ValueError(f"{x_name}: --preset {options['preset']} brings its own axes; give --x or --y for ranges")
        axes = {
            k: maps.Axis.read(axis.name, options[k], axis.count, held.name)
            for k, axis in (("x", base.x), ("y", base.y))
            if options[k]
        }
        return replace(base, **axes, **changes, at=tuple({**dict(base.at), **dict(at)}.items()))
    if not (x_name and y_name):
        raise ValueError("a map needs two parameters, e.g. `map kappa tau`, or --preset kou")
    axes = {
        k: maps.Axis.read(name, options[k], count, held.name)
        for k, name, count in (("x", x_name, maps.COUNTS[0]), ("y", y_name, maps.COUNTS[1]))
    }
    return maps.Map(**axes, **changes, at=at)


def _image_options(command: Callable) -> Callable:
    """Of figures on real images: what the paper leaves open, and where the images are."""
    options = [
        click.option("--data", default="digits", show_default=True, metavar="SOURCE",
                     help="real images: digits, or cifar10:PATH as it lies on a disk"),
        click.option("--classes", metavar="A,B", help="two of its classes [default: 3,8; airplane,automobile]"),
        click.option("--network", help="vgg11, vgg11-4096 (with the head of the authors' public code), vgg11/8, small"
                     " or tiny [default: small for digits, else vgg11]"),
        click.option("--epochs", type=kinds.EPOCHS, help="passes over the images [default: 80; 100]"),
        click.option("--rate", type=kinds.RATE, help="learning rate of SGD [default: 0.02]"),
        click.option("--momentum", type=kinds.SHARE, help="of SGD [default: 0]"),
        click.option("--batch", type=kinds.BATCH, help="images a step [default: 16; 64]"),
        click.option("--tau", type=kinds.FLIPS,
                     help="share of labels flipped in Figure 2, by exact count [default: 0.2]"),
        click.option("--tau-plus", type=kinds.FLIPS,
                     help="instead, probability that a label of the second class is flipped"),
        click.option("--tau-minus", type=kinds.FLIPS, help="likewise of the first class"),
        click.option("--amp", is_flag=True, help="mixed precision, on cuda"),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def _image_experiment(numbers: tuple[int, ...], options: dict[str, Any]):
    """What is run for Figures 2 and 4, as asked for, and their flip rate."""
    from numerics.engine import check_device
    from verify.reproduce import image_figures, image_runs

    by_class = options["tau_plus"] is not None or options["tau_minus"] is not None
    if by_class and options["tau"] is not None:
        raise ValueError("--tau and --tau-plus or --tau-minus: two ways to flip; give an exact share or rates by class")
    tau = image_figures.TAU if options["tau"] is None else options["tau"]
    if by_class:
        tau = (options["tau_minus"] or 0.0, options["tau_plus"] or 0.0)
    planned = image_figures.planned(
        numbers, data=options["data"], classes=options["classes"], tau=tau, seed=options["seed"],
        seeds=options["seeds"] or image_figures.SEEDS, device=check_device(options["device"]), amp=options["amp"],
        **{name: options[name] for name in ("network", "epochs", "rate", "momentum", "batch")},
    )  # fmt: skip
    image_runs.check(planned)
    return planned, tau


def _image_figures(numbers: tuple[int, ...], runs: Path, planned, tau, options: dict[str, Any]) -> list:
    """Figures 2 and 4; ``runs`` keeps what is finished."""
    from verify import report
    from verify.reproduce import image_figures, image_runs

    if options["cluster"] is not None:
        raise ValueError("--cluster: figures 2 and 4 keep checkpoints on this machine; leave it out")
    workers = options["jobs"] or cores()
    left = image_runs.epochs_left(planned, runs)
    announce(f"training {left:,} epochs in all", options["quiet"])
    with report.progress(left, options["quiet"], "epochs") as advance:
        courses = image_runs.collect(planned, runs, workers, advance)
    announce("explaining predictions and drawing", options["quiet"])
    return image_figures.make(planned, numbers, courses, tau)


def _synthetic_figures(numbers: list[int], options: dict[str, Any]) -> list:
    """Figures 1 and 3."""
    from verify import report
    from verify import reproduce as paper

    settings = paper.needed(numbers)
    seeds = tuple(range(options["seed"], options["seed"] + (options["seeds"] or paper.SEEDS)))
    runs = {}
    with report.progress(len(settings), options["quiet"]) as advance, pool_of(options) as pool:
        for asked, held in paper.collect(settings, seeds, pool, options["labels"]):
            runs[asked] = held
            advance()
    return [paper.make(number, runs) for number in numbers]


@cli.command(short_help="Make the paper's own figures again.")
@click.argument("numbers", nargs=-1, type=click.Choice(["1", "2", "3", "4", "all"]), metavar="[1|2|3|4|all]...")
@click.option("--out", type=click.Path(path_type=Path), default=Path("figures"), show_default=True, help="their folder")
@click.option(
    "--resume",
    type=click.Path(path_type=Path),
    default=None,
    help="folder of interrupted figures on images: goes on there, with the same options",
)
@click.option("--seed", type=kinds.SEED, default=0, show_default=True, help="the first seed")
@click.option("--seeds", type=kinds.SEVERAL, help="how many [default: 20; 10 on images]")
@worker_options
@click.option(
    "--labels",
    type=kinds.LABELS,
    help="of Figures 1 and 3  [default: balanced at the authors' values, else drawn]",
)
@click.option("--device", default="cpu", show_default=True, help="of the images: cpu, cuda, cuda:1 ...")
@click.option("--quiet", is_flag=True, help="no progress display")
@_image_options
def figures(numbers: tuple[str, ...], **options: Any) -> int:
    """Make figures of the paper again, all if none is named: over seeds, beside the captions point by point.

    Figures 1 and 3 are synthetic. Figures 2 and 4 are made from real images and need the extra `images`;
    `all` without it makes the others, says so and exits with 2, since not all was made.

    \b
    Examples:
      thetacheck figures 1 --out figures
      thetacheck figures 2 4
      thetacheck figures 2 --data cifar10:data --classes cat,dog --device cuda
      thetacheck figures all --seeds 50

    \b
    Exit status: 0 made, 2 unusable arguments or the images extra is missing, 130 interrupted.
    """
    from verify import report
    from verify.reproduce import image_runs

    wanted = {1, 2, 3, 4} if "all" in (numbers or ("all",)) else {int(number) for number in numbers}
    real = tuple(sorted(wanted & {2, 4}))
    missing = None
    try:
        image_runs.require_extra(
            (*(("shap",) if 2 in real else ()), *(("sklearn",) if real and options["data"] == "digits" else ()))
        )
    except ValueError as problem:
        if wanted != {1, 2, 3, 4}:
            raise
        missing, real = problem, ()
    out = options["resume"] or options["out"]
    planned = _image_experiment(real, options) if real else ()
    with opened(image_runs.FOLDER, out, {}, options) as runs:
        made = _image_figures(real, runs, *planned, options) if real else []
        made += _synthetic_figures(sorted(wanted & {1, 3}), options)
        report.write_figures(sorted(made, key=lambda figure: figure.number), out, command_line())
    if missing:
        click.echo(f"thetacheck: figures 2 and 4 are not made: {missing}", err=True)
        return 2
    return 0
