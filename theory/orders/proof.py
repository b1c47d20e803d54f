"""Proofs by refutation, as values: rows, the cases that they are split into, and products of rows that are 1 << 1."""

from dataclasses import dataclass
from fractions import Fraction

from theory.orders.lattice import Literal, Monomial

CONTRARY = "the contrary"  # why a row holds that negates the goal


@dataclass(frozen=True)
class Row:
    """A literal at hand in a branch, and why.

    ``every`` = (A, B) marks "A lies below every power of B": the literal takes one power, and any above 0 is as true.
    """

    literal: Literal
    why: str
    every: "tuple[Monomial, Monomial] | None" = None


@dataclass(frozen=True)
class Split:
    """Cases of which one holds along a subsequence. ``cites`` names the premise, if it is no rule of logarithms.

    ``grows`` is the monomial of which the cases are "tends to infinity" and "is bounded".
    """

    labels: tuple[str, ...]
    alternatives: tuple[tuple[Row, ...], ...]
    cites: str = ""
    grows: Monomial | None = None


@dataclass(frozen=True)
class Leaf:
    """Powers of rows whose product is 1, one of them strict: 1 << 1."""

    steps: tuple[tuple[Row, Fraction], ...]


@dataclass(frozen=True)
class Cases:
    split: Split
    branches: "tuple[Leaf | Cases, ...]"


Proof = Leaf | Cases


def cited(proof: Proof) -> set[str]:
    if isinstance(proof, Leaf):
        return {row.why for row, _ in proof.steps}
    return {proof.split.cites}.union(*(cited(branch) for branch in proof.branches))
