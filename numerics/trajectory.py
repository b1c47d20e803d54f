"""What a batch of runs did: recorded series, the moments that came, and the coefficients there.

Nothing here needs torch before a state is asked for, so that what only names series and moments is there at once.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from numerics.model import Sample, Setting

if TYPE_CHECKING:
    from numerics.course import Weights
    from numerics.state import Batch, State

SHOWN = 12  # runs, where one is listed after the other
RATIO = 1.05  # of successive recording times: a stage time is known to within 5 %


@dataclass(frozen=True, kw_only=True)
class Event:
    """The first recorded time at which a series reaches a value; the coefficients there are kept.

    Attributes:
        series: name of a recorded series.
        value: what it must reach: one number, or one per run.
        falling: reach it from above instead of from below.

    Raises:
        ValueError: a field is of another kind.
    """

    series: str
    value: float | Sequence[float]
    falling: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.series, str):
            raise ValueError(f"Event, series {self.series!r}: must be the name of a series, e.g. 'loss'")
        try:
            if np.asarray(self.value).dtype.kind not in "iuf":
                raise ValueError
        except ValueError:  # NumPy's too, of lists in lists
            where = f"Event on '{self.series}', value {self.value!r}"
            raise ValueError(f"{where}: must be a number, or one per run") from None
        if not isinstance(self.falling, bool | np.bool_):
            raise ValueError(f"Event on '{self.series}', falling {self.falling!r}: must be True or False")

    def reached(self, series: np.ndarray) -> np.ndarray:
        """Mask of times at which the value is reached. Shapes (runs, times) -> (runs, times); NaN never is."""
        bound = np.asarray(self.value, dtype=float).reshape(-1, 1)
        with np.errstate(invalid="ignore"):
            return series <= bound if self.falling else series >= bound


@dataclass(frozen=True, kw_only=True, eq=False)
class Trajectory:
    """What a batch of runs did.

    Attributes:
        settings: one per run.
        samples: one per run.
        times: iterations recorded, a geometric grid of ratio :data:`RATIO` with 0. Shape (times,).
        series: recorded numbers by name, NaN after a run has left. Each of shape (runs, times).
        status: per run ``"stopped"`` (its stop event happened), ``"horizon"`` (steps ran out first: later stage
            times are censored) or ``"diverged"`` (loss beyond :data:`DIVERGED` or not a number).
        last: the last recorded iteration per run. Shape (runs,).
        events: the events asked for.
        kept: the weights at each event and at ``"end"``, NaN where it did not happen.
        device: where the runs were trained, and where their test errors are computed.
    """

    settings: tuple[Setting, ...]
    samples: tuple[Sample, ...]
    times: np.ndarray
    series: dict[str, np.ndarray]
    status: tuple[str, ...]
    last: np.ndarray
    events: dict[str, Event]
    kept: "dict[str, Weights]"
    device: str = "cpu"

    def __repr__(self) -> str:
        ends = ", ".join(f"{self.status.count(status)} {status}" for status in dict.fromkeys(self.status))
        came = ", ".join(f"{name} in {int((self.index(name) >= 0).sum())}" for name in self.events)
        return (
            f"Trajectory of {len(self.settings)} runs ({ends}), {self.times.size} times from {self.times[0]} to"
            f" {self.times[-1]}, {len(self.series)} series" + (f"; events {came}" if came else "")
        )

    def _repr_html_(self) -> str:
        """One setting where all are the same, the times, and at which iteration each event came."""
        rows = [("runs", len(self.settings)), ("ended", ", ".join(self.status[:SHOWN]))]
        if len(set(self.settings)) == 1:
            rows += [(name, f"{value:g}" if isinstance(value, float) else value)
                     for name, value in self.settings[0].values().items()]  # fmt: skip
        rows += [("iterations", f"{self.times[0]} to {self.times[-1]}, {self.times.size} recorded")]
        for name in (*self.events, "end"):
            came = [f"{time:.0f}" for time in self.time(name)[:SHOWN] if time == time]
            rows.append((name, ", ".join(came) or "not reached"))
        rows.append(("series", ", ".join(self.series)))
        body = "".join(f"<tr><th>{html.escape(k)}</th><td>{html.escape(str(v))}</td></tr>" for k, v in rows)
        return f"<table>{body}</table>"

    def to_xarray(self) -> Any:
        """An ``xarray.Dataset``: every series over run and iteration, beside each run's seed, parameters and end.

        Raises:
            ValueError: xarray is not installed.
        """
        from numerics.extra import extra

        with extra("xarray"):
            from xarray import Dataset

        values = [setting.values() for setting in self.settings]
        of_run = {name: ("run", [held[name] for held in values]) for name in values[0]}
        came = {f"time_{name}": ("run", self.time(name)) for name in self.events}
        ends = {"seed": ("run", [s.seed for s in self.samples]), "status": ("run", list(self.status))}
        return Dataset(
            {name: (("run", "iteration"), held) for name, held in self.series.items()} | came,
            coords={"iteration": self.times, "last": ("run", self.last), **ends, **of_run},
            attrs={name: repr(event) for name, event in self.events.items()} | {"device": self.device},
        )

    @cached_property
    def batch(self) -> "Batch":
        """All runs as the engine sees them, on the CPU."""
        from numerics.state import Batch

        return Batch(self.settings, self.samples, "cpu")

    def state(self, event: str) -> "State":
        """The runs at an event, NaN where it did not happen."""
        from numerics.state import State

        batch, weights = self.batch, self.kept[event]
        overlap = weights.overlap(batch)
        time = batch.time_scale.new_tensor(self.time(event))
        head = weights.head if self.settings[0].head.trained else None
        return State(batch=batch, coefficients=weights.coefficients, overlap=overlap, time=time, head=head)

    def index(self, event: str) -> np.ndarray:
        """Index of the recorded time at which ``event`` happened, -1 where it did not. Shape (runs,)."""
        if event == "end":
            return np.searchsorted(self.times, self.last)
        chosen = self.events[event]
        hit = chosen.reached(self.series[chosen.series])
        return np.where(hit.any(1), hit.argmax(1), -1)

    def at(self, event: str, series: str) -> np.ndarray:
        """A series at an event, NaN where it did not happen. Shape (runs,)."""
        index = self.index(event)
        values = np.take_along_axis(self.series[series], np.maximum(index, 0)[:, None], 1)[:, 0]
        return np.where(index >= 0, values, np.nan)

    def up_to(self, event: str, series: str) -> np.ndarray:
        """A series with NaN after ``event`` (everywhere, where it did not happen). Shape (runs, times)."""
        later = np.arange(self.times.size)[None, :] > self.index(event)[:, None]
        return np.where(later, np.nan, self.series[series])

    def time(self, event: str) -> np.ndarray:
        """Iteration of an event, NaN where the run ended first (censored). Shape (runs,)."""
        index = self.index(event)
        return np.where(index >= 0, self.times[np.maximum(index, 0)].astype(float), np.nan)


def recording_times(last: int) -> np.ndarray:
    """0, then whole iterations up to ``last``, each at most 5 % (:data:`RATIO`) or one iteration after the last."""
    times = [0]
    while times[-1] < last:
        times.append(min(last, max(times[-1] + 1, int(times[-1] * RATIO))))
    return np.array(times, dtype=np.int64)
