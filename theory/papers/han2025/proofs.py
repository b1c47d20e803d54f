"""Symbolic proofs, at small sizes and for every activation pattern, of the exact statements D1, D3 and D4.

Source: derived here. A proof differentiates the loss, or runs one step, with symbolic weights and data, and brings
what must vanish into a normal form. relu is piecewise linear: where neuron (j, r) is active on a patch x it is <w, x>,
elsewhere 0 (also at the kink: relu'(0) = 0), that is a * <w, x> with an indicator a. The indicators stay symbols that
obey a^2 = a: a polynomial in them vanishes at all 0/1 values exactly if its multilinear normal form is zero, so one
reduction covers every pattern, even those that no data realise. The loss derivatives g_i are free symbols as well,
tied to the loss by their definition alone.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product

import sympy as sp

from theory import symbols
from theory.symbols import eta

PROOF_SIZES = ((1, 1, 1), (2, 1, 2), (1, 2, 2), (2, 2, 2))
"""The (n, m, d) at which :func:`all_proofs` proves everything."""

RESCALING = {name: symbols.RESCALING[name] for name in ("mu", "sigma_xi", "sigma_0", "eta")}


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What was shown, and how much of it.

    Attributes:
        name: short and unique.
        statement: in words.
        sizes: (n, m, d); d is None where only squared lengths enter, so that every d is covered.
        cases: how many combinations of labels, activation pattern and chosen neurons were covered until the end,
            or until the first failure.
        residual: exactly 0 if proved; else the first expression that does not vanish, in normal form.
        failure: the case that ``residual`` belongs to; empty if proved.
    """

    name: str
    statement: str
    sizes: tuple[int, int, int | None]
    cases: int
    residual: sp.Expr
    failure: str

    @property
    def holds(self) -> bool:
        return self.residual == 0


@dataclass(frozen=True, kw_only=True)
class Step:
    """What one step of the coefficient recursion reads. Indices: j in (+1, -1), r in range(m), i in range(n).

    Attributes:
        n, m: numbers of samples, and of neurons per sign.
        eta: step size.
        mu_squared, xi_squared: squared lengths of the signal and of the n noise patches.
        y, y_noisy: the n true and the n observed labels, +1 or -1.
        g: the n negative loss derivatives g_i = 1/(1 + exp(y~_i f_i)).
        signal_active, noise_active: [j, r, i] -> 1 if <w_{j,r}, y_i mu> > 0, or <w_{j,r}, xi_i> > 0, else 0.
    """

    n: int
    m: int
    eta: sp.Expr
    mu_squared: sp.Expr
    xi_squared: tuple[sp.Expr, ...]
    y: tuple[int, ...]
    y_noisy: tuple[int, ...]
    g: tuple[sp.Expr, ...]
    signal_active: dict[tuple[int, int, int], sp.Expr]
    noise_active: dict[tuple[int, int, int], sp.Expr]


Increments = tuple[dict[tuple[int, int], sp.Expr], dict[tuple[int, int, int], sp.Expr]]
Recursion = Callable[[Step], Increments]
Premise = Callable[[Step, int, int, tuple[int, ...]], Mapping[sp.Expr, int]]
# Cases covered, and what must vanish in them.
Check = tuple[int, dict[str, sp.Expr]]
Vector = tuple[sp.Expr, ...]


def exact_recursion(step: Step) -> Increments:
    """D1: the increments of gamma, keyed [j, r], and of rho, keyed [j, r, i], in one step of gradient descent."""
    rate = step.eta / (step.n * step.m)
    signal = {
        (j, r): rate
        * step.mu_squared
        * sum(step.y[i] * step.y_noisy[i] * g * step.signal_active[j, r, i] for i, g in enumerate(step.g))
        for j, r in _neurons(step.m)
    }
    noise = {
        (j, r, i): rate * step.xi_squared[i] * j * step.y_noisy[i] * step.g[i] * active
        for (j, r, i), active in step.noise_active.items()
    }
    return signal, noise


def signal_aligned(step: Step, j: int, r: int, chosen: tuple[int, ...]) -> dict[sp.Expr, int]:
    """The premise of D3, as values of indicators; those not named stay free.

    Neuron (j, r) sees the signal of the samples with y_i = j alone; neuron (y~_i, chosen[i]) is active on xi_i.
    """
    signal = {step.signal_active[j, r, i]: int(y == j) for i, y in enumerate(step.y)}
    noise = {step.noise_active[y, chosen[i], i]: 1 for i, y in enumerate(step.y_noisy)}
    return signal | noise


def prove_recursion(n: int, m: int, d: int, *, recursion: Recursion = exact_recursion) -> Proof:
    """D1: a step of gradient descent on L_S adds j dgamma mu/|mu|^2 + sum_i drho_i xi_i/|xi_i|^2 to every w_{j,r}.

    For symbolic weights, mu and xi_i in R^d and all 4^n labels. By induction from gamma = rho = 0 the decomposition
    of the weights holds at every t.

    Args:
        n, m, d: sizes, all >= 1; the work grows like 4^n n m d.
        recursion: what is put to the proof in place of D1.
    """

    def checks() -> Iterator[Check]:
        mu, xi, weights = _vectors(n, m, d)
        for step in _steps(n, m):
            signal, noise = recursion(step)
            residuals = {}
            for j, r in weights:
                gradient = _gradient(step, mu, xi, weights, (j, r))
                for k in range(d):
                    claimed = j * signal[j, r] * mu[k] / step.mu_squared
                    claimed += sum(noise[j, r, i] * xi[i][k] / step.xi_squared[i] for i in range(n))
                    residuals[f"component {k} of w[{j},{r}] at {_labels(step)}"] = -step.eta * gradient[k] - claimed
            yield _patterns(step), residuals

    return _prove(
        "recursion",
        "One step of gradient descent on the loss moves the coefficients by the recursion D1.",
        (n, m, d),
        checks(),
    )


def prove_conservation(
    n: int, m: int, *, recursion: Recursion = exact_recursion, premise: Premise = signal_aligned
) -> Proof:
    """D3: dgamma_{j,r} = sum over y_i = j of y_i y~_i (|mu|^2/|xi_i|^2) drho_{y~_i, r_i, i} under the premise.

    One step; by summation the same holds over any window in which the premise does. For all 4^n labels, all (j, r),
    all choices of (r_i), and arbitrary loss derivatives. rho_{y~_i, r, i} starts at 0 and never falls, so it is its
    own positive part. Only squared lengths enter, hence every d is covered.

    Args:
        n, m: sizes, both >= 1.
        recursion: what is put to the proof in place of D1.
        premise: what is assumed in place of :func:`signal_aligned`.
    """

    def checks() -> Iterator[Check]:
        for step in _steps(n, m):
            signal, noise = recursion(step)
            for (j, r), chosen in product(_neurons(m), product(range(m), repeat=n)):
                fixed = premise(step, j, r, chosen)
                gains = sum(
                    step.y[i] * y * step.mu_squared / step.xi_squared[i] * noise[y, chosen[i], i]
                    for i, y in enumerate(step.y_noisy)
                    if step.y[i] == j
                )
                where = f"gamma[{j},{r}] against neurons {chosen} at {_labels(step)}"
                yield _patterns(step) // 2 ** len(fixed), {where: (signal[j, r] - gains).subs(fixed)}

    return _prove(
        "conservation",
        "What an aligned neuron gains in signal is the signed, weighted sum of what the noise coefficients gain.",
        (n, m, None),
        checks(),
    )


def prove_symmetry(
    n: int, m: int, d: int, *, recursion: Recursion = exact_recursion, scaling: Mapping[str, int] = RESCALING
) -> Proof:
    """D4: (mu, sigma_xi, sigma_0, eta) -> (c mu, c sigma_xi, sigma_0/c, eta/c^2) changes no coefficient, ever.

    By induction from gamma = rho = 0: at equal coefficients all preactivations <w, mu>, <w, xi_i> are equal (for
    symbolic draws and all coefficients), hence so are activations and g_i; with these equal, the increments are equal.

    Args:
        n, m, d: sizes, all >= 1.
        recursion: what is put to the proof in place of D1.
        scaling: the power of c that multiplies each parameter.
    """
    c = sp.Symbol("c", positive=True)
    same, scaled = dict.fromkeys(scaling, sp.Integer(1)), {name: c**power for name, power in scaling.items()}

    def rescale(step: Step, by: dict[str, sp.Expr]) -> Step:
        return replace(
            step,
            eta=by["eta"] * step.eta,
            mu_squared=by["mu"] ** 2 * step.mu_squared,
            xi_squared=tuple(by["sigma_xi"] ** 2 * square for square in step.xi_squared),
        )

    def preactivations(step: Step, by: dict[str, sp.Expr]) -> dict[str, sp.Expr]:
        mu, xi, start = _vectors(n, m, d)
        mu = _combine((by["mu"], mu))
        xi = [_combine((by["sigma_xi"], patch)) for patch in xi]
        found = {}
        for (j, r), w0 in start.items():
            memory = ((_symbol("rho", j, r, i) / step.xi_squared[i], patch) for i, patch in enumerate(xi))
            w = _combine((by["sigma_0"], w0), (j * _symbol("gamma", j, r) / step.mu_squared, mu), *memory)
            found |= {f"<w[{j},{r}], patch {k}>": _dot(w, patch) for k, patch in enumerate((mu, *xi))}
        return found

    def checks() -> Iterator[Check]:
        for step in _steps(n, m):
            before, after = ((rescale(step, by), by) for by in (same, scaled))
            was, now = preactivations(*before), preactivations(*after)
            residuals = {name: now[name] - was[name] for name in was}
            for name, was, now in zip(("gamma", "rho"), recursion(before[0]), recursion(after[0]), strict=True):
                residuals |= {f"{name}{list(key)} at {_labels(step)}": now[key] - was[key] for key in was}
            yield _patterns(step), residuals

    return _prove(
        "symmetry",
        "Longer patches with smaller weights and smaller steps leave all coefficients unchanged.",
        (n, m, d),
        checks(),
    )


def all_proofs() -> tuple[Proof, ...]:
    """Every proof at every size of :data:`PROOF_SIZES`; takes a few seconds."""
    return tuple(
        proof
        for n, m, d in PROOF_SIZES
        for proof in (prove_recursion(n, m, d), prove_conservation(n, m), prove_symmetry(n, m, d))
    )


# ---------------------------------------------------------------------------------------------------------------


def _prove(name: str, statement: str, sizes: tuple[int, int, int | None], checks: Iterator[Check]) -> Proof:
    """Consume ``checks`` up to the first residual that does not vanish."""
    cases = 0
    for covered, residuals in checks:
        cases += covered
        for where, expression in residuals.items():
            residual = _normal_form(expression)
            if residual != 0:
                return Proof(name=name, statement=statement, sizes=sizes, cases=cases, residual=residual, failure=where)
    return Proof(name=name, statement=statement, sizes=sizes, cases=cases, residual=sp.Integer(0), failure="")


def _normal_form(expression: sp.Expr) -> sp.Expr:
    """Expanded and linear in every indicator: zero exactly if ``expression`` vanishes for all patterns and values."""
    expanded = sp.expand(expression)
    powers = (p for p in expanded.atoms(sp.Pow) if _is_indicator(p.base) and p.exp.is_Integer and p.exp > 0)
    return sp.expand(expanded.xreplace({p: p.base for p in powers}))


def _gradient(
    step: Step, mu: Vector, xi: tuple[Vector, ...], weights: dict[tuple[int, int], Vector], neuron: tuple[int, int]
) -> Vector:
    """dL_S/dw of one neuron on a linear piece of the network, written in the symbols g_i."""
    gradient = [sp.Integer(0)] * len(mu)
    for i, g in enumerate(step.g):
        f = sum(
            j * (step.signal_active[j, r, i] * step.y[i] * _dot(w, mu) + step.noise_active[j, r, i] * _dot(w, xi[i]))
            for (j, r), w in weights.items()
        )
        e = sp.exp(-step.y_noisy[i] * f / step.m)
        loss = sp.log(1 + e) / step.n
        # g_i = 1/(1 + 1/e), that is e = g/(1 - g); 1 + e is named too, so that fractions cancel by themselves.
        by_g = {e: g / (1 - g), 1 + e: sp.together(1 + g / (1 - g))}
        pieces = (sp.diff(loss, x).xreplace(by_g) for x in weights[neuron])
        gradient = [total + piece for total, piece in zip(gradient, pieces, strict=True)]
    return tuple(gradient)


def _steps(n: int, m: int) -> Iterator[Step]:
    """One symbolic step for each of the 4^n labels."""
    neurons = tuple(product(_neurons(m), range(n)))
    for signs in product((+1, -1), repeat=2 * n):
        yield Step(
            n=n,
            m=m,
            eta=eta,
            mu_squared=_symbol("mu_squared"),
            xi_squared=tuple(_symbol("xi_squared", i) for i in range(n)),
            y=signs[:n],
            y_noisy=signs[n:],
            g=tuple(_symbol("g", i) for i in range(n)),
            signal_active={(j, r, i): _symbol(f"{_INDICATOR}signal", j, r, i) for (j, r), i in neurons},
            noise_active={(j, r, i): _symbol(f"{_INDICATOR}noise", j, r, i) for (j, r), i in neurons},
        )


def _vectors(n: int, m: int, d: int) -> tuple[Vector, tuple[Vector, ...], dict[tuple[int, int], Vector]]:
    """Symbolic mu [d], xi [n][d], and weights [j, r] -> [d]."""
    mu = tuple(_symbol("mu", k) for k in range(d))
    xi = tuple(tuple(_symbol("xi", i, k) for k in range(d)) for i in range(n))
    return mu, xi, {(j, r): tuple(_symbol("w", j, r, k) for k in range(d)) for j, r in _neurons(m)}


_INDICATOR = "a_"


def _symbol(name: str, *index: int) -> sp.Symbol:
    return sp.Symbol("_".join((name, *map(str, index))), real=True)


def _is_indicator(symbol: sp.Expr) -> bool:
    return symbol.is_Symbol and symbol.name.startswith(_INDICATOR)


def _neurons(m: int) -> tuple[tuple[int, int], ...]:
    return tuple(product((+1, -1), range(m)))


def _patterns(step: Step) -> int:
    return 2 ** (len(step.signal_active) + len(step.noise_active))


def _labels(step: Step) -> str:
    return f"y = {step.y}, noisy y = {step.y_noisy}"


def _dot(left: Vector, right: Vector) -> sp.Expr:
    return sum(a * b for a, b in zip(left, right, strict=True))


def _combine(*terms: tuple[sp.Expr, Vector]) -> Vector:
    return tuple(
        sum(factor * x for (factor, _), x in zip(terms, column, strict=True))
        for column in zip(*(vector for _, vector in terms), strict=True)
    )
