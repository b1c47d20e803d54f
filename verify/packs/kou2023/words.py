"""What this paper leaves open and how it is read, in words for the report."""

from theory.papers.kou2023 import Reading, meanfield
from verify.packs.kou2023 import limit


def says(reading: Reading) -> dict[str, list[dict[str, str]]]:
    """Rows of the report's tables of readings and of thresholds."""
    return {"readings": _readings(reading), "thresholds": []}


def _readings(r: Reading) -> list[dict[str, str]]:
    return [
        {
            "open": r"p \le 1/C",
            "name": "flips",
            "ours": f"τ₊, τ₋ ≤ {r.flips:g}",
            "why": "Both flip probabilities are the paper's p. At C = 2 the condition itself would allow every one.",
        },
        {
            "open": r"n\|\mu\|^4 \ge C_1\sigma_\xi^4 d",
            "name": "benign",
            "ours": f"C₁ = {r.benign:g}",
            "why": f"From where on a signal is strong. {_where()}",
        },
        {
            "open": r"n\|\mu\|^4 \le C_3\sigma_\xi^4 d",
            "name": "harmful",
            "ours": f"C₃ = {r.harmful:g}",
            "why": "Up to where a signal is weak.",
        },
    ]


def _where() -> str:
    """Where the limit has the error that the paper calls harmful."""
    ends = [limit.strength_at(0.1, 0.0, activity) for activity in (meanfield.FIRST, meanfield.LAST)]
    return f"In the limit κ → 0 the error without flips is 0.1 at {ends[0]:.2g} to {ends[1]:.2g}."
