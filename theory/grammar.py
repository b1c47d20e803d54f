"""Relations between orders as they are typed: ``n * log(n) << sqrt(d)``.

::

    relation = sum ("<=" | ">=" | "~" | "<<" | ">>") sum ["(up to logarithms)"]
    sum      = product {"+" product}
    product  = power {("*" | "/") power | power}
    power    = atom ["^" exponent]
    atom     = number | symbol | ("log" | "sqrt") "(" sum ")" | ("max" | "min") "(" sum {"," sum} ")" | "(" sum ")"
    exponent = ["-"] (number | "(" arithmetic of numbers ")")

``**`` is ``^``, and the glyphs that reports print stand for their relations. Whatever can be read two ways is refused:
``n^3/2`` and ``1/n m``. Numbers are exact: 0.5 is 1/2. What is typed is never executed.
"""

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from fractions import Fraction
from typing import NoReturn

import sympy as sp
from sympy.core.parameters import distribute

from theory.orders import RELATIONS, Order, Premise
from theory.symbols import SNR, kappa, lookup, table

RELATION_OF = {**{r: r for r in RELATIONS}, **{glyph: r for r, glyph in RELATIONS.items()}, "≤": "<=", "≥": ">="}
ABBREVIATIONS = {"kappa": kappa, "SNR": SNR}
FUNCTIONS = ("log", "sqrt", "max", "min")
TILDE = "(up to logarithms)"
# Far above what anyone means, far below what would stall SymPy.
LENGTH, DEPTH, DIGITS, BITS = 500, 30, 15, 4000

_TOKEN = re.compile(r"[0-9]+\.?[0-9]*|\.[0-9]+|[A-Za-z_][A-Za-z_0-9]*|<=|>=|<<|>>|\*\*|[≲≳≍≪≫≤≥~+\-*/^(),]")


def parse(text: str, own: Mapping[str, sp.Symbol] | None = None) -> Order:
    """The order that ``text`` states, e.g. ``"d >= n^2 * max(log(m), 1)"``.

    Symbols are those of :mod:`theory.symbols`, with ``kappa`` and ``SNR``, and ``own`` ones by name, as
    :func:`declared` gives them. ``str`` of the result parses to the same.

    Raises:
        ValueError: it states none; one line says at which character and why.
    """
    with distribute(False):  # 2*(n + m) stays as it is, else what is printed would not read back
        return _Reader(text, own or {}).relation()


def declared(text: str) -> tuple[dict[str, sp.Symbol], tuple[Premise, ...]]:
    """Symbols of one's own with what is known of them: ``"x >= 1, k"`` is a positive x of order one at the least, and
    any positive k.

    Returns the symbols by name, and a fact ``fact:x`` for each relation.

    Raises:
        ValueError: a name is taken, is no name or comes twice, or a relation says more than how a name stands to 1.
    """
    known = {p.name for p in table()} | set(ABBREVIATIONS)
    own: dict[str, sp.Symbol] = {}
    facts = []
    for part in text.split(","):
        found = re.fullmatch(r"\s*([A-Za-z_][A-Za-z_0-9]*)\s*(.*?)\s*", part, re.DOTALL)
        if not found:
            raise ValueError(f"--symbols: '{' '.join(part.split())}' declares nothing; write e.g. 'x >= 1, k'")
        name, rest = found.groups()
        if name in known:
            raise ValueError(f"--symbols: '{name}' has a meaning already (`--drop fact:{name}` forgets what is known of"
                             " it); choose another name")  # fmt: skip
        if name.lower() in FUNCTIONS:
            raise ValueError(f"--symbols: '{name}' is a function here; choose another name")
        if name in own:
            raise ValueError(f"--symbols: '{name}' comes twice; declare it once, and give more as --assume")
        own[name] = sp.Symbol(name, positive=True)
        if rest:
            order = parse(f"{name} {rest}", {name: own[name]})
            if order.left != own[name] or order.right != 1 or order.up_to_logs:
                raise ValueError(f"--symbols: '{name} {rest}' is more than a declaration; write e.g. '{name} >= 1', and"
                                 f" --assume \"{name} {rest}\"")  # fmt: skip
            facts.append(Premise(name=f"fact:{name}", order=order, says="declared", fact=True))
    return own, tuple(facts)


class _Reader:
    def __init__(self, text: str, own: Mapping[str, sp.Symbol]) -> None:
        self.text, self.own, self.at, self.depth = text, own, 0, 0
        self.tokens: list[tuple[str, int]] = []
        if len(text) > LENGTH:
            raise ValueError(f"a relation of {len(text)} characters: more than {LENGTH} are not read, so split it")
        tilde = text.rstrip().endswith(TILDE)
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
        if char in "<>":
            return f"'{char}' is no relation: use '{2 * char}' (of lower order) or '{char}=' (of at most that order)"
        if char == "=":
            return "'=' is no relation of orders: use '~'"
        return f"'{char}' has no meaning here"

    def fail(self, why: str, place: int | None = None) -> NoReturn:
        place = self.place if place is None else place
        text = re.sub(r"\s", " ", self.text)  # one line, however it was typed
        if len(text) > 80:
            text = f"…{text[max(place - 30, 0) : place + 30]}…"
        raise ValueError(f"'{text}' at character {place + 1}: {why}")

    @property
    def token(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    @property
    def place(self) -> int:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else len(self.text[: self.end].rstrip())

    def take(self) -> str:
        self.at += 1
        return self.tokens[self.at - 1][0]

    # -- relations ---------------------------------------------------------------------------------------------

    def relation(self) -> Order:
        places = [(place, token) for token, place in self.tokens if token in RELATION_OF]
        if not places:
            end = self.tokens[-1][1] + len(self.tokens[-1][0]) if self.tokens else 0
            self.fail(f"no relation: put one of {', '.join(RELATIONS)} between two expressions", end)
        if len(places) > 1:
            self.fail(f"a second relation '{places[1][1]}': state them one by one", places[1][0])
        left = self.side("left")
        relation = RELATION_OF[self.take()]
        right = self.side("right")
        return Order(left, relation, right, self.tilde)

    def side(self, which: str) -> sp.Expr:
        if not self.token or self.token in RELATION_OF:
            self.fail(f"nothing stands on the {which} of the relation")
        found = self.sum()
        if self.token and self.token not in RELATION_OF:
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

    def missing(self, what: str) -> NoReturn:
        if self.token == "-" and what == "an expression":
            self.fail("'-': nothing negative has an order of magnitude, only an exponent may be negative")
        where = f"before '{self.token}'" if self.token else "at the end"
        self.fail(f"{what} is missing {where}")

    # -- expressions -------------------------------------------------------------------------------------------

    def sum(self) -> sp.Expr:
        found = self.product()
        while self.token == "+":
            self.take()
            found = found + self.product()
        return found

    def product(self) -> sp.Expr:
        factors, divided = [self.power()], False
        while self.token in ("*", "/") or self.starts_factor():
            if self.token not in ("*", "/"):
                if divided:
                    self.fail(f"'/' with '{self.token}' beside its divisor can be read two ways: use '*' or '/ (...)'")
                factors.append(self.power())
                continue
            divided = self.take() == "/"
            if divided and self.is_zero():
                self.fail("division by zero")
            factors.append(1 / self.power() if divided else self.power())
        return sp.Mul(*factors)

    def starts_factor(self) -> bool:
        return self.token == "(" or bool(re.match("[A-Za-z_]", self.token))

    def is_zero(self) -> bool:
        return self.token[:1] in (*"0123456789", ".") and not Fraction(self.token.rstrip("."))

    def power(self) -> sp.Expr:
        base = self.atom()
        if self.token not in ("^", "**"):
            return base
        caret = self.place
        self.take()
        literal = self.token != "("
        exponent = self.exponent()
        if self.token in ("^", "**"):
            self.fail("a power of a power: put parentheses where they are meant")
        if literal and self.token == "/" and self.following()[:1].isdigit():
            top, bottom = exponent, self.following()
            self.fail(f"'^{top}/{bottom}' can be read two ways: write '^({top}/{bottom})' or '^({top})/{bottom}'")
        bits = max((max(int(a.p).bit_length(), int(a.q).bit_length()) for a in base.atoms(sp.Rational)), default=0)
        if bits * abs(exponent) > BITS:
            self.fail(f"the power {exponent} is too large", caret)
        return base ** sp.Rational(exponent.numerator, exponent.denominator)

    def following(self) -> str:
        return self.tokens[self.at + 1][0] if self.at + 1 < len(self.tokens) else ""

    def atom(self) -> sp.Expr:
        token = self.token
        if token == "(":
            return self.inside(self.sum)
        if self.starts_factor():
            return self.named()
        if token[:1].isdigit() or token[:1] == ".":
            if self.is_zero():
                self.fail("'0' has no order of magnitude: only positive quantities have")
            number = self.number()
            return sp.Rational(number.numerator, number.denominator)
        self.missing("an expression")

    def number(self) -> Fraction:
        if len(self.token) > DIGITS:
            self.fail(f"a number of more than {DIGITS} digits")
        return Fraction(self.take().rstrip("."))

    def named(self) -> sp.Expr:
        name = self.token
        function = name.lower()
        if function not in FUNCTIONS:
            return self.symbol()
        if self.following() != "(":
            self.fail(f"'{name}' needs its argument in parentheses")
        self.take()
        opened, found = self.place, self.inside(self.arguments)
        if function in ("max", "min"):
            return (sp.Max if function == "max" else sp.Min)(*found)
        if len(found) > 1:
            self.fail(f"'{name}' takes one argument, not {len(found)}", opened)
        return sp.sqrt(found[0]) if function == "sqrt" else _log(found[0])

    def symbol(self) -> sp.Expr:
        name = self.token
        if name in self.own:
            self.take()
            return self.own[name]
        if name in ABBREVIATIONS:
            self.take()
            return ABBREVIATIONS[name]
        names = [p.name for p in table()]
        if name in names:
            self.take()
            return lookup(name)
        names += [*self.own, *ABBREVIATIONS, *FUNCTIONS]
        near = get_close_matches(name, names, n=1) or get_close_matches(name.lower(), names, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(names)}"
        self.fail(f"unknown symbol '{name}': {hint}; --symbols \"{name}\" declares one of your own")

    def arguments(self) -> list[sp.Expr]:
        found = [self.sum()]
        while self.token == ",":
            self.take()
            found.append(self.sum())
        return found

    def inside(self, read: Callable):
        opened = self.place
        self.take()
        self.depth += 1
        if self.depth > DEPTH:
            self.fail(f"parentheses more than {DEPTH} deep", opened)
        found = read()
        if not self.token or self.token in RELATION_OF:
            self.fail("'(' is never closed", opened)
        if self.token != ")":
            self.left_over()
        self.take()
        self.depth -= 1
        return found

    # -- exponents ---------------------------------------------------------------------------------------------

    def exponent(self) -> Fraction:
        if self.token in ("-", "+"):
            return -self.exponent_atom() if self.take() == "-" else self.exponent_atom()
        return self.exponent_atom()

    def exponent_atom(self) -> Fraction:
        if self.token == "(":
            return self.inside(self.exponent_sum)
        if self.token[:1].isdigit() or self.token[:1] == ".":
            return self.number()
        if self.starts_factor():
            self.fail(f"'{self.token}': an exponent is a number")
        self.missing("an exponent")

    def exponent_sum(self) -> Fraction:
        found = self.exponent_product()
        while self.token in ("+", "-"):
            sign = 1 if self.take() == "+" else -1
            found += sign * self.exponent_product()
        return found

    def exponent_product(self) -> Fraction:
        found = self.exponent()
        while self.token in ("*", "/"):
            if self.take() == "*":
                found *= self.exponent()
                continue
            place, divisor = self.place, self.exponent()
            if not divisor:
                self.fail("division by zero", place)
            found /= divisor
        return found


def _log(inside: sp.Expr) -> sp.Expr:
    """A logarithm as typed. SymPy turns log(1/x)^2 into log(x)^2, but max(1, log(1/x)) is not max(1, log(x))."""
    if inside.is_number:  # of order one, whatever its sign
        found = sp.log(inside)
        return found if found.is_positive else sp.Integer(1)
    return sp.log(inside, evaluate=False)
