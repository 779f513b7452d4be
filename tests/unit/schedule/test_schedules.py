"""What is due, what runs because of it, and what becomes of ticks that were missed, cut off or broken."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from pydantic import ValidationError

from crewgraph import Approval, Pipeline, step
from crewgraph.errors import ScheduleError, StoreError
from crewgraph.schedule import Schedule, Schedules, Tick
from crewgraph.store import overview_of
from crewgraph.store.lock import Lock
from crewgraph.syntax import Pipeline as Target

pytestmark = pytest.mark.anyio
NOON = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now.timestamp()

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


class Code:
    """Code and files of a user, and what was run of them."""

    def __init__(self) -> None:
        self.ran = list[str]()
        self.asked = list[str]()
        self.is_broken = False
        self.given: Any = [{"who": "Ann"}, {"who": "Bob"}]

        @step
        async def greet(who: str) -> dict[str, str]:
            self.ran.append(who)
            if self.is_broken:
                raise ValueError("no greeting today")
            return {"hello": who}

        @step
        async def send(hello: str) -> dict[str, str]:
            return {"sent": hello}

        self.greetings = Pipeline([greet, send], name="greetings")

    def pipeline(self, target: str) -> Target:
        if target != "app:greetings":
            raise ModuleNotFoundError(f"No module named '{target}'")
        return self.greetings

    def function(self, name: str) -> Callable[..., Any]:
        def guests(instant: datetime) -> Any:
            self.asked.append(f"{name} {instant:%H:%M}")
            return self.given

        return guests

    def rows(self, path: Path) -> Iterable[Mapping[str, Any]]:
        return [{"who": path.stem}]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def code() -> Code:
    return Code()


@pytest.fixture
def schedules(tmp_path: Path, clock: Clock) -> Schedules:
    return Schedules(tmp_path / "runs.sqlite", clock=clock)


def hourly(**said: Any) -> Schedule:
    where = {} if {"rows", "inputs", "callable"} & said.keys() else {"rows": [{"who": "Ann"}]}
    return Schedule(**{"name": "hourly", "target": "app:greetings", "cron": "0 * * * *", **where, **said})


async def served(schedules: Schedules, code: Code, *, targets: Any = None) -> list[Tick]:
    """Serve until nothing is due; what has run."""
    done, stop = list[Tick](), anyio.Event()

    def told(said: str | Tick) -> None:
        if isinstance(said, Tick):
            done.append(said)

    def due(_: Any, say: Any) -> Any:
        found = whole(targets, say)
        if found is None:
            stop.set()
        return found

    whole = schedules._due
    schedules._due = due  # type: ignore[method-assign]
    try:
        await schedules.serve(code, targets=targets, told=told, stop=stop)
    finally:
        schedules._due = whole  # type: ignore[method-assign]
    return done


def times(done: list[Tick]) -> list[str]:
    return [f"{tick.instant:%d %H:%M}" for tick in done]


# ---- ticks -----------------------------------------------------------------------------------------------------


async def test_a_tick_runs_once(schedules, clock, code) -> None:
    """When its time has come, and never again: not when it is served anew, and not when the clock goes back."""
    assert schedules.add(hourly()) == NOON + timedelta(hours=1)
    assert await served(schedules, code) == []
    clock.forward(hours=1)
    assert times(await served(schedules, code)) == ["28 13:00"]
    assert await served(schedules, code) == []
    clock.forward(minutes=-30)
    assert await served(schedules, code) == []
    clock.forward(minutes=30, seconds=40)
    assert await served(schedules, code) == []
    assert code.ran == ["Ann"]
    clock.forward(hours=1)
    assert times(await served(schedules, code)) == ["28 14:00"]
    (state,) = schedules.list()
    assert state.last is not None
    assert (state.last.tick, state.last.status, state.next) == ("2026-11-28T14:00:00Z", "ok", NOON + timedelta(hours=3))


async def test_runs_are_named_after_their_tick(schedules, clock, code, tmp_path) -> None:
    """So the same inputs are other runs at the next tick, in the same pipeline of the store."""
    schedules.add(hourly(rows=[{"who": "Ann"}, {"who": "Bob"}], id_column="who"))
    for _ in range(2):
        clock.forward(hours=1)
        await served(schedules, code)
    (pipeline,) = overview_of(tmp_path / "runs.sqlite").pipelines
    assert (pipeline.name, pipeline.runs) == ("hourly", {"ok": 4})
    assert code.ran == ["Ann", "Bob", "Ann", "Bob"]


@pytest.mark.parametrize(
    ("missed", "expected"),
    [
        (("none", 0), ["28 17:00"]),
        (("none", 30), ["28 17:00"]),
        (("none", 90), []),
        (("last", 90), ["28 17:00"]),
        (("last", 0), ["28 16:00", "28 17:00"]),
        (("all", 90), ["28 13:00", "28 14:00", "28 15:00", "28 16:00", "28 17:00"]),
    ],
)
async def test_ticks_that_were_missed(schedules, clock, code, missed, expected) -> None:
    """Run as the schedule says; what is no later than the grace was not missed."""
    catch_up, late = missed
    schedules.add(hourly(catch_up=catch_up))
    clock.forward(hours=5, seconds=late)
    assert times(await served(schedules, code)) == expected


async def test_a_schedule_that_rests(schedules, clock, code) -> None:
    """Runs nothing, and what came meanwhile does not run later."""
    schedules.add(hourly(catch_up="all"))
    schedules.pause("hourly")
    clock.forward(hours=2)
    assert await served(schedules, code) == []
    assert [(state.is_paused, state.next) for state in schedules.list()] == [(True, None)]
    schedules.go_on("hourly")
    schedules.go_on("hourly")
    assert await served(schedules, code) == []
    clock.forward(hours=1)
    assert times(await served(schedules, code)) == ["28 15:00"]
    schedules.remove("hourly")
    clock.forward(hours=1)
    assert await served(schedules, code) == []
    assert schedules.list() == []


async def test_several_schedules(schedules, clock, code) -> None:
    """Run one after the other, the earliest tick first; only those of targets that were named."""
    schedules.add(hourly())
    schedules.add(hourly(name="half", cron="30 * * * *"))
    schedules.add(hourly(name="theirs", target="their:code"))
    clock.forward(hours=1, seconds=1)
    done = await served(schedules, code, targets={"app:greetings"})
    assert [(tick.schedule, f"{tick.instant:%H:%M}") for tick in done] == [("half", "12:30"), ("hourly", "13:00")]
    assert await served(schedules, code, targets=set()) == []


# ---- inputs ----------------------------------------------------------------------------------------------------


async def test_inputs_of_a_file(schedules, clock, code) -> None:
    """Are read at each tick."""
    schedules.add(hourly(inputs="Eve.jsonl"))
    clock.forward(hours=1)
    (done,) = await served(schedules, code)
    assert (done.runs, done.failed, code.ran) == (1, 0, ["Eve"])


@pytest.mark.parametrize("given", [[{"who": "Ann"}], {"who": "Ann"}, ({"who": "Ann"},)], ids=["list", "one", "tuple"])
async def test_inputs_of_a_function(schedules, clock, code, given) -> None:
    """It is given the tick, and gives a list of dicts or one dict."""
    code.given = given
    schedules.add(hourly(callable="app:guests"))
    clock.forward(hours=1, seconds=5)
    (done,) = await served(schedules, code)
    assert (done.status, done.batch, code.ran) == ("ok", "hourly@2026-11-28T13:00:00Z", ["Ann"])
    assert code.asked == ["app:guests 13:00"]


@pytest.mark.parametrize(
    ("given", "message"),
    [("Ann", "it gave str, and inputs are a list of dicts"), (3, "it gave int"), ([{"who": object()}], "are no JSON")],
    ids=["text", "number", "no JSON"],
)
async def test_inputs_that_are_none(schedules, clock, code, given, message) -> None:
    """Fail the tick, and the message says why."""
    code.given = given
    schedules.add(hourly(callable="app:guests"))
    clock.forward(hours=1)
    (done,) = await served(schedules, code)
    assert (done.status, done.runs) == ("failed", 0)
    assert message in str(done.error)


# ---- what goes wrong -------------------------------------------------------------------------------------------


async def test_a_tick_that_was_cut_off_goes_on(schedules, clock, code, monkeypatch) -> None:
    """With the same inputs, and without the nodes that had finished; its function is not asked again."""
    schedules.add(hourly(callable="app:guests"))
    clock.forward(hours=1)
    ended = schedules._table.end
    monkeypatch.setattr(schedules._table, "end", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        await served(schedules, code)
    assert code.ran == ["Ann", "Bob"]
    monkeypatch.setattr(schedules._table, "end", ended)
    clock.forward(days=1)
    code.given = [{"who": "somebody else"}]
    first, *_ = await served(schedules, code)
    assert (times([first]), first.status, first.runs) == (["28 13:00"], "ok", 2)
    assert code.ran[:3] == ["Ann", "Bob", "somebody else"]
    assert code.asked == ["app:guests 13:00", "app:guests 12:00", "app:guests 13:00"]


async def test_runs_that_fail(schedules, clock, code) -> None:
    """Fail the tick, which says how many did and why the first one did; the next tick runs."""
    schedules.add(hourly(rows=[{"who": "Ann"}, {"who": "Bob"}]))
    code.is_broken = True
    clock.forward(hours=1)
    (done,) = await served(schedules, code)
    assert (done.status, done.runs, done.failed) == ("failed", 2, 2)
    assert "2 of 2 runs failed, the first: " in str(done.error)
    assert "no greeting today" in str(done.error)
    code.is_broken = False
    clock.forward(hours=1)
    assert [tick.status for tick in await served(schedules, code)] == ["ok"]
    assert [state.last and state.last.status for state in schedules.list()] == ["ok"]


async def test_code_that_is_gone(schedules, clock, code) -> None:
    """Fails the tick, and other schedules run."""
    schedules.add(hourly(name="gone", target="gone:pipeline"))
    schedules.add(hourly())
    clock.forward(hours=1)
    done = await served(schedules, code)
    assert [(tick.schedule, tick.status) for tick in done] == [("gone", "failed"), ("hourly", "ok")]
    assert done[0].error == "ModuleNotFoundError: No module named 'gone:pipeline'"


async def test_one_process_serves(schedules, code) -> None:
    """A second one is refused and told who does."""
    with schedules._table.serving(), pytest.raises(StoreError, match=r"process \d+.* serves the schedules already"):
        await schedules.serve(code, targets=None)
    assert schedules.server is None


async def test_a_store_that_is_in_use(schedules, clock, code, tmp_path) -> None:
    """Is waited for."""
    schedules.add(hourly())
    clock.forward(hours=1)
    lock, said, stop = Lock(tmp_path / "runs.sqlite"), list[str | Tick](), anyio.Event()

    def told(text: str | Tick) -> None:
        said.append(text)
        if str(text).startswith("waiting"):
            lock.release()
        if isinstance(text, Tick):
            stop.set()

    await schedules.serve(code, targets=None, told=told, stop=stop)
    assert str(said[1]).startswith("waiting: process ")
    assert code.ran == ["Ann"]


@pytest.mark.parametrize("broken", ["no pipeline", "unreadable rows", "exit", "empty"])
async def test_what_is_broken_fails_its_tick_and_no_other(schedules, clock, code, broken, monkeypatch) -> None:
    """Whatever the user's code and files do: the tick has failed, and is not tried for ever."""
    schedules.add(hourly(name="bad", inputs="a.jsonl"))
    schedules.add(hourly(name="good"))
    clock.forward(hours=1)
    whole = code.pipeline
    if broken == "unreadable rows":

        def rows(_: Path) -> Iterable[Mapping[str, Any]]:
            yield {"who": "Ann"}
            raise OSError("the disk is gone")

        monkeypatch.setattr(code, "rows", rows)
    else:
        wrong = {"no pipeline": lambda: 3, "exit": lambda: sys.exit(1), "empty": lambda: Pipeline([])}[broken]
        asked = iter([wrong, lambda: whole("app:greetings")])
        monkeypatch.setattr(code, "pipeline", lambda _: next(asked)())
    done = await served(schedules, code)
    assert [(tick.schedule, tick.status) for tick in done] == [("bad", "failed"), ("good", "ok")]
    assert await served(schedules, code) == []


async def test_a_record_that_is_none(schedules, clock, code, tmp_path) -> None:
    """Is told, by its schedule's name, and others run."""
    schedules.add(hourly())
    with closing(sqlite3.connect(tmp_path / "runs.sqlite")) as store, store:
        store.execute("""INSERT INTO schedules VALUES ('odd', '{"name": "odd", "what": 1}', 0)""")
        store.execute(
            "INSERT INTO schedules SELECT 'late', replace(record, '0 * *', '0 99 *'), 0 FROM schedules LIMIT 1"
        )
    clock.forward(hours=1)
    assert [tick.schedule for tick in await served(schedules, code)] == ["hourly"]
    assert [(state.name, state.schedule is None, "cannot be read" in str(state.error)) for state in schedules.list()] == [
        ("hourly", False, False), ("late", True, True), ("odd", True, True),
    ]  # fmt: skip


async def test_a_clock_that_was_ahead(schedules, clock, code) -> None:
    """Keeps nothing from running when it is right again, and what has run does not run again."""
    schedules.add(hourly(catch_up="all"))
    clock.forward(days=400)
    schedules.pause("hourly")
    schedules.go_on("hourly")
    clock.forward(hours=1)
    assert len(await served(schedules, code)) == 1
    clock.forward(days=-400, hours=-1)
    clock.forward(hours=2)
    assert times(await served(schedules, code)) == ["28 14:00"]
    clock.forward(hours=1)
    assert times(await served(schedules, code)) == ["28 15:00"]


async def test_a_run_that_waits_for_a_person_is_no_failure(schedules, clock, code) -> None:
    """The tick has done what it could."""
    code.greetings = Pipeline([Approval("ok", ask="Greet {who}?")], name="greetings")
    schedules.add(hourly())
    clock.forward(hours=1)
    (done,) = await served(schedules, code)
    assert (done.status, done.runs, done.failed, done.waiting) == ("ok", 1, 0, 1)


async def test_what_was_cut_off_goes_with_its_schedule(schedules, clock, code) -> None:
    """A new one of the same name does not go on with it."""
    schedules.add(hourly())
    schedules._table.want("hourly", "2026-11-28T12:00:00Z", clock())
    schedules.remove("hourly")
    schedules.add(hourly(rows=[{"who": "Eve"}]))
    assert await served(schedules, code) == []


# ---- by hand ---------------------------------------------------------------------------------------------------


async def test_run_now(schedules, clock, code) -> None:
    """Is a tick that stands for this second, and does not keep the next one from running."""
    schedules.add(hourly())
    clock.forward(minutes=59, seconds=58)
    done = await schedules.run_now("hourly", code)
    assert done is not None
    assert (done.status, done.batch) == ("ok", "hourly@2026-11-28T12:59:58Z")
    with pytest.raises(ScheduleError, match="12:59:58Z has run already"):
        await schedules.run_now("hourly", code)
    clock.forward(seconds=2)
    assert times(await served(schedules, code)) == ["28 13:00"]


async def test_run_now_keeps_nothing_that_was_missed_from_running(schedules, clock, code) -> None:
    """A tick by hand is none that the line of cron wanted."""
    schedules.add(hourly(catch_up="all"))
    clock.forward(hours=2, minutes=30)
    await schedules.run_now("hourly", code)
    assert times(await served(schedules, code)) == ["28 13:00", "28 14:00"]


async def test_run_now_imports_what_was_named(schedules, code, tmp_path) -> None:
    """And nothing because the store says so; where a kickoff writes it is refused, and not kept for later."""
    schedules.add(hourly())
    with pytest.raises(
        ScheduleError, match=r"which was not named. hint: crewgraph schedule run-now hourly app:greetings"
    ):
        await schedules.run_now("hourly", code, targets=["app:other"])
    lock = Lock(tmp_path / "runs.sqlite")
    with pytest.raises(StoreError, match=r"writes to it. hint: try again"):
        await schedules.run_now("hourly", code, targets=["app:greetings"])
    lock.release()
    assert await served(schedules, code) == []


async def test_run_now_where_somebody_serves(schedules, code) -> None:
    """Is left to whoever serves."""
    schedules.add(hourly())
    with schedules._table.serving():
        assert await schedules.run_now("hourly", code) is None
    assert code.ran == []
    assert times(await served(schedules, code)) == ["28 12:00"]
    assert code.ran == ["Ann"]


@pytest.mark.parametrize("verb", ["pause", "go_on", "remove"])
def test_names_that_nobody_has(schedules, verb) -> None:
    """Are told, with those that there are."""
    schedules.add(hourly())
    with pytest.raises(ScheduleError, match=r"there is no schedule 'daily'. hint: there is: hourly"):
        getattr(schedules, verb)("daily")


def test_a_name_twice(schedules) -> None:
    """The second one is refused, and the first one stays."""
    schedules.add(hourly())
    with pytest.raises(ScheduleError, match="there is a schedule 'hourly' already"):
        schedules.add(hourly(cron="@daily"))
    assert [state.schedule.cron for state in schedules.list()] == ["0 * * * *"]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"name": " "}, "a name is a text in one line"),
        ({"name": "a@b"}, "without @ and /"),
        ({"name": "a\nb"}, "in one line"),
        ({"rows": None}, "its inputs come from one place"),
        ({"inputs": "a.jsonl", "rows": [{}]}, "its inputs come from one place"),
        ({"grace": -1}, "greater than or equal to 0"),
        ({"catch_up": "some"}, "'none', 'last' or 'all'"),
        ({"max_concurrency": 0}, "greater than or equal to 1"),
        ({"crom": "x"}, "Extra inputs"),
    ],
)
def test_what_is_no_schedule(said: dict[str, Any], message: str) -> None:
    """Is refused when it is made."""
    with pytest.raises(ValidationError, match=message):
        hourly(**said)


def test_an_address_is_no_file() -> None:
    """Schedules stand in a file."""
    with pytest.raises(ScheduleError, match=r"hint: --store schedules\.sqlite"):
        Schedules("postgresql://here/crew")
