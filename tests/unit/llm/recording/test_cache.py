from __future__ import annotations

import contextlib
import functools
import gc
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint
from pydantic import BaseModel

from crewgraph import Agent, Budget, Crew, OfflineLLM, Pipeline, Policy, ResponseCache, Task, record, replay
from crewgraph.errors import BudgetExceeded, CacheError, CassetteError, ModelError, ModelUnavailable
from crewgraph.llm import Reply
from crewgraph.llm.ask import Asker
from crewgraph.llm.port import Message, Request
from crewgraph.llm.recording import cache as cache_module
from crewgraph.llm.recording import cache_store
from crewgraph.llm.recording.cache_store import OVERHEAD, MemoryStore, SqliteStore, Store
from crewgraph.scope import Scope
from crewgraph.testing import FailingLLM, ScriptedLLM, SlowLLM, call
from crewgraph.testing.double import Double
from crewgraph.trace import Event, ModelCallFinished
from crewgraph.usage import UsageMetrics
from tests.clocks import jump

pytestmark = pytest.mark.anyio

Make = Callable[..., ResponseCache]


@pytest.fixture(params=["memory", "disk"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Make]:
    """Makes a cache of either kind."""
    made = list[ResponseCache]()

    def make(**options: Any) -> ResponseCache:
        made.append(ResponseCache(tmp_path / "answers.db" if request.param == "disk" else None, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


def counting(**options: Any) -> ScriptedLLM:
    """A model that answers 1, 2, 3 …"""
    llm = ScriptedLLM(lambda _: str(llm.asked), repeat=True, **{"model": "m", **options})
    return llm


class Asked(BaseModel):
    """What is asked, in a form for tables of cases."""

    about: str = "hi"


async def ask(llm: Any, about: str = "hi", *, scope: Scope | None = None, **fields: Any) -> Reply:
    request = Request((Message("user", about),), **fields)
    return await Asker(scope=scope or Scope(), policy=Policy(retries=0)).ask(llm, request)


# ---- hits ----------------------------------------------------------------------------------------------------------


async def test_hit(cache: Make) -> None:
    """What was asked before is not asked again; the answer takes no tokens and says where it comes from."""
    llm, events = counting(), list[Event]()
    scope = Scope(emit=events.append)
    with cache() as kept:
        first, second = await ask(llm, scope=scope), await ask(llm, scope=scope)
    assert (first.text, second.text, llm.asked) == ("1", "1", 1)
    assert (kept.hits, kept.misses) == (1, 1)
    assert second.usage == UsageMetrics()
    finished = [event for event in events if isinstance(event, ModelCallFinished)]
    assert [(event.source, event.tokens) for event in finished] == [(None, 10), ("cache", 0)]
    assert kept.saved == finished[0].usage
    assert scope.account.usage == {**kept.saved.model_dump(), "successful_requests": 2}


async def test_off_by_default() -> None:
    """Without a cache every request is asked."""
    llm = counting()
    assert [(await ask(llm)).text for _ in range(2)] == ["1", "2"]


async def test_tool_calls(cache: Make) -> None:
    """Tool calls are kept whole."""
    llm = ScriptedLLM(call("add", a="ü\ud800"), model="m")
    with cache():
        first, second = await ask(llm), await ask(llm)
    assert second.calls == first.calls
    assert second.finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param({"about": "a"}, {"about": "b"}, id="messages"),
        pytest.param({}, {"schema": Asked}, id="schema"),
    ],
)
async def test_other_requests(cache: Make, one: dict[str, Any], other: dict[str, Any]) -> None:
    """Another request is another entry."""
    llm = counting()
    with cache():
        assert [(await ask(llm, **each)).text for each in (one, other, one)] == ["1", "2", "1"]


@pytest.mark.parametrize("says", [{"model": "n"}, {"parameters": {"temperature": 1}}, {"endpoint": "http://elsewhere"}])
async def test_other_models(cache: Make, says: dict[str, Any]) -> None:
    """Another model, other parameters or another endpoint is another entry."""
    other = counting(**{key: value for key, value in says.items() if key != "endpoint"})
    if "endpoint" in says:
        other.endpoint = says["endpoint"]  # type: ignore[attr-defined]
    with cache() as kept:
        await ask(counting())
        await ask(other)
    assert kept.misses == 2


async def test_a_script_is_not_kept(cache: Make) -> None:
    """Nobody can tell two scripts of the offline model apart, so they are always asked."""
    with cache() as kept:
        answers = [(await ask(OfflineLLM(answer=text))).text for text in ("a", "b")]
        assert await ask(OfflineLLM(seed=1)) != await ask(OfflineLLM(seed=2))
        await ask(OfflineLLM(seed=1))
    assert answers == ["a", "b"]
    assert (kept.hits, kept.misses) == (1, 2)


async def test_budgets(cache: Make) -> None:
    """A hit passes where a budget has no room for a call."""
    crew = Crew(agents=[Agent(role="A")], tasks=[Task(description="hi {x}")], llm=counting())
    pipeline = Pipeline(stages=[crew])
    with cache():
        await pipeline.kickoff_async([{"x": 1}])
        known, unknown = await pipeline.kickoff_async([{"x": 1}, {"x": 2}], budget=Budget(calls=0), on_error="collect")
    assert known.raw == "1"
    assert isinstance(unknown.error.__cause__, BudgetExceeded)


async def test_text_is_told(cache: Make) -> None:
    """Whoever listens for pieces of answers gets those of a hit too."""
    events = list[Event]()
    with cache():
        await ask(counting())
        await ask(counting(), scope=Scope(emit=events.append, wants_text=True))
    assert [type(event).__name__ for event in events] == ["ModelCallStarted", "ModelText", "ModelCallFinished"]


async def test_clear(cache: Make) -> None:
    """What was cleared is asked anew."""
    llm = counting()
    with cache() as kept:
        await ask(llm)
        kept.clear()
        assert (await ask(llm)).text == "2"


async def test_closed(cache: Make) -> None:
    """A closed cache knows nothing, and harms nobody."""
    llm = counting()
    kept = cache()
    kept.close()
    with kept:
        assert [(await ask(llm)).text for _ in range(2)] == ["1", "2"]


async def test_one_for_several(cache: Make) -> None:
    """One cache may be in use several times at once, also one inside of the other."""
    llm = counting()
    kept = cache()
    with kept, kept:
        await ask(llm)
    with kept:
        await ask(llm)
    assert llm.asked == 1
    await ask(llm)
    assert llm.asked == 2


def test_everywhere(cache: Make) -> None:
    """A cache for everywhere serves threads that the user starts."""
    llm = counting()
    with cache(everywhere=True):
        for _ in range(2):
            thread = threading.Thread(target=lambda: anyio.run(ask, llm))
            thread.start()
            thread.join()
    assert llm.asked == 1


def test_repr(tmp_path: Path) -> None:
    """A cache says where it is and how it does."""
    assert repr(ResponseCache()) == "<response cache in memory: 0 hits, 0 misses>"
    kept = ResponseCache(tmp_path / "a.db")
    assert repr(kept) == f"<response cache {tmp_path / 'a.db'}: 0 hits, 0 misses>"
    kept.close()


# ---- what is not kept ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["length", "other"])
async def test_cut_answers(cache: Make, reason: str) -> None:
    """An answer that was cut off, or ended in an unknown way, is not kept."""
    llm = ScriptedLLM(Reply(text="x", finish_reason=reason), repeat=True)
    with cache():
        await ask(llm)
        await ask(llm)
    assert llm.asked == 2


async def test_failures(cache: Make) -> None:
    """Failures are not kept."""
    llm = FailingLLM(times=1, then="ok")
    with cache():
        with pytest.raises(ModelUnavailable):
            await ask(llm)
        assert (await ask(llm)).text == "ok"


@pytest.mark.parametrize("answer", ["use sk-" + "a1B2" * 6, call("t", key="sk-" + "a1B2" * 6)], ids=["text", "call"])
async def test_secrets(cache: Make, answer: Any) -> None:
    """An answer that holds what looks like a key is not kept."""
    llm = ScriptedLLM(answer, repeat=True)
    with cache() as kept:
        await ask(llm)
        await ask(llm)
    assert (llm.asked, kept.hits) == (2, 0)


def test_no_questions_and_keys_on_disk(tmp_path: Path) -> None:
    """The file holds answers, and neither questions nor keys."""
    llm = counting(parameters={"api_key": "very-secret-key"})
    with ResponseCache(tmp_path / "a.db") as kept:
        anyio.run(ask, llm, "a question")
    kept.close()
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"very-secret-key" not in written
    assert b"a question" not in written


# ---- side by side --------------------------------------------------------------------------------------------------


async def several(llm: Any, count: int, texts: list[str]) -> None:
    async def one() -> None:
        try:
            texts.append((await ask(llm)).text)
        except ModelError as error:
            texts.append(type(error).__name__)

    async with anyio.create_task_group() as tasks:
        for _ in range(count):
            tasks.start_soon(one)


async def test_single_flight(cache: Make) -> None:
    """Of equal requests under way at the same time one is asked, and all get its answer."""
    llm, texts = SlowLLM(0.02, "once"), list[str]()
    with cache() as kept:
        await several(llm, 10, texts)
    assert texts == ["once"] * 10
    assert (llm.asked, kept.hits, kept.misses) == (1, 9, 1)


def test_single_flight_between_threads(cache: Make) -> None:
    """So it is between the event loops of several threads."""
    kept, llm = cache(everywhere=True), SlowLLM(0.05, "once")
    texts = list[str]()
    with kept:
        backends = ["asyncio", "trio", "asyncio", "trio"]
        threads = [
            threading.Thread(target=lambda name=name: anyio.run(several, llm, 3, texts, backend=name))
            for name in backends
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert texts == ["once"] * 12
    assert llm.asked == 1


async def test_failed_leader(cache: Make) -> None:
    """If the one that asks fails, that is its own failure: the others ask for themselves."""
    llm, texts = FailingLLM(times=1, then=SlowLLM(0.02, "ok")), list[str]()
    with cache():
        await several(llm, 5, texts)
    assert sorted(texts) == ["ModelUnavailable"] + ["ok"] * 4


async def test_cancelled_leader(cache: Make) -> None:
    """If the one that asks is cancelled, the others are neither cancelled nor left to wait."""
    texts = list[str]()
    llm = ScriptedLLM(SlowLLM(60), SlowLLM(0.01, "ok"))
    with cache():
        async with anyio.create_task_group() as tasks:
            leader = anyio.CancelScope()

            async def lead() -> None:
                with leader:
                    await ask(llm)

            tasks.start_soon(lead)
            while not llm.asked:
                await checkpoint()
            tasks.start_soon(several, llm, 3, texts)
            for _ in range(20):
                await checkpoint()
            leader.cancel()
    assert texts == ["ok"] * 3
    assert llm.asked == 2


async def test_ended_before_anybody_waits() -> None:
    """Whoever comes to wait for what has just ended does not wait."""
    flight = cache_module._Flight()
    flight.end(Reply(text="x"), is_given_up=False)
    with anyio.fail_after(60):
        await flight.wait()


async def test_redacted_cassette_error(cache: Make, tmp_path: Path) -> None:
    """An error that is no failure of the model passes through a cache, for everybody who asks."""
    with cache(), record(tmp_path / "tape.jsonl", redact=lambda _: 1 / 0):  # type: ignore[arg-type,return-value]
        for _ in range(2):
            with pytest.raises(CassetteError, match="redact= failed"):
                await ask(counting())


@pytest.mark.virtual_time(by_hand=True)
async def test_cancelled_follower(cache: Make) -> None:
    """One that waits can be cancelled, and the others go on."""
    llm, texts = SlowLLM(0.05, "ok"), list[str]()
    with cache():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(several, llm, 2, texts)
            while not llm.asked:
                await checkpoint()
            async with anyio.create_task_group() as others:
                others.start_soon(several, llm, 1, texts)
                for _ in range(20):
                    await checkpoint()
                others.cancel_scope.cancel()
            jump(1)
    assert texts == ["ok"] * 2
    assert llm.asked == 1


async def test_a_model_that_asks_the_same(cache: Make) -> None:
    """A model that asks another one of its name the same thing does not wait for itself."""

    class Wrapper(Double):
        async def reply(self, request: Request) -> Reply:
            return await Asker(scope=Scope(), policy=Policy()).ask(ScriptedLLM("inner", model=self.model), request)

    with cache(), anyio.fail_after(60):
        assert (await ask(Wrapper(model="m"))).text == "inner"


async def test_with_a_cassette(cache: Make, tmp_path: Path) -> None:
    """A cache and a cassette may be used together: what is replayed is kept."""
    with record(tmp_path / "tape.jsonl"):
        await ask(counting())
    llm = counting()
    with cache() as kept, replay(tmp_path / "tape.jsonl", use_all=True):
        assert [(await ask(llm)).text for _ in range(2)] == ["1", "1"]
    assert (kept.hits, kept.misses, llm.asked) == (1, 1, 0)


# ---- bounds --------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["memory", "disk"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    def make(max_bytes: int) -> Store:
        one: Store = MemoryStore(max_bytes) if request.param == "memory" else SqliteStore(tmp_path / "s.db", max_bytes)
        request.addfinalizer(one.close)
        return one

    return make


def test_least_recently_used(store: Callable[[int], Store]) -> None:
    """What was not used for longest goes first when there is no more room."""
    kept = store(3 * (OVERHEAD + 10))
    for key in "abc":
        kept.put(key, b"x" * 10)
    assert kept.get("a", None) == b"x" * 10
    kept.put("d", b"y" * 10)
    assert [key for key in "abcd" if kept.get(key, None)] == ["a", "c", "d"]


def test_a_large_one(store: Callable[[int], Store]) -> None:
    """A value may push several others out; one that does not fit at all pushes none."""
    kept = store(4 * (OVERHEAD + 10))
    for key in "abcd":
        kept.put(key, b"x" * 10)
    kept.put("e", b"x" * 10_000)
    assert [key for key in "abcde" if kept.get(key, None)] == list("abcd")
    kept.put("f", b"x" * (OVERHEAD + 20))
    assert [key for key in "abcdf" if kept.get(key, None)] == list("cdf")


def test_replaced(store: Callable[[int], Store]) -> None:
    """A value that is put anew takes no more room than the new one."""
    kept = store(2 * (OVERHEAD + 10))
    for _ in range(5):
        kept.put("a", b"x" * 10)
    kept.put("b", b"y" * 10)
    assert (kept.get("a", None), kept.get("b", None)) == (b"x" * 10, b"y" * 10)


def test_many_small_ones(store: Callable[[int], Store], monkeypatch: pytest.MonkeyPatch) -> None:
    """Room is made in as many steps as it takes."""
    monkeypatch.setattr(cache_store, "AT_ONCE", 2)
    kept = store(6 * OVERHEAD)
    for key in "abcde":
        kept.put(key, b"x")
    kept.put("z", b"x" * (5 * OVERHEAD - 5))
    assert [key for key in "abcdez" if kept.get(key, None)] == ["z"]


def test_age(store: Callable[[int], Store], monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that is too old is not there."""
    kept = store(10_000)
    kept.put("a", b"x")
    assert kept.get("a", 60) == b"x"
    for clock in ("monotonic", "time"):
        now = getattr(cache_store.time, clock)()
        monkeypatch.setattr(cache_store.time, clock, lambda now=now: now + 100)
    assert kept.get("a", 60) is None
    monkeypatch.undo()


async def test_max_age(cache: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer older than ``max_age`` is asked for anew, and the new one kept."""
    llm = counting()
    with cache(max_age=0.001) as kept:
        await ask(llm)
        await anyio.sleep(0.01)
        assert (await ask(llm)).text == "2"
    assert kept.misses == 2


@pytest.mark.parametrize(
    "options", [{"max_bytes": 0}, {"max_bytes": 1.5}, {"max_bytes": True}, {"max_age": 0}, {"max_age": float("nan")}]
)
def test_bad_bounds(options: dict[str, Any]) -> None:
    """Bounds that make no sense are refused, with what they are."""
    with pytest.raises(ValueError, match=f"{next(iter(options))} is a .* not "):
        ResponseCache(**options)


# ---- the file ------------------------------------------------------------------------------------------------------


def test_kept_on_disk(tmp_path: Path) -> None:
    """A file is there for the next process, and its folder is made."""
    path = tmp_path / "new" / "answers.db"
    for text in ("1", "2"):
        with ResponseCache(path) as kept:
            assert anyio.run(ask, ScriptedLLM(text, model="m")).text == "1"
        kept.close()


def test_forgotten(tmp_path: Path) -> None:
    """The file is closed with the last reference to its cache, if nobody has done so before."""
    kept = ResponseCache(tmp_path / "a.db")
    connection = kept._store._connection  # type: ignore[attr-defined]
    del kept
    gc.collect()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


def foreign(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()


def newer(path: Path) -> None:
    ResponseCache(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 7")
    connection.close()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(foreign, "is a database of something else", id="foreign"),
        pytest.param(newer, "version 7; this crewgraph uses version 1", id="newer"),
        pytest.param(
            lambda path: path.write_text("no database" * 100), "cannot be opened as a response cache", id="text"
        ),
        pytest.param(lambda path: path.mkdir(), "cannot be opened as a response cache", id="folder"),
        pytest.param(lambda path: (path.parent / "file").write_text(""), "cannot be opened", id="through-a-file"),
    ],
)
def test_bad_file(tmp_path: Path, make: Callable[[Path], Any], message: str, request: pytest.FixtureRequest) -> None:
    """A file that is something else is refused at once, and left as it is."""
    path = tmp_path / "a.db"
    make(path)
    if "through-a-file" in request.node.name:
        path = tmp_path / "file" / "a.db"
    with pytest.raises(CacheError, match=message):
        ResponseCache(path)


async def test_broken_later(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file that breaks while it is used costs answers and no run; it is logged."""
    llm, path = counting(), tmp_path / "a.db"
    with ResponseCache(path) as kept:
        with sqlite3.connect(path) as connection:
            connection.execute("DROP TABLE answers")
        connection.close()
        assert [(await ask(llm)).text for _ in range(2)] == ["1", "2"]
    kept.close()
    assert f"the response cache {path} cannot be used: no such table: answers" in caplog.messages


@pytest.mark.parametrize("value", [b"", b"[]", b'["x", 1, [[1]], {}]', b'["x", null, [], {"total_tokens": "many"}]'])
async def test_broken_entry(tmp_path: Path, value: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """An entry that cannot be read is asked for anew."""
    llm, path = counting(), tmp_path / "a.db"
    with ResponseCache(path) as kept:
        await ask(llm)
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE answers SET value = ?", (value,))
        connection.close()
        assert (await ask(llm)).text == "2"
    kept.close()
    assert any("cannot be read" in message for message in caplog.messages)


def test_several_processes(tmp_path: Path) -> None:
    """Processes that begin together on one file share it, and lose nothing."""
    path = tmp_path / "shared.db"
    script = f"""
import sys
from crewgraph.llm.recording.cache_store import SqliteStore
store = SqliteStore({str(path)!r}, 10_000_000)
for number in range(30):
    store.put(sys.argv[1] + str(number), b"x")
"""
    running = [subprocess.Popen([sys.executable, "-W", "error", "-c", script, name]) for name in "abc"]
    assert [each.wait() for each in running] == [0, 0, 0]
    store = SqliteStore(path, 10_000_000)
    assert all(store.get(f"{name}{number}", None) for name in "abc" for number in range(30))
    store.close()


def mode_of(path: Path) -> str:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    return mode


def before_the_mode(monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> None:
    """Have something happen just before the log of a file is changed to one that readers need not wait for."""

    class Watched(sqlite3.Connection):
        def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
            if "journal_mode" in sql:
                work()
            return super().execute(sql, *args)

    monkeypatch.setattr(sqlite3, "connect", functools.partial(sqlite3.connect, factory=Watched))


def test_written_while_opened(tmp_path: Path) -> None:
    """Who writes to a file that is just being opened does not break that: the next to open it makes the change."""
    path = tmp_path / "a.db"
    SqliteStore(path, 10_000).close()
    with (
        contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other,
        pytest.MonkeyPatch.context() as patch,
    ):
        other.execute("PRAGMA journal_mode = DELETE")
        before_the_mode(patch, lambda: other.execute("BEGIN IMMEDIATE"))
        store = SqliteStore(path, 10_000)
        other.execute("COMMIT")
        store.put("a", b"x")
        assert store.get("a", None) == b"x"
        store.close()
    assert mode_of(path) == "delete"
    SqliteStore(path, 10_000).close()
    assert mode_of(path) == "wal"


def test_broken_while_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What else goes wrong there is told."""

    def fail() -> None:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise error

    before_the_mode(monkeypatch, fail)
    with pytest.raises(CacheError, match="cannot be opened as a response cache: disk I/O error"):
        SqliteStore(tmp_path / "a.db", 10_000)


def test_forked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A forked process opens the file anew: a connection must not be shared."""
    store = SqliteStore(tmp_path / "a.db", 10_000)
    store.put("a", b"x")
    before = store._connection
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert store.get("a", None) == b"x"
    assert store._connection is not before
    before.close()
    store.close()


def test_lost_in_a_fork(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """If the file is gone bad by then, it is logged."""
    store = SqliteStore(tmp_path / "a.db", 10_000)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    monkeypatch.setattr(cache_store, "VERSION", 2)
    assert store.get("a", None) is None
    assert "version 1; this crewgraph uses version 2" in caplog.text
    store.close()
