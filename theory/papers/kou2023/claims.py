"""The paper's claims as data. The one place to correct a statement; its conditions are in :mod:`conditions`.

The paper draws test labels with noise too. A sample of true label y is then counted as wrong with probability

    tau_y (1 - e_y) + (1 - tau_y) e_y = tau_y + (1 - 2 tau_y) e_y,

where e_y is the error on true labels y. With p for both flip probabilities that is p + (1 - 2p) e, so that

    "at most p + exp(-x)"  is  e <= exp(-x)/(1 - 2p),      "at least p + 0.1"  is  e >= 0.1/(1 - 2p).

Where the two differ, e is the mean of e_+ and e_-, and the mean of (1 - 2 tau_y) e_y lies between (1 - 2 max tau) e and
(1 - 2 min tau) e <= e: a bound e <= exp(-x) gives the first statement, and e >= 0.1/(1 - 2 max tau) the second.
So every claim below is about true labels, and implies the paper's.
"""

from functools import lru_cache

import sympy as sp
from sympy import Max, log

from theory.papers.kou2023 import meanfield
from theory.papers.kou2023.conditions import (
    NOISE_GROWTH,
    SIGNAL_GROWTH,
    STRENGTH,
    TIME,
    condition_4_1,
    condition_benign,
    condition_both_sides,
    condition_harmful,
    derived,
    recalled,
    secondary,
)
from theory.papers.kou2023.reading import Reading
from theory.statements import AtLeast, AtMost, Boundary, Claim, Law, Source, Theta, Within
from theory.symbols import SNR, T_star, epsilon, kappa, m, mu, n, tau_minus, tau_plus

LEVEL = sp.Rational(1, 8)  # an error of 0.2 where p = 0.1: 0.1 + 0.8/8, where the paper cuts its heat map
GUESSING = sp.Rational(1, 2)  # the error of a network that has learned noise alone


def _of_error(along: sp.Expr = STRENGTH, **more: tuple[float, float]) -> Boundary:
    """That the error on fresh noise crosses over where ``along`` is a constant."""
    why = more.pop("why", "")
    return Boundary(along, LEVEL, mu, top=GUESSING, constant="error_boundary_constant", why=why, **more)


@lru_cache(maxsize=8)
def claims(reading: Reading = Reading()) -> tuple[Claim, ...]:
    """Every claim: growth, memorization, test error, threshold; contrasts last."""
    inside, both = condition_4_1(reading), condition_both_sides(reading)
    one = sp.Integer(1)

    def claim(
        name: str, source: Source, observable: str | tuple[str, ...], law: Law | tuple, says: str, **more
    ) -> Claim:
        needs = more.pop("needs", inside)
        return Claim(name=name, source=source, needs=needs, observable=observable, law=law, says=says, **more)

    at_loss = meanfield.time_at_loss
    scale = TIME * epsilon
    threshold = (
        "the error on true labels of fresh noise patches at L_S <= epsilon, over settings in which n, d and |mu| move"
    )
    return (
        claim(
            "growth.noise",
            recalled("proof of Theorem 4.2", "first stage"),
            "noise_growth",
            Theta(NOISE_GROWTH),
            "While no loss derivative has decayed, own noise coefficients grow at this rate.",
            latex=r"\Delta\bar\rho/\Delta t = \Theta(\eta\sigma_\xi^2 d/(nm))",
            tested="the mean own noise coefficient per iteration at the first time when it is 1/25 of order one",
        ),
        claim(
            "growth.signal",
            recalled("proof of Theorem 4.2", "first stage"),
            "signal_growth",
            Theta(SIGNAL_GROWTH, constant="signal_drive"),
            "While no loss derivative has decayed, signal coefficients grow at this rate.",
            latex=r"\Delta\gamma/\Delta t = \Theta(\eta\|\mu\|^2/m)",
            tested="the mean signal coefficient per iteration at the same time; the hidden constant is the share of"
            " clean samples less that of flipped ones, of each draw",
        ),
        claim(
            "time",
            recalled("Theorem 4.2 (1)", "there is such a t with L_S <= epsilon"),
            "convergence_time",
            Theta(TIME, up_to_logs=True, constant="memorization_constant"),
            "The training loss reaches epsilon at a time of this order up to logarithms.",
            latex=r"T_\varepsilon = \tilde\Theta(\eta^{-1}\varepsilon^{-1}nm\sigma_\xi^{-2}d^{-1})",
            tested="the first iteration with L_S <= epsilon",
        ),
        claim(
            "time.constant",
            derived("the limit kappa -> 0, docs/kou2023.md: active fractions from 3/4 to 1/2"),
            "convergence_time",
            Within(
                low=sp.Rational(9, 10) * at_loss(epsilon, meanfield.LAST.one) * scale,
                high=sp.Rational(21, 20) * (1 + 2 / m) * at_loss(epsilon, meanfield.FIRST.one) * scale,
            ),
            "No logarithm is hidden: the constant lies between 4/3 and 2.",
            latex=r"\tfrac43 \le T_\varepsilon\,\frac{\eta\sigma_\xi^2 d}{nm}\Big/\big(\tfrac{1}{e^\varepsilon-1}-1"
            r"-\log(e^\varepsilon-1)\big) \le 2",
            tested="with 10 % below, for the few neurons that join late, and above the 5 % to which times are recorded"
            " and 2/m, twice what an active share of m neurons adds to the mean of its inverse",
        ),
        claim(
            "converges",
            recalled("Theorem 4.2 (1)"),
            ("converged", "convergence_time"),
            (Within(low=1), Within(high=T_star)),
            "The training loss reaches every epsilon, by T*.",
            latex=r"\exists\,t\le T^*: L_S^{(t)} \le \varepsilon",
            tested="the first iteration with L_S <= epsilon, against T* as it is read; a run is given up there",
        ),
        claim(
            "balanced",
            recalled("key lemma of the proof", "the ratio of loss derivatives"),
            "loss_derivative_ratio_run",
            AtMost(one),
            "Loss derivatives of all samples, flipped ones too, stay within a constant of each other throughout.",
            latex=r"\ell_i'^{(t)}/\ell_k'^{(t)} \le C\ \ \forall i,k,\ t\le T^*",
            tested="the largest ratio at any recorded time of the run, which ends at L_S <= epsilon",
        ),
        claim(
            "coefficients.logarithmic",
            recalled("Theorem 4.2, proof"),
            ("rho_max_run", "rho_own_mean_end"),
            (AtMost(log(T_star)), AtLeast(log(1 / epsilon))),
            "Noise coefficients become logarithmic, and no larger.",
            latex=r"\bar\rho = \Theta(\log T^*)",
            tested="the largest of the run against log T*, the mean own one at the end against log 1/epsilon, which is"
            " of the same order up to what T* holds beside epsilon",
        ),
        claim(
            "signal-share",
            recalled("Theorem 4.2, proof"),
            ("rho_per_gamma_min_grown", "rho_per_gamma_max_grown"),
            (AtLeast(1 / SNR**2), AtMost(1 / SNR**2)),
            "Every neuron has learned signal and noise in the ratio SNR^2.",
            needs=both,
            latex=r"\gamma_{j,r}/\textstyle\sum_i\bar\rho_{j,r,i} = \Theta(\mathrm{SNR}^2)",
            tested="the least and the largest sum_i rho/gamma of any neuron from the time on at which own rho are of"
            " order one on average, over SNR^-2",
        ),
        claim(
            "signal-bounded",
            derived("docs/kou2023.md: gamma <= (kappa/2) rho, and the first term of the dimension condition"),
            "gamma_max_run",
            AtMost(kappa * log(T_star)),
            "Signal coefficients stay below kappa log T*, so that they decide no training sample's margin.",
            latex=r"\gamma \le K\,\kappa\log T^*",
        ),
        # The two regimes.
        claim(
            "benign.test-error",
            recalled("Theorem 4.2 (2)", "<= p + exp(-n mu^4/(C_2 sigma^4 d)); see claims on noisy test labels"),
            "fresh_exponent_end",
            AtLeast(STRENGTH),
            "With a strong signal the test error exceeds the flip probability by an exponentially small part.",
            needs=condition_benign(reading),
            latex=r"L_D^{0-1} \le p + \exp(-n\|\mu\|^4/(C_2\sigma_\xi^4 d))",
            tested="-log of a certified upper bound on the error on true labels (Gaussian concentration of the trained"
            " network), as K n mu^4/(sigma^4 d): K is at least 1/C_2",
        ),
        claim(
            "harmful.test-error",
            recalled("Theorem 4.2 (3)", ">= p + 0.1; see claims on noisy test labels"),
            "error_fresh_end",
            Within(low=sp.Rational(1, 10) / (1 - 2 * Max(tau_plus, tau_minus))),
            "With a weak signal the test error exceeds the flip probability by a tenth.",
            needs=condition_harmful(reading),
            latex=r"L_D^{0-1} \ge p + 0.1",
            tested="the error on true labels of fresh noise patches against 0.1/(1 - 2 max tau)",
        ),
        claim(
            "error.limit",
            derived("the limit kappa -> 0, docs/kou2023.md"),
            ("error_above_first", "error_below_last"),
            (Within(low=-sp.Rational(1, 20)), Within(low=-sp.Rational(1, 20))),
            "The test error is a fixed function of n mu^4/(sigma^4 d) and the flips, between two curves.",
            needs=both,
            latex=r"H_{1/2,1/4} \le e \le H_{3/4,7/12}",
            tested="the curves at the realised flips of each draw, less 0.05: twice the standard error of the draws,"
            " and 1/sqrt(n) at n = 1000",
        ),
        # The threshold.
        claim(
            "threshold",
            secondary("Theorem 4.2", "n mu^4 against sigma^4 d, in a review"),
            "error_fresh_end",
            _of_error(),
            "Benign and harmful are parted by n mu^4 = constant sigma^4 d.",
            needs=both,
            latex=r"\|\mu\|^* = K\,\sigma_\xi\,(d/n)^{1/4}",
            tested=threshold,
        ),
        claim(
            "threshold.place",
            derived("the limit kappa -> 0, docs/kou2023.md"),
            "error_fresh_end",
            _of_error(
                at=(0.8, 1.25), why="a factor 1.25 in n mu^4/(sigma^4 d) is 6 % in mu, about what 1/sqrt(n) leaves"
            ),
            "The threshold lies where the limit of the dynamics has it, at 0.3 to 2.4 by flips and start.",
            needs=both,
            latex=r"n\|\mu\|^4/(\sigma_\xi^4 d) = Q^*(\tau_\pm, a, b)",
            tested=threshold + "; over what the limit gives for each draw",
        ),
        claim(
            "threshold.smooth",
            derived("the limit kappa -> 0, docs/kou2023.md: the error is a fixed function of n mu^4/(sigma^4 d)"),
            "error_fresh_end",
            _of_error(
                width=(0.85, 1.25),
                sharpening=(-0.1, 0.1),
                why="the limit has 0.98 to 1.10 decades, give or take 0.15; a power of n that sharpens it would be 1/4"
                " or more",
            ),
            "The transition is a crossover over about a decade of n mu^4/(sigma^4 d), as wide at every size.",
            needs=both,
            latex=r"e = H(n\|\mu\|^4/(\sigma_\xi^4 d))",
            tested=threshold,
        ),
        # What does not hold.
        claim(
            "contrast.signal-share.few-samples",
            derived("a neuron is active on none of its class' n/2 patches with probability 2^(-n/2)"),
            "rho_per_gamma_min_grown",
            AtLeast(1 / SNR**2),
            "With some ten samples, which Condition 4.1 admits at C = 2, some neuron has learned no noise at all.",
            latex=r"\textstyle\sum_i\bar\rho_{j,r,i} \ge K\,\gamma_{j,r}\,\mathrm{SNR}^{-2}",
            tested="as signal-share, inside all of Condition 4.1",
            contrast=True,
        ),
        claim(
            "contrast.threshold.sharp",
            derived("a sharp transition, which reviewers ask for"),
            "error_fresh_end",
            _of_error(sharpening=(0.1, 10.0), why="a transition that becomes sharp does so by some power of n"),
            "The transition becomes sharp as the sizes grow.",
            needs=both,
            latex=r"e \to \tfrac12\,1(n\|\mu\|^4 < K\sigma_\xi^4 d)",
            tested=threshold,
            contrast=True,
        ),
        claim(
            "contrast.threshold.kappa",
            derived("the boundary of another regime, n mu^2 against sigma^2 d"),
            "error_fresh_end",
            _of_error(kappa),
            "Benign and harmful are parted by n SNR^2 = constant.",
            needs=both,
            latex=r"\|\mu\|^* = K\,\sigma_\xi\,(d/n)^{1/2}",
            tested=threshold,
            contrast=True,
        ),
        claim(
            "contrast.threshold.squared",
            derived("another power of n, n^2 mu^4 against sigma^4 d"),
            "error_fresh_end",
            _of_error(n * STRENGTH),
            "Benign and harmful are parted by n^2 mu^4 = constant sigma^4 d.",
            needs=both,
            latex=r"\|\mu\|^* = K\,\sigma_\xi\,d^{1/4}n^{-1/2}",
            tested=threshold,
            contrast=True,
        ),
    )
