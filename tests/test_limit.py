"""Proofs about the limit: enclosures hold what they should, certificates are checked, and planted faults are caught."""

import copy
import json
import math
import random
from fractions import Fraction as F
from itertools import pairwise

import pytest
import sympy as sp
from flint import arb

from theory import limit
from theory.limit import Argument, Proposition, Step, Verdict, certificate, check_certificate, decide, statement
from theory.limit.fences import UNIT, fences, grid
from theory.limit.flow import between, integrate
from theory.papers.han2025 import PAPER, meanfield

LIMIT = PAPER.limit()
LABEL = LIMIT.system
STATEMENTS = {s.name: s for s in LIMIT.statements}
FLOW, HALF = (F(0), F(0)), (F(1, 2), F(1, 2))


def region(**given):
    ends = {
        name: tuple(F(x) for x in (value if isinstance(value, tuple) else (value, value)))
        for name, value in given.items()
    }
    return LIMIT.completed(ends)


def decided(text, **given):
    return decide(LABEL, statement(text, LABEL), region(**given))


def written(held):
    return json.loads(json.dumps(certificate(held)))


# The system --------------------------------------------------------------------------------------------------------


def test_the_system_is_the_mean_field():
    """Its formulas with gamma eliminated are the right-hand sides that numerics is compared with."""
    kappa, tau = sp.symbols("kappa tau", positive=True)
    names = {x: sp.Symbol(x) for x in ("lead", "odds", "active", "rho_clean", "rho_noisy")}
    values = {
        names["lead"]: kappa * (1 - 2 * tau),
        names["odds"]: tau / (1 - 2 * tau),
        names["active"]: sp.Rational(1, 2),
    }
    named = {}
    for name, text in LABEL.named.items():
        named[name] = sp.sympify(text, locals={**names, **named}).subs(values)
    assert sp.simplify(named["kappa"] - kappa) == 0
    assert sp.simplify(named["tau"] - tau) == 0
    held = meanfield.dynamics(kappa, tau)
    at = {meanfield.gamma: named["gamma"], meanfield.rho_c: names["rho_clean"], meanfield.rho_n: names["rho_noisy"]}
    arguments = [named[name] for name in LABEL.arguments]
    for margin, argument in zip(held.margins, arguments, strict=True):
        assert sp.simplify(margin.subs(at) - argument) == 0
    signal, *own = held.right_hand_side
    speeds = sp.symbols("u v")
    for rate, margin, speed in zip(own, held.margins, speeds, strict=True):
        assert sp.simplify(rate - 1 / (1 + sp.exp(margin))) == 0
        signal = signal.subs(rate, speed)
    moved = named["gamma"].subs({names["rho_clean"]: speeds[0], names["rho_noisy"]: speeds[1]})
    assert sp.simplify(signal - moved) == 0


# Enclosures --------------------------------------------------------------------------------------------------------


def test_the_integrator_holds_solutions_that_are_known():
    turned = integrate(lambda x: [x[1], -x[0]], [arb(0), arb(1)], F(6))
    for time in (F(1, 3), F(2), F(6)):
        t = arb(time.numerator) / time.denominator
        for found, known in zip(turned.at(time), (t.sin(), t.cos()), strict=True):
            assert found.overlaps(known) and float(found.rad()) < 1e-9
    grown = integrate(lambda x: [x[0] * (1 - x[0])], [between(F(1, 10), F(1, 8))], F(2)).at(F(2))[0]
    for start in (F(1, 10), F(1, 9), F(1, 8)):
        x = arb(start.numerator) / start.denominator
        assert grown.contains(1 / (1 + (1 / x - 1) * arb(-2).exp()))
    with pytest.raises(ArithmeticError, match="no enclosure"):
        integrate(lambda x: [x[0] * x[0]], [arb(1)], F(2))  # leaves every bound at time 1
    with pytest.raises(ValueError, match="time 7"):
        turned.at(F(7))


def euler(matrix, step, until):
    """The recursion itself, in floating point, with the points of the straight lines between."""
    import math

    x, points = [0.0, 0.0], [(0.0, [0.0, 0.0])]
    for k in range(int(until / step)):
        speed = [1 / (1 + math.exp(sum(a * b for a, b in zip(row, x, strict=True)))) for row in matrix]
        points.append(((k + 0.5) * step, [a + 0.5 * step * v for a, v in zip(x, speed, strict=True)]))
        x = [a + step * v for a, v in zip(x, speed, strict=True)]
        points.append(((k + 1) * step, list(x)))
    return points


@pytest.mark.parametrize("seed", range(6))
def test_flow_and_recursions_run_between_the_fences(seed):
    """Every point of the parameters, every step allowed: against an enclosure by Taylor series, and the recursion."""
    draw = random.Random(seed)
    low, odds = F(draw.randint(5, 300), 10), F(draw.randint(0, 40), 100)
    box = {"lead": (low, low * F(11, 10)), "odds": (odds, odds + F(1, 20)), "active": (F(2, 5), F(4, 5))}
    step = min(F(3, 20), F(1, 2) / low)
    nodes = grid((F(1), F(1)), 40)
    held = fences(LABEL, box, nodes, step)

    def inside(time, state):
        k = min(int(time * 40), 39)
        part = time * 40 - k
        for i, x in enumerate(state):
            fence = [
                float(((1 - part) * side[i][k] + part * side[i][k + 1]) * UNIT) for side in (held.lower, held.upper)
            ]
            assert fence[0] - 1e-12 <= x <= fence[1] + 1e-12

    for _ in range(4):
        point = {name: a + (b - a) * F(draw.randint(0, 8), 8) for name, (a, b) in box.items()}
        thin = limit.solution(LABEL, point, F(1))
        for time in (F(1, 8), F(3, 10), F(1)):
            for i, x in enumerate(thin.at(time)):
                k = nodes.index(F(round(time * 40), 40))
                assert held.lower[i][k] * float(UNIT) <= x and x <= held.upper[i][k] * float(UNIT)
        q = float(point["lead"] * point["odds"] / 2)
        p, a = q + float(point["lead"]) / 2, float(point["active"])
        for length in (float(step), float(step) * draw.uniform(0.1, 1)):
            for time, state in euler([[p + a, -q], [-p, q + a]], length, 1.0):
                inside(time, state)


def test_a_step_that_turns_the_order_round_has_no_fences():
    box = {"lead": (F(40), F(40)), "odds": (F(0), F(0)), "active": HALF}
    assert fences(LABEL, box, grid((F(1), F(1)), 10), F(1, 4)) is None
    assert fences(LABEL, box, grid((F(1), F(1)), 10), F(1, 10)) is not None


# Statements --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [s.name for s in LIMIT.statements if isinstance(s, Argument)])
def test_the_algebra_of_every_argument_holds(name):
    assert STATEMENTS[name].failing == ()


def test_an_argument_with_a_wrong_sign_fails():
    x, y = sp.symbols("x y", positive=True)
    assert Step(says="", zero=(x + y) ** 2 - x**2 - 2 * x * y - y**2).holds
    assert not Step(says="", zero=(x - y) ** 2 - x**2 - 2 * x * y - y**2).holds
    assert Step(says="", positive=(x**2 - y**2) / (x - y)).holds
    assert not Step(says="", positive=x - y).holds
    assert not Step(says="", positive=sp.Symbol("z") + 1).holds


# The two that take seconds are proved by `prove` without arguments alone.
@pytest.mark.parametrize(
    "name", ["limit.stage1.long-steps", "limit.stage1.reading-low", "limit.stage1.reading-high",
             "limit.stage1.not-earlier", "limit.clean-labels"]
)  # fmt: skip
def test_statements_are_proved_and_checked_again(name):
    held = STATEMENTS[name]
    found = decide(LABEL, statement(held.text, LABEL), held.region)
    assert found.verdict == Verdict.PROVED
    assert check_certificate(written(found), LABEL) == found.tree.leaves() > 0


def test_every_statement_is_read_and_its_region_is_whole():
    for held in STATEMENTS.values():
        if isinstance(held, Proposition):
            assert statement(held.text, LABEL).inequalities
            assert {"lead", "tau", "active", "step"} <= set(held.region)


def test_below_the_threshold_a_point_refutes():
    """lead = 1.9 must not pass for 2."""
    proved = decided("gamma > rho_noisy at s = 0.1", lead=("2.2", "4"))
    assert proved.verdict == Verdict.PROVED
    refuted = decided("gamma > rho_noisy at s = 0.1", lead=("1.9", "4"))
    assert refuted.verdict == Verdict.DISPROVED
    assert refuted.witness.point["lead"] < F("2.2")
    assert check_certificate(written(refuted), LABEL) == 1


def test_what_is_neither_is_undecided_and_says_where():
    held = decide(LABEL, statement("gamma > rho_noisy at s = 0.1", LABEL), region(lead=("2.2", "40")), budget=20)
    assert held.verdict == Verdict.UNDECIDED
    assert all(box["lead"][0] < box["lead"][1] for box in held.open)
    with pytest.raises(ValueError, match="undecided"):
        certificate(held)


def test_formulas_that_are_not_of_degree_one_are_decided_too():
    text = "gamma^2/rho_clean > 2*rho_clean*kappa/lead and max(rho_clean, 1/10) < 2*tau + 0.4 for s from 0.2 to 0.3"
    held = decided(text, lead=("8", "9"), tau=("0.1", "0.12"))
    assert held.verdict == Verdict.PROVED
    assert check_certificate(written(held), LABEL) > 0


# Planted faults ----------------------------------------------------------------------------------------------------

TEXT = "gamma > rho_noisy and rho_clean >= 0.1 for s from 0.44 to 0.5"


@pytest.fixture(scope="module")
def proof():
    return written(decided(TEXT, lead=("3.2", "43.2"), kappa=("3.2", "48"), step=("0", "1/50")))


def leaves(node, path=()):
    if "cut" in node:
        for k, half in enumerate(node["halves"]):
            yield from leaves(half, (*path, "halves", k))
    else:
        yield path, node


def at(tree, path):
    for key in path:
        tree = tree[key]
    return tree


def caught(certificate_, match):
    with pytest.raises(AssertionError, match=match):
        check_certificate(certificate_, LABEL)


def test_the_proof_stands(proof):
    held = [node for _, node in leaves(proof["tree"])]
    assert check_certificate(proof, LABEL) == sum("lower" in node for node in held) > 3
    assert any("outside" in node for node in held)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda c: c.update(statement=TEXT.replace("gamma > rho", "gamma < rho")), "does not follow"),
        (lambda c: c.update(statement=TEXT.replace(">= 0.1", ">= 0.11")), "does not follow"),
        (lambda c: c.update(statement=TEXT.replace("0.44", "0.43")), "not whole"),
        (lambda c: c["region"].update(lead=["19/10", "216/5"]), "does not hold the region's lead"),
        (lambda c: c["region"].update(tau=["1/20", "3/10"]), "does not hold the region's tau"),
        (lambda c: c["box"].update(lead=["19/10", "216/5"]), "crosses|does not follow"),
        (lambda c: c["region"].update(kappa=["16/5", "70"]), "not outside"),
        (lambda c: c["region"].update(step=["0", "1/5"]), "crosses|too long"),
        (lambda c: c["tree"]["halves"].pop(), "does not cover"),
        (lambda c: c["tree"].update(cut=["lead", "1"]), "does not cover"),
        (lambda c: c.pop("tree"), "not whole"),
        (lambda c: c.update(verdict="surely"), "neither"),
        (lambda c: c.update(system="another"), "another system"),
        (lambda c: c["region"].pop("tau"), "unbounded"),
    ],
)
def test_a_planted_fault_is_caught(proof, change, match):
    faulty = copy.deepcopy(proof)
    change(faulty)
    caught(faulty, match)


def test_a_corner_that_is_left_out_is_caught(proof):
    for path, node in leaves(proof["tree"]):
        if "lower" in node:
            faulty = copy.deepcopy(proof)
            left = at(faulty["tree"], path)
            left.clear()
            left["outside"] = "kappa"
            caught(faulty, "not outside")


@pytest.mark.parametrize(("which", "by"), [("lower", 1), ("upper", -1)])
def test_a_fence_that_is_one_unit_too_narrow_is_caught(proof, which, by):
    """At every piece of a leaf: what the search writes is the narrowest that whole units allow."""
    path, node = next((p, n) for p, n in leaves(proof["tree"]) if "lower" in n)
    places = [(i, k) for i in range(2) for k in range(len(node[which][i]))]
    assert len(places) > 30
    for i, k in places:
        faulty = copy.deepcopy(proof)
        at(faulty["tree"], path)[which][i][k] += by
        caught(faulty, "crosses")


def test_a_witness_is_checked_too():
    held = written(decided("gamma > rho_noisy at s = 0.1", lead=("1.9", "4")))
    for change, match in (
        (lambda c: c["region"].update(lead=["5/2", "4"]), "outside the region"),
        (lambda c: c["witness"]["point"].update(lead="3"), "crosses|does not fail"),
        (lambda c: c.update(statement="gamma < rho_noisy at s = 0.1"), "does not fail"),
        (lambda c: c.update(statement="gamma > rho_noisy at s = 0.2"), "not asked about"),
    ):
        faulty = copy.deepcopy(held)
        change(faulty)
        caught(faulty, match)


# What is typed -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("gamma > rho_noisy", "at which time"),
        ("gamma rho_noisy at s = 1", "no relation"),
        ("gamma > at s = 1", "nothing stands"),
        ("gama > 1 at s = 1", "did you mean 'gamma'"),
        ("log(gamma) > 1 at s = 1", "'log' is not decided here"),
        ("gamma^0.5 > 1 at s = 1", "whole number"),
        ("__import__('os') > 1 at s = 1", "no meaning|no name"),
        ("gamma > 1 at s = 0", "above 0"),
        ("gamma > 1 for s from 2 to 1", "not end before"),
        ("gamma > 1 at s = 1/0", "no number"),
        ("gamma > 1 at s = 100", "at most 20"),
    ],
)
def test_what_states_nothing_is_refused_in_one_line(text, says):
    with pytest.raises(ValueError, match=says) as problem:
        statement(text, LABEL)
    assert "\n" not in str(problem.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [("lead=3:2", "rise"), ("leed=3", "did you mean 'lead'"), ("tau=0.5", "within"), ("tau=a", "no interval"),
     ("tau=1/0", "no interval"), ("tau=0.1 tau=0.2", "twice"), ("step=2", "within")],
)  # fmt: skip
def test_a_region_that_is_none_is_refused(text, says):
    with pytest.raises(ValueError, match=says):
        limit.region(text, LABEL)


def test_regions_are_completed():
    assert LIMIT.completed({})["kappa"] == (F("3.2"), F(48))
    assert LIMIT.completed({"kappa": (F(4), F(10))})["lead"] == (F(2), F(9))
    assert LIMIT.completed(limit.region("step=0.1 tau=0.1", LABEL))["step"] == (F(0), F(1, 10))
    with pytest.raises(ValueError, match="exclude"):
        LIMIT.completed({"kappa": (F(4), F(5)), "lead": (F(9), F(10))})


# Stage II along the recursion --------------------------------------------------------------------------------------


def recursion(lead, tau, active, step, count=1500):
    """gamma - rho_n, the noisy margin and g_n/g_c along x + step F(x), written out."""
    kappa = lead / (1 - 2 * tau)
    gamma = clean = noisy = 0.0
    for _ in range(count):
        z_c, z_n = gamma + active * clean, active * noisy - gamma
        if z_c > 600:
            return
        g_c, g_n = 1 / (1 + math.exp(z_c)), 1 / (1 + math.exp(z_n))
        yield gamma - noisy, z_n, g_n / g_c
        gamma += step * kappa / 2 * ((1 - tau) * g_c - tau * g_n)
        clean, noisy = clean + step * g_c, noisy + step * g_n


def turns(values):
    """How often a sequence changes its sign."""
    signs = [x > 0 for x in values if x]
    return sum(a != b for a, b in pairwise(signs))


def trapped(ratios, bound):
    return all(b >= min(a, bound) * (1 - 1e-12) for a, b in pairwise(ratios))


def some_recursions(times, count, seed):
    """Random parameters, with a step of ``times`` what the argument allows."""
    rng = random.Random(seed)
    for _ in range(count):
        lead, tau, active = math.exp(rng.uniform(-0.7, 4.4)), rng.uniform(0, 0.45), rng.uniform(0.2, 0.95)
        flips = lead / (1 - 2 * tau) * tau  # kappa tau
        bound = (lead + flips + active) / (flips + active)
        yield lead, active, bound, list(zip(*recursion(lead, tau, active, times / (flips + active)), strict=True))


def test_stage_two_of_the_recursion_is_as_argued():
    overtaken = 0
    for lead, active, bound, (ahead, margin, ratio) in some_recursions(1.0, 80, 1):
        assert trapped(ratio, bound)
        assert turns(ahead) <= 1 and turns(margin) <= 1
        if lead > 2.05:
            assert ahead[1] > 0 and turns(ahead) == 1
            overtaken += 1
        else:
            assert lead > 2 or max(ahead) <= 0
        if lead > 2.05 * active:
            assert margin[1] < 0
    assert overtaken > 20


def test_a_step_four_times_as_long_breaks_the_trap():
    """So the bound on the step says something."""
    assert sum(not trapped(ratio, bound) for _, _, bound, (_, _, ratio) in some_recursions(4.0, 80, 2)) > 5
