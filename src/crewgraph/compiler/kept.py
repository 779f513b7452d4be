"""The plan of a pipeline that is kicked off again and has not changed: it is compiled once, and never runs stale.

Pipelines, routers, steps and crews can be assigned to at any time, and nobody is told. So everything that the compiler
reads is looked at before a kept plan runs: what holds other things by identity, and what a crew says about itself, which
follows from its agents and tasks, by what it says now.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from operator import is_
from types import FunctionType
from typing import Any

from pydantic import BaseModel

from crewgraph.compiler.driver import compile_pipeline
from crewgraph.compiler.plan import Plan
from crewgraph.condition.callables import identity
from crewgraph.edges import Graph
from crewgraph.hints import hints_of
from crewgraph.node import interface_of, is_node, label_of
from crewgraph.router import Route, Router
from crewgraph.step import Step
from crewgraph.syntax import Pipeline, Procedure

__all__ = ["plan_for"]

MOST = 100
"""Pipelines of which something is known; those that nobody holds any more are forgotten at once."""


class _Unsure(Exception):
    """Raised for what may change in ways that cannot be seen here; it is compiled each time."""


@dataclass(slots=True)
class _Outline:
    """All that the compiler reads of a pipeline.

    Attributes:
        same: what counts by identity; it is held, so that no other thing gets its id.
        said: what counts by what it says.
    """

    same: list[object] = field(default_factory=list[object])
    said: list[object] = field(default_factory=list[object])

    def fits(self, other: _Outline) -> bool:
        """Whether a pipeline of this outline has the plan of the other."""
        if len(self.same) != len(other.same) or not all(map(is_, self.same, other.same)):
            return False
        try:
            return self.said == other.said
        except Exception:  # noqa: BLE001 - what stands in a type may compare itself as it likes
            return False


@dataclass(slots=True)
class _Kept:
    """What is known of a pipeline; of one that was kicked off once, that it was."""

    pipeline: weakref.ref[Pipeline]
    plan: Plan | None = None
    outline: _Outline | None = None


KEPT = dict[int, _Kept]()
"""By the id of the pipeline."""


def plan_for(pipeline: Pipeline) -> Plan:
    """The plan of a pipeline, as :func:`compile_pipeline` makes it; that of the last kickoff where nothing has changed.

    Raises:
        PipelineInvalid: with all findings, when at least one is an error.
    """
    known = KEPT.get(id(pipeline))
    if known is None or known.pipeline() is not pipeline:  # who is kicked off once pays nothing for a second time
        plan = compile_pipeline(pipeline)
        _keep(pipeline)
        return plan
    outline = _outline_of(pipeline)
    if known.plan is not None and outline is not None and known.outline is not None and outline.fits(known.outline):
        return known.plan
    plan = compile_pipeline(pipeline)
    if outline is not None and _is_settled(plan):
        _keep(pipeline, plan, outline)
    return plan


def _keep(pipeline: Pipeline, plan: Plan | None = None, outline: _Outline | None = None) -> None:
    """Keep what is known of a pipeline for as long as somebody else holds it."""
    number = id(pipeline)

    if number not in KEPT:
        for other in list(KEPT)[: len(KEPT) + 1 - MOST]:
            KEPT.pop(other, None)
    KEPT[number] = _Kept(weakref.ref(pipeline, lambda _: KEPT.pop(number, None)), plan, outline)


def _is_settled(plan: Plan) -> bool:
    """Whether all types of steps are known: one that cannot be resolved yet is looked up again, and may be then."""
    functions = {id(work.node.function): work.node.function for work in plan.graph.works if type(work.node) is Step}
    for function in functions.values():
        hints, is_whole = hints_of(function)
        if not is_whole or not all(map(_is_whole, hints.values())):
            return False
    return all(_is_whole(model) for work in plan.graph.works for model in work.interface.models)


def _is_whole(model: object) -> bool:
    """Whether a model knows the types of its fields, some of which may be written later."""
    return not (isinstance(model, type) and issubclass(model, BaseModel)) or model.__pydantic_complete__


# ---- what the compiler reads -------------------------------------------------------------------------------------


def _outline_of(pipeline: Pipeline) -> _Outline | None:
    """The outline of a pipeline, ``None`` where it holds something that cannot be outlined."""
    outline, seen = _Outline(), {id(pipeline)}
    try:
        pending = [*_read(pipeline, outline)]
        while pending:
            stage: Any = pending.pop()
            outline.same.append(stage)
            if id(stage) not in seen:  # else it stands at another place, too, and what is in it is known
                seen.add(id(stage))
                pending += _read(stage, outline)
    except Exception:  # noqa: BLE001 - the compiler says what is wrong with it
        return None
    return outline


def _read(stage: Any, outline: _Outline) -> Iterator[Any]:
    """Note what the compiler reads of a stage; yields what is in it."""
    reader = _READERS.get(type(stage))
    if reader is not None:
        yield from reader(stage, outline)
    elif isinstance(stage, Pipeline | Router) or not is_node(stage):
        raise _Unsure  # a class of the user's, which decides by itself what it is; or no stage
    else:
        interface = interface_of(stage)
        outline.said += [label_of(stage), interface, *interface.gives, *interface.sometimes]


def _of_pipeline(pipeline: Pipeline, outline: _Outline) -> Iterator[Any]:
    model, strict, ignore = pipeline.input_model, pipeline.strict, pipeline.ignore
    if not _is_whole(model):
        raise _Unsure
    outline.same += [type(pipeline), pipeline.name, pipeline.merge_json, pipeline.policy, model, len(ignore), *ignore]
    outline.said += [strict if type(strict) is bool else repr(strict), None if isinstance(model, type) else repr(model)]
    yield from _of_list(pipeline.stages, outline)


def _of_graph(graph: Graph, outline: _Outline) -> Iterator[Any]:
    outline.same.append(graph.wires)
    for edge in graph.edges:
        if edge.when is not None:
            _note_condition(edge.when, outline)
    yield from _of_pipeline(graph, outline)
    yield from graph.nodes


def _of_list(stages: Any, outline: _Outline) -> Iterator[Any]:
    outline.said.append(len(stages))  # so that no two trees read the same
    yield from stages


def _of_router(router: Router, outline: _Outline) -> Iterator[Any]:
    routes: Any = router.routes
    outline.same.append(router.name)
    outline.said.append(list(routes))
    for route in routes.values():
        if type(route) is not Route:  # which the compiler reports
            raise _Unsure
        outline.same.append(route)
        _note_condition(route.condition, outline)
        yield route.pipeline
    yield router.default


def _of_step(step: Step, outline: _Outline) -> Iterator[Any]:
    """Its parameters are read when it is made, and its types once; neither is read again by whoever compiles anew."""
    outline.same += [step.name, step.function, step.policy, step.budget, *_own(step)]
    yield from ()


def _own(thing: Any) -> list[object]:
    """What was assigned to an object in place of its methods."""
    own = vars(thing)
    return [own[name] for name in ("interface", "kickoff_async") if name in own]


def _of_function(function: FunctionType, outline: _Outline) -> Iterator[Any]:
    if vars(function):
        raise _Unsure  # it may wrap another one
    defaults, hints = function.__kwdefaults__ or {}, function.__annotations__
    outline.said += [list(defaults), list(hints)]
    outline.same += [function.__name__, function.__code__, function.__defaults__, *defaults.values(), *hints.values()]
    yield from ()


def _note_condition(condition: Any, outline: _Outline) -> None:
    """A condition that is a function is read, too: its code, what stands around it, and what its names mean."""
    outline.same += [condition, getattr(condition, "__name__", None)]
    if isinstance(condition, FunctionType):
        outline.same += map(condition.__globals__.get, condition.__code__.co_names)
        outline.said.append(identity(condition))


_READERS: dict[type, Callable[[Any, _Outline], Iterator[Any]]] = {
    Pipeline: _of_pipeline,
    Procedure: _of_pipeline,
    Graph: _of_graph,
    Router: _of_router,
    Step: _of_step,
    FunctionType: _of_function,
    list: _of_list,
    tuple: _of_list,
}
"""By type exactly: a class made of one of these may do otherwise."""
