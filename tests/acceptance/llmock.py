"""The real llmock server, in a process of its own: it speaks the protocols of several providers, and none of us wrote it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

START_SECONDS = 60
ATTEMPTS = 3
"""How often another port is tried: between choosing one and listening there somebody else may take it."""

LOCAL = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Llmock:
    """A server that runs.

    Attributes:
        url: where it is.
    """

    url: str

    def get(self, path: str) -> Any:
        """What its admin interface says."""
        with LOCAL.open(f"{self.url}{path}", timeout=60) as response:
            return json.load(response)

    def report(self) -> tuple[int, dict[str, Any]]:
        """The exit code and the verdict of ``llmock report``: what it thinks of its clients."""
        command = [sys.executable, "-m", "llmock.cli", "report", "--json", "--url", self.url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, env=_environment())
        return done.returncode, json.loads(done.stdout)


@contextmanager
def llmock(*options: str) -> Iterator[Llmock]:
    """A server with these options while the block runs."""
    with tempfile.TemporaryFile() as log:
        for attempt in range(1, ATTEMPTS + 1):
            port = _free_port()
            command = [sys.executable, "-m", "llmock.cli", "serve", "--port", str(port), *options]
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=_environment())
            try:
                server = Llmock(f"http://127.0.0.1:{port}")
                if _answers(server, process):
                    yield server
                    return
            finally:
                _end(process)
            if attempt == ATTEMPTS:
                log.seek(0)
                raise RuntimeError(f"llmock does not start:\n{log.read().decode(errors='replace')[-4000:]}")


def _answers(server: Llmock, process: subprocess.Popen[bytes]) -> bool:
    """Whether the server has begun to answer; not where it has ended instead."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            server.get("/health")
        except OSError:
            time.sleep(0.05)
        else:
            return True
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(60)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _environment() -> dict[str, str]:
    """The environment without what would tell llmock to behave otherwise, and without proxies."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("LLMOCK_") and not name.lower().endswith("_proxy")
    }
