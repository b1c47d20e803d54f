"""Settings inside any set of conditions, constructed instead of filtered.

In the logarithms of the parameters a monomial condition is a half-space, and a set of them a polytope. What is no
monomial, a logarithm or 1 - tau_+ - tau_-, varies slowly: it is linearized with the rest at the current point, and the
point is found again until it stays. Coordinates of the unit cube then name every point of the region: each is a share
of the range that the parameters before it leave to its own, so that 0 and 1 are faces, and all-0-or-1 are corners.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import scipy
import sympy as sp

from numerics import Setting
from numerics.model import class_sizes, flip_share
from theory import Condition, inside
from theory.reading import Reading
from verify.pack import Pack, pack_of

# Of balanced labels that are flipped once: shares that can be flipped (numerics.model.flip_share).
FLIPS = ("tau_plus", "tau_minus")
EDGE = 1e-6  # this far inside every boundary, in logarithms, so that rounding does not leave it
# No share is nearer to 0 or 1: at the least d, which T* couples to eta, all others would be pinned to a point, which
# rounding misses.
CORNER = 1e-6
STEP = 1e-5  # of the differences that linearize, in logarithms: slow factors are smooth far beyond it
SLACK = 1e-9  # a value just chosen may lie on its own boundary
SETTLED = 1e-4  # a move this small leaves an error of its square, far below EDGE


@dataclass(frozen=True, kw_only=True)
class Region:
    """The settings that meet some conditions, within ranges.

    Attributes:
        needs: the conditions; an equation such as tau_plus = 0 fixes its parameter.
        reading: supplies the paper, C, delta, the factor in T* and the kind of labels; flip probabilities of balanced
            ones are shares that can be flipped.
        epsilon: target loss, which T* depends on.
        ranges: (least, largest) by parameter; the extents of the paper's pack where absent. They lie far beyond what
            conditions of this kind ask for: a search adds conditions of its own, in natural scales.
        also: numbers for symbols that conditions name and no setting has, such as the t of
            :func:`verify.costs.affordable_at`.
    """

    needs: tuple[Condition, ...]
    reading: Reading
    epsilon: float = 1e-2
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    also: Mapping[str, float] = field(default_factory=dict)

    @property
    def pack(self) -> Pack:
        return pack_of(self.reading)

    def _range(self, name: str) -> tuple[float, float]:
        return self.ranges.get(name, self.pack.extents[name])

    def place(self, shares: Sequence[Mapping[str, float]], about: Setting | None = None) -> list[Setting | None]:
        """The settings at some points of the unit cube (coordinate by parameter, 1/2 where absent).

        None where the region holds nothing there, or where linearizing did not find it, which starts at ``about``.
        """
        free, fixed, rest = self._roles()
        bounds = {name: tuple(map(math.log, self._range(name))) for name in free}
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
        free = [name for name in self.pack.order if name not in fixed]
        return free, fixed, [c for c in rest if c.names & set(free)]

    def _values(self, point: Mapping[str, float], fixed: Mapping[str, float]) -> dict[str, float]:
        values = {**fixed, **{name: math.exp(x) for name, x in point.items()}}
        return {**self.reading.at(values, self.epsilon), **self.also}

    def _setting(self, point: Mapping[str, float], fixed: Mapping[str, float]) -> Setting | None:
        values = self._values(point, fixed)
        # A face is met within rounding, which for d = 1e18 is many whole numbers beyond it.
        whole = self.pack.setting.whole()
        values |= {name: min(round(values[name]), int(self._range(name)[1])) for name in whole}
        setting = self.pack.settings(values, self.reading.labels)
        return setting if inside(self.needs, values | setting.values(), self.reading.C) else None

    def _pass(self, points: list, shares: list, free: list, bounds: dict, rest: list, fixed: dict) -> list:
        """Conditions linearized at each point; then one parameter after the other."""
        return [
            self._chosen(self._linearized(point, free, rest, fixed), share, free, bounds, fixed)
            for point, share in zip(points, shares, strict=True)
        ]

    def _chosen(self, system: tuple, share: Mapping[str, float], free: list, bounds: dict, fixed: dict) -> dict | None:
        between = _bounds(*system, np.array([bounds[name] for name in free]))
        point: dict[str, float] = {}
        for name in free:
            low, high = between(list(point.values()))
            if not low <= high + SLACK:
                return None
            value = low + min(max(share.get(name, 0.5), CORNER), 1 - CORNER) * (high - low)
            if name in self.pack.setting.whole():
                value = _whole(value, low, high)
            elif name in FLIPS and self.reading.labels == "balanced" and self.pack.setting.flips == "once":
                n = round(fixed["n"] if "n" in fixed else math.exp(point["n"]))
                size = class_sizes(n)[FLIPS.index(name)]
                value = math.log(flip_share(*np.exp([value]), size, *np.exp([low, high])) or math.nan)
            if math.isnan(value):
                return None
            point[name] = value
        return point

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

        def log_margins(at: Mapping[str, float], name: str = "") -> np.ndarray:
            """In the order of ``required``; of conditions that do not name the parameter, not a number."""
            values = self._values(at, fixed)
            held = {id(c): c.term_margins(values) for c, _, _ in required if not name or name in c.names}
            found = ((held[id(c)][term] / least if id(c) in held else math.nan) for c, term, least in required)
            # A term may hold for every C, as that of T* does where T* = 1.
            return np.array([math.log(min(value, 1e300)) if not value <= 0 else -1e3 for value in found])

        here = log_margins(point)
        slopes = np.zeros((len(required), len(free)))
        for k, name in enumerate(free):
            moved = log_margins({**point, name: point[name] + STEP}, name)
            slopes[:, k] = np.nan_to_num((moved - here) / STEP)
        at = np.array([point[name] for name in free])
        return -slopes, here - slopes @ at - EDGE


def _bounds(rows: np.ndarray, limits: np.ndarray, box: np.ndarray) -> Callable[[Sequence[float]], tuple[float, float]]:
    """What ``rows @ x <= limits`` in a box leaves to the next coordinate once those before it are chosen.

    The function gives the least and the largest value with which the choice can still be completed; the least exceeds
    the largest, or is NaN, where there is none.

    Args:
        rows, limits: shapes (rows, coordinates) and (rows,).
        box: least and largest value of each coordinate. Shape (coordinates, 2).
    """
    rows = np.where(np.abs(rows) < 1e-9, 0.0, rows)  # rounding of a difference quotient
    ladder = _eliminated(rows, limits, box)

    def between(chosen: Sequence[float]) -> tuple[float, float]:
        k = len(chosen)
        if ladder is None:
            cost, held = np.eye(len(box))[k], [(x - SLACK, x + SLACK) for x in chosen] + list(box[k:])
            ends = [
                scipy.optimize.linprog(sign * cost, A_ub=rows, b_ub=limits + SLACK, bounds=held).x for sign in (1, -1)
            ]
            return (math.nan, math.nan) if any(x is None for x in ends) else (ends[0][k], ends[1][k])
        own, room = ladder[k]
        left = room - own[:, :k] @ np.array(chosen)
        return float(-left[own[:, k] < 0].min()), float(left[own[:, k] > 0].min())

    return between


MOST_ROWS = 2000  # real conditions leave some hundred; dense ones grow without bound


def _eliminated(rows: np.ndarray, limits: np.ndarray, box: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]] | None:
    """Fourier and Motzkin's elimination, from the last coordinate to the first: a pair of rows that bound a coordinate
    from both sides leaves the row that says there is room between.

    Entry k of the result holds rows over the coordinates 0..k, with coefficient 1 or -1 at k, and their limits. None
    where they grow beyond :data:`MOST_ROWS`.
    """
    size, given = rows.shape[1], len(rows)
    # Which of the given rows a row comes from, those of the box among them.
    history = np.eye(given, given + 2 * size, dtype=bool)
    found: list[tuple[np.ndarray, np.ndarray]] = []
    for k in reversed(range(size)):
        bound = rows[:, k] != 0
        scale = np.abs(rows[bound, k])
        own = np.vstack([rows[bound] / scale[:, None], np.eye(k + 1)[[k]], -np.eye(k + 1)[[k]]])
        room = np.concatenate([limits[bound] / scale, [box[k, 1], -box[k, 0]]])
        come = np.vstack([history[bound], np.eye(2, history.shape[1], given + 2 * k, dtype=bool)])
        found.append((own, room))
        up, down = np.flatnonzero(own[:, k] > 0), np.flatnonzero(own[:, k] < 0)
        if len(up) * len(down) > MOST_ROWS:
            return None
        up, down = np.repeat(up, len(down)), np.tile(down, len(up))
        rows = np.vstack([rows[~bound, :k], own[up, :k] + own[down, :k]])
        limits = np.concatenate([limits[~bound], room[up] + room[down]])
        history = np.vstack([history[~bound], come[up] | come[down]])
        # Cernikov: after j eliminations, a row that comes from more than j + 1 others follows from the rest. So does
        # one that the box alone implies; one without coordinates that is not met tells that there is no point.
        most = np.where(rows > 0, rows * box[:k, 1], rows * box[:k, 0]).sum(1)
        kept = (history.sum(1) <= size - k + 1) & (most > limits) | ~rows.any(1) & (limits < -SLACK)
        rows, limits, history = rows[kept], limits[kept], history[kept]
    if len(limits):  # 0 <= limit is not met
        found[-1] = (found[-1][0], np.full_like(found[-1][1], -math.inf))
    return found[::-1]


def _whole(value: float, low: float, high: float) -> float:
    """The logarithm of the whole number nearest to exp(value) within the range."""
    least, largest = math.ceil(math.exp(low) - 1e-9), math.floor(math.exp(high) + 1e-9)
    return math.log(max(least, min(largest, round(math.exp(value))))) if least <= largest else value
