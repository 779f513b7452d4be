"""Projects of crewAI: agents.yaml and tasks.yaml are read and checked; their code is parsed, and never run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crewgraph.lazy import lazily

if TYPE_CHECKING:
    from crewgraph.project.whole import Project, ProjectCrew, read

__all__ = ["Project", "ProjectCrew", "read"]

lazily(
    __name__,
    {
        "crewgraph.project.whole": "Project ProjectCrew read",
    },
)
