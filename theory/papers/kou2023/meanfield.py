r"""The limit kappa -> 0 of the dynamics, in closed form: all samples are memorized alike, and the signal follows.

Source: derived here (docs/kou2023.md), from the exact recursion (docs/numerics.md). With d >> n^2 every noise patch
sees itself alone, so that in rescaled time s = eta t sigma_xi^2 d/(nm), for a label that is flipped with probability
tau and neurons of which a fraction a is active on each patch,

    gamma' = (kappa/2) [(1-tau) g(z_c) - tau g(z_n)],   rho_c' = g(z_c),   rho_n' = g(z_n),
    z_c = gamma + a rho_c,   z_n = -gamma + a rho_n,    g(z) = 1/(1 + e^z).

The paper's condition on the dimension is kappa log T* <= 1/C, so that gamma is small beside 1 up to T*: at kappa = 0
clean and noisy samples have one margin u = a rho, and u' = a g(u) gives

    u + e^u - 1 = a s,    that is    u = x - W(e^x),  x = 1 + a s   (W: Lambert).

The signal follows: gamma' = (kappa/2)(1-2tau) g(u), hence gamma = (kappa/2)(1-2tau) rho at every time. To first order
in kappa a clean margin is u + kappa v, a noisy one u - kappa v, with dv/du = (1-2tau)/(2a) - (1-g) v, 1 - g = g(-u).

The active fraction is 1/2 at the start. What other patches push into a patch (order sqrt(n/d) times their rho) exceeds
the start <w_0, xi_i> once rho is about sigma_0 sigma_xi d/sqrt(n), which the condition on sigma_0 keeps below 1/C; from
then on a neuron is active that started so or is pushed so, and a = 3/4. Two neurons of a class share a patch with
probability b = 1/4 at first. Later b = 1/4 + 2 (1/4)(1/2) + (1/4)(1/3) = 7/12: pushes of two neurons are Gaussian with
the correlation 1/2 of their first active sets, hence both positive with probability 1/3.
"""

from dataclasses import dataclass

import sympy as sp

from theory.papers.kou2023.conditions import STRENGTH
from theory.symbols import epsilon, kappa

s = sp.Symbol("s", positive=True)  # rescaled time
u = sp.Symbol("u", positive=True)  # the margin of every sample at kappa = 0
tau = sp.Symbol("tau", nonnegative=True)  # of one true label
a = sp.Symbol("a", positive=True)  # active fraction

Number = sp.Expr | float


@dataclass(frozen=True, kw_only=True)
class Activity:
    """How neurons of a class are active: on a patch each with probability ``one``, two together with ``two``."""

    one: sp.Rational
    two: sp.Rational


FIRST = Activity(one=sp.Rational(1, 2), two=sp.Rational(1, 4))
LAST = Activity(one=sp.Rational(3, 4), two=sp.Rational(7, 12))


def margin(time: Number = s, active: Number = a) -> sp.Expr:
    """u at rescaled time ``time`` at kappa = 0, to be evaluated where e^(1 + a s) is a number."""
    x = 1 + sp.sympify(active) * time
    return x - sp.LambertW(sp.exp(x))


def time_at(margin: Number = u, active: Number = a) -> sp.Expr:
    """Rescaled time at which every margin is ``margin``, at kappa = 0."""
    return (margin + sp.exp(margin) - 1) / sp.sympify(active)


def time_at_loss(loss: Number = epsilon, active: Number = a) -> sp.Expr:
    """Rescaled time at which the training loss log(1 + e^-u) is ``loss``: 1/(a loss) to leading order, without a
    logarithm."""
    return time_at(-sp.log(sp.exp(loss) - 1), active)


def noise(active: Number = a) -> sp.Expr:
    """rho at margin u."""
    return u / sp.sympify(active)


def signal(kappa: Number = kappa, tau: Number = tau, active: Number = a) -> sp.Expr:
    """gamma at margin u, to first order in kappa."""
    return kappa * (1 - 2 * sp.sympify(tau)) * noise(active) / 2


def clean_excess(tau: Number = tau, active: Number = a) -> sp.Expr:
    """v at margin u: clean margins are u + kappa v, noisy ones u - kappa v."""
    return (1 - 2 * sp.sympify(tau)) / (2 * sp.sympify(active)) * (u + sp.exp(u) - 1) / (1 + sp.exp(u))


def signal_share(tau: Number = tau, active: Number = a) -> sp.Expr:
    """gamma over sum_i rho of a neuron of its class, over SNR^2: a neuron remembers a n/2 samples."""
    return (1 - 2 * sp.sympify(tau)) / sp.sympify(active)


def lead(tau: Number = tau, active: Number = a) -> sp.Expr:
    """The signal of a fresh sample over the standard deviation of <w, xi> on its noise patch: the error is a fixed
    function of it.

    Of <w, xi> = sum_i rho <xi_i, xi>/|xi_i|^2 over a n/2 samples the variance is a n rho^2/(2d), and gamma is
    (kappa/2)(1-2tau) rho: the time drops out, and what is left is (1-2tau) sqrt(STRENGTH/(2a)).
    """
    return (1 - 2 * sp.sympify(tau)) * sp.sqrt(STRENGTH / (2 * sp.sympify(active)))


def tail(activity: Activity, tau: Number = tau) -> sp.Expr:
    """lim -log(error)/STRENGTH as STRENGTH grows, at m = infinity: 1/C_2 in the paper's exp(-STRENGTH/C_2).

    With infinitely many neurons only the common factor of a class is left, of variance share b/a, and an error takes
    sqrt(b/a) X > lead with X standard normal: exp(-lead^2 a/(2b)).
    """
    return (1 - 2 * sp.sympify(tau)) ** 2 / (4 * activity.two)
