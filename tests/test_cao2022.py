"""Powers of the ReLU above two: plateaus and the threshold against runs, and what would be found if they were wrong."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from numerics import SERIES, Event, draw, train
from numerics.activation import RELU_POWER
from numerics.observables import moments
from theory import evaluate, n
from theory.papers.cao2022 import claims
from theory.papers.cao2022.dynamics import noise_plateau, signal_plateau
from verify import sweep
from verify.design import PROFILES, groups
from verify.judge import judge
from verify.laws.kind import Status
from verify.pack import load

PACK = load("cao2022")
READING = PACK.paper.reading()
STOP = Event(series="loss", value=0.05, falling=True)


def setting(strength: float, q: float = 3.0, **changes):
    """n SNR^q is ``strength``; d is so large that cross-talk plays no part."""
    samples, m, d = 8, 16, 10**10
    mu = d**0.5 * (strength / samples) ** (1 / q)
    step = 0.02 / max(1.0, samples * mu**2 / d)  # small against the growth of noise and of the signal
    at = {
        "n": samples,
        "m": m,
        "d": d,
        "mu": mu,
        "sigma_0": {3.0: 0.01, 4.0: 0.06}[q] / d**0.5,
        "eta": step * samples * m / d,
    }
    return PACK.setting(**{**at, "sigma_xi": 1.0, "q": q, "labels": "balanced"} | changes)


def runs(settings, seeds=range(3), steps: int = 0):
    steps = steps or max(PACK.last_step(one, 0.05, READING) for one in settings)
    samples = [draw(one, k) for one, k in zip(settings, seeds, strict=True)]
    series = {name: SERIES[name] for name in ("loss", "gamma_max", "rho_own_mean", "coefficient_min")}
    return train(settings, samples, steps=steps, stop=STOP, events=moments(READING.order_one), series=series)


@pytest.mark.parametrize("q", [3.0, 4.0])
@pytest.mark.parametrize(("strength", "kind"), [(1e-3, "noise"), (200.0, "signal")])
def test_plateaus_last_as_long_as_the_reduced_dynamics_says(q, strength, kind):
    run = runs([setting(strength, q)] * 3)
    ratio = PACK.observables[f"{kind}_plateau_ratio"](run)
    # Recorded up to 5 % late; a step of the recursion lags behind the flow by a percent or two.
    assert (np.abs(ratio - 1) < 0.1).all(), ratio
    # Planted: the power of the start one off, q - 1 in place of q - 2, is a factor of some tens.
    one = run.settings[0]
    first = {"noise": noise_plateau, "signal": signal_plateau}[kind]
    wrong = evaluate(first(q) * one.sigma_0, READING.at(one.values(), 0.05))
    assert abs(np.log(PACK.observables[f"{kind}_plateau_constant"](run)[0] / wrong)) > 1


@pytest.mark.parametrize("q", [3.0, 4.0])
def test_each_draw_has_the_threshold_that_its_starts_say(q):
    """A factor of four about it; starts of samples differ, so that nearer a run has some of both."""
    own = PACK.observables["threshold_constant"](runs([setting(2.0, q)] * 3, steps=1))
    settings = [setting(float(at) * factor, q) for factor in (0.25, 4.0) for at in own]
    run = runs(settings, seeds=[0, 1, 2] * 2)
    assert set(run.status) == {"stopped"}
    error, loss = (PACK.observables[name](run) for name in ("error_fresh_end", "test_loss_fresh_end"))
    assert ((error[:3] > 0.25) & (loss[:3] > 0.1)).all(), error
    assert ((error[3:] < 0.05) & (loss[3:] < 0.3)).all(), error


def test_a_wrong_power_of_the_threshold_is_refuted():
    """n^2 SNR^3 in place of n SNR^3, by four quick studies together, which do not place it well enough to support the
    right one. One alone has too few settings near a boundary that is so sharp, and says so of both."""
    [own] = [c for c in claims(READING) if c.name == "q3.threshold"]
    group = groups(claims(READING), PACK.observables, labels=READING.labels)[own.name]
    [(name, law)] = own.parts
    alone = replace(group, observables=(name, law.constant), kept=())
    studies = []
    for seed in range(4):
        jobs, _ = sweep.plan_jobs([alone], PROFILES["quick"], READING, seed, "cpu")
        runs = [r.runs for bundle in sweep.bundles(jobs) for r in sweep.execute(bundle)]
        studies.append(pd.concat(runs, ignore_index=True))
        studies[seed]["setting"] += 1000 * seed
    both = pd.concat(studies, ignore_index=True)
    wrong = replace(own, law=replace(law, along=law.along * n))
    for claim in (own, wrong):
        alone = judge(claim, studies[0], READING, PACK.observables)
        assert alone.status == Status.INCONCLUSIVE and "coefficients tell where it lies" in alone.reason
    assert judge(own, both, READING, PACK.observables).status == Status.INCONCLUSIVE
    assert judge(wrong, both, READING, PACK.observables).status == Status.REFUTED


def test_whole_powers_are_powers():
    z = torch.linspace(-1, 3, 50, dtype=torch.float64)
    for q in (2.0, 3.0, 4.0, 7.0, 3.5):
        held = torch.full((1,), q, dtype=torch.float64)
        torch.testing.assert_close(RELU_POWER.value(z, held), z.clamp(min=0) ** q, rtol=1e-13, atol=0)
        torch.testing.assert_close(RELU_POWER.slope(z, held), q * z.clamp(min=0) ** (q - 1), rtol=1e-13, atol=0)
    mixed = torch.tensor([[3.0], [4.0]], dtype=torch.float64)
    torch.testing.assert_close(RELU_POWER.value(z, mixed), z.clamp(min=0) ** mixed)


def test_each_power_has_conditions_of_its_own():
    for claim in claims(READING):
        power = int(claim.name[1])
        assert {str(c.statement.rhs) for c in claim.needs if c.name.startswith("power")} == {str(power)}
    cubic = {**PACK.typical, "q": 4.0}
    assert PACK.paper.at(cubic, READING).name == "condition-4.2-q4"
    assert replace(setting(1.0), q=4.0).shape == [4.0]
