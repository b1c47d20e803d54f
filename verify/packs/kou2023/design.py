"""The design of settings for this paper: inside its conditions, where kappa is small, over all sizes and target losses.

What is drawn evenly over the conditions would have one target loss, and initial weights of any smallness; and settings
at which the error crosses over are a thin slice of them.
"""

import math

import numpy as np
import scipy

from numerics import Setting
from theory import Band, Condition, d, n, sigma_0, sigma_xi
from theory.reading import Reading
from verify import costs
from verify.design import Group, Point, Profile, between, telling, too_few
from verify.pack import pack_of
from verify.packs.kou2023.stages import lasts
from verify.region import Region

# Target losses. The paper says any: over 1.7 decades where the time is fitted; where the test error is looked at, which
# does not move any more, losses at which coefficients are of order one are enough, and cost a tenth.
LOSSES, OF_ERRORS = (2e-3, 0.1), (0.02, 0.3)
STRENGTHS = {"benign", "harmful", "both-sides"}  # conditions beside those of the paper's main set
# Sizes of a boundary's settings: n over 1.5 decades from the least that its conditions admit, m from the least that the
# largest n admits.
MANY, FEW = (32, 2.0, 6), (20, 2**0.5, 3)
SHARE = 4  # a boundary, with its 12 coefficients, takes so many times the settings with so small a share of the seeds
# Core seconds that a setting may cost where something is fitted.
DEAR = 4.0
FAR = 40  # of a boundary, times its share of what a setting may cost: for the largest n
# Settings of a group on which rates are fitted, and core seconds of each of them and of a boundary's: with less nothing
# is decided.
FEWEST, OF_RATES, OF_BOUNDARY = 24, 0.4, 0.35
SPREAD = (11, 2.0, 6)  # sizes where rates are fitted: several settings at either end
COLUMNS = ("n", "m", "d", "mu", "sigma_xi", "eta", "sigma_0")
NOT_TINY = Condition(
    name="not-tiny",
    source="the design: the bound on sigma_0 is 1/C of this, and three decades below it nothing changes any more",
    statement=sigma_0 * sigma_xi * d / n**0.5 >= 1e-3,
)


def design(group: Group, profile: Profile, reading: Reading, entropy: int) -> list[Point]:
    """Settings of a group, by turns those that tell the exponents apart best for their cost.

    Draws come from a scrambled Sobol sequence over the sizes, the target loss and the region of the conditions
    (:class:`verify.region.Region`), in logarithms. Where no rate and no boundary is fitted, they are the first draws.

    Raises:
        ValueError: too few draws fall inside the conditions.
    """
    pack = pack_of(reading)
    boundary = any(isinstance(c.statement, Band) for c in group.needs)
    share = SHARE if boundary else 1
    wanted = max(FEWEST if group.needs_rates and not boundary else 1, profile.settings[group.stage]) * share
    cap = profile.work[group.stage] / share
    seeds = max(1, round(profile.seeds / share))
    levels = {"n": MANY, "m": FEW} if boundary else dict.fromkeys(("n", "m"), SPREAD)
    losses = OF_ERRORS if any(c.name in STRENGTHS for c in group.needs) else LOSSES
    dear = (
        (cap / 2, max(DEAR if group.stage == "end" else 0.0, (FAR if boundary else 10) * cap))
        if group.needs_rates
        else (max(0.5, cap),) * 2
    )
    cube = scipy.stats.qmc.Sobol(len(pack.order) + 2, rng=np.random.default_rng(entropy))
    tried = 2 ** math.ceil(math.log2(max(128, 4 * wanted)))
    found: list[tuple[Setting, float, float]] = []
    for u in cube.random(tried):
        at = dict(zip((*pack.order, "epsilon", "cost"), map(float, u), strict=True))
        at["eta"] **= 0.5  # long runs are dear: more settings have large steps than small ones
        size = [round(low * ratio ** min(int(at[k] * count), count - 1)) for k, (low, ratio, count) in levels.items()]
        most = between(*dear, at["cost"])
        for epsilon in (between(*losses, at["epsilon"]), losses[1]) if group.stage == "end" else (losses[1],):
            # The largest sizes take the largest loss where the drawn one is too dear, and somewhat more than the least
            # cost, that with the largest step.
            s = lasts(group.stage, epsilon)
            steps = (s or 0.0) * reading.C * size[1]
            least = 1.5 * (costs.of_draw(*size, seeds) + steps * costs.of_step(*size, seeds))
            if least <= dear[1]:
                break
        else:
            continue
        most = max(most, least)
        needs, also = (*group.needs, NOT_TINY), {}
        if s is not None:
            needs += (costs.affordable_at(),)
            also["t"] = most / (costs.CALLS / 6 + seeds * costs.arithmetic(*size)) / s
        [setting] = Region(needs=needs, reading=reading, epsilon=epsilon, also=also).at_size(*size).place([at])
        if setting is not None:
            found.append((setting, epsilon, costs.work(s or 0.0, setting, seeds)))
    if len(found) < 4:
        raise ValueError(too_few(group, reading, len(found), tried))
    least = (OF_BOUNDARY if boundary else OF_RATES) if group.stage == "end" else 0.0
    chosen = telling(found, COLUMNS, wanted, wanted * max(least, cap)) if group.needs_rates else found[:wanted]
    return [Point(setting=s, epsilon=e, index=k, seeds=1 / share) for k, (s, e, _) in enumerate(chosen)]
