"""What observables declare of themselves: which series they read, and how they change under the exact symmetry."""

import re
from dataclasses import replace

import pytest

from numerics import OBSERVABLES, SERIES, Event, Observable, Setting, Trajectory, draw, train
from numerics.observables import moments, reading
from numerics.series import NOTATION
from theory.formulas import parses, pieces
from theory.papers import built_in
from verify import report
from verify.conformance import reads_what_it_says, weighs_what_it_says
from verify.pack import load
from verify.packs.han2025 import PACK

ONE = Setting(n=8, m=4, d=300, mu=20.0, sigma_0=1e-3, eta=0.02, tau_plus=0.2, tau_minus=0.2)
STOP = Event(series="loss", value=0.2, falling=True)


def trained(setting: Setting = ONE, scale: float = 1.0) -> Trajectory:
    """Four runs on vectors; ``scale`` is the c of the symmetry (D4), a power of two, so that nothing is rounded."""
    setting = replace(
        setting,
        mu=setting.mu * scale, sigma_xi=setting.sigma_xi * scale, sigma_0=setting.sigma_0 / scale,
        eta=setting.eta / scale**2,
    )  # fmt: skip
    samples = [draw(setting, seed, dense=True) for seed in range(4)]
    return train([setting] * 4, samples, steps=400, stop=STOP, events=moments(0.25))


@pytest.fixture(scope="module")
def whole() -> Trajectory:
    return trained()


@pytest.fixture(scope="module")
def scaled() -> Trajectory:
    return trained(scale=4.0)


@pytest.mark.parametrize("name", PACK.observables)
def test_what_an_observable_declares_is_so(name, whole, scaled):
    observable = PACK.observables[name]
    assert reads_what_it_says(observable, whole)
    if observable.stage != "exact":  # a residual is rounding, which has no weight
        assert weighs_what_it_says(observable, whole, scaled)
    assert len(observable.reads) <= 6  # all that is recorded would be no declaration


def test_a_false_declaration_is_seen(whole, scaled):
    loss, norm = PACK.observables["loss_end"], PACK.observables["noise_norm_min"]
    assert not reads_what_it_says(replace(PACK.observables["gamma_max_run"], reads=("rho_max",)), whole)
    assert not weighs_what_it_says(replace(norm, weight=1), whole, scaled)
    assert not weighs_what_it_says(replace(loss, weight=2), whole, scaled)


def test_what_declares_nothing_reads_all_and_a_series_that_is_none_is_refused():
    own = Observable(name="own", says="", stage="end", compute=lambda run: run.at("end", "loss"))
    assert own.reads == tuple(SERIES)
    told = replace(own, compute=reading("loss")(lambda run: run.at("end", "loss")), reads=None)
    assert told.reads == ("loss",)
    with pytest.raises(ValueError, match=r"^observable 'own': reads 'los', which is no recorded series"):
        replace(own, reads=("los",))


def formulas():
    yield from ((name, one.latex) for name, one in SERIES.items())
    yield from ((f"{paper} {name}", one.latex) for paper in built_in() for name, one in load(paper).observables.items())


def test_everything_measured_has_a_formula_that_can_be_shown():
    for name, latex in formulas():
        assert parses(latex), name
        # Its own name in words is none, and neither is a sentence.
        assert name.split()[-1].replace("_", " ") not in latex.replace("\\_", " ").replace("_", " "), name
        said = re.findall(r"\\text\{([^}]*)\}", latex)
        assert re.search(r"[=<>+]|\\(min|max|frac|sum|log|ge|le|mathbb|lceil)|^s ", latex), name
        assert len(" ".join(said)) < len(latex) / 2, name
    assert len({one.latex for one in SERIES.values()}) == len(SERIES)
    assert all(parses(latex) for latex, _ in NOTATION)
    assert all(parses(piece) for _, says in NOTATION for latex, piece in pieces(says) if latex)


def test_a_reference_holds_every_formula_once_as_a_row_of_a_table():
    written = report.vocabulary()
    rows = [line for line in written.splitlines() if line.startswith("| `")]
    own = {(p, name) for p in built_in() for name, o in load(p).observables.items() if OBSERVABLES.get(name) is not o}
    assert len(rows) == len(SERIES) + len(OBSERVABLES) + len(own)
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {3, 5}
    assert all(row.count("$") == 2 for row in rows if "\\$" not in row and row.count("|") == 3)
