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
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from crewgraph.llm.remote import thread_named

__all__ = [
    "THREAD",
    "NoJSON",
    "NoProxy",
    "Refused",
    "Unreached",
    "Words",
    "answered",
    "close",
    "events",
    "load",
    "unreached",
]

IDLE = 30.0
"""Seconds after which an idle connection is closed: before most servers do so."""
TAIL = 1.0
"""Seconds that the end of a stream may take after its last word; else its connection is not used again."""
PROXIES = (
    "http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY",
)  # fmt: skip
"""The environment variables that name proxies."""
SHOWN = 120
"""Bytes that are shown of what is no JSON."""
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


class NoJSON(ValueError):
    """A text that should be JSON is none.

    Attributes:
        begin: its beginning.
    """

    def __init__(self, begin: str) -> None:
        super().__init__(f"there is {begin!r} where JSON should be" if begin else "it is empty")
        self.begin = begin


class NoProxy(Exception):
    """The environment names a proxy that cannot be used."""


class Unreached(NamedTuple):
    """There is no connection.

    Attributes:
        place: host and port.
        cause: in the words of the system.
        is_proxy: whether this is a proxy, and nothing is known of the endpoint.
        is_untrusted: whether it has a certificate that nobody here trusts.
        status: of HTTP, with which the proxy refuses the way; 0 where it does not.
    """

    place: str
    cause: str
    is_proxy: bool = False
    is_untrusted: bool = False
    status: int = 0


def unreached(error: BaseException) -> Unreached | None:
    """What is known of a connection that there is none of; ``None`` where this is another error."""
    import aiohttp

    if isinstance(error, aiohttp.ClientHttpProxyError):
        there, cause = error.request_info.real_url, f"it refuses the way (HTTP {error.status})"
        return Unreached(f"the proxy {there.host}:{there.port}", cause, is_proxy=True, status=error.status)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        place = f"{error.host}:{error.port}"
        return Unreached(place, str(error.certificate_error), is_untrusted=True)
    if not isinstance(error, aiohttp.ClientConnectorError):
        return None
    system, is_proxy = error.os_error, isinstance(error, aiohttp.ClientProxyConnectionError)
    is_plain = type(system).__module__ == "builtins" and system.errno is not None  # others number otherwise
    cause = os.strerror(system.errno) if is_plain and system.errno is not None else str(system.strerror or system)
    place = f"the proxy {error.host}:{error.port}" if is_proxy else f"{error.host}:{error.port}"
    return Unreached(place, cause, is_proxy=is_proxy)


class Words(dict[str, Any]):
    """An object of JSON whose values are attributes, too: ``None`` where there is none."""

    def __getattr__(self, name: str) -> Any:
        return self.get(name)

    @classmethod
    def read(cls, data: bytes) -> Any:
        """What stands in a text of JSON.

        Raises:
            NoJSON: it is none.
        """
        try:
            return _DECODER.decode(data.decode())
        except ValueError:
            raise NoJSON(data[:SHOWN].decode(errors="replace")) from None


_DECODER = json.JSONDecoder(object_hook=Words)  # json.loads() would make one for each text


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

    Raises:
        NoProxy: it speaks something else.
    """
    parts = urlsplit(url)
    if not parts.hostname or proxy_bypass(parts.hostname):
        return None
    every = getproxies()
    named = every.get(parts.scheme)
    proxy = named or every.get("all")
    if not proxy:
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"  # as others read it
    if proxy.startswith(("http://", "https://")):
        return proxy
    if named:
        raise NoProxy(f"the environment names the proxy {proxy}")
    return None  # one for all kinds of traffic that is none for this kind


@asynccontextmanager
async def answered(url: str, headers: Mapping[str, str], body: bytes) -> AsyncGenerator[Any]:
    """Post a request; the answer has begun, and its body is still to be read.

    Raises:
        Refused: the provider answered with an error.
        OSError, aiohttp.ClientError: there is no connection, or it broke.
        NoProxy: the environment names one that cannot be used.
    """
    said = tuple(os.environ.get(name) for name in PROXIES)
    async with _session().post(url, data=body, headers=headers, proxy=_proxy(url, said)) as response:
        if response.status >= 400:  # noqa: PLR2004 - HTTP's errors
            raise Refused(response.status, response.headers, await response.text(errors="replace"))
        if response.method != "POST":  # sent elsewhere, by a word that drops the question
            raise Refused(response.history[0].status, response.history[0].headers, "")
        yield response


async def events(response: Any) -> AsyncGenerator[Any]:
    """The objects of a stream of server-sent events.

    Raises:
        NoJSON: one of them is none.
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
