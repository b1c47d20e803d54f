"""How long the stages last in the limit of small signal coefficients, in rescaled time."""

import math
from functools import cache

import sympy as sp

from numerics import Setting
from theory import evaluate
from theory.papers.chen2023 import Reading, meanfield
from theory.papers.chen2023.conditions import TIME
from theory.symbols import epsilon, horizon

# Mean own rho are at a 25th of order one at s = 0.02/(P-1). The moment T1 of other papers asks for gamma of order one
# too, which SGD does not reach while it memorizes: its runs are given up.
LENGTHS = {"early": 0.1, "T1": 1.5, "window": 1.6}
LATE = 1.1  # over the limit: at few neurons the mean of 1/a_i exceeds 1/a, before any neuron joins


@cache
def _integral():
    return sp.lambdify(epsilon, meanfield.integral(meanfield.margin_at_loss()), modules="math")


def integral_at_loss(loss: float) -> float:
    """The integral of 1/g up to the margin at which the training loss is ``loss``, below log 2."""
    return _integral()(min(loss, 0.69))


def lasts(stage: str, loss: float) -> float | None:
    """Rescaled time within which SGD's run of a stage ends at two patches; None where it takes no steps. With more of
    them it takes less; how long SAM takes depends on the signal (:func:`expected`)."""
    return LATE * integral_at_loss(loss) / float(meanfield.FIRST) if stage == "end" else LENGTHS.get(stage)


def expected(setting: Setting, loss: float, stage: str) -> float:
    """The same of one setting, with its patches and its algorithm."""
    if stage != "end":
        return LENGTHS.get(stage, 0.0) / setting.copies ** (1 if stage == "early" else 2)
    if setting.radius > 0 and setting.mu > 0:
        return LATE * 2 * integral_at_loss(loss) / setting.kappa
    return (lasts("end", loss) or 0.0) / setting.copies**2


def last_step(setting: Setting, loss: float, reading: Reading) -> int:
    """``--horizon`` times the theorem's time for SGD; as many times what the signal takes to fit all samples for SAM,
    whose time does not hang on the noise. A sample that was lost is not learned later either."""
    if setting.radius > 0 and setting.mu > 0:
        return math.ceil(reading.horizon * expected(setting, loss, "end") / setting.time_scale)
    return math.ceil(evaluate(horizon * TIME, reading.at(setting.values(), loss)))
