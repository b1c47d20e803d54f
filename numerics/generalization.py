"""Test errors of trained runs, without d-dimensional vectors.

An error is y f < 0, strictly, as the paper has it: a network that outputs 0, which happens where no neuron is active,
makes none. A test point is [y mu, xi] with y uniform on +-1 and xi from one of three laws:

* ``spurious`` (D_test): xi = xi_i + zeta with i uniform over the training samples and zeta ~ N(0, sigma_xi^2 I),
  independent of y;
* ``fresh``: xi ~ N(0, sigma_xi^2 I);
* ``training-noise``: xi = xi_i, that is zeta = 0. Exact, nothing is drawn.

The network sees xi through the 2m numbers <w_{j,r}, xi>, and these are Gaussian with covariance sigma_xi^2 W W^T, so
W W^T = W_0 W_0^T + c B_0^T + B_0 c^T + c K c^T (c: coefficients, B_0 = W_0 V^T, K = V V^T) is all that is needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from scipy.linalg import eigh
from scipy.sparse.linalg import eigsh
from scipy.special import logsumexp, ndtr

from numerics.activation import RELU
from numerics.model import Sample, Setting
from numerics.series import Recorder
from numerics.state import State
from numerics.trajectory import Trajectory

DRAWS = 2048  # noise draws per run, spread evenly over the training samples: standard error at most 0.011


# Test errors as series by name, each a law of :class:`Generalization`: they cost too much to be recorded at every time.
AT_THE_END = {"error_spurious": "spurious", "spurious_exponent": "exponent"}
CACHE = 2e6  # bytes of noise draws that are worked on together
DEVICE_CACHE = 256e6  # the same on another device than the CPU


@dataclass(frozen=True, kw_only=True)
class Generalization:
    """Test errors per run at one moment; NaN where the moment did not come. Each of shape (runs,).

    Attributes:
        spurious, fresh, training_noise: test errors by law of the noise patch.
        spurious_se, fresh_se: their standard errors from the draws.
        exponent: -log of a certified upper bound on the spurious error, see :func:`_exponent`.
    """

    spurious: np.ndarray
    spurious_se: np.ndarray
    fresh: np.ndarray
    fresh_se: np.ndarray
    training_noise: np.ndarray
    exponent: np.ndarray


@lru_cache(maxsize=2)  # the moments of one batch
def generalization(trajectory: Trajectory, event: str) -> Generalization:
    """Test errors at ``event`` (a name in ``trajectory.kept``), with draws seeded by each run's sample."""
    rows = [_one(trajectory, event, run) for run in range(len(trajectory.settings))]
    return Generalization(**{name: np.array([row[name] for row in rows]) for name in rows[0]})


def errors_by_law(trajectory: Trajectory, event: str, draws: int = DRAWS, device: str = "cpu") -> dict[str, np.ndarray]:
    """``spurious``, ``fresh`` and ``training_noise`` of :func:`generalization` alone, many networks at a time.

    The draws are the same, so with :data:`DRAWS` of them the numbers are, up to rounding: that of a margin of zero.

    Args:
        trajectory: the runs, of equal n and m as in any batch.
        event: the moment; NaN where it did not come.
        draws: noise draws per run, at least; two per training sample are made in any case.
        device: where networks read them; they are drawn on the CPU, so that they are the same everywhere.
    """
    runs, n, m = len(trajectory.settings), trajectory.settings[0].n, trajectory.settings[0].m
    found = {law: np.full(runs, np.nan) for law in ("spurious", "fresh", "training_noise")}
    kept = trajectory.kept[event].numpy()
    came = np.flatnonzero(np.isfinite(kept).all((1, 2)))
    each = max(2, -(-draws // n))
    room = CACHE if device == "cpu" else DEVICE_CACHE
    together = max(1, int(room / (16 * n * each * m)))
    for start in range(0, came.size, together):
        rows = came[start : start + together]
        for law, wrong in _wrong(trajectory, rows, kept[rows], each, device).items():
            found[law][rows] = wrong
    return found


def _wrong(trajectory: Trajectory, rows: np.ndarray, kept: np.ndarray, each: int, device: str) -> dict[str, np.ndarray]:
    """Errors of some runs that fit in the cache together. Each of shape (runs,)."""
    settings, samples = ([held[r] for r in rows] for held in (trajectory.settings, trajectory.samples))
    n, m = settings[0].n, settings[0].m
    gram, first, start = (np.stack([getattr(s, k) for s in samples]) for k in ("gram", "overlap", "weight_gram"))
    c = np.concatenate([(kept[:, :, 0] - kept[:, :, 1])[:, :, None], kept[:, :, 2:]], axis=2)
    overlap = first + c @ gram
    cross = c @ first.transpose(0, 2, 1)
    with np.errstate(over="ignore", invalid="ignore"):
        weight_gram = start + cross + cross.transpose(0, 2, 1) + c @ gram @ c.transpose(0, 2, 1)
    whole = np.isfinite(weight_gram).all((1, 2))
    weight_gram[~whole] = np.eye(2 * m)
    roots = np.stack([s.sigma_xi * _root(g) for s, g in zip(settings, weight_gram, strict=True)])
    normal = np.empty((len(rows), n * each, 2 * m))
    for k, sample in enumerate(samples):
        np.random.default_rng([sample.seed, 1]).standard_normal(out=normal[k])

    def there(array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array).to(device)

    head = there(np.repeat([1.0, -1.0], m) / m).expand(len(rows), 2 * m)[:, :, None]
    zeta = torch.bmm(there(normal), there(roots).mT)
    first_layer = there(overlap)
    own = first_layer[:, :, 1:].mT.contiguous()  # (R, n, 2m)
    phi, _ = settings[0].activation.of_runs(there(np.stack([s.shape for s in settings])))
    signal = [torch.bmm(phi(y * first_layer[:, None, :, 0]), head)[:, 0] for y in (1.0, -1.0)]

    relu = settings[0].activation is RELU

    def error(preactivation: torch.Tensor) -> np.ndarray:
        """The mean error over both labels and all draws; may overwrite its argument."""
        output = torch.bmm(preactivation.relu_() if relu else phi(preactivation), head)[..., 0]
        wrong = (output < -signal[0]).double().mean(1) + (output > -signal[1]).double().mean(1)
        return np.where(whole, wrong.cpu().numpy() / 2, np.nan)

    shared = (zeta.unflatten(1, (n, each)) + own[:, :, None]).flatten(1, 2)
    return {"spurious": error(shared), "fresh": error(zeta), "training_noise": error(own)}


def spurious_error(settings: Sequence[Setting], samples: Sequence[Sample], draws: int = DRAWS) -> Recorder:
    """A recorder of the test error on D_test, for curves: the same draws at every time, seeded by each sample.

    Args:
        settings, samples: those of the batch, whose runs must all stay in it to the end.
        draws: noise draws per run, at least this many; standard error at most 1/(2 sqrt(draws)).

    Raises:
        ValueError: when recording, if a run has left the batch.
    """
    n, m = settings[0].n, settings[0].m
    each = max(2, -(-draws // n))
    zeta = np.stack([np.random.default_rng([s.seed, 1]).standard_normal((n * each, 2 * m)) for s in samples])
    standard = torch.as_tensor(zeta * np.array([s.sigma_xi for s in settings])[:, None, None])
    start = torch.as_tensor(np.stack([s.weight_gram for s in samples]))
    head = torch.tensor([1.0, -1.0], dtype=torch.float64).repeat_interleave(m) / m

    def error(state: State) -> torch.Tensor:
        overlap, c = state.overlap.cpu(), state.coefficients.cpu()
        if len(c) != len(start):
            raise ValueError(f"{len(start) - len(c)} runs have left the batch: record test errors without `stop`")
        weight_gram = start + c @ state.batch.overlap.cpu().mT + overlap @ c.mT
        root = torch.as_tensor(np.stack([_root(((g + g.T) / 2).numpy()) for g in weight_gram]))
        noise = (standard @ root.mT).unflatten(1, (n, each)).add_(overlap[..., 2:].mT[:, :, None])
        phi = state.batch.phi
        shared = phi(noise) @ head  # F_+ - F_- of the noise patch, (R, n, each)
        plus, minus = (phi(overlap[..., k]) @ head for k in (0, 1))  # and of +-mu
        wrong = (plus[:, None, None] + shared < 0).double() + (minus[:, None, None] + shared > 0).double()
        return wrong.flatten(1).mean(1) / 2

    return error


def certified_exponent(
    settings: Sequence[Setting], samples: Sequence[Sample], apart: float = 1.25, since: Sequence[float] | None = None
) -> Recorder:
    """A recorder of the exponent of :class:`Generalization`, at recorded times ``apart`` from each other, else NaN.

    It is the dearest number of a record, hence not computed at every one. Runs may leave the batch.

    Args:
        settings, samples: those of the batch.
        apart: ratio of the iterations at which it is computed, at least.
        since: rescaled time of each run from which on it is asked for; from the start where absent.
    """
    due = np.zeros(len(settings))
    if since is not None:
        due = np.array(since, dtype=float) / [s.time_scale for s in settings]

    def exponent(state: State) -> torch.Tensor:
        rows = state.batch.rows.cpu().numpy()
        overlap, coefficients = state.overlap.cpu().numpy(), state.coefficients.cpu().numpy()
        found = np.full(len(rows), np.nan)
        for k, row in enumerate(rows):
            if state.time < due[row]:
                continue
            due[row] = max(1.0, apart * state.time)
            setting, sample = settings[row], samples[row]
            c = np.concatenate([(coefficients[k, :, 0] - coefficients[k, :, 1])[:, None], coefficients[k, :, 2:]], 1)
            b = np.concatenate([overlap[k, :, :1], overlap[k, :, 2:]], 1)
            weight_gram = sample.weight_gram + c @ sample.overlap.T + b @ c.T
            found[k] = _exponent_of(setting, b, (weight_gram + weight_gram.T) / 2)
        return torch.as_tensor(found)

    return exponent


def _exponent_of(setting: Setting, overlap: np.ndarray, weight_gram: np.ndarray) -> float:
    """:func:`_exponent` at W V^T (without -mu) and W W^T; NaN for an activation that has none."""
    if not setting.activation.certified:
        return np.nan
    head = np.repeat([1.0, -1.0], setting.m) / setting.m
    sides = np.array([1.0, -1.0])
    signal = sides * (np.maximum(sides[:, None] * overlap[:, 0], 0.0) @ head)
    shared = _mean_relu(overlap[:, 1:], weight_gram, setting.sigma_xi).T @ head
    return _exponent(signal[:, None] + sides[:, None] * shared, weight_gram, setting.m, setting.sigma_xi)


def _one(trajectory: Trajectory, event: str, run: int) -> dict[str, float]:
    setting, sample = trajectory.settings[run], trajectory.samples[run]
    kept = trajectory.kept[event][run].numpy()
    if np.isnan(kept).any():
        return dict.fromkeys(Generalization.__dataclass_fields__, np.nan)
    c = np.concatenate([(kept[:, 0] - kept[:, 1])[:, None], kept[:, 2:]], axis=1)
    overlap = sample.overlap + c @ sample.gram
    cross = c @ sample.overlap.T
    with np.errstate(over="ignore", invalid="ignore"):  # a step size beyond 1e150 or so: no number, no crash
        weight_gram = sample.weight_gram + cross + cross.T + c @ sample.gram @ c.T
    if not np.isfinite(weight_gram).all():
        return dict.fromkeys(Generalization.__dataclass_fields__, np.nan)
    head = np.repeat([1.0, -1.0], setting.m) / setting.m

    def noise_output(preactivation: np.ndarray) -> np.ndarray:
        return setting.phi(torch.from_numpy(preactivation)).numpy() @ head

    sides = np.array([1.0, -1.0])
    signal = sides * noise_output(sides[:, None] * overlap[:, 0])  # y f from the signal patch
    each = max(2, -(-DRAWS // setting.n))
    rng = np.random.default_rng([sample.seed, 1])
    zeta = rng.standard_normal((setting.n * each, 2 * setting.m)) @ (setting.sigma_xi * _root(weight_gram)).T

    shared = noise_output(zeta.reshape(setting.n, each, -1) + overlap[:, 1:].T[:, None])
    margins = signal[:, None, None] + sides[:, None, None] * shared  # y f, shape (2, n, each)
    # Both labels read the same draw, so a draw counts once, with the mean of its two errors.
    wrong = (margins < 0).mean(0)  # (n, each)
    fresh_wrong = (signal[:, None] + sides[:, None] * noise_output(zeta) < 0).mean(0)
    at_training = signal[:, None] + sides[:, None] * noise_output(overlap[:, 1:].T)
    return {
        "spurious": wrong.mean(),
        # Stratified by i: only the variance inside the strata counts.
        "spurious_se": float(np.sqrt((wrong.var(1, ddof=1) / each).sum()) / setting.n),
        "fresh": fresh_wrong.mean(),
        "fresh_se": float(fresh_wrong.std(ddof=1) / np.sqrt(fresh_wrong.size)),
        "training_noise": (at_training < 0).mean(),
        "exponent": _exponent_of(setting, overlap, weight_gram),
    }


def _exponent(means: np.ndarray, weight_gram: np.ndarray, m: int, sigma: float) -> float:
    """-log of an upper bound on the spurious error that holds for the trained weights at hand.

    zeta -> y f is Lipschitz with a constant L of at most sup_a |sum_r j a_r w_r| / m over a in [0,1]^{2m}, hence
    P(y f <= 0) <= exp(-mean^2 / (2 sigma^2 L^2)) wherever its mean over zeta is positive (Gaussian concentration).
    No draw could show an error of exp(-1000); this bound does. Nothing in it is drawn: the means are exact too.
    """
    eigen = _largest_eigenvalue(weight_gram)
    lengths = np.sqrt(np.maximum(np.diag(weight_gram), 0.0)).sum()
    lipschitz = min(lengths, np.sqrt(2 * m * max(eigen, 0.0))) / m
    exponents = -(np.maximum(means, 0.0) ** 2) / (2 * (sigma * lipschitz) ** 2)
    return float(np.log(means.size) - logsumexp(exponents))


def _largest_eigenvalue(gram: np.ndarray) -> float:
    """Of a positive semidefinite matrix, to rounding; Lanczos' way where that is cheaper."""
    last = len(gram) - 1
    if last < 300:
        return float(eigh(gram, eigvals_only=True, subset_by_index=[last, last], check_finite=False)[0])
    # Any start that no symmetry makes orthogonal to the eigenvector.
    start = np.random.default_rng(0).standard_normal(len(gram))
    return float(eigsh(gram, k=1, which="LA", v0=start, return_eigenvectors=False)[0])


def _mean_relu(at: np.ndarray, weight_gram: np.ndarray, sigma: float) -> np.ndarray:
    """E relu(a + <w_r, zeta>) for each entry a of row r: a Phi(a/s) + s phi(a/s) with s = sigma |w_r|."""
    spread = sigma * np.sqrt(np.maximum(np.diag(weight_gram), 1e-300))[:, None]
    z = at / spread
    return at * ndtr(z) + spread * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)


def _root(gram: np.ndarray) -> np.ndarray:
    """A with A A^T = gram, also where rounding or d < 2m leaves it singular."""
    try:
        return np.linalg.cholesky(gram)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(gram)
        return vectors * np.sqrt(np.maximum(values, 0.0))
