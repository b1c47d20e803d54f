"""Z. Chen et al., "Why Does Sharpness-Aware Minimization Generalize Better Than SGD?", NeurIPS 2023, 2310.07269."""

from functools import lru_cache

from theory.papers import ConditionSet, Paper
from theory.papers.chen2023.claims import claims
from theory.papers.chen2023.conditions import (
    REFERENCE,
    condition_benign,
    condition_harmful,
    condition_sam,
    condition_sgd,
)
from theory.papers.chen2023.entailments import GROWS, entailments, named_sets
from theory.papers.chen2023.reading import Reading


@lru_cache(maxsize=8)
def sets(reading: Reading) -> tuple[ConditionSet, ...]:
    """What is asked of SGD, alone and with a strong or a weak signal, and what is asked of SAM."""
    return (
        ConditionSet(name="sgd", title="Condition of SGD", conditions=condition_sgd(reading)),
        ConditionSet(name="benign", title="SGD, strong signal", conditions=condition_benign(reading)),
        ConditionSet(name="harmful", title="SGD, weak signal", conditions=condition_harmful(reading)),
        ConditionSet(name="sam", title="SAM, weak signal", conditions=condition_sam(reading)),
    )


PAPER = Paper(
    name="chen2023",
    title="Why Does Sharpness-Aware Minimization Generalize Better Than SGD? (Chen et al., NeurIPS 2023)",
    reference=REFERENCE,
    reading=Reading,
    parameters=(
        "n", "m", "d", "mu", "sigma_xi", "sigma_0", "eta", "tau_plus", "tau_minus", "copies", "batch", "radius",
    ),
    sets=sets,
    claims=claims,
    entailments=entailments,
    premises=named_sets,
    meant=(GROWS,),
)  # fmt: skip

__all__ = ["PAPER", "Reading", "claims", "condition_sam", "condition_sgd", "entailments", "named_sets", "sets"]
