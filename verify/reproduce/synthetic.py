"""Figures 1 and 3, which are synthetic: their settings, their runs, and what the mean field foretells of these. Figure
1 is made at the authors' own values (:data:`AUTHORS`), which the preprint of 2024 gives but for m and sigma_0
(``synthetic_figures.crossings`` says what these were), and once more at ours. Those of Figure 3 are not known: ours are
:func:`values`, each with how it was chosen, and ``synthetic_figures.sensitivity`` says what hangs on them.

Where the stages part. The captions say "before noise learning overtakes signal learning of noisy samples", and Figure 1
draws max_{j,r} gamma and max_{j,r} rho. So the line stands at the *overtaking*: the first recorded t >= 1 at which max
rho over the noisy samples exceeds max gamma. It is not T_1: Theorem 4.1 has gamma > rho at T_1, so T_1 lies before it,
and a later time has no other name in the paper. A run whose noise leads from the first step has no Stage I.

The mean field (``han2025.meanfield``) has its own overtaking: the s > 0 at which rho_n = gamma. It exists only if gamma
leads first, kappa (1 - 2 tau) > 2 (D6). With a run's own labels in place of their expectations, label c obeys the same
equations with kappa replaced by 2 kappa n_c/n and tau by its realised share of flips; the run's maxima are then those
over the two labels (:func:`foretold`). What is left out is the spread of norms and active neurons.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product

import numpy as np
import torch

from numerics import Setting, draw, train
from numerics.generalization import spurious_error
from numerics.series import SERIES
from numerics.state import State
from numerics.trajectory import recording_times
from theory.papers.han2025 import Reading, condition_4_1
from verify import processes, sweep
from verify.design import EPSILON
from verify.predicted import curve
from verify.reproduce.figure import BAND

SEEDS = 20
STEP = 0.1  # of rescaled time s per iteration
STEPS = 400
DRAWS = 1000  # of the noise patch per run, for test errors: standard error at most 0.016 per run


def setting(*, n: int = 100, m: int = 20, d: int = 2000, mu: float = 10.0, sigma_0: float = 1e-3, tau: float = 0.2,
            step: float = STEP) -> Setting:  # fmt: skip
    """Our setting, or one beside it: sigma_xi = 1 and eta = ``step`` nm/(sigma_xi^2 d), so that a step is one of s."""
    return Setting(n=n, m=m, d=d, mu=mu, sigma_0=sigma_0, eta=step * n * m / d, tau_plus=tau, tau_minus=tau)


NOISY_LABELS, CLEAN_LABELS = setting(), setting(tau=0.0)
# The authors' own values, of the preprint; they do not give m and sigma_0, which are inferred (:func:`crossings`).
AUTHORS = Setting(n=100, m=20, d=2000, mu=20.0, sigma_0=0.01, eta=0.1, tau_plus=0.1, tau_minus=0.1, labels="balanced")
AUTHORS_CLEAN = replace(AUTHORS, tau_plus=0.0, tau_minus=0.0)
AUTHORS_STEPS, AUTHORS_CROSSING = 200, 25
MS, SIGMAS = (5, 10, 15, 20, 25, 40), (1e-3, 1e-2, 3e-2, 1e-1)
MUS, TAUS = (7.0, 10.0, 14.0, 20.0), (0.1, 0.2, 0.3)


def values(seeds: int) -> tuple[tuple[str, str, str], ...]:
    """What the authors do not tell, as it is here, with how it was chosen."""
    s = NOISY_LABELS
    reading = Reading()
    bound = math.sqrt(s.n) / (reading.C * s.sigma_xi * s.d)
    return (
        ("n", f"{s.n}", "the smallest round number with some 20 flipped samples, so that their share is no accident"),
        ("m", f"{s.m}", f"about 4 log(n): a sample without a neuron active on it has chance 2^-{s.m}"),
        ("d", f"{s.d}", "20 n: noise patches overlap little, (n/d)^0.5 = "
         f"{math.sqrt(s.n / s.d):.2f}, yet the network would fit on any laptop"),
        ("‖μ‖", f"{s.mu:g}", f"gives κ = n‖μ‖²/(σ_ξ²d) = {s.kappa:g} and κ(1−2τ) = {s.kappa * (1 - 2 * s.tau_plus):g},"
         " above 2: below it the mean field has no Stage I"),
        ("σ_ξ", f"{s.sigma_xi:g}", "sets the unit of length; rescaling it with ‖μ‖, σ_0 and η changes no coefficient"),
        ("τ", f"{s.tau_plus:g}", "both labels alike, as in the paper's Figure 2 (known from a summary)"),
        ("σ_0", f"{s.sigma_0:g}", f"{bound / s.sigma_0:.3g} times below Condition 4.1.5 at C = {reading.C:g}"),
        ("η", f"{s.eta:g}", f"{STEP:g} nm/(σ_ξ²d): a step is {STEP:g} of rescaled time, small beside the stages"),
        ("iterations", f"{STEPS}", f"to s = {STEPS * STEP:g}, until every noisy sample has long been fitted"),
        ("seeds", f"{seeds}", f"data, flips and initial weights are drawn anew; bands hold {BAND[0]} to {BAND[1]} % of"
         " them, lines are medians"),
        ("Condition 4.1", *condition_of(s)),
    )  # fmt: skip


def condition_of(one: Setting) -> tuple[str, str]:
    """Which items of Condition 4.1 a setting misses, and what that means."""
    reading = Reading()
    at = reading.at(one.values(), EPSILON[1])
    margins = [c.margin(at, reading.C) for c in condition_4_1(reading)]
    failing = ", ".join(f"{x.condition.name} ({x.value:.2g})" for x in margins if not x.holds)
    return (
        f"not met: {failing}" if failing else "met",
        f"margin in brackets, C = {reading.C:g} is asked, 1 of a band; so this is an illustration, not evidence for a"
        " theorem",
    )


def authors_values(seeds: int) -> tuple[tuple[str, str, str], ...]:
    """The values of the authors' Figure 1, with where each is from."""
    s = AUTHORS
    assert s.counts is not None
    given = "given in the preprint"
    exact = AUTHORS_CROSSING / mean_field(s) * s.m
    inferred = (
        f"not given; the crossing grows in proportion to m, and the mean field has it at {AUTHORS_CROSSING} for"
        f" m = {exact:.3g}: the nearest round number (see the table)"
    )
    return (
        ("n", f"{s.n}", f"{given}, balanced labels; flips exact in number here, {s.counts[0][1]} of each label"),
        ("m", f"{s.m}", inferred),
        ("d", f"{s.d}", given),
        ("‖μ‖", f"{s.mu:g}", f"{given}; κ = {s.kappa:g} and κ(1−2τ) = {s.kappa * (1 - 2 * s.tau_plus):g}"),
        ("σ_ξ", f"{s.sigma_xi:g}", given),
        ("τ", f"{s.tau_plus:g}", given),
        ("σ_0", f"{s.sigma_0:g}", "not given; the crossing hardly depends on it, but at 0.1 noisy accuracy no longer"
         " drops to 0 in every run (see the table)"),
        ("η", f"{s.eta:g}", f"{given}; {s.time_scale:g} of rescaled time a step"),
        ("iterations", f"{AUTHORS_STEPS}", given),
        ("seeds", f"{seeds}", f"ours: data and initial weights are drawn anew; bands hold {BAND[0]} to {BAND[1]} % of"
         " them, lines are medians"),
        ("Condition 4.1", *condition_of(s)),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class SyntheticRuns:
    """All seeds of one setting.

    Attributes:
        setting: theirs.
        times: iterations recorded. Shape (times,).
        series: by name, as recorded; NaN where a kind of sample does not occur. Each of shape (seeds, times).
        foretold: overtaking in the mean field with each run's own labels, in iterations. Shape (seeds,).
    """

    setting: Setting
    times: np.ndarray
    series: Mapping[str, np.ndarray]
    foretold: np.ndarray

    def band(self, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """Median and the two ends of :data:`BAND` over seeds; None if there is nothing."""
        held = self.series[name]
        held = held[~np.isnan(held).any(1)]
        return tuple(np.percentile(held, [50, *BAND], axis=0)) if len(held) else None

    def first(self, met: np.ndarray) -> np.ndarray:
        """First recorded iteration >= 1 at which a mask holds, NaN if none. Shapes (seeds, times) -> (seeds,)."""
        met = met & (self.times > 0)
        return np.where(met.any(1), self.times[met.argmax(1)].astype(float), np.nan)

    def settled(self, met: np.ndarray) -> np.ndarray:
        """First recorded iteration >= 1 from which on a mask holds to the end, NaN if it does not at the end."""
        last = np.where(met, -1, np.arange(self.times.size)).max(1)
        return np.where(met[:, -1], self.times[np.clip(last + 1, 1, self.times.size - 1)].astype(float), np.nan)

    def overtaking(self, noise: str = "rho_noisy_max", signal: str = "gamma_max") -> np.ndarray:
        """First recorded iteration >= 1 at which noise learning exceeds signal learning. Shape (seeds,)."""
        return self.first(self.series[noise] > self.series[signal])

    @property
    def stage_one(self) -> np.ndarray:
        """Recorded times t >= 1 before the overtaking. Mask of shape (seeds, times)."""
        end = self.overtaking()[:, None]
        return (self.times > 0) & (np.isnan(end) | (self.times < end))

    def least(self, name: str) -> np.ndarray:
        """Least value at t >= 1. Shape (seeds,)."""
        return self.series[name][:, self.times > 0].min(1)

    def at(self, name: str, when: np.ndarray) -> np.ndarray:
        """A series at recorded iterations, NaN where these are. Shape (seeds,)."""
        index = np.searchsorted(self.times, np.nan_to_num(when))
        return np.where(np.isnan(when), np.nan, self.series[name][np.arange(len(when)), index])


def _over(kind: str, how: str) -> Callable[[State], torch.Tensor]:
    """max_{j,r} rho_{j,r,i}, then its largest value or mean over the clean or noisy samples i."""

    def recorder(state: State) -> torch.Tensor:
        largest = state.rho.flatten(1, 2).amax(1)  # (R, n)
        mask = state.batch.noisy if kind == "noisy" else ~state.batch.noisy
        if how == "max":
            held = torch.where(mask, largest, -torch.inf).amax(1)
        else:
            held = torch.where(mask, largest, 0.0).sum(1) / mask.sum(1)
        return torch.where(mask.any(1), held, torch.nan)

    return recorder


RECORDED = {
    "rho_noisy_max": _over("noisy", "max"),
    "rho_clean_max": _over("clean", "max"),
    "rho_noisy_typical": _over("noisy", "mean"),
    "gamma_mean": lambda s: s.gamma.flatten(1).mean(1),
} | {name: SERIES[name] for name in ("gamma_max", "rho_noisy_mean", "rho_clean_mean", "accuracy", "accuracy_clean",
                                     "accuracy_noisy", "coefficient_min", "loss")}  # fmt: skip


def trained(one: Setting, seeds: tuple[int, ...], steps: int = STEPS) -> SyntheticRuns:
    """SyntheticRuns of one setting from ``seeds``, over ``steps`` iterations."""
    samples = [draw(one, seed) for seed in seeds]
    settings = [one] * len(seeds)
    recorders = RECORDED | {"test_error": spurious_error(settings, samples, DRAWS)}
    run = train(settings, samples, steps=steps, times=recording_times(steps), series=recorders)
    labels = [[((x.y == c).mean(), x.noisy[x.y == c].mean() if (x.y == c).any() else 0.0) for c in (1.0, -1.0)]
              for x in samples]  # fmt: skip
    return SyntheticRuns(
        setting=one, times=run.times, series=run.series, foretold=np.array([foretold(one, x) for x in labels])
    )


def foretold(one: Setting, labels: Sequence[tuple[float, float]], steps: int = 10 * STEPS) -> float:
    """Iteration at which max rho_n overtakes max gamma in the mean field; 0 at once, NaN not within ``steps``.

    Args:
        one: the setting.
        labels: for each true label its share of the samples and the flipped share of these; expected values give
            the mean field itself.
    """
    held = [(share, flips) for share, flips in labels if share > 0]
    if not any(flips > 0 for _, flips in held):
        return np.nan
    s = np.concatenate([[0.0], np.geomspace(1e-3, steps * one.time_scale, 2000)])
    found = [curve(2 * one.kappa * share, flips, s) for share, flips in held]
    gamma = np.max([x.gamma for x in found], axis=0)
    noise = np.max([x.rho_noisy for x, (_, flips) in zip(found, held, strict=True) if flips > 0], axis=0)
    ahead = (noise > gamma)[1:]
    if not ahead.any():
        return np.nan
    k = int(ahead.argmax()) + 1
    return 0.0 if k == 1 else float(s[k] / one.time_scale)


def mean_field(one: Setting) -> float:
    """Iteration of the overtaking in the mean field itself; 0 where noise leads from the start."""
    return foretold(one, [(0.5, one.tau_plus), (0.5, one.tau_minus)])


VARIANTS: tuple[tuple[str, Setting, int], ...] = (
    ("as chosen", NOISY_LABELS, STEPS),
    ("n = 50", setting(n=50), STEPS),
    ("n = 200", setting(n=200), STEPS),
    ("m = 10", setting(m=10), STEPS),
    ("m = 40", setting(m=40), STEPS),
    ("d = 1000", setting(d=1000), STEPS),
    ("d = 4000", setting(d=4000), STEPS),
    ("‖μ‖ = 5", setting(mu=5), STEPS),
    ("‖μ‖ = 20", setting(mu=20), STEPS),
    ("σ_0 = 5e-4", setting(sigma_0=5e-4), STEPS),
    ("σ_0 = 2e-3", setting(sigma_0=2e-3), STEPS),
    ("τ = 0.1", setting(tau=0.1), STEPS),
    ("τ = 0.4", setting(tau=0.4), STEPS),
    ("half the step, twice as many", setting(step=STEP / 2), 2 * STEPS),
    ("twice the step, half as many", setting(step=2 * STEP), STEPS // 2),
    # n = 200 or 50 and d alone change kappa too; these keep it.
    ("n = 50, κ kept", setting(n=50, mu=10 * 2**0.5), STEPS),
    ("n = 200, κ kept", setting(n=200, mu=10 / 2**0.5), STEPS),
    ("d × 10⁵, κ kept, σ_0 / 10⁵", setting(d=200_000_000, mu=10 * 1e5**0.5, sigma_0=1e-8), STEPS),
)
"""What :func:`sensitivity` looks at: every value we chose, halved and doubled, one at a time."""


def needed(numbers: Sequence[int]) -> list[tuple[Setting, int]]:
    """Settings, each with its iterations, that the figures with these numbers draw on; each once."""
    held: list[tuple[Setting, int]] = []
    if 1 in numbers:
        held += [(AUTHORS, AUTHORS_STEPS), (AUTHORS_CLEAN, AUTHORS_STEPS)]
        held += [(replace(AUTHORS, m=m, sigma_0=start), AUTHORS_STEPS) for m, start in product(MS, SIGMAS)]
        held += [(NOISY_LABELS, STEPS), (CLEAN_LABELS, STEPS), *((s, steps) for _, s, steps in VARIANTS)]
    if 3 in numbers:
        held += [(setting(mu=mu, tau=tau), STEPS) for tau in TAUS for mu in MUS]
    return list(dict.fromkeys(held))


def collect(
    wanted: Sequence[tuple[Setting, int]],
    seeds: tuple[int, ...],
    pool: processes.Pool | None = None,
    labels: str | None = None,
) -> Iterator[tuple[Setting, SyntheticRuns]]:
    """Each wanted setting and its runs, as they finish; with ``labels`` all have labels of that kind."""
    asked = [(replace(one, labels=labels) if labels else one, steps) for one, steps in wanted]
    for k, runs in processes.done(partial(_trained, seeds), asked, pool, lambda k: [sweep.told(wanted[k][0])]):
        yield wanted[k][0], runs


def _trained(seeds: tuple[int, ...], one: tuple[Setting, int]) -> SyntheticRuns:
    sweep.one_thread()
    return trained(one[0], seeds, one[1])
