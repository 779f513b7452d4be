"""``crewgraph watch``: the live page of a kickoff that goes on, read from its store or its trace."""

from __future__ import annotations

import time
import webbrowser
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from crewgraph.cli.choice import key_option, store_given
from crewgraph.cli.trouble import Mistake
from crewgraph.graph import Graph
from crewgraph.report import Follower, opened_trace
from crewgraph.store import is_store
from crewgraph.store.postgres import shown
from crewgraph.watch import Watch

__all__ = ["until_interrupted", "watch", "watching"]

INTERVAL = 0.3
"""Seconds between two looks at a file that has not grown."""
REST = 4.0
"""How much longer than a look at a store is the time until the next one."""
MAX_UNDER_WAY = 100
"""Runs under way that are looked at."""


@click.command()
@store_given("SOURCE", text="Another way to name SOURCE. Also CREWGRAPH_STORE.")
@click.option(
    "--port", type=click.IntRange(min=0, max=65535), default=0, help="Where to listen; any free port otherwise."
)
@click.option("--title", help="Stands on the page; the name of the pipeline otherwise.")
@key_option
@click.option("--open", "is_opened", is_flag=True, help="Open the page in a browser.")
def watch(*, store: str, port: int, title: str | None, key: str | None, is_opened: bool) -> None:
    """Serve a live page of the runs in SOURCE, until Ctrl-C.

    SOURCE is a store, or the trace that crewgraph run … --trace FILE writes; where it is not there yet it is waited for.
    The page is that of crewgraph report. It is served on this machine only, to whoever has the address with its token.
    """
    source = store
    with suppress(KeyboardInterrupt):
        if "://" not in source and not _is_begun(source):
            click.echo(f"waiting for {source}", err=True)
            while not _is_begun(source):
                time.sleep(INTERVAL)
        if is_store(source):
            _watch_store(source, key, port=port, title=title, is_opened=is_opened)
        else:
            _watch_trace(Path(source), port=port, title=title, is_opened=is_opened)


def _is_begun(source: str) -> bool:
    """Whether enough is there to tell what it is."""
    return Path(source).exists() and Path(source).stat().st_size > 0


def _watch_trace(trace: Path, *, port: int, title: str | None, is_opened: bool) -> None:
    with (
        opened_trace(trace, wait=_wait) as runs,
        watching(runs.graph, port=port, title=title, total=runs.total) as served,
    ):
        if is_opened:
            webbrowser.open(served.url)
        for record in runs.records:
            served.board.take(record)


def _watch_store(where: str, key: str | None, *, port: int, title: str | None, is_opened: bool) -> None:
    """Look at a store again and again. A look at a large one takes its time, and there is rest after it."""
    follower = Follower(where, key)
    if (found := follower.graph()) is None:
        click.echo(f"waiting for the first run in {shown(where)}", err=True)
    while found is None:
        time.sleep(INTERVAL)
        found = follower.graph()
    graph, total = found
    with watching(graph, port=port, title=title, total=total) as served:
        if is_opened:
            webbrowser.open(served.url)
        while True:
            began = time.monotonic()
            total = follower.news(served.board)
            served.board.look(follower.under_way(MAX_UNDER_WAY), total)
            time.sleep(max(INTERVAL, REST * (time.monotonic() - began)))


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
