"""Fix: what the runs of exploration show, and the constants that are chosen from it. A rung *serves* if for some
constants of the conclusion (:func:`_serves`) at most delta/3 of its runs fail and in no setting more than a quarter.
The first rung that serves is taken; from there each restricting constant alone is taken back down as far as the
settings inside still serve, in the order in which the theorem names them; the constants of the conclusion are the ones
with which it says the most. As the least that served was chosen for having served, every constant is then moved one
step on.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import pandas as pd
import sympy as sp

from numerics import Setting
from theory import inside
from theory.reading import Reading
from theory.statements import Hidden, Part, Theorem, evaluate
from verify.pack import Pack, pack_of
from verify.quantify.design import Family, ladder, numbers, values_at
from verify.sweep import Result

# A rung serves in exploration below these failure rates. A third of delta leaves room for a rate that was found small
# by luck: at 480 fresh runs a rate of delta/2 is still confirmed with probability above 0.99.
POOLED, SINGLE = 1 / 3, 0.25
FEWEST = 8  # settings without which nothing good is said of a rung or of a region


class Shown:
    """The runs of some settings, asked whether the parts of a theorem hold together at one time.

    Args:
        theorem: what is asked of them.
        results: one per setting.
        reading: supplies delta.
    """

    def __init__(self, theorem: Theorem, results: Sequence[Result], reading: Reading) -> None:
        self.theorem, self.results, self.reading = theorem, list(results), reading
        self.settings = [_setting(pack_of(reading), r) for r in self.results]
        # A run without a flipped sample says nothing of a theorem about flipped samples (``verify.evidence``).
        self.counted = [
            r.runs["flip_share"].notna().to_numpy() | (max(s.tau_plus, s.tau_minus) == 0)
            for r, s in zip(self.results, self.settings, strict=True)
        ]
        self._masks: dict[tuple, list[np.ndarray]] = {}

    def inside(self, fixed: Mapping[str, float]) -> np.ndarray:
        """Which settings meet the conditions at these restricting constants. Shape (settings,)."""
        needs = self.theorem.at(fixed)
        constant = fixed.get("C", self.reading.C)
        return np.array([inside(needs, self._at(k, {}), constant) for k in range(len(self.settings))], dtype=bool)

    def met(self, constants: Mapping[str, float], parts: Sequence[Part] | None = None) -> list[np.ndarray]:
        """Per setting and run that counts, whether all parts hold at one recorded time within the window."""
        masks = [self._window(constants)]
        masks += [self._part(p, constants) for p in (self.theorem.parts if parts is None else parts)]
        held = zip(self.counted, zip(*masks, strict=True), strict=True)
        return [reduce(np.logical_and, at).any(1)[counted] for counted, at in held]

    def _at(self, k: int, constants: Mapping[str, float]) -> dict[str, float]:
        return values_at(self.settings[k], self.reading, self.theorem, constants)

    def _cached(self, key: str, expressions: Sequence, constants: Mapping[str, float], make: Callable) -> list:
        """Masks are the same for all constants that the expressions do not name."""
        names = {s.name for e in expressions if e is not None for s in sp.sympify(e).free_symbols}
        own = {name: value for name, value in constants.items() if name in names}
        full = (key, *sorted(own.items()))
        if full not in self._masks:
            self._masks[full] = [make(k, self._at(k, own)) for k in range(len(self.results))]
        return self._masks[full]

    def _window(self, constants: Mapping[str, float]) -> list[np.ndarray]:
        first, last = self.theorem.window

        def make(k: int, values: dict[str, float]) -> np.ndarray:
            times = self.results[k].times
            # Rounding of the two ends must not take a recorded time away.
            low, high = evaluate(first, values) * (1 - 1e-9), evaluate(last, values) * (1 + 1e-9)
            return ((times >= low) & (times <= high))[None, :]

        return self._cached("window", self.theorem.window, constants, make)

    def _part(self, part: Part, constants: Mapping[str, float]) -> list[np.ndarray]:
        def make(k: int, values: dict[str, float]) -> np.ndarray:
            series = self.results[k].series[part.series]
            with np.errstate(invalid="ignore"):
                low = True if part.law.low is None else series >= _slack(evaluate(part.law.low, values), -1)
                high = True if part.law.high is None else series <= _slack(evaluate(part.law.high, values), 1)
            return low & high & ~np.isnan(series)

        return self._cached(part.name, (part.law.low, part.law.high), constants, make)


# Series are kept in single precision, which rounds by up to 6e-8 of a number: a bound met with equality must not fail
# by its rounding, nor by that of the few operations behind it.
ROUNDING = 3e-7


def _slack(bound: float, side: int) -> float:
    return bound + side * ROUNDING * abs(bound)


def _setting(pack: Pack, result: Result) -> Setting:
    [row] = result.runs[[*pack.columns, "labels"]].head(1).to_dict("records")
    return pack.setting(**row)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What exploration leads to.

    Attributes:
        constants: all of them, as they go into confirmation.
        served: whether a rung served; otherwise these are the last of every ladder.
        least: the least that served, before one step was added; empty where none did.
        table: a row per rung: its constants, settings, runs, and how many of these fail the theorem, and each part.
        settings: a row per setting of exploration: its parameters, rung, runs, and failures at ``constants``.
        last: whether every restricting constant is the strongest that can be run, however much the profile climbs.
    """

    constants: Mapping[str, float]
    served: bool
    least: Mapping[str, float]
    table: pd.DataFrame
    settings: pd.DataFrame
    last: bool


def fix(theorem: Theorem, family: Family, results: Sequence[Result]) -> Choice:
    """Choose the constants by the rule of the module, from the runs of exploration alone."""
    shown = Shown(theorem, results, family.reading)
    rungs = ladder(theorem, family.effort.rungs)
    # The strongest constants that can be run: the last rung on which a setting was affordable.
    drawn = {r.runs["setting"].iloc[0] // 100 for r in results}
    last_rung = rungs[max(drawn, default=len(rungs) - 1)]
    # A profile that climbs fewer rungs than there are, and could afford its last, has not seen the strongest.
    ended = len(rungs) == len(ladder(theorem, 10**6)) or max(drawn, default=0) < len(rungs) - 1
    conclusions = _conclusions(theorem)
    counts = [shown.met(c) for c in conclusions]  # per conclusion and setting, the runs
    hits = np.array([[int(m.sum()) for m in met] for met in counts])
    trials = np.array([m.size for m in counts[0]], dtype=int)

    def serving(fixed: Mapping[str, float]) -> int | None:
        """The first of the conclusions that serve in the region of these constants; of equals the one met most."""
        mask = shown.inside(fixed)
        if mask.sum() < FEWEST:
            return None
        failures = (trials - hits)[:, mask]
        serves = _serves(failures, trials[mask], family.reading.delta)
        if not serves.any():
            return None
        order = sorted(np.flatnonzero(serves), key=lambda c: (_steps(theorem, conclusions[c]), failures[c].sum()))
        return int(order[0])

    chosen, conclusion = None, None
    for fixed in rungs:
        conclusion = serving(fixed)
        if conclusion is not None:
            chosen = dict(fixed)
            break
    if chosen is None:
        # The constants of the conclusion at their floors; where a window lies, by what holds most often there.
        most = max(_steps(theorem, c) for c in conclusions)
        floors = [k for k, c in enumerate(conclusions) if _steps(theorem, c) == most]
        found = {k: _by_setting(shown, conclusions[k]) for k in floors}
        best = min(
            floors, key=lambda k: (trials - hits[k]).sum() * 1e6 + found[k].filter(like="failures").to_numpy().sum()
        )
        return Choice(
            constants={**last_rung, **conclusions[best]}, served=False, least={}, last=ended, settings=found[best],
            table=_by_rung(found[best], rungs),
        )  # fmt: skip
    for hidden in theorem.restricting:
        while (at := hidden.ladder.index(chosen[hidden.name])) > 0:
            wider = {**chosen, hidden.name: hidden.ladder[at - 1]}
            better = serving(wider)
            if better is None:
                break
            chosen, conclusion = wider, better
    least = {**chosen, **conclusions[conclusion]}
    constants = {h.name: _next(h, least[h.name], last_rung.get(h.name, h.ladder[-1])) for h in theorem.hidden}
    settings = _by_setting(shown, {h.name: constants[h.name] for h in theorem.concluding})
    return Choice(
        constants=constants, served=True, least=least, settings=settings, table=_by_rung(settings, rungs),
        last=ended and all(constants[h.name] == last_rung[h.name] for h in theorem.restricting),
    )  # fmt: skip


def _serves(failures: np.ndarray, trials: np.ndarray, delta: float) -> np.ndarray:
    """Few failures in all, and in no setting many. Shapes (conclusions, settings), (settings,) -> (conclusions,)."""
    pooled = failures.sum(1) / trials.sum() <= POOLED * delta
    return pooled & (failures <= SINGLE * trials).all(1)


def _conclusions(theorem: Theorem) -> list[dict[str, float]]:
    names = [h.name for h in theorem.concluding]
    return [dict(zip(names, v, strict=True)) for v in itertools.product(*(h.ladder for h in theorem.concluding))]


def _steps(theorem: Theorem, constants: Mapping[str, float]) -> int:
    """How many steps the constants of a conclusion have given way; where a window lies is free."""
    return sum(h.ladder.index(constants[h.name]) for h in theorem.concluding if not h.free)


def _next(hidden: Hidden, value: float, last: float) -> float:
    if hidden.free or value == last:
        return value
    return hidden.ladder[min(hidden.ladder.index(value) + 1, len(hidden.ladder) - 1)]


def _by_setting(shown: Shown, conclusion: Mapping[str, float]) -> pd.DataFrame:
    """A row per setting: its parameters, rung, runs, and how many fail the theorem, and each part beside its frame."""
    frame = [p for p in shown.theorem.parts if p.frame]
    met = {"failures": shown.met(conclusion)}
    met |= {REST: shown.met(conclusion, [p for p in shown.theorem.parts if not p.certificate])}
    met |= {column_of(p): shown.met(conclusion, [*frame, p]) for p in shown.theorem.parts if not p.frame}
    return pd.DataFrame(
        [
            {**numbers(s), "kappa": s.kappa, "rung": r.runs["setting"].iloc[0] // 100, "runs": met["failures"][k].size}
            | {name: int((~own[k]).sum()) for name, own in met.items()}
            for k, (s, r) in enumerate(zip(shown.settings, shown.results, strict=True))
        ]
    )


REST = "failures without certificates"


def column_of(part: Part) -> str:
    return f"failures of {part.name}"


def _by_rung(settings: pd.DataFrame, rungs: Sequence[Mapping[str, float]]) -> pd.DataFrame:
    """The same summed over the settings drawn for each rung, beside its constants."""
    rows = []
    for k, fixed in enumerate(rungs):
        own = settings[settings["rung"] == k] if len(settings) else settings
        sums = own.filter(regex="^(runs|failures)").sum() if len(own) else {}
        rows.append({**fixed, "settings": len(own), "runs": 0, "failures": 0} | {k: int(v) for k, v in sums.items()})
    return pd.DataFrame(rows)
