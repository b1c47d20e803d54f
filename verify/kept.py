"""Violations that searches found, kept for the next one in Hypothesis' own database, under the current directory.

Kept are settings, not Hypothesis' draws: a draw would mean another setting as soon as a range or the sampler changes.
Replaying them is no part of a search (:func:`verify.falsify.hunt`), which finds the same with or without them.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from hypothesis.database import DirectoryBasedExampleDatabase

from numerics import Setting
from theory import Claim
from verify.falsify import Hunt

FOLDER = Path(".thetacheck") / "witnesses"


@dataclass(frozen=True, kw_only=True)
class Recalled:
    """What earlier searches left: settings by claim, and a line for each entry that could not be read."""

    settings: dict[str, tuple[Setting, ...]]
    complaints: tuple[str, ...]


def _key(claim: Claim) -> bytes:
    """By what is claimed, without the reasons that its laws give: under other conditions or another reading a setting
    that lies inside is as telling."""
    stated = [
        (observable, type(law).__name__, [(f.name, str(getattr(law, f.name))) for f in fields(law) if f.name != "why"])
        for observable, law in claim.parts
    ]
    return hashlib.sha256(f"{claim.name} {stated!r}".encode()).digest()


def recall(claims: Iterable[Claim], model: type[Setting], folder: Path = FOLDER) -> Recalled:
    """What was kept of claims about a model. A damaged entry is passed over, with a line."""
    settings: dict[str, tuple[Setting, ...]] = {}
    complaints = []
    database = DirectoryBasedExampleDatabase(folder)
    for claim in claims:
        found = []
        for raw in sorted(database.fetch(_key(claim))):
            try:
                found.append(model(**json.loads(raw)))
            except (ValueError, TypeError, OverflowError, RecursionError) as problem:
                complaints.append(f"{folder}: a kept violation of '{claim.name}' is damaged, passed over ({problem})")
        if found:
            settings[claim.name] = tuple(found)
    return Recalled(settings=settings, complaints=tuple(" ".join(c.split()) for c in complaints))


def keep(hunts: Iterable[Hunt], folder: Path = FOLDER) -> None:
    """Keep what hunts found, and drop what fresh seeds cleared."""
    database = DirectoryBasedExampleDatabase(folder)
    for finding in (f for hunt in hunts for f in hunt.findings):
        for tested in (finding.simplest, finding.worst):
            if tested is not None:
                database.save(_key(finding.claim), _value(tested.setting))
        for tested in finding.cleared:
            database.delete(_key(finding.claim), _value(tested.setting))


def _value(setting: Setting) -> bytes:
    return json.dumps(setting.values(), sort_keys=True).encode()
