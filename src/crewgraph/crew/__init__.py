"""Crews: agents, tasks, and how they are run."""

from __future__ import annotations

from crewgraph.crew.agent import Agent
from crewgraph.crew.conversation import AgentStep
from crewgraph.crew.crew import Crew, Process
from crewgraph.crew.human import HumanQuestion
from crewgraph.crew.mcp import MCPServer, mcp_tools
from crewgraph.crew.task import ConditionalTask, Task
from crewgraph.crew.tool import BaseTool, tool

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
