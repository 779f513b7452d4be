"""How workers share the ticks of a database: who fires one, who goes on with it, and what becomes of it."""

from __future__ import annotations

import threading
from collections.abc import Generator
from datetime import timedelta
from typing import Any

import pytest

from crewgraph import Pipeline
from crewgraph.cluster.submit import Submitter
from crewgraph.errors import ScheduleError, StoreError
from crewgraph.policy import Budget
from crewgraph.schedule import Schedules
from crewgraph.schedule.cron import Cron
from crewgraph.schedule.ticker import ATTEMPTS, Ticker
from crewgraph.store.remote_timetable import RemoteTimetable
from tests.postgres import created
from tests.schedules import NOON, Clock, Code, Database, hourly, times

pytestmark = pytest.mark.filterwarnings("ignore")
TICK = "2026-11-28T13:00:00Z"


@pytest.fixture
def database(server: str) -> Generator[Database]:
    made = Database(server, Code(), Clock())
    made.query("TRUNCATE schedules, ticks, firings, runs, nodes, tickets, workers")
    yield made
    for ticker in made.tickers:
        ticker.settle(5.0)
        ticker._table.close()


def rows(database: Database) -> list[Any]:
    return database.query("SELECT t.tick, t.status, f.worker, cardinality(f.runs) FROM ticks t LEFT JOIN firings f USING (schedule, tick)")  # fmt: skip


def test_a_tick_is_fired_once(database: Database) -> None:
    """Of ten workers that look at the same moment one fires it, and its runs are there once."""
    database.schedules.add(hourly(callable="app:guests"))
    database.clock.forward(hours=1)
    tickers = [database.ticker(f"worker {number}") for number in range(10)]
    for number in range(len(tickers)):
        database.alive(f"worker {number}")
    barrier = threading.Barrier(len(tickers))

    def look(ticker: Ticker) -> None:
        barrier.wait()
        ticker.look()
        ticker.settle()

    threads = [threading.Thread(target=look, args=(ticker,)) for ticker in tickers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [row[:2] + row[3:] for row in rows(database)] == [(TICK, "running", 2)]
    assert len(database.code.asked) == 1
    assert database.query("SELECT count(*) FROM dbos.workflow_status WHERE name = 'crewgraph.run' AND status = 'ENQUEUED' "
                          "AND workflow_uuid IN (SELECT workflow FROM tickets)") == [(2,)]  # fmt: skip
    assert (
        database.query("SELECT pipeline, id ~ '^hourly@2026-11-28T13:00:00Z/' FROM runs") == [("greetings", True)] * 2
    )


def left(database: Database, worker: str) -> None:
    """A tick that a worker has claimed and not fired."""
    database.schedules.add(hourly(callable="app:guests"))
    database.clock.forward(hours=1)
    (record, _) = RemoteTimetable(database.address).schedules()["hourly"]
    table = RemoteTimetable(database.address)
    assert table.claim("hourly", record, TICK, worker, database.clock(), is_wanted=False)


def test_what_a_dead_worker_has_left_is_fired_by_another(database: Database) -> None:
    """As soon as it is silent, with the inputs that its function had given; while it lives it is left alone."""
    left(database, "gone")
    RemoteTimetable(database.address).keep_given("hourly", TICK, "gone", [{"who": "Eve"}])
    database.alive("gone")
    assert database.serve() == []
    database.query("DELETE FROM workers")
    (done,) = database.serve()
    assert (times([done]), done.status, database.code.ran, database.code.asked) == (["28 13:00"], "ok", ["Eve"], [])
    assert rows(database) == [(TICK, "ok", "here", 1)]


def test_a_worker_that_thaws_fires_nothing(database: Database) -> None:
    """Its tick is another one's by then: what it would submit is rolled back as a whole."""
    left(database, "frozen")
    frozen, other = database.ticker("frozen"), database.ticker("other")
    asked, thawed = threading.Event(), threading.Event()
    whole = database.code.function

    def slow(name: str) -> Any:
        asked.set()
        thawed.wait(100)
        return lambda: [{"who": "Mallory"}]

    database.code.function = slow  # type: ignore[method-assign]
    frozen.look()
    assert asked.wait(100)
    database.code.function = whole  # type: ignore[method-assign]
    other.look()
    other.settle()
    assert rows(database) == [(TICK, "running", "other", 2)]
    thawed.set()
    frozen.settle()
    assert rows(database) == [(TICK, "running", "other", 2)]
    assert "Mallory" not in str(database.query("SELECT input FROM runs"))


def test_what_cannot_be_submitted_is_tried_again(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the same worker, with the same inputs; after some attempts its tick has failed and says why."""
    database.schedules.add(hourly(callable="app:guests", catch_up="all"))
    database.clock.forward(hours=2)
    submit, attempts, ticker = Submitter.submit, list[int](), database.ticker()

    def broken(*_: Any, **__: Any) -> None:
        attempts.append(1)
        raise OSError("the line is dead")

    monkeypatch.setattr(Submitter, "submit", broken)
    database.alive("here")
    for _ in range(2):
        ticker.look()
        ticker.settle()
    monkeypatch.setattr(Submitter, "submit", submit)
    ticker.look()
    ticker.settle()
    assert rows(database) == [(TICK, "running", "here", 2)]
    assert database.code.asked == ["app:guests 13:00"]
    database.walk()
    monkeypatch.setattr(Submitter, "submit", broken)
    for _ in range(ATTEMPTS + 2):
        ticker.look()
        ticker.settle()
    assert len(attempts) == 2 + ATTEMPTS
    (_, last) = sorted(database.query("SELECT tick, status, error FROM ticks"))
    assert last == ("2026-11-28T14:00:00Z", "failed", "OSError: the line is dead")


def test_what_is_removed_while_it_is_fired(database: Database) -> None:
    """Runs nothing any more: its runs are rolled back, and the tick has failed."""
    database.schedules.add(hourly(callable="app:guests"))
    database.clock.forward(hours=1)
    asked, removed = threading.Event(), threading.Event()

    def slow(name: str) -> Any:
        asked.set()
        removed.wait(100)
        return lambda: [{"who": "Ann"}]

    database.code.function = slow  # type: ignore[method-assign]
    ticker = database.ticker()
    ticker.look()
    assert asked.wait(100)
    database.schedules.remove("hourly")
    removed.set()
    ticker.settle()
    assert database.query("SELECT status, error FROM ticks") == [("failed", "its schedule was removed")]
    assert database.query("SELECT count(*) FROM runs") == [(0,)]


def test_what_is_removed_while_its_runs_are_at_work(database: Database) -> None:
    """Runs to its end, and the tick says how it ended."""
    database.schedules.add(hourly())
    database.clock.forward(hours=1)
    ticker = database.ticker()
    ticker.look()
    ticker.settle()
    database.schedules.remove("hourly")
    database.walk()
    ticker.look()
    assert rows(database) == [(TICK, "ok", "here", 1)]


def test_a_database_that_goes_away(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is looked at again when it is back; a tick that fails meanwhile is noted then, and not asked for twice."""
    database.schedules.add(hourly(callable="app:guests"))
    database.clock.forward(hours=1)
    database.alive("here")
    ticker = database.ticker()
    ticker.look()
    ticker.settle()
    database.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()")  # fmt: skip
    with pytest.raises(StoreError, match="cannot be used"):
        ticker.look()
    ticker.look()
    database.walk()
    ticker.look()
    assert rows(database) == [(TICK, "ok", "here", 2)]

    database.code.given, whole = "no inputs", RemoteTimetable.fail

    def away(*_: Any, **__: Any) -> bool:
        raise StoreError("here", "is away")

    monkeypatch.setattr(RemoteTimetable, "fail", away)
    database.clock.forward(hours=1)
    ticker.look()
    ticker.settle()
    monkeypatch.setattr(RemoteTimetable, "fail", whole)
    ticker.look()
    ticker.settle()
    assert [row[1] for row in sorted(rows(database))] == ["ok", "failed"]


def test_a_store_that_cannot_be_read_is_no_fault_of_the_inputs(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was wrong, the tick is fired at the next look."""
    database.schedules.add(hourly(callable="app:guests"))
    database.clock.forward(hours=1)
    database.alive("here")
    ticker, whole = database.ticker(), RemoteTimetable.given

    def away(*_: Any) -> None:
        raise StoreError("here", "is away")

    monkeypatch.setattr(RemoteTimetable, "given", away)
    ticker.look()
    ticker.settle()
    assert rows(database) == [(TICK, "running", "here", None)]
    monkeypatch.setattr(RemoteTimetable, "given", whole)
    ticker.look()
    ticker.settle()
    assert rows(database) == [(TICK, "running", "here", 2)]


def test_runs_that_wait_for_a_person_keep_no_tick_open(database: Database) -> None:
    """The tick has done what it could."""
    database.schedules.add(hourly())
    database.clock.forward(hours=1)
    ticker = database.ticker()
    ticker.look()
    ticker.settle()
    database.query("UPDATE runs SET status = 'waiting'")
    ticker.look()
    assert rows(database) == [(TICK, "ok", "here", 1)]
    assert [dict(row.runs) for row in database.schedules.ticks("hourly")] == [{"waiting": 1}]


def test_inputs_that_postgres_does_not_take(database: Database) -> None:
    """Fail their tick after some attempts, and no other one."""
    database.schedules.add(hourly(rows=[{"who": "a\0b"}], id_column="who"))
    database.schedules.add(hourly(name="other"))
    database.alive("here")
    database.clock.forward(hours=1)
    ticker = database.ticker()
    for _ in range(ATTEMPTS + 2):
        ticker.look()
        ticker.settle()
    database.walk()
    ticker.look()
    told = {
        name: (status, error) for name, status, error in database.query("SELECT schedule, status, error FROM ticks")
    }
    assert told["other"] == ("ok", None)
    assert told["hourly"][0] == "failed"
    assert "StoreError: " in told["hourly"][1]


def test_a_pause_counts_at_once(database: Database) -> None:
    """What was looked at before is not claimed any more: not when it rests, was changed, or is gone."""
    database.schedules.add(hourly())
    table = RemoteTimetable(database.address)
    (record, _) = table.schedules()["hourly"]
    assert not table.claim("hourly", record + " ", TICK, "w", 0.0, is_wanted=False)
    database.schedules.pause("hourly")
    paused = table.schedules()["hourly"][0]
    assert not table.claim("hourly", paused, TICK, "w", 0.0, is_wanted=False)
    assert table.claim("hourly", paused, "2026-11-28T12:00:01Z", "w", 0.0, is_wanted=True)
    assert not table.claim("hourly", paused, TICK, "w", 0.0, is_wanted=True)
    database.schedules.remove("hourly")
    assert not table.claim("hourly", paused, TICK, "w", 0.0, is_wanted=True)


def test_run_now_is_left_to_the_workers(database: Database) -> None:
    """It is a tick of this second, also while its schedule rests, and waits for the one at work."""
    database.schedules.add(hourly(overlap="skip"))
    database.schedules.pause("hourly")
    import anyio

    assert anyio.run(database.schedules.run_now, "hourly", database.code) is None
    assert times(database.serve()) == ["28 12:00"]
    with pytest.raises(ScheduleError, match=r"hint: crewgraph worker TARGET"):
        anyio.run(lambda: database.schedules.serve(database.code, targets=None))


def test_ticks_of_several_schedules_run_side_by_side(database: Database) -> None:
    """One that takes long keeps those of others from nothing, and its own next one waits."""
    database.schedules.add(hourly(catch_up="all"))
    database.schedules.add(hourly(name="half", cron="30 * * * *"))
    database.clock.forward(hours=2)
    ticker = database.ticker()
    for _ in range(3):
        ticker.look()
        ticker.settle()
    assert sorted(row[:2] for row in rows(database)) == [("2026-11-28T13:00:00Z", "running"), ("2026-11-28T13:30:00Z", "running")]  # fmt: skip


def test_ticks_are_skipped_while_one_is_at_work(database: Database) -> None:
    """Where the schedule says so, at the time when they come."""
    database.schedules.add(hourly(overlap="skip"))
    database.clock.forward(hours=1)
    ticker = database.ticker()
    for _ in range(3):
        ticker.look()
        ticker.settle()
        database.clock.forward(hours=1)
    assert [(row[0][11:13], row[1]) for row in sorted(rows(database))] == [("13", "running"), ("14", "skipped"), ("15", "skipped")]  # fmt: skip


def test_the_first_failure_may_cancel_the_others(database: Database) -> None:
    """With fail_fast, as soon as a worker has noted it; and inputs that cannot run keep all others from running."""
    database.schedules.add(hourly(on_error="fail_fast", rows=[{"who": "Ann"}, {"who": "Bob"}, {"who": "Eve"}]))
    database.schedules.add(hourly(name="bad", on_error="fail_fast", rows=[{"who": "Ann"}, {"what": "tea"}]))
    database.clock.forward(hours=1)
    ticker = database.ticker()
    ticker.look()
    ticker.settle()
    database.query("UPDATE runs SET status = 'failed', error = 'no tea' WHERE input ~ 'Bob'")
    ticker.look()
    ticker.look()
    (bad, fast) = sorted(database.query("SELECT schedule, status, error FROM ticks"))
    assert fast == ("hourly", "failed", "3 of 3 runs failed, the first: no tea")
    assert (bad[:2], "1 of 1 run failed" in bad[2]) == (("bad", "failed"), True)
    assert sorted(database.query("SELECT status FROM runs")) == [("cancelled",), ("cancelled",), ("failed",)]


def test_what_a_function_of_a_module_nobody_named_gives(database: Database) -> None:
    """Is not asked for: its tick has failed."""

    def refuse(name: str) -> Any:
        raise ScheduleError(f"nothing of {name} was named")

    database.code.function = refuse  # type: ignore[method-assign]
    database.schedules.add(hourly(callable="os:listdir"))
    database.clock.forward(hours=1)
    (done,) = database.serve()
    assert (done.status, done.error) == ("failed", "ScheduleError: nothing of os:listdir was named")


@pytest.mark.parametrize(
    ("pipelines", "loading", "expected"),
    [({}, True, []), ({"greetings"}, False, []), ({"greetings"}, True, ["28 13:00"])],
    ids=["another pipeline", "no files", "both"],
)
def test_who_serves_a_schedule(database: Database, pipelines: Any, loading: bool, expected: list[str]) -> None:
    """Workers that have its pipeline, and find its inputs."""
    database.schedules.add(hourly(inputs="Eve.jsonl"))
    database.clock.forward(hours=1)
    known = dict.fromkeys(pipelines, database.code.greetings)
    ticker = Ticker(database.address, "w", known, database.code if loading else None, clock=database.clock)
    database.tickers.append(ticker)
    ticker.look()
    ticker.settle()
    assert [row[0][8:10] + " " + row[0][11:16] for row in rows(database)] == expected


def test_how_many_have_it(database: Database) -> None:
    """A schedule tells how many workers have its pipeline."""
    database.schedules.add(hourly())
    assert database.schedules.state("hourly").workers == 0
    database.alive("one")
    database.alive("two")
    assert [state.workers for state in database.schedules.list()] == [2]
    assert database.schedules.server is None


HOSTILE = {
    "running and nobody's": "INSERT INTO ticks VALUES ('hourly', '2026-11-28T12:30:00Z', 'running', NULL, 0, NULL)",
    "fired and not there": "INSERT INTO firings VALUES ('hourly', '2026-11-28T13:00:00Z', 'x', NULL, '{1,2}')",
    "a status that is none": "INSERT INTO ticks VALUES ('hourly', '2026-11-28T12:30:00Z', 'what', NULL, 0, NULL)",
    "runs that are not there": """INSERT INTO ticks VALUES ('hourly', '2026-11-28T12:30:00Z', 'running', NULL, 0, NULL);
        INSERT INTO firings VALUES ('hourly', '2026-11-28T12:30:00Z', 'x', NULL, '{987654321}')""",
    "given and no JSON": """INSERT INTO ticks VALUES ('hourly', '2026-11-28T12:30:00Z', 'running', NULL, 0, NULL);
        INSERT INTO firings VALUES ('hourly', '2026-11-28T12:30:00Z', 'x', '{', NULL)""",
    "given and no list": """INSERT INTO ticks VALUES ('hourly', '2026-11-28T12:30:00Z', 'running', NULL, 0, NULL);
        INSERT INTO firings VALUES ('hourly', '2026-11-28T12:30:00Z', 'x', '3', NULL)""",
    "of nobody's schedule": "INSERT INTO ticks VALUES ('gone', '2026-11-28T12:30:00Z', 'running', NULL, 0, NULL)",
    "endless": "INSERT INTO ticks VALUES ('hourly', '2026-11-28T12:30:00Z', 'ok', NULL, 'NaN', 'Infinity')",
}


@pytest.mark.parametrize("statement", HOSTILE.values(), ids=HOSTILE.keys())
def test_rows_that_nobody_would_write(database: Database, statement: str) -> None:
    """Whatever stands in the tables: the next tick runs, and its schedule can be looked at."""
    database.schedules.add(hourly(callable="app:guests"))
    for each in statement.split(";"):
        database.query(each)
    database.clock.forward(hours=1)
    assert "28 13:00" in times(database.serve())
    assert database.schedules.ticks("hourly")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"pipeline": None}, r"workers know a pipeline by its name.*hint: Schedule\(pipeline="),
        ({"budget": Budget(tokens=5)}, r"its budget would not hold. hint: .*Crew\(budget"),
        ({"max_concurrency": 5}, r"hint: crewgraph worker --concurrency N"),
    ],
    ids=["no name", "budget", "concurrency"],
)
def test_what_workers_would_not_honour(database: Database, said: dict[str, Any], message: str) -> None:
    """Is refused when it is added, and nothing is kept."""
    with pytest.raises(ScheduleError, match=message):
        database.schedules.add(hourly(**said))
    assert database.schedules.list() == []


def test_a_database_that_is_no_store(server: str) -> None:
    """Says which command makes it one."""
    with pytest.raises(StoreError, match="crewgraph migrate"):
        Schedules(created(server, "bare_ticks")).list()


def test_it_looks_by_itself(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each second by the time of the database, also after a look that failed; and not after it was stopped."""
    monkeypatch.setattr("crewgraph.schedule.ticker.PAUSE", 0.01)
    looks, done, whole = list[int](), threading.Event(), Ticker.look

    def look(self: Ticker) -> None:
        looks.append(1)
        if len(looks) < 3:
            raise StoreError("here", "away") if len(looks) == 1 else ValueError("odd")
        whole(self)
        if len(looks) > 4:
            done.set()

    monkeypatch.setattr(Ticker, "look", look)
    told = list[str]()
    ticker = Ticker(database.address, "me", {"greetings": database.code.greetings}, told=told.append)
    Schedules(database.address).add(hourly(name="often", cron="* * * * *"))
    database.query("UPDATE schedules SET record = jsonb_set(record::jsonb, '{created}', '1.0')")
    ticker.start()
    assert done.wait(100)
    ticker.stop()
    before = len(looks)
    assert before >= 5
    assert [row[1:] for row in rows(database)] == [("running", "me", 1)]
    assert told[0].startswith("often: ")
    assert told[0].endswith(" 1 run submitted")


def test_nothing_is_asked_before_it_comes(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at schedules of which none is due asks the database nothing for each of them, until one is changed."""
    database.schedules.add(hourly())
    ticker, asked, whole = database.ticker(), list[str](), RemoteTimetable.latest
    monkeypatch.setattr(RemoteTimetable, "latest", lambda self, *args: asked.append(args[0]) or whole(self, *args))
    for _ in range(3):
        ticker.look()
        database.clock.forward(minutes=1)
    assert asked == ["hourly"]
    assert Cron("0 * * * *").after(NOON) == NOON + timedelta(hours=1)
    database.schedules.pause("hourly")
    ticker.look()
    database.schedules.go_on("hourly")
    ticker.look()
    assert asked == ["hourly"] * 2
    database.clock.forward(hours=1)
    ticker.look()
    ticker.settle()
    assert len(rows(database)) == 1


def test_a_pipeline_without_inputs(database: Database) -> None:
    """A tick of no inputs is through at once, and nothing has failed."""
    database.code.given = []
    database.schedules.add(hourly(callable="app:guests"))
    database.clock.forward(hours=1)
    assert [(done.status, done.runs) for done in database.serve()] == [("ok", 0)]
    assert isinstance(database.code.greetings, Pipeline)
