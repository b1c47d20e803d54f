"""Where a theorem holds in the limit: cells that cover a plane, each as the equations say at points of it."""

from dataclasses import replace
from fractions import Fraction as F

import numpy as np
import pytest
import scipy

from theory import limit
from theory.limit import Verdict, diagram
from theory.papers.han2025 import PAPER
from verify import proved

LIMIT = PAPER.limit()
[PLANE] = LIMIT.diagrams
SMALL = replace(PLANE, spans=((F(8, 5), F(6)), PLANE.spans[1]), halvings=(5, 1))
CONSTANTS = {"T1_least": 0.28, "T1_width": 2.8, "coefficient_least": 0.1, "coefficient_most": 4.0}
WINDOW = (0.28, 0.784)


@pytest.fixture(scope="module")
def cells():
    return limit.cells(SMALL, LIMIT.system, CONSTANTS)


def holds(lead, tau, times):
    """Whether all parts of Theorem 4.1 hold at each time, by another integrator and formulas written out."""
    kappa = lead / (1 - 2 * tau)

    def speed(_, x):
        own, noisy = 1 / (1 + np.exp(x[0] + x[1] / 2)), 1 / (1 + np.exp(-x[0] + x[2] / 2))
        return [kappa / 2 * ((1 - tau) * own - tau * noisy), own, noisy]

    found = scipy.integrate.solve_ivp(speed, (0, times[-1]), [0.0, 0.0, 0.0], t_eval=times, rtol=1e-9, atol=1e-11)
    gamma, clean, noisy = found.y
    low, high = CONSTANTS["coefficient_least"], CONSTANTS["coefficient_most"]
    band = np.logical_and.reduce([(low <= x) & (x <= high) for x in (gamma, clean, noisy)])
    return band & (gamma > clean) & (gamma > noisy) & (gamma + clean / 2 > 0) & (noisy / 2 - gamma < 0)


def test_cells_cover_the_plane_once(cells):
    (a, b), (c, d) = SMALL.spans
    assert sum((x[1] - x[0]) * (y[1] - y[0]) for x, y in ((k.x, k.y) for k in cells)) == (b - a) * (d - c)
    for k, one in enumerate(cells):
        for other in cells[k + 1 :]:
            apart = [m[1] <= o[0] or o[1] <= m[0] for m, o in ((one.x, other.x), (one.y, other.y))]
            assert any(apart)
    assert {cell.verdict for cell in cells} >= {Verdict.PROVED, Verdict.DISPROVED}


def test_cells_are_as_the_equations_say(cells):
    rng = np.random.default_rng(2)
    times = np.linspace(*WINDOW, 41)
    for cell in cells:
        (a, b), (c, d) = ([float(end) for end in side] for side in (cell.x, cell.y))
        corners = [(x, y) for x in (a, b) for y in (c, d)]
        inside = [(rng.uniform(a, b), rng.uniform(c, d)) for _ in range(3)]
        for lead, tau in corners + inside:
            if cell.verdict == Verdict.PROVED:
                assert WINDOW[0] - 1e-9 <= cell.time <= WINDOW[1] + 1e-9
                assert holds(lead, tau, np.array([0.0, float(cell.time)]))[-1]
            elif cell.verdict == Verdict.DISPROVED:
                assert not holds(lead, tau, np.concatenate([[0.0], times])).any()


def test_what_is_undecided_is_a_seam(cells):
    width = {v: sum(float(c.x[1] - c.x[0]) * float(c.y[1] - c.y[0]) for c in cells if c.verdict == v) for v in Verdict}
    assert width[Verdict.UNDECIDED] < 0.1 * sum(width.values())
    for cell in cells:
        if cell.verdict == Verdict.UNDECIDED:
            assert cell.x[0] > 1.9 and cell.x[1] < 2.6


def test_other_constants_give_another_plane():
    """Within this window a coefficient reaches 0.1, and not 0.5."""
    at = replace(SMALL, spans=((F(5, 2), F(13, 5)), (F(1, 10), F(3, 20))), halvings=(1, 0))
    verdicts = {
        low: {c.verdict for c in limit.cells(at, LIMIT.system, {**CONSTANTS, "coefficient_least": low})}
        for low in (0.1, 0.5)
    }
    assert verdicts == {0.1: {Verdict.PROVED}, 0.5: {Verdict.DISPROVED}}


def test_a_turned_inequality_is_disproved_where_it_was_proved():
    at = replace(PLANE, spans=((F(6), F(7)), (F(1, 10), F(3, 20))), halvings=(1, 0))
    assert {c.verdict for c in limit.cells(at, LIMIT.system, CONSTANTS)} == {Verdict.PROVED}
    turned = replace(at, holds=at.holds.replace("gamma > rho_noisy", "gamma < rho_noisy"))
    assert {c.verdict for c in limit.cells(turned, LIMIT.system, CONSTANTS)} == {Verdict.DISPROVED}


def test_a_cell_whose_certificate_does_not_stand_is_undecided(monkeypatch):
    def refuse(*_):
        raise AssertionError("planted")

    at = replace(PLANE, spans=((F(6), F(7)), (F(1, 10), F(3, 20))), halvings=(0, 0))
    assert [c.verdict for c in limit.cells(at, LIMIT.system, CONSTANTS)] == [Verdict.PROVED]
    monkeypatch.setattr(diagram, "check_certificate", refuse)
    assert [c.verdict for c in limit.cells(at, LIMIT.system, CONSTANTS)] == [Verdict.UNDECIDED]


def test_planes_are_covered_as_constants_become_known():
    small = replace(PLANE, spans=((F(6), F(7)), (F(1, 10), F(3, 20))), halvings=(0, 0))
    held = replace(
        LIMIT, diagrams=(small,), statements=tuple(s for s in LIMIT.statements if s.name == "limit.threshold")
    )
    fixed = {("theorem-4.1", "balanced"): {**CONSTANTS, "C": 1.4}, ("theorem-4.1", "drawn"): {**CONSTANTS, "C": 2.0}}
    with proved.beside(held, {"theorem-4.1"}) as beside:
        beside.follow({})
        beside.follow(fixed)
        beside.follow(fixed)
        found = beside.proofs(True)
    assert len(found.planes) == 1, "the plane does not hang on C"
    said, held_cells = found.plane("theorem-4.1", fixed["theorem-4.1", "drawn"])
    assert said == small and held_cells[0].verdict == Verdict.PROVED
    assert found.plane("theorem-4.1", {**CONSTANTS, "T1_least": 0.4}) is None
    assert found.plane("theorem-4.2", CONSTANTS) is None
