"""Code and files that data names, such as a schedule in a store: found from the current folder, and where that was allowed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from crewgraph.cli.rows import Unreadable, read_file
from crewgraph.cli.target import function_of, load
from crewgraph.cli.trouble import Mistake
from crewgraph.syntax import Pipeline

__all__ = ["Allowed", "Code", "place_of"]


class Code:
    """Finds what schedules name, as the command line does: from the current folder."""

    def pipeline(self, target: str) -> Pipeline:
        """The pipeline of a target."""
        return load(target).pipeline

    def function(self, name: str) -> Callable[..., Any]:
        """The function that gives inputs."""
        return function_of(name)

    def rows(self, path: Path) -> Iterable[Mapping[str, Any]]:
        """The rows of a file."""
        found = read_file(path).rows  # of which none is unreadable, or this has raised
        assert isinstance(found, Iterable), "a file is read without waiting"
        return (row for row in found if not isinstance(row, Unreadable))


class Allowed(Code):
    """Code of the targets that were named, and of nothing else.

    Args:
        targets: as they were named; ``None`` for whatever the store names.
        hint: what is to be done to allow more.
    """

    def __init__(self, targets: Collection[str] | None, *, hint: str = "--all trusts the store") -> None:
        self._places = None if targets is None else set(map(place_of, targets))
        self._hint = hint

    def function(self, name: str) -> Callable[..., Any]:
        """The function that gives inputs, where it stands beside a pipeline that was named."""
        place = place_of(name)
        if self._places is not None and place not in self._places:
            raise Mistake(f"{name} gives its inputs, and nothing of {place} was named. hint: {self._hint}")
        return super().function(name)


def place_of(target: str) -> str:
    """The module or file of a target."""
    return target.rpartition(":")[0] or target
