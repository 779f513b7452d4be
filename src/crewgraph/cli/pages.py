"""The pages that explain findings; they are in the package, and the docs show the same files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files

from crewgraph.diagnostics import CODES, Severity

__all__ = ["Page", "page_of"]


@dataclass(frozen=True, slots=True)
class Page:
    """What there is to know about one code.

    Attributes:
        code: the code.
        name: its short name.
        severity: how bad it is, where a single finding does not say otherwise.
        meaning: what it means, in plain sentences.
        text: the whole page as Markdown.
    """

    code: str
    name: str
    severity: Severity
    meaning: str
    text: str

    @property
    def summary(self) -> str:
        """Its meaning up to the first full stop, colon or semicolon."""
        return re.split(r"[.:;] ", self.meaning, maxsplit=1)[0].rstrip(".") + "."


def page_of(code: str) -> Page:
    """The page of a code of :data:`CODES`."""
    name, severity = CODES[code]
    text = (files("crewgraph") / "pages" / f"{code}.md").read_text(encoding="utf-8")
    _, first, *_ = text.split("\n\n")  # the title, and what it means
    meaning = " ".join(re.sub(r"^\*\w+\.\*", "", first).split())
    return Page(code, name, severity, meaning, text)
