"""Lines of a document for what the checker finds in the pipeline that it says.

The checker names places of the pipeline, ``stage 2 'desk' › route 'urgent'``; they are followed through the document as
far as it goes, and into the task or agent that a crew names by its key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from crewgraph.diagnostics import Diagnostic, Findings, Suppressed
from crewgraph.document.text import root_of
from crewgraph.document.yaml import Node

__all__ = ["located"]

_STEP = re.compile(r"(stage|branch|route|node|task|agent) ?(\d+)?(?: ?'(.*)')?", re.DOTALL)
_KEY = re.compile(r"\{(\w+)\}")
_OF_CONDITIONS = "CG4"
_FIELDS = {"CG601": "ignore", "CG309": "inputs"}
"""Where what is found of no node stands."""


def located(findings: Findings, file: Path) -> Findings:
    """Findings of a pipeline, each with the line of the document that it is about.

    Args:
        findings: what the checker found.
        file: the document, which was read before.
    """
    if not (findings or findings.suppressed):
        return findings
    root = root_of(file)
    if root is None:  # it has changed meanwhile
        return findings
    lines = _Lines(root, str(file))
    return Findings(
        map(lines.put, findings),
        suppressed=(Suppressed(lines.put(each.finding), each.by) for each in findings.suppressed),
    )


@dataclass(frozen=True, slots=True)
class _Lines:
    """The lines of a document."""

    root: Node
    file: str

    def put(self, finding: Diagnostic) -> Diagnostic:
        """A finding with its line."""
        return finding if finding.source else replace(finding, source=(self.file, self.line(finding)))

    def line(self, finding: Diagnostic) -> int:
        """The line of what a finding is about, or of what is nearest around it."""
        node = self.root
        for step in finding.path:
            inner = self.inner(node, step)
            if inner is None:
                break
            node = inner
        if node is self.root:
            node = self.root.get(_FIELDS.get(finding.code, "name")) or self.root
        if finding.code.startswith(_OF_CONDITIONS):
            node = node.get("condition") or node
        return _reader(node, finding.message).line

    def inner(self, node: Node, step: str) -> Node | None:
        """What a step of a path leads to; ``None`` where the document goes no further."""
        parts = _STEP.fullmatch(step)
        if parts is None:
            return None
        kind, number, name = parts[1], int(parts[2] or 1), parts[3] or ""
        if kind in {"task", "agent"}:
            return self.definition(_arm(node), f"{kind}s", name)
        return _structure(_arm(node), kind, number, name)

    def definition(self, stage: Node, section: str, name: str) -> Node | None:
        """The task or agent of that name, of the crew that a stage names."""
        crew = self.section("crews").get(str(stage.value)) if isinstance(stage.value, str) else None
        every = self.section(section)
        keys = [str(key.value) for key in _items(crew.get(section) if crew else None)]
        words = ("name", "description" if section == "tasks" else "role")
        for key in (key for key in keys if key in every):
            told = [key, *(str(field.value) for word in words if (field := every[key].get(word)))]
            if name in told or any(name.endswith("…") and each.startswith(name[:-1]) for each in told):
                return every[key]
        return crew

    def section(self, name: str) -> Mapping[str, Node]:
        """The agents, tasks or crews."""
        found = self.root.get(name)
        return found.value if found and isinstance(found.value, Mapping) else {}


def _arm(node: Node) -> Node:
    """What a route leads to, in place of the route."""
    return node.get("pipeline") or node


def _structure(node: Node, kind: str, number: int, name: str) -> Node | None:
    match kind:
        case "stage":
            stages = node.get("stages")
            return node if stages is None else stages.get(number - 1)  # an arm of one stage is that stage
        case "branch":
            return node.get(number - 1)
        case "route":
            return node.get("default") if name == "default" else (node.get("routes") or node).get(name)
        case _:
            return (node.get("nodes") or node).get(name)


def _items(node: Node | None) -> tuple[Node, ...]:
    return node.value if node and isinstance(node.value, tuple) else ()


def _reader(node: Node, message: str) -> Node:
    """The text of a task or agent that holds the placeholder of a message, else the whole."""
    wanted = set(_KEY.findall(message))
    fields: Iterator[Node] = iter(node.value.values() if isinstance(node.value, Mapping) else ())
    texts = (field for field in fields if isinstance(field.value, str) and wanted & set(_KEY.findall(field.value)))
    return next(texts, node)
