"""What a user writes: ``research >> [finance, market] >> router >> write``.

Everything here is inert. A pipeline lists its stages and knows nothing of runs; its verbs (check, compile, kickoff,
draw) live in higher rooms and are looked up when they are first called.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Sequence
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, Unpack, cast, overload

from pydantic import BaseModel, ConfigDict, Field, SkipValidation, field_validator, model_validator

from crewgraph import diagnostics, outputs, trace
from crewgraph.diagnostics import Ignore, Strict, ignores_of, strict_of
from crewgraph.drawable import Drawable
from crewgraph.inputs import declared
from crewgraph.node import is_node
from crewgraph.options import Inputs, OnError, Options
from crewgraph.policy import Policy
from crewgraph.resumable import Resumable
from crewgraph.runtime import verb

if TYPE_CHECKING:  # for annotations only
    from crewgraph.forecast import Forecast
    from crewgraph.inputs import InputSpec

__all__ = [
    "Chainable",
    "Foreign",
    "Inputs",
    "OnError",
    "Operand",
    "Options",
    "Pipeline",
    "Procedure",
    "Single",
    "Stage",
    "is_function",
    "is_single",
]

DOUBLE_NESTING = "Double nesting is not allowed in pipeline stages"
NOT_A_STAGE = "Expected Crew instance, Router instance, or list of Crews, got {}"


class Stage:
    """Whatever can stand left or right of ``>>``: crews, steps, routers and pipelines."""

    __slots__ = ()

    joins_procedure: ClassVar[bool] = True
    """Whether a chain of such stages alone is a :class:`Procedure`; steps and routers make a pipeline."""

    def __rshift__(self, other: Operand) -> Pipeline:
        """Put ``other`` behind this stage; neither changes.

        Raises:
            TypeError: ``other`` is no stage.
        """
        return _chain(self, other)

    def __rrshift__(self, other: Operand) -> Pipeline:
        """Put this stage behind a list, a function or a foreign crew."""
        return _chain(other, self)


class Chainable(Stage):
    """Crews, and chains of crews: of these alone ``>>`` makes a :class:`Procedure`, which editors are told."""

    __slots__ = ()

    @overload
    def __rshift__(self, other: Chainable) -> Procedure: ...
    @overload
    def __rshift__(self, other: Operand) -> Pipeline: ...
    def __rshift__(self, other: Any) -> Any:
        """As :meth:`Stage.__rshift__`."""
        return _chain(self, other)


class Foreign(Protocol):
    """A crew of another library: whatever has ``async kickoff_async(inputs=…)``."""

    def kickoff_async(self, *args: Any, **options: Any) -> Any:
        """Run once."""


Single = Stage | Foreign | Callable[..., Any]
"""One stage by itself."""
Operand = Single | Sequence[Single]
"""What may stand left or right of ``>>``: a stage, or a list of stages, which run side by side. Lists do not nest."""


def is_function(value: object) -> bool:
    """Whether a value is a plain function, which as a stage becomes a step."""
    return isinstance(value, FunctionType | BuiltinFunctionType | MethodType)


def is_single(value: object) -> bool:
    """Whether a value is one stage by itself: not a list."""
    return isinstance(value, Stage) or is_node(value) or is_function(value)


def _chain(left: Any, right: Any) -> Any:
    for operand in (left, right):
        if not (is_single(operand) or isinstance(operand, list | tuple)):
            return NotImplemented  # Python's own TypeError names both types
    kind = Procedure if _is_crew_chain(left) and _is_crew_chain(right) else Pipeline
    pipelines = [side for side in (left, right) if isinstance(side, Pipeline)]
    return kind(
        stages=[part for side in (left, right) for part in _parts(side)],
        name=next((side.name for side in pipelines if side.name), None),
        merge_json=all(side.merge_json for side in pipelines),
        inputs=left.input_model if isinstance(left, Pipeline) else None,
        ignore=[each for side in pipelines if _is_spliced(side) for each in side.ignore],
        strict=strict_of(*(side.strict for side in pipelines if _is_spliced(side))),
    )


def _parts(side: Any) -> list[Any]:
    """The stages of a pipeline, which is spliced with what it ignores; one with a policy stays whole, with both."""
    return side.stages if isinstance(side, Pipeline) and _is_spliced(side) else [side]


def _is_spliced(pipeline: Pipeline) -> bool:
    return pipeline.policy is None and pipeline.is_spliced


def _has_say(pipeline: Pipeline) -> bool:
    """Whether a pipeline says something of its own stages, so that as a stage of another it stays whole."""
    return not _is_spliced(pipeline) or bool(pipeline.ignore) or bool(pipeline.strict)


def _is_crew_chain(value: object) -> bool:
    if isinstance(value, Pipeline):
        return isinstance(value, Procedure)
    return is_node(value) and bool(getattr(value, "joins_procedure", True))


def _misfits(stage: Any, path: str) -> Iterator[str]:
    """What is wrong with one element of ``stages``, all of it, with the place."""
    if isinstance(stage, list | tuple):
        for number, branch in enumerate(stage, 1):
            if isinstance(branch, list | tuple):
                yield f"CG101 {DOUBLE_NESTING} ({path} › branch {number})"
            elif not is_single(branch):
                yield f"CG103 {NOT_A_STAGE.format(type(branch))} ({path} › branch {number})"
    elif not is_single(stage):
        yield f"CG103 {NOT_A_STAGE.format(type(stage))} ({path})"


class Pipeline(BaseModel, Stage, Drawable, Resumable):
    """Stages, one after the other; a list is a parallel stage, a pipeline without a name as a stage is spliced flat.

    Each crew is handed the run's inputs, updated with the structured output of every crew upstream.

    Attributes:
        stages: crews, steps, functions, routers, foreign crews, and lists of these.
        name: a title for pictures and reports.
        merge_json: whether raw text that is exactly one JSON object is merged into what is handed over.
        policy: retries, timeouts, fallbacks and limits for everything in it that declares none of its own.
        ignore: findings of the checker that are meant so, each with a reason.
        strict: whether warnings of the checker are errors; or the codes that are, as in ``["CG305"]``.
        input_model: what each input must be: a pydantic model, a TypedDict, a dataclass or a JSON Schema. It is given
            as ``Pipeline(…, inputs=Model)``, or assigned to a chain: ``pipeline.input_model = Model``.
    """

    model_config = ConfigDict(defer_build=True, arbitrary_types_allowed=True, extra="forbid")
    joins_procedure: ClassVar[bool] = False
    is_spliced: ClassVar[bool] = True
    """Whether its stages are taken over where it is a stage of another pipeline; a graph built by hand stays whole."""

    stages: list[SkipValidation[Any]] = Field(default_factory=list[Any])
    name: str | None = None
    merge_json: bool = True
    policy: Policy | None = None
    ignore: tuple[Ignore, ...] = ()
    strict: Strict = False
    input_model: SkipValidation[Any] = None

    def __init__(
        self,
        stages: Iterable[Operand] = (),
        *,
        inputs: Any = None,
        name: str | None = None,
        merge_json: bool = True,
        policy: Policy | None = None,
        ignore: Iterable[Ignore] = (),
        strict: bool | Collection[str] = False,
    ) -> None:
        super().__init__(
            stages=stages,
            name=name,
            merge_json=merge_json,
            policy=policy,
            ignore=ignore,
            strict=strict,
            input_model=inputs,
        )

    @field_validator("stages", mode="before")
    @classmethod
    def _flat(cls, stages: Any) -> list[Any]:
        if not isinstance(stages, list | tuple):
            raise ValueError(f"stages is a list, got {type(stages)}. hint: Pipeline(stages=[crew, …])")  # noqa: TRY004
        wrong = [line for number, stage in enumerate(stages, 1) for line in _misfits(stage, f"stage {number}")]
        if wrong:
            raise ValueError("\n".join(wrong))
        flat = list[Any]()
        for stage in stages:
            is_whole = not isinstance(stage, Pipeline) or _has_say(stage) or cls._is_named(stage)
            for part in [stage] if is_whole else stage.stages:
                flat.append(list(part) if isinstance(part, list | tuple) else part)
        return flat

    @classmethod
    def _is_named(cls, stage: Pipeline) -> bool:
        """Whether a stage is kept whole for its name; a procedure is a plain chain."""
        return bool(stage.name and stage.stages) and not cls.joins_procedure

    @field_validator("input_model", mode="before")
    @classmethod
    def _can_be_declared(cls, model: Any) -> Any:
        if model is not None:
            declared(model)
        return model

    @field_validator("ignore", mode="before")
    @classmethod
    def _ignored(cls, ignore: Any) -> Any:
        return ignores_of(ignore)

    @field_validator("strict", mode="before")
    @classmethod
    def _strict(cls, strict: Any) -> Strict:
        return strict_of(strict)

    # ---- compiling ---------------------------------------------------------------------------------------------

    def check(self, *, strict: bool | Collection[str] | None = None) -> diagnostics.Findings:
        """Everything that is wrong or doubtful with this pipeline, without running anything.

        Args:
            strict: which warnings are errors, instead of what the pipeline itself says.
        """
        return verb("check")(self, strict=strict)

    def compile(self) -> Any:
        """The plan that engines run.

        Raises:
            PipelineInvalid: the checker found errors; all of them are in its text.
        """
        return verb("compile")(self)

    @property
    def inputs(self) -> InputSpec:
        """What each input must bring: keys with their types, who reads them and on which routes.

        It is a mapping of keys to ``InputField``, prints as a list, and has a ``json_schema()``.

        Raises:
            PipelineInvalid: the structure has errors, so that nobody can tell.
        """
        return cast("InputSpec", verb("inputs")(self))

    # ---- running -----------------------------------------------------------------------------------------------

    def kickoff(self, inputs: Inputs, **options: Unpack[Options]) -> Any:
        """Run every input through the pipeline, concurrently.

        In a script it runs now and returns the result; where an event loop runs already (async code, a notebook) it
        returns an awaitable of it.

        Args:
            inputs: one dict for one run, or an iterable of dicts for many.
            **options: by keyword, as :class:`Options` describes them: ``max_concurrency``, ``on_error``, ``store``, ….

        Returns:
            A :class:`PipelineKickoffResult`: by input, then one result for each branch of the final stage.

        Raises:
            PipelineInvalid: the checker found errors; nothing has run.
            InputTypeError: the inputs are not mappings.
            InputError: inputs lack keys that the pipeline needs; nothing has run.
            KickoffError: runs failed or a budget stopped them; its ``result`` holds everything.
            KickoffInterrupted: Ctrl-C; its ``result`` holds what had finished.
        """
        return verb("kickoff")(self, inputs, **options)

    async def kickoff_async(self, inputs: Inputs, **options: Unpack[Options]) -> outputs.PipelineKickoffResult:
        """As :meth:`kickoff`, always to be awaited; ``inputs`` may be an async iterable too."""
        return cast("outputs.PipelineKickoffResult", await verb("kickoff_async")(self, inputs, **options))

    async def process_runs(self, inputs: Inputs, **options: Unpack[Options]) -> outputs.PipelineKickoffResult:
        """The ancestor's name of :meth:`kickoff_async`."""
        return await self.kickoff_async(inputs, **options)

    def stream(
        self, inputs: Inputs, **options: Unpack[Options]
    ) -> AsyncIterator[outputs.PipelineRunResult | outputs.ProcedureRunResult]:
        """Yield results as they finish; memory does not grow with the number of inputs.

        Failed runs are yielded too, with ``error`` and ``status``. With ``on_error="raise"`` the failures are raised
        once more at the end, as one :class:`KickoffError`. Options as for :meth:`kickoff`.
        """
        return verb("stream")(self, inputs, **options)

    def events(self, inputs: Inputs, **options: Unpack[Options]) -> AsyncIterator[trace.Event]:
        """Run the inputs and yield typed events as they happen: runs, nodes, routes, tasks, model and tool calls.

        Options as for :meth:`kickoff`, but without an ``observer``, and failures are not raised (``on_error`` is
        "collect" where it is not given). With ``text=True`` answers are told piece by piece as they are written.
        """
        return verb("events")(self, inputs, **options)

    def plan(self, inputs: Inputs | None = None, **options: Unpack[Options]) -> Forecast:
        """What a kickoff would take: calls, tokens, USD and time, by node and route. Nothing is called.

        Args:
            inputs: the inputs of the kickoff; ``None`` for one input of which nothing is known.
            **options: those of the kickoff: ``max_concurrency`` and ``policy`` bear on the time.

        Returns:
            A :class:`Forecast`: low, expected and high, with the assumptions they rest on.

        Raises:
            PipelineInvalid: the checker found errors.
            InputTypeError: the inputs are not mappings.
        """
        return cast("Forecast", verb("plan")(self, inputs, **options))

    def as_tool(self, *, name: str | None = None, description: str | None = None, **options: Any) -> Any:
        """This pipeline as a tool of an agent: it takes what the inputs must bring, and gives the answer of the run.

        Args:
            name: what the tool is called; the pipeline's name otherwise.
            description: what it does, for the model; otherwise its crews are listed.
            **options: the other attributes of :class:`BaseTool`, such as ``result_as_answer`` and ``timeout``.

        Returns:
            A :class:`BaseTool`; a pipeline in ``Agent(tools=[…])`` becomes one by itself.
        """
        return verb("as_tool")(self, name=name, description=description, **options)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.stages)} stages{f', {self.name!r}' if self.name else ''})"

    __str__ = __repr__


class Procedure(Chainable, Pipeline):
    """A chain of single crews, as ``crew >> crew`` makes it.

    Each crew is handed the structured output of the crew before it, and nothing else; earlier text and the initial
    inputs stay reachable as placeholders. An approval between two crews hands on what it was handed, with the decision.
    Results are outputs of the last crew.
    """

    joins_procedure: ClassVar[bool] = True

    def __init__(
        self,
        crews: Iterable[Single] = (),
        *,
        stages: Iterable[Single] = (),
        inputs: Any = None,
        name: str | None = None,
        merge_json: bool = True,
        policy: Policy | None = None,
        ignore: Iterable[Ignore] = (),
        strict: bool | Collection[str] = False,
    ) -> None:
        super().__init__(
            stages=crews if stages == () else stages,
            inputs=inputs,
            name=name,
            merge_json=merge_json,
            policy=policy,
            ignore=ignore,
            strict=strict,
        )

    @property
    def crews(self) -> list[Any]:
        """The crews, in order: another name of ``stages``."""
        return self.stages

    @model_validator(mode="after")
    def _only_crews(self) -> Self:
        for number, crew in enumerate(self.stages, 1):
            if not is_node(crew) or (isinstance(crew, Pipeline) and not isinstance(crew, Procedure)):
                raise ValueError(
                    f"CG103 a procedure is a chain of single crews, got {type(crew)} (stage {number}). "
                    "hint: use Pipeline(stages=[…]) for lists, routers and functions"
                )
        return self
