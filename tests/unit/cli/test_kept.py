"""Files that are made beside the results: what cannot be made does not keep the others up."""

from __future__ import annotations

from errno import ENOSPC
from pathlib import Path

import pytest

from crewgraph.cli.kept import Kept
from crewgraph.errors import RenderError
from crewgraph.outputs import PipelineRunResult
from crewgraph.report import Fold, Record
from tests.browser.newsdesk import records


class Counted(Fold):
    """Counts what it takes."""

    def __init__(self, trouble: Exception | None = None) -> None:
        self.trouble = trouble
        self.taken = list[int]()
        self.written = list[Path]()

    def take(self, record: Record) -> None:
        if isinstance(self.trouble, OSError):
            raise self.trouble
        self.taken.append(record.index)

    def write(self, path: Path) -> Path:
        if self.trouble:
            raise self.trouble
        self.written.append(path)
        return path

    def close(self) -> None: ...


def test_a_full_disk_costs_only_the_file_that_is_on_it(capsys):
    """The runs go on, and so do the others; it is told once."""
    full, good, other, told = Counted(OSError(ENOSPC, "No space left on device")), Counted(), Counted(), []
    kept = Kept({Path("r.html"): full, Path("p.svg"): good}, {"t.jsonl": other}, warn=told.append)
    for record in records(3):
        kept.take(record)
    assert good.taken == other.taken == [0, 1, 2]
    assert told == ["r.html is given up, it cannot be written: No space left on device"]
    kept.write()
    assert capsys.readouterr().err == "wrote p.svg\n"


def test_nothing_is_made_of_runs_where_nobody_wants_it():
    """Not even their spans, which take longer than small runs themselves."""

    class Untouched(PipelineRunResult):
        @property
        def spans(self):
            raise AssertionError("nobody asked")

    Kept({}).add(Untouched())
    with pytest.raises(AssertionError, match="nobody asked"):
        Kept({Path("a"): Counted()}).add(Untouched())


def test_all_that_cannot_be_written_is_told_at_the_end(capsys):
    """After what can be written is."""
    bad, good = Counted(RenderError("'a' cannot be written")), Counted()
    with pytest.raises(RenderError, match=r"^'a' cannot be written$"):
        Kept({Path("a"): bad, Path("b"): good}).write(is_quiet=True)
    assert good.written == [Path("b")]
    assert capsys.readouterr().err == ""
