"""Is d >= n^2 needed for Stage I, or is d >= n^1.5 enough?

Run it with `thetacheck check docs/examples/weaker_dimension.py`.

Condition 4.1 asks d >= C max(n^2 log(nm/delta) (log T*)^2, n |mu|/sigma_xi sqrt(log(n/delta))). The proofs use the
first term to bound the cross-talk |sum_k rho_k <xi_k, xi_i>| / |xi_i|^2 by n sqrt(log/d), the sum of n worst cases.
Were its terms independent, it would be of order sqrt(n/d), and d >> n log n would do. So weaken it, and look.
"""

import numpy as np
from sympy import Max, Rational, log, sqrt

from numerics import Observable, Trajectory
from theory import AtMost, C, Claim, Condition, Within, d, delta, m, mu, n, sigma_xi
from theory.papers.han2025 import condition_4_1

NOTE = "my note, question 1"

weaker = Condition(
    name="dimension-1.5",
    source=NOTE,
    statement=d >= C * Max(n ** Rational(3, 2) * log(n * m / delta), n * mu / sigma_xi * sqrt(log(n / delta))),
    says="The dimension beats n^1.5 instead of n^2.",
)
linear = Condition(
    name="dimension-linear",
    source=NOTE,
    statement=d >= C * n,
    says="The dimension beats n alone: cross-talk stays of order one.",
)

others = tuple(c for c in condition_4_1() if c.name != "4.1.2-dimension")


def kept_share(run: Trajectory) -> np.ndarray:
    """Share of the pairs (i, r) active at initialization that still are at the end of the run. Shape (runs,)."""
    end = run.state("end")
    still = (end.on_own_noise > 0) & end.first_active
    return (still.double().sum((1, 2)) / end.first_active.double().sum((1, 2))).numpy()


# Runs of stage T1 end at T_1, or are given up where it does not come: both are read at that end.
OBSERVABLES = (
    Observable(name="pairs_kept", says="share of first active pairs still active", stage="T1", compute=kept_share),
    Observable(
        name="clean_fitted",
        says="share of clean samples fitted",
        stage="T1",
        compute=lambda run: run.at("end", "accuracy_clean"),
    ),
)

CLAIMS = (
    Claim(
        name="weaker.clean-fitted",
        source=NOTE,
        needs=(*others, weaker),
        observable="margin_clean_min_T1",
        law=Within(low=0),
        says="With d >= n^1.5, every clean sample is fitted at T_1.",
    ),
    Claim(
        name="weaker.order-one",
        source=NOTE,
        needs=(*others, weaker),
        observable="coefficient_max_T1",
        law=AtMost(1),
        says="With d >= n^1.5, all coefficients are of order one together.",
    ),
    Claim(
        name="weaker.selection",
        source=NOTE,
        needs=(*others, weaker),
        observable=("selection_precision_T1", "selection_recall_T1"),
        law=(Within(low=1), Within(low=1)),
        says="With d >= n^1.5, the threshold log 2 separates clean from noisy samples perfectly at T_1.",
    ),
    Claim(
        name="weaker.margins",
        source=NOTE,
        needs=(*others, weaker),
        observable="margin_error_stage1",
        law=Within(high=Rational(1, 4)),
        says="With d >= n^1.5, margins are what the coefficients say.",
    ),
    Claim(
        name="weaker.activations",
        source=NOTE,
        needs=(*others, weaker),
        observable="pairs_kept",
        law=Within(low=1),
        says="With d >= n^1.5, every neuron active on a sample of its label stays so up to T_1.",
    ),
    # The other side: with d of order n, something should break.
    Claim(
        name="linear.activations",
        source=NOTE,
        needs=(*others, linear),
        observable="pairs_kept",
        law=Within(low=1),
        says="With d >= n alone, every neuron active on a sample of its label stays so up to T_1.",
        contrast=True,
    ),
    Claim(
        name="linear.clean-fitted",
        source=NOTE,
        needs=(*others, linear),
        observable="clean_fitted",
        law=Within(low=1),
        says="With d >= n alone, every clean sample is fitted at T_1, or when T_1 is given up.",
    ),
)
