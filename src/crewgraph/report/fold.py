"""Something that runs are added to, one by one: a page, a picture, the file of a trace."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any, Self

from crewgraph.compiler import compile_pipeline
from crewgraph.graph import Graph
from crewgraph.outputs import RunResult
from crewgraph.report.record import Record, record_of
from crewgraph.syntax import Pipeline

__all__ = ["Fold", "graph_behind"]


class Fold(ABC):
    """Takes runs. Used in a ``with`` statement it is closed at the end."""

    _last: object = None

    @abstractmethod
    def take(self, record: Record) -> Any:
        """Add a run as it stands in a trace."""

    @abstractmethod
    def close(self) -> None:
        """Nothing more comes: let go of what was collected. Files that are written stay."""

    def add(self, result: RunResult, *, reason: str | None = None) -> None:
        """Add the run of a result; further results of the same run, right behind it, add nothing.

        Args:
            result: of a run, as a kickoff or a stream gives it.
            reason: why it failed, where that is better known than from its error.
        """
        if result.origin is not self._last:
            self._last = result.origin
            self.take(record_of(result, reason=reason))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def graph_behind(pipeline: Pipeline | Graph) -> Graph:
    """The graph of a pipeline, or the graph itself."""
    return pipeline if isinstance(pipeline, Graph) else compile_pipeline(pipeline).graph
