"""What is made of runs beside their results: a page, a picture, a trace for Chrome. Each is folded run by run."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from crewgraph.graph import Graph
from crewgraph.render import Runs, encoded, format_of, write
from crewgraph.report import ChromeTrace, Fold, Record, Report

__all__ = ["Kept", "kept_files"]


class Picture(Fold):
    """The picture of what the runs did."""

    def __init__(self, graph: Graph) -> None:
        self.runs = Runs(graph)

    def take(self, record: Record) -> None:
        """Add a run."""
        self.runs.add(record.spans)

    def close(self) -> None:
        """Nothing is held."""

    def write(self, path: Path) -> Path:
        """Draw it."""
        return write(path, encoded(self.runs.graph, format_of(path), runs=self.runs))


class Kept(NamedTuple):
    """A fold, and the file that it becomes."""

    path: Path
    fold: Report | ChromeTrace | Picture


def kept_files(
    graph: Graph,
    files: ExitStack,
    *,
    report: str | Path | None,
    picture: str | Path | None,
    chrome_trace: str | Path | None,
    title: str | None = None,
) -> list[Kept]:
    """What is to be made, of those files that are named; ``files`` throws away what it collected on the way."""
    kept = list[Kept]()
    if report:
        kept.append(Kept(Path(report), files.enter_context(Report(graph, title=title))))
    if picture:
        kept.append(Kept(Path(picture), files.enter_context(Picture(graph))))
    if chrome_trace:
        kept.append(Kept(Path(chrome_trace), files.enter_context(ChromeTrace())))
    return kept
