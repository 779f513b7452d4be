"""Functions of the user's that a crew calls on its way; where one fails, the failure names it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator

from crewgraph.errors import CallbackFailed, CrewgraphError
from crewgraph.errors.root import in_words
from crewgraph.outputs import CrewOutput, TaskOutput
from crewgraph.threads import called

__all__ = ["Callbacks", "consulted", "flaw_of", "name_of", "several"]


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
        error: as which error it is told when it raised, or spoilt an output.

    Raises:
        CrewgraphError: it raised, or left an output that is none. An error of crewgraph's own is raised as it is,
            with a note.
    """
    try:
        given = await called(function, *args)
    except CrewgraphError as problem:
        problem.add_note(f"in {what} '{name_of(function)}'")
        raise
    except Exception as problem:
        raise error(f"{what} '{name_of(function)}' raised {in_words(problem)}") from problem
    for each in (*args, given):
        if flaw := flaw_of(each):
            raise error(f"{what} '{name_of(function)}' left an output whose {flaw}")
    return given


def flaw_of(value: Any) -> str | None:
    """What keeps an output of a task or crew from being one, since a function of the user's may write into it."""
    if isinstance(value, TaskOutput | CrewOutput):
        raw: Any = value.raw
        keys: Any = value.json_dict
        if not isinstance(raw, str):
            return f"raw is {type(raw).__name__}, not text"
        if not isinstance(keys, dict | None):
            return f"json_dict is {type(keys).__name__}, not a dict"
    return None


def name_of(function: Any) -> str:
    """What a function is called: by its definition, else by its class."""
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__qualname__", None)
    if not isinstance(name, str):
        return type(function).__name__
    return "<lambda>" if name.endswith("<lambda>") else name.rpartition("<locals>.")[2]
