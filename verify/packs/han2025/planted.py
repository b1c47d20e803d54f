"""False statements about orders, made from the paper's: a premise less, an exponent moved. Each comes with a scaling by
hand that shows it false, whatever any prover says of it; ``selftest`` puts them to ours."""

from dataclasses import replace
from fractions import Fraction

import sympy as sp

from theory import n, orders
from theory.orders import Scaling
from theory.papers import Entailment
from theory.papers.han2025 import entailments
from theory.symbols import table
from verify.entailed import Planted


def _scaling(**powers: str | tuple[str, str]) -> Scaling:
    """Powers of N, or of N and log N; what is not named is constant."""
    found = {p.name: (Fraction(0),) * orders.DEPTH for p in table()}
    for name, given in powers.items():
        power, of_log = (given, "0") if isinstance(given, str) else given
        found[name] = (Fraction(power), Fraction(of_log), Fraction(0))
    return Scaling(powers=found)


# Scalings inside Condition 4.1, by hand: one well inside, one at the boundary of the dimension. What they break is
# false, whatever any prover says of it.
INSIDE = {"n": "1", "m": "1", "d": "4", "mu": "3/2", "sigma_0": "-9/2", "eta": "-4", "T_star": "3", "epsilon": "-1"}
BOUNDARY = {
    "n": "1", "m": ("0", "1"), "d": ("2", "4"), "mu": ("1/2", "2"), "sigma_0": ("-3/2", "-4"), "eta": ("-1", "-5"),
    "T_star": ("1", "2"), "epsilon": "-1",
}  # fmt: skip
# Statement, the premise that it is robbed of, and a scaling that meets all the others and breaks it.
ROBBED = (
    ("regime.cross-talk", "4.1.2-dimension", {**INSIDE, "d": ("1", "1"), "mu": ("0", "1/2"), "sigma_0": "-1",
                                                "eta": "-1", "T_star": ("3", "-1")}),
    ("regime.small-steps", "4.1.6-step", {**INSIDE, "eta": "-2", "T_star": "1"}),
    ("regime.T1-many-steps", "4.1.6-step", {**INSIDE, "eta": "-2", "T_star": "1"}),
    ("regime.init-output", "4.1.5-initialization", {**INSIDE, "sigma_0": "0"}),
    ("regime.snr-vanishes", "4.1.1-snr", {**INSIDE, "mu": "5/2"}),
    ("regime.log-sizes", "4.1.3-samples", {**INSIDE, "n": ("0", "1/2"), "mu": ("2", "-1/4"), "sigma_0": "-5",
                                           "eta": "-6", "T_star": ("4", "1/2")}),
    ("regime.signal-strength", "4.1.1-snr", {**INSIDE, "mu": "0"}),
    ("regime.dimension-without-T", "T_star-is", {"n": "1", "m": ("0", "1"), "d": ("2", "1"), "mu": ("1/2", "1/2"),
                                                 "sigma_0": ("-3/2", "-2"), "eta": ("-1", "-5"), "epsilon": "-1"}),
    ("regime.stage-two-later", "epsilon-vanishes", {**INSIDE, "epsilon": "0", "T_star": "2"}),
    ("regime.kou-excludes", "4.1.1-snr", {**INSIDE, "mu": "1/2"}),
)  # fmt: skip


def planted_statements() -> tuple[Planted, ...]:
    """False statements made from all that the paper states.

    Raises:
        AssertionError: a planted statement is not broken by its scaling, so that it might be true.
    """
    known = {s.name: s for s in entailments()}
    found = []
    for name, premise, powers in ROBBED:
        rest = replace(known[name], given=tuple(p for p in known[name].given if p.name != premise))
        found.append(
            Planted(
                kind="premise dropped",
                detail=f"{name} without {premise}",
                statement=rest,
                broken_along=_scaling(**powers),
            )
        )
    along = _scaling(**BOUNDARY)
    for statement in known.values():
        if statement.expected == orders.Ruling.ENTAILED and statement.goal is not None:
            goal = statement.goal
            slack = abs(along.order(goal.left)[0] - along.order(goal.right)[0]) + Fraction(1, 4)
            power = sp.Rational(*(slack if goal.relation in ("<=", "<<", "~") else -slack).as_integer_ratio())
            moved = replace(statement, goal=replace(goal, left=goal.left * n**power))
            found.append(
                Planted(
                    kind="exponent of a goal shifted",
                    detail=f"{statement.name}, times n^({power})",
                    statement=moved,
                    broken_along=along,
                )
            )
    for planted in found:
        _surely_false(planted.statement, planted.broken_along)
    return tuple(found)


def _surely_false(statement: Entailment, along: Scaling) -> None:
    if not all(along.holds(p.order) for p in statement.given):
        raise AssertionError(f"{statement.name}: {along} breaks a premise, so it shows nothing")
    if statement.goal is not None and along.holds(statement.goal):
        raise AssertionError(f"{statement.name}: {along} meets the goal {statement.goal}")
