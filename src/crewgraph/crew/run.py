"""One run of a crew, task by task. All that changes while it runs lives here, nothing on the definitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crewgraph.crew.assign import Job
from crewgraph.crew.conversation import Answer, Conversation
from crewgraph.crew.prompt import Brief, Source, briefs, messages
from crewgraph.crew.task import Task
from crewgraph.handoff import Handoff
from crewgraph.llm.ask import Asker
from crewgraph.llm.choose import resolve
from crewgraph.llm.port import LLM, Message
from crewgraph.outputs import CrewOutput, OutputFormat, TaskOutput
from crewgraph.scope import current, too_long, within
from crewgraph.trace import TaskFailed, TaskFinished, TaskStarted

__all__ = ["perform"]


async def perform(jobs: Sequence[Job], values: Handoff, *, max_reasks: int) -> CrewOutput:
    """Do the jobs one after the other; the answer is that of the last.

    Raises:
        ModelNotConfigured: an agent has no model; nothing has been asked.
        TemplateError: placeholders have no value; nothing has been asked.
        ModelError: a call failed; ``.usage`` is what the run has spent.
    """
    models = [resolve(job.llm, who=job.agent.label if job.agent else job.task.label) for job in jobs]
    scope = current()
    done = list[tuple[Task, TaskOutput]]()
    for job, brief, llm in zip(jobs, briefs(jobs, values), models, strict=True):
        own = job.agent.policy if job.agent else None
        policy = own.over(scope.policy) if own else scope.policy
        asker = Asker(scope=scope, policy=policy, crew=scope.crew, task=brief.task.label, agent=brief.role)
        context = _context(brief.task, done, values)
        done.append((brief.task, await _task(brief, llm, context, asker, max_reasks=max_reasks)))
    last = done[-1][1]
    return CrewOutput(
        raw=last.raw,
        pydantic=last.pydantic,
        json_dict=last.json_dict,
        tasks_output=[output for _, output in done],
        token_usage=scope.account.usage,
        calls=scope.account.calls,
    )


def _context(task: Task, done: Sequence[tuple[Task, TaskOutput]], values: Handoff) -> list[Source]:
    """What a task is given to read: the tasks it names, else all before it and the crews upstream."""
    if task.context is not None:
        wanted = {id(each) for each in task.context}
        return [(each.label, output.raw) for each, output in done if id(each) in wanted]
    upstream = [(f"crew '{name}'", output.raw) for name, output in values.upstream.items() if output.raw.strip()]
    return upstream + [(each.label, output.raw) for each, output in done]


async def _task(brief: Brief, llm: LLM, context: Sequence[Source], asker: Asker, *, max_reasks: int) -> TaskOutput:
    """Do one task and report it."""
    scope = asker.scope
    who: dict[str, Any] = {"crew": asker.crew, "task": asker.task, "agent": asker.agent}
    scope.tell(TaskStarted(**who))
    before, seconds = scope.account.usage.total_tokens, asker.policy.task_timeout
    endings = [too_long(asker.task, seconds)] if seconds else []
    try:
        output = await within(
            endings, lambda: _answer(brief, llm, messages(brief, context), asker, max_reasks=max_reasks)
        )
    except BaseException as error:
        scope.tell(TaskFailed(**who, error=f"{type(error).__name__}: {error}".rstrip(": ")))
        raise
    scope.tell(TaskFinished(**who, tokens=scope.account.usage.total_tokens - before))
    return output


async def _answer(
    brief: Brief, llm: LLM, conversation: tuple[Message, ...], asker: Asker, *, max_reasks: int
) -> TaskOutput:
    talk = Conversation(llm=llm, asker=asker, messages=conversation, shape=brief.task.shape, max_reasks=max_reasks)
    return _output(brief, await talk.answer())


def _output(brief: Brief, answer: Answer) -> TaskOutput:
    value = answer.value
    as_json = value is not None and brief.task.output_json is not None
    shapes: Mapping[bool, OutputFormat] = {True: OutputFormat.JSON, False: OutputFormat.PYDANTIC}
    return TaskOutput(
        raw=answer.text,
        pydantic=None if as_json else value,
        json_dict=value.model_dump(mode="json") if value is not None and as_json else None,
        description=brief.description,
        name=brief.task.name,
        expected_output=brief.expected_output or None,
        agent=brief.role,
        output_format=OutputFormat.RAW if value is None else shapes[as_json],
        model=answer.model,
        repaired=answer.repaired,
        forced=answer.forced,
        tools_used=list(answer.tools_used),
    )
