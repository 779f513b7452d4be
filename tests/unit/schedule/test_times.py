"""Which ticks run, the same on a file and on a database: times, what was missed, what rests, what overlaps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest

from crewgraph.schedule import Schedules, Tick
from crewgraph.store.postgres import connected
from crewgraph.store.timetable import Timetable
from tests.schedules import NOON, Clock, Code, Database, hourly, times
from tests.schedules import served as served_file

pytestmark = pytest.mark.filterwarnings("ignore")


class Kind:
    """A store of one of both kinds, and whoever serves it."""

    def __init__(self, schedules: Schedules, serve: Callable[[], list[Tick]], query: Callable[..., Any]) -> None:
        self.schedules, self.serve, self.query = schedules, serve, query


@pytest.fixture(params=["file", "database"])
def kind(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock, code: Code) -> Iterator[Kind]:
    if request.param == "database":
        address = request.getfixturevalue("server")
        with connected(address) as connection:
            connection.execute("TRUNCATE schedules, ticks, firings, runs, nodes, tickets, workers")
        database = Database(address, code, clock)
        yield Kind(database.schedules, database.serve, database.query)
        return
    schedules = Schedules(tmp_path / "s.sqlite", clock=clock)
    table = schedules._table
    assert isinstance(table, Timetable)

    def query(text: str, *values: Any) -> Any:
        with table._writing() as store, closing(store.execute(text.replace("%s", "?"), values)) as done:
            return done.fetchall()

    yield Kind(schedules, lambda: anyio.run(served_file, schedules, code), query)


def test_a_tick_runs_once(kind: Kind, clock: Clock, code: Code) -> None:
    """When its time has come, and never again: not when it is served anew, and not when the clock goes back."""
    assert kind.schedules.add(hourly()) == NOON + timedelta(hours=1)
    assert kind.serve() == []
    clock.forward(hours=1)
    assert times(kind.serve()) == ["28 13:00"]
    assert kind.serve() == []
    clock.forward(minutes=-30)
    assert kind.serve() == []
    clock.forward(minutes=30, seconds=40)
    assert kind.serve() == []
    assert code.ran == ["Ann"]
    clock.forward(hours=1)
    assert times(kind.serve()) == ["28 14:00"]
    (state,) = kind.schedules.list()
    assert state.last is not None
    assert (state.last.tick, state.last.status, state.next) == ("2026-11-28T14:00:00Z", "ok", NOON + timedelta(hours=3))


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
    ids=lambda value: f"{value[0]} {value[1]} s" if isinstance(value, tuple) else f"{len(value)} run",
)
def test_ticks_that_were_missed(kind: Kind, clock: Clock, missed: tuple[str, int], expected: list[str]) -> None:
    """Run as the schedule says; what is no later than the grace was not missed."""
    catch_up, late = missed
    kind.schedules.add(hourly(catch_up=catch_up))
    clock.forward(hours=5, seconds=late)
    assert times(kind.serve()) == expected


def test_a_schedule_that_rests(kind: Kind, clock: Clock) -> None:
    """Runs nothing, and what came meanwhile does not run later."""
    kind.schedules.add(hourly(catch_up="all"))
    kind.schedules.pause("hourly")
    clock.forward(hours=2)
    assert kind.serve() == []
    assert [(state.is_paused, state.next) for state in kind.schedules.list()] == [(True, None)]
    kind.schedules.go_on("hourly")
    kind.schedules.go_on("hourly")
    assert kind.serve() == []
    clock.forward(hours=1)
    assert times(kind.serve()) == ["28 15:00"]
    kind.schedules.remove("hourly")
    clock.forward(hours=1)
    assert kind.serve() == []
    assert kind.schedules.list() == []


def test_several_schedules(kind: Kind, clock: Clock) -> None:
    """Run the earliest tick first, and those whose pipeline nobody has here do not run."""
    kind.schedules.add(hourly())
    kind.schedules.add(hourly(name="half", cron="30 * * * *"))
    clock.forward(hours=1, seconds=1)
    done = kind.serve()
    assert [(tick.schedule, f"{tick.instant:%H:%M}") for tick in done] == [("half", "12:30"), ("hourly", "13:00")]


@pytest.mark.parametrize(
    ("said", "begin", "expected"),
    [
        ({"cron": "30 2 * * *"}, datetime(2026, 3, 28, 12, tzinfo=UTC), ["29 01:30", "30 00:30"]),
        ({"cron": "30 2 * * *"}, datetime(2026, 10, 24, 12, tzinfo=UTC), ["25 00:30", "26 01:30"]),
        ({"cron": "0 * * * *"}, datetime(2026, 10, 24, 22, 30, tzinfo=UTC), ["24 23:00", "25 00:00", "25 01:00", "25 02:00"]),
    ],
    ids=["a time that is left out", "a time that comes twice", "every hour of a longer day"],
)  # fmt: skip
def test_days_on_which_clocks_are_set(
    kind: Kind, clock: Clock, said: dict[str, str], begin: datetime, expected: list[str]
) -> None:
    """What is left out comes as if the clock had not been set, what names its hour comes once, and each hour is one."""
    clock.now = begin
    kind.schedules.add(hourly(timezone="Europe/Berlin", catch_up="all", **said))
    clock.forward(days=1, hours=14) if len(expected) == 2 else clock.forward(hours=3, minutes=45)
    assert times(kind.serve()) == expected


def test_a_clock_that_was_ahead(kind: Kind, clock: Clock) -> None:
    """Keeps nothing from running when it is right again, and what has run does not run again."""
    kind.schedules.add(hourly(catch_up="all"))
    clock.forward(days=400)
    kind.schedules.pause("hourly")
    kind.schedules.go_on("hourly")
    clock.forward(hours=1)
    assert len(kind.serve()) == 1
    clock.forward(days=-400, hours=-1)
    clock.forward(hours=2)
    assert times(kind.serve()) == ["28 14:00"]
    clock.forward(hours=1)
    assert times(kind.serve()) == ["28 15:00"]


def test_ticks_that_come_while_an_earlier_one_is_at_work(kind: Kind, clock: Clock) -> None:
    """Are skipped where the schedule says so, and their rows say what was at work; by default they wait."""
    for name, overlap in (("queued", "queue"), ("skipping", "skip")):
        kind.schedules.add(hourly(name=name, overlap=overlap, catch_up="all"))
        # one that was begun at 13:00 and took until 15:10
        values = (name, "2026-11-28T13:00:00Z", (NOON + timedelta(hours=1)).timestamp())
        kind.query("INSERT INTO ticks VALUES (%s, %s, 'ok', NULL, %s, %s)", *values, values[2] + 7800)
    clock.forward(hours=4)
    done = [(tick.schedule, f"{tick.instant:%H:%M}") for tick in kind.serve()]
    assert sorted(done) == [("queued", "14:00"), ("queued", "15:00"), ("queued", "16:00"), ("skipping", "16:00")]
    told = [(row.tick[11:16], row.status, row.error) for row in kind.schedules.ticks("skipping")]
    busy = "2026-11-28T13:00:00Z was at work"
    assert told == [
        ("16:00", "ok", None), ("15:00", "skipped", busy), ("14:00", "skipped", busy), ("13:00", "ok", None),
    ]  # fmt: skip


@pytest.mark.parametrize("given", [[{"who": "Ann"}], {"who": "Ann"}, ({"who": "Ann"},)], ids=["list", "one", "tuple"])
def test_inputs_of_a_function(kind: Kind, clock: Clock, code: Code, given: Any) -> None:
    """It is given the tick, and gives a list of dicts or one dict."""
    code.given = given
    kind.schedules.add(hourly(callable="app:guests"))
    clock.forward(hours=1, seconds=5)
    (done,) = kind.serve()
    assert (done.status, done.batch, code.ran) == ("ok", "hourly@2026-11-28T13:00:00Z", ["Ann"])
    assert code.asked == ["app:guests 13:00"]


@pytest.mark.parametrize(
    ("given", "message"),
    [("Ann", "it gave str, and inputs are a list of dicts"), (3, "it gave int"), ([{"who": object()}], "are no JSON")],
    ids=["text", "number", "no JSON"],
)
def test_inputs_that_are_none(kind: Kind, clock: Clock, code: Code, given: Any, message: str) -> None:
    """Fail the tick, and the message says why."""
    code.given = given
    kind.schedules.add(hourly(callable="app:guests"))
    clock.forward(hours=1)
    (done,) = kind.serve()
    assert (done.status, done.runs) == ("failed", 0)
    assert message in str(done.error)
    assert kind.serve() == []


def test_inputs_that_lack_a_key(kind: Kind, clock: Clock, code: Code) -> None:
    """Fail the tick, whose other runs run."""
    kind.schedules.add(hourly(rows=[{"who": "Ann"}, {"what": "tea"}]))
    clock.forward(hours=1)
    (done,) = kind.serve()
    assert (done.status, "1 of 2 runs failed, the first: " in str(done.error)) == ("failed", True)
    assert "'who'" in str(done.error)
    assert code.ran == ["Ann"]


def test_runs_that_fail(kind: Kind, clock: Clock, code: Code) -> None:
    """Fail the tick, which says how many did and why the first one did; the next tick runs."""
    kind.schedules.add(hourly(rows=[{"who": "Ann"}, {"who": "Bob"}]))
    code.is_broken = True
    clock.forward(hours=1)
    (done,) = kind.serve()
    assert (done.status, done.runs) == ("failed", 2)
    assert "2 of 2 runs failed, the first: " in str(done.error)
    assert "no greeting today" in str(done.error)
    code.is_broken = False
    clock.forward(hours=1)
    assert [tick.status for tick in kind.serve()] == ["ok"]
    assert [(row.status, dict(row.runs)) for row in kind.schedules.ticks("hourly")] == [
        ("ok", {"ok": 2}), ("failed", {"failed": 2}),
    ]  # fmt: skip


HOSTILE = {
    "no JSON": "{",
    "a list": "[1]",
    "deep": "[" * 100_000,
    "nothing": "{}",
    "another name": hourly(name="other").model_dump_json(),
    "another time": hourly(name="odd").model_dump_json().replace("0 * *", "0 99 *"),
    "a time without end": hourly(name="odd").model_dump_json().replace('"created":0.0', '"created":1e300'),
    "a late grace": hourly(name="odd").model_dump_json().replace('"grace":60.0', '"grace":1e300'),
    "more than there is": hourly(name="odd").model_dump_json().replace('"overlap"', '"overlaps"'),
}


@pytest.mark.parametrize("record", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_record_that_is_none(kind: Kind, clock: Clock, record: str) -> None:
    """Is told by its schedule's name, can be removed, and others run."""
    kind.schedules.add(hourly())
    kind.query("INSERT INTO schedules VALUES ('odd', %s, 0)", record)
    clock.forward(hours=1)
    assert [tick.schedule for tick in kind.serve()] == ["hourly"]
    assert [(state.name, state.schedule is None, "cannot be read" in str(state.error)) for state in kind.schedules.list()] == [
        ("hourly", False, False), ("odd", True, True),
    ]  # fmt: skip
    kind.schedules.remove("odd")
    assert [state.name for state in kind.schedules.list()] == ["hourly"]


@pytest.mark.parametrize("tick", ["", "soon", "2026-11-28", "2026-11-28T12:30:00", "9999-99-99T00:00:00Z", "~"])
def test_ticks_that_are_none(kind: Kind, clock: Clock, tick: str) -> None:
    """A row that names no instant keeps nothing from running, neither as wanted nor as the last one."""
    kind.schedules.add(hourly())
    kind.query("INSERT INTO ticks VALUES ('hourly', %s, 'wanted', NULL, 0, NULL)", tick)
    kind.query("INSERT INTO ticks VALUES ('hourly', %s, 'ok', NULL, 0, 0)", tick + "x")
    clock.forward(hours=1)
    assert times(kind.serve()) == ["28 13:00"]


def test_what_was_asked_for_goes_with_its_schedule(kind: Kind, clock: Clock) -> None:
    """A new one of the same name does not go on with it."""
    kind.schedules.add(hourly())
    kind.schedules._table.want("hourly", "2026-11-28T12:00:00Z", clock())
    kind.schedules.remove("hourly")
    kind.schedules.add(hourly(rows=[{"who": "Eve"}]))
    assert kind.serve() == []


def test_when_it_comes_next(kind: Kind) -> None:
    """The next times are told, and none while it rests."""
    kind.schedules.add(hourly())
    assert [f"{each:%H:%M}" for each in kind.schedules.upcoming("hourly", 3)] == ["13:00", "14:00", "15:00"]
    kind.schedules.pause("hourly")
    assert kind.schedules.upcoming("hourly") == []
    assert kind.schedules.state("hourly").is_paused
