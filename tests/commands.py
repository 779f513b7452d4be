"""Commands of crewgraph as processes that are there at once: forked from one that has imported what commands need."""

from __future__ import annotations

import atexit
import functools
import json
import os
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

SERVER = """
import json, os, runpy, socket, sys
import anyio._backends._asyncio, networkx, yaml
import crewgraph.cli, crewgraph.compiler, crewgraph.engine.kickoff, crewgraph.engine.local, crewgraph.store.journal

asked = socket.socket(fileno=0)
while True:
    data, files, _, _ = socket.recv_fds(asked, 1 << 17, 1)
    if not data:
        sys.exit()
    if not (pid := os.fork()):
        break
    os.close(files[0])
    asked.send(str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode())

# From here on this is the command, and ends as any other process does.
asked.detach()
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
os.dup2(files[0], 1)
os.dup2(files[0], 2)
words, folder, environ = json.loads(data)
os.chdir(folder)
os.environ.clear()
os.environ.update(environ)
sys.argv[1:] = words
runpy.run_module("crewgraph", run_name="__main__", alter_sys=True)
"""


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended.

    Attributes:
        code: its exit code, the number of the signal below zero where one ended it.
        told: what it wrote, to standard output and standard error.
    """

    code: int
    told: str


def done(*words: str) -> Done:
    """Run a command here and now, with the working folder and the environment of this process and an empty input."""
    with tempfile.TemporaryFile() as told:
        said = json.dumps([words, str(Path.cwd()), dict(os.environ)]).encode()
        asked = _asked()
        socket.send_fds(asked, [said], [told.fileno()])
        code = int(asked.recv(20))
        told.seek(0)
        return Done(code, told.read().decode())


@functools.cache
def _asked() -> socket.socket:
    """The way to the process that is forked, which ends with this one."""
    asked, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with other:
        process = subprocess.Popen([sys.executable, "-c", SERVER], stdin=other)

    def end() -> None:
        asked.close()
        process.wait()

    atexit.register(end)
    return asked
