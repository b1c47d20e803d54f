"""The command line: ``python -m verify`` or ``thetacheck``."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import fields, replace
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any

import click

# One thread a process: runs go in parallel, and threads of their linear algebra would only wait for each other.
# Set before NumPy is loaded, and inherited by the workers.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")


def _refuse_strays() -> None:
    """``theory`` is a plain name: a stray theory.py in the working directory must not stand in for ours."""
    import importlib.util

    here = Path(__file__).resolve().parent.parent
    for name in ("theory", "numerics"):
        spec = importlib.util.find_spec(name)
        if not spec or not spec.origin or Path(spec.origin).resolve().parent != here / name:
            where = spec.origin if spec else "nowhere"
            click.echo(
                f"thetacheck: '{name}' is found at {where}, not in {here}: rename it or change directory", err=True
            )
            sys.exit(2)


_refuse_strays()  # before anything is imported from there, which the options below do

from verify import options as kinds  # noqa: E402


def _reading_options(command: Callable) -> Callable:
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


def _study_options(command: Callable, profile: str = "standard") -> Callable:
    options = [
        click.option("--profile", type=click.Choice(["quick", "standard", "thorough"]), default=profile,
                     show_default=True, help="how much is run: about one, six and sixty minutes"),
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
    return _reading_options(command)


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


@cli.command(name="all", short_help="Verify every claim and write the report.")
@_study_options
def all_(**options: Any) -> int:
    """Verify every claim of the paper and write the report.

    \b
    Examples:
      python -m verify all
      python -m verify all --profile quick --out /tmp/look
      python -m verify all --C 4 --seed 1
      python -m verify all --resume report
    """
    return _study((), options)


@cli.command(short_help="Verify some claims and write the report.")
@click.argument("claim", nargs=-1, required=True)
@_study_options
def run(claim: tuple[str, ...], **options: Any) -> int:
    """Verify the theorems and claims named, on the very runs that `all` uses for them, and write the report.

    \b
    Examples:
      python -m verify run theorem-4.1
      python -m verify run stage1.time stage2.time
      python -m verify run selection.log2 --profile thorough
    """
    return _study(claim, options)


def _study(names: tuple[str, ...], options: dict[str, Any]) -> int:
    from theory.paper import claims
    from theory.regime import entailments
    from theory.theorems import theorems
    from verify import falsify as search
    from verify import report, study
    from verify.regime import beside

    started = time.monotonic()
    known = (*theorems(), *claims(), *entailments())
    _asked(options)  # what is resumed keeps its options
    searched, batches_ = _searched(options) if not names else ((), {})
    # What a theorem states with its own quantifiers is not judged again at one reading, unless it is asked for.
    asked = {item.name for item in (_chosen(names, known) if names else known)} - (set() if names else _replaced())
    with (
        search.beside(searched, _reading(options), options["seed"], batches_) as hunted,
        beside(s for s in entailments() if s.name in asked) as decided,
        _pool(options) as pool,
    ):
        planned, folder = _planned(asked, options, pool)
        with _open(study.FOLDER, folder, study.identity(planned), options) as batches:
            outcome = _collect(planned, batches, pool, options, started)
            decisions, hunts = decided(outcome.finished), hunted(outcome.finished)
            outcome = replace(outcome, decisions=decisions, hunts=hunts, wall=time.monotonic() - started)
            report.write(outcome, folder, _command())
    report.summary(outcome, folder)
    return _exit_status(outcome, options["fail_on"])


def _replaced() -> set[str]:
    """Claims that state a theorem's conclusions at one reading of its constants."""
    from theory.theorems import theorems

    return {name for theorem in theorems() for name in theorem.replaces}


def _searched(options: dict[str, Any]) -> tuple[list, dict[str, int]]:
    """The claims of the paper among which `all` searches for violations beside its runs, and how long."""
    from theory.paper import claims, condition_4_1, condition_clean
    from verify import falsify as search

    reading = _reading(options)
    sets = (condition_4_1(reading), condition_clean(reading))
    among = [c for c in claims(reading) if search.falsifiable(c) and c.needs in sets and not c.contrast]
    among = [c for c in among if c.name not in _replaced()]
    batches = search.BESIDE[options["profile"]]
    return [party for party in search.parties(among) if search.reach(party) in batches], batches


def _reading(options: dict[str, Any]):
    from theory.paper import Reading

    return Reading(**{f.name: options[f.name] for f in fields(Reading)})


def _exit_status(outcome, fail_on: tuple[str, ...]) -> int:
    """0 when the study ran, whatever it found, but for what ``--fail-on`` names."""
    from verify.judge import Status

    if not outcome.finished:
        return 130
    found = {v.status for v in (*outcome.decisions, *outcome.answers)}
    found |= {v.status for v in outcome.verdicts if not v.claim.contrast}
    if not all(v.expected for v in outcome.verdicts):  # a contrast that holds is as unexpected as a claim that does not
        found.add(Status.REFUTED)
    if Status.OUTSIDE in found:  # no evidence either
        found.add(Status.INCONCLUSIVE)
    return 1 if found & {Status(name.upper()) for name in fail_on} else 0


@cli.command(short_help="Check conditions and claims of your own.")
@click.argument("file", type=click.Path(path_type=Path))
@partial(_study_options, profile="quick")  # a first answer to a question that is still forming
def check(file: Path, **options: Any) -> int:
    """Check the conditions, claims, theorems and observables that FILE states as plain values, and write the report.

    Says which of them are surely mistyped, how each new condition stands to Condition 4.1, with proofs, and how far it
    holds at typical settings; then verifies every claim inside its own conditions, and where these no longer give a
    premise of the paper, follows the claim along a scaling that breaks it: does the conclusion fail, or only the proof?

    \b
    Examples:
      python -m verify check docs/examples/weaker_dimension.py
      python -m verify check docs/examples/own_theorem.py
      python -m verify check note.py --profile standard --out note
    """
    from verify import check as check_
    from verify import report, study, userfile
    from verify.sweep import OBSERVABLE_BY_NAME

    started = time.monotonic()
    reading, profile, device = _asked(options)
    held = userfile.load(file, OBSERVABLE_BY_NAME, reading)
    userfile.try_observables(held)
    report.announce("deciding what follows from what", options["quiet"])
    found, planned, followed = check_.prepare(held, profile, reading, options["seed"], device)
    folder = options["resume"] or options["out"]
    with _open(study.FOLDER, folder, study.identity(planned), options) as batches, _pool(options) as pool:
        outcome = _collect(planned, batches, pool, options, started)
        found = check_.conclude(found, followed, outcome)
        report.write(outcome, folder, _command(), found)
    report.summary(outcome, folder, found)
    return _exit_status(outcome, options["fail_on"])


def _planned(asked: set[str], options: dict[str, Any], pool: Any, kept: Any = None):
    from theory.paper import claims
    from theory.theorems import theorems
    from verify import study

    reading, profile, device = _asked(options, kept)
    known = claims(reading)
    chosen = tuple(c for c in known if c.name in asked)
    whole = tuple(t for t in theorems(reading) if t.name in asked)
    planned = study.plan(chosen, known, profile, reading, options["seed"], device, theorems=whole, pool=pool)
    return planned, options["resume"] or options["out"]


def _asked(options: dict[str, Any], kept: Any = None):
    """The reading, profile and device that the options name, or what is resumed, kept in folders as ``kept``."""
    from numerics.engine import check_device
    from verify import study, sweep

    if options["resume"] is not None:
        _take_over(options, (kept or study.FOLDER).read(options["resume"]))
    return _reading(options), sweep.PROFILES[options["profile"]], check_device(options["device"])


def _chosen(names: tuple[str, ...], known: tuple) -> tuple:
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


def _take_over(options: dict[str, Any], manifest: dict) -> None:
    """A resumed study keeps its options; one given explicitly must agree, which opening its folder checks."""
    context = click.get_current_context()
    held = {"profile": manifest["profile"], "seed": manifest["seed"], **manifest["reading"]}
    for name, value in held.items():
        if name in options and context.get_parameter_source(name) == click.core.ParameterSource.DEFAULT:
            options[name] = value


def _open(kind, folder: Path, asked: dict[str, Any], options: dict[str, Any]):
    return kind.open(folder, asked, resume=options["resume"] is not None)


def _collect(planned, batches: Path, pool: Any, options: dict[str, Any], started: float):
    from verify import report, study

    with report.progress(planned.settings, options["quiet"], work=planned.work) as advance:
        results, finished = study.collect(planned, batches, pool, lambda result, work: advance(1, work, result.kept))
    return study.conclude(planned, results, finished, started)


def _pool(options: dict[str, Any]):
    """The worker processes of a study, which start when there is work for them; none where one process is asked for."""
    from verify import processes, sweep

    workers = _workers(options)
    return processes.Pool(workers, sweep.one_thread) if workers > 1 else nullcontext()


def _workers(options: dict[str, Any]) -> int:
    """Processes: those asked for, else one per core, and a few where they share a device for their steps: draws, test
    errors and tables take processor time beside it."""
    return options["jobs"] or (_cores() if options["device"] == "cpu" else min(4, _cores()))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _command() -> str:
    from verify.shown import command

    return command(["python", "-m", "verify", *sys.argv[1:]])


@cli.command(name="list", short_help="List the claims, the statements about orders, or the observables.")
@click.option("--observables", is_flag=True, help="list what a claim can speak of instead")
@click.option("--regime", is_flag=True, help="list the statements about orders instead")
def list_(observables: bool, regime: bool) -> int:
    """List every claim with its source and how surely its wording is known."""
    from theory.paper import claims
    from theory.regime import entailments
    from theory.theorems import theorems
    from verify import report
    from verify.sweep import OBSERVABLE_BY_NAME, groups

    if observables:
        report.list_observables(OBSERVABLE_BY_NAME)
    elif regime:
        report.list_statements(entailments())
    else:
        known = claims()
        report.table_of_theorems(theorems())
        report.table_of_claims(known, groups(known, OBSERVABLE_BY_NAME))
    return 0


@cli.command(short_help="Say what a claim means and how it is judged.")
@click.argument("claim")
@_reading_options
def explain(claim: str, **options: Any) -> int:
    """Say what a claim states, under which conditions, where it comes from and how it is judged.

    A statement about orders (`regime.…`) is decided on the spot, and its derivation or counter-scaling shown.

    \b
    Examples:
      python -m verify explain stage2.test-error
      python -m verify explain regime.cross-talk
    """
    from theory.paper import Reading, claims
    from theory.regime import entailments
    from theory.theorems import theorems
    from verify import report
    from verify.regime import decide
    from verify.sweep import OBSERVABLE_BY_NAME, groups

    known, whole = claims(Reading(**options)), {t.name: t for t in theorems(Reading(**options))}
    statements = {s.name: s for s in entailments()}
    [chosen] = _chosen((claim,), (*whole.values(), *known, *statements.values()))
    if chosen.name in whole:
        report.explain_theorem(chosen)
    elif chosen.name in statements:
        report.explain_statement(decide(statements[chosen.name]))
    else:
        report.explain(chosen, groups(known, OBSERVABLE_BY_NAME)[claim])
    return 0


@cli.command(short_help="In which verdicts and constants do two reports differ?")
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
def compare(first: Path, second: Path) -> int:
    """Say in which verdicts, and in which constants of theorems, two reports differ.

    FIRST and SECOND are folders of reports, or their report.json.

    \b
    Examples:
      python -m verify compare report report-seed-1
    \b
    Exit status: 0 they agree, 1 they differ, 2 unusable arguments.
    """
    from verify import report

    return report.compare(first, second)


@cli.command(short_help="Does an order of magnitude follow from the conditions?")
@click.argument("goal", required=False)
@click.option("--given", multiple=True, metavar="SET", help="a set of premises: condition-4.1, kou or huang")
@click.option("--assume", multiple=True, metavar="EXPR", help="one premise more, called assumed-1, assumed-2 ...")
@click.option("--drop", multiple=True, metavar="NAME", help="a premise or a fact less, by its name")
@click.option(
    "--symbols", multiple=True, metavar="NAMES", help="symbols of your own and what is known of them: 'x >= 1, k'"
)
@click.option("--up-to-logs", is_flag=True, help="ask for the goal up to logarithms")
def entails(goal: str | None, given: tuple[str, ...], assume: tuple[str, ...], drop: tuple[str, ...],
            symbols: tuple[str, ...], up_to_logs: bool) -> int:  # fmt: skip
    """Decide whether GOAL follows from the premises for all scalings; without GOAL, whether they are consistent.

    GOAL is a relation between positive expressions: <= (O), >= (Omega), ~ (Theta), << (o) or >> (omega). The answer
    comes with its derivation, or with a scaling that meets every premise and breaks the goal (docs/orders.md).

    \b
    Examples:
      python -m verify entails --given condition-4.1 "n * log(n) << sqrt(d)"
      python -m verify entails --given condition-4.1 --drop 4.1.2-dimension --assume "d >= n^1.5" "n << sqrt(d)"
      python -m verify entails --given condition-4.1 --up-to-logs "d >= n^2"
      python -m verify entails --given kou --assume "kappa ~ 1"
      python -m verify entails --symbols "x >= 1, k" --assume "k <= log(x)" "k << sqrt(x)"

    \b
    Exit status: 0 it follows (or the premises are consistent), 1 it does not, is undecided,
    or the premises contradict each other, 2 unusable arguments.
    """
    from theory import grammar
    from theory.orders import Status
    from verify import regime, report

    own = grammar.declared(", ".join(symbols)) if symbols else ({}, ())
    premises, facts = regime.assembled(given, assume, drop, own)
    order = None
    if goal is not None:
        order = grammar.parse(goal, own[0])
        order = replace(order, up_to_logs=order.up_to_logs or up_to_logs)
    elif up_to_logs:
        raise ValueError("--up-to-logs asks for a goal up to logarithms: there is no goal")
    answer = regime.ask(premises, facts, order)
    report.entailment(answer, facts)
    return 0 if answer.status in (Status.ENTAILED, Status.CONSISTENT) else 1


@cli.command(short_help="Show the margins of every condition at one setting.")
@click.option("--n", type=kinds.SETTING["n"], required=True, help="training samples")
@click.option("--m", type=kinds.SETTING["m"], required=True, help="neurons per output sign")
@click.option("--d", type=kinds.SETTING["d"], required=True, help="dimension of a patch")
@click.option("--mu", type=kinds.SETTING["mu"], required=True, help="length of the signal")
@click.option("--sigma-xi", type=kinds.SETTING["sigma_xi"], default=1.0, show_default=True, help="noise level")
@click.option("--sigma-0", type=kinds.SETTING["sigma_0"], required=True, help="weight scale at initialization")
@click.option("--eta", type=kinds.SETTING["eta"], required=True, help="step size")
@click.option(
    "--tau-plus", type=kinds.SETTING["tau_plus"], default=0.0, show_default=True, help="flip probability of label +1"
)
@click.option(
    "--tau-minus",
    type=kinds.SETTING["tau_minus"],
    default=None,
    help="flip probability of label -1  [default: as --tau-plus]",
)
@click.option("--epsilon", type=kinds.EPSILON, default=0.01, show_default=True, help="target training loss, in T*")
@_reading_options
def margins(tau_minus: float | None, epsilon: float, **options: Any) -> int:
    """Show, for one setting, the largest C for which each condition holds, and which term binds.

    \b
    Example:
      python -m verify margins --n 100 --m 20 --d 2000 --mu 10 --sigma-0 1e-3 --eta 0.1 --tau-plus 0.2
    """
    from numerics.model import Setting
    from theory.lineage import condition_huang, condition_kou
    from theory.paper import Reading, condition_4_1, condition_clean
    from verify import report

    reading = Reading(**{f.name: options.pop(f.name) for f in fields(Reading)})
    options |= {"tau_minus": options["tau_plus"] if tau_minus is None else tau_minus, "labels": reading.labels}
    setting = Setting(**options)
    if not 0 < epsilon < float("inf"):
        raise ValueError(f"epsilon = {epsilon:g}: a target loss is positive and finite; give e.g. --epsilon 0.01")
    values = reading.at(setting.values(), epsilon)
    clean = setting.tau_plus == setting.tau_minus == 0
    own = ("Theorem 4.4", condition_clean(reading)) if clean else ("Condition 4.1", condition_4_1(reading))
    sets = [own, ("Kou et al. 2023", condition_kou()), ("Huang et al. 2024", condition_huang())]
    report.margin_tables(
        [(title, [c.margin(values, reading.C) for c in conditions]) for title, conditions in sets],
        setting,
        reading,
        epsilon,
    )
    return 0


@cli.command(short_help="Plant false laws: are they rejected, and true ones accepted?")
@_study_options
def selftest(**options: Any) -> int:
    """Plant false laws, broken premises and theorems without constants, and count how often the verifier rejects them,
    and the true ones.

    \b
    Exit status: 0 every planted falsehood rejected and at least 95 % of the true statements accepted,
    1 a falsehood accepted, over 5 % of the true ones rejected or an open one decided, 3 too little evidence (take a
    larger --profile).
    """
    from verify import report, study
    from verify import selftest as trial
    from verify.regime import beside

    started = time.monotonic()
    planted = trial.planted_statements()
    with beside(p.statement for p in planted) as decided, _pool(options) as pool:
        planned, folder = _planned(set(trial.CLAIMS), options, pool, trial.FOLDER)
        with _open(trial.FOLDER, folder, study.identity(planned), options) as batches:
            outcome = _collect(planned, batches, pool, options, started)
            if not outcome.finished:
                raise KeyboardInterrupt
            result = trial.examine(outcome, (*trial.judged(planted, decided(True)), *trial.theorems()))
            report.write_selftest(result, folder, _command())
    return result.exit_status


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
@click.option("--quiet", is_flag=True, help="no progress display")
@_reading_options
def falsify(claim: tuple[str, ...], **options: Any) -> int:
    """Search the conditions of each CLAIM for settings at which it fails more often than delta allows.

    A violation stands only if seeds that the search has not seen put the failure rate above delta, at 5 % shared by all
    that the command reports. It is made simple, and made worse, and comes with its margins, a figure beside a setting
    at which the claim holds, a command and a pytest test. Claims with the same conditions look at the same runs.

    \b
    Examples:
      python -m verify falsify stage1.noisy-ignored --budget 5m
      python -m verify falsify stage2.test-error selection.log2 --C 8
      python -m verify falsify stage1.clean-fitted --conditions huang
      python -m verify falsify linear.activations --conditions docs/examples/weaker_dimension.py
      python -m verify falsify stage1.noisy-ignored --at "n=20 m=20 d=1e6 mu=500 sigma_0=1e-6 eta=2e-6 tau_plus=0.2"

    \b
    Exit status: 0 no violation found, 1 a violation stands, 2 unusable arguments,
    3 no run came far enough to say anything of some claim, 130 interrupted.
    """
    from numerics.engine import check_device
    from verify import falsify as search
    from verify import kept, report

    check_device(options["device"])
    search.aside()
    seconds = options["budget"]
    reading = _reading(options)
    chosen, held = _hunted(claim, options["conditions"], reading)
    for one in chosen:
        search.require_falsifiable(one)
    if options["at"]:
        setting = _setting(options["at"], reading.labels)
        seconds = search.cost_at(chosen, setting, reading, search.MOST, held)
        kinds.check_length(seconds, "a larger eta, or smaller n and m")
        report.announce(f"{search.MOST} runs, about {report.duration(seconds)} of one core", options["quiet"])
        counts = {c.name: search.failures(c, setting, reading, search.MOST, options["seed"], held) for c in chosen}
        return 1 if report.failures_at(setting, counts, reading) else 0
    recalled = kept.Recalled(settings={}, complaints=()) if options["no_replay"] else kept.recall(chosen)
    parties = search.parties(chosen, held)
    hunts = []
    with search.FOLDER.open(options["out"], {}), report.hunting(parties, options["quiet"]) as advance:
        for k, party in enumerate(parties):
            hunts.append(
                search.hunt(
                    party, reading, budget=seconds * len(party) / len(chosen), seed_=options["seed"],
                    device=options["device"], level=search.LEVEL / len(parties), kept=recalled.settings, file=held,
                    on_progress=advance(k),
                )
            )  # fmt: skip
        if not options["no_replay"]:
            kept.keep(hunts)
        findings = [f for h in hunts for f in h.findings]
        followed = {f.claim.name: search.follow(f, reading, options["seed"], held) for f in findings if f.violated}
        report.write_hunts(
            hunts, followed, reading, options["out"], _command(), options["conditions"], recalled.complaints
        )
    if any(f.violated for f in findings):
        return 1
    return 0 if all(f.counted for f in findings) else 3


def _hunted(names: tuple[str, ...], conditions: str, reading):
    """The claims named, inside the conditions named; and the user's file, if it is one."""
    from theory.paper import claims
    from verify import falsify as search
    from verify import userfile
    from verify.sweep import OBSERVABLE_BY_NAME

    ours = claims(reading)
    if not conditions:
        return _chosen(names, ours), None
    searched = search.named_conditions(conditions, reading)
    if searched is not None:
        return tuple(replace(c, needs=searched) for c in _chosen(names, ours)), None
    path = Path(conditions)
    if not path.exists():
        near = get_close_matches(conditions, search.SETS, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"name one of {', '.join(search.SETS)}, or a Python file"
        raise ValueError(f"--conditions {conditions}: no such set and no such file; {hint}")
    held = userfile.load(path, OBSERVABLE_BY_NAME, reading)
    userfile.try_observables(held)
    chosen = []
    for claim in _chosen(names, (*ours, *held.claims)):
        if claim not in held.claims:
            if not held.searched:
                raise ValueError(f"{path}: has no CONDITIONS to search for '{claim.name}'; write CONDITIONS = (...,)")
            claim = replace(claim, needs=held.searched)
        chosen.append(claim)
    return tuple(chosen), held


@cli.command(name="map", short_help="Draw a phase diagram over any two parameters.")
@click.argument("x_name", metavar="[X", required=False)
@click.argument("y_name", metavar="Y]", required=False)
@click.option("--x", default="", metavar="LOW:HIGH[:COUNT][:log]", help="range of X  [default: its own]")
@click.option("--y", default="", metavar="LOW:HIGH[:COUNT][:log]", help="range of Y  [default: its own]")
@click.option(
    "--at", default="", help="all else: numbers, formulas in the others or 'bound', e.g. 'n=100 eta=0.1*n*m/d'"
)
@click.option("--show", multiple=True, metavar="NAME", help="a claim or an observable, one panel each  [default: six]")
@click.option("--preset", type=click.Choice(["kou"]), help="a map of the literature; what else is given changes it")
@click.option("--seeds", type=kinds.SEEDS, default=8, show_default=True, help="runs per cell")
@click.option("--epsilon", type=kinds.EPSILON, default=0.1, show_default=True, help="loss that ends a run")
@click.option("--steps", type=kinds.STEPS, default=None, help="train for exactly so many steps instead")
@click.option(
    "--conditions",
    type=click.Choice(["condition-4.1", "kou", "huang"]),
    default="condition-4.1",
    show_default=True,
    help="whose boundaries are drawn, and what 'bound' means",
)
@click.option("--seed", type=kinds.SEED, default=0, show_default=True, help="of every random draw")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("map"), show_default=True, help="folder of the map"
)
@click.option("--resume", type=click.Path(path_type=Path), default=None, help="folder of an interrupted map: goes on")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda, cuda:1 ...")
@click.option("--jobs", type=kinds.JOBS, default=None, help="processes [default: one per core]")
@click.option("--quiet", is_flag=True, help="no progress display")
@_reading_options
def map_(x_name: str | None, y_name: str | None, **options: Any) -> int:
    """Draw over the parameters X and Y how often claims hold, when the stages end and how large the test errors are.

    X and Y are n, m, d, mu, sigma_xi, sigma_0, eta, tau_plus, tau_minus, or kappa, tau (both rates) or snr. By default
    kappa = 6 and tau = 0.1 are held and mu follows, and eta and sigma_0 stay at the bound of their conditions; --at
    changes that. The boundaries of the conditions and the predicted thresholds are drawn over it.

    \b
    Examples:
      python -m verify map kappa tau
      python -m verify map n d --x 16:256:16:log --y 1e3:1e8:16:log --show stage1.noisy-ignored
      python -m verify map mu d --x 0:10 --y 100:1000 --at "n=20 m=10 eta=2 sigma_0=0.01" --steps 100 --show loss_end
      python -m verify map --preset kou --out kou

    \b
    Exit status: 0 drawn, 2 unusable arguments, 130 interrupted.
    """
    from numerics.engine import check_device
    from verify import phase, report

    started = time.monotonic()
    drawn, folder = _map(x_name, y_name, options), options["resume"] or options["out"]
    tasks = phase.plan(drawn, check_device(options["device"]))
    total, done = sum(task.runs for task in tasks), 0
    seconds = sum(task.seconds for task in tasks)
    kinds.check_length(seconds, "fewer cells or --seeds, a larger --epsilon, or --steps")
    report.announce(f"{total} runs, about {report.duration(seconds)} of one core", options["quiet"])
    with _open(phase.FOLDER, folder, phase.identity(drawn), options) as batches:
        with report.progress(total, options["quiet"], "runs", seconds) as advance:

            def ended(task: phase.Task, kept: bool) -> None:
                nonlocal done
                done += task.runs
                advance(task.runs, task.seconds, kept)

            runs = phase.collect(tasks, batches, _workers(options), ended)
        if runs is None:
            report.map_interrupted(folder, done, total)
            return 130
        report.write_map(drawn, runs, folder, _command(), time.monotonic() - started)
    return 0


def _map(x_name: str | None, y_name: str | None, options: dict[str, Any]):
    """The map that the options name: anew, a preset changed by what is given, or that of a folder."""
    from theory.paper import Reading
    from verify import phase

    context = click.get_current_context()
    given = {k for k in options if context.get_parameter_source(k) != click.core.ParameterSource.DEFAULT}
    names = {f.name for f in fields(Reading)}
    reading = Reading(**{name: options[name] for name in names})
    defining = {"x", "y", "at", "show", "preset", "seeds", "epsilon", "steps", "conditions", "seed", *names}
    if options["resume"] is not None and not x_name and not given & defining:
        return phase.held(options["resume"])
    changes = {k: options[k] for k in ("seeds", "epsilon", "steps", "conditions", "seed") if k in given}
    changes |= {"show": options["show"]} if options["show"] else {}
    changes |= {"reading": reading} if given & names else {}
    at = phase.read_at(options["at"])
    if options["preset"]:
        base = phase.PRESETS[options["preset"]]
        if x_name:
            raise ValueError(f"{x_name}: --preset {options['preset']} brings its own axes; give --x or --y for ranges")
        axes = {
            k: phase.Axis.read(axis.name, options[k], axis.count)
            for k, axis in (("x", base.x), ("y", base.y))
            if options[k]
        }
        return replace(base, **axes, **changes, at=tuple({**dict(base.at), **dict(at)}.items()))
    if not (x_name and y_name):
        raise ValueError("a map needs two parameters, e.g. `map kappa tau`, or --preset kou")
    axes = {
        k: phase.Axis.read(name, options[k], count)
        for k, name, count in (("x", x_name, phase.COUNTS[0]), ("y", y_name, phase.COUNTS[1]))
    }
    return phase.Map(**axes, **changes, at=at)


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
    from verify import image_figures, images

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
    images.check(planned)
    return planned, tau


def _image_figures(numbers: tuple[int, ...], runs: Path, planned, tau, options: dict[str, Any]) -> list:
    """Figures 2 and 4; ``runs`` keeps what is finished."""
    from verify import image_figures, images, report

    workers = options["jobs"] or _cores()
    left = images.epochs_left(planned, runs)
    report.announce(f"training {left:,} epochs in all", options["quiet"])
    with report.progress(left, options["quiet"], "epochs") as advance:
        courses = images.collect(planned, runs, workers, advance)
    report.announce("explaining predictions and drawing", options["quiet"])
    return image_figures.make(planned, numbers, courses, tau)


def _synthetic_figures(numbers: list[int], options: dict[str, Any]) -> list:
    """Figures 1 and 3."""
    from verify import paper_figures as paper
    from verify import report

    settings = paper.needed(numbers)
    seeds = tuple(range(options["seed"], options["seed"] + (options["seeds"] or paper.SEEDS)))
    runs = {}
    with report.progress(len(settings), options["quiet"]) as advance:
        for asked, held in paper.collect(settings, seeds, options["jobs"] or _cores(), options["labels"]):
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
@click.option("--jobs", type=kinds.JOBS, default=None, help="processes [default: one per core]")
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

    Figures 1 and 3 are synthetic. Figures 2 and 4 are made from real images and need `pip install thetacheck[images]`;
    `all` without it makes the others, says so and exits with 2, since not all was made.

    \b
    Examples:
      python -m verify figures 1 --out figures
      python -m verify figures 2 4
      python -m verify figures 2 --data cifar10:data --classes cat,dog --device cuda
      python -m verify figures all --seeds 50

    \b
    Exit status: 0 made, 2 unusable arguments or the images extra is missing, 130 interrupted.
    """
    from verify import images, report

    wanted = {1, 2, 3, 4} if "all" in (numbers or ("all",)) else {int(number) for number in numbers}
    real = tuple(sorted(wanted & {2, 4}))
    missing = None
    try:
        images.require_extra(
            (*(("shap",) if 2 in real else ()), *(("sklearn",) if real and options["data"] == "digits" else ()))
        )
    except ValueError as problem:
        if wanted != {1, 2, 3, 4}:
            raise
        missing, real = problem, ()
    out = options["resume"] or options["out"]
    planned = _image_experiment(real, options) if real else ()
    with _open(images.FOLDER, out, {}, options) as runs:
        made = _image_figures(real, runs, *planned, options) if real else []
        made += _synthetic_figures(sorted(wanted & {1, 3}), options)
        report.write_figures(sorted(made, key=lambda figure: figure.number), out, _command())
    if missing:
        click.echo(f"thetacheck: figures 2 and 4 are not made: {missing}", err=True)
        return 2
    return 0


@cli.command(name="select", short_help="Stop epoch and clean samples from your own losses.")
@click.argument("losses", type=click.Path(path_type=Path))
@click.option(
    "--threshold", type=kinds.LOSS, default=None, help="up to which a loss is fitted [default: log K, K classes]"
)
@click.option("--classes", type=click.Path(path_type=Path), default=None, help="labels trained on, for a .npy: .npy")
@click.option("--flags", type=click.Path(path_type=Path), default=None, help="true flips, 0 or 1, for a .npy: .npy")
@click.option(
    "--missing",
    type=click.Choice(["drop", "last"]),
    default=None,
    help="sample without a loss at an epoch: drop it, or carry its last loss on [default: refuse]",
)
@click.option("--out", type=click.Path(path_type=Path), default=Path("select"), show_default=True, help="folder")
def select_(
    losses: Path, threshold: float | None, classes: Path | None, flags: Path | None, missing: str | None, out: Path
) -> int:
    """Propose when to stop and which samples are clean, from LOSSES per sample and epoch (docs/select.md).

    LOSSES is a CSV or Parquet table with the columns sample, epoch and loss, or with a row per sample and a column per
    epoch, and optionally class (the label trained on) and flipped; or a .npy of shape (epochs, samples).

    \b
    Examples:
      python -m verify select losses.csv
      python -m verify select losses.npy --classes labels.npy --missing last

    \b
    Exit status: 0 an epoch is proposed, 1 no stop epoch can be told, 2 unusable arguments or losses.
    """
    from verify import report
    from verify import select as selection
    from verify.losses import read

    written = {(out / name).resolve() for name in selection.FOLDER.files}
    for path in (losses, classes, flags):
        if path is not None and path.resolve() in written:
            raise ValueError(f"{path}: is read, and would be written over; choose another --out")
    held = selection.select(read(losses, flags, classes, missing), threshold)  # what is refused leaves no folder behind
    with selection.FOLDER.open(out, {}):
        report.write_selection(held, out, _command())
    return 0 if held.stop is not None else 1


@cli.command(short_help="Put numbers on the constants that the theorems leave open.")
@click.argument("claim", nargs=-1)
@_study_options
def calibrate(claim: tuple[str, ...], **options: Any) -> int:
    """Calibrate the constants of each CLAIM, or of every claim whose bounds are numbers and that no theorem states
    (`all` finds the constants of theorems).

    Finds the smallest C at which no violation is left, with the bound on the share of settings that violate; what the
    claim leans on, by loosening one item of its condition at a time; where the thresholds of kappa lie; and how large d
    must be. Method: docs/calibration.md.

    \b
    Examples:
      python -m verify calibrate --profile quick
      python -m verify calibrate stage1.noisy-ignored selection.log2 --out calibration
      python -m verify calibrate --resume calibration

    \b
    Exit status: 0 done, 2 unusable arguments, 130 interrupted.
    """
    from theory.paper import claims
    from verify import calibrate as calibration
    from verify import report, sweep

    started = time.monotonic()
    folder = options["resume"] or options["out"]
    if options["resume"] is not None:
        claim = claim or tuple(calibration.FOLDER.read(folder)["claims"])
    reading, profile, device = _asked(options, calibration.FOLDER)
    known = claims(reading)
    # What `verify all` explores for whole theorems is not measured a second time, unless it is asked for.
    left = tuple(c for c in known if c.name not in _replaced())
    chosen = _chosen(claim, known) if claim else calibration.calibratable(left)
    calibration.require_calibratable(chosen)
    effort = calibration.EFFORTS[profile.name]
    workers = _workers(options)
    report.announce("placing settings inside the conditions", options["quiet"])
    asked = calibration.identity(chosen, reading, effort, options["seed"])
    with _open(calibration.FOLDER, folder, asked, options) as batches:
        planned = calibration.plan(chosen, known, reading, effort, options["seed"], device, workers=workers)
        with report.calibrating(options["quiet"]) as (more, tick):
            cells, finished = calibration.collect(
                planned, lambda going: sweep.run(going, batches, workers) if going else iter(()), tick, more
            )
        found = calibration.conclude(planned, cells, finished, started)
        report.write_calibration(found, folder, _command())
    return 0 if finished else 130


def _setting(text: str, labels: str):
    """A setting as ``n=10 m=10 ...``."""
    from numerics.model import Setting
    from theory.symbols import SETTING

    parts = [part.partition("=")[::2] for part in text.replace(",", " ").split()]
    given = dict(parts)
    known = list(SETTING)
    if len(given) < len(parts):
        raise ValueError(f"--at '{text}': a parameter is given twice; give each once")
    for name, value in given.items():
        if name not in known:
            near = get_close_matches(name, known, n=1)
            raise ValueError(f"--at {name}={value}: no such parameter; {f'did you mean {near[0]}?' if near else known}")
        try:
            number = float(value)
            given[name] = int(number) if name in ("n", "m", "d") and number.is_integer() else number
        except ValueError:
            raise ValueError(f"--at {name}={value}: '{value}' is no number; give e.g. {name}=10") from None
    missing = [name for name in ("n", "m", "d", "mu", "sigma_0", "eta") if name not in given]
    if missing:
        raise ValueError(f"--at: {', '.join(missing)} missing; give e.g. {missing[0]}=10")
    return Setting(**given, labels=labels)


INTERRUPTED, BROKEN, UNREAD = 130, 70, 141  # exit statuses: as of Ctrl-C, of a fault of ours, of a closed pipe


def main() -> None:
    """Entry point: every mistake of the user is one line on stderr and exit status 2, and every fault of ours 70."""
    with _ended_as_by_ctrl_c():
        status = _status()
    sys.exit(status)


def _status() -> int:
    from verify.processes import Lost

    try:
        _require_text(sys.argv[1:])
        return cli.main(standalone_mode=False)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as problem:
        return _complain(" ".join(problem.format_message().split()), 2)
    except (KeyboardInterrupt, click.Abort):
        return _complain("interrupted", INTERRUPTED)
    except (BrokenPipeError, SystemExit):  # whoever read what we print is gone; rich and click then exit with 1
        return UNREAD
    except MemoryError:
        return _complain("memory is short: fewer --jobs and smaller sizes need less", 2)
    except (ValueError, OSError, Lost) as problem:
        return _complain(str(problem), 2)
    except Exception as problem:
        return _complain(f"a fault of thetacheck ({type(problem).__name__}); {_traceback_kept()}", BROKEN)


def _complain(text: str, status: int) -> int:
    from verify.shown import visible

    with suppress(OSError):  # a terminal that is gone
        click.echo(f"thetacheck: {visible(text)}", err=True)
    return status


def _traceback_kept() -> str:
    """Where the traceback of what is being handled was written, in words."""
    import tempfile
    import traceback

    held = f"{_command()}\n\n{traceback.format_exc()}"
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="thetacheck-", suffix=".txt", delete=False, encoding="utf-8", errors="backslashreplace"
        ) as file:
            file.write(held)
        return f"please report it with its traceback, {file.name}"
    except OSError:
        return f"please report it: {' | '.join(held.splitlines())}"


def _require_text(arguments: list[str]) -> None:
    """Raise ``ValueError`` for a name that is no text: reports repeat the command, and could not be written."""
    for given in arguments:
        try:
            given.encode("utf-8")
        except UnicodeEncodeError:
            shown = os.fsencode(given).decode("utf-8", errors="backslashreplace")
            raise ValueError(f"{shown}: is no text in UTF-8; give another name") from None


@contextmanager
def _ended_as_by_ctrl_c() -> Iterator[None]:
    """SIGTERM and SIGHUP, of schedulers and of closed terminals, are what Ctrl-C is: what is finished counts."""
    terminals = [fd for fd in (1, 2) if os.isatty(fd)]

    def end(number: int, frame: Any) -> None:
        for fd in terminals:
            if not os.isatty(fd):  # closed: what is still said goes nowhere, and is no error
                os.dup2(os.open(os.devnull, os.O_WRONLY), fd)
        raise KeyboardInterrupt

    before = {}
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # Ignored is what `nohup` asks for, and stays so.
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            before[number] = signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    main()
