"""Drawing inner products alone against drawing vectors: the same distribution, shown by two-sample tests (D2)."""

from dataclasses import fields, replace
from functools import cache

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
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


def classes(sample) -> list[tuple[int, int]]:
    """(samples, flips among them) of the labels +1 and -1."""
    return [(int((sample.y == c).sum()), int(sample.noisy[sample.y == c].sum())) for c in (1, -1)]


def off_by_one(sample) -> list:
    """The sample with one sample in the other class, and with one flip more or less."""
    other = np.where(np.arange(sample.y.size) == 0, -1.0, 1.0)
    moved = replace(sample, y=sample.y * other, y_tilde=sample.y_tilde * other)
    return [moved, replace(sample, y_tilde=sample.y_tilde * other)]


FLIPS = st.floats(0, 0.5, exclude_max=True)


@given(n=st.integers(1, 90), tau_plus=FLIPS, tau_minus=FLIPS, seed=st.integers(0, 2**40), dense=st.booleans())
@example(n=10, tau_plus=0.1, tau_minus=0.3, seed=0, dense=False)  # halves
@example(n=100, tau_plus=0.07, tau_minus=0.07, seed=0, dense=False)  # 3.5 flips, but not in floating point
@example(n=4, tau_plus=0.49, tau_minus=0.49, seed=0, dense=True)  # half of the samples would be no flip share
def test_balanced_labels_are_exact_in_number(n, tau_plus, tau_minus, seed, dense):
    run = setting(n=n, d=4 * n + 10, tau_plus=tau_plus, tau_minus=tau_minus, labels="balanced")
    sample = draw(run, seed, dense=dense)
    assert set(sample.y) | set(sample.y_tilde) <= {-1.0, 1.0}
    assert classes(sample) == list(run.counts)
    assert all(classes(faulty) != list(run.counts) for faulty in off_by_one(sample)), "planted: a class off by one"
    (plus, flips_plus), (minus, flips_minus) = run.counts
    assert plus + minus == n and plus - minus == n % 2
    for size, flips, asked, held in (
        (plus, flips_plus, tau_plus, run.tau_plus),
        (minus, flips_minus, tau_minus, run.tau_minus),
    ):
        assert flips == 0 or 2 * flips < size, "a flip probability is below one half"
        assert held == (flips / size if size else 0.0)
        nearest = abs(flips - asked * size) <= 0.5 + 1e-8
        assert nearest or flips == (size - 1) // 2 or size == 0
    assert replace(run, tau_plus=run.tau_plus) == run, "what is rounded stays"
    assert Setting(**run.values()) == run


def test_halves_of_a_flip_are_rounded_up():
    for n, tau, flips in ((10, 0.1, 1), (100, 0.07, 4), (100, 0.15, 8), (30, 0.3, 5), (20, 0.449, 4), (20, 0.45, 4)):
        counts = setting(n=n, d=500, tau_plus=tau, tau_minus=tau, labels="balanced").counts
        assert counts == ((n // 2, flips), (n // 2, flips)), (n, tau)
    assert setting(tau_plus=0.1).counts is None
    assert setting(tau_plus=0.1).tau_plus == 0.1


@pytest.mark.parametrize("dense", [True, False])
def test_a_seed_gives_both_kinds_of_labels_the_same_noise_and_weights(dense):
    run = setting(n=9, d=60)
    drawn, balanced = (draw(replace(run, labels=kind), 5, dense=dense) for kind in ("drawn", "balanced"))
    for name in ("gram", "overlap", "weight_gram"):
        np.testing.assert_array_equal(getattr(drawn, name), getattr(balanced, name))


def test_drawn_labels_of_a_seed_are_what_they_always_were():
    sample = draw(setting(n=12, d=60, tau_plus=0.4, tau_minus=0.4), 7)
    assert "".join("+" if c > 0 else "-" for c in sample.y) == "+++++++----+"
    assert list(np.flatnonzero(sample.noisy)) == [0, 4, 5, 6]


def test_any_arrangement_of_balanced_labels_is_as_likely():
    run = setting(n=6, m=1, d=20, tau_plus=0.34, tau_minus=0.0, labels="balanced")
    assert run.counts == ((3, 1), (3, 0))

    def kinds(sample) -> tuple:
        return tuple(np.where(sample.noisy, 0.0, sample.y))

    found = [kinds(draw(run, seed)) for seed in range(900)]
    counts = np.unique(found, axis=0, return_counts=True)[1]
    assert counts.size == 60  # 6! / (1! 2! 3!)
    assert stats.chisquare(counts).pvalue >= FALSE_ALARM
    # Drawn labels that happen to have these numbers have the same law.
    free = setting(n=6, m=1, d=20, tau_plus=0.34, tau_minus=0.2)
    alike = [kinds(s) for s in (draw(free, seed) for seed in range(6000)) if classes(s) == list(run.counts)]
    counts = np.unique(alike, axis=0, return_counts=True)[1]
    assert counts.size == 60
    assert stats.chisquare(counts).pvalue >= FALSE_ALARM


def test_flips_come_at_their_rates():
    run = setting(n=100, d=10**4, tau_plus=0.3, tau_minus=0.2)
    assert min(flip_p_values(run, 0.3, 0.2)) >= FALSE_ALARM / 3
    assert min(flip_p_values(run, 0.2, 0.3)) < FALSE_ALARM / 3, "planted: the two rates exchanged"
    assert not draw(replace(run, tau_plus=0.0, tau_minus=0.0), 0).noisy.any()
    one_sided = draw(replace(run, tau_plus=0.0), 0)
    assert set(one_sided.y[one_sided.noisy]) == {-1.0}
