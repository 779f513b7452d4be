"""Runs to be reported, wherever they are kept: in a store, or in the file of a trace."""

from __future__ import annotations

from array import array
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from os import PathLike
from pathlib import Path

from crewgraph.engine.replayed import replayed
from crewgraph.engine.results import results_of
from crewgraph.errors import TraceError
from crewgraph.graph import Graph
from crewgraph.report.fold import Fold
from crewgraph.report.record import Record, record_of
from crewgraph.report.trace_file import Trace, opened_trace
from crewgraph.store import Definitions, Source, StoredRun, is_store, opened_source, pipeline_in, run_in, runs_in
from crewgraph.store.file import absent
from crewgraph.store.runs import UNENDED, newest_definition

__all__ = ["Follower", "opened_runs", "stored_record"]

NEVER = -1.0
"""Stands for when a run ended that has not."""


@contextmanager
def opened_runs(where: str | PathLike[str], *, key: str | None = None, run: str | None = None) -> Generator[Trace]:
    """The runs of one pipeline, in a store or in the file of a trace: what it is is told by what is in it.

    Runs of a store come by the numbers of their inputs. Those that have not ended are among them, as they stand, where
    nobody writes to it.

    Args:
        where: the store or the file.
        key: what the pipeline is called in a store that holds several.
        run: only this one: what it is called in the store, or the beginning of that; in a file also its number.

    Raises:
        StoreError, TraceError: it is neither, or it cannot be read.
    """
    if not is_store(where):
        if not Path(where).exists():
            raise absent(Path(where), hint="crewgraph run … --store FILE makes a store, and --trace FILE a trace")
        with opened_trace(Path(where)) as trace:
            yield trace if run is None else _only(trace, run, Path(where))
        return
    with opened_source(where) as source:
        wanted = None if run is None else run_in(source, run, key)
        pipeline = pipeline_in(source, key) if wanted is None else wanted.pipeline
        definitions = Definitions(source)
        name = newest_definition(source, pipeline) if wanted is None else wanted.definition
        runs = _ended(source, pipeline) if wanted is None else iter([wanted])
        records = (stored_record(source, each, definitions) for each in runs)
        total = 1 if wanted is not None else _count(source, pipeline)
        yield Trace(definitions(name).plan.graph, total, records)


def _only(trace: Trace, run: str, path: Path) -> Trace:
    """A trace with one of its runs: the one that is called so, else the only one whose name begins so."""
    found = list[Record]()
    for record in trace.records:
        names = (str(record.index), record.run_id or "", record.id)
        if run in names:
            found = [record]
            break
        if len(found) <= 1 and any(name.startswith(run) for name in names[1:]):
            found.append(record)
    if len(found) != 1:
        what = f"has several runs '{run}…'" if found else f"has no run '{run}'"
        raise TraceError(path, what, "name the number of its input, or enough of its id")
    return Trace(trace.graph, 1, iter(found))


def _ended(source: Source, pipeline: str) -> Iterator[StoredRun]:
    left_out = ("new", "queued", *(("running",) if source.is_at_work() else ()))
    return (run for run in runs_in(source, key=pipeline) if run.status not in left_out)


def _count(source: Source, pipeline: str) -> int:
    ((count,),) = source.rows("SELECT count(*) FROM runs WHERE pipeline = ?", pipeline)
    return int(count)


def stored_record(source: Source, run: StoredRun, definitions: Definitions) -> Record:
    """A run of a store, as a trace has it; one that waits says so."""
    is_waiting = run.status == "waiting"
    result = results_of(replayed(source, run, definitions))[0]
    is_unknown = is_waiting and result.error is None and not result.waiting
    record = record_of(result, reason="it waits for a decision" if is_unknown else None)
    return replace(record, status="waiting") if is_waiting and record.status == "cancelled" else record


class Follower:
    """Tells of the runs of a store that have ended since it was looked at last.

    Args:
        where: the store.
        key: what the pipeline is called there, where there are several.
    """

    def __init__(self, where: str | PathLike[str], key: str | None = None) -> None:
        self._where = where
        self._key = key
        self._told = array("d")

    def graph(self) -> tuple[Graph, int] | None:
        """The pipeline, and how many runs of it there are; ``None`` where there are none yet.

        Raises:
            StoreError: it cannot be read, or there are several pipelines.
        """
        with opened_source(self._where) as source:
            if not list(source.rows("SELECT run FROM runs LIMIT 1")):
                return None
            pipeline = self._key = pipeline_in(source, self._key)
            return Definitions(source)(newest_definition(source, pipeline)).plan.graph, _count(source, pipeline)

    def news(self, fold: Fold) -> int:
        """Add the runs that have ended, those that have ended once more too; how many runs there are.

        Raises:
            StoreError: it cannot be read.
        """
        with opened_source(self._where) as source:
            definitions, pipeline = Definitions(source), pipeline_in(source, self._key)
            query = "SELECT run, ended FROM runs WHERE pipeline = ? AND ended IS NOT NULL ORDER BY ended, run"
            new = array("q", (run for run, ended in source.rows(query, pipeline) if self._is_new(run, ended)))
            for number in new:
                for run in runs_in(source, number=number):
                    if run.status not in UNENDED:
                        fold.take(stored_record(source, run, definitions))
            return _count(source, pipeline)

    def _is_new(self, run: int, ended: float) -> bool:
        if run >= len(self._told):
            self._told.extend([NEVER] * (run + 1 - len(self._told)))
        was, self._told[run] = self._told[run], ended
        return was != ended

    def under_way(self, most: int) -> list[tuple[float, Record]]:
        """The first runs that somebody is at work on, then those that wait: when each began, and what of it is kept."""
        with opened_source(self._where) as source:
            definitions, found = Definitions(source), list[StoredRun]()
            for status in ("running", "waiting") if source.is_at_work() else ("waiting",):
                found += runs_in(source, key=self._key, status=status, most=most - len(found))
            return [(run.began, stored_record(source, run, definitions)) for run in found]
