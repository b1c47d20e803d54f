"""Text from outside, such as an argument or a file's name, as it may stand on a terminal and in a command."""

import re
import shlex
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

COMMAND = "thetacheck"  # how it is called; a file in the working directory cannot stand in for it, as for `-m verify`


def visible(text: object) -> str:
    """On one line, with what a terminal would obey (escape codes, newlines, reversed writing) as ``\\x1b``, ``\\n``."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


@contextmanager
def in_python() -> Iterator[None]:
    """What goes wrong meanwhile speaks of a function's arguments, where the command line has options."""
    try:
        yield
    except (ValueError, OSError, RuntimeError) as problem:
        if len(problem.args) == 1 and isinstance(problem.args[0], str):
            problem.args = (as_arguments(problem.args[0]),)
        raise


_CALLED = {"out": "folder"}  # an option whose argument has another name


def as_arguments(message: str) -> str:
    """``--out X: ...; lower --C`` as ``folder = X: ...; lower C=``; a command in backquotes stays one."""

    def name(option: str) -> str:
        return _CALLED.get(option, option.replace("-", "_"))

    message = re.sub(r"^--resume (.*?): ", r"folder = \1: ", message)
    message = re.sub(r"^--([A-Za-z][A-Za-z-]*) (.*?): ", lambda found: f"{name(found[1])} = {found[2]}: ", message)
    message = re.sub(r"go on with --resume .*", "go on with resume=True", message)
    words = re.split(r"(`[^`]*`)", message)
    words[::2] = [
        re.sub(r"(?<!\S)--([A-Za-z][A-Za-z-]*)", lambda found: f"{name(found[1])}=", word) for word in words[::2]
    ]
    return "".join(words)


def command(arguments: Iterable[str]) -> str:
    """A command line that a shell reads as these arguments, all of it printable."""
    return " ".join(shlex.quote(a) if a.isprintable() else f"$'{_escaped(a)}'" for a in arguments)


def _escaped(argument: str) -> str:
    held = argument.encode("utf-8", "surrogateescape")
    return "".join(chr(b) if 32 <= b < 127 and chr(b) not in "\\'" else f"\\x{b:02x}" for b in held)
