"""Early stopping and sample selection on a user's own per-sample losses (Proposition 4.3).

The proposition: at T_1 the network fits clean samples and contradicts flipped ones, before it memorizes these. So for a
while the losses are of two kinds. Which epochs those are, and whether there are two kinds at all, is judged here.

    confidence  x_i, the mean of exp(-loss) over the epochs up to some epoch: the probability of the given label,
                averaged, since single epochs of minibatch training are noisy.
    position    +1 where a sample is as confident as a typical one given its label, the upper quartile q_c of its class
                c; -1 where it is as confident as a flipped one would be: it shows another class, whose typical samples
                leave (1 - q) to the K - 1 labels that are not theirs. Zero is half-way.
    separation  the share of the variance of the positions that lies between those above zero and those not.

Positions are relative to the class, so a network that only prefers one class, with q_0 + q_1 = 1 for two, parts
nothing: a class that is learned late is not mistaken for flips. Where the classes are not given, q must exceed what the
largest class could reach without anything being learned.

Of 20 windows from the start the best parted one is taken. There are flips to be seen if its separation exceeds 3/4,
that of positions spread evenly (a single normal hump has 2/pi), the samples below zero are more than the few hard ones
of ordinary data, and the network gives their labels less than chance does. The clean set is what lies above zero, and
the epoch to stop at the last one at which most of the clean set is fitted and least of the rest. docs/select.md
measures this on trainings that had no part in it.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from verify.folder import Folder
from verify.losses import Losses
from verify.roc import auc, average_precision

FOLDER = Folder(what="selection", files=tuple(f"select.{x}" for x in ("csv", "json", "png", "svg", "pdf")))
LOG_2 = math.log(2.0)
WINDOWS = 20  # lengths of the window from the first epoch, spaced geometrically
TYPICAL = 0.75  # quantile of a class' confidence: of clean samples, up to some 50 % flips
LEARNED = 0.02  # least half-distance from typical to flipped, in every class
LEARNED_UNNAMED = 0.35  # without classes: typical samples above 0.85, more than a class of 85 % gives for nothing
PARTED = 0.75  # separation of positions spread evenly
NORMAL, NORMAL_SPREAD = 2 / math.pi, 1.2  # of a normal hump, and how far n samples of one get: 1 time in 100
FEW, FEWEST = 0.03, 5  # share and number of samples that may stand apart without any flip: hard ones


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What the losses propose.

    Attributes:
        data: what was read.
        threshold: a sample is fitted at a loss up to here.
        stop: index of the epoch to stop at, None where none can be told.
        reason: why that epoch, or why none.
        window: index of the last epoch of the best parted window, None where nothing is learned in any.
        positions: of the samples in it: 1 as a clean one, -1 as a flipped one. Shape (samples,); None without window.
        separation: share of the variance of the positions between those above zero and those not.
        clean: proposed clean samples, None where no epoch is told. Shape (samples,), bool.
        found: with flags and a clean set, its precision and recall and the ranking's auc and average_precision, else
            None.
        per_epoch: with flags, the same for the samples fitted at each epoch, else None.
    """

    data: Losses
    threshold: float
    stop: int | None
    reason: str
    window: int | None = None
    positions: np.ndarray | None = None
    separation: float = 0.0
    clean: np.ndarray | None = None
    found: dict[str, float] | None = None
    per_epoch: pd.DataFrame | None = None

    @property
    def fitted(self) -> np.ndarray:
        """Samples at or below the threshold. Shape (epochs, samples), bool."""
        return self.data.losses <= self.threshold + self.data.rounding


def select(data: Losses, threshold: float | None = None) -> Selection:
    """The epoch to stop at and the clean set, or why none can be told.

    Args:
        data: the losses.
        threshold: up to which loss a sample is fitted; log K by default, for K classes given, else log 2.

    Raises:
        ValueError: a threshold outside (0, 50], or classes that are all the same.
    """
    members = _members(data.classes) if data.classes is not None else [np.arange(len(data.samples))]
    if data.classes is not None and len(members) < 2:
        raise ValueError(f"class: all samples have '{data.classes[0]}'; a label can be flipped only among two")
    named = len(members) if data.classes is not None else None
    if threshold is None:
        threshold = math.log(named) if named else LOG_2
    if not 0 < threshold <= 50:
        raise ValueError(f"--threshold {threshold:g}: must be above 0, up to 50; log 2 = 0.693 for two classes")
    count = named or max(math.exp(threshold), 2.0)

    window, reason = _best(data, members, count)
    held = Selection(data=data, threshold=threshold, stop=None, reason=reason)
    if window is not None:
        held = replace(held, window=window.epoch, positions=window.positions, separation=window.separation)
    fields: dict[str, Any] = {}
    if window is not None and not reason:
        fields = _stopped(held, window)
    if data.flipped is not None:
        rows = [_score(mask, row, data.flipped) for mask, row in zip(held.fitted, data.losses, strict=True)]
        fields["per_epoch"] = pd.DataFrame(rows)
        if window is not None and "clean" in fields:
            fields["found"] = _score(fields["clean"], -window.positions, data.flipped)
    return replace(held, **fields)


def _members(classes: np.ndarray) -> list[np.ndarray]:
    """Indices of the samples of each class."""
    _, codes = np.unique(classes, return_inverse=True)
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)


@dataclass(frozen=True, kw_only=True)
class _Window:
    """How the samples stand over the epochs up to one."""

    epoch: int
    confidence: np.ndarray
    positions: np.ndarray
    separation: float
    apart: int  # samples not above zero
    parted: bool  # are there two groups?
    credible: bool  # are they few enough to be flipped, and more than hard ones?
    contradicted: bool  # is their label predicted less than by chance, rather than not yet learned?
    learned: float  # half-distance from typical to flipped


def _windows(data: Losses, members: list[np.ndarray], count: float) -> Iterator[_Window]:
    epochs, samples = data.losses.shape
    needed = _needed(samples)
    ends = set(np.round(np.geomspace(1, epochs, WINDOWS)).astype(int) - 1)
    total = np.zeros(samples)
    for epoch, row in enumerate(data.losses):
        total += np.exp(-row)
        if epoch in ends:
            confidence = total / (epoch + 1)
            positions, learned = _positions(confidence, members, count)
            separation, below = _separation(positions), positions <= 0
            apart = int(below.sum())
            yield _Window(
                epoch=epoch,
                confidence=confidence,
                positions=positions,
                separation=separation,
                apart=apart,
                parted=separation >= needed,
                credible=max(FEW * samples, FEWEST) <= apart < samples / 2,
                contradicted=apart > 0 and bool(np.median(confidence[below]) <= 1 / count),
                learned=learned,
            )


def _needed(samples: int) -> float:
    return max(PARTED, NORMAL + NORMAL_SPREAD / math.sqrt(samples))


def _best(data: Losses, members: list[np.ndarray], count: float) -> tuple[_Window | None, str]:
    """The best parted window, and why it is not enough: empty where it is."""
    samples = len(data.samples)
    if len(data.epochs) < 2:
        return None, "one epoch tells nothing: flipped samples show in how losses go over several"
    windows = [w for w in _windows(data, members, count) if w.learned >= LEARNED]
    if not windows:
        return None, "in no window are typical samples of every class predicted better than chance: nothing can be told"
    trusted = [w for w in windows if w.learned >= LEARNED_UNNAMED] if len(members) == 1 else windows
    found = max(trusted, key=lambda w: (w.credible and w.contradicted, w.separation), default=None)
    if found is not None and found.parted and found.credible and found.contradicted:
        return found, ""
    suspected = max(windows, key=lambda w: w.separation)
    if len(members) == 1 and (found is None or (suspected.parted and suspected.learned < LEARNED_UNNAMED)):
        return suspected, (
            f"without the classes flipped samples cannot be told from a class that is learned late: {suspected.apart}"
            f" of {samples} samples stand apart while typical ones have a mean probability of"
            f" {np.quantile(suspected.confidence, TYPICAL):.2f}; give the labels trained on as classes"
        )
    assert found is not None  # of several classes every window is trusted
    if not found.parted:
        return found, (
            f"no flipped samples are seen to stand apart: two groups explain {found.separation:.2f} of the variance"
            f" at best, and {_needed(samples):.2f} is needed"
        )
    if found.credible:
        return found, (
            f"{found.apart} of {samples} samples stand apart, yet their labels are predicted no less than by chance:"
            " learned late, not contradicted"
        )
    if found.apart < samples / 2:
        return found, f"{found.apart} of {samples} samples stand apart, no more than the hard ones of ordinary data"
    return found, f"{found.apart} of {samples} samples stand apart: flipped ones would be fewer than half"


def _positions(confidence: np.ndarray, members: list[np.ndarray], count: float) -> tuple[np.ndarray, float]:
    """Positions, and the least half-distance from typical to flipped over the classes."""
    typical = np.array([np.quantile(confidence[held], TYPICAL) for held in members])
    left = 1 - typical
    others = (left.sum() - left) / (len(members) - 1) if len(members) > 1 else left
    flipped = others / (count - 1)
    half = (typical - flipped) / 2
    positions = np.ones_like(confidence)
    for held, top, step in zip(members, typical, half, strict=True):
        if step > 0:
            positions[held] = 1 + (confidence[held] - top) / step
    return positions, float(half.min())


def _separation(positions: np.ndarray) -> float:
    above = positions > 0
    share, total = above.mean(), positions.var()
    if not 0 < share < 1:
        return 0.0
    return float(share * (1 - share) * (positions[above].mean() - positions[~above].mean()) ** 2 / total)


def _stopped(held: Selection, window: _Window) -> dict[str, Any]:
    clean = window.positions > 0
    lead = held.fitted[:, clean].mean(1) - held.fitted[:, ~clean].mean(1)
    if lead.max() <= 0:
        return {"reason": f"at no epoch are more of the samples that look clean below {held.threshold:.3g} than others"}
    stop = int(np.flatnonzero(lead >= lead.max() - 1e-9)[-1])
    reason = (
        f"{(~clean).sum()} of {len(clean)} samples stand apart over the first {window.epoch + 1} epochs; most of the"
        " others are fitted, and least of them, at this one"
    )
    if held.data.classes is None:
        reason += "; a class that is learned late can look like this: give the labels trained on as classes"
    return {"stop": stop, "clean": clean, "reason": reason}


def _score(chosen: np.ndarray, losses: np.ndarray, flipped: np.ndarray) -> dict[str, float]:
    """A clean set against the flags; flipped samples are what a high loss should find."""
    held, found = (chosen & ~flipped).sum(), chosen.sum()
    return {"precision": held / found if found else math.nan, "recall": held / max((~flipped).sum(), 1),
            "auc": auc(losses, flipped), "average_precision": average_precision(losses, flipped)}  # fmt: skip
