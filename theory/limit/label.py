"""The limit of one label of a network with a signal patch and a noise patch, which papers share (docs/proofs.md).

Source: derived here, from :mod:`theory.papers.han2025.meanfield`. With a the active fraction (1/2 there),

    gamma' = (kappa/2) [(1 - tau) rho_c' - tau rho_n'],  rho_c' = g(gamma + a rho_c),  rho_n' = g(-gamma + a rho_n),

all zero at first, so that gamma = (kappa/2) [(1 - tau) rho_c - tau rho_n] at all times, of the flow and of the
recursion; two components are left. The parameters here are lead = kappa (1 - 2 tau) and odds = tau/(1 - 2 tau), in
which gamma = (lead/2) [rho_c - odds (rho_n - rho_c)] is of degree one.
"""

from fractions import Fraction

import sympy as sp

from theory.limit.argument import Argument, Step
from theory.limit.system import Region, Scale, System

F = Fraction
ANY = (F(1, 1000), F(1000))

LABEL = System(
    name="label",
    parameters=("lead", "odds", "active"),
    state=("rho_clean", "rho_noisy"),
    arguments=("margin_clean", "margin_noisy"),
    named={
        "kappa": "lead*(1 + 2*odds)",
        "tau": "1/2 - 1/(2*(1 + 2*odds))",
        "gamma": "lead/2*(rho_clean - odds*(rho_noisy - rho_clean))",
        "margin_clean": "gamma + active*rho_clean",
        "margin_noisy": "active*rho_noisy - gamma",
    },
    scales={"tau": Scale(parameter="odds", inverse="tau/(1 - 2*tau)")},
    ranges={
        "lead": ANY,
        "kappa": ANY,
        "tau": (F(0), F(49, 100)),
        "active": (F(1, 100), F(1)),
        "step": (F(0), F(1)),
    },
    says={
        "gamma": "signal coefficient",
        "rho_clean": "own noise coefficient of a clean sample",
        "rho_noisy": "the same of a noisy sample",
        "margin_clean": "margin of a clean sample, gamma + active*rho_clean",
        "margin_noisy": "margin of a noisy sample, active*rho_noisy - gamma",
        "kappa": "n*SNR^2",
        "tau": "probability with which the label is flipped",
        "lead": "kappa*(1 - 2*tau), which the threshold 2 is about",
        "odds": "tau/(1 - 2*tau)",
        "active": "active fraction |S_i|/m, 1/2 in the limit",
        "step": "longest step in s of the recursion; 0 for the flow alone",
        "s": "rescaled time",
    },
    signs={"lead": "κ(1−2τ)", "kappa": "κ", "tau": "τ", "active": "|S_i|/m"},
)

FLOW, HALF = (F(0), F(0)), (F(1, 2), F(1, 2))


def completed(given: Region, tau: tuple[F, F], without: Region) -> dict[str, tuple[Fraction, Fraction]]:
    """A region with what it leaves open: half the neurons active, the flow; and kappa from lead, or lead from kappa.

    Args:
        given: some intervals.
        tau: that of the flip probability, where it is not given.
        without: lead and kappa, where neither is given.

    Raises:
        ValueError: lead and kappa exclude each other at every tau.
    """
    found = {"tau": tau, "active": HALF, "step": FLOW, **given}
    low, high = (1 - 2 * tau for tau in reversed(found["tau"]))
    if "lead" not in found and "kappa" not in found:
        found["lead"], found["kappa"] = without["lead"], without["kappa"]
    elif "lead" not in found:
        found["lead"] = found["kappa"][0] * low, found["kappa"][1] * high
    if "kappa" in found:
        implied = found["kappa"][0] * low, found["kappa"][1] * high
        found["lead"] = max(found["lead"][0], implied[0]), min(found["lead"][1], implied[1])
        if found["lead"][0] > found["lead"][1]:
            raise ValueError("--region: lead and kappa exclude each other, as lead = kappa*(1 - 2*tau); widen one")
    return {name: found[name] for name in LABEL.ranges if name in found}


# ---------------------------------------------------------------------------------------------------------------
# What is argued. e = lead/2 = p - q, p = kappa (1 - tau)/2, q = kappa tau/2; u, v for rho_c, rho_n; w = v - u.

e, q, a, u, w, g_c, g_n, left_c, left_n = sp.symbols("e q a u w g_c g_n left_c left_n", positive=True)
p, v = q + e, u + w
gamma = p * u - q * v
margin_clean, margin_noisy = gamma + a * u, a * v - gamma
U, V = (2 * q + a) / (a * (p + q + a)), (2 * p + a) / (a * (p + q + a))  # limits of s g_c and s g_n


def speed(clean: sp.Expr, noisy: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """How fast both margins rise where (u', v') = (clean, noisy)."""
    signal = p * clean - q * noisy
    return signal + a * clean, a * noisy - signal


def turn(ratio: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """The same where v' is ``ratio`` times u'."""
    return speed(g_c, ratio * g_c)


STEPS = "h <= 1/(kappa tau + active)"

NOISY_FASTER = Argument(
    name="limit.noisy-faster",
    says="A noisy sample's own coefficient exceeds a clean one's, rho_n > rho_c, at all times.",
    where="tau < 1/2, any active fraction, s > 0; the flow, and every recursion with step h <= 4/(kappa tau + active)",
    steps=(
        Step(
            says="margin_clean - margin_noisy = 2 e u - (2q + a) w, so w' >= -(2q + a) w/4 while w >= 0",
            zero=margin_clean - margin_noisy - (2 * e * u - (2 * q + a) * w),
        ),
    ),
)

SIGNAL_POSITIVE = Argument(
    name="limit.signal-positive",
    says="The signal coefficient stays positive.",
    where="0 <= tau < 1/2, any active fraction, s > 0; the flow, and every recursion with step"
    " h <= min(4/(kappa tau + active), 4/(kappa tau))",
    steps=(
        Step(
            says="margin_clean - margin_noisy = 2 gamma - a w, so g_n <= g_c + gamma/2",
            zero=margin_clean - margin_noisy - (2 * gamma - a * w),
        ),
        Step(
            says="gamma' >= e g_c - q gamma/2",
            zero=(p * g_c - q * (g_c + gamma / 2)) - (e * g_c - q * gamma / 2),
        ),
    ),
)

R, r, c = (2 * p + a) / (2 * q + a), sp.Symbol("r", positive=True), sp.Symbol("c", positive=True)  # V/U; g_n/g_c
_fitted = p / (q + a)  # the ratio at which margin_noisy turns

RATIO = Argument(
    name="limit.ratio-trapped",
    says="The ratio g_n/g_c of loss derivatives, from 1 at first, does not fall until it is above R = (2p + a)/(2q +"
    " a), and from then on stays above R.",
    where=f"0 <= tau < 1/2, any active fraction; the flow, and every recursion with step {STEPS}",
    steps=(
        Step(
            says="margin_clean' - margin_noisy' = (2q + a)(R - r) g_c",
            zero=turn(r)[0] - turn(r)[1] - (2 * q + a) * (R - r) * g_c,
        ),
        Step(says="margin_noisy does not rise where r <= p/(q + a)", zero=turn(r)[1] - (q + a) * (r - _fitted) * g_c),
        Step(says="margin_clean rises there", positive=p + a - q * _fitted),
        Step(says="p/(q + a) < R", positive=R - _fitted),
        Step(
            says="log r - c (1 - R/r) rises with r where r > c R",
            zero=sp.diff(sp.log(r) - c * (1 - R / r), r) - (r - c * R) / r**2,
        ),
    ),
)

FITTED_ONCE = Argument(
    name="limit.noisy-fitted-once",
    says="Where a noisy sample's margin falls at first (kappa (1 - 2 tau) > 2 active), it changes sign exactly once,"
    " and rises without bound.",
    where=f"0 <= tau < 1/2, any active fraction; the flow, and every recursion with step {STEPS}",
    steps=(
        Step(says="where margin_noisy turns, margin_noisy' = 0", zero=turn(_fitted)[1]),
        Step(says="and v'/u' rises there, as margin_clean' > 0", positive=left_c * turn(_fitted)[0]),
    ),
)

LOSS = Argument(
    name="limit.loss",
    says="s g(margin_clean) and s g(margin_noisy) tend to U = (2q + a)/(a (p + q + a)) and V = (2p + a)/(a (p + q"
    " + a)), so s L_S tends to the mean of (1 - tau) U + tau V over the labels.",
    where=f"0 <= tau < 1/2, any active fraction; the flow, and every recursion with step {STEPS}",
    steps=(
        Step(
            says="margin_clean' - margin_noisy' = (2p + a) g_c - (2q + a) g_n",
            zero=speed(g_c, g_n)[0] - speed(g_c, g_n)[1] - ((2 * p + a) * g_c - (2 * q + a) * g_n),
        ),
        Step(says="the ratio g_n/g_c tends to V/U", zero=V / U - (2 * p + a) / (2 * q + a)),
        Step(says="d e^(margin_clean)/ds tends to 1/U", zero=(p + a - q * V / U) - 1 / U),
        Step(says="d e^(margin_noisy)/ds tends to 1/V", zero=(q + a - p * U / V) - 1 / V),
    ),
)
