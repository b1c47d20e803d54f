"""Runs on real images: planned, run in processes over seeds, kept in a folder, and what is measured on them.

What the theory says of its two-layer network is looked for here in a VGG network on real images. That is an
illustration and no evidence for or against a theorem: images have no signal and noise patches, the network is deep, and
Condition 4.1 says nothing of either. A statement is a yes or no per run; over seeds it is *seen* if the exact 95 %
interval of the share of runs that show it lies above one half, *not seen* if it lies below, and otherwise there is *not
enough evidence*. With 10 seeds that takes 9 of 10.
"""

import hashlib
import json
import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import asdict, dataclass, replace
from enum import Enum
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from queue import Empty
from typing import Any

import numpy as np
import torch
from scipy.stats import t as student

from numerics import cifar10, images, pickled, vgg
from numerics.extra import extra
from numerics.vgg import Course, Recipe
from verify import processes
from verify.fit import LEVEL, Interval, clopper_pearson
from verify.folder import Folder

Rate = float | tuple[float, float]
LOG2 = float(np.log(2))
SAVE_EVERY = 5  # epochs between checkpoints
SHOWN = (0, 2, 5, 20)  # epochs at which predictions are explained, besides the last


def require_extra(packages: Sequence[str]) -> None:
    """Say at the start, not after hours of training, that a package of the extra is missing.

    Raises:
        ValueError: one is not installed.
    """
    for name in packages:
        with extra():
            if find_spec(name) is None:
                raise ModuleNotFoundError(name=name)


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Everything that determines the numbers.

    Attributes:
        data: ``digits`` or ``cifar10:PATH``.
        classes: two of its classes, or None for its default ones.
        rates: of flipped labels, see :func:`numerics.images.flips`; 0 is training without label noise.
        seeds: each with its own flips, initial weights and order of images, and for the digits its own division.
        recipe: the network and its training.
        device: cpu, cuda ...
    """

    data: str
    classes: tuple[str, ...] | None
    rates: tuple[Rate, ...]
    seeds: tuple[int, ...]
    recipe: Recipe
    device: str = "cpu"

    def jobs(self) -> list[tuple[Rate, int]]:
        return [(rate, seed) for seed in self.seeds for rate in self.rates]

    def recipe_of(self, seed: int) -> Recipe:
        """Weights along the way are kept for the first seed only: for a large network they take gigabytes."""
        shown = (*(epoch for epoch in SHOWN if epoch < self.recipe.epochs), self.recipe.epochs)
        return replace(self.recipe, snapshots=shown if seed == self.seeds[0] else ())


def named(rate: Rate) -> str:
    """A flip rate in words, fit for a file name."""
    return f"tau-{rate:g}" if isinstance(rate, float | int) else f"tau-plus-{rate[1]:g}-minus-{rate[0]:g}"


# ---------------------------------------------------------------------------------------------------------------
# Running


def check(experiment: Experiment) -> None:
    """Say what cannot be run before anything is written or started.

    Raises:
        ValueError: the data cannot be read, a rate is out of its range, or the device cannot do it.
    """
    held = images.load(experiment.data, experiment.classes, experiment.seeds[0])
    for rate in experiment.rates:
        images.flips(held.train_labels, rate, experiment.seeds[0])
    vgg.check_precision(experiment.recipe, experiment.device)


def epochs_left(experiment: Experiment, folder: Path) -> int:
    """How many epochs, over all runs, are still to be trained."""
    left = 0
    for job in experiment.jobs():
        held = _held(experiment, job, folder)
        if held is None or not held["done"]:
            left += experiment.recipe.epochs - (len(held["state"]["margins"]) - 1 if held else 0)
    return left


def collect(
    experiment: Experiment, folder: Path, workers: int, on_epoch: Callable[[int], None] = lambda _: None
) -> dict[Rate, list[Course]]:
    """Run what ``folder`` does not hold yet, one process per run; an interrupted run goes on from its checkpoint.

    Args:
        experiment: what to run.
        folder: where finished runs and checkpoints are kept, from :meth:`Folder.open`.
        workers: processes at once; on a device other than the CPU there is one.
        on_epoch: called with numbers of epochs as they are finished, see :func:`epochs_left`.

    Returns:
        courses by rate, in the order of the seeds.

    Raises:
        ValueError: the data cannot be read, training diverges, or a file in ``folder`` is damaged or of another
            experiment.
    """
    found = {}
    for job in experiment.jobs():
        held = _held(experiment, job, folder)
        if held is not None and held["done"]:
            found[job] = Course(**held["course"])
    pending = [job for job in experiment.jobs() if job not in found]
    if workers <= 1 or len(pending) <= 1 or experiment.device != "cpu":
        if experiment.device == "cpu":
            torch.set_num_threads(1)  # numbers depend on it to the last bit
        for job in pending:
            found[job] = _execute(experiment, job, folder, on_epoch)
    else:
        for job, course in _in_processes(experiment, pending, folder, workers, on_epoch):
            found[job] = course
    return {rate: [found[rate, seed] for seed in experiment.seeds] for rate in experiment.rates}


# Of all figures, the synthetic ones too. The runs say themselves whose they are, see :func:`_fingerprint`.
FOLDER = Folder(
    what="figures",
    files=(*(f"fig[1-4]*.{x}" for x in ("svg", "png", "csv")), "figures.html", "figures.md"),
    work="runs",
    finished="tau-*.pt",
)

_counter: Any = None  # in a worker, the queue that its finished epochs go to


def _start(counter: Any) -> None:
    global _counter
    _counter = counter
    torch.set_num_threads(1)


def _in_worker(experiment: Experiment, job: tuple[Rate, int], folder: Path) -> Course:
    return _execute(experiment, job, folder, _counter.put)


def _in_processes(
    experiment: Experiment, pending: list, folder: Path, workers: int, on_epoch: Callable[[int], None]
) -> Iterator[tuple[tuple[Rate, int], Course]]:
    counter = processes.queue()

    def count() -> None:
        while True:
            try:
                on_epoch(counter.get_nowait())
            except Empty:
                return

    try:
        with processes.Pool(min(workers, len(pending)), _start, (counter,)) as pool:
            waiting = {pool.submit(_in_worker, experiment, job, folder): job for job in pending}
            while waiting:
                done, _ = wait(waiting, timeout=0.5, return_when=FIRST_COMPLETED)
                count()
                for future in done:
                    yield waiting.pop(future), pool.result(future)
    finally:
        counter.cancel_join_thread()
        counter.close()


def _execute(experiment: Experiment, job: tuple[Rate, int], folder: Path, on_epoch: Callable[[int], None]) -> Course:
    """One run, from its checkpoint if there is one, saved when it is done."""
    rate, seed = job
    held = _held(experiment, job, folder)
    if held and held["done"]:  # meanwhile, by a process that outlived its command
        return Course(**held["course"])
    state = held["state"] if held else None
    data = images.load(experiment.data, experiment.classes, seed)
    flipped = images.flips(data.train_labels, rate, seed)

    def checkpoint(epoch: int, reached: Callable[[], dict[str, Any]]) -> None:
        on_epoch(1)
        if epoch % SAVE_EVERY == 0 and epoch < experiment.recipe.epochs:
            _save(experiment, job, folder, {"done": False, "state": reached()})

    course = vgg.train(data, flipped, experiment.recipe_of(seed), seed, experiment.device, state, checkpoint)
    _save(experiment, job, folder, {"done": True, "course": {k: getattr(course, k) for k in Course.__annotations__}})
    return course


def _path(job: tuple[Rate, int], folder: Path) -> Path:
    return folder / f"{named(job[0])}-seed-{job[1]}.pt"


@cache
def _code() -> str:
    files = (Path(module.__file__) for module in (images, cifar10, pickled, vgg))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _fingerprint(experiment: Experiment, job: tuple[Rate, int]) -> str:
    """Of all that a run's numbers depend on, the code and torch's version included."""
    body = {
        "data": experiment.data,
        "classes": experiment.classes,
        "job": job,
        "recipe": asdict(experiment.recipe_of(job[1])),
        "device": experiment.device,
        "torch": torch.__version__,
        "code": _code(),
    }
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _save(experiment: Experiment, job: tuple[Rate, int], folder: Path, body: dict[str, Any]) -> None:
    path = _path(job, folder)
    partial = path.with_suffix(".partial")
    torch.save(body | {"fingerprint": _fingerprint(experiment, job)}, partial)
    os.replace(partial, path)  # a file that exists is whole


def _held(experiment: Experiment, job: tuple[Rate, int], folder: Path) -> dict[str, Any] | None:
    path = _path(job, folder)
    if not path.exists():
        return None
    try:
        held = torch.load(path, weights_only=True)
        fingerprint = held["fingerprint"]
    except (OSError, RuntimeError, EOFError, KeyError, TypeError, ValueError, pickle.UnpicklingError) as problem:
        raise ValueError(f"{path} is damaged ({type(problem).__name__}): delete it to have it redone") from None
    if fingerprint != _fingerprint(experiment, job):
        raise ValueError(f"{path} belongs to another run: choose another --out, or drop --resume")
    return held


# ---------------------------------------------------------------------------------------------------------------
# Measuring


@dataclass(frozen=True, kw_only=True)
class Runs:
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


def runs_of(rate: Rate, courses: Sequence[Course]) -> Runs:
    return Runs(
        rate=rate,
        margins=np.stack([c.margins.numpy() for c in courses]),
        flipped=np.stack([c.flipped.numpy() for c in courses]),
        test_margins=np.stack([c.test_margins.numpy() for c in courses]),
    )


class Answer(Enum):
    SEEN = "seen"
    NOT_SEEN = "not seen"
    UNDECIDED = "not enough evidence"


def answer(met: int, of: int) -> Answer:
    """Three answers from a count over seeds: the sign test at 5 %, either way."""
    share = clopper_pearson(met, of)
    if share.low > 0.5:
        return Answer.SEEN
    return Answer.NOT_SEEN if share.high < 0.5 else Answer.UNDECIDED


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


def dips(runs: Runs) -> np.ndarray:
    """Does accuracy on flipped samples fall from its start, by more than two standard errors of the difference?

    For two shares of F samples the standard error is at most sqrt(1/(2F)).
    """
    held = runs.accuracy("flipped")
    return held[:, 0] - held.min(1) > 2 * np.sqrt(1 / (2 * np.maximum(runs.flipped.sum(1), 1)))


def memorised(runs: Runs) -> np.ndarray:
    """Is every flipped sample fitted at the end?"""
    return runs.accuracy("flipped")[:, -1] == 1


def clean_first(runs: Runs) -> np.ndarray:
    """Are 95 % of the clean samples fitted at an earlier epoch than 95 % of the flipped ones?"""
    first = [np.where((h >= 0.95).any(1), (h >= 0.95).argmax(1), np.inf) for h in map(runs.accuracy, KINDS)]
    return first[0] < first[1]


KINDS = ("clean", "flipped")


def stopping_helps(runs: Runs, epoch: np.ndarray | int) -> np.ndarray:
    """Is test accuracy at an epoch above that at the end?"""
    return runs.test_at(epoch) > runs.test_at(-1)


def near_best(runs: Runs, epoch: np.ndarray | int) -> np.ndarray:
    """Is test accuracy at an epoch within two standard errors of that at the best epoch?"""
    best = runs.accuracy("test").max(1)
    return runs.test_at(epoch) >= best - 2 * standard_error(best, runs.test_margins.shape[2])


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Samples with a loss of at most a threshold, taken for the clean ones, for every threshold, on one run and epoch.

    Attributes:
        thresholds: the losses in rising order. Shape (N,).
        recall: share of the clean samples that are selected (the true positive rate). Shape (N,).
        mistakes: share of the flipped samples that are selected (the false positive rate). Shape (N,).
        precision: share of those selected that are clean. Shape (N,).
    """

    thresholds: np.ndarray
    recall: np.ndarray
    mistakes: np.ndarray
    precision: np.ndarray

    @property
    def area(self) -> float:
        """Under the ROC curve."""
        recall = np.r_[0, self.recall]
        return float((np.diff(self.mistakes, prepend=0) * (recall[1:] + recall[:-1]) / 2).sum())

    def at(self, threshold: float) -> tuple[float, float, float]:
        """Recall, mistakes and precision at a threshold; the precision of nothing is NaN."""
        k = int(np.searchsorted(self.thresholds, threshold, side="right")) - 1
        return (self.recall[k], self.mistakes[k], self.precision[k]) if k >= 0 else (0.0, 0.0, np.nan)

    @property
    def best(self) -> float:
        """The threshold with the largest recall less mistakes (Youden's J), which only the true flips tell."""
        return float(self.thresholds[(self.recall - self.mistakes).argmax()])


def selection(runs: Runs, seed: int, epoch: int) -> Selection:
    losses, flipped = runs.losses(seed, epoch), runs.flipped[seed]
    order = np.argsort(losses, kind="stable")
    losses, clean = losses[order], ~flipped[order]
    # Equal losses are selected together: only the last of them is a threshold.
    last = np.r_[np.diff(losses) > 0, True]
    recall, mistakes = np.cumsum(clean) / clean.sum(), np.cumsum(~clean) / (~clean).sum()
    precision = np.cumsum(clean) / np.arange(1, len(clean) + 1)
    return Selection(thresholds=losses[last], recall=recall[last], mistakes=mistakes[last], precision=precision[last])


def log2_near_best(runs: Runs, epochs: np.ndarray) -> np.ndarray:
    """Is recall less mistakes at log 2, at an epoch, within two standard errors of the best threshold's?"""
    found = []
    for seed, epoch in enumerate(epochs):
        held, flips = selection(runs, seed, epoch), runs.flipped[seed].sum()
        ours, best = held.at(LOG2), held.at(held.best)
        error = np.hypot(standard_error(best[0], len(runs.flipped[seed]) - flips), standard_error(best[1], flips))
        found.append(ours[0] - ours[1] >= best[0] - best[1] - 2 * error)
    return np.array(found)
