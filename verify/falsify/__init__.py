"""The hunt for violations: settings inside the conditions at which a claim fails more often than delta allows. What a
hunt may search is in ``scope``, what counts as a failure in ``trials``, the steered search in ``search``, fresh seeds
and the witnesses they leave in ``hunting``; ``witness`` has the runs of a figure. docs/falsify.md.
"""

from verify.falsify.hunting import (
    FOLDER,
    LEVEL,
    MOST,
    Finding,
    Hunt,
    Tested,
    hunt,
    hunts,
)
from verify.falsify.scope import (
    again_at,
    changed,
    falsifiable,
    limits,
    parties,
    reach,
    require_falsifiable,
    rescales,
)
from verify.falsify.search import aside
from verify.falsify.short import BESIDE, beside
from verify.falsify.trials import cost_at, failures
from verify.falsify.witness import Curves, Followed, follow

__all__ = [
    "BESIDE",
    "FOLDER",
    "LEVEL",
    "MOST",
    "Curves",
    "Finding",
    "Followed",
    "Hunt",
    "Tested",
    "again_at",
    "aside",
    "beside",
    "changed",
    "cost_at",
    "failures",
    "falsifiable",
    "follow",
    "hunt",
    "hunts",
    "limits",
    "parties",
    "reach",
    "require_falsifiable",
    "rescales",
]
