"""A theorem of one's own: which of its numbers are hidden constants is for its author to say.

Check it with ``thetacheck check docs/examples/own_theorem.py``; how it is judged: docs/theorems.md.
"""

from theory.papers.han2025 import Reading, condition_4_1
from theory.papers.han2025.conditions import STAGE_ONE_TIME
from theory.statements import Hidden, Part, Theorem, Within

level = Hidden(name="level", latex="c", ladder=(0.5, 0.25, 0.1), says="what every coefficient reaches")

THEOREMS = (
    Theorem(
        name="fitted-and-grown",
        source="my note, Theorem 2",
        says="Some time before rescaled time 0.8 all coefficients have grown and all clean samples are fitted.",
        needs=condition_4_1(Reading()),
        hidden=(Hidden(name="C", latex="C", ladder=(2.0, 2.8, 4.0), says="of Condition 4.1"), level),
        window=(0.2 * STAGE_ONE_TIME, 0.8 * STAGE_ONE_TIME),
        parts=(
            Part(name="order-one", series="coefficient_min", law=Within(low=level.symbol), frame=True),
            Part(name="all-clean-fitted", series="margin_clean_min", law=Within(low=0)),
        ),
    ),
)
