"""Formulas and relations as they are typed, read into trees: ``n * log(n) << sqrt(d)``.

::

    relation = sum ("<=" | ">=" | "~" | "<<" | ">>") sum ["(up to logarithms)"]
    formula  = sum
    sum      = product {("+" | "-") product}
    product  = power {("*" | "/") power | power}
    power    = atom ["^" exponent]
    exponent = ["-"] atom
    atom     = number | name | ("log" | "sqrt") "(" sum ")" | ("max" | "min") "(" sum {"," sum} ")" | "(" sum ")"

``**`` is ``^``, a product may begin with a sign, and the glyphs that reports print stand for their relations. Whatever
can be read two ways is refused: ``n^3/2``, ``2^3^2`` and ``1/n m``. The sides of a relation are magnitudes: outside an
exponent there is no minus and no zero, and inside one there are only numbers. Numbers are exact: 0.5 is 1/2. What is
typed is never executed. What a name means, others say.
"""

import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import NoReturn

from theory.orders.relations import RELATIONS

RELATION_OF = {**{r: r for r in RELATIONS}, **{glyph: r for r, glyph in RELATIONS.items()}, "≤": "<=", "≥": ">="}
FUNCTIONS: dict[str, Callable[[list[float]], float]] = {
    "log": lambda given: math.log(*given), "sqrt": lambda given: math.sqrt(*given), "max": max, "min": min,
}  # fmt: skip
OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "^": operator.pow}
TILDE = "(up to logarithms)"
# Far above what anyone means, far below what would stall SymPy.
LENGTH, NESTED, DIGITS, LARGEST = 500, 30, 15, 308

_TOKEN = re.compile(
    r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+(?![A-Za-z_0-9]))?|[A-Za-z_][A-Za-z_0-9]*|<=|>=|<<|>>|\*\*|[≲≳≍≪≫≤≥~+\-*/^(),]"
)


@dataclass(frozen=True)
class Number:
    exact: Fraction
    text: str = ""


@dataclass(frozen=True)
class Name:
    name: str


@dataclass(frozen=True)
class Negative:
    of: "Formula"


@dataclass(frozen=True)
class Binary:
    """Two formulas joined by one of :data:`OPERATORS`; ``place`` is that of the operator."""

    operator: str
    left: "Formula"
    right: "Formula"
    place: int


@dataclass(frozen=True)
class Call:
    """One of :data:`FUNCTIONS` of its arguments."""

    function: str
    arguments: "tuple[Formula, ...]"


Formula = Number | Name | Negative | Binary | Call


def formula(text: str) -> Formula:
    """The formula that ``text`` states, whatever its names mean.

    Raises:
        ValueError: it states none; one line says at which character and why.
    """
    return _Reader(text, None).formula()


def relation(text: str, unknown: Callable[[str], str]) -> tuple[Formula, str, Formula, bool]:
    """Both sides of the relation that ``text`` states, the relation between them, and whether it is up to logarithms.

    Args:
        text: what is typed.
        unknown: what is wrong with a name; nothing, if it is a symbol.

    Raises:
        ValueError: it states none; one line says at which character and why.
    """
    return _Reader(text, unknown).relation()


def value(formula: Formula, of: Callable[[str], float]) -> float:
    """A formula as a finite number; ``of`` gives that of a name.

    Raises:
        ArithmeticError: it has none; the text says why, with the formula as its subject.
    """
    try:
        found = _value(formula, of)
    except (ZeroDivisionError, OverflowError):
        raise ArithmeticError("has no value here; stay where it does") from None
    if isinstance(found, complex) or not math.isfinite(found):
        raise ArithmeticError("is no number here; stay where it is one")
    return found


def _value(formula: Formula, of: Callable[[str], float]) -> float:
    match formula:
        case Number():
            return float(formula.exact)
        case Name():
            return of(formula.name)
        case Negative():
            return -_value(formula.of, of)
        case Binary():
            found = OPERATORS[formula.operator](_value(formula.left, of), _value(formula.right, of))
            if isinstance(found, complex):
                raise ArithmeticError("is no number here; stay where it is one")
            return found
        case Call():
            given = [_value(argument, of) for argument in formula.arguments]
            try:
                return float(FUNCTIONS[formula.function](given))
            except ValueError:
                at = ", ".join(f"{x:g}" for x in given)
                raise ArithmeticError(f"asks for {formula.function}({at}), which has no value") from None


def mistake(text: str, place: int, why: str) -> ValueError:
    """What is wrong with what was typed at a place of it, in one line."""
    text = re.sub(r"\s", " ", text)  # one line, however it was typed
    if len(text) > 80:
        text = f"…{text[max(place - 30, 0) : place + 30]}…"
    return ValueError(f"'{text}' at character {place + 1}: {why}")


class _Reader:
    """One pass over the tokens. ``unknown`` is None where a formula is read, and magnitudes are asked for elsewhere."""

    def __init__(self, text: str, unknown: Callable[[str], str] | None) -> None:
        self.text, self.unknown, self.at, self.depth = text, unknown, 0, 0
        self.magnitudes, self.in_exponent = unknown is not None, False
        self.tokens: list[tuple[str, int]] = []
        if len(text) > LENGTH:
            what = "relation" if self.magnitudes else "formula"
            raise ValueError(f"a {what} of {len(text)} characters: more than {LENGTH} are not read, so split it")
        tilde = self.magnitudes and text.rstrip().endswith(TILDE)
        self.tilde, self.end = tilde, len(text.rstrip()) - len(TILDE) if tilde else len(text)
        place = 0
        while place < self.end:
            if text[place].isspace():
                place += 1
                continue
            found = _TOKEN.match(text, place, self.end)
            if not found:
                self.fail(self.stray(place), place)
            self.tokens.append((found[0], place))
            place = found.end()

    def stray(self, place: int) -> str:
        char = self.text[place]
        if self.magnitudes and char in "<>":
            return f"'{char}' is no relation: use '{2 * char}' (of lower order) or '{char}=' (of at most that order)"
        if self.magnitudes and char == "=":
            return "'=' is no relation of orders: use '~'"
        return f"'{char}' has no meaning here"

    def fail(self, why: str, place: int | None = None) -> NoReturn:
        raise mistake(self.text, self.place if place is None else place, why)

    @property
    def token(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    @property
    def place(self) -> int:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else len(self.text[: self.end].rstrip())

    @property
    def signs(self) -> bool:
        """Whether something negative may stand here."""
        return self.in_exponent or not self.magnitudes

    def take(self) -> str:
        self.at += 1
        return self.tokens[self.at - 1][0]

    # -- relations ---------------------------------------------------------------------------------------------

    def relation(self) -> tuple[Formula, str, Formula, bool]:
        places = [(place, token) for token, place in self.tokens if token in RELATION_OF]
        if not places:
            end = self.tokens[-1][1] + len(self.tokens[-1][0]) if self.tokens else 0
            self.fail(f"no relation: put one of {', '.join(RELATIONS)} between two expressions", end)
        if len(places) > 1:
            self.fail(f"a second relation '{places[1][1]}': state them one by one", places[1][0])
        left = self.side("left")
        relation = RELATION_OF[self.take()]
        return left, relation, self.side("right"), self.tilde

    def side(self, which: str) -> Formula:
        if not self.token or self.token in RELATION_OF:
            self.fail(f"nothing stands on the {which} of the relation")
        found = self.sum()
        if self.token and self.token not in RELATION_OF:
            self.left_over()
        return found

    def formula(self) -> Formula:
        found = self.sum()
        if self.token in RELATION_OF:
            self.fail(f"'{self.token}': a formula states no relation")
        if self.token:
            self.left_over()
        return found

    def left_over(self) -> NoReturn:
        """After a whole expression."""
        if self.token == "-":
            self.fail("'-': a difference has no order of magnitude, only an exponent may be negative")
        if self.token == ")":
            self.fail("')' closes nothing")
        if self.token == ",":
            self.fail("',' belongs between the arguments of max and min")
        self.fail(f"an operator is missing before '{self.token}'")

    def missing(self) -> NoReturn:
        if self.token == "-" and not self.signs:
            self.fail("'-': nothing negative has an order of magnitude, only an exponent may be negative")
        where = f"before '{self.token}'" if self.token else "at the end"
        self.fail(f"{'an exponent' if self.in_exponent else 'an expression'} is missing {where}")

    # -- expressions -------------------------------------------------------------------------------------------

    def sum(self) -> Formula:
        found = self.product()
        while self.token == "+" or (self.token == "-" and self.signs):
            place = self.place
            found = Binary(self.take(), found, self.product(), place)
        return found

    def product(self) -> Formula:
        found, divided = self.signed(self.power), False
        while self.token in ("*", "/") or self.starts_factor():
            place = self.place
            if self.token not in ("*", "/"):
                if divided:
                    self.fail(f"'/' with '{self.token}' beside its divisor can be read two ways: use '*' or '/ (...)'")
                found = Binary("*", found, self.power(), place)
                continue
            divided = self.take() == "/"
            if divided and not self.signs and self.is_zero():
                self.fail("division by zero")
            found = Binary("/" if divided else "*", found, self.signed(self.power), place)
        return found

    def signed(self, read: Callable[[], Formula]) -> Formula:
        negative = False
        while self.signs and self.token in ("+", "-"):
            negative ^= self.take() == "-"
        found = read()
        return Negative(found) if negative else found

    def starts_factor(self) -> bool:
        return self.token == "(" or bool(re.match("[A-Za-z_]", self.token))

    def is_zero(self) -> bool:
        return self.token[:1] in (*"0123456789", ".") and not re.search("[1-9]", re.split("[eE]", self.token)[0])

    def power(self) -> Formula:
        base = self.atom()
        if self.token not in ("^", "**"):
            return base
        caret = self.place
        if self.magnitudes and self.in_exponent:
            self.fail("a power in an exponent: write the number that it is")
        self.take()
        literal, begin = self.token != "(", self.place
        exponent = self.exponent()
        typed = self.text[begin : self.place].strip()
        if self.token in ("^", "**"):
            self.fail("a power of a power: put parentheses where they are meant")
        if literal and self.token == "/" and self.following()[:1].isdigit():
            bottom = self.following()
            self.fail(f"'^{typed}/{bottom}' can be read two ways: write '^({typed}/{bottom})' or '^({typed})/{bottom}'")
        return Binary("^", base, exponent, caret)

    def exponent(self) -> Formula:
        outside, self.in_exponent = self.in_exponent, True
        found = self.signed(self.atom)
        self.in_exponent = outside
        return Number(self.exact(found)) if self.magnitudes else found

    def exact(self, exponent: Formula) -> Fraction:
        """An exponent made of numbers."""
        match exponent:
            case Number():
                return exponent.exact
            case Negative():
                return -self.exact(exponent.of)
            case Binary():
                left, right = self.exact(exponent.left), self.exact(exponent.right)
                if exponent.operator == "/" and not right:
                    divisor = next(place for _, place in self.tokens if place > exponent.place)
                    self.fail("division by zero", divisor)
                return OPERATORS[exponent.operator](left, right)
        raise TypeError(exponent)  # names and functions were refused

    def following(self) -> str:
        return self.tokens[self.at + 1][0] if self.at + 1 < len(self.tokens) else ""

    def atom(self) -> Formula:
        token = self.token
        if token == "(":
            return self.inside(self.sum)
        if self.starts_factor():
            return self.named()
        if token[:1].isdigit() or token[:1] == ".":
            if not self.signs and self.is_zero():
                self.fail("'0' has no order of magnitude: only positive quantities have")
            return self.number()
        self.missing()

    def number(self) -> Number:
        text = self.token
        mantissa, *power = re.split("[eE]", text)
        if power and self.unknown is not None:
            name = text[len(mantissa) :].split("+")[0].split("-")[0]
            if not self.unknown(name):
                self.fail(f"'{text}' can be read two ways, as '{name}' is a symbol here: write '{mantissa} * {name}' or"
                          " the number without 'e'")  # fmt: skip
        if power and abs(int(power[0])) > LARGEST:
            self.fail(f"'{text}': numbers are read from 1e-{LARGEST} to 1e{LARGEST}")
        exact = Fraction(mantissa.rstrip(".")) * Fraction(10) ** int(power[0] if power else 0)
        if self.magnitudes and (len(text) > DIGITS or max(exact.numerator, exact.denominator) >= 10**DIGITS):
            self.fail(f"a number of more than {DIGITS} digits")
        self.take()
        return Number(exact, text)

    def named(self) -> Formula:
        name = self.token
        function = name.lower()
        if self.magnitudes and self.in_exponent:
            self.fail(f"'{name}': an exponent is a number")
        if function not in FUNCTIONS:
            wrong = self.unknown(name) if self.unknown else ""
            if wrong:
                self.fail(wrong)
            self.take()
            return Name(name)
        if self.following() != "(":
            self.fail(f"'{name}' needs its argument in parentheses")
        self.take()
        opened, found = self.place, self.inside(self.arguments)
        if function not in ("max", "min") and len(found) > 1:
            self.fail(f"'{name}' takes one argument, not {len(found)}", opened)
        return Call(function, tuple(found))

    def arguments(self) -> list[Formula]:
        found = [self.sum()]
        while self.token == ",":
            self.take()
            found.append(self.sum())
        return found

    def inside(self, read: Callable):
        opened = self.place
        self.take()
        self.depth += 1
        if self.depth > NESTED:
            self.fail(f"parentheses more than {NESTED} deep", opened)
        found = read()
        if not self.token or self.token in RELATION_OF:
            self.fail("'(' is never closed", opened)
        if self.token != ")":
            self.left_over()
        self.take()
        self.depth -= 1
        return found
