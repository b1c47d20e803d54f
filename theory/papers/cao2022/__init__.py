"""Y. Cao et al., "Benign Overfitting in Two-layer Convolutional Neural Networks", NeurIPS 2022, arXiv 2202.06526."""

from functools import lru_cache

from theory.papers import ConditionSet, Paper
from theory.papers.cao2022.claims import claims
from theory.papers.cao2022.conditions import POWERS, REFERENCE, condition_4_2
from theory.papers.cao2022.entailments import GROWS, entailments, named_sets
from theory.papers.cao2022.reading import Reading


@lru_cache(maxsize=8)
def sets(reading: Reading) -> tuple[ConditionSet, ...]:
    """Condition 4.2 for each power that is put to the test."""
    return tuple(
        ConditionSet(
            name=f"condition-4.2-q{power}", title=f"Condition 4.2, q = {power}", conditions=condition_4_2(power)
        )
        for power in POWERS
    )


PAPER = Paper(
    name="cao2022",
    title="Benign Overfitting in Two-layer Convolutional Neural Networks (Cao et al., NeurIPS 2022)",
    reference=REFERENCE,
    reading=Reading,
    parameters=("n", "m", "d", "mu", "sigma_xi", "sigma_0", "eta", "tau_plus", "tau_minus", "q"),
    sets=sets,
    claims=claims,
    entailments=entailments,
    premises=named_sets,
    meant=(GROWS,),
)

__all__ = ["PAPER", "Reading", "claims", "entailments", "named_sets", "sets"]
