"""Pipelines as documents: data in JSON or YAML, with code by names that the caller gives.

``dump`` and ``load`` turn pipelines into data and back, ``dumps`` and ``loads`` into text, ``write`` and ``read`` into
files. A document holds no code and no paths to code: what a name stands for is what the caller says, or nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crewgraph.lazy import lazily

if TYPE_CHECKING:
    from crewgraph.document.builder import load
    from crewgraph.document.forms import schema
    from crewgraph.document.text import dumps, loads, read, write
    from crewgraph.document.writer import dump

__all__ = ["dump", "dumps", "load", "loads", "read", "schema", "write"]

lazily(
    __name__,
    {
        "crewgraph.document.builder": "load",
        "crewgraph.document.forms": "schema",
        "crewgraph.document.text": "dumps loads read write",
        "crewgraph.document.writer": "dump",
    },
)
