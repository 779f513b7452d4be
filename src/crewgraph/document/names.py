"""Names by which a document refers to code: given by the caller, never looked up anywhere else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MethodType, ModuleType
from typing import Any

from crewgraph.errors.near import meant
from crewgraph.syntax import is_function

__all__ = ["MISSING", "Names", "Registry", "is_name"]

Registry = Mapping[str, Any] | ModuleType | None
"""What code is called: names with what they stand for, or a module, whose own public things go by their names."""

MAX_NAME = 200
"""Characters of a name."""
MISSING = object()
"""In place of what nobody has named."""


def is_name(text: object) -> bool:
    """Whether a text can be a name; what Python keeps for itself cannot."""
    return isinstance(text, str) and bool(text.strip()) and len(text) <= MAX_NAME and not text.startswith("__")


class Names:
    """What the caller has named, in both directions.

    Attributes:
        things: what is named, by name.
    """

    def __init__(self, given: Registry) -> None:
        """Take what the caller gave.

        Raises:
            TypeError: it is neither a mapping with texts as keys nor a module.
        """
        things: Any = dict(_own(given)) if isinstance(given, ModuleType) else {} if given is None else given
        if not isinstance(things, Mapping) or not all(isinstance(name, str) for name in things):
            hint = 'names={"tidy": tidy, …}, names=vars(module) or names=module'
            raise TypeError(f"names is a mapping of names to code, or a module, got {type(given)}. hint: {hint}")
        self.things: dict[str, Any] = {name: thing for name, thing in things.items() if is_name(name)}
        self._names = {id(thing): name for name, thing in reversed(self.things.items())}
        self._methods = [(name, thing) for name, thing in self.things.items() if isinstance(thing, MethodType)]

    def __contains__(self, name: object) -> bool:
        return name in self.things

    def get(self, name: str) -> Any:
        """What goes by a name, or :data:`MISSING`."""
        return self.things.get(name, MISSING)

    def name_of(self, thing: Any) -> str | None:
        """The first name of a thing. A method of an object is another thing each time it is looked up."""
        name = self._names.get(id(thing))
        if name is None and isinstance(thing, MethodType):
            return next((name for name, method in self._methods if method == thing), None)
        return name

    def like(self, name: str, others: Iterable[str] = ()) -> str:
        """A hint where a name is nearly one that is there; else nothing."""
        return meant(name, [*others, *self.things])


def _own(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """What a module offers: what its ``__all__`` names, else what is its own and public."""
    said: Any = getattr(module, "__all__", None)
    if isinstance(said, list | tuple):
        yield from ((name, getattr(module, name)) for name in said if hasattr(module, name))
        return
    for name, thing in vars(module).items():
        is_code = isinstance(thing, type) or is_function(thing)
        is_elsewhere = is_code and getattr(thing, "__module__", None) != module.__name__
        if not name.startswith("_") and not isinstance(thing, ModuleType) and not is_elsewhere:
            yield name, thing
