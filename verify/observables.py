"""Observables by name: those of the engine, and those that compare a run with the mean field."""

from numerics import OBSERVABLES, Observable
from verify.meanfield import MEANFIELD

OBSERVABLE_BY_NAME: dict[str, Observable] = OBSERVABLES | {o.name: o for o in MEANFIELD}
