"""Checking a user's file: every mistake in one line, the weights, the relations, and claims along scalings."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import sympy as sp
from sympy import Max, Rational, log, sqrt

import theory
from theory import Band, C, Claim, Condition, T_star, Within, d, delta, eta, m, mu, n, sigma_0, sigma_xi
from theory.papers.han2025 import PAPER, Reading, condition_4_1
from theory.statements import imbalance, weights
from verify import check, processes, report, scaling, study, sweep, userfile
from verify.design import EPSILON, PROFILES
from verify.packs.han2025 import PACK
from verify.scaling import CONTROL, Fate

ROOT = Path(__file__).resolve().parent.parent
HEAD = "from theory import *\nfrom numerics import Observable\n"


def write(folder: Path, text: str, name: str = "note.py") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def load(folder: Path, text: str, reading: Reading = Reading()) -> userfile.UserFile:
    return userfile.load(write(folder, HEAD + text), reading)


# Reading the file --------------------------------------------------------------------------------------------------

GOOD = """
strong = Condition(name="strong-signal", source="my note (3)", statement=n * mu**4 >= d * sigma_xi**4)
CLAIMS = (
    Claim(name="fit-time", source="my note", needs=(strong,), observable="clean_fit_time", law=1 / mu**2),
    Claim(name="mine", source="my note", needs=(strong,), observable="twice", law=Within(low=0)),
)
twice = Observable(name="twice", says="steps", stage="start", compute=lambda run: 2.0 * run.last)
"""


def test_plain_values_are_all_that_is_needed(tmp_path):
    held = load(tmp_path, GOOD)
    assert list(held.conditions) == ["strong-signal"]
    assert [c.name for c in held.claims] == ["fit-time", "mine"]
    assert list(held.observables) == ["twice"]
    assert held.lines == {"strong-signal": 4, "fit-time": 6, "mine": 7, "twice": 9}
    userfile.try_observables(held)


def test_conditions_of_the_paper_are_read_as_the_command_line_says(tmp_path):
    reading = Reading(kappa_low=4.0)
    text = "from theory.papers.han2025 import condition_4_1\n"
    text += 'CLAIMS = Claim(name="x", source="s", needs=condition_4_1(), observable="loss_end", law=Within(high=1))\n'
    held = load(tmp_path, text, reading)
    assert held.conditions == {}
    assert held.claims[0].needs == condition_4_1(reading)
    assert load(tmp_path, text).claims[0].needs == condition_4_1()


CONDITION = 'Condition(name="{}", source="s", statement={})\n'
CLAIM = 'Claim(name="{}", source="s", needs=(), observable="{}", law={})\n'


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("import helper_that_is_nowhere\n", 3, ("helper_that_is_nowhere", "stands alone")),
        ("from theory import sigmaa\n", 3, ("sigmaa",)),
        ("x = (\n", 3, ("no valid Python",)),
        ("x = 1\ny = 1 / 0\n", 4, ("ZeroDivisionError",)),
        ("def f():\n    raise TypeError\nf()\n", 4, ("TypeError",)),
        ("import sys\nsys.exit(0)\n", 4, ("SystemExit",)),
        ("x = 1\nwhile True:\n    x += 1\n", (4, 5), ("more than 0.3 s", "loop")),
        ("while True:\n    try:\n        x = 1\n    except Exception:\n        pass\n", (3, 4, 5), ("loop",)),
        ("a = " + CONDITION.format("a", "d >= sigmaxi"), 3, ("sigmaxi", "sigma_xi")),
        ("import sympy\na = " + CONDITION.format("a", "d >= sympy.Symbol('k')"), 4, ("unknown symbol 'k'",)),
        ("import sympy\na = " + CONDITION.format("a", "d >= sympy.Symbol('n')"), 4, ("look-alike",)),
        ("a = " + CONDITION.format("a", "d + n"), 3, ("no relation",)),
        ("\na = " + CONDITION.format("a", "d >= n + C"), 4, ("factor",)),
        ("\na = " + CONDITION.format("a", "d >= n * t"), 4, ("t", "no setting fixes")),
        ("a = " + CONDITION.format("x", "n >= 2") + "b = " + CONDITION.format("x", "n >= 3"), 4, ("'x'", "twice")),
        ("a = " + CONDITION.format("4.1.2-dimension", "n >= 2"), 3, ("4.1.2-dimension", "paper")),
        ("CLAIMS = (" + CLAIM.format("x", "loss_end", "n").strip() + ",\n" + CLAIM.format("x", "loss_end", "m") + ")",
         4, ("'x'", "twice")),
        ("a = " + CLAIM.format("stage1.time", "loss_end", "n"), 3, ("stage1.time", "ours")),
        ("a = " + CLAIM.format("x", "clean_fit_tim", "n"), 3, ("clean_fit_tim", "clean_fit_time")),
        ("a = " + CLAIM.format("x", "loss_end", "Theta(n + 1)"), 3, ("no monomial",)),
        ("a = " + CLAIM.format("x", "loss_end", "Within(high=t)"), 3, ("no value for t",)),
        ("o = Observable(name='loss_end', says='', stage='end', compute=len)\na = " + CONDITION.format("a", "n >= 2"),
         3, ("loss_end", "ours")),
        ("o = [Observable(name='o', says='', stage='end', compute=len),\nObservable(name='o', says='', stage='T1',"
         " compute=len)]\na = " + CLAIM.format("x", "o", "n"), 4, ("'o'", "twice")),
        ("x = 1\n", 1, ("states nothing",)),
        ("x = '\0'\n", 1, ("Python",)),
    ],
)  # fmt: skip
def test_every_mistake_is_one_line_that_names_file_and_line(tmp_path, monkeypatch, text, line, words):
    monkeypatch.setattr(userfile, "TIME_LIMIT", 0.3)
    path = write(tmp_path, HEAD + text)
    with pytest.raises(ValueError, match=r"note\.py") as caught:
        userfile.load(path)
    said = str(caught.value)
    assert "\n" not in said
    lines = line if isinstance(line, tuple) else (line,)
    assert any(said.startswith(f"{path}:{k}: ") for k in lines), said
    for word in words:
        assert word in said, said


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("lambda run: 1 / 0", ("ZeroDivisionError",)),
        ("lambda run: 1.0", ("shape ()", "one number per run")),
        ("lambda run: run.at('T1', 'nonsense')", ("nonsense",)),
        ("lambda run: [x for x in iter(int, 1)]", ("more than 0.3 s",)),
    ],
)
def test_a_failing_observable_is_found_before_any_run(tmp_path, monkeypatch, body, words):
    monkeypatch.setattr(userfile, "TIME_LIMIT", 0.3)
    held = load(
        tmp_path,
        f"o = Observable(name='o', says='', stage='T1',\n    compute={body})\na = " + CLAIM.format("x", "o", "n"),
    )
    with pytest.raises(ValueError, match=r"note\.py:\d+: ") as caught:
        userfile.try_observables(held)
    for word in words:
        assert word in str(caught.value)
    assert str(caught.value).count("note.py:") == 1


def test_nothing_of_ours_is_left_changed(tmp_path):
    text = """
import os, sys, warnings
sys.modules["theory"] = None
sys.modules["verify.sweep"] = sys
sys.path.insert(0, "/nowhere")
os.environ["THETACHECK_STRAY"] = "1"
os.chdir("/")
warnings.simplefilter("ignore")
a = Condition(name="a", source="s", statement=n >= 2)
"""
    before = (dict(sys.modules), list(sys.path), dict(os.environ), os.getcwd(), dict(PACK.observables))
    assert list(load(tmp_path, text).conditions) == ["a"]
    assert sys.modules["theory"] is theory
    assert {k: v for k, v in sys.modules.items() if k in before[0]} == before[0]
    assert "_thetacheck_user_file" not in sys.modules
    assert (sys.path, dict(os.environ), os.getcwd(), PACK.observables) == before[1:]


def test_a_file_named_as_one_of_ours_is_still_only_a_file(tmp_path):
    path = write(tmp_path, HEAD + "a = " + CONDITION.format("a", "n >= 2"), "theory.py")
    assert list(userfile.load(path).conditions) == ["a"]


# Weights -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (mu, {1}), (eta * sigma_xi**2, {0}), (sp.Max(mu, sigma_xi**2), {1, 2}), (mu + sigma_xi, {1}), (n * d, {0}),
        (sqrt(mu) / sigma_0, {Rational(3, 2)}), (log(n * m), {0}), (log(mu / sigma_xi), {0}), (sp.Integer(0), set()),
        ((mu + sigma_xi**2) * eta, {-1, 0}),
    ],
)  # fmt: skip
def test_weights_by_hand(expression, expected):
    assert weights(expression) == expected


def test_weights_are_those_of_the_rescaling_in_numbers():
    rng = np.random.default_rng(0)
    c = 1.7
    for expression in (mu * sigma_0, eta * d * sigma_xi**2 / n, Max(mu, 3 * sigma_xi) ** 3, sqrt(mu * sigma_xi)):
        names = sorted(s.name for s in expression.free_symbols)
        values = {k: float(rng.uniform(1, 2)) for k in names}
        changed = {k: v * c ** theory.statements.RESCALING.get(k, 0) for k, v in values.items()}
        ratio = theory.evaluate(expression, changed) / theory.evaluate(expression, values)
        [weight] = weights(expression)
        assert ratio == pytest.approx(c ** float(weight), rel=1e-12)


def test_a_condition_out_of_balance_is_said_and_the_papers_are_in_balance():
    assert imbalance(n * mu**4 >= d * sigma_xi**3) == (
        "mu**4*n >= d*sigma_xi**3 has weight 4 on the left, 3 on the right"
    )
    assert "otherwise than by a power" in imbalance(d >= n * log(mu))
    assert imbalance(Band(mu, 1, 2))
    for condition in condition_4_1():
        assert imbalance(condition.statement) == "", condition.name


def test_warnings_name_the_line_and_laws_are_weighed_against_observables(tmp_path):
    text = "a = " + CONDITION.format("a", "n * mu**4 >= d * sigma_xi**3")
    text += "CLAIMS = (\n" + CLAIM.format("good", "noise_norm_min", "AtMost(sigma_xi**2 * d)").strip() + ",\n"
    text += CLAIM.format("bad", "noise_norm_min", "AtMost(sigma_xi * d)").strip() + ",\n"
    text += CLAIM.format("time", "order_one_time", "n * m / (eta * sigma_xi**2 * d)").strip() + ",)\n"
    found = list(check.dimension_warnings(load(tmp_path, text)))
    assert len(found) == 2
    assert "note.py:3: condition 'a'" in found[0]
    assert "weight 4" in found[0]
    assert "note.py:6: claim 'bad'" in found[1]


# Relations, with a stand-in for theory.orders -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        (n * mu**4 >= d * sigma_xi**4, "implied"),
        (d >= C * n**2 * log(n * m / delta) * log(T_star) ** 3, "implying"),
        (d >= 7 * C * n**2 * log(n * m / delta) * log(T_star) ** 2, "equivalent"),
        (sigma_0 >= sqrt(n) / (20 * sigma_xi * d), "independent"),
        (mu >= sigma_xi * sqrt(d), "contradicting"),  # with kappa = Theta(1) and n growing
        (d <= n ** Rational(3, 2), "contradicting"),
    ],
)
def test_relations_to_the_papers_conditions(statement, kind):
    found = check.relation(Condition(name="new", source="s", statement=statement), PAPER.sets(Reading())[0], PAPER)
    assert found.kind == kind
    assert found.says
    assert found.proof


# Along a scaling ---------------------------------------------------------------------------------------------------

OTHERS = tuple(c for c in condition_4_1() if c.name != "4.1.2-dimension")
LOST = next(c for c in condition_4_1() if c.name == "4.1.2-dimension")
WEAKER = Condition(
    name="weaker",
    source="s",
    statement=d >= C * Max(n ** Rational(3, 2) * log(n * m / delta), n * mu / sigma_xi * sqrt(log(n / delta))),
)
NEW = Condition(name="new", source="s", statement=d >= C * n)
ONE, HALF, NONE = Fraction(1), Fraction(1, 2), Fraction(0)
LINEAR = (ONE, NONE, NONE)
ALONG = {
    "weaker": {"n": LINEAR, "m": (NONE, ONE, NONE), "d": (3 * HALF, ONE, NONE), "mu": (HALF / 2, HALF, NONE)},
    "new": {"n": LINEAR, "m": (NONE, ONE, NONE), "d": LINEAR, "mu": (NONE, NONE, NONE)},
}


@pytest.fixture
def small(monkeypatch):
    """Seconds instead of minutes."""
    monkeypatch.setattr(scaling, "EFFORT", {"quick": (12, 0.3)})
    monkeypatch.setattr(scaling, "VALUES", 5)
    monkeypatch.setattr(scaling, "PART", 12)


def along(condition: Condition, tight: bool = True, lost: Condition = LOST) -> scaling.Path:
    powers = ALONG[condition.name]
    return scaling.path(powers, "as stated", (*OTHERS, condition), lost, Reading(), "T1", "quick", tight)


@pytest.mark.parametrize("tight", [True, False])
@pytest.mark.parametrize("condition", [WEAKER, NEW], ids=lambda c: c.name)
def test_settings_along_a_scaling_stay_inside_its_conditions_and_leave_the_lost_one(small, condition, tight):
    found = along(condition, tight)
    assert found.problem == ""
    assert found.restored_by == "d"
    reading = Reading()
    for place in found.places:
        values = reading.at(place.setting.values(), EPSILON[1])
        assert theory.inside(found.needs, values, reading.C)
        if tight:  # on the edge, but for rounding up
            assert condition.margin(values).value == pytest.approx(reading.C, rel=0.04)
        assert place.margin == LOST.margin(values).value
        assert place.control is not None
        control = reading.at(place.control.values(), EPSILON[1])
        assert theory.inside((*found.needs, LOST), control, reading.C)
        assert (place.control.n, place.control.m) == (place.setting.n, place.setting.m)
    margins = [p.margin for p in found.places]
    assert margins == sorted(margins, reverse=True)
    assert margins[0] < reading.C
    kappas = [p.setting.kappa for p in found.places]
    assert kappas == pytest.approx([kappas[0]] * len(kappas), rel=1e-9)
    if not tight:
        size, dimension = ([getattr(p.setting, k) for p in found.places] for k in ("n", "d"))
        power = ALONG[condition.name]["d"]
        grown = [scaling.growth(power, p.size) for p in found.places]
        assert np.array(dimension) / grown == pytest.approx([dimension[0] / grown[0]] * len(size), rel=0.05)


def test_too_short_a_path_and_too_few_runs_are_not_enough_evidence(small, monkeypatch):
    monkeypatch.setattr(scaling, "EFFORT", {"quick": (12, 0.01)})
    short = along(WEAKER)
    assert "affords" in short.problem
    assert scaling.jobs(short, (), "quick", Reading(), 0, "cpu") == []
    claim = Claim(name="c", source="s", needs=short.needs, observable="margin_clean_min_T1", law=Within(low=0))
    found = scaling.trend(claim, short, sweep.pd.DataFrame({"group": []}), Reading(), PACK.observables)
    assert found.answer == Fate.OPEN


def test_the_proof_alone_fails_with_a_weaker_dimension_and_the_conclusion_with_a_linear_one(small, tmp_path):
    """Real runs: at d of order n the own neurons of some sample die and T_1 never comes; at n^1.5 nothing happens."""
    answers = {}
    for condition in (WEAKER, NEW):
        found = along(condition)
        claim = Claim(name="arrives", source="s", needs=found.needs, observable="order_one_time", law=Within(low=1))
        jobs = scaling.jobs(found, ("flip_share", "order_one_time"), "quick", Reading(), 0, "cpu")
        results = list(sweep.run(jobs, _made(tmp_path / condition.name)))
        runs = sweep.pd.concat([r.runs for r in results], ignore_index=True)
        told = scaling.trend(claim, found, runs, Reading(), PACK.observables)
        answers[condition.name] = told.answer
        assert list(told.table["N"]) == [p.size for p in found.places]
        assert {"margin", "value", "low", "high", "control_value"} <= set(told.table)
    assert answers == {"weaker": Fate.HOLDS, "new": Fate.FAILS}


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


# The rule, on planted data -------------------------------------------------------------------------------------------

SIZES = np.repeat(np.geomspace(16, 1024, 7), 24)


def planted(rng: np.random.Generator, *shares: float) -> tuple[np.ndarray, np.ndarray]:
    """Runs that meet a claim with these probabilities, spread evenly over log N from the least to the largest."""
    share = np.interp(np.log(SIZES), np.linspace(np.log(16), np.log(1024), len(shares)), shares)
    return SIZES, rng.random(SIZES.size) < share


@pytest.mark.parametrize(
    ("seen", "control", "expected"),
    [
        ((1.0, 0.2), (1.0, 1.0), Fate.FAILS),
        ((0.1, 0.0), (1.0, 1.0), Fate.FAILS),  # lost from the outset
        ((1.0, 0.2), None, Fate.FAILS),
        ((1.0, 0.2), (1.0, 0.2), Fate.OPEN),  # not for the loss of the premise
        ((0.1, 0.75), (1.0, 1.0), Fate.OPEN),  # still failing, but recovering
        ((1.0, 1.0), (1.0, 1.0), Fate.HOLDS),
        ((0.6, 0.98, 1.0, 1.0), (0.6, 1.0, 1.0), Fate.HOLDS),  # only the small ones fail
        ((0.88, 0.88), (1.0, 1.0), Fate.OPEN),  # too near to 0.9 to tell
    ],
)
def test_planted_shares_get_their_answer(seen, control, expected):
    given = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        given.append(scaling.shares(planted(rng, *seen), control and planted(rng, *control), 0.9)[0])
    assert given.count(expected) >= 36, given  # each error has at most 5 %
    opposite = {Fate.FAILS: Fate.HOLDS, Fate.HOLDS: Fate.FAILS}.get(expected)
    assert opposite not in given


def test_the_rule_rarely_errs():
    """p = 0.9 is the worst case for both answers; neither may come more often than its levels allow."""
    rng = np.random.default_rng(0)
    given = [scaling.shares(planted(rng, 0.9, 0.9), planted(rng, 0.9, 0.9), 0.9)[0] for _ in range(120)]
    assert given.count(Fate.FAILS) <= 2  # needs two independent tests of 2.5 and 5 % to err at once
    assert given.count(Fate.HOLDS) <= 10  # 2.5 % expected
    failing = [scaling.shares(planted(rng, 0.6, 0.6), planted(rng, 0.6, 0.6), 0.9)[0] for _ in range(100)]
    assert failing.count(Fate.HOLDS) == 0
    assert failing.count(Fate.FAILS) <= 12  # 5 %: the control fails alike


@pytest.mark.parametrize(
    ("power", "control", "bad", "expected"),
    [
        (0.0, 0.0, 1, Fate.HOLDS), (0.5, 0.0, 1, Fate.FAILS), (0.5, 0.5, 1, Fate.OPEN),
        (-0.5, 0.0, 1, Fate.HOLDS), (-0.5, 0.0, -1, Fate.FAILS), (0.5, 0.0, -1, Fate.HOLDS),
        (-0.5, 0.0, 0, Fate.FAILS), (0.5, 0.0, 0, Fate.FAILS), (0.0, 0.0, 0, Fate.HOLDS),
        (0.25, 0.0, 1, Fate.OPEN),
    ],
)  # fmt: skip
def test_planted_constants_get_their_answer(power, control, bad, expected):
    rng = np.random.default_rng(3)

    def runs(exponent: float) -> tuple[np.ndarray, np.ndarray]:
        return SIZES, np.exp(rng.normal(0, 0.1, SIZES.size)) * SIZES**exponent

    quantile = {1: 0.9, -1: 0.1, 0: 0.5}[bad]
    told = scaling.constants({"": runs(power), CONTROL: runs(control)}, quantile, 0.25, bad)
    assert told[0] == expected, told[1]


# The whole ---------------------------------------------------------------------------------------------------------

USER = """
from sympy import Max, Rational, log, sqrt
from theory.papers.han2025 import condition_4_1

weaker = Condition(name="weaker", source="s", statement=d >= C * n, says="Linear.")
others = tuple(c for c in condition_4_1() if c.name != "4.1.2-dimension")
steps = Observable(name="steps_taken", says="iterations", stage="T1", premises=(), compute=lambda run: run.last * 1.0)
CLAIMS = (
    Claim(name="mine.arrives", source="s", needs=(*others, weaker), observable="order_one_time", law=Within(low=1)),
    Claim(name="mine.steps", source="s", needs=(*others, weaker), observable="steps_taken", law=Within(low=1)),
)
"""


def identity(planned: study.Plan) -> dict:
    return study.identity(planned.profile, planned.reading, planned.seed, planned.file)


def test_a_whole_check_is_reported_and_refuses_another_file(small, monkeypatch, tmp_path):
    profile = replace(PROFILES["quick"], seeds=2, settings={**PROFILES["quick"].settings, "T1": 4})
    monkeypatch.setitem(PROFILES, "quick", profile)
    held = load(tmp_path, USER)
    found, planned, followed = check.prepare(held, profile, Reading(), 0, "cpu")
    assert [r.kind for r in found.relations] == ["implied"]
    assert [(p.condition.name, p.status) for p in found.omissions] == [("4.1.2-dimension", "not entailed")]
    assert {"least", "median", "largest"} <= set(found.margins)
    assert (found.margins["least"] <= found.margins["largest"]).all()
    out = tmp_path / "out"
    with study.FOLDER.open(out, identity(planned)) as batches, processes.Processes(2) as pool:
        results, missing = study.collect(planned, batches, pool, lambda *_: None)
    outcome = study.conclude(planned, results, missing, 0.0)
    found = check.conclude(found, followed, outcome)
    assert {t.claim.name: t.answer for t in found.trends} == {"mine.arrives": Fate.FAILS, "mine.steps": Fate.HOLDS}
    assert outcome.runs["steps_taken"].notna().any()
    report.write(outcome, out, "a command", found)
    body = json.loads((out / "report.json").read_text())
    jsonschema.validate(body, json.loads(report.SCHEMA.read_text()))
    assert body["check"]["trends"][0]["answer"] == Fate.FAILS
    page = (out / "index.html").read_text()
    for text in ("Your file: note.py", "the conclusion fails too", "Margins at typical settings"):
        assert text in page
    assert "4.1.2" in (out / "report.md").read_text()
    # The same study resumes; the file changed by a word is another one.
    with study.FOLDER.open(out, identity(planned), resume=True):
        pass
    other = identity(replace(planned, file=load(tmp_path, USER + "# a word\n")))
    with pytest.raises(ValueError, match="file"), study.FOLDER.open(out, other, resume=True):
        pass


def test_a_worker_notices_that_the_file_has_changed(tmp_path):
    held = load(tmp_path, USER)
    assert "steps_taken" in userfile.observables_of(Reading(), held.pin)
    userfile._pinned.cache_clear()
    write(tmp_path, HEAD + USER + "# a word\n")
    with pytest.raises(ValueError, match="changed"):
        userfile.observables_of(Reading(), held.pin)


def call(*arguments: str, cwd: Path) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}
    command = [sys.executable, "-m", "verify", "check", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, timeout=240, check=False)


def test_on_the_command_line_a_mistake_is_one_line_and_exit_status_2(tmp_path):
    path = write(tmp_path, HEAD + "a = " + CLAIM.format("x", "clean_fit_tim", "n"))
    done = call(str(path), "--out", str(tmp_path / "out"), cwd=tmp_path)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith(f"thetacheck: {path}:3: ")
    assert not (tmp_path / "out").exists()
    with pytest.raises(ValueError, match=r"nowhere\.py: cannot be read"):
        userfile.load(Path("nowhere.py"))


def test_conditions_alone_are_checked_without_a_run(tmp_path):
    text = "a = " + CONDITION.format("mine", "d >= C * n * sigma_xi")
    done = call(str(write(tmp_path, HEAD + text)), "--out", str(tmp_path / "out"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "warning" in done.stdout
    assert "weight 0 on the left, 1 on the right" in done.stdout
    held = json.loads((tmp_path / "out" / "report.json").read_text())
    assert held["claims"] == []
    assert [c["name"] for c in held["check"]["conditions"]] == ["mine"]


def test_the_example_states_what_the_tutorial_says():
    held = userfile.load(ROOT / "docs" / "examples" / "weaker_dimension.py")
    assert list(held.conditions) == ["dimension-1.5", "dimension-linear"]
    assert list(check.dimension_warnings(held)) == []
    userfile.try_observables(held)
    assert list(held.observables) == ["pairs_kept", "clean_fitted"]


def test_a_file_with_a_theorem_alone_is_reported(monkeypatch, capsys, tmp_path):
    """The example of docs/theorems.md, at less effort."""
    from verify import quantify
    from verify.__main__ import main

    small = replace(quantify.EFFORTS["quick"], rungs=2, each=5, seeds=2, confirmed=8, largest=40)
    monkeypatch.setitem(quantify.EFFORTS, "quick", small)
    example = ROOT / "docs" / "examples" / "own_theorem.py"
    monkeypatch.setattr("sys.argv", ["verify", "check", str(example), "--out", str(tmp_path), "--jobs", "1", "--quiet"])
    with pytest.raises(SystemExit) as done:
        main()
    said = capsys.readouterr().out
    assert done.value.code == 0
    assert "1 theorem," in said and said.count("fitted-and-grown") == 2
    held = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert [t["labels"] for t in held["theorems"]] == ["balanced", "drawn"]
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "2 answers on theorems" in page and "needs no runs" not in page
    markdown = (tmp_path / "report.md").read_text(encoding="utf-8")
    parts = [line for line in markdown.splitlines() if line.startswith("| all-clean-fitted |")]
    assert [line.split(" | ")[2] for line in parts] == ["balanced", "drawn"]
