"""Limits on calls of models that workers share: how the database counts, how a worker waits, and what the command says."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import accumulate, count
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint
from click.testing import CliRunner

from crewgraph import Agent, Crew, Limit, Pipeline, Task, step
from crewgraph.cli import cli
from crewgraph.cluster import limiter as limiter_module
from crewgraph.cluster.limiter import Limiter
from crewgraph.cluster.limits import Limits, ModelLimit
from crewgraph.cluster.submit import migrate
from crewgraph.cluster.worker import Worker
from crewgraph.errors import StoreError
from crewgraph.llm.gate import Gate
from crewgraph.store.postgres import connected
from crewgraph.testing import ScriptedLLM
from tests.postgres import Server, created, served

pytestmark = pytest.mark.filterwarnings("ignore")
NOON = datetime(2100, 1, 1, 12, tzinfo=UTC)
"""Later than all that the clock of the database says."""
names = (f"t/model-{number}" for number in count())


@pytest.fixture(scope="module")
def server() -> Generator[Server]:
    with served("-c", "fsync=off") as running:
        migrate(created(running.url(), "template"))
        yield running


@pytest.fixture(scope="module")
def store(server: Server) -> str:
    return created(server.url(), "limits", "template")


@pytest.fixture
def connection(store: str) -> Generator[Any]:
    with connected(store) as opened:
        yield opened


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers look often at what is limited."""
    monkeypatch.setattr(limiter_module, "REFRESH", 0.2)


@pytest.fixture
def model() -> str:
    """A model that no other test calls."""
    return next(names)


def alive(connection: Any, *workers: str, beat: object = NOON + timedelta(days=1)) -> None:
    query = "INSERT INTO workers VALUES (%s, 'p', 'v', now(), %s) ON CONFLICT (id, pipeline) DO UPDATE SET beat = excluded.beat"
    for worker in workers:
        connection.execute(query, (worker, beat))


def begun(connection: Any, model: str, tokens: float = 1, *, worker: str = "a", held: int = 0, at: float = 0) -> Any:
    values = model, worker, held, tokens, 30.0, NOON + timedelta(seconds=at)
    ((delay,),) = connection.execute("SELECT begin_call(%s, %s, %s, %s, %s, %s)", values).fetchall()
    return delay


# ---- how the database counts -----------------------------------------------------------------------------------


class Counted:
    """What the database should do: the time at which all that was asked for is over, without levels."""

    def __init__(self, most: int) -> None:
        self.most, self.burst = most, max(1, most // 10)
        self.rate = (most + 1 - self.burst) / 60.5
        self.full_at = -1e9

    def delay(self, needs: float, now: float) -> float:
        return self.full_at + (min(needs, self.most) - self.burst) / self.rate - now

    def add(self, needs: float, start: float) -> None:
        self.full_at = max(self.full_at, start) + needs / self.rate


@pytest.mark.parametrize("seed", range(12))
def test_any_calls(connection: Any, model: str, store: str, seed: int) -> None:
    """Whoever asks when for how much: delays are those of the model, and no minute holds more than the limits."""
    dice = random.Random(seed)
    rpm, tpm = dice.choice([1, 2, 3, 10, 60, 200]), dice.choice([10, 500, 20_000])
    Limits(store).set(model, Limit(requests_per_minute=rpm, tokens_per_minute=tpm))
    connection.execute("UPDATE limits SET counted = %s WHERE model = %s", (NOON, model))
    requests, tokens, now, starts = Counted(rpm), Counted(tpm), 0.0, list[tuple[float, int]]()
    for _ in range(60):
        now += dice.choice([0, 0, 0, dice.uniform(0, 2), dice.uniform(0, 90)])
        needs = dice.choice([1, max(1, tpm // 100), max(1, tpm // 10), max(1, tpm // 3), tpm])
        expected = max(0.0, requests.delay(1, now), tokens.delay(needs, now))
        assert begun(connection, model, needs, at=now) == pytest.approx(expected, abs=1e-3)
        requests.add(1, now + expected)
        tokens.add(needs, now + expected)
        starts.append((now + expected, needs))
    for place, (first, _) in enumerate(starts):
        window = [needs for start, needs in starts[place:] if start < first + 60.49]
        assert len(window) <= rpm
        assert sum(window) <= tpm


def test_a_call_beyond_any_limit_begins_alone(connection: Any, model: str, store: str) -> None:
    """A call that is larger than the limit begins when a minute was empty, and those behind it wait for all of it."""
    Limits(store).set(model, Limit(tokens_per_minute=1000))
    assert begun(connection, model, 5000, at=100) == 0
    assert begun(connection, model, 1, at=100) == pytest.approx(4901 / (901 / 60.5))


def test_what_calls_took_counts(connection: Any, model: str, store: str) -> None:
    """What was estimated too high is given back; what was too low is waited for."""
    Limits(store).set(model, Limit(tokens_per_minute=1000))
    free = lambda: next(state.tokens for state in Limits(store).list() if state.model == model)
    connection.execute("SELECT begin_call(%s, 'a', 0, 90, 30.0)", (model,))
    assert free() in range(10, 30)
    connection.execute("SELECT end_calls(%s, 'a', 0, 0, -80, 30.0)", (model,))
    assert free() in range(90, 101)
    connection.execute("SELECT end_calls(%s, 'a', 0, 0, 500, 30.0)", (model,))
    assert free() == 0


@pytest.mark.parametrize("seed", range(6))
def test_any_workers(connection: Any, model: str, store: str, seed: int) -> None:
    """Whichever workers begin and end calls, no more are under way than the limit, and who waits longest is the next."""
    dice, workers = random.Random(seed), ["a", "b", "c"]
    alive(connection, *workers)
    most = dice.randint(1, 4)
    Limits(store).set(model, Limit(concurrency=most))
    held, waits, now = dict.fromkeys(workers, 0), list[str](), 0.0
    for _ in range(80):
        now += dice.uniform(0, 0.5)
        worker = dice.choice(workers)
        if held[worker] and dice.random() < 0.5:
            held[worker] -= 1
            connection.execute("SELECT end_calls(%s, %s, %s, 0, 0, 30.0)", (model, worker, held[worker]))
        for each in (*(other for other in waits if other != worker), worker):  # who waits asks again and again
            is_free = sum(held.values()) + len(waits[: waits.index(each)] if each in waits else waits) < most
            assert (begun(connection, model, worker=each, held=held[each], at=now) is not None) == is_free
            held[each] += is_free
            waits = [other for other in waits if other != each] if is_free else [*waits, *({each} - set(waits))]
        assert sum(held.values()) <= most


def test_who_stopped_waiting_keeps_nobody_out(connection: Any, model: str, store: str) -> None:
    """A worker that waited for a place and asks no more has lost it two seconds later."""
    alive(connection, "a", "b")
    Limits(store).set(model, Limit(concurrency=1))
    assert begun(connection, model, worker="a") == 0
    assert begun(connection, model, worker="b", at=1) is None
    connection.execute("SELECT end_calls(%s, 'a', 0, 0, 0, 30.0)", (model,))
    assert begun(connection, model, worker="a", at=2) is None
    assert begun(connection, model, worker="a", at=3.5) == 0


def test_the_dead_hold_no_place(connection: Any, model: str, store: str) -> None:
    """Calls of a worker without a sign of life count no more, and count again if it thaws."""
    alive(connection, "a")
    alive(connection, "frozen", beat=NOON)
    Limits(store).set(model, Limit(concurrency=1))
    assert begun(connection, model, worker="frozen", at=1) == 0
    assert begun(connection, model, worker="a", at=29) is None
    assert begun(connection, model, worker="a", at=31) == 0
    alive(connection, "frozen")
    assert begun(connection, model, worker="b", at=32) is None


def test_a_clock_that_is_set_back_stops_nobody(connection: Any, model: str, store: str) -> None:
    """Where the clock of the database jumps back, calls go on by what was counted, and who waited then keeps nobody out."""
    alive(connection, "a", "b", "c")
    Limits(store).set(model, Limit(requests_per_minute=1000, concurrency=1))
    assert begun(connection, model, worker="a", at=3600) == 0
    assert begun(connection, model, worker="b", at=3600) is None
    connection.execute("SELECT end_calls(%s, 'a', 0, 0, 0, 30.0)", (model,))
    assert begun(connection, model, worker="c") == 0
    assert begun(connection, model, worker="c", at=1) == 0


def test_limits_that_change_go_on_counting(connection: Any, model: str, store: str) -> None:
    """What was spent counts under another limit too, and means no more than a minute of waiting."""
    limits = Limits(store)
    limits.set(model, Limit(requests_per_minute=1000))
    for _ in range(100):
        connection.execute("SELECT begin_call(%s, 'a', 0, 1, 30.0)", (model,))
    limits.set(model, Limit(requests_per_minute=900))
    (state,) = [state for state in limits.list() if state.model == model]
    assert state.requests is not None
    assert state.requests < 50
    limits.set(model, Limit(requests_per_minute=2))
    (state,) = [state for state in limits.list() if state.model == model]
    assert 30 < state.delay < 61


# ---- how a worker waits ----------------------------------------------------------------------------------------


@contextmanager
def limiters(store: str, *workers: str, dead_after: float = 30.0) -> Iterator[list[Limiter]]:
    """Limiters as workers of these names have them."""
    with connected(store) as connection:
        alive(connection, *workers)
    made = [Limiter(store, worker, dead_after) for worker in workers]
    for each in made:
        each.start()
    try:
        yield made
    finally:
        for each in made:
            each.stop()


async def call(
    gate: Gate, limiter: Limiter, seconds: float = 0.0, *, done: Callable[[], object] = lambda: None
) -> None:
    entered = await gate.enter(None, 10, limiter)
    try:
        done()
        await anyio.sleep(seconds)
    finally:
        gate.leave(entered, tokens=10)


async def until(is_so: Callable[[], bool]) -> None:
    while not is_so():  # noqa: ASYNC110 - the database rings no bell
        await anyio.sleep(0.02)


def under_way(store: str, model: str) -> int:
    return sum(state.under_way for state in Limits(store).list() if state.model == model)


@pytest.mark.parametrize(("backend", "calls"), [("asyncio", 500), ("trio", 100)])
def test_many_wait_in_order_on_one_connection(
    store: str, model: str, connection: Any, backend: str, calls: int
) -> None:
    """However many calls of a worker wait, they go in the order of arrival, and it has one connection for all of them."""
    order, seen = list[int](), list[int]()
    Limits(store).set(model, Limit(concurrency=10))
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'limits'"
    ((before,),) = connection.execute(query).fetchall()

    def note(number: int) -> None:
        order.append(number)
        if number == calls // 2:
            seen.append(connection.execute(query).fetchall()[0][0] - before)

    async def main(limiter: Limiter) -> None:
        gate = Gate(model=model)
        async with anyio.create_task_group() as tasks:
            for number in range(calls):
                tasks.start_soon(lambda n=number: call(gate, limiter, done=lambda: note(n)))
                if backend == "trio":  # it begins tasks in any order
                    await checkpoint()

    with limiters(store, "a") as (limiter,):
        anyio.run(main, limiter, backend=backend)
    assert sorted(order) == list(range(calls))
    assert max(seen) <= 1
    if backend == "asyncio":
        assert order == list(range(calls))


def test_a_model_without_limit_asks_nothing(store: str, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls of a model that nobody limits send nothing to the database."""
    queries = list[str]()
    execute = Limiter._execute
    monkeypatch.setattr(
        Limiter, "_execute", lambda self, query, *values: queries.append(query) or execute(self, query, *values)
    )

    async def main(limiter: Limiter) -> None:
        gate = Gate(model=model)
        for _ in range(20):
            await call(gate, limiter)

    with limiters(store, "a") as (limiter,):
        anyio.run(main, limiter)
    assert {query for query in queries if "call" in query} == set()


def test_a_name_that_may_be_meant_is_told(store: str, model: str, caplog: pytest.LogCaptureFixture) -> None:
    """A model that is limited by another name is called without limit: that is told once, until limits change."""
    limits = Limits(store)
    limits.set(f"openai/{model}", Limit(requests_per_minute=600))
    with limiters(store, "a") as (worker,):
        for name in (model, model, "direct/other", f"azure/{model}", f"openai/{model}"):
            worker.ask(name, "", 1, lambda: None).end(None)
        told = [record.getMessage() for record in caplog.records]
        assert told == [
            f"calls of '{name}' are not limited, those of 'openai/{model}' are. "
            f"hint: crewgraph limits set {name}, if it is the same"
            for name in (model, f"azure/{model}")
        ]
        caplog.clear()
        limits.set(model, Limit(requests_per_minute=600))
        anyio.run(until, lambda: model in (worker._limits or ()))
        worker.ask(model, "", 1, lambda: None).end(None)
        assert not caplog.records


def test_who_is_cancelled_gives_everything_back(store: str, model: str) -> None:
    """A call that is cancelled while it waits, for its moment or for a place, leaves nothing behind."""
    Limits(store).set(model, Limit(requests_per_minute=1, concurrency=2))

    async def main(limiter: Limiter) -> None:
        gate = Gate(model=model)
        await call(gate, limiter)
        with anyio.move_on_after(1.2 * limiter_module.REFRESH) as waiting:  # a minute too long
            await call(gate, limiter)
        assert waiting.cancelled_caught
        Limits(store).set(model, Limit(concurrency=1))
        await until(lambda: limiter._limits[model].concurrency == 1)
        held = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: call(gate, limiter, 30, done=held.set))
            await held.wait()
            with anyio.move_on_after(0.3):
                await call(gate, limiter)
            tasks.cancel_scope.cancel()
        await until(lambda: under_way(store, model) == 0)
        await call(gate, limiter)

    with limiters(store, "a") as (limiter,):
        anyio.run(main, limiter)


def test_changed_limits_are_followed(store: str, model: str) -> None:
    """A call that waits under one limit goes on when it is raised, and another one when it is removed."""
    limits = Limits(store)
    limits.set(model, Limit(requests_per_minute=1))

    async def main(limiter: Limiter) -> None:
        gate = Gate(model=model)
        await call(gate, limiter)
        for change in (lambda: limits.set(model, Limit(requests_per_minute=10_000)), lambda: limits.remove(model)):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(call, gate, limiter)
                await anyio.sleep(0.1)
                change()
                with anyio.fail_after(60):
                    await call(gate, limiter)
            limits.set(model, Limit(requests_per_minute=1))
            await until(lambda: model in limiter._limits and limiter._limits[model].requests_per_minute == 1)
            with anyio.move_on_after(0.2) as waiting:
                await call(gate, limiter)
                await call(gate, limiter)
            assert waiting.cancelled_caught

    with limiters(store, "a") as (limiter,):
        anyio.run(main, limiter)


@pytest.mark.parametrize("is_limited", [True, False], ids=["limited", "not limited"])
def test_a_provider_closes_a_model_for_all(store: str, model: str, is_limited: bool) -> None:
    """What a provider tells one worker to wait, all workers wait; the same model elsewhere is not closed."""
    if is_limited:
        Limits(store).set(model, Limit(concurrency=5))

    async def main(one: Limiter, other: Limiter) -> None:
        here, there = Gate(model=model, endpoint="http://here\ud800"), Gate(model=model, endpoint="http://there")
        Gate(model=model, endpoint="http://there").close_for(0.3, one)
        for seconds in (60.0, 1.0):  # the longer one counts
            Gate(model=model, endpoint="http://here\ud800").close_for(seconds, one)
        place = other.ask(model, "http://here\ud800", 1, lambda: None).place
        await until(lambda: other._closed.get(place, 0.0) > time.monotonic() + 5)
        (state,) = [state for state in Limits(store).list() if state.model == model]
        assert 1 < state.closed < 60
        assert (state.limit is not None) == is_limited
        with anyio.move_on_after(0.3) as waiting:
            await call(here, other)
        assert waiting.cancelled_caught
        with anyio.fail_after(60):
            await call(there, other)

    with limiters(store, "a", "b") as both:
        anyio.run(main, *both)


def test_a_pause_that_cannot_be_written_is_kept_here(store: str) -> None:
    """A model whose name the database would not take is closed in its own process, and nobody else has to wait."""

    async def main(limiter: Limiter) -> None:
        gate = Gate(model="t/\0")
        gate.close_for(60.0, limiter)
        with anyio.fail_after(60):
            await call(Gate(model="t/other"), limiter)

    with limiters(store, "a") as (limiter,):
        anyio.run(main, limiter)


def test_who_may_begin_and_does_not_is_passed_over(store: str, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call whose event loop stands still loses its place, and asks anew when it goes on."""
    monkeypatch.setattr(limiter_module, "LAPSE", 0.2)
    Limits(store).set(model, Limit(concurrency=1))
    with limiters(store, "a", "b") as (one, other):
        still, gone = (one.ask(model, "", 1, lambda: None) for _ in range(2))
        anyio.run(until, lambda: under_way(store, model) == 1)
        anyio.run(call, Gate(model=model), other)
        while still.begin():
            time.sleep(0.02)
        still.end(1)
        anyio.run(call, Gate(model=model), other)  # after the other one had its turn, and let it pass
        gone.end(None)
        anyio.run(until, lambda: under_way(store, model) == 0)


@pytest.mark.parametrize("is_free", [True, False], ids=["granted", "refused"])
def test_who_is_cancelled_while_the_database_is_asked(
    store: str, model: str, connection: Any, monkeypatch: pytest.MonkeyPatch, is_free: bool
) -> None:
    """What the database grants to a call that is gone meanwhile is given back at once."""
    alive(connection, "b")
    Limits(store).set(model, Limit(concurrency=1))
    if not is_free:
        assert begun(connection, model, worker="b") == 0
    asked, execute, calls = list[str](), Limiter._execute, list[Any]()

    def late(self: Limiter, query: str, *values: Any) -> Any:
        if "begin_call" in query:
            calls[0].end(None)
            asked.append(query)
        return execute(self, query, *values)

    with limiters(store, "a") as (limiter,):
        monkeypatch.setattr(Limiter, "_execute", late)
        with limiter._changed:  # it asks no sooner than this
            calls.append(limiter.ask(model, "", 1, lambda: None))
        anyio.run(until, lambda: bool(asked))
        anyio.run(until, lambda: under_way(store, model) == (not is_free))
        assert not any(limiter._waiting.values())


@pytest.mark.parametrize("what", ["begin_call", "end_calls"])
def test_an_answer_that_is_lost(store: str, model: str, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """Where nobody knows whether the database has counted, places are right afterwards, and nothing is given back twice."""
    Limits(store).set(model, Limit(tokens_per_minute=1000, concurrency=1))
    execute, told, lost = Limiter._execute, list[float](), list[str]()

    def losing(self: Limiter, query: str, *values: Any) -> Any:
        found = execute(self, query, *values)
        if "end_calls" in query:
            told.append(values[4])
        if what in query and (what == "begin_call" or told[-1]) and not lost:
            lost.append(query)
            raise StoreError(store, "the line is dead")
        return found

    async def main(limiter: Limiter) -> None:
        gate = Gate(model=model)
        gate.leave(await gate.enter(None, 50, limiter), tokens=5)
        await call(gate, limiter)  # it has the one place again
        await until(lambda: under_way(store, model) == 0)
        assert [tokens for tokens in told if tokens] == [-45]
        assert lost

    monkeypatch.setattr(Limiter, "_execute", losing)
    with limiters(store, "a") as (limiter,):
        anyio.run(main, limiter)


def test_a_database_that_is_away_is_waited_for(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """While it is away limited calls wait, others do not, and a pause is told later; the log says what is the matter."""
    address = created(server.url(), "away", "template")
    Limits(address).set("t/limited", Limit(concurrency=5))

    async def main(limiter: Limiter) -> None:
        limited, free = Gate(model="t/limited"), Gate(model="t/free")
        under = await limited.enter(None, 10, limiter)
        server.stop("immediate")
        with anyio.fail_after(60):
            await call(free, limiter)
        with anyio.move_on_after(0.5) as waiting:
            await call(limited, limiter)
        assert waiting.cancelled_caught
        limited.leave(under, tokens=5)
        free.close_for(60.0, limiter)
        await anyio.sleep(0.5)
        server.start()
        with anyio.fail_after(60):
            await call(limited, limiter)
        await until(lambda: any(state.model == "t/free" for state in Limits(address).list()))

    with limiters(address, "a") as (limiter,):
        anyio.run(main, limiter)
        server.stop("immediate")
    server.start()
    assert "calls of models with limits wait" in caplog.text
    assert "until it is taken for dead" in caplog.text


def test_a_database_without_tables_is_refused(store: str) -> None:
    """A worker that would count nothing does not begin."""
    with pytest.raises(StoreError, match="crewgraph migrate"):
        Limiter(created(store, "no-tables"), "a", 30.0).start()


# ---- several processes -----------------------------------------------------------------------------------------

PROCESSES = """
import os, sys, threading, time, anyio
from crewgraph.cluster.at_work import AtWork
from crewgraph.cluster.janitor import Janitor
from crewgraph.cluster.limiter import Limiter
from crewgraph.llm.gate import Gate
from crewgraph.store.postgres import connected

store = sys.argv[1]
for worker, often, few, seconds in (("victim", 0, 5, 60.0), ("one", 30, 20, 0.1), ("two", 30, 20, 0.1), ("three", 30, 20, 0.1)):
    if os.fork() == 0:
        break
    if worker == "victim":
        sys.stdin.readline()
else:
    sys.exit(sorted(os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(4)) != [-9, 0, 0, 0])
janitor, limiter, notes = Janitor(store, worker, {"p": "s"}, 30.0, AtWork()), Limiter(store, worker, 30.0), connected(store)

def beat():
    while True:
        janitor.beat()
        time.sleep(0.3)

threading.Thread(target=beat, daemon=True).start()
limiter.start()

def note(model, what):
    query = "INSERT INTO noted VALUES (%s, %s, %s, %s, extract(epoch FROM clock_timestamp()))"
    notes.execute(query, (worker, os.getpid(), model, what))

async def one(gate, model, seconds):
    entered = await gate.enter(None, 10, limiter)
    note(model, "begin")
    await anyio.sleep(seconds)
    note(model, "end")
    gate.leave(entered, tokens=10)

async def main():
    async with anyio.create_task_group() as tasks:
        for model, calls, pause in (("t/often", often, 0.0), ("t/few", few, seconds)):
            gate = Gate(model=model)
            for _ in range(calls):
                tasks.start_soon(one, gate, model, pause)

anyio.run(main)
limiter.stop()
"""


def test_several_processes(store: str, connection: Any) -> None:
    """Three begin no more calls than rate and burst allow, and no more at once than the limit, on the places of one that was killed."""
    often, few = Limit(requests_per_minute=600), Limit(concurrency=5)
    Limits(store).set("t/often", often)
    Limits(store).set("t/few", few)
    connection.execute("CREATE TABLE noted (worker TEXT, pid INTEGER, model TEXT, what TEXT, at DOUBLE PRECISION)")
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    held = "SELECT pid FROM noted WHERE worker = 'victim'"
    with subprocess.Popen([sys.executable, "-c", PROCESSES, store], env=environ, stdin=subprocess.PIPE) as started:
        while len(victim := connection.execute(held).fetchall()) < 5:
            time.sleep(0.05)
            assert started.poll() is None
        os.kill(victim[0][0], signal.SIGKILL)
        connection.execute("UPDATE leases SET dead_after = 0 WHERE worker = 'victim'")
        assert started.communicate(b"the others may begin\n", timeout=60) == (None, None)
        assert started.returncode == 0
    rows = connection.execute("SELECT worker, model, what, at FROM noted ORDER BY at").fetchall()
    begins = [at for _, model, what, at in rows if (model, what) == ("t/often", "begin")]
    for place, first in enumerate(begins):
        for number, last in enumerate(begins[place:], 1):
            assert (
                number <= 60 + (last - first + 1.5) * 541 / 60.5 + 1
            )  # who was let in may be late by a second and a half
    ours = [what for worker, model, what, _ in rows if model == "t/few" and worker != "victim"]
    depths = list(accumulate(1 if what == "begin" else -1 for what in ours))
    assert 1 < max(depths) <= 5
    assert len(ours) == 120


# ---- a whole worker --------------------------------------------------------------------------------------------


def test_a_worker_keeps_the_limits(store: str) -> None:
    """Crews on a worker call no more at once than is set in the database; a kickoff in the same process is not limited."""
    now, wanted, peak = 0, 2, list[int]()

    class Watched(ScriptedLLM):
        async def reply(self, request: Any) -> Any:
            nonlocal now
            now += 1
            peak.append(now)
            try:
                while max(peak) < wanted:  # noqa: ASYNC110 - in two event loops
                    await anyio.sleep(0.01)
                return await super().reply(request)
            finally:
                now -= 1

    llm = Watched("done", repeat=True, model="t/watched")
    crew = Crew(name="desk", agents=[Agent(role="Clerk")], tasks=[Task(description="{n}")], llm=llm)

    @step
    async def by_hand(n: int) -> dict[str, Any]:
        return {"told": (await crew.kickoff_async({"n": n})).raw}

    pipeline = Pipeline([crew, by_hand], name="limited")
    Limits(store).set("t/watched", Limit(concurrency=2))
    worker = Worker(store, {"limited": pipeline})
    worker.start()
    try:
        assert len(pipeline.kickoff([{"n": n} for n in range(12)], store=store)) == 12
        assert max(peak) == 2
        wanted = 3
        pipeline.kickoff([{"n": n} for n in range(12)])
        assert max(peak) > 2
    finally:
        worker.stop(5.0)
    assert under_way(store, "t/watched") == 0


# ---- the command, and the same from Python ---------------------------------------------------------------------


def limits(*words: str, store: str) -> Any:
    return CliRunner().invoke(cli, ["limits", *words, "--store", store])


def test_the_command(server: Server) -> None:
    """`set` keeps what is not said, `none` takes it away, `list` shows it, `remove` ends it."""
    bare = created(server.url(), "bare", "template")
    assert limits("list", store=bare).stdout == "no model is limited in it\n"
    said = limits("set", "openai/one", "--rpm", "1_200", "--concurrency", "3", store=bare)
    assert said.stdout == "openai/one: 1,200 requests a minute, 3 at once\n"
    said = limits("set", "openai/one", "--tpm", "200,000", "--concurrency", "none", store=bare)
    assert said.stdout == "openai/one: 1,200 requests a minute, 200,000 tokens a minute\n"
    limits("set", "openai/two", "--rpm", "1", "--concurrency", "1", store=bare)
    with connected(bare) as connection:
        alive(connection, "a")
        for _ in range(2):
            connection.execute("SELECT begin_call('openai/two', 'a', 0, 1, 30.0)")
        connection.execute("INSERT INTO pauses VALUES ('openai/three', '', clock_timestamp() + interval '1 hour')")
    listed = limits("list", store=bare).stdout.splitlines()
    assert listed[0].split("  ")[0] == "model"
    assert [line.split()[0] for line in listed[1:]] == ["openai/one", "openai/three", "openai/two"]
    assert listed[1].split()[1:] == ["1,200", "200,000", "0", "at", "once"]
    assert "closed by its provider for" in listed[2]
    assert listed[3].endswith("waits for others to end")
    limits("set", "openai/two", "--concurrency", "5", store=bare)
    assert limits("list", store=bare).stdout.splitlines()[3].endswith(" s")
    records = [json.loads(line) for line in limits("list", "--json", store=bare).stdout.splitlines()]
    assert records[0] == {
        "model": "openai/one", "requests_per_minute": 1200, "tokens_per_minute": 200_000, "concurrency": None,
        "under_way": 0, "waiting": 0, "requests": 120, "tokens": 20_000, "delay": 0.0, "closed": 0.0,
    }  # fmt: skip
    assert records[1]["closed"] > 3000
    assert limits("remove", "openai/one", store=bare).exit_code == 0
    assert [state.model for state in Limits(bare).list()] == ["openai/three", "openai/two"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["set", "m"], "hint: --rpm 500"),
        (["set", "m", "--rpm", "0"], "a whole number from 1 on"),
        (["set", "m", "--rpm", "-5"], "a whole number from 1 on"),
        (["set", "m", "--tpm", "1e9"], "a whole number from 1 on"),
        (["set", "m", "--tpm", "٣"], "a whole number from 1 on"),
        (["set", "m", "--concurrency", "9" * 5000], "a whole number from 1 on"),
        (["set", "m", "--concurrency", "\x1b[31m"], "a whole number from 1 on"),
        (["set", "m", "--rpm", "none"], "hint: crewgraph limits remove m"),
        (["set", "", "--rpm", "5"], "is no name of a model"),
        (["set", " m", "--rpm", "5"], "is no name of a model"),
        (["set", "m\0", "--rpm", "5"], "is no name of a model"),
        (["set", "m\ud800", "--rpm", "5"], "is no name of a model"),
        (["set", "openai/*", "--rpm", "5"], "is a pattern"),
        (["remove", "nobody's"], "is not limited in postgresql://127.0.0.1"),
        (["remove", "m\0"], "is no name of a model"),
        (["remove", "'; DROP TABLE limits; --"], "is not limited"),
    ],
)  # fmt: skip
def test_mistakes(store: str, words: list[str], told: str) -> None:
    """A mistake ends with code 2 and says what to write; nothing is set."""
    said = limits(*words, store=store)
    assert (said.exit_code, told in said.stderr, "\x1b" in said.stderr) == (2, True, False), said.stderr
    assert [state for state in Limits(store).list() if state.model == "m"] == []


def test_a_store_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """Limits are shared through a database, and a file is none."""
    said = limits("list", store=str(tmp_path / "runs.sqlite"))
    assert (said.exit_code, "--store postgresql://host/name" in said.stderr) == (2, True)
    with pytest.raises(ValueError, match="postgresql://host/name"):
        Limits("runs.sqlite")


def test_from_python(store: str, model: str) -> None:
    """`set`, `list` and `remove` are there too, and say what is wrong; the address keeps its password."""
    made = Limits(store)
    made.set(model, Limit(concurrency=4))
    assert [state for state in made.list() if state.model == model] == [ModelLimit(model, Limit(concurrency=4))]
    made.remove(model)
    with pytest.raises(KeyError, match=model):
        made.remove(model)
    with pytest.raises(ValueError, match="nothing of"):
        made.set(model, Limit())
    with pytest.raises(ValueError, match="no limit is larger"):
        made.set(model, Limit(concurrency=10**13))
    assert repr(Limits("postgresql://me:secret@here:1/x")) == "Limits('postgresql://here:1/x')"
