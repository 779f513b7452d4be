"""One gate for each model, for the whole process: how often it is called, by whomever.

In any 60 seconds at most ``requests_per_minute`` calls begin and at most ``tokens_per_minute`` tokens are spent; a log
of the last minute decides, so there is no burst beyond the limit at the border between two minutes. Whoever waits is
let through in the order of arrival, whichever event loop or thread it is in. A provider that asks everybody to wait
closes the gate for everybody.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from dataclasses import dataclass

import anyio

from crewgraph.policy import Limit
from crewgraph.threads import Bell

__all__ = ["Gate", "Pass", "gate_of"]

WINDOW = 60.5
"""Seconds: a minute, and half a second for requests that take longer to arrive than those before them."""


@dataclass(eq=False, slots=True)
class Pass:
    """A call that was let through: when, and the tokens that it is taken to need."""

    at: float
    tokens: int


class Gate:
    """Counts the calls of one model and lets them wait."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._log = deque[Pass]()
        self._is_limited = False  # until somebody limits this model, nobody pays for a log
        self._under_way = 0
        self._closed_until = -math.inf
        self._queue = deque[Bell]()

    async def enter(self, limit: Limit | None, tokens: int) -> Pass:
        """Wait until a call may begin.

        Args:
            limit: what holds for this caller; the calls of all callers count.
            tokens: what the call is expected to take; :meth:`leave` puts it right.
        """
        limit = limit or NO_LIMIT
        me = Bell()
        with self._lock:
            self._is_limited = self._is_limited or limit is not NO_LIMIT
            if not self._queue and self._delay(limit, tokens) <= 0:
                return self._admitted(tokens)
            self._queue.append(me)
        try:
            while True:
                heard = me.listen()
                with self._lock:
                    delay = self._delay(limit, tokens) if self._queue[0] is me else math.inf
                    if delay <= 0:
                        return self._admitted(tokens)
                with anyio.move_on_after(delay):
                    await heard.wait()
                me.forget(heard)
        finally:
            with self._lock:
                self._queue.remove(me)
            self._wake_next()

    def leave(self, entered: Pass, *, tokens: int | None) -> None:
        """A call has ended; ``tokens`` is what it took, ``None`` where that is not known."""
        with self._lock:
            self._under_way -= 1
            if tokens is not None:
                entered.tokens = tokens
        self._wake_next()

    def close_for(self, seconds: float) -> None:
        """Let nobody through for a while, because the provider said so."""
        with self._lock:
            self._closed_until = max(self._closed_until, time.monotonic() + seconds)

    def _wake_next(self) -> None:
        with self._lock:
            first = self._queue[0] if self._queue else None
        if first is not None:
            first.ring()

    def _admitted(self, tokens: int) -> Pass:
        entered = Pass(time.monotonic(), tokens)
        self._under_way += 1
        if self._is_limited:
            self._log.append(entered)
        return entered

    def _delay(self, limit: Limit, tokens: int) -> float:
        """Seconds until the call may begin as far as is known; infinite where another one has to end first."""
        now = time.monotonic()
        while self._log and self._log[0].at <= now - WINDOW:
            self._log.popleft()
        delay = max(0.0, self._closed_until - now)
        if limit.concurrency is not None and self._under_way >= limit.concurrency:
            return math.inf
        if limit.requests_per_minute is not None and len(self._log) >= limit.requests_per_minute:
            delay = max(delay, self._log[len(self._log) - limit.requests_per_minute].at + WINDOW - now)
        if limit.tokens_per_minute is not None:
            delay = max(delay, self._until_room(limit.tokens_per_minute - tokens, now))
        return delay

    def _until_room(self, room: int, now: float) -> float:
        """Seconds until no more than ``room`` tokens are left in the log; one call alone is always let through."""
        used, delay = sum(each.tokens for each in self._log), 0.0
        for each in self._log:
            if used <= max(room, 0):
                break
            used -= each.tokens
            delay = each.at + WINDOW - now
        return delay


NO_LIMIT = Limit.model_construct()

_gates = dict[str, Gate]()
_gates_lock = threading.Lock()


def gate_of(llm: object) -> Gate:
    """The gate of a model, by its name and, where it says so, its endpoint."""
    key = f"{getattr(llm, 'model', '')} {getattr(llm, 'endpoint', '') or ''}"
    with _gates_lock:
        return _gates.setdefault(key, Gate())
