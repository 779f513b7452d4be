"""Burr: a state machine of async actions. The graph is built once; an application holds the state of one run.

Actions side by side are a MapActions, which makes an application for each branch; layers are one such action each.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from itertools import pairwise
from typing import Any

from burr.core import ApplicationBuilder, State, action, when
from burr.core.graph import GraphBuilder
from burr.core.parallelism import MapActions

from bench.work import Body, Runs, Values, route_of


def acting(body: Body) -> Any:
    """An action."""

    @action(reads=["v"], writes=["v"])
    async def act(state: State[Any]) -> State[Any]:
        return state.update(**await body.of_values({"v": state["v"]}))

    return act


def deciding(body: Body) -> Any:
    """An action behind which the route is known."""

    @action(reads=["v"], writes=["v", "route"])
    async def act(state: State[Any]) -> State[Any]:
        values = await body.of_values({"v": state["v"]})
        return state.update(route=route_of(values), **values)

    return act


class Abreast(MapActions):
    """Many beside each other."""

    def __init__(self, width: int, body: Body) -> None:
        super().__init__()
        self.branches = [acting(body) for _ in range(width)]

    def is_async(self) -> bool:
        """Whether branches are."""
        return True

    def actions(self, state: State[Any], context: Any, inputs: Any) -> Iterable[Any]:  # noqa: ARG002 - of the family
        """The branches."""
        return iter(self.branches)

    def state(self, state: State[Any], inputs: Any) -> State[Any]:  # noqa: ARG002 - of the family
        """What each is given."""
        return state

    async def reduce(self, state: State[Any], states: AsyncGenerator[State[Any], None]) -> State[Any]:
        """What becomes of all."""
        return state.update(v=max([given["v"] async for given in states]))

    @property
    def reads(self) -> list[str]:
        """The keys."""
        return ["v"]

    @property
    def writes(self) -> list[str]:
        """The keys."""
        return ["v"]


class Machine(Runs):
    """A graph, and an application for each run."""

    def __init__(self, actions: dict[str, Any], ways: Iterable[Any], nodes: int) -> None:
        self.graph = GraphBuilder().with_actions(**actions).with_transitions(*ways).build()
        self.first, self.last, self.nodes = next(iter(actions)), list(actions)[-1], nodes

    async def run(self, values: Values) -> Values:
        """One run."""
        builder: Any = ApplicationBuilder().with_graph(self.graph).with_state(**values).with_entrypoint(self.first)
        _, _, state = await (await builder.abuild()).arun(halt_after=[self.last])
        return {"v": state["v"]}


class Burr:
    """The state machine."""

    def chain(self, length: int, body: Body) -> Runs:
        """Nodes in a row."""
        actions = {f"n{n}": acting(body) for n in range(length)}
        return Machine(actions, pairwise(actions), length)

    def fan(self, width: int, body: Body) -> Runs:
        """Many beside each other."""
        return self.layered(1, width, body)

    def routed(self, body: Body) -> Runs:
        """One of three routes."""
        actions = {name: acting(body) for name in ("b1", "b2", "c1", "c2", "d1", "d2", "z")}
        ways: list[Any] = [("a", f"{route}1", when(route=number)) for number, route in enumerate("bcd")]
        ways += [way for route in "bcd" for way in ((f"{route}1", f"{route}2"), (f"{route}2", "z"))]
        return Machine({"a": deciding(body), **actions}, ways, 4)

    def layered(self, layers: int, width: int, body: Body) -> Runs:
        """Layers, each of which waits for all of the one before."""
        rows = {f"layer{n}": Abreast(width, body) for n in range(layers)}
        actions = {"first": acting(body), **rows, "last": acting(body)}
        return Machine(actions, pairwise(actions), layers * width + 2)
