"""What a node must offer: the small protocol in which the graph and the crews meet.

The graph knows no agents and the crews know no graph. A node is anything with ``async kickoff_async(inputs=…)``; one
that can say more about itself has ``interface()``, one that can tell what it will take ``forecast(sight)``, and one that
can tell what decides about its answers ``definition()``.
Foreign crews and test doubles need not, so everything is read with a fallback.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel

from crewgraph import outputs, trace
from crewgraph.budget import spent_elsewhere
from crewgraph.definition import named, told
from crewgraph.errors import BudgetExceeded, CrewgraphError, PriceUnknown
from crewgraph.inputs import Declared
from crewgraph.outputs import CrewOutput
from crewgraph.policy import Budget, Policy
from crewgraph.scope import Scope, current, entered, within
from crewgraph.template import as_text
from crewgraph.usage import Call, UsageMetrics

if TYPE_CHECKING:  # for annotations only; whoever writes a pipeline need not load it
    from crewgraph.outlook import Outlook, Sight

__all__ = [
    "Interface",
    "Need",
    "Node",
    "Problem",
    "call",
    "check_prices",
    "cut_short",
    "definition_of",
    "forecast_of",
    "interface_of",
    "is_node",
    "label_of",
    "needs_of",
    "surroundings",
    "whole",
]

STEP_TEXT = (1, 100, 2_000)
FOREIGN_TEXT = (1, 400, 4_096)
"""Tokens of what a step, and a crew of which nothing is known, are taken to hand over."""


class Node(Protocol):
    """Something that can be a node of a graph. It may have a ``policy`` and a ``budget`` of its own."""

    async def kickoff_async(self, inputs: Mapping[str, Any] | None = None) -> CrewOutput:
        """Do the work once. Called with ``inputs`` by keyword and nothing else."""
        ...


@dataclass(frozen=True, slots=True)
class Need:
    """A key that a node reads.

    Attributes:
        key: the key.
        where: who reads it, in words, such as ``task 'classify'``.
        required: whether the node fails without it.
        type: the declared type, ``Any`` where none is declared.
    """

    key: str
    where: str
    required: bool = True
    type: Any = Any


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong inside the node itself, as code, message and hint of a finding."""

    code: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Interface:
    """What a node says about itself.

    Attributes:
        kind: "crew", "step" or "approval".
        needs: the keys it reads.
        gives: the keys it always gives, with their types.
        sometimes: keys it declares and does not give each time, with their types.
        may_give: all further keys it might give, those of ``sometimes`` and undeclared ones; ``None`` if any key is
            possible.
        is_text: whether what it gives undeclared could only stand in raw text that is one JSON object.
        takes_all: whether it is given all values by design, so that nobody knows which it reads.
        takes_text: whether it is given the text of the nodes directly before it to read.
        models: the pydantic models that its answers may be.
        summary: one line for pictures, such as "sequential · gpt-5-mini".
        rows: lines for pictures, such as task and agent.
        problems: what is wrong inside.
    """

    kind: str = "crew"
    needs: tuple[Need, ...] = ()
    gives: Mapping[str, Any] = field(default_factory=dict[str, Any])
    may_give: frozenset[str] | None = None
    summary: str = ""
    rows: tuple[tuple[str, str], ...] = ()
    problems: tuple[Problem, ...] = ()
    sometimes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    is_text: bool = False
    takes_all: bool = False
    takes_text: bool = False
    models: tuple[type[BaseModel], ...] = ()

    @property
    def hands_on(self) -> bool:
        """Whether what it is handed goes on beside what it gives, in a procedure too: a decision is no new content."""
        return self.kind == "approval"


def needs_of(takes: Declared, where: str, *, is_required: bool = True) -> tuple[Need, ...]:
    """What somebody needs who declares what it takes."""
    return tuple(Need(key, where, is_required and each.required, each.kind) for key, each in takes.fields.items())


def is_node(value: object) -> bool:
    """Whether a value can be a node: it has ``kickoff_async``, and is not a class."""
    return not isinstance(value, type) and callable(getattr(value, "kickoff_async", None))


def interface_of(node: object) -> Interface:
    """What a node says about itself; nothing, where it cannot or is a double that answers everything."""
    describe = getattr(node, "interface", None)
    told = describe() if callable(describe) else None
    return told if isinstance(told, Interface) else Interface()


def forecast_of(node: object, sight: Sight, *, kind: str | None = None) -> Outlook:
    """What one run of a node would take; a step is taken to call no model, of a foreign crew nothing is known.

    Args:
        node: the node.
        sight: what it can see beforehand.
        kind: which kind it is, where that is known already.
    """
    from crewgraph.outlook import Outlook, Range  # only a plan and a limit of money ask for it

    foresee = getattr(node, "forecast", None)
    told = foresee(sight) if callable(foresee) else None
    if isinstance(told, Outlook):
        return told
    is_step = (kind or interface_of(node).kind) == "step"
    return Outlook(text=Range(*STEP_TEXT)) if is_step else Outlook(text=Range(*FOREIGN_TEXT), is_known=False)


def definition_of(node: object) -> Any:
    """What decides about the answers of a node, as JSON values; of a foreign crew its words, else its source."""
    define = getattr(node, "definition", None)
    own = define() if callable(define) else None
    if isinstance(own, dict):
        return own
    words: list[Any] = [
        [told(getattr(each, name, None)) for name in ("description", "expected_output", "role", "goal", "backstory")]
        for several in (getattr(node, "tasks", None), getattr(node, "agents", None))
        for each in (several if isinstance(several, list) else ())
    ]
    return [named(node), label_of(node), words or told(getattr(type(node), "kickoff_async", None))]


def check_prices(node: object, policy: Policy, *, limited: Iterable[str]) -> None:
    """Refuse a node that may ask a model whose price nobody knows, where money is limited.

    Args:
        node: the node.
        policy: what is declared around it; models that answer instead of others stand there.
        limited: whose money is limited, in words.

    Raises:
        PriceUnknown: there is such a model; nothing has been asked.
    """
    for whose in limited:
        from crewgraph.outlook import Sight

        for model in forecast_of(node, Sight(policy=policy)).unpriced:
            raise PriceUnknown(model, whose)


def label_of(node: object) -> str:
    """A readable, stable name: the node's own, else one made of its agents' roles, else its class."""
    name = getattr(node, "name", None)
    if isinstance(name, str) and name.strip():
        return name
    agents: Any = getattr(node, "agents", None)
    roles: list[Any] = [getattr(agent, "role", None) for agent in agents] if isinstance(agents, list) else []
    named = [role.strip() for role in roles if isinstance(role, str) and role.strip()]
    return " + ".join(dict.fromkeys(named)) or type(node).__name__.lower()


async def call(node: Node, inputs: Mapping[str, Any], *, scope: Scope | None = None) -> CrewOutput:
    """Run a node under its policy and budget, and bring what it returns into the form of a :class:`CrewOutput`.

    A foreign crew's output is read by its attributes; anything else becomes text. What the node's model calls took is
    on the output, wherever in the node they were made.

    Args:
        node: what to run; a ``policy`` and a ``budget`` that it has are its own.
        inputs: what it is handed.
        scope: what surrounds it, prepared by :func:`surroundings` for whoever minds the endings of what is around it;
            otherwise the current one.

    Raises:
        DeadlineExceeded: it took longer than its ``node_timeout``.
        BudgetExceeded: a budget around it is used up.
        PriceUnknown: a budget in USD is around it, and the price of one of its models is not known.
    """
    if scope is None:
        scope = surroundings(node, label_of(node), current())
        check_prices(node, scope.policy, limited=[each.scope for each in scope.meters if each.budget.usd is not None])
        endings = scope.endings  # this may be a thread whose node has ended
    else:
        endings = scope.own
    closed = _closed(scope)
    if closed is not None:
        scope.account.refuse(closed)
        raise closed
    try:
        with entered(scope):
            result: Any = await (within(endings, lambda: _called(node, inputs)) if endings else _called(node, inputs))
        output = _output(result, scope)
    except BaseException as error:
        cut_short(error, scope)
        raise
    finally:
        scope.account.close()
    closed = _closed(scope) if scope.account.refused else None
    if closed is not None:  # whatever the node made of it: a call of it found no room, so its work is not whole
        raise closed
    return whole(output, scope)


def surroundings(node: object, name: str, scope: Scope, *, emit: Callable[[trace.Event], None] | None = None) -> Scope:
    """The scope of a node: with its own policy and budget, where it has them.

    Args:
        node: the node.
        name: what it is called here.
        scope: what is around it.
        emit: where its events are reported, if not where those around it are.
    """
    policy, budget = getattr(node, "policy", None), getattr(node, "budget", None)
    return scope.inside(
        node,
        name,
        policy=policy if isinstance(policy, Policy) else None,
        budget=budget if isinstance(budget, Budget) else None,
        emit=emit or scope.emit,
    )


def _output(result: Any, scope: Scope) -> CrewOutput:
    return result if issubclass(type(result), CrewOutput) else _foreign(result, scope)  # a mock only says it is


def cut_short(error: BaseException, scope: Scope) -> None:
    """Note that a node did not come to its end: it begins no further call, and the error says what it spent."""
    scope.account.stop()
    if isinstance(error, CrewgraphError) and _wants_usage(error, scope):
        error.usage = scope.account.usage.model_copy()


def whole(output: CrewOutput, scope: Scope) -> CrewOutput:
    """An output with all calls: a step may call several crews, and return what none of these calls gave."""
    if scope.account.calls != output.calls:
        return output.model_copy(update={"calls": scope.account.calls, "token_usage": scope.account.usage})
    return output


def _wants_usage(error: CrewgraphError, scope: Scope) -> bool:
    """Whether an error is to say what the node spent: one of a budget tells the budget's, a foreign one its own."""
    if isinstance(error, BudgetExceeded):
        return False
    return error.usage is None or bool(scope.account.calls)


def _closed(scope: Scope) -> BudgetExceeded | None:
    """Why nothing more is begun here, if a budget around it is used up."""
    for meter in scope.meters:
        if meter.exceeded is not None:
            return meter.exceeded.again()
    return None


async def _called(node: Node, inputs: Mapping[str, Any]) -> Any:
    result: Any = node.kickoff_async(inputs=inputs)
    return await result if inspect.isawaitable(result) else result


def _foreign(result: Any, scope: Scope) -> CrewOutput:
    """The output of somebody else's crew; what it says that it spent is charged, at a cost that nobody knows."""
    output = _adopted(result)
    usage = output.token_usage
    if isinstance(result, outputs.PipelineRunResult):  # of a kickoff inside, which was charged for itself
        return output
    if usage.total_tokens or usage.requests:
        usage = usage.model_copy(update={"unpriced_requests": max(1, usage.requests)})
        spent_elsewhere(scope.meters, usage)
        scope.account.charge(Call(kind="model", name="", crew=scope.crew, started=time.time(), usage=usage))
        return output.model_copy(update={"token_usage": usage})
    return output


def _adopted(result: Any) -> CrewOutput:
    if isinstance(result, outputs.PipelineRunResult):
        return result.output
    if isinstance(result, Mapping):
        keys: dict[Any, Any] = dict(result)
        return CrewOutput(raw=as_text(keys), json_dict=keys)
    raw = getattr(result, "raw", None)
    structure: Any = getattr(result, "json_dict", None)
    if not isinstance(raw, str):
        if not isinstance(structure, dict):
            return CrewOutput(raw="" if result is None else str(result))
        raw = ""
    tasks: Any = getattr(result, "tasks_output", None)
    usage: Any = getattr(result, "token_usage", None)
    numbers: dict[str, Any] = dict(usage) if isinstance(usage, Mapping) else getattr(usage, "__dict__", {})
    return CrewOutput.model_validate(
        {
            "raw": raw,
            "pydantic": getattr(result, "pydantic", None),
            "json_dict": structure if isinstance(structure, dict) else None,
            "tasks_output": [
                {"raw": _raw_of(task), "description": str(getattr(task, "description", ""))}
                for task in (tasks if isinstance(tasks, list | tuple) else ())
            ],
            "token_usage": {
                key: count for key in UsageMetrics.model_fields if isinstance(count := numbers.get(key), int)
            },
        }
    )


def _raw_of(task: Any) -> str:
    raw = getattr(task, "raw", None)
    return raw if isinstance(raw, str) else str(task)
