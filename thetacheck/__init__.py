"""Checks theorems of deep-learning theory against real gradient descent: what a notebook or a script needs of it.

Everything here lies in one of three packages: ``theory`` (what is claimed), ``numerics`` (what happens) and ``verify``
(what the one says of the other), where it is documented.
"""

import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numerics import OBSERVABLES, SERIES, Event, Observable, Sample, Setting, Trajectory, draw, train
    from theory import (
        AtLeast,
        AtMost,
        Band,
        Claim,
        Condition,
        Crossing,
        Exactly,
        Source,
        Theta,
        Within,
    )
    from theory.orders import Order, Premise, consistent, entails, premises
    from theory.papers import papers
    from thetacheck.once import Outcome, verify
    from thetacheck.plots import plot
    from verify.model import around

_PLACES = {
    "numerics": ("OBSERVABLES", "SERIES", "Event", "Observable", "Sample", "Setting", "Trajectory", "draw", "train"),
    "theory": (
        "AtLeast", "AtMost", "Band", "Claim", "Condition", "Crossing", "Exactly", "Source", "Theta", "Within",
    ),
    "theory.orders": ("Order", "Premise", "consistent", "entails", "premises"),
    "theory.papers": ("papers",),
    "verify.model": ("around",),
    "thetacheck.once": ("Outcome", "verify"),
    "thetacheck.plots": ("plot",),
}  # fmt: skip
_PLACE_OF = {name: place for place, names in _PLACES.items() for name in names}

__all__ = [
    "OBSERVABLES",
    "SERIES",
    "AtLeast",
    "AtMost",
    "Band",
    "Claim",
    "Condition",
    "Crossing",
    "Event",
    "Exactly",
    "Observable",
    "Order",
    "Outcome",
    "Premise",
    "Sample",
    "Setting",
    "Source",
    "Theta",
    "Trajectory",
    "Within",
    "around",
    "consistent",
    "draw",
    "entails",
    "papers",
    "plot",
    "premises",
    "train",
    "verify",
]


HERE = Path(__file__).resolve().parent.parent
_PACKAGES = ("theory", "numerics", "verify")


def _ours_first() -> None:
    """These are plain names: a ``verify.py`` beside a notebook or a script must not stand in for ours, nor in workers,
    which search where their parent does."""
    known = [name for package in _PACKAGES for name in (package, f"{package}.py")]
    for i, place in enumerate(sys.path):
        if any(Path(place, name).exists() for name in known):
            if Path(place).resolve() != HERE:
                sys.path.insert(i, str(HERE))
            return


def _require_ours() -> None:
    """Raise ``ImportError`` where one of these names was taken before we were asked."""
    for name in _PACKAGES:
        held = getattr(sys.modules.get(name), "__file__", None)
        if name in sys.modules and (held is None or Path(held).resolve().parent != HERE / name):
            raise ImportError(
                f"a module of another, {held or name}, was imported as '{name}', which thetacheck needs for its own:"
                " rename it, or import thetacheck first"
            )


_ours_first()
_require_ours()


def __getattr__(name: str) -> Any:
    if name not in _PLACE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACE_OF[name]), name)


def __dir__() -> list[str]:
    return __all__
