"""The proofs hold, and a wrong statement put in their place does not."""

import math
import random
from dataclasses import FrozenInstanceError, replace
from itertools import product

import pytest
import sympy as sp

from theory.papers.han2025.proofs import (
    PROOF_SIZES,
    RESCALING,
    Step,
    all_proofs,
    exact_recursion,
    prove_conservation,
    prove_recursion,
    prove_symmetry,
    signal_aligned,
)


@pytest.fixture(scope="module")
def proofs():
    return all_proofs()


def test_everything_is_proved_at_every_default_size(proofs):
    assert [(p.name, p.sizes) for p in proofs if not p.holds] == []
    assert len(proofs) == 3 * len(PROOF_SIZES)
    assert all(p.residual is sp.S.Zero and p.failure == "" for p in proofs)


def test_every_label_and_every_pattern_is_counted(proofs):
    cases = {(p.name, p.sizes): p.cases for p in proofs}
    for n, m, d in PROOF_SIZES:
        everything = 4**n * 2 ** (4 * n * m)
        assert cases["recursion", (n, m, d)] == cases["symmetry", (n, m, d)] == everything
        # Per neuron and choice of (r_i), the premise fixes n signal and n noise indicators.
        assert cases["conservation", (n, m, None)] == everything // 4**n * 2 * m * m**n


def test_a_proof_is_frozen(proofs):
    with pytest.raises(FrozenInstanceError):
        proofs[0].cases = 0


# Planted failures ------------------------------------------------------------------------------------------------


def trusts_the_noisy_label(step):
    return exact_recursion(replace(step, y=step.y_noisy))


def trusts_the_true_label(step):
    return exact_recursion(replace(step, y_noisy=step.y))


def forgets_the_class_sign(step):
    signal, noise = exact_recursion(step)
    return signal, {(j, r, i): j * value for (j, r, i), value in noise.items()}


def forgets_the_width(step):
    return exact_recursion(replace(step, eta=step.eta * step.m))


def forgets_the_sample_count(step):
    return exact_recursion(replace(step, eta=step.eta * step.n))


def climbs(step):
    return exact_recursion(replace(step, eta=-step.eta))


def forgets_the_signal_length(step):
    return exact_recursion(replace(step, mu_squared=sp.Integer(1)))


def is_always_active(step):
    return exact_recursion(replace(step, noise_active=dict.fromkeys(step.noise_active, sp.Integer(1))))


def sees_noise_where_the_signal_is(step):
    return exact_recursion(replace(step, signal_active=step.noise_active))


WRONG = (
    trusts_the_noisy_label,
    trusts_the_true_label,
    forgets_the_class_sign,
    forgets_the_width,
    forgets_the_sample_count,
    climbs,
    forgets_the_signal_length,
    is_always_active,
    sees_noise_where_the_signal_is,
)


@pytest.mark.parametrize("wrong", WRONG, ids=lambda f: f.__name__)
def test_a_wrong_recursion_is_caught_by_the_gradient(wrong):
    proof = prove_recursion(2, 2, 1, recursion=wrong)
    assert not proof.holds
    assert proof.residual != 0
    assert "y = (" in proof.failure


def test_a_fault_that_needs_a_noisy_label_names_one():
    # At the first labels, all +1, this recursion is right.
    assert "y = (1,), noisy y = (-1,)" in prove_recursion(1, 1, 1, recursion=trusts_the_noisy_label).failure


def test_an_equal_recursion_in_other_words_is_accepted():
    """a^2 = a for an indicator: the proof works on 0/1 values, not on how the formula is written."""

    def squared(step):
        return exact_recursion(replace(step, noise_active={key: a**2 for key, a in step.noise_active.items()}))

    assert prove_recursion(1, 2, 1, recursion=squared).holds


@pytest.mark.parametrize("wrong", (trusts_the_noisy_label, forgets_the_signal_length), ids=lambda f: f.__name__)
def test_conservation_is_lost_with_a_wrong_recursion(wrong):
    assert not prove_conservation(2, 1, recursion=wrong).holds


def sees_the_other_label(step, j, r, chosen):
    return signal_aligned(step, j, r, chosen) | {step.signal_active[j, r, i]: int(y != j) for i, y in enumerate(step.y)}


def says_nothing_of_the_signal(step, j, r, chosen):
    return {a: v for a, v in signal_aligned(step, j, r, chosen).items() if a not in step.signal_active.values()}


def says_nothing_of_the_noise(step, j, r, chosen):
    return {a: v for a, v in signal_aligned(step, j, r, chosen).items() if a not in step.noise_active.values()}


@pytest.mark.parametrize(
    "premise",
    (sees_the_other_label, says_nothing_of_the_signal, says_nothing_of_the_noise),
    ids=lambda f: f.__name__,
)
def test_conservation_needs_its_whole_premise(premise):
    assert not prove_conservation(2, 2, premise=premise).holds


@pytest.mark.parametrize("name", RESCALING)
def test_symmetry_needs_every_exponent(name):
    for change in (-1, +1):
        assert not prove_symmetry(2, 1, 2, scaling=RESCALING | {name: RESCALING[name] + change}).holds


def test_symmetry_needs_the_squared_length():
    assert not prove_symmetry(1, 1, 1, recursion=forgets_the_signal_length).holds


# Independent witness: the relu network itself, in floating point ---------------------------------------------------


def test_recursion_matches_finite_differences_of_the_relu_network():
    rng = random.Random(0)
    n, m, d, step_size = 3, 2, 4, 0.7
    y, y_noisy = (1, -1, 1), (1, 1, -1)

    def vector():
        return [rng.gauss(0, 1) for _ in range(d)]

    mu, xi = vector(), [vector() for _ in range(n)]
    weights = {(j, r): vector() for j, r in product((1, -1), range(m))}

    def dot(a, b):
        return sum(p * q for p, q in zip(a, b, strict=True))

    def margin(i):
        f = sum(j * (max(0.0, y[i] * dot(w, mu)) + max(0.0, dot(w, xi[i]))) / m for (j, r), w in weights.items())
        return y_noisy[i] * f

    def loss():
        return sum(math.log1p(math.exp(-margin(i))) for i in range(n)) / n

    increments = exact_recursion(
        Step(
            n=n,
            m=m,
            eta=step_size,
            mu_squared=dot(mu, mu),
            xi_squared=tuple(dot(x, x) for x in xi),
            y=y,
            y_noisy=y_noisy,
            g=tuple(1 / (1 + math.exp(margin(i))) for i in range(n)),
            signal_active={(j, r, i): y[i] * dot(w, mu) > 0 for (j, r), w in weights.items() for i in range(n)},
            noise_active={(j, r, i): dot(w, xi[i]) > 0 for (j, r), w in weights.items() for i in range(n)},
        )
    )
    signal, noise = increments
    h = 1e-5
    for (j, r), w in weights.items():
        for k in range(d):
            here = w[k]
            w[k] = here + h
            above = loss()
            w[k] = here - h
            below = loss()
            w[k] = here
            expected = j * signal[j, r] * mu[k] / dot(mu, mu)
            expected += sum(noise[j, r, i] * xi[i][k] / dot(xi[i], xi[i]) for i in range(n))
            # Truncation h^2 = 1e-10, rounding 1e-16/h = 1e-11; both times small factors.
            assert -step_size * (above - below) / (2 * h) == pytest.approx(expected, abs=1e-8)
