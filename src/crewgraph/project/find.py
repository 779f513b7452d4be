"""The crews of a project, found in its folders: files of YAML, and the classes that read them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from crewgraph.errors import TargetError
from crewgraph.project.code import CrewClass, classes_in

__all__ = ["Found", "find"]

AGENTS, TASKS = ("agents.yaml", "agents.yml"), ("tasks.yaml", "tasks.yml")
MAX_DEPTH = 10
"""How deep folders are looked into."""
MAX_FILES = 20_000
"""After how many files a folder is taken for something else than a project."""
MAX_SHOWN = 5
_SKIPPED = {"__pycache__", "build", "dist", "env", "node_modules", "site-packages", "venv"}


@dataclass(frozen=True, slots=True)
class Found:
    """The files of one crew.

    Attributes:
        agents: the file of its agents; ``None`` where there is none.
        tasks: the file of its tasks.
        code: the class that reads them; ``None`` where there is none, or several files go without.
    """

    agents: Path | None
    tasks: Path | None
    code: CrewClass | None = None

    @property
    def name(self) -> str:
        """What the crew is called: its class, else the folder of its files."""
        if self.code is not None:
            return self.code.name
        folder = next(file.absolute().parent for file in (self.tasks, self.agents) if file is not None)
        return folder.parent.name if folder.name == "config" else folder.name


def find(path: Path) -> list[Found]:
    """The crews of a project.

    Args:
        path: its folder, or one of the files of a crew.

    Raises:
        TargetError: there is none.
    """
    if path.is_file():
        found = _of_file(path)
        near = path.parent
    else:
        found = _of_folder(path)
        near = path
    if not found:
        raise TargetError(_nothing(path, near))
    return found


def _of_folder(folder: Path) -> list[Found]:
    files = list(_walk(folder))
    classes = [each for file in files if file.suffix == ".py" for each in classes_in(file)]
    found = [each for each in map(_of_class, classes) if each.agents or each.tasks]
    read = {_real(file) for each in found for file in (each.agents, each.tasks) if file is not None}
    tasks = {file.parent: file for file in files if file.name in TASKS and _real(file) not in read}
    agents = {file.parent: file for file in files if file.name in AGENTS and _real(file) not in read}
    bare = [Found(agents.get(place), tasks.get(place)) for place in sorted({*tasks, *agents})]
    return [*found, *bare]


def _of_file(file: Path) -> list[Found]:
    """The crew that one of its files stands for: with the class that reads it, else with the file beside it."""
    around = [file.parent, file.absolute().parent.parent]
    classes = [each for folder in around for code in sorted(folder.glob("*.py")) for each in classes_in(code)]
    found = [
        each
        for each in map(_of_class, classes)
        if any(one is not None and _real(one) == _real(file) for one in (each.agents, each.tasks))
    ]
    if found:
        return found
    agents, tasks = _beside(file, AGENTS), _beside(file, TASKS)
    return [Found(agents, tasks)] if file in {agents, tasks} else []


def _of_class(code: CrewClass) -> Found:
    agents, tasks = code.configs
    return Found(agents if agents and agents.is_file() else None, tasks if tasks and tasks.is_file() else None, code)


def _beside(file: Path, names: Iterable[str]) -> Path | None:
    return next((each for name in names if (each := file.with_name(name)).is_file()), None)


def _real(file: Path) -> str:
    return os.path.realpath(file)


def _walk(folder: Path) -> Iterator[Path]:
    """The files below a folder, in order, but not what was installed or built there."""
    count = 0
    for place, folders, files in os.walk(folder):
        here = Path(place)
        deep = len(here.relative_to(folder).parts) >= MAX_DEPTH
        folders[:] = [] if deep else sorted(each for each in folders if each not in _SKIPPED and each[0] != ".")
        yield from (here / file for file in sorted(files) if file.endswith((".py", ".yaml", ".yml")))
        count += len(files)
        if count > MAX_FILES:
            raise TargetError(f"'{folder}' holds more than {MAX_FILES:,} files. hint: name the folder of the project")


def _nothing(path: Path, near: Path) -> str:
    if not path.exists():
        return f"there is no file or folder '{path}'"
    if any((near / name).is_file() for name in ("crew.jsonc", "crew.json")):
        return f"'{path}' is a crewAI project in JSON; only agents.yaml and tasks.yaml are read"
    if path.is_file():
        return f"'{path}' is no document, for it does not say crewgraph: 1, and no file of a crewAI project"
    names = [file.name for file in sorted(near.glob("*.y*ml"))]
    told = f" (there is: {', '.join(names[:MAX_SHOWN])})" if names else ""
    return f"'{path}' is no crewAI project: it has no agents.yaml and tasks.yaml{told}"
