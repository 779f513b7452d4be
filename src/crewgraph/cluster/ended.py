"""Runs that workers have ended, as they would be had they been executed here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from typing import NamedTuple

from crewgraph.engine.port import Row
from crewgraph.engine.replayed import replayed
from crewgraph.engine.run import Run
from crewgraph.errors import StoreError
from crewgraph.frontier import DONE
from crewgraph.store import Definition, Source, StoredRun
from crewgraph.store.pages import Line
from crewgraph.store.replay import StoredLog
from crewgraph.store.runs import COLUMNS

__all__ = ["Ended", "ended_runs", "read_run"]

AT_ONCE = 200
"""Runs that are read at a time: what they gave may be large, and whoever takes the results may be slow."""
RUNS = f"""SELECT {COLUMNS} FROM runs WHERE run = ANY(?) AND status NOT IN ('new', 'queued', 'running')
           ORDER BY ended, run LIMIT {AT_ONCE}"""  # noqa: S608 - our own names
LINES = f"""SELECT run, {", ".join(Line._fields)} FROM nodes WHERE run = ANY(?) AND item = 0
            ORDER BY run, attempt, started"""  # noqa: S608 - our own names


class Ended(NamedTuple):
    """A run that has ended.

    Attributes:
        record: the run, as it stands in the database.
        lines: what was noted of its nodes.
    """

    record: StoredRun
    lines: list[Line]


def ended_runs(source: Source, runs: Collection[int]) -> Iterator[Ended]:
    """Those that have ended, in that order; not more than can be read at a time.

    Raises:
        StoreError: the database cannot be read.
    """
    found = {record.number: Ended(record, []) for record in (StoredRun(*row) for row in source.rows(RUNS, list(runs)))}
    for run, *line in source.rows(LINES, list(found)) if found else ():
        found[run].lines.append(Line(*line))
    return iter(found.values())


def read_run(source: Source, ended: Ended, row: Row, definitions: Callable[[str], Definition]) -> Run:
    """A run with everything that its nodes gave.

    Args:
        source: the database, for messages.
        ended: what is noted of it.
        row: its input.
        definitions: gives the definition that a run was made with.
    """
    record = replace(ended.record, place=row.index)
    run = replayed(source, record, definitions, inputs=row.values, lines=ended.lines)
    if run.error is None and record.status == "ok":
        run.error = _lacking(run, source.where)
    for inner in run.family():
        for node, mark in inner.marks.items():
            if inner.frontier.state[node] == DONE:
                mark.source = "store"  # it ran elsewhere
    return run


def _lacking(run: Run, where: str) -> StoreError | None:
    """What of a run that ended well is not there: a result must not look whole without it."""
    for inner in run.family():
        log: object = inner.log
        if not isinstance(log, StoredLog):
            continue
        for node in inner.marks:
            line = log.line(node)
            if line is not None and line.status == "not kept":
                told = f"it ended well, and what node '{line.node}' gave could not be sent here: {line.error}"
                return StoreError(where, told)
    return None
