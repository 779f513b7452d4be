"""A graph as JSON values and back, as far as it is drawn: for traces, which are read where the pipeline is not.

Crews, steps and routers themselves are left out, and so are types: what is read back can be drawn, and not be run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, assert_never

from crewgraph.graph import Edge, Graph, GraphNode, Join, Merge, Start, Switch, Work
from crewgraph.node import Interface
from crewgraph.trace import Choice, Leaf, Parallel, Series, Shape, Wired

__all__ = ["graph_of", "graph_record"]

_POINTS: dict[str, type[Start | Join | Merge]] = {"start": Start, "join": Join, "merge": Merge}


def graph_record(graph: Graph) -> dict[str, Any]:
    """What is drawn of a graph, as JSON values."""
    return {
        "name": graph.name,
        "nodes": [_node_record(node) for node in graph.nodes.values()],
        "edges": [[edge.source, edge.target, edge.route] for edge in graph.edges],
        "shape": _shape_record(graph.shape),
        "is_procedure": graph.is_procedure,
        "merge_json": graph.merge_json,
    }


def graph_of(record: Mapping[str, Any]) -> Graph:
    """The graph that was written.

    Raises:
        ValueError, TypeError, LookupError: it is none.
    """
    nodes = [_node_of(each) for each in record["nodes"]]
    edges = [Edge(source, target, route) for source, target, route in record["edges"]]
    ways = {name: bool(record[name]) for name in ("is_procedure", "merge_json") if name in record}
    return Graph(nodes, edges, shape=_shape_of(record["shape"]), name=record["name"], **ways)


def _node_record(node: GraphNode) -> dict[str, Any]:
    match node:
        case Work(name, label, _, interface):
            return {
                "kind": "work",
                "name": name,
                "label": label,
                "type": interface.kind,
                "summary": interface.summary,
                "rows": [list(row) for row in interface.rows],
                "gives": list(interface.gives),
            }
        case Switch(name, _, routes, conditions, is_open):
            told = dict(conditions)
            return {"kind": "switch", "name": name, "routes": list(routes), "conditions": told, "is_open": is_open}
        case Start() | Join() | Merge():
            return {"kind": type(node).__name__.lower(), "name": node.name}
        case _:
            assert_never(node)


def _node_of(record: Mapping[str, Any]) -> GraphNode:
    kind, name = record["kind"], str(record["name"])
    if kind == "work":
        interface = Interface(
            kind=str(record["type"]),
            summary=str(record["summary"]),
            rows=tuple((str(task), str(agent)) for task, agent in record["rows"]),
            gives=dict.fromkeys(map(str, record["gives"]), Any),
        )
        return Work(name, str(record["label"]), None, interface)
    if kind == "switch":
        conditions = {str(route): str(condition) for route, condition in record["conditions"].items()}
        return Switch(name, None, tuple(map(str, record["routes"])), conditions, bool(record["is_open"]))
    return _POINTS[kind](name)


def _shape_record(shape: Shape) -> dict[str, Any]:
    match shape:
        case Leaf(node):
            return {"leaf": node}
        case Series(parts, name):
            return {"series": _shape_records(parts), "name": name}
        case Parallel(branches):
            return {"parallel": _shape_records(branches)}
        case Choice(router, routes):
            return {"choice": router, "routes": {route: _shape_record(arm) for route, arm in routes.items()}}
        case Wired(parts, before, forks, ends, name):
            ways = [[list(way) for way in each] for each in before]
            return {
                "wired": _shape_records(parts),
                "before": ways,
                "forks": [list(fork) for fork in forks.items()],
                "ends": list(ends),
                "name": name,
            }
        case _:
            assert_never(shape)


def _shape_records(shapes: Iterable[Shape]) -> list[dict[str, Any]]:
    return [_shape_record(shape) for shape in shapes]


def _shape_of(record: Mapping[str, Any]) -> Shape:
    if "leaf" in record:
        return Leaf(record["leaf"])
    if "series" in record:
        return Series(tuple(map(_shape_of, record["series"])), record["name"])
    if "parallel" in record:
        return Parallel(tuple(map(_shape_of, record["parallel"])))
    if "choice" in record:
        return Choice(record["choice"], {route: _shape_of(arm) for route, arm in record["routes"].items()})
    return Wired(
        tuple(map(_shape_of, record["wired"])),
        tuple(tuple((number, route) for number, route in each) for each in record["before"]),
        dict(record["forks"]),
        tuple(record["ends"]),
        record["name"],
    )
