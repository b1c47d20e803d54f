"""Proofs about the limit of training, for all parameters of a region at once, by ball arithmetic.

A limit is a :class:`System`, as data. What is stated of it are inequalities (:func:`statement`), decided over a
:func:`region` by :func:`decide`, which returns a proof as a cover by boxes, or a point that refutes.
:func:`certificate` makes a file of it, and :func:`check_certificate` goes over that in another arithmetic.
Derivations: docs/proofs.md.
"""

from theory.limit.argument import Argument, Step
from theory.limit.certificates import certificate
from theory.limit.check import check_certificate
from theory.limit.claims import Limit, Proposition
from theory.limit.cover import BUDGET, Decided, Verdict, decide, solution
from theory.limit.diagram import Cell, Diagram, cells
from theory.limit.system import Region, Scale, Statement, System, region, statement

__all__ = [
    "BUDGET",
    "Argument",
    "Cell",
    "Decided",
    "Diagram",
    "Limit",
    "Proposition",
    "Region",
    "Scale",
    "Statement",
    "Step",
    "System",
    "Verdict",
    "cells",
    "certificate",
    "check_certificate",
    "decide",
    "region",
    "solution",
    "statement",
]
