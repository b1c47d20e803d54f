"""The limit kappa -> 0 of Kou et al. 2023: its formulas against their equations, and its numbers against draws."""

import math
from dataclasses import replace

import numpy as np
import pytest
import scipy
import sympy as sp

from numerics import Event, Setting, draw, train
from theory import inside
from theory.orders import Ruling
from theory.papers import load as paper
from theory.papers.kou2023 import Reading, meanfield
from theory.papers.kou2023.entailments import entailments
from verify.conformance import statements
from verify.design import PROFILES, design, groups
from verify.maps import cells
from verify.pack import load
from verify.packs.kou2023 import limit
from verify.predicted import curves as at_any_kappa

TYPICAL = {
    "n": 64,
    "m": 16,
    "d": 12_000_000,
    "mu": 20.8,
    "sigma_0": 1e-7,
    "eta": 1e-4,
    "tau_plus": 0.1,
    "tau_minus": 0.1,
}


def test_the_closed_form_solves_its_equations():
    u, a, tau, kappa = meanfield.u, meanfield.a, meanfield.tau, sp.Symbol("kappa", positive=True)
    speed = a / (1 + sp.exp(u))  # u' = a g(u)
    assert sp.simplify(sp.diff(meanfield.time_at(), u) * speed - 1) == 0
    gamma = meanfield.signal(kappa)
    assert sp.simplify(sp.diff(gamma, u) * speed - kappa * (1 - 2 * tau) / 2 / (1 + sp.exp(u))) == 0
    v, fade = meanfield.clean_excess(), sp.exp(u) / (1 + sp.exp(u))
    assert sp.simplify(sp.diff(v, u) - (1 - 2 * tau) / (2 * a) + fade * v) == 0
    assert v.subs(u, 0) == 0
    at = meanfield.margin(3.0, 0.75).evalf()
    assert meanfield.time_at(at, 0.75) == pytest.approx(3.0)
    assert math.log1p(math.exp(-at)) == pytest.approx(
        float(sp.nsolve(meanfield.time_at_loss(sp.Symbol("x"), 0.75) - 3, 0.3))
    )
    for loss in (1e-3, 1e-6):  # no logarithm at leading order
        assert float(meanfield.time_at_loss(loss, 0.5)) * loss == pytest.approx(2.0, rel=0.02)


def test_the_limit_is_that_of_the_mean_field_at_any_kappa():
    """To second order in kappa, once both have the same active fraction: that of the other is 1/2 throughout."""
    s = np.linspace(0, 20, 9)
    gaps = []
    for kappa in (0.04, 0.02):
        setting = Setting(**TYPICAL | {"mu": math.sqrt(kappa * 12e6 / 64)})
        exact = at_any_kappa(setting, s)
        half = {k: float(x) for k, x in (("a", meanfield.FIRST.one),)}["a"]
        x = 1 + half * s
        u = x - np.real(scipy.special.wrightomega(x))
        v = sp.lambdify([meanfield.u], meanfield.clean_excess(0.1, half), "numpy")(u)
        gamma = kappa * 0.8 * u / half / 2
        gaps.append(np.abs((u + kappa * v - gamma) / half - exact["rho_clean_plus"]).max())
    assert gaps[0] < 0.04**2 * 4
    assert gaps[1] < gaps[0] / 3  # four times smaller, up to the third order


def test_the_error_is_that_of_drawn_neurons():
    """P(mean of relus of one class exceeds that of the other by the lead), by brute force with many neurons."""
    rng = np.random.default_rng(0)
    shared, lead, neurons = 7 / 9, 0.6, 400
    outputs = []
    for _ in range(2):
        common = rng.standard_normal((20_000, 1))
        own = rng.standard_normal((20_000, neurons), dtype=np.float32)
        outputs.append(np.maximum(math.sqrt(shared) * common + math.sqrt(1 - shared) * own, 0).mean(1))
    share = float((outputs[0] - outputs[1] > lead).mean())
    assert limit.exceeds(lead, shared) == pytest.approx(share, abs=0.012)  # 4 standard errors
    assert limit.exceeds(0.0, shared) == pytest.approx(0.5, abs=1e-3)
    tail = float(meanfield.tail(meanfield.LAST, 0))
    large = [-math.log(limit.error(q, (0.5, 0.5), (0.75, 7 / 12), (0.5, 0.5))) / q for q in (20.0, 80.0)]
    assert tail < large[1] < large[0] < 1.6 * tail


def test_trained_networks_have_the_error_of_the_limit():
    settings, seeds = [], 6
    for strength in (0.2, 1.0, 4.0):
        mu = (strength * TYPICAL["d"] / TYPICAL["n"]) ** 0.25
        eta = 0.02 * 64 * 16 / TYPICAL["d"]
        settings += [Setting(**TYPICAL | {"mu": mu, "sigma_0": 1e-10, "eta": eta})] * seeds
    samples = [draw(s, k % seeds) for k, s in enumerate(settings)]
    run = train(settings, samples, steps=600, stop=Event(series="loss", value=0.3, falling=True))
    errors = load("kou2023").observables["error_fresh_end"](run)
    for k, setting in enumerate(settings[::seeds]):
        rows = range(k * seeds, (k + 1) * seeds)
        predicted = [limit.error(setting.kappa**2 * setting.d / setting.n, *_of(samples[r])) for r in rows]
        # Standard error of six runs of 2,048 draws below 0.005; 1/sqrt(m n) of the active fractions as much again.
        assert np.mean(errors[list(rows)]) == pytest.approx(np.mean(predicted), abs=0.03)
    bound = load("kou2023").observables["fresh_exponent_end"](run)
    assert (np.exp(-bound) >= errors - 0.02).all()  # it is a bound, up to the draws
    assert (np.diff(bound.reshape(3, seeds).mean(1)) > 0).all()


def _of(sample):
    drives, shares = limit.draw_of(sample)
    return drives, limit.activity_of(sample), shares


def test_activity_is_that_of_the_limit_for_tiny_starts_and_the_first_one_for_large_ones():
    for sigma_0, activity in ((1e-12, meanfield.LAST), (1e-2, meanfield.FIRST)):
        found = [limit.activity_of(draw(Setting(**TYPICAL | {"sigma_0": sigma_0, "m": 64}), k)) for k in range(4)]
        assert np.mean(found, 0) == pytest.approx([float(activity.one), float(activity.two)], abs=0.03)


def test_the_regime_is_not_that_of_han_et_al():
    found = {e.name: e for e in entailments()}
    assert found["regime.excludes-order-one"].decide().status == Ruling.CONTRADICTORY
    assert found["regime.kappa-vanishes"].decide().status == Ruling.ENTAILED
    ours = paper("kou2023").sets(Reading())[0]
    assert {c.source.provenance for c in ours.conditions} == {"secondary", "recalled", "inferred"}
    assert statements(load("kou2023")) == ""


def test_its_design_stays_inside_with_small_kappa():
    pack = load("kou2023")
    reading = pack.paper.reading()
    by_claim = groups(pack.paper.claims(reading), pack.observables)
    profile = replace(PROFILES["quick"], settings={**PROFILES["quick"].settings, "end": 6})
    for name, low, high in (
        ("harmful.test-error", 0, 0.25),
        ("benign.test-error", 4, math.inf),
        ("threshold", 0.03, 10),
    ):
        group = by_claim[name]
        points = design(group, profile, reading, 0)
        assert len({(p.setting.n, p.setting.m) for p in points}) > 1
        for point in points:
            setting = point.setting
            assert inside(group.needs, reading.at(setting.values(), point.epsilon), reading.C)
            assert setting.kappa < 0.1
            assert low <= setting.kappa**2 * setting.d / setting.n <= high


def test_its_map_is_drawn_along_the_strength_and_with_both_scales_of_the_heat_map(here, tmp_path):
    found = here("map", "strength", "tau", "--paper", "kou2023", "--x", "0.1:5:3:log", "--y", "0:0.2:2", "--at",
                 "n=24 m=12 d=1e6", "--seeds", "1", "--epsilon", "0.5", "--show", "error_fresh_end", "--jobs", "1",
                 "--quiet", "--out", str(tmp_path / "map"))  # fmt: skip
    assert found.returncode == 0, found.stderr

    def first(paper_, name):
        drawn = load(paper_).maps.presets()[name]
        return cells(replace(drawn, x=replace(drawn.x, count=2), y=replace(drawn.y, count=2)))[0]

    script, table = first("kou2023", "kou"), first("kou2023", "kou-sum")
    assert table.sigma_0 == pytest.approx(10 / math.sqrt(300)) == pytest.approx(2 * script.sigma_0)
    assert (script.eta, table.eta) == (2.5, 10)
    assert first("han2025", "kou-sum").values() == table.values()
