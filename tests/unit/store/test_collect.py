"""What is removed from a store, and what stays."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from crewgraph.errors import StoreError
from crewgraph.report import stored_results
from crewgraph.step import step
from crewgraph.store import collect, overview_of
from crewgraph.store.file import make
from crewgraph.store.lock import Lock
from crewgraph.syntax import Pipeline

DAY = timedelta(days=1)


@step(inline=True)
def echo(n: int) -> int:
    if n in broken:
        raise ValueError("broken")
    return n


@step(inline=True)
def after(n: int) -> int:
    return n


broken = set[int]()
PIPELINE = Pipeline([echo, after], name="p")


@pytest.fixture(autouse=True)
def mended():
    broken.clear()


def change(store, *statements: str) -> None:
    with closing(sqlite3.connect(store)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def age(store, days: float, where: str = "1") -> None:
    """Let something have happened so many days ago."""
    change(
        store,
        f"UPDATE nodes SET started = started - {days * 86400}, ended = ended - {days * 86400} WHERE run IN (SELECT run FROM runs WHERE {where})",
        f"UPDATE runs SET began = began - {days * 86400}, ended = ended - {days * 86400} WHERE {where}",
    )


def test_old_runs_go_with_what_is_kept_of_them(store, rows) -> None:
    """Younger ones stay, and are read as before."""
    PIPELINE.kickoff([{"n": n} for n in range(4)], store=store)
    age(store, 2, "place < 2")
    change(store, "INSERT INTO decisions SELECT run, 'echo', '{}', 0 FROM runs")
    done = collect(store, older=DAY)
    assert (done.runs, done.attempts, done.definitions) == ({"ok": 2}, 0, 0)
    assert [run.index for run in stored_results(store)] == [2, 3]
    assert rows("SELECT count(*) FROM nodes") == [(4,)]
    assert rows("SELECT run FROM decisions ORDER BY run") == [(3,), (4,)]
    assert not collect(store, older=DAY)


@pytest.mark.parametrize("status", ["running", "waiting"])
def test_what_has_not_ended_stays(store, status) -> None:
    """However old it is, and even if somebody noted an end."""
    PIPELINE.kickoff({"n": 1}, store=store)
    age(store, 900)
    change(store, f"UPDATE runs SET status = '{status}', ended = NULL")
    assert not collect(store, older=timedelta(0))
    change(store, "UPDATE runs SET ended = 1")
    assert not collect(store, older=timedelta(0))


def test_runs_are_chosen(store) -> None:
    """By how they ended, and of which pipeline they are."""
    broken.add(1)
    PIPELINE.kickoff([{"n": 0}, {"n": 1}], store=store, on_error="collect")
    PIPELINE.kickoff({"n": 0}, store=store, key="q")
    assert collect(store, older=timedelta(0), status=["failed"], dry_run=True).runs == {"failed": 1}
    assert collect(store, older=timedelta(0), key="q").runs == {"ok": 1}
    assert not collect(store, older=timedelta(0), status=[])
    assert [each.runs for each in overview_of(store).pipelines] == [{"failed": 1, "ok": 1}]


def test_attempts_that_were_replaced_go(store, rows) -> None:
    """The last one stays, and says still which one it is; the same kickoff reads it."""
    broken.add(1)
    PIPELINE.kickoff([{"n": 1}, {"n": 2}], store=store, on_error="collect")
    PIPELINE.kickoff([{"n": 1}, {"n": 2}], store=store, on_error="collect")
    broken.clear()
    first = PIPELINE.kickoff([{"n": 1}, {"n": 2}], store=store)
    would = collect(store, older=timedelta(0), status=[], dry_run=True)
    assert (would.runs, would.attempts, would.definitions) == ({}, 2, 0)
    assert collect(store, older=timedelta(0), status=[]).attempts == 2
    assert rows("SELECT node, attempt, status FROM nodes WHERE run = 1") == [("after", 1, "ok"), ("echo", 3, "ok")]
    again = PIPELINE.kickoff([{"n": 1}, {"n": 2}], store=store)
    assert [[span.attempts for span in run.spans] for run in again] == [
        [span.attempts for span in run.spans] for run in first
    ]
    assert {span.source for run in again for span in run.spans} == {"store"}


def test_attempts_of_runs_that_stay_are_counted_once(store) -> None:
    """Those of runs that go are part of them; of another pipeline nothing goes."""
    broken.add(1)
    for key in ("p", "q"):
        PIPELINE.kickoff({"n": 1}, store=store, on_error="collect", key=key)
    broken.clear()
    for key in ("p", "q"):
        PIPELINE.kickoff({"n": 1}, store=store, key=key)
    assert collect(store, older=timedelta(0), dry_run=True).attempts == 0
    assert collect(store, older=timedelta(0), key="q", status=["failed"], dry_run=True).attempts == 1
    assert collect(store, older=timedelta(0), key="q").runs == {"ok": 1}
    assert collect(store, older=DAY).attempts == 0


def test_definitions_without_runs_go(store, rows) -> None:
    """That of what is there stays; the count that is told before is right."""
    other = Pipeline([echo], name="p")
    PIPELINE.kickoff([{"n": 1}, {"n": 2}], store=store)
    other.kickoff([{"n": 1}], store=store)
    assert len(rows("SELECT 1 FROM meta")) == 2
    assert collect(store, older=timedelta(0), status=["failed"], dry_run=True).definitions == 0
    would = collect(store, older=timedelta(0), dry_run=True)
    other.kickoff([{"n": 1}, {"n": 2}], store=store)
    assert collect(store, older=DAY).definitions == 1
    assert would.definitions == 2
    assert [run.index for run in stored_results(store)] == [0, 1]


def test_the_space_is_given_back(store) -> None:
    """The file is smaller, at once and without a log beside it."""
    PIPELINE.kickoff([{"n": n, "text": "x" * 20_000} for n in range(50)], store=store)
    done = collect(store, older=timedelta(0))
    assert done.after == store.stat().st_size < done.before / 10
    assert not store.with_name("runs.sqlite-wal").exists()


def test_nobody_else_may_write(store) -> None:
    """Looking at what would go is always possible, and changes nothing."""
    PIPELINE.kickoff({"n": 1}, store=store)
    before = store.read_bytes()
    lock = Lock(store)
    try:
        with pytest.raises(StoreError, match="writes to it already"):
            collect(store, older=timedelta(0))
        assert collect(store, older=timedelta(0), dry_run=True)
    finally:
        lock.release()
    assert store.read_bytes() == before


def test_it_is_all_or_nothing(store, monkeypatch) -> None:
    """Where it cannot be done nothing is gone."""
    PIPELINE.kickoff({"n": 1}, store=store)
    change(store, "CREATE TRIGGER no BEFORE DELETE ON runs BEGIN SELECT raise(FAIL, 'no'); END")
    with pytest.raises(StoreError, match="no"):
        collect(store, older=timedelta(0))
    assert overview_of(store).pipelines[0].nodes == {"after": (1, 0), "echo": (1, 0)}


def test_what_cannot_be_meant(store) -> None:
    """An unknown status, a time that lies ahead, no store."""
    with pytest.raises(ValueError, match=r"does not end as 'running'\. hint: ok, failed, over_budget, cancelled"):
        collect(store, older=DAY, status=["running"])
    with pytest.raises(ValueError, match="lies ahead"):
        collect(store, older=-DAY)
    with pytest.raises(StoreError, match="there is no such file"):
        collect(store, older=DAY)
    assert not store.exists()
    make(store)
    assert not collect(store, older=DAY)


def test_old_ticks(store) -> None:
    """Of each schedule the last hundred stay, and those that have not ended; all where runs of one pipeline are meant."""
    make(store)
    row = "INSERT INTO ticks VALUES ('{}', '{:04}', '{}', NULL, 1, {})"
    change(store, *(row.format("a", n, "ok", 2) for n in range(130)), *(row.format("b", n, "ok", 2) for n in range(9)))
    change(store, row.format("a", 9000, "running", "NULL"), "UPDATE ticks SET status = 'wanted' WHERE tick = '0003'")
    assert not collect(store, older=DAY, key="a")
    done = collect(store, older=DAY, dry_run=True)
    assert (done.ticks, collect(store, older=DAY).ticks, collect(store, older=DAY).ticks) == (30, 30, 0)
