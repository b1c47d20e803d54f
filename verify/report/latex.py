"""Verdicts as LaTeX: fragments for a paper's appendix, which need array, booktabs, longtable, amsmath and amssymb.

Texts of a report hold signs such as κ and ≥, and LaTeX between dollars; here all of it becomes LaTeX that compiles,
whatever a user's own claims are called.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from theory.formulas import parses, pieces
from verify.report.common import spoken
from verify.report.words import evidence, expectation, measured, source, where
from verify.study import Outcome

PACKAGES = ("array", "booktabs", "longtable", "amsmath", "amssymb", "graphicx")

_SIGNS = {
    "≤": r"\leq", "≥": r"\geq", "≠": r"\neq", "≈": r"\approx", "≲": r"\lesssim", "≳": r"\gtrsim", "≍": r"\asymp",
    "≪": r"\ll", "≫": r"\gg", "∝": r"\propto", "∈": r"\in", "∉": r"\notin", "∀": r"\forall", "∃": r"\exists",
    "⟺": r"\Longleftrightarrow", "⟹": r"\Longrightarrow", "→": r"\to", "↦": r"\mapsto", "∞": r"\infty",
    "−": "-", "×": r"\times", "·": r"\cdot", "±": r"\pm", "√": r"\surd", "∑": r"\sum", "∫": r"\int", "∂": r"\partial",
    "‖": r"\Vert", "⟨": r"\langle", "⟩": r"\rangle", "′": "'", "″": "''", "ℓ": r"\ell", "ℝ": r"\mathbb{R}",
    "✓": r"\checkmark", "✗": r"\times", "○": r"\circ", "∥": r"\Vert",
}  # fmt: skip
_ACCENTS = {"\u0304": r"\bar", "\u0303": r"\tilde", "\u0302": r"\hat", "\u0332": r"\underline"}
_TEXT = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "%": r"\%", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': "''", "–": "--", "—": "---", "…": r"\ldots{}", "“": "``", "”": "''",
    "‘": "`", "’": "'", "\u00a0": "~", "/": r"/\allowbreak{}",
    "[": "{[}", "]": "{]}",  # a row that began with [ would be read as a distance
}  # fmt: skip


_RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n", strict=True))
_LOWERED = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋", "0123456789+-", strict=True))


def formula(latex: str) -> str:
    r"""One formula between dollars; what the pages cannot show either, such as ``\input``, as it was written."""
    if not parses(latex):
        return rf"\texttt{{{_plain(latex)}}}"
    inner = re.sub(r"(?<!\\)([%#$])", r"\\\1", latex)  # a comment would end the line with all that follows it
    if "\\begin" not in inner:
        inner = re.sub(r"(?<!\\)&", r"\\&", inner)
    return f"${_mathematics(' '.join(inner.split()), escaped=True)}$"


def sentence(text: str) -> str:
    """A text in which $...$ is LaTeX and everything else stands for itself."""
    return _joined(pieces(text))


def readable(text: str) -> str:
    """The same where names of the paper stand for its symbols."""
    return _joined(spoken(text))


def name(text: str) -> str:
    """A dotted name in typewriter, which may be broken after its dots, dashes and underscores."""
    broken = re.sub(r"(\.|-|\\_)", r"\1\\allowbreak{}", _plain(text))
    return rf"\texttt{{{broken}}}"


def verdict_tables(outcome: Outcome) -> str:
    """Every theorem and every claim of an outcome with its verdict, as LaTeX tables: a fragment to ``\\input``."""
    tables = [table for table in (_theorems(outcome), _claims(outcome)) if table]
    head = f"% Needs \\usepackage{{{','.join(PACKAGES[:-1])}}}, and one column: a longtable breaks over pages.\n"
    return head + "\n".join(tables)


def _theorems(outcome: Outcome) -> str:
    rows = []
    for a in outcome.answers:
        told = f"{sentence(a.told)}; {sentence(evidence(a))}"
        if str(a.status) != "SUPPORTED":
            told += f"; {readable(a.reason)}"
        rows.append((name(a.theorem.name), a.labels, verdict(a.status), told))
    return _longtable(("Theorem", "Labels", "Verdict", "Constants and evidence"), (0.19, 0.1, 0.14, 0.5), [("", rows)])


def _claims(outcome: Outcome) -> str:
    parts: dict[bool, list[tuple[str, ...]]] = {False: [], True: []}
    for v in outcome.verdicts:
        formulas = r"\newline ".join(formula(f) for f in re.split(r",\s*\\quad\s*", v.claim.latex))
        said = f"{name(v.claim.name)}\\newline {{\\footnotesize {sentence(where(source(v.claim).reference))}}}"
        status = verdict(v.status) + (f"\\newline {sentence(expectation(v))}" if v.claim.contrast else "")
        parts[v.claim.contrast].append((said, formulas, r"\newline ".join(map(sentence, measured(v))), status))
    titled = [("", parts[False]), ("Contrasts: expected to fail", parts[True])]
    return _longtable(("Claim", "Predicted", "Measured", "Verdict"), (0.23, 0.33, 0.22, 0.15), titled)


def verdict(status: object) -> str:
    """A verdict in small capitals."""
    return rf"\textsc{{{str(status).lower()}}}"


def _longtable(
    headings: Sequence[str], widths: Sequence[float], parts: Iterable[tuple[str, list[tuple[str, ...]]]]
) -> str:
    """A booktabs table that breaks over pages, whose parts may have titles; empty where there is no row."""
    parts = [part for part in parts if part[1]]
    if not parts:
        return ""
    columns = "".join(rf">{{\raggedright\arraybackslash}}p{{{width:g}\linewidth}}" for width in widths)
    head = " & ".join(rf"\textbf{{{h}}}" for h in headings) + r" \\"
    lines = [
        r"\begingroup\small\setlength{\tabcolsep}{4pt}",
        rf"\begin{{longtable}}{{@{{}}{columns}@{{}}}}",
        rf"\toprule {head} \midrule \endfirsthead",
        rf"\toprule {head} \midrule \endhead",
        r"\bottomrule \endfoot",
    ]
    for title, rows in parts:
        if title:
            lines.append(rf"\midrule \multicolumn{{{len(headings)}}}{{@{{}}l}}{{\textbf{{{title}}}}} \\ \midrule")
        lines += [" & ".join(cells) + r" \\" for cells in rows]
    return "\n".join([*lines, r"\end{longtable}", r"\endgroup", ""])


# ---------------------------------------------------------------------------------------------------------------
# Signs


def _joined(said: Iterable[tuple[bool, str]]) -> str:
    return "".join(formula(piece) if latex else _words(piece) for latex, piece in said)


def _words(text: str) -> str:
    """A text without LaTeX: a token of symbols as mathematics, the rest with its signs escaped."""
    text = re.sub(r"\[([^\[\],\s]+), ([^\[\],\s]+)\](?!\S)", "[\\1,\u00a0\\2]", text)  # an interval stays together
    return "".join(map(_token, re.split(r"([ \t\n]+)", text)))


def _token(token: str) -> str:
    if not token.strip():
        return " " if token else ""
    core = token.rstrip(",;:.")
    symbols = any(_symbol(c) for c in core) or re.fullmatch(r"[B-HJ-Zb-z](_\w)?", core)
    if symbols and not re.search(r"[A-Za-z]{3}", core) and all(_known(c) for c in core):
        return f"${_mathematics(core)}${token[len(core) :]}"
    return _plain(token)


def _symbol(sign: str) -> bool:
    return bool(_greek(sign)) or sign in _SIGNS or sign in _RAISED or sign in _LOWERED or sign in _ACCENTS


def _known(sign: str) -> bool:
    return _symbol(sign) or (sign.isascii() and sign not in "\\{}$&%#~^\"'`")


def _greek(sign: str) -> str:
    """The command of a Greek letter, or nothing."""
    called = unicodedata.name(sign, "")
    found = re.fullmatch(r"GREEK (SMALL|CAPITAL) LETTER ([A-Z]+)", called)
    if not found:
        return ""
    kind, letter = found.groups()
    letter = {"FINAL": "SIGMA", "LAMDA": "LAMBDA"}.get(letter, letter)
    if letter == "OMICRON":
        return "o" if kind == "SMALL" else "O"
    capitals = ("GAMMA", "DELTA", "THETA", "LAMBDA", "XI", "PI", "SIGMA", "UPSILON", "PHI", "PSI", "OMEGA")
    if kind == "CAPITAL" and letter not in capitals:
        return unicodedata.normalize("NFKD", sign) if sign.isascii() else rf"\mathrm{{{letter[0]}}}"
    return f"\\{letter.lower() if kind == 'SMALL' else letter.capitalize()}"


def _mathematics(text: str, escaped: bool = False) -> str:
    """Signs as commands, within dollars; ``escaped``: what is ASCII is LaTeX already."""
    found: list[str] = []
    for run in _runs(unicodedata.normalize("NFD", text)):
        sign = run[0]
        if sign in _ACCENTS:
            base = found.pop() if found else "{}"
            found.append(f"{_ACCENTS[sign]}{{{base.strip()}}}")
        elif sign in _RAISED:
            found.append(f"^{{{''.join(_RAISED[c] for c in run)}}}")
        elif sign in _LOWERED:
            found.append(f"_{{{''.join(_LOWERED[c] for c in run)}}}")
        elif sign == "_" and len(run) > 1:
            found.append(f"_{{{_mathematics(run[1:])}}}")
        elif command := _greek(sign) or _SIGNS.get(sign, ""):
            found.append(f"{command} " if command[:1] == "\\" else command)
        elif sign.isascii():
            found.append(sign if escaped else {"_": r"\_"}.get(sign, sign))
        else:
            found.append(rf"\text{{{_plain(sign)}}}")
    return "".join(found)


def _runs(text: str) -> Iterator[str]:
    """Raised and lowered digits together, an underscore with what stands below it, every other sign alone."""
    raised, lowered = "".join(_RAISED), "".join(_LOWERED)
    yield from re.findall(rf"[{re.escape(raised)}]+|[{re.escape(lowered)}]+|_[^\W\d_A-Za-z]|_\w|.", text, flags=re.S)


def _plain(text: str) -> str:
    """Text that stands for itself."""
    found = []
    for run in _runs(unicodedata.normalize("NFC", text)):
        sign = run[0]
        if sign == "_":
            found.append(r"\_" + _plain(run[1:]))
        elif sign in _TEXT:
            found.append(_TEXT[sign])
        elif sign.isascii():
            found.append(run if sign.isprintable() else " ")
        elif _symbol(sign):
            found.append(f"${_mathematics(run).strip()}$")
        elif _latin(sign):
            found.append(run)
        else:  # no font of every LaTeX has it
            found.append(f"{{[}}U+{ord(sign):04X}{{]}}")
    return "".join(found)


def _latin(sign: str) -> bool:
    """A letter with an accent, which every LaTeX of today reads."""
    base, *accents = unicodedata.normalize("NFD", sign)
    return sign in "ßæœøłÆŒØŁ" or (base.isascii() and base.isalpha() and "".join(accents) in _LETTERS)


_LETTERS = tuple("\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327")
