"""What a run says of a claim: met, not met, or a premise is absent. By hand, and on real runs for every observable."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numerics import OBSERVABLES, Event, Observable, Setting, draw, train
from numerics.observables import MOMENTS, moments
from theory import Exactly, Within
from theory.papers.han2025 import Reading, claims
from verify.design import Group, Point
from verify.evidence import Why, came, evidence, lacking
from verify.packs.han2025 import PACK
from verify.sweep import Job, observed

CLAIMS = {c.name: c for c in claims(Reading())}
NAN = np.nan


def runs(**columns):
    """A table of runs of one setting, three by default: all came to every moment, with flips."""
    size = max((len(v) for v in columns.values() if isinstance(v, list)), default=3)
    body = {
        "setting": 0, "n": 20, "m": 20, "d": 1e5, "sigma_xi": 1.0, "mu": 100.0, "eta": 1e-3, "sigma_0": 1e-6,
        "tau_plus": 0.1, "tau_minus": 0.1, "epsilon": 0.01, "delta": 0.1, "horizon": 8.0, "status": "stopped",
        "steps": 500, "flip_share": 0.2, "early_time": 10.0, "order_one_time": 100.0, "convergence_time": 500.0,
    }  # fmt: skip
    return pd.DataFrame({k: v if isinstance(v, list) else [v] * size for k, v in (body | columns).items()})


def states(claim, table):
    """``+`` met, ``-`` not met, or the reason."""
    found = evidence(CLAIMS[claim] if isinstance(claim, str) else claim, table, PACK.observables)
    assert not (found.met & ~found.counted).any() and ((found.why == "") == found.counted).all()
    return ["+" if m else "-" if c else Why(w) for m, c, w in zip(found.met, found.counted, found.why, strict=True)]


def test_a_run_without_a_flipped_sample_breaks_no_claim_about_flipped_samples():
    """The share memorised is zero where nothing is flipped: most "failures" of Theorem 4.2 (2) were such runs."""
    table = runs(noisy_memorised_end=[0.0, 0.0, 0.2], flip_share=[NAN, 0.2, 0.2])
    parts = (("noisy_memorised_end", Within(low=0.1)),)
    assert states(parts, table) == [Why.NO_FLIP, "-", "+"]
    table = runs(margin_noisy_max_T1=[NAN, 0.1, -0.1], flip_share=[NAN, 0.2, 0.2])
    assert states("stage1.noisy-ignored", table) == [Why.NO_FLIP, "-", "+"]
    # Selection speaks of clean samples too.
    table = runs(selection_precision_T1=[1.0, 1.0], selection_recall_T1=[1.0, 0.9], flip_share=[NAN, NAN])
    assert states("selection.log2", table) == ["+", "-"]


def test_where_T_1_never_came_is_evidence_against_its_coming_and_against_nothing_else():
    """One fact was told five times: such a run counted against all that is claimed from T_1 on."""
    gone = dict(order_one_time=[NAN, 100.0])
    for claim, column, value in (
        ("stage2.signal-positive", "gamma_min_stage2", 0.3),
        ("stage1.clean-fitted", "margin_clean_min_T1", 0.3),
        ("stage1.signal-leads", "signal_lead_T1", 0.3),
        ("stage1.noisy-ignored", "margin_noisy_max_T1", -0.3),
    ):
        assert states(claim, runs(**gone, **{column: [NAN, value]})) == [Why.NEVER_CAME, "+"]
    assert states("stage1.order-one", runs(**gone, coefficient_min_T1=[NAN, 0.3])) == ["-", "+"]
    # What is seen at the end needs no T_1.
    assert states("stage2.converges", runs(**gone, converged=[1.0, 1.0])) == ["+", "+"]


def test_a_run_given_up_counts_against_convergence_alone():
    given_up = dict(status=["horizon", "stopped"], convergence_time=[NAN, 500.0])
    assert states("stage2.converges", runs(**given_up, converged=[0.0, 1.0])) == ["-", "+"]
    assert states("stage2.test-error", runs(**given_up, spurious_excess_end=[-0.1, 0.1])) == [Why.GIVEN_UP, "+"]
    # Nothing is taken back of what it showed before: at T_1, and where a bound for all times broke.
    assert states("stage1.clean-fitted", runs(**given_up, margin_clean_min_T1=[0.1, 0.1])) == ["+", "+"]
    table = runs(status=["horizon", "horizon"], convergence_time=[NAN, NAN], gamma_min_stage2=[0.1, -0.1])
    assert states("stage2.signal-positive", table) == [Why.GIVEN_UP, "-"]


def test_diverging_after_the_moment_takes_nothing_away():
    blown = dict(status=["diverged"] * 3, convergence_time=[NAN] * 3, order_one_time=[100.0, 100.0, NAN])
    table = runs(**blown, margin_clean_min_T1=[0.1, -0.1, NAN])
    assert states("stage1.clean-fitted", table) == ["+", "-", Why.DIVERGED]
    assert states("stage2.converges", runs(**blown, converged=[0.0] * 3)) == ["-"] * 3
    # Before the first step nothing has diverged; an identity has no moment, and an infinite residual is no number.
    assert states("concentration.cross", runs(**blown, noise_cross_max=[1.0] * 3)) == ["+"] * 3
    parts = (("recursion_residual", Exactly(1e-9, "rounding")),)
    table = runs(status=["diverged", "horizon", "diverged"], recursion_residual=[NAN, NAN, 1e-12])
    assert states(parts, table) == ["-", Why.NO_VALUE, "+"]


def test_a_broken_part_is_broken_whatever_another_lacks():
    parts = (("margin_clean_min_T1", Within(low=0)), ("margin_noisy_max_T1", Within(high=0)))
    table = runs(margin_clean_min_T1=[-0.1, 0.1], margin_noisy_max_T1=[NAN, NAN], flip_share=[NAN, NAN])
    assert states(parts, table) == ["-", Why.NO_FLIP]


def test_open_runs_are_those_that_might_have_spoken():
    table = runs(
        margin_noisy_max_T1=[NAN, NAN, -0.1, 0.1],
        flip_share=[NAN, 0.2, 0.2, 0.2],
        order_one_time=[100.0, NAN, 100.0, 100.0],
    )
    found = evidence(CLAIMS["stage1.noisy-ignored"], table, PACK.observables)
    assert list(found.open) == [False, True, False, False]
    assert list(found.failed) == [False, False, False, True]
    assert found.reasons == {Why.NO_FLIP: 1, Why.NEVER_CAME: 1}


def test_without_the_times_a_run_that_ended_as_asked_came_to_all():
    table = runs(status=["stopped", "horizon"], margin_clean_min_T1=[0.1, NAN]).drop(columns="order_one_time")
    assert states("stage1.clean-fitted", table) == ["+", Why.GIVEN_UP]
    assert list(came("T1", table)) == [True, False]


@given(
    st.sampled_from(["stopped", "horizon", "diverged"]),
    st.sampled_from([NAN, -1.0, 1.0]),
    st.booleans(),
    st.sampled_from([NAN, 0.2]),
    st.sampled_from(sorted(PACK.observables)),
)
def test_every_run_is_in_one_state_and_nothing_lacking_supports(status, value, arrived, flips, name):
    time = 5.0 if arrived else NAN
    table = runs(**{MOMENTS[k]: [time] for k in MOMENTS}, status=[status], flip_share=[flips])
    table[name] = value
    found = evidence(((name, Within(low=0)),), table, PACK.observables)
    [met], [counted], [why] = found.met, found.counted, found.why
    assert counted == (why == "")
    assert not met or value >= 0
    if not met and counted:  # never against a claim without a number, but where it is about the moment, or blew up
        observable = PACK.observables[name]
        about = observable.stage in MOMENTS and observable.stage not in observable.premises
        assert value < 0 or (np.isnan(value) and (about or status == "diverged"))


def test_unknown_premises_are_refused():
    with pytest.raises(ValueError, match="premise 'flip' is none of early, T1, end, flips"):
        Observable(name="x", says="", stage="T1", compute=len, premises=("flip",))


def test_on_real_runs_every_premise_is_told():
    """A run without flips beside three with, to the end and given up at once: no column is missing."""
    plain = Setting(n=12, m=8, d=4000, mu=45.0, sigma_0=1e-4, eta=0.01, tau_plus=0.2, tau_minus=0.2)
    group = Group(name="g", needs=(), stage="end", needs_rates=False, observables=tuple(
        k for k, o in PACK.observables.items() if o.stage != "exact"
    ))  # fmt: skip
    job = Job(group=group, point=Point(setting=plain, epsilon=0.05, index=0), seeds=(0, 1, 2, 3), reading=Reading(),
              device="cpu")  # fmt: skip
    samples = [draw(plain, seed) for seed in range(4)]
    samples[0] = type(samples[0])(**{**vars(samples[0]), "y_tilde": samples[0].y})
    stop = Event(series="loss", value=0.05, falling=True)
    trajectory = train([plain] * 4, samples, steps=20000, stop=stop, events=moments(0.25))
    [whole] = observed(trajectory, [job])
    assert (whole.runs["status"] == "stopped").all()
    assert np.isnan(whole.runs["flip_share"]).tolist() == [True, False, False, False]
    for name, observable in OBSERVABLES.items():
        if observable.stage == "exact" or name.startswith("early_noisy") or name == "flip_share":
            continue
        lacks = lacking(observable, whole.runs)
        assert lacks[0] == (Why.NO_FLIP if "flips" in observable.premises else ""), name
        assert (lacks[1:] == "").all(), name
    short = train([plain] * 4, samples, steps=1, stop=stop, events=moments(0.25))
    [cut] = observed(short, [job])
    for claim in ("stage1.clean-fitted", "stage1.noisy-ignored", "stage2.clean-fitted", "selection.log2"):
        assert states(claim, cut.runs) == [Why.GIVEN_UP] * 4
    assert states("stage2.converges", cut.runs) == ["-"] * 4
