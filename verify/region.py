"""Settings inside any set of conditions, constructed instead of filtered.

In the logarithms of the parameters a monomial condition is a half-space, and a set of them a polytope. What is no
monomial, a logarithm or 1 - tau_+ - tau_-, varies slowly: it is linearized with the rest at the current point, and the
point is found again until it stays. Coordinates of the unit cube then name every point of the region: each is a share
of the range that the parameters before it leave to its own, so that 0 and 1 are faces, and all-0-or-1 are corners.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import sympy as sp
from scipy.optimize import linprog
from scipy.sparse import block_diag

from numerics import Setting
from numerics.model import class_sizes, flip_share
from theory import Condition, inside
from theory.paper import Reading

# In the order in which they are chosen: sizes first, since logarithms hang on them; small ones are the simple ones.
PARAMETERS = ("n", "m", "tau_plus", "tau_minus", "d", "sigma_xi", "mu", "sigma_0", "eta")
WHOLE = ("n", "m", "d")
FLIPS = ("tau_plus", "tau_minus")
# What nothing else bounds ends here: far beyond what conditions of this kind ask for, within floating point. A search
# adds conditions of its own, in natural scales (verify.falsify.limits).
RANGES: dict[str, tuple[float, float]] = {
    "n": (1, 1e4),
    "m": (1, 1e4),
    "tau_plus": (1e-3, 0.499),
    "tau_minus": (1e-3, 0.499),
    "d": (1, 1e18),
    "sigma_xi": (0.03, 30),
    "mu": (1e-9, 1e12),
    "sigma_0": (1e-25, 1e6),
    "eta": (1e-25, 1e6),
}
EDGE = 1e-6  # this far inside every boundary, in logarithms, so that rounding does not leave it
# No share is nearer to 0 or 1: at the least d, which T* couples to eta, all others would be pinned to a point, which
# rounding misses.
CORNER = 1e-6
STEP = 1e-5  # of the differences that linearize, in logarithms: slow factors are smooth far beyond it
SETTLED = 1e-4  # a move this small leaves an error of its square, far below EDGE


@dataclass(frozen=True, kw_only=True)
class Region:
    """The settings that meet some conditions, within ranges.

    Attributes:
        needs: the conditions; an equation such as tau_plus = 0 fixes its parameter.
        reading: supplies C, delta, the factor in T* and the kind of labels; flip probabilities of balanced ones are
            shares that can be flipped.
        epsilon: target loss, which T* depends on.
        ranges: (least, largest) by parameter; :data:`RANGES` where absent.
    """

    needs: tuple[Condition, ...]
    reading: Reading = Reading()
    epsilon: float = 1e-2
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def place(self, shares: Sequence[Mapping[str, float]], about: Setting | None = None) -> list[Setting | None]:
        """The settings at some points of the unit cube (coordinate by parameter, 1/2 where absent).

        None where the region holds nothing there, or where linearizing did not find it, which starts at ``about``.
        """
        free, fixed, rest = self._roles()
        bounds = {name: tuple(map(math.log, self.ranges.get(name, RANGES[name]))) for name in free}
        first = {name: math.log(getattr(about, name)) if about else sum(bounds[name]) / 2 for name in free}
        points = [dict(first) for _ in shares]
        lost = [False] * len(shares)
        going = list(range(len(shares)))
        for _ in range(30):
            found = self._pass([points[i] for i in going], [shares[i] for i in going], free, bounds, rest, fixed)
            still = []
            for i, point in zip(going, found, strict=True):
                if point is None:
                    lost[i] = True
                    continue
                if max(abs(point[name] - points[i][name]) for name in free) > SETTLED:
                    still.append(i)
                points[i] = point
            going = still
            if not going:
                break
        return [None if gone else self._setting(point, fixed) for gone, point in zip(lost, points, strict=True)]

    def at_size(self, n: int, m: int) -> "Region":
        """The part of the region with these sizes."""
        return replace(self, ranges={**self.ranges, "n": (n, n), "m": (m, m)})

    def _roles(self) -> tuple[list[str], dict[str, float], list[Condition]]:
        fixed, rest = {}, []
        for condition in self.needs:
            statement = condition.statement
            if isinstance(statement, sp.Eq) and isinstance(statement.lhs, sp.Symbol) and statement.rhs.is_number:
                fixed[statement.lhs.name] = float(statement.rhs)
            else:
                rest.append(condition)
        free = [name for name in PARAMETERS if name not in fixed]
        return free, fixed, [c for c in rest if c.names & set(free)]

    def _values(self, point: Mapping[str, float], fixed: Mapping[str, float]) -> dict[str, float]:
        values = {**fixed, **{name: math.exp(x) for name, x in point.items()}}
        return self.reading.at(values, self.epsilon)

    def _setting(self, point: Mapping[str, float], fixed: Mapping[str, float]) -> Setting | None:
        values = self._values(point, fixed)
        # A face is met within rounding, which for d = 1e18 is many whole numbers beyond it.
        values |= {name: min(round(values[name]), int(self.ranges.get(name, RANGES[name])[1])) for name in WHOLE}
        setting = Setting(**{name: values[name] for name in PARAMETERS}, labels=self.reading.labels)
        return setting if inside(self.needs, values | setting.values(), self.reading.C) else None

    def _pass(self, points: list, shares: list, free: list, bounds: dict, rest: list, fixed: dict) -> list:
        """Conditions linearized at each point; then one parameter after the other, for all points at once."""
        systems = [self._linearized(point, free, rest, fixed) for point in points]
        boxes = [[bounds[name] for name in free] for _ in points]
        alive = list(range(len(points)))
        for k, name in enumerate(free):
            if bounds[name][0] == bounds[name][1]:
                continue
            ranges = _extremes(k, systems, boxes, alive)
            alive = [i for i in alive if i in ranges]
            for i in alive:
                low, high = ranges[i]
                share = min(max(shares[i].get(name, 0.5), CORNER), 1 - CORNER)
                value = low + share * (high - low)
                if name in WHOLE:
                    value = _whole(value, low, high)
                elif name in FLIPS and self.reading.labels == "balanced":
                    n = round(fixed["n"] if "n" in fixed else math.exp(boxes[i][free.index("n")][0]))
                    size = class_sizes(n)[FLIPS.index(name)]
                    value = math.log(flip_share(*np.exp([value]), size, *np.exp([low, high])) or math.nan)
                boxes[i][k] = (value, value)
            alive = [i for i in alive if not math.isnan(boxes[i][k][0])]
        return [
            {name: boxes[i][k][0] for k, name in enumerate(free)} if i in alive else None for i in range(len(points))
        ]

    def _linearized(self, point: dict, free: list, rest: list, fixed: dict) -> tuple[np.ndarray, np.ndarray]:
        """Rows a and limits b with a x <= b where the conditions hold to first order about ``point``."""
        values = self._values(point, fixed)
        required: list[tuple[Condition, int, float]] = []  # a condition, which of its terms, what it must reach
        for condition in rest:
            *terms, whole = condition.term_margins(values)
            least = self.reading.C if "C" in condition.names else 1.0
            if math.isinf(whole):
                continue
            if terms and math.isclose(min(terms), whole, rel_tol=1e-9):
                required += [(condition, k, least) for k in range(len(terms))]
            else:  # one term suffices: the whole, which follows the one that does best here
                required.append((condition, -1, least))
        conditions = {id(c): c for c, _, _ in required}

        def log_margins(at: Mapping[str, float]) -> np.ndarray:
            values = self._values(at, fixed)
            held = {key: c.term_margins(values) for key, c in conditions.items()}
            found = ((held[id(c)][term], least) for c, term, least in required)
            # A term may hold for every C, as that of T* does where T* = 1.
            return np.array([math.log(min(value / least, 1e300)) if value > 0 else -1e3 for value, least in found])

        here = log_margins(point)
        slopes = np.zeros((len(required), len(free)))
        for k, name in enumerate(free):
            slopes[:, k] = (log_margins({**point, name: point[name] + STEP}) - here) / STEP
        at = np.array([point[name] for name in free])
        return -slopes, here - slopes @ at - EDGE


def _extremes(k: int, systems: list, boxes: list, alive: list[int]) -> dict[int, tuple[float, float]]:
    """The least and the largest value of parameter ``k`` in each system; absent where there is none."""
    if not alive:
        return {}
    size = len(boxes[alive[0]])
    cost = np.zeros((2, len(alive), size))
    cost[0, :, k], cost[1, :, k] = 1, -1
    rows = block_diag([systems[i][0] for i in alive] * 2, format="csr")
    slack = 1e-9  # a value just chosen may lie on its own boundary
    limits = np.concatenate([systems[i][1] for i in alive] * 2) + slack
    box = [(low - slack, high + slack) for i in alive for low, high in boxes[i]] * 2
    found = linprog(cost.ravel(), A_ub=rows, b_ub=limits, bounds=box, method="highs-ds")
    if found.success:
        low, high = found.x.reshape(2, len(alive), size)[..., k]
        return {i: (float(a), float(b)) for i, a, b in zip(alive, low, high, strict=True)}
    if len(alive) == 1:
        return {}
    middle = len(alive) // 2  # one of them is empty: which?
    return _extremes(k, systems, boxes, alive[:middle]) | _extremes(k, systems, boxes, alive[middle:])


def _whole(value: float, low: float, high: float) -> float:
    """The logarithm of the whole number nearest to exp(value) within the range."""
    least, largest = math.ceil(math.exp(low) - 1e-9), math.floor(math.exp(high) + 1e-9)
    return math.log(max(least, min(largest, round(math.exp(value))))) if least <= largest else value
