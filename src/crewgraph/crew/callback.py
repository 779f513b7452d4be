"""Functions of the user's that a crew calls on its way; where one fails, the failure names it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator

from crewgraph.errors import CallbackFailed, CrewgraphError
from crewgraph.threads import called

__all__ = ["Callbacks", "consulted", "name_of", "several"]


def several(functions: Any) -> list[Callable[..., Any]]:
    """Functions as a list: one may stand without it."""
    if functions is None:
        return []
    return [functions] if callable(functions) else functions


Callbacks = Annotated[Callable[..., Any] | list[Callable[..., Any]] | None, BeforeValidator(several)]
"""The type of a field for functions: one, or a list of them."""


async def consulted(
    function: Callable[..., Any], *args: Any, what: str, error: type[CrewgraphError] = CallbackFailed
) -> Any:
    """What a function of the user's gives: an async one is awaited here, any other runs in a worker thread.

    Args:
        function: what to call.
        args: with what.
        what: what it is, for messages: "task 'sort': its callback".
        error: as which error it is told when it raised.

    Raises:
        CrewgraphError: it raised. An error of crewgraph's own is raised as it is, with a note.
    """
    try:
        return await called(function, *args)
    except CrewgraphError as problem:
        problem.add_note(f"in {what} '{name_of(function)}'")
        raise
    except Exception as problem:
        told = f"{type(problem).__name__}: {problem}".rstrip(": ")
        raise error(f"{what} '{name_of(function)}' raised {told}") from problem


def name_of(function: Any) -> str:
    """What a function is called: by its definition, else by its class."""
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__qualname__", None)
    if not isinstance(name, str):
        return type(function).__name__
    return "<lambda>" if name.endswith("<lambda>") else name.rpartition("<locals>.")[2]
