"""The paper's conditions and scaling laws as data, and how surely each wording is known.

Y. Kou, Z. Chen, Y. Chen, Q. Gu, "Benign Overfitting in Two-layer ReLU Convolutional Neural Networks", ICML 2023,
arXiv 2303.04145. Its text is not held: most statements are recalled, a few read in papers that cite it. Whoever owns
the paper corrects them here and nowhere else.

The paper has one flip probability p. A setting has two, tau_plus and tau_minus; the paper's p is both of them, and
every condition on p is asked of either. sigma_p is sigma_xi here.
"""

import sympy as sp
from sympy import Max, log, sqrt

from theory.papers.kou2023.reading import Reading
from theory.statements import Band, Condition, Source, sources
from theory.symbols import C, T_star, d, delta, epsilon, eta, m, mu, n, sigma_0, sigma_xi, tau_minus, tau_plus

REFERENCE = "Kou et al. 2023, arXiv 2303.04145"
CITED = "as Han et al. (ICLR 2025 version) quote it"


recalled, secondary, inferred = sources(REFERENCE, "recalled", "secondary", "inferred")


def derived(what: str) -> Source:
    return Source(provenance="derived", reference=what)


# ---------------------------------------------------------------------------------------------------------------
# Scaling laws: each stated once, exponents are read off.

TIME = n * m / (eta * epsilon * sigma_xi**2 * d)  # to a training loss of epsilon
SIGNAL_GROWTH = eta * mu**2 / m  # of gamma per step while every g_i = Theta(1)
NOISE_GROWTH = eta * sigma_xi**2 * d / (n * m)  # of rho per step
STRENGTH = n * mu**4 / (sigma_xi**4 * d)  # what decides between benign and harmful: n d SNR^4 = kappa^2 d/n


# ---------------------------------------------------------------------------------------------------------------
# Condition 4.1


def condition_kou() -> tuple[Condition, ...]:
    """Condition 4.1: as that of Han et al. but for the dimension, a strong signal and few flips; kappa = o(1)."""
    return (
        Condition(
            name="kou.dimension",
            source=secondary("Condition 4.1 (1)", f"{CITED}; the second term is recalled"),
            statement=d >= C * Max(n * mu**2 / sigma_xi**2 * log(T_star), n**2 * log(n * m / delta) * log(T_star) ** 2),
            says="The dimension beats n times the squared signal-to-noise length, hence kappa = o(1).",
        ),
        Condition(
            name="kou.samples",
            source=recalled("Condition 4.1 (2)"),
            statement=n >= C * log(m / delta),
            says="There are logarithmically many samples.",
        ),
        Condition(
            name="kou.neurons",
            source=recalled("Condition 4.1 (2)"),
            statement=m >= C * log(n / delta),
            says="There are logarithmically many neurons.",
        ),
        Condition(
            name="kou.signal",
            source=recalled("Condition 4.1 (3)"),
            statement=mu**2 >= C * sigma_xi**2 * log(n / delta),
            says="The signal is longer than a noise coordinate, by the square root of a logarithm.",
        ),
        *(
            Condition(
                name=f"kou.flips-{sign}",
                source=secondary("Condition 4.1 (4)", f"{CITED}; p there"),
                statement=tau <= 1 / C,
                says=f"The flip probability of label {label} is a small constant.",
            )
            for sign, label, tau in (("plus", "+1", tau_plus), ("minus", "-1", tau_minus))
        ),
        Condition(
            name="kou.initialization",
            source=recalled("Condition 4.1 (5)"),
            statement=sigma_0 <= 1 / (C * Max(sigma_xi * d / sqrt(n), mu * sqrt(log(m / delta)))),
            says="The initial weights are so small that the network outputs almost nothing.",
        ),
        Condition(
            name="kou.step",
            source=recalled("Condition 4.1 (6)"),
            statement=eta
            <= 1
            / (C * Max(sigma_xi**2 * d ** sp.Rational(3, 2) / (n**2 * m * sqrt(log(n / delta))), sigma_xi**2 * d / n)),
            says="The step size is so small that gradient descent follows its flow.",
        ),
    )


def condition_4_1(reading: Reading = Reading()) -> tuple[Condition, ...]:
    """Condition 4.1, and few flips as they are read."""
    return (*condition_kou(), *_few_flips(reading))


def _few_flips(reading: Reading) -> tuple[Condition, ...]:
    return tuple(
        Condition(
            name=f"few-flips-{sign}",
            source=inferred("Condition 4.1 (4)", "p <= 1/C with a large C; the number is our reading"),
            statement=tau <= sp.Float(reading.flips),
            says=f"Few labels {label} are flipped.",
        )
        for sign, label, tau in (("plus", "+1", tau_plus), ("minus", "-1", tau_minus))
    )


def condition_benign(reading: Reading = Reading()) -> tuple[Condition, ...]:
    """Condition 4.1 with a strong signal."""
    strong = Condition(
        name="benign",
        source=secondary("Theorem 4.2 (2)", "the threshold, in a review; C_1 is our reading"),
        statement=n * mu**4 >= sp.Float(reading.benign) * sigma_xi**4 * d,
        says="The signal is strong.",
    )
    return (strong, *condition_4_1(reading))


def condition_harmful(reading: Reading = Reading()) -> tuple[Condition, ...]:
    """Condition 4.1 with a weak signal."""
    weak = Condition(
        name="harmful",
        source=secondary("Theorem 4.2 (3)", "the threshold, in a review; C_3 is our reading"),
        statement=n * mu**4 <= sp.Float(reading.harmful) * sigma_xi**4 * d,
        says="The signal is weak.",
    )
    return (weak, *condition_4_1(reading))


MANY = 30  # a label's samples, some 15, then hold their flips to within a tenth


def condition_both_sides(reading: Reading = Reading()) -> tuple[Condition, ...]:
    """Condition 4.1 with a signal on both sides of the threshold, and enough samples to tell where it is."""
    return (
        Condition(
            name="both-sides",
            source=derived(
                "the limit of the dynamics, docs/kou2023.md: the error runs from a third to a thousandth there"
            ),
            statement=Band(STRENGTH, 0.03, 10.0),
            says="The signal lies on both sides of the threshold.",
        ),
        Condition(
            name="many-samples",
            source=derived("docs/kou2023.md: the realised flips move the threshold by a factor 1 + O(n^-1/2)"),
            statement=n >= MANY,
            says="Enough samples that the realised share of flips is near its probability.",
        ),
        *condition_4_1(reading),
    )
