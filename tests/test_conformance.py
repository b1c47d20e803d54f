"""Packs do what they declare; and each question that is asked of them catches a planted failure."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch

import numerics
from numerics.activation import CUBED_RELU, RELU, Activation
from numerics.algorithm import Algorithm
from numerics.loss import LOGISTIC
from theory import n
from verify import conformance
from verify.laws.kind import Status
from verify.pack import Pack, built_in, load

TOY = str(Path(__file__).parent / "toy.py")
# What a pack gives no occasion to ask is no answer, and is not counted as one. The toy knows no reduced dynamics and
# claims no rate. Those of powers of the ReLU hang on a run's own starts and have no limit of many samples: they are
# compared with runs in the packs' own tests, as is a wrong power of a threshold that a quick study does not place.
UNASKED = {
    TOY: list(conformance.CHECKS)[-2:],
    "cao2022": list(conformance.CHECKS)[-2:],
    "huang2025": list(conformance.CHECKS)[-2:-1],
}


@pytest.fixture(scope="module")
def ours() -> Pack:
    return load("han2025")


@pytest.mark.parametrize("name", [*built_in(), TOY])
def test_a_pack_does_what_it_declares(name):
    found = list(conformance.examine(load(name)))
    assert [f for f in found if f.problem] == []
    # What was not asked is no answer, and is not counted as one.
    assert [f.check for f in found if f.void] == UNASKED.get(name, [])


@dataclass(frozen=True, kw_only=True)
class WrongSlope(numerics.Setting):
    """relu', but a tenth below zero too."""

    activation: ClassVar[Activation] = replace(
        RELU, name="wrong", slope=lambda z: torch.where(z > 0, 1.0, 0.1).to(z.dtype)
    )


@dataclass(frozen=True, kw_only=True)
class Stepped(numerics.Setting):
    """A kink at 0.137 instead of 0: the derivative is right, but sizes have a meaning now."""

    activation: ClassVar[Activation] = Activation(
        name="stepped",
        value=lambda z: torch.relu(z - 0.137),
        slope=lambda z: (z > 0.137).to(z.dtype),
    )


def smoothed(z):
    """Quadratic on [0, w], linear beyond."""
    return WIDTH * (z / WIDTH).clamp(0, 1) ** 2 / 2 + (z - WIDTH).clamp(min=0)


@dataclass(frozen=True, kw_only=True)
class Smoothed(numerics.Setting):
    """So steep between slope 0 and 1 that gradient descent is unstable there: rounding grows along a run."""

    activation: ClassVar[Activation] = Activation(
        name="smoothed", value=smoothed, slope=lambda z: (z / WIDTH).clamp(0, 1)
    )


@dataclass(frozen=True, kw_only=True)
class Unsmoothed(numerics.Setting):
    """The slope of the ReLU: wrong where hardly any number lies."""

    activation: ClassVar[Activation] = replace(Smoothed.activation, slope=RELU.slope)


WIDTH = 3e-3


def test_a_derivative_that_is_wrong_in_a_narrow_range_is_found_and_a_right_one_is_not(ours):
    assert "from the derivative of phi" in conformance.slope(replace(ours, setting=Unsmoothed))
    right = replace(ours, setting=Smoothed)
    assert conformance.slope(right) == ""
    assert conformance.recursion(right) == ""


@dataclass(frozen=True, kw_only=True)
class Leaning(numerics.Setting):
    """Said to be of degree 3, and of degree 1 below zero: what is declared is not believed."""

    activation: ClassVar[Activation] = replace(
        CUBED_RELU,
        value=lambda z: z.relu() ** 3 + 0.3 * z.clamp(max=0),
        slope=lambda z: 3 * z.relu() ** 2 + 0.3 * (z <= 0).to(z),
    )


FUNCTIONS = {
    "in place": (lambda z: z.relu_(), "of the activation 'own' changes what it is given in place"),
    "random": (lambda z: z * torch.rand(()), "gives other numbers when it is asked again"),
    "centred": (lambda z: z - z.mean(), "makes something else of a number where others are beside it"),
    "a number": (lambda z: 1.0, "gives a float for numbers of shape"),
    "a mean": (lambda z: z.mean(), r"gives the shape () for numbers of shape"),
    "a root": (lambda z: z.sqrt(), "is no number at z = -100"),
    "raises": (lambda z, q: z**q, "raises TypeError: "),
}


@pytest.mark.parametrize("piece", ["value", "slope"])
@pytest.mark.parametrize(("function", "said"), FUNCTIONS.values(), ids=FUNCTIONS)
def test_what_is_no_function_of_each_number_is_found(ours, function, said, piece):
    own = type("Own", (numerics.Setting,), {"activation": replace(RELU, name="own", **{piece: function})})
    assert said in conformance.slope(replace(ours, setting=own))


@pytest.mark.parametrize("value", [lambda z: z.detach().relu(), lambda z: torch.as_tensor(np.maximum(z.numpy(), 0))])
def test_what_has_no_gradient_is_found(ours, value):
    own = type("Own", (numerics.Setting,), {"activation": replace(RELU, name="own", value=value)})
    assert "phi of the activation 'own' has no gradient" in conformance.slope(replace(ours, setting=own))
    own = type("Own", (numerics.Setting,), {"loss": replace(LOGISTIC, name="own", value=value)})
    assert "the value of the loss 'own' has no gradient" in conformance.slope(replace(ours, setting=own))


def test_a_degree_that_is_no_parameter_is_found(ours):
    own = type("Own", (numerics.Setting,), {"activation": replace(RELU, name="own", degree="q")})
    assert "the degree of 'own' is 'q', which is no parameter" in conformance.slope(replace(ours, setting=own))


def test_a_degree_that_is_another_is_found(ours):
    wrong = replace(ours, setting=Leaning)
    assert "its degree is another" in conformance.slope(wrong)
    assert conformance.recursion(wrong) == "", "what is run is the activation as it is written"


def test_a_derivative_that_is_none_is_found(ours):
    wrong = replace(ours, setting=WrongSlope)
    assert "from the derivative of phi" in conformance.slope(wrong)
    assert "from autograd" in conformance.recursion(wrong)
    other = replace(ours, setting=Stepped)
    assert conformance.slope(other) == ""
    assert conformance.recursion(other) == ""


def counted():
    calls = []

    def step(weights, memory, slope, eta):
        calls.append(1)
        return weights + slope(weights) * (eta / len(calls)), memory

    return step


def in_place(weights, memory, slope, eta):
    for part, move in zip(weights.parts, (slope(weights) * eta).parts, strict=True):
        part += move
    return weights, memory


STEPS = {
    "counts": (counted(), "what it carries or counts goes into memory"),
    "is random": (
        lambda w, memory, slope, eta: (w + slope(w).each(lambda p: p * (1 + torch.rand_like(p))) * eta, memory),
        "its step draws random numbers, which no seed of a run fixes",
    ),
    "in place": (in_place, "changes in place what it is given"),
    "raises": (lambda w, memory, slope: (w, memory), "algorithm 'own': TypeError"),
}


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize(("step", "said"), STEPS.values(), ids=STEPS)
def test_a_step_that_is_no_function_of_what_it_is_given_is_found(ours, step, said, dense):
    """And told from one that looks at single coordinates, whose way out is another."""
    own = type("Own", (numerics.Setting,), {"algorithm": Algorithm(name="own", step=step, dense=dense)})
    assert said in conformance.recursion(replace(ours, setting=own))


def test_a_step_that_takes_one_runs_number_for_all_is_found(ours):
    first = Algorithm(name="own", step=lambda w, memory, slope, eta: (w + slope(w) * float(eta[0]), memory))
    own = type("Own", (numerics.Setting,), {"algorithm": first})
    assert "depends on the runs beside it" in conformance.recursion(replace(ours, setting=own))


def test_false_declarations_are_found(ours):
    held = dict(ours.observables)
    reads = held | {"gamma_max_run": replace(held["gamma_max_run"], reads=("rho_max",))}
    assert "'gamma_max_run' reads more" in conformance.declarations(replace(ours, observables=reads))
    weighs = held | {"noise_norm_min": replace(held["noise_norm_min"], weight=1)}
    assert "'noise_norm_min' does not have the weight 1" in conformance.declarations(replace(ours, observables=weighs))


def test_a_rescaling_that_changes_runs_is_found(ours, monkeypatch):
    """Not eta/c^2 but eta/c: every step is then four times too large."""
    monkeypatch.setitem(conformance.RESCALING, "eta", -1)
    assert "changes under the rescaling" in conformance.symmetry(ours)


def test_statements_without_a_value_or_with_another_answer_are_found(ours):
    paper = ours.paper
    reading = paper.reading()
    first, *rest = paper.claims(reading)
    strange = replace(paper, claims=lambda _: (replace(first, observable="nothing"), *rest))
    assert "'nothing', which does not exist" in conformance.statements(replace(ours, paper=strange))
    [one, other] = [e for e in paper.entailments() if e.name in ("regime.consistent", "regime.same-rate")]
    turned = replace(paper, entailments=lambda: (replace(other, expected=one.expected),))
    assert "'regime.same-rate' is entailed" in conformance.statements(replace(ours, paper=turned))


def test_conditions_without_a_setting_are_found(ours):
    paper = ours.paper

    def claims(reading):
        [claim] = [c for c in paper.claims(reading) if c.name == "stage1.time"]
        none = replace(claim.needs[0], name="none", statement=n <= sum([0.5]))
        return (replace(claim, needs=(*claim.needs, none)),)

    assert "lie inside" in conformance.designs(replace(ours, paper=replace(paper, claims=claims)))


def test_reduced_dynamics_that_runs_do_not_approach_are_found(ours):
    off = replace(ours, predicted=lambda setting, s: {k: 1.3 * v for k, v in ours.predicted(setting, s).items()})
    assert "does not fall as n grows" in conformance.reduced(off)


def test_a_wrong_exponent_that_goes_through_is_found(ours, monkeypatch):
    """By a judge who says yes to everything; and where the runs would decide on no exponent, nothing is asked."""
    quick = conformance.PROFILES["quick"]
    few = replace(quick, settings={**quick.settings, "T1": 12})
    monkeypatch.setitem(conformance.PROFILES, "quick", few)
    judge = conformance.judge
    monkeypatch.setattr(conformance, "judge", lambda *args: replace(judge(*args), status=Status.SUPPORTED))
    assert "times n^1/4 is SUPPORTED" in conformance.refutes(ours)
    monkeypatch.setattr(conformance, "judge", judge)
    monkeypatch.setattr(conformance, "WRONG", 0)
    with pytest.raises(conformance.Void, match=r"decide neither 'stage1.time' nor a wrong one: .+"):
        conformance.refutes(ours)
