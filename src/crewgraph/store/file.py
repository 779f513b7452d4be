"""The file of a store: made whole or not at all, and looked at before it is opened, so that what is no store stays as it is."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Generator
from pathlib import Path

from crewgraph.errors import StoreError
from crewgraph.errors.near import beside

__all__ = ["APPLICATION", "VERSION", "absent", "log_of", "looked_at", "make", "read_only", "translated", "writable"]

APPLICATION = 1668442732  # "crjl" in bytes
"""Marks a file of SQLite as a store of crewgraph."""
VERSION = 3
"""Of the tables and of the JSON in them."""
MAGIC = b"SQLite format 3\0"
HEADER = 100
"""Bytes before the first table, by the file format of SQLite."""
PATIENCE = 30.0
"""Seconds to wait for whoever reads or copies the file."""
MAX_CHECKED = 64 * 1024 * 1024
"""Bytes up to which a file is looked through for damage before it is used."""

TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE runs (
  run INTEGER PRIMARY KEY, pipeline TEXT NOT NULL, id TEXT NOT NULL, content TEXT NOT NULL, input TEXT NOT NULL,
  definition TEXT NOT NULL, place INTEGER NOT NULL, origin TEXT, status TEXT NOT NULL, error TEXT,
  began REAL NOT NULL, ended REAL,
  UNIQUE (pipeline, id)
);
CREATE TABLE nodes (
  run INTEGER NOT NULL, node TEXT NOT NULL, item INTEGER NOT NULL, attempt INTEGER NOT NULL,
  status TEXT NOT NULL, fingerprint TEXT NOT NULL, output TEXT, route TEXT, spent TEXT, error TEXT,
  started REAL NOT NULL, ended REAL NOT NULL,
  PRIMARY KEY (run, node, item, attempt)
);
CREATE TABLE decisions (
  run INTEGER NOT NULL, node TEXT NOT NULL, decision TEXT NOT NULL, decided REAL NOT NULL,
  PRIMARY KEY (run, node)
) WITHOUT ROWID;
CREATE TABLE schedules (name TEXT PRIMARY KEY, record TEXT NOT NULL, is_paused INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE ticks (
  schedule TEXT NOT NULL, tick TEXT NOT NULL, status TEXT NOT NULL, error TEXT, began REAL NOT NULL, ended REAL,
  PRIMARY KEY (schedule, tick)
) WITHOUT ROWID;
"""
"""What a store holds.

* *meta*: under ``definition:NAME`` what a pipeline was when runs were made, its graph among it.
* *runs*: one for each input, whose ``content`` begins with ``~`` where JSON would not give it back as it was; ``place`` is its number in the kickoff that ran it last, ``origin`` what it was forked from.
* *nodes*: one for each attempt of a node; ``item`` is 0 for the node and counts the tasks inside of it from 1.
  It has row ids: without them an output of 1 kB has a page of 4 kB of its own, and takes three times as long to write.
* *decisions*: what somebody decided about a node that waits for that.
* *schedules* and *ticks*: what runs when, and what of it has run.
"""
SCHEMA = f"""
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {VERSION};
{TABLES}"""


def looked_at(path: Path) -> bool:
    """Whether a store is there; an empty file is none yet.

    Raises:
        StoreError: something else is there, or a store of a newer version.
    """
    try:
        with path.open("rb") as file:
            header = file.read(HEADER)
    except FileNotFoundError:
        if not path.absolute().parent.is_dir():
            raise StoreError(str(path), f"there is no folder '{path.parent}'") from None
        return False
    except OSError as error:
        raise StoreError(str(path), f"cannot be read: {error.strerror}") from error
    if not header:
        return False
    if not header.startswith(MAGIC) or len(header) < HEADER:
        raise StoreError(str(path), "is no store of crewgraph", hint="name another file")
    _check(path, header)
    return True


def _check(path: Path, header: bytes) -> None:
    """Refuse the database of somebody else, or of another version."""
    application, version = (int.from_bytes(header[place : place + 4], "big") for place in (68, 60))
    if application != APPLICATION:
        raise StoreError(str(path), "is a database of something else", hint="name another file")
    if version > VERSION:
        told = f"is a store of version {version}, and this crewgraph knows version {VERSION}"
        raise StoreError(str(path), told, hint="upgrade crewgraph, or name another file")
    if version < VERSION:
        told = f"is a store of version {version}, which no released crewgraph wrote; this one knows version {VERSION}"
        raise StoreError(str(path), told, hint="name another file")


def make(path: Path) -> None:
    """Make a store where there is none; whoever does so holds the lock. It appears whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    try:
        with translated(path):
            part.unlink(missing_ok=True)
            with contextlib.closing(sqlite3.connect(part, isolation_level=None)) as connection:
                connection.executescript(f"PRAGMA synchronous = FULL; BEGIN; {SCHEMA} COMMIT;")
            part.replace(path)
            _settle(path.absolute().parent)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _settle(folder: Path) -> None:
    """Have the name of a new file on disk too, where folders can be asked for that."""
    with contextlib.suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def writable(path: Path, *, is_checked: bool = False) -> sqlite3.Connection:
    """A connection that writes, and is durable when it commits; whoever opens it holds the lock.

    Args:
        path: the file.
        is_checked: whether it was looked through already.

    Raises:
        StoreError: the file is damaged.
    """
    with translated(path):
        connection = sqlite3.connect(
            path, timeout=PATIENCE, isolation_level=None, check_same_thread=False, cached_statements=512
        )
        try:
            if not is_checked and path.stat().st_size <= MAX_CHECKED:
                (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
                if said != "ok":
                    raise sqlite3.DatabaseError(said.splitlines()[-1])
            connection.execute("PRAGMA journal_mode = WAL")  # readers do not wait for a writer
            connection.execute("PRAGMA synchronous = FULL")  # what was committed outlives a power cut
        except BaseException:
            connection.close()
            raise
    return connection


def absent(
    path: Path, *, hint: str = "crewgraph run … --store FILE makes one, or kickoff(…, store=FILE)"
) -> StoreError:
    """What is raised where a store is to be read and there is none."""
    if path.exists():
        return StoreError(str(path), "is empty, and no store yet", hint=hint)
    return StoreError(str(path), "there is no such file", hint=beside(path) or hint)


def log_of(path: Path) -> Path:
    """The log that SQLite keeps beside a file while it is written to."""
    return path.parent / f"{path.name}-wal"


def read_only(path: Path) -> sqlite3.Connection:
    """A connection that reads, also while somebody writes, and leaves nothing beside the file.

    Raises:
        StoreError: there is no store.
    """
    if not looked_at(path):
        raise absent(path)
    is_at_rest = not log_of(path).exists()  # then nobody writes, and nothing waits beside it
    with translated(path):
        name = f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if is_at_rest else ''}"
        return sqlite3.connect(name, uri=True, timeout=PATIENCE, isolation_level=None, check_same_thread=False)


@contextlib.contextmanager
def translated(path: Path) -> Generator[None]:
    """Tell what SQLite and the system say as a :class:`StoreError`."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise StoreError(str(path), _in_words(error)) from error
    except OSError as error:
        raise StoreError(str(path), f"cannot be written: {error.strerror}") from error


def _in_words(error: sqlite3.DatabaseError) -> str:
    if isinstance(error, sqlite3.OperationalError):
        return f"cannot be used: {error}"
    return f"is damaged: {error}"
