"""The page itself: what it is made of stands beside this module, and is put together here.

Only this script and these styles may run in it: the policy names them by their hashes, and nothing is fetched.
"""

from __future__ import annotations

import html
import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from importlib.resources import files
from typing import Any

from crewgraph.render.palette import CORE, DEFAULT, ROUTES
from crewgraph.render.theme import DARK, style_sheet

__all__ = ["page"]

SCRIPTS = ("data", "graph", "rows", "trace", "sums", "live", "page")
_STYLE = re.compile(r"<style>.*?</style>", re.DOTALL)


def page(
    title: str, svg: str, facts: Mapping[str, Any], data: Iterable[bytes], *, is_live: bool = False
) -> Iterator[bytes]:
    """The page, in pieces.

    Args:
        title: stands on it.
        svg: the picture of the pipeline.
        facts: what ``page/data.js`` calls facts.
        data: script elements with rows and details.
        is_live: whether it is served while things happen, and told of them.
    """
    style, script = _style(), _script()
    sources = [f"script-src {_hash(script)}", f"style-src {_hash(style)}", *(["connect-src 'self'"] if is_live else [])]
    known = {**facts, "version": version("crewgraph"), "live": is_live}
    told = json.dumps(known, separators=(",", ":")).replace("<", r"\u003c")
    filled = {
        "policy": "; ".join(["default-src 'none'", *sources, "base-uri 'none'", "form-action 'none'"]),
        "version": version("crewgraph"),
        "title": html.escape(title),
        "style": style,
        "svg": _STYLE.sub("", svg, count=1),  # its styles are among those of the page, for every theme
        "facts": told,
        "script": script,
    }
    before, _, after = _text("page.html").partition("$data")
    for part, rest in ((before, data), (after, ())):
        yield re.sub(r"\$([a-z]+)", lambda found: filled[found[1]], part).encode("utf-8", "replace")
        yield from rest


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


@cache
def _text(name: str) -> str:
    return files(__name__).joinpath(name).read_text(encoding="utf-8")


@cache
def _script() -> str:
    return "\n".join(['(() => {\n"use strict";', *(_text(f"{name}.js") for name in SCRIPTS), "})();"])


@cache
def _style() -> str:
    light = " ".join(f"--{hue.name}: {hue.accent};" for hue in (CORE, *ROUTES, DEFAULT))
    dark = " ".join(f"--{name}: {hue.accent};" for name, hue in DARK.items())
    hues = (
        f":root {{ {light} }}\n"
        f'@media (prefers-color-scheme: dark) {{ :root:not([data-theme="light"]) {{ {dark} }} }}\n'
        f':root[data-theme="dark"] {{ {dark} }}\n'
    )
    pictures = style_sheet("auto") + style_sheet("light") + style_sheet("dark")
    return hues + pictures + _text("page.css")
