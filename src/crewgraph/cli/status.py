"""``crewgraph status``: what is in a store, also while somebody writes to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

import click

from crewgraph.cli.account import WORDS
from crewgraph.cli.choice import Choice, key_option, store_option
from crewgraph.cli.runs import echo_runs
from crewgraph.cli.trouble import Mistake
from crewgraph.errors.root import counted
from crewgraph.render.duration import duration
from crewgraph.render.escape import clean
from crewgraph.store import ENDED, ClusterOverview, Overview, PipelineRuns, overview_of

__all__ = ["status"]

ORDER = STATES = (*ENDED, "waiting", "running", "queued")


@click.command()
@store_option
@click.option("--nodes", "has_nodes", is_flag=True, help="Also count, for each node, the runs that have kept it.")
@click.option("--runs", "has_runs", is_flag=True, help="List the runs instead, those that began last first.")
@click.option("--status", "states", type=Choice(STATES), multiple=True, help="With --runs: only these. Repeatable.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="With --runs: no more than so many.")
@key_option
@click.option("--json", "is_json", is_flag=True, help="Print the same as one JSON object; with --runs as one for each.")
def status(
    store: str,
    *,
    has_nodes: bool,
    has_runs: bool,
    states: tuple[str, ...],
    limit: int | None,
    key: str | None,
    is_json: bool,
) -> None:
    """Show how many runs are in STORE. It tells for each pipeline how many there are, and how they ended."""
    if has_runs:
        echo_runs(store, key=key, status=states, limit=limit, is_json=is_json)
        return
    if states or limit or key:
        raise Mistake("--status, --limit and --key choose among runs. hint: add --runs")
    overview = overview_of(store)
    if is_json:
        click.echo(json.dumps(asdict(overview), ensure_ascii=False, indent=2))
    else:
        _echo(overview, has_nodes=has_nodes)


def _echo(overview: Overview, *, has_nodes: bool) -> None:
    for pipeline in overview.pipelines:
        click.echo(f"{click.style(clean(pipeline.name), bold=True)}  {_runs(pipeline)}")
        if has_nodes:
            for line in _nodes(pipeline):
                click.echo(f"  {line}")
    if not overview.pipelines:
        click.echo("there are no runs in it yet")
    if isinstance(overview, ClusterOverview):
        for line in _workers(overview):
            click.echo(line)
    if overview.writer is not None:
        click.echo(f"{overview.writer} writes to it")


def _workers(overview: ClusterOverview) -> Iterator[str]:
    """Who is there to execute runs, and what waits for somebody else."""
    alive = [worker for worker in overview.workers if worker.is_alive]
    yield f"{counted(len(alive), 'worker')} there" if alive else "no worker is there"
    for worker in overview.workers:
        takes = ", ".join(f"{clean(name)} {clean(version)}" for name, version in worker.pipelines.items())
        seen = f"since {duration(worker.since)}" if worker.is_alive else f"silent for {duration(worker.silent)}"
        line = f"  {clean(worker.name)}  {takes}, {seen}, {counted(worker.runs, 'run')} at work"
        yield line if worker.is_alive else click.style(line, fg="yellow")
    for queue in overview.queues:
        if not queue.workers:
            wait = f"{counted(queue.runs, 'run')} of {clean(queue.pipeline)} {clean(queue.version)}"
            yield click.style(f"no worker takes the {wait} that {'waits' if queue.runs == 1 else 'wait'}", fg="yellow")


def _runs(pipeline: PipelineRuns) -> str:
    total = counted(sum(pipeline.runs.values()), "run")
    return f"{total}: {', '.join(f'{pipeline.runs[each]:,} {WORDS.get(each, each)}' for each in ORDER if each in pipeline.runs)}"


def _nodes(pipeline: PipelineRuns) -> Iterator[str]:
    width = max((len(clean(name)) for name in pipeline.nodes), default=0)
    for name, (kept, failed) in pipeline.nodes.items():
        yield f"{clean(name).ljust(width)}  kept of {counted(kept, 'run')}{f', {failed:,} failed' if failed else ''}"
