"""The lines of a text in JSON, whose own reader forgets them. Nobody asks for them unless something is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from crewgraph.document.yaml import Node, Scalar

__all__ = ["noted"]

_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"|[][{}]|[^][{}:,\s"]+|\n')


def noted(text: str) -> Node:
    """The value of a text that is JSON, with the line of everything in it; of a key that stands twice the first counts.

    Args:
        text: what ``json.loads`` has read without complaint.
    """
    line, whole = 1, list[Node]()
    inside = [(whole, 1)]  # what is open, the innermost last, and where it began
    for word in _TOKEN.findall(text):
        if word == "\n":
            line += 1
        elif word in "[{":
            inside.append(([], line))
        elif word in "]}":
            parts, begin = inside.pop()
            value = tuple(parts) if word == "]" else _mapping(parts)
            inside[-1][0].append(Node(value, begin))
        else:
            scalar: Scalar = json.loads(word)
            inside[-1][0].append(Node(scalar, line))
    return whole[0]


def _mapping(parts: list[Node]) -> Mapping[str, Node]:
    """Keys and values that came by turns; a value stands where its key does."""
    pairs: Any = zip(parts[-2::-2], parts[::-2], strict=True)
    entries = {str(key.value): replace(value, line=key.line) for key, value in pairs}
    return dict(reversed(entries.items()))
