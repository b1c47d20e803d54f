"""Real images of two classes with flipped labels: handwritten digits by default, CIFAR-10 from a disk.

Nothing is fetched over a network. The digits come with scikit-learn; CIFAR-10 is read by :mod:`numerics.cifar10`.
Packages of the ``images`` extra are imported where they are used and nowhere else.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from numerics import cifar10
from numerics.cifar10 import CIFAR10, SIDE, Published, Raw
from numerics.extra import extra


@dataclass(frozen=True, kw_only=True)
class Images:
    """Two classes of images. A label is 0 for the first class and 1 for the second.

    Attributes:
        source: where they come from, for captions.
        classes: the names of the two.
        train: training images, scaled by channel to mean 0 and variance 1.
        test: test images, scaled by the *training* images' means and deviations.
    """

    source: str
    classes: tuple[str, str]
    train: Float[Tensor, "N C H W"]
    train_labels: Int[Tensor, " N"]
    test: Float[Tensor, "M C H W"]
    test_labels: Int[Tensor, " M"]


DIGITS = tuple(str(k) for k in range(10))
# The classes of a source that are compared unless others are asked for: CIFAR-10's first two are the paper's; of the
# digits, 3 and 8 are a pair that people too confuse.
DEFAULT_CLASSES = {"digits": ("3", "8"), "cifar10": cifar10.CLASSES[:2]}
TEST_SHARE = 1 / 3  # of the digits, which come unsplit


def load(data: str, classes: Sequence[str] | None = None, seed: int = 0, published: Published = CIFAR10) -> Images:
    """Two classes of images, checked and scaled.

    Args:
        data: ``digits``, or ``cifar10:PATH``, see :func:`numerics.cifar10.read`.
        classes: two of them, by name or number; by default 3 and 8, or airplane and automobile.
        seed: of the digits' division into training and test images; CIFAR-10 comes divided.
        published: what a complete CIFAR-10 holds.

    Raises:
        ValueError: no such source or class; the files are missing, damaged or incomplete; the extra is missing.
    """
    kind, _, path = data.partition(":")
    if kind not in DEFAULT_CLASSES or (kind == "cifar10") != bool(path):
        raise ValueError(f"--data {data}: no such source; give digits, or cifar10:PATH")
    known = DIGITS if kind == "digits" else cifar10.CLASSES
    wanted = _classes(classes or DEFAULT_CLASSES[kind], known)
    if kind == "digits":
        source, train, test = "scikit-learn's handwritten digits", *_digits(wanted, seed)
    else:
        source, train, test = "CIFAR-10", *cifar10.read(Path(path), wanted, published)
    scale = _scale(train[0])
    return Images(
        source=source,
        classes=(known[wanted[0]], known[wanted[1]]),
        train=scale(train[0]),
        train_labels=torch.from_numpy((train[1] == wanted[1]).astype(np.int64)),
        test=scale(test[0]),
        test_labels=torch.from_numpy((test[1] == wanted[1]).astype(np.int64)),
    )


def _classes(asked: Sequence[str], known: tuple[str, ...]) -> tuple[int, int]:
    found = []
    for name in asked:
        if name not in known and not (name.isdecimal() and int(name) < len(known)):
            raise ValueError(f"--classes {','.join(asked)}: no class '{name}'; choose two of {', '.join(known)}")
        found.append(known.index(name) if name in known else int(name))
    if len(found) != 2 or found[0] == found[1]:
        raise ValueError(
            f"--classes {','.join(asked)}: must name two different classes; give e.g. {known[0]},{known[1]}"
        )
    return found[0], found[1]


def _scale(train: np.ndarray) -> Callable[[np.ndarray], Tensor]:
    """To mean 0 and variance 1 in each channel of ``train``."""
    pixels = train.astype(np.float64)
    mean, deviation = pixels.mean((0, 2, 3), keepdims=True), pixels.std((0, 2, 3), keepdims=True)
    if not deviation.all():
        raise ValueError("the training images do not vary in a channel: the files are damaged; get them anew")
    return lambda images: torch.from_numpy(((images - mean) / deviation).astype(np.float32))


# Digits ------------------------------------------------------------------------------------------------------------


def _digits(wanted: tuple[int, int], seed: int) -> tuple[Raw, Raw]:
    """The 8 x 8 digits of two classes, upscaled bilinearly and divided at random."""
    with extra():
        from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    chosen = np.isin(labels, wanted)
    small = torch.from_numpy(images[chosen].reshape(-1, 1, 8, 8)) * (255 / 16)  # their pixels are counts up to 16
    large = torch.nn.functional.interpolate(small, size=SIDE, mode="bilinear", align_corners=False)
    pixels, labels = large.round().byte().numpy(), labels[chosen].astype(np.int64)
    order = np.random.default_rng([seed, 0]).permutation(len(labels))
    cut = int(TEST_SHARE * len(labels))
    test, train = order[:cut], order[cut:]
    return (pixels[train], labels[train]), (pixels[test], labels[test])


# Flips -------------------------------------------------------------------------------------------------------------


def flips(labels: Int[Tensor, " N"], rate: float | tuple[float, float], seed: int) -> Bool[Tensor, " N"]:
    """Which labels are flipped.

    Args:
        labels: the true ones, 0 or 1.
        rate: one number tau for exactly int(tau N) flips among all samples, as in the paper's Figures 2 and 4; or a
            pair of probabilities, one for each class, with which its labels are flipped independently.
        seed: of the draw. Of two numbers tau the smaller one's flips are among the larger one's.

    Raises:
        ValueError: a rate outside [0, 1/2), or one above 0 that flips nothing.
    """
    for one in (rate,) if isinstance(rate, float | int) else rate:
        if not 0 <= one < 0.5:
            raise ValueError(f"flip rate {one:g}: must lie in [0, 1/2); with half of them flipped labels say nothing")
    random = np.random.default_rng([seed, 1])
    if isinstance(rate, float | int):
        found = np.zeros(len(labels), dtype=bool)
        found[random.permutation(len(labels))[: int(rate * len(labels) + 1e-9)]] = True  # int(0.3 * 10) is to be 3
    else:
        found = random.random(len(labels)) < np.asarray(rate)[labels.numpy()]
    if np.any(rate) and not found.any():
        raise ValueError(f"flip rate {rate}: flips none of {len(labels)} labels; give a larger one")
    return torch.from_numpy(found)
