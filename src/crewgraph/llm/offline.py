"""The embedded model for people without a key: deterministic, without network, and no language model.

It answers from a script (rules or a function), else makes up a value of the wanted shape, else says what it is.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from copy import copy
from functools import cache
from typing import Any, cast

import anyio
from pydantic import BaseModel

from crewgraph.llm.offline_schema import made_up
from crewgraph.llm.port import Reply, Request, json_schema
from crewgraph.llm.price import FREE
from crewgraph.outputs import UsageMetrics

__all__ = ["OfflineLLM", "Rule", "Scripted"]

logger = logging.getLogger("crewgraph.llm")

Answer = str | Mapping[str, Any] | BaseModel | Exception | type[Exception]
"""What a script answers: text, a value that becomes JSON, or an exception that is raised."""
Scripted = Answer | Callable[[Request], Answer | Awaitable[Answer | None] | None]
"""An answer, or a function (sync or async) that gives one; ``None`` leaves the request to the next rule."""
Rule = tuple[str | Callable[[Request], bool], Scripted]
"""When, and what: a regular expression over the user's messages (case does not matter), or a function."""

SHORT = 160
"""Characters of the task that a made-up text repeats."""


class OfflineLLM:
    """A model that needs no key and no network, and is not a language model.

    The same request always gets the same answer. Without a script, an answer that must have a shape is made up to
    have it, and any other says in its first words that it comes from no language model.

    Args:
        rules: what to answer when; the first rule that fits wins. A mapping of regular expressions, or pairs.
        answer: one function for all requests that no rule fits.
        seed: another seed makes up other values.
        latency: seconds to wait before each answer.
        model: the name it goes by.
    """

    def __init__(
        self,
        rules: Mapping[str, Scripted] | Iterable[Rule] | None = None,
        *,
        answer: Scripted | None = None,
        seed: int = 0,
        latency: float = 0.0,
        model: str = "offline",
    ) -> None:
        self.model = model
        self.price = FREE
        self.seed = seed
        self.latency = latency
        self._rules = [(_condition(when), then) for when, then in _pairs(rules)]
        if answer is not None:
            self._rules.append((_always, answer))

    async def complete(self, request: Request) -> Reply:
        """Answer from the script, else make something up."""
        await anyio.sleep(self.latency)
        text = await self._scripted(request)
        if text is None:
            _say_what_answers()
            text = self._made_up(request)
        return Reply(text=text, usage=_usage(request, text), finish_reason="stop")

    def __repr__(self) -> str:
        return f"OfflineLLM({len(self._rules)} rules, seed={self.seed})"

    async def _scripted(self, request: Request) -> str | None:
        for applies, scripted in self._rules:
            if applies(request):
                text = _as_text(await _called(scripted, request))
                if text is not None:
                    return text
        return None

    def _made_up(self, request: Request) -> str:
        digest = _digest(request, self.seed)
        if request.schema is not None:
            return made_up(request.schema, seed=int(digest, 16))
        task = _shortened(next((m.content for m in request.messages if m.role == "user"), ""))
        return (
            f"[offline] Not a language model: nothing was understood or looked up (answer {digest[:6]}). Asked: {task}"
        )


def _pairs(rules: Mapping[str, Scripted] | Iterable[Rule] | None) -> Iterable[Rule]:
    if isinstance(rules, Mapping):
        return cast("Mapping[str, Scripted]", rules).items()
    return rules or ()


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


def _as_text(answer: Any) -> str | None:
    match answer:
        case None | str():
            return answer
        case BaseModel():
            return answer.model_dump_json()
        case Exception():
            raise _fresh(answer)
        case type() if issubclass(answer, Exception):
            raise answer
        case _:
            return json.dumps(answer, ensure_ascii=False, default=str)


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
    canonical = json.dumps([said, schema, seed], ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def _usage(request: Request, text: str) -> UsageMetrics:
    """Tokens as a language model would roughly count them: one for four characters, and some for each message."""
    prompt = sum(4 + len(message.content) // 4 for message in request.messages)
    completion = 1 + len(text) // 4
    return UsageMetrics(total_tokens=prompt + completion, prompt_tokens=prompt, completion_tokens=completion)


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHORT else line[: SHORT - 1] + "…"


@cache
def _say_what_answers() -> None:
    logger.warning("answers are made up by the offline model, which is not a language model")
