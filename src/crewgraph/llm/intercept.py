"""Who may answer instead of a model: cassettes and caches, for all calls inside of a ``with``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from crewgraph.llm.port import LLM, Reply, Request

__all__ = ["Interceptor", "Proceed", "intercepted", "intercepting"]

Proceed = Callable[[], Awaitable[Reply]]


class Interceptor(Protocol):
    """Stands before all models.

    Attributes:
        source: how its answers are marked: "cassette" or "cache".
        is_charged: whether its answers count as if the model had given them: tokens, money and budgets.
    """

    source: str
    is_charged: bool

    async def answer(self, llm: LLM, request: Request, proceed: Proceed) -> Reply:
        """Answer a request, or leave it to the model.

        Args:
            llm: the model that is asked.
            request: what.
            proceed: asks it, once.
        """
        ...


_interceptors: ContextVar[tuple[Interceptor, ...]] = ContextVar("crewgraph interceptors", default=())


@contextmanager
def intercepting(interceptor: Interceptor) -> Generator[None]:
    """Let it stand before all models, behind those that stand there already."""
    token = _interceptors.set((*_interceptors.get(), interceptor))
    try:
        yield
    finally:
        _interceptors.reset(token)


async def intercepted(llm: LLM, request: Request, proceed: Proceed) -> tuple[Reply, Interceptor | None]:
    """The answer, and who gave it; ``None`` where it was the model."""
    return await _through(_interceptors.get(), llm, request, proceed)


async def _through(
    chain: tuple[Interceptor, ...], llm: LLM, request: Request, proceed: Proceed
) -> tuple[Reply, Interceptor | None]:
    if not chain:
        return await proceed(), None
    by: Interceptor | None = chain[0]

    async def behind() -> Reply:
        nonlocal by
        reply, by = await _through(chain[1:], llm, request, proceed)
        return reply

    reply = await chain[0].answer(llm, request, behind)
    return reply, by
