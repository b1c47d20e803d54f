"""How long the stages last in the limit kappa -> 0, in rescaled time."""

from theory.papers.kou2023 import meanfield
from verify.packs.kou2023.limit import time_at_loss

# Mean own rho are at a 25th of order one after about s = 0.02. They are of order one at s = 0.5; gamma, which the
# moment T1 of other papers asks for too, is not of order one before the time exp(1/kappa), and its runs are given up.
LENGTHS = {"early": 0.1, "T1": 1.5, "window": 1.6}
LATE = 1.1  # over the limit: at few neurons the mean of 1/a_i exceeds 1/a, before any neuron joins


def lasts(stage: str, epsilon: float) -> float | None:
    """Rescaled time within which a run of a stage ends; None where it takes no steps. At a loss of epsilon the limit
    has it in closed form, latest where no neuron joins."""
    return LATE * time_at_loss(min(epsilon, 0.69), meanfield.FIRST) if stage == "end" else LENGTHS.get(stage)
