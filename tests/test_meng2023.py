"""XOR data: what neurons learn, the error of the limit, the angle, and what few neurons do."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from numerics import Event, draw, train
from numerics.generalization import generalization
from theory.papers.meng2023 import meanfield
from theory.papers.meng2023.conditions import cosine
from verify.pack import load
from verify.packs.kou2023.limit import strength_at
from verify.packs.meng2023 import Setting
from verify.packs.meng2023.limit import boundary_of, error_of

PACK = load("meng2023")


def setting(strength: float, angle: float = 0.0, **changes) -> Setting:
    """Inside the regime of small kappa, of this n mu^4 (1 - cos^2)^2/(sigma^4 d)."""
    base = dict(n=120, m=30, d=2_000_000, sigma_0=1e-7, tau_plus=0.05, tau_minus=0.05, cosine=angle, mu=1.0, eta=1.0)
    one = Setting(**base | changes)
    mu = (strength * one.d / one.n / (1 - angle**2) ** 2) ** 0.25
    return replace(one, mu=mu, eta=0.05 * one.n * one.m / one.d)


def trained(ones: list[Setting], loss: float = 0.1):
    """Runs to a loss, one seed each; samples and runs."""
    samples = [draw(one, 7 + k) for k, one in enumerate(ones)]
    run = train(ones, samples, steps=1000, stop=Event(series="loss", value=loss, falling=True))
    assert set(run.status) == {"stopped"}
    return samples, run


@pytest.mark.parametrize("angle", [0.0, 0.5])
def test_a_neuron_learns_the_signal_on_its_side_and_nothing_of_the_other_label(angle):
    [sample], run = trained([setting(16.0, angle)])
    state, m = run.state("end"), 30
    onto = state.overlap[0, :, :4].numpy()  # <w, u>, <w, v>, <w, -u>, <w, -v>
    own, other = onto[:m, 0], onto[:m, 1]
    assert (np.sign(own) == np.sign(sample.overlap[:m, 0])).all(), "the side is kept"
    assert np.abs(other).max() < 0.1 * np.abs(own).min()
    rho = float(state.rho_own[state.rho_own > 0].mean())
    one = setting(16.0, angle)
    derived = one.kappa / 4 * (1 - 2 * 0.05) * (1 - angle**2) * rho
    assert np.abs(own).mean() == pytest.approx(derived, rel=0.25)  # 30 samples a signal, flips among them


@pytest.mark.parametrize("angle", [0.0, 0.5])
def test_the_error_is_that_of_the_limit_and_not_that_of_one_signal(angle):
    strengths = (2.0, 8.0, 32.0, 100.0)
    ones = [setting(q, angle) for q in strengths]
    samples, run = trained(ones)
    error = generalization(run, "end").fresh
    limit = [error_of(x, q / (1 - angle**2) ** 2, angle) for x, q in zip(samples, strengths, strict=True)]
    assert error == pytest.approx(limit, abs=0.03)
    of_one = [error_of(x, 16 * q / (1 - angle**2) ** 2, angle) for x, q in zip(samples, strengths, strict=True)]
    assert np.abs(error - of_one).max() > 0.1, "sixteen times the strength is another curve"


def test_one_minus_cosine_would_be_another_curve():
    one = setting(8.0, 0.5)
    [sample], run = trained([one])
    for name, holds in (
        ("error_beyond_limit", True),
        ("error_beyond_one_minus_cosine", False),
        ("error_beyond_orthogonal", False),
    ):
        assert (abs(PACK.observables[name](run)[0]) < 0.04) == holds, name
    assert sample.y.size == one.n


def test_the_sixteenth_is_what_the_limit_of_many_samples_and_neurons_says():
    """A draw of 3000 samples and 300 neurons against one signal of the equivalent strength, both at tau = 0."""
    one = setting(16.0, n=3000, m=300, d=10**9, tau_plus=0.0, tau_minus=0.0)
    found = boundary_of(draw(one, 0), 0.125, 0.0)
    factor = float((meanfield.equivalent() / meanfield.STRENGTH).subs(cosine, 0))
    from theory.papers.kou2023.meanfield import FIRST, LAST

    least, most = (strength_at(0.125, 0.0, activity) / factor for activity in (FIRST, LAST))
    assert least * 0.9 < found < most * 1.1
    assert factor == pytest.approx(1 / 16)


def test_few_neurons_err_more_at_the_same_strength():
    """Of three neurons of a class none may be on the side of a signal."""
    few = [setting(100.0, m=3)] * 12
    many = [setting(100.0, m=48)] * 12
    errors = [generalization(trained(ones)[1], "end").fresh for ones in (few, many)]
    assert errors[0].mean() > 2 * errors[1].mean()
    samples = [draw(few[0], 7 + k) for k in range(12)]
    limit = np.array([error_of(x, 100.0, 0.0) for x in samples])
    assert np.corrcoef(limit, errors[0])[0, 1] > 0.8, "which of them is what the limit says of each draw"


def test_labels_of_signals_are_those_of_xor():
    one = setting(8.0)
    sample = draw(one, 0, dense=False)
    assert torch.equal(torch.as_tensor(sample.signal % 2 == 0), torch.as_tensor(sample.y > 0))
    counts = np.bincount(sample.signal, minlength=4)
    assert counts.min() > 10, "each of the four signals is read"
