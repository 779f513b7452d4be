"""The report as a fold: runs are added one by one, and only counts and packed parts are kept."""

from __future__ import annotations

import gzip
import tempfile
from base64 import b64encode
from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import Path
from typing import BinaryIO

from crewgraph.engine.run import Run
from crewgraph.errors import RenderError
from crewgraph.graph import Graph
from crewgraph.outputs import PipelineKickoffResult, RunResult, each_run
from crewgraph.render import replacing
from crewgraph.report.chrome import ChromeTrace
from crewgraph.report.fold import Fold
from crewgraph.report.page import page
from crewgraph.report.record import Record
from crewgraph.report.sheet import Sheet
from crewgraph.syntax import Pipeline

__all__ = ["Report", "chrome_trace_of", "report_of"]

PART = 200
"""Runs that are packed together: those of one part are unpacked when somebody looks at one of them."""
MAX_PLAIN = 500_000
"""Bytes of details up to which a report of one part is not packed, so that it can be read and searched as text."""


class Report(Fold):
    """A report that is being written: ``with Report(pipeline) as report: … report.add(run) … report.write(path)``.

    Memory does not grow with the texts of the runs: those wait in a temporary file.

    Args:
        pipeline: of which the runs are, or its graph.
        title: stands on the page; the name of the pipeline where none is given.
        total: how many inputs there are, where that is known: those that were not begun are told.
    """

    def __init__(self, pipeline: Pipeline | Graph, *, title: str | None = None, total: int | None = None) -> None:
        self._sheet = Sheet(pipeline, title=title, total=total)
        self._parts: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the report
        self._rows = list[bytes]()
        self._details = list[bytes]()
        self._has_parts = False

    def close(self) -> None:
        """Throw away what was collected; pages that are written stay."""
        self._parts.close()

    def take(self, record: Record) -> None:
        """Add a run as it stands in a trace."""
        row, details = self._sheet.take(record)
        self._rows.append(row)
        self._details.append(details)
        if len(self._rows) == PART:
            self._pack()

    def write(self, path: str | PathLike[str]) -> Path:
        """Write the page with the runs so far; missing folders are made, and a file that is there is replaced at once.

        Raises:
            RenderError: it cannot be written.
        """
        is_small = not self._has_parts and sum(map(len, self._details)) <= MAX_PLAIN
        sheet, facts = self._sheet, {**self._sheet.facts(), "chunk": PART}
        with replacing(path) as file:
            file.writelines(page(sheet.title, sheet.picture(), facts, self._data(is_small=is_small)))
        return Path(path)

    def _pack(self) -> None:
        """Put what is open behind the packed parts."""
        self._parts.writelines(self._packed())
        self._rows.clear()
        self._details.clear()
        self._has_parts = True

    def _packed(self, *, is_small: bool = False) -> Iterator[bytes]:
        for name, lines in (("rows", self._rows), ("details", self._details)):
            part = b"[" + b",".join(lines) + b"]"
            if is_small:
                yield b'<script type="application/json" data-part="%s">%s</script>\n' % (name.encode(), part)
            else:
                packed = b64encode(gzip.compress(part, compresslevel=6, mtime=0))
                yield b'<script type="text/plain" data-part="%s">%s</script>\n' % (name.encode(), packed)

    def _data(self, *, is_small: bool) -> Iterator[bytes]:
        self._parts.seek(0)
        while block := self._parts.read(1 << 20):
            yield block
        if self._rows:
            yield from self._packed(is_small=is_small)


def report_of(
    result: RunResult | PipelineKickoffResult | Iterable[RunResult], path: str | PathLike[str], *, title: str | None
) -> Path:
    """Write the report of results: see :meth:`PipelineKickoffResult.report`."""
    graph = result.graph if isinstance(result, PipelineKickoffResult) else None
    several = [result] if isinstance(result, RunResult) else list(result)
    graph = graph or next((run.origin.plan.graph for run in several if isinstance(run.origin, Run)), None)
    if not isinstance(graph, Graph):
        raise RenderError(
            "a report needs results of a kickoff of this process, and these were made otherwise. "
            "hint: keep a trace (crewgraph run … --trace FILE) and use crewgraph report FILE"
        )
    runs = list(each_run(several))
    left = len(result.not_run) if isinstance(result, PipelineKickoffResult) else 0
    with Report(graph, title=title, total=len(runs) + left) as report:
        for run in runs:
            report.add(run)
        return report.write(path)


def chrome_trace_of(result: PipelineKickoffResult, path: str | PathLike[str]) -> Path:
    """Write the Chrome trace of results: see :meth:`PipelineKickoffResult.chrome_trace`."""
    with ChromeTrace() as trace:
        for run in each_run(result):
            trace.add(run)
        return trace.write(path)
