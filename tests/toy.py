"""A paper that nobody wrote, in one file: clean labels, and a leaky ReLU whose slope below zero is a parameter more.

All that the tools know of a paper and its model is here; ``--paper tests/toy.py`` is enough. What it claims is true but
for ``toy.unfitted``, which is false.
"""

from dataclasses import dataclass
from typing import ClassVar

from sympy import Eq, Max, Rational, log, sqrt

import numerics
from numerics.activation import Activation
from numerics.model import parameter
from theory import (
    Band,
    C,
    Claim,
    Condition,
    Within,
    d,
    delta,
    eta,
    kappa,
    m,
    n,
    sigma_0,
    sigma_xi,
    tau_minus,
    tau_plus,
)
from theory import reading as readings
from theory.orders import Order, Premise, Ruling, premises
from theory.papers import ConditionSet, Entailment, Paper
from theory.statements import Source
from theory.symbols import declare
from verify.pack import Maps, Pack

LEAK = declare("leak", r"\alpha", "[0, 1/2]", "slope of the activation below zero", order="~", nonnegative=True)
SOURCE = Source(provenance="derived", reference="Toy 2026")


@dataclass(frozen=True, kw_only=True)
class Reading(readings.Reading):
    """The toy hides nothing beside the constants of every paper."""

    paper: ClassVar[str] = "toy"


@dataclass(frozen=True, kw_only=True)
class Setting(numerics.Setting):
    """The two-layer CNN with phi(z) = max(z, 0) + leak min(z, 0)."""

    activation: ClassVar[Activation] = Activation(
        name="leaky relu",
        value=lambda z, leak: z.where(z > 0, leak * z),
        slope=lambda z, leak: leak.where(z <= 0, 1.0),
        parameters=("leak",),
    )
    leak: float = parameter(0, 0.5)


def sets(reading: Reading) -> tuple[ConditionSet, ...]:
    """Its one set of conditions."""
    rules = {
        "dimension": (d >= C * n**2 * log(n * m / delta), "The dimension is large."),
        "signal": (Band(kappa, 3, 12), "Signal and noise are learned at the same rate."),
        "clean-plus": (Eq(tau_plus, 0), "No label is flipped."),
        "clean-minus": (Eq(tau_minus, 0), "No label is flipped."),
        "leak": (Rational(1, 4) >= LEAK, "The activation leaks little."),
        "initialization": (sigma_0 <= 1 / (C * sigma_xi * Max(d / sqrt(n), sqrt(d * kappa))), "Small weights."),
        "step": (eta <= n * m / (C * sigma_xi**2 * d), "Small steps."),
    }
    conditions = tuple(
        Condition(name=f"toy.{name}", source=SOURCE, statement=rule, says=says) for name, (rule, says) in rules.items()
    )
    return (ConditionSet(name="toy", title="Condition T", conditions=conditions),)


def claims(reading: Reading) -> tuple[Claim, ...]:
    """One that holds, and one that does not."""
    [own] = sets(reading)
    return (
        Claim(name="toy.fitted", source=SOURCE, needs=own.conditions, observable="margin_min_T1", law=Within(low=0),
              says="At T_1 every sample is fitted."),
        Claim(name="toy.unfitted", source=SOURCE, needs=own.conditions, observable="margin_min_T1", law=Within(high=0),
              says="At T_1 no sample is fitted."),
    )  # fmt: skip


def _limits() -> tuple[Premise, ...]:
    return (Premise(name="n-grows", order=Order(n, ">>", 1), says="The number of samples tends to infinity."),)


def named() -> dict[str, tuple[Premise, ...]]:
    """Its conditions as premises about orders."""
    return {"toy": (*premises(sets(Reading())[0].conditions), *_limits())}


def entailments() -> tuple[Entailment, ...]:
    """One step."""
    return (
        Entailment(name="regime.toy", source=SOURCE, given=named()["toy"], goal=Order(n**2, "<=", d),
                   expected=Ruling.ENTAILED, says="The dimension is at least the squared number of samples."),
    )  # fmt: skip


PACK = Pack(
    paper=Paper(
        name="toy",
        title="A paper that nobody wrote",
        reference="Toy 2026",
        reading=Reading,
        parameters=("n", "m", "d", "mu", "sigma_xi", "sigma_0", "eta", "tau_plus", "tau_minus", "leak"),
        sets=sets,
        claims=claims,
        entailments=entailments,
        premises=named,
        meant=_limits(),
    ),
    setting=Setting,
    extents={
        "n": (4, 1e3), "m": (4, 1e3), "tau_plus": (1e-3, 0.4), "tau_minus": (1e-3, 0.4), "leak": (1e-3, 0.5),
        "d": (1, 1e12), "sigma_xi": (0.03, 30), "mu": (1e-9, 1e9), "sigma_0": (1e-20, 1e3), "eta": (1e-20, 1e3),
    },
    lasts=lambda stage, epsilon: {"T1": 3.0, "window": 3.0, "early": 0.2, "end": 5.0 / epsilon}.get(stage),
    typical={
        "n": 32.0, "m": 8.0, "d": 2e4, "mu": 60.0, "sigma_xi": 1.0, "sigma_0": 1e-4, "eta": 1e-3, "tau_plus": 0.0,
        "tau_minus": 0.0, "leak": 0.1, "epsilon": 0.01, "delta": 0.1, "horizon": 8.0,
    },
    maps=Maps(
        held={
            "n": "16", "m": "6", "d": "2e4", "sigma_xi": "1", "mu": "sqrt(6*d/n)", "sigma_0": "bound", "eta": "bound",
            "tau_plus": "0", "tau_minus": "0", "leak": "0.1",
        },
        show=("toy.fitted", "order_one_time"),
    ),
)  # fmt: skip
