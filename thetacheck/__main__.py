"""``python -m thetacheck``: the command line. A ``verify.py`` in the working directory cannot stand in for it."""

import sys
from pathlib import Path


def _ours_first() -> None:
    """``verify`` is a plain name: it is looked for where this package lies before the working directory."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


_ours_first()

from verify.__main__ import main  # noqa: E402

if __name__ == "__main__":
    main()
