"""The witness: the paper's network, its data and its gradient descent, in numbers.

Nothing here knows what the paper claims; ``theory`` is never imported.
"""

from numerics.engine import Event, Trajectory, train
from numerics.model import Sample, Setting, TwoLayerCNN
from numerics.observables import OBSERVABLES, Observable
from numerics.reference import train_reference
from numerics.sampling import draw
from numerics.series import SERIES
from numerics.state import State

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
