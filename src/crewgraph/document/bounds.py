"""How large a document may be, whoever it comes from, and what is said of one that is not as it should be."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["MAX_DEPTH", "MAX_TEXT", "MAX_VALUES", "Fatal", "Flaw", "Path", "json_path", "plain"]

MAX_TEXT = 4_000_000
"""Characters of a text."""
MAX_VALUES = 500_000
"""Values of a document, keys included, those inside of others counted too."""
MAX_DEPTH = 120
"""How deep values may stand inside of one another."""

Path = tuple[str | int, ...]
"""The keys and places that lead to a value."""

_PLAIN = re.compile(r"[^\W\d][\w-]*")


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with a text.

    Attributes:
        message: what, in words.
        path: where, as far as it is known.
        line: in which line; ``None`` where nobody knows.
        hint: an edit that mends it.
    """

    message: str
    path: Path = ()
    line: int | None = None
    hint: str = ""


def json_path(path: Sequence[str | int]) -> str:
    """A path as people write it: ``stages[2].routes["very urgent"].condition``."""
    return "".join(map(_part, path)).removeprefix(".")


def _part(key: str | int) -> str:
    if isinstance(key, int):
        return f"[{key}]"
    return f".{key}" if _PLAIN.fullmatch(key) else f"[{json.dumps(key, ensure_ascii=False)}]"


class Fatal(Exception):
    """Raised where reading cannot go on."""

    def __init__(self, message: str, *, path: Path = (), line: int | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.flaw = Flaw(message, path, line, hint)


def plain(data: Any) -> tuple[Any, list[Flaw]]:
    """A copy of some data as JSON could hold it, and what of it JSON could not; those parts are left out.

    Returns:
        The copy, ``None`` where the data is too large, too deep or contains itself, and the flaws.
    """
    copier = _Copier()
    try:
        return copier.copy(data, ()), copier.flaws
    except Fatal as error:
        return None, [*copier.flaws, error.flaw]


@dataclass(slots=True)
class _Copier:
    flaws: list[Flaw] = field(default_factory=list[Flaw])
    count: int = 0

    def copy(self, value: Any, path: Path) -> Any:
        self.count += 1
        if self.count > MAX_VALUES:
            raise Fatal(f"it holds more than {MAX_VALUES:,} values")
        if len(path) > MAX_DEPTH:
            raise Fatal(f"it is nested deeper than {MAX_DEPTH} levels, or contains itself", path=path[:3])
        if isinstance(value, Mapping):
            return self.mapping(value, path)
        if isinstance(value, list | tuple):
            return [self.copy(each, (*path, place)) for place, each in enumerate(value)]
        if isinstance(value, str) and not _is_whole(value):
            self.flaws.append(Flaw("a text holds half of a character, a surrogate alone", path))
            return None
        if value is None or type(value) in {str, bool, int} or (type(value) is float and math.isfinite(value)):
            return value
        self.flaws.append(
            Flaw(f"{value!r:.60} is no data: text, numbers, true, false, null, lists and mappings are", path)
        )
        return None

    def mapping(self, value: Mapping[Any, Any], path: Path) -> dict[str, Any]:
        copied = dict[str, Any]()
        for key, each in value.items():
            if isinstance(key, str) and _is_whole(key):
                copied[key] = self.copy(each, (*path, key))
            else:
                self.flaws.append(Flaw(f"a key is text, and {key!r:.60} is none", path, hint=f'write "{key!r:.60}"'))
        return copied


def _is_whole(text: str) -> bool:
    """Whether every character of a text can be written to a file."""
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)
