"""What commands share: the group itself, options, and how these become readings, folders and processes."""

import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from verify import options as kinds


def reading_options(command: Callable) -> Callable:
    from theory.paper import Reading

    helps = {
        "C": "what 'a large enough constant' must reach",
        "delta": "failure probability",
        "horizon": "the factor in T*, the largest iteration considered: T* = horizon n m/(eta epsilon sigma_xi^2 d)",
        "kappa_low": "least kappa (1 - tau_+ - tau_-) read as Theta(1)",
        "kappa_high": "largest kappa (1 - tau_+ - tau_-) read as Theta(1)",
        "tau_low": "least flip probability read as Theta(1)",
        "tau_high": "largest flip probability read as Theta(1)",
        "order_one": "a coefficient is of order one from here on",
        "labels": "of training samples: drawn independently, or balanced, with flips exact in number",
    }
    for item in reversed(fields(Reading)):
        option = click.option(
            f"--{item.name.replace('_', '-')}", item.name, type=kinds.READING[item.name], default=item.default,
            show_default=True, help=helps[item.name],
        )  # fmt: skip
        command = option(command)
    return command


def study_options(command: Callable, profile: str = "standard") -> Callable:
    options = [
        click.option("--profile", type=click.Choice(["quick", "standard", "thorough"]), default=profile,
                     show_default=True, help="how much is run: about one, four and sixty minutes"),
        click.option("--device", default="cpu", show_default=True, help="cpu, cuda, cuda:1 ..."),
        click.option("--seed", type=kinds.SEED, default=0, show_default=True, help="of every random draw"),
        click.option("--out", type=click.Path(path_type=Path), default=Path("report"), show_default=True,
                     help="folder of the report"),
        click.option("--resume", type=click.Path(path_type=Path), default=None,
                     help="folder of an interrupted study: goes on with its options"),
        click.option("--jobs", type=kinds.JOBS, default=None, help="processes [default: one per core]"),
        click.option("--quiet", is_flag=True, help="no progress display"),
        click.option("--fail-on", type=click.Choice(["refuted", "open", "inconclusive"]), multiple=True,
                     help="exit with 1 if any verdict is this; may be given several times"),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return reading_options(command)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}, invoke_without_command=True
)
@click.version_option(package_name="thetacheck", prog_name="thetacheck", message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context) -> int:
    """Confront the theorems of "On the Role of Label Noise in the Feature Learning Process" with gradient descent.

    \b
    Examples:
      python -m verify all --profile quick        every theorem and claim, in a few minutes
      python -m verify run stage1.time            one claim, on the same runs
      python -m verify explain stage2.test-error  what it says and how it is judged
      python -m verify margins --n 100 --m 20 --d 2000 --mu 10 --sigma-0 1e-3 --eta 0.1 --tau-plus 0.2
      python -m verify check note.py              conditions and claims of your own
      python -m verify entails --given condition-4.1 "n * log(n) << sqrt(d)"
      python -m verify map kappa tau              phase diagrams over any two parameters
      python -m verify calibrate --profile quick  numbers for the constants left open
      python -m verify selftest                   does the verifier reject false laws?

    \b
    Exit status: 0 the study ran, whatever it found, 1 a verdict that --fail-on names,
    2 unusable arguments, 70 a fault of thetacheck,
    130 interrupted (Ctrl-C, SIGTERM, SIGHUP), 141 nobody reads what is printed.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
    return 0


def reading_of(options: dict[str, Any]):
    from theory.paper import Reading

    return Reading(**{f.name: options[f.name] for f in fields(Reading)})


def replaced() -> set[str]:
    """Claims that state a theorem's conclusions at one reading of its constants."""
    from theory.theorems import theorems

    return {name for theorem in theorems() for name in theorem.replaces}


def asked_of(options: dict[str, Any], kept: Any = None):
    """The reading, profile and device that the options name, or what is resumed, kept in folders as ``kept``."""
    from numerics.engine import check_device
    from verify import study, sweep

    if options["resume"] is not None:
        _take_over(options, (kept or study.FOLDER).read(options["resume"]))
    return reading_of(options), sweep.PROFILES[options["profile"]], check_device(options["device"])


def _take_over(options: dict[str, Any], manifest: dict) -> None:
    """A resumed study keeps its options; one given explicitly must agree, which opening its folder checks."""
    context = click.get_current_context()
    held = {"profile": manifest["profile"], "seed": manifest["seed"], **manifest["reading"]}
    for name, value in held.items():
        if name in options and context.get_parameter_source(name) == click.core.ParameterSource.DEFAULT:
            options[name] = value


def chosen_among(names: tuple[str, ...], known: tuple) -> tuple:
    by_name = {c.name: c for c in known}
    for name in names:
        if name not in by_name:
            _refuse_theorem(name)
            near = [other for other in by_name if other.startswith(name)] or get_close_matches(name, by_name, n=1)
            hint = f"did you mean '{near[0]}'?" if near else "`list` shows them all"
            raise ValueError(f"unknown claim '{name}': {hint}")
    return tuple(c for c in known if c.name in names)


def _refuse_theorem(name: str) -> None:
    from theory.theorems import theorems

    for theorem in theorems():
        if theorem.name == name:
            parts = " ".join(theorem.replaces)
            raise ValueError(f"'{name}' is a theorem, put to the test by `run {name}`; name its claims here: {parts}")


def opened(kind, folder: Path, asked: dict[str, Any], options: dict[str, Any]):
    return kind.open(folder, asked, resume=options["resume"] is not None)


def pool_of(options: dict[str, Any]):
    """The worker processes of a study, which start when there is work for them; none where one process is asked for."""
    from verify import processes, sweep

    workers = workers_of(options)
    return processes.Pool(workers, sweep.one_thread) if workers > 1 else nullcontext()


def workers_of(options: dict[str, Any]) -> int:
    """Processes: those asked for, else one per core, and a few where they share a device for their steps: draws, test
    errors and tables take processor time beside it."""
    return options["jobs"] or (cores() if options["device"] == "cpu" else min(4, cores()))


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def command_line() -> str:
    from verify.shown import command

    return command(["python", "-m", "verify", *sys.argv[1:]])
