"""``crewgraph show``: what a pipeline is, and which inputs it needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import click

from crewgraph.cli.findings import counted, echo_findings
from crewgraph.cli.target import Target, load
from crewgraph.compiler import Demand, analyse
from crewgraph.edges import Graph as HandMade
from crewgraph.graph import Graph, Switch
from crewgraph.render import to_text
from crewgraph.render.escape import clean
from crewgraph.syntax import Procedure

__all__ = ["show"]


@click.command()
@click.argument("target")
def show(target: str) -> None:
    """Show what a pipeline is: stages, crews and steps, routes, the inputs it needs, and what the checker found."""
    loaded = load(target)
    graph, findings = analyse(loaded.pipeline)
    click.echo(f"{click.style(loaded.title, bold=True)}  {_counts(loaded, graph)}")
    click.echo()
    click.echo(to_text(graph), nl=False)
    click.echo()
    if findings.ok:
        _echo_demand(loaded.pipeline.compile().demand)
    else:
        click.echo("inputs: known once the errors are mended")
    click.echo()
    click.echo(f"findings: {counted(findings)}")
    echo_findings(findings)


def _counts(target: Target, graph: Graph) -> str:
    kinds = [work.interface.kind for work in graph.works] + [
        "router" for node in graph.nodes.values() if isinstance(node, Switch)
    ]
    numbers = [_number(kinds.count(kind), kind) for kind in dict.fromkeys(kinds)]
    if isinstance(target.pipeline, HandMade):
        return " · ".join(["graph", _number(len(target.pipeline.edges), "edge"), *numbers])
    what = "procedure" if isinstance(target.pipeline, Procedure) else "pipeline"
    return " · ".join([what, _number(len(target.pipeline.stages), "stage"), *numbers])


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _echo_demand(demand: Demand) -> None:
    if not demand.always and not demand.on_routes:
        click.echo("inputs: none are needed")
    _echo_keys("inputs that every run needs", demand.always)
    _echo_keys("inputs that some routes need", demand.on_routes)


def _echo_keys(title: str, keys: Mapping[str, Iterable[str]]) -> None:
    if keys:
        click.echo(title)
    width = max(map(len, keys), default=0)
    for key, readers in keys.items():
        click.echo(f"  {click.style(key.ljust(width), bold=True)}  {clean('; '.join(readers))}")
