"""Processes that are made by forking one that has everything imported: to be killed by the dozen."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from typing import IO, Self

SERVER = """
import json, os, signal, socket, sys, traceback
import anyio._backends._asyncio, networkx, sqlite3
import crewgraph, crewgraph.compiler, crewgraph.engine.kickoff, crewgraph.engine.local, crewgraph.store, crewgraph.store.journal

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
asked = socket.socket(fileno=0)
while True:
    data, (out, *_), _, _ = socket.recv_fds(asked, 1 << 17, 1)
    pid = os.fork()
    if pid == 0:
        os.dup2(out, 1)
        code, sys.argv = json.loads(data)
        try:
            exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
            sys.stdout.flush()
        except BaseException:
            traceback.print_exc()
        os._exit(0)
    os.close(out)
    asked.send(str(pid).encode())
"""


@dataclass(slots=True)
class Forked:
    """A process, with as much of :class:`subprocess.Popen` as the tests need."""

    pid: int
    handle: int | None
    stdout: IO[str]

    def poll(self) -> int | None:
        """``None`` as long as it lives."""
        if self.handle is None or select.select([self.handle], [], [], 0)[0]:
            return 0
        return None

    def kill(self) -> None:
        if self.handle is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.handle, signal.SIGKILL)

    def communicate(self) -> tuple[str, None]:
        return self.stdout.read(), None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.handle is not None:
            select.select([self.handle], [], [])
            os.close(self.handle)
        self.stdout.close()


class Forks:
    """Makes processes that run some code."""

    def __init__(self) -> None:
        self.asked, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with other:
            environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
            self.process = subprocess.Popen([sys.executable, "-c", SERVER], stdin=other, env=environ)

    def started(self, code: str, *args: object) -> Forked:
        """A process that runs this code with these arguments; its output is a pipe."""
        ours, its = os.pipe()
        socket.send_fds(self.asked, [json.dumps([code, ["-c", *map(str, args)]]).encode()], [its])
        os.close(its)
        pid = int(self.asked.recv(20))
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:  # it is over already
            handle = None
        return Forked(pid, handle, os.fdopen(ours))

    def close(self) -> None:
        self.asked.close()
        self.process.kill()
        self.process.wait()
