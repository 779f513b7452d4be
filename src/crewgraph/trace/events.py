"""What happens, while it happens: typed events, for observers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from functools import update_wrapper
from typing import Any, TypeVar, dataclass_transform

__all__ = [
    "Event",
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
    "RouteTaken",
    "RunFailed",
    "RunFinished",
    "RunStarted",
    "RunWaiting",
    "TaskFailed",
    "TaskFinished",
    "TaskSkipped",
    "TaskStarted",
    "ToolCallFailed",
    "ToolCallFinished",
    "ToolCallStarted",
    "node_finished",
    "node_started",
]


E = TypeVar("E")


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def _event(kind: type[E]) -> type[E]:
    """A frozen dataclass with slots, whose ``__init__`` sets these directly: in 1.0 µs for 2.0, or 3.3 for 5.7 with many.

    That of a frozen dataclass calls ``object.__setattr__`` for each field, which looks it up by its name again.
    """
    made = dataclass(frozen=True, slots=True, kw_only=True)(kind)
    known, takes, sets = dict[str, Any](), list[str](), list[str]()
    for each in fields(made):  # type: ignore[arg-type]  # it is one, as the line above says
        name = each.name
        known[f"set_{name}"] = getattr(made, name).__set__
        known[f"default_{name}"] = each.default if each.default_factory is MISSING else each.default_factory
        given = name if each.default_factory is MISSING else f"default_{name}() if {name} is default_{name} else {name}"
        takes.append(f"{name}=default_{name}")
        sets.append(f" set_{name}(self, {given})")
    exec("\n".join([f"def __init__(self, *, {', '.join(takes)}):", *sets]), known)  # noqa: S102 - as dataclasses does
    made.__init__ = update_wrapper(known["__init__"], made.__init__)  # type: ignore[method-assign]
    return made


@_event
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


@_event
class RunStarted(Event):
    """A run begins."""

    inputs: Mapping[str, Any] = field(default_factory=dict[str, Any])


@_event
class RunFinished(Event):
    """A run reached its end; ``tokens`` is its total."""

    tokens: int = 0


@_event
class RunFailed(Event):
    """A run failed or was cancelled; ``tokens`` is what it had spent."""

    error: str = ""
    tokens: int = 0


@_event
class RunWaiting(Event):
    """A run can go on only when somebody has decided; ``tokens`` is what it has spent."""

    tokens: int = 0


@_event
class NodeStarted(Event):
    """A node begins with its inputs settled."""


@_event
class NodeFinished(Event):
    """A node gave its output; ``tokens`` is what it spent, and ``source`` is "store" where it was read and did not run."""

    output: Any = None
    tokens: int = 0
    source: str | None = None


@_event
class NodeFailed(Event):
    """A node raised, or was cancelled because a sibling raised, or the kickoff was cut off.

    Attributes:
        error: what it raised, in words, or why it was cancelled.
        is_cancelled: whether it did not fail itself.
    """

    error: str = ""
    is_cancelled: bool = False


@_event
class NodeWaiting(Event):
    """A node waits for a person, and this kickoff does not wait with it.

    Attributes:
        ask: what is asked.
        until: when it is too late, in seconds since the epoch; ``None`` where it waits for ever.
    """

    ask: str = ""
    until: float | None = None


@_event
class NodeSkipped(Event):
    """A node lies on a route that was not taken."""


@_event
class RouteTaken(Event):
    """A router decided."""

    route: str = ""


@_event
class TaskStarted(Event):
    """A crew begins a task."""

    crew: str = ""
    task: str = ""
    agent: str = ""


@_event
class TaskFinished(TaskStarted):
    """A task has its answer; ``source`` is "store" where it was read and not done."""

    tokens: int = 0
    source: str | None = None


@_event
class TaskSkipped(TaskStarted):
    """The condition of a task was not met."""


@_event
class TaskFailed(TaskStarted):
    """A task has no answer."""

    error: str = ""


@_event
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


@_event
class ModelText(ModelCallStarted):
    """A piece of an answer that is being written; of an attempt that then fails too."""

    text: str = ""


@_event
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


@_event
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


@_event
class ToolCallStarted(Event):
    """A tool is called; ``arguments`` as the model wrote them."""

    call: int = 0
    tool: str = ""
    crew: str = ""
    task: str = ""
    agent: str = ""
    arguments: str = field(default="", repr=False)


@_event
class ToolCallFinished(ToolCallStarted):
    """A tool gave its result, after ``seconds``; ``is_cached`` where it was known from before."""

    result: str = field(default="", repr=False)
    seconds: float = 0.0
    is_cached: bool = False


@_event
class ToolCallFailed(ToolCallStarted):
    """A tool failed, and the model was told so."""

    error: str = ""
    seconds: float = 0.0


Observer = Callable[[Event], None]
"""Called with every event as it happens, in the event loop: be quick, do not block."""


# ---- made quickly ----------------------------------------------------------------------------------------------
# Every node has these two: to call a class with keywords takes longer than a function that sets the slots.

_new = object.__new__
_run, _node, _at = (vars(Event)[name].__set__ for name in ("run", "node", "at"))
_output, _tokens, _source = (vars(NodeFinished)[name].__set__ for name in ("output", "tokens", "source"))


def node_started(run: int, node: str, at: float) -> NodeStarted:
    """The event of a node that begins."""
    made = _new(NodeStarted)
    _run(made, run)
    _node(made, node)
    _at(made, at)
    return made


def node_finished(run: int, node: str, at: float, output: Any, tokens: int) -> NodeFinished:
    """The event of a node that gave its output."""
    made = _new(NodeFinished)
    _run(made, run)
    _node(made, node)
    _at(made, at)
    _output(made, output)
    _tokens(made, tokens)
    _source(made, None)
    return made
