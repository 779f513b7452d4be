"""Names for the nodes of a run inside of a router, the same each time whatever else goes on beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from crewgraph.compiler.plan import Plan
from crewgraph.graph import Work

__all__ = ["own_names"]


def own_names(plan: Plan, within: Sequence[str]) -> list[str]:
    """A name for each node, behind the names of the routers around it.

    The graph numbers equal names over the whole run, in the order in which routers come up with pipelines; here each
    pipeline is numbered by itself.
    """
    seen, names = Counter[str](), list[str]()
    for node in plan.nodes:
        label = node.label if isinstance(node, Work) else type(node).__name__.lower()
        seen[label] += 1
        number = f"#{seen[label]}" if seen[label] > 1 else ""
        names.append(" › ".join([*within, f"{label}{number}"]))
    return names
