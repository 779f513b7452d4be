"""What observers are told of runs that workers execute: read from the journal while they go on, and told once."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, Collection, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import anyio
import anyio.to_thread

from crewgraph.engine.approvals import parked
from crewgraph.engine.background import Background
from crewgraph.engine.port import Job, Row
from crewgraph.engine.replayed import replayed
from crewgraph.engine.run import Mark, Run
from crewgraph.engine.told import Told
from crewgraph.errors import NodeError, StoreError
from crewgraph.errors.root import in_words, text_of
from crewgraph.frontier import DONE
from crewgraph.store import Definition, Definitions, Source, StoredRun, runs_in
from crewgraph.store.postgres import PostgresSource, connected
from crewgraph.store.remote import RemoteJournal
from crewgraph.trace import Event, NodeFailed, NodeFinished, NodeStarted, RouteTaken, RunStarted

__all__ = ["Following"]

_log = logging.getLogger("crewgraph.cluster")

PAUSE = 0.1, 1.0
"""Seconds between two looks at the journal, at first and at last."""
AT_ONCE = 200
"""Runs that are read in one look: others come with the next."""
# Only runs at work are looked at, which are as many as workers have at once, however many wait.
NEWS = """SELECT run, count(*), max(nodes.ended) FROM runs JOIN nodes USING (run)
          WHERE run = ANY(?) AND runs.status = 'running' AND nodes.item = 0 AND nodes.status IN ('ok', 'not kept', 'opened')
          GROUP BY run"""


@dataclass(slots=True)
class _Heard:
    """What the observer was told of a run.

    Attributes:
        began: when it was told that the run begins; nothing of it is told to have happened before.
        nodes: the names of those it was told of.
    """

    began: float
    nodes: set[str] = field(default_factory=set[str])


class Following:
    """Tells the observer of a kickoff what becomes of its runs; does nothing where there is none.

    Of a node it tells when that has ended, since the journal knows nothing before; of what happens inside of nodes nothing.

    Args:
        job: of the kickoff.
        journal: of the kickoff.
    """

    def __init__(self, job: Job, journal: RemoteJournal) -> None:
        self._journal = journal
        self._deliver = job.deliver
        self._told = Told(job)
        self._observer = job.observer
        self._heard = dict[int, _Heard]()
        """By input, those that have not ended."""
        self._ended = set[int]()
        self._seen = dict[int, tuple[int, float]]()
        """By run, how many nodes were there when it was read last, and when the last of them ended."""
        self._present = Definition(journal.plan, journal.own, is_typed=True)
        self._connection: Any = None
        self._source: PostgresSource | None = None
        self._definitions: Definitions | None = None
        self.job = replace(job, deliver=self._end) if job.observer is not None else job
        """The same, with an observer that hears the rest of a run before it is delivered."""

    @asynccontextmanager
    async def beside(self, runs: Mapping[int, Row]) -> AsyncGenerator[None]:
        """Follow runs for as long as this lasts, in a task of its own.

        Args:
            runs: by number in the database those that were submitted and have not ended, as they are just then.
        """
        if self._observer is None:
            yield
            return
        task = Background(lambda: self._follow(runs))
        task.start()
        try:
            yield
        finally:
            await task.stop()
            if self._connection is not None:
                self._connection.close()
            if task.error is not None and isinstance(task.error, Exception):
                _log.error("what nodes gave was told at the end of their runs only: %s", in_words(task.error))

    async def _follow(self, runs: Mapping[int, Row]) -> None:
        pause = PAUSE[0]
        while True:
            there = dict(list(runs.items()))  # in one step: another thread takes out what has ended
            for row in there.values():
                self._begin(Run(self._journal.plan, row.index, row.values))
            news = await anyio.to_thread.run_sync(self._news, there) if there else []
            for run in news:
                if run.index not in self._ended:
                    self._tell_nodes(run, is_over=False)
            pause = PAUSE[0] if news else min(1.5 * pause, PAUSE[1])
            await anyio.sleep(pause)

    async def _end(self, run: Run) -> None:
        """Tell what is left of a run, and deliver it."""
        self._begin(run)
        self._tell_nodes(run, is_over=True)
        self._told.ended(run, text_of(run.error) if run.error is not None else "cancelled" if run.cancelled else None)
        self._heard.pop(run.index)
        self._ended.add(run.index)
        await self._deliver(run)

    # ---- telling -----------------------------------------------------------------------------------------------

    def _begin(self, run: Run) -> None:
        if run.index not in self._heard and run.index not in self._ended:
            began = time.time()
            self._heard[run.index] = _Heard(began)
            self._tell(RunStarted(run=run.index, at=began, inputs=run.inputs))

    def _tell_nodes(self, run: Run, *, is_over: bool) -> None:
        """Tell of the nodes that were not told yet, in the order of the text.

        A failure may be one of before, of a node that is at work again: it is told when the run is over.
        """
        heard = self._heard[run.index]
        for inner, node, mark in _marks(run):
            name = inner.plan.nodes[node].name
            if name not in heard.nodes and (is_over or _is_done(inner, node, mark)):
                heard.nodes.add(name)
                began = max(mark.started, heard.began)  # it may have been read from long ago
                self._tell(NodeStarted(run=run.index, node=name, at=began))
                for event in _events(inner, node, mark):
                    self._tell(replace(event, run=run.index, node=name, at=max(mark.ended or began, began)))

    def _tell(self, event: Event) -> None:
        assert self._observer is not None, "nothing is followed for nobody"
        self._told.hand(self._observer, event)

    # ---- in a thread -------------------------------------------------------------------------------------------

    def _news(self, runs: Mapping[int, Row]) -> list[Run]:
        """The runs some of whose nodes have ended since the last look."""
        try:
            source, definitions = self._opened()
            self._seen = {run: seen for run, seen in self._seen.items() if run in runs}
            changed = list[int]()
            for run, *state in source.rows(NEWS, list(runs)):
                if self._seen.get(run) != (seen := (state[0], state[1])) and len(changed) < AT_ONCE:
                    self._seen[run] = seen
                    changed.append(run)
            return [replayed(source, record, definitions) for record in _records(source, changed, runs)]
        except StoreError:  # whoever waits for the runs says so, and tries again
            return []

    def _opened(self) -> tuple[Source, Definitions]:
        is_away = self._connection is None or self._connection.closed or self._connection.broken
        if is_away or self._source is None or self._definitions is None:
            self._connection = connected(self._journal.address)
            self._source = PostgresSource(self._journal.address, self._connection)
            self._definitions = Definitions(self._source, self._present)
        return self._source, self._definitions


def _records(source: Source, numbers: Collection[int], runs: Mapping[int, Row]) -> Iterator[StoredRun]:
    for number in numbers:
        for record in runs_in(source, number=number):
            yield replace(record, place=runs[number].index)


def _marks(run: Run) -> Iterator[tuple[Run, int, Mark]]:
    """What is noted of nodes, in the order of the text; pipelines that open routers came up with behind their routers."""
    for node, mark in sorted(run.marks.items()):
        yield run, node, mark
        if node in run.subruns:
            yield from _marks(run.subruns[node])


def _is_done(run: Run, node: int, mark: Mark) -> bool:
    return mark.error is None and (run.frontier.state[node] == DONE or node in run.subruns)


def _events(run: Run, node: int, mark: Mark) -> Iterator[Event]:
    """How a node ended."""
    if mark.error is not None:
        yield NodeFailed(error=in_words(mark.error))
    elif mark.waiting is not None:
        yield parked(mark)
    elif mark.route is not None:
        yield RouteTaken(route=mark.route)
        yield NodeFinished(source="store")
    elif run.frontier.state[node] == DONE:
        usage = run.usage_of(node)
        tokens = 0 if usage is None else usage.total_tokens
        yield NodeFinished(output=run.output(node), tokens=tokens, source="store")
    else:
        told = ": another node of the run failed" if isinstance(run.root.error, NodeError) else ""
        yield NodeFailed(error=f"cancelled{told}", is_cancelled=True)
