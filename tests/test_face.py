"""What `import thetacheck` gives, and a claim's way to its verdict in one call."""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pandas as pd
import pytest

import thetacheck
from numerics.observables import moments
from theory import C, d, m, mu, n
from theory.formulas import parses
from theory.orders import parse
from theory.papers.han2025 import Reading, claims
from theory.statements import Part, Theorem
from theory.symbols import hidden
from thetacheck import (
    AtMost,
    Band,
    Claim,
    Condition,
    Event,
    Observable,
    Order,
    Premise,
    Setting,
    Source,
    Within,
    around,
    consistent,
    draw,
    entails,
    plot,
    premises,
    train,
    verify,
)
from verify import report
from verify.laws.kind import Status
from verify.maps import Axis, Map
from verify.pack import load
from verify.quantify import TheoremVerdict
from verify.shown import in_python

ROOT = Path(__file__).parent.parent
FITTED = next(claim for claim in claims(Reading()) if claim.name == "stage1.clean-fitted")


SIZES = dict(n=8, m=4, d=200, mu=5.0, sigma_0=0.01, eta=0.1)
UNNAMED = Condition(name="own", source="my note", statement=mu >= hidden("C_prime", "C'", "of a theorem"))


def theorem(name="own", series="loss"):
    part = Part(name="p", series=series, law=Within(low=0))
    return Theorem(name=name, source="my note", needs=FITTED.needs, hidden=(), window=(0, d), parts=(part,))


def test_the_public_names_are_these():
    assert thetacheck.__all__ == [
        "OBSERVABLES", "SERIES", "AtLeast", "AtMost", "Band", "Claim", "Condition", "Crossing", "Event", "Exactly",
        "Observable", "Order", "Outcome", "Premise", "Sample", "Setting", "Source", "Theta", "Trajectory", "Within",
        "around", "consistent", "draw", "entails", "papers", "plot", "premises", "train", "verify",
    ]  # fmt: skip
    for name in thetacheck.__all__:
        assert getattr(thetacheck, name) is not None
    assert thetacheck.papers()["han2025"] is load("han2025").paper
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        thetacheck.nothing  # noqa: B018


@pytest.fixture(scope="module")
def outcome():
    """Of a claim and of its negation: chosen wrong, so that a yes is worth something."""
    wrong = Claim(
        name="own.unfitted",
        source=FITTED.source,
        needs=FITTED.needs,
        observable=FITTED.observable,
        law=Within(high=-0.1),
    )
    return verify([FITTED, wrong], progress=False)


def test_a_claim_and_its_negation_come_to_opposite_verdicts(outcome):
    found = outcome.to_frame()["verdict"]
    assert found["stage1.clean-fitted"] == "SUPPORTED"
    assert found["own.unfitted"] == "REFUTED"
    assert "REFUTED      own.unfitted" in repr(outcome)


def values(outcome):
    """One of every kind that a user may come to hold, by name."""
    pack, setting = load("han2025"), Setting(n=8, m=4, d=200, mu=5.0, sigma_0=0.01, eta=0.1)
    paper, sample = pack.paper, draw(setting, 3)
    run = train([setting], [sample], steps=20, events=moments(0.25))
    [plain, *_] = paper.sets(Reading())
    at = Reading().at(setting.values(), 0.01)
    given = paper.premises()["condition-4.1"]
    goals = [parse("d >> n"), parse("n * log(n) << sqrt(d)")]
    listed = [
        setting, sample, run, run.state("end"), run.batch, run.kept["end"], run.events["T1"],
        *paper.claims(Reading()), *paper.theorems(Reading()), *plain.conditions, plain, paper, pack, Reading(),
        *(c.margin(at, 2.0) for c in plain.conditions), *given, *goals, *(entails(given, goal) for goal in goals),
        consistent(given), *paper.entailments(), paper.limit(), paper.limit().system, *paper.limit().statements,
        *thetacheck.OBSERVABLES.values(), FITTED.source, FITTED.parts[0][1],
        outcome, outcome.plan, *outcome.verdicts, *outcome.verdicts[0].findings, *outcome.margins.values(),
        outcome.plan.jobs[0].group, outcome.plan.jobs[0], next(iter(outcome.results.values())),
        outcome.plan.profile, Map(x=Axis.read("kappa", "", 4), y=Axis.read("tau", "", 4)),
    ]  # fmt: skip
    return {f"{type(value).__name__} {i}": value for i, value in enumerate(listed)}


def test_every_value_shows_itself_in_a_few_lines(outcome):
    shown = {name: repr(value) for name, value in values(outcome).items()}
    assert {name: text for name, text in shown.items() if len(text) > 900 or text.count("\n") > 5} == {}
    # What has no words of its own is still told apart.
    assert len(set(shown.values())) == len(shown)


def test_values_with_formulas_show_them_in_a_notebook(outcome):
    held = values(outcome)
    kinds = {type(value).__name__ for value in held.values() if hasattr(value, "_repr_html_")}
    assert kinds >= {"Claim", "Condition", "Margin", "Theorem", "Outcome", "Verdict", "Trajectory", "Answer"}
    for name, value in held.items():
        if hasattr(value, "_repr_html_"):
            page = ElementTree.fromstring(f"<body>{value._repr_html_()}</body>".replace("<br>", "<br/>"))
            if type(value).__name__ != "Trajectory" and type(value).__name__ != "Answer":
                assert page.find(".//math") is not None, name
            assert "plainmath" not in value._repr_html_(), name  # a formula that could not be read
        if hasattr(value, "_repr_latex_") and value is not outcome:
            latex = value._repr_latex_()
            assert latex.startswith("$\\displaystyle ")
            assert parses(latex.removeprefix("$\\displaystyle ").removesuffix("$")), latex
    [verdict, _] = outcome.verdicts
    whole = " ".join(
        "".join(ElementTree.fromstring(f"<b>{outcome._repr_html_()}</b>".replace("<br>", "<br/>")).itertext()).split()
    )
    assert "SUPPORTED" in whole
    assert f"{verdict.runs} runs" in whole
    assert "4.1.2-dimension" in whole


def test_runs_are_a_labelled_data_set(monkeypatch):
    setting = Setting(n=8, m=4, d=200, mu=5.0, sigma_0=0.01, eta=0.1)
    run = train([setting] * 2, [draw(setting, seed) for seed in (3, 5)], steps=20, events=moments(0.25))
    held = run.to_xarray()
    assert held["loss"].dims == ("run", "iteration")
    assert float(held["loss"].sel(iteration=20)[1]) == run.at("end", "loss")[1]
    assert held["seed"].values.tolist() == [3, 5]
    assert held["mu"].values.tolist() == [5.0, 5.0]
    assert held["time_T1"].values.tolist() == run.time("T1").tolist()
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(ValueError, match="xarray is not installed: it comes with the extra 'xarray'"):
        run.to_xarray()


@pytest.fixture
def pyplot():
    """With nothing of its state changed but for new figures."""
    import matplotlib
    from matplotlib import pyplot

    pyplot.switch_backend("Agg")
    before, open_before = dict(matplotlib.rcParams), pyplot.get_fignums()
    yield pyplot
    assert dict(matplotlib.rcParams) == before
    for number in set(pyplot.get_fignums()) - set(open_before):
        pyplot.close(number)


def test_runs_and_fits_are_drawn_on_axes_that_can_be_changed(pyplot, outcome):
    setting = Setting(n=8, m=4, d=200, mu=5.0, sigma_0=0.01, eta=0.1)
    run = train([setting] * 2, [draw(setting, seed) for seed in range(2)], steps=20)
    axis = plot(run, "loss", "accuracy")
    assert [line.get_ydata()[-1] for line in axis.lines] == [run.series[k][:, -1].mean() for k in ("loss", "accuracy")]
    axis.set_title("mine")
    axis.figure.canvas.draw()
    figure, axes = pyplot.subplots(1, 2)
    mine = plot(outcome, "own.unfitted", ax=axes)
    assert mine.tolist() == axes.tolist()
    assert all(a.has_data() for a in axes)
    assert pyplot.gcf() is figure
    assert outcome.plot("own.unfitted")[0].figure is not figure


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (lambda run, outcome, axes: plot(run, "los"), "'los' was not recorded; known: elapsed"),
        (lambda run, outcome, axes: plot(run, ax=axes), "ax: 3 axes for 1 panels"),
        (lambda run, outcome, axes: plot(outcome, "own.unfitted", ax=axes[0]), "ax: 1 axes for 2 panels"),
        (lambda run, outcome, axes: plot(outcome), "claim '': this outcome has stage1.clean-fitted, own.unfitted"),
        (lambda run, outcome, axes: plot(3), "int: nothing is known to draw of it"),
        (lambda run, outcome, axes: plot("nowhere"), "nowhere: holds no finished map; name the folder of one"),
        (lambda run, outcome, axes: plot(run, ax="x"), "ax = 'x': must be axes of matplotlib"),
        (lambda run, outcome, axes: plot(run, ax=axes[0].figure), "must be axes of matplotlib"),
        (lambda run, outcome, axes: plot(run, ["loss"]), "Trajectory with (['loss'],): give names of series"),
        (lambda run, outcome, axes: plot(outcome, "a", "b"), "Outcome with ('a', 'b'): give the name of one claim"),
        (lambda run, outcome, axes: plot("map", "loss"), "str with ('loss',): a folder holds all of its map"),
    ],
)
def test_what_cannot_be_drawn_is_said(asked, said, pyplot, outcome):
    setting = Setting(n=8, m=4, d=200, mu=5.0, sigma_0=0.01, eta=0.1)
    run = train([setting], [draw(setting, 0)], steps=2)
    with pytest.raises(ValueError, match=re.escape(said)):
        asked(run, outcome, pyplot.subplots(1, 3)[1])


def test_an_outcome_as_latex_names_claims_and_verdicts(outcome):
    written = outcome.to_latex()
    assert "own.\\allowbreak{}unfitted" in written
    assert r"\textsc{refuted}" in written


def test_an_outcome_of_many_claims_says_first_what_is_not_supported(outcome):
    many = replace(outcome, verdicts=outcome.verdicts[:1] * 20 + outcome.verdicts[1:])
    _, counted, first, *_, last = repr(many).split("\n")
    assert counted == "20 SUPPORTED, 1 REFUTED"
    assert first.startswith("REFUTED")
    assert last == "and 11 more: see to_frame()"


def test_any_executor_and_a_folder_give_the_same(tmp_path):
    alone = verify("stage1.clean-fitted", progress=False)
    with ThreadPoolExecutor(2) as threads:
        there = verify("stage1.clean-fitted", progress=False, executor=threads, folder=tmp_path / "report")
    assert alone.runs.equals(there.runs)
    assert (tmp_path / "report" / "index.html").exists()
    again = verify("stage1.clean-fitted", progress=False, folder=tmp_path / "report", resume=True, latex=True)
    assert again.runs.equals(alone.runs)
    assert (tmp_path / "report" / "latex" / "verdicts.tex").exists()


def test_progress_in_a_notebook_is_one_line_that_goes(monkeypatch):
    """As a kernel of Jupyter has it: what is shown is put in the place of what was."""
    shown = []

    class Handle:
        def update(self, data, raw):
            assert raw
            shown.append(data)

    shell = SimpleNamespace(kernel=object())
    display = SimpleNamespace(display=lambda data, raw, display_id: Handle())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell, display=display))
    with report.progress(3, False) as advance:
        advance()
    assert shown[0]["text/plain"].startswith("1 of 3 settings, 0 s gone, ")
    assert "<progress" in shown[0]["text/html"]
    assert shown[-1] == {"text/plain": ""}
    del shell.kernel  # a terminal of IPython
    shown.clear()
    with report.progress(3, False) as advance:
        advance()
    assert shown == []


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"claims": "stage1.tme"}, "unknown claim 'stage1.tme'; did you mean 'stage1.time'?"),
        ({"claims": "xyz"}, "unknown claim 'xyz'; `thetacheck list` shows all"),
        ({"claims": []}, "no claim; give claims, theorems or their names"),
        ({"claims": [3]}, "3 is neither a claim nor a theorem; give claims"),
        ({"claims": FITTED.needs[0]}, "is neither a claim nor a theorem; give claims"),
        ({"claims": [FITTED, replace(FITTED, law=Within(low=1))]}, "another one has this name"),
        ({"C": "two"}, "C = 'two': must be a number"),
        ({"observables": ()}, "observables: those of your own come in a file of yours"),
        ({"jobs": "2"}, "jobs = '2': must be a whole number, from 1 to"),
        ({"jobs": True}, "jobs = True: must be a whole number"),
        ({"jobs": 2, "executor": ThreadPoolExecutor(1)}, "jobs = 2 and an executor: two ways to say who does the work"),
        ({"executor": "x"}, "executor = 'x': must be one of concurrent.futures"),
        ({"seed": -1}, "seed = -1: must be a whole number, from 0 to"),
        ({"seed": 2**60}, f"seed = {2**60}: must be a whole number"),
        ({"folder": 3}, "folder = 3: must be the path of one, or None"),
        ({"folder": ROOT}, f"folder = {ROOT}: holds files that are not ours; name an empty or a new folder"),
        (
            {"folder": "nowhere", "resume": True},
            "folder = nowhere: holds no study to resume; start one without resume",
        ),
        ({"device": None}, "device = None: must be a name, e.g. 'cpu'"),
        ({"progress": "no"}, "progress is 'no'; give True or False"),
        ({"latex": 1}, "latex is 1; give True or False"),
        ({"claims": {}}, "{} is neither a claim nor a theorem"),
        ({"claims": b"x"}, "b'x' is neither a claim nor a theorem"),
        ({"claims": theorem(series="los")}, "part 'p': no series 'los' is recorded; did you mean 'loss'?"),
        ({"claims": theorem("theorem-4.1")}, "theorem 'theorem-4.1': another one has this name"),
        (
            {"claims": replace(FITTED, name="own", needs=(UNNAMED,))},
            "condition 'own' speaks of C_prime, which no setting fixes",
        ),
        ({"resume": True}, "resume=True: there is nothing to go on with"),
        ({"paper": None}, "paper = None: must be a name"),
        ({"claims": None}, "None is neither a claim nor a theorem"),
        ({"jobs": 0}, "jobs = 0: must be a whole number, from 1 to"),
        (
            {"claims": replace(FITTED, observable="clean_fit_tim")},
            "'clean_fit_tim', which does not exist; did you mean",
        ),
        ({"latex": True}, "latex=True: there is no report to write it to; give a folder"),
        ({"profile": "huge"}, "profile = 'huge': must be quick, standard, thorough"),
        ({"kapa_low": 2}, "kapa_low: no number of the paper's reading"),
        ({"C": 0.5}, "C = 0.5: must be"),
        ({"device": "nonsense"}, "device 'nonsense' cannot be used here"),
        ({"paper": replace(load("han2025"), observables={})}, "'han2025': a pack is looked up by its name"),
        ({"paper": around(Setting, typical=SIZES)}, "write it as PACK to a file, and give the file"),
        ({"paper": "nobody2020"}, "paper nobody2020: no such paper"),
    ],
)
def test_mistakes_are_said(asked, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        verify(**{"claims": "stage1.clean-fitted", "progress": False, **asked})


SETTING, FALL = Setting(**SIZES), Event(series="loss", value=0.1, falling=True)
TRAINED = dict(settings=[SETTING], samples=[draw(SETTING, 0)], steps=5)
FITS = dict(name="a", source="my note", needs=FITTED.needs, observable="clean_fit_time", law=m / mu**2)
GROWS = Order(d, ">>", n)


def measured(**fields):
    return Observable(**{"name": "o", "says": "x", "stage": "end", "compute": lambda run: run.last} | fields)


def modelled(**arguments):
    return around(Setting, **{"typical": SIZES} | arguments)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (lambda: Setting(**SIZES | {"n": "8"}), "n = '8': must be a number from 1 to 1e+15"),
        (lambda: Setting(**SIZES | {"mu": True}), "mu = True: must be a number"),
        (lambda: Setting(**SIZES | {"tau_plus": None}), "tau_plus = None: must be a number from 0 to 0.5"),
        (lambda: draw(SETTING, -1), "seed = -1: must be a whole number, at least 0"),
        (lambda: draw(SETTING, None), "seed = None: must be a whole number"),
        (lambda: draw([SETTING], 0), "must be a Setting"),
        (lambda: draw(SETTING, 0, dense="x"), "dense = 'x': must be True, False or None"),
        (lambda: train(**TRAINED | {"settings": SETTING}), "settings: Setting(n=8"),
        (lambda: train(**TRAINED | {"samples": [3]}), "samples: 3 is not what is asked for; give e.g. [draw("),
        (lambda: train(**TRAINED | {"steps": "5"}), "steps = '5': must be a whole number, from 1 to 1e+18"),
        (lambda: train(**TRAINED | {"steps": 10**30}), "must be a whole number, from 1 to 1e+18"),
        (lambda: train(**TRAINED, stop="loss"), "'loss' is no Event; give e.g. Event("),
        (lambda: train(**TRAINED, stop={}), "{} is no Event; give e.g. Event("),
        (lambda: train(**TRAINED, events=[FALL]), "must be events by name"),
        (lambda: train(**TRAINED, events={"end": FALL}), "events: 'end' is where every run ends"),
        (lambda: train(**TRAINED, series=["loss"]), "series = ['loss']: must be recorders by name"),
        (lambda: train(**TRAINED, times=[]), "times = []: must be whole numbers"),
        (lambda: train(**TRAINED, times=[0, 2.5, 5]), "times = [0, 2.5, 5]: must be whole numbers"),
        (lambda: train(**TRAINED, device=None), "device = None: must be a name"),
        (lambda: Event(series=3, value=1), "Event, series 3: must be the name of a series"),
        (lambda: Event(series="loss", value="x"), "Event on 'loss', value 'x': must be a number"),
        (lambda: Event(series="loss", value=[1, [2]]), "Event on 'loss', value [1, [2]]: must be a number"),
        (lambda: Event(series="loss", value=1, falling="x"), "Event on 'loss', falling 'x': must be True or False"),
        (lambda: Source(provenance="user", reference=3), "Source: reference is 3; give a string"),
        (lambda: Source(provenance=["user"], reference="x"), "provenance '['user']': use one of"),
        (lambda: Order("d", ">>", n), "Order, left: 'd' is no expression; write a number"),
        (lambda: Premise(name="p", order="d >> n"), "premise 'p': 'd >> n' is no Order; give e.g. Order("),
        (lambda: premises(FITTED.needs[0]), "must be a tuple of Condition"),
        (lambda: premises("x"), "premises: 'x': must be a tuple of Condition"),
        (lambda: entails(FITTED.needs, GROWS), "must be a tuple of Premise"),
        (lambda: entails((), "d >> n"), "goal: 'd >> n' is no Order; give e.g. Order("),
        (lambda: consistent("condition-4.1"), "given: 'c': must be a tuple of Premise"),
        (lambda: measured(says=None), "observable 'o': says is None; give a string"),
        (lambda: measured(time="x"), "observable 'o': time is 'x'; give True or False"),
        (lambda: measured(weight=True), "observable 'o': weight is True; give a whole number"),
        (lambda: measured(reads="loss"), "observable 'o': reads is 'loss'; give a tuple of names"),
        (lambda: modelled(typical=3), "typical = 3: must be a mapping by name"),
        (lambda: modelled(lasts={"end": "x"}), "lasts of 'end' is 'x': must be a time above 0, or a function"),
        (lambda: modelled(extents={"n": 3}), "the extent of n is 3: give two positive numbers"),
        (lambda: modelled(claims="x"), "claims: 'x': must be a tuple of Claim"),
        (lambda: modelled(conditions=FITTED.needs[0]), "must be a tuple of Condition"),
        (lambda: modelled(theorems=[3]), "theorems: 3: must be a tuple of Theorem"),
        (lambda: modelled(observables={"o": 3}), "observables: 'o': must be a tuple of Observable"),
    ],
)
def test_an_argument_of_another_kind_is_said(asked, said):
    with pytest.raises(ValueError, match=re.escape(said)) as refusal:
        asked()
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (lambda: Claim(**FITS, holds=1), "Claim: no field 'holds'; it has name, source, needs, observable, law, says"),
        (lambda: Condition(name="c", source="x", formula=n >= 2), "no field 'formula'; it has name, source, statement"),
        (lambda: Within(min=1), "Within: no field 'min'; it has low, high"),
        (lambda: AtMost(bound=n), "AtMost: no field 'bound'; it has expression"),
        (lambda: Band(n, least=1, most=2), "Band: no field 'least'; it has expression, low, high"),
    ],
)
def test_a_field_that_is_not_there_is_refused_with_those_that_are(asked, said):
    with pytest.raises(TypeError, match=re.escape(said)):
        asked()


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("--out a b: is a file; name a folder", "folder = a b: is a file; name a folder"),
        ("--resume x: is another; drop --resume to start anew", "folder = x: is another; drop resume= to start anew"),
        ("it failed 3 times; go on with --resume my folder", "it failed 3 times; go on with resume=True"),
        ("lower --C or take a larger --profile", "lower C= or take a larger profile="),
        ("--kappa-low 3: `thetacheck list --limit` shows all", "kappa_low = 3: `thetacheck list --limit` shows all"),
        ("d --- n and e--f", "d --- n and e--f"),
    ],
)
def test_in_python_errors_speak_of_arguments(message, said):
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"), in_python():
        raise ValueError(message)
    with pytest.raises(OSError, match="No such file") as told, in_python():
        raise FileNotFoundError(2, "No such file", "--out")
    assert told.value.filename == "--out"


def test_settings_are_placed_inside_a_condition_with_a_difference():
    """On the way to its boundary d falls below n, where no ratio of the sides tells how far it is."""
    steep = Condition(name="steep", source="my note", statement=d - n >= C)
    claim = Claim(name="own", source="my note", needs=(steep,), observable="clean_fit_time", law=Within(low=0))
    found = verify(claim, progress=False)
    assert found.to_frame()["verdict"].to_list() == ["SUPPORTED"]
    assert (found.runs["d"] - found.runs["n"] >= 2).all()


def test_a_claim_that_changes_with_the_unit_of_length_is_doubted():
    odd = Claim(name="odd", source="my note", needs=FITTED.needs, observable="clean_fit_time", law=m / mu**2)
    with (
        pytest.warns(UserWarning, match="claim 'odd': clean_fit_time has weight 0"),
        pytest.raises(OSError, match="nowhere"),
    ):
        verify(odd, progress=False, folder="/dev/null/nowhere")


def test_theorems_have_rows_too(outcome):
    theorem = next(t for t in load("han2025").paper.theorems(Reading()) if t.name == "theorem-4.2")
    found = TheoremVerdict(
        theorem=theorem, labels="drawn", status=Status.OPEN, met=3, runs=4, settings=pd.DataFrame({"n": [8]}),
        choice=SimpleNamespace(constants={h.name: h.ladder[0] for h in theorem.hidden}, served=False),
        failing=0.5, p=0.1, reason="it falls", parts=(), group="",
    )  # fmt: skip
    both = replace(outcome, answers=(found,))
    assert both.to_frame().loc["theorem-4.2 (drawn labels)", "verdict"] == "OPEN"
    assert "3 of 4 fresh runs meet it, followed to C = " in both._repr_html_()
    alone = replace(both, verdicts=())
    assert list(alone.to_frame()["verdict"]) == ["OPEN"]
    assert replace(alone, answers=()).to_frame().empty


def test_values_show_themselves_in_a_line():
    setting = thetacheck.Setting(n=8, m=4, d=200, mu=5.0, sigma_0=0.01, eta=0.1)
    sample = draw(setting, 3)
    run = train([setting], [sample], steps=20)
    assert repr(sample) == "Sample of n = 8, m = 4, seed 3: 0 flipped, inner products alone"
    assert (
        repr(run) == f"Trajectory of 1 runs (1 horizon), {run.times.size} times from 0 to 20, {len(run.series)} series"
    )


COMMAND = [sys.executable, "-P", "-c", "from thetacheck.__main__ import main; main()"]  # as the console script has it


def called(command, folder, *arguments):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [*command, *arguments], cwd=folder, capture_output=True, text=True, env=environment, check=False
    )


@pytest.fixture
def strays(tmp_path):
    """A folder with files of a user that have the names of ours, of a library and of Python."""
    for name in ("verify", "theory", "numerics", "json", "random", "click", "numpy", "tempfile"):
        (tmp_path / f"{name}.py").write_text("print('STRAY')\n")
    (tmp_path / "theory").mkdir()
    (tmp_path / "theory" / "__init__.py").write_text("print('STRAY')\n")
    return tmp_path


@pytest.mark.parametrize("command", [COMMAND, [sys.executable, "-m", "thetacheck"]], ids=["script", "module"])
def test_no_file_beside_a_users_stands_in_for_ours(command, strays, pyplot):
    asked = "map kappa tau --x 2:4:2 --y 0.1:0.2:2 --show loss_end --steps 2 --seeds 1 --jobs 2 --out map"  # of workers
    if command is COMMAND:
        (strays / "thetacheck.py").write_text("print('STRAY')\n")
        asked = "papers"
    done = called(command, strays, *asked.split())
    assert done.returncode == 0, done.stderr
    assert "STRAY" not in done.stdout + done.stderr
    if command is not COMMAND:  # and what it wrote is drawn again
        axes = pyplot.subplots()[1]
        assert plot(strays / "map", ax=axes) is axes
        assert axes.get_xlabel() == r"$\kappa$"
    (strays / "my_theory.py").write_text(
        "from theory import Claim, Within\n"
        "mine = Claim(name='mine', source='my note', needs=(), observable='nothing', law=Within(low=0))\n"
    )
    done = called(command, strays, "check", "my_theory.py")
    assert done.returncode == 2
    assert done.stderr.startswith("thetacheck: my_theory.py:2: claim 'mine' ")


def test_a_script_beside_such_files_has_ours_or_hears_why_not(strays):
    script = strays / "script.py"
    script.write_text("from thetacheck import Setting\nimport theory\nprint(theory.__file__)\n")
    for name in ("json", "random", "numpy", "click", "tempfile"):  # these a script asks for itself
        (strays / f"{name}.py").unlink()
    assert called([sys.executable, "script.py"], strays).stdout == f"{ROOT / 'theory' / '__init__.py'}\n"
    script.write_text("import theory\nfrom thetacheck import Setting\n")
    done = called([sys.executable, "script.py"], strays)
    [line] = [line for line in done.stderr.splitlines() if line.startswith("ImportError")]
    assert "was imported as 'theory', which thetacheck needs for its own: rename it" in line


def test_processes_of_a_script_without_a_guard_are_refused(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("from thetacheck import verify\nverify('stage1.clean-fitted', jobs=2)\n")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, env=environment, check=False
    )
    assert done.stderr.count("Traceback") == 1
    assert "put what it does under if __name__ == '__main__'" in done.stderr
