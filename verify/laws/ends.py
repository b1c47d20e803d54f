"""Exponents at the end of a range, where a correction that dies out, or a logarithm, is allowed for."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from verify import fit

# Where the theory's limits lie: a law may be wrong by what dies out towards them.
ENDS = {"n": 1, "m": 1, "d": 1, "eta": -1, "sigma_0": -1, "epsilon": -1}
LOGARITHMIC = ("n", "m", "d", "epsilon")  # Theta~ hides powers of their logarithms


@dataclass(frozen=True, kw_only=True)
class AtEnd:
    """What an exponent is once a correction is allowed for that dies out, or a logarithm.

    Attributes:
        at: the end of the range at which it is taken.
        what: in words.
        exponent: there.
        beyond: what it tends to once the correction has died out.
        outside: p-value of "one of them lies in [low, high]".
    """

    at: float
    what: str
    exponent: fit.Interval
    beyond: fit.Interval
    outside: Callable[[float, float], float]

    def contradicts(self, low: float, high: float) -> bool:
        """Whether it is wrong at the end and would be beyond, on the same side."""
        return max(self.exponent.high, self.beyond.high) < low or high < min(self.exponent.low, self.beyond.low)


def at_ends(
    fitted: Callable[[pd.DataFrame], fit.Regression], regressors: pd.DataFrame, wrong: list[str], up_to_logs: bool
) -> dict[str, AtEnd]:
    """Exponents at the asymptotic end of each variable's range, for n, m and whatever looks wrong.

    An exponent measured over a finite range is an exponent over that range. Beside each variable k a correction that
    dies out towards its end is fitted, c k^-1/2 (c k^1/2 where the end is 0). Returned are the local exponent at the
    end, slope and correction together, and what it tends to, the slope alone. Where logarithms are allowed the
    correction is a free power of log k, and returned is the power beside it. Empty where the design has too few
    settings for either.
    """
    known = [k for k in (LOGARITHMIC if up_to_logs else ENDS) if k in regressors]
    for chosen in ([k for k in known if k in wrong or k in ("n", "m")], [k for k in known if k in wrong]):
        more, weights = {}, {}
        for k in chosen:
            x = regressors[k]
            if up_to_logs:
                more[f"log {k}"], weights[k] = np.log(np.abs(x)), {k: 1.0}
                continue
            towards = ENDS[k]
            first, last = (x.min(), x.max()) if towards > 0 else (x.max(), x.min())
            more[f"end {k}"] = np.exp(-towards * (x - first) / 2)
            weights[k] = {k: 1.0, f"end {k}": -towards / 2 * math.exp(-abs(last - first) / 2)}
        result = fitted(pd.DataFrame(more, index=regressors.index)) if chosen else None
        if result is not None and not result.problem:
            return {
                k: AtEnd(
                    at=math.exp(regressors[k].max() if ENDS[k] > 0 else regressors[k].min()),
                    what=_beside(k, result, regressors[k], up_to_logs),
                    exponent=result.along(weights[k]),
                    beyond=result.slopes[k],
                    outside=partial(_weakest, result, (weights[k], {k: 1.0})),
                )
                for k in chosen
            }
    return {}


def _weakest(result: fit.Regression, combinations: Sequence[dict[str, float]], low: float, high: float) -> float:
    return max(result.outside(weights, low, high) for weights in combinations)


def _beside(k: str, result: fit.Regression, x: pd.Series, up_to_logs: bool) -> str:
    if up_to_logs:
        return f"beside a free log({k})^{result.slopes[f'log {k}']} the power is"
    return f"at {k} = {math.exp(x.max() if ENDS[k] > 0 else x.min()):.3g} it is"
