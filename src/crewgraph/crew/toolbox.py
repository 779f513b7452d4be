"""The tools of an agent at work on one task: offered to its model, called side by side, and told of."""

from __future__ import annotations

import difflib
import itertools
import time
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio

from crewgraph.crew.conversation import ToolResult
from crewgraph.crew.tools.contract import BaseTool
from crewgraph.crew.tools.control import stops_work
from crewgraph.crew.tools.mcp import MCPServer
from crewgraph.crew.tools.result import as_text, cut
from crewgraph.crew.tools.schema import Arguments, ArgumentsMisfit, api_name
from crewgraph.crew.tools.shed import ToolShed
from crewgraph.errors import CrewgraphError, ToolError
from crewgraph.errors.root import MAX_NAMED
from crewgraph.llm.ask import Asker
from crewgraph.llm.port import ToolCall, ToolSpec
from crewgraph.scope import entered, too_long, within
from crewgraph.trace import ToolCallFailed, ToolCallFinished, ToolCallStarted
from crewgraph.usage import Call

__all__ = ["Toolbox"]

MAX_CALLS = 64
"""How many calls of one turn are made; a model that wants more is told so."""
MAX_ERROR = 2_000
"""Characters of an error that a model is told."""

_numbers = itertools.count(1)


class Toolbox:
    """The tools of one agent for one task.

    Args:
        tools: the tools, and servers of tools; one that is there twice is offered once.
        is_caching: whether equal calls are made once.
        shed: what they share with the other tools of the crew's run.

    Attributes:
        specs: the tools as a model is told them, under names that are unlike; known when it is :meth:`ready`.
    """

    def __init__(
        self, tools: Sequence[BaseTool | MCPServer], *, is_caching: bool = True, shed: ToolShed | None = None
    ) -> None:
        self.specs: tuple[ToolSpec, ...] = ()
        self._given = tools
        self._is_caching = is_caching
        self._shed = shed or ToolShed()
        self._tools = dict[str, BaseTool]()

    async def ready(self) -> None:
        """Connect to the servers among the tools, and find out what all of them take.

        Raises:
            ToolError: a server cannot be reached, or what a tool takes cannot be told to a model.
            PipelineInvalid: a pipeline that is a tool has errors.
        """
        distinct = dict[Hashable, BaseTool]()
        for tool in await self._shed.stocked(self._given):
            distinct.setdefault(tool.tool_key(), tool)
        self._tools = dict(_named(list(distinct.values())))
        self.specs = tuple(
            ToolSpec(name, tool.description or tool.name, tool.tool_parameters()) for name, tool in self._tools.items()
        )

    async def run(self, calls: Sequence[ToolCall], asker: Asker) -> list[ToolResult]:
        """Call tools side by side; the results come in the order of the calls, failures among them.

        Raises:
            BudgetError: a budget around the agent is used up.
            CassetteError, RealCallForbidden, HumanInputUnavailable: raised inside of a tool; no model can help.
        """
        with entered(asker.scope):
            if len(calls) == 1:
                return [await self._one(calls[0], asker)]
            return await self._all(calls, asker)

    async def _all(self, calls: Sequence[ToolCall], asker: Asker) -> list[ToolResult]:
        results = [
            ToolResult(call, f"not called: at most {MAX_CALLS} calls in one turn", is_error=True, tool=call.name)
            for call in calls
        ]
        crash: BaseException | None = None

        async def one(place: int) -> None:
            nonlocal crash
            try:
                results[place] = await self._one(calls[place], asker)
            except anyio.get_cancelled_exc_class():
                raise
            except BaseException as error:  # noqa: BLE001 - a task group would wrap it; it is raised below
                crash = crash or error
                group.cancel_scope.cancel()

        async with anyio.create_task_group() as group:
            for place in range(min(len(calls), MAX_CALLS)):
                group.start_soon(one, place)
        if crash is not None:
            raise crash
        return results

    async def _one(self, call: ToolCall, asker: Asker) -> ToolResult:
        tool = self._tools.get(call.name)
        name = tool.name if tool else call.name
        record = _Record(asker, call, name)
        ending: Exception | None = None
        try:
            if tool is None:
                raise ToolError(self._unknown(call.name))
            text, is_cached = await self._result(tool, tool.tool_arguments(call.arguments))
        except Exception as error:  # noqa: BLE001 - a tool may raise anything; the model is told
            record.failed(error)
            ending = stops_work(error, asker.scope.meters)
            text = cut(_said(name, error), MAX_ERROR)
        except BaseException as error:
            record.failed(error)
            raise
        else:
            record.finished(text, is_cached=is_cached)
            return ToolResult(call, text, is_answer=tool.result_as_answer, tool=name)
        if ending is not None:
            raise ending
        return ToolResult(call, text, is_error=True, tool=name)

    async def _result(self, tool: BaseTool, arguments: Arguments) -> tuple[str, bool]:
        """The result of a call, and whether it was kept from an earlier one."""

        async def work() -> tuple[str, bool]:
            return await self._called(tool, arguments)

        if self._is_caching and arguments.key is not None:
            return await self._shed.once((tool.tool_key(), arguments.key), work)
        return (await work())[0], False

    async def _called(self, tool: BaseTool, arguments: Arguments) -> tuple[str, bool]:
        """Call a tool: its result, and whether that is to be kept."""
        if not self._shed.take(tool):
            times = "once" if tool.max_usage_count == 1 else f"{tool.max_usage_count} times"
            raise ToolError(f"{tool.label} may be called {times}, and has been; go on without it")
        endings = [too_long(tool.label, tool.timeout)] if tool.timeout else []
        value = await within(endings, lambda: tool.tool_run(arguments))
        text = as_text(value)
        is_kept = tool.cache_function is None or bool(tool.cache_function(dict(arguments.values), value))
        return text if tool.result_as_answer else cut(text, tool.max_result_length), is_kept

    def _unknown(self, name: str) -> str:
        near = difflib.get_close_matches(name, self._tools, n=3, cutoff=0.5)
        guess = f"; did you mean {' or '.join(near)}?" if near else "."
        shown = ", ".join(list(self._tools)[:MAX_NAMED]) + (" …" if len(self._tools) > MAX_NAMED else "")
        return f"there is no tool '{name}'{guess} There is: {shown or 'none'}"


@dataclass(slots=True)
class _Record:
    """One call, as it is told and charged."""

    asker: Asker
    call: ToolCall
    tool: str
    number: int = field(default_factory=lambda: next(_numbers))
    at: float = field(default_factory=time.time)
    began: float = field(default_factory=time.perf_counter)

    def __post_init__(self) -> None:
        self.asker.scope.tell(ToolCallStarted(**self._fields()))

    def finished(self, text: str, *, is_cached: bool) -> None:
        seconds = self._charged(source="cache" if is_cached else None)
        event = ToolCallFinished(**self._fields(), result=text, seconds=seconds, is_cached=is_cached)
        self.asker.scope.tell(event)

    def failed(self, error: BaseException) -> None:
        text = f"{type(error).__name__}: {_text(error)}".rstrip(": ")
        seconds = self._charged(error=text)
        self.asker.scope.tell(ToolCallFailed(**self._fields(), error=text, seconds=seconds))

    def _charged(self, *, error: str | None = None, source: str | None = None) -> float:
        """Note the call on the account; how long it took."""
        asker, seconds = self.asker, time.perf_counter() - self.began
        asker.scope.account.charge(
            Call(
                kind="tool",
                name=self.tool,
                crew=asker.crew,
                task=asker.task,
                agent=asker.agent,
                started=self.at,
                seconds=seconds,
                error=error,
                source=source,
            )
        )
        return seconds

    def _fields(self) -> dict[str, Any]:
        asker = self.asker
        who = {"crew": asker.crew, "task": asker.task, "agent": asker.agent}
        return {"call": self.number, "tool": self.tool, "arguments": self.call.arguments, **who}


def _named(tools: Sequence[BaseTool]) -> Iterator[tuple[str, BaseTool]]:
    """The tools under names that are unlike; those of a server are named after it where others have the same name."""
    taken = set[str]()
    wanted = Counter(api_name(tool.name) for tool in tools)
    for tool in tools:
        name = api_name(tool.name)
        if wanted[name] > 1 and (prefix := tool.tool_origin()):
            name = api_name(f"{prefix}_{tool.name}")
        name = api_name(name, taken)
        taken.add(name)
        yield name, tool


def _said(name: str, error: Exception) -> str:
    """An error in words for the model."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    text = _text(error)
    if isinstance(error, CrewgraphError | ArgumentsMisfit):
        return text
    return f"'{name}' failed: {type(error).__name__}: {text}".rstrip(": ")


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - it cannot even be told
        return ""
