"""Counter-scalings: parameters as N^a (log N)^b (log log N)^c that meet given literals, found tier by tier.

Which logarithms grow at a tier is searched for; the rest of a tier is one linear programme. Of the scalings that serve
the simplest is wanted, with the parameters constant that the symbols table ranks ``still`` the highest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from theory.orders.cone import Rational, decide
from theory.orders.lattice import Literal, Log, Monomial
from theory.orders.problem import Problem
from theory.orders.scaling import DEPTH, Scaling, Tiers
from theory.symbols import table

QUICK = 60  # linear programmes for a first try at a counter-scaling, and for each try to simplify one


def counter_scaling(
    problem: Problem, literals: list[Literal], hints: Mapping[Log, Rational], budget: int, simplify: bool
) -> tuple[Scaling | None, int]:
    """A scaling along which all ``literals`` hold, if one was found, and how many linear programmes that took.

    Args:
        problem: whose parameters and logarithms these are.
        literals: what must hold.
        hints: by their signs, which logarithms to let grow first.
        budget: the most linear programmes before it is given up.
        simplify: whether to look for the simplest.
    """
    search = _Tiers(problem.parameters, problem.logs, literals, hints)
    found = search.tiers(frozenset(), budget)
    if found is None:
        return None, search.spent
    if simplify:
        found = _simplest(search, found)
    base = next((t[0] for name, t in found.items() if t[0] > 0), None) or next(
        (-t[0] for t in found.values() if t[0]), Fraction(1)
    )
    return Scaling(powers={name: (t[0] / base, *t[1:]) for name, t in found.items()}), search.spent


def _simplest(search: "_Tiers", found: dict[str, Tiers]) -> dict[str, Tiers]:
    """Parameters that may stay constant do, and powers of logarithms go where they may."""
    rank = {p.name: p.still for p in table()}
    quiet = sorted(search.parameters, key=lambda name: -rank.get(name, 0))
    still: set[tuple[str, int]] = set()
    for tiers, names in ((range(DEPTH), quiet), *((range(k, DEPTH), search.parameters) for k in range(1, DEPTH))):
        for name in names:
            fixed = still | {(name, k) for k in tiers}
            if all(found[name][k] == 0 for k in tiers):
                still = fixed
            elif (simpler := search.tiers(frozenset(fixed), QUICK)) is not None:
                still, found = fixed, simpler
    return search.tiers(frozenset(still), QUICK, corner=True) or found


@dataclass
class _Tiers:
    parameters: tuple[str, ...]
    logs: tuple[Log, ...]
    literals: list[Literal]
    hints: Mapping[Log, Rational]
    spent: int = 0

    def __post_init__(self) -> None:
        self.index = {name: k for k, name in enumerate(self.parameters)}

    def tiers(self, still: frozenset[tuple[str, int]], budget: int, corner: bool = False) -> dict[str, Tiers] | None:
        """Powers of N, then of log N, then of log log N. Which logarithms grow at a tier is searched for.

        ``still`` holds the (parameter, tier) of powers that are to be 0, ``budget`` how many linear programmes may be
        solved. At each tier as many relations as can be are strict, so that they leave the later tiers alone; with
        ``corner`` as few as must be, which gives simpler powers if it gives any.
        """
        left = budget

        def solve(given: list[tuple[list[Rational], bool]]) -> tuple[list[Fraction] | None, list[Fraction] | None]:
            nonlocal left
            left, self.spent = left - 1, self.spent + 1
            return decide([r for r, _ in given], [s for _, s in given]) if left >= 0 else (None, [])

        def tier(k: int, active: list[Literal], level: dict[Log, int], values: dict[str, list[Fraction]]):
            if k == DEPTH:
                # What is left differs by the logarithms of log log N at most; their own would be told by nothing.
                def beyond(monomial: Monomial) -> Fraction:
                    return sum((p for atom, p in monomial if level.get(atom) == DEPTH), Fraction(0))

                left_over = [(beyond(x.ratio), x.strict) for x in active]
                if any(v > 0 or (strict and v == 0) for v, strict in left_over):
                    return None
                if any(beyond(log.of) > 0 for log in self.logs if log not in level):
                    return None
                return {name: tuple(v) for name, v in values.items()}

            def row(monomial: Monomial) -> list[Rational]:
                """Coefficients of the parameters at this tier, then the constant that logarithms add."""
                out: list[Rational] = [0] * (len(self.parameters) + 1)
                for atom, power in monomial:
                    if isinstance(atom, str):
                        out[self.index[atom]] += power
                    elif level.get(atom) == k:
                        out[-1] += power
                return out

            lines = [(row(x.ratio), x.strict and x.tilde) for x in active]
            base = [([0] * len(self.parameters) + [-1], True), *lines]
            for name in (name for name, at in still if at == k):
                line = [int(p == name) for p in self.parameters] + [0]
                base += [(line, False), ([-a for a in line], False)]

            def signs(rest: list[Log], extra: list, picked: dict[Log, int], point: list[Fraction] | None):
                if point is None:
                    return None
                if not rest:
                    return settle(extra, picked, point)
                log, line = rest[0], row(rest[0].of)
                opposite = [-a for a in line]
                options = {1: [(opposite, True)], 0: [(line, False), (opposite, False)], -1: [(line, True)]}
                hint = (self.hints[log] > 0) - (self.hints[log] < 0)
                here = _dot(line, point)
                for sign in sorted(options, key=lambda s: (s != hint, s != 0)):
                    more = extra + options[sign]
                    kept = point if (here > 0) - (here < 0) == sign else solve(base + more)[0]
                    done = signs(rest[1:], more, picked | {log: sign}, kept)
                    if done is not None or left < 0:
                        return done
                return None

            def settle(extra: list, picked: dict[Log, int], point: list[Fraction]):
                free = set() if corner else {i for i, (_, strict) in enumerate(lines) if not strict}
                while free:
                    given = [(line, s or i - 1 in free) for i, (line, s) in enumerate(base)]
                    inner, support = solve(given + extra)
                    if inner is not None:
                        point = inner
                        break
                    # Relations in a combination that vanishes hold with equality everywhere.
                    tight = {i - 1 for i, power in enumerate(support or []) if power and i - 1 in free}
                    if not tight:
                        return None
                    free -= tight
                at = [a / point[-1] for a in point[:-1]]
                if k == 0 and not any(at):
                    # Were anything to grow, N could be chosen as its largest growth: so nothing does.
                    nothing = {name: (Fraction(0),) * DEPTH for name in self.parameters}
                    return None if any(x.strict for x in active) else nothing
                remaining = [
                    x
                    for x, (line, _) in zip(active, lines, strict=True)
                    if _dot(line, point) == 0 and not (x.tilde and not x.strict)
                ]
                grown = level | {log: k + 1 if sign > 0 else -1 for log, sign in picked.items() if sign}
                return tier(
                    k + 1, remaining, grown, {name: [*values[name], at[i]] for i, name in enumerate(self.parameters)}
                )

            return signs([log for log in self.logs if log not in level], [], {}, solve(base)[0])

        return tier(0, self.literals, {}, {name: [] for name in self.parameters})


def _dot(a: Sequence[Fraction], b: Sequence[Fraction]) -> Fraction:
    return sum((x * y for x, y in zip(a, b, strict=True) if x), Fraction(0))
