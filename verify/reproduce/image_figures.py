"""Figures 2 and 4 of the paper again, on real images: point by point, and as tables.

Everything here is an illustration: see :mod:`verify.reproduce.image_measures` for how a statement over seeds gets its
answer.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from numerics import cifar10, images, vgg
from numerics.attribution import shap_values
from numerics.images import Images
from numerics.vgg import Trained
from verify.reproduce.figure import BAND, CaptionPoint, PaperFigure, median
from verify.reproduce.image_drawn import draw_2, draw_4, draw_selection
from verify.reproduce.image_measures import (
    LOG2,
    Explained,
    ImageRuns,
    as_many_as_clean,
    band_of,
    clean_first,
    dips,
    log2_near_best,
    mean,
    memorised,
    near_best,
    rate_in_words,
    runs_of,
    selection,
    sighting,
    stopping_helps,
    toward_label,
)
from verify.reproduce.image_runs import Experiment, Rate

TAU = 0.2  # Figure 2's share of flips; stated for the paper in a summary of it
TAUS = (0.1, 0.2, 0.3, 0.4)  # Figure 4's, chosen by us
SEEDS = 10  # with which 9 of 10 decide
BACKGROUND = 24  # training images that SHAP compares with
EXPLAINED = 6  # flipped samples that are explained, and a clean one beside each
CAPTIONS = {
    2: (
        r"Experimental validation in real-world scenarios. Two VGG nets are trained on the first two categories of"
        r" CIFAR-10 under nearly identical settings. One is trained with label noise and the other without. (Left) The"
        r" accuracy curves for the two models. Here, $Acc_{\mathcal{D}_{\mathrm{train}}}$ and"
        r" $Acc_{\mathcal{D}_{\mathrm{test}}}$ represent the accuracy on the entire training and test sets,"
        r" respectively, while $Acc_{\mathcal{D}_{\mathrm{train, clean}}}$ and"
        r" $Acc_{\mathcal{D}_{\mathrm{train, noisy}}}$ specifically denote the accuracy on clean and noisy samples from"
        r" the training set. (Right) Visualization of model predictions (via SHAP) for noisy samples across multiple"
        r" epochs. Red regions indicate positive contributions to model predictions, while blue regions denote negative"
        r" contributions, with darker regions signifying greater contributions."
    ),
    4: (
        r"Experiments on CIFAR-10 dataset with varying label noise ratio $\tau$. Across different label noise ratios,"
        r" we observe a similar pattern that there exist an initial decrease in the training accuracy on noisy samples"
        r" before an increase to perfect classification. This validates our theoretical findings in real-world settings"
        r" under various label noise ratios."
    ),
}


def rates(numbers: tuple[int, ...], tau: Rate = TAU, taus: tuple[float, ...] = TAUS) -> tuple[Rate, ...]:
    """Flip rates that Figures 2 and 4 draw on, each once."""
    wanted = [*((0.0, tau) if 2 in numbers else ()), *(taus if 4 in numbers else ())]
    return tuple(dict.fromkeys(wanted))


def values(experiment: Experiment, data: Images, rate: str, how: str) -> tuple[tuple[str, str, str], ...]:
    """What the authors do not tell, or have on other data, as it is here, with how it was chosen."""
    recipe, n = experiment.recipe, len(data.train)
    digits = experiment.data == "digits"
    given = {
        "vgg11": "the paper's network, with one linear layer",
        "vgg11-4096": "the paper's network, with the head of the authors' public code",
    }.get(recipe.network, "narrow and short enough for a CPU: VGG's pattern")
    network = vgg.NETWORKS[recipe.network]
    layers = " ".join(str(width) if width else "M" for width in network.convolutions)
    head = "".join(f"linear {width}, dropout 0.5, " for width in network.hidden) + "one linear layer"
    return (
        ("data", f"{data.source}, {data.classes[0]} against {data.classes[1]}",
         "real images that need no download, upscaled from 8 × 8; a pair that people too confuse" if digits
         else "the paper's" if data.classes == cifar10.CLASSES[:2] else "as asked for"),
        ("images", f"{n} to train on, {len(data.test)} to test on",
         "two thirds and one third, divided anew by every seed" if digits else "CIFAR-10's own division"),
        ("network", f"{recipe.network} ({layers}; {head})", given),
        ("batch normalisation", "none", "VGG-11 was published without; with it a sample's loss would depend on the"
         " others of its minibatch"),
        ("optimiser", f"SGD, momentum {recipe.momentum:g}, no weight decay",
         "the paper says SGD; the rest is as in the theory's gradient descent"),
        ("learning rate, batch, epochs", f"{recipe.rate:g}, {recipe.batch}, {recipe.epochs}",
         "on other seeds, such that training ends with every label fitted" if digits else "untried by us on CIFAR-10"),
        ("scaling", "each channel to mean 0, variance 1 over the training images; no augmentation",
         "standard, as known of the paper"),
        ("τ", rate, how),
        ("seeds", f"{len(experiment.seeds)}", f"flips, weights and order are drawn anew; lines are medians, bands hold"
         f" {BAND[0]} to {BAND[1]} % of them"),
        ("bottom", "the epoch with fewest flipped samples fitted",
         "our stand-in for the end of Stage I; it is found with the true flips"),
    )  # fmt: skip


def planned(
    numbers: tuple[int, ...],
    *,
    data: str = "digits",
    classes: str | None = None,
    tau: Rate = TAU,
    seed: int = 0,
    seeds: int = SEEDS,
    device: str = "cpu",
    **recipe: object,
) -> Experiment:
    """What the figures with these numbers need.

    Args:
        numbers: 2, 4 or both.
        data: see :func:`numerics.images.load`.
        classes: two of them with a comma between, or None.
        tau: flip rate of Figure 2.
        seed: the first of them.
        seeds: how many.
        device: cpu, cuda ...
        recipe: fields of :class:`numerics.vgg.Recipe` that differ from those in :data:`numerics.vgg.RECIPES`; None is
            the same as absent.

    Raises:
        ValueError: a value out of its range.
    """
    kind = data.partition(":")[0]
    if 2 in numbers and not np.any(tau):
        raise ValueError("--tau 0: Figure 2 compares training with and without flipped labels; give one above 0")
    if kind not in vgg.RECIPES:
        raise ValueError(f"--data {data}: no such source; give digits, or cifar10:PATH")
    return Experiment(
        data=data,
        classes=None if classes is None else tuple(part.strip() for part in classes.split(",")),
        rates=rates(numbers, tau),
        seeds=tuple(range(seed, seed + seeds)),
        recipe=replace(vgg.RECIPES[kind], **{k: v for k, v in recipe.items() if v is not None}),
        device=device,
    )


def make(experiment: Experiment, numbers: tuple[int, ...], courses: Mapping[Rate, list[Trained]], tau: Rate = TAU,
         taus: tuple[float, ...] = TAUS) -> list[PaperFigure]:  # fmt: skip
    """Figures 2 and 4, as asked for, from the runs of their rates (:func:`rates`)."""
    runs = {rate: runs_of(rate, held) for rate, held in courses.items()}
    made = []
    if 2 in numbers:
        explained = explain(experiment, runs[tau], courses[tau][0].snapshots)
        made.append(figure_2(experiment, runs[tau], runs[0.0], explained))
    if 4 in numbers:
        made.append(figure_4(experiment, tuple(runs[rate] for rate in taus)))
    return made


def explain(experiment: Experiment, runs: ImageRuns, snapshots: Mapping[int, Mapping[str, torch.Tensor]]) -> Explained:
    """Explain flipped samples, and beside each a clean one of the same true class: the first of each in the data."""
    data = images.load(experiment.data, experiment.classes, experiment.seeds[0])
    true, flipped = data.train_labels.numpy(), runs.flipped[0]
    kinds = [[np.flatnonzero((true == label) & (flipped == kind)) for kind in (True, False)] for label in (0, 1)]
    pairs = [(kinds[k % 2][0][k // 2], kinds[k % 2][1][k // 2]) for k in range(EXPLAINED)
             if k // 2 < min(len(x) for x in kinds[k % 2])]  # fmt: skip
    rows = np.array(pairs).flatten()
    sign = np.where(true[rows] ^ flipped[rows], 1.0, -1.0)  # the given label as +-1
    chosen = np.random.default_rng([experiment.seeds[0], 2]).permutation(len(true))
    background = data.train[chosen[~np.isin(chosen, rows)][:BACKGROUND]]
    network = vgg.build(experiment.recipe.network, data.train.shape[1], data.train.shape[2], 0)
    found = []
    for weights in snapshots.values():
        network.load_state_dict(weights)
        maps, outputs, expected = shap_values(network, data.train[rows], background)
        toward = (maps[:, 1] - maps[:, 0]).sum(1) * sign[:, None, None]
        f = np.array([outputs[:, 1] - outputs[:, 0], np.broadcast_to(expected[1] - expected[0], len(rows))]) * sign
        found.append((toward, *f))
    maps, outputs, expected = (np.array(part) for part in zip(*found, strict=True))
    return Explained(epochs=tuple(snapshots), rows=rows, values=maps, outputs=outputs, expected=expected)


def figure_2(experiment: Experiment, noisy: ImageRuns, clean: ImageRuns, explained: Explained) -> PaperFigure:
    """With and without label noise, SHAP values, and small-loss selection."""
    data = images.load(experiment.data, experiment.classes, experiment.seeds[0])
    picture = draw_2(experiment, data, noisy, clean, explained)
    beside = draw_selection(experiment, data, noisy)
    return PaperFigure(
        number=2,
        caption=CAPTIONS[2],
        values=(
            *values(experiment, data, rate_in_words(noisy.rate), _flips(noisy)),
            ("SHAP", f"DeepExplainer against {BACKGROUND} training images", "of shap's methods for such a network the"
             " one whose values sum to the output difference exactly; the network is copied without in-place layers"),
        ),
        points=tuple(_points_2(noisy, clean, explained)),
        picture=picture,
        data=pd.concat([_table(noisy), _table(clean)], ignore_index=True),
        tables={
            "Small-loss selection at several thresholds (means over the seeds with 95 % intervals)": thresholds(noisy),
            "SHAP values toward the label given, one network": _explained_table(explained),
        },
        more=(beside,),
    )  # fmt: skip


def _flips(runs: ImageRuns) -> str:
    if isinstance(runs.rate, float | int):
        return f"the paper's default; exactly int(τN) = {int(runs.flipped[0].sum())} labels are flipped"
    return f"each label by its class's own rate: {median(runs.flipped.sum(1))} are flipped"


def _counted(met: np.ndarray, says: str, measured: str) -> CaptionPoint:
    count, of = int(met.sum()), len(met)
    measured += f". {sighting(count, of).value.capitalize()}: {count} of {of} runs"
    return CaptionPoint(says=says, measured=measured, met=count, of=of)


def _points_2(noisy: ImageRuns, clean: ImageRuns, explained: Explained) -> Iterator[CaptionPoint]:
    flipped, bottom = noisy.accuracy("flipped"), noisy.bottom
    yield _counted(
        dips(noisy),
        "with label noise, accuracy on noisy samples first falls",
        f"from {median(flipped[:, 0])} before training to {median(flipped.min(1))}, at epoch {median(bottom)}; a"
        " fall counts above two standard errors",
    )
    yield _counted(
        memorised(noisy),
        "and then rises to perfect classification",
        f"at the end {median(flipped[:, -1])} of the flipped samples are fitted",
    )
    pick = np.arange(len(bottom)), bottom
    yield _counted(
        clean_first(noisy),
        "clean samples are fitted first",
        f"at the bottom {median(noisy.accuracy('clean')[pick])} of the clean samples are fitted; a run counts if it"
        " fits 95 % of the clean samples before 95 % of the flipped ones",
    )
    cost = clean.test_at(-1) - noisy.test_at(-1)
    yield _counted(
        cost > 0,
        "Acc on the test set ends lower with label noise than without",
        f"{median(noisy.test_at(-1))} against {median(clean.test_at(-1))}; the difference is {mean(cost)} on average",
    )
    yield _counted(
        (clean.accuracy("all")[:, -1] == 1) & near_best(clean, -1),
        "without label noise all training samples are fitted and test accuracy does not fall back",
        f"training accuracy ends at {median(clean.accuracy('all')[:, -1])}, test accuracy at"
        f" {median(clean.test_at(-1))} after at most {median(clean.accuracy('test').max(1))} (within two standard"
        " errors counts)",
    )
    gain = noisy.test_at(bottom) - noisy.test_at(-1)
    yield _counted(
        stopping_helps(noisy, bottom),
        "(Proposition 4.3, beside the figure) early stopping helps",
        f"test accuracy at the bottom is {median(noisy.test_at(bottom))}; less that at the end it is {mean(gain)} on"
        " average",
    )
    other = noisy.test_at(noisy.others) - noisy.test_at(-1)
    yield _counted(
        stopping_helps(noisy, noisy.others),
        "(beside the figure) also at an epoch that is not picked by the run's own flips",
        f"at the other seeds' median bottom test accuracy is {median(noisy.test_at(noisy.others))}; less that at the"
        f" end it is {mean(other)} on average: early accuracies jump, and the flips pick a good epoch",
    )
    best = noisy.accuracy("test").max(1)
    yield _counted(
        near_best(noisy, bottom),
        "(beside the figure) and stops near the best test accuracy",
        f"the best epoch has {median(best)}, at epoch {median(noisy.accuracy('test').argmax(1))}; the bottom misses"
        f" it by {mean(best - noisy.test_at(bottom))} on average (within two standard errors counts)",
    )
    at_bottom, at_end = _at_log2(noisy, bottom), _at_log2(noisy, np.full(len(bottom), noisy.margins.shape[1] - 1))
    base = 1 - noisy.flipped.mean(1)
    yield _counted(
        log2_near_best(noisy, bottom),
        "(Proposition 4.3, beside the figure) at the bottom the threshold log 2 parts clean from flipped samples about"
        " as well as any",
        f"recall {median(at_bottom[:, 0])}, precision {median(at_bottom[:, 2])} where taking all gives"
        f" {median(base)}; a run counts if recall less mistakes is within two standard errors of the best threshold's."
        " It does not part them perfectly, as the theory's would",
    )
    at_other = _at_log2(noisy, noisy.others)
    yield _counted(
        log2_near_best(noisy, noisy.others),
        "(beside the figure) also at an epoch that is not picked by the run's own flips",
        f"at the other seeds' median bottom recall is {median(at_other[:, 0])}, precision {median(at_other[:, 2])}",
    )
    yield _counted(
        at_end[:, 2] < at_bottom[:, 2],
        "(beside the figure) and no longer at the end",
        f"precision at log 2 falls to {median(at_end[:, 2])}",
    )
    epochs = list(explained.epochs)  # 0 comes first, and there is at least one more
    early, late = toward_label(explained, 1), toward_label(explained, -1)
    yield CaptionPoint(
        says="SHAP for noisy samples across epochs: red for the prediction, blue against it",
        measured=f"one network, {len(explained.rows) // 2} flipped samples. The output toward the label given, which"
        f" the values explain, is negative for {early[0]} of them at epoch {epochs[1]} and positive for"
        f" {late[1]} at epoch {epochs[-1]}; the clean samples beside them are at {early[2]} and {late[2]}"
        " positive. The values sum to the output difference within"
        f" {np.abs(explained.values.sum((2, 3)) - (explained.outputs - explained.expected)).max():.0e}",
    )


def _at_log2(runs: ImageRuns, epochs: np.ndarray) -> np.ndarray:
    return np.array([selection(runs, seed, epoch).at(LOG2) for seed, epoch in enumerate(epochs)])


def thresholds(runs: ImageRuns) -> pd.DataFrame:
    """Small-loss selection at the bottom, at the other seeds' and at the end: log 2 against other thresholds."""
    rows = []
    last = runs.margins.shape[1] - 1
    for when, epochs in (
        ("bottom", runs.bottom),
        ("the others' bottom", runs.others),
        ("end", np.full(len(runs.bottom), last)),
    ):
        held = [selection(runs, seed, epoch) for seed, epoch in enumerate(epochs)]
        losses = [runs.losses(seed, epoch) for seed, epoch in enumerate(epochs)]
        area = mean([h.area for h in held])
        chosen = {
            "log 2": [LOG2] * len(held),
            "half of log 2": [LOG2 / 2] * len(held),
            "twice log 2": [2 * LOG2] * len(held),
            "the mean loss": [x.mean() for x in losses],
            "as many as are clean (needs τ)": [as_many_as_clean(runs, *k) for k in enumerate(epochs)],
            "the best (needs the flips)": [h.best for h in held],
        }
        for name, at in chosen.items():
            found = np.array([h.at(x) for h, x in zip(held, at, strict=True)])
            known = found[~np.isnan(found[:, 2]), 2]
            rows.append({
                "epoch": when,
                "threshold": name,
                "recall": mean(found[:, 0]),
                "flipped ones taken": mean(found[:, 1]),
                "precision": mean(known) if len(known) else "nothing taken",
                "recall less mistakes": mean(found[:, 0] - found[:, 1]),
                "area under ROC": area,
            })  # fmt: skip
    return pd.DataFrame(rows).map(str)


def _explained_table(explained: Explained) -> pd.DataFrame:
    return pd.DataFrame([
        {
            "epoch": epoch,
            "sample": int(row),
            "kind": "flipped" if k % 2 == 0 else "clean",
            "output toward the label given": f"{explained.outputs[p, k]:.3g}",
            "mean over the background": f"{explained.expected[p, k]:.3g}",
            "positive values, sum": f"{explained.values[p, k].clip(min=0).sum():.3g}",
            "negative values, sum": f"{explained.values[p, k].clip(max=0).sum():.3g}",
        }
        for k, row in enumerate(explained.rows) for p, epoch in enumerate(explained.epochs)
    ])  # fmt: skip


def figure_4(experiment: Experiment, runs: tuple[ImageRuns, ...]) -> PaperFigure:
    """Accuracies over epochs for several shares of flips."""
    data = images.load(experiment.data, experiment.classes, experiment.seeds[0])
    picture = draw_4(experiment, data, runs)
    return PaperFigure(
        number=4,
        caption=CAPTIONS[4],
        values=values(experiment, data, ", ".join(rate_in_words(held.rate) for held in runs), "up to near one half;"
                      " exactly int(τN) labels are flipped"),
        points=tuple(point for held in runs for point in _points_4(held)),
        picture=picture,
        data=pd.concat([_table(held) for held in runs], ignore_index=True),
        tables={
            "Accuracies over the flip rates (medians [10 %, 90 %] over the seeds; means with 95 % intervals)":
                pd.DataFrame([_row_4(held) for held in runs]),
        },
    )  # fmt: skip


def _points_4(runs: ImageRuns) -> Iterator[CaptionPoint]:
    flipped, tau = runs.accuracy("flipped"), rate_in_words(runs.rate)
    yield _counted(
        dips(runs),
        f"τ = {tau}: an initial decrease in the training accuracy on noisy samples",
        f"from {median(flipped[:, 0])} to {median(flipped.min(1))}, at epoch {median(runs.bottom)}",
    )
    yield _counted(
        memorised(runs),
        f"τ = {tau}: before an increase to perfect classification",
        f"{median(flipped[:, -1])} of the noisy samples are fitted at the end; test accuracy is"
        f" {median(runs.test_at(runs.bottom))} at the bottom and {median(runs.test_at(-1))} at the end",
    )


def _row_4(runs: ImageRuns) -> dict[str, str]:
    bottom, others = runs.bottom, runs.others
    seen = {
        "falls": dips(runs),
        "ends perfect": memorised(runs),
        "clean first": clean_first(runs),
        "stopping helps": stopping_helps(runs, bottom),
        "at the others' bottom": stopping_helps(runs, others),
        "log 2 near best": log2_near_best(runs, bottom),
        "log 2 at the others' bottom": log2_near_best(runs, others),
    }
    return {
        "τ": rate_in_words(runs.rate),
        "bottom, epoch": median(runs.bottom),
        "flipped fitted: start": median(runs.accuracy("flipped")[:, 0]),
        "flipped fitted: bottom": median(runs.accuracy("flipped").min(1)),
        "flipped fitted: end": median(runs.accuracy("flipped")[:, -1]),
        "test: best": median(runs.accuracy("test").max(1)),
        "test: at the bottom": median(runs.test_at(bottom)),
        "test: at the others' bottom": median(runs.test_at(others)),
        "test: at the end": median(runs.test_at(-1)),
        "gain at the bottom, mean": str(mean(runs.test_at(bottom) - runs.test_at(-1))),
        "gain at the others' bottom, mean": str(mean(runs.test_at(others) - runs.test_at(-1))),
    } | {
        name: f"{int(met.sum())} of {len(met)}: {sighting(int(met.sum()), len(met)).value}"
        for name, met in seen.items()
    }


def _table(runs: ImageRuns) -> pd.DataFrame:
    """What a panel shows: median and band of the accuracies over epochs."""
    columns: dict[str, object] = {"tau": rate_in_words(runs.rate), "epoch": np.arange(runs.margins.shape[1])}
    for which in ("all", "clean", "flipped", "test"):
        for part, numbers in zip(("median", "low", "high"), band_of(runs, which), strict=True):
            columns[f"{which}_{part}"] = numbers
    return pd.DataFrame(columns)
