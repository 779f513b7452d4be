"""Who waits for a decision, and the decision: written in one short transaction, also while a kickoff writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any, Literal

from pydantic_core import to_jsonable_python

from crewgraph.approval import Decision
from crewgraph.errors import StoreError
from crewgraph.outputs import Waiting
from crewgraph.shapes import coercer
from crewgraph.shapes.json_schema import kind_of
from crewgraph.store.desk import opened_desk
from crewgraph.store.plain import misfit
from crewgraph.store.postgres import is_address
from crewgraph.store.questions import Answer, answer_text, answers_of, is_late, question_id, question_of
from crewgraph.store.source import Source, opened_source

__all__ = ["WaitingRun", "decide", "questions_of", "waiting"]

Where = str | PathLike[str]

QUESTIONS = """SELECT runs.run, runs.pipeline, runs.id, runs.status, nodes.node, nodes.attempt, nodes.fingerprint,
  nodes.output, decisions.decision, decisions.decided
FROM nodes JOIN runs ON runs.run = nodes.run
LEFT JOIN decisions ON decisions.run = nodes.run AND decisions.node = nodes.node
WHERE runs.status <> 'ok' AND nodes.status = 'waiting' AND nodes.item = 0 AND nodes.attempt = (
  SELECT max(attempt) FROM nodes AS later WHERE later.run = nodes.run AND later.node = nodes.node AND later.item = 0)"""
"""What approvals ask; an older question of the same node, to which an edit led, is none any more."""
MOMENT = 0.001
"""Seconds that a question was there at least."""
MEANT = """SELECT run, pipeline, id, EXISTS (SELECT 1 FROM nodes WHERE nodes.run = runs.run AND status = 'waiting')
           FROM runs WHERE substr(id, 1, ?) = ?"""
DECIDE = """INSERT INTO decisions VALUES (?, ?, ?, ?)
ON CONFLICT (run, node) DO UPDATE SET decision = excluded.decision, decided = excluded.decided"""

ENDED = "UPDATE nodes SET ended = ? WHERE run = ? AND node = ? AND item = 0 AND status = 'waiting' AND started < ?"
"""A question ends when it is decided, as it does when its time is over: by that workers find what goes on."""


@dataclass(frozen=True, slots=True)
class WaitingRun:
    """A run that waits for a person.

    Attributes:
        pipeline: what its pipeline is called in the store.
        run: its id.
        question: what is asked, since when and until when.
        decision: what was decided, where the run has not gone on since; ``None`` where nobody has decided.
        is_late: whether it is too late to decide.
        status: how the run stands: "waiting", or "running" while something else of it is at work, or "failed" or
            "cancelled" where that ended so.
    """

    pipeline: str
    run: str
    question: Waiting
    decision: Decision | None = None
    is_late: bool = False
    status: str = "waiting"


@dataclass(frozen=True, slots=True)
class _Open:
    """A question as it stands in the store."""

    number: int
    id: str
    told: WaitingRun


def waiting(store: Where) -> list[WaitingRun]:
    """What approvals in a store ask, the oldest question first; what was decided and not gone on with among it.

    Args:
        store: the file, or the address of a database.

    Raises:
        StoreError: it is no store, or it is damaged.
    """
    with opened_source(store) as source:
        return sorted((each.told for each in _questions(source)), key=lambda each: each.question.since)


def questions_of(source: Source, run: int) -> list[WaitingRun]:
    """What one run asks, the oldest question first.

    Args:
        source: the store.
        run: its number.

    Raises:
        StoreError: it cannot be read.
    """
    found = _questions(source, " AND runs.run = ?", run)
    return sorted((each.told for each in found), key=lambda each: each.question.since)


def decide(
    store: Where,
    run: str,
    decision: Literal["approved", "rejected"],
    *,
    node: str | None = None,
    comment: str = "",
    by: str = "",
    values: Mapping[str, Any] | None = None,
    key: str | None = None,
) -> WaitingRun:
    """Decide what a run waits for. In a file it goes on with the next kickoff over its input, in a database by itself.

    The same decision again changes nothing. It may be made while a kickoff or workers write to the store.

    Args:
        store: the file, or the address of a database.
        run: the id of the run, or a beginning of it that no other has.
        decision: "approved" or "rejected".
        node: which approval, where several of the run wait.
        comment: what is to be said with it.
        by: who decides.
        values: what is changed, of what may be changed.
        key: which pipeline, where runs of several have this id.

    Returns:
        What was decided.

    Raises:
        StoreError: nothing waits there, it was decided otherwise or is too late, or a value may not be changed so.
    """
    if decision not in ("approved", "rejected"):
        raise ValueError(f"a decision is 'approved' or 'rejected', not {decision!r}")
    said = Decision(decision=decision, comment=comment, by=by, values=_plain(store, values or {}))
    with opened_desk(store) as desk:
        number, own = _run_of(desk, run, key)
        desk.hold(number)
        open_ = _one(desk, own, _questions(desk, " AND runs.run = ?", number), node)
        told, name = open_.told, open_.told.question.node
        if told.decision == said:
            return told
        if told.decision is not None:
            raise StoreError(desk.where, f"'{name}' of run {own} was {_in_words(told.decision)} already")
        if told.is_late:
            raise StoreError(
                desk.where,
                f"'{name}' of run {own} waited until {told.question.until:%Y-%m-%d %H:%M} UTC, and that has passed",
                hint=f"{_goes_on(store)}, and takes the way of what has expired",
            )
        _check(desk, told.question, said)
        now = desk.now()
        desk.change(DECIDE, number, name, answer_text(Answer(open_.id, said, now)), now)
        ended = max(now, told.question.since.timestamp() + MOMENT)
        desk.change(ENDED, ended, number, name, ended)
        return WaitingRun(told.pipeline, told.run, told.question, said, status=told.status)


def _goes_on(store: Where) -> str:
    return "a worker goes on with it" if is_address(store) else "run the same line again: the run goes on"


def _in_words(decision: Decision) -> str:
    return decision.decision + (f" by {decision.by}" if decision.by else "")


def _plain(store: Where, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as JSON has them."""
    plain = dict[str, Any]()
    for key, value in values.items():
        try:
            plain[key] = to_jsonable_python(value)
            told = misfit(plain[key], repr(key))
        except Exception as error:  # a serialiser of the user's, or there is none
            raise StoreError(str(store), f"{key!r} cannot be written as JSON: {error}") from error
        if told is not None:
            raise StoreError(str(store), told)
    return plain


# ---- looking it up ---------------------------------------------------------------------------------------------


def _questions(source: Source, only: str = "", *values: Any) -> list[_Open]:
    """What is asked in a store; the clock is looked at before that is read."""
    found, now = list[_Open](), source.now()
    for number, name, run, status, node, attempt, fingerprint, text, *decided in source.rows(QUESTIONS + only, *values):
        question, own = question_of(node, text), question_id(attempt, fingerprint)
        answer = answers_of([(node, *decided)]).get(node) if decided[0] is not None else None
        decision = answer.decision if answer is not None and answer.question == own else None
        late = decision is None and is_late(question, now)
        found.append(_Open(number, own, WaitingRun(name, run, question, decision, late, status)))
    return found


def _run_of(source: Source, run: str, key: str | None) -> tuple[int, str]:
    """The number and id of the run that is meant."""
    found = list(source.rows(MEANT, len(run), run)) if run else []
    found = [each for each in found if key in (None, each[1])]
    found = [each for each in found if each[2] == run] or found
    found = [each for each in found if each[3]] or found  # the same inputs of another pipeline have the same ids
    if not found:
        of = "" if key is None else f" of '{key}'"
        raise StoreError(source.where, f"there is no run {run!r}{of}", hint="`crewgraph waiting` lists those that wait")
    if len(found) > 1:
        raise StoreError(
            source.where,
            f"{len(found)} runs begin with {run!r}: {', '.join(f'{each[2]} of {each[1]!r}' for each in found[:3])} …",
            hint="write more of the id, or say which pipeline: --key NAME",
        )
    return found[0][0], found[0][2]


def _one(source: Source, run: str, found: Sequence[_Open], node: str | None) -> _Open:
    """The one question that is meant."""
    names = ", ".join(f"'{each.told.question.node}'" for each in found)
    if not found:
        raise StoreError(
            source.where, f"run {run} does not wait for anybody", hint="`crewgraph waiting` lists those that do"
        )
    if node is None and len(found) > 1:
        raise StoreError(source.where, f"run {run} waits at {names}", hint="say which one: --node NAME")
    chosen = [each for each in found if node in (None, each.told.question.node)]
    if not chosen:
        raise StoreError(source.where, f"run {run} does not wait at '{node}', but at {names}")
    return chosen[0]


def _check(source: Source, question: Waiting, said: Decision) -> None:
    """Refuse values that may not be changed, or not to these."""
    for key, value in said.values.items():
        if key not in question.edits:
            may = ", ".join(map(repr, question.edits)) or "nothing"
            raise StoreError(
                source.where,
                f"'{question.node}' does not let {key!r} be changed, but {may}",
                hint=f"declare it: Approval(…, edits={{{key!r}: …}})",
            )
        check = coercer(kind_of(question.edits[key]))
        try:
            if check is not None:
                check(value)
        except ValueError as error:
            raise StoreError(source.where, f"{key!r} of '{question.node}': {error}") from error
