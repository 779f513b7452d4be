"""Placeholders as crewAI reads them, and those that look like a slip of the pen."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from crewgraph.diagnostics import Diagnostic
from crewgraph.project.parts import Definition, Parts, path_of
from crewgraph.template import parse

__all__ = ["TEXTS", "Use", "look_alikes", "template_of", "uses_of"]

TEXTS: Mapping[str, Sequence[str]] = {
    "agent": ("role", "goal", "backstory"),
    "task": ("description", "expected_output", "output_file"),
}
"""The fields that may hold placeholders."""

MIN_LENGTH = 4
"""Shorter names may well differ in one letter."""

_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_\-]*)\}")
_SEPARATORS = re.compile(r"[_\-]")


@dataclass(frozen=True, slots=True)
class Use:
    """A placeholder in a text."""

    name: str
    owner: Definition
    field: str


def template_of(text: str) -> str:
    """A text of crewAI as one of ours, which means the same.

    There every ``{name}`` is a placeholder, whatever braces stand around it, and all other braces are text. Names with
    a hyphen can be text only here.
    """
    literals, fields, end = list[str](), list[str](), 0
    for found in _PLACEHOLDER.finditer(text):
        if found[1].isidentifier():
            literals.append(text[end : found.start()])
            fields.append(found[1])
            end = found.end()
    literals.append(text[end:])
    parsed = parse(text)
    if (parsed.literals, parsed.fields) == (tuple(literals), tuple(fields)):
        return text
    pieces = (f"{_escaped(literal)}{{{name}}}" for literal, name in zip(literals, fields, strict=False))
    return "".join([*pieces, _escaped(literals[-1])])


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def uses_of(parts: Parts) -> Iterator[Use]:
    """Every place where a placeholder stands."""
    for each in (*parts.agents.values(), *parts.tasks.values()):
        for field in TEXTS[each.noun]:
            for name in _PLACEHOLDER.findall(each.text(field)):
                yield Use(name, each, field)


def look_alikes(parts: Parts) -> Iterator[Diagnostic]:
    """CG708: a placeholder that differs from a more frequent one by a slip."""
    uses = dict[str, list[Use]]()
    for use in uses_of(parts):
        uses.setdefault(use.name, []).append(use)
    names = sorted(uses, key=lambda name: -len(uses[name]))
    for place, name in enumerate(names):
        other = next((each for each in names[:place] if _is_slip(name, each)), None)
        if other is None:
            continue
        here, there = uses[name][0], uses[other][0]
        message = f"{here.owner.label}, {here.field}: {{{name}}} looks like {{{other}}} of {there.owner.label}"
        path = path_of(here.owner, here.field)
        yield here.owner.file.finding("CG708", message, path, f"one name for one thing, as in {{{other}}}")


def _is_slip(one: str, other: str) -> bool:
    """Whether two names differ by one letter, two that changed places, or by case and separators alone."""
    if _SEPARATORS.sub("", one).casefold() == _SEPARATORS.sub("", other).casefold():
        return True
    if min(len(one), len(other)) < MIN_LENGTH or abs(len(one) - len(other)) > 1:
        return False
    start = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    rest, its = one[start:], other[start:]
    if rest[:2] == its[1::-1] and len(its) > 1 and rest[2:] == its[2:]:
        return True  # two changed places
    longer, shorter = (rest, its) if len(rest) >= len(its) else (its, rest)
    is_one_letter = longer[1:] == (shorter[1:] if len(longer) == len(shorter) else shorter)
    letter = longer[:1] + ("" if len(longer) > len(shorter) else shorter[:1])
    return is_one_letter and letter != "s" and not any(each.isdigit() or each == "_" for each in letter)
