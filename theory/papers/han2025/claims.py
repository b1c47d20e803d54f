"""The paper's claims as data. The one place to correct a statement; its conditions are in :mod:`conditions`."""

from functools import lru_cache

import sympy as sp
from sympy import Max, log, sqrt

from theory.papers.han2025.conditions import (
    ALPHA,
    CAO,
    HUANG,
    KOU,
    NOISE_GROWTH,
    SIGNAL_GROWTH,
    STAGE_ONE_TIME,
    STAGE_TWO_TIME,
    condition_4_1,
    condition_activation,
    condition_clean,
    condition_low_snr,
    condition_threshold,
    derived,
    inferred,
    lineage,
    preprint,
    stated,
)
from theory.papers.han2025.meanfield import noisy_ignored_threshold, signal_leads_threshold
from theory.papers.han2025.reading import Reading
from theory.statements import (
    AtLeast,
    AtMost,
    Claim,
    Crossing,
    Exactly,
    Law,
    Source,
    Theta,
    Within,
)
from theory.symbols import SNR, T_star, d, delta, m, mu, n, sigma_0, sigma_xi, tau_minus, tau_plus


@lru_cache(maxsize=8)  # they are values, and solving for their constants takes a while
def claims(reading: Reading = Reading()) -> tuple[Claim, ...]:
    """Every claim, in the order of the paper; the two contrasts last."""
    inside = condition_4_1(reading)
    clean = condition_clean(reading)
    first, second, fourth = "Theorem 4.1", "Theorem 4.2", "Theorem 4.4"
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
            derived("exact recursion, docs/numerics.md"),
            "recursion_residual",
            Exactly(1e-9, "float64 rounding over 200 steps is near 1e-13; a wrong term shows at order one"),
            "Gradient descent on the network is the coefficient recursion, step by step.",
            needs=(),
            latex=r"w^{(t)} = w^{(0)} + j\gamma^{(t)}\mu/\|\mu\|^2 + \sum_i \rho_i^{(t)}\xi_i/\|\xi_i\|^2",
            tested="largest relative gap between autograd on dense data and the recursion, d below, at and above n; that"
            " the recursion holds on every activation pattern is proved symbolically in theory.papers.han2025.proofs",
        ),
        claim(
            "conservation.exact",
            derived("conservation law, docs/numerics.md"),
            "conservation_residual",
            Exactly(1e-9, "float64 rounding over 200 steps is near 1e-13; a wrong term shows at order one"),
            "What a neuron learns of the signal is a fixed combination of what is memorized of its samples.",
            needs=(),
            latex=r"\Delta\gamma_{j,r} = \sum_{y_i=j} y_i\tilde y_i \tfrac{\|\mu\|^2}{\|\xi_i\|^2}\Delta\bar\rho_{\tilde y_i,r_i,i}",
            tested="largest relative residual over the windows in which the neurons stay active; proved symbolically in"
            " theory.papers.han2025.proofs",
        ),
        # Lemmas.
        claim(
            "signal.increases",
            preprint(
                "text after Lemma 3.1", "an increasing sequence even with noisy samples; Section 5.1 lets it decrease"
            ),
            "signal_drive_min_run",
            Within(low=0),
            "Signal coefficients never decrease, not even with noisy samples.",
            latex=r"\gamma_{j,r}^{(t+1)} \ge \gamma_{j,r}^{(t)}\ \ \forall t",
            tested="the least direction of any gamma at every recorded time of the whole run: the sum of y_i y~_i g_i over"
            " the samples whose signal the neuron sees, which has the sign of the next step exactly",
        ),
        claim(
            "signal.increases.stage1",
            preprint("text after Lemma 3.1 and Section 5.1", "what is left where gamma may decrease in Stage II"),
            "signal_drive_min_stage1",
            Within(low=0),
            "Up to T_1 no signal coefficient decreases.",
            latex=r"\gamma_{j,r}^{(t+1)} \ge \gamma_{j,r}^{(t)}\ \ \forall t\le T_1",
            tested="as signal.increases, at the recorded times up to T_1",
        ),
        claim(
            "margins.prediction",
            preprint("Lemma 5.1"),
            "margin_error_run",
            Within(high=sp.Rational(1, 4)),
            "Up to T* margins are what the coefficients say: noise plus signal on clean samples, noise minus signal on"
            " noisy ones.",
            latex=r"|\tilde y_i f - \tfrac1m\textstyle\sum_r(\bar\rho_{\tilde y_i,r,i} \pm \gamma_{y_i,r})| \le 1/C_1",
            tested="the largest gap over the whole run, which ends at L_S <= epsilon; 'a small constant' 1/C_1 is read as"
            " 1/4, the value at which coefficients count as of order one",
        ),
        claim(
            "coefficients.bounded",
            preprint("Proposition 5.2", "the logarithms behind its O~ are those of the sibling papers"),
            ("rho_max_run", "gamma_max_run", "gamma_min_run", "rho_negative_run"),
            (
                AtMost(log(T_star)),
                AtMost(log(T_star)),
                Within(low=0),
                AtMost(
                    Max(
                        sigma_0 * mu * sqrt(log(m / delta)),
                        sigma_0 * sigma_xi * sqrt(d) * sqrt(log(m * n / delta)),
                        n / sqrt(d) * sqrt(log(n**2 / delta)) * log(T_star),
                    )
                ),
            ),
            "Up to T* all coefficients stay logarithmic, signal coefficients positive, and negative noise coefficients small.",
            latex=r"0\le\bar\rho,\gamma\le\Theta(\log T^*),\quad 0\ge\underline\rho\ge"
            r"-\tilde O(\max\{\sigma_0\|\mu\|, \sigma_0\sigma_\xi\sqrt d, n d^{-1/2}\})",
            tested="the extremes over the whole run, which ends at L_S <= epsilon",
        ),
        claim(
            "coefficients.bounded.explicit",
            lineage(
                "a sibling paper of the same authors, 2024",
                "the constants that Proposition 5.2 hides, Kou et al.'s way",
            ),
            ("rho_max_run", "rho_min_beyond_beta"),
            (Within(0, ALPHA), Within(low=-16 * n * sqrt(log(4 * n**2 / delta) / d) * ALPHA)),
            "Up to T* noise coefficients stay below 4 log T*, and negative ones above an explicit bound.",
            latex=r"0\le\bar\rho\le\alpha,\quad 0\ge\underline\rho\ge-\beta-16n\sqrt{\log(4n^2/\delta)/d}\,\alpha,"
            r"\quad \alpha = 4\log T^*",
            tested="as coefficients.bounded; beta is twice the largest initial overlap",
        ),
        claim(
            "concentration.noise-norm",
            lineage(f"{CAO}, Lemma B.4", "Lemma 2.1 here"),
            ("noise_norm_min", "noise_norm_max"),
            (Within(low=sigma_xi**2 * d / 2), Within(high=3 * sigma_xi**2 * d / 2)),
            r"Noise patches have length about $\sigma_\xi\sqrt{d}$.",
            latex=r"\sigma_\xi^2 d/2 \le \|\xi_i\|^2 \le 3\sigma_\xi^2 d/2",
        ),
        claim(
            "concentration.cross",
            lineage(f"{CAO}, Lemma B.4", "Lemma 2.1 here"),
            "noise_cross_max",
            Within(high=2 * sigma_xi**2 * sqrt(d * log(6 * n**2 / delta))),
            "Noise patches are nearly orthogonal to each other.",
            latex=r"|\langle\xi_i,\xi_k\rangle| \le 2\sigma_\xi^2\sqrt{d\log(6n^2/\delta)}",
        ),
        claim(
            "concentration.signal",
            lineage(f"{CAO}, Lemma B.4", "Lemma 2.1 here"),
            "noise_signal_max",
            Within(high=mu * sigma_xi * sqrt(2 * log(6 * n / delta))),
            "Noise patches are nearly orthogonal to the signal.",
            latex=r"|\langle\xi_i,\mu\rangle| \le \|\mu\|\sigma_\xi\sqrt{2\log(6n/\delta)}",
        ),
        claim(
            "init.signal",
            lineage(f"{CAO}, Lemma B.5", "Lemma 2.2 here"),
            ("init_signal_max", "init_signal_best"),
            (Within(high=sqrt(2 * log(8 * m / delta)) * sigma_0 * mu), Within(low=sigma_0 * mu / 2)),
            "Initial overlaps with the signal are small, and some neuron of each sign starts aligned.",
            latex=r"|\langle w^{(0)},\mu\rangle| \le \sqrt{2\log(8m/\delta)}\,\sigma_0\|\mu\|,\quad"
            r"\max_r j\langle w^{(0)}_{j,r},\mu\rangle \ge \sigma_0\|\mu\|/2",
        ),
        claim(
            "init.noise",
            lineage(f"{CAO}, Lemma B.5", "Lemma 2.2 here"),
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
            lineage(f"{KOU}, Lemma B.5", "Lemma 2.3 here"),
            "active_neurons_share",
            Within(low=sp.Rational(2, 5)),
            "On every sample, at least 0.4 of the neurons of its label start active.",
            needs=condition_activation(),
            latex=r"|\{r: \langle w^{(0)}_{\tilde y_i,r},\xi_i\rangle>0\}| \ge 0.4\,m",
        ),
        claim(
            "activation.samples",
            lineage(f"{KOU}, Lemma B.6", "Lemma 2.3 here"),
            "active_samples_share",
            Within(low=sp.Rational(1, 8)),
            "Every neuron starts active on at least n/8 samples of its label.",
            needs=condition_activation(),
            latex=r"|\{i: \tilde y_i=j, \langle w^{(0)}_{j,r},\xi_i\rangle>0\}| \ge n/8",
        ),
        claim(
            "projection.noise",
            lineage(HUANG),
            "projection_noise_stage1",
            Within(high=5 * n * sqrt(log(6 * n**2 / delta) / d)),
            "What a neuron moved along a noise patch is that patch's coefficient.",
            latex=r"|\langle w_t-w_0,\xi_i\rangle - \rho_i| \le 5n\sqrt{\log(6n^2/\delta)/d}",
            tested="up to T_1, divided by the largest coefficient where that exceeds one",
        ),
        claim(
            "projection.signal",
            lineage(HUANG),
            "projection_signal_stage1",
            Within(high=SNR * n * sqrt(8 * log(6 * n / delta) / d)),
            "What a neuron moved along the signal is its signal coefficient.",
            latex=r"|\langle w_t-w_0,\mu\rangle - j\gamma| \le \mathrm{SNR}\,n\sqrt{8\log(6n/\delta)/d}",
            tested="up to T_1, divided by the largest coefficient where that exceeds one",
        ),
        # Theorem 4.1.
        claim(
            "stage1.time",
            stated(first),
            "order_one_time",
            Theta(STAGE_ONE_TIME, constant="constant_stage_one"),
            "All coefficients reach order one at a time T_1 of this exact order.",
            latex=r"T_1 = \Theta(\eta^{-1}nm\sigma_\xi^{-2}d^{-1})",
            tested=f"the first iteration at which every gamma and every own rho is at least {reading.order_one}",
        ),
        claim(
            "stage1.order-one",
            stated(first),
            ("coefficient_min_T1", "coefficient_max_T1"),
            (Within(low=reading.order_one), AtMost(one)),
            "At T_1 all signal coefficients and all own noise coefficients are of order one together.",
            latex=r"\bar\rho^{(T_1)}_{\tilde y_i,r,i} = \Theta(1),\quad \gamma^{(T_1)}_{j,r} = \Theta(1)",
            tested="T_1 is dated by the smallest coefficient; tested is that it comes, and how large the largest then is",
        ),
        claim(
            "stage1.signal-growth",
            lineage(KOU, "the rate behind gamma = Theta(1) at T_1"),
            "signal_growth",
            Theta(SIGNAL_GROWTH, constant="constant_signal"),
            "While no loss derivative has decayed, signal coefficients grow at this rate.",
            latex=r"\Delta\gamma/\Delta t = \Theta(\eta\|\mu\|^2/m)",
            tested="the mean signal coefficient per iteration at the first time when own rho reach 1/25 of"
            " order one on average",
        ),
        claim(
            "stage1.noise-growth",
            lineage(KOU, "the rate behind rho = Theta(1) at T_1"),
            "noise_growth",
            Theta(NOISE_GROWTH),
            "While no loss derivative has decayed, own noise coefficients grow at this rate.",
            latex=r"\Delta\bar\rho/\Delta t = \Theta(\eta\sigma_\xi^2 d/(nm))",
            tested="the mean own noise coefficient per iteration at the same time",
        ),
        claim(
            "stage1.signal-leads",
            preprint(f"{first} (1)"),
            "signal_lead_T1",
            Within(low=0),
            "At T_1 every signal coefficient exceeds every own noise coefficient.",
            latex=r"\gamma^{(T_1)}_{j,r} > \bar\rho^{(T_1)}_{\tilde y_i,r,i}",
        ),
        claim(
            "stage1.clean-fitted",
            preprint(f"{first} (2)"),
            "margin_clean_min_T1",
            Within(low=0),
            "At T_1 every clean sample is fitted.",
            latex=r"\tilde y_i f(x_i) \ge 0 \ \ \forall i \in S_t",
        ),
        claim(
            "stage1.noisy-ignored",
            preprint(f"{first} (3)"),
            "margin_noisy_max_T1",
            Within(high=0),
            "At T_1 every noisy sample is still predicted as its true label.",
            latex=r"\tilde y_i f(x_i) \le 0 \ \ \forall i \in S_f",
        ),
        claim(
            "stage1.loss-derivative",
            preprint(
                "sketch of Theorem 4.1", "no part of the theorem: until the largest coefficient reaches constant order"
            ),
            "loss_derivative_min_growth",
            AtLeast(one),
            "Until the largest coefficient is of order one, every loss derivative is.",
            latex=r"|\ell'_i| \ge C_\ell > 0 \ \text{ while } \max\{\gamma,\bar\rho\} \le \Theta(1)",
            tested=f"the least derivative up to the first recorded time at which a coefficient reaches {reading.order_one}",
        ),
        # Theorem 4.2.
        claim(
            "stage2.time",
            inferred(second, "the paper says t* <= T* alone; the rate from Kou et al."),
            "convergence_time",
            Theta(STAGE_TWO_TIME, up_to_logs=True, constant="constant_stage_two"),
            "The training loss reaches epsilon at a time of this order up to logarithms.",
            latex=r"T_\varepsilon = \tilde\Theta(\eta^{-1}\varepsilon^{-1}nm\sigma_\xi^{-2}d^{-1})",
            tested="the first iteration with L_S <= epsilon",
        ),
        claim(
            "stage2.converges",
            preprint(second),
            ("converged", "convergence_time"),
            (Within(low=1), Within(high=T_star)),
            "The training loss reaches every epsilon, by T*.",
            latex=r"\exists\,t^*\in[T_1,T^*]: L_S^{(t^*)} \le \varepsilon",
            tested="the first iteration with L_S <= epsilon, against T* as it is read; a run is given up there",
        ),
        claim(
            "stage2.clean-fitted",
            preprint(f"{second} (1)"),
            "margin_clean_min_end",
            Within(low=0),
            "At convergence every clean sample is fitted.",
            latex=r"\tilde y_i f(x_i) \ge 0\ \ \forall i\in S_t",
            tested="at t*, the first recorded time with L_S <= epsilon",
        ),
        claim(
            "stage2.signal-positive",
            preprint("Section 5.1", "gamma may decrease in Stage II, but gamma <= 0 cannot occur"),
            "gamma_min_stage2",
            Within(low=0),
            "Signal coefficients stay positive from T_1 on, though they may decrease.",
            latex=r"\gamma_{j,r} > 0\ \ \forall t\ge T_1",
        ),
        claim(
            "stage2.noisy-memorised",
            preprint(f"{second} (2)"),
            "noisy_memorised_end",
            AtLeast((tau_plus + tau_minus) / 2),
            "At convergence a constant share of all samples is noisy, fitted, and on average remembered more strongly than"
            " the signal.",
            latex=r"|\{i\in S_f: \tilde y_i f\ge0,\ \tfrac1m\sum_r\bar\rho_{\tilde y_i,r,i} >"
            r" \tfrac1m\sum_r\gamma_{-\tilde y_i,r}\}| \ge \tau' n,\quad 0<\tau'\le(\tau_++\tau_-)/2",
            tested="averages over all m neurons, at t*; tau' = K (tau_+ + tau_-)/2, so that K is at most 1 up to the draw of"
            " the flips",
        ),
        claim(
            "stage2.loss-derivative-decay",
            preprint(
                "Section 5.1", "once gamma or rho is of logarithmic order; the constant and the unit of time are ours"
            ),
            "derivative_by_time_stage2",
            AtMost(one),
            "In Stage II loss derivatives fall like one over time.",
            latex=r"|\ell_i'^{(t)}| = O(1/t)",
            tested="the largest s |l'_i| of any sample at any recorded time from T_1 to t*, where s = eta t sigma_xi^2 d/(nm)"
            " is rescaled time: one K for all settings says more than O(1/t) in each",
        ),
        claim(
            "stage2.test-error",
            preprint(f"{second} (3)", "that y and the noise patch are independent is said in words only"),
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
            preprint("Proposition 4.3"),
            "spurious_exponent_T1",
            AtLeast(d / n),
            "At T_1 the test error on shared noise patches is exponentially small in d/n.",
            latex=r"L^{0-1}_{D_{\mathrm{test}}} \le \exp(-d/(C'n))",
            tested="-log of a certified upper bound on the error (Gaussian concentration of the trained network),"
            r" as $K\,d/n$",
        ),
        claim(
            "selection.log2",
            preprint("Proposition 4.3"),
            ("selection_precision_T1", "selection_recall_T1"),
            (Within(low=1), Within(low=1)),
            "At T_1 the threshold log 2 on the loss separates clean from noisy samples perfectly.",
            latex=r"\ell_i \le \log 2\ \forall i\in S_t,\quad \ell_i \ge \log 2\ \forall i\in S_f",
        ),
        # Theorem 4.4 and Lemma 5.3, without label noise.
        claim(
            "clean-labels.order-one",
            preprint(fourth, "T_1 has a further epsilon^-1 there, probably a slip: coefficients are O(1) long before"),
            ("coefficient_min_T1", "coefficient_max_T1"),
            (Within(low=reading.order_one), AtMost(one)),
            "Without label noise, too, all coefficients are of order one together at T_1.",
            needs=clean,
            latex=r"\bar\rho^{(T_1)}_{y_i,r,i} = \Theta(1),\quad \gamma^{(T_1)}_{j,r} = \Theta(1)",
            tested="T_1 as in Theorem 4.1: dated by the smallest coefficient",
        ),
        claim(
            "clean-labels.converges",
            preprint(fourth),
            ("converged", "convergence_time"),
            (Within(low=1), Within(high=T_star)),
            "Without label noise the training loss reaches every epsilon, by T*.",
            needs=clean,
            latex=r"\exists\,t^*\in[T_1,T^*]: L_S^{(t^*)} \le \varepsilon",
            tested="as stage2.converges",
        ),
        claim(
            "clean-labels.all-correct",
            preprint(fourth),
            ("margin_min_T1", "margin_min_end"),
            (Within(low=0), Within(low=0)),
            "Without label noise all samples are correctly classified at T_1 and at convergence.",
            needs=clean,
            latex=r"y_i f(x_i) \ge 0\ \ \forall i,\ t\in\{T_1,t^*\}",
        ),
        claim(
            "clean-labels.test-error",
            preprint(fourth, "the exponent is (d/n)(1 - kappa^2/C_D): vacuous unless kappa^2 > C_D"),
            "exponent_beyond_dn_end",
            AtLeast(n * mu**4 / (sigma_xi**4 * d)),
            "Without label noise the test error at convergence is exponentially small, up to a factor exp(d/n).",
            needs=clean,
            latex=r"L^{0-1}_{D_{\mathrm{test}}} \le \exp(d/n - n\|\mu\|^4/(C_D\sigma_\xi^4 d))",
            tested="d/n minus the log of a certified upper bound on the error (Gaussian concentration of the trained network),"
            " as K n mu^4/(sigma_xi^4 d)",
        ),
        claim(
            "clean-labels.test-error.strong-signal",
            preprint(fourth, "for kappa >= 2 C_D; the ICML notes have C_D and no condition on kappa [secondary]"),
            "spurious_exponent_end",
            AtLeast(n * mu**4 / (sigma_xi**4 * d)),
            "Where the signal is strong, the factor exp(d/n) is not needed.",
            needs=clean,
            latex=r"L^{0-1}_{D_{\mathrm{test}}} \le \exp(-n\|\mu\|^4/(2C_D\sigma_\xi^4 d))",
            tested="-log of the same bound, as K n mu^4/(sigma_xi^4 d), at every kappa of Condition 4.1: C_D is not known",
        ),
        claim(
            "clean-labels.balanced",
            preprint("Lemma 5.3"),
            ("predicted_spread_run", "loss_derivative_ratio_run"),
            (AtMost(one), AtMost(one)),
            "Without label noise the coefficients of all samples stay within a constant of each other up to T*, and so do"
            " loss derivatives.",
            needs=clean,
            latex=r"\tfrac1m\textstyle\sum_r(\bar\rho_{y_i,r,i}+\gamma_{y_i,r}-\bar\rho_{y_k,r,k}-\gamma_{y_k,r}) \le C,"
            r"\quad \ell'_i/\ell'_k \le C\quad \forall i,k",
            tested="the largest spread and the largest ratio at any recorded time of the run, which ends at L_S <= epsilon",
        ),
        claim(
            "clean-labels.signal-share",
            preprint("Lemma 5.3, text on Stage II"),
            ("rho_per_gamma_min_stage2", "rho_per_gamma_max_stage2"),
            (AtLeast(1 / SNR**2), AtMost(1 / SNR**2)),
            "In Stage II without label noise every neuron has learned signal and noise in the ratio SNR^2.",
            needs=clean,
            latex=r"\gamma_{j,r}/\textstyle\sum_i\bar\rho_{j,r,i} = \Theta(\mathrm{SNR}^2)",
            tested="the least and the largest sum_i rho/gamma of any neuron at any recorded time from T_1 to t*, over SNR^-2",
        ),
        # Derived: the limit in which every run collapses on one curve.
        claim(
            "meanfield.trajectory",
            derived("mean field, theory/papers/han2025/meanfield.py"),
            "meanfield_gap",
            AtMost(1 / sqrt(n)),
            "In rescaled time every run follows the mean-field curve of its kappa, tau_+ and tau_-.",
            latex=r"\sup_s |\mathrm{run}(s)-\mathrm{mf}(s)|/(1+\mathrm{mf}) = O(n^{-1/2})",
            tested="class means of gamma and rho against the curve at every recorded time; flips and label sizes fluctuate"
            " by $n^{-1/2}$, the active fractions of a class mean only by $(nm)^{-1/2}$",
        ),
        claim(
            "meanfield.threshold",
            derived("mean-field thresholds, theory/papers/han2025/meanfield.py"),
            tuple(f"early_{what}_{label}" for what in ("signal_lead", "noisy_margin") for label in ("plus", "minus")),
            tuple(
                Crossing(threshold.along, float(threshold.at), 0.1, "5 % of the higher threshold")
                for of_label in (signal_leads_threshold, noisy_ignored_threshold)
                for threshold in (of_label(tau_plus), of_label(tau_minus))
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
            derived("limiting test error, theory/papers/han2025/meanfield.py"),
            "fresh_excess_end",
            Within(low=0),
            "The lower bound on the test error does not hold for fresh noise patches.",
            latex=r"L^{0-1}_{\mathrm{fresh}} \ge 0.5\min\{\tau_+,\tau_-\}",
            tested="as stage2.test-error, with noise patches never seen in training",
            contrast=True,
        ),
        claim(
            "contrast.stage1.signal-leads.low-snr",
            derived("mean-field thresholds, theory/papers/han2025/meanfield.py"),
            "signal_lead_T1",
            Within(low=0),
            r"The signal does not lead where $\kappa(1-2\tau) < 2$, although $n\,\mathrm{SNR}^2$ is still of order one.",
            needs=condition_low_snr(reading),
            latex=r"\gamma^{(T_1)}_{j,r} > \bar\rho^{(T_1)}_{\tilde y_i,r,i}",
            contrast=True,
        ),
        claim(
            "contrast.meanfield.threshold.tiny-init",
            derived("mean-field thresholds, theory/papers/han2025/meanfield.py"),
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
