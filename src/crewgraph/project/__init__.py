"""Projects of crewAI: agents.yaml and tasks.yaml are read and checked; their code is parsed, and never run."""

from __future__ import annotations

from crewgraph.project.whole import Project, ProjectCrew, read

__all__ = ["Project", "ProjectCrew", "read"]
