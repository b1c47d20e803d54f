"""Every symbol of the paper, once: its name, domain and meaning.

SymPy identifies a symbol by its name *and* its assumptions, so ``Symbol("n") != Symbol("n", positive=True)``
and a substitution by a look-alike silently does nothing. Hence this one table; look symbols up by name with
:func:`lookup`, and check foreign expressions with :func:`refuse_foreign`.
"""

from dataclasses import dataclass
from difflib import get_close_matches

import sympy as sp


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One symbol of the paper. All are dimensionless reals; ``positive`` ones are > 0.

    ``order`` is what its meaning says of its order of magnitude: ">=" (it is at least 1), "~" (it is Theta(1)), or
    nothing.
    """

    name: str
    latex: str
    meaning: str
    domain: str
    symbol: sp.Symbol
    order: str = ""


_TABLE: dict[str, Parameter] = {}


def _declare(
    name: str, latex: str, domain: str, meaning: str, *, order: str = "", nonnegative: bool = False
) -> sp.Symbol:
    # tau may be zero (Theorem 4.4); everything else is strictly positive.
    symbol = sp.Symbol(name, nonnegative=True) if nonnegative else sp.Symbol(name, positive=True)
    _TABLE[name] = Parameter(name=name, latex=latex, meaning=meaning, domain=domain, symbol=symbol, order=order)
    return symbol


# What a setting fixes.
n = _declare("n", "n", "integer >= 1", "number of training samples", order=">=")
m = _declare("m", "m", "integer >= 1", "number of neurons of each output sign", order=">=")
d = _declare("d", "d", "integer >= 1", "dimension of a patch", order=">=")
mu = _declare("mu", r"\|\boldsymbol{\mu}\|", "> 0", "length of the signal vector")
sigma_xi = _declare("sigma_xi", r"\sigma_\xi", "> 0", "standard deviation of a noise coordinate")
sigma_0 = _declare("sigma_0", r"\sigma_0", "> 0", "standard deviation of an initial weight")
eta = _declare("eta", r"\eta", "> 0", "step size of gradient descent")
tau_plus = _declare("tau_plus", r"\tau_+", "[0, 1/2)", "flip probability of label +1", order="~", nonnegative=True)
tau_minus = _declare("tau_minus", r"\tau_-", "[0, 1/2)", "flip probability of label -1", order="~", nonnegative=True)

# What a statement adds.
epsilon = _declare("epsilon", r"\varepsilon", "> 0", "target training loss")
delta = _declare("delta", r"\delta", "(0, 1)", "allowed failure probability", order="~")
T_star = _declare("T_star", r"T^*", ">= 1", "largest iteration considered", order=">=")
t = _declare("t", "t", ">= 0", "iteration")
C = _declare("C", "C", "> 0", "the paper's 'large enough' constant", order="~")

# Abbreviations of the paper, expanded at once so that no formula hides a parameter.
SNR = mu / (sigma_xi * sp.sqrt(d))
kappa = n * SNR**2

SETTING = ("n", "m", "d", "mu", "sigma_xi", "sigma_0", "eta", "tau_plus", "tau_minus")


def table() -> tuple[Parameter, ...]:
    """All declared symbols, in the order of declaration."""
    return tuple(_TABLE.values())


def lookup(name: str) -> sp.Symbol:
    """The symbol called ``name``.

    Raises:
        ValueError: no such symbol; the message names the nearest one.
    """
    if name in _TABLE:
        return _TABLE[name].symbol
    near = get_close_matches(name, _TABLE, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(_TABLE)}"
    raise ValueError(f"unknown symbol '{name}': {hint}")


def refuse_foreign(expression: sp.Basic, where: str) -> None:
    """Raise ``ValueError`` if ``expression`` holds a symbol that is not in the table, even a look-alike."""
    for symbol in sorted(expression.free_symbols, key=str):
        if lookup(symbol.name) != symbol:
            raise ValueError(
                f"{where}: '{symbol.name}' is a look-alike with other assumptions; import it from theory instead"
            )
