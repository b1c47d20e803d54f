"""What conditions entail, as a user asks it and as a study reports it."""

import json
import re
from dataclasses import replace

import jsonschema
import pytest

from theory import orders
from theory.orders import Answer, Order, declared, parse
from theory.papers.han2025 import PAPER, entailments, named_sets
from theory.symbols import d, n
from verify import __main__ as command
from verify import entailed, report, selftest
from verify.entailed import Decision, assembled, beside, certificate, decide
from verify.laws.kind import Status
from verify.packs.han2025 import PACK, planted

STATEMENTS = {s.name: s for s in entailments()}
CROSS, NOT_CUBIC = STATEMENTS["regime.cross-talk"], STATEMENTS["regime.not.cubic-dimension"]


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


# The command -------------------------------------------------------------------------------------------------------


def test_an_entailed_goal_is_derived(call):
    status, told, _ = call("entails", "--given", "condition-4.1", "d >> n")
    assert status == 0
    assert "entailed: " in told
    assert re.search(r"\(1\).*\[4\.1\.2-dimension\]", told)
    assert "Used: 4.1.2-dimension" in told
    assert "T_star-is" in told  # premises are shown, used or not


def test_a_goal_that_does_not_follow_gets_a_scaling_and_what_is_missing(call):
    dropped = ("--given", "condition-4.1", "--drop", "4.1.2-dimension", "--assume", "d >= n^1.5")
    status, told, _ = call("entails", *dropped, "n << sqrt(d)")
    assert status == 1
    assert "not entailed: " in told
    assert re.search(r"assumed-1 .* holds\n", told)
    assert re.search(r"the goal .* FAILS\n", told)
    assert "with d ≫ n^2 it would follow" in told
    assert "4.1.2-dimension" not in told


def test_contradictory_premises_entail_nothing(call):
    status, told, _ = call("entails", "--assume", "n << m", "--assume", "m <= n", "n << d")
    assert status == 1
    assert "contradictory: " in told
    assert "(1) · (2):  1 ≪ 1, impossible" in told


def test_without_a_goal_the_question_is_consistency(call):
    status, told, _ = call("entails", "--assume", "n >> 1", "--assume", "d ~ n^2")
    assert status == 0
    assert "consistent: " in told
    assert call("entails", "--assume", "n >> 1", "--assume", "n <= 1")[0] == 1


def test_up_to_logarithms(call):
    assumed = ("--assume", "n >> 1", "--assume", "d * log(n)^3 >= n^2")
    assert call("entails", *assumed, "d >= n^2")[0] == 1
    assert call("entails", *assumed, "--up-to-logs", "d >= n^2")[0] == 0
    assert call("entails", *assumed, "d >= n^2 (up to logarithms)")[0] == 0


def test_facts_are_shown_and_can_be_dropped(call):
    status, told, _ = call("entails", "1 <= n")
    assert status == 0
    assert "[fact:n]" in told
    status, told, _ = call("entails", "--drop", "fact:n", "1 <= n")
    assert status == 1
    assert "fact:n" not in told


def test_undecided_is_said_and_is_no_success(call, monkeypatch):
    open_ = Answer(status=orders.Ruling.UNDECIDED, given=(), goal=Order(n, "<<", d), reason="neither was found")
    monkeypatch.setattr(entailed, "ask", lambda *_: open_)
    status, told, _ = call("entails", "n << d")
    assert status == 1
    assert "undecided: neither was found" in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--given", "condition-4", "n << d"), ("condition-4", "did you mean 'condition-4.1'?")),
        (("--given", "condition-4.1", "--drop", "n-grow", "n << d"), ("n-grow", "did you mean 'n-grows'?")),
        (("--drop", "fact:dd", "n << d"), ("fact:dd", "fact:d")),
        (("n $ << d",), ("character 3", "'$'")),
        (("--assume", "n < d", "n << d"), ("character 3", "'<<'")),
        (("--up-to-logs",), ("no goal",)),
        (("n << d", "d << m"), ("d << m",)),
        (("n << x",), ("unknown symbol 'x'", '--symbols "x"')),
        (("--symbols", "x >= 1", "n << y"), ("unknown symbol 'y'",)),
        (("--symbols", "n", "n << d"), ("'n' has a meaning already", "fact:n")),
        (("--symbols", "kappa", "n << d"), ("'kappa' has a meaning already",)),
        (("--symbols", "x, x", "n << x"), ("'x' comes twice",)),
        (("--symbols", "x", "--symbols", "x >= 1", "n << x"), ("'x' comes twice",)),
        (("--symbols", "Log", "n << d"), ("'Log' is a function",)),
        (("--symbols", "", "n << d"), ("--symbols", "write e.g.")),
        (("--symbols", "2x", "n << d"), ("'2x' declares nothing",)),
        (("--symbols", "x >= n", "x << n"), ("more than a declaration", '--assume "x >= n"')),
        (("--symbols", "x >= 1 (up to logarithms)", "x << n"), ("more than a declaration",)),
        (("--symbols", "x > 1", "x << n"), ("'>'",)),
        (("n \x1b[31m << d",), (r"\x1b",)),
        (("--drop", "a\nb", "n << d"), (r"a\nb",)),
    ],
)
def test_mistakes_get_one_line(call, arguments, words):
    status, told, complained = call("entails", *arguments)
    assert (status, told) == (2, "")
    [line] = complained.splitlines()
    assert all(word in line for word in words), line


def test_help_shows_examples_that_can_be_read(call):
    status, told, _ = call("entails", "--help")
    assert status == 0
    assert "Exit status" in told
    examples = re.findall(r'thetacheck entails .*"([^"]+)"$', told, re.M)
    assert len(examples) == 5
    own, _ = declared("x >= 1, k")
    assert all(parse(text, own) for text in examples)


def test_symbols_of_ones_own(call):
    status, told, _ = call("entails", "--symbols", "x >> 1, k", "--assume", "k <= log(x)", "k << sqrt(x)")
    assert status == 0
    assert "x ≫ 1  [fact:x]" in told
    assert "Used: assumed-1, fact:x" in told
    status, told, _ = call("entails", "--symbols", "x >= 1", "--symbols", "k", "k <= x")
    assert status == 1
    assert "not entailed: " in told
    status, told, _ = call("entails", "--symbols", "x >> 1", "--drop", "fact:x", "x >> 1")
    assert status == 1
    status, told, _ = call("entails", "--symbols", "c ~ 1, p", "--given", "condition-4.1", "c n p << d p")
    assert status == 0
    assert "c" in re.search("(.*) ≍ 1 and numbers are dropped", told)[1]


def test_a_logarithm_is_below_any_power_however_small(call):
    for given in (("--assume", "n >> 1"), ("--given", "condition-4.1")):
        assert call("entails", *given, "log(n) << n**(1/2000)")[0] == 0
        status, told, _ = call("entails", *given, "n**(1/2000) << log(n)")
        assert status == 1
        assert "not entailed: " in told


def test_list_and_explain_know_the_statements(call):
    status, told, _ = call("list", "--regime")
    assert status == 0
    assert all(name in told for name in STATEMENTS)
    status, told, _ = call("explain", "regime.cross-talk")
    assert status == 0
    for words in (CROSS.says, "projection lemma", "provenance 'derived'", "Claim: ", "✓ SUPPORTED"):
        assert words in told
    assert call("explain", "regime.cross-tlk")[2].endswith("did you mean 'regime.cross-talk'?\n")


def test_sets_are_joined_and_must_agree():
    both, _ = assembled(named_sets(), ["condition-4.1", "kou"], ["n >= m", "m >= n"], [])
    names = [p.name for p in both]
    assert len(names) == len(set(names))
    assert names[-2:] == ["assumed-1", "assumed-2"]
    ours = named_sets()
    other = tuple(replace(p, order=parse("n << d")) for p in ours["kou"])
    with pytest.raises(ValueError, match="'n-grows' is another one"):
        assembled(ours | {"kou": other}, ["condition-4.1", "kou"], [], [])


def test_a_certificate_shows_both_sides_of_everything():
    answer = decide(NOT_CUBIC).answer
    lines = certificate(answer).splitlines()
    assert [line.split()[0] for line in lines[1:-1]] == [p.name for p in NOT_CUBIC.given]
    assert all(line.endswith("holds") for line in lines[1:-1])
    assert lines[-1].endswith("FAILS")
    for premise, line in zip(NOT_CUBIC.given, lines[1:-1], strict=True):
        assert f" {answer.scaling.along(premise.order.left)} " in line


# Verdicts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "found", "status"),
    [
        ("ENTAILED", "ENTAILED", Status.SUPPORTED),
        ("ENTAILED", "NOT_ENTAILED", Status.REFUTED),
        ("ENTAILED", "CONTRADICTORY", Status.REFUTED),
        ("ENTAILED", "UNDECIDED", Status.INCONCLUSIVE),
        ("NOT_ENTAILED", "ENTAILED", Status.REFUTED),
        ("CONSISTENT", "CONTRADICTORY", Status.REFUTED),
        ("CONTRADICTORY", "CONTRADICTORY", Status.SUPPORTED),
    ],
)
def test_the_answer_decides_the_verdict(expected, found, status):
    statement = replace(CROSS, expected=orders.Ruling[expected])
    answer = Answer(status=orders.Ruling[found], given=statement.given, goal=statement.goal, reason="because")
    assert Decision(statement=statement, answer=answer).status == status


def test_statements_are_decided_beside_the_runs():
    with beside([NOT_CUBIC]) as decided:
        [decision] = decided(True)
    assert decision == decide(NOT_CUBIC)  # certificates survive the way between processes
    with beside([NOT_CUBIC]) as decided:
        [early] = decided(False)  # nothing can be done yet: an interrupt
    assert (early.status, early.reason) == (Status.INCONCLUSIVE, "interrupted before it was decided")
    with beside([]) as decided:
        assert decided(True) == ()


def test_a_statement_alone_is_a_study(call, tmp_path):
    status, told, _ = call("run", NOT_CUBIC.name, "--out", str(tmp_path / "r"))
    assert status == 0
    assert "1 statement about orders decided exactly: 1 SUPPORTED" in told
    held = json.loads((tmp_path / "r" / "report.json").read_text(encoding="utf-8"))
    jsonschema.validate(held, json.loads(report.SCHEMA.read_text(encoding="utf-8")))
    [found] = held["statements"]
    assert (found["name"], found["status"], held["claims"]) == (NOT_CUBIC.name, "SUPPORTED", [])
    assert held["counts"]["statements"]["SUPPORTED"] == 1
    assert found["scaling"]["n"] == ["1", "0", "0"]
    page = (tmp_path / "r" / "index.html").read_text(encoding="utf-8")
    assert f'id="{NOT_CUBIC.name}"' in page
    assert "FAILS" in page


def test_a_false_statement_fails_the_study(call, tmp_path, monkeypatch):
    false = replace(NOT_CUBIC, expected=orders.Ruling.ENTAILED)
    monkeypatch.setattr("theory.papers.load", lambda _: replace(PAPER, entailments=lambda: (false,)))
    status, told, _ = call("run", NOT_CUBIC.name, "--out", str(tmp_path / "r"), "--fail-on", "refuted")
    assert status == 1
    assert "1 statement about orders decided exactly: 1 REFUTED" in told


# The self-test -----------------------------------------------------------------------------------------------------


def test_planted_statements_are_surely_false_and_rejected():
    all_ = selftest.planted_statements(PACK)
    false = [p for p in all_ if p.broken_along is not None]
    assert len(all_) - len(false) == len(STATEMENTS)
    assert {p.kind for p in false} == {"premise dropped", "exponent of a goal shifted"}
    some = [*false[::6], *(p for p in all_ if p.statement == NOT_CUBIC)]
    trials = list(selftest.judged(some, [decide(p.statement) for p in some]))
    assert all(t.status == t.right for t in trials), trials
    assert {t.kind for t in trials if t.right == Status.REFUTED} == {p.kind for p in false} | {"answer turned round"}


def test_a_planted_statement_that_may_be_true_is_no_plant():
    with pytest.raises(AssertionError, match="meets the goal"):
        planted._surely_false(CROSS, planted._scaling(**planted.INSIDE))
    with pytest.raises(AssertionError, match="breaks a premise"):
        planted._surely_false(CROSS, planted._scaling(**{**planted.INSIDE, "d": "1"}))


def test_the_bare_command_prints_its_help(call):
    status, told, complained = call()
    assert status == 0
    assert told.startswith("Usage: ")
    assert "thetacheck entails" in told
    assert complained == ""
