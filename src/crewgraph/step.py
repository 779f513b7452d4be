"""Plain functions as nodes: ``@step`` takes parameters from the values by name and hands back what it returns."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any, ClassVar, overload

from pydantic import BaseModel

from crewgraph import outputs
from crewgraph.definition import of_type, told
from crewgraph.errors import TemplateError, ValueMisfit
from crewgraph.handoff import SCALARS, Handoff, taken
from crewgraph.hints import hints_of, models_in, without_none
from crewgraph.inputs import Declared, declared, is_declarable
from crewgraph.node import Interface, Need, Problem, needs_of
from crewgraph.outputs import CrewOutput
from crewgraph.policy import Budget, Policy
from crewgraph.returns import gives_of
from crewgraph.shapes import coercer
from crewgraph.syntax import Stage
from crewgraph.template import as_text, is_text
from crewgraph.threads import awaited, called, is_async

__all__ = ["Step", "step"]

ALL_VALUES = "inputs"
"""The parameter that takes all values as one dict."""


class Step(Stage):
    """A function as a stage.

    It takes its parameters from the values by name; one called ``inputs`` takes them all as a dict, and so does
    ``**values``. A dict or pydantic model that it returns is merged into the values; ``None`` hands over nothing; all
    else is handed over under the step's name. Async functions run in the event loop, others in a worker thread.

    Attributes:
        name: how it is called in pictures and traces.
        function: the function.
        inline: run a synchronous function in the event loop; for short ones that never wait.
        policy: what holds for this step: ``node_timeout``, and everything about model calls that it makes.
        budget: what the model calls that it makes may cost, in each run.
    """

    joins_procedure: ClassVar[bool] = False

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        inline: bool = False,
        policy: Policy | None = None,
        budget: Budget | None = None,
    ) -> None:
        if not callable(function):
            raise TypeError(f"a step is made of a function, not of {function!r}. hint: @step(name={function!r})")
        self.function = function
        self.name = name or _function_name(function)
        self.inline = inline
        self.policy = policy
        self.budget = budget
        parameters, self._problems = _parameters(function, f"step '{self.name}'")
        self._named = {key: one.default for key, one in parameters.items() if one.kind in _NAMED}
        self._positional = [key for key, one in parameters.items() if one.kind is one.POSITIONAL_ONLY]
        self._takes_rest = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
        self._resolved: dict[str, Any] | None = None
        self._takes: Declared | None = None
        self._checks: dict[str, Callable[[Any], Any] | None] | None = None
        self._simple: tuple[tuple[str, Any, Callable[[Any], Any] | None], ...] | None = None
        self.is_async = is_async(function)
        functools.update_wrapper(self, function, updated=())

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """The function itself, as if it were not decorated."""
        return self.function(*args, **kwargs)

    async def kickoff_async(self, inputs: Mapping[str, Any] | None = None) -> CrewOutput:
        """Call the function once with what it takes of the inputs.

        Raises:
            TemplateError: parameters without a default have no value.
            ValueMisfit: values do not have the types of their parameters.
        """
        gave = await self.gives_of(Handoff.of(inputs))
        return CrewOutput.of_keys(gave) if isinstance(gave, dict) else gave

    async def gives_of(self, given: Handoff) -> CrewOutput | dict[str, Any]:
        """As :meth:`gives`, with what the function takes of the values it is handed; raises as :meth:`kickoff_async`."""
        args, kwargs = self._arguments(given)
        return await self.gives(*args, **kwargs)

    async def gives(self, *args: Any, **kwargs: Any) -> CrewOutput | dict[str, Any]:
        """Call the function; what it gives as keys alone, where they are plain, for they need not be an output yet.

        Args:
            *args: arguments of the function.
            **kwargs: those by name; see :meth:`quick`.
        """
        if self.is_async:
            value = await self.function(*args, **kwargs)
            if type(value) is not dict and not self.inline:  # it may be a kickoff that nobody awaited
                value = await awaited(value)
        elif self.inline:
            value = self.function(*args, **kwargs)
            value = await value if inspect.isawaitable(value) else value
        else:
            value = await called(self.function, *args, **kwargs)
        return self.kept(value)

    def kept(self, value: Any) -> CrewOutput | dict[str, Any]:
        """What the function returned as it is kept: keys alone where all values are plain, else an output.

        Raises:
            TypeError: nobody could use it.
        """
        return value.copy() if type(value) is dict and _is_plain(value) else self._output(value)

    def quick(self, read: Callable[[Any, str, Any], Any], of: Any) -> dict[str, Any] | None:
        """The arguments where all of them are there, plain, and of their types; else :meth:`kickoff_async` has to look.

        Args:
            read: looks up in ``of`` by key, with a default, what the step is handed. Plain values need no copy.
            of: where.
        """
        if self._simple is None:
            is_simple = not self._positional and not self._takes_rest and ALL_VALUES not in self._named
            checks, hints = self._look_up(), self._hints()
            self._simple = tuple((key, hints.get(key), check) for key, check in checks.items()) if is_simple else _CARE
        kwargs: dict[str, Any] = {}  # `dict[str, Any]()` takes twenty times as long
        for key, wanted, check in self._simple:
            value = read(of, key, _CARE)
            kind = type(value)
            if kind not in SCALARS:
                return None
            if kind is not wanted and check is not None:  # else it is of the very type that is declared
                try:
                    value = check(value)
                except ValueError:
                    return None
            kwargs[key] = value
        return kwargs

    def interface(self) -> Interface:
        """What the signature says: parameters are needs, the return annotation is what it gives."""
        self._look_up()
        hints = self._hints()
        where = f"step '{self.name}'"
        named = [
            Need(key, where, default is inspect.Parameter.empty, hints.get(key, Any))
            for key, default in self._named.items()
            if key != ALL_VALUES
        ]
        own = needs_of(self._takes, where) if self._takes else ()
        given = gives_of(self.name, hints.get("return", Any))
        return Interface(
            "step", (*named, *own), given.always, given.may_give, "function", (), self._problems,
            sometimes=given.sometimes,
            takes_all=self._takes_rest or (ALL_VALUES in self._named and self._takes is None),
            models=tuple(models_in(hints.get("return"))),
        )  # fmt: skip

    def definition(self) -> dict[str, Any]:
        """What decides about what it gives, as JSON values: the function, and the types that its signature names."""
        return {"name": self.name, "function": told(self.function), "types": told(self._types())}

    def _types(self) -> dict[str, Any]:
        return {key: of_type(hint) for key, hint in self._hints().items()}

    def __repr__(self) -> str:
        return f"<step {self.name}>"

    def _arguments(self, given: Handoff) -> tuple[list[Any], dict[str, Any]]:
        kwargs: dict[str, Any] = {}
        misfits: dict[str, str] = {}
        for key, check in self._look_up().items():
            if key in given:
                value = given[key]
            elif key in given.beside:
                value = given.beside[key]
            else:
                continue
            try:
                kwargs[key] = value if check is None else check(value)
            except ValueError as error:
                misfits[key] = str(error)
        if len(kwargs) < len(self._named):
            self._complete(kwargs, given, misfits)
        args = [kwargs.pop(key, self._named[key]) for key in self._positional] if self._positional else []
        if self._takes_rest:
            kwargs |= {key: value for key, value in given.items() if key not in self._named}
        return args, kwargs

    def _complete(self, kwargs: dict[str, Any], given: Handoff, misfits: Mapping[str, str]) -> None:
        """Add all values as one, where they are wanted; what is lacking else must have a default."""
        if ALL_VALUES in self._named:
            kwargs[ALL_VALUES] = self._whole(given)
        lacking = [key for key in self._named if key not in kwargs and key not in misfits]
        missing = [key for key in lacking if self._named[key] is inspect.Parameter.empty]
        if missing:
            where = [f"step '{self.name}'"]
            raise TemplateError(dict.fromkeys(missing, where), known=given, or_else="give the parameter a default")
        if misfits:
            raise ValueMisfit(f"step '{self.name}'", misfits)

    def _whole(self, given: Handoff) -> Any:
        """All values: as a dict, or as the model that the parameter declares."""
        if self._takes is None:
            return dict(given)
        return taken(self._takes, given, who=f"step '{self.name}'")

    def _hints(self) -> dict[str, Any]:
        """The annotations. Where some cannot be resolved yet they are looked up again the next time."""
        if self._resolved is not None:
            return self._resolved
        hints, is_whole = hints_of(self.function)
        self._resolved = hints if is_whole else None
        return hints

    def _look_up(self) -> dict[str, Callable[[Any], Any] | None]:
        """How the value of each parameter is checked, where it declares a type; looked up once, when first needed."""
        if self._checks is None:
            hints = self._hints()
            if ALL_VALUES in self._named:
                whole = without_none(hints.get(ALL_VALUES))
                self._takes = declared(whole) if is_declarable(whole) else None
            self._checks = {
                key: coercer(hints[key]) if key in hints else None for key in self._named if key != ALL_VALUES
            }
        return self._checks

    def _output(self, value: Any) -> CrewOutput:
        known = _output_of_keys(value) or _known_output(value)
        if known is not None:
            return known
        if isinstance(value, Awaitable | Iterator | AsyncIterator):
            raise TypeError(f"step '{self.name}' returned {_unusable(value)}")
        if isinstance(value, BaseModel):
            content: Any = value.model_dump()  # a RootModel may hold a list
            named = None if isinstance(content, dict) else {self.name: content}
            return CrewOutput(raw=as_text(value), pydantic=value, json_dict=named)
        if isinstance(value, Mapping):
            keys: dict[Any, Any] = dict(value)
            for key in keys:
                if not isinstance(key, str):
                    raise TypeError(f"step '{self.name}' returned a dict with the key {key!r}; keys are text")
            return CrewOutput(raw=as_text(keys), json_dict=keys)
        return CrewOutput(raw=as_text(value), json_dict={self.name: value})


_NAMED = {
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.KEYWORD_ONLY,
}


@overload
def step(function: Callable[..., Any], /) -> Step: ...
@overload
def step(
    *, name: str | None = None, inline: bool = False, policy: Policy | None = None, budget: Budget | None = None
) -> Callable[[Callable[..., Any]], Step]: ...
def step(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    inline: bool = False,
    policy: Policy | None = None,
    budget: Budget | None = None,
) -> Any:
    """Make a function a stage: ``@step`` or ``@step(name="fetch")``.

    Args:
        function: the function, where the decorator stands without arguments.
        name: how it is called in pictures and traces; the function's name otherwise.
        inline: run a synchronous function in the event loop instead of a worker thread.
        policy: what holds for this step, such as ``Policy(node_timeout=30)``.
        budget: what the model calls that it makes may cost, in each run.
    """
    made = functools.partial(Step, name=name, inline=inline, policy=policy, budget=budget)
    return made if function is None else made(function)


def _parameters(function: Callable[..., Any], where: str) -> tuple[dict[str, inspect.Parameter], tuple[Problem, ...]]:
    """What a function takes, and what keeps it from being a step."""
    problems = list[Problem]()
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        problems.append(Problem("CG103", f"{where} is a generator function", "return a list"))
    try:
        parameters = dict(inspect.signature(function).parameters)
    except ValueError:  # some built-in functions do not say
        hint = "wrap it in a function that names the values it takes"
        return {}, (*problems, Problem("CG503", f"the parameters of {where} are not known", hint))
    problems += [
        Problem(
            "CG503",
            f"{where} has *{key}, which nothing can fill",
            "name the values it takes, or write **values",
        )
        for key, parameter in parameters.items()
        if parameter.kind is parameter.VAR_POSITIONAL
    ]
    return parameters, tuple(problems)


_SURE = SCALARS - {str, int}
"""Types of values of which text can be made without looking at the value."""
_CARE = (("\0", None, None),)
"""In place of the parameters of a function that takes them in any other way than by name: no value is called so."""
MAX_INT = 10**18
MIN_INT = -MAX_INT
"""Python refuses to write integers of some thousand digits."""


def _is_plain(keys: dict[Any, Any]) -> bool:
    """Whether what a step gave is as good as its text, so that this may be written when somebody looks."""
    for key, value in keys.items():
        kind = type(value)
        if kind is str:
            if not (value.isascii() or is_text(value)):
                return False
        elif kind is int:
            if not MIN_INT < value < MAX_INT:
                return False
        elif kind not in _SURE:
            return False
        if type(key) is not str or not (key.isascii() or is_text(key)):
            return False
    return True


def _output_of_keys(value: Any) -> CrewOutput | None:
    """What a dict gave whose keys are text, as most steps return."""
    if type(value) is not dict:
        return None
    for key in value:
        if type(key) is not str:
            return None
    raw = as_text(value)
    return CrewOutput.of_keys(dict(value), raw) if raw.isascii() or is_text(raw) else None


def _known_output(value: Any) -> CrewOutput | None:
    """What a crew, a pipeline or nothing gave."""
    if isinstance(value, outputs.PipelineKickoffResult) and len(value) == 1:
        value = value[0]
    if isinstance(value, outputs.PipelineRunResult):
        return value.output
    return CrewOutput() if value is None else value if isinstance(value, CrewOutput) else None


def _unusable(value: object) -> str:
    if isinstance(value, outputs.PipelineKickoffResult):
        return f"a kickoff of {len(value)} results; return one of them, or a list of what you need"
    if isinstance(value, Awaitable):
        return f"{value!r:.60}, which was not awaited; write return await …"
    return f"a {type(value).__name__}, which can be read only once; return a list"


def _function_name(function: Callable[..., Any]) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__name__", type(function).__name__)
    return "lambda" if name == "<lambda>" else name
