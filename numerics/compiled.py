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
def _push(power: int) -> Callable:
    """The pass for max(z, 0)^power: a constant of what is compiled, so that of its loops nothing is left."""

    def push(
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
                    raised, lowered = plus, minus
                    for _ in range(power - 1):
                        raised *= plus
                        lowered *= minus
                    outputs[p] += (raised if plus > 0.0 else 0.0) - (lowered if minus > 0.0 else 0.0)
            of_plus, of_minus = outputs[0] / m, outputs[1] / m
            force = outputs  # q (eta/nm) u_p, in the place of the outputs, each of which is read once
            force[0] = force[1] = 0.0
            for i in range(patches - 2):
                signal = of_plus if y[run, i] > 0.0 else of_minus
                margin = y_tilde[run, i] * (signal + outputs[2 + i] / m)
                force[2 + i] = power * pull[run] * y_tilde[run, i] / (1.0 + exp(margin))
                force[0 if y[run, i] > 0.0 else 1] += force[2 + i]
            for r in range(m):
                for p in range(patches):
                    x, slope = b[r, p], force[p]
                    for _ in range(power - 1):
                        slope *= x
                    c[r, p] += slope if x > 0.0 else 0.0  # relu'(0) = 0 as autograd has it
                for p in range(patches):
                    x, slope = b[m + r, p], force[p]
                    for _ in range(power - 1):
                        slope *= x
                    c[m + r, p] -= slope if x > 0.0 else 0.0

    return push


@cache
def push(power: int = 1) -> Callable | None:
    """:func:`_push` compiled, or None where Numba is missing."""
    try:
        from numba import njit  # here: it takes half a second, and most commands train nothing
    except ImportError:
        return None
    try:
        return njit(cache=True, error_model="numpy")(_push(power))
    except RuntimeError:  # no folder to keep it in: it is compiled once in every process, then
        return njit(error_model="numpy")(_push(power))
