"""A real MCP server for the tests: run as a program over stdio or HTTP, or used as an object in their own process."""

from __future__ import annotations

import logging
import os
import sys

import anyio
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.utilities.types import Image

server = MCPServer("shop")


@server.tool()
def add(a: int, b: int = 1) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
def fail() -> str:
    """Fail."""
    raise ValueError("no luck")


@server.tool()
async def wait() -> str:
    """Take long."""
    await anyio.sleep(60)
    return "late"


@server.tool()
def die() -> str:
    """End the program."""
    os._exit(3)


@server.tool()
def pid() -> int:
    """Which process this is."""
    return os.getpid()


@server.tool()
def variable(name: str) -> str:
    """An environment variable."""
    return os.environ.get(name, "nothing")


@server.tool()
def header(name: str, context: Context) -> str:
    """A header of the request."""
    request = context.request_context.request
    return str(request.headers.get(name)) if request is not None else "no request"


@server.tool()
def picture() -> Image:
    """A picture."""
    return Image(data=b"abc", format="png")


if __name__ == "__main__":
    logging.disable()  # its log of the failures that the tests want is no help
    if len(sys.argv) > 1:
        import uvicorn

        uvicorn.run(server.streamable_http_app(), fd=int(sys.argv[1]), log_level="critical")
    else:
        server.run()
