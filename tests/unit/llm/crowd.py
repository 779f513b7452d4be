"""A provider on the loopback interface that lets a crowd gather before it answers anybody, and counts its connections."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio

from tests.unit.llm.provider import said

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
BODY = said("hello").body


class Crowd:
    """What the server has seen.

    Attributes:
        url: where it is.
        wanted: how many requests must be there before they are answered.
        connections: how many there were.
    """

    def __init__(self) -> None:
        self.url = ""
        self.wanted = 1
        self.connections = 0
        self._waiting = list[Any]()

    def came(self, transport: Any) -> None:
        """A request is whole; where it is the last one that was missing, all are answered."""
        self._waiting.append(transport)
        if len(self._waiting) >= self.wanted:
            for each in self._waiting:
                each.write(HEAD % len(BODY) + BODY)
            self._waiting.clear()


class _Connection(asyncio.Protocol):
    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._data = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._crowd.connections += 1

    def data_received(self, data: bytes) -> None:
        self._data += data
        top, end, rest = self._data.partition(b"\r\n\r\n")
        length = int(top.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
        if end and len(rest) >= length:
            self._data = b""
            self._crowd.came(self._transport)


@contextmanager
def gathering() -> Iterator[Crowd]:
    """The server, while the block runs."""
    crowd = Crowd()

    async def listen() -> asyncio.Server:
        return await asyncio.get_running_loop().create_server(lambda: _Connection(crowd), "127.0.0.1", 0, backlog=4096)

    with anyio.from_thread.start_blocking_portal("asyncio") as portal:
        server = portal.call(listen)
        crowd.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        try:
            yield crowd
        finally:
            portal.call(server.close)
