"""Commands that run nothing: list, explain, margins, entails."""

from dataclasses import fields, replace
from typing import Any

import click

from verify import options as kinds
from verify.cli.common import chosen_among, cli, reading_options


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
@reading_options
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
    [chosen] = chosen_among((claim,), (*whole.values(), *known, *statements.values()))
    if chosen.name in whole:
        report.explain_theorem(chosen)
    elif chosen.name in statements:
        report.explain_statement(decide(statements[chosen.name]))
    else:
        report.explain(chosen, groups(known, OBSERVABLE_BY_NAME)[claim])
    return 0


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
@reading_options
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
