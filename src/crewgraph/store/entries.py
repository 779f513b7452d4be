"""What a journal holds, as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from crewgraph.approval import Decision
from crewgraph.outputs import CrewOutput, UsageMetrics, Waiting
from crewgraph.usage import Call

__all__ = ["INEXACT", "Asked", "Identity", "Kept", "Spent"]

INEXACT = "~"
"""Marks the content of an input that JSON would not give back as it was."""


@dataclass(frozen=True, slots=True)
class Identity:
    """By what an input is known again.

    Attributes:
        id: of its run: what stands in the id column, else made of the content.
        content: a short name for what is in it; it begins with ``~`` where JSON would not give back the input as it was.
        text: the input as JSON.
        place: the number of its input, where it was read from a store.
        origin: what it was forked from, as JSON; ``None`` for what an input made.
    """

    id: str
    content: str
    text: str
    place: int | None = None
    origin: str | None = None

    @property
    def is_exact(self) -> bool:
        """Whether the text is the input, and not only something by which it is known again."""
        return not self.content.startswith(INEXACT)


@dataclass(frozen=True, slots=True)
class Spent:
    """What a node took.

    Attributes:
        usage: in all.
        calls: every call.
    """

    usage: UsageMetrics = field(default_factory=UsageMetrics)
    calls: Sequence[Call] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of a node that ran before.

    Attributes:
        output: what it gave; ``None`` for a router.
        route: the route that a router took.
        spent: what it took then.
        started, ended: when, in seconds since the epoch.
        attempt: which attempt it was, counted from 1.
    """

    output: CrewOutput | None
    route: str | None
    spent: Spent
    started: float
    ended: float
    attempt: int


@dataclass(frozen=True, slots=True)
class Asked:
    """What an approval has asked, and what came of it.

    Attributes:
        question: the question.
        attempt: which attempt of the node asked it.
        decision: what somebody decided; ``None`` where nobody has.
        decided: when, in seconds since the epoch.
        is_late: whether the time to decide was over when it was looked whether somebody had.
    """

    question: Waiting
    attempt: int
    decision: Decision | None = None
    decided: float | None = None
    is_late: bool = False
