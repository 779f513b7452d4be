"""``crewgraph trace``: the trace of runs that were kept, as lines of JSON or told on a terminal."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from crewgraph.cli import account
from crewgraph.cli.choice import key_option, store_given
from crewgraph.cli.options import check_apart
from crewgraph.cli.trouble import Mistake
from crewgraph.render.escape import clean
from crewgraph.report import TraceFile, encoded_line, opened_runs, trace_line
from crewgraph.report.trace_file import Trace, header

__all__ = ["trace"]


@click.command()
@store_given("SOURCE", text="Another way to name SOURCE. Also CREWGRAPH_STORE.", pushed="run")
@click.argument("run", required=False)
@click.option("-o", "--output", metavar="FILE", help="Where the lines go, or - for standard output.")
@key_option
def trace(*, store: str, run: str | None, output: str | None, key: str | None) -> None:
    """Write the trace of the runs in SOURCE. That is a store, or what crewgraph run … --trace FILE has written.

    It is what crewgraph run … --trace FILE writes: the graph, then a line for each run. With RUN, the id of one or the
    beginning of it, that one is told as a person reads it: every node, with its calls. With -o it is written, too.
    """
    if output not in (None, "-"):
        check_apart({"the runs": None if "://" in store else Path(store), "-o": Path(output or "")})
    with opened_runs(store, key=key, run=run) as runs:
        if run is not None and output is None:
            _tell(runs)
        elif output in (None, "-"):
            _print(runs)
        else:
            _write(runs, output or "")


def _tell(runs: Trace) -> None:
    for record in runs.records:
        name = record.run_id or record.id
        click.echo(f"{click.style(clean(name) or '(unnamed)', bold=True)}  {account.head(record)}")
        for line in account.inputs(record):
            click.echo(f"  {line}")
        for line in account.nodes(record, has_calls=True):
            click.echo(f"  {line}")


def _print(runs: Trace) -> None:
    out = sys.stdout.buffer
    out.write(encoded_line(header(runs.graph, runs.total)))
    for record in runs.records:
        out.write(encoded_line(trace_line(record)))
    out.flush()


def _write(runs: Trace, output: str) -> None:
    count = 0
    try:
        with TraceFile(output, runs.graph, total=runs.total) as file:
            for record in runs.records:
                count += 1
                file.take(record)
    except OSError as error:
        raise Mistake(f"'{output}' cannot be written: {error.strerror or error}") from error
    click.echo(f"wrote {output}: {count:,} {'run' if count == 1 else 'runs'}", err=True)
