"""What surrounds a piece of work: who listens, whose policy and budgets apply, and who is charged.

The scope travels in a context variable, so it reaches whatever the work calls: a crew that is a tool of an agent, a
crew that a step calls by hand, a function in a worker thread. Nothing of it is written on definitions.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import monotonic
from typing import NamedTuple, Protocol, TypeVar

import anyio

from crewgraph import trace
from crewgraph.budget import Meter
from crewgraph.errors import BudgetExceeded, DeadlineExceeded
from crewgraph.listeners import by_hand
from crewgraph.outputs import TaskOutput
from crewgraph.policy import UNDECLARED, Budget, Policy
from crewgraph.threads import Home
from crewgraph.usage import Account, Call, UsageMetrics

__all__ = [
    "NEVER",
    "Deferred",
    "Ending",
    "KeptTask",
    "Scope",
    "SharedCall",
    "SharedLimits",
    "TaskLog",
    "budgeted",
    "current",
    "enter",
    "entered",
    "first",
    "is_within",
    "leave",
    "too_long",
    "within",
]

_log = logging.getLogger("crewgraph.engine")

T = TypeVar("T")

Ending = tuple[float, Callable[[], Exception]]
"""When something ends at the latest, on :func:`time.monotonic`, and the error that says why."""
NEVER: Ending = (math.inf, RuntimeError)


class KeptTask(NamedTuple):
    """What a task of the node at work gave before, and what it took then."""

    output: TaskOutput
    usage: UsageMetrics
    calls: Sequence[Call]


class TaskLog(Protocol):
    """Keeps what the tasks of one node give, so that a node that was cut off goes on with its next task."""

    def recall(self, task: int, said: str, before: Sequence[int]) -> KeptTask | None:
        """What a task gave before; ``None`` where it has to be done.

        Args:
            task: its number in the node, counted from 0.
            said: what it is told now, in one line; with other words its answer would be another.
            before: the tasks that have ended before it, each of which was recalled or kept.
        """
        ...

    async def gave(self, task: int, output: TaskOutput, account: Account, *, started: float, ended: float) -> None:
        """Keep what a task gave that could not be recalled; it is on disk when this returns."""
        ...


class SharedCall(Protocol):
    """A call of a model that wants to begin within limits that several processes share."""

    def begin(self) -> float:
        """Begin if it may.

        Returns:
            0 where it has begun, else in how many seconds to ask again; sooner where the bell rings.
        """
        ...

    def end(self, tokens: int | None) -> None:
        """The call has ended and took so many tokens, ``None`` where nobody knows; or it will not begin any more."""
        ...


class SharedLimits(Protocol):
    """Limits on calls of models that several processes share. Its methods return at once, in whichever thread."""

    def ask(self, model: str, endpoint: str, tokens: int, ring: Callable[[], object]) -> SharedCall:
        """Say that a call is the next one of this process.

        Args:
            model: its name.
            endpoint: where it is, where it says so.
            tokens: what it is expected to take.
            ring: called, in any thread, when it should ask again.
        """
        ...

    def close(self, model: str, endpoint: str, seconds: float) -> None:
        """Let nobody call a model for a while, because its provider said so."""
        ...


def _uncounted() -> Account:
    return Account(keeps_calls=False)


@dataclass(slots=True, kw_only=True)
class Scope:
    """What surrounds a piece of work.

    Attributes:
        emit: where events are reported; ``None`` where nobody listens.
        wants_text: whether somebody wants the pieces of an answer as they come.
        policy: what is declared farther away, for what the work itself does not declare.
        meters: the budgets that every call passes, outermost first.
        endings: when all of this ends at the latest, outermost first.
        own: those of the endings that are of the node at work, and not of what surrounds it.
        account: who is charged.
        crew: the name of the crew or node at work, for the records.
        owner: the node at work; one that is called by hand is not.
        home: where ``emit`` is called.
        tasks: keeps what the tasks of the node at work give; ``None`` where nothing is kept of them.
        shared: limits on calls of models that other processes count for too; ``None`` where there are none.
    """

    emit: Callable[[trace.Event], None] | None = None
    wants_text: bool = False
    policy: Policy = UNDECLARED
    meters: Sequence[Meter] = ()
    endings: Sequence[Ending] = ()
    own: Sequence[Ending] = ()
    account: Account = field(default_factory=_uncounted)
    crew: str = ""
    owner: object = None
    home: Home = field(default_factory=Home)
    tasks: TaskLog | None = None
    shared: SharedLimits | None = None

    def tell(self, event: trace.Event) -> None:
        """Report an event where the observer is at home: whoever works in another thread hands it over."""
        if self.emit is not None:
            self.home.call(_told, self.emit, event)

    def charged_to(self, account: Account) -> Scope:
        """The scope of a part of this work, which has an account of its own and of which nothing is kept by itself.

        As ``replace`` would make it, which takes twice as long.
        """
        return Scope(
            emit=self.emit,
            wants_text=self.wants_text,
            policy=self.policy,
            meters=self.meters,
            endings=self.endings,
            own=self.own,
            account=account,
            crew=self.crew,
            owner=self.owner,
            home=self.home,
            shared=self.shared,
        )

    def inside(
        self,
        owner: object,
        name: str,
        *,
        policy: Policy | None,
        budget: Budget | None,
        emit: Callable[[trace.Event], None] | None,
    ) -> Scope:
        """The scope of a node within this one: its own policy before ours, its budget below ours, its own account."""
        nearest = self.policy if policy is None else policy.over(self.policy)
        meters = self.meters
        own: list[Ending] = []
        if nearest.node_timeout is not None:
            own.append(too_long(f"node '{name}'", nearest.node_timeout))
        if budget is not None:
            meter = Meter(budget, f"node '{name}'")
            meters = (*meters, meter)
            own += budgeted([meter])
        return Scope(
            emit=emit,
            wants_text=self.wants_text,
            policy=nearest,
            meters=meters,
            endings=(*self.endings, *own) if own else self.endings,
            own=own,
            account=Account(self.account),
            crew=name,
            owner=owner,
            home=self.home,
            shared=self.shared,
        )


def _told(emit: Callable[[trace.Event], None], event: trace.Event) -> None:
    try:
        emit(event)
    except Exception:  # noqa: BLE001 - whatever an observer raises; it may be called by the event loop itself
        _log.exception("an observer raised; the run goes on")


_LOCK = threading.Lock()
"""One for all: a scope is made once, in microseconds."""


class Deferred:
    """A scope that is made when somebody asks for it: most steps never do.

    Args:
        make: makes the scope, with an account of its own.
        about: what it is called with.

    Attributes:
        made: the scope, if anybody has asked for it.
    """

    __slots__ = ("_about", "_is_closed", "_make", "made")

    def __init__(self, make: Callable[..., Scope], about: tuple[object, ...] = ()) -> None:
        self._make = make
        self._about = about
        self.made: Scope | None = None
        self._is_closed = False

    def scope(self) -> Scope:
        """The scope; threads of one node may ask for it at the same time."""
        with _LOCK:
            if self.made is None:
                self.made = self._make(*self._about)
                if self._is_closed:
                    self.made.account.close()
            return self.made

    def close(self) -> None:
        """The work has ended: close its account, also where it is made only now by a thread that goes on."""
        self._is_closed = True
        if self.made is not None:
            self.made.account.close()


_scope: ContextVar[Scope | Deferred | None] = ContextVar("crewgraph scope", default=None)

enter, leave = _scope.set, _scope.reset
"""As :class:`entered`, at a fifth of its time: ``leave`` takes what ``enter`` gave."""


def current() -> Scope:
    """The scope that this code runs in; one of its own where it was called by hand."""
    found = _scope.get()
    return found.scope() if isinstance(found, Deferred) else found or Scope(emit=by_hand())


def is_within() -> bool:
    """Whether this code runs inside of a run or of a crew's work."""
    return _scope.get() is not None


class entered:  # noqa: N801 - read as a verb; a generator would take three times as long
    """Make a scope the current one for as long as this lasts.

    Args:
        scope: the scope.
    """

    __slots__ = ("_entering", "_token")

    def __init__(self, scope: Scope | Deferred) -> None:
        self._entering = scope

    def __enter__(self) -> Scope | Deferred:
        self._token = _scope.set(self._entering)
        return self._entering

    def __exit__(self, *_: object) -> None:
        _scope.reset(self._token)


def too_long(what: str, seconds: float) -> Ending:
    """The ending of something that may take so many seconds from now."""
    return monotonic() + seconds, lambda: DeadlineExceeded(what, seconds)


def budgeted(meters: Sequence[Meter]) -> list[Ending]:
    """The endings that budgets set."""

    def ending(meter: Meter) -> Ending:
        def error() -> BudgetExceeded:
            return meter.time_is_up()

        return meter.deadline, error

    return [ending(meter) for meter in meters if meter.deadline < math.inf]


def first(endings: Sequence[Ending]) -> Ending:
    """The ending that comes first; of several at once the outermost."""
    return min(endings, key=lambda each: each[0]) if endings else NEVER


async def within(endings: Sequence[Ending], work: Callable[[], Awaitable[T]]) -> T:
    """Do the work, at most until the first of its endings.

    Raises:
        DeadlineExceeded, BudgetExceeded: it was not done by then; the ending says which. What work gives after it was
            stopped counts for nothing.
    """
    if not endings:
        return await work()
    end, error = first(endings)
    with anyio.CancelScope(deadline=anyio.current_time() + end - monotonic()) as scope:
        try:
            done = await work()
        except Exception as reason:
            if scope.cancel_called or monotonic() >= end:  # what was cancelled may say so in words of its own
                raise error() from reason
            raise
        if not scope.cancel_called:  # else it caught the cancellation, and may be half done
            return done
    raise error()
