"""One gate for each model, for the whole process: how often it is called, by whomever.

In any 60 seconds at most ``requests_per_minute`` calls begin and at most ``tokens_per_minute`` tokens are spent; a log
of the last minute decides, so there is no burst beyond the limit at the border between two minutes. Whoever waits is
let through in the order of arrival, whichever event loop or thread it is in; one whose event loop stands still loses
its place. A provider that asks everybody to wait closes the gate for everybody.

Limits that several processes share stand behind the gate: the first in the queue asks for them.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

import anyio

from crewgraph.policy import Limit
from crewgraph.scope import SharedCall, SharedLimits
from crewgraph.threads import Bell

__all__ = ["Gate", "Log", "Pass", "gate_of"]

WINDOW = 60.5
"""Seconds: a minute, and half a second for requests that take longer to arrive than those before them."""
KEPT = 10_000
"""Calls of the last minute that are remembered of a model that nobody limits, in case somebody does."""
LOOK = 5.0
"""Seconds after which whoever waits looks by itself, and so shows that its event loop runs."""
SILENCE = 15.0
"""Seconds without a look after which a waiter is passed over."""
NO_LIMIT = Limit.model_construct()


@dataclass(eq=False, slots=True)
class Pass:
    """A call that was let through: when, the tokens that it is taken to need, and whether they still count.

    Attributes:
        shared: the same call, as far as other processes count for it too.
    """

    at: float
    tokens: int
    counts: bool = True
    shared: SharedCall | None = None


@dataclass(eq=False, slots=True)
class Turn:
    """A call that wants to be let through."""

    limit: Limit
    tokens: int
    limits: SharedLimits | None
    shared: SharedCall | None = None
    _bell: Bell | None = None

    @property
    def bell(self) -> Bell:
        """Rings when it is worth looking again; made for those who wait, who are few."""
        if self._bell is None:
            self._bell = Bell()
        return self._bell


class Log:
    """The calls of the last minute, and when the next one may begin. Without clock: whoever asks says how late it is.

    Attributes:
        tokens: of all calls that count.
    """

    def __init__(self) -> None:
        self.tokens = 0
        self._passes = deque[Pass]()
        self._kept = KEPT

    def __len__(self) -> int:
        return len(self._passes)

    def add(self, tokens: int, *, now: float) -> Pass:
        """Note that a call begins."""
        entry = Pass(now, tokens)
        self._passes.append(entry)
        self.tokens += tokens
        if len(self._passes) > self._kept:
            self._drop_first()
        return entry

    def correct(self, entry: Pass, tokens: int) -> None:
        """Put right what a call took."""
        if entry.counts:
            self.tokens += tokens - entry.tokens
            entry.tokens = tokens

    def delay(self, limit: Limit, tokens: int, *, now: float) -> float:
        """Seconds until a call of so many tokens may begin; 0 for at once."""
        self.forget(now=now)
        requests, delay = limit.requests_per_minute, 0.0
        if requests is not None:
            self._kept = max(self._kept, requests)
            if len(self._passes) >= requests:
                delay = self._passes[len(self._passes) - requests].at + WINDOW - now
        if limit.tokens_per_minute is not None:
            self._kept = max(self._kept, limit.tokens_per_minute)  # a call has at least one token
            delay = max(delay, self._until_room(limit.tokens_per_minute - tokens, now))
        return delay

    def forget(self, *, now: float) -> None:
        """Drop what is older than a minute."""
        while self._passes and self._passes[0].at <= now - WINDOW:
            self._drop_first()

    def _until_room(self, room: int, now: float) -> float:
        """Seconds until no more than ``room`` tokens count; a call beyond any limit is let through when it is alone."""
        used, delay = self.tokens, 0.0
        for entry in self._passes:
            if used <= max(room, 0):
                break
            used -= entry.tokens
            delay = entry.at + WINDOW - now
        return delay

    def _drop_first(self) -> None:
        first = self._passes.popleft()
        first.counts = False
        self.tokens -= first.tokens


class Gate:
    """Counts the calls of one model and lets them wait.

    Args:
        clock: seconds that only grow, the same for all threads.
        model: the name of the model.
        endpoint: where it is, where it says so.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, model: str = "", endpoint: str = "") -> None:
        self._clock = clock
        self._model = model, endpoint
        self._lock = threading.Lock()
        self._log = Log()
        self._under_way = 0
        self._closed_until = -math.inf
        self._queue = OrderedDict[Bell, float]()  # who waits, in the order of arrival, and when it last looked

    async def enter(self, limit: Limit | None, tokens: int, shared: SharedLimits | None = None) -> Pass:
        """Wait until a call may begin.

        Args:
            limit: what holds for this caller; the calls of all callers count.
            tokens: what the call is expected to take; :meth:`leave` puts it right.
            shared: limits of this caller for which other processes count too.
        """
        if limit is None and shared is None:  # as nearly always: a third of the time of what follows
            entered = self._entered_unlimited(tokens)
            if entered is not None:
                return entered
        turn = Turn(limit or NO_LIMIT, tokens, shared)
        try:
            return self._entered_at_once(turn) or await self._entered(turn)
        except BaseException:
            if turn.shared is not None:
                turn.shared.end(None)
            raise

    def _entered_unlimited(self, tokens: int) -> Pass | None:
        """Let a call through that nothing limits, where the gate is open and nobody waits before it."""
        with self._lock:
            now = self._clock()
            if self._queue or now < self._closed_until:
                return None
            self._under_way += 1
            self._log.forget(now=now)
            return self._log.add(tokens, now=now)

    def _entered_at_once(self, turn: Turn) -> Pass | None:
        with self._lock:
            if self._first() is None and self._delay(turn) <= 0:
                return self._admitted(turn)
            self._queue[turn.bell] = self._clock()
        return None

    async def _entered(self, turn: Turn) -> Pass:
        try:
            return await self._turn_of(turn)
        finally:
            with self._lock:
                self._queue.pop(turn.bell, None)
            self._wake_first()

    async def _turn_of(self, turn: Turn) -> Pass:
        me = turn.bell
        while True:
            heard, delay = me.listen(), LOOK  # before looking, so that nothing happens in between unheard
            with self._lock:
                self._queue[me] = self._clock()  # keeps its place; who was passed over is the last now
                if self._first() is me:
                    delay = self._delay(turn)
                if delay <= 0:
                    return self._admitted(turn)
            with anyio.move_on_after(min(delay, LOOK)):
                await heard.wait()
            me.forget(heard)

    def leave(self, entered: Pass, *, tokens: int | None) -> None:
        """A call has ended; ``tokens`` is what it took, ``None`` where that is not known."""
        with self._lock:
            self._under_way -= 1
            if tokens is not None:
                self._log.correct(entered, tokens)
        if entered.shared is not None:
            entered.shared.end(tokens)
        if self._queue:
            self._wake_first()

    def close_for(self, seconds: float, shared: SharedLimits | None = None) -> None:
        """Let nobody through for a while, because the provider said so; nor in other processes, where they share limits."""
        with self._lock:
            self._closed_until = max(self._closed_until, self._clock() + seconds)
        if shared is not None and seconds > 0:
            shared.close(*self._model, seconds)

    def _wake_first(self) -> None:
        """Let the first in the queue look again; one whose event loop is gone stands in nobody's way."""
        while True:
            with self._lock:
                first = self._first()
            if first is None or first.ring():
                return
            with self._lock:
                self._queue.pop(first, None)

    def _first(self) -> Bell | None:
        """The first in the queue, without those who have not looked for long: nobody waits for a loop that stands still."""
        oldest = self._clock() - SILENCE
        while self._queue:
            first, looked = next(iter(self._queue.items()))
            if looked >= oldest:
                return first
            del self._queue[first]
        return None

    def _admitted(self, turn: Turn) -> Pass:
        self._under_way += 1
        entered = self._log.add(turn.tokens, now=self._clock())
        entered.shared = turn.shared
        return entered

    def _delay(self, turn: Turn) -> float:
        """Seconds until the call may begin as far as is known; infinite where another one has to end first."""
        now, limit = self._clock(), turn.limit
        if limit.concurrency is not None and self._under_way >= limit.concurrency:
            return math.inf
        delay = max(self._closed_until - now, self._log.delay(limit, turn.tokens, now=now))
        if delay > 0 or turn.limits is None:
            return delay
        if turn.shared is None:
            turn.shared = turn.limits.ask(*self._model, turn.tokens, turn.bell.ring)
        return turn.shared.begin()  # the last word: what has begun there is let through here


_gates = dict[tuple[str, str], Gate]()
_gates_lock = threading.Lock()


def gate_of(llm: object) -> Gate:
    """The gate of a model, by its name and, where it says so, its endpoint."""
    model, endpoint = key = str(getattr(llm, "model", "")), str(getattr(llm, "endpoint", None) or "")
    gate = _gates.get(key)
    if gate is None:
        with _gates_lock:
            gate = _gates.setdefault(key, Gate(model=model, endpoint=endpoint))
    return gate


def _forget() -> None:  # pragma: no cover - runs in a child process only
    """After a fork: the calls under way are the parent's, and so may be whoever held a lock."""
    global _gates_lock  # noqa: PLW0603
    _gates_lock = threading.Lock()
    _gates.clear()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows does not fork
    os.register_at_fork(after_in_child=_forget)
