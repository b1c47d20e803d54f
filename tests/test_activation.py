"""A model with another activation, or with a parameter more, is a subclass of a setting, and everything follows it."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from numerics import Setting, draw, train, train_reference
from numerics.activation import RELU, Activation
from numerics.generalization import exponents, generalization
from numerics.identities import recursion_residual
from numerics.model import parameter

ROUNDING = 1e-9  # as of the identities: rounding leaves 1e-13, a wrong term shows at order one
POWER = Activation(
    name="relu^q",
    value=lambda z, q: torch.relu(z) ** q,
    slope=lambda z, q: q * torch.relu(z) ** (q - 1),
    parameters=("q",),
)


@dataclass(frozen=True, kw_only=True)
class Powered(Setting):
    """ReLU to a power, which is a parameter."""

    activation: ClassVar[Activation] = POWER
    q: float = parameter(2, 6, default=2.0)


@dataclass(frozen=True, kw_only=True)
class Smooth(Setting):
    """An activation without a kink and without parameters."""

    activation: ClassVar[Activation] = Activation(
        name="softplus", value=torch.nn.functional.softplus, slope=torch.sigmoid
    )


@dataclass(frozen=True, kw_only=True)
class Leaky(Setting):
    """ReLU where it does not leak."""

    activation: ClassVar[Activation] = Activation(
        name="leaky",
        value=lambda z, leak: torch.where(z > 0, z, leak * z),
        slope=lambda z, leak: torch.where(z > 0, torch.ones_like(leak), leak),
        parameters=("leak",),
    )
    leak: float = parameter(0, 0.5, default=0.0)


@dataclass(frozen=True, kw_only=True)
class Bent(Powered):
    """The wrong derivative: the power is forgotten."""

    activation: ClassVar[Activation] = replace(POWER, slope=lambda z, q: torch.relu(z) ** (q - 1))


@st.composite
def settings_of(draw_from, kind: type[Setting]) -> Setting:
    n, m = draw_from(st.integers(1, 6)), draw_from(st.integers(1, 4))
    d = draw_from(st.sampled_from([max(1, n // 2), n + 1, 60]))
    more = {"q": draw_from(st.sampled_from([2.0, 2.5, 3.0]))} if issubclass(kind, Powered) else {}
    # Preactivations of order one, so that powers of them move from the first step on.
    return kind(n=n, m=m, d=d, mu=d**0.5, sigma_0=0.5 / d**0.5, eta=0.05 * n * m / d, tau_plus=0.3, **more)


@pytest.mark.parametrize("kind", [Setting, Powered, Smooth, Leaky])
def test_coefficient_space_is_autograd_whatever_the_activation(kind):
    @settings(max_examples=12)
    @given(settings_of(kind), st.integers(0, 10**6))
    def same(setting, seed):
        run = train([setting], [draw(setting, seed, dense=True)], steps=80)
        assert recursion_residual(run)[0] <= ROUNDING

    same()


def test_a_wrong_derivative_shows_at_order_one():
    setting = Bent(n=4, m=3, d=60, mu=8.0, sigma_0=0.07, eta=0.01)
    assert recursion_residual(train([setting], [draw(setting, 0, dense=True)], steps=80))[0] > 1e-3


def test_a_parameter_may_differ_from_run_to_run_of_a_batch_and_runs_may_leave():
    several = [Powered(n=4, m=3, d=60, mu=8.0, sigma_0=0.07, eta=0.05, q=q) for q in (2.0, 2.5, 3.0)]
    samples = [draw(s, 5, dense=True) for s in several]
    together = train(several, samples, steps=60)
    for k, (setting, sample) in enumerate(zip(several, samples, strict=True)):
        alone = train_reference(setting, sample, 60)
        assert np.allclose(together.state("end").margins[k], alone.margins, rtol=ROUNDING, atol=ROUNDING)


def test_what_does_not_leak_is_relu_on_its_own_path():
    plain = Setting(n=5, m=3, d=80, mu=9.0, sigma_0=1e-2, eta=0.05, tau_plus=0.2)
    here, there = (train([s], [draw(s, 3)], steps=50) for s in (plain, Leaky(**plain.values())))
    assert here.settings[0].activation is RELU
    assert np.allclose(here.series["loss"], there.series["loss"], rtol=ROUNDING)


def test_errors_follow_the_activation_and_the_certificate_is_relus_alone():
    """Against a Monte Carlo on the trained network itself."""
    setting = Powered(n=6, m=4, d=40, mu=5.0, sigma_0=0.1, eta=0.05, tau_plus=0.3, q=2.0)
    sample = draw(setting, 1, dense=True)
    run = train([setting], [sample], steps=80)
    found = generalization(run, "end")
    reference = train_reference(setting, sample, 80)
    rng = np.random.default_rng(0)
    y = rng.choice([-1.0, 1.0], 40_000)
    noise = rng.standard_normal((40_000, setting.d)) * setting.sigma_xi
    x = torch.as_tensor(np.stack([y[:, None] * sample.patches[0], noise], 1))
    z = setting.phi(x @ reference.weights.T).sum(1)
    f = (z[:, :4].sum(1) - z[:, 4:].sum(1)).numpy() / 4
    assert abs((y * f < 0).mean() - found.fresh[0]) < 0.04  # 2,048 draws: three standard errors are 0.034
    assert np.isnan(exponents(run, "end")[0])


def test_settings_of_two_models_are_no_batch():
    one, other = (kind(n=4, m=3, d=60, mu=8.0, sigma_0=0.07, eta=0.05) for kind in (Setting, Smooth))
    with pytest.raises(ValueError, match="be of one model; group them first"):
        train([one, other], [draw(one, 0), draw(other, 0)], steps=5)


def test_an_added_parameter_has_a_range_like_any_other():
    assert "q" in Powered.ranges()
    assert "q" not in Setting.ranges()
    with pytest.raises(ValueError, match=r"^q = 9: must be a number from 2 to 6"):
        Powered(n=4, m=3, d=60, mu=8.0, sigma_0=0.07, eta=0.05, q=9)
