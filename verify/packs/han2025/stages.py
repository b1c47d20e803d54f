"""How long the stages last, in rescaled time: typical values, and the mean field's for Stage II."""

from numerics import Setting
from verify.predicted import convergence_time

# Rescaled times s in which a run of a stage is expected to end. In the mean field (kappa 2.5 to 16, tau 0 to 1/4) T_1
# comes at 0.56 to 1.1, 0.65 in the median, and the early moment near 0.02. A theorem's window reaches a little beyond
# T_1: its 1.6 was chosen, not tuned.
LENGTHS = {"early": 0.1, "T1": 1.5, "window": 1.6}
# The same to a loss of epsilon, times epsilon, where kappa and tau are not known yet: the mean field takes 0.1 to 1.7.
TO_THE_END = 2.5


def lasts(stage: str, epsilon: float) -> float | None:
    """Rescaled time that a run of a stage needs at any kappa and tau; None where it takes no steps."""
    return TO_THE_END / epsilon if stage == "end" else LENGTHS.get(stage)


def rescaled_time_at(kappa: float, tau_plus: float, tau_minus: float, epsilon: float, stage: str) -> float:
    """Rescaled time s that a run of a stage is expected to need."""
    if stage == "end":
        return convergence_time(kappa, tau_plus, tau_minus, epsilon)
    return {"exact": 0.0, "start": 0.0, **LENGTHS}[stage]


def rescaled_time(setting: Setting, epsilon: float, stage: str) -> float:
    """The same of a setting."""
    return rescaled_time_at(setting.kappa, setting.tau_plus, setting.tau_minus, epsilon, stage)
