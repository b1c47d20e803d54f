"""Whatever a file drops or states, there is a report or one line before anything runs."""

import warnings
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sympy as sp
from hypothesis import event, given, settings
from hypothesis import strategies as st

from theory import AtLeast, AtMost, Claim, Condition, Crossing, Exactly, Theta, Within, d, kappa, mu, n, tau_plus
from theory.papers.han2025 import Reading, condition_4_1
from theory.statements import evaluate
from verify import check, scaling, userfile
from verify.design import PROFILES
from verify.judge import judge
from verify.packs.han2025 import PACK
from verify.scaling import CONTROL, Fate

ROOT = Path(__file__).resolve().parent.parent
HEAD = "from theory import *; from sympy import Eq, Integral, exp, log\nfrom numerics import Observable\n"
PAPER = condition_4_1()  # its conditions
READING = Reading()
LAWS = (
    Theta(n), Theta(sp.Integer(1)), Theta(1 / mu**2, up_to_logs=True), Theta(n, constant="y"), Within(low=0),
    Within(high=sp.log(n)), Within(low=1, high=1), AtMost(n), AtMost(1), AtLeast(sp.sqrt(d)), AtLeast(1e-3),
    Exactly(1e-9, "rounding"), Crossing(kappa, 2.0, 0.5, "a window"), Crossing(tau_plus, 0.1, 0.05, "a window"),
)  # fmt: skip


def load(folder: Path, text: str) -> userfile.UserFile:
    path = folder / "note.py"
    path.write_text(HEAD + text, encoding="utf-8")
    return userfile.load(path)


# What a file gets wrong ---------------------------------------------------------------------------------------------

CLAIM = 'a = Claim(name="x", source="s", needs=(), observable="loss_end", law=Within(low=0))\n'
CONDITION = 'a = Condition(name="x", source="s", statement=d >= n)\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (CONDITION.replace('"x"', "3"), ("name 3", "string")),
        (CONDITION.replace('"x"', '""'), ("''", "60 letters")),
        (CONDITION.replace('"x"', '"a/b"'), ("a/b",)),
        (CONDITION.replace('"x"', '"../x"'), ("../x",)),
        (CONDITION.replace('"x"', '"a\\nb"'), ("letters",)),
        (CONDITION.replace('"x"', "'x' * 300"), ("60 letters",)),
        (CONDITION.replace('"s"', "7"), ("source is 7", "string")),
        (CONDITION.replace("d >= n", "'d >= n'"), ("no relation", "without quotes")),
        (CONDITION.replace("d >= n", "n >= 0"), ("always true",)),
        (CONDITION.replace("d >= n", "n <= 0"), ("never true",)),
        (CONDITION.replace("d >= n", "None"), ("no relation",)),
        (CONDITION.replace("d >= n", "Eq(d, n)"), ("Eq(d, n)", "Eq(tau_plus, 0)")),
        (
            CONDITION.replace("d >= n", "Eq(d, 1000)") + CLAIM.replace("a =", "b =").replace("()", "(a,)"),
            ("fixes d", "bound it instead"),
        ),
        (CONDITION.replace("d >= n", "Eq(0, tau_plus)"), ("Eq(0, tau_plus)", "Eq(tau_plus, 0)")),
        (CONDITION.replace("d >= n", "d >= n * 10**400"), ("no value",)),
        (CONDITION.replace("d >= n", "Band('n', 1, 2)"), ("'n'", "without quotes")),
        (CONDITION.replace("d >= n", "Band(n, 2, 1)"), ("from 2 to 1", "low <= high")),
        (CONDITION.replace("d >= n", "Band(n, 0, 1)"), ("0 < low",)),
        (CONDITION.replace("d >= n", "Band(n, 1, float('nan'))"), ("nan", "no real number")),
        (CONDITION.replace("d >= n)", "d >= n, says=3)"), ("says is 3",)),
        (CONDITION.replace("d >= n)", "d >= n, latex=3)"), ("latex is 3",)),
        (CLAIM.replace('"x"', "None"), ("name None",)),
        (CLAIM.replace('"x"', '"CON:"'), ("CON:",)),
        (CLAIM.replace('"s"', "None"), ("source is None",)),
        (CLAIM.replace("()", "None"), ("needs None", "no Condition")),
        (CLAIM.replace("()", "'condition-4.1'"), ("condition-4.1", "no Condition")),
        (CLAIM.replace("()", "(d >= n,)"), ("d >= n", "no Condition")),
        (CLAIM.replace('"loss_end"', "loss_end"), ("loss_end",)),
        (CLAIM.replace('"loss_end"', "3"), ("3", "in quotes")),
        (CLAIM.replace('"loss_end"', "()"), ("0 observables",)),
        (CLAIM.replace("low=0", "low='0'"), ("'0'", "without quotes")),
        (CLAIM.replace("low=0", "low='__import__(\"os\").abort()'"), ("without quotes",)),
        (CLAIM.replace("low=0", "low=float('nan')"), ("nan",)),
        (CLAIM.replace("low=0", "high=float('inf')"), ("inf", "leave it out")),
        (CLAIM.replace("low=0", "low=2, high=1"), ("Within(2, 1)", "low below high")),
        (CLAIM.replace("low=0", "low=n, high=log(n)"), ("lies above", "turn it around")),
        (CLAIM.replace("low=0", "low=True"), ("True", "no expression")),
        (CLAIM.replace("low=0", "low=[0]"), ("[0]", "no expression")),
        (CLAIM.replace("Within(low=0)", "'n'"), ("neither an expression",)),
        (CLAIM.replace("Within(low=0)", "3"), ("neither an expression",)),
        (CLAIM.replace("Within(low=0)", "Theta('n')"), ("without quotes",)),
        (CLAIM.replace("Within(low=0)", "-n"), ("the law -n", "above 0")),
        (CLAIM.replace("Within(low=0)", "Theta(n, up_to_logs='no')"), ("up_to_logs", "True or False")),
        (CLAIM.replace("Within(low=0)", "AtMost('n')"), ("without quotes",)),
        (CLAIM.replace("Within(low=0)", "AtMost(0)"), ("the bound 0", "above 0")),
        (CLAIM.replace("Within(low=0)", "AtLeast(-n)"), ("above 0",)),
        (CLAIM.replace("Within(low=0)", "AtMost(log(n - 200))"), ("n = 100", "no value")),
        (CLAIM.replace("Within(low=0)", "AtMost(n**1000)"), ("n = 100", "no value")),
        (CLAIM.replace("Within(low=0)", "AtMost(10**400)"), ("no value",)),
        (CLAIM.replace("low=0", "low=Integral(exp(-n**2), n)"), ("no number here",)),
        (CLAIM.replace("Within(low=0)", "Exactly(-1, 'w')"), ("-1", "above 0")),
        (CLAIM.replace("Within(low=0)", "Exactly('1e-9', 'w')"), ("without quotes",)),
        (CLAIM.replace("Within(low=0)", "Exactly(n, 'w')"), ("no number",)),
        (CLAIM.replace("Within(low=0)", "Crossing(3, 1, 1, 'w')"), ("never changes",)),
        (CLAIM.replace("Within(low=0)", "Crossing(n, 1, 0, 'w')"), ("above 0",)),
        (CLAIM.replace("low=0)", "low=0), contrast=1"), ("contrast", "True or False")),
        ("CLAIMS = (" + CLAIM[4:-1] + "," + CLAIM[4:-1].replace('"x"', '"X"') + ")", ("same file name as 'x'",)),
        (CLAIM.replace('"x"', '"Stage1.Time"'), ("ours",)),
        ("o = Observable(name='seed', says='', stage='end', compute=len)\n" + CLAIM, ("seed", "runs.csv")),
        ("o = Observable(name='a/b', says='', stage='end', compute=len)\n" + CLAIM, ("a/b",)),
        ("o = Observable(name='o', says='', stage='late', compute=len)\n" + CLAIM, ("late", "start")),
        ("o = Observable(name='o', says='', stage='end', compute=3)\n" + CLAIM, ("compute", "3")),
    ],
)  # fmt: skip
def test_what_a_file_gets_wrong_is_found_when_it_is_read(tmp_path, text, words):
    with pytest.raises(userfile.Refused) as caught:
        load(tmp_path, text)
    said = str(caught.value)
    assert said.startswith(f"{tmp_path / 'note.py'}:3: ")
    assert "\n" not in said
    for word in words:
        assert word in said, said


# A theorem, whole; each case below changes one of its fields. ``h`` is a hidden constant.
FIELDS = {
    "name": "'mine'", "source": "'s'", "needs": "(k,)", "hidden": "(h,)", "window": "(n, 2*n)",
    "parts": "(Part(name='p', series='loss', law=Within(low=0)),)",
}  # fmt: skip


def theorem(constant="", part="", **changed):
    fields = {**FIELDS, **changed}
    if part:
        fields["parts"] = f"(Part(**(dict(name='p', series='loss', law=Within(low=0)) | dict({part}))),)"
    return (
        "from theory.statements import Hidden, Part, Theorem; k = Condition(name='k', source='s', statement=d >= C*n)\n"
        f"h = Hidden(**(dict(name='own', latex='c', ladder=(2, 1), says='') | dict({constant})))\n"
        f"THEOREMS = (Theorem({', '.join(f'{k}={v}' for k, v in fields.items())}),)\n"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (theorem(constant="ladder=()"), ("ladder ()", "positive numbers")),
        (theorem(constant="ladder=5"), ("ladder 5", "tuple")),
        (theorem(constant="ladder=('1', '2')"), ("'1'", "positive numbers")),
        (theorem(constant="ladder=(True,)"), ("True", "positive numbers")),
        (theorem(constant="ladder=(1, float('nan'))"), ("nan", "positive numbers")),
        (theorem(constant="ladder=(1, 3, 2)"), ("run one way",)),
        (theorem(constant="name='a.b'"), ("'a.b'", "letters")),
        (theorem(constant="name=5"), ("name 5", "letters")),
        (theorem(constant="name='n'"), ("'n'", "taken")),
        (theorem(constant="latex=5"), ("latex is 5",)),
        (theorem(constant="free=1"), ("free is 1", "True or False")),
        (theorem(part="name='a/b'"), ("a/b",)),
        (theorem(part="series='los'"), ("'los'", "did you mean 'loss'")),
        (theorem(part="series=5"), ("series is 5",)),
        (theorem(part="law=Theta(n)"), ("Theta", "Within(low=...)")),
        (theorem(part="law=None"), ("None", "Within(low=...)")),
        (theorem(part="frame=1"), ("frame is 1", "True or False")),
        (
            theorem(part="law=Within(low=Hidden(name='undeclared', latex='u', ladder=(1,), says='').symbol)"),
            ("hidden",),
        ),
        (theorem(needs="None"), ("needs holds None", "Condition")),
        (theorem(needs="(d >= n,)"), ("needs holds", "Condition")),
        (theorem(needs="(k, Condition(name='k', source='s', statement=d >= n))"), ("'k'", "rename one")),
        (
            theorem(needs="(Condition(name='4.1.2-dimension', source='s', statement=d >= n),)"),
            ("another", "rename one"),
        ),
        (theorem(needs="(Condition(name='q', source='s', statement=d >= log(n - 200)),)"), ("no value",)),
        (theorem(hidden="h"), ("hidden holds", "tuple of Hidden")),
        (theorem(hidden="(h, h)"), ("own, own", "different names")),
        (theorem(parts="()"), ("(none)",)),
        (theorem(parts="('x',)"), ("parts holds 'x'",)),
        (theorem(window="('n', '2*n')"), ("'n'", "without quotes")),
        (theorem(window="(n,)"), ("no pair",)),
        (theorem(window="5"), ("no pair",)),
        (theorem(window="(2*n, n)"), ("from 200 to 100", "no time")),
        (theorem(epsilon="'a'"), ("epsilon is 'a'", "log 2")),
        (theorem(epsilon="0"), ("epsilon is 0", "log 2")),
        (theorem(replaces="5"), ("replaces holds 5",)),
        (theorem(told="'{nothing}'"), ("{nothing}", "constants")),
        (theorem(told="'{'"), ("'{'", "constants")),
        ("CLAIMS = ('x',)", ("CLAIMS holds 'x'", "no Claim")),
        ("CLAIMS = [[1]]", ("CLAIMS holds [1]", "no Claim")),
        ("THEOREMS = 5", ("THEOREMS holds 5", "no Theorem")),
        ("OBSERVABLES = (len,)", ("OBSERVABLES holds", "no Observable")),
        ("CONDITIONS = 5", ("CONDITIONS holds 5", "no Condition")),
    ],
)
def test_what_a_theorem_or_a_list_gets_wrong_is_found_when_it_is_read(tmp_path, text, words):
    with pytest.raises(userfile.Refused) as caught:
        load(tmp_path, text)
    said = str(caught.value)
    assert said.startswith(f"{tmp_path / 'note.py'}:") and "\n" not in said
    for word in words:
        assert word in said, said


def test_a_theorem_takes_the_papers_conditions_as_read(tmp_path):
    text = theorem(needs="condition_4_1()").replace(
        "from theory.st", "from theory.papers.han2025 import condition_4_1\nfrom theory.st"
    )
    path = tmp_path / "note.py"
    path.write_text(HEAD + text, encoding="utf-8")
    reading = Reading(kappa_low=2.0)
    [whole] = userfile.load(path, reading).theorems
    assert whole.needs == condition_4_1(reading) != PAPER


def test_latex_of_a_theorem_that_does_not_parse_is_found(tmp_path):
    bad = r"latex=r'\frac{1'"
    needs = f"(Condition(name='q', source='s', statement=d >= n, {bad}),)"
    for text in (theorem(constant=bad), theorem(part=bad), theorem(needs=needs)):
        with pytest.raises(userfile.Refused, match=r"theorem 'mine': latex .* does not parse"):
            userfile.check_latex(load(tmp_path, text))
    userfile.check_latex(load(tmp_path, theorem()))


def test_a_device_is_no_file(tmp_path):
    with pytest.raises(ValueError, match="/dev/zero: is no regular file"):
        userfile.load(Path("/dev/zero"))


def test_latex_that_does_not_parse_is_found_before_anything_is_planned(tmp_path):
    for bad in (r"\frac{1", r"\frac{1}", r"\nonsense", "a}b", "{a", r"x^"):
        held = load(tmp_path, CONDITION.replace("d >= n)", f"d >= n, latex=r'{bad}')"))
        with pytest.raises(userfile.Refused, match=r"note\.py:3: condition 'x': latex .* does not parse"):
            userfile.check_latex(held)
    userfile.check_latex(load(tmp_path, CONDITION + CLAIM.replace("a =", "b =").replace('"x"', '"y"')))


def test_a_string_is_never_evaluated():
    for text in ("n", "1", "__import__('os').abort()"):
        with pytest.raises((ValueError, TypeError)):
            evaluate(text, {"n": 1.0})


EXPRESSIONS = st.recursive(
    st.sampled_from(["n", "m", "d", "mu", "sigma_xi", "tau_plus", "2", "-1", "0", "0.5", "1e300", "delta", "C", "'n'"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "**"]), inner).map(lambda t: f"({t[0]}){t[1]}({t[2]})"),
        inner.map(lambda x: f"log({x})"), inner.map(lambda x: f"sqrt({x})"), inner.map(lambda x: f"Max({x}, 1)"),
    ),
    max_leaves=4,
)  # fmt: skip


@settings(max_examples=40)
@given(st.sampled_from([">=", "<=", ">", "<"]), EXPRESSIONS, EXPRESSIONS, EXPRESSIONS)
def test_any_file_is_read_or_refused_in_one_line(tmp_path_factory, relation, left, right, bound):
    text = "from sympy import Max, sqrt\n"
    text += CONDITION.replace("d >= n", f"{left} {relation} {right}")
    text += f"CLAIMS = [{CLAIM[4:-1].replace('low=0', f'high={bound}').replace('()', '(a,)')}]\n"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python's own, on text such as 'n'(2)
        try:
            held = load(tmp_path_factory.mktemp("any"), text)
        except userfile.Refused as problem:
            said = str(problem)
            event("refused")
        else:
            said = ""
            event("read")
            [claim] = held.claims
            for k in range(1, 4):  # anywhere else it has a value, or says in a ValueError that it has none
                values = {**PACK.typical, "n": 10.0**k, "d": 100.0**k}
                with suppress(ValueError):
                    claim.needs[0].margin(values)
                    userfile.check_law(claim.parts[0][1], values | {"epsilon": 0.1})
    assert "\n" not in said


# What it drops ------------------------------------------------------------------------------------------------------


def table(jobs: list, value: str, rng: np.random.Generator) -> pd.DataFrame:
    """Runs as ``sweep.observed`` gives them, with values of a kind instead of training."""
    rows = [
        {"group": j.group.name, "setting": j.point.index, "seed": s, **j.point.setting.values(),
         "kappa": j.point.setting.kappa, "time_scale": j.point.setting.time_scale, "epsilon": j.point.epsilon,
         "delta": READING.delta, "horizon": READING.horizon}
        for j in jobs for s in j.seeds
    ]  # fmt: skip
    runs = pd.DataFrame(rows)
    count = len(runs)
    drawn = {
        "none": np.full(count, np.nan),
        "zero": np.zeros(count),
        "one": np.ones(count),
        "negative": -np.exp(rng.normal(size=count)),
        "positive": np.exp(rng.normal(size=count)),
        "any": np.where(rng.random(count) < 0.3, np.nan, rng.normal(size=count)),
        "huge": np.exp(rng.uniform(-300, 300, count)),
    }[value]
    status = rng.choice(["stopped", "horizon", "diverged"], count)
    flips = np.where(rng.random(count) < 0.3, np.nan, 0.2)
    return runs.assign(y=drawn, status=status, steps=rng.integers(1, 100, count), flip_share=flips)


KINDS = ("none", "zero", "one", "negative", "positive", "any", "huge")
OBSERVABLES = {"y": replace(PACK.observables["order_one_time"], name="y")}


def along(lost: Condition, controls: bool, count: int = 5) -> scaling.Path:
    """A path of which only what a verdict reads is there."""
    from numerics import Setting

    places = []
    for k in range(count):
        one = Setting(n=16 * 2**k, m=4 + k, d=100 * 4**k, mu=5.0, sigma_0=1e-3, eta=0.1, tau_plus=0.1, tau_minus=0.1)
        control = replace(one, d=one.d * 10) if controls else None
        places.append(scaling.Place(size=16.0 * 2**k, setting=one, control=control, margin=2.0**-k))
    return scaling.Path(needs=(), lost=lost, scaling="n = N", restored_by="", places=tuple(places), problem="",
                        group="along", stage="T1")  # fmt: skip


@pytest.mark.parametrize("controls", [True, False], ids=["control", "no control"])
@pytest.mark.parametrize("law", LAWS, ids=str)
def test_any_law_on_any_values_is_judged_and_followed(law, controls):
    claim = Claim(name="x", source="s", needs=(), observable="y", law=law)
    path = along(PAPER[3], controls)
    jobs = scaling.jobs(path, ("y",), "quick", READING, 0, "cpu")
    for seed, kind in enumerate(KINDS):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            runs = table(jobs, kind, np.random.default_rng(seed))
            on = runs[runs["group"] == "along"]
            assert judge(claim, on, READING, OBSERVABLES).reason
            assert scaling.trend(claim, path, runs, READING, OBSERVABLES).reason
            # An interrupt may leave some of them, or of the control none.
            for left in (runs.iloc[::5], on, runs[runs["group"] == "along" + CONTROL], runs.iloc[:0]):
                assert scaling.trend(claim, path, left, READING, OBSERVABLES).reason


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(scaling, "EFFORT", {"quick": (6, 0.3)})
    monkeypatch.setattr(scaling, "VALUES", 5)
    monkeypatch.setattr(scaling, "PART", 6)
    profile = replace(PROFILES["quick"], seeds=2, settings={**PROFILES["quick"].settings, "T1": 4})
    monkeypatch.setitem(PROFILES, "quick", profile)


DROPPED = [*((i,) for i in range(len(PAPER))), (1, 3), (3, 7), (4, 5), (0, 6)]


@pytest.mark.parametrize("dropped", DROPPED, ids=lambda k: "+".join(PAPER[i].name for i in k))
def test_a_claim_without_some_of_the_papers_conditions_is_followed_or_says_why_not(tiny, dropped):
    needs = tuple(c for k, c in enumerate(PAPER) if k not in dropped)
    claim = Claim(name="x", source="s", needs=needs, observable="y", law=Within(low=0))
    for k in dropped:
        found = check.omission(PACK.paper, needs, PAPER[k], set())
        assert found.status in {"entailed", "not entailed", "undecided", "contradictory"}
        if found.powers is None:
            continue
        path = scaling.path(found.powers, found.scaling, needs, PAPER[k], READING, "T1", "quick", tight=found.tight)
        jobs = scaling.jobs(path, ("y",), "quick", READING, 0, "cpu")
        assert path.problem or jobs
        runs = table(jobs, "positive", np.random.default_rng(0)) if jobs else pd.DataFrame({"group": []})
        assert scaling.trend(claim, path, runs, READING, OBSERVABLES).answer in set(Fate)


@pytest.mark.parametrize(
    "text",
    [
        "from theory.papers.han2025 import condition_4_1\n"
        "needs = tuple(c for c in condition_4_1() if c.name != '4.1.5-step')\n"
        + CLAIM.replace("()", "needs").replace("loss_end", "margin_clean_min_T1"),
        CLAIM.replace("()", "Condition(name='line', source='s', statement=d >= C*n)").replace("loss_end", "flip_share"),
        CLAIM.replace("loss_end", "recursion_residual"),
    ],
    ids=["without a step", "one condition", "an identity in bounds"],
)  # fmt: skip
def test_a_file_with_few_conditions_runs_to_its_report(tiny, tmp_path, text):
    from verify import study

    held = load(tmp_path, text)
    found, planned, followed = check.prepare(held, PROFILES["quick"], READING, 0, "cpu")
    batches = tmp_path / "out"
    batches.mkdir()
    results, _ = study.collect(planned, batches, None, lambda *_: None)
    found = check.conclude(found, followed, study.conclude(planned, results, "", 0.0))
    assert len(found.trends) == len(followed)


def test_a_law_without_a_meaning_at_some_setting_is_said_before_it_runs(tiny, tmp_path):
    held = load(
        tmp_path,
        CLAIM.replace("low=0", "high=log(n - 60)").replace("loss_end", "flip_share"),
    )
    with pytest.raises(userfile.Refused, match=r"note\.py:3: claim 'x': log\(n - 60\) has no value at n = "):
        check.prepare(held, PROFILES["quick"], READING, 0, "cpu")


@pytest.mark.parametrize(
    ("given", "turned"), [("(0.5, 0.25, 0.1)", "(0.1, 0.25, 0.5)"), ("(2.0, 2.8, 4.0)", "(4.0, 2.8, 2.0)")]
)
def test_a_ladder_along_which_a_theorem_says_ever_more_is_refused(tmp_path, given, turned):
    text = (ROOT / "docs" / "examples" / "own_theorem.py").read_text(encoding="utf-8")
    path = tmp_path / "note.py"
    path.write_text(text, encoding="utf-8")
    userfile.load(path)
    path.write_text(text.replace(given, turned), encoding="utf-8")
    with pytest.raises(ValueError, match="says ever more; turn it round"):
        userfile.load(path)


def test_an_observable_that_reads_more_than_it_declares_is_found_before_anything_runs(tmp_path):
    path = tmp_path / "note.py"
    text = (
        "from numerics import Observable\nfrom theory import Claim, Within\n"
        "from theory.papers.han2025 import condition_4_1\n"
        "own = Observable(name='own', says='', stage='end', reads={reads},\n"
        "                 compute=lambda run: run.at('end', 'gamma_max'))\n"
        "CLAIMS = (Claim(name='x', source='s', needs=condition_4_1(), observable='own', law=Within(low=0)),)\n"
    )
    path.write_text(text.format(reads="('loss',)"))
    with pytest.raises(ValueError, match=r"note\.py:4: observable 'own' reads more than reads = \('loss',\); name all"):
        userfile.try_observables(userfile.load(path))
    path.write_text(text.format(reads="('gamma_max',)"))
    userfile.try_observables(userfile.load(path))
