"""Figures 1 and 3: what their captions say beside what the runs show, and the tables that belong to them."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from numerics import Setting
from theory.papers.han2025 import Reading
from verify.predicted import curve
from verify.reproduce import synthetic
from verify.reproduce.figure import CaptionPoint, PaperFigure, median, of
from verify.reproduce.synthetic import (
    AUTHORS,
    AUTHORS_CLEAN,
    AUTHORS_CROSSING,
    CLEAN_LABELS,
    NOISY_LABELS,
    STEPS,
    SyntheticRuns,
    authors_values,
    condition_of,
    mean_field,
    setting,
    values,
)
from verify.reproduce.synthetic_drawn import draw_1, draw_3

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
ABOUT = (20, 30)  # what counts as "about iteration 25"; chosen knowing that three seeds, labels drawn, gave 26, 34, 29


def make(number: int, runs: Mapping[Setting, SyntheticRuns]) -> PaperFigure:
    """Figure 1 or 3 from the runs of its settings (:func:`needed`)."""
    return {1: figure_1, 3: figure_3}[number](runs)


def figure_1(runs: Mapping[Setting, SyntheticRuns]) -> PaperFigure:
    """The two stages: coefficients and accuracies, with and without label noise."""
    authors, ours = (runs[AUTHORS], runs[AUTHORS_CLEAN]), (runs[NOISY_LABELS], runs[CLEAN_LABELS])
    seeds = len(authors[0].foretold)
    picture = draw_1(*authors, "fig1", "at the authors' values")
    second = draw_1(*ours, "fig1-ours", "at values of ours, nearer to the threshold of κ")
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


def _pointed(points: Iterator[CaptionPoint]) -> pd.DataFrame:
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


def _sentences(noisy: SyntheticRuns, clean: SyntheticRuns) -> Iterator[CaptionPoint]:
    """What the authors say of their Figure 1 in the preprint, sentence by sentence."""
    line, total = noisy.overtaking(), len(noisy.foretold)
    about = (line >= ABOUT[0]) & (line <= ABOUT[1])
    yield CaptionPoint(
        says=f"(text) max γ leads from the start to about iteration {AUTHORS_CROSSING}, then the noisy max ρ overtakes"
        " it",
        measured=f"it leads from the first step in {of(line > 1, total)} and is overtaken at t = {median(line)};"
        f" between {ABOUT[0]} and {ABOUT[1]} in {of(about, total)}",
        met=int(about.sum()), of=total,
    )  # fmt: skip
    held = noisy.series["accuracy_noisy"]
    low, end = noisy.least("accuracy_noisy"), held[:, -1]
    zero = noisy.first(held == 0)
    risen = noisy.first((held > 0) & (noisy.times > np.nan_to_num(zero, nan=np.inf)[:, None]))
    yield CaptionPoint(
        says="(text) the accuracy on noisy samples drops to 0, then rises",
        measured=f"it is 0 from t = {median(zero)} in {of(low == 0, total)}, above 0 again from t = {median(risen)}"
        f" in {of(~np.isnan(risen), total)}, and {median(end)} after {noisy.times[-1]} iterations",
        met=int(((low == 0) & ~np.isnan(risen)).sum()), of=total,
    )  # fmt: skip
    above = clean.series["gamma_max"] > clean.series["rho_clean_max"]
    stays = above[:, clean.times > 0].all(1)
    ratio = clean.series["gamma_max"][:, -1] / clean.series["rho_clean_max"][:, -1]
    yield CaptionPoint(
        says="(text) without label noise max γ stays above",
        measured=f"throughout in {of(stays, total)}; at the end max γ is {median(ratio)} times max ρ",
        met=int(stays.sum()), of=total,
    )  # fmt: skip
    yield CaptionPoint(
        says="(ours) Condition 4.1 at these values", measured="{}; {}".format(*condition_of(noisy.setting))
    )


def crossings(runs: Mapping[Setting, SyntheticRuns]) -> pd.DataFrame:
    """The overtaking at the authors' values, for what they do not give: m and sigma_0."""
    rows = []
    for m in synthetic.MS:
        row = {"m": f"{m}", "mean field, t": f"{mean_field(replace(AUTHORS, m=m)):.3g}"}
        for start in synthetic.SIGMAS:
            held = runs[replace(AUTHORS, m=m, sigma_0=start)]
            line, low = held.overtaking(), held.least("accuracy_noisy")
            seen = f"; noisy accuracy 0 in {of(low == 0, len(low))}" if not (low == 0).all() else ""
            row[f"σ_0 = {start:g}"] = f"{median(line)}{seen}"
        rows.append(row)
    return pd.DataFrame(rows)


def _points_1(noisy: SyntheticRuns, clean: SyntheticRuns) -> Iterator[CaptionPoint]:
    line, total = noisy.overtaking(), len(noisy.foretold)
    leads, overtaken = line > 1, ~np.isnan(line)
    ahead = noisy.series["rho_noisy_max"] > noisy.series["gamma_max"]
    stays = np.array([row[noisy.times >= t].all() if t == t else False for row, t in zip(ahead, line, strict=True)])
    yield CaptionPoint(
        says="signal learning (max γ) leads noise memorization (max ρ) on noisy samples first, and is overtaken once",
        measured=f"signal leads from the first step in {of(leads, total)}, is overtaken in {of(overtaken, total)},"
        f" and never leads again in {of(stays, total)}; at the end max ρ on noisy samples is"
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
    yield CaptionPoint(
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
    yield CaptionPoint(
        says="Stage I holds T_1 (Theorem 4.1), when every coefficient is of order one and signal leads",
        measured=f"with {Reading().order_one:g} read as of order one T_1 = {median(t_1)}; it lies before the line in"
        f" {of(before, total)}, after it in {late.sum()}, and in {np.isnan(t_1).sum()} some coefficient never gets"
        f" there{flips if luck.any() else ''}",
        met=int(before.sum()), of=total,
    )  # fmt: skip
    fitted = noisy.settled(noisy.series["accuracy_clean"] >= 1)
    holds = noisy.least("accuracy_clean") >= 1
    yield CaptionPoint(
        says="clean samples are fitted in Stage I and stay fitted",
        measured=f"accuracy on clean samples is 1 from t = {median(fitted)} on, and throughout in {of(holds, total)}",
        met=int(holds.sum()), of=total,
    )  # fmt: skip
    low = noisy.least("accuracy_noisy")
    ignored, dips = low == 0, low < noisy.series["accuracy_noisy"][:, 0]
    yield CaptionPoint(
        says="accuracy on noisy samples falls in Stage I: they are predicted as their true label",
        measured=f"its least value is {median(low)}; it falls below where it started in {of(dips, total)}, to"
        f" exactly 0 in {of(ignored, total)}; overall accuracy then is"
        f" {median(noisy.least('accuracy'))}, about one less the share of flips",
        met=int(dips.sum()), of=total,
    )  # fmt: skip
    everything = noisy.settled(noisy.series["accuracy_noisy"] >= 1)
    after = everything > line
    yield CaptionPoint(
        says="noisy samples are memorized in Stage II",
        measured=f"all are fitted from t = {median(everything)} on, after the line in {of(after, total)}: with"
        " half of the neurons active on a sample, fitting it takes ρ > 2γ (Lemma 5.1), not ρ > γ",
        met=int(after.sum()), of=total,
    )  # fmt: skip
    best, end = noisy.least("test_error"), noisy.series["test_error"][:, -1]
    worse = end > noisy.at("test_error", line)
    yield CaptionPoint(
        says="(not drawn in the paper) generalization degrades in Stage II",
        measured=f"test error on D_test is {median(best)} at its best in training, "
        f"{median(noisy.at('test_error', line))} at the line and {median(end)} at the end; it has grown from the"
        f" line to the end in {of(worse, total)}",
        met=int(worse.sum()), of=total,
    )  # fmt: skip
    perfect, signal = clean.least("accuracy") >= 1, clean.series["gamma_max"] > clean.series["rho_clean_max"]
    leading = signal[:, clean.times > 0].all(1)
    yield CaptionPoint(
        says="without label noise: overall accuracy reaches one and there are no stages to part",
        measured=f"all samples are fitted from the first step to the last in {of(perfect, total)}; max γ leads max ρ"
        f" throughout in {of(leading, total)}; test error on D_test ends at"
        f" {median(clean.series['test_error'][:, -1])}",
        met=int((perfect & leading).sum()), of=total,
    )  # fmt: skip


def readings(noisy: SyntheticRuns) -> pd.DataFrame:
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


def sensitivity(runs: Mapping[Setting, SyntheticRuns]) -> pd.DataFrame:
    """What the picture becomes where one of our values is another."""
    rows = []
    for name, one, _ in synthetic.VARIANTS:
        held = runs[one]
        line, scale = held.overtaking(), one.time_scale
        rows.append({
            "changed": name,
            "κ(1−2τ)": f"{one.kappa * (1 - 2 * one.tau_plus):.3g}",
            "Stage I seen": of(line > 1, len(line)),
            "overtaking, s": median(line * scale),
            "mean field, s": f"{mean_field(one) * scale:.3g}",
            "least noisy accuracy": median(held.least("accuracy_noisy")),
            "noisy accuracy at the end": median(held.series["accuracy_noisy"][:, -1]),
            "best test error": median(held.least("test_error")),
            "test error at the end": median(held.series["test_error"][:, -1]),
        })  # fmt: skip
    return pd.DataFrame(rows)


def _table(held: SyntheticRuns, panel: str) -> pd.DataFrame:
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


def figure_3(runs: Mapping[Setting, SyntheticRuns]) -> PaperFigure:
    """The overtaking over a grid of signal strengths and flip probabilities."""
    grid = {(tau, mu): runs[setting(mu=mu, tau=tau)] for tau in synthetic.TAUS for mu in synthetic.MUS}
    seeds = len(next(iter(grid.values())).foretold)
    picture = draw_3(grid)
    chosen = [row for row in values(seeds) if row[0] not in ("‖μ‖", "τ", "Condition 4.1")]
    spans = ", ".join(f"{setting(mu=mu).kappa:.3g}" for mu in synthetic.MUS)
    chosen[3:3] = [
        ("‖μ‖", ", ".join(f"{mu:g}" for mu in synthetic.MUS), f"κ from {spans}: steps of two, from below the mean"
         " field's threshold κ(1−2τ) = 2 to far above it"),
        ("τ", ", ".join(f"{tau:g}" for tau in synthetic.TAUS), "up to where Stage I vanishes at the default ‖μ‖ in many"
         " runs"),
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


def _grid_table(grid: Mapping[tuple[float, float], SyntheticRuns]) -> pd.DataFrame:
    rows = []
    for (tau, mu), held in grid.items():
        line = held.overtaking()
        rows.append({
            "τ": f"{tau:g}",
            "‖μ‖": f"{mu:g}",
            "κ(1−2τ)": f"{held.setting.kappa * (1 - 2 * tau):.3g}",
            "Stage I seen": of(line > 1, len(line)),
            "overtaking, t": median(line),
            "mean field, t": f"{mean_field(held.setting):.3g}",
            "own labels, t": median(held.foretold),
            "least noisy accuracy": median(held.least("accuracy_noisy")),
            "best test error": median(held.least("test_error")),
            "at the overtaking": median(held.at("test_error", line)),
            "at the end": median(held.series["test_error"][:, -1]),
        })  # fmt: skip
    return pd.DataFrame(rows)


def _points_3(grid: Mapping[tuple[float, float], SyntheticRuns]) -> Iterator[CaptionPoint]:
    above = [held for held in grid.values() if mean_field(held.setting) > 0]
    below = [held for held in grid.values() if mean_field(held.setting) == 0]
    seen = np.concatenate([held.overtaking() > 1 for held in above])
    none = np.concatenate([held.overtaking() == 1 for held in below])
    yield CaptionPoint(
        says="there is a Stage I before noise learning overtakes signal learning of noisy samples (blue)",
        measured=f"in the {len(above)} panels with κ(1−2τ) > 2 it is seen in {of(seen, seen.size)}; in the"
        f" {len(below)} panels below, where the mean field has none, noise leads from the first step in"
        f" {of(none, none.size)}",
        met=int(seen.sum()), of=seen.size,
    )  # fmt: skip
    every = np.concatenate([held.overtaking() for held in grid.values()])
    yield CaptionPoint(
        says="noise learning overtakes in the end in every setting (orange)",
        measured=f"within {STEPS} iterations in {of(~np.isnan(every), every.size)}",
        met=int((~np.isnan(every)).sum()), of=every.size,
    )  # fmt: skip
    line = {cell: held.overtaking() for cell, held in grid.items()}
    pairs = [(line[tau, a], line[tau, b]) for tau in synthetic.TAUS for a, b in pairwise(synthetic.MUS)]
    stronger = np.concatenate([_later(a, b) for a, b in pairs])
    yield CaptionPoint(
        says="varying signal strength μ",
        measured="a stronger signal keeps the lead longer: from one ‖μ‖ to the next the same seed is overtaken later,"
        f" or at once both times, in {of(stronger, stronger.size)}",
        met=int(stronger.sum()), of=stronger.size,
    )  # fmt: skip
    pairs = [(line[b, mu], line[a, mu]) for mu in synthetic.MUS for a, b in pairwise(synthetic.TAUS)]
    fewer = np.concatenate([_later(a, b) for a, b in pairs])
    yield CaptionPoint(
        says="varying label noise ratio τ",
        measured="more flips bring it forward: from one τ to the next the same seed is overtaken earlier, or at once"
        f" both times, in {of(fewer, fewer.size)}",
        met=int(fewer.sum()), of=fewer.size,
    )  # fmt: skip
    ratios = np.array([np.nanmedian(held.overtaking()) / mean_field(held.setting) for held in above])
    yield CaptionPoint(
        says="(ours) the mean field foretells the overtaking",
        measured=f"median overtaking over the mean field's, panel by panel: {ratios.min():.2f} to {ratios.max():.2f}"
        f" where it has one",
    )
    better = np.concatenate([_least_in(held, held.stage_one) < held.series["test_error"][:, -1] for held in above])
    yield CaptionPoint(
        says="Stage I, where early stopping is beneficial",
        measured="the best test error on D_test within Stage I is below that at the end in"
        f" {of(better, better.size)} of the panels with κ(1−2τ) > 2"
        f" (a run without a Stage I counts as a failure)",
        met=int(better.sum()), of=better.size,
    )  # fmt: skip
    yield CaptionPoint(
        says="“the area where signal learning exceeds noise learning for noisy samples in orange … Stage II”",
        measured="read the other way round: taken by its words the sentence would make Stage II what the sentence"
        " before calls Stage I. Orange is where noise learning exceeds signal learning, as in the abstract",
    )


def _later(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Whether b is overtaken after a, or both at the first step; never counts as later than everything."""
    a, b = np.nan_to_num(a, nan=np.inf), np.nan_to_num(b, nan=np.inf)
    return (b > a) | ((a == 1) & (b == 1))


def _least_in(held: SyntheticRuns, mask: np.ndarray) -> np.ndarray:
    return np.where(mask, held.series["test_error"], np.inf).min(1)
