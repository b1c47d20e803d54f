"""Phase diagrams: over two parameters, how often a claim holds, when the stages end and how large the test errors are.
What is asked is a value, ``plane.Map``; its runs, the table of its cells and the lines that theory draws over them
follow. docs/maps.md.
"""

from verify.maps.lines import Grid, Line, boundaries, edges, fine_grid, of_others, of_theory
from verify.maps.plane import (
    BOUND,
    COUNTS,
    Axis,
    Map,
    cells,
    condition_sets,
    fixed,
    quantity_of,
    read_at,
)
from verify.maps.runs import FOLDER, Task, collect, execute, held, identity, plan, simulate
from verify.maps.summary import LATE, SILENT, table

__all__ = [
    "BOUND",
    "COUNTS",
    "FOLDER",
    "LATE",
    "SILENT",
    "Axis",
    "Grid",
    "Line",
    "Map",
    "Task",
    "boundaries",
    "cells",
    "collect",
    "condition_sets",
    "edges",
    "execute",
    "fine_grid",
    "fixed",
    "held",
    "identity",
    "of_others",
    "of_theory",
    "plan",
    "quantity_of",
    "read_at",
    "simulate",
    "table",
]
