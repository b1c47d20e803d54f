"""The witness: the paper's network, its data and its gradient descent, in numbers.

Nothing here knows what the paper claims; ``theory`` is never imported.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numerics.engine import train
    from numerics.model import Sample, Setting
    from numerics.observables import OBSERVABLES, Observable
    from numerics.reference import TwoLayerCNN, train_reference
    from numerics.sampling import draw
    from numerics.series import SERIES
    from numerics.state import State
    from numerics.trajectory import Event, Trajectory

# Where each name comes from. Loaded when it is asked for: torch takes seconds, and what only names things needs none.
_PLACES = {
    "engine": ("train",),
    "model": ("Sample", "Setting"),
    "observables": ("OBSERVABLES", "Observable"),
    "reference": ("TwoLayerCNN", "train_reference"),
    "sampling": ("draw",),
    "series": ("SERIES",),
    "state": ("State",),
    "trajectory": ("Event", "Trajectory"),
}
_PLACE_OF = {name: place for place, names in _PLACES.items() for name in names}

__all__ = [
    "OBSERVABLES",
    "SERIES",
    "Event",
    "Observable",
    "Sample",
    "Setting",
    "State",
    "Trajectory",
    "TwoLayerCNN",
    "draw",
    "train",
    "train_reference",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACE_OF[name]}"), name)
