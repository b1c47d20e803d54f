"""The claims as data, for q = 3 and q = 4."""

from collections.abc import Iterator
from functools import lru_cache

from sympy import Rational, exp, log, sqrt

from theory.papers.cao2022.conditions import (
    MECHANISM,
    POWERS,
    RECALLED,
    condition_benign,
    condition_both_sides,
    condition_fast_signal,
    condition_harmful,
    condition_slow_signal,
    noise_time,
    recalled,
    secondary,
    signal_time,
)
from theory.papers.cao2022.dynamics import START
from theory.papers.cao2022.reading import Reading
from theory.statements import Boundary, Claim, Theta, Within
from theory.symbols import SNR, delta, epsilon, horizon, m, mu, n

LEVEL = Rational(1, 4)  # half of the error of a network that has learned noise alone


@lru_cache(maxsize=8)
def claims(reading: Reading = Reading()) -> tuple[Claim, ...]:
    """Every claim of both powers."""
    return tuple(claim for power in POWERS for claim in _claims(power, reading))


def _claims(power: int, reading: Reading) -> Iterator[Claim]:
    benign, harmful = condition_benign(power), condition_harmful(power)
    signal_learned, noise_learned = "Theorem 4.3", "Theorem 4.4"
    largest_start = 2 * sqrt(log(8 * m * n / delta)) * START
    first_term = "the first term of the time alone, times --horizon: the second is longer than anything that was seen"
    tenth = Within(low=Rational(9, 10), high=Rational(11, 10))

    def claim(name: str, *, source, needs, observable, law, says: str, tested: str = "") -> Claim:
        return Claim(name=f"q{power}.{name}", source=source, needs=needs, observable=observable, law=law, says=says,
                     tested=tested)  # fmt: skip

    yield claim(
        "benign.fits", source=recalled(signal_learned, RECALLED), needs=benign,
        observable=("converged", "convergence_time"),
        law=(Within(low=1), Within(high=horizon * signal_time(power))),
        says="Where the signal outruns the noise, the training loss reaches epsilon in the stated time.",
        tested=first_term,
    )  # fmt: skip
    yield claim(
        "benign.test-loss", source=recalled(signal_learned, RECALLED), needs=benign, observable="test_loss_fresh_end",
        law=Within(high=6 * epsilon + exp(-(n**2))), says="The test loss is then as small as the training loss.",
        tested="the logistic loss on fresh noise patches at L_S <= epsilon",
    )  # fmt: skip
    yield claim(
        "benign.coefficients", source=recalled(signal_learned, f"{RECALLED}; O~(...) read as twice the largest start"),
        needs=benign, observable=("gamma_max_run", "rho_max_run"),
        law=(Within(low=Rational(1, 4)), Within(high=2 * largest_start)),
        says="The signal is learned, and no noise beyond its start.",
    )  # fmt: skip
    yield claim(
        "harmful.fits", source=recalled(noise_learned, RECALLED), needs=harmful,
        observable=("converged", "convergence_time"),
        law=(Within(low=1), Within(high=horizon * noise_time(power))),
        says="Where the noise outruns the signal, the training loss reaches epsilon in the stated time.",
        tested=first_term,
    )  # fmt: skip
    yield claim(
        "harmful.test-loss", source=recalled(noise_learned, RECALLED), needs=harmful, observable="test_loss_fresh_end",
        law=Within(low=Rational(1, 10)), says="The test loss stays of order one.",
        tested="the logistic loss on fresh noise patches at L_S <= epsilon",
    )  # fmt: skip
    yield claim(
        "plateau.noise", source=recalled(noise_learned, "the first term of its time"),
        needs=condition_slow_signal(power), observable="early_time",
        law=Theta(noise_time(power), constant="noise_plateau_constant"),
        says="Noise waits on its plateau for a time of this order.",
        tested="the time to a mean own coefficient of 0.004",
    )  # fmt: skip
    yield claim(
        "plateau.noise.constant", source=MECHANISM, needs=condition_slow_signal(power),
        observable="noise_plateau_ratio", law=tenth, says="The constant is the derived one.",
        tested="the same over what the reduced dynamics makes of the run's own start; times are known to 5 %",
    )  # fmt: skip
    yield claim(
        "plateau.signal", source=recalled(signal_learned, "the first term of its time"),
        needs=condition_fast_signal(power), observable="signal_plateau_time",
        law=Theta(signal_time(power), constant="signal_plateau_constant"),
        says="The signal waits on its plateau for a time of this order.",
        tested="the first iteration at which some signal coefficient is 0.25",
    )  # fmt: skip
    yield claim(
        "plateau.signal.constant", source=MECHANISM, needs=condition_fast_signal(power),
        observable="signal_plateau_ratio", law=tenth, says="The constant is the derived one.",
        tested="the same over what the reduced dynamics makes of the run's own start; times are known to 5 %",
    )  # fmt: skip
    yield claim(
        "threshold", source=secondary("abstract, Theorems 4.3 and 4.4"), needs=condition_both_sides(power),
        observable="error_fresh_end",
        law=Boundary(n * SNR**power, LEVEL, mu, top=Rational(1, 2), constant="threshold_constant", at=(0.5, 2.0),
                     why="the derived value, a factor of two either way for the starts of n samples that differ"),
        says="The signal is learned above a constant of n SNR^q, and noise below.",
        tested="the error on fresh noise at L_S <= epsilon, a quarter; 1/2 is that of a network that saw noise alone",
    )  # fmt: skip
