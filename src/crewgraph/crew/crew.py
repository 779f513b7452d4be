"""A crew: agents and the tasks they do together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, GetPydanticSchema, SkipValidation, field_validator, model_validator

from crewgraph import diagnostics
from crewgraph.bridge import run_or_pend
from crewgraph.crew import tools
from crewgraph.crew.agent import Agent
from crewgraph.crew.ancestor import OF_CREWS, without_foreign
from crewgraph.crew.assign import Job, Management, assign
from crewgraph.crew.callback import Callbacks, several
from crewgraph.crew.describe import describe
from crewgraph.crew.each import for_each, listed, one, refuse_same_files, takes_inputs
from crewgraph.crew.hooks import finished, fitting, prepared
from crewgraph.crew.human import HumanProvider, Terminal
from crewgraph.crew.problems import faults, problems
from crewgraph.crew.schedule import schedule
from crewgraph.crew.task import Task
from crewgraph.errors import KickoffInterrupted, PipelineInvalid
from crewgraph.inputs import Declared, declared
from crewgraph.llm.choose import Model
from crewgraph.node import Interface, call, label_of
from crewgraph.outputs import CrewOutput, TaskOutput
from crewgraph.policy import Budget, Limit, Policy
from crewgraph.scope import current, entered
from crewgraph.syntax import Chainable
from crewgraph.usage import Account

if TYPE_CHECKING:  # for annotations only; whoever writes a pipeline need not load it
    from crewgraph.crew.terms import AgentStep, Terms
    from crewgraph.outlook import Outlook, Sight

    StepCallback = Callable[[AgentStep], Any]
else:  # pydantic asks no more of it than that it can be called
    StepCallback = Callable[..., Any]

__all__ = ["Crew", "Process"]

MAX_CONCURRENCY = 100
"""How many runs of one ``kickoff_for_each`` are under way at a time."""


class Process(StrEnum):
    """In which way a crew works through its tasks."""

    sequential = "sequential"
    hierarchical = "hierarchical"


EitherProcess = Annotated[
    Process | Literal["sequential", "hierarchical"], GetPydanticSchema(lambda _, schema_of: schema_of(Process))
]
"""A process, or its name; kept as a process."""


class Crew(Chainable, BaseModel):
    """Agents and their tasks: a definition that any number of pipelines and runs may share.

    Attributes:
        agents: who works here. A task that names no agent is done by the only one.
        tasks: what is done, in order; the crew's output is that of the last one that was not skipped.
        name: what it is called in pipelines; named after its agents' roles where it is ``None``.
        process: sequential, where each task is done by its agent, or hierarchical, where a manager does it by handing
            work to the agents.
        manager_llm: the model of a manager that is made for a hierarchical crew.
        manager_agent: the manager of a hierarchical crew; it is not among the agents.
        llm: the model for agents that name none; else the environment's.
        max_reasks: how often a model is asked again when its answer does not have the declared shape.
        policy: retries, timeouts, fallbacks and limits, before those of the pipeline.
        budget: what one run of this crew may cost.
        max_rpm: short for ``policy=Policy(limit=Limit(requests_per_minute=…))``.
        cache: whether results of tools are kept, within one run, for equal calls.
        before_kickoff, before_kickoff_callbacks: one function or several that are given a copy of the inputs and
            return the inputs of the run; ``None`` leaves them as they are.
        after_kickoff, after_kickoff_callbacks: one function or several that are given the :class:`CrewOutput` and may
            return another.
        step_callback: told of every turn of every agent, as an ``AgentStep``.
        task_callback: told of the :class:`TaskOutput` of every task.
        output_root: the folder under which tasks write their files; else the one that the environment variable
            CREWGRAPH_OUTPUT_ROOT names, else the current one.
        input_model: what its inputs must be: a pydantic model, a TypedDict, a dataclass or a JSON Schema. They are
            validated and coerced before anything is asked.
        human: how people are asked where a task wants it: a function of a ``HumanQuestion``, or an object with an
            async method ``ask``; else in the terminal.
        verbose, memory, config, output_log_file: accepted so that existing definitions load; without effect so far.
    """

    model_config = ConfigDict(defer_build=True, extra="forbid", arbitrary_types_allowed=True)

    agents: list[Agent] = Field(default_factory=list[Agent])
    tasks: list[Task] = Field(default_factory=list[Task])
    name: str | None = None
    process: EitherProcess = Process.sequential
    manager_llm: Model = None
    manager_agent: Agent | None = None
    llm: Model = None
    max_reasks: int = Field(default=2, ge=0)
    policy: Policy | None = None
    budget: Budget | None = None
    max_rpm: int | None = Field(default=None, ge=1)
    cache: bool = True
    before_kickoff: Callbacks = None
    before_kickoff_callbacks: Callbacks = None
    after_kickoff: Callbacks = None
    after_kickoff_callbacks: Callbacks = None
    step_callback: StepCallback | None = None
    task_callback: Callable[[TaskOutput], Any] | None = None
    output_root: Path | str | None = None
    input_model: SkipValidation[Any] = None
    human: HumanProvider = None
    verbose: bool = False
    memory: Any = None
    config: Any = None
    output_log_file: Any = None
    _declared: Declared | None = None

    @field_validator("input_model", mode="before")
    @classmethod
    def _can_be_declared(cls, model: Any) -> Any:
        if model is not None:
            declared(model)
        return model

    @model_validator(mode="before")
    @classmethod
    def _without_foreign(cls, values: Any) -> Any:
        return without_foreign(cls, values, OF_CREWS)

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

    @model_validator(mode="after")
    def _something_comes_before_a_condition(self) -> Self:
        for group in schedule(self.tasks):
            for place in group:
                condition = self.tasks[place.index].condition
                if callable(condition) and not place.before:
                    raise ValueError(
                        f"{self.tasks[place.index].label} has a callable as condition, and no task before it whose "
                        "output it could be given. hint: write an expression over the inputs, such as "
                        "condition=\"language == 'fr'\", or put a task before it"
                    )
        return self

    @model_validator(mode="after")
    def _has_one_limit(self) -> Self:
        if self.max_rpm is None:
            return self
        policy = self.policy or Policy()
        limit = policy.limit or Limit()
        if limit.requests_per_minute not in (None, self.max_rpm):
            raise ValueError(
                f"max_rpm is {self.max_rpm} and policy.limit.requests_per_minute {limit.requests_per_minute}. "
                "hint: keep one of them"
            )
        limited = limit.model_copy(update={"requests_per_minute": self.max_rpm})
        self.policy = policy.model_copy(update={"limit": limited})
        return self

    @takes_inputs
    def kickoff(self, inputs: Mapping[str, Any] | None = None) -> Any:
        """Run once: now where no event loop runs, else hand back an awaitable.

        Returns:
            The :class:`CrewOutput`, or an awaitable of it.

        Raises:
            CrewgraphError: see :meth:`kickoff_async`.
            KickoffInterrupted: Ctrl-C; ``.usage`` is what was spent, and ``.result`` is ``[None]``.
        """
        return _kicked_off(lambda: self.kickoff_async(inputs=inputs), "crew.kickoff(…)", [None])

    async def kickoff_async(self, inputs: Mapping[str, Any] | None = None) -> CrewOutput:
        """Run once.

        Args:
            inputs: values for the placeholders. They are not changed.

        Raises:
            InputTypeError: the inputs are no mapping.
            PipelineInvalid: a task has no agent, a manager is missing, or there is no task; nothing has run.
            ModelNotConfigured: an agent has no model; nothing has run.
            TemplateError: placeholders have no value; nothing has run.
            ValueMisfit: the inputs do not fit the input model; nothing has run.
            OutputFileError: an answer cannot be written where it is to go; nothing has run, or it turned out later.
            HumanInputUnavailable: a person is to be asked, and there is none.
            ModelError: a model call failed; ``.usage`` is what was spent.
            GuardrailFailed: an answer was refused as often as it may be.
            ConditionError: the condition of a task raised.
            CallbackFailed: another function that the crew was given raised.
        """
        values, scope = one(inputs), current()
        if scope.owner is not self:  # called by hand
            return await call(self, values)
        jobs, who = self._jobs(), f"crew '{label_of(self)}'"
        if found := faults(jobs, self.agents, management=self._management()):
            raise PipelineInvalid(diagnostics.Diagnostic(each.code, each.message, (who,), each.hint) for each in found)
        values = await prepared(values, self._before(), who=who)
        takes = self._takes()
        if takes is not None:
            values = fitting(takes, values, who=who)
        from crewgraph.crew.run import perform  # whoever writes a crew does not import what runs it

        output = await perform(jobs, values, terms=self._terms())
        return await finished(output, self._after(), who=who)

    @takes_inputs
    def kickoff_for_each(self, inputs: Iterable[Mapping[str, Any]], *, max_concurrency: int = MAX_CONCURRENCY) -> Any:
        """Run once for each input: now where no event loop runs, else hand back an awaitable.

        Returns:
            A list of :class:`CrewOutput` in the order of the inputs, or an awaitable of it.

        Raises:
            CrewgraphError: see :meth:`kickoff_for_each_async`.
            KickoffInterrupted: Ctrl-C; ``.result`` holds the outputs so far and ``None`` for runs without one.
        """
        outputs = list[CrewOutput]()
        return _kicked_off(
            lambda: self._for_each(inputs, outputs, max_concurrency=max_concurrency),
            "crew.kickoff_for_each(…)",
            outputs,
        )

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
        every = listed(inputs)
        if not self._before():  # else nobody knows yet what the names of the files are made of
            await refuse_same_files(self._jobs(), every, root=self.output_root)
        await for_each(
            lambda each: self.kickoff_async(inputs=each),
            every,
            outputs=outputs,
            needs=self.interface().needs,
            max_concurrency=max_concurrency,
        )
        return outputs

    def as_tool(self, *, name: str | None = None, description: str | None = None, **options: Any) -> tools.BaseTool:
        """This crew as a tool of another agent: it takes what the placeholders need, and gives the crew's answer.

        Args:
            name: what the tool is called; the crew's name otherwise.
            description: what it does, for the model; otherwise its tasks are listed.
            **options: the other attributes of :class:`BaseTool`, such as ``result_as_answer`` and ``timeout``.
        """
        from crewgraph.crew.tools.node import node_tool

        return node_tool(self, name=name, description=description, **options)

    def interface(self) -> Interface:
        """What the crew needs, gives and lacks; nothing is known of one whose ``kickoff_async`` is replaced."""
        if getattr(self.kickoff_async, "__func__", None) is not _KICKOFF:
            return Interface()
        return describe(
            self._jobs(),
            process=str(self.process),
            problems=problems(self._jobs(), self.agents, management=self._management()),
            changes_inputs=bool(self._before()),
            changes_output=bool(self._after()),
            takes=self._takes(),
        )

    def definition(self) -> dict[str, Any] | None:
        """What decides about its answers, as JSON values; ``None`` for one whose ``kickoff_async`` is replaced."""
        if getattr(self.kickoff_async, "__func__", None) is not _KICKOFF:
            return None
        from crewgraph.crew.definition import definition_of  # only a store asks for it

        return definition_of(
            self._jobs(),
            name=self.name,
            process=str(self.process),
            input_model=self.input_model,
            hooks=[*self._before(), *self._after()],
        )

    def forecast(self, sight: Sight) -> Outlook:
        """What one run would take; nothing is known of a crew whose ``kickoff_async`` is replaced."""
        from crewgraph.crew.expectation import BEFORE  # only a plan asks for it
        from crewgraph.crew.forecast import foresee
        from crewgraph.outlook import Outlook

        if getattr(self.kickoff_async, "__func__", None) is not _KICKOFF:
            return Outlook(is_known=False)
        policy = self.policy.over(sight.policy) if self.policy else sight.policy
        outlook = foresee(self._jobs(), replace(sight, policy=policy), max_reasks=self.max_reasks)
        said = (BEFORE,) if self._before() else ()
        return replace(outlook, assumptions=(*outlook.assumptions, *said))

    def _management(self) -> Management | None:
        if self.process is not Process.hierarchical:
            return None
        return Management(llm=self.manager_llm, agent=self.manager_agent)

    def _jobs(self) -> tuple[Job, ...]:
        return assign(self.tasks, self.agents, llm=self.llm, management=self._management())

    def _takes(self) -> Declared | None:
        if self.input_model is None:
            return None
        if self._declared is None or self._declared.source is not self.input_model:
            self._declared = declared(self.input_model)
        return self._declared

    def _before(self) -> list[Callable[..., Any]]:
        return [*several(self.before_kickoff), *several(self.before_kickoff_callbacks)]

    def _after(self) -> list[Callable[..., Any]]:
        return [*several(self.after_kickoff), *several(self.after_kickoff_callbacks)]

    def _terms(self) -> Terms:
        from crewgraph.crew.terms import Terms  # as for what runs it

        return Terms(
            max_reasks=self.max_reasks,
            is_caching=self.cache,
            step_callback=self.step_callback,
            task_callback=self.task_callback,
            output_root=self.output_root,
            human=Terminal() if self.human is None else self.human,
        )

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        yield None, label_of(self)
        yield "tasks", len(self.tasks)

    def __str__(self) -> str:
        return repr(self)


def _kicked_off(work: Callable[[], Awaitable[Any]], label: str, outputs: Sequence[CrewOutput | None]) -> Any:
    """Run now, or hand back an awaitable; after Ctrl-C there are the outputs so far, and what was spent."""
    account = Account(current().account, keeps_calls=False)

    async def charged() -> Any:
        with entered(replace(current(), account=account)):
            return await work()

    try:
        return run_or_pend(charged, label)
    except KeyboardInterrupt:
        raise KickoffInterrupted(outputs, usage=account.usage) from None


_KICKOFF = Crew.kickoff_async
"""The crew's own way to run: mocks and subclasses replace it, and then nobody can tell what they do."""
