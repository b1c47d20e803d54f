"""The command line as a user meets it: studies, resuming, interrupts, and every mistake in one line."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import unicodedata
from pathlib import Path

import pytest

from numerics import OBSERVABLES

ROOT = Path(__file__).resolve().parent.parent
# Claims whose groups take seconds in the quick profile.
FAST = ("recursion.exact", "conservation.exact", "meanfield.threshold")


def call(*arguments: str, cwd: Path | None = None, timeout: float = 240) -> subprocess.CompletedProcess:
    # ROOT stands first on the path only where the working directory is elsewhere.
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}
    return subprocess.run(
        [sys.executable, "-m", "verify", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd or ROOT,
        env=environment,
        timeout=timeout,
        check=False,
    )


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess]:
    folder = tmp_path_factory.mktemp("study") / "report"
    done = call("run", *FAST, "--profile", "quick", "--jobs", "2", "--out", str(folder))
    return folder, done


def test_a_study_writes_the_whole_report(study):
    folder, done = study
    assert done.returncode in (0, 3), done.stderr  # 3: at quick size the threshold may stay open
    held = json.loads((folder / "report.json").read_text())
    assert [c["name"] for c in held["claims"]] == list(FAST)
    assert all((folder / name).exists() for name in ("index.html", "report.md", "runs.csv", "thetacheck.json"))
    assert "SUPPORTED" in done.stdout
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stdout  # no colour codes into a pipe


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


def test_resuming_redoes_nothing_and_changes_nothing(study, here):
    folder, _ = study
    before = {p: p.stat().st_mtime_ns for p in (folder / "batches").rglob("*.*")}
    claims = json.loads((folder / "report.json").read_text())["claims"]
    again = here("run", *FAST, "--jobs", "1", "--resume", str(folder))
    assert again.returncode in (0, 3), again.stderr
    assert before and {p: p.stat().st_mtime_ns for p in (folder / "batches").rglob("*.*")} == before
    # Judged afresh from what was saved: to the last digit the same.
    assert json.loads((folder / "report.json").read_text())["claims"] == claims


def test_a_claim_alone_sees_the_very_same_runs(study, here, tmp_path):
    folder, _ = study
    here("run", "meanfield.threshold", "--profile", "quick", "--out", "alone")

    def verdict(where: Path) -> dict:
        claims = json.loads((where / "report.json").read_text())["claims"]
        return next(c for c in claims if c["name"] == "meanfield.threshold")

    assert verdict(tmp_path / "alone") == verdict(folder)


def test_damaged_and_foreign_files_are_refused(study, here, tmp_path):
    import shutil

    folder, _ = study
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    victim = sorted((copy / "batches").glob("runs/[!!]*.parquet"))[0]
    victim.write_bytes(victim.read_bytes()[:100])
    broken = here("run", *FAST, "--jobs", "1", "--resume", str(copy))
    assert_one_line(broken, victim.name, "damaged")
    victim.unlink()
    assert_one_line(here("run", *FAST, "--resume", str(copy), "--seed", "5"), "seed", "5")
    (copy / "thetacheck.json").write_text("{")
    assert_one_line(here("run", *FAST, "--resume", str(copy)), "damaged")


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_leaves_a_partial_report_that_can_be_resumed(tmp_path, here):
    folder = tmp_path / "report"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    running = subprocess.Popen(
        [sys.executable, "-m", "verify", "run", *FAST, "--profile", "quick", "--jobs", "1", "--out", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and len(list(folder.glob("batches/runs/*.parquet"))) < 4:
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=120)
    assert running.returncode == 130, errors
    assert "Traceback" not in errors
    held = json.loads((folder / "report.json").read_text())
    assert held["finished"] is False
    assert list(folder.glob("batches/*/*.partial")) == []
    finished = {p.name for p in folder.glob("batches/runs/*.parquet")}
    assert finished
    assert "partial" in (folder / "index.html").read_text().lower()
    assert here("run", "recursion.exact", "--jobs", "1", "--resume", str(folder)).returncode == 0
    assert finished <= {p.name for p in folder.glob("batches/runs/*.parquet")}


def assert_one_line(done: subprocess.CompletedProcess, *words: str) -> None:
    """A user's mistake: exit status 2 and one line that names what is wrong."""
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    lines = [line for line in done.stderr.splitlines() if line and " settings, " not in line]  # progress apart
    assert len(lines) == 1, done.stderr
    for word in words:
        assert word in lines[0], lines[0]


MARGINS = ("--n", "100", "--m", "20", "--d", "2000", "--mu", "10", "--sigma-0", "1e-3", "--eta", "0.1")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "stage1.tim"), ("stage1.tim", "stage1.time")),
        (("explain", "nonsense"), ("nonsense",)),
        (("run",), ("CLAIM",)),
        (("all", "--profile", "huge"), ("huge", "quick")),
        (("all", "--device", "abacus"), ("abacus", "cpu")),
        (("all", "--seed", "-1"), ("-1",)),
        (("all", "--C", "0.5"), ("0.5", "C")),
        (("all", "--C", "nan"), ("nan", "C")),
        (("all", "--tau-high", "0.7"), ("tau",)),
        (("all", "--kappa-low", "20"), ("kappa_low",)),
        (("all", "--resume", "nowhere"), ("nowhere",)),
        (("margins", *MARGINS[2:], "--n", "0"), ("--n", "'0'", "from 1")),
        (("margins", *MARGINS, "--tau-plus", "0.7"), ("0.7", "0.5")),
        (("margins", *MARGINS, "--sigma-xi", "-1"), ("-1", "from 1e-30")),
        (("margins", *MARGINS[:-1], "nan"), ("nan",)),
        (("margins", "--n", "ten"), ("ten",)),
        (("frobnicate",), ("frobnicate",)),
        (("--cite", "x"), ("--cite", "leave out 'x'")),
        (("--version", "run"), ("--version", "leave out 'run'")),
        (("margins", *MARGINS, "--n", "200"), ("'--n' is given twice",)),
        (("all", "--profile", "quick", "--profile", "standard"), ("'--profile' is given twice",)),
        (("list", "--paper", "kou2023", "--paper=han2025"), ("'--paper' is given twice",)),
        (("compare", "--papers", "nobody", "han2025"), ("paper nobody: no such paper",)),
        (("map", "kappa", "tau", "--beside", "cao2022", "--beside", "cao2022"), ("'cao2022': is given twice",)),
        (("map", "n", "strength", "--paper", "kou2023", "--beside", "kou2023"), ("'kou2023': is the map's own paper",)),
        (("list", "--observables", "--series"), ("--observables and --series", "give one")),
        (("list", "--formulas"), ("give --observables with it",)),
    ],
)
def test_mistakes_get_one_line(arguments, words, here):
    assert_one_line(here(*arguments), *words)


def test_an_out_folder_with_other_things_is_left_alone(here, tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    assert_one_line(here("run", "recursion.exact", "--out", str(tmp_path)), str(tmp_path))
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]
    file = tmp_path / "thesis.tex"
    assert_one_line(here("run", "recursion.exact", "--out", str(file)), "file")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_an_unwritable_place_is_said(here):
    place = ("--profile", "quick", "--jobs", "1", "--out", "/proc/nowhere/report")
    assert_one_line(here("run", "recursion.exact", *place))


def test_list_explain_and_margins_print_what_they_promise(here):
    listed = here("list")
    assert listed.returncode == 0
    assert "stage2.test-error" in listed.stdout
    observables = here("list", "--observables")
    assert observables.returncode == 0
    assert observables.stdout.count("\n") < 60
    assert set(OBSERVABLES) <= set(re.findall(r"\w+", observables.stdout))
    formulas = here("list", "--observables", "--formulas")
    assert formulas.returncode == 0
    assert "clean_fit_time" in formulas.stdout
    assert "min_i ‖ξ_i‖^2" in formulas.stdout
    series = here("list", "--series")
    assert series.returncode == 0
    assert "min_(j, r) γ_(j, r) − max_((i, r) ∈ O) ρ_(ỹ_i, r, i)" in unicodedata.normalize("NFC", series.stdout)
    told = here("explain", "stage1.time")
    assert told.returncode == 0
    for word in ("Theorem 4.1", "stated", "Theta", "0.05"):
        assert word in told.stdout
    shown = here("margins", *MARGINS, "--tau-plus", "0.2")
    assert shown.returncode == 0
    assert re.search(r"4\.1\.2-dimension", shown.stdout)
    assert "Kou" in shown.stdout
    assert "Huang" in shown.stdout


@pytest.mark.parametrize("command", [(), ("all",), ("run",), ("margins",), ("explain",), ("selftest",)])
def test_help_has_examples_or_options(here, command):
    done = here(*command, "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout


@pytest.mark.parametrize("body", ["", "[]", "5", '{"claims": 5}', "[" * 90_000, "9" * 9_000, "\x00"])
def test_what_is_no_report_is_not_compared(tmp_path, here, body):
    (tmp_path / "report.json").write_text(body)
    done = here("compare", ".", ".")
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "no report.json" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("compare", "/dev/zero", "/dev/zero"),
        ("check", "/dev/zero"),
        ("falsify", "stage1.noisy-ignored", "--conditions", "/dev/zero"),
        ("falsify", "stage1.noisy-ignored", "--device", "tpu"),
    ],
)
def test_what_cannot_be_used_is_said_before_anything_starts(here, tmp_path, arguments):
    done = here(*arguments)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "no regular file" in done.stderr or "'tpu' cannot be used here" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["falsify", "calibrate"])
def test_a_theorem_where_a_claim_is_asked_for_names_its_claims(here, command):
    done = here(command, "theorem-4.1")
    assert done.returncode == 2
    assert "is a theorem" in done.stderr and "stage1.signal-leads" in done.stderr and "\n" not in done.stderr.strip()
