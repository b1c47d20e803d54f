"""The design of settings for this paper: inside its conditions, over all sizes, copies and batches.

How long a run takes depends on the copies and on the algorithm, which what serves every paper does not know.
"""

import math

import numpy as np
import scipy
import sympy as sp

from numerics import Setting
from theory import Condition, d, kappa, n, sigma_0, sigma_xi
from theory.papers.chen2023.conditions import P, copies
from theory.reading import Reading
from verify import costs
from verify.design import SIZES, Group, Point, Profile, between, telling, too_few
from verify.pack import pack_of
from verify.packs.chen2023.stages import LATE, LENGTHS, integral_at_loss
from verify.region import Region

# Target losses: over 1.5 decades where the time is fitted. Where test errors are looked at, a loss at which
# coefficients are of order one is enough.
# Where SAM is slow, and where samples are lost in the first epoch, a larger one.
ERRORS = {"benign", "harmful", "both-sides", "above-push"}
LOSSES, OF_ERRORS, OF_FIT = (0.01, 0.2), (0.05, 0.3), (0.34, 0.42)
START = (12, 2**0.5, 12)  # least, ratio and number of sizes where one step is looked at
# SAM learns slowly, by nu^2/kappa: tens of thousands of steps, which runs of one size share. Four sizes where the
# profile has settings for them, else the least.
SMALL, SEVERAL = {"n": (11, 2**0.5, 2), "m": (12, 2**0.5, 2)}, 20
EDGE = {"n": (32, 2.0, 6), "m": (24, 2**0.5, 3)}  # of a boundary: n over 1.5 decades
SHARED = 2  # settings of one size, as far as sizes differ
# A step over one of plain gradient descent: of its calls, measured at n = 20 and m = 10; of its arithmetic, where SAM
# takes two gradients and the norm of one.
DEAR, DOUBLE = 5.0, 3.0
# Settings may cost so many times what a plain network's may: SAM's share one batch or two, and need 1e4 steps and more;
# but not more than so many core seconds each, or they would take longer than all the others together.
GENERAL, OF_BOUNDARY, SLOW, SLOWEST = 2.0, 3.0, 44.0, 10.0
SAM_SHARE = 0.5  # of the settings: each claim on them is a bound, met or not
# Where powers are fitted at the end of runs, a setting may cost so many core seconds, for the far ends of n and m; all
# of them together at least so many, and there are at least so many: with less nothing is decided.
FAR, TOGETHER, FEWEST = 9.0, 40.0, 28
COLUMNS = ("n", "m", "d", "mu", "sigma_xi", "eta", "sigma_0", "copies", "batch")
NOT_TINY = Condition(
    name="not-tiny",
    source="the design: the bound on sigma_0 is 1/C of this, and three decades below it nothing changes any more",
    statement=sigma_0 * P * sigma_xi * d / n**0.5 >= 1e-3,
)


def design(group: Group, profile: Profile, reading: Reading, entropy: int) -> list[Point]:
    """Settings of a group. Draws come from a scrambled Sobol sequence over the sizes, the target loss and the region of
    the conditions (:class:`verify.region.Region`), in logarithms; where a rate is fitted, every other one is the draw
    that tells the exponents apart best.

    Raises:
        ValueError: too few draws fall inside the conditions.
    """
    pack = pack_of(reading)
    names = {c.name for c in group.needs}
    slow = "radius-zero" not in names and group.stage == "end"
    boundary = any(c.name == "both-sides" for c in group.needs)
    share = 4 if boundary else 1
    cheap = 2 if group.stage == "start" and group.needs_rates else 1  # nothing is trained, and many parameters move
    wanted = cheap * profile.settings[group.stage] * share // (1 if group.needs_rates or slow else 2)
    wanted = round(SAM_SHARE * wanted) if slow else wanted
    fitted = group.needs_rates and group.stage == "end"
    wanted = max(FEWEST, wanted) if fitted else wanted
    work = profile.work[group.stage] / share
    cap = min(SLOW * work, SLOWEST) if slow else (OF_BOUNDARY if boundary else GENERAL) * work
    seeds = max(1, round(profile.seeds / share))
    start = START if group.stage == "start" else SIZES[group.stage]
    if slow and profile.settings["end"] < SEVERAL:
        levels = {k: (least, ratio, 1) for k, (least, ratio, _) in SMALL.items()}
    else:
        levels = SMALL if slow else EDGE if boundary else {k: start for k in ("n", "m")}
    losses = (
        OF_FIT
        if slow or "few-at-a-time" in names
        else OF_ERRORS
        if names & {"benign", "harmful", "both-sides"}
        else LOSSES
    )
    cube = scipy.stats.qmc.Sobol(len(pack.order) + 2, rng=np.random.default_rng(entropy))
    found: list[tuple[Setting, float, float]] = []
    tried = 2 ** math.ceil(math.log2(max(64, 6 * wanted)))
    for u in cube.random(tried):
        if len(found) >= (3 if group.needs_rates else 1) * wanted:
            break
        at = dict(zip((*pack.order, "epsilon", "cost"), map(float, u), strict=True))
        for name in ("eta", "batch"):  # long runs are dear: more settings have large steps and batches than small ones
            at[name] **= 0.3
        size = [round(low * ratio ** min(int(at[k] * count), count - 1)) for k, (low, ratio, count) in levels.items()]
        epsilon = between(*losses, at["epsilon"]) if group.stage == "end" else losses[1]
        most = between(cap, max(FAR, cap), at["cost"]) if fitted else cap
        if costs.of_draw(*size, seeds) > most or not _within_reach(group, reading, epsilon, size, seeds, most, slow):
            continue
        needs, also = (*group.needs, *(() if slow else (NOT_TINY,))), {}
        if group.stage != "start":
            s, pace = _ends(group.stage, epsilon, slow)
            needs += (costs.affordable_at(pace),)
            also["t"] = most / _step(*size, seeds, slow) / s
        [setting] = Region(needs=needs, reading=reading, epsilon=epsilon, also=also).at_size(*size).place([at])
        if setting is not None:
            steps = pack.rescaled_time(setting, epsilon, group.stage) / setting.time_scale
            found.append((setting, epsilon, steps * _step(*size, seeds, slow)))
    if len(found) < 4:
        raise ValueError(too_few(group, reading, len(found), tried))
    budget = max(TOGETHER, wanted * cap) if fitted else math.inf
    chosen = telling(found, COLUMNS, wanted, budget) if group.needs_rates else found[:wanted]
    return [Point(setting=s, epsilon=e, index=k, seeds=1 / share) for k, (s, e, _) in enumerate(chosen)]


def _within_reach(
    group: Group, reading: Reading, epsilon: float, size: list[int], seeds: int, cap: float, slow: bool
) -> bool:
    """Whether a run of this size can be affordable at the largest step that the condition on eta leaves, on all
    samples: C m times the integral, at least."""
    if group.stage != "end":
        return True
    steps = LATE * 2 * integral_at_loss(epsilon) * reading.C * size[1]
    return steps * _step(*size, seeds, slow) <= cap


def _step(n: int, m: int, seeds: int, slow: bool) -> float:
    """Core seconds of a step of a setting, :data:`SHARED` of which share a batch."""
    return DEAR * costs.CALLS / SHARED + (DOUBLE if slow else 1.0) * seeds * costs.arithmetic(n, m)


def _ends(stage: str, epsilon: float, slow: bool) -> tuple[float, sp.Expr]:
    """The rescaled time in which a run ends, and what it is divided by."""
    if stage != "end":
        return LENGTHS[stage], copies
    return LATE * 2 * integral_at_loss(epsilon), kappa if slow else copies**2
