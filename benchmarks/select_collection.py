"""Trainings on which the rules of ``select`` are chosen and, on others, decided (docs/select.md).

Small trainings on data that come with scikit-learn or are made here, with labels flipped at random at a known rate: the
two-layer network of this project, multilayer perceptrons, small convolutional networks; gradient descent, minibatch SGD
and Adam; learning rates, batch sizes, class balance, numbers of samples. Both parts are drawn from explicit seeds; they
share neither a data set nor a network nor a seed. Losses are kept per epoch in a folder, so that rules are tried on
them in seconds.

    python benchmarks/select_collection.py [--choosing 192] [--held-out 100] [--folder DIR]

prints how often an epoch is told, and the clean set and the stop epoch beside plain baselines.
"""

import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np
import pandas as pd
import torch
from torch import nn

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # measures this source tree, installed or not

from numerics import Setting, draw, vgg  # noqa: E402
from numerics import train as descend  # noqa: E402
from numerics.generalization import spurious_error  # noqa: E402
from numerics.trajectory import recording_times  # noqa: E402
from verify.losses import Losses  # noqa: E402
from verify.select import select  # noqa: E402

RATES = (0.0, 0.0, 0.0, 0.05, 0.1, 0.2, 0.3, 0.4)  # without flips more often: false alarms are what must be rare
DATA = {
    "choosing": ("digits 3 8", "digits 4 9", "digits 0 1 2 3 4", "cancer", "blobs", "patches"),
    "held out": ("digits 1 7", "digits 5 6", "digits 0 1 2 3 4 5 6 7 8 9", "wine", "rings", "patches, weak"),
}
NETWORKS = {"choosing": ("mlp 64", "vgg tiny", "cnn 8 16"), "held out": ("mlp 128 128", "vgg small", "cnn 16 16")}
SEEDS = {"choosing": 0, "held out": 100_000}


@dataclass(frozen=True, kw_only=True)
class Training:
    """One training: what determines its losses.

    Attributes:
        data: a name of DATA.
        network: a name of NETWORKS; "two-layer" for the patches.
        samples: training samples at most.
        rare: the first class has this many samples for each of another one.
        optimizer: "gd", "sgd", "momentum" or "adam".
        batch: samples a step; 0 for all.
        rate: of learning.
        epochs: passes over the samples.
        flips: share of the labels that are false, in expectation.
        logged: are losses those of the step itself (True) or measured after each epoch, and before the first (False)?
        seed: of everything drawn.
    """

    data: str
    network: str
    samples: int
    rare: float
    optimizer: str
    batch: int
    rate: float
    epochs: int
    flips: float
    logged: bool
    seed: int


@dataclass(frozen=True, kw_only=True)
class Course:
    """What a training gave.

    Attributes:
        losses: shape (epochs, samples).
        given: the labels trained on. Shape (samples,).
        flipped: which are false. Shape (samples,), bool.
        error: share of test samples predicted wrongly per epoch. Shape (epochs,).
        classes: how many there are.
    """

    losses: np.ndarray
    given: np.ndarray
    flipped: np.ndarray
    error: np.ndarray
    classes: int


def trainings(part: str, count: int) -> list[Training]:
    """The first ``count`` trainings of a part, drawn from its seeds."""
    return [_drawn(part, SEEDS[part] + k) for k in range(count)]


def _drawn(part: str, seed: int) -> Training:
    rng = np.random.default_rng([seed, 7])

    def one(*of):
        return of[rng.integers(len(of))]

    data = one(*DATA[part])
    flips, logged = one(*RATES), bool(rng.integers(2))
    if data.startswith("patches"):
        return Training(data=data, network="two-layer", samples=one(50, 100, 200), rare=1.0, optimizer="gd", batch=0,
                        rate=one(0.05, 0.1, 0.2), epochs=400, flips=flips, logged=False, seed=seed)  # fmt: skip
    network = one(*NETWORKS[part]) if data.startswith("digits") else NETWORKS[part][0]
    optimizer = one("gd", "sgd", "sgd", "momentum", "adam", "adam")
    batch = 0 if optimizer == "gd" else one(16, 32, 64)
    rate = {"gd": one(0.1, 0.3), "sgd": one(0.02, 0.1), "momentum": one(0.01, 0.03), "adam": one(1e-3, 3e-3)}[optimizer]
    epochs = 300 if optimizer == "gd" else one(30, 60)
    samples = one(120, 240, 360) if len(data.split()) <= 3 else one(400, 800)
    return Training(data=data, network=network, samples=samples, rare=one(1.0, 1.0, 0.3), optimizer=optimizer,
                    batch=batch, rate=rate, epochs=epochs, flips=flips, logged=logged, seed=seed)  # fmt: skip


def _samples(data: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """All samples of a data set and their classes from 0 on, each feature of order one."""
    from sklearn import datasets

    rng = np.random.default_rng([seed, 1])
    name, *classes = data.split()
    if name == "digits":
        x, y = datasets.load_digits(return_X_y=True)
        wanted = np.array([int(c) for c in classes])
        kept = np.isin(y, wanted)
        return x[kept] / 16 - 0.3, np.searchsorted(wanted, y[kept])
    if name == "blobs":  # two normal clouds in 20 dimensions, whose overlap leaves some 1 % on the wrong side
        y = rng.integers(0, 2, 800)
        x = rng.normal(size=(800, 20))
        x[:, 0] += np.where(y == 1, 2.3, -2.3)
        return x, y
    if name == "rings":  # a disc and the ring about it: no line parts them
        y = rng.integers(0, 2, 800)
        angle, radius = rng.uniform(0, 2 * np.pi, 800), np.where(y == 1, 2.0, 0.5) + 0.25 * rng.normal(size=800)
        x = 0.5 * rng.normal(size=(800, 10))
        x[:, 0], x[:, 1] = radius * np.cos(angle), radius * np.sin(angle)
        return x, y
    x, y = (datasets.load_breast_cancer if name == "cancer" else datasets.load_wine)(return_X_y=True)
    return (x - x.mean(0)) / x.std(0), y


def _network(name: str, features: int, classes: int, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    kind, *widths = name.split()
    if kind == "vgg":
        net = vgg.build(widths[0], 1, 16, seed)
        last = net[-1]
        if classes > 2:
            net[-1] = nn.Linear(last.in_features, classes)
        return nn.Sequential(nn.Unflatten(1, (1, 8, 8)), nn.Upsample(scale_factor=2, mode="bilinear"), *net)
    if kind == "cnn":
        a, b = map(int, widths)
        return nn.Sequential(nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, a, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                             nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                             nn.Linear(4 * b, classes))  # fmt: skip
    layers: list[nn.Module] = []
    for width in map(int, widths):
        layers += [nn.Linear(features, width), nn.ReLU()]
        features = width
    return nn.Sequential(*layers, nn.Linear(features, classes))


def train(held: Training) -> Course:
    """Train on all samples chosen, and test on the rest of the data set."""
    if held.network == "two-layer":
        return _patches(held)
    x, y = _samples(held.data, held.seed)
    rng = np.random.default_rng([held.seed, 2])
    order = rng.permutation(len(y))
    order = order[(y[order] > 0) | (rng.random(len(y)) < held.rare)]
    cut = min(held.samples, int(0.7 * len(order)))
    chosen, rest = order[:cut], order[cut:]
    classes = int(y.max()) + 1
    flipped = rng.random(cut) < held.flips
    given = np.where(flipped, (y[chosen] + rng.integers(1, classes, cut)) % classes, y[chosen])

    torch.set_num_threads(1)
    net = _network(held.network, x.shape[1], classes, held.seed)
    inputs, targets = torch.tensor(x[chosen], dtype=torch.float32), torch.tensor(given)
    tests, truth = torch.tensor(x[rest], dtype=torch.float32), torch.tensor(y[rest])
    optimizer = (
        torch.optim.Adam(net.parameters(), lr=held.rate)
        if held.optimizer == "adam"
        else torch.optim.SGD(net.parameters(), lr=held.rate, momentum=0.9 if held.optimizer == "momentum" else 0.0)
    )
    each = nn.CrossEntropyLoss(reduction="none")

    def measured() -> np.ndarray:
        with torch.no_grad():
            return each(net(inputs), targets).numpy()

    def wrong() -> float:
        with torch.no_grad():
            return float((net(tests).argmax(1) != truth).float().mean())

    random = torch.Generator().manual_seed(held.seed)
    losses, errors = ([], []) if held.logged else ([measured()], [wrong()])
    for _ in range(held.epochs):
        row = np.empty(cut, np.float32)
        for step in torch.randperm(cut, generator=random).split(held.batch or cut):
            loss = each(net(inputs[step]), targets[step])
            row[step.numpy()] = loss.detach().numpy()
            optimizer.zero_grad()
            loss.mean().backward()
            optimizer.step()
        losses.append(row if held.logged else measured())
        errors.append(wrong())
    return Course(losses=np.array(losses), given=given, flipped=flipped, error=np.array(errors), classes=classes)


def _patches(held: Training) -> Course:
    rng = np.random.default_rng([held.seed, 3])
    n, m, d = held.samples, 20, 2000
    mu = rng.choice((10.0, 14.0, 20.0) if held.data == "patches" else (7.0, 8.5, 12.0))
    sigma_0 = rng.choice((1e-3, 1e-2))
    one = Setting(n=n, m=m, d=d, mu=float(mu), sigma_0=float(sigma_0), eta=held.rate * n * m / d,
                  tau_plus=held.flips, tau_minus=held.flips)  # fmt: skip
    sample = draw(one, held.seed)
    series = {str(i): (lambda state, i=i: state.losses[:, i]) for i in range(n)}
    series["error"] = spurious_error([one], [sample], 1000)
    run = descend([one], [sample], steps=held.epochs, times=recording_times(held.epochs), series=series)
    losses = np.stack([run.series[str(i)][0] for i in range(n)], 1)
    given = (np.asarray(sample.y_tilde) > 0).astype(int)
    return Course(losses=losses, given=given, flipped=np.asarray(sample.noisy), error=run.series["error"][0], classes=2)


def courses(part: str, count: int, folder: Path) -> Iterator[tuple[Training, Course]]:
    """The trainings of a part with their courses, from the folder where they are there already."""
    folder.mkdir(parents=True, exist_ok=True)
    for held in trainings(part, count):
        path = folder / f"{hashlib.sha256(json.dumps(asdict(held)).encode()).hexdigest()[:16]}.npz"
        if not path.exists():
            np.savez(path, **asdict(train(held)))
        with np.load(path) as kept:
            yield held, Course(**{k: kept[k] if kept[k].ndim else int(kept[k]) for k in kept.files})


# Rules -------------------------------------------------------------------------------------------------------------


def lower_of_two(scores: np.ndarray) -> np.ndarray:
    """Samples that a mixture of two normals counts to its lower component."""
    from sklearn.mixture import GaussianMixture

    found = GaussianMixture(2, n_init=3, random_state=0).fit(scores[:, None])
    return found.predict(scores[:, None]) == found.means_[:, 0].argmin()


def baselines(losses: np.ndarray, threshold: float) -> dict[str, np.ndarray]:
    """Clean sets by plain rules, none of which can say that there is nothing to tell."""
    early = losses[: max(len(losses) // 4, 1)].mean(0)
    margin = -np.log(np.expm1(np.maximum(losses, 1e-6))).mean(0)  # of the given label, for two classes
    return {
        "fitted at the last epoch": losses[-1] <= threshold,
        "mean loss of the first quarter, mixture of two": lower_of_two(early),
        "mean loss of all epochs, mixture of two": lower_of_two(losses.mean(0)),
        "area under the margin, mixture of two": lower_of_two(-margin),
    }


def table(part: str, count: int, folder: Path) -> pd.DataFrame:
    """A row per training and rule."""
    rows = []
    for held, course in courses(part, count, folder):
        losses = course.losses.astype(float)
        threshold, error = float(np.log(course.classes)), course.error - course.error.min()
        clean = ~course.flipped
        entry = {"seed": held.seed, "flips": held.flips, "best": course.error.min()}

        def add(rule, chosen, stop, clean=clean, error=error, entry=entry):
            told = chosen is not None
            rows.append({**entry, "rule": rule, "told": told,
                         "precision": clean[chosen].mean() if told and chosen.any() else np.nan,
                         "recall": chosen[clean].mean() if told else np.nan,
                         "regret": np.nan if stop is None else error[stop], "last": error[-1]})  # fmt: skip

        for name, classes in (("select, with classes", course.given), ("select, without", None)):
            data = Losses(samples=np.arange(len(clean)), epochs=np.arange(len(losses)), losses=losses, classes=classes)
            found = select(data, threshold)
            add(name, found.clean, found.stop)
        for name, chosen in baselines(losses, threshold).items():
            add(name, chosen, len(losses) - 1 if "last" in name else None)
    return pd.DataFrame(rows)


@click.command()
@click.option("--choosing", type=int, default=192, show_default=True, help="trainings the rule was chosen on")
@click.option("--held-out", type=int, default=100, show_default=True, help="trainings it is decided on")
@click.option("--folder", type=click.Path(path_type=Path), default=Path("select-collection"), show_default=True)
def main(choosing: int, held_out: int, folder: Path) -> None:
    for part, count in (("choosing", choosing), ("held out", held_out)):
        if not count:
            continue
        held = table(part, count, folder)
        click.echo(f"\n{part}: {held['seed'].nunique()} trainings\n")
        own = held[held["rule"].str.startswith("select")]
        told = own.groupby(["rule", "flips"])["told"].agg(["sum", "size"])
        click.echo((told["sum"].astype(str) + " of " + told["size"].astype(str)).unstack().to_string())
        flipped = held[held["flips"] > 0]
        for name in ("select, with classes", "select, without"):
            mine = flipped[(flipped["rule"] == name) & flipped["told"]]["seed"]
            same = flipped[flipped["seed"].isin(mine)]
            click.echo(f"\non the {len(mine)} trainings with flips where '{name}' tells an epoch:")
            scores = same.groupby("rule", sort=False)[["precision", "recall", "regret"]]
            least = same.groupby("rule", sort=False)["precision"].quantile(0.05).rename("precision 5 %")
            most = same.groupby("rule", sort=False)["regret"].quantile(0.95).rename("regret 95 %")
            click.echo(pd.concat([scores.mean(), least, most], axis=1).round(4).to_string())
        everywhere = flipped[~flipped["rule"].str.startswith("select")]
        click.echo("\non all trainings with flips:")
        click.echo(
            everywhere.groupby("rule", sort=False)[["precision", "recall", "regret"]].mean().round(4).to_string()
        )
        clear = held[held["flips"] == 0]
        click.echo("\nshare of samples left out where none is flipped:")
        clear = clear[clear["told"]].assign(out=1 - clear["recall"])
        click.echo(clear.groupby("rule", sort=False)["out"].agg(["mean", "max", "size"]).round(3).to_string())


if __name__ == "__main__":
    main()
