"""What is in a store, in numbers, for whoever looks at it from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike

from crewgraph.store.source import opened_source

__all__ = ["Overview", "PipelineRuns", "overview_of"]


@dataclass(frozen=True, slots=True)
class PipelineRuns:
    """The runs of one pipeline.

    Attributes:
        name: what it is called in the file.
        runs: how many there are of each status; "running" is one that has not ended.
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
    return Overview(pipelines, writer)
