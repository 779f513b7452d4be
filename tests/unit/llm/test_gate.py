from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace

import anyio
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given
from hypothesis import strategies as st

from crewgraph.llm.gate import KEPT, SILENCE, WINDOW, Gate, Log, Pass, gate_of
from crewgraph.policy import Limit
from tests.clocks import between, virtual

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]

MINUTE = 60.0
BACKENDS = ["asyncio", "trio"]


def most(amounts: list[tuple[float, int]], *, within: float = MINUTE) -> int:
    """The largest sum of amounts in any span of time, whose end does not belong to it."""
    return max(
        (sum(n for at, n in amounts if start <= at < start + within) for start, _ in amounts),
        default=0,
    )


class TestLog:
    """The decisions alone: no clock, no tasks."""

    HALVES = st.integers(0, 160).map(lambda n: n / 2)

    @staticmethod
    def oracle(history: list[Pass], limit: Limit, tokens: int, now: float) -> float:
        """When a call may begin, found by trying every moment at which an earlier one stops to count."""
        for at in sorted({now} | {each.at + WINDOW for each in history if each.at + WINDOW > now}):
            recent = [each for each in history if each.at > at - WINDOW]
            few = limit.requests_per_minute is None or len(recent) < limit.requests_per_minute
            used = sum(each.tokens for each in recent)
            small = limit.tokens_per_minute is None or used + tokens <= limit.tokens_per_minute or not used
            if few and small:
                return at - now
        raise AssertionError("once nothing counts any more, everything is let through")

    @given(
        limit=st.builds(
            Limit,
            requests_per_minute=st.none() | st.integers(1, 5),
            tokens_per_minute=st.none() | st.integers(1, 60),
        ),
        calls=st.lists(st.tuples(HALVES, st.integers(1, 40), st.none() | st.integers(1, 60)), max_size=30),
    )
    def test_against_an_oracle(self, limit: Limit, calls: list[tuple[float, int, int | None]]) -> None:
        """The log lets a call begin exactly when trying out all moments says so, whatever calls took in the end."""
        log, history, now = Log(), list[Pass](), 0.0
        for gap, tokens, took in calls:
            now += gap
            delay = log.delay(limit, tokens, now=now)
            assert delay == self.oracle(history, limit, tokens, now)
            now += delay
            assert log.delay(limit, tokens, now=now) <= 0
            history.append(log.add(tokens, now=now))
            if took is not None:
                log.correct(history[-1], took)
        assert log.tokens == sum(each.tokens for each in history if each.at > now - WINDOW)

    @given(
        requests=st.integers(1, 6),
        tokens=st.integers(10, 60),
        calls=st.lists(st.tuples(HALVES, st.integers(1, 10)), max_size=40),
    )
    def test_no_minute_holds_more(self, requests: int, tokens: int, calls: list[tuple[float, int]]) -> None:
        """In any 60 seconds no more than the limit begins."""
        limit, log, now = Limit(requests_per_minute=requests, tokens_per_minute=tokens), Log(), 0.0
        begun = list[tuple[float, int]]()
        for gap, size in calls:
            now += gap
            now += log.delay(limit, size, now=now)
            log.add(size, now=now)
            begun.append((now, size))
        assert most([(at, 1) for at, _ in begun]) <= requests
        assert most(begun) <= tokens

    def test_thousands_of_arrivals(self) -> None:
        """The limit holds over an hour of bursts and lulls, and is used to the full where there is work."""
        limit, log, now, dice = Limit(requests_per_minute=100), Log(), 0.0, random.Random(3)
        begun = list[tuple[float, int]]()
        for _ in range(5_000):
            now += dice.choice([0, 0, 1, dice.randrange(128)]) / 64
            while (wait := log.delay(limit, 1, now=now)) > 0:
                now += wait
            log.add(1, now=now)
            begun.append((now, 1))
            assert len(log) <= 100
        assert most(begun[:1500]) == most(begun[-1500:]) == 100

    def test_a_call_larger_than_the_limit(self) -> None:
        """A call that could never fit is let through alone: refusing it for ever helps nobody."""
        limit, log = Limit(tokens_per_minute=10), Log()
        log.add(3, now=0)
        assert log.delay(limit, 50, now=1) == WINDOW - 1
        log.add(50, now=WINDOW)
        assert log.delay(limit, 1, now=WINDOW + 1) == WINDOW - 1

    def test_correction_after_a_minute(self) -> None:
        """What a call took does not count any more when it ends after a minute."""
        log = Log()
        entry = log.add(5, now=0)
        assert log.delay(Limit(tokens_per_minute=5), 5, now=WINDOW) == 0
        log.correct(entry, 1_000)
        assert log.tokens == 0

    def test_memory(self) -> None:
        """The log of a model that nobody limits stays small; a larger limit makes room for what it has to know."""
        log = Log()
        for _ in range(KEPT + 10):
            log.add(1, now=0)
        assert (len(log), log.tokens) == (KEPT, KEPT)
        assert log.delay(Limit(requests_per_minute=KEPT + 5), 1, now=1) == 0
        for _ in range(10):
            log.add(1, now=1)
        assert len(log) == KEPT + 5
        assert log.delay(Limit(requests_per_minute=KEPT + 5), 1, now=1) > 0


async def others_run() -> None:
    """Let everybody come as far as they can; trio runs them in any order."""
    for _ in range(3):
        await checkpoint()


@asynccontextmanager
async def through(gate: Gate, limit: Limit | None, tokens: int = 1, took: int | None = None) -> AsyncIterator[Pass]:
    """One call."""
    entered = await gate.enter(limit, tokens)
    try:
        yield entered
    finally:
        gate.leave(entered, tokens=took)


async def test_nobody_waits_without_a_limit() -> None:
    """Without limits all calls are under way at once."""
    gate, start = Gate(anyio.current_time), anyio.current_time()

    async def one() -> None:
        async with through(gate, None):
            await anyio.sleep(10)

    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(one)
    assert between(start, anyio.current_time()) < 11


async def test_requests() -> None:
    """Calls beyond the limit wait until the minute of the first ones is over."""
    gate, start, times = Gate(anyio.current_time), anyio.current_time(), list[float]()

    async def one() -> None:
        async with through(gate, Limit(requests_per_minute=10)):
            times.append(between(start, anyio.current_time()))

    async with anyio.create_task_group() as tasks:
        for _ in range(25):
            tasks.start_soon(one)
    assert [round(at / WINDOW, 1) for at in times] == [0] * 10 + [1] * 10 + [2] * 5


async def test_order_of_arrival() -> None:
    """Whoever came first goes first, also if a smaller call behind would fit."""
    gate, order = Gate(anyio.current_time), list[str]()

    async def one(name: str, tokens: int) -> None:
        async with through(gate, Limit(tokens_per_minute=10, concurrency=2), tokens):
            order.append(name)

    async with anyio.create_task_group() as tasks:
        for name, tokens in (("a", 8), ("large", 9), ("small", 1), ("b", 1)):
            tasks.start_soon(one, name, tokens)
            await others_run()
    assert order == ["a", "large", "small", "b"]


async def test_concurrency() -> None:
    """Never more calls at a time than the limit, and always as many while others wait."""
    gate, under_way, seen = Gate(anyio.current_time), 0, list[int]()

    async def one() -> None:
        nonlocal under_way
        async with through(gate, Limit(concurrency=3)):
            under_way += 1
            seen.append(under_way)
            await anyio.sleep(1)
            under_way -= 1

    start = anyio.current_time()
    async with anyio.create_task_group() as tasks:
        for _ in range(12):
            tasks.start_soon(one)
    assert max(seen) == 3
    assert 4 <= between(start, anyio.current_time()) < 4.5


async def test_what_a_call_took_counts() -> None:
    """A call that took less than expected lets the next one in at once; one that took more keeps it out."""
    gate, limit, start = Gate(anyio.current_time), Limit(tokens_per_minute=100), anyio.current_time()
    async with through(gate, limit, 90, took=10):
        pass
    async with through(gate, limit, 90, took=200):
        pass
    assert between(start, anyio.current_time()) < 1
    async with through(gate, limit, 90):
        assert between(start, anyio.current_time()) >= WINDOW


async def test_a_shorter_answer_wakes_who_waits() -> None:
    """Whoever waits for tokens goes on when a call under way turns out to take few."""
    gate, limit, start = Gate(anyio.current_time), Limit(tokens_per_minute=100), anyio.current_time()

    async def short() -> None:
        async with through(gate, limit, 90, took=10):
            await anyio.sleep(5)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(short)
        await others_run()
        async with through(gate, limit, 50):
            assert 5 <= between(start, anyio.current_time()) < 6


async def test_calls_without_limit_count() -> None:
    """Calls of somebody who declares no limit count for somebody who does, also those before."""
    gate, start = Gate(anyio.current_time), anyio.current_time()
    for _ in range(2):
        async with through(gate, None):
            pass
    async with through(gate, Limit(requests_per_minute=2)):
        assert between(start, anyio.current_time()) >= WINDOW


async def test_the_provider_closes_the_gate() -> None:
    """A pause that the provider asks for holds for everybody: those who wait, and those who come."""
    gate, start = Gate(anyio.current_time), anyio.current_time()
    times = list[float]()

    async def one() -> None:
        async with through(gate, Limit(concurrency=1)):
            times.append(between(start, anyio.current_time()))
            gate.close_for(7)
            gate.close_for(5)  # does not open it earlier

    async with anyio.create_task_group() as tasks:
        for _ in range(2):
            tasks.start_soon(one)
    async with through(gate, None):
        times.append(between(start, anyio.current_time()))
    assert [round(at) for at in times] == [0, 7, 14]


@pytest.mark.parametrize("victims", [[0], [2], [0, 1], [0, 2, 4], [4]], ids=str)
async def test_cancelled_waiters(victims: list[int]) -> None:
    """Whoever stops waiting, first or in the middle, takes nobody's turn and no place with them."""
    gate, order, scopes = Gate(anyio.current_time), list[int](), [anyio.CancelScope() for _ in range(5)]

    async def one(number: int) -> None:
        with scopes[number]:
            async with through(gate, Limit(concurrency=1)):
                order.append(number)

    async with anyio.create_task_group() as tasks, through(gate, Limit(concurrency=1)):
        for number in range(5):
            tasks.start_soon(one, number)
            await others_run()
        for number in victims:
            scopes[number].cancel()
        await others_run()
    assert order == [number for number in range(5) if number not in victims]
    async with through(gate, Limit(concurrency=1)):
        pass


async def test_cancelled_as_the_turn_comes() -> None:
    """Who is cancelled in the very moment in which a place becomes free hands the turn on."""
    gate, came = Gate(anyio.current_time), list[str]()
    first = anyio.CancelScope()

    async def one(name: str, scope: anyio.CancelScope) -> None:
        with scope:
            async with through(gate, Limit(concurrency=1)):
                came.append(name)

    async with anyio.create_task_group() as tasks:
        entered = await gate.enter(Limit(concurrency=1), 1)
        tasks.start_soon(one, "a", first)
        await others_run()
        tasks.start_soon(one, "b", anyio.CancelScope())
        await others_run()
        gate.leave(entered, tokens=None)
        first.cancel()
    assert came == ["b"]


@given(
    limit=st.builds(
        Limit,
        requests_per_minute=st.none() | st.integers(1, 4),
        tokens_per_minute=st.none() | st.integers(20, 60),
        concurrency=st.none() | st.integers(1, 3),
    ),
    callers=st.lists(
        st.tuples(st.integers(0, 30), st.integers(1, 20), st.integers(0, 5), st.booleans()), min_size=1, max_size=12
    ),
)
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_any_callers(backend: str, limit: Limit, callers: list[tuple[int, int, int, bool]]) -> None:
    """Whoever comes, stays and leaves when: limits hold, nobody waits for ever, the order is that of arrival."""
    arrived, begun, under_way, peak = list[int](), list[tuple[float, int]](), 0, 0
    let_in = list[int]()

    async def one(gate: Gate, number: int, tokens: int, stay: int, *, gives_up: bool) -> None:
        nonlocal under_way, peak
        arrived.append(number)
        with anyio.move_on_after(3 if gives_up else 10_000):
            async with through(gate, limit, tokens):
                let_in.append(number)
                begun.append((anyio.current_time(), tokens))
                under_way += 1
                peak = max(peak, under_way)
                try:
                    await anyio.sleep(stay)
                finally:
                    under_way -= 1

    async def main() -> None:
        gate = Gate(anyio.current_time)
        async with anyio.create_task_group() as tasks:
            for number, (gap, tokens, stay, gives_up) in enumerate(callers):
                await anyio.sleep(gap)
                task = lambda n=number, t=tokens, s=stay, g=gives_up: one(gate, n, t, s, gives_up=g)
                tasks.start_soon(task)
                await others_run()

    name, options = virtual(backend)
    anyio.run(main, backend=name, backend_options=options)
    assert {number for number, each in enumerate(callers) if not each[3]} <= set(let_in)
    assert let_in == [number for number in arrived if number in set(let_in)]
    assert peak <= (limit.concurrency or peak)
    assert most([(at, 1) for at, _ in begun]) <= (limit.requests_per_minute or len(callers))
    assert most(begun) <= (limit.tokens_per_minute or 10**6)


def test_threads_with_loops_of_their_own() -> None:
    """Callers in several threads, on asyncio and on trio, share one gate; no place is given twice, no turn lost."""
    gate, lock, under_way, peak, done = Gate(), threading.Lock(), 0, 0, 0

    async def caller() -> None:
        nonlocal under_way, peak, done
        for _ in range(10):
            async with through(gate, Limit(concurrency=3)):
                with lock:
                    under_way += 1
                    peak = max(peak, under_way)
                await checkpoint()
                with lock:
                    under_way -= 1
                    done += 1

    async def callers() -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(caller)

    threads = [threading.Thread(target=anyio.run, args=[callers], kwargs={"backend": name}) for name in BACKENDS * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(100)
    assert (done, under_way) == (len(threads) * 50, 0)
    assert 1 < peak <= 3


def test_an_event_loop_that_is_gone() -> None:
    """A waiter whose event loop was closed under it does not keep the others out."""
    gate, limit = Gate(), Limit(concurrency=1)

    entered = anyio.run(gate.enter, limit, 1)
    loop = asyncio.new_event_loop()
    task = loop.create_task(gate.enter(limit, 1))  # type: ignore[arg-type]
    loop.call_later(0.01, loop.stop)
    loop.run_forever()
    loop.close()
    gate.leave(entered, tokens=None)

    async def quick() -> None:
        with anyio.fail_after(60):
            async with through(gate, limit):
                pass

    anyio.run(quick)
    task._log_destroy_pending = False  # type: ignore[attr-defined]


def test_a_dead_waiter_with_a_date() -> None:
    """The same where the dead one would have looked again by itself: a newcomer notices that it did not."""
    now = 0.0
    gate, limit = Gate(lambda: now), Limit(requests_per_minute=1)
    gate.leave(anyio.run(gate.enter, limit, 1), tokens=None)
    loop = asyncio.new_event_loop()
    task = loop.create_task(gate.enter(limit, 1))  # type: ignore[arg-type]
    loop.call_later(0.01, loop.stop)
    loop.run_forever()
    loop.close()
    now = 2 * WINDOW

    async def quick() -> None:
        with anyio.fail_after(60):
            async with through(gate, limit):
                pass

    anyio.run(quick)
    task._log_destroy_pending = False  # type: ignore[attr-defined]


def test_an_event_loop_that_stands_still() -> None:
    """A waiter whose event loop is not run loses its place after a while; when it is run again, its turn comes."""
    now = 0.0
    gate, limit = Gate(lambda: now), Limit(concurrency=1)
    entered = anyio.run(gate.enter, limit, 1)
    loop = asyncio.new_event_loop()
    task = loop.create_task(gate.enter(limit, 1))  # type: ignore[arg-type]
    loop.run_until_complete(asyncio.sleep(0.01))
    gate.leave(entered, tokens=None)

    async def quick() -> None:
        async with through(gate, limit):
            pass

    async def impatient() -> bool:
        with anyio.move_on_after(0.02) as waiting:
            await quick()
        return waiting.cancelled_caught

    assert anyio.run(impatient)
    now = SILENCE + 1
    anyio.run(quick)
    gate.leave(loop.run_until_complete(task), tokens=None)
    loop.close()
    anyio.run(quick)


def test_who_waits_behind_one_that_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits already looks now and then, and goes on without being told."""
    monkeypatch.setattr("crewgraph.llm.gate.LOOK", 0.02)
    monkeypatch.setattr("crewgraph.llm.gate.SILENCE", 0.2)
    gate, limit = Gate(), Limit(concurrency=1)
    entered = anyio.run(gate.enter, limit, 1)
    loop = asyncio.new_event_loop()
    task = loop.create_task(gate.enter(limit, 1))  # type: ignore[arg-type]
    loop.run_until_complete(asyncio.sleep(0.01))
    gate.leave(entered, tokens=None)

    async def patient() -> None:
        with anyio.fail_after(60):
            async with through(gate, limit):
                pass

    anyio.run(patient)
    gate.leave(loop.run_until_complete(task), tokens=None)
    loop.close()


class Shared:
    """Limits that other processes share: lets calls in when it is told to, and keeps what it was asked."""

    def __init__(self, *, is_open: bool = True) -> None:
        self.is_open = is_open
        self.asked, self.ended, self.closed = (
            list[int](),
            list[tuple[int, int | None]](),
            list[tuple[str, str, float]](),
        )
        self.rings = list[Callable[[], object]]()

    def ask(self, model: str, endpoint: str, tokens: int, ring: Callable[[], object]) -> SharedOne:
        self.asked.append(tokens)
        self.rings.append(ring)
        return SharedOne(self, tokens)

    def close(self, model: str, endpoint: str, seconds: float) -> None:
        self.closed.append((model, endpoint, seconds))


class SharedOne:
    def __init__(self, shared: Shared, tokens: int) -> None:
        self.shared, self.tokens = shared, tokens

    def begin(self) -> float:
        return 0.0 if self.shared.is_open else float("inf")

    def end(self, tokens: int | None) -> None:
        self.shared.ended.append((self.tokens, tokens))


async def test_the_first_asks_for_shared_limits() -> None:
    """Only the first in the queue asks what other processes leave, and only when the gate itself would let it through."""
    gate, shared, came = Gate(anyio.current_time), Shared(is_open=False), list[int]()

    async def one(number: int) -> None:
        entered = await gate.enter(Limit(concurrency=2), number, shared)
        came.append(number)
        await anyio.sleep(1)
        gate.leave(entered, tokens=number + 100)

    async with anyio.create_task_group() as tasks:
        for number in range(1, 4):
            tasks.start_soon(one, number)
            await others_run()
        assert (shared.asked, came) == ([1], [])
        shared.is_open = True
        shared.rings[0]()
        await others_run()
        await anyio.sleep(0.5)
        assert (shared.asked, came) == ([1, 2], [1, 2])
    assert came == [1, 2, 3]
    assert sorted(shared.ended) == [(number, number + 100) for number in (1, 2, 3)]


async def test_who_is_cancelled_leaves_shared_limits() -> None:
    """Whoever stops waiting for other processes says so; whoever never asked says nothing."""
    gate, shared = Gate(anyio.current_time), Shared(is_open=False)
    async with anyio.create_task_group() as tasks:
        for number in (1, 2):
            tasks.start_soon(gate.enter, None, number, shared)
            await others_run()
        tasks.cancel_scope.cancel()
    assert (shared.asked, shared.ended) == ([1], [(1, None)])


async def test_the_provider_closes_shared_limits() -> None:
    """Other processes hear of a pause, and of where it holds; of none they hear nothing."""
    gate, shared = Gate(anyio.current_time, model="m", endpoint="http://a"), Shared()
    gate.close_for(7, shared)
    gate.close_for(0, shared)
    assert shared.closed == [("m", "http://a", 7)]


class TestGateOf:
    """Which models share a gate."""

    def test_same_model(self) -> None:
        """One gate for all objects of one name and endpoint, in the whole process."""
        one, other = SimpleNamespace(model="t/same", endpoint=None), SimpleNamespace(model="t/same")
        assert gate_of(one) is gate_of(other)

    def test_elsewhere(self) -> None:
        """The same name at another endpoint is another model."""
        here, there = SimpleNamespace(model="t/m"), SimpleNamespace(model="t/m", endpoint="http://b")
        assert gate_of(here) is not gate_of(there)
        assert gate_of(here) is not gate_of(SimpleNamespace(model="t/other"))

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
    def test_after_a_fork(self) -> None:
        """A child process begins anew: the calls under way are its parent's."""
        code = """
import os, anyio
from types import SimpleNamespace
from crewgraph.llm.gate import gate_of
from crewgraph.policy import Limit
llm, limit = SimpleNamespace(model="m"), Limit(concurrency=1)
anyio.run(gate_of(llm).enter, limit, 1)
child = os.fork()
if child == 0:
    anyio.run(gate_of(llm).enter, limit, 1)
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True)
        assert done.stdout.strip() == "7"
