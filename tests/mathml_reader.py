"""Formulas read back, independently of how they are written: MathML, or a line of text, to numbers.

Both become the same tokens, which a parser of everyday notation evaluates: powers before products, products and
quotients from left to right, a space between factors, ``log`` before its power as in log(x)^2.
"""

import math
import re
from collections.abc import Mapping
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

FUNCTIONS = {
    "log": math.log, "exp": math.exp, "max": max, "min": min, "√": math.sqrt, "Θ": float, "Θ\u0303": float, "O": float,
}  # fmt: skip
RELATIONS = ("=", "≤", "≥", "<", ">", "≲", "≳", "≍", "≪", "≫", "⟺")
PAIRS = {"(": ")", "{": "}", "[": "]"}

SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"
Token = str | float | tuple[str, list]  # ("^", tokens) raises what stands before it


def of_mathml(text: str) -> list[Token]:
    return _tokens(ElementTree.fromstring(text))


def _tokens(element: Element) -> list[Token]:
    children = list(element)
    match element.tag:
        case "mfrac":
            return ["(", "(", *_tokens(children[0]), ")", "/", "(", *_tokens(children[1]), ")", ")"]
        case "msqrt":
            return ["√", "(", *(x for c in children for x in _tokens(c)), ")"]
        case "msup":
            return _raised(_tokens(children[0]), children[1])
        case "msub":
            return [_name(element)]
        case "msubsup":
            return _raised([f"{_name(children[0])}_{_name(children[1])}"], children[2])
        case "mover" | "munder":
            return [_name(element)]
        case "mspace":
            return []
        case "mn":
            return [float(element.text or "")]
        case "mi" | "mo" | "mtext":
            return [element.text or ""]
    return [x for c in children for x in _tokens(c)]


def _raised(base: list[Token], power: Element) -> list[Token]:
    text = _name(power)
    if text in ("*", "∗", "′"):
        return [*base[:-1], f"{base[-1]}{text}"]
    return [*base, ("^", _tokens(power))]


def _name(element: Element) -> str:
    accents = {"¯": "\u0304", "~": "\u0303", "―": "\u0332"}
    children = [_name(c) for c in element]
    if element.tag in ("mover", "munder"):
        return children[0] + accents[children[1]]
    return "_".join(children) if element.tag == "msub" else (element.text or "") + "".join(children)


def of_text(text: str) -> list[Token]:
    """Tokens of a line of text: names with their index, numbers, signs, and ``^`` with what it raises to."""
    found: list[Token] = []
    place = 0
    while place < len(text):
        if text[place].isspace():
            place += 1
        elif text[place] == "^" and text[place + 1] == "*":
            found[-1] = f"{found[-1]}*"
            place += 2
        elif text[place] in SUPERSCRIPTS:
            end = place + len(text[place:]) - len(text[place:].lstrip(SUPERSCRIPTS))
            raised = text[place:end].translate(str.maketrans(SUPERSCRIPTS, "0123456789−"))
            found.append(("^", of_text(raised)))
            place = end
        elif text[place] == "^":
            end = _closing(text, place + 1) if text[place + 1] == "(" else _atom(text, place + 1)
            found.append(("^", of_text(text[place + 1 : end])))
            place = end
        else:
            end = _atom(text, place)
            token = text[place:end]
            found.append(float(token) if token[0].isdigit() else token)
            place = end
    return found


def _atom(text: str, place: int) -> int:
    found = re.compile(r"−?[0-9.]+|[^\W\d_][^\W_]*[\u0303\u0304\u0332]*(_([+−]|[^\W⁰¹²³⁴⁵⁶⁷⁸⁹]+))?′?|.").match(
        text, place
    )
    assert found
    if found[0][0] == "−":  # only after ^ is it part of the number
        return found.end() if place and text[place - 1] == "^" else place + 1
    return found.end()


def _closing(text: str, place: int) -> int:
    depth = 0
    for k in range(place, len(text)):
        depth += (text[k] == "(") - (text[k] == ")")
        if not depth:
            return k + 1
    raise ValueError(text)


def sides(tokens: list[Token]) -> list[list[Token]]:
    """What stands between the relations."""
    found: list[list[Token]] = [[]]
    for token in tokens:
        if token in RELATIONS:
            found.append([])
        else:
            found[-1].append(token)
    return found


def value(tokens: list[Token], values: Mapping[str, float]) -> float:
    """The number that an expression stands for.

    Raises:
        ValueError: it is no expression in the names that have a value.
    """
    reader = _Reader(tokens, values)
    result = reader.sum()
    if reader.at < len(tokens):
        raise ValueError(f"left over: {tokens[reader.at :]}")
    return result


class _Reader:
    def __init__(self, tokens: list[Token], values: Mapping[str, float]) -> None:
        self.tokens, self.values, self.at = tokens, values, 0

    @property
    def token(self) -> Token:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> Token:
        self.at += 1
        return self.tokens[self.at - 1]

    def sum(self) -> float:
        sign = -1.0 if self.token in ("−", "-") else 1.0
        if self.token in ("−", "-", "+"):
            self.take()
        total = sign * self.product()
        while self.token in ("+", "−", "-"):
            sign = 1.0 if self.take() == "+" else -1.0
            total += sign * self.product()
        return total

    def product(self) -> float:
        total = self.factor()
        while self.token not in ("", "+", "−", "-", ",", ")", "}", "]"):
            if self.token == "/":
                self.take()
                total /= self.factor()
            else:
                if self.token in ("⋅", "·"):
                    self.take()
                total *= self.factor()
        return total

    def factor(self) -> float:
        token = self.take() if self.token != "" else ""
        if isinstance(token, float):
            return self.raised(token)
        if isinstance(token, str) and token in FUNCTIONS:
            if isinstance(self.token, str) and self.token in PAIRS:
                return self.raised(FUNCTIONS[token](*self.group()))
            return FUNCTIONS[token](self.factor())
        if isinstance(token, str) and token in PAIRS:
            self.at -= 1
            [inside] = self.group()
            return self.raised(inside)
        if token == "‖":
            name = self.take()
            if self.take() != "‖":
                raise ValueError("a norm that does not close")
            return self.raised(self.values[f"‖{name}‖"])
        if isinstance(token, str) and token in self.values:
            return self.raised(self.values[token])
        raise ValueError(f"no value: {token!r}")

    def group(self) -> list[float]:
        closing = PAIRS[str(self.take())]
        found = [self.sum()]
        while self.token == ",":
            self.take()
            found.append(self.sum())
        if self.token != closing:
            raise ValueError(f"{self.token!r} instead of {closing!r}")
        self.take()
        return found

    def raised(self, base: float) -> float:
        while isinstance(self.token, tuple):
            base = base ** value(self.take()[1], self.values)
        return base
