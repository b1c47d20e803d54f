"""What is proved of the mean-field limit, and where (docs/proofs.md). Its equations: :mod:`theory.limit.label`."""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import sympy as sp

from theory.limit import label
from theory.limit.argument import Argument, Step
from theory.limit.claims import Limit, Proposition
from theory.limit.diagram import Diagram
from theory.limit.label import (
    FLOW,
    HALF,
    LABEL,
    U,
    V,
    a,
    e,
    g_c,
    gamma,
    left_c,
    left_n,
    margin_noisy,
    p,
    q,
    turn,
    u,
    v,
    w,
)
from theory.limit.system import Region
from theory.symbols import kappa, tau_minus, tau_plus

F = Fraction

JOINING = (F(2, 5), F(4, 5))
TAU = (F(1, 20), F(1, 4))  # tau_low to tau_high of the reading


def _region(lead: tuple[str, str], kappa: tuple[str, str], **more: tuple[Fraction, Fraction]) -> Mapping:
    ends = {name: (F(low), F(high)) for name, (low, high) in (("lead", lead), ("kappa", kappa))}
    return {**ends, "tau": TAU, "active": HALF, "step": FLOW, **more}


# Where `verify all` finds Theorem 4.1 supported: kappa (1 - 2 max tau) >= 3.2, kappa <= 48, tau_+- from 0.05 to 0.25.
THEOREM = _region(("16/5", "216/5"), ("16/5", "48"))
completed = partial(label.completed, tau=TAU, without=THEOREM)
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
# What is argued. Symbols: theory.limit.label.

b = sp.Symbol("b", positive=True)  # 1 - a
_kappa, _tau_plus, _tau_minus = sp.symbols("kappa tau_plus tau_minus", positive=True)


def _late(tau: sp.Expr) -> sp.Expr:
    """lim gamma/log s."""
    at = {q: _kappa * tau / 2, e: _kappa * (1 - 2 * tau) / 2}
    return (p * U - q * V).subs(at, simultaneous=True)


_ahead = p / (1 + q)  # the ratio v'/u' at which gamma - v turns

ARGUMENTS = (
    label.NOISY_FASTER,
    label.RATIO,
    Argument(
        name="limit.threshold",
        says="A window in which all parts of Theorem 4.1 hold together exists exactly if kappa (1 - 2 tau) > 2: below, the"
        " signal never leads a noisy sample's coefficient.",
        where="tau < 1/2, any active fraction below 1; the flow, and below the threshold every recursion with step"
        " h <= 4/(kappa tau + active)",
        parts={"theorem-4.1": ("stage1.signal-leads",), "proposition-4.3": ("stage1.signal-leads",)},
        steps=(
            Step(says="gamma - v = (e - 1) u - (1 + q) w", zero=gamma - v - ((e - 1) * u - (1 + q) * w)),
            Step(says="early on gamma - v = (e - 1) s/2", zero=(p - q - 1) - (e - 1)),
            Step(says="gamma > v makes margin_noisy = a v - gamma < -(1 - a) v", zero=margin_noisy - (-(1 - a) * v - (gamma - v))),
        ),
    ),
    replace(label.SIGNAL_POSITIVE, parts={"theorem-4.2": ("stage2.clean-fitted",), "theorem-4.4.stage2": ("clean-labels.all-correct",)}),
    Argument(
        name="limit.overtaken-once",
        says="Above the threshold a noisy sample's coefficient overtakes the signal exactly once, at a time of at most"
        " (4 log 2 + h) kappa (1 - tau)/(2 + kappa tau), with h the step.",
        where="kappa (1 - 2 tau) > 2, 0 <= tau < 1/2, active fraction at most 1; the flow (h = 0), and every recursion with"
        f" step {label.STEPS}",
        parts={"theorem-4.2": ("stage2.noisy-memorised",)},
        steps=(
            Step(says="it does not turn later than margin_noisy", zero=p / (q + a) - _ahead - p * (1 - a) / ((1 + q) * (q + a))),
            Step(says="where gamma - v turns, margin_noisy' = -(1 - a) r u'", zero=turn(_ahead)[1] + (1 - a) * _ahead * g_c),
            Step(says="and margin_clean' = (a + r) u'", zero=turn(_ahead)[0] - (a + _ahead) * g_c),
            Step(
                says="so v'/u' rises there, and gamma - v turns only from rising to falling",
                positive=left_n * b * _ahead * g_c + left_c * (a + _ahead) * g_c,
            ),
        ),
    ),
    replace(label.FITTED_ONCE, parts={"theorem-4.2": ("stage2.noisy-memorised",)}),
    replace(label.LOSS, parts={"theorem-4.2": ("stage2.converges",), "theorem-4.4.stage2": ("stage2.converges",)}),
    Argument(
        name="limit.test-error",
        says="The test error tends to (tau_+ + tau_-)/4 if kappa (1 - 2 tau_+ - 2 tau_-) > 2 active, and to 1/2 below.",
        where=f"0 < tau_+- < 1/2, any active fraction, the same for all; the flow, and every recursion with step {label.STEPS}"
        " for both labels. On the threshold nothing is said",
        parts={"theorem-4.2": ("stage2.test-error",)},
        steps=(
            Step(
                says="gamma/log s tends to kappa (1 - 2 tau)/(kappa + 2 a)",
                zero=_late(_tau_plus) - _kappa * (1 - 2 * _tau_plus) / (_kappa + 2 * a),
            ),
            Step(says="a clean margin grows like log s", zero=p * U - q * V + a * U - 1),
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
