"""The design of settings for this paper: that of Kou et al., whose conditions these are, within what runs cost here."""

from dataclasses import replace

from theory import Band
from theory.reading import Reading
from verify.design import Group, Point, Profile
from verify.packs.kou2023.design import design as of_one_signal
from verify.packs.kou2023.stages import lasts

GENERAL = 3.0  # a step with several signals, over one of the plain network; measured
LONGEST = 15_000  # steps of a run: few settings ask for more, and each would cost as much as all others


def design(group: Group, profile: Profile, reading: Reading, entropy: int) -> list[Point]:
    """As :func:`verify.packs.kou2023.design.design` has them, without the longest runs.

    Raises:
        ValueError: too few draws fall inside the conditions.
    """
    if not any(isinstance(c.statement, Band) for c in group.needs):  # a boundary needs what it gets
        profile = replace(profile, work={stage: work / GENERAL for stage, work in profile.work.items()})
    points = of_one_signal(group, profile, reading, entropy)
    return [p for p in points if (lasts(group.stage, p.epsilon) or 0.0) / p.setting.time_scale <= LONGEST]
