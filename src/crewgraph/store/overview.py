"""What is in a store, in numbers, for whoever looks at it from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike

from crewgraph.store.postgres import ALIVE, is_address
from crewgraph.store.source import Source, opened_source

__all__ = ["ClusterOverview", "Overview", "PipelineRuns", "Queue", "Worker", "overview_of"]

WORKERS = f"""SELECT id, pipeline, version, extract(epoch FROM clock_timestamp() - began)::float8,
                extract(epoch FROM clock_timestamp() - beat)::float8, {ALIVE},
                (SELECT count(*) FROM dbos.workflow_status s
                 WHERE s.executor_id = workers.id AND s.status = 'PENDING' AND s.name = 'crewgraph.run')
              FROM workers ORDER BY min(began) OVER (PARTITION BY id), id, pipeline"""  # noqa: S608 - of ours
QUEUES = """SELECT queue_name, count(*) FROM dbos.workflow_status
            WHERE status IN ('ENQUEUED', 'DELAYED') AND starts_with(queue_name, 'crewgraph:') GROUP BY 1 ORDER BY 1"""


@dataclass(frozen=True, slots=True)
class PipelineRuns:
    """The runs of one pipeline.

    Attributes:
        name: what it is called in the file.
        runs: how many there are of each status; "running" is one that has not ended, "queued" one that waits for a worker.
        nodes: for each node how many runs kept it, and how many of its attempts failed, in the order of the names.
    """

    name: str
    runs: Mapping[str, int]
    nodes: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Overview:
    """What is in a store.

    Attributes:
        pipelines: by name.
        writer: who writes to it just now, in words; ``None`` where nobody does.
    """

    pipelines: Sequence[PipelineRuns]
    writer: str | None


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker of a cluster.

    Attributes:
        name: its host, its process, and when that began.
        pipelines: what it takes runs of, each with the version of its structure.
        since: seconds since it began.
        silent: seconds since its last sign of life.
        is_alive: whether that is not longer than it said it might be.
        runs: how many it has at work.
    """

    name: str
    pipelines: Mapping[str, str]
    since: float
    silent: float
    is_alive: bool
    runs: int


@dataclass(frozen=True, slots=True)
class Queue:
    """Runs that wait for a worker.

    Attributes:
        pipeline: of which.
        version: of its structure, which a worker must have.
        runs: how many.
        workers: how many there are that would take them.
    """

    pipeline: str
    version: str
    runs: int
    workers: int


@dataclass(frozen=True, slots=True)
class ClusterOverview(Overview):
    """What is in a store that is a database.

    Attributes:
        workers: those that are there, and those of the last hour that are not any more, as far as nobody stopped them.
        queues: what waits, by pipeline and version.
    """

    workers: Sequence[Worker]
    queues: Sequence[Queue]


def overview_of(path: str | PathLike[str]) -> Overview:
    """Look into a store, also while somebody writes to it.

    Raises:
        StoreError: it is none, or it is damaged.
    """
    with opened_source(path) as source:
        runs = list(source.rows("SELECT pipeline, status, count(*) FROM runs GROUP BY 1, 2 ORDER BY 1, 2"))
        query = """SELECT pipeline, node, count(DISTINCT run) FILTER (WHERE nodes.status = 'ok'),
                          count(*) FILTER (WHERE nodes.status = 'failed')
                   FROM nodes JOIN runs USING (run) WHERE item = 0 GROUP BY 1, 2 ORDER BY 1, 2"""
        nodes, writer = list(source.rows(query)), source.writer()
        pipelines = [
            PipelineRuns(
                name,
                {status: count for pipeline, status, count in runs if pipeline == name},
                {node: (kept, failed) for pipeline, node, kept, failed in nodes if pipeline == name},
            )
            for name in dict.fromkeys(each[0] for each in runs)
        ]
        plain = Overview(pipelines, writer)
        return _cluster_of(source, plain) if is_address(path) else plain


# ---- of a cluster ----------------------------------------------------------------------------------------------


def _cluster_of(source: Source, plain: Overview) -> ClusterOverview:
    """The same, with who is there to execute runs, and what waits for them."""
    if list(source.rows("SELECT 1 WHERE to_regclass('dbos.workflow_status') IS NULL")):  # it has not been submitted to
        return ClusterOverview(plain.pipelines, plain.writer, [], [])
    workers = dict[str, Worker]()
    for own, pipeline, version, since, silent, is_alive, runs in source.rows(WORKERS):
        known = workers.setdefault(own, Worker(own, {}, round(since, 1), round(silent, 1), is_alive, runs))
        workers[own] = replace(known, pipelines={**known.pipelines, pipeline: version})
    queues = list[Queue]()
    for name, runs in source.rows(QUEUES):
        pipeline, _, version = name.removeprefix("crewgraph:").rpartition(":")
        takers = [each for each in workers.values() if each.is_alive and each.pipelines.get(pipeline) == version]
        queues.append(Queue(pipeline, version, runs, len(takers)))
    return ClusterOverview(plain.pipelines, plain.writer, list(workers.values()), queues)
