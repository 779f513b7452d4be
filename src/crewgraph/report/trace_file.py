"""The file of a trace: a line that holds the graph, then one line for each run."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

from crewgraph.errors import TraceError
from crewgraph.graph import Graph
from crewgraph.report.fold import Fold, graph_behind
from crewgraph.report.graphs import graph_of, graph_record
from crewgraph.report.lines import encoded_line
from crewgraph.report.record import Record, record_read, trace_line
from crewgraph.syntax import Pipeline

__all__ = ["VERSION", "TraceFile", "header", "opened_trace"]

VERSION = 1
"""Of the format: what reads it refuses a higher one."""


def header(graph: Graph) -> dict[str, Any]:
    """The first line, as JSON values."""
    return {"crewgraph": "trace", "version": VERSION, "graph": graph_record(graph)}


@contextmanager
def opened_trace(path: Path) -> Generator[tuple[Graph, Iterator[Record]]]:
    """The graph of a trace, and its runs one by one, which are read as they are asked for.

    A last line that was not written to its end, because the process was killed, is left out.

    Raises:
        TraceError: it cannot be read, or is none; while the runs are read, one of them is none.
    """
    lines = _lines(path)
    with closing(lines):
        yield _graph(path, next(lines, "")), _records(path, lines)


def _lines(path: Path) -> Generator[str]:
    try:
        with path.open(encoding="utf-8") as lines:
            yield from lines
    except (OSError, UnicodeDecodeError) as error:
        raise TraceError(path, "cannot be read", str(getattr(error, "strerror", None) or error)) from error


def _graph(path: Path, line: str) -> Graph:
    try:
        told = json.loads(line)
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
        return graph_of(told["graph"])
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise TraceError(path, "has a broken first line", repr(error)) from error


def _records(path: Path, lines: Iterator[str]) -> Iterator[Record]:
    for number, line in enumerate(lines, 2):
        try:
            yield record_read(json.loads(line))
        except ValueError as error:
            if not line.endswith("\n"):
                return
            raise TraceError(path, f"has a broken line {number}", str(error)) from error


class TraceFile(Fold):
    """The file of a trace that is being written: every run is on disk before the next one is taken.

    Args:
        path: where to; a file that is there is written over.
        pipeline: of which the runs are, or its graph.

    Raises:
        OSError: it cannot be written.
    """

    def __init__(self, path: str | PathLike[str], pipeline: Pipeline | Graph) -> None:
        first = encoded_line(header(graph_behind(pipeline)))
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
