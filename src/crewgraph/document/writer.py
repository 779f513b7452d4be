"""A pipeline as a document: agents, tasks and crews by key, stages as they were written, code by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from crewgraph.crew import Agent, ConditionalTask, Crew, Task
from crewgraph.crew.tools.convert import as_tool
from crewgraph.diagnostics import Diagnostic
from crewgraph.document.bounds import MAX_DEPTH, Path, json_path, plain
from crewgraph.document.forms import VERSION, AgentForm, CrewForm, TaskForm
from crewgraph.document.keys import free, key_of, named_by, suggested, told
from crewgraph.document.names import Names, Registry
from crewgraph.edges import Graph
from crewgraph.errors import DocumentInvalid, ToolError
from crewgraph.node import label_of
from crewgraph.policy import Limit, Policy
from crewgraph.router import Route, Router
from crewgraph.syntax import Pipeline, Procedure

__all__ = ["dump"]

WORDS = 4
"""How many words of its description stand for a task without a name."""

_CREW_KICKOFF = Crew.kickoff_async
_CODE = {"step_callback", "task_callback", "callback", "human", "output_pydantic", "output_json"}
_CALLBACKS = {"before_kickoff", "before_kickoff_callbacks", "after_kickoff", "after_kickoff_callbacks"}
_TEXT_OR_CODE = {"llm", "manager_llm", "condition"}
_ORIGINS = ("function", "origin", "node")
"""Where a tool keeps what it was made of."""


def dump(pipeline: Any, *, names: Registry = None) -> dict[str, Any]:
    """A pipeline as data that JSON and YAML can hold.

    Args:
        pipeline: the pipeline; a crew or router alone is taken for a pipeline of one stage.
        names: what code is called in the document, by name: functions, steps, tools, pydantic models, models, foreign
            crews. A module stands for its own public things.

    Raises:
        DocumentInvalid: there is code without a name, or the pipeline leads back to itself. All of it is told.
    """
    writer = _Writer(Names(names))
    whole = pipeline if isinstance(pipeline, Pipeline) else Pipeline(stages=[pipeline])
    writer.within.append(id(whole))
    body = writer.pipeline(whole, ())
    sections = {"agents": writer.agents.forms, "tasks": writer.tasks.forms, "crews": writer.crews.forms}
    shape = {name: body.pop(name) for name in ("stages", "nodes", "edges") if name in body}
    written = {name: forms for name, forms in sections.items() if forms}
    document, flaws = plain({"crewgraph": VERSION, **body, **written, **shape})
    for flaw in flaws:
        writer.report("CG701", flaw.message, flaw.path, flaw.hint)
    if writer.findings:
        raise DocumentInvalid(writer.findings, head="the pipeline cannot be written as a document")
    return document


@dataclass(slots=True)
class _Section:
    """Definitions of one kind: each is written once, under a key of its own."""

    forms: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    keys: dict[int, str] = field(default_factory=dict[int, str])

    def key_for(self, thing: Any, wanted: str, taken: Callable[[str], bool] = lambda _: False) -> str:
        """A new key, like the wanted one; its place among the others is that of its first occurrence."""
        key = free(wanted, lambda key: key in self.forms or taken(key))
        self.keys[id(thing)] = key
        self.forms[key] = {}
        return key


@dataclass(slots=True)
class _Writer:
    names: Names
    agents: _Section = field(default_factory=_Section)
    tasks: _Section = field(default_factory=_Section)
    crews: _Section = field(default_factory=_Section)
    findings: list[Diagnostic] = field(default_factory=list[Diagnostic])
    within: list[int] = field(default_factory=list[int])

    def report(self, code: str, message: str, path: Path, hint: str = "") -> None:
        """Note what stands in the way."""
        self.findings.append(Diagnostic(code, message, (json_path(path),), hint))

    # ---- stages ------------------------------------------------------------------------------------------------

    def pipeline(self, pipeline: Pipeline, path: Path) -> dict[str, Any]:
        """A pipeline with all its stages."""
        form = {
            "name": pipeline.name,
            "procedure": isinstance(pipeline, Procedure) or None,
            "merge_json": None if pipeline.merge_json else False,
            "policy": self.policy(pipeline.policy, (*path, "policy")),
            "ignore": [_said({"code": each.code, "reason": each.reason, "node": each.node}) for each in pipeline.ignore]
            or None,
            "strict": (pipeline.strict or None) if isinstance(pipeline.strict, bool) else sorted(pipeline.strict),
            "inputs": self.inputs(pipeline.input_model, (*path, "inputs")),
        }
        if isinstance(pipeline, Graph):
            return {**_said(form), **self.graph(pipeline, path)}
        stages = [self.stage(stage, (*path, "stages", place)) for place, stage in enumerate(pipeline.stages)]
        return {**_said(form), "stages": stages}

    def graph(self, graph: Graph, path: Path) -> dict[str, Any]:
        """Nodes and edges of a graph that was built by hand."""
        wires, nodes, keys = graph.wires, dict[str, Any](), list[str]()
        for name, node in zip(wires.names, wires.nodes, strict=True):
            key = free(key_of(name, name, "node"), nodes.__contains__)
            keys.append(key)
            nodes[key] = self.stage(node, (*path, "nodes", key))
        edges = list[Any]()
        for place, (edge, (source, target)) in enumerate(zip(wires.edges, wires.ends, strict=True)):
            said = {
                "when": None if edge.when is None else self.text_or_code(edge.when, (*path, "edges", place, "when")),
                "otherwise": edge.otherwise or None,
                "route": edge.route,
            }
            ends = {"source": keys[source], "target": keys[target]}
            edges.append({**ends, **_said(said)} if any(said.values()) else [keys[source], keys[target]])
        return {"nodes": nodes, "edges": edges}

    def stage(self, stage: Any, path: Path) -> Any:
        """Whatever may stand in a list of stages."""
        if isinstance(stage, list | tuple):
            return [self.stage(branch, (*path, place)) for place, branch in enumerate(stage)]
        if _is_data(stage):
            return self.crew(stage)
        if type(stage) not in {Router, Pipeline, Procedure, Graph}:
            return self.code(stage, path)
        if id(stage) in self.within:
            hint = "let the route lead to a pipeline of its own; a graph runs each node once"
            self.report("CG202", "the pipeline reaches itself here", path, hint)
            return ""
        if len(path) > MAX_DEPTH:
            self.report("CG104", f"stages are nested deeper than a document may be, {MAX_DEPTH} levels", path[:3])
            return ""
        self.within.append(id(stage))
        form = self.router(stage, path) if isinstance(stage, Router) else self.pipeline(stage, path)
        self.within.pop()
        return form

    def router(self, router: Router, path: Path) -> dict[str, Any]:
        """A router with its routes, in their order."""
        routes = dict[str, Any]()
        declared: dict[str, Any] = router.routes
        for name, route in declared.items():
            here = (*path, "routes", name)
            if isinstance(route, Route):
                condition = self.text_or_code(route.condition, (*here, "condition"))
                routes[name] = {"condition": condition, "pipeline": self.stage(route.pipeline, (*here, "pipeline"))}
            else:
                hint = "use router.add_route(name, condition, pipeline)"
                self.report("CG103", f"route '{name}' is a {type(route).__name__}, no Route", here, hint)
        default = self.stage(router.default, (*path, "default"))
        return _said({"name": router.name, "routes": routes, "default": default})

    # ---- definitions -------------------------------------------------------------------------------------------

    def crew(self, crew: Crew) -> str:
        """The key of a crew, which is written where it occurs first."""
        if id(crew) in self.crews.keys:
            return self.crews.keys[id(crew)]
        key = self.crews.key_for(crew, key_of(crew.name, label_of(crew), "crew"), self.is_taken)
        agents = [self.agent(agent) for agent in crew.agents]
        tasks = [self.task(task) for task in crew.tasks]
        form = self.fields(
            crew,
            CrewForm,
            ("crews", key),
            agents=agents,
            tasks=tasks,
            process=str(crew.process),
            manager_agent=crew.manager_agent and self.agent(crew.manager_agent),
            output_root=None if crew.output_root is None else str(crew.output_root),
        )
        self.crews.forms[key] = named_by(form, key, crew.name)
        return key

    def agent(self, agent: Agent) -> str:
        """The key of an agent."""
        if id(agent) in self.agents.keys:
            return self.agents.keys[id(agent)]
        key = self.agents.key_for(agent, key_of(agent.name, agent.role, "agent"))
        path = ("agents", key)
        self.whether_its_own(agent, path, Agent)
        self.agents.forms[key] = self.fields(agent, AgentForm, path, tools=self.tools(agent.tools, (*path, "tools")))
        return key

    def task(self, task: Task) -> str:
        """The key of a task."""
        if id(task) in self.tasks.keys:
            return self.tasks.keys[id(task)]
        key = self.tasks.key_for(task, key_of(task.name, " ".join(task.description.split()[:WORDS]), "task"))
        path = ("tasks", key)
        self.whether_its_own(task, path, Task, ConditionalTask)
        has_tools = bool(task.tools) or "tools" in task.model_fields_set
        guardrails = [self.text_or_code(each, (*path, "guardrail", n)) for n, each in enumerate(task.guardrails)]
        form = self.fields(
            task,
            TaskForm,
            path,
            agent=task.agent and self.agent(task.agent),
            context=None if task.context is None else [self.task(each) for each in task.context],
            guardrail=guardrails or None,
            tools=self.tools(task.tools, (*path, "tools")) if has_tools else None,
        )
        self.tasks.forms[key] = named_by(form, key, task.name)
        return key

    def fields(self, thing: BaseModel, form: type[BaseModel], path: Path, **said: Any) -> dict[str, Any]:
        """What a definition says beside the defaults; ``said`` holds what is in document form already."""
        fields = dict[str, Any]()
        for name, info in form.model_fields.items():
            value = said[name] if name in said else self.field(thing, name, (*path, name))
            if info.is_required() or value != info.default:
                fields[name] = value
        return fields

    def field(self, thing: Any, name: str, path: Path) -> Any:
        """One field in document form."""
        value = getattr(thing, name)
        if value is None:
            return None
        if name in _CODE:
            return self.code(value, path)
        if name in _CALLBACKS:
            return [self.code(each, (*path, place)) for place, each in enumerate(value)] or None
        if name in _TEXT_OR_CODE:
            return self.text_or_code(value, path)
        if name == "policy":
            return self.policy(value, path, thing)
        if name == "input_model":
            return self.inputs(value, path)
        return value.model_dump(exclude_none=True) if name == "budget" else value

    def whether_its_own(self, thing: Any, path: Path, *kinds: type) -> None:
        """Report an object of a subclass, of which nobody knows what it does."""
        if type(thing) not in kinds:
            kind, name = kinds[0].__name__, type(thing).__name__
            hint = f"make it a {kind}, or name the crew that it belongs to, as code"
            self.report("CG705", f"a {name} is code, where only a {kind} is data", path, hint)

    # ---- parts -------------------------------------------------------------------------------------------------

    def policy(self, policy: Policy | None, path: Path, owner: Any = None) -> dict[str, Any] | None:
        """A policy, without what its owner says in short beside it."""
        if policy is None:
            return None
        short = {"task_timeout": getattr(owner, "max_execution_time", None)}
        form = {
            name: value for name, value in policy.__dict__.items() if value is not None and value != short.get(name)
        }
        if policy.limit is not None:
            max_rpm = getattr(owner, "max_rpm", None)
            form["limit"] = _limits(policy.limit, max_rpm)
            if max_rpm is not None and not form["limit"]:
                del form["limit"]
        if policy.fallbacks is not None:
            models = enumerate(policy.fallbacks)
            form["fallbacks"] = [self.text_or_code(each, (*path, "fallbacks", place)) for place, each in models]
        return form if form or owner is None else None

    def inputs(self, model: Any, path: Path) -> Any:
        """What each input must be: a JSON Schema, or the name of a model."""
        if model is None or isinstance(model, Mapping):
            return model
        return self.code(model, path)

    def tools(self, tools: list[Any], path: Path) -> list[str]:
        """The names of tools."""
        return [self.code(self.origin(tool), (*path, place)) for place, tool in enumerate(tools)]

    def origin(self, tool: Any) -> Any:
        """What a tool was made of, where that has a name and would become the same tool again; else the tool."""
        for attribute in _ORIGINS:
            origin = getattr(tool, attribute, None)
            if self.names.name_of(tool) is None and self.names.name_of(origin) is not None:
                try:
                    again: Any = as_tool(origin)
                except ToolError:  # pragma: no cover - it was made of it before
                    continue
                if (again.tool_key(), again.description) == (tool.tool_key(), tool.description):
                    return origin
        return tool

    def text_or_code(self, value: Any, path: Path) -> Any:
        """A text as it is, anything else by its name."""
        return value if isinstance(value, str) else {"use": self.code(value, path)}

    def code(self, thing: Any, path: Path) -> str:
        """The name of a piece of code."""
        name = self.names.name_of(thing)
        if name is not None:
            return name
        self.report("CG705", f"{told(thing)} is code, and has no name", path, f'names={{"{suggested(thing)}": …}}')
        return ""

    def is_taken(self, key: str) -> bool:
        """Whether a crew would hide code of this name from the stages; crews themselves are never named as code."""
        return key in self.names and not _is_data(self.names.get(key))


def _is_data(stage: Any) -> bool:
    """Whether a stage is a crew that is no more than what its fields say."""
    return type(stage) is Crew and getattr(stage.kickoff_async, "__func__", None) is _CREW_KICKOFF


def _said(form: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in form.items() if value is not None}


def _limits(limit: Limit, max_rpm: int | None) -> dict[str, Any]:
    said: dict[str, Any] = limit.model_dump(exclude_none=True)
    return {name: value for name, value in said.items() if name != "requests_per_minute" or value != max_rpm}
