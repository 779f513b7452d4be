"""The agents, tasks and crews of a document: objects in place of what it says, code in place of names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError

from crewgraph.crew import Agent, Crew, Task
from crewgraph.diagnostics import Diagnostic
from crewgraph.document.bounds import Path
from crewgraph.document.forms import AgentForm, CrewForm, Document, PolicyForm, TaskForm, Use
from crewgraph.document.names import MISSING, Names
from crewgraph.document.told import NOBODY, Place, misfits
from crewgraph.errors import CrewgraphError
from crewgraph.errors.near import meant
from crewgraph.policy import Budget, Limit, Policy

__all__ = ["Definitions"]

MAX_SHOWN = 12
"""How many keys a hint lists."""


@dataclass(slots=True)
class Definitions:
    """What a document defines, by key; and what is wrong with it, among ``found``."""

    form: Document
    names: Names
    place: Place
    found: list[Diagnostic]
    agents: dict[str, Agent] = field(default_factory=dict[str, Agent])
    tasks: dict[str, Task] = field(default_factory=dict[str, Task])
    crews: dict[str, Crew] = field(default_factory=dict[str, Crew])

    def build(self) -> None:
        """Make everything that can be made."""
        for key, agent in self.form.agents.items():
            self.agents |= self.one(key, Agent, self.agent(agent, ("agents", key)), ("agents", key))
        for key, task in self.form.tasks.items():
            self.tasks |= self.one(key, Task, self.task(key, task, ("tasks", key)), ("tasks", key))
        for key, task in self.form.tasks.items():
            self.context(key, task)
        for key, crew in self.form.crews.items():
            self.crews |= self.one(key, Crew, self.crew(key, crew, ("crews", key)), ("crews", key))

    def report(self, message: str, path: Path, hint: str = "", *, code: str = "CG703") -> None:
        """Note what is wrong."""
        self.found.append(self.place.finding(code, message, path, hint))

    def one(self, key: str, kind: Any, fields: dict[str, Any] | None, path: Path) -> dict[str, Any]:
        """A definition under its key, if it can be made."""
        made = None if fields is None else self.made(kind, fields, path)
        return {} if made is None else {key: made}

    def made(self, kind: Any, fields: dict[str, Any], path: Path) -> Any:
        """What can be made of fields; ``None``, with findings, where they do not fit."""
        try:
            return kind(**fields)
        except ValidationError as error:
            self.found += misfits(error, self.place, prefix=path)
        except (CrewgraphError, ValueError) as error:
            message, _, hint = str(error).partition(" hint: ")
            self.report(message.rstrip("."), path, hint, code="CG702")
        return None

    # ---- definitions -------------------------------------------------------------------------------------------

    def agent(self, form: AgentForm, path: Path) -> dict[str, Any] | None:
        """The fields of an agent."""
        return self.fields(form, path)

    def task(self, key: str, form: TaskForm, path: Path) -> dict[str, Any] | None:
        """The fields of a task, without its context."""
        fields = self.fields(form, path)
        if fields is None:
            return None
        fields.pop("context", None)
        if form.tools is None:
            fields.pop("tools", None)
        return {"name": key, **fields}

    def context(self, key: str, form: TaskForm) -> None:
        """Give a task its context, once all tasks are there."""
        task = self.tasks.get(key)
        if form.context is None:
            return
        path: Path = ("tasks", key, "context")
        sources = [self.known(self.tasks, each, (*path, n), "task") for n, each in enumerate(form.context)]
        if task is not None:
            task.context = [source for source in sources if source is not None]

    def crew(self, key: str, form: CrewForm, path: Path) -> dict[str, Any] | None:
        """The fields of a crew; ``None`` where something of it could not be made, so that nothing follows from that."""
        fields = self.fields(form, path)
        agents = [self.known(self.agents, each, (*path, "agents", n), "agent") for n, each in enumerate(form.agents)]
        tasks = [self.known(self.tasks, each, (*path, "tasks", n), "task") for n, each in enumerate(form.tasks)]
        if fields is None or None in agents or None in tasks:
            return None
        return {"name": key, **fields, "agents": agents, "tasks": tasks}

    def fields(self, form: BaseModel, path: Path) -> dict[str, Any] | None:
        """What a definition says, with code in place of its names."""
        before = len(self.found)
        fields = {name: self.field(name, getattr(form, name), (*path, name)) for name in form.model_fields_set}
        return fields if len(self.found) == before else None

    def field(self, name: str, value: Any, path: Path) -> Any:  # noqa: C901, PLR0911 - one case for each kind of field
        """One field, with code in place of its names."""
        if value is None:
            return None
        match name:
            case "llm" | "manager_llm" | "condition" | "guardrail":
                return self.several(value, path)
            case "tools" | "before_kickoff" | "before_kickoff_callbacks" | "after_kickoff" | "after_kickoff_callbacks":
                every = value if isinstance(value, list) else [value]
                return [self.code(each, (*path, place)) for place, each in enumerate(every)]
            case "step_callback" | "task_callback" | "callback" | "human" | "output_pydantic" | "output_json":
                return self.code(value, path)
            case "agent" | "manager_agent":
                return self.known(self.agents, value, path, "agent")
            case "policy":
                return self.policy(value, path)
            case "input_model":
                return self.code(value, path) if isinstance(value, str) else value
            case "budget":
                return Budget(**value.model_dump(exclude_unset=True))
            case _:
                return value

    # ---- parts -------------------------------------------------------------------------------------------------

    def policy(self, form: PolicyForm, path: Path) -> Policy | None:
        """A policy, with models in place of their names."""
        fields, before = {name: getattr(form, name) for name in form.model_fields_set}, len(self.found)
        if form.fallbacks is not None:
            fields["fallbacks"] = self.several(form.fallbacks, (*path, "fallbacks"))
        if form.limit is not None:
            fields["limit"] = Limit(**form.limit.model_dump(exclude_unset=True))
        made: Policy | None = self.made(Policy, fields, path) if len(self.found) == before else None
        return made

    def several(self, value: Any, path: Path) -> Any:
        """A text as it is, code in place of ``{use: name}``, and a list of them likewise."""
        if isinstance(value, list):
            return [self.several(each, (*path, place)) for place, each in enumerate(value)]
        return self.code(value.use, (*path, "use")) if isinstance(value, Use) else value

    def code(self, name: str, path: Path, *, others: Mapping[str, Any] | None = None) -> Any:
        """What the caller named so; ``None``, with a finding, where that is nothing."""
        thing = self.names.get(name)
        if thing is not MISSING:
            return thing
        if name != NOBODY:
            what = "a crew of this document, nor code that was named" if others is not None else "code that was named"
            hint = self.names.like(name, others or ()) or f'names={{"{name}": …}} where the document is loaded'
            self.report(f"'{name}' is not {what}", path, hint)
        return None

    def known(self, things: Mapping[str, Any], key: str, path: Path, noun: str) -> Any:
        """A definition of this document; ``None``, with a finding, where there is none of that key."""
        section: Mapping[str, Any] = getattr(self.form, f"{noun}s")
        if key not in section and key != NOBODY:
            self.report(f"there is no {noun} '{key}' in this document", path, _like(key, section))
        return things.get(key)


def _like(key: str, section: Iterable[str]) -> str:
    every = [*section]
    return meant(key, every) or f"there is: {', '.join(every[:MAX_SHOWN]) or 'none'}"
