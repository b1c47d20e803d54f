"""The paper's conditions and claims as data. The one place to correct a statement.

A. Han, W. Huang, Z. Zhou, G. Niu, W. Chen, J. Yan, A. Takeda, T. Suzuki, "On the Role of Label Noise in the Feature
Learning Process", ICML 2025 (PMLR 267), arXiv 2505.18909. The full text was not at hand: each statement carries how
surely its wording is known (``theory.statements.PROVENANCE``).
"""

from dataclasses import dataclass

import sympy as sp
from sympy import Max, log, sqrt

from theory.meanfield import noisy_ignored_threshold, signal_leads_threshold
from theory.statements import (
    AtLeast,
    AtMost,
    Band,
    Claim,
    Condition,
    Crossing,
    Exactly,
    Law,
    Source,
    Theta,
    Within,
)
from theory.symbols import (
    SNR,
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


# What each number of a reading may be: far beyond its meaning, yet every formula stays in floating point. Excluded are
# 1 itself for T_star, and the upper ends of probabilities.
RANGES: dict[str, tuple[float, float]] = {
    "C": (1, 1e12),
    "delta": (1e-30, 1),
    "T_star": (1, 1e30),
    "kappa_low": (1e-6, 1e6),
    "kappa_high": (1e-6, 1e6),
    "tau_low": (1e-9, 0.5),
    "tau_high": (1e-9, 0.5),
    "order_one": (1e-9, 1e6),
}


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Numbers for what the paper leaves unnamed. Ours, not the paper's; every one is settable.

    Attributes:
        C: what "a large enough constant" must at least reach, >= 1.
        delta: failure probability, in (0, 1).
        T_star: largest iteration considered, > 1.
        kappa_low, kappa_high: kappa = Theta(1), read as kappa_low <= kappa (1 - tau_+ - tau_-) <= kappa_high. The
            mean field puts gamma > rho above kappa (1 - 2 tau) = 2 and "noisy samples are ignored" above 1.
        tau_low, tau_high: tau = Theta(1) below 1/2, read as tau_low <= tau_+- <= tau_high.
        order_one: a coefficient counts as Theta(1) from this value on; it dates T_1. Small enough that the signal
            has not yet saturated the clean samples at kappa_high (gamma is about kappa/2 times rho).
        labels: of the training set: "balanced", |S_1| = |S_-1| = n/2 and flips exact in number, as the paper assumes
            without loss of generality; or "drawn" independently.
    """

    C: float = 2.0
    delta: float = 0.1
    T_star: float = 1e6
    kappa_low: float = 3.0
    kappa_high: float = 12.0
    tau_low: float = 0.05
    tau_high: float = 0.25
    order_one: float = 0.25
    labels: str = "drawn"

    def __post_init__(self) -> None:
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high or (value == low and name == "T_star") or (value == high and high <= 1):
                above = "above" if name == "T_star" else "from"
                below = "below" if high <= 1 else "at most"
                raise ValueError(f"{name} = {value}: must be {above} {low:g} and {below} {high:g}")
        for low, high in (("kappa_low", "kappa_high"), ("tau_low", "tau_high")):
            if not getattr(self, low) < getattr(self, high):
                raise ValueError(f"{low} = {getattr(self, low)}: must be below {high} = {getattr(self, high)}")
        if self.labels not in ("drawn", "balanced"):
            raise ValueError(f"labels = {self.labels!r}: must be drawn or balanced")


def _secondary(where: str, note: str = "") -> Source:
    return Source(provenance="secondary", reference=f"{REFERENCE}, {where}", note=note)


def _stated(where: str, note: str = "") -> Source:
    return Source(provenance="stated", reference=f"{REFERENCE}, {where}", note=note)


def _lineage(reference: str, note: str = "") -> Source:
    return Source(provenance="lineage", reference=reference, note=note)


def _inferred(where: str, note: str) -> Source:
    return Source(provenance="inferred", reference=f"{REFERENCE}, {where}", note=note)


def _derived(what: str) -> Source:
    return Source(provenance="derived", reference=what)


# ---------------------------------------------------------------------------------------------------------------
# Scaling laws: each stated once, exponents are read off.

STAGE_ONE_TIME = n * m / (eta * sigma_xi**2 * d)
STAGE_TWO_TIME = STAGE_ONE_TIME / epsilon
SIGNAL_GROWTH = eta * mu**2 / m  # of gamma per step while every g_i = Theta(1)
NOISE_GROWTH = eta * sigma_xi**2 * d / (n * m)  # of rho per step

# alpha bounds the noise coefficients up to T* (probably Proposition 5.2).
ALPHA = 4 * log(T_star)


# ---------------------------------------------------------------------------------------------------------------
# Condition 4.1


def _sizes() -> tuple[Condition, ...]:
    """Items 2 to 5, which do not depend on a reading."""
    return (
        Condition(
            name="4.1.2-dimension",
            source=_secondary("Condition 4.1 (2)", "both terms secondary, the log arguments inferred from Kou et al."),
            statement=d
            >= C * Max(n**2 * log(n * m / delta) * log(T_star) ** 2, n * mu / sigma_xi * sqrt(log(n / delta))),
            says="The dimension is large enough for noise patches to be nearly orthogonal to each other and to the signal.",
        ),
        Condition(
            name="4.1.3-samples",
            source=_inferred("Condition 4.1 (3)", "from Kou et al."),
            statement=n >= C * log(m / delta),
            says="There are logarithmically many samples.",
        ),
        Condition(
            name="4.1.3-neurons",
            source=_inferred("Condition 4.1 (3)", "from Kou et al."),
            statement=m >= C * log(n / delta),
            says="There are logarithmically many neurons.",
        ),
        Condition(
            name="4.1.4-initialization",
            source=_inferred("Condition 4.1 (4)", "from Kou et al."),
            statement=sigma_0 <= 1 / (C * Max(sigma_xi * d / sqrt(n), mu * sqrt(log(m / delta)))),
            says="The initial weights are so small that the network outputs almost nothing.",
        ),
        Condition(
            name="4.1.5-step",
            source=_inferred("Condition 4.1 (5)", "from Kou et al."),
            statement=eta
            <= 1
            / (C * Max(sigma_xi**2 * d ** sp.Rational(3, 2) / (n**2 * m * sqrt(log(n / delta))), sigma_xi**2 * d / n)),
            says="The step size is so small that gradient descent follows its flow.",
        ),
    )


def _tau_bands(reading: Reading) -> tuple[Condition, ...]:
    return tuple(
        Condition(
            name=f"4.1.1-tau-{sign}",
            source=_secondary("Condition 4.1 (1)", "the numbers are our reading"),
            statement=Band(tau, reading.tau_low, reading.tau_high),
            says=f"The flip probability of label {label} is of order one, below one half.",
        )
        for sign, label, tau in (("plus", "+1", tau_plus), ("minus", "-1", tau_minus))
    )


def _no_noise() -> tuple[Condition, ...]:
    return tuple(
        Condition(
            name=f"4.4-no-flips-{sign}",
            source=_secondary("Theorem 4.4"),
            statement=sp.Eq(tau, 0),
            says=f"Labels {label} are never flipped.",
        )
        for sign, label, tau in (("plus", "+1", tau_plus), ("minus", "-1", tau_minus))
    )


def _kappa_band(low: float, high: float, name: str = "4.1.1-snr", says: str = "") -> Condition:
    return Condition(
        name=name,
        source=_secondary("Condition 4.1 (1)", "n SNR² = Θ(1); the numbers are our reading"),
        statement=Band(kappa * (1 - tau_plus - tau_minus), low, high),
        says=says or r"Signal and noise are learned at the same rate: $n\,\mathrm{SNR}^2$ is of order one.",
    )


def condition_4_1(reading: Reading = Reading()) -> tuple[Condition, ...]:
    """Condition 4.1 with all five items, kappa and tau read as bands."""
    return (_kappa_band(reading.kappa_low, reading.kappa_high), *_tau_bands(reading), *_sizes())


def condition_clean(reading: Reading = Reading()) -> tuple[Condition, ...]:
    """The conditions of Theorem 4.4: as 4.1, without label noise."""
    return (_kappa_band(reading.kappa_low, reading.kappa_high), *_no_noise(), *_sizes())


def condition_low_snr(reading: Reading = Reading()) -> tuple[Condition, ...]:
    """Condition 4.1 with kappa(1 - 2 tau) below the threshold 2 on purpose; still Theta(1)."""
    says = r"$n\,\mathrm{SNR}^2$ is of order one, but below the threshold $\kappa(1-2\tau) = 2$ of the mean field."
    return (_kappa_band(0.5, 1.5, "low-snr", says), *_tau_bands(reading), *_sizes())


def _initialization(tiny: bool) -> Condition:
    """Are the neurons active on a patch those that are active at initialization?

    The other patches push <w, xi_i> by about rho sqrt(n/2d), initially it is sigma_0 sigma_xi sqrt(d). Condition 4.1
    bounds sigma_0 from above alone; far below, the push decides, and neurons outside the initial set join in.
    """
    source = _derived(
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
        source=_derived("mean-field thresholds: the realised flips move κ(1 − 2τ) by about √(4τ/n)"),
        statement=n >= 100,
        says="Enough samples that the realised share of flips is near tau.",
    )
    band = _kappa_band(0.5, 4.0, "both-sides", says)
    return (band, *_tau_bands(reading), many, _initialization(tiny_init), *_sizes())


def condition_activation() -> tuple[Condition, ...]:
    """The sizes that Lemma 2.3 asks for."""
    return (
        Condition(
            name="2.3-neurons",
            source=_lineage(f"{KOU}, Lemma B.5"),
            statement=m >= 50 * log(2 * n / delta),
            says="Enough neurons for their activations to concentrate.",
        ),
        Condition(
            name="2.3-samples",
            source=_lineage(f"{KOU}, Lemma B.6"),
            statement=n >= 32 * log(4 * m / delta),
            says="Enough samples for the activations to concentrate.",
        ),
    )


# ---------------------------------------------------------------------------------------------------------------
# Claims


def claims(reading: Reading = Reading()) -> tuple[Claim, ...]:
    """Every claim, in the order of the paper; the two contrasts last."""
    inside = condition_4_1(reading)
    clean = condition_clean(reading)
    first, second = "Theorem 4.1", "Theorem 4.2"
    one = sp.Integer(1)

    def claim(
        name: str, source: Source, observable: str | tuple[str, ...], law: Law | tuple, says: str, **more
    ) -> Claim:
        needs = more.pop("needs", inside)
        return Claim(name=name, source=source, needs=needs, observable=observable, law=law, says=says, **more)

    return (
        # Exact identities.
        claim(
            "recursion.exact",
            _derived("exact recursion, docs/numerics.md"),
            "recursion_residual",
            Exactly(1e-9, "float64 rounding over 200 steps is near 1e-13; a wrong term shows at order one"),
            "Gradient descent on the network is the coefficient recursion, step by step.",
            needs=(),
            latex=r"w^{(t)} = w^{(0)} + j\gamma^{(t)}\mu/\|\mu\|^2 + \sum_i \rho_i^{(t)}\xi_i/\|\xi_i\|^2",
            tested="largest relative gap between autograd on dense data and the recursion, d below, at and above n; that"
            " the recursion holds on every activation pattern is proved symbolically in theory.proofs",
        ),
        claim(
            "conservation.exact",
            _derived("conservation law, docs/numerics.md"),
            "conservation_residual",
            Exactly(1e-9, "float64 rounding over 200 steps is near 1e-13; a wrong term shows at order one"),
            "What a neuron learns of the signal is a fixed combination of what is memorized of its samples.",
            needs=(),
            latex=r"\Delta\gamma_{j,r} = \sum_{y_i=j} y_i\tilde y_i \tfrac{\|\mu\|^2}{\|\xi_i\|^2}\Delta\bar\rho_{\tilde y_i,r_i,i}",
            tested="largest relative residual over the windows in which the neurons stay active; proved symbolically in"
            " theory.proofs",
        ),
        # Lemmas.
        claim(
            "margins.prediction",
            _secondary("Lemma 5.1"),
            "margin_error_stage1",
            Within(high=sp.Rational(1, 4)),
            "Margins are what the coefficients say: noise plus signal on clean samples, noise minus signal on noisy ones.",
            latex=r"\tilde y_i f \approx \tfrac1m\textstyle\sum_r(\bar\rho_{\tilde y_i,r,i} \pm \gamma_{y_i,r})",
            tested="the largest gap up to T_1; 'a small constant' is read as 1/4, the value at which coefficients"
            " count as of order one",
        ),
        claim(
            "coefficients.bounded",
            _lineage(f"{KOU}, Proposition C.2", "probably Proposition 5.2 here"),
            ("rho_max_run", "rho_min_beyond_beta", "gamma_max_run"),
            (
                Within(0, ALPHA),
                Within(low=-10 * n * sqrt(log(6 * n**2 / delta) / d) * ALPHA),
                AtMost(kappa * ALPHA),
            ),
            "All coefficients stay logarithmic up to T*.",
            latex=r"0\le\bar\rho\le\alpha,\quad 0\ge\underline\rho\ge-\beta-10n\sqrt{\log(6n^2/\delta)/d}\,\alpha,"
            r"\quad \gamma = O(\kappa\alpha)",
            tested="the extremes over the whole run, which ends at L_S <= epsilon",
        ),
        claim(
            "concentration.noise-norm",
            _lineage(f"{CAO}, Lemma B.4", "Lemma 2.1 here"),
            ("noise_norm_min", "noise_norm_max"),
            (Within(low=sigma_xi**2 * d / 2), Within(high=3 * sigma_xi**2 * d / 2)),
            r"Noise patches have length about $\sigma_\xi\sqrt{d}$.",
            latex=r"\sigma_\xi^2 d/2 \le \|\xi_i\|^2 \le 3\sigma_\xi^2 d/2",
        ),
        claim(
            "concentration.cross",
            _lineage(f"{CAO}, Lemma B.4", "Lemma 2.1 here"),
            "noise_cross_max",
            Within(high=2 * sigma_xi**2 * sqrt(d * log(6 * n**2 / delta))),
            "Noise patches are nearly orthogonal to each other.",
            latex=r"|\langle\xi_i,\xi_k\rangle| \le 2\sigma_\xi^2\sqrt{d\log(6n^2/\delta)}",
        ),
        claim(
            "concentration.signal",
            _lineage(f"{CAO}, Lemma B.4", "Lemma 2.1 here"),
            "noise_signal_max",
            Within(high=mu * sigma_xi * sqrt(2 * log(6 * n / delta))),
            "Noise patches are nearly orthogonal to the signal.",
            latex=r"|\langle\xi_i,\mu\rangle| \le \|\mu\|\sigma_\xi\sqrt{2\log(6n/\delta)}",
        ),
        claim(
            "init.signal",
            _lineage(f"{CAO}, Lemma B.5", "Lemma 2.2 here"),
            ("init_signal_max", "init_signal_best"),
            (Within(high=sqrt(2 * log(8 * m / delta)) * sigma_0 * mu), Within(low=sigma_0 * mu / 2)),
            "Initial overlaps with the signal are small, and some neuron of each sign starts aligned.",
            latex=r"|\langle w^{(0)},\mu\rangle| \le \sqrt{2\log(8m/\delta)}\,\sigma_0\|\mu\|,\quad"
            r"\max_r j\langle w^{(0)}_{j,r},\mu\rangle \ge \sigma_0\|\mu\|/2",
        ),
        claim(
            "init.noise",
            _lineage(f"{CAO}, Lemma B.5", "Lemma 2.2 here"),
            ("init_noise_max", "init_noise_best"),
            (
                Within(high=2 * sqrt(log(8 * m * n / delta)) * sigma_0 * sigma_xi * sqrt(d)),
                Within(low=sigma_0 * sigma_xi * sqrt(d) / 4),
            ),
            "Initial overlaps with noise are small, and every noise patch has an aligned neuron of each sign.",
            latex=r"|\langle w^{(0)},\xi_i\rangle| \le 2\sqrt{\log(8mn/\delta)}\,\sigma_0\sigma_\xi\sqrt d,\quad"
            r"\max_r j\langle w^{(0)}_{j,r},\xi_i\rangle \ge \sigma_0\sigma_\xi\sqrt d/4",
        ),
        claim(
            "activation.neurons",
            _lineage(f"{KOU}, Lemma B.5", "Lemma 2.3 here"),
            "active_neurons_share",
            Within(low=sp.Rational(2, 5)),
            "On every sample, at least 0.4 of the neurons of its label start active.",
            needs=condition_activation(),
            latex=r"|\{r: \langle w^{(0)}_{\tilde y_i,r},\xi_i\rangle>0\}| \ge 0.4\,m",
        ),
        claim(
            "activation.samples",
            _lineage(f"{KOU}, Lemma B.6", "Lemma 2.3 here"),
            "active_samples_share",
            Within(low=sp.Rational(1, 8)),
            "Every neuron starts active on at least n/8 samples of its label.",
            needs=condition_activation(),
            latex=r"|\{i: \tilde y_i=j, \langle w^{(0)}_{j,r},\xi_i\rangle>0\}| \ge n/8",
        ),
        claim(
            "projection.noise",
            _lineage(HUANG),
            "projection_noise_stage1",
            Within(high=5 * n * sqrt(log(6 * n**2 / delta) / d)),
            "What a neuron moved along a noise patch is that patch's coefficient.",
            latex=r"|\langle w_t-w_0,\xi_i\rangle - \rho_i| \le 5n\sqrt{\log(6n^2/\delta)/d}",
            tested="up to T_1, divided by the largest coefficient where that exceeds one",
        ),
        claim(
            "projection.signal",
            _lineage(HUANG),
            "projection_signal_stage1",
            Within(high=SNR * n * sqrt(8 * log(6 * n / delta) / d)),
            "What a neuron moved along the signal is its signal coefficient.",
            latex=r"|\langle w_t-w_0,\mu\rangle - j\gamma| \le \mathrm{SNR}\,n\sqrt{8\log(6n/\delta)/d}",
            tested="up to T_1, divided by the largest coefficient where that exceeds one",
        ),
        # Theorem 4.1.
        claim(
            "stage1.time",
            _stated(first),
            "order_one_time",
            Theta(STAGE_ONE_TIME, constant="constant_stage_one"),
            "All coefficients reach order one at a time T_1 of this exact order.",
            latex=r"T_1 = \Theta(\eta^{-1}nm\sigma_\xi^{-2}d^{-1})",
            tested=f"the first iteration at which every gamma and every own rho is at least {reading.order_one}",
        ),
        claim(
            "stage1.order-one",
            _stated(first, "the statement on rho is stated, that on gamma secondary"),
            ("coefficient_min_T1", "coefficient_max_T1"),
            (Within(low=reading.order_one), AtMost(one)),
            "At T_1 all signal coefficients and all own noise coefficients are of order one together.",
            latex=r"\bar\rho^{(T_1)}_{\tilde y_i,r,i} = \Theta(1),\quad \gamma^{(T_1)}_{j,r} = \Theta(1)",
            tested="T_1 is dated by the smallest coefficient; tested is that it comes, and how large the largest then is",
        ),
        claim(
            "stage1.signal-growth",
            _lineage(KOU, "the rate behind gamma = Theta(1) at T_1"),
            "signal_growth",
            Theta(SIGNAL_GROWTH, constant="constant_signal"),
            "While no loss derivative has decayed, signal coefficients grow at this rate.",
            latex=r"\Delta\gamma/\Delta t = \Theta(\eta\|\mu\|^2/m)",
            tested="the mean signal coefficient per iteration at the first time when own rho reach 1/25 of"
            " order one on average",
        ),
        claim(
            "stage1.noise-growth",
            _lineage(KOU, "the rate behind rho = Theta(1) at T_1"),
            "noise_growth",
            Theta(NOISE_GROWTH),
            "While no loss derivative has decayed, own noise coefficients grow at this rate.",
            latex=r"\Delta\bar\rho/\Delta t = \Theta(\eta\sigma_\xi^2 d/(nm))",
            tested="the mean own noise coefficient per iteration at the same time",
        ),
        claim(
            "stage1.signal-leads",
            _secondary(first),
            "signal_lead_T1",
            Within(low=0),
            "At T_1 every signal coefficient exceeds every own noise coefficient.",
            latex=r"\gamma^{(T_1)}_{j,r} > \bar\rho^{(T_1)}_{\tilde y_i,r,i}",
        ),
        claim(
            "stage1.clean-fitted",
            _stated(first, "stated in words, secondary as formula"),
            "margin_clean_min_T1",
            Within(low=0),
            "At T_1 every clean sample is fitted.",
            latex=r"\tilde y_i f(x_i) \ge 0 \ \ \forall i \in S_t",
        ),
        claim(
            "stage1.noisy-ignored",
            _stated(first, "stated in words, secondary as formula"),
            "margin_noisy_max_T1",
            Within(high=0),
            "At T_1 every noisy sample is still predicted as its true label.",
            latex=r"\tilde y_i f(x_i) \le 0 \ \ \forall i \in S_f",
        ),
        claim(
            "stage1.loss-derivative",
            _secondary(first),
            "loss_derivative_min_stage1",
            AtLeast(one),
            "Up to T_1 every loss derivative stays of order one.",
            latex=r"|\ell'_i| \ge K > 0 \quad \forall t\le T_1",
        ),
        # Theorem 4.2.
        claim(
            "stage2.time",
            _inferred(second, "the loss is secondary, the rate inferred from Kou et al."),
            "convergence_time",
            Theta(STAGE_TWO_TIME, up_to_logs=True, constant="constant_stage_two"),
            "The training loss reaches epsilon at a time of this order up to logarithms.",
            latex=r"T_\varepsilon = \tilde\Theta(\eta^{-1}\varepsilon^{-1}nm\sigma_\xi^{-2}d^{-1})",
            tested="the first iteration with L_S <= epsilon",
        ),
        claim(
            "stage2.converges",
            _secondary(second),
            "converged",
            Within(low=1),
            "The training loss reaches every epsilon.",
            latex=r"\exists t: L_S \le \varepsilon",
            tested="whether it does within four times the mean-field time",
        ),
        claim(
            "stage2.clean-fitted",
            _secondary(second),
            "margin_clean_min_stage2",
            Within(low=0),
            "Clean samples stay fitted from T_1 on.",
            latex=r"\tilde y_i f(x_i) \ge 0\ \ \forall i\in S_t,\ t\ge T_1",
        ),
        claim(
            "stage2.signal-positive",
            _secondary(second),
            "gamma_min_stage2",
            Within(low=0),
            "Signal coefficients stay positive from T_1 on.",
            latex=r"\gamma_{j,r} > 0\ \ \forall t\ge T_1",
        ),
        claim(
            "stage2.noisy-memorised",
            _secondary(second),
            "noisy_memorised_end",
            AtLeast(one),
            "At convergence a constant share of all samples is noisy, fitted, and remembered more strongly than the signal.",
            latex=r"|\{i\in S_f: \tilde y_i f>0,\ \bar\rho_{\tilde y_i,r,i}>\gamma\}| \ge \tau' n",
        ),
        claim(
            "stage2.test-error",
            _secondary(second, "D_test's noise level and independence inferred"),
            "spurious_excess_end",
            Within(low=0),
            "At convergence the test error on shared noise patches is at least half the flip rate.",
            latex=r"L^{0-1}_{D_{\mathrm{test}}} \ge 0.5\min\{\tau_+,\tau_-\}",
            tested="the run with its realised flips: error at least $|S_f|/(2n)$, which implies 0.5 min of the realised flip"
            " rates. With the nominal rates"
            " the bound equals the error's expectation at tau_+ = tau_-, and a run with fewer flips falls below it",
        ),
        # Proposition 4.3.
        claim(
            "early-stopping.test-error",
            _secondary("Proposition 4.3"),
            "spurious_exponent_T1",
            AtLeast(d / n),
            "At T_1 the test error on shared noise patches is exponentially small in d/n.",
            latex=r"L^{0-1}_{D_{\mathrm{test}}} \le \exp(-d/(C'n))",
            tested="-log of a certified upper bound on the error (Gaussian concentration of the trained network),"
            r" as $K\,d/n$",
        ),
        claim(
            "selection.log2",
            _secondary("Proposition 4.3"),
            ("selection_precision_T1", "selection_recall_T1"),
            (Within(low=1), Within(low=1)),
            "At T_1 the threshold log 2 on the loss separates clean from noisy samples perfectly.",
            latex=r"\ell_i \le \log 2\ \forall i\in S_t,\quad \ell_i \ge \log 2\ \forall i\in S_f",
        ),
        # Theorem 4.4.
        claim(
            "clean-labels.all-correct",
            _secondary("Theorem 4.4"),
            "margin_min_after_first",
            Within(low=0),
            "Without label noise all samples stay correctly classified throughout.",
            needs=clean,
            latex=r"\tilde y_i f(x_i) > 0\ \ \forall i,\ t\ge 1",
            tested="from the first step on: at t = 0 the output is a coin flip",
        ),
        claim(
            "clean-labels.test-error",
            _secondary("Theorem 4.4"),
            "spurious_exponent_end",
            AtLeast(n * mu**4 / (sigma_xi**4 * d)),
            "Without label noise the test error at convergence is exponentially small.",
            needs=clean,
            latex=r"L^{0-1}_{D_{\mathrm{test}}} \le \exp(-n\|\mu\|^4/(C_D\sigma_\xi^4 d))",
            tested="-log of a certified upper bound on the error (Gaussian concentration of the trained network),"
            r" as $K\,n\Vert\boldsymbol{\mu}\Vert^4/(\sigma_\xi^4 d)$",
        ),
        # Derived: the limit in which every run collapses on one curve.
        claim(
            "meanfield.trajectory",
            _derived("mean field, theory/meanfield.py"),
            "meanfield_gap",
            AtMost(1 / sqrt(n)),
            "In rescaled time every run follows the mean-field curve of its kappa, tau_+ and tau_-.",
            latex=r"\sup_s |\mathrm{run}(s)-\mathrm{mf}(s)|/(1+\mathrm{mf}) = O(n^{-1/2})",
            tested="class means of gamma and rho against the curve at every recorded time; flips and label sizes fluctuate"
            " by $n^{-1/2}$, the active fractions of a class mean only by $(nm)^{-1/2}$",
        ),
        claim(
            "meanfield.threshold",
            _derived("mean-field thresholds, theory/meanfield.py"),
            tuple(f"early_{what}_{label}" for what in ("signal_lead", "noisy_margin") for label in ("plus", "minus")),
            tuple(
                Crossing(threshold.along, float(threshold.at), 0.1, "5 % of the higher threshold")
                for derived in (signal_leads_threshold, noisy_ignored_threshold)
                for threshold in (derived(tau_plus), derived(tau_minus))
            ),
            r"Early on, signal overtakes noise at $\kappa(1-2\tau) = 2$ and noisy samples are ignored from 1 on.",
            needs=condition_threshold(reading),
            latex=r"\gamma>\bar\rho \iff \kappa(1-2\tau)>2,\quad \tilde y_if<0\ (i\in S_f) \iff \kappa(1-2\tau)>1",
            tested="mean gamma minus mean own rho, and the mean noisy margin, at the first time when own rho reach"
            " 1/25 of order one, each for both true labels with their own tau",
        ),
        # What the theorems do not say.
        claim(
            "contrast.stage2.test-error.fresh",
            _derived("limiting test error, theory/meanfield.py"),
            "fresh_excess_end",
            Within(low=0),
            "The lower bound on the test error does not hold for fresh noise patches.",
            latex=r"L^{0-1}_{\mathrm{fresh}} \ge 0.5\min\{\tau_+,\tau_-\}",
            tested="as stage2.test-error, with noise patches never seen in training",
            contrast=True,
        ),
        claim(
            "contrast.stage1.signal-leads.low-snr",
            _derived("mean-field thresholds, theory/meanfield.py"),
            "signal_lead_T1",
            Within(low=0),
            r"The signal does not lead where $\kappa(1-2\tau) < 2$, although $n\,\mathrm{SNR}^2$ is still of order one.",
            needs=condition_low_snr(reading),
            latex=r"\gamma^{(T_1)}_{j,r} > \bar\rho^{(T_1)}_{\tilde y_i,r,i}",
            contrast=True,
        ),
        claim(
            "contrast.meanfield.threshold.tiny-init",
            _derived("mean-field thresholds, theory/meanfield.py"),
            ("early_noisy_margin_plus", "early_noisy_margin_minus"),
            tuple(
                Crossing(threshold.along, float(threshold.at), 0.1, "10 % of the threshold")
                for threshold in map(noisy_ignored_threshold, (tau_plus, tau_minus))
            ),
            r"Noisy samples are not ignored from $\kappa(1-2\tau) = 1$ on where the initial weights are tiny.",
            needs=condition_threshold(reading, tiny_init=True),
            latex=r"\tilde y_if<0\ (i\in S_f) \iff \kappa(1-2\tau)>1",
            tested="Condition 4.1 has no lower bound on sigma_0: far below the upper one, cross-talk activates neurons"
            " beyond the initial ones, noise is memorized by more of them, and the threshold rises",
            contrast=True,
        ),
    )
