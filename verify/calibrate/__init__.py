"""Numbers for what theorems leave open: the constant C, the item of the conditions that a claim leans on, the
thresholds of kappa, and the exponent of the dimension condition. Settings are laid out in cells (``layout``), run look
by look (``runs``), and counted; ``constant``, ``leaning`` and ``edges`` say how each number is found from the counts.
The method in short: docs/calibration.md.
"""

from verify.calibrate.answers import Calibration, conclude
from verify.calibrate.constant import SEVERE, Constant, Existence, constant_of, power, settled
from verify.calibrate.edges import Edge, Exponent, edge, exponent_of, meanfield_thresholds, thresholds_of
from verify.calibrate.layout import (
    ARRIVES,
    EFFORTS,
    LEVEL,
    CalibrationEffort,
    Cell,
    Layout,
    calibratable,
    plan,
    require_calibratable,
)
from verify.calibrate.leaning import Leaning, leaning_of
from verify.calibrate.loosening import Item, items
from verify.calibrate.runs import FOLDER, collect, identity, jobs

__all__ = [
    "ARRIVES",
    "EFFORTS",
    "FOLDER",
    "LEVEL",
    "SEVERE",
    "Calibration",
    "CalibrationEffort",
    "Cell",
    "Constant",
    "Edge",
    "Existence",
    "Exponent",
    "Item",
    "Layout",
    "Leaning",
    "calibratable",
    "collect",
    "conclude",
    "constant_of",
    "edge",
    "exponent_of",
    "identity",
    "items",
    "jobs",
    "leaning_of",
    "meanfield_thresholds",
    "plan",
    "power",
    "require_calibratable",
    "settled",
    "thresholds_of",
]
