"""The mean-field limit as data for proofs: its equations, its regions, and what is proved of it (docs/proofs.md).

Source: derived here, from :mod:`theory.papers.han2025.meanfield`. With a the active fraction (1/2 there),

    gamma' = (kappa/2) [(1 - tau) rho_c' - tau rho_n'],  rho_c' = g(gamma + a rho_c),  rho_n' = g(-gamma + a rho_n),

all zero at first, so that gamma = (kappa/2) [(1 - tau) rho_c - tau rho_n] at all times, of the flow and of the recursion:
the system has two components. The parameters here are lead = kappa (1 - 2 tau) and odds = tau/(1 - 2 tau), in which
gamma = (lead/2) [rho_c - odds (rho_n - rho_c)] is of degree one.
"""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import sympy as sp

from theory.limit.argument import Argument, Step
from theory.limit.claims import Limit, Proposition
from theory.limit.diagram import Diagram
from theory.limit.system import Region, Scale, System
from theory.symbols import kappa, tau_minus, tau_plus

F = Fraction
ANY = (F(1, 1000), F(1000))

LABEL = System(
    name="han2025.label",
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

FLOW, HALF, JOINING = (F(0), F(0)), (F(1, 2), F(1, 2)), (F(2, 5), F(4, 5))
TAU = (F(1, 20), F(1, 4))  # tau_low to tau_high of the reading


def completed(given: Region) -> dict[str, tuple[Fraction, Fraction]]:
    """A region with what it leaves open: tau as in the reading, half the neurons active, the flow; and kappa from lead,
    or lead from kappa, or both as :data:`THEOREM` has them.

    Raises:
        ValueError: lead and kappa exclude each other at every tau.
    """
    found = {"tau": TAU, "active": HALF, "step": FLOW, **given}
    low, high = (1 - 2 * tau for tau in reversed(found["tau"]))
    if "lead" not in found and "kappa" not in found:
        found["lead"], found["kappa"] = THEOREM["lead"], THEOREM["kappa"]
    elif "lead" not in found:
        found["lead"] = found["kappa"][0] * low, found["kappa"][1] * high
    if "kappa" in found:
        implied = found["kappa"][0] * low, found["kappa"][1] * high
        found["lead"] = max(found["lead"][0], implied[0]), min(found["lead"][1], implied[1])
        if found["lead"][0] > found["lead"][1]:
            raise ValueError("--region: lead and kappa exclude each other, as lead = kappa*(1 - 2*tau); widen one")
    return {name: found[name] for name in LABEL.ranges if name in found}


def _region(lead: tuple[str, str], kappa: tuple[str, str], **more: tuple[Fraction, Fraction]) -> Mapping:
    ends = {name: (F(low), F(high)) for name, (low, high) in (("lead", lead), ("kappa", kappa))}
    return {**ends, "tau": TAU, "active": HALF, "step": FLOW, **more}


# Where `verify all` finds Theorem 4.1 supported: kappa (1 - 2 max tau) >= 3.2, kappa <= 48, tau_+- from 0.05 to 0.25.
THEOREM = _region(("16/5", "216/5"), ("16/5", "48"))
# The reading's own band, 3 <= kappa (1 - tau_+ - tau_-) <= 12, lies in these two: kappa >= 3/(1 - 0.1), kappa <= 12/(1 - 0.5),
# and lead >= 3 (1 - 2 * 0.25)/(1 - 0.25 - 0.05) = 15/7.
READING_LOW = _region(("15/7", "27/5"), ("10/3", "6"))
READING_HIGH = _region(("3", "108/5"), ("6", "24"))


def _point(lead: str, tau: str) -> Mapping:
    return {"lead": (F(lead), F(lead)), "tau": (F(tau), F(tau)), "active": HALF, "step": FLOW}


_STAGE_ONE = (
    "gamma > rho_clean and gamma > rho_noisy and margin_clean > 0 and margin_noisy < 0 and {low} <= rho_clean <= 4"
    " and {low} <= rho_noisy <= 4 and {low} <= gamma <= 4 for s from {first} to {last}"
)
_ALL_PARTS = "All parts of Theorem 4.1 hold together, for both labels, at every s from {first} to {last}, coefficients in [{low}, 4]"


# What the inequalities above state, part by part.
_ORDER_ONE = ("stage1.order-one", "stage1.order-one-above")
STAGE_ONE_PARTS = {
    "theorem-4.1": (*_ORDER_ONE, "stage1.signal-leads", "stage1.clean-fitted", "stage1.noisy-ignored"),
    "proposition-4.3": (
        *_ORDER_ONE, "stage1.signal-leads", "selection.clean-below-log2", "selection.noisy-above-log2",
    ),
}  # fmt: skip


def _stage_one(
    name: str, region: Mapping, low: str, first: str, last: str, more: str = "", parts: Mapping | None = None
) -> Proposition:
    said = {"low": low, "first": first, "last": last}
    return Proposition(
        name=name,
        says=_ALL_PARTS.format(**said) + more + ".",
        text=_STAGE_ONE.format(**said),
        region=region,
        told="T₁ at any s in [{first}, {last}], coefficients in [{low}, 4]".format(**said),
        parts=parts or {},
    )


# ---------------------------------------------------------------------------------------------------------------
# What is argued. e = lead/2 = p - q, p = kappa (1 - tau)/2, q = kappa tau/2; u, v for rho_c, rho_n; w = v - u.

e, q, a, u, w, g_c, g_n, left_c, left_n = sp.symbols("e q a u w g_c g_n left_c left_n", positive=True)
b = sp.Symbol("b", positive=True)  # 1 - a
p, v = q + e, u + w
_gamma = p * u - q * v
_margin_c, _margin_n = _gamma + a * u, a * v - _gamma


def _speed(clean: sp.Expr, noisy: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """(margin_clean', margin_noisy') where (u', v') = (clean, noisy)."""
    signal = p * clean - q * noisy
    return signal + a * clean, a * noisy - signal


_kappa, _tau_plus, _tau_minus = sp.symbols("kappa tau_plus tau_minus", positive=True)
_U, _V = (2 * q + a) / (a * (p + q + a)), (2 * p + a) / (a * (p + q + a))


def _late(tau: sp.Expr) -> sp.Expr:
    """lim gamma/log s."""
    at = {q: _kappa * tau / 2, e: _kappa * (1 - 2 * tau) / 2}
    return (p * _U - q * _V).subs(at, simultaneous=True)


def _turn(ratio: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    return _speed(g_c, ratio * g_c)


_ahead, _fitted = p / (1 + q), p / (q + a)  # the ratio v'/u' at which gamma - v, or margin_noisy, turns

ARGUMENTS = (
    Argument(
        name="limit.noisy-faster",
        says="A noisy sample's own coefficient exceeds a clean one's, rho_n > rho_c, at all times.",
        where="tau < 1/2, any active fraction, s > 0; the flow, and every recursion with step h <= 4/(kappa tau + active)",
        steps=(
            Step(
                says="margin_clean - margin_noisy = 2 e u - (2q + a) w, so w' >= -(2q + a) w/4 while w >= 0",
                zero=_margin_c - _margin_n - (2 * e * u - (2 * q + a) * w),
            ),
        ),
    ),
    Argument(
        name="limit.threshold",
        says="A window in which all parts of Theorem 4.1 hold together exists exactly if kappa (1 - 2 tau) > 2: below, the"
        " signal never leads a noisy sample's coefficient.",
        where="tau < 1/2, any active fraction below 1; the flow, and below the threshold every recursion with step"
        " h <= 4/(kappa tau + active)",
        parts={"theorem-4.1": ("stage1.signal-leads",), "proposition-4.3": ("stage1.signal-leads",)},
        steps=(
            Step(says="gamma - v = (e - 1) u - (1 + q) w", zero=_gamma - v - ((e - 1) * u - (1 + q) * w)),
            Step(says="early on gamma - v = (e - 1) s/2", zero=(p - q - 1) - (e - 1)),
            Step(says="gamma > v makes margin_noisy = a v - gamma < -(1 - a) v", zero=_margin_n - (-(1 - a) * v - (_gamma - v))),
        ),
    ),
    Argument(
        name="limit.signal-positive",
        says="The signal coefficient stays positive.",
        where="0 <= tau < 1/2, any active fraction, s > 0; the flow, and every recursion with step"
        " h <= min(4/(kappa tau + active), 4/(kappa tau))",
        parts={"theorem-4.2": ("stage2.clean-fitted",), "theorem-4.4.stage2": ("clean-labels.all-correct",)},
        steps=(
            Step(says="margin_clean - margin_noisy = 2 gamma - a w, so g_n <= g_c + gamma/2", zero=_margin_c - _margin_n - (2 * _gamma - a * w)),
            Step(
                says="gamma' >= e g_c - q gamma/2",
                zero=(p * g_c - q * (g_c + _gamma / 2)) - (e * g_c - q * _gamma / 2),
            ),
        ),
    ),
    Argument(
        name="limit.overtaken-once",
        says="Above the threshold a noisy sample's coefficient overtakes the signal exactly once, at a time of at most"
        " 4 log 2 kappa (1 - tau)/(2 + kappa tau).",
        where="kappa (1 - 2 tau) > 2, 0 <= tau < 1/2, active fraction at most 1; the flow",
        parts={"theorem-4.2": ("stage2.noisy-memorised",)},
        steps=(
            Step(says="where gamma - v turns, margin_noisy' = -(1 - a) r u'", zero=_turn(_ahead)[1] + (1 - a) * _ahead * g_c),
            Step(says="and margin_clean' = (a + r) u'", zero=_turn(_ahead)[0] - (a + _ahead) * g_c),
            Step(
                says="so v'/u' rises there, and gamma - v turns only from rising to falling",
                positive=left_n * b * _ahead * g_c + left_c * (a + _ahead) * g_c,
            ),
        ),
    ),
    Argument(
        name="limit.noisy-fitted-once",
        says="Where a noisy sample's margin falls at first (kappa (1 - 2 tau) > 2 active), it changes sign exactly once, and"
        " rises without bound.",
        where="0 <= tau < 1/2, any active fraction; the flow",
        parts={"theorem-4.2": ("stage2.noisy-memorised",)},
        steps=(
            Step(says="where margin_noisy turns, margin_noisy' = 0", zero=_turn(_fitted)[1]),
            Step(says="and v'/u' rises there, as margin_clean' > 0", positive=left_c * _turn(_fitted)[0]),
        ),
    ),
    Argument(
        name="limit.loss",
        says="s g(margin_clean) and s g(margin_noisy) tend to U = (2q + a)/(a (p + q + a)) and V = (2p + a)/(a (p + q + a)), so s L_S tends"
        " to the mean of (1 - tau) U + tau V over the labels.",
        where="0 <= tau < 1/2, any active fraction; the flow",
        parts={"theorem-4.2": ("stage2.converges",), "theorem-4.4.stage2": ("stage2.converges",)},
        steps=(
            Step(
                says="margin_clean' - margin_noisy' = (2p + a) g_c - (2q + a) g_n",
                zero=_speed(g_c, g_n)[0] - _speed(g_c, g_n)[1] - ((2 * p + a) * g_c - (2 * q + a) * g_n),
            ),
            Step(says="the ratio g_n/g_c tends to V/U", zero=_V / _U - (2 * p + a) / (2 * q + a)),
            Step(says="d e^(margin_clean)/ds tends to 1/U", zero=(p + a - q * _V / _U) - 1 / _U),
            Step(says="d e^(margin_noisy)/ds tends to 1/V", zero=(q + a - p * _U / _V) - 1 / _V),
        ),
    ),
    Argument(
        name="limit.test-error",
        says="The test error tends to (tau_+ + tau_-)/4 if kappa (1 - 2 tau_+ - 2 tau_-) > 2 active, and to 1/2 below.",
        where="0 < tau_+- < 1/2, any active fraction, the same for all; the flow. On the threshold nothing is said",
        parts={"theorem-4.2": ("stage2.test-error",)},
        steps=(
            Step(
                says="gamma/log s tends to kappa (1 - 2 tau)/(kappa + 2 a)",
                zero=_late(_tau_plus) - _kappa * (1 - 2 * _tau_plus) / (_kappa + 2 * a),
            ),
            Step(says="a clean margin grows like log s", zero=p * _U - q * _V + a * _U - 1),
            Step(
                says="the lead over a memorized clean sample has the sign of kappa (1 - 2 tau_+ - 2 tau_-) - 2 a",
                zero=(_late(_tau_plus) + _late(_tau_minus) - 1) * (_kappa + 2 * a)
                - (_kappa * (1 - 2 * _tau_plus - 2 * _tau_minus) - 2 * a),
            ),
        ),
    ),
)  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------
# Theorem 4.1 over kappa (1 - 2 max tau) and max tau, where both labels flip alike. Where the other flips less, a cell that
# is disproved stays so, since this label alone fails in it.


def _plane_region(lead: tuple[F, F], tau: tuple[F, F]) -> Region:
    return completed({"lead": lead, "tau": tau})


def _plane_window(constants: Mapping[str, float]) -> tuple[F, F]:
    first, width = (F(f"{constants[name]:g}") for name in ("T1_least", "T1_width"))
    return first, first * width


_most_flips = sp.Max(tau_plus, tau_minus)
_BAND = "{coefficient_least} <= {it} <= {coefficient_most}"
PLANE = Diagram(
    theorem="theorem-4.1",
    axes=((kappa * (1 - 2 * _most_flips), r"\kappa(1-2\max\tau)"), (_most_flips, r"\max\tau")),
    spans=((F(8, 5), F(64)), TAU),
    halvings=(6, 2),
    constants=("T1_least", "T1_width", "coefficient_least", "coefficient_most"),
    holds="gamma > rho_clean and gamma > rho_noisy and margin_clean > 0 and margin_noisy < 0 and "
    + " and ".join(_BAND.replace("{it}", name) for name in ("rho_clean", "rho_noisy", "gamma")),
    window=_plane_window,
    region=_plane_region,
    says="both labels flip at this rate, half the neurons are active, the flow",
)


def label_limit() -> Limit:
    """The limit of one label, and what is proved of it."""
    boxes = (
        _stage_one("limit.stage1", THEOREM, "0.1", "0.44", "0.9", parts=STAGE_ONE_PARTS),
        _stage_one("limit.stage1.active", {**THEOREM, "active": JOINING}, "0.1", "0.5", "0.85",
                   ", for every active fraction from 0.4 to 0.8"),
        _stage_one("limit.stage1.steps", {**THEOREM, "active": JOINING, "step": (F(0), F(1, 18))}, "0.1", "0.5", "0.8",
                   ", for every active fraction from 0.4 to 0.8 and every recursion with a step of at most 1/18",
                   STAGE_ONE_PARTS),
        _stage_one("limit.stage1.long-steps", {**THEOREM, "step": (F(0), F(3, 25))}, "0.1", "0.5", "0.7",
                   ", and for every recursion with a step of at most 0.12"),
        _stage_one("limit.stage1.reading-low", {**READING_LOW, "step": (F(0), F(1, 18))}, "0.075", "0.163", "0.17",
                   ", in the lower part of the reading's band"),
        _stage_one("limit.stage1.reading-high", {**READING_HIGH, "step": (F(0), F(1, 18))}, "0.1", "0.3", "0.7",
                   ", in its upper part"),
        Proposition(
            name="limit.stage1.not-earlier",
            says="Before s = 0.2 a clean sample's own coefficient is below 0.1, so no window with that constant begins earlier.",
            text="rho_clean < 0.1 at s = 0.2",
            region={**THEOREM, "active": JOINING, "step": FLOW},
        ),
        Proposition(
            name="limit.stage1.no-wider-early",
            says="At kappa = 48 and tau = 0.05 a clean sample's own coefficient is still below 0.1 at s = 0.425: for the"
            " whole region no common window begins earlier.",
            text="rho_clean < 0.1 at s = 0.425",
            region=_point("216/5", "1/20"),
        ),
        Proposition(
            name="limit.stage1.no-wider-late",
            says="At kappa = 6.4 and tau = 0.25 the noisy coefficient has overtaken the signal at s = 0.935: for the whole"
            " region no common window ends later.",
            text="gamma < rho_noisy at s = 0.935",
            region=_point("16/5", "1/4"),
        ),
        Proposition(
            name="limit.clean-labels",
            says="Without flips (Theorem 4.4): the signal and a clean sample's coefficient are in [0.1, 4], and it is"
            " fitted, at every s from 0.6 to 2.",
            text="0.1 <= rho_clean <= 4 and 0.1 <= gamma <= 4 and margin_clean > 0 for s from 0.6 to 2",
            region={**THEOREM, "kappa": (F(16, 5), F(48)), "lead": (F(16, 5), F(48)), "tau": (F(0), F(0))},
            told="T₁ at any s in [0.6, 2], coefficients in [0.1, 4]",
            parts={"theorem-4.4.stage1": (*_ORDER_ONE, "clean-labels.fitted")},
        ),
        Proposition(
            name="limit.stage2.overtaken",
            says="In the lower part of the reading's band the noisy coefficient has overtaken the signal at s = 4, and by"
            " limit.overtaken-once for good.",
            text="gamma < rho_noisy at s = 4",
            region=READING_LOW,
        ),
    )  # fmt: skip
    return Limit(
        system=LABEL,
        statements=(*boxes, *ARGUMENTS),
        completed=completed,
        certificates=Path(__file__).with_name("limit.json.gz"),
        diagrams=(PLANE,),
        distance="meanfield.trajectory",
    )
