"""The paper's heat maps of test errors."""

from theory.papers.huang2025 import Reading
from verify.maps import Axis, Map


def presets() -> dict[str, Map]:
    """SNR against n, 1,000 steps of 1, for label-noise descent and without flips. The rest is that of the paper's first
    figure, but for the weight scale, which is not known; counts of cells and seeds are ours."""

    def flipped(tau: str) -> Map:
        return Map(
            x=Axis(name="snr", low=0.03, high=0.1, count=8, paper="huang2025"),
            y=Axis(name="n", low=100, high=700, count=7, paper="huang2025"),
            at=(("tau_plus", tau), ("eta", "1")),
            show=("error_fresh_final", "loss_final"),
            seeds=4,
            reading=Reading(),
            steps=1000,
            draws=1000,
        )

    return {"label-noise": flipped("0.1"), "descent": flipped("0")}
