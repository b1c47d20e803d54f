"""Heat maps of test errors after the paper's, for SGD and for SAM."""

from theory.papers.chen2023 import Reading
from verify.maps import Axis, Map


def presets() -> dict[str, Map]:
    """Signal against dimension, n = 20, as is recalled; all else is ours: three patches, batches of 5, no flips, to a
    loss of 0.25, and for SAM three times the radius that switches memorizing neurons off at the start."""

    def of_radius(weight: str) -> Map:
        return Map(
            x=Axis(name="mu", low=1, high=8, count=8, paper="chen2023"),
            y=Axis(name="d", low=500, high=4000, count=6, paper="chen2023"),
            at=(("weight", weight),),
            show=("error_fresh_end", "memory_share_end"),
            seeds=4,
            reading=Reading(),
            epsilon=0.25,
            draws=1000,
        )

    return {"sgd": of_radius("0"), "sam": of_radius("3")}
