"""``crewgraph waiting``, ``approve`` and ``reject``: what runs ask people, and what these decide."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import click

from crewgraph.cli.choice import store_given, store_option
from crewgraph.cli.onward import asked, deciding, onward, onward_all
from crewgraph.cli.options import pair
from crewgraph.render.escape import clean
from crewgraph.store import WaitingRun, decide
from crewgraph.store import waiting as waiting_in

__all__ = ["approve", "reject", "waiting"]


@click.command()
@store_option
@click.option("--json", "is_json", is_flag=True, help="Print a JSON object for each, with whole values.")
def waiting(store: str, *, is_json: bool) -> None:
    """Show what approvals in STORE ask, the oldest question first.

    Also those that were decided and have not gone on since.
    """
    found = waiting_in(store)
    for each in found:
        if is_json:
            click.echo(json.dumps(_record(each), ensure_ascii=False))
        else:
            click.echo("\n".join(_lines(each)))
    if is_json:
        return
    if not found:
        click.echo("nothing waits for a person")
    for told in filter(None, (deciding(store, found), onward_all(store, found))):
        click.echo(told)


def _lines(each: WaitingRun) -> Iterator[str]:
    first, *rest = asked(each)
    yield f"run {click.style(clean(each.run), bold=True)} of '{clean(each.pipeline)}': {first}"
    yield from rest


def _record(each: WaitingRun) -> dict[str, Any]:
    question, said = each.question, each.decision
    return {
        "pipeline": each.pipeline,
        "run": each.run,
        "node": question.node,
        "ask": question.ask,
        "since": question.since.isoformat(),
        "until": None if question.until is None else question.until.isoformat(),
        "values": question.values,
        "edits": question.edits,
        "decision": None if said is None else said.decision,
        "is_late": each.is_late,
    }


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that both decisions have."""
    options = [
        click.argument("run"),
        store_given(text="Where the run waits. Also CREWGRAPH_STORE."),
        click.option("--node", metavar="NAME", help="Which approval, where several of the run wait."),
        click.option("--comment", default="", metavar="TEXT", help="What is to be said with it."),
        click.option("--by", default="", metavar="TEXT", help="Who decides."),
        click.option("--key", metavar="NAME", help="Which pipeline, where several in the store have such a run."),
        click.option(
            "--set", "changed", multiple=True, metavar="KEY=TEXT", help="Change a value; KEY:=JSON for other than text."
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@_options
def approve(run: str, **options: Any) -> None:
    """Approve what RUN waits for. RUN is the id of a run as `crewgraph waiting` shows it, or a beginning of it.

    It works while others write to the store. In a database a worker goes on at once; for a file it is told which command
    goes on, and the line that ran it does so too.
    """
    _decide(run, "approved", **options)


@click.command()
@_options
def reject(run: str, **options: Any) -> None:
    """Reject what RUN waits for. RUN is the id of a run as `crewgraph waiting` shows it, or a beginning of it.

    It works while others write to the store. In a database a worker goes on at once; for a file it is told which command
    goes on, and the line that ran it does so too.
    """
    _decide(run, "rejected", **options)


def _decide(
    run: str, decision: Literal["approved", "rejected"], *, store: str, changed: Sequence[str], **options: Any
) -> None:
    values = dict(pair(each, option="--set") for each in changed)
    told = decide(store, run, decision, values=values, **options)
    lines = "\n".join(onward(store, told))
    click.echo(f"{decision}: {clean(told.question.node)} of run {clean(told.run)}; {lines}")
