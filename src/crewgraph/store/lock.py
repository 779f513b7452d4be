"""One writer at a time: a file beside the store that this process holds locked for as long as it writes."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

from crewgraph.errors import StoreError

__all__ = ["Lock", "holder_of", "lock_of"]

IS_POSIX = sys.platform != "win32"
"""Where a lock goes with its process, however that ends. Elsewhere the file itself is the lock, and may be left behind."""

HINT = "wait for it, or name another file"


def lock_of(path: Path) -> Path:
    """The file that is locked in place of the store, which SQLite locks in its own ways."""
    return path.parent / f"{path.name}.lock"


class Lock:
    """The right to write to a store, from now until it is released.

    Args:
        path: the store, or what else only one process may do at a time.
        doing: what whoever has it does, for the message.

    Raises:
        StoreError: somebody else has it; the message says who.
    """

    def __init__(self, path: Path, doing: str = "writes to it already, and a store takes one writer at a time") -> None:
        self._file = lock_of(path)
        try:
            self._number = self._opened()
        except BlockingIOError:
            raise StoreError(
                str(path),
                f"{_told(self._file)} {doing}",
                hint=HINT if IS_POSIX else f"{HINT}; if it is gone, delete {self._file.name}",
            ) from None
        except OSError as error:
            raise StoreError(str(path), f"{self._file.name} cannot be made beside it: {error.strerror}") from error
        os.ftruncate(self._number, 0)
        about = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%Y-%m-%d %H:%M:%S%z")}
        os.write(self._number, json.dumps(about).encode())

    def release(self) -> None:
        """Let others write."""
        if not IS_POSIX:
            self._file.unlink(missing_ok=True)
        os.close(self._number)

    def _opened(self) -> int:
        if not IS_POSIX:
            try:
                return os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_EXCL)
            except FileExistsError:
                raise BlockingIOError from None
        number = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _flock(number)
        except OSError:
            os.close(number)
            raise
        return number


def holder_of(path: Path) -> str | None:
    """Who writes to a store just now, in words; ``None`` where nobody does."""
    file = lock_of(path)
    if not file.exists():
        return None
    if not IS_POSIX:
        return _told(file)
    try:
        number = os.open(file, os.O_RDONLY)
    except OSError:
        return None
    try:
        _flock(number, is_shared=True)
    except BlockingIOError:
        return _told(file)
    finally:
        os.close(number)
    return None


def _flock(number: int, *, is_shared: bool = False) -> None:
    import fcntl

    fcntl.flock(number, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)


def _about(file: Path) -> dict[str, Any]:
    try:
        about = json.loads(file.read_text())
    except (OSError, ValueError):  # it is being written just now
        return {}
    return about if isinstance(about, dict) else {}


def _told(file: Path) -> str:
    about = _about(file)
    if not about:
        return "another process"
    mine = " (this process)" if about.get("pid") == os.getpid() and about.get("host") == socket.gethostname() else ""
    return f"process {about.get('pid')}{mine} on {about.get('host')}, since {about.get('since')},"
