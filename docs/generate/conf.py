"""How Sphinx builds the documentation; `make docs` calls it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import napari_fcn_crf
from docs.generate import pages

project = "napari-fcn-crf"
author = "napari-fcn-crf developers"
copyright = f"2026, {author}"
release = version = napari_fcn_crf.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx.ext.napoleon"]
exclude_patterns = ["generated"]

html_theme = "pydata_sphinx_theme"
html_title = project
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_show_sourcelink = False

myst_enable_extensions = ["deflist", "dollarmath"]
myst_heading_anchors = 3

# Messages and options are to be found as they are: quotes and dashes stay what they are.
smartquotes = False

# A single backtick is code in the docstrings.
default_role = "code"
napoleon_google_docstring = False
napoleon_use_rtype = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"

pages.write_all(Path(__file__).parents[1] / "generated")
