"""Settings are constructed inside any conditions, at corners and faces as well as in the middle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from theory import C, Condition, d, inside, m, mu, n, sigma_xi
from theory.papers.han2025 import (
    Reading,
    condition_4_1,
    condition_activation,
    condition_clean,
    condition_kou,
    condition_low_snr,
    condition_threshold,
)
from verify import region as region_
from verify.packs.han2025 import PACK
from verify.region import Region

SETS = {
    "4.1": condition_4_1(),
    "clean": condition_clean(),
    "low-snr": condition_low_snr(),
    "threshold": condition_threshold(),
    "tiny-init": condition_threshold(tiny_init=True),
    "activation": condition_activation(),
    "kou": condition_kou(),
}
SIZES = {"n": (1, 500), "m": (1, 500)}


@pytest.mark.parametrize(
    ("name", "labels"), [*((name, "drawn") for name in SETS), ("4.1", "balanced"), ("clean", "balanced")]
)
def test_under_five_percent_of_the_draws_are_lost_and_the_rest_lies_inside(name, labels):
    rng = np.random.default_rng(3)
    region = Region(needs=SETS[name], ranges=SIZES, reading=Reading(labels=labels))
    shares = [
        {p: float(rng.integers(2)) if rng.random() < 0.4 else rng.random() for p in PACK.order} for _ in range(64)
    ]
    placed = region.place(shares)
    assert sum(s is None for s in placed) <= 3
    for setting in placed:
        if setting is not None:
            values = region.reading.at(setting.values(), region.epsilon)
            assert inside(region.needs, values, region.reading.C)
            assert setting.n <= 500
            assert setting.m <= 500
            assert setting.labels == labels


@settings(max_examples=15)
@given(st.dictionaries(st.sampled_from(PACK.order), st.sampled_from([0.0, 1.0]), min_size=9))
def test_corners_of_the_cube_lie_on_faces(share):
    [setting] = Region(needs=condition_4_1(), reading=Reading(), ranges=SIZES).place([share])
    assert setting is not None
    values = Reading().at(setting.values(), 1e-2)
    on = [c for c in condition_4_1() if c.margin(values, 2.0).value < 1.05 * c.margin(values, 2.0).required]
    assert on, "no condition binds"


def test_least_shares_give_least_sizes_and_size_can_be_fixed():
    region = Region(needs=condition_4_1(), reading=Reading(), ranges=SIZES)
    [least] = region.place([dict.fromkeys(PACK.order, 0.0)])
    assert least is not None
    assert least.n <= 12
    assert least.m <= 12
    for setting in region.at_size(100, 40).place([{"d": 0.3}, {"d": 0.9, "eta": 1.0}]):
        assert setting is not None
        assert (setting.n, setting.m) == (100, 40)


def test_a_weaker_set_reaches_where_the_paper_does_not_and_an_empty_one_nothing():
    others = tuple(c for c in condition_4_1() if c.name != "4.1.2-dimension")
    linear = Condition(name="linear", source="s", statement=d >= C * n)
    [setting] = Region(needs=(*others, linear), reading=Reading(), ranges=SIZES).place([{"d": 0.0}])
    assert setting is not None
    assert setting.d < setting.n**2
    weak = Condition(name="weak", source="s", statement=mu**2 * n * m <= sigma_xi**2 * d / 1000)
    assert Region(needs=(*condition_4_1(), weak), reading=Reading(), ranges=SIZES).place([{}]) == [None]


def test_the_reading_moves_the_region():
    far = Region(needs=condition_4_1(), reading=Reading(C=8.0), ranges=SIZES).place([dict.fromkeys(PACK.order, 0.0)])
    near = Region(needs=condition_4_1(), reading=Reading(), ranges=SIZES).place([dict.fromkeys(PACK.order, 0.0)])
    assert far[0] is not None
    assert near[0] is not None
    assert far[0].n > near[0].n


@pytest.mark.parametrize("seed", range(40))
def test_elimination_leaves_what_a_linear_programme_leaves(seed):
    """Sparse and dense, feasible and empty systems; of the dense ones some outgrow the elimination."""
    rng = np.random.default_rng(seed)
    for _ in range(3):
        size, count = int(rng.integers(1, 8)), int(rng.integers(0, 14))
        rows = rng.normal(size=(count, size)) * (rng.random((count, size)) < rng.choice([0.2, 0.5, 1.0]))
        limits = rng.normal(size=count) + rng.choice([0.0, 0.5, 2.0])
        box = np.sort(rng.normal(size=(size, 2)) * 2, axis=1)
        between, chosen = region_._bounds(rows, limits, box), []
        for k in range(size):
            held = [(x, x) for x in chosen] + list(box[k:])
            ends = [
                linprog(
                    sign * np.eye(size)[k], A_ub=rows if count else None, b_ub=limits if count else None, bounds=held
                )
                for sign in (1, -1)
            ]
            low, high = between(chosen)
            if not ends[0].success:
                assert not low <= high
                break
            np.testing.assert_allclose([low, high], [e.x[k] for e in ends], atol=1e-6)
            chosen.append(low + rng.random() * max(high - low, 0.0))
