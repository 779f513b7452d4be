"""Runs of a store on a terminal: a list of them, and everything about one."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import click

from crewgraph.cli import account
from crewgraph.cli.console import UNCUT, width_for
from crewgraph.cli.onward import asked, deciding, onward_all
from crewgraph.cli.table import table
from crewgraph.render.duration import duration
from crewgraph.render.escape import clean, cut, shortened
from crewgraph.report import Record, encoded_line, label_of, stored_record, trace_line
from crewgraph.store import Definitions, Source, StoredRun, opened_source, run_in, runs_in
from crewgraph.store.decisions import questions_of
from crewgraph.store.pages import Line
from crewgraph.store.runs import lines_of
from crewgraph.trace import moment

__all__ = ["echo_run", "echo_runs"]

INDENT = "  "
MAX_ID = 60
MADE_ID = re.compile("[0-9a-f]{32}")
SHORT_ID = 12
"""Of the ids that we make of inputs, on a terminal: every command takes the beginning of one."""
MAX_ERROR = 100
MOST = 100
"""Runs that are listed on a terminal where nobody says how many."""


# ---- a list ----------------------------------------------------------------------------------------------------


def echo_runs(where: str, *, key: str | None, status: tuple[str, ...], limit: int | None, is_json: bool) -> None:
    """Print the runs of a store, those that began last first.

    Args:
        where: the store.
        key: only runs of this pipeline.
        status: only runs that ended so; all where it is empty.
        limit: no more than so many.
        is_json: whether each is a line of JSON.
    """
    with opened_source(where) as source:
        most = limit or (None if is_json else MOST)
        runs = runs_in(source, key=key, status=status or None, newest=True, most=most)
        if is_json:
            for run in runs:
                click.echo(encoded_line(_facts(run)), nl=False)
            return
        every = list(runs)
        has_names = len({run.pipeline for run in every}) > 1
        width = width_for(sys.stdout, most=UNCUT)
        rows = [_cells(run, has_names=has_names, is_short=width < UNCUT) for run in every]
        for line in table(rows):
            click.echo(cut(line, width))
        if not every:
            click.echo("there are no such runs in it" if status or key else "there are no runs in it yet")
        if limit is None and len(every) == MOST:
            click.echo(f"only the last {MOST} are shown. hint: --limit N")


def _cells(run: StoredRun, *, has_names: bool, is_short: bool) -> list[str]:
    took = "" if run.seconds is None else duration(max(0.0, run.seconds))
    error = "" if run.error is None else shortened(run.error, MAX_ERROR)
    names = [shortened(run.pipeline, MAX_ID)] if has_names else []
    state = account.WORDS.get(run.status, clean(run.status))
    given = _given(run)
    label = label_of(given) if isinstance(given, Mapping) else ""
    label = "" if label == run.id else label
    name = run.id[:SHORT_ID] if is_short and MADE_ID.fullmatch(run.id) else shortened(run.id, MAX_ID)
    return [name, *names, state, _when(run.began), took, label, error]


def _when(seconds: float) -> str:
    try:
        return f"{moment(seconds):%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError, OSError):  # a clock that was wrong, or a file that is
        return f"{seconds:g}"


def _facts(run: StoredRun) -> dict[str, Any]:
    return {
        "id": run.id,
        "pipeline": run.pipeline,
        "status": run.status,
        "error": run.error,
        "began": run.began,
        "ended": run.ended,
        "place": run.place,
        "origin": run.origin,
        "definition": run.definition,
    }


# ---- one of them -----------------------------------------------------------------------------------------------


def echo_run(where: str, name: str, *, key: str | None, is_json: bool) -> None:
    """Print everything that is kept of one run.

    Args:
        where: the store.
        name: of the run, or the beginning of it.
        key: of which pipeline.
        is_json: whether it is printed whole, as one object of JSON.
    """
    with opened_source(where) as source:
        run = run_in(source, name, key)
        record, lines = stored_record(source, run, Definitions(source)), lines_of(source, run.number)
        if is_json:
            attempts = [_attempt(line) for line in lines]
            told = _facts(run) | {"result": record.id, "inputs": _given(run), "spans": trace_line(record)["spans"]}
            click.echo(json.dumps(told | {"attempts": attempts}, ensure_ascii=True, indent=2))
            return
        click.echo(f"{click.style(shortened(run.id, MAX_ID), bold=True)}  {_state(source, run, record)}")
        for line in _told(where, source, run, record, lines):
            click.echo(line)


def _state(source: Source, run: StoredRun, record: Record) -> str:
    if run.status in ("new", "queued"):
        return account.WORDS["queued"]
    if run.status == "running":
        return "under way" if source.is_at_work() else account.WORDS["running"]
    return account.head(record)


def _told(where: str, source: Source, run: StoredRun, record: Record, lines: Iterable[Line]) -> Iterator[str]:
    width = width_for(sys.stdout, most=UNCUT)
    origin = "" if run.origin is None else f", {_forked(run.origin)}"
    yield f"{INDENT}{shortened(run.pipeline, MAX_ID)}, input {run.place}, began {_when(run.began)} UTC{origin}"
    yield from (cut(f"{INDENT}{line}", width) for line in account.inputs(record))
    error = record.error if record.status not in ("ok", "cancelled", "waiting") else None
    yield from [f"{INDENT}{shortened(error, 2 * MAX_ERROR)}"] if error else []
    yield from (cut(f"{INDENT}{line}", width) for line in account.nodes(record, has_answers=True))
    questions = questions_of(source, run.number)
    yield from (f"{INDENT}{line}" for each in questions for line in asked(each))
    yield from filter(None, (deciding(where, questions), onward_all(where, questions)))
    yield from (f"{INDENT}{line}" for line in _earlier(lines))


def _forked(origin: str) -> str:
    """Of which run a fork was made, and at which node."""
    try:
        told = json.loads(origin)
        return f"forked from {shortened(str(told['run']), MAX_ID)} at {shortened(str(told['from']), MAX_ID)}"
    except (ValueError, TypeError, LookupError):  # somebody else's words
        return f"forked from {shortened(origin, MAX_ID)}"


def _earlier(lines: Iterable[Line]) -> Iterator[str]:
    """Attempts that did not come to their end, but for the last of each node; and what was not kept, and why."""
    every = list(lines)
    last = {line.node: line.attempt for line in every}
    for line in every:
        name, error = shortened(line.node, MAX_ID), shortened(line.error or " ", MAX_ERROR)
        if line.status == "not kept":
            yield f"'{name}' is not kept: {error}"
        elif line.status != "ok" and line.attempt < last[line.node]:
            yield f"attempt {line.attempt} of '{name}' {clean(line.status)}: {error}"


def _given(run: StoredRun) -> Any:
    try:
        return run.inputs
    except ValueError:
        return run.text


def _attempt(line: Line) -> dict[str, Any]:
    names = ("node", "attempt", "status", "route", "started", "ended", "error")
    return {name: getattr(line, name) for name in names}
