"""The passes of the checker: named functions over a frozen graph, each yielding findings.

What lowering itself finds (nesting, empty stages, cycles through routers, problems inside a node) it reports; these
passes find what only the finished graph shows, and hold for graphs that were not made by lowering too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from crewgraph.diagnostics import Diagnostic
from crewgraph.graph import Graph, Switch, Work

__all__ = ["PASSES", "Pass"]

Pass = Callable[[Graph], Iterable[Diagnostic]]


def same_names(graph: Graph) -> Iterator[Diagnostic]:
    """CG201: different crews under one name; the same crew twice is what its author meant."""
    first = dict[str, Work]()
    for work in graph.works:
        other = first.setdefault(work.label, work)
        if other.node is not work.node:
            yield Diagnostic(
                "CG201",
                f"two different nodes are called '{work.label}': at {_place(other)} and at {_place(work)}; "
                f"the second one becomes '{work.name}'",
                work.path,
                "give one of them another name",
                work.name,
            )


def cycles(graph: Graph) -> Iterator[Diagnostic]:
    """CG202: a way that leads back to where it began."""
    way = graph.cycle()
    if way:
        hint = "take one of these edges away"
        yield Diagnostic("CG202", f"cycle: {' → '.join([*way, way[0]])}", (), hint, way[0])


def unreachable(graph: Graph) -> Iterator[Diagnostic]:
    """CG203: nodes that no input can reach."""
    for name in graph.unreachable():
        node = graph.nodes[name]
        path = node.path if isinstance(node, Work | Switch) else ()
        yield Diagnostic("CG203", f"nothing leads to '{name}'", path, "connect it, or take it away", name)


PASSES: tuple[Pass, ...] = (same_names, cycles, unreachable)


def _place(work: Work) -> str:
    return " › ".join(work.path) or f"'{work.name}'"
