"""What the fields of a statement may be, and where it comes from. Python checks no type, and SymPy would evaluate a
string as Python."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from numbers import Real
from typing import Any, Self

import sympy as sp

from theory.symbols import refuse_foreign

PROVENANCE = {
    "stated": "in the part of the paper that is held word for word",
    "preprint": "in an earlier version of the paper, which is held word for word",
    "secondary": "read in a summary or review of the paper",
    "lineage": "from the papers it builds on",
    "recalled": "from memory, not compared with the text",
    "inferred": "our best reconstruction, with its reason",
    "derived": "proved or computed here",
    "user": "stated by the user",
}


def tags() -> str:
    """What the tags mean, in one sentence."""
    return "A tag says how surely a wording is known: " + "; ".join(f"{k}, {v}" for k, v in PROVENANCE.items()) + "."


class Stated:
    """What a dataclass of the vocabulary derives from: a field that it does not have is refused with those it has."""

    def __new__(cls, *_: Any, **given: Any) -> Self:
        known = [f.name for f in fields(cls) if f.init]  # pyright: ignore[reportArgumentType]  # all are dataclasses
        for name in given:
            if name not in known:
                raise TypeError(f"{cls.__name__}: no field '{name}'; it has {', '.join(known)}")
        return super().__new__(cls)


@dataclass(frozen=True, kw_only=True)
class Source(Stated):
    """Where a statement comes from, and how surely we know its wording (a key of :data:`PROVENANCE`)."""

    provenance: str
    reference: str
    note: str = ""

    def __post_init__(self) -> None:
        check_text("Source", reference=self.reference, note=self.note)
        if not isinstance(self.provenance, str) or self.provenance not in PROVENANCE:
            raise ValueError(f"provenance '{self.provenance}': use one of {', '.join(PROVENANCE)}")

    def __str__(self) -> str:
        return f"{self.reference} [{self.provenance}{': ' + self.note if self.note else ''}]"


def sources(paper: str, *provenances: str) -> tuple[Callable[..., Source], ...]:
    """For each provenance, the sources of that kind within a paper: where, and a note."""

    def of(provenance: str) -> Callable[..., Source]:
        return lambda where, note="": Source(provenance=provenance, reference=f"{paper}, {where}", note=note)

    return tuple(map(of, provenances))


# The beginning of a file's name on any system; of 60 letters at most, since file systems count up to 255 bytes.
_NAME = re.compile(r"\w[\w .+-]{0,59}(?<![ .])")


def check_name(name: Any, what: str) -> None:
    """Raise ``ValueError`` unless ``name`` may name a statement: files, columns and commands are called by it."""
    if not isinstance(name, str):
        raise ValueError(f"{what} has the name {name!r}; give a string")
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{what} has the name {name[:80]!r}; use up to 60 letters, digits and . _ + - or spaces, a letter or digit"
            " first and last"
        )


def check_expression(value: Any, where: str) -> None:
    """Raise ``ValueError`` unless ``value`` is a finite real number or an expression in our symbols."""
    if isinstance(value, str):
        raise ValueError(f"{where}: {value!r} is a string; write the expression itself, without quotes")
    if isinstance(value, bool) or not isinstance(value, (Real, sp.Expr)):
        raise ValueError(f"{where}: {value!r} is no expression; write a number, or e.g. 2*sqrt(d)")
    e = sp.sympify(value, strict=True)
    if e.has(sp.nan, sp.oo, -sp.oo, sp.zoo) or e.is_extended_real is False:
        raise ValueError(f"{where}: {value} is no real number; give a finite one, or leave it out")
    refuse_foreign(e, where)


def check_number(value: Any, where: str) -> None:
    check_expression(value, where)
    if sp.sympify(value, strict=True).free_symbols:
        raise ValueError(f"{where}: {value} is no number; give one")


def is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def check_text(where: str, **fields: Any) -> None:
    for name, value in fields.items():
        if not isinstance(value, str):
            raise ValueError(f"{where}: {name} is {value!r}; give a string")


def check_flag(value: Any, where: str) -> None:
    if not isinstance(value, bool):
        raise ValueError(f"{where} is {value!r}; give True or False")


def as_source(source: Any, where: str) -> Source:
    if isinstance(source, Source):
        return source
    if not isinstance(source, str):
        raise ValueError(f"{where}: source is {source!r}; give a string that says where it comes from")
    return Source(provenance="user", reference=source)


def check_each(held: Any, kind: type, where: str) -> tuple:
    """``held`` as a tuple; raises ``ValueError`` unless it is several, each of a kind."""
    found = tuple(held) if isinstance(held, Iterable) else (held,)
    odd = [one for one in found if not isinstance(one, kind)]
    if odd or not isinstance(held, Iterable):
        raise ValueError(f"{where}: {(odd or found)[0]!r}: must be a tuple of {kind.__name__}")
    return found


def as_tuple(held: Any) -> tuple:
    """One, or several in a tuple or list."""
    return tuple(held) if isinstance(held, (tuple, list)) else (held,)
