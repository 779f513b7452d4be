"""What the user's code could not build, as findings: a stage that is none, a field that nobody knows.

Such a mistake ends the import of their module, so that there is no pipeline to check. It is told like every other finding,
at the line of theirs that made it, so that code hosts and editors get it, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from crewgraph.crew import Agent, Crew, Task
from crewgraph.diagnostics import CODES, Diagnostic
from crewgraph.errors.near import near
from crewgraph.policy import Budget, Limit, Policy
from crewgraph.router import Route, Router
from crewgraph.syntax import Pipeline, Procedure

__all__ = ["refusals"]

KINDS: dict[str, type[BaseModel]] = {
    kind.__name__: kind for kind in (Agent, Budget, Crew, Limit, Pipeline, Policy, Procedure, Route, Router, Task)
}
_HINTS = {
    "CG101": "write one flat list, or a pipeline as the branch",
    "CG103": "a stage is a crew, a step, a router, a pipeline, or a list of these",
}
_CODED = re.compile(r"(CG\d+) (.*?)(?: \((stage \d.*?)\))?\.?", re.DOTALL)


def refusals(error: BaseException, lines: Sequence[tuple[str, int]]) -> list[Diagnostic]:
    """What crewgraph refused to build; nothing where an error is another one.

    Args:
        error: what was raised.
        lines: the files and lines of the user's that led to it, the innermost last.
    """
    kind = KINDS.get(error.title) if isinstance(error, ValidationError) else None
    if kind is None or not isinstance(error, ValidationError):
        return []
    places = [(_near(file), line) for file, line in lines]
    source = places[-1] if places else None
    way = ", ".join(f"{file}:{line}" for file, line in places[:-1])
    called = f", called at {way}" if way else ""
    return [
        Diagnostic(code, f"{message}{called}", path, hint, source=source)
        for each in error.errors(include_url=False)
        for code, message, path, hint in _told(each, kind)
    ]


def _told(each: ErrorDetails, kind: type[BaseModel]) -> Iterator[tuple[str, str, tuple[str, ...], str]]:
    """Code, message, path and hint of what pydantic found; a list of stages has a line for each that is none."""
    field = ".".join(map(str, each["loc"]))
    if each["type"] == "extra_forbidden":
        close = near(field, kind.model_fields)
        hint = f"did you mean {close}?" if close else f"there is: {', '.join(kind.model_fields)}"
        yield "CG702", f"{kind.__name__} has no '{field}'", (), hint
        return
    if each["type"] == "missing":
        yield "CG702", f"{kind.__name__} lacks '{field}'", (), f"{kind.__name__}({field}=…)"
        return
    text = each["msg"].removeprefix("Value error, ")
    for line in text.splitlines() if text.startswith("CG") else [text]:
        message, _, hint = line.partition(" hint: ")
        coded = _CODED.fullmatch(message)
        if coded and coded[1] in CODES:
            yield coded[1], coded[2], tuple(coded[3].split(" › ")) if coded[3] else (), hint or _HINTS.get(coded[1], "")
        else:
            where = f"{kind.__name__}, {field}" if field else kind.__name__
            yield "CG702", f"{where}: {message.rstrip('.')}", (), hint


def _near(file: str) -> str:
    """A path as seen from the working folder, where it lies there."""
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file
