"""The file of a trace: a line that holds the graph, then one line for each run."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from crewgraph.errors import TraceError
from crewgraph.graph import Graph
from crewgraph.graph_record import graph_of, graph_record
from crewgraph.report.fold import Fold, graph_behind
from crewgraph.report.lines import encoded_line
from crewgraph.report.record import Record, record_read, trace_line
from crewgraph.syntax import Pipeline

__all__ = ["VERSION", "Trace", "TraceFile", "opened_trace"]

VERSION = 1
"""Of the format: what reads it refuses any other."""


class Trace(NamedTuple):
    """A trace that is being read.

    Attributes:
        graph: of the pipeline, as far as it is drawn.
        total: how many inputs there were, where that was known.
        records: the runs, which are read as they are asked for.
    """

    graph: Graph
    total: int | None
    records: Iterator[Record]


def header(graph: Graph, total: int | None) -> dict[str, Any]:
    """The first line, as JSON values."""
    return {"crewgraph": "trace", "version": VERSION, "total": total, "graph": graph_record(graph)}


@contextmanager
def opened_trace(path: Path, *, wait: Callable[[], bool] = lambda: False) -> Generator[Trace]:
    """A trace to be read.

    A last line that was not written to its end, because the process was killed, is left out.

    Args:
        path: the file.
        wait: called at the end of the file; true where there may be more of it after that.

    Raises:
        TraceError: it cannot be read, or is none; while the runs are read, one of them is none.
    """
    lines = _lines(path, wait)
    with closing(lines):
        graph, total = _header(path, next(lines, b""))
        yield Trace(graph, total, _records(path, lines))


def _lines(path: Path, wait: Callable[[], bool]) -> Generator[bytes]:
    """Whole lines, and at last what is there of another one."""
    line = b""
    try:
        with path.open("rb") as file:
            while True:
                more = file.readline()
                line += more
                if line.endswith(b"\n"):
                    yield line
                    line = b""
                elif more:
                    continue
                elif path.stat().st_size < file.tell():
                    raise TraceError(path, "was written anew while it was read", "begin to read it again")
                elif not wait():
                    break
        if line:
            yield line
    except OSError as error:
        raise TraceError(path, "cannot be read", error.strerror or str(error)) from error


def _header(path: Path, line: bytes) -> tuple[Graph, int | None]:
    if not line:
        hint = "crewgraph run … --store FILE makes a store, and --trace FILE a trace"
        raise TraceError(path, "is empty: no run has been written to it yet", hint)
    try:
        told = json.loads(line.decode())
        is_header = isinstance(told, dict) and told.get("crewgraph") == "trace"
    except ValueError:
        told, is_header = {}, False
    if not is_header:
        hint = "it begins with the graph; crewgraph run … --trace FILE writes one"
        raise TraceError(path, "is no trace of crewgraph", hint)
    if told.get("version") != VERSION:
        hint = f"it has version {told.get('version')}, and this crewgraph reads {VERSION}"
        raise TraceError(path, "was written by another crewgraph", hint)
    try:
        total = told.get("total")
        return graph_of(told["graph"]), None if total is None else int(total)
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise TraceError(path, "has a broken first line", repr(error)) from error


def _records(path: Path, lines: Iterator[bytes]) -> Iterator[Record]:
    for number, line in enumerate(lines, 2):
        try:
            yield record_read(json.loads(line.decode()))
        except ValueError as error:
            if not line.endswith(b"\n"):
                return
            raise TraceError(path, f"has a broken line {number}", str(error)) from error


class TraceFile(Fold):
    """The file of a trace that is being written: every run is on disk before the next one is taken.

    Args:
        path: where to; a file that is there is written over.
        pipeline: of which the runs are, or its graph.
        total: how many inputs there are, where that is known.

    Raises:
        OSError: it cannot be written.
    """

    def __init__(self, path: str | PathLike[str], pipeline: Pipeline | Graph, *, total: int | None = None) -> None:
        first = encoded_line(header(graph_behind(pipeline), total))
        self._file = Path(path).open("wb", buffering=0)  # noqa: SIM115 - closed by its owner
        try:
            self._file.write(first)
        except OSError:
            self._file.close()
            raise

    def take(self, record: Record) -> None:
        """Add a run."""
        self._file.write(encoded_line(trace_line(record)))

    def close(self) -> None:
        """Nothing more comes."""
        self._file.close()
