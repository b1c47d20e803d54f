"""What the conditions entail: every answer as stated, every counter-scaling by plain arithmetic."""

import re
from dataclasses import replace
from functools import cache

import orders_along
import pytest
import sympy as sp

from theory import orders
from theory.orders import Ruling, consistent, facts
from theory.papers.han2025 import entailments, named_sets
from theory.symbols import delta, tau_minus, tau_plus

ALL = entailments()
NOT = [e for e in ALL if e.expected == Ruling.NOT_ENTAILED]


@cache
def answer(name):
    [found] = [e for e in ALL if e.name == name]
    return found.decide()


def test_names_are_unique_and_say_which_way_it_goes():
    assert len({e.name for e in ALL}) == len(ALL)
    assert all(e.name.startswith("regime.not." if e in NOT else "regime.") for e in ALL)
    assert not any(e.name.startswith("regime.not.") for e in ALL if e not in NOT)
    assert all(e.says.endswith(".") and e.source.reference for e in ALL)


def test_there_are_enough_of_both_kinds():
    assert len(ALL) - len(NOT) >= 15
    assert len(NOT) >= 8
    assert {e.expected for e in ALL} == {
        Ruling.ENTAILED,
        Ruling.NOT_ENTAILED,
        Ruling.CONSISTENT,
        Ruling.CONTRADICTORY,
    }


@pytest.mark.parametrize("stated", ALL, ids=lambda e: e.name)
def test_it_decides_as_stated(stated):
    found = answer(stated.name)
    assert found.status == stated.expected
    assert found.goal == stated.goal
    if found.scaling is None:
        assert found.derivation is not None
        known = {p.name for p in (*stated.given, *facts())}
        assert set(found.used) <= known
        cited = set(re.findall(r"\[([^\]]+)\]", str(found.derivation)))
        assert {why for why in cited if " " not in why} <= set(found.used)  # the others are rules, in words
        assert "the contrary" not in cited
        return
    assert found.derivation is None
    for premise in (*stated.given, *facts(found.scaling.powers)):
        assert orders_along.holds(with_numbers(premise.order), found.scaling.powers), str(premise)
    if stated.goal is not None:
        assert not orders_along.holds(with_numbers(stated.goal), found.scaling.powers)


def with_numbers(order):
    """Probabilities are no larger than they may be, so that 1 - tau_plus - tau_minus is positive."""
    values = {tau_plus: sp.Rational(1, 5), tau_minus: sp.Rational(1, 5), delta: sp.Rational(1, 20)}
    return replace(order, left=order.left.subs(values), right=order.right.subs(values))


def test_a_derivation_reads_line_by_line():
    expected = """\
C, delta, tau_minus, tau_plus ≍ 1 and numbers are dropped
Claim: sigma_xi^2 log(n) ≪ mu^2
  n → ∞, for n ≲ 1 is impossible: 1 ≪ n [n-grows] and n ≲ 1 [n bounded]
  (1) d sigma_xi^2 ≲ mu^2 n           [4.1.1-snr]
  (2) n^2 log(T_star)^2 log(m n) ≲ d  [4.1.2-dimension]
  (3) 1 ≲ log(T_star)                 [a logarithm is at least 1]
  (4) 1 ≲ log(m n)                    [a logarithm is at least 1]
  (5) log(n) ≪ n                      [a logarithm is below every power, n → ∞]
  (1) · (2) · (3)^2 · (4) · (5):  sigma_xi^2 log(n) ≪ mu^2"""
    assert str(answer("regime.signal-strength").derivation) == expected


@pytest.mark.parametrize("stated", NOT, ids=lambda e: e.name)
def test_the_weakest_premise_would_do(stated):
    found = answer(stated.name)
    if found.weakest is None:
        return
    added = orders.Premise(name="added", order=found.weakest)
    assert orders.entails((*stated.given, added), stated.goal).status == Ruling.ENTAILED


@pytest.mark.parametrize("name", named_sets())
def test_each_named_set_is_consistent_and_says_what_grows(name):
    given = named_sets()[name]
    assert consistent(given).status == Ruling.CONSISTENT
    assert "n-grows" in {p.name for p in given}
    assert len({p.name for p in given}) == len(given)


def test_the_issues_question_without_the_limit():
    """Drop "n grows" and the cross-talk is no longer o(1): a premise like any other."""
    [stated] = [e for e in ALL if e.name == "regime.cross-talk"]
    without = tuple(p for p in stated.given if p.name != "n-grows")
    assert orders.entails(without, stated.goal).status == Ruling.NOT_ENTAILED
