r"""Gradient descent on ReLU^q, q > 2, reduced to how long each overlap waits on its plateau.

Derived here, from one step of numerics.course with phi'(z) = q max(z, 0)^{q-1}, noise projected off mu, clean labels,
and g_i = 1/(1 + exp(y_i f(x_i))) = 1/2 while outputs are small. Cross-talk of other patches aside, a neuron of class j
with u = j <w, mu> > 0 sees the n/2 samples of its label, and an own neuron (j = y_i) with v = <w, xi_i> > 0 the one:

    u += a u^{q-1},    a = q eta |mu|^2/(4m),          v += b v^{q-1},    b = q eta sigma_xi^2 d/(2nm).

1. Both are u' = a u^{q-1}, with u^{-(q-2)} = u_0^{-(q-2)} - (q - 2) a t: nothing happens for a long time, then u
   diverges, at

       T_signal = 4m/(q (q-2) eta |mu|^2 u_0^{q-2}),    T_noise = 2nm/(q (q-2) eta sigma_xi^2 d v_0^{q-2})

   (:func:`signal_plateau`, :func:`noise_plateau`, with u_0 = sigma_0 |mu| z and v_0 = sigma_0 sigma_xi d^{1/2} z). The
   largest start leads all others: z is the largest of some m Gaussians, about (2 log m)^{1/2}.
2. Hence the threshold: T_noise/T_signal = (n SNR^q/2) (z_signal/z_noise)^{q-2}. What diverges first fits the samples
   that it concerns, their g_i fall, and the rest stays where it was: the signal is learned where n SNR^q is above
   2 (z_noise/z_signal)^{q-2}, and noise below (:data:`THRESHOLD`). The starts of n samples differ, and the earliest are
   memorized first: near the threshold a run has some of both.
3. A margin is then held by one neuron or a few: f' = (q^2 eta sigma_xi^2 d/(n m^2)) (mf)^{2-2/q} g(f) for noise, and
   the same with |mu|^2/2 in place of sigma_xi^2 d/n for the signal. With g = e^{-f}, a loss epsilon takes about
   n m^2/(q^2 eta sigma_xi^2 d (m log(1/epsilon))^{2-2/q} epsilon) steps more, less than the paper's m^3 n/(eta epsilon
   sigma_xi^2 d), and at all sizes that can be run little beside the plateau.
"""

import sympy as sp
from sympy import sqrt

from theory.symbols import d, eta, m, mu, n, sigma_0, sigma_xi

STEP = eta * sigma_xi**2 * d / (n * m)  # rescaled time per step
THRESHOLD = 2  # of n SNR^q, for equal largest starts
START = sigma_0 * sigma_xi * sqrt(d)  # of an overlap with noise, its standard deviation


def signal_plateau(q: sp.Expr | float) -> sp.Expr:
    """Steps that the signal waits, from a start of one standard deviation."""
    return 4 * m / (q * (q - 2) * eta * mu**2 * (sigma_0 * mu) ** (q - 2))


def noise_plateau(q: sp.Expr | float) -> sp.Expr:
    """The same of a noise patch."""
    return 2 * n * m / (q * (q - 2) * eta * sigma_xi**2 * d * START ** (q - 2))
