"""A model whose network is any torch module: the network, the points that it sees, and what is measured of it.

Everything else is a piece as of any model: loss, algorithm, batches, flips. Its runs are :mod:`numerics.networks`'s.
Nothing here needs torch.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from jaxtyping import Float

from numerics.model import Setting

if TYPE_CHECKING:
    import torch

MOST = 2**28  # numbers that the points of a sample may hold: 2 GiB
TRIES = 100  # times n points among which balanced labels are looked for


@dataclass(frozen=True, kw_only=True)
class Points:
    """One draw of a model's training points and their labels.

    Attributes:
        seed: what it was drawn with; initial weights and whatever an algorithm draws are its too.
        x: inputs. Shape (n, ...).
        y: true labels, +-1. Shape (n,).
        y_tilde: observed labels, +-1; where labels are flipped afresh at every step, the true ones. Shape (n,).
    """

    seed: int
    x: Float[np.ndarray, "n ..."]
    y: Float[np.ndarray, " n"]
    y_tilde: Float[np.ndarray, " n"]

    def __repr__(self) -> str:
        return f"Points {self.x.shape}, seed {self.seed}: {int(self.noisy.sum())} flipped"

    @property
    def noisy(self) -> np.ndarray:
        """Mask of the flipped samples S_f. Shape (n,), bool."""
        return self.y != self.y_tilde


@dataclass(frozen=True, kw_only=True)
class ModuleSetting(Setting):
    """Everything a run depends on, but for its seed, of a model with a network of its own.

    A model is a subclass with a method :meth:`network`, and where the points are not signal and noise, :meth:`points`.
    Of the pieces of :class:`Setting` it may name ``loss``, ``algorithm``, ``batches`` and ``flips``, and ``inputs`` for
    the points that are made here; ``activation`` and ``head`` are the network's own affair. Parameters are trained that
    require a gradient, all by the same algorithm.

    Attributes:
        series: names of methods ``(network, points) -> number``: what is recorded beside losses and margins. The name
            of a series of ours that only the two-layer network has is taken for that series: ``coefficient_min``
            and ``rho_own_mean`` date T_1 and the early moment.
    """

    series: ClassVar[tuple[str, ...]] = ()

    def network(self) -> "torch.nn.Module":
        """The untrained network, a map from inputs (n, ...) to outputs (n,), each of its own input alone. Its weights
        are torch's next random numbers; the run's seed is set before. It is run in float64, and keeps nothing from one
        call to the next."""
        raise ValueError(f"{type(self).__name__} has no network; give it a method network(self)")

    def points(self, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Independent inputs, shape (count, ...), and their true labels +-1, shape (count,), all drawn from ``rng``.
        Test points are a call of their own: what all points share, such as a teacher, is not drawn here.

        Here: the patches [signal, noise], or their sum where ``inputs`` joins them, of shape (count, patches, d).
        """
        inputs, signals = self.inputs, self.inputs.signals
        y = rng.choice(np.array([-1.0, 1.0]), count)
        of_label = {label: np.flatnonzero(np.array(inputs.labels) == label) for label in (1, -1)}
        u = rng.random(count)
        which = [of_label[int(label)][int(v * len(of_label[int(label)]))] for label, v in zip(y, u, strict=True)]
        noise = self.sigma_xi * rng.standard_normal((count, self.d))
        if self.projected:
            noise[:, :signals] = 0.0
        own = np.concatenate([self.signals, -self.signals])[which]
        if inputs.joined:
            noise[:, :signals] += own
            return noise[:, None], y
        x = np.zeros((count, 1 + self.noise_patches, self.d))
        x[:, 0, :signals] = own
        x[:, 1:] = noise[:, None]
        return x, y

    @property
    def time_scale(self) -> float:
        """Rescaled time per step: eta, since how else a network's time scales nobody knows."""
        return self.eta

    @classmethod
    @cache
    def plain(cls) -> bool:
        return False


@contextmanager
def named(method: str, setting: ModuleSetting) -> Iterator[None]:
    """Turn whatever a method of a user's raises, at sizes that it was not written for, into one line."""
    try:
        yield
    except Exception as problem:
        at = f"n = {setting.n}, m = {setting.m}, d = {setting.d}"
        said = " ".join(f"{type(problem).__name__} {problem}".split())
        raise ValueError(f"{method} of {type(setting).__name__} at {at}: {said}") from problem


def drawn(setting: ModuleSetting, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """What :meth:`ModuleSetting.points` gives, in float64.

    Raises:
        ValueError: it is not what was asked for.
    """
    name = type(setting).__name__
    with named("points", setting):
        found = setting.points(count, rng)
    if not (isinstance(found, tuple) and len(found) == 2):
        raise ValueError(f"points of {name} returns a {type(found).__name__}: return inputs and labels, (x, y)")
    with named("points", setting):
        x, y = (np.asarray(part, dtype=np.float64) for part in found)
    if x.ndim < 2 or len(x) != count:
        raise ValueError(f"points of {name} gives inputs of shape {x.shape} for {count}: give ({count}, ...)")
    if y.shape != (count,):
        raise ValueError(f"points of {name} gives labels of shape {y.shape} for {count}: give ({count},)")
    if not np.isin(y, (-1.0, 1.0)).all():
        odd = y[~np.isin(y, (-1.0, 1.0))][0]
        raise ValueError(f"points of {name} gives the label {odd:g}: labels are -1 or +1")
    if not np.isfinite(x).all():
        raise ValueError(f"points of {name} gives inputs that are no numbers; give finite ones")
    return x, y


def check_points(setting: ModuleSetting) -> None:
    """Raise ``ValueError`` where the points that are made here need more dimensions, or would not fit in memory."""
    n, d, signals = setting.n, setting.d, setting.inputs.signals
    if type(setting).points is ModuleSetting.points:
        if d < signals:
            raise ValueError(f"d = {d}: {signals} signals need as many dimensions; give d >= {signals}")
        if (entries := n * (1 + setting.noise_patches) * d) > MOST:
            raise ValueError(f"n = {n}, d = {d}: points of {entries:.1e} numbers exceed 2 GiB; give smaller ones")


def draw_points(setting: ModuleSetting, seed: int) -> Points:
    """The training points of a run: drawn, or with labels balanced, as often as it takes to have as many of each class.

    Raises:
        ValueError: they would not fit in memory, or one class hardly ever comes; or as :func:`drawn`.
    """
    check_points(setting)
    n = setting.n
    rng, flips = (np.random.default_rng(entropy) for entropy in (seed, [seed, 4]))
    if setting.counts is None:
        x, y = drawn(setting, n, rng)
        chance = np.where(y > 0, setting.tau_plus, setting.tau_minus)
        flipped = (flips.random(n) < chance) & (setting.flips == "once")
    else:
        x, y = _balanced(setting, rng)
        flipped = np.zeros(n, dtype=bool)
        for label, (_, number) in zip((1.0, -1.0), setting.counts, strict=True):
            flipped[flips.choice(np.flatnonzero(y == label), number, replace=False)] = True
    return Points(seed=seed, x=x, y=y, y_tilde=np.where(flipped, -y, y))


def _balanced(setting: ModuleSetting, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The first points of each class, in the order in which they came: the law of drawn ones given their numbers."""
    assert setting.counts is not None
    wanted = dict(zip((1.0, -1.0), (number for number, _ in setting.counts), strict=True))
    x, y = drawn(setting, setting.n, rng)
    for _ in range(TRIES):
        if all((y == label).sum() >= number for label, number in wanted.items()):
            chosen = np.sort(np.concatenate([np.flatnonzero(y == k)[:number] for k, number in wanted.items()]))
            return x[chosen], y[chosen]
        kept = np.sort(np.concatenate([np.flatnonzero(y == k)[:number] for k, number in wanted.items()]))
        more = drawn(setting, setting.n, rng)
        x, y = (np.concatenate([old[kept], new]) for old, new in zip((x, y), more, strict=True))
    short = next(label for label, number in wanted.items() if (y == label).sum() < number)
    raise ValueError(
        f"points of {type(setting).__name__}: of {TRIES} n points too few have the label {short:+g}; use drawn labels"
    )
