"""What a store has to say while a kickoff goes on: what is read from it, and what runs again."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Generator

__all__ = ["told"]


class _Lines(logging.Handler):
    """Shows what is no warning; warnings are shown anyway."""

    def __init__(self, show: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self._show = show
        self.addFilter(lambda record: record.levelno < logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        """Show one."""
        self._show(self.format(record))


@contextlib.contextmanager
def told(show: Callable[[str], None]) -> Generator[None]:
    """Show the lines, unless the user's code has said that it wants them itself."""
    logger = logging.getLogger("crewgraph.store")
    if logger.isEnabledFor(logging.INFO):
        yield
        return
    lines, level = _Lines(show), logger.level
    logger.addHandler(lines)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(lines)
