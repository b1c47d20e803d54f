r"""The limit kappa -> 0 of the dynamics on XOR data: that of one signal, of a sixteenth of the strength.

Source: derived here (docs/meng2023.md), from the exact recursion (docs/numerics.md). Noise is memorized as with one
signal: its margin is a rho at every time. A neuron of class +1 with <w, u> > 0 sees u, on a quarter
of the samples, and one of v and -v, say e v. Each pulls it by the same amount,

    w' = A (u - e v),    A = (kappa/4)(1-2tau) g(z)/mu^2,    <w', e v> = A mu^2 (e cos - 1) < 0,

so <w, v> falls to 0 from either side and stays there: e takes both signs in turn, with the mean cos(theta), at which
<w', v> = 0. From then on

    <w, u>' = A mu^2 (1 - cos^2),

and the sign of <w, u> at the start is kept: half of a class's neurons learn u, half learn -u, and a sample u is seen by
the first half alone. Its output is

    (1/2) (kappa/4) (1-2tau) (1-cos^2) rho  =  (1/4) (1-cos^2) times that of one signal,

and the error is that of one signal of STRENGTH (1-cos^2)^2/16.
"""

import sympy as sp

from theory.papers.meng2023.conditions import STRENGTH, cosine

SHARE = sp.Rational(1, 2)  # of a class's neurons learn one of its two signals
SAMPLES = sp.Rational(1, 2)  # of a class's samples have it


def equivalent() -> sp.Expr:
    """n mu^4/(sigma^4 d) of one signal with the same error."""
    return STRENGTH * ((1 - cosine**2) * SHARE * SAMPLES) ** 2
