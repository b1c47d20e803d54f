"""Label-noise descent: its reduced dynamics against runs, and what would be found if either were wrong."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import sympy as sp

from numerics import draw, train
from theory import Within, evaluate
from theory.papers.huang2025 import claims, dynamics
from theory.papers.huang2025.conditions import LABEL_NOISE_TIME, assumption, condition_plateau
from verify import sweep
from verify.design import PROFILES, groups
from verify.judge import judge
from verify.laws.kind import Status
from verify.pack import load

PACK = load("huang2025")
READING = PACK.paper.reading()
P = 0.2


def setting(**changes):
    """n SNR^2 = 0.1 and lambda = 0.1, from a start of 1e-3."""
    n, m, d = 32, 16, 10**6
    at = {"n": n, "m": m, "d": d, "mu": (0.1 * d / n) ** 0.5, "sigma_xi": 1.0, "sigma_0": 1e-3 / d**0.5}
    return PACK.setting(**{**at, "eta": 0.1 * n * m / d, "tau_plus": P, "tau_minus": P, "labels": "balanced"} | changes)


def predicted(expression, run) -> float:
    return evaluate(sp.sympify(expression), READING.at(run.values(), 0.01))


def test_the_next_order_of_the_plateau():
    """Where flips hold a margin, what the derivation says of its moments, symbolically."""
    p, f = sp.symbols("p f", positive=True)
    q = 1 - p

    def g(z):
        return 1 / (1 + sp.exp(z))

    there = {f: dynamics.plateau(p)}

    def at(expression):
        return sp.simplify(expression.subs(there))

    first, second = q * g(f) - p * g(-f), q * g(f) ** 2 + p * g(-f) ** 2
    assert at(first) == 0
    assert sp.simplify(at(first.diff(f)) + p * q) == 0
    assert sp.simplify(at(second) - p * q) == 0
    assert at(second.diff(f)) == 0
    assert sp.simplify(at(second.diff(f, 2)) - 2 * p**2 * q**2) == 0
    assert sp.simplify(at(q * g(f) ** 3 - p * g(-f) ** 3) + p * q * (1 - 2 * p)) == 0
    # 0 = E log(1 + 2 lambda e g) to third order, E[g^2] with the variance 2 lambda f of the margin.
    step = sp.Symbol("step", positive=True)
    whole = step * p * q * (1 + step * (2 * p * q * dynamics.plateau(p) + sp.Rational(4, 3) * (1 - 2 * p)))
    spread = p * q + p**2 * q**2 * 2 * step * dynamics.plateau(p)
    series = 2 * step * whole - 2 * step**2 * spread - sp.Rational(8, 3) * step**3 * p * q * (1 - 2 * p)
    assert sp.simplify(sp.expand(series)) == 0


@pytest.mark.parametrize("p", [0.0, P])
def test_stage_one_multiplies_by_what_is_derived(p):
    run = setting(tau_plus=p, tau_minus=p, eta=setting().eta / 20, sigma_0=1e-9)
    steps = 1000
    seen = train([run] * 8, [draw(run, k) for k in range(8)], steps=steps).series
    for name, rate in (("noise_best", dynamics.noise_growth(p)), ("signal_best", dynamics.signal_growth(p))):
        grown = np.log(seen[name][:, -1] / seen[name][:, 0]).mean() / steps
        # Flips move the mean of eight runs by a percent, cross-talk by 32/1000, discrete steps by lambda/2.
        assert grown == pytest.approx(predicted(rate, run), rel=0.04)


def test_the_signal_stalls_on_the_plateau_at_the_derived_rate():
    run, steps, seeds = setting(), 4000, 12
    times = np.array([0, 400, steps])  # on the plateau after rescaled time 40
    found = train([run] * seeds, [draw(run, k) for k in range(seeds)], steps=steps, times=times)
    seen = found.series["signal_best"]
    grown = np.log(seen[:, 2] / seen[:, 1]) / (steps - 400)
    rate = predicted(dynamics.late_growth(P) * dynamics.late_correction(P), run)
    # Chance: (lambda p (1 - p) n s)^-1/2 = 0.07 a run. The next order of label imbalance is 1/n.
    assert grown.mean() == pytest.approx(rate, rel=0.08)
    assert grown.mean() < predicted(dynamics.signal_growth(P), run) / 10  # what it was before
    margins = found.series["margin_mean"][:, 2]
    assert margins.mean() == pytest.approx(np.log((1 - P) / P), abs=0.1)
    clean = replace(run, tau_plus=0.0, tau_minus=0.0)
    assert train([clean], [draw(clean, 0)], steps=steps).series["margin_mean"][0, -1] > 5


def _group(needs):
    found = groups(claims(READING), PACK.observables, labels=READING.labels)
    return next(g for name, g in found.items() if next(c for c in claims(READING) if c.name == name).needs == needs)


def test_both_algorithms_end_after_the_same_iterations_whatever_their_loss():
    jobs, _ = sweep.plan_jobs([_group(assumption())], PROFILES["quick"], READING, 0, "cpu")
    for job in jobs:
        steps = job.point.until / job.point.setting.time_scale
        assert steps == pytest.approx(predicted(LABEL_NOISE_TIME, job.point.setting))
        assert job.point.setting.tau_plus == pytest.approx(job.point.setting.tau_minus, rel=0.5)
    short = replace(jobs[0].point, until=30.0, epsilon=0.5)  # a loss that is reached long before
    run = sweep.simulate([replace(jobs[0], point=short, seeds=(1, 2))])
    assert run.status == ("stopped",) * 2
    assert (run.last * jobs[0].point.setting.time_scale >= 30.0).all()
    assert (run.last * jobs[0].point.setting.time_scale <= 1.06 * 30.0).all()


def test_a_wrong_level_is_refuted_and_the_derived_one_supported():
    group = _group(condition_plateau())
    jobs, _ = sweep.plan_jobs([group], PROFILES["quick"], READING, 0, "cpu")
    alone = replace(group, observables=("margin_mean_final", "late_signal_growth"), kept=())
    jobs = [replace(job, group=alone) for job in jobs]
    runs = pd.concat([r.runs for bundle in sweep.bundles(jobs) for r in sweep.execute(bundle)], ignore_index=True)
    mine = {c.name: c for c in claims(READING)}
    for name in ("plateau.margin", "plateau.signal-growth"):
        assert judge(mine[name], runs, READING, PACK.observables).status == Status.SUPPORTED
        [(_, law)] = mine[name].parts
        wrong = replace(mine[name], law=Within(low=2 * law.low, high=2 * law.high))
        assert judge(wrong, runs, READING, PACK.observables).status == Status.REFUTED
