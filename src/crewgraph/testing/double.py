"""What all doubles share: they keep what they were asked, and turn whatever a test writes down into an answer."""

from __future__ import annotations

import inspect
import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypedDict

import anyio
from anyio.lowlevel import checkpoint
from pydantic import BaseModel

from crewgraph.errors import ModelError, ScriptEnded
from crewgraph.llm.port import LLM, Reply, Request, ToolCall
from crewgraph.llm.price import Price
from crewgraph.policy import Policy
from crewgraph.usage import UsageMetrics

__all__ = ["Answer", "Double", "DoubleOptions", "call"]

Answer = (
    str
    | Mapping[str, Any]
    | BaseModel
    | ToolCall
    | Sequence[ToolCall]
    | Reply
    | Exception
    | type[Exception]
    | LLM
    | Callable[[Request], Any]
)
"""What a double can be told to answer.

Text; a mapping or a pydantic model, which become JSON; one tool call or several; a whole :class:`Reply`; an exception or
its class, which is raised; another model, which is asked; or a function of the request, sync or async, that gives any
of these.
"""

USAGE = UsageMetrics(total_tokens=10, prompt_tokens=7, completion_tokens=3)
MAX_SHOWN = 200
MAX_NAMED = 10


def call(tool: str, /, **arguments: Any) -> ToolCall:
    """A tool call for a double to answer with: ``call("search", query="rain")``.

    Args:
        tool: the name of the tool.
        arguments: what it is called with; becomes JSON.
    """
    return ToolCall("", tool, json.dumps(arguments, ensure_ascii=False, default=str))


class DoubleOptions(TypedDict, total=False):
    """What every double can be told by keyword; see :class:`Double`."""

    model: str
    usage: UsageMetrics
    price: Price
    policy: Policy
    max_tokens: int
    parameters: Mapping[str, Any]


class Double:
    """A model for tests. The ones to use are its subclasses; one of your own overrides ``reply``.

    One double may serve any number of calls at the same time, in several threads and on asyncio and trio.

    Args:
        model: the name it goes by.
        usage: what every answer takes, where it does not say so itself.
        price: what it costs; unknown where it is left out, as with a real model that nobody knows.
        policy: its own policy, nearer than any other.
        max_tokens: its longest answer, for budgets and limits.
        parameters: what it says of itself to recordings and caches.

    Attributes:
        requests: everything that it was asked, in the order of asking.
        under_way: how many calls it works on now.
        most_at_once: how many it worked on at the same time at most.
        cancelled: how many calls were given up before it answered.
    """

    name = "double"

    def __init__(
        self,
        *,
        model: str | None = None,
        usage: UsageMetrics | None = None,
        price: Price | None = None,
        policy: Policy | None = None,
        max_tokens: int | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> None:
        self.model = model or self.name
        self.usage = USAGE if usage is None else usage
        self.price = price
        self.policy = policy
        self.max_tokens = max_tokens
        self.parameters = dict(parameters or {})
        self.requests = list[Request]()
        self.under_way = 0
        self.most_at_once = 0
        self.cancelled = 0
        self._lock = threading.Lock()

    async def complete(self, request: Request) -> Reply:
        """Answer one request, and keep it."""
        with self._lock:
            self.requests.append(request)
            self.under_way += 1
            self.most_at_once = max(self.most_at_once, self.under_way)
        try:
            reply = await self.reply(request)  # at once: what is asked first gets the first answer
            await checkpoint()
        except anyio.get_cancelled_exc_class():
            with self._lock:
                self.cancelled += 1
            raise
        finally:
            with self._lock:
                self.under_way -= 1
        return reply

    async def reply(self, request: Request) -> Reply:
        """What it answers to one request."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.model!r}, asked {len(self.requests)} times)"

    # ---- what a test asks ----------------------------------------------------------------------------------------

    @property
    def asked(self) -> int:
        """How often it was asked."""
        return len(self.requests)

    def said(self, number: int = -1) -> str:
        """All that was said to it in one request, the last one unless it is told which."""
        return "\n".join(message.content for message in self.requests[number].messages)

    def assert_asked(self, times: int) -> None:
        """Fail the test if it was not asked exactly so often."""
        if self.asked != times:
            raise AssertionError(f"{self.model} was asked {self.asked} times, not {times}{self._asked_what()}")

    def assert_asked_about(self, pattern: str) -> None:
        """Fail the test if no request holds this regular expression; case does not matter."""
        found = re.compile(pattern, re.IGNORECASE)
        if not any(found.search(self.said(number)) for number in range(self.asked)):
            raise AssertionError(f"{self.model} was never asked about {pattern!r}{self._asked_what()}")

    def _asked_what(self) -> str:
        said = [f"\n  {self.shown(request)}" for request in self.requests[:MAX_NAMED]]
        more = f"\n  … and {self.asked - len(said)} more" if self.asked > len(said) else ""
        return "".join([":", *said, more]) if said else ""

    @staticmethod
    def shown(request: Request) -> str:
        """The end of a request in one line."""
        last = " ".join(request.messages[-1].content.split()) if request.messages else "(nothing)"
        return last if len(last) <= MAX_SHOWN else last[: MAX_SHOWN - 1] + "…"

    # ---- answers -------------------------------------------------------------------------------------------------

    async def read(self, answer: Any, request: Request) -> Reply | None:
        """What an answer of a test stands for; ``None`` where a function says that it has none.

        Raises:
            TypeError: it stands for nothing.
        """
        while not isinstance(answer, str | type) and not _is_model(answer) and callable(answer):
            answer = answer(request)
            answer = await answer if inspect.isawaitable(answer) else answer
        if answer is None or isinstance(answer, Reply):
            return answer
        if isinstance(answer, Exception | type):
            raise self._error(answer)
        model: Any = answer
        return await model.complete(request) if _is_model(answer) else self._spelled_out(answer, request)

    def _spelled_out(self, answer: Any, request: Request) -> Reply:
        match answer:
            case str():
                return self._reply(answer)
            case BaseModel():
                return self._reply(answer.model_dump_json())
            case Mapping():
                return self._reply(json.dumps(answer, ensure_ascii=False, default=str))
            case ToolCall():
                return self._calling([answer], request)
            case [*calls]:
                return self._calling(insist_on_calls(calls), request)
            case _:
                raise TypeError(_no_answer(answer))

    async def must_read(self, answer: Any, request: Request) -> Reply:
        """The same where there has to be an answer."""
        reply = await self.read(answer, request)
        if reply is None:
            raise ScriptEnded(
                f"{self.model}: its answer is a function, and that returned None to: {self.shown(request)}"
            )
        return reply

    def _reply(self, text: str) -> Reply:
        return Reply(text=text, usage=self.usage.model_copy(), finish_reason="stop")

    def _calling(self, calls: Sequence[ToolCall], request: Request) -> Reply:
        """Tool calls with an id each, which depends on nothing but the conversation."""
        turn = 1 + sum(bool(message.calls) for message in request.messages)
        named = (replace(each, id=each.id or f"call-{turn}-{place}") for place, each in enumerate(calls, start=1))
        return Reply(calls=tuple(named), usage=self.usage.model_copy(), finish_reason="tool_calls")

    def _error(self, error: Exception | type) -> Exception:
        """An error to raise, a new one each time: one object would collect the tracebacks of all who raise it."""
        if isinstance(error, type):
            if not issubclass(error, Exception):
                raise TypeError(_no_answer(error))
            return self._of_class(error)
        kind = type(error)
        fresh = kind.__new__(kind, *error.args)  # not its __init__, which may take something else
        fresh.__dict__.update(vars(error))
        return fresh

    def _of_class(self, kind: type[Exception]) -> Exception:
        try:
            error = kind(f"{self.model}: {kind.__name__}, as the test wants it")
        except TypeError as trouble:
            message = f"{kind.__name__} is not made of a message alone. hint: give the double one, not the class"
            raise TypeError(message) from trouble
        if isinstance(error, ModelError):
            error.model = self.model
        return error


def insist_on_calls(answer: Sequence[Any]) -> Sequence[ToolCall]:
    """A list as an answer: tool calls, and at least one.

    Raises:
        TypeError: it holds anything else, or nothing.
    """
    if answer and all(isinstance(each, ToolCall) for each in answer):
        return answer
    raise TypeError(_no_answer(answer))


def _is_model(value: Any) -> bool:
    return not isinstance(value, type) and callable(getattr(value, "complete", None))


def _no_answer(value: object) -> str:
    return (
        f"a double cannot answer {value!r}. hint: give it text, a dict, a pydantic model, call(…), a list of them, "
        "a Reply, an exception, a model, or a function of the request that returns one of these; "
        'one answer after the other is ScriptedLLM("a", "b")'
    )
