"""The paper's own figures again: runs, what each caption says beside what is measured, and the drawing. Illustrations,
not evidence: a figure is a value, ``figure.PaperFigure``; ``verify.report.paper`` prints and writes it.
"""

from verify.reproduce.figure import CaptionPoint, PaperFigure
from verify.reproduce.synthetic import SEEDS, SyntheticRuns, collect, needed, setting, trained
from verify.reproduce.synthetic_figures import CAPTIONS, make

__all__ = [
    "CAPTIONS",
    "SEEDS",
    "CaptionPoint",
    "PaperFigure",
    "SyntheticRuns",
    "collect",
    "make",
    "needed",
    "setting",
    "trained",
]
