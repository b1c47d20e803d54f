"""The command line: one module for each kind of command, all of one group."""

from verify.cli import draw, look, prove, search, select, study
from verify.cli.common import cli

__all__ = ["cli", "draw", "look", "prove", "search", "select", "study"]
