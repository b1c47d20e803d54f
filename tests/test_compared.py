"""Several papers at one setting, and where their phases part: margins, predictions, the command, lines over a map."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numerics import OBSERVABLES, draw, train
from numerics.engine import Event
from theory import evaluate
from theory.papers import built_in
from verify import maps
from verify.compared import shared, standing
from verify.maps import Axis, Map
from verify.maps.figures import draw as picture
from verify.pack import load

# Inside the conditions of Kou et al. and of Chen et al.'s SGD at C = 2, far beyond their boundary.
AT = {
    "n": 64.0, "m": 16.0, "d": 4e7, "mu": 60.0, "sigma_xi": 1.0, "sigma_0": 1e-8, "eta": 1e-8, "tau_plus": 0.1,
}  # fmt: skip


def at(name: str, given=AT):
    pack = load(name)
    return standing(pack, given, pack.paper.reading(), 0.01)


logs = st.floats(-2, 2).map(lambda x: 10**x)


@settings(max_examples=25)
@given(st.sampled_from(built_in()), st.fixed_dictionaries({name: logs for name in ("d", "mu", "sigma_0", "eta")}))
def test_a_claim_is_predicted_exactly_where_all_its_conditions_hold(name, factors):
    one = at(name, AT | {k: AT[k] * x for k, x in factors.items()})
    reading = one.pack.paper.reading()
    values = reading.at(one.setting.values(), 0.01)
    for claim, _ in one.predicted:
        assert all(c.margin(values, reading.C).holds for c in claim.needs)
    for claim, margin in one.silent:
        assert margin.condition in claim.needs and not margin.holds
        fails = [c.margin(values, reading.C) for c in claim.needs]
        assert margin.value / margin.required == min(m.value / m.required for m in fails if not m.holds)


def test_bounds_are_the_numbers_of_the_setting():
    one = at("kou2023")
    [laws] = [laws for claim, laws in one.predicted if claim.name == "time.constant"]
    [claim] = [c for c, _ in one.predicted if c.name == "time.constant"]
    values = one.pack.paper.reading().at(one.setting.values(), 0.01)
    for got, stated in zip(laws[0][1].bounds, claim.parts[0][1].bounds, strict=True):
        assert float(got) == pytest.approx(evaluate(stated, values), rel=6e-3)  # three digits are shown
    assert one.taken == {} and one.unknown == ()


def test_what_a_model_has_beyond_the_others_is_taken_from_its_typical_setting():
    one = at("chen2023", AT | {"copies": 1.0, "cosine": 0.5})
    assert one.taken == {"batch": 16.0, "radius": 0.0} and one.unknown == ("cosine",)
    assert one.setting.copies == 1 and one.setting.tau_minus == 0.1
    with pytest.raises(ValueError, match="no value of mu, which every paper has: give --mu"):
        at("chen2023", {k: v for k, v in AT.items() if k != "mu"})


def test_papers_of_one_model_say_the_same_of_one_observable():
    """With one copy of the noise and a radius of 0 the model of Chen et al. is that of Kou et al., but for batches."""
    kou, chen = at("kou2023"), at("chen2023", AT | {"copies": 1.0})
    both = shared([kou, chen])
    assert both["noise_growth"]["kou2023"] == both["noise_growth"]["chen2023"]
    assert kou.phases[0][1] == chen.phases[0][1] > 0
    assert not shared([kou])


def test_where_phases_part_is_what_each_paper_derives():
    def where(name, **changes):
        pack = load(name)
        return pack.maps.phases[0].height(pack.typical | {"tau_plus": 0.1, "tau_minus": 0.1} | changes)

    one = {"n": 50.0, "d": 1e6, "mu": 30.0, "sigma_xi": 1.0}
    kou = where("kou2023", **one)
    assert where("meng2023", **one, cosine=0.0) == pytest.approx(kou - math.log(16))
    assert where("meng2023", **one, cosine=0.5) == pytest.approx(kou - math.log(16) + 2 * math.log(0.75))
    assert where("chen2023", **one, copies=3.0, radius=0.0) == pytest.approx(kou - 4 * math.log(3))
    assert math.isnan(where("chen2023", **one, copies=3.0, radius=0.1)), "of SAM none is known"
    snr = 30.0 / 1e3
    assert where("cao2022", **one, q=4.0) == pytest.approx(math.log(50 * snr**4 / 2))
    assert where("han2025", **one) == pytest.approx(math.log(50 * snr**2 * 0.8 / 2))


@pytest.mark.parametrize("name", ["kou2023", "meng2023", "chen2023"])
def test_runs_change_phase_there(name):
    """A factor of ten of strength on either side, where the limit has errors of 0.01 and 0.3: means of 16 runs."""
    pack = load(name)
    phases, values = pack.maps.phases[0], {**pack.typical, "n": 48.0, "m": 24.0, "d": 3e6, "epsilon": 0.3}
    errors = []
    for factor in (0.1, 10.0):
        there = values | {"mu": values["mu"] * (factor / math.exp(phases.height(values))) ** 0.25}
        there["sigma_0"] = 1e-3 / (there["mu"] + math.sqrt(there["d"]))
        there["eta"] = 0.1 * 48 * 24 / (3e6 * there.get("copies", 1) ** 2)
        setting = pack.settings(there, "drawn")
        runs = [setting] * 16
        end = Event(series="loss", value=0.3, falling=True)
        run = train(runs, [draw(setting, seed) for seed in range(16)], steps=4000, stop=end)
        assert set(run.status) == {"stopped"}
        errors.append(float(np.mean(OBSERVABLES["error_fresh_end"](run))))
    assert errors[0] > 0.2 and errors[1] < 0.06
    assert phases.says(values | {"mu": 1e6}) == phases.beyond != phases.below == phases.says(values | {"mu": 1e-3})


# Over a map -----------------------------------------------------------------------------------------------------------


def plane(paper: str, **changes) -> Map:
    held = load(paper)
    x = Axis(name="strength", low=0.03, high=30.0, count=6, log=True, paper=paper)
    y = Axis(name="n", low=16.0, high=64.0, count=3, log=True, paper=paper)
    return Map(x=x, y=y, reading=held.paper.reading(), seeds=2, show=("error_fresh_end",), **changes)


def test_lines_of_other_papers_lie_where_their_phases_part():
    map_ = plane("kou2023", beside=("meng2023", "chen2023", "cao2022"))
    grid = maps.fine_grid(map_)
    meng, chen, cao = maps.of_others(map_, grid)
    for line, name in ((meng, "meng2023"), (chen, "chen2023"), (cao, "cao2022")):
        pack = load(name)
        at = pack.typical | grid.values[7][31]
        assert line.heights[7, 31] == pytest.approx(pack.maps.phases[0].height(at))
        assert name in line.name and pack.maps.phases[0].beyond in line.says
    assert "q=3" in cao.name and "P-1" in chen.name, "what it has of its own is said"
    assert meng.crosses and not cao.crosses and not cao.holds
    assert [line.kind for line in maps.of_theory(plane("cao2022"), "error_fresh_end", grid, None)] == ["predicted"]
    assert maps.of_theory(plane("cao2022"), "convergence_time", grid, None) == []


def test_a_paper_without_phases_is_refused_beside_a_map():
    with pytest.raises(ValueError, match="beside 'huang2025': that paper parts no two phases"):
        plane("kou2023", beside=("huang2025",))


def small(axis: Axis) -> Axis:
    return replace(axis, low=axis.low if axis.low else axis.high / 4, count=2)


@pytest.mark.parametrize("name", built_in())
def test_a_map_of_every_paper_is_drawn_and_so_are_its_presets(name, tmp_path):
    pack = load(name)
    (x, y), reading = list(pack.maps.axes)[:2], pack.paper.reading()
    first = Map(x=Axis.read(x, "", 2, name), y=Axis.read(y, "", 2, name), reading=reading)
    for k, map_ in enumerate([first, *pack.maps.presets().values()]):
        tiny = replace(map_, x=small(map_.x), y=small(map_.y), seeds=1, steps=2, draws=8, show=map_.show[:1])
        with maps.FOLDER.open(tmp_path / str(k), maps.identity(tiny)) as folder:
            runs = maps.collect(maps.plan(tiny), folder, None)
        drawn = picture(tiny, maps.table(tiny, runs))
        for held, _ in maps.fixed(tiny):
            assert held in pack.columns or held in pack.maps.ratios
        assert drawn.png.startswith(b"\x89PNG") and "Held at every cell" in drawn.caption


# The command ----------------------------------------------------------------------------------------------------------


def typed(**other):
    given = {k: f"{v:g}" for k, v in AT.items()} | other
    return [x for k, v in given.items() for x in (f"--{k.replace('_', '-')}", v)]


TYPED = typed()


def test_the_command_says_what_holds_and_what_follows(here):
    done = here("compare", "--papers", "kou2023", "chen2023", "cao2022", *TYPED, "--copies", "1")
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert "Condition 4.1: inside, all 10 hold; weakest" in said
    assert "as in its typical setting: B = 16, τ = 0" in said and "its model has no (P − 1)" in said
    assert "none of its 18 claims applies" in said
    assert "Said of the same observable kou2023: noise growth" in said


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--papers", "kou2023"], "name two of `papers` or more"),
        (["--papers", "kou2023", "kou2023"], "name two of `papers` or more"),
        (["--papers", "kou2023", "kuo2023", *TYPED], "did you mean 'kou2023'?"),
        (["--papers", "kou2023", "han2025", "--n", "64"], "no value of m, which every paper has: give --m"),
        (["--papers", "kou2023", "han2025", *typed(n="6.5")], "'6.5' is not a whole number"),
        (["--papers", "kou2023", "han2025", *typed(mu="nan")], "'nan' is not a number"),
        (["report", "other", "--n", "64"], "--n is of a setting: give --papers with it"),
        (["report"], "1 reports: give the folders of two"),
    ],
)
def test_a_mistake_is_told_in_one_line(here, arguments, told):
    done = here("compare", *arguments)
    assert done.returncode == 2 and told in done.stderr and done.stderr.count("\n") == 1 and done.stdout == ""
