"""The agents and tasks of one crew, as YAML and the class of the crew say them together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crewgraph.diagnostics import Diagnostic, Severity
from crewgraph.document.bounds import Flaw
from crewgraph.document.text import text_of
from crewgraph.document.yaml import Node, parse_yaml
from crewgraph.errors import DocumentError
from crewgraph.project.code import CrewClass, Made, Method
from crewgraph.project.find import Found

__all__ = ["Definition", "File", "Parts", "agent_name", "parts_of", "path_of", "read_file"]

_ANCHOR = re.compile(r":\s+&")
_ESSENTIAL = {"role", "goal", "backstory", "description", "expected_output", "agent"}


@dataclass(frozen=True, slots=True)
class File:
    """A file of YAML.

    Attributes:
        path: where it is.
        root: its values with their lines.
        flaws: what is wrong with its text.
        text: as it was read.
    """

    path: Path
    root: Node | None = None
    flaws: tuple[Flaw, ...] = ()
    text: str = field(default="", repr=False)

    @property
    def shown(self) -> str:
        """The path from the working folder, where it lies below that."""
        whole = self.path.absolute()
        return str(whole.relative_to(Path.cwd())) if whole.is_relative_to(Path.cwd()) else str(self.path)

    @property
    def entries(self) -> Mapping[str, Node]:
        """The agents or tasks in it, by key; not the blocks that stand there for others to take over."""
        value = self.root.value if self.root is not None else None
        lines = self.text.split("\n")
        entries = value.items() if isinstance(value, Mapping) else ()
        return {key: node for key, node in entries if not _is_block(node, lines[node.line - 1 : node.line])}

    def finding(
        self,
        code: str,
        message: str,
        path: Sequence[str] = (),
        hint: str = "",
        *,
        line: int | None = None,
        level: Severity | None = None,
    ) -> Diagnostic:
        """A finding at a place of the file."""
        where = line or (self.root.line_of(tuple(path)) if self.root is not None else 1)
        return Diagnostic(code, message, tuple(path), hint, level=level, source=(self.shown, where))


def read_file(path: Path) -> File:
    """Read a file; what is wrong with it is among its flaws.

    Raises:
        DocumentError: PyYAML is not installed.
    """
    try:
        text = text_of(path)
    except DocumentError as error:
        return File(path, None, (Flaw(str(error)),))
    parsed = parse_yaml(text)
    return File(path, parsed.root, parsed.flaws, text)


def _is_block(node: Node, line: Sequence[str]) -> bool:
    """Whether an entry has an anchor, and nothing that makes it an agent or a task."""
    fields = node.value if isinstance(node.value, Mapping) else None
    return fields is not None and bool(_ANCHOR.search("".join(line))) and not _ESSENTIAL & {*fields}


@dataclass(frozen=True, slots=True)
class Definition:
    """An agent or a task.

    Attributes:
        noun: "agent" or "task".
        name: by which others refer to it: the name of its method, where there is a class, else its key.
        key: its key in YAML; ``None`` where it stands in code alone.
        file: the file of YAML.
        said: its fields in YAML.
        code: what its method makes.
    """

    noun: str
    name: str
    key: str | None
    file: File
    said: Mapping[str, Any] = field(default_factory=dict[str, Any])
    code: Made | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """All fields; what stands in code wins. Null says nothing."""
        of_code = self.code.fields if self.code is not None else {}
        return {name: value for name, value in {**self.said, **of_code}.items() if value is not None}

    @property
    def is_open(self) -> bool:
        """Whether there may be more to it than can be read."""
        return self.code is not None and self.code.is_open

    @property
    def label(self) -> str:
        """The definition in the words of a message."""
        return f"{self.noun} '{self.key or self.name}'"

    def text(self, name: str) -> str:
        """A field that is a text; nothing where it is none."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""

    def names(self, name: str) -> list[str]:
        """The names that a field holds; none where it is no list of names, or not known."""
        value = self.fields.get(name)
        several: Iterable[Any] = value if isinstance(value, list) else ()
        return [each.name if isinstance(each, Method) else each for each in several if isinstance(each, Method | str)]

    def is_true(self, name: str) -> bool:
        """Whether a field is set to true."""
        return self.fields.get(name) is True


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one crew.

    Attributes:
        name: what the crew is called.
        agents: by the name by which tasks refer to them.
        tasks: in the order in which they are done.
        files: those of agents and of tasks.
        code: the class, where there is one.
    """

    name: str
    agents: Mapping[str, Definition]
    tasks: Mapping[str, Definition]
    files: tuple[File | None, File | None]
    code: CrewClass | None = None

    @property
    def place(self) -> Path:
        """The folder of its files."""
        return next(file.path.parent for file in reversed(self.files) if file is not None)

    @property
    def is_open(self) -> bool:
        """Whether there may be agents and tasks that cannot be seen: inherited ones, or in files that cannot be read."""
        return (self.code is not None and self.code.is_open) or any(f is None or f.root is None for f in self.files)


def agent_name(task: Definition) -> str | None:
    """The name of the agent that a task names; ``None`` where it names none, or nobody can tell."""
    agent = task.fields.get("agent")
    return agent.name if isinstance(agent, Method) else agent if isinstance(agent, str) else None


def path_of(each: Definition, *fields: str) -> list[str]:
    """The place of a definition, or of one of its fields, in its file."""
    return [each.key or each.name, *fields]


def parts_of(found: Found, files: Mapping[Path, File]) -> Parts:
    """Put together what YAML and the class say."""
    agents = files[found.agents] if found.agents is not None else None
    tasks = files[found.tasks] if found.tasks is not None else None
    code = found.code
    if code is None:
        return Parts(found.name, _bare("agent", agents), _bare("task", tasks), (agents, tasks))
    made_agents = _made("agent", agents, code.agents, code)
    made_tasks = _made("task", tasks, code.tasks, code)
    if code.is_open:  # what the class inherits is not known; what YAML says may be among it
        made_agents = {**_bare("agent", agents), **made_agents}
    chosen = code.crew.fields.get("tasks") if code.crew is not None else None
    if isinstance(chosen, list) and all(isinstance(each, Method) and each.name in made_tasks for each in chosen):
        made_tasks = {each.name: made_tasks[each.name] for each in chosen}
    return Parts(found.name, made_agents, made_tasks, (agents, tasks), code)


def _bare(noun: str, file: File | None) -> dict[str, Definition]:
    """The definitions of a file by themselves."""
    if file is None:
        return {}
    entries = ((key, node) for key, node in file.entries.items() if isinstance(node.value, Mapping))
    return {key: Definition(noun, key, key, file, _said(node)) for key, node in entries}


def _made(noun: str, file: File | None, made: Mapping[str, Made], code: CrewClass) -> dict[str, Definition]:
    """The definitions that methods make."""
    there = file if file is not None else File(code.configs[0 if noun == "agent" else 1] or code.file)
    made_by = dict[str, Definition]()
    for method, each in made.items():
        node = there.entries.get(each.key) if each.key is not None else None
        made_by[method] = Definition(noun, method, each.key, there, {} if node is None else _said(node), each)
    return made_by


def _said(node: Node) -> dict[str, Any]:
    value = node.value
    return {name: each.plain() for name, each in value.items()} if isinstance(value, Mapping) else {}
