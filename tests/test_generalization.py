"""Test errors from inner products against brute force with real vectors; standard errors; the certified bound."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from scipy import stats

from numerics import Sample, Setting, Trajectory, draw, generalization, train
from numerics.course import Weights
from numerics.generalization import DRAWS, Generalization, exponents

POINTS = 50_000  # test points per law and run
FALSE_ALARM = 1e-3  # of one test, over all its comparisons
LAWS = ("spurious", "fresh", "training_noise")


def setting(**changes) -> Setting:
    base = dict(n=8, m=4, d=60, mu=5.0, sigma_xi=1.0, sigma_0=0.02, eta=1.0, tau_plus=0.3, tau_minus=0.2)
    run = Setting(**{**base, **changes})
    return replace(run, eta=0.05 / run.time_scale)


RUNS = (
    setting(),
    setting(mu=2.0),
    setting(sigma_0=0.3),  # initial weights matter beside learned ones
    setting(mu=0.0),
    setting(m=1),
    setting(m=12, d=10),  # d < 2m: W W^T is singular
    setting(n=1, mu=3.0),
    setting(n=30, d=20, sigma_xi=2.5),
)
STEPS = 150


@cache
def trained(index: int) -> Trajectory:
    run = RUNS[index]
    return train([run], [draw(run, seed=100 + index, dense=True)], steps=STEPS)


def weights(trajectory: Trajectory) -> np.ndarray:
    """W = W_0 + C V'."""
    sample, c = trajectory.samples[0], trajectory.kept["end"].coefficients[0].numpy()
    mu, xi = sample.patches[:1], sample.patches[1:]
    return sample.weights + c @ np.concatenate([mu, -mu, xi])


def wrong(w: np.ndarray, mu: np.ndarray, y: np.ndarray, xi: np.ndarray) -> np.ndarray:
    """Whether y f([y mu, xi]) < 0, point by point, from the definition of the network."""
    m = len(w) // 2
    patches = np.maximum(np.outer(y, w @ mu), 0) + np.maximum(xi @ w.T, 0)
    f = patches[:, :m].mean(1) - patches[:, m:].mean(1)
    return y * f < 0


def brute_force(run: Setting, sample: Sample, w: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Errors on real test points, by law. Shape (POINTS,) each."""
    rng = np.random.default_rng(seed)
    mu, noise = sample.patches[0], sample.patches[1:]
    y = rng.choice([-1.0, 1.0], POINTS)
    zeta = run.sigma_xi * rng.standard_normal((POINTS, run.d))
    shared = noise[rng.integers(run.n, size=POINTS)]
    return {
        "spurious": wrong(w, mu, y, shared + zeta),
        "fresh": wrong(w, mu, y, zeta),
        "training_noise": wrong(w, mu, y, shared),
    }


def z_scores(trajectory: Trajectory, w: np.ndarray, seed: int, seen: Trajectory | None = None) -> dict[str, float]:
    """Test errors of ``seen`` (by default the trajectory itself) against brute force on the trajectory's own."""
    estimate = generalization.generalization(seen or trajectory, "end")
    errors = brute_force(trajectory.settings[0], trajectory.samples[0], w, seed)
    scores = {}
    for law in LAWS:
        here = getattr(estimate, law)[0]
        se = getattr(estimate, f"{law}_se")[0] if law != "training_noise" else 0.0
        # An error of which no point was seen may still be as large as one point.
        there_se = max(errors[law].std() / POINTS**0.5, 1 / POINTS)
        scores[law] = (errors[law].mean() - here) / np.hypot(max(se, 1 / (DRAWS * POINTS) ** 0.5), there_se)
    return scores


BOUND = stats.norm.isf(FALSE_ALARM / (2 * len(RUNS) * len(LAWS)))


@pytest.mark.parametrize("index", range(len(RUNS)))
def test_errors_are_those_of_real_test_points(index):
    trajectory = trained(index)
    scores = z_scores(trajectory, weights(trajectory), seed=index)
    assert max(map(abs, scores.values())) <= BOUND, scores


def test_the_errors_compared_are_of_every_size():
    errors = [generalization.generalization(trained(k), "end") for k in range(len(RUNS))]
    spurious = [float(e.spurious[0]) for e in errors]
    fresh = [float(e.fresh[0]) for e in errors]
    assert min(spurious) < 0.1 < 0.3 < max(spurious)
    assert min(fresh) < 0.1 < 0.3 < max(fresh)


@pytest.mark.parametrize(
    ("fault", "index"),
    [
        ("noise twice as strong", 2),
        ("weights without what was learned", 1),
        ("fresh noise for shared", 1),
        ("W W^T short of what was learned", 1),
        ("class averages with the wrong sign", 0),
    ],
)
def test_a_wrong_test_error_is_caught(fault, index):
    right = trained(index)
    run, sample = right.settings[0], right.samples[0]
    w = weights(right)
    faulty = right
    if fault == "noise twice as strong":
        faulty = replace(right, settings=(replace(run, sigma_xi=2 * run.sigma_xi),))
    elif fault == "weights without what was learned":
        w = sample.weights
    elif fault == "class averages with the wrong sign":
        w = np.roll(w, run.m, axis=0)
    elif fault == "W W^T short of what was learned":
        learned = w @ w.T - sample.weight_gram  # nearly all of it is taken away; the rest keeps it a covariance
        faulty = replace(right, samples=(replace(sample, weight_gram=sample.weight_gram - 0.9 * learned),))
    scores = z_scores(right, w, index, seen=faulty)
    if fault == "fresh noise for shared":
        estimate = generalization.generalization(right, "end")
        error = brute_force(run, sample, w, seed=index)["fresh"].mean()
        scores = {"spurious": (error - estimate.spurious[0]) / estimate.spurious_se[0]}
    assert max(map(abs, scores.values())) > BOUND


def test_training_noise_is_exact():
    """Nothing is drawn: the share of the 2n pairs (label, training patch) that are misclassified, exactly."""
    for k in range(len(RUNS)):
        trajectory = trained(k)
        sample = trajectory.samples[0]
        y = np.repeat([1.0, -1.0], RUNS[k].n)
        errors = wrong(weights(trajectory), sample.patches[0], y, np.tile(sample.patches[1:], (2, 1)))
        assert generalization.generalization(trajectory, "end").training_noise[0] == errors.mean()


def test_gram_only_samples_give_the_same_numbers():
    """No vector is read: dropping them changes nothing."""
    trajectory = trained(0)
    bare = replace(trajectory.samples[0], patches=None, weights=None)
    here = generalization.generalization(trajectory, "end")
    there = generalization.generalization(replace(trajectory, samples=(bare,)), "end")
    for name in Generalization.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(here, name), getattr(there, name))


@pytest.mark.parametrize("index", [0, 1, 2, 4, 7])
@pytest.mark.parametrize("law", ["spurious", "fresh"])
def test_standard_errors_are_right(index, law):
    """The spread of the estimate over independent draws is the standard error that it states."""
    repeats = 200
    one = trained(index)
    samples = tuple(replace(one.samples[0], seed=k) for k in range(repeats))
    many = replace(
        one,
        settings=one.settings * repeats,
        samples=samples,
        kept={"end": Weights(*(part.expand(repeats, *part.shape[1:]) for part in one.kept["end"][:3]))},
    )
    estimate = generalization.generalization(many, "end")
    values, stated = getattr(estimate, law), getattr(estimate, f"{law}_se")
    assert (stated <= 0.5 / DRAWS**0.5).all()
    # For a normal estimate (repeats - 1) s^2 / se^2 is chi-squared; Bonferroni over ten cases and two sides.
    ratio = (repeats - 1) * values.var(ddof=1) / (stated**2).mean()
    low, high = stats.chi2.ppf([FALSE_ALARM / 20, 1 - FALSE_ALARM / 20], repeats - 1)
    assert low <= ratio <= high, f"standard error off by a factor {np.sqrt(ratio / repeats):.2f}"
    # Planted: an error stated a third too large or too small is outside.
    assert not low <= ratio * 1.33**2 <= high
    assert not low <= ratio / 1.33**2 <= high


def test_without_a_signal_labels_are_guessed():
    """y and the patch are independent, so of the two labels of a draw exactly one is wrong: no spread at all."""
    estimate = generalization.generalization(trained(3), "end")
    assert RUNS[3].mu == 0
    assert estimate.spurious[0] == estimate.training_noise[0] == 0.5
    assert estimate.spurious_se[0] == 0
    # On fresh noise all neurons may be silent; f = 0 is an error for neither label.
    assert 0.45 < estimate.fresh[0] <= 0.5


def test_draws_are_seeded_by_the_sample():
    trajectory = trained(0)
    again = generalization.generalization(replace(trajectory), "end")
    assert again.spurious[0] == generalization.generalization(trajectory, "end").spurious[0]
    other = replace(trajectory, samples=(replace(trajectory.samples[0], seed=1),))
    assert generalization.generalization(other, "end").spurious[0] != again.spurious[0]


# --- the certificate ---


def at_hand(run: Setting, w: np.ndarray, patches: np.ndarray) -> Trajectory:
    """A trajectory that ends at given weights on given patches [mu; xi_1; ...]."""
    y = np.ones(run.n)
    sample = Sample(
        seed=0,
        y=y,
        y_tilde=y,
        gram=patches @ patches.T,
        overlap=w @ patches.T,
        weight_gram=w @ w.T,
        patches=patches,
        weights=w,
    )
    start = train([run], [sample], steps=1)
    return replace(
        start, kept={"end": start.kept["end"]._replace(coefficients=torch.zeros_like(start.kept["end"].coefficients))}
    )


def halfspace(z: float) -> tuple[Trajectory, np.ndarray]:
    """A network whose error on D_test is exactly P(N(0, 1) > z), and where the bound is exp(-z^2/2).

    w_{+1} = (1, 1), w_{-1} = (-1, 1), mu = (2z, 0), xi_1 = (0, 100): both neurons stay active on the noise patch, so
    y f = 2z + y <w_{+1} - w_{-1}, zeta> with a standard deviation of 2.
    """
    w = np.array([[1.0, 1.0], [-1.0, 1.0]])
    patches = np.array([[2 * z, 0.0], [0.0, 100.0]])
    return at_hand(Setting(n=1, m=1, d=2, mu=2 * z, sigma_0=1.0, eta=1e-6), w, patches), w


@pytest.mark.parametrize("z", [0.5, 1.0, 2.0, 3.0, 40.0])
def test_the_bound_is_sharp_where_it_can_be(z):
    trajectory, w = halfspace(z)
    estimate = generalization.generalization(trajectory, "end")
    np.testing.assert_allclose(
        exponents(trajectory, "end")[0], z**2 / 2, rtol=1e-12
    )  # the means are exact: rounding alone
    error = stats.norm.sf(z)
    assert error <= np.exp(-exponents(trajectory, "end")[0])
    if 2 <= z <= 3:
        assert error > np.exp(-2 * exponents(trajectory, "end")[0]), (
            "planted: a bound with sigma^2 for 2 sigma^2 would be wrong"
        )
    se = max(estimate.spurious_se[0], 1 / DRAWS)
    assert abs(estimate.spurious[0] - error) <= stats.norm.isf(FALSE_ALARM / 10) * se
    points = brute_force(trajectory.settings[0], trajectory.samples[0], w, seed=0)["spurious"]
    assert abs(points.mean() - error) <= stats.norm.isf(FALSE_ALARM / 10) * max(points.std(), 0.01) / POINTS**0.5


def test_a_network_that_outputs_zero_makes_no_error():
    """L = P(y f < 0), strictly: neurons of opposite sign with equal weights give f = 0, on all paths, by all laws."""
    w = np.array([[0.0, -1.0], [0.0, -1.0]])
    dead = at_hand(Setting(n=1, m=1, d=2, mu=1.0, sigma_0=1.0, eta=1e-6), w, np.array([[1.0, 0.0], [0.0, 1.0]]))
    estimate = generalization.generalization(dead, "end")
    for law in LAWS:
        assert getattr(estimate, law)[0] == 0
    recorder = generalization.spurious_error(dead.settings, dead.samples)
    assert recorder(dead.state("end")) == 0


CERTIFIED = (
    *RUNS,
    setting(mu=8.0, tau_plus=0.0, tau_minus=0.0),
    setting(mu=14.0, tau_plus=0.0, tau_minus=0.0),
    setting(mu=20.0, tau_plus=0.0, tau_minus=0.0, m=2, n=20),
    setting(mu=20.0, tau_plus=0.1, tau_minus=0.1, d=100),
)


def test_the_certified_bound_holds():
    """error <= exp(-exponent), to within what the points can show (Clopper-Pearson), and not for want of content."""
    certified = []
    for k, run in enumerate(CERTIFIED):
        trajectory = train([run], [draw(run, seed=k, dense=True)], steps=STEPS)
        exponent = exponents(trajectory, "end")[0]
        errors = brute_force(run, trajectory.samples[0], weights(trajectory), seed=k)["spurious"]
        hits = int(errors.sum())
        surely_above = stats.beta.ppf(FALSE_ALARM / len(CERTIFIED), hits, POINTS - hits + 1) if hits else 0.0
        assert surely_above <= np.exp(-exponent), (k, hits, exponent)
        certified.append(exponent)
    assert max(certified) > 2, "some bounds say more than a coin"


def test_the_certificate_owes_nothing_to_luck():
    """It is a function of the weights alone, however few draws there are per training sample."""
    run = setting(n=1200, m=2, d=4000, mu=10.0)
    trajectory = train([run], [draw(run, 0)], steps=20, series={})
    certified = {
        float(exponents(replace(trajectory, samples=(replace(s, seed=k),)), "end")[0])
        for k in range(3)
        for s in trajectory.samples
    }
    assert len(certified) == 1


def test_no_answer_where_the_moment_did_not_come_or_is_no_number():
    trajectory = trained(0)
    for value in (np.nan, 1e200):
        nothing = replace(
            trajectory, kept={"end": Weights(*(torch.full_like(part, value) for part in trajectory.kept["end"][:3]))}
        )
        estimate = generalization.generalization(nothing, "end")
        for name in Generalization.__dataclass_fields__:
            assert np.isnan(getattr(estimate, name)).all(), name
        assert np.isnan(exponents(nothing, "end")).all()
