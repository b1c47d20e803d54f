"""The command that proves statements about the limit: what it answers, what it writes, and what it refuses."""

import json

import pytest

from verify import __main__ as command


@pytest.fixture
def call(monkeypatch, capsys):
    """The command line in this process: exit status, what it prints, what it complains of."""
    monkeypatch.setenv("COLUMNS", "100")

    def called(*arguments):
        monkeypatch.setattr("sys.argv", ["verify", *arguments])
        with pytest.raises(SystemExit) as end:
            command.main()
        told = capsys.readouterr()
        return end.value.code, told.out, told.err

    return called


QUESTION = ("prove", "gamma > rho_noisy at s = 0.4", "--region", "lead=2.6:12 tau=0.05:0.25")


def test_an_inequality_is_proved_and_its_certificate_stands(call, tmp_path):
    file = tmp_path / "proof.json"
    status, told, _ = call(*QUESTION, "--out", str(file))
    assert status == 0
    assert "✓ proved  gamma > rho_noisy at s = 0.4" in told
    assert "2.6 ≤ lead ≤ 12" in told
    assert [p.name for p in tmp_path.iterdir()] == ["proof.json"]
    status, told, _ = call("prove", "--check", str(file))
    assert (status, told.count("✓ stands")) == (0, 1)
    held = json.loads(file.read_text())
    held["certificates"][0]["region"]["lead"][0] = "19/10"
    file.write_text(json.dumps(held))
    status, told, _ = call("prove", "--check", str(file))
    assert status == 1
    assert "does not stand" in told and "does not hold the region's lead" in told


def test_below_the_threshold_it_is_disproved_with_a_point(call):
    status, told, _ = call(*QUESTION[:3], "lead=1.8:12")
    assert status == 1
    assert "✗ disproved" in told
    assert "At lead = 1.8" in told
    assert told.index("the left side") < told.index("the right side")


def test_what_cannot_be_decided_says_where(call, monkeypatch):
    from theory import limit

    whole = limit.decide
    monkeypatch.setattr(limit, "decide", lambda *given: whole(*given, budget=60))
    status, told, _ = call("prove", "gamma > rho_noisy at s = 0.1", "--region", "lead=2.2:40")
    assert status == 1
    assert "? undecided" in told and "lead from" in told


def test_names_are_listed_explained_and_proved(call):
    _, told, _ = call("list", "--limit")
    assert "limit.stage1.steps" in told and "margin_noisy: " in told
    for name in ("limit.stage1.reading-low", "limit.test-error"):
        assert name in told
        status, explained, _ = call("explain", name)
        assert status == 0
        assert explained.startswith(name)
    status, told, _ = call("prove", "limit.stage1.not-earlier", "limit.test-error", "--jobs", "2")
    assert status == 0
    assert told.endswith("1 proved, 1 argued\n")


def test_a_statement_over_another_region(call):
    status, told, _ = call("prove", "limit.stage1.not-earlier", "--region", "lead=1:1.1 active=0.5")
    assert (status, "1 ≤ lead ≤ 1.1" in told) == (0, True)
    assert "0.05 ≤ tau ≤ 0.25" in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("limit.stage2",), ("limit.stage2", "did you mean 'limit.stage1'")),
        (("gamma > 1",), ("at which time",)),
        (("gamma > 1 at s = 1", "--region", "lead=2:1"), ("lead=2:1", "rise")),
        (("limit.test-error", "--region", "lead=2"), ("argued for all parameters", "--region")),
        (("gamma > 1 at s = 1", "--paper", "tests/toy.py"), ("toy", "no limit")),
        (("--check", "no-such.json"), ("no-such.json", "cannot be read")),
        (("--check", "README.md"), ("README.md", "cannot be read")),
        (("--check", "README.md", "limit.stage1"), ("--check", "as it is")),
        (("limit.test-error", "--out", "README.md"), ("README.md", "give another name")),
        (("limit.test-error", "--out", "no-such/file.json"), ("no-such/file.json", "folder that exists")),
    ],
)
def test_what_is_no_question_is_refused_in_one_line(call, arguments, words):
    status, told, complaint = call("prove", *arguments)
    assert (status, told, complaint.count("\n")) == (2, "", 1)
    for word in words:
        assert word in complaint


def test_a_region_given_in_two_parts_is_one_region(here):
    done = here("prove", "gamma > rho_noisy at s = 0.4", "--region", "lead=2.6:3", "--region", "tau=0.1:0.2")
    assert done.returncode == 0 and "2.6 ≤ lead ≤ 3, 0.1 ≤ tau ≤ 0.2" in " ".join(done.stdout.split())
    done = here("prove", "gamma > rho_noisy at s = 0.4", "--region", "lead=2.6:3", "--region", "lead=5:6")
    assert done.returncode == 2 and "lead" in done.stderr
