"""Targets that are no code: documents, and projects of crewAI."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from crewgraph import document
from crewgraph.errors import DocumentInvalid, TargetError
from crewgraph.syntax import Pipeline

if TYPE_CHECKING:  # most targets are code; what reads the others is imported where it reads
    from crewgraph.project import Project, ProjectCrew

__all__ = ["Projects", "is_file_target", "names_option", "one_crew", "read_target"]

Projects = Literal["none", "one", "all"]
"""Whether a command takes projects of crewAI: not at all, those with one crew, or all."""

ENDINGS = (".json", ".yaml", ".yml")
_MARK = re.compile(r"^['\"]?crewgraph['\"]?\s*:", re.MULTILINE)
_IN_PYTHON = re.compile(r'names=\{"(.*)": …\} where the document is loaded')

names_option = click.option(
    "--names",
    multiple=True,
    metavar="MODULE",
    help="Where the code is that a document names: module, path/file.py or module:attribute. Repeatable.",
)


def is_file_target(target: str) -> bool:
    """Whether a target is a folder or a file of data; a folder that is a package may be a module as well."""
    path = Path(target)
    if not target.strip():
        return False
    if path.is_dir():
        return not (path / "__init__.py").is_file() or path.name != target or _is_project(path)
    return path.suffix.lower() in ENDINGS


def _is_project(path: Path) -> bool:
    from crewgraph.project import read as read_project

    try:
        return bool(read_project(path).crews)
    except TargetError:
        return False


def read_target(target: str, names: Mapping[str, Any], projects: Projects) -> tuple[Pipeline, Project | None]:
    """The pipeline of a document or a project, with the project where it is one.

    Raises:
        TargetError: there is no such file, it is something else, or the command does not take it.
        DocumentInvalid: the document does not say a pipeline.
        DocumentError: it cannot be read here.
    """
    path = Path(target)
    if path.is_file() and _is_document(path):
        return _document(path, names), None
    from crewgraph.project import read as read_project

    try:
        project = read_project(path)
    except TargetError as error:
        raise TargetError(f"{error}. hint: a pipeline in code is named path/file.py:attribute") from None
    if names:
        raise TargetError("--names is for documents; the code of a crewAI project is not run")
    if projects == "all":
        return Pipeline(), project
    if projects == "none":
        hint = f"crewgraph check {target}, or crewgraph convert {target} -o pipeline.yaml"
        raise TargetError(f"'{target}' is a crewAI project, which is read and not run. hint: {hint}")
    crew = one_crew(target, project).crew
    assert crew is not None, "one that could not be made was refused"
    return Pipeline([crew]), project


def one_crew(target: str, project: Project) -> ProjectCrew:
    """The only crew of a project.

    Raises:
        TargetError: there are several, or it could not be made.
    """
    crews = [each for each in project.crews if each.crew is not None]
    if len(crews) == 1:
        return crews[0]
    if not crews:
        raise TargetError(f"'{target}' has no crew that could be made. hint: crewgraph check {target}")
    places = [*dict.fromkeys(str(each.parts.place) for each in crews)]
    hint = f". hint: name the folder of one, as in {places[0]}" if len(places) > 1 else ", which share their files"
    raise TargetError(f"'{target}' has {len(crews)} crews{hint}")


def _is_document(path: Path) -> bool:
    """Whether a file says that it is a document; JSON can be nothing else."""
    from crewgraph.document.text import text_of

    return path.suffix.lower() == ".json" or bool(_MARK.search(text_of(path)))


def _document(path: Path, names: Mapping[str, Any]) -> Pipeline:
    """The pipeline of a document; hints in the words of the command line.

    Raises:
        DocumentInvalid: with everything that is wrong.
    """
    try:
        return document.read(path, names=names)
    except DocumentInvalid as error:
        found = [
            replace(each, hint=_IN_PYTHON.sub(r"--names MODULE, of one that has \1", each.hint))
            for each in error.findings
        ]
        raise DocumentInvalid(found, head="the document is invalid") from None
