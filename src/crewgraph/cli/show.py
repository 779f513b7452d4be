"""``crewgraph show``: what a pipeline is, and which inputs it needs."""

from __future__ import annotations

from typing import Any

import click

from crewgraph.cli.files import names_option
from crewgraph.cli.findings import counted, echo_findings
from crewgraph.cli.target import Target, load
from crewgraph.compiler import analyse
from crewgraph.edges import Graph as HandMade
from crewgraph.errors import PipelineInvalid
from crewgraph.graph import Graph, Switch
from crewgraph.inputs import InputSpec
from crewgraph.kinds import written
from crewgraph.render import marks_of, to_text
from crewgraph.render.escape import clean
from crewgraph.syntax import Procedure

__all__ = ["show"]


@click.command()
@click.argument("target")
@names_option
def show(target: str, *, names: tuple[str, ...]) -> None:
    """Show what a pipeline is: stages, crews and steps, routes, the inputs it needs, and what the checker found."""
    loaded = load(target, names=names, projects="one")
    graph, findings = analyse(loaded.pipeline)
    click.echo(f"{click.style(loaded.title, bold=True)}  {_counts(loaded, graph)}")
    click.echo()
    click.echo(to_text(graph, marks=marks_of(findings)), nl=False)
    click.echo()
    try:
        _echo_inputs(loaded.pipeline.inputs)
    except PipelineInvalid:
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


def _echo_inputs(inputs: InputSpec) -> None:
    if not inputs:
        click.echo("inputs: none are needed")
    groups = {
        "inputs that every run needs": [each for each in inputs.values() if each.is_required],
        "inputs that some routes need": [inputs[key] for key in inputs.on_routes],
        "inputs that may be left out": [
            each for each in inputs.values() if not each.is_required and each.key not in inputs.on_routes
        ],
    }
    for title, fields in groups.items():
        if fields:
            click.echo(title)
        names = [f"{each.key}: {written(each.kind)}" if each.kind is not Any else each.key for each in fields]
        width = max(map(len, names), default=0)
        for name, each in zip(names, fields, strict=True):
            readers = "; ".join(each.used_by) or "nobody reads it"
            where = f"  on {' or '.join(each.routes)}" if each.routes else ""
            click.echo(f"  {click.style(clean(name).ljust(width), bold=True)}  {clean(readers + where)}")
