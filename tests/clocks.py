"""Time that stands still while anything is to be done: for tests of what happens when time is up.

``@pytest.mark.virtual_time``: when nothing else is to be done the time jumps to the next timer: minutes pass in milliseconds, and a
machine that stands still for a minute is not late. With ``by_hand=True`` it only moves by :func:`jump`: for tests with threads or
stores, for which an event loop waits as it waits for timers.

The time is that of the event loop, of deadlines, of budgets and of limits.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from crewgraph.llm import gate

DEADLINES = ("crewgraph.scope.monotonic", "crewgraph.engine.pool.monotonic", "crewgraph.engine.port.monotonic")


class VirtualLoop(asyncio.SelectorEventLoop):
    """An asyncio loop with the time of a ``MockClock``, which it moves on itself where it should."""

    def __init__(self, clock: MockClock, *, by_hand: bool) -> None:
        self.clock = clock
        self.by_hand = by_hand
        super().__init__()

    def time(self) -> float:
        return self.clock.current_time()

    def _run_once(self) -> None:
        inner: Any = self
        timers: list[Any] = inner._scheduled
        while timers and timers[0]._cancelled:
            inner._timer_cancelled_count -= 1
            heapq.heappop(timers)._scheduled = False
        if not inner._ready and timers and not self.by_hand:
            self.clock.jump(max(0.0, timers[0]._when - self.time()))
        super()._run_once()  # type: ignore[misc]


def virtual(backend: str, clock: MockClock | None = None, *, by_hand: bool = False) -> tuple[str, dict[str, Any]]:
    """A value for the fixture ``anyio_backend``, and what ``anyio.run`` takes."""
    clock = clock or MockClock()
    if backend == "asyncio":
        return backend, {"loop_factory": partial(VirtualLoop, clock, by_hand=by_hand)}
    clock.autojump_threshold = math.inf if by_hand else 0
    return backend, {"clock": clock}


def virtual_everywhere(backend: str, patch: pytest.MonkeyPatch, *, by_hand: bool = False) -> tuple[str, dict[str, Any]]:
    """The same, with deadlines, budgets and limits that go by it."""
    clock = MockClock()
    for name in DEADLINES:
        patch.setattr(name, clock.current_time)
    patch.setattr("crewgraph.budget.time", SimpleNamespace(monotonic=clock.current_time))
    patch.setattr(gate, "_gates", {})
    patch.setattr(gate, "Gate", partial(gate.Gate, clock.current_time))
    return virtual(backend, clock, by_hand=by_hand)


def jump(seconds: float) -> None:
    """Let so much time pass at once, in the running event loop."""
    try:
        loop: Any = asyncio.get_running_loop()
    except RuntimeError:
        clock: Any = trio.lowlevel.current_clock()
    else:
        clock = loop.clock
    clock.jump(seconds)


def between(sooner: float, later: float) -> float:
    """Seconds between two times of such a loop: a difference of floats may be a hair less than what was slept."""
    return round(later - sooner, 6)
