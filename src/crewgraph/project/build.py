"""A crew made of what a project says, with stand-ins for what stands in its code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NoReturn

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from crewgraph.crew import Agent, BaseTool, Crew, Process, Task
from crewgraph.crew.ancestor import OF_AGENTS as LACKING_OF_AGENTS
from crewgraph.crew.ancestor import OF_TASKS as LACKING_OF_TASKS
from crewgraph.diagnostics import Diagnostic
from crewgraph.errors import CrewgraphError
from crewgraph.llm.choose import is_configured
from crewgraph.llm.port import Reply, Request
from crewgraph.project.code import UNKNOWN, Method
from crewgraph.project.fields import OF_AGENTS, OF_TASKS, fits
from crewgraph.project.parts import Definition, Parts, agent_name
from crewgraph.project.placeholders import TEXTS, template_of

__all__ = ["DEFAULT_MODEL", "Built", "build"]

DEFAULT_MODEL = "gpt-4.1-mini"
"""What crewAI asks where nobody names a model; its older versions asked gpt-4o-mini."""

_REFERENCES = {
    "agent",
    "context",
    "tools",
    "llm",
    "output_json",
    "output_pydantic",
    "callback",
    "callbacks",
    "name",
    "step_callback",
    "condition",
}


class _StandInTool(BaseTool):
    """A tool of which only the name is known."""

    def _run(self, query: str) -> str:
        """See the code of the project."""
        return _stand_in(self.name, query)


class _StandInModel:
    """A model of which only the name is known."""

    def __init__(self, name: str) -> None:
        self.model = name

    async def complete(self, request: Request) -> Reply:
        """See the code of the project."""
        _stand_in(self.model, request)


def _stand_in(name: str, _: Any) -> NoReturn:
    raise CrewgraphError(f"'{name}' stands in the code of the project, which is not run here")


@dataclass(slots=True)
class Built:
    """A crew, and what stands in for code in it.

    Attributes:
        crew: the crew; ``None`` where it has no tasks, or they could not be made.
        names: stand-ins for tools, models and shapes, by the names that YAML gives them.
        findings: why something could not be made.
    """

    crew: Crew | None = None
    names: dict[str, Any] = field(default_factory=dict[str, Any])
    findings: list[Diagnostic] = field(default_factory=list[Diagnostic])


def build(parts: Parts) -> Built:
    """Make the crew; what does not fit is left out, and was reported by the checks or is told here."""
    building = _Building(parts)
    agents = {name: building.agent(each) for name, each in parts.agents.items()}
    tasks = dict[str, Task]()
    for name, each in parts.tasks.items():
        tasks[name] = building.task(each, agents, tasks)
    if tasks:
        building.built.crew = building.crew(agents, [*tasks.values()])
    return building.built


@dataclass(slots=True)
class _Building:
    parts: Parts
    built: Built = field(default_factory=Built)

    def agent(self, each: Definition) -> Agent:
        """An agent, named after its key."""
        fields = self.plain(each, OF_AGENTS, LACKING_OF_AGENTS, Agent)
        llm = each.fields.get("llm")
        if isinstance(llm, str) and llm.strip():
            fields["llm"] = self.model(llm) if self.is_method(llm, "llm") else llm
        if isinstance(callback := each.fields.get("step_callback"), str):
            fields["step_callback"] = self.function(callback)
        tools = [self.tool(name) for name in each.names("tools")]
        return self.made(Agent, each, {"role": "…", **fields, "name": each.key or each.name, "tools": tools})

    def task(self, each: Definition, agents: Mapping[str, Agent], tasks: Mapping[str, Task]) -> Task:
        """A task, named after its key."""
        fields = self.plain(each, OF_TASKS, LACKING_OF_TASKS, Task)
        names = each.names("context")
        if each.said.get("context") is not None or names:
            fields["context"] = [tasks[name] for name in names if name in tasks]
        for name in ("output_json", "output_pydantic"):
            value = each.fields.get(name)
            if value is not None and not {"output_json", "output_pydantic"} & {*fields}:
                fields[name] = self.shape(value if isinstance(value, str) else "Unknown")
        if tools := each.names("tools"):
            fields["tools"] = [self.tool(name) for name in tools]
        guardrails = each.fields.get("guardrails")
        if guardrails is not None and fits("texts", guardrails):
            fields["guardrail"] = guardrails
        if len(callbacks := each.names("callbacks")) == 1:
            fields["callback"] = self.function(callbacks[0])
        agent = agents.get(agent_name(each) or "")
        return self.made(Task, each, {"description": "…", **fields, "name": each.key or each.name, "agent": agent})

    def crew(self, agents: Mapping[str, Agent], tasks: list[Task]) -> Crew:
        """The crew, sequential or hierarchical; with the model that crewAI takes where none is named."""
        fields: dict[str, Any] = {"name": self.parts.name, "llm": None if is_configured() else DEFAULT_MODEL}
        staff = dict(agents)
        code = self.parts.code
        if code is not None and code.is_hierarchical and code.crew is not None:
            fields["process"] = Process.hierarchical
            manager, llm = code.crew.fields.get("manager_agent"), code.crew.fields.get("manager_llm")
            if manager is not None:
                name = manager.name if isinstance(manager, Method) else ""
                fields["manager_agent"] = staff.pop(name, None) or Agent(role="Crew Manager")
            elif llm is not None:
                fields["manager_llm"] = llm if isinstance(llm, str) else DEFAULT_MODEL
        return Crew(agents=[*staff.values()], tasks=tasks, **fields)

    def plain(
        self, each: Definition, known: Mapping[str, str], lacking: Mapping[str, str], model: type[BaseModel]
    ) -> dict[str, Any]:
        """The fields that crewgraph has too, and that hold what they should."""
        fields = dict[str, Any]()
        for name, value in each.fields.items():
            is_ours = name in model.model_fields and name not in _REFERENCES and name not in lacking
            if is_ours and value is not UNKNOWN and name in known and fits(known[name], value):
                fields[name] = template_of(value.strip()) if name in TEXTS[each.noun] else value
        if "output_file" in fields:
            fields["output_file"] = fields["output_file"].lstrip("/") or None  # as crewAI does
        return fields

    def made(self, kind: Any, each: Definition, fields: dict[str, Any]) -> Any:
        """What can be made of fields; where they do not fit, that is told, and they are left out."""
        try:
            return kind(**fields)
        except ValidationError as error:
            wrong = {str(one["loc"][0]) for one in error.errors() if one["loc"]}
            for one in error.errors():
                name, message = [str(part) for part in one["loc"][:1]], one["msg"].removeprefix("Value error, ")
                path = [each.key or each.name, *name]
                said = message.replace("Input should", "it should")
                text = f"{each.label}: {': '.join([*name, said])}"
                self.built.findings.append(each.file.finding("CG702", text.partition(" hint: ")[0].rstrip("."), path))
            rest = {name: value for name, value in fields.items() if name not in wrong}
            return kind(**rest)

    # ---- stand-ins ---------------------------------------------------------------------------------------------

    def is_method(self, name: str, mark: str) -> bool:
        """Whether the class has a method of this name under a decorator."""
        return self.parts.code is not None and name in self.parts.code.methods[mark]

    def tool(self, name: str) -> Any:
        """The stand-in of a tool; a name that is empty is a finding of its own."""
        own = name if name.strip() else "…"
        return self.stand_in(name, lambda: _StandInTool(name=own, description=f"{own}, as the project has it."))

    def model(self, name: str) -> Any:
        """The stand-in of a model."""
        return self.stand_in(name, lambda: _StandInModel(name))

    def function(self, name: str) -> Any:
        """The stand-in of a function."""
        return self.stand_in(name, lambda: partial(_stand_in, name))

    def shape(self, name: str) -> Any:
        """The stand-in of the shape of an answer: it may have any field."""
        return self.stand_in(name, lambda: create_model(name, __config__=ConfigDict(extra="allow")))

    def stand_in(self, name: str, make: Any) -> Any:
        """The one stand-in of a name."""
        if name not in self.built.names:
            self.built.names[name] = make()
        return self.built.names[name]
