"""``crewgraph migrate``, ``worker``, ``submit`` and ``cancel``: runs on many machines, through a database."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import anyio
import click

from crewgraph.cli.choice import key_option, store_given
from crewgraph.cli.code import Allowed
from crewgraph.cli.rows import read_file
from crewgraph.cli.target import load
from crewgraph.cli.trouble import Mistake
from crewgraph.cluster.submit import Submitted, give
from crewgraph.compiler import compile_pipeline
from crewgraph.engine.inputs import complete, rows
from crewgraph.engine.port import Row
from crewgraph.errors.root import counted
from crewgraph.render.escape import clean
from crewgraph.store import opened_source, run_in
from crewgraph.store.postgres import is_address, shown_address
from crewgraph.store.remote import RemoteJournal
from crewgraph.syntax import Pipeline

__all__ = ["cancel", "hand_over", "migrate", "name_of", "submit", "worker"]


def _address(value: str) -> str:
    if not is_address(value):
        raise Mistake(
            f"a cluster has its store in a database, and '{value}' is none. hint: --store postgresql://host/name"
        )
    if find_spec("dbos") is None:
        raise Mistake("a cluster needs the package dbos. hint: pip install 'crewgraph[cluster]'")
    return value


given = partial(store_given, "ADDRESS", text="The database: postgresql://… . Also CREWGRAPH_STORE.", check=_address)
store_option, store_alone = given(), given(is_argument=False)


@click.command()
@store_option
def migrate(*, store: str) -> None:
    """Make the tables of a cluster, or bring them up to date.

    Once for each release, before its workers start; doing it again changes nothing.
    """
    from crewgraph.cluster.submit import migrate as migrated

    migrated(store)
    click.echo(f"{shown_address(store)} is ready", err=True)


@click.command()
@click.argument("targets", nargs=-1, required=True, metavar="TARGET…")
@store_alone
@click.option(
    "--concurrency",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Runs at work at once, of each pipeline.",
)
@click.option(
    "--grace",
    type=click.FloatRange(min=0),
    default=30.0,
    show_default=True,
    help="Seconds for runs at work when it is stopped.",
)
@click.option(
    "--dead-after",
    type=click.FloatRange(min=2),
    default=30.0,
    show_default=True,
    help="Seconds of silence after which another worker is taken for dead.",
)
def worker(targets: Sequence[str], *, store: str, concurrency: int, grace: float, dead_after: float) -> None:
    """Execute runs that were submitted, until it is stopped.

    Start as many as wanted, on as many machines. Ctrl-C and SIGTERM let runs at work end; others continue what is left.
    Schedules of its pipelines are served, too.
    """
    from crewgraph.cluster.worker import Worker
    from crewgraph.schedule.ticker import Ticker

    pipelines = dict[str, Pipeline]()
    for target in targets:
        pipeline = load(target).pipeline
        name = name_of(pipeline, target)
        if name in pipelines:
            raise Mistake(f"two of the pipelines are called '{name}'. hint: give each a name of its own")
        pipelines[name] = pipeline
    made = Worker(store, pipelines, concurrency, dead_after)
    made.start()
    code = Allowed(targets, hint="name a target of it to the worker, too")
    ticker = Ticker(store, made.name, pipelines, code, dead_after=dead_after, told=_say)
    ticker.start()
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    names = ", ".join(f"'{name}'" for name in pipelines)
    click.echo(f"{made.name} takes runs of {names} from {shown_address(store)}", err=True)
    stopped.wait()
    click.echo(f"no more runs are taken; those at work have {grace:g} s", err=True)
    ticker.stop(min(grace, 5.0))
    made.stop(grace)


def _say(told: str) -> None:
    click.echo(f"{time.strftime('%H:%M:%S')}  {clean(told)}", err=True)


@click.command()
@click.argument("target")
@click.argument("file", type=click.Path(path_type=Path))
@store_option
@click.option("--id-column", metavar="KEY", help="The key whose value tells the inputs apart.")
def submit(target: str, file: Path, *, store: str, id_column: str | None) -> None:
    """Give inputs to the workers of a database. It returns at once.

    The same file again submits what has not ended well, and nothing twice.
    """
    pipeline = load(target).pipeline
    plan = compile_pipeline(pipeline)

    def read(journal: RemoteJournal) -> list[Row]:
        every = list(rows(read_file(file).rows, plan, journal.identify))  # type: ignore[arg-type]
        complete(every, plan)
        return every

    hand_over(store, pipeline, name_of(pipeline, target), read, target=target, id_column=id_column)


def hand_over(
    store: str,
    pipeline: Pipeline,
    name: str,
    read: Callable[[RemoteJournal], Iterable[Row]],
    *,
    target: str,
    id_column: str | None = None,
) -> None:
    """Submit runs, wait for none of them, and tell what became of them.

    Args:
        store: the address of the database.
        pipeline: what is to run.
        name: what it is called there.
        read: gives the inputs.
        target: how the pipeline was named, for the hint.
        id_column: the key whose value tells new inputs apart.
    """

    async def submitted() -> tuple[Submitted, bool]:
        opened = RemoteJournal.opened(
            store, compile_pipeline(pipeline), pipeline=name, beside=pipeline.input_model, id_column=id_column
        )
        async with opened as journal:
            return give(journal, read(journal))

    into, is_there = anyio.run(submitted)
    click.echo(
        f"{counted(into.new, 'run')} new, {into.again:,} submitted again, {into.under_way:,} under way, {into.done:,} done"
    )
    if not is_there and into.runs:
        click.echo(f"no worker of '{name}' in this version is there. hint: crewgraph worker {target}", err=True)


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN…")
@store_alone
@key_option
def cancel(runs: Sequence[str], *, store: str, key: str | None) -> None:
    """Cancel runs that have not ended. RUN is an id, or the beginning of one."""
    from crewgraph.cluster.submit import cancel_runs

    with opened_source(store) as source:
        numbers = [run_in(source, run, key).number for run in runs]
    click.echo(f"{counted(cancel_runs(store, numbers), 'run')} cancelled")


def name_of(pipeline: Pipeline, target: str) -> str:
    """By what workers know a pipeline.

    Raises:
        Mistake: it has no name.
    """
    if not pipeline.name:
        raise Mistake(f"workers know a pipeline by its name, and {target} has none. hint: Pipeline([…], name='…')")
    return pipeline.name
