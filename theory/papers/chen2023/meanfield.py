r"""The limit of the dynamics in which signal coefficients are small: that of two patches, in other units.

Source: derived here (docs/chen2023.md), from the exact recursion (docs/numerics.md). With nu = P - 1 copies of the
noise patch, in rescaled time s = eta t sigma_xi^2 d/(nm), and in expectation over batches,

    rho_i' = nu g(z_i),     gamma' = (kappa/2) [(1-tau) g(z_c) - tau g(z_n)],     z = +-gamma + nu a rho,

a the share of neurons that are active on a patch, g(z) = 1/(1 + e^z). With r = nu rho and S = nu^2 s this is the
dynamics of two patches in S, with kappa/nu^2 for kappa: to leading order in it every margin is u = a r with

    u + e^u - 1 = a nu^2 s,     gamma = (kappa/nu^2)(1-2tau) u/(2a),     rho = u/(a nu).

A fresh noise patch xi is read nu times: nu <w, xi> has variance nu^2 a n rho^2/(2d), so that the signal leads by

    gamma / (nu rho sqrt(a n/(2d))) = (1-2tau) sqrt(STRENGTH/(2a)),     STRENGTH = n mu^4/(nu^4 sigma^4 d).

SAM with its noise switched off has gamma' = (kappa/2) g alone, hence u + e^u - 1 = kappa s/2 at the margin u = gamma
where no label is flipped. At the perturbed point the margin is smaller and the pull larger: no run takes longer.
"""

import sympy as sp

from theory.papers.chen2023.conditions import batch, copies, radius
from theory.symbols import d, epsilon, kappa, m, sigma_0, sigma_xi

s = sp.Symbol("s", positive=True)  # rescaled time
u = sp.Symbol("u", positive=True)  # the margin of every sample
tau = sp.Symbol("tau", nonnegative=True)  # of one true label

Number = sp.Expr | float
FIRST, LAST = sp.Rational(1, 2), sp.Integer(1)  # active shares: at the start, and the most that there can be


def margin_at_loss(loss: Number = epsilon) -> sp.Expr:
    """u at which the training loss log(1 + e^-u) is ``loss``."""
    return -sp.log(sp.exp(loss) - 1)


def integral(margin: Number = u) -> sp.Expr:
    """The integral of 1/g up to a margin."""
    return margin + sp.exp(margin) - 1


def time_at_loss(loss: Number = epsilon, active: Number = FIRST) -> sp.Expr:
    """Rescaled time at which SGD's training loss is ``loss``."""
    return integral(margin_at_loss(loss)) / (active * copies**2)


def signal_time_at_loss(loss: Number = epsilon) -> sp.Expr:
    """The same where the signal alone is learned, without flips."""
    return 2 * integral(margin_at_loss(loss)) / kappa


def push(share: Number = 1) -> sp.Expr:
    """How far SAM's ascent lowers <w, xi_i> of a neuron of class y~_i that is active on a patch xi_i of its batch.

    While all pulls are alike and the signal adds little, |grad|^2 = nu^2 sigma^2 d/(4 m B): 2m neurons, half of them
    active on each of B patches, each with nu g/(m B) sigma sqrt(d) at g = 1/2. The step goes up by radius/|grad| times
    nu g/(m B) sigma^2 d, that is radius sigma sqrt(d/(m B)): copies cancel. Where a ``share`` of those 2m/2 neurons is
    active still, the norm is sqrt(share) of that.
    """
    return radius * sigma_xi * sp.sqrt(d / (m * batch * share))


def radius_needed(deviations: Number) -> sp.Expr:
    """The radius that switches off a neuron whose initial pre-activation lies so many deviations sigma_0 sigma sqrt(d)
    above zero."""
    return deviations * sigma_0 * sp.sqrt(m * batch)


def signal(kappa: Number = kappa, active: Number = FIRST) -> sp.Expr:
    """gamma at margin u, to first order in kappa."""
    return kappa / copies**2 * (1 - 2 * tau) * u / (2 * active)


def noise(active: Number = FIRST) -> sp.Expr:
    """rho at margin u, to leading order."""
    return u / (active * copies)
