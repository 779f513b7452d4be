"""One finding, a run that shows it, and all findings of a pipeline."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, Self

from crewgraph.diagnostics.codes import CODES, Severity
from crewgraph.diagnostics.ignore import Ignore
from crewgraph.runtime import verb

__all__ = ["Diagnostic", "Findings", "Suppressed", "Witness", "counted"]

_WORDS = {
    Severity.ERROR: ("error", "errors"),
    Severity.WARNING: ("warning", "warnings"),
    Severity.INFO: ("note", "notes"),
}


@dataclass(frozen=True, slots=True)
class Witness:
    """A concrete run that shows what a finding is about.

    Attributes:
        inputs: an input that passes whatever is declared for inputs.
        routes: the routes that are taken on the way, as pairs of router and route.
        node: the node at which the run fails.
        gives: values that nodes give on the way, by key, where it takes certain ones.
    """

    inputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    routes: tuple[tuple[str, str], ...] = ()
    node: str = ""
    gives: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __str__(self) -> str:
        given, gives = (json.dumps(dict(each), ensure_ascii=False, default=repr) for each in (self.inputs, self.gives))
        way = [
            f"input {given}",
            *([f"with {gives}"] if self.gives else []),
            *(f"route '{route}' of '{router}'" for router, route in self.routes),
        ]
        return ", ".join(way) + (f" → fails at '{self.node}'" if self.node else "")


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding.

    Attributes:
        code: for example "CG202"; the key of :data:`crewgraph.diagnostics.CODES`.
        message: who hands what to whom, in words.
        path: the place in the syntax tree, outermost first: ``("stage 3", "route 'urgent'", "stage 1 'reply'")``.
        hint: an edit that mends it.
        node: the graph node it concerns, where there is one.
        level: how bad this one is, where that differs from what its code says.
        witness: a run that shows it, where one could be made.
        source: the file and the line (the first is 1) where it stands, for what is written in files.
    """

    code: str
    message: str
    path: tuple[str, ...] = ()
    hint: str = ""
    node: str | None = None
    level: Severity | None = None
    witness: Witness | None = None
    source: tuple[str, int] | None = None

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
        where = [f"{self.source[0]}:{self.source[1]}"] if self.source else []
        place = f" ({' › '.join([*where, *self.path])})" if where or self.path else ""
        hint = f" hint: {self.hint}" if self.hint else ""
        return f"{self.code} {self.name}: {self.message}{place}.{hint}"


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A finding that somebody ignores.

    Attributes:
        finding: what was found.
        by: the :class:`Ignore` that covers it, with the reason.
    """

    finding: Diagnostic
    by: Ignore

    @property
    def reason(self) -> str:
        """Why it is ignored."""
        return self.by.reason


class Findings(tuple[Diagnostic, ...]):  # noqa: SLOT001 - a tuple has no room for slots that hold something
    """What ``pipeline.check()`` returns: an immutable sequence of :class:`Diagnostic`, errors first.

    Attributes:
        suppressed: what was found and is ignored, each with the reason; it is not among the elements.
    """

    suppressed: tuple[Suppressed, ...]

    def __new__(cls, diagnostics: Iterable[Diagnostic] = (), *, suppressed: Iterable[Suppressed] = ()) -> Self:
        """Collect findings."""
        self = super().__new__(cls, tuple(diagnostics))
        vars(self)["suppressed"] = tuple(suppressed)
        return self

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"findings are immutable; '{name}' cannot be set")

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The findings that keep the pipeline from running."""
        return self._of(Severity.ERROR)

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """The findings that are most likely mistakes."""
        return self._of(Severity.WARNING)

    @property
    def notes(self) -> tuple[Diagnostic, ...]:
        """The findings that are good to know."""
        return self._of(Severity.INFO)

    @property
    def ok(self) -> bool:
        """Whether the pipeline can run."""
        return not self.errors

    @property
    def codes(self) -> tuple[str, ...]:
        """The code of each finding, in their order."""
        return tuple(finding.code for finding in self)

    @property
    def by_node(self) -> dict[str, tuple[Diagnostic, ...]]:
        """The findings of each node that has some; those that concern no single node are not among them."""
        found = dict[str, list[Diagnostic]]()
        for finding in self:
            if finding.node is not None:
                found.setdefault(finding.node, []).append(finding)
        return {node: tuple(several) for node, several in found.items()}

    def _of(self, severity: Severity) -> tuple[Diagnostic, ...]:
        return tuple(finding for finding in self if finding.severity is severity)

    def __str__(self) -> str:
        return "\n".join(map(str, self)) or "no findings"

    def __repr__(self) -> str:
        ignored = f", {len(self.suppressed)} ignored" if self.suppressed else ""
        return "\n  ".join([f"<Findings: {counted(self)}{ignored}>", *map(str, self)])

    def _repr_html_(self) -> str:
        """The table that a notebook shows."""
        html: str = verb("findings_html")(self)
        return html


def counted(findings: Iterable[Diagnostic]) -> str:
    """How many there are of each kind: "2 errors, 1 note"."""
    every = [finding.severity for finding in findings]
    told = [f"{count} {words[count > 1]}" for severity, words in _WORDS.items() if (count := every.count(severity))]
    return ", ".join(told) or "no findings"
