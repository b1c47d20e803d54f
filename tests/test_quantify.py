"""Theorems with their own quantifiers, on made-up runs whose truth is known."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from sympy import log

from numerics import Setting, draw, train
from numerics.generalization import certified_exponent, exponents
from numerics.series import SERIES
from theory.papers.han2025 import Reading, theorems
from theory.statements import Hidden, Part, Theorem, Within
from theory.symbols import delta, kappa, m, n
from verify.laws.kind import Status
from verify.planted import EFFORT, answered, changed, made_up, stage_one
from verify.quantify import EFFORTS, Course, Shown, corrected, numbers
from verify.sweep import Result

BY_NAME = {t.name: t for t in theorems()}
STAGE_ONE = BY_NAME["theorem-4.1"]


def test_a_true_theorem_is_supported_with_its_constants() -> None:
    found = answered(STAGE_ONE, stage_one)
    assert found.status == Status.SUPPORTED
    assert found.met == found.runs == 16 * len(found.settings)
    assert found.choice.least["C"] == 1.0 and found.choice.constants["C"] == 1.4  # one step on the least
    constants = found.choice.constants
    assert constants["T1_least"] <= 1.0 and constants["T1_least"] * constants["T1_width"] > 0.3
    assert all(p.status == Status.SUPPORTED for p in found.parts)
    assert found.failing < 0.15


def test_true_for_no_constants_is_refuted() -> None:
    found = answered(STAGE_ONE, changed(margin_noisy_max=lambda setting, s, rng: np.ones(s.size)))
    assert found.status == Status.REFUTED
    assert not found.choice.served
    by_name = {p.part.name: p.status for p in found.parts}
    assert by_name["stage1.noisy-ignored"] == Status.REFUTED
    assert by_name["stage1.clean-fitted"] == Status.SUPPORTED


def test_parts_that_hold_only_at_different_times_are_not_the_theorem() -> None:
    early = lambda setting, s, rng: np.where(s < 0.5, 1.0, -1.0)  # noqa: E731
    late = lambda setting, s, rng: np.where(s > 0.5, 1.0, -1.0)  # noqa: E731
    found = answered(STAGE_ONE, changed(signal_lead=early, margin_clean_min=late))
    assert found.status == Status.REFUTED
    assert all(p.status == Status.SUPPORTED for p in found.parts)  # each of them alone is true


def test_true_from_a_constant_on_is_supported_there() -> None:
    def enough(setting: Setting, s: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        holds = setting.n >= 3 * np.log(setting.m / 0.1) and setting.m >= 3 * np.log(setting.n / 0.1)
        return np.full(s.size, 1.0 if holds else -1.0)

    found = answered(STAGE_ONE, changed(signal_lead=enough))
    assert found.status == Status.SUPPORTED
    assert found.choice.least["C"] >= 2.8


def test_true_from_a_threshold_of_kappa_on() -> None:
    def enough(setting: Setting, s: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        strength = setting.kappa * (1 - 2 * max(setting.tau_plus, setting.tau_minus))
        return np.full(s.size, 1.0 if strength > 3.0 else -1.0)

    found = answered(STAGE_ONE, changed(signal_lead=enough))
    assert found.status == Status.SUPPORTED
    assert found.choice.constants["kappa_least"] >= 3.2
    assert found.choice.constants["C"] <= 2.0  # C is not what it lacks


def test_true_beyond_the_ladder_is_open() -> None:
    """Failures fall like 1/C^2 and are still above delta at its end."""

    def failing(setting: Setting, s: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        size = setting.n / np.log(setting.m / 0.1)
        return np.full(s.size, -1.0 if rng.random() < min(1.0, (4.0 / size) ** 2) else 1.0)

    found = answered(STAGE_ONE, changed(signal_lead=failing))
    assert found.status == Status.OPEN
    assert "fall along the ladder" in found.reason


def test_a_failure_rate_near_delta_is_never_refuted_nor_supported_by_luck() -> None:
    """A rate of 0.09 everywhere: true, but too close to delta to be told. A rate of 0.3: false."""

    def at(rate: float) -> Callable:
        return changed(signal_lead=lambda setting, s, rng: np.full(s.size, -1.0 if rng.random() < rate else 1.0))

    assert answered(STAGE_ONE, at(0.09)).status in (Status.INCONCLUSIVE, Status.SUPPORTED)
    false = answered(STAGE_ONE, at(0.3))
    assert false.status == Status.REFUTED
    assert false.settings["runs"].max() == EFFORT.looks[0]  # no second look: the whole has decided


def test_a_missing_certificate_contradicts_nothing() -> None:
    """The certified bound on a test error may be far from the error: where it is missing, nothing is refuted by it."""
    theorem = BY_NAME["proposition-4.3"]
    found = answered(theorem, changed(spurious_exponent=lambda setting, s, rng: np.zeros(s.size)))
    assert found.status == Status.INCONCLUSIVE and "certificate" in found.reason
    [part] = [p for p in found.parts if p.part.certificate]
    assert part.status == Status.INCONCLUSIVE
    # What it stands beside can still be refuted.
    ones = lambda setting, s, rng: np.ones(s.size)  # noqa: E731
    assert answered(theorem, changed(spurious_exponent=ones, margin_noisy_max=ones)).status == Status.REFUTED


def test_few_settings_support_nothing() -> None:
    """Everything holds in every run, in six settings."""
    found = answered(STAGE_ONE, stage_one, effort=replace(EFFORT, confirmed=6))
    assert found.met == found.runs and len(found.settings) == 6
    assert found.status == Status.INCONCLUSIVE and "only 6 settings" in found.reason


def test_a_ladder_that_is_not_climbed_to_its_end_refutes_nothing() -> None:
    """False for all constants; but the profile stops where it could have afforded the next rung."""
    false = changed(margin_noisy_max=lambda setting, s, rng: np.ones(s.size))
    found = answered(STAGE_ONE, false, effort=replace(EFFORT, rungs=3))
    assert found.status == Status.INCONCLUSIVE and "stronger constants were not tried" in found.reason


def test_floors_keep_a_theorem_from_becoming_trivial() -> None:
    """Coefficients that never reach a tenth are not of order one, whatever constant is taken."""
    found = answered(STAGE_ONE, changed(coefficient_min=lambda setting, s, rng: np.full(s.size, 0.05)))
    assert found.status == Status.REFUTED


def test_nothing_of_exploration_enters_the_confirmation() -> None:
    course = Course([STAGE_ONE], Reading(), EFFORT, 3, "cpu", labels=("balanced",))
    done: dict[str, Result] = {}
    explored = course.next(done)
    done |= {job.key: made_up(job, stage_one) for job in explored}
    confirmed = course.next(done)
    assert {s for j in explored for s in j.seeds}.isdisjoint(s for j in confirmed for s in j.seeds)
    assert {tuple(numbers(j.point.setting).items()) for j in explored}.isdisjoint(
        tuple(numbers(j.point.setting).items()) for j in confirmed
    )
    # A luckier confirmation does not change the constants.
    bad = {j.key: made_up(j, changed(signal_lead=lambda setting, s, rng: -np.ones(s.size))) for j in confirmed}
    good = {j.key: made_up(j, stage_one) for j in confirmed}
    answers = []
    for results in (bad, good):
        held = done | results
        while jobs := course.next(held):
            held |= {job.key: made_up(job, stage_one) for job in jobs}
        answers += course.answers(held)
    assert answers[0].choice.constants == answers[1].choice.constants
    assert answers[0].status != Status.SUPPORTED and answers[1].status == Status.SUPPORTED


def test_settings_are_the_same_under_both_kinds_of_labels() -> None:
    both = {
        k: Course([STAGE_ONE], Reading(), EFFORTS["quick"], 3, "cpu", labels=(k,)).next({})
        for k in ("balanced", "drawn")
    }
    settings = [[numbers(j.point.setting) for j in both[k]] for k in both]
    assert len(settings[0]) > 10
    assert [s["n"] for s in settings[0]] != [] and both["drawn"][0].point.setting.labels == "drawn"


def test_designs_lie_inside_their_conditions_and_are_nested() -> None:
    course = Course([STAGE_ONE], Reading(), EFFORT, 5, "cpu", labels=("balanced",))
    jobs = course.next({})
    shown = Shown(STAGE_ONE, [made_up(j, stage_one) for j in jobs], Reading())
    rungs = [{h.name: h.ladder[k] for h in STAGE_ONE.restricting} for k in range(7)]
    inside = np.array([shown.inside(fixed) for fixed in rungs])
    drawn = np.array([j.point.index // 100 for j in jobs])
    for k in range(7):
        assert inside[k, drawn == k].all()
    assert (inside[1:] <= inside[:-1]).all()  # what meets the stronger constants meets the weaker


def test_holm_over_theorems() -> None:
    """A REFUTED that is not told from chance among many theorems becomes INCONCLUSIVE."""
    refuted = answered(STAGE_ONE, changed(margin_noisy_max=lambda setting, s, rng: np.ones(s.size)))
    weak = replace(refuted, p=0.03)
    assert corrected([weak])[0].status == Status.REFUTED
    spared = corrected([weak] * 3)[0]
    assert spared.status == Status.INCONCLUSIVE
    # What is not refuted as a whole has no part that is.
    assert {p.part.name: p.status for p in spared.parts}["stage1.noisy-ignored"] == Status.INCONCLUSIVE
    assert corrected([replace(refuted, p=1e-9), weak])[0].status == Status.REFUTED


@pytest.mark.parametrize("labels", ["balanced", "drawn"])
def test_an_explicit_hidden_constant_of_a_users_theorem(labels: str) -> None:
    """Constants, window and parts are the user's own; symbols of a setting may stand in any of them."""
    level = Hidden(name="my_level", latex="c", ladder=(0.8, 0.4, 0.2), says="what gamma reaches")
    mine = Theorem(
        name="mine",
        source="my note (2)",
        needs=STAGE_ONE.needs,
        hidden=(*STAGE_ONE.restricting, level),
        window=(0 * STAGE_ONE.window[0], STAGE_ONE.window[0].subs({h.symbol: 1 for h in STAGE_ONE.hidden})),
        parts=(Part(name="reaches", series="gamma_min", law=Within(low=level.symbol * kappa / (n * log(m / delta)))),),
    )

    def law(setting: Setting, s: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {"gamma_min": 0.5 * s * setting.kappa / (setting.n * np.log(setting.m / 0.1))}

    found = answered(mine, law, labels=labels)
    assert found.status == Status.SUPPORTED
    assert found.choice.least["my_level"] == 0.4


def test_a_theorem_must_name_its_constants() -> None:
    with pytest.raises(ValueError, match="T1_least is no constant of this theorem"):
        Theorem(
            name="x", source="me", needs=(), hidden=(), window=STAGE_ONE.window,
            parts=(Part(name="p", series="loss", law=Within(low=0)),),
        )  # fmt: skip
    with pytest.raises(ValueError, match="must run one way"):
        Hidden(name="up_and_down", latex="c", ladder=(1.0, 3.0, 2.0), says="")


def test_the_recorded_exponent_is_the_one_at_the_end() -> None:
    setting = Setting(n=8, m=4, d=4000, mu=60.0, sigma_xi=1.0, sigma_0=1e-4, eta=0.002, tau_plus=0.25, tau_minus=0.25,
                      labels="balanced")  # fmt: skip
    samples = [draw(setting, seed) for seed in range(3)]
    series = {name: SERIES[name] for name in ("loss", "elapsed")}
    series["spurious_exponent"] = certified_exponent([setting] * 3, samples, apart=1.0)
    run = train([setting] * 3, samples, steps=30, series=series)
    at_the_end = exponents(run, "end")
    last = run.series["spurious_exponent"][:, -1]
    assert np.isfinite(last).all()
    np.testing.assert_allclose(last, at_the_end, rtol=1e-9)
    np.testing.assert_allclose(run.series["elapsed"][0], run.times * setting.time_scale)
