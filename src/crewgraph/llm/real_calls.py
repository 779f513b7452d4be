"""Whether real models may be called: a switch for tests, here and for the whole process."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from crewgraph.errors import RealCallForbidden

__all__ = ["allow", "check", "forbid"]

VARIABLE = "CREWGRAPH_NO_REAL_CALLS"
"""An environment variable that holds the reason why real calls are forbidden; processes started from here inherit it."""
ALLOWED = ""
"""In the place of a reason: nothing is forbidden."""

_here: ContextVar[str | None] = ContextVar("crewgraph real calls forbidden", default=None)
_lock = threading.Lock()


@dataclass(frozen=True, eq=False, slots=True)
class _Said:
    """What one block says for the whole process."""

    reason: str


_everywhere = [_Said(ALLOWED)]
"""What holds where a context says nothing: the last entry; one more for each block that is open."""


@contextmanager
def forbid(reason: str, *, everywhere: bool = False) -> Generator[None]:
    """Refuse calls of real models inside of a ``with``.

    Args:
        reason: why, for the error; "" would forbid nothing and is refused.
        everywhere: for the whole process, other threads and event loops included, wherever no nearer ``with`` says
            otherwise; else for this context and what it starts.

    Raises:
        ValueError: there is no reason.
    """
    if not reason:
        message = 'forbid() needs a reason, such as forbid("this test must not call a model")'
        raise ValueError(message)
    with _set(reason, everywhere=everywhere):
        yield


@contextmanager
def allow(*, everywhere: bool = False) -> Generator[None]:
    """Let calls of real models through inside of a ``with``, whatever is forbidden around it."""
    with _set(ALLOWED, everywhere=everywhere):
        yield


def _of_the_process() -> str:
    """What the innermost open block says for the whole process; what the environment says where there is none."""
    last = _everywhere[-1]
    return os.environ.get(VARIABLE, ALLOWED) if last is _everywhere[0] else last.reason


def check(model: str) -> None:
    """Let a call of a real model pass, or not.

    Raises:
        RealCallForbidden: it is forbidden here; names the model and the ways out.
    """
    said = _here.get()
    reason = _of_the_process() if said is None else said
    if reason:
        message = (
            f"{model} was to be called, but {reason}. hint: give the agent a model that answers without a provider, "
            f'such as OfflineLLM({{"pattern": "answer"}}) or llm="offline", or let the call through with '
            "crewgraph.testing.allow_real_calls()"
        )
        raise RealCallForbidden(message)


@contextmanager
def _set(reason: str, *, everywhere: bool) -> Generator[None]:
    if not everywhere:
        token = _here.set(reason)
        try:
            yield
        finally:
            _here.reset(token)
        return
    mine = _Said(reason)
    with _lock:
        _everywhere.append(mine)
    try:
        yield
    finally:
        with _lock:
            _everywhere.remove(mine)  # blocks of several threads need not close in the order in which they opened
