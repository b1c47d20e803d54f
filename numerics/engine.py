"""Training in coefficient space: exact, without d, batched over runs, recorded as it goes.

The steps themselves are :mod:`numerics.course`'s.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from numerics.course import Weights, course
from numerics.model import Sample, Setting, check_each, check_whole
from numerics.module import ModuleSetting, Points
from numerics.networks import Networks, of_any_network
from numerics.series import SERIES, Recorder
from numerics.state import Batch
from numerics.trajectory import Event, Trajectory, recording_times

LONGEST = 10**18  # steps: they fit a column of integers
DIVERGED = 1e8  # a training loss beyond this, or no number at all, ends a run as diverged


def train(
    settings: Sequence[Setting],
    samples: Sequence[Sample | Points],
    *,
    steps: int,
    stop: Event | None = None,
    events: Mapping[str, Event] | None = None,
    series: Mapping[str, Recorder] = SERIES,
    times: np.ndarray | None = None,
    device: str = "cpu",
) -> Trajectory:
    """Train a batch of runs by the algorithm of their model, exactly.

    Args:
        settings: one per run; n and m must agree across the batch, everything else may differ.
        samples: one per run.
        steps: the horizon, >= 1.
        stop: a run leaves the batch at the first recorded time at which this happens; by default none does.
        events: named moments at which coefficients are kept.
        series: what to record, name -> function of :class:`numerics.state.State` giving one number per run.
            By default all of ``numerics.series.SERIES``.
        times: iterations to record instead of the geometric grid, increasing, from 0 to ``steps``.
        device: a torch device. Runs are in float64.

    Raises:
        ValueError: an empty batch, sizes that differ, a sample of another setting, steps < 1, times that do not run
            from 0 to steps, an event on a series that is not recorded, an unknown device, or an argument of another
            kind.
    """
    settings = check_each("settings", settings, Setting, "[setting] * 2")
    samples = check_each("samples", samples, Sample | Points, "[draw(setting, 0), draw(setting, 1)]")
    if not settings or len(settings) != len(samples):
        raise ValueError(
            f"{len(settings)} settings and {len(samples)} samples: give one sample per setting, at least one"
        )
    if len({(s.n, s.m, type(s)) for s in settings}) > 1:
        raise ValueError("settings of one batch must agree in n and m, and be of one model; group them first")
    for setting, sample in zip(settings, samples, strict=True):
        if isinstance(setting, ModuleSetting):
            if not isinstance(sample, Points) or len(sample.y) != setting.n:
                raise ValueError(
                    f"{sample!r} for n = {setting.n} of {type(setting).__name__}: draw it from its own setting"
                )
        elif sample.overlap.shape != (2 * setting.m, setting.n + setting.inputs.signals):
            raise ValueError(
                f"a sample with overlap of shape {sample.overlap.shape} for n = {setting.n}, m = {setting.m}: "
                "draw it from its own setting"
            )
    steps = check_whole("steps", steps, 1, LONGEST)
    if not (isinstance(series, Mapping) and all(map(callable, series.values()))):
        raise ValueError(f"series = {series!r}: must be recorders by name, e.g. {{'loss': SERIES['loss']}}")
    if not (events is None or (isinstance(events, Mapping) and all(isinstance(name, str) for name in events))):
        raise ValueError(f"events = {events!r}: must be events by name, e.g. {{'fitted': Event(...)}}")
    if "end" in (events or {}):
        raise ValueError("events: 'end' is where every run ends; give the event another name")
    for event in (*(events or {}).values(), *([] if stop is None else [stop])):
        if not isinstance(event, Event):
            raise ValueError(f"{event!r} is no Event; give e.g. Event(series='loss', value=0.1, falling=True)")
    model = type(settings[0])
    if issubclass(model, ModuleSetting):
        series = of_any_network(series, model)
    for event in (*(events or {}).values(), *([stop] if stop else [])):
        if event.series not in series:
            raise ValueError(f"event on series '{event.series}', which is not recorded: add it to series")
    events = {name: _per_run(event, len(settings)) for name, event in (events or {}).items()}
    stop = stop and _per_run(stop, len(settings))
    times = recording_times(steps) if times is None else _whole_times(times)
    if times[0] != 0 or times[-1] != steps or not (np.diff(times) > 0).all():
        raise ValueError(f"times from {times[0]} to {times[-1]}: must increase from 0 to steps = {steps}")
    runs = len(settings)

    device = check_device(device)
    if issubclass(model, ModuleSetting):
        going = Networks(settings, samples, device)
        none = going.none
    else:
        batch = Batch(settings, samples, device)
        going, none = course(batch, settings, samples), lambda: Weights.none(batch, model.algorithm.dense)
    rows = np.arange(runs)
    recorded = {name: np.full((runs, times.size), np.nan) for name in series}
    status = np.full(runs, "horizon", dtype=object)
    last = np.zeros(runs, dtype=np.int64)
    kept = {name: none() for name in (*events, "end")}
    waiting = {name: np.ones(runs, dtype=bool) for name in events}

    now = 0
    for k, then in enumerate(times):
        going.advance(int(then) - now)
        now = int(then)
        state = going.state(now)
        # One transfer per recorded time: each waits for the device.
        *values, loss = (
            torch.stack([recorder(state).to(state.losses) for recorder in series.values()] + [state.losses.mean(1)])
            .cpu()
            .numpy()
        )
        for name, found in zip(series, values, strict=True):
            recorded[name][rows, k] = found
        last[rows] = now
        for name, event in events.items():
            hit = event.reached(recorded[event.series][:, [k]])[rows, 0] & waiting[name][rows]
            if hit.any():
                kept[name].put(rows[hit], going.weights(torch.as_tensor(hit, device=device)))
            waiting[name][rows[hit]] = False
        diverged = ~(loss <= DIVERGED)
        stopped = np.zeros_like(diverged) if stop is None else stop.reached(recorded[stop.series][:, [k]])[rows, 0]
        status[rows[stopped]] = "stopped"
        status[rows[diverged]] = "diverged"
        leaving = stopped | diverged | (now == times[-1])
        if leaving.any():
            kept["end"].put(rows[leaving], going.weights(torch.as_tensor(leaving, device=device)))
            rows = rows[~leaving]
            if not rows.size:
                break
            going.keep(torch.as_tensor(~leaving, device=device))
    return Trajectory(
        settings=tuple(settings),
        samples=tuple(samples),
        times=times,
        series=recorded,
        status=tuple(status),
        last=last,
        events=events,
        kept=kept,
        device=device,
    )


def _whole_times(times: Any) -> np.ndarray:
    held = np.asarray(times)
    if held.ndim != 1 or not held.size or held.dtype.kind not in "iuf" or not (held == np.floor(held)).all():
        raise ValueError(f"times = {times!r}: must be whole numbers, e.g. [0, 10, 100]")
    return held.astype(np.int64)


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
    if not isinstance(device, str):
        raise ValueError(f"device = {device!r}: must be a name, e.g. 'cpu' or 'cuda'")
    try:
        torch.zeros(1, device=device, dtype=torch.float64).cpu()  # float64 and back: what a run needs of it
    except (RuntimeError, AssertionError) as problem:
        there = ["cpu"] + [f"cuda:{k}" for k in range(torch.cuda.device_count())]
        raise ValueError(f"device '{device}' cannot be used here: choose {' or '.join(there)}") from problem
    return device
