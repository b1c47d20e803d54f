"""The same gradient descent in coefficient space: exact, without d, batched over runs (D1).

Every step moves a weight along the patches V' = [mu; -mu; xi_1; ...; xi_n], so W_t = W_0 + C_t V' and, with
K = V' V'^T and B = W V'^T,

    one step:   C <- C + D(B),    B <- B_0 + C K,
    D_{jr,p} = j (eta / nm) u_p 1(B_{jr,p} > 0),

where u_p = y~_i g_i for a noise patch, and the sum of y~_i g_i over the samples that hold it for a signal patch.
Carrying mu and -mu as two patches makes signal and noise one case: sample i reads patch +-mu and patch xi_i.
B is recomputed from B_0 and C, so rounding does not accumulate along the trajectory. Derivation: docs/numerics.md.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from numerics import compiled
from numerics.model import Sample, Setting
from numerics.series import SERIES, Recorder

RATIO = 1.05  # of successive recording times: a stage time is known to within 5 %
CAPTURED = 256  # steps between two records from which on capturing them on a GPU pays
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
    def batch(self) -> "Batch":
        """All runs as the engine sees them, on the CPU."""
        return Batch(self.settings, self.samples, "cpu")

    def state(self, event: str) -> "State":
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


@dataclass(frozen=True, kw_only=True)
class State:
    """All runs of a batch at one recorded time, in the field's own terms. ``R`` runs; class 0 is j = +1."""

    batch: "Batch"
    coefficients: Tensor  # C, (R, 2m, n+2)
    overlap: Tensor  # B = W V'^T, (R, 2m, n+2)
    time: int | np.ndarray  # the iteration, one for all or one per run

    @cached_property
    def margins(self) -> Tensor:
        """y~_i f(x_i). Shape (R, n)."""
        return self.batch.y_tilde * self.batch.outputs(torch.relu(self.overlap))

    @cached_property
    def losses(self) -> Tensor:
        """log(1 + exp(-margin)). Shape (R, n)."""
        return torch.nn.functional.softplus(-self.margins)

    @cached_property
    def loss_derivatives(self) -> Tensor:
        """g_i = -l'_i = 1 / (1 + exp(margin)). Shape (R, n)."""
        return torch.sigmoid(-self.margins)

    @cached_property
    def gamma(self) -> Tensor:
        """Signal coefficients. Shape (R, 2, m)."""
        signal = (self.coefficients[..., 0] - self.coefficients[..., 1]) * self.batch.norms[:, None, 0]
        return self.batch.j * signal.unflatten(1, (2, -1))

    @cached_property
    def rho(self) -> Tensor:
        """Noise coefficients of every neuron. Shape (R, 2, m, n)."""
        return (self.coefficients[..., 2:] * self.batch.norms[:, None, 2:]).unflatten(1, (2, -1))

    @cached_property
    def rho_extremes(self) -> tuple[Tensor, Tensor]:
        """Least and largest rho of all. Each of shape (R,)."""
        return _extremes(self.rho)

    @cached_property
    def gamma_extremes(self) -> tuple[Tensor, Tensor]:
        """Least and largest gamma. Each of shape (R,)."""
        return _extremes(self.gamma)

    @cached_property
    def rho_own(self) -> Tensor:
        """rho of the neurons with j = y~_i. Shape (R, m, n)."""
        return torch.where(self.batch.y_tilde[:, None] > 0, self.rho[:, 0], self.rho[:, 1])

    @cached_property
    def predicted_margins(self) -> Tensor:
        """Lemma 5.1: what the coefficients alone say of y~_i f(x_i), averages over all m neurons. Shape (R, n)."""
        y, y_tilde = self.batch.y, self.batch.y_tilde
        gamma = self.gamma.mean(2)  # (R, 2): (1/m) sum_r
        own = torch.where(y > 0, gamma[:, :1], gamma[:, 1:])  # class of the true label: y~_i if clean, -y~_i if noisy
        return self.mean_noise + y * y_tilde * own

    @cached_property
    def mean_noise(self) -> Tensor:
        """(1/m) sum_r rho-bar over all m neurons with j = y~_i. Shape (R, n)."""
        return self.rho_own.clamp(min=0).mean(1)

    @cached_property
    def own_sum(self) -> Tensor:
        """Sum of rho over the own neurons of each sample that were active first. Shape (R, n)."""
        return torch.where(self.batch.first_active, self.rho_own, 0.0).sum(1)

    @cached_property
    def own_extremes(self) -> tuple[Tensor, Tensor]:
        """Least and largest such rho of each sample, +inf and -inf where there is none. Each of shape (R, n)."""
        apart = self.batch.own_apart
        return (self.rho_own + apart).amin(1), (self.rho_own - apart).amax(1)


class Batch:
    """Runs of equal n and m, stacked. Internal to the engine; ``State`` is its public face."""

    def __init__(self, settings: Sequence[Setting], samples: Sequence[Sample], device: str):
        self.device = device
        self.n, self.m = settings[0].n, settings[0].m

        def stack(arrays: list[np.ndarray]) -> Tensor:
            # Row-major whatever came in: K as transposed columns makes the product of a step a fifth slower.
            return torch.as_tensor(np.ascontiguousarray(np.stack(arrays)), dtype=torch.float64, device=device)

        self.y = stack([s.y for s in samples])
        self.y_tilde = stack([s.y_tilde for s in samples])
        self.gram = stack([_with_negative(_with_negative(s.gram).T) for s in samples])
        self.overlap = stack([_with_negative(s.overlap) for s in samples])
        self.pull = stack([np.asarray(s.eta / (s.n * s.m)) for s in settings])[:, None]  # eta / nm
        self.time_scale = stack([np.asarray(s.time_scale) for s in settings])
        self.rows = torch.arange(len(settings), device=device)  # which of the runs given these are
        self._derive()

    def _derive(self) -> None:
        self.plus = (self.y > 0).double()
        self.noisy = self.y != self.y_tilde
        self.norms = torch.diagonal(self.gram, dim1=1, dim2=2).clone()
        j = self.y.new_tensor([1.0, -1.0])
        self.j = j[:, None]
        self.head = (j.repeat_interleave(self.m) / self.m).expand(len(self.y), 1, -1).contiguous()
        # Own neurons active on their noise patch at initialization: the pairs (i, r) that Theorem 4.1 speaks of.
        noise = self.overlap[..., 2:].unflatten(1, (2, -1))
        self.first_active = torch.where(self.y_tilde[:, None] > 0, noise[:, 0], noise[:, 1]) > 0
        self.own_count = self.first_active.double().sum(1)  # (R, n)
        self.own_apart = torch.where(self.first_active, 0.0, torch.inf).to(self.y)  # takes the others out of extremes
        self._kinds: dict[str, Tensor] = {}
        self._graph: tuple | None = None  # coefficients, and a step captured on these very ones

    def keep(self, rows: Tensor) -> None:
        """Drop the other runs."""
        for name in ("y", "y_tilde", "gram", "overlap", "pull", "time_scale", "rows"):
            setattr(self, name, getattr(self, name)[rows])
        self._derive()

    def kind(self, which: str) -> Tensor:
        """Mask of samples: all, clean or noisy, and where named of one true label, as in ``"noisy_plus"``. (R, n)."""
        if which not in self._kinds:
            flipped, _, label = which.partition("_")
            mask = {"all": torch.ones_like, "clean": torch.logical_not, "noisy": torch.clone}[flipped](self.noisy)
            self._kinds[which] = mask & (self.y == {"plus": 1.0, "minus": -1.0}[label]) if label else mask
        return self._kinds[which]

    def outputs(self, active: Tensor) -> Tensor:
        """f(x_i) from relu(B). Shapes (R, 2m, n+2) -> (R, n)."""
        patches = torch.bmm(self.head, active)[:, 0]
        return torch.where(self.y > 0, patches[:, :1], patches[:, 1:2]) + patches[:, 2:]

    def steps(self, coefficients: Tensor, overlap: Tensor, count: int) -> None:
        """``count`` steps in place. ``overlap`` must be B_0 + C K on entry and is again on return."""
        push = compiled.push() if coefficients.device.type == "cpu" else None
        push = self._in_one_pass(push, coefficients, overlap) if push else self._in_tensors(coefficients, overlap)

        def step() -> None:
            push()  # C <- C + D(B)
            torch.baddbmm(self.overlap, coefficients, self.gram, out=overlap)

        if coefficients.device.type == "cuda" and count > CAPTURED:
            step = self._captured(step, (coefficients, overlap))
        for _ in range(count):
            step()

    def _captured(self, step: Callable[[], None], on: tuple[Tensor, Tensor]) -> Callable[[], None]:
        """``step`` as one call instead of a dozen, each of which costs more than what it does at small n and m."""
        if self._graph is None or self._graph[0] is not on[0]:
            side = torch.cuda.Stream(self.device)
            side.wait_stream(torch.cuda.current_stream(self.device))
            graph, held = torch.cuda.CUDAGraph(), [t.clone() for t in on]
            with torch.cuda.stream(side):  # libraries set themselves up at a first step, which is not captured
                step()
                for tensor, before in zip(on, held, strict=True):
                    tensor.copy_(before)
            torch.cuda.current_stream(self.device).wait_stream(side)
            with torch.cuda.graph(graph):
                step()
            self._graph = (on[0], graph, step)  # with the arrays that the graph works on
        return self._graph[1].replay

    def _in_one_pass(self, push: Callable, coefficients: Tensor, overlap: Tensor) -> Callable[[], None]:
        shared = (coefficients, overlap, self.y, self.y_tilde, self.pull[:, 0])
        arrays = (*(t.numpy() for t in shared), np.empty(self.n + 2))
        return lambda: push(*arrays)

    def _in_tensors(self, coefficients: Tensor, overlap: Tensor) -> Callable[[], None]:
        runs, m = len(coefficients), self.m
        # Small batches cost as much in calls as in arithmetic: everything is in place, on views made once.
        outputs = coefficients.new_empty(runs, 1, coefficients.shape[-1])
        force = coefficients.new_empty(runs, 2, 1, coefficients.shape[-1])  # j (eta/nm) u, per sign j
        from_plus, from_minus, from_noise = outputs[:, 0, :1], outputs[:, 0, 1:2], outputs[:, 0, 2:]
        on_plus, on_minus, on_noise = force[:, :, 0, :1], force[:, :, 0, 1:2], force[:, :, 0, 2:]
        g = torch.empty_like(self.y)
        held = torch.empty_like(on_noise)
        positive, plus, against = self.y > 0, self.plus[:, None], -self.y_tilde
        pull = self.pull[:, None] * self.y_tilde[:, None] * self.j  # (R, 2, n)
        by_sign, active = coefficients.unflatten(1, (2, m)), overlap.unflatten(1, (2, m))

        def push() -> None:
            overlap.relu_()
            torch.bmm(self.head, overlap, out=outputs)
            torch.where(positive, from_plus, from_minus, out=g)
            g.add_(from_noise).mul_(against).sigmoid_()
            torch.mul(g[:, None], pull, out=on_noise)
            torch.mul(on_noise, plus, out=held)
            torch.sum(held, 2, keepdim=True, out=on_plus)
            torch.sum(on_noise, 2, keepdim=True, out=on_minus)
            on_minus.sub_(on_plus)
            overlap.sign_()  # relu'(B), with relu'(0) = 0 as autograd has it
            by_sign.addcmul_(active, force)

        return push


def _extremes(values: Tensor) -> tuple[Tensor, Tensor]:
    values = values.flatten(1)
    return values.amin(1), values.amax(1)


def _with_negative(rows: np.ndarray) -> np.ndarray:
    """Columns [mu, xi...] -> [mu, -mu, xi...]."""
    return np.concatenate([rows[:, :1], -rows[:, :1], rows[:, 1:]], axis=1)


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
    if len({(s.n, s.m) for s in settings}) > 1:
        raise ValueError("settings of one batch must agree in n and m; group them first")
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
