"""Limits on calls of models, as a worker keeps them: one thread asks the database for all calls of its process.

Only the first call that waits for a model asks, so that a worker has few questions under way however many calls wait. A
model that nobody limits costs no question: what is limited is read once a second. While the database is away calls of
limited models wait.
"""

from __future__ import annotations

import hashlib
import logging
import math
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from crewgraph.errors import StoreError
from crewgraph.policy import Limit
from crewgraph.store.postgres import connected, translated

__all__ = ["Limiter"]

_log = logging.getLogger("crewgraph.cluster")

REFRESH = 1.0
"""Seconds between two looks at what is limited."""
POLL = 0.2
"""Seconds after which a call asks again that waits for others to end."""
LAPSE = 15.0
"""Seconds after which a call that may begin and does not is passed over: its event loop stands still, or is gone."""
PAUSE = 0.2, 2.0
"""Seconds between attempts to reach a database that went away, at first and at last."""
TABLE = "SELECT model, rpm, tpm, concurrency FROM limits"
PAUSES = (
    "SELECT model, endpoint, extract(epoch FROM until - clock_timestamp()) FROM pauses WHERE until > clock_timestamp()"
)
CLOSE = """INSERT INTO pauses VALUES (%s, %s, clock_timestamp() + make_interval(secs => %s))
           ON CONFLICT (model, endpoint) DO UPDATE SET until = greatest(pauses.until, excluded.until)"""
BEGIN = "SELECT begin_call(%s, %s, %s, %s, %s)"
END = "SELECT end_calls(%s, %s, %s, %s, %s, %s)"
GONE = """DELETE FROM leases WHERE (model, worker) IN (
            SELECT model, worker FROM leases l WHERE worker = %s OR NOT EXISTS (SELECT FROM workers w WHERE w.id = l.worker)
            FOR UPDATE SKIP LOCKED)"""


@dataclass(eq=False, slots=True)
class Call:
    """A call that wants to begin.

    Attributes:
        limiter: keeps its state, under its lock.
        model: which is called.
        place: the model and where it is.
        tokens: what it is expected to take.
        ring: called when there is something new.
        state: it waits for its turn, the database is asked, it may begin at ``start``, it has begun, or it is through.
        start: when it may begin, on :func:`time.monotonic`.
        is_counted: whether the database knows of it.
    """

    limiter: Limiter
    place: tuple[str, str]
    tokens: int
    ring: Callable[[], object]
    state: Literal["waits", "asked", "granted", "begun", "lapsed", "ended"] = "waits"
    start: float = -math.inf
    is_counted: bool = False

    @property
    def model(self) -> str:
        """Which is called."""
        return self.place[0]

    def begin(self) -> float:
        """Begin if it may."""
        return self.limiter.begin(self)

    def end(self, tokens: int | None) -> None:
        """It has ended, or does not begin any more."""
        self.limiter.end(self, tokens)


class Limiter:
    """Keeps the limits that stand in a database, for all calls of this worker.

    Args:
        address: of the database.
        name: of this worker, whose signs of life keep its calls counted.
        dead_after: seconds without one after which its calls count no longer.
    """

    def __init__(self, address: str, name: str, dead_after: float) -> None:
        self._address = address
        self._name = name
        self._dead_after = dead_after
        self._changed = threading.Condition()
        self._is_new = False
        self._is_stopped = False
        self._limits: dict[str, Limit] | None = None
        self._closed = dict[tuple[str, str], float]()
        self._to_close = dict[tuple[str, str], float]()
        self._waiting = defaultdict[str, deque[Call]](deque)
        self._granted = set[Call]()
        self._held = Counter[str]()  # calls under way, and those that may begin
        self._told = Counter[str]()  # as many as the database knows of
        self._owed = defaultdict[str, Counter[str]](Counter)
        self._again = dict[str, float]()  # when to ask again for a model all of whose places are taken
        self._free = set[str]()  # models without limits that were called
        self._refreshed = -math.inf
        self._connection: Any = None
        self._thread = threading.Thread(target=self._work, name="crewgraph limits", daemon=True)

    def start(self) -> None:
        """Read what is limited, and begin.

        Raises:
            StoreError: the database cannot be used.
        """
        self._execute(GONE, self._name)
        self._refresh()
        self._thread.start()

    def stop(self) -> None:
        """End; calls of this worker count no longer."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify()
        self._thread.join(timeout=5)
        self._connection.close()
        try:
            with connected(self._address) as connection, translated(self._address):
                connection.execute(GONE, (self._name,))
        except StoreError as error:
            _log.warning("%s; calls of this worker count until it is taken for dead", error)

    # ---- calls, in any thread ----------------------------------------------------------------------------------

    def ask(self, model: str, endpoint: str, tokens: int, ring: Callable[[], object]) -> Call:
        """Say that a call is the next one of this process."""
        call = Call(self, (model, _digest(endpoint)), tokens, ring)
        with self._changed:
            if self._limits is not None and model not in self._limits:
                self._warn_of(model, self._limits)
                self._grant(call, 0.0)
            else:
                self._wait_for(call)
        return call

    def _warn_of(self, model: str, limits: Iterable[str]) -> None:
        """Tell once of a model that nobody limits, where one is limited that may be the same."""
        if model in self._free:
            return
        self._free.add(model)
        own = _own_name(model)
        meant = next((limited for limited in limits if _own_name(limited) == own), None)
        if meant is not None:
            told = "calls of '%s' are not limited, those of '%s' are. hint: crewgraph limits set %s, if it is the same"
            _log.warning(told, model, meant, model)

    def begin(self, call: Call) -> float:
        """Begin a call if it may; returns 0, or seconds until it should ask again."""
        with self._changed:
            if call.state == "lapsed":
                self._wait_for(call)
            if call.state != "granted":
                return math.inf
            delay = self._start_of(call) - time.monotonic()
            if delay > 0:
                return delay
            call.state = "begun"
            self._granted.discard(call)
            return 0.0

    def end(self, call: Call, tokens: int | None) -> None:
        """A call has ended, or does not begin any more."""
        with self._changed:
            before, call.state = call.state, "ended"
            if before == "begun":
                self._held[call.model] -= 1
                if call.is_counted and tokens is not None:
                    self._owed[call.model]["tokens"] += tokens - call.tokens
                self._tell(call.model)
            elif before == "granted":
                self._take_back(call)
                self._tell(call.model)
            elif before == "waits":
                self._waiting[call.model].remove(call)

    def close(self, model: str, endpoint: str, seconds: float) -> None:
        """Let no worker call a model for a while; one whose name cannot stand in the database is only closed here."""
        place, until = (model, _digest(endpoint)), time.monotonic() + seconds
        with self._changed:
            if until > self._closed.get(place, -math.inf):
                self._closed[place] = until
                if model.isprintable():
                    self._to_close[place] = until
                    self._wake()

    # ---- with the lock -----------------------------------------------------------------------------------------

    def _start_of(self, call: Call) -> float:
        """When a call may begin, as far as is known."""
        return max(call.start, self._closed.get(call.place, -math.inf))

    def _wait_for(self, call: Call) -> None:
        call.state = "waits"
        self._waiting[call.model].append(call)
        self._wake()

    def _grant(self, call: Call, delay: float) -> None:
        call.state, call.start = "granted", time.monotonic() + delay
        self._held[call.model] += 1
        self._granted.add(call)

    def _take_back(self, call: Call) -> None:
        """A call that was granted does not begin: what was counted for it is given back."""
        self._granted.discard(call)
        self._held[call.model] -= 1
        if call.is_counted:
            self._owed[call.model].update(requests=-1, tokens=-call.tokens)
            call.is_counted = False

    def _tell(self, model: str) -> None:
        """Have the database told of calls that ended, if it counts them; who waits for a place may have it now."""
        if self._limits is not None and model in self._limits:
            self._again.pop(model, None)
            self._wake()

    def _wake(self) -> None:
        self._is_new = True
        self._changed.notify()

    # ---- in the thread -----------------------------------------------------------------------------------------

    def _work(self) -> None:
        pause = PAUSE[0]
        while not self._is_stopped:
            try:
                self._step()
                pause = PAUSE[0]
            except Exception as error:  # noqa: BLE001 - the thread must outlive whatever the database says
                _log.warning("%s; calls of models with limits wait until it can", error)
                self._connection.close()
                with self._changed:
                    self._changed.wait_for(lambda: self._is_stopped, pause)
                pause = min(2 * pause, PAUSE[1])
            else:
                with self._changed:
                    soonest = min([self._refreshed + REFRESH, *self._again.values()]) - time.monotonic()
                    self._changed.wait_for(lambda: self._is_new or self._is_stopped, max(0.0, soonest))
                    self._is_new = False

    def _execute(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What a statement gives, each in a transaction of its own."""
        if self._connection is None or self._connection.closed:
            self._connection = connected(self._address)
            with translated(self._address):
                # The last moments of these counts are worth less than waiting for the disk before each call.
                self._connection.execute("SET synchronous_commit TO off")
        with translated(self._address):
            found = self._connection.execute(query, values)
            return found.fetchall() if found.description else []

    def _step(self) -> None:
        if time.monotonic() >= self._refreshed + REFRESH:
            self._refresh()
        with self._changed:
            closing = dict(self._to_close)
        for place, until in closing.items():
            self._execute(CLOSE, *place, max(0.0, until - time.monotonic()))
        self._settle(self._limits or ())
        with self._changed:
            now = time.monotonic()
            self._to_close = {place: until for place, until in self._to_close.items() if closing.get(place) != until}
            self._again = {model: at for model, at in self._again.items() if at > now}
            due = [model for model, calls in self._waiting.items() if calls and model not in self._again]
        for model in due:
            self._admit(model)

    def _refresh(self) -> None:
        """Read what is limited and what is closed; whoever waits by limits of yesterday asks again."""
        limits = {
            model: Limit.model_construct(requests_per_minute=rpm, tokens_per_minute=tpm, concurrency=concurrency)
            for model, rpm, tpm, concurrency in self._execute(TABLE)
        }
        pauses = self._execute(PAUSES)
        with self._changed:
            now, before, self._limits = time.monotonic(), self._limits or {}, limits
            self._refreshed = now
            if before.keys() != limits.keys():
                self._free.clear()
            for model, endpoint, seconds in pauses:
                place = model, endpoint
                self._closed[place] = max(self._closed.get(place, -math.inf), now + float(seconds))
            for call in [call for call in self._granted if call.start > now]:
                if before.get(call.model) != limits.get(call.model):
                    self._take_back(call)
                    call.state = "waits"
                    self._waiting[call.model].appendleft(call)
            for call in [call for call in self._granted if now > self._start_of(call) + LAPSE]:
                self._take_back(call)
                call.state = "lapsed"
            free = [call for model, calls in self._waiting.items() if model not in limits for call in calls]
            for call in free:
                self._waiting[call.model].remove(call)
                self._grant(call, 0.0)
            self._again.clear()
        for call in free:
            call.ring()

    def _settle(self, models: Iterable[str]) -> None:
        """Tell how many calls are under way, and what those that ended took."""
        for model in models:
            with self._changed:
                owed, held = self._owed.pop(model, Counter[str]()), self._held[model]
            if not owed and held == self._told[model]:
                continue
            try:
                self._execute(END, model, self._name, held, owed["requests"], owed["tokens"], self._dead_after)
            except StoreError:
                with self._changed:  # it may have been done; then it counts twice, and what was given back does not
                    self._owed[model].update({key: max(0, value) for key, value in owed.items()})
                raise
            self._told[model] = held

    def _admit(self, model: str) -> None:
        """Ask for the calls that wait for a model, one after the other, until one of them has to wait for others to end."""
        while True:
            with self._changed:
                calls, now = self._waiting[model], time.monotonic()
                call = next((call for call in calls if self._closed.get(call.place, now) <= now), None)
                if call is None:
                    return
                calls.remove(call)
                call.state, held = "asked", self._held[model]
            try:
                ((delay,),) = self._execute(BEGIN, model, self._name, held, call.tokens, self._dead_after)
            except StoreError:
                self._asked(call, None)
                raise
            self._told[model] = held + (delay is not None)
            if not self._asked(call, delay):
                return

    def _asked(self, call: Call, delay: float | None) -> bool:
        """Note what the database said of a call; returns whether it may begin."""
        with self._changed:
            if delay is None:
                self._again[call.model] = time.monotonic() + POLL
                if call.state == "asked":
                    call.state = "waits"
                    self._waiting[call.model].appendleft(call)
                return False
            is_wanted = call.state == "asked"
            call.is_counted = True
            self._grant(call, delay)
            if not is_wanted:  # it was cancelled meanwhile
                self._take_back(call)
                call.state = "ended"
        call.ring()
        return True


def _digest(endpoint: str) -> str:
    """An address by which nobody sees what stands in it."""
    return hashlib.sha256(endpoint.encode("utf-8", "surrogatepass")).hexdigest()[:16] if endpoint else ""


def _own_name(model: str) -> str:
    """The name of a model without who has it: "gpt-5-mini" of "openai/gpt-5-mini" and of "direct/gpt-5-mini"."""
    return model.rpartition("/")[2].lower()
