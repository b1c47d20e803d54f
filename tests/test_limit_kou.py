"""What is proved of the limit of Kou et al. 2023: boxes, arguments against the equations, and planted faults."""

import json
from dataclasses import replace

import numpy as np
import pytest
import scipy

from theory.limit import Argument, Proposition, Verdict, certificate, check_certificate, decide, statement
from theory.papers.kou2023 import PAPER, meanfield
from verify import proved

LIMIT = PAPER.limit()
STATEMENTS = {s.name: s for s in LIMIT.statements}
BOXES = [s for s in LIMIT.statements if isinstance(s, Proposition)]
ARGUED = [s for s in LIMIT.statements if isinstance(s, Argument)]


def solved(kappa, tau, active, until):
    """The equations as docs/kou2023.md has them, by another integrator: times, gamma, rho_c, rho_n, g_c, g_n."""

    def pulls(x):
        return 1 / (1 + np.exp(x[0] + active * x[1])), 1 / (1 + np.exp(-x[0] + active * x[2]))

    def speed(_, x):
        clean, noisy = pulls(x)
        return [kappa / 2 * ((1 - tau) * clean - tau * noisy), clean, noisy]

    s = np.geomspace(0.01, until, 60)
    found = scipy.integrate.solve_ivp(speed, (0, until), [0.0] * 3, t_eval=s, rtol=1e-10, atol=1e-13, method="LSODA")
    return (s, *found.y, *pulls(found.y))


def some(count, seed, most):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        yield float(np.exp(rng.uniform(np.log(0.01), np.log(most)))), rng.uniform(0.001, 0.45), rng.uniform(0.2, 0.9)


# Boxes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("held", BOXES, ids=lambda s: s.name)
def test_boxes_are_proved_and_their_certificates_stand(held):
    found = proved.prove(LIMIT, held)
    assert found.verdict == Verdict.PROVED and found.leaves > 0


def test_boxes_agree_with_the_closed_form_at_small_kappa():
    """At kappa -> 0 every margin is u with u + e^u - 1 = a s."""
    for active in (0.5, 0.75):
        late = float(meanfield.margin(20, active))
        assert 1.9 < late < 2.8
        assert 1.5 < float(meanfield.margin(5, active)) / active < 2.1


def test_a_tighter_statement_is_disproved_and_a_planted_fault_refused():
    late = STATEMENTS["limit.late"]
    tight = decide(LIMIT.system, statement(late.text.replace("1.9", "2.3"), LIMIT.system), late.region)
    assert tight.verdict == Verdict.DISPROVED
    first = STATEMENTS["limit.first-stage"]
    held = json.loads(json.dumps(certificate(decide(LIMIT.system, statement(first.text, LIMIT.system), first.region))))
    assert check_certificate(held, LIMIT.system) > 0
    held["statement"] = held["statement"].replace("0.51*s", "0.49*s")
    with pytest.raises(AssertionError, match="does not follow"):
        check_certificate(held, LIMIT.system)


# Arguments ---------------------------------------------------------------------------------------------------------


def test_the_algebra_holds_and_a_planted_sign_does_not():
    for held in ARGUED:
        assert not held.failing, held.name
        for step in held.steps:
            wrong = {"zero": step.zero + meanfield.u} if step.positive is None else {"positive": -step.positive}
            assert not replace(step, **wrong).holds


def test_loss_derivatives_and_the_signal_stay_within_the_bounds_that_are_argued():
    largest = 0.0
    for kappa, tau, active in some(40, 1, 3.0):
        s, gamma, clean, noisy, g_c, g_n = solved(kappa, tau, active, 3000.0)
        bound = (1 + active * s) ** (kappa * (1 - 2 * tau) / active)
        assert (g_n > g_c * (1 - 1e-7)).all()
        assert (g_n / g_c <= bound * (1 + 1e-7)).all()
        share = gamma / (kappa / 2 * (1 - 2 * tau) * clean)
        assert (share <= 1 + 1e-7).all() and (share >= 1 - tau * (bound - 1) / (1 - 2 * tau) - 1e-7).all()
        assert (noisy <= bound * clean * (1 + 1e-7)).all()
        largest = max(largest, float((g_n / g_c).max()))
    assert largest > 1.5, "the bound was put to the test"


def test_noisy_samples_are_fitted_at_all_times_exactly_below_the_threshold():
    seen = set()
    for kappa, tau, active in some(60, 2, 8.0):
        ahead = kappa * (1 - 2 * tau) / (2 * active)
        if abs(ahead - 1) < 0.05:
            continue
        _, gamma, _, noisy, _, _ = solved(kappa, tau, active, 200.0)
        fitted = bool((active * noisy - gamma > 0).all())
        assert fitted == (ahead < 1)
        seen.add(fitted)
    assert seen == {True, False}


def test_the_lead_over_fresh_noise_is_that_of_the_pack():
    n, d = 50, 1e6
    for kappa, tau, active in some(20, 3, 0.05):
        _, gamma, clean, noisy, _, _ = solved(kappa, tau, active, 500.0)
        strength = kappa**2 * d / n  # n mu^4/(sigma_xi^4 d)
        expected = (1 - 2 * tau) * np.sqrt(strength / (2 * active))
        for rho in (clean, noisy):
            lead = gamma / (rho * np.sqrt(active * n / (2 * d)))
            bound = (1 + active * 500) ** (kappa * (1 - 2 * tau) / active)
            assert (lead <= expected * (1 + 1e-7)).all()
            assert (lead >= expected * (1 - tau * (bound - 1) / (1 - 2 * tau)) / bound - 1e-7).all()


# The command -------------------------------------------------------------------------------------------------------


def test_the_command_speaks_of_this_paper(here):
    done = here("prove", "--paper", "kou2023", "limit.first-stage", "limit.balanced")
    assert done.returncode == 0 and done.stdout.endswith("1 proved, 1 argued\n")
    done = here("prove", "--paper", "kou2023", "margin_noisy > 0 at s = 1", "--region", "kappa=2.5 tau=0.1")
    assert done.returncode == 1 and "disproved" in done.stdout
    assert "limit.strength" in here("list", "--limit", "--paper", "kou2023").stdout
