"""The claims as data: those of the paper, then what the reduced dynamics says instead."""

from functools import lru_cache

import sympy as sp
from sympy import Rational

from theory.papers.huang2025.conditions import (
    LATE_P,
    MECHANISM,
    P,
    assumption,
    condition_growth,
    condition_late,
    condition_late_descent,
    condition_plateau,
    condition_plateau_rate,
    gradient_descent,
    inferred,
    stated,
)
from theory.papers.huang2025.dynamics import late_correction, late_growth, noise_growth, plateau, signal_growth
from theory.papers.huang2025.reading import Reading
from theory.statements import Claim, Theta, Within
from theory.symbols import d, eta, m, mu, n, sigma_xi

HARMFUL = Rational(24, 100)  # the paper's own level: what gradient descent exceeds
ACCURACY = Rational(15, 100)  # of an explicit rate: flips at n = 4 over 500 steps move it by 4 %, cross-talk by as much


@lru_cache(maxsize=8)
def claims(reading: Reading = Reading()) -> tuple[Claim, ...]:
    """Every claim: of gradient descent, of label-noise descent, of the mechanism."""
    descent, noisy = gradient_descent(reading), assumption(reading)
    of_descent, of_noise = "theorem on gradient descent", "theorem on label-noise gradient descent"
    at_its_time = "after 4 times the iterations that the theorem on label-noise descent names, for both algorithms"

    def near(value: sp.Expr, share: sp.Expr) -> Within:
        return Within(low=(1 - share) * value, high=(1 + share) * value)

    return (
        Claim(name="descent.fits", source=stated(of_descent), needs=descent, observable="loss_final",
              law=Within(high=Rational(1, 100)), latex=r"L_S \le \varepsilon",
              says="Gradient descent fits the training set.",
              tested=f"training loss at most 0.01 {at_its_time}; the loss goes on falling until then"),
        Claim(name="descent.harmful", source=stated(of_descent), needs=descent, observable="error_fresh_final",
              law=Within(low=HARMFUL), latex=r"L_D^{0-1} \ge 0.24",
              says="Gradient descent generalizes badly.", tested=f"error on fresh noise {at_its_time}"),
        Claim(name="label-noise.loss", source=stated(of_noise), needs=noisy, observable="loss_final",
              law=near(-sp.log(1 - P), Rational(1, 2)), latex=r"L_S = \Theta(1)",
              says="Label-noise descent keeps the training loss of order one.",
              tested=f"training loss on the true labels {at_its_time}, within half of the plateau's -log(1 - p)"),
        Claim(name="label-noise.generalizes",
              source=stated(of_noise, "at most 2 exp(-C d/n^2) there: read as below the level of gradient descent"),
              needs=noisy, observable="error_fresh_final", law=Within(high=HARMFUL),
              latex=r"L_D^{0-1} \le 2\exp(-Cd/n^2)", says="Label-noise descent generalizes.",
              tested=f"error on fresh noise below the 0.24 that gradient descent exceeds, {at_its_time}"),
        # What the proof rests on, and what is so.
        Claim(name="label-noise.signal-keeps-growing",
              source=inferred(of_noise, "what the term m log(6/(sigma_0 |mu|))/(eta |mu|^2) of its time takes"),
              needs=condition_plateau_rate(), observable="late_signal_growth", law=Theta(eta * mu**2 / m),
              says="Once noise is held, the signal goes on growing at the rate of Stage I.",
              tested="the growth of the logarithm of the best overlap with the signal per step, over the second half"
              " of a run that is on the plateau, at p = 1/5"),
        Claim(name="label-noise.signal-stalls", source=MECHANISM, needs=condition_plateau_rate(),
              observable="late_signal_growth_limit", law=Theta(eta**2 * mu**2 * sigma_xi**2 * d / (n * m**2)),
              says="Once noise is held, the signal grows at a rate of second order in the step size.",
              tested="as label-noise.signal-keeps-growing, over the derived factor of its next order, 1.2 at most"),
        Claim(name="stage1.time", source=stated("the first term of the times of both theorems"),
              needs=condition_growth(), observable="early_time",
              law=Theta(n * m / (eta * sigma_xi**2 * d), up_to_logs=True, constant="logarithm_of_start"),
              says="Noise is memorized after a time of this order up to the logarithm of the start.",
              tested="the time to a mean own coefficient of 0.01"),
        Claim(name="growth.noise", source=MECHANISM, needs=condition_growth(), observable="noise_log_growth",
              law=near(noise_growth(P), ACCURACY), says="In Stage I every memorized patch grows by this factor a step.",
              tested="the logarithm of the best overlap with a noise patch, from the start to a mean own coefficient of"
              " 0.01"),
        Claim(name="growth.signal", source=MECHANISM, needs=condition_growth(), observable="signal_log_growth",
              law=near(signal_growth(P), ACCURACY), says="In Stage I the signal grows by this factor a step.",
              tested="as growth.noise"),
        Claim(name="plateau.margin", source=MECHANISM, needs=condition_plateau(), observable="margin_mean_final",
              law=near(plateau(P), Rational(1, 5)), says="Flips hold the margins at log((1-p)/p).",
              tested="the mean margin at the end; that of one sample fluctuates by (2 lambda f)^1/2, at most a third"),
        Claim(name="plateau.signal-growth", source=MECHANISM, needs=condition_plateau(),
              observable="late_signal_growth", law=near(late_growth(P) * late_correction(P), Rational(2, 5)),
              says="On the plateau the signal grows at this rate.",
              tested="as label-noise.signal-keeps-growing; chance moves it by (lambda p (1-p) n s)^-1/2, an eighth"
              " at most"),
        Claim(name="late.label-noise", source=MECHANISM, needs=condition_late(), observable="error_fresh_final",
              law=Within(high=Rational(1, 10)),
              says="With larger steps, and as many as the plateau asks for, label-noise descent generalizes.",
              tested=f"error on fresh noise at 1.3 times that number of steps, p = {LATE_P}"),
        Claim(name="late.descent", source=MECHANISM, needs=condition_late_descent(), observable="error_fresh_final",
              law=Within(low=HARMFUL), says="Gradient descent does not, after as many steps.",
              tested="as late.label-noise, without flips"),
    )  # fmt: skip


__all__ = ["HARMFUL", "claims"]
