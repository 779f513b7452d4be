"""Tools of agents: what they are, what can be one, how they are described to a model and called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crewgraph.lazy import lazily

if TYPE_CHECKING:
    from crewgraph.crew.tools.contract import BaseTool
    from crewgraph.crew.tools.convert import as_tool
    from crewgraph.crew.tools.function import tool
    from crewgraph.crew.tools.listed import ToolList
    from crewgraph.crew.tools.mcp_server import MCPServer

__all__ = ["BaseTool", "MCPServer", "ToolList", "as_tool", "tool"]

lazily(
    __name__,
    {
        "crewgraph.crew.tools.contract": "BaseTool",
        "crewgraph.crew.tools.convert": "as_tool",
        "crewgraph.crew.tools.function": "tool",
        "crewgraph.crew.tools.listed": "ToolList",
        "crewgraph.crew.tools.mcp_server": "MCPServer",
    },
)
