"""Conditional routes: a :class:`Router` chooses one of several pipelines for each run, by the values it is handed."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, SkipValidation, field_validator

from crewgraph.condition import Condition, parse_condition
from crewgraph.definition import told
from crewgraph.handoff import isolated
from crewgraph.syntax import Pipeline, Stage, is_single

__all__ = ["Route", "Router"]


class Route(BaseModel):
    """One way out of a router.

    Attributes:
        condition: a callable of the merged values (sync or async), or an expression such as ``"score > 7"``.
        pipeline: where it leads: a pipeline, or any stage.
    """

    model_config = ConfigDict(defer_build=True, arbitrary_types_allowed=True, extra="forbid")

    condition: SkipValidation[Callable[[dict[str, Any]], Any] | str]
    pipeline: SkipValidation[Any]

    def __init__(self, condition: Callable[[dict[str, Any]], Any] | str, pipeline: Any, **extra: Any) -> None:
        super().__init__(condition=condition, pipeline=pipeline, **extra)

    @field_validator("condition", mode="before")
    @classmethod
    def _decidable(cls, condition: Any) -> Any:
        if isinstance(condition, str):
            parse_condition(condition)
        elif not callable(condition):
            raise ValueError(  # noqa: TRY004 - pydantic turns a ValueError into its ValidationError
                f"a condition is a callable or an expression such as 'score > 7', got {type(condition)}"
            )
        return condition

    @field_validator("pipeline", mode="before")
    @classmethod
    def _stage(cls, pipeline: Any) -> Any:
        return _route_target(pipeline)

    @property
    def decide(self) -> Callable[[dict[str, Any]], Any]:
        """The condition as a callable."""
        return parse_condition(self.condition) if isinstance(self.condition, str) else self.condition

    @property
    def declared(self) -> Condition | None:
        """The parsed condition, or ``None`` where it is a callable that cannot be looked into."""
        return parse_condition(self.condition) if isinstance(self.condition, str) else None


def _route_target(pipeline: Any) -> Any:
    if isinstance(pipeline, list | tuple):
        return Pipeline(stages=[pipeline])
    if not is_single(pipeline):
        raise ValueError(f"CG103 a route leads to a pipeline or a crew, got {type(pipeline)}")
    return pipeline


Routed = tuple[Any, str]


class Router(BaseModel, Stage):
    """Chooses one of several routes for each run, by the values it is handed.

    Conditions are tried in order; the first true one wins, and where none is true the fallback called ``default`` is
    taken. A condition that raises fails the run; it never means the default.
    """

    model_config = ConfigDict(defer_build=True, arbitrary_types_allowed=True, extra="forbid")
    joins_procedure: ClassVar[bool] = False

    routes: dict[str, Route] = Field(default_factory=dict[str, Route])
    default: SkipValidation[Any]
    name: str | None = None

    def __init__(self, routes: Mapping[str, Route] | None = None, default: Any = None, **options: Any) -> None:
        super().__init__(routes={} if routes is None else routes, default=default, **options)

    def __class_getitem__(cls, item: object) -> Any:  # the ancestor's Router was generic: Router[dict, Pipeline]
        return cls

    @field_validator("routes", mode="after")
    @classmethod
    def _no_default(cls, routes: dict[str, Route]) -> dict[str, Route]:
        for name in routes:
            _route_name(name)
        return routes

    @field_validator("default", mode="before")
    @classmethod
    def _stage(cls, default: Any) -> Any:
        if default is None:
            raise ValueError("a router needs a default: the pipeline for runs that no condition fits")
        return _route_target(default)

    def add_route(self, name: str, condition: Callable[[dict[str, Any]], Any] | str, pipeline: Any) -> Self:
        """Add a route behind the others, or replace the one of that name; returns the router."""
        self.routes[_route_name(name)] = Route(condition=condition, pipeline=pipeline)
        return self

    def route(self, values: dict[str, Any]) -> Routed | Awaitable[Routed]:
        """The pipeline to take for these values, and the route's name; awaitable where a condition is async."""
        pending = iter(self.routes.items())
        for name, route in pending:
            verdict = _decided(name, route, values)
            if not isinstance(verdict, bool) and inspect.isawaitable(verdict):  # to ask the latter takes a microsecond
                return self._route_async(name, route, verdict, pending, values)
            if verdict:
                return route.pipeline, name
        return self.default, "default"

    def definition(self) -> dict[str, Any]:
        """What decides about the route, as JSON values; where its routes lead is not its own."""
        routes = [[name, told(route.condition)] for name, route in self.routes.items()]
        return {"routes": routes, "route": told(None if type(self).route is Router.route else type(self).route)}

    async def _route_async(
        self,
        name: str,
        route: Route,
        verdict: Awaitable[Any],
        pending: Iterator[tuple[str, Route]],
        values: dict[str, Any],
    ) -> Routed:
        if await verdict:
            return route.pipeline, name
        for later, candidate in pending:
            decided = _decided(later, candidate, values)
            if await decided if inspect.isawaitable(decided) else decided:
                return candidate.pipeline, later
        return self.default, "default"

    def __repr__(self) -> str:
        return f"Router({', '.join([*self.routes, 'default'])})"

    __str__ = __repr__


def _decided(name: str, route: Route, values: dict[str, Any]) -> Any:
    try:
        return route.decide(values if isinstance(route.condition, str) else isolated(values))
    except Exception as error:
        error.add_note(f"in the condition of route '{name}', which is given one dict of all values")
        raise


def _route_name(name: Any) -> str:
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"a route needs a name, got {name!r}")
    if name == "default":
        raise ValueError("'default' is the name of the fallback; give the route another one")
    return name
