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
    nothing. ``definition`` gives an abbreviation in the other symbols: it is shown by its name, and evaluated by this.
    ``still`` and ``solved`` rank parameters where orders leave a choice, the highest first: what a counter-scaling
    keeps constant if it can, and what a relation of several is written as a bound on. Nothing is true by them.
    ``weight`` is the power of c that it takes under the exact rescaling (:data:`RESCALING`). ``assumed`` is one that
    nobody has declared: whoever does replaces it.
    """

    name: str
    latex: str
    meaning: str
    domain: str
    symbol: sp.Symbol
    order: str = ""
    definition: sp.Expr | None = None
    still: int = 0
    solved: int = 0
    weight: int = 0
    assumed: bool = False


_TABLE: dict[str, Parameter] = {}

# The exact rescaling (mu, sigma_xi, sigma_0, eta) -> (c mu, c sigma_xi, sigma_0/c, eta/c^2) leaves every run unchanged
# (``han2025.proofs``): inner products of data take a factor c^2, which eta undoes, and overlaps <w, x> none. What else
# is a length of weights, or a rate, must change with them. A *weight* is the power of c, by name where it is not 0.
RESCALING: dict[str, int] = {}


def declare(
    name: str,
    latex: str,
    domain: str,
    meaning: str,
    *,
    order: str = "",
    nonnegative: bool = False,
    definition: sp.Expr | None = None,
    still: int = 0,
    solved: int = 0,
    weight: int = 0,
    assumed: bool = False,
) -> sp.Symbol:
    """The symbol of a parameter that a paper adds; the fields are those of :class:`Parameter`.

    Raises:
        ValueError: the name is taken by another declaration.
    """
    # tau may be zero (Theorem 4.4); everything else is strictly positive.
    symbol = sp.Symbol(name, nonnegative=True) if nonnegative else sp.Symbol(name, positive=True)
    held = Parameter(
        name=name, latex=latex, meaning=meaning, domain=domain, symbol=symbol, order=order, definition=definition,
        still=still, solved=solved, weight=weight, assumed=assumed,
    )  # fmt: skip
    before = _TABLE.get(name)
    if assumed and before is not None:
        return before.symbol
    if before is None or before.assumed:
        _TABLE[name] = held
    elif before != held:
        raise ValueError(f"parameter '{name}': the name is taken by '{before.meaning}'; choose another")
    if weight:
        RESCALING[name] = weight
    return symbol


# What a setting fixes.
n = declare("n", "n", "integer >= 1", "number of training samples", order=">=", solved=-1)
m = declare("m", "m", "integer >= 1", "number of neurons of each output sign", order=">=", still=3, solved=3)
d = declare("d", "d", "integer >= 1", "dimension of a patch", order=">=", solved=6)
mu = declare("mu", r"\|\boldsymbol{\mu}\|", "> 0", "length of the signal vector", still=5, solved=2, weight=1)
sigma_xi = declare(
    "sigma_xi", r"\sigma_\xi", "> 0", "standard deviation of a noise coordinate", still=6, solved=1, weight=1
)
sigma_0 = declare(
    "sigma_0", r"\sigma_0", "> 0", "standard deviation of an initial weight", still=2, solved=4, weight=-1
)
eta = declare("eta", r"\eta", "> 0", "step size of gradient descent", still=1, solved=5, weight=-2)
tau_plus = declare("tau_plus", r"\tau_+", "[0, 1/2)", "flip probability of label +1", order="~", nonnegative=True)
tau_minus = declare("tau_minus", r"\tau_-", "[0, 1/2)", "flip probability of label -1", order="~", nonnegative=True)

# What a statement adds.
epsilon = declare("epsilon", r"\varepsilon", "> 0", "target training loss")
delta = declare("delta", r"\delta", "(0, 1)", "allowed failure probability", order="~")
horizon = declare("horizon", "c_T", "> 0", "the factor that T* = Theta~(...) hides", order="~")
T_star = declare(
    "T_star",
    r"T^*",
    ">= e",
    "largest iteration considered, horizon n m/(eta epsilon sigma_xi^2 d); at least e, so that log T* is at least 1",
    order=">=",
    definition=sp.Max(sp.E, horizon * n * m / (eta * epsilon * sigma_xi**2 * d)),
    still=4,
)
t = declare("t", "t", ">= 0", "iteration")
C = declare("C", "C", "> 0", "the paper's 'large enough' constant", order="~")

# Abbreviations of the paper, expanded at once so that no formula hides a parameter.
SNR = mu / (sigma_xi * sp.sqrt(d))
kappa = n * SNR**2
ABBREVIATIONS = {"kappa": kappa, "SNR": SNR}  # by the name that is typed


def hidden(name: str, latex: str, meaning: str) -> sp.Symbol:
    """The symbol of a positive constant that a theorem says to exist without naming it; declared where it is new.

    Raises:
        ValueError: the name belongs to a symbol that is no such constant.
    """
    if name not in _TABLE:
        return declare(name, latex, HIDDEN, meaning, order="~")
    if _TABLE[name].domain != HIDDEN:
        raise ValueError(f"hidden constant '{name}': the name is taken by '{_TABLE[name].meaning}'; choose another")
    return _TABLE[name].symbol


def is_hidden(symbol: sp.Symbol) -> bool:
    return symbol.name in _TABLE and _TABLE[symbol.name].domain == HIDDEN


HIDDEN = "> 0, hidden"


def table() -> tuple[Parameter, ...]:
    """All declared symbols, in the order of declaration."""
    return tuple(_TABLE.values())


def expanded(expression: sp.Basic) -> sp.Basic:
    """``expression`` with every abbreviation written out: it then speaks of nothing but what has values of its own."""
    given = {p.symbol: p.definition for p in _TABLE.values() if p.definition is not None}
    return expression.xreplace(given)


def lookup(name: str) -> sp.Symbol:
    """The symbol called ``name``.

    Raises:
        ValueError: no such symbol; the message names the nearest one.
    """
    return parameter(name).symbol


def parameter(name: str) -> Parameter:
    """What is declared of a symbol.

    Raises:
        ValueError: no such symbol; the message names the nearest one.
    """
    if name in _TABLE:
        return _TABLE[name]
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
