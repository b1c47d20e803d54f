"""How each kind of law is judged, worded, drawn, refused and put to the test: one module a law, one entry here."""

from collections.abc import Mapping

from theory import AtLeast, AtMost, Boundary, Crossing, Exactly, Theta, Within
from theory.laws import Law
from verify.laws import boundary, crossing, exactly, most_least, theta, within
from verify.laws.kind import LawKind

LAWS: dict[type[Law], LawKind] = {
    Theta: theta.KIND,
    Within: within.KIND,
    AtMost: most_least.AT_MOST,
    AtLeast: most_least.AT_LEAST,
    Exactly: exactly.KIND,
    Crossing: crossing.KIND,
    Boundary: boundary.KIND,
}


def kind_of(law: Law) -> LawKind:
    """What is known of the kind of a law.

    Raises:
        ValueError: nothing is.
    """
    if type(law) not in LAWS:
        known = ", ".join(kind.__name__ for kind in LAWS)
        raise ValueError(f"law {law!r} is of a kind that nothing here judges; use one of {known}")
    return LAWS[type(law)]


def check_law(law: Law, values: Mapping[str, float]) -> None:
    """Raise ``ValueError`` where a law has no meaning at ``values`` (symbol name -> number)."""
    kind_of(law).check(law, values)
