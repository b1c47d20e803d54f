"""Phase diagrams: axes and formulas, exact runs, cells, resuming, lines, and the command."""

import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner

from numerics import Setting, draw, train
from numerics.generalization import DRAWS, Generalization, generalization
from numerics.observables import moments
from numerics.reference import train_reference
from theory import m, n, orders
from theory.papers.han2025 import Reading
from theory.papers.han2025.meanfield import limiting_error_threshold, noisy_ignored_threshold, signal_leads_threshold
from verify import maps, processes
from verify.__main__ import cli
from verify.draw import Picture
from verify.maps import Axis, Map, summary
from verify.maps.figures import draw as picture
from verify.packs.han2025 import PACK
from verify.packs.han2025 import maps as drawn_over
from verify.predicted import curve

ROOT = Path(__file__).resolve().parent.parent
KAPPA = Axis(name="kappa", low=1.0, high=8.0, count=3)
TAU = Axis(name="tau", low=0.05, high=0.3, count=2)
AT = (("n", "12"), ("m", "6"), ("d", "5000"))
SMALL = Map(x=KAPPA, y=TAU, at=AT, seeds=3, epsilon=0.3)


def runs_of(map_, tmp_path, pool=None, name="map"):
    with maps.FOLDER.open(tmp_path / name, maps.identity(map_)) as folder:
        return maps.collect(maps.plan(map_), folder, pool)


# Axes and formulas -------------------------------------------------------------------------------------------------


def test_an_axis_is_read_from_its_range():
    assert Axis.read("kappa", "1:3:5", 9).values == (1.0, 1.5, 2.0, 2.5, 3.0)
    assert Axis.read("mu", "0:0.3", 4).values == (0.0, 0.1, 0.2, 0.3)
    assert Axis.read("eta", "1e-4:1e-2:3:log", 9).values == (1e-4, 1e-3, 1e-2)
    assert Axis.read("n", "2:4:9", 9).values == (2.0, 3.0, 4.0), "whole numbers, once each"
    assert Axis.read("tau", "", 5).low == PACK.maps.axes["tau"][0]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("kappe", "", "no such parameter"),
        ("eta", "", "no range of its own"),
        ("kappa", "1", "write low:high"),
        ("kappa", "1:2:3:4", "write low:high"),
        ("kappa", "3:1", "no range"),
        ("kappa", "nan:1", "no range"),
        ("mu", "0:1:4:log", "start above 0"),
        ("n", "3:3.2:5", "at least 2 values"),
    ],
)
def test_a_wrong_range_is_told_in_one_line(name, text, told):
    with pytest.raises(ValueError, match=told) as error:
        Axis.read(name, text, 8)
    assert "\n" not in str(error.value)


def test_every_parameter_is_a_number_or_a_formula_in_the_others():
    map_ = Map(
        x=Axis(name="d", low=100, high=400, count=2, log=True),
        y=Axis(name="n", low=10, high=20, count=2),
        at=(("kappa", "5"), ("sigma_0", "5/sqrt(3*d)"), ("eta", "0.1*n*m/(sigma_xi^2*d)"), ("m", "max(4, 5)")),
        show=("error_fresh_end",),
    )
    assert len(maps.cells(map_)) == 4
    one = maps.cells(map_)[1]
    assert (one.n, one.m, one.d) == (10, 5, 400)
    assert one.kappa == pytest.approx(5) and one.time_scale == pytest.approx(0.1)
    assert one.sigma_0 == pytest.approx(5 / math.sqrt(1200))
    held = dict(maps.fixed(map_))
    assert held["mu"] == "sigma_xi*sqrt(kappa*d/n)" and "n" not in held and "snr" not in held


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2*n^2*m", 1728), ("2*n**2*m", 1728), ("2n^2 m", 1728), ("m/n*m", 3), ("m/(2n)", 0.25), ("n^-1", 1 / 12),
        ("n^(1/2)", 12**0.5), ("n^(1 - 1/2*3)", 12**-0.5), ("(n + m)^1.5/m", 18**1.5 / 6), ("1e-3 n", 0.012),
        (".5 MAX(n, m)", 6), ("2^-(1)", 0.5), ("sqrt(n m)^2", 72),
    ],
)  # fmt: skip
def test_a_map_and_an_order_read_a_formula_the_same_way(text, value):
    """What `map --at` and `entails` make of it."""
    [eta] = {setting.eta for setting in maps.cells(replace(SMALL, at=(*AT, ("eta", text))))}
    order = orders.parse(f"{text} ~ 1")
    assert eta == pytest.approx(value)
    assert float(order.left.subs({n: 12, m: 6})) == pytest.approx(value)


@pytest.mark.parametrize("text", ["n^3/2", "n**3/2", "1/n m", "n^2^3", "n 2", "log n", "log(n, m)", "(n", "n)", "$"])
def test_what_a_map_cannot_read_an_order_cannot_either(text):
    with pytest.raises(ValueError, match="at character") as by_order:
        orders.parse(f"{text} ~ 1")
    with pytest.raises(ValueError, match=r"--at eta: no formula: .* at character") as by_map:
        replace(SMALL, at=(*AT, ("eta", text)))
    [why, also] = [str(problem.value).split(" at character ")[1].split(";")[0] for problem in (by_order, by_map)]
    assert why == also and "\n" not in str(by_map.value)


def test_bound_is_where_the_condition_just_holds():
    for map_ in (SMALL, replace(SMALL, reading=Reading(C=5.0)), replace(SMALL, conditions="kou")):
        for setting in maps.cells(map_):
            for condition in maps.condition_sets(map_.reading)[map_.conditions]:
                if condition.name.endswith(("initialization", "step")):
                    value, required = summary.margin_at(condition, setting.values(), map_)
                    assert value == pytest.approx(required, rel=1e-9)


@pytest.mark.parametrize("eta", ["bound", "1e-4", "0.01*n*m/d"])
def test_a_bound_that_speaks_of_its_own_parameter_is_solved(eta):
    """d stands on both sides of its bound: in T*, which the step size moves too, and in mu, which follows kappa."""
    at = {**dict(SMALL.at), "d": "bound", "eta": eta}
    map_ = replace(SMALL, at=tuple(at.items()))
    [dimension] = [c for c in maps.condition_sets(map_.reading)["condition-4.1"] if c.name == "4.1.2-dimension"]
    for setting in maps.cells(map_):
        assert summary.margin_at(dimension, setting.values(), map_)[0] == pytest.approx(2.0, rel=2 / setting.d + 1e-9)


def test_snr_moves_mu():
    map_ = replace(SMALL, x=Axis(name="snr", low=0.1, high=0.2, count=2))
    setting = maps.cells(map_)[0]
    assert setting.mu / (setting.sigma_xi * math.sqrt(setting.d)) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("at", "told"),
    [
        ((("kappa", "3"),), "given twice"),
        ((("mu", "3"),), "kappa has no effect"),
        ((("q", "3"),), "no such parameter"),
        ((("eta", "__import__('os').getcwd()"),), "no formula"),
        ((("eta", "eta"),), "eta needs eta"),
        ((("eta", "sigma_0"), ("sigma_0", "2*eta")), "needs"),
        ((("eta", "1/0"),), "no value here"),
        ((("eta", "(0-1)**0.5"),), "no number here"),
        ((("sigma_xi", "bound"),), "no condition of condition-4.1 bounds sigma_xi"),
        ((("eta", "((9**9)**9)**9"),), "no value here"),
        ((("eta", "9**9**9**9"),), "a power of a power"),
        ((("eta", "n^3/2"),), "two ways"),
    ],
)
def test_what_cannot_be_held_is_told(at, told):
    with pytest.raises(ValueError, match=told) as error:
        Map(x=KAPPA, y=TAU, at=at)
    assert "\n" not in str(error.value)


def test_what_cannot_be_shown_is_told():
    for name, told in (
        ("stage1.time", "unnamed"),
        ("stage1.signal-led", "did you mean"),
        ("recursion.exact", "identity"),
    ):
        with pytest.raises(ValueError, match=told):
            replace(SMALL, show=(name,))
    with pytest.raises(ValueError, match="flip probability"):
        maps.cells(replace(SMALL, y=Axis(name="tau", low=0.1, high=0.6, count=2)))


# Runs --------------------------------------------------------------------------------------------------------------


def test_a_run_is_gradient_descent_on_its_sample():
    """The trajectory of a map's run against autograd on explicit vectors with the same inner products."""
    map_ = replace(PACK.maps.presets()["kou"], x=Axis(name="mu", low=0.0, high=6.0, count=3), seeds=2, steps=30)
    batch = maps.plan(map_)[0].batches[0]
    run = maps.simulate(map_, batch)
    state = run.state("end")
    for k in range(0, len(batch), 7):
        setting, sample = run.settings[k], run.samples[k]
        assert np.array_equal(sample.gram, draw(setting, batch[k][2]).gram), "reproducible from setting and seed"
        patches, weights = embedded(sample)
        vectors = replace(sample, patches=patches, weights=weights)
        reference = train_reference(setting, vectors, map_.steps)
        margins = state.margins[k]
        assert torch.allclose(margins, reference.margins, rtol=1e-6, atol=1e-8)


def embedded(sample):
    """Vectors with the inner products of a sample: rows of V and of W_0."""
    joint = np.block([[sample.gram, sample.overlap.T], [sample.overlap, sample.weight_gram]])
    values, vectors = np.linalg.eigh(joint)
    rows = vectors * np.sqrt(np.maximum(values, 0))
    # Turned so that mu lies along the first axis, as the reference reads it there.
    size = len(sample.gram)
    return rows[:size], rows[size:]


def test_many_test_errors_at_once_are_those_one_by_one():
    settings = [
        Setting(n=10, m=4, d=60 + k, mu=0.4 * k, sigma_0=0.2, eta=1.5, tau_plus=0.2, tau_minus=0.1) for k in range(9)
    ]
    samples = [draw(setting, seed) for seed, setting in enumerate(settings)]
    run = train(settings, samples, steps=60, events=moments(1.0))
    came = ~np.isnan(run.time("T1"))
    assert came.any() and not came.all(), "the moment comes in some"
    for event in ("T1", "end"):
        together = generalization(run, event)
        for k in range(len(settings)):
            kept = {name: weights.of(slice(k, k + 1)) for name, weights in run.kept.items()}
            alone = generalization(replace(run, settings=(settings[k],), samples=(samples[k],), kept=kept), event)
            for name in Generalization.__dataclass_fields__:
                here, there = getattr(together, name)[k], getattr(alone, name)[0]
                assert np.isclose(here, there, atol=2.01 / DRAWS / 10, equal_nan=True), name
                assert np.isnan(here) == (event == "T1" and not came[k])


def test_results_depend_neither_on_processes_nor_on_interruption(tmp_path):
    alone = runs_of(SMALL, tmp_path, name="alone")
    with processes.Processes(2) as pool:
        together = runs_of(SMALL, tmp_path, pool, name="together")
    pd.testing.assert_frame_equal(alone, together)

    def interrupt(task, kept):
        raise KeyboardInterrupt

    with maps.FOLDER.open(tmp_path / "again", maps.identity(SMALL)) as folder:
        assert maps.collect(maps.plan(SMALL), folder, None, interrupt) is None
    kept = sorted(path.name for path in folder.glob("runs/0*.parquet"))
    assert len(kept) == 1
    before = (folder / "runs" / kept[0]).stat().st_mtime_ns
    with maps.FOLDER.open(tmp_path / "again", maps.identity(SMALL), resume=True) as folder:
        pd.testing.assert_frame_equal(maps.collect(maps.plan(SMALL), folder), alone)
    assert (folder / "runs" / kept[0]).stat().st_mtime_ns == before, "what was finished is not redone"


def test_another_map_or_a_damaged_file_is_refused(tmp_path):
    folder = tmp_path / "map"

    def resume(map_, **changed):
        with maps.FOLDER.open(folder, maps.identity(map_) | changed, resume=True):
            pass

    with maps.FOLDER.open(folder, maps.identity(SMALL)) as batches:
        assert maps.held(folder, PACK) == SMALL
    with pytest.raises(ValueError, match="its seeds is 3, not 4"):
        resume(replace(SMALL, seeds=4))
    with pytest.raises(ValueError, match="its x is"):
        resume(replace(SMALL, x=Axis(name="kappa", low=1, high=8, count=4)))
    with pytest.raises(ValueError, match="its code is"):
        resume(SMALL, code="other")
    (batches / "runs").mkdir()
    (batches / "runs" / "00000.parquet").write_bytes(b"damaged")
    with pytest.raises(ValueError, match="delete it"):
        maps.collect(maps.plan(SMALL), batches)
    (tmp_path / "mine").mkdir()
    with pytest.raises(ValueError, match="no map to resume"):
        maps.held(tmp_path / "mine", PACK)


# Cells -------------------------------------------------------------------------------------------------------------


def made_up(map_, **columns):
    """A table of runs in which every cell's runs are as given, one list entry per seed."""
    cells, seeds = len(maps.cells(map_)), map_.seeds
    body = {"cell": np.repeat(np.arange(cells), seeds), "seed": np.tile(np.arange(seeds), cells)}
    body |= {"status": "stopped", "steps": 100, "flip_share": 0.1, "order_one_time": 40.0}
    body |= {name: np.tile(values, cells) for name, values in columns.items()}
    return pd.DataFrame(body)


def test_a_cell_counts_what_holds_and_says_why_it_has_no_answer():
    map_ = replace(SMALL, seeds=4, show=("stage1.noisy-ignored",))
    nan = np.nan

    def cell(**columns):
        return maps.table(map_, made_up(map_, **columns)).iloc[0]

    name = map_.show[0]
    usual = cell(margin_noisy_max_T1=[-0.1, -0.2, 0.1, -0.3])
    assert (usual[name], usual[f"{name}:holds"], usual[f"{name}:counted"], usual[f"{name}:why"]) == (0.75, 3, 4, 0)
    late = cell(margin_noisy_max_T1=[-0.1, nan, nan, nan], order_one_time=[40.0, nan, nan, nan])
    assert np.isnan(late[name]) and late[f"{name}:why"] == maps.LATE and late[f"{name}:late"] == 3
    silent = cell(margin_noisy_max_T1=[nan, nan, nan, -1.0], flip_share=[nan, nan, nan, 0.1])
    assert np.isnan(silent[name]) and silent[f"{name}:why"] == maps.SILENT
    # T_1 never came in a run that went on to the end and has no flips: that is late, not silent.
    both = cell(margin_noisy_max_T1=[nan] * 4, flip_share=[nan] * 4, order_one_time=[nan] * 4)
    assert both[f"{name}:why"] == maps.LATE
    diverged = cell(margin_noisy_max_T1=[-1.0] * 4, status=["diverged"] * 4)
    assert diverged[name] == 1, "what was seen at T_1 stands, though the run blew up later"
    blown = cell(margin_noisy_max_T1=[nan] * 4, status=["diverged"] * 4, order_one_time=[nan] * 4)
    assert blown[f"{name}:why"] == maps.LATE and blown[f"{name}:counted"] == 0, "before T_1 it says nothing of it"


def test_a_median_takes_a_run_that_never_arrived_for_later_than_any_other():
    map_ = replace(SMALL, seeds=4, show=("order_one_time", "error_spurious_T1"))

    def cell(times, errors=(0.1, 0.2, 0.3, 0.2)):
        return maps.table(map_, made_up(map_, order_one_time=list(times), error_spurious_T1=list(errors))).iloc[0]

    one = cell([10.0, 20.0, np.nan, 30.0])
    assert one["order_one_time"] == 25.0 and one["order_one_time:censored"] == 1
    assert one["order_one_time:s"] == pytest.approx(25 * one["time_scale"])
    two = cell([10.0, 20.0, np.nan, np.nan])
    assert np.isnan(two["order_one_time"]) and two["order_one_time:why"] == maps.LATE
    assert one["error_spurious_T1"] == pytest.approx(0.2)
    assert one["error_spurious_T1:se"] == pytest.approx(np.std([0.1, 0.2, 0.3, 0.2], ddof=1) / 2)


def test_the_map_of_real_runs_shows_the_stages(tmp_path):
    map_ = replace(SMALL, show=("stage1.signal-leads", "convergence_time"))
    found = maps.table(map_, runs_of(map_, tmp_path))
    assert len(found) == 6 and list(found["kappa"].round(6)) == [1.0, 4.5, 8.0] * 2
    assert found["convergence_time"].iloc[0] > found["convergence_time"].iloc[2] > 0
    assert found["convergence_time:censored"].sum() == 0
    shown = picture(map_, found)
    assert isinstance(shown, Picture) and shown.png[:4] == b"\x89PNG" and "<svg" in shown.svg
    for word in ("3 runs", "4.1.2-dimension", "mean field"):
        assert word in shown.caption


# Lines -------------------------------------------------------------------------------------------------------------


def test_a_condition_is_drawn_where_its_margin_meets_C():
    grid = maps.fine_grid(SMALL, 20)
    lines = {line.name: line for line in maps.boundaries(SMALL, grid)}
    for condition in maps.condition_sets(SMALL.reading)["condition-4.1"]:
        holds = np.array(
            [[condition.margin(SMALL.reading.at(v, SMALL.epsilon), 2.0).holds for v in row] for row in grid.values]
        )
        assert ((lines[condition.name].heights > 0) == holds).all(), condition.name
    assert lines["4.1.1-snr"].crosses and not lines["4.1.5-initialization"].crosses
    assert lines["4.1.5-initialization"].holds and not lines["4.1.2-dimension"].holds


@pytest.mark.parametrize(
    ("name", "threshold", "at"),
    [
        ("stage1.signal-leads", signal_leads_threshold, 2),
        ("stage1.noisy-ignored", noisy_ignored_threshold, 1),
        ("error_spurious_end", limiting_error_threshold, 1),
    ],
)
def test_a_threshold_lies_where_the_mean_field_puts_it(name, threshold, at):
    map_ = replace(SMALL, at=(*AT, ("tau_minus", "0.3*tau")))
    grid = maps.fine_grid(map_, 30)
    line, *dated = PACK.maps.lines(map_, name, grid, pd.DataFrame())
    kappa, plus, minus = (
        np.array([[f(v) for v in row] for row in grid.values])
        for f in (lambda v: v["n"] * v["mu"] ** 2 / v["d"], lambda v: v["tau_plus"], lambda v: v["tau_minus"])
    )
    worse = 1 - 2 * np.maximum(plus, minus)  # of both labels
    expected = kappa * (worse if name != "error_spurious_end" else 1 - 2 * plus - 2 * minus) - at
    assert (np.sign(line.heights) == np.sign(expected)).all() and line.crosses
    for later in dated:  # by T_1 clean samples pull less, so it takes more
        assert (later.heights < line.heights).all() and later.crosses


@pytest.mark.parametrize("leads", [True, False])
def test_the_threshold_at_T1_is_that_of_the_curve_and_tends_to_the_closed_one(leads):
    closed = 2 if leads else 1
    for level, within in ((0.25, 0.35 * closed), (0.01, 0.015 * closed)):
        taus, critical = drawn_over._label_threshold(leads, level)
        assert (critical[taus < 0.3] > 0.99 * closed).all()
        assert np.abs(critical[taus < 0.3] - closed).max() < within
    # One point checked against the curve itself.
    taus, critical = drawn_over._label_threshold(leads, 0.25)
    for factor in (0.97, 1.03):
        s = np.linspace(0, 30, 6001)
        found = curve(factor * critical[4] / (1 - 2 * taus[4]), float(taus[4]), s)
        at = np.argmax(np.minimum(np.minimum(found.gamma, found.rho_clean), found.rho_noisy) >= 0.25)
        ahead = found.gamma[at] - (max(found.rho_noisy[at], found.rho_clean[at]) if leads else found.rho_noisy[at] / 2)
        assert (ahead > 0) == (factor > 1)


def test_the_benign_constant_is_found_and_not_made_up():
    map_ = replace(
        PACK.maps.presets()["kou"],
        x=Axis(name="mu", low=0, high=9.9, count=40),
        y=Axis(name="d", low=100, high=1090, count=10),
    )
    cells = maps.cells(map_)
    height = np.array([s.n * s.mu**4 / s.d for s in cells])
    rows = pd.DataFrame([s.values() for s in cells])
    level, wrong = drawn_over.benign_level(rows.assign(error_fresh_end=np.where(height > 7.0, 0.0, 0.4)))
    assert level == pytest.approx(7.0, rel=0.2) and wrong == 0
    rng = np.random.default_rng(0)
    assert (
        drawn_over.benign_level(rows.assign(error_fresh_end=rng.permutation(np.where(height > 7.0, 0.0, 0.4)))) is None
    )
    assert drawn_over.benign_level(rows.assign(error_fresh_end=0.0)) is None
    assert drawn_over.benign_level(rows.assign(error_fresh_end=np.where(height > 7.0, 0.4, 0.0))) is None, (
        "the wrong way round"
    )


# The command -------------------------------------------------------------------------------------------------------

COMMAND = [
    "map", "kappa", "tau", "--x", "1:8:3", "--y", "0.05:0.3:2", "--at", "n=12 m=6 d=5000", "--seeds", "2",
    "--epsilon", "0.3", "--show", "stage1.signal-leads", "--show", "error_spurious_end", "--jobs", "1", "--quiet",
]  # fmt: skip


def test_the_command_writes_its_map(tmp_path):
    out = tmp_path / "out"
    done = CliRunner().invoke(cli, [*COMMAND, "--out", str(out)], standalone_mode=False)
    assert done.exception is None and done.return_value == 0, done.output
    assert {p.name for p in out.iterdir()} == {
        ".thetacheck.lock", "map-batches", "map-cells.csv", "map-runs.csv", "map.html", "map.pdf", "map.png", "map.svg",
        "thetacheck.json",
    }  # fmt: skip
    cells = pd.read_csv(out / "map-cells.csv")
    assert len(cells) == 6 and "margin:4.1.1-snr" in cells and "stage1.signal-leads:counted" in cells
    assert len(pd.read_csv(out / "map-runs.csv")) == 12
    assert "<pre>thetacheck" in (out / "map.html").read_text() and "6 cells, 12 runs" in done.output
    # Resuming needs no axes and redoes nothing; the preset brings its own.
    before = {p.name: p.stat().st_mtime_ns for p in (out / "map-batches/runs").iterdir()}
    again = CliRunner().invoke(cli, ["map", "--resume", str(out), "--jobs", "1", "--quiet"], standalone_mode=False)
    assert again.exception is None and again.return_value == 0
    assert {p.name: p.stat().st_mtime_ns for p in (out / "map-batches/runs").iterdir()} == before
    other = CliRunner().invoke(
        cli, [*COMMAND, "--resume", str(out), "--seed", "7"], standalone_mode=False, catch_exceptions=True
    )
    assert isinstance(other.exception, ValueError) and "its seed is 0, not 7" in str(other.exception)


def test_the_preset_is_what_kou_et_al_ran(tmp_path, monkeypatch):
    map_ = PACK.maps.presets()["kou"]
    cells = maps.cells(map_)
    assert len(cells) == 10_000 and map_.seeds * len(cells) == 100_000 and (map_.steps, map_.draws) == (100, 1000)
    assert map_.x.values[:2] == (0.0, 0.1) and map_.y.values[:2] == (100.0, 110.0) and map_.y.values[-1] == 1090
    assert {(s.n, s.m, s.sigma_xi, s.tau_plus, s.tau_minus) for s in cells} == {(20, 10, 1.0, 0.1, 0.1)}
    tiny = ["map", "--preset", "kou", "--x", "0:9.9:2", "--y", "100:1090:2", "--seeds", "1", "--steps", "3", "--quiet",
            "--jobs", "1"]  # fmt: skip
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, tiny, standalone_mode=False)
    assert done.exception is None and len(pd.read_csv("map/map-cells.csv")) == 4


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["kappa"], "two parameters"),
        (["kappa", "kappa"], "given twice"),
        (["kappa", "tua"], "no such parameter"),
        (["kappa", "tau", "--at", "n"], "name=value"),
        (["kappa", "tau", "--show", "stage1.noisy"], "did you mean"),
        (["kappa", "tau", "--preset", "kou"], "brings its own axes"),
        (["kappa", "tau", "--epsilon", "2"], "to below 0.693"),
        (["--resume", "nowhere"], "no map to resume"),
    ],
)
def test_a_mistake_is_told_and_nothing_is_written(tmp_path, monkeypatch, arguments, told):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["map", *arguments], standalone_mode=False)
    assert (
        isinstance(done.exception, ValueError | click.BadParameter)
        and told in str(done.exception)
        and "\n" not in str(done.exception)
    )
    assert not list(tmp_path.iterdir())


def test_an_interrupt_is_130_and_says_how_to_go_on(tmp_path):
    command = [
        sys.executable, "-m", "verify", "map", "kappa", "tau", "--x", "1:8:200", "--y", "0.1:0.3:3",
        "--at", "n=24 m=12 d=1e6", "--jobs", "1", "--quiet", "--out", "out",
    ]  # fmt: skip
    process = subprocess.Popen(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, text=True
    )
    end = time.monotonic() + 60
    while not list(tmp_path.glob("out/map-batches/runs/0*.parquet")) and time.monotonic() < end:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "map --resume out" in stderr and "Traceback" not in stderr
    assert not (tmp_path / "out" / "map-cells.csv").exists()
