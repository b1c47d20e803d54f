"""What was decided about a limit, as a file: exact numbers only, written for :mod:`theory.limit.check`."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

from theory.limit.check import FORMAT
from theory.limit.cover import Decided, Tree, Verdict
from theory.limit.fences import UNIT, Fences


def certificate(held: Decided) -> dict[str, Any]:
    """A proof or a refutation, ready for JSON.

    Raises:
        ValueError: it is undecided, and there is nothing to show.
    """
    if held.verdict == Verdict.UNDECIDED:
        raise ValueError(f"'{held.statement.text}' is undecided: there is nothing to write")
    found: dict[str, Any] = {
        "format": FORMAT,
        "system": held.system.name,
        "statement": held.statement.text,
        "region": _box(held.region),
        "verdict": str(held.verdict),
    }
    if held.witness is not None:
        witness = {
            "point": {name: str(x) for name, x in held.witness.point.items()},
            "inequality": held.witness.inequality,
            "node": held.witness.node,
        }
        return {**found, "witness": {**witness, **_fences(held.witness.fences)}}
    assert held.tree is not None and held.box is not None
    return {**found, "box": _box(held.box), "tree": _tree(held.tree)}


def _box(box: Mapping[str, tuple[Fraction, Fraction]]) -> dict[str, list[str]]:
    return {name: [str(low), str(high)] for name, (low, high) in box.items()}


def _tree(tree: Tree) -> dict[str, Any]:
    if tree.cut is not None:
        name, at = tree.cut
        return {"cut": [name, str(at)], "halves": [_tree(half) for half in tree.halves]}
    if tree.outside:
        return {"outside": tree.outside}
    assert tree.fences is not None
    return _fences(tree.fences)


def _fences(held: Fences) -> dict[str, Any]:
    sides = {
        which: [[b - a for a, b in pairwise(nodes)] for nodes in side]
        for which, side in (("lower", held.lower), ("upper", held.upper))
    }
    return {"per": UNIT.denominator, "times": _runs(held.times), **sides}


def _runs(times: Sequence[Fraction]) -> list[list[Any]]:
    """Nodes as runs of equal pieces: where each ends, and how many there are."""
    runs: list[list[Any]] = []
    length = None
    for a, b in pairwise(times):
        if b - a == length:
            runs[-1] = [b, runs[-1][1] + 1]
        else:
            runs.append([b, 1])
            length = b - a
    return [[str(end), pieces] for end, pieces in runs]
