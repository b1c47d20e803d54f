"""What this paper leaves open and how it is read, in words for the report."""

from theory.papers.meng2023 import Reading


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
            "why": "From where on signals are strong. XOR data need 16 times what one signal does: a quarter of the"
            " samples hold each of the four signals, and half of a class's neurons learn it.",
        },
        {
            "open": r"n\|\mu\|^4 \le C_2\sigma_\xi^4 d",
            "name": "harmful",
            "ours": f"C₂ = {r.harmful:g}",
            "why": "Up to where signals are weak.",
        },
    ]
