"""Limits as data: cooperative logistic systems, and statements about them as they are typed.

A system has a state x >= 0 that starts at 0 and obeys x_i' = g(z_i), g(z) = 1/(1 + e^z), where every argument z_i is
linear in the state, with coefficients that are polynomials of degree at most one in each parameter. It is cooperative
if no z_i rises with another component of the state: then no x_i' falls with one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from fractions import Fraction

from theory.orders.grammar import Binary, Call, Formula, Name, Negative, Number, formula

TIME = "s"
RELATIONS = {">": ">", "<": "<", ">=": ">=", "<=": "<=", "≥": ">=", "≤": "<="}
LONGEST = Fraction(20)  # of s: fences for longer are made of too many pieces


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Another name for a parameter: what is typed for it is an increasing function of the parameter.

    Attributes:
        parameter: which one.
        inverse: the parameter as a formula in this name.
    """

    parameter: str
    inverse: str


@dataclass(frozen=True, kw_only=True, eq=False)
class System:
    """A family of cooperative logistic systems, and the names in which it is spoken of.

    Attributes:
        name: short.
        parameters: names of the parameters of the arguments, each positive or zero.
        state: names of the components.
        arguments: for each component the name of its z_i, one of ``named``.
        named: further names, each a formula in parameters, state and names before it.
        scales: those of ``named`` by which a parameter may be given.
        ranges: least and largest value of everything that a region may bound, ``step`` among them.
        says: each name in a few words.
        signs: how names of what a region bounds are written in sentences, where not as they are typed.
    """

    name: str
    parameters: tuple[str, ...]
    state: tuple[str, ...]
    arguments: tuple[str, ...]
    named: Mapping[str, str]
    scales: Mapping[str, Scale]
    ranges: Mapping[str, tuple[Fraction, Fraction]]
    says: Mapping[str, str]
    signs: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"System {self.name}: {', '.join(self.state)} with {', '.join(self.parameters)}"

    @property
    def names(self) -> tuple[str, ...]:
        """What a statement may speak of."""
        return (*self.state, *self.named, *self.parameters, TIME)


Region = Mapping[str, tuple[Fraction, Fraction]]
"""Closed intervals by name; ``step`` = (0, h) means the flow and every recursion with a step of at most h."""


@dataclass(frozen=True)
class Inequality:
    left: Formula
    relation: str
    right: Formula
    text: str

    @property
    def strict(self) -> bool:
        return self.relation in ("<", ">")

    @property
    def excess(self) -> Formula:
        """What is above zero, or not below it, where the inequality holds."""
        larger, smaller = (self.left, self.right) if self.relation[0] == ">" else (self.right, self.left)
        return Binary("-", larger, smaller, 0)


@dataclass(frozen=True)
class Statement:
    """Inequalities that hold together at every time of an interval.

    Attributes:
        text: as typed.
        inequalities: they.
        times: first and last time; the same where one time is meant.
    """

    text: str
    inequalities: tuple[Inequality, ...]
    times: tuple[Fraction, Fraction]


def statement(text: str, system: System) -> Statement:
    """What ``text`` states: ``gamma > rho_noisy and rho_clean >= 0.1 for s from 0.4 to 0.5``, or ``... at s = 0.4``.

    Raises:
        ValueError: it states nothing about the system; one line says where and why.
    """
    body, times = _times(text)
    inequalities = []
    for part in re.split(r"\band\b", body):
        pieces = re.split(r"(<=|>=|≤|≥|<|>)", part)
        if len(pieces) < 3:
            raise ValueError(f"'{' '.join(part.split())}': no relation; put one of >, <, >=, <= between two formulas")
        for k in range(0, len(pieces) - 2, 2):
            left, relation, right = (piece.strip() for piece in pieces[k : k + 3])
            whole = f"{left} {RELATIONS[relation]} {right}"
            sides = [_side(side, whole, system) for side in (left, right)]
            inequalities.append(Inequality(sides[0], RELATIONS[relation], sides[1], whole))
    return Statement(" ".join(text.split()), tuple(inequalities), times)


def _times(text: str) -> tuple[str, tuple[Fraction, Fraction]]:
    number = r"\s*([0-9]*\.?[0-9]+(?:/[0-9]+)?)\s*"
    at = re.fullmatch(rf"(.*)\bat\s+s\s*={number}", text, re.DOTALL)
    during = re.fullmatch(rf"(.*)\bfor\s+s\s+from\b{number}\bto\b{number}", text, re.DOTALL)
    if at:
        body, first, last = at[1], at[2], at[2]
    elif during:
        body, first, last = during[1], during[2], during[3]
    else:
        shown = " ".join(text.split())
        raise ValueError(f"'{shown}': at which time? End it with 'at s = 0.4' or 'for s from 0.4 to 0.5'")
    try:
        times = Fraction(first), Fraction(last)
    except ZeroDivisionError:
        raise ValueError(f"s = {last}: no number; give e.g. 'at s = 0.4'") from None
    if not 0 < times[0] <= times[1] <= LONGEST:
        raise ValueError(f"s from {first} to {last}: must be above 0, at most {LONGEST}, and not end before it begins")
    return body, times


def _side(text: str, whole: str, system: System) -> Formula:
    if not text:
        raise ValueError(f"'{whole}': nothing stands on one side of the relation")
    found = formula(text)
    _known(found, text, system)
    return found


def _known(found: Formula, text: str, system: System) -> None:
    match found:
        case Name():
            if found.name not in system.names:
                near = get_close_matches(found.name, system.names, n=1)
                hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(system.names)}"
                raise ValueError(f"'{text}': '{found.name}' is no name of this limit; {hint}")
        case Negative():
            _known(found.of, text, system)
        case Binary():
            _known(found.left, text, system)
            _known(found.right, text, system)
            if found.operator == "^" and power(found.right) is None:
                raise ValueError(f"'{text}': a power here is a whole number from 1 to 9")
        case Call():
            if found.function not in ("min", "max"):
                raise ValueError(f"'{text}': '{found.function}' is not decided here; use +, -, *, /, ^, min and max")
            for argument in found.arguments:
                _known(argument, text, system)


def power(exponent: Formula) -> int | None:
    """A whole number from 1 to 9; None if it is something else."""
    if isinstance(exponent, Number) and exponent.exact.denominator == 1 and 1 <= exponent.exact <= 9:
        return int(exponent.exact)
    return None


def region(text: str, system: System) -> dict[str, tuple[Fraction, Fraction]]:
    """Intervals as typed, ``lead=3:12 tau=0.1 step=0.05``.

    Raises:
        ValueError: a name or an interval that is none; one line says which.
    """
    given: dict[str, tuple[Fraction, Fraction]] = {}
    for part in text.replace(",", " ").split():
        name, _, value = part.partition("=")
        if name not in system.ranges:
            near = get_close_matches(name, system.ranges, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(system.ranges)}"
            raise ValueError(f"--region {part}: no such parameter; {hint}")
        if name in given:
            raise ValueError(f"--region {part}: '{name}' comes twice; give it once")
        low, colon, high = value.partition(":")
        try:
            ends = Fraction(low), Fraction(high if colon else low)
        except (ValueError, ZeroDivisionError):
            raise ValueError(f"--region {part}: '{value}' is no interval; give e.g. {name}=0.1:0.2") from None
        if name == "step":
            ends = Fraction(0), ends[1]
        least, largest = system.ranges[name]
        if not least <= ends[0] <= ends[1] <= largest:
            raise ValueError(
                f"--region {part}: must rise within {float(least):g} to {float(largest):g}, where it has a meaning"
            )
        given[name] = ends
    return given
