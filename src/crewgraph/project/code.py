"""What the class of a crew says, read from its text: it is parsed, and never imported or run.

Only what is written plainly is understood: methods with the decorators of crewAI that return ``Agent(…)``, ``Task(…)`` and
``Crew(…)``. Whatever is made in another way is left open, and nothing is said of it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["UNKNOWN", "CrewClass", "Made", "Method", "classes_in"]

MAX_BYTES = 1_000_000
_MARKS = (
    "agent",
    "before_kickoff",
    "cache_handler",
    "callback",
    "crew",
    "llm",
    "output_json",
    "output_pydantic",
    "task",
    "tool",
)
_MAKES = {"agent": {"Agent"}, "task": {"Task", "ConditionalTask"}, "crew": {"Crew"}}


class _Unknown:
    """In place of what only runs can tell."""

    def __repr__(self) -> str:
        return "what the code says"


UNKNOWN = _Unknown()


@dataclass(frozen=True, slots=True)
class Method:
    """``self.name()``: a reference to another method."""

    name: str


@dataclass(frozen=True, slots=True)
class Made:
    """What a method makes: an agent, a task or the crew.

    Attributes:
        method: the name of the method.
        line: where it begins.
        key: the key of its configuration in YAML; ``None`` where it has none.
        key_line: where that is read.
        fields: what is said beside that: plain values, a :class:`Method` or a list of them, else ``UNKNOWN``.
        is_open: whether there may be more to it.
    """

    method: str
    line: int
    key: str | None = None
    key_line: int = 0
    fields: Mapping[str, Any] = field(default_factory=dict[str, Any])
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class CrewClass:
    """A class under ``@CrewBase``.

    Attributes:
        name: its name.
        file: where it stands.
        line: and in which line.
        configs: the files of agents and of tasks; ``None`` where the class does not say it plainly.
        agents: what the methods under ``@agent`` make, in their order.
        tasks: the same of ``@task``.
        crew: the same of ``@crew``.
        methods: the names of all methods with a decorator, by decorator.
        is_open: whether it may have methods that do not stand in it.
    """

    name: str
    file: Path
    line: int
    configs: tuple[Path | None, Path | None]
    agents: Mapping[str, Made]
    tasks: Mapping[str, Made]
    crew: Made | None
    methods: Mapping[str, frozenset[str]]
    is_open: bool

    @property
    def is_hierarchical(self) -> bool:
        """Whether a manager hands out the work."""
        return self.crew is not None and self.crew.fields.get("process") == "hierarchical"


def classes_in(file: Path) -> list[CrewClass]:
    """The classes of crews in a file; none where it cannot be read or is no Python."""
    try:
        if file.stat().st_size > MAX_BYTES:
            return []
        text = file.read_text(encoding="utf-8-sig")
        if "CrewBase" not in text:
            return []
        tree = ast.parse(text)
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
        return []
    classes = (node for node in tree.body if isinstance(node, ast.ClassDef))
    return [_class(node, file) for node in classes if "CrewBase" in _decorators(node)]


def _class(node: ast.ClassDef, file: Path) -> CrewClass:
    methods: dict[str, set[str]] = {mark: set() for mark in _MARKS}
    made: dict[str, dict[str, Made]] = {kind: {} for kind in _MAKES}
    configs = {"agents_config": "config/agents.yaml", "tasks_config": "config/tasks.yaml"}
    said: dict[str, str | None] = {**configs}
    for statement in node.body:
        said |= {name: path for name, path in _assigned(statement) if name in configs}
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for mark in _decorators(statement) & set(_MARKS):
                methods[mark].add(statement.name)
                if mark in made and not isinstance(statement, ast.ClassDef):
                    made[mark][statement.name] = _made(statement, mark)
    agents, tasks = (None if path is None else file.parent / path for path in (said[name] for name in configs))
    return CrewClass(
        node.name,
        file,
        node.lineno,
        (agents, tasks),
        made["agent"],
        made["task"],
        next(iter(made["crew"].values()), None),
        {mark: frozenset(names) for mark, names in methods.items()},
        is_open=any(not isinstance(base, ast.Name) or base.id != "object" for base in node.bases),
    )


def _decorators(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """The last names of the decorators: ``agent`` of ``@agent``, ``@project.agent`` and ``@agent()``."""
    names = set[str]()
    for each in node.decorator_list:
        inner = each.func if isinstance(each, ast.Call) else each
        names |= {_last(inner)}
    return names


def _last(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _assigned(statement: ast.stmt) -> Iterator[tuple[str, str | None]]:
    """The variables that get a value, with the text that it is, if it is one."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            yield name, _text(value)
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            yield name, _text(value)
        case _:
            return


def _text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _made(function: ast.FunctionDef | ast.AsyncFunctionDef, mark: str) -> Made:
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call) and _last(node.func) in _MAKES[mark]]
    if len(calls) != 1:
        return Made(function.name, function.lineno, is_open=True)
    call = calls[0]
    key, key_line, is_open = None, 0, bool(call.args) or any(each.arg is None for each in call.keywords)
    fields = dict[str, Any]()
    for keyword in call.keywords:
        if keyword.arg == "config":
            key, key_line = _key(keyword.value), keyword.value.lineno
            is_open |= key is None
        elif keyword.arg is not None:
            fields[keyword.arg] = _value(keyword.value)
    if _last(call.func) == "ConditionalTask":
        fields.setdefault("condition", UNKNOWN)
    return Made(function.name, function.lineno, key, key_line, fields, is_open)


def _key(node: ast.expr) -> str | None:
    """The key in ``self.agents_config["key"]`` or ``.get("key")``."""
    match node:
        case ast.Subscript(value=ast.Attribute(attr="agents_config" | "tasks_config"), slice=key):
            return _text(key)
        case ast.Call(
            func=ast.Attribute(value=ast.Attribute(attr="agents_config" | "tasks_config"), attr="get"), args=[key]
        ):
            return _text(key)
        case _:
            return None


def _value(node: ast.expr) -> Any:
    """A value that stands there plainly, a method of the class, ``Process.hierarchical``; else unknown."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name), args=[], keywords=[]):
            return Method(name)
        case ast.Attribute(value=ast.Name(id="Process"), attr=process):
            return process
        case ast.Attribute(value=ast.Name(id="self"), attr="agents" | "tasks"):
            return None  # all of them
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return _values(items)
        case ast.Constant(value=str() | int() | float() | None as value):
            return value
        case _:
            return UNKNOWN


def _values(items: Sequence[ast.expr]) -> Any:
    values = [_value(item) for item in items]
    return UNKNOWN if any(value is UNKNOWN for value in values) else values
