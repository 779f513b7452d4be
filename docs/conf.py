"""How Sphinx builds these pages; every warning is an error (see dev.py)."""

from __future__ import annotations

from importlib.metadata import version as version_of

project = "crewgraph"
author = "crewgraph contributors"
project_copyright = author
version = release = version_of("crewgraph")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["build"]
html_theme = "furo"
html_title = "crewgraph"

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "description"
