"""SGD and SAM as one algorithm; SAM's first ascent; what its radius does; and a wrong exponent."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
import sympy as sp
import torch
from scipy.special import ndtr

from numerics import Event, draw, train, train_reference
from numerics.algorithm import DESCENT, SAM, Algorithm
from numerics.generalization import generalization
from numerics.inputs import Inputs
from theory import evaluate, n
from theory.papers.chen2023 import meanfield
from theory.papers.chen2023.conditions import PUSH
from verify import sweep
from verify.design import PROFILES, groups
from verify.judge import judge
from verify.laws.kind import Status
from verify.pack import load
from verify.packs.chen2023 import Setting
from verify.packs.chen2023.observables import ascent
from verify.packs.chen2023.stages import expected

PACK = load("chen2023")


def setting(kind: type[Setting] = Setting, **changes) -> Setting:
    """A signal too weak for SGD, at which SAM's slow runs take a second; a step on a batch moves no margin by much."""
    base = dict(n=20, m=10, d=2000, copies=2, batch=20, radius=0.0, sigma_0=0.005, mu=3.8)
    one = kind(**base | {"eta": 1.0} | changes)
    return replace(one, eta=one.batch * one.m / (4 * one.copies**2 * one.d)) if "eta" not in changes else one


def runs(*ones: Setting, seeds: int = 4, steps: int = 6000, loss: float = 0.25):
    """To a loss: error on fresh noise, share of memory in the margins, and whether it came. Each (settings, seeds)."""
    every = [one for one in ones for _ in range(seeds)]
    samples = [draw(one, k % seeds) for k, one in enumerate(every)]
    run = train(every, samples, steps=steps, stop=Event(series="loss", value=loss, falling=True))
    error, memory = generalization(run, "end").fresh, PACK.observables["memory_share_end"](run)
    came = np.array([status == "stopped" for status in run.status])
    return tuple(np.reshape(found, (len(ones), seeds)) for found in (error, memory, came))


@dataclass(frozen=True, kw_only=True)
class Sgd(Setting):
    """The same network and batches by plain gradient steps."""

    algorithm = DESCENT


def test_radius_0_is_sgd_to_the_last_bit():
    one = setting(batch=7, tau_plus=0.2)
    ours, plain = (train([kind(**vars(one))], [draw(one, 3)], steps=300).state("end") for kind in (Setting, Sgd))
    assert torch.equal(ours.coefficients, plain.coefficients)
    other = replace(one, radius=1e-3)
    assert not torch.equal(train([other], [draw(other, 3)], steps=300).state("end").coefficients, plain.coefficients)


@pytest.mark.parametrize(("batch", "copies"), [(20, 2), (6, 5)])
def test_the_ascent_is_that_of_the_algorithm(batch, copies):
    """By autograd on the dense network: what the perturbed weights see of the patches of the batch."""
    one = setting(d=90, batch=batch, copies=copies, radius=0.1, tau_plus=0.2)
    sample = draw(one, 5, dense=True)
    asked = []

    def spied(weights, memory, slope, eta, radius):
        def told(at):
            asked.append(at.parts[0].clone())
            return slope(at)

        return SAM.step(weights, memory, told, eta, radius)

    @dataclass(frozen=True, kw_only=True)
    class Spied(Setting):
        algorithm = Algorithm(name="spied", step=spied, parameters=("radius",))

    train_reference(Spied(**vars(one)), sample, 1)
    first, up = (np.asarray(weights @ torch.as_tensor(sample.patches[1:]).T) for weights in asked)
    found = ascent(one, sample)
    pushes = (up - first) / one.radius
    assert found.active.size
    for at, push in zip(found.active, found.push, strict=True):
        [where] = np.argwhere(np.isclose(first, at, rtol=1e-9, atol=0))
        assert pushes[tuple(where)] == pytest.approx(push, rel=1e-7)


@pytest.mark.parametrize(("m", "batch", "copies"), [(200, 40, 1), (50, 160, 1), (200, 40, 12)])
def test_the_push_is_what_is_derived_whatever_the_copies(m, batch, copies):
    one = setting(n=160, m=m, batch=batch, copies=copies, d=10**8, mu=1.0, sigma_0=1e-6, radius=1.0)
    found = ascent(one, draw(one, 0))
    derived = evaluate(meanfield.push(), one.values())
    assert found.push == pytest.approx(-derived, rel=0.03)  # the active share strays by 1/sqrt(2 m B) about a half


def test_sam_generalizes_where_sgd_does_not_from_its_own_radius_on():
    needed = setting().sigma_0 * np.sqrt(10 * 20)
    sgd, small, paper, large = (setting(radius=radius) for radius in (0.0, needed / 10, 4 * needed, 40 * needed))
    error, memory, came = runs(sgd, small, paper, large)
    assert came.all()
    assert error[0].min() > 0.3
    assert error[1].min() > 0.3, "a tenth of the radius that is needed changes nothing"
    assert error[2:].max() < 0.1, "ten times more than enough does no harm"
    assert memory[0].min() > 0.7
    assert memory[2:].max() < 0.25


def test_no_radius_beats_the_noise_along_the_signal_but_projected_noise_has_none():
    """mu = 1.2 (P-1) sigma: a network that has learned the signal alone errs on one fresh sample in nine."""
    short = dict(copies=5, mu=6.0, sigma_0=0.002, radius=0.15, d=1000)

    @dataclass(frozen=True, kw_only=True)
    class Projected(Setting):
        inputs = Inputs(name="projected", copies="copies", projected=True)

    (error,), _, (came,) = runs(setting(**short), loss=0.35)
    assert came.all()
    assert error.min() > ndtr(-1.2) - 0.03
    (error,), _, (came,) = runs(setting(Projected, **short), loss=0.35)
    assert came.all()
    assert error.max() < 0.03


def test_sam_of_a_fixed_radius_does_not_fit_flipped_labels():
    """Which is why the paper's SAM must give way to SGD; SGD itself fits them at once."""
    flipped = dict(tau_plus=0.15, tau_minus=0.15, labels="balanced")
    _, _, (sam, sgd) = runs(setting(radius=0.3, **flipped), setting(**flipped), steps=3000)
    assert not sam.any()
    assert sgd.all()


def test_expected_times_are_those_of_runs():
    sgd, sam = setting(sigma_0=1e-5), setting(radius=0.3)
    for one, least in ((sgd, 0.4), (sam, 0.5)):
        run = train([one], [draw(one, 0)], steps=8000, stop=Event(series="loss", value=0.25, falling=True))
        ratio = run.last[0] * one.time_scale / expected(one, 0.25, "end")
        assert least < ratio < 1.1


def test_a_wrong_exponent_is_refuted_and_the_right_one_is_not():
    """Of the radius that switches neurons off, on the runs of a quick study: with m for its root, and with n^(1/4)."""
    reading = PACK.paper.reading()
    claims = {c.name: c for c in PACK.paper.claims(reading)}
    right, linear = claims["sam.push"], claims["contrast.sam.radius-linear"]
    group = groups(tuple(claims.values()), PACK.observables)["sam.push"]
    group = replace(group, observables=("radius_for_most", "flip_share"), kept=())
    jobs, _ = sweep.plan_jobs([group], PROFILES["quick"], reading, 0, "cpu")
    found = pd.concat([r.runs for b in sweep.bundles(jobs) for r in sweep.execute(b)], ignore_index=True)
    law = right.parts[0][1]
    planted = replace(right, law=replace(law, expression=law.expression * n ** sp.Rational(1, 4)))
    judged = [judge(claim, found, reading, PACK.observables).status for claim in (right, linear, planted)]
    assert judged == [Status.SUPPORTED, Status.REFUTED, Status.REFUTED]


# Samples that small batches lose --------------------------------------------------------------------------------------


def on_batches(start: float, **changes) -> Setting:
    """``start`` is the initial weights over the push of other samples' batches."""
    base = dict(n=24, m=11, d=4000, copies=1, batch=4, radius=0.0, mu=9.0, sigma_0=1.0) | changes
    eta = 0.03 * base["batch"] * base["m"] / (base["copies"] ** 2 * base["d"])
    one = Setting(**base, eta=eta)
    return replace(one, sigma_0=start * evaluate(PUSH, one.values()))


def lost(one: Setting, seeds: int, epochs: int = 20) -> np.ndarray:
    """The share of samples on which no neuron of their class is active after some epochs. Shape (seeds,)."""
    samples = [draw(one, seed) for seed in range(seeds)]
    run = train([one] * seeds, samples, steps=epochs * -(-one.n // one.batch))
    return PACK.observables["lost_share_end"](run)


def test_small_batches_lose_samples_from_a_small_start_alone():
    """60 runs of 24 samples each: some of 1440 samples are lost, or none is."""
    assert lost(on_batches(1e-3), 60).mean() > 0.02
    assert lost(on_batches(1e-3, copies=5), 60).mean() > 0.02
    assert not lost(on_batches(4.0), 60).any()
    assert not lost(on_batches(1e-3, batch=24), 60).any(), "a full batch finds every sample with the neurons it had"


def test_more_neurons_help_slowly():
    """Neurons are pushed together: losses fall far more slowly than 2^-m, as independent starts would have it."""
    few, many = (lost(on_batches(1e-3, m=m), 60, epochs=3).mean() for m in (11, 47))
    assert few / 8 < many < few


def test_plain_autograd_loses_the_same_samples():
    one = on_batches(1e-3, n=12, m=5, batch=2, d=400, mu=1.0)
    for seed in range(6):
        sample = draw(one, seed, dense=True)
        steps = 40 * 6
        state = train([one], [sample], steps=steps).state("end")
        truth = train_reference(one, sample, steps)
        np.testing.assert_allclose(state.margins[0].numpy(), truth.margins.numpy(), rtol=0, atol=1e-9)
        gone = (state.on_own_noise[0] <= 0).all(0).numpy()
        if gone.any():
            break
    assert gone.any() and (np.abs(truth.margins.numpy()[gone]) < 0.1).all(), "they keep a loss of log 2"
