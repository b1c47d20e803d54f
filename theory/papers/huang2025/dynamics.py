r"""Label-noise descent on ReLU^2, reduced to what a few numbers do.

Derived here, from one step of numerics.course with phi'(z) = 2 max(z, 0), noise projected off mu, and the label of
sample i at a step y~_i = e_i y_i with e_i = -1 with probability p, else 1; g(z) = 1/(1 + e^z), f_i = y_i f(x_i), and
g_i = g(e_i f_i). A step is

    <w_{j,r}, mu>   += (2 eta j |mu|^2/(nm)) sum_i e_i g_i max(<w_{j,r}, y_i mu>, 0),
    <w_{j,r}, xi_i> += (2 eta j y_i |xi_i|^2/(nm)) e_i g_i max(<w_{j,r}, xi_i>, 0) + cross-talk,

(y_i^2 = 1 in the first). Cross-talk of other patches is smaller by n d^{-1/2}.

1. Both are *multiplied* at each step: the own neurons (j = y_i) with <w, xi_i> > 0 by 1 + 2 lambda e_i g_i with
   lambda = eta sigma_xi^2 d/(nm), whatever r is; the neurons with j <w, mu> > 0 by
   1 + (2 eta |mu|^2/(nm)) sum_{y_i = j} e_i g_i, which is 1 + kappa lambda <e g> with kappa = n SNR^2 and the mean over
   the samples of the label, of which there are n/2.
2. *Stage I.* While all f_i are small, g_i = 1/2, and a step multiplies on average by 1 + lambda (1 - 2p) and by
   1 + (kappa/2) lambda (1 - 2p): :func:`noise_growth`, :func:`signal_growth`. Gradient descent is p = 0.
3. *The plateau.* f_i goes up until flips hold it: E[e g(e f)] = (1 - p) g(f) - p g(-f) vanishes at
   f = log((1 - p)/p) (:func:`plateau`), where E[g^2] = (1 - p) p^2 + p (1 - p)^2 = p (1 - p). The loss on true labels
   is -log(1 - p) there. So far the statements of the paper: noise is held, the loss stays of order one.
4. *The signal stops as well.* What multiplies it is the mean of the very e_i g_i whose expectation vanishes. In a
   stationary state the logarithm of <w, xi_i> neither rises nor falls,

       0 = E log(1 + 2 lambda e g) = 2 lambda E[e g] - 2 lambda^2 E[g^2] + O(lambda^3),

   hence E[e g] = lambda E[g^2] = lambda p (1 - p) and not of order one: the logarithm of the signal grows by

       kappa lambda E[e g] = kappa lambda^2 p (1 - p) = eta^2 |mu|^2 sigma_xi^2 d p (1 - p)/(n m^2)

   a step (:func:`late_growth`): of *second* order in the step size. Before, one logarithm follows the other:
   log <w, mu> has grown by kappa/2 times what log <w, xi_i> has, which SNR = O~(n^{-1/2}) keeps small.
   To the next order two terms join. The margin fluctuates about the plateau with variance 2 lambda f (it moves by
   4 lambda f e g a step, whose mean has the slope -4 lambda f p (1 - p)); E[g^2] has no slope there and the second
   derivative 2 p^2 (1 - p)^2, which adds 2 lambda f p^2 (1 - p)^2. And the third term of the logarithm adds
   -(4/3) lambda^2 E[e g^3] = (4/3) lambda^2 p (1 - p)(1 - 2p). Together E[e g] is multiplied by
   1 + lambda (2 p (1 - p) f + 4 (1 - 2p)/3) (:func:`late_correction`).
5. *How long it takes.* From sigma_0 |mu| to m^{1/2} takes log(m^{1/2}/(sigma_0 |mu|)) / late_growth steps
   (:func:`late_time`), by a factor of order 1/(lambda p (1 - p)) more than m log(6/(sigma_0 |mu|))/(eta |mu|^2). With
   eta <= sigma_xi^{-2} d^{-1} that factor is nm/(p (1 - p)) at least.
6. Gradient descent (p = 0) goes on to f ~ log t: with all margins alike f' = 4 lambda f g(f), so that f is of size
   log(1/epsilon) after 1/(4 lambda epsilon log(1/epsilon)) steps, less than the m^3 n/(eta epsilon sigma_xi^2 d) that
   the theorem allows; the signal is then multiplied by (<w, xi_i> now/at first)^{kappa/2} in all.
"""

import sympy as sp
from sympy import log, sqrt

from theory.symbols import d, eta, m, mu, n, sigma_0, sigma_xi

STEP = eta * sigma_xi**2 * d / (n * m)  # lambda, rescaled time per step


def noise_growth(p: sp.Expr | float) -> sp.Expr:
    """Of the logarithm of <w, xi_i> per step in Stage I, at flip probability p."""
    return STEP * (1 - 2 * p)


def signal_growth(p: sp.Expr | float) -> sp.Expr:
    """Of the logarithm of <w, mu> per step in Stage I."""
    return eta * mu**2 / (2 * m) * (1 - 2 * p)


def plateau(p: sp.Expr | float) -> sp.Expr:
    """The margin y f at which flips hold a sample."""
    return log((1 - p) / p)


def late_growth(p: sp.Expr | float) -> sp.Expr:
    """Of the logarithm of <w, mu> per step on the plateau."""
    return eta**2 * mu**2 * sigma_xi**2 * d * p * (1 - p) / (n * m**2)


def late_correction(p: sp.Expr | float) -> sp.Expr:
    """The factor that the next order in the step size adds to it."""
    return 1 + STEP * (2 * p * (1 - p) * plateau(p) + sp.Rational(4, 3) * (1 - 2 * p))


def late_time(p: sp.Expr | float) -> sp.Expr:
    """Steps after which label-noise descent has learned the signal, if it does so on the plateau alone."""
    return log(sqrt(m) / (sigma_0 * mu)) / late_growth(p)
