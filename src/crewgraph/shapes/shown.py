"""A value in a message."""

from __future__ import annotations

import reprlib
from typing import Any

from crewgraph.errors.root import shortened

__all__ = ["LONGEST", "shown"]

LONGEST = 60
"""Characters of a value that a message shows."""

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = LONGEST
_SHORT.maxlist = _SHORT.maxdict = _SHORT.maxset = _SHORT.maxtuple = 4


def shown(value: Any) -> str:
    """A value, as short as it must be."""
    try:
        return shortened(" ".join(_SHORT.repr(value).split()), LONGEST)
    except Exception:  # noqa: BLE001 - a repr of the user's
        return f"<{type(value).__name__}>"
