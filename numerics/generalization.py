"""Test errors of trained runs, without d-dimensional vectors.

An error is y f < 0, strictly, as the paper has it: a network that outputs 0, which happens where no neuron is active,
makes none. y is the true label: where test labels are flipped with probability p, the error on them is p + (1 - 2p)
times this one. A test point has a signal that is each of those of its label alike, y uniform on +-1, and a noise patch
xi from one of three laws:

* ``spurious`` (D_test): xi = xi_i + zeta with i uniform over the training samples and zeta ~ N(0, sigma_xi^2 I),
  independent of y;
* ``fresh``: xi ~ N(0, sigma_xi^2 I);
* ``training-noise``: xi = xi_i, that is zeta = 0. Exact, nothing is drawn.

Where training noise is projected off the signals, so is zeta. The network sees xi through the 2m numbers <w_{j,r}, xi>,
and these are Gaussian with covariance sigma_xi^2 W W^T, or sigma_xi^2 (W W^T - B_S S^-1 B_S^T) where noise is projected
(S: Gram matrix of the signals, B_S: what the weights are on them). With W = s W_0 + C V',

    W W^T = s^2 W_0 W_0^T + s B_0 C^T + C B^T,    B_0 = W_0 V'^T,    B = W V'^T.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from scipy.linalg import eigh
from scipy.sparse.linalg import eigsh
from scipy.special import logsumexp, ndtr
from torch import Tensor

from numerics.activation import RELU
from numerics.course import Weights
from numerics.model import Sample, Setting
from numerics.module import ModuleSetting
from numerics.networks import margins_on_fresh_points
from numerics.series import Recorder
from numerics.state import Batch, State
from numerics.trajectory import Trajectory

DRAWS = 2048  # noise draws per run, spread evenly over the training samples: standard error at most 0.011
CACHE = 2e6  # bytes of noise draws that are worked on together
DEVICE_CACHE = 256e6  # the same on another device than the CPU


@dataclass(frozen=True, kw_only=True)
class Generalization:
    """Means over test points, per run, at one moment; NaN where the moment did not come. Each of shape (runs,).

    Attributes:
        spurious, fresh, training_noise: by law of the noise patch.
        spurious_se, fresh_se: their standard errors from the draws.
    """

    spurious: np.ndarray
    spurious_se: np.ndarray
    fresh: np.ndarray
    fresh_se: np.ndarray
    training_noise: np.ndarray


def generalization(trajectory: Trajectory, event: str, draws: int = DRAWS) -> Generalization:
    """Test errors, where the runs were trained, with draws on the CPU seeded by each run's sample.

    Args:
        trajectory: the runs.
        event: a name in ``trajectory.kept``.
        draws: noise draws per run, at least; two per training sample are made in any case.
    """
    return _means(trajectory, event, draws)[0]


def losses_on_test_points(trajectory: Trajectory, event: str, draws: int = DRAWS) -> Generalization:
    """The loss in which the runs were trained, on test points: :func:`generalization` with l(y f) for y f < 0."""
    return _means(trajectory, event, draws)[1]


@lru_cache(maxsize=2)
def exponents(trajectory: Trajectory, event: str) -> np.ndarray:
    """-log of a certified upper bound on the spurious error, see :func:`_exponent`; NaN for a model that has none.

    Shape (runs,).
    """
    state, settings = trajectory.state(event), trajectory.settings
    found = np.full(len(settings), np.nan)
    weight_gram = trajectory.kept[event].gram(state.batch, _first_gram(trajectory.samples))
    for k, setting in enumerate(settings):
        gram = weight_gram[k].numpy()
        if np.isfinite(gram).all():
            found[k] = _exponent_of(setting, _without_negative(state.overlap[k].numpy()), (gram + gram.T) / 2)
    return found


# Numbers at the end of a run as series by name: they cost too much to be recorded at every time.
AT_THE_END: dict[str, Callable[[Trajectory], np.ndarray]] = {
    "error_spurious": lambda run: generalization(run, "end").spurious,
    "spurious_exponent": lambda run: exponents(run, "end"),
}


def _wrong(margins: Tensor) -> Tensor:
    return (margins < 0).double()


@lru_cache(maxsize=2)  # the moments of one batch
def _means(trajectory: Trajectory, event: str, draws: int) -> tuple[Generalization, Generalization]:
    """Mean errors and mean losses at the margins y f of test points: both of the same draws, which cost the most."""
    scores = (_wrong, trajectory.settings[0].loss.value)
    found = [
        {name: np.full(len(trajectory.settings), np.nan) for name in Generalization.__dataclass_fields__}
        for _ in scores
    ]
    came = np.flatnonzero(trajectory.kept[event].came)
    if isinstance(trajectory.settings[0], ModuleSetting):  # of its points nothing is known but how they are drawn
        for row, margins in zip(came, _fresh_margins(trajectory, event, draws), strict=True):
            for one, score in zip(found, scores, strict=True):
                of = score(margins)
                one["fresh"][row], one["fresh_se"][row] = float(of.mean()), float(of.std() / draws**0.5)
    elif came.size:
        for one, table in zip(found, _tables(trajectory, event, draws, came, scores), strict=True):
            for name, values in zip(Generalization.__dataclass_fields__, table, strict=True):
                one[name][came] = values
    return tuple(Generalization(**one) for one in found)


def _tables(
    trajectory: Trajectory, event: str, draws: int, came: np.ndarray, scores: Sequence[Callable[[Tensor], Tensor]]
) -> np.ndarray:
    """What :class:`Generalization` holds, in its order, of the runs that came. Shape (scores, 5, runs that came)."""
    settings, samples = ([held[r] for r in came] for held in (trajectory.settings, trajectory.samples))
    batch = Batch(settings, samples, trajectory.device)
    weights = trajectory.kept[event].of(came, trajectory.device)
    overlap, head = weights.overlap(batch), weights.head
    weight_gram = weights.gram(batch, _first_gram(samples).to(overlap))
    whole = torch.isfinite(weight_gram).all(2).all(1)
    weight_gram[~whole] = torch.eye(2 * batch.m).to(weight_gram)
    sigma = overlap.new_tensor([s.sigma_xi for s in settings])[:, None, None]
    roots = sigma * _roots(_seen_by_noise(batch, overlap, weight_gram))
    own = overlap[..., batch.noise].mT  # (R, n, 2m)
    each = max(2, -(-draws // batch.n))
    room = CACHE if trajectory.device == "cpu" else DEVICE_CACHE
    together = max(1, int(room / (16 * batch.n * each * batch.m)))
    normal = np.empty((together, batch.n * each, 2 * batch.m))
    parts = []
    for start in range(0, came.size, together):
        rows = slice(start, min(start + together, came.size))
        for k, sample in enumerate(samples[rows]):
            np.random.default_rng([sample.seed, 1]).standard_normal(out=normal[k])
        drawn = torch.from_numpy(normal[: rows.stop - start]).to(trajectory.device)
        zeta = torch.bmm(drawn, roots[rows].mT)
        of = _scores(batch, overlap, head, rows, scores)
        shared = of((zeta.unflatten(1, (batch.n, each)) + own[rows, :, None]).flatten(1, 2)).unflatten(2, (-1, each))
        fresh, training_noise = of(zeta), of(own[rows].clone())
        # The spurious error is stratified by i: only the variance inside the strata counts.
        se = (shared.var(3) / each).sum(2).sqrt() / batch.n
        fresh_se = fresh.std(2) / fresh.shape[2] ** 0.5
        parts.append(torch.stack([shared.mean((2, 3)), se, fresh.mean(2), fresh_se, training_noise.mean(2)], 1))
    return torch.where(whole, torch.cat(parts, 2), torch.nan).cpu().numpy()


@lru_cache(maxsize=2)
def _fresh_margins(trajectory: Trajectory, event: str, draws: int) -> list[Tensor]:
    """y f of fresh points under every network of one's own that came to an event."""
    kept, device = trajectory.kept[event], trajectory.device
    return [
        margins_on_fresh_points(trajectory.settings[r], trajectory.samples[r].seed, kept.held[r], draws, device)
        for r in np.flatnonzero(kept.came)
    ]


def _scores(
    batch: Batch, overlap: Tensor, head: Tensor, rows: slice, scores: Sequence[Callable[[Tensor], Tensor]]
) -> Callable[[Tensor], Tensor]:
    """Of some runs: <w, xi> of test points, (R, points, 2m), to their mean scores over all labels and signals,
    (scores, R, points). What is given may be overwritten.

    All labels read the same draw, so a draw counts once, with the mean of its scores.
    """
    phi, _ = batch.activation.of_runs(batch.parameters[rows])
    head, copies, joined = head[rows, :, None], batch.copies[rows], batch.inputs.joined
    signals = overlap[rows, :, : 2 * batch.signals].mT  # (R, 2K, 2m)
    from_signals = torch.bmm(phi(signals), head)  # (R, 2K, 1)
    labels = np.array(batch.labels)
    # y is +1 or -1 alike, and the signal one of those of its label.
    shares = [float(0.5 / (labels == label).sum()) for label in labels]

    def output(noise: Tensor) -> Tensor:
        active = noise.relu_() if batch.activation is RELU else phi(noise)
        return torch.bmm(active, head)[..., 0]

    def of(noise: Tensor) -> Tensor:
        from_noise = None if joined else output(noise)
        if from_noise is not None and not batch.one_copy:
            from_noise = copies * from_noise
        total = 0.0
        for k, (label, share) in enumerate(zip(batch.labels, shares, strict=True)):
            f = output(noise + signals[:, k, None]) if from_noise is None else from_signals[:, k] + from_noise
            margins = f if label > 0 else -f
            total = total + share * torch.stack([score(margins) for score in scores])
        return total

    return of


def _first_gram(samples: Sequence[Sample]) -> Tensor:
    return torch.as_tensor(np.stack([sample.weight_gram for sample in samples]))


def _seen_by_noise(batch: Batch, overlap: Tensor, weight_gram: Tensor) -> Tensor:
    """The covariance of <w, xi> over sigma_xi^2. Shape (R, 2m, 2m)."""
    if not batch.inputs.projected:
        return weight_gram
    on_signals, signals = overlap[..., : batch.signals], batch.gram[:, : batch.signals, : batch.signals]
    return weight_gram - on_signals @ torch.linalg.pinv(signals, hermitian=True) @ on_signals.mT


def _roots(grams: Tensor) -> Tensor:
    """A with A A^T = gram, also where rounding or d < 2m leaves one singular. Shape (R, 2m, 2m)."""
    roots, failed = torch.linalg.cholesky_ex(grams)
    for k in failed.nonzero()[:, 0].tolist():
        values, vectors = torch.linalg.eigh(grams[k])
        roots[k] = vectors * values.clamp(min=0.0).sqrt()
    return roots


def _without_negative(overlap: np.ndarray) -> np.ndarray:
    """Of one signal: columns [mu, -mu, xi..] -> [mu, xi..]."""
    return np.concatenate([overlap[:, :1], overlap[:, 2:]], 1)


def spurious_error(settings: Sequence[Setting], samples: Sequence[Sample], draws: int = DRAWS) -> Recorder:
    """A recorder of the test error on D_test, for curves: the same draws at every time, seeded by each sample.

    Args:
        settings, samples: those of the batch, whose runs must all stay in it to the end; weights must not decay.
        draws: noise draws per run, at least this many; standard error at most 1/(2 sqrt(draws)).

    Raises:
        ValueError: when recording, if a run has left the batch.
    """
    n, m = settings[0].n, settings[0].m
    each = max(2, -(-draws // n))
    zeta = np.stack([np.random.default_rng([s.seed, 1]).standard_normal((n * each, 2 * m)) for s in samples])
    standard = torch.as_tensor(zeta * np.array([s.sigma_xi for s in settings])[:, None, None])
    start, batch = _first_gram(samples), Batch(settings, samples, "cpu")

    def error(state: State) -> Tensor:
        if len(state.overlap) != len(start):
            left = len(start) - len(state.overlap)
            raise ValueError(f"{left} runs have left the batch: record test errors without `stop`")
        overlap, c = state.overlap.cpu(), state.coefficients.cpu()
        head = batch.head[:, 0] if state.head is None else state.head.cpu()
        weight_gram = Weights(c, torch.ones(len(start), dtype=torch.float64), head).gram(batch, start)
        noise = standard @ _roots(_seen_by_noise(batch, overlap, weight_gram)).mT
        noise = noise.unflatten(1, (n, each)).add_(overlap[..., batch.noise].mT[:, :, None]).flatten(1, 2)
        return _scores(batch, overlap, head, slice(None), (_wrong,))(noise)[0].mean(1)

    return error


def certified_exponent(
    settings: Sequence[Setting], samples: Sequence[Sample], apart: float = 1.25, since: Sequence[float] | None = None
) -> Recorder:
    """A recorder of the exponent of :func:`exponents`, at recorded times ``apart`` from each other, else NaN.

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
            if not _has_certificate(setting):
                continue
            c = np.concatenate([(coefficients[k, :, 0] - coefficients[k, :, 1])[:, None], coefficients[k, :, 2:]], 1)
            b = _without_negative(overlap[k])
            weight_gram = sample.weight_gram + c @ sample.overlap.T + b @ c.T
            found[k] = _exponent_of(setting, b, (weight_gram + weight_gram.T) / 2)
        return torch.as_tensor(found)

    return exponent


def _has_certificate(setting: Setting) -> bool:
    """Whether the bound is derived for its network and its noise. How it was trained does not matter."""
    return (
        setting.activation.certified
        and setting.head == Setting.head
        and replace(setting.inputs, name="") == replace(Setting.inputs, name="")
    )


def _exponent_of(setting: Setting, overlap: np.ndarray, weight_gram: np.ndarray) -> float:
    """:func:`_exponent` at W V^T (without -mu) and W W^T; NaN for a model that has none."""
    if not _has_certificate(setting):
        return np.nan
    head = np.repeat([1.0, -1.0], setting.m) / setting.m
    sides = np.array([1.0, -1.0])
    signal = sides * (np.maximum(sides[:, None] * overlap[:, 0], 0.0) @ head)
    shared = _mean_relu(overlap[:, 1:], weight_gram, setting.sigma_xi).T @ head
    return _exponent(signal[:, None] + sides[:, None] * shared, weight_gram, setting.m, setting.sigma_xi)


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
