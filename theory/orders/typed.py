"""What is typed as an order: the trees of :mod:`theory.orders.grammar` with the symbols table's meaning of names."""

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches

import sympy as sp
from sympy.core.parameters import distribute

from theory.orders.grammar import FUNCTIONS, Binary, Call, Formula, Name, Number, mistake, relation
from theory.orders.relations import Order, Premise
from theory.symbols import ABBREVIATIONS, table

BITS = 4000  # of a power of a number: far above what anyone means, far below what would stall SymPy


def parse(text: str, own: Mapping[str, sp.Symbol] | None = None) -> Order:
    """The order that ``text`` states, e.g. ``"d >= n^2 * max(log(m), 1)"``.

    Symbols are those of :mod:`theory.symbols` with its abbreviations, and ``own`` ones by name, as :func:`declared`
    gives them. ``str`` of the result parses to the same.

    Raises:
        ValueError: it states none; one line says at which character and why.
    """
    own = own or {}
    known = {**{p.name: p.symbol for p in table()}, **ABBREVIATIONS, **own}
    left, between, right, tilde = relation(text, _unknown([*(p.name for p in table()), *own, *ABBREVIATIONS]))
    with distribute(False):  # 2*(n + m) stays as it is, else what is printed would not read back
        return Order(_expression(left, known, text), between, _expression(right, known, text), tilde)


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


def _unknown(known: list[str]) -> Callable[[str], str]:
    names = [*known, *FUNCTIONS]

    def wrong(name: str) -> str:
        if name in known:
            return ""
        near = get_close_matches(name, names, n=1) or get_close_matches(name.lower(), names, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(names)}"
        return f"unknown symbol '{name}': {hint}; --symbols \"{name}\" declares one of your own"

    return wrong


def _expression(formula: Formula, known: Mapping[str, sp.Expr], text: str) -> sp.Expr:
    match formula:
        case Number():
            return sp.Rational(formula.exact.numerator, formula.exact.denominator)
        case Name():
            return known[formula.name]
        case Call(function="log"):
            return _log(_expression(formula.arguments[0], known, text))
        case Call():
            found = [_expression(argument, known, text) for argument in formula.arguments]
            return {"sqrt": sp.sqrt, "max": sp.Max, "min": sp.Min}[formula.function](*found)
        case Binary(operator="+"):
            return _expression(formula.left, known, text) + _expression(formula.right, known, text)
        case Binary(operator="*"):
            return _expression(formula.left, known, text) * _expression(formula.right, known, text)
        case Binary(operator="/"):
            return _expression(formula.left, known, text) * (1 / _expression(formula.right, known, text))
        case Binary(operator="^", right=Number(exact=exponent)):
            base = _expression(formula.left, known, text)
            bits = max((max(int(a.p).bit_length(), int(a.q).bit_length()) for a in base.atoms(sp.Rational)), default=0)
            if bits * abs(exponent) > BITS:
                raise mistake(text, formula.place, f"the power {exponent} is too large")
            return base ** sp.Rational(exponent.numerator, exponent.denominator)
    raise TypeError(formula)  # the grammar lets nothing negative through


def _log(inside: sp.Expr) -> sp.Expr:
    """A logarithm as typed. SymPy turns log(1/x)^2 into log(x)^2, but max(1, log(1/x)) is not max(1, log(x))."""
    if inside.is_number:  # of order one, whatever its sign
        found = sp.log(inside)
        return found if found.is_positive else sp.Integer(1)
    return sp.log(inside, evaluate=False)
