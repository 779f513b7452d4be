"""Programs in Python as processes that are there at once: forked from one that has imported what they need."""

from __future__ import annotations

import atexit
import functools
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

NEEDED = (
    "anyio._backends._asyncio", "networkx", "yaml", "crewgraph.cli", "crewgraph.compiler", "crewgraph.engine.kickoff",
    "crewgraph.engine.local", "crewgraph.store.journal",
)  # fmt: skip
"""What most commands of crewgraph import."""
SERVER = """
import importlib, json, os, runpy, socket, sys

asked = socket.socket(fileno=0)
for name in sys.argv[1:]:
    importlib.import_module(name)
while True:
    data, files, _, _ = socket.recv_fds(asked, 1 << 17, 1)
    if not data:
        sys.exit()
    if not (pid := os.fork()):
        break
    os.close(files[0])
    asked.send(str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode())

# From here on this is the program, and ends as any other process does.
asked.detach()
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
os.dup2(files[0], 1)
os.dup2(files[0], 2)
(name, *sys.argv[1:]), folder, environ = json.loads(data)
os.chdir(folder)
os.environ.clear()
os.environ.update(environ)
runpy.run_module(name, run_name="__main__", alter_sys=True)
"""


@dataclass(frozen=True, slots=True)
class Done:
    """A program that has ended.

    Attributes:
        code: its exit code; where a signal ended it, the number of that below zero.
        told: what it wrote, to standard output and standard error.
    """

    code: int
    told: str


def done(*words: str, needed: Sequence[str] = NEEDED) -> Done:
    """Run what is after ``python -m``, in the folder and environment of this process, with an empty input.

    Args:
        words: the name of the module, and what it is called with.
        needed: what has been imported when it begins.
    """
    with tempfile.TemporaryFile() as told:
        asked = _asked(*needed)
        said = json.dumps([words, str(Path.cwd()), dict(os.environ)]).encode()
        socket.send_fds(asked, [said], [told.fileno()])
        code = int(asked.recv(20))
        told.seek(0)
        return Done(code, told.read().decode())


@functools.cache
def _asked(*needed: str) -> socket.socket:
    """The way to the process that is forked, which ends with this one."""
    asked, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with other:
        process = subprocess.Popen([sys.executable, "-c", SERVER, *needed], stdin=other)

    def end() -> None:
        asked.close()
        process.wait()

    atexit.register(end)
    return asked
