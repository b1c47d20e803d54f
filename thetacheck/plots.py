"""What a session holds, drawn: the report's own figures on axes that a user may change."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from numerics import Trajectory
from verify import figures, maps
from verify.draw import Open, left_open
from verify.maps.figures import draw
from verify.shown import COMMAND, in_python
from verify.study import Outcome

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@in_python()
def plot(
    value: Trajectory | Outcome | maps.Map | str | Path, *what: Any, ax: "Axes | Iterable[Axes] | None" = None
) -> "Axes | np.ndarray":
    """Draw runs, a claim's fit or a phase diagram.

    Args:
        value: runs of ``train``; an outcome of ``verify``; the folder that ``thetacheck map`` wrote; or a map.
        what: of runs the names of series; of an outcome the name of a claim, where it has several; of a map the table
            of its cells; of a folder nothing.
        ax: axes to draw on, one for each panel. Without, new ones in a figure of pyplot's.

    Returns:
        The axes, an array where there are several panels.

    Raises:
        ValueError: there is nothing to draw, not as many axes as panels, or an argument of another kind.
    """
    given = None if ax is None else _axes(ax)
    _check(value, what)
    with left_open(given) as place:
        if isinstance(value, Trajectory):
            figures.of_runs(value, what)
        elif isinstance(value, Outcome):
            _fits(place, value, *what)
        elif isinstance(value, maps.Map):
            draw(value, *what)
        else:
            draw(*_kept(Path(value)))
    return place.drawn[0] if len(place.drawn) == 1 else np.array(place.drawn, dtype=object)


def _axes(given: Any) -> list:
    from matplotlib.axes import Axes

    found = list(np.ravel(np.asarray(given, dtype=object)))
    for one in found:
        if not isinstance(one, Axes):
            raise ValueError(f"ax = {one!r}: must be axes of matplotlib, as pyplot.subplots() gives them")
    return found


def _check(value: Any, what: tuple) -> None:
    """Raise ``ValueError`` unless a value can be drawn, and so ``what`` of it."""
    kinds: list[tuple[Any, Any, tuple[int, float], str]] = [
        (Trajectory, str, (0, np.inf), "give names of series"),
        (Outcome, str, (0, 1), "give the name of one claim"),
        (maps.Map, pd.DataFrame, (1, 1), "give the table of its cells"),
        (str | Path, (), (0, 0), "a folder holds all of its map; give nothing beside it"),
    ]
    for kind, part, (least, most), way in kinds:
        if isinstance(value, kind):
            if not (least <= len(what) <= most and all(isinstance(one, part) for one in what)):
                raise ValueError(f"{type(value).__name__} with {what!r}: {way}")
            return
    raise ValueError(f"{type(value).__name__}: nothing is known to draw of it; give runs, an outcome or a map")


def _fits(place: Open, outcome: Outcome, name: str = "") -> None:
    known = {v.claim.name: v for v in outcome.verdicts}
    if not name and len(known) == 1:
        [name] = known
    if name not in known:
        raise ValueError(f"claim '{name}': this outcome has {', '.join(known)}; name one")
    list(figures.of_claim(known[name], outcome))
    if not place.drawn:
        raise ValueError(f"claim '{name}': {known[name].status}, and there is nothing to draw: {known[name].reason}")


def _kept(folder: Path) -> tuple[maps.Map, pd.DataFrame]:
    """The map of a folder and its cells."""
    from verify.pack import load

    if not maps.FOLDER.wrote("map-cells.csv", folder):
        raise ValueError(f"{folder}: holds no finished map; name the folder of one, which `{COMMAND} map` writes")
    paper = maps.FOLDER.read(folder)["x"]["paper"]
    return maps.held(folder, load(paper)), pd.read_csv(folder / "map-cells.csv")
