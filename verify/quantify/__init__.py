"""Theorems with their own quantifiers: there exist constants, and there exists a time, such that all parts hold
together. Three steps, each on runs of its own (docs/theorems.md): explore (``design``), fix the constants (``choice``),
confirm (``confirmation``); ``course`` takes theorems through them.
"""

from verify.quantify.choice import Choice, Shown, fix
from verify.quantify.confirmation import PartVerdict, TheoremVerdict, answer, confirm, corrected, more_seeds
from verify.quantify.course import Course
from verify.quantify.design import EFFORTS, Family, TheoremEffort, explore, ladder, numbers

__all__ = [
    "EFFORTS",
    "Choice",
    "Course",
    "Family",
    "PartVerdict",
    "Shown",
    "TheoremEffort",
    "TheoremVerdict",
    "answer",
    "confirm",
    "corrected",
    "explore",
    "fix",
    "ladder",
    "more_seeds",
    "numbers",
]
