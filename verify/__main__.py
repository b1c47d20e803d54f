"""The command line: ``thetacheck``, or ``python -m verify``."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click

# One thread a process: runs go in parallel, and threads of their linear algebra would only wait for each other.
# Set before NumPy is loaded, and inherited by the workers.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")


def _refuse_strays() -> None:
    """``theory`` is a plain name: a stray theory.py in the working directory must not stand in for ours."""
    import importlib.util

    here = Path(__file__).resolve().parent.parent
    for name in ("theory", "numerics"):
        spec = importlib.util.find_spec(name)
        if not spec or not spec.origin or Path(spec.origin).resolve().parent != here / name:
            where = spec.origin if spec else "nowhere"
            way = "call thetacheck or python -m thetacheck, where it stands in for nothing, or rename it"
            click.echo(f"thetacheck: '{name}' is found at {where}, not in {here}: {way}", err=True)
            sys.exit(2)


_refuse_strays()  # before anything is imported from there, which the commands below do

from verify.cli import cli  # noqa: E402
from verify.cli.common import command_line  # noqa: E402

INTERRUPTED, BROKEN, UNREAD = 130, 70, 141  # exit statuses: as of Ctrl-C, of a fault of ours, of a closed pipe


def main() -> None:
    """Entry point: every mistake of the user is one line on stderr and exit status 2, and every fault of ours 70."""
    with _ended_as_by_ctrl_c():
        status = _status()
    sys.exit(status)


def _status() -> int:
    from verify.processes import Lost
    from verify.shown import COMMAND

    try:
        _require_text(sys.argv[1:])
        return cli.main(prog_name=COMMAND, standalone_mode=False)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as problem:
        return _complain(" ".join(problem.format_message().split()), 2)
    except (KeyboardInterrupt, click.Abort):
        return _complain("interrupted", INTERRUPTED)
    except (BrokenPipeError, SystemExit):  # whoever read what we print is gone; rich and click then exit with 1
        return UNREAD
    except MemoryError:
        return _complain("memory is short: fewer --jobs and smaller sizes need less", 2)
    except (ValueError, OSError, Lost) as problem:
        raw = isinstance(problem, OSError) and problem.filename is not None  # as the system says it, with a number
        return _complain(f"{problem.filename}: {problem.strerror}" if raw else str(problem), 2)
    except Exception as problem:
        return _complain(f"a fault of thetacheck ({type(problem).__name__}); {_traceback_kept()}", BROKEN)


def _complain(text: str, status: int) -> int:
    from verify.shown import visible

    with suppress(OSError):  # a terminal that is gone
        click.echo(f"thetacheck: {visible(text)}", err=True)
    return status


def _traceback_kept() -> str:
    """Where the traceback of what is being handled was written, in words."""
    import tempfile
    import traceback

    held = f"{command_line()}\n\n{traceback.format_exc()}"
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="thetacheck-", suffix=".txt", delete=False, encoding="utf-8", errors="backslashreplace"
        ) as file:
            file.write(held)
        return f"please report it with its traceback, {file.name}"
    except OSError:
        return f"please report it: {' | '.join(held.splitlines())}"


def _require_text(arguments: list[str]) -> None:
    """Raise ``ValueError`` for a name that is no text: reports repeat the command, and could not be written."""
    for given in arguments:
        try:
            given.encode("utf-8")
        except UnicodeEncodeError:
            shown = os.fsencode(given).decode("utf-8", errors="backslashreplace")
            raise ValueError(f"{shown}: is no text in UTF-8; give another name") from None


@contextmanager
def _ended_as_by_ctrl_c() -> Iterator[None]:
    """SIGTERM and SIGHUP, of schedulers and of closed terminals, are what Ctrl-C is: what is finished counts."""
    terminals = [fd for fd in (1, 2) if os.isatty(fd)]

    def end(number: int, frame: Any) -> None:
        for fd in terminals:
            if not os.isatty(fd):  # closed: what is still said goes nowhere, and is no error
                os.dup2(os.open(os.devnull, os.O_WRONLY), fd)
        raise KeyboardInterrupt

    before = {}
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # Ignored is what `nohup` asks for, and stays so.
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            before[number] = signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    main()
