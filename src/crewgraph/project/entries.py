"""What is wrong with a file of agents or of tasks, whoever reads it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence

from crewgraph.diagnostics import Diagnostic
from crewgraph.document.yaml import Node
from crewgraph.project.fields import KINDS, OF_AGENTS, OF_TASKS, fits
from crewgraph.project.parts import File

__all__ = ["of_file"]

_FIRST = {"agent": "role", "task": "description"}


def of_file(file: File, noun: str) -> Iterator[Diagnostic]:
    """CG701, CG702: flaws of the text, and fields that crewAI does not know or that hold something else."""
    for flaw in file.flaws:
        path = [str(part) for part in flaw.path]
        yield file.finding("CG701", flaw.message, path, flaw.hint, line=flaw.line)
    if not file.entries and not file.flaws:
        yield file.finding("CG701", f"there are no {noun}s in it", (), f"{noun}_name: and below it the fields")
    for key, node in file.entries.items():
        if isinstance(node.value, Mapping):
            yield from _of_entry(file, noun, key, node.value)
        else:
            hint = f"begin with {_FIRST[noun]}: in a line below it, further in"
            yield file.finding("CG702", f"{noun} '{key}' is no mapping of fields", [key], hint)


def _of_entry(file: File, noun: str, key: str, fields: Mapping[str, Node]) -> Iterator[Diagnostic]:
    known = OF_AGENTS if noun == "agent" else OF_TASKS
    for name, node in fields.items():
        if name not in known:
            yield _unknown(file, noun, key, name, [*fields])
        elif node.value is not None and not fits(known[name], node.plain()):
            hint = f"{name}: [{node.value}]" if known[name] == "names" and isinstance(node.value, str) else ""
            yield file.finding("CG702", f"{noun} '{key}': {name} is {KINDS[known[name]]}", [key, name], hint)


def _unknown(file: File, noun: str, key: str, name: str, there: Sequence[str]) -> Diagnostic:
    known = OF_AGENTS if noun == "agent" else OF_TASKS
    close = [each for each in difflib.get_close_matches(name, known, n=3, cutoff=0.7) if each not in there]
    if close:
        message = f"{noun} '{key}' has a field '{name}' that crewAI does not know, and leaves out without a word"
        return file.finding("CG702", message, [key, name], f"did you mean '{close[0]}'?")
    message = f"the field '{name}' of {noun} '{key}' is never used: crewAI does not know it"
    return file.finding("CG709", message, [key, name], "take it away")
