"""Y. Kou et al., "Benign Overfitting in Two-layer ReLU Convolutional Neural Networks", ICML 2023, arXiv 2303.04145."""

from functools import lru_cache

from theory.papers import ConditionSet, Paper
from theory.papers.kou2023.claims import claims
from theory.papers.kou2023.conditions import REFERENCE, condition_4_1, condition_benign, condition_harmful
from theory.papers.kou2023.entailments import GROWS, entailments, named_sets
from theory.papers.kou2023.limit import label_limit
from theory.papers.kou2023.reading import Reading


@lru_cache(maxsize=8)
def sets(reading: Reading) -> tuple[ConditionSet, ...]:
    """Condition 4.1, alone and with a strong or a weak signal."""
    return (
        ConditionSet(name="condition-4.1", title="Condition 4.1", conditions=condition_4_1(reading)),
        ConditionSet(name="benign", title="Condition 4.1, strong signal", conditions=condition_benign(reading)),
        ConditionSet(name="harmful", title="Condition 4.1, weak signal", conditions=condition_harmful(reading)),
    )


PAPER = Paper(
    name="kou2023",
    title="Benign Overfitting in Two-layer ReLU Convolutional Neural Networks (Kou et al., ICML 2023)",
    reference=REFERENCE,
    reading=Reading,
    parameters=("n", "m", "d", "mu", "sigma_xi", "sigma_0", "eta", "tau_plus", "tau_minus"),
    sets=sets,
    claims=claims,
    entailments=entailments,
    premises=named_sets,
    limit=label_limit,
    meant=(GROWS,),
)

__all__ = ["PAPER", "Reading", "claims", "condition_4_1", "entailments", "named_sets", "sets"]
