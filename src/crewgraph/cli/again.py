"""``crewgraph resume``, ``retry`` and ``fork``: runs that a store holds go on, and their inputs come from there."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

import click

from crewgraph.cli.choice import store_given
from crewgraph.cli.cluster import hand_over, name_of
from crewgraph.cli.options import Options, pair
from crewgraph.cli.rows import Inputs
from crewgraph.cli.running import execute, policy_in, running_options
from crewgraph.cli.target import Target, load
from crewgraph.cli.trouble import Exit, Mistake
from crewgraph.compiler import Plan
from crewgraph.engine.port import Row
from crewgraph.engine.stored import count_of, left_of, stored_rows
from crewgraph.errors.root import counted
from crewgraph.options import Fork, StoredRuns
from crewgraph.render.escape import clean
from crewgraph.store.left import Left, NodeLeft
from crewgraph.store.postgres import is_address, shown
from crewgraph.store.remote import RemoteJournal

__all__ = ["fork", "resume", "retry"]

C = TypeVar("C", bound=Callable[..., Any])

RESUME = """\b
Examples:
  crewgraph resume inbox.py --store runs.sqlite --out results.jsonl
  crewgraph resume inbox.py T-17 T-18 --store runs.sqlite
  crewgraph resume inbox.py --store runs.sqlite --dry-run
"""
RETRY = """\b
Examples:
  crewgraph retry inbox.py --store runs.sqlite --out results.jsonl
  crewgraph retry inbox.py T-17 --store runs.sqlite --retries 5
"""
FORK = """\b
Examples:
  crewgraph fork inbox.py T-17 --from answer --store runs.sqlite
  crewgraph fork inbox.py T-17 --from answer --input tone=friendly --input count:=3 --store runs.sqlite
"""


WHERE = "Where the runs are. Also CREWGRAPH_STORE."


def onward_options(command: C) -> C:
    """Give a command the options of whatever goes on with runs."""
    for option in (
        running_options,
        click.option("--dry-run", is_flag=True, help="Only show what would be read and what would run."),
        click.option(
            "--detach", is_flag=True, help="With a database: give the runs to its workers, and wait for none of them."
        ),
    ):
        command = option(command)
    return command


@click.command(epilog=RESUME)
@click.argument("target")
@click.argument("runs", metavar="[RUN]...", nargs=-1)
@onward_options
@store_given(text=WHERE, is_argument=False)
def resume(runs: tuple[str, ...], **options: Any) -> None:
    """Go on with runs that have not ended. They were killed, cancelled or stopped by a budget, or wait for what is decided by now.

    RUN is the id of a run or the beginning of one; without any, all that have not ended go on. Results and exit codes
    are those of run, for these runs only.
    """
    _go_on(StoredRuns("unfinished", runs or None), **options)


@click.command(epilog=RETRY)
@click.argument("target")
@click.argument("runs", metavar="[RUN]...", nargs=-1)
@onward_options
@store_given(text=WHERE, is_argument=False)
def retry(runs: tuple[str, ...], **options: Any) -> None:
    """Try runs that failed once more. What failed runs again, and everything that is kept is read.

    RUN is the id of a run or the beginning of one; without any, all that failed are tried again. Results and exit codes
    are those of run, for these runs only.
    """
    _go_on(StoredRuns("failed", runs or None), **options)


@click.command(epilog=FORK)
@click.argument("target")
@click.argument("run")
@click.option(
    "--from", "at", metavar="NODE", help="The node from which on everything runs anew; else what does not fit."
)
@click.option(
    "--input",
    "given",
    multiple=True,
    metavar="KEY=TEXT",
    help="Another value in the new run; KEY:=JSON for other than text.",
)
@click.option("--id", "own", metavar="NEW", help="The id of the new run; else RUN~1, RUN~2 and so on.")
@onward_options
@store_given(text=WHERE)
def fork(run: str, *, at: str | None, given: tuple[str, ...], own: str | None, **options: Any) -> None:
    """Make a new run of an old one, with other inputs or after an edit. RUN stays as it is.

    What lies above NODE keeps what it gave, whatever has changed since; NODE and what lies below it run anew. Results and
    exit codes are those of run.
    """
    _go_on(Fork(run, at, dict(map(pair, given)), own), **options)


def _go_on(chosen: StoredRuns | Fork, *, dry_run: bool, detach: bool, **options: Any) -> None:
    """Run, or show what would run."""
    said = Options(**options)
    if detach and not dry_run:
        _hand_over(said, chosen)
        return
    if not dry_run:
        execute(said, partial(_inputs, said, chosen))
    target = load(said.target, names=said.names)
    for line in _told(left_of(target.pipeline, said.store or "", chosen, key=said.key), chosen):
        click.echo(line)


def _hand_over(options: Options, chosen: StoredRuns | Fork) -> None:
    """Give the runs to the workers of a cluster."""
    store = options.store or ""
    if not is_address(store):
        raise Mistake("the runs in a file have no workers that would go on with them. hint: leave --detach out")
    if options.budget or options.input_budget or policy_in(options) is not None:
        raise Mistake("budgets and the policy of a call end with it. hint: Crew(budget=…), Pipeline(…, policy=…)")
    target = load(options.target, names=options.names)
    name, troubles = options.key or name_of(target.pipeline, options.target), list[Exception]()

    def read(journal: RemoteJournal) -> Iterator[Row]:
        for row in stored_rows(chosen, journal, journal.plan):
            if row.error is None:
                yield row
            else:
                troubles.append(row.error)

    hand_over(store, target.pipeline, name, read, target=options.target)
    for error in troubles:
        click.echo(str(error), err=True)
    if troubles:
        sys.exit(Exit.FAILED)


def _inputs(
    options: Options, chosen: StoredRuns | Fork, target: Target, _plan: Plan, _files: contextlib.ExitStack
) -> Inputs:
    total = count_of(target.pipeline, options.store or "", chosen, key=options.key)
    return Inputs(f"runs in {shown(options.store or '')}", chosen, total)


def _told(left: Left, chosen: StoredRuns | Fork) -> Iterator[str]:
    """What runs have left to do, as lines."""
    if not left.runs:
        yield "nothing is left to do"
        return
    verbs = {"unfinished": ("goes on", "go on"), "failed": ("is tried again", "are tried again")}
    verb = ("is forked", "") if isinstance(chosen, Fork) else verbs[chosen.which]
    yield f"{counted(left.runs, 'run')} {verb[left.runs != 1]}"
    width = max(len(clean(name)) for name in left.nodes)
    for name, node in left.nodes.items():
        yield f"  {clean(name).ljust(width)}  {_of_node(node)}"


def _of_node(node: NodeLeft) -> str:
    parts = [
        f"is read in {node.read:,}" if node.read else "",
        f"runs in {node.runs:,}" if node.runs else "",
        f"may run in {node.may_run:,}" if node.may_run else "",
    ]
    return ", ".join(filter(None, parts)) or "does not run"
