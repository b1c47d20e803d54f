"""The paper's conditions and scaling laws as data, and how surely each wording is known.

X. Meng, D. Zou, Y. Cao, "Benign Overfitting in Two-Layer ReLU Convolutional Neural Networks for XOR Data", arXiv
2310.01975. Its text is not held: the threshold and d = Omega(n^2) were read in a review, that the bounds are those of
Kou et al. is recalled. Whoever owns the paper corrects it here and nowhere else.

A sample reads one of four signals: u or -u of label +1, v or -v of label -1, all of length mu; ``cosine`` is that of
the angle between u and v. Its noise is projected off both. The paper's flip probability p is tau_plus and tau_minus.
"""

from dataclasses import replace

import sympy as sp

from theory.papers.kou2023.conditions import MANY, condition_kou
from theory.papers.meng2023.reading import Reading
from theory.statements import Band, Condition, Source, sources
from theory.symbols import d, declare, epsilon, eta, m, mu, n, sigma_xi, tau_minus, tau_plus

REFERENCE = "Meng et al. 2023, arXiv 2310.01975"

cosine = declare(
    "cosine", r"(\cos\theta)", "[0, 1)", "cosine of the angle between both signals", order="~", nonnegative=True
)


recalled, secondary, inferred = sources(REFERENCE, "recalled", "secondary", "inferred")


def derived(what: str) -> Source:
    return Source(provenance="derived", reference=f"{what}, docs/meng2023.md")


TIME = n * m / (eta * epsilon * sigma_xi**2 * d)  # to a training loss of epsilon
NOISE_GROWTH = eta * sigma_xi**2 * d / (n * m)  # of rho per step while every g_i = Theta(1)
STRENGTH = n * mu**4 / (sigma_xi**4 * d)  # what decides between benign and harmful, of orthogonal signals


def sizes() -> tuple[Condition, ...]:
    """Sizes, initial weights and steps: Kou et al.'s, under names of their own."""
    own = recalled("the conditions", "bounds as Kou et al. have them; d = Omega(n^2) in a review")
    return tuple(replace(c, name=c.name.replace("kou", "meng"), source=own) for c in condition_kou())


def _few_flips(reading: Reading) -> tuple[Condition, ...]:
    return tuple(
        Condition(
            name=f"few-flips-{sign}",
            source=inferred("the conditions", "few flips; the number is our reading"),
            statement=tau <= sp.Float(reading.flips),
            says=f"Few labels {label} are flipped.",
        )
        for sign, label, tau in (("plus", "+1", tau_plus), ("minus", "-1", tau_minus))
    )


def _orthogonal() -> Condition:
    return Condition(
        name="orthogonal",
        source=secondary("the first setting", "orthogonal signals, in a review"),
        statement=sp.Eq(cosine, 0),
        says="Both signals are orthogonal.",
    )


def condition_orthogonal(reading: Reading = Reading()) -> tuple[Condition, ...]:
    """What is asked of orthogonal signals."""
    return (_orthogonal(), *sizes(), *_few_flips(reading))


def _angle() -> Condition:
    return Condition(
        name="angle",
        source=secondary(
            "the second setting",
            "signals at an angle, in a review; from 60 to 37 degrees, where laws of the angle differ",
        ),
        statement=Band(cosine, 0.5, 0.8),
        says="The signals are at an angle that matters, and not aligned.",
    )


def condition_angle(reading: Reading = Reading()) -> tuple[Condition, ...]:
    """What is asked of signals at an angle, on both sides of the threshold, where each has its share of samples."""
    balanced = Condition(
        name="balanced-signals",
        source=derived("A_v - cos A_u, which must be positive, is two standard deviations above 0"),
        statement=n * (1 - cosine) ** 2 >= 32,
        says="The samples of one signal outweigh the leak of the other's, at this angle.",
    )
    both = _both_sides(STRENGTH * (1 - cosine**2) ** 2)
    return (_angle(), balanced, *both, *sizes(), *_few_flips(reading))


def condition_angle_few(reading: Reading = Reading()) -> tuple[Condition, ...]:
    """The same with too few samples for that."""
    leaking = Condition(
        name="leaking-signals",
        source=derived("A_v - cos A_u is one standard deviation above 0, or less"),
        statement=cosine >= 1 - sp.sqrt(8 / n),  # n (1-cos)^2 <= 8, in the form that a search can follow
        says="By chance the samples of one signal may not outweigh the leak of the other's.",
    )
    both = _both_sides(STRENGTH * (1 - cosine**2) ** 2)
    return (_angle(), leaking, *both, *sizes(), *_few_flips(reading))


def condition_benign_many(reading: Reading = Reading()) -> tuple[Condition, ...]:
    """Orthogonal, strong signals, each with some 15 samples: more are clean than flipped."""
    many = Condition(
        name="many-of-each",
        source=inferred("the conditions", "n = Omega(log m) with a large constant; the number is our reading"),
        statement=n >= 60,
        says="Every signal has enough samples that more of them are clean than flipped.",
    )
    return (many, *condition_benign(reading))


def condition_benign_few(reading: Reading = Reading()) -> tuple[Condition, ...]:
    """The same with three samples of each signal, which C = 2 admits."""
    few = Condition(
        name="few-of-each",
        source=derived("of three samples two may be flipped"),
        statement=n <= 15,
        says="A signal has some three samples.",
    )
    return (few, *condition_benign(reading))


def condition_benign(reading: Reading = Reading()) -> tuple[Condition, ...]:
    """Orthogonal, strong signals."""
    strong = Condition(
        name="benign",
        source=secondary("the main theorem", "the threshold, in a review; C_1 is our reading"),
        statement=n * mu**4 >= sp.Float(reading.benign) * sigma_xi**4 * d,
        says="The signals are strong.",
    )
    return (strong, *condition_orthogonal(reading))


def condition_harmful(reading: Reading = Reading()) -> tuple[Condition, ...]:
    """Orthogonal, weak signals."""
    weak = Condition(
        name="harmful",
        source=secondary("the main theorem", "the threshold, in a review; C_2 is our reading"),
        statement=n * mu**4 <= sp.Float(reading.harmful) * sigma_xi**4 * d,
        says="The signals are weak.",
    )
    return (weak, *condition_orthogonal(reading))


def _both_sides(strength: sp.Expr) -> tuple[Condition, ...]:
    return (
        Condition(
            name="both-sides",
            source=derived("the limit of the dynamics: the error runs from a third to a thousandth there"),
            statement=Band(strength, 0.5, 160.0),
            says="The signals lie on both sides of the threshold.",
        ),
        Condition(
            name="many-samples",
            source=derived("the realised numbers of each signal move the threshold by a factor 1 + O(n^-1/2)"),
            statement=n >= MANY,
            says="Enough samples of every signal.",
        ),
    )


def condition_both_sides(reading: Reading = Reading()) -> tuple[Condition, ...]:
    """Orthogonal signals on both sides of the threshold."""
    return (*_both_sides(STRENGTH), *condition_orthogonal(reading))
