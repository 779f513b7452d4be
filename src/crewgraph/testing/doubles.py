"""Models that answer by a script, by a shape, late, or not at all."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Unpack, cast

import anyio

from crewgraph.errors import ModelUnavailable, ScriptEnded
from crewgraph.llm.offline.schema import made_up
from crewgraph.llm.port import Reply, Request
from crewgraph.llm.recording.fingerprint import canonical, digest
from crewgraph.testing.double import Answer, Double, DoubleOptions, insist_on_calls

__all__ = ["FailingLLM", "SchemaLLM", "ScriptedLLM", "SlowLLM"]

Rules = Mapping[str, Any] | Iterable[tuple[str | Callable[[Request], bool], Answer]]


class ScriptedLLM(Double):
    """A model that answers what the test says, by rule or one answer after the other.

    ::

        llm = ScriptedLLM(call("search", query="rain"), "It rains.")
        llm = ScriptedLLM(rules={"classify": {"urgent": True}, "summarise": "Short."})

    Args:
        answers: in this order, to whatever no rule fits.
        rules: what to answer when, any number of times; the first that fits wins. A mapping of regular expressions
            over what the user says (case does not matter), or pairs; in pairs, a function of the request may stand for
            the expression. An answer that is a function and returns ``None`` leaves the request to the next one.
        repeat: give the last of the answers for ever; else :class:`crewgraph.errors.ScriptEnded` is raised when they
            are used up.
        options: as for every :class:`Double`.
    """

    name = "scripted"

    def __init__(
        self, *answers: Answer, rules: Rules = (), repeat: bool = False, **options: Unpack[DoubleOptions]
    ) -> None:
        super().__init__(**options)
        pairs: Any = cast("Mapping[str, Any]", rules).items() if isinstance(rules, Mapping) else rules
        self._rules = [(_condition(when), then) for when, then in pairs]
        for each in answers:
            if isinstance(each, list | tuple):
                insist_on_calls(each)
        self._given = len(answers)
        self._answers = deque(answers)
        self._repeat = repeat

    @property
    def left(self) -> int:
        """How many of its answers nobody has asked for."""
        return len(self._answers)

    def assert_done(self) -> None:
        """Fail the test if there are answers that nobody asked for."""
        if self._answers:
            raise AssertionError(f"{self.model}: {self.left} of its {self._given} answers were not asked for")

    async def reply(self, request: Request) -> Reply:
        """The answer of the first rule that fits, else the next one."""
        for applies, answer in self._rules:
            if applies(request) and (reply := await self.read(answer, request)) is not None:
                return reply
        return await self.must_read(self._next(request), request)

    def _next(self, request: Request) -> Answer:
        with self._lock:
            if self._repeat and len(self._answers) == 1:
                return self._answers[0]
            if self._answers:
                return self._answers.popleft()
        used_up = {0: "it has no answers", 1: "its only answer is used up"}.get(
            self._given, f"all {self._given} answers are used up"
        )
        rules = f" and no rule of {len(self._rules)} fits" if self._rules else ""
        raise ScriptEnded(
            f"{self.model}: {used_up}{rules}; it was asked: {self.shown(request)}\n"
            'hint: give it one more answer, rules={"pattern": answer}, or repeat=True'
        )


class SchemaLLM(Double):
    """A model that answers with made-up values of whatever shape is asked for; the same request gets the same answer.

    Args:
        text: what it answers where no shape is asked for.
        seed: another seed makes up other values.
        options: as for every :class:`Double`.
    """

    name = "made-up"

    def __init__(self, text: str = "made up", *, seed: int = 0, **options: Unpack[DoubleOptions]) -> None:
        super().__init__(**options)
        self._text = text
        self._seed = seed

    async def reply(self, request: Request) -> Reply:
        """A value of the shape, else the text."""
        if request.schema is None:
            return self._reply(self._text)
        number = int(digest([self._seed, canonical(self, request)]), 16)
        return self._reply(made_up(request.schema, seed=number))


class FailingLLM(Double):
    """A model that fails, and may recover.

    Args:
        errors: what it fails with, in turn and from the beginning again: exceptions or their classes;
            ``ModelUnavailable`` where none is given.
        times: how many calls fail; all of them where it is left out.
        then: what it answers after that.
        options: as for every :class:`Double`.
    """

    name = "failing"

    def __init__(
        self,
        *errors: Exception | type[Exception],
        times: int | None = None,
        then: Answer = "recovered",
        **options: Unpack[DoubleOptions],
    ) -> None:
        super().__init__(**options)
        self._errors = errors or (ModelUnavailable,)
        self._times = times
        self._then = then
        self.failed = 0
        """How often it has failed."""

    async def reply(self, request: Request) -> Reply:
        """Fail, or answer where it has failed often enough."""
        with self._lock:
            fails = self._times is None or self.failed < self._times
            if fails:
                error = self._errors[self.failed % len(self._errors)]
                self.failed += 1
                raise self._error(error)
        return await self.must_read(self._then, request)


class SlowLLM(Double):
    """A model that takes its time.

    It waits with ``anyio.sleep``, so that trio's ``MockClock`` makes any time pass at once.

    Args:
        seconds: how long each answer takes; ``math.inf`` for one that never comes.
        then: what it answers.
        options: as for every :class:`Double`.
    """

    name = "slow"

    def __init__(self, seconds: float, then: Answer = "at last", **options: Unpack[DoubleOptions]) -> None:
        if not seconds >= 0:
            raise ValueError(f"seconds is a number of at least 0, not {seconds!r}")
        super().__init__(**options)
        self.seconds = seconds
        self._then = then

    async def reply(self, request: Request) -> Reply:
        """Wait, then answer."""
        await anyio.sleep(self.seconds)
        return await self.must_read(self._then, request)


def _condition(when: str | Callable[[Request], bool]) -> Callable[[Request], bool]:
    if callable(when):
        return when
    pattern = re.compile(when, re.IGNORECASE)
    return lambda request: any(
        pattern.search(message.content) for message in request.messages if message.role == "user"
    )
