"""``crewgraph report``: the page, the picture and the Chrome trace of runs whose trace was kept."""

from __future__ import annotations

import webbrowser
from contextlib import ExitStack
from pathlib import Path

import click

from crewgraph.cli.kept import Kept, kept_files
from crewgraph.cli.options import check_apart
from crewgraph.report import opened_trace

__all__ = ["report"]


@click.command()
@click.argument("trace", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Where the page goes; beside TRACE otherwise.")
@click.option(
    "--picture",
    type=click.Path(path_type=Path),
    help="Also draw what the runs did: by its ending, as .svg .png .dot .mmd .txt.",
)
@click.option("--chrome-trace", type=click.Path(path_type=Path), help="Also write a trace for Perfetto and Chrome.")
@click.option("--title", help="Stands on the page; the name of the pipeline otherwise.")
@click.option("--open", "is_opened", is_flag=True, help="Open the page in a browser.")
def report(
    trace: Path,
    *,
    output: Path | None,
    picture: Path | None,
    chrome_trace: Path | None,
    title: str | None,
    is_opened: bool,
) -> None:
    """Make the report of runs from TRACE, which crewgraph run … --trace TRACE has written.

    The report is one page that needs no network: graph, timeline, the trace of every run, errors, and cost.
    """
    page = output or trace.with_suffix(".html")
    check_apart({"the trace": trace, "the report": page, "--picture": picture, "--chrome-trace": chrome_trace})
    with ExitStack() as files:
        runs = files.enter_context(opened_trace(trace))
        written = kept_files(
            runs.graph, files, report=page, picture=picture, chrome_trace=chrome_trace, title=title, total=runs.total
        )
        kept = Kept(written)
        count = failed = 0
        for record in runs.records:
            count, failed = count + 1, failed + (record.status != "ok")
            kept.take(record)
        kept.write()
    click.echo(f"{count:,} {'run' if count == 1 else 'runs'}, {failed:,} failed", err=True)
    if is_opened:
        webbrowser.open(page.resolve().as_uri())
