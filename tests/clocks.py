"""Event loops whose time jumps to the next timer when nothing else is to be done: minutes pass in milliseconds."""

from __future__ import annotations

import asyncio
import heapq
from functools import partial
from typing import Any

import anyio
import pytest
from trio.testing import MockClock

from crewgraph.llm import gate


class JumpingLoop(asyncio.SelectorEventLoop):
    """An asyncio loop that never waits for a timer."""

    _skipped = 0.0

    def time(self) -> float:
        return super().time() + self._skipped

    def _run_once(self) -> None:
        inner: Any = self
        timers: list[Any] = inner._scheduled
        while timers and timers[0]._cancelled:
            inner._timer_cancelled_count -= 1
            heapq.heappop(timers)._scheduled = False
        if not inner._ready and timers:
            self._skipped += max(0.0, timers[0]._when - self.time())
        super()._run_once()  # type: ignore[misc]


def between(sooner: float, later: float) -> float:
    """Seconds between two times of such a loop: a difference of floats may be a hair less than what was slept."""
    return round(later - sooner, 6)


def jumping(backend: str) -> tuple[str, dict[str, Any]]:
    """A value for the fixture ``anyio_backend``."""
    if backend == "asyncio":
        return backend, {"loop_factory": JumpingLoop}
    return backend, {"clock": MockClock(autojump_threshold=0)}


def jumping_gates(patch: pytest.MonkeyPatch) -> None:
    """Let the gates of all models go by the clock of the event loop, and begin anew."""
    patch.setattr(gate, "_gates", {})
    patch.setattr(gate, "Gate", partial(gate.Gate, anyio.current_time))
