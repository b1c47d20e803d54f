"""Settings for this paper's claims, and when their runs end.

Sizes are a few levels of n and m, so that many settings share a batch: a step of a general model costs as much in calls
as the arithmetic of a hundred small runs. Everything else is drawn evenly over the region of the conditions.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import scipy
import sympy as sp

from numerics import Setting
from theory import Condition, evaluate
from theory import n as samples
from theory.papers.huang2025 import conditions
from theory.papers.huang2025.dynamics import STEP, late_time
from theory.reading import Reading
from verify.design import EPSILON, Group, Point, Profile, anywhere_inside, too_few
from verify.region import Region

P = conditions.P
# Rescaled time after which a run is on the plateau: its start within 1e-4 takes 10/(1 - 2p), the rest a few. Its second
# half then is, and is long enough for chance to average out.
PLATEAU_TIME = 5 / (STEP * P * (1 - P))
RATE_TIME = sp.Max(2, 20 / samples) / (STEP * P * (1 - P))  # chance averages out over samples too


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where the settings of a set of conditions lie.

    Attributes:
        sizes: (n, m), those that every profile has first.
        settings: how many, by profile.
        ends: rescaled time at which a run ends, an expression; None where it ends at a moment.
        steps: the most that such a run may take, by profile.
        about: where placing starts, sizes aside; where the region is small it is not found from its middle.
    """

    sizes: tuple[tuple[int, int], ...]
    settings: Mapping[str, float]
    ends: sp.Expr | None = None
    steps: Mapping[str, float] = field(default_factory=dict)
    about: Mapping[str, float] | None = None


def _by(quick: float, standard: float, thorough: float) -> dict[str, float]:
    return {"quick": quick, "standard": standard, "thorough": thorough}


_SMALL = ((2, 64), (2, 128), (3, 128))  # where p reaches down to log d/sqrt(mn) and the time can be waited for
_SPREAD = ((4, 12), (4, 384), (128, 14), (12, 48), (32, 32))
_MANY = ((24, 24), (48, 16))
# Assumption 3.1 with equality in all items that there are at n = 2.
_CORNER = {"d": 20, "mu": 0.7, "sigma_xi": 1.0, "sigma_0": 0.215, "eta": 0.049, "tau_plus": 0.35, "tau_minus": 0.35}
_PAPER = conditions.LABEL_NOISE_TIME * STEP


def layouts() -> dict[tuple[Condition, ...], Layout]:
    """By the conditions of claims; their own order of magnitude of time each."""
    late = sp.Rational(13, 10) * late_time(conditions.LATE_P) * STEP
    theorem = {
        "sizes": _SMALL,
        "ends": _PAPER,
        "settings": _by(10, 12, 24),
        "steps": _by(4e4, 1.5e5, 3e6),
        "about": _CORNER,
    }
    plateau = {"sizes": _MANY, "ends": PLATEAU_TIME, "settings": _by(12, 24, 48), "steps": _by(8e3, 5e4, 5e5)}
    rate = {"sizes": _SPREAD, "ends": RATE_TIME, "settings": _by(30, 75, 150), "steps": _by(6e3, 4e4, 4e5)}
    late_both = {"sizes": ((12, 16), (24, 16)), "ends": late, "settings": _by(10, 16, 32), "steps": _by(7e3, 3e4, 3e4)}
    return {
        conditions.assumption(): Layout(**theorem),
        conditions.gradient_descent(): Layout(**theorem),
        conditions.condition_growth(): Layout(sizes=_SPREAD, settings=_by(30, 60, 120)),
        conditions.condition_plateau(): Layout(**plateau),
        conditions.condition_plateau_rate(): Layout(**rate),
        conditions.condition_late(): Layout(**late_both),
        conditions.condition_late_descent(): Layout(**late_both),
    }


def design(group: Group, profile: Profile, reading: Reading, entropy: int) -> list[Point]:
    """Settings inside the conditions of a group, as many of every size, with the time at which each run ends.

    Where no claim of this paper has the conditions, they lie anywhere inside.

    Raises:
        ValueError: fewer than four fall inside within the steps of the profile.
    """
    layout = layouts().get(group.needs)
    if layout is None:
        return anywhere_inside(group, profile, reading, entropy)
    wanted, affordable = int(layout.settings[profile.name]), ()
    if layout.ends is not None:
        within = layout.ends / STEP <= layout.steps[profile.name]
        affordable = (Condition(name="affordable", source="the effort", statement=within),)
    region = Region(needs=(*group.needs, *affordable), reading=reading, epsilon=EPSILON[1])
    cube = scipy.stats.qmc.Sobol(len(region.pack.order), rng=np.random.default_rng(entropy))
    # Twice what is wanted, since some lie in no corner of the region; where it is small, of every size alone.
    each = 2 ** math.ceil(math.log2(2 * wanted / (1 if layout.about else len(layout.sizes))))
    placed = []
    for size in layout.sizes:
        shares = [_alike(dict(zip(region.pack.order, map(float, u), strict=True))) for u in cube.random(each)]
        about = layout.about and region.pack.settings({"n": size[0], "m": size[1], **layout.about}, reading.labels)
        placed.append([found for found in region.at_size(*size).place(shares, about) if found is not None])
    turns = [found[k] for k in range(each) for found in placed if k < len(found)][:wanted]
    if len(turns) < 4:
        raise ValueError(too_few(group, reading, len(turns), each * len(layout.sizes)))
    until: Callable[[Setting], float] = lambda setting: (  # noqa: E731
        evaluate(layout.ends, reading.at(setting.values(), EPSILON[1])) if layout.ends is not None else 0.0
    )
    return [Point(setting=s, epsilon=EPSILON[1], index=k, until=until(s)) for k, s in enumerate(turns)]


def _alike(share: dict[str, float]) -> dict[str, float]:
    """The paper has one flip probability: both labels take the same share of the same range."""
    return share | {"tau_minus": share["tau_plus"]}
