"""A law is one value and one entry: a toy law that only this file knows is judged, written, drawn and refused."""

import io
import json
import sys
from dataclasses import dataclass
from typing import ClassVar

import jsonschema
import pytest
from test_report import claim
from test_report import study as made

from theory import AtLeast, AtMost, Boundary, Claim, Crossing, Exactly, Theta, Within, mu, n
from theory.laws import Law
from verify import report, userfile
from verify.draw import canvas, finished
from verify.laws import LAWS, kind_of
from verify.laws.kind import Detail, Finding, LawKind, Status, Table


@dataclass(frozen=True)
class Above(Law):
    """The observable lies above ``floor`` in every run."""

    floor: float

    def tex(self, name):
        return f"{name} > {self.floor:g}"


@dataclass(frozen=True, kw_only=True)
class Least(Detail):
    kind: ClassVar[str] = "floor"
    observable: str
    least: float
    p_value: float = 0.0


def judged(parts, runs, asked):
    [(name, law)] = parts
    least = float(runs[name].min())
    return Finding(
        parts=tuple(parts), status=Status.SUPPORTED if least > law.floor else Status.REFUTED,
        predicted=f"above {law.floor:g}", measured=f"least {least:.3g}", reason="a toy says so",
        detail=Least(observable=name, least=least),
    )  # fmt: skip


def drawn(name, claim, finding, runs, observables):
    figure, axes = canvas(4, 3)
    axes[0, 0].plot(runs["n"], runs[finding.detail.observable], "o")
    return finished(figure, name, "toy", f"The toy's picture of {claim.name}.")


def checked(law, values):
    if law.floor < 0:
        raise ValueError(f"Above, floor {law.floor:g}: lies below zero; give one above")


TOY = LawKind(
    called="toy floor",
    method="toy: the least run",
    judge=judged,
    how=lambda law: "A toy looks at the least run alone.",
    predicted=lambda law, detail: f"toy prediction {law.floor:g}",
    measured=lambda detail: [f"toy measurement {detail.least:.3g}"],
    brief=lambda detail: f"toy in short {detail.least:.3g}",
    table=lambda detail: Table(headings=("toy heading",), rows=[("$n$",)]),
    picture=drawn,
    check=checked,
)


@pytest.fixture
def entered(monkeypatch):
    monkeypatch.setitem(LAWS, Above, TOY)


@pytest.fixture
def outcome(entered):
    return made((claim("low", "margin_clean_min_T1", Above(0.0)), claim("high", "margin_clean_min_T1", Above(0.9))))


def test_a_toy_law_is_judged(outcome):
    assert [v.status for v in outcome.verdicts] == [Status.SUPPORTED, Status.REFUTED]
    [part] = outcome.verdicts[1].details["parts"]
    assert part.pop("least") <= 0.2
    assert part == {"kind": "floor", "observable": "margin_clean_min_T1", "p_value": 0.0, "status": "REFUTED"}


def test_a_toy_law_is_written_in_a_report(outcome, tmp_path, monkeypatch):
    report.write(outcome, tmp_path, "a command")
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    for said in (
        "toy prediction 0.9",
        "toy measurement",
        "A toy looks at the least run",
        "toy heading",
        "picture of low",
    ):
        assert said in page
    assert "toy measurement" in (tmp_path / "report.md").read_text(encoding="utf-8")
    assert (tmp_path / "figures" / "low.svg").is_file()
    held = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    jsonschema.validate(held, json.loads(report.SCHEMA.read_text(encoding="utf-8")))
    assert held["claims"][0]["details"]["parts"][0]["kind"] == "floor"
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    report.summary(outcome)
    report.explain(outcome.verdicts[0].claim, outcome.plan.observables)
    report.table_of_claims(outcome.plan.claims)
    assert all(said in stream.getvalue() for said in ("toy in short", "A toy looks at", "toy floor"))


FILE = """from test_laws import Above
from theory import Claim, Condition, n
large = Condition(name="large", source="s", statement=n >= 20)
mine = Claim(name="mine", source="s", needs=(large,), observable="signal_lead_T1", law=Above({floor}))
"""


def refused(tmp_path, floor):
    path = tmp_path / "mine.py"
    path.write_text(FILE.format(floor=floor))
    try:
        return userfile.load(path).claims[0].parts
    except userfile.Refused as problem:
        return str(problem).removeprefix(str(path))


def test_a_toy_law_is_refused_in_a_users_file_where_it_is_wrong(entered, tmp_path):
    assert refused(tmp_path, 1) == (("signal_lead_T1", Above(1)),)
    assert refused(tmp_path, -1) == ":4: claim 'mine': Above, floor -1: lies below zero; give one above"


def test_a_law_without_an_entry_is_refused(tmp_path):
    said = refused(tmp_path, 1)
    assert said.startswith(
        ":4: claim 'mine': law Above(floor=1) is of a kind that nothing here judges; use one of Theta,"
    )


def test_a_law_that_is_none_is_no_law():
    with pytest.raises(ValueError, match="neither an expression nor a law"):
        Claim(name="x", source="s", needs=(), observable="y", law=3)


def test_every_law_has_an_entry_that_says_all_of_it():
    laws = [Theta(n), Within(low=0), AtMost(n), AtLeast(n), Exactly(1e-9, "rounding"), Crossing(n, 1, 0.1, "a tenth"),
            Boundary(n * mu, 0.5, mu)]  # fmt: skip
    assert [type(law) for law in laws] == list(LAWS)
    for law in laws:
        assert kind_of(law).how(law).endswith(".")
        assert "x" in law.tex("x")
        assert kind_of(law).planted is not TOY.planted  # what it must catch
    assert len({kind.method for kind in LAWS.values()}) == len({kind.called for kind in LAWS.values()}) == len(LAWS)


def test_bounds_are_what_single_runs_meet_or_break():
    assert Within(low=0).bounds == (0, None) and Exactly(1e-9, "rounding").bounds == (None, 1e-9)
    assert Theta(n).bounds is AtMost(n).bounds is None
    assert Theta(n, constant="x").reads == ("x",) and Theta(n).reads == ()
    assert Within(low=0, high=n).weighed == (n,) and AtMost(1).weighed == (1,)  # a plain number has any unit
