"""What happened: events while it happens, spans and journeys afterwards.

Both are folds: a journey is folded from the pipeline's shape and the routes taken, a span from the events of a node.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, assert_never

from pydantic import BaseModel, ConfigDict, Field, SkipValidation

from crewgraph.usage import Call

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
    "journey",
    "journeys",
    "moment",
]


# ---- events ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something happened.

    Attributes:
        run: the index of the input.
        node: the name of the graph node, where it concerns one.
        at: when, in seconds since the epoch.
    """

    run: int = -1
    node: str | None = None
    at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """A run begins."""

    inputs: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished(Event):
    """A run reached its end; ``tokens`` is its total."""

    tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFailed(Event):
    """A run failed or was cancelled; ``tokens`` is what it had spent."""

    error: str = ""
    tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStarted(Event):
    """A node begins with its inputs settled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFinished(Event):
    """A node gave its output; ``tokens`` is what it spent."""

    output: Any = None
    tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFailed(Event):
    """A node raised, or was cancelled because a sibling raised."""

    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSkipped(Event):
    """A node lies on a route that was not taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteTaken(Event):
    """A router decided."""

    route: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskStarted(Event):
    """A crew begins a task."""

    crew: str = ""
    task: str = ""
    agent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFinished(TaskStarted):
    """A task has its answer."""

    tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSkipped(TaskStarted):
    """The condition of a task was not met."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFailed(TaskStarted):
    """A task has no answer."""

    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCallStarted(Event):
    """A model is asked: one attempt.

    Attributes:
        call: tells the calls that are under way apart; its other events carry the same number.
        model: which.
        crew, task, agent: on whose behalf.
        attempt: 1 for the first time that this model is asked this.
        messages: the conversation, oldest first, and ``answer`` its end (of a finished call).
    """

    call: int = 0
    model: str = ""
    crew: str = ""
    task: str = ""
    agent: str = ""
    attempt: int = 1
    messages: Sequence[Any] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelText(ModelCallStarted):
    """A piece of an answer that is being written; of an attempt that then fails too."""

    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCallFinished(ModelCallStarted):
    """A model answered.

    Attributes:
        tokens, usage: what the call took; ``usage`` is a ``UsageMetrics``.
        seconds: how long it took, without what it waited before.
        waited: seconds spent waiting for limits, budgets and retries before.
        finish_reason: why the model stopped.
        source: "cassette" or "cache" where nothing was called.
        answer: what the model said, a ``Reply``.
    """

    tokens: int = 0
    usage: Any = None
    seconds: float = 0.0
    waited: float = 0.0
    finish_reason: str | None = None
    source: str | None = None
    answer: Any = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCallFailed(ModelCallStarted):
    """A model call failed, after ``seconds``; ``usage`` is what it took all the same, a ``UsageMetrics``.

    Attributes:
        error: class and message.
        retry_in: seconds until the next attempt; ``None`` where there is none with this model.
    """

    error: str = ""
    usage: Any = None
    seconds: float = 0.0
    waited: float = 0.0
    retry_in: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallStarted(Event):
    """A tool is called; ``arguments`` as the model wrote them."""

    call: int = 0
    tool: str = ""
    crew: str = ""
    task: str = ""
    agent: str = ""
    arguments: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallFinished(ToolCallStarted):
    """A tool gave its result, after ``seconds``; ``is_cached`` where it was known from before."""

    result: str = field(default="", repr=False)
    seconds: float = 0.0
    is_cached: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallFailed(ToolCallStarted):
    """A tool failed, and the model was told so."""

    error: str = ""
    seconds: float = 0.0


Observer = Callable[[Event], None]
"""Called with every event as it happens, in the event loop: be quick, do not block."""


# ---- spans -----------------------------------------------------------------------------------------------------


class Span(BaseModel):
    """One node in one run.

    Attributes:
        node: its name in the graph.
        kind: "crew", "step" or "router".
        status: "ok", "failed", "over_budget", "cancelled", or "skipped" (a route not taken, or never reached).
        started, ended: when; ``None`` where the node did not start or end.
        attempts: how often it was started.
        inputs: what it received.
        output: what it gave, a ``CrewOutput``.
        route: the route a router took.
        usage: tokens and money, a ``UsageMetrics``; those of a failed node included.
        calls: every attempt of a model call and every tool call, in the order in which they ended.
        model: the model or models asked, where known.
        error: class and message of what it raised.
    """

    model_config = ConfigDict(defer_build=True, arbitrary_types_allowed=True, frozen=True)

    node: str
    kind: str
    status: str
    started: datetime | None = None
    ended: datetime | None = None
    attempts: int = 0
    inputs: SkipValidation[Any] = None
    output: SkipValidation[Any] = None
    route: str | None = None
    usage: SkipValidation[Any] = None
    calls: list[SkipValidation[Call]] = Field(default_factory=list[Call], repr=False)
    model: str | None = None
    error: str | None = None

    @property
    def seconds(self) -> float:
        """How long it took; 0 where it did not run."""
        return (self.ended - self.started).total_seconds() if self.started and self.ended else 0.0


def moment(seconds: float | None) -> datetime | None:
    """Seconds since the epoch as an aware datetime in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


# ---- journeys --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Leaf:
    """One node."""

    node: str


@dataclass(frozen=True, slots=True)
class Series:
    """One after the other."""

    parts: tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class Parallel:
    """Side by side."""

    branches: tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several routes."""

    router: str
    routes: Mapping[str, Shape]


Shape = Leaf | Series | Parallel | Choice
"""The pipeline as its author wrote it: what a journey is folded from."""


@dataclass(frozen=True, slots=True)
class Journey:
    """What a run did.

    Attributes:
        ran: the nodes that were started.
        taken: the route each router took.
        found: for each router that took a route nobody had declared, what lay behind it.
    """

    ran: Collection[str]
    taken: Mapping[str, str]
    found: Mapping[str, Shape] = field(default_factory=dict[str, "Shape"])

    def arm(self, choice: Choice) -> Shape:
        """What a router's run went into; nothing where it did not decide."""
        route = self.taken.get(choice.router)
        return choice.routes.get(route or "") or self.found.get(choice.router) or Series(())


def journey(shape: Shape, did: Journey) -> list[Any]:
    """The way a run went through a shape, as far as it came."""
    match shape:
        case Leaf(node):
            return [node] if node in did.ran else []
        case Series(parts):
            return [item for part in parts for item in journey(part, did)]
        case Parallel(branches):
            ways = [way[0] if len(way) == 1 else way for branch in branches if (way := journey(branch, did))]
            return [ways[0] if len(ways) == 1 else ways] if ways else []
        case Choice(router):
            if router not in did.taken:
                return []
            return [{"route_taken": did.taken[router]}, *journey(did.arm(shape), did)]
        case _:
            assert_never(shape)


def journeys(shape: Shape, did: Journey) -> Iterator[tuple[list[Any], str]]:  # noqa: C901 - one case per shape
    """The way to every end that a run reached, with the node there: one for each branch of the final stage."""
    match shape:
        case Leaf(node):
            if node in did.ran:
                yield [node], node
        case Series(parts):
            begin = [item for part in parts[:-1] for item in journey(part, did)]
            for way, end in journeys(parts[-1], did) if parts else ():
                yield begin + way, end
        case Parallel(branches):
            for branch in branches:
                yield from journeys(branch, did)
        case Choice(router):
            for way, end in journeys(did.arm(shape), did):
                yield [{"route_taken": did.taken[router]}, *way], end
        case _:
            assert_never(shape)
