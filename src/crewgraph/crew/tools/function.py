"""Functions as tools: ``@tool``, ``@tool("Name of the tool")``, or as they are."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable
from types import MethodType
from typing import Any, Self, overload

from pydantic import BaseModel, SkipValidation

from crewgraph.crew.tools.contract import MAX_RESULT_LENGTH, BaseTool, CacheFunction, FromSignature
from crewgraph.crew.tools.schema import is_hashable
from crewgraph.crew.tools.signature import is_unbound
from crewgraph.errors import ToolError

__all__ = ["FunctionTool", "tool"]


class FunctionTool(BaseTool):
    """A function as a tool, as :func:`tool` makes it. Called, it is the function itself.

    Attributes:
        function: the function.
    """

    function: SkipValidation[Callable[..., Any]]

    def tool_function(self) -> Callable[..., Any]:
        """The function."""
        return self.function

    def tool_key(self) -> Hashable:
        """Two tools made of one function under one name, with the same settings, are one."""
        return (self.function if is_hashable(self.function) else id(self.function), self.name, self._settings())

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """The function itself, as if it were not decorated."""
        return self.function(*args, **kwargs)

    def __get__(self, instance: object, owner: type | None = None) -> Self:
        """A method that was made a tool in its class, bound to an object."""
        if instance is None or not is_unbound(self.function):
            return self
        return self.model_copy(update={"function": MethodType(self.function, instance)})


@overload
def tool(function: Callable[..., Any], /) -> FunctionTool: ...
@overload
def tool(
    name: str | None = None,
    /,
    *,
    description: str = "",
    args_schema: type[BaseModel] = FromSignature,
    result_as_answer: bool = False,
    timeout: float | None = None,
    max_usage_count: int | None = None,
    cache_function: CacheFunction | None = None,
    max_result_length: int = MAX_RESULT_LENGTH,
) -> Callable[[Callable[..., Any]], FunctionTool]: ...
@overload
def tool(
    *,
    name: str,
    description: str = "",
    args_schema: type[BaseModel] = FromSignature,
    result_as_answer: bool = False,
    timeout: float | None = None,
    max_usage_count: int | None = None,
    cache_function: CacheFunction | None = None,
    max_result_length: int = MAX_RESULT_LENGTH,
) -> Callable[[Callable[..., Any]], FunctionTool]: ...
def tool(what: Any = None, /, *, name: str | None = None, **options: Any) -> Any:
    """Make a function a tool: ``@tool``, ``@tool("Name of the tool")`` or ``@tool(result_as_answer=True)``.

    What it takes is read from its annotations, what that means from its docstring (Google, NumPy or Sphinx style),
    from ``Annotated[str, "…"]`` or from ``Field(description=…)``.

    Args:
        what: the function, or the name.
        name: what it is called; the function's name otherwise.
        **options: the other attributes of :class:`BaseTool`, such as ``timeout`` and ``max_usage_count``.

    Raises:
        ToolError: a model cannot call this function; the message says what to change.
    """
    if what is None or isinstance(what, str):
        if what is not None and name is not None:
            raise ToolError(f"the tool has two names: {what!r} and {name!r}")
        return functools.partial(_made, name=what if name is None else name, options=options)
    if name is not None or options:
        raise ToolError(f"@tool takes a function alone, or options alone. hint: @tool({name or 'Name'!r}, …)")
    return _made(what, name=None, options={})


def _made(function: Any, *, name: str | None, options: dict[str, Any]) -> FunctionTool:
    """The tool of a function, refused where it is none."""
    if isinstance(function, BaseTool):
        raise ToolError(f"{function.label} is a tool already. hint: put it into tools=[…] as it is")
    if isinstance(function, type) or not callable(function):
        raise ToolError(f"a tool is made of a function, not of {function!r:.80}. hint: @tool above def …")
    return FunctionTool(name=_name(function) if name is None else name, function=function, **options)


def _name(function: Any) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__name__", type(function).__name__)
    return "lambda" if name == "<lambda>" else name
