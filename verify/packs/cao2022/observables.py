"""Numbers per run that this paper's claims speak of, and what the reduced dynamics makes of a run's own start.

On its plateau an overlap obeys u' = a u^{q-1} (theory.papers.cao2022.dynamics), so that u_0 takes
(u_0^{-(q-2)} - (u_0 + r)^{-(q-2)})/((q - 2) a) steps to gain r.
"""

from collections.abc import Callable, Mapping

import numpy as np

from numerics import OBSERVABLES, Observable, Sample, Setting, Trajectory
from numerics.observables import reading

GROWN = 0.25  # of order one


@reading("gamma_max")
def _signal_time(run: Trajectory) -> np.ndarray:
    grown = run.series["gamma_max"] >= GROWN
    return np.where(grown.any(1), run.times[grown.argmax(1)].astype(float), np.nan)


def _per_run(function: Callable[[Setting, Sample], float]) -> Callable[[Trajectory], np.ndarray]:
    return reading()(lambda run: np.array([function(*one) for one in zip(run.settings, run.samples, strict=True)]))


def _gained(start: np.ndarray, pace: np.ndarray, by: float, q: float) -> np.ndarray:
    return (start ** (2 - q) - (start + by) ** (2 - q)) / ((q - 2) * pace)


def signal_time(setting: Setting, sample: Sample) -> float:
    """Steps until some signal coefficient is :data:`GROWN`, from the neurons and labels of a draw."""
    s, m = setting, setting.m
    found = []
    for j, rows in ((1.0, slice(m)), (-1.0, slice(m, None))):
        start = (j * sample.overlap[rows, 0]).max()
        pace = s.q * s.eta * s.mu**2 * (sample.y == j).mean() / (2 * m)
        if start > 0 and pace > 0:
            found.append(float(_gained(start, pace, GROWN, s.q)))
    return min(found, default=np.nan)


def noise_time(setting: Setting, sample: Sample, level: float) -> float:
    """Steps until the mean own coefficient is ``level``, from all own starts and norms of a draw, by bisection."""
    s = setting
    own = np.repeat([1.0, -1.0], s.m)[:, None] == sample.y_tilde
    starts = sample.overlap[:, 1:]
    norms = np.broadcast_to(np.diag(sample.gram)[1:], starts.shape)
    chosen = own & (starts > 0)
    start, pace = starts[chosen], s.q * s.eta * norms[chosen] / (2 * s.n * s.m)
    if not start.size:
        return np.nan
    ends = start ** (2 - s.q) / ((s.q - 2) * pace)  # when each diverges

    def mean(time: float) -> float:
        left = np.maximum(1 - time / ends, 1e-12)
        return float((start * (left ** (-1 / (s.q - 2)) - 1)).mean())

    low, high = 0.0, float(ends.min())
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if mean(middle) < level else (low, middle)
    return high


def threshold(setting: Setting, sample: Sample) -> float:
    """n SNR^q at which the signal of a draw diverges when its noise does: 2 (z_noise/z_signal)^{q-2}, z_signal that of
    the lesser sign, z_noise of the mean time of a sample."""
    s, m = setting, setting.m
    signal = min(sample.overlap[:m, 0].max(), (-sample.overlap[m:, 0]).max()) / (s.sigma_0 * s.mu)
    own = np.where(sample.y_tilde > 0, sample.overlap[:m, 1:].max(0), sample.overlap[m:, 1:].max(0))
    noise = own / (s.sigma_0 * s.sigma_xi * s.d**0.5)
    if not (signal > 0 and (noise > 0).all()):
        return np.nan
    return float(2 / ((noise ** (2 - s.q)).mean() * signal ** (s.q - 2)))


def _level(run: Trajectory) -> float:
    return float(np.ravel(run.events["early"].value)[0])


@reading()
def _noise_times(run: Trajectory) -> np.ndarray:
    return np.array([noise_time(s, x, _level(run)) for s, x in zip(run.settings, run.samples, strict=True)])


def _over(scale: Callable[[Setting], float], times: Callable[[Trajectory], np.ndarray]) -> Callable:
    return reading()(lambda run: times(run) / np.array([scale(s) for s in run.settings]))


def _noise_scale(s: Setting) -> float:
    length = s.sigma_xi * s.d**0.5
    return s.n * s.m / (s.eta * s.sigma_0 ** (s.q - 2) * length**s.q)


def _signal_scale(s: Setting) -> float:
    return s.m / (s.eta * s.sigma_0 ** (s.q - 2) * s.mu**s.q) if s.mu else np.nan


_signal_times = _per_run(signal_time)
_GROWN_AT = r"\min\{t: \max_{j,r} \gamma_{j,r} \ge \frac{1}{4}\}"
_SIGNAL_TIME = (
    r"\hat T_\mu = \min_j \frac{u_j^{2-q} - (u_j + \frac{1}{4})^{2-q}}{(q-2) a_j},"
    r"\ u_j = \max_r j \langle w^{(0)}_{j,r}, \mu\rangle,\ a_j = \frac{q \eta \|\mu\|^2 |\{i: y_i = j\}|}{2nm}"
)
_NOISE_TIME = (
    r"\frac{1}{|O|} \sum_{(i,r) \in O} u_{i,r} ((1 - \hat T_\xi/\tau_{i,r})^{-1/(q-2)} - 1) = \frac{c_1}{25},"
    r"\ u_{i,r} = \langle w^{(0)}_{\tilde y_i,r}, \xi_i\rangle,"
    r"\ \tau_{i,r} = \frac{2nm\, u_{i,r}^{2-q}}{(q-2) q \eta \|\xi_i\|^2}"
)
OWN = (
    Observable(name="signal_plateau_time", latex=_GROWN_AT,
               says=f"some signal coefficient reaches {GROWN:g}", stage="end", time=True,
               compute=_signal_time),
    Observable(name="signal_plateau_constant", 
               latex=r"\frac{\eta \sigma_0^{q-2} \|\mu\|^q}{m} \hat T_\mu,\ " + _SIGNAL_TIME,
               says="derived time of that over m/(eta sigma_0^(q-2) |mu|^q)",
               stage="start", compute=_over(_signal_scale, _signal_times)),
    Observable(name="signal_plateau_ratio", latex=rf"\frac{{1}}{{\hat T_\mu}} {_GROWN_AT},\ {_SIGNAL_TIME}",
               says="time of that over the derived one", stage="end",
               compute=reading("gamma_max")(lambda run: _signal_time(run) / _signal_times(run))),
    Observable(name="noise_plateau_constant", 
               latex=r"\frac{\eta \sigma_0^{q-2} (\sigma_\xi \sqrt{d})^q}{nm} \hat T_\xi,\ " + _NOISE_TIME,
               stage="early", compute=_over(_noise_scale, _noise_times),
               says="derived early time over n m/(eta sigma_0^(q-2) (sigma_xi d^1/2)^q)", premises=()),
    Observable(name="noise_plateau_ratio", latex=r"\frac{T_0}{\hat T_\xi},\ " + _NOISE_TIME,
               says="early time over the derived one", stage="early",
               compute=reading("rho_own_mean")(lambda run: run.time("early") / _noise_times(run))),
    Observable(name="threshold_constant", latex=r"2\left(z_\mu^{q-2} \frac{1}{n} \sum_i z_i^{2-q}\right)^{-1},"
               r"\ z_\mu = \min_j \max_r \frac{j \langle w^{(0)}_{j,r}, \mu\rangle}{\sigma_0 \|\mu\|},"
               r"\ z_i = \max_r \frac{\langle w^{(0)}_{\tilde y_i,r}, \xi_i\rangle}{\sigma_0 \sigma_\xi \sqrt{d}}",
               says="n SNR^q at which signal and noise of a draw diverge together",
               stage="start", compute=_per_run(threshold)),
)  # fmt: skip


def observables() -> Mapping[str, Observable]:
    """All that claims of this paper may speak of."""
    return OBSERVABLES | {o.name: o for o in OWN}
