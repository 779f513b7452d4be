"""Which file may be meant by the name of one that is not there."""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from os import PathLike
from pathlib import Path

__all__ = ["beside"]

MAX_LOOKED_AT = 1_000
"""Names in a folder; a message is worth no more."""
CUTOFF = 0.8
"""How alike two names are that end alike already."""


def beside(path: str | PathLike[str]) -> str:
    """A question for the file beside one that is not there that is called much the same; nothing where there is none."""
    import difflib  # of what went wrong only

    wanted, names = Path(path), list[str]()
    with suppress(OSError, ValueError):  # the folder is not there either, or is no name at all
        names = [found.name for found in islice(wanted.parent.iterdir(), MAX_LOOKED_AT) if found.is_file()]
    close = difflib.get_close_matches(wanted.name, names, n=1, cutoff=CUTOFF)
    return f"did you mean '{wanted.parent / close[0]}'?" if close else ""
