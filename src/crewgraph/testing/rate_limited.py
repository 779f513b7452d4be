"""A model behind a provider's limits, which notes whoever does not keep them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Unpack

from crewgraph.errors import ModelRateLimited
from crewgraph.llm.port import Reply, Request
from crewgraph.testing.double import Answer, Double, DoubleOptions

__all__ = ["RateLimitedLLM", "Violation"]

MAX_NAMED = 5


@dataclass(frozen=True, slots=True)
class Violation:
    """One call that a provider would have refused.

    Attributes:
        at: when, by the double's clock.
        limit: the limit that it broke, in words.
        request: what was asked.
    """

    at: float
    limit: str
    request: Request


class RateLimitedLLM(Double):
    """A model that refuses calls beyond its limits with status 429, as providers do.

    A refused call counts as none, and says when there will be room again.

    Args:
        requests: how many calls may begin in any span of ``per`` seconds.
        per: the length of that span.
        concurrency: how many calls may be under way at the same time.
        retry_after: whether a refusal says when to come back.
        then: what it answers to the others.
        clock: what time it is, in seconds.
        options: as for every :class:`Double`.

    Attributes:
        violations: every call that it refused.
    """

    name = "rate-limited"

    def __init__(
        self,
        requests: int,
        *,
        per: float = 60.0,
        concurrency: int | None = None,
        retry_after: bool = True,
        then: Answer = "let through",
        clock: Callable[[], float] = time.monotonic,
        **options: Unpack[DoubleOptions],
    ) -> None:
        if requests < 1 or not per > 0:
            raise ValueError(f"requests is at least 1 and per is above 0, not {requests!r} and {per!r}")
        super().__init__(**options)
        self.violations = list[Violation]()
        self._most = requests
        self._per = per
        self._concurrency = concurrency
        self._says_when = retry_after
        self._then = then
        self._clock = clock
        self._begun = deque[float]()
        self._inside = 0

    def assert_kept(self) -> None:
        """Fail the test if a limit was not kept."""
        if not self.violations:
            return
        named = "".join(f"\n  {each.limit} at {each.at:.3f}" for each in self.violations[:MAX_NAMED])
        more = f"\n  … and {len(self.violations) - MAX_NAMED} more" if len(self.violations) > MAX_NAMED else ""
        raise AssertionError(f"{self.model} refused {len(self.violations)} of {self.asked} calls:{named}{more}")

    async def reply(self, request: Request) -> Reply:
        """Answer, or refuse."""
        with self._lock:
            self._admit(request)
            self._inside += 1
        try:
            return await self.must_read(self._then, request)
        finally:
            with self._lock:
                self._inside -= 1

    def _admit(self, request: Request) -> None:
        now = self._clock()
        while self._begun and self._begun[0] <= now - self._per:
            self._begun.popleft()
        if self._concurrency is not None and self._inside >= self._concurrency:
            raise self._refusal(now, f"{self._concurrency} calls at the same time", request, wait=None)
        if len(self._begun) >= self._most:
            wait = self._begun[0] + self._per - now
            raise self._refusal(now, f"{self._most} calls in {self._per:g} s", request, wait=wait)
        self._begun.append(now)

    def _refusal(self, now: float, limit: str, request: Request, *, wait: float | None) -> ModelRateLimited:
        self.violations.append(Violation(now, limit, request))
        retry_after = wait if self._says_when else None
        message = f"{self.model} (HTTP 429): no more than {limit}"
        return ModelRateLimited(message, model=self.model, status=429, retry_after=retry_after)
