"""How Sphinx builds these pages; every warning is an error (see dev.py)."""

from __future__ import annotations

import json
import re
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.errors import SphinxError

from crewgraph.cli.target import load

project = "crewgraph"
author = "crewgraph contributors"
project_copyright = author
version = release = version_of("crewgraph")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["build"]
html_theme = "furo"
html_title = "crewgraph"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_show_sphinx = False

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "description"
toc_object_entries_show_parents = "hide"
nitpicky = True
nitpick_ignore_regex = [("py:class", ".*")]  # types in signatures, of other libraries or not for users

ELSEWHERE = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed)\b[^>]*\bsrc=["']?(?:https?:)?//[^>]*>"""
    r"""|<link\b(?=[^>]*\brel=["']?(?:stylesheet|preload|icon|preconnect))[^>]*\bhref=["']?(?:https?:)?//[^>]*>"""
    r"""|@import\s+(?:url\()?["']?(?:https?:)?//[^;]*|\burl\(\s*["']?(?:https?:)?//[^)]*\)"""
)
"""What a browser would fetch from another place while it shows a page."""


def stay_here(app: Sphinx, exception: Exception | None) -> None:
    """Fail where a page of the site loads something from elsewhere: it is to be read offline."""
    if exception is not None or app.builder.format != "html":
        return
    root = Path(app.outdir)
    for file in sorted(path for ending in ("html", "css") for path in root.rglob(f"*.{ending}")):
        found = ELSEWHERE.search(file.read_text(encoding="utf-8"))
        if found:
            raise SphinxError(f"{file.relative_to(root)} loads something from elsewhere: {found.group()[:200]}")


def example_report(app: Sphinx) -> None:
    """Run the example offline, and put the report of it beside the pages."""
    if app.builder.format == "html":
        example = Path(__file__).resolve().parents[1] / "examples" / "inbox"
        lines = (example / "emails.jsonl").read_text(encoding="utf-8").splitlines()
        result = load(str(example / "pipeline.py")).pipeline.kickoff([json.loads(line) for line in lines[:36]])
        result.report(Path(app.outdir) / "inbox-report.html")


def keep_colons(_app: Sphinx, what: str, *rest: Any) -> None:
    """Keep napoleon from taking what stands before a colon in the docstring of a property for its type."""
    lines: list[str] = rest[-1]
    if what in {"property", "attribute", "data"} and lines:
        lines[0] = lines[0].replace(": ", " – ")


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", keep_colons, priority=400)  # before napoleon
    app.connect("builder-inited", example_report)
    app.connect("build-finished", stay_here)
