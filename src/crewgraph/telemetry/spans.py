"""Spans folded from the events of one kickoff: run, node, agent, model call, tool call.

Whose child a span is, is told by OpenTelemetry's context: each span is the current one in the task in which its work
runs, so that what the work calls (an HTTP client that is instrumented, the user's own spans, a crew that is a tool)
nests below it. Where the context does not tell, because an event comes from another task, the names in it do.

Nothing here detaches a token, which works only in the very context that it came from; a span that ends puts the
context back that was current when it began, if it is still the current one, and that works in any task and thread.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from opentelemetry import context as contexts
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context

from crewgraph.telemetry import attributes as names
from crewgraph.telemetry.attributes import Attributes, split_model
from crewgraph.telemetry.histograms import Histograms
from crewgraph.trace import (
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
from crewgraph.usage import UsageMetrics

__all__ = ["Spans"]

_log = logging.getLogger("crewgraph.telemetry")
_OURS = contexts.create_key("crewgraph span")

Key = tuple[object, ...]

MOMENT = 0.001
"""Seconds below which nobody has waited."""


@dataclass(eq=False, slots=True)
class _Open:
    """A span that has begun.

    Attributes:
        owner: whose events it is made of.
        key: what its events have in common.
        began: when, in nanoseconds since the epoch.
        before: the context that was current when it began.
        within: the context in which its work runs.
        failure: the kind of error that a part of it ended in.
    """

    owner: Spans
    key: Key
    parent: _Open | None
    span: Span
    began: int
    before: Context
    within: Context = field(default_factory=Context)
    children: list[_Open] = field(default_factory=list["_Open"])
    usage: UsageMetrics = field(default_factory=UsageMetrics)
    failure: str = "_OTHER"
    is_open: bool = True
    is_streaming: bool = False

    def spend(self, usage: UsageMetrics) -> None:
        """Add what a call took, to all that it is part of as well."""
        for each in self.lineage():
            each.usage.add_usage_metrics(usage)

    def lineage(self) -> Iterator[_Open]:
        """This span, and those that it is part of."""
        each: _Open | None = self
        while each is not None:
            yield each
            each = each.parent


class Spans:
    """An observer that begins and ends spans.

    Args:
        tracer: who makes them.
        histograms: where model calls are measured.
        name: of the pipeline.
        captures: whether contents go onto the spans.
        attaches: whether events are told where the work runs, so that its span can be the current one there.
    """

    def __init__(self, tracer: Tracer, histograms: Histograms, name: str, *, captures: bool, attaches: bool) -> None:
        self._tracer = tracer
        self._histograms = histograms
        self._name = name
        self._captures = captures
        self._attaches = attaches
        self._outside = contexts.get_current()  # a worker's own may be what a node made of it
        self._open = dict[Key, list[_Open]]()

    def __call__(self, event: Event) -> None:
        """Note an event; whatever goes wrong with that must not fail the work."""
        try:
            self._note(event)
        except Exception:  # noqa: BLE001 - a processor or an exporter of the user's
            _log.exception("a span was lost; the run goes on")

    def _note(self, event: Event) -> None:
        match event:
            case RunStarted() | RunFinished() | RunFailed() | RunWaiting():
                self._note_run(event)
            case NodeStarted() | NodeFinished() | NodeFailed() | NodeWaiting() | NodeSkipped() | RouteTaken():
                self._note_node(event)
            case TaskStarted():
                self._note_task(event)
            case ModelCallStarted():
                self._note_model(event)
            case ToolCallStarted():
                self._note_tool(event)
            case _:
                pass

    # ---- runs, nodes and tasks ---------------------------------------------------------------------------------

    def _note_run(self, event: RunStarted | RunFinished | RunFailed | RunWaiting) -> None:
        key = ("run", event.run)
        match event:
            case RunStarted():
                about: Attributes = {names.OPERATION: "invoke_workflow", names.RUN: event.run}
                if self._name:
                    about[names.WORKFLOW_NAME] = self._name
                self._begin(key, f"invoke_workflow {self._name}".strip(), about, event)
            case RunFailed(error=error):
                opened = self._found(key)
                kind = "cancelled" if error == "cancelled" else opened.failure if opened else ""
                self._end(key, event, error=error, kind=kind)
            case _:
                self._end(key, event)

    def _note_node(
        self, event: NodeStarted | NodeFinished | NodeFailed | NodeWaiting | NodeSkipped | RouteTaken
    ) -> None:
        key = ("node", event.run, event.node)
        match event:
            case NodeStarted():
                about: Attributes = {names.NODE: str(event.node), names.RUN: event.run}
                self._begin(key, f"node {event.node}", about, event)
            case RouteTaken(route=route):
                if opened := self._found(key):
                    opened.span.set_attribute(names.ROUTE, route)
            case NodeSkipped():
                if run := self._found(("run", event.run)):
                    run.span.add_event("crewgraph.node.skipped", {names.NODE: str(event.node)}, _nanoseconds(event))
            case NodeFailed(error=error):
                self._end(key, event, error=error)
            case _:
                self._end(key, event)

    def _note_task(self, event: TaskStarted) -> None:
        key = ("task", event.run, event.node, event.crew, event.task, event.agent)
        match event:
            case TaskFinished(source=source):
                self._end(key, event, {names.SOURCE: source} if source else None)
            case TaskFailed(error=error):
                self._end(key, event, error=error)
            case TaskSkipped():
                if around := self._around(event):
                    around.span.add_event("crewgraph.task.skipped", {names.TASK: event.task}, _nanoseconds(event))
            case _:
                self._begin(key, f"invoke_agent {event.agent}".strip(), names.of_task(event), event)

    # ---- calls -------------------------------------------------------------------------------------------------

    def _note_model(self, event: ModelCallStarted) -> None:
        key = ("model", event.call)
        match event:
            case ModelText():
                self._note_text(key, event)
            case ModelCallFinished():
                about: Attributes = {names.FINISH_REASONS: [event.finish_reason]} if event.finish_reason else {}
                if self._captures and event.answer is not None:
                    about |= names.wrote(event.answer)
                self._end_model(key, event, about)
            case ModelCallFailed(retry_in=retry_in):
                self._end_model(key, event, {} if retry_in is None else {names.RETRY_IN: retry_in}, error=event.error)
            case _:
                about = names.of_model(event.model) | {names.ATTEMPT: event.attempt}
                if event.agent:
                    about[names.AGENT_NAME] = event.agent
                if self._captures:
                    about |= names.said(event)
                name = f"chat {split_model(event.model)[1]}"
                self._begin(key, name, about, event, kind=SpanKind.CLIENT)

    def _note_text(self, key: Key, event: ModelText) -> None:
        opened = self._found(key)
        if opened is None or opened.is_streaming:
            return
        opened.is_streaming = True
        seconds = (_nanoseconds(event) - opened.began) / 1e9
        opened.span.set_attributes({names.STREAM: True, names.FIRST_CHUNK: max(seconds, 0.0)})

    def _end_model(
        self, key: Key, event: ModelCallFinished | ModelCallFailed, about: Attributes, *, error: str | None = None
    ) -> None:
        usage: UsageMetrics = event.usage if isinstance(event.usage, UsageMetrics) else UsageMetrics()
        if event.waited >= MOMENT:
            about[names.WAITED] = event.waited
        source = event.source if isinstance(event, ModelCallFinished) else None
        if source:
            about[names.SOURCE] = source
        else:  # a recorded answer is no operation of a client
            kind = names.error_type(error) if error else None
            self._histograms.record(event.model, usage, event.seconds, error=kind)
        self._end(key, event, about, error=error, usage=usage)

    def _note_tool(self, event: ToolCallStarted) -> None:
        key = ("tool", event.run, event.node, event.call)
        match event:
            case ToolCallFinished():
                about: Attributes = {names.CACHED: True} if event.is_cached else {}
                if self._captures:
                    about[names.TOOL_RESULT] = event.result
                self._end(key, event, about)
            case ToolCallFailed(error=error):
                self._end(key, event, error=error)
            case _:
                about = names.of_tool(event)
                if self._captures:
                    about[names.TOOL_ARGUMENTS] = event.arguments
                self._begin(key, f"execute_tool {event.tool}", about, event)

    # ---- beginning and ending ----------------------------------------------------------------------------------

    def _begin(
        self, key: Key, name: str, about: Attributes, event: Event, *, kind: SpanKind = SpanKind.INTERNAL
    ) -> None:
        before = self._outside if self._attaches and isinstance(event, RunStarted) else contexts.get_current()
        around = self._around(event, before)
        outside = before
        if around is not None and contexts.get_value(_OURS, before) is not around:
            outside = around.within  # the context knows less than the names
        began = _nanoseconds(event)
        span = self._tracer.start_span(name, outside, kind, about, start_time=began)
        opened = _Open(self, key, around, span, began, before)
        opened.within = set_span_in_context(span, contexts.set_value(_OURS, opened, outside))
        self._open.setdefault(key, []).append(opened)
        if around is not None:
            around.children.append(opened)
        if self._attaches and not isinstance(event, RunStarted):  # runs are walked by several tasks
            contexts.attach(opened.within)

    def _end(
        self,
        key: Key,
        event: Event,
        about: Attributes | None = None,
        *,
        error: str | None = None,
        kind: str | None = None,
        usage: UsageMetrics | None = None,
    ) -> None:
        opened = self._found(key)
        if opened is None:  # its beginning was lost
            return
        opened.span.set_attributes(about or {})
        if usage is not None:
            opened.spend(usage)
        if error is not None:
            kind = kind or names.error_type(error)
            if opened.parent is not None and kind != "cancelled":
                opened.parent.failure = kind
            opened.span.set_attribute(names.ERROR_TYPE, kind)
            opened.span.set_status(Status(StatusCode.ERROR, error if self._captures else None))
        self._close(opened, _nanoseconds(event))

    def _close(self, opened: _Open, at: int) -> None:
        """End a span, and before it those of its parts whose end nobody told."""
        for child in list(opened.children):
            child.span.set_attribute(names.ERROR_TYPE, "cancelled")
            child.span.set_status(Status(StatusCode.ERROR))
            child.owner._close(child, at)  # noqa: SLF001 - another kickoff's, inside of this one
        self._forget(opened)
        opened.span.set_attributes(names.of_usage(opened.usage))
        opened.span.end(max(at, opened.began))

    def _forget(self, opened: _Open) -> None:
        opened.is_open = False
        if opened.parent is not None:
            opened.parent.children.remove(opened)
        same = self._open[opened.key]
        same.remove(opened)
        if not same:
            del self._open[opened.key]
        if self._attaches and contexts.get_value(_OURS) is opened:
            contexts.attach(opened.before)

    # ---- finding -----------------------------------------------------------------------------------------------

    def _found(self, key: Key) -> _Open | None:
        """The open span of an event: of several alike the one that is current here, else the oldest."""
        same = self._open.get(key)
        if not same:
            return None
        current = _current()
        return next((each for each in (current.lineage() if current else ()) if each in same), same[0])

    def _around(self, event: Event, context: Context | None = None) -> _Open | None:
        """The open span that a new one belongs to."""
        current = _current(context)
        if isinstance(event, RunStarted):  # maybe inside of another kickoff's node
            return _still_open(current, None)
        here = None if isinstance(event, NodeStarted) else _still_open(current, self)  # workers go from run to run
        if isinstance(event, ModelCallStarted | ToolCallStarted):
            task = ("task", event.run, event.node, event.crew, event.task, event.agent)
            if here is None or here.key != task:  # what a thread tells comes without the context of its task
                inside = [each for each in self._open.get(task, ()) if here is None or here in each.lineage()]
                here = inside[-1] if inside else here
        if here is not None:
            return here
        places: list[Key] = [("node", event.run, event.node), ("run", event.run)]
        return next((same[-1] for place in places if (same := self._open.get(place))), None)


def _still_open(opened: _Open | None, owner: Spans | None) -> _Open | None:
    """The innermost span around that is open, and is made by the owner, where one is named."""
    lineage = opened.lineage() if opened is not None else ()
    return next((each for each in lineage if each.is_open and owner in (None, each.owner)), None)


def _current(context: Context | None = None) -> _Open | None:
    value = contexts.get_value(_OURS, context)
    return value if isinstance(value, _Open) else None


def _nanoseconds(event: Event) -> int:
    """When; an event that no engine passed on does not say so, and is told as it happens."""
    return int(event.at * 1e9) if event.at else time.time_ns()
