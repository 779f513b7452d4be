"""The file of a store: what is none stays as it is, one writer at a time, and a full disk loses nothing."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from crewgraph.errors import KickoffError, StoreError
from crewgraph.step import step
from crewgraph.store import lock as locks
from crewgraph.store import overview_of
from crewgraph.store.file import APPLICATION, VERSION, make, writable
from crewgraph.store.lock import Lock, holder_of
from crewgraph.store.writer import Writer
from crewgraph.syntax import Pipeline


@step
async def one(i: int) -> dict[str, int]:
    return {"one": i}


pipeline = Pipeline([one], name="p")


def names_in(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def database(path: Path, *statements: str) -> bytes:
    with closing(sqlite3.connect(path)) as connection:
        for statement in ("CREATE TABLE t (a)", *statements):
            connection.execute(statement)
        connection.commit()
    return path.read_bytes()


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        ([], "is a database of something else. hint: name another file"),
        (
            [f"PRAGMA application_id = {APPLICATION}", f"PRAGMA user_version = {VERSION + 1}"],
            rf"is a store of version {VERSION + 1}, and this crewgraph knows version {VERSION}. hint: upgrade",
        ),
        (
            [f"PRAGMA application_id = {APPLICATION}", "PRAGMA user_version = 1"],
            r"is a store of version 1, which no released crewgraph wrote",
        ),
    ],
    ids=["foreign", "newer", "older"],
)
def test_other_databases_stay_as_they_are(store, statements, message) -> None:
    """Nothing is written to them or beside them."""
    before = database(store, *statements)
    for use in (lambda: pipeline.kickoff({"i": 0}, store=store), lambda: overview_of(store)):
        with pytest.raises(StoreError, match=message) as caught:
            use()
        assert caught.value.path == str(store)
    assert store.read_bytes() == before
    assert names_in(store.parent) == [store.name]


def test_what_is_no_store(store, tmp_path) -> None:
    """A text, a short file, a folder, no folder."""
    for text in ("index,topic\n0,tea\n", "SQLite format 3\0"):
        store.write_text(text)
        with pytest.raises(StoreError, match="is no store of crewgraph"):
            pipeline.kickoff({"i": 0}, store=store)
        assert store.read_text() == text
    with pytest.raises(StoreError, match="cannot be read: Is a directory"):
        pipeline.kickoff({"i": 0}, store=tmp_path)
    with pytest.raises(StoreError, match="there is no folder"):
        pipeline.kickoff({"i": 0}, store=tmp_path / "no" / "runs.sqlite")
    with pytest.raises(StoreError, match="there is no such file"):
        overview_of(tmp_path / "none.sqlite")


def test_an_empty_file_becomes_a_store(store) -> None:
    """Whoever made a name for it has not said what it holds."""
    store.touch()
    pipeline.kickoff({"i": 0}, store=store)
    assert overview_of(store).pipelines[0].runs == {"ok": 1}
    assert names_in(store.parent) == [store.name, f"{store.name}.lock"]


def test_a_damaged_store_stays_as_it_is(store) -> None:
    """It is looked through before anything is written."""
    pipeline.kickoff([{"i": i} for i in range(50)], store=store)
    whole = store.read_bytes()
    page = 4096
    for damaged in (whole[:page] + b"\x77" * page + whole[2 * page :], whole[: 2 * page]):
        store.write_bytes(damaged)
        with pytest.raises(StoreError, match=r"runs\.sqlite: is damaged"):
            pipeline.kickoff({"i": 0}, store=store)
        assert store.read_bytes() == damaged


def test_a_second_writer_is_refused(store) -> None:
    """It is told who writes; whoever only looks is not refused."""

    @step
    async def meanwhile() -> None:
        with pytest.raises(
            StoreError, match=rf"process {os.getpid()} \(this process\) on .*, since .* takes one writer"
        ):
            await pipeline.kickoff_async({"i": 0}, store=store)
        told = overview_of(store)
        assert told.writer is not None
        assert f"process {os.getpid()}" in told.writer

    Pipeline([meanwhile]).kickoff({}, store=store)
    assert overview_of(store).writer is None


def test_a_writer_of_another_process(store) -> None:
    """Its lock goes when it goes, however that is."""
    code = f"from crewgraph.store.lock import Lock; import pathlib, time; Lock(pathlib.Path({str(store)!r})); print('mine', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "mine\n"
        with pytest.raises(StoreError, match=rf"process {other.pid} on "):
            pipeline.kickoff({"i": 0}, store=store)
        other.kill()
    pipeline.kickoff({"i": 0}, store=store)


def test_locks_that_cannot_be_made(store, monkeypatch) -> None:
    """A folder in the way; a note that is half written; a file that may not be read."""
    lock = locks.lock_of(store)
    lock.mkdir()
    with pytest.raises(StoreError, match=r"runs\.sqlite\.lock cannot be made beside it"):
        Lock(store)
    lock.rmdir()
    held = Lock(store)
    for text in ("{", "[]"):
        lock.write_text(text)
        assert holder_of(store) == "another process"
    held.release()

    def denied(*_: Any) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "open", denied)
    assert holder_of(store) is None


def test_a_lock_where_there_is_no_flock(store, monkeypatch) -> None:
    """The file itself is the lock: it is gone when the writer is done, and may have to be deleted after a crash."""
    monkeypatch.setattr(locks, "IS_POSIX", False)
    pipeline.kickoff({"i": 0}, store=store)
    assert holder_of(store) is None
    lock = Lock(store)
    assert holder_of(store) is not None
    with pytest.raises(StoreError, match=r"if it is gone, delete runs\.sqlite\.lock"):
        Lock(store)
    lock.release()
    assert names_in(store.parent) == [store.name]


FULL = """
import json, resource, sys
from crewgraph import KickoffError, Pipeline, step
from crewgraph.errors import StoreError

@step
async def large(i: int) -> dict[str, str]:
    return {"text": f"{i}" * 4_000}  # so that the first commit finds room, although several may be in it

resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))
try:
    Pipeline([large]).kickoff([{"i": 10 + i} for i in range(80)], store=sys.argv[1], max_concurrency=4)
except KickoffError as error:
    assert isinstance(error.__cause__, StoreError), error.__cause__
    ok = [run.index for run in error.result if run.ok]
    print(json.dumps({"ok": ok, "told": str(error)}))
"""


def test_a_full_disk_ends_the_kickoff(store) -> None:
    """The error says so, what had finished is in its result, and what was kept can be read afterwards."""
    done = subprocess.run([sys.executable, "-c", FULL, str(store)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert "the kickoff was cut short: StoreError" in told["told"]
    assert "cannot be used: " in told["told"]
    (kept,) = (each.nodes["large"][0] for each in overview_of(store).pipelines)
    assert 0 < kept <= len(told["ok"]) < 80


def test_a_store_that_cannot_be_made(store, monkeypatch) -> None:
    """Nothing is left behind."""

    def full(*_: Any, **__: Any) -> Any:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(sqlite3, "connect", full)
    with pytest.raises(StoreError, match="cannot be used: database or disk is full"):
        pipeline.kickoff({"i": 0}, store=store)
    assert names_in(store.parent) == [f"{store.name}.lock"]


def test_what_outputs_take(store) -> None:
    """A file takes less than twice what is in it: no page for each output, and no text beside the keys that it is of."""

    @step
    async def texts(i: int) -> dict[str, str]:
        return {"text": str(i) * 1_500}

    Pipeline([texts]).kickoff([{"i": i % 10} for i in range(300)], store=store, max_concurrency=300)
    assert store.stat().st_size < 2 * 300 * 1_500


def test_many_rows_in_one_commit(store) -> None:
    """More than one statement takes are written in several, in one transaction."""

    @step
    async def wide(i: int) -> int:
        return i

    count = 3_000
    Pipeline([wide]).kickoff([{"i": i} for i in range(count)], store=store, max_concurrency=count)
    assert overview_of(store).pipelines[0].nodes == {"wide": (count, 0)}


@pytest.mark.anyio
async def test_a_writer_that_fails_tells_everybody(store) -> None:
    """All who wait, each with an error of its own, and so do those who come later; nothing is written any more."""
    make(store)
    connection = writable(store)
    writer = Writer(store, connection)
    many = 40_000
    for _ in range(many):
        writer.put("meta", ("k", None))
    errors = list[StoreError]()
    for _ in range(2):
        with pytest.raises(StoreError, match="is damaged: NOT NULL") as caught:
            await writer.durable()
        errors.append(caught.value)
    assert errors[0] is not errors[1]
    await writer.close()


@pytest.mark.anyio
async def test_where_a_statement_takes_few_values(store, rows) -> None:
    """Older versions of SQLite: several statements are one transaction, which is written whole or not at all."""
    make(store)
    writer = Writer(store, writable(store))
    writer._at_once = 2
    for number in range(5):
        writer.put("meta", (f"k{number}", "v"))
    await writer.durable()
    for value in ("v", "v", "v", None):
        writer.put("meta", (f"more {value}", value))
    with pytest.raises(StoreError, match="NOT NULL"):
        await writer.durable()
    await writer.close()
    assert rows("SELECT count(*) FROM meta") == [(5,)]


def test_a_store_that_cannot_get_its_name(store, monkeypatch) -> None:
    """What the system says is told."""

    def denied(*_: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", denied)
    with pytest.raises(StoreError, match="cannot be written: Permission denied"):
        pipeline.kickoff({"i": 0}, store=store)
    assert names_in(store.parent) == [f"{store.name}.lock"]


def test_error_of_kickoff_is_one(store) -> None:
    """A store that is refused is told as it is: nothing had begun."""
    store.write_text("no")
    with pytest.raises(StoreError):
        pipeline.kickoff({"i": 0}, store=store)
    assert not issubclass(StoreError, KickoffError)
