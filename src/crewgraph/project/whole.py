"""A project of crewAI: its crews, and everything that is wrong with them."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from crewgraph.compiler import analyse
from crewgraph.compiler.verdict import Rule, verdict
from crewgraph.crew import Crew
from crewgraph.diagnostics import Diagnostic, Findings, Ignore, Severity, strictness
from crewgraph.errors.near import near
from crewgraph.graph import Graph
from crewgraph.project.build import build
from crewgraph.project.checks import of_crew
from crewgraph.project.entries import of_file
from crewgraph.project.find import find
from crewgraph.project.notes import notes, unused
from crewgraph.project.parts import File, Parts, parts_of, path_of, read_file
from crewgraph.project.placeholders import Use, look_alikes, uses_of
from crewgraph.syntax import Pipeline

__all__ = ["Project", "ProjectCrew", "read"]

MAX_NAMED = 4
_NO_AGENT = re.compile(r"task '.*' names no agent and ")
_OF_KEYS = {"CG301", "CG302", "CG305", "CG306", "CG307", "CG308", "CG309"}
_OWNER = re.compile(r"\b(task|agent) '([^']+)'")


@dataclass(frozen=True, slots=True)
class ProjectCrew:
    """One crew of a project.

    Attributes:
        name: its class, else the folder of its files.
        crew: the crew as one of crewgraph's; ``None`` where it has no tasks.
        names: stand-ins for what stands in code, by the names that YAML gives it.
        parts: its agents and tasks as they were written.
        found: what kept something of it from being made.
    """

    name: str
    crew: Crew | None
    names: Mapping[str, Any]
    parts: Parts
    found: Sequence[Diagnostic] = ()


@dataclass(frozen=True, slots=True)
class Project:
    """A project of crewAI, as far as its YAML and the text of its classes tell.

    Attributes:
        path: its folder, or the file that was named.
        crews: its crews, those with a class first.
        files: the files of agents and those of tasks.
    """

    path: Path
    crews: tuple[ProjectCrew, ...]
    files: Mapping[str, Sequence[File]] = field(default_factory=dict[str, Sequence[File]])

    @property
    def needs(self) -> dict[str, tuple[str, ...]]:
        """The inputs that its crews need, each with those who read it."""
        readers = dict[str, dict[str, None]]()
        for crew in self.crews:
            for use in uses_of(crew.parts):
                readers.setdefault(use.name, {})[use.owner.label] = None
        return {name: tuple(whom) for name, whom in sorted(readers.items())}

    def check(
        self,
        *,
        inputs: Iterable[str] | None = None,
        ignore: Iterable[Ignore] = (),
        strict: bool | Collection[str] = False,
    ) -> Findings:
        """Everything that is wrong or doubtful, each with its file and line.

        Args:
            inputs: the keys that a kickoff brings; where they are not given, any may come.
            ignore: findings that are meant so.
            strict: whether warnings are errors, or the codes that are.
        """
        given = None if inputs is None else [*dict.fromkeys(inputs)]
        found = {(each.code, each.message, each.source): each for each in sorted(self._found(given), key=_place)}
        rules = [Rule(each) for each in ignore]
        return verdict(found.values(), Graph((), ()), rules=rules, strict=strictness(strict))

    def _found(self, inputs: list[str] | None) -> Iterator[Diagnostic]:
        for noun, files in self.files.items():
            for file in files:
                yield from of_file(file, noun)
        for crew in self.crews:
            yield from of_crew(crew.parts)
            yield from notes(crew.parts)
            yield from crew.found
            yield from look_alikes(crew.parts) if inputs is None else _missing(crew.parts, inputs)
            if crew.crew is not None:
                findings = analyse(Pipeline([crew.crew]))[1]
                yield from (_placed(finding, crew.parts) for finding in findings if _is_news(finding))
        yield from unused([crew.parts for crew in self.crews])
        if inputs is not None:
            yield from self._unread(inputs)

    def _unread(self, inputs: list[str]) -> Iterator[Diagnostic]:
        """CG309: inputs that no text reads."""
        needs, files = self.needs, [*self.files.get("task", ()), *self.files.get("agent", ())]
        for key in inputs:
            if key not in needs and files:
                close = near(key, needs)
                hint = f"did you mean {{{close}}}?" if close else f"write {{{key}}} where it is wanted"
                yield files[0].finding("CG309", f"no text reads the input '{key}'", (), hint, line=1)


def read(path: str | os.PathLike[str]) -> Project:
    """Read a project; nothing of its code is run.

    Args:
        path: its folder, or one of the files of a crew.

    Raises:
        TargetError: there is no such project.
        DocumentError: PyYAML is not installed.
    """
    found = find(Path(path))
    read = {file: read_file(file) for each in found for file in (each.agents, each.tasks) if file is not None}
    crews = list[ProjectCrew]()
    for each in found:
        parts = parts_of(each, read)
        built = build(parts)
        crews.append(ProjectCrew(parts.name, built.crew, built.names, parts, built.findings))
    files = {
        "agent": [read[file] for file in dict.fromkeys(each.agents for each in found) if file is not None],
        "task": [read[file] for file in dict.fromkeys(each.tasks for each in found) if file is not None],
    }
    return Project(Path(path), tuple(crews), files)


def _is_news(finding: Diagnostic) -> bool:
    """Whether the checks of the files do not tell it: they know more of agents, and of what crewAI's inputs bring."""
    return finding.code not in _OF_KEYS and not _NO_AGENT.match(finding.message)


def _place(finding: Diagnostic) -> tuple[str, int]:
    return finding.source or ("", 0)


def _missing(parts: Parts, inputs: Sequence[str]) -> Iterator[Diagnostic]:
    """CG301: placeholders that the inputs do not fill; each where it stands first."""
    hook = next(iter(parts.code.methods["before_kickoff"]), None) if parts.code is not None else None
    missing = dict[str, list[Use]]()
    for use in uses_of(parts):
        if use.name not in inputs:
            missing.setdefault(use.name, []).append(use)
    for name, uses in missing.items():
        close = near(name, inputs)
        readers = list(dict.fromkeys(use.owner.label for use in uses))
        more = f" and {len(readers) - MAX_NAMED} more" if len(readers) > MAX_NAMED else ""
        unless = f", unless {hook} adds it" if hook else ""
        message = f"{', '.join(readers[:MAX_NAMED])}{more}: {{{name}}} is not among the inputs{unless}"
        hint = f"did you mean {{{close}}}?" if close else f"add {name} to the inputs"
        first, level = uses[0], Severity.WARNING if hook else None
        yield first.owner.file.finding("CG301", message, path_of(first.owner, first.field), hint, level=level)


def _placed(finding: Diagnostic, parts: Parts) -> Diagnostic:
    """A finding of the checker, where the task or agent stands that it is about; else where the crew does."""
    owner = _OWNER.search(finding.message)
    definitions = {"task": parts.tasks, "agent": parts.agents}[owner[1]].values() if owner else ()
    for each in (each for each in definitions if owner and owner[2] == (each.key or each.name)):
        place = each.file.finding(finding.code, "", [each.key or each.name])
        return replace(finding, path=place.path, source=place.source, node=None)
    file = next(file for file in reversed(parts.files) if file is not None)
    source = (file.shown, 1) if parts.code is None else (File(parts.code.file).shown, parts.code.line)
    return replace(finding, path=(parts.name,), source=source, node=None)
