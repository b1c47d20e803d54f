"""X. Meng et al., "Benign Overfitting in Two-Layer ReLU CNNs for XOR Data", arXiv 2310.01975."""

from functools import lru_cache

from theory.papers import ConditionSet, Paper
from theory.papers.meng2023.claims import claims
from theory.papers.meng2023.conditions import (
    REFERENCE,
    condition_angle,
    condition_benign,
    condition_harmful,
    condition_orthogonal,
)
from theory.papers.meng2023.entailments import GROWS, entailments, named_sets
from theory.papers.meng2023.reading import Reading


@lru_cache(maxsize=8)
def sets(reading: Reading) -> tuple[ConditionSet, ...]:
    """The conditions for orthogonal signals, alone and with strong or weak ones, and for signals at an angle."""
    return (
        ConditionSet(name="orthogonal", title="Orthogonal signals", conditions=condition_orthogonal(reading)),
        ConditionSet(name="benign", title="Orthogonal, strong signals", conditions=condition_benign(reading)),
        ConditionSet(name="harmful", title="Orthogonal, weak signals", conditions=condition_harmful(reading)),
        ConditionSet(name="angle", title="Signals at an angle", conditions=condition_angle(reading)),
    )


PAPER = Paper(
    name="meng2023",
    title="Benign Overfitting in Two-Layer ReLU CNNs for XOR Data (Meng et al. 2023)",
    reference=REFERENCE,
    reading=Reading,
    parameters=("n", "m", "d", "mu", "sigma_xi", "sigma_0", "eta", "tau_plus", "tau_minus", "cosine"),
    sets=sets,
    claims=claims,
    entailments=entailments,
    premises=named_sets,
    meant=(GROWS,),
)

__all__ = ["PAPER", "Reading", "claims", "condition_angle", "condition_orthogonal", "entailments", "named_sets", "sets"]
