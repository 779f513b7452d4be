"""What ``run --follow`` tells: a fold from events to lines, each with who says it.

Text is told line by line as it is written, and a long line in pieces, so that several agents that write at once can
be told apart by what stands in front of each line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from crewgraph.render.duration import duration
from crewgraph.render.escape import clean, columns, shortened, visible
from crewgraph.trace import (
    Event,
    ModelCallFailed,
    ModelCallFinished,
    ModelCallStarted,
    ModelText,
    NodeFailed,
    NodeFinished,
    NodeWaiting,
    RouteTaken,
    RunFailed,
    RunFinished,
    RunWaiting,
    TaskFailed,
    TaskFinished,
    TaskSkipped,
    TaskStarted,
    ToolCallFailed,
    ToolCallFinished,
    ToolCallStarted,
)

__all__ = ["BAR", "Line", "Story"]

MAX_NAME = 24
MAX_SHOWN = 120
"""Columns of errors and names of tasks."""
WIDTH = 120
"""Columns after which a line that goes on is told all the same."""
MIN_WIDTH = 30
BAR = " │ "


@dataclass(frozen=True, slots=True)
class Line:
    """One line.

    Attributes:
        who: the input, the node and the agent.
        text: what there is to say, fit for a terminal.
        style: "bold", "dim", or a colour.
    """

    who: str
    text: str
    style: str = ""

    def __str__(self) -> str:
        return f"{self.who}{BAR}{self.text}".rstrip()


@dataclass(slots=True)
class _Talk:
    """An answer that is being written."""

    who: str
    width: int
    rest: str = ""
    is_shown: bool = False

    def take(self, text: str) -> Iterator[Line]:
        """The lines that a further piece completes."""
        self.is_shown = True
        *whole, self.rest = (self.rest + text).split("\n")
        for line in whole:
            yield from (Line(self.who, visible(piece)) for piece in _pieces(line, self.width))
        *pieces, self.rest = _pieces(self.rest, self.width)
        yield from (Line(self.who, visible(piece)) for piece in pieces)

    def end(self) -> Iterator[Line]:
        """What is left."""
        if self.rest:
            yield Line(self.who, visible(self.rest))
            self.rest = ""


def _pieces(line: str, width: int) -> Iterator[str]:
    """A long line in several, at spaces where it has some; the last one is what may go on."""
    begin = 0
    while len(line) - begin > width:
        space = line.rfind(" ", begin + 1, begin + width)
        end = space + 1 if space > begin else begin + width
        yield line[begin:end]
        begin = end
    yield line[begin:]


@dataclass(slots=True)
class Story:
    """What has been told so far, and what is being written.

    Attributes:
        has_numbers: whether there are several inputs to tell apart.
        width: columns of a line, with who says it.
        talks: the answers that are being written, by the number of the call.
    """

    has_numbers: bool = True
    width: int = WIDTH
    talks: dict[int, _Talk] = field(default_factory=dict[int, _Talk])
    _tasks: set[tuple[int, str | None]] = field(default_factory=set[tuple[int, "str | None"]])

    def open_lines(self) -> list[Line]:
        """The lines that are being written."""
        return [Line(talk.who, visible(talk.rest)) for talk in self.talks.values() if talk.rest]

    def told(self, event: Event) -> Iterable[Line]:
        """The lines of an event."""
        match event:
            case ModelCallStarted():
                return self._of_model(event)
            case ToolCallStarted():
                return [self._of_tool(event)]
            case TaskStarted():
                return [self._of_task(event)]
            case NodeFinished() | NodeFailed() | NodeWaiting() | RouteTaken():
                return self._of_node(event)
            case RunFinished() | RunFailed() | RunWaiting():
                return [self._of_run(event)]
            case _:
                return ()

    # ---- who ---------------------------------------------------------------------------------------------------

    def _who(self, event: Event, agent: str = "") -> str:
        node = event.node or ""
        parts = [str(event.run)] if self.has_numbers else []
        parts += [shortened(node, MAX_NAME)] if node else []
        who = " ".join(parts)
        return f"{who} · {shortened(agent, MAX_NAME)}" if agent and agent != node else who

    def _talk(self, who: str) -> _Talk:
        return _Talk(who, max(MIN_WIDTH, self.width - columns(who) - len(BAR)))

    # ---- what --------------------------------------------------------------------------------------------------

    def _of_model(self, event: ModelCallStarted) -> Iterator[Line]:
        who = self._who(event, event.agent)
        match event:
            case ModelText(text=text):
                yield from self.talks.setdefault(event.call, self._talk(who)).take(text)
            case ModelCallFinished():
                yield from self._answered(event, self.talks.pop(event.call, self._talk(who)))
            case ModelCallFailed():
                talk = self.talks.pop(event.call, self._talk(who))
                yield from talk.end()
                void = "; the text above is void" if talk.is_shown else ""
                again = "gave up" if event.retry_in is None else f"again in {duration(event.retry_in)}"
                yield Line(who, f"✗ {clean(event.model)}: {again}: {_short(event.error)}{void}", "red")
            case _:
                pass

    def _answered(self, event: ModelCallFinished, talk: _Talk) -> Iterator[Line]:
        if not talk.is_shown:  # this model does not write piece by piece
            yield from talk.take(str(getattr(event.answer, "text", "")))
        yield from talk.end()
        if event.source:
            yield Line(talk.who, f"(from the {clean(event.source)})", "dim")

    def _of_tool(self, event: ToolCallStarted) -> Line:
        who, tool = self._who(event, event.agent), shortened(event.tool, MAX_NAME)
        room = max(MIN_WIDTH, self.width - columns(f"{who}{BAR}← {tool}:  (known from before)"))
        match event:
            case ToolCallFinished():
                how = "known from before" if event.is_cached else duration(event.seconds)
                return Line(who, f"← {tool}: {_short(event.result, room)} ({how})", "cyan")
            case ToolCallFailed():
                return Line(who, f"✗ {tool}: {_short(event.error)} ({duration(event.seconds)})", "red")
            case _:
                return Line(who, f"→ {tool} {_short(event.arguments, room)}", "cyan")

    def _of_task(self, event: TaskStarted) -> Line:
        who, task = self._who(event, event.agent), _short(event.task)
        self._tasks.add((event.run, event.node))
        match event:
            case TaskFinished(tokens=tokens, source=source):
                return Line(who, f"✓ {task}{_tokens(tokens)}{' · read from the store' if source else ''}", "green")
            case TaskFailed(error=error):
                return Line(who, f"✗ {task}: {_short(error)}", "red")
            case TaskSkipped():
                return Line(who, f"- {task}: its condition is not met", "dim")
            case _:
                return Line(who, f"▶ {task}", "bold")

    def _of_node(self, event: NodeFinished | NodeFailed | NodeWaiting | RouteTaken) -> Iterator[Line]:
        place = (event.run, event.node)
        match event:
            case RouteTaken(route=route):
                self._tasks.add(place)
                yield Line(self._who(event), f"⇢ {_short(route)}", "magenta")
            case NodeFailed(error=error):
                yield Line(self._who(event), f"✗ {_short(error)}", "red")
            case NodeWaiting(ask=ask):
                yield Line(self._who(event), f"◷ {_short(ask)}", "yellow")
            case NodeFinished() if place not in self._tasks:  # a step; a crew has told its tasks
                yield Line(self._who(event), "✓", "green")
            case _:
                pass
        if not isinstance(event, RouteTaken):
            self._tasks.discard(place)

    def _of_run(self, event: RunFinished | RunFailed | RunWaiting) -> Line:
        what = f"input {event.run}"
        if isinstance(event, RunFailed):
            return Line(what, f"✗ {_short(event.error)}{_tokens(event.tokens)}", "red")
        if isinstance(event, RunWaiting):
            return Line(what, f"◷ waits for a person{_tokens(event.tokens)}", "yellow")
        return Line(what, f"✓ done{_tokens(event.tokens)}", "green")


def _short(text: str, room: int = MAX_SHOWN) -> str:
    return shortened(text, room) if text.strip() else ""


def _tokens(tokens: int) -> str:
    return f" · {tokens:,} tokens" if tokens else ""
