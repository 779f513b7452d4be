"""The runs in a store, for whoever looks at them from outside."""

from __future__ import annotations

import json
import shlex
from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any

from crewgraph.errors import StoreError
from crewgraph.errors.root import MAX_NAMED, counted
from crewgraph.store.definitions import broken
from crewgraph.store.pages import Line
from crewgraph.store.source import Source, one_row, opened_source

__all__ = [
    "UNENDED",
    "StoredRun",
    "are_of",
    "lines_of",
    "newest_definition",
    "pipeline_in",
    "run_in",
    "runs_in",
    "stored_runs",
]

COLUMNS = "run, pipeline, id, status, error, place, began, ended, origin, definition, content, input"
UNENDED = ("new", "queued", "running", "waiting")
"""How runs stand that have not ended."""


@dataclass(frozen=True, slots=True)
class StoredRun:
    """One run in a store.

    Attributes:
        number: of the run in the store.
        pipeline: what its pipeline is called there.
        id: what it is called there.
        status: how it ended; "running" where it has not, "waiting" where it waits for a decision, "queued" where it waits
            for a worker.
        error: why it failed, in words.
        place: the number of its input in the kickoff that ran it last.
        began, ended: when, in seconds since the epoch.
        origin: what it was forked from; ``None`` for what an input made.
        definition: a short name for what the pipeline was then.
        content: a short name for what is in its input.
        text: its input as JSON.
    """

    number: int
    pipeline: str
    id: str
    status: str
    error: str | None
    place: int
    began: float
    ended: float | None
    origin: str | None
    definition: str
    content: str
    text: str

    @property
    def inputs(self) -> Mapping[str, Any]:
        """Its input, as JSON has it.

        Raises:
            ValueError: what stands in the store is no object of JSON.
        """
        values = json.loads(self.text)
        if not isinstance(values, dict):
            raise ValueError(f"the input is no object but {self.text:.40}")  # noqa: TRY004
        return values

    @property
    def seconds(self) -> float | None:
        """How long it took, over all kickoffs that it was in; ``None`` where it has not ended."""
        return None if self.ended is None else self.ended - self.began


def stored_runs(
    where: str | PathLike[str], *, key: str | None = None, status: Collection[str] | str | None = None
) -> Iterator[StoredRun]:
    """The runs in a store, by the numbers of their inputs, also while somebody writes to it.

    Args:
        where: the store.
        key: of which pipeline; of all where it is not given.
        status: which of them, by how they ended: one of "ok", "failed", "over_budget", "cancelled", "running",
            "waiting", "queued", or several.

    Raises:
        StoreError: it is none, or it is damaged.
    """
    with opened_source(where) as source:
        yield from runs_in(source, key=key, status=status)


def runs_in(
    source: Source,
    *,
    key: str | None = None,
    status: Collection[str] | str | None = None,
    number: int | None = None,
    newest: bool = False,
    most: int | None = None,
) -> Iterator[StoredRun]:
    """The same, of a store that is open. Only their numbers are held, so that there may be any number of them.

    Args:
        source: the store.
        key: of which pipeline.
        status: which of them, by how they ended.
        number: only the one with this number in the store.
        newest: begin with those that began last, instead of going by the numbers of their inputs.
        most: no more than so many.
    """
    wanted, values = _where(key, status)
    order = "began DESC, run DESC" if newest else "place, run"
    query = f"SELECT run FROM runs {wanted} ORDER BY {order} LIMIT ?"  # noqa: S608 - of ours
    limit = 2**62 if most is None else most
    numbers = [number] if number is not None else array("q", (run for (run,) in source.rows(query, *values, limit)))
    for each in numbers:
        found = one_row(source, f"SELECT {COLUMNS} FROM runs WHERE run = ?", each)  # noqa: S608
        if found is not None:  # else it was removed meanwhile
            yield _run_of(source, found)


def _run_of(source: Source, row: tuple[Any, ...]) -> StoredRun:
    """The run that stands in a row.

    Raises:
        StoreError: something of another kind stands there.
    """
    run = StoredRun(*row)
    with broken(source.where, f"what is noted of run '{run.id}'"):
        ended = None if run.ended is None else float(run.ended)
        return replace(run, place=int(run.place), began=float(run.began), ended=ended)


def _where(key: str | None, status: Collection[str] | str | None) -> tuple[str, list[str]]:
    """The condition of a query, with its values."""
    states = [status] if isinstance(status, str) else list(status or ())
    parts = ["pipeline = ?"] if key is not None else []
    if status is not None:
        parts.append(f"status IN ({', '.join('?' * len(states))})" if states else "1 = 0")
    return (f"WHERE {' AND '.join(parts)}" if parts else ""), [*([] if key is None else [key]), *states]


def newest_definition(source: Source, pipeline: str) -> str:
    """What a pipeline was when a run of it was made last.

    Raises:
        StoreError: there are no runs of it.
    """
    query = "SELECT definition FROM runs WHERE pipeline = ? ORDER BY coalesce(ended, began) DESC, run DESC LIMIT 1"
    found = one_row(source, query, pipeline)
    if found is None:
        raise StoreError(source.where, f"there are no runs of '{pipeline}' in it")
    name: str = found[0]
    return name


def lines_of(source: Source, run: int) -> list[Line]:
    """What was noted of the nodes of a run, in the order of their attempts."""
    query = f"SELECT {', '.join(Line._fields)} FROM nodes WHERE run = ? AND item = 0 ORDER BY attempt, started"  # noqa: S608
    lines = [Line(*each) for each in source.rows(query, run)]
    with broken(source.where, f"what is noted of run {run}"):
        return [line._replace(started=float(line.started), ended=float(line.ended)) for line in lines]


def pipeline_in(source: Source, key: str | None = None) -> str:
    """The pipeline that is meant: the one of this name, or the only one there is.

    Raises:
        StoreError: there is none, or several.
    """
    names = [name for (name,) in source.rows("SELECT pipeline FROM runs GROUP BY pipeline ORDER BY min(run)")]
    if not names:
        raise StoreError(source.where, "there are no runs in it yet")
    told = ", ".join(f"'{name}'" for name in names[:MAX_NAMED]) + (" and more" if len(names) > MAX_NAMED else "")
    if key is not None and key not in names:
        raise StoreError(source.where, f"there are no runs of '{key}' in it", hint=f"there is {told}")
    if key is None and len(names) > 1:
        hint = f"say which, as in key='{names[0]}' or --key '{names[0]}'"
        raise StoreError(source.where, f"there are {counted(len(names), 'pipeline')} in it: {told}", hint=hint)
    return names[0] if key is None else key


def run_in(source: Source, name: str, key: str | None = None) -> StoredRun:
    """The run that is meant: the one that is called so, else the only one whose name begins so.

    Raises:
        StoreError: there is none, or several.
    """
    wanted, values = _where(key, None)
    query = f"SELECT {COLUMNS} FROM runs {wanted or 'WHERE 1 = 1'}"  # noqa: S608
    for match, value in (("id = ?", [name]), ("substr(id, 1, ?) = ?", [len(name), name])):
        found = [
            _run_of(source, row)
            for row in source.rows(
                f"{query} AND {match} ORDER BY length(id), id LIMIT {MAX_NAMED + 1}", *values, *value
            )
        ]
        pipelines = {run.pipeline for run in found}
        if len(pipelines) == 1 and are_of(found[0].id, [run.id for run in found[1:]]):
            return found[0]
        if found:
            several = len(pipelines) == len(found)
            told = ", ".join(f"'{run.pipeline if several else run.id}'" for run in found[:MAX_NAMED])
            what = f"'{name}' is a run of several pipelines: {told}" if several else f"'{name}' may be {told}"
            hint = f"say which, as in key='{found[0].pipeline}' or --key" if several else "write more of it"
            raise StoreError(source.where, f"{what}{' and more' if len(found) > MAX_NAMED else ''}", hint=hint)
    hint = f"crewgraph status {shlex.quote(source.where)} --runs lists them"
    raise StoreError(source.where, f"there is no run '{name}' in it", hint=hint)


def are_of(first: str, others: Sequence[str]) -> bool:
    """Whether runs are forks of the first one, or have an input equal to its: they do not make its name ambiguous."""
    return len(others) < MAX_NAMED and all(each.startswith((f"{first}~", f"{first}#")) for each in others)
