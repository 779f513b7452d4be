"""A crew: agents and the tasks they do together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from crewgraph.bridge import run_or_pend
from crewgraph.crew.agent import Agent
from crewgraph.crew.assign import assign, problems
from crewgraph.crew.describe import describe
from crewgraph.crew.each import for_each, listed, one
from crewgraph.crew.run import perform
from crewgraph.crew.task import Task
from crewgraph.diagnostics import Diagnostic
from crewgraph.errors import KickoffInterrupted, PipelineInvalid
from crewgraph.llm.choose import Model
from crewgraph.node import Interface, call, label_of
from crewgraph.outputs import CrewOutput
from crewgraph.policy import Budget, Policy
from crewgraph.scope import current
from crewgraph.syntax import Stage

__all__ = ["Crew", "Process"]

MAX_CONCURRENCY = 100
"""How many runs of one ``kickoff_for_each`` are under way at a time."""


class Process(StrEnum):
    """In which way a crew works through its tasks."""

    sequential = "sequential"
    hierarchical = "hierarchical"


class Crew(Stage, BaseModel):
    """Agents and their tasks: a definition that any number of pipelines and runs may share.

    Attributes:
        agents: who works here. A task that names no agent is done by the only one.
        tasks: what is done, in order; the crew's output is that of the last.
        name: what it is called in pipelines; named after its agents' roles where it is ``None``.
        process: only ``Process.sequential`` so far.
        llm: the model for agents that name none; else the environment's.
        max_reasks: how often a model is asked again when its answer does not have the declared shape.
        policy: retries, timeouts, fallbacks and limits, before those of the pipeline.
        budget: what one run of this crew may cost.
        verbose, memory, cache, config, max_rpm, output_log_file: accepted so that existing definitions load; without
            effect so far.
    """

    model_config = ConfigDict(defer_build=True, extra="forbid", arbitrary_types_allowed=True)

    agents: list[Agent] = Field(default_factory=list[Agent])
    tasks: list[Task] = Field(default_factory=list[Task])
    name: str | None = None
    process: Process = Process.sequential
    llm: Model = None
    max_reasks: int = Field(default=2, ge=0)
    policy: Policy | None = None
    budget: Budget | None = None
    verbose: bool = False
    memory: Any = None
    cache: bool = True
    config: Any = None
    max_rpm: int | None = None
    output_log_file: Any = None

    @field_validator("process")
    @classmethod
    def _known_process(cls, process: Process) -> Process:
        if process is not Process.sequential:
            raise ValueError(f"Process.{process} is not supported yet; Process.sequential is")
        return process

    @model_validator(mode="after")
    def _context_comes_first(self) -> Self:
        before = set[int]()
        for task in self.tasks:
            for source in task.context or ():
                if id(source) not in before:
                    raise ValueError(
                        f"{task.label} has {source.label} as context, which is no earlier task of this crew. "
                        "hint: put it before, or connect two crews with >>"
                    )
            before.add(id(task))
        return self

    def kickoff(self, inputs: Mapping[str, Any] | None = None) -> Any:
        """Run once: now where no event loop runs, else hand back an awaitable.

        Returns:
            The :class:`CrewOutput`, or an awaitable of it.

        Raises:
            CrewgraphError: see :meth:`kickoff_async`.
        """
        return run_or_pend(lambda: self.kickoff_async(inputs=inputs), "crew.kickoff(…)")

    async def kickoff_async(self, inputs: Mapping[str, Any] | None = None) -> CrewOutput:
        """Run once.

        Args:
            inputs: values for the placeholders. They are not changed.

        Raises:
            InputTypeError: the inputs are no mapping.
            PipelineInvalid: a task has no agent, or there is no task; nothing has run.
            ModelNotConfigured: an agent has no model; nothing has run.
            TemplateError: placeholders have no value; nothing has run.
            ModelError: a model call failed; ``.usage`` is what was spent.
        """
        values, scope = one(inputs), current()
        if scope.owner is not self:  # called by hand
            return await call(self, values)
        jobs = assign(self.tasks, self.agents, llm=self.llm)
        if found := [each for each in problems(jobs, self.agents) if each.code != "CG501"]:
            label = f"crew '{label_of(self)}'"
            raise PipelineInvalid(Diagnostic(each.code, each.message, (label,), each.hint) for each in found)
        return await perform(jobs, values, max_reasks=self.max_reasks)

    def kickoff_for_each(self, inputs: Iterable[Mapping[str, Any]], *, max_concurrency: int = MAX_CONCURRENCY) -> Any:
        """Run once for each input: now where no event loop runs, else hand back an awaitable.

        Returns:
            A list of :class:`CrewOutput` in the order of the inputs, or an awaitable of it.

        Raises:
            CrewgraphError: see :meth:`kickoff_for_each_async`.
            KickoffInterrupted: Ctrl-C; ``.result`` holds the outputs so far and ``None`` for runs without one.
        """
        outputs = list[CrewOutput]()
        try:
            return run_or_pend(
                lambda: self._for_each(inputs, outputs, max_concurrency=max_concurrency), "crew.kickoff_for_each(…)"
            )
        except KeyboardInterrupt:
            raise KickoffInterrupted(outputs) from None

    async def kickoff_for_each_async(
        self, inputs: Iterable[Mapping[str, Any]], *, max_concurrency: int = MAX_CONCURRENCY
    ) -> list[CrewOutput]:
        """Run once for each input, some at a time; the outputs come in the order of the inputs.

        Raises:
            InputTypeError: the inputs are no mappings.
            InputError: inputs lack keys; nothing has run.
            KickoffError: runs failed, after all the others had finished; ``.result`` holds the outputs of the others
                and ``None`` for those that failed.
        """
        return await self._for_each(inputs, [], max_concurrency=max_concurrency)

    async def _for_each(
        self, inputs: Iterable[Mapping[str, Any]], outputs: list[CrewOutput], *, max_concurrency: int
    ) -> list[CrewOutput]:
        """Run once for each input; the outputs are put into ``outputs`` as they come."""
        await for_each(
            lambda each: self.kickoff_async(inputs=each),
            listed(inputs),
            outputs=outputs,
            needs=self.interface().needs,
            max_concurrency=max_concurrency,
        )
        return outputs

    def interface(self) -> Interface:
        """What the crew needs, gives and lacks; nothing is known of one whose ``kickoff_async`` is replaced."""
        if getattr(self.kickoff_async, "__func__", None) is not _KICKOFF:
            return Interface()
        return describe(assign(self.tasks, self.agents, llm=self.llm), self.agents, process=str(self.process))

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        yield None, label_of(self)
        yield "tasks", len(self.tasks)

    def __str__(self) -> str:
        return repr(self)


_KICKOFF = Crew.kickoff_async
"""The crew's own way to run: mocks and subclasses replace it, and then nobody can tell what they do."""
