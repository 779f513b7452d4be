"""What is made of runs beside their results: a page, a picture, traces. Each is folded run by run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import click

from crewgraph.errors import RenderError
from crewgraph.graph import Graph
from crewgraph.outputs import RunResult
from crewgraph.render import Runs, encoded, format_of, write
from crewgraph.report import Fold, Record

__all__ = ["Kept", "kept_files"]


class _Taking(Protocol):
    def take(self, record: Record) -> object: ...


class _Written(_Taking, Protocol):
    def write(self, path: Path) -> Path: ...


class Drawing(Fold):
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


class Kept(Fold):
    """Files that are made of runs. One that cannot be made is given up, and keeps neither the others nor the runs up.

    Args:
        written: what is written at the end, by its file.
        others: what takes runs besides, and how it is called.
        warn: told of what is given up.
    """

    def __init__(
        self,
        written: Mapping[Path, _Written],
        others: Mapping[str, Fold] | None = None,
        *,
        warn: Callable[[str], None] = lambda text: click.echo(text, err=True),
    ) -> None:
        self.written = dict(written)
        self.folds = dict[Path | str, _Taking](written.items())
        self.folds.update((others or {}).items())
        self.warn = warn

    def add(self, result: RunResult, *, reason: str | None = None) -> None:
        """As :meth:`Fold.add`; where nothing is made of runs their spans need not be made, a quarter of the time."""
        if self.folds:
            super().add(result, reason=reason)

    def take(self, record: Record) -> None:
        """Add a run to all of them."""
        for name, fold in list(self.folds.items()):
            try:
                fold.take(record)
            except OSError as error:
                del self.folds[name]
                self.written = {path: each for path, each in self.written.items() if path != name}
                self.warn(f"{name} is given up, it cannot be written: {error.strerror or error}")

    def close(self) -> None:
        """They are closed by who made them."""

    def write(self, *, is_quiet: bool = False) -> None:
        """Write them all, and tell where.

        Raises:
            RenderError: some of them cannot be written.
        """
        troubles = list[str]()
        for path, fold in self.written.items():
            try:
                fold.write(path)
            except RenderError as error:
                troubles.append(str(error))
            else:
                if not is_quiet:
                    click.echo(f"wrote {path}", err=True)
        if troubles:
            raise RenderError("\n".join(troubles))


def kept_files(
    graph: Graph,
    files: ExitStack,
    *,
    report: str | Path | None,
    picture: str | Path | None,
    chrome_trace: str | Path | None,
    title: str | None = None,
    total: int | None = None,
) -> dict[Path, _Written]:
    """What is to be made, of those files that are named; ``files`` throws away what it collected on the way.

    Raises:
        RenderError: there is no picture of such a name.
    """
    kept = dict[Path, _Written]()
    if report:
        from crewgraph.report import Report  # its page has scripts and styles

        kept[Path(report)] = files.enter_context(Report(graph, title=title, total=total))
    if picture:
        format_of(picture)
        kept[Path(picture)] = files.enter_context(Drawing(graph))
    if chrome_trace:
        from crewgraph.report import ChromeTrace

        kept[Path(chrome_trace)] = files.enter_context(ChromeTrace())
    return kept
