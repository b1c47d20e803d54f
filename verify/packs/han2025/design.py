"""The design of settings for this paper: rates, thresholds and bounds inside Condition 4.1 and its relatives."""

import math
from collections.abc import Callable
from itertools import islice

import numpy as np
import scipy
import sympy as sp

from numerics import Setting
from numerics.model import class_sizes, flip_share
from theory import Band, inside, kappa, sigma_xi, tau_minus, tau_plus
from theory import m as neurons
from theory import n as samples
from theory.papers.han2025 import PAPER, Reading
from verify import costs
from verify.design import EPSILON, MOST_STEPS, SIZES, Group, Point, Profile, between, boundary, too_few
from verify.packs.han2025.stages import rescaled_time, rescaled_time_at

# d, eta and sigma_0 lie up to these factors inside their bounds. Their bounds follow n and m, so that only this
# freedom tells their exponents from those of n and m.
D_SLACK, ETA_SLACK, SIGMA_0_SLACK = 100.0, 30.0, 1000.0
_DIMENSIONS = ("n", "m", "d", "step", "sigma_xi", "sigma_0", "kappa", "tau_plus", "tau_minus", "epsilon")


def design(group: Group, profile: Profile, reading: Reading, entropy: int) -> list[Point]:
    """Settings of a group, drawn log-uniformly in all variables at once inside its conditions.

    Draws come from a scrambled Sobol sequence. n, m, sigma_xi, kappa and tau are drawn from their ranges; d,
    sigma_0 and eta by a log-uniform factor from the boundary of the conditions inwards. How far eta and epsilon go is
    limited by what the profile affords at that n and m; a draw too costly at its largest step is passed over. Where
    rates are fitted, the cheapest of many draws at either end of the ranges of n, m and epsilon come first, and every
    other setting is the draw that tells the exponents apart best. At the far ends, which the rest cannot afford, they
    are :data:`FAR` settings with a share of the seeds each: the decades must not hang on one of them.

    Raises:
        ValueError: too few draws fall inside the conditions.
    """
    wanted = profile.settings[group.stage] // (1 if group.needs_rates else 3)
    cap = profile.work[group.stage] / (1 if group.needs_rates else 3)
    cube = scipy.stats.qmc.Sobol(len(_DIMENSIONS), rng=np.random.default_rng(entropy))

    def drawn(count: int, cap: float, bend: Callable = lambda u: u, most: int | None = None) -> list:
        placed = (
            _place(bend(dict(zip(_DIMENSIONS, u, strict=True))), group, profile, reading, cap)
            for u in cube.random(count)
        )
        return list(islice((found for found in placed if found), most))

    chosen: list[tuple[Setting, float]] = []
    far: set[tuple[Setting, float]] = set()
    if group.needs_rates:
        for name in ("n", "m", "epsilon") if group.stage == "end" else ("n", "m"):
            for end in (0.0, 1 - _END):
                # The far ends may cost more than the rest; where even that is too much, the range stays shorter.
                at_end = drawn(16 * profile.seeds, 40 * cap, lambda u, k=name, e=end: _bent(u, k, e))
                if name == "epsilon" and end == 0.0:  # only where the range was not cut short by the cost
                    at_end = [
                        c for c in at_end if math.log(c[1] / EPSILON[0]) <= _END * math.log(EPSILON[1] / EPSILON[0])
                    ]
                at_end.sort(key=lambda c: costs.work(rescaled_time(*c, group.stage), c[0], profile.seeds))
                if (end == 0.0) != (name == "epsilon"):
                    chosen += at_end[:1]
                    continue
                # Of the size of the cheapest, as far as there are such: they share a batch.
                several = sorted(at_end, key=lambda c: (c[0].n, c[0].m) != (at_end[0][0].n, at_end[0][0].m))[:FAR]
                chosen += several
                far |= set(several)
    tried = 2 ** math.ceil(math.log2(max(512, 16 * wanted)))  # a Sobol sequence is balanced at powers of two
    others = drawn(tried, cap, most=None if group.needs_rates else wanted)
    if len(others) < 4:
        raise ValueError(too_few(group, reading, len(others), tried))
    chosen = _telling(chosen, others, wanted) if group.needs_rates else others[:wanted]
    return [
        Point(setting=s, epsilon=e, index=k, seeds=1 / FAR if (s, e) in far else 1.0) for k, (s, e) in enumerate(chosen)
    ]


EFFECTIVE = kappa * (1 - tau_plus - tau_minus)  # what the signal is worth to a sample on average
_END = 0.015  # of a range in logarithms
FAR = 4  # settings at a far end: alike, they carry a quarter of what is known there each, which is what a rate allows


def _bent(u: dict[str, float], name: str, end: float) -> dict[str, float]:
    """A draw moved to one end of a variable's range. At a far end, where runs are long, it takes the largest step; for
    n and m about the largest epsilon, for epsilon rather small n and m: several settings there must not cost more than
    one."""
    spared = {}
    if (end == 0.0) == (name == "epsilon"):
        spared = {"step": 0.0, "epsilon": 1 - _END * u["epsilon"]}
        spared |= {k: u[k] ** 4 for k in ("n", "m")} if name == "epsilon" else {}
    return {**u, **spared, name: end + _END * u[name]}


def _telling(chosen: list, others: list, wanted: int) -> list:
    """Fill up ``chosen`` from ``others``: by turns the next draw, and the draw that adds most to telling the
    exponents apart, which is the one of largest leverage x' (X'X)^-1 x (greedy D-optimality)."""

    def rows(settings: list) -> np.ndarray:
        return np.log([[s.n, s.m, s.d, s.sigma_xi, s.eta, s.sigma_0, s.kappa, e] for s, e in settings])

    pool = rows(others)
    centre, scale = pool.mean(0), np.maximum(pool.std(0), 1e-9)

    def standardized(settings: list) -> np.ndarray:
        scaled = (rows(settings) - centre) / scale
        return np.column_stack([scaled, np.ones(len(settings))])

    chosen, others = list(chosen), list(others)
    while others and len(chosen) < wanted:
        if len(chosen) % 2:
            chosen.append(others.pop(0))
            continue
        x = standardized(chosen) if chosen else np.zeros((1, pool.shape[1] + 1))
        information = x.T @ x + 1e-3 * np.eye(x.shape[1])
        candidates = standardized(others)
        leverage = np.einsum("ij,ij->i", candidates @ np.linalg.inv(information), candidates)
        chosen.append(others.pop(int(leverage.argmax())))
    return chosen


def _place(
    u: dict[str, float], group: Group, profile: Profile, reading: Reading, cap: float
) -> tuple[Setting, float] | None:
    """A point of the unit cube as a setting inside the conditions at a cost under ``cap``; None if there is none."""
    least, ratio, levels = SIZES[group.stage]
    stated = [c.statement for c in group.needs if isinstance(c.statement, Band)]
    bands = {band.expression: (band.low, band.high) for band in stated}
    fixed = {c.statement.lhs: float(c.statement.rhs) for c in group.needs if isinstance(c.statement, sp.Eq)}
    n, m = (
        round(fixed.get(symbol, least * ratio ** min(int(u[symbol.name] * levels), levels - 1)))
        for symbol in (samples, neurons)
    )
    taus = {}
    for name, symbol in (("tau_plus", tau_plus), ("tau_minus", tau_minus)):
        low, high = bands.get(symbol, (reading.tau_low, reading.tau_high))
        taus[name] = fixed.get(symbol, between(low, high, u[name]))
        if group.labels == "balanced" and symbol not in fixed:
            size = class_sizes(n)[name == "tau_minus"]
            taus[name] = flip_share(taus[name], size, low, high)
            if math.isnan(taus[name]):
                return None
    low, high = bands.get(EFFECTIVE, (reading.kappa_low, reading.kappa_high))
    snr = between(low * 1.0001, high / 1.0001, u["kappa"]) / (1 - taus["tau_plus"] - taus["tau_minus"])
    sigma = fixed.get(sigma_xi, between(0.03, 30, u["sigma_xi"]))
    if costs.of_draw(n, m, profile.seeds) > cap:
        return None
    values: dict[str, float] = reading.at({"n": n, "m": m, "sigma_xi": sigma, **taus}, EPSILON[1])

    def follow(d: float) -> None:
        values.update(d=d, mu=sigma * math.sqrt(snr * d / n))

    # Start anywhere; the boundary is then found from the margins themselves. That of d depends on eta and epsilon
    # through log T*, and theirs on d, so the three are placed in turn until they stay.
    edge, before = 4.0 * (n + 2 * m + 1), 0.0
    values["eta"] = n / (4 * reading.C * sigma**2 * edge)
    steps = min(cap / costs.of_step(n, m, profile.seeds), MOST_STEPS / 4)
    longest = rescaled_time_at(snr, taus["tau_plus"], taus["tau_minus"], EPSILON[1], group.stage)
    for _ in range(30):
        follow(edge)
        if not boundary(values, "d", group.needs, reading.C, follow, inwards=+1):
            return None
        edge = values["d"]
        follow(math.ceil(edge * between(1.0001, D_SLACK, u["d"])))
        if abs(edge - before) <= 1e-5 * edge:
            break
        before = edge
        scale = n * m / (sigma**2 * values["d"])
        values["eta"] = 0.05 * scale
        if not boundary(values, "eta", group.needs, reading.C, lambda x: values.update(eta=x), inwards=-1):
            return None
        # Target loss and step size go as far as the cost allows.
        reach = steps * values["eta"] / scale  # rescaled time within the cost at the largest step
        if longest > reach:
            return None
        slack = between(1.0001, max(1.0002, min(ETA_SLACK, reach / max(longest, 1e-9))), u["step"])
        values["eta"] /= slack
        if group.stage == "end":
            # s is nearly proportional to 1/epsilon, so this is about the least that is still affordable.
            least = max(EPSILON[0], EPSILON[1] * longest * slack / reach)
            values["epsilon"] = between(least, EPSILON[1], u["epsilon"])
    values["sigma_0"] = 1e-3 / (sigma * math.sqrt(values["d"]))
    if not boundary(values, "sigma_0", group.needs, reading.C, lambda x: values.update(sigma_0=x), inwards=-1):
        return None
    values["sigma_0"] /= between(1.0001, SIGMA_0_SLACK, u["sigma_0"])
    if not inside(group.needs, values, reading.C):
        return None
    return Setting(**{k: values[k] for k in PAPER.parameters}, labels=group.labels), values["epsilon"]
