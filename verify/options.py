"""What each numeric option may be, in one place: whatever is outside gets one line before anything starts."""

import math
import os
from collections.abc import Callable, Mapping
from typing import Any

import click

DAY = 86_400.0
# What is refused for its length: a month of one core, or of waiting.
LONGEST = 30 * DAY
PROCESSES = max(64, 4 * (os.cpu_count() or 1))  # beyond the cores they only wait, at half a gigabyte each


_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def check_length(seconds: float, way: str) -> None:
    """Raise ``ValueError`` where work is expected to take longer than :data:`LONGEST`; ``way`` is the way out."""
    if not seconds <= LONGEST:
        raise ValueError(f"expected to take {seconds / DAY:.3g} days of one core, above {LONGEST / DAY:g}; give {way}")


class Number(click.ParamType):
    """A number of a range; text, NaN and what is not whole where it must be are refused.

    Args:
        low, high: the ends of the range, themselves in it.
        whole: a whole number; ``1e3`` is one.
        above, below: leave out the low or the high end.
    """

    def __init__(
        self, low: float, high: float, *, whole: bool = False, above: bool = False, below: bool = False
    ) -> None:
        self.low, self.high, self.whole, self.above, self.below = low, high, whole, above, below
        self.name = "integer" if whole else "float"

    @property
    def rule(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        ends = "above" if self.above else "from", "to below" if self.below else "to"
        return f"{kind} {ends[0]} {self.low:g} {ends[1]} {self.high:g}"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = self._read(value)
        inside = self.low <= number <= self.high and not (
            (self.above and number == self.low) or (self.below and number == self.high)
        )
        if not inside or (self.whole and number != int(number)):
            shown = str(value) if len(str(value)) <= 40 else f"{str(value)[:40]}…"
            self.fail(f"'{shown}' is not {self.rule}.", param, ctx)
        return int(number) if self.whole else number

    def _read(self, value: Any) -> float:
        """The number; a whole one exactly, and NaN, which lies in no range, for what is none."""
        for kind in (int, float) if self.whole else (float,):
            try:
                return kind(value)
            except (ValueError, OverflowError):
                continue
        return math.nan


class OfSetting(Number):
    """A parameter of a setting, in its range there."""

    def __init__(self, parameter: str, ranges: Callable[[], Mapping[str, Any]]) -> None:
        super().__init__(0, 0)
        self.parameter, self.ranges = parameter, ranges

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        own = self.ranges()[self.parameter]  # asked for here: it brings torch, for which `--help` should not wait
        self.low, self.high, self.whole, self.below = own.low, own.high, own.whole, own.below
        return super().convert(value, param, ctx)


class Seconds(click.ParamType):
    """A time such as ``90s``, ``5m`` or ``2h``, as seconds: above 0, up to :data:`LONGEST`."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        text = str(value)
        number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS else (text, "s")
        try:
            seconds = float(number) * _UNITS[unit]
        except ValueError:
            seconds = math.nan
        if not 0 < seconds <= LONGEST:
            self.fail(f"'{text[:40]}' is no time above 0, up to {LONGEST / 3600:g}h; give e.g. 90s or 5m.", param, ctx)
        return seconds


def reading(low: float, high: float) -> Number:
    """A number of a reading, in its range there: of a probability without the upper end."""
    return Number(low, high, below=high <= 1)


LABELS = click.Choice(["drawn", "balanced"])
LAST_SEED = 2**53  # JSON and tables hold it exactly
SEED = Number(0, LAST_SEED, whole=True)
JOBS = Number(1, PROCESSES, whole=True)
SEEDS = Number(1, 10_000, whole=True)
SEVERAL = Number(2, 10_000, whole=True)
EPSILON = Number(1e-9, math.log(2), below=True)  # a run starts at log 2
STEPS = Number(1, 10**9, whole=True)
EPOCHS = Number(1, 100_000, whole=True)
BATCH = Number(1, 10**6, whole=True)
RATE = Number(0, 1e6, above=True)
SHARE = Number(0, 1, below=True)
FLIPS = Number(0, 0.5, below=True)
LOSS = Number(0, 1e6, above=True)
