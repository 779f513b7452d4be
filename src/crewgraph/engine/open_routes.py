"""Routers that come up with pipelines nobody declared: each becomes a run inside of the run."""

from __future__ import annotations

from typing import Any

from crewgraph.compiler import compile_pipeline
from crewgraph.engine.run import Run
from crewgraph.graph import Switch
from crewgraph.syntax import Pipeline

__all__ = ["declares", "run_inside"]

MAX_NESTING = 50
"""How deep open routers may lead into one another."""


def declares(switch: Switch, route: str, pipeline: object) -> bool:
    """Whether this is the pipeline that was declared for the route, and so is part of the graph."""
    if route not in switch.routes:
        return False
    if route == "default":
        return pipeline is switch.router.default
    return pipeline is switch.router.routes[route].pipeline


def run_inside(run: Run, node: int, switch: Switch, route: str, pipeline: Any) -> Run:
    """A run of the pipeline that a router came up with.

    Raises:
        RecursionError: there are too many, each inside of the other.
    """
    if run.depth >= MAX_NESTING:
        raise RecursionError(f"'{switch.name}' went {MAX_NESTING} pipelines deep into itself")
    target = Pipeline(stages=[pipeline], merge_json=run.plan.graph.merge_json)  # spliced in, whatever it is
    taken = {name for inner in run.root.family() for name in inner.plan.graph.nodes}
    subrun = Run(compile_pipeline(target, taken=taken), run.index, run.values(node), parent=(run, node))
    if run.log is not None:
        mark = run.marks[node]
        started, ended = mark.started, mark.ended or mark.started
        state = subrun.frontier.state
        subrun.log = run.log.inside(node, route, subrun.plan, state, started=started, ended=ended)
    run.subruns[node] = subrun
    return subrun
