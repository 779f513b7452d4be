"""What may be meant by the name of something that is not there."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from os import PathLike
from pathlib import Path

__all__ = ["beside", "meant", "near"]

MAX_LOOKED_AT = 1_000
"""Names in a folder; a message is worth no more."""
ALIKE = 0.6
"""How alike two names are of which one may be meant by the other, from 0 to 1."""
ENDS_ALIKE = 0.8
"""The same for two names that end alike already."""


def near(name: str, others: Iterable[str], *, alike: float = ALIKE) -> str | None:
    """The one of other names that is most like a name, in capitals or not; ``None`` where none is.

    Args:
        name: of what is not there.
        others: of what is.
        alike: how alike they must be, from 0 to 1.
    """
    import difflib  # of what went wrong only

    folded = {other.lower(): other for other in others}
    found = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=alike)
    return folded[found[0]] if found else None


def meant(name: str, others: Iterable[str], *, alike: float = ALIKE) -> str:
    """A question for that one, in the words of a hint; nothing where there is none."""
    close = near(name, others, alike=alike)
    return "" if close is None else f"did you mean '{close}'?"


def beside(path: str | PathLike[str]) -> str:
    """A question for the file beside one that is not there that is called much the same; nothing where there is none."""
    wanted, names = Path(path), list[str]()
    with suppress(OSError, ValueError):  # the folder is not there either, or is no name at all
        names = [found.name for found in islice(wanted.parent.iterdir(), MAX_LOOKED_AT) if found.is_file()]
    close = near(wanted.name, names, alike=ENDS_ALIKE)
    return "" if close is None else f"did you mean '{wanted.parent / close}'?"
