"""Reports: terminal, HTML, Markdown, JSON, CSV and figures. Besides the figures, the only place that prints or writes.

One module per kind of report, over :mod:`verify.report.common`.
"""

from verify.report.calibration import calibrating, write_calibration
from verify.report.common import announce, duration, progress
from verify.report.hunts import failures_at, hunting, write_hunts
from verify.report.paper import write_figures
from verify.report.phase import map_interrupted, write_map
from verify.report.select import write_selection
from verify.report.selftest import write_selftest
from verify.report.study import SCHEMA, reproduce, write
from verify.report.terminal import (
    entailment,
    explain,
    explain_statement,
    list_observables,
    list_statements,
    margin_tables,
    summary,
    table_of_claims,
)

__all__ = [
    "SCHEMA",
    "announce",
    "calibrating",
    "duration",
    "entailment",
    "explain",
    "explain_statement",
    "failures_at",
    "hunting",
    "list_observables",
    "list_statements",
    "map_interrupted",
    "margin_tables",
    "progress",
    "reproduce",
    "summary",
    "table_of_claims",
    "write",
    "write_calibration",
    "write_figures",
    "write_hunts",
    "write_map",
    "write_selection",
    "write_selftest",
]
