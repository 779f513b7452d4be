"""What becomes of what was found: some of it is ignored for a reason, some warnings count as errors.

Who ignores what stands on the pipelines, those inside of others included. What an inner pipeline ignores counts for the
findings inside of it; where it stands alone it may ignore more than here, so nobody is told that it is useless here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from crewgraph.diagnostics import (
    WARNINGS,
    Diagnostic,
    Findings,
    Ignore,
    Severity,
    Suppressed,
    is_fatal,
    strict_of,
    strictness,
)
from crewgraph.errors.near import meant
from crewgraph.graph import Graph, Switch, Work
from crewgraph.router import Route, Router
from crewgraph.syntax import Pipeline

__all__ = ["Rule", "rules_of", "strict_in", "verdict"]

USELESS = "CG601"
MAX_DEPTH = 100
"""As deep as lowering goes."""
MAX_NAMED = 3

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """An :class:`Ignore`, and where it counts.

    Attributes:
        ignore: what is ignored, and why.
        inside: the place of the pipeline that says so; empty for the outermost.
        is_needed: whether it is reported where it matches nothing.
    """

    ignore: Ignore
    inside: Path = ()
    is_needed: bool = False

    def covers(self, finding: Diagnostic) -> bool:
        """Whether a finding is ignored by it."""
        if finding.is_error and is_fatal(finding.code):
            return False
        is_meant = self.ignore.code == finding.code and self.ignore.node in {None, finding.node, _label(finding.node)}
        return is_meant and _is_inside(finding.path, self.inside)

    def names_nobody(self, names: Collection[str]) -> bool:
        """Whether it is about a node that is not there; what counts inside of a pipeline knows other names."""
        return not self.inside and self.ignore.node is not None and self.ignore.node not in names


def verdict(found: Collection[Diagnostic], graph: Graph, *, rules: Sequence[Rule], strict: Collection[str]) -> Findings:
    """All findings, errors first, each group in the order of the text; what is ignored is kept apart.

    Args:
        found: what lowering and the passes found.
        graph: what they looked at.
        rules: what is ignored.
        strict: which findings count as errors: codes, and the word "warnings".
    """
    docket = _Docket(rules)
    docket.sort(_placed(found, graph))
    if not any(
        finding.is_error and is_fatal(finding.code) for finding in docket.kept
    ):  # else not everything could be looked for
        docket.sort(docket.useless(graph, of_useless=False))
        docket.kept += docket.useless(graph, of_useless=True)
    raised = [_raised(finding, strict) for finding in docket.kept]
    return Findings(sorted(raised, key=lambda finding: not finding.is_error), suppressed=docket.suppressed)


@dataclass(slots=True)
class _Docket:
    rules: Sequence[Rule]
    kept: list[Diagnostic] = field(default_factory=list[Diagnostic])
    suppressed: list[Suppressed] = field(default_factory=list[Suppressed])
    used: set[int] = field(default_factory=set[int])

    def sort(self, found: Iterable[Diagnostic]) -> None:
        """Keep what counts apart from what is ignored."""
        for finding in found:
            covering = [place for place, rule in enumerate(self.rules) if rule.covers(finding)]
            self.used.update(covering)
            if covering:
                self.suppressed.append(Suppressed(finding, self.rules[covering[0]].ignore))
            else:
                self.kept.append(finding)

    def useless(self, graph: Graph, *, of_useless: bool) -> list[Diagnostic]:
        """CG601: what the outermost pipeline ignores and nobody found; those of CG601 itself are told last."""
        if not self.rules:
            return []
        names = _names(graph)
        unused = [
            rule.ignore
            for place, rule in enumerate(self.rules)
            if place not in self.used
            and (rule.is_needed or rule.names_nobody(names))
            and (rule.ignore.code == USELESS) is of_useless
        ]
        return [
            Diagnostic(
                USELESS,
                f"{ignore} matches no finding",
                hint=self.hint(ignore, graph),
                node=ignore.node if ignore.node in graph.nodes else None,
            )
            for ignore in unused
        ]

    def hint(self, ignore: Ignore, graph: Graph) -> str:
        """What may have been meant."""
        found = [*self.kept, *(each.finding for each in self.suppressed)]
        nodes = list(dict.fromkeys(finding.node for finding in found if finding.code == ignore.code and finding.node))
        if nodes:
            named = "', '".join(nodes[:MAX_NAMED])
            return f"{ignore.code} is found at '{named}'; name that node, or none"
        names = _names(graph)
        if ignore.node is not None and ignore.node not in names:
            return "; ".join(filter(None, (f"there is no node '{ignore.node}'", meant(ignore.node, names))))
        return "take it away"


# ---- places ----------------------------------------------------------------------------------------------------


def _placed(found: Collection[Diagnostic], graph: Graph) -> Iterator[Diagnostic]:
    """Findings with their node, which lowering does not know yet: it names nodes at its end."""
    if not found:
        return
    at = {node.path: name for name, node in graph.nodes.items() if isinstance(node, Work | Switch) and node.path}
    for finding in found:
        node = finding.node or at.get(finding.path)
        if node is None and finding.path and finding.path[-1].startswith("route "):
            node = at.get(finding.path[:-1])
        yield replace(finding, node=node) if node != finding.node else finding


def _names(graph: Graph) -> set[str]:
    """What its nodes are called, here and in the text."""
    names = {name for name, node in graph.nodes.items() if isinstance(node, Work | Switch)}
    return names | {label for name in names if (label := _label(name))}


def _label(node: str | None) -> str | None:
    """The name that a node has in the text: its second place is called ``name#2``."""
    return re.sub(r"#\d+$", "", node) if node else node


def _is_inside(path: Path, place: Path) -> bool:
    """Whether a path leads into a place; at the end of its steps a path may have names that the place lacks."""
    return len(path) >= len(place) and all(
        step == wanted or step.startswith(f"{wanted} '") for step, wanted in zip(path, place, strict=False)
    )


def _raised(finding: Diagnostic, strict: Collection[str]) -> Diagnostic:
    is_raised = finding.code in strict or (WARNINGS in strict and finding.severity is Severity.WARNING)
    return replace(finding, level=Severity.ERROR) if is_raised and not finding.is_error else finding


# ---- who says so -----------------------------------------------------------------------------------------------


def rules_of(pipeline: Pipeline) -> list[Rule]:
    """What a pipeline ignores, with what the pipelines inside of it do."""
    return [
        Rule(ignore, place, is_needed=not place) for place, inner in _pipelines(pipeline) for ignore in inner.ignore
    ]


def strict_in(pipeline: Pipeline) -> frozenset[str]:
    """As strict as the strictest of a pipeline and those inside of it."""
    return strictness(strict_of(*(inner.strict for _, inner in _pipelines(pipeline))))


def _pipelines(pipeline: Pipeline) -> Iterator[tuple[Path, Pipeline]]:
    """A pipeline and those inside of it, with their places; each once for each place, as lowering walks."""
    pending: list[tuple[Path, Any, frozenset[int]]] = [((), pipeline, frozenset())]
    while pending:
        path, stage, around = pending.pop()
        if id(stage) in around or len(around) > MAX_DEPTH:
            continue  # lowering reports it
        if isinstance(stage, Pipeline):
            yield path, stage
        inside = [(steps, inner) for steps, inner in _inside(stage) if isinstance(inner, _HOLDERS)]
        around = around | {id(stage)} if inside else around
        pending += [((*path, *steps), inner, around) for steps, inner in reversed(inside)]


_HOLDERS = (Pipeline, list, tuple, Router)
"""What has something inside."""


def _inside(stage: Any) -> Iterator[tuple[Path, Any]]:
    if isinstance(stage, Pipeline):
        yield from (((f"stage {number}",), inner) for number, inner in enumerate(stage.stages, 1))
        wires: Any = getattr(stage, "wires", None)  # of a graph built by hand
        if wires is not None:
            yield from (((f"node '{name}'",), node) for name, node in zip(wires.names, wires.nodes, strict=True))
    elif isinstance(stage, list | tuple):
        yield from (((f"branch {number}",), inner) for number, inner in enumerate(stage, 1))
    elif isinstance(stage, Router):
        routes: Any = stage.routes  # a subclass or a double may hold something else
        declared: dict[str, Any] = routes if type(routes) is dict else {}
        arms = {name: route.pipeline for name, route in declared.items() if isinstance(route, Route)}
        for name, arm in (arms | {"default": stage.default}).items():
            yield (f"route '{name}'", *(() if isinstance(arm, Pipeline) else ("stage 1",))), arm
