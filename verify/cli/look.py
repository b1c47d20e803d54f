"""Commands that run nothing: list, explain, margins, entails, papers, compare."""

import shutil
import textwrap
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from verify import options as kinds
from verify.cli.common import (
    chosen_among,
    cli,
    command_line,
    pack,
    paper,
    paper_option,
    reading_of,
    reading_options,
    setting_options,
    settings_option,
)


@cli.command(name="list", short_help="List the claims, the statements about orders, or what is measured.")
@click.option("--observables", is_flag=True, help="list what a claim can speak of instead")
@click.option("--formulas", is_flag=True, help="with --observables: what each is, and its formula")
@click.option("--series", is_flag=True, help="list what is recorded along a run instead, with formulas")
@click.option("--regime", is_flag=True, help="list the statements about orders instead")
@click.option("--limit", is_flag=True, help="list the statements about the limit instead")
@paper_option
def list_(observables: bool, formulas: bool, series: bool, regime: bool, limit: bool) -> int:
    """List every claim with its source and how surely its wording is known."""
    from verify import report
    from verify.design import groups

    kinds_ = {"--observables": observables, "--series": series, "--regime": regime, "--limit": limit}
    asked = [name for name, given in kinds_.items() if given]
    if len(asked) > 1:
        raise click.UsageError(f"{' and '.join(asked)}: one list at a time; give one.")
    if formulas and not observables:
        raise click.UsageError("--formulas is of observables: give --observables with it.")
    held, reading = paper(), paper().reading()
    if observables:
        report.list_observables(pack().observables) if formulas else _names(pack().observables)
    elif series:
        report.list_series()
    elif regime:
        report.list_statements(held.entailments())
    elif limit:
        from verify.proved import of_paper

        report.list_proofs(of_paper(held))
    else:
        known = held.claims(reading)
        if held.theorems(reading):
            report.table_of_theorems(held.theorems(reading))
        report.table_of_claims(known, groups(known, pack().observables))
    return 0


def _names(observables: Mapping[str, Any]) -> None:
    """Observables by how far a run must go for them, on stdout."""
    from verify.report.words import STAGES

    wide = shutil.get_terminal_size().columns
    for stage, says in STAGES.items():
        names = [name for name, held in observables.items() if held.stage == stage]
        if names:
            shown = textwrap.fill(", ".join(names), wide, initial_indent="  ", subsequent_indent="  ",
                                  break_on_hyphens=False)  # fmt: skip
            click.echo(f"{says}\n{shown}\n")
    click.echo("What each is, with its formula: `list --observables --formulas`. Other papers have more: --paper NAME.")


@cli.command(short_help="Say what a claim means and how it is judged.")
@click.argument("claim")
@reading_options
def explain(claim: str, **options: Any) -> int:
    """Say what a claim states, under which conditions, where it comes from and how it is judged.

    A statement about orders (`regime.…`) is decided on the spot, and its derivation or counter-scaling shown. One about
    the limit (`limit.…`) is decided by `prove`.

    \b
    Examples:
      thetacheck explain stage2.test-error
      thetacheck explain regime.cross-talk
    """
    from verify import report
    from verify.design import groups
    from verify.entailed import decide

    held, reading = paper(), reading_of(options)
    known, whole = held.claims(reading), {t.name: t for t in held.theorems(reading)}
    statements = {s.name: s for s in held.entailments()}
    of_limit = {s.name: s for s in limit.statements} if (limit := held.limit()) is not None else {}
    [chosen] = chosen_among((claim,), (*whole.values(), *known, *statements.values(), *of_limit.values()))
    if chosen.name in whole:
        report.explain_theorem(chosen)
    elif chosen.name in statements:
        report.explain_statement(decide(statements[chosen.name]))
    elif chosen.name in of_limit:
        report.explain_proof(chosen)
    else:
        observables = pack().observables
        report.explain(chosen, observables, groups(known, observables)[claim])
    return 0


@cli.command(short_help="Show the margins of every condition at one setting.")
@click.option("--epsilon", type=kinds.EPSILON, default=0.01, show_default=True, help="target training loss, in T*")
@setting_options
def margins(epsilon: float, **options: Any) -> int:
    """Show, for one setting, the largest C for which each condition holds, and which term binds.

    \b
    Example:
      thetacheck margins --n 100 --m 20 --d 2000 --mu 10 --sigma-0 1e-3 --eta 0.1 --tau-plus 0.2
    """
    from verify import report

    held, reading = pack(), reading_of(options)
    given = {name: options[name] for name in held.columns if options[name] is not None}
    given = {name: given[other] for name, other in held.same.items() if other in given} | given
    missing = [name for name in held.setting.required() if name not in given]
    if missing:
        raise click.UsageError(f"Missing option '--{missing[0].replace('_', '-')}'.")
    setting = held.setting(**given, labels=reading.labels)
    if not 0 < epsilon < float("inf"):
        raise ValueError(f"epsilon = {epsilon:g}: a target loss is positive and finite; give e.g. --epsilon 0.01")
    values = reading.at(setting.values(), epsilon)
    own = held.paper.at(values, reading)
    sets = [own, *(s for s in held.paper.sets(reading) if not s.own)]
    report.margin_tables(
        [(s.title, [c.margin(values, reading.C) for c in s.conditions]) for s in sets], setting, reading, epsilon
    )
    return 0


@cli.command(short_help="Does an order of magnitude follow from the conditions?")
@click.argument("goal", required=False)
@click.option("--given", multiple=True, metavar="SET", help="a set of premises: condition-4.1, kou, huang ...")
@click.option("--assume", multiple=True, metavar="EXPR", help="one premise more, called assumed-1, assumed-2 ...")
@click.option("--drop", multiple=True, metavar="NAME", help="a premise or a fact less, by its name")
@click.option(
    "--symbols", multiple=True, metavar="NAMES", help="symbols of your own and what is known of them: 'x >= 1, k'"
)
@click.option("--up-to-logs", is_flag=True, help="ask for the goal up to logarithms")
@click.option(
    "--smt",
    type=click.Path(path_type=Path),
    default=None,
    metavar="FILE",
    help="write the question as SMT-LIB 2 too, for an independent solver",
)
@paper_option
def entails(goal: str | None, given: tuple[str, ...], assume: tuple[str, ...], drop: tuple[str, ...],
            symbols: tuple[str, ...], up_to_logs: bool, smt: Path | None) -> int:  # fmt: skip
    """Decide whether GOAL follows from the premises for all scalings; without GOAL, whether they are consistent.

    GOAL is a relation between positive expressions: <= (O), >= (Omega), ~ (Theta), << (o) or >> (omega). The answer
    comes with its derivation, or with a scaling that meets every premise and breaks the goal (docs/orders.md).

    \b
    Examples:
      thetacheck entails --given condition-4.1 "n * log(n) << sqrt(d)"
      thetacheck entails --given condition-4.1 --drop 4.1.2-dimension --assume "d >= n^1.5" "n << sqrt(d)"
      thetacheck entails --given condition-4.1 --up-to-logs "d >= n^2"
      thetacheck entails --given kou --assume "kappa ~ 1"
      thetacheck entails --given condition-4.1 "d >> n" --smt question.smt2
      thetacheck entails --symbols "x >= 1, k" --assume "k <= log(x)" "k << sqrt(x)"

    \b
    Exit status: 0 it follows (or the premises are consistent), 1 it does not, is undecided,
    or the premises contradict each other, 2 unusable arguments.
    """
    from theory.orders import Ruling, declared, parse
    from verify import entailed, report

    own = declared(", ".join(symbols)) if symbols else ({}, ())
    premises, facts = entailed.assembled(paper().premises(), given, assume, drop, own)
    order = None
    if goal is not None:
        order = parse(goal, own[0])
        order = replace(order, up_to_logs=order.up_to_logs or up_to_logs)
    elif up_to_logs:
        raise ValueError("--up-to-logs asks for a goal up to logarithms: there is no goal")
    if smt is not None:
        entailed.write_smt(premises, facts, order, smt)
    answer = entailed.ask(premises, facts, order)
    report.entailment(answer, facts)
    return 0 if answer.status in (Ruling.ENTAILED, Ruling.CONSISTENT) else 1


@cli.command(short_help="List the papers, or ask whether some do what they declare.")
@click.argument("names", nargs=-1, metavar="[NAME]...")
def papers(names: tuple[str, ...]) -> int:
    """List the papers that the tools come with; of each NAME, ask whether it does what it declares (docs/papers.md).

    NAME is one of them, or a Python file with a PACK.

    \b
    Examples:
      thetacheck papers
      thetacheck papers han2025
      thetacheck papers tests/toy.py

    \b
    Exit status: 0 listed, or all that is declared is so, 1 something is not, 2 unusable arguments.
    """
    from theory import papers as ours
    from verify import report

    if not names:
        report.list_papers([ours.load(name) for name in ours.built_in()])
        return 0
    from verify.conformance import examine
    from verify.pack import load

    packs = [load(name) for name in names]
    return 0 if all([report.conformance(pack.name, examine(pack)) for pack in packs]) else 1


@cli.command(short_help="Compare two reports, or what several papers say at one setting.")
@click.argument("names", nargs=-1, metavar="FIRST SECOND...")
@click.option("--papers", "of_papers", is_flag=True, help="the names are of papers, or of files with a PACK")
@click.option("--epsilon", type=kinds.EPSILON, default=0.01, show_default=True, help="with --papers: training loss")
@click.option(
    "--C", "constant", type=kinds.reading(1, 1e12), default=None, help="with --papers: C  [default: as each is read]"
)
@click.option("--out", type=click.Path(path_type=Path), default=None, help="folder for compare.html and compare.md too")
@settings_option
def compare(
    names: tuple[str, ...], of_papers: bool, epsilon: float, constant: float | None, out: Path | None, **options: Any
) -> int:
    """Say in which verdicts, and in which constants of theorems, two reports differ; with --papers, whose conditions
    hold at one setting, by how much, and what each paper then predicts there.

    FIRST and SECOND are folders of reports, or their report.json. With --papers they are papers, and there may be more
    of them; what only one of them knows and is not given is as in that paper's typical setting.

    \b
    Examples:
      thetacheck compare report report-seed-1
      thetacheck compare report report-seed-1 --out comparison
      thetacheck compare --papers kou2023 han2025 --n 100 --m 20 --d 1e7 --mu 300 --sigma-xi 1 \\
          --sigma-0 1e-9 --eta 1e-7 --tau-plus 0.1

    \b
    Exit status: 0 the reports agree, or the papers are told, 1 the reports differ, 2 unusable arguments.
    """
    from verify import report

    given = {name: value for name, value in options.items() if value is not None}
    if not of_papers:
        if given:
            raise click.UsageError(f"--{next(iter(given)).replace('_', '-')} is of a setting: give --papers with it.")
        if len(names) != 2:
            raise click.UsageError(f"{len(names)} reports: give the folders of two.")
        return report.compare(*map(Path, names), out, command_line())
    if out is not None:
        raise click.UsageError("--out writes a page of two reports: leave it out with --papers.")
    if len(set(names)) < 2:
        raise click.UsageError("--papers compares several: name two of `papers` or more.")
    from verify import compared
    from verify.pack import load

    packs = [load(name) for name in dict.fromkeys(names)]
    read = {} if constant is None else {"C": constant}
    report.standings([compared.standing(p, given, p.paper.reading(**read), epsilon) for p in packs], epsilon)
    return 0
