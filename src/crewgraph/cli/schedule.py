"""``crewgraph schedule``: what runs at which time, and the process that runs it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Collection, Generator, Sequence
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import anyio
import click
from pydantic import ValidationError

from crewgraph.cli.choice import Choice, store_given, store_option
from crewgraph.cli.code import Allowed, Code, place_of
from crewgraph.cli.limits import budget_of
from crewgraph.cli.options import pair
from crewgraph.cli.timetable import list_, no_worker, show, when
from crewgraph.cli.trouble import Exit, Mistake, leave
from crewgraph.compiler import compile_pipeline
from crewgraph.engine.inputs import complete, rows
from crewgraph.errors.root import counted
from crewgraph.render.escape import clean
from crewgraph.schedule import Schedule, Schedules, Tick
from crewgraph.store.postgres import is_address

__all__ = ["schedule"]


store_alone = store_given(is_argument=False)


@click.group()
def schedule() -> None:
    """Run pipelines at given times, each time once.

    Schedules stand in a store. crewgraph schedule serve runs what is due; the runs and what their nodes gave are in the
    same store, so that a tick that was cut off goes on, and none runs twice. Where the store is a database its workers do.
    """


schedule.add_command(list_)
schedule.add_command(show)


@schedule.command()
@click.argument("name")
@click.argument("target")
@click.option("--cron", required=True, metavar="LINE", help="Five fields, as in '30 7 * * mon-fri', or @daily.")
@click.option("--timezone", default="UTC", metavar="ZONE", help="By whose clock, as in Europe/Berlin; UTC otherwise.")
@click.option("--inputs", metavar="FILE", help="A file of inputs, read anew each time: .jsonl .json .csv.")
@click.option("--input", "given", multiple=True, metavar="KEY=VALUE", help="A value of the one input; KEY:=JSON too.")
@click.option("--callable", "function", metavar="MODULE:FUNCTION", help="A function that gives the inputs each time.")
@click.option(
    "--catch-up",
    type=Choice(["none", "last", "all"]),
    default="last",
    show_default=True,
    help="What becomes of times that passed while nobody served.",
)
@click.option("--grace", type=float, default=60.0, show_default=True, help="Seconds by which a time is only late.")
@click.option(
    "--overlap",
    type=Choice(["queue", "skip"]),
    default="queue",
    show_default=True,
    help="What becomes of times that come while an earlier one is at work.",
)
@click.option("--id-column", metavar="KEY", help="The key whose value tells the inputs apart.")
@click.option(
    "--on-error",
    type=Choice(["collect", "fail_fast"]),
    default="collect",
    show_default=True,
    help="Whether the other runs go on when one has failed.",
)
@click.option("--budget", "limits", multiple=True, metavar="KEY=N", help="What one time may take, as for run.")
@click.option("--max-concurrency", type=click.IntRange(min=1), default=100, show_default=True)
@store_option
def add(
    name: str,
    target: str,
    *,
    store: str,
    given: Sequence[str],
    function: str | None,
    limits: Sequence[str],
    **said: Any,
) -> None:
    """Add the schedule NAME, which runs TARGET."""
    said["budget"] = budget_of(limits, "--budget")
    try:
        made = Schedule(
            name=name, target=target, callable=function, rows=[dict(map(pair, given))] if given else None, **said
        )
    except ValidationError as error:
        found = error.errors(include_url=False)[0]
        place = ".".join(map(str, found["loc"]))
        raise Mistake(f"{place + ': ' if place else ''}{found['msg'].removeprefix('Value error, ')}") from error
    schedules, is_remote = Schedules(store), is_address(store)
    made = _checked(made, is_remote=is_remote)
    first = schedules.add(made)
    click.echo(f"{name} runs {target}, next {when(first, made.timezone)}")
    if is_remote and not schedules.state(name).workers:
        click.echo(no_worker(made), err=True)
    elif not is_remote and schedules.server is None:
        click.echo(f"nobody serves it yet: crewgraph schedule serve {target} --store {store}")


def _checked(made: Schedule, *, is_remote: bool) -> Schedule:
    """Find now what would fail at night: code that is not there, a pipeline that is wrong, inputs that lack keys."""
    code = Code()
    pipeline = code.pipeline(made.target)
    plan = compile_pipeline(pipeline)
    if is_remote and not pipeline.name:
        raise Mistake(f"workers know a pipeline by its name, and {made.target} has none. hint: Pipeline([…], name='…')")
    made = made.model_copy(update={"pipeline": pipeline.name or None})
    if made.callable is not None:
        code.function(made.callable)
        if is_remote and place_of(made.callable) != place_of(made.target):
            told = f"workers call {made.callable} only where a target of {place_of(made.callable)} was named to them"
            click.echo(clean(told), err=True)
        return made
    if is_remote and made.inputs is not None and not Path(made.inputs).exists():
        click.echo(f"{clean(made.inputs)} is not here; it is read where a worker runs", err=True)
        return made
    given = made.rows if made.rows is not None else code.rows(Path(made.inputs or ""))
    complete(list(rows(given, plan)), plan)
    return made


@schedule.command()
@click.argument("name")
@store_option
def pause(name: str, store: str) -> None:
    """Let the schedule NAME rest."""
    Schedules(store, is_made=False).pause(name)


@schedule.command(name="continue")
@click.argument("name")
@store_option
def continue_(name: str, store: str) -> None:
    """Let the schedule NAME go on. What it missed does not run."""
    Schedules(store, is_made=False).go_on(name)


@schedule.command()
@click.argument("name")
@store_option
def remove(name: str, store: str) -> None:
    """Take the schedule NAME away. What it ran stays in the store."""
    Schedules(store, is_made=False).remove(name)


@schedule.command(name="run-now")
@click.argument("name")
@click.argument("target", required=False)
@click.option("--all", "is_all", is_flag=True, help="Run what the store names: it is yours, and nobody else writes it.")
@store_alone
def run_now(name: str, target: str | None, store: str, *, is_all: bool) -> None:
    """Run the schedule NAME now, here or by whoever serves it.

    The workers of a database run its schedules. A store is a file, and what it names is imported; so where it runs here TARGET is named again, or --all trusts the file.
    """
    targets = None if is_all else [target] if target else []
    schedules = Schedules(store, is_made=False)
    done = anyio.run(partial(schedules.run_now, name, Allowed(targets), targets=targets))
    if done is None and is_address(store):
        state = schedules.state(name)
        click.echo("a worker runs it" if state.workers else "it waits for a worker")
        if state.schedule is not None and not state.workers:
            click.echo(no_worker(state.schedule), err=True)
    elif done is None:
        click.echo("the process that serves it runs it")
    if done is None:
        return
    _say(done)
    sys.exit(Exit.OK if done.status == "ok" else Exit.FAILED)


@schedule.command()
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@click.option(
    "--all", "is_all", is_flag=True, help="Run whatever the store names: it is yours, and nobody else writes it."
)
@store_alone
def serve(targets: Sequence[str], store: str, *, is_all: bool) -> None:
    """Run what is due, until Ctrl-C. It serves the schedules of the TARGETs that are named here.

    A store is a file, and what it names is imported; so the targets are named again, or --all trusts the file. The first
    Ctrl-C waits for the tick at work, the second one cuts it off; the next serve goes on with it.
    """
    if is_address(store):
        hint = f"crewgraph worker {' '.join(map(clean, targets)) or 'TARGET…'}"
        raise Mistake(f"the workers of a database serve its schedules. hint: {hint}")
    schedules = Schedules(store, is_made=False)
    named = {state.schedule.target for state in schedules.list() if state.schedule is not None}
    if not is_all and not targets:
        there = " ".join(sorted(named)) or "TARGET"
        raise Mistake(
            f"name the targets that may run, or --all. hint: crewgraph schedule serve {there} --store {store}"
        )
    for target in sorted(set(targets) - named):
        click.echo(f"no schedule runs {clean(target)} yet", err=True)
    code = Allowed(None if is_all else targets)
    anyio.run(_served, schedules, code, None if is_all else targets)


async def _served(schedules: Schedules, code: Code, targets: Collection[str] | None) -> None:
    stop = anyio.Event()
    with _stopped_by_signals(stop):
        await schedules.serve(code, targets=targets, told=_say, stop=stop)


@contextlib.contextmanager
def _stopped_by_signals(stop: anyio.Event) -> Generator[None]:
    """Let the first Ctrl-C or SIGTERM end it after the tick at work, and the second one at once."""
    loop, is_asked = asyncio.get_running_loop(), False

    def stopping() -> None:
        click.echo("stopping; what is at work is finished first", err=True)
        stop.set()

    def end(_number: int, _frame: FrameType | None) -> None:
        nonlocal is_asked
        if is_asked:
            leave(Exit.INTERRUPTED)
        is_asked = True
        loop.call_soon_threadsafe(stopping)  # not here: what was interrupted may be writing a line itself

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(said: str | Tick) -> None:
    stamp = time.strftime("%H:%M:%S")
    if isinstance(said, str):
        click.echo(f"{stamp}  {clean(said)}", err=True)
        return
    told = f"{counted(said.runs, 'run')} {said.status}" if said.error is None else said.error
    told += f", {said.waiting:,} of them waiting for a person" if said.waiting else ""
    color = "green" if said.status == "ok" else "red"
    click.echo(f"{stamp}  {clean(said.schedule)}: {click.style(clean(told), fg=color)}", err=True)
