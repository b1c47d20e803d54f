"""Drawing samples: dense vectors, or their inner products alone (D2).

The dynamics sees data and weights only through V V^T, W_0 V^T and, for test errors, W_0 W_0^T. These have exact
laws that need no d-dimensional vector. Put the K signals into the first K coordinates. Then

* xi_i has i.i.d. N(0, sigma^2) coordinates there, none where noise is projected off the signals, and the Gram matrix of
  the other d-K coordinates is sigma^2 times a Wishart_n(d-K) matrix, whose Cholesky factor is Bartlett's: chi_{d-K},
  chi_{d-K-1}, ... on the diagonal and N(0, 1) below. So V = Q E with Q lower triangular and E orthonormal rows;
* W_0 has i.i.d. N(0, sigma_0^2) coordinates on the rows of E, hence W_0 V^T = W_E Q^T, and independently a
  Wishart_{2m}(d-n-K) Gram matrix off them.

Exact in distribution for every d >= n + 2m + K, at a cost without d.
"""

import numpy as np

from numerics.model import Sample, Setting, check_whole
from numerics.module import ModuleSetting, Points, check_points, draw_points

MOST = 2**30  # numbers that a sample may hold


def draw(setting: Setting, seed: int, *, dense: bool | None = None) -> Sample | Points:
    """One sample of ``setting``; the points themselves where the network is one's own.

    Args:
        setting: the parameters.
        seed: a non-negative integer; the sample is a function of (setting, seed, dense) on every machine.
        dense: draw d-dimensional vectors. By default only where Gram matrices have no Bartlett factor,
            d < n + 2m + K (K signals), or where the algorithm needs them.

    Raises:
        ValueError: ``dense=False`` with d < n + 2m + K, d < K, a draw that would not fit in memory, or an argument of
            another kind.
    """
    if not isinstance(setting, Setting):
        raise ValueError(f"setting = {setting!r}: must be a Setting, e.g. Setting(n=20, m=10, ...)")
    if not (dense is None or isinstance(dense, bool)):
        raise ValueError(f"dense = {dense!r}: must be True, False or None")
    seed = check_whole("seed", seed, 0)
    if isinstance(setting, ModuleSetting):
        return draw_points(setting, seed)
    dense = check_drawable(setting, dense)
    rng = np.random.default_rng(seed)
    y, y_tilde = _labels(setting, rng)
    reads = _reads(setting, y, rng)
    inner_products = _dense(setting, rng) if dense else _gram_only(setting, rng)
    return Sample(seed=seed, y=y, y_tilde=y_tilde, reads=reads, **inner_products)


def check_drawable(setting: Setting, dense: bool | None = None) -> bool:
    """Whether a sample of ``setting`` is drawn densely.

    Raises:
        ValueError: ``dense=False`` with d < n + 2m + K, d < K, or the draw would not fit in memory.
    """
    if isinstance(setting, ModuleSetting):
        check_points(setting)
        return True
    signals = setting.inputs.signals
    least = setting.n + 2 * setting.m + signals
    at = f"n = {setting.n}, m = {setting.m}, d = {setting.d}"
    if dense is None:
        dense = setting.d < least or setting.algorithm.dense
    if not dense and setting.d < least:
        raise ValueError(f"{at}: drawing Gram matrices alone needs d >= n + 2m + {signals} = {least}; use dense=True")
    if setting.d < signals:
        raise ValueError(f"{at}: {signals} signals need as many dimensions; give d >= {signals}")
    # V and W_0 themselves, or their Gram matrices; the dynamics holds these in either case.
    entries = (setting.n + signals) ** 2 + (2 * setting.m) ** 2 + (setting.d * least if dense else 0)
    if entries > MOST:
        way = "use dense=False" if dense and setting.d >= least else "give smaller n and m"
        raise ValueError(f"{at}: a sample of {entries:.1e} numbers exceeds {MOST * 8 / 2**30:g} GiB; {way}")
    return dense


def _labels(setting: Setting, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """y and y~. Balanced ones are the drawn ones given their numbers: any arrangement is as likely as any other.

    Noise is exchangeable, so a fixed arrangement would give a run the same law. A random one also keeps single samples
    alike: sample 0 is not always of label +1. Both kinds take the same numbers from ``rng``, so that one seed gives
    them the same noise and weights, and comparing them measures what labels do.
    """
    y = rng.choice(np.array([-1.0, 1.0]), setting.n)
    u = rng.random(setting.n)
    if setting.counts is None:
        if setting.flips == "fresh":
            return y, y.copy()
        return y, np.where(u < np.where(y > 0, setting.tau_plus, setting.tau_minus), -y, y)
    (plus, flips_plus), (minus, flips_minus) = setting.counts
    kept, flipped = np.array([1.0, 1.0]), np.array([1.0, -1.0])  # (y, y~) of label +1; of -1 both negated
    rows = np.repeat(
        [flipped, kept, -flipped, -kept], [flips_plus, plus - flips_plus, flips_minus, minus - flips_minus], axis=0
    )
    y, y_tilde = rows[np.argsort(np.argsort(u))].T
    return y.copy(), y_tilde.copy()


def _reads(setting: Setting, y: np.ndarray, rng: np.random.Generator) -> np.ndarray | None:
    """Which signal each sample has, any of its label alike; None where the label tells."""
    if setting.inputs.labels == (1, -1):
        return None
    of_label = {label: np.flatnonzero(np.array(setting.inputs.labels) == label) for label in (1, -1)}
    u = rng.random(setting.n)
    return np.array([of_label[int(label)][int(v * len(of_label[int(label)]))] for label, v in zip(y, u, strict=True)])


def _dense(setting: Setting, rng: np.random.Generator) -> dict[str, np.ndarray]:
    signals = setting.inputs.signals
    patches = setting.sigma_xi * rng.standard_normal((setting.n + signals, setting.d))
    patches[:signals] = 0.0
    patches[:signals, :signals] = setting.signals
    if setting.projected:
        patches[signals:, :signals] = 0.0
    weights = setting.sigma_0 * rng.standard_normal((2 * setting.m, setting.d))
    return dict(
        gram=patches @ patches.T,
        overlap=weights @ patches.T,
        weight_gram=weights @ weights.T,
        patches=patches,
        weights=weights,
    )


def _gram_only(setting: Setting, rng: np.random.Generator) -> dict[str, np.ndarray]:
    n, m, d, signals = setting.n, setting.m, setting.d, setting.inputs.signals
    q = np.zeros((n + signals, n + signals))
    q[:signals, :signals] = setting.signals
    along = setting.sigma_xi * rng.standard_normal((n, signals))
    if not setting.projected:
        q[signals:, :signals] = along
    q[signals:, signals:] = setting.sigma_xi * _bartlett(rng, n, d - signals)
    on = setting.sigma_0 * rng.standard_normal((2 * m, n + signals))
    off = setting.sigma_0 * _bartlett(rng, 2 * m, d - n - signals)
    return dict(gram=q @ q.T, overlap=on @ q.T, weight_gram=on @ on.T + off @ off.T)


def _bartlett(rng: np.random.Generator, size: int, freedom: int) -> np.ndarray:
    """Cholesky factor of a Wishart_size(freedom) matrix; freedom >= size."""
    factor = np.tril(rng.standard_normal((size, size)), -1)
    factor[np.diag_indices(size)] = np.sqrt(rng.chisquare(freedom - np.arange(size, dtype=float)))
    return factor
