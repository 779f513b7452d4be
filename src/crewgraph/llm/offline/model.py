"""The embedded model for people without a key: deterministic, without network, and no language model.

It answers from a script (rules or a function), else calls a tool that was mentioned, else makes up a value of the
wanted shape, else says what it is.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import cache
from typing import Any, cast

import anyio
from pydantic import BaseModel

from crewgraph.llm.offline.schema import made_up
from crewgraph.llm.offline.tools import chosen, made, results, since_user
from crewgraph.llm.port import Reply, Request, ToolCall, json_schema
from crewgraph.llm.price import FREE, with_counts
from crewgraph.outputs import UsageMetrics

__all__ = ["OfflineLLM", "Rule", "Scripted"]

logger = logging.getLogger("crewgraph.llm")

Answer = str | Mapping[str, Any] | BaseModel | ToolCall | Sequence[ToolCall] | Reply | Exception | type[Exception]
"""What a script answers: text, a value that becomes JSON, calls of tools, a whole reply, or an exception to raise."""
Scripted = Answer | Callable[[Request], Answer | Awaitable[Answer | None] | None]
"""An answer, or a function (sync or async) that gives one; ``None`` leaves the request to the next rule."""
Rule = tuple[str | Callable[[Request], bool], Scripted]
"""When, and what: a regular expression over the user's messages (case does not matter), or a function."""

SHORT = 160
"""Characters of the task that a made-up text repeats."""
CHARACTERS = 4
"""For one token."""
PIECES = 4
"""In how many pieces an answer is told to whoever listens while it is written."""
PAIR = 2
"""When, and what."""


class OfflineLLM:
    """A model that needs no key and no network, and is not a language model.

    The same request always gets the same answer. Without a script, a tool whose name (or a longer word of it) the user
    mentions is called once, with made-up arguments; an answer that must have a shape is made up to have it, and any
    other says in its first words that it comes from no language model.

    Args:
        rules: what to answer when; the first rule that fits wins. A mapping of regular expressions, or pairs. A rule
            whose tool calls were made since the user last spoke does not fit again; a function as condition can tell
            the result of a tool by the last message.
        answer: one function for all requests that no rule fits.
        seed: another seed makes up other values.
        latency: seconds to wait before each answer.
        model: the name it goes by.
    """

    def __init__(
        self,
        rules: Mapping[str, Any] | Iterable[Rule] | None = None,
        *,
        answer: Scripted | None = None,
        seed: int = 0,
        latency: float = 0.0,
        model: str = "offline",
    ) -> None:
        self.model = model
        self.price = FREE
        self.seed = seed
        self.parameters = {"seed": seed}
        self.latency = latency
        self._rules = [(_condition(when), then) for when, then in _pairs(rules)]
        if answer is not None:
            self._rules.append((_always, answer))

    @property
    def is_cacheable(self) -> bool:
        """Whether its name and seed say what it answers: a script is known to nobody else."""
        return not self._rules

    async def complete(self, request: Request) -> Reply:
        """Answer from the script, else make something up."""
        await anyio.sleep(self.latency)
        answer = await self._scripted(request)
        if answer is None:
            _say_what_answers()
            answer = self._made_up(request)
        reply = _whole(answer, request)
        if request.on_text is not None:
            step = -(-len(reply.text) // PIECES) or 1
            for start in range(0, len(reply.text), step):
                request.on_text(reply.text[start : start + step])
        return reply

    def __repr__(self) -> str:
        return f"OfflineLLM({len(self._rules)} rules, seed={self.seed})"

    async def _scripted(self, request: Request) -> Reply | None:
        for applies, scripted in self._rules:
            if applies(request):
                answer = _read(await _called(scripted, request))
                is_fixed = isinstance(scripted, type) or not callable(scripted)
                if answer is not None and not (is_fixed and _is_done(answer, request)):
                    return answer
        return None

    def _made_up(self, request: Request) -> Reply:
        digest = _digest(request, self.seed)
        if tool := chosen(request):
            return Reply(calls=(made(tool, digest),))
        if request.schema is not None:
            return Reply(text=made_up(request.schema, seed=int(digest, 16)))
        task = _shortened(next((m.content for m in request.messages if m.role == "user"), ""))
        found = "".join(f" A tool gave: {_shortened(text)}" for text in results(request)[-1:])
        return Reply(
            text="[offline] Not a language model: nothing was understood or looked up "
            f"(answer {digest[:6]}). Asked: {task}{found}"
        )


def _pairs(rules: Mapping[str, Any] | Iterable[Rule] | None) -> Iterable[Rule]:
    if isinstance(rules, Mapping):
        return cast("Mapping[str, Any]", rules).items()
    if rules is None:
        return ()
    told: Any = rules
    is_several = isinstance(told, Iterable) and not isinstance(told, str | BaseModel)
    return [_pair(each) for each in (told if is_several else [told])]


def _pair(rule: Any) -> Rule:
    if isinstance(rule, list | tuple) and len(cast("Sequence[Any]", rule)) == PAIR:
        return cast("Rule", rule)
    raise TypeError(
        f'{rule!r} is no rule of an OfflineLLM. hint: say what to answer when, OfflineLLM({{"pattern": "answer"}}), '
        'or to everything, OfflineLLM(answer="…"); crewgraph.testing.ScriptedLLM("a", "b") answers one after the other'
    )


def _condition(when: str | Callable[[Request], bool]) -> Callable[[Request], bool]:
    if callable(when):
        return when
    pattern = re.compile(when, re.IGNORECASE)
    return lambda request: pattern.search(_user_text(request)) is not None


def _always(_: Request) -> bool:
    return True


def _user_text(request: Request) -> str:
    """All that the user said: when an answer is asked for again, the task still decides which rule fits."""
    return "\n".join(message.content for message in request.messages if message.role == "user")


async def _called(scripted: Scripted, request: Request) -> Any:
    if isinstance(scripted, type) or not callable(scripted):
        return scripted
    answer: Any = scripted(request)
    return await answer if inspect.isawaitable(answer) else answer


def _read(answer: Any) -> Reply | None:
    """What a script gave, as a reply."""
    match answer:
        case None | Reply():
            return answer
        case str():
            return Reply(text=answer)
        case ToolCall():
            return Reply(calls=(answer,))
        case list() | tuple() if answer and all(isinstance(each, ToolCall) for each in answer):
            return Reply(calls=tuple(answer))
        case BaseModel():
            return Reply(text=answer.model_dump_json())
        case Exception():
            raise _fresh(answer)
        case type() if issubclass(answer, Exception):
            raise answer
        case _:
            return Reply(text=json.dumps(answer, ensure_ascii=False, default=str))


def _is_done(answer: Reply, request: Request) -> bool:
    """Whether the calls that a fixed rule wants were made since the user last spoke; else it would want them for ever."""
    made_before = {(call.name, call.arguments) for call in since_user(request)}
    return bool(answer.calls) and all((call.name, call.arguments) in made_before for call in answer.calls)


def _whole(answer: Reply, request: Request) -> Reply:
    """A reply with its tokens counted, cut where there is no room for all of it."""
    if answer.finish_reason is not None or answer.usage.total_tokens:
        return answer
    most, reason, text = request.max_tokens, "tool_calls" if answer.calls else "stop", answer.text
    usage = _usage(request, answer)
    if most is not None and usage.completion_tokens > most:
        reason, text = "length", text[: max(CHARACTERS * most - 1, 0)]
        prompt = usage.prompt_tokens
        usage = UsageMetrics(total_tokens=prompt + most, prompt_tokens=prompt, completion_tokens=most)
    return replace(answer, text=text, usage=usage, finish_reason=reason)


def _fresh(error: Exception) -> Exception:
    """A copy to raise: one object that many runs raise would collect the tracebacks and the usage of them all."""
    try:
        return copy(error)
    except TypeError:  # its constructor takes something else than its message
        return error


def _digest(request: Request, seed: int) -> str:
    """A number for a request that no process, platform or run changes; blanks do not count."""
    said = [[message.role, " ".join(message.content.split())] for message in request.messages]
    schema = json_schema(request.schema) if request.schema else None
    more = [[tool.name for tool in request.tools]] if request.tools else []
    canonical = json.dumps([said, schema, seed, *more], ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def _usage(request: Request, answer: Reply) -> UsageMetrics:
    """Tokens as a language model would roughly count them: one for four characters, and some for each message."""
    written = [len(message.content) + _length(message.calls) for message in request.messages]
    tools = sum(len(tool.description) + len(json.dumps(dict(tool.parameters), default=str)) for tool in request.tools)
    prompt = sum(4 + length // CHARACTERS for length in written) + tools // CHARACTERS
    completion = 1 + (len(answer.text) + _length(answer.calls)) // CHARACTERS
    return with_counts(
        UsageMetrics.nothing(), total_tokens=prompt + completion, prompt_tokens=prompt, completion_tokens=completion
    )


def _length(calls: Sequence[ToolCall]) -> int:
    return sum(len(call.name) + len(call.arguments) for call in calls)


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHORT else line[: SHORT - 1] + "…"


@cache
def _say_what_answers() -> None:
    logger.warning("answers are made up by the offline model, which is not a language model")
