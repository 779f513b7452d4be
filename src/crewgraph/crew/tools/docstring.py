"""What a docstring says: to the model what a tool does, and of each parameter what it means.

Google, NumPy and Sphinx style are understood; sections about parameters and exceptions are taken out of the text.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

__all__ = ["Doc", "read"]

PARAMETERS = {"args", "arguments", "params", "parameters", "keyword args", "keyword arguments", "other parameters"}
LEFT_OUT = {"raises", "except", "exceptions", "warns"}
KEPT = {"returns", "return", "yields", "example", "examples", "note", "notes", "warning", "warnings", "see also"}
"""Headings that end the section before them, and stay in the text with what is below."""
HEADINGS = PARAMETERS | LEFT_OUT | KEPT | {"attributes", "references", "todo"}

_GOOGLE = re.compile(r"(\w[\w ]*):\s*")
_UNDERLINE = re.compile(r"[-=~]{3,}\s*")
_GOOGLE_ENTRY = re.compile(r"(?:\\?\*){0,2}(\w+)\s*(?:\((?:[^()]|\([^()]*\))*\))?\s*:(?:\s+|$)(.*)")
_NUMPY_ENTRY = re.compile(r"((?:\\?\*){0,2}\w+(?:\s*,\s*(?:\\?\*){0,2}\w+)*)\s*(?::.*)?")
_FIELD = re.compile(r":(\w+)((?:\s+[^:\s]+)*)\s*:(?:\s+|$)(.*)")
_FIELD_PARAMETERS = {"param", "parameter", "arg", "argument", "key", "keyword"}
_FIELD_LEFT_OUT = {"type", "rtype", "raises", "raise", "except", "exception", "meta", "vartype", "var", "ivar"}


@dataclass(slots=True)
class Doc:
    """A docstring, read.

    Attributes:
        text: what is said of the whole.
        parameters: what is said of each parameter.
    """

    text: str = ""
    parameters: dict[str, str] = field(default_factory=dict[str, str])


def read(docstring: str | None) -> Doc:
    """Read a docstring; whatever has no known form is text."""
    kept, doc = list[str](), Doc()
    for heading, lines in _sections(inspect.cleandoc(docstring or "").splitlines()):
        if heading in PARAMETERS:
            doc.parameters |= _entries(lines)
        elif heading not in LEFT_OUT:
            kept += _without_fields(lines, doc.parameters)
    doc.text = re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()
    return doc


def _sections(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """The headings in small letters, each with its lines; what stays in the text keeps its heading among its lines."""
    heading, section, place = "", list[str](), 0
    while place < len(lines):
        found, height = _heading(lines, place)
        if found or (heading in PARAMETERS | LEFT_OUT and _is_left(lines[place], section)):
            yield heading, section
            heading = found
            section = [] if found in PARAMETERS | LEFT_OUT else lines[place : place + height]
        else:
            section.append(lines[place])
        place += height
    yield heading, section


def _heading(lines: list[str], place: int) -> tuple[str, int]:
    """The heading that begins at a line, and how many lines it takes."""
    line = lines[place]
    if place + 1 < len(lines) and line.strip().lower() in HEADINGS and _UNDERLINE.fullmatch(lines[place + 1]):
        return line.strip().lower(), 2
    google = _GOOGLE.fullmatch(line)
    if google and google.group(1).strip().lower() in HEADINGS:
        return google.group(1).strip().lower(), 1
    return "", 1


def _is_left(line: str, section: list[str]) -> bool:
    """Whether a line behind a section of Google's style stands outside of it: its entries are indented."""
    first = next((each for each in section if each.strip()), None)
    return bool(line.strip()) and not line[0].isspace() and first is not None and first[0].isspace()


def _entries(lines: list[str]) -> dict[str, str]:
    """The parameters of one section, each with what is said of it."""
    filled = [line for line in lines if line.strip()]
    margin = min((len(line) - len(line.lstrip()) for line in filled), default=0)
    is_google = margin > 0
    said, names = dict[str, list[str]](), list[str]()
    for line in (each[margin:] for each in filled):
        entry = None if line[0].isspace() else (_GOOGLE_ENTRY if is_google else _NUMPY_ENTRY).fullmatch(line)
        if entry:
            names = [name.strip().lstrip("\\*") for name in entry.group(1).split(",")]
            said |= {name: [entry.group(2)] if is_google else [] for name in names}
            continue
        for name in names:
            said[name].append(line)
    return {name: _joined(texts) for name, texts in said.items() if _joined(texts)}


def _without_fields(lines: list[str], parameters: dict[str, str]) -> Iterator[str]:
    """The lines without Sphinx's fields; what those say of parameters goes there."""
    kind = name = ""
    for line in lines:
        found = _FIELD.fullmatch(line)
        if found:
            words = found.group(2).split()
            kind, name = found.group(1).lower(), words[-1].lstrip("\\*") if words else ""
            if kind in _FIELD_PARAMETERS and name:
                parameters[name] = found.group(3)
            elif kind not in _FIELD_LEFT_OUT:
                kind = ""
                yield line
        elif kind and line[:1].isspace():
            if kind in _FIELD_PARAMETERS and name:
                parameters[name] = _joined([parameters[name], line])
        else:
            kind = ""
            yield line


def _joined(texts: Iterable[str]) -> str:
    return " ".join(" ".join(texts).split())
