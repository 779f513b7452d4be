"""Where a target is written: the file, and the line on which its variable gets its value.

Found by reading the file, which was run already; where it cannot be found, the first line stands for the file.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from crewgraph.cli.target import Target
from crewgraph.diagnostics import Diagnostic

__all__ = ["Source", "place_of", "relative", "source_of"]


@dataclass(frozen=True, slots=True)
class Source:
    """A line of a file.

    Attributes:
        path: the file; relative where it lies in the working folder.
        line: the line, from 1.
    """

    path: Path
    line: int = 1

    @property
    def uri(self) -> str:
        """The path as the relative part of a URI, or a whole URI where it is absolute."""
        return self.path.as_uri() if self.path.is_absolute() else quote(self.path.as_posix())


def source_of(target: Target) -> Source | None:
    """Where a target is written; ``None`` where it came from no file."""
    place, attribute = _split(target.name)
    file = _file_of(place)
    if file is None:
        return None
    name = attribute or _variable(target, file)
    return Source(relative(file), _line_of(file, name.split(".")) if name else 1)


def place_of(finding: Diagnostic, source: Source | None) -> Source | None:
    """Where a finding stands: in a file of its own, or where the target is written."""
    return Source(relative(Path(finding.source[0])), finding.source[1]) if finding.source else source


def _split(target: str) -> tuple[str, str]:
    place, colon, attribute = target.rpartition(":")
    is_drive = len(place) == 1 and attribute[:1] in {"\\", "/"}  # C:\file.py
    return (place, attribute) if colon and not is_drive else (target, "")


def _file_of(place: str) -> Path | None:
    if Path(place).exists():
        return Path(place)
    file = getattr(sys.modules.get(place), "__file__", None)
    return Path(file) if isinstance(file, str) else None


def relative(file: Path) -> Path:
    """The path from the working folder, also where one of them is reached by a link."""
    for path, folder in ((file.absolute(), Path.cwd()), (file.resolve(), Path.cwd().resolve())):
        if path.is_relative_to(folder):
            return path.relative_to(folder)
    return file.resolve()


def _variable(target: Target, file: Path) -> str:
    """The name under which a module holds the only pipeline that it has."""
    wanted = file.resolve()
    for module in list(sys.modules.values()):
        where = getattr(module, "__file__", None)
        if isinstance(where, str) and Path(where).resolve() == wanted:
            names = [name for name, value in vars(module).items() if value is target.pipeline]
            return names[0] if names else ""
    return ""


# ---- lines -----------------------------------------------------------------------------------------------------


def _line_of(file: Path, names: list[str]) -> int:
    try:
        body: Iterable[ast.stmt] = ast.parse(file.read_bytes()).body
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):  # no file of Python
        return 1
    line = 1
    for name in names:
        bound = [statement for statement in _statements(body) if name in _names(statement)]
        if not bound:
            return line
        line = bound[-1].lineno
        body = bound[-1].body if isinstance(bound[-1], ast.ClassDef) else ()
    return line


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run at this level, those below ``if``, ``with``, ``try`` and loops included."""
    for statement in body:
        yield statement
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for block in ("body", "handlers", "orelse", "finalbody", "cases"):
                for inner in getattr(statement, block, ()):
                    yield from _statements([inner] if isinstance(inner, ast.stmt) else inner.body)


def _names(statement: ast.stmt) -> set[str]:
    """The names that a statement gives a value."""
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            return {alias.asname or alias.name.partition(".")[0] for alias in aliases}
        case ast.Assign(targets=targets):
            return {node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)}
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.AugAssign(target=ast.Name(id=name)):
            return {name}
        case _:
            return set()
