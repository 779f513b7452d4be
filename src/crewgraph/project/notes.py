"""What is good to know of a crew: what crewgraph has no counterpart for, what stands in code, and what nobody uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from crewgraph.crew.ancestor import OF_AGENTS as LACKING_OF_AGENTS
from crewgraph.crew.ancestor import OF_TASKS as LACKING_OF_TASKS
from crewgraph.diagnostics import Diagnostic
from crewgraph.project.code import UNKNOWN, Method
from crewgraph.project.fields import IN_CODE
from crewgraph.project.parts import File, Parts, agent_name, path_of

__all__ = ["notes", "unused"]

_WHOM = {
    "agent": ("no task names it", "give it a task, or take it away"),
    "task": ("no @task method reads it", "write the method, or take it away"),
}


def notes(parts: Parts) -> Iterator[Diagnostic]:
    """CG710 and CG711."""
    yield from _lost(parts)
    yield from _left_to_code(parts)


def _lost(parts: Parts) -> Iterator[Diagnostic]:
    """CG710: what crewgraph has no counterpart for."""
    for each in (*parts.agents.values(), *parts.tasks.values()):
        lacking = LACKING_OF_AGENTS if each.noun == "agent" else LACKING_OF_TASKS
        for name, hint in lacking.items():
            if each.said.get(name) not in (None, False, "", [], {}):
                message = f"{each.label}: crewgraph has no {name}"
                yield each.file.finding("CG710", message, path_of(each, name), hint)


def _left_to_code(parts: Parts) -> Iterator[Diagnostic]:
    """CG711: what stands in code, and is not checked."""
    left = dict[str, list[str]]()
    for each in (*parts.agents.values(), *parts.tasks.values()):
        for name, value in each.fields.items():
            is_name = name in IN_CODE and name != "llm"
            if is_name or value is UNKNOWN or (isinstance(value, Method) and name != "agent"):
                left.setdefault(name, []).append(f"'{each.key or each.name}'")
        if each.is_open or (each.key is None and each.code is not None):
            left.setdefault("all", []).append(f"'{each.name}'")
    file = next(each for each in reversed(parts.files) if each is not None)
    if left:
        told = "; ".join(f"{name} of {', '.join(dict.fromkeys(whose))}" for name, whose in left.items())
        where = parts.code.file.name if parts.code is not None else "code"
        yield file.finding("CG711", f"not checked, for it stands in {where}: {told}", [parts.name], line=1)


def unused(crews: Sequence[Parts]) -> Iterator[Diagnostic]:
    """CG709: agents and tasks that no crew of the project uses."""
    for place, noun in enumerate(("agent", "task")):
        readers = dict[int, tuple[File, list[Parts]]]()
        for parts in crews:
            file = parts.files[place]
            if file is not None:
                readers.setdefault(id(file), (file, []))[1].append(parts)
        for file, several in readers.values():
            used = {key for parts in several for key in _used(parts, noun)}
            entries = {} if any(_is_vague(parts, noun) for parts in several) else file.entries
            for key, node in entries.items():
                if key not in used and isinstance(node.value, Mapping):
                    whom, hint = _WHOM[noun]
                    yield file.finding("CG709", f"{noun} '{key}' is never used: {whom}", [key], hint)


def _is_vague(parts: Parts, noun: str) -> bool:
    """Whether a crew may use more than can be seen, or means more than it says: a name that leads nowhere is told."""
    definitions = (*parts.agents.values(), *parts.tasks.values())
    if parts.is_open or any(each.is_open for each in definitions):
        return True
    if noun == "task":
        return any(each.key is not None and each.key not in each.file.entries for each in parts.tasks.values())
    return any(agent_name(task) not in parts.agents for task in parts.tasks.values())


def _used(parts: Parts, noun: str) -> Iterator[str]:
    """The keys of YAML that a crew uses."""
    if noun == "task":
        yield from (each.key for each in (parts.code.tasks if parts.code else parts.tasks).values() if each.key)
        return
    agents, tasks = parts.agents.values(), parts.tasks.values()
    is_team = (parts.code is not None and parts.code.is_hierarchical) or any(
        each.is_true("allow_delegation") or each.fields.get("allow_delegation") is UNKNOWN for each in agents
    )
    named = {agent_name(task) for task in tasks}
    manager = parts.code.crew.fields.get("manager_agent") if parts.code is not None and parts.code.crew else None
    for each in agents:
        is_manager = isinstance(manager, Method) and manager.name == each.name
        if each.key is not None and (is_team or is_manager or each.name in named):
            yield each.key
