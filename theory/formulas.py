"""Formulas, SymPy's own LaTeX or an author's: as MathML for a page, as one line of text for a terminal.

A browser shows MathML by itself, without a script and without a font to fetch.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from latex2mathml.converter import convert
from markupsafe import Markup

_SPACE = "{http://www.w3.org/1998/Math/MathML}"
# What may stand in a page: nothing that loads, links or runs, whatever LaTeX an author wrote.
_ELEMENTS = {
    "math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "mfrac", "msqrt", "mroot", "msub", "msup", "msubsup", "mover",
    "munder", "munderover", "mstyle", "mtable", "mtr", "mtd",
}  # fmt: skip
_ATTRIBUTES = {
    "display", "mathvariant", "stretchy", "fence", "form", "accent", "width", "displaystyle", "scriptlevel", "lspace",
    "rspace", "linethickness", "minsize", "maxsize",
}  # fmt: skip
# How many parts an element has; the library lets the rest of an unfinished \frac go.
_PARTS = {"mfrac": 2, "mroot": 2, "msub": 2, "msup": 2, "mover": 2, "munder": 2, "msubsup": 3, "munderover": 3}
_FUNCTIONS = ("log", "exp", "max", "min", "sup", "inf")
_OPEN, _BARS = ("(", "[", "{", "⟨"), ("|", "‖")


def mathml(latex: str) -> Markup:
    """One formula as a MathML element; what cannot be read stands there as it was written."""
    tree = _tree(latex)
    if tree is None:
        return Markup('<code class="plainmath">{}</code>').format(latex)
    return Markup(ElementTree.tostring(tree, encoding="unicode", short_empty_elements=False))


def parses(latex: str) -> bool:
    """Whether a formula can be shown."""
    return _tree(latex) is not None


def plain(latex: str) -> str:
    """One formula as a line of text that reads the same: ``d/(σ_ξ^2·n)``."""
    tree = _tree(latex)
    return " ".join(latex.split()) if tree is None else _line(tree)


def pieces(text: str) -> Iterator[tuple[bool, str]]:
    """Text in which $...$ is LaTeX, in turn: whether a piece is LaTeX, and the piece."""
    for i, piece in enumerate(re.split(r"\$([^$]+)\$", text)):
        if piece:
            yield i % 2 == 1, piece


@lru_cache(maxsize=1024)
def _tree(latex: str) -> Element | None:
    """The MathML of a formula; None if it is none, or holds what no formula of a report does."""
    if not _balanced(latex):
        return None
    try:
        tree = ElementTree.fromstring(convert(latex))
    except Exception:  # the library knows some twenty errors, and others slip through
        return None
    for element in tree.iter():
        element.tag = element.tag.removeprefix(_SPACE)
        unread = element.tag in ("mi", "mo", "mn") and "\\" in (element.text or "")
        if element.tag not in _ELEMENTS or not set(element.attrib) <= _ATTRIBUTES or unread:
            return None
        if len(element) != _PARTS.get(element.tag, len(element)):
            return None
    for element in list(tree.iter()):
        _set_apart(element)
    return tree


def _balanced(latex: str) -> bool:
    """Whether every brace that groups has its other half."""
    depth = 0
    for brace in re.findall(r"[{}]", re.sub(r"\\.", "", latex, flags=re.S)):
        depth += 1 if brace == "{" else -1
        if depth < 0:
            return False
    return depth == 0


def _set_apart(row: Element) -> None:
    """What the library leaves open: words of upright letters as one, signs as operators, which bar opens and which
    closes, and the space that TeX gives the names of functions."""
    children, open_bars = list(row), set()
    for k, child in enumerate(children):
        text, before = child.text or "", children[k - 1] if k else None
        if child.tag == "mi" and len(text) == 1 and unicodedata.category(text) in ("Sm", "Po") and text not in "∞′":
            child.tag = "mo"
        if child.tag in ("mi", "mo") and text in _FUNCTIONS:
            opened = k + 1 < len(children) and _first(children[k + 1]).text in (*_OPEN, *_BARS)
            space = "0" if opened or row.tag not in ("mrow", "math", "mstyle") else "0.167em"
            child.tag, child.attrib = "mo", {"form": "prefix", "lspace": "0.167em" if k else "0", "rspace": space}
        if row.tag in ("mrow", "math", "mstyle") and (bar := _first(child)).text in _BARS:
            bar.set("form", "postfix" if bar.text in open_bars else "prefix")
            open_bars ^= {bar.text}
        if before is not None and before.get("mathvariant") == "normal":
            if child.get("mathvariant") != "normal" and child.tag != "mn":
                continue
            child.tag, child.attrib = "mi", {"mathvariant": "normal"}
            child.text = (before.text or "") + text
            row.remove(before)


def _only(element: Element) -> Element:
    """An element without what holds nothing beside it."""
    return _only(element[0]) if element.tag in ("mrow", "mstyle") and len(element) == 1 else element


def _first(element: Element) -> Element:
    """The leaf that an element begins with."""
    return _first(element[0]) if len(element) else element


# ---------------------------------------------------------------------------------------------------------------
# As a line of text

_ACCENTS = {"¯": "\u0304", "~": "\u0303", "^": "\u0302", "―": "\u0332"}
_SUPERSCRIPTS = str.maketrans("0123456789−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_SUMS = ("+", "−", "±")
_RELATIONS = ("=", "≠", "≤", "≥", "<", ">", "≈", "≲", "≳", "≍", "≪", "≫", "∈", "⟺", "⟹", "→", ":")


def _line(element: Element) -> str:
    children = list(element)
    match element.tag:
        case "mfrac":
            return f"{_grouped(children[0], product=True)}/{_grouped(children[1])}"
        case "msqrt":
            inside = _row(children)
            return f"√{inside}" if len(inside) == 1 else f"√({inside})"
        case "msup":
            return _line(children[0]) + _raised(children[1])
        case "msub":
            return f"{_line(children[0])}_{_grouped(children[1])}"
        case "msubsup":
            return f"{_line(children[0])}_{_grouped(children[1])}{_raised(children[2])}"
        case "mover" | "munder" if _line(children[1]) in _ACCENTS:
            return _line(children[0]) + _ACCENTS[_line(children[1])]
        case "mspace":
            return " "
        case "mi" | "mn" | "mo" | "mtext":
            return (element.text or "").replace("\xa0", " ")
    return _row(children)


def _row(children: list[Element]) -> str:
    """Factors beside each other, spaces around the signs of sums and relations."""
    said, glued = "", True  # glued: no space belongs before what comes next
    for k, child in enumerate(children):
        text, sign = _line(child), _first(child)
        if _only(child).tag == "mfrac" and k + 1 < len(children) and children[k + 1].tag != "mo":
            text = f"({text})"  # a/b c could be read two ways
        if child.tag == "mo" and (text in _RELATIONS or text in _SUMS):
            unary = text in _SUMS and (k == 0 or children[k - 1].text in (*_RELATIONS, *_OPEN, ","))
            said, glued = said + (" " if said and not (unary and glued) else "") + text, unary
            said += "" if unary else " "
            glued = True
        elif child.tag == "mo" and text in (",", "/", "!"):
            said, glued = said.rstrip() + text + (" " if text == "," else ""), True
        else:
            opens = sign.tag == "mo" and (sign.text in _OPEN or sign.text in _BARS) and sign.get("form") != "postfix"
            closes = sign.tag == "mo" and not opens and sign.text not in _FUNCTIONS and sign.text not in "∑∀∃"
            called = opens and sign.text == "("
            said += ("" if glued or closes or called else " ") + text
            glued = (child.tag == "mo" and opens) or text in ("∀", "∃") or child.tag == "mspace"
    return " ".join(said.split())


def _raised(power: Element) -> str:
    text = _line(power)
    if re.fullmatch(r"\d − \d", text):  # the name of a loss, 0-1, not a difference
        return text.replace(" ", "").translate(_SUPERSCRIPTS)
    if text and set(text) <= set("′″ "):
        return text.replace(" ", "").replace("′′", "″")
    return f"^{_grouped(power)}"


def _grouped(element: Element, product: bool = False) -> str:
    """In brackets, if they are needed: around a sum or a relation, and, unless it may stay, around a product."""
    text = _line(element)
    single = re.fullmatch(r"√?[\w.\u0300-\u036f′*]+|−[\w.]+|[+−]", text)
    inner = re.sub(r"\([^()]*\)|\(.*\)", "", text)
    alone = product and not any(f" {sign} " in inner for sign in (*_SUMS, *_RELATIONS))
    return text if single or alone or re.fullmatch(r"\([^()]*\)", text) else f"({text})"
