"""What is measured on runs on real images. A statement is a yes or no per run; over seeds it is *seen* if the exact 95
% interval of the share of runs that show it lies above one half, *not seen* if it lies below, and otherwise there is
*not enough evidence*. With 10 seeds that takes 9 of 10.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from scipy.stats import t as student

from numerics.vgg import Trained
from verify import roc
from verify.fit import LEVEL, Interval, clopper_pearson
from verify.reproduce.figure import BAND
from verify.reproduce.image_runs import Rate

LOG2 = float(np.log(2))


@dataclass(frozen=True, kw_only=True)
class ImageRuns:
    """All seeds of one flip rate, at the end of epochs 0 to E.

    Attributes:
        rate: theirs.
        margins: y~_i f(x_i) of training images. Shape (seeds, E+1, N).
        flipped: shape (seeds, N).
        test_margins: y f(x) of test images. Shape (seeds, E+1, M).
    """

    rate: Rate
    margins: np.ndarray
    flipped: np.ndarray
    test_margins: np.ndarray

    def accuracy(self, which: str) -> np.ndarray:
        """Of ``all``, ``clean`` or ``flipped`` training images against the labels given, or of ``test`` images.

        Shape (seeds, E+1); NaN where there are none of a kind.
        """
        if which == "test":
            return (self.test_margins > 0).mean(2)
        fitted = self.margins > 0
        if which == "all":
            return fitted.mean(2)
        mask = (self.flipped if which == "flipped" else ~self.flipped)[:, None]
        count = mask.sum(2)
        return np.where(count > 0, (fitted & mask).sum(2) / np.maximum(count, 1), np.nan)

    @property
    def bottom(self) -> np.ndarray:
        """The epoch at which fewest flipped samples are fitted, the first of several. Shape (seeds,)."""
        return self.accuracy("flipped").argmin(1)

    @property
    def others(self) -> np.ndarray:
        """The median bottom of the *other* seeds, rounded down: known without a run's own flips. Shape (seeds,).

        The bottom is picked by the flips, and so by luck too where accuracies jump from epoch to epoch; this is not.
        """
        bottom = self.bottom
        return (
            np.array([int(np.median(np.delete(bottom, k))) for k in range(len(bottom))]) if len(bottom) > 1 else bottom
        )

    def test_at(self, epoch: np.ndarray | int) -> np.ndarray:
        """Test accuracy at an epoch of each run. Shape (seeds,)."""
        return self.accuracy("test")[np.arange(len(self.margins)), epoch]

    def losses(self, seed: int, epoch: int) -> np.ndarray:
        """log(1 + exp(-margin)) of the training images of one run. Shape (N,)."""
        return np.logaddexp(0.0, -self.margins[seed, epoch].astype(np.float64))


def runs_of(rate: Rate, courses: Sequence[Trained]) -> ImageRuns:
    return ImageRuns(
        rate=rate,
        margins=np.stack([c.margins.numpy() for c in courses]),
        flipped=np.stack([c.flipped.numpy() for c in courses]),
        test_margins=np.stack([c.test_margins.numpy() for c in courses]),
    )


class Sighting(Enum):
    SEEN = "seen"
    NOT_SEEN = "not seen"
    UNDECIDED = "not enough evidence"


def sighting(met: int, of: int) -> Sighting:
    """Three answers from a count over seeds: the sign test at 5 %, either way."""
    share = clopper_pearson(met, of)
    if share.low > 0.5:
        return Sighting.SEEN
    return Sighting.NOT_SEEN if share.high < 0.5 else Sighting.UNDECIDED


def mean(numbers: np.ndarray) -> Interval:
    """The mean over seeds with Student's 95 % interval."""
    numbers = np.asarray(numbers, dtype=float)
    middle = float(numbers.mean())
    if len(numbers) < 2:
        return Interval(value=middle, low=-np.inf, high=np.inf)
    reach = float(student.ppf((1 + LEVEL) / 2, len(numbers) - 1) * numbers.std(ddof=1) / np.sqrt(len(numbers)))
    return Interval(value=middle, low=middle - reach, high=middle + reach)


def standard_error(share: np.ndarray, of: np.ndarray | int) -> np.ndarray:
    """Of a share of ``of`` samples; one hit and one miss are added, lest it be 0 where all are hits."""
    smoothed = (share * of + 1) / (of + 2)
    return np.sqrt(smoothed * (1 - smoothed) / of)


def dips(runs: ImageRuns) -> np.ndarray:
    """Does accuracy on flipped samples fall from its start, by more than two standard errors of the difference?

    For two shares of F samples the standard error is at most sqrt(1/(2F)).
    """
    held = runs.accuracy("flipped")
    return held[:, 0] - held.min(1) > 2 * np.sqrt(1 / (2 * np.maximum(runs.flipped.sum(1), 1)))


def memorised(runs: ImageRuns) -> np.ndarray:
    """Is every flipped sample fitted at the end?"""
    return runs.accuracy("flipped")[:, -1] == 1


def clean_first(runs: ImageRuns) -> np.ndarray:
    """Are 95 % of the clean samples fitted at an earlier epoch than 95 % of the flipped ones?"""
    first = [np.where((h >= 0.95).any(1), (h >= 0.95).argmax(1), np.inf) for h in map(runs.accuracy, KINDS)]
    return first[0] < first[1]


KINDS = ("clean", "flipped")


def stopping_helps(runs: ImageRuns, epoch: np.ndarray | int) -> np.ndarray:
    """Is test accuracy at an epoch above that at the end?"""
    return runs.test_at(epoch) > runs.test_at(-1)


def near_best(runs: ImageRuns, epoch: np.ndarray | int) -> np.ndarray:
    """Is test accuracy at an epoch within two standard errors of that at the best epoch?"""
    best = runs.accuracy("test").max(1)
    return runs.test_at(epoch) >= best - 2 * standard_error(best, runs.test_margins.shape[2])


@dataclass(frozen=True, kw_only=True)
class SmallLoss:
    """Samples with a loss of at most a threshold, taken for the clean ones, for every threshold, on one run and epoch.

    Attributes:
        thresholds: the losses in rising order. Shape (N,).
        recall: share of the clean samples that are selected (the true positive rate). Shape (N,).
        mistakes: share of the flipped samples that are selected (the false positive rate). Shape (N,).
        precision: share of those selected that are clean. Shape (N,).
        area: under the ROC curve.
    """

    thresholds: np.ndarray
    recall: np.ndarray
    mistakes: np.ndarray
    precision: np.ndarray
    area: float

    def at(self, threshold: float) -> tuple[float, float, float]:
        """Recall, mistakes and precision at a threshold; the precision of nothing is NaN."""
        k = int(np.searchsorted(self.thresholds, threshold, side="right")) - 1
        return (self.recall[k], self.mistakes[k], self.precision[k]) if k >= 0 else (0.0, 0.0, np.nan)

    @property
    def best(self) -> float:
        """The threshold with the largest recall less mistakes (Youden's J), which only the true flips tell."""
        return float(self.thresholds[(self.recall - self.mistakes).argmax()])


def selection(runs: ImageRuns, seed: int, epoch: int) -> SmallLoss:
    losses, clean = runs.losses(seed, epoch), ~runs.flipped[seed]
    found = roc.curves(-losses, clean)  # equal losses are selected together
    return SmallLoss(
        thresholds=np.unique(losses),
        recall=found["recall"].to_numpy(),
        mistakes=found["false_positive_rate"].to_numpy(),
        precision=found["precision"].to_numpy(),
        area=roc.auc(-losses, clean),
    )


def log2_near_best(runs: ImageRuns, epochs: np.ndarray) -> np.ndarray:
    """Is recall less mistakes at log 2, at an epoch, within two standard errors of the best threshold's?"""
    found = []
    for seed, epoch in enumerate(epochs):
        held, flips = selection(runs, seed, epoch), runs.flipped[seed].sum()
        ours, best = held.at(LOG2), held.at(held.best)
        error = np.hypot(standard_error(best[0], len(runs.flipped[seed]) - flips), standard_error(best[1], flips))
        found.append(ours[0] - ours[1] >= best[0] - best[1] - 2 * error)
    return np.array(found)


@dataclass(frozen=True, kw_only=True)
class Explained:
    """SHAP values of f toward the label a sample was *given*, at several epochs of the first seed's network.

    Attributes:
        epochs: at the end of which. Shape (P,).
        rows: of the training images: flipped and clean ones in turn, of the first class, the second, and so on.
        values: summed over channels. Shape (P, K, H, W).
        outputs: y~ f(x). Shape (P, K).
        expected: y~ E f(background). Shape (P, K).
    """

    epochs: tuple[int, ...]
    rows: np.ndarray
    values: np.ndarray
    outputs: np.ndarray
    expected: np.ndarray


def toward_label(explained: Explained, at: int) -> tuple[int, int, int]:
    """Flipped samples predicted against their given label, and by it; clean ones predicted by it."""
    flipped, clean = explained.outputs[at, ::2], explained.outputs[at, 1::2]
    return int((flipped < 0).sum()), int((flipped > 0).sum()), int((clean > 0).sum())


def band_of(runs: ImageRuns, which: str) -> np.ndarray:
    held = runs.accuracy(which)
    if np.isnan(held).any():
        return np.full((3, held.shape[1]), np.nan)
    return np.percentile(held, [50, *BAND], axis=0)


def rate_in_words(rate: Rate) -> str:
    return f"{rate:g}" if isinstance(rate, float | int) else f"τ₋ = {rate[0]:g}, τ₊ = {rate[1]:g}"


def as_many_as_clean(runs: ImageRuns, seed: int, epoch: int) -> float:
    """The threshold that selects as many samples as are clean: it needs their number, not which they are."""
    return float(np.sort(runs.losses(seed, epoch))[(~runs.flipped[seed]).sum() - 1])
