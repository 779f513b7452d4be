"""The tools of an agent at work on one task: offered to its model, called side by side, and told of."""

from __future__ import annotations

import difflib
import itertools
import logging
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import anyio

from crewgraph.crew.conversation import ToolResult
from crewgraph.crew.schedule import is_asked_to_stop
from crewgraph.crew.tools.contract import BaseTool
from crewgraph.crew.tools.control import stops_work
from crewgraph.crew.tools.mcp import MCPServer
from crewgraph.crew.tools.result import as_text, cut
from crewgraph.crew.tools.schema import Arguments, ArgumentsMisfit, api_name
from crewgraph.crew.tools.shed import ToolShed
from crewgraph.errors import CrewgraphError, ToolError
from crewgraph.errors.root import MAX_NAMED, in_words, text_of
from crewgraph.llm.ask import Asker
from crewgraph.llm.port import ToolCall, ToolSpec
from crewgraph.scope import current, entered, too_long, within
from crewgraph.threads import called
from crewgraph.trace import Event, ToolCallFailed, ToolCallFinished, ToolCallStarted
from crewgraph.usage import Account, Call

__all__ = ["Toolbox"]

MAX_CALLS = 64
"""How many calls of one turn are made; a model that wants more is told so."""
MAX_ERROR = 2_000
"""Characters of an error that a model is told."""

_log = logging.getLogger("crewgraph.crew")

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
        too_many = f"not called: at most {MAX_CALLS} calls in one turn"
        with entered(asker.scope):
            results = await self._all(calls[:MAX_CALLS], asker)
        left = calls[MAX_CALLS:]
        return [*results, *(ToolResult(call, too_many, is_error=True, tool=call.name, has_run=False) for call in left)]

    async def _all(self, calls: Sequence[ToolCall], asker: Asker) -> list[ToolResult]:
        """Make calls, each in a task of its own: there one that cancels itself is told from one that is cancelled."""
        results = dict[int, ToolResult]()
        crash: BaseException | None = None

        async def one(place: int) -> None:
            nonlocal crash
            try:
                results[place] = await self._one(calls[place], asker)
            except BaseException as error:
                if is_asked_to_stop(error):
                    raise
                crash = crash or error  # raised below, for the task group would wrap it
                group.cancel_scope.cancel()

        async with anyio.create_task_group() as group:
            for place in range(len(calls)):
                group.start_soon(one, place)
        if crash is not None:
            raise crash
        return [results[place] for place in range(len(calls))]

    async def _one(self, call: ToolCall, asker: Asker) -> ToolResult:
        tool = self._meant(call.name)
        name = tool.name if tool else call.name
        record = _Record(asker, call, name)
        ending: Exception | None = None
        try:
            if tool is None:
                raise ToolError(self._unknown(call.name))
            text, is_cached = await self._result(tool, tool.tool_arguments(call.arguments), record)
        except BaseException as error:
            record.failed(error)
            if not _is_told(error):
                raise
            ending = stops_work(error, asker.scope.meters)
            text = cut(_said(name, error), MAX_ERROR)
        else:
            if not tool.result_as_answer:
                text = cut(text, tool.max_result_length)
            record.finished(text, is_cached=is_cached)
            return ToolResult(call, text, is_answer=tool.result_as_answer, tool=name, has_run=record.has_run)
        if ending is not None:
            raise ending
        return ToolResult(call, text, is_error=True, tool=name, has_run=record.has_run)

    async def _result(self, tool: BaseTool, arguments: Arguments, record: _Record) -> tuple[str, bool]:
        """The whole result of a call, and whether it was kept from an earlier one."""

        async def work() -> tuple[str, bool]:
            return await self._called(tool, arguments, record)

        if self._is_caching and arguments.key is not None:
            return await self._shed.once((tool.tool_key(), arguments.key), work)
        return (await work())[0], False

    async def _called(self, tool: BaseTool, arguments: Arguments, record: _Record) -> tuple[str, bool]:
        """Call a tool: its whole result, and whether that is to be kept."""
        if not self._shed.take(tool):
            times = "once" if tool.max_usage_count == 1 else f"{tool.max_usage_count} times"
            raise ToolError(f"{tool.label} may be called {times}, and has been; go on without it")
        record.has_run = True
        value = await _run(tool, arguments)
        return as_text(value), await _is_kept(tool, arguments, value)

    def _meant(self, name: str) -> BaseTool | None:
        """The tool that is offered under a name, else the only one that has it as its own."""
        if name in self._tools:
            return self._tools[name]
        own = [tool for tool in self._tools.values() if tool.name == name]
        return own[0] if len(own) == 1 else None

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
    has_run: bool = False

    def __post_init__(self) -> None:
        self._tell(ToolCallStarted)

    def finished(self, text: str, *, is_cached: bool) -> None:
        seconds = self._charged(source="cache" if is_cached else None)
        self._tell(ToolCallFinished, result=text, seconds=seconds, is_cached=is_cached)

    def failed(self, error: BaseException) -> None:
        text = in_words(error)
        seconds = self._charged(error=text)
        self._tell(ToolCallFailed, error=text, seconds=seconds)

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

    def _tell(self, event: Callable[..., Event], **said: Any) -> None:
        """Tell an event, which is made when somebody listens."""
        asker = self.asker
        if asker.scope.emit is not None:
            who = {"crew": asker.crew, "task": asker.task, "agent": asker.agent}
            asker.scope.tell(event(call=self.number, tool=self.tool, arguments=self.call.arguments, **who, **said))


async def _run(tool: BaseTool, arguments: Arguments) -> Any:
    """Do the work of a tool in the time it has; what it runs in a thread ends then, too, and calls no model any more."""
    if tool.timeout is None:
        return await tool.tool_run(arguments)
    around, ending = current(), too_long(tool.label, tool.timeout)
    account = Account(around.account, keeps_calls=False)
    try:
        with entered(replace(around, endings=(*around.endings, ending), account=account)):
            return await within([ending], lambda: tool.tool_run(arguments))
    except BaseException:
        account.stop()
        raise


async def _is_kept(tool: BaseTool, arguments: Arguments, value: Any) -> bool:
    """Whether a result is to be kept; where its tool cannot say, it is not."""
    if tool.cache_function is None:
        return True
    try:
        return bool(await called(tool.cache_function, dict(arguments.values), value))
    except Exception:  # noqa: BLE001 - a user's function may raise anything; the call itself went well
        _log.warning("the cache_function of %s raised; its result is not kept", tool.label, exc_info=True)
        return False


def _named(tools: Sequence[BaseTool]) -> Iterator[tuple[str, BaseTool]]:
    """The tools under names that are unlike; those of a server are named after it where others have the same name."""
    taken = set[str]()
    wanted = [api_name(tool.name) for tool in tools]
    for tool, short in zip(tools, wanted, strict=True):
        prefix = tool.tool_origin() if wanted.count(short) > 1 else ""
        name = api_name(f"{prefix}_{tool.name}" if prefix else short, taken)
        taken.add(name)
        yield name, tool


def _is_told(error: BaseException) -> bool:
    """Whether a model is told: of what a tool raises, and of one that cancelled itself."""
    is_cancelled = isinstance(error, anyio.get_cancelled_exc_class())
    return isinstance(error, Exception) or (is_cancelled and not is_asked_to_stop(error))


def _said(name: str, error: BaseException) -> str:
    """An error in words for the model."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    text = text_of(error)
    if isinstance(error, CrewgraphError | ArgumentsMisfit):
        return text
    return f"'{name}' failed: {type(error).__name__}: {text}".rstrip(": ")
