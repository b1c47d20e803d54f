"""The paper's claims as data. The one place to correct a statement; its conditions are in :mod:`conditions`.

Test errors are on true labels, as in ``theory.papers.kou2023.claims``: "at least p + 0.1" is implied by an error of at
least 0.1/(1 - 2 max tau).
"""

from functools import lru_cache

import sympy as sp
from sympy import Max

from theory.papers.kou2023.meanfield import FIRST, time_at_loss
from theory.papers.meng2023.conditions import (
    NOISE_GROWTH,
    STRENGTH,
    TIME,
    condition_angle,
    condition_angle_few,
    condition_benign_few,
    condition_benign_many,
    condition_both_sides,
    condition_harmful,
    condition_orthogonal,
    derived,
    inferred,
    recalled,
    secondary,
)
from theory.papers.meng2023.reading import Reading
from theory.statements import AtMost, Boundary, Claim, Law, Source, Theta, Within
from theory.symbols import T_star, epsilon, kappa, m, mu, n, tau_minus, tau_plus

LEVEL = sp.Rational(1, 8)  # of the error on true labels: between benign and harmful
GUESSING = sp.Rational(1, 2)  # the error of a network that has learned noise alone


@lru_cache(maxsize=8)
def claims(reading: Reading = Reading()) -> tuple[Claim, ...]:
    """Every claim: memorization, test error, threshold, angle; contrasts last."""
    inside, both, angle = condition_orthogonal(reading), condition_both_sides(reading), condition_angle(reading)
    one = sp.Integer(1)

    def claim(
        name: str, source: Source, observable: str | tuple[str, ...], law: Law | tuple, says: str, **more
    ) -> Claim:
        needs = more.pop("needs", inside)
        return Claim(name=name, source=source, needs=needs, observable=observable, law=law, says=says, **more)

    def of_error(along: sp.Expr = STRENGTH, **more) -> Boundary:
        """That the error on fresh noise crosses over where ``along`` is a constant."""
        return Boundary(along, LEVEL, mu, top=GUESSING, constant="error_boundary_constant", **more)

    threshold = (
        "the error on true labels of fresh noise patches at L_S <= epsilon, over settings in which n, d, |mu| move"
    )
    leaves = 1 / sp.sqrt(n)
    near = "a tenth: three standard errors of the draws, and the 1/sqrt(n) that the limit leaves at n = 100"
    return (
        claim(
            "growth.noise",
            inferred("proof of the main theorem", "Kou et al.'s rate"),
            "noise_growth",
            Theta(NOISE_GROWTH),
            "While no loss derivative has decayed, own noise coefficients grow at this rate.",
            latex=r"\Delta\bar\rho/\Delta t = \Theta(\eta\sigma_\xi^2 d/(nm))",
            tested="the mean own noise coefficient per iteration at the first time when it is 1/25 of order one",
        ),
        claim(
            "time",
            recalled("the main theorem", "as Kou et al.'s"),
            "convergence_time",
            Theta(TIME, up_to_logs=True, constant="memorization_constant"),
            "The training loss reaches epsilon at a time of this order up to logarithms.",
            latex=r"T_\varepsilon = \tilde\Theta(\eta^{-1}\varepsilon^{-1}nm\sigma_\xi^{-2}d^{-1})",
            tested="the first iteration with L_S <= epsilon",
        ),
        claim(
            "time.constant",
            derived("the limit kappa -> 0: active fractions from 1 to 1/2"),
            "convergence_time",
            Within(
                low=sp.Rational(9, 10) * time_at_loss(epsilon, one) * TIME * epsilon,
                high=sp.Rational(21, 20) * (1 + 2 / m) * time_at_loss(epsilon, FIRST.one) * TIME * epsilon,
            ),
            "XOR data are memorized as fast as data with one signal: the constant lies between 1 and 2.",
            latex=r"1 \le T_\varepsilon\,\frac{\eta\sigma_\xi^2 d}{nm}\Big/\big(\tfrac{1}{e^\varepsilon-1}-1"
            r"-\log(e^\varepsilon-1)\big) \le 2",
            tested="with 10 % below, for what patches add to each other, and above the 5 % to which times are recorded"
            " and 2/m, twice what an active share of m neurons adds to the mean of its inverse",
        ),
        claim(
            "converges",
            recalled("the main theorem (1)"),
            ("converged", "convergence_time"),
            (Within(low=1), Within(high=T_star)),
            "The training loss reaches every epsilon, by T*.",
            latex=r"\exists\,t\le T^*: L_S^{(t)} \le \varepsilon",
            tested="the first iteration with L_S <= epsilon, against T* as it is read; a run is given up there",
        ),
        claim(
            "balanced",
            inferred("proof of the main theorem", "Kou et al.'s key lemma"),
            "loss_derivative_ratio_run",
            AtMost(one),
            "Loss derivatives of all samples stay within a constant of each other throughout.",
            latex=r"\ell_i'^{(t)}/\ell_k'^{(t)} \le C\ \ \forall i,k,\ t\le T^*",
            tested="the largest ratio at any recorded time of the run, which ends at L_S <= epsilon",
        ),
        claim(
            "benign.test-error",
            secondary("the main theorem (2)", "n mu^4 = Omega(sigma^4 d) is sufficient, in a review"),
            "error_fresh_end",
            Within(high=sp.Rational(1, 10)),
            "With strong signals the test error is at most a tenth above the flip probability.",
            needs=condition_benign_many(reading),
            latex=r"L_D^{0-1} \le p + 0.1",
            tested="the error on true labels of fresh noise patches; some 15 samples of every signal",
        ),
        claim(
            "harmful.test-error",
            secondary("the main theorem (3)", "n mu^4 = Omega(sigma^4 d) is necessary, in a review"),
            "error_fresh_end",
            Within(low=sp.Rational(1, 10) / (1 - 2 * Max(tau_plus, tau_minus))),
            "With weak signals the test error exceeds the flip probability by a tenth.",
            needs=condition_harmful(reading),
            latex=r"L_D^{0-1} \ge p + 0.1",
            tested="the error on true labels of fresh noise patches against 0.1/(1 - 2 max tau)",
        ),
        claim(
            "threshold",
            secondary("the main theorem", "n mu^4 against sigma^4 d, in a review"),
            "error_fresh_end",
            of_error(),
            "Benign and harmful are parted by n mu^4 = constant sigma^4 d.",
            needs=both,
            latex=r"\|\mu\|^* = K\,\sigma_\xi\,(d/n)^{1/4}",
            tested=threshold,
        ),
        claim(
            "threshold.smooth",
            derived("the limit kappa -> 0: the error is that of one signal of a sixteenth of the strength"),
            "error_fresh_end",
            of_error(
                at=(0.8, 1.25),
                width=(0.85, 1.25),
                sharpening=(-0.1, 0.1),
                why="the limit of one signal has 0.98 to 1.10 decades, give or take what 1/sqrt(n) leaves; a"
                " factor 1.25 in"
                " n mu^4/(sigma^4 d) is 6 % in mu",
            ),
            "The transition is a crossover over about a decade, as wide at every size, at 16 times the place"
            " of one signal.",
            needs=both,
            latex=r"e = H\big(\tfrac1{16}\,n\|\mu\|^4/(\sigma_\xi^4 d)\big)",
            tested=threshold + "; the place over what the limit gives for each draw",
        ),
        claim(
            "error.limit",
            derived("the limit kappa -> 0, at the realised numbers of samples and neurons of every signal"),
            "error_beyond_limit",
            Within(low=-sp.Rational(1, 10), high=sp.Rational(1, 10)),
            "The error of every run is that of the limit, which hangs on m through how many neurons learn each signal.",
            needs=both,
            latex=r"|e - H| \le 0.1",
            tested=near,
        ),
        claim(
            "angle.limit",
            recalled("the second setting", "|mu|^4 (1 - cos)^2 for small angles; (1 - cos^2)^2 is derived"),
            "error_beyond_limit",
            Within(low=-leaves, high=leaves),
            "Signals at an angle count as orthogonal ones of |mu|^4 sin(theta)^4.",
            needs=angle,
            latex=r"e = H\big(\tfrac1{16}\,n\|\mu\|^4\sin^4\theta/(\sigma_\xi^4 d)\big)",
            tested="the root of 1/n that the limit leaves, at n of 128 and more: 0.09 and less",
        ),
        # What does not hold.
        claim(
            "contrast.benign.few-samples",
            derived("a signal most of whose samples are flipped is learned with the wrong label"),
            "error_fresh_end",
            Within(high=sp.Rational(1, 10)),
            "The same with three samples of each signal, which the conditions admit at C = 2.",
            needs=condition_benign_few(reading),
            latex=r"L_D^{0-1} \le p + 0.1",
            tested="as benign.test-error",
            contrast=True,
        ),
        claim(
            "contrast.angle.few-samples",
            derived("the limit, where A_v < cos A_u in some draws"),
            "error_beyond_limit",
            Within(low=-sp.Rational(1, 10), high=sp.Rational(1, 10)),
            "The limit at an angle holds at n of some tens too.",
            needs=condition_angle_few(reading),
            latex=r"e = H\big(\tfrac1{16}\,n\|\mu\|^4\sin^4\theta/(\sigma_\xi^4 d)\big)",
            tested=near,
            contrast=True,
        ),
        claim(
            "contrast.threshold.kappa",
            derived("the boundary of another regime, n mu^2 against sigma^2 d"),
            "error_fresh_end",
            of_error(kappa),
            "Benign and harmful are parted by n SNR^2 = constant.",
            needs=both,
            latex=r"\|\mu\|^* = K\,\sigma_\xi\,(d/n)^{1/2}",
            tested=threshold,
            contrast=True,
        ),
        claim(
            "contrast.threshold.squared",
            derived("another power of n"),
            "error_fresh_end",
            of_error(n * STRENGTH),
            "Benign and harmful are parted by n^2 mu^4 = constant sigma^4 d.",
            needs=both,
            latex=r"\|\mu\|^* = K\,\sigma_\xi\,d^{1/4}n^{-1/2}",
            tested=threshold,
            contrast=True,
        ),
        claim(
            "contrast.angle.one-minus-cosine",
            derived("|mu|^4 (1 - cos)^2 at every angle, with the constant of orthogonal signals"),
            "error_beyond_one_minus_cosine",
            Within(low=-leaves, high=leaves),
            "Signals at an angle count as orthogonal ones of |mu|^4 (1 - cos(theta))^2.",
            needs=angle,
            latex=r"e = H\big(\tfrac1{16}\,n\|\mu\|^4(1-\cos\theta)^2/(\sigma_\xi^4 d)\big)",
            tested="the root of 1/n that the limit leaves, at n of 128 and more: 0.09 and less",
            contrast=True,
        ),
        claim(
            "contrast.angle.none",
            derived("that the angle does not matter"),
            "error_beyond_orthogonal",
            Within(low=-leaves, high=leaves),
            "Signals at an angle count as orthogonal ones.",
            needs=angle,
            latex=r"e = H\big(\tfrac1{16}\,n\|\mu\|^4/(\sigma_\xi^4 d)\big)",
            tested="the root of 1/n that the limit leaves, at n of 128 and more: 0.09 and less",
            contrast=True,
        ),
    )
