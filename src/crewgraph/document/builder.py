"""A document as a pipeline: everything that is wrong with it is found before anything is said."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pydantic import ValidationError

from crewgraph.diagnostics import Diagnostic, Ignore
from crewgraph.document.bounds import Path, plain
from crewgraph.document.definitions import Definitions
from crewgraph.document.forms import VERSION, Document, EdgeForm, PipelineForm, RouterForm
from crewgraph.document.names import MISSING, Names, Registry
from crewgraph.document.told import Place, mended, misfits
from crewgraph.edges import Edge, Graph
from crewgraph.errors import DocumentInvalid
from crewgraph.router import Route, Router
from crewgraph.syntax import Pipeline, Procedure, is_single

__all__ = ["load", "pipeline_of"]

MENDS = 3
"""How often what does not fit is replaced, to look at the rest."""
_EDGE = re.compile(r"edge (\d+) \((.*?)\): ")


def load(data: Mapping[str, Any], *, names: Registry = None) -> Pipeline:
    """The pipeline that a document says.

    Args:
        data: the document, as ``dump`` gives it.
        names: what the names of code in it stand for. Nothing else is looked up or imported.

    Raises:
        DocumentInvalid: with everything that is wrong with the document.
    """
    return pipeline_of(data, Names(names), Place())


def pipeline_of(data: Any, names: Names, place: Place, *, findings: Sequence[Diagnostic] = ()) -> Pipeline:
    """The pipeline of a document.

    Args:
        data: the document.
        names: what the names of code in it stand for.
        place: where it comes from.
        findings: what was found in its text.

    Raises:
        DocumentInvalid: with everything that is wrong, ``findings`` included.
    """
    found = list(findings)
    copy, flaws = plain(data)
    found += place.flaws(flaws)
    stop = None if copy is None and found else _version(copy, place)
    if copy is None or stop is not None:
        raise _invalid([*found, *([stop] if stop else [])])
    form = _form(copy, place, found)
    definitions = Definitions(form, names, place, found)
    definitions.build()
    pipeline = _Stages(definitions).pipeline(form, ())
    if found:
        raise _invalid(found)
    return pipeline


def _invalid(found: Sequence[Diagnostic]) -> DocumentInvalid:
    return DocumentInvalid(found, head="the document is invalid")


def _version(data: Any, place: Place) -> Diagnostic | None:
    """Why nothing further is said of a document that this version cannot read."""
    if not isinstance(data, dict):
        return place.finding("CG702", "a document is a mapping", (), f"begin with crewgraph: {VERSION}")
    said: Any = data.get("crewgraph", MISSING)
    if said is MISSING:
        hint = f"begin with crewgraph: {VERSION}"
        return place.finding("CG704", "it does not say which version of the format it is written in", (), hint)
    if type(said) is not int or said != VERSION:
        message = f"it is written in version {said!r:.40} of the format, and this crewgraph reads version {VERSION}"
        return place.finding("CG704", message, ("crewgraph",), "use the crewgraph that it was written for")
    return None


def _form(data: Any, place: Place, found: list[Diagnostic]) -> Document:
    """The document as a form; where it does not fit, one of the rest of it."""
    for attempt in range(MENDS):
        try:
            return Document.model_validate(data)
        except ValidationError as error:
            if attempt == 0:
                found += misfits(error, place)
            data = mended(data, error)
    return Document(crewgraph=1)


@dataclass(frozen=True, slots=True)
class _Stages:
    """Pipelines, routers and graphs, of the crews and the code that a document names."""

    of: Definitions

    def pipeline(self, form: PipelineForm, path: Path) -> Pipeline:
        """A pipeline with its stages."""
        fields: dict[str, Any] = {"name": form.name, "merge_json": form.merge_json, "strict": form.strict}
        fields["policy"] = None if form.policy is None else self.of.policy(form.policy, (*path, "policy"))
        ignored = [
            self.of.made(Ignore, each.model_dump(), (*path, "ignore", place)) for place, each in enumerate(form.ignore)
        ]
        fields["ignore"] = [each for each in ignored if each is not None]
        if form.nodes or form.edges:
            pipeline = self.graph(form, fields, path)
        else:
            stages = [self.stage(stage, (*path, "stages", place)) for place, stage in enumerate(form.stages)]
            kind = Procedure if form.procedure else Pipeline
            pipeline = self.of.made(kind, {"stages": stages, **fields}, path) or Pipeline()
        pipeline.input_model = self.inputs(form, path)
        return pipeline

    def inputs(self, form: PipelineForm, path: Path) -> Any:
        """What each input must be: a model, or a JSON Schema."""
        model = form.inputs
        if isinstance(model, str):
            model = self.of.code(model, (*path, "inputs"))
        made: Pipeline | None = self.of.made(Pipeline, {"inputs": model}, path)
        return None if made is None else made.input_model

    def graph(self, form: PipelineForm, fields: dict[str, Any], path: Path) -> Pipeline:
        """A graph of nodes and edges; an empty pipeline, with findings, where it is none."""
        if form.stages or form.procedure:
            hint = "keep stages, or nodes and edges"
            self.of.report("a pipeline has stages, or it is a graph of nodes and edges", path, hint, code="CG702")
            return Pipeline()
        before = len(self.of.found)
        nodes = {key: self.stage(node, (*path, "nodes", key)) for key, node in form.nodes.items()}
        edges, places = list[Edge](), list[int]()
        for place, each in enumerate(form.edges):
            here = (*path, "edges", place)
            if isinstance(each, EdgeForm):
                when = self.of.several(each.when, (*here, "when"))
                ends = [
                    self.end(nodes, each.source, (*here, "source")),
                    self.end(nodes, each.target, (*here, "target")),
                ]
                edges.append(Edge(*ends, when=when, otherwise=each.otherwise, route=each.route))
                places.append(place)
                continue
            ends = [self.end(nodes, name, (*here, number)) for number, name in enumerate(each)]
            if len(ends) < 2:  # noqa: PLR2004 - from one to another
                self.of.report("an edge leads from one node to another", here, "[a, b]", code="CG702")
            pairs = [Edge(one, other) for one, other in pairwise(ends)]
            edges += pairs
            places += [place] * len(pairs)
        if len(self.of.found) > before:
            return Pipeline()
        return self.wired(edges, places, {"nodes": [*nodes.values()], **fields}, path)

    def end(self, nodes: dict[str, Any], name: str, path: Path) -> Any:
        """The node at an end of an edge; one that is named for the first time stands for a crew or for code."""
        if name not in nodes:
            nodes[name] = self.named(name, path)
        return nodes[name]

    def wired(self, edges: Sequence[Edge], places: Sequence[int], fields: dict[str, Any], path: Path) -> Pipeline:
        """The graph; what is wrong with its edges is told where they stand."""
        try:
            return Graph(edges, **fields)
        except ValidationError as error:
            self.of.found += misfits(error, self.of.place, prefix=path)
        except ValueError as error:
            for line in str(error).splitlines()[1:]:
                message, _, hint = line.removeprefix("- ").partition(" hint: ")
                where = _EDGE.match(message)
                place = (*path, "edges", places[int(where[1]) - 1]) if where else path
                told = _EDGE.sub(r"the edge \2: ", message, count=1).rstrip(".")
                self.of.report(told, place, hint, code="CG702")
        return Pipeline()

    def stage(self, form: Any, path: Path) -> Any:
        """Whatever may stand in a list of stages."""
        if isinstance(form, list):
            return [self.stage(branch, (*path, place)) for place, branch in enumerate(form)]
        if isinstance(form, RouterForm):
            return self.router(form, path)
        return self.pipeline(form, path) if isinstance(form, PipelineForm) else self.named(form, path)

    def named(self, name: str, path: Path) -> Any:
        """The crew or the code that a stage names."""
        if name in self.of.form.crews:
            return self.of.crews.get(name, Pipeline())
        thing = self.of.code(name, path, others=self.of.form.crews)
        if thing is not None and not is_single(thing):
            self.of.report(
                f"'{name}' is a {type(thing).__name__}, and no stage", path, "a step, a function, a router …"
            )
            return Pipeline()
        return Pipeline() if thing is None else thing

    def router(self, form: RouterForm, path: Path) -> Any:
        """A router with its routes."""
        routes = dict[str, Route]()
        for name, route in form.routes.items():
            here = (*path, "routes", name)
            condition = self.of.several(route.condition, (*here, "condition"))
            fields = {
                "condition": "True" if condition is None else condition,
                "pipeline": self.stage(route.pipeline, (*here, "pipeline")),
            }
            made = self.of.made(Route, fields, here)
            routes |= {} if made is None else {name: made}
        default = self.stage(form.default, (*path, "default"))
        made = self.of.made(Router, {"routes": routes, "default": default, "name": form.name}, path)
        return Pipeline() if made is None else made
