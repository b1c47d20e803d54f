"""Exact symmetries (D4) and the conservation law (D3): what must not change, and does not."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from numerics import Sample, Setting, Trajectory, draw, train
from numerics.identities import conservation_residual
from numerics.state import Batch

STEPS = 60
# Another order of summation or another rounding of each product: 1e-16 per step that does not grow; measured 1e-15.
# A neuron within rounding of its kink could do more; no example comes that close.
ROUNDING = 1e-10


@st.composite
def small_runs(draw_from) -> tuple[Setting, Sample]:
    """Any small setting, at a pace that takes coefficients to order one, with dense or Gram-only data."""
    n, m = draw_from(st.integers(1, 8)), draw_from(st.integers(1, 4))
    dense = draw_from(st.booleans())
    d = draw_from(st.integers(1, 40)) if dense else n + 2 * m + 1 + draw_from(st.integers(0, 10**6))
    run = Setting(
        n=n,
        m=m,
        d=d,
        mu=draw_from(st.sampled_from([0.0, 0.3, 1.7])) * d**0.5,
        sigma_xi=draw_from(st.sampled_from([0.3, 1.0, 2.6])),
        sigma_0=draw_from(st.sampled_from([1e-3, 0.1])),
        eta=1.0,
        tau_plus=draw_from(st.sampled_from([0.0, 0.2, 0.45])),
        tau_minus=draw_from(st.sampled_from([0.0, 0.2, 0.45])),
        labels=draw_from(st.sampled_from(["drawn", "balanced"])),
    )
    run = replace(run, eta=0.1 / run.time_scale)
    return run, draw(run, draw_from(st.integers(0, 10**9)), dense=dense)


def scaled(run: Setting, c: float) -> Setting:
    return replace(run, mu=c * run.mu, sigma_xi=c * run.sigma_xi, sigma_0=run.sigma_0 / c, eta=run.eta / c**2)


def coefficients(run: Setting, sample: Sample) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, Trajectory]:
    trajectory = train([run], [sample], steps=STEPS, times=np.array([0, 1, 10, STEPS]))
    state = trajectory.state("end")
    return state.gamma[0], state.rho[0], state.margins[0], trajectory


def close(a: torch.Tensor, b: torch.Tensor) -> bool:
    return bool((a - b).abs().max() <= ROUNDING * max(1.0, float(b.abs().max())))


@settings(max_examples=40)
@given(small_runs(), st.integers(-12, 12))
def test_scaling_by_a_power_of_two_changes_no_bit(case, exponent):
    """(mu, sigma_xi, sigma_0, eta) -> (c mu, c sigma_xi, sigma_0/c, eta/c^2): products only shift their exponents."""
    run, sample = case
    other = scaled(run, 2.0**exponent)
    here = coefficients(run, sample)
    there = coefficients(other, draw(other, sample.seed, dense=sample.patches is not None))
    for a, b in zip(here[:3], there[:3], strict=True):
        assert torch.equal(a, b)
    for name, values in here[3].series.items():
        np.testing.assert_array_equal(values, there[3].series[name], err_msg=name)


@settings(max_examples=25)
@given(small_runs(), st.floats(0.01, 100.0))
def test_scaling_by_any_number_changes_nothing_but_rounding(case, c):
    run, sample = case
    other = scaled(run, c)
    there = coefficients(other, draw(other, sample.seed, dense=sample.patches is not None))
    for a, b in zip(coefficients(run, sample)[:3], there[:3], strict=True):
        assert close(a, b)


@pytest.mark.parametrize("wrong", ["mu", "sigma_xi", "sigma_0", "eta"])
def test_scaling_all_but_one_is_no_symmetry(wrong):
    run = Setting(n=6, m=3, d=50, mu=7.0, sigma_xi=1.0, sigma_0=0.05, eta=0.03, tau_plus=0.2, tau_minus=0.2)
    other = replace(scaled(run, 2.0), **{wrong: getattr(run, wrong)})
    here, there = coefficients(run, draw(run, 1)), coefficients(other, draw(other, 1))
    assert not close(here[0], there[0])
    assert not close(here[1], there[1])


def with_samples_permuted(sample: Sample, order: np.ndarray) -> Sample:
    rows = np.concatenate([[0], 1 + order])
    return replace(
        sample,
        y=sample.y[order],
        y_tilde=sample.y_tilde[order],
        gram=sample.gram[np.ix_(rows, rows)],
        overlap=sample.overlap[:, rows],
    )


def with_neurons_permuted(sample: Sample, order: np.ndarray) -> Sample:
    """``order`` of all 2m neurons."""
    return replace(sample, overlap=sample.overlap[order], weight_gram=sample.weight_gram[np.ix_(order, order)])


def reflected(sample: Sample) -> Sample:
    """Everything but mu mirrored along mu."""
    sign = np.where(np.arange(sample.gram.shape[0]) == 0, -1.0, 1.0)
    return replace(sample, gram=sample.gram * np.outer(sign, sign), overlap=sample.overlap * sign)


def with_classes_swapped(sample: Sample) -> Sample:
    """(y, y~, j) -> (-y, -y~, -j). The patches y mu stay where they are if noise and weights are mirrored along mu."""
    m = sample.overlap.shape[0] // 2
    swapped = with_neurons_permuted(sample, np.roll(np.arange(2 * m), m))
    return replace(reflected(swapped), y=-sample.y, y_tilde=-sample.y_tilde)


@settings(max_examples=25)
@given(small_runs(), st.randoms(use_true_random=False))
def test_permutations_of_samples_and_neurons(case, random):
    run, sample = case
    of_samples = np.array(random.sample(range(run.n), run.n))
    plus, minus = (np.array(random.sample(range(run.m), run.m)) for _ in "+-")
    moved = with_neurons_permuted(with_samples_permuted(sample, of_samples), np.concatenate([plus, run.m + minus]))
    gamma, rho, margins, before = coefficients(run, sample)
    moved_gamma, moved_rho, moved_margins, after = coefficients(run, moved)
    for side, order in enumerate((plus, minus)):
        assert close(moved_gamma[side], gamma[side, order])
        assert close(moved_rho[side], rho[side, order][:, of_samples])
    assert close(moved_margins, margins[of_samples])
    np.testing.assert_allclose(after.series["loss"], before.series["loss"], rtol=ROUNDING, atol=ROUNDING)


@settings(max_examples=25)
@given(small_runs())
def test_class_swap(case):
    run, sample = case
    gamma, rho, margins, _ = coefficients(run, sample)
    swapped = replace(run, tau_plus=run.tau_minus, tau_minus=run.tau_plus)
    swapped_gamma, swapped_rho, swapped_margins, _ = coefficients(swapped, with_classes_swapped(sample))
    assert close(swapped_gamma, gamma.flip(0))
    assert close(swapped_rho, rho.flip(0))
    assert close(swapped_margins, margins)


def test_class_swap_without_its_mirror_is_no_symmetry():
    """On one sample the swap needs the mirror along mu; both exist because Gaussians do not notice it."""
    run = Setting(n=6, m=3, d=50, mu=7.0, sigma_xi=1.0, sigma_0=0.5, eta=0.03, tau_plus=0.2, tau_minus=0.2)
    sample = draw(run, 1)
    gamma = coefficients(run, sample)[0]
    assert close(coefficients(run, with_classes_swapped(sample))[0], gamma.flip(0))
    assert not close(coefficients(run, reflected(with_classes_swapped(sample)))[0], gamma.flip(0))


def test_neurons_of_different_classes_are_not_exchangeable():
    run = Setting(n=6, m=3, d=50, mu=7.0, sigma_xi=1.0, sigma_0=0.5, eta=0.03, tau_plus=0.2, tau_minus=0.2)
    sample = draw(run, 1)
    order = np.array([3, 1, 2, 0, 4, 5])
    assert not close(coefficients(run, with_neurons_permuted(sample, order))[1], coefficients(run, sample)[1])


@pytest.mark.parametrize("labels", ["drawn", "balanced"])
def test_class_swap_in_distribution(labels):
    """The law of gamma_plus at (tau_plus, tau_minus) is that of gamma_minus at (tau_minus, tau_plus)."""
    run = Setting(n=20, m=4, d=400, mu=9.0, sigma_0=0.01, eta=0.02, tau_plus=0.1, tau_minus=0.4, labels=labels)
    other = replace(run, tau_plus=0.4, tau_minus=0.1)
    runs = 300
    here = train([run] * runs, [draw(run, seed) for seed in range(runs)], steps=40).series
    there = train([other] * runs, [draw(other, seed) for seed in range(runs, 2 * runs)], steps=40).series
    false_alarm = 1e-3
    p = stats.ks_2samp(here["gamma_plus"][:, -1], there["gamma_minus"][:, -1], method="asymp").pvalue
    assert p >= false_alarm
    planted = stats.ks_2samp(here["gamma_plus"][:, -1], there["gamma_plus"][:, -1], method="asymp").pvalue
    assert planted < false_alarm, "the classes themselves do differ"


# --- D3 ---

# Telescoping sums of 200 steps, each rounded at 1e-16, against terms of order one.
CONSERVED = 1e-12


def conserving_runs() -> Trajectory:
    settings_ = [
        Setting(n=12, m=20, d=300, mu=15.0, sigma_0=1e-3, eta=0.05, tau_plus=0.3, tau_minus=0.2),
        Setting(n=12, m=20, d=60, mu=12.0, sigma_0=1e-3, eta=0.05, tau_plus=0.1, tau_minus=0.2, labels="balanced"),
        Setting(n=12, m=20, d=10**8, mu=9e3, sigma_0=1e-6, eta=1e-7, tau_plus=0.0, tau_minus=0.0),
        Setting(n=12, m=20, d=300, mu=0.0, sigma_0=1e-3, eta=0.05, tau_plus=0.3, tau_minus=0.2),
    ]
    return train(settings_, [draw(run, seed) for seed, run in enumerate(settings_)], steps=200)


def test_conservation():
    residual = conservation_residual(conserving_runs())
    assert (residual[:3] <= CONSERVED).all()
    assert np.isnan(residual[3]), "without a signal no neuron is signal-active: nothing to check, and it says so"


@pytest.mark.parametrize("fault", ["signal grows faster", "noisy samples pull the signal as clean ones"])
def test_a_violation_is_seen(monkeypatch, fault):
    trajectory = conserving_runs()
    right = Batch.steps

    def wrong(self, coefficients, overlap, count):
        for _ in range(count):
            before = coefficients[..., :2].clone()
            right(self, coefficients, overlap, 1)
            pull = coefficients[..., :2] - before
            if fault == "signal grows faster":
                coefficients[..., :2] += 1e-6 * pull
            else:
                noisy = (self.noisy.double() * self.y_tilde).sum(1)  # any extra pull from the flipped samples
                coefficients[..., 0] += 1e-6 * noisy[:, None] * (pull[..., 0] != 0)
            torch.baddbmm(self.overlap, coefficients, self.gram, out=overlap)

    monkeypatch.setattr(Batch, "steps", wrong)
    residual = conservation_residual(trajectory)
    assert residual[0] > 1e-8, "ten thousand times what the true dynamics leaves"
