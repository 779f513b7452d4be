"""What the tools of one run of a crew share: results that are kept, counts, and connections to MCP servers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Self

import anyio

from crewgraph.crew.tools.convert import BaseTool, as_tool
from crewgraph.crew.tools.mcp import Connections, MCPServer, connections
from crewgraph.errors import ToolError

__all__ = ["ToolShed"]

Kept = tuple[Hashable, str]
"""A tool and the arguments of a call."""


@dataclass(slots=True)
class ToolShed:
    """Made once for each run of a crew, and gone with it; definitions know nothing of it.

    Without :meth:`opened` it keeps results and counts, and cannot connect to servers.
    """

    _used: dict[Hashable, int] = field(default_factory=dict)
    _known: dict[Hashable, BaseTool] = field(default_factory=dict)
    """Keeps tools alive whose keys are made of their identity."""
    _kept: dict[Kept, str] = field(default_factory=dict)
    _under_way: dict[Kept, anyio.Event] = field(default_factory=dict)
    _connections: Connections | None = None

    @classmethod
    @asynccontextmanager
    async def opened(cls) -> AsyncGenerator[Self]:
        """A shed that connects to MCP servers when they are first wanted, and leaves them at the end."""
        async with connections() as held:
            yield cls(_connections=held)

    async def stocked(self, tools: Sequence[BaseTool | MCPServer]) -> list[BaseTool]:
        """The tools, with those of servers in the place of the servers.

        Raises:
            ToolError: a server cannot be reached, or something is no tool.
        """
        made = [as_tool(each) for each in tools]  # a list may have been added to since its agent was made
        servers = [each for each in made if isinstance(each, MCPServer)]
        if not servers:
            return [each for each in made if isinstance(each, BaseTool)]
        if self._connections is None:
            raise ToolError(f"{servers[0].label} is not connected. hint: async with mcp_tools(…) as tools")
        found = dict(zip(map(id, servers), await self._connections.tools(servers), strict=True))
        return [tool for each in made for tool in ([each] if isinstance(each, BaseTool) else found[id(each)])]

    def take(self, tool: BaseTool) -> bool:
        """Count a call of a tool; false where it may not be called any more."""
        key = tool.tool_key()
        self._known[key] = tool
        used = self._used.get(key, 0)
        if tool.max_usage_count is not None and used >= tool.max_usage_count:
            return False
        self._used[key] = used + 1
        return True

    async def once(self, key: Kept, work: Callable[[], Awaitable[tuple[str, bool]]]) -> tuple[str, bool]:
        """The result that is kept for a call, and true; else do the work, and false.

        Of equal calls side by side the first works and the others wait for it.

        Args:
            key: the call.
            work: gives the result, and whether it is to be kept.
        """
        while key in self._under_way:
            await self._under_way[key].wait()
        if key in self._kept:
            return self._kept[key], True
        self._under_way[key] = done = anyio.Event()
        try:
            text, is_kept = await work()
            if is_kept:
                self._kept[key] = text
        finally:
            del self._under_way[key]
            done.set()
        return text, False
