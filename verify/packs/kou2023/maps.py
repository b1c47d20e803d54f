"""What theory draws over a phase diagram of this paper, and the paper's own heat map."""

import math
from collections.abc import Mapping

import pandas as pd

from theory import evaluate
from theory.papers.kou2023 import Reading, meanfield
from theory.papers.kou2023.conditions import STRENGTH
from theory.reading import Reading as AnyReading
from verify.maps import Axis, Grid, Line, Map
from verify.packs.kou2023.limit import boundary_at


def lines(map_: Map, name: str, grid: Grid, found: pd.DataFrame) -> list[Line]:
    """Over the error on fresh noise: where the limit has it at 1/8, with the neurons that are active first, and with
    all that join."""
    if name != "error_fresh_end":
        return []

    def beyond(activity: meanfield.Activity, values: Mapping[str, float]) -> float:
        return math.log(max(evaluate(STRENGTH, values), 1e-30) / boundary_at(values, activity))

    return [
        Line(name=f"limit, $a={a.one}$", kind="predicted", heights=grid.heights(lambda v, a=a: beyond(a, v)))
        for a in (meanfield.FIRST, meanfield.LAST)
    ]


def heat_maps(reading: AnyReading, conditions: str) -> dict[str, Map]:
    """The paper's heat map of test errors in both scales in which it may have been made, for any paper of this model.

    100 x 100 cells, 10 trainings each of 100 steps of 0.1, 1,000 test samples, from weights of variance 1/(3d). The
    published code sums over the filters and averages over the two patches, F_j = (1/2) sum_r [relu + relu]: with
    weights 5 w this is our F_j = (1/10) sum_r, with sigma_0 = 5/sqrt(3d) and step 25 * 0.1. The published table fits
    the sum over the patches, F_j = sum_r [relu + relu]: weights 10 w, sigma_0 = 10/sqrt(3d), step 100 * 0.1
    (docs/maps.md).
    """

    def scaled(sigma_0: str, eta: str) -> Map:
        return Map(
            x=Axis(name="mu", low=0.0, high=9.9, count=100, paper=reading.paper),
            y=Axis(name="d", low=100, high=1090, count=100, paper=reading.paper),
            at=(("n", "20"), ("m", "10"), ("tau", "0.1"), ("sigma_0", sigma_0), ("eta", eta)),
            show=("error_fresh_end", "loss_end", "error_spurious_end"),
            seeds=10,
            reading=reading,
            conditions=conditions,
            steps=100,
            draws=1000,
        )

    return {"kou": scaled("5/sqrt(3*d)", "2.5"), "kou-sum": scaled("10/sqrt(3*d)", "10")}


def presets() -> dict[str, Map]:
    """Maps of the literature."""
    return heat_maps(Reading(), "condition-4.1")
