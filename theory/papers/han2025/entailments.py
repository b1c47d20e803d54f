"""What the conditions entail about orders of magnitude, and what they do not: the bookkeeping of the proofs.

Half of the proofs of Theorems 4.1 to 4.4 is "by Condition 4.1 this term is o(1)". Each such step is a value here,
decided exactly by :mod:`theory.orders`. So are plausible statements that do *not* follow, each refuted by a scaling.
"""

from dataclasses import replace
from functools import cache

import sympy as sp
from sympy import Min, log, sqrt

from theory.orders import Order, Premise, Ruling, premises
from theory.papers import Entailment
from theory.papers.han2025.conditions import (
    ALPHA,
    HUANG,
    KOU,
    NOISE_GROWTH,
    REFERENCE,
    SIGNAL_GROWTH,
    STAGE_ONE_TIME,
    STAGE_TWO_TIME,
    condition_4_1,
)
from theory.papers.han2025.relatives import condition_huang, condition_kou
from theory.statements import Source
from theory.symbols import SNR, T_star, d, delta, epsilon, eta, kappa, m, mu, n, sigma_0, sigma_xi

GROWS = Premise(name="n-grows", order=Order(n, ">>", 1), says="The number of samples tends to infinity.")
LAST = Premise(
    name="T_star-is",
    order=Order(T_star, "~", STAGE_TWO_TIME),
    says="T* is what a target loss of epsilon takes. The logarithms that its Theta~ hides move log T* by a log log.",
)
TARGET = Premise(name="epsilon-bounded", order=Order(epsilon, "<=", 1), says="The target loss does not grow.")
LIMITS = (GROWS, LAST, TARGET)


def named_sets() -> dict[str, tuple[Premise, ...]]:
    """Sets of premises by name. Each says at its end what tends to infinity, as a premise like any other."""
    return {
        "condition-4.1": (*premises(condition_4_1()), *LIMITS),
        "kou": (*premises(condition_kou()), *LIMITS),
        "huang": (*(replace(p, order=replace(p.order, up_to_logs=True)) for p in premises(condition_huang())), *LIMITS),
    }


def _step(where: str, note: str = "") -> Source:
    return Source(provenance="derived", reference=f"step of the proof of {REFERENCE}, {where}", note=note)


def _ours(what: str) -> Source:
    return Source(provenance="derived", reference=what)


@cache
def entailments() -> tuple[Entailment, ...]:
    """All of them: what follows first, then what does not."""
    sets = named_sets()
    ours = sets["condition-4.1"]

    def follows(name: str, source: Source, goal: Order, says: str, given: tuple[Premise, ...] = ours) -> Entailment:
        return Entailment(
            name=f"regime.{name}", source=source, given=given, goal=goal, expected=Ruling.ENTAILED, says=says
        )

    def fails(name: str, source: Source, goal: Order, says: str, given: tuple[Premise, ...] = ours) -> Entailment:
        return Entailment(
            name=f"regime.not.{name}", source=source, given=given, goal=goal, expected=Ruling.NOT_ENTAILED, says=says
        )

    init_output = sqrt(log(m * n / delta)) * sigma_0 * (mu + sigma_xi * sqrt(d))
    cross_talk = n * sqrt(log(n**2 / delta)) / sqrt(d)
    step_terms = (sigma_xi**2 * d ** sp.Rational(3, 2) / (n**2 * m * sqrt(log(n / delta))), sigma_xi**2 * d / n)
    weaker = _with_statement(
        ours, "4.1.2-dimension", Order(d, ">=", n ** sp.Rational(3, 2) * log(n * m / delta) * log(T_star) ** 2)
    )
    theta_one = Premise(name="4.1.1-snr", order=Order(kappa, "~", 1), says=r"$n\,\mathrm{SNR}^2$ is of order one.")
    small_loss = Premise(name="epsilon-vanishes", order=Order(epsilon, "<<", 1), says="The target loss tends to 0.")
    return (
        Entailment(
            name="regime.consistent",
            source=_ours("Condition 4.1 as a whole"),
            given=ours,
            goal=None,
            expected=Ruling.CONSISTENT,
            says="Some scaling satisfies all of Condition 4.1.",
        ),
        # Theorem 4.1.
        follows("T1-many-steps", _step("Theorem 4.1"), Order(STAGE_ONE_TIME, ">>", 1), "Stage I takes many steps."),
        follows(
            "small-steps",
            _step("Theorem 4.1"),
            Order(SIGNAL_GROWTH + NOISE_GROWTH, "<<", 1),
            "One step changes every coefficient by o(1).",
        ),
        follows(
            "same-rate",
            _step("Theorem 4.1"),
            Order(SIGNAL_GROWTH, "~", NOISE_GROWTH),
            "Signal and noise are learned at rates of the same order.",
        ),
        follows(
            "coefficients-order-one",
            _step("Theorem 4.1"),
            Order(STAGE_ONE_TIME * (SIGNAL_GROWTH + NOISE_GROWTH), "~", 1),
            "While the loss derivatives are of order one, T_1 steps make coefficients of order one.",
        ),
        follows(
            "init-output",
            _step("Theorem 4.1", "with the bounds of Lemma 2.2"),
            Order(init_output, "<<", 1),
            "The network's output at initialization is o(1).",
        ),
        follows(
            "loss-derivative",
            _step("Theorem 4.1"),
            Order(STAGE_ONE_TIME * (SIGNAL_GROWTH + NOISE_GROWTH) + init_output + cross_talk, "<=", 1),
            "Outputs stay O(1) up to T_1, so that every loss derivative stays of order one.",
        ),
        follows(
            "cross-talk",
            _step("Theorem 4.1", "projection lemma, coefficients O(1)"),
            Order(cross_talk, "<<", 1),
            "What the other patches add to a patch's projection is o(1).",
        ),
        follows(
            "signal-cross-talk",
            _step("Theorem 4.1", "projection lemma, coefficients O(1)"),
            Order(SNR * n * sqrt(log(n / delta) / d), "<<", 1),
            "What the noise patches add to the projection on the signal is o(1).",
        ),
        follows(
            "noise-norm",
            _step("Lemma 2.1"),
            Order(sqrt(log(n / delta) / d), "<<", 1),
            r"The squared lengths of all noise patches are $\sigma_\xi^2 d\,(1 + o(1))$.",
        ),
        follows(
            "patches-dominate",
            _step("Lemma 2.1"),
            Order(
                sigma_xi**2 * sqrt(d * log(n**2 / delta)) + mu * sigma_xi * sqrt(log(n / delta)),
                "<<",
                sigma_xi**2 * d / n,
            ),
            "Inner products of n patches, or of one and the signal, are small beside a patch's squared length.",
        ),
        follows(
            "snr-vanishes",
            _step("Theorem 4.1"),
            Order(mu, "<<", sigma_xi * sqrt(d)),
            "The signal is shorter than the noise patch.",
        ),
        follows(
            "log-sizes",
            _ours("Condition 4.1 (3)"),
            Order(log(n * m / delta), "<=", Min(n, m)),
            "Union bounds over samples and neurons cost at most n and at most m.",
        ),
        # What T* as a function of the other parameters adds.
        follows(
            "last-iteration",
            _ours("T* with epsilon = O(1)"),
            Order(T_star, ">=", STAGE_ONE_TIME),
            "Stage I ends before T*.",
        ),
        follows(
            "dimension-without-T",
            _ours("Condition 4.1 (2) with T* and item 6"),
            Order(d, ">=", n**2 * log(n * m / delta) * log(m / epsilon) ** 2),
            "Whatever the step size, the dimension grows with the width and with the accuracy asked for.",
        ),
        follows(
            "step-from-below",
            _ours("Condition 4.1 (2) with T*"),
            Order(n**2 * log(n * m / (eta * epsilon * sigma_xi**2 * d)) ** 2, "<=", d),
            "Steps cannot be arbitrarily small: through log T* the dimension bounds them from below.",
        ),
        # Redundant terms of the condition.
        follows(
            "second-dimension-term",
            _ours("Condition 4.1 (2), its second term, from (1) and (4)"),
            Order(d, ">=", n * mu / sigma_xi * sqrt(log(n / delta))),
            "With kappa = Theta(1) the second term of the dimension condition follows from the signal strength alone.",
            tuple(p for p in ours if p.name != "4.1.2-dimension"),
        ),
        follows(
            "initialization-binds",
            _ours("Condition 4.1 (5)"),
            Order(mu * sqrt(log(m / delta)), "<<", sigma_xi * d / sqrt(n)),
            "Of the two terms that bound sigma_0, the one of the noise always binds.",
        ),
        follows(
            "signal-strength",
            _ours("Condition 4.1 (4) from (1) and (2)"),
            Order(mu**2, ">>", sigma_xi**2 * log(n / delta)),
            "With kappa = Theta(1) the signal strength that Condition 4.1 asks for follows from the dimension.",
            tuple(p for p in ours if p.name != "4.1.4-signal"),
        ),
        follows(
            "init-below-cross-talk",
            _ours("Condition 4.1 (5) against the projection lemma"),
            Order(sigma_0 * sigma_xi * sqrt(d), "<<", cross_talk),
            "At coefficients of order one, initial pre-activations lie below the bound on cross-talk: which neurons are"
            " active is not protected by the initialization.",
        ),
        # Theorem 4.2.
        follows(
            "coefficient-bound",
            _step("Theorem 4.2", "coefficient bounds up to T*"),
            Order(cross_talk * ALPHA, "<=", 1),
            "Cross-talk stays O(1) up to T*, with logarithmic coefficients.",
        ),
        follows(
            "stage-two-later",
            _step("Theorem 4.2"),
            Order(STAGE_ONE_TIME, "<<", STAGE_TWO_TIME),
            "As epsilon vanishes, Stage I is a vanishing part of training.",
            (*ours, small_loss),
        ),
        # Proposition 4.3 and Theorem 4.4.
        follows("early-error-vanishes", _step("Proposition 4.3"), Order(d / n, ">>", 1), r"$\exp(-d/(C'n))$ vanishes."),
        follows(
            "clean-error-same",
            _step("Theorem 4.4"),
            Order(n * mu**4 / (sigma_xi**4 * d), "~", d / n),
            "The exponents of Proposition 4.3 and Theorem 4.4 are of the same order.",
        ),
        follows(
            "clean-error-vanishes",
            _step("Theorem 4.4"),
            Order(n * mu**4 / (sigma_xi**4 * d), ">>", 1),
            r"$\exp(-n\Vert\boldsymbol{\mu}\Vert^4/(C\sigma_\xi^4 d))$ vanishes.",
        ),
        # Against the papers it builds on.
        Entailment(
            name="regime.kou-excludes",
            source=_ours(f"Condition 4.1 (1) against {KOU}"),
            given=(*sets["kou"], theta_one, _item(ours, "4.1.6-step")),
            goal=None,
            expected=Ruling.CONTRADICTORY,
            says="The dimension condition of Kou et al. excludes kappa = Theta(1).",
        ),
        Entailment(
            name="regime.huang-excludes",
            source=_ours(f"Condition 4.1 (5) against {HUANG}"),
            given=(*ours, _item(premises(condition_huang()), "huang.dimension")),
            goal=None,
            expected=Ruling.CONTRADICTORY,
            says="The initialization of Condition 4.1 is below what the dimension condition of Huang et al. allows,"
            " without the logarithms that it hides.",
        ),
        # What does not follow.
        fails("width-below-samples", _ours("plausible"), Order(m, "<=", n), "The width is at most the sample size."),
        fails("width-below-dimension", _ours("plausible"), Order(m, "<=", d), "The width is at most the dimension."),
        fails(
            "moderate-init",
            _ours("plausible: activations protected by the initialization"),
            Order(sigma_0, ">=", sqrt(n) / (sigma_xi * d), up_to_logs=True),
            "The initial weights are bounded from below.",
        ),
        fails(
            "first-step-term-binds",
            _ours("plausible"),
            Order(step_terms[1], "<=", step_terms[0]),
            "Of the two terms that bound eta, the first always binds.",
        ),
        fails(
            "second-step-term-binds",
            _ours("plausible"),
            Order(step_terms[0], "<=", step_terms[1]),
            "Of the two terms that bound eta, the second always binds.",
        ),
        fails(
            "coefficient-bound-vanishes",
            _step("Theorem 4.2", "the sharper form"),
            Order(cross_talk * ALPHA, "<<", 1),
            "Cross-talk stays o(1) up to T*, with logarithmic coefficients.",
        ),
        fails(
            "cross-talk-by-samples-alone",
            _ours("cross-talk without the factor log T*"),
            Order(cross_talk, "<<", 1),
            "Cross-talk is o(1) because n grows, whatever T* is.",
            tuple(p for p in ours if p is not LAST),
        ),
        fails(
            "cross-talk-at-three-halves",
            _ours("Condition 4.1 with d ≥ n^1.5"),
            Order(cross_talk, "<<", 1),
            "Cross-talk is o(1) already where $d$ is at least $n^{1.5}$.",
            weaker,
        ),
        fails(
            "step-from-below-by-powers",
            _ours("plausible: the lower bound on the step is a power of its upper bound"),
            Order(eta * sigma_xi**2 * d / n, ">=", n**-100),
            "The step is at most polynomially smaller than allowed.",
        ),
        fails(
            "kou-dimension",
            _ours(f"Condition 4.1 against {KOU}"),
            Order(d, ">=", n * mu**2 / sigma_xi**2 * log(T_star)),
            "The dimension condition of Kou et al. follows.",
        ),
        fails(
            "snr-vanishes-at-fixed-n",
            _ours("Condition 4.1 without n tending to infinity"),
            Order(mu, "<<", sigma_xi * sqrt(d)),
            "The signal-to-noise ratio vanishes even at a fixed number of samples.",
            tuple(p for p in ours if p not in LIMITS),
        ),
        fails(
            "cubic-dimension",
            _ours("plausible: no pair of patches correlates beyond n^-1 of the square root"),
            Order(d, ">=", n**3, up_to_logs=True),
            "The dimension is at least cubic in the samples.",
        ),
    )


def _item(given: tuple[Premise, ...], name: str) -> Premise:
    [found] = [p for p in given if p.name == name]
    return found


def _with_statement(given: tuple[Premise, ...], name: str, order: Order) -> tuple[Premise, ...]:
    _item(given, name)
    return tuple(replace(p, order=order) if p.name == name else p for p in given)
