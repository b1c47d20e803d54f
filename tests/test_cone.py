"""The linear inequalities are decided exactly, and either answer proves itself."""

from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.orders.cone import decide

MANY = settings().max_examples  # 100, or as many as --hypothesis-profile says


@st.composite
def systems(draw):
    """Rows of small integers or fractions, many of them dependent, some strict."""
    size, count = draw(st.integers(1, 5)), draw(st.integers(1, 9))
    entry = st.integers(-3, 3) if draw(st.booleans()) else st.fractions(-2, 2, max_denominator=6)
    rows = draw(st.lists(st.lists(entry, min_size=size, max_size=size), min_size=count, max_size=count))
    return rows, draw(st.lists(st.booleans(), min_size=count, max_size=count))


def dot(row, point):
    return sum((Fraction(a) * b for a, b in zip(row, point, strict=True)), Fraction(0))


def verified(rows, strict) -> bool:
    """Whether there is a point; raises unless the answer's certificate holds."""
    point, multipliers = decide(rows, strict)
    assert (point is None) != (multipliers is None)
    if point is not None:
        assert all(dot(row, point) <= (-1 if s else 0) for row, s in zip(rows, strict, strict=True))
        return True
    assert all(p >= 0 for p in multipliers)
    assert any(p > 0 for p, s in zip(multipliers, strict, strict=True) if s)
    assert not any(dot(column, multipliers) for column in zip(*rows, strict=True))
    return False


@settings(max_examples=2 * MANY)
@given(systems())
def test_either_answer_carries_a_certificate_that_holds(system):
    verified(*system)


@settings(max_examples=MANY)
@given(systems(), st.randoms(use_true_random=False), st.fractions(Fraction(1, 5), 5, max_denominator=5))
def test_the_answer_does_not_depend_on_order_or_scale(system, random, scale):
    rows, strict = system
    expected = verified(rows, strict)
    order = list(range(len(rows)))
    random.shuffle(order)
    assert verified([[scale * a for a in rows[k]] for k in order], [strict[k] for k in order]) == expected


@settings(max_examples=MANY)
@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=1, max_size=5), st.data())
def test_in_the_plane_it_agrees_with_trying_all_directions(rows, data):
    """A cone in the plane holds, with a point of its interior, one between two boundary directions."""
    strict = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    edges = [(s * b, -s * a) for a, b in rows for s in (1, -1)] + [(1, 0), (0, 1), (-1, 0), (0, -1)]
    tried = [(0, 0), *edges, *((p[0] + q[0], p[1] + q[1]) for p, q in combinations(edges, 2))]
    found = any(all(dot(r, x) < 0 if s else dot(r, x) <= 0 for r, s in zip(rows, strict, strict=True)) for x in tried)
    assert verified(rows, strict) == found


@pytest.mark.parametrize("strict", [[False] * 3, []])
def test_without_strict_rows_the_origin_is_a_point(strict):
    assert decide([[1, 2]] * len(strict), strict)[1] is None


def test_a_row_that_is_zero_and_strict_contradicts_itself():
    assert decide([[1, -1], [0, 0]], [False, True]) == (None, [0, 1])


def test_nothing_is_rounded():
    """x < y <= (1 - 1e-30) x holds for negative x alone; in floating point it would for none."""
    tiny = Fraction(1, 10**30)
    rows = [[1, -1], [-(1 - tiny), 1], [-1, 0]]
    assert not verified(rows, [True, False, True])
    assert verified(rows[:2], [True, False])
