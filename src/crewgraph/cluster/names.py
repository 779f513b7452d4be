"""By what submitters and workers find each other: the name of a pipeline, and the structure that both must have."""

from __future__ import annotations

from crewgraph.store.versions import structure_of

__all__ = ["APPLICATION", "WORKFLOW", "queue_of", "structure_of", "workflow_of"]

APPLICATION = "crewgraph"
"""Name and version of the application that DBOS sees; which pipelines a worker has is told by queues."""
WORKFLOW = "crewgraph.run"
"""The one workflow: a run of a pipeline."""


def queue_of(pipeline: str, structure: str) -> str:
    """The queue on which runs of a pipeline of this structure wait."""
    return f"crewgraph:{pipeline}:{structure}"


def workflow_of(run: int, number: int) -> str:
    """The workflow of a run that is submitted for the n-th time."""
    return f"crewgraph/{run}/{number}"
