"""Questions about orders as SMT-LIB 2: two independent solvers agree with us on many random problems.

More of them: ``python -m pytest tests/test_smt.py --hypothesis-profile many``, some 2 400 problems.
"""

from collections import Counter

import cvc5
import pytest
import z3
from hypothesis import given, settings
from hypothesis import strategies as st
from test_orders import ask, problems

from theory.orders import Order, Premise, Ruling, facts, parse, question
from theory.papers.han2025 import entailments
from theory.symbols import d, n
from verify import __main__ as command

MANY = settings().max_examples * 4 // 5  # 80, or as --hypothesis-profile says


def by_z3(script):
    context = z3.Context()  # kept until the answer is there
    return z3.Z3_eval_smtlib2_string(context.ref(), script).split()


def by_cvc5(script):
    terms = cvc5.TermManager()
    solver = cvc5.Solver(terms)
    parser = cvc5.InputParser(solver)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, script, "question")
    symbols, said = parser.getSymbolManager(), []
    while True:
        line = parser.nextCommand()
        if line.isNull():
            return said
        said += line.invoke(solver, symbols).split()


def solved(given_, goal, known=()):
    """What both say: are the premises satisfiable, and with them the negated goal."""
    script = question(given_, goal, known)
    found = by_z3(script)
    assert by_cvc5(script) == found
    return found


# What the two answers of a script amount to, where nothing is beyond the powers of N.
MEANS = {
    ("unsat", "unsat"): Ruling.CONTRADICTORY,
    ("sat", "unsat"): Ruling.ENTAILED,
    ("sat", "sat"): Ruling.NOT_ENTAILED,
}


def test_without_logarithms_three_deciders_agree():
    seen = Counter()

    @settings(max_examples=2 * MANY)
    @given(problems())
    def agree(problem):
        answer = ask(*problem)
        assert MEANS[tuple(solved(*problem))] == answer.status
        seen[answer.status] += 1

    agree()
    assert set(seen) == set(MEANS.values())
    assert min(seen.values()) >= 0.05 * seen.total()


def test_with_logarithms_no_scaling_contradicts_a_proof():
    seen = Counter()

    @settings(max_examples=MANY)
    @given(problems(logs=True, tilde=True, count=3))
    def agree(problem):
        answer = ask(*problem)
        possible, broken = solved(*problem)
        seen[answer.status] += 1
        if answer.status == Ruling.NOT_ENTAILED:
            assert (possible, broken) == ("sat", "sat")
        elif answer.status == Ruling.ENTAILED:
            assert broken == "unsat"
        elif answer.status == Ruling.CONTRADICTORY:
            assert possible == "unsat"

    agree()
    assert seen[Ruling.NOT_ENTAILED] > 20 and seen[Ruling.ENTAILED] > 5


@pytest.mark.parametrize("name", ["regime.cross-talk", "regime.not.cubic-dimension"])
def test_the_papers_own_steps_are_decided_the_same(name):
    [held] = [s for s in entailments() if s.name == name]
    known = facts(set().union(*(p.order.symbols for p in held.given), held.goal.symbols))
    assert MEANS[tuple(solved(held.given, held.goal, known))] == held.expected


@settings(max_examples=40, deadline=None)
@given(problems(), st.data())
def test_a_planted_sign_is_noticed(problem, data):
    """A relation turned round in the script alone: answers must be able to differ, or agreement says nothing."""
    given_, goal = problem
    turned = {"<=": ">>", ">=": "<<", "<<": ">=", ">>": "<="}
    if goal.relation in turned:
        other = Order(goal.left, turned[goal.relation], goal.right)
        first, second = solved(given_, goal), solved(given_, other)
        if first[0] == "sat":
            assert "sat" in (first[1], second[1])  # a goal and its contrary cannot both follow


def test_a_question_without_a_goal_and_one_that_no_scaling_may_stand_for():
    small = Premise(name="p", order=parse("n << m"))
    assert solved((small,), None) == ["sat"]
    assert solved((small, Premise(name="q", order=parse("m <= n"))), None) == ["unsat"]
    assert solved((Premise(name="p", order=parse("n >> 1")),), parse("log(n) >> 1")) == ["sat", "unsat"]
    assert solved((Premise(name="p", order=parse("d >= n^2")),), Order(n, "<<", d)) == ["sat", "sat"]


def test_the_command_writes_it(monkeypatch, tmp_path, capsys):
    file = tmp_path / "question.smt2"

    def called(*arguments):
        monkeypatch.setattr("sys.argv", ["verify", "entails", *arguments])
        with pytest.raises(SystemExit) as end:
            command.main()
        return end.value.code, capsys.readouterr().err

    assert called("--given", "condition-4.1", "d >> n", "--smt", str(file))[0] == 0
    assert by_z3(file.read_text()) == ["sat", "unsat"]
    assert called("--given", "condition-4.1", "d >> n^3", "--smt", str(file))[0] == 1
    assert by_cvc5(file.read_text()) == ["sat", "sat"]
    file.write_text("mine")
    status, complaint = called("d >> n", "--smt", str(file))
    assert (status, complaint.count("\n")) == (2, 1) and "give another name" in complaint
    assert file.read_text() == "mine"
