"""Runs on real images: planned, run in processes over seeds, and kept in a folder.

What the theory says of its two-layer network is looked for here in a VGG network on real images. That is an
illustration and no evidence for or against a theorem: images have no signal and noise patches, the network is deep, and
Condition 4.1 says nothing of either.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from queue import Empty
from typing import Any

import torch

from numerics import cifar10, images, pickled, vgg
from numerics.extra import extra
from numerics.vgg import Recipe, Trained
from verify import processes, store
from verify.folder import Folder

Rate = float | tuple[float, float]
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
) -> dict[Rate, list[Trained]]:
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
            found[job] = Trained(**held["course"])
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


# Of all figures, the synthetic ones too. The runs say themselves whose they are, see :func:`_mark`.
FOLDER = Folder(
    what="figures",
    files=(*(f"fig[1-4]*.{x}" for x in ("svg", "png", "pdf", "csv")), "figures.html", "figures.md"),
    work="runs",
    finished=("tau-*.pt",),
)
_counter: Any = None  # in a worker, the queue that its finished epochs go to


def _start(counter: Any) -> None:
    global _counter
    _counter = counter
    torch.set_num_threads(1)


def _in_worker(experiment: Experiment, job: tuple[Rate, int], folder: Path) -> Trained:
    return _execute(experiment, job, folder, _counter.put)


def _in_processes(
    experiment: Experiment, pending: list, folder: Path, workers: int, on_epoch: Callable[[int], None]
) -> Iterator[tuple[tuple[Rate, int], Trained]]:
    counter = processes.queue()

    def count() -> None:
        while True:
            try:
                on_epoch(counter.get_nowait())
            except Empty:
                return

    try:
        with processes.Processes(min(workers, len(pending)), _start, (counter,)) as pool:
            waiting = {pool.submit(_in_worker, experiment, job, folder): job for job in pending}
            while waiting:
                done, _ = wait(waiting, timeout=0.5, return_when=FIRST_COMPLETED)
                count()
                for future in done:
                    yield waiting.pop(future), pool.result(future)
    finally:
        counter.cancel_join_thread()
        counter.close()


def _execute(experiment: Experiment, job: tuple[Rate, int], folder: Path, on_epoch: Callable[[int], None]) -> Trained:
    """One run, from its checkpoint if there is one, saved when it is done."""
    rate, seed = job
    held = _held(experiment, job, folder)
    if held and held["done"]:  # meanwhile, by a process that outlived its command
        return Trained(**held["course"])
    state = held["state"] if held else None
    data = images.load(experiment.data, experiment.classes, seed)
    flipped = images.flips(data.train_labels, rate, seed)

    def checkpoint(epoch: int, reached: Callable[[], dict[str, Any]]) -> None:
        on_epoch(1)
        if epoch % SAVE_EVERY == 0 and epoch < experiment.recipe.epochs:
            _save(experiment, job, folder, {"done": False, "state": reached()})

    course = vgg.train(data, flipped, experiment.recipe_of(seed), seed, experiment.device, state, checkpoint)
    _save(experiment, job, folder, {"done": True, "course": {k: getattr(course, k) for k in Trained.__annotations__}})
    return course


def _path(job: tuple[Rate, int], folder: Path) -> Path:
    return folder / f"{named(job[0])}-seed-{job[1]}.pt"


@cache
def _code() -> str:
    files = (Path(module.__file__) for module in (images, cifar10, pickled, vgg))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _mark(experiment: Experiment, job: tuple[Rate, int]) -> str:
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
    return store.fingerprint(body)


def _save(experiment: Experiment, job: tuple[Rate, int], folder: Path, body: dict[str, Any]) -> None:
    store.save_state(_path(job, folder), _mark(experiment, job), body)


def _held(experiment: Experiment, job: tuple[Rate, int], folder: Path) -> dict[str, Any] | None:
    return store.load_state(_path(job, folder), _mark(experiment, job))
