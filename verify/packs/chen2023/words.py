"""What this paper leaves open and how it is read, in words for the report."""

from theory.papers.chen2023 import Reading


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
            "open": r"\|\mu\| \ge C_1 d^{1/4}n^{-1/4}P\sigma_\xi",
            "name": "benign",
            "ours": f"C₁⁴ = {r.benign:g}",
            "why": "From where on a signal is strong enough for SGD. In the limit of the dynamics P − 1 stands"
            " for P, and"
            " the error is 0.1 at 0.4 to 3.2 of its fourth power.",
        },
        {
            "open": r"\|\mu\| \le C_3 d^{1/4}n^{-1/4}P\sigma_\xi",
            "name": "harmful",
            "ours": f"C₃⁴ = {r.harmful:g}",
            "why": "Up to where it is too weak. Two patches count (P/(P−1))⁴ = 16 times as much.",
        },
        {
            "open": r"\|\mu\| \ge \tilde\Omega(1)",
            "name": "long",
            "ours": f"‖μ‖ ≥ {r.long:g} Pσ",
            "why": "SAM's signal. Where noise has a component along the signal, P − 1 copies of it hide a shorter one.",
        },
        {
            "open": r"\sigma_0 = \tilde\Theta(P^{-1}\sigma_\xi^{-1}d^{-1/2})",
            "name": "start_low, start_high",
            "ours": f"{r.start_low:g} ≤ σ₀Pσ√d ≤ {r.start_high:g}",
            "why": "SAM's initial weights: pre-activations on noise are a part of 1/P.",
        },
        {
            "open": r"\tau = \Theta(m\sqrt B/(P\sigma_\xi\sqrt d))",
            "name": "radius_low, radius_high",
            "ours": f"{r.radius_low:g} ≤ τPσ√d/(m√B) ≤ {r.radius_high:g}",
            "why": "SAM's radius. Any from about 3σ₀√(mB) on does as well.",
        },
    ]
