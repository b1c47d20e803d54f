"""How well scores rank some samples above the others: the curves over all thresholds, and the area under them."""

import math

import numpy as np
import pandas as pd


def auc(scores: np.ndarray, positive: np.ndarray) -> float:
    """Chance that a positive has a larger score than a negative, ties by half; NaN without both."""
    if positive.all() or not positive.any():
        return math.nan
    ranks = pd.Series(scores).rank().to_numpy()
    k, n = positive.sum(), len(positive)
    return float((ranks[positive].sum() - k * (k + 1) / 2) / (k * (n - k)))


def curves(scores: np.ndarray, positive: np.ndarray) -> pd.DataFrame:
    """Counts at every threshold, from the highest score down: false_positive_rate, recall, precision."""
    order = np.argsort(-scores, kind="stable")
    hit, ordered = positive[order], scores[order]
    last = np.append(np.diff(ordered) != 0, True)  # ties enter together
    true, taken = np.cumsum(hit)[last], np.arange(1, len(hit) + 1)[last]
    negatives = max(int((~positive).sum()), 1)
    return pd.DataFrame({"false_positive_rate": (taken - true) / negatives,
                         "recall": true / max(int(positive.sum()), 1), "precision": true / taken})  # fmt: skip


def average_precision(scores: np.ndarray, positive: np.ndarray) -> float:
    """Precision averaged over the steps of recall; NaN without a positive."""
    if not positive.any():
        return math.nan
    held = curves(scores, positive)
    return float((np.diff(held["recall"], prepend=0.0) * held["precision"]).sum())
