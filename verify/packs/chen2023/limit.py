"""The limit of ``theory.papers.chen2023.meanfield`` in numbers: curves of recorded series."""

from functools import cache

import numpy as np
import scipy
import sympy as sp

from numerics import Setting
from theory.papers.chen2023 import meanfield
from theory.papers.kou2023.meanfield import LAST

JOINED = LAST.one  # of the neurons of a class: those that other patches push into a patch are active there too


@cache
def _along_margin():
    """rho and gamma at margin u."""
    kappa = sp.Symbol("kappa", positive=True)
    given = [meanfield.u, kappa, meanfield.tau, meanfield.copies]
    found = meanfield.noise(JOINED), meanfield.signal(kappa, JOINED)
    return sp.lambdify(given, found, modules="numpy")


def curves(setting: Setting, s: np.ndarray) -> dict[str, np.ndarray]:
    """The limit of SGD for both labels, by the name of the recorded series that it predicts: to leading order, with all
    neurons that join, as for two patches (docs/kou2023.md). Of SAM none is known."""
    if setting.radius > 0:
        return {}
    x = 1 + float(JOINED) * setting.copies**2 * np.asarray(s, dtype=float)
    u = np.maximum(x - np.real(scipy.special.wrightomega(x)), 0.0)  # u + e^u - 1 = a nu^2 s
    found = {}
    for label, tau in (("plus", setting.tau_plus), ("minus", setting.tau_minus)):
        rho, gamma = _along_margin()(u, setting.kappa, tau, setting.copies)
        found |= {f"gamma_{label}": gamma, f"rho_clean_{label}": rho, f"rho_noisy_{label}": rho}
    return found
