"""The site made of these pages: `make docs` builds it, and whatever does not hold together is an error."""

import os
import sys
from importlib.metadata import version as installed
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

project = "thetacheck"
author = copyright = "The thetacheck authors"
release = version = installed("thetacheck")
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "pages"]
exclude_patterns = ["examples", "_build"]

smartquotes = False

html_theme = "furo"
html_title = "thetacheck"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_copy_source = False
html_math_renderer = "mathml"

myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_fence_as_directive = ["math"]
myst_heading_anchors = 4
myst_dmath_double_inline = True
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 120

autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True}
python_use_unqualified_type_names = True
napoleon_use_ivar = True

# Every reference to ours must lead somewhere; what annotations name of other libraries is not looked up, which would
# need the network.
nitpicky = True
