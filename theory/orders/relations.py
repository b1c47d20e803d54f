"""What is asked and assumed: relations between orders of magnitude, by name or not, and where premises come from.

An :class:`Order` is a value that prints as :mod:`theory.orders.grammar` reads it. A :class:`Premise` is one with a name
that certificates cite: a condition of a paper, or a fact that the symbols table states of a parameter.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import sympy as sp

from theory.fields import Stated, check_each, check_flag, check_text, is_number
from theory.statements import Band, Condition, tex
from theory.symbols import table

RELATIONS = {"<=": "≲", ">=": "≳", "~": "≍", "<<": "≪", ">>": "≫"}
LATEX = {"<=": r"\lesssim", ">=": r"\gtrsim", "~": r"\asymp", "<<": r"\ll", ">>": r"\gg"}


@dataclass(frozen=True)
class Order(Stated):
    """A relation between orders of magnitude.

    Attributes:
        left, right: positive SymPy expressions.
        relation: a key of :data:`RELATIONS`.
        up_to_logs: the tilde form.
    """

    left: sp.Expr
    relation: str
    right: sp.Expr
    up_to_logs: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.relation, str) or self.relation not in RELATIONS:
            raise ValueError(f"relation '{self.relation}': use one of {', '.join(RELATIONS)}")
        check_flag(self.up_to_logs, "Order: up_to_logs")
        for name in ("left", "right"):
            side = getattr(self, name)
            if not (is_number(side) or isinstance(side, sp.Expr)):  # SymPy would evaluate a string as Python
                raise ValueError(f"Order, {name}: {side!r} is no expression; write a number, or e.g. 2*sqrt(d)")
            object.__setattr__(self, name, sp.sympify(side))

    def __str__(self) -> str:
        tilde = " (up to logarithms)" if self.up_to_logs else ""
        return f"{_plain(self.left)} {RELATIONS[self.relation]} {_plain(self.right)}{tilde}"

    def __repr__(self) -> str:
        return f"Order {self}"

    def _repr_latex_(self) -> str:
        from theory.display import inline

        return inline(self.latex)

    @property
    def symbols(self) -> set[str]:
        return {s.name for s in self.left.free_symbols | self.right.free_symbols}

    @property
    def latex(self) -> str:
        left, right = tex(self.left), tex(self.right)
        tilde = r"\quad (\text{up to logarithms})" if self.up_to_logs else ""
        return f"{left} {LATEX[self.relation]} {right}{tilde}"


@dataclass(frozen=True, kw_only=True)
class Premise(Stated):
    """An order that is assumed, by name.

    Attributes:
        name: what certificates cite, and by which it is dropped.
        order: what it says.
        says: one plain-English sentence.
        fact: part of the meaning of a parameter, not of a condition.
    """

    name: str
    order: Order
    says: str = ""
    fact: bool = False

    def __post_init__(self) -> None:
        check_text("Premise", name=self.name, says=self.says)
        check_flag(self.fact, f"premise '{self.name}': fact")
        if not isinstance(self.order, Order):
            raise ValueError(f"premise '{self.name}': {self.order!r} is no Order; give e.g. Order(d, '>>', n)")

    def __str__(self) -> str:
        return f"{self.order}  [{self.name}]"

    def __repr__(self) -> str:
        return f"Premise {self.name}: {self.order}"

    def _repr_latex_(self) -> str:
        from theory.display import inline

        return inline(self.order.latex)


def facts(names: Iterable[str] | None = None) -> tuple[Premise, ...]:
    """What the symbols table says of the parameters named (of all by default): n >= 1, delta ~ 1 ..."""
    wanted = None if names is None else set(names)
    found = []
    for parameter in table():
        if parameter.order and (wanted is None or parameter.name in wanted):
            order = Order(parameter.symbol, parameter.order, sp.Integer(1))
            found.append(Premise(name=f"fact:{parameter.name}", order=order, says=parameter.domain, fact=True))
    return tuple(found)


def premises(conditions: Iterable[Condition]) -> tuple[Premise, ...]:
    """Conditions as premises about orders: a band is Theta(1), and "tau = 0" says nothing about orders.

    Raises:
        ValueError: a condition has no order, e.g. one with a difference of parameters; or something is no condition.
    """
    found = []
    for condition in check_each(conditions, Condition, "premises"):
        statement = condition.statement
        if isinstance(statement, Band):
            order = Order(statement.expression, "~", sp.Integer(1))
        elif isinstance(statement, sp.Eq):
            if 0 in (statement.lhs, statement.rhs):
                continue
            order = Order(statement.lhs, "~", statement.rhs)
        else:
            order = Order(statement.lhs, ">=" if isinstance(statement, (sp.Ge, sp.Gt)) else "<=", statement.rhs)
        found.append(Premise(name=condition.name, order=order, says=condition.says))
    return tuple(found)


# ---------------------------------------------------------------------------------------------------------------
# In words


def fraction_text(power: Fraction) -> str:
    return str(power) if power.denominator == 1 else f"({power})"


def product_text(factors: Iterable[tuple[str, Fraction]]) -> str:
    """A product of powers, as certificates print it: ``n^2 log(m)/d``."""

    def part(items: list[tuple[str, Fraction]]) -> str:
        return " ".join(text + ("" if p == 1 else f"^{fraction_text(p)}") for text, p in items)

    factors = list(factors)
    above = part([(text, p) for text, p in factors if p > 0])
    below = [(text, -p) for text, p in factors if p < 0]
    if not below:
        return above or "1"
    return f"{above or '1'}/{part(below)}" if len(below) == 1 else f"{above or '1'}/({part(below)})"


def _plain(expression: sp.Expr) -> str:
    """As the grammar reads it, where n^3/2 would leave open what is divided."""
    text = re.sub(r"\*(?!\d)", " ", str(expression).replace("**", "^"))
    return re.sub(r"\^(\d+)/(\d)", r"^(\1)/\2", text)
