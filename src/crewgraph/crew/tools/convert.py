"""Whatever can be a tool: tools, functions, crews and pipelines, MCP servers, and tools of other libraries."""

from __future__ import annotations

from typing import Any

from crewgraph.crew.tools.contract import BaseTool
from crewgraph.crew.tools.foreign import adopted, is_foreign
from crewgraph.crew.tools.function import FunctionTool, tool
from crewgraph.crew.tools.mcp import MCPServer
from crewgraph.crew.tools.node import is_workable, node_tool
from crewgraph.crew.tools.signature import is_unbound
from crewgraph.errors import ToolError

__all__ = ["BaseTool", "as_tool", "tool"]


def as_tool(value: Any) -> BaseTool | MCPServer:
    """A tool, or a server of tools, made of whatever can be one.

    Raises:
        ToolError: it cannot.
    """
    if isinstance(value, BaseTool | MCPServer):
        return _bound(value)
    if isinstance(value, type):
        raise ToolError(f"{value.__name__} is a class, not a tool. hint: {value.__name__}(…)")
    if is_workable(value):
        return node_tool(value)
    if is_foreign(value):
        return adopted(value)
    if callable(value):
        return _bound(tool(value))
    raise ToolError(
        f"{value!r:.80} is no tool. hint: a function, @tool, a BaseTool, a crew, a pipeline or an MCPServer"
    )


def _bound(made: BaseTool | MCPServer) -> BaseTool | MCPServer:
    if isinstance(made, FunctionTool) and is_unbound(made.function):
        owner, _, name = made.function.__qualname__.rpartition(".")
        raise ToolError(f"{made.label} is a method without its object. hint: {owner}(…).{name}")
    return made
