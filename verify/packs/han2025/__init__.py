"""Han et al. 2025 bound to the two-layer CNN: ReLU, one signal patch and one noise patch, flipped labels."""

from typing import Any

import sympy as sp

from numerics import OBSERVABLES, Setting
from numerics.model import Range
from theory import Band, kappa, tau_minus, tau_plus
from theory.papers.han2025 import PAPER, Reading
from theory.papers.han2025.meanfield import signal_leads_threshold
from verify.pack import Maps, Pack, Phases
from verify.packs.han2025.design import design
from verify.packs.han2025.stages import lasts, rescaled_time
from verify.packs.han2025.words import says
from verify.predicted import MEANFIELD, curves


def bands(reading: Reading) -> dict[str, Band]:
    """kappa and the flip probabilities as the reading has them."""
    taus = {"tau_plus": tau_plus, "tau_minus": tau_minus}
    effective = kappa * (1 - tau_plus - tau_minus)
    return {name: Band(tau, reading.tau_low, reading.tau_high) for name, tau in taus.items()} | {
        "kappa": Band(effective, reading.kappa_low, reading.kappa_high)
    }


# What draws maps, and what is false, is brought only when asked for.


def _planted() -> tuple:
    from verify.packs.han2025.planted import planted_statements

    return planted_statements()


def _lines(*given: Any) -> list:
    from verify.packs.han2025 import maps

    return maps.lines(*given)


def _slow(*given: Any) -> float:
    from verify.packs.han2025 import maps

    return maps.slow(*given)


def _presets() -> dict[str, Any]:
    from verify.packs.han2025 import maps

    return maps.presets()


# fmt: off
PACK = Pack(
    paper=PAPER,
    setting=Setting,
    observables=OBSERVABLES | {o.name: o for o in MEANFIELD},
    extents={
        "n": (1, 1e4), "m": (1, 1e4), "tau_plus": (1e-3, 0.499), "tau_minus": (1e-3, 0.499), "d": (1, 1e18),
        "sigma_xi": (0.03, 30), "mu": (1e-9, 1e12), "sigma_0": (1e-25, 1e6), "eta": (1e-25, 1e6),
    },
    lasts=lasts,
    expected=rescaled_time,
    bands=bands,
    # The setting that shows the paper's Figure 1.
    typical={
        "n": 100.0, "m": 20.0, "d": 2000.0, "mu": 10.0, "sigma_xi": 1.0, "sigma_0": 1e-3, "eta": 0.1, "tau_plus": 0.2,
        "tau_minus": 0.2, "epsilon": 0.01, "delta": 0.1, "horizon": 8.0,
    },
    same={"tau_minus": "tau_plus"},
    design=design,
    predicted=curves,
    says=says,
    # Every rate, and every kind of law, at the cost of four minutes of two cores.
    tried=(
        "stage1.time", "stage1.signal-growth", "stage1.noise-growth", "stage2.time", "recursion.exact",
        "concentration.cross", "stage1.order-one", "stage1.clean-fitted", "stage1.noisy-ignored",
        "signal.increases.stage1", "signal.increases", "stage1.loss-derivative", "stage2.loss-derivative-decay",
        "stage2.noisy-memorised", "clean-labels.signal-share", "meanfield.threshold",
        "contrast.stage1.signal-leads.low-snr",
    ),
    planted=_planted,
    maps=Maps(
        # With these sizes Condition 4.1 holds at C = 2, and a default map takes about a minute and a half of one core.
        held={
            "n": "64", "m": "16", "d": "2e7", "sigma_xi": "1", "kappa": "6", "tau": "0.1", "tau_plus": "tau",
            "tau_minus": "tau", "mu": "sigma_xi*sqrt(kappa*d/n)", "sigma_0": "bound", "eta": "bound",
        },
        ratios={
            "kappa": Range(low=0, high=1e30), "tau": Range(low=0, high=0.5, below=True), "snr": Range(low=0, high=1e30),
        },
        instead={"snr": {"mu": "snr*sigma_xi*sqrt(d)"}},
        axes={
            "kappa": (0.5, 8.0, False), "tau": (0.02, 0.4, False), "tau_plus": (0.02, 0.4, False),
            "tau_minus": (0.02, 0.4, False), "n": (16, 256, True), "m": (8, 64, True), "d": (1e3, 1e8, True),
        },
        show=(
            "stage1.signal-leads", "stage1.noisy-ignored", "order_one_time", "convergence_time",
            "error_spurious_end", "error_fresh_end",
        ),
        lines=_lines,
        phases=(
            Phases(
                along=kappa * (1 - 2 * sp.Max(tau_plus, tau_minus)), at=lambda _: float(signal_leads_threshold().at),
                below="noise leads from the start", beyond="the signal leads in Stage I",
            ),
        ),
        presets=_presets,
        slow=_slow,
    ),
)
# fmt: on
