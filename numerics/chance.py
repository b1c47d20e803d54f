"""What an algorithm draws along a run: labels flipped afresh at every step, and the samples of its batch.

A function of the run's seed and the step alone: the same on every path, whatever else is in a batch of runs, and
however many steps are taken at a time.
"""

import numpy as np

from numerics.model import Sample, Setting
from numerics.module import Points


class Chance:
    """The draws of one run, in the order of its steps.

    Labels and batches come from streams of their own, so that each is the same whether or not the other is drawn.
    """

    def __init__(self, setting: Setting, sample: Sample | Points) -> None:
        self._setting, self._sample = setting, sample
        self._flips, self._batches = (np.random.default_rng([sample.seed, k]) for k in (2, 3))
        self._waiting = np.empty((0, setting.n))  # shares of the steps that an order of the samples has left

    @property
    def still(self) -> bool:
        """Whether every step sees the same."""
        return self._setting.flips == "once" and not self._setting.batches.size

    def take(self, steps: int) -> tuple[np.ndarray, np.ndarray]:
        """The observed labels, and the weight of every sample in the loss, of the next ``steps`` steps.

        Each of shape (steps, n); weights add up to 1.
        """
        n = self._setting.n
        labels = np.tile(self._sample.y_tilde, (steps, 1))
        if self._setting.flips == "fresh":
            y = self._sample.y
            chance = np.where(y > 0, self._setting.tau_plus, self._setting.tau_minus)
            labels = np.where(self._flips.random((steps, n)) < chance, -y, y)
        return labels, self._shares(steps)

    def _shares(self, steps: int) -> np.ndarray:
        n, batches = self._setting.n, self._setting.batches
        if not batches.size:
            return np.full((steps, n), 1 / n)
        size = getattr(self._setting, batches.size)
        if batches.replaced:
            chosen = self._batches.integers(0, n, (steps, size)) + n * np.arange(steps)[:, None]
            return np.bincount(chosen.ravel(), minlength=steps * n).reshape(steps, n) / size
        per_order = n // size
        lacking = -(-(steps - len(self._waiting)) // per_order)
        if lacking > 0:
            orders = np.array([self._batches.permutation(n) for _ in range(lacking)])[:, : per_order * size]
            share = np.zeros((lacking * per_order, n))
            np.put_along_axis(share, orders.reshape(-1, size), 1 / size, 1)
            self._waiting = np.concatenate([self._waiting, share])
        shares, self._waiting = self._waiting[:steps], self._waiting[steps:]
        return shares
