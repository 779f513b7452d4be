"""Cassettes: the model calls of whole kickoffs, recorded to a file and played back without a model."""

from __future__ import annotations

import logging
import os
import threading
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import anyio
from anyio.lowlevel import checkpoint

from crewgraph.errors import CassetteError, CassetteMiss
from crewgraph.llm.intercept import Asked, Outcome, enter, leave
from crewgraph.llm.recording.cassette_file import Recording, Writer, recording_of, recordings
from crewgraph.llm.recording.fingerprint import Text, canonical, digest
from crewgraph.llm.recording.nearest import difference, nearest, shown
from crewgraph.llm.secrets import masked

__all__ = ["Cassette", "record", "replay"]

_log = logging.getLogger("crewgraph.llm")

Mode = Literal["record", "missing", "replay"]

GRACE = 5.0
"""Seconds in which a call that was cancelled when it was recorded has to be cancelled again."""
MAX_EXPLAINED = 10
"""Misses of one cassette that are compared with what is recorded; a thousand of them need no more."""
MAX_NAMED = 10

_written = set[Path]()
_written_lock = threading.Lock()


class _Stock:
    """What a file holds, by request; the k-th time that something is asked gets the k-th answer to it."""

    def __init__(self, held: Sequence[Recording] = (), *, repeat: bool = False) -> None:
        self.held = held
        self._repeat = repeat
        self._lock = threading.Lock()
        self._by_request = dict[str, list[Recording]]()
        self._asked = Counter[str]()
        for each in sorted(held, key=lambda recording: recording.nth):
            answers = self._by_request.setdefault(digest(each.request), [])
            if answers and answers[-1].cancelled and answers[-1].nth == each.nth:
                answers.pop()  # it was made again since
            answers.append(each)

    def take(self, key: str) -> Recording | None:
        """The next answer to a request."""
        answers = self._by_request.get(key, [])
        with self._lock:
            self._asked[key] += 1
            asked = self._asked[key]
        if asked <= len(answers):
            return answers[asked - 1]
        return answers[-1] if answers and self._repeat else None

    def asked(self, key: str) -> int:
        """How often something was asked, this time included."""
        return self._asked[key]

    def count(self, key: str) -> int:
        """How many answers there are to a request."""
        return len(self._by_request.get(key, ()))

    def unused(self) -> tuple[Recording, ...]:
        """What was not asked for, in the order of the file."""
        left = [each for key, answers in self._by_request.items() for each in answers[self._asked[key] :]]
        return tuple(sorted(left, key=lambda recording: recording.line))


class Cassette:
    """A file of recorded model calls, in use for as long as its ``with`` lasts.

    Made by :func:`record` and :func:`replay`. One cassette serves any number of kickoffs, threads and event loops.

    Attributes:
        path: the file.
        recorded: how many calls were recorded here.
        replayed: how many were answered from the file.
        misses: how many had no answer in it.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        mode: Mode,
        redact: Text | None = None,
        repeat: bool = False,
        use_all: bool = False,
        everywhere: bool = False,
        keep_failed: bool = True,
        hint: str = "",
    ) -> None:
        if redact is not None and not callable(redact):
            raise TypeError(f"redact= is a function from a text to the text that is stored, not {redact!r}")
        self.path = Path(path)
        self.recorded = 0
        self.replayed = 0
        self.misses = 0
        self._mode: Mode = mode
        self._redact = redact
        self._repeat = repeat
        self._use_all = use_all
        self._everywhere = everywhere
        self._keep_failed = keep_failed
        self._hint = hint or (
            f"record it: with crewgraph.record({str(self.path)!r}, only_missing=True): … asks the model for what the "
            "cassette lacks, and adds that"
        )
        self._lock = threading.Lock()
        self._writer: Writer | None = None
        self._is_open = False
        self._is_used = False
        self._stock = _Stock()

    @property
    def unused(self) -> tuple[Recording, ...]:
        """What is in the file and was not asked for so far."""
        return self._stock.unused()

    def __enter__(self) -> Self:
        with self._lock:
            if self._is_used:
                raise CassetteError(f"{self.path}: a cassette is used once; give the next `with` one of its own")
            self._is_used = True
        if self._mode != "replay":
            _claim(self.path)
        try:
            self._open()
        except BaseException:
            _release(self.path)
            raise
        enter(self, everywhere=self._everywhere)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        leave(self, everywhere=self._everywhere)
        if self._mode != "replay":
            try:
                self._close(error)
            finally:
                _release(self.path)
        elif self._use_all and error is None and (left := self.unused):
            named = "\n".join(f"  {recording}" for recording in left[:MAX_NAMED])
            more = f"\n  … and {len(left) - MAX_NAMED} more" if len(left) > MAX_NAMED else ""
            raise CassetteError(f"{self.path}: {len(left)} of its answers were not asked for:\n{named}{more}")

    def __repr__(self) -> str:
        return f"<cassette {self.path}: {self._mode}, {self.recorded} recorded, {self.replayed} replayed>"

    # ---- answering -----------------------------------------------------------------------------------------------

    async def answer(self, asked: Asked) -> Outcome:
        """Answer from the file, or record what the model answers.

        Raises:
            CassetteMiss: the file holds no answer, and nothing is to be recorded.
            CassetteError: the file cannot be written, or the user's ``redact`` failed.
        """
        request = canonical(asked.llm, asked.request, text=self._stored)
        key = digest(request)
        if self._mode == "replay":  # a budget that is used up stops the work before anything is looked up
            return await asked.counted(partial(self._played_or_missed, asked, request, key))
        found = self._stock.take(key)
        if found is not None and not found.cancelled:
            return await asked.counted(partial(self._played, asked, found))
        return await self._recorded(asked, request, nth=self._stock.asked(key))

    async def _played_or_missed(self, asked: Asked, request: dict[str, Any], key: str) -> Outcome:
        found = self._stock.take(key)
        if found is None:
            raise self._miss(request, key)
        return await self._played(asked, found)

    async def _played(self, asked: Asked, found: Recording) -> Outcome:
        if found.cancelled:
            await anyio.sleep(GRACE)  # whatever cancelled it then does so again
            raise CassetteMiss(
                f"{self.path}, line {found.line}: when this call was recorded it was cancelled before it had an "
                f"answer, and now nobody cancels it. hint: {self._hint}"
            )
        await checkpoint()
        with self._lock:
            self.replayed += 1
        return found.outcome(asked.llm.model)

    async def _recorded(self, asked: Asked, request: dict[str, Any], *, nth: int) -> Outcome:
        try:
            outcome = await asked.proceed()
        except Exception:
            raise
        except BaseException:
            if asked.has_begun():
                self._add(recording_of(request, nth, None, self._stored))
            raise
        self._add(recording_of(request, nth, outcome, self._stored))
        return outcome

    def _add(self, recording: Recording) -> None:
        with self._lock:
            if self._writer is None:
                _log.warning("%s: a call ended after the cassette was closed, and is not recorded", self.path)
                return
            self._writer.add(recording)
            self.recorded += 1

    def _stored(self, text: str) -> str:
        """A text as it is stored and compared."""
        if self._redact is None:
            return masked(text)
        try:
            told: Any = self._redact(text)
        except Exception as error:
            raise CassetteError(f"{self.path}: redact= failed: {type(error).__name__}: {error}") from error
        if not isinstance(told, str):
            raise CassetteError(f"{self.path}: redact= returned {told!r}, not the text that is to be stored")
        return masked(told)

    def _miss(self, request: dict[str, Any], key: str) -> CassetteMiss:
        with self._lock:
            self.misses += 1
            is_explained = self.misses <= MAX_EXPLAINED
        hint = f"hint: {self._hint}"
        times = self._stock.count(key)
        if times:
            return CassetteMiss(
                f"{self.path}: this request is recorded {times}× and was asked once more:\n{shown(request)}\n"
                f"{hint}; or replay(…, repeat=True), which gives the last answer again"
            )
        held = (each.request for each in self._stock.held) if is_explained else ()
        near = nearest(request, held)
        what = shown(request) if near is None else f"The nearest one:\n{difference(near, request)}"
        return CassetteMiss(f"{self.path}: there is no recorded answer to this request. {what}\n{hint}")

    # ---- the file ------------------------------------------------------------------------------------------------

    @property
    def _part(self) -> Path:
        """Where a new recording is written until it is complete."""
        return self.path.with_name(self.path.name + ".part")

    def _open(self) -> None:
        if self._mode == "record":
            self._writer = Writer(self._part, anew=True)
            return
        if self.path.exists():
            self._stock = _Stock(recordings(self.path), repeat=self._repeat)
        elif self._mode == "replay":
            raise CassetteError(f"{self.path}: there is no such cassette. hint: {self._hint}")
        if self._mode == "missing":
            self._writer = Writer(self.path, anew=False)

    def _close(self, error: BaseException | None) -> None:
        with self._lock:
            writer, self._writer = self._writer, None
            assert writer is not None, "opened by __enter__"
            is_new = self._mode == "record" and (error is None or (self._keep_failed and not self.path.exists()))
            writer.close(move_to=self.path if is_new else None)
        if not self.recorded and not self.replayed and error is None:
            _log.warning("%s: no model was called, so nothing is recorded", self.path)
        if self._mode == "missing" or error is None or is_new:
            return
        if self._keep_failed:
            error.add_note(f"{self.path} was left as it is; what was recorded until then is in {self._part}")
        else:
            self._part.unlink(missing_ok=True)


def _claim(path: Path) -> None:
    """Let nobody else in this process write a file."""
    with _written_lock:
        if path.resolve() in _written:
            raise CassetteError(f"{path}: is being recorded already. hint: one `with` may surround everything")
        _written.add(path.resolve())


def _release(path: Path) -> None:
    with _written_lock:
        _written.discard(path.resolve())


def record(
    path: str | os.PathLike[str],
    *,
    only_missing: bool = False,
    redact: Text | None = None,
    everywhere: bool = False,
) -> Cassette:
    """Record every model call that is made inside of a ``with``: of whole kickoffs, of any number of crews.

    ::

        with crewgraph.record("kickoff.jsonl"):
            pipeline.kickoff(inputs)

    Each call is written when it has ended, failures and retries too. A new recording takes the place of the old one
    at the end of the ``with``; until then it is in a file of the same name with ``.part`` behind it, and stays there
    if an exception leaves the ``with`` and there is an old one.

    Args:
        path: the file, one line of JSON for each call. It holds what was said, and the names and parameters of the
            models; no keys, and what looks like one is masked in all texts.
        only_missing: answer what the file holds, ask the models for the rest, and add that to the file.
        redact: from any text to the one that is stored; give the same function to :func:`replay`. It has to leave
            alone what it has already been given back: ``redact(redact(text)) == redact(text)``.
        everywhere: for the whole process, threads that you start yourself included; else for what is started from
            this code: kickoffs, tasks, worker threads of crewgraph and anyio.

    Raises:
        CassetteError: the file cannot be written, another process is recording it, or, with ``only_missing``, it
            cannot be read.
    """
    return Cassette(path, mode="missing" if only_missing else "record", redact=redact, everywhere=everywhere)


def replay(
    path: str | os.PathLike[str],
    *,
    repeat: bool = False,
    use_all: bool = False,
    redact: Text | None = None,
    everywhere: bool = False,
) -> Cassette:
    """Answer every model call inside of a ``with`` from a recording. No model is called, no key needed.

    What failed when it was recorded fails again, without the waiting. Usage, cost and budgets count as recorded.

    Args:
        path: a file that :func:`record` wrote.
        repeat: give the last recorded answer again when something is asked more often than when it was recorded.
        use_all: raise at the end of the ``with`` if there are answers that were not asked for.
        redact: the function that was given to :func:`record`.
        everywhere: as for :func:`record`.

    Raises:
        CassetteMiss: from inside a kickoff: something is asked that is not recorded. It shows the nearest recorded
            request. It is no failure of a model, so there are no retries and no fallbacks.
        CassetteError: there is no such file, or it is damaged.
    """
    return Cassette(path, mode="replay", redact=redact, repeat=repeat, use_all=use_all, everywhere=everywhere)
