"""Drawing inner products alone against drawing vectors: the same distribution, shown by two-sample tests (D2)."""

from dataclasses import fields, replace
from functools import cache

import numpy as np
import pytest
from scipy import stats

from numerics import Setting, draw, sampling, train

N, M = 5, 2
LEAST = N + 2 * M + 1  # the least dimension at which Gram matrices can be drawn alone
FALSE_ALARM = 1e-3  # of one comparison of the two samplers, all its functionals and both statistics together
DRAWS = 1000


def setting(**changes) -> Setting:
    base = dict(n=N, m=M, d=LEAST, mu=3.0, sigma_xi=0.7, sigma_0=0.2, eta=0.3, tau_plus=0.3, tau_minus=0.2)
    return Setting(**{**base, **changes})


def functionals(run: Setting, seeds: range, dense: bool) -> dict[str, np.ndarray]:
    """Scalars of every part of a sample, of their joint law, and of what training makes of it; one array each."""
    samples = [draw(run, seed, dense=dense) for seed in seeds]
    gram = np.stack([s.gram for s in samples])
    overlap = np.stack([s.overlap for s in samples])
    weights = np.stack([s.weight_gram for s in samples])
    joint = np.concatenate(
        [np.concatenate([gram, overlap.transpose(0, 2, 1)], 2), np.concatenate([overlap, weights], 2)], 1
    )
    # What is left of the weights outside the span of the data: the part that only test errors see.
    off = weights - overlap @ np.linalg.solve(gram, overlap.transpose(0, 2, 1))
    loss = train([run] * len(samples), samples, steps=30, times=np.array([0, 30])).series["loss"][:, -1]
    return {
        "|xi_1|^2": gram[:, 1, 1],
        "|xi_n|^2": gram[:, -1, -1],
        "<mu, xi_1>": gram[:, 0, 1],
        "<mu, xi_n>": gram[:, 0, -1],
        "<xi_1, xi_2>": gram[:, 1, 2],
        "<xi_2, xi_n>": gram[:, 2, -1],
        "<w_1, mu>": overlap[:, 0, 0],
        "<w_1, xi_1>": overlap[:, 0, 1],
        "<w_2m, xi_n>": overlap[:, -1, -1],
        "|w_1|^2": weights[:, 0, 0],
        "|w_2m|^2": weights[:, -1, -1],
        "<w_1, w_2>": weights[:, 0, 1],
        "least eigenvalue of V V^T": np.linalg.eigvalsh(gram)[:, 0],
        "least eigenvalue of W W^T": np.linalg.eigvalsh(weights)[:, 0],
        "log det of all inner products": np.linalg.slogdet(joint)[1],
        "|w_1|^2 off the data": off[:, 0, 0],
        "|w_2m|^2 off the data": off[:, -1, -1],
        "correlation of xi_1 and w_1": overlap[:, 0, 1] / np.sqrt(gram[:, 1, 1] * weights[:, 0, 0]),
        "<xi_1, xi_2><xi_2, xi_3><xi_3, xi_1>": gram[:, 1, 2] * gram[:, 2, 3] * gram[:, 3, 1],
        "loss after 30 steps": loss,
    }


@cache
def of_vectors(run: Setting) -> dict[str, np.ndarray]:
    return functionals(run, range(DRAWS), dense=True)


def of_inner_products(run: Setting) -> dict[str, np.ndarray]:
    return functionals(run, range(DRAWS, 2 * DRAWS), dense=False)


def alarms(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> list[str]:
    """Functionals that differ in distribution, by Kolmogorov-Smirnov or Cramer-von Mises, Bonferroni-corrected."""
    level = FALSE_ALARM / (2 * len(a))
    return [
        name
        for name in a
        if stats.ks_2samp(a[name], b[name], method="asymp").pvalue < level
        or stats.cramervonmises_2samp(a[name], b[name], method="asymptotic").pvalue < level
    ]


@pytest.mark.parametrize("d", [LEAST, LEAST + 1, 60])
def test_inner_products_alone_have_the_law_of_vectors(d):
    run = setting(d=d)
    assert alarms(of_vectors(run), of_inner_products(run)) == []


BARTLETT = sampling._bartlett


def _fewer_degrees(rng, size, freedom):
    return BARTLETT(rng, size, freedom - 1) if size == N else BARTLETT(rng, size, freedom)


def _no_off_part(rng, size, freedom):
    return BARTLETT(rng, size, freedom) * (0 if size == 2 * M else 1)


def _degrees_in_the_wrong_order(rng, size, freedom):
    factor = BARTLETT(rng, size, freedom)
    degrees = (freedom - np.arange(size, dtype=float))[::-1]
    factor[np.diag_indices(size)] = np.sqrt(rng.chisquare(degrees))
    return factor


def _degrees_without_the_descent(rng, size, freedom):
    factor = BARTLETT(rng, size, freedom)
    factor[np.diag_indices(size)] = np.sqrt(rng.chisquare(freedom, size))
    return factor


def _weights_see_all_of_space(rng, size, freedom):
    """The off part drawn with d degrees instead of d - n - 1."""
    return BARTLETT(rng, size, freedom + N + 1 if size == 2 * M else freedom)


@pytest.mark.parametrize(
    ("fault", "d", "seen_in"),
    [
        (_fewer_degrees, LEAST + 1, "least eigenvalue of V V^T"),
        (_no_off_part, LEAST, "|w_1|^2 off the data"),
        (_no_off_part, 60, "|w_1|^2"),
        (_degrees_in_the_wrong_order, LEAST, "|xi_1|^2"),
        (_degrees_without_the_descent, LEAST, "|xi_n|^2"),
        (_weights_see_all_of_space, 60, "|w_1|^2"),
    ],
)
def test_a_wrong_sampler_is_detected(monkeypatch, fault, d, seen_in):
    run = setting(d=d)
    dense = of_vectors(run)
    monkeypatch.setattr(sampling, "_bartlett", fault)
    assert seen_in in alarms(dense, of_inner_products(run))


def test_noise_that_forgets_its_signal_coordinate_is_detected(monkeypatch):
    """xi has a component along mu: it is not projected off."""
    run = setting()
    dense = of_vectors(run)
    right = sampling._gram_only

    def projected(run, rng):
        drawn = right(run, rng)
        drawn["gram"][0, 1:] *= 1e-3
        drawn["gram"][1:, 0] *= 1e-3
        return drawn

    monkeypatch.setattr(sampling, "_gram_only", projected)
    assert "<mu, xi_1>" in alarms(dense, of_inner_products(run))


@pytest.mark.parametrize("d", [10**6, 10**12])
def test_large_dimensions_have_their_exact_law(d):
    """Against closed forms: |xi|^2/sigma^2 and |w|^2/sigma_0^2 are chi^2_d, <xi_1, xi_2> is sigma^2 sqrt(d) N(0, 1)."""
    run = setting(d=d)
    samples = [draw(run, seed) for seed in range(DRAWS)]
    gram = np.stack([s.gram for s in samples])
    weights = np.stack([s.weight_gram for s in samples])
    standard = (
        (gram[:, 1, 1] / run.sigma_xi**2 - d) / np.sqrt(2 * d),
        (gram[:, -1, -1] / run.sigma_xi**2 - d) / np.sqrt(2 * d),
        (weights[:, -1, -1] / run.sigma_0**2 - d) / np.sqrt(2 * d),
        gram[:, 1, 2] / (run.sigma_xi**2 * np.sqrt(d)),
        gram[:, 0, 1] / (run.mu * run.sigma_xi),
        weights[:, 0, 1] / (run.sigma_0**2 * np.sqrt(d)),
    )
    # Normal to within 1/sqrt(d) <= 1e-3 in distribution, far below what 1000 draws resolve.
    p = [stats.kstest(values, "norm").pvalue for values in standard]
    assert min(p) >= FALSE_ALARM / len(p)
    # Planted: a dimension off by 0.3 sqrt(2 d), one part in two million at d = 10^12, is seen in every squared length.
    assert max(stats.kstest(values + 0.3, "norm").pvalue for values in standard[:3]) < FALSE_ALARM / len(p)


def test_huge_dimensions_train():
    run = setting(d=10**12, mu=3e5, eta=1e-12)
    trajectory = train([run], [draw(run, 0)], steps=400)
    assert trajectory.status == ("horizon",)
    assert np.isfinite(trajectory.series["loss"]).all()
    assert trajectory.series["loss"][0, -1] < trajectory.series["loss"][0, 0]


def test_least_dimension_is_exact():
    assert draw(setting(d=LEAST), 0).patches is None
    below = setting(d=LEAST - 1)
    assert draw(below, 0).patches is not None, "dense by itself where no Bartlett factor exists"
    with pytest.raises(ValueError, match=f"d = {LEAST - 1}: .*{LEAST}.*dense=True$"):
        draw(below, 0, dense=False)
    with pytest.raises(ValueError, match=r"exceeds 8 GiB; use dense=False$"):
        draw(setting(d=10**10), 0, dense=True)


@pytest.mark.parametrize("d", [1, 4, LEAST, 100])
def test_dense_inner_products_are_those_of_the_vectors(d):
    sample = draw(setting(d=d), 3, dense=True)
    v, w = sample.patches, sample.weights
    # Rounding of sums of at most 100 products.
    for stored, vectors in ((sample.gram, v @ v.T), (sample.overlap, w @ v.T), (sample.weight_gram, w @ w.T)):
        np.testing.assert_allclose(stored, vectors, rtol=1e-12, atol=1e-12)
    assert v[0, 0] == setting().mu
    assert not v[0, 1:].any(), "mu = |mu| e_1"


@pytest.mark.parametrize("dense", [True, False])
def test_a_sample_is_a_function_of_setting_and_seed(dense):
    run = setting(d=40)
    first, again, other = draw(run, 7, dense=dense), draw(run, 7, dense=dense), draw(run, 8, dense=dense)
    for field in fields(first):
        np.testing.assert_array_equal(getattr(first, field.name), getattr(again, field.name))
    assert not np.array_equal(first.gram, other.gram)
    assert not np.array_equal(first.overlap, other.overlap)


def test_labels_do_not_depend_on_how_the_rest_is_drawn():
    run = setting(n=40, d=200)
    for seed in range(5):
        dense, alone = draw(run, seed, dense=True), draw(run, seed, dense=False)
        np.testing.assert_array_equal(dense.y, alone.y)
        np.testing.assert_array_equal(dense.y_tilde, alone.y_tilde)


def flip_p_values(run: Setting, tau_plus: float, tau_minus: float) -> list[float]:
    """Exact binomial p-values of: labels balanced, flips of +1 at tau_plus, flips of -1 at tau_minus."""
    samples = [draw(run, seed) for seed in range(100)]
    y = np.concatenate([s.y for s in samples])
    flipped = np.concatenate([s.noisy for s in samples])
    assert set(np.unique(y)) == {-1.0, 1.0}
    return [
        stats.binomtest(int((y > 0).sum()), y.size, 0.5).pvalue,
        stats.binomtest(int(flipped[y > 0].sum()), int((y > 0).sum()), tau_plus).pvalue,
        stats.binomtest(int(flipped[y < 0].sum()), int((y < 0).sum()), tau_minus).pvalue,
    ]


def test_flips_come_at_their_rates():
    run = setting(n=100, d=10**4, tau_plus=0.3, tau_minus=0.2)
    assert min(flip_p_values(run, 0.3, 0.2)) >= FALSE_ALARM / 3
    assert min(flip_p_values(run, 0.2, 0.3)) < FALSE_ALARM / 3, "planted: the two rates exchanged"
    assert not draw(replace(run, tau_plus=0.0, tau_minus=0.0), 0).noisy.any()
    one_sided = draw(replace(run, tau_plus=0.0), 0)
    assert set(one_sided.y[one_sided.noisy]) == {-1.0}
