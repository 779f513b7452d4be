"""Findings of the checker: data with a stable code, a path and a hint that is an edit.

Passes yield :class:`Diagnostic`; one driver collects, drops what is ignored for a reason, and raises. A code keeps its
meaning for ever once it is released, and has a page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crewgraph.lazy import lazily

if TYPE_CHECKING:
    from crewgraph.diagnostics.codes import CODES, Severity, code_of
    from crewgraph.diagnostics.finding import Diagnostic, Findings, Suppressed, Witness, counted
    from crewgraph.diagnostics.ignore import (
        WARNINGS,
        Ignore,
        Strict,
        can_be_ignored,
        ignores_of,
        is_fatal,
        strict_of,
        strictness,
    )

__all__ = [
    "CODES",
    "WARNINGS",
    "Diagnostic",
    "Findings",
    "Ignore",
    "Severity",
    "Strict",
    "Suppressed",
    "Witness",
    "can_be_ignored",
    "code_of",
    "counted",
    "ignores_of",
    "is_fatal",
    "strict_of",
    "strictness",
]

lazily(
    __name__,
    {
        "crewgraph.diagnostics.codes": "CODES Severity code_of",
        "crewgraph.diagnostics.finding": "Diagnostic Findings Suppressed Witness counted",
        "crewgraph.diagnostics.ignore": (
            "WARNINGS Ignore Strict can_be_ignored ignores_of is_fatal strict_of strictness"
        ),
    },
)
