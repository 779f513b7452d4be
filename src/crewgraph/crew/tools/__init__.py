"""Tools of agents: what they are, what can be one, how they are described to a model and called."""

from __future__ import annotations

from crewgraph.crew.tools.contract import BaseTool
from crewgraph.crew.tools.convert import ToolList, as_tool
from crewgraph.crew.tools.function import tool
from crewgraph.crew.tools.mcp_server import MCPServer

__all__ = ["BaseTool", "MCPServer", "ToolList", "as_tool", "tool"]
