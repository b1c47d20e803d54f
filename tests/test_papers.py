"""A paper that nobody wrote (``tests/toy.py``: one more parameter, another activation) runs through every command."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from verify import processes
from verify.design import PROFILES, design, groups
from verify.pack import load

ROOT = Path(__file__).parent.parent
TOY = str(ROOT / "tests" / "toy.py")
AT = ["--n", "32", "--m", "8", "--d", "2e4", "--mu", "60", "--sigma-0", "1e-4", "--eta", "1e-3"]


def toy(command: Callable[..., subprocess.CompletedProcess[str]], *arguments: str, paper: str = TOY):
    """A command that speaks of a paper, by default of the toy."""
    return command(*arguments, "--paper", paper)


def process(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own, whose workers find the paper too."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "160"}
    command = [sys.executable, "-m", "verify", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, env=environment)


@pytest.fixture
def verify(here, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    return partial(toy, here)


def test_list_and_explain(verify):
    listed = verify("list")
    assert listed.returncode == 0
    assert "toy.fitted" in listed.stdout
    assert "stage1" not in listed.stdout
    assert "regime.toy" in verify("list", "--regime").stdout
    told = verify("explain", "toy.fitted")
    assert told.returncode == 0
    assert "every sample is fitted" in told.stdout
    assert verify("explain", "regime.toy").returncode == 0
    assert "unknown claim 'stage1.time'" in verify("explain", "stage1.time").stderr


def test_margins_ask_for_the_parameter_that_the_paper_adds(verify):
    found = verify("margins", *AT, "--leak", "0.1")
    assert found.returncode == 0, found.stderr
    assert "Condition T" in found.stdout
    assert "α = 0.1" in found.stdout
    missing = verify("margins", *AT)
    assert missing.returncode == 2
    assert "Missing option '--leak'" in missing.stderr
    outside = verify("margins", *AT, "--leak", "0.7")
    assert outside.returncode == 2
    assert "from 0 to 0.5" in outside.stderr
    ours = verify("margins", *AT, "--leak", "0.1", paper="han2025")
    assert ours.returncode == 2
    assert "No such option" in ours.stderr
    assert "--leak" in verify("margins", "--help").stdout


@pytest.mark.parametrize(("goal", "status"), [("n^2 <= d", 0), ("leak <= 1", 0), ("n^3 <= d", 1)])
def test_entails(verify, goal, status):
    found = verify("entails", "--given", "toy", goal)
    assert found.returncode == status, found.stderr


def test_falsify_finds_what_is_false_and_nothing_in_what_is_true(verify, tmp_path):
    false = verify("falsify", "toy.unfitted", "--budget", "8s", "--no-replay", "--quiet", "--out", str(tmp_path / "f"))
    assert false.returncode == 1, false.stderr
    [hunt] = json.loads((tmp_path / "f" / "falsify.json").read_text())["hunts"]
    [finding] = hunt["findings"]
    assert finding["answer"] == "VIOLATED"
    assert "leak=" in false.stdout
    assert "--paper" in false.stdout
    true = verify("falsify", "toy.fitted", "--budget", "8s", "--no-replay", "--quiet", "--out", str(tmp_path / "t"))
    assert true.returncode == 0, true.stderr


def test_map_over_the_parameter_that_the_paper_adds(verify, tmp_path):
    ranges = ["--x", "0:0.4:3", "--y", "1e4:1e6:2:log"]
    found = verify("map", "leak", "d", *ranges, "--seeds", "2", "--quiet", "--out", str(tmp_path / "map"))
    assert found.returncode == 0, found.stderr
    cells = pd.read_csv(tmp_path / "map" / "map-cells.csv")
    assert sorted(set(cells["leak"])) == [0.0, 0.2, 0.4]
    assert {"margin:toy.dimension", "toy.fitted"} <= set(cells)
    assert verify("map", "leak", "d", "--out", str(tmp_path / "x")).stderr.count("has no range of its own") == 1
    assert "no such parameter" in verify("map", "leak", "d", paper="han2025").stderr


OWN = """
from theory import Claim, Condition, Within, lookup
from toy import Reading, sets

[whole] = sets(Reading())
less = Condition(name="own.leak", source="me", statement=lookup("leak") <= 0.05)
CLAIMS = (
    Claim(name="own.fitted", source="me", needs=(*(c for c in whole.conditions if c.name != "toy.leak"), less),
          observable="margin_min_T1", law=Within(low=0), says="At T_1 every sample is fitted."),
)
"""


def test_check_and_all_write_the_reports_of_the_paper(tmp_path, verify):
    """In processes of their own, whose workers find the paper too; what only reads is done here."""
    apart = partial(toy, process)
    # A few runs a setting: they show that a claim holds in three of four, not in nine of ten.
    delta = ("--delta", "0.25")
    note = tmp_path / "note.py"
    note.write_text(OWN)
    checked = apart("check", str(note), "--profile", "quick", *delta, "--quiet", "--out", str(tmp_path / "check"))
    assert checked.returncode == 0, checked.stderr
    told = json.loads((tmp_path / "check" / "report.json").read_text())
    assert [c["status"] for c in told["claims"]] == ["SUPPORTED"]

    whole = apart("all", "--profile", "quick", *delta, "--quiet", "--out", str(tmp_path / "all"))
    assert whole.returncode == 0, whole.stderr
    told = json.loads((tmp_path / "all" / "report.json").read_text())
    assert {c["name"]: c["status"] for c in told["claims"]} == {"toy.fitted": "SUPPORTED", "toy.unfitted": "REFUTED"}
    page = (tmp_path / "all" / "index.html").read_text()
    assert "Toy 2026" in page
    assert "Han et al" not in page
    runs = pd.read_csv(tmp_path / "all" / "runs.csv")
    assert runs["leak"].between(0, 0.25).all()
    again = verify("all", "--jobs", "1", "--resume", str(tmp_path / "all"), "--quiet")
    assert again.returncode == 0, again.stderr
    assert json.loads((tmp_path / "all" / "report.json").read_text())["claims"] == told["claims"]
    wrong = verify("all", "--resume", str(tmp_path / "all"), paper="han2025")
    assert wrong.returncode == 2
    assert "is of paper 'toy', not of 'han2025'; name it by --paper" in wrong.stderr


def test_the_verifier_is_put_to_the_test_on_the_runs_of_any_paper(verify, tmp_path):
    out = tmp_path / "tried"
    tried = verify("selftest", "--profile", "quick", "--delta", "0.25", "--jobs", "1", "--quiet", "--out", str(out))
    told = json.loads((out / "selftest.json").read_text())
    kinds = {t["kind"]: t["status"] for t in told["trials"]}
    assert kinds["bound broken"] == kinds["answer turned round"] == "REFUTED"
    assert (told["rejected"], told["planted"]) == (3, 3), told["trials"]
    assert kinds["true statement"] == "SUPPORTED"
    assert tried.returncode in (0, 3)  # nothing wrong; a few runs may not tell 0.95 from 0.75


def test_what_belongs_to_one_paper_says_so(verify):
    refused = verify("calibrate")
    assert refused.returncode == 2
    assert "speaks of 'han2025' alone" in refused.stderr
    for command in (["figures", "1"], ["papers"], ["compare", "a", "b"]):
        assert "No such option '--paper'" in verify(*command).stderr


def test_papers_that_are_none(verify, here, tmp_path):
    assert "no such paper; did you mean 'han2025'?" in verify("list", paper="han2052").stderr
    assert "no such file" in verify("list", paper="nowhere.py").stderr
    assert "holds no PACK" in verify("list", paper=str(ROOT / "tests" / "orders_along.py")).stderr
    for nothing in ("", ".", "a.b", "a;b", "json.nothing"):
        assert f"paper {nothing}: no such paper" in verify("list", paper=nothing).stderr
    (tmp_path / "leaves.py").write_text("raise SystemExit(3)")
    assert "leaves.py: SystemExit: 3" in verify("list", paper=str(tmp_path / "leaves.py")).stderr
    (tmp_path / "any.py").write_text("class Odd(BaseException): ...\nraise Odd('x')")
    assert "any.py: Odd: x" in verify("list", paper=str(tmp_path / "any.py")).stderr
    assert "no such file" in verify("list", paper=f"{'x' * 5000}.py").stderr
    for odd in ("a.b", "a-b", "my paper"):
        (tmp_path / f"{odd}.py").write_text(Path(TOY).read_text())
        assert f"'{odd}' is no name of a module" in verify("list", paper=str(tmp_path / f"{odd}.py")).stderr
    for taken in ("json", "this", "yaml"):  # loaded, of Python, installed
        (tmp_path / f"{taken}.py").write_text(Path(TOY).read_text())
        said = verify("list", paper=str(tmp_path / f"{taken}.py")).stderr
        assert f"another module is called '{taken}'; give the file another name" in said
    listed = here("papers")
    assert "han2025" in listed.stdout


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("Rational(1, 4) >= LEAK", "Rational(1, 4) >= LEAKS", r"its sets: NameError: name 'LEAKS' is not .+\.py:\d+\)"),
        ("law=Within(low=0)", 'law=Within(low="0")', r"its claims: ValueError: .+"),
        ("given=named()", "given=name()", r"its entailments: NameError: .+\.py:\d+\)"),
        ("Eq(tau_minus, 0)", "Eq(tau_minus, tau_plus)", r"condition 'toy.clean-minus': Eq\(.+\) holds no one symbol"),
        ('parameters=("leak",)', 'parameters=("leek",)', r"the activation 'leaky relu' takes leek, which is no param"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_paper_is_one_of_its_own_file(before, after, said, tmp_path, monkeypatch):
    """In one line, whatever command speaks of it, and not when a study is half done."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    name = "toy_" + hashlib.sha1(after.encode()).hexdigest()[:8]
    text = Path(TOY).read_text()
    assert before in text
    (tmp_path / f"{name}.py").write_text(text.replace(before, after).replace('"toy"', f'"{name}"'))
    with pytest.raises(ValueError, match=f"^paper [^\n]*{name}.py: {said}[^\n]*$"):
        load(str(tmp_path / f"{name}.py"))


def test_a_paper_from_a_file_changes_what_is_imported_by_nothing_else(tmp_path, monkeypatch):
    """Worker processes search where their parent does: a file beside a paper stands in for no module of others, and
    one that is no paper leaves nothing behind."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = list(sys.path)
    (tmp_path / "nothing_here.py").write_text("")
    with pytest.raises(ValueError, match="holds no PACK"):
        load(str(tmp_path / "nothing_here.py"))
    assert sys.path == before
    (tmp_path / "json.py").write_text("raise SystemExit('not the json of Python')")
    (tmp_path / "beside.py").write_text(Path(TOY).read_text().replace('"toy"', '"beside"'))
    load(str(tmp_path / "beside.py"))
    with processes.Processes(1) as pool:
        assert processes.mapped(json.loads, ["[1]"], pool) == [[1]]


def test_the_three_halves_must_name_the_same_parameters():
    pack = load(TOY)
    with pytest.raises(ValueError, match="extents and its parameters differ in leak; name the same"):
        replace(pack, extents={k: v for k, v in pack.extents.items() if k != "leak"})
    with pytest.raises(ValueError, match=r"extent of n is \(1000.0, 4\): give two positive numbers"):
        replace(pack, extents={**pack.extents, "n": (1e3, 4)})
    with pytest.raises(ValueError, match="a typical setting has no epsilon; give it one"):
        replace(pack, typical={k: v for k, v in pack.typical.items() if k != "epsilon"})


def test_a_paper_without_a_design_of_its_own_gets_all_sizes_however_few_settings():
    pack = load(TOY)
    [group] = {g.name: g for g in groups(pack.paper.claims(pack.paper.reading()), pack.observables).values()}.values()
    points = design(replace(group, needs_rates=True), PROFILES["quick"], pack.paper.reading(), 0)
    for size in ("n", "m"):
        sizes = [getattr(point.setting, size) for point in points]
        assert max(sizes) >= 30 * min(sizes)  # a decade and a half, which a rate wants
