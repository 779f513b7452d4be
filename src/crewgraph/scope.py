"""What surrounds a piece of work: who listens, whose policy and budgets apply, and who is charged.

The scope travels in a context variable, so it reaches whatever the work calls: a crew that is a tool of an agent, a
crew that a step calls by hand, a function in a worker thread. Nothing of it is written on definitions.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import TypeVar

import anyio

from crewgraph.budget import Meter
from crewgraph.errors import BudgetExceeded, DeadlineExceeded
from crewgraph.policy import Budget, Policy
from crewgraph.trace import Event
from crewgraph.usage import Account

__all__ = ["Ending", "Scope", "budgeted", "current", "entered", "too_long", "within"]

T = TypeVar("T")

Ending = tuple[float, Callable[[], Exception]]
"""When something ends at the latest, on :func:`time.monotonic`, and the error that says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What surrounds a piece of work.

    Attributes:
        emit: where events are reported; ``None`` where nobody listens.
        wants_text: whether somebody wants the pieces of an answer as they come.
        policy: what is declared farther away, for what the work itself does not declare.
        meters: the budgets that every call passes, outermost first.
        endings: when all of this ends at the latest, beside what the budgets say.
        account: who is charged.
        crew: the name of the crew or node at work, for the records.
        owner: the node at work; one that is called by hand is not.
        thread: where the observer is told.
    """

    emit: Callable[[Event], None] | None = None
    wants_text: bool = False
    policy: Policy = field(default_factory=Policy.model_construct)
    meters: Sequence[Meter] = ()
    endings: Sequence[Ending] = ()
    account: Account = field(default_factory=Account)
    crew: str = ""
    owner: object = None
    thread: int = field(default_factory=threading.get_ident)

    def tell(self, event: Event) -> None:
        """Report an event; only in the thread of the observer, whom nobody made safe for others."""
        if self.emit is not None and threading.get_ident() == self.thread:
            self.emit(event)

    def inside(self, owner: object, name: str, *, policy: Policy | None, budget: Budget | None) -> Scope:
        """The scope of a node within this one: its own policy before ours, its budget below ours, its own account."""
        return replace(
            self,
            policy=policy.over(self.policy) if policy is not None else self.policy,
            meters=(*self.meters, Meter(budget, f"node '{name}'")) if budget is not None else self.meters,
            account=Account(self.account),
            crew=name,
            owner=owner,
        )


_scope: ContextVar[Scope | None] = ContextVar("crewgraph scope", default=None)


def current() -> Scope:
    """The scope that this code runs in; one of its own where it was called by hand."""
    return _scope.get() or Scope()


@contextmanager
def entered(scope: Scope) -> Generator[Scope]:
    """Make a scope the current one."""
    token = _scope.set(scope)
    try:
        yield scope
    finally:
        _scope.reset(token)


def too_long(what: str, seconds: float | None) -> Ending:
    """The ending of something that may take so many seconds from now."""
    return (monotonic() + seconds, lambda: DeadlineExceeded(what, seconds)) if seconds else (math.inf, RuntimeError)


def budgeted(meters: Sequence[Meter]) -> list[Ending]:
    """The endings that budgets set."""

    def ending(meter: Meter) -> Ending:
        def error() -> BudgetExceeded:
            return meter.time_is_up()

        return meter.deadline, error

    return [ending(meter) for meter in meters if meter.deadline < math.inf]


async def within(endings: Sequence[Ending], work: Callable[[], Awaitable[T]]) -> T:
    """Do the work, at most until the first of its endings.

    Raises:
        DeadlineExceeded, BudgetExceeded: it was not done by then; the ending says which.
    """
    end, error = min(endings, key=lambda each: each[0], default=(math.inf, RuntimeError))
    if end == math.inf:
        return await work()
    with anyio.CancelScope(deadline=anyio.current_time() + end - monotonic()) as scope:
        return await work()
    assert scope.cancelled_caught, "work either returns or was cancelled by this scope"
    raise error()
