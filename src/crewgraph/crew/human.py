"""A person's word about an answer: asked through a provider, which is the terminal where the crew names none."""

from __future__ import annotations

import re
import sys
import threading
import unicodedata
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, runtime_checkable

from pydantic import PlainValidator

from crewgraph.crew.callback import consulted
from crewgraph.errors import CallbackFailed, HumanInputUnavailable
from crewgraph.threads import Bell, called

__all__ = [
    "Human",
    "HumanProvider",
    "HumanQuestion",
    "Provider",
    "Terminal",
    "ask",
    "giving_way",
    "is_terminal",
    "plain",
    "typed",
]

_TERMINAL_CODE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # CSI: colours, cursor, erasing
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # OSC, DCS …: titles, links, clipboard
    r"|\x1b[ -/]*[0-~]?"
)
_JOINERS = "\u200c\u200d"  # emoji and several scripts are misspelt without them


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanQuestion:
    """What a person is asked.

    Attributes:
        crew, task, agent: whose answer it is, in words.
        description: what was to be done.
        answer: what the model says, as it wrote it: whoever shows it takes care of control characters.
        round: 1 for the first time that the person is asked about this task.
    """

    crew: str = ""
    task: str = ""
    agent: str = ""
    description: str = ""
    answer: str = ""
    round: int = 1


@runtime_checkable
class Human(Protocol):
    """Asks a person. One object serves any number of runs at once."""

    async def ask(self, question: HumanQuestion) -> str:
        """The person's word: nothing to accept the answer, else what is to be changed."""
        ...


def _checked(value: Any) -> Any:
    if value is None or callable(value) or callable(getattr(value, "ask", None)):
        return value
    raise ValueError(
        f"human is a function of a HumanQuestion, or an object with `async def ask(self, question)`, got {value!r}"
    )


Provider = Human | Callable[[HumanQuestion], Any]
"""Asks a person: an object, or just a function."""

HumanProvider = Annotated[Provider | None, PlainValidator(_checked)]
"""The type of a field that says how people are asked."""


async def ask(provider: Provider, question: HumanQuestion) -> str:
    """What the person says, without blanks around it.

    Raises:
        CallbackFailed: the provider raised, or gave no text.
        HumanInputUnavailable: there is nobody to ask.
    """
    function: Any = getattr(provider, "ask", None) or provider
    what = f"{question.task}: the provider of human input"
    said = await consulted(function, question, what=what)
    if not isinstance(said, str):
        raise CallbackFailed(f"{what} gave {type(said).__name__}, not text; '' accepts the answer")
    return said.strip()


def plain(text: str) -> str:
    """A text as it may be shown in a terminal: no terminal codes, no control characters but for line ends and tabs."""
    return "".join(map(_kept, _TERMINAL_CODE.sub("", text.replace("\r\n", "\n"))))


def _kept(character: str) -> str:
    if character in "\n\t" or character in _JOINERS:
        return character
    if character in "\v\f\r\x85\u2028\u2029":
        return "\n"
    return "" if unicodedata.category(character) in {"Cc", "Cf", "Cs"} else character


class _Lines:
    """The lines that a person types, read in a thread of its own.

    A read cannot be interrupted: where the work that waits for it is cancelled, the next question waits for the same
    line, instead of losing it to a reader whom nobody listens to.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_reading = False
        self._read = list[str]()
        self._bell = Bell()

    def drop(self) -> None:
        """Forget the answer to a question that nobody waits for any more."""
        with self._lock:
            self._read.clear()

    async def next(self) -> str:
        """The next line with its end; nothing at the end of the input."""
        while True:
            heard = self._bell.listen()
            try:
                with self._lock:
                    if self._read:
                        return self._read.pop()
                    if not self._is_reading:
                        self._is_reading = True
                        threading.Thread(target=self._read_one, name="crewgraph terminal", daemon=True).start()
                await heard.wait()
            finally:
                self._bell.forget(heard)

    def _read_one(self) -> None:
        try:
            line = sys.stdin.readline()
        except (OSError, ValueError):  # closed meanwhile
            line = ""
        with self._lock:
            self._is_reading = False
            self._read.append(line)
        self._bell.ring()


_lines = _Lines()
_is_asking = threading.Lock()
_is_done = Bell()
_givers = list[Callable[[], AbstractContextManager[object]]]()


@contextmanager
def giving_way(aside: Callable[[], AbstractContextManager[object]]) -> Generator[None]:
    """Enter ``aside()`` for as long as a question is open: whoever draws in the terminal leaves it to the person."""
    _givers.append(aside)
    try:
        yield
    finally:
        _givers.remove(aside)


class Terminal:
    """Asks in the terminal of this process: one question at a time, whatever runs, and without holding any run up."""

    def check(self, who: str) -> None:
        """Refuse to be asked where there is no terminal.

        Args:
            who: who would ask, in words.

        Raises:
            HumanInputUnavailable: there is none.
        """
        if not is_terminal():
            raise HumanInputUnavailable(
                f"{who} wants a person's word, and there is no terminal. hint: Crew(human=…) takes a function of the "
                "question that returns '' to accept the answer, or what is to be changed"
            )

    async def ask(self, question: HumanQuestion) -> str:
        """Show an answer and read one line.

        Raises:
            HumanInputUnavailable: there is no terminal, or its input has ended.
        """
        self.check(question.task)
        return await typed(lambda: _show(question), what=question.task)


async def typed(show: Callable[[], object], *, what: str) -> str:
    """The line that a person types after something was shown: one question at a time, whatever runs.

    Args:
        show: shows the question.
        what: what it is about, in words.

    Raises:
        HumanInputUnavailable: the input of the terminal has ended.
    """
    await _turn()
    try:
        with ExitStack() as asides:
            for aside in _givers:
                asides.enter_context(aside())
            _lines.drop()
            await called(show)
            line = await _lines.next()
    finally:
        _is_asking.release()
        _is_done.ring()
    if not line:
        raise HumanInputUnavailable(f"{what}: the input of the terminal has ended before it was answered")
    return line


async def _turn() -> None:
    """Wait until nobody else in this process is asking; no thread is held up by it."""
    while True:
        heard = _is_done.listen()
        try:
            if _is_asking.acquire(blocking=False):
                return
            await heard.wait()
        finally:
            _is_done.forget(heard)


def is_terminal() -> bool:
    """Whether somebody is there to be asked."""
    try:
        return sys.stdin.isatty()
    except (AttributeError, ValueError):  # there is no stdin, or it is closed
        return False


def _show(question: HumanQuestion) -> None:
    whose = " · ".join(
        plain(each).replace("\n", " ") for each in (question.crew, question.task, question.agent) if each
    )
    text = f"\n── {whose}\n{plain(question.answer)}\n── Enter accepts it; or say what is to be changed: "
    sys.stderr.write(text)
    sys.stderr.flush()
