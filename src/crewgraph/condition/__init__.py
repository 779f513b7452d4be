"""Declarative route conditions: parsed once, never ``eval``ed, and what can be told of them without running anything."""

from __future__ import annotations

from crewgraph.condition.condition import FUNCTIONS, Condition, parse_condition

__all__ = [
    "FUNCTIONS",
    "Condition",
    "parse_condition",
]
