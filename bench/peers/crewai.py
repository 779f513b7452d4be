"""crewAI: a Flow, whose methods listen to each other. An object holds the state of one run, so each run makes one.

Its events are on, as they are by default; its telemetry is not.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

os.environ |= {
    "CI": "true",
    "CREWAI_DISABLE_TELEMETRY": "true",
    "CREWAI_DISABLE_TRACKING": "true",
    "CREWAI_TESTING": "true",
    "CREWAI_TRACING_ENABLED": "false",
    "OPENAI_API_KEY": "none",
    "OTEL_SDK_DISABLED": "true",
}

import itertools

from crewai.flow.flow import Flow, and_, listen, or_, router, start

from bench.work import Body, Runs, Values, before, route_of

Method = Callable[..., Any]


def named(method: Method, name: str) -> Method:
    """A method of that name: a Flow knows its methods by it."""
    method.__name__ = method.__qualname__ = name
    return method


def beginning(name: str, body: Body, ahead: int = 0) -> Method:
    """A method that takes its value from the state of the flow, from which others have gone ahead so far."""

    async def method(self: Any) -> Values:
        return await body.of_values({"v": self.state["v"] + ahead})

    return named(method, name)


def following(name: str, body: Body) -> Method:
    """A method that is given what the one before gave."""

    async def method(self: Any, values: Values) -> Values:  # noqa: ARG001 - a method
        return await body.of_values(values)

    return named(method, name)


class Flowing(Runs):
    """A class of flows."""

    def __init__(self, methods: Mapping[str, Method], nodes: int) -> None:
        self.flow: Any = type("Made", (Flow,), {**methods, "__module__": __name__})
        self.nodes = nodes

    async def run(self, values: Values) -> Values:
        """One run."""
        given: Values = await self.flow(max_method_calls=10**9).kickoff_async(inputs=values)
        return given


class Flows:
    """The flow."""

    def chain(self, length: int, body: Body) -> Runs:
        """Nodes in a row."""
        methods = {"n0": start()(beginning("n0", body))}
        for n in range(1, length):
            methods[f"n{n}"] = listen(methods[f"n{n - 1}"])(following(f"n{n}", body))
        return Flowing(methods, length)

    def fan(self, width: int, body: Body) -> Runs:
        """Many beside each other."""
        return self.layered(1, width, body)

    def routed(self, body: Body) -> Runs:
        """One of three routes; who listens to a route is not told the values."""

        def chosen(self: Any, values: Values) -> str:  # noqa: ARG001 - a method
            return f"to {route_of(values)}"

        methods = {"a": start()(beginning("a", body))}
        methods["chosen"] = router(methods["a"], emit=["to 0", "to 1", "to 2"])(chosen)
        for number, route in enumerate("bcd"):
            methods[f"{route}1"] = listen(f"to {number}")(beginning(f"{route}1", body, ahead=1))
            methods[f"{route}2"] = listen(methods[f"{route}1"])(following(f"{route}2", body))
        methods["z"] = listen(or_(*[methods[f"{route}2"] for route in "bcd"]))(following("z", body))
        return Flowing(methods, 4)

    def layered(self, layers: int, width: int, body: Body) -> Runs:
        """Layers."""
        methods = {"first": start()(beginning("first", body))}
        rows = [[f"n{layer}_{place}" for place in range(width)] for layer in range(layers)]
        for name in rows[0]:
            methods[name] = listen(methods["first"])(following(name, body))
        for early, late in itertools.pairwise(rows):
            for place, name in enumerate(late):
                needed = and_(*[methods[early[source]] for source in before(place, width)])
                methods[name] = listen(needed)(following(name, body))
        methods["last"] = listen(and_(*[methods[name] for name in rows[-1]]))(following("last", body))
        return Flowing(methods, layers * width + 2)
