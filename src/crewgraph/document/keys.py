"""Keys of a document, and what code is called in a message about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crewgraph.approval import Approval
from crewgraph.crew import BaseTool
from crewgraph.crew.callback import name_of
from crewgraph.document.names import is_name
from crewgraph.step import Step
from crewgraph.template import placeholder_name

__all__ = ["free", "key_of", "named_by", "suggested", "told"]

MAX_KEY = 60
"""Characters of a key that is made of a role or of the words of a task."""


def free(wanted: str, taken: Callable[[str], bool]) -> str:
    """A key like the wanted one, that is not taken."""
    key, number = wanted, 1
    while taken(key):
        number += 1
        key = f"{wanted}_{number}"
    return key


def key_of(name: str | None, words: str, noun: str) -> str:
    """The own name of a thing, else one made of words about it."""
    if is_name(name):
        return str(name)
    made = placeholder_name(words[:MAX_KEY]).strip("_")
    return made if is_name(made) else noun


def named_by(form: dict[str, Any], key: str, name: str | None) -> dict[str, Any]:
    """A form whose name is its key, where it does not say another one or none."""
    rest = {field: value for field, value in form.items() if field != "name"}
    return rest if name == key else {"name": name, **rest}


def told(thing: Any) -> str:
    """A thing in words: ``the class Verdict``, ``step 'tidy'``, ``tool 'search'``."""
    if isinstance(thing, type):
        return f"the class {thing.__name__}"
    if isinstance(thing, Step | Approval):
        return repr(thing)[1:-1].replace(" ", " '", 1) + "'"
    if isinstance(thing, BaseTool):
        return thing.label
    if callable(thing) and hasattr(thing, "__qualname__"):
        return f"the function '{name_of(thing)}'"
    name: Any = getattr(thing, "name", None) or getattr(thing, "model", None)
    kind = type(thing).__name__
    return f"the {kind} '{name}'" if isinstance(name, str) else f"a {kind}"


def suggested(thing: Any) -> str:
    """A name that would do."""
    own = (getattr(thing, attribute, None) for attribute in ("__name__", "name", "model"))
    word = next((each for each in own if isinstance(each, str) and each != "<lambda>"), "")
    return placeholder_name(word).strip("_") or type(thing).__name__.lower()
