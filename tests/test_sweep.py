"""Designs lie inside their conditions and span what a rate needs; runs are reproducible, resumable and whole."""

import dataclasses
import gc
import math
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sympy as sp

from numerics import Setting
from theory import AtLeast, Band, C, Claim, Condition, Within, inside
from theory.papers.han2025 import Reading, claims, condition_4_1
from theory.symbols import d, eta, lookup, m, mu, n, sigma_xi, tau_minus, tau_plus
from verify import costs, design, store, study, sweep
from verify.laws.kind import LEVERAGE, Status
from verify.laws.theta import SCALES
from verify.pack import load
from verify.packs.han2025 import PACK
from verify.packs.han2025.design import FAR

QUICK = design.PROFILES["quick"]
DECADES = 1.5
RATES = ("n", "m", "d", "sigma_xi", "eta")


@cache
def groups(reading):
    known = design.groups(claims(reading), PACK.observables, reading.labels)
    return {g.name: g for g in known.values()}


@cache
def designed(group, profile, reading):
    return tuple(design.design(group, design.PROFILES[profile], reading, 0))


def values(point, reading):
    return reading.at(point.setting.values(), point.epsilon)


def by_hand(v, constant):
    """Condition 4.1 (2) to (6) once more, in plain numbers."""
    log, root = math.log, math.sqrt
    nn, mm, dd, length, sigma, delta = (v[k] for k in ("n", "m", "d", "mu", "sigma_xi", "delta"))
    last = v["horizon"] * nn * mm / (v["eta"] * v["epsilon"] * sigma**2 * dd)
    dimension = max(nn**2 * log(nn * mm / delta) * max(1, log(last)) ** 2, nn * length / sigma * root(log(nn / delta)))
    start = max(sigma * dd / root(nn), length * root(log(mm / delta)))
    step = max(sigma**2 * dd**1.5 / (nn**2 * mm * root(log(nn / delta))), sigma**2 * dd / nn)
    return (
        dd >= constant * dimension
        and nn >= constant * log(mm / delta)
        and mm >= constant * log(nn / delta)
        and length**2 >= constant * sigma**2 * log(nn / delta)
        and v["sigma_0"] <= 1 / (constant * start)
        and v["eta"] <= 1 / (constant * step)
    )


# Designs -----------------------------------------------------------------------------------------------------------


def test_every_setting_lies_inside_its_conditions():
    for group in groups(Reading()).values():
        check(designed(group, "quick", Reading()), group, 2.0)


def test_every_setting_lies_inside_its_conditions_at_a_larger_constant():
    """What the quick profile affords at C = 4: anything up to T_1."""
    reading = Reading(C=4.0)
    stages = {"start", "early", "T1"}
    made = {
        g: designed(g, "quick", reading) for g in groups(reading).values() if g.stage in stages and "low" not in g.name
    }
    assert {g.stage for g in made} == stages
    for group, points in made.items():
        check(points, group, 4.0)
    # Planted: a design for C = 2 does not pass for one at C = 4.
    [rate] = [g for g in made if g.needs_rates]
    near = designed(next(g for g in rate_groups() if g.stage == "T1"), "quick", Reading())
    assert not all(by_hand(values(p, reading), 4.0) for p in near)
    assert not all(inside(rate.needs, values(p, reading), 4.0) for p in near)


def check(points, group, constant):
    assert len(points) >= 4
    assert [p.index for p in points] == list(range(len(points)))
    assert len({p.setting for p in points}) == len(points)
    for point in points:
        assert inside(group.needs, values(point, Reading()), constant)
        if any(c.name == "4.1.2-dimension" for c in group.needs):
            assert by_hand(values(point, Reading()), constant)


def test_a_setting_moved_outside_is_noticed():
    """Planted: the same check on settings pushed over each boundary in turn."""
    reading = Reading()
    [group] = [g for g in groups(reading).values() if g.needs_rates and g.stage != "end"]
    inner = values(designed(group, "quick", reading)[-1], reading)
    assert inside(group.needs, inner, reading.C)
    for move in ({"eta": 1e9}, {"sigma_0": 1e9}, {"n": 0.01}, {"m": 0.01}, {"tau_plus": 10}, {"mu": 100}, {"d": 1e-6}):
        [(name, factor)] = move.items()
        outer = inner | {name: inner[name] * factor}
        assert not inside(group.needs, outer, reading.C), name
        if name in ("eta", "sigma_0", "n", "m", "d"):
            assert not by_hand(outer, reading.C)


@pytest.mark.parametrize(
    "other",
    [
        {"kappa_low": 5.0, "kappa_high": 20.0},
        {"tau_low": 0.01, "tau_high": 0.1, "delta": 0.01, "horizon": 100.0, "order_one": 0.5},
    ],
)
def test_designs_follow_the_reading(other):
    reading = Reading(**other)
    [group] = [g for g in groups(reading).values() if g.needs_rates and g.stage != "end"]
    points = designed(group, "quick", reading)
    effective = [p.setting.kappa * (1 - p.setting.tau_plus - p.setting.tau_minus) for p in points]
    assert reading.kappa_low <= min(effective)
    assert max(effective) <= reading.kappa_high
    for name in ("tau_plus", "tau_minus"):
        assert all(reading.tau_low <= getattr(p.setting, name) <= reading.tau_high for p in points)
    assert all(by_hand(values(p, reading), reading.C) for p in points)
    # The band is used, not only kept to.
    assert math.log(max(effective) / min(effective)) > 0.5 * math.log(reading.kappa_high / reading.kappa_low)


def test_groups_without_flips_have_none_and_the_contrast_is_below_the_threshold():
    reading = Reading()
    for group in groups(reading).values():
        names = {c.name for c in group.needs}
        points = [p.setting for p in designed(group, "quick", reading)]
        if "4.4-no-flips-plus" in names:
            assert {(s.tau_plus, s.tau_minus) for s in points} == {(0.0, 0.0)}
        if "low-snr" in names:
            assert all(s.kappa * (1 - s.tau_plus - s.tau_minus) < 2 for s in points)
        if "both-sides" in names:
            products = [s.kappa * (1 - 2 * s.tau_plus) for s in points]
            assert min(products) < 1
            assert max(products) > 2


def rate_groups():
    return [g for g in groups(Reading()).values() if g.needs_rates]


@pytest.mark.parametrize("group", rate_groups(), ids=lambda g: g.stage)
def test_rate_designs_span_every_variable_and_tell_them_apart(group):
    points = [p.setting for p in designed(group, "standard", Reading())]
    for name in RATES:
        column = [getattr(s, name) for s in points]
        assert math.log10(max(column) / min(column)) >= DECADES, name
    assert condition_number(points) <= 100
    # At least twice as many settings as coefficients: 6 scales, kappa, both tau, the constant.
    assert len(points) >= 20


def condition_number(points):
    """Of the standardised design, as the fit measures it."""
    x = np.log([[getattr(s, name) for name in SCALES] + [s.kappa] for s in points])
    x = np.column_stack([x, [[s.tau_plus, s.tau_minus] for s in points]])
    return np.linalg.cond(np.column_stack([(x - x.mean(0)) / x.std(0), np.ones(len(x))]))


def test_a_design_along_the_boundary_would_be_collinear():
    """Planted: eta always at its bound follows from the other variables."""
    points = [p.setting for p in designed(rate_groups()[0], "standard", Reading())]
    at_bound = [dataclasses.replace(s, eta=s.n / (2 * s.sigma_xi**2 * s.d)) for s in points]
    assert condition_number(at_bound) > 1e6


def test_a_rate_in_epsilon_has_a_range_of_epsilon():
    [group] = [g for g in rate_groups() if g.stage == "end"]
    targets = [p.epsilon for p in designed(group, "standard", Reading())]
    assert math.log10(max(targets) / min(targets)) >= DECADES


def test_the_exact_group_looks_below_at_and_above_n():
    [group] = [g for g in groups(Reading()).values() if g.stage == "exact"]
    gaps = {np.sign(p.setting.d - p.setting.n - 1) for p in designed(group, "quick", Reading())}
    assert gaps == {-1, 0, 1}


def small_group():
    return next(g for g in groups(Reading()).values() if g.stage == "start")


def test_the_seed_makes_the_design():
    group, reading = small_group(), Reading()
    one = design.design(group, QUICK, reading, 5)
    assert design.design(group, QUICK, reading, 5) == one
    other = design.design(group, QUICK, reading, 6)
    assert not {p.setting for p in one} & {p.setting for p in other}


def own_group(*conditions):
    """The group of a researcher's own claim."""
    claim = Claim(name="own", source="my note", needs=conditions, observable="noise_norm_min", law=AtLeast(d))
    return design.groups((claim,), PACK.observables)["own"]


def own(statement, name="own-condition"):
    return Condition(name=name, source="my note", statement=statement)


def test_a_researchers_own_conditions_are_met():
    conditions = (
        own(n * mu**4 >= d * sigma_xi**4, "strong-signal"),
        own(d >= C * n**2, "wide"),
        own(Band(tau_plus, 0.1, 0.12), "some-flips"),
        own(sp.Eq(tau_minus, 0), "one-sided"),
        own(eta <= 1 / (C * sigma_xi**2 * d / n), "small-steps"),
    )
    points = design.design(own_group(*conditions), QUICK, Reading(), 0)
    assert len(points) >= 4
    for point in points:
        s = point.setting
        assert s.n * s.mu**4 >= s.d * s.sigma_xi**4
        assert s.d >= 2 * s.n**2
        assert 0.1 <= s.tau_plus <= 0.12
        assert s.tau_minus == 0
        assert s.eta <= s.n / (2 * s.sigma_xi**2 * s.d)


@pytest.mark.parametrize(
    "conditions",
    [
        (own(n >= 10**7, "too-many"),),
        (own(n >= m, "more-samples"), own(m >= 2 * n, "more-neurons")),
        (own(Band(tau_plus, 0.6, 0.9), "most-flipped"),),
    ],
)
def test_impossible_conditions_are_refused_in_one_line(conditions):
    with pytest.raises(ValueError, match=r"conditions|tau_plus") as refused:
        design.design(own_group(*conditions), QUICK, Reading(), 0)
    assert "\n" not in str(refused.value)


def test_claims_with_the_same_conditions_share_groups_by_reach():
    by_claim = design.groups(claims(), PACK.observables)
    assert set(by_claim) == {c.name for c in claims()}
    assert by_claim["stage1.time"] == by_claim["init.signal"] == by_claim["stage1.signal-leads"]
    assert by_claim["stage2.time"] == by_claim["coefficients.bounded"] != by_claim["stage1.time"]
    assert by_claim["clean-labels.test-error"] != by_claim["stage2.test-error"]
    assert by_claim["stage1.time"].needs_rates
    assert not by_claim["clean-labels.test-error"].needs_rates
    for claim in claims():
        group = by_claim[claim.name]
        assert group.needs == claim.needs
        assert {name for name, _ in claim.parts} <= set(group.observables)
    assert len({g.name for g in by_claim.values()}) == len(set(by_claim.values()))


# Plans -------------------------------------------------------------------------------------------------------------


ALL_SMALL = ("activation.neurons", "activation.samples", "recursion.exact", "meanfield.threshold")


@cache
def plan(*names, seed=0):
    known = claims()
    chosen = tuple(c for c in known if c.name in names)
    return study.plan(chosen, known, QUICK, Reading(), seed, "cpu")


def test_a_claim_alone_is_judged_on_the_very_same_runs():
    together = plan(*ALL_SMALL)
    for name in ("activation.neurons", "recursion.exact"):
        alone = plan(name)
        assert alone.group_of[name] == together.group_of[name]
        group = alone.group_of[name]
        assert alone.jobs
        assert list(alone.jobs) == [job for job in together.jobs if job.group == group]
    assert not set(plan("activation.neurons", seed=1).jobs) & set(together.jobs)


def test_seeds_are_all_different():
    jobs = plan(*ALL_SMALL).jobs
    seeds = [seed for job in jobs for seed in job.seeds]
    assert len(seeds) == len(set(seeds)) == QUICK.seeds * len(jobs)
    assert len({job.key for job in jobs}) == len(jobs)
    other = {seed for job in plan("activation.neurons", seed=1).jobs for seed in job.seeds}
    assert not other & set(seeds)


def test_keys_are_file_names():
    for job in plan(*ALL_SMALL).jobs:
        assert Path(f"{job.key}.nc").name == f"{job.key}.nc"
        assert len(job.key) < 200


def test_balanced_designs_have_flips_exact_in_number_inside_the_conditions():
    reading = Reading(labels="balanced")
    drawn = groups(Reading())
    for group in groups(reading).values():
        assert group.name not in drawn, "both kinds of runs can lie side by side"
        points = designed(group, "quick", reading)
        assert {p.setting.labels for p in points} == {"balanced"}
        if group.needs:
            assert all(inside(group.needs, values(p, reading), reading.C) for p in points)
        for setting in (p.setting for p in points):
            (plus, flips_plus), (minus, flips_minus) = setting.counts
            assert plus + minus == setting.n
            assert math.isclose(setting.tau_plus * plus, flips_plus)
            assert math.isclose(setting.tau_minus * minus, flips_minus)
        assert len(points) >= 0.6 * len(designed(drawn[group.name.removeprefix("balanced-")], "quick", Reading()))


def test_runs_of_either_kind_are_told_apart():
    drawn, balanced = job(), job(labels="balanced")
    [one], [two] = executed(drawn), executed(balanced)
    assert set(one.runs["labels"]) == {"drawn"}
    assert set(two.runs["labels"]) == {"balanced"}
    assert set(two.runs["flip_share"]) == {1 / 8}  # 0.2 and 0.1 of 4 samples: one flip and none
    assert set(two.runs["tau_minus"]) == {0.0}
    assert PACK.settings(two.runs.iloc[0], "balanced") == balanced.point.setting
    with tempfile.TemporaryDirectory() as folder:
        saved((drawn,), Path(folder))
        with pytest.raises(ValueError, match="belongs to another run"):
            saved((balanced,), Path(folder))


# Execution ---------------------------------------------------------------------------------------------------------

TINY = Setting(
    n=8, m=4, d=800, mu=10.0, sigma_xi=0.5, sigma_0=1.2345678901234e-7, eta=0.0123, tau_plus=0.2, tau_minus=0.1
)


def job(index=0, stage="T1", seeds=(6, 7, 8), **changed):
    """A job small enough for a test; its setting need not lie inside anything."""
    group = design.Group(
        name=f"tiny-{stage}",
        needs=(),
        stage=stage,
        needs_rates=False,
        observables=tuple(
            name
            for name, o in PACK.observables.items()
            if o.stage in {"start": ("start",), "T1": ("start", "early", "T1")}[stage]
        ),
    )
    point = design.Point(setting=dataclasses.replace(TINY, **changed), epsilon=0.01, index=index)
    return sweep.Job(group=group, point=point, seeds=seeds, reading=Reading(), device="cpu")


def saved(planned, folder):
    """Run jobs in this process; what is saved can then be read by a second run."""
    return sorted(sweep.run(planned, folder), key=lambda result: result.key)


def executed(*planned):
    with tempfile.TemporaryDirectory() as folder:
        return saved(planned, Path(folder))


def test_running_twice_gives_the_same_table():
    [one], [two] = executed(job()), executed(job())
    pd.testing.assert_frame_equal(one.runs, two.runs, check_exact=True)
    assert all(np.array_equal(one.series[k], two.series[k], equal_nan=True) for k in one.series)
    [other] = executed(job(seeds=(6, 7, 99)))
    # Other runs of the batch do not matter, beyond the rounding of a batched product.
    pd.testing.assert_frame_equal(one.runs.iloc[:2], other.runs.iloc[:2], rtol=1e-9)
    assert one.runs["noise_norm_max"].iloc[2] != other.runs["noise_norm_max"].iloc[2]


def test_a_table_holds_setting_seed_and_every_observable():
    asked = job()
    [result] = executed(asked)
    runs = result.runs
    assert list(runs["seed"]) == [6, 7, 8]
    for name, value in TINY.values().items():
        assert (runs[name] == value).all()
    assert set(asked.group.observables) <= set(runs)
    assert {"group", "setting", "kappa", "time_scale", "epsilon", "delta", "horizon", "status", "steps"} <= set(runs)
    assert (runs["kappa"] == TINY.kappa).all()
    assert set(runs["status"]) <= {"stopped", "horizon", "diverged"}
    assert runs["order_one_time"].notna().any()


def test_seeds_taken_in_parts_give_the_same_runs(monkeypatch):
    [whole] = executed(job())
    monkeypatch.setattr(costs, "MEMORY", 1.0)
    [parts] = executed(job())
    # Rounding of a batched product.
    pd.testing.assert_frame_equal(parts.runs, whole.runs, rtol=1e-9)
    assert np.array_equal(parts.times, whole.times)
    assert all(parts.series[k].shape == whole.series[k].shape for k in whole.series)


def test_settings_that_share_a_batch_do_not_touch_each_other():
    planned = [job(k, eta=0.0123 * (k + 1), sigma_0=1e-6 / (k + 1)) for k in range(3)]
    together = executed(*planned)
    for asked, result in zip(planned, together, strict=True):
        [alone] = executed(asked)
        assert alone.key == result.key
        # How long a run may take is the batch's affair; here all arrive.
        assert set(alone.runs["status"]) == {"stopped"}
        # Rounding of a batched product.
        pd.testing.assert_frame_equal(alone.runs, result.runs, rtol=1e-9, atol=1e-12)


def test_saving_and_loading_changes_nothing(tmp_path):
    """Every number comes back as it was: resuming must not change a study, not even in the last digit."""
    asked = job()
    [fresh] = saved([asked], tmp_path)
    [held] = saved([asked], tmp_path)
    loaded = sweep.load(store.Store(tmp_path), asked)
    for other in (held, loaded):
        assert other.key == fresh.key
        assert list(other.runs) == list(fresh.runs)
        pd.testing.assert_frame_equal(other.runs, fresh.runs, check_exact=True)
        assert np.array_equal(other.times, fresh.times)
        assert set(other.series) == set(fresh.series)
        assert all(np.array_equal(other.series[k], fresh.series[k], equal_nan=True) for k in fresh.series)


def test_a_moment_that_no_run_reached_stays_a_missing_number(tmp_path):
    """Planted: a column of times without a single value must not come back as dates or as objects."""
    asked = job(eta=1e-4)
    asked = dataclasses.replace(asked, group=dataclasses.replace(asked.group, patience=1e-3))  # far too few steps
    saved([asked], tmp_path)
    [held] = saved([asked], tmp_path)
    assert held.runs["order_one_time"].isna().all()
    for name in asked.group.observables:
        assert pd.api.types.is_numeric_dtype(held.runs[name]), (name, held.runs[name].dtype)


def test_what_was_not_recorded_is_no_damage(tmp_path):
    """A group that records little keeps what there is of the curves that it names, and it is read again."""
    asked = job()
    few = ("loss", "rho_own_mean", "coefficient_min")
    asked = dataclasses.replace(asked, group=dataclasses.replace(asked.group, observables=("flip_share",), series=few))
    [fresh] = saved([asked], tmp_path)
    held = sweep.load(store.Store(tmp_path), asked)
    assert set(held.series) == set(fresh.series) == {"loss"}


def test_large_times_stay_numbers(tmp_path):
    asked = job()
    [result] = executed(asked)
    result = dataclasses.replace(result, runs=result.runs.assign(order_one_time=[4e7, 5e7, 6e7]))
    sweep.save(store.Store(tmp_path), result, asked)
    held = sweep.load(store.Store(tmp_path), asked)
    assert list(held.runs["order_one_time"]) == [4e7, 5e7, 6e7]


@pytest.mark.parametrize("keep", [0, 10, -1])
def test_a_damaged_file_is_refused_in_one_line(tmp_path, keep):
    asked = job(stage="start")
    saved([asked], tmp_path)
    path = store.Store(tmp_path).path(asked.key)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"is damaged.*delete it") as refused:
        saved([asked], tmp_path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
    del refused
    gc.collect()  # a file left open would be reported here


def test_a_file_of_another_run_is_refused_in_one_line(tmp_path):
    asked = job(stage="start")
    saved([asked], tmp_path)
    for other in (
        job(stage="start", eta=0.5),
        job(stage="start", seeds=(1, 2, 3)),
        dataclasses.replace(asked, reading=Reading(C=3.0)),
        *(
            dataclasses.replace(asked, point=dataclasses.replace(asked.point, **changed))
            for changed in ({"epsilon": 0.02}, {"since": 0.1}, {"until": 0.1})
        ),
        *(
            dataclasses.replace(asked, group=dataclasses.replace(asked.group, **changed))
            for changed in (
                {"needs": condition_4_1()},
                {"patience": 1.0},
                {"observables": ("flip_share",)},
                {"series": ("loss",)},
                {"kept": ("loss",)},
                {"labels": "balanced"},
            )
        ),
    ):
        with pytest.raises(ValueError, match="belongs to another run") as refused:
            saved([other], tmp_path)
        assert "\n" not in str(refused.value)
    assert len(saved([asked], tmp_path)) == 1
    # Prose changes nothing, and a GPU gives the same numbers up to rounding.
    needs = tuple(dataclasses.replace(c, says="Other words.", latex="x") for c in condition_4_1())
    stated = dataclasses.replace(asked, group=dataclasses.replace(asked.group, needs=condition_4_1()))
    (tmp_path / "stated").mkdir()
    saved([stated], tmp_path / "stated")
    group = dataclasses.replace(stated.group, needs=needs)
    assert saved([dataclasses.replace(stated, group=group, device="cuda")], tmp_path / "stated")[0].kept


def test_nothing_half_written_is_left_behind(tmp_path):
    saved([job(k, stage="start") for k in range(3)], tmp_path)
    assert {p.name for p in tmp_path.rglob("*.*")} == {
        store.COLUMNS, *(f"tiny-start-00{k}.{kind}" for k in range(3) for kind in ("parquet", "nc"))
    }  # fmt: skip


# Interrupts --------------------------------------------------------------------------------------------------------


def tiny_plan(count=4):
    bound = Within(low=sigma_xi**2 * d / 2)
    claim = Claim(name="concentration", source="a test", needs=(), observable="noise_norm_min", law=bound)
    later = Claim(name="later", source="a test", needs=(), observable="order_one_time", law=AtLeast(sp.Integer(1)))
    # Sizes differ, so that no two share a batch.
    jobs = (*(job(k, stage="start", n=8 + k) for k in range(count)), job(0, stage="T1"))
    return study.Plan(
        claims=(claim, later),
        group_of={"concentration": jobs[0].group, "later": jobs[-1].group},
        jobs=jobs,
        undesigned={},
        profile=QUICK,
        reading=Reading(),
        seed=0,
        device="cpu",
    )


class InterruptAfter:
    def __init__(self, count):
        self.left = count

    def __call__(self, result, work):
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


def test_an_interrupt_keeps_what_is_finished(tmp_path):
    planned = tiny_plan()
    results, missing = study.collect(planned, tmp_path, None, InterruptAfter(2))
    assert missing == study.INTERRUPTED
    keys = {r.key for r in results}
    assert len(keys) == 2
    assert keys <= {p.stem for p in tmp_path.glob("runs/*.parquet")}
    outcome = study.conclude(planned, results, missing, started=0.0)
    assert not outcome.finished
    assert set(outcome.results) == keys
    assert len(outcome.runs) == 6
    assert [v.claim.name for v in outcome.verdicts] == ["concentration", "later"]
    assert sum(v.runs for v in outcome.verdicts) == 6
    # Going on from there ends where an uninterrupted study ends.
    resumed, missing = study.collect(planned, tmp_path, None, lambda *_: None)
    straight, _ = study.collect(planned, _made(tmp_path / "other"), None, lambda *_: None)
    assert missing == ""
    assert len(resumed) == len(straight) == 5
    one, two = (study.conclude(planned, r, "", started=0.0) for r in (resumed, straight))
    assert one.verdicts == two.verdicts
    pd.testing.assert_frame_equal(one.runs, two.runs, check_dtype=False, check_exact=True)


def _made(folder):
    folder.mkdir()
    return folder


def test_an_interrupt_before_the_first_run_is_no_verdict_on_the_conditions(tmp_path):
    """OUTSIDE says that no setting meets the conditions; runs planned but not made say nothing of the kind."""
    planned = tiny_plan()
    results, missing = study.collect(planned, tmp_path, None, InterruptAfter(1))
    [waiting] = [v for v in study.conclude(planned, results, missing, started=0.0).verdicts if not v.runs]
    assert waiting.status == Status.INCONCLUSIVE
    nothing = study.conclude(planned, [], study.INTERRUPTED, started=0.0)
    assert {v.status for v in nothing.verdicts} == {Status.INCONCLUSIVE}


def test_margins_of_a_study_are_those_of_its_settings(tmp_path):
    needs = (own(d >= C * n, "wide"), own(tau_plus <= 1 / C, "few-flips"))
    planned = tiny_plan(2)
    group = dataclasses.replace(planned.jobs[0].group, needs=needs)
    jobs = tuple(dataclasses.replace(j, group=group) for j in planned.jobs[:2])
    planned = dataclasses.replace(planned, claims=planned.claims[:1], group_of={"concentration": group}, jobs=jobs)
    results, _ = study.collect(planned, tmp_path, None, lambda *_: None)
    table = study.conclude(planned, results, "", started=0.0).margins[group.name].table.set_index("condition")
    assert (table.loc["wide", "least"], table.loc["wide", "largest"]) == pytest.approx((800 / 9, 800 / 8))
    assert table.loc["few-flips", "least"] == pytest.approx(5.0)
    assert (table["required"] == 2).all()


def test_a_second_look_takes_fresh_seeds_where_a_setting_looked_doubtful(tmp_path):
    known = claims(Reading())
    chosen = tuple(c for c in known if c.name in ("init.signal", "concentration.cross"))
    planned = study.plan(chosen, chosen, QUICK, Reading(), seed=0, device="cpu")
    results, _ = study.collect(planned, tmp_path, None, lambda *_: None)
    before = study.conclude(planned, results, "", 0.0)
    index = planned.jobs[1].point.index
    verdict = before.verdicts[0]
    [finding] = verdict.findings
    suspect = dataclasses.replace(finding, detail=dataclasses.replace(finding.detail, doubtful=(index,)))
    doubtful = [dataclasses.replace(verdict, findings=(suspect,))]
    [again] = study.second_look(planned, doubtful)
    [first] = [j for j in planned.jobs if j.point.index == index]
    assert again.point == first.point and again.key != first.key
    assert len(again.seeds) == study.SECOND * QUICK.seeds and not set(again.seeds) & set(first.seeds)
    more = list(sweep.run([again], tmp_path))
    assert (more[0].runs["look"] == 1).all()
    assert sweep.load(store.Store(tmp_path), again).runs.equals(more[0].runs)
    after = study.conclude(planned, [*results, *more], "", 0.0)
    assert after.verdicts[0].runs == before.verdicts[0].runs + len(again.seeds)


@pytest.mark.parametrize("stage", ["T1", "end"])
def test_no_single_setting_carries_the_exponents(stage):
    """At the far ends stand several: of what is known of an exponent none carries over a quarter, as the judge asks."""
    [group] = [g for g in groups(Reading()).values() if g.stage == stage and g.needs_rates]
    points = designed(group, "standard", Reading())
    x = np.log([[*(getattr(p.setting, k) for k in (*SCALES, "kappa")), p.epsilon] for p in points])
    x = x[:, :-1] if stage == "T1" else x
    columns = np.column_stack([(x - x.mean(0)) / x.std(0), np.ones(len(x))])
    solve = np.linalg.pinv(columns)[:-1] ** 2
    share = solve.max(1) / solve.sum(1)
    assert share.max() <= LEVERAGE, dict(zip((*SCALES, "kappa", "epsilon"), share.round(2), strict=False))
    far = [p for p in points if p.seeds < 1]
    assert len(far) in (2 * FAR, 3 * FAR) and {p.seeds for p in far} == {1 / FAR}


def test_a_condition_may_fix_sizes_and_the_unit_of_noise():
    fixed = {"n": 40, "m": 12, "sigma_xi": 1}
    own = tuple(Condition(name=f"own-{k}", source="s", statement=sp.Eq(lookup(k), v)) for k, v in fixed.items())
    group = design.Group(
        name="fixed", needs=(*condition_4_1(), *own), stage="T1", needs_rates=False, observables=("flip_share",)
    )
    points = design.design(group, design.PROFILES["quick"], Reading(), 0)
    assert len(points) >= 4
    assert {(p.setting.n, p.setting.m, p.setting.sigma_xi) for p in points} == {(40, 12, 1.0)}


def test_prose_does_not_change_the_runs():
    def name(needs: tuple[Condition, ...]) -> str:
        claim = Claim(name="x", source="s", needs=needs, observable="noise_norm_min", law=Within(low=0))
        return design.groups((claim,), PACK.observables)["x"].name

    needs = condition_4_1()
    reworded = tuple(dataclasses.replace(c, says="Other words.", source="elsewhere") for c in needs)
    assert name(reworded) == name(needs)
    assert name((*needs[:-1], dataclasses.replace(needs[-1], statement=needs[-1].statement.subs(C, 3 * C)))) != name(
        needs
    )


def test_conditions_that_leave_few_sizes_get_settings_all_the_same():
    """Most draws have sizes that they forbid: then more are made."""
    pack = load(str(Path(__file__).parent / "toy.py"))
    reading = pack.paper.reading()
    [whole] = pack.paper.sets(reading)
    rules = {"few-samples": n <= 22, "few-neurons": m <= 22, "low": d <= 1e6}
    needs = (*whole.conditions, *(Condition(name=k, source="me", statement=rule) for k, rule in rules.items()))
    group = design.Group(name="few", needs=needs, stage="end", needs_rates=False, observables=())
    points = design.anywhere_inside(group, design.PROFILES["standard"], reading, 0)
    assert len(points) >= design.FEWEST
    assert all(p.setting.n <= 22 and p.setting.m <= 22 for p in points)
