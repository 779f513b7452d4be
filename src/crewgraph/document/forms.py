"""The format of documents as pydantic models: what may stand where. They hold data, and nothing is made of it here.

The JSON Schema of the format is generated from these models.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, JsonValue, Tag
from pydantic_core import PydanticCustomError

from crewgraph.document.names import MAX_NAME, is_name
from crewgraph.policy import Budget, Limit

__all__ = [
    "VERSION",
    "AgentForm",
    "Branch",
    "CrewForm",
    "Document",
    "EdgeForm",
    "IgnoreForm",
    "Name",
    "PipelineForm",
    "PolicyForm",
    "RouteForm",
    "RouterForm",
    "StageForm",
    "TaskForm",
    "Use",
    "schema",
]

VERSION = 1


def _named(text: str) -> str:
    if not is_name(text):
        raise PydanticCustomError("name", "this is no name: it is empty, or begins with two underscores")
    return text


Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME), AfterValidator(_named)]
"""The key of an agent, task or crew of this document, or the name that the caller gave to a piece of code."""


# The tags begin with a question mark to tell them from keys of a document, beside which they stand in pydantic's errors.


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Use(_Form):
    """A piece of code, by the name that the caller gave it, where a text would mean something else."""

    use: Name


MARKS = frozenset({
    "[key]", "?text", "?use", "?list", "?schema", "?name", "?router", "?pipeline", "?parallel", "?bool", "?chain", "?edge",
})  # fmt: skip
"""What stands between keys where pydantic tells a place: which kind of value it took it for. A key may look much like one."""


def _text_or_use(value: Any) -> str | None:
    return "?text" if isinstance(value, str) else "?use" if isinstance(value, dict | Use) else None


def _one_or_list(value: Any) -> str | None:
    return "?list" if isinstance(value, list) else _text_or_use(value)


def _kinds(kind_of: Any, message: str) -> Discriminator:
    return Discriminator(kind_of, custom_error_type="kind", custom_error_message=message)


TextOrUse = Annotated[
    Annotated[str, Tag("?text")] | Annotated[Use, Tag("?use")],
    _kinds(_text_or_use, "this is a text, or {use: name}"),
]
Several = Annotated[
    Annotated[str, Tag("?text")] | Annotated[Use, Tag("?use")] | Annotated[list[TextOrUse], Tag("?list")],
    _kinds(_one_or_list, "this is a text, {use: name}, or a list of these"),
]
Callbacks = Annotated[
    Annotated[Name, Tag("?text")] | Annotated[list[Name], Tag("?list")],
    _kinds(_one_or_list, "this is a name, or a list of names"),
]
"""Functions of the caller's: one, or a list of them."""


def _name_or_schema(value: Any) -> str | None:
    return "?text" if isinstance(value, str) else "?schema" if isinstance(value, dict) else None


InputsForm = Annotated[
    Annotated[Name, Tag("?text")] | Annotated[dict[str, JsonValue], Tag("?schema")],
    _kinds(_name_or_schema, "this is the name of a model, or a JSON Schema"),
]


class LimitForm(Limit):
    """How often a model may be called by one process."""

    model_config = ConfigDict(extra="forbid", strict=True)


class BudgetForm(Budget):
    """How much something may cost. What it would exceed is not begun."""

    model_config = ConfigDict(extra="forbid", strict=True)


class PolicyForm(_Form):
    """How model calls are made: what is left out is inherited. Times are in seconds."""

    retries: int | None = None
    retry_wait: float | None = None
    max_retry_wait: float | None = None
    call_timeout: float | None = None
    task_timeout: float | None = None
    node_timeout: float | None = None
    run_timeout: float | None = None
    fallbacks: Several | None = None
    limit: LimitForm | None = None


class AgentForm(_Form):
    """An agent. Role, goal and backstory may hold {placeholders}.

    llm is the name of a model, such as "openai/gpt-5-mini" or "offline", or {use: name}; tools and
    step_callback are names of code.
    """

    role: str
    name: str | None = None
    goal: str = ""
    backstory: str = ""
    llm: TextOrUse | None = None
    tools: list[Name] = []
    max_iter: int = 20
    cache: bool = True
    max_rpm: int | None = None
    max_execution_time: float | None = None
    policy: PolicyForm | None = None
    allow_delegation: bool = False
    step_callback: Name | None = None
    verbose: bool = False
    memory: JsonValue = None
    config: JsonValue = None


class TaskForm(_Form):
    """A task. It is named after its key; another name may be said, and null for none.

    agent and context are keys of this document. output_pydantic, output_json, tools and callback
    are names of code. A condition is an expression or {use: name}, a guardrail a demand in words or {use: name}.
    """

    description: str
    expected_output: str = ""
    agent: Name | None = None
    name: str | None = None
    context: list[Name] | None = None
    output_pydantic: Name | None = None
    output_json: Name | None = None
    tools: list[Name] | None = None
    async_execution: bool = False
    condition: TextOrUse | None = None
    guardrail: Several | None = None
    guardrail_max_retries: int = 3
    human_input: bool = False
    max_human_rounds: int = 10
    output_file: str | None = None
    create_directory: bool = True
    callback: Name | None = None
    config: JsonValue = None


class CrewForm(_Form):
    """A crew: keys of agents, and keys of tasks in their order. It is named after its key, as tasks are.

    Callbacks and human are names of code. input_model is a JSON Schema, or the name of a model of the caller's.
    """

    agents: list[Name] = []
    tasks: list[Name] = []
    name: str | None = None
    process: Literal["sequential", "hierarchical"] = "sequential"
    manager_llm: TextOrUse | None = None
    manager_agent: Name | None = None
    llm: TextOrUse | None = None
    max_reasks: int = 2
    policy: PolicyForm | None = None
    budget: BudgetForm | None = None
    max_rpm: int | None = None
    cache: bool = True
    before_kickoff: Callbacks | None = None
    before_kickoff_callbacks: Callbacks | None = None
    after_kickoff: Callbacks | None = None
    after_kickoff_callbacks: Callbacks | None = None
    step_callback: Name | None = None
    task_callback: Name | None = None
    output_root: str | None = None
    human: Name | None = None
    verbose: bool = False
    memory: JsonValue = None
    config: JsonValue = None
    output_log_file: JsonValue = None
    input_model: InputsForm | None = None


def _kind_of_branch(value: Any) -> str | None:
    if isinstance(value, str):
        return "?name"
    if isinstance(value, RouterForm) or (isinstance(value, dict) and ("routes" in value or "default" in value)):
        return "?router"
    return "?pipeline" if isinstance(value, dict | PipelineForm) else None


def _kind_of_stage(value: Any) -> str | None:
    return "?parallel" if isinstance(value, list) else _kind_of_branch(value)


Branch = Annotated[
    Annotated[Name, Tag("?name")]
    | Annotated["RouterForm", Tag("?router")]
    | Annotated["PipelineForm", Tag("?pipeline")],
    _kinds(
        _kind_of_branch,
        "a branch is a name, a router {routes: …, default: …} or a pipeline {stages: […]}, not a list or a number",
    ),
]
StageForm = Annotated[
    Annotated[Name, Tag("?name")]
    | Annotated[list[Branch], Tag("?parallel")]
    | Annotated["RouterForm", Tag("?router")]
    | Annotated["PipelineForm", Tag("?pipeline")],
    _kinds(
        _kind_of_stage,
        "a stage is a name, a list of branches, a router {routes: …, default: …} or a pipeline {stages: […]}",
    ),
]
"""A name is a crew of this document, or code: a step, a function, a router, a foreign crew."""


class RouteForm(_Form):
    """One way out of a router: an expression or {use: name}, and the stage it leads to."""

    condition: TextOrUse
    pipeline: StageForm


class RouterForm(_Form):
    """Chooses one of several routes: the first whose condition is true, else the default."""

    routes: dict[Name, RouteForm] = {}
    default: StageForm
    name: str | None = None


class IgnoreForm(_Form):
    """A finding of the checker that is meant so, with the reason."""

    code: str
    reason: str
    node: str | None = None


def _bool_or_list(value: Any) -> str | None:
    return "?bool" if isinstance(value, bool) else "?list" if isinstance(value, list) else None


def _kind_of_edge(value: Any) -> str | None:
    return "?chain" if isinstance(value, list) else "?edge" if isinstance(value, dict | EdgeForm) else None


class EdgeForm(_Form):
    """An edge between two nodes, always taken, or on a condition; route is what it is called in traces."""

    source: Name
    target: Name
    when: TextOrUse | None = None
    otherwise: bool = False
    route: str | None = None


class PipelineForm(_Form):
    """Stages, one after the other; or a graph of nodes and edges.

    An edge is {source: …, target: …}, or a chain [a, b, c]. Its ends are keys of nodes, or names as they stand in stages.
    inputs is a JSON Schema, or the name of a model of the caller's.
    """

    stages: list[StageForm] = []
    nodes: dict[Name, Branch] = {}
    edges: list[
        Annotated[
            Annotated[list[Name], Tag("?chain")] | Annotated[EdgeForm, Tag("?edge")],
            _kinds(_kind_of_edge, "an edge is a list of two names or more, or {source: …, target: …}"),
        ]
    ] = []
    name: str | None = None
    procedure: bool = False
    merge_json: bool = True
    policy: PolicyForm | None = None
    ignore: list[IgnoreForm] = []
    strict: Annotated[
        Annotated[bool, Tag("?bool")] | Annotated[list[str], Tag("?list")],
        _kinds(_bool_or_list, "this is true, false, or a list of codes"),
    ] = False
    inputs: InputsForm | None = None


class Document(PipelineForm):
    """A pipeline as data: its agents, tasks and crews by key, and its stages."""

    crewgraph: Literal[1]
    agents: dict[Name, AgentForm] = {}
    tasks: dict[Name, TaskForm] = {}
    crews: dict[Name, CrewForm] = {}


def schema() -> dict[str, Any]:
    """The JSON Schema of the format, for editors and for programs in other languages."""
    made = Document.model_json_schema(mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}
