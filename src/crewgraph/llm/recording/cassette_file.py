"""The file of a cassette: a line of JSON that says what it is, and one line for each call."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from crewgraph import errors
from crewgraph.errors import CassetteError, ModelError
from crewgraph.errors.root import shortened
from crewgraph.llm.intercept import Outcome
from crewgraph.llm.port import Reply, ToolCall
from crewgraph.llm.recording.fingerprint import Text, as_line, of_calls
from crewgraph.usage import UsageMetrics

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows has no such locks: there nobody is kept out
    fcntl = None  # type: ignore[assignment]

__all__ = ["VERSION", "Recording", "Writer", "recording_of", "recordings"]

VERSION = 1
HEADER = {"crewgraph": "cassette", "version": VERSION}
MAX_SHOWN = 60

_fcntl: Any = fcntl

_STRICT = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class RecordedCall(BaseModel):
    """A tool call as it is stored."""

    model_config = _STRICT

    id: str
    name: str
    arguments: str = "{}"


class RecordedReply(BaseModel):
    """An answer as it is stored."""

    model_config = _STRICT

    text: str = ""
    finish_reason: str | None = None
    calls: tuple[RecordedCall, ...] = ()


class RecordedError(BaseModel):
    """A failure as it is stored: ``kind`` is the class of :mod:`crewgraph.errors` that it is."""

    model_config = _STRICT

    kind: str
    message: str
    status: int | None = None
    retry_after: float | None = None
    is_transient: bool = False
    notes: tuple[str, ...] = ()


class RecordedMessage(BaseModel):
    """As much of a message as a cassette has to know."""

    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True)

    role: str
    content: str
    calls: tuple[RecordedCall, ...] = ()


class RecordedRequest(BaseModel):
    """As much of a request as a cassette has to know; the rest is only compared."""

    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True)

    model: str
    messages: tuple[RecordedMessage, ...]


class Recording(BaseModel):
    """One recorded call.

    Attributes:
        request: what was asked, in its canonical form.
        nth: 1 for the first time that this was asked, in the order in which it was asked.
        reply: the answer.
        error: why there was none.
        cancelled: there was none because nobody waited for it any longer.
        usage: what it took.
        line: where it stands in the file; 0 where it was recorded just now.
    """

    model_config = _STRICT

    request: dict[str, Any]
    nth: int = Field(default=1, ge=1)
    reply: RecordedReply | None = None
    error: RecordedError | None = None
    cancelled: Literal[True] | None = None
    usage: UsageMetrics = Field(default_factory=UsageMetrics)
    line: int = Field(default=0, exclude=True)

    def __str__(self) -> str:
        last: Any = self.request["messages"][-1]["content"] if self.request["messages"] else ""
        said = " ".join(str(last).split())
        shown = shortened(said, MAX_SHOWN)
        return f"line {self.line}: {self.request['model']}: {shown!r}"

    def outcome(self, model: str) -> Outcome:
        """What became of the call, anew each time: an error that is raised twice collects tracebacks.

        Args:
            model: who is asked now.
        """
        usage = self.usage.model_copy()
        if self.error is not None:
            return Outcome(_raised(self.error, model), usage, source="cassette")
        reply = self.reply or RecordedReply()
        calls = tuple(ToolCall(call.id, call.name, call.arguments) for call in reply.calls)
        told = Reply(text=reply.text, usage=usage, finish_reason=reply.finish_reason, calls=calls)
        return Outcome(told, usage, source="cassette")


def _raised(stored: RecordedError, model: str) -> ModelError:
    kind = getattr(errors, stored.kind)
    error: ModelError = kind.__new__(kind)
    ModelError.__init__(error, stored.message, model=model, status=stored.status, retry_after=stored.retry_after)
    error.is_transient = stored.is_transient
    for note in stored.notes:
        error.add_note(note)
    return error


def recording_of(request: dict[str, Any], nth: int, outcome: Outcome | None, text: Text) -> Recording:
    """What is stored of a call.

    Args:
        request: what was asked, in its canonical form.
        nth: for which time.
        outcome: what became of it; ``None`` where it was cancelled.
        text: is given every text that may hold the user's data.
    """
    if outcome is None:
        return Recording(request=request, nth=nth, cancelled=True)
    result, usage = outcome.result, outcome.usage
    if isinstance(result, Reply):
        calls = tuple(RecordedCall(**call) for call in of_calls(result.calls, text))
        reply = RecordedReply(text=text(result.text), finish_reason=result.finish_reason, calls=calls)
        return Recording(request=request, nth=nth, reply=reply, usage=usage)
    known = next(kind for kind in type(result).__mro__ if kind.__name__ in errors.__all__)
    error = RecordedError(
        kind=known.__name__,
        message=text(str(result)),
        status=result.status,
        retry_after=result.retry_after,
        is_transient=result.is_transient,
        notes=tuple(text(note) for note in getattr(result, "__notes__", ())),
    )
    return Recording(request=request, nth=nth, error=error, usage=usage)


def recordings(path: Path) -> list[Recording]:
    """What a file holds.

    Raises:
        CassetteError: it cannot be read, is no cassette, or is damaged; says in which line.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CassetteError(f"{path}: cannot be read: {error.strerror or error}") from error
    lines = content.split(b"\n")
    _check_header(path, lines[0])
    if lines[-1]:
        raise CassetteError(
            f"{path}, line {len(lines)}: is cut off; whoever wrote it did not come to its end. "
            "hint: delete this line, and record what is missing with record(…, only_missing=True)"
        )
    numbered = enumerate(lines[1:-1], start=2)
    return [_recording(path, number, line) for number, line in numbered if line.strip()]


def _check_header(path: Path, line: bytes) -> None:
    try:
        header = json.loads(line)
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict) or header.get("crewgraph") != "cassette":
        raise CassetteError(f"{path}, line 1: this is no cassette of crewgraph; one begins with {as_line(HEADER)}")
    if header.get("version") != VERSION:
        raise CassetteError(
            f"{path}, line 1: a cassette of version {header.get('version')!r}; this crewgraph reads version {VERSION}. "
            "hint: record it again, or use the crewgraph that recorded it"
        )


def _recording(path: Path, number: int, line: bytes) -> Recording:
    try:
        told = json.loads(line)
        recording = Recording.model_validate({**told, "line": number})
        RecordedRequest.model_validate(recording.request)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise CassetteError(f"{path}, line {number}: {where}: {first['msg']}") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise CassetteError(f"{path}, line {number}: this is no JSON object: {error}") from error
    if sum(each is not None for each in (recording.reply, recording.error, recording.cancelled)) != 1:
        raise CassetteError(f"{path}, line {number}: has to hold one of reply, error and cancelled")
    if recording.error is not None and not _is_kind(recording.error.kind):
        raise CassetteError(f"{path}, line {number}: error.kind: there is no error of a model {recording.error.kind!r}")
    return recording


def _is_kind(name: str) -> bool:
    kind = getattr(errors, name, None) if name in errors.__all__ else None
    return kind is not None and issubclass(kind, ModelError)


class Writer:
    """Writes lines as they come, each at once and whole: what was written is there even if the process dies.

    Args:
        path: the file; its folder is made where there is none.
        anew: forget what is in it, else go on behind it.

    Raises:
        CassetteError: it cannot be written, or another process is writing it.
    """

    def __init__(self, path: Path, *, anew: bool) -> None:
        self._path = path
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, flags, 0o666)
        except OSError as error:
            raise self._trouble(error) from error
        if not self._is_alone():
            os.close(self._file)
            raise CassetteError(f"{path}: another process is recording it. hint: give each process a file of its own")
        if anew:
            os.ftruncate(self._file, 0)
        if os.fstat(self._file).st_size == 0:
            self._write(HEADER)

    def add(self, recording: Recording) -> None:
        """Write a line."""
        self._write(recording.model_dump(mode="json", exclude_defaults=True))

    def close(self, *, move_to: Path | None = None) -> None:
        """Close the file, and put it where it belongs: before others may begin with it, where that can be.

        Raises:
            CassetteError: it cannot be put there.
        """
        try:
            if _fcntl is None:  # pragma: no cover - Windows moves no open file
                os.close(self._file)
            if move_to is not None:
                self._path.replace(move_to)
        except OSError as error:
            raise CassetteError(f"{move_to}: cannot be written: {error.strerror or error}") from error
        finally:
            if _fcntl is not None:  # pragma: no branch
                with suppress(OSError):
                    _fcntl.flock(self._file, _fcntl.LOCK_UN)  # a process that was forked meanwhile holds it too
                os.close(self._file)

    def _is_alone(self) -> bool:
        """Lock the file for this process: whether nobody else has it, or has moved it since it was opened."""
        if _fcntl is None:  # pragma: no cover - see above
            return True
        try:
            _fcntl.flock(self._file, _fcntl.LOCK_EX | _fcntl.LOCK_NB)
            return os.path.samestat(os.fstat(self._file), self._path.stat())
        except (BlockingIOError, FileNotFoundError):
            return False
        except OSError:  # a file system without locks
            return True

    def _write(self, line: Any) -> None:
        rest = memoryview((as_line(line, in_order=False) + "\n").encode())
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError as error:
            raise self._trouble(error) from error

    def _trouble(self, error: OSError) -> CassetteError:
        return CassetteError(f"{self._path}: cannot be written: {error.strerror or error}")
