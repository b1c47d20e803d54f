"""Every option of every command, fed what nobody should: one line that names the value, before anything runs."""

from dataclasses import replace

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

import verify.__main__ as program
import verify.cli.study as commands
from numerics import Setting
from numerics.sampling import check_drawable
from theory.papers.han2025 import Reading, condition_4_1
from verify import calibrate, design, falsify, maps, options, processes, reproduce, selftest, study, sweep
from verify.reproduce import image_runs

HUGE = "1" + "0" * 400
VALUES = (
    "0", "-1", "nan", "inf", "-inf", "1e300", "-1e300", "1e-300", HUGE, "1e30", "", "text", "0.5", "1", "2:1", "5:5",
    "-5:2:3", "1:2:1000000000", "1e300:2e300", "nan:1", "n=-5", "n=log(0)", "n=1e999",
)  # fmt: skip
TEXTS = ("0", "nan", "1e300", HUGE, "", "text", "n=log(0)")  # for what is no number and no range
RANGES = ("x", "y", "at")
# What a command cannot do without, or what keeps it small.
NEEDED = {
    "run": ("recursion.exact",),
    "explain": ("stage1.time",),
    "falsify": ("stage1.noisy-ignored", "--no-replay"),
    "map": ("kappa", "tau"),
    "margins": ("--n", "100", "--m", "20", "--d", "2000", "--mu", "10", "--sigma-0", "1e-3", "--eta", "0.1"),
    "check": ("nowhere.py",),
    "select": ("nowhere.csv",),
    "entails": ("--given", "condition-4.1"),
    "figures": ("1",),
    "prove": ("limit.noisy-faster",),
}


def needed(command: str, option: str) -> list[str]:
    """What a command cannot do without, but for an option that is given otherwise."""
    held = list(NEEDED.get(command, ()))
    if option in held:
        del held[held.index(option) : held.index(option) + 2]
    return held


PAIRS = [
    (name, option)
    for name, command in sorted(program.cli.commands.items())
    for option in command.get_params(click.Context(program.cli))
    if option.name not in ("help", "paper")  # what names a paper is taken before a command is asked
]


class Started(BaseException):  # not caught by the last handler
    """Work has begun: what was given has passed."""


def started(*_args: object, **_named: object) -> None:
    raise Started


@pytest.fixture
def cut(monkeypatch, tmp_path):
    """Everything that takes long raises :class:`Started` instead."""
    for module, name in (
        (study, "plan"), (selftest, "planted_statements"), (falsify, "hunt"), (falsify, "failures"),
        (falsify, "parties"), (maps, "collect"), (calibrate, "plan"), (calibrate.FOLDER.__class__, "open"),
        (image_runs, "check"), (reproduce, "collect"), (processes, "each"), (commands, "_searched"),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, started)
    monkeypatch.chdir(tmp_path)


def call(monkeypatch, capsys, *arguments: str) -> tuple[int | None, str]:
    """Exit status and what was said, as a user meets them; None where work began."""
    monkeypatch.setattr("sys.argv", ["verify", *arguments])
    try:
        with pytest.raises(SystemExit) as done:
            program.main()
    except Started:
        capsys.readouterr()
        return None, ""
    return done.value.code, capsys.readouterr().err


@pytest.mark.parametrize(("name", "option"), PAIRS, ids=[f"{n} {o.name}" for n, o in PAIRS])
def test_whatever_an_option_is_given_it_is_taken_or_named_in_one_line(cut, monkeypatch, capsys, name, option):
    number = isinstance(option.type, options.Number | options.Seconds)
    for value in VALUES if number or option.name in RANGES else TEXTS:
        given_ = needed(name, option.opts[-1] if not isinstance(option, click.Argument) else "")
        if isinstance(option, click.Argument):
            given_ = [x for x in given_ if x.startswith("--")] if name == "falsify" else []
            given_ += ["--", value]
        elif option.is_flag:
            given_ += [f"{option.opts[0]}={value}"]
        else:
            given_ += [option.opts[-1], value]
        status, said = call(monkeypatch, capsys, name, *given_)
        assert status in (None, 0, 1, 2), (given_, status, said)
        assert "Traceback" not in said
        if status == 2:
            lines = [line for line in said.splitlines() if " of one core" not in line]
            assert len(lines) == 1, (given_, said)
            assert len(lines[0]) < 1200, (given_, said)


NUMERIC = [(n, o) for n, o in PAIRS if isinstance(o.type, options.Number | options.Seconds)]


def test_every_number_has_a_range_of_ours():
    loose = [
        (n, o.name)
        for n, o in PAIRS
        if isinstance(o.type, click.types.IntParamType | click.types.FloatParamType) and not o.is_flag
    ]
    assert loose == []
    assert {"C", "horizon", "seed", "jobs", "d", "seeds", "epsilon", "budget", "rate"} <= {o.name for _, o in NUMERIC}


@pytest.mark.parametrize(("name", "option"), NUMERIC, ids=[f"{n} {o.name}" for n, o in NUMERIC])
def test_a_number_outside_its_range_is_refused_by_value_and_rule(cut, monkeypatch, capsys, name, option):
    for value in ("nan", "inf", "-inf", "1e300", "-1", HUGE, "", "text"):
        status, said = call(monkeypatch, capsys, name, *needed(name, option.opts[-1]), option.opts[-1], value)
        assert status == 2
        assert f"'{value[:40]}" in said
        assert option.opts[-1] in said
        assert "from" in said or "above" in said


@given(st.one_of(st.floats(), st.integers(), st.text(max_size=8)), st.booleans(), st.booleans(), st.booleans())
def test_a_number_is_taken_exactly_if_it_lies_in_the_range(value, whole, above, below):
    kind = options.Number(-3, 1e6, whole=whole, above=above, below=below)
    text = repr(value) if isinstance(value, float) else str(value)
    try:
        number = float(text)
    except (ValueError, OverflowError):
        number = float("nan")
    inside = -3 <= number <= 1e6 and not (above and number == -3) and not (below and number == 1e6)
    if inside and not (whole and number % 1):
        assert kind.convert(text, None, None) == number
    else:
        with pytest.raises(click.BadParameter, match="is not a"):
            kind.convert(text, None, None)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("margins", "--d", "1e300"), ("1e300", "1e+18")),
        (("margins", "--mu", "1e200"), ("1e200", "1e+30")),
        (("margins", "--sigma-xi", "1e-300"), ("1e-300", "1e-30")),
        (("map", "--at", "d=1e300"), ("d = 1e+300", "1e+18")),
        (("map", "--at", "n=-5"), ("n = -5", "from 1")),
        (("map", "--at", "eta=log(0)"), ("log(0)", "no value")),
        (("map", "--at", "eta=sqrt(-2)"), ("sqrt(-2)", "no value")),
        (("map", "--x", "-5:2:3"), ("kappa = -5", "0 to")),
        (("map", "--y", "0.1:0.7"), ("tau = 0.7", "0.5")),
        (("map", "--x", "1:2:1000000000"), ("1000000000", "100,000")),
        (("map", "--x", "1:2:1000", "--y", "0.1:0.2:1000"), ("1,000,000 cells", "smaller counts")),
        (("map", "--seeds", "1000000000"), ("1000000000", "10000")),
        (("map", "--seeds", "10000"), ("384 cells", "fewer")),
        (("map", "--at", "n=1e7"), ("n = 10000000", "smaller n and m")),
        (("map", "--at", "eta=1e-20", "--seeds", "5000"), ("days of one core", "fewer cells")),
        (("falsify", "--C", "inf"), ("inf", "--C")),
        (("falsify", "--horizon", "inf"), ("inf", "--horizon")),
        (("falsify", "--budget", "1e300h"), ("1e300h", "720h")),
        (("falsify", "--at", "n=1e9 m=10 d=200 mu=1 sigma_0=1 eta=1"), ("n = 1000000000", "smaller n and m")),
        (("falsify", "--at", "n=9 n=8 m=10 d=200 mu=1 sigma_0=1 eta=1"), ("twice",)),
        (("run", "--C", "inf"), ("inf", "--C")),
        (("run", "--horizon", "inf"), ("inf", "--horizon")),
        (("run", "--jobs", "1000000"), ("1000000", "--jobs")),
    ],
)  # fmt: skip
def test_the_value_the_rule_and_the_way_out_are_said(cut, monkeypatch, capsys, arguments, words):
    name, *rest = arguments
    status, said = call(monkeypatch, capsys, name, *needed(name, rest[0]), *rest)
    assert status == 2
    line = said.splitlines()[-1]
    for word in words:
        assert word in line, said


def test_the_cost_of_a_map_is_said_before_it_starts(cut, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["verify", "map", "kappa", "tau"])
    with pytest.raises(Started):
        program.main()
    assert "3072 runs, about " in capsys.readouterr().err


def test_no_two_refusals_send_one_in_a_circle():
    huge = Setting(n=10**9, m=10, d=200, mu=1.0, sigma_0=1.0, eta=1.0)
    with pytest.raises(ValueError, match="smaller n and m") as dense:
        check_drawable(huge)
    assert "dense" not in str(dense.value)
    with pytest.raises(ValueError, match="smaller n and m"):
        check_drawable(Setting(n=10**9, m=10, d=10**12, mu=1.0, sigma_0=1.0, eta=1.0))


@pytest.mark.parametrize("ends", [(0, 0, 0), (0, 1, 0), (1, 1, 1)])
def test_a_reading_at_the_ends_of_its_range_is_designed_or_refused_in_a_line(ends):
    """What the ranges let through leaves no floating point."""
    C, horizon, delta = (pair[k] for pair, k in zip(((1.0, 1e12), (1e-3, 1e9), (1e-30, 0.999)), ends, strict=True))
    reading = Reading(C=C, horizon=horizon, delta=delta, kappa_low=1e-6, kappa_high=1e6, tau_low=1e-9, tau_high=0.499)
    group = design.Group(name="g", needs=condition_4_1(reading), stage="T1", needs_rates=False, observables=())
    settings = {**design.PROFILES["quick"].settings, "T1": 3}
    profile = replace(design.PROFILES["quick"], settings=settings)
    jobs, refused = sweep.plan_jobs([group], profile, reading, 0, "cpu")
    assert jobs or "lie inside" in refused["g"]
