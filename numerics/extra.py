"""Packages of an extra, which need not be installed."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def extra(name: str = "images") -> Iterator[None]:
    """Around the import of a package of the extra ``name``: its absence becomes one line.

    Raises:
        ValueError: it is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as problem:
        raise ValueError(
            f"{problem.name} is not installed: it comes with the extra '{name}'; where thetacheck was cloned to,"
            f" pip install --constraint constraints.txt --editable '.[{name}]'"
        ) from None
