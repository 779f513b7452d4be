"""The server of a page that is told what happens: on loopback only, for whoever has the address with its token.

This is the one module that knows Starlette and uvicorn. The server has a thread and an event loop of its own, so that
neither waits for the kickoff nor the kickoff for it; what it reads is the board.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Self

from crewgraph.errors import LibraryMissing
from crewgraph.graph import Graph
from crewgraph.outputs import RunResult
from crewgraph.report.fold import graph_behind
from crewgraph.report.page import page
from crewgraph.syntax import Pipeline
from crewgraph.trace import Event
from crewgraph.watch.board import Board

__all__ = ["Watch"]

HOST = "127.0.0.1"
INTERVAL = 0.3
"""Seconds between two looks at the board."""
PICTURE_INTERVAL = 2.0
"""Seconds between two pictures; and twenty times as long as one takes, as the kickoff waits for it."""
MAX_ROWS = 500
"""Rows of one message."""
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Watch:
    """Serves the page of a kickoff that is under way.

    ::

        with Watch(pipeline) as watch:
            print(watch.url)
            async for run in pipeline.stream(inputs, observer=watch.observe):
                watch.add(run)

    Args:
        pipeline: of which the runs are, or its graph.
        port: where to listen; 0 takes any that is free.
        title: stands on the page; the name of the pipeline where none is given.
        total: how many inputs there are, where that is known.

    Attributes:
        board: what is known of the kickoff.
        url: the address of the page, with the token without which nothing is told.

    Raises:
        LibraryMissing: Starlette or uvicorn is not installed.
        OSError: the port is taken.
    """

    def __init__(
        self,
        pipeline: Pipeline | Graph,
        *,
        port: int = 0,
        title: str | None = None,
        total: int | None = None,
    ) -> None:
        uvicorn = _uvicorn()
        self._token = secrets.token_urlsafe(24)
        graph = graph_behind(pipeline)
        self._socket = socket.create_server((HOST, port))
        self.board = Board(graph, title=title, total=total)
        self.url = f"http://{HOST}:{self._socket.getsockname()[1]}/?token={self._token}"
        settings = uvicorn.Config(
            _app(self.board, self._token),
            log_config=None,
            log_level="critical",
            lifespan="off",
            timeout_graceful_shutdown=1,
            ws="none",
        )
        self._server = uvicorn.Server(settings)
        self._thread = threading.Thread(target=self._serve, name="crewgraph-watch", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))

    def observe(self, event: Event) -> None:
        """Take an event: the observer of the kickoff. A run that has ended is shown once its result is added."""
        self.board.observe(event)

    def add(self, result: RunResult) -> None:
        """Add the run of a result that has come."""
        self.board.add(result)

    def end(self) -> None:
        """Tell whoever looks that nothing more comes; the page stays until :meth:`close`."""
        self.board.end()

    def close(self) -> None:
        """Stop to serve."""
        self.board.end()
        self._server.should_exit = True
        self._thread.join(5.0)
        self._socket.close()
        self.board.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _uvicorn() -> Any:
    try:
        import starlette
        import uvicorn
    except ImportError as error:
        raise LibraryMissing(error.name or "Starlette", what="the live page", extra="watch") from error
    del starlette
    return uvicorn


def _app(board: Board, token: str) -> Any:
    """The three things that are served: the page, what happens, and the details of a run."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.requests import Request
    from starlette.responses import PlainTextResponse, Response, StreamingResponse
    from starlette.routing import Route

    def guarded(serve: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def guard(request: Request) -> Response:
            if not hmac.compare_digest(request.query_params.get("token", "").encode(), token.encode()):
                message = "This page needs the address with its token, as it was printed.\n"
                return PlainTextResponse(message, 403, headers=HEADERS)
            return await serve(request)

        return guard

    async def whole(_request: Request) -> Response:
        pieces = page(board.sheet.title, board.picture(), board.facts(), (), is_live=True)
        return Response(b"".join(pieces), media_type="text/html", headers=HEADERS)

    async def events(request: Request) -> Response:
        begin = request.headers.get("last-event-id", "0")
        told = _events(board, int(begin) if begin.isdecimal() else 0)
        return StreamingResponse(told, media_type="text/event-stream", headers=HEADERS)

    async def details(request: Request) -> Response:
        found = board.details(request.path_params["place"])
        if found is None:
            return PlainTextResponse("There is no such run.\n", 404, headers=HEADERS)
        return Response(found, media_type="application/json", headers=HEADERS)

    routes = [
        Route("/", guarded(whole)),
        Route("/events", guarded(events)),
        Route("/run/{place:int}", guarded(details)),
    ]
    # A page elsewhere whose name suddenly means this machine comes with that name.
    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])
    return Starlette(routes=routes, middleware=[hosts])


async def _events(board: Board, place: int) -> AsyncIterator[bytes]:
    """What happens from the run at this place on, as server-sent events; ids are places, so that a reader may come back."""
    drawn, next_picture, known = -1, 0.0, 0
    while True:
        is_over = board.is_over
        facts, rows = board.rows(place, MAX_ROWS, known=known)
        if rows:
            place += len(rows)
            yield _event("runs", b'{"facts": %s, "rows": [%s]}' % (json.dumps(facts).encode(), b",".join(rows)), place)
        if board.count > place:
            continue
        open_, known = board.under_way(time.time(), known=known)
        yield _event("under-way", open_)
        if drawn != board.count and (is_over or time.monotonic() >= next_picture):
            drawn, began = board.count, time.monotonic()
            yield _event("picture", json.dumps(board.picture()).encode())
            next_picture = time.monotonic() + max(PICTURE_INTERVAL, 20 * (time.monotonic() - began))
        if is_over:
            yield _event("end", b"{}")
            return
        await asyncio.sleep(INTERVAL)


def _event(name: str, data: bytes, place: int | None = None) -> bytes:
    """One event; its data is JSON and so one line."""
    number = b"" if place is None else b"id: %d\n" % place
    return b"event: %s\n%sdata: %s\n\n" % (name.encode(), number, data)
