"""``python -m thetacheck``, and what ``thetacheck`` runs.

A ``verify.py`` or a ``json.py`` in the working directory cannot stand in for ours or for Python's.
"""

import os
import sys

from thetacheck import HERE

if __name__ == "__main__" and os.getcwd() in sys.path and os.getcwd() != str(HERE) and not sys.flags.safe_path:
    sys.path.remove(os.getcwd())  # an installed command does not look there; and workers look where their parent does

from verify.__main__ import main

if __name__ == "__main__":
    main()
