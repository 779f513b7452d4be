"""What happened: events while it happens, spans and journeys afterwards.

Both are folds: a journey is folded from the pipeline's shape and the routes taken, a span from the events of a node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crewgraph.lazy import lazily

if TYPE_CHECKING:
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
        NodeWaiting,
        Observer,
        RouteTaken,
        RunFailed,
        RunFinished,
        RunStarted,
        RunWaiting,
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
        only_end,
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
    "NodeWaiting",
    "Observer",
    "Parallel",
    "RouteTaken",
    "RunFailed",
    "RunFinished",
    "RunStarted",
    "RunWaiting",
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
    "only_end",
]

lazily(
    __name__,
    {
        "crewgraph.trace.events": (
            "Event ModelCallFailed ModelCallFinished ModelCallStarted ModelText NodeFailed NodeFinished "
            "NodeSkipped NodeStarted NodeWaiting Observer RouteTaken RunFailed RunFinished RunStarted "
            "RunWaiting TaskFailed TaskFinished TaskSkipped TaskStarted ToolCallFailed ToolCallFinished "
            "ToolCallStarted"
        ),
        "crewgraph.trace.shapes": "Choice Journey Leaf Parallel Series Shape Wired journey journeys only_end",
        "crewgraph.trace.spans": "Span extent moment",
    },
)
