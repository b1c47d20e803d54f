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

from numerics import OBSERVABLES
from numerics.series import SERIES
from theory import Within
from verify import notation
from verify.axes import distances, legend_above
from verify.draw import INK, STYLE, canvas, finished, log_ticks
from verify.drawn import table
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
