"""LangGraph: a StateGraph of which the nodes are the body itself."""

from __future__ import annotations

from itertools import count, pairwise
from typing import Annotated, Any, TypedDict

from langgraph.checkpoint.memory import MemorySaver
from langgraph.graph import END, START, StateGraph

from bench.work import Body, Runs, Values, before, route_of


class One(TypedDict):
    """What nodes in a row change."""

    v: int


def highest(one: int, other: int) -> int:
    """What becomes of two values."""
    return max(one, other)


class Several(TypedDict):
    """What nodes beside each other change: it needs a reducer."""

    v: Annotated[int, highest]


class Graph(Runs):
    """A compiled graph; with a saver each run is a thread of its own."""

    def __init__(self, graph: Any, nodes: int, saver: MemorySaver | None) -> None:
        self.app, self.nodes, self.saver, self.threads = graph.compile(checkpointer=saver), nodes, saver, count()

    async def run(self, values: Values) -> Values:
        """One run."""
        config: Any = {"recursion_limit": 100_000}
        if self.saver is not None:
            config["configurable"] = {"thread_id": str(next(self.threads))}
        given: Values = await self.app.ainvoke(values, config)
        return given


class LangGraph:
    """Without a checkpointer, which is its quickest."""

    def saver(self) -> MemorySaver | None:
        """What keeps the state."""
        return None

    def chain(self, length: int, body: Body) -> Runs:
        """Nodes in a row."""
        graph: Any = StateGraph(One)
        names = [f"n{n}" for n in range(length)]
        for name in names:
            graph.add_node(name, body.of_values)
        for edge in zip([START, *names], [*names, END], strict=True):
            graph.add_edge(*edge)
        return Graph(graph, length, self.saver())

    def fan(self, width: int, body: Body) -> Runs:
        """Many beside each other."""
        return self.layered(1, width, body)

    def routed(self, body: Body) -> Runs:
        """One of three routes."""
        graph: Any = StateGraph(One)
        for name in ("a", "z", "b1", "b2", "c1", "c2", "d1", "d2"):
            graph.add_node(name, body.of_values)
        graph.add_edge(START, "a")
        graph.add_conditional_edges("a", lambda state: ("b1", "c1", "d1")[route_of(state)], ["b1", "c1", "d1"])
        for route in "bcd":
            graph.add_edge(f"{route}1", f"{route}2")
            graph.add_edge(f"{route}2", "z")
        graph.add_edge("z", END)
        return Graph(graph, 4, self.saver())

    def layered(self, layers: int, width: int, body: Body) -> Runs:
        """Layers; an edge from several nodes waits for all of them."""
        graph: Any = StateGraph(Several)
        rows = [[f"n{layer}.{place}" for place in range(width)] for layer in range(layers)]
        for name in ("first", "last", *(name for row in rows for name in row)):
            graph.add_node(name, body.of_values)
        graph.add_edge(START, "first")
        for name in rows[0]:
            graph.add_edge("first", name)
        for early, late in pairwise(rows):
            for place, name in enumerate(late):
                graph.add_edge([early[source] for source in before(place, width)], name)
        graph.add_edge(rows[-1], "last")
        graph.add_edge("last", END)
        return Graph(graph, layers * width + 2, self.saver())


class Saved(LangGraph):
    """With the checkpointer that keeps everything in memory."""

    def saver(self) -> MemorySaver | None:
        """What keeps the state."""
        return MemorySaver()
