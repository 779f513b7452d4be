"""``crewgraph report``: the page, the picture and the Chrome trace of runs that were kept, in a store or in a trace."""

from __future__ import annotations

import webbrowser
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import click

from crewgraph.cli.account import WORDS
from crewgraph.cli.choice import key_option, store_given
from crewgraph.cli.kept import Kept, kept_files
from crewgraph.cli.options import check_apart
from crewgraph.cli.trouble import Mistake
from crewgraph.errors.root import counted
from crewgraph.report import opened_runs

__all__ = ["report"]


@click.command()
@store_given("SOURCE", text="Another way to name SOURCE. Also CREWGRAPH_STORE.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Where the page goes; beside SOURCE otherwise.")
@click.option(
    "--picture",
    type=click.Path(path_type=Path),
    help="Also draw what the runs did: by its ending, as .svg .png .dot .mmd .txt.",
)
@click.option("--chrome-trace", type=click.Path(path_type=Path), help="Also write a trace for Perfetto and Chrome.")
@click.option("--title", help="Stands on the page; the name of the pipeline otherwise.")
@key_option
@click.option("--open", "is_opened", is_flag=True, help="Open the page in a browser.")
def report(
    store: str,
    *,
    output: Path | None,
    picture: Path | None,
    chrome_trace: Path | None,
    title: str | None,
    key: str | None,
    is_opened: bool,
) -> None:
    """Make the report of the runs in SOURCE. That is a store, or what crewgraph run … --trace FILE has written.

    The report is one page that needs no network: graph, timeline, the trace of every run, errors, and cost.
    """
    source, is_address = store, "://" in store
    if not is_address and Path(source).is_dir():
        raise Mistake(f"'{source}' is a folder. hint: name the store in it, or the file of a trace")
    page = output or (Path("report.html") if is_address else Path(source).with_suffix(".html"))
    kept_in = None if is_address else Path(source)
    check_apart({"the runs": kept_in, "the report": page, "--picture": picture, "--chrome-trace": chrome_trace})
    with ExitStack() as files:
        runs = files.enter_context(opened_runs(source, key=key))
        written = kept_files(
            runs.graph, files, report=page, picture=picture, chrome_trace=chrome_trace, title=title, total=runs.total
        )
        kept = Kept(written)
        counts = Counter[str]()
        for record in runs.records:
            counts[record.status if record.status in ("ok", "waiting") else "failed"] += 1
            kept.take(record)
        kept.write()
    waits = f", {counts['waiting']:,} {WORDS['waiting']}" if counts["waiting"] else ""
    click.echo(f"{counted(counts.total(), 'run')}, {counts['failed']:,} failed{waits}", err=True)
    if is_opened:
        webbrowser.open(page.resolve().as_uri())
