"""What every report shares: words and numbers, pages from templates, saving whole or not at all, the terminal."""

import base64
import gc
import io
import json
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup, escape
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from theory import Band, Condition
from verify.figures import Formulas, Picture, plain
from verify.folder import write_whole

PIPE_INTERVAL = 10.0  # seconds between lines of progress where there is no terminal
TEMPLATES = Path(__file__).parent.parent / "templates"


save = write_whole  # where nothing says yet which files are ours


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


def number(value: float) -> str:
    """Three digits."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if abs(value) < 1e5 and (value == int(value) or abs(value) >= 1e3):
        return f"{value:.0f}".replace("-", "−")
    return re.sub(r"e([+-])0*(\d+)", lambda x: f"e{x[1].replace('+', '')}{x[2]}", f"{value:.3g}").replace("-", "−")


def signed(value: float, digits: int | None = None) -> str:
    text = f"{value:+g}" if digits is None else f"{value:+.{digits}f}"
    if not float(text):
        return text.lstrip("+-") if digits else "0"
    return text.replace("-", "−")


def interval(held: Mapping[str, float], sign: bool = False) -> str:
    if sign:
        return f"{signed(held['value'], 2)} [{signed(held['low'], 2)}, {signed(held['high'], 2)}]"
    return f"{number(held['value'])} [{number(held['low'])}, {number(held['high'])}]"


_SYMBOLS = {
    "mu": "‖μ‖", "sigma_xi": "σ_ξ", "sigma_0": "σ_0", "eta": "η", "tau_plus": "τ_+", "tau_minus": "τ_−", "tau": "τ",
    "epsilon": "ε", "delta": "δ", "T_star": "T_*", "kappa": "κ", "gamma": "γ", "rho": "ρ", "alpha": "α", "beta": "β",
    "sigma": "σ", "Theta": "Θ",
}  # fmt: skip


def symbol(name: str) -> str:
    return _SYMBOLS.get(name, name)


def readable(text: str, mu: str = "‖μ‖") -> str:
    """A sentence in the paper's notation, as far as plain text goes; in prose mu is the vector, in a law its length."""
    text = re.sub(r"\b[A-Za-z_]\w*\b", lambda x: mu if x[0] == "mu" else symbol(x[0]), text)
    text = text.replace("<=", "≤").replace(">=", "≥").replace("**", "^").replace("y~", "ỹ").replace(" - ", " − ")
    text = re.sub(r"\btau_([+-])(?!\w)", lambda x: f"τ_{x[1].replace('-', '−')}", text)
    text = re.sub(r"\((\d)-(\d)", r"(\1−\2", text)
    text = re.sub(r"(?<=[\w)‖*])\*(?=[\w(‖])", "·", text)
    text = re.sub(r"(?<=\d)e\+0*(\d+)", r"e\1", text)
    return re.sub(r"(?<![\w−])-(?=\d)", "−", text)


def prose(text: str) -> str:
    return readable(text, mu="μ")


def stated(condition: Condition) -> str:
    """What a condition says, as a line of text."""
    held = condition.statement
    if isinstance(held, Band):
        return readable(f"{held.low:g} <= {held.expression} <= {held.high:g}")
    return readable(f"{held.lhs} {held.rel_op if held.rel_op != '==' else '='} {held.rhs}")  # type: ignore[union-attr]


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
    env.filters |= {"short": shortened, "readable": readable, "prose": prose}
    return env


def html_page(template: str, title: str, context: Mapping[str, Any]) -> str:
    """A page that needs no other file: a template of its body, filled in."""
    formulas = Formulas()

    def math_(latex: str) -> Markup:
        drawn = formulas.draw(latex)
        return Markup(f'<span class="plainmath">{escape(plain(latex))}</span>') if drawn is None else Markup(drawn)

    def caption(text: str) -> Markup:
        """Text in which $...$ is a formula."""
        pieces = re.split(r"\$([^$]+)\$", text)
        return Markup("").join(math_(x) if i % 2 else escape(x) for i, x in enumerate(pieces))

    def data(picture: Picture) -> Markup:
        return Markup("data:image/svg+xml;base64," + base64.b64encode(_lean(picture.svg).encode()).decode())

    def typeset(text: str) -> Markup:
        """Short text with powers, indices and powers of ten set as such."""
        body = re.sub(r"(\d(?:\.\d+)?)e([-−+]?)0*(\d+)", _power, str(escape(text)))
        body = re.sub(r"\^\(?([-+−]?[\w.*/]+)\)?", lambda x: f"<sup>{x[1].replace('-', '−')}</sup>", body)
        return Markup(re.sub(r"(?<![\w>])([A-Za-zστỹ])_([\wξ+−*])(?!\w)", r"\1<sub>\2</sub>", body))

    def breakable(name: str) -> Markup:
        """A dotted name that may wrap after its dots and dashes."""
        return Markup(re.sub(r"([.\-_])", r"\1<wbr>", str(escape(name))))

    env = _environment(html=True)
    env.filters |= {"math": math_, "caption": caption, "data": data, "breakable": breakable, "typeset": typeset}
    style = Markup((TEMPLATES / "style.css").read_text(encoding="utf-8"))
    body = Markup(env.get_template(template).render(**context))
    return env.get_template("page.html").render(
        title=title, style=style, body=body, glyphs=Markup(formulas.definitions())
    )


def _power(found: re.Match[str]) -> str:
    digits, sign, power = found.groups()
    front = "" if digits == "1" else f"{digits}×"
    return f"{front}10<sup>{sign.replace('-', '−').replace('+', '')}{power}</sup>"


def _lean(svg: str) -> str:
    """Without the XML head and metadata, which no browser needs here."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    return re.sub(r">\s+<", "><", svg)


def cell(text: object) -> str:
    """Text that neither ends a Markdown table cell nor becomes markup."""
    clean = re.sub(r"\s+", " ", str(text)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]#|~$])", r"\\\1", clean)


def markdown(template: str, context: Mapping[str, Any]) -> str:
    env = _environment(html=False)

    def tex(latex: str) -> str:
        return (
            "$" + re.sub(r"\s+", " ", latex).replace("$", "").replace("|", r"\vert ").replace(r"\\vert", r"\Vert") + "$"
        )

    env.filters |= {"cell": cell, "tex": tex}
    return env.get_template(template).render(**context)


def open_console(to: Any = None) -> Console:
    stream = sys.stdout if to is None else to
    # A terminal that cannot show κ gets a question mark, not a traceback.
    if isinstance(stream, io.TextIOWrapper) and "utf" not in stream.encoding.lower():
        stream.reconfigure(errors="replace")
    return Console(file=stream, highlight=False, markup=False, emoji=False)


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


def announce(text: str, quiet: bool) -> None:
    """What is being done, on stderr."""
    if not quiet:
        open_console(sys.stderr).print(text, soft_wrap=True)


def indented(console: Console, text: str | Text) -> None:
    """Wrapped to the width, two columns in, without the padding that would trail in a pipe."""
    body = Text(text) if isinstance(text, str) else text
    for line in body.wrap(console, max(console.width - 2, 20)):
        line.rstrip()
        console.print(Text("  ").append_text(line), soft_wrap=True)
