"""The vocabulary of statements: symbols, margins, laws, claims, and a researcher's own values."""

import dataclasses
import math

import pytest
import sympy as sp
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

import theory
from theory import AtMost, Band, C, Claim, Condition, Crossing, Exactly, Source, Theta, Within, symbols
from theory.papers.han2025 import (
    PAPER,
    claims,
    condition_4_1,
    condition_activation,
    condition_clean,
    condition_huang,
    condition_kou,
    condition_low_snr,
    condition_threshold,
)
from theory.statements import exponents
from theory.symbols import T_star, d, delta, epsilon, eta, kappa, m, mu, n, sigma_0, sigma_xi, tau_minus, tau_plus

PLAIN = {
    "n": 20,
    "m": 5,
    "d": 3000,
    "mu": 4.0,
    "sigma_xi": 2.0,
    "sigma_0": 1e-3,
    "eta": 1e-4,
    "tau_plus": 0.1,
    "tau_minus": 0.2,
    "delta": 0.1,
    "epsilon": 0.01,
    "horizon": 8.0,
}


def stated(statement, name="own"):
    return Condition(name=name, source="my note", statement=statement)


def margin(statement, constant=1.0, **values):
    return stated(statement).margin(values, constant)


def true_at(condition, values, constant):
    """The relation itself with numbers put in, C among them: what a margin must agree with."""
    numbers = {p.symbol: sp.Float(float(values[p.name]), 30) for p in symbols.table() if p.name in values}
    statement = condition.statement
    if not isinstance(statement, Band):
        statement = symbols.expanded(statement)
    if isinstance(statement, Band):
        value = float(sp.sympify(statement.expression).subs(numbers))
        return statement.low <= value <= statement.high
    return bool(statement.subs({**numbers, C: sp.Float(constant, 30)}))


# Symbols ---------------------------------------------------------------------------------------------------------


def test_every_symbol_is_declared_once_and_found_by_name():
    table = symbols.table()
    assert len({p.name for p in table}) == len({p.latex for p in table}) == len(table)
    for parameter in table:
        assert symbols.lookup(parameter.name) is parameter.symbol
        assert parameter.symbol.name == parameter.name
        assert parameter.meaning
        assert parameter.domain
    assert set(PAPER.parameters) <= {p.name for p in table}


OF_EVERY_PAPER = {*PAPER.parameters, "epsilon", "delta", "horizon", "T_star", "t", "C"}


def test_every_symbol_is_public_and_says_what_it_may_be():
    for parameter in symbols.table():
        if parameter.name in theory.__all__:
            assert getattr(theory, parameter.name) is parameter.symbol
        if parameter.name not in OF_EVERY_PAPER:  # of a paper, or a model, that another test declares
            continue
        may_be_zero = parameter.name in ("tau_plus", "tau_minus")
        assert parameter.symbol.is_nonnegative
        assert parameter.symbol.is_positive is (None if may_be_zero else True)


@pytest.mark.parametrize(
    ("typed", "says"), [("sigma_x", "did you mean 'sigma_xi'?"), ("Tstar", "'T_star'"), ("zzz", "known: n, m, d")]
)
def test_an_unknown_name_is_refused_in_one_line_with_the_way_out(typed, says):
    with pytest.raises(ValueError, match=f"unknown symbol '{typed}'") as refused:
        symbols.lookup(typed)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("assumptions", [{}, {"real": True}, {"integer": True, "positive": True}])
def test_a_look_alike_is_refused_wherever_it_may_hide(assumptions):
    fake = sp.Symbol("n", **assumptions)
    assert fake != n
    for wrong in (
        lambda: stated(fake**2 <= d),
        lambda: stated(Band(fake / d, 1, 2)),
        lambda: Claim(name="c", source="s", needs=(), observable="x", law=fake),
        lambda: Claim(name="c", source="s", needs=(), observable="x", law=Within(high=fake)),
        lambda: Claim(name="c", source="s", needs=(), observable="x", law=Crossing(fake, 1.0, 0.1, "w")),
    ):
        with pytest.raises(ValueError, match=r"'n' is a look-alike.*import it from theory") as refused:
            wrong()
        assert "\n" not in str(refused.value)
    symbols.refuse_foreign(n**2 * sp.log(d), "the same with the real one")


def test_an_unknown_symbol_in_a_statement_names_the_nearest():
    with pytest.raises(ValueError, match="unknown symbol 'epsilom': did you mean 'epsilon'"):
        stated(sp.Symbol("epsilom", positive=True) <= n)


# Margins, by hand ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "expected", "binding"),
    [
        # Max on the small side: every term must be beaten, the worst one binds.
        (d >= C * sp.Max(n**2, 10 * m), 3000 / 400, n**2),
        (d >= C * sp.Max(n, 100 * m), 3000 / 500, 100 * m),
        (C * sp.Max(n**2, 10 * m) <= d, 3000 / 400, n**2),
        # Max on the big side: one term is enough, the best one binds.
        (sp.Max(n**2, d) >= C * m, 3000 / 5, d),
        (sp.Max(n**2, 10 * m) >= C * m, 400 / 5, n**2),
        # Min on the small side: one is enough; on the big side all are needed.
        (d >= C * sp.Min(n**2, 10 * m), 3000 / 50, 10 * m),
        (sp.Min(n**2, d) >= C * m, 400 / 5, n**2),
        # In a denominator the sides swap.
        (sigma_0 <= 1 / (C * sp.Max(mu, sigma_xi * d)), 1 / (1e-3 * 6000), sigma_xi * d),
        (eta <= sp.Min(m / mu**2, n * m / (sigma_xi**2 * d)) / C, (20 * 5 / (4 * 3000)) / 1e-4, None),
        # Nested.
        (d >= C * sp.Max(n, sp.Min(n**2, 100 * m)), 3000 / 400, sp.Min(n**2, 100 * m)),
        (d >= C * sp.Max(n**2, sp.Min(n**3, 10 * m)), 3000 / 400, n**2),
        # C other than to the first power.
        (d >= C**2 * n, math.sqrt(3000 / 20), n),
        (tau_plus <= 1 / C, 10.0, None),
        # Strict, and logarithms.
        (d > C * n, 150.0, n),
        (n >= C * sp.log(m / delta), 20 / math.log(50), None),
    ],
)
def test_margin_by_hand(statement, expected, binding):
    found = stated(statement).margin(PLAIN, constant=2.0)
    assert found.value == pytest.approx(expected, rel=1e-12)  # rounding
    assert found.required == 2.0
    assert found.holds == (expected >= 2)
    assert binding is None or found.binding == binding
    # The binding term alone gives the whole margin.
    assert any(t.term == found.binding and t.value == pytest.approx(found.value, rel=1e-12) for t in found.terms)


def test_terms_show_what_each_argument_alone_would_leave():
    found = stated(d >= C * sp.Max(n**2, 10 * m, sigma_xi)).margin(PLAIN)
    assert {t.term: t.value for t in found.terms} == pytest.approx({n**2: 7.5, 10 * m: 60.0, sigma_xi: 1500.0})


def test_the_polarity_of_max_is_not_a_convention():
    """Planted: the wrong reading (any term suffices) would answer 60 instead of 7.5."""
    every, some = stated(d >= C * sp.Max(n**2, 10 * m)), stated(d >= C * sp.Min(n**2, 10 * m))
    assert every.margin(PLAIN).value < some.margin(PLAIN).value
    for condition in (every, some):
        assert true_at(condition, PLAIN, 0.99 * condition.margin(PLAIN).value)
        assert not true_at(condition, PLAIN, 1.01 * condition.margin(PLAIN).value)
    assert not true_at(every, PLAIN, 0.99 * some.margin(PLAIN).value)


def test_both_directions_of_writing_an_inequality_are_the_same():
    for left, right in ((d, C * n**2), (sp.sqrt(d), C * sp.Max(n, m)), (1 / (C * d), sigma_0)):
        assert stated(left >= right).margin(PLAIN).value == stated(right <= left).margin(PLAIN).value
        assert stated(left > right).margin(PLAIN).value == stated(right < left).margin(PLAIN).value


def test_without_a_constant_the_margin_is_the_factor_by_which_it_holds():
    strong = stated(n * mu**4 >= d * sigma_xi**4)
    found = strong.margin(PLAIN, constant=5.0)
    assert found.value == pytest.approx(20 * 256 / (3000 * 16))
    assert found.required == 1  # C does not enter, so asking for 5 changes nothing
    assert not found.holds
    assert strong.margin(PLAIN | {"n": 200}, constant=5.0).holds


def test_a_band_holds_inside_and_says_which_end_binds():
    band = stated(Band(kappa * (1 - tau_plus - tau_minus), 1.0, 8.0))
    values = {"n": 100, "d": 2500, "mu": 10.0, "sigma_xi": 1.0, "tau_plus": 0.2, "tau_minus": 0.3}  # kappa = 4
    found = band.margin(values, constant=3.0)
    assert (found.value, found.required) == (pytest.approx(2.0), 1.0)
    assert found.binding == (kappa * (1 - tau_plus - tau_minus) >= 1.0)
    assert not band.margin(values | {"mu": 25.0}).holds
    assert band.margin(values | {"mu": 25.0}).binding == (kappa * (1 - tau_plus - tau_minus) <= 8.0)
    assert not band.margin(values | {"mu": 1.0}).holds


def test_a_band_around_tau_at_zero_is_left():
    found = stated(Band(tau_plus, 0.05, 0.25)).margin({"tau_plus": 0.0})
    assert found.value == 0
    assert not found.holds


def test_an_equation_holds_exactly_or_not_at_all():
    none = stated(sp.Eq(tau_plus, 0))
    assert none.margin({"tau_plus": 0.0}, constant=4.0).value == math.inf
    assert none.margin({"tau_plus": 0.0}, constant=4.0).holds
    assert not none.margin({"tau_plus": 1e-12}).holds
    assert stated(sp.Eq(n, m)).margin({"n": 7, "m": 7}).holds
    assert not stated(sp.Eq(n, m)).margin({"n": 7, "m": 8}).holds


def test_no_flips_are_few_flips_for_every_constant():
    few = stated(tau_plus <= 1 / C)
    assert few.margin({"tau_plus": 0.0}, constant=1e9).holds
    assert few.margin({"tau_plus": 0.0}).value == math.inf
    assert few.margin({"tau_plus": 0.5}, constant=3.0).value == 2.0
    assert not few.margin({"tau_plus": 0.5}, constant=3.0).holds


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        (n >= 2**C, "C must enter as a factor"),
        (d >= n**C, "C must enter as a factor"),
        (d >= C + n, "C must enter as a factor"),
        (d >= n / C, "that makes it harder"),
        (sp.Ne(n, m), "neither >=, <= nor ="),
    ],
)
def test_a_constant_that_cannot_be_solved_for_is_refused(statement, says):
    with pytest.raises(ValueError, match="condition 'own'.*" + says) as refused:
        stated(statement).margin(PLAIN)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("statement", [True, n, "d >= n", n >= 0])
def test_what_is_no_relation_is_refused(statement):
    with pytest.raises(ValueError, match=r"(is no relation|always true).*; write e\.g\. d >= C"):
        stated(statement)


def test_a_missing_value_is_named():
    with pytest.raises(ValueError, match="no value for d; give d as a number"):
        margin(d >= C * n, n=3)
    with pytest.raises(ValueError, match="no value for d, epsilon, eta, horizon, m, sigma_xi"):
        theory.evaluate(n * sp.log(T_star), {"n": 3, "T_star": math.e})  # it is no parameter, but follows from these
    assert theory.evaluate(n * sp.log(T_star), PLAIN) == pytest.approx(20 * math.log(8 * 100 / (1e-6 * 4 * 3000)))


def test_inside_wants_every_condition():
    pair = (stated(d >= C * n), stated(n >= C * m))
    assert theory.inside(pair, PLAIN, 3.0)
    assert not theory.inside(pair, PLAIN, 5.0)  # n = 4 m only
    assert theory.inside((), {}, 1e9)


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        (-n >= -m, {"n": 5, "m": 3}),
        (-n >= -m, {"n": 3, "m": 5}),
        (-n <= -m, {"n": 5, "m": 3}),
        (n - m >= 0, {"n": 5, "m": 3}),
        (n - m >= 0, {"n": 3, "m": 5}),
        (n - m >= 1, {"n": 3, "m": 5}),
        (n >= m - 10, {"n": 3, "m": 5}),
        (sp.log(n) >= sp.log(m / 10), {"n": 3, "m": 5}),
    ],
)
def test_a_side_that_is_not_positive_is_never_read_backwards(statement, values):
    """Dividing by a negative side turns an inequality round; refusing such a statement is fine, a wrong answer not."""
    condition = stated(statement)
    try:
        held = condition.margin(values).holds
    except ValueError as refused:
        assert "positive" in str(refused)  # noqa: PT017 - either outcome is right
    else:
        assert held == true_at(condition, values, 1.0)


# Margins, against the relation itself -----------------------------------------------------------------------------


def _tangled():
    """Shapes that the paper does not use."""
    return (
        stated(sp.Max(n**2, d) >= C * sp.Max(m, sigma_xi * n), "max-max"),
        stated(sp.Min(n * mu, d) >= C * sp.Max(m, sp.Min(n, mu**2)), "min-max-min"),
        stated(sp.sqrt(d) >= C**2 * sp.Min(n, m**2) * sp.log(m / delta), "root-square"),
        stated(C * sp.Max(n, m) / d <= sp.Max(1 / n, mu / d), "fractions"),
        stated(1 / (C * n) > eta * mu**2, "strict"),
        stated(sp.Max(n, 3 * m) <= d / sp.Max(1, mu), "no-constant"),
        stated(Band(mu / (n * sigma_xi), 0.1, 3.0), "band"),
    )


SETS = (condition_4_1(), condition_clean(), condition_low_snr(), condition_threshold(), condition_activation())
EVERY_CONDITION = list(
    {(c.name, c.statement): c for s in (*SETS, condition_kou(), condition_huang()) for c in s}.values()
)
INEQUALITIES = [*(c for c in EVERY_CONDITION if not isinstance(c.statement, sp.Eq)), *_tangled()]

SPANS = {
    "mu": (0.01, 100),
    "sigma_xi": (0.01, 100),
    "sigma_0": (1e-9, 1.0),
    "eta": (1e-9, 10.0),
    "tau_plus": (1e-3, 0.49),
    "tau_minus": (1e-3, 0.49),
    "delta": (1e-6, 0.5),
    "epsilon": (1e-6, 0.5),
    "horizon": (0.5, 50.0),
}


def _log_uniform(low, high):
    return st.floats(math.log(low), math.log(high)).map(math.exp)


def anywhere():
    sizes = {k: st.integers(2, top) for k, top in (("n", 2000), ("m", 2000), ("d", 10**9))}
    return st.fixed_dictionaries(sizes | {k: _log_uniform(*span) for k, span in SPANS.items()})


@examples(max_examples=100)
@given(condition=st.sampled_from(INEQUALITIES), values=anywhere())
def test_the_margin_is_the_largest_constant_for_which_the_relation_holds(condition, values):
    found = condition.margin(values, constant=2.0)
    assert condition.reach(values) == pytest.approx(found.value, rel=1e-9)
    if isinstance(condition.statement, Band) or C not in condition.statement.free_symbols:
        # Within rounding of the boundary either answer is right.
        assert found.holds == true_at(condition, values, 1.0) or abs(found.value - 1) < 1e-9
        return
    assert true_at(condition, values, 0.999 * found.value)
    assert not true_at(condition, values, 1.001 * found.value)
    assert found.holds == (found.value >= 2.0)


@examples(max_examples=50)
@given(values=anywhere())
def test_a_backward_reading_would_be_noticed(values):
    """Planted: the same relation turned round has the reciprocal margin, which the check above rejects."""
    right, turned = stated(d >= C * n), stated(n >= C * d)
    assert turned.margin(values).value == pytest.approx(1 / right.margin(values).value, rel=1e-12)
    assert true_at(right, values, 0.999 * right.margin(values).value)
    if right.margin(values).value > 1.01:
        assert not true_at(turned, values, 0.999 * right.margin(values).value)


# The rescaling symmetry D4 ------------------------------------------------------------------------------------------


def rescaled(values, c):
    moved = {"mu": values["mu"] * c, "sigma_xi": values["sigma_xi"] * c}
    return values | moved | {"sigma_0": values["sigma_0"] / c, "eta": values["eta"] / c**2}


@examples(max_examples=60)
@given(values=anywhere(), c=_log_uniform(0.01, 100))
def test_every_condition_of_the_papers_knows_no_unit_of_length(values, c):
    for condition in EVERY_CONDITION:
        before, after = condition.margin(values), condition.margin(rescaled(values, c))
        # Rounding of a few products; the margin itself may be large.
        assert after.value == pytest.approx(before.value, rel=1e-9), condition.name


@pytest.mark.parametrize(
    "typo",
    [
        sigma_0 <= 1 / (C * sp.Max(sigma_xi**2 * d / sp.sqrt(n), mu * sp.sqrt(sp.log(m / delta)))),
        eta <= 1 / (C * sigma_xi * d / n),
        d >= C * n * mu * sigma_xi,
        mu >= C * sigma_xi**2,
    ],
)
def test_a_typo_in_a_power_breaks_the_symmetry(typo):
    condition = stated(typo)
    before, after = condition.margin(PLAIN), condition.margin(rescaled(PLAIN, 3.0))
    assert abs(after.value / before.value - 1) > 0.5


# Laws and claims --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (n * m / (eta * sigma_xi**2 * d), {"n": 1, "m": 1, "eta": -1, "sigma_xi": -2, "d": -1}),
        (1 / mu**2, {"mu": -2}),
        (kappa, {"n": 1, "mu": 2, "sigma_xi": -2, "d": -1}),
        (theory.SNR, {"mu": 1, "sigma_xi": -1, "d": sp.Rational(-1, 2)}),
        (3 * sp.sqrt(n * m) / d ** sp.Rational(3, 2), {"n": sp.S.Half, "m": sp.S.Half, "d": sp.Rational(-3, 2)}),
        (sp.sqrt(2) * sp.pi * n, {"n": 1}),
        (n * m / n, {"m": 1}),
        (tau_plus / epsilon, {"tau_plus": 1, "epsilon": -1}),
        (sp.Integer(7), {}),
    ],
)
def test_exponents_are_read_off(expression, expected):
    assert exponents(expression) == expected
    assert Theta(expression).exponents() == expected


@pytest.mark.parametrize("expression", [n + m, n * sp.log(m), n**d, sp.exp(n), sp.Max(n, m), n * (1 - tau_plus)])
def test_what_is_no_monomial_has_no_exponents(expression):
    with pytest.raises(ValueError, match="is no monomial") as refused:
        Theta(expression).exponents()
    assert "\n" not in str(refused.value)


def test_a_researchers_own_values_are_enough():
    strong = Condition(name="strong-signal", source="my note (3)", statement=n * mu**4 >= d * sigma_xi**4)
    claim = Claim(
        name="fit-time", source="my note, Prop. 1", needs=(strong,), observable="clean_fit_time", law=1 / mu**2
    )
    assert claim.parts == (("clean_fit_time", Theta(1 / mu**2)),)
    assert claim.parts[0][1].exponents() == {"mu": -2}
    assert claim.source.provenance == strong.source.provenance == "user"
    assert claim.source.reference == "my note, Prop. 1"
    assert strong.latex
    assert claim.latex
    assert not claim.contrast
    assert strong.margin({"n": 10, "mu": 2, "d": 16, "sigma_xi": 1}).value == 10


def test_a_claim_may_speak_of_several_observables():
    claim = Claim(
        name="pair", source="s", needs=(), observable=("a", "b", "c"), law=(n, Within(0, 1), AtMost(sp.Integer(1)))
    )
    assert claim.parts == (("a", Theta(n)), ("b", Within(0, 1)), ("c", AtMost(sp.Integer(1))))


@pytest.mark.parametrize(
    ("observable", "law", "says"),
    [
        (("a", "b"), n, "2 observables but 1 laws; give one law each"),
        ("a", (n, m), "1 observables but 2 laws"),
        ("a", (), "1 observables but 0 laws"),
        ("a", 1.0, "law 1.0 is neither an expression nor a law"),
        ("a", "1/mu**2", "is neither an expression nor a law"),
        ("a", None, "law None is neither"),
    ],
)
def test_a_claim_that_makes_no_sense_is_refused(observable, law, says):
    with pytest.raises(ValueError, match="claim 'odd'.*" + says) as refused:
        Claim(name="odd", source="s", needs=(), observable=observable, law=law)
    assert "\n" not in str(refused.value)


def test_an_unknown_provenance_is_refused():
    with pytest.raises(ValueError, match="provenance 'guessed': use one of stated, preprint, secondary"):
        Source(provenance="guessed", reference="somewhere")
    assert str(Source(provenance="inferred", reference="A, Thm 1", note="from B")) == "A, Thm 1 [inferred: from B]"


def frozen_values():
    condition = stated(d >= C * n)
    claim = Claim(name="c", source="s", needs=(condition,), observable="x", law=n)
    laws = (Theta(n), Within(0, 1), AtMost(n), theory.AtLeast(n), Exactly(1e-9, "w"), Crossing(kappa, 2.0, 0.1, "w"))
    margin_ = condition.margin({"d": 4, "n": 2})
    return [condition, claim, Band(n, 1, 2), condition.source, margin_, margin_.terms[0], symbols.table()[0], *laws]


@pytest.mark.parametrize("value", frozen_values(), ids=lambda value: type(value).__name__)
def test_values_are_frozen(value):
    first = dataclasses.fields(value)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, first, "changed")
    assert hash(value) == hash(value)
    assert dataclasses.replace(value) == value


def test_equal_statements_are_equal_values():
    assert stated(d >= C * n) == stated(d >= C * n)
    assert stated(d >= C * n) != stated(d >= C * m)
    assert claims() == claims()


@pytest.mark.parametrize(
    "law",
    [
        Theta(n * m), Theta(n, up_to_logs=True), Within(low=0), Within(high=sigma_0 * tau_minus), AtMost(n),
        theory.AtLeast(d / n), Exactly(1e-9, "rounding"), Crossing(kappa, 2.0, 0.1, "w"),
    ],
)  # fmt: skip
def test_every_kind_of_law_renders(law):
    latex = Claim(name="c", source="s", needs=(), observable="my_time", law=law).latex
    assert latex.count("{") == latex.count("}")
    assert r"\mathrm{my\ time}" in latex
