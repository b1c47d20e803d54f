"""How values show themselves: a line or two of text, and in a notebook HTML whose formulas are MathML.

Asked for only when something is shown, so that nothing else waits for it.
"""

import textwrap
from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape

from theory.formulas import mathml, pieces, plain

WIDTH = 300  # characters of a formula or of a list of names in a line of text
UNBROKEN = 40  # characters of a line that a narrow column leaves whole


def line(latex: str) -> str:
    """A formula as a line of text, cut where it is long."""
    return cut(plain(latex))


def cut(text: str) -> str:
    return textwrap.shorten(text, WIDTH, placeholder=" …")


def inline(latex: str) -> str:
    """A formula as ``_repr_latex_`` gives it."""
    return f"$\\displaystyle {latex}$"


def sentence(text: str) -> Markup:
    """A sentence in which $...$ is LaTeX."""
    return Markup("").join(mathml(piece) if latex else escape(piece) for latex, piece in pieces(text))


def named(name: str, latex: str) -> Markup:
    return Markup("{}: {}").format(name, mathml(latex))


def lines(parts: Iterable[object]) -> Markup:
    """One below the other; short ones, as a number with its interval, are not broken."""
    whole = Markup('<span style="white-space: nowrap">{}</span>')
    held = map(escape, parts)
    return Markup("<br>").join(whole.format(x) if len(x.striptags()) < UNBROKEN else x for x in held)


def record(title: str, rows: Iterable[tuple[str, object]]) -> str:
    """A value as a heading and its fields, without those that are empty."""
    held = [(name, value) for name, value in rows if value]
    return table((title, ""), held) if held else str(Markup("<p><b>{}</b></p>").format(title))


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Rows of text or of markup, as HTML."""
    left = Markup(' style="text-align: left; vertical-align: top"')
    head = Markup("").join(Markup("<th{}>{}</th>").format(left, x) for x in headings)
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(Markup("").join(Markup("<td{}>{}</td>").format(left, x) for x in row))
        for row in rows
    )
    return str(Markup("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>").format(head, body))
