"""The paper's conditions and scaling laws as data, and how surely each wording is known.

Z. Chen, J. Zhang, Y. Kou, X. Chen, C.-J. Hsieh, Q. Gu, "Why Does Sharpness-Aware Minimization Generalize Better Than
SGD?", NeurIPS 2023, arXiv 2310.07269. Its text is not held: the thresholds were read in a review and in a paper that
cites it, everything else is recalled or reconstructed. Whoever owns the paper corrects it here and nowhere else.

A sample has P patches, one of them the signal and the other P - 1 one and the same noise vector. A setting counts the
copies, P - 1; conditions are stated in P as the paper has them. The dynamics knows only copies (docs/chen2023.md), so
that rates and thresholds are stated in them: Theta(P) and Theta(P - 1) are one thing.

The paper has one flip probability p. A setting has two; the paper's p is both of them. Its tau, the radius of SAM's
ball, is ``radius`` here, since tau is a flip probability; sigma_p is sigma_xi. Radius 0 is SGD.
"""

import sympy as sp
from sympy import Max, log, sqrt

from theory.papers.chen2023.reading import Reading
from theory.statements import Band, Condition, Source, sources
from theory.symbols import (
    C,
    T_star,
    d,
    declare,
    delta,
    epsilon,
    eta,
    m,
    mu,
    n,
    sigma_0,
    sigma_xi,
    tau_minus,
    tau_plus,
)

REFERENCE = "Chen et al. 2023, arXiv 2310.07269"
KOU = "Kou et al. 2023, arXiv 2303.04145"

copies = declare("copies", "(P-1)", "integer >= 1", "patches of a sample that hold its noise", order=">=")
batch = declare("batch", "B", "integer >= 1", "samples that a step sees", order=">=")
radius = declare(
    "radius", r"\tau", ">= 0", "radius of the ball of sharpness-aware minimization", nonnegative=True, weight=-1
)
P = declare("P", "P", ">= 2", "patches of a sample, of signal and noise", order=">=", definition=copies + 1)


recalled, secondary, inferred = sources(REFERENCE, "recalled", "secondary", "inferred")


def derived(what: str) -> Source:
    return Source(provenance="derived", reference=f"{what}, docs/chen2023.md")


# ---------------------------------------------------------------------------------------------------------------
# Scaling laws: each stated once, exponents are read off.

TIME = n * m / (eta * epsilon * copies**2 * sigma_xi**2 * d)  # of SGD to a training loss of epsilon
NOISE_GROWTH = eta * copies * sigma_xi**2 * d / (n * m)  # of rho per step while every g_i = Theta(1)
SIGNAL_GROWTH = eta * mu**2 / m  # of gamma per step
STRENGTH = n * mu**4 / (copies**4 * sigma_xi**4 * d)  # what decides between benign and harmful for SGD
START = 1 / (P * sigma_xi * sqrt(d))  # of SAM's initial weights
RADIUS = m * sqrt(batch) / (P * sigma_xi * sqrt(d))  # the paper's
NEEDED = sigma_0 * sqrt(m * batch)  # the radius that switches memorizing neurons off
# Of initial weights: as much as an epoch of SGD moves the pre-activations of samples that it has not come to yet.
PUSH = eta * copies * sigma_xi * sqrt(n) / (2 * batch * m)


# ---------------------------------------------------------------------------------------------------------------
# Conditions


def _common(reading: Reading) -> tuple[Condition, ...]:
    """What is asked of both algorithms."""
    strict = P**2 * sigma_xi**2
    return (
        Condition(
            name="chen.dimension",
            source=recalled(
                "Condition 3.2",
                "orders recalled, of the logarithms that its Omega~ hides those without which union bounds"
                " fail; a third"
                " term, P^-2 sigma^-2 B m, is not homogeneous in sigma and left out",
            ),
            statement=d >= C * Max(n**2 * log(n * m / delta), n * mu**2 / strict * log(T_star)),
            says="The dimension is so large that signal coefficients stay below order one.",
        ),
        Condition(
            name="chen.samples",
            source=recalled("Condition 3.2"),
            statement=n >= C * log(m / delta),
            says="There are logarithmically many samples.",
        ),
        Condition(
            name="chen.neurons",
            source=recalled("Condition 3.2"),
            statement=m >= C * log(n / delta),
            says="There are logarithmically many neurons.",
        ),
        Condition(
            name="chen.signal",
            source=secondary(
                "Theorem 4.1",
                "a paper that cites it has |mu| >= Omega~(1); only |mu| >= Omega~(sigma) is the same in all units",
            ),
            statement=mu**2 >= C * sigma_xi**2 * log(n / delta),
            says="The signal is longer than a noise coordinate, by the square root of a logarithm.",
        ),
        Condition(
            name="chen.batch",
            source=derived("a batch is a part of the samples"),
            statement=n >= batch,
            says="A batch has at most all samples.",
        ),
        Condition(
            name="chen.step",
            source=inferred("Condition 3.2", f"that of {KOU} for P patches and batches of B samples"),
            statement=eta
            <= 1
            / (C * Max(strict * d ** sp.Rational(3, 2) / (n * batch * m * sqrt(log(n / delta))), strict * d / batch)),
            says="The step size is so small that a batch moves no margin by much.",
        ),
    )


def _few_flips(reading: Reading) -> tuple[Condition, ...]:
    return tuple(
        Condition(
            name=f"few-flips-{sign}",
            source=recalled("Condition 3.2", "p <= 1/C; the number is our reading"),
            statement=tau <= sp.Float(reading.flips),
            says=f"Few labels {label} are flipped.",
        )
        for sign, label, tau in (("plus", "+1", tau_plus), ("minus", "-1", tau_minus))
    )


def _plain() -> Condition:
    return Condition(
        name="radius-zero",
        source=derived("SGD is SAM of radius 0"),
        statement=sp.Eq(radius, 0),
        says="Gradients are taken where the weights are.",
    )


def _small_start() -> Condition:
    return Condition(
        name="chen.initialization",
        source=inferred("Condition 3.2", f"that of {KOU} for P patches"),
        statement=sigma_0 <= 1 / (C * Max(P * sigma_xi * d / sqrt(n), mu * sqrt(log(n * m / delta)))),
        says="The initial weights are so small that the network outputs almost nothing.",
    )


def condition_sgd(reading: Reading = Reading()) -> tuple[Condition, ...]:
    """What is asked of SGD."""
    return (_plain(), *_common(reading), *_few_flips(reading), _small_start())


def _few_at_a_time() -> Condition:
    return Condition(
        name="few-at-a-time",
        source=derived("most samples then wait for their first batch"),
        statement=n >= 4 * batch,
        says="A batch has at most a quarter of the samples.",
    )


def condition_above_push(reading: Reading = Reading()) -> tuple[Condition, ...]:
    """SGD on small batches, from initial weights that decide which neurons are active when a sample's batch comes."""
    above = Condition(
        name="above-push",
        source=derived("a start of four times the push keeps its sign in all but one of 10^4 neurons"),
        statement=sigma_0 >= 4 * PUSH,
        says="Initial pre-activations exceed what other samples' batches add to them.",
    )
    return (above, _few_at_a_time(), *condition_sgd(reading))


def condition_below_push(reading: Reading = Reading()) -> tuple[Condition, ...]:
    """The same from smaller initial weights, which no condition of the paper that we know of excludes."""
    below = Condition(
        name="below-push",
        source=derived("at a tenth of the push the start decides nothing"),
        statement=10 * sigma_0 <= PUSH,
        says="Other samples' batches add more to pre-activations than they had at the start.",
    )
    return (below, _few_at_a_time(), *condition_sgd(reading))


def condition_benign(reading: Reading = Reading()) -> tuple[Condition, ...]:
    """SGD with a strong signal."""
    strong = Condition(
        name="benign",
        source=secondary("Theorem 3.3", "the threshold, in a review; C_1 is our reading"),
        statement=n * mu**4 >= sp.Float(reading.benign) * P**4 * sigma_xi**4 * d,
        says="The signal is strong.",
    )
    return (strong, *condition_sgd(reading))


def _weak(reading: Reading) -> Condition:
    return Condition(
        name="harmful",
        source=secondary("Theorem 3.3", "the threshold, in a review; C_3 is our reading"),
        statement=n * mu**4 <= sp.Float(reading.harmful) * P**4 * sigma_xi**4 * d,
        says="The signal is weak.",
    )


def condition_harmful(reading: Reading = Reading()) -> tuple[Condition, ...]:
    """SGD with a weak signal."""
    return (_weak(reading), *condition_sgd(reading))


def sam_start(reading: Reading = Reading()) -> tuple[Condition, ...]:
    """The initial weights and the radius of SAM, alone."""
    return (
        Condition(
            name="sam.initialization",
            source=recalled("Theorem 4.1", "sigma_0 = Theta~(P^-1 sigma^-1 d^-1/2); the numbers are our reading"),
            statement=Band(sigma_0 / START, reading.start_low, reading.start_high),
            says="Initial pre-activations on a noise patch are of order 1/P.",
        ),
        Condition(
            name="sam.radius",
            source=recalled("Theorem 4.1", "tau = Theta(m sqrt(B)/(P sigma sqrt(d))); the numbers are our reading"),
            statement=Band(radius / RADIUS, reading.radius_low, reading.radius_high),
            says="The radius is the paper's.",
        ),
    )


def _clean() -> tuple[Condition, ...]:
    return tuple(
        Condition(
            name=f"sam.no-flips-{sign}",
            source=derived("with flipped labels SAM of a fixed radius does not fit, hence does not end"),
            statement=sp.Eq(tau, 0),
            says=f"Labels {label} are never flipped.",
        )
        for sign, label, tau in (("plus", "+1", tau_plus), ("minus", "-1", tau_minus))
    )


def condition_sam_any(reading: Reading = Reading()) -> tuple[Condition, ...]:
    """SAM of the paper's radius, with a signal too weak for SGD, without flips."""
    return (_weak(reading), *_common(reading), *_clean(), *sam_start(reading))


def condition_sam_short(reading: Reading = Reading()) -> tuple[Condition, ...]:
    """The same, with a signal that P - 1 copies of its noise can hide."""
    short = Condition(
        name="short",
        source=derived("what noise holds of the signal's direction"),
        statement=mu <= copies * sigma_xi,
        says="The signal is shorter than what all noise patches together hold of its direction.",
    )
    return (short, *condition_sam_any(reading))


def condition_sam(reading: Reading = Reading()) -> tuple[Condition, ...]:
    """The same, with a signal longer than what P - 1 noise patches hold of its direction."""
    long = Condition(
        name="long",
        source=derived("what noise holds of the signal's direction; Omega~(1), which hides sigma, may hide P"),
        statement=mu >= sp.Float(reading.long) * P * sigma_xi,
        says="The signal is longer than what all noise patches together hold of its direction.",
    )
    return (long, *condition_sam_any(reading))


def condition_first_step(reading: Reading = Reading()) -> tuple[Condition, ...]:
    """SAM's first step, at any signal that the conditions allow and any radius: what does not depend on the radius."""
    start, _ = sam_start(reading)
    return (*_common(reading), *_few_flips(reading), start)


def condition_first_step_at_radius(reading: Reading = Reading()) -> tuple[Condition, ...]:
    """SAM's first step at the paper's radius."""
    return (*_common(reading), *_few_flips(reading), *sam_start(reading))


MANY = 30  # a label's samples, some 15, then hold their flips to within a tenth


def condition_both_sides(reading: Reading = Reading()) -> tuple[Condition, ...]:
    """SGD with a signal on both sides of the threshold, and enough samples to tell where it is."""
    return (
        Condition(
            name="both-sides",
            source=derived("the limit of the dynamics: the error runs from a third to a thousandth there"),
            statement=Band(STRENGTH, 0.03, 10.0),
            says="The signal lies on both sides of the threshold.",
        ),
        Condition(
            name="many-samples",
            source=derived("the realised flips move the threshold by a factor 1 + O(n^-1/2)"),
            statement=n >= MANY,
            says="Enough samples that the realised share of flips is near its probability.",
        ),
        *condition_sgd(reading),
    )
