"""What a run that waited for a person needs to go on: nothing in a database, and in a file the command to type."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime

from crewgraph.render.escape import clean, shortened
from crewgraph.store import WaitingRun, opened_source
from crewgraph.store.postgres import is_address
from crewgraph.template import as_text

__all__ = ["asked", "deciding", "onward", "onward_all", "shown", "store_option_for", "waits_in"]

PASSWORD = re.compile(r"(://[^:@/]*):.*@")
MAX_VALUE = 400
"""Characters of a value that are shown; all of it is in --json."""
TARGET = "TARGET"
"""In place of the pipeline: a store knows its name and not its code."""
BY_WORKERS = frozenset({"waiting", "running", "queued"})
"""How runs of a database stand that go on by themselves."""


def shown(store: str) -> str:
    """A store as it was named, without its password."""
    return PASSWORD.sub(r"\1:…@", store.partition("?")[0]) if is_address(store) else store


def store_option_for(store: str) -> str:
    """How a command names a store; nothing where the environment does."""
    return "" if os.environ.get("CREWGRAPH_STORE") == store else f" --store {shlex.quote(shown(store))}"


def waits_in(store: str) -> str:
    """What somebody can do for runs that wait in a store."""
    how = "workers go on with what is decided" if is_address(store) else "the same line again goes on"
    return f"crewgraph waiting {shlex.quote(shown(store))} shows what is asked; {how}"


def asked(told: WaitingRun) -> Iterator[str]:
    """What is asked, until when, and what has become of it: lines for a person."""
    question = told.question
    until = "" if question.until is None else f", until {moment(question.until)}"
    yield f"'{clean(question.node)}' asks since {moment(question.since)}{until}:"
    yield from (f"  {clean(line)}" for line in question.ask.splitlines())
    for key in question.edits:
        yield f"  {clean(key)} may be changed: {clean(shortened(as_text(question.values.get(key)), MAX_VALUE))}"
    if told.decision is not None:
        by = f" by {clean(told.decision.by)}" if told.decision.by else ""
        yield f"  {told.decision.decision}{by}, and has not gone on yet"
    elif told.is_late:
        yield "  too late to decide"


def moment(when: datetime) -> str:
    """A time to the minute."""
    return f"{when:%Y-%m-%d %H:%M} UTC"


def deciding(store: str, found: Sequence[WaitingRun]) -> str | None:
    """How to decide the first question that is open; ``None`` where none is."""
    first = next((each for each in found if each.decision is None and not each.is_late), None)
    if first is None:
        return None
    return f"decide with: crewgraph approve {shlex.quote(clean(first.run))}{store_option_for(store)}, or reject"


def onward(store: str, told: WaitingRun) -> Iterator[str]:
    """What is to be done so that a run goes on that was decided: lines for a person."""
    if is_address(store) and told.status in BY_WORKERS:
        yield "a worker goes on with it"
        return
    with opened_source(store) as source:
        writer = source.writer()
        scheduled = list(source.rows("SELECT record FROM schedules WHERE name = ?", told.pipeline))
    if writer is not None:
        yield f"{writer} writes to the store; then go on with:"
    else:
        yield "go on with:"
    target = _target(*scheduled[0]) if scheduled else None
    verb = "retry" if told.status == "failed" else "resume"
    key = "" if target is None else f" --key {shlex.quote(told.pipeline)}"
    yield f"  crewgraph {verb} {TARGET if target is None else shlex.quote(clean(target))} {shlex.quote(clean(told.run))}{store_option_for(store)}{key}"


def _target(record: str) -> str | None:
    """The pipeline of a schedule, as a command names it."""
    with suppress(ValueError, LookupError, TypeError):
        return str(json.loads(record)["target"])
    return None


def onward_all(store: str, found: Sequence[WaitingRun]) -> str | None:
    """What is to be done so that all go on that are decided, or too late to decide; ``None`` where there are none."""
    if not any(each.decision is not None or each.is_late for each in found):
        return None
    if is_address(store):
        return "workers go on with what is decided or too late to decide"
    return f"go on with what is decided or too late to decide: crewgraph resume {TARGET}{store_option_for(store)}"
