"""Questions of approvals and the decisions on them, as they stand in a store."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic_core import to_jsonable_python

from crewgraph.approval import Decision
from crewgraph.outputs import Waiting
from crewgraph.store.entries import Asked
from crewgraph.template import as_text

__all__ = [
    "ANSWERS",
    "Answer",
    "answer_text",
    "answers_of",
    "asked_of",
    "is_late",
    "question_id",
    "question_of",
    "question_text",
]

ANSWERS = "SELECT node, decision, decided FROM decisions"


@dataclass(frozen=True, slots=True)
class Answer:
    """A row of the table of decisions.

    Attributes:
        question: which one it answers, by :func:`question_id`; one to another question is not taken.
        decision: the decision.
        decided: when, in seconds since the epoch.
    """

    question: str
    decision: Decision
    decided: float


def question_id(attempt: int, fingerprint: str) -> str:
    """Tells the questions of one node apart: by the time that it was asked, and by everything that led to it."""
    return f"{attempt} {fingerprint}"


def question_text(question: Waiting) -> str:
    """A question as JSON."""
    record = {
        "ask": question.ask,
        "since": question.since.timestamp(),
        "until": None if question.until is None else question.until.timestamp(),
        "values": to_jsonable_python(question.values, fallback=as_text, bytes_mode="base64"),
        "edits": question.edits,
    }
    return json.dumps(record)


def question_of(node: str, text: str) -> Waiting:
    """The question that was written."""
    record: dict[str, Any] = json.loads(text)
    until = record["until"]
    return Waiting(
        node=node,
        ask=record["ask"],
        since=datetime.fromtimestamp(record["since"], UTC),
        until=None if until is None else datetime.fromtimestamp(until, UTC),
        values=record["values"],
        edits=record["edits"],
    )


def answer_text(answer: Answer) -> str:
    """A decision as JSON."""
    said = answer.decision
    return json.dumps(
        {
            "question": answer.question,
            "decision": said.decision,
            "comment": said.comment,
            "by": said.by,
            "values": dict(said.values),
        }
    )


def answers_of(rows: Iterable[tuple[Any, ...]]) -> dict[str, Answer]:
    """By node what was decided; the rows are those of :data:`ANSWERS`."""
    answers = ((node, _answer(text, decided)) for node, text, decided in rows)
    return {node: answer for node, answer in answers if answer is not None}


def _answer(text: str, decided: float) -> Answer | None:
    """What stands in a row; ``None`` where nobody of us wrote it."""
    try:
        record: dict[str, Any] = json.loads(text)
        question: str = record.pop("question")
        return Answer(question, Decision(**record), decided)
    except (ValueError, TypeError, LookupError):
        return None


def asked_of(node: str, text: str, attempt: int, answer: Answer | None, *, looked: float) -> Asked:
    """A question, and what was decided on it.

    Args:
        node: which approval asks it.
        text: the question as JSON.
        attempt: which attempt of the node asked it.
        answer: what was decided.
        looked: when that was looked at, in seconds since the epoch.
    """
    question = question_of(node, text)
    if answer is None:
        return Asked(question, attempt, is_late=is_late(question, looked))
    return Asked(question, attempt, answer.decision, answer.decided)


def is_late(question: Waiting, now: float) -> bool:
    """Whether the time to decide is over."""
    return question.until is not None and question.until.timestamp() <= now
