"""By what submitters and workers find each other: the name of a pipeline, and the structure that both must have."""

from __future__ import annotations

from crewgraph.compiler.plan import Plan
from crewgraph.definition import digest

__all__ = ["APPLICATION", "WORKFLOW", "queue_of", "structure_of", "workflow_of"]

APPLICATION = "crewgraph"
"""Name and version of the application that DBOS sees; which pipelines a worker has is told by queues."""
WORKFLOW = "crewgraph.run"
"""The one workflow: a run of a pipeline."""


def structure_of(plan: Plan) -> str:
    """A digest of nodes, routes and edges; of nothing that nodes say, so that edits of prompts find their workers."""
    nodes = [[type(node).__name__, node.name] for node in plan.nodes]
    edges = [[[edge.source, edge.route] for edge in plan.graph.predecessors(node.name)] for node in plan.nodes]
    return digest([nodes, edges])[:12]


def queue_of(pipeline: str, structure: str) -> str:
    """The queue on which runs of a pipeline of this structure wait."""
    return f"crewgraph:{pipeline}:{structure}"


def workflow_of(run: int, number: int) -> str:
    """The workflow of a run that is submitted for the n-th time."""
    return f"crewgraph/{run}/{number}"
