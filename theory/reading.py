"""Numbers for what a paper leaves unnamed: what every paper of this line hides. One adds its own in a subclass."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Numbers for what a paper leaves unnamed. Ours, not the paper's; every one is settable.

    Attributes:
        C: what "a large enough constant" must at least reach, >= 1.
        delta: failure probability, in (0, 1).
        horizon: the factor that T* = Theta~(n m/(eta epsilon sigma_xi^2 d)) hides, > 0. The mean field reaches a loss
            of epsilon at rescaled time 2/epsilon at most, a quarter of it; a run is given up at T*.
        order_one: a coefficient counts as Theta(1) from this value on; it dates T_1.
        labels: of the training set: "balanced", |S_1| = |S_-1| = n/2 and flips exact in number, or "drawn"
            independently.

    Raises:
        ValueError: a number outside its range, with the value and the range.
    """

    paper: ClassVar[str] = ""
    """The name of the paper whose constants these are."""

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {
        "C": (1, 1e12),
        "delta": (1e-30, 1),
        "horizon": (1e-3, 1e9),
        "order_one": (1e-9, 1e6),
    }
    """What each number may be: far beyond its meaning, yet every formula stays in floating point. Excluded are the
    upper ends of probabilities. A pair NAME_low, NAME_high must increase."""

    says: ClassVar[Mapping[str, str]] = {
        "C": "what 'a large enough constant' must reach",
        "delta": "failure probability",
        "horizon": "the factor in T*, the largest iteration considered: T* = horizon n m/(eta epsilon sigma_xi^2 d)",
        "order_one": "a coefficient is of order one from here on",
        "labels": "of training samples: drawn independently, or balanced, with flips exact in number",
    }
    """The same in a few words, for a command line."""

    C: float = 2.0
    delta: float = 0.1
    horizon: float = 8.0
    order_one: float = 0.25
    labels: str = "drawn"

    def __post_init__(self) -> None:
        for name, (low, high) in self.ranges.items():
            value = getattr(self, name)
            if not low <= value <= high or (value == high and high <= 1):
                below = "below" if high <= 1 else "at most"
                raise ValueError(f"{name} = {value}: must be from {low:g} and {below} {high:g}")
        for high in (name for name in self.ranges if name.endswith("_high")):
            low = high.removesuffix("_high") + "_low"
            if not getattr(self, low) < getattr(self, high):
                raise ValueError(f"{low} = {getattr(self, low)}: must be below {high} = {getattr(self, high)}")
        if self.labels not in ("drawn", "balanced"):
            raise ValueError(f"labels = {self.labels!r}: must be drawn or balanced")

    def at(self, values: Mapping[str, float], epsilon: float) -> dict[str, float]:
        """What statements are evaluated at: the ``values`` of a setting, a target loss, and the numbers read here."""
        return {**values, "epsilon": epsilon, "delta": self.delta, "horizon": self.horizon}
