"""Text that matches a regular expression, for schemas that ask for one."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

__all__ = ["PatternTooHard", "matching"]

# Python's own parser: undocumented, unchanged for years. What it yields is only believed after re.search has agreed.
_PARSER: Any = vars(re)["_parser"]

_LETTERS = {
    "CATEGORY_DIGIT": "0123456789",
    "CATEGORY_WORD": "abcdefghij",
    "CATEGORY_SPACE": " ",
    "CATEGORY_NOT_DIGIT": "abcdefghij",
    "CATEGORY_NOT_WORD": "-. ",
    "CATEGORY_NOT_SPACE": "abcdefghij",
}
_ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 -_.@/"
MORE = 3
"""How many more than the least a repetition without an end may take."""


class PatternTooHard(ValueError):
    """Raised when no text is found: look-around, back references, or bounds that contradict the pattern."""


def matching(pattern: str, *, chance: Callable[[], float], least: int = 0, most: int | None = None) -> str:
    """A text that matches, between ``least`` and ``most`` characters long.

    Args:
        pattern: a regular expression of the simple kind.
        chance: gives numbers from 0 up to 1.
        least: the shortest allowed.
        most: the longest allowed.

    Raises:
        PatternTooHard: none was found.
    """
    try:
        parsed: Any = _PARSER.parse(pattern)
        for writer in (
            *(_Writer(chance),) * 4,
            *(_Writer(chance, exactly=more) for more in range(least + 1)),
        ):
            text = "".join(writer.sequence(parsed))
            if least <= len(text) and (most is None or len(text) <= most) and re.search(pattern, text):
                return text
    except (re.error, KeyError) as error:
        raise PatternTooHard(f"pattern {pattern!r}: {error}") from error
    raise PatternTooHard(f"pattern {pattern!r} with {least} to {most} characters")


class _Writer:
    """One walk through a parsed pattern.

    Args:
        chance: gives numbers from 0 up to 1.
        exactly: how many more than the least every repetition takes; else chance decides.
    """

    def __init__(self, chance: Callable[[], float], exactly: int | None = None) -> None:
        self.chance = chance
        self.exactly = exactly
        self.pieces: dict[str, Callable[[Any], str]] = {
            "LITERAL": chr,
            "NOT_LITERAL": lambda code: self.one_of(_ALPHABET.replace(chr(code), "")),
            "ANY": lambda _: self.one_of(_ALPHABET),
            "IN": lambda parts: self.one_of(_members(parts)),
            "BRANCH": lambda branches: self.sequence(self.one_of(branches[1])),
            "SUBPATTERN": lambda group: self.sequence(group[-1]),
            "MAX_REPEAT": self.repeat,
            "MIN_REPEAT": self.repeat,
            "AT": lambda _: "",
        }

    def sequence(self, parsed: Any) -> str:
        return "".join(self.pieces[str(kind)](argument) for kind, argument in parsed)

    def repeat(self, argument: Any) -> str:
        low, high, inner = argument
        more = int(self.chance() * (MORE + 1)) if self.exactly is None else self.exactly
        return "".join(self.sequence(inner) for _ in range(min(low + more, int(high))))

    def one_of(self, options: Any) -> Any:
        return options[int(self.chance() * len(options))]


def _members(parts: Any) -> str:
    """The characters of a class such as ``[a-z_]``."""
    letters, negated = list[str](), False
    for kind, argument in parts:
        match str(kind):
            case "NEGATE":
                negated = True
            case "LITERAL":
                letters.append(chr(argument))
            case "RANGE":
                low, high = argument
                letters += map(chr, range(low, min(high, low + 127) + 1))
            case _:
                letters += _LETTERS[str(argument)]
    if negated:
        return "".join(letter for letter in _ALPHABET if letter not in letters) or "é"
    return "".join(letters)
