"""The paper's conditions and scaling laws as data, and where each wording is from.

A. Han, W. Huang, Z. Zhou, G. Niu, W. Chen, J. Yan, A. Takeda, T. Suzuki, "On the Role of Label Noise in the Feature
Learning Process", ICML 2025 (PMLR 267), arXiv 2505.18909. Held word for word are its abstract and first theorem, and
the main text of the earlier version submitted to ICLR 2025, not the appendix: each statement carries how surely its
wording is known (``theory.statements.PROVENANCE``). Numbers of statements are those of the ICML version.
"""

from collections.abc import Mapping

import sympy as sp
from sympy import Max, log, sqrt

from theory.papers.han2025.reading import Reading
from theory.statements import Band, Condition, Source, sources
from theory.symbols import (
    C,
    T_star,
    d,
    delta,
    epsilon,
    eta,
    kappa,
    m,
    mu,
    n,
    sigma_0,
    sigma_xi,
    tau_minus,
    tau_plus,
)

REFERENCE = "Han et al. 2025"
KOU = "Kou et al. 2023, arXiv 2303.04145"
CAO = "Cao et al. 2022, arXiv 2202.06526"
HUANG = "Huang et al. 2024"


preprint, stated, inferred = sources(REFERENCE, "preprint", "stated", "inferred")


def lineage(reference: str, note: str = "") -> Source:
    return Source(provenance="lineage", reference=reference, note=note)


def derived(what: str) -> Source:
    return Source(provenance="derived", reference=what)


# ---------------------------------------------------------------------------------------------------------------
# Scaling laws: each stated once, exponents are read off.

STAGE_ONE_TIME = n * m / (eta * sigma_xi**2 * d)
STAGE_TWO_TIME = STAGE_ONE_TIME / epsilon
SIGNAL_GROWTH = eta * mu**2 / m  # of gamma per step while every g_i = Theta(1)
NOISE_GROWTH = eta * sigma_xi**2 * d / (n * m)  # of rho per step

# alpha bounds the noise coefficients up to T* in the sibling papers; the paper itself says Theta(log T*).
ALPHA = 4 * log(T_star)


# ---------------------------------------------------------------------------------------------------------------
# Condition 4.1


def sizes() -> tuple[Condition, ...]:
    """Items 2 to 6, which do not depend on a reading."""
    return (
        Condition(
            name="4.1.2-dimension",
            source=preprint(
                "Condition 4.1 (2)",
                "T* = Theta~(eta^-1 epsilon^-1 n m sigma_xi^-1 d^-1) there; sigma_xi^-2 is meant, by the rescaling symmetry",
            ),
            statement=d
            >= C * Max(n**2 * log(n * m / delta) * log(T_star) ** 2, n * mu / sigma_xi * sqrt(log(n / delta))),
            says="The dimension is large enough for noise patches to be nearly orthogonal to each other and to the signal.",
        ),
        Condition(
            name="4.1.3-samples",
            source=preprint("Condition 4.1 (3)"),
            statement=n >= C * log(m / delta),
            says="There are logarithmically many samples.",
        ),
        Condition(
            name="4.1.3-neurons",
            source=preprint("Condition 4.1 (3)"),
            statement=m >= C * log(n / delta),
            says="There are logarithmically many neurons.",
        ),
        Condition(
            name="4.1.4-signal",
            source=preprint("Condition 4.1 (4)"),
            statement=mu**2 >= C * sigma_xi**2 * log(n / delta),
            says="The signal is longer than a noise coordinate, by the square root of a logarithm.",
        ),
        Condition(
            name="4.1.5-initialization",
            source=preprint("Condition 4.1 (5)"),
            statement=sigma_0 <= 1 / (C * Max(sigma_xi * d / sqrt(n), mu * sqrt(log(m / delta)))),
            says="The initial weights are so small that the network outputs almost nothing.",
        ),
        Condition(
            name="4.1.6-step",
            source=preprint("Condition 4.1 (6)"),
            statement=eta
            <= 1
            / (C * Max(sigma_xi**2 * d ** sp.Rational(3, 2) / (n**2 * m * sqrt(log(n / delta))), sigma_xi**2 * d / n)),
            says="The step size is so small that gradient descent follows its flow.",
        ),
    )


def least_dimension(values: Mapping[str, float], constant: float = 1.0, *, largest_step: bool = False) -> float:
    """The d* with which item 2 of Condition 4.1, an inequality in d on both sides, is d >= d*.

    It is well posed. Its second term is d >= C n (mu/sigma_xi) sqrt(log(n/delta)). Its first is d >= A log(T*)^2 with
    A = C n^2 log(nm/delta), where T* >= e depends on d:

    * at a given step size T* = B/d (B = horizon n m/(eta epsilon sigma_xi^2)) as long as that exceeds e: the right side
      falls as d grows, the left rises, so they meet once. There x = sqrt(d) has (x/a) e^(x/a) = sqrt(B)/a with
      a = 2 sqrt(A), that is x = a W(sqrt(B)/a) with Lambert's W; or it is d = A, if that is more.
    * with the largest step that item 6 admits, T* = C (horizon/epsilon) max(m, sqrt(d)/(n sqrt(log(n/delta)))) grows
      with d, yet d/log(T*)^2 rises: its slope in logarithms is 1, or 1 - 1/log T* > 0 where the second term decides. So
      again they meet once, at the largest of A, A log(C m horizon/epsilon)^2 and, for T* = b x, the larger root
      x = -sqrt(A) W_-1(-1/(b sqrt(A))), if there is one: the smaller root has b x < e.

    Args:
        values: n, m, mu, sigma_xi, epsilon, delta, horizon, and eta unless ``largest_step``.
        constant: C.
        largest_step: eta lies at the bound of item 6, at every d.
    """
    v = {name: sp.Float(float(x), 30) for name, x in values.items()}
    samples, neurons, c = v["n"], v["m"], sp.Float(constant, 30)
    union = sp.sqrt(sp.log(samples / v["delta"]))
    second = c * samples * v["mu"] / v["sigma_xi"] * union
    scale = c * samples**2 * sp.log(samples * neurons / v["delta"])
    root = sp.sqrt(scale)
    if not largest_step:
        long = v["horizon"] * samples * neurons / (v["eta"] * v["epsilon"] * v["sigma_xi"] ** 2)
        first = (2 * root * sp.LambertW(sp.sqrt(long) / (2 * root))) ** 2
        return float(sp.Max(first, scale, second))
    short = c * v["horizon"] / v["epsilon"]
    first = scale * sp.Max(1, sp.log(short * neurons)) ** 2
    slope = short / (samples * union)
    if slope * root >= sp.E:
        first = sp.Max(first, (root * sp.LambertW(-1 / (slope * root), -1)) ** 2)
    return float(sp.Max(first, second))


def tau_bands(reading: Reading) -> tuple[Condition, ...]:
    return tuple(
        Condition(
            name=f"4.1.1-tau-{sign}",
            source=preprint("Condition 4.1 (1)", "the numbers are our reading"),
            statement=Band(tau, reading.tau_low, reading.tau_high),
            says=f"The flip probability of label {label} is of order one, below one half.",
        )
        for sign, label, tau in (("plus", "+1", tau_plus), ("minus", "-1", tau_minus))
    )


def no_noise() -> tuple[Condition, ...]:
    return tuple(
        Condition(
            name=f"4.4-no-flips-{sign}",
            source=preprint("Theorem 4.4"),
            statement=sp.Eq(tau, 0),
            says=f"Labels {label} are never flipped.",
        )
        for sign, label, tau in (("plus", "+1", tau_plus), ("minus", "-1", tau_minus))
    )


def _kappa_band(low: float, high: float, name: str = "4.1.1-snr", says: str = "") -> Condition:
    return Condition(
        name=name,
        source=preprint("Condition 4.1 (1)", "n SNR² = Θ(1); the numbers are our reading"),
        statement=Band(kappa * (1 - tau_plus - tau_minus), low, high),
        says=says or r"Signal and noise are learned at the same rate: $n\,\mathrm{SNR}^2$ is of order one.",
    )


def condition_4_1(reading: Reading = Reading()) -> tuple[Condition, ...]:
    """Condition 4.1 with all six items, kappa and tau read as bands."""
    return (_kappa_band(reading.kappa_low, reading.kappa_high), *tau_bands(reading), *sizes())


def condition_clean(reading: Reading = Reading()) -> tuple[Condition, ...]:
    """The conditions of Theorem 4.4: as 4.1, without label noise."""
    return (_kappa_band(reading.kappa_low, reading.kappa_high), *no_noise(), *sizes())


def condition_low_snr(reading: Reading = Reading()) -> tuple[Condition, ...]:
    """Condition 4.1 with kappa(1 - 2 tau) below the threshold 2 on purpose; still Theta(1)."""
    says = r"$n\,\mathrm{SNR}^2$ is of order one, but below the threshold $\kappa(1-2\tau) = 2$ of the mean field."
    return (_kappa_band(0.5, 1.5, "low-snr", says), *tau_bands(reading), *sizes())


def _initialization(tiny: bool) -> Condition:
    """Are the neurons active on a patch those that are active at initialization?

    The other patches push <w, xi_i> by about rho sqrt(n/2d), initially it is sigma_0 sigma_xi sqrt(d). Condition 4.1
    bounds sigma_0 from above alone; far below, the push decides, and neurons outside the initial set join in.
    """
    source = derived(
        "mean-field thresholds: <w_0, xi_i> against the cross-talk rho sqrt(n/2d) at the early moment, rho = 0.01"
    )
    natural = sqrt(n) / (sigma_xi * d)
    if tiny:
        says = "The initial weights are so small that cross-talk decides which neurons are active."
        return Condition(name="tiny-init", source=source, statement=sigma_0 <= natural / 200, says=says)
    says = "The initial weights are large enough that the neurons active first stay the active ones."
    return Condition(name="moderate-init", source=source, statement=sigma_0 >= natural / 20, says=says)


def condition_threshold(reading: Reading = Reading(), tiny_init: bool = False) -> tuple[Condition, ...]:
    """Condition 4.1 with kappa on both sides of the thresholds, and enough samples to tell them."""
    says = r"$n\,\mathrm{SNR}^2$ ranges over both sides of the thresholds 1 and 2 of the mean field."
    many = Condition(
        name="many-samples",
        source=derived("mean-field thresholds: the realised flips move κ(1 − 2τ) by about √(4τ/n)"),
        statement=n >= 100,
        says="Enough samples that the realised share of flips is near tau.",
    )
    band = _kappa_band(0.5, 4.0, "both-sides", says)
    return (band, *tau_bands(reading), many, _initialization(tiny_init), *sizes())


def condition_activation() -> tuple[Condition, ...]:
    """The sizes that Lemma 2.3 asks for."""
    return (
        Condition(
            name="2.3-neurons",
            source=lineage(f"{KOU}, Lemma B.5"),
            statement=m >= 50 * log(2 * n / delta),
            says="Enough neurons for their activations to concentrate.",
        ),
        Condition(
            name="2.3-samples",
            source=lineage(f"{KOU}, Lemma B.6"),
            statement=n >= 32 * log(4 * m / delta),
            says="Enough samples for the activations to concentrate.",
        ),
    )
