"""Tools of other libraries, adopted by what they have: a name, a description, a schema and something that runs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from pydantic import BaseModel, PrivateAttr, SkipValidation

from crewgraph.crew.tools.contract import BaseTool
from crewgraph.crew.tools.schema import Arguments, opened, parsed
from crewgraph.threads import called

__all__ = ["ForeignTool", "adopted", "is_foreign"]

BY_NAME = ("_run", "run", "func")
"""Methods that take their arguments by name, in the order in which they are looked for."""


def is_foreign(value: object) -> bool:
    """Whether a value looks like a tool of another library."""
    has_name = isinstance(getattr(value, "name", None), str) and isinstance(getattr(value, "description", None), str)
    return has_name and any(callable(getattr(value, each, None)) for each in ("invoke", *BY_NAME))


def adopted(origin: Any) -> ForeignTool:
    """A tool of another library as one of ours, with those of its settings that mean the same here.

    Raises:
        ToolError: what it takes cannot be told to a model.
    """
    options = dict[str, Any]()
    schema, most = getattr(origin, "args_schema", None), getattr(origin, "max_usage_count", None)
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        options["args_schema"] = schema
    if isinstance(most, int) and most > 0:
        options["max_usage_count"] = most
    if callable(keeps := getattr(origin, "cache_function", None)):
        options["cache_function"] = keeps
    is_answer = any(getattr(origin, each, None) is True for each in ("result_as_answer", "return_direct"))
    return ForeignTool(
        name=origin.name, description=origin.description, origin=origin, result_as_answer=is_answer, **options
    )


class ForeignTool(BaseTool):
    """A tool of another library.

    Attributes:
        origin: the tool as it is.
    """

    origin: SkipValidation[Any]

    _is_raw: bool = PrivateAttr(default=False)
    """Whether its arguments are described by a JSON Schema alone, and checked by nobody but itself."""

    def _learn(self) -> None:
        schema = _raw_schema(self.origin)
        if schema is None:
            super()._learn()
        else:
            self._is_raw, self._parameters = True, {"type": "object", "properties": {}, **schema}

    def tool_function(self) -> Callable[..., Any]:
        """Its ``invoke``, which takes one dict, else its method that takes the arguments by name."""
        if callable(getattr(self.origin, "invoke", None)):
            return functools.partial(_invoked, self.origin)
        return next(getattr(self.origin, each) for each in BY_NAME if callable(getattr(self.origin, each, None)))

    def tool_arguments(self, text: str) -> Arguments:
        """The arguments that a model wrote."""
        return opened(parsed(text)) if self._is_raw else super().tool_arguments(text)

    def tool_key(self) -> Hashable:
        """A tool that is adopted twice is one."""
        return (id(self.origin), self.name, self._settings())

    def _by_hand(self, arguments: dict[str, Any]) -> Arguments:
        return opened(arguments) if self._is_raw else super()._by_hand(arguments)


async def _invoked(origin: Any, /, **arguments: Any) -> Any:
    is_async = getattr(origin, "coroutine", None) is not None and callable(getattr(origin, "ainvoke", None))
    return await called(origin.ainvoke if is_async else origin.invoke, arguments)


def _copied(schema: Any) -> dict[str, Any]:
    return dict(schema)


def _raw_schema(origin: Any) -> dict[str, Any] | None:
    """The JSON Schema of a tool that has no pydantic model of its arguments."""
    schema: Any = getattr(origin, "args_schema", None)
    if isinstance(schema, type):
        written: Any = getattr(schema, "schema", None)  # of a model of pydantic's first version
        return None if issubclass(schema, BaseModel) or not callable(written) else _copied(written())
    if isinstance(schema, Mapping):
        return _copied(schema)
    properties: Any = getattr(origin, "args", None)
    if schema is None and isinstance(properties, Mapping):
        return {"properties": dict(properties), "required": list(properties)}
    return None
