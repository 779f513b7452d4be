"""MCP servers as a user names them; nothing here connects to one."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, GetPydanticSchema, SkipValidation, model_validator

__all__ = ["MCPServer"]

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Texts = Annotated[Sequence[str], GetPydanticSchema(lambda _, schema_of: schema_of(tuple[str, ...]))]
"""Given as any sequence, kept as a tuple."""


class MCPServer(BaseModel):
    """An MCP server whose tools an agent may use: a program to start, an address, or a server in this process.

    In ``Agent(tools=[…])`` it is connected for each run of the crew, when the agent first works, and left at the end
    of that run; ``async with mcp_tools(…) as tools`` connects once for many runs.

    Attributes:
        command: the program to start, which talks over its standard input and output.
        args: its arguments.
        env: environment variables for it; beside them it sees only a few harmless ones, such as PATH.
        cwd: the folder it runs in.
        url: the address of a server that is there already (streamable HTTP).
        headers: sent with every request, such as a key.
        server: a server object of the ``mcp`` package, for tests and tools of one's own.
        name: what it is called in messages, and before the names of its tools where others have the same.
        include: the only tools of it that are used; ``None`` for all.
        exclude: tools of it that are not used.
        timeout: seconds for one call of a tool; ``None`` for as long as the task may take.
        connect_timeout: seconds until it must have told its tools.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, defer_build=True)

    command: str | None = None
    args: Texts = ()
    env: Mapping[str, str] | None = Field(default=None, repr=False)
    cwd: str | os.PathLike[str] | None = None
    url: str | None = Field(default=None, repr=False)
    headers: Mapping[str, str] | None = Field(default=None, repr=False)
    server: SkipValidation[Any] = Field(default=None, repr=False)
    name: str = ""
    include: Texts | None = None
    exclude: Texts = ()
    timeout: Seconds | None = 60.0
    connect_timeout: Seconds = 30.0

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        ways = [way for way in ("command", "url", "server") if getattr(self, way) is not None]
        if len(ways) != 1:
            found = " and ".join(ways) or "none of them"
            raise ValueError(f"an MCP server has one of command, url and server, and here is {found}")
        if self.url is not None and not self.url.startswith(("http://", "https://")):
            raise ValueError(f'url is the address of a server, such as "https://example.com/mcp", not {self.url!r}')
        if self.headers and self.url is None:
            raise ValueError("headers are for a url; a program is given env=")
        return self

    @property
    def own_name(self) -> str:
        """Its name, else that of its program, its host or its object."""
        if self.name:
            return self.name
        if self.command is not None:
            return os.path.basename(self.command)  # noqa: PTH119 - the text as it is
        if self.url is not None:
            return self.url.split("/")[2].rpartition("@")[2]
        return str(getattr(self.server, "name", "") or type(self.server).__name__)

    @property
    def label(self) -> str:
        """The server in the words of a message: ``MCP server 'files'``."""
        return f"MCP server '{self.own_name}'"
