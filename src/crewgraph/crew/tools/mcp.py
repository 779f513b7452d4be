"""Tools of MCP servers, through the official client; the one module that imports it, and only when it connects.

Each connection lives in a task of its own: a server that dies takes nothing with it but its own tools.
"""

from __future__ import annotations

import json
import logging
import math
import os
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import anyio
from anyio.abc import TaskGroup
from pydantic import PrivateAttr

from crewgraph.crew.tools.contract import BaseTool
from crewgraph.crew.tools.mcp_server import MCPServer
from crewgraph.crew.tools.result import as_text
from crewgraph.crew.tools.schema import Arguments, opened, parsed
from crewgraph.errors import ToolError
from crewgraph.errors.root import MAX_NAMED, in_words
from crewgraph.threads import called

__all__ = ["Connections", "MCPServer", "MCPTool", "connections", "mcp_tools"]

MAX_PAGES = 100
"""How many pages of a server's list of tools are read."""
MAX_TOOLS = 128
"""How many tools of one server are offered; providers take no more in one request."""
MAX_DESCRIPTION = 10_000
"""Characters of what a server says of a tool; the rest is left out."""
MAX_SCHEMA = 100_000
"""Characters of the schema of a tool's arguments."""
HTTP_SECONDS = 30.0
STREAM_SECONDS = 300.0
"""How long a server over HTTP may take to answer, and how long the next piece of a streamed answer may."""
CLOSED = (-32000, "Connection closed")
"""Code and words of the client's error when a connection has ended; servers use the code for errors of their own."""

_log = logging.getLogger("crewgraph.crew")


class MCPTool(BaseTool):
    """A tool of an MCP server, while that is connected."""

    _connection: Connection = PrivateAttr()

    def __init__(self, connection: Connection, told: Any) -> None:
        server = connection.server
        words = told.description or told.title or ""
        words = words if len(words) <= MAX_DESCRIPTION else f"{words[:MAX_DESCRIPTION]} …"
        super().__init__(name=told.name, description=words, timeout=server.timeout)
        self._connection = connection
        self._parameters = _schema(told, server)

    def _learn(self) -> None:
        """Nothing: the server says what the tool takes, and checks it."""

    def tool_function(self) -> Callable[..., Any]:
        """Calls the server."""
        return self._call

    async def _call(self, /, **arguments: Any) -> str:
        return await self._connection.call(self.name, arguments)

    def tool_arguments(self, text: str) -> Arguments:
        """The arguments that a model wrote."""
        return opened(parsed(text))

    def tool_origin(self) -> str:
        """The server's name."""
        return self._connection.server.own_name

    def _by_hand(self, arguments: dict[str, Any]) -> Arguments:
        return opened(arguments)


class Connection:
    """A connection to one server, in a task of its own.

    Attributes:
        server: whom to.
        tools: its tools, once it is ready.
    """

    def __init__(self, server: MCPServer) -> None:
        self.server = server
        self.tools: list[MCPTool] = []
        self.is_over = False
        self._ready = anyio.Event()
        self._leaving = anyio.Event()
        self._client: Any = None
        self._error: Exception | None = None
        self._thread = threading.get_ident()

    async def keep(self) -> None:
        """Connect, and stay connected until somebody says :meth:`leave`; what goes wrong is told to those who wait."""
        deadline = anyio.current_time() + self.server.connect_timeout
        try:
            with anyio.CancelScope(deadline=deadline) as until_ready:
                await self._stay(until_ready)
            if until_ready.cancelled_caught:
                raise TimeoutError(f"no answer within {self.server.connect_timeout:g} s")
        except Exception as error:  # noqa: BLE001 - it is raised where the tools are wanted
            self._error = error
        finally:
            self.leave()
            self._ready.set()

    async def _stay(self, until_ready: anyio.CancelScope) -> None:
        await called(_sdk)  # the import takes a second
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(await _client(self.server, stack))
            self.tools = [MCPTool(self, told) for told in _chosen(self.server, await _listed(client))]
            until_ready.deadline, self._client = math.inf, client
            self._ready.set()
            await self._leaving.wait()

    def leave(self) -> None:
        """Disconnect."""
        self._client, self.is_over = None, True
        self._leaving.set()

    async def ready(self) -> list[MCPTool]:
        """The tools, as soon as the server has told them.

        Raises:
            ToolError: it cannot be reached, or has no such tools.
        """
        await self._ready.wait()
        if self._error is None:
            return self.tools
        cause = _alone(self._error)
        text = str(cause) if isinstance(cause, ToolError) else self._trouble(cause)
        raise ToolError(text) from cause  # a new one for each who waits

    def _trouble(self, cause: BaseException) -> str:
        said = f"{self.server.label} cannot be used: {in_words(cause)}"
        words = (self.server.command or "").split()
        if len(words) > 1 and isinstance(cause, FileNotFoundError):
            said += f". hint: command is the program alone: MCPServer(command={words[0]!r}, args={words[1:]!r})"
        return said

    async def call(self, name: str, arguments: Mapping[str, Any]) -> str:
        """Call a tool of the server.

        Raises:
            ToolError: the tool failed, or the server is gone.
        """
        if threading.get_ident() != self._thread:
            raise ToolError(f"{self.server.label} was connected in another thread; connect it where it is used")
        if self._client is None:
            raise ToolError(f"{self.server.label} is not connected any more")
        try:
            result = await self._client.call_tool(name, dict(arguments))
        except Exception as error:
            if (getattr(error, "code", None), str(error)) == CLOSED:
                self.leave()  # whoever wants its tools next connects anew
            raise ToolError(f"{self.server.label}, tool '{name}': {in_words(error)}") from error
        text = "\n".join(_text(block) for block in result.content)
        if not text and result.structured_content is not None:
            text = as_text(result.structured_content)
        if result.is_error:
            raise ToolError(text or f"tool '{name}' of {self.server.label} failed and does not say why")
        return text


# ---- connecting ------------------------------------------------------------------------------------------------


def _sdk() -> tuple[Any, Any]:
    """The client library, and the HTTP client that comes with it.

    Raises:
        ToolError: it is not installed.
    """
    try:
        import httpx2
        import mcp
    except ImportError as error:
        raise ToolError('MCP servers need the mcp package. hint: pip install "crewgraph[mcp]"') from error
    if not hasattr(mcp, "Client"):
        raise ToolError('the mcp package here is too old. hint: pip install "crewgraph[mcp]"')
    return mcp, httpx2


async def _client(server: MCPServer, stack: AsyncExitStack) -> Any:
    """A client that is not connected yet."""
    mcp, httpx2 = _sdk()
    if server.command is not None:
        env = None if server.env is None else dict(server.env)
        started = mcp.StdioServerParameters(
            command=server.command, args=list(server.args), env=env, cwd=None if server.cwd is None else str(server.cwd)
        )
        return mcp.Client(mcp.stdio_client(started, errlog=stack.enter_context(_stderr())))
    if server.url is not None:
        from mcp.client.streamable_http import streamable_http_client

        timeout = httpx2.Timeout(HTTP_SECONDS, read=STREAM_SECONDS)
        http = await stack.enter_async_context(httpx2.AsyncClient(headers=dict(server.headers or {}), timeout=timeout))
        return mcp.Client(streamable_http_client(server.url, http_client=http))
    return mcp.Client(server.server)


def _stderr() -> Any:
    """Where a program writes what it has to say: where we do, if that is a file at all."""
    try:
        return os.fdopen(os.dup(sys.stderr.fileno()), "w")
    except (AttributeError, OSError, ValueError):  # a notebook, or nothing at all
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - a device


async def _listed(client: Any) -> list[Any]:
    """The tools that a server tells, page by page."""
    told, cursor = list[Any](), None
    for _ in range(MAX_PAGES):
        page = await client.list_tools(cursor=cursor)
        told += page.tools
        cursor = page.next_cursor
        if cursor is None:
            break
    return told


def _chosen(server: MCPServer, told: list[Any]) -> list[Any]:
    """Those of a server's tools that are wanted.

    Raises:
        ToolError: it has not all of them, or too many.
    """
    if not all(each.name.strip() for each in told):
        _log.warning("%s has a tool without a name, which is left out", server.label)
    names = {each.name for each in told if each.name.strip()}
    for name in (*(server.include or ()), *server.exclude):
        if name not in names:
            there = ", ".join(sorted(names)[:MAX_NAMED]) + (" …" if len(names) > MAX_NAMED else "")
            raise ToolError(
                f"{server.label} has no tool '{name}', which include= or exclude= names. There is: {there or 'none'}"
            )
    wanted = (names if server.include is None else set(server.include)) - set(server.exclude)
    chosen = [each for each in told if each.name in wanted]
    if len(chosen) > MAX_TOOLS:
        raise ToolError(
            f"{server.label} has {len(chosen):,} tools, and a model is told {MAX_TOOLS} at most. "
            "hint: MCPServer(…, include=[…]) chooses some"
        )
    return chosen


def _schema(told: Any, server: MCPServer) -> dict[str, Any]:
    """The schema of a tool's arguments.

    Raises:
        ToolError: no model could be told it.
    """
    schema = {"type": "object", "properties": {}, **told.input_schema}
    problem = _problem(schema)
    if problem:
        raise ToolError(
            f"{server.label}, tool '{told.name}': its schema {problem}. hint: MCPServer(…, exclude=[{told.name!r}])"
        )
    return schema


def _problem(schema: dict[str, Any]) -> str:
    """What is wrong with a schema of arguments, if anything is."""
    properties, required = schema["properties"], schema.get("required", [])
    if schema["type"] != "object":
        return f"is of type {schema['type']!r:.80}, not 'object'"
    if not isinstance(properties, dict) or not all(isinstance(each, dict | bool) for each in properties.values()):
        return "has properties that are no schemas by their names"
    if not isinstance(required, list) or not all(isinstance(each, str) for each in required):
        return "requires what is no list of names"
    size = len(json.dumps(schema, default=str))
    return f"has {size:,} characters, and {MAX_SCHEMA:,} are the most" if size > MAX_SCHEMA else ""


def _text(block: Any) -> str:
    """One part of a result as text; pictures and sounds only by what they are."""
    resource = getattr(block, "resource", None)
    for each in (block, resource):
        if isinstance(text := getattr(each, "text", None), str):
            return text
    where = getattr(resource, "uri", None) or getattr(block, "uri", None)
    kind = getattr(block, "mime_type", None) or getattr(resource, "mime_type", None)
    return f"[{' '.join(str(part) for part in (block.type, kind, where) if part)}]"


def _alone(error: BaseException) -> BaseException:
    """An error out of the groups that the client's own tasks wrap it in."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


# ---- connections of a run --------------------------------------------------------------------------------------


class Connections:
    """The servers that are connected in one place, each once."""

    def __init__(self, group: TaskGroup) -> None:
        self._group = group
        self._open = dict[int, Connection]()

    async def tools(self, servers: Sequence[MCPServer]) -> list[list[MCPTool]]:
        """The tools of servers, connected side by side where they are not yet.

        Raises:
            ToolError: one of them cannot be reached.
        """
        return [await each.ready() for each in [self._connection(server) for server in servers]]

    def _connection(self, server: MCPServer) -> Connection:
        known = self._open.get(id(server))
        if known is None or known.is_over:
            known = self._open[id(server)] = Connection(server)
            self._group.start_soon(known.keep)
        return known

    def leave(self) -> None:
        """Disconnect them all."""
        for each in self._open.values():
            each.leave()


@asynccontextmanager
async def connections() -> AsyncGenerator[Connections]:
    """A place where servers can be connected, until it is left."""
    crash: BaseException | None = None
    async with anyio.create_task_group() as group:
        held = Connections(group)
        try:
            yield held
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException as error:  # noqa: BLE001 - the task group would wrap it; it is raised below
            crash = error
        finally:
            held.leave()
    if crash is not None:
        raise crash


@asynccontextmanager
async def mcp_tools(server: Any = None, /, **options: Any) -> AsyncGenerator[list[BaseTool]]:
    """Connect to an MCP server and give its tools, for as many runs as there are until the ``with`` is left.

    Args:
        server: an :class:`MCPServer`, an address, or a server object of the ``mcp`` package.
        **options: else, or beside an address or an object, the attributes of an :class:`MCPServer`, such as
            ``command`` and ``include``.

    Raises:
        ToolError: the server cannot be reached, or the ``mcp`` package is not installed.
    """
    async with connections() as held:
        (tools,) = await held.tools([_server(server, options)])
        yield [*tools]


def _server(server: Any, options: dict[str, Any]) -> MCPServer:
    if isinstance(server, MCPServer):
        if options:
            raise ToolError(f"{server.label} has its options already: {', '.join(options)} belong into MCPServer(…)")
        return server
    if server is None:
        return MCPServer(**options)
    return MCPServer(**{"url" if isinstance(server, str) else "server": server}, **options)
