"""Findings of the checker: data with a stable code, a path and a hint that is an edit.

Passes yield :class:`Diagnostic`; one driver collects and raises. A code keeps its meaning for ever once it is
released, and has a page in the docs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

__all__ = ["CODES", "Diagnostic", "Findings", "Severity", "Witness"]


class Severity(StrEnum):
    """How bad a finding is; only an error keeps a pipeline from running."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


CODES: dict[str, tuple[str, Severity]] = {
    "CG101": ("double-nesting", Severity.ERROR),
    "CG102": ("empty", Severity.ERROR),
    "CG103": ("not-a-stage", Severity.ERROR),
    "CG104": ("too-deep", Severity.ERROR),
    "CG201": ("same-name", Severity.WARNING),
    "CG202": ("cycle", Severity.ERROR),
    "CG203": ("unreachable", Severity.ERROR),
    "CG301": ("missing", Severity.ERROR),
    "CG302": ("sometimes-missing", Severity.ERROR),
    "CG303": ("type-misfit", Severity.ERROR),
    "CG304": ("written-twice", Severity.WARNING),
    "CG305": ("shadows-input", Severity.WARNING),
    "CG306": ("unread-output", Severity.INFO),
    "CG307": ("near-miss", Severity.WARNING),
    "CG308": ("unproven", Severity.INFO),
    "CG309": ("unread-input", Severity.INFO),
    "CG310": ("no-placeholder", Severity.WARNING),
    "CG401": ("condition-key", Severity.ERROR),
    "CG402": ("unreachable-route", Severity.WARNING),
    "CG403": ("opaque-condition", Severity.INFO),
    "CG404": ("left-to-default", Severity.INFO),
    "CG405": ("overlap", Severity.INFO),
    "CG406": ("condition-type", Severity.ERROR),
    "CG501": ("no-model", Severity.ERROR),
    "CG502": ("no-agent", Severity.ERROR),
    "CG503": ("unfillable-parameter", Severity.ERROR),
}
"""Short name and severity of every code that this version reports; a single finding may be milder or worse."""


@dataclass(frozen=True, slots=True)
class Witness:
    """A concrete run that shows what a finding is about.

    Attributes:
        inputs: an input that passes whatever is declared for inputs.
        routes: the routes that are taken on the way, as pairs of router and route.
        node: the node at which the run fails.
    """

    inputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    routes: tuple[tuple[str, str], ...] = ()
    node: str = ""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding.

    Attributes:
        code: for example "CG202"; the key of :data:`CODES`.
        message: who hands what to whom, in words.
        path: the place in the syntax tree, outermost first: ``("stage 3", "route 'urgent'", "stage 1 'reply'")``.
        hint: an edit that mends it.
        node: the graph node it concerns, where there is one.
        level: how bad this one is, where that differs from what its code says.
        witness: a run that shows it, where one could be made.
    """

    code: str
    message: str
    path: tuple[str, ...] = ()
    hint: str = ""
    node: str | None = None
    level: Severity | None = None
    witness: Witness | None = None

    @property
    def name(self) -> str:
        """The short name that stands beside the code, for example "cycle"."""
        return CODES[self.code][0]

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return self.level or CODES[self.code][1]

    @property
    def is_error(self) -> bool:
        """Whether the pipeline must not run."""
        return self.severity is Severity.ERROR

    def __str__(self) -> str:
        place = f" ({' › '.join(self.path)})" if self.path else ""
        hint = f" hint: {self.hint}" if self.hint else ""
        return f"{self.code} {self.name}: {self.message}{place}.{hint}"


class Findings(tuple[Diagnostic, ...]):
    """What ``pipeline.check()`` returns: an immutable sequence of :class:`Diagnostic`."""

    __slots__ = ()

    def __new__(cls, diagnostics: Iterable[Diagnostic] = ()) -> Self:
        """Collect findings."""
        return super().__new__(cls, tuple(diagnostics))

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The findings that keep the pipeline from running."""
        return tuple(finding for finding in self if finding.is_error)

    @property
    def ok(self) -> bool:
        """Whether the pipeline can run."""
        return not self.errors

    def __str__(self) -> str:
        return "\n".join(map(str, self)) or "no findings"
