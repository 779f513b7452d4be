"""What is wrong or doubtful in the parts of a crew, beside what the checker finds in the crew itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from crewgraph.diagnostics import Diagnostic, Severity
from crewgraph.errors.near import meant
from crewgraph.project.fields import IN_CODE
from crewgraph.project.parts import Definition, File, Parts, agent_name, path_of

__all__ = ["of_crew"]

REQUIRED = {"agent": ("role", "goal", "backstory"), "task": ("description", "expected_output")}
MAX_NAMED = 12
_SHELL = re.compile(r"[|<>&;]")


def of_crew(parts: Parts) -> Iterator[Diagnostic]:
    """What is wrong with the parts of a crew and how they refer to one another."""
    for check in (_configs, _lacking, _agents, _contexts, _named_code, _order, _output_files):
        yield from check(parts)


def _configs(parts: Parts) -> Iterator[Diagnostic]:
    """CG701, CG703: what the class reads and is not there."""
    code = parts.code
    if code is None:
        for file, noun in zip(reversed(parts.files), ("agent", "task"), strict=True):
            if file is not None and None in parts.files:
                message = f"there is no {noun}s.yaml beside it"
                yield file.finding("CG701", message, (), f"put the {noun}s into {noun}s.yaml", line=1)
        return
    here = File(code.file)
    for definitions, file, config in zip((code.agents, code.tasks), parts.files, code.configs, strict=True):
        for each in definitions.values():
            if each.key is None or config is None or (file is not None and each.key in file.entries):
                continue
            hint = f"there is no file {File(config).shown}" if file is None else _like(each.key, [*file.entries])
            message = f"{code.name}.{each.method} reads '{each.key}', which {config.name} does not have"
            yield here.finding("CG703", message, (code.name, each.method), hint, line=each.key_line)


def _lacking(parts: Parts) -> Iterator[Diagnostic]:
    """CG702: fields that crewAI insists on."""
    for each in (*parts.agents.values(), *parts.tasks.values()):
        if each.is_open or each.key is None or _is_gone(each) or "from_repository" in each.fields:
            continue
        for name in REQUIRED[each.noun]:
            if name not in each.fields:
                yield each.file.finding("CG702", f"{each.label} lacks {name}", path_of(each), f"{name}: …")


def _agents(parts: Parts) -> Iterator[Diagnostic]:
    """CG702, CG703: tasks whose agent is not there, or not said."""
    lacking = [task for task in parts.tasks.values() if "agent" not in task.fields and _needs_agent(parts, task)]
    if lacking and parts.code is None and len(lacking) == len(parts.tasks):
        message = "no task names its agent, unless code does"
        hint = f"agent: {_one_of(parts.agents)}, in each task"
        yield lacking[0].file.finding("CG702", message, (), hint, line=1, level=Severity.WARNING)
        lacking = []
    for task in lacking:
        hint = f"agent: {_one_of(parts.agents)}"
        yield task.file.finding("CG702", f"{task.label} lacks agent", path_of(task), hint)
    for task in _said_tasks(parts):
        said = task.said.get("agent")  # crewAI looks at both
        for name in dict.fromkeys([agent_name(task), said if isinstance(said, str) else None]):
            if name is not None and name not in parts.agents and not parts.is_open:
                yield _not_there(task, "agent", name, parts, parts.agents)


def _needs_agent(parts: Parts, task: Definition) -> bool:
    is_led = parts.code is not None and parts.code.is_hierarchical
    return not is_led and not task.is_open and task.key is not None and not _is_gone(task)


def _is_gone(each: Definition) -> bool:
    """Whether a definition is not in the file where its method looks for it, which is told once."""
    entry = each.file.entries.get(each.key) if each.key is not None else None
    return each.key is not None and (entry is None or not isinstance(entry.value, Mapping))


def _said_tasks(parts: Parts) -> Iterator[Definition]:
    """The tasks of the crew, and those of its file that no method makes: crewAI looks at their names too."""
    yield from parts.tasks.values()
    file = parts.files[1]
    if file is not None and parts.code is not None:
        made = {each.key for each in parts.code.tasks.values()}
        for key, node in file.entries.items():
            if key not in made and isinstance(node.value, Mapping):
                fields = {name: value.plain() for name, value in node.value.items()}
                yield Definition("task", "", key, file, fields)


def _contexts(parts: Parts) -> Iterator[Diagnostic]:
    """CG703, CG706: contexts that are not there, or come later."""
    known = {*parts.tasks, *(parts.code.tasks if parts.code is not None else ())}
    for task in _said_tasks(parts):
        order = [*parts.tasks]
        for name in task.names("context"):
            if name not in known:
                if not parts.is_open:
                    yield _not_there(task, "context", name, parts, known)
            elif task.name in order and name in order and order.index(name) >= order.index(task.name):
                which = "itself" if name == task.name else f"'{name}', which is done later"
                message = f"{task.label} has {which} as context"
                yield task.file.finding("CG706", message, path_of(task, "context"), _earlier(order, task.name))


def _earlier(order: Sequence[str], name: str) -> str:
    before = order[: order.index(name)]
    return f"done before it: {', '.join(before[-MAX_NAMED:])}" if before else "put the other task before it"


def _not_there(each: Definition, field: str, name: str, parts: Parts, known: Iterable[str]) -> Diagnostic:
    """CG703: an agent or task of which there is only the name."""
    noun = "agent" if field == "agent" else "task"
    told = f"{each.label} names agent '{name}'" if noun == "agent" else f"{each.label} has task '{name}' as context"
    hint = _like(name, sorted(known))
    if parts.code is None:
        return each.file.finding("CG703", f"{told}, and there is none", path_of(each, field), hint)
    made = parts.code.agents if noun == "agent" else parts.code.tasks
    method = next((method for method, one in made.items() if one.key == name), None)
    if method is not None:
        hint = f"the method that makes it is called '{method}'"
    message = f"{told}, and {parts.code.name} has no such @{noun} method"
    return each.file.finding("CG703", message, path_of(each, field), hint)


def _like(name: str, known: Sequence[str]) -> str:
    return meant(name, known) or f"there is: {', '.join(known[:MAX_NAMED]) or 'none'}"


def _one_of(names: Iterable[str]) -> str:
    several = [*names]
    return several[0] if len(several) == 1 else "…" if not several else f"one of {', '.join(several[:MAX_NAMED])}"


def _named_code(parts: Parts) -> Iterator[Diagnostic]:
    """CG703: tools, models and functions of which YAML gives the names, and which the class does not have."""
    code = parts.code
    if code is None or code.is_open:
        return
    every = [each for file, noun in zip(parts.files, ("agent", "task"), strict=True) for each in _entries(file, noun)]
    for each in every:
        for field, mark in IN_CODE.items():
            is_model = mark == "llm"  # which may be the name of a model too
            for name in () if is_model else _names(each, field):
                if name not in code.methods[mark]:
                    message = f"{each.label} names '{name}' in {field}, and {code.name} has no such @{mark} method"
                    hint = _like(name, sorted(code.methods[mark]))
                    yield each.file.finding("CG703", message, path_of(each, field), hint)


def _entries(file: File | None, noun: str) -> Iterator[Definition]:
    if file is not None:
        for key, node in file.entries.items():
            if isinstance(node.value, Mapping):
                fields = {name: value.plain() for name, value in node.value.items()}
                yield Definition(noun, key, key, file, fields)


def _names(each: Definition, field: str) -> list[str]:
    value = each.fields.get(field)
    return [value] if isinstance(value, str) else each.names(field)


def _order(parts: Parts) -> Iterator[Diagnostic]:
    """CG706: what crewAI allows of asynchronous tasks."""
    groups = [
        (is_async, list(members))
        for is_async, members in groupby(parts.tasks.values(), key=lambda task: task.is_true("async_execution"))
    ]
    for is_async, members in groups if not parts.is_open else ():
        names = {task.name: task for task in members} if is_async else {}
        for task in names.values():
            for name in task.names("context"):
                if name in names and name != task.name:
                    message = f"{task.label} runs side by side with '{name}', and has it as context"
                    hint = "async_execution: false for one of them"
                    yield task.file.finding("CG706", message, path_of(task, "context"), hint)
    if groups and groups[-1][0] and len(groups[-1][1]) > 1 and not parts.is_open:
        last = groups[-1][1][-1]
        message = f"the crew ends with {len(groups[-1][1])} asynchronous tasks, and crewAI allows one"
        hint = "let a task that is not asynchronous put their answers together"
        yield last.file.finding("CG706", message, path_of(last, "async_execution"), hint)


def _output_files(parts: Parts) -> Iterator[Diagnostic]:
    """CG707: files outside of the folder, and files that two tasks write."""
    written = dict[str, Definition]()
    for task in parts.tasks.values():
        name = task.text("output_file")
        if not name:
            continue
        if reason := _misplaced(name):
            message = f"{task.label} writes to '{name}', {reason}"
            hint = "a path below the folder, such as output/report.md"
            yield task.file.finding("CG707", message, path_of(task, "output_file"), hint)
        other = written.setdefault(name, task)
        if other is not task:
            both = other.is_true("async_execution") and task.is_true("async_execution")
            told = "at the same time" if both else "and the later answer is all that is left"
            message = f"{other.label} and {task.label} both write to '{name}', {told}"
            level = None if both else Severity.WARNING
            hint = "give one of them another file"
            yield task.file.finding("CG707", message, path_of(task, "output_file"), hint, level=level)


def _misplaced(name: str) -> str:
    if ".." in name:
        return "which leads out of the folder"
    if name.startswith(("~", "$")):
        return "which a shell would expand, and nothing else"
    if found := _SHELL.search(name):
        return f"whose {found.group()!r} crewAI does not allow"
    wrong = [field for field in re.findall(r"\{([^{}]*)\}", name) if not field.isidentifier()]
    return f"whose {{{wrong[0]}}} is no placeholder" if wrong else ""
