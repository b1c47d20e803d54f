"""The paper as data: complete, sourced, consistent with the mean field, and the page generated from it."""

import dataclasses
import importlib.util
import math
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import theory
from numerics.observables import STAGES
from theory import Band, Crossing, Source, Theta, Within, symbols
from theory.papers.han2025 import Reading, claims, condition_huang, condition_kou, meanfield
from theory.papers.han2025 import conditions as paper
from theory.statements import PROVENANCE, tags, weights
from theory.symbols import kappa, tau_minus, tau_plus
from verify.design import stage_of
from verify.packs.han2025 import PACK

ROOT = Path(__file__).parent.parent

NAMES = (
    *("recursion.exact", "conservation.exact", "margins.prediction", "coefficients.bounded"),
    *("concentration.noise-norm", "concentration.cross", "concentration.signal", "init.signal", "init.noise"),
    *("activation.neurons", "activation.samples", "projection.noise", "projection.signal"),
    *("stage1.time", "stage1.order-one", "stage1.signal-leads", "stage1.clean-fitted", "stage1.noisy-ignored"),
    *("stage1.loss-derivative", "stage2.time", "stage2.converges", "stage2.clean-fitted", "stage2.signal-positive"),
    *("stage2.noisy-memorised", "stage2.test-error", "early-stopping.test-error", "selection.log2"),
    *("signal.increases", "signal.increases.stage1", "coefficients.bounded.explicit", "stage2.loss-derivative-decay"),
    *("clean-labels.order-one", "clean-labels.converges", "clean-labels.all-correct", "clean-labels.test-error"),
    *("clean-labels.test-error.strong-signal", "clean-labels.balanced", "clean-labels.signal-share"),
    *("meanfield.trajectory", "meanfield.threshold"),
)
CONTRASTS = ("contrast.stage2.test-error.fresh", "contrast.stage1.signal-leads.low-snr")
CLAIMS = {c.name: c for c in claims()}
SETS = {
    "4.1": paper.condition_4_1(),
    "clean": paper.condition_clean(),
    "low": paper.condition_low_snr(),
    "threshold": paper.condition_threshold(),
    "activation": paper.condition_activation(),
    "kou": condition_kou(),
    "huang": condition_huang(),
}
EVERYTHING = [*CLAIMS.values(), *(c for conditions in SETS.values() for c in conditions)]


def test_every_promised_claim_is_there_once():
    assert set(NAMES) | set(CONTRASTS) <= set(CLAIMS)
    assert len(CLAIMS) == len(claims())
    contrasts = {c.name for c in claims() if c.contrast}
    assert set(CONTRASTS) <= contrasts == {name for name in CLAIMS if name.startswith("contrast.")}


def test_condition_names_are_unique_within_a_set():
    for conditions in SETS.values():
        assert len({c.name for c in conditions}) == len(conditions)


@pytest.mark.parametrize("value", EVERYTHING, ids=lambda value: value.name)
def test_everything_stated_says_what_it_is_and_where_it_comes_from(value):
    assert isinstance(value.source, Source)
    assert value.source.provenance in set(PROVENANCE) - {"user"}
    assert value.source.reference
    assert value.latex
    # A sentence: words and a full stop, one line.
    assert len(value.says.split()) >= 2
    assert value.says.endswith(".")
    assert "\n" not in value.says


@pytest.mark.parametrize("value", EVERYTHING, ids=lambda value: value.name)
def test_latex_is_balanced(value):
    for left, right in ("{}", (r"\left", r"\right")):
        left_count = value.latex.count(left) - (value.latex.count(r"\le" + "ftarrow") if left == r"\left" else 0)
        assert left_count == value.latex.count(right)


def test_wording_that_is_not_known_is_marked():
    """An inferred statement gives its reason; only what is held word for word counts as stated."""
    for value in EVERYTHING:
        if value.source.provenance == "inferred":
            assert value.source.note, value.name
    stated = {c.name for c in CLAIMS.values() if c.source.provenance == "stated"}
    assert stated == {"stage1.time", "stage1.order-one"}
    assert all(CLAIMS[name].source.provenance == "derived" for name in CONTRASTS)


def test_the_readme_says_what_the_tags_mean():
    assert tags() in " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())


def test_every_observable_named_exists():
    for claim in CLAIMS.values():
        assert stage_of(claim, PACK.observables) in ("exact", "start", "early", "T1", "end")
    misspelt = dataclasses.replace(CLAIMS["stage1.time"], observable="order_one_tme")
    with pytest.raises(ValueError, match=r"claim 'stage1\.time' names the observable 'order_one_tme', which does not"):
        stage_of(misspelt, PACK.observables)


def test_every_derived_constant_named_exists_where_the_claims_runs_end():
    for claim in CLAIMS.values():
        for _, law in claim.parts:
            if isinstance(law, Theta) and law.constant:
                reached = STAGES.index(stage_of(claim, PACK.observables))
                assert STAGES.index(PACK.observables[law.constant].stage) <= reached


def test_predicted_exponents_of_the_two_times():
    [(_, first)], [(_, second)] = CLAIMS["stage1.time"].parts, CLAIMS["stage2.time"].parts
    assert first.exponents() == {"n": 1, "m": 1, "eta": -1, "sigma_xi": -2, "d": -1}
    assert second.exponents() == {"n": 1, "m": 1, "eta": -1, "sigma_xi": -2, "d": -1, "epsilon": -1}
    assert second.up_to_logs
    assert not first.up_to_logs


def test_growth_rates_agree_with_the_time_and_with_kappa():
    """rho grows to order one in T_1, and gamma kappa times as fast: three exponents from two."""
    rates = {k: CLAIMS[f"stage1.{k}"].parts[0][1].expression for k in ("time", "noise-growth", "signal-growth")}
    assert (rates["time"] * rates["noise-growth"]).equals(1)
    assert (rates["signal-growth"] / rates["noise-growth"]).equals(kappa)


def test_the_laws_of_time_carry_the_rescaling_symmetry():
    """D4: a time may only depend on eta sigma_xi^2 and the like; a wrong power of sigma_xi breaks it."""

    def weight(powers):
        return powers.get("mu", 0) + powers.get("sigma_xi", 0) - powers.get("sigma_0", 0) - 2 * powers.get("eta", 0)

    for claim in CLAIMS.values():
        for _, law in claim.parts:
            if isinstance(law, Theta):
                assert weight(law.exponents()) == 0, claim.name
    assert weight(CLAIMS["stage1.time"].parts[0][1].exponents() | {"sigma_xi": -1}) != 0


# Conditions --------------------------------------------------------------------------------------------------------

VALUES = {
    "n": 100,
    "m": 20,
    "d": 2000,
    "mu": 10.0,
    "sigma_xi": 1.0,
    "sigma_0": 1e-3,
    "eta": 0.1,
    "tau_plus": 0.2,
    "tau_minus": 0.2,
    "epsilon": 0.02,
    "delta": 0.1,
    "horizon": 5.0,
}
LAST = 5 * 100 * 20 / (0.1 * 0.02 * 2000)  # T*


def test_condition_4_1_by_hand():
    """Every item with its formula written out once more, in plain numbers."""
    n, m, d, log, root = 100, 20, 2000, math.log, math.sqrt
    expected = {
        "4.1.1-snr": min(5 * 0.6 / 3, 12 / (5 * 0.6)),
        "4.1.1-tau-plus": 0.25 / 0.2,
        "4.1.1-tau-minus": 0.25 / 0.2,
        "4.1.2-dimension": d / max(n**2 * log(n * m / 0.1) * log(LAST) ** 2, n * 10 * root(log(n / 0.1))),
        "4.1.3-samples": n / log(m / 0.1),
        "4.1.3-neurons": m / log(n / 0.1),
        "4.1.4-signal": 100 / log(n / 0.1),
        "4.1.5-initialization": 1 / (1e-3 * max(d / root(n), 10 * root(log(m / 0.1)))),
        "4.1.6-step": 1 / (0.1 * max(d**1.5 / (n**2 * m * root(log(n / 0.1))), d / n)),
    }
    found = {c.name: c.margin(VALUES).value for c in paper.condition_4_1()}
    assert found == pytest.approx(expected, rel=1e-12)


def test_the_last_iteration_is_a_function_of_the_setting():
    """Symmetric under a rescaling of the unit, as sigma_xi^-1 in its place would not be; and at least one step."""
    assert theory.evaluate(theory.T_star, VALUES) == pytest.approx(LAST)
    moved = VALUES | {"mu": 30.0, "sigma_xi": 3.0, "sigma_0": 1e-3 / 3, "eta": 0.1 / 9}
    assert theory.evaluate(theory.T_star, moved) == pytest.approx(LAST)
    assert weights(symbols.expanded(theory.T_star)) == {0}
    assert weights(symbols.expanded(theory.T_star) * theory.sigma_xi) != {0}
    assert theory.evaluate(theory.T_star, VALUES | {"eta": 1e9}) == math.e
    before = {c.name: c.margin(VALUES).value for c in paper.condition_4_1()}
    after = {c.name: c.margin(moved).value for c in paper.condition_4_1()}
    assert after == pytest.approx(before, rel=1e-9)


DIMENSION, STEP = ({c.name: c for c in paper.condition_4_1()}[name] for name in ("4.1.2-dimension", "4.1.6-step"))
POSITIVE = st.floats(-2, 2).map(lambda x: 10**x)


@st.composite
def sizes(draw):
    """What item 2 speaks of, but for d: any scale of signal, noise and step, from tiny networks to huge ones."""
    n, m = (round(10 ** draw(st.floats(0.5, 4))) for _ in range(2))
    sigma_xi, mu, eta = draw(POSITIVE), draw(POSITIVE), 10 ** draw(st.floats(-9, 2))
    return Reading(delta=draw(st.floats(0.01, 0.5)), horizon=draw(st.floats(0.5, 20))).at(
        {"n": n, "m": m, "sigma_xi": sigma_xi, "mu": mu, "eta": eta}, draw(st.floats(1e-5, 0.5))
    )


@given(sizes(), st.floats(1, 10))
def test_the_dimension_condition_is_one_bound_on_d(values, constant):
    """Item 2 has d on both sides, and yet holds from one d on: at it with equality, below it never, above it always."""
    least = paper.least_dimension(values, constant)
    assert DIMENSION.margin(values | {"d": least}).value == pytest.approx(constant, rel=1e-6)
    for factor in (1.001, 2.0, 1e3, 1e9):
        assert DIMENSION.margin(values | {"d": least * factor}).value > constant
        assert DIMENSION.margin(values | {"d": least / factor}).value < constant


@given(sizes(), st.floats(1, 10))
def test_so_it_is_where_the_step_is_as_large_as_allowed(values, constant):
    """Then T* grows with d, more slowly than the dimension does."""
    least = paper.least_dimension(values, constant, largest_step=True)

    def margin(d):
        here = values | {"d": d, "eta": 1.0}
        return DIMENSION.margin(here | {"eta": STEP.margin(here).value / constant}).value

    assert margin(least) == pytest.approx(constant, rel=1e-6)
    for factor in (1.001, 2.0, 1e3, 1e9):
        assert margin(least * factor) > constant
        assert margin(least / factor) < constant


def test_item_4_follows_from_item_2_with_a_constant_to_spare():
    """kappa = Theta(1): |mu|^2 = kappa sigma_xi^2 d/n >= kappa C n log(nm/delta) log(T*)^2 sigma_xi^2 (derived)."""
    values = VALUES | {"mu": 1.0, "eta": 1e-3}
    values["d"] = paper.least_dimension(values, 2.0)
    values["mu"] = math.sqrt(5 * values["d"] / values["n"])  # kappa = 5
    assert DIMENSION.margin(values).value == pytest.approx(2, rel=1e-6)
    signal = {c.name: c for c in paper.condition_4_1()}["4.1.4-signal"]
    assert signal.margin(values).value > 100 * 2


def test_a_reading_moves_the_bands_and_nothing_else():
    loose = paper.condition_4_1(Reading(kappa_low=1, kappa_high=20, tau_low=0.01, tau_high=0.4))
    bands = {c.name: (c.statement.low, c.statement.high) for c in loose if isinstance(c.statement, Band)}
    assert bands == {"4.1.1-snr": (1, 20), "4.1.1-tau-plus": (0.01, 0.4), "4.1.1-tau-minus": (0.01, 0.4)}
    others = [c for c in paper.condition_4_1() if not isinstance(c.statement, Band)]
    assert [c for c in loose if not isinstance(c.statement, Band)] == others


def test_the_special_conditions_differ_from_4_1_where_they_say():
    names = {title: {c.name for c in conditions} for title, conditions in SETS.items()}
    flips = {"4.1.1-tau-plus", "4.1.1-tau-minus"}
    assert names["4.1"] - names["clean"] == flips
    assert names["4.1"] - names["low"] == names["4.1"] - names["threshold"] == {"4.1.1-snr"}
    low = next(c for c in SETS["low"] if c.name == "low-snr").statement
    both = next(c for c in SETS["threshold"] if c.name == "both-sides").statement
    assert low.high < 2  # below the threshold at which the signal leads
    assert both.low < 1 < 2 < both.high
    clean = {c.name: c for c in SETS["clean"]}["4.4-no-flips-plus"]
    assert clean.margin(VALUES | {"tau_plus": 0.0}).holds
    assert not clean.margin(VALUES).holds


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"C": 0.5}, "C = 0.5: must be from 1"),
        ({"delta": 0.0}, "delta = 0.0: must be from 1e-30 and below 1"),
        ({"delta": 1.0}, "delta = 1.0"),
        ({"horizon": 0.0}, "horizon = 0.0: must be from 0.001"),
        ({"horizon": math.inf}, "horizon = inf"),
        ({"kappa_low": 0.0}, "kappa_low = 0.0: must be from 1e-06"),
        ({"kappa_low": 13.0}, "below kappa_high"),
        ({"tau_low": 0.3}, "below tau_high"),
        ({"tau_high": 0.5}, "tau_high = 0.5: must be from 1e-09 and below 0.5"),
        ({"order_one": 0.0}, "order_one = 0.0: must be from 1e-09"),
        ({"C": math.nan}, "C = nan"),
        ({"delta": math.nan}, "delta = nan"),
        ({"kappa_high": math.nan}, "kappa_high"),
        ({"order_one": math.nan}, "order_one = nan"),
    ],
)
def test_a_reading_refuses_what_makes_no_sense(wrong, says):
    with pytest.raises(ValueError, match="must be") as refused:
        Reading(**wrong)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)
    Reading(C=1, delta=0.5, horizon=0.1, kappa_low=0.1, kappa_high=0.2, tau_low=0.01, tau_high=0.49, order_one=1)


def test_a_reading_reaches_the_claims():
    by_name = {c.name: c for c in claims(Reading(order_one=0.125))}
    assert by_name["stage1.order-one"].parts[0][1] == Within(low=0.125)
    assert "0.125" in by_name["stage1.time"].tested


# Thresholds ----------------------------------------------------------------------------------------------------------


def test_thresholds_are_those_of_the_mean_field():
    found = {name: law for name, law in CLAIMS["meanfield.threshold"].parts}
    for label, tau in (("plus", tau_plus), ("minus", tau_minus)):
        for what, derived, at in (
            ("signal_lead", meanfield.signal_leads_threshold, 2),
            ("noisy_margin", meanfield.noisy_ignored_threshold, 1),
        ):
            law, threshold = found[f"early_{what}_{label}"], derived(tau)
            assert isinstance(law, Crossing)
            assert (law.along, law.at) == (threshold.along, float(threshold.at))
            assert (law.along - kappa * (1 - 2 * tau)).equals(0)
            assert law.at == at
            assert 0 < law.within < 0.5  # far from the other threshold
            assert law.why


def test_thresholds_follow_the_mean_field_when_it_moves(monkeypatch):
    """Planted: a mean field with another threshold must show in the claim, or the number was written by hand."""
    moved = meanfield.Threshold(along=kappa, at=symbols.sp.Integer(3), kappa=symbols.sp.Integer(3))
    stated = sys.modules[claims.__module__]  # `claims` of the package is the function
    monkeypatch.setattr(stated, "signal_leads_threshold", lambda tau: moved)
    laws = dict(next(c for c in claims.__wrapped__() if c.name == "meanfield.threshold").parts)  # not those made before
    assert (laws["early_signal_lead_plus"].along, laws["early_signal_lead_plus"].at) == (kappa, 3.0)
    assert laws["early_noisy_margin_plus"].at == 1


# The page ----------------------------------------------------------------------------------------------------------


def test_the_paper_map_is_current():
    path = ROOT / "docs" / "make_paper_map.py"
    spec = importlib.util.spec_from_file_location("make_paper_map", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = (ROOT / "docs" / "paper-map.md").read_text(encoding="utf-8")
    assert page == module.render(), "docs/paper-map.md is stale: run `make docs`"
    for value in EVERYTHING:
        assert f"`{value.name}`" in page
