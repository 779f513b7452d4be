"""Text laid out by rich for the width of a terminal, and handed to click to be printed.

click takes the colours away again where nobody sees them, and knows the variables that say so.
"""

from __future__ import annotations

import io
import re
import shutil
from typing import Any, TextIO

__all__ = ["UNCUT", "console_of", "text_of", "width_for"]

MAX_WIDTH = 140
MIN_WIDTH = 40
UNCUT = 1_000_000
"""Columns of a line that nobody looks at as it is."""

_TRAILING = re.compile(r" +((?:\x1b\[0m)?)$")


def width_for(stream: TextIO, *, most: int = MAX_WIDTH) -> int:
    """The columns of a terminal; of what is no terminal, as many as a line wants, so that it can be searched.

    Args:
        stream: where it is printed.
        most: what is wider is not used; prose can be read up to some width.
    """
    return max(MIN_WIDTH, min(shutil.get_terminal_size().columns, most)) if stream.isatty() else UNCUT


def console_of(width: int) -> Any:
    """A console of rich that keeps what is printed on it."""
    from rich.console import Console

    return Console(
        file=io.StringIO(),
        width=width,
        force_terminal=True,
        color_system="standard",
        legacy_windows=False,
        highlight=False,
    )


def text_of(console: Any) -> str:
    """What was printed on a console, with the codes of a terminal; without the blanks that fill lines up."""
    printed: str = console.file.getvalue()
    return "\n".join(_TRAILING.sub(r"\1", line) for line in printed.splitlines())
