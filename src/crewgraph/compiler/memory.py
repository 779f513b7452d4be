"""What was decided about conditions before: every kickoff compiles, and asks the same of the same types again."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any, Generic, TypeVar

__all__ = ["Memory"]

T = TypeVar("T")


class Memory(Generic[T]):
    """Keeps answers to questions about types, which are told apart by identity: not each of them can be hashed."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known = dict[Hashable, tuple[Mapping[str, Any], T]]()

    def of(self, question: Hashable, kinds: Mapping[str, Any], decide: Callable[[], T]) -> T:
        """The answer to a question about these types; worked out where it is not known."""
        key = (question, tuple((name, id(kind)) for name, kind in sorted(kinds.items())))
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= self._most:
                self._known.clear()
            found = self._known[key] = (kinds, decide())  # the types are kept, so that their ids stay theirs
        return found[1]
