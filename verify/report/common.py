"""What every report shares: words and numbers, pages from templates, saving whole or not at all, the terminal."""

import base64
import gc
import io
import json
import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup, escape
from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn
from rich.segment import Segment
from rich.text import Text

from theory import Condition
from theory.formulas import mathml, pieces, plain
from theory.statements import tex
from verify.draw import Picture
from verify.notation import MU, names
from verify.shown import visible

CELL_INTERVAL = 0.3  # seconds between lines of progress in a notebook
PIPE_INTERVAL = 10.0  # seconds between lines of progress where there is no terminal
NOTHING = Markup("")
TEMPLATES = Path(__file__).parent.parent / "templates"


@contextmanager
def without_collector() -> Iterator[None]:
    """Figures are many small objects in cycles; looking for them among all others took a tenth of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def dumps(held: Any) -> str:
    return json.dumps(strict(held), indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def strict(value: Any) -> Any:
    """Plain JSON values; what is not a finite number becomes null."""
    if isinstance(value, Mapping):
        return {str(k): strict(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [strict(v) for v in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return value if value is None else str(value)


def letter(index: int) -> str:
    return chr(ord("A") + index) if index < 26 else f"A{index}"


VECTOR = r"\boldsymbol{\mu}"  # mu in a sentence; in a formula the symbol is its length


def spoken(text: str, mu: str = MU) -> Iterator[tuple[bool, str]]:
    """A sentence, in which $...$ is LaTeX and names of the paper stand for its symbols, in turn: whether a piece is
    LaTeX, and the piece. Names alone are replaced: nothing is made a formula that was not written as one."""
    known = names() | {"mu": mu}
    for latex, piece in pieces(text):
        if latex:
            yield True, piece
            continue
        for i, part in enumerate(re.split(r"(?<!\w)(tau_[+-](?!\w)|[A-Za-z]\w*)", piece.replace("y~", "ỹ"))):
            if i % 2 and part in known:
                yield True, known[part]
            elif part:
                yield False, part if i % 2 else _signs(part)


def _signs(text: str) -> str:
    text = text.replace("<=", "≤").replace(">=", "≥").replace(" - ", " − ")
    return re.sub(r"(?<![\w−])-(?=\d)", "−", text)


def readable(text: str, mu: str = MU) -> str:
    """A sentence in the paper's notation, as far as plain text goes."""
    return "".join(plain(piece) if latex else piece for latex, piece in spoken(text, mu))


def prose(text: str) -> str:
    """As :func:`readable`, of a sentence in which mu is the vector."""
    return readable(text, VECTOR)


def stated(condition: Condition) -> str:
    """What a condition says, as a line of text."""
    return plain(tex(condition.statement))


def duration(seconds: float) -> str:
    """In the two largest units that matter."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def shortened(text: str, width: int) -> str:
    text = re.sub(r"\s+", " ", text).strip()
    return text if len(text) <= width else text[: width - 1].rstrip(" ,;:") + "…"


def _environment(html: bool) -> jinja2.Environment:
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=html,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    env.filters |= {"short": shortened}
    return env


def html_page(template: str, title: str, context: Mapping[str, Any], scripts: Markup = NOTHING) -> str:
    """A page that needs no other file: a template of its body, filled in, and what it does beside being read."""

    def drawn(said: Iterable[tuple[bool, str]]) -> Markup:
        return Markup("").join(mathml(piece) if latex else escape(piece) for latex, piece in said)

    def plot(picture: Picture) -> Markup:
        data = base64.b64encode(_lean(picture.svg).encode()).decode()
        image = '<div class="plot" data-points="{}"><img src="data:image/svg+xml;base64,{}" alt="{}"></div>'
        return Markup(image).format(picture.name, Markup(data), picture.alt)

    def breakable(name: str) -> Markup:
        """A dotted name that may wrap after its dots and dashes."""
        return Markup(re.sub(r"([.\-_])", r"\1<wbr>", str(escape(name))))

    env = _environment(html=True)
    env.filters |= {
        "math": mathml, "plot": plot, "breakable": breakable,
        "caption": lambda text: drawn(pieces(text)),
        "readable": lambda text: drawn(spoken(text)),
        "prose": lambda text: drawn(spoken(text, VECTOR)),
    }  # fmt: skip
    style = Markup((TEMPLATES / "style.css").read_text(encoding="utf-8"))
    body = Markup(_together(env.get_template(template).render(**context)))
    return env.get_template("page.html").render(title=title, style=style, body=body, scripts=scripts)


def _together(page: str) -> str:
    """With intervals that are not broken over two lines."""
    return re.sub(r"\[([−+\d.][^\s\[\]]*), ([−+\d.][^\s\[\]]*)\]", "[\\1,\u00a0\\2]", page)


def _lean(svg: str) -> str:
    """Without the XML head and metadata, which no browser needs here."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    return re.sub(r">\s+<", "><", svg)


def cell(text: object) -> str:
    """Text that neither ends a Markdown table cell nor becomes markup."""
    clean = re.sub(r"\s", " ", str(text)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]#|~$])", r"\\\1", clean)


def _inline(latex: str) -> str:
    """LaTeX within a line of Markdown, in which nothing can be read as HTML, as code or as the end of a cell."""
    for sign, command in ((r"\|", r"\Vert "), ("|", r"\vert "), ("<", r"\lt "), (">", r"\gt "), ("`", "'"), ("$", "")):
        latex = latex.replace(sign, command)
    return f"${' '.join(latex.split())}$"


def code(text: object) -> str:
    """Text as code within a line of Markdown."""
    return "`" + " ".join(str(text).split()).replace("`", "'") + "`"


def csv(frame: pd.DataFrame, **options: Any) -> str:
    """A table as CSV. A text that a spreadsheet would run as a formula begins with an apostrophe; numbers stay."""
    held = frame.copy(deep=False)
    for k, column in enumerate(frame.columns):
        if not pd.api.types.is_numeric_dtype(frame.dtypes.iloc[k]):
            held.isetitem(k, frame[column].map(_inert))
    return held.rename(columns=_inert).to_csv(index=False, lineterminator="\n", **options)


def _inert(value: Any) -> Any:
    if not isinstance(value, str) or value[:1] not in ("=", "+", "-", "@", "\t", "\r"):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def markdown(template: str, context: Mapping[str, Any]) -> str:
    env = _environment(html=False)

    def written(said: Iterable[tuple[bool, str]]) -> str:
        return "".join(_inline(piece) if latex else cell(piece) for latex, piece in said)

    env.filters |= {
        "cell": cell, "tex": _inline, "code": code,
        "caption": lambda text: written(pieces(text)),
        "readable": lambda text: written(spoken(text)),
        "prose": lambda text: written(spoken(text, VECTOR)),
    }  # fmt: skip
    return env.get_template(template).render(**context)


def open_console(to: Any = None) -> Console:
    stream = sys.stdout if to is None else to
    # A terminal that cannot show κ gets a question mark, not a traceback.
    if isinstance(stream, io.TextIOWrapper) and "utf" not in stream.encoding.lower():
        stream.reconfigure(errors="replace")
    return _Console(file=stream, highlight=False, markup=False, emoji=False)


class _Console(Console):
    """Shows what text from outside holds of escape codes instead of passing them on."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield Segment("\n".join(map(visible, segment.text.split("\n"))), segment.style)


class Remaining:
    """When work will be done, from how much of it is: unknown until a tenth is, since what runs meanwhile is not seen.

    Args:
        work: all there is, in any unit that time is proportional to.
        start: seconds of a monotonic clock.
    """

    def __init__(self, work: float, start: float) -> None:
        self.work, self.start, self.done, self.end = work, start, 0.0, math.inf

    def ended(self, work: float, now: float, kept: bool = False) -> None:
        """Some of it is done, or was before the start, if it was ``kept``."""
        if kept:
            self.work -= work
        else:
            self.done += work
        if self.done >= self.work / 10 and self.done:
            self.end = now + (now - self.start) * max(self.work / self.done - 1, 0)

    def said(self, now: float) -> str:
        return "time left not known yet" if self.end == math.inf else f"about {duration(max(self.end - now, 0))} left"


class _Left(ProgressColumn):
    def __init__(self, remaining: Remaining) -> None:
        super().__init__()
        self.remaining = remaining

    def render(self, task: Any) -> Text:
        return Text(self.remaining.said(monotonic()))


class _Cell:
    """The output of a notebook's cell, in which a line of progress takes the place of the one before; none is left.

    Rich would need a package of widgets there.
    """

    def __init__(self, display: Callable[..., Any]) -> None:
        self._handle = display({"text/plain": "starting"}, raw=True, display_id=True)
        self._told, self._done = 0.0, 0

    def __enter__(self) -> "_Cell":
        return self

    def __exit__(self, *_: object) -> None:
        self._handle.update({"text/plain": ""}, raw=True)

    def advance(
        self, total: int, what: str, remaining: Remaining, ended: int = 1, work: float | None = None, kept: bool = False
    ) -> None:
        now = monotonic()
        self._done += ended
        remaining.ended(ended if work is None else work, now, kept)
        if now - self._told < CELL_INTERVAL:
            return
        self._told = now
        said = f"{self._done} of {total} {what}, {duration(now - remaining.start)} gone, {remaining.said(now)}"
        bar = Markup('<progress max="{}" value="{}"></progress> {}').format(total, self._done, said)
        self._handle.update({"text/plain": said, "text/html": bar}, raw=True)


def _cell() -> _Cell | None:
    """Where this runs in a notebook's kernel; a terminal of IPython is one like others."""
    asked = sys.modules.get("IPython")
    if asked is None or not hasattr(asked.get_ipython(), "kernel"):
        return None
    return _Cell(asked.display.display)


@contextmanager
def progress(
    total: int, quiet: bool, what: str = "settings", work: float | None = None
) -> Iterator[Callable[..., None]]:
    """Progress of ``total`` jobs on stderr.

    Args:
        total: how many.
        quiet: say nothing.
        what: they are called.
        work: of all of them, where some take longer than others.

    Yields:
        what is to be called as ``advance(ended=1, work=ended, kept=False)``: how many have ended, how much work that
        was, and whether it had been done before.
    """
    if quiet or total == 0:
        yield lambda ended=1, work=None, kept=False: None
        return
    console = open_console(sys.stderr)
    remaining = Remaining(total if work is None else work, monotonic())
    if (cell := _cell()) is not None:
        with cell:
            yield partial(cell.advance, total, what, remaining)
        return
    if console.is_terminal:
        columns = (
            TextColumn("running"), BarColumn(), MofNCompleteColumn(), TextColumn(f"{what},"), TimeElapsedColumn(),
            TextColumn("gone,"), _Left(remaining),
        )  # fmt: skip
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task("", total=total)

            def advance(ended: int = 1, work: float | None = None, kept: bool = False) -> None:
                remaining.ended(ended if work is None else work, monotonic(), kept)
                bar.advance(task, ended)

            yield advance
        return
    told = remaining.start
    done = 0

    def tick(ended: int = 1, work: float | None = None, kept: bool = False) -> None:
        nonlocal done, told
        done += ended
        now = monotonic()
        remaining.ended(ended if work is None else work, now, kept)
        if now - told >= PIPE_INTERVAL:
            told = now
            gone = duration(now - remaining.start)
            console.print(f"{done} of {total} {what}, {gone} gone, {remaining.said(now)}", soft_wrap=True)

    yield tick


def indented(console: Console, text: str | Text, columns: int = 2) -> None:
    """Wrapped to the width, some columns in, without the padding that would trail in a pipe."""
    body = Text(text) if isinstance(text, str) else text
    for line in body.wrap(console, max(console.width - columns, 20)):
        line.rstrip()
        console.print(Text(" " * columns).append_text(line), soft_wrap=True)
