"""What a tool is: a name, what it is for, what it takes, and something that runs."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Hashable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from crewgraph.bridge import run_or_pend
from crewgraph.crew.tools.schema import Arguments, Signature, is_hashable
from crewgraph.crew.tools.signature import doc_of, is_generator, signature_for, signature_of
from crewgraph.errors import ToolError
from crewgraph.threads import called

__all__ = ["MAX_RESULT_LENGTH", "BaseTool", "CacheFunction", "FromSignature"]

MAX_RESULT_LENGTH = 100_000
"""Characters of a result that a model is told, where a tool does not say."""

CacheFunction = Callable[[Any, Any], bool | Awaitable[bool]]
"""Told the arguments as a dict and the result of a call; says whether the result is kept for equal calls. May be async."""


class FromSignature(BaseModel):
    """Stands for the schema that is made from the signature of what the tool runs."""


class BaseTool(BaseModel):
    """A tool: a definition that any number of agents, crews and runs may share. Nothing of a run is written on it.

    Write a subclass with ``def _run(self, …)`` or ``async def _run(self, …)``; or use :func:`tool` on a function.

    Attributes:
        name: what it is called. Models are told it in letters that providers allow.
        description: what it does and when to use it, for the model; else the docstring of ``_run``.
        args_schema: its arguments as a pydantic model; else made from the signature of ``_run``.
        result_as_answer: whether its result is the answer of the task, without asking the model again.
        timeout: seconds for one call; ``None`` for as long as the task may take.
        max_usage_count: how often it may be called in one run of a crew; ``None`` for any number of times.
        cache_function: says of a result whether it is kept for equal calls of the same run; ``None`` keeps every one.
        max_result_length: characters of a result that the model is told; the rest is cut off, and it is told so.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid", defer_build=True)

    name: str
    description: str = ""
    args_schema: type[BaseModel] = FromSignature
    result_as_answer: bool = False
    timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    max_usage_count: Annotated[int, Field(ge=1)] | None = None
    cache_function: CacheFunction | None = None
    max_result_length: Annotated[int, Field(ge=1)] = MAX_RESULT_LENGTH

    _is_learned: bool = PrivateAttr(default=False)
    _signature: Signature | None = PrivateAttr(default=None)
    _parameters: dict[str, Any] = PrivateAttr(default_factory=dict[str, Any])
    _told: str = PrivateAttr(default="")
    """The parameters as text, to tell tools apart: each turn asks some times."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self._is_learned:  # pydantic asks again wherever the tool becomes part of something
            return self
        if not self.name.strip():
            raise ToolError(f"a {type(self).__name__} has no name. hint: name it after what it does: 'search_web'")
        self._learn()
        self._is_learned = True
        return self

    def _learn(self) -> None:
        """Find out what the tool takes, once, when it is made."""
        function = self.tool_function()
        if is_generator(function):
            raise ToolError(f"{self.label} is a generator function. hint: return a list")
        doc = doc_of(function)
        if not self.description:
            self.description = doc.text
        if self.args_schema is FromSignature:
            self._signature = signature_of(function, who=self.label, said=doc.parameters)
            self.args_schema = self._signature.model
        else:
            self._signature = signature_for(self.args_schema, function, who=self.label)
        self._parameters = self._signature.json_schema()

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        """Do the work; subclasses say what. It may be async."""
        raise NotImplementedError

    async def _arun(self, *args: Any, **kwargs: Any) -> Any:
        """The same, async; called instead of ``_run`` where a subclass has it."""
        raise NotImplementedError

    @property
    def label(self) -> str:
        """The tool in the words of a message: ``tool 'search'``."""
        return f"tool '{self.name}'"

    # ---- for those who call tools --------------------------------------------------------------------------------

    def tool_function(self) -> Callable[..., Any]:
        """What is called in the end.

        Raises:
            ToolError: there is nothing to call.
        """
        if type(self)._arun is not BaseTool._arun:  # noqa: SLF001 - its own
            return self._arun
        if type(self)._run is not BaseTool._run:  # noqa: SLF001
            return self._run
        raise ToolError(f"{self.label} does nothing. hint: give {type(self).__name__} a method def _run(self, …)")

    def tool_parameters(self) -> dict[str, Any]:
        """The JSON Schema of the arguments."""
        return self._parameters

    def tool_arguments(self, text: str) -> Arguments:
        """The arguments that a model wrote, validated.

        Raises:
            ArgumentsMisfit: they do not fit.
        """
        assert self._signature is not None, "a tool that learns nothing of its arguments reads them by itself"
        return self._signature.arguments(text)

    async def tool_run(self, arguments: Arguments) -> Any:
        """Do the work: async functions in the event loop, others in a worker thread."""
        return await called(self.tool_function(), *arguments.args, **arguments.kwargs)

    def tool_key(self) -> Hashable:
        """Tells tools apart: two that are equal share their cache and their count."""
        return id(self)

    def _settings(self) -> Hashable:
        """What else tells two tools apart that call the same."""
        keeps = self.cache_function
        self._told = self._told or json.dumps(self._parameters, sort_keys=True, default=str)
        return (
            self.result_as_answer,
            self.timeout,
            self.max_usage_count,
            self.max_result_length,
            keeps if is_hashable(keeps) else id(keeps),
            self._told,
        )

    def tool_origin(self) -> str:
        """Where the tool is from, for its name where another tool has the same; nothing where it is from here."""
        return ""

    # ---- by hand -------------------------------------------------------------------------------------------------

    def run(self, /, *values: Any, **arguments: Any) -> Any:
        """Call the tool by hand: now where no event loop runs, else hand back an awaitable.

        Raises:
            ToolError: the arguments do not fit.
        """
        return run_or_pend(lambda: self.arun(*values, **arguments), f"{self.label}.run(…)")

    async def arun(self, /, *values: Any, **arguments: Any) -> Any:
        """Call the tool by hand, with validated arguments; those without a name are taken in the order of the schema.

        Raises:
            ToolError: the arguments do not fit.
        """
        return await self.tool_run(self._by_hand(self._by_name(values, arguments)))

    def _by_name(self, values: Sequence[Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
        names = [*self.tool_parameters()["properties"]]
        if len(values) > len(names):
            raise ToolError(f"{self.label} takes {', '.join(names) or 'nothing'}, not {len(values)} values")
        given = dict(zip(names, values, strict=False))
        if twice := [name for name in given if name in arguments]:
            raise ToolError(f"{self.label} is given '{twice[0]}' twice, by position and by name")
        return {**given, **arguments}

    def _by_hand(self, arguments: dict[str, Any]) -> Arguments:
        assert self._signature is not None, "see tool_arguments"
        return self._signature.checked(arguments, who=self.label)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        yield None, self.name

    def __str__(self) -> str:
        return repr(self)
