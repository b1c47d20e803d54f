"""Gradient descent in coefficient space: exact, without d, batched over runs, recorded as it goes.

The steps themselves are :mod:`numerics.state`'s.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from numerics.model import Sample, Setting
from numerics.series import SERIES, Recorder
from numerics.state import Batch, State

RATIO = 1.05  # of successive recording times: a stage time is known to within 5 %
DIVERGED = 1e8  # a training loss beyond this, or no number at all, ends a run as diverged


@dataclass(frozen=True, kw_only=True)
class Event:
    """The first recorded time at which a series reaches a value; the coefficients there are kept.

    Attributes:
        series: name of a recorded series.
        value: what it must reach: one number, or one per run.
        falling: reach it from above instead of from below.
    """

    series: str
    value: float | Sequence[float]
    falling: bool = False

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
        kept: coefficients C at each event and at ``"end"``, NaN where it did not happen. Shape (runs, 2m, n+2).
    """

    settings: tuple[Setting, ...]
    samples: tuple[Sample, ...]
    times: np.ndarray
    series: dict[str, np.ndarray]
    status: tuple[str, ...]
    last: np.ndarray
    events: dict[str, Event]
    kept: dict[str, Tensor]

    @cached_property
    def batch(self) -> Batch:
        """All runs as the engine sees them, on the CPU."""
        return Batch(self.settings, self.samples, "cpu")

    def state(self, event: str) -> State:
        """The runs at an event, NaN where it did not happen."""
        coefficients = self.kept[event]
        overlap = torch.baddbmm(self.batch.overlap, coefficients, self.batch.gram)
        return State(batch=self.batch, coefficients=coefficients, overlap=overlap, time=self.time(event))

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


def train(
    settings: Sequence[Setting],
    samples: Sequence[Sample],
    *,
    steps: int,
    stop: Event | None = None,
    events: Mapping[str, Event] | None = None,
    series: Mapping[str, Recorder] = SERIES,
    times: np.ndarray | None = None,
    device: str = "cpu",
) -> Trajectory:
    """Train a batch of runs by exact full-batch gradient descent.

    Args:
        settings: one per run; n and m must agree across the batch, everything else may differ.
        samples: one per run.
        steps: the horizon, >= 1.
        stop: a run leaves the batch at the first recorded time at which this happens; by default none does.
        events: named moments at which coefficients are kept.
        series: what to record, name -> function of :class:`State` giving one number per run.
            By default all of ``numerics.series.SERIES``.
        times: iterations to record instead of the geometric grid, increasing, from 0 to ``steps``.
        device: a torch device. Runs are in float64.

    Raises:
        ValueError: an empty batch, sizes that differ, a sample of another setting, steps < 1, times that do not run
            from 0 to steps, an event on a series that is not recorded, or an unknown device.
    """
    if not settings or len(settings) != len(samples):
        raise ValueError(
            f"{len(settings)} settings and {len(samples)} samples: give one sample per setting, at least one"
        )
    if len({(s.n, s.m, type(s)) for s in settings}) > 1:
        raise ValueError("settings of one batch must agree in n and m, and be of one model; group them first")
    for setting, sample in zip(settings, samples, strict=True):
        if sample.overlap.shape != (2 * setting.m, setting.n + 1):
            raise ValueError(
                f"a sample with overlap of shape {sample.overlap.shape} for n = {setting.n}, m = {setting.m}: "
                "draw it from its own setting"
            )
    if steps < 1:
        raise ValueError(f"steps = {steps}: must be at least 1")
    for event in (*(events or {}).values(), *([stop] if stop else [])):
        if event.series not in series:
            raise ValueError(f"event on series '{event.series}', which is not recorded: add it to series")
    events = {name: _per_run(event, len(settings)) for name, event in (events or {}).items()}
    stop = stop and _per_run(stop, len(settings))
    times = recording_times(steps) if times is None else np.asarray(times)
    if times[0] != 0 or times[-1] != steps or not (np.diff(times) > 0).all():
        raise ValueError(f"times from {times[0]} to {times[-1]}: must increase from 0 to steps = {steps}")
    runs = len(settings)

    batch = Batch(settings, samples, check_device(device))
    coefficients = torch.zeros_like(batch.overlap)
    overlap = batch.overlap.clone()
    rows = np.arange(runs)
    recorded = {name: np.full((runs, times.size), np.nan) for name in series}
    status = np.full(runs, "horizon", dtype=object)
    last = np.zeros(runs, dtype=np.int64)
    kept = {name: torch.full(coefficients.shape, torch.nan, dtype=torch.float64) for name in (*events, "end")}
    waiting = {name: np.ones(runs, dtype=bool) for name in events}

    now = 0
    for k, then in enumerate(times):
        batch.steps(coefficients, overlap, int(then) - now)
        now = int(then)
        state = State(batch=batch, coefficients=coefficients, overlap=overlap, time=now)
        # One transfer per recorded time: each waits for the device.
        *values, loss = (
            torch.stack([recorder(state).to(coefficients) for recorder in series.values()] + [state.losses.mean(1)])
            .cpu()
            .numpy()
        )
        for name, found in zip(series, values, strict=True):
            recorded[name][rows, k] = found
        last[rows] = now
        for name, event in events.items():
            hit = event.reached(recorded[event.series][:, [k]])[rows, 0] & waiting[name][rows]
            kept[name][rows[hit]] = coefficients[torch.as_tensor(hit, device=device)].cpu()
            waiting[name][rows[hit]] = False
        diverged = ~(loss <= DIVERGED)
        stopped = np.zeros_like(diverged) if stop is None else stop.reached(recorded[stop.series][:, [k]])[rows, 0]
        status[rows[stopped]] = "stopped"
        status[rows[diverged]] = "diverged"
        leaving = stopped | diverged | (now == times[-1])
        if leaving.any():
            kept["end"][rows[leaving]] = coefficients[torch.as_tensor(leaving, device=device)].cpu()
            rows = rows[~leaving]
            if not rows.size:
                break
            stay = torch.as_tensor(~leaving, device=device)
            batch.keep(stay)
            coefficients, overlap = coefficients[stay].contiguous(), overlap[stay].contiguous()
    return Trajectory(
        settings=tuple(settings),
        samples=tuple(samples),
        times=times,
        series=recorded,
        status=tuple(status),
        last=last,
        events=events,
        kept=kept,
    )


def _per_run(event: Event, runs: int) -> Event:
    value = np.asarray(event.value, dtype=float)
    if value.shape not in ((), (1,), (runs,)):
        raise ValueError(f"event on '{event.series}': {value.size} values for {runs} runs; give one, or one per run")
    value = np.broadcast_to(value, (runs,))
    return Event(series=event.series, value=tuple(value.tolist()), falling=event.falling)


def check_device(device: str) -> str:
    """``device`` if torch can compute there.

    Raises:
        ValueError: it cannot; the message names what can.
    """
    try:
        torch.zeros(1, device=device, dtype=torch.float64).cpu()  # float64 and back: what a run needs of it
    except (RuntimeError, AssertionError) as problem:
        there = ["cpu"] + [f"cuda:{k}" for k in range(torch.cuda.device_count())]
        raise ValueError(f"device '{device}' cannot be used here: choose {' or '.join(there)}") from problem
    return device
