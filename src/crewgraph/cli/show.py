"""``crewgraph show``: what a pipeline is, and which inputs it needs; or what is kept of a run."""

from __future__ import annotations

import json
import sys

import click

from crewgraph.cli.choice import key_option, store_given
from crewgraph.cli.console import width_for
from crewgraph.cli.files import names_option
from crewgraph.cli.findings import counted, echo_findings
from crewgraph.cli.inputs import groups_of
from crewgraph.cli.runs import echo_run
from crewgraph.cli.target import Target, load
from crewgraph.cli.trouble import Mistake
from crewgraph.compiler import analyse
from crewgraph.edges import Graph as HandMade
from crewgraph.errors import PipelineInvalid
from crewgraph.graph import Graph, Switch
from crewgraph.inputs import InputSpec
from crewgraph.render import marks_of, to_text
from crewgraph.syntax import Procedure

__all__ = ["show"]


@click.command()
@click.argument("target")
@click.option("--schema", is_flag=True, help="Print nothing but the JSON Schema of the inputs.")
@store_given(text="Show what is kept of a run there: TARGET is its id, or how that begins.", is_required=False)
@key_option
@click.option("--json", "is_json", is_flag=True, help="With --store: print it whole, as one JSON object.")
@names_option
def show(
    target: str, *, schema: bool, store: str | None, key: str | None, is_json: bool, names: tuple[str, ...]
) -> None:
    """Show what a pipeline is, or one run of a store. It tells stages, crews and steps, routes, the inputs it needs, and what the checker found.

    With --store show one run instead: what it was given, what each node did, gave and took, and what failed.
    """
    if store is not None:
        echo_run(store, target, key=key, is_json=is_json)
        return
    if key is not None or is_json:
        raise Mistake("--key and --json are about a run in a store. hint: add --store runs.sqlite")
    loaded = load(target, names=names, projects="one")
    if schema:
        click.echo(json.dumps(loaded.pipeline.inputs.json_schema(), ensure_ascii=False, indent=2))
        return
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
    for title, rows in groups_of(inputs):
        click.echo(title)
        width = width_for(sys.stdout)
        lines = click.HelpFormatter(width=width)
        with lines.indentation():
            lines.write_dl([(click.style(name, bold=True), words) for name, words in rows], col_max=width // 2)
        click.echo(lines.getvalue(), nl=False)
