"""Settings for this paper's claims.

Plateaus take sigma_0^{-(q-2)} steps: what a setting may cost bounds them, and not only the step size. Sizes are a few
levels of n and m, so that settings share a batch; everything else is drawn evenly over the region of the conditions.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy
import sympy as sp

from theory import SNR, Band, Condition, n
from theory import d as dimension
from theory.papers.cao2022 import conditions
from theory.papers.cao2022.dynamics import START, noise_plateau, signal_plateau
from theory.reading import Reading
from verify.design import EPSILON, Group, Point, Profile, anywhere_inside, too_few
from verify.region import Region


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where the settings of a set of conditions lie.

    Attributes:
        sizes: (n, m).
        lasts: steps that a run is expected to need, an expression.
        settings: how many, by profile.
        steps: the most that a run may be expected to take, by profile.
        share: of the seeds that each setting takes; a boundary is told by many settings.
        few: whether the smallest sizes alone may be affordable.
    """

    sizes: tuple[tuple[int, int], ...]
    lasts: sp.Expr
    settings: Mapping[str, float]
    steps: Mapping[str, float]
    share: float = 1.0
    few: bool = False


def _by(quick: float, standard: float, thorough: float) -> dict[str, float]:
    return {"quick": quick, "standard": standard, "thorough": thorough}


NEAR = 1e6
_SMALL = ((2, 16), (3, 12), (4, 12), (6, 12), (8, 14))
_SPREAD = ((4, 12), (4, 384), (128, 14), (12, 48), (32, 32))
_MANY = ((4, 16), (12, 16), (36, 16), (128, 16), (12, 64))


def layouts() -> dict[tuple[Condition, ...], Layout]:
    """By the conditions of claims."""
    found = {}
    for power in conditions.POWERS:
        of_signal, of_noise = signal_plateau(power), noise_plateau(power)
        theorem = {"sizes": _SMALL, "settings": _by(10, 24, 48), "steps": _by(1.1e4, 1e5, 2e6), "few": True}
        rate = {"sizes": _SPREAD, "settings": _by(25, 75, 150), "steps": _by(2.5e3, 1.5e4, 1e5)}
        both = {"sizes": _MANY, "settings": _by(60, 120, 400), "steps": _by(2e3, 4e3, 3e4), "share": 0.25}
        found |= {
            conditions.condition_benign(power): Layout(lasts=of_signal, **theorem),
            conditions.condition_harmful(power): Layout(lasts=of_noise, **theorem),
            conditions.condition_fast_signal(power): Layout(lasts=of_signal, **rate),
            conditions.condition_slow_signal(power): Layout(lasts=of_noise, **rate | {"steps": _by(8e3, 2e4, 1e5)}),
            conditions.condition_both_sides(power): Layout(lasts=of_noise, **both),
        }
    return found


def design(group: Group, profile: Profile, reading: Reading, entropy: int) -> list[Point]:
    """Settings inside the conditions of a group, by turns of every size; where no claim of this paper has the
    conditions, they lie anywhere inside.

    Raises:
        ValueError: fewer than four fall inside within the steps of the profile.
    """
    layout = layouts().get(group.needs)
    if layout is None:
        return anywhere_inside(group, profile, reading, entropy)
    wanted = int(layout.settings[profile.name])
    effort = "the effort"
    affordable = (
        Condition(name="affordable", source=effort, statement=layout.lasts <= layout.steps[profile.name]),
        Condition(name="many-steps", source=effort, statement=layout.lasts >= 100),  # else it is no flow
        # Further d changes nothing; where it ranged over all that there is, it would follow from the start.
        Condition(name="near-orthogonal", source=effort, statement=dimension <= NEAR * (100 * n / START) ** 2),
        *(
            # Further from the threshold nothing else happens.
            Condition(name=f"near-{power}", source=effort, statement=Band(n * SNR**power, 1e-4, 1e4))
            for power in conditions.POWERS
            if set(conditions.model(power)) <= set(group.needs)
        ),
    )
    region = Region(needs=(*group.needs, *affordable), reading=reading, epsilon=EPSILON[1])
    cube = scipy.stats.qmc.Sobol(len(region.pack.order), rng=np.random.default_rng(entropy))
    each = 2 ** math.ceil(math.log2(2 * wanted / (1 if layout.few else len(layout.sizes))))
    placed = []
    for size in layout.sizes:
        shares = [dict(zip(region.pack.order, map(float, u), strict=True)) for u in cube.random(each)]
        placed.append([found for found in region.at_size(*size).place(shares) if found is not None])
    turns = [found[k] for k in range(each) for found in placed if k < len(found)][:wanted]
    if len(turns) < 4:
        raise ValueError(too_few(group, reading, len(turns), each * len(layout.sizes)))
    return [Point(setting=s, epsilon=EPSILON[1], index=k, seeds=layout.share) for k, s in enumerate(turns)]
