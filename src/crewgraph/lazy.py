"""Rooms whose names are imported when they are first asked for.

``from crewgraph.trace import Event`` loads what ``Event`` needs and nothing else; a module that speaks of an event only
in its annotations writes ``trace.Event`` and loads none of it. Type checkers, ``dir()`` and ``import *`` see every name.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

__all__ = ["lazily"]


class _Room(ModuleType):
    """A module whose names have a home each, another module, where they are looked up once."""

    __homes__: dict[str, str]

    def __getattr__(self, name: str) -> Any:
        """Import a name that is missing so far; a typo ends as it does in any other module."""
        home = self.__homes__.get(name)
        if home is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}", name=name, obj=self)
        __import__(home)  # as an import statement does it, so that `-X importtime` tells of it
        value = getattr(sys.modules[home], name)
        super().__setattr__(name, value)
        return value

    def __setattr__(self, name: str, value: object) -> None:
        """Keep a submodule from taking the place of the name that is called like it, such as ``step``."""
        if isinstance(value, ModuleType) and name in self.__homes__:
            return
        super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        """Every name, imported or not."""
        return sorted({*super().__dir__(), *self.__homes__})


def lazily(room: str, homes: dict[str, str]) -> None:
    """Make a module import its public names when they are first asked for.

    Args:
        room: the module's ``__name__``.
        homes: the names, apart by blanks, by the module that holds them; the same as under ``TYPE_CHECKING``, where
            type checkers and editors find them.
    """
    module = sys.modules[room]
    vars(module)["__homes__"] = {name: home for home, names in homes.items() for name in names.split()}
    module.__class__ = _Room
