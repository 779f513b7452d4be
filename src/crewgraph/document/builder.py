"""A document as a pipeline: everything that is wrong with it is found before anything is said."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError

from crewgraph.crew import Agent, Crew, Task
from crewgraph.diagnostics import Diagnostic, Ignore
from crewgraph.document.bounds import Path, plain
from crewgraph.document.forms import (
    VERSION,
    AgentForm,
    CrewForm,
    Document,
    PipelineForm,
    PolicyForm,
    RouterForm,
    TaskForm,
    Use,
)
from crewgraph.document.names import MISSING, Names, Registry
from crewgraph.document.told import NOBODY, Place, mended, misfits
from crewgraph.errors import CrewgraphError, DocumentInvalid
from crewgraph.policy import Budget, Limit, Policy
from crewgraph.router import Route, Router
from crewgraph.syntax import Pipeline, Procedure, is_single

__all__ = ["load", "pipeline_of"]

MENDS = 3
"""How often what does not fit is replaced, to look at the rest."""
MAX_SHOWN = 12
"""How many keys a hint lists."""


def load(data: Mapping[str, Any], *, names: Registry = None) -> Pipeline:
    """The pipeline that a document says.

    Args:
        data: the document, as ``dump`` gives it.
        names: what the names of code in it stand for. Nothing else is looked up or imported.

    Raises:
        DocumentInvalid: with everything that is wrong with the document.
    """
    return pipeline_of(data, Names(names), Place())


def pipeline_of(data: Any, names: Names, place: Place, *, findings: Sequence[Diagnostic] = ()) -> Pipeline:
    """The pipeline of a document.

    Args:
        data: the document.
        names: what the names of code in it stand for.
        place: where it comes from.
        findings: what was found in its text.

    Raises:
        DocumentInvalid: with everything that is wrong, ``findings`` included.
    """
    found = list(findings)
    copy, flaws = plain(data)
    found += place.flaws(flaws)
    stop = None if copy is None and found else _version(copy, place)
    if copy is None or stop is not None:
        raise _invalid([*found, *([stop] if stop else [])])
    form = _form(copy, place, found)
    pipeline = _Builder(form, names, place, found).built()
    if found:
        raise _invalid(found)
    return pipeline


def _invalid(found: Sequence[Diagnostic]) -> DocumentInvalid:
    return DocumentInvalid(found, head="the document is invalid")


def _version(data: Any, place: Place) -> Diagnostic | None:
    """Why nothing further is said of a document that this version cannot read."""
    if not isinstance(data, dict):
        return place.finding("CG702", "a document is a mapping", (), f"begin with crewgraph: {VERSION}")
    said: Any = data.get("crewgraph", MISSING)
    if said is MISSING:
        hint = f"begin with crewgraph: {VERSION}"
        return place.finding("CG704", "it does not say which version of the format it is written in", (), hint)
    if type(said) is not int or said != VERSION:
        message = f"it is written in version {said!r:.40} of the format, and this crewgraph reads version {VERSION}"
        return place.finding("CG704", message, ("crewgraph",), "use the crewgraph that it was written for")
    return None


def _form(data: Any, place: Place, found: list[Diagnostic]) -> Document:
    """The document as a form; where it does not fit, one of the rest of it."""
    for attempt in range(MENDS):
        try:
            return Document.model_validate(data)
        except ValidationError as error:
            if attempt == 0:
                found += misfits(error, place)
            data = mended(data, error)
    return Document(crewgraph=1)


@dataclass(slots=True)
class _Builder:
    form: Document
    names: Names
    place: Place
    found: list[Diagnostic]
    agents: dict[str, Agent] = field(default_factory=dict[str, Agent])
    tasks: dict[str, Task] = field(default_factory=dict[str, Task])
    crews: dict[str, Crew] = field(default_factory=dict[str, Crew])

    def report(self, message: str, path: Path, hint: str = "", *, code: str = "CG703") -> None:
        """Note what is wrong."""
        self.found.append(self.place.finding(code, message, path, hint))

    def built(self) -> Pipeline:
        """The pipeline; an empty one in place of what could not be built, which was reported."""
        for key, agent in self.form.agents.items():
            self.agents |= self.one(key, Agent, self.agent(agent, ("agents", key)), ("agents", key))
        for key, task in self.form.tasks.items():
            self.tasks |= self.one(key, Task, self.task(key, task, ("tasks", key)), ("tasks", key))
        for key, task in self.form.tasks.items():
            self.context(key, task)
        for key, crew in self.form.crews.items():
            self.crews |= self.one(key, Crew, self.crew(key, crew, ("crews", key)), ("crews", key))
        return self.pipeline(self.form, ())

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

    def field(self, name: str, value: Any, path: Path) -> Any:
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
            case "budget":
                return Budget(**value.model_dump(exclude_unset=True))
            case _:
                return value

    # ---- stages ------------------------------------------------------------------------------------------------

    def pipeline(self, form: PipelineForm, path: Path) -> Pipeline:
        """A pipeline with its stages."""
        stages = [self.stage(stage, (*path, "stages", place)) for place, stage in enumerate(form.stages)]
        fields: dict[str, Any] = {"stages": stages, "name": form.name}
        fields |= {"merge_json": form.merge_json, "strict": form.strict}
        fields["policy"] = None if form.policy is None else self.policy(form.policy, (*path, "policy"))
        ignored = [
            self.made(Ignore, each.model_dump(), (*path, "ignore", place)) for place, each in enumerate(form.ignore)
        ]
        fields["ignore"] = [each for each in ignored if each is not None]
        pipeline: Pipeline = self.made(Procedure if form.procedure else Pipeline, fields, path) or Pipeline()
        if form.inputs is not None:
            is_schema = isinstance(form.inputs, dict)
            pipeline.input_model = form.inputs if is_schema else self.code(str(form.inputs), (*path, "inputs"))
        return pipeline

    def stage(self, form: Any, path: Path) -> Any:
        """Whatever may stand in a list of stages."""
        if isinstance(form, list):
            return [self.stage(branch, (*path, place)) for place, branch in enumerate(form)]
        if isinstance(form, RouterForm):
            return self.router(form, path)
        return self.pipeline(form, path) if isinstance(form, PipelineForm) else self.named(form, path)

    def named(self, name: str, path: Path) -> Any:
        """The crew or the code that a stage names."""
        if name in self.form.crews:
            return self.crews.get(name, Pipeline())
        thing = self.code(name, path, others=self.form.crews)
        if thing is not None and not is_single(thing):
            self.report(f"'{name}' is a {type(thing).__name__}, and no stage", path, "a step, a function, a router …")
            return Pipeline()
        return Pipeline() if thing is None else thing

    def router(self, form: RouterForm, path: Path) -> Any:
        """A router with its routes."""
        routes = dict[str, Route]()
        for name, route in form.routes.items():
            here = (*path, "routes", name)
            condition = self.several(route.condition, (*here, "condition"))
            fields = {
                "condition": "True" if condition is None else condition,
                "pipeline": self.stage(route.pipeline, (*here, "pipeline")),
            }
            made = self.made(Route, fields, here)
            routes |= {} if made is None else {name: made}
        default = self.stage(form.default, (*path, "default"))
        made = self.made(Router, {"routes": routes, "default": default, "name": form.name}, path)
        return Pipeline() if made is None else made

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
    close = difflib.get_close_matches(key, every, n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else f"there is: {', '.join(every[:MAX_SHOWN]) or 'none'}"
