"""Who may answer instead of a model: cassettes and caches, for all calls inside of a ``with``."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from crewgraph.errors import ModelError
from crewgraph.llm.port import LLM, Reply, Request
from crewgraph.usage import UsageMetrics

__all__ = ["Answer", "Asked", "Interceptor", "Outcome", "enter", "intercepted", "intercepting", "leave", "standing"]


@dataclass(slots=True)
class Outcome:
    """What became of one attempt.

    Attributes:
        result: the answer, or why there is none.
        usage: what it took, with its cost where that is known.
        source: who answered where it was not the model: "cassette" or "cache".
    """

    result: Reply | ModelError
    usage: UsageMetrics = field(default_factory=UsageMetrics.nothing)
    source: str | None = None


Answer = Callable[[], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One attempt of a call on its way to the model.

    Attributes:
        llm: the model that is asked.
        request: what.
        proceed: asks it, once. A failure of the model is an outcome; what is raised is no failure of the model.
        counted: gives the answer of somebody else, who is charged as the model would be: it passes the budgets first,
            and is an attempt from then on, also if it is cancelled.
        has_begun: whether there is an attempt to be charged.
    """

    llm: LLM
    request: Request
    proceed: Answer
    counted: Callable[[Answer], Awaitable[Outcome]]
    has_begun: Callable[[], bool]


class Interceptor(Protocol):
    """Stands before all models."""

    async def answer(self, asked: Asked) -> Outcome:
        """Answer a request, or leave it to the model.

        Raises:
            CrewgraphError: the work cannot go on; never a ``ModelError``, which is an outcome.
        """
        ...


_here: ContextVar[tuple[Interceptor, ...]] = ContextVar("crewgraph interceptors", default=())
_everywhere: tuple[Interceptor, ...] = ()
_lock = threading.Lock()


def enter(interceptor: Interceptor, *, everywhere: bool = False) -> None:
    """Let it stand before all models, behind those that stand there already.

    Args:
        interceptor: who.
        everywhere: for the whole process, and before those of a context; else for this context and what it starts.
    """
    global _everywhere  # noqa: PLW0603 - a tuple is read without a lock
    if not everywhere:
        _here.set((*_here.get(), interceptor))
        return
    with _lock:
        _everywhere = (*_everywhere, interceptor)


def leave(interceptor: Interceptor, *, everywhere: bool = False) -> None:
    """Let it stand there no longer; of several times the last one ends."""
    global _everywhere  # noqa: PLW0603
    if not everywhere:
        _here.set(_without(interceptor, _here.get()))
        return
    with _lock:
        _everywhere = _without(interceptor, _everywhere)


def _without(interceptor: Interceptor, chain: tuple[Interceptor, ...]) -> tuple[Interceptor, ...]:
    places = [place for place, each in enumerate(chain) if each is interceptor]
    return (*chain[: places[-1]], *chain[places[-1] + 1 :]) if places else chain


@contextmanager
def intercepting(interceptor: Interceptor, *, everywhere: bool = False) -> Generator[None]:
    """:func:`enter` it for a ``with``."""
    enter(interceptor, everywhere=everywhere)
    try:
        yield
    finally:
        leave(interceptor, everywhere=everywhere)


def standing() -> tuple[Interceptor, ...]:
    """Who stands before all models here, the first first."""
    here = _here.get()
    return (*_everywhere, *here) if here else _everywhere


async def intercepted(asked: Asked) -> Outcome:
    """What becomes of a call: the answer of the first who has one."""
    return await _through(standing(), asked)


async def _through(chain: tuple[Interceptor, ...], asked: Asked) -> Outcome:
    if not chain:
        return await asked.proceed()
    return await chain[0].answer(replace(asked, proceed=partial(_through, chain[1:], asked)))
