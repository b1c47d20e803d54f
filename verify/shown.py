"""Text from outside, such as an argument or a file's name, as it may stand on a terminal and in a command."""

import shlex
from collections.abc import Iterable

COMMAND = "thetacheck"  # how it is called; a file in the working directory cannot stand in for it, as for `-m verify`


def visible(text: object) -> str:
    """On one line, with what a terminal would obey (escape codes, newlines, reversed writing) as ``\\x1b``, ``\\n``."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


def command(arguments: Iterable[str]) -> str:
    """A command line that a shell reads as these arguments, all of it printable."""
    return " ".join(shlex.quote(a) if a.isprintable() else f"$'{_escaped(a)}'" for a in arguments)


def _escaped(argument: str) -> str:
    held = argument.encode("utf-8", "surrogateescape")
    return "".join(chr(b) if 32 <= b < 127 and chr(b) not in "\\'" else f"\\x{b:02x}" for b in held)
