"""Seeds from text: what names a run decides what is drawn for it, whatever else is run and in whatever order."""

import hashlib


def seed_of(text: str, size: int = 6) -> int:
    """A seed of ``size`` bytes. Six leave room to count on from it and stay below 2^53, which any table holds."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:size], "big")
