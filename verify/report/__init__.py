"""Reports: terminal, HTML, Markdown, JSON, CSV and figures. Besides the figures, the only place that prints or writes.

One module per kind of report, over :mod:`verify.report.common`.
"""

from importlib import import_module
from typing import Any

# Where each name comes from; loaded when it is asked for, since a listing should not wait for the drawing of figures.
_PLACES = {
    "calibration": (
        "calibrated",
        "calibrating",
        "write_calibration",
    ),
    "common": (
        "duration",
        "progress",
    ),
    "compared": ("standings",),
    "comparison": ("compare",),
    "document": ("SCHEMA",),
    "hunts": (
        "failures_at",
        "hunting",
        "write_hunts",
    ),
    "latex": ("verdict_tables",),
    "listings": (
        "entailment",
        "explain",
        "explain_statement",
        "explain_theorem",
        "list_observables",
        "list_papers",
        "list_series",
        "list_statements",
        "margin_tables",
        "table_of_claims",
        "table_of_theorems",
        "vocabulary",
    ),
    "paper": ("write_figures",),
    "proofs": (
        "explain_proof",
        "list_proofs",
        "rechecked",
        "write_proofs",
    ),
    "maps": (
        "map_interrupted",
        "write_map",
    ),
    "select": ("write_selection",),
    "selftest": ("write_selftest",),
    "study": ("write",),
    "terminal": (
        "conformance",
        "summary",
    ),
    "words": ("reproduce",),
}
_PLACE_OF = {name: place for place, names in _PLACES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _PLACE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACE_OF[name]}"), name)
