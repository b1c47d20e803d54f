"""What is proved of the limit of the dynamics for small kappa (docs/proofs.md). Its equations:
:mod:`theory.limit.label`. Here kappa log T* is below a constant, so that signal coefficients stay below the noise that
samples are fitted by.
"""

from fractions import Fraction
from functools import partial

import sympy as sp

from theory.limit import label
from theory.limit.argument import Argument, Step
from theory.limit.claims import Limit, Proposition
from theory.limit.label import FLOW, LABEL, a, e, g_c, gamma, margin_clean, margin_noisy, q, speed, u, w

F = Fraction
TAU = (F(0), F(1, 5))  # the reading's flips
SMALL = {
    "lead": (F(3, 5000), F(1, 10)), "kappa": (F(1, 1000), F(1, 10)), "tau": TAU, "active": (F(1, 2), F(3, 4)),
    "step": FLOW,
}  # fmt: skip

_kappa, _tau, _n, _d, _more = sp.symbols("kappa tau n d more", positive=True)
_AT = {q: _kappa * _tau / 2, e: _kappa * (1 - 2 * _tau) / 2}
_R = "R = (1 + active T)^(kappa (1 - 2 tau)/active)"
ALWAYS = "0 <= tau < 1/2, any active fraction; the flow"

ARGUMENTS = (
    label.NOISY_FASTER,
    label.RATIO,
    label.SIGNAL_POSITIVE,
    Argument(
        name="limit.memorized",
        says="Noisy samples are fitted at all times exactly if kappa (1 - 2 tau) <= 2 active; above, they are ignored"
        " at first. At half the neurons that is the threshold 1, which this paper's conditions stay far below.",
        where="0 < tau < 1/2, any active fraction, s > 0; the flow",
        steps=(
            Step(
                says="margin_noisy = (a - e) u + (a + q) w, and w > 0",
                zero=margin_noisy - ((a - e) * u + (a + q) * w),
            ),
            Step(says="at first margin_noisy' = (a - e)/2", zero=speed(F(1, 2), F(1, 2))[1] - (a - e) / 2),
        ),
    ),
    Argument(
        name="limit.balanced",
        says="Loss derivatives of clean and noisy samples stay within a constant of each other: at every s <= T their"
        f" ratio lies between 1 and {_R}, which is of order one while kappa log T is.",
        where=ALWAYS,
        steps=(
            Step(
                says="where both margins are equal, margin_clean - margin_noisy rises by 2 e g",
                zero=speed(g_c, g_c)[0] - speed(g_c, g_c)[1] - 2 * e * g_c,
            ),
            Step(
                says="margin_clean - margin_noisy = 2 e u - 2 q w - a w <= 2 e u",
                zero=margin_clean - margin_noisy - (2 * e * u - 2 * q * w - a * w),
            ),
            Step(says="margin_clean = a u + gamma >= a u", zero=margin_clean - a * u - gamma),
        ),
    ),
    Argument(
        name="limit.signal-share",
        says="The signal is (kappa/2)(1 - 2 tau) rho_c at every s <= T, up to a factor between 1 - tau (R - 1)/(1 -"
        f" 2 tau) and 1, with {_R}.",
        where=ALWAYS,
        steps=(
            Step(says="gamma = e u - q w <= e u", zero=gamma - (e * u - q * w)),
            Step(
                says="w <= (R - 1) u gives gamma >= e u (1 - (R - 1) q/e)",
                zero=(e * u - q * _more * u) - e * u * (1 - _more * q / e),
            ),
            Step(says="q/e = tau/(1 - 2 tau)", zero=(q / e).subs(_AT) - _tau / (1 - 2 * _tau)),
        ),
    ),
    Argument(
        name="limit.strength",
        says="On a fresh noise patch the signal leads by (1 - 2 tau) sqrt(Q/(2 active)) standard deviations at every"
        " s <= T, with Q = n mu^4/(sigma_xi^4 d), up to the factor of limit.signal-share over 1 to R. So the error"
        " depends on Q alone, and crosses every level where n mu^4 is a constant times sigma_xi^4 d.",
        where="0 <= tau < 1/2, any active fraction, the same for all, and the variance of <w, xi> that of independent"
        " patches; the flow",
        steps=(
            Step(
                says="gamma = e u over a n u^2/(2 d), squared, is (1 - 2 tau)^2 Q/(2 a) with Q = kappa^2 d/n",
                zero=((e * u) ** 2 / (a * _n * u**2 / (2 * _d))).subs(_AT)
                - (1 - 2 * _tau) ** 2 * (_kappa**2 * _d / _n) / (2 * a),
            ),
            Step(says="rho_n = u + w <= R u where w <= (R - 1) u", zero=(u + _more * u) - (1 + _more) * u),
        ),
    ),
    label.LOSS,
)


def label_limit() -> Limit:
    """The limit of one label, and what is proved of it."""
    boxes = (
        Proposition(
            name="limit.first-stage",
            says="While no loss derivative has decayed noise coefficients grow at half a unit of rescaled time, clean"
            " and noisy alike, and the signal at kappa (1 - 2 tau)/4, for every active fraction from 1/2 to 3/4.",
            text="0.45*s <= rho_clean <= 0.51*s and 0.45*s <= rho_noisy <= 0.51*s and 0.22*lead*s <= gamma"
            " <= 0.26*lead*s for s from 0.1 to 0.5",
            region=SMALL,
            told="rates between 0.45 and 0.51, and 0.22 and 0.26 times κ(1−2τ)",
        ),
        Proposition(
            name="limit.order-one",
            says="Every sample, noisy or not, is fitted by its own noise, and the signal is a twentieth of it at most.",
            text="margin_noisy > 0.7 and margin_clean < 1.4 and rho_noisy < 2.1 and rho_clean > 1.5 and gamma < 0.11"
            " at s = 5",
            region=SMALL,
            told="coefficients in [1.5, 2.1], margins in [0.7, 1.4]",
        ),
        Proposition(
            name="limit.late",
            says="All margins are alike late, those of noisy samples too.",
            text="margin_noisy > 1.9 and margin_clean < 2.8 at s = 20",
            region=SMALL,
            told="margins in [1.9, 2.8]",
        ),
    )
    return Limit(
        system=LABEL, statements=(*boxes, *ARGUMENTS), completed=partial(label.completed, tau=TAU, without=SMALL)
    )
