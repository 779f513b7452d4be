"""``crewgraph watch``: the live page of a kickoff whose trace is being written, by this process or by another one."""

from __future__ import annotations

import time
import webbrowser
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from crewgraph.cli.trouble import Mistake
from crewgraph.graph import Graph
from crewgraph.report import opened_trace
from crewgraph.watch import Watch

__all__ = ["until_interrupted", "watch", "watching"]

INTERVAL = 0.3
"""Seconds between two looks at a file that has not grown."""


@click.command()
@click.argument("trace", type=click.Path(path_type=Path))
@click.option(
    "--port", type=click.IntRange(min=0, max=65535), default=0, help="Where to listen; any free port otherwise."
)
@click.option("--title", help="Stands on the page; the name of the pipeline otherwise.")
@click.option("--open", "is_opened", is_flag=True, help="Open the page in a browser.")
def watch(trace: Path, *, port: int, title: str | None, is_opened: bool) -> None:
    """Serve a live page of runs whose trace is being written to TRACE, until Ctrl-C.

    The page is that of crewgraph report, and follows crewgraph run … --trace TRACE as it goes on. It is served on this
    machine only, to whoever has the address with its token.
    """
    with suppress(KeyboardInterrupt):
        if not trace.exists():
            click.echo(f"waiting for {trace}", err=True)
            while not trace.exists():
                time.sleep(INTERVAL)
        with (
            opened_trace(trace, wait=_wait) as runs,
            watching(runs.graph, port=port, title=title, total=runs.total) as served,
        ):
            if is_opened:
                webbrowser.open(served.url)
            for record in runs.records:
                served.board.take(record)


def _wait() -> bool:
    time.sleep(INTERVAL)
    return True


@contextmanager
def watching(graph: Graph, *, port: int = 0, title: str | None = None, total: int | None = None) -> Generator[Watch]:
    """Serve the page of a kickoff, and tell where."""
    try:
        served = Watch(graph, port=port, title=title, total=total)
    except OSError as error:
        raise Mistake(
            f"port {port} cannot be used: {error.strerror or error}. hint: another --port, or none"
        ) from error
    with served:
        click.echo(f"watch it at {served.url}", err=True)
        yield served


def until_interrupted() -> None:
    """Wait for Ctrl-C."""
    with suppress(KeyboardInterrupt):
        while True:
            time.sleep(60.0)
