"""The paper's own figures again: runs, what each caption says beside what is measured, and the drawing.

A figure is a value, :class:`PaperFigure`; ``verify.report.paper`` prints and writes it. Figures 1 and 3 are synthetic
and made here. Figure 1 is made at the authors' own values (:data:`AUTHORS`), which the preprint of 2024 gives but for m
and sigma_0 (:func:`crossings` says what these were), and once more at ours. Those of Figure 3 are not known: ours are
:func:`values`, each with how it was chosen, and :func:`sensitivity` says what hangs on them.

Where the stages part. The captions say "before noise learning overtakes signal learning of noisy samples", and Figure 1
draws max_{j,r} gamma and max_{j,r} rho. So the line stands at the *overtaking*: the first recorded t >= 1 at which
max rho over the noisy samples exceeds max gamma. It is not T_1: Theorem 4.1 has gamma > rho at T_1, so T_1 lies before
it, and a later time has no other name in the paper. A run whose noise leads from the first step has no Stage I.

The mean field (``theory.meanfield``) has its own overtaking: the s > 0 at which rho_n = gamma. It exists only if
gamma leads first, kappa (1 - 2 tau) > 2 (D6). With a run's own labels in place of their expectations, label c obeys the
same equations with kappa replaced by 2 kappa n_c/n and tau by its realised share of flips; the run's maxima are then
those over the two labels (:func:`foretold`). What is left out is the spread of norms and active neurons.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise, product
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from scipy.stats import spearmanr

from numerics import Setting, draw, train
from numerics.engine import recording_times
from numerics.generalization import spurious_error
from numerics.series import SERIES
from numerics.state import State
from theory.paper import Reading, condition_4_1
from verify import processes
from verify.draw import CLEAN, INK, MUTED, NOISY, SIGNAL, STYLE, Picture, canvas, finished
from verify.fit import Interval, clopper_pearson
from verify.meanfield import curve
from verify.sweep import EPSILON

SEEDS = 20
STEP = 0.1  # of rescaled time s per iteration
STEPS = 400
DRAWS = 1000  # of the noise patch per run, for test errors: standard error at most 0.016 per run
BAND = (10, 90)  # percentiles over seeds
BLUE, ORANGE = "#D6E6F4", "#FBE0CC"  # the caption's shades: light enough for lines on them


@dataclass(frozen=True, kw_only=True)
class Point:
    """One thing that a caption says (or that the reader takes from the picture), beside what is measured.

    Attributes:
        says: in the caption's words where it has some.
        measured: a sentence with numbers from the data.
        met, of: in how many runs of how many it is seen; None where it is no matter of counting.
    """

    says: str
    measured: str
    met: int | None = None
    of: int = 0

    @property
    def share(self) -> Interval | None:
        """The share of runs with its exact 95 % interval."""
        return None if self.met is None else clopper_pearson(self.met, self.of)


@dataclass(frozen=True, kw_only=True)
class PaperFigure:
    """A figure of the paper, made again.

    Attributes:
        number: in the paper.
        caption: the paper's, word for word; $...$ is LaTeX.
        values: our own choices: name, value, how it was chosen.
        points: the caption point by point.
        picture: what was drawn; its caption says what is ours.
        data: what was drawn, as a table.
        tables: more tables that belong to it, by title.
        more: further pictures that belong to it.
    """

    number: int
    caption: str
    values: tuple[tuple[str, str, str], ...]
    points: tuple[Point, ...]
    picture: Picture
    data: pd.DataFrame
    tables: Mapping[str, pd.DataFrame]
    more: tuple[Picture, ...] = ()


CAPTIONS = {
    1: (
        r"Experimental validation under the synthetic setup, with label noise (left) and without label noise (right)."
        r" (Top) The change in $\max_{j,r} \gamma_{j,r}$ (signal learning) and $\max_{j,r} \rho_{j,r,i}$ (noise"
        r" memorization) on noisy (i.e., when $y_i \neq \tilde{y}_i$) and clean samples (i.e., when"
        r" $y_i = \tilde{y}_i$) w.r.t the training iteration $t$. (Bottom) The change in overall training accuracy"
        r" $Acc_{\mathcal{D}_{\mathrm{train}}}$, as well as the accuracy on clean"
        r" $Acc_{\mathcal{D}_{\mathrm{train, clean}}}$ and noisy samples"
        r" $Acc_{\mathcal{D}_{\mathrm{train, noisy}}}$, w.r.t the training iteration $t$ for models under different"
        r" settings. Note that there are no noisy samples when training without label noise; thus we only plot noise"
        r" memorization on clean samples and the overall training accuracy. The gray dashed line separates the two"
        r" stages for training with label noise."
    ),
    3: (
        r"Experiments on synthetic data with varying problem settings, including varying signal strength $\mu$ and"
        r" label noise ratio $\tau$. We shade the area before noise learning overtakes signal learning of noisy"
        r" samples in blue. This corresponds to the Stage I in our analysis, where early stopping is beneficial. We"
        r" shade the area where signal learning exceeds noise learning for noisy samples in orange, which corresponds"
        r" to Stage II in our analysis."
    ),
}


def setting(*, n: int = 100, m: int = 20, d: int = 2000, mu: float = 10.0, sigma_0: float = 1e-3, tau: float = 0.2,
            step: float = STEP) -> Setting:  # fmt: skip
    """Our setting, or one beside it: sigma_xi = 1 and eta = ``step`` nm/(sigma_xi^2 d), so that a step is one of s."""
    return Setting(n=n, m=m, d=d, mu=mu, sigma_0=sigma_0, eta=step * n * m / d, tau_plus=tau, tau_minus=tau)


NOISY_LABELS, CLEAN_LABELS = setting(), setting(tau=0.0)
# The authors' own values, of the preprint; they do not give m and sigma_0, which are inferred (:func:`crossings`).
AUTHORS = Setting(n=100, m=20, d=2000, mu=20.0, sigma_0=0.01, eta=0.1, tau_plus=0.1, tau_minus=0.1, labels="balanced")
AUTHORS_CLEAN = replace(AUTHORS, tau_plus=0.0, tau_minus=0.0)
AUTHORS_STEPS, AUTHORS_CROSSING = 200, 25
ABOUT = (20, 30)  # what counts as "about iteration 25"; chosen knowing that three seeds, labels drawn, gave 26, 34, 29
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
        ("Condition 4.1", *_condition(s)),
    )  # fmt: skip


def _condition(one: Setting) -> tuple[str, str]:
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
        ("Condition 4.1", *_condition(s)),
    )  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------
# Runs


@dataclass(frozen=True, kw_only=True)
class Runs:
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


def trained(one: Setting, seeds: tuple[int, ...], steps: int = STEPS) -> Runs:
    """Runs of one setting from ``seeds``, over ``steps`` iterations."""
    samples = [draw(one, seed) for seed in seeds]
    settings = [one] * len(seeds)
    recorders = RECORDED | {"test_error": spurious_error(settings, samples, DRAWS)}
    run = train(settings, samples, steps=steps, times=recording_times(steps), series=recorders)
    labels = [[((x.y == c).mean(), x.noisy[x.y == c].mean() if (x.y == c).any() else 0.0) for c in (1.0, -1.0)]
              for x in samples]  # fmt: skip
    return Runs(setting=one, times=run.times, series=run.series, foretold=np.array([foretold(one, x) for x in labels]))


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
    wanted: Sequence[tuple[Setting, int]], seeds: tuple[int, ...], workers: int, labels: str | None = None
) -> Iterator[tuple[Setting, Runs]]:
    """Each wanted setting and its runs, as they finish; with ``labels`` all have labels of that kind."""
    asked = [(replace(one, labels=labels) if labels else one, steps) for one, steps in wanted]
    for k, runs in processes.pooled(partial(_trained, seeds), asked, workers, torch.set_num_threads, (1,)):
        yield wanted[k][0], runs


def _trained(seeds: tuple[int, ...], one: tuple[Setting, int]) -> Runs:
    return trained(one[0], seeds, one[1])


def make(number: int, runs: Mapping[Setting, Runs]) -> PaperFigure:
    """Figure 1 or 3 from the runs of its settings (:func:`needed`)."""
    return {1: figure_1, 3: figure_3}[number](runs)


# ---------------------------------------------------------------------------------------------------------------
# Figure 1


def figure_1(runs: Mapping[Setting, Runs]) -> PaperFigure:
    """The two stages: coefficients and accuracies, with and without label noise."""
    authors, ours = (runs[AUTHORS], runs[AUTHORS_CLEAN]), (runs[NOISY_LABELS], runs[CLEAN_LABELS])
    seeds = len(authors[0].foretold)
    with matplotlib.rc_context(STYLE):
        picture = _draw_1(*authors, "fig1", "at the authors' values")
        second = _draw_1(*ours, "fig1-ours", "at values of ours, nearer to the threshold of κ")
    panels = [
        _table(held, f"{panel}{whose}")
        for pair, whose in ((authors, ""), (ours, ", ours"))
        for held, panel in zip(pair, ("with label noise", "without label noise"), strict=True)
    ]
    kappa = f"κ(1−2τ) = {NOISY_LABELS.kappa * (1 - 2 * NOISY_LABELS.tau_plus):g}"
    return PaperFigure(
        number=1,
        caption=CAPTIONS[1],
        values=authors_values(seeds),
        points=(*_sentences(*authors), *_points_1(*authors)),
        picture=picture,
        more=(second,),
        data=pd.concat(panels, ignore_index=True),
        tables={
            f"What m and σ_0 were: the crossing at about iteration {AUTHORS_CROSSING} (medians [10 %, 90 %])":
                crossings(runs),
            "How the stage line depends on how it is read (medians [10 %, 90 %] over the seeds)": readings(authors[0]),
            f"At our own values, {kappa}: how each was chosen": pd.DataFrame(
                values(seeds), columns=["our value", "", "how it was chosen"]
            ),
            f"At our own values, {kappa}: the caption": _pointed(_points_1(*ours)),
            "What hangs on the values we chose (medians [10 %, 90 %] over the seeds)": sensitivity(runs),
        },
    )  # fmt: skip


def _pointed(points: Iterator[Point]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "the caption": p.says,
                "measured": p.measured,
                "share of runs [95 %]": "–" if p.share is None else
                f"{p.met}/{p.of} [{p.share.low:.2f}, {p.share.high:.2f}]",
            }
            for p in points
        ]
    )  # fmt: skip


def _sentences(noisy: Runs, clean: Runs) -> Iterator[Point]:
    """What the authors say of their Figure 1 in the preprint, sentence by sentence."""
    line, total = noisy.overtaking(), len(noisy.foretold)
    about = (line >= ABOUT[0]) & (line <= ABOUT[1])
    yield Point(
        says=f"(text) max γ leads from the start to about iteration {AUTHORS_CROSSING}, then the noisy max ρ overtakes"
        " it",
        measured=f"it leads from the first step in {_of(line > 1, total)} and is overtaken at t = {median(line)};"
        f" between {ABOUT[0]} and {ABOUT[1]} in {_of(about, total)}",
        met=int(about.sum()), of=total,
    )  # fmt: skip
    held = noisy.series["accuracy_noisy"]
    low, end = noisy.least("accuracy_noisy"), held[:, -1]
    zero = noisy.first(held == 0)
    risen = noisy.first((held > 0) & (noisy.times > np.nan_to_num(zero, nan=np.inf)[:, None]))
    yield Point(
        says="(text) the accuracy on noisy samples drops to 0, then rises",
        measured=f"it is 0 from t = {median(zero)} in {_of(low == 0, total)}, above 0 again from t = {median(risen)}"
        f" in {_of(~np.isnan(risen), total)}, and {median(end)} after {noisy.times[-1]} iterations",
        met=int(((low == 0) & ~np.isnan(risen)).sum()), of=total,
    )  # fmt: skip
    above = clean.series["gamma_max"] > clean.series["rho_clean_max"]
    stays = above[:, clean.times > 0].all(1)
    ratio = clean.series["gamma_max"][:, -1] / clean.series["rho_clean_max"][:, -1]
    yield Point(
        says="(text) without label noise max γ stays above",
        measured=f"throughout in {_of(stays, total)}; at the end max γ is {median(ratio)} times max ρ",
        met=int(stays.sum()), of=total,
    )  # fmt: skip
    yield Point(says="(ours) Condition 4.1 at these values", measured=", ".join(_condition(noisy.setting)[:1]) + ";"
                f" {_condition(noisy.setting)[1]}")  # fmt: skip


def crossings(runs: Mapping[Setting, Runs]) -> pd.DataFrame:
    """The overtaking at the authors' values, for what they do not give: m and sigma_0."""
    rows = []
    for m in MS:
        row = {"m": f"{m}", "mean field, t": f"{mean_field(replace(AUTHORS, m=m)):.3g}"}
        for start in SIGMAS:
            held = runs[replace(AUTHORS, m=m, sigma_0=start)]
            line, low = held.overtaking(), held.least("accuracy_noisy")
            seen = f"; noisy accuracy 0 in {_of(low == 0, len(low))}" if not (low == 0).all() else ""
            row[f"σ_0 = {start:g}"] = f"{median(line)}{seen}"
        rows.append(row)
    return pd.DataFrame(rows)


def _points_1(noisy: Runs, clean: Runs) -> Iterator[Point]:
    line, total = noisy.overtaking(), len(noisy.foretold)
    leads, overtaken = line > 1, ~np.isnan(line)
    ahead = noisy.series["rho_noisy_max"] > noisy.series["gamma_max"]
    stays = np.array([row[noisy.times >= t].all() if t == t else False for row, t in zip(ahead, line, strict=True)])
    yield Point(
        says="signal learning (max γ) leads noise memorization (max ρ) on noisy samples first, and is overtaken once",
        measured=f"signal leads from the first step in {_of(leads, total)}, is overtaken in {_of(overtaken, total)},"
        f" and never leads again in {_of(stays, total)}; at the end max ρ on noisy samples is"
        f" {median(noisy.series['rho_noisy_max'][:, -1] / noisy.series['gamma_max'][:, -1])} times max γ",
        met=int((leads & stays).sum()), of=total,
    )  # fmt: skip
    expected = mean_field(noisy.setting)
    known = ~np.isnan(noisy.foretold) & overtaken
    told = noisy.foretold[known], line[known]
    ranked = (
        f", which ranks the seeds as measured with Spearman {spearmanr(*told).statistic:.2f}: the luck of the flips"
        if min(np.unique(x).size for x in told) > 2
        else ""
    )
    yield Point(
        says="the gray dashed line separates the two stages",
        measured=f"the overtaking stands at t = {median(line)} over the seeds, that is s ="
        f" {median(line * noisy.setting.time_scale)}; the mean field has it at t = {expected:.3g}, and with each"
        f" run's own labels at {median(noisy.foretold)}{ranked}",
    )
    t_1 = noisy.first(noisy.series["coefficient_min"] >= Reading().order_one)
    before = t_1 < line
    late, luck = ~before & ~np.isnan(t_1), ~before & (noisy.foretold <= t_1)
    flips = (
        f". In {luck.sum()} of the others the mean field with the run's own labels puts the line before T_1: at this κ"
        " the flips decide whether γ > ρ at T_1"
    )
    yield Point(
        says="Stage I holds T_1 (Theorem 4.1), when every coefficient is of order one and signal leads",
        measured=f"with {Reading().order_one:g} read as of order one T_1 = {median(t_1)}; it lies before the line in"
        f" {_of(before, total)}, after it in {late.sum()}, and in {np.isnan(t_1).sum()} some coefficient never gets"
        f" there{flips if luck.any() else ''}",
        met=int(before.sum()), of=total,
    )  # fmt: skip
    fitted = noisy.settled(noisy.series["accuracy_clean"] >= 1)
    holds = noisy.least("accuracy_clean") >= 1
    yield Point(
        says="clean samples are fitted in Stage I and stay fitted",
        measured=f"accuracy on clean samples is 1 from t = {median(fitted)} on, and throughout in {_of(holds, total)}",
        met=int(holds.sum()), of=total,
    )  # fmt: skip
    low = noisy.least("accuracy_noisy")
    ignored, dips = low == 0, low < noisy.series["accuracy_noisy"][:, 0]
    yield Point(
        says="accuracy on noisy samples falls in Stage I: they are predicted as their true label",
        measured=f"its least value is {median(low)}; it falls below where it started in {_of(dips, total)}, to"
        f" exactly 0 in {_of(ignored, total)}; overall accuracy then is"
        f" {median(noisy.least('accuracy'))}, about one less the share of flips",
        met=int(dips.sum()), of=total,
    )  # fmt: skip
    everything = noisy.settled(noisy.series["accuracy_noisy"] >= 1)
    after = everything > line
    yield Point(
        says="noisy samples are memorized in Stage II",
        measured=f"all are fitted from t = {median(everything)} on, after the line in {_of(after, total)}: with"
        " half of the neurons active on a sample, fitting it takes ρ > 2γ (Lemma 5.1), not ρ > γ",
        met=int(after.sum()), of=total,
    )  # fmt: skip
    best, end = noisy.least("test_error"), noisy.series["test_error"][:, -1]
    worse = end > noisy.at("test_error", line)
    yield Point(
        says="(not drawn in the paper) generalization degrades in Stage II",
        measured=f"test error on D_test is {median(best)} at its best in training, "
        f"{median(noisy.at('test_error', line))} at the line and {median(end)} at the end; it has grown from the"
        f" line to the end in {_of(worse, total)}",
        met=int(worse.sum()), of=total,
    )  # fmt: skip
    perfect, signal = clean.least("accuracy") >= 1, clean.series["gamma_max"] > clean.series["rho_clean_max"]
    leading = signal[:, clean.times > 0].all(1)
    yield Point(
        says="without label noise: overall accuracy reaches one and there are no stages to part",
        measured=f"all samples are fitted from the first step to the last in {_of(perfect, total)}; max γ leads max ρ"
        f" throughout in {_of(leading, total)}; test error on D_test ends at"
        f" {median(clean.series['test_error'][:, -1])}",
        met=int((perfect & leading).sum()), of=total,
    )  # fmt: skip


def readings(noisy: Runs) -> pd.DataFrame:
    """The overtaking by other readings of the captions' words, on the same runs."""
    order_one = Reading().order_one
    rise = {k: np.diff(noisy.series[k], axis=1, prepend=0.0) for k in ("rho_noisy_mean", "gamma_mean")}
    read = {
        "max ρ over noisy samples exceeds max γ (the curves drawn; ours)": noisy.overtaking(),
        "mean over noisy samples of max_{j,r} ρ exceeds max γ": noisy.overtaking("rho_noisy_typical"),
        "class means: mean own ρ of noisy samples exceeds mean γ": noisy.overtaking("rho_noisy_mean", "gamma_mean"),
        "gradients (abstract): mean ρ of noisy samples grows faster than mean γ":
            noisy.first(rise["rho_noisy_mean"] > rise["gamma_mean"]),
        f"T_1: every γ and own ρ at least {order_one:g}": noisy.first(noisy.series["coefficient_min"] >= order_one),
        "all noisy samples fitted to the end": noisy.settled(noisy.series["accuracy_noisy"] >= 1),
    }  # fmt: skip
    return pd.DataFrame([{"reading": name, "t, median [10 %, 90 %]": median(t)} for name, t in read.items()])


def sensitivity(runs: Mapping[Setting, Runs]) -> pd.DataFrame:
    """What the picture becomes where one of our values is another."""
    rows = []
    for name, one, _ in VARIANTS:
        held = runs[one]
        line, scale = held.overtaking(), one.time_scale
        rows.append({
            "changed": name,
            "κ(1−2τ)": f"{one.kappa * (1 - 2 * one.tau_plus):.3g}",
            "Stage I seen": _of(line > 1, len(line)),
            "overtaking, s": median(line * scale),
            "mean field, s": f"{mean_field(one) * scale:.3g}",
            "least noisy accuracy": median(held.least("accuracy_noisy")),
            "noisy accuracy at the end": median(held.series["accuracy_noisy"][:, -1]),
            "best test error": median(held.least("test_error")),
            "test error at the end": median(held.series["test_error"][:, -1]),
        })  # fmt: skip
    return pd.DataFrame(rows)


def _draw_1(noisy: Runs, clean: Runs, name: str, where: str) -> Picture:
    figure, axes = canvas(
        8.6, 5.2, 2, 2, sharex=True, sharey="row", height_ratios=[1.55, 1], hspace=0.1, wspace=0.06, right=1.3, left=0.7
    )
    panels = ((noisy, "with label noise", axes[:, 0]), (clean, "without label noise", axes[:, 1]))
    line = noisy.overtaking()
    for held, title, (top, low) in panels:
        t = held.times[1:]
        if held is noisy:
            for axis in (top, low):
                _line(axis, line, noisy.setting)
        for series, colour, label in (
            ("gamma_max", SIGNAL, r"$\max\,\gamma$ (signal)"),
            ("rho_noisy_max", NOISY, r"$\max\,\rho$, noisy"),
            ("rho_clean_max", CLEAN, r"$\max\,\rho$, clean"),
        ):
            _curve(top, held, series, colour, label)
        found = curve(held.setting.kappa, held.setting.tau_plus, held.times * held.setting.time_scale)
        for values_ in (found.gamma, found.rho_clean, *([found.rho_noisy] if held is noisy else [])):
            top.plot(t, values_[1:], color=INK, lw=0.9, ls=(0, (1, 1.6)), zorder=3)
        for series, colour, label in (("accuracy_clean", CLEAN, "clean"), ("accuracy_noisy", NOISY, "noisy"),
                                      ("accuracy", INK, "overall")):  # fmt: skip
            if held is noisy or series == "accuracy":
                _curve(low, held, series, colour, label)
        top.set(title=title, xscale="log")
        low.set(xlabel="iteration $t$", ylim=(-0.04, 1.06), xlim=(1, held.times[-1]))
        low.set_xticks([1, 3, 10, 30, 100, 300], ["1", "3", "10", "30", "100", "300"])
    axes[0, 0].set(ylabel="largest coefficient", yscale="log", ylim=(0.05, None))
    axes[0, 0].set_yticks([0.1, 0.3, 1, 3, 10], ["0.1", "0.3", "1", "3", "10"])
    axes[1, 0].set(ylabel="training accuracy")
    top, low = axes[0, 1], axes[1, 1]
    top.plot([], [], color=NOISY, label=r"$\max\,\rho$, noisy")
    top.plot([], [], color=INK, lw=0.9, ls=(0, (1, 1.6)), label="mean field")
    top.plot([], [], color=MUTED, lw=1.1, ls=(0, (5, 3)), label="stage line")
    top.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    low.legend(*axes[1, 0].get_legend_handles_labels(), loc="center left", bbox_to_anchor=(1.01, 0.5))
    first = f"{np.nanmedian(line):.3g}"
    return finished(
        figure,
        name,
        "Largest coefficients and training accuracies over iterations, with and without label noise",
        f"Figure 1 again, {where}: {_described(noisy.setting)}; {len(line)} seeds. Lines are medians over the seeds,"
        f" bands hold {BAND[0]} to {BAND[1]} % of them. Dotted: the mean field. Gray: median overtaking (dashed,"
        f" $t = {first}$) and the span of {BAND[0]} to {BAND[1]} % of the seeds; the triangle on the axis is the mean"
        f" field's, $t = {mean_field(noisy.setting):.3g}$.",
    )


def _line(axis: Axes, line: np.ndarray, one: Setting) -> None:
    """The stage line: the median overtaking, and how far it spreads over the seeds."""
    known = line[~np.isnan(line)]
    if not known.size:
        return
    low, high = np.percentile(known, BAND)
    axis.axvspan(low, high, color=MUTED, alpha=0.13, lw=0, zorder=0)
    axis.axvline(float(np.median(known)), color=MUTED, lw=1.1, ls=(0, (5, 3)), zorder=1)
    expected = mean_field(one)
    axis.plot([expected], [0], marker="^", ms=6, color=INK, clip_on=False, transform=axis.get_xaxis_transform())


def _curve(axis: Axes, held: Runs, name: str, colour: str, label: str) -> None:
    band = held.band(name)
    if band is None:
        return
    middle, low, high = (x[1:] for x in band)
    axis.fill_between(held.times[1:], low, high, color=colour, alpha=0.18, lw=0)
    axis.plot(held.times[1:], middle, color=colour, label=label)


def _table(held: Runs, panel: str) -> pd.DataFrame:
    """What a panel shows, over recorded iterations: median and band of every series, and the mean field."""
    found = curve(held.setting.kappa, held.setting.tau_plus, held.times * held.setting.time_scale)
    columns: dict[str, Any] = {"panel": panel, "mu": held.setting.mu, "tau": held.setting.tau_plus,
                               "iteration": held.times}  # fmt: skip
    for name in ("gamma_max", "rho_noisy_max", "rho_clean_max", "accuracy", "accuracy_clean", "accuracy_noisy",
                 "test_error"):  # fmt: skip
        band = held.band(name)
        for part, numbers in zip(
            ("median", "low", "high"), band or [np.full(held.times.size, np.nan)] * 3, strict=True
        ):
            columns[f"{name}_{part}"] = numbers
    columns |= {"meanfield_gamma": found.gamma, "meanfield_rho_clean": found.rho_clean}
    columns["meanfield_rho_noisy"] = found.rho_noisy if held.setting.tau_plus > 0 else np.nan
    line = held.overtaking()
    columns["share_overtaken"] = [float((line <= t).mean()) for t in held.times]
    return pd.DataFrame(columns)


# ---------------------------------------------------------------------------------------------------------------
# Figure 3


def figure_3(runs: Mapping[Setting, Runs]) -> PaperFigure:
    """The overtaking over a grid of signal strengths and flip probabilities."""
    grid = {(tau, mu): runs[setting(mu=mu, tau=tau)] for tau in TAUS for mu in MUS}
    seeds = len(next(iter(grid.values())).foretold)
    with matplotlib.rc_context(STYLE):
        picture = _draw_3(grid)
    chosen = [row for row in values(seeds) if row[0] not in ("‖μ‖", "τ", "Condition 4.1")]
    spans = ", ".join(f"{setting(mu=mu).kappa:.3g}" for mu in MUS)
    chosen[3:3] = [
        ("‖μ‖", ", ".join(f"{mu:g}" for mu in MUS), f"κ from {spans}: steps of two, from below the mean field's"
         " threshold κ(1−2τ) = 2 to far above it"),
        ("τ", ", ".join(f"{tau:g}" for tau in TAUS), "up to where Stage I vanishes at the default ‖μ‖ in many runs"),
    ]  # fmt: skip
    return PaperFigure(
        number=3,
        caption=CAPTIONS[3],
        values=tuple(chosen),
        points=tuple(_points_3(grid)),
        picture=picture,
        data=pd.concat([_table(held, f"mu={mu:g} tau={tau:g}") for (tau, mu), held in grid.items()], ignore_index=True),
        tables={"Overtaking and test error over the grid (medians [10 %, 90 %] over the seeds)": _grid_table(grid)},
    )


def _grid_table(grid: Mapping[tuple[float, float], Runs]) -> pd.DataFrame:
    rows = []
    for (tau, mu), held in grid.items():
        line = held.overtaking()
        rows.append({
            "τ": f"{tau:g}",
            "‖μ‖": f"{mu:g}",
            "κ(1−2τ)": f"{held.setting.kappa * (1 - 2 * tau):.3g}",
            "Stage I seen": _of(line > 1, len(line)),
            "overtaking, t": median(line),
            "mean field, t": f"{mean_field(held.setting):.3g}",
            "own labels, t": median(held.foretold),
            "least noisy accuracy": median(held.least("accuracy_noisy")),
            "best test error": median(held.least("test_error")),
            "at the overtaking": median(held.at("test_error", line)),
            "at the end": median(held.series["test_error"][:, -1]),
        })  # fmt: skip
    return pd.DataFrame(rows)


def _points_3(grid: Mapping[tuple[float, float], Runs]) -> Iterator[Point]:
    above = [held for held in grid.values() if mean_field(held.setting) > 0]
    below = [held for held in grid.values() if mean_field(held.setting) == 0]
    seen = np.concatenate([held.overtaking() > 1 for held in above])
    none = np.concatenate([held.overtaking() == 1 for held in below])
    yield Point(
        says="there is a Stage I before noise learning overtakes signal learning of noisy samples (blue)",
        measured=f"in the {len(above)} panels with κ(1−2τ) > 2 it is seen in {_of(seen, seen.size)}; in the"
        f" {len(below)} panels below, where the mean field has none, noise leads from the first step in"
        f" {_of(none, none.size)}",
        met=int(seen.sum()), of=seen.size,
    )  # fmt: skip
    every = np.concatenate([held.overtaking() for held in grid.values()])
    yield Point(
        says="noise learning overtakes in the end in every setting (orange)",
        measured=f"within {STEPS} iterations in {_of(~np.isnan(every), every.size)}",
        met=int((~np.isnan(every)).sum()), of=every.size,
    )  # fmt: skip
    line = {cell: held.overtaking() for cell, held in grid.items()}
    pairs = [(line[tau, a], line[tau, b]) for tau in TAUS for a, b in pairwise(MUS)]
    stronger = np.concatenate([_later(a, b) for a, b in pairs])
    yield Point(
        says="varying signal strength μ",
        measured="a stronger signal keeps the lead longer: from one ‖μ‖ to the next the same seed is overtaken later,"
        f" or at once both times, in {_of(stronger, stronger.size)}",
        met=int(stronger.sum()), of=stronger.size,
    )  # fmt: skip
    pairs = [(line[b, mu], line[a, mu]) for mu in MUS for a, b in pairwise(TAUS)]
    fewer = np.concatenate([_later(a, b) for a, b in pairs])
    yield Point(
        says="varying label noise ratio τ",
        measured="more flips bring it forward: from one τ to the next the same seed is overtaken earlier, or at once"
        f" both times, in {_of(fewer, fewer.size)}",
        met=int(fewer.sum()), of=fewer.size,
    )  # fmt: skip
    ratios = np.array([np.nanmedian(held.overtaking()) / mean_field(held.setting) for held in above])
    yield Point(
        says="(ours) the mean field foretells the overtaking",
        measured=f"median overtaking over the mean field's, panel by panel: {ratios.min():.2f} to {ratios.max():.2f}"
        f" where it has one",
    )
    better = np.concatenate([_least_in(held, held.stage_one) < held.series["test_error"][:, -1] for held in above])
    yield Point(
        says="Stage I, where early stopping is beneficial",
        measured="the best test error on D_test within Stage I is below that at the end in"
        f" {_of(better, better.size)} of the panels with κ(1−2τ) > 2"
        f" (a run without a Stage I counts as a failure)",
        met=int(better.sum()), of=better.size,
    )  # fmt: skip
    yield Point(
        says="“the area where signal learning exceeds noise learning for noisy samples in orange … Stage II”",
        measured="read the other way round: taken by its words the sentence would make Stage II what the sentence"
        " before calls Stage I. Orange is where noise learning exceeds signal learning, as in the abstract",
    )


def _later(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Whether b is overtaken after a, or both at the first step; never counts as later than everything."""
    a, b = np.nan_to_num(a, nan=np.inf), np.nan_to_num(b, nan=np.inf)
    return (b > a) | ((a == 1) & (b == 1))


def _least_in(held: Runs, mask: np.ndarray) -> np.ndarray:
    return np.where(mask, held.series["test_error"], np.inf).min(1)


def _draw_3(grid: Mapping[tuple[float, float], Runs]) -> Picture:
    figure, axes = canvas(
        10.2, 6.6, len(TAUS), len(MUS), sharex=True, sharey=True, hspace=0.1, wspace=0.06, right=0.3, left=0.85,
        top=0.62, bottom=0.58,
    )  # fmt: skip
    for row, tau in enumerate(TAUS):
        for column, mu in enumerate(MUS):
            axis, held = axes[row, column], grid[tau, mu]
            line = held.overtaking()
            end = held.times[-1]
            split = float(np.median(np.nan_to_num(line, nan=end)))
            axis.axvspan(1, split, color=BLUE, lw=0, zorder=0)
            axis.axvspan(split, end, color=ORANGE, lw=0, zorder=0)
            axis.grid(False)
            _curve(axis, held, "gamma_max", SIGNAL, r"$\max\,\gamma$ (signal)")
            _curve(axis, held, "rho_noisy_max", NOISY, r"$\max\,\rho$ (noise), noisy samples")
            # One tick per seed at the top: where noise overtakes signal in that run.
            axis.plot(line, np.full(line.size, 0.965), "|", color=INK, ms=6, mew=0.7, alpha=0.6,
                      transform=axis.get_xaxis_transform())  # fmt: skip
            axis.axvline(max(mean_field(held.setting), 1.0), color=INK, lw=0.9, ls=(0, (1, 1.6)))
            least, last = np.median(held.least("test_error")), np.median(held.series["test_error"][:, -1])
            axis.text(0.97, 0.11, rf"$\kappa(1-2\tau)={held.setting.kappa * (1 - 2 * tau):.3g}$" "\n"
                      rf"error {least:.2f} $\to$ {last:.2f}", transform=axis.transAxes, fontsize=8.5, va="center",
                      ha="right", linespacing=1.3)  # fmt: skip
            axis.set(xscale="log", yscale="log", xlim=(1, end), ylim=(0.025, 40))
            axis.set_yticks([0.1, 1, 10], ["0.1", "1", "10"])
            axis.set_xticks([1, 10, 100], ["1", "10", "100"])
            if row == 0:
                axis.set_title(rf"$\|\mu\|={mu:g}$")
            if row == len(TAUS) - 1:
                axis.set_xlabel("iteration $t$")
            if column == 0:
                axis.set_ylabel(rf"$\tau={tau:g}$" "\nlargest coefficient")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    shades = [matplotlib.patches.Patch(color=BLUE), matplotlib.patches.Patch(color=ORANGE)]
    dots = matplotlib.lines.Line2D([], [], color=INK, lw=0.9, ls=(0, (1, 1.6)))
    tick = matplotlib.lines.Line2D([], [], color=INK, marker="|", ls="", ms=6, mew=0.7)
    figure.legend(
        [*handles, *shades, tick, dots],
        [*labels, "Stage I", "Stage II", "overtaking, one seed each", "overtaking, mean field"],
        loc="upper center", ncols=6, bbox_to_anchor=(0.5, 1.0),
    )  # fmt: skip
    held = next(iter(grid.values()))
    return finished(
        figure,
        "fig3",
        "Largest coefficients over iterations for signal strengths and flip probabilities, both stages shaded",
        f"Figure 3 again: {_described(held.setting, but=('mu', 'tau'))}; {len(held.foretold)} seeds. Lines are medians"
        f" over the seeds, bands hold {BAND[0]} to {BAND[1]} % of them. Blue: before the median overtaking; orange:"
        r" after it. Each tick at the top is the overtaking of one seed, the dotted line the mean field's (at the left"
        r" edge where it has no Stage I, $\kappa(1-2\tau) \leq 2$). Test error on $\mathcal{D}_{\mathrm{test}}$:"
        r" the best in training $\to$ at the end, medians.",
    )


# ---------------------------------------------------------------------------------------------------------------
# Words


def _described(one: Setting, but: tuple[str, ...] = ()) -> str:
    parts = [f"$n = {one.n}$", f"$d = {one.d}$", f"$m = {one.m}$"]
    if "mu" not in but:
        parts.append(rf"$\|\mu\| = {one.mu:g}$")
    parts += [rf"$\sigma_\xi = {one.sigma_xi:g}$", rf"$\sigma_0 = {one.sigma_0:g}$", rf"$\eta = {one.eta:g}$"]
    if "tau" not in but:
        parts.append(rf"$\tau = {one.tau_plus:g}$")
    parts.append(f"{one.labels} labels")
    return ", ".join(parts)


def median(numbers: np.ndarray) -> str:
    """Median [10 %, 90 %] over the seeds that have one."""
    held = np.asarray(numbers, dtype=float)
    known = held[~np.isnan(held)]
    if not known.size:
        return "none"
    middle, low, high = (f"{x:.3g}".replace("-", "−") for x in np.percentile(known, [50, *BAND]))
    return middle if low == high else f"{middle} [{low}, {high}]"


def _of(met: np.ndarray, total: int) -> str:
    return f"{int(np.sum(met))} of {total}"
