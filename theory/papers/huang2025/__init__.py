"""W. Huang et al., on label-noise gradient descent at a low signal-to-noise ratio, 2025, arXiv 2510.17526."""

from functools import lru_cache

from theory.papers import ConditionSet, Paper
from theory.papers.huang2025.claims import claims
from theory.papers.huang2025.conditions import REFERENCE, assumption, gradient_descent
from theory.papers.huang2025.entailments import GROWS, entailments, named_sets
from theory.papers.huang2025.reading import Reading


@lru_cache(maxsize=8)
def sets(reading: Reading) -> tuple[ConditionSet, ...]:
    """Assumption 3.1, and the same for gradient descent."""
    return (
        ConditionSet(name="assumption-3.1", title="Assumption 3.1", conditions=assumption(reading)),
        ConditionSet(name="descent", title="Assumption 3.1, no flips", conditions=gradient_descent(reading)),
    )


PAPER = Paper(
    name="huang2025",
    title="Label-noise gradient descent at a low signal-to-noise ratio (Huang et al., 2025)",
    reference=REFERENCE,
    reading=Reading,
    parameters=("n", "m", "d", "mu", "sigma_xi", "sigma_0", "eta", "tau_plus", "tau_minus"),
    sets=sets,
    claims=claims,
    entailments=entailments,
    premises=named_sets,
    meant=(GROWS,),
)

__all__ = ["PAPER", "Reading", "assumption", "claims", "entailments", "gradient_descent", "named_sets", "sets"]
