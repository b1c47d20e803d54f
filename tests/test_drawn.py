"""Figures can be read: ticks on short axes, symbols for what is measured, and each kind of fault is seen where planted.

Every figure that any test draws is looked at in the same way: see figure_faults.py.
"""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from figure_faults import broken_promises, faults
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.collections import LineCollection

from numerics import OBSERVABLES
from numerics.series import SERIES
from theory import Within
from verify import notation
from verify.axes import distances, legend_above
from verify.draw import INK, STYLE, canvas, finished, log_ticks
from verify.drawn import Curve, Mesh, Point, table, traced, traces
from verify.notation import called


@given(low=st.floats(1e-18, 1e9), ratio=st.floats(1.001, 1e14), most=st.integers(2, 7))
def test_a_logarithmic_axis_has_two_labels_however_short_it_is(low, ratio, most):
    ticks = log_ticks(low, low * ratio, most)
    assert 2 <= len(ticks) <= most
    assert all(low <= x <= low * ratio for x in ticks)
    assert ticks == sorted(set(ticks))


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(10.6, 22.8, [12, 14, 16, 18, 20, 22]), (10, 500, [10, 30, 100, 300]), (3e5, 1e7, [3e5, 1e6, 3e6, 1e7]),
     (1e-10, 1e-2, [1e-10, 1e-8, 1e-6, 1e-4, 1e-2]), (36, 100, [40, 60, 80, 100])],
)  # fmt: skip
def test_ticks_are_round_numbers(low, high, ticks):
    assert log_ticks(low, high, most=6) == pytest.approx(ticks)


@pytest.mark.parametrize("scale", ["linear", "log", "symlog"])
@pytest.mark.parametrize(("low", "high"), [(11, 22), (0.94, 1.07), (3.1e5, 8.9e5), (1e-12, 1e-3), (2.0001, 2.0002)])
@pytest.mark.parametrize("width", [2.0, 9.0])
def test_axes_of_every_scale_and_width_can_be_read(scale, low, high, width):
    with matplotlib.rc_context(STYLE):
        figure, axes = canvas(width, 2.4)
        x = np.geomspace(low, high, 5)
        axes[0, 0].plot(x, x, "o")
        axes[0, 0].set(xscale=scale, yscale=scale)
        finished(figure, "axes", "", "")  # looked at as every other


def test_symbols_name_observables_that_there_are():
    known = {*OBSERVABLES, *SERIES}
    stems = {name.rpartition("_")[0] for name in known}
    assert set(notation._MEASURED) <= known | stems
    assert called("gamma_min_run") == r"$\min\,\gamma$"
    assert called("error_fresh_T1") == "error on fresh noise at $T_1$"
    assert called("my_rho_of_kappa_T1") == r"my $\rho$ of $\kappa$ at $T_1$"
    assert called("T1") == "T1"


def test_a_negative_bound_lies_below_zero_and_what_meets_it_above_it():
    runs = pd.DataFrame({"n": [10.0, 20.0, 30.0], "setting": [0, 1, 2], "x": [0.5, -1.0, -4.0]})
    figure, axes = canvas(4, 3)
    assert distances(axes[0, 0], [("x", Within(low=-2))], runs), "the last one fails"
    drawn = table(figure)
    assert drawn.loc[drawn["kind"] == "level", "y"].tolist() == [-1.0]
    assert sorted(drawn.loc[drawn["kind"] == "point", "y"]) == [-2.0, -0.5, 0.25]
    assert axes[0, 0].get_ylabel() == "x / |bound|"


# ---------------------------------------------------------------------------------------------------------------
# Where on a page each run is drawn


def test_marks_curves_cells_and_patches_are_found_where_they_are_drawn():
    figure, axes = canvas(4, 2, left=0, right=0, bottom=0, top=0)
    axis = axes[0, 0]
    axis.set(xlim=(0, 1), ylim=(0, 1))
    traced(*axis.plot([0.25, 5.0, np.nan], [0.75, 0.5, 0.5], "o"), [7, 8, 9])
    x = np.linspace(0, 1, 401)
    wave = 0.5 + 0.4 * np.sin(6 * x)
    traced(*axis.plot(x, np.where(np.abs(x - 0.5) < 0.01, np.nan, wave)), [3], whole=True)
    mesh = axis.pcolormesh([0, 0.5, 1], [0, 0.2, 1], [[1.0, 2.0], [np.nan, 4.0]], label="heat")
    traced(mesh, range(4), whole=True)
    traced(*axis.fill([0.1, 0.3, 0.3, 0.1], [0.0, 0.0, 0.5, 0.5]), ["words"])
    axis.plot([0.5], [0.5], "s")  # nothing stands behind it
    found = traces(figure)
    [point] = [t for t in found if isinstance(t, Point)]
    assert (point.row, point.x, point.y, point.whole) == (7, pytest.approx(0.25), pytest.approx(0.25), False)
    curves = [t for t in found if isinstance(t, Curve)]
    assert [c.row for c in curves] == [3, 3] and all(c.whole for c in curves), "two pieces: there is a gap"
    vertices = np.concatenate([c.vertices for c in curves])
    assert len(vertices) < 40
    assert np.abs(vertices[:, 1] - (1 - np.interp(vertices[:, 0], x, wave))).max() * 200 < 2  # pixels
    cells, patch = [t for t in found if isinstance(t, Mesh)]
    assert (cells.says, cells.rows) == ("heat", [0, 1, 2, 3])
    np.testing.assert_allclose(cells.values, [1, 2, np.nan, 4])
    np.testing.assert_allclose(cells.x, [0, 0.5, 1])
    np.testing.assert_allclose(cells.y, [1, 0.8, 0])
    assert patch.rows == ["words"]
    np.testing.assert_allclose([*patch.x, *patch.y], [0.1, 0.3, 0.5, 1.0])


def test_the_table_of_a_figure_keeps_large_seeds_and_knows_the_setting_of_a_line():
    runs = pd.DataFrame({"group": ["a", "a"], "setting": [4, 5], "seed": [2**61 + 1, 2**61 + 3]})
    figure, axes = canvas(4, 2)
    traced(*axes[0, 0].plot([1, 2], [1, 2], "o"), [0, 1])
    traced(axes[0, 0].add_collection(LineCollection([[(0, 0), (1, 1)], [(0, 1), (1, 2)]])), [1, 0], whole=True)
    held = table(figure, runs)
    assert held["seed"].tolist()[:2] == [2**61 + 1, 2**61 + 3] and held["seed"].isna().sum() == 4
    assert held["setting"].tolist() == [4, 5, 5, 5, 4, 4]


# ---------------------------------------------------------------------------------------------------------------
# Each fault is seen


def drawn(caption="", **how):
    figure, axes = canvas(4, 3)
    axis = axes[0, 0]
    axis.plot([1, 2, 3], [1, 2, 3], "o", label="all points of all runs there are")
    axis.set(**how)
    figure.canvas.draw()
    return figure, axis, caption


def sound(figure):
    figure.canvas.draw()
    return faults(figure)


def test_a_sound_figure_has_no_fault():
    figure, axis, _ = drawn(xlabel="$n$", ylabel=r"$\kappa$")
    legend_above(axis)
    assert sound(figure) == []


def test_a_bare_axis_is_a_fault():
    figure, axis, _ = drawn(xscale="log", xlim=(11, 22))
    axis.set_xticks([20])
    assert "has 1 labelled ticks" in sound(figure)[0]


@pytest.mark.parametrize("name", ["gamma min run", "sigma_0", "margin of kappa"])
def test_a_raw_name_is_a_fault(name):
    assert "raw name" in faults(drawn(ylabel=name)[0])[0]


def test_a_legend_over_points_is_a_fault():
    figure, axis, _ = drawn()
    axis.legend(loc="center")
    assert any("covers 1 places" in fault for fault in sound(figure))


def test_a_legend_over_a_line_is_a_fault():
    figure, axis, _ = drawn()
    axis.plot([1, 3], [2, 2], color=INK)
    axis.legend(loc="center", handles=[axis.lines[0]])
    assert any("legend covers" in fault for fault in sound(figure))


def test_a_legend_over_the_name_of_an_axis_is_a_fault():
    figure, axis, _ = drawn(xlabel="all of the runs there are")
    figure.legend(handles=axis.lines, loc="lower center")
    assert any("covers the words" in fault for fault in sound(figure))


def test_a_line_out_of_its_frame_is_a_fault():
    figure, axis, _ = drawn()
    axis.vlines([2], [0], [9])
    axis.set_ylim(0, 4)
    assert any("leaves its frame" in fault for fault in sound(figure))


def test_words_that_the_edge_cuts_are_a_fault():
    assert any("is cut by" in fault for fault in faults(drawn(ylabel="word " * 20)[0]))


def test_words_of_an_inset_that_the_edge_cuts_are_a_fault():
    figure, axis, _ = drawn(xlabel="$n$", ylabel=r"$\kappa$")
    beside = axis.inset_axes((0.5, 0.2, 0.05, 0.5))
    beside.yaxis.tick_right()
    assert not any("is cut" in fault for fault in sound(figure))
    beside.set_yticks([0, 1], ["low", "word " * 20])
    assert any("is cut by" in fault for fault in sound(figure))


def test_labels_over_each_other_are_a_fault():
    figure, axis, _ = drawn()
    axis.set_xticks([1, 2, 2.05, 3], ["1", "2.00", "2.05", "3"])
    assert any("lies over" in fault for fault in sound(figure))


@pytest.mark.parametrize(
    "promise", ["Dashed: the fit.", "dotted: the end", "Dash-dotted: both", "shaded: 95 %", "crosses fail"]
)
def test_a_promise_that_is_not_kept_is_a_fault(promise):
    figure, axis, _ = drawn()
    assert broken_promises(figure, promise)
    axis.axhline(1, ls="--")
    axis.axvline(1, ls=":")
    axis.plot([1, 2], [1, 1], ls="-.")
    axis.axvspan(1, 2)
    axis.plot([1], [1], "x")
    assert broken_promises(figure, promise) == []


def test_what_is_drawn_outside_the_view_keeps_no_promise():
    figure, axis, _ = drawn()
    axis.plot([], [], ls="--")
    assert broken_promises(figure, "Dashed: the fit.")
