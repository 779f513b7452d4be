"""What happened: events while it happens, spans and journeys afterwards.

Both are folds: a journey is folded from the pipeline's shape and the routes taken, a span from the events of a node.
"""

from __future__ import annotations

from crewgraph.trace.events import (
    Event,
    ModelCallFailed,
    ModelCallFinished,
    ModelCallStarted,
    ModelText,
    NodeFailed,
    NodeFinished,
    NodeSkipped,
    NodeStarted,
    Observer,
    RouteTaken,
    RunFailed,
    RunFinished,
    RunStarted,
    TaskFailed,
    TaskFinished,
    TaskSkipped,
    TaskStarted,
    ToolCallFailed,
    ToolCallFinished,
    ToolCallStarted,
)
from crewgraph.trace.shapes import (
    Choice,
    Journey,
    Leaf,
    Parallel,
    Series,
    Shape,
    Wired,
    journey,
    journeys,
)
from crewgraph.trace.spans import Span, extent, moment

__all__ = [
    "Choice",
    "Event",
    "Journey",
    "Leaf",
    "ModelCallFailed",
    "ModelCallFinished",
    "ModelCallStarted",
    "ModelText",
    "NodeFailed",
    "NodeFinished",
    "NodeSkipped",
    "NodeStarted",
    "Observer",
    "Parallel",
    "RouteTaken",
    "RunFailed",
    "RunFinished",
    "RunStarted",
    "Series",
    "Shape",
    "Span",
    "TaskFailed",
    "TaskFinished",
    "TaskSkipped",
    "TaskStarted",
    "ToolCallFailed",
    "ToolCallFinished",
    "ToolCallStarted",
    "Wired",
    "extent",
    "journey",
    "journeys",
    "moment",
]
