"""Crews and pipelines as tools: what they need is what the tool takes, their answer is its result."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Hashable
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Annotated, Any

from pydantic import Field, SkipValidation

from crewgraph.crew.tools.contract import BaseTool
from crewgraph.crew.tools.schema import Arguments, Signature, described, field_name, model_of
from crewgraph.edges import Graph
from crewgraph.errors import ToolError
from crewgraph.node import Interface, Need, call, interface_of, is_node, label_of
from crewgraph.syntax import Pipeline
from crewgraph.template import placeholder_name

__all__ = ["NodeTool", "is_workable", "node_tool"]

MAX_NESTING = 8
"""How deep tools that are crews may call one another: one whose agent has itself as a tool would never end."""
SHOWN = 4
"""How many tasks a description made by itself names."""

_depth: ContextVar[int] = ContextVar("crewgraph depth of tools", default=0)


def is_workable(value: object) -> bool:
    """Whether a value is a crew, a pipeline or another node that runs."""
    return isinstance(value, Pipeline) or is_node(value)


def node_tool(node: Any, *, name: str | None = None, description: str | None = None, **options: Any) -> NodeTool:
    """Make a crew or a pipeline a tool.

    Args:
        node: the crew or pipeline.
        name: what the tool is called; its own name otherwise.
        description: what it does, for the model; otherwise its tasks are listed.
        **options: the other attributes of :class:`BaseTool`.

    Raises:
        ToolError: it is no crew and no pipeline.
    """
    if not is_workable(node):
        raise ToolError(f"{node!r:.80} is no crew and no pipeline")
    own = placeholder_name(label_of(node)) or type(node).__name__.lower()
    return NodeTool(node=node, name=own if name is None else name, description=description or _about(node), **options)


class NodeTool(BaseTool):
    """A crew or a pipeline as a tool. What it takes is found out when it is offered to a model.

    Attributes:
        node: the crew or pipeline.
    """

    node: SkipValidation[Any]

    def _learn(self) -> None:
        """Nothing yet: a pipeline is complete only where it runs, with the models of its environment."""

    def tool_function(self) -> Callable[..., Any]:
        """Runs the node with its inputs by name."""
        return functools.partial(_ran, self.node)

    def tool_parameters(self) -> dict[str, Any]:
        """The JSON Schema of what the node needs.

        Raises:
            PipelineInvalid: the pipeline has errors.
        """
        return self._takes().json_schema()

    def tool_arguments(self, text: str) -> Arguments:
        """The inputs that a model wrote, validated."""
        return self._takes().arguments(text)

    def tool_key(self) -> Hashable:
        """Two tools made of one node under one name, with the same settings, are one."""
        return (id(self.node), self.name, self._settings())

    def _by_hand(self, arguments: dict[str, Any]) -> Arguments:
        return self._takes().checked(arguments, who=self.label)

    def _takes(self) -> Signature:
        """Asked anew each time: the node may have changed since, and what surrounds it is another in each run."""
        return _signature(self.node, self.label)


async def _ran(node: Any, /, **inputs: Any) -> Any:
    with _deeper():
        if isinstance(node, Pipeline):
            return await node.kickoff_async(inputs)
        return await call(node, inputs)


@contextmanager
def _deeper() -> Generator[None]:
    depth = _depth.get() + 1
    if depth > MAX_NESTING:
        raise ToolError(f"crews as tools call one another {MAX_NESTING} deep; one of them may have itself as a tool")
    token = _depth.set(depth)
    try:
        yield
    finally:
        _depth.reset(token)


# ---- what a node takes -----------------------------------------------------------------------------------------


def _signature(node: Any, who: str) -> Signature:
    fields, names = dict[str, Any](), dict[str, str]()
    needs, is_open = _needs(node)
    for need in needs:
        name = field_name(need.key, names)
        names[name] = need.key
        kind = Annotated[str, Field(coerce_numbers_to_str=True)] if need.type is Any else need.type
        default = ... if need.required else None
        fields[name] = (described(kind, need.key, name, f"needed by {need.where}", default), default)
    return Signature(model_of(who, fields, Any if is_open else None), names, only_given=frozenset(names.values()))


def _needs(node: Any) -> tuple[list[Need], bool]:
    """What a node needs, once each, and whether it takes anything else as well."""
    if isinstance(node, Pipeline):
        return _demanded(node.compile()), False
    interface = interface_of(node)
    readers, found = dict[str, list[str]](), dict[str, Need]()
    for need in interface.needs:
        readers.setdefault(need.key, []).append(need.where)
        known = found.get(need.key, need)
        kind = need.type if known.type is Any else known.type
        found[need.key] = Need(need.key, ", ".join(readers[need.key]), known.required or need.required, kind)
    return list(found.values()), interface == Interface()


def _demanded(plan: Any) -> list[Need]:
    """The keys that a pipeline's inputs must bring, and those that only some of its routes need."""
    return [
        Need(each.key, ", ".join(each.used_by) or "the pipeline", required=each.is_required, type=each.kind)
        for each in plan.inputs.values()
    ]


def _about(node: Any) -> str:
    """What a node does, for a model, where nobody says."""
    rows = [row for row, _ in interface_of(node).rows]
    if isinstance(node, Graph):
        rows = list(node.wires.names)
    elif isinstance(node, Pipeline):
        stages = [each if isinstance(each, list) else [each] for each in node.stages]
        rows = [label_of(part) for stage in stages for part in stage]
    what = "pipeline" if isinstance(node, Pipeline) else "crew"
    shown = "; ".join(rows[:SHOWN]) + ("; …" if len(rows) > SHOWN else "")
    return f"Has the {what} '{label_of(node)}' work" + (f" on: {shown}" if shown else "")
