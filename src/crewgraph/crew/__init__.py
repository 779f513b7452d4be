"""Crews: agents, tasks, and how they are run."""

from __future__ import annotations

from crewgraph.crew.agent import Agent
from crewgraph.crew.crew import Crew, Process
from crewgraph.crew.task import Task

__all__ = ["Agent", "Crew", "Process", "Task"]
