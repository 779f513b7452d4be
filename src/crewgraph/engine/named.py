"""Engines by name: ours, and those that installed packages offer as entry points in ``crewgraph.engines``."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points

from crewgraph.engine.local import LocalEngine
from crewgraph.engine.port import Engine

__all__ = ["VARIABLE", "engine_named"]

VARIABLE = "CREWGRAPH_ENGINE"
"""Names the engine of every kickoff that does not say it itself."""

GROUP = "crewgraph.engines"
CLUSTER = EntryPoint("cluster", "crewgraph.cluster.engine:ClusterEngine", GROUP)
"""Ours, and named as those of others are: its room lies above this one."""


@cache
def engine_named(name: str) -> Engine:
    """An engine by its name.

    Raises:
        ValueError: there is none of this name.
    """
    if name == "local":
        return LocalEngine()
    found = {point.name: point for point in (CLUSTER, *entry_points(group=GROUP))}
    if name not in found:
        known = ", ".join(sorted({"local", *found}))
        raise ValueError(f"there is no engine '{name}'; installed engines: {known}")
    engine: Engine = found[name].load()()
    return engine
