"""A cache of answers: what was asked before is not asked again. Off unless a ``with`` says otherwise."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from crewgraph.llm.intercept import Asked, Outcome, enter, leave
from crewgraph.llm.port import Reply, ToolCall
from crewgraph.llm.recording.cache_store import MemoryStore, SqliteStore, Store
from crewgraph.llm.recording.fingerprint import as_line, canonical, digest
from crewgraph.llm.secrets import masked
from crewgraph.threads import Bell, called
from crewgraph.usage import UsageMetrics

__all__ = ["ResponseCache"]

_log = logging.getLogger("crewgraph.llm")

COMPLETE = (None, "stop", "tool_calls")
"""Reasons to stop of answers that are whole; another one may be longer the next time."""

_asking: ContextVar[frozenset[str]] = ContextVar("crewgraph cached requests under way", default=frozenset())
"""What this code is asking already: a model that asks the same of another model must not wait for itself."""


class _Flight:
    """A request under way, and those who wait for its answer, in whatever thread or event loop."""

    def __init__(self) -> None:
        self.reply: Reply | None = None
        self.is_given_up = False
        self.has_ended = False
        self._bell = Bell()

    def end(self, reply: Reply | None, *, is_given_up: bool) -> None:
        """Tell everybody: an answer, or that there is none to share, or that whoever asked was cancelled."""
        self.reply, self.is_given_up, self.has_ended = reply, is_given_up, True
        self._bell.ring()

    async def wait(self) -> None:
        """Wait for the end."""
        heard = self._bell.listen()
        try:
            if not self.has_ended:
                await heard.wait()
        finally:
            self._bell.forget(heard)


class ResponseCache:
    """Answers that are kept, for all model calls inside of a ``with``.

    ::

        with crewgraph.ResponseCache("answers.db"):
            pipeline.kickoff(inputs)

    Two requests are the same if model, endpoint, parameters, messages, schema and tools are. Of equal requests under way
    at the same time only one is asked. An answer from here takes no tokens and no money, whatever budget there is; its
    call is marked with the source "cache". Failures are not kept, nor answers that were cut off, nor any that hold
    what looks like a key.

    A model with a temperature gives the first of its answers from then on. Two models with the same name and
    parameters are one model here, so name your own ones apart; one whose ``is_cacheable`` is false is always asked.

    One cache may be used in any number of ``with`` at the same time, and one file by any number of processes.

    Args:
        path: a file of SQLite, made where there is none; in memory where it is left out.
        max_bytes: how much is kept: of what does not fit, the answers that were not used for longest go first.
        max_age: seconds after which an answer is asked for anew.
        everywhere: for the whole process, threads that you start yourself included; else for what is started from
            inside the ``with``.

    Attributes:
        hits: answers that came from here.
        misses: requests that a model was asked.
        saved: what the hits took when they were asked for (``UsageMetrics``).

    Raises:
        CacheError: the file is no cache, or cannot be opened.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        max_bytes: int = 256 * 1024 * 1024,
        max_age: float | None = None,
        everywhere: bool = False,
    ) -> None:
        if type(max_bytes) is not int or max_bytes < 1:
            raise ValueError(f"max_bytes is a whole number of at least 1, not {max_bytes!r}")
        if max_age is not None and not max_age > 0:
            raise ValueError(f"max_age is a number of seconds above 0, or None, not {max_age!r}")
        self.hits = 0
        self.misses = 0
        self.saved = UsageMetrics()
        self._max_age = max_age
        self._everywhere = everywhere
        self._store: Store = MemoryStore(max_bytes) if path is None else SqliteStore(path, max_bytes)
        self._flights = dict[str, _Flight]()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        enter(self, everywhere=self._everywhere)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        leave(self, everywhere=self._everywhere)

    def __repr__(self) -> str:
        return f"<response cache {self._store}: {self.hits} hits, {self.misses} misses>"

    def clear(self) -> None:
        """Forget all answers."""
        self._store.clear()

    def close(self) -> None:
        """Close the file. A cache that was closed can still be asked, and knows nothing."""
        self._store.close()

    async def answer(self, asked: Asked) -> Outcome:
        """Answer from what is kept, else ask, and keep it."""
        if not getattr(asked.llm, "is_cacheable", True):
            return await asked.proceed()
        key = _key(asked)
        if key in _asking.get():
            return await asked.proceed()
        while True:
            with self._lock:
                under_way = self._flights.get(key)
                flight = self._flights.setdefault(key, _Flight())
            if under_way is None:
                return await self._lead(key, flight, asked)
            await flight.wait()
            if flight.reply is not None:
                return self._hit(flight.reply)
            if not flight.is_given_up:  # it failed, which is nobody else's failure
                return await self._ask(key, asked)

    async def _lead(self, key: str, flight: _Flight, asked: Asked) -> Outcome:
        """Find or fetch the answer for all who want it now."""
        shared: Reply | None = None
        is_given_up = True
        try:
            shared = await self._known(key)
            outcome = self._hit(shared) if shared is not None else await self._ask(key, asked)
            shared, is_given_up = shared or _shareable(outcome), False
        except Exception:
            is_given_up = False
            raise
        finally:
            with self._lock:
                del self._flights[key]
            flight.end(shared, is_given_up=is_given_up)
        return outcome

    async def _ask(self, key: str, asked: Asked) -> Outcome:
        token = _asking.set(_asking.get() | {key})
        try:
            outcome = await asked.proceed()
        finally:
            _asking.reset(token)
        with self._lock:
            self.misses += 1
        shareable = _shareable(outcome)
        if shareable is not None:
            await self._stored(self._store.put, key, _written(shareable))
        return outcome

    async def _known(self, key: str) -> Reply | None:
        value: bytes | None = await self._stored(self._store.get, key, self._max_age)
        return None if value is None else _read(value)

    async def _stored(self, work: Callable[..., Any], *args: Any) -> Any:
        return await called(work, *args) if self._store.is_slow else work(*args)

    def _hit(self, reply: Reply) -> Outcome:
        with self._lock:
            self.hits += 1
            self.saved.add_usage_metrics(reply.usage)
        return Outcome(replace(reply, usage=UsageMetrics()), UsageMetrics(successful_requests=1), source="cache")


def _key(asked: Asked) -> str:
    """What makes a request one that was asked before: all that decides about its answer, and who gives it."""
    return digest([getattr(asked.llm, "endpoint", None) or "", canonical(asked.llm, asked.request)])


def _shareable(outcome: Outcome) -> Reply | None:
    """The answer, where it may be given to others; with what it took."""
    reply = outcome.result
    if not isinstance(reply, Reply) or reply.finish_reason not in COMPLETE:
        return None
    said = [reply.text, *(call.arguments for call in reply.calls)]
    if any(masked(text) != text for text in said):
        return None
    return Reply(text=reply.text, usage=outcome.usage, finish_reason=reply.finish_reason, calls=reply.calls)


def _written(reply: Reply) -> bytes:
    calls = [[call.id, call.name, call.arguments] for call in reply.calls]
    return as_line([reply.text, reply.finish_reason, calls, reply.usage.model_dump(exclude_defaults=True)]).encode()


def _read(value: bytes) -> Reply | None:
    try:
        text, finish_reason, calls, usage = json.loads(value)
        told = tuple(ToolCall(*call) for call in calls)
        return Reply(text=text, usage=UsageMetrics(**usage), finish_reason=finish_reason, calls=told)
    except (ValueError, TypeError) as error:
        _log.warning("an entry of the response cache cannot be read: %s", error)
        return None
