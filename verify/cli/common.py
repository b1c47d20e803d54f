"""What commands share: the group itself, options, and how these become readings, folders and processes."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import fields
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any

import click

from verify import options as kinds


class Papers(click.Group):
    """All commands; ``--paper NAME``, anywhere after one of them, says of which paper they speak."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.obj, rest = _named(args)
        if rest[:1] in (["--cite"], ["--version"]) and len(rest) > 1:
            raise click.UsageError(f"{rest[0]} prints and ends: leave out '{rest[1]}'.")
        return super().parse_args(ctx, rest)


def _named(args: list[str]) -> tuple[str | None, list[str]]:
    """What ``--paper`` names, and the arguments without it."""
    end = args.index("--") if "--" in args else len(args)
    places = [k for k, argument in enumerate(args[:end]) if argument.split("=")[0] == "--paper"]
    if len(places) > 1:
        raise _twice("--paper")
    for k in places:
        _, typed, name = args[k].partition("=")
        if not typed and k + 1 == len(args):
            raise click.UsageError("Option '--paper' requires an argument.")
        return (name, [*args[:k], *args[k + 1 :]]) if typed else (args[k + 1], [*args[:k], *args[k + 2 :]])
    if args[:1] == ["check"]:  # a file with a model of its own is the paper that its claims are of
        return next((a for a in args[1:] if a.endswith(".py") and _has_pack(Path(a))), None), args
    return None, args


def _twice(option: str) -> click.UsageError:
    return click.UsageError(f"Option '{option}' is given twice: give it once.")


def _has_pack(path: Path) -> bool:
    """Whether a Python file states a ``PACK``; what is wrong with it, whoever runs it says."""
    import ast

    try:
        body = ast.parse(path.read_bytes()).body
    except (OSError, ValueError, SyntaxError):
        return False
    targets = [t for node in body if isinstance(node, ast.Assign) for t in node.targets]
    return any(isinstance(t, ast.Name) and t.id == "PACK" for t in targets)


class Command(click.Command):
    """A command whose options may depend on the paper: what its function holds as ``of_paper`` makes them. Or on all
    papers, as what it holds as ``of_papers`` does."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        *own, help_ = super().get_params(ctx)
        own += getattr(self.callback, "of_papers", list)()
        made = getattr(self.callback, "of_paper", None)
        if made is None and ctx.find_root().obj is not None:  # it knows no paper
            raise click.NoSuchOption("--paper", ctx=ctx)
        return [*own, help_] if made is None else [*own, *made(paper(ctx)), _PAPER, help_]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse an option that is given twice, where the last would silently take the others' place."""
        given = [
            p for p in self.make_parser(ctx).parse_args(list(args))[2] if isinstance(p, click.Option) and not p.is_eager
        ]
        for option in given:
            if given.count(option) > 1 and not option.multiple:
                raise _twice(option.opts[0])
        return super().parse_args(ctx, args)


_PAPER = click.Option(
    ["--paper"], expose_value=False, metavar="NAME", help="which paper: one of `papers`, or a Python file with a PACK"
)


def paper(context: click.Context | None = None):
    """The paper that a command speaks of; what brings torch is left alone."""
    from theory import papers

    name = _name(context)
    return papers.load(name) if name in papers.built_in() else pack(context).paper


def pack(context: click.Context | None = None):
    """The same with its model."""
    from verify.pack import load

    return load(_name(context))


def _name(context: click.Context | None) -> str:
    from theory import papers

    named = (context or click.get_current_context()).find_root().obj
    return papers.DEFAULT if named is None else named


def of_one_paper(command: str) -> None:
    """Raise ``ValueError`` where another paper is meant than the one that a command is about."""
    from theory import papers

    if paper().name != papers.DEFAULT:
        raise ValueError(f"--paper {paper().name}: `{command}` speaks of '{papers.DEFAULT}' alone; leave --paper out")


def paper_option(command: Callable) -> Callable:
    """That the command speaks of a paper, and has ``--paper``."""
    command.of_paper = lambda paper: []
    return command


def reading_options(command: Callable) -> Callable:
    """An option for every number that the paper's reading holds."""
    command.of_paper = reading_parameters
    return command


def conditions_option(command: Callable) -> Callable:
    """An option that names one of the paper's sets of conditions, and those of the reading."""

    def made(paper: Any) -> list[click.Parameter]:
        names = list(paper.named(paper.reading()))
        option = click.Option(
            ["--conditions"], type=click.Choice(names), default=names[0], show_default=True,
            help="whose boundaries are drawn, and what 'bound' means",
        )  # fmt: skip
        return [option, *reading_parameters(paper)]

    command.of_paper = made
    return command


def setting_options(command: Callable) -> Callable:
    """An option for every parameter of a setting, and those of the reading."""
    command.of_paper = lambda paper: [*_setting_parameters(paper), *reading_parameters(paper)]
    return command


def settings_option(command: Callable) -> Callable:
    """An option for every parameter that a setting of any of our papers has."""

    def made() -> list[click.Parameter]:
        from theory import papers

        holder = {name: held.name for held in map(papers.load, papers.built_in()) for name in held.parameters}
        return [_parameter_option(name, partial(_ranges, held)) for name, held in holder.items()]

    command.of_papers = made
    return command


def _setting_parameters(paper: Any) -> list[click.Parameter]:
    return [_parameter_option(name, lambda: pack().setting.ranges()) for name in paper.parameters]


def _ranges(paper: str) -> Any:
    from verify.pack import load

    return load(paper).setting.ranges()


def _parameter_option(name: str, ranges: Callable[[], Any]) -> click.Option:
    from theory.symbols import parameter

    kind = kinds.OfSetting(name, ranges)
    return click.Option([f"--{name.replace('_', '-')}", name], type=kind, help=parameter(name).meaning)


def reading_parameters(paper: Any) -> list[click.Parameter]:
    """Those options."""
    found = []
    for item in fields(paper.reading):
        kind = kinds.LABELS if item.name == "labels" else kinds.reading(*paper.reading.ranges[item.name])
        found.append(
            click.Option(
                [f"--{item.name.replace('_', '-')}", item.name], type=kind, default=item.default, show_default=True,
                help=paper.reading.says[item.name],
            )
        )  # fmt: skip
    return found


latex_option = click.option(
    "--latex", is_flag=True, help="write LaTeX too, for a paper's appendix: tables, figures as PDF, their data as CSV"
)

# Who does the work, for every command with many runs.
WORKERS = (
    click.option("--jobs", type=kinds.JOBS, default=None, help="processes [default: one per core]"),
    click.option("--cluster", metavar="ADDRESS", default=None,
                 help="workers of a Dask scheduler instead: tcp://HOST:PORT, local:N, slurm:FILE ..."),
)  # fmt: skip


def worker_options(command: Callable) -> Callable:
    """Those options."""
    for option in reversed(WORKERS):
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
        *WORKERS,
        click.option("--quiet", is_flag=True, help="no progress display"),
        click.option("--fail-on", type=click.Choice(["refuted", "open", "inconclusive"]), multiple=True,
                     help="exit with 1 if any verdict is this; may be given several times"),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return reading_options(command)


def _cite(context: click.Context, _: click.Parameter, asked: bool) -> None:
    """Print the entries of the tool and of the paper that is meant, and end."""
    if asked:
        from verify.report.citing import bibtex

        click.echo(bibtex([paper(context).name]), nl=False)
        context.exit()


@click.group(
    cls=Papers,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    invoke_without_command=True,
)
@click.option(
    "--cite", is_flag=True, is_eager=True, expose_value=False, callback=_cite, help="how to cite this, as BibTeX"
)
@click.version_option(package_name="thetacheck", prog_name="thetacheck", message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context) -> int:
    """Confront the theorems of "On the Role of Label Noise in the Feature Learning Process" with gradient descent.

    \b
    Examples:
      thetacheck all --profile quick        every theorem and claim, in a few minutes
      thetacheck run stage1.time            one claim, on the same runs
      thetacheck explain stage2.test-error  what it says and how it is judged
      thetacheck margins --n 100 --m 20 --d 2000 --mu 10 --sigma-0 1e-3 --eta 0.1 --tau-plus 0.2
      thetacheck check note.py              conditions and claims of your own
      thetacheck entails --given condition-4.1 "n * log(n) << sqrt(d)"
      thetacheck map kappa tau              phase diagrams over any two parameters
      thetacheck calibrate --profile quick  numbers for the constants left open
      thetacheck selftest                   does the verifier reject false laws?

    \b
    Exit status: 0 the study ran, whatever it found, 1 a verdict that --fail-on names,
    2 unusable arguments, 70 a fault of thetacheck,
    130 interrupted (Ctrl-C, SIGTERM, SIGHUP), 141 nobody reads what is printed.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
    return 0


cli.command_class = Command


def reading_of(options: dict[str, Any]):
    kind = paper().reading
    return kind(**{f.name: options[f.name] for f in fields(kind)})


def replaced() -> set[str]:
    """Claims that state a theorem's conclusions at one reading of its constants."""
    whole = paper().theorems(paper().reading())
    return {name for theorem in whole for name in theorem.replaces}


def asked_of(options: dict[str, Any], kept: Any = None):
    """The reading, profile and device that the options name, or what is resumed, kept in folders as ``kept``."""
    from numerics.engine import check_device
    from verify import study
    from verify.design import PROFILES

    if options["resume"] is not None:
        _take_over(options, (kept or study.FOLDER).read(options["resume"]))
    return reading_of(options), PROFILES[options["profile"]], check_device(options["device"])


def _take_over(options: dict[str, Any], manifest: dict) -> None:
    """A resumed study keeps its options; one given explicitly must agree, which opening its folder checks."""
    context = click.get_current_context()
    mine = paper().name
    if manifest.get("paper", mine) != mine:
        raise ValueError(
            f"--resume: what lies there is of paper '{manifest['paper']}', not of '{mine}'; name it by --paper"
        )
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
    for theorem in paper().theorems(paper().reading()):
        if theorem.name == name:
            parts = " ".join(theorem.replaces)
            raise ValueError(f"'{name}' is a theorem, put to the test by `run {name}`; name its claims here: {parts}")


def opened(kind, folder: Path, asked: dict[str, Any], options: dict[str, Any]):
    return kind.open(folder, asked, resume=options["resume"] is not None)


def pool_of(options: dict[str, Any]):
    """The worker processes of a command, which start when there is work for them; none where one is asked for."""
    from verify import processes

    if options["cluster"] is not None:
        if options["jobs"] is not None:
            raise ValueError("--jobs and --cluster: two ways to say who does the work; give one")
        from verify.cluster import Cluster

        return Cluster(options["cluster"], pack())
    workers = workers_of(options)
    return processes.Processes(workers) if workers > 1 else nullcontext()


def workers_of(options: dict[str, Any]) -> int:
    """Processes: those asked for, else one per core, and a few where they share a device for their steps: draws, test
    errors and tables take processor time beside it."""
    return options["jobs"] or (cores() if options["device"] == "cpu" else min(4, cores()))


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def announce(text: str, quiet: bool) -> None:
    """What is being done, on stderr."""
    if not quiet:
        click.echo(text, err=True)


@contextmanager
def meanwhile(text: str, quiet: bool) -> Iterator[None]:
    """The same on a terminal, as long as it is being done, also before what does it is loaded."""
    if quiet or not sys.stderr.isatty():
        yield
        return
    click.echo(text, err=True, nl=False)
    try:
        yield
    finally:
        click.echo("\r\x1b[2K", err=True, nl=False)  # the line is empty again


def command_line() -> str:
    from verify.shown import COMMAND, command

    return command([COMMAND, *sys.argv[1:]])
