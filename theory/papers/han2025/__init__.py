"""A. Han et al., "On the Role of Label Noise in the Feature Learning Process", ICML 2025, arXiv 2505.18909."""

from functools import lru_cache

from theory.papers import ConditionSet, Paper
from theory.papers.han2025.claims import claims
from theory.papers.han2025.conditions import (
    REFERENCE,
    condition_4_1,
    condition_activation,
    condition_clean,
    condition_low_snr,
    condition_threshold,
)
from theory.papers.han2025.entailments import GROWS, entailments, named_sets
from theory.papers.han2025.limit import label_limit
from theory.papers.han2025.reading import Reading
from theory.papers.han2025.relatives import condition_huang, condition_kou
from theory.papers.han2025.theorems import theorems


@lru_cache(maxsize=8)  # as claims are: every claim of a file is held against them
def sets(reading: Reading) -> tuple[ConditionSet, ...]:
    """Its own sets of conditions, and those of the papers that it builds on."""
    return (
        ConditionSet(name="condition-4.1", title="Condition 4.1", conditions=condition_4_1(reading)),
        ConditionSet(name="theorem-4.4", title="Theorem 4.4", conditions=condition_clean(reading)),
        ConditionSet(name="kou", title="Kou et al. 2023", conditions=condition_kou(), own=False),
        ConditionSet(name="huang", title="Huang et al. 2024", conditions=condition_huang(), own=False),
    )


PAPER = Paper(
    name="han2025",
    title="On the Role of Label Noise in the Feature Learning Process (Han et al., ICML 2025)",
    reference=REFERENCE,
    reading=Reading,
    parameters=("n", "m", "d", "mu", "sigma_xi", "sigma_0", "eta", "tau_plus", "tau_minus"),
    sets=sets,
    claims=claims,
    theorems=theorems,
    entailments=entailments,
    premises=named_sets,
    limit=label_limit,
    meant=(GROWS,),
)

__all__ = [
    "PAPER",
    "Reading",
    "claims",
    "condition_4_1",
    "condition_activation",
    "condition_clean",
    "condition_huang",
    "condition_kou",
    "condition_low_snr",
    "condition_threshold",
    "entailments",
    "named_sets",
    "sets",
    "theorems",
]
