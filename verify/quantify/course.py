"""Theorems on their way from exploration to a verdict, phase by phase: which runs come next, and what they come to."""

from collections.abc import Mapping, Sequence

from theory.reading import Reading
from theory.statements import Theorem
from verify import processes, sweep
from verify.quantify.choice import Choice, fix
from verify.quantify.confirmation import TheoremVerdict, answer, confirm, corrected, more_seeds
from verify.quantify.design import LABELS, Family, TheoremEffort, explored_alike
from verify.sweep import Job, Result


class Course:
    """Theorems under several kinds of labels on their way from exploration to a verdict.

    Args:
        theorems: those with the same conditions and stage explore on the same runs.
        labels: kinds of labels.
        reading: supplies delta, and what no hidden constant replaces.
        effort: how much is run.
        seed, device: of all runs.
        pool: places the settings of exploration, if there is one.
    """

    def __init__(
        self,
        theorems: Sequence[Theorem],
        reading: Reading,
        effort: TheoremEffort,
        seed: int,
        device: str,
        labels: Sequence[str] = LABELS,
        pool: processes.Pool | None = None,
    ) -> None:
        kinds: dict[tuple, list[Theorem]] = {}
        for theorem in theorems:
            kinds.setdefault((theorem.needs, theorem.stage, theorem.restricting), []).append(theorem)
        self.families = tuple(
            Family(members=tuple(members), labels=kind, reading=reading, effort=effort, seed=seed, device=device)
            for kind in labels
            for members in kinds.values()
        )
        # All kinds of labels have the same settings, which are placed once.
        alike = [[family for family in self.families if family.members == tuple(members)] for members in kinds.values()]
        placed = [pair for found in processes.mapped(explored_alike, alike, pool) for pair in found]
        self._explored = {family.name: dict(placed)[family.name] for family in self.families}
        self._choices: dict[tuple[str, str], Choice] = {}
        self._confirmed: dict[tuple[str, str], list[Job]] = {}

    @property
    def settings(self) -> int:
        """How many jobs the first two phases are expected to have."""
        theorems = sum(len(family.members) * family.effort.confirmed for family in self.families)
        return theorems + sum(len(jobs) for jobs in self._explored.values())

    @property
    def work(self) -> float:
        """Core seconds that these are expected to take: a fresh setting as much as an explored one, seed for seed."""
        found = 0.0
        for family in self.families:
            jobs, effort = self._explored[family.name], family.effort
            explored = sum(sweep.expected(jobs).values())
            fresh = len(family.members) * effort.confirmed * effort.looks[0] / max(len(jobs) * effort.seeds, 1)
            found += explored * (1 + fresh)
        return found

    @property
    def fixed(self) -> dict[tuple[str, str], Mapping[str, float]]:
        """The constants that exploration has led to, by theorem and kind of labels, as far as it is over."""
        return {key: choice.constants for key, choice in self._choices.items()}

    def next(self, done: Mapping[str, Result]) -> list[Job]:
        """The runs of the next phase, none after the last.

        Args:
            done: finished jobs by key; all of the phases before must be there.
        """
        missing = [job for jobs in self._explored.values() for job in jobs if job.key not in done]
        if missing:
            return missing
        for family, theorem in self._each():
            if self._key(family, theorem) not in self._choices:
                choice = fix(theorem, family, [done[job.key] for job in self._explored[family.name]])
                self._choices[self._key(family, theorem)] = choice
                self._confirmed[self._key(family, theorem)] = confirm(family, theorem, choice)
        missing = [job for jobs in self._confirmed.values() for job in jobs if job.key not in done]
        return missing or [job for pair in self._each() for job in self._again(*pair, done) if job.key not in done]

    def answers(self, done: Mapping[str, Result]) -> tuple[TheoremVerdict, ...]:
        """The verdicts, of every theorem whose runs are all there."""
        found = []
        for family, theorem in self._each():
            choice = self._choices.get(self._key(family, theorem))
            jobs = self._confirmed.get(self._key(family, theorem), [])
            if choice is None or any(job.key not in done for job in jobs):
                continue
            again = self._again(family, theorem, done)
            if any(job.key not in done for job in again):
                continue
            found.append(
                answer(
                    family, theorem, choice, [done[j.key] for j in jobs], [done[j.key] for j in again],
                    group=jobs[0].group.name if jobs else "",
                    explored=sum(len(job.seeds) for job in self._explored[family.name]),
                )
            )  # fmt: skip
        return corrected(found)

    def _each(self):
        return [(family, theorem) for family in self.families for theorem in family.members]

    @staticmethod
    def _key(family: Family, theorem: Theorem) -> tuple[str, str]:
        return theorem.name, family.labels

    def _again(self, family: Family, theorem: Theorem, done: Mapping[str, Result]) -> list[Job]:
        key = self._key(family, theorem)
        jobs = self._confirmed[key]
        return more_seeds(family, theorem, self._choices[key], [done[job.key] for job in jobs], jobs)
