"""Everything of a step between two matrix products, as one compiled pass over arrays that fit in the cache.

Written with tensors it takes a dozen calls and as many passes through memory, which at small n and m cost more than
the product. Where Numba is missing, and on other devices than the CPU, the engine does it with tensors.
"""

from collections.abc import Callable
from functools import cache
from math import exp
from typing import no_type_check

from numpy.typing import NDArray


@no_type_check  # it is compiled as it stands here
def _push(
    coefficients: NDArray, overlap: NDArray, y: NDArray, y_tilde: NDArray, pull: NDArray, outputs: NDArray
) -> None:
    """C <- C + D(B) of :mod:`numerics.state`, in place.

    Args:
        coefficients, overlap: C and B. Shape (R, 2m, n+2).
        y, y_tilde: labels, +-1. Shape (R, n).
        pull: eta / nm. Shape (R,).
        outputs: scratch. Shape (n+2,).
    """
    runs, neurons, patches = coefficients.shape
    m = neurons // 2
    for run in range(runs):
        c, b = coefficients[run], overlap[run]
        outputs[:] = 0.0
        for r in range(m):
            for p in range(patches):
                plus, minus = b[r, p], b[m + r, p]
                outputs[p] += (plus if plus > 0.0 else 0.0) - (minus if minus > 0.0 else 0.0)
        of_plus, of_minus = outputs[0] / m, outputs[1] / m
        force = outputs  # (eta/nm) u_p, in the place of the outputs, each of which is read once
        force[0] = force[1] = 0.0
        for i in range(patches - 2):
            signal = of_plus if y[run, i] > 0.0 else of_minus
            margin = y_tilde[run, i] * (signal + outputs[2 + i] / m)
            force[2 + i] = pull[run] * y_tilde[run, i] / (1.0 + exp(margin))
            force[0 if y[run, i] > 0.0 else 1] += force[2 + i]
        for r in range(m):
            for p in range(patches):
                c[r, p] += force[p] if b[r, p] > 0.0 else 0.0  # relu'(0) = 0 as autograd has it
            for p in range(patches):
                c[m + r, p] -= force[p] if b[m + r, p] > 0.0 else 0.0


@cache
def push() -> Callable | None:
    """:func:`_push` compiled, or None where Numba is missing."""
    try:
        from numba import njit  # here: it takes half a second, and most commands train nothing
    except ImportError:
        return None
    try:
        return njit(cache=True, error_model="numpy")(_push)
    except RuntimeError:  # no folder to keep it in: it is compiled once in every process, then
        return njit(error_model="numpy")(_push)
