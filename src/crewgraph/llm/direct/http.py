"""One pool of HTTP connections for the whole process; the only module that knows aiohttp.

It lives in an asyncio loop of its own, so that connections are reused from one kickoff to the next, whichever event loop
the caller has.
"""

from __future__ import annotations

import atexit
import json
import os
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from crewgraph.llm.remote import thread_named

__all__ = ["THREAD", "Refused", "Words", "answered", "close", "events", "load"]

IDLE = 30.0
"""Seconds after which an idle connection is closed: before most servers do so."""
TAIL = 1.0
"""Seconds that the end of a stream may take after its last word; else its connection is not used again."""
PROXIES = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY")
"""The environment variables that name proxies."""
DATA = b"data:"
LAST = b"[DONE]"


class Refused(Exception):
    """The provider answered with an error.

    Attributes:
        status: of HTTP.
        headers: of the answer.
        body: of the answer, as text.
    """

    def __init__(self, status: int, headers: Mapping[str, str], body: str) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.headers = headers
        self.body = body


class Words(dict[str, Any]):
    """An object of JSON whose values are attributes, too: ``None`` where there is none."""

    def __getattr__(self, name: str) -> Any:
        return self.get(name)

    @classmethod
    def read(cls, data: bytes) -> Any:
        """What stands in a text of JSON.

        Raises:
            ValueError: it is none.
        """
        return json.loads(data, object_hook=cls)


# ---- the pool --------------------------------------------------------------------------------------------------

THREAD = "crewgraph-direct"
"""In which they are."""


async def load() -> None:
    """Import aiohttp, in the thread of the connections, if nobody has."""
    if "aiohttp" not in sys.modules:
        await thread_named(THREAD).run(_load)


async def _load() -> None:
    import aiohttp  # noqa: F401  # pyright: ignore[reportUnusedImport] - it takes a while, which no clock should count


def close() -> None:
    """Close the connections and end their thread; the next call opens them anew. Runs by itself at exit."""
    thread_named(THREAD).stop(_close)


_sessions = dict[Any, Any]()
"""One for each loop that there was: after a fork there is another, and the old one's connections are the parent's."""


def _session() -> Any:
    """The pool, in its thread."""
    import asyncio

    import aiohttp

    loop = asyncio.get_running_loop()
    session = _sessions.get(loop)
    if session is None:
        atexit.register(close)
        session = _sessions[loop] = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE),  # limits are the gate's business
            timeout=aiohttp.ClientTimeout(total=None),  # whoever asks sets one
            cookie_jar=aiohttp.DummyCookieJar(),
        )
    return session


async def _close() -> None:
    import asyncio

    session = _sessions.pop(asyncio.get_running_loop(), None)
    if session is not None:
        await session.close()


# ---- one call --------------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def _proxy(url: str, _: tuple[str | None, ...]) -> str | None:
    """The proxy that the environment names for an address; looked for anew when it says something else.

    aiohttp would look by itself, in two other threads for every call, which takes half of its time; and it would send what
    ``.netrc`` says of a host in the place of the key.
    """
    parts = urlsplit(url)
    if not parts.hostname or proxy_bypass(parts.hostname):
        return None
    return getproxies().get(parts.scheme)


@asynccontextmanager
async def answered(url: str, headers: Mapping[str, str], body: bytes) -> AsyncGenerator[Any]:
    """Post a request; the answer has begun, and its body is still to be read.

    Raises:
        Refused: the provider answered with an error.
        OSError, aiohttp.ClientError: there is no connection, or it broke.
        ValueError: this is no address.
    """
    said = tuple(os.environ.get(name) for name in PROXIES)
    async with _session().post(url, data=body, headers=headers, proxy=_proxy(url, said)) as response:
        if response.status >= 400:  # noqa: PLR2004 - HTTP's errors
            raise Refused(response.status, response.headers, await response.text(errors="replace"))
        yield response


async def events(response: Any) -> AsyncGenerator[Any]:
    """The objects of a stream of server-sent events.

    Raises:
        ValueError: one of them is no JSON.
    """
    import asyncio

    async with aclosing(_lines(response)) as lines:
        async for line in lines:
            if not line.startswith(DATA):
                continue
            data = line[len(DATA) :].strip()
            if data == LAST:
                with suppress(TimeoutError):
                    async with asyncio.timeout(TAIL):
                        await response.read()  # to its end, so that the connection can be used again
                return
            yield Words.read(data)


async def _lines(response: Any) -> AsyncGenerator[bytes]:
    rest = b""
    async for piece in response.content.iter_any():
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line
    yield rest
