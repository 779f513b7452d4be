"""pydantic-graph: its GraphBuilder, which runs branches side by side.

A join needs one fork that leads to all of it, so that layers cannot be wired node by node: each ends in a join of all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from pydantic_graph import GraphBuilder, StepContext, reduce_list_append

from bench.work import Body, Runs, Values, merged, route_of

Call = Callable[[Any], Awaitable[Values]]


def single(body: Body) -> Call:
    """A step behind one other."""

    async def call(context: StepContext[Any, Any, Any]) -> Values:
        return await body.of_values(context.inputs)

    return call


def joining(body: Body) -> Call:
    """A step behind a join, which gives it a list."""

    async def call(context: StepContext[Any, Any, Any]) -> Values:
        return await body.of_values(merged(context.inputs))

    return call


class Graph(Runs):
    """A graph that was built."""

    def __init__(self, builder: Any, nodes: int) -> None:
        self.graph, self.nodes = builder.build(), nodes

    async def run(self, values: Values) -> Values:
        """One run."""
        given: Values = await self.graph.run(inputs=values)
        return given


class PydanticGraph:
    """The graph of steps."""

    def chain(self, length: int, body: Body) -> Runs:
        """Nodes in a row."""
        builder: Any = GraphBuilder(input_type=dict, output_type=dict)
        steps = [builder.step(single(body), node_id=f"n{n}") for n in range(length)]
        ways = zip([builder.start_node, *steps], [*steps, builder.end_node], strict=True)
        builder.add(*[builder.edge_from(early).to(late) for early, late in ways])
        return Graph(builder, length)

    def fan(self, width: int, body: Body) -> Runs:
        """Many beside each other."""
        return self.layered(1, width, body)

    def routed(self, body: Body) -> Runs:
        """One of three routes."""
        builder: Any = GraphBuilder(input_type=dict, output_type=dict)
        steps = {
            name: builder.step(single(body), node_id=name) for name in ("a", "z", "b1", "b2", "c1", "c2", "d1", "d2")
        }
        decision = builder.decision()
        for number, route in enumerate("bcd"):

            def matches(values: Values, number: int = number) -> bool:
                return route_of(values) == number

            decision = decision.branch(builder.match(dict, matches=matches).to(steps[f"{route}1"]))
        builder.add(
            builder.edge_from(builder.start_node).to(steps["a"]),
            builder.edge_from(steps["a"]).to(decision),
            *[builder.edge_from(steps[f"{route}1"]).to(steps[f"{route}2"]) for route in "bcd"],
            *[builder.edge_from(steps[f"{route}2"]).to(steps["z"]) for route in "bcd"],
            builder.edge_from(steps["z"]).to(builder.end_node),
        )
        return Graph(builder, 4)

    def layered(self, layers: int, width: int, body: Body) -> Runs:
        """Layers, each of which waits for all of the one before."""
        builder: Any = GraphBuilder(input_type=dict, output_type=dict)
        early, call = builder.step(single(body), node_id="first"), single
        builder.add(builder.edge_from(builder.start_node).to(early))
        for layer in range(layers):
            row = [builder.step(call(body), node_id=f"n{layer}.{place}") for place in range(width)]
            join = builder.join(reduce_list_append, initial_factory=list, node_id=f"join{layer}")
            builder.add(builder.edge_from(early).to(*row), builder.edge_from(*row).to(join))
            early, call = join, joining
        last = builder.step(joining(body), node_id="last")
        builder.add(builder.edge_from(early).to(last), builder.edge_from(last).to(builder.end_node))
        return Graph(builder, layers * width + 2)
