"""What decides about the answers of a crew, as JSON values: tasks, agents, models, tools. Keys and passwords are left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from crewgraph.crew.agent import Agent
from crewgraph.crew.assign import Job
from crewgraph.crew.task import Task
from crewgraph.crew.tools.contract import BaseTool
from crewgraph.definition import named, told
from crewgraph.llm.choose import model_name
from crewgraph.llm.port import LLM
from crewgraph.llm.secrets import is_secret_name

__all__ = ["definition_of"]


def definition_of(jobs: Sequence[Job], **said: Any) -> dict[str, Any]:
    """What decides about the answers of a crew that does these jobs.

    Args:
        jobs: the jobs.
        said: what the crew itself says beside.
    """
    tasks = [job.task for job in jobs]
    return {"jobs": [_job(job, tasks) for job in jobs], **{name: told(value) for name, value in said.items()}}


def _job(job: Job, tasks: Sequence[Task]) -> dict[str, Any]:
    return {
        "task": _task(job.task, tasks),
        "tools": [_tool(tool) for tool in job.tools],
        "staff": [_agent(agent, job.llm_of(agent)) for agent in job.staff],
    }


def _task(task: Task, tasks: Sequence[Task]) -> dict[str, Any]:
    context = None if task.context is None else [_place(each, tasks) for each in task.context]
    return {
        "words": [task.name, task.description, task.expected_output],
        "context": context,
        "shape": [told(task.output_pydantic), told(task.output_json)],
        "condition": told(task.condition),
        "guardrails": [task.guardrail_max_retries, *(told(each) for each in task.guardrails)],
        "person": task.human_input,
        "file": task.output_file,
        "is_async": task.async_execution,
    }


def _place(task: Task, tasks: Iterable[Task]) -> int:
    return next(place for place, each in enumerate(tasks) if each is task)


def _agent(agent: Agent, llm: str | LLM | None) -> dict[str, Any]:
    return {
        "words": [agent.role, agent.goal, agent.backstory],
        "model": _model(llm),
        "tools": [_tool(tool) for tool in agent.tools],
        "turns": agent.max_iter,
        "delegates": agent.allow_delegation,
    }


def _model(llm: str | LLM | None) -> list[Any]:
    parameters: Any = getattr(llm, "parameters", None)
    known: dict[str, Any] = dict(parameters) if isinstance(parameters, Mapping) else {}
    return [model_name(llm), {key: told(value) for key, value in known.items() if not is_secret_name(key)}]


def _tool(tool: Any) -> list[Any]:
    """A tool by what a model is told of it; a server of tools by where it is."""
    if isinstance(tool, BaseTool):
        return [tool.name, tool.description, told(tool.args_schema), tool.result_as_answer]
    return [named(tool), *(told(getattr(tool, name, None)) for name in ("url", "command", "args"))]
