"""What was spent: tokens, requests and money, counted exactly and added up the same way on every level."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

__all__ = ["Account", "Call", "UsageMetrics", "built", "by", "dollars", "picodollars"]

PICO = 10**12
MONEY = ("picodollars", "unpriced_requests")
"""What a plain dict need not say to be equal to a count of tokens."""


M = TypeVar("M", bound=BaseModel)


def built(kind: type[M], given: set[str], fields: dict[str, Any]) -> M:
    """A model of values that are known to fit: nothing is validated, copied or filled in.

    Args:
        kind: the model, which has no private attributes.
        given: which of the fields count as set.
        fields: all of them; from now on the model's own.
    """
    made = kind.__new__(kind)
    _set(made, "__dict__", fields)
    _set(made, "__pydantic_fields_set__", given)
    _set(made, "__pydantic_extra__", None)
    _set(made, "__pydantic_private__", None)
    return made


_set = object.__setattr__


class UsageMetrics(BaseModel):
    """Tokens, requests and money, counted. Equal to a plain dict of the same numbers; a number left out counts as 0.

    Money is counted in whole picodollars (1e-12 USD), so that sums do not depend on the order of their parts; a plain
    dict that says nothing of money is compared without it.

    Attributes:
        total_tokens, prompt_tokens, cached_prompt_tokens, completion_tokens: as the provider counts them.
        successful_requests, failed_requests: calls of a model, every attempt by itself.
        picodollars: what the calls with a known price cost.
        unpriced_requests: how many calls have a cost that nobody knows.
    """

    model_config = ConfigDict(defer_build=True)  # pydantic's schema machinery is loaded when first needed

    total_tokens: int = 0
    prompt_tokens: int = 0
    cached_prompt_tokens: int = 0
    completion_tokens: int = 0
    successful_requests: int = 0
    failed_requests: int = 0
    picodollars: int = 0
    unpriced_requests: int = 0

    @classmethod
    def nothing(cls) -> UsageMetrics:
        """The empty count: as ``UsageMetrics()``, which is validated."""
        return built(cls, set(), _NOTHING.copy())

    @property
    def cost(self) -> float | None:
        """USD; ``None`` where the cost of at least one call is not known."""
        return None if self.unpriced_requests else self.known_cost

    @property
    def known_cost(self) -> float:
        """USD of the calls whose cost is known: a lower bound where others are not."""
        return self.picodollars / PICO

    @property
    def requests(self) -> int:
        """Calls of a model, the failed ones included."""
        return self.successful_requests + self.failed_requests

    def dollars(self) -> str:
        """The cost for people: ``$0.0123``, ``unknown``, or ``at least $0.0123`` where some calls have no price."""
        known = dollars(self.known_cost)
        if not self.unpriced_requests:
            return known
        return f"at least {known}" if self.picodollars else "unknown"

    def __add__(self, other: UsageMetrics) -> UsageMetrics:
        return UsageMetrics.sum((self, other))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, UsageMetrics):
            return self.__dict__ == other.__dict__
        if isinstance(other, Mapping):
            mine = {name: count for name, count in self.__dict__.items() if name not in MONEY or name in other}
            return dict.fromkeys(mine, 0) | dict(other) == mine
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]  # mutable, as in the ancestor

    def add_usage_metrics(self, usage_metrics: UsageMetrics) -> None:
        """Add another count to this one, in place."""
        own = vars(self)  # pydantic's way to set an attribute takes ten times as long
        for name, count in usage_metrics.__dict__.items():
            if count:
                own[name] += count

    @classmethod
    def sum(cls, parts: Iterable[UsageMetrics]) -> UsageMetrics:
        """The total of several counts."""
        total = UsageMetrics.nothing()
        for part in parts:
            total.add_usage_metrics(part)
        return total


_NOTHING = dict.fromkeys(UsageMetrics.model_fields, 0)


def picodollars(usd: float) -> int:
    """USD as whole picodollars."""
    return round(usd * PICO)


def dollars(usd: float) -> str:
    """USD for people: cents from one dollar on, below it up to four digits that count, and never ``1e-05``."""
    if usd >= 1 or usd <= 0:
        return f"${usd:,.2f}"
    told = f"{usd:.{3 - math.floor(math.log10(usd))}f}"
    while told.endswith("0") and len(told.partition(".")[2]) > 2:  # noqa: PLR2004 - cents
        told = told[:-1]
    return f"${told}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One attempt of a model call, or one call of a tool, as it is kept.

    Attributes:
        kind: "model" or "tool".
        name: the model or the tool.
        crew, task, agent: on whose behalf.
        started: when, in seconds since the epoch.
        seconds: how long it took.
        waited: seconds before it began: for a limit, a budget, or after a failure.
        attempt: 1 for the first time that this model was asked this.
        usage: what it took; the empty count for tools.
        error: class and message of what it raised.
        source: "cassette" or "cache" where nothing was called; "store" where a task that made it was read from a store.
    """

    kind: Literal["model", "tool"]
    name: str
    crew: str = ""
    task: str = ""
    agent: str = ""
    started: float = 0.0
    seconds: float = 0.0
    waited: float = 0.0
    attempt: int = 1
    usage: UsageMetrics = field(default_factory=UsageMetrics)
    error: str | None = None
    source: str | None = None


class Account:
    """What a piece of work has spent so far, and all its calls; charged to whatever it is part of as well.

    Once the work has ended its account is closed: a thread that goes on behind it is charged to what surrounds it only,
    so that a result does not change after somebody has read it.

    Args:
        parent: what it is part of.
        keeps_calls: whether calls are kept, or only added up: what surrounds a stream has no end.

    Attributes:
        usage: the total.
        calls: every call, in the order in which they ended.
        refused: the last error of a budget that had no room for a call of this work.
    """

    def __init__(self, parent: Account | None = None, *, keeps_calls: bool = True) -> None:
        self.usage = UsageMetrics.nothing()
        self.calls: list[Call] = []
        self.refused: Exception | None = None
        self._parent = parent
        self._keeps_calls = keeps_calls
        self._is_open = True
        self._is_stopped = False
        self._lock = threading.Lock()  # a synchronous tool may run a crew in a thread of its own

    def charge(self, call: Call) -> None:
        """Note a call that has ended."""
        with self._lock:
            if self._is_open:
                self.usage.add_usage_metrics(call.usage)
                if self._keeps_calls:
                    self.calls.append(call)
        if self._parent is not None:
            self._parent.charge(call)

    def take_over(self, usage: UsageMetrics, calls: Iterable[Call]) -> None:
        """Note what was paid for before: it is part of this work, and charged to nothing around it."""
        with self._lock:
            self.usage.add_usage_metrics(usage)
            self.calls += calls

    def refuse(self, error: Exception) -> None:
        """Note that a budget had no room for a call, whatever the work makes of it."""
        self.refused = error
        if self._parent is not None:
            self._parent.refuse(error)

    def close(self) -> None:
        """Note nothing more here."""
        with self._lock:
            self._is_open = False

    def stop(self) -> None:
        """Let no further call begin: the work was cut short, and a thread of it may not have noticed."""
        self._is_stopped = True

    @property
    def is_stopped(self) -> bool:
        """Whether this work, or what it is part of, was cut short."""
        return self._is_stopped or (self._parent is not None and self._parent.is_stopped)


def by(key: Callable[[Call], str], calls: Iterable[Call], *, total: UsageMetrics) -> dict[str, UsageMetrics]:
    """A usage added up by agent, model or whatever ``key`` says of its calls; where no call says, it is under ""."""
    sums = dict[str, UsageMetrics]()
    for call in calls:
        if call.kind == "model":
            sums.setdefault(key(call), UsageMetrics()).add_usage_metrics(call.usage)
    if not sums and total != UsageMetrics():  # of a foreign crew, which tells no calls
        sums[""] = total.model_copy()
    return sums
