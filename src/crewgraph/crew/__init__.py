"""Crews: agents, tasks, and how they are run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crewgraph.lazy import lazily

if TYPE_CHECKING:
    from crewgraph.crew.agent import Agent
    from crewgraph.crew.crew import Crew, Process
    from crewgraph.crew.human import HumanQuestion
    from crewgraph.crew.task import ConditionalTask, Task
    from crewgraph.crew.terms import AgentStep
    from crewgraph.crew.tools.convert import BaseTool, tool
    from crewgraph.crew.tools.mcp import MCPServer, mcp_tools

__all__ = [
    "Agent",
    "AgentStep",
    "BaseTool",
    "ConditionalTask",
    "Crew",
    "HumanQuestion",
    "MCPServer",
    "Process",
    "Task",
    "mcp_tools",
    "tool",
]

lazily(
    __name__,
    {
        "crewgraph.crew.agent": "Agent",
        "crewgraph.crew.crew": "Crew Process",
        "crewgraph.crew.human": "HumanQuestion",
        "crewgraph.crew.task": "ConditionalTask Task",
        "crewgraph.crew.terms": "AgentStep",
        "crewgraph.crew.tools.convert": "BaseTool tool",
        "crewgraph.crew.tools.mcp": "MCPServer mcp_tools",
    },
)
