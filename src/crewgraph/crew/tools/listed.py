"""The type of a field for tools. Of agents without tools nobody needs to know what a tool is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator

from crewgraph.errors import ToolError

__all__ = ["ToolList"]


def _all_tools(values: Any) -> Any:
    if isinstance(values, str | dict | BaseModel) or not isinstance(values, Iterable):  # a model iterates its fields
        raise ValueError(f"tools is a list, not {type(values).__name__}. hint: tools=[…]")  # noqa: TRY004
    listed = list(values)
    if not listed:
        return listed
    from crewgraph.crew.tools.convert import as_tool  # every kind of tool, which most agents have none of

    try:
        return [as_tool(value) for value in listed]
    except ToolError as error:
        raise ValueError(str(error)) from error  # pydantic tells the field


ToolList = Annotated[list[Any], BeforeValidator(_all_tools)]
"""The type of a field for tools: everything that can be one becomes a :class:`BaseTool` or stays an :class:`MCPServer`.

It is a list of anything, for it is what an editor lets a user write: functions, crews, tools of other libraries.
"""
