"""What is wrong with a node, on its card: a sign and the codes. Notes are not drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from crewgraph.diagnostics import Findings, Severity

__all__ = ["Mark", "Marks", "marks_of", "worst"]

MAX_CODES = 4


@dataclass(frozen=True, slots=True)
class Mark:
    """The worst that was found at a node, and the codes of all errors and warnings there.

    Attributes:
        severity: the worst.
        codes: each once, the worst first.
    """

    severity: Severity
    codes: tuple[str, ...]

    @property
    def is_error(self) -> bool:
        """Whether it keeps the pipeline from running."""
        return self.severity is Severity.ERROR

    @property
    def name(self) -> str:
        """How formats with classes call it; "error" is a class of Mermaid's own."""
        return "wrong" if self.is_error else "doubtful"

    @property
    def color(self) -> str:
        """The colour of its frame and sign."""
        return "#dc2626" if self.is_error else "#d97706"

    @property
    def codes_shown(self) -> str:
        """The codes, as many as fit on a card."""
        rest = len(self.codes) - MAX_CODES
        return " ".join(self.codes[:MAX_CODES]) + (f" + {rest}" if rest > 0 else "")

    @property
    def badge(self) -> str:
        """A sign, so that it is not told by colour alone, and the codes."""
        return f"{'✗' if self.is_error else '⚠'} {self.codes_shown}"


Marks = Mapping[str, Mark]
"""The marks of nodes, by their names."""


def worst(marks: Iterable[Mark | None]) -> Mark | None:
    """Several marks in one: the worst severity, and all codes, those of errors first."""
    found = sorted((mark for mark in marks if mark), key=lambda mark: not mark.is_error)
    codes = dict.fromkeys(code for mark in found for code in mark.codes)
    return Mark(found[0].severity, tuple(codes)) if found else None


def marks_of(findings: Findings) -> dict[str, Mark]:
    """The marks of all nodes that have errors or warnings."""
    marks = dict[str, Mark]()
    for node, found in findings.by_node.items():
        ranked = [
            finding
            for severity in (Severity.ERROR, Severity.WARNING)
            for finding in found
            if finding.severity is severity
        ]
        if ranked:
            marks[node] = Mark(ranked[0].severity, tuple(dict.fromkeys(finding.code for finding in ranked)))
    return marks
