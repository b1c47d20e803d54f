"""A short hunt in a process of its own, beside the runs of a study."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from theory import Claim
from theory.reading import Reading
from verify import processes, sweep
from verify.falsify.hunting import LEVEL, Hunt, hunt
from verify.falsify.scope import reach
from verify.falsify.search import aside

# Batches by stage in `verify all`, so that every machine finds the same. A quick look has none, and what follows
# training to the end is left to thorough.
BESIDE: dict[str, dict[str, int]] = {
    "quick": {},
    "standard": {"T1": 6},
    "thorough": {"T1": 60, "end": 12},
}


@contextmanager
def beside(
    parties_: Sequence[Sequence[Claim]], reading: Reading, seed_: int, batches: Mapping[str, int]
) -> Iterator[Callable[[bool], tuple[Hunt, ...]]]:
    """Hunt in a process of its own, by a count of batches (by stage), so that every machine finds the same.

    Yields what returns the hunts: with True it waits for all of them, else those that are not done are left out.
    """
    parties_ = tuple(parties_)
    if not parties_:
        yield lambda _: ()
        return
    with processes.Processes(1, _quietly) as pool:
        futures = [
            pool.submit(_short, tuple(claims), reading, seed_, batches, LEVEL / len(parties_)) for claims in parties_
        ]

        def collect(finished: bool) -> tuple[Hunt, ...]:
            held = [pool.result(f) for f in futures if finished or (f.done() and not f.exception())]
            return tuple(h for h in held if h is not None)

        yield collect


def _quietly() -> None:
    aside()
    sweep.one_thread()


def _short(
    claims: tuple[Claim, ...], reading: Reading, seed_: int, batches: Mapping[str, int], level: float
) -> Hunt | None:
    try:
        return hunt(
            claims,
            reading,
            budget=math.inf,
            seed_=seed_,
            batches=batches[reach(claims, reading)],
            level=level,
            brief=True,
        )
    except ValueError:  # a reading that leaves no setting: the claims' own verdicts say so
        return None
