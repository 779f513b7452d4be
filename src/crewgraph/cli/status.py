"""``crewgraph status``: what is in a store, also while somebody writes to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

import click

from crewgraph.errors.root import counted
from crewgraph.render.escape import clean
from crewgraph.store import PipelineRuns, overview_of

__all__ = ["status"]

ORDER = ("ok", "failed", "over_budget", "cancelled", "waiting", "running")
WORDS = {"over_budget": "stopped by a budget", "waiting": "waiting for a person", "running": "not finished"}


@click.command()
@click.argument("file")
@click.option("--nodes", "has_nodes", is_flag=True, help="Also count, for each node, the runs that have kept it.")
@click.option("--json", "is_json", is_flag=True, help="Print the same as one JSON object.")
def status(file: str, *, has_nodes: bool, is_json: bool) -> None:
    """Show what is in the store FILE: for each pipeline how many runs there are, and how they ended."""
    overview = overview_of(file)
    if is_json:
        click.echo(json.dumps(asdict(overview), ensure_ascii=False, indent=2))
        return
    for pipeline in overview.pipelines:
        click.echo(f"{click.style(clean(pipeline.name), bold=True)}  {_runs(pipeline)}")
        if has_nodes:
            for line in _nodes(pipeline):
                click.echo(f"  {line}")
    if not overview.pipelines:
        click.echo("there are no runs in it yet")
    if overview.writer is not None:
        click.echo(f"{overview.writer} writes to it")


def _runs(pipeline: PipelineRuns) -> str:
    total = counted(sum(pipeline.runs.values()), "run")
    return f"{total}: {', '.join(f'{pipeline.runs[each]:,} {WORDS.get(each, each)}' for each in ORDER if each in pipeline.runs)}"


def _nodes(pipeline: PipelineRuns) -> Iterator[str]:
    width = max((len(clean(name)) for name in pipeline.nodes), default=0)
    for name, (kept, failed) in pipeline.nodes.items():
        yield f"{clean(name).ljust(width)}  kept of {counted(kept, 'run')}{f', {failed:,} failed' if failed else ''}"
