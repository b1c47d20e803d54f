r"""The mean-field limit d, m, n -> infinity, sigma_0 -> 0: three coefficients per class instead of 2m(n + 1).

Source: derived here, from the exact recursion D1 (proved for small sizes in :mod:`proofs`),

    gamma_{j,r} += eta |mu|^2/(nm) sum_i y_i y~_i g_i 1(<w_{j,r}, y_i mu> > 0),
    rho_{j,r,i} += eta |xi_i|^2/(nm) j y~_i g_i 1(<w_{j,r}, xi_i> > 0),    g_i = g(y~_i f_i),  g(z) = 1/(1 + e^z).

1. d >> n^2: |xi_i|^2 -> sigma_xi^2 d, and <xi_i, xi_k>, <xi_i, mu> drop out, so <w_{j,r}, mu> = j gamma and
   <w_{j,r}, xi_i> = rho_{j,r,i}, up to the start, which sigma_0 -> 0 removes (its signs stay).
2. With tau < 1/2 every signal drive is positive at first, so at once <w_{j,r}, mu> has the sign j: the neurons of
   class j see the signal of the samples with y_i = j only. The system falls apart into two copies, one for each
   true label c with its own tau_c. (It stays so: gamma = kappa [(1-tau) z_c - tau z_n]/(1+kappa) in the margins
   below, and z_n < z_c forever, hence gamma > 0.)
3. Half of the neurons of class y~_i start active on xi_i, and stay so; those of class -y~_i that start active are
   pushed out by their first step. So with rho_c, rho_n for a clean and a noisy sample of label c the margins are
   z_c = gamma + rho_c/2 and z_n = -gamma + rho_n/2.
4. Sums over samples become expectations: n/2 samples of each label, a fraction tau_c of them noisy.

In rescaled time s = eta t sigma_xi^2 d/(nm) this leaves, for each label,

    gamma' = (kappa/2) [(1-tau) g(z_c) - tau g(z_n)],    rho_c' = g(z_c),    rho_n' = g(z_n).

A finite network departs from 1, 3 and 4 by what its draw of labels, norms and initial weights says, known before the
first step (:func:`late_draw`, and ``verify.predicted`` in numbers):

5. Sample i moves at b_i g_i with b_i = (|S_i|/m) |xi_i|^2/(sigma_xi^2 d) in place of g_i/2, and sums over a label's
   samples stand in place of the expectations.
6. S_i grows. The other patches push <w_{y~_i,r}, xi_i> by

       sum_{k != i} rho_{y~_i,r,k} <xi_k, xi_i>/|xi_k|^2 + y~_i gamma_{y~_i,r} <mu, xi_i>/|mu|^2,

   of order sqrt(n/d): no margin notices, but Condition 4.1 keeps the start <w0, xi_i> below the same order, so a
   neuron that started inactive joins where the push is positive, and stays as its own rho_i grows from then on. The
   sign is even: about half of those that started inactive join while coefficients reach order one, and |S_i|/m tends
   to 3/4; few follow as the coefficients turn to their late proportions. (Of the class -y~_i nobody joins for long:
   the sample pushes them out again.)
7. A neuron of class j whose start has the wrong sign sees the signal of the samples with y_i = -j until that has
   carried <w, mu> through zero: some steps, not none. And gamma_j stays at zero if the flips of its label outweigh
   the clean samples: below zero it would see the other label, which pushes it up.

Everywhere below ``kappa`` > 0 and ``tau`` in [0, 1/2) are numbers or SymPy expressions: the module's own
``kappa_free`` and ``tau_free``, or the paper's :data:`theory.symbols.kappa`, ``tau_plus`` and ``tau_minus``.
"""

from dataclasses import dataclass
from functools import cache

import sympy as sp

from theory import symbols
from theory.symbols import d, epsilon, eta, m, mu, n, sigma_xi, t

s = sp.Symbol("s", positive=True)
kappa_free = sp.Symbol("kappa_free", positive=True)
tau_free = sp.Symbol("tau_free", nonnegative=True)
gamma, rho_c, rho_n = sp.symbols("gamma rho_c rho_n", real=True)

_HALF = sp.Rational(1, 2)  # probability of either label, and of <w0, xi_i> > 0: both laws are symmetric

time_scale = n * m / (eta * sigma_xi**2 * d)
"""Iterations per unit of rescaled time: a stage that ends at s = O(1) ends at iteration s * time_scale."""

Number = sp.Expr | float


def rescaled_time(iteration: Number = t) -> sp.Expr:
    """s = eta t sigma_xi^2 d/(nm) at ``iteration`` >= 0, in the paper's symbols."""
    return sp.sympify(iteration) / time_scale


@dataclass(frozen=True, kw_only=True)
class Dynamics:
    """The mean-field equations of one label (source: derived, see the module).

    Attributes:
        state: the symbols (gamma, rho_c, rho_n), all zero at s = 0.
        right_hand_side: their derivatives in s, expressions in ``state``, kappa and tau only; ready to lambdify.
        margins: of a clean and of a noisy sample, y~ f in terms of ``state``.
    """

    state: tuple[sp.Symbol, sp.Symbol, sp.Symbol]
    right_hand_side: tuple[sp.Expr, sp.Expr, sp.Expr]
    margins: tuple[sp.Expr, sp.Expr]


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """Something changes where ``along`` = ``at``.

    Attributes:
        along: the deciding product in the paper's symbols, kappa * (1 - ...).
        at: its critical value.
        kappa: the same solved for kappa; negative or infinite where no kappa suffices.
    """

    along: sp.Expr
    at: sp.Expr
    kappa: sp.Expr


def dynamics(kappa: Number = kappa_free, tau: Number = tau_free) -> Dynamics:
    """The mean-field equations at ``kappa`` for a label that is flipped with probability ``tau``.

    Raises:
        ValueError: a number outside its range.
    """
    drift = _drift(*(_g(z) for z in _MARGINS))
    return Dynamics(
        state=_STATE,
        right_hand_side=tuple(_at(e, kappa=kappa, tau=tau) for e in drift),
        margins=_MARGINS,
    )


def early_ratio(kappa: Number = kappa_free, tau: Number = tau_free) -> sp.Expr:
    """lim gamma/rho as s -> 0, the same for rho_c and rho_n: kappa (1 - 2 tau)/2 (D6).

    Raises:
        ValueError: a number outside its range.
    """
    signal, noise, _ = _early_drift()
    return _at(_tidy(signal / noise), kappa=kappa, tau=tau)


def early_series(kappa: Number = kappa_free, tau: Number = tau_free, order: int = 2) -> tuple[sp.Expr, ...]:
    """Taylor polynomials of (gamma, rho_c, rho_n) in s about 0, up to s**``order``.

    Raises:
        ValueError: a number outside its range.
    """
    system = dynamics()
    origin = dict.fromkeys(system.state, 0)
    derivative, series = system.state, [sp.Integer(0)] * len(system.state)
    for k in range(1, order + 1):
        # Along a solution d/ds is the Lie derivative.
        derivative = [
            sum(sp.diff(e, x) * rate for x, rate in zip(system.state, system.right_hand_side, strict=True))
            for e in derivative
        ]
        series = [
            total + _tidy(e.subs(origin)) * s**k / sp.factorial(k) for total, e in zip(series, derivative, strict=True)
        ]
    return tuple(_at(e, kappa=kappa, tau=tau) for e in series)


def signal_leads_threshold(tau: Number = tau_free) -> Threshold:
    """Above it gamma > rho in Stage I: kappa (1 - 2 tau) = 2 (D6).

    Raises:
        ValueError: ``tau`` outside [0, 1/2).
    """
    signal, noise, _ = _early_drift()
    return _threshold(signal - noise, 1 - 2 * tau_free, tau=tau)


def noisy_ignored_threshold(tau: Number = tau_free, active_fraction: Number = _HALF) -> Threshold:
    """Above it a noisy sample's margin falls at first: kappa (1 - 2 tau) = 2 active_fraction (D6).

    In the limit every sample has active fraction 1/2. In a finite network sample i has its own |S_i|/m, which
    decides over that sample and is negligible for the others.

    Raises:
        ValueError: ``tau`` outside [0, 1/2), or ``active_fraction`` outside (0, 1].
    """
    active_fraction = sp.sympify(active_fraction)
    if active_fraction.is_number and not 0 < active_fraction <= 1:
        raise ValueError(f"active_fraction = {active_fraction}: must lie in (0, 1]; it is |S_i|/m, about 1/2")
    signal, _, noise = _early_drift()
    return _threshold(-signal + active_fraction * noise, 1 - 2 * tau_free, tau=tau)


def stage_one_time(rate: Number, level: Number) -> sp.Expr:
    """Rescaled time at which gamma and the clean rho of one label both reach ``level``, to first order in the start.

    While gamma = rate * rho (``rate`` is kappa (1 - 2 tau)/2 in the limit, and kappa/n times the sum of y_i y~_i over
    the label's samples in a given draw), a clean margin is (rate + 1/2) rho, so that rho' = g((rate + 1/2) rho). With
    F(a) = level + (e^(a level) - 1)/a, the time is F(rate + 1/2) for rho and, as gamma moves at ``rate`` times that
    speed, F(1 + 1/(2 rate))/rate for gamma: the later of the two. It is the constant that T_1 = Theta(...) hides.

    Args:
        rate: positive.
        level: what the coefficients must reach, positive.
    """
    rate, level = sp.sympify(rate), sp.sympify(level)

    def reach(slope: sp.Expr) -> sp.Expr:
        return level + (sp.exp(slope * level) - 1) / slope

    return sp.Max(reach(rate + _HALF), reach(1 + _HALF / rate) / rate)


def late_draw(kappa: Number, clean: Number, noisy: Number) -> tuple[sp.Expr, sp.Expr]:
    """One label in a given draw, late: q = lim gamma/log s, and what it adds to lim s L_S.

    Derivation: with weights b_i (5.) the argument of :func:`late_signal_share` gives U_i = lim s g_i = (1 -+ q)/b_i for
    a clean or noisy sample, so that its margin grows like log s. Hence q = kappa [(1 - q) clean - (1 + q) noisy], and
    as g = loss for large margins the label adds (1 - q) clean + (1 + q) noisy. Where noisy >= clean, q = 0 (7.). The
    limit has clean = 1 - tau, noisy = tau: all b_i = 1/2 and n/2 samples. Both are scale-free: n, m and d enter only
    through averages that lie between fixed bounds.

    Args:
        kappa: positive.
        clean, noisy: (1/n) sum of 1/b_i over the label's clean and noisy samples, >= 0.
    """
    q = sp.Symbol("q")
    (share,) = sp.solve(q - kappa_free * ((1 - q) * _CLEAN - (1 + q) * _NOISY), q)
    share = sp.Max(0, share)
    loss = (1 - share) * _CLEAN + (1 + share) * _NOISY
    values = {kappa_free: kappa, _CLEAN: clean, _NOISY: noisy}
    return tuple(e.subs(values, simultaneous=True) for e in (share, loss))


def late_signal_share(kappa: Number = kappa_free, tau: Number = tau_free) -> sp.Expr:
    """q = lim gamma/log s = kappa (1 - 2 tau)/(1 + kappa); lim rho_c/(2 log s) = 1 - q, lim rho_n/(2 log s) = 1 + q.

    Derivation: z' = M (g(z_c), g(z_n)) with a constant matrix M, as the margins are linear in the state. For large
    margins g(z) = e^-z, so U = s g(z_c) and V = s g(z_n) obey dU/dlog s = U [1 - (M (U, V))_c], and V likewise: a
    cooperative Lotka-Volterra system with det M = (1 + kappa)/4 > 0, which tends to the solution of M (U, V) = (1, 1).
    So every margin grows like log s, and gamma like the drift at (U, V).

    Raises:
        ValueError: a number outside its range.
    """
    return _at(_late_share(), kappa=kappa, tau=tau)


def limiting_error_threshold(tau_plus: Number = symbols.tau_plus, tau_minus: Number = symbols.tau_minus) -> Threshold:
    """Above it clean noise patches do no harm at convergence: kappa (1 - 2 tau_plus - 2 tau_minus) = 1 (D7).

    A test point [y mu, xi_i] with y != y_i = c meets the signal of label -c against the noise memorized for c:
    q_{-c} against 1 - q_c. That is q_+ + q_- against 1, the same question for both labels.
    No kappa suffices if tau_plus + tau_minus >= 1/2.

    Raises:
        ValueError: a number outside its range.
    """
    lead = sum(_late_share().subs(tau_free, tau) for tau in _TAU.values()) - 1
    return _threshold(lead, 1 - 2 * sum(_TAU.values()), tau_plus=tau_plus, tau_minus=tau_minus)


def limiting_test_error(
    kappa: Number = kappa_free, tau_plus: Number = symbols.tau_plus, tau_minus: Number = symbols.tau_minus
) -> sp.Expr:
    """The test error on D_test as s -> infinity, in expectation over the flips: (tau_plus + tau_minus)/4 or 1/2 (D7).

    A test point is [y mu, xi_i + zeta] with i uniform on the training set and y uniform, independent of i. zeta
    contributes O(sqrt(n/d)) -> 0, so y f = gamma_y + y y~_i rho_i/2: right where y = y~_i; where y = -y~_i, right only
    if gamma_y leads rho_i/2. For noisy i of label c that is gamma_c against rho_n/2, which loses for the very reason
    that sample i is fitted; for clean i it is the question of :func:`limiting_error_threshold`.

    Returns:
        a Piecewise: (tau_plus + tau_minus)/4 above the threshold, 1/2 below it, undefined (nan) on it, where log s
        cancels and lower orders decide.

    Raises:
        ValueError: a number outside its range.
    """
    return _at(_late_error(), kappa=kappa, tau_plus=tau_plus, tau_minus=tau_minus)


def stage_two_time(
    kappa: Number = kappa_free, tau_plus: Number = symbols.tau_plus, tau_minus: Number = symbols.tau_minus
) -> sp.Expr:
    """Rescaled time at which L_S = ``symbols.epsilon``, to leading order; times ``time_scale`` it counts iterations.

    It is (2/epsilon) [1 - kappa/(1 + kappa) mean_c (1 - 2 tau_c)^2]: L_S tends to the mean of e^-z, where
    e^-z_c = 2 (1 - q)/s and e^-z_n = 2 (1 + q)/s (see :func:`late_signal_share`).

    Raises:
        ValueError: a number outside its range.
    """
    clean, noisy = _late_drives()
    one = (1 - tau_free) * clean + tau_free * noisy
    mean = _HALF * sum(one.subs(tau_free, tau) for tau in _TAU.values()) / s
    (time,) = sp.solve(mean - epsilon, s)
    return _at(_tidy(time), kappa=kappa, tau_plus=tau_plus, tau_minus=tau_minus)


# ---------------------------------------------------------------------------------------------------------------
# The derivations, once, in kappa_free and tau_free (or tau_plus and tau_minus); _at puts the arguments in.

_STATE = (gamma, rho_c, rho_n)
_MARGINS = (gamma + _HALF * rho_c, -gamma + _HALF * rho_n)
_CLEAN, _NOISY = sp.symbols("clean noisy", nonnegative=True)
_TAU = {+1: symbols.tau_plus, -1: symbols.tau_minus}


def _g(z: sp.Expr) -> sp.Expr:
    return 1 / (1 + sp.exp(z))


@cache
def _drift(g_clean: sp.Expr, g_noisy: sp.Expr) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    """d(gamma, rho_c, rho_n)/ds: D1 in the limit, given the two loss derivatives."""
    label_size = _HALF * n
    signal = eta * mu**2 / (n * m) * label_size * ((1 - tau_free) * g_clean - tau_free * g_noisy)
    noise = [eta * sigma_xi**2 * d / (n * m) * g for g in (g_clean, g_noisy)]
    # kappa = n SNR^2 replaces |mu|; then no other parameter is left.
    by_kappa = {mu: sigma_xi * sp.sqrt(kappa_free * d / n)}
    return tuple((step / rescaled_time(1)).subs(by_kappa) for step in (signal, *noise))


def _early_drift() -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    return _drift(*(_g(z.subs(dict.fromkeys(_STATE, 0))) for z in _MARGINS))


@cache
def _late_drives() -> tuple[sp.Expr, sp.Expr]:
    """(U, V) = lim s (g(z_c), g(z_n)), the solution of M (U, V) = (1, 1)."""
    drives = sp.symbols("U V", positive=True)
    drift = dict(zip(_STATE, _drift(*drives), strict=True))
    growth = [z.subs(drift, simultaneous=True) for z in _MARGINS]  # of z in log s
    (solution,) = sp.solve([rate - 1 for rate in growth], drives, dict=True)
    return tuple(_tidy(solution[u]) for u in drives)


@cache
def _late_share() -> sp.Expr:
    signal, _, _ = _drift(*_late_drives())
    return _tidy(signal)


@cache
def _late_error() -> sp.Expr:
    clean, noisy = _late_drives()
    error = sp.Integer(0)
    for label, tau in _TAU.items():
        # rho_i/2 grows like drive/2 * log s. Half of the test labels differ from the memorized one.
        for memorized, chance, drive in ((label, 1 - tau, clean), (-label, tau, noisy)):
            lead = sp.factor(_late_share().subs(tau_free, _TAU[-memorized]) - _HALF * drive.subs(tau_free, tau))
            ahead, _ = sp.fraction(lead)  # over 1 + kappa > 0
            error += sp.Piecewise((0, ahead > 0), (_HALF * _HALF * chance, ahead < 0))
    return sp.factor(sp.piecewise_fold(error))


def _threshold(balance: sp.Expr, factor: sp.Expr, **taus: Number) -> Threshold:
    """Solve ``balance`` = 0, whose numerator is linear in kappa, for it, and state the solution as kappa * ``factor``."""
    slope, constant = sp.Poly(sp.numer(sp.together(balance)), kappa_free).all_coeffs()
    kappa = -constant / slope
    return Threshold(
        along=_at(symbols.kappa * factor, **taus),
        at=sp.cancel(kappa * factor),
        kappa=_at(_tidy(kappa), **taus),
    )


def _tidy(expression: sp.Expr) -> sp.Expr:
    """Factored, with kappa (1 - 2 tau) rather than -kappa (2 tau - 1)."""
    sign, factors = sp.factor(expression).as_coeff_mul()
    factors = list(factors)
    for i, factor in enumerate(factors):
        if sign < 0 and factor.is_Add and any(term.could_extract_minus_sign() for term in factor.args):
            sign, factors[i] = -sign, -factor
    return sign * sp.Mul(*factors)


def _at(expression: sp.Expr, **values: Number) -> sp.Expr:
    """``expression`` at ``values`` of kappa, tau, tau_plus, tau_minus; numbers among them are checked."""
    generic = {"kappa": kappa_free, "tau": tau_free, "tau_plus": symbols.tau_plus, "tau_minus": symbols.tau_minus}
    values = {name: sp.sympify(value) for name, value in values.items()}
    for name, value in values.items():
        if name == "kappa" and value.is_number and not value > 0:
            raise ValueError(f"kappa = {value}: must be > 0; it is n*mu**2/(sigma_xi**2*d)")
        if name != "kappa" and value.is_number and not 0 <= value < _HALF:
            raise ValueError(f"{name} = {value}: must lie in [0, 1/2); if more labels flip, negate the noisy labels")
    return expression.subs({generic[name]: value for name, value in values.items()}, simultaneous=True)
