"""How numbers, intervals and parameters are written in a text, for whatever is shown."""

import math

from theory.symbols import parameter, table
from verify.fit import Interval


def number(value: float) -> str:
    """Three digits."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if abs(value) < 1e5 and (value == int(value) or abs(value) >= 1e3):
        return f"{value:.0f}".replace("-", "−")
    digits, _, power = f"{value:.3g}".partition("e")
    if not power:
        return digits.replace("-", "−")
    raised = "10" + str(int(power)).translate(_RAISED)
    return raised if digits == "1" else f"{digits}·{raised}".replace("-", "−")


_RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def signed(value: float, digits: int | None = None) -> str:
    text = f"{value:+g}" if digits is None else f"{value:+.{digits}f}"
    if not float(text):
        return text.lstrip("+-") if digits else "0"
    return text.replace("-", "−")


def interval(held: Interval, sign: bool = False) -> str:
    if sign:
        return f"{signed(held.value, 2)} [{signed(held.low, 2)}, {signed(held.high, 2)}]"
    return f"{number(held.value)} [{number(held.low)}, {number(held.high)}]"


MU = parameter("mu").latex
_OTHERS = {
    "tau": r"\tau", "kappa": r"\kappa", "gamma": r"\gamma", "rho": r"\rho", "alpha": r"\alpha", "beta": r"\beta",
    "sigma": r"\sigma", "Theta": r"\Theta", "tau_+": r"\tau_+", "tau_-": r"\tau_-", "T_1": "T_1", "S_f": "S_f",
    "S_t": "S_t", "L_S": "L_S",
}  # fmt: skip


def latex() -> dict[str, str]:
    """LaTeX of the parameters and kappa. Asked for each time: papers and theorems declare symbols of their own."""
    return {p.name: p.latex for p in table()} | {"kappa": _OTHERS["kappa"]}


def names() -> dict[str, str]:
    """LaTeX of what stands in sentences and tables, asked for each time likewise."""
    return latex() | _OTHERS


def symbol(name: str) -> str:
    """A parameter as text: ``σ_ξ``."""
    from verify.formulas import plain  # workers, which show nothing, do without

    known = names()
    return plain(known[name]) if name in known else name


def notation(name: str) -> str:
    """A parameter as a piece of a text in which $...$ is LaTeX."""
    known = names()
    return f"${known[name]}$" if name in known else name
